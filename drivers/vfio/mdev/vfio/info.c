// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_GET_INFO of a mediated device. &parent_ops.get_device_info is
 * called once, at open; userspace gets a copy of what it returned then. Regions
 * and interrupt indexes are in region.c and irq.c.
 */

#include <linux/slab.h>
#include <linux/uaccess.h>

#include "private.h"

/* VFIO_DEVICE_FLAGS_CAPS and what belongs to it is not the driver's to set. */
static void vfio_mdev_info_lay_out_caps(struct vfio_mdev *vmdev)
{
	vmdev->info.flags &= ~VFIO_DEVICE_FLAGS_CAPS;
	vmdev->info.cap_offset = 0;
	vmdev->info.pad = 0;
	if (!vmdev->info_caps.size)
		return;
	vmdev->info.flags |= VFIO_DEVICE_FLAGS_CAPS;
	vfio_info_cap_shift(&vmdev->info_caps, sizeof(vmdev->info));
}

/**
 * vfio_mdev_info_init - get from the driver what VFIO_DEVICE_GET_INFO returns
 * @vmdev: the device, after &parent_ops.open
 *
 * Return: 0, the error of mdev_operation_enter(), or what &parent_ops.get_device_info
 *	returns.
 */
int vfio_mdev_info_init(struct vfio_mdev *vmdev)
{
	const struct parent_ops *ops = vmdev->ops;
	int ret;

	vmdev->info = (struct vfio_device_info) {
		.flags = VFIO_DEVICE_FLAGS_PCI |
			 (ops->reset ? VFIO_DEVICE_FLAGS_RESET : 0),
		.num_regions = VFIO_PCI_NUM_REGIONS,
		.num_irqs = VFIO_PCI_NUM_IRQS,
	};
	if (!ops->get_device_info)
		return 0;
	ret = mdev_operation_enter(vmdev->mdev);
	if (ret)
		return ret;
	ret = ops->get_device_info(vmdev->mdev, &vmdev->info,
				   &vmdev->info_caps);
	mdev_operation_exit(vmdev->mdev);
	if (ret)
		vfio_mdev_info_exit(vmdev);
	else
		vfio_mdev_info_lay_out_caps(vmdev);
	return ret;
}

void vfio_mdev_info_exit(struct vfio_mdev *vmdev)
{
	kfree(vmdev->info_caps.buf);
	vmdev->info_caps = (struct vfio_info_cap) {};
}

long vfio_mdev_ioctl_get_info(struct vfio_mdev *vmdev,
			      struct vfio_device_info __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_device_info, num_irqs);
	const struct vfio_info_cap *caps = &vmdev->info_caps;
	struct vfio_device_info info = vmdev->info;

	if (get_user(info.argsz, &arg->argsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	minsz = min_t(size_t, info.argsz, sizeof(info));
	if (caps->size && info.argsz < sizeof(info) + caps->size) {
		info.argsz = sizeof(info) + caps->size;
	} else if (caps->size) {
		info.cap_offset = sizeof(info);
		if (copy_to_user(arg + 1, caps->buf, caps->size))
			return -EFAULT;
	}
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}
