// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of pci/dma.c: which pages are pinned, which pins an unmap waits for, and what
 * becomes of pages that a failed device may access. The parent has no IOMMU.
 */

#include <kunit/resource.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/iommu.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/workqueue.h>

#include "../mdev_private.h"
#include "../pci/private.h"
#include "mdev_pci_test_device.h"

#define TEST_IOVA	(4 * PAGE_SIZE)
#define TEST_PAGES	3

/**
 * struct test_dma - what the bus driver was called for, and an unmap
 * @iova: of the last call that pinned
 * @npage: likewise
 * @prot: likewise
 * @pins: number of pages that are pinned
 * @error: what a call that pins returns
 * @listed: the pin was listed while it was called
 * @mdev: the device, for @unmap
 * @unmapping: @unmap has begun
 * @unmapped: @unmap has ended
 * @unmap: an unmap of the page at TEST_IOVA
 */
static struct test_dma {
	dma_addr_t iova;
	int npage;
	int prot;
	int pins;
	int error;
	bool listed;
	struct mdev_device *mdev;
	struct completion unmapping;
	bool unmapped;
	struct work_struct unmap;
} dma;

static int test_pin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage, int prot,
			  struct page **pages)
{
	dma.iova = iova;
	dma.npage = npage;
	dma.prot = prot;
	dma.listed = !list_empty(&to_mdev_pci_core(mdev)->pins);
	if (!dma.error)
		dma.pins += npage;
	return dma.error;
}

static int test_unpin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage)
{
	dma.pins -= npage;
	return 0;
}

static struct mdev_bus_driver test_bus_driver = {
	.pin_pages = test_pin_pages,
	.unpin_pages = test_unpin_pages,
};

static void test_unmap_work(struct work_struct *work)
{
	complete(&dma.unmapping);
	mdev_parent_ops(dma.mdev)->dma_unmap(dma.mdev, TEST_IOVA, PAGE_SIZE);
	WRITE_ONCE(dma.unmapped, true);
}

static int test_dma_init(struct kunit *test)
{
	struct test_pci *fixture;

	test_pci_init(test);
	fixture = test->priv;
	dma = (struct test_dma) { .mdev = fixture->mdev };
	init_completion(&dma.unmapping);
	INIT_WORK(&dma.unmap, test_unmap_work);
	WRITE_ONCE(fixture->mdev->core->opener, &test_bus_driver);
	return 0;
}

static void test_dma_exit(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	WRITE_ONCE(fixture->mdev->core->opener, NULL);
}

static void test_pins_whole_pages(struct kunit *test)
{
	static const struct {
		u64 iova;
		size_t size;
		enum dma_data_direction dir;
		int npage;
		int prot;
	} cases[] = {
		{ TEST_IOVA, 1, DMA_TO_DEVICE, 1, IOMMU_READ },
		{ TEST_IOVA, PAGE_SIZE, DMA_FROM_DEVICE, 1, IOMMU_WRITE },
		{ TEST_IOVA + 1, PAGE_SIZE, DMA_BIDIRECTIONAL, 2, IOMMU_READ | IOMMU_WRITE },
		{ TEST_IOVA + PAGE_SIZE - 1, 1, DMA_TO_DEVICE, 1, IOMMU_READ },
		{ TEST_IOVA + PAGE_SIZE - 1, 2, DMA_TO_DEVICE, 2, IOMMU_READ },
	};
	struct test_pci *fixture = test->priv;
	struct page *pages[TEST_PAGES];
	struct mdev_pci_pin pin;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		KUNIT_EXPECT_EQ(test, mdev_pci_pin_pages(fixture->pci, &pin, cases[i].iova,
							 cases[i].size, cases[i].dir, pages), 0);
		KUNIT_EXPECT_EQ(test, dma.iova, TEST_IOVA);
		KUNIT_EXPECT_EQ(test, dma.npage, cases[i].npage);
		KUNIT_EXPECT_EQ(test, dma.prot, cases[i].prot);
		mdev_pci_unpin_pages(&pin);
		KUNIT_EXPECT_EQ(test, dma.pins, 0);
	}
}

