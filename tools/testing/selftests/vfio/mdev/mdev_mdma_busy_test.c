// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA of the vendor driver mdma against unmap, queue disable, reset, FLR, last close,
 * D3hot, a cleared Bus Master bit, and removal of the device.
 */
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "kselftest_harness.h"

#include "irq_lib.h"
#include "mdev_lib.h"
#include "mdma_lib.h"
#include "vfio_lib.h"
#include "work_lib.h"

#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX

#define ROUNDS	20

FIXTURE(busy)
{
	struct mdma_memory memory;
	struct mdma_card card;
	int fd;
	int log;
};

FIXTURE_VARIANT(busy)
{
	int (*open)(struct dma_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(busy, container) { .open = dma_open_container };
FIXTURE_VARIANT_ADD(busy, group) { .open = dma_open_group };
FIXTURE_VARIANT_ADD(busy, cdev) { .open = dma_open_cdev };

FIXTURE_SETUP(busy)
{
	ASSERT_EQ(0, mdma_prepare());
	self->log = kernel_log_open();
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, mdma_memory_alloc(&self->memory));
	ASSERT_EQ(0, mdma_create("mdma-4", UUID_A));
	ASSERT_EQ(0, mdma_open(&self->card, &self->memory, variant->open,
			       UUID_A));
	self->fd = self->card.fd;
	ASSERT_EQ(0, mdma_start_busy(&self->card, 0));
}

FIXTURE_TEARDOWN(busy)
{
	mdma_close(&self->card);
	mdma_memory_free(&self->memory);
	/* vfio_mdev has not unpinned pages that mdma left pinned */
	EXPECT_EQ(0, kernel_log_count(self->log, "pages pinned", UUID_A));
	EXPECT_EQ(0, mdma_finish());
}

static int unmap_target(struct mdma_card *card)
{
	return dma_unmap(&card->user, MDMA_TARGET, MDMA_AREA_SIZE);
}

static int map_target(struct mdma_card *card)
{
	return dma_map(&card->user, MDMA_TARGET, card->memory->target,
		       MDMA_AREA_SIZE, DMA_BOTH);
}

TEST_F_TIMEOUT(busy, unmap_of_target, MDMA_TIMEOUT)
{
	ASSERT_EQ(0, unmap_target(&self->card));
	EXPECT_TRUE(mdma_rests(&self->memory));
	EXPECT_EQ(0, mdma_wait(&self->card, 0));
	EXPECT_EQ(MDMA_BAD_ADDRESS,
		  le32toh(mdma_read_descriptor(&self->card, 0, 0)->result));
	EXPECT_EQ(MDMA_STATUS_ERROR, mdma_read(self->fd, 0, MDMA_STATUS));
	ASSERT_EQ(0, map_target(&self->card));
	EXPECT_EQ(MDMA_DONE, mdma_do(&self->card, 0, MDMA_SOURCE, MDMA_TARGET,
				     5, MDMA_COPY));
}

TEST_F_TIMEOUT(busy, unmap_of_source, MDMA_TIMEOUT)
{
	ASSERT_EQ(0, dma_unmap(&self->card.user, MDMA_SOURCE, MDMA_AREA_SIZE));
	EXPECT_EQ(0, mdma_wait(&self->card, 0));
	EXPECT_EQ(MDMA_BAD_ADDRESS,
		  le32toh(mdma_read_descriptor(&self->card, 0, 0)->result));
}

TEST_F_TIMEOUT(busy, unmap_of_ring, MDMA_TIMEOUT)
{
	ASSERT_EQ(0, dma_unmap(&self->card.user, MDMA_RINGS, MDMA_RINGS_SIZE));
	EXPECT_EQ(-EIO, mdma_wait(&self->card, 0));
	EXPECT_EQ(0, mdma_read_descriptor(&self->card, 0, 0)->result);
}

/* Maps and unmaps of other IOVAs do not stop the copy. */
TEST_F_TIMEOUT(busy, unmap_of_other_memory, MDMA_TIMEOUT)
{
	uint64_t elsewhere = MDMA_TARGET + 0x10000000;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		EXPECT_EQ(0, dma_map(&self->card.user, elsewhere,
				     self->memory.target, PAGE, DMA_BOTH));
		EXPECT_EQ(0, dma_unmap(&self->card.user, elsewhere, PAGE));
	}
	EXPECT_EQ(0, mdma_wait(&self->card, 0));
	EXPECT_TRUE(mdma_check_long(&self->card, 0));
}

