// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of pci/pause.c: the flags of ->run(), and which devices get error interrupts. */

#include "../pci/private.h"
#include "mdev_pci_test_device.h"

#define TEST_PAUSE_MS	10000

static void test_pause_stops_device(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, PCI_COMMAND_MASTER);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN | MDEV_PCI_DMA);
	KUNIT_ASSERT_EQ(test, mdev_pci_pause(&fixture->parent, TEST_PAUSE_MS), 0);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, 0);
	KUNIT_ASSERT_EQ(test, mdev_pci_pause(&fixture->parent, TEST_PAUSE_MS), 0);
	mdev_pci_resume(&fixture->parent);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, 0);
	mdev_pci_resume(&fixture->parent);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN | MDEV_PCI_DMA);
}

/* One that a migration has stopped, or is in D3hot, stays stopped. */
static void test_pause_d3hot(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_power(fixture, 3);
	KUNIT_ASSERT_EQ(test, mdev_pci_pause(&fixture->parent, TEST_PAUSE_MS), 0);
	mdev_pci_resume(&fixture->parent);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, 0);
	test_pci_power(fixture, 0);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN);
}

static void test_pause_run_fails(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	fixture->run_error = -EIO;
	KUNIT_EXPECT_EQ(test, mdev_pci_pause(&fixture->parent, TEST_PAUSE_MS),
			-EIO);
	fixture->run_error = 0;
	KUNIT_EXPECT_FALSE(test, fixture->pci->core->paused);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN);
	KUNIT_ASSERT_EQ(test, mdev_pci_pause(&fixture->parent, TEST_PAUSE_MS), 0);

	/* The error is logged, and the next change tries again */
	fixture->run_error = -EIO;
	mdev_pci_resume(&fixture->parent);
	fixture->run_error = 0;
	KUNIT_EXPECT_EQ(test, fixture->run_flags, 0);
	test_pci_command(fixture, PCI_COMMAND_MASTER);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN | MDEV_PCI_DMA);
}

static void test_mark_dead_triggers_error(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, test_pci_set_eventfds(fixture,
						    VFIO_PCI_ERR_IRQ_INDEX, 0,
						    1, TEST_REQUEST_FD), 0);
	KUNIT_ASSERT_EQ(test, mdev_pci_pause(&fixture->parent, TEST_PAUSE_MS), 0);
	mdev_pci_mark_dead(&fixture->parent);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, TEST_REQUEST_FD), 1);
	mdev_pci_mark_dead(&fixture->parent);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, TEST_REQUEST_FD), 0);
	mdev_pci_resume(&fixture->parent);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, 0);
	KUNIT_EXPECT_TRUE(test, mdev_is_dead(fixture->mdev));
}

static int test_visit(struct mdev_pci *pci, void *data)
{
	struct test_pci *fixture = data;

	KUNIT_EXPECT_PTR_EQ(fixture->test, pci, fixture->pci);
	return -EXDEV;
}

static void test_iterate_devices(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, mdev_pci_for_each(&fixture->parent, test_visit,
						fixture), -EXDEV);
}

static struct kunit_case mdev_pci_pause_cases[] = {
	KUNIT_CASE(test_pause_stops_device),
	KUNIT_CASE(test_pause_d3hot),
	KUNIT_CASE(test_pause_run_fails),
	KUNIT_CASE(test_mark_dead_triggers_error),
	KUNIT_CASE(test_iterate_devices),
	{}
};

static struct kunit_suite mdev_pci_pause_suite = {
	.name = "mdev_pci_pause",
	.init = test_pci_init,
	.test_cases = mdev_pci_pause_cases,
};

kunit_test_suite(mdev_pci_pause_suite);
