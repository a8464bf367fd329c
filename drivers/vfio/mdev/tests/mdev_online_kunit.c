// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of open and close, of online, and of what they do to each other. */

#include "mdev_test_vendor.h"

static void test_online_without_start(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_EXPECT_TRUE(test, mdev_is_online(mdev));
	KUNIT_EXPECT_FALSE(test, test_has_file(mdev_dev(mdev), "online"));
}

static void test_open_starts_close_stops(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_EXPECT_TRUE(test, test_has_file(mdev_dev(mdev), "online"));
	KUNIT_EXPECT_FALSE(test, mdev_is_online(mdev));
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	KUNIT_EXPECT_TRUE(test, mdev_is_online(mdev));
	mdev_close(mdev);
	KUNIT_EXPECT_FALSE(test, mdev_is_online(mdev));
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSOLT");

	/* Offline already, so not stopped again */
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSOLTUR");
}

static void test_online_before_open(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, true), 0);
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, true), 0);
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	mdev_close(mdev);
	KUNIT_EXPECT_TRUE(test, mdev_is_online(mdev));
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, false), 0);
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, false), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSOLT");
}

/* What an open started becomes the administrator's. */
static void test_online_while_open(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, true), 0);
	mdev_close(mdev);
	KUNIT_EXPECT_TRUE(test, mdev_is_online(mdev));
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSOL");

	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSOLTUR");
}

static void test_offline_while_open(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, false), 0);
	KUNIT_EXPECT_FALSE(test, mdev_is_online(mdev));
	mdev_close(mdev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSOTL");
}

static void test_start_fails(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	vendor->fail[TEST_START] = -ENOLCK;
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, true), -ENOLCK);
	KUNIT_EXPECT_EQ(test, mdev_open(mdev, NULL), -ENOLCK);
	KUNIT_EXPECT_FALSE(test, mdev_is_online(mdev));
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSS");

	/* It has no users left */
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSSUR");
}

static void test_open_fails(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	vendor->fail[TEST_OPEN] = -EDQUOT;
	KUNIT_EXPECT_EQ(test, mdev_open(mdev, NULL), -EDQUOT);
	KUNIT_EXPECT_FALSE(test, mdev_is_online(mdev));
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSOT");

	/* What the administrator started stays */
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, true), 0);
	KUNIT_EXPECT_EQ(test, mdev_open(mdev, NULL), -EDQUOT);
	KUNIT_EXPECT_TRUE(test, mdev_is_online(mdev));
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSOTSOTUR");
}

static void test_stop_fails(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, true), 0);
	vendor->fail[TEST_STOP] = -ENOLCK;
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, false), -ENOLCK);
	KUNIT_EXPECT_TRUE(test, mdev_is_online(mdev));
	vendor->fail[TEST_STOP] = 0;
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, false), 0);

	/* The last close has no error to return: it stays online */
	vendor->fail[TEST_STOP] = -ENOLCK;
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	mdev_close(mdev);
	KUNIT_EXPECT_TRUE(test, mdev_is_online(mdev));
	vendor->fail[TEST_STOP] = 0;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSTTSOLTTUR");
}

/* From start and open until release and stop; not in a start by sysfs */
static void test_get_kvm(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct kvm *kvm = (struct kvm *)vendor;

	vendor->kvm = kvm;
	KUNIT_EXPECT_NULL(test, mdev_get_kvm(mdev));
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	KUNIT_EXPECT_PTR_EQ(test, vendor->kvm_seen[TEST_START], kvm);
	KUNIT_EXPECT_PTR_EQ(test, vendor->kvm_seen[TEST_OPEN], kvm);
	KUNIT_EXPECT_PTR_EQ(test, mdev_get_kvm(mdev), kvm);
	mdev_close(mdev);
	KUNIT_EXPECT_PTR_EQ(test, vendor->kvm_seen[TEST_RELEASE], kvm);
	KUNIT_EXPECT_PTR_EQ(test, vendor->kvm_seen[TEST_STOP], kvm);
	KUNIT_EXPECT_NULL(test, mdev_get_kvm(mdev));

	KUNIT_ASSERT_EQ(test, mdev_set_online(mdev, true), 0);
	KUNIT_EXPECT_NULL(test, vendor->kvm_seen[TEST_START]);

	vendor->fail[TEST_OPEN] = -EDQUOT;
	KUNIT_EXPECT_EQ(test, mdev_open(mdev, NULL), -EDQUOT);
	KUNIT_EXPECT_PTR_EQ(test, vendor->kvm_seen[TEST_OPEN], kvm);
	KUNIT_EXPECT_NULL(test, mdev_get_kvm(mdev));
}

static struct kunit_case mdev_online_cases[] = {
	KUNIT_CASE(test_online_without_start),
	KUNIT_CASE(test_open_starts_close_stops),
	KUNIT_CASE(test_online_before_open),
	KUNIT_CASE(test_online_while_open),
	KUNIT_CASE(test_offline_while_open),
	KUNIT_CASE(test_start_fails),
	KUNIT_CASE(test_open_fails),
	KUNIT_CASE(test_stop_fails),
	KUNIT_CASE(test_get_kvm),
	{}
};

static struct kunit_suite mdev_online_suite = {
	.name = "mdev_online",
	.suite_init = test_suite_init,
	.suite_exit = test_suite_exit,
	.init = test_case_init,
	.test_cases = mdev_online_cases,
};

kunit_test_suite(mdev_online_suite);
