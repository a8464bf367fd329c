// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a mediated device: VFIO_DEVICE_GET_IRQ_INFO, and the checks of
 * VFIO_DEVICE_SET_IRQS, so that &parent_ops.set_irqs sees valid requests only.
 * Eventfds that mask and unmask are in irqfd.c.
 */

#include <linux/bitops.h>
#include <linux/cleanup.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "private.h"

static int vfio_mdev_query_irq(struct vfio_mdev *vmdev,
			       struct vfio_irq_info *info)
{
	if (info->index >= vmdev->info.num_irqs)
		return -EINVAL;
	/* Drivers index arrays with this value of userspace */
	info->index = array_index_nospec(info->index, vmdev->info.num_irqs);
	info->flags = 0;
	info->count = 0;
	if (!vmdev->ops->get_irq_info)
		return 0;
	return vmdev->ops->get_irq_info(vmdev->mdev, info);
}

/* The same for an ioctl, which waits while the parent is paused */
static int vfio_mdev_query_irq_running(struct vfio_mdev *vmdev,
				       struct vfio_irq_info *info)
{
	int ret;

	ret = mdev_wait_resumed(vmdev->mdev);
	if (ret)
		return ret;
	ret = mdev_operation_enter(vmdev->mdev);
	if (ret)
		return ret;
	ret = vfio_mdev_query_irq(vmdev, info);
	mdev_operation_exit(vmdev->mdev);
	return ret;
}

long vfio_mdev_ioctl_get_irq_info(struct vfio_mdev *vmdev,
				  struct vfio_irq_info __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info;
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	ret = vfio_mdev_query_irq_running(vmdev, &info);
	if (ret)
		return ret;
	/* As vfio-pci does: for a count of 0, QEMU warns about error recovery */
	if (info.index == VFIO_PCI_ERR_IRQ_INDEX && !info.count &&
	    vmdev->info.flags & VFIO_DEVICE_FLAGS_PCI)
		return -EINVAL;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

/*
 * Checks that vfio_set_irqs_validate_and_prepare() leaves to drivers. As in
 * vfio_pci_set_irqs_ioctl(), return -ENOTTY unless there is exactly one action,
 * which the index supports, and -EINVAL for a count of 0 that does not disable
 * the index.
 */
static int vfio_mdev_check_set_irqs(const struct vfio_irq_set *hdr,
				    const struct vfio_irq_info *info)
{
	u32 action = hdr->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	u32 data_type = hdr->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;

	if (hweight32(action) != 1)
		return -ENOTTY;
	if (action != VFIO_IRQ_SET_ACTION_TRIGGER &&
	    !(info->flags & VFIO_IRQ_INFO_MASKABLE))
		return -ENOTTY;
	if (data_type == VFIO_IRQ_SET_DATA_EVENTFD &&
	    !(info->flags & VFIO_IRQ_INFO_EVENTFD))
		return -ENOTTY;
	if (!hdr->count && (hdr->start ||
			    data_type != VFIO_IRQ_SET_DATA_NONE ||
			    action != VFIO_IRQ_SET_ACTION_TRIGGER))
		return -EINVAL;
	return 0;
}

static int vfio_mdev_request_irqs(struct vfio_mdev *vmdev,
				  const struct vfio_irq_set *hdr, void *data)
{
	bool trigger = hdr->flags & VFIO_IRQ_SET_ACTION_TRIGGER;

	if (hdr->flags & VFIO_IRQ_SET_DATA_EVENTFD && !trigger)
		return vfio_mdev_irqfds_set(vmdev, hdr, data);
	if (!hdr->count)
		vfio_mdev_irqfds_end(vmdev, VFIO_IRQ_SET_ACTION_TYPE_MASK,
				     hdr->index, 0, U32_MAX);
	return vfio_mdev_set_irqs(vmdev, hdr->flags, hdr->index, hdr->start,
				  hdr->count, data);
}

/* All waits are killable: a callback can sleep as long as userspace likes. */
static int vfio_mdev_request_irqs_drainable(struct vfio_mdev *vmdev,
					    const struct vfio_irq_set *hdr,
					    void *data)
{
	int ret;

	ret = mdev_wait_resumed(vmdev->mdev);
	if (ret)
		return ret;
	ret = mutex_lock_killable(&vmdev->set_irqs_lock);
	if (ret)
		return ret;
	ret = mdev_callback_enter_locked(vmdev->mdev);
	if (ret)
		goto out_unlock;
	ret = vfio_mdev_request_irqs(vmdev, hdr, data);
	mdev_callback_exit(vmdev->mdev);
out_unlock:
	mutex_unlock(&vmdev->set_irqs_lock);
	return ret;
}

long vfio_mdev_ioctl_set_irqs(struct vfio_mdev *vmdev,
			      struct vfio_irq_set __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_irq_set, count);
	struct vfio_irq_info info = { .argsz = sizeof(info) };
	struct vfio_irq_set hdr;
	void *data = NULL;
	size_t data_size;
	int ret;

	if (copy_from_user(&hdr, arg, minsz))
		return -EFAULT;

	info.index = hdr.index;
	ret = vfio_mdev_query_irq_running(vmdev, &info);
	if (ret)
		return ret;
	hdr.index = info.index;
	ret = vfio_set_irqs_validate_and_prepare(&hdr, info.count,
						 vmdev->info.num_irqs,
						 &data_size);
	if (ret)
		return ret;
	ret = vfio_mdev_check_set_irqs(&hdr, &info);
	if (ret)
		return ret;
	if (!vmdev->ops->set_irqs)
		return -ENOTTY;

	if (data_size) {
		data = memdup_user(&arg->data, data_size);
		if (IS_ERR(data))
			return PTR_ERR(data);
	}
	ret = vfio_mdev_request_irqs_drainable(vmdev, &hdr, data);
	kfree(data);
	return ret;
}

void vfio_mdev_irqs_init(struct vfio_mdev *vmdev)
{
	mutex_init(&vmdev->set_irqs_lock);
	mutex_init(&vmdev->irq_lock);
	INIT_LIST_HEAD(&vmdev->irqfds);
}

void vfio_mdev_irqs_exit(struct vfio_mdev *vmdev)
{
	mutex_destroy(&vmdev->irq_lock);
	mutex_destroy(&vmdev->set_irqs_lock);
}

/* At the last close: end the eventfds and disable all indexes. */
void vfio_mdev_irqs_tear_down(struct vfio_mdev *vmdev)
{
	struct vfio_irq_info info = { .argsz = sizeof(info) };
	u32 i;

	if (!vmdev->ops->set_irqs)
		return;
	guard(mutex)(&vmdev->set_irqs_lock);
	mdev_callback_enter_close(vmdev->mdev);
	vfio_mdev_irqfds_end_all(vmdev);
	for (i = 0; i < vmdev->info.num_irqs; i++) {
		info.index = i;
		if (!vfio_mdev_query_irq(vmdev, &info) && info.count)
			vfio_mdev_set_irqs(vmdev, VFIO_IRQ_SET_DATA_NONE |
					   VFIO_IRQ_SET_ACTION_TRIGGER,
					   i, 0, 0, NULL);
	}
	mdev_callback_exit_close(vmdev->mdev);
}
