/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mdpy_ops and mdpy_pci present to a guest, the same as mainline's mdpy, so
 * that its driver mdpy-fb binds to them. Shared by both drivers and the tests.
 *
 * BAR0 is the framebuffer, in the mode that a vendor-specific capability of config
 * space describes. The capability is read-only: each type of device has one mode.
 */
#ifndef _MDPY_REGS_H
#define _MDPY_REGS_H

#define MDPY_VENDOR_ID			0x1b36	/* Red Hat */
#define MDPY_DEVICE_ID			0x000f
#define MDPY_SUBSYSTEM_VENDOR_ID	0x1af4	/* Red Hat, Qumranet */
#define MDPY_SUBSYSTEM_ID		0x1100	/* QEMU */
#define MDPY_CLASS			0x038000
#define MDPY_REVISION			1

/* Capability (PCI 3.0, appendix H): three little-endian dwords after its header */
#define MDPY_CAP		0x40
#define MDPY_CAP_SIZE		0x10
#define MDPY_CAP_FORMAT		0x44	/* DRM fourcc code: XRGB8888 */
#define MDPY_CAP_WIDTH		0x48	/* in pixels */
#define MDPY_CAP_HEIGHT		0x4c	/* in lines */

#endif /* _MDPY_REGS_H */
