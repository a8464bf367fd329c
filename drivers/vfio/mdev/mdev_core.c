// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a mediated device: creation and removal, and the module itself.
 *
 * Who may do what to a device is settled by four things, none of them held by
 * another device:
 *
 * - the parent's users count: creations and removals of devices count in it,
 *   and fail once the parent has begun to go;
 * - MDEV_CLAIMED keeps its creator and its removers apart;
 * - the device's users count: a remover makes it negative, which lets nobody
 *   else in, and goes on when nobody is left;
 * - the device lock, taken by the driver core around probe and remove of the
 *   bus driver.
 */

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include <kunit/visibility.h>
#include <trace/events/mdev.h>

#include "compat.h"
#include "mdev_private.h"

/* How often a removal looks whether the last user has gone */
#define MDEV_USERS_POLL_MS	50
/* How often it asks the user to go */
#define MDEV_REQUEST_PERIOD	(10 * HZ)
/* How long it takes at most when nothing is in its way */
#define MDEV_REMOVAL_USUAL	(5 * HZ)

/* Every device from before its vendor's create until after its remove */
static struct rhashtable mdev_table;

static const struct rhashtable_params mdev_table_params = {
	.key_len = sizeof_field(struct mdev_device, uuid),
	.key_offset = offsetof(struct mdev_device, uuid),
	.head_offset = offsetof(struct mdev_device, node),
	.automatic_shrinking = true,
};

/* Runs the removals that administrators ask for */
static struct workqueue_struct *mdev_removal_wq;

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
	init_rwsem(&mdev->map_lock);
	mdev->map_granule = PAGE_SIZE;
	mdev->online = !ops->start;
	__set_bit(MDEV_CLAIMED, &mdev->flags);

	if (dev_set_name(&mdev->dev, "%pUl", uuid)) {
		put_device(&mdev->dev);
		return ERR_PTR(-ENOMEM);
	}
	return mdev;
}

static void mdev_device_forget(struct mdev_device *mdev)
{
	rhashtable_remove_fast(&mdev_table, &mdev->node, mdev_table_params);
	put_device(&mdev->dev);
}

/*
 * The vendor refused to let go of a device: give back what was taken from it.
 * What can't be given back is said, since the writer gets the vendor's errno.
 */
static void mdev_device_restore(struct mdev_device *mdev, bool online)
{
	const struct attribute_group **groups =
		mdev_parent_ops(mdev)->mdev_attr_groups;
	struct device *dev = &mdev->dev;
	bool wanted;

	if (online && !mdev->online && mdev_start(mdev))
		dev_warn(dev, "offline: not removed, but did not start again\n");

	if (device_add_groups(dev, groups))
		dev_warn(dev, "not removed, but lost its attributes\n");
	else
		dev->groups = groups;

	atomic_sub(MDEV_GOING, &mdev->users);
	device_lock(dev);
	mdev->removing = false;
	wanted = mdev->wanted;
	device_unlock(dev);
	/* device_attach() tells success by 1, and no failure of a probe */
	if (wanted && device_attach(dev) != 1)
		dev_warn(dev, "not removed, but lost its driver\n");
	clear_bit_unlock(MDEV_CLAIMED, &mdev->flags);
}

/*
 * Take the device from the vendor and from the bus. The caller has shut new
 * users out. Unless @forced, a vendor that refuses leaves it as it was.
 */
static int mdev_device_destroy(struct mdev_device *mdev, bool forced)
{
	const struct parent_ops *ops = mdev_parent_ops(mdev);
	struct device *dev = &mdev->dev;
	bool online;
	int ret = 0;

	/* From here on the bus refuses to probe the device */
	device_lock(dev);
	mdev->removing = true;
	mdev->wanted = dev->driver;
	device_unlock(dev);
	device_release_driver(dev);
	wait_var_event(&mdev->users, atomic_read(&mdev->users) == MDEV_GOING);
	device_remove_groups(dev, dev->groups);
	dev->groups = NULL;

	online = mdev->online;
	if (online && ops->stop)
		ret = mdev_stop(mdev);
	if (!ret || forced)
		ret = ops->remove(mdev);
	trace_mdev_remove(mdev, forced, ret);
	if (ret && !forced) {
		mdev_device_restore(mdev, online);
		return ret;
	}

	mdev_links_remove(mdev);
	device_del(dev);
	/* Only now: the name in sysfs has to be free for the next one */
	mdev_device_forget(mdev);
	return 0;
}

