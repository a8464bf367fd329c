// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rules of linux/mdev.h: when callbacks are called, and which never run
 * concurrently. Each violation is counted and reported.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/printk.h>

#include "mdev_sim.h"

/* The life of a device, which goes from one to the next */
#define SIM_LIFE							\
	(BIT(SIM_CREATE) | BIT(SIM_REMOVE) | BIT(SIM_OPEN) |		\
	 BIT(SIM_RELEASE) | BIT(SIM_START) | BIT(SIM_STOP))

/* What runs in between */
#define SIM_USE								\
	(BIT(SIM_RESET) | BIT(SIM_GET_DEVICE_INFO) |			\
	 BIT(SIM_GET_REGION_INFO) | BIT(SIM_GET_IRQ_INFO) |		\
	 BIT(SIM_READ) | BIT(SIM_WRITE) | BIT(SIM_SET_IRQS) |		\
	 BIT(SIM_VALIDATE_MAP_REQUEST) | BIT(SIM_MMAP) |		\
	 BIT(SIM_IOCTL) | BIT(SIM_DEVICE_FEATURE) | BIT(SIM_DMA_UNMAP) | \
	 SIM_MIGRATION | BIT(SIM_MIGRATION_DATA_SIZE) | SIM_DIRTY_LOG)

#define SIM_MIGRATION							\
	(BIT(SIM_MIGRATION_SET_STATE) | BIT(SIM_MIGRATION_SAVE) |	\
	 BIT(SIM_MIGRATION_LOAD) | BIT(SIM_MIGRATION_OPEN_DATA))

#define SIM_DIRTY_LOG							\
	(BIT(SIM_DIRTY_LOG_START) | BIT(SIM_DIRTY_LOG_STOP) |		\
	 BIT(SIM_DIRTY_LOG_REPORT))

/* What mdev_drain() waits for */
#define SIM_DRAINED							\
	(BIT(SIM_READ) | BIT(SIM_WRITE) | BIT(SIM_SET_IRQS) |		\
	 BIT(SIM_DEVICE_FEATURE) | SIM_DIRTY_LOG)

/* What does not run while the parent is paused, nor when it is dead */
#define SIM_PAUSED							\
	(BIT(SIM_OPEN) | BIT(SIM_START) | BIT(SIM_RESET) |		\
	 BIT(SIM_GET_DEVICE_INFO) | BIT(SIM_GET_REGION_INFO) |		\
	 BIT(SIM_READ) | BIT(SIM_WRITE) |				\
	 BIT(SIM_VALIDATE_MAP_REQUEST) | BIT(SIM_DEVICE_FEATURE) |	\
	 SIM_MIGRATION | BIT(SIM_DIRTY_LOG_START) |			\
	 BIT(SIM_DIRTY_LOG_REPORT))

const struct sim_rule sim_rules[SIM_NR_CALLS] = {
	[SIM_CREATE] = {
		.name = "create",
		.excludes = BIT(SIM_NR_CALLS) - 1,
	},
	[SIM_REMOVE] = {
		.name = "remove",
		.excludes = BIT(SIM_NR_CALLS) - 1,
	},
	[SIM_OPEN] = {
		.name = "open",
		.excludes = SIM_LIFE | SIM_USE,
	},
	[SIM_RELEASE] = {
		.name = "release",
		.has_no_result = true,
		.only_open = true,
		.excludes = SIM_LIFE | SIM_USE,
	},
	[SIM_START] = {
		.name = "start",
		.excludes = SIM_LIFE,
	},
	[SIM_STOP] = {
		.name = "stop",
		.excludes = SIM_LIFE | SIM_DRAINED,
	},
	[SIM_RESET] = {
		.name = "reset",
		.only_open = true,
		.excludes = SIM_MIGRATION | SIM_DRAINED,
	},
	[SIM_GET_DEVICE_INFO] = {
		.name = "get_device_info",
		.only_open = true,
	},
	[SIM_GET_REGION_INFO] = {
		.name = "get_region_info",
		.only_open = true,
	},
	[SIM_GET_IRQ_INFO] = {
		.name = "get_irq_info",
		.only_open = true,
	},
	[SIM_READ] = {
		.name = "read",
		.only_open = true,
	},
	[SIM_WRITE] = {
		.name = "write",
		.only_open = true,
	},
	[SIM_SET_IRQS] = {
		.name = "set_irqs",
		.only_open = true,
		.excludes = BIT(SIM_SET_IRQS),
	},
	[SIM_VALIDATE_MAP_REQUEST] = {
		.name = "validate_map_request",
		.only_open = true,
	},
	[SIM_MMAP] = {
		.name = "mmap",
		.only_open = true,
	},
	[SIM_IOCTL] = {
		.name = "ioctl",
		.only_open = true,
	},
	[SIM_DEVICE_FEATURE] = {
		.name = "device_feature",
		.only_open = true,
	},
	[SIM_REQUEST] = {
		.name = "request",
		.has_no_result = true,
	},
	[SIM_DMA_UNMAP] = {
		.name = "dma_unmap",
		.has_no_result = true,
		.only_open = true,
		.excludes = BIT(SIM_DMA_UNMAP),
	},
	[SIM_ATTRIBUTE] = {
		.name = "attribute",
	},
	[SIM_MIGRATION_SET_STATE] = {
		.name = "migration_set_state",
		.only_open = true,
		.excludes = SIM_MIGRATION,
	},
	[SIM_MIGRATION_DATA_SIZE] = {
		.name = "migration_data_size",
		.has_no_result = true,
		.only_open = true,
	},
	[SIM_MIGRATION_SAVE] = {
		.name = "migration_save",
		.only_open = true,
		.excludes = SIM_MIGRATION,
	},
	[SIM_MIGRATION_LOAD] = {
		.name = "migration_load",
		.only_open = true,
		.excludes = SIM_MIGRATION,
	},
	[SIM_MIGRATION_OPEN_DATA] = {
		.name = "migration_open_data",
		.only_open = true,
		.excludes = SIM_MIGRATION,
	},
	[SIM_DIRTY_LOG_START] = {
		.name = "dirty_log_start",
		.only_open = true,
		.excludes = SIM_DIRTY_LOG,
	},
	[SIM_DIRTY_LOG_STOP] = {
		.name = "dirty_log_stop",
		.only_open = true,
		.excludes = SIM_DIRTY_LOG,
	},
	[SIM_DIRTY_LOG_REPORT] = {
		.name = "dirty_log_report",
		.only_open = true,
		.excludes = SIM_DIRTY_LOG,
	},
	[SIM_PAUSE] = {
		.name = "pause",
		.excludes = SIM_PAUSED | BIT(SIM_SET_IRQS) |
			    BIT(SIM_GET_IRQ_INFO) | BIT(SIM_PAUSE),
	},
	[SIM_RESUME] = {
		.name = "resume",
		.has_no_result = true,
		.excludes = SIM_PAUSED | BIT(SIM_PAUSE) | BIT(SIM_RESUME),
	},
};

