// SPDX-License-Identifier: GPL-2.0-only
/*
 * PRE_COPY of a device's memory while the guest writes to it, by mmap() and write(): the
 * target has all writes, clean pages are not copied again, and VFIO_MIG_GET_PRECOPY_INFO
 * counts dirty pages. mdev_transfer_test.c tests the file of the state data.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "map_lib.h"
#include "mdev_lib.h"
#include "migration_lib.h"
#include "mvga_lib.h"
#include "random_lib.h"
#include "vfio_lib.h"

/* Headers of a part of the state data: size, section, block */
#define PART		0x8000000000000000ULL
#define PART_HEADERS	(8 + SECTION_HEADER)
#define BLOCK_SIZE	(16 + PAGE)

/* VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 of Linux 7.2 */
#define PRECOPY_INFO_V2	12

FIXTURE(precopy)
{
	struct vfio_user source_user;
	struct vfio_user target_user;
	int source;
	int target;
	int data;
	int target_data;
	uint32_t *memory;
	char *piece;
	pid_t guest;
};

FIXTURE_SETUP(precopy)
{
	self->data = -1;
	self->target_data = -1;
	self->source_user = (struct vfio_user){ -1, -1, -1 };
	self->target_user = (struct vfio_user){ -1, -1, -1 };
	ASSERT_EQ(0, mvga_prepare());
	ASSERT_EQ(0, mvga_open(&self->source_user, UUID_A));
	ASSERT_EQ(0, mvga_open(&self->target_user, UUID_B));
	self->source = self->source_user.device;
	self->target = self->target_user.device;
	self->memory = mvga_map(self->source, BAR0, MVGA_MEMORY);
	ASSERT_NE(MAP_FAILED, self->memory);
	self->piece = malloc(MIB);
	ASSERT_NE(NULL, self->piece);
	random_begin(0);
}

FIXTURE_TEARDOWN(precopy)
{
	if (self->guest) {
		kill(self->guest, SIGKILL);
		waitpid(self->guest, NULL, 0);
	}
	munmap(self->memory, MVGA_MEMORY);
	free(self->piece);
	vfio_close_file(&self->data);
	vfio_close_file(&self->target_data);
	vfio_close(&self->source_user);
	vfio_close(&self->target_user);
	EXPECT_EQ(0, mvga_finish());
}

static void write_page(uint32_t *memory, unsigned int page, uint32_t value)
{
	__atomic_store_n(&memory[page * PAGE / 4 + value % 1024], htole32(value),
			 __ATOMIC_RELAXED);
}

/* The guest: writes to random pages until it is killed */
static void guest_run(int device)
{
	uint32_t *memory = mvga_map(device, BAR0, MVGA_MEMORY);
	uint64_t pages = MVGA_MEMORY / PAGE;
	uint32_t value = 0;

	while (memory != MAP_FAILED) {
		write_page(memory, random_below(pages), ++value);
		if (!(value % 64))
			vfio_store(device, BAR0, random_below(pages) * PAGE, 4,
				   value);
		if (!(value % 256))
			usleep(1000);
	}
}

/* The child maps BAR0 itself: mappings of a device are VM_DONTCOPY. */
static pid_t guest_start(int device)
{
	pid_t guest = fork();

	if (!guest) {
		guest_run(device);
		_exit(0);
	}
	return guest;
}

