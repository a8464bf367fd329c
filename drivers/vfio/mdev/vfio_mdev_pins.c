// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many times each page of the user's memory is pinned in VFIO: by the vendor,
 * and by pins that the vendor has given back, or lost, but VFIO has not yet. VFIO
 * is owed those: who can unpin them need not be who took them from the vendor.
 *
 * The entry of a page in the xarray has both counts; it is there as long as one
 * of them is not 0. A mark tells which pages are owed.
 */

#include <linux/bits.h>
#include <linux/limits.h>
#include <linux/sched.h>

#include "vfio_mdev.h"

/* So that no count of VFIO's overflows, which a user's devices share */
#define VFIO_MDEV_MAX_PINS	BIT(28)

/* Both counts of a page in a value of the xarray */
#define VFIO_MDEV_COUNT_BITS	(BITS_PER_XA_VALUE / 2)
#define VFIO_MDEV_COUNT_MAX	GENMASK(VFIO_MDEV_COUNT_BITS - 1, 0)
#define VFIO_MDEV_OWED		XA_MARK_0

struct vfio_mdev_page_pins {
	unsigned long vendor;
	unsigned long owed;
};

static struct vfio_mdev_page_pins vfio_mdev_page_pins(const void *entry)
{
	unsigned long value = entry ? xa_to_value(entry) : 0;

	return (struct vfio_mdev_page_pins) {
		.vendor = value & VFIO_MDEV_COUNT_MAX,
		.owed = value >> VFIO_MDEV_COUNT_BITS,
	};
}

/* Needs memory, and may fail, only for a page that was not pinned at all. */
static int vfio_mdev_set_page(struct vfio_mdev_dma *dma, unsigned long index,
			      struct vfio_mdev_page_pins pins)
{
	unsigned long value = pins.vendor | pins.owed << VFIO_MDEV_COUNT_BITS;

	if (value)
		return xa_err(xa_store(&dma->pins, index, xa_mk_value(value),
				       GFP_KERNEL));
	xa_erase(&dma->pins, index);
	return 0;
}

static int vfio_mdev_count_page(struct vfio_mdev_dma *dma, unsigned long index,
				bool owed)
{
	struct vfio_mdev_page_pins pins =
		vfio_mdev_page_pins(xa_load(&dma->pins, index));
	int ret;

	if (pins.vendor + pins.owed == VFIO_MDEV_COUNT_MAX ||
	    (!owed && dma->nr_pins >= VFIO_MDEV_MAX_PINS))
		return -EOVERFLOW;
	pins.vendor += !owed;
	pins.owed += owed;
	ret = vfio_mdev_set_page(dma, index, pins);
	if (ret)
		return ret;
	if (owed)
		xa_set_mark(&dma->pins, index, VFIO_MDEV_OWED);
	dma->nr_pins++;
	return 0;
}

/* The caller has seen that it is counted. */
static void vfio_mdev_uncount_page(struct vfio_mdev_dma *dma,
				   unsigned long index, bool owed)
{
	struct vfio_mdev_page_pins pins =
		vfio_mdev_page_pins(xa_load(&dma->pins, index));

	pins.vendor -= !owed;
	pins.owed -= owed;
	vfio_mdev_set_page(dma, index, pins);
	if (!pins.owed && owed)
		xa_clear_mark(&dma->pins, index, VFIO_MDEV_OWED);
	dma->nr_pins--;
}

/* Count once more all pages in a range, or none. */
int vfio_mdev_count(struct vfio_mdev_dma *dma,
		    const struct vfio_mdev_dma_range *range, bool owed)
{
	unsigned long first = range->first >> PAGE_SHIFT;
	unsigned long last = range->last >> PAGE_SHIFT;
	unsigned long index;
	int ret = 0;

	mutex_lock(&dma->pins_lock);
	for (index = first; index <= last; index++) {
		ret = vfio_mdev_count_page(dma, index, owed);
		if (ret)
			break;
		cond_resched();
	}
	while (ret && index-- > first)
		vfio_mdev_uncount_page(dma, index, owed);
	mutex_unlock(&dma->pins_lock);
	return ret;
}

/*
 * Count once less all pages in a range, as a call under way, or none if the
 * vendor has not pinned all of them.
 */
int vfio_mdev_uncount_and_begin(struct vfio_mdev_dma *dma,
				struct vfio_mdev_dma_range *call)
{
	unsigned long first = call->first >> PAGE_SHIFT;
	unsigned long last = call->last >> PAGE_SHIFT;
	unsigned long index;
	int ret = 0;

