// SPDX-License-Identifier: GPL-2.0-only
/*
 * Creation and removal of mediated devices, and their sysfs files. The states of a
 * device and the rules for its users are in mdev_private.h; mdev_open.c has open
 * and close, mdev_register.c the unregistration of a parent.
 */

#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <kunit/visibility.h>
#include <trace/events/mdev.h>

#include "compat.h"
#include "mdev_private.h"

/* A hot unplug repeats ->request() as vfio_unregister_group_dev() does */
#define MDEV_REQUEST_PERIOD	(10 * HZ)

/* All devices by UUID, from before ->create() until after ->remove() */
static struct rhashtable mdev_table;

static const struct rhashtable_params mdev_table_params = {
	.key_len = sizeof_field(struct mdev_device_core, mdev.uuid),
	.key_offset = offsetof(struct mdev_device_core, mdev.uuid),
	.head_offset = offsetof(struct mdev_device_core, node),
	.automatic_shrinking = true,
};

static void mdev_device_release(struct device *dev)
{
	struct mdev_device *mdev = to_mdev_device(dev);

	mdev_type_put(mdev->type);
	mutex_destroy(&mdev->core->callbacks_lock);
	mutex_destroy(&mdev->core->lock);
	/* A concurrent lookup in mdev_table can still compare the UUID */
	kfree_rcu(mdev->core, rcu);
}

/* Link type and device to each other. */
static int mdev_links_add(struct mdev_device *mdev)
{
	struct mdev_type *type = mdev->type;
	struct kobject *kobj = &mdev->dev.kobj;
	int ret;

	ret = sysfs_create_link(type->core->devices_kobj, kobj,
				kobject_name(kobj));
	if (ret)
		return ret;
	ret = sysfs_create_link(kobj, &type->core->kobj, "mdev_type");
	if (ret)
		sysfs_remove_link(type->core->devices_kobj, kobject_name(kobj));
	return ret;
}

static void mdev_links_remove(struct mdev_device *mdev)
{
	struct kobject *kobj = &mdev->dev.kobj;

	sysfs_remove_link(kobj, "mdev_type");
	sysfs_remove_link(mdev->type->core->devices_kobj, kobject_name(kobj));
}

static const struct device_type mdev_device_type;

static struct mdev_device *mdev_device_alloc(struct mdev_type *type,
					     const guid_t *uuid)
{
	const struct parent_ops *ops = type->parent->ops;
	struct mdev_device_core *core;
	struct mdev_device *mdev;

	core = kzalloc_obj(*core);
	if (!core)
		return ERR_PTR(-ENOMEM);
	mdev = &core->mdev;
	mdev->core = core;

	device_initialize(&mdev->dev);
	mdev->dev.parent = type->parent->dev;
	mdev->dev.bus = &mdev_bus_type;
	mdev->dev.type = &mdev_device_type;
	mdev->dev.groups = ops->mdev_attr_groups;
	mdev->dev.release = mdev_device_release;

	mdev_type_get(type);
	mdev->type = type;
	guid_copy(&mdev->uuid, uuid);
	mutex_init(&core->lock);
	mutex_init(&core->callbacks_lock);
	init_rwsem(&core->map_lock);
	core->map_granule = PAGE_SIZE;
	mdev->online = !ops->start;
	core->state = MDEV_CREATING;

	if (dev_set_name(&mdev->dev, "%pUl", uuid)) {
		put_device(&mdev->dev);
		return ERR_PTR(-ENOMEM);
	}
	return mdev;
}

static void mdev_device_free(struct mdev_device *mdev)
{
	mdev_power_put_online(mdev);
	rhashtable_remove_fast(&mdev_table, &mdev->core->node,
			       mdev_table_params);
	put_device(&mdev->dev);
}

/*
 * ->remove(), which waits while the parent is paused and is called even if that is
 * dead. mdev_for_each_device() does not see the device from before on.
 */
static int mdev_call_remove(struct mdev_device *mdev)
{
	int ret;

	mdev_operation_enter_close(mdev);
	mdev_parent_del_device(mdev);
	ret = mdev_parent_ops(mdev)->remove(mdev);
	/* An error is ignored where the device is dead */
	if (ret && READ_ONCE(mdev->core->state) != MDEV_DEAD)
		mdev_parent_add_device(mdev);
	mdev_operation_exit(mdev);
	return ret;
}