/* Whether the guest was running until it was killed */
static bool guest_stop(pid_t guest)
{
	int status;

	return !kill(guest, SIGKILL) && waitpid(guest, &status, 0) == guest &&
	       WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static int begin(int *source_data, int source, int *target_data, int target)
{
	*source_data = migration_go(source, PRE_COPY);
	if (*source_data < 0)
		return *source_data;
	*target_data = migration_go(target, RESUMING);
	return *target_data < 0 ? *target_data : 0;
}

/*
 * Copies up to @limit bytes, or until read() fails with ENOMSG or returns 0. Returns the
 * number of bytes, or a negative errno.
 */
static ssize_t copy(int from, int to, char *piece, size_t limit)
{
	size_t done = 0;
	ssize_t size;
	int ret;

	while (done < limit) {
		size = read(from, piece, MIB);
		if (!size || (size < 0 && errno == ENOMSG))
			break;
		if (size < 0)
			return -errno;
		ret = stream_write(to, piece, size, size);
		if (ret)
			return ret;
		done += size;
	}
	return done;
}

static uint64_t left(int data)
{
	struct vfio_precopy_info info;

	return precopy_info(data, &info) ? UINT64_MAX :
					   info.initial_bytes + info.dirty_bytes;
}

/* Whether poll() returns POLLIN within @ms */
static bool readable(int data, int ms)
{
	struct pollfd poll_fd = { .fd = data, .events = POLLIN };

	return poll(&poll_fd, 1, ms) == 1;
}

TEST_F_TIMEOUT(precopy, copies_concurrent_writes, 300)
{
	unsigned int round, rounds = random_rounds(20);
	uint32_t *target_memory;
	unsigned int i;

	for (i = 0; i < MVGA_MEMORY / PAGE; i++)
		write_page(self->memory, i, i + 1);
	self->guest = guest_start(self->source);
	ASSERT_LT(0, self->guest);
	ASSERT_EQ(0, begin(&self->data, self->source, &self->target_data,
			   self->target));
	for (round = 0; round < rounds; round++)
		ASSERT_LE(0, copy(self->data, self->target_data, self->piece,
				  2 * MVGA_MEMORY));
	EXPECT_TRUE(guest_stop(self->guest));
	self->guest = 0;

	ASSERT_EQ(0, migration_go(self->source, STOP_COPY));
	ASSERT_LT(0, copy(self->data, self->target_data, self->piece,
			  SIZE_MAX));
	ASSERT_EQ(0, migration_go(self->target, RUNNING));
	target_memory = mvga_map(self->target, BAR0, MVGA_MEMORY);
	ASSERT_NE(MAP_FAILED, target_memory);
	EXPECT_EQ(0, memcmp(self->memory, target_memory, MVGA_MEMORY));
	munmap(target_memory, MVGA_MEMORY);
}

TEST_F(precopy, converges)
{
	const size_t blocks = MVGA_MEMORY / PAGE;
	uint32_t *read_only;
	struct vfio_precopy_info info;
	ssize_t all;
	unsigned int i;

	for (i = 0; i < blocks; i++)
		write_page(self->memory, i, i + 1);
	ASSERT_EQ(0, begin(&self->data, self->source, &self->target_data,
			   self->target));
	ASSERT_EQ(0, precopy_info(self->data, &info));
	EXPECT_LE(MVGA_MEMORY, info.initial_bytes);
	EXPECT_EQ(0, info.dirty_bytes);
	EXPECT_EQ(0, info.flags);
	all = copy(self->data, self->target_data, self->piece, SIZE_MAX);
	EXPECT_LE(blocks * BLOCK_SIZE, all);
	EXPECT_GT(blocks * BLOCK_SIZE + 20 * PAGE, all);
	EXPECT_FALSE(readable(self->data, 0));
	EXPECT_EQ(0, left(self->data));

	/* Pages that were mapped writable before the copy become dirty again */
	for (i = 0; i < 100; i++) {
		write_page(self->memory, 7, i);
		write_page(self->memory, 1000, i);
	}
	ASSERT_EQ(0, precopy_info(self->data, &info));
	EXPECT_EQ(0, info.initial_bytes);
	EXPECT_EQ(2 * PAGE, info.dirty_bytes);
	EXPECT_TRUE(readable(self->data, 0));
	EXPECT_EQ(PART_HEADERS + 2 * BLOCK_SIZE,
		  copy(self->data, self->target_data, self->piece, SIZE_MAX));

	/* Faults of a read-only mapping dirty no page. */
	read_only = mmap(NULL, MVGA_MEMORY, PROT_READ, MAP_SHARED, self->source,
			 vfio_position(BAR0, 0));
	ASSERT_NE(MAP_FAILED, read_only);
	for (i = 0; i < blocks; i++)
		__atomic_load_n(&read_only[i * PAGE / 4], __ATOMIC_RELAXED);
	munmap(read_only, MVGA_MEMORY);
	EXPECT_EQ(0, left(self->data));
	write_page(self->memory, 9, 1);
	ASSERT_EQ(0, migration_go(self->source, STOP_COPY));
	all = copy(self->data, self->target_data, self->piece, SIZE_MAX);
	EXPECT_LT(BLOCK_SIZE, all);
	EXPECT_GT(2 * BLOCK_SIZE, all);
	ASSERT_EQ(0, migration_go(self->target, RUNNING));
	EXPECT_EQ(1, vfio_load(self->target, BAR0, 9 * PAGE + 4, 4));
}

TEST_F(precopy, skips_zero_pages)
{
	unsigned int i;

	for (i = 0; i < 100; i++)
		write_page(self->memory, i, 0);
	ASSERT_EQ(0, begin(&self->data, self->source, &self->target_data,
			   self->target));
	EXPECT_GT(3 * PAGE, copy(self->data, self->target_data, self->piece,
				 SIZE_MAX));
	write_page(self->memory, 1, 1);
	ASSERT_EQ(PART_HEADERS + BLOCK_SIZE,
		  copy(self->data, self->target_data, self->piece, SIZE_MAX));
	EXPECT_EQ(4, mvga_committed(UUID_B));
}

/* After a return to RUNNING or a reset, PRE_COPY starts over with all pages. */
TEST_F(precopy, restarts_after_cancel)
{
	write_page(self->memory, 3, 5);
	ASSERT_EQ(0, begin(&self->data, self->source, &self->target_data,
			   self->target));
	ASSERT_LT(0, copy(self->data, self->target_data, self->piece,
			  SIZE_MAX));
	ASSERT_EQ(0, migration_go(self->source, RUNNING));
	vfio_close_file(&self->data);
	write_page(self->memory, 3, 6);
	self->data = migration_go(self->source, PRE_COPY);
	ASSERT_LT(0, self->data);
	EXPECT_LT(map_pmd_size(), left(self->data));
	EXPECT_GT(map_pmd_size() + PAGE, left(self->data));

	/* A reset ends PRE_COPY and clears the memory */
	ASSERT_EQ(0, ioctl(self->source, VFIO_DEVICE_RESET));
	EXPECT_EQ(-1, read(self->data, self->piece, MIB));
	EXPECT_EQ(ENODEV, errno);
	vfio_close_file(&self->data);
	self->data = migration_go(self->source, PRE_COPY);
	EXPECT_GT(PAGE, left(self->data));
}

/* poll() of a drained file returns when a page becomes dirty. */
TEST_F(precopy, poll_wakes_on_dirty_page)
{
	ASSERT_EQ(0, begin(&self->data, self->source, &self->target_data,
			   self->target));
	ASSERT_LT(0, copy(self->data, self->target_data, self->piece,
			  SIZE_MAX));
	EXPECT_FALSE(readable(self->data, 300));
	self->guest = fork();
	if (!self->guest) {
		sleep_ms(300);
		vfio_store(self->source, BAR0, PAGE, 4, 1);
		_exit(0);
	}
	EXPECT_TRUE(readable(self->data, 10000));
	EXPECT_EQ(PAGE, left(self->data));
}

/* The transition to RESUMING resets the device; its regions don't decode in RESUMING. */
TEST_F(precopy, resuming_ignores_accesses)
{
	uint32_t *target_memory;

	ASSERT_EQ(0, vfio_store(self->target, BAR0, 0, 4, 1));
	write_page(self->memory, 3, 5);
	ASSERT_EQ(0, begin(&self->data, self->source, &self->target_data,
			   self->target));
	EXPECT_EQ(0, mvga_committed(UUID_B));
	EXPECT_EQ(0, vfio_store(self->target, BAR0, 0, 4, 1));
	EXPECT_EQ(UINT32_MAX, vfio_load(self->target, BAR0, 0, 4));
	EXPECT_EQ(0, mvga_committed(UUID_B));
	ASSERT_LT(0, copy(self->data, self->target_data, self->piece,
			  SIZE_MAX));
	ASSERT_EQ(0, migration_go(self->source, STOP_COPY));
	ASSERT_LT(0, copy(self->data, self->target_data, self->piece,
			  SIZE_MAX));
	ASSERT_EQ(0, migration_go(self->target, RUNNING));
	target_memory = mvga_map(self->target, BAR0, MVGA_MEMORY);
	ASSERT_NE(MAP_FAILED, target_memory);
	EXPECT_EQ(0, memcmp(self->memory, target_memory, MVGA_MEMORY));
	munmap(target_memory, MVGA_MEMORY);
}

TEST_F(precopy, refuses_invalid_part_size)
{
	const uint64_t sizes[] = {
		htole64(PART), htole64(PART | MIB), htole64(PART | 16), UINT64_MAX,
	};
	unsigned int i;
	ssize_t head, size;

	ASSERT_EQ(0, vfio_store(self->source, BAR0, 3 * PAGE, 4, 5));
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		ASSERT_EQ(0, begin(&self->data, self->source,
				   &self->target_data, self->target));
		head = read(self->data, self->piece, MIB);
		ASSERT_LT(0, head);
		ASSERT_EQ(head, write(self->target_data, self->piece, head));
		size = read(self->data, self->piece, MIB);
		ASSERT_EQ(PART_HEADERS + BLOCK_SIZE, size);
		memcpy(self->piece, &sizes[i], sizeof(sizes[i]));
		EXPECT_EQ(-EINVAL, stream_write(self->target_data, self->piece,
						size, size));
		EXPECT_EQ(-EINVAL, migration_go(self->target, STOP));
		vfio_close_file(&self->data);
		vfio_close_file(&self->target_data);
		ASSERT_EQ(0, ioctl(self->target, VFIO_DEVICE_RESET));
		ASSERT_EQ(0, migration_go(self->source, RUNNING));
	}
}

