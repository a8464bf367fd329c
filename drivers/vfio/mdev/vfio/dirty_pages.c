// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log of a device without &parent_ops.dirty_log: which pages of
 * userspace memory were written by mdev_dma_rw(), were pinned for writing, or were
 * reported by mdev_mark_dirty(). A mediated device has no other way to memory.
 * dirty_log.c has the requests of userspace, pins.c the pins.
 *
 * The log is a sparse bitmap: an xarray of chunks, which are allocated when a page in
 * them is written. If one can't be allocated, every page is reported until logging
 * ends, since a migration that copies too much is correct.
 */

#include <linux/bitops.h>
#include <linux/iova_bitmap.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "../compat.h"
#include "private.h"

/* Pages of a chunk: its bitmap has 4 KiB */
#define VFIO_MDEV_CHUNK_SHIFT	15
#define VFIO_MDEV_CHUNK_PAGES	BIT(VFIO_MDEV_CHUNK_SHIFT)

/* When memory is short, all pages are dirty before the OOM killer runs. */
#define VFIO_MDEV_CHUNK_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | \
				 __GFP_NOWARN)

struct vfio_mdev_dirty_chunk {
	unsigned long pages[BITS_TO_LONGS(VFIO_MDEV_CHUNK_PAGES)];
};

/* NULL without memory. A concurrent call can have stored one before. */
static struct vfio_mdev_dirty_chunk *
vfio_mdev_chunk_create(struct vfio_mdev_dirty *dirty, unsigned long index)
{
	struct vfio_mdev_dirty_chunk *chunk, *old;

	chunk = kzalloc_obj(*chunk, VFIO_MDEV_CHUNK_GFP);
	if (!chunk)
		return NULL;
	old = xa_cmpxchg(&dirty->chunks, index, NULL, chunk,
			 VFIO_MDEV_CHUNK_GFP);
	if (!old)
		return chunk;
	kfree(chunk);
	return xa_is_err(old) ? NULL : old;
}

static bool vfio_mdev_mark_page(struct vfio_mdev_dirty *dirty,
				unsigned long page)
{
	unsigned long index = page >> VFIO_MDEV_CHUNK_SHIFT;
	struct vfio_mdev_dirty_chunk *chunk = xa_load(&dirty->chunks, index);

	if (!chunk)
		chunk = vfio_mdev_chunk_create(dirty, index);
	if (!chunk)
		return false;
	set_bit(page % VFIO_MDEV_CHUNK_PAGES, chunk->pages);
	return true;
}

static void vfio_mdev_mark_pages(struct vfio_mdev_dirty *dirty,
				 unsigned long first, unsigned long last)
{
	unsigned long page = first;

	lockdep_assert_held(&dirty->lock);
	do {
		if (READ_ONCE(dirty->all))
			return;
		if (!vfio_mdev_mark_page(dirty, page))
			WRITE_ONCE(dirty->all, true);
		cond_resched();
	} while (page++ < last);
}

/*
 * The device has written @size bytes, at least one, from @iova on. Called after the
 * write, so that it is reported at the latest by the next report: userspace copies a
 * page after the report that has cleared it.
 */
void vfio_mdev_mark_dirty(struct vfio_mdev *vmdev, unsigned long iova,
			  unsigned long size)
{
	struct vfio_mdev_dirty *dirty = &vmdev->dirty;

	/*
	 * The write comes before the bit, for a report that clears the bit, and before
	 * the test, for a start of the log that this does not see: pairs with
	 * vfio_mdev_dirty_start().
	 */
	smp_mb();
	if (!READ_ONCE(dirty->logging))
		return;
	down_read(&dirty->lock);
	if (dirty->logging)
		vfio_mdev_mark_pages(dirty, iova >> PAGE_SHIFT,
				     (iova + size - 1) >> PAGE_SHIFT);
	up_read(&dirty->lock);
}

static int vfio_mdev_dirty_start(struct mdev_device *mdev,
				 struct rb_root_cached *ranges, u32 nr_ranges,
				 u64 *page_size)
{
	struct vfio_mdev *vmdev = dev_get_drvdata(mdev_dev(mdev));

	*page_size = PAGE_SIZE;
	WRITE_ONCE(vmdev->dirty.logging, true);
	/* Before userspace copies memory, see vfio_mdev_mark_dirty() */
	smp_mb();
	return 0;
}

