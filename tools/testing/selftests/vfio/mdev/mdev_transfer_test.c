// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file of a device's state data: reads and writes in pieces of all sizes, PRE_COPY,
 * invalid state data, and -ENODEV after the device has left the state.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/serial_reg.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "migration_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX

/* Nothing is ever mapped there. */
#define BAD_POINTER	((void *)8)

/* A running source, the state data that it has saved, and a target */
FIXTURE(transfer)
{
	struct vfio_user source_user;
	struct vfio_user target_user;
	int source;
	int target;
	int data;
	size_t size;
	char stream[1024];
	char again[1024];
};

FIXTURE_SETUP(transfer)
{
	ssize_t size;

	self->data = -1;
	self->target_user = (struct vfio_user){ -1, -1, -1 };
	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_B));
	ASSERT_EQ(0, vfio_open(&self->source_user, UUID_A));
	ASSERT_EQ(0, vfio_open(&self->target_user, UUID_B));
	self->source = self->source_user.device;
	self->target = self->target_user.device;

	ASSERT_EQ(0, vfio_pci_enable(self->source));
	ASSERT_EQ(0, vfio_store(self->source, BAR0, UART_SCR, 1, 0x5a));
	size = migration_save(self->source, self->stream, sizeof(self->stream));
	ASSERT_LT(STREAM_STATE, size);
	/* The driver saves less than its maximum */
	ASSERT_LE(size, migration_size(self->source));
	ASSERT_EQ(0, migration_move(self->source, RUNNING));
	self->size = size;
}

FIXTURE_TEARDOWN(transfer)
{
	vfio_close_file(&self->data);
	vfio_close(&self->source_user);
	vfio_close(&self->target_user);
	EXPECT_EQ(0, mdev_remove_all());
}

/* Closes the file of state data, resets @device and opens the file of @state. */
static int begin_session(int *data, int device, uint32_t state)
{
	int ret;

	vfio_close_file(data);
	ret = vfio_ioctl(device, VFIO_DEVICE_RESET, NULL);
	if (!ret)
		*data = migration_go(device, state);
	return ret;
}

#define begin(_device, _state)						\
	do {								\
		ASSERT_EQ(0, begin_session(&self->data, _device, _state)); \
		ASSERT_LT(0, self->data);				\
	} while (0)

/* A part of the state data, by one write() */
#define put(_at, _size) \
	stream_write(self->data, self->stream + (_at), _size, SIZE_MAX)

/* Small sizes, and some of each alignment */
static size_t next_size(size_t size)
{
	return size < 64 ? size + 1 : size + 13;
}

TEST_F_TIMEOUT(transfer, read_in_pieces, 240)
{
	size_t chunk;

	begin(self->source, STOP_COPY);
	ASSERT_EQ(self->size, stream_read(self->data, self->stream,
					  sizeof(self->stream), 1024));
	EXPECT_EQ(0, memcmp(self->stream, "VFIOMDEV", 8));
	for (chunk = 1; chunk <= self->size; chunk = next_size(chunk)) {
		begin(self->source, STOP_COPY);
		ASSERT_EQ(self->size, stream_read(self->data, self->again,
						  sizeof(self->again), chunk));
		EXPECT_EQ(0, memcmp(self->stream, self->again, self->size));
		EXPECT_EQ(0, read(self->data, self->again, 1));
	}
}

TEST_F_TIMEOUT(transfer, write_in_pieces, 240)
{
	size_t chunk;

	for (chunk = 1; chunk <= self->size; chunk = next_size(chunk)) {
		begin(self->target, RESUMING);
		ASSERT_EQ(0, stream_write(self->data, self->stream, self->size,
					  chunk));
		ASSERT_EQ(0, migration_move(self->target, RUNNING));
		EXPECT_EQ(0x5a, vfio_load(self->target, BAR0, UART_SCR, 1));
	}
}

TEST_F(transfer, writev)
{
	struct iovec pieces[] = {
		{ self->stream, 10 },
		{ self->stream + 10, 0 },
		{ self->stream + 10, self->size - 10 },
	};

	begin(self->target, RESUMING);
	EXPECT_EQ(self->size, writev(self->data, pieces, 3));
	EXPECT_EQ(0, migration_move(self->target, STOP));
}

