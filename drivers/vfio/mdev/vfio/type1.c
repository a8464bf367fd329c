// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins are blocked while type1 unmaps their range, see unmap.c first,
 * unless VFIO core does that itself: then it has VFIO_DMA_UNMAP_BLOCKS_PINS.
 *
 * vfio_dma_do_unmap() of a stock kernel lets devices pin pages in the range that
 * it is unmapping, retries the notifier until nothing is pinned and hits BUG_ON()
 * after ten retries. If a guest has its device pin without pause in memory that the
 * VMM unmaps, that can happen. To prevent it, pins in the range fail until the
 * unmapping task has left type1: a task work unblocks them on its return to userspace.
 *
 * The first notification of a range only blocks pins, the retry unpins: else the
 * last device could pin more pages while the others unpin, and so on.
 */

#include <linux/cleanup.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/task_work.h>

#include "../compat.h"
#include "private.h"

/* A range in which no pages are pinned; in &vfio_mdev_dma.blocks */
struct vfio_mdev_block {
	struct list_head node;
	/* Frees this when @task (never dereferenced) returns to userspace */
	struct callback_head work;
	const struct task_struct *task;
	/* A reference, as to this module: can be unbound before @work runs */
	struct vfio_mdev *vmdev;
	/* Range that @task unmaps; vfio_mdev_move_block() replaces it */
	struct interval_tree_node range;
};

bool vfio_mdev_pins_blocked(struct vfio_mdev_dma *dma,
			    const struct interval_tree_node *range)
{
	const struct vfio_mdev_block *block;

	lockdep_assert_held(&dma->lock);
	list_for_each_entry(block, &dma->blocks, node) {
		if (block->range.start <= range->last &&
		    range->start <= block->range.last)
			return true;
	}
	return false;
}

static void vfio_mdev_unblock_pins(struct callback_head *work)
{
	struct vfio_mdev_block *block =
		container_of(work, struct vfio_mdev_block, work);
	struct vfio_mdev *vmdev = block->vmdev;

	scoped_guard(spinlock, &vmdev->dma.lock)
		list_del(&block->node);
	kfree(block);
	vfio_put_device(&vmdev->vdev);
	module_put(THIS_MODULE);
}

/* Move the block of current, if any, to @range: it unmaps no other any more. */
static bool vfio_mdev_move_block(struct vfio_mdev_dma *dma,
				 const struct interval_tree_node *range,
				 bool *first)
{
	struct vfio_mdev_block *block;
	bool found = false;

	spin_lock(&dma->lock);
	list_for_each_entry(block, &dma->blocks, node) {
		if (block->task != current)
			continue;
		*first = block->range.start != range->start ||
			 block->range.last != range->last;
		block->range = *range;
		found = true;
	}
	spin_unlock(&dma->lock);
	return found;
}

/* Returns true if type1 is to notify the other devices before this one unpins. */
bool vfio_mdev_block_pins(struct vfio_mdev *vmdev,
			  const struct interval_tree_node *range)
{
	struct vfio_mdev_dma *dma = &vmdev->dma;
	struct vfio_mdev_block *block;
	bool first;

	if (VFIO_DMA_UNMAP_BLOCKS_PINS || vmdev->vdev.iommufd_access)
		return false;
	if (vfio_mdev_move_block(dma, range, &first))
		return first;

	/* On failure pins are not blocked: unpin now, and in each retry. */
	block = kzalloc_obj(*block);
	if (!block)
		return false;
	block->vmdev = vmdev;
	block->task = current;
	block->range = *range;
	init_task_work(&block->work, vfio_mdev_unblock_pins);
	if (task_work_add(current, &block->work, TWA_RESUME)) {
		kfree(block);
		return false;
	}
	__module_get(THIS_MODULE);
	get_device(&vmdev->vdev.device);
	scoped_guard(spinlock, &dma->lock)
		list_add(&block->node, &dma->blocks);
	return true;
}