atomic_t sim_violations;

void sim_violation(const char *format, ...)
{
	struct va_format text = { .fmt = format };
	va_list arguments;

	atomic_inc(&sim_violations);
	va_start(arguments, format);
	text.va = &arguments;
	pr_err("violation: %pV\n", &text);
	va_end(arguments);
}

/* Callbacks that run, and that must not run together with @number */
static u32 sim_rules_conflicts(const struct sim_device *sim,
			       enum sim_call_number number)
{
	u32 conflicts = 0;
	unsigned int i;

	lockdep_assert_held(&sim->rules_lock);
	for (i = 0; i < SIM_NR_CALLS; i++)
		if (sim->running[i] && (sim_rules[number].excludes & BIT(i) ||
					sim_rules[i].excludes & BIT(number)))
			conflicts |= BIT(i);
	return conflicts;
}

static void sim_rules_check_conflicts(struct sim_device *sim,
				      enum sim_call_number number)
{
	unsigned long conflicts;
	unsigned int i;

	spin_lock(&sim->rules_lock);
	conflicts = sim_rules_conflicts(sim, number);
	sim->running[number]++;
	spin_unlock(&sim->rules_lock);

	for_each_set_bit(i, &conflicts, SIM_NR_CALLS)
		sim_violation("%s during %s", sim_rules[number].name,
			      sim_rules[i].name);
}

/* What must be, or must not be, as the callback begins */
static void sim_rules_check_state(struct sim_device *sim,
				  enum sim_call_number number)
{
	bool open = test_bit(SIM_IS_OPEN, &sim->state);
	bool started = test_bit(SIM_IS_STARTED, &sim->state);
	bool can_stop = mdev_parent_ops(sim->mdev)->stop;

	if (BIT(number) & SIM_PAUSED && test_bit(SIM_IS_PAUSED, &sim->state))
		sim_violation("%s while the parent is paused",
			      sim_rules[number].name);
	if (sim_rules[number].only_open && !open)
		sim_violation("%s of a device that is not open",
			      sim_rules[number].name);
	switch (number) {
	case SIM_OPEN:
		if (can_stop && !started)
			sim_violation("open before start");
		fallthrough;
	case SIM_REMOVE:
		if (open)
			sim_violation("%s of an open device",
				      sim_rules[number].name);
		if (number == SIM_REMOVE && started &&
		    !test_bit(SIM_STOP_FAILED, &sim->state))
			sim_violation("remove without stop");
		break;
	case SIM_START:
		if (started)
			sim_violation("start of a started device");
		break;
	case SIM_STOP:
		if (!started)
			sim_violation("stop of a stopped device");
		break;
	default:
		break;
	}
}

void sim_rules_begin(struct sim_device *sim, enum sim_call_number number)
{
	might_sleep();
	sim_rules_check_conflicts(sim, number);
	sim_rules_check_state(sim, number);
}

void sim_rules_end(struct sim_device *sim, enum sim_call_number number)
{
	spin_lock(&sim->rules_lock);
	sim->running[number]--;
	spin_unlock(&sim->rules_lock);
}
