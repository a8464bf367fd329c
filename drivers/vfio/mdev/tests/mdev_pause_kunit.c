// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of mdev_pause.c: parents that are paused, resumed and dead. */

#include <linux/delay.h>
#include <linux/pid.h>
#include <linux/pm_runtime.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "mdev_test_vendor.h"

/* Long enough for a thread that is not blocked to end, and for a pause to succeed */
#define TEST_WATCH_MS	100
#define TEST_PAUSE_MS	10000

static struct test_vendor *test_vendor_of(struct mdev_device *mdev)
{
	return dev_get_drvdata(mdev_parent_dev(mdev));
}

static int test_vendor_pause(struct mdev_device *mdev)
{
	return test_call(mdev, TEST_PAUSE);
}

static void test_vendor_resume(struct mdev_device *mdev)
{
	test_call(mdev, TEST_RESUME);
}

static struct test_vendor *test_pausable(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_new(test, "mdev_test");

	vendor->ops.pause = test_vendor_pause;
	vendor->ops.resume = test_vendor_resume;
	test_vendor_register(vendor);
	return vendor;
}

static struct mdev_device *test_open(struct kunit *test)
{
	struct mdev_device *mdev = test_created(test_pausable(test), &test_uuid);

	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	return mdev;
}

static bool test_waits(struct test_thread *thread)
{
	msleep(TEST_WATCH_MS);
	return !completion_done(&thread->done);
}

static int test_join_killed(struct test_thread *thread)
{
	send_sig(SIGKILL, thread->task, 1);
	return test_thread_join(thread);
}

static int test_work_pause(struct test_thread *thread)
{
	return mdev_pause_parent(thread->vendor->dev, TEST_PAUSE_MS);
}

static int test_work_open(struct test_thread *thread)
{
	allow_signal(SIGKILL);
	return mdev_open(thread->vendor->mdev, NULL);
}

static int test_work_close(struct test_thread *thread)
{
	mdev_close(thread->vendor->mdev);
	return 0;
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

static int test_work_enter_locked(struct test_thread *thread)
{
	int ret;

	allow_signal(SIGKILL);
	ret = mdev_callback_enter_locked(thread->vendor->mdev);
	if (!ret)
		mdev_callback_exit(thread->vendor->mdev);
	return ret;
}

static int test_work_operation(struct test_thread *thread)
{
	int ret;

	allow_signal(SIGKILL);
	ret = mdev_operation_enter(thread->vendor->mdev);
	if (!ret)
		mdev_operation_exit(thread->vendor->mdev);
	return ret;
}

static int test_work_wait_resumed(struct test_thread *thread)
{
	allow_signal(SIGKILL);
	return mdev_wait_resumed(thread->vendor->mdev);
}

static int test_work_map_wait(struct test_thread *thread)
{
	allow_signal(SIGKILL);
	return mdev_map_wait(thread->vendor->mdev);
}

/* What waits while the parent is paused, of an open device */
static const struct test_waiter {
	const char *name;
	int (*work)(struct test_thread *thread);
	int dead;
} test_waiters[] = {
	{ "callback_enter", test_work_enter, -EIO },
	{ "callback_enter_locked", test_work_enter_locked, -EIO },
	{ "operation_enter", test_work_operation, -EIO },
	{ "wait_resumed", test_work_wait_resumed, -EIO },
	{ "map_wait", test_work_map_wait, 0 },
};

static void test_waiter_describe(const struct test_waiter *waiter, char *desc)
{
	strscpy(desc, waiter->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(test_waiter, test_waiters, test_waiter_describe);

static void test_pause_blocks_enter(struct kunit *test)
{
	const struct test_waiter *waiter = test->param_value;
	struct mdev_device *mdev = test_open(test);
	struct device *dev = mdev_parent_dev(mdev);
	struct test_thread thread = {};

	KUNIT_ASSERT_EQ(test, mdev_pause_parent(dev, TEST_PAUSE_MS), 0);
	test_thread_start(&thread, test_vendor_of(mdev), waiter->work);
	KUNIT_EXPECT_TRUE(test, test_waits(&thread));
	mdev_resume_parent(dev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), 0);
	mdev_close(mdev);
}

static void test_pause_waiter_killed(struct kunit *test)
{
	const struct test_waiter *waiter = test->param_value;
	struct mdev_device *mdev = test_open(test);
	struct device *dev = mdev_parent_dev(mdev);
	struct test_thread thread = {};

	KUNIT_ASSERT_EQ(test, mdev_pause_parent(dev, TEST_PAUSE_MS), 0);
	test_thread_start(&thread, test_vendor_of(mdev), waiter->work);
	KUNIT_EXPECT_TRUE(test, test_waits(&thread));
	KUNIT_EXPECT_EQ(test, test_join_killed(&thread), -ERESTARTSYS);
	mdev_resume_parent(dev);
	mdev_close(mdev);
}

static void test_mark_dead_wakes_waiter(struct kunit *test)
{
	const struct test_waiter *waiter = test->param_value;
	struct mdev_device *mdev = test_open(test);
	struct device *dev = mdev_parent_dev(mdev);
	struct test_thread thread = {};

	KUNIT_ASSERT_EQ(test, mdev_pause_parent(dev, TEST_PAUSE_MS), 0);
	test_thread_start(&thread, test_vendor_of(mdev), waiter->work);
	KUNIT_EXPECT_TRUE(test, test_waits(&thread));
	mdev_mark_parent_dead(dev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), waiter->dead);
	/* It would not end the death */
	mdev_resume_parent(dev);
	test_thread_start(&thread, test_vendor_of(mdev), waiter->work);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), waiter->dead);
	mdev_close(mdev);
}

