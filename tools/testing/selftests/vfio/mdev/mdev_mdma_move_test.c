// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration of mdma during a copy: the target continues the copy, and DMA logging
 * reports all pages that it writes.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "kselftest_harness.h"

#include "irq_lib.h"
#include "mdev_lib.h"
#include "mdma_lib.h"
#include "migration_lib.h"
#include "vfio_lib.h"

#define STREAM_SIZE_MAX	65536

/* Source and target of a migration, with the same memory mapped */
FIXTURE(move)
{
	struct mdma_memory memory;
	struct mdma_card from;
	struct mdma_card to;
	char stream[STREAM_SIZE_MAX];
	ssize_t size;
};

FIXTURE_SETUP(move)
{
	ASSERT_EQ(0, mdma_prepare());
	ASSERT_EQ(0, mdma_memory_alloc(&self->memory));
	ASSERT_EQ(0, mdma_create("mdma-4", UUID_A));
	ASSERT_EQ(0, mdma_create("mdma-4", UUID_B));
	ASSERT_EQ(0, mdma_open(&self->from, &self->memory, dma_open_container,
			       UUID_A));
	ASSERT_EQ(0, mdma_open_bare(&self->to, &self->memory, dma_open_cdev,
				    UUID_B));
	ASSERT_EQ(0, mdma_start_busy(&self->from, 1));
	self->size = migration_save(self->from.fd, self->stream,
				    STREAM_SIZE_MAX);
	ASSERT_LT(0, self->size);
}

FIXTURE_TEARDOWN(move)
{
	mdma_close(&self->from);
	mdma_close(&self->to);
	mdma_memory_free(&self->memory);
	EXPECT_EQ(0, mdma_finish());
}

static int set_eventfd(int fd, unsigned int vector)
{
	int eventfd = irq_eventfd();
	int ret;

	if (eventfd < 0)
		return eventfd;
	ret = irq_set_eventfds(fd, MSIX, TRIGGER, vector, 1, &eventfd);
	return ret ? ret : eventfd;
}

TEST_F_TIMEOUT(move, target_continues_copy, MDMA_TIMEOUT)
{
	int64_t progress = mdma_read(self->from.fd, 1, MDMA_PROGRESS);
	int eventfd;

	EXPECT_LT(0, progress);
	EXPECT_TRUE(mdma_is_blank(&self->memory, 0, progress));
	ASSERT_EQ(0, migration_load(self->to.fd, self->stream, self->size));
	EXPECT_EQ(progress, mdma_read(self->to.fd, 1, MDMA_PROGRESS));
	sleep_ms(MDMA_QUIET_MS);
	EXPECT_EQ(progress, mdma_read(self->from.fd, 1, MDMA_PROGRESS));
	EXPECT_EQ(progress, mdma_read(self->to.fd, 1, MDMA_PROGRESS));

	eventfd = set_eventfd(self->to.fd, 1);
	ASSERT_LE(0, eventfd);
	memcpy(self->to.tail, self->from.tail, sizeof(self->to.tail));
	ASSERT_EQ(0, migration_move(self->to.fd, RUNNING));
	EXPECT_EQ(0, mdma_wait(&self->to, 1));
	EXPECT_EQ(1, irq_signals_within(eventfd, IRQ_TIMEOUT_MS));
	EXPECT_EQ(progress, mdma_read(self->from.fd, 1, MDMA_PROGRESS));
	EXPECT_TRUE(mdma_check_long(&self->to, 1));
	/* The other queues are enabled, too */
	EXPECT_EQ(MDMA_DONE, mdma_do(&self->to, 3, MDMA_SOURCE, MDMA_TARGET, 5,
				     MDMA_COPY));
}

TEST_F_TIMEOUT(move, source_continues_after_stop_copy, MDMA_TIMEOUT)
{
	ASSERT_EQ(0, migration_move(self->from.fd, RUNNING));
	EXPECT_EQ(0, mdma_wait(&self->from, 1));
	EXPECT_TRUE(mdma_check_long(&self->from, 1));
}

