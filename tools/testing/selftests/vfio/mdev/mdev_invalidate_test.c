// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invalidation, stop and reset zap the mappings of a region. When these return, no CPU
 * can access the old pages, also if page faults run concurrently.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "map_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

/* Value of "block": the callback waits after it has done its work */
#define BLOCK_AFTER	3

#define RACE_THREADS	4
#define RACE_ROUNDS	100

#define load(_where)		__atomic_load_n(_where, __ATOMIC_SEQ_CST)
#define store(_where, _value)	__atomic_store_n(_where, _value, __ATOMIC_SEQ_CST)

FIXTURE(invalidate)
{
	struct vfio_user user;
	int fd;
};

FIXTURE_VARIANT(invalidate)
{
	int (*open)(struct vfio_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(invalidate, group) { .open = vfio_open_container };
FIXTURE_VARIANT_ADD(invalidate, cdev) { .open = vfio_open_cdev };

FIXTURE_SETUP(invalidate)
{
	ASSERT_EQ(0, map_prepare());
	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	self->fd = self->user.device;
}

FIXTURE_TEARDOWN(invalidate)
{
	map_finish();
	vfio_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

TEST_F(invalidate, zap_overlap_only)
{
	static const struct {
		uint64_t offset;
		uint64_t size;
		unsigned int first;	/* first page that is zapped */
		unsigned int count;	/* number of pages */
	} ranges[] = {
		{ 2 * PAGE, PAGE, 2, 1 },
		{ 2 * PAGE + 100, 1, 2, 1 },
		{ 3 * PAGE - 1, 2, 2, 2 },
		{ 2 * PAGE + 1, 2 * PAGE, 2, 3 },
		{ 0, 4 * PAGE, 0, 4 },
		{ 7 * PAGE, UINT64_MAX, 7, 1 },
		{ 8 * PAGE, PAGE, 0, 0 },
		{ 0, 0, 0, 0 },
	};
	char *bar = map_new(self->fd, BAR(2), 0, 8 * PAGE);
	char *other = map_new(self->fd, BAR(3), MDEV_SIM_BAR3_AREA0, PAGE);
	unsigned int page;
	size_t i;
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_NE(MAP_FAILED, other);
	ASSERT_EQ(0, sim_set("map_block", PAGE));
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (page = 0; page < 8; page++)
			map_load(bar + page * PAGE, &error);
		map_load(other, &error);
		ASSERT_EQ(0, map_invalidate(self->fd, BAR(2), ranges[i].offset,
					    ranges[i].size));
		for (page = 0; page < 8; page++) {
			uint64_t before = map_faults(self->fd, BAR(2));
			bool gone = page - ranges[i].first < ranges[i].count;

			EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), page),
				  map_load(bar + page * PAGE, &error));
			EXPECT_EQ(gone, map_faults(self->fd, BAR(2)) - before)
				TH_LOG("range %zu, page %u", i, page);
		}
	}
}

