// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sample cards of medu, which compute factorials: loading the module,
 * creating a card, and its registers.
 */
#include "mdev_lib.h"
#include "medu_lib.h"
#include "vfio_lib.h"

int medu_prepare(void)
{
	int ret = mdev_prepare();

	if (!ret && !path_exists(MEDU))
		ret = module_load("medu");
	return ret;
}

int medu_finish(void)
{
	int ret = mdev_remove_all();

	if (!ret && module_is_loaded("medu"))
		ret = module_unload("medu");
	return ret;
}

int medu_create(const char *uuid)
{
	return sysfs_write(uuid, MEDU_TYPE "/create");
}

int medu_open(struct vfio_user *user)
{
	int ret = medu_create(UUID_A);

	if (!ret)
		ret = vfio_open_cdev(user, UUID_A);
	return ret ? ret : vfio_pci_enable(user->device);
}

int64_t medu_read(int device, uint64_t offset)
{
	return vfio_load(device, VFIO_PCI_BAR0_REGION_INDEX, offset, 4);
}

int medu_write(int device, uint64_t offset, uint32_t value)
{
	return vfio_store(device, VFIO_PCI_BAR0_REGION_INDEX, offset, 4, value);
}
