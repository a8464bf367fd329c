# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A guest with mediated devices that QEMU migrates. Sourced by guest-test, which has the
# helpers of guests, and by libvirt.sh for its devices.
# shellcheck disable=SC2154

# new_cards: creates the devices of a guest that migrates; their UUIDs are in the array
# cards
new_cards()
{
	local type
	cards=()
	for type in $mtty/mtty-2 $mvga/mvga-16 $mdma/mdma-4; do
		new_device "$type"
		cards+=("$UUID")
	done
}

# start_cards OPTION...: the command that starts QEMU with these devices
start_cards()
{
	echo "$qemu -device vfio-pci,sysfsdev=$devices/${cards[0]} \
		-device vfio-pci,sysfsdev=$devices/${cards[1]},display=on \
		-device vfio-pci,sysfsdev=$devices/${cards[2]} \
		-monitor pipe:monitor $* <>guest.in >>guest.out 2>qemu.err &"
}

# scratch_register [VALUE]: what the serial card's has, or is to have; no driver uses it
scratch_register()
{
	if (($#)); then
		monitor "o /b $((serial_port + 7)) $1"
		return
	fi
	monitor "i /b $((serial_port + 7))"
	sed -n 's/^portb.* = \(0x[0-9a-f]*\)\r*$/\1/p' <<<"$REPLY"
}

# echoes TEXT: the serial card, in the mode that its port was opened in
echoes()
{
	[[ $(guest_run "echo '$1' >&3; read -t 60 answer <&3; echo \$answer") == "$1" ]]
}

# use_cards: the guest has state in each of its devices, and copies all the time
use_cards()
{
	local tty
	check_serial
	check_engine
	tty=$(guest_result tty)
	serial_port=$(guest_run "cut -d ' ' -f 1 /sys/bus/pci/devices/$(guest_result card)/resource" |
		head -n 1)
	ktap_test serial_open guest_run "exec 3<>/dev/$tty && stty raw -echo <&3"
	ktap_test serial_echo_open echoes "before all migrations"
	scratch_register 0x5a
	ktap_test engine_begins guest_run \
		"$directory; while echo 1 >verify && sleep 0.2; do echo >>/rounds; done & copying=\$!"
	display=${cards[1]}
	ktap_test picture_1024x768 same_mode_and_picture 1024x768
}

guest_is_running()
{
	monitor "info status" && [[ $REPLY == *"status: running"* ]]
}

# engine_goes_on: the loop that use_cards has begun does
engine_goes_on()
{
	guest_run "before=\$(wc -l </rounds); sleep 3; test \$(wc -l </rounds) -gt \$before"
}

# shows SIZE: the display still shows the test card
shows()
{
	guest_picture moved.ppm ppm && is_test_card "$1" moved.ppm &&
		[[ $(<"$devices/$display/mode") == "$1" ]]
}

# check_moved NAME SIZE: the devices have the state that they had before a migration,
# and work
check_moved()
{
	display=${cards[1]}
	ktap_test "$1_runs" guest_is_running
	ktap_test "$1_scratch" test "$(scratch_register)" = 0x5a
	ktap_test "$1_serial_echo" echoes "after $1"
	ktap_test "$1_picture" shows "$2"
	ktap_test "$1_engine_copies" engine_goes_on
	ktap_test "$1_no_complaint" guest_is_content
}

# migrates NAME FOLDER OPTION...: the guest migrates to a QEMU with these options and
# the devices whose UUIDs are in cards
migrates()
{
	local name=$1 folder=$2 status
	shift 2
	migrate_guest "$folder" "$(start_cards -incoming unix:incoming "$@")" >"$folder/log"
	status=$?
	sed 's/^/# /' "$folder/log" /run/guest/qemu.err "$folder/qemu.err"
	ktap_result $status "$name"
}

# There with QEMU's defaults, and back to devices that were used before, this time so
# that the source stops only when the destination has accepted what can be checked.
test_migrate()
{
	local cards here there serial_port display folder=/run/guest
	local directory="cd /sys/bus/pci/drivers/mdma_guest/0*"
	local ack=(-global migration.x-return-path=on -global migration.x-switchover-ack=on)

	ktap_plan 44 migrate
	new_cards
	there=("${cards[@]}")
	new_cards
	here=("${cards[@]}")
	make_folder $folder/there
	make_folder $folder/back

	boot_guest "$(start_cards)"
	ktap_result $? boot
	use_cards

	cards=("${there[@]}")
	migrates default_options $folder/there
	check_moved migrated 1024x768
	ktap_test migrated_new_picture same_mode_and_picture 800x600

	cards=("${here[@]}")
	monitor "migrate_set_capability return-path on"
	monitor "migrate_set_capability switchover-ack on"
	migrates switchover_ack $folder/back "${ack[@]}"
	check_moved returned 800x600

	ktap_test engine_ends guest_run "kill \$copying; ! wait \$copying"
	ktap_test engine_copies_at_last test "$(guest_run "$directory; echo 3 >verify; cat verify")" = \
		"verified 96 copies"
	end_guest
	ktap_result $? guest_powered_off
	for UUID in "${here[@]}" "${there[@]}"; do
		ktap_test remove eval "echo 1 >$devices/$UUID/remove && test ! -e $devices/$UUID"
	done
}
