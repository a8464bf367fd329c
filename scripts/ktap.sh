# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Writing test results as KTAP. Sourced.

ktap_number=0

# ktap_plan COUNT [NAME]: the header; of the subtests of NAME if given
ktap_plan()
{
	echo "KTAP version 1"
	[[ -z ${2:-} ]] || echo "# Subtest: $2"
	echo "1..$1"
	ktap_number=0
}

# ktap_result STATUS NAME: one test's result: 0 passed, 4 skipped, else failed
ktap_result()
{
	ktap_number=$((ktap_number + 1))
	case $1 in
	0) echo "ok $ktap_number $2" ;;
	4) echo "ok $ktap_number $2 # SKIP" ;;
	*) echo "not ok $ktap_number $2" ;;
	esac
}

# ktap_test NAME COMMAND...: runs it; what it printed is shown when it fails
ktap_test()
{
	local ktap_name=$1 ktap_status=0 ktap_output
	shift
	ktap_output=$("$@" 2>&1 </dev/null) || ktap_status=$?
	if [[ $ktap_status -ne 0 && -n $ktap_output ]]; then
		head -n 100 <<<"$ktap_output" | sed 's/^/# /'
	fi
	ktap_result "$ktap_status" "$ktap_name"
}

# ktap_add COUNT: what comes in, its plan with more tests than the command has
ktap_add()
{
	local line
	while IFS= read -r line; do
		if [[ $line =~ ^1\.\.([0-9]+)$ ]]; then
			echo "1..$((BASH_REMATCH[1] + $1))"
			exec cat
		fi
		echo "$line"
	done
}

# ktap_added COUNT FILE: the next tests are those that ktap_add has added to the plan in
# FILE, or all of a new plan if there is none
ktap_added()
{
	local planned
	planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$2" | head -n 1)
	[[ -n $planned ]] || {
		ktap_plan "$1"
		planned=$1
	}
	ktap_number=$((planned - $1))
}

# ktap_subtests NAME COMMAND...: runs a COMMAND that prints KTAP or TAP of its own, and
# shows that as the subtests of NAME; fails as it does
ktap_subtests()
{
	local ktap_name=$1 status
	shift
	"$@" 2>&1 |
		sed -u -e "s/^TAP version 1[34]\$/KTAP version 1\n# Subtest: $ktap_name/" |
		sed -u -e 's/^/  /'
	status=${PIPESTATUS[0]}
	return "$status"
}
