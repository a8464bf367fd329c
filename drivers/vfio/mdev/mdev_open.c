// SPDX-License-Identifier: GPL-2.0-only
/*
 * Users of a device: open, close, start and stop, and runtime PM of the parent for
 * as long as there is one. Read mdev_drain.c next.
 */

#include <linux/module.h>
#include <linux/pid.h>
#include <linux/pm_runtime.h>
#include <linux/wait.h>
#include <kunit/visibility.h>
#include <trace/events/mdev.h>

#include "compat.h"
#include "mdev_private.h"

/* See mdev_private.h */
DECLARE_WAIT_QUEUE_HEAD(mdev_removal_wait);

/*
 * Keep the device from being removed. Fails with -EAGAIN during a removal that
 * can still fail, and with -ENODEV if the device is certain to be removed.
 */
int mdev_user_get(struct mdev_device *mdev)
{
	if (mdev_parent_is_unregistering(mdev->type->parent))
		return -ENODEV;
	if (atomic_inc_unless_negative(&mdev->core->users))
		return 0;
	/* Pairs with atomic_add_return() in mdev_device_kill() */
	smp_rmb();
	return READ_ONCE(mdev->core->state) == MDEV_DEAD ? -ENODEV : -EAGAIN;
}

void mdev_user_put(struct mdev_device *mdev)
{
	/* Don't access the device after this: a removal can free it */
	if (atomic_dec_return(&mdev->core->users) == MDEV_USERS_BLOCKED)
		wake_up_all(&mdev_removal_wait);
}

/* Resume the parent and hold it, for a user of the device; within an operation. */
static int mdev_power_get(struct mdev_device *mdev, bool *powered)
{
	struct device *dev = mdev_parent_dev(mdev);
	int ret;

	if (*powered || !pm_runtime_enabled(dev))
		return 0;
	ret = pm_runtime_resume_and_get(dev);
	*powered = !ret;
	return ret;
}

static void mdev_power_put(struct mdev_device *mdev, bool *powered)
{
	if (*powered)
		pm_runtime_put(mdev_parent_dev(mdev));
	*powered = false;
}

/* The device is offline, or removed. */
void mdev_power_put_online(struct mdev_device *mdev)
{
	mdev_power_put(mdev, &mdev->core->powered_online);
}

/*
 * Bring the device online. mdev->core->lock is held, or no user is left. Within an
 * operation, as mdev_stop().
 */
int mdev_start(struct mdev_device *mdev)
{
	int ret = mdev_parent_ops(mdev)->start(mdev);

	trace_mdev_online(mdev, true, ret);
	if (!ret) {
		WRITE_ONCE(mdev->online, true);
		kobject_uevent(&mdev->dev.kobj, KOBJ_ONLINE);
	}
	return ret;
}

/* Take the device offline. Same context as mdev_start(). */
int mdev_stop(struct mdev_device *mdev)
{
	int ret;

	/* Region accesses fail with -EIO from here on */
	WRITE_ONCE(mdev->online, false);
	/* Faults are SIGBUS from here on, so what is zapped stays unmapped */
	if (!mdev_parent_ops(mdev)->mmap)
		mdev_device_invalidate_mapping(mdev, 0, U64_MAX);
	ret = mdev_parent_ops(mdev)->stop(mdev);
	trace_mdev_online(mdev, false, ret);
	if (ret)
		WRITE_ONCE(mdev->online, true);
	else
		kobject_uevent(&mdev->dev.kobj, KOBJ_OFFLINE);
	return ret;
}

static int mdev_start_by_write(struct mdev_device *mdev)
{
	bool *powered = &mdev->core->powered_online;
	int ret;

	ret = mdev_parent_operation_enter(mdev->type->parent);
	if (ret)
		return ret;
	ret = mdev_power_get(mdev, powered);
	if (!ret && !mdev->online)
		ret = mdev_start(mdev);
	if (ret)
		mdev_power_put(mdev, powered);
	mdev_parent_operation_exit(mdev->type->parent);
	return ret;
}

