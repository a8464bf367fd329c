// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registration and unregistration of parents, by mdev_register_device() for vendor
 * drivers and by mdev_register_parent() for mdev_drivers. Read mdev_type.c next.
 */

#include <linux/async.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait_bit.h>
#include <uapi/linux/vfio.h>

#include "compat.h"
#include "mdev_private.h"

/* How often an unregistration logs what it waits for */
#define MDEV_WAIT_PERIOD	(10 * HZ)

static struct class_compat *mdev_bus_class;

static int mdev_parent_add_files(struct mdev_parent *parent,
				 struct mdev_type **types,
				 unsigned int nr_types)
{
	int ret;

	ret = mdev_types_add(parent, types, nr_types);
	if (ret)
		return ret;
	ret = device_add_groups(parent->dev, parent->ops->dev_attr_groups);
	if (ret)
		goto out_types;
	ret = class_compat_create_link(mdev_bus_class, parent->dev);
	parent->core->linked = !ret;
	if (ret && !parent->core->driver)
		goto out_groups;
	/* As in mainline: two parents can have one name */
	if (ret)
		dev_warn(parent->dev, "no link in /sys/class/mdev_bus: %d\n", ret);
	return 0;

out_groups:
	device_remove_groups(parent->dev, parent->ops->dev_attr_groups);
out_types:
	mdev_types_remove(parent);
	return ret;
}

static void mdev_parent_remove_files(struct mdev_parent *parent)
{
	if (parent->core->linked)
		class_compat_remove_link(mdev_bus_class, parent->dev);
	device_remove_groups(parent->dev, parent->ops->dev_attr_groups);
	mdev_types_remove(parent);
}

/* mdevctl starts the devices of a parent on this event */
static void mdev_parent_announce(struct mdev_parent *parent, const char *state)
{
	char text[32];
	char *env[2] = { text };

	snprintf(text, sizeof(text), "MDEV_STATE=%s", state);
	kobject_uevent_env(&parent->dev->kobj, KOBJ_CHANGE, env);
}

/* Load vfio_mdev. request_module() WARNs if an async probe waits for it. */
static void mdev_request_bus_driver(void)
{
	if (current_is_async())
		request_module_nowait("vfio_mdev");
	else
		request_module("vfio_mdev");
}

#define MDEV_MIGRATION_FLAGS	(VFIO_MIGRATION_STOP_COPY | \
				 VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY)

static bool mdev_migration_valid(const struct mdev_migration_ops *ops)
{
	if (!(ops->flags & VFIO_MIGRATION_STOP_COPY) ||
	    ops->flags & ~MDEV_MIGRATION_FLAGS || !ops->data_size)
		return false;
	if (!ops->save_part != !ops->load_part ||
	    !ops->save_part != !ops->parts_left)
		return false;
	return ops->open_data ? !ops->save && !ops->load && !ops->save_part :
				ops->save && ops->load;
}

static bool mdev_group_has(const struct attribute_group *group,
			   const char *name)
{
	struct attribute **attr;

	for (attr = group->attrs; *attr; attr++) {
		if (!strcmp((*attr)->name, name))
			return true;
	}
	return false;
}

static bool mdev_type_is_complete(const struct attribute_group *group)
{
	return group->name && group->attrs &&
	       mdev_group_has(group, "device_api") &&
	       mdev_group_has(group, "available_instances");
}

/*
 * Refuse at registration what users would stumble over: a type without name,
 * device_api or available_instances, two of one name, or no type at all.
 */
static int mdev_types_check(const struct attribute_group *const *groups)
{
	int i, j;

	if (!groups || !groups[0])
		return -EINVAL;

	for (i = 0; groups[i]; i++) {
		if (!mdev_type_is_complete(groups[i]))
			return -EINVAL;
		for (j = 0; j < i; j++) {
			if (!strcmp(groups[i]->name, groups[j]->name))
				return -EINVAL;
		}
	}
	return 0;
}

static int mdev_ops_check(const struct parent_ops *ops)
{
	if (!ops || !ops->create || !ops->remove || !ops->start != !ops->stop)
		return -EINVAL;
	/* An open device leaves VFIO_DEVICE_STATE_ERROR only by a reset */
	if (ops->migration &&
	    (!ops->reset || !mdev_migration_valid(ops->migration)))
		return -EINVAL;
	if (ops->dirty_log &&
	    (!ops->dirty_log->start || !ops->dirty_log->stop ||
	     !ops->dirty_log->report))
		return -EINVAL;
	return mdev_types_check(ops->supported_type_groups);
}

