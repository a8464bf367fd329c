// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draining: no callback of an open device runs, and none begins, during
 * ->stop(), a reset, or a migration arc that stops the device. The bus driver
 * brackets each callback that has to be drained with mdev_callback_enter() and
 * mdev_callback_exit(); see vfio_mdev_call_driver() for region accesses.
 *
 * A percpu_ref counts the callbacks that run. mdev_drain() kills it, which
 * makes mdev_callback_enter() wait, and waits itself until the count is 0;
 * mdev_undrain() resurrects it. A callback can sleep in a page fault of
 * userspace memory for as long as userspace likes, so a fatal signal ends all
 * waits but that of mdev_callback_enter_close(). mdev_open() allocates it.
 */

#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "compat.h"
#include "mdev_private.h"

static void mdev_callbacks_release(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct mdev_callbacks, ref)->drained);
}

int mdev_callbacks_create(struct mdev_device *mdev)
{
	struct mdev_callbacks *callbacks;
	int ret;

	callbacks = kzalloc_obj(*callbacks, GFP_KERNEL_ACCOUNT);
	if (!callbacks)
		return -ENOMEM;
	ret = percpu_ref_init(&callbacks->ref, mdev_callbacks_release,
			      PERCPU_REF_ALLOW_REINIT, GFP_KERNEL_ACCOUNT);
	if (ret) {
		kfree(callbacks);
		return ret;
	}
	init_completion(&callbacks->drained);
	mutex_init(&callbacks->lock);
	init_waitqueue_head(&callbacks->wait);
	mdev->callbacks = callbacks;
	return 0;
}

/* At the last close: no callback runs, and none can begin. */
void mdev_callbacks_destroy(struct mdev_device *mdev)
{
	struct mdev_callbacks *callbacks = mdev->callbacks;

	mdev->callbacks = NULL;
	mutex_destroy(&callbacks->lock);
	/*
	 * percpu_ref_resurrect() does not wait for the percpu_ref_put() at the
	 * end of percpu_ref_call_confirm_rcu(): a use after free without this.
	 */
	if (callbacks->interrupted)
		rcu_barrier();
	percpu_ref_exit(&callbacks->ref);
	kfree(callbacks);
}

/**
 * mdev_callback_enter_slow - begin a callback, waiting for mdev_undrain()
 * @mdev: the device, which is open
 *
 * Slow path of mdev_callback_enter().
 *
 * Return: 0, or -ERESTARTSYS for a fatal signal.
 */
int mdev_callback_enter_slow(struct mdev_device *mdev)
{
	return wait_event_killable(mdev->callbacks->wait,
				   mdev_callback_try_enter(mdev));
}
EXPORT_SYMBOL_NS_GPL(mdev_callback_enter_slow, MDEV_BUS_NAMESPACE);

/**
 * mdev_callback_enter_close - begin a callback at the last close
 * @mdev: the device, which is being closed
 *
 * Ignores signals: the exit of a killed task can be what closes the device. No
 * callback that waits for userspace runs then, so this waits for a
 * &parent_ops.stop by a write to ``online``, but not for userspace.
 */
void mdev_callback_enter_close(struct mdev_device *mdev)
{
	wait_event(mdev->callbacks->wait, mdev_callback_try_enter(mdev));
}
EXPORT_SYMBOL_NS_GPL(mdev_callback_enter_close, MDEV_BUS_NAMESPACE);

/**
 * mdev_callback_enter_or_queue - begin a callback, or be woken up to retry
 * @mdev: the device, which is open
 * @entry: entry for the wait queue that mdev_undrain() wakes up. Its function
 *	must remove it with list_del_init().
 *
 * For work items, which must not wait for userspace.
 *
 * Return: true if the callback has begun, and @entry is not queued; false if
 *	mdev_undrain() calls, or has called, the function of @entry.
 */
bool mdev_callback_enter_or_queue(struct mdev_device *mdev,
				  struct wait_queue_entry *entry)
{
	struct wait_queue_head *wait = &mdev->callbacks->wait;

