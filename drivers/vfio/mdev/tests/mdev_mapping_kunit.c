// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the order of page faults against invalidations and resets, of
 * the pages that an invalidation zaps, and of when a driver can access the
 * memory of the VMM. The mappings themselves are for the selftests.
 */

#include <linux/delay.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "mdev_test_vendor.h"

/* Long enough for a thread that is not blocked to end */
#define TEST_WATCH_MS	100

static struct mdev_device *test_device(struct kunit *test)
{
	return test_created(test_vendor_registered(test, "mdev_test"),
			    &test_uuid);
}

/* Whether a fault may insert its pages after validate_map_request. */
static bool test_fault_ends(struct mdev_device *mdev, unsigned long seq)
{
	if (!mdev_map_lock(mdev, seq))
		return false;
	mdev_map_unlock(mdev);
	return true;
}

static void test_fault(struct kunit *test)
{
	struct mdev_device *mdev = test_device(test);
	unsigned long first, second;

	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &first));
	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &second));
	KUNIT_EXPECT_TRUE(test, test_fault_ends(mdev, second));
	KUNIT_EXPECT_TRUE(test, test_fault_ends(mdev, first));
}

static void test_fault_concurrent(struct kunit *test)
{
	struct mdev_device *mdev = test_device(test);
	unsigned long seq;

	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &seq));
	KUNIT_ASSERT_TRUE(test, mdev_map_lock(mdev, seq));
	/* An invalidation would have to wait, another fault has not */
	KUNIT_EXPECT_FALSE(test, down_write_trylock(&mdev->core->map_lock));
	KUNIT_EXPECT_TRUE(test, down_read_trylock(&mdev->core->map_lock));
	up_read(&mdev->core->map_lock);
	mdev_map_unlock(mdev);
}

/* Of any page: the fault does not look at which were invalidated */
static void test_fault_races_invalidate(struct kunit *test)
{
	struct mdev_device *mdev = test_device(test);
	unsigned long before, after;

	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &before));
	mdev_device_invalidate_mapping(mdev, PAGE_SIZE - 1, 2);
	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &after));
	KUNIT_EXPECT_FALSE(test, test_fault_ends(mdev, before));
	KUNIT_EXPECT_TRUE(test, test_fault_ends(mdev, after));
}

static void test_invalidate_empty_range(struct kunit *test)
{
	struct mdev_device *mdev = test_device(test);
	unsigned long seq;

	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &seq));
	mdev_device_invalidate_mapping(mdev, 0, 0);
	mdev_device_invalidate_mapping(mdev, -1, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, test_fault_ends(mdev, seq));
	mdev_device_invalidate_mapping(mdev, LLONG_MAX, U64_MAX);
	mdev_device_invalidate_mapping(mdev, 0, U64_MAX);
	KUNIT_EXPECT_FALSE(test, test_fault_ends(mdev, seq));
}

#define TEST_POS(_region, _offset) \
	((u64)(_region) << MDEV_REGION_SHIFT | (_offset))
#define TEST_MAP_END	ALIGN_DOWN((u64)LLONG_MAX, PAGE_SIZE)
#define TEST_PAGES(_size)	((u64)(_size) >> PAGE_SHIFT)

