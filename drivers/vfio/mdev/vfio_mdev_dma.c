// SPDX-License-Identifier: GPL-2.0-only
/*
 * The user's memory: what mdev_pin_pages(), mdev_unpin_pages() and mdev_dma_rw()
 * do for a VFIO device, and what happens when the user takes memory away.
 *
 * Each pin of a page is a pin in VFIO, one page at a time: iommufd gives back
 * only exactly what was pinned at once, and type1 pins page by page anyway. We
 * count the pins of each page, to know when the vendor has to hear of an unmap,
 * and what it forgot. A page is counted after it was pinned and no more before
 * it is unpinned; what is in between is in the list of calls under way.
 *
 * VFIO asks for pages until they are unpinned, but gives up by a crash when it
 * has asked ten times in a row. So an unmap ends only when all are unpinned: it
 * keeps new calls out of its range, waits for those under way, lets the vendor
 * unpin and does the rest itself. No lock of ours is held when VFIO is called
 * for the vendor, since VFIO calls us with its own locks held.
 */

#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/limits.h>
#include <linux/overflow.h>
#include <linux/sched.h>

#include "vfio_mdev.h"

/* How many times the vendor hears of an unmap, and the pause between them */
#define VFIO_MDEV_UNMAP_TRIES	10
#define VFIO_MDEV_UNMAP_PAUSE_MS	20
/* The longest that VFIO waits, in powers of two of a second */
#define VFIO_MDEV_UNMAP_MAX_SHIFT	10U

static bool vfio_mdev_overlaps_any(const struct list_head *ranges,
				   const struct vfio_mdev_dma_range *range)
{
	const struct vfio_mdev_dma_range *other;

	list_for_each_entry(other, ranges, node) {
		if (other->first <= range->last && range->first <= other->last)
			return true;
	}
	return false;
}

static bool vfio_mdev_overlaps(struct vfio_mdev_dma *dma,
			       const struct list_head *ranges,
			       const struct vfio_mdev_dma_range *range)
{
	bool overlaps;

	spin_lock(&dma->lock);
	overlaps = vfio_mdev_overlaps_any(ranges, range);
	spin_unlock(&dma->lock);
	return overlaps;
}

static void vfio_mdev_wait_for_calls(struct vfio_mdev_dma *dma,
				     const struct vfio_mdev_dma_range *range)
{
	wait_event(dma->idle, !vfio_mdev_overlaps(dma, &dma->calls, range));
}

static bool vfio_mdev_is_pinned(struct vfio_mdev_dma *dma,
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
	if (npage <= 0 || iova > ULONG_MAX || !PAGE_ALIGNED(iova))
		return -EINVAL;
	range->first = iova;
	if (check_add_overflow(range->first,
			       ((unsigned long)npage << PAGE_SHIFT) - 1,
			       &range->last))
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
	spin_lock(&dma->lock);
	list_del(&call->node);
	spin_unlock(&dma->lock);
	wake_up_all(&dma->idle);
}

/* As above, but not for pages that are being unmapped. */
static bool vfio_mdev_try_begin_call(struct vfio_mdev_dma *dma,
				     struct vfio_mdev_dma_range *call)
{
	bool refused;

	spin_lock(&dma->lock);
	refused = vfio_mdev_overlaps_any(&dma->unmaps, call);
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

static void vfio_mdev_unpin_in_vfio(struct vfio_mdev *vmdev,
				    unsigned long iova, unsigned long pages)
{
	for (; pages; pages--, iova += PAGE_SIZE) {
		vfio_unpin_pages(&vmdev->vdev, iova, 1);
		cond_resched();
	}
}

static int vfio_mdev_pin_in_vfio(struct vfio_mdev *vmdev, unsigned long iova,
				 int npage, int prot, struct page **pages)
{
	int ret;
	int i;

	for (i = 0; i < npage; i++) {
		ret = vfio_pin_pages(&vmdev->vdev, iova + i * PAGE_SIZE, 1,
				     prot, &pages[i]);
		if (ret < 0) {
			vfio_mdev_unpin_in_vfio(vmdev, iova, i);
			return ret;
		}
		cond_resched();
	}
	return 0;
}

/* Count a page once less. The caller has seen that it is counted. */
static void vfio_mdev_uncount_page(struct vfio_mdev_dma *dma,
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
}

static int vfio_mdev_count_page(struct vfio_mdev_dma *dma, unsigned long index)
{
	void *entry = xa_load(&dma->pins, index);
	unsigned long count = entry ? xa_to_value(entry) : 0;
	int ret;

	/* Nor can the count of one page overflow then, here or in VFIO */
	if (dma->nr_pins == INT_MAX)
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
	}
	while (ret && index-- > first)
		vfio_mdev_uncount_page(dma, index);
	mutex_unlock(&dma->pins_lock);
	return ret;
}