/* A pause waits for each kind of callback; @end ends it. */
static void test_pause_waits_for(struct kunit *test, struct mdev_device *mdev,
				 void (*end)(struct mdev_device *mdev))
{
	struct device *dev = mdev_parent_dev(mdev);
	struct test_thread thread = {};

	KUNIT_EXPECT_EQ(test, mdev_pause_parent(dev, TEST_WATCH_MS), -EBUSY);
	/* Everything goes on as before */
	KUNIT_EXPECT_EQ(test, mdev_wait_resumed(mdev), 0);
	KUNIT_EXPECT_EQ(test, mdev_callback_enter(mdev), 0);
	mdev_callback_exit(mdev);
	KUNIT_EXPECT_EQ(test, mdev_operation_enter(mdev), 0);
	mdev_operation_exit(mdev);

	test_thread_start(&thread, test_vendor_of(mdev), test_work_pause);
	KUNIT_EXPECT_TRUE(test, test_waits(&thread));
	end(mdev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), 0);
	KUNIT_EXPECT_STREQ(test, test_vendor_of(mdev)->log, "CPOZ");
	mdev_resume_parent(dev);
	KUNIT_EXPECT_STREQ(test, test_vendor_of(mdev)->log, "CPOZz");
	mdev_close(mdev);
}

static void test_pause_waits_for_callback(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);

	KUNIT_ASSERT_EQ(test, mdev_callback_enter(mdev), 0);
	test_pause_waits_for(test, mdev, mdev_callback_exit);
}

static void test_pause_waits_for_fault(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);

	KUNIT_ASSERT_TRUE(test, mdev_fault_enter(mdev));
	test_pause_waits_for(test, mdev, mdev_fault_exit);
}

static void test_pause_waits_for_operation(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);

	KUNIT_ASSERT_EQ(test, mdev_operation_enter(mdev), 0);
	test_pause_waits_for(test, mdev, mdev_operation_exit);
}

