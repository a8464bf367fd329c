// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions of a PCI function that are memory. A page is allocated at the first
 * write or page fault, and freed by a reset or mdev_pci_memory_discard(). regions.c
 * calls this file for accesses.
 *
 * A page fault that one huge entry of the page tables could serve allocates all pages
 * of it at once, in a row. They are separate pages all the same, so each can be
 * discarded.
 *
 * A page that is discarded is removed from the xarray, then unmapped, and freed
 * after a grace period: mdev_pci_memory_find() gets a reference under RCU, and a
 * page fault that has looked the page up before is repeated (see
 * mdev_map_begin()).
 */

#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "../compat.h"
#include "private.h"

/*
 * A VMM can allocate up to the size of its regions. Accounted to its memory cgroup;
 * when memory is short, its access fails before the OOM killer runs.
 */
#define MDEV_PCI_MEMORY_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | \
				 __GFP_NOWARN)

/* Many pages at once: those that are free, or one at a time does as well. */
#define MDEV_PCI_BLOCK_GFP	(GFP_KERNEL_ACCOUNT | __GFP_ZERO | \
				 __GFP_NORETRY | __GFP_NOWARN)

/* The pages of a region, or NULL if it is not memory */
struct mdev_pci_memory *
mdev_pci_find_memory(const struct mdev_pci_core *core, unsigned int region)
{
	unsigned int nr_regions;

	if (!mdev_pci_is_described(core))
		return NULL;
	nr_regions = core->layout->nr_regions;
	if (region >= nr_regions)
		return NULL;
	return core->memory[array_index_nospec(region, nr_regions)];
}

/* With a reference, or NULL if the page is not committed. */
static struct page *mdev_pci_memory_find(struct mdev_pci_memory *memory,
					 unsigned long index)
{
	struct page *page;

	/* The reference of the xarray is put after a grace period. */
	rcu_read_lock();
	page = xa_load(&memory->pages, index);
	if (page)
		get_page(page);
	rcu_read_unlock();
	return page;
}

/* With a reference, or NULL if a concurrent one has committed a page. */
static struct page *mdev_pci_memory_commit(struct mdev_pci_memory *memory,
					   unsigned long index)
{
	struct page *page = alloc_page(MDEV_PCI_MEMORY_GFP | __GFP_ZERO);
	void *old;

	if (!page)
		return ERR_PTR(-ENOMEM);
	get_page(page);
	atomic_long_inc(&memory->committed);
	old = xa_cmpxchg(&memory->pages, index, NULL, page,
			 MDEV_PCI_MEMORY_GFP);
	if (!old)
		return page;

	atomic_long_dec(&memory->committed);
	put_page(page);
	put_page(page);
	return xa_is_err(old) ? ERR_PTR(xa_err(old)) : NULL;
}

/* Commit pages from @first on that can be mapped by one entry, if none of them is. */
static void mdev_pci_memory_commit_block(struct mdev_pci_memory *memory,
					 unsigned long first,
					 unsigned int order)
{
	unsigned long last = first + (1UL << order) - 1;
	unsigned long index = first;
	struct page *page;

	if (xa_find(&memory->pages, &index, last, XA_PRESENT))
		return;
	page = alloc_pages(MDEV_PCI_BLOCK_GFP, order);
	if (!page)
		return;
	split_page(page, order);
	for (index = first; index <= last; index++, page++) {
		atomic_long_inc(&memory->committed);
		if (!xa_cmpxchg(&memory->pages, index, NULL, page,
				MDEV_PCI_MEMORY_GFP))
			continue;
		/* Another one is committed, or there is no memory for the xarray */
		atomic_long_dec(&memory->committed);
		put_page(page);
	}
}

/* Whether @page, at @index, and those around it that one entry can map are in a row */
static bool mdev_pci_memory_is_block(struct mdev_pci_memory *memory,
				     unsigned long index, struct page *page,
				     unsigned int order)
{
	unsigned long first = ALIGN_DOWN(index, 1UL << order);
	unsigned long pfn = page_to_pfn(page) - (index - first);
	unsigned long count = 0;
	struct page *other;

	if (!IS_ALIGNED(pfn, 1UL << order))
		return false;
	xa_for_each_range(&memory->pages, index, other, first,
			  first + (1UL << order) - 1) {
		if (page_to_pfn(other) != pfn + (index - first))
			return false;
		count++;
	}
	return count == 1UL << order;
}

