// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sample displays: what tests do with them as a guest's driver and as the
 * host would.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mdev_lib.h"
#include "mvga_lib.h"

#define MVGA_TYPES	"/sys/class/mdev_bus/mvga/mdev_supported_types"
#define MVGA_PARAMETERS	"/sys/module/mvga/parameters"

int mvga_prepare(void)
{
	int ret = mdev_prepare();

	return ret || path_exists(MVGA_TYPES) ? ret : module_load("mvga");
}

int mvga_finish(void)
{
	int ret = mdev_remove_all();

	return ret || !module_is_loaded("mvga") ? ret : module_unload("mvga");
}

int mvga_offer_buffers(bool offer)
{
	return sysfs_write(offer ? "1" : "0", MVGA_PARAMETERS "/dmabuf");
}

int mvga_open(struct vfio_user *user, const char *uuid)
{
	return mvga_open_type(user, uuid, "mvga-8");
}

int mvga_open_type(struct vfio_user *user, const char *uuid, const char *type)
{
	int ret;

	ret = sysfs_write(uuid, MVGA_TYPES "/%s/create", type);
	if (!ret)
		ret = vfio_open(user, uuid);
	return ret ? ret : vfio_pci_enable(user->device);
}

int64_t mvga_get(int device, unsigned int index)
{
	return vfio_load(device, BAR2, DISPI + 2 * index, 2);
}

int mvga_put(int device, unsigned int index, uint16_t value)
{
	return vfio_store(device, BAR2, DISPI + 2 * index, 2, value);
}

int mvga_set_mode(int device, uint16_t width, uint16_t height)
{
	const struct {
		unsigned int index;
		uint16_t value;
	} writes[] = {
		{ ENABLE, 0 },
		{ BPP, 32 },
		{ XRES, width },
		{ YRES, height },
		{ VIRT_WIDTH, width },
		{ X_OFFSET, 0 },
		{ Y_OFFSET, 0 },
		{ ENABLE, 0x41 },
	};
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(writes) && !ret; i++)
		ret = mvga_put(device, writes[i].index, writes[i].value);
	return ret;
}

bool mvga_mode_is(const char *uuid, const char *mode)
{
	char text[32];
	int ret;

	ret = sysfs_read(text, sizeof(text), MDEV_DEVICES "/%s/mode", uuid);
	return ret > 0 && !strcmp(text, mode);
}

long mvga_committed(const char *uuid)
{
	char text[32];
	int ret;

	ret = sysfs_read(text, sizeof(text), MDEV_DEVICES "/%s/committed_kib",
			 uuid);
	return ret < 0 ? ret : atol(text);
}

uint32_t *mvga_map(int device, uint32_t region, size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, device,
		    vfio_position(region, 0));
}

int mvga_query(int device, uint32_t flags, uint32_t type,
	       struct vfio_device_gfx_plane_info *info)
{
	*info = (struct vfio_device_gfx_plane_info){
		.argsz = sizeof(*info),
		.flags = flags,
		.drm_plane_type = type,
	};
	return vfio_ioctl(device, VFIO_DEVICE_QUERY_GFX_PLANE, info);
}

bool mvga_shows_nothing(const struct vfio_device_gfx_plane_info *info)
{
	return !info->drm_format && !info->width && !info->height &&
	       !info->stride && !info->size;
}