static void test_pin_fails(struct kunit *test)
{
	static const size_t sizes[] = { 0, SIZE_MAX };
	struct test_pci *fixture = test->priv;
	struct mdev_pci_pin pin;
	struct page *page;

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		KUNIT_EXPECT_EQ(test, mdev_pci_pin_pages(fixture->pci, &pin, TEST_IOVA, sizes[i],
							 DMA_TO_DEVICE, &page), -EINVAL);
		mdev_pci_unpin_pages(&pin);
	}
	KUNIT_EXPECT_EQ(test, dma.npage, 0);

	dma.error = -EINVAL;
	KUNIT_EXPECT_EQ(test, mdev_pci_pin_pages(fixture->pci, &pin, TEST_IOVA, 1, DMA_TO_DEVICE,
						 &page), -EINVAL);
	KUNIT_EXPECT_NULL(test, pin.pci);
	mdev_pci_unpin_pages(&pin);
	KUNIT_EXPECT_EQ(test, dma.pins, 0);
	/* Does not wait */
	fixture->ops->dma_unmap(fixture->mdev, 0, U64_MAX);
}

static void test_unmap_waits_for_unpin(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct page *pages[TEST_PAGES];
	struct mdev_pci_pin pin, other, later;

	KUNIT_ASSERT_EQ(test, mdev_pci_pin_pages(fixture->pci, &pin, TEST_IOVA - 1, 2,
						 DMA_FROM_DEVICE, pages), 0);
	KUNIT_EXPECT_TRUE(test, dma.listed);
	KUNIT_ASSERT_EQ(test, mdev_pci_pin_pages(fixture->pci, &other, TEST_IOVA + PAGE_SIZE, 1,
						 DMA_FROM_DEVICE, pages), 0);
	schedule_work(&dma.unmap);
	wait_for_completion(&dma.unmapping);
	/* Enough for it to wait; then one that begins after the unmap, which would fail */
	msleep(100);
	KUNIT_ASSERT_EQ(test, mdev_pci_pin_pages(fixture->pci, &later, TEST_IOVA, 1,
						 DMA_FROM_DEVICE, pages), 0);
	/* Neither of these is in the range */
	fixture->ops->dma_unmap(fixture->mdev, 0, TEST_IOVA - PAGE_SIZE);
	fixture->ops->dma_unmap(fixture->mdev, TEST_IOVA + 2 * PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(dma.unmapped));
	mdev_pci_unpin_pages(&pin);
	flush_work(&dma.unmap);
	KUNIT_EXPECT_TRUE(test, dma.unmapped);
	mdev_pci_unpin_pages(&later);
	mdev_pci_unpin_pages(&other);
	KUNIT_EXPECT_EQ(test, dma.pins, 0);
}

/* The pages of the second pin are not those of the first, which the close has unpinned. */
static void test_pin_outlives_close(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct page *pages[TEST_PAGES];
	struct mdev_pci_pin pin, later;

	KUNIT_EXPECT_EQ(test, mdev_pci_pin_pages(fixture->pci, &pin, TEST_IOVA, 1,
						 DMA_FROM_DEVICE, pages), 0);
	dma.pins = 0;
	WRITE_ONCE(fixture->mdev->core->opener, NULL);
	KUNIT_EXPECT_EQ(test, mdev_pci_pin_pages(fixture->pci, &later, TEST_IOVA, 1,
						 DMA_FROM_DEVICE, pages), -ENODEV);
	mdev_pci_unpin_pages(&later);
	fixture->mdev->core->nr_opens++;
	WRITE_ONCE(fixture->mdev->core->opener, &test_bus_driver);
	KUNIT_EXPECT_EQ(test, mdev_pci_pin_pages(fixture->pci, &later, TEST_IOVA, 1,
						 DMA_FROM_DEVICE, pages), 0);
	mdev_pci_unpin_pages(&pin);
	KUNIT_EXPECT_EQ(test, dma.pins, 1);
	mdev_pci_unpin_pages(&later);
	KUNIT_EXPECT_EQ(test, dma.pins, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&fixture->pci->core->pins));
}

