// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmaps of userspace memory while a vendor driver has pages of it pinned, or pins them
 * concurrently: calls of ->dma_unmap(), and pages that the driver leaves pinned.
 * mdev_dma_close_test.c tests unmaps that race with open and close.
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
/* A second mapping of the same size */
#define ELSEWHERE	(IOVA + 0x100000)

#define ROUNDS		200
#define PINNERS		3

/* Warning if ->dma_unmap() leaves pages pinned */
#define LOG_UNMAP(_pages)	"dma_unmap() left " #_pages " pages pinned"

FIXTURE(unmap)
{
	struct dma_user user;
	char *memory;
	int fd;
	int log;
};

FIXTURE_VARIANT(unmap)
{
	int (*open)(struct dma_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(unmap, container) { .open = dma_open_container };
FIXTURE_VARIANT_ADD(unmap, group) { .open = dma_open_group };
FIXTURE_VARIANT_ADD(unmap, cdev) { .open = dma_open_cdev };

FIXTURE_SETUP(unmap)
{
	self->log = kernel_log_open();
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, dma_prepare(&self->user, variant->open));
	self->fd = self->user.vfio.device;
	self->memory = dma_memory(2 * PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));
	ASSERT_EQ(0, dma_map(&self->user, ELSEWHERE, self->memory + SIZE, SIZE,
			     DMA_BOTH));
}

FIXTURE_TEARDOWN(unmap)
{
	dma_close(&self->user);
	/* No warning that the test has not read */
	EXPECT_EQ(0, kernel_log_count(self->log, "left", UUID_A));
	EXPECT_EQ(0, sim_finish());
}

TEST_F(unmap, no_dma_unmap_without_pins)
{
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, ELSEWHERE, PAGES, DMA_BOTH));
	ASSERT_EQ(0, dma_unpin(self->fd, 0, IOVA, PAGES));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_EQ(0, sim_get("dma_unmap/calls"));
	EXPECT_EQ(PAGES, sim_get("pins"));
}

TEST_F(unmap, dma_unmap_with_pins)
{
	uint64_t value;

	/* The first page twice */
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA + PAGE, 3, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA + PAGE, 1, DMA_READ));
	ASSERT_EQ(0, dma_pin(self->fd, 0, ELSEWHERE, 1, DMA_READ));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_EQ(1, sim_get("dma_unmap/calls"));
	EXPECT_EQ(IOVA, sim_register(self->fd, MDEV_SIM_REG_UNMAP_IOVA));
	EXPECT_EQ(SIZE, sim_register(self->fd, MDEV_SIM_REG_UNMAP_LENGTH));
	EXPECT_EQ(1, sim_get("pins"));

	EXPECT_EQ(-EINVAL, dma_peek(self->fd, IOVA + PAGE, &value));
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA + PAGE, 1));
	EXPECT_EQ(-EINVAL, dma_pin(self->fd, 0, IOVA + PAGE, 1, DMA_READ));
}

TEST_F(unmap, pin_same_iova_again)
{
	uint64_t value = 0;

	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
	ASSERT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory + SIZE, SIZE,
			     DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 1, DMA_BOTH));
	EXPECT_EQ(0, dma_peek(self->fd, IOVA, &value));
	EXPECT_EQ(dma_mark(PAGES), value);
}

/* ->dma_unmap() unpins all of a pin that spans two mappings. */
TEST_F(unmap, pin_across_mappings)
{
	ASSERT_EQ(0, dma_map(&self->user, IOVA + SIZE, self->memory + SIZE,
			     SIZE, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 2 * PAGES, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA + SIZE, PAGES, DMA_BOTH));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_EQ(PAGES, sim_get("pins"));
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA, 2 * PAGES));
	EXPECT_EQ(0, dma_unpin(self->fd, 0, IOVA + SIZE, PAGES));
}

/* vfio_dma_do_unmap() removes one mapping after the other. */
TEST_F(unmap, several_mappings)
{
	ASSERT_EQ(0, dma_map(&self->user, IOVA + SIZE, self->memory + SIZE,
			     SIZE, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 2 * PAGES, DMA_BOTH));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, 2 * SIZE));
	EXPECT_EQ(0, sim_get("pins"));

	/* Both IOVA ranges can be mapped and pinned again */
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, 2 * SIZE,
			     DMA_BOTH));
	EXPECT_EQ(0, dma_pin(self->fd, 0, IOVA, 2 * PAGES, DMA_BOTH));
	EXPECT_EQ(0, dma_unpin(self->fd, 0, IOVA, 2 * PAGES));
}

TEST_F(unmap, slow_dma_unmap)
{
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
	ASSERT_EQ(0, sim_set("dma_unmap/delay", 4000));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_EQ(1, sim_get("dma_unmap/calls"));
	EXPECT_EQ(0, sim_get("pins"));
}