/*
 * For a page fault: the page, with a reference, or an ERR_PTR(). On entry, @size is how
 * many bytes around @offset could be mapped at once, then how many are contiguous.
 */
struct page *mdev_pci_memory_fault(struct mdev_pci_core *core,
				   unsigned int region, u64 offset,
				   unsigned long *size)
{
	struct mdev_pci_memory *memory = mdev_pci_find_memory(core, region);
	unsigned long index = offset >> PAGE_SHIFT;
	bool huge = *size >= PMD_SIZE && PMD_ORDER <= MAX_PAGE_ORDER;
	struct page *page;

	if (huge)
		mdev_pci_memory_commit_block(memory,
					     ALIGN_DOWN(index, 1UL << PMD_ORDER),
					     PMD_ORDER);
	page = mdev_pci_memory_page(core->pci, region, offset);
	if (IS_ERR(page))
		return page;
	*size = huge && mdev_pci_memory_is_block(memory, index, page,
						 PMD_ORDER) ?
		PMD_SIZE : PAGE_SIZE;
	return page;
}

/**
 * mdev_pci_memory_page - a page of a region that is memory
 * @pci: the function
 * @region: VFIO region index
 * @offset: where in the region, in bytes
 *
 * Commits the page, zeroed, unless it is committed. A driver that writes it calls
 * mdev_pci_memory_mark_dirty() afterwards. After mdev_pci_memory_discard()
 * or a reset the page is not a part of the region any more, but exists as long as
 * it is referenced. If the &mdev_pci_region.map of another region returns the page,
 * the driver either keeps its reference for as long as it can be mapped there, or
 * returns another page from @map and calls mdev_pci_invalidate() for that region
 * before it discards the page.
 *
 * Context: may sleep.
 * Return: the page, with a reference for the caller to put_page(); -EINVAL if
 *	there is no memory at @offset; -ENOMEM.
 */
struct page *mdev_pci_memory_page(struct mdev_pci *pci, unsigned int region,
				  u64 offset)
{
	const struct mdev_pci_core *core = pci->core;
	struct mdev_pci_memory *memory = mdev_pci_find_memory(core, region);
	struct page *page;

	if (!memory ||
	    offset >= mdev_pci_region_at(core->layout->function, region)->size)
		return ERR_PTR(-EINVAL);
	do {
		page = mdev_pci_memory_find(memory, offset >> PAGE_SHIFT);
		if (!page)
			page = mdev_pci_memory_commit(memory,
						      offset >> PAGE_SHIFT);
	} while (!page);
	return page;
}
EXPORT_SYMBOL_GPL(mdev_pci_memory_page);

/**
 * mdev_pci_memory_committed - number of committed pages of a region
 * @pci: the function
 * @region: VFIO region index
 *
 * Context: Any context. Can race with accesses that commit pages.
 * Return: number of pages; 0 if the region is not memory.
 */
unsigned long mdev_pci_memory_committed(struct mdev_pci *pci,
					unsigned int region)
{
	struct mdev_pci_memory *memory = mdev_pci_find_memory(pci->core, region);

	return memory ? atomic_long_read(&memory->committed) : 0;
}
EXPORT_SYMBOL_GPL(mdev_pci_memory_committed);

/* Move pages from the xarray to a list, with their references. */
static void mdev_pci_memory_take(struct mdev_pci_core *core,
				 unsigned int region, unsigned long first,
				 unsigned long last, struct list_head *pages)
{
	struct mdev_pci_memory *memory = core->memory[region];
	unsigned long index;
	struct page *page;

	xa_for_each_range(&memory->pages, index, page, first, last) {
		/* A concurrent discard can have erased it. */
		page = xa_erase(&memory->pages, index);
		if (!page)
			continue;
		mdev_pci_dirty_mark(core, region, index, index);
		atomic_long_dec(&memory->committed);
		list_add(&page->lru, pages);
		cond_resched();
	}
}

static void mdev_pci_memory_free(struct list_head *pages)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, pages, lru) {
		put_page(page);
		cond_resched();
	}
}

