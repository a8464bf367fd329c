// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of pci/engine.c and of the token of pci/run.c: turns, and waits for interrupts. */

#include <kunit/test-bug.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/workqueue.h>

#include "../pci/private.h"
#include "mdev_pci_test_device.h"

#define TEST_LONG_TIMEOUT	(60 * HZ)

/**
 * struct test_engine - an engine, and what does something with it asynchronously
 * @engine: the engine of the fixture's parent
 * @pci: the device
 * @token: for begin() in @work
 * @begun: the result of that, or @work has ended
 * @calls: number of calls of run()
 * @work: a turn of the device, a halt, or the wait for a turn
 * @other: a turn that lasts from @holding to @release
 * @holding: @other has begun
 * @release: the test lets @other end
 */
struct test_engine {
	struct mdev_pci_engine engine;
	struct mdev_pci *pci;
	unsigned long token;
	bool begun;
	unsigned int calls;
	struct delayed_work work;
	struct work_struct other;
	struct completion holding;
	struct completion release;
};

/* Not in the test's own thread: mdev_pci_core.lock is taken before that of the engine. */
static void test_other_turn_work(struct work_struct *work)
{
	struct test_engine *own = container_of(work, struct test_engine, other);
	bool begun = mdev_pci_engine_begin(&own->engine, own->pci, own->token, MDEV_PCI_RUN);

	complete(&own->holding);
	wait_for_completion(&own->release);
	if (begun)
		mdev_pci_engine_end(&own->engine);
}

static struct test_engine *test_engine_new(struct kunit *test, work_func_t work)
{
	struct test_engine *own = kunit_kzalloc(test, sizeof(*own), GFP_KERNEL);
	struct test_pci *fixture = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, own);
	mdev_pci_engine_init(&own->engine, &fixture->parent, TEST_LONG_TIMEOUT);
	own->pci = fixture->pci;
	own->token = mdev_pci_run_token(fixture->pci);
	INIT_DELAYED_WORK(&own->work, work);
	INIT_WORK(&own->other, test_other_turn_work);
	init_completion(&own->holding);
	init_completion(&own->release);
	return own;
}

static bool test_turn(struct test_engine *own, unsigned long token, unsigned int flag)
{
	bool begun = mdev_pci_engine_begin(&own->engine, own->pci, token, flag);

	if (begun)
		mdev_pci_engine_end(&own->engine);
	return begun;
}

static void test_turn_work(struct work_struct *work)
{
	struct test_engine *own = container_of(work, struct test_engine, work.work);

	own->begun = test_turn(own, own->token, MDEV_PCI_RUN);
}

static void test_halt_work(struct work_struct *work)
{
	mdev_pci_engine_halt(&container_of(work, struct test_engine, work.work)->engine);
}

static void test_token_has_flags(struct kunit *test)
{
	struct test_engine *own = test_engine_new(test, test_turn_work);
	struct test_pci *fixture = test->priv;

	KUNIT_EXPECT_TRUE(test, test_turn(own, own->token, MDEV_PCI_RUN));
	KUNIT_EXPECT_FALSE(test, test_turn(own, own->token, MDEV_PCI_DMA));
	test_pci_command(fixture, PCI_COMMAND_MASTER);
	KUNIT_EXPECT_FALSE(test, test_turn(own, own->token, MDEV_PCI_RUN));
	own->token = mdev_pci_run_token(fixture->pci);
	KUNIT_EXPECT_TRUE(test, test_turn(own, own->token, MDEV_PCI_RUN));
	KUNIT_EXPECT_TRUE(test, test_turn(own, own->token, MDEV_PCI_DMA));
	test_pci_power(fixture, 3);
	KUNIT_EXPECT_FALSE(test, test_turn(own, mdev_pci_run_token(fixture->pci),
					   MDEV_PCI_RUN));
}

/* The flags are the same after it. */
static void test_reset_cancels_token(struct kunit *test)
{
	struct test_engine *own = test_engine_new(test, test_turn_work);
	struct test_pci *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, fixture->ops->reset(fixture->mdev), 0);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN);
	KUNIT_EXPECT_FALSE(test, test_turn(own, own->token, MDEV_PCI_RUN));
	KUNIT_EXPECT_TRUE(test, test_turn(own, mdev_pci_run_token(fixture->pci),
					  MDEV_PCI_RUN));
}

