# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# libvirt in the VM: node devices (test_nodedev), and a domain with mediated devices
# (test_domain). Sourced by guest-test, which has the helpers of guests.
# shellcheck disable=SC2154

export LIBVIRT_DEFAULT_URI=qemu:///system

# virsh_run ARGUMENT...: virsh without its complaint that there is no polkit
virsh_run()
{
	virsh -q "$@" 2> >(grep -v 'Authorization not available' >&2)
}

# start_libvirt: with udev, since libvirt finds devices by its events
start_libvirt()
{
	[[ ! -e /run/libvirt/libvirt-sock ]] || return 0
	mkdir -p /var/cache/libvirt
	sed -i 's/^#* *auth_unix_rw.*/auth_unix_rw = "none"/' /etc/libvirt/libvirtd.conf
	start_udev
	virtlogd -d
	libvirtd -d
	wait_for 60 virsh_run version
}

# node_device UUID PARENT: the name that libvirt has for it
node_device()
{
	echo "mdev_${1//-/_}_$2"
}

# describe_node_device FILE TYPE UUID: of a parent of the same name as its driver's
describe_node_device()
{
	local parent=${2%-*}
	cat >"$1" <<-END
		<device>
		  <parent>${parent}_$parent</parent>
		  <capability type='mdev'><type id='$2'/><uuid>$3</uuid></capability>
		</device>
	END
}

# lists LINE ARGUMENT...: virsh prints the line
lists()
{
	local line=$1
	shift
	virsh_run "$@" | grep -xF -- "$line"
}

# prints PATTERN ARGUMENT...
prints()
{
	local pattern=$1
	shift
	virsh_run "$@" | grep -E -- "$pattern"
}

# Creates, defines and starts as "virsh" documents it; a device that mdevctl or a write
# to sysfs has created is seen as well.
test_nodedev()
{
	local uuid name
	uuid=$(</proc/sys/kernel/random/uuid)
	name=$(node_device "$uuid" mtty)

	ktap_plan 18 nodedev
	ktap_test libvirt_starts start_libvirt
	ktap_test parent eventually lists mtty_mtty nodedev-list --cap mdev_types
	ktap_test parent_types prints "<type id='mtty-2'>" nodedev-dumpxml mtty_mtty
	ktap_test parent_type_name prints "<name>Dual port serial</name>" \
		nodedev-dumpxml mtty_mtty
	ktap_test parent_device_api prints "<deviceAPI>vfio-pci</deviceAPI>" \
		nodedev-dumpxml mtty_mtty
	describe_node_device device.xml mtty-2 "$uuid"
	ktap_test create virsh_run nodedev-create device.xml
	ktap_test created_in_sysfs test -e "$devices/$uuid/iommu_group"
	ktap_test list eventually lists "$name" nodedev-list --cap mdev
	ktap_test dumpxml_type prints "<type id='mtty-2'/>" nodedev-dumpxml "$name"
	ktap_test dumpxml_group prints "<iommuGroup number='[0-9]+'/>" nodedev-dumpxml "$name"
	ktap_test create_twice_refused not virsh_run nodedev-create device.xml
	ktap_test destroy virsh_run nodedev-destroy "$name"
	ktap_test destroyed_in_sysfs test ! -e "$devices/$uuid"
	ktap_test define virsh_run nodedev-define device.xml
	ktap_test start virsh_run nodedev-start "$name"
	ktap_test info prints 'Active: +yes' nodedev-info "$name"
	ktap_test destroy_defined virsh_run nodedev-destroy "$name"
	ktap_test undefine virsh_run nodedev-undefine "$name"
}