	if (mdev_callback_try_enter(mdev))
		return true;
	spin_lock_irq(&wait->lock);
	if (list_empty(&entry->entry))
		__add_wait_queue(wait, entry);
	spin_unlock_irq(&wait->lock);
	/* mdev_undrain() can have woken the queue before @entry was on it. */
	if (!mdev_callback_try_enter(mdev))
		return false;
	mdev_callback_unqueue(mdev, entry);
	return true;
}
EXPORT_SYMBOL_NS_GPL(mdev_callback_enter_or_queue, MDEV_BUS_NAMESPACE);

/**
 * mdev_callback_unqueue - undo mdev_callback_enter_or_queue() that returned false
 * @mdev: the device, which is open
 * @entry: removed from the queue if it is there. Its function is not running
 *	when this returns, so it can be freed.
 */
void mdev_callback_unqueue(struct mdev_device *mdev,
			   struct wait_queue_entry *entry)
{
	struct wait_queue_head *wait = &mdev->callbacks->wait;

	/* Lock even if @entry is off the queue: its function can still run. */
	spin_lock_irq(&wait->lock);
	list_del_init(&entry->entry);
	spin_unlock_irq(&wait->lock);
}
EXPORT_SYMBOL_NS_GPL(mdev_callback_unqueue, MDEV_BUS_NAMESPACE);

/**
 * mdev_drain - block new callbacks, and wait for those that run
 * @mdev: the device, which is open
 *
 * Context: may sleep, for as long as a callback takes. The caller must not be
 *	inside of mdev_callback_enter(), nor hold a lock that a callback takes.
 * Return: 0, then mdev_undrain() has to follow, or -EINTR or -ERESTARTSYS for a
 *	fatal signal.
 */
int mdev_drain(struct mdev_device *mdev)
{
	struct mdev_callbacks *callbacks = mdev->callbacks;
	int ret;

	ret = mutex_lock_killable(&callbacks->lock);
	if (ret)
		return ret;
	reinit_completion(&callbacks->drained);
	percpu_ref_kill(&callbacks->ref);
	/*
	 * After a drain that was interrupted, mdev_callbacks_release() can run
	 * late and complete this one early.
	 */
	do
		ret = wait_for_completion_killable(&callbacks->drained);
	while (!ret && !percpu_ref_is_zero(&callbacks->ref));
	if (ret) {
		callbacks->interrupted = true;
		mdev_undrain(mdev);
	}
	return ret;
}
EXPORT_SYMBOL_NS_GPL(mdev_drain, MDEV_BUS_NAMESPACE);

/**
 * mdev_undrain - undo mdev_drain()
 * @mdev: the device
 *
 * Context: may sleep; the task that called mdev_drain().
 */
void mdev_undrain(struct mdev_device *mdev)
{
	struct mdev_callbacks *callbacks = mdev->callbacks;

	lockdep_assert_held(&callbacks->lock);
	percpu_ref_resurrect(&callbacks->ref);
	wake_up_all(&callbacks->wait);
	mutex_unlock(&callbacks->lock);
}
EXPORT_SYMBOL_NS_GPL(mdev_undrain, MDEV_BUS_NAMESPACE);

/**
 * mdev_request_reset - request &parent_ops.function_reset after a write
 * @mdev: the device
 *
 * For a register whose write resets the device, such as PCI's function level
 * reset. The reset runs after &parent_ops.write has returned, with all
 * callbacks drained, and before write() returns to userspace; but if another
 * task already runs a requested reset, that task runs this one too and write()
 * does not wait. If a task is killed while it waits for callbacks, the next
 * write to any register runs the reset.
 *
 * Context: any, within &parent_ops.write.
 */
void mdev_request_reset(struct mdev_device *mdev)
{
	set_bit(MDEV_RESET_REQUESTED, &mdev->flags);
}
EXPORT_SYMBOL_GPL(mdev_request_reset);