static void test_pause_blocks_faults(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct device *dev = mdev_parent_dev(mdev);
	unsigned long seq;

	KUNIT_ASSERT_TRUE(test, mdev_map_begin(mdev, &seq));
	KUNIT_ASSERT_EQ(test, mdev_pause_parent(dev, TEST_PAUSE_MS), 0);
	KUNIT_EXPECT_FALSE(test, mdev_fault_enter(mdev));
	KUNIT_EXPECT_FALSE(test, mdev_map_lock(mdev, seq));
	KUNIT_EXPECT_FALSE(test, mdev_map_begin(mdev, &seq));
	mdev_resume_parent(dev);
	KUNIT_EXPECT_TRUE(test, mdev_map_begin(mdev, &seq));
	KUNIT_EXPECT_TRUE(test, mdev_fault_enter(mdev));
	mdev_fault_exit(mdev);
	mdev_close(mdev);
}

static void test_pause_nested(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct test_vendor *vendor = test_vendor_of(mdev);

	/* Without a pause it does nothing */
	mdev_resume_parent(vendor->dev);
	KUNIT_ASSERT_EQ(test, mdev_pause_parent(vendor->dev, TEST_PAUSE_MS), 0);
	KUNIT_ASSERT_EQ(test, mdev_pause_parent(vendor->dev, 0), 0);
	mdev_resume_parent(vendor->dev);
	KUNIT_EXPECT_FALSE(test, mdev_callback_try_enter(mdev));
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOZ");
	mdev_resume_parent(vendor->dev);
	KUNIT_EXPECT_EQ(test, mdev_callback_enter(mdev), 0);
	mdev_callback_exit(mdev);
	mdev_resume_parent(vendor->dev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOZz");
	mdev_close(mdev);
}

/* The device that was paused before the one that failed is resumed. */
static void test_pause_callback_fails(struct kunit *test)
{
	struct test_vendor *vendor = test_pausable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	test_created(vendor, &test_other_uuid);
	vendor->fail[TEST_PAUSE] = -ENXIO;
	KUNIT_EXPECT_EQ(test, mdev_pause_parent(vendor->dev, TEST_PAUSE_MS),
			-ENXIO);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPCPZ");
	KUNIT_EXPECT_EQ(test, mdev_wait_resumed(mdev), 0);
	vendor->fail[TEST_PAUSE] = 0;
	KUNIT_EXPECT_EQ(test, mdev_pause_parent(vendor->dev, TEST_PAUSE_MS), 0);
	mdev_resume_parent(vendor->dev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPCPZZZzz");
}

/* A drain and a pause overlap; callbacks begin when both have ended. */
static void test_pause_during_drain(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct device *dev = mdev_parent_dev(mdev);

	KUNIT_ASSERT_EQ(test, mdev_drain(mdev), 0);
	KUNIT_ASSERT_EQ(test, mdev_pause_parent(dev, TEST_PAUSE_MS), 0);
	mdev_undrain(mdev);
	KUNIT_EXPECT_FALSE(test, mdev_callback_try_enter(mdev));
	KUNIT_ASSERT_EQ(test, mdev_drain(mdev), 0);
	mdev_resume_parent(dev);
	KUNIT_EXPECT_FALSE(test, mdev_callback_try_enter(mdev));
	mdev_undrain(mdev);
	KUNIT_EXPECT_EQ(test, mdev_callback_enter(mdev), 0);
	mdev_callback_exit(mdev);
	mdev_close(mdev);
}

static int test_work_drain(struct test_thread *thread)
{
	return mdev_drain(thread->vendor->mdev);
}

/* A drain ends at once, though the callback has not */
static void test_mark_dead_ends_drain(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct test_thread thread = {};

	KUNIT_ASSERT_EQ(test, mdev_callback_enter(mdev), 0);
	test_thread_start(&thread, test_vendor_of(mdev), test_work_drain);
	KUNIT_EXPECT_TRUE(test, test_waits(&thread));
	mdev_mark_parent_dead(mdev_parent_dev(mdev));
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), -EIO);
	mdev_callback_exit(mdev);
	KUNIT_EXPECT_EQ(test, mdev_drain(mdev), -EIO);
	mdev_close(mdev);
}

