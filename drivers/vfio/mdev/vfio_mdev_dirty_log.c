// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_FEATURE_DMA_LOGGING_*: the log of the memory that a device writes.
 * VFIO core checks neither the order of the requests nor the alignment of a
 * report; &struct mdev_dirty_log_ops sees valid requests only.
 */

#include <linux/align.h>
#include <linux/cleanup.h>
#include <linux/interval_tree.h>
#include <linux/log2.h>
#include <linux/rbtree.h>

#include "vfio_mdev.h"

/* VFIO core does not refuse ranges of 0 bytes, with an end before their start. */
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
	int ret;

	if (!is_power_of_2(*page_size) || !vfio_mdev_ranges_valid(ranges))
		return -EINVAL;

	guard(mutex)(&vmdev->log_lock);
	if (vmdev->log_page_size)
		return -EINVAL;
	ret = vmdev->ops->dirty_log->start(vmdev->mdev, ranges, nr_ranges,
					   page_size);
	if (ret)
		return ret;
	if (!is_power_of_2(*page_size)) {
		dev_warn_ratelimited(mdev_dev(vmdev->mdev),
				     "dirty_log->start(): page size %#llx is no power of two\n",
				     *page_size);
		vmdev->ops->dirty_log->stop(vmdev->mdev);
		return -EIO;
	}
	vmdev->log_page_size = *page_size;
	return 0;
}

static int vfio_mdev_log_stop(struct vfio_device *vdev)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	int ret;

	guard(mutex)(&vmdev->log_lock);
	if (!vmdev->log_page_size)
		return 0;
	ret = vmdev->ops->dirty_log->stop(vmdev->mdev);
	if (!ret)
		vmdev->log_page_size = 0;
	return ret;
}

/*
 * The driver clears whole pages of its log. The part of a page that is outside
 * of @dirty can't be reported there and would be lost, and iova_bitmap_set()
 * ignores a page altogether that begins before the bitmap. So both ends have to
 * be aligned, as in iommufd_check_iova_range().
 */
static int vfio_mdev_log_report(struct vfio_device *vdev, unsigned long iova,
				unsigned long length,
				struct iova_bitmap *dirty)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);

	if (!length)
		return -EINVAL;

	guard(mutex)(&vmdev->log_lock);
	if (!vmdev->log_page_size)
		return -EINVAL;
	if (!IS_ALIGNED((u64)iova | length, vmdev->log_page_size))
		return -EINVAL;
	return vmdev->ops->dirty_log->report(vmdev->mdev, iova, length, dirty);
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

/* At the last close; an error of &mdev_dirty_log_ops.stop is ignored. */
void vfio_mdev_log_close(struct vfio_mdev *vmdev)
{
	vfio_mdev_log_stop(&vmdev->vdev);
	vmdev->log_page_size = 0;
}