/* Tell user space that the device is there, and let it be removed. */
static void mdev_device_announce(struct mdev_device *mdev)
{
	struct device *dev = &mdev->dev;

	/* Who opens it now must not be announced before it */
	mutex_lock(&mdev->lock);
	dev_set_uevent_suppress(dev, false);
	kobject_uevent(&dev->kobj, KOBJ_ADD);
	if (READ_ONCE(dev->driver))
		kobject_uevent(&dev->kobj, KOBJ_BIND);
	/* By someone who was faster than the announcement */
	if (mdev->online && mdev_parent_ops(mdev)->start)
		kobject_uevent(&dev->kobj, KOBJ_ONLINE);
	mutex_unlock(&mdev->lock);

	clear_bit_unlock(MDEV_CLAIMED, &mdev->flags);
}

static int mdev_device_publish(struct mdev_device *mdev)
{
	const struct parent_ops *ops = mdev_parent_ops(mdev);
	int ret;

	/* Links and driver come before the event that makes udev look */
	dev_set_uevent_suppress(&mdev->dev, true);
	ret = device_add(&mdev->dev);
	if (ret) {
		/* Its files were there for a moment */
		if (ops->stop && mdev->online)
			mdev_stop(mdev);
		ops->remove(mdev);
		mdev_device_forget(mdev);
		return ret;
	}

	ret = mdev_links_add(mdev);
	if (!ret) {
		device_lock(&mdev->dev);
		ret = mdev->probe_error;
		device_unlock(&mdev->dev);
	}
	if (ret) {
		mdev_device_shut_out(mdev);
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

	ret = -ENODEV;
	if (!mdev_parent_enter(parent))
		goto out_trace;

	mdev = mdev_device_alloc(type, uuid);
	if (IS_ERR(mdev)) {
		ret = PTR_ERR(mdev);
		goto out_leave;
	}

	ret = rhashtable_lookup_insert_fast(&mdev_table, &mdev->node,
					    mdev_table_params);
	if (ret) {
		put_device(&mdev->dev);
		goto out_leave;
	}

	ret = parent->ops->create(&type->kobj, mdev);
	if (ret)
		mdev_device_forget(mdev);
	else
		ret = mdev_device_publish(mdev);

out_leave:
	mdev_parent_leave(parent);
out_trace:
	trace_mdev_create(type, uuid, ret);
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
		/* It waits for us, and will remove the device itself */
		if (mdev_parent_is_going(mdev->type->parent))
			return -ENODEV;
		if (ops->request && time_after_eq(jiffies, next_request)) {
			trace_mdev_request(mdev, count);
			ops->request(mdev, count++);
			next_request = jiffies + MDEV_REQUEST_PERIOD;
		}
		msleep_interruptible(MDEV_USERS_POLL_MS);
		if (signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/* Let no new users in, and see that the device has none. */
static int mdev_shut_out_all(struct mdev_device *mdev)
{
	int ret;

	if (mdev_parent_ops(mdev)->hot_unplug) {
		atomic_add(MDEV_GOING, &mdev->users);
	} else {
		/* Shut nobody out for a removal that is refused anyway */
		if (mdev_driver_in_use(mdev))
			return -EBUSY;
		if (atomic_cmpxchg(&mdev->users, 0, MDEV_GOING))
			return -EBUSY;
	}

	ret = mdev_wait_for_users(mdev);
	if (ret)
		atomic_sub(MDEV_GOING, &mdev->users);
	return ret;
}

/* Make the caller the only one who deals with the device. */
static int mdev_claim(struct mdev_device *mdev)
{
	int ret;

	if (test_and_set_bit_lock(MDEV_CLAIMED, &mdev->flags)) {
		/* The creator may write bits beside the one that counts here */
		return data_race(device_is_registered(&mdev->dev)) ?
		       -EAGAIN : -ENODEV;
	}

	ret = mdev_shut_out_all(mdev);
	if (ret)
		clear_bit_unlock(MDEV_CLAIMED, &mdev->flags);
	return ret;
}

/*
 * A removal that an administrator asked for. VFIO core waits without a way out
 * for a file that is opened just before the driver is unbound, so that is done
 * by a worker, and the administrator need not wait for that.
 */
struct mdev_removal {
	struct work_struct work;
	struct completion done;
	struct mdev_device *mdev;
	int result;
	/* The administrator and the worker */
	refcount_t refs;
};

static void mdev_removal_put(struct mdev_removal *removal)
{
	if (refcount_dec_and_test(&removal->refs))
		kfree(removal);
}

static void mdev_removal_work(struct work_struct *work)
{
	struct mdev_removal *removal =
		container_of(work, struct mdev_removal, work);
	struct mdev_device *mdev = removal->mdev;
	struct mdev_parent *parent = mdev->type->parent;
	struct module *owner = parent->ops->owner;

	mdev_parent_get(parent);
	removal->result = mdev_device_destroy(mdev, false);
	if (removal->result && refcount_read(&removal->refs) == 1)
		dev_warn(&mdev->dev, "not removed after all: %d\n",
			 removal->result);
	put_device(&mdev->dev);
	mdev_parent_leave(parent);
	/* This may be the last reference to a device of the vendor's module */
	mdev_parent_put(parent);
	module_put(owner);
	complete(&removal->done);
	mdev_removal_put(removal);
}

/* The parent has been entered and the device claimed, which ends here. */
static int mdev_removal_run(struct mdev_removal *removal)
{
	long ret;

	init_completion(&removal->done);
	refcount_set(&removal->refs, 2);
	get_device(&removal->mdev->dev);
	__module_get(mdev_parent_ops(removal->mdev)->owner);
	INIT_WORK(&removal->work, mdev_removal_work);
	queue_work(mdev_removal_wq, &removal->work);

	/* A usual removal is not turned into an error by any odd signal */
	ret = wait_for_completion_killable_timeout(&removal->done,
						   MDEV_REMOVAL_USUAL);
	if (!ret)
		ret = !wait_for_completion_interruptible(&removal->done);
	ret = ret > 0 ? removal->result : -EINTR;
	mdev_removal_put(removal);
	return ret;
}

/**
 * mdev_device_remove - remove a mediated device, if nobody objects
 * @mdev: the device; the caller has a reference of its own, and one to the
 *	vendor's module
 *
 * Context: may sleep. Calls the vendor. Must not hold the device's sysfs files.
 * Return: 0, -EBUSY if it is in use and can't be unplugged, -EINTR if a signal
 *	ended the wait for its user, -EAGAIN if it is being created or removed
 *	by someone else, -ENODEV if it or the parent is going away, -ENOMEM, or
 *	what the vendor says.
 */
int mdev_device_remove(struct mdev_device *mdev)
{
	struct mdev_parent *parent = mdev->type->parent;
	struct mdev_removal *removal;
	int ret;

	removal = kzalloc_obj(*removal);
	if (!removal)
		return -ENOMEM;
	removal->mdev = mdev;

	ret = -ENODEV;
	if (!mdev_parent_enter(parent))
		goto out_free;
	ret = mdev_claim(mdev);
	if (ret)
		goto out_leave;
	return mdev_removal_run(removal);

out_leave:
	mdev_parent_leave(parent);
out_free:
	trace_mdev_remove(mdev, false, ret);
	kfree(removal);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(mdev_device_remove);

/*
 * Let no new users in, and ask those who are there to go. The caller is the
 * only one who can remove the device.
 */
void mdev_device_shut_out(struct mdev_device *mdev)
{
	const struct parent_ops *ops = mdev_parent_ops(mdev);

	atomic_add(MDEV_GOING, &mdev->users);
	if (atomic_read(&mdev->users) != MDEV_GOING && ops->request) {
		trace_mdev_request(mdev, 0);
		ops->request(mdev, 0);
	}
}

/* Remove a device that has been shut out, wait for the users it still has. */
void mdev_device_remove_forced(struct mdev_device *mdev)
{
	mdev_device_destroy(mdev, true);
}

static int __init mdev_init(void)
{
	int ret;

	ret = rhashtable_init(&mdev_table, &mdev_table_params);
	if (ret)
		return ret;
	/* Freezable: vendors are not called while their devices are suspended */
	mdev_removal_wq = alloc_workqueue("mdev_removal",
					  WQ_UNBOUND | WQ_FREEZABLE,
					  WQ_MAX_ACTIVE);
	if (!mdev_removal_wq) {
		ret = -ENOMEM;
		goto out_table;
	}
	ret = mdev_bus_init();
	if (ret)
		goto out_wq;
	ret = mdev_parents_init();
	if (ret)
		goto out_bus;
	return 0;

out_bus:
	mdev_bus_exit();
out_wq:
	destroy_workqueue(mdev_removal_wq);
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
	destroy_workqueue(mdev_removal_wq);
	rhashtable_destroy(&mdev_table);
}
module_exit(mdev_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Mediated devices");
