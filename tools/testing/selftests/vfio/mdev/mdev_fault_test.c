// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page faults in mapped regions of a mediated device, and what takes the pages
 * away again: invalidation, stop, reset.
 *
 * A page is touched by letting the kernel copy from or to it, which gives EFAULT
 * where a load or store would give SIGBUS.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define PAGE	0x1000UL
#define HUGE	0x200000UL
#define GIANT	0x40000000UL
#define RW	(PROT_READ | PROT_WRITE)

#define BAR(n)	(VFIO_PCI_BAR0_REGION_INDEX + (n))

/* Of a callback's "block": after it has done its work */
#define BLOCK_AFTER	3

#define RACE_THREADS	4
#define RACE_ROUNDS	100

/* Something that the kernel copies from and to */
static int pipe_fds[2];

/* The 64 bits at @address, or a negative errno in @error */
static uint64_t touch(const void *address, int *error)
{
	uint64_t value = 0;

	*error = 0;
	if (write(pipe_fds[1], address, sizeof(value)) != sizeof(value)) {
		*error = -errno;
		return 0;
	}
	if (read(pipe_fds[0], &value, sizeof(value)) != sizeof(value))
		*error = -EIO;
	return value;
}

static int touch_for_write(void *address, uint64_t value)
{
	char buffer[sizeof(value)];

	if (write(pipe_fds[1], &value, sizeof(value)) != sizeof(value))
		return -EIO;
	if (read(pipe_fds[0], address, sizeof(value)) == sizeof(value))
		return 0;
	/* What was not read is still in there */
	return read(pipe_fds[0], buffer, sizeof(buffer)) > 0 ? -EFAULT : -EIO;
}

/* What a test has mapped, which keeps the device in use until it is unmapped */
static struct {
	char *address;
	size_t size;
} mappings[8];
static unsigned int nr_mappings;

static void unmap_all(void)
{
	while (nr_mappings) {
		nr_mappings--;
		munmap(mappings[nr_mappings].address,
		       mappings[nr_mappings].size);
	}
}

