// SPDX-License-Identifier: GPL-2.0-only
/*
 * The user takes memory away, or has gone: no page of that stays pinned.
 *
 * VFIO asks for pages until they are unpinned, but type1 gives up by a crash when
 * it has asked eleven times in a row. So an unmap ends only when all are
 * unpinned: it keeps new pins out of its range, waits for the calls under way,
 * lets the vendor unpin and does the rest itself. And since type1 asks all
 * devices of a container, and all again while one has pins, none that is open
 * gets new ones there before the thread that unmaps goes on to another range, or
 * back to the user.
 *
 * Type1 asks with a lock held. A second thread that unmaps takes the lock that is
 * needed to unpin and waits with it for the first one, so that nothing can be
 * unpinned before we return. Then type1 takes the lock that is needed to unpin,
 * to look and to ask again, but in the order of those who want it. So each of our
 * threads that waits for it has it once in the meantime, for as many pages as
 * VFIO takes at once: have many wait.
 */

#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/workqueue.h>

#include "vfio_mdev.h"

/* How many times the vendor hears of an unmap, and the pause between them */
#define VFIO_MDEV_UNMAP_TRIES	10
#define VFIO_MDEV_UNMAP_PAUSE_MS	20
/* How often VFIO can ask again for the same pages, and survive */
#define VFIO_MDEV_UNMAP_MAX_ASKED	10U
/* How long nothing is unpinned before we expect that nothing will be */
#define VFIO_MDEV_STALL		(HZ / 16)
/* Of one device */
#define VFIO_MDEV_MAX_HELPERS	128

struct vfio_mdev_helper {
	struct work_struct work;
	struct vfio_mdev *vmdev;
};

/**
 * struct vfio_mdev_leave - runs when a thread goes back to the user
 * @work: that
 * @vmdev: where the thread has unmapped memory; it may be closed meanwhile, and
 *	this has a reference to it and to the module
 */
struct vfio_mdev_leave {
	struct callback_head work;
	struct vfio_mdev *vmdev;
};

/* For helpers only, since each may wait for long */
static struct workqueue_struct *vfio_mdev_helpers_wq;

/* No page in it is pinned, and none can be. */
static bool vfio_mdev_is_over(struct vfio_mdev_dma *dma,
			      const struct vfio_mdev_unmap *unmap)
{
	lockdep_assert_held(&dma->lock);
	return unmap->told &&
	       !vfio_mdev_overlaps_any(&dma->calls, &unmap->range) &&
	       !vfio_mdev_is_owed(dma, &unmap->range);
}

static bool vfio_mdev_see_if_over(struct vfio_mdev_dma *dma,
				  const struct vfio_mdev_unmap *unmap)
{
	bool over;

	spin_lock(&dma->lock);
	over = vfio_mdev_is_over(dma, unmap);
	spin_unlock(&dma->lock);
	return over;
}

static void vfio_mdev_wait_for_calls(struct vfio_mdev_dma *dma,
				     const struct vfio_mdev_dma_range *range)
{
	spin_lock(&dma->lock);
	wait_event_cmd(dma->idle, !vfio_mdev_overlaps_any(&dma->calls, range),
		       spin_unlock(&dma->lock), spin_lock(&dma->lock));
	spin_unlock(&dma->lock);
}

/* End those that nobody waits for, if they are over. */
void vfio_mdev_end_unmaps(struct vfio_mdev_dma *dma)
{
	struct vfio_mdev_unmap *unmap;
	struct vfio_mdev_unmap *next;

	lockdep_assert_held(&dma->lock);
	list_for_each_entry_safe(unmap, next, &dma->unmaps, range.node) {
		if (unmap->left && vfio_mdev_is_over(dma, unmap)) {
			list_del(&unmap->range.node);
			kfree(unmap);
		}
	}
}

/* Get all pins in a range from the vendor. */
static void vfio_mdev_tell(struct vfio_mdev *vmdev,
			   struct vfio_mdev_unmap *unmap)
{
	const struct vfio_mdev_dma_range *range = &unmap->range;
	u64 length = range->last - range->first + 1;
	struct vfio_mdev_dma *dma = &vmdev->dma;
	unsigned long pages;
	int tries;

