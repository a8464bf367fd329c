// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module mdev.ko. Read mdev_register.c next.
 */

#include <linux/module.h>

#include "mdev_private.h"

static int __init mdev_init(void)
{
	int ret;

	ret = mdev_devices_init();
	if (ret)
		return ret;
	ret = mdev_bus_init();
	if (ret)
		goto out_devices;
	ret = mdev_register_init();
	if (ret)
		goto out_bus;
	return 0;

out_bus:
	mdev_bus_exit();
out_devices:
	mdev_devices_exit();
	return ret;
}

/* Built-in vendor drivers register their parents after this */
subsys_initcall(mdev_init);

static void __exit mdev_exit(void)
{
	mdev_register_exit();
	mdev_bus_exit();
	mdev_devices_exit();
	mdev_drain_exit();
}
module_exit(mdev_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Mediated devices");
/* DKMS installs only what is newer than mainline's mdev, whose version is 0.1. */
MODULE_VERSION("1.0");
