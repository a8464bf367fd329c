// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of the user: pages that are pinned, as the commands ask for it, and
 * given back when the user takes them away. Unless that is to be forgotten.
 */

#include <linux/highmem.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "mdev_sim.h"

/* As many as one command can pin */
#define SIM_PINS_LIMIT		SZ_1M

u32 sim_forget_pins;
atomic_t sim_nr_pins;

/**
 * struct sim_pin - a page of the user that is pinned
 * @page: the page
 * @count: how many times
 */
struct sim_pin {
	struct page *page;
	unsigned int count;
};

static int sim_pin_record(struct sim_device *sim, unsigned long number,
			  struct page *page)
{
	struct sim_pin *pin = xa_load(&sim->pins, number);
	int ret;

	lockdep_assert_held(&sim->pins_lock);
	if (!pin) {
		pin = kzalloc_obj(*pin);
		if (!pin)
			return -ENOMEM;
		pin->page = page;
		ret = xa_insert(&sim->pins, number, pin, GFP_KERNEL);
		if (ret) {
			kfree(pin);
			return ret;
		}
	} else if (pin->page != page) {
		sim_violation("page %#lx is pinned at two places", number);
	}
	pin->count++;
	atomic_inc(&sim_nr_pins);
	return 0;
}

static void sim_pin_forget(struct sim_device *sim, unsigned long number,
			   unsigned int count)
{
	struct sim_pin *pin = xa_load(&sim->pins, number);

	lockdep_assert_held(&sim->pins_lock);
	if (!pin)
		return;
	count = min(count, pin->count);
	pin->count -= count;
	atomic_sub(count, &sim_nr_pins);
	if (!pin->count) {
		xa_erase(&sim->pins, number);
		kfree(pin);
	}
}

static int sim_pins_record(struct sim_device *sim, u64 iova, int npage,
			   struct page **pages)
{
	unsigned long number = PHYS_PFN(iova);
	int i, ret;

	guard(mutex)(&sim->pins_lock);
	for (i = 0; i < npage; i++) {
		ret = sim_pin_record(sim, number + i, pages[i]);
		if (ret)
			break;
	}
	if (i == npage)
		return 0;
	while (i--)
		sim_pin_forget(sim, number + i, 1);
	return ret;
}

int sim_pin(struct sim_device *sim, u64 iova, int npage, int prot)
{
	struct page **pages;
	int ret;

	if (npage > SIM_PINS_LIMIT)
		return -E2BIG;
	/* What is no number of pages is for who is asked to find out */
	pages = kvcalloc(max(npage, 1), sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	ret = mdev_pin_pages(sim->mdev, iova, npage, prot, pages);
	if (!ret) {
		ret = sim_pins_record(sim, iova, npage, pages);
		if (ret)
			mdev_unpin_pages(sim->mdev, iova, npage);
	}
	kvfree(pages);
	return ret;
}

int sim_unpin(struct sim_device *sim, u64 iova, int npage)
{
	int i, ret;

	guard(mutex)(&sim->pins_lock);
	ret = mdev_unpin_pages(sim->mdev, iova, npage);
	if (ret)
		return ret;
	for (i = 0; i < npage; i++)
		sim_pin_forget(sim, PHYS_PFN(iova) + i, 1);
	return 0;
}

/* Transfers between the user's memory and BAR1. */
int sim_dma_rw(struct sim_device *sim, u64 iova, u64 offset, u64 length,
	       bool write)
{
	void *buf;
	int ret;

	if (offset > MDEV_SIM_BAR1_SIZE || length > MDEV_SIM_BAR1_SIZE - offset)
		return -EINVAL;
	buf = kvzalloc(length, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;

	if (write)
		sim_bulk_copy(sim, offset, buf, length, false);
	ret = mdev_dma_rw(sim->mdev, iova, buf, length, write);
	if (!ret && write)
		sim_dirty_mark(sim, iova, length);
	if (!ret && !write)
		sim_bulk_copy(sim, offset, buf, length, true);
	kvfree(buf);
	return ret;
}

/* Eight bytes of a page that is pinned */
int sim_access_pinned(struct sim_device *sim, u64 iova, u64 *value, bool write)
{
	struct sim_pin *pin;
	u64 *memory;

	if (iova % sizeof(*value))
		return -EINVAL;
	guard(mutex)(&sim->pins_lock);
	pin = xa_load(&sim->pins, PHYS_PFN(iova));
	if (!pin)
		return -EINVAL;
	memory = kmap_local_page(pin->page) + offset_in_page(iova);
	if (write)
		WRITE_ONCE(*memory, *value);
	else
		*value = READ_ONCE(*memory);
	kunmap_local(memory);
	if (write)
		sim_dirty_mark(sim, iova, sizeof(*value));
	return 0;
}

/* Let go of the pages with the numbers @first to @last. */
static void sim_unpin_range(struct sim_device *sim, unsigned long first,
			    unsigned long last, bool forget)
{
	struct sim_pin *pin;
	unsigned long number;

	guard(mutex)(&sim->pins_lock);
	xa_for_each_range(&sim->pins, number, pin, first, last) {
		unsigned int i;

		for (i = 0; i < pin->count && !forget; i++)
			mdev_unpin_pages(sim->mdev, PFN_PHYS(number), 1);
		sim_pin_forget(sim, number, pin->count);
	}
}

void sim_unpin_all(struct sim_device *sim)
{
	sim_unpin_range(sim, 0, ULONG_MAX,
			READ_ONCE(sim_forget_pins) & MDEV_SIM_FORGET_RELEASE);
}

void sim_dma_unmap(struct mdev_device *mdev, u64 iova, u64 length)
{
	CLASS(sim_call, call)(mdev, SIM_DMA_UNMAP);
	struct sim_device *sim = call.sim;

	if (call.error)
		return;
	atomic64_inc(sim_register(sim, MDEV_SIM_REG_UNMAPS));
	atomic64_set(sim_register(sim, MDEV_SIM_REG_UNMAP_IOVA), iova);
	atomic64_set(sim_register(sim, MDEV_SIM_REG_UNMAP_LENGTH), length);
	if (!length || iova + length - 1 < iova) {
		sim_violation("dma_unmap of %#llx bytes at %#llx", length, iova);
		return;
	}
	if (READ_ONCE(sim_forget_pins) & MDEV_SIM_FORGET_UNMAP)
		return;
	sim_unpin_range(sim, PHYS_PFN(iova), PHYS_PFN(iova + length - 1),
			false);
}
