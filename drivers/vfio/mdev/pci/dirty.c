// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of memory regions have changed while a migration saves them: a bitmap
 * for each region. parts.c takes pages from it, and saves them.
 *
 * A change is marked after it has been made, and a page is taken before it is read, so
 * that a change that the reader misses is marked afterwards. Writes to mapped pages are not
 * trapped: mdev_pci_dirty_take() zaps the mappings of a page, and the next page fault
 * marks it before it is mapped writable (see mdev_pci_map_memory()).
 */

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/find.h>
#include <linux/lockdep.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "private.h"

static unsigned long mdev_pci_nr_pages(const struct mdev_pci_core *core,
				       unsigned int region)
{
	return DIV_ROUND_UP_ULL(mdev_pci_region_at(core->layout->function,
						region)->size, PAGE_SIZE);
}

/* Pages of a region, which is memory, from @first to @last have changed. */
void mdev_pci_dirty_mark(struct mdev_pci_core *core, unsigned int region,
			 unsigned long first, unsigned long last)
{
	unsigned long index;

	/*
	 * Order the change before the load of saves_memory: either this call marks
	 * the page, or mdev_pci_dirty_mark_all() finds it committed and changed
	 */
	smp_mb();
	/* The bitmap is there; pairs with mdev_pci_dirty_start() */
	if (!smp_load_acquire(&core->saves_memory))
		return;
	for (index = first; index <= last; index++)
		set_bit(index, core->memory[region]->dirty);
}

/**
 * mdev_pci_memory_mark_dirty - say that the driver has changed memory of a region
 * @pci: the function
 * @region: VFIO region index
 * @offset: where in the region, in bytes
 * @size: how many bytes
 *
 * For each change of a page from mdev_pci_memory_page(), after it: while a migration
 * copies the memory, the page is copied again. Accesses of userspace and
 * mdev_pci_memory_discard() need no call, nor does what &mdev_pci_driver.reset writes.
 * A driver that returns the page from &mdev_pci_region.map for another region clears
 * MDEV_MAP_WRITABLE there: writes through that mapping are not detected.
 *
 * Context: Any context.
 */
void mdev_pci_memory_mark_dirty(struct mdev_pci *pci, unsigned int region,
				u64 offset, u64 size)
{
	struct mdev_pci_core *core = pci->core;
	u64 end;

	if (!mdev_pci_find_memory(core, region) || !size)
		return;
	end = mdev_pci_region_at(core->layout->function, region)->size;
	if (offset < end)
		mdev_pci_dirty_mark(core, region, offset >> PAGE_SHIFT,
				    (offset + min(size, end - offset) - 1) >>
				    PAGE_SHIFT);
}
EXPORT_SYMBOL_GPL(mdev_pci_memory_mark_dirty);

static int mdev_pci_dirty_alloc(struct mdev_pci_core *core, unsigned int region)
{
	struct mdev_pci_memory *memory = core->memory[region];
	unsigned long pages;

	if (!memory)
		return 0;
	pages = mdev_pci_nr_pages(core, region);
	if (memory->dirty) {
		bitmap_zero(memory->dirty, pages);
		return 0;
	}
	/* Not freed before the region: mdev_pci_dirty_mark() can run concurrently. */
	memory->dirty = kvcalloc(BITS_TO_LONGS(pages), sizeof(long),
				 GFP_KERNEL_ACCOUNT);
	return memory->dirty ? 0 : -ENOMEM;
}

static void mdev_pci_dirty_invalidate(struct mdev_pci_core *core)
{
	unsigned int region;

	for (region = 0; region < core->layout->nr_regions; region++)
		if (core->memory[region])
			mdev_pci_invalidate(core->pci, region, 0, U64_MAX);
}

/* All pages that are committed are to be saved, if memory is saved. */
void mdev_pci_dirty_mark_all(struct mdev_pci_core *core)
{
	unsigned int region;
	unsigned long index;
	struct page *page;

	if (!core->saves_memory)
		return;
	for (region = 0; region < core->layout->nr_regions; region++) {
		if (!core->memory[region])
			continue;
		xa_for_each(&core->memory[region]->pages, index, page) {
			set_bit(index, core->memory[region]->dirty);
			cond_resched();
		}
	}
}