static int vfio_mdev_uncount(struct vfio_mdev_dma *dma,
			     const struct vfio_mdev_dma_range *range)
{
	unsigned long first = range->first >> PAGE_SHIFT;
	unsigned long last = range->last >> PAGE_SHIFT;
	unsigned long index;
	int ret = 0;

	mutex_lock(&dma->pins_lock);
	for (index = first; index <= last && !ret; index++) {
		if (!xa_load(&dma->pins, index))
			ret = -EINVAL;
	}
	for (index = first; index <= last && !ret; index++)
		vfio_mdev_uncount_page(dma, index);
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
	ret = vfio_mdev_pin_in_vfio(vmdev, call.first, npage, prot, pages);
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

	vfio_mdev_begin_call(dma, &call);
	ret = vfio_mdev_uncount(dma, &call);
	if (!ret)
		vfio_mdev_unpin_in_vfio(vmdev, call.first, npage);
	vfio_mdev_end_call(dma, &call);
	return ret;
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

/* Take the first pinned page of those up to @last: how often it is pinned. */
static unsigned long vfio_mdev_take_page(struct vfio_mdev_dma *dma,
					 unsigned long *index,
					 unsigned long last)
{
	unsigned long count = 0;
	void *entry;

	mutex_lock(&dma->pins_lock);
	entry = xa_find(&dma->pins, index, last, XA_PRESENT);
	if (entry) {
		count = xa_to_value(entry);
		xa_erase(&dma->pins, *index);
		dma->nr_pins -= count;
	}
	mutex_unlock(&dma->pins_lock);
	return count;
}

/* Unpin all that is pinned in a range; returns how many pages that were. */
static unsigned long vfio_mdev_unpin_rest(struct vfio_mdev *vmdev,
					  const struct vfio_mdev_dma_range *range)
{
	unsigned long index = range->first >> PAGE_SHIFT;
	unsigned long last = range->last >> PAGE_SHIFT;
	struct vfio_mdev_dma *dma = &vmdev->dma;
	struct vfio_mdev_dma_range call = *range;
	unsigned long pages = 0;
	unsigned long count;

	vfio_mdev_begin_call(dma, &call);
	while ((count = vfio_mdev_take_page(dma, &index, last))) {
		while (count--)
			vfio_mdev_unpin_in_vfio(vmdev, index << PAGE_SHIFT, 1);
		pages++;
	}
	vfio_mdev_end_call(dma, &call);
	/* The vendor may have taken some of them itself just before */
	vfio_mdev_wait_for_calls(dma, range);
	return pages;
}

/* Get all pages in a range unpinned. */
static void vfio_mdev_evict(struct vfio_mdev *vmdev,
			    const struct vfio_mdev_dma_range *range)
{
	u64 length = range->last - range->first + 1;
	struct vfio_mdev_dma *dma = &vmdev->dma;
	unsigned long pages;
	int tries;

	mutex_lock(&dma->unmap_lock);
	vfio_mdev_wait_for_calls(dma, range);
	for (tries = 0; tries < VFIO_MDEV_UNMAP_TRIES; tries++) {
		if (!vmdev->ops->dma_unmap || !vfio_mdev_is_pinned(dma, range))
			break;
		vmdev->ops->dma_unmap(vmdev->mdev, range->first, length);
		/* It may have left that to another thread */
		wait_event_timeout(dma->idle, !vfio_mdev_is_pinned(dma, range),
				   msecs_to_jiffies(VFIO_MDEV_UNMAP_PAUSE_MS));
	}
	pages = vfio_mdev_unpin_rest(vmdev, range);
	mutex_unlock(&dma->unmap_lock);

	if (pages)
		dev_warn_ratelimited(mdev_dev(vmdev->mdev),
				     "unpinned %lu pages in memory that the user takes away\n",
				     pages);
}

static void vfio_mdev_evict_work(struct work_struct *work)
{
	struct vfio_mdev *vmdev = container_of(work, struct vfio_mdev,
					       dma.work);
	struct vfio_mdev_dma *dma = &vmdev->dma;

	vfio_mdev_evict(vmdev, &dma->evicted);
	spin_lock(&dma->lock);
	WRITE_ONCE(dma->evicting, false);
	spin_unlock(&dma->lock);
	wake_up_all(&dma->idle);
}

/*
 * Type1 holds a lock that it takes elsewhere while it has the one that is needed
 * to unpin. Thus pages can be unpinned neither here, nor surely before we
 * return: wait for a limited time, a longer one each time that we are asked
 * again.
 */
static void vfio_mdev_evict_elsewhere(struct vfio_mdev_dma *dma,
				      const struct vfio_mdev_dma_range *range)
{
	unsigned long timeout;

	spin_lock(&dma->lock);
	if (!dma->evicting) {
		WRITE_ONCE(dma->evicting, true);
		dma->evicted = *range;
		dma->waits = 0;
		queue_work(system_long_wq, &dma->work);
	}
	timeout = HZ << min(dma->waits++, VFIO_MDEV_UNMAP_MAX_SHIFT);
	spin_unlock(&dma->lock);

	wait_event_timeout(dma->idle, !READ_ONCE(dma->evicting), timeout);
}

/* Keep new pins out of the range; false if nobody pins or has pinned there. */
static bool vfio_mdev_begin_unmap(struct vfio_mdev_dma *dma,
				  struct vfio_mdev_dma_range *range)
{
	bool busy;

	spin_lock(&dma->lock);
	busy = vfio_mdev_overlaps_any(&dma->calls, range) ||
	       vfio_mdev_is_pinned(dma, range);
	if (busy)
		list_add(&range->node, &dma->unmaps);
	spin_unlock(&dma->lock);
	return busy;
}

static void vfio_mdev_end_unmap(struct vfio_mdev_dma *dma,
				struct vfio_mdev_dma_range *range)
{
	spin_lock(&dma->lock);
	list_del(&range->node);
	spin_unlock(&dma->lock);
}

void vfio_mdev_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	struct vfio_mdev_dma *dma = &vmdev->dma;
	struct vfio_mdev_dma_range range = {
		.first = iova,
		.last = iova + length - 1,
	};

	if (!vfio_mdev_begin_unmap(dma, &range))
		return;
	/* Iommufd has no such locks, and when it detaches, asks only once */
	if (vdev->iommufd_access)
		vfio_mdev_evict(vmdev, &range);
	else
		vfio_mdev_evict_elsewhere(dma, &range);
	vfio_mdev_end_unmap(dma, &range);
}