TEST_F_TIMEOUT(transfer, truncated_data, 240)
{
	size_t size;

	for (size = 0; size < self->size; size = next_size(size)) {
		begin(self->target, RESUMING);
		ASSERT_EQ(0, put(0, size));
		ASSERT_EQ(-EINVAL, migration_move(self->target, RUNNING));
		ASSERT_EQ(ERROR, migration_state(self->target));
		ASSERT_EQ(0, vfio_pci_enable(self->target));
		EXPECT_EQ(0xff, vfio_load(self->target, BAR0, UART_SCR, 1));
	}
}

TEST_F(transfer, excess_data)
{
	begin(self->target, RESUMING);
	ASSERT_EQ(0, put(0, self->size));
	EXPECT_EQ(0, write(self->data, self->stream, 0));
	EXPECT_EQ(-EINVAL, put(0, 1));
	EXPECT_EQ(-EINVAL, migration_move(self->target, STOP));
	EXPECT_EQ(ERROR, migration_state(self->target));

	/* By one write(), and the state data twice */
	begin(self->target, RESUMING);
	EXPECT_EQ(-EINVAL, put(0, self->size + 1));
	EXPECT_EQ(-EINVAL, migration_move(self->target, STOP));
	memcpy(self->stream + self->size, self->stream, self->size);
	begin(self->target, RESUMING);
	EXPECT_EQ(-EINVAL, put(0, 2 * self->size));
	EXPECT_EQ(-EINVAL, migration_move(self->target, STOP));
}

TEST_F(transfer, invalid_header)
{
	size_t at, size;

	for (at = 0; at < STREAM_SIZE; at++) {
		if (at >= STREAM_MIN_VERSION && at < STREAM_MIN_VERSION + 4)
			continue;
		begin(self->target, RESUMING);
		self->stream[at] ^= 1;
		/* Refused at the end of the header, which a larger info size moves */
		size = at == STREAM_INFO_SIZE || at == STREAM_INFO_SIZE + 1 ?
		       self->size : STREAM_SIZE;
		ASSERT_EQ(-EINVAL, put(0, size));
		self->stream[at] ^= 1;
		/* Further writes are refused, too */
		ASSERT_EQ(-EINVAL, put(0, self->size));
		ASSERT_EQ(-EINVAL, migration_move(self->target, STOP));
	}
	begin(self->target, RESUMING);
	EXPECT_EQ(0, put(0, self->size));
}

TEST_F(transfer, mdev_type_mismatch)
{
	char other[1024];
	ssize_t size;

	vfio_close(&self->source_user);
	ASSERT_EQ(0, mdev_remove(UUID_A));
	ASSERT_EQ(0, mdev_create("mtty-2", UUID_A));
	ASSERT_EQ(0, vfio_open(&self->source_user, UUID_A));
	size = migration_save(self->source_user.device, other, sizeof(other));
	ASSERT_LT(STREAM_STATE, size);
	EXPECT_STREQ("mtty-2", other + STREAM_NAME);

	begin(self->target, RESUMING);
	EXPECT_EQ(-EINVAL, stream_write(self->data, other, STREAM_SIZE,
					STREAM_SIZE));
}

TEST_F_TIMEOUT(transfer, state_size_bounds, 240)
{
	uint64_t right = self->size - STREAM_STATE;
	uint64_t max = migration_size(self->target) - STREAM_STATE;
	uint64_t sizes[] = { max + 1, max << 32, INT32_MAX, UINT32_MAX,
			     INT64_MAX, UINT64_MAX, UINT64_MAX - 71 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t size = htole64(sizes[i]);

		begin(self->target, RESUMING);
		memcpy(self->stream + STREAM_SIZE, &size, 8);
		ASSERT_EQ(-EINVAL, put(0, STREAM_STATE));
		ASSERT_EQ(-EINVAL, migration_move(self->target, STOP));
	}

	/* The driver's ->load() refuses shorter ones */
	for (i = 0; i < right; i = next_size(i)) {
		uint64_t size = htole64(i);

		begin(self->target, RESUMING);
		memcpy(self->stream + STREAM_SIZE, &size, 8);
		ASSERT_EQ(0, put(0, STREAM_STATE + i));
		ASSERT_EQ(-EINVAL, migration_move(self->target, STOP));
		ASSERT_EQ(ERROR, migration_state(self->target));
	}
}

