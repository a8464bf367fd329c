// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of a PCI function's regions that are memory: when pages are
 * committed, what is in them, and that they are gone after they were discarded.
 */

#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/mm.h>

#include "mdev_pci_test_device.h"

#define TEST_SIZE	(TEST_MEMORY_PAGES * PAGE_SIZE)
#define TEST_VALUE	0x8877665544332211
#define TEST_DISCARDS	20

static struct test_pci *test_decoding(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, TEST_DECODE);
	return fixture;
}

static unsigned long test_committed(struct test_pci *fixture)
{
	return mdev_pci_memory_committed(fixture->pci, TEST_MEMORY);
}

static int test_fault(struct test_pci *fixture, u64 offset, unsigned long *pfn,
		      unsigned long *size)
{
	u32 flags = MDEV_MAP_WRITABLE;

	*size = 4 * PAGE_SIZE;
	return fixture->ops->validate_map_request(fixture->mdev,
						  (u64)TEST_MEMORY <<
						  MDEV_REGION_SHIFT | offset,
						  pfn, size, &flags);
}

static struct page *test_page(struct test_pci *fixture, u64 offset)
{
	struct page *page = mdev_pci_memory_page(fixture->pci, TEST_MEMORY,
						 offset);

	KUNIT_ASSERT_FALSE(fixture->test, IS_ERR_OR_NULL(page));
	return page;
}

static void test_write_all(struct test_pci *fixture)
{
	u64 offset;

	for (offset = 0; offset < TEST_SIZE; offset += PAGE_SIZE)
		test_pci_write(fixture, TEST_MEMORY, offset, 8, TEST_VALUE);
	KUNIT_EXPECT_EQ(fixture->test, test_committed(fixture),
			TEST_MEMORY_PAGES);
}

static void test_read_uncommitted(struct kunit *test)
{
	struct test_pci *fixture = test_decoding(test);

	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY, 0, 8), 0);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY, TEST_SIZE - 1,
					    1), 0);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), 0);
}

/* Any range of bytes, even in two pages */
static void test_write(struct kunit *test)
{
	struct test_pci *fixture = test_decoding(test);

	test_pci_write(fixture, TEST_MEMORY, 5 * PAGE_SIZE + 7, 1, 0xab);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), 1);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY,
					    5 * PAGE_SIZE, 8),
			0xabULL << 56);
	test_pci_write(fixture, TEST_MEMORY, PAGE_SIZE - 3, 8, TEST_VALUE);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), 3);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY, PAGE_SIZE - 3,
					    8), TEST_VALUE);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY, PAGE_SIZE,
					    1), 0x44);
}

/* Of accesses, faults and the vendor, all see the same page. */
static void test_fault_and_access_share_page(struct kunit *test)
{
	struct test_pci *fixture = test_decoding(test);
	struct page *page = test_page(fixture, PAGE_SIZE + 3);
	unsigned long pfn, size;

	KUNIT_EXPECT_EQ(test, test_committed(fixture), 1);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, PAGE_SIZE, &pfn, &size), 0);
	KUNIT_EXPECT_EQ(test, pfn, page_to_pfn(page));
	KUNIT_EXPECT_EQ(test, size, PAGE_SIZE);
	test_pci_write(fixture, TEST_MEMORY, PAGE_SIZE + 1, 1, 0xcd);
	KUNIT_EXPECT_EQ(test, *((u8 *)page_address(page) + 1), 0xcd);
	/* The region's, and this test's */
	KUNIT_EXPECT_EQ(test, page_count(page), 2);
	put_page(page);

	KUNIT_EXPECT_EQ(test, test_fault(fixture, 2 * PAGE_SIZE, &pfn, &size),
			0);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), 2);
}

static void test_page_out_of_range(struct kunit *test)
{
	static const struct {
		unsigned int region;
		u64 offset;
	} nowhere[] = {
		{ TEST_MEMORY, TEST_SIZE },
		{ TEST_MEMORY, U64_MAX },
		{ TEST_REGISTERS, 0 },
		{ TEST_ABSENT, 0 },
		{ TEST_CONFIG, 0 },
		{ TEST_REGIONS, 0 },
		{ UINT_MAX, 0 },
	};
	struct test_pci *fixture = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
		KUNIT_EXPECT_EQ(test,
				PTR_ERR(mdev_pci_memory_page(fixture->pci,
							     nowhere[i].region,
							     nowhere[i].offset)),
				-EINVAL);
		KUNIT_EXPECT_EQ(test,
				mdev_pci_memory_committed(fixture->pci,
							  nowhere[i].region),
				0);
		mdev_pci_memory_discard(fixture->pci, nowhere[i].region,
					nowhere[i].offset, U64_MAX);
	}
}

/* Only pages that lie in the range as a whole go. */
static void test_discard(struct kunit *test)
{
	struct test_pci *fixture = test_decoding(test);

	test_write_all(fixture);
	mdev_pci_memory_discard(fixture->pci, TEST_MEMORY, PAGE_SIZE + 1,
				2 * PAGE_SIZE - 2);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY, PAGE_SIZE, 8),
			TEST_VALUE);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), TEST_MEMORY_PAGES);
	mdev_pci_memory_discard(fixture->pci, TEST_MEMORY, PAGE_SIZE + 1,
				2 * PAGE_SIZE - 1);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), TEST_MEMORY_PAGES - 1);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY, PAGE_SIZE, 8),
			TEST_VALUE);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY, 2 * PAGE_SIZE,
					    8), 0);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY, 3 * PAGE_SIZE,
					    8), TEST_VALUE);

	mdev_pci_memory_discard(fixture->pci, TEST_MEMORY, TEST_SIZE, U64_MAX);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), TEST_MEMORY_PAGES - 1);
	mdev_pci_memory_discard(fixture->pci, TEST_MEMORY,
				TEST_SIZE - PAGE_SIZE, U64_MAX);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), TEST_MEMORY_PAGES - 2);
	mdev_pci_memory_discard(fixture->pci, TEST_MEMORY, 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), 0);
}