/* Map @size bytes where the address has the alignment of the position. */
static char *map_aligned(int fd, uint32_t region, uint64_t offset, size_t size,
			 size_t alignment, size_t skew)
{
	size_t reserved = size + 2 * alignment;
	char *area = mmap(NULL, reserved, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *address;

	if (area == MAP_FAILED)
		return MAP_FAILED;
	address = area + (alignment - (uintptr_t)area % alignment) % alignment +
		  offset % alignment + skew;
	munmap(area, reserved);
	address = mmap(address, size, RW, MAP_SHARED | MAP_FIXED_NOREPLACE, fd,
		       vfio_position(region, offset));
	if (address != MAP_FAILED) {
		mappings[nr_mappings].address = address;
		mappings[nr_mappings].size = size;
		nr_mappings++;
	}
	return address;
}

static char *map(int fd, uint32_t region, uint64_t offset, size_t size)
{
	return map_aligned(fd, region, offset, size, HUGE, 0);
}

/* For a child process, since mappings are not inherited */
static int store_to_new_mapping(int fd)
{
	volatile char *bar = map(fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);

	if (bar == MAP_FAILED)
		return 1;
	*bar = 0;
	return 0;
}

static uint64_t faults(int fd, uint32_t region)
{
	return sim_register(fd, MDEV_SIM_REG_FAULTS(region));
}

static int invalidate(int fd, uint32_t region, uint64_t offset, uint64_t size)
{
	return SIM_COMMAND(fd, MDEV_SIM_INVALIDATE,
			   vfio_position(region, offset), size);
}

/* A generation, or a negative errno */
static int64_t reback(int fd, uint32_t region)
{
	const uint64_t argument[4] = { region };
	uint64_t generation = 0;
	int ret = sim_command(fd, 1, MDEV_SIM_REBACK, argument, &generation);

	return ret ? ret : (int64_t)generation;
}

FIXTURE(fault)
{
	struct vfio_user user;
	int fd;
};

FIXTURE_VARIANT(fault)
{
	int (*open)(struct vfio_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(fault, group) { .open = vfio_open_container };
FIXTURE_VARIANT_ADD(fault, cdev) { .open = vfio_open_cdev };

FIXTURE_SETUP(fault)
{
	ASSERT_EQ(0, pipe(pipe_fds));
	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	self->fd = self->user.device;
}

FIXTURE_TEARDOWN(fault)
{
	unmap_all();
	vfio_close(&self->user);
	EXPECT_EQ(0, sim_finish());
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

TEST_F(fault, asks_nothing_before_the_first_touch)
{
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	EXPECT_EQ(0, faults(self->fd, BAR(2)));
	EXPECT_EQ(0, sim_get("pages"));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 0), touch(bar, &error));
	EXPECT_EQ(1, faults(self->fd, BAR(2)));
	EXPECT_EQ(1, sim_get("pages"));
}

TEST_F(fault, each_page_is_where_it_belongs)
{
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	unsigned int page;
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	for (page = 0; page < MDEV_SIM_BAR2_SIZE / PAGE; page++) {
		ASSERT_EQ(MDEV_SIM_FILL(1, BAR(2), page),
			  touch(bar + page * PAGE, &error));
		ASSERT_EQ(0, error);
	}
}

TEST_F(fault, sees_what_trapped_accesses_see)
{
	char *area = map(self->fd, BAR(3), MDEV_SIM_BAR3_AREA1,
			 MDEV_SIM_BAR3_AREA1_SIZE);
	uint64_t value = 0x0123456789abcdef;
	int error;

	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(0, touch_for_write(area + PAGE + 8, value));
	value = 0;
	ASSERT_EQ(8, vfio_read(self->fd, BAR(3), MDEV_SIM_BAR3_AREA1 + PAGE + 8,
			       &value, 8));
	EXPECT_EQ(0x0123456789abcdef, value);
	value = 0xfedcba9876543210;
	ASSERT_EQ(8, vfio_write(self->fd, BAR(3), MDEV_SIM_BAR3_AREA1 + 16,
				&value, 8));
	EXPECT_EQ(0xfedcba9876543210, touch(area + 16, &error));
}

/* How many bytes the vendor is asked about, and answers at most: faults */
static const struct {
	uint64_t block;
	size_t skew;
	unsigned int faults;
} granules[] = {
	{ PAGE, 0, MDEV_SIM_BAR2_SIZE / PAGE },
	{ 0x10000, 0, MDEV_SIM_BAR2_SIZE / 0x10000 },
	{ HUGE, 0, MDEV_SIM_BAR2_SIZE / HUGE },
	/* By small pages, because the address is not aligned, but as many */
	{ HUGE, PAGE, MDEV_SIM_BAR2_SIZE / HUGE },
	{ 0x10000, PAGE, MDEV_SIM_BAR2_SIZE / 0x10000 },
};

TEST_F(fault, inserts_all_that_the_vendor_gives)
{
	unsigned int page;
	size_t i;
	int error;

	for (i = 0; i < ARRAY_SIZE(granules); i++) {
		uint64_t before = faults(self->fd, BAR(2));
		char *bar;

		ASSERT_EQ(0, sim_set("map_block", granules[i].block));
		bar = map_aligned(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE,
				  HUGE, granules[i].skew);
		ASSERT_NE(MAP_FAILED, bar);
		for (page = MDEV_SIM_BAR2_SIZE / PAGE; page--;) {
			ASSERT_EQ(MDEV_SIM_FILL(1, BAR(2), page),
				  touch(bar + page * PAGE, &error))
				TH_LOG("granule %zu, page %u", i, page);
		}
		/* A small answer to a huge question is asked for once more */
		EXPECT_LE(granules[i].faults, faults(self->fd, BAR(2)) - before)
			TH_LOG("granule %zu", i);
		EXPECT_GE(granules[i].faults + 2,
			  faults(self->fd, BAR(2)) - before)
			TH_LOG("granule %zu", i);
		munmap(bar, MDEV_SIM_BAR2_SIZE);
	}
}

TEST_F(fault, asks_for_what_is_mapped_only)
{
	char *some = map(self->fd, BAR(2), 5 * PAGE, 10 * PAGE);
	int error;

	ASSERT_NE(MAP_FAILED, some);
	/* Page 8 of the region lies in the aligned block from 8 to 12 */
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 9), touch(some + 4 * PAGE, &error));
	EXPECT_EQ(4 * PAGE, sim_register(self->fd, MDEV_SIM_REG_FAULT_ASKED));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 5), touch(some, &error));
	EXPECT_EQ(PAGE, sim_register(self->fd, MDEV_SIM_REG_FAULT_ASKED));
}