/* ->stop() of a device without users, likewise */
static int mdev_stop_unused(struct mdev_device *mdev)
{
	int ret;

	if (!mdev->online || !mdev_parent_ops(mdev)->stop)
		return 0;
	mdev_operation_enter_close(mdev);
	ret = mdev_stop(mdev);
	mdev_operation_exit(mdev);
	return ret;
}

/* Delete a device from the bus, after ->remove(). */
static void mdev_device_delete(struct mdev_device *mdev)
{
	mdev_links_remove(mdev);
	device_del(&mdev->dev);
	/* After device_del(): the UUID can be reused from here on */
	mdev_device_free(mdev);
}

/*
 * Unbind the bus driver and remove the vendor driver's attributes. New users
 * are blocked. A device that is removed by force can still be open; other
 * removals have waited in mdev_wait_for_users().
 */
static void mdev_device_detach(struct mdev_device *mdev)
{
	struct device *dev = &mdev->dev;

	/* From here on mdev_probe() fails */
	device_lock(dev);
	mdev->core->removing = true;
	mdev->core->wanted = dev->driver;
	device_unlock(dev);
	device_release_driver(dev);
	wait_event(mdev_removal_wait, !mdev_has_users(mdev));
	device_remove_groups(dev, dev->groups);
	dev->groups = NULL;
}

/*
 * Mark a device dead: it gets no new users, removals fail with -ENODEV, and
 * ->request() notifies the VMM that has it open. The caller excludes concurrent
 * removals and removes the device next.
 */
void mdev_device_kill(struct mdev_device *mdev)
{
	const struct parent_ops *ops = mdev_parent_ops(mdev);
	int users;

	WRITE_ONCE(mdev->core->state, MDEV_DEAD);
	/* A full barrier: mdev_user_get() that fails from here on sees the state */
	users = atomic_add_return(MDEV_USERS_BLOCKED, &mdev->core->users);
	/* If a creation has failed: wake removals that wait in mdev_claim() */
	wake_up_all(&mdev_removal_wait);
	if (users != MDEV_USERS_BLOCKED && ops->request) {
		trace_mdev_request(mdev, 0);
		ops->request(mdev, 0);
	}
}

/*
 * Remove a dead device. Waits until it is closed. Unbind the bus driver first,
 * since that can have opened the device in its probe.
 */
void mdev_device_remove_forced(struct mdev_device *mdev)
{
	int ret;

	mdev_device_detach(mdev);
	mdev_stop_unused(mdev);
	ret = mdev_call_remove(mdev);
	trace_mdev_remove(mdev, true, ret);
	mdev_device_delete(mdev);
}

/*
 * Send the ADD event and let removals proceed. A removal waits until the state
 * is MDEV_LIVE, so that its REMOVE event comes after the ADD event. Nothing
 * here waits for userspace: a uevent helper is started with UMH_NO_WAIT.
 */
static void mdev_device_announce(struct mdev_device *mdev)
{
	struct device *dev = &mdev->dev;

	/* The lock delays the ONLINE event of a concurrent mdev_start() */
	mutex_lock(&mdev->core->lock);
	dev_set_uevent_suppress(dev, false);
	kobject_uevent(&dev->kobj, KOBJ_ADD);
	if (READ_ONCE(dev->driver))
		kobject_uevent(&dev->kobj, KOBJ_BIND);
	/* mdev_start() has run before, with its event suppressed */
	if (mdev->online && mdev_parent_ops(mdev)->start)
		kobject_uevent(&dev->kobj, KOBJ_ONLINE);
	mutex_unlock(&mdev->core->lock);

	/*
	 * Pairs with READ_ONCE() and cmpxchg() in mdev_claim(). From here on a
	 * removal can free the device.
	 */
	smp_store_release(&mdev->core->state, MDEV_LIVE);
	wake_up_all(&mdev_removal_wait);
}