static int vfio_mdev_dirty_stop(struct mdev_device *mdev)
{
	struct vfio_mdev *vmdev = dev_get_drvdata(mdev_dev(mdev));
	struct vfio_mdev_dirty *dirty = &vmdev->dirty;
	struct vfio_mdev_dirty_chunk *chunk;
	unsigned long index;

	/* vfio_mdev_mark_dirty() can be in a chunk */
	down_write(&dirty->lock);
	WRITE_ONCE(dirty->logging, false);
	dirty->all = false;
	xa_for_each(&dirty->chunks, index, chunk) {
		kfree(chunk);
		cond_resched();
	}
	xa_destroy(&dirty->chunks);
	up_write(&dirty->lock);
	return 0;
}

/* A device can write pages that are pinned for it at any time. */
static void vfio_mdev_mark_pinned(struct vfio_mdev *vmdev, unsigned long first,
				  unsigned long last)
{
	struct interval_tree_node range = { .start = first, .last = last };

	while (vfio_mdev_next_written(&vmdev->dma, &range, last)) {
		vfio_mdev_mark_dirty(vmdev, range.start,
				     range.last - range.start + 1);
		if (range.last == last)
			return;
		range.start = range.last + 1;
	}
}

/* Clear the pages from *@page on that are marked one after the other. */
static unsigned long vfio_mdev_clear_run(struct vfio_mdev_dirty_chunk *chunk,
					 unsigned long page, unsigned long end)
{
	unsigned long first = page;

	while (page < end && test_and_clear_bit(page, chunk->pages))
		page++;
	return page - first;
}

/* @first and @last are pages in the chunk. */
static void vfio_mdev_report_chunk(struct vfio_mdev_dirty_chunk *chunk,
				   unsigned long index, unsigned long first,
				   unsigned long last,
				   struct iova_bitmap *dirty)
{
	unsigned long end = last + 1;
	unsigned long count;

	for (first = find_next_bit(chunk->pages, end, first); first < end;
	     first = find_next_bit(chunk->pages, end, first + count)) {
		count = vfio_mdev_clear_run(chunk, first, end);
		iova_bitmap_set(dirty, ((index << VFIO_MDEV_CHUNK_SHIFT) +
					first) << PAGE_SHIFT,
				count << PAGE_SHIFT);
		cond_resched();
	}
}

/* log_lock is held, so the chunks stay. */
static int vfio_mdev_dirty_report(struct mdev_device *mdev, unsigned long iova,
				  unsigned long length,
				  struct iova_bitmap *dirty)
{
	struct vfio_mdev *vmdev = dev_get_drvdata(mdev_dev(mdev));
	unsigned long first = iova >> PAGE_SHIFT;
	unsigned long last = (iova + length - 1) >> PAGE_SHIFT;
	struct vfio_mdev_dirty_chunk *chunk;
	unsigned long index, base;

	vfio_mdev_mark_pinned(vmdev, iova, iova + length - 1);
	if (READ_ONCE(vmdev->dirty.all)) {
		iova_bitmap_set(dirty, iova, length);
		return 0;
	}
	xa_for_each_range(&vmdev->dirty.chunks, index, chunk,
			  first >> VFIO_MDEV_CHUNK_SHIFT,
			  last >> VFIO_MDEV_CHUNK_SHIFT) {
		base = index << VFIO_MDEV_CHUNK_SHIFT;
		vfio_mdev_report_chunk(chunk, index, max(first, base) - base,
				       min(last, base + VFIO_MDEV_CHUNK_PAGES -
					   1) - base, dirty);
	}
	return 0;
}

const struct mdev_dirty_log_ops vfio_mdev_dirty_ops = {
	.start = vfio_mdev_dirty_start,
	.stop = vfio_mdev_dirty_stop,
	.report = vfio_mdev_dirty_report,
};

void vfio_mdev_dirty_init(struct vfio_mdev *vmdev)
{
	init_rwsem(&vmdev->dirty.lock);
	xa_init(&vmdev->dirty.chunks);
}