TEST_F(fault, takes_one_fault_for_two_mebibytes)
{
	char *bar = map_aligned(self->fd, BAR(4), 0, MDEV_SIM_BAR4_SIZE, GIANT,
				0);
	uint64_t offset;
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	for (offset = 0; offset < 64 * HUGE; offset += 16 * PAGE) {
		ASSERT_EQ(MDEV_SIM_FILL(1, BAR(4), offset / PAGE % 512),
			  touch(bar + offset, &error));
	}
	/* And one for the question about 1 GiB, which the vendor has not */
	EXPECT_LE(64, faults(self->fd, BAR(4)));
	EXPECT_GE(65, faults(self->fd, BAR(4)));
}

/* Without reading: nothing but BAR4 of this device is backed by that memory. */
TEST_F(fault, takes_one_fault_for_a_gibibyte)
{
	char *bar;

	if (!sim_has_reserved_memory())
		SKIP(return, "mdev_sim has no reserved memory");
	ASSERT_EQ(0, sim_set("map_block", GIANT));
	bar = map_aligned(self->fd, BAR(4), 0, MDEV_SIM_BAR4_SIZE, GIANT, 0);
	ASSERT_NE(MAP_FAILED, bar);
	EXPECT_EQ(0, touch_for_write(bar, 1));
	EXPECT_EQ(0, touch_for_write(bar + GIANT / 2 + 8, 2));
	EXPECT_EQ(0, touch_for_write(bar + GIANT - 8, 3));
	EXPECT_EQ(1, faults(self->fd, BAR(4)));

	/* What is taken from a huge page takes all of it, and no more is lost */
	ASSERT_EQ(0, invalidate(self->fd, BAR(4), GIANT / 2, 1));
	EXPECT_EQ(0, touch_for_write(bar + GIANT - 8, 4));
	EXPECT_LE(2, faults(self->fd, BAR(4)));
}

/* Refusals */

TEST_F(fault, refusal_hits_the_toucher_alone)
{
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	char *area = map(self->fd, BAR(3), MDEV_SIM_BAR3_AREA0, PAGE);
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_NE(MAP_FAILED, area);
	touch(area, &error);
	ASSERT_EQ(0, error);
	ASSERT_EQ(0, sim_set("validate_map_request/fail", ENOMEM));
	touch(bar, &error);
	EXPECT_EQ(-EFAULT, error);
	touch(area, &error);
	EXPECT_EQ(0, error);
	ASSERT_EQ(0, sim_set("validate_map_request/fail", 0));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 0), touch(bar, &error));
}

TEST_F(fault, refusal_is_a_bus_error)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, sim_set("validate_map_request/fail", EACCES));
	pid = fork();
	if (!pid)
		_exit(store_to_new_mapping(self->fd));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGBUS, WTERMSIG(status));
}

TEST_F(fault, wrong_answers_are_refusals)
{
	static const enum mdev_sim_answer wrong[] = {
		MDEV_SIM_ANSWER_SIZE_0, MDEV_SIM_ANSWER_SIZE_SUBPAGE,
		MDEV_SIM_ANSWER_SIZE_ODD, MDEV_SIM_ANSWER_SIZE_DOUBLED,
	};
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	size_t i;
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		ASSERT_EQ(0, sim_set("map_answer", wrong[i]));
		touch(bar + 5 * PAGE, &error);
		EXPECT_EQ(-EFAULT, error)
			TH_LOG("answer %u", wrong[i]);
	}
	ASSERT_EQ(0, sim_set("map_answer", MDEV_SIM_ANSWER_RIGHT));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 5), touch(bar + 5 * PAGE, &error));
}