/* Bind the parent's driver, or return the error of the bus driver's probe. */
static int mdev_device_bind(struct mdev_device *mdev)
{
	struct mdev_device_core *core = mdev->core;
	struct device *dev = &mdev->dev;
	int ret = 0;

	/*
	 * Also with drivers_autoprobe off. Not device_driver_attach(): the driver
	 * can be registered after its parents, and unregistered before them.
	 */
	if (mdev_parent_driver(mdev)) {
		WRITE_ONCE(core->binding, true);
		ret = device_attach(dev);
		if (ret == 1)
			return 0;
	}
	/* Negative if really_probe() failed before or after mdev_probe() */
	if (!ret) {
		device_lock(dev);
		ret = core->probe_error;
		if (!ret && !dev->driver && mdev_parent_driver(mdev))
			ret = -ENODEV;
		device_unlock(dev);
	}
	return ret == -EPROBE_DEFER ? -EAGAIN : ret;
}

static int mdev_device_publish(struct mdev_device *mdev)
{
	int ret;

	/* No ADD event before the links exist and the driver is bound */
	dev_set_uevent_suppress(&mdev->dev, true);
	ret = device_add(&mdev->dev);
	if (ret) {
		mdev_device_kill(mdev);
		/* A write to online can have started the device before */
		mdev_stop_unused(mdev);
		mdev_call_remove(mdev);
		mdev_device_free(mdev);
		return ret;
	}

	ret = mdev_links_add(mdev);
	if (!ret)
		ret = mdev_device_bind(mdev);
	if (ret) {
		mdev_device_kill(mdev);
		mdev_device_remove_forced(mdev);
		return ret;
	}

	mdev_device_announce(mdev);
	return 0;
}

/* ->create(), which waits while the parent is paused */
static int mdev_call_create(struct mdev_device *mdev)
{
	struct mdev_type *type = mdev->type;
	int ret;

	ret = mdev_parent_operation_enter(type->parent);
	if (ret)
		return ret == -EIO ? -ENODEV : ret;
	ret = type->parent->ops->create(&type->core->kobj, mdev);
	if (!ret)
		mdev_parent_add_device(mdev);
	mdev_parent_operation_exit(type->parent);
	return ret;
}

/**
 * mdev_device_create - create a mediated device
 * @type: its type
 * @uuid: its name
 *
 * Context: may sleep, while the parent is paused. Calls &parent_ops.create.
 * Return: 0, -EEXIST if the UUID is taken, -ENODEV if the parent is being
 *	unregistered or is dead, -ENOMEM, -ERESTARTSYS for a signal, or the error of
 *	&parent_ops.create or of the bus driver's probe.
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

	ret = rhashtable_lookup_insert_fast(&mdev_table, &mdev->core->node,
					    mdev_table_params);
	if (ret) {
		put_device(&mdev->dev);
		goto out_leave;
	}

	ret = mdev_call_create(mdev);
	if (ret)
		mdev_device_free(mdev);
	else
		ret = mdev_device_publish(mdev);

out_leave:
	mdev_parent_leave(parent);
out_trace:
	/* Userspace sees -EINTR, or the write is restarted */
	trace_mdev_create(type, uuid, ret == -ERESTARTSYS ? -EINTR : ret);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(mdev_device_create);

/*
 * Make the caller the only one that can remove the device. Waits for a creation
 * that is under way, but not for another removal.
 */
static int mdev_claim(struct mdev_device *mdev)
{
	unsigned int state;
	int ret;

	ret = wait_event_interruptible(mdev_removal_wait,
				       READ_ONCE(mdev->core->state) !=
				       MDEV_CREATING);
	if (ret)
		return ret;
	state = cmpxchg(&mdev->core->state, MDEV_LIVE, MDEV_REMOVING);
	if (state == MDEV_LIVE)
		return 0;
	return state == MDEV_REMOVING ? -EAGAIN : -ENODEV;
}

/*
 * Block new users, or return -EBUSY. Call ->in_use() before blocking them, so
 * that no open fails because of a removal that fails here.
 *
 * A task with an open character device that is not bound can't be notified by
 * ->request(), and vfio_unregister_group_dev() would wait for its close even
 * after SIGKILL: return -EBUSY for it with hot unplug, too.
 */
