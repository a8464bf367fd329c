// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped regions: invalidation, and its order against the page faults that the
 * bus driver handles (vfio/mmap.c).
 *
 * A fault reads map_seq, calls &parent_ops.validate_map_request without a lock
 * of mdev's, and then takes map_lock for reading to insert the pfn, unless
 * map_seq has changed. An invalidation takes map_lock for writing, changes
 * map_seq and zaps the mappings. It never waits for the driver, which can
 * hold locks of its own around it; and a fault that looked a pfn up before an
 * invalidation never inserts it after.
 */

#include <kunit/visibility.h>
#include <linux/align.h>
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/wait_bit.h>
#include <trace/events/mdev.h>

#include "compat.h"
#include "mdev_private.h"

/* No position in a device file lies there or above */
#define MDEV_MAP_END	ALIGN_DOWN((u64)LLONG_MAX, PAGE_SIZE)

/**
 * mdev_map_page_range - the pages of a range of positions
 * @start: first position, page aligned
 * @end: position after the last one, page aligned
 * @max: the largest page number that a pgoff_t has; ULONG_MAX but in tests
 * @first: for the number of the first page
 *
 * A position has the region's index above MDEV_REGION_SHIFT, and only a page
 * number fits a pgoff_t of 32 bits, up to region 15. Nothing can be mapped in
 * the regions above.
 *
 * Return: the number of pages, 0 if no page of the range can be mapped.
 */
VISIBLE_IF_KUNIT u64 mdev_map_page_range(u64 start, u64 end, u64 max,
					 u64 *first)
{
	u64 last = min((end >> PAGE_SHIFT) - 1, max);

	*first = start >> PAGE_SHIFT;
	return start < end && *first <= last ? last - *first + 1 : 0;
}
EXPORT_SYMBOL_IF_KUNIT(mdev_map_page_range);

/*
 * Not unmap_mapping_range(), which casts a position to pgoff_t before it shifts
 * it. All pages of a pgoff_t of 32 bits are a number that does not fit one;
 * unmap_mapping_pages() takes the 0 that remains for what it is.
 */
static void mdev_map_zap(struct address_space *mapping, u64 start, u64 end)
{
	u64 first;
	u64 nr = mdev_map_page_range(start, end, ULONG_MAX, &first);

	if (nr)
		unmap_mapping_pages(mapping, first, nr, true);
}

/* Zap the mappings from @start to before @end, which are page aligned. */
static void mdev_map_empty(struct mdev_device *mdev, u64 start, u64 end)
{
	lockdep_assert_held_write(&mdev->core->map_lock);
	start = ALIGN_DOWN(start, mdev->core->map_granule);
	end = min(ALIGN(end, mdev->core->map_granule), MDEV_MAP_END);
	/*
	 * Pairs with mdev_map_begin(): a fault that reads the new map_seq sees
	 * what the driver has changed before it invalidated
	 */
	smp_store_release(&mdev->core->map_seq, mdev->core->map_seq + 1);
	if (mdev->core->mapping)
		mdev_map_zap(mdev->core->mapping, start, end);
	trace_mdev_invalidate(mdev, start, end - start);
}

/**
 * mdev_device_invalidate_mapping - empty mappings of a device's regions
 * @mdev: the device
 * @pos: first position that is invalidated, with the region in its upper bits
 * @size: how many bytes are, up to U64_MAX for all that follow
 *
 * Empties, in all processes, every mapping of the pages that hold one of the
 * bytes; where those lie in a huge page, all of that. A later access faults and
 * calls &parent_ops.validate_map_request again, and so does a page fault that
 * called it before and has not inserted its pages yet. When this function
 * returns no CPU can access what was mapped.
 *
 * Context: may sleep, at any time between &parent_ops.create and
 *	&parent_ops.remove, and with locks held that @validate_map_request takes.
 *	Not from @validate_map_request itself, nor where memory is reclaimed.
 */
void mdev_device_invalidate_mapping(struct mdev_device *mdev, loff_t pos,
				    u64 size)
{
	u64 start, end;

	if (pos < 0 || pos >= MDEV_MAP_END || !size)
		return;
	start = ALIGN_DOWN(pos, PAGE_SIZE);
	end = ALIGN(pos + min(size, MDEV_MAP_END - pos), PAGE_SIZE);

	down_write(&mdev->core->map_lock);
	mdev_map_empty(mdev, start, end);
	up_write(&mdev->core->map_lock);
}
EXPORT_SYMBOL_GPL(mdev_device_invalidate_mapping);

/**
 * mdev_map_begin - begin to handle a page fault
 * @mdev: the device, which is open
 * @seq: for mdev_map_lock()
 *
 * For bus drivers, before they call &parent_ops.validate_map_request.
 *
 * Return: false if nothing may be mapped now, see mdev_map_wait().
 */