static void test_mark_dead_ends_pause(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct test_thread thread = {};

	KUNIT_ASSERT_EQ(test, mdev_callback_enter(mdev), 0);
	test_thread_start(&thread, test_vendor_of(mdev), test_work_pause);
	KUNIT_EXPECT_TRUE(test, test_waits(&thread));
	mdev_mark_parent_dead(mdev_parent_dev(mdev));
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), -EIO);
	mdev_callback_exit(mdev);
	KUNIT_EXPECT_EQ(test, mdev_pause_parent(mdev_parent_dev(mdev), 0), -EIO);
	mdev_close(mdev);
}

/* The driver cleans up: release and remove are called. */
static void test_mark_dead(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct test_vendor *vendor = test_vendor_of(mdev);
	unsigned long seq;

	mdev_mark_parent_dead(vendor->dev);
	mdev_mark_parent_dead(vendor->dev);
	KUNIT_EXPECT_TRUE(test, mdev_is_dead(mdev));
	KUNIT_EXPECT_EQ(test, mdev_callback_enter(mdev), -EIO);
	KUNIT_EXPECT_EQ(test, mdev_operation_enter(mdev), -EIO);
	KUNIT_EXPECT_FALSE(test, mdev_map_begin(mdev, &seq));
	KUNIT_EXPECT_EQ(test, mdev_map_wait(mdev), 0);
	KUNIT_EXPECT_EQ(test, test_create(vendor, 0, &test_other_uuid), -ENODEV);
	mdev_callback_enter_close(mdev);
	mdev_callback_exit_close(mdev);
	mdev_close(mdev);
	KUNIT_EXPECT_EQ(test, mdev_open(mdev, NULL), -ENODEV);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPOLUR");
}

/* From a callback, and with a callback that does not end */
static void test_mark_dead_in_callback(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);

	KUNIT_ASSERT_EQ(test, mdev_callback_enter(mdev), 0);
	KUNIT_ASSERT_EQ(test, mdev_operation_enter(mdev), 0);
	KUNIT_ASSERT_TRUE(test, mdev_fault_enter(mdev));
	mdev_mark_parent_dead(mdev_parent_dev(mdev));
	mdev_fault_exit(mdev);
	mdev_operation_exit(mdev);
	mdev_callback_exit(mdev);
	mdev_close(mdev);
}

static void test_pause_blocks_create(struct kunit *test)
{
	struct test_vendor *vendor = test_pausable(test);
	struct test_thread thread = { .uuid = test_uuid };
	struct test_thread interrupted = { .uuid = test_other_uuid };

	KUNIT_ASSERT_EQ(test, mdev_pause_parent(vendor->dev, TEST_PAUSE_MS), 0);
	test_thread_start(&thread, vendor, test_work_create);
	test_thread_start(&interrupted, vendor, test_work_create);
	KUNIT_EXPECT_TRUE(test, test_waits(&thread));
	KUNIT_EXPECT_TRUE(test, test_thread_waits(&interrupted));
	send_sig(SIGINT, interrupted.task, 1);
	KUNIT_EXPECT_EQ(test, test_thread_join(&interrupted), -ERESTARTSYS);
	KUNIT_EXPECT_STREQ(test, vendor->log, "");
	mdev_resume_parent(vendor->dev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), 0);
}

static void test_mark_dead_ends_create(struct kunit *test)
{
	struct test_vendor *vendor = test_pausable(test);
	struct test_thread thread = { .uuid = test_uuid };

	KUNIT_ASSERT_EQ(test, mdev_pause_parent(vendor->dev, TEST_PAUSE_MS), 0);
	test_thread_start(&thread, vendor, test_work_create);
	KUNIT_EXPECT_TRUE(test, test_waits(&thread));
	mdev_mark_parent_dead(vendor->dev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), -ENODEV);
	KUNIT_EXPECT_STREQ(test, vendor->log, "");
}

static void test_pause_blocks_remove(struct kunit *test)
{
	struct test_vendor *vendor = test_pausable(test);
	struct test_thread thread = {};

	test_created(vendor, &test_uuid);
	KUNIT_ASSERT_EQ(test, mdev_pause_parent(vendor->dev, TEST_PAUSE_MS), 0);
	test_thread_start(&thread, vendor, test_work_remove);
	KUNIT_EXPECT_TRUE(test, test_thread_waits(&thread));
	send_sig(SIGINT, thread.task, 1);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), -ERESTARTSYS);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPZ");

	test_thread_start(&thread, vendor, test_work_remove);
	KUNIT_EXPECT_TRUE(test, test_thread_waits(&thread));
	mdev_resume_parent(vendor->dev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPZzUR");
}