/* Physically misplaced blocks, and other caching, get small pages. */
TEST_F(fault, what_can_not_be_huge_is_small)
{
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_EQ(0, sim_set("map_answer", MDEV_SIM_ANSWER_UNCACHED));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 5), touch(bar + 5 * PAGE, &error));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 511),
		  touch(bar + 511 * PAGE, &error));
	EXPECT_EQ(1, faults(self->fd, BAR(2)));
}

static void check_read_only(struct __test_metadata *_metadata, int fd,
			    char *bar)
{
	int error;

	ASSERT_EQ(0, sim_set("map_answer", MDEV_SIM_ANSWER_READ_ONLY));
	touch(bar + PAGE, &error);
	EXPECT_EQ(0, error);
	EXPECT_EQ(-EFAULT, touch_for_write(bar + PAGE, 1));
	touch(bar + PAGE, &error);
	EXPECT_EQ(0, error);

	/* It is asked for each write, so it may change its mind */
	ASSERT_EQ(0, sim_set("map_answer", MDEV_SIM_ANSWER_RIGHT));
	EXPECT_EQ(0, touch_for_write(bar + PAGE, 1));
	EXPECT_EQ(1, touch(bar + PAGE, &error));

	/* A write first */
	ASSERT_EQ(0, sim_set("map_answer", MDEV_SIM_ANSWER_READ_ONLY));
	ASSERT_EQ(0, invalidate(fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE));
	EXPECT_EQ(-EFAULT, touch_for_write(bar + PAGE, 2));
	EXPECT_EQ(1, touch(bar + PAGE, &error));
}

TEST_F(fault, vendor_can_forbid_writing_to_huge_pages)
{
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);

	ASSERT_NE(MAP_FAILED, bar);
	check_read_only(_metadata, self->fd, bar);
}

TEST_F(fault, vendor_can_forbid_writing_to_small_pages)
{
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);

	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_EQ(0, sim_set("map_block", PAGE));
	check_read_only(_metadata, self->fd, bar);
}

/* Invalidation */

TEST_F(fault, invalidation_takes_exactly_the_overlap)
{
	static const struct {
		uint64_t offset;
		uint64_t size;
		unsigned int first;	/* page that is gone, */
		unsigned int count;	/* and how many */
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
	char *bar = map(self->fd, BAR(2), 0, 8 * PAGE);
	char *other = map(self->fd, BAR(3), MDEV_SIM_BAR3_AREA0, PAGE);
	unsigned int page;
	size_t i;
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_NE(MAP_FAILED, other);
	ASSERT_EQ(0, sim_set("map_block", PAGE));
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (page = 0; page < 8; page++)
			touch(bar + page * PAGE, &error);
		touch(other, &error);
		ASSERT_EQ(0, invalidate(self->fd, BAR(2), ranges[i].offset,
					ranges[i].size));
		for (page = 0; page < 8; page++) {
			uint64_t before = faults(self->fd, BAR(2));
			bool gone = page - ranges[i].first < ranges[i].count;

			EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), page),
				  touch(bar + page * PAGE, &error));
			EXPECT_EQ(gone, faults(self->fd, BAR(2)) - before)
				TH_LOG("range %zu, page %u", i, page);
		}
	}
}

