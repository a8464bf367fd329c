# SPDX-License-Identifier: GPL-2.0-only
#
# For modules outside a kernel tree, built for installed headers (EXTERNAL=1): which
# kernels they are for, and symbols of Kconfig, which the headers' configuration lacks.

ifneq ($(shell expr $(VERSION) \* 1000 + $(PATCHLEVEL) \< 6012),0)
$(error Linux $(KERNELVERSION) is too old for mediated devices, which need 6.12 or later)
endif

ifeq ($(CONFIG_VFIO_MDEV),y)
$(error Linux $(KERNELRELEASE) has mdev built in, which a module can not replace)
endif

# modpost reads this file as well.
ifneq ($(filter %/Makefile.build,$(MAKEFILE_LIST)),)
ifneq ($(shell expr $(VERSION) \* 1000 + $(PATCHLEVEL) \> 7002),0)
$(warning Linux $(KERNELVERSION) is newer than 7.2, the last that mediated devices were tested with)
endif
endif

mdev-symbols := VFIO_MDEV VFIO_MDEV_DEVICE VFIO_MDEV_PCI
mdev-symbols += $(addprefix SAMPLE_VFIO_MDEV_,MTTY MEDU MBAR MVGA MDMA MDMA_GUEST MDPY_OPS MDPY_PCI)
$(foreach symbol,$(mdev-symbols),$(eval export CONFIG_$(symbol) := m))