/**
 * mdev_pci_invalidate - unmap pages of a region
 * @pci: the function
 * @region: VFIO region index
 * @offset: where in the region to begin, in bytes
 * @size: how many bytes, up to U64_MAX for the rest of the region
 *
 * For regions with &mdev_pci_region.map: the next access faults and calls that
 * again. See mdev_device_invalidate_mapping().
 *
 * Context: may sleep, and with locks held that @map takes. Not from @map itself.
 */
void mdev_pci_invalidate(struct mdev_pci *pci, unsigned int region, u64 offset,
			 u64 size)
{
	u64 end = BIT_ULL(MDEV_REGION_SHIFT);
	u64 pos = (u64)region << MDEV_REGION_SHIFT | offset;

	if (offset < end)
		mdev_device_invalidate_mapping(pci->mdev, pos,
					       min(size, end - offset));
}
EXPORT_SYMBOL_GPL(mdev_pci_invalidate);

/**
 * mdev_pci_memory_discard - free pages of a region that is memory
 * @pci: the function
 * @region: VFIO region index
 * @offset: where in the region to begin, in bytes
 * @size: how many bytes, up to U64_MAX for the rest of the region
 *
 * Unmaps and frees the pages that lie in the range completely. The next access
 * finds zeroes.
 *
 * Context: may sleep, under the locks that mdev_device_invalidate_mapping() may
 *	be called with.
 */
void mdev_pci_memory_discard(struct mdev_pci *pci, unsigned int region,
			     u64 offset, u64 size)
{
	struct mdev_pci_core *core = pci->core;
	u64 end, start = PAGE_ALIGN(offset);
	LIST_HEAD(pages);

	if (!mdev_pci_find_memory(core, region))
		return;
	end = mdev_pci_region_at(core->layout->function, region)->size;
	if (offset >= end)
		return;
	end = ALIGN_DOWN(offset + min(size, end - offset), PAGE_SIZE);
	if (start >= end)
		return;

	mdev_pci_memory_take(core, region, start >> PAGE_SHIFT,
			     (end - 1) >> PAGE_SHIFT, &pages);
	/* Also without pages: a concurrent discard can have erased them. */
	mdev_pci_invalidate(pci, region, start, end - start);
	if (list_empty(&pages))
		return;
	synchronize_rcu();
	mdev_pci_memory_free(&pages);
}
EXPORT_SYMBOL_GPL(mdev_pci_memory_discard);

/* After power-on no page is committed. */
void mdev_pci_memory_reset(struct mdev_pci_core *core)
{
	unsigned int region;

	for (region = 0; region < core->layout->nr_regions; region++)
		mdev_pci_memory_discard(core->pci, region, 0, U64_MAX);
}

/*
 * Accesses of the size of a register are single accesses of memory: the guest's
 * processors and the device may share it without a lock.
 */
static void mdev_pci_memory_copy(void *to, const void *from, size_t size)
{
	if (!IS_ALIGNED((unsigned long)to | (unsigned long)from, size)) {
		memcpy(to, from, size);
		return;
	}
	switch (size) {
	case sizeof(u8):
		WRITE_ONCE(*(u8 *)to, READ_ONCE(*(const u8 *)from));
		break;
	case sizeof(u16):
		WRITE_ONCE(*(u16 *)to, READ_ONCE(*(const u16 *)from));
		break;
	case sizeof(u32):
		WRITE_ONCE(*(u32 *)to, READ_ONCE(*(const u32 *)from));
		break;
	case sizeof(u64):
		WRITE_ONCE(*(u64 *)to, READ_ONCE(*(const u64 *)from));
		break;
	default:
		memcpy(to, from, size);
	}
}

static void mdev_pci_memory_load(void *buf, struct page *page,
				 unsigned int offset, size_t size)
{
	void *contents = kmap_local_page(page);

	mdev_pci_memory_copy(buf, contents + offset, size);
	kunmap_local(contents);
}

static void mdev_pci_memory_store(struct page *page, unsigned int offset,
				  const void *buf, size_t size)
{
	void *contents = kmap_local_page(page);

	mdev_pci_memory_copy(contents + offset, buf, size);
	kunmap_local(contents);
}

static size_t mdev_pci_memory_piece(u64 offset, size_t count)
{
	return min(count, PAGE_SIZE - offset_in_page(offset));
}

