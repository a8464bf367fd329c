// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds that mask and unmask interrupts of a mediated device: whoever
 * signals one, such as KVM when a guest has handled a level, makes the vendor's
 * set_irqs be called as if the user had asked for it.
 */

#include <linux/cleanup.h>
#include <linux/lockdep.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "vfio_mdev.h"

/**
 * struct vfio_mdev_irqfd - an eventfd that masks or unmasks a vector
 * @next: in &vfio_mdev.irqfds
 * @vmdev: whose vector it is
 * @action: VFIO_IRQ_SET_ACTION_MASK or VFIO_IRQ_SET_ACTION_UNMASK
 * @index: which kind of interrupt
 * @vector: which of them
 * @virqfd: listens to the eventfd, until somebody has closed that
 * @work: calls the vendor
 */
struct vfio_mdev_irqfd {
	struct list_head next;
	struct vfio_mdev *vmdev;
	u32 action;
	u32 index;
	u32 vector;
	struct virqfd *virqfd;
	struct work_struct work;
};

static void vfio_mdev_irqfd_work(struct work_struct *work)
{
	struct vfio_mdev_irqfd *irqfd =
		container_of(work, struct vfio_mdev_irqfd, work);

	/* There is nobody to give the answer to */
	vfio_mdev_set_irqs(irqfd->vmdev, VFIO_IRQ_SET_DATA_NONE | irqfd->action,
			   irqfd->index, irqfd->vector, 1, NULL);
}

/*
 * Called by the signaller. VFIO's own work would do as well, but the queue that
 * waits for it serves all devices, and a vendor may take its time.
 */
static int vfio_mdev_irqfd_signalled(void *opaque, void *data)
{
	struct vfio_mdev_irqfd *irqfd = opaque;

	schedule_work(&irqfd->work);
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
	INIT_WORK(&irqfd->work, vfio_mdev_irqfd_work);

	ret = vfio_virqfd_enable(irqfd, vfio_mdev_irqfd_signalled, NULL, NULL,
				 &irqfd->virqfd, fd);
	if (ret) {
		kfree(irqfd);
		return ret;
	}
	list_add_tail(&irqfd->next, irqfds);
	return 0;
}

/* What was signalled before still reaches the vendor, nothing does later. */
static void vfio_mdev_irqfds_finish(struct list_head *irqfds)
{
	struct vfio_mdev_irqfd *irqfd, *next;

	list_for_each_entry_safe(irqfd, next, irqfds, next) {
		vfio_virqfd_disable(&irqfd->virqfd);
		flush_work(&irqfd->work);
		kfree(irqfd);
	}
}

/**
 * vfio_mdev_irqfds_end - let eventfds mask and unmask no longer
 * @vmdev: whose interrupts they are about
 * @actions: of VFIO_IRQ_SET_ACTION_MASK and VFIO_IRQ_SET_ACTION_UNMASK
 * @index: which kind of interrupts
 * @start: the first vector that is concerned
 * @count: how many are
 *
 * Waits for the vendor where one of them was signalled before.
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

/* Likewise for all eventfds of a device. */
void vfio_mdev_irqfds_end_all(struct vfio_mdev *vmdev)
{
	lockdep_assert_held(&vmdev->set_irqs_lock);
	vfio_mdev_irqfds_finish(&vmdev->irqfds);
	INIT_LIST_HEAD(&vmdev->irqfds);
}

/**
 * vfio_mdev_irqfds_set - let eventfds mask or unmask from now on
 * @vmdev: whose interrupts they are about
 * @hdr: a valid request with VFIO_IRQ_SET_DATA_EVENTFD
 * @fds: its data: an eventfd for each vector, or -1 for none
 *
 * Those that have done the same until now are replaced, without a signal being
 * lost.
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
