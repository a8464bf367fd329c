// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of mdev_drain.c: callbacks that are waited for and blocked. */

#include <linux/delay.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "mdev_test_vendor.h"

/* Long enough for a thread that is not blocked to end */
#define TEST_PAUSE_MS	100

static struct mdev_device *test_open(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	return mdev;
}

static struct test_vendor *test_vendor_of(struct mdev_device *mdev)
{
	return dev_get_drvdata(mdev_parent_dev(mdev));
}

static bool test_has_ended(struct test_thread *thread)
{
	msleep(TEST_PAUSE_MS);
	return completion_done(&thread->done);
}

static int test_work_drain(struct test_thread *thread)
{
	int ret;

	allow_signal(SIGKILL);
	ret = mdev_drain(thread->vendor->mdev);
	if (!ret)
		mdev_undrain(thread->vendor->mdev);
	return ret;
}

static int test_work_enter(struct test_thread *thread)
{
	int ret;

	allow_signal(SIGKILL);
	ret = mdev_callback_enter(thread->vendor->mdev);
	if (!ret)
		mdev_callback_exit(thread->vendor->mdev);
	return ret;
}

static int test_work_offline(struct test_thread *thread)
{
	return mdev_set_online(thread->vendor->mdev, false);
}

static void test_drain_waits_for_callback(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct test_thread thread = {};

	KUNIT_ASSERT_EQ(test, mdev_callback_enter(mdev), 0);
	test_thread_start(&thread, test_vendor_of(mdev), test_work_drain);
	KUNIT_EXPECT_FALSE(test, test_has_ended(&thread));
	mdev_callback_exit(mdev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), 0);

	KUNIT_EXPECT_EQ(test, mdev_callback_enter(mdev), 0);
	mdev_callback_exit(mdev);
	mdev_close(mdev);
}

static void test_drain_blocks_callback(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct test_thread thread = {};

	KUNIT_ASSERT_EQ(test, mdev_drain(mdev), 0);
	KUNIT_EXPECT_FALSE(test, mdev_callback_try_enter(mdev));
	test_thread_start(&thread, test_vendor_of(mdev), test_work_enter);
	KUNIT_EXPECT_FALSE(test, test_has_ended(&thread));
	mdev_undrain(mdev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), 0);
	mdev_close(mdev);
}

static void test_drain_concurrent(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct test_thread thread = {};

	KUNIT_ASSERT_EQ(test, mdev_drain(mdev), 0);
	test_thread_start(&thread, test_vendor_of(mdev), test_work_drain);
	KUNIT_EXPECT_FALSE(test, test_has_ended(&thread));
	mdev_undrain(mdev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), 0);
	mdev_close(mdev);
}

/* A killed task gives up, and callbacks go on as before. */
static void test_drain_killed(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct test_thread thread = {};

	KUNIT_ASSERT_EQ(test, mdev_callback_enter(mdev), 0);
	test_thread_start(&thread, test_vendor_of(mdev), test_work_drain);
	KUNIT_EXPECT_FALSE(test, test_has_ended(&thread));
	send_sig(SIGKILL, thread.task, 1);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), -ERESTARTSYS);

	KUNIT_EXPECT_TRUE(test, mdev_callback_try_enter(mdev));
	mdev_callback_exit(mdev);
	mdev_callback_exit(mdev);
	KUNIT_EXPECT_EQ(test, mdev_drain(mdev), 0);
	mdev_undrain(mdev);
	mdev_close(mdev);
}

static void test_callback_enter_killed(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct test_thread thread = {};

	KUNIT_ASSERT_EQ(test, mdev_drain(mdev), 0);
	test_thread_start(&thread, test_vendor_of(mdev), test_work_enter);
	KUNIT_EXPECT_FALSE(test, test_has_ended(&thread));
	send_sig(SIGKILL, thread.task, 1);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), -ERESTARTSYS);
	mdev_undrain(mdev);
	mdev_close(mdev);
}

struct test_entry {
	struct wait_queue_entry wait;
	unsigned int wakeups;
};