/* Make a parent visible that mdev_parent_add() has added to the registry. */
static int mdev_parent_register(struct mdev_parent *parent,
				struct mdev_type **types, unsigned int nr_types)
{
	int ret;

	mutex_lock(&parent->core->lock);
	ret = mdev_parent_add_files(parent, types, nr_types);
	if (ret) {
		mdev_parent_del(parent);
	} else {
		atomic_sub(MDEV_USERS_BLOCKED, &parent->core->users);
		mdev_parent_announce(parent, "registered");
	}
	mutex_unlock(&parent->core->lock);
	return ret;
}

/**
 * mdev_register_device - register a physical device as a parent
 * @dev: the device, which must be in sysfs
 * @ops: callbacks and attributes of its vendor driver; must not change until
 *	mdev_unregister_device() has returned
 *
 * Mediated devices of @dev can be created before this function has returned.
 *
 * Context: may sleep; loads the bus driver's module when it is the first parent.
 * Return: 0, -EEXIST if @dev is registered already, -EINVAL if a mandatory
 *	member of @ops, of its tables or of one of its types is missing,
 *	-ENOMEM, or an error of sysfs.
 */
int mdev_register_device(struct device *dev, const struct parent_ops *ops)
{
	struct mdev_parent *parent;
	int ret;

	if (!dev)
		return -EINVAL;
	ret = mdev_ops_check(ops);
	if (ret)
		return ret;

	parent = mdev_parent_add(NULL, dev, ops, NULL);
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	if (parent->core->first)
		mdev_request_bus_driver();
	ret = mdev_parent_register(parent, NULL, 0);
	mdev_parent_put(parent);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_register_device);

static int mdev_parent_kill_device(struct device *dev, void *unused)
{
	struct mdev_device *mdev = mdev_from_dev(dev);

	if (mdev)
		mdev_device_kill(mdev);
	return 0;
}

static int mdev_parent_remove_device(struct device *dev, void *unused)
{
	struct mdev_device *mdev = mdev_from_dev(dev);

	if (mdev)
		mdev_device_remove_forced(mdev);
	return 0;
}

static bool mdev_parent_is_idle(struct mdev_parent *parent)
{
	return atomic_read(&parent->core->users) == MDEV_USERS_BLOCKED;
}

/*
 * Block creations and removals, and wait for those under way; a hot unplug that
 * waits in mdev_wait_for_users() is woken and returns -ENODEV, and a parent that is
 * paused becomes dead, so that callbacks for a removal don't wait. Kill all devices
 * before removing the first: that can wait for a close, and the VMMs of the
 * others have to be notified before.
 */
static void mdev_parent_unregister(struct mdev_parent *parent)
{
	atomic_add(MDEV_USERS_BLOCKED, &parent->core->users);
	wake_up_all(&mdev_removal_wait);
	mdev_parent_end_pause(parent);
	while (!wait_var_event_timeout(&parent->core->users,
				       mdev_parent_is_idle(parent),
				       MDEV_WAIT_PERIOD))
		dev_warn(parent->dev,
			 "unregistration waits for tasks that create or remove devices\n");

	device_for_each_child(parent->dev, NULL, mdev_parent_kill_device);
	device_for_each_child(parent->dev, NULL, mdev_parent_remove_device);
	mdev_parent_remove_files(parent);
	mdev_parent_announce(parent, "unregistered");
	mdev_parent_del(parent);
}

/**
 * mdev_unregister_device - unregister a parent and remove its mediated devices
 * @dev: what mdev_register_device() was called with
 *
 * Calls &parent_ops.request for each device that is open, and waits until all
 * are closed. After this function has returned no callback of the parent runs.
 * Does nothing if @dev is not registered.
 *
 * Context: may sleep. Must not be called from a callback of the same parent.
 */
void mdev_unregister_device(struct device *dev)
{
	struct mdev_parent *parent;

	parent = mdev_parent_lookup(dev);
	if (!parent)
		return;

	mutex_lock(&parent->core->lock);
	/* A concurrent call can have unregistered it */
	if (!parent->core->driver && !mdev_parent_is_unregistering(parent))
		mdev_parent_unregister(parent);
	mutex_unlock(&parent->core->lock);
	mdev_parent_put(parent);
}
EXPORT_SYMBOL_GPL(mdev_unregister_device);

