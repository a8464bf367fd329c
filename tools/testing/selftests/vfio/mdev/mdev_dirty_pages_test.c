// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA logging of drivers without dirty_log ops: vfio_mdev logs pages that mdev_dma_rw()
 * has written, that were pinned for writing, or that the driver has marked dirty. The
 * driver is mdev_sim, with and without ->marks_dirty.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "dma_lib.h"
#include "mdev_lib.h"
#include "migration_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

/* At the end of the first chunk of the log, which has 128 MiB */
#define IOVA	(0x8000000UL - 8 * PAGE)
#define PAGES	64

static int start_log(int device)
{
	struct vfio_device_feature_dma_logging_range range = {
		.iova = IOVA,
		.length = PAGES * PAGE,
	};
	struct vfio_device_feature_dma_logging_control control = {
		.page_size = PAGE,
		.num_ranges = 1,
		.ranges = (uintptr_t)&range,
	};

	return vfio_feature(device, VFIO_DEVICE_FEATURE_SET |
				    VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
			    &control, sizeof(control));
}

static int stop_log(int device)
{
	return vfio_feature(device, VFIO_DEVICE_FEATURE_SET |
				    VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP,
			    NULL, 0);
}

/* A bit for each page from @first on; all ones if the report fails */
static uint64_t report_some(int device, unsigned int first, unsigned int pages)
{
	uint64_t bitmap = 0;
	struct vfio_device_feature_dma_logging_report report = {
		.iova = IOVA + first * PAGE,
		.length = pages * PAGE,
		.page_size = PAGE,
		.bitmap = (uintptr_t)&bitmap,
	};

	if (vfio_feature(device, VFIO_DEVICE_FEATURE_GET |
				 VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
			 &report, sizeof(report)))
		return ~0ULL;
	return bitmap;
}

static uint64_t report(int device)
{
	return report_some(device, 0, PAGES);
}

/* Maps PAGES of memory at IOVA */
static int open_device(struct dma_user *user, const char *parent,
		       void **memory)
{
	int ret;

	/* Without CONFIG_IOMMUFD there is no DMA logging */
	vfio_need_iommufd();
	ret = sim_create(parent, SIM_PCI, UUID_A);
	if (!ret)
		ret = dma_open_container(user, UUID_A);
	if (ret)
		return ret;
	*memory = dma_memory(PAGES);
	return dma_map(user, IOVA, *memory, PAGES * PAGE, DMA_BOTH);
}

FIXTURE(log)
{
	struct dma_user user;
	void *memory;
	int device;
};

/* Whether its driver has ->marks_dirty */
FIXTURE_VARIANT(log)
{
	const char *parent;
	bool marks;
};

FIXTURE_VARIANT_ADD(log, by_pins) { SIM_STAY, false };
FIXTURE_VARIANT_ADD(log, by_marks) { SIM_OWN, true };

FIXTURE_SETUP(log)
{
	int ret = sim_prepare();

	self->user.vfio = (struct vfio_user){ -1, -1, -1 };
	if (ret == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, open_device(&self->user, variant->parent, &self->memory));
	self->device = self->user.vfio.device;
}

FIXTURE_TEARDOWN(log)
{
	dma_close(&self->user);
	munmap(self->memory, PAGES * PAGE);
	EXPECT_EQ(0, sim_finish());
}

/* Pinned pages are reported as dirty unless the driver has ->marks_dirty */
#define unless_marked(_bitmap) (variant->marks ? 0 : (_bitmap))

TEST_F(log, dma_rw)
{
	ASSERT_EQ(0, dma_write(self->device, IOVA, 0, 8));
	ASSERT_EQ(0, start_log(self->device));
	EXPECT_EQ(0, report(self->device));
	ASSERT_EQ(0, dma_read(self->device, IOVA + 2 * PAGE, 0, 8));
	EXPECT_EQ(0, report(self->device));
	ASSERT_EQ(0, dma_write(self->device, IOVA + 3 * PAGE, 0, PAGE));
	EXPECT_EQ(1 << 3, report(self->device));
	EXPECT_EQ(0, report(self->device));
	ASSERT_EQ(0, dma_write(self->device, IOVA + 6 * PAGE - 1, 0, 2));
	EXPECT_EQ(3 << 5, report(self->device));
}

/* The pages are in two chunks of the log. */
TEST_F(log, chunk_boundary)
{
	ASSERT_EQ(0, start_log(self->device));
	ASSERT_EQ(0, dma_write(self->device, IOVA + 7 * PAGE, 0, 2 * PAGE));
	EXPECT_EQ(3 << 7, report(self->device));
	EXPECT_EQ(0, report(self->device));
}

/* Dirty bits outside of the range of a report are kept. */
TEST_F(log, partial_report)
{
	ASSERT_EQ(0, start_log(self->device));
	ASSERT_EQ(0, dma_write(self->device, IOVA + 4 * PAGE, 0, 4 * PAGE));
	EXPECT_EQ(1 << 1, report_some(self->device, 4 - 1, 2));
	EXPECT_EQ(1 << 0, report_some(self->device, 7, 20));
	EXPECT_EQ(3 << 5, report(self->device));
}

