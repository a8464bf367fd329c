// SPDX-License-Identifier: GPL-2.0-only
/* Which pages of the user's memory the device has written: the dirty log. */

#include <linux/interval_tree.h>
#include <linux/iova_bitmap.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "mdev_sim.h"

/* Page size that start returns and reports are made of; 0: PAGE_SIZE */
u32 sim_log_page_size;

/* As many as one command may say to be written */
#define SIM_DIRTY_LIMIT		SZ_64K

void sim_dirty_mark(struct sim_device *sim, u64 iova, u64 length)
{
	unsigned long number = PHYS_PFN(iova);
	unsigned long last = PHYS_PFN(iova + length - 1);
	unsigned int i;

	if (!length ||
	    !atomic64_read(sim_register(sim, MDEV_SIM_REG_DIRTY_PAGE_SIZE)))
		return;
	for (i = 0; number <= last && i < SIM_DIRTY_LIMIT; i++, number++)
		xa_store(&sim->dirty, number, xa_mk_value(1), GFP_KERNEL);
}

void sim_dirty_forget(struct sim_device *sim)
{
	atomic64_set(sim_register(sim, MDEV_SIM_REG_DIRTY_PAGE_SIZE), 0);
	xa_destroy(&sim->dirty);
}

/* What linux/mdev.h says of the ranges */
static bool sim_ranges_are_valid(struct rb_root_cached *ranges, u32 nr_ranges)
{
	struct interval_tree_node *range;
	struct rb_node *node;

	for (node = rb_first_cached(ranges); node; node = rb_next(node)) {
		range = rb_entry(node, struct interval_tree_node, rb);
		if (range->last < range->start || !nr_ranges--)
			return false;
	}
	return !nr_ranges;
}

static int sim_dirty_log_start(struct mdev_device *mdev,
			       struct rb_root_cached *ranges, u32 nr_ranges,
			       u64 *page_size)
{
	CLASS(sim_call, call)(mdev, SIM_DIRTY_LOG_START);
	atomic64_t *logged;

	if (call.error)
		return call.error;
	logged = sim_register(call.sim, MDEV_SIM_REG_DIRTY_PAGE_SIZE);
	if (atomic64_read(logged))
		sim_violation("dirty_log_start of a log that was started");
	if (!is_power_of_2(*page_size) ||
	    !sim_ranges_are_valid(ranges, nr_ranges))
		sim_violation("dirty_log_start of %u ranges, pages of %#llx bytes",
			      nr_ranges, *page_size);
	*page_size = READ_ONCE(sim_log_page_size) ?: PAGE_SIZE;
	atomic64_set(logged, *page_size);
	return 0;
}

static int sim_dirty_log_stop(struct mdev_device *mdev)
{
	CLASS(sim_call, call)(mdev, SIM_DIRTY_LOG_STOP);

	if (call.error)
		return call.error;
	if (!atomic64_read(sim_register(call.sim,
					MDEV_SIM_REG_DIRTY_PAGE_SIZE)))
		sim_violation("dirty_log_stop of a log that was not started");
	sim_dirty_forget(call.sim);
	return 0;
}

static int sim_dirty_log_report(struct mdev_device *mdev, unsigned long iova,
				unsigned long length, struct iova_bitmap *dirty)
{
	CLASS(sim_call, call)(mdev, SIM_DIRTY_LOG_REPORT);
	struct sim_device *sim = call.sim;
	unsigned long number;
	u64 page_size;
	void *entry;

	if (call.error)
		return call.error;
	page_size = atomic64_read(sim_register(sim,
					       MDEV_SIM_REG_DIRTY_PAGE_SIZE));
	if (!length || iova + length - 1 < iova || !page_size ||
	    !IS_ALIGNED(iova | length, page_size)) {
		sim_violation("dirty_log_report of %#lx bytes at %#lx", length,
			      iova);
		return -EINVAL;
	}
	xa_for_each_range(&sim->dirty, number, entry, PHYS_PFN(iova),
			  PHYS_PFN(iova + length - 1)) {
		xa_erase(&sim->dirty, number);
		iova_bitmap_set(dirty, PFN_PHYS(number), PAGE_SIZE);
	}
	return 0;
}

const struct mdev_dirty_log_ops sim_dirty_log_ops = {
	.start = sim_dirty_log_start,
	.stop = sim_dirty_log_stop,
	.report = sim_dirty_log_report,
};

/* Kernels differ in how MODULE_IMPORT_NS() wants it */
MODULE_INFO(import_ns, "IOMMUFD");
