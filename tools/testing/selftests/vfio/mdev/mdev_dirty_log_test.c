// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_FEATURE_DMA_LOGGING_START, _STOP and _REPORT: dirty bitmaps, invalid
 * ranges, calls out of order, errors of the driver, reset and close. The driver is
 * mdev_sim, which has dirty_log ops.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "migration_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define PAGE	4096UL
#define IOVA	0x100000UL

FIXTURE(log)
{
	struct vfio_user user;
	int device;
};

FIXTURE_SETUP(log)
{
	int ret = sim_prepare();

	self->user = (struct vfio_user){ -1, -1, -1 };
	if (ret == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open_cdev(&self->user, UUID_A));
	self->device = self->user.device;
}

FIXTURE_TEARDOWN(log)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

static int start_log_of(int device, uint64_t page_size, uint32_t count,
			const struct vfio_device_feature_dma_logging_range *to)
{
	struct vfio_device_feature_dma_logging_control control = {
		.page_size = page_size,
		.num_ranges = count,
		.ranges = (uintptr_t)to,
	};

	return vfio_feature(device, VFIO_DEVICE_FEATURE_SET |
				    VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
			    &control, sizeof(control));
}

/* 64 pages from IOVA on */
static int start_log(int device)
{
	struct vfio_device_feature_dma_logging_range range = {
		.iova = IOVA,
		.length = 64 * PAGE,
	};

	return start_log_of(device, PAGE, 1, &range);
}

static int stop_log(int device)
{
	return vfio_feature(device, VFIO_DEVICE_FEATURE_SET |
				    VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP,
			    NULL, 0);
}

static int report_log_bytes(int device, uint64_t iova, uint64_t length,
			    uint64_t *bitmap)
{
	struct vfio_device_feature_dma_logging_report report = {
		.iova = iova,
		.length = length,
		.page_size = PAGE,
		.bitmap = (uintptr_t)bitmap,
	};

	return vfio_feature(device, VFIO_DEVICE_FEATURE_GET |
				    VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
			    &report, sizeof(report));
}

/* Bit 0 of the bitmap is the page at @iova. */
static int report_log(int device, uint64_t iova, uint64_t pages,
		      uint64_t *bitmap)
{
	*bitmap = 0;
	return report_log_bytes(device, iova, pages * PAGE, bitmap);
}

static int write_page(int device, unsigned int page)
{
	return SIM_COMMAND(device, MDEV_SIM_DIRTY, IOVA + page * PAGE, 1);
}

static bool is_logging(int device)
{
	return sim_register(device, MDEV_SIM_REG_DIRTY_PAGE_SIZE);
}

TEST_F(log, report_clears_dirty_bits)
{
	uint64_t bitmap;

	ASSERT_EQ(0, write_page(self->device, 3));
	ASSERT_EQ(0, start_log(self->device));
	ASSERT_EQ(0, report_log(self->device, IOVA, 64, &bitmap));
	EXPECT_EQ(0, bitmap);

	ASSERT_EQ(0, write_page(self->device, 0));
	ASSERT_EQ(0, write_page(self->device, 5));
	ASSERT_EQ(0, write_page(self->device, 63));
	ASSERT_EQ(0, report_log(self->device, IOVA, 32, &bitmap));
	EXPECT_EQ(1UL << 0 | 1UL << 5, bitmap);
	ASSERT_EQ(0, report_log(self->device, IOVA + PAGE, 63, &bitmap));
	EXPECT_EQ(1UL << 62, bitmap);
	ASSERT_EQ(0, report_log(self->device, IOVA, 64, &bitmap));
	EXPECT_EQ(0, bitmap);

	ASSERT_EQ(0, write_page(self->device, 7));
	ASSERT_EQ(0, stop_log(self->device));
	ASSERT_EQ(0, start_log(self->device));
	ASSERT_EQ(0, report_log(self->device, IOVA, 64, &bitmap));
	EXPECT_EQ(0, bitmap);
}

TEST_F(log, start_stop_order)
{
	uint64_t bitmap;

	EXPECT_EQ(0, stop_log(self->device));
	EXPECT_EQ(-EINVAL, report_log(self->device, IOVA, 1, &bitmap));
	ASSERT_EQ(0, start_log(self->device));
	EXPECT_EQ(-EINVAL, start_log(self->device));
	EXPECT_EQ(0, report_log(self->device, IOVA, 1, &bitmap));
	ASSERT_EQ(0, stop_log(self->device));
	EXPECT_EQ(0, stop_log(self->device));
	EXPECT_EQ(-EINVAL, report_log(self->device, IOVA, 1, &bitmap));

	/* The driver was not called for the requests out of order */
	EXPECT_EQ(1, sim_get("dirty_log_start/calls"));
	EXPECT_EQ(1, sim_get("dirty_log_report/calls"));
	EXPECT_EQ(1, sim_get("dirty_log_stop/calls"));
}

