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
 *
 * mdev_pause.c blocks the same callbacks while the parent is paused or dead, and page
 * faults as well, which another percpu_ref counts. This can overlap with a drain:
 * &mdev_callbacks.blocked has the reasons, and the ref is alive while there is none.
 */

#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "compat.h"
#include "mdev_private.h"

/*
 * Called within rcu_read_lock() of percpu_ref_put(), for a ref that other tasks can
 * already have found to be zero: hence mdev_callbacks_free() and kfree_rcu() of the
 * parent.
 */
static void mdev_callbacks_release(struct percpu_ref *ref)
{
	struct mdev_callbacks *callbacks =
		container_of(ref, struct mdev_callbacks, ref);

	wake_up_all(callbacks->paused);
	wake_up_all(&callbacks->idle);
}

static void mdev_faults_release(struct percpu_ref *ref)
{
	wake_up_all(container_of(ref, struct mdev_callbacks, faults)->paused);
}

static struct mdev_callbacks *mdev_callbacks_alloc(void)
{
	struct mdev_callbacks *callbacks;

	callbacks = kzalloc_obj(*callbacks, GFP_KERNEL_ACCOUNT);
	if (!callbacks)
		return NULL;
	if (percpu_ref_init(&callbacks->ref, mdev_callbacks_release,
			    PERCPU_REF_ALLOW_REINIT, GFP_KERNEL_ACCOUNT))
		goto out_free;
	if (percpu_ref_init(&callbacks->faults, mdev_faults_release,
			    PERCPU_REF_ALLOW_REINIT, GFP_KERNEL_ACCOUNT))
		goto out_ref;
	mutex_init(&callbacks->lock);
	init_waitqueue_head(&callbacks->wait);
	init_waitqueue_head(&callbacks->idle);
	return callbacks;

out_ref:
	percpu_ref_exit(&callbacks->ref);
out_free:
	kfree(callbacks);
	return NULL;
}

int mdev_callbacks_create(struct mdev_device *mdev)
{
	struct mdev_callbacks *callbacks = mdev_callbacks_alloc();

	if (!callbacks)
		return -ENOMEM;
	callbacks->paused = &mdev->type->parent->core->run_wait;
	mutex_lock(&mdev->core->callbacks_lock);
	WRITE_ONCE(mdev->callbacks, callbacks);
	mutex_unlock(&mdev->core->callbacks_lock);
	/* The parent can have been paused since the open has begun */
	mdev_follow_parent(mdev);
	return 0;
}

/* percpu_ref_put() can have read data of the ref until a grace period has passed. */
static void mdev_callbacks_free(struct rcu_head *rcu)
{
	struct mdev_callbacks *callbacks =
		container_of(rcu, struct mdev_callbacks, rcu);

	percpu_ref_exit(&callbacks->faults);
	percpu_ref_exit(&callbacks->ref);
	kfree(callbacks);
}

/* When the module is unloaded: mdev_callbacks_free() is in it. */
void mdev_drain_exit(void)
{
	rcu_barrier();
}

/* At the last close: no callback runs, and none can begin. */
void mdev_callbacks_destroy(struct mdev_device *mdev)
{
	struct mdev_callbacks *callbacks = mdev->callbacks;

	mutex_lock(&mdev->core->callbacks_lock);
	WRITE_ONCE(mdev->callbacks, NULL);
	mutex_unlock(&mdev->core->callbacks_lock);
	mutex_destroy(&callbacks->lock);
	/*
	 * Neither percpu_ref_resurrect() nor call_rcu() waits for an earlier callback
	 * of RCU, percpu_ref_call_confirm_rcu(), which ends with percpu_ref_put().
	 */
	if (callbacks->interrupted || callbacks->blocked)
		rcu_barrier();
	call_rcu(&callbacks->rcu, mdev_callbacks_free);
}

