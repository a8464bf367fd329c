// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_FEATURE_DMA_LOGGING_*: the log of the memory that a device writes.
 * VFIO core checks neither the order of the requests nor the alignment of a
 * report; &struct mdev_dirty_log_ops sees valid requests only. dirty_pages.c has the
 * log of a driver without one of its own.
 */

#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/interval_tree.h>
#include <linux/rbtree.h>

#include "private.h"

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

/* All waits are killable: a report can sleep as long as userspace likes. */
static int vfio_mdev_log_begin(struct vfio_mdev *vmdev)
{
	int ret;

	ret = mdev_wait_resumed(vmdev->mdev);
	if (ret)
		return ret;
	ret = mutex_lock_killable(&vmdev->log_lock);
	if (ret)
		return ret;
	ret = mdev_callback_enter_locked(vmdev->mdev);
	if (ret)
		mutex_unlock(&vmdev->log_lock);
	return ret;
}

static void vfio_mdev_log_end(struct vfio_mdev *vmdev)
{
	mdev_callback_exit(vmdev->mdev);
	mutex_unlock(&vmdev->log_lock);
}

static int vfio_mdev_call_log_start(struct vfio_mdev *vmdev,
				    struct rb_root_cached *ranges,
				    u32 nr_ranges, u64 *page_size)
{
	const struct mdev_dirty_log_ops *ops = vmdev->log_ops;
	int ret;

	if (vmdev->log_page_size)
		return -EINVAL;
	ret = ops->start(vmdev->mdev, ranges, nr_ranges, page_size);
	if (ret)
		return ret;
	if (hweight64(*page_size) != 1) {
		dev_warn_ratelimited(mdev_dev(vmdev->mdev),
				     "dirty_log->start(): page size %#llx is no power of two\n",
				     *page_size);
		ops->stop(vmdev->mdev);
		return -EIO;
	}
	vmdev->log_page_size = *page_size;
	return 0;
}

static int vfio_mdev_log_start(struct vfio_device *vdev,
			       struct rb_root_cached *ranges, u32 nr_ranges,
			       u64 *page_size)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	int ret;

	if (hweight64(*page_size) != 1 || !vfio_mdev_ranges_valid(ranges))
		return -EINVAL;
	ret = vfio_mdev_log_begin(vmdev);
	if (ret)
		return ret;
	ret = vfio_mdev_call_log_start(vmdev, ranges, nr_ranges, page_size);
	vfio_mdev_log_end(vmdev);
	return ret;
}

static int vfio_mdev_call_log_stop(struct vfio_mdev *vmdev)
{
	int ret;

	if (!vmdev->log_page_size)
		return 0;
	ret = vmdev->log_ops->stop(vmdev->mdev);
	if (!ret)
		vmdev->log_page_size = 0;
	return ret;
}

static int vfio_mdev_log_stop(struct vfio_device *vdev)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	int ret;

	ret = vfio_mdev_log_begin(vmdev);
	if (ret)
		return ret;
	ret = vfio_mdev_call_log_stop(vmdev);
	vfio_mdev_log_end(vmdev);
	return ret;
}

/*
 * The driver clears whole pages of its log. The part of a page that is outside
 * of @dirty can't be reported there and would be lost, and iova_bitmap_set()
 * ignores a page altogether that begins before the bitmap. Hence both ends have to
 * be aligned, as in iommufd_check_iova_range().
 */
static int vfio_mdev_log_report(struct vfio_device *vdev, unsigned long iova,
				unsigned long length,
				struct iova_bitmap *dirty)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	int ret;

	if (!length)
		return -EINVAL;
	ret = vfio_mdev_log_begin(vmdev);
	if (ret)
		return ret;
	if (!vmdev->log_page_size ||
	    !IS_ALIGNED((u64)iova | length, vmdev->log_page_size))
		ret = -EINVAL;
	else
		ret = vmdev->log_ops->report(vmdev->mdev, iova, length, dirty);
	vfio_mdev_log_end(vmdev);
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
	/* QEMU does not migrate a device without a log by default */
	/*
	 * VFIO core reports by way of iova_bitmap_alloc(), which is a stub in a
	 * kernel without iommufd: a log could be started, and every report would
	 * fail. Without the feature, VMMs take the dirty pages from type1.
	 */
	if (!IS_ENABLED(CONFIG_IOMMUFD_DRIVER))
		return;

	vmdev->log_ops = vmdev->ops->dirty_log ?:
			 vmdev->ops->migration ? &vfio_mdev_dirty_ops : NULL;
	if (vmdev->log_ops)
		vmdev->vdev.log_ops = &vfio_mdev_log_ops;
}

/* At the last close; an error of &mdev_dirty_log_ops.stop is ignored. */
void vfio_mdev_log_close(struct vfio_mdev *vmdev)
{
	mdev_callback_enter_close(vmdev->mdev);
	vfio_mdev_call_log_stop(vmdev);
	mdev_callback_exit_close(vmdev->mdev);
	vmdev->log_page_size = 0;
}
