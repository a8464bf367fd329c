// SPDX-License-Identifier: GPL-2.0-only
/*
 * BAR0: registers, scratch memory, the log of accesses, and the channels by
 * which tests give commands.
 */

#include <linux/minmax.h>
#include <linux/string.h>

#include "mdev_sim.h"

#define SIM_CHANNELS_END	MDEV_SIM_REG_CHANNEL(MDEV_SIM_NR_CHANNELS)

static bool sim_is_scratch(u64 offset)
{
	return offset >= MDEV_SIM_REG_SCRATCH &&
	       offset < MDEV_SIM_REG_SCRATCH + MDEV_SIM_REG_SCRATCH_SIZE;
}

/* Accesses of what tests look at and steer with are not what they look for */
static bool sim_is_logged(u64 pos)
{
	return mdev_region_index(pos) != VFIO_PCI_BAR0_REGION_INDEX ||
	       sim_is_scratch(mdev_region_offset(pos));
}

void sim_log_access(struct sim_device *sim, u64 pos, const void *buf,
		    size_t count, bool write)
{
	struct mdev_sim_access access = {
		.position = pos,
		.size = count,
		.write = write,
	};
	u64 number;

	if (!sim_is_logged(pos))
		return;
	memcpy(&access.value, buf, min(count, sizeof(access.value)));
	spin_lock(&sim->access_lock);
	number = atomic64_inc_return(sim_register(sim, MDEV_SIM_REG_LOG_COUNT));
	sim->log[(number - 1) % MDEV_SIM_LOG_ENTRIES] = access;
	spin_unlock(&sim->access_lock);
}

static int sim_scratch_access(struct sim_device *sim, u64 offset, void *buf,
			      size_t count, bool write)
{
	u8 *scratch = sim->scratch + (offset - MDEV_SIM_REG_SCRATCH);

	sim_copy(sim, scratch, buf, count, write);
	return 0;
}

static int sim_register_access(struct sim_device *sim, u64 offset, void *buf,
			       size_t count, bool write)
{
	u64 value = atomic64_read(sim_register(sim, offset));

	if (!write) {
		memcpy(buf, (void *)&value + offset % sizeof(value), count);
		return 0;
	}
	if (offset != MDEV_SIM_REG_LOG_COUNT)
		return -EINVAL;
	atomic64_set(sim_register(sim, offset), 0);
	return 0;
}

/* The write that holds the command's number is what starts it. */
static int sim_channel_access(struct sim_device *sim, u64 offset, void *buf,
			      size_t count, bool write)
{
	u64 start = MDEV_SIM_REG_CHANNEL(0);
	struct sim_channel *channel =
		&sim->channels[(offset - start) /
			       sizeof(struct mdev_sim_command)];
	size_t within = (offset - start) % sizeof(struct mdev_sim_command);
	void *place = (void *)&channel->command + within;

	guard(mutex)(&channel->lock);
	if (!write) {
		memcpy(buf, place, count);
		return 0;
	}
	if (within + count > offsetofend(struct mdev_sim_command, command))
		return -EINVAL;
	memcpy(place, buf, count);
	if (within == offsetof(struct mdev_sim_command, command))
		channel->command.result = sim_command_run(sim,
							  &channel->command);
	return 0;
}

static int sim_log_read(struct sim_device *sim, u64 offset, void *buf,
			size_t count, bool write)
{
	if (write)
		return -EINVAL;
	sim_copy(sim, (void *)sim->log + (offset - MDEV_SIM_REG_LOG(0)), buf,
		 count, false);
	return 0;
}

int sim_registers_access(struct sim_device *sim, u32 index, u64 offset,
			 void *buf, size_t count, bool write)
{
	static_assert(MDEV_SIM_REG_LOG(0) + sizeof(sim->log) ==
		      MDEV_SIM_BAR0_SIZE);
	static_assert(MDEV_SIM_REG_LOG(1) - MDEV_SIM_REG_LOG(0) ==
		      sizeof(struct mdev_sim_access));
	static_assert(MDEV_SIM_REG_CHANNEL(1) - MDEV_SIM_REG_CHANNEL(0) ==
		      sizeof(struct mdev_sim_command));

	if (sim_is_scratch(offset))
		return sim_scratch_access(sim, offset, buf, count, write);
	if (offset < sizeof(sim->registers))
		return sim_register_access(sim, offset, buf, count, write);
	if (offset >= MDEV_SIM_REG_LOG(0))
		return sim_log_read(sim, offset, buf, count, write);
	if (offset >= MDEV_SIM_REG_CHANNEL(0) && offset < SIM_CHANNELS_END)
		return sim_channel_access(sim, offset, buf, count, write);
	return -EINVAL;
}