/* A device that could not be stopped goes on, and one that is reset does not. */
static void test_run_fails_token(struct kunit *test)
{
	struct test_engine *own = test_engine_new(test, test_turn_work);
	struct test_pci *fixture = test->priv;

	fixture->run_error = -EIO;
	KUNIT_EXPECT_EQ(test, mdev_pci_pause(&fixture->parent, 10000), -EIO);
	KUNIT_EXPECT_FALSE(test, test_turn(own, own->token, MDEV_PCI_RUN));
	KUNIT_EXPECT_TRUE(test, test_turn(own, mdev_pci_run_token(fixture->pci),
					  MDEV_PCI_RUN));
	fixture->ops->reset(fixture->mdev);
	KUNIT_EXPECT_EQ(test, mdev_pci_run_token(fixture->pci) & MDEV_PCI_RUN, 0);
	fixture->run_error = 0;
}

/* The device of test_failed_start_ends_turns() */
static struct test_engine *test_failing;

static int test_fail_start(struct mdev_pci *pci, unsigned int flags)
{
	struct test_engine *own = test_failing;

	/* As a work item, which can run at any time */
	if (!own->calls++)
		own->token = mdev_pci_run_token(pci);
	own->begun = test_turn(own, own->token, MDEV_PCI_RUN);
	return flags ? -EIO : 0;
}

/* When run() is called again, no turn can begin with the flags that it has refused. */
static void test_failed_start_ends_turns(struct kunit *test)
{
	struct test_engine *own = test_engine_new(test, test_turn_work);
	struct test_pci *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, mdev_pci_pause(&fixture->parent, 10000), 0);
	test_failing = own;
	fixture->driver.run = test_fail_start;
	mdev_pci_resume(&fixture->parent);
	KUNIT_EXPECT_EQ(test, own->calls, 2);
	KUNIT_EXPECT_FALSE(test, own->begun);
	KUNIT_EXPECT_EQ(test, mdev_pci_run_token(own->pci) & MDEV_PCI_RUN, 0);
}

/* The token has changed when run() is called: turns that begin afterwards don't. */
static int test_run_checks_token(struct mdev_pci *pci, unsigned int flags)
{
	struct kunit *test = kunit_get_current_test();

	KUNIT_EXPECT_EQ(test, mdev_pci_run_token(pci) & (MDEV_PCI_RUN | MDEV_PCI_DMA), flags);
	return 0;
}

static void test_token_precedes_run(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	fixture->driver.run = test_run_checks_token;
	test_pci_command(fixture, PCI_COMMAND_MASTER);
	test_pci_power(fixture, 3);
	test_pci_power(fixture, 0);
}

static void test_sync_work(struct work_struct *work)
{
	struct test_engine *own = container_of(work, struct test_engine, work.work);

	mdev_pci_engine_sync(&own->engine);
	WRITE_ONCE(own->begun, true);
}

/* Whether @work, begun during a turn, ends before that does */
static void test_work_waits(struct kunit *test, struct test_engine *own)
{
	KUNIT_ASSERT_TRUE(test, mdev_pci_engine_begin(&own->engine, own->pci, own->token,
						      MDEV_PCI_RUN));
	schedule_delayed_work(&own->work, 0);
	/* Enough for it to end */
	msleep(100);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(own->begun));
	mdev_pci_engine_end(&own->engine);
	flush_delayed_work(&own->work);
	KUNIT_EXPECT_TRUE(test, own->begun);
}

static void test_one_turn_at_a_time(struct kunit *test)
{
	test_work_waits(test, test_engine_new(test, test_turn_work));
}

static void test_sync_waits_for_turn(struct kunit *test)
{
	test_work_waits(test, test_engine_new(test, test_sync_work));
}

/* Also by a driver without ->halt() */
static void test_dead_has_no_turns(struct kunit *test)
{
	struct test_engine *own = test_engine_new(test, test_turn_work);
	struct test_pci *fixture = test->priv;

	mdev_pci_mark_dead(&fixture->parent);
	KUNIT_EXPECT_FALSE(test, test_turn(own, own->token, MDEV_PCI_RUN));
}

