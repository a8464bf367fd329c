// SPDX-License-Identifier: GPL-2.0-only
/*
 * The optional callbacks ->mmap(), ->ioctl() and ->open_data() of migration, in
 * mdev_sim's SIM_OWN.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "migration_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define BAR2		VFIO_PCI_BAR2_REGION_INDEX
#define BAR3		VFIO_PCI_BAR3_REGION_INDEX

#define SCRATCH		MDEV_SIM_REG_SCRATCH
#define STATE_SIZE	MDEV_SIM_REG_SCRATCH_SIZE
#define BLOCK_SIZE	MDEV_SIM_MAP_BLOCK

FIXTURE(own)
{
	struct vfio_user user, other;
	int device;
};

FIXTURE_SETUP(own)
{
	int ret = sim_prepare();

	if (ret == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, sim_create(SIM_OWN, SIM_PCI, UUID_A));
	ASSERT_EQ(0, sim_create(SIM_OWN, SIM_PCI, UUID_B));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	ASSERT_EQ(0, vfio_open(&self->other, UUID_B));
	self->device = self->user.device;
}

FIXTURE_TEARDOWN(own)
{
	vfio_close(&self->user);
	vfio_close(&self->other);
	EXPECT_EQ(0, sim_finish());
}

/* Returns MAP_FAILED with errno on error */
static void *map(int device, uint32_t region, uint64_t offset, size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, device,
		    vfio_position(region, offset));
}

static int map_error(int device, uint32_t region, uint64_t offset, size_t size)
{
	void *memory = map(device, region, offset, size);

	if (memory == MAP_FAILED)
		return -errno;
	munmap(memory, size);
	return 0;
}

