// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hot unplug of an open device of mdev_sim: signals to the writer of "remove", and a
 * suspend of the system, while the write waits for the close. mdev_unplug_test.c has the
 * other tests of hot unplug.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "irq_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"
#include "work_lib.h"

#define REQ		VFIO_PCI_REQ_IRQ_INDEX
#define DEVICE_A	MDEV_DEVICES "/" UUID_A

/* Suspends that end after the freezer, and their duration */
#define PM_TEST		"/sys/power/pm_test"
#define PM_TEST_DELAY	"/sys/module/suspend/parameters/pm_test_delay"

static int handler_flags;

static void handle_signal(int signal)
{
	(void)signal;
}

static int remove_with_handler(void)
{
	struct sigaction action = {
		.sa_handler = handle_signal,
		.sa_flags = handler_flags,
	};

	sigaction(SIGUSR1, &action, NULL);
	return mdev_remove(UUID_A);
}

/* A removal that waits for the close of the device */
FIXTURE(unplug)
{
	struct vfio_user user;
	struct work remover;
	int request;
};

FIXTURE_VARIANT(unplug)
{
	int flags;
};

FIXTURE_VARIANT_ADD(unplug, interrupt)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(unplug, restart)
{
	.flags = SA_RESTART,
};

static bool is_requested(int request)
{
	uint64_t count;

	return read(request, &count, sizeof(count)) == sizeof(count);
}

FIXTURE_SETUP(unplug)
{
	if (sim_prepare() == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	self->request = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, self->request);
	ASSERT_EQ(0, irq_set_eventfd(self->user.device, REQ, TRIGGER,
				     self->request));
	handler_flags = variant->flags;
	ASSERT_EQ(0, work_start(&self->remover, remove_with_handler));
	ASSERT_TRUE(is_requested(self->request));
}

FIXTURE_TEARDOWN(unplug)
{
	vfio_close(&self->user);
	close(self->request);
	EXPECT_EQ(0, sim_finish());
}

TEST_F(unplug, removal_killed)
{
	work_signal(&self->remover, SIGKILL);
	EXPECT_EQ(-EINTR, work_result(&self->remover));
	EXPECT_EQ(0, sysfs_write("0", DEVICE_A "/online"));
	EXPECT_EQ(0, sysfs_write("1", DEVICE_A "/online"));
	EXPECT_EQ(MDEV_SIM_ID, sim_register(self->user.device,
					    MDEV_SIM_REG_ID));
	EXPECT_EQ(0, sim_get("remove/calls"));
}

/* A handler without SA_RESTART ends the wait; with it, the write starts over. */
TEST_F(unplug, signal_handler)
{
	work_signal(&self->remover, SIGUSR1);
	if (variant->flags & SA_RESTART) {
		EXPECT_TRUE(is_requested(self->request));
		vfio_close(&self->user);
		EXPECT_EQ(0, work_result(&self->remover));
		EXPECT_EQ(1, sim_get("remove/calls"));
	} else {
		EXPECT_EQ(-EINTR, work_result(&self->remover));
		EXPECT_EQ(0, sysfs_write("0", DEVICE_A "/online"));
	}
}

/* The freezer ends the wait, instead of failing after 20 seconds. */
TEST_F_TIMEOUT(unplug, suspend, 60)
{
	char delay[16];

	if (sysfs_read(delay, sizeof(delay), PM_TEST_DELAY) < 0 ||
	    sysfs_write("freezer", PM_TEST))
		SKIP(return, "needs CONFIG_SUSPEND and CONFIG_PM_DEBUG");
	EXPECT_EQ(0, sysfs_write("1", PM_TEST_DELAY));
	EXPECT_EQ(0, sysfs_write("freeze", "/sys/power/state"));
	EXPECT_EQ(0, sysfs_write("none", PM_TEST));
	EXPECT_EQ(0, sysfs_write(delay, PM_TEST_DELAY));

	/* The write has started over */
	EXPECT_TRUE(is_requested(self->request));
	vfio_close(&self->user);
	EXPECT_EQ(0, work_result(&self->remover));
	EXPECT_EQ(1, sim_get("remove/calls"));
}

TEST_HARNESS_MAIN
