// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parents: registration and unregistration of physical devices by their vendor
 * drivers. mdev_core.c has creation and removal of their mediated devices.
 */

#include <linux/async.h>
#include <linux/kmod.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <kunit/visibility.h>
#include <uapi/linux/vfio.h>

#include "compat.h"
#include "mdev_private.h"

static struct class_compat *mdev_bus_class;

static LIST_HEAD(mdev_parents);
/* Protects mdev_parents; no driver callback is called under it */
static DEFINE_MUTEX(mdev_parents_lock);

static void mdev_parent_release(struct kref *ref)
{
	struct mdev_parent *parent = container_of(ref, struct mdev_parent, ref);

	put_device(parent->dev);
	mutex_destroy(&parent->lock);
	kfree(parent);
}

void mdev_parent_get(struct mdev_parent *parent)
{
	kref_get(&parent->ref);
}

void mdev_parent_put(struct mdev_parent *parent)
{
	kref_put(&parent->ref, mdev_parent_release);
}
EXPORT_SYMBOL_IF_KUNIT(mdev_parent_put);

/* Begin to create or remove a device; false if the parent is not registered. */
bool mdev_parent_enter(struct mdev_parent *parent)
{
	return atomic_inc_unless_negative(&parent->users);
}

/* Whether the parent is being unregistered, or is not registered. */
bool mdev_parent_is_unregistering(struct mdev_parent *parent)
{
	return atomic_read(&parent->users) < 0;
}

void mdev_parent_leave(struct mdev_parent *parent)
{
	if (atomic_dec_return(&parent->users) == MDEV_USERS_BLOCKED)
		wake_up_var(&parent->users);
}

/* The parent that @dev is registered as; mdev_parents_lock is held. */
static struct mdev_parent *mdev_parent_find(struct device *dev)
{
	struct mdev_parent *parent;

	lockdep_assert_held(&mdev_parents_lock);
	list_for_each_entry(parent, &mdev_parents, next) {
		if (parent->dev == dev)
			return parent;
	}
	return NULL;
}

/* The parent that @dev is registered as, with a reference, or NULL. */
struct mdev_parent *mdev_parent_lookup(struct device *dev)
{
	struct mdev_parent *parent;

	mutex_lock(&mdev_parents_lock);
	parent = mdev_parent_find(dev);
	if (parent)
		mdev_parent_get(parent);
	mutex_unlock(&mdev_parents_lock);
	return parent;
}
EXPORT_SYMBOL_IF_KUNIT(mdev_parent_lookup);

/* Add a new parent to mdev_parents, unless @dev has one already. */
static struct mdev_parent *mdev_parent_add(struct device *dev,
					   const struct parent_ops *ops,
					   bool *first)
{
	struct mdev_parent *parent;

	parent = kzalloc_obj(*parent);
	if (!parent)
		return ERR_PTR(-ENOMEM);

	parent->dev = get_device(dev);
	parent->ops = ops;
	mutex_init(&parent->lock);
	atomic_set(&parent->users, MDEV_USERS_BLOCKED);
	kref_init(&parent->ref);

	mutex_lock(&mdev_parents_lock);
	if (mdev_parent_find(dev)) {
		mutex_unlock(&mdev_parents_lock);
		mdev_parent_put(parent);
		return ERR_PTR(-EEXIST);
	}
	*first = list_empty(&mdev_parents);
	list_add_tail(&parent->next, &mdev_parents);
	/* Reference of mdev_parents; the caller has the initial one */
	mdev_parent_get(parent);
	mutex_unlock(&mdev_parents_lock);
	return parent;
}

static void mdev_parent_del(struct mdev_parent *parent)
{
	mutex_lock(&mdev_parents_lock);
	list_del(&parent->next);
	mutex_unlock(&mdev_parents_lock);
	mdev_parent_put(parent);
}

static int mdev_parent_add_files(struct mdev_parent *parent)
{
	int ret;

	ret = mdev_types_add(parent);
	if (ret)
		return ret;
	ret = device_add_groups(parent->dev, parent->ops->dev_attr_groups);
	if (ret)
		goto out_types;
	ret = class_compat_create_link(mdev_bus_class, parent->dev);
	if (ret)
		goto out_groups;
	return 0;

out_groups:
	device_remove_groups(parent->dev, parent->ops->dev_attr_groups);
out_types:
	mdev_types_remove(parent);
	return ret;
}

static void mdev_parent_remove_files(struct mdev_parent *parent)
{
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
	return ops->open_data ? !ops->save && !ops->load :
				ops->save && ops->load;
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
	bool first;
	int ret;

	if (!dev)
		return -EINVAL;
	ret = mdev_ops_check(ops);
	if (ret)
		return ret;

	parent = mdev_parent_add(dev, ops, &first);
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	if (first)
		mdev_request_bus_driver();

	mutex_lock(&parent->lock);
	ret = mdev_parent_add_files(parent);
	if (ret) {
		mdev_parent_del(parent);
	} else {
		atomic_sub(MDEV_USERS_BLOCKED, &parent->users);
		mdev_parent_announce(parent, "registered");
	}
	mutex_unlock(&parent->lock);
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

/*
 * Block creations and removals, and wait for those under way; a hot unplug that
 * waits in mdev_wait_for_users() is woken and returns -ENODEV. Kill all devices
 * before removing the first: that can wait for a close, and the VMMs of the
 * others have to be notified before.
 */
static void mdev_parent_unregister(struct mdev_parent *parent)
{
	atomic_add(MDEV_USERS_BLOCKED, &parent->users);
	wake_up_all(&mdev_removal_wait);
	wait_var_event(&parent->users,
		       atomic_read(&parent->users) == MDEV_USERS_BLOCKED);

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

	mutex_lock(&parent->lock);
	/* A concurrent call can have unregistered it */
	if (!mdev_parent_is_unregistering(parent))
		mdev_parent_unregister(parent);
	mutex_unlock(&parent->lock);
	mdev_parent_put(parent);
}
EXPORT_SYMBOL_GPL(mdev_unregister_device);

int __init mdev_parents_init(void)
{
	mdev_bus_class = class_compat_register("mdev_bus");
	return mdev_bus_class ? 0 : -ENOMEM;
}

void __exit mdev_parents_exit(void)
{
	class_compat_unregister(mdev_bus_class);
}
