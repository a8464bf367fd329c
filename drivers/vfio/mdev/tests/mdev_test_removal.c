// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of removal: in use, refused, waited for, interrupted, forced. */

#include <linux/sched/signal.h>

#include "mdev_test_vendor.h"

static void test_remove_open(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -EBUSY);
	mdev_close(mdev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOL");
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
}

static void test_remove_driver_in_use(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	vendor->in_use = true;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -EBUSY);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CP");
	/* The refusal has let users in again */
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	mdev_close(mdev);
	vendor->in_use = false;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
}

/* Who unbinds the driver holds the device lock; the writer must not wait. */
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

/* A bus driver that doesn't wait for its users is waited for by the core. */
static void test_unregister_waits_for_users(struct kunit *test)
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

static void test_vendor_refuses(struct kunit *test)
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

	/* All was given back, so that it can be taken again */
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ETXTBSY);
	KUNIT_EXPECT_TRUE(test, test_has_file(mdev_dev(mdev), "colour"));

	vendor->fail[TEST_REMOVE] = 0;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPURPOLURPUR");
}

/* What was not bound is not bound afterwards. */
static void test_vendor_refuses_unbound(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	device_release_driver(mdev_dev(mdev));
	vendor->fail[TEST_REMOVE] = -ETXTBSY;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ETXTBSY);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPUR");
}

static void test_stop_refuses(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_ASSERT_EQ(test, mdev_set_online(mdev, true), 0);

	vendor->fail[TEST_STOP] = -ETIME;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ETIME);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSUTP");
	KUNIT_EXPECT_TRUE(test, mdev_is_online(mdev));

	/* Stopped for a removal that is refused: started again */
	vendor->fail[TEST_STOP] = 0;
	vendor->fail[TEST_REMOVE] = -ETXTBSY;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ETXTBSY);
	KUNIT_EXPECT_TRUE(test, mdev_is_online(mdev));

	/* Neither can refuse now */
	vendor->fail[TEST_STOP] = -ETIME;
	mdev_unregister_device(vendor->dev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSUTPUTRSPUTR");
}

/* What can't be given back after a refusal is for the administrator to mend. */
static void test_refusal_loses(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_ASSERT_EQ(test, mdev_set_online(mdev, true), 0);

	vendor->fail[TEST_REMOVE] = -ETXTBSY;
	vendor->fail[TEST_START] = -ENOLCK;
	vendor->fail[TEST_PROBE] = -ENXIO;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ETXTBSY);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSUTRSP");
	KUNIT_EXPECT_FALSE(test, mdev_is_online(mdev));
	KUNIT_EXPECT_NULL(test, mdev_dev(mdev)->driver);
	KUNIT_EXPECT_TRUE(test, test_has_file(mdev_dev(mdev), "colour"));

	vendor->fail[TEST_REMOVE] = 0;
	vendor->fail[TEST_START] = 0;
	vendor->fail[TEST_PROBE] = 0;
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, true), 0);
	KUNIT_EXPECT_EQ(test, device_attach(mdev_dev(mdev)), 1);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSUTRSPSPUTR");
}

static void test_second_remover(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread remove = {};

	vendor->hold = TEST_REMOVE;
	test_thread_start(&remove, vendor, test_work_remove);
	test_wait_held(vendor);

	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -EAGAIN);
	KUNIT_EXPECT_EQ(test, mdev_open(mdev, NULL), -ENODEV);
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, true), -ENODEV);
	/* Nor does a driver get it back */
	KUNIT_EXPECT_EQ(test, device_attach(mdev_dev(mdev)), 0);

	complete_all(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPUR");
}

static struct test_vendor *test_hot_unplug_vendor(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_new(test, "mdev_test");

	vendor->ops.hot_unplug = true;
	test_vendor_register(vendor);
	return vendor;
}

static void test_hot_unplug(struct kunit *test)
{
	struct test_vendor *vendor = test_hot_unplug_vendor(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread remove = {};

	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	vendor->hold = TEST_REQUEST;
	test_thread_start(&remove, vendor, test_work_remove);
	test_wait_held(vendor);

	/* From the first request on nobody new comes */
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -EAGAIN);
	complete_all(&vendor->go);
	mdev_close(mdev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOQLUR");
}

/* A signal ends the wait, and all is as it was */
static void test_hot_unplug_interrupted(struct kunit *test)
{
	struct test_vendor *vendor = test_hot_unplug_vendor(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread remove = {};

	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	vendor->hold = TEST_REQUEST;
	test_thread_start(&remove, vendor, test_work_remove);
	test_wait_held(vendor);
	send_sig(SIGINT, remove.task, 1);
	complete_all(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), -EINTR);

	mdev_close(mdev);
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	mdev_close(mdev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOQLOL");
}

/*
 * A user whom the bus driver did not know of makes it wait: the remover has a
 * way out, and the removal ends when the user has gone.
 */
static void test_unbind_interrupted(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct test_thread remove = {};

	test_created(vendor, &test_uuid);
	vendor->hold = TEST_UNBIND;
	test_thread_start(&remove, vendor, test_work_remove);
	test_wait_held(vendor);
	send_sig(SIGINT, remove.task, 1);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), -EINTR);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPU");

	complete_all(&vendor->go);
	mdev_unregister_device(vendor->dev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPUR");
}

/* It is given back also when nobody waits any more to hear of the refusal. */
static void test_refused_after_interruption(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct test_thread remove = {};

	test_created(vendor, &test_uuid);
	vendor->fail[TEST_REMOVE] = -ETXTBSY;
	vendor->hold = TEST_UNBIND;
	test_thread_start(&remove, vendor, test_work_remove);
	test_wait_held(vendor);
	send_sig(SIGINT, remove.task, 1);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), -EINTR);

	complete_all(&vendor->go);
	/* Waits for the removal, and then removes what that had to leave */
	mdev_unregister_device(vendor->dev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPURPUR");
}

static void test_remove_twice(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ENODEV);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPUR");
}

/* A driver that comes while the vendor makes up its mind gets the device. */
static void test_driver_during_refusal(struct kunit *test)
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

/* All users are kept out and asked to go before the first is waited for. */
static void test_unregister_shuts_all_out(struct kunit *test)
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

static struct kunit_case mdev_removal_cases[] = {
	KUNIT_CASE(test_remove_open),
	KUNIT_CASE(test_remove_driver_in_use),
	KUNIT_CASE(test_remove_device_locked),
	KUNIT_CASE(test_unregister_waits_for_users),
	KUNIT_CASE(test_vendor_refuses),
	KUNIT_CASE(test_vendor_refuses_unbound),
	KUNIT_CASE(test_stop_refuses),
	KUNIT_CASE(test_refusal_loses),
	KUNIT_CASE(test_second_remover),
	KUNIT_CASE(test_hot_unplug),
	KUNIT_CASE(test_hot_unplug_interrupted),
	KUNIT_CASE(test_unbind_interrupted),
	KUNIT_CASE(test_refused_after_interruption),
	KUNIT_CASE(test_remove_twice),
	KUNIT_CASE(test_driver_during_refusal),
	KUNIT_CASE(test_unregister_shuts_all_out),
	{}
};

struct kunit_suite mdev_removal_suite = {
	.name = "mdev-removal",
	.suite_init = test_suite_init,
	.suite_exit = test_suite_exit,
	.init = test_case_init,
	.test_cases = mdev_removal_cases,
};