TEST_F(unmap, pins_left_by_dma_unmap)
{
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 3, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 1, DMA_BOTH));
	ASSERT_EQ(0, sim_set("forget_pins", MDEV_SIM_FORGET_UNMAP));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_EQ(1, sim_get("dma_unmap/calls"));
	EXPECT_EQ(1, kernel_log_count(self->log, LOG_UNMAP(4), UUID_A));

	/* vfio_mdev has unpinned the pages */
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA, 3));
	EXPECT_EQ(0, sim_set("forget_pins", 0));
}

static void *pin_in_a_loop(void *data)
{
	struct dma_task *task = data;
	int fd = task->user->vfio.device;

	while (dma_task_goes_on(task)) {
		int ret = dma_pin(fd, task->channel, IOVA, PAGES, DMA_BOTH);

		if (!ret && task->channel % 2)
			ret = dma_unpin(fd, task->channel, IOVA, PAGES);
		if (ret && ret != -EINVAL)
			task->result = ret;
	}
	return NULL;
}

/*
 * Some threads unpin, the others leave that to ->dma_unmap(). If pages stay pinned,
 * vfio_dma_do_unmap() hits BUG_ON() and iopt_unmap_iova_range() WARNs.
 */
TEST_F_TIMEOUT(unmap, race_with_pin, RACE_TIMEOUT)
{
	struct dma_task pinners[PINNERS] = {};
	unsigned int i;

	for (i = 0; i < PINNERS; i++) {
		pinners[i].user = &self->user;
		pinners[i].channel = i;
		ASSERT_EQ(0, dma_task_start(&pinners[i], pin_in_a_loop));
	}
	for (i = 0; i < ROUNDS; i++) {
		EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
		EXPECT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE,
				     DMA_BOTH));
		usleep(random() % 2000);
	}
	for (i = 0; i < PINNERS; i++)
		EXPECT_EQ(0, dma_task_end(&pinners[i]));
	EXPECT_LT(0, sim_get("dma_unmap/calls"));
	EXPECT_EQ(1, sim_get("dma_unmap/max_active"));
}

TEST_F(unmap, driver_without_dma_unmap)
{
	struct dma_user user;

	ASSERT_EQ(0, sim_create(SIM_PLAIN, SIM_PCI, UUID_B));
	ASSERT_EQ(0, variant->open(&user, UUID_B));
	ASSERT_EQ(0, dma_map(&user, IOVA, self->memory, SIZE, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(user.vfio.device, 0, IOVA, 2, DMA_BOTH));
	EXPECT_EQ(0, dma_unmap(&user, IOVA, SIZE));
	EXPECT_EQ(1, kernel_log_count(self->log, LOG_UNMAP(2), UUID_B));
	dma_close(&user);
	EXPECT_EQ(0, kernel_log_count(self->log, "left", UUID_B));
}

/* The IOAS of a device can be replaced while pages are pinned. */
FIXTURE(unmap_cdev)
{
	struct dma_user user;
	uint32_t other;
	char *memory;
	int fd;
	int log;
};

FIXTURE_SETUP(unmap_cdev)
{
	self->log = kernel_log_open();
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, dma_prepare(&self->user, dma_open_cdev));
	ASSERT_EQ(0, dma_ioas_alloc(self->user.vfio.container, &self->other));
	self->fd = self->user.vfio.device;
	self->memory = dma_memory(PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
}

FIXTURE_TEARDOWN(unmap_cdev)
{
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

TEST_F(unmap_cdev, dma_unmap_at_ioas_replace)
{
	uint64_t value = 0;

	ASSERT_EQ(0, dma_attach(&self->user, self->other));
	EXPECT_EQ(1, sim_get("dma_unmap/calls"));
	EXPECT_EQ(0, sim_get("pins"));

	EXPECT_EQ(-EINVAL, dma_pin(self->fd, 0, IOVA, 1, DMA_READ));
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory + PAGE, PAGE,
			     DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 1, DMA_READ));
	EXPECT_EQ(0, dma_peek(self->fd, IOVA, &value));
	EXPECT_EQ(dma_mark(1), value);
}

TEST_F(unmap_cdev, dma_unmap_at_ioas_detach)
{
	ASSERT_EQ(0, dma_detach(&self->user));
	EXPECT_EQ(1, sim_get("dma_unmap/calls"));
	EXPECT_EQ(0, sim_get("pins"));
	EXPECT_EQ(-EINVAL, dma_pin(self->fd, 0, IOVA, 1, DMA_READ));
	EXPECT_EQ(-EINVAL, dma_read(self->fd, IOVA, 0, 1));

	ASSERT_EQ(0, dma_attach(&self->user, self->user.ioas));
	EXPECT_EQ(0, dma_pin(self->fd, 0, IOVA, 1, DMA_READ));
}

TEST_F(unmap_cdev, pins_left_at_ioas_replace)
{
	ASSERT_EQ(0, sim_set("forget_pins", MDEV_SIM_FORGET_UNMAP));
	ASSERT_EQ(0, dma_attach(&self->user, self->other));
	EXPECT_EQ(1, kernel_log_count(self->log, LOG_UNMAP(16), UUID_A));
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA, 1));
}

TEST_HARNESS_MAIN
