# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A guest inside the VM, for the demonstration and the guest test. Sourced by
# them; works in a folder of its own.

guest_init=$(cd "$(dirname "${BASH_SOURCE[0]}")/../in-guest" && pwd)/init

# make_guest: a folder with the guest's kernel and initramfs, and a pipe to its
# console
make_guest()
{
	mkdir -p /run/guest
	cd /run/guest || exit 1
	mkdir -p initramfs/{bin,dev,proc,sys}
	cp "$(command -v busybox)" initramfs/bin/busybox
	for applet in $(busybox --list); do
		[[ $applet == busybox ]] || ln -s busybox "initramfs/bin/$applet"
	done
	cp "$guest_init" initramfs/init
	(cd initramfs && find . | cpio --quiet -o -H newc) | gzip -1 >guest.cpio.gz
	rm -rf initramfs
	cp /run/vm/kernel/bzImage /run/vm/files/bzImage . 2>/dev/null || [[ -f bzImage ]]
	mkfifo guest.in
	: >guest.out
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

# guest_done: whether the guest's init has come to its result
guest_done()
{
	grep -aq '^result:' guest.out
}

# guest_result NAME: one value of that result
guest_result()
{
	tr -d '\r' <guest.out | sed -n "s/^result:.* $1=\([^ ]*\).*/\1/p"
}

# How the guest is started; the demonstration shows it as it stands.
# shellcheck disable=SC2034,SC2016
start_guest='qemu-system-x86_64 -machine q35 -cpu max -m 256 -nodefaults -display none \
    -kernel bzImage -initrd guest.cpio.gz -append "console=ttyS0 quiet" -serial stdio \
    -device vfio-pci,sysfsdev=/sys/bus/mdev/devices/$UUID <guest.in >guest.out &'
