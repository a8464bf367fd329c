// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parent is paused, resumed or dead: "DOC: when the parent is suspended or
 * fails" in mdev.h. Two mechanisms keep callbacks from running then:
 *
 * Those that are called often have percpu_refs in &mdev_device.callbacks, see
 * mdev_drain.c, which mdev_follow_parent() kills and resurrects for each device.
 * All others are operations: mdev_operation_enter() counts them per parent.
 *
 * Whatever changes &mdev_parent_core.run_state calls mdev_follow_parent() for each
 * device afterwards. That reads the state under callbacks_lock and can be repeated,
 * so a device that is added or opened concurrently ends up in the latest state.
 */

#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <kunit/visibility.h>
#include <trace/events/mdev.h>

#include "compat.h"
#include "mdev_private.h"

static struct mdev_parent_core *mdev_parent_core_of(struct mdev_device *mdev)
{
	return mdev->type->parent->core;
}

static enum mdev_run_state mdev_run_state(const struct mdev_parent_core *core)
{
	return READ_ONCE(core->run_state);
}

bool mdev_parent_is_dead(const struct mdev_parent *parent)
{
	return mdev_run_state(parent->core) == MDEV_RUN_DEAD;
}

/**
 * mdev_is_dead - whether mdev_mark_parent_dead() was called for the parent
 * @mdev: the device
 *
 * For bus drivers.
 *
 * Context: any.
 * Return: true if the parent is dead, and stays so.
 */
bool mdev_is_dead(const struct mdev_device *mdev)
{
	return mdev_parent_is_dead(mdev->type->parent);
}
EXPORT_SYMBOL_NS_GPL(mdev_is_dead, MDEV_BUS_NAMESPACE);

/* The list of devices. A node's reference is one to its device. */

static struct mdev_device *mdev_from_node(struct klist_node *node)
{
	return &container_of(node, struct mdev_device_core, parent_node)->mdev;
}

static void mdev_node_get(struct klist_node *node)
{
	get_device(&mdev_from_node(node)->dev);
}

static void mdev_node_put(struct klist_node *node)
{
	put_device(&mdev_from_node(node)->dev);
}

static struct mdev_device *mdev_next_device(struct klist_iter *iter)
{
	struct klist_node *node = klist_next(iter);

	return node ? mdev_from_node(node) : NULL;
}

static int mdev_for_each(struct mdev_parent_core *core,
			 int (*fn)(struct mdev_device *mdev, void *data),
			 void *data)
{
	struct mdev_device *mdev;
	struct klist_iter iter;
	int ret = 0;

	klist_iter_init(&core->devices, &iter);
	while (!ret && (mdev = mdev_next_device(&iter)))
		ret = fn(mdev, data);
	klist_iter_exit(&iter);
	return ret;
}

void mdev_pause_init(struct mdev_parent_core *core)
{
	spin_lock_init(&core->run_lock);
	init_waitqueue_head(&core->run_wait);
	mutex_init(&core->pause_lock);
	klist_init(&core->devices, mdev_node_get, mdev_node_put);
}

/**
 * mdev_follow_parent - block or unblock callbacks and faults of a device
 * @mdev: the device
 *
 * Faults are blocked by map_block first and unblocked by it last: a fault that
 * finds &mdev_callbacks.faults dead waits in mdev_map_wait().
 */
void mdev_follow_parent(struct mdev_device *mdev)
{
	struct mdev_parent_core *parent = mdev_parent_core_of(mdev);
	struct mdev_device_core *core = mdev->core;
	enum mdev_run_state state;

	mutex_lock(&core->callbacks_lock);
	state = mdev_run_state(parent);
	if (state == MDEV_RUN_RUNNING) {
		mdev_callbacks_unblock(mdev, MDEV_BLOCKED_BY_PARENT);
		if (core->map_held) {
			core->map_held = false;
			mdev_map_unblock(mdev);
		}
	} else {
		if (!core->map_held) {
			core->map_held = true;
			mdev_map_block(mdev);
		}
		mdev_callbacks_block(mdev, MDEV_BLOCKED_BY_PARENT);
	}
	if (state == MDEV_RUN_DEAD) {
		mdev_callbacks_wake(mdev);
		mdev_map_wake(mdev);
	}
	mutex_unlock(&core->callbacks_lock);
}