/* Add a reason for which no callback may begin; callbacks_lock is held. */
void mdev_callbacks_block(struct mdev_device *mdev, unsigned int reason)
{
	struct mdev_callbacks *callbacks = mdev->callbacks;

	lockdep_assert_held(&mdev->core->callbacks_lock);
	if (!callbacks || callbacks->blocked & reason)
		return;
	if (!callbacks->blocked)
		percpu_ref_kill(&callbacks->ref);
	if (reason == MDEV_BLOCKED_BY_PARENT)
		percpu_ref_kill(&callbacks->faults);
	callbacks->blocked |= reason;
}

static void mdev_callbacks_resurrect(struct mdev_callbacks *callbacks,
				     struct percpu_ref *ref)
{
	if (!percpu_ref_is_zero(ref))
		callbacks->interrupted = true;
	percpu_ref_resurrect(ref);
}

/* Remove a reason; callbacks can begin again with the last one. */
void mdev_callbacks_unblock(struct mdev_device *mdev, unsigned int reason)
{
	struct mdev_callbacks *callbacks = mdev->callbacks;

	lockdep_assert_held(&mdev->core->callbacks_lock);
	if (!callbacks || !(callbacks->blocked & reason))
		return;
	callbacks->blocked &= ~reason;
	if (reason == MDEV_BLOCKED_BY_PARENT)
		mdev_callbacks_resurrect(callbacks, &callbacks->faults);
	if (callbacks->blocked)
		return;
	mdev_callbacks_resurrect(callbacks, &callbacks->ref);
	wake_up_all(&callbacks->wait);
}

/* The parent is dead: end the waits for callbacks and for a drain. */
void mdev_callbacks_wake(struct mdev_device *mdev)
{
	lockdep_assert_held(&mdev->core->callbacks_lock);
	if (!mdev->callbacks)
		return;
	wake_up_all(&mdev->callbacks->wait);
	wake_up_all(&mdev->callbacks->idle);
}

static int mdev_callback_wait(struct mdev_device *mdev, unsigned int task_state)
{
	bool entered = false;
	int ret;

	ret = ___wait_event(mdev->callbacks->wait,
			    (entered = mdev_callback_try_enter(mdev)) ||
			    mdev_is_dead(mdev),
			    task_state, 0, 0, schedule());
	if (entered)
		return 0;
	return ret ?: -EIO;
}

/**
 * mdev_callback_enter_slow - begin a callback, waiting until none is blocked
 * @mdev: the device, which is open
 *
 * Slow path of mdev_callback_enter(). The task can be frozen.
 *
 * Return: 0, -EIO if the parent is dead, or -ERESTARTSYS for a fatal signal.
 */
int mdev_callback_enter_slow(struct mdev_device *mdev)
{
	return mdev_callback_wait(mdev, TASK_KILLABLE | TASK_FREEZABLE);
}
EXPORT_SYMBOL_NS_GPL(mdev_callback_enter_slow, MDEV_BUS_NAMESPACE);

/**
 * mdev_callback_enter_locked - begin a callback with a lock held
 * @mdev: the device, which is open
 *
 * As mdev_callback_enter(), but the task can't be frozen while it waits. Call
 * mdev_wait_resumed() before the lock is taken.
 *
 * Return: 0, -EIO if the parent is dead, or -ERESTARTSYS for a fatal signal.
 */
int mdev_callback_enter_locked(struct mdev_device *mdev)
{
	if (mdev_callback_try_enter(mdev))
		return 0;
	return mdev_callback_wait(mdev, TASK_KILLABLE);
}
EXPORT_SYMBOL_NS_GPL(mdev_callback_enter_locked, MDEV_BUS_NAMESPACE);

/**
 * mdev_callback_enter_close - begin a callback at the last close
 * @mdev: the device, which is being closed
 *
 * Ignores signals: the exit of a killed task can be what closes the device. No
 * callback that waits for userspace runs then, so this waits for a
 * &parent_ops.stop by a write to ``online`` and while the parent is paused, but not
 * for userspace. If the parent is dead, the driver is called nevertheless: so this
 * does not count the callback in &mdev_callbacks.ref, but excludes drains by their
 * lock, and is an operation. mdev_callback_exit_close() has to follow.
 */