TEST_F(log, start_invalid_arguments)
{
	static const struct {
		uint64_t page_size;
		struct vfio_device_feature_dma_logging_range ranges[2];
	} bad[] = {
		{ 0, { { IOVA, PAGE }, { 0, PAGE } } },
		{ 3 * PAGE, { { 3 * PAGE, 3 * PAGE }, { 0, 3 * PAGE } } },
		{ PAGE, { { IOVA, 0 }, { 0, PAGE } } },
		{ PAGE, { { IOVA, PAGE }, { 0, 0 } } },
		{ PAGE, { { 0, 0 }, { IOVA, PAGE } } },
	};
	struct vfio_device_feature_dma_logging_range good[2] = {
		{ IOVA, PAGE },
		{ 0, PAGE },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, start_log_of(self->device, bad[i].page_size,
						2, bad[i].ranges))
			TH_LOG("case %u", i);
	EXPECT_EQ(0, sim_get("dirty_log_start/calls"));
	EXPECT_EQ(0, start_log_of(self->device, PAGE, 2, good));
}

/* A report that returns an error clears no dirty bit. */
TEST_F(log, report_of_unaligned_range)
{
	static const struct {
		uint64_t iova;
		uint64_t length;
	} bad[] = {
		{ IOVA + 1, 64 * PAGE },
		{ IOVA + PAGE / 2, 64 * PAGE },
		{ IOVA - 1, 64 * PAGE },
		{ IOVA, 1 },
		{ IOVA, 64 * PAGE - 1 },
		{ IOVA, PAGE / 2 },
		{ IOVA + PAGE / 2, PAGE / 2 },
	};
	uint64_t bitmap = 0;
	unsigned int i;

	ASSERT_EQ(0, start_log(self->device));
	ASSERT_EQ(0, write_page(self->device, 0));
	ASSERT_EQ(0, write_page(self->device, 63));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, report_log_bytes(self->device, bad[i].iova,
						    bad[i].length, &bitmap))
			TH_LOG("case %u", i);
	EXPECT_EQ(0, bitmap);
	EXPECT_EQ(0, sim_get("dirty_log_report/calls"));
	ASSERT_EQ(0, report_log(self->device, IOVA, 64, &bitmap));
	EXPECT_EQ(1UL << 0 | 1UL << 63, bitmap);
}

/* Ranges are checked against the page size of the log, not of the bitmap. */
TEST_F(log, report_below_log_page_size)
{
	uint64_t bitmap;

	ASSERT_EQ(0, sim_set("log_page_size", 16 * PAGE));
	ASSERT_EQ(0, start_log(self->device));
	EXPECT_EQ(16 * PAGE, sim_register(self->device,
					  MDEV_SIM_REG_DIRTY_PAGE_SIZE));
	ASSERT_EQ(0, write_page(self->device, 17));
	EXPECT_EQ(-EINVAL, report_log(self->device, IOVA + PAGE, 16, &bitmap));
	EXPECT_EQ(-EINVAL, report_log(self->device, IOVA + 16 * PAGE, 4,
				      &bitmap));
	EXPECT_EQ(-EINVAL, report_log(self->device, IOVA, 20, &bitmap));
	ASSERT_EQ(0, report_log(self->device, IOVA + 16 * PAGE, 16, &bitmap));
	EXPECT_EQ(1UL << 1, bitmap);

	/* The next log has another page size */
	ASSERT_EQ(0, stop_log(self->device));
	ASSERT_EQ(0, sim_set("log_page_size", 0));
	ASSERT_EQ(0, start_log(self->device));
	EXPECT_EQ(0, report_log(self->device, IOVA + PAGE, 1, &bitmap));
}

TEST_F(log, driver_with_invalid_page_size)
{
	uint64_t bitmap;

	ASSERT_EQ(0, sim_set("log_page_size", 3 * PAGE));
	EXPECT_EQ(-EIO, start_log(self->device));
	EXPECT_EQ(1, sim_get("dirty_log_stop/calls"));
	EXPECT_FALSE(is_logging(self->device));
	EXPECT_EQ(-EINVAL, report_log(self->device, IOVA, 1, &bitmap));
	ASSERT_EQ(0, sim_set("log_page_size", 0));
	EXPECT_EQ(0, start_log(self->device));
}