/* Pieces of state data: the header, parts, and the state data of STOP_COPY */
#define PIECES		4
#define PIECE_SIZE	(4 * PAGE)

static struct piece {
	ssize_t size;
	char data[PIECE_SIZE];
} pieces[PIECES];

/* Saves two pages: one in PRE_COPY, one that is written before STOP_COPY */
static int save_pieces(int source, uint32_t *memory)
{
	int data, i;

	vfio_store(source, BAR0, 3 * PAGE, 4, 5);
	data = migration_go(source, PRE_COPY);
	for (i = 0; i < PIECES; i++) {
		if (i == 2) {
			write_page(memory, 4, 6);
			migration_go(source, STOP_COPY);
		}
		pieces[i].size = read(data, pieces[i].data, PIECE_SIZE);
		if (pieces[i].size <= 0)
			return -EIO;
	}
	close(data);
	return migration_go(source, RUNNING);
}

/*
 * Corrupts the headers of a piece. Sometimes sets the size field to the number of bytes
 * that are written, so that its check passes.
 */
static void change_piece(struct piece *piece)
{
	unsigned int count = random_below(3);
	uint64_t word, flags;

	while (count--) {
		word = random_extreme();
		memcpy(piece->data + 2 * random_below(40), &word,
		       1 << random_below(4));
	}
	if (!random_once_in(3))
		return;
	piece->size = 8 + random_below(PIECE_SIZE - 8);
	memcpy(&flags, piece->data, sizeof(flags));
	word = htole64((piece->size - 8) | (le64toh(flags) & PART));
	memcpy(piece->data, &word, sizeof(word));
}