static int mdev_stop_by_write(struct mdev_device *mdev)
{
	int ret;

	ret = mdev_parent_operation_enter(mdev->type->parent);
	if (ret)
		return ret;
	if (mdev->online)
		ret = mdev_stop(mdev);
	if (!ret)
		mdev_power_put_online(mdev);
	mdev_parent_operation_exit(mdev->type->parent);
	return ret;
}

/* The same with callbacks drained, if the device is open; killable */
static int mdev_stop_drained(struct mdev_device *mdev)
{
	int ret;

	if (!mdev->callbacks || !mdev->online)
		return mdev_stop_by_write(mdev);
	ret = mdev_drain(mdev);
	if (ret)
		return ret;
	ret = mdev_stop_by_write(mdev);
	mdev_undrain(mdev);
	return ret;
}

/**
 * mdev_set_online - start or stop a device, for a write to its online file
 * @mdev: a device of a driver with &parent_ops.start and &parent_ops.stop
 * @online: the new state
 *
 * After a write of 1, the last close leaves a device online that an open had
 * started.
 *
 * Context: may sleep, for as long as a callback that is drained, or while the parent
 *	is paused.
 * Return: 0, -EAGAIN if a removal is under way that can still fail, -ENODEV if
 *	the device is certain to be removed, -EINTR or -ERESTARTSYS for a signal, -EIO
 *	if the parent is dead, an error of pm_runtime_resume_and_get(), or what
 *	&parent_ops.start or &parent_ops.stop returns.
 */
