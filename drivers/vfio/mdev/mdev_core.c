// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a mediated device: creation and removal, and the module itself.
 *
 * Who may do what to a device is settled by three things, none of them held by
 * another device:
 *
 * - the parent's unreg_sem: creators and removers of devices try to take it for
 *   reading, and fail once the parent has begun to go;
 * - the device's users count: a remover makes it negative, which lets nobody
 *   else in, and goes on when nobody is left;
 * - the device lock, taken by the driver core around probe and remove of the
 *   bus driver.
 */

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/rhashtable.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <kunit/visibility.h>

#include "compat.h"
#include "mdev_private.h"

/* How often a removal looks whether the last user has gone */
#define MDEV_USERS_POLL_MS	50
/* How often it asks the user to go */
#define MDEV_REQUEST_PERIOD	(10 * HZ)

/* Every device from before its vendor's create until after its remove */
static struct rhashtable mdev_table;

static const struct rhashtable_params mdev_table_params = {
	.key_len = sizeof_field(struct mdev_device, uuid),
	.key_offset = offsetof(struct mdev_device, uuid),
	.head_offset = offsetof(struct mdev_device, node),
	.automatic_shrinking = true,
};

static void mdev_device_release(struct device *dev)
{
	struct mdev_device *mdev = to_mdev_device(dev);

	kobject_put(&mdev->type->kobj);
	mutex_destroy(&mdev->lock);
	/* A lookup in mdev_table may still be comparing the UUID */
	kfree_rcu(mdev, rcu);
}

static struct mdev_device *mdev_device_alloc(struct mdev_type *type,
					     const guid_t *uuid)
{
	const struct parent_ops *ops = type->parent->ops;
	struct mdev_device *mdev;

	mdev = kzalloc_obj(*mdev);
	if (!mdev)
		return ERR_PTR(-ENOMEM);

	device_initialize(&mdev->dev);
	mdev->dev.parent = type->parent->dev;
	mdev->dev.bus = &mdev_bus_type;
	mdev->dev.type = &mdev_device_type;
	mdev->dev.groups = ops->mdev_attr_groups;
	mdev->dev.release = mdev_device_release;

	kobject_get(&type->kobj);
	mdev->type = type;
	guid_copy(&mdev->uuid, uuid);
	mutex_init(&mdev->lock);
	mdev->online = !ops->start;
	atomic_set(&mdev->users, MDEV_GOING);

	if (dev_set_name(&mdev->dev, "%pUl", uuid)) {
		put_device(&mdev->dev);
		return ERR_PTR(-ENOMEM);
	}
	return mdev;
}

/*
 * The vendor refused to let go of a device: give back what was taken from it.
 * What can't be given back is said, since the writer gets the vendor's errno.
 */
static void mdev_device_restore(struct mdev_device *mdev, bool online,
				bool bound)
{
	const struct attribute_group **groups =
		mdev_parent_ops(mdev)->mdev_attr_groups;
	struct device *dev = &mdev->dev;

	if (online && !mdev->online && mdev_start(mdev))
		dev_warn(dev, "offline: not removed, but did not start again\n");

	if (device_add_groups(dev, groups))
		dev_warn(dev, "not removed, but lost its attributes\n");
	else
		dev->groups = groups;

	WRITE_ONCE(mdev->removing, false);
	atomic_sub(MDEV_GOING, &mdev->users);
	if (bound && device_attach(dev) < 0)
		dev_warn(dev, "not removed, but lost its driver\n");
}

/*
 * Take the device from the vendor and from the bus. The caller has shut new
 * users out. Unless @forced, a vendor that refuses leaves it as it was.
 */
static int mdev_device_destroy(struct mdev_device *mdev, bool forced)
{
	const struct parent_ops *ops = mdev_parent_ops(mdev);
	struct device *dev = &mdev->dev;
	bool bound = READ_ONCE(dev->driver);
	bool online;
	int ret = 0;

	/* From here on the bus refuses to probe the device */
	WRITE_ONCE(mdev->removing, true);
	device_release_driver(dev);
	wait_var_event(&mdev->users, atomic_read(&mdev->users) == MDEV_GOING);
	device_remove_groups(dev, dev->groups);
	dev->groups = NULL;

	online = mdev->online;
	if (online && ops->stop)
		ret = mdev_stop(mdev);
	if (!ret || forced)
		ret = ops->remove(mdev);
	if (ret && !forced) {
		mdev_device_restore(mdev, online, bound);
		return ret;
	}

	mdev_links_remove(mdev);
	device_del(dev);
	/* Only now: the name in sysfs has to be free for the next one */
	rhashtable_remove_fast(&mdev_table, &mdev->node, mdev_table_params);
	put_device(dev);
	return 0;
}

/* Let users and removers in, and tell user space that the device is there. */
static void mdev_device_announce(struct mdev_device *mdev)
{
	struct device *dev = &mdev->dev;

	/* One user, ourselves, so that it stays until this is done */
	atomic_inc(&mdev->users);
	atomic_sub(MDEV_GOING, &mdev->users);

	dev_set_uevent_suppress(dev, false);
	kobject_uevent(&dev->kobj, KOBJ_ADD);
	device_lock(dev);
	if (dev->driver)
		kobject_uevent(&dev->kobj, KOBJ_BIND);
	device_unlock(dev);

	mdev_user_put(mdev);
}

