# SPDX-License-Identifier: GPL-2.0-only
#
# Mediated devices. To people this is the list of commands, which "make" shows;
# to kbuild the directory's build file, in a kernel tree or as external modules.

ifdef KERNELRELEASE

# An installed kernel's headers bring mainline's mdev.h: ours has to be found
# before it, in the directories below as well.
mdev-dir := $(dir $(realpath $(lastword $(MAKEFILE_LIST))))
LINUXINCLUDE := -I$(mdev-dir)include $(LINUXINCLUDE)
export LINUXINCLUDE

obj-$(CONFIG_VFIO_MDEV) += drivers/vfio/mdev/
obj-y += samples/vfio-mdev/

else

export KERNEL KSRC CONFIG T
# Kernels are built by make as well, which this one has nothing to tell.
unexport MAKEFLAGS MFLAGS MAKELEVEL

.PHONY: help demo check static kunit selftests guest coverage shell bench kernel modules \
	clean distclean

#: make demo        mediated devices are created, given to QEMU guests, used and removed
#: make check       every test on every supported kernel; the last line sums up
#: make static      its parts: checkpatch, sparse, kernel-doc and the like
#: make kunit           the core with a scripted vendor driver
#: make selftests       the whole through sysfs and /dev/vfio, as a VMM sees it
#: make guest           a QEMU guest and mdevctl
#: make coverage    which lines of drivers/vfio/mdev kunit and selftests run
#: make bench       measures this and mainline's own mdev side by side
#: make shell       a root shell in the VM, with the modules loaded
#: make kernel      the kernel with this laid over it
#: make modules     only the modules; KDIR=/lib/modules/X/build: for installed headers
#: make clean       removes what was built; make distclean: the caches too
#:
#: KERNEL=6.12      which kernel (scripts/kernels has all); KSRC=dir: a tree of yours
#: CONFIG=debug     kernel of kunit, selftests, guest, shell (scripts/configurations has all)
#: T=name           runs one test of static, kunit, selftests or guest
#: MDEV_SEED=n      repeats a random test (stress, fuzz), which prints its seed; MDEV_ROUNDS=n

help:
	@sed -n 's/^#: \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

demo check static kunit selftests guest coverage shell bench clean distclean:
	@scripts/$@

kernel:
	@scripts/build-kernel $(if $(CONFIG),-c $(CONFIG)) kernel

modules:
ifdef KDIR
	@scripts/build-external "$(KDIR)"
else
	@scripts/build-kernel modules
endif

endif