/* A page that is not committed reads as zeroes; a read does not commit it. */
int mdev_pci_memory_read(struct mdev_pci_core *core, unsigned int region,
			 u64 offset, char *buf, size_t count)
{
	struct mdev_pci_memory *memory = mdev_pci_find_memory(core, region);
	struct page *page;
	size_t size;

	for (; count; count -= size, offset += size, buf += size) {
		size = mdev_pci_memory_piece(offset, count);
		page = mdev_pci_memory_find(memory, offset >> PAGE_SHIFT);
		if (!page) {
			memset(buf, 0, size);
			continue;
		}
		mdev_pci_memory_load(buf, page, offset_in_page(offset), size);
		put_page(page);
	}
	return 0;
}

int mdev_pci_memory_write(struct mdev_pci_core *core, unsigned int region,
			  u64 offset, const char *buf, size_t count)
{
	struct page *page;
	size_t size;

	for (; count; count -= size, offset += size, buf += size) {
		size = mdev_pci_memory_piece(offset, count);
		page = mdev_pci_memory_page(core->pci, region, offset);
		if (IS_ERR(page))
			return PTR_ERR(page);
		mdev_pci_memory_store(page, offset_in_page(offset), buf, size);
		put_page(page);
		mdev_pci_dirty_mark(core, region, offset >> PAGE_SHIFT,
				    offset >> PAGE_SHIFT);
	}
	return 0;
}

/* A part of a page becomes zeroes. */
void mdev_pci_memory_clear(struct mdev_pci_core *core, unsigned int region,
			   u64 offset, size_t size)
{
	struct mdev_pci_memory *memory = mdev_pci_find_memory(core, region);
	struct page *page = mdev_pci_memory_find(memory, offset >> PAGE_SHIFT);

	if (!page)
		return;
	memzero_page(page, offset_in_page(offset), size);
	put_page(page);
}

/* Number of committed pages of all regions */
unsigned long mdev_pci_memory_all_committed(struct mdev_pci_core *core)
{
	unsigned long pages = 0;
	unsigned int region;

	for (region = 0; region < core->layout->nr_regions; region++)
		pages += mdev_pci_memory_committed(core->pci, region);
	return pages;
}

/* Whether a part of a page is zeroes, as one that is not committed is */
bool mdev_pci_memory_is_zero(struct mdev_pci_core *core, unsigned int region,
			     u64 offset, size_t size)
{
	struct mdev_pci_memory *memory = mdev_pci_find_memory(core, region);
	struct page *page = mdev_pci_memory_find(memory, offset >> PAGE_SHIFT);
	void *contents;
	bool zero;

	if (!page)
		return true;
	contents = kmap_local_page(page);
	zero = !memchr_inv(contents + offset_in_page(offset), 0, size);
	kunmap_local(contents);
	put_page(page);
	return zero;
}

static int mdev_pci_memory_init_region(struct mdev_pci_core *core,
				       unsigned int region)
{
	const struct mdev_pci_region *description =
		mdev_pci_region_at(core->layout->function, region);
	struct mdev_pci_memory *memory;

	if (!description || !description->memory)
		return 0;
	memory = kzalloc_obj(*memory);
	if (!memory)
		return -ENOMEM;
	xa_init_flags(&memory->pages, XA_FLAGS_ACCOUNT);
	core->memory[region] = memory;
	return 0;
}

int mdev_pci_memory_init(struct mdev_pci_core *core)
{
	unsigned int region;
	int ret;

	core->memory = kcalloc(core->layout->nr_regions, sizeof(*core->memory),
			       GFP_KERNEL);
	if (!core->memory)
		return -ENOMEM;
	for (region = 0; region < core->layout->nr_regions; region++) {
		ret = mdev_pci_memory_init_region(core, region);
		if (ret) {
			mdev_pci_memory_destroy(core);
			return ret;
		}
	}
	return 0;
}

static void mdev_pci_memory_free_region(struct mdev_pci_memory *memory)
{
	if (memory)
		kvfree(memory->dirty);
	kfree(memory);
}

void mdev_pci_memory_destroy(struct mdev_pci_core *core)
{
	unsigned int region;

	mdev_pci_memory_reset(core);
	for (region = 0; region < core->layout->nr_regions; region++)
		mdev_pci_memory_free_region(core->memory[region]);
	kfree(core->memory);
}