/* A discarded page with a reference stays allocated; the region gets another. */
static void test_discard_referenced_page(struct kunit *test)
{
	struct test_pci *fixture = test_decoding(test);
	struct page *old = test_page(fixture, 0);
	struct page *new;

	test_pci_write(fixture, TEST_MEMORY, 0, 8, TEST_VALUE);
	mdev_pci_memory_discard(fixture->pci, TEST_MEMORY, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, page_count(old), 1);
	KUNIT_EXPECT_EQ(test, le64_to_cpup(page_address(old)), TEST_VALUE);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY, 0, 8), 0);
	new = test_page(fixture, 0);
	KUNIT_EXPECT_PTR_NE(test, new, old);
	KUNIT_EXPECT_EQ(test, *(u64 *)page_address(new), 0);
	put_page(new);
	put_page(old);
}

/* A fault that has got a page before the invalidation does not insert it. */
static void test_discard_races_fault(struct kunit *test)
{
	struct test_pci *fixture = test_decoding(test);
	unsigned long seq, pfn, size;

	KUNIT_EXPECT_TRUE(test, mdev_map_begin(fixture->mdev, &seq));
	KUNIT_EXPECT_EQ(test, test_fault(fixture, 0, &pfn, &size), 0);
	mdev_pci_memory_discard(fixture->pci, TEST_MEMORY, 0, PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, mdev_map_lock(fixture->mdev, seq));

	/* A discard overtakes a fault that has looked up no page yet, too */
	KUNIT_EXPECT_TRUE(test, mdev_map_begin(fixture->mdev, &seq));
	mdev_pci_memory_discard(fixture->pci, TEST_MEMORY, 0, PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, mdev_map_lock(fixture->mdev, seq));
}

/* The next user finds nothing of what this one had. */
static void test_reset_zeroes_memory(struct kunit *test)
{
	struct test_pci *fixture = test_decoding(test);

	test_write_all(fixture);
	test_pci_write(fixture, TEST_PICTURE, 0, 8, TEST_VALUE);
	KUNIT_EXPECT_EQ(test, fixture->ops->reset(fixture->mdev), 0);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), 0);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_PICTURE, 0, 8), 0);
	test_decoding(test);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY, 0, 8), 0);
}

/* What a page has that is written until it goes, and nothing else */
static int test_toucher(void *data)
{
	struct test_pci *fixture = data;
	unsigned long pfn, size;
	u64 offset = 0;
	u64 value;

	while (!kthread_should_stop()) {
		offset = (offset + PAGE_SIZE) % TEST_SIZE;
		test_pci_write(fixture, TEST_MEMORY, offset, 8, TEST_VALUE);
		value = test_pci_read(fixture, TEST_MEMORY, offset, 8);
		if (value)
			KUNIT_EXPECT_EQ(fixture->test, value, TEST_VALUE);
		KUNIT_EXPECT_EQ(fixture->test,
				test_fault(fixture, offset, &pfn, &size), 0);
		cond_resched();
	}
	return 0;
}

/* discard races with accesses: KASAN reports a use after free of a page. */
static void test_discard_races_access(struct kunit *test)
{
	struct test_pci *fixture = test_decoding(test);
	struct task_struct *toucher;
	unsigned int i;

	toucher = kthread_run(test_toucher, fixture, "mdev_pci_test");
	KUNIT_ASSERT_FALSE(test, IS_ERR(toucher));
	for (i = 0; i < TEST_DISCARDS; i++) {
		while (!test_committed(fixture))
			schedule_timeout_uninterruptible(1);
		mdev_pci_memory_discard(fixture->pci, TEST_MEMORY, 0, U64_MAX);
	}
	KUNIT_EXPECT_EQ(test, kthread_stop(toucher), 0);
	KUNIT_EXPECT_LE(test, test_committed(fixture), TEST_MEMORY_PAGES);
	mdev_pci_memory_discard(fixture->pci, TEST_MEMORY, 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, test_committed(fixture), 0);
}

static struct kunit_case mdev_pci_memory_cases[] = {
	KUNIT_CASE(test_read_uncommitted),
	KUNIT_CASE(test_write),
	KUNIT_CASE(test_fault_and_access_share_page),
	KUNIT_CASE(test_page_out_of_range),
	KUNIT_CASE(test_discard),
	KUNIT_CASE(test_discard_referenced_page),
	KUNIT_CASE(test_discard_races_fault),
	KUNIT_CASE(test_reset_zeroes_memory),
	KUNIT_CASE(test_discard_races_access),
	{}
};

static struct kunit_suite mdev_pci_memory_suite = {
	.name = "mdev_pci_memory",
	.init = test_pci_init,
	.test_cases = mdev_pci_memory_cases,
};

kunit_test_suite(mdev_pci_memory_suite);