TEST_F_TIMEOUT(move, reset_in_stop_copy, MDMA_TIMEOUT)
{
	ASSERT_EQ(0, vfio_ioctl(self->from.fd, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(RUNNING, migration_state(self->from.fd));
	EXPECT_TRUE(mdma_rests(&self->memory));
	ASSERT_EQ(0, mdma_enable(&self->from));
	EXPECT_EQ(MDMA_DONE, mdma_do(&self->from, 1, MDMA_SOURCE, MDMA_TARGET,
				     5, MDMA_COPY));
}

TEST_F_TIMEOUT(move, doorbell_in_stop_copy, MDMA_TIMEOUT)
{
	mdma_add(&self->from, 2, MDMA_SOURCE, MDMA_TARGET + MDMA_LONG, 5,
		 MDMA_COPY);
	ASSERT_EQ(0, mdma_ring(&self->from, 2));
	sleep_ms(MDMA_QUIET_MS);
	EXPECT_EQ(0, mdma_read(self->from.fd, 2, MDMA_HEAD));
	ASSERT_EQ(0, migration_move(self->from.fd, RUNNING));
	EXPECT_EQ(0, mdma_wait(&self->from, 2));
	EXPECT_EQ(0, memcmp(self->memory.target + MDMA_LONG,
			    self->memory.source, 5));
}

/* DMA logging */

/* Of 64 pages, as report_log() returns a bitmap of 64 bits */
static int start_log(int fd, uint64_t iova)
{
	struct vfio_device_feature_dma_logging_range range = {
		.iova = iova,
		.length = 64 * PAGE,
	};
	struct vfio_device_feature_dma_logging_control control = {
		.page_size = PAGE,
		.num_ranges = 1,
		.ranges = (uintptr_t)&range,
	};

	return vfio_feature(fd, VFIO_DEVICE_FEATURE_SET |
				VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
			    &control, sizeof(control));
}

static uint64_t report_log(int fd, uint64_t iova)
{
	uint64_t bitmap = 0;
	struct vfio_device_feature_dma_logging_report report = {
		.iova = iova,
		.length = 64 * PAGE,
		.page_size = PAGE,
		.bitmap = (uintptr_t)&bitmap,
	};
	int ret;

	ret = vfio_feature(fd, VFIO_DEVICE_FEATURE_GET |
			       VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
			   &report, sizeof(report));
	return ret ? ~0ULL : bitmap;
}

FIXTURE(log)
{
	struct mdma_memory memory;
	struct mdma_card card;
	int fd;
};

FIXTURE_SETUP(log)
{
	ASSERT_EQ(0, mdma_prepare());
	/* DMA logging: iova_bitmap_alloc() is a stub without CONFIG_IOMMUFD_DRIVER. */
	vfio_need_iommufd();
	ASSERT_EQ(0, mdma_memory_alloc(&self->memory));
	ASSERT_EQ(0, mdma_create("mdma-4", UUID_A));
	ASSERT_EQ(0, mdma_open(&self->card, &self->memory, dma_open_container,
			       UUID_A));
	self->fd = self->card.fd;
}

FIXTURE_TEARDOWN(log)
{
	mdma_close(&self->card);
	mdma_memory_free(&self->memory);
	EXPECT_EQ(0, mdma_finish());
}

TEST_F_TIMEOUT(log, dirty_pages, MDMA_TIMEOUT)
{
	const struct {
		unsigned int offset;
		uint32_t length;
		uint32_t flags;
		uint64_t written;
	} copies[] = {
		{ 0, 1, MDMA_COPY, 1 },
		{ PAGE - 1, 1, MDMA_COPY, 1 },
		{ PAGE - 1, 2, MDMA_COPY, 3 },
		{ 3 * PAGE, PAGE, MDMA_COPY, 1 << 3 },
		{ 5 * PAGE + 1, 3 * PAGE, MDMA_COPY, 0xf << 5 },
		{ 0, 64 * PAGE, MDMA_COPY, ~0ULL },
		{ 0, 64 * PAGE, 0, 0 },
		/* Rejected descriptors */
		{ 0, 0, MDMA_COPY, 0 },
		{ 0, PAGE, ~MDMA_COPY, 0 },
	};
	unsigned int i;

	ASSERT_EQ(MDMA_DONE, mdma_do(&self->card, 0, MDMA_SOURCE, MDMA_TARGET,
				     64 * PAGE, MDMA_COPY));
	ASSERT_EQ(0, start_log(self->fd, MDMA_TARGET));
	EXPECT_EQ(0, report_log(self->fd, MDMA_TARGET));
	for (i = 0; i < ARRAY_SIZE(copies); i++) {
		ASSERT_LT(0, mdma_do(&self->card, 0, MDMA_SOURCE,
				     MDMA_TARGET + copies[i].offset,
				     copies[i].length, copies[i].flags));
		EXPECT_EQ(copies[i].written, report_log(self->fd, MDMA_TARGET))
			TH_LOG("case %u", i);
		EXPECT_EQ(0, report_log(self->fd, MDMA_TARGET));
	}
	/* The second page of the source is not mapped: only the first is written */
	EXPECT_EQ(MDMA_BAD_ADDRESS,
		  mdma_do(&self->card, 0, MDMA_SOURCE + MDMA_AREA_SIZE - PAGE,
			  MDMA_TARGET + 7 * PAGE, 2 * PAGE, MDMA_COPY));
	EXPECT_EQ(1 << 7, report_log(self->fd, MDMA_TARGET));
}

/* The queue writes the result to the descriptor. */
TEST_F_TIMEOUT(log, dirty_ring_pages, MDMA_TIMEOUT)
{
	ASSERT_EQ(0, start_log(self->fd, MDMA_RINGS));
	ASSERT_EQ(MDMA_DONE, mdma_do(&self->card, 2, MDMA_SOURCE, 0, 1, 0));
	EXPECT_EQ(1 << 2, report_log(self->fd, MDMA_RINGS));
	ASSERT_EQ(0, vfio_feature(self->fd, VFIO_DEVICE_FEATURE_SET |
				  VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, NULL,
				  0));
	ASSERT_EQ(MDMA_DONE, mdma_do(&self->card, 2, MDMA_SOURCE, 0, 1, 0));
	ASSERT_EQ(0, start_log(self->fd, MDMA_RINGS));
	EXPECT_EQ(0, report_log(self->fd, MDMA_RINGS));
}

/* Copying each page that dirty logging reports gives equal memory in the end. */
TEST_F_TIMEOUT(log, dirty_pages_during_copy, MDMA_TIMEOUT)
{
	uint64_t written, all = 0;
	unsigned int page;
	uint8_t *other;
	bool done;

	other = (uint8_t *)dma_memory(64);
	ASSERT_NE(NULL, other);
	memset(other, MDMA_BLANK, 64 * PAGE);
	ASSERT_EQ(0, start_log(self->fd, MDMA_TARGET));
	ASSERT_EQ(0, mdma_start_long(&self->card, 0));
	do {
		done = mdma_read(self->fd, 0, MDMA_HEAD);
		written = report_log(self->fd, MDMA_TARGET);
		for (page = 0; page < 64; page++) {
			if (written & 1ULL << page)
				memcpy(other + page * PAGE,
				       self->memory.target + page * PAGE, PAGE);
		}
		all |= written;
	} while (!done);
	EXPECT_EQ(~0ULL, all);
	EXPECT_EQ(0, report_log(self->fd, MDMA_TARGET));
	EXPECT_EQ(0, memcmp(other, self->memory.source, 64 * PAGE));
}

TEST_HARNESS_MAIN
