// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of creation, and of what is undone when a step of it fails. */

#include <linux/slab.h>

#include "mdev_test_vendor.h"

#define TEST_THREADS	4
#define TEST_ROUNDS	50

static void test_create_and_remove(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct device *dev = mdev_dev(mdev);

	KUNIT_EXPECT_TRUE(test, guid_equal(mdev_uuid(mdev), &test_uuid));
	KUNIT_EXPECT_STREQ(test, dev_name(dev),
			   "3c3d2a4e-8f4b-4b0e-9a11-528c1f607de2");
	KUNIT_EXPECT_PTR_EQ(test, mdev_from_dev(dev), mdev);
	KUNIT_EXPECT_NULL(test, mdev_from_dev(vendor->dev));
	KUNIT_EXPECT_PTR_EQ(test, mdev_parent_dev(mdev), vendor->dev);
	KUNIT_EXPECT_PTR_EQ(test, mdev->type, test_type(vendor, 0));
	KUNIT_EXPECT_TRUE(test, test_has_file(dev, "remove"));
	KUNIT_EXPECT_TRUE(test, test_has_file(dev, "mdev_type"));
	KUNIT_EXPECT_TRUE(test, test_has_file(dev, "colour"));

	mdev_set_drvdata(mdev, vendor);
	KUNIT_EXPECT_PTR_EQ(test, mdev_get_drvdata(mdev), vendor);

	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPUR");
}

/* When the vendor's attributes are there */
static void test_mdev_attr_groups(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_FALSE(test, vendor->attribute_seen[TEST_CREATE]);
	KUNIT_EXPECT_TRUE(test, vendor->attribute_seen[TEST_PROBE]);
	KUNIT_EXPECT_FALSE(test, vendor->attribute_seen[TEST_REMOVE]);
}

static void test_create_fails(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");

	vendor->fail[TEST_CREATE] = -ENOSPC;
	KUNIT_EXPECT_EQ(test, test_create(vendor, 0, &test_uuid), -ENOSPC);
	KUNIT_EXPECT_STREQ(test, vendor->log, "C");

	vendor->fail[TEST_CREATE] = 0;
	KUNIT_EXPECT_EQ(test, test_create(vendor, 0, &test_uuid), 0);
}

static void test_probe_fails(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");

	vendor->fail[TEST_PROBE] = -EMFILE;
	KUNIT_EXPECT_EQ(test, test_create(vendor, 0, &test_uuid), -EMFILE);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPR");

	vendor->fail[TEST_PROBE] = 0;
	KUNIT_EXPECT_EQ(test, test_create(vendor, 0, &test_uuid), 0);
}

static void test_duplicate_uuid(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct test_vendor *other = test_vendor_registered(test, "mdev_other");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_EXPECT_EQ(test, test_create(vendor, 0, &test_uuid), -EEXIST);
	KUNIT_EXPECT_EQ(test, test_create(vendor, 1, &test_uuid), -EEXIST);
	KUNIT_EXPECT_EQ(test, test_create(other, 0, &test_uuid), -EEXIST);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CP");
	KUNIT_EXPECT_STREQ(test, other->log, "");

	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_EQ(test, test_create(other, 0, &test_uuid), 0);
}

/* The vendor is still at work on the first one. */
static void test_duplicate_uuid_during_create(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct test_thread create = { .uuid = test_uuid };

	vendor->hold = TEST_CREATE;
	test_thread_start(&create, vendor, test_work_create);
	test_wait_held(vendor);
	KUNIT_EXPECT_EQ(test, test_create(vendor, 1, &test_uuid), -EEXIST);
	complete_all(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&create), 0);
}

static void test_duplicate_uuid_concurrent(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct test_thread threads[TEST_THREADS] = {};
	int round, i, created, result;

	for (round = 0; round < TEST_ROUNDS; round++) {
		created = 0;
		for (i = 0; i < TEST_THREADS; i++) {
			threads[i].uuid = test_uuid;
			test_thread_start(&threads[i], vendor,
					  test_work_create);
		}
		for (i = 0; i < TEST_THREADS; i++) {
			result = test_thread_join(&threads[i]);
			if (!result)
				created++;
			else
				KUNIT_EXPECT_EQ(test, result, -EEXIST);
		}
		KUNIT_EXPECT_EQ(test, created, 1);

		get_device(&vendor->mdev->dev);
		KUNIT_EXPECT_EQ(test, mdev_device_remove(vendor->mdev), 0);
		put_device(&vendor->mdev->dev);
	}
}

/* Neither another type nor another parent has to wait */
static void test_create_concurrent(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct test_vendor *other = test_vendor_registered(test, "mdev_other");
	struct test_thread create = { .uuid = test_uuid };
	guid_t third;

	vendor->hold = TEST_CREATE;
	test_thread_start(&create, vendor, test_work_create);
	test_wait_held(vendor);

	vendor->hold = 0;
	KUNIT_EXPECT_EQ(test, test_create(vendor, 1, &test_other_uuid), 0);
	guid_gen(&third);
	KUNIT_EXPECT_EQ(test, test_create(other, 0, &third), 0);
	mdev_unregister_device(other->dev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CCP");
	KUNIT_EXPECT_STREQ(test, other->log, "CPUR");

	complete_all(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&create), 0);
}

/* The device can be opened once it is bound; a removal waits for its creation. */
static void test_open_during_create(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct test_thread create = { .uuid = test_uuid };
	struct test_thread remove = {};
	struct mdev_device *mdev;

	vendor->hold = TEST_PROBE;
	test_thread_start(&create, vendor, test_work_create);
	test_wait_held(vendor);

	mdev = vendor->mdev;
	test_thread_start(&remove, vendor, test_work_remove);
	KUNIT_EXPECT_TRUE(test, test_thread_waits(&remove));
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);

	complete_all(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&create), 0);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), -EBUSY);
	mdev_close(mdev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOL");
}

/* A device that comes before its driver is bound when the driver comes. */
static void test_bus_driver_after_create(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev;

	test_suite_exit(NULL);
	mdev = test_created(vendor, &test_uuid);
	KUNIT_EXPECT_STREQ(test, vendor->log, "C");
	KUNIT_EXPECT_EQ(test, test_suite_init(NULL), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CP");
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPUR");
}

static struct kunit_case mdev_device_cases[] = {
	KUNIT_CASE(test_create_and_remove),
	KUNIT_CASE(test_mdev_attr_groups),
	KUNIT_CASE(test_create_fails),
	KUNIT_CASE(test_probe_fails),
	KUNIT_CASE(test_duplicate_uuid),
	KUNIT_CASE(test_duplicate_uuid_during_create),
	KUNIT_CASE(test_duplicate_uuid_concurrent),
	KUNIT_CASE(test_create_concurrent),
	KUNIT_CASE(test_open_during_create),
	KUNIT_CASE(test_bus_driver_after_create),
	{}
};

static struct kunit_suite mdev_device_suite = {
	.name = "mdev_device",
	.suite_init = test_suite_init,
	.suite_exit = test_suite_exit,
	.init = test_case_init,
	.test_cases = mdev_device_cases,
};

kunit_test_suite(mdev_device_suite);