static int mdev_block_users(struct mdev_device *mdev)
{
	atomic_t *users = &mdev->core->users;

	/* Neither opens nor the driver's users are known, and none is notified. */
	if (mdev_parent_driver(mdev))
		return atomic_cmpxchg(users, 0, MDEV_USERS_BLOCKED) ? -EBUSY : 0;
	if (!mdev_parent_ops(mdev)->hot_unplug) {
		if (mdev_driver_in_use(mdev) ||
		    atomic_cmpxchg(users, 0, MDEV_USERS_BLOCKED))
			return -EBUSY;
		return 0;
	}
	if (!atomic_read(users) && mdev_driver_in_use(mdev))
		return -EBUSY;
	atomic_add(MDEV_USERS_BLOCKED, users);
	return 0;
}

static bool mdev_wait_is_over(struct mdev_device *mdev)
{
	return !mdev_has_users(mdev) ||
	       mdev_parent_is_unregistering(mdev->type->parent);
}

/*
 * Hot unplug: notify the VMM and wait for the last mdev_user_put(), a signal,
 * or the unregistration of the parent, which removes the device itself.
 *
 * The wait is interruptible, not killable, for the freezer: it can't freeze the
 * writer in a killable wait, nor in a TASK_FREEZABLE one with the locks that
 * kernfs and the VFS hold around the write. It interrupts this wait, and the
 * write is restarted after resume.
 */
