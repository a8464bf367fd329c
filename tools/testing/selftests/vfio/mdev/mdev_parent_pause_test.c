// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of a VMM and an administrator while the parent is paused or dead: they wait
 * for the resume, return -EINTR when the task is killed, can be frozen, and fail when the
 * parent is dead. mdev_sim's debugfs file "parent" calls mdev_pause_parent(),
 * mdev_resume_parent() and mdev_mark_parent_dead().
 */
#include <errno.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "dma_lib.h"
#include "irq_lib.h"
#include "mdev_lib.h"
#include "migration_lib.h"
#include "parent_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

FIXTURE(operation)
{
	struct devices devices;
	int device;
	int event;
};

/* Results of @work: after the resume, and with a dead parent */
FIXTURE_VARIANT(operation)
{
	work_fn work;
	int resumed;
	int dead;
	int state;
};

FIXTURE_VARIANT_ADD(operation, read) { work_read, 0, -EIO };
FIXTURE_VARIANT_ADD(operation, write) { work_write, 0, -EIO };
FIXTURE_VARIANT_ADD(operation, set_irqs) { work_set_irqs, 0, -EIO };
FIXTURE_VARIANT_ADD(operation, feature) { work_feature, 0, -EIO };
FIXTURE_VARIANT_ADD(operation, log_start) { work_log_start, 0, -EIO };
FIXTURE_VARIANT_ADD(operation, region_info) { work_region_info, 0, -EIO };
FIXTURE_VARIANT_ADD(operation, irq_info) { work_irq_info, 0, -EIO };
FIXTURE_VARIANT_ADD(operation, reset) { work_reset, 0, -EIO };
FIXTURE_VARIANT_ADD(operation, migration_stop) { work_migration_stop, 0, -EIO };
FIXTURE_VARIANT_ADD(operation, data_size) { work_data_size, 0, -EIO };
FIXTURE_VARIANT_ADD(operation, read_state) { work_read_state, 0, -EIO, STOP_COPY };
FIXTURE_VARIANT_ADD(operation, write_state) { work_write_state, 0, -EIO, RESUMING };
FIXTURE_VARIANT_ADD(operation, access_mapping) { work_access_mapping, 0, -EFAULT };
FIXTURE_VARIANT_ADD(operation, open) { work_open, 0, -ENODEV };
FIXTURE_VARIANT_ADD(operation, create) { work_create, 0, -ENODEV };
FIXTURE_VARIANT_ADD(operation, remove) { work_remove, 0, 0 };
FIXTURE_VARIANT_ADD(operation, online) { work_online, 0, -EIO };

FIXTURE_SETUP(operation)
{
	if (parent_prepare() == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, devices_open(&self->devices));
	self->device = self->devices.device;
	self->event = irq_eventfd();
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	state_data = -1;
	if (variant->state) {
		state_data = migration_go(self->device, variant->state);
		ASSERT_LE(0, state_data);
	}
}

FIXTURE_TEARDOWN(operation)
{
	close(self->event);
	if (state_data >= 0)
		close(state_data);
	EXPECT_EQ(0, devices_close(&self->devices));
}

TEST_F_TIMEOUT(operation, waits_during_pause, PARENT_TIMEOUT)
{
	pid_t pid;

	ASSERT_EQ(0, pause_parent(PAUSE_MS));
	pid = start(variant->work, self->device);
	EXPECT_TRUE(waits(pid));
	ASSERT_EQ(0, resume_parent());
	EXPECT_EQ(variant->resumed, result(pid));
}

TEST_F_TIMEOUT(operation, killed_during_pause, PARENT_TIMEOUT)
{
	pid_t pid;

	ASSERT_EQ(0, pause_parent(PAUSE_MS));
	pid = start(variant->work, self->device);
	EXPECT_TRUE(waits(pid));
	EXPECT_EQ(-EINTR, result_when_killed(pid));
	ASSERT_EQ(0, resume_parent());
	pid = start(variant->work, self->device);
	EXPECT_EQ(variant->resumed, result(pid));
}

TEST_F_TIMEOUT(operation, parent_dies_during_pause, PARENT_TIMEOUT)
{
	pid_t pid;

	ASSERT_EQ(0, pause_parent(PAUSE_MS));
	pid = start(variant->work, self->device);
	EXPECT_TRUE(waits(pid));
	ASSERT_EQ(0, kill_parent());
	EXPECT_EQ(variant->dead, result(pid));
}

TEST_F_TIMEOUT(operation, dead_parent, PARENT_TIMEOUT)
{
	pid_t pid;

	ASSERT_EQ(0, kill_parent());
	pid = start(variant->work, self->device);
	EXPECT_EQ(variant->dead, result(pid));
	/* mdev_resume_parent() has no effect on a dead parent */
	EXPECT_EQ(0, resume_parent());
	EXPECT_EQ(-EIO, pause_parent(PAUSE_MS));
	EXPECT_EQ(-EIO, work_read(self->device));
}

/* All tasks are frozen, and thawed a second later. */
static int freeze_tasks(void)
{
	int ret;

	ret = sysfs_write("freezer", "/sys/power/pm_test");
	if (!ret)
		ret = sysfs_write("1", "/sys/module/suspend/parameters/pm_test_delay");
	if (!ret)
		ret = sysfs_write("freeze", "/sys/power/state");
	sysfs_write("none", "/sys/power/pm_test");
	return ret;
}

/* A suspend does not fail because of a task that waits for a parent. */
TEST_F_TIMEOUT(operation, frozen_during_pause, PARENT_TIMEOUT)
{
	pid_t pid;

	if (!path_exists("/sys/power/pm_test"))
		SKIP(return, "needs CONFIG_PM_DEBUG");
	if (variant->work == work_open)
		SKIP(return, "VFIO core waits with locks held");
	ASSERT_EQ(0, pause_parent(PAUSE_MS));
	pid = start(variant->work, self->device);
	EXPECT_TRUE(waits(pid));
	EXPECT_EQ(0, freeze_tasks());
	EXPECT_TRUE(waits(pid));
	ASSERT_EQ(0, resume_parent());
	EXPECT_EQ(variant->resumed, result(pid));
}

/* The parent is unregistered during the pause: operations that wait fail. */
TEST_F_TIMEOUT(operation, unregistered_during_pause, PARENT_TIMEOUT)
{
	bool gone = variant->work == work_create || variant->work == work_remove ||
		    variant->work == work_open || variant->work == work_online;
	pid_t pid, unbinder;
	int ret;

	ASSERT_EQ(0, pause_parent(PAUSE_MS));
	pid = start(variant->work, self->device);
	EXPECT_TRUE(waits(pid));
	unbinder = start(work_unbind, self->device);
	ret = result(pid);
	/* The device can be unregistered before the task has seen it dead */
	EXPECT_TRUE(ret == variant->dead || (gone && ret == -ENODEV));
	close(state_data);
	state_data = -1;
	dma_close(&self->devices.user);
	EXPECT_EQ(0, result(unbinder));
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_A));
	EXPECT_EQ(0, sim_bind(SIM_FULL));
	EXPECT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
}

TEST_HARNESS_MAIN