/* Begin to save memory. */
int mdev_pci_dirty_start(struct mdev_pci_core *core)
{
	unsigned int region;
	int ret;

	lockdep_assert_held(&core->lock);
	for (region = 0; region < core->layout->nr_regions; region++) {
		ret = mdev_pci_dirty_alloc(core, region);
		if (ret)
			return ret;
	}
	core->next_region = 0;
	core->next_page = 0;
	core->saved_all = false;
	/* The bitmaps are there; pairs with mdev_pci_dirty_mark() */
	smp_store_release(&core->saves_memory, true);
	/* Before changes are looked for; pairs with mdev_pci_dirty_mark() */
	smp_mb();
	/*
	 * In this order: a fault that has read saves_memory as false either fails
	 * mdev_map_lock() and is repeated, or has committed its page by now
	 */
	mdev_pci_dirty_invalidate(core);
	mdev_pci_dirty_mark_all(core);
	return 0;
}

/*
 * Page faults map huge entries again, except where single pages were mapped during
 * dirty logging: mm keeps their page tables.
 */
void mdev_pci_dirty_stop(struct mdev_pci_core *core)
{
	lockdep_assert_held(&core->lock);
	WRITE_ONCE(core->saves_memory, false);
	mdev_pci_dirty_invalidate(core);
}

/* The next up to @max pages of a region that have changed, from next_page on */
static bool mdev_pci_dirty_take_from(struct mdev_pci_core *core,
				     unsigned long max,
				     struct mdev_pci_pages *pages)
{
	unsigned int region = core->next_region;
	unsigned long index, end, nr;
	unsigned long *dirty;

	if (!core->memory[region])
		return false;
	dirty = core->memory[region]->dirty;
	nr = mdev_pci_nr_pages(core, region);
	pages->region = region;
	pages->first = find_next_bit(dirty, nr, core->next_page);
	if (pages->first >= nr)
		return false;
	end = find_next_zero_bit(dirty, min(nr, pages->first + max),
				 pages->first);
	for (index = pages->first; index < end; index++)
		clear_bit(index, dirty);
	/* A change that mdev_pci_dirty_mark() marks from now on marks it again. */
	smp_mb__after_atomic();
	mdev_pci_invalidate(core->pci, region, (u64)pages->first << PAGE_SHIFT,
			    (u64)(end - pages->first) << PAGE_SHIFT);
	pages->end = end;
	WRITE_ONCE(core->next_page, end);
	return true;
}

static void mdev_pci_dirty_next_region(struct mdev_pci_core *core)
{
	unsigned int region = core->next_region + 1;

	if (region == core->layout->nr_regions) {
		WRITE_ONCE(core->saved_all, true);
		region = 0;
	}
	WRITE_ONCE(core->next_region, region);
	WRITE_ONCE(core->next_page, 0);
}

/*
 * Take the next pages that have changed, up to @max in a row. All regions are searched
 * in turn, so that none that changes fast keeps another from being saved. The caller
 * reads the pages afterwards. Returns false if none has changed.
 */
bool mdev_pci_dirty_take(struct mdev_pci_core *core, unsigned long max,
			 struct mdev_pci_pages *pages)
{
	unsigned int i;

	/* The region where the search begins is searched twice: also before that */
	for (i = 0; i <= core->layout->nr_regions; i++) {
		if (mdev_pci_dirty_take_from(core, max, pages))
			return true;
		mdev_pci_dirty_next_region(core);
	}
	return false;
}

/*
 * How many bytes are still to be saved for the first time, and how many again. An
 * estimate: runs concurrently with mdev_pci_dirty_take().
 */
void mdev_pci_dirty_left(struct mdev_pci_core *core, u64 *initial, u64 *dirty)
{
	unsigned int next = READ_ONCE(core->next_region);
	unsigned long page = READ_ONCE(core->next_page);
	bool first = !READ_ONCE(core->saved_all);
	unsigned long start, end, all, again;
	const unsigned long *bits;
	unsigned int region;

	for (region = 0; region < core->layout->nr_regions; region++) {
		if (!core->memory[region])
			continue;
		end = mdev_pci_nr_pages(core, region);
		/* Where what was not saved yet begins */
		start = end;
		if (first && region >= next)
			start = region > next ? 0 : min(page, end);
		bits = core->memory[region]->dirty;
		again = bitmap_weight(bits, start);
		all = max(bitmap_weight(bits, end), again);
		*dirty += (u64)again << PAGE_SHIFT;
		*initial += (u64)(all - again) << PAGE_SHIFT;
	}
}
