# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A QEMU of a user without privileges, with devices whose nodes are given to that user,
# within RLIMIT_MEMLOCK. Sourced by guest-test, which has the helpers of guests.
# shellcheck disable=SC2154

# give FILE...: to the user
give()
{
	chown nobody "$@"
}

# cdev_node UUID: the device node that QEMU opens with an iommufd
cdev_node()
{
	echo /dev/vfio/devices/"$(ls "$devices/$1/vfio-dev")"
}

# group_node UUID: and without one
group_node()
{
	echo /dev/vfio/"$(basename "$(readlink "$devices/$1/iommu_group")")"
}

# start_user OPTION...: the command that starts QEMU as that user. A queue of mdma pins two
# pages at a time.
start_user()
{
	echo "setpriv --reuid=nobody --regid=nogroup --clear-groups \
		prlimit --memlock=16384 $qemu $*"
}

# engines_report OUTCOME: the driver's, of the DMA that it has verified when it found a card
engines_report()
{
	local card outcome
	for card in "$group_slot" "$cdev_slot"; do
		outcome=$(guest_run "cat /sys/bus/pci/devices/0000:00:0$card.0/verify")
		echo "$outcome"
		[[ $outcome == "$1" ]] || return
	done
}

# limit_locked_memory BYTES: of the QEMU that runs
limit_locked_memory()
{
	prlimit --pid "$guest" --memlock="$1"
}

test_user()
{
	local by_group by_cdev group cdev group_slot=4 cdev_slot=5

	ktap_plan 14 user
	new_device "$mdma/mdma-1"
	by_group=$UUID
	group="-device vfio-pci,sysfsdev=$devices/$by_group,addr=$group_slot"
	new_device "$mdma/mdma-1"
	by_cdev=$UUID
	cdev="-object iommufd,id=iommufd0 \
		-device vfio-pci,sysfsdev=$devices/$by_cdev,iommufd=iommufd0,addr=$cdev_slot"
	give monitor.in monitor.out

	ktap_test group_not_given_refused refused "$(start_user "$group")" \
		"'$(group_node "$by_group")': Permission denied"
	give "$(group_node "$by_group")"
	ktap_test cdev_not_given_refused refused "$(start_user "$cdev")" \
		"Failed to open $(cdev_node "$by_cdev")"
	give "$(cdev_node "$by_cdev")"
	ktap_test iommufd_not_given_refused refused "$(start_user "$cdev")" \
		"'/dev/iommu': Permission denied"
	give /dev/iommu
	boot_guest "$(start_user "$group $cdev") -monitor pipe:monitor <guest.in >guest.out &"
	ktap_result $? boot
	ktap_test qemu_is_not_root test "$(stat -c %U "/proc/$guest")" = nobody
	limit_locked_memory 0
	ktap_test engine_driver guest_run "insmod /bin/mdma_guest.ko"
	ktap_test beyond_limit_memlock engines_report "copy 0 by queue 0: wrong result"
	limit_locked_memory 16384
	ktap_test engine_driver_again guest_run "rmmod mdma_guest && insmod /bin/mdma_guest.ko"
	ktap_test within_limit_memlock engines_report "verified 8 copies"
	end_guest
	ktap_result $? guest_powered_off
	chown root monitor.in monitor.out /dev/iommu
	remove_cards "$by_group" "$by_cdev"
}