TEST_F(transfer, unsupported_file_operations)
{
	struct vfio_precopy_info info;
	char byte;

	begin(self->source, STOP_COPY);
	EXPECT_EQ(-1, write(self->data, &byte, 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, pread(self->data, &byte, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, lseek(self->data, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 1, PROT_READ, MAP_SHARED, self->data,
				   0));
	EXPECT_EQ(ENODEV, errno);

	begin(self->target, RESUMING);
	EXPECT_EQ(-1, read(self->data, &byte, 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, pwrite(self->data, &byte, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, lseek(self->data, 0, SEEK_END));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-ENOTTY, precopy_info(self->data, &info));
}

TEST_F(transfer, bad_pointer_efault)
{
	char *page = mmap(NULL, 2 * getpagesize(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *end = page + getpagesize();

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, munmap(end, getpagesize()));

	begin(self->source, STOP_COPY);
	EXPECT_EQ(-1, read(self->data, end, 1));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(self->size, stream_read(self->data, self->again,
					  sizeof(self->again), 1024));
	EXPECT_EQ(0, memcmp(self->stream, self->again, STREAM_STATE));

	/* write() returns the bytes before the bad address, in whole parts */
	begin(self->target, RESUMING);
	EXPECT_EQ(-1, write(self->data, end, 1));
	EXPECT_EQ(EFAULT, errno);
	memcpy(end - STREAM_STATE, self->stream, STREAM_STATE);
	EXPECT_EQ(STREAM_STATE, write(self->data, end - STREAM_STATE,
				      self->size));
	ASSERT_EQ(0, put(STREAM_STATE, self->size - STREAM_STATE));
	EXPECT_EQ(0, migration_move(self->target, STOP));
	munmap(page, getpagesize());
}

/* What poll() returns with timeout 0 */
static short events(int fd)
{
	struct pollfd poll_fd = {
		.fd = fd,
		.events = POLLIN | POLLOUT | POLLRDHUP,
	};

	return poll(&poll_fd, 1, 0) < 0 ? -1 : poll_fd.revents;
}

TEST_F(transfer, precopy_data)
{
	struct vfio_precopy_info info;
	char *state = self->again + STREAM_SIZE;

	begin(self->source, PRE_COPY);
	EXPECT_EQ(POLLIN, events(self->data));
	ASSERT_EQ(0, precopy_info(self->data, &info));
	EXPECT_EQ(STREAM_SIZE, info.initial_bytes);
	EXPECT_EQ(0, info.dirty_bytes);
	EXPECT_EQ(0, info.flags);
	ASSERT_EQ(10, read(self->data, self->again, 10));
	ASSERT_EQ(0, precopy_info(self->data, &info));
	EXPECT_EQ(STREAM_SIZE - 10, info.initial_bytes);
	ASSERT_EQ(STREAM_SIZE - 10, read(self->data, self->again + 10, 1000));
	ASSERT_EQ(0, precopy_info(self->data, &info));
	EXPECT_EQ(0, info.initial_bytes);
	EXPECT_EQ(-1, read(self->data, self->again, 1));
	EXPECT_EQ(ENOMSG, errno);
	EXPECT_EQ(0, events(self->data));

	/* The source still runs */
	ASSERT_EQ(0, vfio_pci_enable(self->source));
	ASSERT_EQ(0, vfio_store(self->source, BAR0, UART_SCR, 1, 0x77));
	ASSERT_EQ(0, migration_go(self->source, PRE_COPY_P2P));
	EXPECT_EQ(0, events(self->data));
	ASSERT_EQ(0, migration_go(self->source, STOP_COPY));
	EXPECT_EQ(POLLIN, events(self->data));
	EXPECT_EQ(-EINVAL, precopy_info(self->data, &info));
	ASSERT_EQ(self->size - STREAM_SIZE,
		  stream_read(self->data, state, 512, 100));
	EXPECT_EQ(POLLIN, events(self->data));

	begin(self->target, RESUMING);
	ASSERT_EQ(0, stream_write(self->data, self->again, self->size, 64));
	ASSERT_EQ(0, migration_move(self->target, STOP));
	EXPECT_EQ(0x77, vfio_load(self->target, BAR0, UART_SCR, 1));
}

TEST_F(transfer, precopy_data_read_in_stop_copy)
{
	begin(self->source, PRE_COPY_P2P);
	ASSERT_EQ(1, read(self->data, self->again, 1));
	ASSERT_EQ(0, migration_go(self->source, PRE_COPY));
	ASSERT_EQ(0, migration_go(self->source, STOP_COPY));
	ASSERT_EQ(self->size - 1, stream_read(self->data, self->again + 1,
					      1000, 1000));
	EXPECT_EQ(0, memcmp(self->stream, self->again, STREAM_STATE));
}

TEST_F(transfer, precopy_info_errors)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info) - 1 };

	begin(self->source, PRE_COPY);
	EXPECT_EQ(-EINVAL, vfio_ioctl(self->data, VFIO_MIG_GET_PRECOPY_INFO,
				      &info));
	EXPECT_EQ(-EFAULT, vfio_ioctl(self->data, VFIO_MIG_GET_PRECOPY_INFO,
				      BAD_POINTER));
	EXPECT_EQ(-ENOTTY, vfio_ioctl(self->data, VFIO_DEVICE_RESET, NULL));
	ASSERT_EQ(0, migration_go(self->source, RUNNING));
	EXPECT_EQ(-EINVAL, precopy_info(self->data, &info));
}

/* Whether read() or write() fails with ENODEV; poll() of a source returns POLLRDHUP. */
static bool is_ended(int data)
{
	struct pollfd poll_fd = { .fd = data };
	char byte = 0;
	ssize_t ret;

	ret = write(data, &byte, 1);
	if (ret < 0 && errno == EBADF) {
		ret = read(data, &byte, 1);
		poll_fd.events = POLLRDHUP;
	}
	return ret < 0 && errno == ENODEV &&
	       poll(&poll_fd, 1, 0) == !!poll_fd.events;
}

TEST_F(transfer, enodev_after_leaving_state)
{
	begin(self->source, STOP_COPY);
	ASSERT_EQ(0, migration_go(self->source, STOP));
	EXPECT_TRUE(is_ended(self->data));
	begin(self->source, PRE_COPY);
	ASSERT_EQ(0, migration_go(self->source, RUNNING));
	EXPECT_TRUE(is_ended(self->data));
	begin(self->source, PRE_COPY_P2P);
	ASSERT_EQ(0, migration_go(self->source, RUNNING_P2P));
	EXPECT_TRUE(is_ended(self->data));
	begin(self->target, RESUMING);
	ASSERT_EQ(0, put(0, self->size));
	ASSERT_EQ(0, migration_go(self->target, STOP));
	EXPECT_TRUE(is_ended(self->data));
	begin(self->target, RESUMING);
	ASSERT_EQ(-EINVAL, migration_go(self->target, STOP));
	EXPECT_TRUE(is_ended(self->data));
}

TEST_F(transfer, enodev_after_reset)
{
	static const int states[] = { STOP_COPY, PRE_COPY, PRE_COPY_P2P,
				      RESUMING };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		begin(self->source, states[i]);
		ASSERT_EQ(0, vfio_ioctl(self->source, VFIO_DEVICE_RESET, NULL));
		EXPECT_TRUE(is_ended(self->data));
	}
}