TEST_F(invalidate, zap_all_mappings_and_processes)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	char *again = map_new(self->fd, BAR(2), HUGE, HUGE);
	int to_child[2], from_child[2];
	int error, status;
	char byte = 0;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_NE(MAP_FAILED, again);
	ASSERT_EQ(0, pipe(to_child));
	ASSERT_EQ(0, pipe(from_child));
	map_load(bar, &error);
	map_load(bar + HUGE, &error);
	map_load(again, &error);

	pid = fork();
	if (!pid) {
		/* Mappings are VM_DONTCOPY; map_prepare() opens another pipe */
		bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
		if (bar == MAP_FAILED || map_prepare() ||
		    map_load(bar + HUGE, &error) != MDEV_SIM_FILL(1, BAR(2), 512) ||
		    write(from_child[1], &byte, 1) != 1 ||
		    read(to_child[0], &byte, 1) != 1 ||
		    map_load(bar + HUGE, &error) != MDEV_SIM_FILL(2, BAR(2), 512) ||
		    map_load(bar, &error) != MDEV_SIM_FILL(2, BAR(2), 0))
			_exit(1);
		_exit(0);
	}
	ASSERT_EQ(1, read(from_child[0], &byte, 1));
	EXPECT_EQ(2, map_reback(self->fd, BAR(2)));
	EXPECT_EQ(MDEV_SIM_FILL(2, BAR(2), 0), map_load(bar, &error));
	EXPECT_EQ(MDEV_SIM_FILL(2, BAR(2), 512), map_load(again, &error));
	ASSERT_EQ(1, write(to_child[1], &byte, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* A thread that accesses a page while it is replaced */
struct faulting {
	pthread_t thread;
	uint64_t *address;
	uint64_t value;
	bool done;
};

static void *fault_once(void *argument)
{
	struct faulting *faulting = argument;

	faulting->value = load(faulting->address);
	store(&faulting->done, true);
	return NULL;
}

static int start_faulting(struct faulting *faulting, char *address)
{
	*faulting = (struct faulting) { .address = (uint64_t *)address };
	return -pthread_create(&faulting->thread, NULL, fault_once, faulting);
}

static void end_faulting(struct faulting *faulting)
{
	pthread_join(faulting->thread, NULL);
}

/*
 * Invariant 7: ->validate_map_request() has read the PFN, and is blocked. The driver
 * replaces the page, which does not wait for the fault. The old PFN is not inserted.
 */
TEST_F(invalidate, stale_pfn_not_inserted)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	struct faulting faulting;

	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_EQ(0, sim_set("validate_map_request/block", BLOCK_AFTER));
	ASSERT_EQ(0, start_faulting(&faulting, bar + 3 * PAGE));
	ASSERT_TRUE(sim_wait_for("validate_map_request/blocked", 1));
	EXPECT_EQ(2, map_reback(self->fd, BAR(2)));
	EXPECT_FALSE(load(&faulting.done));
	ASSERT_EQ(0, sim_set("validate_map_request/block", 0));
	end_faulting(&faulting);
	EXPECT_EQ(MDEV_SIM_FILL(2, BAR(2), 3), faulting.value);
}

/* Readers must see at least this generation; whether they stop */
static uint64_t race_generation;
static bool race_over;
static uint64_t race_wrong;
static uint64_t race_reads;

static void *race_reader(void *argument)
{
	uint64_t *bar = argument;
	unsigned int page = (uintptr_t)pthread_self() >> 12;

	while (!load(&race_over)) {
		uint64_t least = load(&race_generation);
		uint64_t value;

		page = (page * 5 + 1) % (MDEV_SIM_BAR2_SIZE / PAGE);
		value = load(&bar[page * PAGE / sizeof(*bar)]);
		if (value >> 32 < least || value == MDEV_SIM_POISON ||
		    (uint32_t)value != (uint32_t)MDEV_SIM_FILL(0, BAR(2), page))
			store(&race_wrong, value);
		__atomic_add_fetch(&race_reads, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

TEST_F(invalidate, no_stale_reads_after_zap)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	pthread_t readers[RACE_THREADS];
	unsigned int i;

	ASSERT_NE(MAP_FAILED, bar);
	race_generation = 1;
	race_over = false;
	race_wrong = 0;
	race_reads = 0;
	for (i = 0; i < RACE_THREADS; i++)
		ASSERT_EQ(0, pthread_create(&readers[i], NULL, race_reader,
					    bar));
	/* At least as many reads: the readers can be scheduled late */
	for (i = 0; i < RACE_ROUNDS || load(&race_reads) < RACE_ROUNDS; i++) {
		int64_t generation = map_reback(self->fd, BAR(2));

		EXPECT_LT(0, generation);
		store(&race_generation, generation);
		if (i == RACE_ROUNDS / 2)
			EXPECT_EQ(0, sim_set("map_block", PAGE));
	}
	store(&race_over, true);
	for (i = 0; i < RACE_THREADS; i++)
		pthread_join(readers[i], NULL);
	EXPECT_EQ(0, race_wrong);
}

/* Stop and reset */

TEST_F(invalidate, fault_while_offline)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	map_load(bar, &error);
	ASSERT_EQ(0, error);
	ASSERT_EQ(0, sysfs_write("0", MDEV_DEVICES "/" UUID_A "/online"));
	map_load(bar, &error);
	EXPECT_EQ(-EFAULT, error);
	EXPECT_EQ(-EFAULT, map_store(bar, 0));
	ASSERT_EQ(0, sysfs_write("1", MDEV_DEVICES "/" UUID_A "/online"));
	map_load(bar, &error);
	EXPECT_EQ(0, error);
	EXPECT_EQ(2, map_faults(self->fd, BAR(2)));
}

/* The mappings are zapped, also if ->stop() returns an error. */
TEST_F(invalidate, zapped_by_failed_stop)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	map_load(bar, &error);
	ASSERT_EQ(0, error);
	ASSERT_EQ(0, sim_set("stop/fail", EBUSY));
	EXPECT_EQ(-EBUSY, sysfs_write("0", MDEV_DEVICES "/" UUID_A "/online"));
	ASSERT_EQ(0, sim_set("stop/fail", 0));
	/* Another fault maps the page again */
	map_load(bar, &error);
	EXPECT_EQ(0, error);
	EXPECT_EQ(2, map_faults(self->fd, BAR(2)));
}

static void *reset_device(void *argument)
{
	return (void *)(intptr_t)vfio_ioctl(*(int *)argument, VFIO_DEVICE_RESET,
					    NULL);
}

TEST_F(invalidate, fault_waits_for_reset)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	struct faulting faulting;
	pthread_t resetter;
	void *address;
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	map_load(bar, &error);
	ASSERT_EQ(0, sim_set("reset/block", 1));
	ASSERT_EQ(0, pthread_create(&resetter, NULL, reset_device, &self->fd));
	ASSERT_TRUE(sim_wait_for("reset/blocked", 1));
	ASSERT_EQ(0, start_faulting(&faulting, bar));
	sleep_ms(200);
	EXPECT_FALSE(load(&faulting.done));
	EXPECT_EQ(1, sim_get("validate_map_request/calls"));

	/* The fault waits without mmap_lock and without the lock of the VMA. */
	address = mmap(NULL, PAGE, RW, MAP_SHARED, self->fd,
		       vfio_position(BAR(2), 0));
	EXPECT_NE(MAP_FAILED, address);
	EXPECT_EQ(0, munmap(address, PAGE));

	ASSERT_EQ(0, sim_set("reset/block", 0));
	pthread_join(resetter, NULL);
	end_faulting(&faulting);
	EXPECT_EQ(2, map_faults(self->fd, BAR(2)));
}

