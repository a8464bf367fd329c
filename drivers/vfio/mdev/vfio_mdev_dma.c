// SPDX-License-Identifier: GPL-2.0-only
/*
 * The user's memory: what mdev_pin_pages(), mdev_unpin_pages() and mdev_dma_rw()
 * do for a VFIO device. vfio_mdev_unmap.c has what happens when the user takes
 * memory away.
 *
 * Each pin of a page is a pin in VFIO. We count the pins of each page, to know
 * when the vendor has to hear of an unmap, and what it forgot. A page is counted
 * after it was pinned and no more before it is unpinned; what is in between is
 * in the list of calls under way. No lock of ours is held when VFIO is called
 * for the vendor, since VFIO calls us with its own locks held.
 */

#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/sched.h>

#include "vfio_mdev.h"

/* So that no count of VFIO's overflows, which a user's devices share */
#define VFIO_MDEV_MAX_PINS		BIT(28)

bool vfio_mdev_overlap(const struct vfio_mdev_dma_range *one,
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

bool vfio_mdev_overlaps(struct vfio_mdev_dma *dma,
			const struct list_head *ranges,
			const struct vfio_mdev_dma_range *range)
{
	bool overlaps;

	spin_lock(&dma->lock);
	overlaps = vfio_mdev_overlaps_any(ranges, range);
	spin_unlock(&dma->lock);
	return overlaps;
}

void vfio_mdev_wait_for_calls(struct vfio_mdev_dma *dma,
			      const struct vfio_mdev_dma_range *range)
{
	wait_event(dma->idle, !vfio_mdev_overlaps(dma, &dma->calls, range));
}

bool vfio_mdev_is_pinned(struct vfio_mdev_dma *dma,
			 const struct vfio_mdev_dma_range *range)
{
	unsigned long index = range->first >> PAGE_SHIFT;

	return xa_find(&dma->pins, &index, range->last >> PAGE_SHIFT,
		       XA_PRESENT);
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

static void vfio_mdev_begin_call(struct vfio_mdev_dma *dma,
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

/* See vfio_mdev_end_unmap(). */
static void vfio_mdev_let_unmap_end(struct vfio_mdev_dma *dma,
				    const struct vfio_mdev_dma_range *call)
{
	u64 now = ktime_get_ns();
	u64 left = 0;

	spin_lock(&dma->lock);
	if (vfio_mdev_overlap(&dma->last, call) && now < dma->until)
		left = dma->until - now;
	spin_unlock(&dma->lock);
	if (left)
		fsleep(DIV_ROUND_UP_ULL(left, NSEC_PER_USEC));
}

/* As above, but not for pages that are being unmapped. */
static bool vfio_mdev_try_begin_call(struct vfio_mdev_dma *dma,
				     struct vfio_mdev_dma_range *call)
{
	bool refused;

	vfio_mdev_let_unmap_end(dma, call);
	spin_lock(&dma->lock);
	refused = vfio_mdev_is_unmapped(dma, call);
	if (!refused)
		list_add(&call->node, &dma->calls);
	spin_unlock(&dma->lock);
	/*
	 * Who tries again and again could pin between our end of the unmap and
	 * VFIO's, every time that VFIO asks.
	 */
	if (refused)
		fsleep(USEC_PER_MSEC);
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

static void vfio_mdev_unpin_in_vfio(struct vfio_mdev *vmdev,
				    unsigned long iova, unsigned long pages)
{
	while (pages) {
		unsigned long some = vfio_mdev_pages_at_once(vmdev, pages);

		vfio_unpin_pages(&vmdev->vdev, iova, some);
		iova += some * PAGE_SIZE;
		pages -= some;
		cond_resched();
	}
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

/*
 * Count a page once less, and tell whether it was the last time. The caller has
 * seen that it is counted.
 */
static bool vfio_mdev_uncount_page(struct vfio_mdev_dma *dma,
				   unsigned long index)
{
	unsigned long count = xa_to_value(xa_load(&dma->pins, index));

	/* Neither needs memory: the entry is there, or goes */
	if (count > 1)
		xa_store(&dma->pins, index, xa_mk_value(count - 1),
			 GFP_KERNEL);
	else
		xa_erase(&dma->pins, index);
	dma->nr_pins--;
	return count == 1;
}

static int vfio_mdev_count_page(struct vfio_mdev_dma *dma, unsigned long index)
{
	void *entry = xa_load(&dma->pins, index);
	unsigned long count = entry ? xa_to_value(entry) : 0;
	int ret;

	if (dma->nr_pins == VFIO_MDEV_MAX_PINS)
		return -EOVERFLOW;
	ret = xa_err(xa_store(&dma->pins, index, xa_mk_value(count + 1),
			      GFP_KERNEL));
	if (!ret)
		dma->nr_pins++;
	return ret;
}

static int vfio_mdev_count(struct vfio_mdev_dma *dma,
			   const struct vfio_mdev_dma_range *range)
{
	unsigned long first = range->first >> PAGE_SHIFT;
	unsigned long last = range->last >> PAGE_SHIFT;
	unsigned long index;
	int ret = 0;

	mutex_lock(&dma->pins_lock);
	for (index = first; index <= last; index++) {
		ret = vfio_mdev_count_page(dma, index);
		if (ret)
			break;
		cond_resched();
	}
	while (ret && index-- > first)
		vfio_mdev_uncount_page(dma, index);
	mutex_unlock(&dma->pins_lock);
	return ret;
}

/* Once all pages are seen to be pinned, this is a call under way. */
static int vfio_mdev_uncount_and_begin(struct vfio_mdev_dma *dma,
				       struct vfio_mdev_dma_range *call)
{
	unsigned long first = call->first >> PAGE_SHIFT;
	unsigned long last = call->last >> PAGE_SHIFT;
	unsigned long index;
	int ret = 0;

	mutex_lock(&dma->pins_lock);
	for (index = first; index <= last && !ret; index++) {
		if (!xa_load(&dma->pins, index))
			ret = -EINVAL;
	}
	if (!ret)
		vfio_mdev_begin_call(dma, call);
	for (index = first; index <= last && !ret; index++) {
		vfio_mdev_uncount_page(dma, index);
		cond_resched();
	}
	mutex_unlock(&dma->pins_lock);
	return ret;
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
	ret = vfio_mdev_count(dma, &call);
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

/*
 * Take the first pinned pages of those from @index to @last that lie side by
 * side, once each; returns how many, and adds to @gone how many of them are not
 * pinned any more.
 */
static unsigned long vfio_mdev_take_pages(struct vfio_mdev *vmdev,
					  unsigned long *index,
					  unsigned long last,
					  unsigned long *gone)
{
	unsigned long max = vfio_mdev_pages_at_once(vmdev, ULONG_MAX);
	struct vfio_mdev_dma *dma = &vmdev->dma;
	unsigned long pages = 0;

	mutex_lock(&dma->pins_lock);
	if (xa_find(&dma->pins, index, last, XA_PRESENT)) {
		do {
			*gone += vfio_mdev_uncount_page(dma, *index + pages);
			pages++;
		} while (pages < max && pages <= last - *index &&
			 xa_load(&dma->pins, *index + pages));
	}
	mutex_unlock(&dma->pins_lock);
	return pages;
}

/* Unpin all that is pinned in a range; returns how many pages that were. */
unsigned long vfio_mdev_unpin_rest(struct vfio_mdev *vmdev,
				   const struct vfio_mdev_dma_range *range)
{
	unsigned long index = range->first >> PAGE_SHIFT;
	unsigned long last = range->last >> PAGE_SHIFT;
	struct vfio_mdev_dma *dma = &vmdev->dma;
	struct vfio_mdev_dma_range call = *range;
	unsigned long gone = 0;
	unsigned long pages;

	vfio_mdev_begin_call(dma, &call);
	while ((pages = vfio_mdev_take_pages(vmdev, &index, last, &gone)))
		vfio_mdev_unpin_in_vfio(vmdev, index << PAGE_SHIFT, pages);
	vfio_mdev_end_call(dma, &call);
	/* The vendor may have taken some of them itself just before */
	vfio_mdev_wait_for_calls(dma, range);
	return gone;
}
