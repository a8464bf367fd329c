// SPDX-License-Identifier: GPL-2.0-only
/*
 * The user's memory: what mdev_pin_pages(), mdev_unpin_pages() and mdev_dma_rw()
 * do for a VFIO device. vfio_mdev_unmap.c has what happens when the user takes
 * memory away.
 *
 * Each pin of a page is a pin in VFIO. We count the pins of each page, see
 * vfio_mdev_pins.c, to know when the vendor has to hear of an unmap, and what it
 * forgot. A page is counted after it was pinned and no more before it is
 * unpinned; what is in between is in the list of calls under way. No lock of ours
 * is held when VFIO is called for the vendor, since VFIO calls us with its own
 * locks held.
 */

#include <linux/iommu.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/sched.h>

#include "vfio_mdev.h"

static bool vfio_mdev_overlap(const struct vfio_mdev_dma_range *one,
			      const struct vfio_mdev_dma_range *other)
{
	return other->first <= one->last && one->first <= other->last;
}

bool vfio_mdev_overlaps_any(const struct list_head *ranges,
			    const struct vfio_mdev_dma_range *range)
{
	const struct vfio_mdev_dma_range *other;

	list_for_each_entry(other, ranges, node) {
		if (vfio_mdev_overlap(other, range))
			return true;
	}
	return false;
}

/* The pages that the vendor asks for */
static int vfio_mdev_dma_range(struct vfio_mdev_dma_range *range,
			       dma_addr_t iova, int npage)
{
	unsigned long size;

	if (npage <= 0 || iova > ULONG_MAX || !PAGE_ALIGNED(iova) ||
	    check_mul_overflow((unsigned long)npage, PAGE_SIZE, &size))
		return -EINVAL;
	range->first = iova;
	if (check_add_overflow(range->first, size - 1, &range->last))
		return -EINVAL;
	return 0;
}

/* iommufd and type1 don't agree how to say that memory is not mapped. */
static int vfio_mdev_dma_result(int ret)
{
	if (ret == -ENOENT)
		return -EINVAL;
	return min(ret, 0);
}

void vfio_mdev_begin_call(struct vfio_mdev_dma *dma,
			  struct vfio_mdev_dma_range *call)
{
	spin_lock(&dma->lock);
	list_add(&call->node, &dma->calls);
	spin_unlock(&dma->lock);
}

static void vfio_mdev_end_call(struct vfio_mdev_dma *dma,
			       struct vfio_mdev_dma_range *call)
{
	/* Who waits may free all this as soon as the lock is released */
	spin_lock(&dma->lock);
	list_del(&call->node);
	vfio_mdev_end_unmaps(dma);
	wake_up_all(&dma->idle);
	spin_unlock(&dma->lock);
}

/* Whether no pin may begin, or go on, in these pages. */
static bool vfio_mdev_is_unmapped(struct vfio_mdev_dma *dma,
				  const struct vfio_mdev_dma_range *call)
{
	lockdep_assert_held(&dma->lock);
	return !dma->open || vfio_mdev_overlaps_any(&dma->unmaps, call);
}

/* As above, but not for pages that are being unmapped. */
static bool vfio_mdev_try_begin_call(struct vfio_mdev_dma *dma,
				     struct vfio_mdev_dma_range *call)
{
	bool refused;

	spin_lock(&dma->lock);
	refused = vfio_mdev_is_unmapped(dma, call);
	if (!refused)
		list_add(&call->node, &dma->calls);
	spin_unlock(&dma->lock);
	return !refused;
}

/*
 * How many pages to pin or unpin at once: iommufd gives back only exactly what
 * was pinned at once. In type1 each call takes a lock that others may want.
 */
static unsigned long vfio_mdev_pages_at_once(struct vfio_mdev *vmdev,
					     unsigned long pages)
{
	if (vmdev->vdev.iommufd_access)
		return 1;
	return min_t(unsigned long, pages, VFIO_PIN_PAGES_MAX_ENTRIES);
}

/*
 * Leave pins to vfio_mdev_unpin_owed() while type1 unmaps memory: calls of a
 * vendor that lets go page by page then become a few of VFIO, and can be made by
 * several threads.
 */
static bool vfio_mdev_owe(struct vfio_mdev *vmdev, unsigned long iova,
			  unsigned long pages)
{
	const struct vfio_mdev_dma_range range = {
		.first = iova,
		.last = iova + pages * PAGE_SIZE - 1,
	};
	struct vfio_mdev_dma *dma = &vmdev->dma;
	bool unmaps;

	if (vmdev->vdev.iommufd_access)
		return false;
	spin_lock(&dma->lock);
	unmaps = !list_empty(&dma->unmaps);
	spin_unlock(&dma->lock);
	if (!unmaps || vfio_mdev_count(dma, &range, true))
		return false;
	vfio_mdev_queue_unmaps(dma);
	return true;
}