# make_domain_files: where a QEMU that is not root can read them
make_domain_files()
{
	domain_folder=/run/domain
	make_folder $domain_folder
	: >$domain_folder/guest.out
	chmod 711 /run/guest
	chmod 755 $domain_folder
	chown libvirt-qemu $domain_folder/*
}

# hostdev UUID [ATTRIBUTES]
hostdev()
{
	echo "<hostdev mode='subsystem' type='mdev' model='vfio-pci' ${2:-}>" \
		"<source><address uuid='$1'/></source></hostdev>"
}

# describe_domain FILE: with the UUIDs of the array cards, as in new_cards. The
# guest's kernel has the hot-plug driver of PCI Express and not that of ACPI.
describe_domain()
{
	cat >"$1" <<-END
		<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
		  <name>guest</name>
		  <memory unit='MiB'>256</memory>
		  <os>
		    <type arch='x86_64' machine='q35'>hvm</type>
		    <kernel>$domain_folder/bzImage</kernel>
		    <initrd>$domain_folder/guest.cpio</initrd>
		    <cmdline>console=ttyS0 quiet no_timer_check</cmdline>
		  </os>
		  <features><acpi/></features>
		  <cpu mode='maximum'/>
		  <on_reboot>destroy</on_reboot>
		  <devices>
		    <serial type='pipe'><source path='$domain_folder/guest'/></serial>
		    $(hostdev "${cards[0]}")
		    $(hostdev "${cards[1]}" "display='on'")
		    $(hostdev "${cards[2]}")
		    <graphics type='vnc'/>
		    <video><model type='none'/></video>
		    <memballoon model='none'/>
		  </devices>
		  <qemu:commandline>
		    <qemu:arg value='-global'/>
		    <qemu:arg value='ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off'/>
		  </qemu:commandline>
		</domain>
	END
}

# attach_guest: the functions for guests are about the domain's
attach_guest()
{
	cd "$domain_folder" || return
	guest=$(<"/run/libvirt/qemu/guest.pid")
	exec 4<>guest.in
	wait_for 600 eval "grep -aq '^done: 0 ' guest.out || ! guest_runs"
	guest_runs
}

# domain_shows SIZE: the guest draws the test card, and libvirt's screenshot is that
domain_shows()
{
	draw "$1" && domain_still_shows "$1"
}

domain_still_shows()
{
	virsh_run screenshot guest shot.png && pngtopnm shot.png >shot.ppm &&
		is_test_card "$1" shot.ppm
}

# no_domain_qemu: the QEMU that attach_guest has found has ended
no_domain_qemu()
{
	wait_for 60 eval "! guest_runs"
}

# group_owner UUID: of its group's file in the /dev that libvirt makes for a QEMU
group_owner()
{
	local group
	group=$(basename "$(readlink "$devices/$1/iommu_group")")
	stat -c %U "/proc/$guest/root/dev/vfio/$group"
}

test_domain()
{
	local cards serial name

	ktap_plan 34 domain
	ktap_test libvirt_starts start_libvirt
	make_domain_files
	new_cards "$mtty/mtty-2" "$mvga/mvga-16" "$mdma/mdma-4"
	serial=${cards[0]}
	name=$(node_device "$serial" mtty)
	describe_domain domain.xml
	ktap_test define virsh_run define domain.xml
	ktap_test start virsh_run start guest
	attach_guest
	ktap_result $? boot
	ktap_test no_complaint guest_is_content
	check_serial
	check_engine
	ktap_test screenshot_1024x768 domain_shows 1024x768
	ktap_test qemu_is_not_root test "$(stat -c %U "/proc/$guest")" = libvirt-qemu
	ktap_test group_given_to_qemu test "$(group_owner "$serial")" = libvirt-qemu
	ktap_test destroy_in_use_refused not virsh_run nodedev-destroy "$name"

	ktap_test save virsh_run save guest $domain_folder/saved
	ktap_test save_ends_qemu no_domain_qemu
	ktap_test restore virsh_run restore $domain_folder/saved
	attach_guest
	ktap_result $? restored
	ktap_test restored_screenshot domain_still_shows 1024x768
	ktap_test restored_engine guest_run "cd /sys/bus/pci/drivers/mdma_guest/0*; echo 1 >verify"

	hostdev "$serial" >serial.xml
	ktap_test detach virsh_run detach-device guest serial.xml
	ktap_test detached eventually not prints "$serial" dumpxml guest
	ktap_test destroy_detached eventually virsh_run nodedev-destroy "$name"
	ktap_test shutdown virsh_run destroy guest
	ktap_test undefine virsh_run undefine guest
	for UUID in "${cards[@]:1}"; do
		ktap_test remove eval "echo 1 >$devices/$UUID/remove && test ! -e $devices/$UUID"
	done
}
