// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of removals that wait: hot unplug, and races with a creation. */

#include <linux/delay.h>
#include <linux/sched/signal.h>

#include "mdev_test_vendor.h"

static struct test_vendor *test_hot_unplug_vendor(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_new(test, "mdev_test");

	vendor->ops.hot_unplug = true;
	test_vendor_register(vendor);
	return vendor;
}

/* A removal that waits for the user that has @mdev open */
static void test_hot_unplug_start(struct test_thread *remove,
				  struct test_vendor *vendor,
				  struct mdev_device *mdev)
{
	KUNIT_ASSERT_EQ(vendor->test, mdev_open(mdev, NULL), 0);
	test_thread_start(remove, vendor, test_work_remove);
	KUNIT_ASSERT_TRUE(vendor->test, test_thread_waits(remove));
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

	/* New users are blocked before the first ->request() */
	KUNIT_EXPECT_EQ(test, mdev_open(mdev, NULL), -EAGAIN);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -EAGAIN);
	complete_all(&vendor->go);
	mdev_close(mdev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOQLUR");
}

/* The last close wakes the removal. */
static void test_hot_unplug_wakeup(struct kunit *test)
{
	struct test_vendor *vendor = test_hot_unplug_vendor(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread remove = {};

	test_hot_unplug_start(&remove, vendor, mdev);
	mdev_close(mdev);
	KUNIT_EXPECT_TRUE(test, test_thread_ends(&remove));
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOQLUR");
}

static void test_hot_unplug_request_repeated(struct kunit *test)
{
	struct test_vendor *vendor = test_hot_unplug_vendor(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread remove = {};

	test_hot_unplug_start(&remove, vendor, mdev);
	msleep(8000);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOQ");
	msleep(4000);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOQQ");
	mdev_close(mdev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), 0);
}

/* A signal ends the wait, and the device can be opened and removed again. */
static void test_hot_unplug_interrupted(struct kunit *test)
{
	struct test_vendor *vendor = test_hot_unplug_vendor(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread remove = {};

	test_hot_unplug_start(&remove, vendor, mdev);
	send_sig(SIGINT, remove.task, 1);
	KUNIT_EXPECT_TRUE(test, test_thread_ends(&remove));
	mdev_close(mdev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), -ERESTARTSYS);

	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	mdev_close(mdev);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOQLOLUR");
}

/* An unbind waits for the same user, with the device lock held. */
static void test_hot_unplug_interrupted_during_unbind(struct kunit *test)
{
	struct test_vendor *vendor = test_hot_unplug_vendor(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread remove = {};

	device_lock(mdev_dev(mdev));
	test_hot_unplug_start(&remove, vendor, mdev);
	send_sig(SIGINT, remove.task, 1);
	KUNIT_EXPECT_TRUE(test, test_thread_ends(&remove));
	device_unlock(mdev_dev(mdev));
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), -ERESTARTSYS);
	mdev_close(mdev);
}

/* The unregistration of the parent ends the wait. */
static void test_hot_unplug_unregistered(struct kunit *test)
{
	struct test_vendor *vendor = test_hot_unplug_vendor(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread remove = {};
	struct test_thread unregister = {};

	test_hot_unplug_start(&remove, vendor, mdev);
	test_thread_start(&unregister, vendor, test_work_unregister);
	KUNIT_EXPECT_TRUE(test, test_thread_ends(&remove));
	mdev_close(mdev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), -ENODEV);
	test_thread_join(&unregister);
	KUNIT_EXPECT_EQ(test, mdev_open(mdev, NULL), -ENODEV);
}

/* A user that no ->request() can notify, and no mdev_close() announces */
static void test_hot_unplug_in_use(struct kunit *test)
{
	struct test_vendor *vendor = test_hot_unplug_vendor(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	vendor->in_use = true;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -EBUSY);
	vendor->in_use = false;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPUR");
}

/* A removal that waits for a creation, which is held in the probe */
static void test_remove_during_create_start(struct test_vendor *vendor,
					    struct test_thread *create,
					    struct test_thread *remove)
{
	create->uuid = test_uuid;
	vendor->hold = TEST_PROBE;
	test_thread_start(create, vendor, test_work_create);
	test_wait_held(vendor);
	/* remove_store() has one, too: the caller of this drops it */
	get_device(mdev_dev(vendor->mdev));
	test_thread_start(remove, vendor, test_work_remove);
	KUNIT_ASSERT_TRUE(vendor->test, test_thread_waits(remove));
}

static void test_remove_during_create(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct test_thread create = {}, remove = {};

	test_remove_during_create_start(vendor, &create, &remove);
	complete_all(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&create), 0);
	KUNIT_EXPECT_TRUE(test, test_thread_ends(&remove));
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPUR");
	put_device(mdev_dev(vendor->mdev));
}

static void test_remove_during_failed_create(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct test_thread create = {}, remove = {};

	vendor->fail[TEST_PROBE] = -EMFILE;
	test_remove_during_create_start(vendor, &create, &remove);
	complete_all(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&create), -EMFILE);
	KUNIT_EXPECT_TRUE(test, test_thread_ends(&remove));
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), -ENODEV);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPR");
	put_device(mdev_dev(vendor->mdev));
}

static void test_remove_during_create_interrupted(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct test_thread create = {}, remove = {};

	test_remove_during_create_start(vendor, &create, &remove);
	send_sig(SIGINT, remove.task, 1);
	KUNIT_EXPECT_TRUE(test, test_thread_ends(&remove));
	KUNIT_EXPECT_EQ(test, test_thread_join(&remove), -ERESTARTSYS);
	complete_all(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&create), 0);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(vendor->mdev), 0);
	put_device(mdev_dev(vendor->mdev));
}

static struct kunit_case mdev_unplug_cases[] = {
	KUNIT_CASE(test_hot_unplug),
	KUNIT_CASE(test_hot_unplug_wakeup),
	KUNIT_CASE_SLOW(test_hot_unplug_request_repeated),
	KUNIT_CASE(test_hot_unplug_interrupted),
	KUNIT_CASE(test_hot_unplug_interrupted_during_unbind),
	KUNIT_CASE(test_hot_unplug_unregistered),
	KUNIT_CASE(test_hot_unplug_in_use),
	KUNIT_CASE(test_remove_during_create),
	KUNIT_CASE(test_remove_during_failed_create),
	KUNIT_CASE(test_remove_during_create_interrupted),
	{}
};

static struct kunit_suite mdev_unplug_suite = {
	.name = "mdev_unplug",
	.suite_init = test_suite_init,
	.suite_exit = test_suite_exit,
	.init = test_case_init,
	.test_cases = mdev_unplug_cases,
};

kunit_test_suite(mdev_unplug_suite);
