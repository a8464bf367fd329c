# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A guest inside the VM, for the demonstration and the guest test. Sourced by
# them; works in a folder of its own.

in_guest=$(cd "$(dirname "${BASH_SOURCE[0]}")/../in-guest" && pwd)

# copy_program NAME: into the guest's initramfs, with its libraries
copy_program()
{
	local program library
	program=$(command -v "$1") || return
	install -D "$program" "initramfs/bin/$1"
	ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
		install -D "$library" "initramfs$library"
	done
}

# make_guest: a folder with the guest's kernel and initramfs, with what there is
# in /run/vm/files for it, and pipes to its console and to QEMU's monitor
make_guest()
{
	mkdir -p /run/guest
	cd /run/guest || exit 1
	mkdir -p initramfs/{bin,dev,proc,sys}
	cp "$(command -v busybox)" initramfs/bin/busybox
	for applet in $(busybox --list); do
		[[ $applet == busybox ]] || ln -s busybox "initramfs/bin/$applet"
	done
	copy_program lspci
	install "$in_guest/serial" /run/vm/files/{testcard,*.ko} initramfs/bin/ 2>/dev/null
	install "$in_guest/init" initramfs/init
	(cd initramfs && find . | cpio --quiet -o -H newc) >guest.cpio
	rm -rf initramfs
	# Its own kernel, or the one around it
	cp /run/vm/files/bzImage . 2>/dev/null || cp /run/vm/kernel/bzImage .
	mkfifo guest.in monitor.in monitor.out
}

# make_folder FOLDER: for another QEMU with that guest, which is then in a folder of
# its own
make_folder()
{
	mkdir "$1"
	ln bzImage guest.cpio "$1/"
	mkfifo "$1"/{guest.in,monitor.in,monitor.out}
}

# share_card FOLDER UUID ROUNDS: boots a guest with that device of medu in a FOLDER of
# make_folder, and has its driver verify so many rounds; prints what the driver reports.
# In a subshell, beside another one.
share_card()
{
	local directory="cd /sys/bus/pci/drivers/medu_guest/0*"
	export UUID=$2
	cd "$1" || return
	boot_guest "$start_guest"
	guest_run "insmod /bin/medu_guest.ko" >/dev/null || return
	: >ready
	wait_for 300 test -e ../go
	guest_run "$directory; echo $3 >verify; cat verify"
	end_guest
}

# wait_for SECONDS COMMAND...: until the command succeeds, or fails after that long
wait_for()
{
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.2
	done
}

# boot_guest COMMAND: starts QEMU with a COMMAND in the background, and waits until
# the guest listens
boot_guest()
{
	: >guest.out
	eval "$1"
	guest=$!
	exec 4<>guest.in
	if [[ $1 == *monitor* ]]; then
		exec 5<>monitor.out
		monitor_answer
	fi
	if ! wait_for 600 eval "grep -aq '^done: 0 ' guest.out || ! guest_runs"; then
		kill "$guest"
		wait "$guest"
	fi
	guest_runs
}

guest_runs()
{
	kill -0 "$guest" 2>/dev/null
}

# guest_run COMMAND: a line, in the guest; output and exit status are the command's
guest_run()
{
	local number status
	number=$(grep -ac '^done: ' guest.out)
	echo "$1" >&4
	# The line can be read before all of it was written; it ends with CR LF.
	wait_for 300 eval "grep -aq '^done: $number [0-9]*[[:cntrl:]]$' guest.out || ! guest_runs"
	tr -d '\r' <guest.out | sed -n "/^done: $((number - 1)) /,/^done: $number /p" | sed '1d;$d'
	status=$(tr -d '\r' <guest.out | sed -n "s/^done: $number //p")
	return "${status:-255}"
}

# guest_result NAME: one value of what a script in the guest has found
guest_result()
{
	tr -d '\r' <guest.out | sed -n "s/^result:.* $1=\([^ ]*\).*/\1/p"
}

# monitor_answer: waits until QEMU's monitor prompts; what came before is in $REPLY
monitor_answer()
{
	local answer=''
	until [[ $answer == *"(qemu)" ]]; do
		read -r -t 300 -d ')' -u 5 || return
		answer+="$REPLY)"
	done
	REPLY=$answer
}

# monitor COMMAND: one of QEMU's monitor; its output is in $REPLY
monitor()
{
	guest_runs || return
	echo "$1" >monitor.in
	monitor_answer
}

# monitor_lines: what QEMU's monitor has answered, without the echo and the prompt
monitor_lines()
{
	tr -d '\r' <<<"$REPLY" | sed '1d;$d'
}

# guest_picture FILE FORMAT: what the guest shows; the format is png or ppm
guest_picture()
{
	rm -f "$1"
	monitor "screendump $1 -f $2"
}

# migration_ended: whether a migration of the guest is over, one way or another
migration_ended()
{
	! monitor "info migrate" || [[ $REPLY =~ status:\ (completed|failed|cancelled) ]]
}

# migrate_guest FOLDER COMMAND: starts QEMU with a COMMAND in the background in a FOLDER
# of make_folder, and migrates the guest there, by the socket of that folder or by $socket.
# Prints what QEMU reports of that. Then the first QEMU is ended, and all functions here
# are about the second one.
migrate_guest()
{
	local folder=$PWD destination

	cp guest.out "$1/"
	cd "$1" || return
	eval "$2"
	destination=$!
	cd "$folder" || return
	wait_for 120 eval "test -S $1/incoming || ! kill -0 $destination"
	monitor "migrate -d unix:${socket:-$1/incoming}"
	monitor_lines
	wait_for 900 migration_ended
	monitor_lines
	if [[ $REPLY != *"status: completed"* ]]; then
		kill $destination
		wait $destination
		return 1
	fi

	# There is no answer.
	echo quit >monitor.in
	wait "$guest"
	guest=$destination
	cd "$1" || return
	exec 4<>guest.in 5<>monitor.out
	monitor_answer && guest_runs
}

# end_guest: switches the guest off; fails unless QEMU ends well
end_guest()
{
	echo "poweroff -f" >&4
	exec 4>&-
	wait_for 60 eval "! guest_runs" || kill "$guest"
	wait "$guest"
}

# How guests are started; the demonstration shows it as it stands.
# shellcheck disable=SC2016
qemu='qemu-system-x86_64 -machine q35 -cpu max -m 256 -nodefaults -display none \
    -kernel bzImage -initrd guest.cpio -append "console=ttyS0 quiet no_timer_check" -serial stdio'
# shellcheck disable=SC2016
card='-device vfio-pci,sysfsdev=/sys/bus/mdev/devices/$UUID'
# shellcheck disable=SC2034
start_guest="$qemu \\
    $card <guest.in >guest.out &"
