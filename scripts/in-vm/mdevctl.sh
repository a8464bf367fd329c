# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# mdevctl in the VM, and udev, which starts it for parents that appear. Sourced by
# guest-test, which has the other helpers.
# shellcheck disable=SC2154

callout=/etc/mdevctl.d/scripts.d/callouts/test
rules=60-mdevctl.rules

# start_udev: with Debian's rule for mdevctl corrected, which runs /usr/sbin/mdevctl
start_udev()
{
	[[ ! -S /run/udev/control ]] || return 0
	sed "s|/usr/sbin/mdevctl|$(command -v mdevctl)|" /usr/lib/udev/rules.d/$rules \
		>/etc/udev/rules.d/$rules
	/usr/lib/systemd/systemd-udevd --daemon
	udevadm trigger --action=add
	udevadm settle
}

# An event of udev's can come after the command that has caused it.
eventually()
{
	wait_for 30 "$@"
}

# write_callout STATUS: a script that mdevctl runs around each command for mtty's types:
# it keeps its arguments, and exits with the status before a start
write_callout()
{
	cat >$callout <<-END
		#!/bin/bash
		[[ \$* == *"-t mtty-"* ]] || exit 2
		echo "\$*" >>/run/callouts
		[[ \$* != *"-e pre -a start"* ]] || exit $1
		exit 0
	END
	chmod +x $callout
}

device_exists()
{
	[[ -d $devices/$1/iommu_group ]]
}

test_callout()
{
	local event
	write_callout 0
	mdevctl start --uuid "$UUID" && mdevctl stop --uuid "$UUID" || return
	for event in "pre -a start" "post -a start" "pre -a stop" "post -a stop"; do
		grep -q -- "-e $event .*-u $UUID -p mtty" /run/callouts || {
			cat /run/callouts
			return 1
		}
	done
}

test_callout_refuses()
{
	write_callout 1
	not mdevctl start --uuid "$UUID" && not device_exists "$UUID"
	rm $callout
}

# The definition as JSON, taken back and made again of that
test_json()
{
	mdevctl list -d --uuid "$UUID" --dumpjson | tee definition.json
	mdevctl undefine --uuid "$UUID" &&
		mdevctl define --uuid "$UUID" --parent mtty --jsonfile definition.json &&
		mdevctl list -d | grep "$UUID mtty mtty-1"
}

# mdevctl writes attributes at each start, and takes the device back if it can't.
test_attribute()
{
	mdevctl modify --uuid "$UUID" --addattr power/control --value on &&
		mdevctl start --uuid "$UUID" && [[ $(<"$devices/$UUID/power/control") == on ]] &&
		mdevctl stop --uuid "$UUID" && mdevctl modify --uuid "$UUID" --delattr || return
	mdevctl modify --uuid "$UUID" --addattr power/control --value off &&
		not mdevctl start --uuid "$UUID" && not device_exists "$UUID" &&
		mdevctl modify --uuid "$UUID" --delattr
}

# The module is loaded again: the parent is registered, and udev has the device started
test_auto()
{
	mdevctl modify --uuid "$UUID" --auto && modprobe -r mtty && modprobe mtty &&
		eventually device_exists "$UUID"
}

# The same for a card that is bound to its driver again
test_auto_card()
{
	local uuid card=(/sys/bus/pci/drivers/medu/0*)
	uuid=$(</proc/sys/kernel/random/uuid)
	mdevctl define --uuid "$uuid" --parent "${card[0]##*/}" --type medu-card --auto &&
		echo "${card[0]##*/}" >/sys/bus/pci/drivers/medu/unbind &&
		echo "${card[0]##*/}" >/sys/bus/pci/drivers/medu/bind &&
		eventually device_exists "$uuid" && mdevctl stop --uuid "$uuid" &&
		mdevctl undefine --uuid "$uuid"
}

test_mdevctl()
{
	ktap_plan 12 mdevctl
	UUID=$(</proc/sys/kernel/random/uuid)
	start_udev
	ktap_test types eval "mdevctl types | grep -w mtty-2"
	ktap_test define mdevctl define --uuid "$UUID" --parent mtty --type mtty-1
	ktap_test start eval "mdevctl start --uuid $UUID && device_exists $UUID"
	ktap_test list eval "mdevctl list | grep $UUID"
	ktap_test stop eval "mdevctl stop --uuid $UUID && test ! -e $devices/$UUID"
	ktap_test callout test_callout
	ktap_test callout_refuses test_callout_refuses
	ktap_test attribute test_attribute
	ktap_test json test_json
	ktap_test auto test_auto
	ktap_test auto_card test_auto_card
	ktap_test undefine eval "mdevctl stop --uuid $UUID && mdevctl undefine --uuid $UUID &&
		! mdevctl list -d | grep $UUID"
}
