// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration of a state that is as large as a test wants it: the scratch memory,
 * and numbers in the pages that follow, by which a broken transfer is noticed.
 */

#include <linux/bits.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "mdev_sim.h"

#define SIM_STATE_MAGIC		0x6d69735f7665646dULL
#define SIM_STATE_MAGIC_BAD	(~SIM_STATE_MAGIC)

/* The steps that a vendor sees, by the state from where they go */
#define SIM_TO(_state)		BIT(VFIO_DEVICE_STATE_##_state)

/* At the beginning of a state, little endian */
struct sim_state_header {
	__le64 magic;
	__le64 size;
	u8 scratch[MDEV_SIM_REG_SCRATCH_SIZE];
};

size_t sim_state_size = PAGE_SIZE;
u32 sim_state_bad;

static const u32 sim_steps[VFIO_DEVICE_STATE_NR] = {
	[VFIO_DEVICE_STATE_STOP] =
		SIM_TO(RUNNING_P2P) | SIM_TO(STOP_COPY) | SIM_TO(RESUMING),
	[VFIO_DEVICE_STATE_RUNNING] =
		SIM_TO(RUNNING_P2P) | SIM_TO(PRE_COPY),
	[VFIO_DEVICE_STATE_STOP_COPY] =
		SIM_TO(STOP),
	[VFIO_DEVICE_STATE_RESUMING] =
		SIM_TO(STOP),
	[VFIO_DEVICE_STATE_RUNNING_P2P] =
		SIM_TO(RUNNING) | SIM_TO(STOP) | SIM_TO(PRE_COPY_P2P),
	[VFIO_DEVICE_STATE_PRE_COPY] =
		SIM_TO(RUNNING) | SIM_TO(PRE_COPY_P2P),
	[VFIO_DEVICE_STATE_PRE_COPY_P2P] =
		SIM_TO(RUNNING_P2P) | SIM_TO(PRE_COPY) | SIM_TO(STOP_COPY),
};

static const u32 sim_stop_copy_steps[VFIO_DEVICE_STATE_NR] = {
	[VFIO_DEVICE_STATE_STOP] =
		SIM_TO(RUNNING) | SIM_TO(STOP_COPY) | SIM_TO(RESUMING),
	[VFIO_DEVICE_STATE_RUNNING] =
		SIM_TO(STOP),
	[VFIO_DEVICE_STATE_STOP_COPY] =
		SIM_TO(STOP),
	[VFIO_DEVICE_STATE_RESUMING] =
		SIM_TO(STOP),
};

/* A device that has just been opened, or was reset, runs, and has no file. */
void sim_migration_reset(struct sim_device *sim)
{
	atomic64_set(sim_register(sim, MDEV_SIM_REG_MIGRATION_STATE),
		     VFIO_DEVICE_STATE_RUNNING);
	sim_stream_end(sim);
}

static bool sim_step_is_valid(const struct sim_device *sim, u32 from, u32 to)
{
	const u32 *steps =
		mdev_parent_ops(sim->mdev)->migration == &sim_migration_ops ?
		sim_steps : sim_stop_copy_steps;

	return from < VFIO_DEVICE_STATE_NR && to < VFIO_DEVICE_STATE_NR &&
	       steps[from] & BIT(to);
}

int sim_migration_set_state(struct mdev_device *mdev,
			    enum vfio_device_mig_state from,
			    enum vfio_device_mig_state to)
{
	CLASS(sim_call, call)(mdev, SIM_MIGRATION_SET_STATE);
	struct sim_device *sim = call.sim;
	atomic64_t *state, *steps;

	if (call.error)
		return call.error;
	state = sim_register(sim, MDEV_SIM_REG_MIGRATION_STATE);
	steps = sim_register(sim, MDEV_SIM_REG_MIGRATION_STEPS);
	if (atomic64_read(state) != from || !sim_step_is_valid(sim, from, to))
		sim_violation("step from state %u to %u, in state %llu", from,
			      to, atomic64_read(state));
	atomic64_set(state, to);
	atomic64_set(steps, atomic64_read(steps) << 8 | from << 4 | to);
	return 0;
}

static size_t sim_state_bytes(void)
{
	return max(READ_ONCE(sim_state_size), sizeof(struct sim_state_header));
}

size_t sim_migration_data_size(struct mdev_device *mdev)
{
	CLASS(sim_call, call)(mdev, SIM_MIGRATION_DATA_SIZE);

	return sim_state_bytes();
}

static ssize_t sim_migration_save(struct mdev_device *mdev, void *buf,
				  size_t size)
{
	CLASS(sim_call, call)(mdev, SIM_MIGRATION_SAVE);
	struct sim_state_header *header = buf;
	size_t offset, bytes = sim_state_bytes();
	struct sim_device *sim = call.sim;

	if (call.error)
		return call.error;
	if (size < bytes)
		return -ENOSPC;
	if (memchr_inv(buf, 0, size))
		sim_violation("migration_save to a buffer that is not zeroed");
	header->magic = cpu_to_le64(READ_ONCE(sim_state_bad) ?
				    SIM_STATE_MAGIC_BAD : SIM_STATE_MAGIC);
	header->size = cpu_to_le64(bytes);
	sim_copy(sim, sim->scratch, header->scratch, sizeof(sim->scratch),
		 false);
	for (offset = PAGE_SIZE; offset + sizeof(u64) <= bytes;
	     offset += PAGE_SIZE)
		put_unaligned_le64(offset, buf + offset);
	return bytes;
}

static int sim_migration_load(struct mdev_device *mdev, const void *buf,
			      size_t size)
{
	CLASS(sim_call, call)(mdev, SIM_MIGRATION_LOAD);
	const struct sim_state_header *header = buf;
	struct sim_device *sim = call.sim;
	size_t offset;

	if (call.error)
		return call.error;
	if (size > sim_state_bytes())
		sim_violation("migration_load of %zu bytes", size);
	if (size < sizeof(*header) || le64_to_cpu(header->size) != size ||
	    le64_to_cpu(header->magic) != SIM_STATE_MAGIC)
		return -EINVAL;
	for (offset = PAGE_SIZE; offset + sizeof(u64) <= size;
	     offset += PAGE_SIZE)
		if (get_unaligned_le64(buf + offset) != offset)
			return -EINVAL;
	sim_copy(sim, sim->scratch, (void *)header->scratch,
		 sizeof(sim->scratch), true);
	return 0;
}

const struct mdev_migration_ops sim_migration_ops = {
	.flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
		 VFIO_MIGRATION_PRE_COPY,
	.set_state = sim_migration_set_state,
	.data_size = sim_migration_data_size,
	.save = sim_migration_save,
	.load = sim_migration_load,
};

const struct mdev_migration_ops sim_stop_copy_ops = {
	.flags = VFIO_MIGRATION_STOP_COPY,
	.set_state = sim_migration_set_state,
	.data_size = sim_migration_data_size,
	.save = sim_migration_save,
	.load = sim_migration_load,
};