static struct page *test_alloc_pages(struct kunit *test, struct page **pages)
{
	struct page *first = alloc_pages(GFP_KERNEL | GFP_DMA32, 2);

	KUNIT_ASSERT_NOT_NULL(test, first);
	split_page(first, 2);
	for (unsigned int i = 0; i < TEST_PAGES; i++)
		pages[i] = first + i;
	return first;
}

static void test_free_pages(struct page *first)
{
	for (unsigned int i = 0; i < 4; i++)
		put_page(first + i);
}

static size_t test_table_size(struct sg_table *table)
{
	struct scatterlist *sg;
	size_t size = 0;
	unsigned int i;

	for_each_sgtable_dma_sg(table, sg, i)
		size += sg_dma_len(sg);
	return size;
}

static void test_maps_range(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct page *pages[TEST_PAGES], *first = test_alloc_pages(test, pages);
	struct sg_table table;

	/* The last byte of the second page, the third one's first two */
	KUNIT_ASSERT_EQ(test, mdev_pci_map_pages(&fixture->parent, &table, pages,
						 2 * PAGE_SIZE - 1, 3, DMA_TO_DEVICE), 0);
	KUNIT_EXPECT_EQ(test, test_table_size(&table), 3);
	KUNIT_EXPECT_PTR_EQ(test, sg_page(table.sgl), pages[1]);
	KUNIT_EXPECT_EQ(test, table.sgl->offset, PAGE_SIZE - 1);
	mdev_pci_unmap_pages(&fixture->parent, &table, DMA_TO_DEVICE, true);
	for (unsigned int i = 0; i < TEST_PAGES; i++)
		KUNIT_EXPECT_EQ(test, page_count(pages[i]), 1);

	table = (struct sg_table) {};
	mdev_pci_unmap_pages(&fixture->parent, &table, DMA_TO_DEVICE, false);
	test_free_pages(first);
}

/* Without an IOMMU, the pages that the device may still access stay allocated. */
static void test_keeps_pages(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct page *pages[TEST_PAGES], *first = test_alloc_pages(test, pages);
	struct sg_table table;

	KUNIT_ASSERT_EQ(test, mdev_pci_map_pages(&fixture->parent, &table, pages, 1,
						 PAGE_SIZE, DMA_FROM_DEVICE), 0);
	mdev_pci_unmap_pages(&fixture->parent, &table, DMA_FROM_DEVICE, false);
	KUNIT_EXPECT_EQ(test, page_count(pages[0]), 2);
	KUNIT_EXPECT_EQ(test, page_count(pages[1]), 2);
	KUNIT_EXPECT_EQ(test, page_count(pages[2]), 1);
	put_page(pages[0]);
	put_page(pages[1]);
	test_free_pages(first);
}

static struct kunit_case mdev_pci_dma_cases[] = {
	KUNIT_CASE(test_pins_whole_pages),
	KUNIT_CASE(test_pin_fails),
	KUNIT_CASE(test_unmap_waits_for_unpin),
	KUNIT_CASE(test_pin_outlives_close),
	KUNIT_CASE(test_maps_range),
	KUNIT_CASE(test_keeps_pages),
	{}
};

static struct kunit_suite mdev_pci_dma_suite = {
	.name = "mdev_pci_dma",
	.init = test_dma_init,
	.exit = test_dma_exit,
	.test_cases = mdev_pci_dma_cases,
};

kunit_test_suite(mdev_pci_dma_suite);