TEST_F(own, mmap_callback)
{
	struct vfio_region_info info;
	uint64_t *memory;
	unsigned int page;

	EXPECT_EQ(0, vfio_region_info(self->device, BAR2, &info));
	EXPECT_TRUE(info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	memory = map(self->device, BAR2, BLOCK_SIZE, BLOCK_SIZE);
	ASSERT_NE(MAP_FAILED, memory);
	EXPECT_EQ(1, sim_get("mmap/calls"));
	for (page = 0; page < 512; page += 73)
		EXPECT_EQ(MDEV_SIM_FILL(1, BAR2, 512 + page),
			  memory[page * 4096 / sizeof(*memory)]);
	EXPECT_EQ(0, sim_get("validate_map_request/calls"));
	munmap(memory, BLOCK_SIZE);
}

TEST_F(own, mmap_callback_errors)
{
	EXPECT_EQ(-EINVAL, map_error(self->device, BAR0, 0, 4096));
	EXPECT_EQ(-EINVAL, map_error(self->device, BAR3, 0, 4096));
	EXPECT_EQ(-EINVAL, map_error(self->device, BAR2, 4096, BLOCK_SIZE));
	EXPECT_EQ(0, map_error(self->device, BAR3, 4096, 4096));
	EXPECT_EQ(0, sim_set("mmap/fail", EPERM));
	EXPECT_EQ(-EPERM, map_error(self->device, BAR3, 4096, 4096));
}

/* mdev_pause_parent(), mdev_resume_parent() or mdev_mark_parent_dead() */
static int parent_command(const char *command)
{
	return sysfs_write(command, SIM_DEBUGFS "/parent");
}

/* mmap() can't wait for the resume with mmap_lock held: -EAGAIN. */
TEST_F(own, mmap_during_pause)
{
	ASSERT_EQ(0, parent_command("pause " SIM_OWN " 20000"));
	EXPECT_EQ(-EAGAIN, map_error(self->device, BAR3, 4096, 4096));
	EXPECT_EQ(0, sim_get("mmap/calls"));
	EXPECT_EQ(0, parent_command("resume " SIM_OWN));
	EXPECT_EQ(0, map_error(self->device, BAR3, 4096, 4096));
	EXPECT_EQ(1, sim_get("mmap/calls"));

	EXPECT_EQ(0, parent_command("kill " SIM_OWN));
	EXPECT_EQ(-EIO, map_error(self->device, BAR3, 4096, 4096));
	EXPECT_EQ(1, sim_get("mmap/calls"));
	vfio_close(&self->user);
	vfio_close(&self->other);
	EXPECT_EQ(0, sim_unbind(SIM_OWN));
	EXPECT_EQ(0, sim_bind(SIM_OWN));
}

/* Page faults do not map zapped pages again. */
TEST_F(own, zapped_pages_stay_unmapped)
{
	int zero = open("/dev/zero", O_RDONLY);
	uint64_t *memory;

	ASSERT_LE(0, zero);
	memory = map(self->device, BAR2, 0, 4096);
	ASSERT_NE(MAP_FAILED, memory);
	EXPECT_EQ(sizeof(*memory), read(zero, memory, sizeof(*memory)));
	EXPECT_EQ(0, SIM_COMMAND(self->device, MDEV_SIM_REBACK, BAR2));
	EXPECT_EQ(-1, read(zero, memory, sizeof(*memory)));
	EXPECT_EQ(EFAULT, errno);
	munmap(memory, 4096);
	close(zero);
}

TEST_F(own, ioctl_callback)
{
	uint64_t value = 41;
	int device = self->device;

	EXPECT_EQ(0, vfio_ioctl(device, MDEV_SIM_IOCTL_INCREMENT, &value));
	EXPECT_EQ(42, value);
	EXPECT_EQ(-EFAULT, vfio_ioctl(device, MDEV_SIM_IOCTL_INCREMENT, NULL));
	EXPECT_EQ(-ENOTTY, vfio_ioctl(device, _IO(';', 191), NULL));
	EXPECT_EQ(0, sim_set("ioctl/fail", EPERM));
	EXPECT_EQ(-EPERM, vfio_ioctl(device, MDEV_SIM_IOCTL_INCREMENT, &value));
	/* VFIO's own ioctls are not passed to ->ioctl() */
	EXPECT_EQ(0, vfio_ioctl(device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(4, sim_get("ioctl/calls"));
}

static void fill(char state[STATE_SIZE])
{
	unsigned int i;

	for (i = 0; i < STATE_SIZE; i++)
		state[i] = 3 * i + 1;
}

TEST_F(own, migration_open_data)
{
	char state[STATE_SIZE], copy[STATE_SIZE + 1];
	int data;

	fill(state);
	ASSERT_EQ(STATE_SIZE, vfio_write(self->device, BAR0, SCRATCH, state,
					 STATE_SIZE));
	EXPECT_EQ(4096, migration_size(self->device));
	EXPECT_EQ(STATE_SIZE, migration_save(self->device, copy, sizeof(copy)));
	EXPECT_EQ(0, memcmp(state, copy, STATE_SIZE));

	data = migration_go(self->other.device, RESUMING);
	ASSERT_LT(0, data);
	EXPECT_EQ(0, stream_write(data, copy, STATE_SIZE, 7));
	EXPECT_EQ(0, migration_move(self->other.device, RUNNING));
	memset(copy, 0, sizeof(copy));
	EXPECT_EQ(STATE_SIZE, vfio_read(self->other.device, BAR0, SCRATCH, copy,
					STATE_SIZE));
	EXPECT_EQ(0, memcmp(state, copy, STATE_SIZE));
	close(data);
}

TEST_F(own, incomplete_state_data)
{
	int data = migration_go(self->device, RESUMING);

	ASSERT_LT(0, data);
	EXPECT_EQ(3, write(data, "abc", 3));
	EXPECT_EQ(-EINVAL, migration_go(self->device, STOP));
	EXPECT_EQ(ERROR, migration_state(self->device));
	EXPECT_EQ(0, vfio_ioctl(self->device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(RUNNING, migration_state(self->device));
	close(data);
}

TEST_F(own, migration_open_data_fails)
{
	EXPECT_EQ(0, sim_set("migration_open_data/fail", ENOSPC));
	EXPECT_EQ(-ENOSPC, migration_go(self->device, RESUMING));
	EXPECT_EQ(STOP, migration_state(self->device));
	EXPECT_EQ(-ENOSPC, migration_go(self->device, STOP_COPY));
	EXPECT_EQ(STOP, migration_state(self->device));
	EXPECT_EQ(0, migration_move(self->device, RUNNING));
}

/* The data file holds a reference to the module, but none to the device. */
TEST_F(own, data_file_after_unregistration)
{
	int data = migration_go(self->device, RESUMING);

	ASSERT_LT(0, data);
	vfio_close(&self->user);
	vfio_close(&self->other);
	EXPECT_EQ(0, sim_unbind(SIM_OWN));
	EXPECT_EQ(-EAGAIN, module_unload("mdev_sim"));
	EXPECT_EQ(3, write(data, "abc", 3));
	close(data);
	EXPECT_EQ(0, sim_bind(SIM_OWN));
}

TEST_HARNESS_MAIN
