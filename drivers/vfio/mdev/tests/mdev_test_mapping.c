// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what orders page faults against invalidations and resets, and
 * of when a vendor can reach its user's memory. The mappings themselves are for
 * the selftests.
 */

#include "mdev_test_vendor.h"

static struct mdev_device *test_device(struct kunit *test)
{
	return test_created(test_vendor_registered(test, "mdev_test"),
			    &test_uuid);
}

/* Whether a fault whose vendor has answered may insert its pages. */
static bool test_fault_ends(struct mdev_device *mdev, unsigned long seq)
{
	if (!mdev_map_lock(mdev, seq))
		return false;
	mdev_map_unlock(mdev);
	return true;
}

static void test_fault_alone(struct kunit *test)
{
	struct mdev_device *mdev = test_device(test);
	unsigned long first, second;

	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &first));
	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &second));
	KUNIT_EXPECT_TRUE(test, test_fault_ends(mdev, second));
	KUNIT_EXPECT_TRUE(test, test_fault_ends(mdev, first));
}

static void test_faults_share(struct kunit *test)
{
	struct mdev_device *mdev = test_device(test);
	unsigned long seq;

	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &seq));
	KUNIT_ASSERT_TRUE(test, mdev_map_lock(mdev, seq));
	/* An invalidation would have to wait, another fault has not */
	KUNIT_EXPECT_FALSE(test, down_write_trylock(&mdev->map_lock));
	KUNIT_EXPECT_TRUE(test, down_read_trylock(&mdev->map_lock));
	up_read(&mdev->map_lock);
	mdev_map_unlock(mdev);
}

/* Wherever it is: what the vendor said may follow from it */
static void test_invalidation_overtakes(struct kunit *test)
{
	struct mdev_device *mdev = test_device(test);
	unsigned long before, after;

	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &before));
	mdev_device_invalidate_mapping(mdev, PAGE_SIZE - 1, 2);
	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &after));
	KUNIT_EXPECT_FALSE(test, test_fault_ends(mdev, before));
	KUNIT_EXPECT_TRUE(test, test_fault_ends(mdev, after));
}

static void test_invalidation_of_nothing(struct kunit *test)
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

static void test_reset_blocks(struct kunit *test)
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

static void test_reset_ends(struct kunit *test)
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

/* A vendor may let go of its pages in stop. */
static void test_stop_invalidates(struct kunit *test)
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

static void test_memory_needs_user(struct kunit *test)
{
	struct mdev_device *mdev = test_device(test);
	struct page *page;
	u8 byte;

	KUNIT_EXPECT_EQ(test, mdev_pin_pages(mdev, 0, 1, 1, &page), -ENODEV);
	KUNIT_EXPECT_EQ(test, mdev_unpin_pages(mdev, 0, 1), -ENODEV);
	KUNIT_EXPECT_EQ(test, mdev_dma_rw(mdev, 0, &byte, 1, false), -ENODEV);

	/* The bus driver of these tests has users without memory */
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	KUNIT_EXPECT_EQ(test, mdev_pin_pages(mdev, 0, 1, 1, &page),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, mdev_unpin_pages(mdev, 0, 1), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, mdev_dma_rw(mdev, 0, &byte, 1, false),
			-EOPNOTSUPP);
	mdev_close(mdev);
	KUNIT_EXPECT_EQ(test, mdev_pin_pages(mdev, 0, 1, 1, &page), -ENODEV);
}

static struct kunit_case mdev_mapping_cases[] = {
	KUNIT_CASE(test_fault_alone),
	KUNIT_CASE(test_faults_share),
	KUNIT_CASE(test_invalidation_overtakes),
	KUNIT_CASE(test_invalidation_of_nothing),
	KUNIT_CASE(test_reset_blocks),
	KUNIT_CASE(test_reset_ends),
	KUNIT_CASE(test_stop_invalidates),
	KUNIT_CASE(test_memory_needs_user),
	{}
};

struct kunit_suite mdev_mapping_suite = {
	.name = "mdev-mapping",
	.suite_init = test_suite_init,
	.suite_exit = test_suite_exit,
	.init = test_case_init,
	.test_cases = mdev_mapping_cases,
};
