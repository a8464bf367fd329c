# SPDX-License-Identifier: GPL-2.0-only
#
# To be included by the Kbuild file of a vendor driver that is built outside a kernel
# tree, beside modules that were built for installed headers: where the headers of
# mediated devices are, which have to be found before mainline's mdev.h, and the
# versions of their symbols, which DKMS or "make modules KDIR=" left.

vfio-mdev-dir := $(dir $(realpath $(lastword $(MAKEFILE_LIST))))
LINUXINCLUDE := -I$(vfio-mdev-dir)include $(LINUXINCLUDE)
export LINUXINCLUDE

KBUILD_EXTRA_SYMBOLS += $(firstword $(wildcard $(vfio-mdev-dir)Module.symvers \
	/var/lib/dkms/vfio-mdev/kernel-$(KERNELRELEASE)-*/module/Module.symvers))
