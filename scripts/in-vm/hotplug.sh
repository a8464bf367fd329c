# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Hot plug and unplug of mediated devices with a guest of QEMU, over QMP. Sourced by
# guest-test, which has the helpers of guests.
# shellcheck disable=SC2154

# start_qmp: reads what QEMU answers, and enters its command mode
start_qmp()
{
	cat qmp.out >qmp.log &
	exec 6>qmp.in
	qmp qmp_capabilities
}

# qmp COMMAND [ARGUMENTS]: runs it; the arguments are those of a JSON object
qmp()
{
	local answer number=$SRANDOM
	echo "{\"execute\": \"$1\", \"id\": $number, \"arguments\": {${2:-}}}" >&6
	wait_for 300 grep -qw "\"id\": $number" qmp.log || return
	answer=$(grep -w "\"id\": $number" qmp.log)
	echo "$answer"
	[[ $answer == *'"return"'* ]]
}

# plug NAME UUID PORT [ARGUMENTS]
plug()
{
	local arguments
	printf -v arguments '"driver": "vfio-pci", "id": "%s", "sysfsdev": "%s", "bus": "%s"' \
		"$1" "$devices/$2" "$3"
	qmp device_add "$arguments${4:+, $4}"
}

# unplugged NAME COUNT: the guest has released the device, and QEMU has closed it, so many
# times since it was started
unplugged()
{
	wait_for 300 eval "((\$(grep -c 'DEVICE_DELETED.*\"device\": \"$1\"' qmp.log) == $2))"
}

# card_appears ID DRIVER: the driver is bound to a card in the guest
card_appears()
{
	wait_for 300 card_has "$1" "Kernel driver in use: $2" >/dev/null
}

# detached NAME: the device is no part of QEMU's machine any more
detached()
{
	local path='"path": "/machine/peripheral"'
	wait_for 300 eval "qmp qom-list '$path' | grep -qv '\"name\": \"$1\"'"
}

# card_is_gone ID: the guest has released the card
card_is_gone()
{
	wait_for 300 guest_run "test -z \"\$(lspci -n -d $1)\""
}

# removed_in_use UUID: a write to remove returns when the guest has released the device
removed_in_use()
{
	timeout 300 bash -c "echo 1 >$devices/$1/remove" && [[ ! -e $devices/$1 ]]
}

# The first port reserves addresses for the display's memory, of 16 MiB; QEMU's default is
# 2 MiB. A write to remove notifies the guest by the request interrupt.
#
# QEMU sends no DEVICE_DELETED for a device with display=on, and does not close it: the
# console has a reference to the device, which only the device's finalizer drops.
test_hotplug()
{
	local display engine edu card=(/sys/bus/pci/drivers/medu/0*)
	local verify="cd /sys/bus/pci/drivers/mdma_guest/0*; cat verify"

	ktap_plan 29 hotplug
	new_device "$mvga/mvga-16"
	display=$UUID
	new_device "$mdma/mdma-4"
	engine=$UUID
	new_device "${card[0]}/mdev_supported_types/medu-card"
	edu=$UUID
	mkfifo qmp.in qmp.out
	boot_guest "$qemu -global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off \
		-device pcie-root-port,id=port1,chassis=1,mem-reserve=64M \
		-device pcie-root-port,id=port2,chassis=2 \
		-device pcie-root-port,id=port3,chassis=3 \
		-qmp pipe:qmp -monitor pipe:monitor <guest.in >guest.out &"
	ktap_result $? boot
	start_qmp >/dev/null
	ktap_result $? qmp

	ktap_test plug_display plug display "$display" port1 '"display": "on"'
	ktap_test display_driver card_appears 1234:1111 bochs-drm
	ktap_test picture_800x600 same_mode_and_picture 800x600
	ktap_test unplug_display qmp device_del '"id": "display"'
	ktap_test display_detached detached display
	ktap_test display_is_gone card_is_gone 1234:1111

	ktap_test engine_driver_loaded guest_run "insmod /bin/mdma_guest.ko"
	ktap_test plug_engine plug engine "$engine" port2
	ktap_test engine_driver card_appears 1234:11e9 mdma_guest
	ktap_test engine_copies test "$(guest_run "$verify")" = "verified 32 copies"
	ktap_test unplug_engine qmp device_del '"id": "engine"'
	ktap_test engine_unplugged unplugged engine 1
	ktap_test plug_engine_again plug engine "$engine" port2
	ktap_test engine_driver_again card_appears 1234:11e9 mdma_guest
	ktap_test remove_engine_in_use removed_in_use "$engine"
	ktap_test engine_removed unplugged engine 2

	ktap_test edu_driver_loaded guest_run "insmod /bin/medu_guest.ko"
	ktap_test plug_edu plug edu "$edu" port3
	ktap_test edu_driver card_appears 1234:11e8 medu_guest
	ktap_test remove_edu_in_use removed_in_use "$edu"
	ktap_test edu_removed unplugged edu 1
	ktap_test no_complaint guest_is_content
	end_guest
	ktap_result $? guest_powered_off
	exec 6>&-
	ktap_test remove eval "echo 1 >$devices/$display/remove && test ! -e $devices/$display"
}