	mutex_lock(&dma->unmap_lock);
	vfio_mdev_wait_for_calls(dma, range);
	for (tries = 0; tries < VFIO_MDEV_UNMAP_TRIES; tries++) {
		if (!vmdev->ops->dma_unmap || !vfio_mdev_is_vendors(dma, range))
			break;
		vmdev->ops->dma_unmap(vmdev->mdev, range->first, length);
		/* It may have left that to another thread */
		wait_event_timeout(dma->idle, !vfio_mdev_is_vendors(dma, range),
				   msecs_to_jiffies(VFIO_MDEV_UNMAP_PAUSE_MS));
	}
	pages = vfio_mdev_disown(dma, range);
	mutex_unlock(&dma->unmap_lock);

	if (pages)
		dev_warn_ratelimited(mdev_dev(vmdev->mdev),
				     "unpinned %lu pages in memory that the user takes away\n",
				     pages);
	spin_lock(&dma->lock);
	unmap->told = true;
	vfio_mdev_end_unmaps(dma);
	wake_up_all(&dma->idle);
	spin_unlock(&dma->lock);
}

static struct vfio_mdev_unmap *vfio_mdev_next_unmap(struct vfio_mdev_dma *dma)
{
	struct vfio_mdev_unmap *found = NULL;
	struct vfio_mdev_unmap *unmap;

	spin_lock(&dma->lock);
	list_for_each_entry(unmap, &dma->unmaps, range.node) {
		if (!unmap->told) {
			found = unmap;
			break;
		}
	}
	spin_unlock(&dma->lock);
	return found;
}

static void vfio_mdev_unmap_work(struct work_struct *work)
{
	struct vfio_mdev *vmdev = container_of(work, struct vfio_mdev,
					       dma.work);
	struct vfio_mdev_unmap *unmap;

	do {
		while ((unmap = vfio_mdev_next_unmap(&vmdev->dma)))
			vfio_mdev_tell(vmdev, unmap);
	} while (vfio_mdev_unpin_owed(vmdev));
}

void vfio_mdev_queue_unmaps(struct vfio_mdev_dma *dma)
{
	queue_work(system_long_wq, &dma->work);
}

static void vfio_mdev_end_help(struct vfio_mdev_dma *dma)
{
	spin_lock(&dma->lock);
	dma->helpers--;
	wake_up_all(&dma->idle);
	spin_unlock(&dma->lock);
}

static void vfio_mdev_help(struct work_struct *work);

/* Have another thread wait for VFIO's lock. It is no harm if there is none. */
static void vfio_mdev_get_help(struct vfio_mdev *vmdev)
{
	struct vfio_mdev_dma *dma = &vmdev->dma;
	struct vfio_mdev_helper *helper;
	bool enough;

	spin_lock(&dma->lock);
	enough = !vfio_mdev_owes(dma) || dma->helpers == VFIO_MDEV_MAX_HELPERS;
	dma->helpers += !enough;
	spin_unlock(&dma->lock);
	if (enough)
		return;

	helper = kzalloc_obj(*helper);
	if (!helper) {
		vfio_mdev_end_help(dma);
		return;
	}
	helper->vmdev = vmdev;
	INIT_WORK(&helper->work, vfio_mdev_help);
	queue_work(vfio_mdev_helpers_wq, &helper->work);
}

static void vfio_mdev_help(struct work_struct *work)
{
	struct vfio_mdev_helper *helper =
		container_of(work, struct vfio_mdev_helper, work);
	struct vfio_mdev *vmdev = helper->vmdev;

	kfree(helper);
	vfio_mdev_get_help(vmdev);
	while (vfio_mdev_unpin_owed(vmdev))
		;
	vfio_mdev_end_help(&vmdev->dma);
}

/*
 * Wait as long as pages are unpinned, or could be: for a longer time each time
 * that we are asked again, and the last time as long as it takes.
 */
static void vfio_mdev_wait_for_unmap(struct vfio_mdev *vmdev,
				     const struct vfio_mdev_unmap *unmap)
{
	bool last = unmap->asked >= VFIO_MDEV_UNMAP_MAX_ASKED;
	long timeout = last ? VFIO_MDEV_STALL : VFIO_MDEV_STALL << unmap->asked;
	struct vfio_mdev_dma *dma = &vmdev->dma;
	unsigned int stalls = 0;
	int progress;

	while (last || stalls < 2) {
		progress = atomic_read(&dma->progress);
		if (wait_event_idle_timeout(dma->idle,
					    vfio_mdev_see_if_over(dma, unmap),
					    timeout))
			break;
		stalls += progress == atomic_read(&dma->progress);
		vfio_mdev_get_help(vmdev);
	}
}