static void vfio_mdev_unpin_in_vfio(struct vfio_mdev *vmdev,
				    unsigned long iova, unsigned long pages)
{
	while (pages && !vfio_mdev_owe(vmdev, iova, pages)) {
		unsigned long some = vfio_mdev_pages_at_once(vmdev, pages);

		vfio_unpin_pages(&vmdev->vdev, iova, some);
		iova += some * PAGE_SIZE;
		pages -= some;
		cond_resched();
	}
}

/* Unpin some pages that are owed; false if there is none. */
bool vfio_mdev_unpin_owed(struct vfio_mdev *vmdev)
{
	unsigned long max = vfio_mdev_pages_at_once(vmdev, ULONG_MAX);
	struct vfio_mdev_dma *dma = &vmdev->dma;
	struct vfio_mdev_dma_range call;
	unsigned long pages;

	pages = vfio_mdev_take_owed(dma, &call, max);
	if (!pages)
		return false;
	atomic_inc(&dma->progress);
	vfio_unpin_pages(&vmdev->vdev, call.first, pages);
	atomic_inc(&dma->progress);
	vfio_mdev_end_call(dma, &call);
	cond_resched();
	return true;
}

/* A user that takes the pages away does not wait until all are pinned. */
static bool vfio_mdev_may_go_on(struct vfio_mdev_dma *dma,
				const struct vfio_mdev_dma_range *call)
{
	bool unmapped;

	spin_lock(&dma->lock);
	unmapped = vfio_mdev_is_unmapped(dma, call);
	spin_unlock(&dma->lock);
	return !unmapped;
}

static int vfio_mdev_pin_in_vfio(struct vfio_mdev *vmdev,
				 const struct vfio_mdev_dma_range *call,
				 int npage, int prot, struct page **pages)
{
	int done = 0;
	int ret;

	while (done < npage) {
		int some = vfio_mdev_pages_at_once(vmdev, npage - done);

		ret = -EINVAL;
		if (vfio_mdev_may_go_on(&vmdev->dma, call))
			ret = vfio_pin_pages(&vmdev->vdev,
					     call->first + done * PAGE_SIZE,
					     some, prot, &pages[done]);
		if (ret < 0) {
			vfio_mdev_unpin_in_vfio(vmdev, call->first, done);
			return ret;
		}
		done += some;
		cond_resched();
	}
	return 0;
}

int vfio_mdev_pin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage,
			int prot, struct page **pages)
{
	struct vfio_mdev *vmdev = dev_get_drvdata(mdev_dev(mdev));
	struct vfio_mdev_dma *dma = &vmdev->dma;
	struct vfio_mdev_dma_range call;
	int ret;

	if (!pages || !prot || prot & ~(IOMMU_READ | IOMMU_WRITE))
		return -EINVAL;
	ret = vfio_mdev_dma_range(&call, iova, npage);
	if (ret)
		return ret;

	if (!vfio_mdev_try_begin_call(dma, &call))
		return -EINVAL;
	ret = vfio_mdev_pin_in_vfio(vmdev, &call, npage, prot, pages);
	if (ret)
		goto out_end;
	ret = vfio_mdev_count(dma, &call, false);
	if (ret)
		vfio_mdev_unpin_in_vfio(vmdev, call.first, npage);
out_end:
	vfio_mdev_end_call(dma, &call);
	return vfio_mdev_dma_result(ret);
}

int vfio_mdev_unpin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage)
{
	struct vfio_mdev *vmdev = dev_get_drvdata(mdev_dev(mdev));
	struct vfio_mdev_dma *dma = &vmdev->dma;
	struct vfio_mdev_dma_range call;
	int ret;

	ret = vfio_mdev_dma_range(&call, iova, npage);
	if (ret)
		return ret;

	ret = vfio_mdev_uncount_and_begin(dma, &call);
	if (ret)
		return ret;
	vfio_mdev_unpin_in_vfio(vmdev, call.first, npage);
	vfio_mdev_end_call(dma, &call);
	return 0;
}

int vfio_mdev_dma_rw(struct mdev_device *mdev, dma_addr_t iova, void *data,
		     size_t len, bool write)
{
	struct vfio_mdev *vmdev = dev_get_drvdata(mdev_dev(mdev));
	dma_addr_t last;

	if (!len || check_add_overflow(iova, len - 1, &last))
		return -EINVAL;
	return vfio_mdev_dma_result(vfio_dma_rw(&vmdev->vdev, iova, data, len,
						write));
}
