// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls of mdev_pin_pages() and mdev_dma_rw() in kernel threads, such as a work item of
 * the vendor driver: they end when the process that has opened the device is killed.
 * mdev_dma.c has these functions.
 *
 * A page fault of a userfaultfd sleeps until userspace handles it. SIGKILL ends that in a
 * thread of the VMM, but is not sent to a kernel thread, while the threads of the VMM wait
 * for it: in ->release() or ->reset() for the work item, or in an unmap for iommu->lock of
 * type1, which is held across the fault. None of these waits is killable. A timer checks,
 * for as long as such a call sleeps, whether the opener is exiting, and sends SIGKILL to the
 * kernel thread if it is.
 */

#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/timer.h>

#include "compat.h"
#include "mdev_private.h"

/* How long a killed process can wait for a call */
#define MDEV_KTHREAD_CHECK	(HZ / 10)

/*
 * A zombie without threads has closed its files: the device is open in a process that
 * these were passed to.
 */
static bool mdev_opener_killed(const struct mdev_device_core *core)
{
	struct task_struct *leader;

	guard(rcu)();
	leader = pid_task(core->opener_tgid, PIDTYPE_TGID);
	return leader && READ_ONCE(leader->signal->flags) & SIGNAL_GROUP_EXIT &&
	       (!READ_ONCE(leader->exit_state) || get_nr_threads(leader) > 1);
}

static void mdev_kthread_call_expired(struct timer_list *timer)
{
	struct mdev_kthread_call *call =
		container_of(timer, struct mdev_kthread_call, timer);
	const struct mdev_device_core *core = call->core;

	if (READ_ONCE(core->closing) || mdev_opener_killed(core)) {
		call->killed = true;
		send_sig(SIGKILL, call->task, 1);
	} else {
		mod_timer(timer, jiffies + MDEV_KTHREAD_CHECK);
	}
}

/* A kernel thread that has allowed SIGKILL itself ends by its own rules. */
static bool mdev_kthread_ignores_kill(void)
{
	const struct sighand_struct *sighand;

	if (!(current->flags & PF_KTHREAD))
		return false;
	/* A task's own does not change while it runs */
	sighand = rcu_dereference_protected(current->sighand, true);
	return sighand->action[SIGKILL - 1].sa.sa_handler == SIG_IGN;
}

/*
 * Begin a call for a device that mdev_dma_enter() keeps from being closed. Short calls
 * succeed even if the opener has been killed: it can have passed its file to a process
 * that goes on.
 */
void mdev_kthread_call_begin(struct mdev_kthread_call *call, struct mdev_device *mdev)
{
	call->task = NULL;
	call->killed = false;
	if (!mdev_kthread_ignores_kill())
		return;

	call->core = mdev->core;
	call->task = current;
	allow_kernel_signal(SIGKILL);
	timer_setup_on_stack(&call->timer, mdev_kthread_call_expired, 0);
	mod_timer(&call->timer, jiffies + MDEV_KTHREAD_CHECK);
}

/* Returns the result of the call, which is @ret unless SIGKILL has ended it. */
int mdev_kthread_call_end(struct mdev_kthread_call *call, int ret)
{
	if (!call->task)
		return ret;
	timer_delete_sync(&call->timer);
	timer_destroy_on_stack(&call->timer);
	/* This discards a pending SIGKILL as well */
	disallow_signal(SIGKILL);
	return ret && call->killed ? -EINTR : ret;
}