TEST_F(invalidate, fault_killable_during_reset)
{
	pthread_t resetter;
	int status;
	pid_t pid;

	ASSERT_EQ(0, sim_set("reset/block", 1));
	ASSERT_EQ(0, pthread_create(&resetter, NULL, reset_device, &self->fd));
	ASSERT_TRUE(sim_wait_for("reset/blocked", 1));
	pid = fork();
	if (!pid)
		_exit(map_and_store(self->fd));
	sleep_ms(200);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	ASSERT_EQ(0, sim_set("reset/block", 0));
	pthread_join(resetter, NULL);
}

/* usercopy does not wait: the task can hold locks that the reset needs. */
TEST_F(invalidate, usercopy_fault_during_reset)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	pthread_t resetter;
	int pipes[2];

	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, sim_set("reset/block", 1));
	ASSERT_EQ(0, pthread_create(&resetter, NULL, reset_device, &self->fd));
	ASSERT_TRUE(sim_wait_for("reset/blocked", 1));
	EXPECT_EQ(-1, write(pipes[1], bar, 8));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, sim_set("reset/block", 0));
	pthread_join(resetter, NULL);
	EXPECT_EQ(8, write(pipes[1], bar, 8));
	close(pipes[0]);
	close(pipes[1]);
}

/* Lifetime */

TEST_F(invalidate, mapping_keeps_device_open)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	vfio_close_file(&self->user.device);
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 0), map_load(bar, &error));
	EXPECT_EQ(0, sim_get("release/calls"));
	munmap(bar, MDEV_SIM_BAR2_SIZE);
	EXPECT_TRUE(sim_wait_for("release/calls", 1));
}

TEST_HARNESS_MAIN
