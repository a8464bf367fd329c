// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration callbacks of mdev_sim: the transitions that ->set_state() is called
 * for, errors in each, sizes that change between calls, and which system calls
 * wait for which callback.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "migration_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define BAR2		VFIO_PCI_BAR2_REGION_INDEX
#define SCRATCH		MDEV_SIM_REG_SCRATCH

#define MIB		(1024UL * 1024)

/* How long an operation is watched before it counts as waiting */
#define WATCH_MS	200

/* Size of the headers before the state data of mdev_sim, which has no ->info() */
#define SIM_STREAM_STATE	40

FIXTURE(vendor)
{
	struct vfio_user source_user;
	struct vfio_user target_user;
	int source;
	int target;
	char stream[8192];
};

FIXTURE_SETUP(vendor)
{
	int ret = sim_prepare();

	self->source_user = (struct vfio_user){ -1, -1, -1 };
	self->target_user = (struct vfio_user){ -1, -1, -1 };
	if (ret == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_B));
	ASSERT_EQ(0, vfio_open(&self->source_user, UUID_A));
	ASSERT_EQ(0, vfio_open(&self->target_user, UUID_B));
	self->source = self->source_user.device;
	self->target = self->target_user.device;
}

FIXTURE_TEARDOWN(vendor)
{
	vfio_close(&self->source_user);
	vfio_close(&self->target_user);
	EXPECT_EQ(0, sim_finish());
}

/* The last transitions, one byte each, the newest in the lowest byte */
static uint64_t steps(int device)
{
	return sim_register(device, MDEV_SIM_REG_MIGRATION_STEPS);
}

#define STEP(_from, _to)	((_from) << 4 | (_to))

TEST_F(vendor, each_transition_calls_set_state)
{
	ASSERT_EQ(0, migration_move(self->source, STOP_COPY));
	EXPECT_EQ(STEP(RUNNING, RUNNING_P2P) << 16 |
		  STEP(RUNNING_P2P, STOP) << 8 | STEP(STOP, STOP_COPY),
		  steps(self->source));
	ASSERT_EQ(0, migration_move(self->source, RUNNING));
	EXPECT_EQ(STEP(STOP_COPY, STOP) << 16 | STEP(STOP, RUNNING_P2P) << 8 |
		  STEP(RUNNING_P2P, RUNNING), steps(self->source) & 0xffffff);
	ASSERT_EQ(0, migration_move(self->source, PRE_COPY));
	ASSERT_EQ(0, migration_move(self->source, STOP_COPY));
	EXPECT_EQ(STEP(RUNNING, PRE_COPY) << 16 |
		  STEP(PRE_COPY, PRE_COPY_P2P) << 8 |
		  STEP(PRE_COPY_P2P, STOP_COPY),
		  steps(self->source) & 0xffffff);
	EXPECT_EQ(2, sim_get("migration_save/calls"));
}

/* The driver has the mandatory states only. */
TEST_F(vendor, no_transitions_to_absent_states)
{
	static const int absent[] = { RUNNING_P2P, PRE_COPY, PRE_COPY_P2P };
	struct vfio_device_feature_migration migration = {};
	unsigned int i;

	vfio_close(&self->target_user);
	ASSERT_EQ(0, mdev_remove(UUID_B));
	ASSERT_EQ(0, sim_create(SIM_STAY, SIM_PCI, UUID_B));
	ASSERT_EQ(0, vfio_open(&self->target_user, UUID_B));
	self->target = self->target_user.device;

	ASSERT_EQ(0, vfio_feature(self->target, VFIO_DEVICE_FEATURE_GET |
				  VFIO_DEVICE_FEATURE_MIGRATION,
				  &migration, sizeof(migration)));
	EXPECT_EQ(VFIO_MIGRATION_STOP_COPY, migration.flags);
	for (i = 0; i < ARRAY_SIZE(absent); i++)
		EXPECT_EQ(-EINVAL, migration_move(self->target, absent[i]));
	ASSERT_EQ(0, migration_move(self->target, STOP_COPY));
	ASSERT_EQ(0, migration_move(self->target, RUNNING));
	EXPECT_EQ(STEP(RUNNING, STOP) << 24UL | STEP(STOP, STOP_COPY) << 16 |
		  STEP(STOP_COPY, STOP) << 8 | STEP(STOP, RUNNING),
		  steps(self->target));
}