void mdev_callback_enter_close(struct mdev_device *mdev)
{
	mutex_lock(&mdev->callbacks->lock);
	mdev_operation_enter_close(mdev);
}
EXPORT_SYMBOL_NS_GPL(mdev_callback_enter_close, MDEV_BUS_NAMESPACE);

/**
 * mdev_callback_exit_close - end what mdev_callback_enter_close() has begun
 * @mdev: the device
 */
void mdev_callback_exit_close(struct mdev_device *mdev)
{
	mdev_operation_exit(mdev);
	mutex_unlock(&mdev->callbacks->lock);
}
EXPORT_SYMBOL_NS_GPL(mdev_callback_exit_close, MDEV_BUS_NAMESPACE);

/**
 * mdev_fault_enter - begin &parent_ops.validate_map_request
 * @mdev: the device, which is open
 *
 * For bus drivers, after mdev_map_begin().
 *
 * Return: true, then mdev_fault_exit() has to follow; or false while the parent is
 *	paused or dead, see mdev_map_wait().
 */
bool mdev_fault_enter(struct mdev_device *mdev)
{
	return percpu_ref_tryget_live(&mdev->callbacks->faults);
}
EXPORT_SYMBOL_NS_GPL(mdev_fault_enter, MDEV_BUS_NAMESPACE);

/**
 * mdev_fault_exit - end what mdev_fault_enter() has begun
 * @mdev: the device
 */
void mdev_fault_exit(struct mdev_device *mdev)
{
	percpu_ref_put(&mdev->callbacks->faults);
}
EXPORT_SYMBOL_NS_GPL(mdev_fault_exit, MDEV_BUS_NAMESPACE);

/**
 * mdev_callback_enter_or_queue - begin a callback, or be woken up to retry
 * @mdev: the device, which is open
 * @entry: entry for the wait queue that mdev_undrain() and mdev_resume_parent() wake
 *	up. Its function must remove it with list_del_init().
 *
 * For work items, which must not wait for userspace.
 *
 * Return: true if the callback has begun, and @entry is not queued; false if
 *	mdev_undrain() calls, or has called, the function of @entry. That does not
 *	happen any more if the parent is dead.
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
 * Return: 0, then mdev_undrain() has to follow, -EIO if the parent is dead, or -EINTR
 *	or -ERESTARTSYS for a fatal signal.
 */
int mdev_drain(struct mdev_device *mdev)
{
	struct mdev_callbacks *callbacks = mdev->callbacks;
	int ret;

	ret = mutex_lock_killable(&callbacks->lock);
	if (ret)
		return ret;
	mutex_lock(&mdev->core->callbacks_lock);
	mdev_callbacks_block(mdev, MDEV_BLOCKED_BY_DRAIN);
	mutex_unlock(&mdev->core->callbacks_lock);
	ret = wait_event_killable(callbacks->idle,
				  percpu_ref_is_zero(&callbacks->ref) ||
				  mdev_is_dead(mdev));
	if (!ret && mdev_is_dead(mdev))
		ret = -EIO;
	if (ret)
		mdev_undrain(mdev);
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
	mutex_lock(&mdev->core->callbacks_lock);
	mdev_callbacks_unblock(mdev, MDEV_BLOCKED_BY_DRAIN);
	mutex_unlock(&mdev->core->callbacks_lock);
	mutex_unlock(&callbacks->lock);
}
EXPORT_SYMBOL_NS_GPL(mdev_undrain, MDEV_BUS_NAMESPACE);

/**
 * mdev_request_reset - request &parent_ops.function_reset after a write
 * @mdev: the device
 *
 * For a write to a register that resets the device, such as PCI's function level
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
