// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of pci/recovery.c: what PCI error handlers and system sleep call. The card
 * has no config space, so slot_reset, which restores it, is tested with medu.
 */

#include <linux/jiffies.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/workqueue.h>

#include "../pci/private.h"
#include "mdev_pci_test_device.h"

static struct pci_dev *test_card(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct pci_dev *card = kunit_kzalloc(test, sizeof(*card), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, card);
	pci_set_drvdata(card, &fixture->parent);
	return card;
}

/* pci_ers_result_t is no number for KUNIT_EXPECT_EQ() */
static void test_expect_result(struct kunit *test, struct pci_dev *card,
			       pci_channel_state_t state, pci_ers_result_t result)
{
	KUNIT_EXPECT_TRUE(test, result ==
			  mdev_pci_error_handlers.error_detected(card, state));
}

static void test_frozen(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct pci_dev *card = test_card(test);

	test_expect_result(test, card, pci_channel_io_frozen,
			   PCI_ERS_RESULT_NEED_RESET);
	KUNIT_EXPECT_EQ(test, fixture->halts, 1);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, 0);
	mdev_pci_error_handlers.resume(card);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN);
	KUNIT_EXPECT_FALSE(test, mdev_is_dead(fixture->mdev));
}

/* The PCI core does not always end what it has begun. */
static void test_recovery_timeout(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct pci_dev *card = test_card(test);

	test_expect_result(test, card, pci_channel_io_frozen,
			   PCI_ERS_RESULT_NEED_RESET);
	mdev_pci_error_handlers.resume(card);
	flush_delayed_work(&fixture->parent.core->recovery);
	KUNIT_EXPECT_FALSE(test, mdev_is_dead(fixture->mdev));

	test_expect_result(test, card, pci_channel_io_frozen,
			   PCI_ERS_RESULT_NEED_RESET);
	flush_delayed_work(&fixture->parent.core->recovery);
	KUNIT_EXPECT_TRUE(test, mdev_is_dead(fixture->mdev));
}

/* A pause of the driver's own lasts until the driver ends it. */
static void test_resume_without_pause(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct pci_dev *card = test_card(test);

	KUNIT_ASSERT_EQ(test, mdev_pci_pause(&fixture->parent, 10000), 0);
	test_expect_result(test, card, pci_channel_io_normal,
			   PCI_ERS_RESULT_CAN_RECOVER);
	mdev_pci_error_handlers.resume(card);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, 0);
	mdev_pci_resume(&fixture->parent);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN);
}

static void test_channel_normal(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_expect_result(test, test_card(test), pci_channel_io_normal,
			   PCI_ERS_RESULT_CAN_RECOVER);
	KUNIT_EXPECT_EQ(test, fixture->halts, 0);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN);
}

static void test_perm_failure(struct kunit *test)
{
	const struct pci_error_handlers *handlers = &mdev_pci_error_handlers;
	struct test_pci *fixture = test->priv;
	struct pci_dev *card = test_card(test);

	test_expect_result(test, card, pci_channel_io_perm_failure,
			   PCI_ERS_RESULT_DISCONNECT);
	KUNIT_EXPECT_EQ(test, fixture->halts, 1);
	KUNIT_EXPECT_TRUE(test, mdev_is_dead(fixture->mdev));

	/* A reset after that does not bring it back */
	handlers->reset_prepare(card);
	handlers->reset_done(card);
	KUNIT_EXPECT_EQ(test, fixture->restarts, 0);
	KUNIT_EXPECT_TRUE(test, mdev_is_dead(fixture->mdev));
}

static void test_frozen_pause_fails(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	fixture->run_error = -ETIMEDOUT;
	test_expect_result(test, test_card(test), pci_channel_io_frozen,
			   PCI_ERS_RESULT_DISCONNECT);
	KUNIT_EXPECT_TRUE(test, mdev_is_dead(fixture->mdev));
	fixture->run_error = 0;
}

static void test_reset_done_restarts(struct kunit *test)
{
	const struct pci_error_handlers *handlers = &mdev_pci_error_handlers;
	struct test_pci *fixture = test->priv;
	struct pci_dev *card = test_card(test);

	handlers->reset_prepare(card);
	KUNIT_EXPECT_EQ(test, fixture->halts, 0);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, 0);
	handlers->reset_done(card);
	KUNIT_EXPECT_EQ(test, fixture->restarts, 1);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN);

	handlers->reset_prepare(card);
	fixture->restart_error = -ENODEV;
	handlers->reset_done(card);
	KUNIT_EXPECT_TRUE(test, mdev_is_dead(fixture->mdev));
	KUNIT_EXPECT_EQ(test, fixture->run_flags, 0);
}

/* As by a write of 1 to the card's attribute reset */
static void test_reset_ends_recovery(struct kunit *test)
{
	const struct pci_error_handlers *handlers = &mdev_pci_error_handlers;
	struct test_pci *fixture = test->priv;
	struct pci_dev *card = test_card(test);

	test_expect_result(test, card, pci_channel_io_frozen,
			   PCI_ERS_RESULT_NEED_RESET);
	handlers->reset_prepare(card);
	handlers->reset_done(card);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN);
	flush_delayed_work(&fixture->parent.core->recovery);
	KUNIT_EXPECT_FALSE(test, mdev_is_dead(fixture->mdev));
	/* The PCI core's end of it */
	handlers->resume(card);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN);
}

static void test_reset_prepare_pause_fails(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	fixture->run_error = -ETIMEDOUT;
	mdev_pci_error_handlers.reset_prepare(test_card(test));
	KUNIT_EXPECT_TRUE(test, mdev_is_dead(fixture->mdev));
	fixture->run_error = 0;
}