/* Whether somebody pins there or has pinned */
static bool vfio_mdev_is_busy(struct vfio_mdev_dma *dma,
			      const struct vfio_mdev_dma_range *range)
{
	lockdep_assert_held(&dma->lock);
	return vfio_mdev_overlaps_any(&dma->calls, range) ||
	       vfio_mdev_is_pinned(dma, range);
}

static void vfio_mdev_leave(struct callback_head *work)
{
	struct vfio_mdev_leave *leave =
		container_of(work, struct vfio_mdev_leave, work);
	struct vfio_mdev *vmdev = leave->vmdev;
	struct vfio_mdev_dma *dma = &vmdev->dma;
	struct vfio_mdev_unmap *unmap;

	kfree(leave);
	spin_lock(&dma->lock);
	list_for_each_entry(unmap, &dma->unmaps, range.node)
		unmap->left |= unmap->task == current;
	vfio_mdev_end_unmaps(dma);
	wake_up_all(&dma->idle);
	spin_unlock(&dma->lock);
	vfio_put_device(&vmdev->vdev);
	module_put(THIS_MODULE);
}

static void vfio_mdev_queue_leave(struct vfio_mdev *vmdev)
{
	struct vfio_mdev_leave *leave;

	/* Without it, no page there could be pinned any more */
	leave = kzalloc_obj(*leave, GFP_KERNEL | __GFP_NOFAIL);
	leave->vmdev = vmdev;
	__module_get(THIS_MODULE);
	get_device(&vmdev->vdev.device);
	init_task_work(&leave->work, vfio_mdev_leave);
	if (task_work_add(current, &leave->work, TWA_RESUME))
		vfio_mdev_leave(&leave->work);
}

/* What type1 has asked this thread for last, since it came from the user */
static struct vfio_mdev_unmap *vfio_mdev_last_unmap(struct vfio_mdev_dma *dma)
{
	struct vfio_mdev_unmap *unmap;

	lockdep_assert_held(&dma->lock);
	list_for_each_entry(unmap, &dma->unmaps, range.node) {
		if (unmap->task == current && !unmap->left)
			return unmap;
	}
	return NULL;
}

/* If it is this range, VFIO asks for it again. */
static struct vfio_mdev_unmap *
vfio_mdev_resume_unmap(struct vfio_mdev_dma *dma,
		       const struct vfio_mdev_dma_range *range)
{
	struct vfio_mdev_unmap *unmap;

	spin_lock(&dma->lock);
	unmap = vfio_mdev_last_unmap(dma);
	if (unmap && (unmap->range.first != range->first ||
		      unmap->range.last != range->last))
		unmap = NULL;
	if (unmap) {
		unmap->inside = true;
		unmap->asked++;
	}
	spin_unlock(&dma->lock);
	return unmap;
}

/*
 * Keep new pins out of the range, if there can be any. Type1 is done with what it
 * has asked for before.
 */
static bool vfio_mdev_begin_unmap(struct vfio_mdev_dma *dma,
				  struct vfio_mdev_unmap *unmap)
{
	struct vfio_mdev_unmap *before;
	bool begin;

	spin_lock(&dma->lock);
	unmap->told = !vfio_mdev_is_busy(dma, &unmap->range);
	begin = dma->open || !unmap->told;
	if (begin) {
		before = vfio_mdev_last_unmap(dma);
		if (before)
			before->left = true;
		vfio_mdev_end_unmaps(dma);
		list_add(&unmap->range.node, &dma->unmaps);
	}
	spin_unlock(&dma->lock);
	return begin;
}

static struct vfio_mdev_unmap *
vfio_mdev_new_unmap(struct vfio_mdev *vmdev,
		    const struct vfio_mdev_dma_range *range)
{
	struct vfio_mdev_unmap *unmap;

	/* Without it, type1 would ask again for nothing */
	unmap = kzalloc_obj(*unmap, GFP_KERNEL | __GFP_NOFAIL);
	unmap->range = *range;
	unmap->task = current;
	unmap->inside = true;
	if (!vfio_mdev_begin_unmap(&vmdev->dma, unmap)) {
		kfree(unmap);
		return NULL;
	}
	if (!unmap->told)
		vfio_mdev_queue_unmaps(&vmdev->dma);
	return unmap;
}

