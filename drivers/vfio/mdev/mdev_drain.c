// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draining: no callback of an open device runs, and none begins, while its
 * driver's stop, reset or migration stop does. The bus driver brackets each
 * callback that has to be drained with mdev_callback_enter() and
 * mdev_callback_exit(); see vfio_mdev_region.c for the one that matters most.
 *
 * A percpu_ref counts the callbacks that run. mdev_drain() kills it, which makes
 * mdev_callback_enter() wait, and waits itself until the count is 0;
 * mdev_undrain() resurrects it. All waits end on a fatal signal, since a
 * callback can sleep in a page fault of userspace memory for as long as
 * userspace likes. The count is allocated by mdev_open().
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

/* Nothing has entered, and nothing can: the device is not open any more. */
void mdev_callbacks_destroy(struct mdev_device *mdev)
{
	struct mdev_callbacks *callbacks = mdev->callbacks;

	mdev->callbacks = NULL;
	mutex_destroy(&callbacks->lock);
	/*
	 * percpu_ref_resurrect() waits for percpu_ref_call_confirm_rcu(), but
	 * not for the reference that this puts last.
	 */
	if (callbacks->interrupted)
		rcu_barrier();
	percpu_ref_exit(&callbacks->ref);
	kfree(callbacks);
}

/**
 * mdev_callback_enter_slow - wait until callbacks are not drained
 * @mdev: the device, which is open
 *
 * For mdev_callback_enter().
 *
 * Return: 0, or -ERESTARTSYS for a fatal signal.
 */
int mdev_callback_enter_slow(struct mdev_device *mdev)
{
	return wait_event_killable(mdev->callbacks->wait,
				   mdev_callback_try_enter(mdev));
}
EXPORT_SYMBOL_GPL(mdev_callback_enter_slow);

/**
 * mdev_callback_enter_close - begin a callback at the last close
 * @mdev: the device, which is being closed
 *
 * Waits whatever signals are pending: the device may be closed by the exit of a
 * task that was killed. No other callback runs then, so this waits for a
 * &parent_ops.stop that an administrator requests, but not for userspace.
 */
void mdev_callback_enter_close(struct mdev_device *mdev)
{
	wait_event(mdev->callbacks->wait, mdev_callback_try_enter(mdev));
}
EXPORT_SYMBOL_GPL(mdev_callback_enter_close);

/**
 * mdev_callback_enter_or_queue - begin a callback, or be woken up to retry
 * @mdev: the device, which is open
 * @entry: is put on the queue that mdev_undrain() wakes up. Its function has to
 *	take it from there with list_del_init().
 *
 * For work items, which must not wait for userspace.
 *
 * Return: true with the callback begun and @entry not on the queue.
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
	/* mdev_undrain() can have woken up the queue before. */
	if (!mdev_callback_try_enter(mdev))
		return false;
	mdev_callback_unqueue(mdev, entry);
	return true;
}
EXPORT_SYMBOL_GPL(mdev_callback_enter_or_queue);

/**
 * mdev_callback_unqueue - undo mdev_callback_enter_or_queue() that returned false
 * @mdev: the device, which is open
 * @entry: is taken from the queue if it is there. Its function does not run when
 *	this returns, so it can be freed.
 */
void mdev_callback_unqueue(struct mdev_device *mdev,
			   struct wait_queue_entry *entry)
{
	struct wait_queue_head *wait = &mdev->callbacks->wait;

	/* Unlike finish_wait(), waits for a wake-up that has emptied @entry. */
	spin_lock_irq(&wait->lock);
	list_del_init(&entry->entry);
	spin_unlock_irq(&wait->lock);
}
EXPORT_SYMBOL_GPL(mdev_callback_unqueue);

/**
 * mdev_drain - wait for callbacks, and block new ones
 * @mdev: the device, which is open
 *
 * Context: may sleep, for as long as a callback takes. The caller must not be in
 *	a callback that has entered, nor hold a lock that one takes.
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
EXPORT_SYMBOL_GPL(mdev_drain);

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
EXPORT_SYMBOL_GPL(mdev_undrain);

/**
 * mdev_request_reset - have &parent_ops.function_reset called after a write
 * @mdev: the device
 *
 * For a register whose write resets the device, such as PCI's function level
 * reset. The reset runs when the write has returned, with all callbacks drained,
 * and before the write returns to userspace; but if another task runs a reset of
 * the device already, that task runs this one too and the write is not delayed.
 * A task that is killed while it waits for callbacks leaves the reset to the next
 * write, whatever its register.
 *
 * Context: any, from &parent_ops.write.
 */
void mdev_request_reset(struct mdev_device *mdev)
{
	set_bit(MDEV_RESET_REQUESTED, &mdev->flags);
}
EXPORT_SYMBOL_GPL(mdev_request_reset);
