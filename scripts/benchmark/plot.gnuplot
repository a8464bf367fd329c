# SPDX-License-Identifier: GPL-2.0-only
#
# Draws what "report" has left in the current folder, in plot.svg.

set terminal svg size 1000,1000 font "sans-serif,13" background "white"
set output "plot.svg"
set datafile separator "\t"
set style line 1 lc rgb "#1f77b4" lw 2 pt 7 ps 0.6
set style line 2 lc rgb "#ff7f0e" lw 2 pt 5 ps 0.6
set style line 3 lc rgb "#1f77b4" lw 2 dt 2 pt 6 ps 0.6
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set key left top Left reverse samplen 2
set multiplot

set xrange [0:21000]
set yrange [0:*]
set xtics 10000
set xlabel "devices present"
set size 1 / 3.0, 1 / 3.0
do for [i = 1:3] {
	what = word("create open remove", i)
	do for [unit = 0:1] {
		set origin (i - 1) / 3.0, (2 - unit) / 3.0
		set title what
		set ylabel (unit ? "thousands of instructions" : "microseconds")
		plot what.".tsv" using 1:(column(2 + 3 * unit)) with linespoints ls 1 title "project", \
		     "" using 1:(column(3 + 3 * unit)) with linespoints ls 2 title "mainline", \
		     "" using 1:(column(4 + 3 * unit)) with linespoints ls 3 title "project, bare"
	}
}

set origin 0, 0
set size 1, 1 / 3.0
set xrange [*:*]
set title "region accesses"
set xlabel ""
set ylabel "instructions"
set xtics autofreq rotate by -25
set style data histogram
set style histogram clustered gap 1
set style fill solid border -1
plot "access.tsv" using 2:xtic(1) ls 1 lw 0 title "project", \
     "" using 3 ls 2 lw 0 title "mainline"
unset multiplot
