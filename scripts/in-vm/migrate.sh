# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A guest with mediated devices that QEMU migrates. Sourced by guest-test, which has the
# helpers of guests, and by libvirt.sh for its devices.
# shellcheck disable=SC2154

# Switchover-ack: a destination that is not compatible fails before the source stops.
ack=(-global migration.x-return-path=on -global migration.x-switchover-ack=on)

# new_cards [TYPE...]: creates the devices of a guest that migrates, of these types or of
# each sample's; their UUIDs are in the array cards
new_cards()
{
	local type edu=(/sys/bus/pci/drivers/medu/0*/mdev_supported_types/medu-card)
	(($#)) || set -- "$mtty/mtty-2" "$mvga/mvga-16" "$mdma/mdma-4" "${edu[0]}"
	cards=()
	for type; do
		new_device "$type"
		cards+=("$UUID")
	done
}

# start_cards OPTION...: the command that starts QEMU with these devices. With
# $backend ",iommufd=iommufd0", they are opened by their own files.
start_cards()
{
	local uuid number=0
	echo -n "$qemu ${backend:+-object iommufd,id=iommufd0} "
	for uuid in "${cards[@]}"; do
		echo -n "-device vfio-pci,sysfsdev=$devices/$uuid${backend:-}"
		((number++ != 1)) || echo -n ",display=on"
		echo -n " "
	done
	echo "-monitor pipe:monitor $* <>guest.in >>guest.out 2>qemu.err &"
}

# port NUMBER [VALUE]: reads or writes an I/O port of the guest's
port()
{
	if (($# > 1)); then
		monitor "o /b $1 $2"
		return
	fi
	monitor "i /b $1"
	sed -n 's/^portb.* = \(0x[0-9a-f]*\)\r*$/\1/p' <<<"$REPLY"
}

# fill_serial: state of the serial card that no driver of the guest's uses: the scratch
# register of the first port, and bytes in the FIFO of the second
fill_serial()
{
	port $((serial_ports[0] + 7)) 0x5a
	port $((serial_ports[1] + 2)) 1
	port "${serial_ports[1]}" 0x48
	port "${serial_ports[1]}" 0x69
}

# serial_state: that, which reading takes out of the FIFO
serial_state()
{
	echo "$(port $((serial_ports[0] + 7)))" "$(port "${serial_ports[1]}")" \
		"$(port "${serial_ports[1]}")"
}

# echoes TEXT: the serial card, in the mode that its port was opened in
echoes()
{
	[[ $(guest_run "echo '$1' >&3; read -t 60 answer <&3; echo \$answer") == "$1" ]]
}

# begins DRIVER: a loop in the guest in which the driver has its card do DMA, and
# verifies that
begins()
{
	guest_run "cd /sys/bus/pci/drivers/$1/0*; \
		while echo 1 >verify && sleep 0.2; do echo >>/$1; done & $1=\$!"
}

# goes_on DRIVER: the loop does
goes_on()
{
	guest_run "before=\$(wc -l </$1); sleep 5; test \$(wc -l </$1) -gt \$before"
}

# ends DRIVER: the loop has found nothing wrong, or the driver says what
ends()
{
	guest_run "cat /sys/bus/pci/drivers/$1/0*/verify; kill -0 \$$1 && kill \$$1"
}

# use_cards: the guest has state in each of its devices, and DMA under way
use_cards()
{
	local tty resource
	check_serial
	check_engine
	check_medu
	tty=$(guest_result tty)
	resource=/sys/bus/pci/devices/$(guest_result card)/resource
	mapfile -t serial_ports < <(guest_run "cut -d ' ' -f 1 $resource" | head -n 2)
	ktap_test serial_open guest_run "exec 3<>/dev/$tty && stty raw -echo <&3"
	ktap_test serial_echo_open echoes "before all migrations"
	ktap_test engine_begins begins mdma_guest
	ktap_test edu_begins begins medu_guest
	display=${cards[1]}
	ktap_test picture_1024x768 same_mode_and_picture 1024x768
}

guest_is_running()
{
	monitor "info status" && [[ $REPLY == *"status: running"* ]]
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
	ktap_test "$1_serial_state" test "$(serial_state)" = "0x5a 0x48 0x69"
	ktap_test "$1_serial_echo" echoes "after $1"
	ktap_test "$1_picture" shows "$2"
	ktap_test "$1_engine" goes_on mdma_guest
	ktap_test "$1_edu" goes_on medu_guest
	ktap_test "$1_no_complaint" guest_is_content
}

# migrates NAME FOLDER OPTION...: the guest migrates to a QEMU with these options and
# the devices of the array cards
migrates()
{
	local name=$1 folder=$2 status
	shift 2
	fill_serial
	make_folder "$folder"
	migrate_guest "$folder" "$(start_cards -incoming unix:incoming "$@")" >"$folder/log"
	status=$?
	sed 's/^/# /' "$folder/log" /run/guest/qemu.err "$folder/qemu.err"
	ktap_result $status "$name"
}

# remove_cards UUID...
remove_cards()
{
	for UUID; do
		ktap_test remove eval "echo 1 >$devices/$UUID/remove && test ! -e $devices/$UUID"
	done
}

# end_loops: the last test of what the guest's drivers verify, and the end of the guest
end_loops()
{
	ktap_test engine_ends ends mdma_guest
	ktap_test edu_ends ends medu_guest
	end_guest
	ktap_result $? guest_powered_off
}

# With QEMU's defaults.
test_migrate()
{
	local cards here serial_ports display

	ktap_plan 47 migrate
	new_cards
	here=("${cards[@]}")
	boot_guest "$(start_cards)"
	ktap_result $? boot
	use_cards
	new_cards
	migrates default_options /run/guest/there
	check_moved migrated 1024x768
	ktap_test migrated_new_picture same_mode_and_picture 800x600
	end_loops
	remove_cards "${here[@]}" "${cards[@]}"
}

# is_refused NAME MESSAGE: a migration to the devices in the array others fails, the
# destination says why, and the guest goes on here
is_refused()
{
	local here=("${cards[@]}") folder=/run/guest/$1 command
	fill_serial
	make_folder "$folder"
	cards=("${others[@]}")
	command=$(start_cards -incoming unix:incoming "${ack[@]}")
	cards=("${here[@]}")
	ktap_test "$1" not migrate_guest "$folder" "$command"
	sed 's/^/# /' "$folder/qemu.err"
	ktap_test "$1_says_why" grep "$2" "$folder/qemu.err"
	check_moved "$1" 1024x768
}

# is_refused_type NAME CARD TYPE MESSAGE: the same with another type for one of the cards
is_refused_type()
{
	local others=("${spare[@]}")
	new_device "$3"
	others[$2]=$UUID
	is_refused "$1" "$4"
	remove_cards "${others[$2]}"
}

# is_refused_altered NAME FROM TO MESSAGE: the same with an altered stream
is_refused_altered()
{
	local others=("${spare[@]}") socket=/run/guest/altered
	rm -f $socket
	"$(dirname "$0")/alter-stream" $socket "/run/guest/$1/incoming" "$2" "$3" &
	wait_for 60 test -S $socket
	is_refused "$1" "$4"
	kill $! 2>/dev/null
}

# To destinations that refuse the guest, by iommufd, and back to devices that were used
# before; the source stops only when the destination has accepted what can be checked.
test_migrations()
{
	local cards spare here backend='' serial_ports display

	ktap_plan 86 migrations
	new_cards
	spare=("${cards[@]}")
	new_cards
	here=("${cards[@]}")
	boot_guest "$(start_cards)"
	ktap_result $? boot
	use_cards
	monitor "migrate_set_capability return-path on"
	monitor "migrate_set_capability switchover-ack on"
	is_refused_type another_type 0 "$mtty/mtty-1" "Invalid argument"
	is_refused_type larger_card 1 "$mvga/mvga-64" "Invalid argument"
	is_refused_altered altered_stream mdma-4 mdma-9 "Invalid argument"

	cards=("${spare[@]}")
	backend=,iommufd=iommufd0
	migrates iommufd /run/guest/there "${ack[@]}"
	check_moved iommufd 1024x768
	monitor "migrate_set_capability return-path on"
	monitor "migrate_set_capability switchover-ack on"
	cards=("${here[@]}")
	backend=
	migrates group /run/guest/back "${ack[@]}"
	check_moved group 1024x768
	ktap_test new_picture same_mode_and_picture 800x600
	end_loops
	remove_cards "${here[@]}" "${spare[@]}"
}
