// SPDX-License-Identifier: GPL-2.0-only
/*
 * Userspace memory: pages that commands pin and unpin, and that dma_unmap and
 * release unpin unless mdev_sim is to leave them pinned.
 */

#include <linux/cleanup.h>
#include <linux/highmem.h>
#include <linux/interval_tree.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "mdev_sim.h"

/* Of one command */
#define SIM_PINS_LIMIT		SZ_1M

u32 sim_forget_pins;
atomic_t sim_nr_pins;

/**
 * struct sim_pin - pages that one command has pinned
 * @node: numbers of the first and the last page; in &sim_device.pins
 * @pages: the pages
 */
struct sim_pin {
	struct interval_tree_node node;
	struct page *pages[];
};

static int sim_pin_npage(const struct sim_pin *pin)
{
	return pin->node.last - pin->node.start + 1;
}

static struct page *sim_pin_page(const struct sim_pin *pin, unsigned long number)
{
	return pin->pages[number - pin->node.start];
}

/* A pin with one of these pages, or NULL; an exact one if there is any */
static struct sim_pin *sim_pin_find(struct sim_device *sim, unsigned long first,
				    unsigned long last)
{
	struct interval_tree_node *node;
	struct interval_tree_node *found;

	lockdep_assert_held(&sim->pins_lock);
	found = interval_tree_iter_first(&sim->pins, first, last);
	for (node = interval_tree_iter_first(&sim->pins, first, first); node;
	     node = interval_tree_iter_next(node, first, first)) {
		if (node->start == first && node->last == last) {
			found = node;
			break;
		}
	}
	return found ? container_of(found, struct sim_pin, node) : NULL;
}

static void sim_pin_record(struct sim_device *sim, struct sim_pin *pin)
{
	unsigned long number = pin->node.start;
	struct sim_pin *other = sim_pin_find(sim, number, number);

	if (other && sim_pin_page(other, number) != pin->pages[0])
		sim_violation("page %#lx is pinned at two places", number);
	interval_tree_insert(&pin->node, &sim->pins);
	atomic_add(sim_pin_npage(pin), &sim_nr_pins);
}

static void sim_pin_delete(struct sim_device *sim, struct sim_pin *pin)
{
	interval_tree_remove(&pin->node, &sim->pins);
	atomic_sub(sim_pin_npage(pin), &sim_nr_pins);
	kvfree(pin);
}

int sim_pin_pages(struct sim_device *sim, u64 iova, int npage, int prot)
{
	struct sim_pin *pin;
	int ret;

	if (npage > SIM_PINS_LIMIT)
		return -E2BIG;
	/* Numbers below 1 are for mdev_pin_pages() to refuse. */
	pin = kvzalloc(struct_size(pin, pages, max(npage, 1)), GFP_KERNEL);
	if (!pin)
		return -ENOMEM;
	pin->node.start = PHYS_PFN(iova);
	pin->node.last = pin->node.start + npage - 1;

	/* Also taken by dma_unmap, which then finds what has been pinned. */
	guard(mutex)(&sim->pins_lock);
	ret = mdev_pin_pages(sim->mdev, iova, npage, prot, pin->pages);
	if (ret)
		kvfree(pin);
	else
		sim_pin_record(sim, pin);
	return ret;
}

int sim_unpin(struct sim_device *sim, u64 iova, int npage)
{
	unsigned long first = PHYS_PFN(iova);
	struct sim_pin *pin;
	int ret;

	guard(mutex)(&sim->pins_lock);
	ret = mdev_unpin_pages(sim->mdev, iova, npage);
	if (ret)
		return ret;
	pin = sim_pin_find(sim, first, first + npage - 1);
	if (pin && sim_pin_npage(pin) == npage)
		sim_pin_delete(sim, pin);
	else
		sim_violation("%d pages at %#llx were not pinned", npage, iova);
	return 0;
}

/* Transfer between userspace memory and BAR1. */
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
	pin = sim_pin_find(sim, PHYS_PFN(iova), PHYS_PFN(iova));
	if (!pin)
		return -EINVAL;
	memory = kmap_local_page(sim_pin_page(pin, PHYS_PFN(iova))) +
		 offset_in_page(iova);
	if (write)
		WRITE_ONCE(*memory, *value);
	else
		*value = READ_ONCE(*memory);
	kunmap_local(memory);
	if (write)
		sim_dirty_mark(sim, iova, sizeof(*value));
	return 0;
}

/* Unpin what has one of the pages with these numbers; @drop: only delete the record. */
static void sim_unpin_range(struct sim_device *sim, unsigned long first,
			    unsigned long last, bool drop)
{
	struct sim_pin *pin;

	guard(mutex)(&sim->pins_lock);
	while ((pin = sim_pin_find(sim, first, last))) {
		if (!drop)
			mdev_unpin_pages(sim->mdev, PFN_PHYS(pin->node.start),
					 sim_pin_npage(pin));
		sim_pin_delete(sim, pin);
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