static int mdev_wait_for_users(struct mdev_device *mdev)
{
	struct mdev_parent *parent = mdev->type->parent;
	const struct parent_ops *ops = parent->ops;
	unsigned int count = 0;
	long ret;

	while (mdev_has_users(mdev)) {
		if (mdev_parent_is_unregistering(parent))
			return -ENODEV;
		if (count)
			mdev_log_opener(mdev, "removal waits for the close");
		if (ops->request) {
			trace_mdev_request(mdev, count);
			ops->request(mdev, count);
		}
		count++;
		ret = wait_event_interruptible_timeout(mdev_removal_wait,
						       mdev_wait_is_over(mdev),
						       MDEV_REQUEST_PERIOD);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/*
 * While the parent is paused, a signal ends the wait for ->stop() and ->remove() here.
 * After this, the parent can still be paused: the callbacks wait for that, too, but
 * uninterruptibly, since the removal can't be undone any more.
 */
static int mdev_wait_until_resumed(struct mdev_device *mdev)
{
	struct mdev_parent *parent = mdev->type->parent;
	int ret;

	ret = mdev_parent_operation_enter(parent);
	if (!ret)
		mdev_parent_operation_exit(parent);
	/* The driver cleans up if the parent is dead */
	return ret == -EIO ? 0 : ret;
}

/* ->remove() has failed: undo mdev_stop() and the removal of attributes. */
static void mdev_device_restore(struct mdev_device *mdev, bool online)
{
	const struct attribute_group **groups =
		mdev_parent_ops(mdev)->mdev_attr_groups;
	struct device *dev = &mdev->dev;

	mdev_operation_enter_close(mdev);
	if (online && !mdev->online && (mdev_is_dead(mdev) || mdev_start(mdev)))
		dev_warn(dev, "remove() failed, not started again: offline\n");
	mdev_operation_exit(mdev);

	if (device_add_groups(dev, groups))
		dev_warn(dev, "remove() failed: attributes are missing\n");
	else
		dev->groups = groups;
}

/*
 * Stop and remove a device that has no users. mdev_open() fails: the count of users has
 * MDEV_USERS_BLOCKED.
 * Call ->stop() first: if it fails, the bus driver has not been unbound, and
 * the device keeps its VFIO group and character device.
 */
static int mdev_device_withdraw(struct mdev_device *mdev)
{
	bool online = mdev->online;
	int ret;

	ret = mdev_stop_unused(mdev);
	if (ret)
		return ret;
	mdev_device_detach(mdev);
	ret = mdev_call_remove(mdev);
	if (ret)
		mdev_device_restore(mdev, online);
	else
		WRITE_ONCE(mdev->core->state, MDEV_DEAD);
	return ret;
}

/* Bind a driver, if one was unbound or refused during the removal. */
static void mdev_device_reattach(struct mdev_device *mdev)
{
	struct device *dev = &mdev->dev;
	bool wanted;

	device_lock(dev);
	mdev->core->removing = false;
	wanted = mdev->core->wanted;
	device_unlock(dev);
	/* device_attach() returns 1 on success, and drops a probe's error */
	if (wanted && device_attach(dev) != 1)
		dev_warn(dev, "remove() failed: no driver is bound\n");
}

/*
 * The removal has failed. Unblock users before binding the driver, which can
 * open the device in its probe. Don't take the device lock unless this removal
 * has taken it before: a concurrent unbind holds it while it waits for a close.
 */
static void mdev_unblock_users(struct mdev_device *mdev)
{
	atomic_sub(MDEV_USERS_BLOCKED, &mdev->core->users);
	/* Set by mdev_device_detach() of this removal */
	if (mdev->core->removing)
		mdev_device_reattach(mdev);
}

/* Has a work for each removal that waits for a driver; flushed by mdev_exit() */
static struct workqueue_struct *mdev_removals;

/**
 * struct mdev_removal - removal of a device by a work
 * @work: removes @mdev and leaves its parent
 * @mdev: the device, with a reference
 * @done: completed when it is removed
 * @ref: held by the work and the writer of ``remove``
 */
struct mdev_removal {
	struct work_struct work;
	struct mdev_device *mdev;
	struct completion done;
	struct kref ref;
};

static void mdev_removal_release(struct kref *ref)
{
	kfree(container_of(ref, struct mdev_removal, ref));
}

static void mdev_removal_work(struct work_struct *work)
{
	struct mdev_removal *removal =
		container_of(work, struct mdev_removal, work);
	struct mdev_device *mdev = removal->mdev;
	struct mdev_parent *parent = mdev->type->parent;

	/* Does not fail without ->stop() and with mdev_instance_remove() */
	if (!mdev_device_withdraw(mdev))
		mdev_device_delete(mdev);
	/* The writer of remove can have been killed */
	trace_mdev_remove(mdev, false, 0);
	complete(&removal->done);
	kref_put(&removal->ref, mdev_removal_release);
	mdev_parent_leave(parent);
	/* Can put the last reference to the parent */
	put_device(&mdev->dev);
}

/*
 * Remove a device of an mdev_driver. Its files are not counted, and unbinding the
 * driver waits for their close in TASK_UNINTERRUPTIBLE. A work item does that, so that
 * the writer of the attribute can be killed; the work continues then.
 */
static int mdev_device_remove_by_work(struct mdev_device *mdev)
{
	struct mdev_removal *removal;
	int ret;

	removal = kzalloc_obj(*removal);
	if (!removal)
		return -ENOMEM;
	INIT_WORK(&removal->work, mdev_removal_work);
	init_completion(&removal->done);
	kref_init(&removal->ref);
	kref_get(&removal->ref);
	removal->mdev = mdev;
	get_device(&mdev->dev);
	/* For mdev_parent_leave() of the work; the caller has entered and leaves too */
	atomic_inc(&mdev->type->parent->core->users);
	queue_work(mdev_removals, &removal->work);
	ret = wait_for_completion_killable(&removal->done);
	kref_put(&removal->ref, mdev_removal_release);
	return ret;
}

/**
 * mdev_device_remove - remove a mediated device, unless it is in use
 * @mdev: the device; the caller has a reference of its own, and one to the
 *	vendor driver's module
 *
 * Context: may sleep. Calls &parent_ops.request, &parent_ops.stop and
 *	&parent_ops.remove. Must not hold an active reference to a sysfs file
 *	of the device.
 * Return: 0, -EBUSY if it is in use and can't be unplugged, -ERESTARTSYS if a
 *	signal ended the wait for its creation or its users, -EAGAIN if another
 *	removal is under way, -ENODEV if it is dead or the parent is being
 *	unregistered, or the error of &parent_ops.stop or &parent_ops.remove.
 */
int mdev_device_remove(struct mdev_device *mdev)
{
	struct mdev_parent *parent = mdev->type->parent;
	int ret;

	ret = -ENODEV;
	if (!mdev_parent_enter(parent))
		goto out_trace;
	ret = mdev_claim(mdev);
	if (ret)
		goto out_leave;
	ret = mdev_block_users(mdev);
	if (ret)
		goto out_live;
	ret = mdev_wait_for_users(mdev);
	if (ret)
		goto out_unblock;
	ret = mdev_wait_until_resumed(mdev);
	if (ret)
		goto out_unblock;
	if (mdev_parent_driver(mdev)) {
		ret = mdev_device_remove_by_work(mdev);
		if (ret == -ENOMEM)
			goto out_unblock;
		mdev_parent_leave(parent);
		if (!ret)
			return 0;
		goto out_trace;
	}
	ret = mdev_device_withdraw(mdev);
	if (ret)
		goto out_unblock;
	mdev_device_delete(mdev);
	goto out_leave;

out_unblock:
	mdev_unblock_users(mdev);
out_live:
	/* Pairs with cmpxchg() in mdev_claim(): the next removal sees it all */
	smp_store_release(&mdev->core->state, MDEV_LIVE);
out_leave:
	mdev_parent_leave(parent);
out_trace:
	/* Userspace sees -EINTR, or the write is restarted */
	trace_mdev_remove(mdev, false, ret == -ERESTARTSYS ? -EINTR : ret);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(mdev_device_remove);

static ssize_t remove_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	struct mdev_device *mdev = to_mdev_device(dev);
	struct module *owner = mdev_parent_ops(mdev)->owner;
	struct kernfs_node *kn;
	unsigned long remove;
	int ret = -ENODEV;

	/* As in mainline: 0 is accepted and does nothing */
	if (kstrtoul(buf, 0, &remove))
		return -EINVAL;
	if (!remove)
		return count;

	/*
	 * The removal waits for all users of the device's files, but can't wait
	 * for this one. Without it, only the vendor's module keeps this module
	 * and the parent's release, which may come with the last reference.
	 */
	if (!try_module_get(owner))
		return -ENODEV;
	/* Parents of mdev_register_parent() have no owner here */
	__module_get(THIS_MODULE);
	kn = sysfs_break_active_protection(&dev->kobj, &attr->attr);
	if (kn) {
		ret = mdev_device_remove(mdev);
		sysfs_unbreak_active_protection(kn);
	}
	module_put(owner);
	module_put(THIS_MODULE);
	return ret ?: count;
}
static DEVICE_ATTR_WO(remove);

static ssize_t online_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%u\n", mdev_is_online(to_mdev_device(dev)));
}

/*
 * Not the driver core's own file of that name, which holds a lock of the whole
 * system around the vendor's callback.
 */
static ssize_t online_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	bool online;
	int ret;

	ret = kstrtobool(buf, &online);
	if (ret)
		return ret;
	ret = mdev_set_online(to_mdev_device(dev), online);
	return ret ?: count;
}
static DEVICE_ATTR_RW(online);