	mutex_lock(&dma->pins_lock);
	for (index = first; index <= last && !ret; index++) {
		if (!vfio_mdev_page_pins(xa_load(&dma->pins, index)).vendor)
			ret = -EINVAL;
	}
	if (!ret)
		vfio_mdev_begin_call(dma, call);
	for (index = first; index <= last && !ret; index++) {
		vfio_mdev_uncount_page(dma, index, false);
		cond_resched();
	}
	mutex_unlock(&dma->pins_lock);
	return ret;
}

/* Take all pins in a range from the vendor; returns how many pages that were. */
unsigned long vfio_mdev_disown(struct vfio_mdev_dma *dma,
			       const struct vfio_mdev_dma_range *range)
{
	unsigned long pages = 0;
	unsigned long index;
	void *entry;

	mutex_lock(&dma->pins_lock);
	xa_for_each_range(&dma->pins, index, entry, range->first >> PAGE_SHIFT,
			  range->last >> PAGE_SHIFT) {
		struct vfio_mdev_page_pins pins = vfio_mdev_page_pins(entry);

		if (!pins.vendor)
			continue;
		pins.owed += pins.vendor;
		pins.vendor = 0;
		vfio_mdev_set_page(dma, index, pins);
		xa_set_mark(&dma->pins, index, VFIO_MDEV_OWED);
		pages++;
		cond_resched();
	}
	mutex_unlock(&dma->pins_lock);
	return pages;
}

/* Which page to unpin first: one that somebody waits for, if there is any */
static bool vfio_mdev_find_owed(struct vfio_mdev_dma *dma, unsigned long *index)
{
	const struct vfio_mdev_dma_range *range;
	bool found = false;

	spin_lock(&dma->lock);
	list_for_each_entry(range, &dma->unmaps, node) {
		*index = range->first >> PAGE_SHIFT;
		found = xa_find(&dma->pins, index, range->last >> PAGE_SHIFT,
				VFIO_MDEV_OWED);
		if (found)
			break;
	}
	spin_unlock(&dma->lock);
	if (found)
		return true;
	*index = 0;
	return xa_find(&dma->pins, index, ULONG_MAX, VFIO_MDEV_OWED);
}

/*
 * Uncount once some pages that are owed and lie side by side, @max of them at
 * most, as a call under way; returns how many.
 */
unsigned long vfio_mdev_take_owed(struct vfio_mdev_dma *dma,
				  struct vfio_mdev_dma_range *call,
				  unsigned long max)
{
	unsigned long pages = 0;
	unsigned long first;
	unsigned long index;

	mutex_lock(&dma->pins_lock);
	if (vfio_mdev_find_owed(dma, &first)) {
		do
			pages++;
		while (pages < max &&
		       xa_get_mark(&dma->pins, first + pages, VFIO_MDEV_OWED));
		call->first = first << PAGE_SHIFT;
		call->last = call->first + pages * PAGE_SIZE - 1;
		vfio_mdev_begin_call(dma, call);
	}
	for (index = first; index < first + pages; index++)
		vfio_mdev_uncount_page(dma, index, true);
	mutex_unlock(&dma->pins_lock);
	return pages;
}

/* Whether any page at all is owed */
bool vfio_mdev_owes(struct vfio_mdev_dma *dma)
{
	return xa_marked(&dma->pins, VFIO_MDEV_OWED);
}

bool vfio_mdev_is_owed(struct vfio_mdev_dma *dma,
		       const struct vfio_mdev_dma_range *range)
{
	unsigned long index = range->first >> PAGE_SHIFT;

	return xa_find(&dma->pins, &index, range->last >> PAGE_SHIFT,
		       VFIO_MDEV_OWED);
}

/* By whom ever */
bool vfio_mdev_is_pinned(struct vfio_mdev_dma *dma,
			 const struct vfio_mdev_dma_range *range)
{
	unsigned long index = range->first >> PAGE_SHIFT;

	return xa_find(&dma->pins, &index, range->last >> PAGE_SHIFT,
		       XA_PRESENT);
}

bool vfio_mdev_is_vendors(struct vfio_mdev_dma *dma,
			  const struct vfio_mdev_dma_range *range)
{
	unsigned long index;
	void *entry;

	xa_for_each_range(&dma->pins, index, entry, range->first >> PAGE_SHIFT,
			  range->last >> PAGE_SHIFT) {
		if (vfio_mdev_page_pins(entry).vendor)
			return true;
	}
	return false;
}