/* The device can write pinned pages at any time: each report has them. */
TEST_F(log, pinned)
{
	ASSERT_EQ(0, start_log(self->device));
	ASSERT_EQ(0, dma_pin(self->device, 0, IOVA + 5 * PAGE, 2, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->device, 0, IOVA + 6 * PAGE, 3, DMA_WRITE));
	ASSERT_EQ(0, dma_pin(self->device, 0, IOVA + 9 * PAGE, 4, DMA_READ));
	EXPECT_EQ(unless_marked(0xf << 5), report(self->device));
	EXPECT_EQ(unless_marked(0xf << 5), report(self->device));
	EXPECT_EQ(unless_marked(1 << 0), report_some(self->device, 6, 1));

	/* Once more in the first report after the unpin */
	ASSERT_EQ(0, dma_unpin(self->device, 0, IOVA + 6 * PAGE, 3));
	EXPECT_EQ(unless_marked(0xf << 5), report(self->device));
	EXPECT_EQ(unless_marked(3 << 5), report(self->device));
	ASSERT_EQ(0, dma_unpin(self->device, 0, IOVA + 5 * PAGE, 2));
	ASSERT_EQ(0, dma_unpin(self->device, 0, IOVA + 9 * PAGE, 4));
	EXPECT_EQ(unless_marked(3 << 5), report(self->device));
	EXPECT_EQ(0, report(self->device));
}

/* Unpins have no protection: pages are reported as dirty until the last unpin. */
TEST_F(log, pinned_twice)
{
	static const int order[][2] = {
		{ DMA_WRITE, DMA_READ },
		{ DMA_READ, DMA_WRITE },
	};

	ASSERT_EQ(0, start_log(self->device));
	for (unsigned int i = 0; i < 2; i++) {
		ASSERT_EQ(0, dma_pin(self->device, 0, IOVA + PAGE, 2, order[i][0]));
		ASSERT_EQ(0, dma_pin(self->device, 0, IOVA + PAGE, 2, order[i][1]));
		ASSERT_EQ(0, dma_unpin(self->device, 0, IOVA + PAGE, 2));
		EXPECT_EQ(unless_marked(3 << 1), report(self->device));
		EXPECT_EQ(unless_marked(3 << 1), report(self->device));
		ASSERT_EQ(0, dma_unpin(self->device, 0, IOVA + PAGE, 2));
		EXPECT_EQ(unless_marked(3 << 1), report(self->device));
		EXPECT_EQ(0, report(self->device));
	}
}

TEST_F(log, pinned_before_start)
{
	ASSERT_EQ(0, dma_pin(self->device, 0, IOVA, 1, DMA_BOTH));
	ASSERT_EQ(0, start_log(self->device));
	EXPECT_EQ(unless_marked(1), report(self->device));
}

/* Pages that were pinned until userspace unmaps them are dirty. */
TEST_F(log, unmapped)
{
	ASSERT_EQ(0, start_log(self->device));
	ASSERT_EQ(0, dma_pin(self->device, 0, IOVA + 2 * PAGE, 2, DMA_BOTH));
	ASSERT_EQ(0, dma_unmap(&self->user, IOVA, PAGES * PAGE));
	EXPECT_EQ(unless_marked(3 << 2), report(self->device));
	EXPECT_EQ(0, report(self->device));
}

TEST_F(log, marked)
{
	if (!variant->marks)
		SKIP(return, "the driver has no ->marks_dirty");
	ASSERT_EQ(0, start_log(self->device));
	ASSERT_EQ(0, dma_pin(self->device, 0, IOVA, 4, DMA_BOTH));
	ASSERT_EQ(0, SIM_COMMAND(self->device, MDEV_SIM_DIRTY, IOVA + PAGE, 1));
	EXPECT_EQ(1 << 1, report(self->device));
	EXPECT_EQ(0, report(self->device));
	EXPECT_EQ(-EINVAL, SIM_COMMAND(self->device, MDEV_SIM_DIRTY, IOVA, 0));
	EXPECT_EQ(-EINVAL, SIM_COMMAND(self->device, MDEV_SIM_DIRTY, ~0ULL, 2));
	EXPECT_EQ(0, report(self->device));
}

TEST_F(log, stopped)
{
	ASSERT_EQ(0, start_log(self->device));
	ASSERT_EQ(0, dma_write(self->device, IOVA, 0, 8));
	ASSERT_EQ(0, stop_log(self->device));
	ASSERT_EQ(0, dma_write(self->device, IOVA, 0, 8));
	ASSERT_EQ(0, start_log(self->device));
	EXPECT_EQ(0, report(self->device));
}

/* The last close stops the log: after the next open, reports fail until a start. */
TEST_F(log, closed)
{
	ASSERT_EQ(0, start_log(self->device));
	ASSERT_EQ(0, dma_write(self->device, IOVA, 0, 8));
	dma_close(&self->user);
	ASSERT_EQ(0, dma_open_container(&self->user, UUID_A));
	self->device = self->user.vfio.device;
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, PAGES * PAGE,
			     DMA_BOTH));
	EXPECT_EQ(~0ULL, report(self->device));
	ASSERT_EQ(0, start_log(self->device));
	EXPECT_EQ(0, report(self->device));
}

/* A device that does no DMA has an empty log. */
TEST(no_dma)
{
	struct vfio_user user;

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, vfio_open_cdev(&user, UUID_A));
	EXPECT_EQ(0, start_log(user.device));
	EXPECT_EQ(0, report(user.device));
	EXPECT_EQ(0, stop_log(user.device));
	vfio_close(&user);
	EXPECT_EQ(0, mdev_remove(UUID_A));
}

TEST_HARNESS_MAIN
