// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of the user that is taken away while a device that has pages of it
 * pinned is closed, or another one is opened; and pages that a vendor driver
 * forgets when a device is closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "dma_lib.h"
#include "mdev_lib.h"
#include "race_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define IOVA		0x100000UL
#define PAGES		16
#define SIZE		(PAGES * PAGE)

#define ROUNDS		200
#define PINNERS		4

static void *unmap_once(void *data)
{
	struct dma_task *task = data;

	task->result = dma_unmap(task->user, IOVA, SIZE);
	return NULL;
}

static void *close_device(void *data)
{
	struct dma_task *task = data;

	vfio_close_file(&task->user->vfio.device);
	return NULL;
}

FIXTURE(close)
{
	struct dma_user user;
	char *memory;
	int fd;
	int log;
};

FIXTURE_VARIANT(close)
{
	int (*open)(struct dma_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(close, container) { .open = dma_open_container };
FIXTURE_VARIANT_ADD(close, group) { .open = dma_open_group };
FIXTURE_VARIANT_ADD(close, cdev) { .open = dma_open_cdev };

FIXTURE_SETUP(close)
{
	ASSERT_EQ(0, sim_prepare());
	self->log = kernel_log_open();
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	self->fd = self->user.vfio.device;
	self->memory = dma_memory(PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));
}

FIXTURE_TEARDOWN(close)
{
	dma_close(&self->user);
	EXPECT_EQ(0, kernel_log_count(self->log, "unpinned", UUID_A));
	EXPECT_EQ(0, sim_finish());
}

TEST_F(close, lets_the_vendor_unpin)
{
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
	dma_close(&self->user);
	EXPECT_EQ(0, sim_get("pins"));
	EXPECT_EQ(0, sim_get("dma_unmap/calls"));
}

TEST_F(close, unpins_what_the_vendor_does_not)
{
	struct dma_user user;

	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 3, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA + 8 * PAGE, 2, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA + 8 * PAGE, 2, DMA_BOTH));
	ASSERT_EQ(0, sim_set("forget_pins", MDEV_SIM_FORGET_RELEASE));
	dma_close(&self->user);
	EXPECT_EQ(1, kernel_log_count(self->log,
				      "unpinned 5 pages that the vendor forgot",
				      UUID_A));
	EXPECT_EQ(0, sim_get("dma_unmap/calls"));

	EXPECT_EQ(0, sim_set("forget_pins", 0));
	ASSERT_EQ(0, variant->open(&user, UUID_A));
	EXPECT_EQ(-EINVAL, dma_unpin(user.vfio.device, 0, IOVA, 1));
	dma_close(&user);
}

TEST_F(close, waits_for_an_unmap)
{
	struct dma_task unmap = { .user = &self->user };
	struct dma_task close = { .user = &self->user };

	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
	ASSERT_EQ(0, sim_set("dma_unmap/block", 1));
	ASSERT_EQ(0, dma_task_start(&unmap, unmap_once));
	EXPECT_TRUE(sim_wait_for("dma_unmap/blocked", 1));
	ASSERT_EQ(0, dma_task_start(&close, close_device));
	sleep_ms(200);
	EXPECT_EQ(0, sim_get("release/calls"));
	EXPECT_EQ(0, sim_set("dma_unmap/block", 0));
	dma_task_end(&close);
	EXPECT_EQ(0, dma_task_end(&unmap));
	EXPECT_EQ(1, sim_get("release/calls"));
}

/* Once release has begun, the vendor hears of no unmap: that waits instead. */
TEST_F(close, makes_an_unmap_wait)
{
	struct dma_task unmap = { .user = &self->user };
	struct dma_task close = { .user = &self->user };

	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
	ASSERT_EQ(0, sim_set("release/block", 1));
	ASSERT_EQ(0, dma_task_start(&close, close_device));
	EXPECT_TRUE(sim_wait_for("release/blocked", 1));
	ASSERT_EQ(0, dma_task_start(&unmap, unmap_once));
	sleep_ms(200);
	EXPECT_EQ(0, sim_set("release/block", 0));
	dma_task_end(&close);
	EXPECT_EQ(0, dma_task_end(&unmap));
	EXPECT_EQ(0, sim_get("dma_unmap/calls"));
}

/* Containers and groups outlive the devices that they were opened for. */
FIXTURE(reopen)
{
	struct dma_user user;
	char *memory;
};

FIXTURE_VARIANT(reopen)
{
	int (*open)(struct dma_user *user, const char *uuid);
	unsigned int rounds;
};

FIXTURE_VARIANT_ADD(reopen, container)
{
	.open = dma_open_container,
	.rounds = ROUNDS,
};

/* It stops for a minute if a close and an unmap meet at a certain point. */
FIXTURE_VARIANT_ADD(reopen, iommufd)
{
	.open = dma_open_group,
	.rounds = ROUNDS / 10,
};

FIXTURE_SETUP(reopen)
{
	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	self->memory = dma_memory(PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));
}