static void vfio_mdev_unmap_type1(struct vfio_mdev *vmdev,
				  const struct vfio_mdev_dma_range *range)
{
	struct vfio_mdev_dma *dma = &vmdev->dma;
	struct vfio_mdev_unmap *unmap = vfio_mdev_resume_unmap(dma, range);
	bool again = unmap;

	if (!again)
		unmap = vfio_mdev_new_unmap(vmdev, range);
	if (!unmap)
		return;
	vfio_mdev_wait_for_unmap(vmdev, unmap);

	spin_lock(&dma->lock);
	unmap->inside = false;
	/* Who closes it does not wait until we are back with the user */
	unmap->left = !dma->open;
	vfio_mdev_end_unmaps(dma);
	wake_up_all(&dma->idle);
	spin_unlock(&dma->lock);
	if (!again)
		vfio_mdev_queue_leave(vmdev);
}

/* Iommufd has no such locks, and when it detaches, asks only once. */
static void vfio_mdev_unmap_iommufd(struct vfio_mdev *vmdev,
				    const struct vfio_mdev_dma_range *range)
{
	struct vfio_mdev_dma *dma = &vmdev->dma;
	struct vfio_mdev_unmap unmap = {
		.range = *range,
		.task = current,
		.inside = true,
	};

	if (!vfio_mdev_begin_unmap(dma, &unmap))
		return;
	if (!unmap.told)
		vfio_mdev_tell(vmdev, &unmap);
	while (vfio_mdev_unpin_owed(vmdev))
		;
	spin_lock(&dma->lock);
	wait_event_cmd(dma->idle, vfio_mdev_is_over(dma, &unmap),
		       spin_unlock(&dma->lock), spin_lock(&dma->lock));
	list_del(&unmap.range.node);
	wake_up_all(&dma->idle);
	spin_unlock(&dma->lock);
}

void vfio_mdev_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	const struct vfio_mdev_dma_range range = {
		.first = iova,
		.last = min(iova + length - 1, (u64)ULONG_MAX),
	};

	/* Nothing is pinned above */
	if (iova > ULONG_MAX)
		return;
	if (vdev->iommufd_access)
		vfio_mdev_unmap_iommufd(vmdev, &range);
	else
		vfio_mdev_unmap_type1(vmdev, &range);
}

static void vfio_mdev_dma_set_open(struct vfio_mdev_dma *dma, bool open)
{
	struct vfio_mdev_unmap *unmap;

	spin_lock(&dma->lock);
	dma->open = open;
	if (!open) {
		list_for_each_entry(unmap, &dma->unmaps, range.node)
			unmap->left |= !unmap->inside;
		vfio_mdev_end_unmaps(dma);
	}
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
	pages = vfio_mdev_disown(dma, &all);
	while (vfio_mdev_unpin_owed(vmdev))
		;
	mutex_unlock(&dma->unmap_lock);
	/*
	 * Once VFIO takes the device from iommufd, that waits for who has not
	 * left vfio_mdev_dma_unmap() yet, but does not hear that they leave: it
	 * goes on after a minute.
	 */
	spin_lock(&dma->lock);
	wait_event_cmd(dma->idle,
		       list_empty(&dma->calls) && list_empty(&dma->unmaps) &&
		       !dma->helpers,
		       spin_unlock(&dma->lock), spin_lock(&dma->lock));
	spin_unlock(&dma->lock);
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
	INIT_WORK(&dma->work, vfio_mdev_unmap_work);
}

void vfio_mdev_dma_exit(struct vfio_mdev_dma *dma)
{
	xa_destroy(&dma->pins);
	mutex_destroy(&dma->pins_lock);
	mutex_destroy(&dma->unmap_lock);
}

int vfio_mdev_unmap_init(void)
{
	vfio_mdev_helpers_wq = alloc_workqueue("vfio_mdev_unpin", WQ_UNBOUND,
					       WQ_MAX_ACTIVE);
	return vfio_mdev_helpers_wq ? 0 : -ENOMEM;
}

void vfio_mdev_unmap_exit(void)
{
	/* The last ones to run vfio_mdev_leave() may not be out of it yet */
	synchronize_rcu_tasks();
	destroy_workqueue(vfio_mdev_helpers_wq);
}