TEST_F(fault, invalidation_reaches_all_mappings_and_processes)
{
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	char *again = map(self->fd, BAR(2), HUGE, HUGE);
	int to_child[2], from_child[2];
	int error, status;
	char byte = 0;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_NE(MAP_FAILED, again);
	ASSERT_EQ(0, pipe(to_child));
	ASSERT_EQ(0, pipe(from_child));
	touch(bar, &error);
	touch(bar + HUGE, &error);
	touch(again, &error);

	pid = fork();
	if (!pid) {
		/* Neither mapping nor pipe is the parent's */
		bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
		if (bar == MAP_FAILED || pipe(pipe_fds) ||
		    touch(bar + HUGE, &error) != MDEV_SIM_FILL(1, BAR(2), 512) ||
		    write(from_child[1], &byte, 1) != 1 ||
		    read(to_child[0], &byte, 1) != 1 ||
		    touch(bar + HUGE, &error) != MDEV_SIM_FILL(2, BAR(2), 512) ||
		    touch(bar, &error) != MDEV_SIM_FILL(2, BAR(2), 0))
			_exit(1);
		_exit(0);
	}
	ASSERT_EQ(1, read(from_child[0], &byte, 1));
	EXPECT_EQ(2, reback(self->fd, BAR(2)));
	EXPECT_EQ(MDEV_SIM_FILL(2, BAR(2), 0), touch(bar, &error));
	EXPECT_EQ(MDEV_SIM_FILL(2, BAR(2), 512), touch(again, &error));
	ASSERT_EQ(1, write(to_child[1], &byte, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* What a thread finds that touches a page while it is exchanged */
struct toucher {
	pthread_t thread;
	char *address;
	int fds[2];
	uint64_t value;
	int error;
	_Atomic bool done;
};

static void *touch_once(void *argument)
{
	struct toucher *toucher = argument;

	if (write(toucher->fds[1], toucher->address, 8) != 8)
		toucher->error = -errno;
	else if (read(toucher->fds[0], &toucher->value, 8) != 8)
		toucher->error = -EIO;
	toucher->done = true;
	return NULL;
}

static int start_toucher(struct toucher *toucher, char *address)
{
	*toucher = (struct toucher) { .address = address };
	if (pipe(toucher->fds))
		return -errno;
	return -pthread_create(&toucher->thread, NULL, touch_once, toucher);
}

static void end_toucher(struct toucher *toucher)
{
	pthread_join(toucher->thread, NULL);
	close(toucher->fds[0]);
	close(toucher->fds[1]);
}

/*
 * Invariant 7: the vendor has looked the page up, and is held; the page is
 * exchanged, which does not wait for it; what it looked up is not inserted.
 */
TEST_F(fault, an_overtaken_answer_is_not_inserted)
{
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	struct toucher toucher;

	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_EQ(0, sim_set("validate_map_request/block", BLOCK_AFTER));
	ASSERT_EQ(0, start_toucher(&toucher, bar + 3 * PAGE));
	ASSERT_TRUE(sim_wait_for("validate_map_request/blocked", 1));
	EXPECT_EQ(2, reback(self->fd, BAR(2)));
	EXPECT_FALSE(toucher.done);
	ASSERT_EQ(0, sim_set("validate_map_request/block", 0));
	end_toucher(&toucher);
	EXPECT_EQ(0, toucher.error);
	EXPECT_EQ(MDEV_SIM_FILL(2, BAR(2), 3), toucher.value);
}

/* The generation that has been in place for sure, and whether to go on */
static _Atomic uint64_t race_generation;
static _Atomic bool race_over;
static _Atomic uint64_t race_wrong;
static _Atomic uint64_t race_reads;

static void *race_reader(void *argument)
{
	volatile uint64_t *bar = argument;
	unsigned int page = (uintptr_t)pthread_self() >> 12;

	while (!race_over) {
		uint64_t least = race_generation;
		uint64_t value;

		page = (page * 5 + 1) % (MDEV_SIM_BAR2_SIZE / PAGE);
		value = bar[page * PAGE / sizeof(*bar)];
		if (value >> 32 < least || value == MDEV_SIM_POISON ||
		    (uint32_t)value != (uint32_t)MDEV_SIM_FILL(0, BAR(2), page))
			race_wrong = value;
		race_reads++;
	}
	return NULL;
}

TEST_F(fault, no_reader_sees_a_page_that_was_taken)
{
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
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
	for (i = 0; i < RACE_ROUNDS; i++) {
		int64_t generation = reback(self->fd, BAR(2));

		EXPECT_LT(0, generation);
		race_generation = generation;
		if (i == RACE_ROUNDS / 2)
			EXPECT_EQ(0, sim_set("map_block", PAGE));
	}
	race_over = true;
	for (i = 0; i < RACE_THREADS; i++)
		pthread_join(readers[i], NULL);
	EXPECT_EQ(0, race_wrong);
	EXPECT_LT(RACE_ROUNDS, race_reads);
}

/* Stop and reset */

TEST_F(fault, offline_device_can_not_be_touched)
{
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	touch(bar, &error);
	ASSERT_EQ(0, error);
	ASSERT_EQ(0, sysfs_write("0", MDEV_DEVICES "/" UUID_A "/online"));
	touch(bar, &error);
	EXPECT_EQ(-EFAULT, error);
	EXPECT_EQ(-EFAULT, touch_for_write(bar, 0));
	ASSERT_EQ(0, sysfs_write("1", MDEV_DEVICES "/" UUID_A "/online"));
	touch(bar, &error);
	EXPECT_EQ(0, error);
	EXPECT_EQ(2, faults(self->fd, BAR(2)));
}

/* Nothing is mapped any more when the vendor's stop is called */
TEST_F(fault, stop_finds_no_mapping)
{
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	touch(bar, &error);
	ASSERT_EQ(0, error);
	ASSERT_EQ(0, sim_set("stop/fail", EBUSY));
	EXPECT_EQ(-EBUSY, sysfs_write("0", MDEV_DEVICES "/" UUID_A "/online"));
	ASSERT_EQ(0, sim_set("stop/fail", 0));
	/* Refused, so it can be touched, but it was taken away for a moment */
	touch(bar, &error);
	EXPECT_EQ(0, error);
	EXPECT_EQ(2, faults(self->fd, BAR(2)));
}

static void *reset_device(void *argument)
{
	return (void *)(intptr_t)vfio_ioctl(*(int *)argument, VFIO_DEVICE_RESET,
					    NULL);
}

TEST_F(fault, toucher_waits_for_the_reset)
{
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	struct toucher toucher;
	pthread_t resetter;
	void *address;
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	touch(bar, &error);
	ASSERT_EQ(0, sim_set("reset/block", 1));
	ASSERT_EQ(0, pthread_create(&resetter, NULL, reset_device, &self->fd));
	ASSERT_TRUE(sim_wait_for("reset/blocked", 1));
	ASSERT_EQ(0, start_toucher(&toucher, bar));
	sleep_ms(200);
	EXPECT_FALSE(toucher.done);
	EXPECT_EQ(1, faults(self->fd, BAR(2)));

	/* Meanwhile the toucher keeps nobody from changing the address space */
	address = mmap(NULL, PAGE, RW, MAP_SHARED, self->fd,
		       vfio_position(BAR(2), 0));
	EXPECT_NE(MAP_FAILED, address);
	EXPECT_EQ(0, munmap(address, PAGE));

	ASSERT_EQ(0, sim_set("reset/block", 0));
	pthread_join(resetter, NULL);
	end_toucher(&toucher);
	EXPECT_EQ(0, toucher.error);
	EXPECT_EQ(2, faults(self->fd, BAR(2)));
}

TEST_F(fault, who_waits_for_the_reset_can_be_killed)
{
	pthread_t resetter;
	int status;
	pid_t pid;

	ASSERT_EQ(0, sim_set("reset/block", 1));
	ASSERT_EQ(0, pthread_create(&resetter, NULL, reset_device, &self->fd));
	ASSERT_TRUE(sim_wait_for("reset/blocked", 1));
	pid = fork();
	if (!pid)
		_exit(store_to_new_mapping(self->fd));
	sleep_ms(200);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	ASSERT_EQ(0, sim_set("reset/block", 0));
	pthread_join(resetter, NULL);
}

/* Lifetime */

TEST_F(fault, a_mapping_keeps_the_device_open)
{
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	vfio_close_file(&self->user.device);
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 0), touch(bar, &error));
	EXPECT_EQ(0, sim_get("release/calls"));
	munmap(bar, MDEV_SIM_BAR2_SIZE);
	EXPECT_TRUE(sim_wait_for("release/calls", 1));
}

TEST_F(fault, parts_of_a_mapping_go_their_own_ways)
{
	char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	touch(bar, &error);
	/* From a huge page */
	ASSERT_EQ(0, munmap(bar + 4 * PAGE, PAGE));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 3), touch(bar + 3 * PAGE, &error));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 5), touch(bar + 5 * PAGE, &error));
	ASSERT_EQ(0, mprotect(bar + 8 * PAGE, PAGE, PROT_READ));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 8), touch(bar + 8 * PAGE, &error));
	EXPECT_EQ(-EFAULT, touch_for_write(bar + 8 * PAGE, 1));
	EXPECT_EQ(0, touch_for_write(bar + 9 * PAGE + 8, 1));
	ASSERT_EQ(0, mprotect(bar + 8 * PAGE, PAGE, RW));
	EXPECT_EQ(0, touch_for_write(bar + 8 * PAGE + 8, 1));
	/* The rest moves, and page 6 with it, away from that beside it */
	ASSERT_NE(MAP_FAILED, mremap(bar + 5 * PAGE, 3 * PAGE, 3 * PAGE,
				     MREMAP_MAYMOVE | MREMAP_FIXED,
				     bar + MDEV_SIM_BAR2_SIZE - 3 * PAGE));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 6),
		  touch(bar + MDEV_SIM_BAR2_SIZE - 2 * PAGE, &error));
}

