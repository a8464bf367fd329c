// SPDX-License-Identifier: GPL-2.0-only
/*
 * The displays of mvga for a guest's driver: registers, EDID and video memory. Also
 * their migration. mdev_mvga_picture_test.c tests the framebuffer on the host.
 */
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "map_lib.h"
#include "mdev_lib.h"
#include "migration_lib.h"
#include "mvga_lib.h"
#include "vfio_lib.h"

#define EDID_SIZE	128
#define EDID_TIMING	54

static const uint8_t edid_header[8] = { 0, -1, -1, -1, -1, -1, -1, 0 };

FIXTURE(display)
{
	struct vfio_user user;
	int device;
};

FIXTURE_SETUP(display)
{
	ASSERT_EQ(0, mvga_prepare());
	ASSERT_EQ(0, mvga_open(&self->user, UUID_A));
	self->device = self->user.device;
}

FIXTURE_TEARDOWN(display)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, mvga_finish());
}

TEST_F(display, initial_registers)
{
	unsigned int i;

	EXPECT_EQ(0xb0c5, mvga_get(self->device, ID));
	for (i = XRES; i <= Y_OFFSET; i++)
		EXPECT_EQ(0, mvga_get(self->device, i));
	EXPECT_EQ(MVGA_MEMORY / 0x10000, mvga_get(self->device, MEMORY_64K));
}

TEST_F(display, register_writes)
{
	unsigned int i;

	for (i = ID; i <= MEMORY_64K; i++)
		ASSERT_EQ(0, mvga_put(self->device, i, 0x1234 + i));
	EXPECT_EQ(0xb0c5, mvga_get(self->device, ID));
	for (i = XRES; i <= Y_OFFSET; i++)
		EXPECT_EQ(0x1234 + i, mvga_get(self->device, i));
	EXPECT_EQ(MVGA_MEMORY / 0x10000, mvga_get(self->device, MEMORY_64K));

	/* One byte, and two registers at once */
	ASSERT_EQ(0, vfio_store(self->device, BAR2, DISPI + 2 * YRES + 1,
				1, 0xab));
	EXPECT_EQ(0xab36, mvga_get(self->device, YRES));
	ASSERT_EQ(0, vfio_store(self->device, BAR2, DISPI + 2 * YRES, 4,
				0x00200300));
	EXPECT_EQ(0x0300, mvga_get(self->device, YRES));
	EXPECT_EQ(0x0020, mvga_get(self->device, BPP));
}

/* VESA E-EDID 1.4: 3.1 for the block, 3.10.2 for the preferred mode */
TEST_F(display, edid)
{
	uint8_t edid[2 * EDID_SIZE];
	const uint8_t *timing = &edid[EDID_TIMING];
	uint8_t sum = 0;
	unsigned int i;

	ASSERT_EQ(0, vfio_store(self->device, BAR2, EDID_TIMING, 4, 0));
	ASSERT_EQ(sizeof(edid), vfio_read(self->device, BAR2, 0, edid,
					  sizeof(edid)));
	EXPECT_EQ(0, memcmp(edid, edid_header, sizeof(edid_header)));
	for (i = 0; i < EDID_SIZE; i++)
		sum += edid[i];
	EXPECT_EQ(0, sum);
	for (; i < sizeof(edid); i++)
		EXPECT_EQ(0, edid[i]);

	EXPECT_EQ(6500, timing[0] | timing[1] << 8);
	EXPECT_EQ(1024, timing[2] | (timing[4] >> 4) << 8);
	EXPECT_EQ(768, timing[5] | (timing[7] >> 4) << 8);
}

TEST_F(display, video_memory_allocated_on_demand)
{
	uint32_t *memory = mvga_map(self->device, BAR0, MVGA_MEMORY);
	unsigned int huge_kib = map_pmd_size() / 1024;
	uint32_t value = 7;

	ASSERT_NE(MAP_FAILED, memory);
	EXPECT_EQ(0, mvga_committed(UUID_A));
	EXPECT_EQ(0, vfio_load(self->device, BAR0, 0, 4));
	EXPECT_EQ(0, mvga_committed(UUID_A));
	/* A page fault allocates what one PMD maps */
	memory[0] = 1;
	EXPECT_EQ(huge_kib, mvga_committed(UUID_A));
	memory[1] = 2;
	EXPECT_EQ(huge_kib, mvga_committed(UUID_A));
	memory[MVGA_MEMORY / 4 - 1] = 3;
	EXPECT_EQ(2 * huge_kib, mvga_committed(UUID_A));
	/* Other writes allocate single pages */
	ASSERT_EQ(0, vfio_store(self->device, BAR0, 4 * MIB, 4, value));
	EXPECT_EQ(2 * huge_kib + 4, mvga_committed(UUID_A));
	EXPECT_EQ(value, le32toh(memory[4 * MIB / 4]));

	/* A reset frees it. The BAR stays enabled, since QEMU has it mapped. */
	ASSERT_EQ(0, ioctl(self->device, VFIO_DEVICE_RESET));
	EXPECT_EQ(0, mvga_committed(UUID_A));
	EXPECT_EQ(0, memory[0]);
	EXPECT_EQ(0, memory[MVGA_MEMORY / 4 - 1]);
	EXPECT_EQ(2 * huge_kib, mvga_committed(UUID_A));
	munmap(memory, MVGA_MEMORY);

	/* The last close frees it, too */
	vfio_close(&self->user);
	EXPECT_EQ(0, mvga_committed(UUID_A));
}

TEST_F(display, migration)
{
	const size_t size = 2 * MVGA_MEMORY;
	struct vfio_user other;
	uint8_t *stream, *edid;
	ssize_t length;

	stream = malloc(size);
	ASSERT_NE(NULL, stream);
	ASSERT_EQ(0, mvga_open(&other, UUID_B));
	ASSERT_EQ(0, mvga_set_mode(self->device, 1024, 768));
	ASSERT_EQ(0, mvga_put(self->device, Y_OFFSET, 4));
	ASSERT_EQ(0, vfio_store(self->device, BAR0, 4 * PAGE, 4, 0x12345678));
	length = migration_save(self->device, stream, size);
	ASSERT_LT(0, length);

	ASSERT_EQ(0, migration_load(other.device, stream, length));
	ASSERT_EQ(0, migration_move(other.device, RUNNING));
	EXPECT_TRUE(mvga_mode_is(UUID_B, "1024x768"));
	EXPECT_EQ(4, mvga_get(other.device, Y_OFFSET));
	EXPECT_EQ(0x12345678, vfio_load(other.device, BAR0, 4 * PAGE, 4));

	/* State data with another version of the VBE extension is rejected */
	edid = memmem(stream, length, edid_header, sizeof(edid_header));
	ASSERT_NE(NULL, edid);
	edid[DISPI] ^= 1;
	ASSERT_EQ(0, ioctl(other.device, VFIO_DEVICE_RESET));
	EXPECT_EQ(-EINVAL, migration_load(other.device, stream, length));
	vfio_close(&other);
	free(stream);
}

TEST_HARNESS_MAIN
