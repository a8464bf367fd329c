// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmapping: unpin pages that userspace unmaps from its container or iommufd,
 * and those that are still pinned when it closes the device.
 *
 * vfio_mdev_dma_unmap() waits for VFIO's calls that pin or unpin in the range,
 * calls the driver, and unpins what the driver has left. mdev_pin_pages() takes
 * none of the locks that it holds, so a driver can hold a lock across
 * mdev_pin_pages() and take the same lock in its dma_unmap.
 *
 * VFIO core can call vfio_mdev_dma_unmap() before open_device and after
 * close_device, as long as the device is registered with the container or has
 * an iommufd access. Nothing is pinned then and the driver is not called.
 */

#include <linux/cleanup.h>
#include <linux/limits.h>
#include <linux/minmax.h>

#include "private.h"

static bool vfio_mdev_has_pins(struct vfio_mdev_dma *dma,
			       const struct interval_tree_node *range)
{
	bool found = false;

	scoped_guard(spinlock, &dma->lock)
		found = interval_tree_iter_first(&dma->pins, range->start,
						 range->last);
	return found;
}

static bool vfio_mdev_has_calls(struct vfio_mdev_dma *dma,
				const struct interval_tree_node *range,
				u64 last_seq)
{
	struct vfio_mdev_pin *pin;
	bool found = false;

	scoped_guard(spinlock, &dma->lock)
		list_for_each_entry(pin, &dma->calls, call)
			found |= pin->seq <= last_seq &&
				 pin->node.start <= range->last &&
				 range->start <= pin->node.last;
	return found;
}

/*
 * Wait for calls that unpin, and for calls that pin and have begun before. Don't
 * wait for later ones: they fail in a range that is being unmapped, and a guest can
 * have its device repeat them, so that dma->calls is never empty.
 */
static void vfio_mdev_wait_for_calls(struct vfio_mdev_dma *dma,
				     const struct interval_tree_node *range)
{
	u64 last_seq = 0;

	scoped_guard(spinlock, &dma->lock)
		last_seq = dma->last_seq;
	wait_event(dma->idle, !vfio_mdev_has_calls(dma, range, last_seq));
}

/* Returns the number of pages that were unpinned. */
static unsigned long
vfio_mdev_unpin_range(struct vfio_mdev *vmdev,
		      const struct interval_tree_node *range)
{
	struct vfio_mdev_dma *dma = &vmdev->dma;
	struct vfio_mdev_pin *pin;
	unsigned long npage = 0;

	while ((pin = vfio_mdev_take_pin(dma, range, false))) {
		npage += vfio_mdev_pin_npage(pin);
		vfio_mdev_unpin(vmdev, pin);
	}
	/* mdev_unpin_pages() can be in VFIO with a pin that it took. */
	vfio_mdev_wait_for_calls(dma, range);
	return npage;
}

static void vfio_mdev_unmap_range(struct vfio_mdev *vmdev,
				  const struct interval_tree_node *range)
{
	const struct parent_ops *ops = vmdev->ops;
	struct vfio_mdev_dma *dma = &vmdev->dma;
	unsigned long npage;

	vfio_mdev_wait_for_calls(dma, range);
	if (!vfio_mdev_has_pins(dma, range))
		return;
	guard(mutex)(&dma->unmap_lock);
	if (dma->open && ops->dma_unmap && vfio_mdev_has_pins(dma, range))
		ops->dma_unmap(vmdev->mdev, range->start,
			       (u64)range->last - range->start + 1);
	npage = vfio_mdev_unpin_range(vmdev, range);
	if (npage)
		dev_warn_ratelimited(mdev_dev(vmdev->mdev),
				     "dma_unmap() left %lu pages pinned between %#lx and %#lx\n",
				     npage, range->start, range->last);
}

void vfio_mdev_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	struct vfio_mdev_dma *dma = &vmdev->dma;
	const struct interval_tree_node range = {
		.start = iova,
		.last = min(iova + length - 1, (u64)ULONG_MAX),
	};

	/* mdev_pin_pages() pins nothing above ULONG_MAX. */
	if (iova > ULONG_MAX || vfio_mdev_block_pins(vmdev, &range))
		return;

	atomic_inc(&dma->nr_unmaps);
	vfio_mdev_unmap_range(vmdev, &range);
	if (atomic_dec_and_test(&dma->nr_unmaps))
		wake_up_all(&dma->idle);
}

/* Begin to open or close the device: unmap_lock excludes ->dma_unmap(). */
void vfio_mdev_dma_begin(struct vfio_mdev *vmdev)
{
	mutex_lock(&vmdev->dma.unmap_lock);
	scoped_guard(spinlock, &vmdev->dma.lock)
		vmdev->dma.open = true;
}

/* End of open or close. Unless @open, block new pins and unpin all pages. */
void vfio_mdev_dma_end(struct vfio_mdev *vmdev, bool open)
{
	const struct interval_tree_node all = { .last = ULONG_MAX };
	struct vfio_mdev_dma *dma = &vmdev->dma;
	unsigned long npage;

	if (open) {
		mutex_unlock(&dma->unmap_lock);
		return;
	}
	spin_lock(&dma->lock);
	dma->open = false;
	spin_unlock(&dma->lock);
	vfio_mdev_wait_for_calls(dma, &all);
	npage = vfio_mdev_unpin_range(vmdev, &all);
	mutex_unlock(&dma->unmap_lock);
	if (npage)
		dev_warn_ratelimited(mdev_dev(vmdev->mdev),
				     "release() left %lu pages pinned\n", npage);
	/* iommufd_put_object() does not wake up iommufd_access_destroy(). */
	wait_event(dma->idle, !atomic_read(&dma->nr_unmaps));
}