bool mdev_map_begin(struct mdev_device *mdev, unsigned long *seq)
{
	/* Pairs with mdev_map_empty() */
	*seq = smp_load_acquire(&mdev->core->map_seq);
	return !READ_ONCE(mdev->core->map_blocked);
}
EXPORT_SYMBOL_NS_GPL(mdev_map_begin, MDEV_BUS_NAMESPACE);

/**
 * mdev_map_lock - block invalidations while pages are inserted
 * @mdev: the device
 * @seq: from mdev_map_begin()
 *
 * Context: may sleep, with mmap_lock held.
 * Return: true if what &parent_ops.validate_map_request has returned since
 *	mdev_map_begin() is valid; then mdev_map_unlock() has to follow.
 *	Otherwise the fault starts over.
 */
bool mdev_map_lock(struct mdev_device *mdev, unsigned long seq)
{
	down_read(&mdev->core->map_lock);
	if (likely(mdev->core->map_seq == seq && !mdev->core->map_blocked))
		return true;
	up_read(&mdev->core->map_lock);
	return false;
}
EXPORT_SYMBOL_NS_GPL(mdev_map_lock, MDEV_BUS_NAMESPACE);

/**
 * mdev_map_unlock - unblock invalidations
 * @mdev: the device, locked with mdev_map_lock()
 */
void mdev_map_unlock(struct mdev_device *mdev)
{
	up_read(&mdev->core->map_lock);
}
EXPORT_SYMBOL_NS_GPL(mdev_map_unlock, MDEV_BUS_NAMESPACE);

/**
 * mdev_map_set_granule - invalidate large entries of page tables as a whole
 * @mdev: the device, locked with mdev_map_lock()
 * @size: of entries that mm can't split, in bytes, all of the same size and at
 *	naturally aligned positions
 */
void mdev_map_set_granule(struct mdev_device *mdev, unsigned long size)
{
	WRITE_ONCE(mdev->core->map_granule, size);
}
EXPORT_SYMBOL_NS_GPL(mdev_map_set_granule, MDEV_BUS_NAMESPACE);

/**
 * mdev_map_wait - wait until the device may be mapped
 * @mdev: the device, which is open
 *
 * The task can be frozen while it waits. In KVM, a page fault is handled with
 * &kvm_vcpu.mutex held, which only tasks of the same VMM wait for: hence
 * TASK_FREEZABLE_UNSAFE, which differs from TASK_FREEZABLE in a check of lockdep.
 *
 * Context: may sleep, long. Must not hold mmap_lock, which the driver can take
 *	in &parent_ops.reset.
 * Return: 0, also if mdev_is_dead(), or -ERESTARTSYS if a fatal signal came.
 */
int mdev_map_wait(struct mdev_device *mdev)
{
	unsigned int *blocked = &mdev->core->map_blocked;

	return ___wait_var_event(blocked,
				 !READ_ONCE(*blocked) || mdev_is_dead(mdev),
				 (TASK_KILLABLE | TASK_FREEZABLE_UNSAFE), 0, 0,
				 schedule());
}
EXPORT_SYMBOL_NS_GPL(mdev_map_wait, MDEV_BUS_NAMESPACE);

/* The parent is dead: end mdev_map_wait(). */
void mdev_map_wake(struct mdev_device *mdev)
{
	/* Pairs with prepare_to_wait_event() in mdev_map_wait() */
	smp_mb();
	wake_up_var(&mdev->core->map_blocked);
}

/**
 * mdev_map_block - zap all mappings and block faults
 * @mdev: the device
 *
 * For bus drivers, around a reset. Also while the parent is paused or dead. May be
 * nested.
 *
 * Context: may sleep.
 */
void mdev_map_block(struct mdev_device *mdev)
{
	down_write(&mdev->core->map_lock);
	WRITE_ONCE(mdev->core->map_blocked, mdev->core->map_blocked + 1);
	if (!mdev_parent_ops(mdev)->mmap)
		mdev_map_empty(mdev, 0, MDEV_MAP_END);
	up_write(&mdev->core->map_lock);
}
EXPORT_SYMBOL_NS_GPL(mdev_map_block, MDEV_BUS_NAMESPACE);

/**
 * mdev_map_unblock - undo mdev_map_block()
 * @mdev: the device
 *
 * Context: may sleep.
 */
void mdev_map_unblock(struct mdev_device *mdev)
{
	down_write(&mdev->core->map_lock);
	/* Faults that called validate_map_request during the reset start over */
	smp_store_release(&mdev->core->map_seq, mdev->core->map_seq + 1);
	WRITE_ONCE(mdev->core->map_blocked, mdev->core->map_blocked - 1);
	up_write(&mdev->core->map_lock);
	mdev_map_wake(mdev);
}
EXPORT_SYMBOL_NS_GPL(mdev_map_unblock, MDEV_BUS_NAMESPACE);