TEST_F(vendor, no_migration_features)
{
	static const uint32_t features[] = {
		VFIO_DEVICE_FEATURE_MIGRATION,
		VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
		VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
		VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
	};
	unsigned int i;

	vfio_close(&self->target_user);
	ASSERT_EQ(0, mdev_remove(UUID_B));
	ASSERT_EQ(0, sim_create(SIM_PLAIN, SIM_PCI, UUID_B));
	ASSERT_EQ(0, vfio_open(&self->target_user, UUID_B));
	for (i = 0; i < ARRAY_SIZE(features); i++)
		EXPECT_EQ(-ENOTTY, vfio_feature(self->target_user.device,
						VFIO_DEVICE_FEATURE_PROBE |
						VFIO_DEVICE_FEATURE_GET |
						features[i], NULL, 0));
}

/* All transitions that ->set_state() can be called for */
static const struct {
	int from;
	int to;
} all_steps[] = {
	{ RUNNING, RUNNING_P2P },
	{ RUNNING, PRE_COPY },
	{ RUNNING_P2P, RUNNING },
	{ RUNNING_P2P, STOP },
	{ RUNNING_P2P, PRE_COPY_P2P },
	{ PRE_COPY, RUNNING },
	{ PRE_COPY, PRE_COPY_P2P },
	{ PRE_COPY_P2P, PRE_COPY },
	{ PRE_COPY_P2P, RUNNING_P2P },
	{ PRE_COPY_P2P, STOP_COPY },
	{ STOP, RUNNING_P2P },
	{ STOP, STOP_COPY },
	{ STOP, RESUMING },
	{ STOP_COPY, STOP },
	{ RESUMING, STOP },
};

TEST_F(vendor, set_state_error)
{
	ssize_t size;
	unsigned int i;

	size = migration_save(self->target, self->stream, sizeof(self->stream));
	ASSERT_LT(SIM_STREAM_STATE, size);
	for (i = 0; i < ARRAY_SIZE(all_steps); i++) {
		int from = all_steps[i].from, to = all_steps[i].to;
		/* The device's state is undefined after the error */
		bool loading = from == RESUMING || to == RESUMING;
		struct pollfd ended;
		int data;

		data = migration_go(self->source, from);
		ASSERT_LE(0, data);
		if (from == RESUMING)
			ASSERT_EQ(0, stream_write(data, self->stream, size,
						  size));
		ASSERT_EQ(0, sim_set("migration_set_state/fail", EPERM));
		ASSERT_EQ(-EPERM, migration_go(self->source, to));
		ASSERT_EQ(loading ? ERROR : from, migration_state(self->source))
			TH_LOG("from %d to %d", from, to);
		ASSERT_EQ(0, sim_set("migration_set_state/fail", 0));

		/* The file stays valid where the device keeps its state */
		ended = (struct pollfd){ .fd = data, .events = POLLRDHUP };
		if (data > 0 && !loading)
			EXPECT_EQ(0, poll(&ended, 1, 0));
		if (!loading)
			EXPECT_EQ(0, migration_move(self->source, to));
		if (data > 0)
			close(data);
		ASSERT_EQ(0, vfio_ioctl(self->source, VFIO_DEVICE_RESET, NULL));
	}
}

TEST_F(vendor, load_error)
{
	ssize_t size;

	ASSERT_EQ(0, sim_set("state_bad", 1));
	size = migration_save(self->source, self->stream, sizeof(self->stream));
	ASSERT_LT(SIM_STREAM_STATE, size);
	EXPECT_EQ(-EINVAL, migration_load(self->target, self->stream, size));
	EXPECT_EQ(ERROR, migration_state(self->target));
	/* ->load() was called, and no ->set_state() after it */
	EXPECT_EQ(1, sim_get("migration_load/calls"));
	EXPECT_EQ(STEP(STOP, RESUMING), steps(self->target) & 0xff);

	ASSERT_EQ(0, vfio_ioctl(self->target, VFIO_DEVICE_RESET, NULL));
	ASSERT_EQ(0, sim_set("migration_load/fail", ENOMEM));
	EXPECT_EQ(-ENOMEM, migration_load(self->target, self->stream, size));
	EXPECT_EQ(ERROR, migration_state(self->target));
}

/* After an error of ->save() the source is in STOP, and can return to RUNNING. */
TEST_F(vendor, save_error)
{
	static const int from[] = { RUNNING, STOP, PRE_COPY, PRE_COPY_P2P };
	unsigned int i;
	char byte;
	int data;

	ASSERT_EQ(0, vfio_store(self->source, BAR0, SCRATCH, 4, 0x12345678));
	for (i = 0; i < ARRAY_SIZE(from); i++) {
		data = migration_go(self->source, from[i]);
		ASSERT_LE(0, data);
		ASSERT_EQ(0, sim_set("migration_save/fail", EIO));
		EXPECT_EQ(-EIO, migration_go(self->source, STOP_COPY));
		ASSERT_EQ(0, sim_set("migration_save/fail", 0));
		EXPECT_EQ(STOP, migration_state(self->source));
		EXPECT_EQ(STEP(STOP_COPY, STOP), steps(self->source) & 0xff);
		if (data > 0) {
			EXPECT_EQ(-1, read(data, &byte, 1));
			EXPECT_EQ(ENODEV, errno);
			close(data);
		}
		ASSERT_EQ(0, migration_move(self->source, RUNNING));
		EXPECT_EQ(0x12345678, vfio_load(self->source, BAR0, SCRATCH,
						4));
	}
}

