// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of removal: in use, refused, forced. mdev_test_unplug.c has waits. */

#include "mdev_test_vendor.h"

static void test_remove_while_open(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -EBUSY);
	mdev_close(mdev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOL");
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
}

static void test_remove_in_use(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	vendor->in_use = true;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -EBUSY);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CP");
	/* The refusal has not blocked new users */
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	mdev_close(mdev);
	vendor->in_use = false;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
}

/* A concurrent unbind holds the device lock; the removal must not wait for it. */
static void test_remove_device_locked(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread remove = {};

	device_lock(mdev_dev(mdev));
	test_thread_start(&remove, vendor, test_work_remove);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), -EBUSY);
	device_unlock(mdev_dev(mdev));
}

/* The bus driver's remove doesn't wait for its users, so the core does. */
static void test_unregister_waits_for_close(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread unregister = {};

	vendor->hold = TEST_UNBIND;
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	test_thread_start(&unregister, vendor, test_work_unregister);
	test_wait_held(vendor);
	complete_all(&vendor->go);
	mdev_close(mdev);
	test_thread_join(&unregister);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOQULR");
}

static void test_remove_fails(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	vendor->fail[TEST_REMOVE] = -ETXTBSY;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ETXTBSY);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPURP");
	KUNIT_EXPECT_TRUE(test, test_has_file(mdev_dev(mdev), "colour"));
	KUNIT_EXPECT_EQ(test, test_create(vendor, 1, &test_uuid), -EEXIST);
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	mdev_close(mdev);

	/* All was restored, and can be withdrawn again */
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ETXTBSY);
	KUNIT_EXPECT_TRUE(test, test_has_file(mdev_dev(mdev), "colour"));

	vendor->fail[TEST_REMOVE] = 0;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPURPOLURPUR");
}

/* A device that was not bound is not bound afterwards. */
static void test_remove_fails_unbound(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	device_release_driver(mdev_dev(mdev));
	vendor->fail[TEST_REMOVE] = -ETXTBSY;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ETXTBSY);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPUR");
}

static void test_stop_fails(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_ASSERT_EQ(test, mdev_set_online(mdev, true), 0);

	vendor->fail[TEST_STOP] = -ETIME;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ETIME);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPST");
	KUNIT_EXPECT_TRUE(test, mdev_is_online(mdev));

	/* ->stop() succeeds, ->remove() fails: started again */
	vendor->fail[TEST_STOP] = 0;
	vendor->fail[TEST_REMOVE] = -ETXTBSY;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ETXTBSY);
	KUNIT_EXPECT_TRUE(test, mdev_is_online(mdev));

	/* Neither can refuse now */
	vendor->fail[TEST_STOP] = -ETIME;
	mdev_unregister_device(vendor->dev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSTTURSPUTR");
}

/* An error path that fails leaves the device to the administrator. */
static void test_remove_fails_rollback_fails(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_ASSERT_EQ(test, mdev_set_online(mdev, true), 0);

	vendor->fail[TEST_REMOVE] = -ETXTBSY;
	vendor->fail[TEST_START] = -ENOLCK;
	vendor->fail[TEST_PROBE] = -ENXIO;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ETXTBSY);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSTURSP");
	KUNIT_EXPECT_FALSE(test, mdev_is_online(mdev));
	KUNIT_EXPECT_NULL(test, mdev_dev(mdev)->driver);
	KUNIT_EXPECT_TRUE(test, test_has_file(mdev_dev(mdev), "colour"));

	vendor->fail[TEST_REMOVE] = 0;
	vendor->fail[TEST_START] = 0;
	vendor->fail[TEST_PROBE] = 0;
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, true), 0);
	KUNIT_EXPECT_EQ(test, device_attach(mdev_dev(mdev)), 1);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSTURSPSPTUR");
}

/* ->stop() is called before the bus driver is unbound. */
static void test_stop_fails_bound(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_ASSERT_EQ(test, mdev_set_online(mdev, true), 0);
	vendor->fail[TEST_STOP] = -ETIME;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ETIME);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPST");
	KUNIT_EXPECT_NOT_NULL(test, mdev_dev(mdev)->driver);
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	mdev_close(mdev);
}

