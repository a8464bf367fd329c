// SPDX-License-Identifier: GPL-2.0-only
/*
 * Logging of the memory that a device writes. VFIO core leaves to the driver
 * what a request means at the wrong moment; the vendor sees none of those.
 */

#include <linux/interval_tree.h>
#include <linux/log2.h>
#include <linux/rbtree.h>

#include "vfio_mdev.h"

/* VFIO core lets ranges of 0 bytes through, with an end before their start. */
static bool vfio_mdev_ranges_valid(struct rb_root_cached *ranges)
{
	struct interval_tree_node *range;
	struct rb_node *node;

	for (node = rb_first_cached(ranges); node; node = rb_next(node)) {
		range = rb_entry(node, struct interval_tree_node, rb);
		if (range->last + 1 == range->start)
			return false;
	}
	return true;
}

static int vfio_mdev_log_start(struct vfio_device *vdev,
			       struct rb_root_cached *ranges, u32 nr_ranges,
			       u64 *page_size)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	int ret = -EINVAL;

	if (!is_power_of_2(*page_size) || !vfio_mdev_ranges_valid(ranges))
		return -EINVAL;

	mutex_lock(&vmdev->log_lock);
	if (!vmdev->logging)
		ret = vmdev->ops->dirty_log->start(vmdev->mdev, ranges,
						   nr_ranges, page_size);
	if (!ret)
		vmdev->logging = true;
	mutex_unlock(&vmdev->log_lock);
	return ret;
}

static int vfio_mdev_log_stop(struct vfio_device *vdev)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	int ret = 0;

	mutex_lock(&vmdev->log_lock);
	if (vmdev->logging)
		ret = vmdev->ops->dirty_log->stop(vmdev->mdev);
	if (!ret)
		vmdev->logging = false;
	mutex_unlock(&vmdev->log_lock);
	return ret;
}

static int vfio_mdev_log_report(struct vfio_device *vdev, unsigned long iova,
				unsigned long length,
				struct iova_bitmap *dirty)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	int ret = -EINVAL;

	if (!length)
		return -EINVAL;

	mutex_lock(&vmdev->log_lock);
	if (vmdev->logging)
		ret = vmdev->ops->dirty_log->report(vmdev->mdev, iova, length,
						    dirty);
	mutex_unlock(&vmdev->log_lock);
	return ret;
}

static const struct vfio_log_ops vfio_mdev_log_ops = {
	.log_start = vfio_mdev_log_start,
	.log_stop = vfio_mdev_log_stop,
	.log_read_and_clear = vfio_mdev_log_report,
};

/* Before the device is registered with VFIO core. */
void vfio_mdev_log_init(struct vfio_mdev *vmdev)
{
	if (vmdev->ops->dirty_log)
		vmdev->vdev.log_ops = &vfio_mdev_log_ops;
}

/* The last user has gone; a refusal of the vendor's changes nothing in that. */
void vfio_mdev_log_close(struct vfio_mdev *vmdev)
{
	vfio_mdev_log_stop(&vmdev->vdev);
	vmdev->logging = false;
}