static int test_entry_woken(struct wait_queue_entry *wait, unsigned int mode,
			    int sync, void *key)
{
	container_of(wait, struct test_entry, wait)->wakeups++;
	list_del_init(&wait->entry);
	return 0;
}

static void test_callback_enter_or_queue(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct test_entry entry = {};

	init_waitqueue_func_entry(&entry.wait, test_entry_woken);
	INIT_LIST_HEAD(&entry.wait.entry);
	KUNIT_EXPECT_TRUE(test, mdev_callback_enter_or_queue(mdev, &entry.wait));
	mdev_callback_exit(mdev);

	KUNIT_ASSERT_EQ(test, mdev_drain(mdev), 0);
	KUNIT_EXPECT_FALSE(test, mdev_callback_enter_or_queue(mdev,
							      &entry.wait));
	/* Queued twice, woken up once */
	KUNIT_EXPECT_FALSE(test, mdev_callback_enter_or_queue(mdev,
							      &entry.wait));
	KUNIT_EXPECT_EQ(test, entry.wakeups, 0);
	mdev_undrain(mdev);
	KUNIT_EXPECT_EQ(test, entry.wakeups, 1);

	KUNIT_ASSERT_EQ(test, mdev_drain(mdev), 0);
	KUNIT_EXPECT_FALSE(test, mdev_callback_enter_or_queue(mdev,
							      &entry.wait));
	mdev_callback_unqueue(mdev, &entry.wait);
	mdev_undrain(mdev);
	KUNIT_EXPECT_EQ(test, entry.wakeups, 1);
	mdev_close(mdev);
}

static void test_stop_waits_for_callback(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct test_vendor *vendor = test_vendor_of(mdev);
	struct test_thread thread = {};

	KUNIT_ASSERT_EQ(test, mdev_callback_enter(mdev), 0);
	test_thread_start(&thread, vendor, test_work_offline);
	KUNIT_EXPECT_FALSE(test, test_has_ended(&thread));
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSO");
	KUNIT_EXPECT_TRUE(test, mdev_is_online(mdev));
	mdev_callback_exit(mdev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPSOT");
	mdev_close(mdev);
}

static void test_stop_blocks_callback(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct test_vendor *vendor = test_vendor_of(mdev);
	struct test_thread thread = {};

	vendor->hold = TEST_STOP;
	test_thread_start(&thread, vendor, test_work_offline);
	test_wait_held(vendor);
	KUNIT_EXPECT_FALSE(test, mdev_callback_try_enter(mdev));
	complete(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), 0);
	vendor->hold = 0;
	KUNIT_EXPECT_EQ(test, mdev_callback_enter(mdev), 0);
	mdev_callback_exit(mdev);
	mdev_close(mdev);
}

/* A request that was not handled before the last close is dropped. */
static void test_close_drops_reset_request(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);

	mdev_request_reset(mdev);
	KUNIT_EXPECT_TRUE(test, test_bit(MDEV_RESET_REQUESTED, &mdev->flags));
	mdev_close(mdev);
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	KUNIT_EXPECT_FALSE(test, test_bit(MDEV_RESET_REQUESTED, &mdev->flags));
	mdev_close(mdev);
}

static struct kunit_case mdev_drain_cases[] = {
	KUNIT_CASE(test_drain_waits_for_callback),
	KUNIT_CASE(test_drain_blocks_callback),
	KUNIT_CASE(test_drain_concurrent),
	KUNIT_CASE(test_drain_killed),
	KUNIT_CASE(test_callback_enter_killed),
	KUNIT_CASE(test_callback_enter_or_queue),
	KUNIT_CASE(test_stop_waits_for_callback),
	KUNIT_CASE(test_stop_blocks_callback),
	KUNIT_CASE(test_close_drops_reset_request),
	{}
};

static struct kunit_suite mdev_drain_suite = {
	.name = "mdev_drain",
	.suite_init = test_suite_init,
	.suite_exit = test_suite_exit,
	.init = test_case_init,
	.test_cases = mdev_drain_cases,
};

kunit_test_suite(mdev_drain_suite);