int mdev_set_online(struct mdev_device *mdev, bool online)
{
	int ret;

	ret = mdev_user_get(mdev);
	if (ret)
		return ret;

	/* mdev_stop_drained() can hold it for as long as userspace likes. */
	ret = mutex_lock_killable(&mdev->core->lock);
	if (ret)
		goto out_put;
	ret = online ? mdev_start_by_write(mdev) : mdev_stop_drained(mdev);
	if (!ret)
		mdev->core->started_by_open = false;
	mutex_unlock(&mdev->core->lock);

out_put:
	mdev_user_put(mdev);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(mdev_set_online);

/* Stop the device if mdev_start_and_open() has started it. */
static void mdev_stop_after_open(struct mdev_device *mdev)
{
	if (!mdev->core->started_by_open)
		return;
	mdev->core->started_by_open = false;
	if (mdev_stop(mdev))
		dev_warn_ratelimited(&mdev->dev,
				     "stop() failed at close: stays online\n");
}

/**
 * mdev_close_begin - announce the last close of a device
 * @mdev: the device, opened with mdev_open()
 *
 * For a bus driver that waits for locks or callbacks before it calls mdev_close(): these
 * can wait for a work item of the vendor driver. From now on, a page fault of userspace
 * memory in mdev_pin_pages() or mdev_dma_rw() of a kernel thread ends with -EINTR.
 *
 * Context: any context, before mdev_close().
 */
void mdev_close_begin(struct mdev_device *mdev)
{
	WRITE_ONCE(mdev->core->closing, true);
}
EXPORT_SYMBOL_NS_GPL(mdev_close_begin, MDEV_BUS_NAMESPACE);

static int mdev_start_and_open(struct mdev_device *mdev)
{
	const struct parent_ops *ops = mdev_parent_ops(mdev);
	int ret;

	if (!mdev->online) {
		ret = mdev_start(mdev);
		if (ret)
			return ret;
		mdev->core->started_by_open = true;
	}
	ret = ops->open ? ops->open(mdev) : 0;
	if (ret) {
		mdev_close_begin(mdev);
		mdev_stop_after_open(mdev);
	}
	return ret;
}

/* Set the driver and the mapping that calls of the vendor driver apply to */
static void mdev_set_opener(struct mdev_device *mdev,
			    struct mdev_bus_driver *drv,
			    struct address_space *mapping)
{
	down_write(&mdev->core->map_lock);
	mdev->core->mapping = mapping;
	mdev->core->map_granule = PAGE_SIZE;
	up_write(&mdev->core->map_lock);
	/* mdev_dma_enter() reads it without a lock, and opener_tgid next */
	smp_store_release(&mdev->core->opener, drv);
}

/*
 * Keep which process has opened the device, for mdev_log_opener() and, while there is an
 * opener or one of its calls, for mdev_dma_kthread.c.
 */
static void mdev_set_opener_tgid(struct mdev_device *mdev, struct pid *tgid)
{
	struct mdev_device_core *core = mdev->core;

	mutex_lock(&core->callbacks_lock);
	swap(core->opener_tgid, tgid);
	if (core->opener_tgid)
		get_task_comm(core->opener_comm, current->group_leader);
	mutex_unlock(&core->callbacks_lock);
	put_pid(tgid);
}

/**
 * mdev_log_opener - log which process has the device open
 * @mdev: the device
 * @reason: what waits for it
 *
 * For waits that a process can prolong: names the thread group that has called
 * mdev_open(), which can have passed the file to another one. Does nothing if the
 * device is closed.
 *
 * Context: may sleep. Takes ``callbacks_lock`` of the device.
 */
void mdev_log_opener(struct mdev_device *mdev, const char *reason)
{
	struct mdev_device_core *core = mdev->core;

	mutex_lock(&core->callbacks_lock);
	if (core->opener_tgid)
		dev_warn_ratelimited(&mdev->dev, "%s, opened by process %d (%s)\n",
				     reason, pid_nr(core->opener_tgid),
				     core->opener_comm);
	mutex_unlock(&core->callbacks_lock);
}
EXPORT_SYMBOL_NS_GPL(mdev_log_opener, MDEV_BUS_NAMESPACE);

/* Undo what mdev_open_powered() has set up. */
static void mdev_close_powered(struct mdev_device *mdev)
{
	mdev_set_opener(mdev, NULL, NULL);
	mdev_callbacks_destroy(mdev);
}

/* The same after the operation, so that a pause of the parent does not wait for it */
static void mdev_close_dma(struct mdev_device *mdev)
{
	mdev_dma_wait(mdev);
	mdev_set_opener_tgid(mdev, NULL);
}

static int mdev_open_powered(struct mdev_device *mdev,
			     struct address_space *mapping)
{
	int ret;

	ret = mdev_callbacks_create(mdev);
	if (ret)
		return ret;
	clear_bit(MDEV_RESET_REQUESTED, &mdev->flags);
	WRITE_ONCE(mdev->core->closing, false);
	mdev->core->nr_opens++;
	mdev_set_opener_tgid(mdev, get_task_pid(current, PIDTYPE_TGID));
	mdev_set_opener(mdev,
			to_mdev_bus_driver(to_mdev_driver(mdev->dev.driver)),
			mapping);
	ret = mdev_start_and_open(mdev);
	if (ret)
		mdev_close_powered(mdev);
	return ret;
}

static int mdev_open_locked(struct mdev_device *mdev,
			    struct address_space *mapping)
{
	bool *powered = &mdev->core->powered_open;
	int ret;

	lockdep_assert_held(&mdev->core->lock);
	ret = mdev_operation_enter(mdev);
	if (ret)
		return ret == -EIO ? -ENODEV : ret;
	ret = mdev_power_get(mdev, powered);
	if (!ret)
		ret = mdev_open_powered(mdev, mapping);
	if (ret)
		mdev_power_put(mdev, powered);
	mdev_operation_exit(mdev);
	if (ret)
		mdev_close_dma(mdev);
	return ret;
}

/**
 * mdev_open - first open of a device
 * @mdev: the device, bound to the caller's driver
 * @mapping: address space in which userspace maps its regions, or NULL; must
 *	stay until mdev_close()
 *
 * For bus drivers. Takes a reference to the vendor driver's module, resumes the parent
 * by runtime PM, and calls &parent_ops.start and &parent_ops.open. Not called again
 * before mdev_close().
 *
 * Context: may sleep, while the parent is paused. Doesn't wait for a removal, which can
 *	itself be waiting for the caller in the bus driver's remove.
 * Return: 0, -EAGAIN if a removal is under way that can still fail, -ENODEV if
 *	the device is certain to be removed, the parent is dead or the module is being
 *	unloaded, -ENOMEM, -EINTR or -ERESTARTSYS for a fatal signal, or the error of
 *	pm_runtime_resume_and_get(), &parent_ops.start or &parent_ops.open.
 */
int mdev_open(struct mdev_device *mdev, struct address_space *mapping)
{
	struct module *owner = mdev_parent_ops(mdev)->owner;
	int ret;

	ret = mdev_user_get(mdev);
	if (ret)
		goto out_trace;
	ret = -ENODEV;
	if (!try_module_get(owner))
		goto out_put;

	/* A write to online can hold it while the parent is paused */
	ret = mutex_lock_killable(&mdev->core->lock);
	if (ret)
		goto out_module;
	ret = mdev_open_locked(mdev, mapping);
	mutex_unlock(&mdev->core->lock);
	if (!ret)
		goto out_trace;

out_module:
	module_put(owner);
out_put:
	mdev_user_put(mdev);
out_trace:
	trace_mdev_open(mdev, ret);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(mdev_open, MDEV_BUS_NAMESPACE);

/**
 * mdev_close - last close of a device
 * @mdev: the device, opened with mdev_open()
 *
 * When it returns, no mdev_pin_pages(), mdev_unpin_pages(), mdev_dma_rw() or
 * mdev_mark_dirty() of a work item is in the bus driver any more.
 *
 * Context: may sleep, while the parent is paused and for such calls, and ignores
 *	signals. Calls &parent_ops.release and &parent_ops.stop, also if the parent is
 *	dead.
 */
void mdev_close(struct mdev_device *mdev)
{
	const struct parent_ops *ops = mdev_parent_ops(mdev);
	struct module *owner = ops->owner;

	mdev_close_begin(mdev);
	mutex_lock(&mdev->core->lock);
	mdev_operation_enter_close(mdev);
	if (ops->release)
		ops->release(mdev);
	mdev_stop_after_open(mdev);
	mdev_close_powered(mdev);
	mdev_power_put(mdev, &mdev->core->powered_open);
	mdev_operation_exit(mdev);
	mdev_close_dma(mdev);
	mutex_unlock(&mdev->core->lock);

	trace_mdev_close(mdev);
	mdev_user_put(mdev);
	module_put(owner);
}
EXPORT_SYMBOL_NS_GPL(mdev_close, MDEV_BUS_NAMESPACE);

/**
 * mdev_get_kvm - get the KVM that the VMM has associated with a device
 * @mdev: the device
 *
 * A VMM does that with KVM_DEV_VFIO_FILE_ADD before it opens the device, so the
 * return value does not change while the device is open. The bus driver holds a
 * reference to it for that time. A driver that uses it longer takes its own with
 * kvm_get_kvm().
 *
 * Context: any, from the call of &parent_ops.open (and of &parent_ops.start, if
 *	that runs for the open) until &parent_ops.release returns.
 * Return: the KVM; NULL if there is none, such as for a VMM that emulates the
 *	processor, or if the device is not open.
 */
struct kvm *mdev_get_kvm(struct mdev_device *mdev)
{
	const struct mdev_bus_driver *drv = READ_ONCE(mdev->core->opener);

	return drv && drv->get_kvm ? drv->get_kvm(mdev) : NULL;
}
EXPORT_SYMBOL_GPL(mdev_get_kvm);
