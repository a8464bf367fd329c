// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mdev bus: registration, match and probe of its drivers. Read mdev_open.c
 * next.
 *
 * Devices of mdev_register_device() bind to a bus driver, such as vfio_mdev, and
 * those of mdev_register_parent() to the driver that the parent comes with.
 */

#include <linux/module.h>

#include "compat.h"
#include "mdev_private.h"

/*
 * Whether the parent's driver can bind: not before mdev_device_bind(), which gets
 * the error of its probe, nor after a creation that has failed.
 */
static bool mdev_can_bind(struct mdev_device *mdev)
{
	switch (READ_ONCE(mdev->core->state)) {
	case MDEV_CREATING:
		return READ_ONCE(mdev->core->binding);
	case MDEV_DEAD:
		return false;
	default:
		return true;
	}
}

static int mdev_match(struct device *dev, const struct device_driver *driver)
{
	struct mdev_device *mdev = to_mdev_device(dev);
	const struct mdev_driver *own = mdev_parent_driver(mdev);
	const struct mdev_driver *drv = to_mdev_driver(driver);
	const struct mdev_bus_driver *bus_drv;

	if (own)
		return drv == own && mdev_can_bind(mdev);
	if (drv->device_api)
		return 0;
	bus_drv = container_of_const(drv, struct mdev_bus_driver, driver);
	return bus_drv->match ? bus_drv->match(mdev) : 1;
}

/*
 * Called by really_probe() before mdev_probe(). If it fails in between,
 * device_add() still returns 0: preset the error for mdev_device_publish().
 */
static int mdev_dma_configure(struct device *dev)
{
	to_mdev_device(dev)->core->probe_error = -ENOMEM;
	return 0;
}

static int mdev_probe(struct device *dev)
{
	struct mdev_driver *drv = to_mdev_driver(dev->driver);
	struct mdev_device *mdev = to_mdev_device(dev);

	if (mdev->core->removing) {
		/* mdev_device_reattach() probes again if the removal fails */
		mdev->core->wanted = true;
		return -ENODEV;
	}

	/* device_add() drops this error, mdev_device_publish() returns it */
	mdev->core->probe_error = drv->probe ? drv->probe(mdev) : 0;
	return mdev->core->probe_error;
}

static void mdev_remove(struct device *dev)
{
	struct mdev_driver *drv = to_mdev_driver(dev->driver);

	if (drv->remove)
		drv->remove(to_mdev_device(dev));
}

const struct bus_type mdev_bus_type = {
	.name = "mdev",
	.match = mdev_match,
	.dma_configure = mdev_dma_configure,
	.probe = mdev_probe,
	.remove = mdev_remove,
};
EXPORT_SYMBOL_GPL(mdev_bus_type);

int __init mdev_bus_init(void)
{
	return bus_register(&mdev_bus_type);
}

/* Not __exit: mdev_init() calls it on its error path */
void mdev_bus_exit(void)
{
	bus_unregister(&mdev_bus_type);
}

/* Whether the bus driver has users that mdev_device_core.users does not count. */
bool mdev_driver_in_use(struct mdev_device *mdev)
{
	struct device *dev = &mdev->dev;
	bool in_use = false;

	/* A concurrent unbind holds the lock while it waits for a close */
	if (!device_trylock(dev))
		return true;
	if (dev->driver) {
		struct mdev_bus_driver *drv =
			to_mdev_bus_driver(to_mdev_driver(dev->driver));

		in_use = drv->in_use && drv->in_use(mdev);
	}
	device_unlock(dev);
	return in_use;
}

static int mdev_add_driver(struct mdev_driver *drv)
{
	drv->driver.bus = &mdev_bus_type;
	/* The iommu_group link must exist when a write to create returns */
	drv->driver.probe_type = PROBE_FORCE_SYNCHRONOUS;
	return driver_register(&drv->driver);
}

/**
 * mdev_register_driver - register a driver for the devices of its own parents
 * @drv: the driver, with @device_api; must stay until mdev_unregister_driver() has
 *	returned
 *
 * It binds to devices of parents that mdev_register_parent() is called for with
 * @drv, and to no others.
 *
 * Context: may sleep.
 * Return: 0, -EINVAL without @device_api, or the error of driver_register().
 */
int mdev_register_driver(struct mdev_driver *drv)
{
	if (!drv->device_api)
		return -EINVAL;
	return mdev_add_driver(drv);
}
EXPORT_SYMBOL(mdev_register_driver);

/**
 * mdev_unregister_driver - unregister a driver for mediated devices
 * @drv: what mdev_register_driver() was called with
 *
 * Unbinds it from all its devices, which waits until they are closed.
 *
 * Context: may sleep.
 */
void mdev_unregister_driver(struct mdev_driver *drv)
{
	driver_unregister(&drv->driver);
}
EXPORT_SYMBOL(mdev_unregister_driver);

/* See mdev_register_bus_driver() */
int __mdev_register_bus_driver(struct mdev_bus_driver *drv,
			       struct module *owner)
{
	if (drv->driver.device_api)
		return -EINVAL;
	drv->driver.driver.owner = owner;
	return mdev_add_driver(&drv->driver);
}
EXPORT_SYMBOL_NS_GPL(__mdev_register_bus_driver, MDEV_BUS_NAMESPACE);

/**
 * mdev_unregister_bus_driver - unregister a bus driver
 * @drv: what mdev_register_bus_driver() was called with
 *
 * Unbinds it from all its devices, which waits until they are closed.
 *
 * Context: may sleep.
 */
void mdev_unregister_bus_driver(struct mdev_bus_driver *drv)
{
	mdev_unregister_driver(&drv->driver);
}
EXPORT_SYMBOL_NS_GPL(mdev_unregister_bus_driver, MDEV_BUS_NAMESPACE);