/*
 * iova_bitmap_set() returns void, so VFIO core returns 0 and the dirty bits are lost;
 * see "What a VMM sees". If VFIO core returns an error, no dirty bit may be lost.
 */
TEST_F(log, report_into_read_only_bitmap)
{
	uint64_t *bitmap, again;
	int ret;

	bitmap = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	ASSERT_NE(MAP_FAILED, bitmap);
	ASSERT_EQ(0, start_log(self->device));
	ASSERT_EQ(0, write_page(self->device, 5));
	ret = report_log_bytes(self->device, IOVA, 64 * PAGE, bitmap);
	EXPECT_EQ(0, *bitmap);
	ASSERT_EQ(0, report_log(self->device, IOVA, 64, &again));
	if (ret) {
		EXPECT_EQ(-EFAULT, ret);
		EXPECT_EQ(1UL << 5, again);
	} else {
		EXPECT_EQ(0, again);
	}
	munmap(bitmap, PAGE);
}

TEST_F(log, driver_errors)
{
	uint64_t bitmap;

	ASSERT_EQ(0, sim_set("dirty_log_start/fail", ENOSPC));
	EXPECT_EQ(-ENOSPC, start_log(self->device));
	EXPECT_EQ(-EINVAL, report_log(self->device, IOVA, 1, &bitmap));
	ASSERT_EQ(0, sim_set("dirty_log_start/fail", 0));

	ASSERT_EQ(0, start_log(self->device));
	ASSERT_EQ(0, sim_set("dirty_log_report/fail", EIO));
	EXPECT_EQ(-EIO, report_log(self->device, IOVA, 1, &bitmap));
	ASSERT_EQ(0, sim_set("dirty_log_report/fail", 0));
	EXPECT_EQ(0, report_log(self->device, IOVA, 1, &bitmap));

	/* The stop returns an error, so logging continues */
	ASSERT_EQ(0, sim_set("dirty_log_stop/fail", EBUSY));
	EXPECT_EQ(-EBUSY, stop_log(self->device));
	ASSERT_EQ(0, sim_set("dirty_log_stop/fail", 0));
	EXPECT_EQ(-EINVAL, start_log(self->device));
	EXPECT_EQ(0, stop_log(self->device));
}

/* VFIO_DEVICE_RESET clears no dirty bit. */
TEST_F(log, dirty_bits_kept_across_reset)
{
	uint64_t bitmap;

	ASSERT_EQ(0, start_log(self->device));
	ASSERT_EQ(0, write_page(self->device, 1));
	ASSERT_EQ(0, vfio_ioctl(self->device, VFIO_DEVICE_RESET, NULL));
	EXPECT_TRUE(is_logging(self->device));
	ASSERT_EQ(0, report_log(self->device, IOVA, 64, &bitmap));
	EXPECT_EQ(1UL << 1, bitmap);
}

TEST_F(log, stopped_by_last_close)
{
	uint64_t bitmap;

	ASSERT_EQ(0, start_log(self->device));
	vfio_close(&self->user);
	EXPECT_EQ(1, sim_get("dirty_log_stop/calls"));
	ASSERT_EQ(0, vfio_open_cdev(&self->user, UUID_A));
	self->device = self->user.device;
	EXPECT_EQ(-EINVAL, report_log(self->device, IOVA, 1, &bitmap));

	/* An error of ->dirty_log->stop() is ignored */
	ASSERT_EQ(0, start_log(self->device));
	ASSERT_EQ(0, sim_set("dirty_log_stop/fail", EBUSY));
	vfio_close(&self->user);
	ASSERT_EQ(0, sim_set("dirty_log_stop/fail", 0));
	ASSERT_EQ(0, vfio_open_cdev(&self->user, UUID_A));
	EXPECT_EQ(0, start_log(self->user.device));

	/* ->dirty_log->stop() is not called if logging is off */
	ASSERT_EQ(0, stop_log(self->user.device));
	ASSERT_EQ(0, sim_set("dirty_log_stop/calls", 0));
	vfio_close(&self->user);
	EXPECT_EQ(0, sim_get("dirty_log_stop/calls"));
}

TEST_HARNESS_MAIN