static int mdev_device_publish(struct mdev_device *mdev)
{
	int ret;

	/* Links and driver come before the event that makes udev look */
	dev_set_uevent_suppress(&mdev->dev, true);
	ret = device_add(&mdev->dev);
	if (ret) {
		mdev_parent_ops(mdev)->remove(mdev);
		rhashtable_remove_fast(&mdev_table, &mdev->node,
				       mdev_table_params);
		put_device(&mdev->dev);
		return ret;
	}

	ret = mdev_links_add(mdev);
	if (!ret)
		ret = mdev->probe_error;
	if (ret) {
		mdev_device_destroy(mdev, true);
		return ret;
	}

	mdev_device_announce(mdev);
	return 0;
}

/**
 * mdev_device_create - create a mediated device
 * @type: its type
 * @uuid: its name
 *
 * Context: may sleep. Calls the vendor.
 * Return: 0, -EEXIST if the UUID is taken, -ENODEV if the parent is going away,
 *	-ENOMEM, or what the vendor or the bus driver says.
 */
int mdev_device_create(struct mdev_type *type, const guid_t *uuid)
{
	struct mdev_parent *parent = type->parent;
	struct mdev_device *mdev;
	int ret;

	if (!down_read_trylock(&parent->unreg_sem))
		return -ENODEV;
	if (!parent->registered) {
		ret = -ENODEV;
		goto out_unlock;
	}

	mdev = mdev_device_alloc(type, uuid);
	if (IS_ERR(mdev)) {
		ret = PTR_ERR(mdev);
		goto out_unlock;
	}

	ret = rhashtable_lookup_insert_fast(&mdev_table, &mdev->node,
					    mdev_table_params);
	if (ret)
		goto out_put;

	ret = parent->ops->create(&type->kobj, mdev);
	if (ret)
		goto out_forget;

	ret = mdev_device_publish(mdev);
	up_read(&parent->unreg_sem);
	return ret;

out_forget:
	rhashtable_remove_fast(&mdev_table, &mdev->node, mdev_table_params);
out_put:
	put_device(&mdev->dev);
out_unlock:
	up_read(&parent->unreg_sem);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(mdev_device_create);

/*
 * Wait until nobody uses the device, who have been shut out by the caller. The
 * way out for the writer of the remove file is a signal.
 */
static int mdev_wait_for_users(struct mdev_device *mdev)
{
	const struct parent_ops *ops = mdev_parent_ops(mdev);
	unsigned long next_request = jiffies;
	unsigned int count = 0;

	while (atomic_read(&mdev->users) != MDEV_GOING ||
	       mdev_driver_in_use(mdev)) {
		if (!ops->hot_unplug)
			return -EBUSY;
		if (ops->request && time_after_eq(jiffies, next_request)) {
			ops->request(mdev, count++);
			next_request = jiffies + MDEV_REQUEST_PERIOD;
		}
		msleep_interruptible(MDEV_USERS_POLL_MS);
		if (signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/* Make the caller the only one who deals with the device. */
static int mdev_shut_out_users(struct mdev_device *mdev)
{
	bool hot_unplug = mdev_parent_ops(mdev)->hot_unplug;
	int users = atomic_read(&mdev->users);
	int ret;

	do {
		if (users < 0)
			return -EAGAIN;
		if (users && !hot_unplug)
			return -EBUSY;
	} while (!atomic_try_cmpxchg(&mdev->users, &users,
				     users + MDEV_GOING));

	ret = mdev_wait_for_users(mdev);
	if (ret)
		atomic_sub(MDEV_GOING, &mdev->users);
	return ret;
}

/**
 * mdev_device_remove - remove a mediated device, if nobody objects
 * @mdev: the device; the caller has a reference of its own
 *
 * Context: may sleep. Calls the vendor. Must not hold the device's sysfs files.
 * Return: 0, -EBUSY if it is in use and can't be unplugged, -EINTR if a signal
 *	ended the wait for its user, -EAGAIN if it is being created or removed
 *	by someone else, -ENODEV if the parent is going away, or what the
 *	vendor says.
 */
int mdev_device_remove(struct mdev_device *mdev)
{
	struct mdev_parent *parent = mdev->type->parent;
	int ret = -ENODEV;

	if (!down_read_trylock(&parent->unreg_sem))
		return -ENODEV;
	if (parent->registered)
		ret = mdev_shut_out_users(mdev);
	if (!ret)
		ret = mdev_device_destroy(mdev, false);
	up_read(&parent->unreg_sem);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(mdev_device_remove);

/* Remove a device whose parent goes away, and which nobody else can remove. */
void mdev_device_remove_forced(struct mdev_device *mdev)
{
	lockdep_assert_held_write(&mdev->type->parent->unreg_sem);
	atomic_add(MDEV_GOING, &mdev->users);
	mdev_device_destroy(mdev, true);
}

static int __init mdev_init(void)
{
	int ret;

	ret = rhashtable_init(&mdev_table, &mdev_table_params);
	if (ret)
		return ret;
	ret = mdev_bus_init();
	if (ret)
		goto out_table;
	ret = mdev_parents_init();
	if (ret)
		goto out_bus;
	return 0;

out_bus:
	mdev_bus_exit();
out_table:
	rhashtable_destroy(&mdev_table);
	return ret;
}

/* Before any vendor driver that is built in */
subsys_initcall(mdev_init);

static void __exit mdev_exit(void)
{
	mdev_parents_exit();
	mdev_bus_exit();
	rhashtable_destroy(&mdev_table);
}
module_exit(mdev_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Mediated devices");