/* After a removal that fails, the device is paused with the others. */
static void test_pause_after_failed_remove(struct kunit *test)
{
	struct test_vendor *vendor = test_pausable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	vendor->fail[TEST_REMOVE] = -EBUSY;
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -EBUSY);
	KUNIT_ASSERT_EQ(test, mdev_pause_parent(vendor->dev, TEST_PAUSE_MS), 0);
	mdev_resume_parent(vendor->dev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPURPZz");
}

static void test_pause_blocks_open(struct kunit *test)
{
	struct test_vendor *vendor = test_pausable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread thread = {};

	KUNIT_ASSERT_EQ(test, mdev_pause_parent(vendor->dev, TEST_PAUSE_MS), 0);
	test_thread_start(&thread, vendor, test_work_open);
	KUNIT_EXPECT_TRUE(test, test_waits(&thread));
	KUNIT_EXPECT_EQ(test, test_join_killed(&thread), -ERESTARTSYS);
	test_thread_start(&thread, vendor, test_work_open);
	KUNIT_EXPECT_TRUE(test, test_waits(&thread));
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPZ");
	mdev_resume_parent(vendor->dev);
	KUNIT_ASSERT_EQ(test, test_thread_join(&thread), 0);

	KUNIT_ASSERT_EQ(test, mdev_pause_parent(vendor->dev, TEST_PAUSE_MS), 0);
	test_thread_start(&thread, vendor, test_work_close);
	KUNIT_EXPECT_TRUE(test, test_waits(&thread));
	mdev_resume_parent(vendor->dev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&thread), 0);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPZzOZzL");
	KUNIT_EXPECT_NULL(test, mdev->callbacks);
}

static void test_pause_waits_for_open(struct kunit *test)
{
	struct test_vendor *vendor = test_pausable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread opener = {}, pauser = {};

	vendor->hold = TEST_OPEN;
	test_thread_start(&opener, vendor, test_work_open);
	test_wait_held(vendor);
	test_thread_start(&pauser, vendor, test_work_pause);
	KUNIT_EXPECT_TRUE(test, test_waits(&pauser));
	complete(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&opener), 0);
	KUNIT_EXPECT_EQ(test, test_thread_join(&pauser), 0);
	KUNIT_EXPECT_FALSE(test, mdev_callback_try_enter(mdev));
	vendor->hold = 0;
	mdev_resume_parent(vendor->dev);
	KUNIT_EXPECT_EQ(test, mdev_callback_enter(mdev), 0);
	mdev_callback_exit(mdev);
	mdev_close(mdev);
}

/* The remove function of a driver that has not resumed does not wait. */
static void test_unregister_paused(struct kunit *test)
{
	struct test_vendor *vendor = test_pausable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct test_thread creator = { .uuid = test_other_uuid };

	KUNIT_ASSERT_EQ(test, mdev_pause_parent(vendor->dev, TEST_PAUSE_MS), 0);
	test_thread_start(&creator, vendor, test_work_create);
	KUNIT_EXPECT_TRUE(test, test_waits(&creator));
	mdev_unregister_device(vendor->dev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&creator), -ENODEV);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPZUR");
	KUNIT_EXPECT_TRUE(test, mdev_is_dead(mdev));
	mdev_resume_parent(vendor->dev);
	KUNIT_EXPECT_EQ(test, mdev_pause_parent(vendor->dev, 0), -ENODEV);
}

