# SPDX-License-Identifier: GPL-2.0-only
#
# Mediated devices. Run by hand, this is the list of commands, which "make" shows;
# run by kbuild, the directory's build file, in a kernel tree or for external
# modules.

ifdef KERNELRELEASE

# An installed kernel's headers bring mainline's mdev.h: ours has to be found
# before it, in the directories below as well.
mdev-dir := $(dir $(realpath $(lastword $(MAKEFILE_LIST))))
LINUXINCLUDE := -I$(mdev-dir)include $(LINUXINCLUDE)
export LINUXINCLUDE

ifdef EXTERNAL
include $(mdev-dir)external.mk
endif

obj-$(CONFIG_VFIO_MDEV) += drivers/vfio/mdev/
# Packages have the samples apart.
obj-y += $(if $(wildcard $(mdev-dir)samples),samples/vfio-mdev/)

else

# Kernels are built by make as well, which is not a part of this one.
unexport MAKEFLAGS MFLAGS MAKELEVEL

targets := demo check check-all static commands kunit selftests suspend libvfio guest \
	compare-mainline migrate libvirt hotplug user slow compile coverage shell bench kernel modules \
	deb package compile_commands.json clean distclean
given := $(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $v)),$v))

.PHONY: help $(targets)

#: make demo        mediated devices are created, given to QEMU guests, used and removed
#: make check       the tests that every change has to pass; the last line sums up
#: make check-all   the slow and the rare too (scripts/parts has all)
#: make static      their parts: checkpatch, sparse, kernel-doc and the like
#: make commands        these commands themselves, and the VM
#: make kunit           the KUnit suites, by the kernel's kunit.py
#: make selftests       the whole through sysfs and /dev/vfio, as a VMM sees it
#: make suspend         a suspend of the system, in a VM with its root in memory
#: make libvfio         the selftests of VFIO that Linux 7.2 has, on the samples
#: make guest           QEMU guests, one with mainline's mdpy and mbochs; mdevctl,
#:                      node devices of libvirt
#: make compare-mainline
#:                  sysfs, uevents and errors beside those of mainline's mdev
#: make migrate     a guest with devices of the samples that QEMU migrates
#: make libvirt     a domain with them: screenshot, save, restore, hot unplug
#: make hotplug     devices that are plugged and unplugged over QMP
#: make user        a guest whose QEMU has no privileges
#: make slow        the selftests that take longest in the kernel "debug"
#: make compile     what is never run: i915, vfio_ap and vfio_ccw of mainline, and the
#:                  symbols of Kconfig off and y; CONFIG=clang: all modules, by clang
#: make coverage    which lines of drivers/vfio/mdev kunit and selftests run
#: make bench       measures this and mainline's own mdev side by side
#: make shell       a root shell in the VM, with the modules loaded
#: make kernel      the kernel with this laid over it
#: make modules     only the modules; KDIR=/lib/modules/X/build: for installed headers
#: make deb         Debian packages of the modules and samples, for DKMS (build/deb)
#: make package     these packages in a Debian 13 with its own kernel: installed and removed;
#:                  KERNEL=7.2: the kernel of trixie-backports
#: make compile_commands.json
#:                  for clangd, with clang's flags for every module
#: make clean       removes what was built; make distclean: the caches too
#:
#: KERNEL=6.12      which kernel (scripts/kernels has all); KSRC=dir: a tree of yours
#: CONFIG=debug     its configuration (scripts/configurations has all; s390x and arm64
#:                  are foreign architectures, which QEMU emulates)
#: T=name           runs one test of static, kunit, selftests, libvfio or guest
#: BASE=commit      where a change begins: static checks the commits since then as well
#: DEVICES="edu"    adds QEMU devices to the VM of shell, selftests, libvfio and guest
#: ROOT=/           the VM has this machine's root file system instead of its own Debian 13
#: MDEV_SEED=n      repeats a random test (stress, fuzz), which prints its seed
#: MDEV_ROUNDS=n    of the random tests; 10x: ten times as many as by default
#: A variable that a target does not honour is refused (scripts/targets has all).

help:
	@sed -n 's/^#: \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

command = scripts/$@
kernel: command = scripts/build-kernel -c "$${CONFIG:-default}" kernel
modules: command = scripts/build-kernel -c "$${CONFIG:-default}" modules
compile_commands.json: command = scripts/compile-commands
ifneq ($(KDIR),)
modules: command = scripts/build-external "$$KDIR"
endif

$(targets):
	@scripts/refuse-variables $@ $(given) && $(command)

endif