/* All queues copy to the memory that is unmapped. */
TEST_F_TIMEOUT(busy, unmap_of_target_with_all_queues, MDMA_TIMEOUT)
{
	unsigned int i, queue;

	for (i = 0; i < ROUNDS; i++) {
		for (queue = 1; queue < MDMA_MAX_QUEUES; queue++)
			ASSERT_EQ(0, mdma_start_long(&self->card, queue));
		sleep_ms(i % 8);
		ASSERT_EQ(0, unmap_target(&self->card));
		for (queue = 0; queue < MDMA_MAX_QUEUES; queue++)
			ASSERT_EQ(0, mdma_wait(&self->card, queue));
		ASSERT_EQ(0, map_target(&self->card));
		ASSERT_EQ(0, mdma_start_long(&self->card, 0));
	}
	EXPECT_EQ(0, mdma_wait(&self->card, 0));
	EXPECT_TRUE(mdma_check_long(&self->card, 0));
}

/* After a write of 0 to SIZE, the queue accesses neither ring nor data. */
TEST_F_TIMEOUT(busy, queue_disable_stops_dma, MDMA_TIMEOUT)
{
	ASSERT_EQ(0, mdma_write(self->fd, 0, MDMA_SIZE, 0));
	EXPECT_TRUE(mdma_rests(&self->memory));
	EXPECT_EQ(0, mdma_read(self->fd, 0, MDMA_PROGRESS));
	EXPECT_EQ(0, mdma_read_descriptor(&self->card, 0, 0)->result);

	ASSERT_EQ(0, mdma_enable_queue(&self->card, 0));
	ASSERT_EQ(0, mdma_start_long(&self->card, 0));
	EXPECT_EQ(0, mdma_wait(&self->card, 0));
	EXPECT_TRUE(mdma_check_long(&self->card, 0));
}

/* All queues are disabled; @command is the expected PCI_COMMAND */
static void expect_power_on_state(struct __test_metadata *_metadata, int fd,
				  uint16_t command)
{
	unsigned int queue;

	EXPECT_EQ(command, vfio_load(fd, CONFIG, PCI_COMMAND, 2));
	for (queue = 0; queue < MDMA_MAX_QUEUES; queue++) {
		EXPECT_EQ(0, mdma_read(fd, queue, MDMA_BASE));
		EXPECT_EQ(0, mdma_read(fd, queue, MDMA_SIZE));
		EXPECT_EQ(0, mdma_read(fd, queue, MDMA_TAIL));
		EXPECT_EQ(0, mdma_read(fd, queue, MDMA_PROGRESS));
	}
}