static void test_unregister_ends_pause(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct test_vendor *vendor = test_vendor_of(mdev);
	struct test_thread pauser = {}, unregister = {};

	KUNIT_ASSERT_EQ(test, mdev_callback_enter(mdev), 0);
	test_thread_start(&pauser, vendor, test_work_pause);
	KUNIT_EXPECT_TRUE(test, test_waits(&pauser));
	test_thread_start(&unregister, vendor, test_work_unregister);
	KUNIT_EXPECT_EQ(test, test_thread_join(&pauser), -EIO);
	KUNIT_EXPECT_EQ(test, mdev_pause_parent(vendor->dev, 0), -EIO);
	mdev_callback_exit(mdev);
	mdev_close(mdev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&unregister), 0);
}

/* A parent that was not paused lives until its devices are closed. */
static void test_pause_during_unregister(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);
	struct test_vendor *vendor = test_vendor_of(mdev);
	struct test_thread unregister = {};

	test_thread_start(&unregister, vendor, test_work_unregister);
	KUNIT_EXPECT_TRUE(test, test_waits(&unregister));
	KUNIT_EXPECT_EQ(test, mdev_pause_parent(vendor->dev, 0), -ENODEV);
	KUNIT_EXPECT_FALSE(test, mdev_is_dead(mdev));
	KUNIT_EXPECT_EQ(test, mdev_callback_enter(mdev), 0);
	mdev_callback_exit(mdev);
	mdev_close(mdev);
	KUNIT_EXPECT_EQ(test, test_thread_join(&unregister), 0);
}

static void test_parent_not_registered(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_new(test, "mdev_test");

	KUNIT_EXPECT_EQ(test, mdev_pause_parent(vendor->dev, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, mdev_for_each_device(vendor->dev, NULL, NULL),
			-ENODEV);
	mdev_resume_parent(vendor->dev);
	mdev_mark_parent_dead(vendor->dev);
}

static int test_visit(struct mdev_device *mdev, void *data)
{
	int *left = data;

	return !--*left ? -EXDEV : 0;
}

static void test_iterate_devices(struct kunit *test)
{
	struct test_vendor *vendor = test_pausable(test);
	int left = 10;

	KUNIT_EXPECT_EQ(test, mdev_for_each_device(vendor->dev, test_visit,
						   &left), 0);
	KUNIT_EXPECT_EQ(test, left, 10);
	test_created(vendor, &test_uuid);
	test_created(vendor, &test_other_uuid);
	KUNIT_EXPECT_EQ(test, mdev_for_each_device(vendor->dev, test_visit,
						   &left), 0);
	KUNIT_EXPECT_EQ(test, left, 8);
	left = 1;
	KUNIT_EXPECT_EQ(test, mdev_for_each_device(vendor->dev, test_visit,
						   &left), -EXDEV);
	KUNIT_EXPECT_EQ(test, left, 0);
}

static int test_visit_and_hold(struct mdev_device *mdev, void *data)
{
	struct test_vendor *vendor = data;

	mdev_mark_parent_dead(vendor->dev);
	complete(&vendor->held);
	wait_for_completion(&vendor->go);
	return 0;
}

static int test_work_visit(struct test_thread *thread)
{
	return mdev_for_each_device(thread->vendor->dev, test_visit_and_hold,
				    thread->vendor);
}

static void test_iterate_devices_blocks_remove(struct kunit *test)
{
	struct test_vendor *vendor = test_pausable(test);
	struct test_thread visitor = {}, remover = {};

	test_created(vendor, &test_uuid);
	test_thread_start(&visitor, vendor, test_work_visit);
	test_wait_held(vendor);
	test_thread_start(&remover, vendor, test_work_remove);
	KUNIT_EXPECT_TRUE(test, test_waits(&remover));
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPU");
	complete(&vendor->go);
	KUNIT_EXPECT_EQ(test, test_thread_join(&visitor), 0);
	KUNIT_EXPECT_EQ(test, test_thread_join(&remover), 0);
}

/* No reference to the process is left after the close. */
static void test_opener_tgid(struct kunit *test)
{
	struct mdev_device *mdev = test_open(test);

	KUNIT_EXPECT_PTR_EQ(test, mdev->core->opener_tgid, task_tgid(current));
	mdev_close(mdev);
	KUNIT_EXPECT_NULL(test, mdev->core->opener_tgid);
	mdev_log_opener(mdev, "not logged");
}

static int test_usage(const struct device *dev)
{
#ifdef CONFIG_PM
	return atomic_read(&dev->power.usage_count);
#else
	return 0;
#endif
}

/* A parent with runtime PM is held by an open device, and by one that is online. */
static void test_runtime_pm(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_startable(test);
	struct mdev_device *mdev = test_created(vendor, &test_uuid);
	struct device *dev = vendor->dev;
	int usage = test_usage(dev);

	if (!IS_ENABLED(CONFIG_PM))
		kunit_skip(test, "needs CONFIG_PM");
	pm_runtime_enable(dev);
	KUNIT_ASSERT_EQ(test, mdev_open(mdev, NULL), 0);
	KUNIT_EXPECT_EQ(test, test_usage(dev), usage + 1);
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, true), 0);
	KUNIT_EXPECT_EQ(test, test_usage(dev), usage + 2);
	mdev_close(mdev);
	KUNIT_EXPECT_EQ(test, test_usage(dev), usage + 1);
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, false), 0);
	KUNIT_EXPECT_EQ(test, test_usage(dev), usage);

	vendor->fail[TEST_OPEN] = -EIO;
	KUNIT_EXPECT_EQ(test, mdev_open(mdev, NULL), -EIO);
	vendor->fail[TEST_START] = -ENXIO;
	KUNIT_EXPECT_EQ(test, mdev_open(mdev, NULL), -ENXIO);
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, true), -ENXIO);
	KUNIT_EXPECT_EQ(test, test_usage(dev), usage);

	vendor->fail[TEST_START] = 0;
	KUNIT_EXPECT_EQ(test, mdev_set_online(mdev, true), 0);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_EQ(test, test_usage(dev), usage);
	pm_runtime_disable(dev);
}

