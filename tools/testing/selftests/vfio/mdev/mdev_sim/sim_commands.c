// SPDX-License-Identifier: GPL-2.0-only
/* What the commands that a channel takes do, each by a function in a table. */

#include <linux/array_size.h>

#include "mdev_sim.h"

typedef int (*sim_command_t)(struct sim_device *sim, const u64 *argument,
			     u64 *value);

static int sim_command_nop(struct sim_device *sim, const u64 *argument,
			   u64 *value)
{
	return 0;
}

static int sim_command_trigger(struct sim_device *sim, const u64 *argument,
			       u64 *value)
{
	*value = mdev_irqs_trigger(sim->irqs, argument[0], argument[1]);
	return 0;
}

static int sim_command_level(struct sim_device *sim, const u64 *argument,
			     u64 *value)
{
	mdev_irqs_set_level(sim->irqs, argument[0], argument[1], argument[2]);
	return 0;
}

static int sim_command_pin(struct sim_device *sim, const u64 *argument,
			   u64 *value)
{
	return sim_pin_pages(sim, argument[0], argument[1], argument[2]);
}

static int sim_command_unpin(struct sim_device *sim, const u64 *argument,
			     u64 *value)
{
	return sim_unpin(sim, argument[0], argument[1]);
}

static int sim_command_dma_read(struct sim_device *sim, const u64 *argument,
				u64 *value)
{
	return sim_dma_rw(sim, argument[0], argument[1], argument[2], false);
}

static int sim_command_dma_write(struct sim_device *sim, const u64 *argument,
				 u64 *value)
{
	return sim_dma_rw(sim, argument[0], argument[1], argument[2], true);
}

static int sim_command_peek(struct sim_device *sim, const u64 *argument,
			    u64 *value)
{
	return sim_access_pinned(sim, argument[0], value, false);
}

static int sim_command_poke(struct sim_device *sim, const u64 *argument,
			    u64 *value)
{
	*value = argument[1];
	return sim_access_pinned(sim, argument[0], value, true);
}

static int sim_command_dirty(struct sim_device *sim, const u64 *argument,
			     u64 *value)
{
	if (mdev_parent_ops(sim->mdev)->marks_dirty)
		return mdev_mark_dirty(sim->mdev, argument[0], argument[1]);
	sim_dirty_mark(sim, argument[0], argument[1]);
	return 0;
}

static int sim_command_invalidate(struct sim_device *sim, const u64 *argument,
				  u64 *value)
{
	mdev_device_invalidate_mapping(sim->mdev, argument[0], argument[1]);
	return 0;
}

static int sim_command_reback(struct sim_device *sim, const u64 *argument,
			      u64 *value)
{
	int generation;

	if (argument[0] >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	generation = sim_memory_reback(sim, argument[0]);
	*value = generation;
	return 0;
}

static int sim_command_get_caching(struct sim_device *sim, const u64 *argument,
				   u64 *value)
{
	return sim_get_caching(argument[0], value);
}

static const sim_command_t sim_commands[MDEV_SIM_NR_COMMANDS] = {
	[MDEV_SIM_NOP] = sim_command_nop,
	[MDEV_SIM_IRQ_TRIGGER] = sim_command_trigger,
	[MDEV_SIM_IRQ_LEVEL] = sim_command_level,
	[MDEV_SIM_PIN] = sim_command_pin,
	[MDEV_SIM_UNPIN] = sim_command_unpin,
	[MDEV_SIM_DMA_READ] = sim_command_dma_read,
	[MDEV_SIM_DMA_WRITE] = sim_command_dma_write,
	[MDEV_SIM_PEEK] = sim_command_peek,
	[MDEV_SIM_POKE] = sim_command_poke,
	[MDEV_SIM_DIRTY] = sim_command_dirty,
	[MDEV_SIM_INVALIDATE] = sim_command_invalidate,
	[MDEV_SIM_REBACK] = sim_command_reback,
	[MDEV_SIM_GET_CACHING] = sim_command_get_caching,
};

int sim_command_run(struct sim_device *sim, struct mdev_sim_command *command)
{
	if (command->command >= ARRAY_SIZE(sim_commands))
		return -EINVAL;
	command->value = 0;
	return sim_commands[command->command](sim, command->argument,
					      &command->value);
}