static void test_remove_concurrent(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread remove = {};

	vendor->hold = TEST_REMOVE;
	test_thread_start(&remove, vendor, test_work_remove);
	test_wait_held(vendor);

	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -EAGAIN);
	/* No driver is bound again either */
	KUNIT_EXPECT_EQ(test, device_attach(mdev_dev(mdev)), 0);

	complete_all(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPUR");
	KUNIT_EXPECT_EQ(test, mdev_open(mdev, NULL), -ENODEV);
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, true), -ENODEV);
}

/* An open that races with a removal which @call then refuses: not -ENODEV. */
static void test_open_during_failure(struct kunit *test, enum test_call call)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread remove = {};

	KUNIT_ASSERT_EQ(test, mdev_set_online(mdev, true), 0);
	vendor->fail[call] = -ETXTBSY;
	vendor->hold = call;
	test_thread_start(&remove, vendor, test_work_remove);
	test_wait_held(vendor);
	KUNIT_EXPECT_EQ(test, mdev_open(mdev, NULL), -EAGAIN);
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, false), -EAGAIN);

	complete_all(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), -ETXTBSY);
	KUNIT_EXPECT_TRUE(test, mdev_is_online(mdev));
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	mdev_close(mdev);
}

static void test_open_during_failing_stop(struct kunit *test)
{
	test_open_during_failure(test, TEST_STOP);
}

static void test_open_during_failing_remove(struct kunit *test)
{
	test_open_during_failure(test, TEST_REMOVE);
}

/* New users are not blocked while ->in_use() can still refuse the removal. */
static void test_open_during_in_use(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread remove = {};

	vendor->hold = TEST_IN_USE;
	test_thread_start(&remove, vendor, test_work_remove);
	test_wait_held(vendor);
	KUNIT_EXPECT_EQ(test, mdev_open(mdev, NULL), 0);
	complete_all(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), -EBUSY);
	mdev_close(mdev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOL");
}

static void test_remove_twice(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ENODEV);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPUR");
}

/* A driver that is probed during a removal is bound if that is refused. */
static void test_probe_during_failing_remove(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread remove = {};

	device_release_driver(mdev_dev(mdev));
	vendor->fail[TEST_REMOVE] = -ETXTBSY;
	vendor->hold = TEST_REMOVE;
	test_thread_start(&remove, vendor, test_work_remove);
	test_wait_held(vendor);
	KUNIT_EXPECT_EQ(test, device_attach(mdev_dev(mdev)), 0);
	complete_all(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), -ETXTBSY);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPURP");
}

/* All devices are killed before the first is removed. */
static void test_unregister_blocks_open(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *first = test_created(vendor, &test_uuid);
	struct mdev_device *second = test_created(vendor, &test_other_uuid);
	struct test_thread unregister = {};

	KUNIT_ASSERT_EQ(test, mdev_open(second, NULL), 0);
	vendor->hold = TEST_UNBIND;
	test_thread_start(&unregister, vendor, test_work_unregister);
	test_wait_held(vendor);
	KUNIT_EXPECT_EQ(test, mdev_open(first, NULL), -ENODEV);
	KUNIT_EXPECT_EQ(test, mdev_open(second, NULL), -ENODEV);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPCPOQU");
	mdev_close(second);
	complete_all(&vendor->go);
	test_thread_join(&unregister);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPCPOQULRUR");
}

static struct kunit_case mdev_remove_cases[] = {
	KUNIT_CASE(test_remove_while_open),
	KUNIT_CASE(test_remove_in_use),
	KUNIT_CASE(test_remove_device_locked),
	KUNIT_CASE(test_unregister_waits_for_close),
	KUNIT_CASE(test_remove_fails),
	KUNIT_CASE(test_remove_fails_unbound),
	KUNIT_CASE(test_stop_fails),
	KUNIT_CASE(test_remove_fails_rollback_fails),
	KUNIT_CASE(test_stop_fails_bound),
	KUNIT_CASE(test_remove_concurrent),
	KUNIT_CASE(test_open_during_failing_stop),
	KUNIT_CASE(test_open_during_failing_remove),
	KUNIT_CASE(test_open_during_in_use),
	KUNIT_CASE(test_remove_twice),
	KUNIT_CASE(test_probe_during_failing_remove),
	KUNIT_CASE(test_unregister_blocks_open),
	{}
};

static struct kunit_suite mdev_remove_suite = {
	.name = "mdev_remove",
	.suite_init = test_suite_init,
	.suite_exit = test_suite_exit,
	.init = test_case_init,
	.test_cases = mdev_remove_cases,
};

kunit_test_suite(mdev_remove_suite);
