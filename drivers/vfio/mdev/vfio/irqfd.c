// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds that mask and unmask interrupts of a mediated device: when one is
 * signalled, for example by KVM when a guest acknowledges a level-triggered
 * interrupt, a work calls ->set_irqs() with VFIO_IRQ_SET_DATA_NONE.
 */

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <trace/events/mdev.h>

#include "../compat.h"
#include "private.h"

static unsigned int irqfd_rate = 20000;
module_param(irqfd_rate, uint, 0644);
MODULE_PARM_DESC(irqfd_rate, "Maximum rate, per device and second, of eventfd signals that mask or unmask interrupts; signals in excess are delayed (default 20000)");

/**
 * struct vfio_mdev_irqfd - an eventfd that masks or unmasks a vector
 * @next: in &vfio_mdev.irqfds
 * @vmdev: the device that has the vector
 * @action: VFIO_IRQ_SET_ACTION_MASK or VFIO_IRQ_SET_ACTION_UNMASK
 * @index: interrupt index
 * @vector: number of the vector in that index
 * @virqfd: waits for signals; NULL when the last file of the eventfd was closed
 * @signalled: &parent_ops.set_irqs has not been called for the last signal. No bool:
 *	that of xchg() on s390 can be true for false.
 * @work: calls it
 * @undrain: queues @work at mdev_undrain()
 */
struct vfio_mdev_irqfd {
	struct list_head next;
	struct vfio_mdev *vmdev;
	u32 action;
	u32 index;
	u32 vector;
	struct virqfd *virqfd;
	unsigned int signalled;
	struct delayed_work work;
	struct wait_queue_entry undrain;
};

/**
 * vfio_mdev_set_irqs - call &parent_ops.set_irqs
 * @vmdev: the device
 * @flags: VFIO_IRQ_SET_*, see &parent_ops.set_irqs
 * @index: interrupt index
 * @start: first vector
 * @count: number of vectors
 * @data: data of the type in @flags, or NULL
 *
 * irq_lock serializes the calls from VFIO_DEVICE_SET_IRQS with those from
 * vfio_mdev_irqfd_work(). All of them are inside of mdev_callback_enter().
 *
 * Return: what &parent_ops.set_irqs returns.
 */
int vfio_mdev_set_irqs(struct vfio_mdev *vmdev, u32 flags, u32 index, u32 start,
		       u32 count, void *data)
{
	int ret;

	guard(mutex)(&vmdev->irq_lock);
	ret = vmdev->ops->set_irqs(vmdev->mdev, flags, index, start, count,
				   data);
	trace_mdev_set_irqs(vmdev->mdev, flags, index, start, count, ret);
	return ret;
}

/* Inside of mdev_callback_enter(). There is no caller to return an error to. */
static void vfio_mdev_irqfd_handle(struct vfio_mdev_irqfd *irqfd)
{
	if (xchg(&irqfd->signalled, 0))
		vfio_mdev_set_irqs(irqfd->vmdev,
				   VFIO_IRQ_SET_DATA_NONE | irqfd->action,
				   irqfd->index, irqfd->vector, 1, NULL);
}

/*
 * Does not wait while callbacks are drained: vfio_mdev_irqfds_finish() waits
 * for this work, not killably, and the drain can wait for a callback of another
 * task for as long as userspace likes.
 */
static void vfio_mdev_irqfd_work(struct work_struct *work)
{
	struct vfio_mdev_irqfd *irqfd =
		container_of(work, struct vfio_mdev_irqfd, work.work);

	struct mdev_device *mdev = irqfd->vmdev->mdev;

	if (!mdev_callback_enter_or_queue(mdev, &irqfd->undrain))
		return;
	vfio_mdev_irqfd_handle(irqfd);
	mdev_callback_exit(mdev);
}

/* Called by mdev_undrain() with the lock of its queue held. */
static int vfio_mdev_irqfd_undrained(struct wait_queue_entry *undrain,
				     unsigned int mode, int sync, void *key)
{
	struct vfio_mdev_irqfd *irqfd =
		container_of(undrain, struct vfio_mdev_irqfd, undrain);

	list_del_init(&undrain->entry);
	schedule_delayed_work(&irqfd->work, 0);
	return 0;
}

/*
 * An eventfd can both trigger and unmask a level-triggered interrupt, and two
 * devices can signal each other's eventfds: then each work queues the next one,
 * for as long as userspace likes. Limit that to irqfd_rate works a second by
 * delaying those in excess to the next jiffy. Signals of two eventfds of a
 * device can race here, which only makes the count inexact.
 */
static bool vfio_mdev_irqfd_exceeds_rate(struct vfio_mdev *vmdev)
{
	unsigned int max = max(READ_ONCE(irqfd_rate) / HZ, 1U);
	unsigned long now = jiffies;

	if (READ_ONCE(vmdev->irqfd_jiffy) != now) {
		WRITE_ONCE(vmdev->irqfd_jiffy, now);
		atomic_set(&vmdev->nr_irqfd_works, 0);
	}
	return atomic_read(&vmdev->nr_irqfd_works) >= max;
}

