/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sample displays: what tests do with them as a guest's driver and as the
 * host would.
 *
 * Functions that return a number answer a negative errno when they fail.
 */
#ifndef SELFTESTS_VFIO_MDEV_MVGA_LIB_H
#define SELFTESTS_VFIO_MDEV_MVGA_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_lib.h"

#define PAGE		0x1000UL
#define MIB		0x100000UL
#define MVGA_MEMORY	(8 * MIB)

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define BAR2		VFIO_PCI_BAR2_REGION_INDEX
#define PICTURE		VFIO_PCI_NUM_REGIONS

/* Where BAR2 has the registers of the Bochs VBE extension, and their numbers */
#define DISPI		0x500
enum {
	ID,
	XRES,
	YRES,
	BPP,
	ENABLE,
	BANK,
	VIRT_WIDTH,
	VIRT_HEIGHT,
	X_OFFSET,
	Y_OFFSET,
	MEMORY_64K,
};

/* Short names of VFIO_GFX_PLANE_TYPE_*, and DRM's types of planes */
#define REGION		VFIO_GFX_PLANE_TYPE_REGION
#define BUFFER		VFIO_GFX_PLANE_TYPE_DMABUF
#define PROBE		VFIO_GFX_PLANE_TYPE_PROBE
#define OVERLAY		0
#define PRIMARY		1
#define CURSOR		2

/* To begin and to end with: no device, and the module's parameters as ever */
int mvga_prepare(void);
int mvga_finish(void);

/* Whether dma-bufs are offered */
int mvga_offer_buffers(bool offer);

/* A display that decodes its BARs: of 8 MiB, or of another type */
int mvga_open(struct vfio_user *user, const char *uuid);
int mvga_open_type(struct vfio_user *user, const char *uuid, const char *type);

int64_t mvga_get(int device, unsigned int index);
int mvga_put(int device, unsigned int index, uint16_t value);

/* What a guest's driver writes for a mode */
int mvga_set_mode(int device, uint16_t width, uint16_t height);

/* Whether the sysfs attribute "mode" of a display is @mode */
bool mvga_mode_is(const char *uuid, const char *mode);

/* Video memory, in KiB */
long mvga_committed(const char *uuid);

/* All of a region, or MAP_FAILED */
uint32_t *mvga_map(int device, uint32_t region, size_t size);

int mvga_query(int device, uint32_t flags, uint32_t type,
	       struct vfio_device_gfx_plane_info *info);
bool mvga_shows_nothing(const struct vfio_device_gfx_plane_info *info);

#endif