/* Tell the vendor of no unmap while it opens or closes the device. */
void vfio_mdev_dma_lock(struct vfio_mdev *vmdev)
{
	mutex_lock(&vmdev->dma.unmap_lock);
}

/* Go on. Unless the device is open now, no pin is left. */
void vfio_mdev_dma_unlock(struct vfio_mdev *vmdev, bool open)
{
	const struct vfio_mdev_dma_range all = { .last = ULONG_MAX };
	struct vfio_mdev_dma *dma = &vmdev->dma;
	unsigned long pages;

	if (open) {
		mutex_unlock(&dma->unmap_lock);
		return;
	}

	pages = vfio_mdev_unpin_rest(vmdev, &all);
	mutex_unlock(&dma->unmap_lock);
	/* What it was asked for is done; the next open is none of its business */
	flush_work(&dma->work);
	/*
	 * Once VFIO takes the device from iommufd, that waits for who has not
	 * left vfio_mdev_dma_unmap() yet, but does not hear that they leave: it
	 * goes on after a minute.
	 */
	while (vfio_mdev_overlaps(dma, &dma->unmaps, &all))
		fsleep(USEC_PER_MSEC);
	if (pages)
		dev_warn_ratelimited(mdev_dev(vmdev->mdev),
				     "unpinned %lu pages that the vendor forgot\n",
				     pages);
}

void vfio_mdev_dma_init(struct vfio_mdev_dma *dma)
{
	mutex_init(&dma->unmap_lock);
	mutex_init(&dma->pins_lock);
	spin_lock_init(&dma->lock);
	xa_init_flags(&dma->pins, XA_FLAGS_ACCOUNT);
	INIT_LIST_HEAD(&dma->calls);
	INIT_LIST_HEAD(&dma->unmaps);
	init_waitqueue_head(&dma->idle);
	INIT_WORK(&dma->work, vfio_mdev_evict_work);
}

void vfio_mdev_dma_exit(struct vfio_mdev_dma *dma)
{
	xa_destroy(&dma->pins);
	mutex_destroy(&dma->pins_lock);
	mutex_destroy(&dma->unmap_lock);
}