static int mdev_follow_one(struct mdev_device *mdev, void *unused)
{
	mdev_follow_parent(mdev);
	return 0;
}

/* After ->create(), within an operation */
void mdev_parent_add_device(struct mdev_device *mdev)
{
	struct mdev_parent_core *core = mdev_parent_core_of(mdev);

	klist_add_tail(&mdev->core->parent_node, &core->devices);
	mdev_follow_parent(mdev);
}

/* Before ->remove(), within an operation; waits for mdev_for_each_device() */
void mdev_parent_del_device(struct mdev_device *mdev)
{
	klist_remove(&mdev->core->parent_node);
}

/* Operations */

static bool mdev_operation_try_enter(struct mdev_parent_core *core,
				     bool even_if_dead)
{
	bool entered;

	spin_lock(&core->run_lock);
	entered = core->run_state == MDEV_RUN_RUNNING ||
		  (core->run_state == MDEV_RUN_DEAD && even_if_dead);
	if (entered)
		core->nr_operations++;
	spin_unlock(&core->run_lock);
	return entered;
}

static int mdev_operation_wait(struct mdev_parent_core *core,
			       unsigned int task_state)
{
	bool entered = mdev_operation_try_enter(core, false);
	int ret = 0;

	if (!entered)
		ret = ___wait_event(core->run_wait,
				    (entered = mdev_operation_try_enter(core, false)) ||
				    mdev_run_state(core) == MDEV_RUN_DEAD,
				    task_state, 0, 0, schedule());
	if (entered)
		return 0;
	return ret ?: -EIO;
}

void mdev_parent_operation_exit(struct mdev_parent *parent)
{
	struct mdev_parent_core *core = parent->core;
	bool wake;

	spin_lock(&core->run_lock);
	wake = !--core->nr_operations && core->run_state != MDEV_RUN_RUNNING;
	spin_unlock(&core->run_lock);
	if (wake)
		wake_up_all(&core->run_wait);
}

/*
 * For a write to a sysfs file, with the of->mutex of kernfs held: interruptible, so
 * that the freezer interrupts it and the write is restarted after resume.
 */
int mdev_parent_operation_enter(struct mdev_parent *parent)
{
	return mdev_operation_wait(parent->core, TASK_INTERRUPTIBLE);
}

/**
 * mdev_operation_enter - begin a callback that mdev_pause_parent() waits for
 * @mdev: the device
 *
 * For bus drivers, around each callback that is not inside of
 * mdev_callback_enter(). Inside of mdev_drain() and of all locks, and not held while
 * waiting for userspace, or a pause would wait as well. Must not be nested.
 *
 * Context: may sleep, while the parent is paused.
 * Return: 0, then mdev_operation_exit() has to follow, -EIO if the parent is dead,
 *	or -ERESTARTSYS for a fatal signal.
 */
int mdev_operation_enter(struct mdev_device *mdev)
{
	return mdev_operation_wait(mdev_parent_core_of(mdev), TASK_KILLABLE);
}
EXPORT_SYMBOL_NS_GPL(mdev_operation_enter, MDEV_BUS_NAMESPACE);

/**
 * mdev_operation_enter_close - begin a callback at the last close, or a removal
 * @mdev: the device
 *
 * As mdev_operation_enter(), but ignores signals, and succeeds if the parent is dead,
 * so that the driver cleans up.
 */