TEST_F(vendor, reset_error)
{
	ASSERT_EQ(0, migration_move(self->source, STOP));
	ASSERT_EQ(0, sim_set("reset/fail", EIO));
	EXPECT_EQ(-EIO, vfio_ioctl(self->source, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(ERROR, migration_state(self->source));
	ASSERT_EQ(0, sim_set("reset/fail", 0));
	EXPECT_EQ(0, vfio_ioctl(self->source, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(RUNNING, migration_state(self->source));
}

TEST_F(vendor, large_state_data)
{
	size_t size = 16 * MIB;
	char *stream = malloc(size + 4096);
	ssize_t saved;

	ASSERT_NE(NULL, stream);
	ASSERT_EQ(0, sim_set("state_size", size));
	EXPECT_EQ(SIM_STREAM_STATE + size, migration_size(self->source));
	ASSERT_EQ(0, vfio_store(self->source, BAR0, SCRATCH, 4, 0x12345678));
	saved = migration_save(self->source, stream, size + 4096);
	ASSERT_EQ(SIM_STREAM_STATE + size, saved);
	ASSERT_EQ(0, migration_load(self->target, stream, saved));
	EXPECT_EQ(0x12345678, vfio_load(self->target, BAR0, SCRATCH, 4));
	free(stream);
}

TEST_F(vendor, state_data_size_too_large)
{
	ASSERT_EQ(0, sim_set("state_size", 1UL << 32));
	EXPECT_EQ(-ENOMEM, migration_move(self->source, STOP_COPY));
	EXPECT_EQ(STOP, migration_state(self->source));
	EXPECT_EQ(0, sim_get("migration_save/calls"));
	ASSERT_EQ(0, sim_set("state_size", 1UL << 62));
	EXPECT_EQ(-ENOMEM, migration_move(self->source, STOP_COPY));
}

/* State data that exceeds the target's size is refused, not allocated. */
TEST_F(vendor, oversized_resuming_data)
{
	ssize_t size;
	int data;

	size = migration_save(self->source, self->stream, sizeof(self->stream));
	ASSERT_EQ(SIM_STREAM_STATE + 4096, size);
	ASSERT_EQ(0, sim_set("state_size", 4095));
	data = migration_go(self->target, RESUMING);
	ASSERT_LT(0, data);
	EXPECT_EQ(0, stream_write(data, self->stream, SIM_STREAM_STATE - 1, size));
	EXPECT_EQ(-EINVAL, stream_write(data, self->stream + SIM_STREAM_STATE - 1,
					1, 1));
	close(data);
	EXPECT_EQ(-EINVAL, migration_move(self->target, STOP));
	EXPECT_EQ(0, sim_get("migration_load/calls"));
}

/* An operation of a concurrent thread */
struct action {
	pthread_t thread;
	int device;
	int argument;
	int result;
};

static void *go(void *data)
{
	struct action *action = data;

	action->result = migration_move(action->device, action->argument);
	return NULL;
}

static void *reset(void *data)
{
	struct action *action = data;

	action->result = vfio_ioctl(action->device, VFIO_DEVICE_RESET, NULL);
	return NULL;
}

static int start(struct action *action, void *(*what)(void *data))
{
	return pthread_create(&action->thread, NULL, what, action);
}

static int end(struct action *action)
{
	pthread_join(action->thread, NULL);
	return action->result;
}

TEST_F(vendor, data_size_grows_before_save)
{
	struct action save = { .device = self->source, .argument = STOP_COPY };

	/* The buffer of ->save() has the size that ->data_size() returned before */
	ASSERT_EQ(0, sim_set("migration_data_size/block", 3));
	ASSERT_EQ(0, start(&save, go));
	ASSERT_TRUE(sim_wait_for("migration_data_size/blocked", 1));
	ASSERT_EQ(0, sim_set("state_size", 8192));
	ASSERT_EQ(0, sim_set("migration_data_size/block", 0));
	EXPECT_EQ(-ENOSPC, end(&save));
	EXPECT_EQ(STOP, migration_state(self->source));
}

TEST_F(vendor, save_and_rollback_error)
{
	struct action save = { .device = self->source, .argument = STOP_COPY };

	ASSERT_EQ(0, sim_set("migration_save/block", 1));
	ASSERT_EQ(0, sim_set("migration_save/fail", EIO));
	ASSERT_EQ(0, start(&save, go));
	ASSERT_TRUE(sim_wait_for("migration_save/blocked", 1));
	ASSERT_EQ(0, sim_set("migration_set_state/fail", EPERM));
	ASSERT_EQ(0, sim_set("migration_save/block", 0));
	EXPECT_EQ(-EIO, end(&save));
	EXPECT_EQ(ERROR, migration_state(self->source));
}

TEST_F(vendor, callbacks_serialized)
{
	struct action save = { .device = self->source, .argument = STOP_COPY };
	struct action run = { .device = self->source, .argument = RUNNING };
	struct action other = { .device = self->source };

	ASSERT_EQ(0, sim_set("migration_save/block", 1));
	ASSERT_EQ(0, start(&save, go));
	ASSERT_TRUE(sim_wait_for("migration_save/blocked", 1));
	ASSERT_EQ(0, start(&other, reset));
	ASSERT_EQ(0, start(&run, go));
	sleep_ms(WATCH_MS);
	EXPECT_EQ(0, sim_get("reset/calls"));
	EXPECT_EQ(3, sim_get("migration_set_state/calls"));
	/* VFIO_DEVICE_FEATURE_GET of the state and of the data size does not wait */
	EXPECT_EQ(STOP, migration_state(self->source));
	EXPECT_EQ(SIM_STREAM_STATE + 4096, migration_size(self->source));
	/* Transitions of another device do not wait */
	ASSERT_EQ(0, sim_only(UUID_A));
	EXPECT_EQ(0, migration_move(self->target, STOP_COPY));

	ASSERT_EQ(0, sim_set("migration_save/block", 0));
	EXPECT_EQ(0, end(&save));
	EXPECT_EQ(0, end(&other));
	EXPECT_EQ(0, end(&run));
	EXPECT_EQ(RUNNING, migration_state(self->source));
}

/* Calls @what in another process: true if it waits, and SIGKILL ends it. */
static bool waits_until_killed(struct action *action, void *(*what)(void *data))
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		what(action);
		_exit(0);
	}
	sleep_ms(WATCH_MS);
	if (waitpid(pid, &status, WNOHANG))
		return false;
	kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
}

TEST_F(vendor, waiters_killed_during_save)
{
	struct action save = { .device = self->source, .argument = STOP_COPY };
	struct action other = { .device = self->source, .argument = RUNNING };

	ASSERT_EQ(0, sim_set("migration_save/block", 1));
	ASSERT_EQ(0, start(&save, go));
	ASSERT_TRUE(sim_wait_for("migration_save/blocked", 1));
	EXPECT_TRUE(waits_until_killed(&other, go));
	EXPECT_TRUE(waits_until_killed(&other, reset));

	ASSERT_EQ(0, sim_set("migration_save/block", 0));
	EXPECT_EQ(0, end(&save));
	EXPECT_EQ(0, sim_get("reset/calls"));
	EXPECT_EQ(STOP_COPY, migration_state(self->source));
}

/* Returns the errno of the read. */
static int read_into_mapping(int device, int data)
{
	void *map = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
			 MAP_SHARED, device, vfio_position(BAR2, 0));

	if (map == MAP_FAILED || read(data, map, 64) < 0)
		return errno;
	return 0;
}

/*
 * read() of state data into a mapping of the same device faults in copy_to_user(). A reset
 * does not wait for the fault, and the read() fails with ENODEV.
 */
TEST_F(vendor, reset_during_read_into_own_mapping)
{
	struct action other = { .device = self->source };
	int data, status;
	pid_t reader;

	data = migration_go(self->source, STOP_COPY);
	ASSERT_LT(0, data);
	ASSERT_EQ(0, sim_set("validate_map_request/block", 1));
	reader = fork();
	if (!reader)
		_exit(read_into_mapping(self->source, data));
	ASSERT_TRUE(sim_wait_for("validate_map_request/blocked", 1));
	ASSERT_EQ(0, start(&other, reset));
	EXPECT_EQ(0, end(&other));
	EXPECT_EQ(0, waitpid(reader, &status, WNOHANG));
	ASSERT_EQ(0, sim_set("validate_map_request/block", 0));

	ASSERT_EQ(reader, waitpid(reader, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(ENODEV, WEXITSTATUS(status));
	EXPECT_EQ(RUNNING, migration_state(self->source));
	close(data);
}

TEST_HARNESS_MAIN
