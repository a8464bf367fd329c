// SPDX-License-Identifier: GPL-2.0-only
/*
 * The user takes memory away, or has gone: no page of that stays pinned.
 *
 * VFIO asks for pages until they are unpinned, but type1 gives up by a crash when
 * it has asked eleven times in a row. So an unmap ends only when all are
 * unpinned: it keeps new pins out of its range, waits for the calls under way,
 * lets the vendor unpin and does the rest itself.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/workqueue.h>

#include "vfio_mdev.h"

/* How many times the vendor hears of an unmap, and the pause between them */
#define VFIO_MDEV_UNMAP_TRIES	10
#define VFIO_MDEV_UNMAP_PAUSE_MS	20
/* How often VFIO can ask again for the same pages, and survive */
#define VFIO_MDEV_UNMAP_MAX_ASKED	10U
/* How soon it does that, beside what it takes us to unpin */
#define VFIO_MDEV_ASK_GAP_NS		(2 * NSEC_PER_MSEC)

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
	wake_up_all(&dma->idle);
	spin_unlock(&dma->lock);
}

/*
 * Type1 holds a lock that it takes elsewhere while it has the one that is needed
 * to unpin. Thus pages can be unpinned neither here, nor surely before we
 * return: wait for a limited time, a longer one each time that we are asked
 * again, and the last time as long as it takes.
 */
static void vfio_mdev_evict_elsewhere(struct vfio_mdev_dma *dma,
				      const struct vfio_mdev_dma_range *range,
				      unsigned int asked)
{
	long timeout = asked < VFIO_MDEV_UNMAP_MAX_ASKED ? HZ << asked :
							  MAX_SCHEDULE_TIMEOUT;
	bool ours;

	/* Another range may come first */
	do {
		spin_lock(&dma->lock);
		ours = !dma->evicting;
		if (ours) {
			WRITE_ONCE(dma->evicting, true);
			dma->evicted = *range;
			queue_work(system_long_wq, &dma->work);
		}
		spin_unlock(&dma->lock);
		timeout = wait_event_idle_timeout(dma->idle,
						  !READ_ONCE(dma->evicting),
						  timeout);
	} while (!ours && timeout);
}

/*
 * Note which range VFIO asks for, and whether it is again and soon after the
 * last time: then pages were pinned after we had returned and before VFIO was
 * done with the other devices.
 */
static void vfio_mdev_note_unmap(struct vfio_mdev_dma *dma,
				 const struct vfio_mdev_dma_range *range)
{
	dma->gap = ktime_get_ns() - dma->ended;
	if (vfio_mdev_overlap(&dma->last, range) &&
	    dma->gap < VFIO_MDEV_ASK_GAP_NS + 4 * dma->took)
		dma->asked = min(dma->asked + 1, VFIO_MDEV_UNMAP_MAX_ASKED);
	else
		dma->asked = 0;

	/* Several users may unmap at once */
	if (list_empty(&dma->unmaps)) {
		dma->last = *range;
	} else {
		dma->last.first = min(dma->last.first, range->first);
		dma->last.last = max(dma->last.last, range->last);
	}
}

/*
 * Keep new pins out of the range; false if nobody pins or has pinned there. In
 * @asked, how many times we were asked for it before.
 */
static bool vfio_mdev_begin_unmap(struct vfio_mdev_dma *dma,
				  struct vfio_mdev_dma_range *range,
				  unsigned int *asked)
{
	bool busy;

	spin_lock(&dma->lock);
	busy = vfio_mdev_overlaps_any(&dma->calls, range) ||
	       vfio_mdev_is_pinned(dma, range);
	if (busy) {
		vfio_mdev_note_unmap(dma, range);
		*asked = dma->asked;
		list_add(&range->node, &dma->unmaps);
	}
	spin_unlock(&dma->lock);
	return busy;
}

/*
 * When VFIO has asked for the third time in a row, pins wait for twice as long
 * as it was away, and for as long as it takes to unpin them: neither is this
 * device the reason for VFIO to ask once more, nor the one that others wait for.
 */
static void vfio_mdev_end_unmap(struct vfio_mdev_dma *dma,
				struct vfio_mdev_dma_range *range, u64 began)
{
	spin_lock(&dma->lock);
	dma->ended = ktime_get_ns();
	dma->took = dma->ended - began;
	dma->until = dma->ended;
	if (dma->asked > 1)
		dma->until += 2 * dma->gap + dma->took;
	list_del(&range->node);
	spin_unlock(&dma->lock);
}

void vfio_mdev_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	struct vfio_mdev_dma *dma = &vmdev->dma;
	struct vfio_mdev_dma_range range = {
		.first = iova,
		.last = min(iova + length - 1, (u64)ULONG_MAX),
	};
	u64 began = ktime_get_ns();
	unsigned int asked;

	/* Nothing is pinned above */
	if (iova > ULONG_MAX || !vfio_mdev_begin_unmap(dma, &range, &asked))
		return;
	/* Iommufd has no such locks, and when it detaches, asks only once */
	if (vdev->iommufd_access)
		vfio_mdev_evict(vmdev, &range);
	else
		vfio_mdev_evict_elsewhere(dma, &range, asked);
	vfio_mdev_end_unmap(dma, &range, began);
}

static void vfio_mdev_dma_set_open(struct vfio_mdev_dma *dma, bool open)
{
	spin_lock(&dma->lock);
	dma->open = open;
	spin_unlock(&dma->lock);
}

/* Tell the vendor of no unmap while it opens or closes the device. */
void vfio_mdev_dma_lock(struct vfio_mdev *vmdev)
{
	mutex_lock(&vmdev->dma.unmap_lock);
	vfio_mdev_dma_set_open(&vmdev->dma, true);
}

/* Go on. Unless the device is open now, no pin is left, and none can come. */
void vfio_mdev_dma_unlock(struct vfio_mdev *vmdev, bool open)
{
	const struct vfio_mdev_dma_range all = { .last = ULONG_MAX };
	struct vfio_mdev_dma *dma = &vmdev->dma;
	unsigned long pages;

	if (open) {
		mutex_unlock(&dma->unmap_lock);
		return;
	}

	vfio_mdev_dma_set_open(dma, false);
	vfio_mdev_wait_for_calls(dma, &all);
	pages = vfio_mdev_unpin_rest(vmdev, &all);
	mutex_unlock(&dma->unmap_lock);
	/*
	 * Once VFIO takes the device from iommufd, that waits for who has not
	 * left vfio_mdev_dma_unmap() yet, but does not hear that they leave: it
	 * goes on after a minute.
	 */
	while (vfio_mdev_overlaps(dma, &dma->unmaps, &all))
		fsleep(USEC_PER_MSEC);
	/* What they left to it is none of the next open's business */
	flush_work(&dma->work);
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