static struct kunit_case mdev_pause_cases[] = {
	KUNIT_CASE_PARAM(test_pause_blocks_enter, test_waiter_gen_params),
	KUNIT_CASE_PARAM(test_pause_waiter_killed, test_waiter_gen_params),
	KUNIT_CASE_PARAM(test_mark_dead_wakes_waiter, test_waiter_gen_params),
	KUNIT_CASE(test_pause_waits_for_callback),
	KUNIT_CASE(test_pause_waits_for_fault),
	KUNIT_CASE(test_pause_waits_for_operation),
	KUNIT_CASE(test_pause_blocks_faults),
	KUNIT_CASE(test_pause_nested),
	KUNIT_CASE(test_pause_callback_fails),
	KUNIT_CASE(test_pause_during_drain),
	KUNIT_CASE(test_mark_dead_ends_drain),
	KUNIT_CASE(test_mark_dead_ends_pause),
	KUNIT_CASE(test_mark_dead),
	KUNIT_CASE(test_mark_dead_in_callback),
	KUNIT_CASE(test_pause_blocks_create),
	KUNIT_CASE(test_mark_dead_ends_create),
	KUNIT_CASE(test_pause_blocks_remove),
	KUNIT_CASE(test_pause_after_failed_remove),
	KUNIT_CASE(test_pause_blocks_open),
	KUNIT_CASE(test_pause_waits_for_open),
	KUNIT_CASE(test_unregister_paused),
	KUNIT_CASE(test_unregister_ends_pause),
	KUNIT_CASE(test_pause_during_unregister),
	KUNIT_CASE(test_parent_not_registered),
	KUNIT_CASE(test_iterate_devices),
	KUNIT_CASE(test_iterate_devices_blocks_remove),
	KUNIT_CASE(test_opener_tgid),
	KUNIT_CASE(test_runtime_pm),
	{}
};

static struct kunit_suite mdev_pause_suite = {
	.name = "mdev_pause",
	.suite_init = test_suite_init,
	.suite_exit = test_suite_exit,
	.init = test_case_init,
	.test_cases = mdev_pause_cases,
};

kunit_test_suite(mdev_pause_suite);