void mdev_operation_enter_close(struct mdev_device *mdev)
{
	struct mdev_parent_core *core = mdev_parent_core_of(mdev);

	wait_event(core->run_wait, mdev_operation_try_enter(core, true));
}
EXPORT_SYMBOL_NS_GPL(mdev_operation_enter_close, MDEV_BUS_NAMESPACE);

/**
 * mdev_operation_exit - end what mdev_operation_enter() has begun
 * @mdev: the device
 */
void mdev_operation_exit(struct mdev_device *mdev)
{
	mdev_parent_operation_exit(mdev->type->parent);
}
EXPORT_SYMBOL_NS_GPL(mdev_operation_exit, MDEV_BUS_NAMESPACE);

/**
 * mdev_wait_resumed - wait while the parent is paused
 * @mdev: the device
 *
 * For bus drivers, before they take a lock to call mdev_operation_enter() or
 * mdev_callback_enter_locked() with it: a task that waits there can't be frozen, and
 * the suspend fails.
 *
 * Context: may sleep; no lock is held.
 * Return: 0, -EIO if the parent is dead, or -ERESTARTSYS for a fatal signal.
 */
int mdev_wait_resumed(struct mdev_device *mdev)
{
	struct mdev_parent_core *core = mdev_parent_core_of(mdev);
	int ret = 0;

	if (mdev_run_state(core) == MDEV_RUN_PAUSED)
		ret = ___wait_event(core->run_wait,
				    mdev_run_state(core) != MDEV_RUN_PAUSED,
				    (TASK_KILLABLE | TASK_FREEZABLE), 0, 0,
				    schedule());
	if (ret)
		return ret;
	return mdev_run_state(core) == MDEV_RUN_DEAD ? -EIO : 0;
}
EXPORT_SYMBOL_NS_GPL(mdev_wait_resumed, MDEV_BUS_NAMESPACE);

/* Pause and resume */

/*
 * Change the state from @from, unless it has changed already. run_lock orders a pause
 * against an unregistration, which blocks users before mdev_parent_end_pause().
 */
static bool mdev_change_run_state(struct mdev_parent_core *core,
				  enum mdev_run_state from,
				  enum mdev_run_state to)
{
	bool changed;

	spin_lock(&core->run_lock);
	changed = core->run_state == from &&
		  (to != MDEV_RUN_PAUSED ||
		   !mdev_parent_is_unregistering(core->parent));
	if (changed)
		WRITE_ONCE(core->run_state, to);
	spin_unlock(&core->run_lock);
	if (!changed)
		return false;
	trace_mdev_parent_state(core->parent, to);
	wake_up_all(&core->run_wait);
	mdev_for_each(core, mdev_follow_one, NULL);
	return true;
}

/* Dereferences callbacks under RCU: a close of a dead device can free them. */
static bool mdev_device_is_idle(struct mdev_device *mdev)
{
	struct mdev_callbacks *callbacks;
	bool idle;

	rcu_read_lock();
	callbacks = READ_ONCE(mdev->callbacks);
	idle = !callbacks || (percpu_ref_is_zero(&callbacks->ref) &&
			      percpu_ref_is_zero(&callbacks->faults));
	rcu_read_unlock();
	return idle;
}

static int mdev_wait_device_idle(struct mdev_device *mdev, void *data)
{
	struct mdev_parent_core *core = mdev_parent_core_of(mdev);
	long *left = data;

	*left = wait_event_timeout(core->run_wait,
				   mdev_device_is_idle(mdev) ||
				   mdev_run_state(core) == MDEV_RUN_DEAD,
				   *left);
	if (*left)
		return 0;
	mdev_log_opener(mdev, "pause: a callback still runs");
	return -EBUSY;
}

/*
 * Operations first: until they have ended, a device can still be opened. What is
 * opened by one of them has its callbacks blocked from the beginning.
 */