/* Put the reference of the caller, and wait until all others are put. */
static void mdev_parent_wait(struct mdev_parent *parent)
{
	struct mdev_parent_core *core = parent->core;

	get_device(parent->dev);
	mdev_parent_put(parent);
	while (!wait_for_completion_timeout(&core->released, MDEV_WAIT_PERIOD))
		dev_warn(parent->dev,
			 "mdev_unregister_parent() waits for %u references to its devices or types\n",
			 kref_read(&core->ref));
	put_device(parent->dev);
	parent->core = NULL;
	kfree(core);
}

/*
 * Internal callbacks of a parent that has an mdev_driver: count instances. The
 * driver's probe and remove do the rest.
 */
static int mdev_instance_create(struct kobject *kobj, struct mdev_device *mdev)
{
	struct mdev_parent_core *core = mdev->type->parent->core;

	if (core->driver->get_available)
		return 0;
	return atomic_dec_if_positive(&core->available) < 0 ? -EUSERS : 0;
}

static int mdev_instance_remove(struct mdev_device *mdev)
{
	struct mdev_parent_core *core = mdev->type->parent->core;

	if (!core->driver->get_available)
		atomic_inc(&core->available);
	return 0;
}

static const struct parent_ops mdev_driver_parent_ops = {
	.create = mdev_instance_create,
	.remove = mdev_instance_remove,
};

/* One without a name, or two of one name. i915 can have none at all. */
static int mdev_driver_types_check(struct mdev_type **types,
				   unsigned int nr_types)
{
	unsigned int i, j;

	if (!types)
		return -EINVAL;
	for (i = 0; i < nr_types; i++) {
		if (!types[i] || !types[i]->sysfs_name)
			return -EINVAL;
		for (j = 0; j < i; j++) {
			if (!strcmp(types[i]->sysfs_name, types[j]->sysfs_name))
				return -EINVAL;
		}
	}
	return 0;
}

/**
 * mdev_register_parent - register a device as a parent of a driver's own devices
 * @parent: the parent; must stay until mdev_unregister_parent() has returned
 * @dev: the physical device, which must be in sysfs
 * @mdev_driver: the driver that its devices bind to, registered with
 *	mdev_register_driver()
 * @types: its types, with &mdev_type.sysfs_name set; array and types must stay
 *	until mdev_unregister_parent() has returned
 * @nr_types: number of @types
 *
 * For a driver that exposes its devices to userspace itself; drivers that leave
 * that to vfio_mdev have mdev_register_device().
 *
 * Context: may sleep.
 * Return: 0, -EEXIST if @dev is registered already, in either way, -EINVAL for a
 *	missing argument, name or &mdev_driver.device_api, or two types of one
 *	name, or -ENOMEM.
 */
int mdev_register_parent(struct mdev_parent *parent, struct device *dev,
			 struct mdev_driver *mdev_driver,
			 struct mdev_type **types, unsigned int nr_types)
{
	int ret;

	if (!parent || !dev || !mdev_driver || !mdev_driver->device_api)
		return -EINVAL;
	ret = mdev_driver_types_check(types, nr_types);
	if (ret)
		return ret;

	parent = mdev_parent_add(parent, dev, &mdev_driver_parent_ops,
				 mdev_driver);
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	atomic_set(&parent->core->available, mdev_driver->max_instances);
	ret = mdev_parent_register(parent, types, nr_types);
	/* Its own reference is that of the caller until it is unregistered. */
	if (ret)
		mdev_parent_wait(parent);
	return ret;
}
EXPORT_SYMBOL(mdev_register_parent);

/**
 * mdev_unregister_parent - unregister a parent and remove its mediated devices
 * @parent: what mdev_register_parent() has registered
 *
 * Unbinds the driver from the devices, which waits until they are closed, and
 * returns when nothing refers to @parent and its types any more. A wait of some
 * seconds is logged with its reason.
 *
 * Context: may sleep. Must not be called from a callback of the same driver.
 */
void mdev_unregister_parent(struct mdev_parent *parent)
{
	mutex_lock(&parent->core->lock);
	mdev_parent_unregister(parent);
	mutex_unlock(&parent->core->lock);
	mdev_parent_wait(parent);
}
EXPORT_SYMBOL(mdev_unregister_parent);

int __init mdev_register_init(void)
{
	mdev_bus_class = class_compat_register("mdev_bus");
	return mdev_bus_class ? 0 : -ENOMEM;
}

void __exit mdev_register_exit(void)
{
	class_compat_unregister(mdev_bus_class);
}
