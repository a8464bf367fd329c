// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmaps of userspace memory that race with the open and the close of a device with
 * pinned pages, and pages that a vendor driver leaves pinned at release.
 */
#include <errno.h>
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

/*
 * Without patches/, iommufd_access_destroy() can sleep for a minute if the close races
 * with an unmap.
 */
#define SLEEPS_A_MINUTE	2

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
	self->log = kernel_log_open();
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, dma_prepare(&self->user, variant->open));
	self->fd = self->user.vfio.device;
	self->memory = dma_memory(PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));
}

FIXTURE_TEARDOWN(close)
{
	dma_close(&self->user);
	EXPECT_EQ(0, kernel_log_count(self->log, "left", UUID_A));
	EXPECT_EQ(0, sim_finish());
}

TEST_F(close, release_unpins)
{
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
	dma_close(&self->user);
	EXPECT_EQ(0, sim_get("pins"));
	EXPECT_EQ(0, sim_get("dma_unmap/calls"));
}

TEST_F(close, pins_left_by_release)
{
	struct dma_user user;

	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 3, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA + 8 * PAGE, 2, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA + 8 * PAGE, 2, DMA_BOTH));
	ASSERT_EQ(0, sim_set("forget_pins", MDEV_SIM_FORGET_RELEASE));
	dma_close(&self->user);
	EXPECT_EQ(1, kernel_log_count(self->log,
				      "release() left 7 pages pinned", UUID_A));
	EXPECT_EQ(0, sim_get("dma_unmap/calls"));

	EXPECT_EQ(0, sim_set("forget_pins", 0));
	ASSERT_EQ(0, variant->open(&user, UUID_A));
	EXPECT_EQ(-EINVAL, dma_unpin(user.vfio.device, 0, IOVA, 1));
	dma_close(&user);
}

TEST_F_TIMEOUT(close, release_waits_for_dma_unmap, RACE_TIMEOUT)
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

/* ->release() has unpinned all pages: ->dma_unmap() is not called. */
TEST_F_TIMEOUT(close, unmap_during_release, RACE_TIMEOUT)
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

/* The container and the group stay open when the device is closed. */
FIXTURE(reopen)
{
	struct dma_user user;
	char *memory;
};

FIXTURE_VARIANT(reopen)
{
	int (*open)(struct dma_user *user, const char *uuid);
	unsigned int rounds_unpatched;
};

FIXTURE_VARIANT_ADD(reopen, container) { dma_open_container, ROUNDS };
FIXTURE_VARIANT_ADD(reopen, iommufd) { dma_open_group, SLEEPS_A_MINUTE };

FIXTURE_SETUP(reopen)
{
	ASSERT_EQ(0, dma_prepare(&self->user, variant->open));
	self->memory = dma_memory(PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));
}

FIXTURE_TEARDOWN(reopen)
{
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

static void *open_and_close(void *data)
{
	struct dma_task *task = data;

	while (dma_task_goes_on(task)) {
		int fd = dma_open_device(task->user->vfio.group, UUID_A);

		if (fd < 0) {
			task->result = fd;
			break;
		}
		dma_pin(fd, 0, IOVA, PAGES, DMA_BOTH);
		close(fd);
	}
	return NULL;
}

/* mdev_sim reports callbacks that must not run concurrently. */
TEST_F_TIMEOUT(reopen, unmap_races_with_open_and_close, RACE_TIMEOUT)
{
	unsigned int rounds = kernel_is_patched() ? ROUNDS : variant->rounds_unpatched;
	struct dma_task opener = { .user = &self->user };
	unsigned int i;

	vfio_close_file(&self->user.vfio.device);
	ASSERT_EQ(0, dma_task_start(&opener, open_and_close));
	for (i = 0; i < rounds; i++) {
		EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
		EXPECT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE,
				     DMA_BOTH));
		usleep(random() % 2000);
	}
	EXPECT_EQ(0, dma_task_end(&opener));
}

TEST_HARNESS_MAIN