TEST_F(transfer, enodev_after_device_removal)
{
	begin(self->source, STOP_COPY);
	vfio_close(&self->source_user);
	EXPECT_TRUE(is_ended(self->data));
	ASSERT_EQ(0, mdev_remove(UUID_A));
	EXPECT_TRUE(is_ended(self->data));

	begin(self->target, RESUMING);
	ASSERT_EQ(0, put(0, self->size - 1));
	vfio_close(&self->target_user);
	ASSERT_EQ(0, mdev_remove(UUID_B));
	EXPECT_TRUE(is_ended(self->data));
	EXPECT_EQ(-EAGAIN, module_unload("vfio_mdev"));
}

TEST_F(transfer, close_before_transition)
{
	begin(self->source, PRE_COPY);
	vfio_close_file(&self->data);
	EXPECT_EQ(0, migration_go(self->source, STOP_COPY));
	EXPECT_EQ(0, migration_go(self->source, RUNNING));

	begin(self->target, RESUMING);
	ASSERT_EQ(0, put(0, self->size));
	vfio_close_file(&self->data);
	EXPECT_EQ(0, migration_go(self->target, RUNNING));
	EXPECT_EQ(0x5a, vfio_load(self->target, BAR0, UART_SCR, 1));
}

TEST_HARNESS_MAIN