/* It was stopped while it waited for the turn of another one. */
static void test_stopped_while_waiting(struct kunit *test)
{
	struct test_engine *own = test_engine_new(test, test_turn_work);
	struct test_pci *fixture = test->priv;

	schedule_work(&own->other);
	wait_for_completion(&own->holding);
	schedule_delayed_work(&own->work, 0);
	own->begun = true;
	test_pci_power(fixture, 3);
	complete(&own->release);
	flush_work(&own->other);
	flush_delayed_work(&own->work);
	KUNIT_EXPECT_FALSE(test, own->begun);

	test_pci_power(fixture, 0);
	own->token = mdev_pci_run_token(own->pci);
	schedule_delayed_work(&own->work, 0);
	flush_delayed_work(&own->work);
	KUNIT_EXPECT_TRUE(test, own->begun);
}

static void test_halt_refuses_turns(struct kunit *test)
{
	struct test_engine *own = test_engine_new(test, test_turn_work);

	mdev_pci_engine_halt(&own->engine);
	KUNIT_EXPECT_FALSE(test, test_turn(own, own->token, MDEV_PCI_RUN));
	KUNIT_EXPECT_EQ(test, mdev_pci_engine_wait(&own->engine, true), -EIO);
	mdev_pci_engine_restart(&own->engine);
	KUNIT_EXPECT_TRUE(test, test_turn(own, own->token, MDEV_PCI_RUN));
	/* Nor does the halt end a wait after that */
	KUNIT_EXPECT_FALSE(test, try_wait_for_completion(&own->engine.done));
	complete(&own->engine.done);
	KUNIT_EXPECT_EQ(test, mdev_pci_engine_wait(&own->engine, true), 0);
}

static void test_halt_ends_wait(struct kunit *test)
{
	struct test_engine *own = test_engine_new(test, test_halt_work);
	struct test_pci *fixture = test->priv;

	schedule_delayed_work(&own->work, 1);
	KUNIT_EXPECT_EQ(test, mdev_pci_engine_wait(&own->engine, false), -EIO);
	flush_delayed_work(&own->work);
	KUNIT_EXPECT_FALSE(test, mdev_is_dead(fixture->mdev));
}

/* Registers of a card that is gone can read as if it was done. */
static void test_timeout_is_death(struct kunit *test)
{
	struct test_engine *own = test_engine_new(test, test_turn_work);
	struct test_pci *fixture = test->priv;

	own->engine.timeout = 2;
	KUNIT_EXPECT_EQ(test, mdev_pci_engine_wait(&own->engine, true), -EIO);
	KUNIT_EXPECT_TRUE(test, mdev_is_dead(fixture->mdev));
	KUNIT_EXPECT_EQ(test, fixture->halts, 1);
}

/* The first interrupt is one of before. */
static void test_late_interrupt(struct kunit *test)
{
	struct test_engine *own = test_engine_new(test, test_turn_work);
	unsigned int checks = 0;

	complete(&own->engine.done);
	complete(&own->engine.done);
	KUNIT_EXPECT_EQ(test, mdev_pci_engine_wait(&own->engine, ++checks == 2), 0);
	KUNIT_EXPECT_EQ(test, checks, 2);
}

static struct kunit_case mdev_pci_engine_cases[] = {
	KUNIT_CASE(test_token_has_flags),
	KUNIT_CASE(test_reset_cancels_token),
	KUNIT_CASE(test_run_fails_token),
	KUNIT_CASE(test_failed_start_ends_turns),
	KUNIT_CASE(test_token_precedes_run),
	KUNIT_CASE(test_one_turn_at_a_time),
	KUNIT_CASE(test_sync_waits_for_turn),
	KUNIT_CASE(test_dead_has_no_turns),
	KUNIT_CASE(test_stopped_while_waiting),
	KUNIT_CASE(test_halt_refuses_turns),
	KUNIT_CASE(test_halt_ends_wait),
	KUNIT_CASE(test_timeout_is_death),
	KUNIT_CASE(test_late_interrupt),
	{}
};

static struct kunit_suite mdev_pci_engine_suite = {
	.name = "mdev_pci_engine",
	.init = test_pci_init,
	.test_cases = mdev_pci_engine_cases,
};

kunit_test_suite(mdev_pci_engine_suite);
