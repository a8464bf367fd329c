// SPDX-License-Identifier: GPL-2.0-only
/*
 * PRE_COPY of a device with 1 GiB of memory while the guest writes to it: the size of the
 * state data in STOP_COPY depends on the dirty pages, not on the size of the memory.
 * mdev_precopy_test.c has the other tests of PRE_COPY, with 8 MiB.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "migration_lib.h"
#include "mvga_lib.h"
#include "random_lib.h"
#include "vfio_lib.h"

#define MEMORY		(1024 * MIB)
#define PAGES		(MEMORY / PAGE)

/* A page in the state data: position, size and contents */
#define BLOCK_SIZE	(16 + PAGE)

/* Headers, and the state data other than memory */
#define REST		(16 * PAGE)

/* Pages that the guest writes to, and its writes in a millisecond */
#define WORKING_SET	1024
#define WRITES_PER_MS	8

/* Reads of all dirty pages while the guest writes */
#define PASSES		8

#define TIMEOUT		500

FIXTURE(large)
{
	struct vfio_user user;
	int device;
	int data;
	uint32_t *memory;
	char *piece;
	pid_t guest;
};

FIXTURE_SETUP(large)
{
	struct sysinfo info;

	ASSERT_EQ(0, sysinfo(&info));
	if (info.freeram * info.mem_unit < MEMORY + MEMORY / 8)
		SKIP(return, "needs 1.2 GiB of free memory");
	self->data = -1;
	ASSERT_EQ(0, mvga_prepare());
	ASSERT_EQ(0, mvga_open_type(&self->user, UUID_A, "mvga-1024"));
	self->device = self->user.device;
	self->memory = mvga_map(self->device, BAR0, MEMORY);
	ASSERT_NE(MAP_FAILED, self->memory);
	self->piece = malloc(MIB);
	ASSERT_NE(NULL, self->piece);
}

FIXTURE_TEARDOWN(large)
{
	if (self->guest) {
		kill(self->guest, SIGKILL);
		waitpid(self->guest, NULL, 0);
	}
	munmap(self->memory, MEMORY);
	free(self->piece);
	vfio_close_file(&self->data);
	vfio_close(&self->user);
	EXPECT_EQ(0, mvga_finish());
}

static void write_page(uint32_t *memory, size_t page, uint32_t value)
{
	__atomic_store_n(&memory[page * PAGE / 4], value, __ATOMIC_RELAXED);
}

/* The child maps BAR0 itself: mappings of a device are VM_DONTCOPY. */
static pid_t guest_start(int device)
{
	pid_t guest = fork();
	uint32_t *memory;
	uint32_t value;

	if (guest)
		return guest;
	random_begin(0);
	memory = mvga_map(device, BAR0, MEMORY);
	for (value = 1; memory != MAP_FAILED; value++) {
		write_page(memory, random_below(WORKING_SET), value);
		if (!(value % WRITES_PER_MS))
			usleep(1000);
	}
	_exit(1);
}

/* Reads until ENOMSG or end of file; returns the number of bytes, or a negative errno. */
static ssize_t read_all(int data, char *piece)
{
	ssize_t size, all = 0;

	while ((size = read(data, piece, MIB)) > 0)
		all += size;
	return size < 0 && errno != ENOMSG ? -errno : all;
}

TEST_F_TIMEOUT(large, precopy_converges, TIMEOUT)
{
	int64_t begun = now_ms();
	ssize_t all;
	size_t i;

	for (i = 0; i < PAGES; i++)
		write_page(self->memory, i, i + 1);
	TH_LOG("memory filled in %lld ms", (long long)(now_ms() - begun));
	self->guest = guest_start(self->device);
	ASSERT_LT(0, self->guest);
	self->data = migration_go(self->device, PRE_COPY);
	ASSERT_LT(0, self->data);

	begun = now_ms();
	all = read_all(self->data, self->piece);
	TH_LOG("PRE_COPY: %zd MiB in %lld ms", all / (ssize_t)MIB,
	       (long long)(now_ms() - begun));
	EXPECT_LE(PAGES * BLOCK_SIZE, all);
	/* Each pass reads at most the pages that the guest writes to */
	for (i = 0; i < PASSES; i++) {
		all = read_all(self->data, self->piece);
		ASSERT_LE(0, all);
		EXPECT_GE(WORKING_SET * BLOCK_SIZE + REST, all);
	}
	kill(self->guest, SIGKILL);
	waitpid(self->guest, NULL, 0);
	self->guest = 0;
	ASSERT_LE(0, read_all(self->data, self->piece));

	for (i = 0; i < 64; i++)
		write_page(self->memory, i * 4096, i + 1);
	begun = now_ms();
	ASSERT_EQ(0, migration_go(self->device, STOP_COPY));
	all = read_all(self->data, self->piece);
	TH_LOG("STOP_COPY: %lld ms, %zd KiB", (long long)(now_ms() - begun),
	       all / 1024);
	EXPECT_LE(64 * BLOCK_SIZE, all);
	EXPECT_GE(64 * BLOCK_SIZE + REST, all);
}

TEST_HARNESS_MAIN