static void test_suspend_resume(struct kunit *test)
{
	const struct dev_pm_ops *pm = &mdev_pci_pm_ops;
	struct test_pci *fixture = test->priv;
	struct device *dev = &test_card(test)->dev;

	if (!pm->suspend)
		kunit_skip(test, "the kernel has no CONFIG_PM_SLEEP");
	fixture->run_error = -ETIMEDOUT;
	KUNIT_EXPECT_EQ(test, pm->suspend(dev), -ETIMEDOUT);
	fixture->run_error = 0;
	KUNIT_ASSERT_EQ(test, pm->suspend(dev), 0);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, 0);
	KUNIT_EXPECT_EQ(test, pm->resume(dev), 0);
	KUNIT_EXPECT_EQ(test, fixture->restarts, 1);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN);

	mdev_pci_mark_dead(&fixture->parent);
	KUNIT_EXPECT_EQ(test, pm->suspend(dev), 0);
	KUNIT_EXPECT_EQ(test, pm->resume(dev), 0);
	KUNIT_EXPECT_EQ(test, fixture->restarts, 1);
}

static int test_config_read(struct pci_bus *bus, unsigned int devfn, int where, int size,
			    u32 *value)
{
	*value = 0;
	return PCIBIOS_SUCCESSFUL;
}

/* Config space of a card that has not been restarted reads as ones, and is not saved. */
static void test_restart_saves_state(struct kunit *test)
{
	static struct pci_ops ops = { .read = test_config_read };
	const struct pci_error_handlers *handlers = &mdev_pci_error_handlers;
	struct test_pci *fixture = test->priv;
	struct pci_dev *card = test_card(test);

	card->bus = kunit_kzalloc(test, sizeof(*card->bus), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, card->bus);
	card->bus->ops = &ops;
	card->dev.bus = &pci_bus_type;
	handlers->reset_prepare(card);
	KUNIT_EXPECT_FALSE(test, card->state_saved);
	handlers->reset_done(card);
	KUNIT_EXPECT_TRUE(test, card->state_saved);

	card->state_saved = false;
	fixture->restart_error = -EIO;
	handlers->reset_prepare(card);
	handlers->reset_done(card);
	KUNIT_EXPECT_EQ(test, fixture->restarts, 2);
	KUNIT_EXPECT_FALSE(test, card->state_saved);
}

/* restart() has undone the halt() of a concurrent death. */
static void test_mark_dead_during_restart(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct pci_dev *card = test_card(test);

	fixture->restart_dies = true;
	mdev_pci_error_handlers.reset_prepare(card);
	mdev_pci_error_handlers.reset_done(card);
	KUNIT_EXPECT_EQ(test, fixture->restarts, 1);
	KUNIT_EXPECT_EQ(test, fixture->halts, 2);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, 0);
}

/* The second error halts again, and the recovery has all its time again. */
static void test_frozen_during_recovery(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct pci_dev *card = test_card(test);
	struct delayed_work *recovery = &fixture->parent.core->recovery;

	test_expect_result(test, card, pci_channel_io_frozen,
			   PCI_ERS_RESULT_NEED_RESET);
	cancel_delayed_work(recovery);
	schedule_delayed_work(recovery, 60 * HZ);
	test_expect_result(test, card, pci_channel_io_frozen,
			   PCI_ERS_RESULT_NEED_RESET);
	KUNIT_EXPECT_EQ(test, fixture->halts, 2);
	KUNIT_EXPECT_TRUE(test, time_after(recovery->timer.expires, jiffies + 60 * HZ));
	/* One resume ends it */
	mdev_pci_error_handlers.resume(card);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN);

	test_expect_result(test, card, pci_channel_io_frozen,
			   PCI_ERS_RESULT_NEED_RESET);
	mdev_pci_mark_dead(&fixture->parent);
	test_expect_result(test, card, pci_channel_io_frozen,
			   PCI_ERS_RESULT_DISCONNECT);
}

static void test_without_callbacks(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct pci_dev *card = test_card(test);

	fixture->driver.halt = NULL;
	fixture->driver.restart = NULL;
	mdev_pci_error_handlers.reset_prepare(card);
	mdev_pci_error_handlers.reset_done(card);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN);
	mdev_pci_mark_dead(&fixture->parent);
	KUNIT_EXPECT_TRUE(test, mdev_is_dead(fixture->mdev));
}

static struct kunit_case mdev_pci_recovery_cases[] = {
	KUNIT_CASE(test_frozen),
	KUNIT_CASE(test_recovery_timeout),
	KUNIT_CASE(test_resume_without_pause),
	KUNIT_CASE(test_channel_normal),
	KUNIT_CASE(test_perm_failure),
	KUNIT_CASE(test_frozen_pause_fails),
	KUNIT_CASE(test_reset_done_restarts),
	KUNIT_CASE(test_reset_ends_recovery),
	KUNIT_CASE(test_reset_prepare_pause_fails),
	KUNIT_CASE(test_suspend_resume),
	KUNIT_CASE(test_restart_saves_state),
	KUNIT_CASE(test_mark_dead_during_restart),
	KUNIT_CASE(test_frozen_during_recovery),
	KUNIT_CASE(test_without_callbacks),
	{}
};

static struct kunit_suite mdev_pci_recovery_suite = {
	.name = "mdev_pci_recovery",
	.init = test_pci_init,
	.test_cases = mdev_pci_recovery_cases,
};

kunit_test_suite(mdev_pci_recovery_suite);