/* What is zapped where a pgoff_t has 64 bits, and where it has 32 */
static const struct test_page_range {
	const char *what;
	u64 start;
	u64 end;
	u64 first;
	u64 nr;
	u64 nr_on_32_bit;
} test_page_ranges[] = {
	{
		.what = "first page of BAR0",
		.end = PAGE_SIZE,
		.nr = 1,
		.nr_on_32_bit = 1,
	}, {
		.what = "BAR1",
		.start = TEST_POS(1, 0),
		.end = TEST_POS(1, SZ_1M),
		.first = TEST_PAGES(TEST_POS(1, 0)),
		.nr = TEST_PAGES(SZ_1M),
		.nr_on_32_bit = TEST_PAGES(SZ_1M),
	}, {
		.what = "above 4 GiB of BAR2",
		.start = TEST_POS(2, SZ_4G),
		.end = TEST_POS(2, SZ_4G + PAGE_SIZE),
		.first = TEST_PAGES(TEST_POS(2, SZ_4G)),
		.nr = 1,
		.nr_on_32_bit = 1,
	}, {
		.what = "all of BAR4",
		.start = TEST_POS(4, 0),
		.end = TEST_POS(5, 0),
		.first = TEST_PAGES(TEST_POS(4, 0)),
		.nr = TEST_PAGES(TEST_POS(1, 0)),
		.nr_on_32_bit = TEST_PAGES(TEST_POS(1, 0)),
	}, {
		.what = "last page that 32 bits have",
		.start = TEST_POS(16, 0) - PAGE_SIZE,
		.end = TEST_POS(16, PAGE_SIZE),
		.first = U32_MAX,
		.nr = 2,
		.nr_on_32_bit = 1,
	}, {
		.what = "region 16",
		.start = TEST_POS(16, 0),
		.end = TEST_POS(16, PAGE_SIZE),
		.first = (u64)U32_MAX + 1,
		.nr = 1,
		.nr_on_32_bit = 0,
	}, {
		.what = "everything",
		.end = TEST_MAP_END,
		.nr = TEST_PAGES(TEST_MAP_END),
		.nr_on_32_bit = (u64)U32_MAX + 1,
	}, {
		.what = "all from BAR3 on",
		.start = TEST_POS(3, 0),
		.end = TEST_MAP_END,
		.first = TEST_PAGES(TEST_POS(3, 0)),
		.nr = TEST_PAGES(TEST_MAP_END - TEST_POS(3, 0)),
		.nr_on_32_bit = TEST_PAGES(TEST_POS(13, 0)),
	}, {
		.what = "nothing",
		.start = TEST_POS(1, 0),
		.end = TEST_POS(1, 0),
		.first = TEST_PAGES(TEST_POS(1, 0)),
	},
};

static void test_page_range_describe(const struct test_page_range *param,
				     char *desc)
{
	strscpy(desc, param->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(test_page_range, test_page_ranges, test_page_range_describe);

static void test_invalidate_page_range(struct kunit *test)
{
	const struct test_page_range *param = test->param_value;
	u64 first = 0;

	KUNIT_EXPECT_EQ(test, mdev_map_page_range(param->start, param->end,
						  U64_MAX, &first), param->nr);
	KUNIT_EXPECT_EQ(test, first, param->first);
	KUNIT_EXPECT_EQ(test, mdev_map_page_range(param->start, param->end,
						  U32_MAX, &first),
			param->nr_on_32_bit);
	KUNIT_EXPECT_EQ(test, first, param->first);
}

static void test_reset_blocks_fault(struct kunit *test)
{
	struct mdev_device *mdev = test_device(test);
	unsigned long before, during, after;

	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &before));
	mdev_map_block(mdev);
	mdev_map_block(mdev);
	KUNIT_EXPECT_FALSE(test, mdev_map_begin(mdev, &during));
	KUNIT_EXPECT_FALSE(test, test_fault_ends(mdev, before));
	KUNIT_EXPECT_FALSE(test, test_fault_ends(mdev, during));
	mdev_map_unblock(mdev);
	KUNIT_EXPECT_FALSE(test, mdev_map_begin(mdev, &during));
	mdev_map_unblock(mdev);

	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &after));
	KUNIT_EXPECT_FALSE(test, test_fault_ends(mdev, during));
	KUNIT_EXPECT_TRUE(test, test_fault_ends(mdev, after));
}

static int test_work_wait_for_reset(struct test_thread *thread)
{
	return mdev_map_wait(thread->vendor->mdev);
}