static struct attribute *mdev_device_attrs[] = {
	&dev_attr_remove.attr,
	&dev_attr_online.attr,
	NULL,
};

static umode_t mdev_device_attr_is_visible(struct kobject *kobj,
					   struct attribute *attr, int index)
{
	struct mdev_device *mdev = to_mdev_device(kobj_to_dev(kobj));

	if (attr == &dev_attr_online.attr && !mdev_parent_ops(mdev)->start)
		return 0;
	return attr->mode;
}

static const struct attribute_group mdev_device_group = {
	.attrs = mdev_device_attrs,
	.is_visible = mdev_device_attr_is_visible,
};
__ATTRIBUTE_GROUPS(mdev_device);

/*
 * The type has no name: dev_uevent() would send it as DEVTYPE, and libvirt
 * matches SUBSYSTEM=mdev only in events and udev records without DEVTYPE.
 */
static const struct device_type mdev_device_type = {
	.groups = mdev_device_groups,
};

int __init mdev_devices_init(void)
{
	int ret;

	mdev_removals = alloc_workqueue("mdev_remove", WQ_UNBOUND, 0);
	if (!mdev_removals)
		return -ENOMEM;
	ret = rhashtable_init(&mdev_table, &mdev_table_params);
	if (ret)
		destroy_workqueue(mdev_removals);
	return ret;
}

/* Not __exit: mdev_init() calls it on its error path */
void mdev_devices_exit(void)
{
	destroy_workqueue(mdev_removals);
	rhashtable_destroy(&mdev_table);
}
