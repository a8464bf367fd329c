// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_FEATURE of a mediated device, for the features that neither VFIO
 * core nor the files migration.c and dirty_log.c handle:
 * copies data between userspace and &parent_ops.device_feature.
 */

#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "private.h"

/* No VFIO_DEVICE_FEATURE has more data; the rest of a larger argsz is unused. */
#define VFIO_MDEV_FEATURE_SIZE	PAGE_SIZE

/* The number of bytes to copy to userspace, or a negative errno */
static ssize_t vfio_mdev_call_feature(struct vfio_mdev *vmdev, u32 flags,
				      void *data, size_t size)
{
	size_t max = flags & VFIO_DEVICE_FEATURE_GET ? size : 0;
	ssize_t ret;

	ret = mdev_callback_enter(vmdev->mdev);
	if (ret)
		return ret;
	ret = vmdev->ops->device_feature(vmdev->mdev, flags, data, size);
	mdev_callback_exit(vmdev->mdev);
	if (ret <= 0 || ret <= max)
		return ret;
	dev_warn_ratelimited(mdev_dev(vmdev->mdev),
			     "device_feature(): returned %zd for feature %#x, flags %#x (max %zu)\n",
			     ret, flags & VFIO_DEVICE_FEATURE_MASK,
			     flags & ~VFIO_DEVICE_FEATURE_MASK, max);
	return -EIO;
}

static int vfio_mdev_feature_get(struct vfio_mdev *vmdev, u32 flags,
				 void __user *arg, size_t size)
{
	void *data = NULL;
	ssize_t ret;

	if (size) {
		data = kzalloc(size, GFP_KERNEL_ACCOUNT);
		if (!data)
			return -ENOMEM;
	}
	ret = vfio_mdev_call_feature(vmdev, flags, data, size);
	if (ret > 0)
		ret = copy_to_user(arg, data, ret) ? -EFAULT : 0;
	kfree(data);
	return ret;
}

static int vfio_mdev_feature_set(struct vfio_mdev *vmdev, u32 flags,
				 void __user *arg, size_t size)
{
	void *data = NULL;
	int ret;

	if (size) {
		data = memdup_user(arg, size);
		if (IS_ERR(data))
			return PTR_ERR(data);
	}
	ret = vfio_mdev_call_feature(vmdev, flags, data, size);
	kfree(data);
	return ret;
}

/* VFIO core has checked that GET and SET come together with PROBE only. */
int vfio_mdev_device_feature(struct vfio_device *vdev, u32 flags,
			     void __user *arg, size_t argsz)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	size_t size = min(argsz, VFIO_MDEV_FEATURE_SIZE);

	if (!vmdev->ops->device_feature)
		return -ENOTTY;
	if (flags & VFIO_DEVICE_FEATURE_PROBE)
		return vfio_mdev_call_feature(vmdev, flags, NULL, 0);
	if (flags & VFIO_DEVICE_FEATURE_GET)
		return vfio_mdev_feature_get(vmdev, flags, arg, size);
	if (flags & VFIO_DEVICE_FEATURE_SET)
		return vfio_mdev_feature_set(vmdev, flags, arg, size);
	return -EINVAL;
}