static int mdev_wait_idle(struct mdev_parent_core *core, unsigned int timeout_ms)
{
	long left = msecs_to_jiffies(timeout_ms);
	int ret;

	left = wait_event_timeout(core->run_wait,
				  !READ_ONCE(core->nr_operations) ||
				  mdev_run_state(core) == MDEV_RUN_DEAD, left);
	if (left) {
		ret = mdev_for_each(core, mdev_wait_device_idle, &left);
	} else {
		dev_warn_ratelimited(core->parent->dev,
				     "pause: callbacks for open, close, reset, migration or sysfs still run: %u\n",
				     READ_ONCE(core->nr_operations));
		ret = -EBUSY;
	}
	return mdev_run_state(core) == MDEV_RUN_DEAD ? -EIO : ret;
}

static int mdev_call_pause(struct mdev_device *mdev, void *unused)
{
	const struct parent_ops *ops = mdev_parent_ops(mdev);
	int ret;

	if (mdev_is_dead(mdev))
		return -EIO;
	ret = ops->pause ? ops->pause(mdev) : 0;
	mdev->core->pause_called = !ret;
	return ret;
}

static int mdev_call_resume(struct mdev_device *mdev, void *unused)
{
	const struct parent_ops *ops = mdev_parent_ops(mdev);

	/* Of a dead parent, ->release() and ->remove() clean up */
	if (mdev->core->pause_called && ops->resume && !mdev_is_dead(mdev))
		ops->resume(mdev);
	mdev->core->pause_called = false;
	return 0;
}

static void mdev_resume_locked(struct mdev_parent_core *core)
{
	lockdep_assert_held(&core->pause_lock);
	mdev_for_each(core, mdev_call_resume, NULL);
	/* Not if mdev_mark_parent_dead() was faster */
	mdev_change_run_state(core, MDEV_RUN_PAUSED, MDEV_RUN_RUNNING);
}

static int mdev_pause_locked(struct mdev_parent_core *core,
			     unsigned int timeout_ms)
{
	int ret;

	if (!mdev_change_run_state(core, MDEV_RUN_RUNNING, MDEV_RUN_PAUSED))
		return mdev_run_state(core) == MDEV_RUN_DEAD ? -EIO : -ENODEV;
	ret = mdev_wait_idle(core, timeout_ms);
	if (!ret)
		ret = mdev_for_each(core, mdev_call_pause, NULL);
	if (ret)
		mdev_resume_locked(core);
	return ret;
}

static int mdev_pause_nested(struct mdev_parent_core *core,
			     unsigned int timeout_ms)
{
	int ret = 0;

	lockdep_assert_held(&core->pause_lock);
	if (mdev_run_state(core) == MDEV_RUN_DEAD)
		return -EIO;
	if (!core->nr_pauses)
		ret = mdev_pause_locked(core, timeout_ms);
	if (!ret)
		core->nr_pauses++;
	return ret;
}

/**
 * mdev_pause_parent - keep callbacks for all devices of a parent from running
 * @dev: what mdev_register_device() was called with
 * @timeout_ms: how long to wait for callbacks that run, in milliseconds. Counts from
 *	some ten on, since it takes as long to find out whether one runs.
 *
 * For a driver that is about to suspend or reset the physical device, or has to wait
 * for its recovery. Blocks callbacks, waits for those that run and calls
 * &parent_ops.pause of each device. "When the parent is suspended or fails" in mdev.h
 * lists what is blocked. Calls can be nested: only the last mdev_resume_parent()
 * resumes.
 *
 * A callback that accesses userspace memory, as by mdev_dma_rw(), can take as long as
 * userspace likes. Then this resumes all devices and returns -EBUSY, and the caller
 * fails the suspend, or calls mdev_mark_parent_dead().
 *
 * Context: may sleep. Not from a callback of the same parent, nor with a lock held
 *	that a callback takes. Takes ``pause_lock`` of the parent, which is held across
 *	&parent_ops.pause and &parent_ops.resume.
 * Return: 0, then mdev_resume_parent() has to follow, unless the parent is
 *	unregistered before; -EBUSY at the timeout; -EIO if the parent is dead, or was
 *	marked so concurrently; -ENODEV if @dev is not registered, or is being
 *	unregistered; -EOPNOTSUPP for mdev_register_parent(); or what
 *	&parent_ops.pause returns.
 */