/* Mostly the header first, then random pieces in random order */
static void load_some(int target)
{
	unsigned int i, count = random_below(6);
	int data = migration_go(target, RESUMING);
	struct piece piece;

	for (i = 0; i < count; i++) {
		piece = pieces[i || random_once_in(8) ? random_below(PIECES) :
							0];
		if (random_once_in(2) && (i || random_once_in(4)))
			change_piece(&piece);
		stream_write(data, piece.data, piece.size, piece.size);
	}
	migration_go(target, STOP);
	close(data);
}

TEST_F_TIMEOUT(precopy, fuzz_parts, 300)
{
	unsigned int round, rounds = random_rounds(500);
	int i, data;

	ASSERT_EQ(0, save_pieces(self->source, self->memory));
	for (round = 0; round < rounds; round++) {
		load_some(self->target);
		ASSERT_EQ(0, ioctl(self->target, VFIO_DEVICE_RESET));
		ASSERT_EQ(0, mvga_committed(UUID_B));
	}

	data = migration_go(self->target, RESUMING);
	for (i = 0; i < PIECES; i++)
		ASSERT_EQ(0, stream_write(data, pieces[i].data, pieces[i].size,
					  pieces[i].size));
	EXPECT_EQ(0, migration_go(self->target, RUNNING));
	close(data);
	EXPECT_EQ(5, vfio_load(self->target, BAR0, 3 * PAGE, 4));
	EXPECT_EQ(6, vfio_load(self->target, BAR0, 4 * PAGE + 24, 4));
}

/* The feature makes vfio_precopy_info.flags valid; no flag is set. */
TEST_F(precopy, precopy_info_v2_flags)
{
	struct vfio_precopy_info info;
	int ret;

	ret = vfio_feature(self->source, VFIO_DEVICE_FEATURE_SET |
			   PRECOPY_INFO_V2, NULL, 0);
	if (ret == -ENOTTY)
		SKIP(return, "needs VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2");
	ASSERT_EQ(0, ret);
	self->data = migration_go(self->source, PRE_COPY);
	ASSERT_LT(0, self->data);
	memset(&info, 0xff, sizeof(info));
	info.argsz = sizeof(info);
	ASSERT_EQ(0, vfio_ioctl(self->data, VFIO_MIG_GET_PRECOPY_INFO, &info));
	EXPECT_EQ(0, info.flags);
	EXPECT_LT(0, info.initial_bytes);
}

TEST_HARNESS_MAIN
