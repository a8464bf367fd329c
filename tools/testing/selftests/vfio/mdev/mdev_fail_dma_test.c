// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection in each allocation and each usercopy in turn while a device accesses
 * userspace memory by mdev_pin_pages() and mdev_dma_rw(), with type1 and iommufd. See
 * mdev_fail_nth_test.c for creation, open and removal of the device.
 */
#include <errno.h>

#include "kselftest_harness.h"

#include "dma_lib.h"
#include "fail_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"

#define IOVA		0x100000
#define NR_PAGES	4

/* Slot 63 of an xarray node: the next page is in another node. */
#define EDGE		(IOVA + 63 * PAGE)

/* The device, and memory that is mapped for DMA */
static struct dma_user user;
static void *memory;

FIXTURE(dma)
{
};

/* @setup runs once before all runs of @operation */
FIXTURE_VARIANT(dma)
{
	int (*setup)(void);
	struct fail_operation operation;
};

FIXTURE_SETUP(dma)
{
	const char *missing;

	ASSERT_EQ(0, fail_prepare_sim(&missing));
	if (missing)
		SKIP(return, "%s", missing);

	memory = dma_memory(NR_PAGES);
	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
}

FIXTURE_TEARDOWN(dma)
{
	dma_close(&user);
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F_TIMEOUT(dma, container, FAIL_TIMEOUT)
{
	ASSERT_EQ(0, dma_open_container(&user, UUID_A));
	ASSERT_EQ(0, variant->setup ? variant->setup() : 0);
	ASSERT_LT(0, fail_sweep(&variant->operation));
}

TEST_F_TIMEOUT(dma, iommufd, FAIL_TIMEOUT)
{
	ASSERT_EQ(0, dma_open_cdev(&user, UUID_A));
	ASSERT_EQ(0, variant->setup ? variant->setup() : 0);
	ASSERT_LT(0, fail_sweep(&variant->operation));
}

static int map_memory(void)
{
	return dma_map(&user, IOVA, memory, NR_PAGES * PAGE, DMA_BOTH);
}

static int run_pin(void)
{
	return dma_pin(user.vfio.device, 0, IOVA, NR_PAGES, DMA_BOTH);
}

static int check_pin(int result)
{
	if (sim_get("pins") != (result ? 0 : NR_PAGES))
		return -ENODATA;
	return result ? 0 : dma_unpin(user.vfio.device, 0, IOVA, NR_PAGES);
}

FIXTURE_VARIANT_ADD(dma, pin)
{
	.setup = map_memory,
	.operation = {
		.run = run_pin,
		.check = check_pin,
	},
};

static int run_dma_read(void)
{
	return dma_read(user.vfio.device, IOVA + 8, 0, 2 * PAGE);
}

FIXTURE_VARIANT_ADD(dma, read)
{
	.setup = map_memory,
	.operation = {
		.run = run_dma_read,
	},
};

static int run_dma_write(void)
{
	return dma_write(user.vfio.device, IOVA + 8, 0, 2 * PAGE);
}

FIXTURE_VARIANT_ADD(dma, write)
{
	.setup = map_memory,
	.operation = {
		.run = run_dma_write,
	},
};

/* mdev_sim unpins in ->dma_unmap(). */
static int run_unmap(void)
{
	return dma_unmap(&user, IOVA, NR_PAGES * PAGE);
}

static int map_and_pin(void)
{
	int ret = map_memory();

	return ret ? ret : run_pin();
}

/* If a failed unmap has left pages pinned, another unmap succeeds. */
static int check_unmap(int result)
{
	if (!sim_get("pins"))
		return 0;
	return result ? run_unmap() : -EBUSY;
}

FIXTURE_VARIANT_ADD(dma, unmap)
{
	.operation = {
		.prepare = map_and_pin,
		.run = run_unmap,
		.check = check_unmap,
	},
};

TEST_HARNESS_MAIN