FIXTURE_TEARDOWN(reopen)
{
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

static int open_device(int group, const char *uuid)
{
	return vfio_ioctl(group, VFIO_GROUP_GET_DEVICE_FD, (void *)uuid);
}

static void *open_and_close(void *data)
{
	struct dma_task *task = data;

	while (dma_task_goes_on(task)) {
		int fd = open_device(task->user->vfio.group, UUID_A);

		if (fd < 0) {
			task->result = fd;
			break;
		}
		dma_pin(fd, 0, IOVA, PAGES, DMA_BOTH);
		close(fd);
	}
	return NULL;
}

/* What may not come at once is counted by mdev_sim. */
TEST_F_TIMEOUT(reopen, races_with_open_and_close, RACE_TIMEOUT)
{
	struct dma_task opener = { .user = &self->user };
	unsigned int i;

	vfio_close_file(&self->user.vfio.device);
	ASSERT_EQ(0, dma_task_start(&opener, open_and_close));
	for (i = 0; i < variant->rounds; i++) {
		EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
		EXPECT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE,
				     DMA_BOTH));
		usleep(random() % 2000);
	}
	EXPECT_EQ(0, dma_task_end(&opener));
}

/* Two devices in one container of type1 */
FIXTURE(shared)
{
	struct dma_user user;
	char *memory;
	int group;
};

FIXTURE_SETUP(shared)
{
	char path[VFIO_PATH_SIZE];

	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_B));
	ASSERT_EQ(0, dma_open_container(&self->user, UUID_A));
	self->memory = dma_memory(PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));

	ASSERT_EQ(0, vfio_group_path(path, UUID_B));
	self->group = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->group);
	ASSERT_EQ(0, vfio_ioctl(self->group, VFIO_GROUP_SET_CONTAINER,
				&self->user.vfio.container));
}

FIXTURE_TEARDOWN(shared)
{
	close(self->group);
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

TEST_F(shared, tells_who_has_pinned)
{
	int device = open_device(self->group, UUID_B);

	ASSERT_LE(0, device);
	ASSERT_EQ(0, dma_pin(self->user.vfio.device, 0, IOVA, 1, DMA_READ));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_EQ(0, sim_register(device, MDEV_SIM_REG_UNMAPS));
	EXPECT_EQ(1, sim_register(self->user.vfio.device, MDEV_SIM_REG_UNMAPS));
	close(device);
}

static void *open_the_other(void *data)
{
	struct dma_task *task = data;

	task->result = open_device(task->user->vfio.group, UUID_B);
	return NULL;
}

/*
 * Who opens a device holds the lock that is needed to unpin, and waits for the
 * one that is held across dma_unmap.
 */
TEST_F(shared, gets_by_who_opens_another_device)
{
	struct dma_user other = { .vfio.group = self->group };
	struct dma_task unmap = { .user = &self->user };
	struct dma_task open = { .user = &other };

	ASSERT_EQ(0, dma_pin(self->user.vfio.device, 0, IOVA, 1, DMA_READ));
	ASSERT_EQ(0, sim_set("dma_unmap/block", 1));
	ASSERT_EQ(0, dma_task_start(&unmap, unmap_once));
	EXPECT_TRUE(sim_wait_for("dma_unmap/blocked", 1));
	ASSERT_EQ(0, dma_task_start(&open, open_the_other));
	sleep_ms(300);
	EXPECT_EQ(0, sim_set("dma_unmap/block", 0));
	EXPECT_EQ(0, dma_task_end(&unmap));
	EXPECT_LE(0, dma_task_end(&open));
	EXPECT_EQ(0, sim_get("pins"));
	close(open.result);
}

static void *pin_again_and_again(void *data)
{
	struct dma_task *task = data;

	while (dma_task_goes_on(task))
		dma_pin(task->user->vfio.device, task->channel, IOVA, 1,
			DMA_READ);
	return NULL;
}

/* Type1 asks one device after the other, and the first may have pinned again. */
TEST_F_TIMEOUT(shared, outruns_those_who_pin, RACE_TIMEOUT)
{
	struct dma_user other = { .vfio = self->user.vfio };
	struct dma_task pinners[PINNERS] = {};
	unsigned int i;

	other.vfio.device = open_device(self->group, UUID_B);
	ASSERT_LE(0, other.vfio.device);
	/* Time for one device to pin while the other one is asked */
	ASSERT_EQ(0, sim_set("dma_unmap/delay", 20));
	for (i = 0; i < ARRAY_SIZE(pinners); i++) {
		pinners[i].user = i % 2 ? &other : &self->user;
		pinners[i].channel = i;
		ASSERT_EQ(0, dma_task_start(&pinners[i], pin_again_and_again));
	}
	for (i = 0; i < ROUNDS / 10; i++) {
		EXPECT_EQ(0, dma_pin(other.vfio.device, PINNERS, IOVA, 1,
				     DMA_READ));
		EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
		EXPECT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE,
				     DMA_BOTH));
	}
	for (i = 0; i < ARRAY_SIZE(pinners); i++)
		dma_task_end(&pinners[i]);
	close(other.vfio.device);
}

TEST_HARNESS_MAIN