static void test_fault_waits_for_reset(struct kunit *test)
{
	struct mdev_device *mdev = test_device(test);
	struct test_vendor *vendor = container_of(mdev_parent_ops(mdev),
						  struct test_vendor, ops);
	struct test_thread waiter;

	/* Nothing to wait for */
	KUNIT_EXPECT_EQ(test, mdev_map_wait(mdev), 0);
	mdev_map_block(mdev);
	test_thread_start(&waiter, vendor, test_work_wait_for_reset);
	mdev_map_unblock(mdev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&waiter), 0);
}

/* A driver may free its pages in stop. */
static void test_stop_invalidates_mapping(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	unsigned long seq;

	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &seq));
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, false), 0);
	KUNIT_EXPECT_FALSE(test, test_fault_ends(mdev, seq));
	mdev_close(mdev);
}

static void test_dma_without_open(struct kunit *test)
{
	struct mdev_device *mdev = test_device(test);
	struct page *page;
	u8 byte;

	KUNIT_EXPECT_EQ(test, mdev_pin_pages(mdev, 0, 1, 1, &page), -ENODEV);
	KUNIT_EXPECT_EQ(test, mdev_unpin_pages(mdev, 0, 1), -ENODEV);
	KUNIT_EXPECT_EQ(test, mdev_dma_rw(mdev, 0, &byte, 1, false), -ENODEV);
	KUNIT_EXPECT_EQ(test, mdev_mark_dirty(mdev, 0, 1), -ENODEV);

	/* The bus driver of these tests has users without memory */
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	KUNIT_EXPECT_EQ(test, mdev_pin_pages(mdev, 0, 1, 1, &page),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, mdev_unpin_pages(mdev, 0, 1), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, mdev_dma_rw(mdev, 0, &byte, 1, false),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, mdev_mark_dirty(mdev, 0, 1), 0);
	mdev_close(mdev);
	KUNIT_EXPECT_EQ(test, mdev_pin_pages(mdev, 0, 1, 1, &page), -ENODEV);
}

static int test_work_mark_dirty(struct test_thread *thread)
{
	return mdev_mark_dirty(thread->vendor->mdev, 0, 1);
}

static int test_work_close(struct test_thread *thread)
{
	mdev_close(thread->vendor->mdev);
	return 0;
}

/* A work item of the driver calls the bus driver, which may be freed after the close. */
static void test_close_waits_for_dma(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread worker, closer;

	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	vendor->hold = TEST_MARK_DIRTY;
	test_thread_start(&worker, vendor, test_work_mark_dirty);
	test_wait_held(vendor);
	vendor->hold = 0;
	test_thread_start(&closer, vendor, test_work_close);
	/* New calls fail when it has called ->release() */
	while (!mdev_mark_dirty(mdev, 0, 1))
		usleep_range(500, 1000);
	msleep(TEST_WATCH_MS);
	KUNIT_EXPECT_FALSE(test, completion_done(&closer.done));
	complete(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&worker), 0);
	KUNIT_EXPECT_EQ(test, test_thread_join(&closer), 0);
}

static struct kunit_case mdev_mapping_cases[] = {
	KUNIT_CASE(test_fault),
	KUNIT_CASE(test_fault_concurrent),
	KUNIT_CASE(test_fault_races_invalidate),
	KUNIT_CASE(test_invalidate_empty_range),
	KUNIT_CASE_PARAM(test_invalidate_page_range, test_page_range_gen_params),
	KUNIT_CASE(test_reset_blocks_fault),
	KUNIT_CASE(test_fault_waits_for_reset),
	KUNIT_CASE(test_stop_invalidates_mapping),
	KUNIT_CASE(test_dma_without_open),
	KUNIT_CASE(test_close_waits_for_dma),
	{}
};

static struct kunit_suite mdev_mapping_suite = {
	.name = "mdev_mapping",
	.suite_init = test_suite_init,
	.suite_exit = test_suite_exit,
	.init = test_case_init,
	.test_cases = mdev_mapping_cases,
};

kunit_test_suite(mdev_mapping_suite);