/* What was read-only becomes writable, huge pages and small ones. */
TEST_F(fault, writing_may_be_allowed_later)
{
	static const uint64_t blocks[] = { PAGE, HUGE };
	size_t i;
	int error;

	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		char *bar;

		ASSERT_EQ(0, sim_set("map_block", blocks[i]));
		bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
		ASSERT_NE(MAP_FAILED, bar);
		ASSERT_EQ(0, mprotect(bar, MDEV_SIM_BAR2_SIZE, PROT_READ));
		touch(bar, &error);
		EXPECT_EQ(0, error);
		EXPECT_EQ(-EFAULT, touch_for_write(bar, 1));
		ASSERT_EQ(0, mprotect(bar, MDEV_SIM_BAR2_SIZE, RW));
		EXPECT_EQ(0, touch_for_write(bar, 1));
		munmap(bar, MDEV_SIM_BAR2_SIZE);
	}
}

TEST_F(fault, children_do_not_inherit_mappings)
{
	volatile char *bar = map(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	int status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, bar);
	pid = fork();
	if (!pid)
		_exit(*bar);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSEGV, WTERMSIG(status));
}

/* Entries of 1 GiB, which the kernel itself can neither split nor move */
TEST_F(fault, parts_of_a_gibibyte_go_their_own_ways)
{
	char *bar, *elsewhere;
	int error;

	if (!sim_has_reserved_memory())
		SKIP(return, "mdev_sim has no reserved memory");
	ASSERT_EQ(0, sim_set("map_block", GIANT));

	bar = map_aligned(self->fd, BAR(4), 0, GIANT, GIANT, 0);
	ASSERT_NE(MAP_FAILED, bar);
	EXPECT_EQ(0, touch_for_write(bar, 1));
	ASSERT_EQ(0, munmap(bar + 5 * PAGE, PAGE));
	EXPECT_EQ(0, touch_for_write(bar + 4 * PAGE, 2));
	EXPECT_EQ(0, touch_for_write(bar + 6 * PAGE, 3));
	EXPECT_EQ(1, touch(bar, &error));
	munmap(bar, GIANT);

	bar = map_aligned(self->fd, BAR(4), 0, GIANT, GIANT, 0);
	ASSERT_NE(MAP_FAILED, bar);
	EXPECT_EQ(0, touch_for_write(bar + 8, 4));
	elsewhere = mmap(NULL, GIANT, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, elsewhere);
	bar = mremap(bar, GIANT, GIANT, MREMAP_MAYMOVE | MREMAP_FIXED,
		     elsewhere);
	ASSERT_EQ(elsewhere, bar);
	EXPECT_EQ(4, touch(bar + 8, &error));
	ASSERT_EQ(0, mprotect(bar, HUGE, PROT_READ));
	EXPECT_EQ(-EFAULT, touch_for_write(bar + 8, 5));
	EXPECT_EQ(0, touch_for_write(bar + HUGE, 6));
	munmap(bar, GIANT);
}

TEST_HARNESS_MAIN