TEST_F_TIMEOUT(busy, reset_stops_dma, MDMA_TIMEOUT)
{
	ASSERT_EQ(0, vfio_ioctl(self->fd, VFIO_DEVICE_RESET, NULL));
	EXPECT_TRUE(mdma_rests(&self->memory));
	expect_power_on_state(_metadata, self->fd,
			      PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ASSERT_EQ(0, mdma_enable(&self->card));
	EXPECT_EQ(MDMA_DONE, mdma_do(&self->card, 0, MDMA_SOURCE, MDMA_TARGET,
				     5, MDMA_COPY));
}

/* PCI Express 2.0, 6.6.2 */
TEST_F_TIMEOUT(busy, flr_stops_dma, MDMA_TIMEOUT)
{
	int express = mdma_capability(self->fd, PCI_CAP_ID_EXP);

	ASSERT_LT(0, express);
	ASSERT_EQ(0, vfio_store(self->fd, CONFIG, express + PCI_EXP_DEVCTL, 2,
				PCI_EXP_DEVCTL_BCR_FLR));
	EXPECT_TRUE(mdma_rests(&self->memory));
	expect_power_on_state(_metadata, self->fd,
			      PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ASSERT_EQ(0, mdma_enable(&self->card));
	EXPECT_EQ(MDMA_DONE, mdma_do(&self->card, 0, MDMA_SOURCE, MDMA_TARGET,
				     5, MDMA_COPY));
}

TEST_F_TIMEOUT(busy, last_close_stops_dma, MDMA_TIMEOUT)
{
	mdma_close(&self->card);
	EXPECT_TRUE(mdma_rests(&self->memory));
	ASSERT_EQ(0, mdma_open_bare(&self->card, &self->memory, variant->open,
				    UUID_A));
	expect_power_on_state(_metadata, self->card.fd, PCI_COMMAND_MEMORY);
}

static int set_power_state(int fd, uint16_t state)
{
	int power = mdma_capability(fd, PCI_CAP_ID_PM);

	return power < 0 ? power : vfio_store(fd, CONFIG, power + PCI_PM_CTRL,
					      2, state);
}

/* PCI PM 1.2, 5.4.1: with No_Soft_Reset, the copy continues in D0. */
TEST_F_TIMEOUT(busy, d3hot_stops_dma, MDMA_TIMEOUT)
{
	int64_t progress;

	ASSERT_EQ(0, set_power_state(self->fd, 3));
	EXPECT_TRUE(mdma_rests(&self->memory));
	memcpy(self->memory.target, self->memory.source, MDMA_LONG);
	ASSERT_EQ(0, set_power_state(self->fd, 0));
	progress = mdma_read(self->fd, 0, MDMA_PROGRESS);
	EXPECT_EQ(0, mdma_wait(&self->card, 0));
	EXPECT_LT(0, progress);
	EXPECT_TRUE(mdma_check_long(&self->card, 0));
}

TEST_F_TIMEOUT(busy, bus_master_off_stops_dma, MDMA_TIMEOUT)
{
	int64_t progress;

	ASSERT_EQ(0, mdma_set_command(self->fd, PCI_COMMAND_MEMORY));
	/* mdma completes the page that it copies */
	sleep_ms(MDMA_QUIET_MS);
	progress = mdma_read(self->fd, 0, MDMA_PROGRESS);
	sleep_ms(MDMA_QUIET_MS);
	EXPECT_EQ(progress, mdma_read(self->fd, 0, MDMA_PROGRESS));
	EXPECT_GT(MDMA_LONG, progress);
	EXPECT_TRUE(mdma_is_blank(&self->memory, 0, progress));

	ASSERT_EQ(0, mdma_set_command(self->fd, PCI_COMMAND_MEMORY |
						PCI_COMMAND_MASTER));
	ASSERT_EQ(0, mdma_ring(&self->card, 0));
	EXPECT_EQ(0, mdma_wait(&self->card, 0));
	EXPECT_TRUE(mdma_check_long(&self->card, 0));
}

static int remove_card(void)
{
	return mdev_remove(UUID_A);
}

TEST_F_TIMEOUT(busy, removal_calls_request, MDMA_TIMEOUT)
{
	int requested = irq_eventfd();
	struct work removal;

	ASSERT_LE(0, requested);
	ASSERT_EQ(0, irq_set_eventfd(self->fd, VFIO_PCI_REQ_IRQ_INDEX, TRIGGER,
				     requested));
	ASSERT_EQ(0, work_start(&removal, remove_card));
	EXPECT_LT(0, irq_signals_within(requested, IRQ_TIMEOUT_MS));
	EXPECT_TRUE(work_waits(&removal));
	mdma_close(&self->card);
	EXPECT_EQ(0, work_result(&removal));
	EXPECT_TRUE(mdma_rests(&self->memory));
}

TEST_HARNESS_MAIN