/*
 * Called with the lock of the eventfd held and interrupts disabled. A work that
 * is pending already runs after this signal, so no signal is dropped. Don't use
 * the work of struct virqfd: vfio_virqfd_disable() flushes it from a workqueue
 * that all devices share, and ->set_irqs() can take long.
 */
static int vfio_mdev_irqfd_signalled(void *opaque, void *data)
{
	struct vfio_mdev_irqfd *irqfd = opaque;
	struct vfio_mdev *vmdev = irqfd->vmdev;
	unsigned long delay = 0;

	WRITE_ONCE(irqfd->signalled, 1);
	if (vfio_mdev_irqfd_exceeds_rate(vmdev))
		delay = 1;
	if (schedule_delayed_work(&irqfd->work, delay))
		atomic_inc(&vmdev->nr_irqfd_works);
	return 0;
}

static int vfio_mdev_irqfd_begin(struct vfio_mdev *vmdev, u32 action, u32 index,
				 u32 vector, int fd, struct list_head *irqfds)
{
	struct vfio_mdev_irqfd *irqfd;
	int ret;

	irqfd = kzalloc_obj(*irqfd, GFP_KERNEL_ACCOUNT);
	if (!irqfd)
		return -ENOMEM;
	irqfd->vmdev = vmdev;
	irqfd->action = action;
	irqfd->index = index;
	irqfd->vector = vector;
	INIT_DELAYED_WORK(&irqfd->work, vfio_mdev_irqfd_work);
	init_waitqueue_func_entry(&irqfd->undrain, vfio_mdev_irqfd_undrained);
	INIT_LIST_HEAD(&irqfd->undrain.entry);

	ret = vfio_virqfd_enable(irqfd, vfio_mdev_irqfd_signalled, NULL, NULL,
				 &irqfd->virqfd, fd);
	if (ret) {
		kfree(irqfd);
		return ret;
	}
	list_add_tail(&irqfd->next, irqfds);
	return 0;
}

/*
 * Inside of mdev_callback_enter() or mdev_callback_enter_close(). Earlier signals reach
 * the driver before this returns, without the delay, unless the parent is dead; later
 * ones don't.
 */
static void vfio_mdev_irqfds_finish(struct list_head *irqfds)
{
	struct vfio_mdev_irqfd *irqfd, *next;

	list_for_each_entry_safe(irqfd, next, irqfds, next) {
		vfio_virqfd_disable(&irqfd->virqfd);
		disable_delayed_work_sync(&irqfd->work);
		mdev_callback_unqueue(irqfd->vmdev->mdev, &irqfd->undrain);
		if (!mdev_is_dead(irqfd->vmdev->mdev))
			vfio_mdev_irqfd_handle(irqfd);
		kfree(irqfd);
	}
}

/**
 * vfio_mdev_irqfds_end - remove eventfds that mask and unmask
 * @vmdev: the device that has the interrupts
 * @actions: VFIO_IRQ_SET_ACTION_MASK, VFIO_IRQ_SET_ACTION_UNMASK or both
 * @index: interrupt index
 * @start: first vector
 * @count: number of vectors
 *
 * Waits for &parent_ops.set_irqs where one of them was signalled before.
 */
void vfio_mdev_irqfds_end(struct vfio_mdev *vmdev, u32 actions, u32 index,
			  u32 start, u32 count)
{
	struct vfio_mdev_irqfd *irqfd, *next;
	LIST_HEAD(ended);

	lockdep_assert_held(&vmdev->set_irqs_lock);
	list_for_each_entry_safe(irqfd, next, &vmdev->irqfds, next)
		if (irqfd->action & actions && irqfd->index == index &&
		    irqfd->vector >= start && irqfd->vector - start < count)
			list_move_tail(&irqfd->next, &ended);
	vfio_mdev_irqfds_finish(&ended);
}

/* The same for all eventfds of a device. */
void vfio_mdev_irqfds_end_all(struct vfio_mdev *vmdev)
{
	lockdep_assert_held(&vmdev->set_irqs_lock);
	vfio_mdev_irqfds_finish(&vmdev->irqfds);
	INIT_LIST_HEAD(&vmdev->irqfds);
}

/**
 * vfio_mdev_irqfds_set - set eventfds that mask or unmask
 * @vmdev: the device that has the interrupts
 * @hdr: a valid request with VFIO_IRQ_SET_DATA_EVENTFD
 * @fds: its data: an eventfd for each vector, or -1 for none
 *
 * Replaces those that are set for the same action. No signal is dropped by that.
 *
 * Return: 0, or a negative errno with nothing changed.
 */
int vfio_mdev_irqfds_set(struct vfio_mdev *vmdev,
			 const struct vfio_irq_set *hdr, const s32 *fds)
{
	u32 action = hdr->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	LIST_HEAD(begun);
	int ret;
	u32 i;

	for (i = 0; i < hdr->count; i++) {
		if (fds[i] < 0)
			continue;
		ret = vfio_mdev_irqfd_begin(vmdev, action, hdr->index,
					    hdr->start + i, fds[i], &begun);
		if (ret) {
			vfio_mdev_irqfds_finish(&begun);
			return ret;
		}
	}
	vfio_mdev_irqfds_end(vmdev, action, hdr->index, hdr->start, hdr->count);
	list_splice(&begun, &vmdev->irqfds);
	return 0;
}
