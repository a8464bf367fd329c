// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of memory regions that one entry of the page tables can map: page faults
 * commit such a block at once, and pages of it can be discarded one by one.
 */

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/unaligned.h>

#include "mdev_pci_test_device.h"

#define TEST_BLOCK_PAGES	(PMD_SIZE / PAGE_SIZE)

/* As test_pci_init(), with a larger region */
static int test_blocks_init(struct kunit *test)
{
	struct test_pci *fixture;

	test_pci_skip(test);
	if (PMD_ORDER > MAX_PAGE_ORDER)
		kunit_skip(test, "huge entries are larger than what can be allocated");
	fixture = test_pci_new(test);
	fixture->function.bar[TEST_MEMORY].size = 2 * PMD_SIZE;
	test_pci_create(fixture);
	test_pci_command(fixture, TEST_DECODE);
	return 0;
}

static unsigned long test_committed(struct test_pci *fixture)
{
	return mdev_pci_memory_committed(fixture->pci, TEST_MEMORY);
}

/* A fault where @size bytes could be mapped; returns how many are. */
static unsigned long test_fault(struct test_pci *fixture, u64 offset,
				unsigned long size, unsigned long *pfn)
{
	u32 flags = MDEV_MAP_WRITABLE;

	KUNIT_EXPECT_EQ(fixture->test,
			fixture->ops->validate_map_request(fixture->mdev,
							   (u64)TEST_MEMORY <<
							   MDEV_REGION_SHIFT |
							   offset, pfn, &size,
							   &flags), 0);
	return size;
}

static void test_huge_fault_pmd(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	unsigned long first, last;

	KUNIT_EXPECT_EQ(test, test_fault(fixture, 2 * PMD_SIZE - PAGE_SIZE,
					 PMD_SIZE, &last), PMD_SIZE);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), TEST_BLOCK_PAGES);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, PMD_SIZE, PUD_SIZE, &first),
			PMD_SIZE);
	KUNIT_EXPECT_EQ(test, last, first + TEST_BLOCK_PAGES - 1);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(first, TEST_BLOCK_PAGES));
	KUNIT_EXPECT_EQ(test, test_committed(fixture), TEST_BLOCK_PAGES);

	/* It is zeroes */
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY,
					    2 * PMD_SIZE - 8, 8), 0);
	test_pci_write(fixture, TEST_MEMORY, 2 * PMD_SIZE - 8, 8, TEST_FILL);
	KUNIT_EXPECT_EQ(test, get_unaligned_le64(pfn_to_kaddr(last) +
						 PAGE_SIZE - 8), TEST_FILL);
}

/* Where less could be mapped, or something is committed, it is one page. */
static void test_huge_fault_fallback(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	unsigned long pfn;

	KUNIT_EXPECT_EQ(test, test_fault(fixture, 0, PMD_SIZE / 2, &pfn),
			PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), 1);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, PAGE_SIZE, PMD_SIZE, &pfn),
			PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), 2);
}

static void test_discard_page_of_pmd(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	unsigned long pfn, other;
	struct page *page;

	KUNIT_EXPECT_EQ(test, test_fault(fixture, 0, PMD_SIZE, &pfn), PMD_SIZE);
	page = mdev_pci_memory_page(fixture->pci, TEST_MEMORY, PAGE_SIZE);
	KUNIT_ASSERT_FALSE(test, IS_ERR(page));
	KUNIT_EXPECT_EQ(test, page_to_pfn(page), pfn + 1);
	mdev_pci_memory_discard(fixture->pci, TEST_MEMORY, PAGE_SIZE,
				PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), TEST_BLOCK_PAGES - 1);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, PAGE_SIZE, PMD_SIZE, &other),
			PAGE_SIZE);
	KUNIT_EXPECT_NE(test, other, pfn + 1);
	put_page(page);
}

/* While it is saved, pages are mapped one by one; afterwards, all at once. */
static void test_huge_fault_precopy(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	unsigned long pfn;

	KUNIT_EXPECT_EQ(test, test_fault(fixture, 0, PMD_SIZE, &pfn), PMD_SIZE);
	KUNIT_EXPECT_EQ(test,
			fixture->ops->migration->set_state(fixture->mdev,
							   VFIO_DEVICE_STATE_RUNNING,
							   VFIO_DEVICE_STATE_PRE_COPY),
			0);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, 0, PMD_SIZE, &pfn),
			PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, PMD_SIZE, PMD_SIZE, &pfn),
			PAGE_SIZE);
	KUNIT_EXPECT_EQ(test,
			fixture->ops->migration->set_state(fixture->mdev,
							   VFIO_DEVICE_STATE_PRE_COPY,
							   VFIO_DEVICE_STATE_RUNNING),
			0);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, 0, PMD_SIZE, &pfn), PMD_SIZE);
}

static struct kunit_case mdev_pci_huge_fault_cases[] = {
	KUNIT_CASE(test_huge_fault_pmd),
	KUNIT_CASE(test_huge_fault_fallback),
	KUNIT_CASE(test_discard_page_of_pmd),
	KUNIT_CASE(test_huge_fault_precopy),
	{}
};

static struct kunit_suite mdev_pci_huge_fault_suite = {
	.name = "mdev_pci_huge_fault",
	.init = test_blocks_init,
	.test_cases = mdev_pci_huge_fault_cases,
};

kunit_test_suite(mdev_pci_huge_fault_suite);