int mdev_pause_parent(struct device *dev, unsigned int timeout_ms)
{
	struct mdev_parent *parent = mdev_parent_lookup(dev);
	int ret = -EOPNOTSUPP;

	if (!parent)
		return -ENODEV;
	if (!parent->core->driver) {
		mutex_lock(&parent->core->pause_lock);
		ret = mdev_pause_nested(parent->core, timeout_ms);
		mutex_unlock(&parent->core->pause_lock);
	}
	trace_mdev_pause(parent, ret);
	mdev_parent_put(parent);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pause_parent);

/**
 * mdev_resume_parent - undo mdev_pause_parent()
 * @dev: what mdev_register_device() was called with
 *
 * The last of nested resumes calls &parent_ops.resume of each device and unblocks
 * callbacks. Does nothing if @dev is not paused, is dead or not registered, so that an
 * error handler need not know whether the pause has succeeded.
 *
 * Context: may sleep. As mdev_pause_parent().
 */
void mdev_resume_parent(struct device *dev)
{
	struct mdev_parent *parent = mdev_parent_lookup(dev);

	if (!parent)
		return;
	mutex_lock(&parent->core->pause_lock);
	if (parent->core->nr_pauses && !--parent->core->nr_pauses)
		mdev_resume_locked(parent->core);
	mutex_unlock(&parent->core->pause_lock);
	mdev_parent_put(parent);
}
EXPORT_SYMBOL_GPL(mdev_resume_parent);

/* Death */

static void mdev_set_dead(struct mdev_parent_core *core)
{
	if (mdev_change_run_state(core, MDEV_RUN_RUNNING, MDEV_RUN_DEAD))
		return;
	if (mdev_change_run_state(core, MDEV_RUN_PAUSED, MDEV_RUN_DEAD))
		return;
	/* Another task has; callbacks are blocked when this one returns, too */
	mdev_for_each(core, mdev_follow_one, NULL);
}

/* No pause can begin any more: tasks that wait for the end of one return. */
void mdev_parent_end_pause(struct mdev_parent *parent)
{
	mdev_change_run_state(parent->core, MDEV_RUN_PAUSED, MDEV_RUN_DEAD);
}

/**
 * mdev_mark_parent_dead - make all devices of a parent fail
 * @dev: what mdev_register_device() or mdev_register_parent() was called with
 *
 * Call it when the physical device was removed, or could not be recovered. After it has
 * returned, no callback that accesses the device begins: "When the parent is suspended
 * or fails" in mdev.h lists what userspace gets. A parent that is paused need not be
 * resumed. It stays dead until it is unregistered. Of a parent of
 * mdev_register_parent(), only creations fail.
 *
 * Does not wait for callbacks that run, nor for userspace. Does nothing if @dev is not
 * registered.
 *
 * Context: may sleep. Can be called at any time, also from a callback of the same
 *	parent. Takes ``callbacks_lock`` and ``map_lock`` of each device, which are not
 *	held across callbacks.
 */
void mdev_mark_parent_dead(struct device *dev)
{
	struct mdev_parent *parent = mdev_parent_lookup(dev);

	if (!parent)
		return;
	mdev_set_dead(parent->core);
	mdev_parent_put(parent);
}
EXPORT_SYMBOL_GPL(mdev_mark_parent_dead);

/* See mdev_for_each_device() */
int mdev_visit_devices(struct device *dev,
		       int (*fn)(struct mdev_device *mdev, void *data),
		       void *data)
{
	struct mdev_parent *parent = mdev_parent_lookup(dev);
	int ret;

	if (!parent)
		return -ENODEV;
	ret = mdev_for_each(parent->core, fn, data);
	mdev_parent_put(parent);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_visit_devices);
