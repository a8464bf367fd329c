// SPDX-License-Identifier: GPL-2.0-only
/*
 * mdev_pause_parent() and mdev_mark_parent_dead() while callbacks of the driver run, and
 * while devices are opened, closed, created and removed. Also runtime PM of the parent,
 * mdev_for_each_device(), and log messages that name the process a removal waits for.
 * mdev_parent_pause_test.c tests the operations that a pause blocks.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "dma_lib.h"
#include "irq_lib.h"
#include "mdev_lib.h"
#include "migration_lib.h"
#include "parent_lib.h"
#include "sim_lib.h"
#include "uffd_lib.h"
#include "vfio_lib.h"

/* VFIO core repeats ->request() every ten seconds, and logs from the second one on */
#define REQUEST_MS	15000

/* An access that the compiler does not remove */
static uint64_t load(const uint64_t *memory)
{
	return __atomic_load_n(memory, __ATOMIC_SEQ_CST);
}

/* A callback that runs, and the operation that calls it */
FIXTURE(callback)
{
	struct devices devices;
	int device;
	int event;
};

FIXTURE_VARIANT(callback)
{
	const char *name;
	work_fn work;
};

FIXTURE_VARIANT_ADD(callback, read) { "read", work_read };
FIXTURE_VARIANT_ADD(callback, set_irqs) { "set_irqs", work_set_irqs };
FIXTURE_VARIANT_ADD(callback, get_irq_info) { "get_irq_info", work_irq_info };
FIXTURE_VARIANT_ADD(callback, reset) { "reset", work_reset };
FIXTURE_VARIANT_ADD(callback, set_state) { "migration_set_state", work_migration_stop };
FIXTURE_VARIANT_ADD(callback, fault) { "validate_map_request", work_access_mapping };
FIXTURE_VARIANT_ADD(callback, open) { "open", work_open };
FIXTURE_VARIANT_ADD(callback, create) { "create", work_create };
FIXTURE_VARIANT_ADD(callback, remove) { "remove", work_remove };
FIXTURE_VARIANT_ADD(callback, start) { "start", work_online };

FIXTURE_SETUP(callback)
{
	if (parent_prepare() == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, devices_open(&self->devices));
	self->device = self->devices.device;
	self->event = irq_eventfd();
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
}

FIXTURE_TEARDOWN(callback)
{
	close(self->event);
	EXPECT_EQ(0, devices_close(&self->devices));
}

static int set_block(const char *callback, int value)
{
	char knob[64];

	snprintf(knob, sizeof(knob), "%s/block", callback);
	return sim_set(knob, value);
}

static bool wait_blocked(const char *callback)
{
	char knob[64];

	snprintf(knob, sizeof(knob), "%s/blocked", callback);
	return sim_wait_for(knob, 1);
}

static int work_pause(int device)
{
	(void)device;
	return pause_parent(PAUSE_MS);
}

TEST_F_TIMEOUT(callback, pause_waits, PARENT_TIMEOUT)
{
	pid_t pid, pauser;

	ASSERT_EQ(0, set_block(variant->name, 1));
	pid = start(variant->work, self->device);
	ASSERT_TRUE(wait_blocked(variant->name));
	EXPECT_EQ(-EBUSY, pause_parent(WATCH_MS));
	/* The failed pause blocks no callback */
	if (variant->work != work_read && variant->work != work_reset &&
	    variant->work != work_migration_stop)
		EXPECT_EQ(0, work_read(self->device));
	pauser = start(work_pause, self->device);
	EXPECT_TRUE(waits(pauser));
	ASSERT_EQ(0, set_block(variant->name, 0));
	EXPECT_EQ(0, result(pauser));
	/* open() and migration call more callbacks, which wait for the resume */
	ASSERT_EQ(0, resume_parent());
	EXPECT_EQ(0, result(pid));
	EXPECT_EQ(0, work_read(self->device));
}

/* mdev_mark_parent_dead() does not wait for the callback, and ends the pause. */
TEST_F_TIMEOUT(callback, death_does_not_wait, PARENT_TIMEOUT)
{
	pid_t pid, pauser;

	ASSERT_EQ(0, set_block(variant->name, 1));
	pid = start(variant->work, self->device);
	ASSERT_TRUE(wait_blocked(variant->name));
	pauser = start(work_pause, self->device);
	EXPECT_TRUE(waits(pauser));
	ASSERT_EQ(0, kill_parent());
	EXPECT_EQ(-EIO, result(pauser));
	EXPECT_EQ(-EIO, work_read(self->device));
	ASSERT_EQ(0, set_block(variant->name, 0));
	result(pid);
	EXPECT_EQ(0, sim_available(SIM_FULL, SIM_PCI));
}

FIXTURE(parent)
{
	struct devices devices;
	int device;
};

FIXTURE_SETUP(parent)
{
	if (parent_prepare() == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, devices_open(&self->devices));
	self->device = self->devices.device;
}

FIXTURE_TEARDOWN(parent)
{
	EXPECT_EQ(0, devices_close(&self->devices));
}

TEST_F_TIMEOUT(parent, pause_calls_driver, PARENT_TIMEOUT)
{
	ASSERT_EQ(0, pause_parent(PAUSE_MS));
	ASSERT_EQ(0, pause_parent(PAUSE_MS));
	EXPECT_EQ(2, sim_get("pause/calls"));
	ASSERT_EQ(0, resume_parent());
	EXPECT_EQ(0, sim_get("resume/calls"));
	ASSERT_EQ(0, resume_parent());
	EXPECT_EQ(2, sim_get("resume/calls"));
	ASSERT_EQ(0, resume_parent());
	EXPECT_EQ(2, sim_get("resume/calls"));
}

TEST_F_TIMEOUT(parent, pause_callback_fails, PARENT_TIMEOUT)
{
	ASSERT_EQ(0, sim_set("pause/fail", ENXIO));
	EXPECT_EQ(-ENXIO, pause_parent(PAUSE_MS));
	EXPECT_EQ(0, work_read(self->device));
	ASSERT_EQ(0, sim_set("pause/fail", 0));
	EXPECT_EQ(0, pause_parent(PAUSE_MS));
}

TEST_F_TIMEOUT(parent, unmask_eventfd_during_pause, PARENT_TIMEOUT)
{
	int event = irq_eventfd();
	int unmask = irq_eventfd();
	int calls;

	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, event));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, unmask));
	calls = sim_get("set_irqs/calls");
	ASSERT_EQ(0, pause_parent(PAUSE_MS));
	ASSERT_EQ(0, irq_signal(unmask));
	sleep_ms(WATCH_MS);
	EXPECT_EQ(calls, sim_get("set_irqs/calls"));
	ASSERT_EQ(0, resume_parent());
	EXPECT_TRUE(sim_wait_for("set_irqs/calls", calls + 1));
	close(unmask);
	close(event);
}

/* A mapped page is zapped: the next access faults, and waits. */
static int work_access_twice(int device)
{
	uint64_t *memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED,
					 device, vfio_position(BAR2, 0));
	uint64_t value = load(memory);

	kill(getpid(), SIGSTOP);
	return load(memory) == value ? 0 : -ENXIO;
}

TEST_F_TIMEOUT(parent, pause_zaps_mappings, PARENT_TIMEOUT)
{
	pid_t pid = start(work_access_twice, self->device);
	int status;

	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(1, sim_get("validate_map_request/calls"));
	ASSERT_EQ(0, pause_parent(PAUSE_MS));
	kill(pid, SIGCONT);
	EXPECT_TRUE(waits(pid));
	EXPECT_EQ(1, sim_get("validate_map_request/calls"));
	ASSERT_EQ(0, resume_parent());
	EXPECT_EQ(0, result(pid));
	EXPECT_EQ(2, sim_get("validate_map_request/calls"));
}

TEST_F_TIMEOUT(parent, death_zaps_mappings, PARENT_TIMEOUT)
{
	pid_t pid = start(work_access_twice, self->device);
	int status;

	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, kill_parent());
	kill(pid, SIGCONT);
	EXPECT_EQ(-EFAULT, result(pid));
}

TEST_F_TIMEOUT(parent, kernel_access_does_not_wait, PARENT_TIMEOUT)
{
	ASSERT_EQ(0, pause_parent(PAUSE_MS));
	EXPECT_EQ(-EFAULT, result(start(work_access_mapping_by_kernel, self->device)));
	ASSERT_EQ(0, resume_parent());
	EXPECT_EQ(0, result(start(work_access_mapping_by_kernel, self->device)));
	ASSERT_EQ(0, kill_parent());
	EXPECT_EQ(-EFAULT, result(start(work_access_mapping_by_kernel, self->device)));
}

static int work_open_and_close(int device)
{
	struct vfio_user user;
	int ret;

	(void)device;
	ret = vfio_open(&user, UUID_B);
	if (ret)
		return ret;
	kill(getpid(), SIGSTOP);
	vfio_close(&user);
	return 0;
}

TEST_F_TIMEOUT(parent, close_waits, PARENT_TIMEOUT)
{
	pid_t pid = start(work_open_and_close, -1);
	int status;

	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, pause_parent(PAUSE_MS));
	kill(pid, SIGCONT);
	EXPECT_TRUE(waits(pid));
	EXPECT_EQ(0, sim_get("release/calls"));
	ASSERT_EQ(0, resume_parent());
	EXPECT_EQ(0, result(pid));
	EXPECT_EQ(1, sim_get("release/calls"));
}

/* The exit of a killed process closes the device, and waits for the resume. */
TEST_F_TIMEOUT(parent, killed_process_closes_after_resume, PARENT_TIMEOUT)
{
	pid_t pid = start(work_open_and_close, -1);
	int status;

	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, pause_parent(PAUSE_MS));
	kill(pid, SIGKILL);
	EXPECT_TRUE(waits(pid));
	ASSERT_EQ(0, resume_parent());
	EXPECT_EQ(-EINTR, result(pid));
	EXPECT_EQ(1, sim_get("release/calls"));
}

/* Callbacks that release resources are called for a dead parent, too. */
TEST_F_TIMEOUT(parent, dead_parent_close, PARENT_TIMEOUT)
{
	int event = irq_eventfd();
	int irqs;

	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, event));
	ASSERT_EQ(0, work_log_start(self->device));
	irqs = sim_get("set_irqs/calls");
	ASSERT_EQ(0, pause_parent(PAUSE_MS));
	ASSERT_EQ(0, kill_parent());
	EXPECT_EQ(ERROR, migration_state(self->device));
	EXPECT_EQ(0, sim_available(SIM_FULL, SIM_PCI));
	EXPECT_EQ(0, sim_available(SIM_FULL, SIM_BARE));
	dma_close(&self->devices.user);
	EXPECT_LT(irqs, sim_get("set_irqs/calls"));
	EXPECT_EQ(1, sim_get("dirty_log_stop/calls"));
	EXPECT_EQ(1, sim_get("release/calls"));
	EXPECT_EQ(1, sim_get("stop/calls"));
	EXPECT_EQ(0, mdev_remove(UUID_A));
	EXPECT_EQ(1, sim_get("remove/calls"));
	EXPECT_EQ(0, sim_get("resume/calls"));
	close(event);
}

/* The first access to this page sleeps until uffd_resolve(). */
static char *stuck_page;

static int open_stuck_page(void)
{
	stuck_page = dma_memory(1);
	return uffd_open(stuck_page);
}

static int work_pin(int device)
{
	return dma_pin(device, 0, IOVA, 1, DMA_BOTH);
}

/* A callback sleeps in a page fault that userspace does not handle. */
TEST_F_TIMEOUT(parent, pause_times_out_during_userfaultfd, PARENT_TIMEOUT)
{
	int log = kernel_log_open();
	int uffd = open_stuck_page();
	char process[32];
	pid_t pid;

	if (uffd < 0)
		SKIP(return, "needs CONFIG_USERFAULTFD");
	ASSERT_EQ(0, dma_map(&self->devices.user, IOVA, stuck_page, PAGE, DMA_BOTH));
	pid = start(work_pin, self->device);
	EXPECT_TRUE(waits(pid));
	EXPECT_EQ(-EBUSY, pause_parent(WATCH_MS));
	snprintf(process, sizeof(process), "process %d (", getpid());
	EXPECT_EQ(1, kernel_log_count(log, "pause: a callback still runs", process));
	EXPECT_EQ(0, sim_get("pause/calls"));
	EXPECT_EQ(0, work_read(self->device));
	EXPECT_EQ(0, result(start(work_access_mapping, self->device)));
	EXPECT_EQ(0, result(start(work_open, -1)));

	ASSERT_EQ(0, uffd_resolve(uffd, stuck_page));
	EXPECT_EQ(0, result(pid));
	EXPECT_EQ(0, pause_parent(PAUSE_MS));
	EXPECT_EQ(0, resume_parent());
	EXPECT_EQ(0, work_reset(self->device));
	EXPECT_EQ(0, dma_unpin(self->device, 0, IOVA, 1));
	EXPECT_EQ(0, dma_unmap(&self->devices.user, IOVA, PAGE));
	close(uffd);
	close(log);
}

/* mdev_mark_parent_dead() does not wait for such a callback. */
TEST_F_TIMEOUT(parent, death_during_userfaultfd, PARENT_TIMEOUT)
{
	int uffd = open_stuck_page();
	pid_t pid;

	if (uffd < 0)
		SKIP(return, "needs CONFIG_USERFAULTFD");
	ASSERT_EQ(0, dma_map(&self->devices.user, IOVA, stuck_page, PAGE, DMA_BOTH));
	pid = start(work_pin, self->device);
	EXPECT_TRUE(waits(pid));
	ASSERT_EQ(0, kill_parent());
	EXPECT_EQ(-EIO, work_read(self->device));
	EXPECT_EQ(-EIO, work_reset(self->device));
	ASSERT_EQ(0, uffd_resolve(uffd, stuck_page));
	result(pid);
	/* vfio_mdev unpins the page */
	EXPECT_EQ(0, dma_unmap(&self->devices.user, IOVA, PAGE));
	EXPECT_EQ(0, sim_get("pins"));
	close(uffd);
}

/* The driver core resumes a parent for the probe of a device as well. */
static bool parent_is_suspended(void)
{
	unsigned int waited;
	char status[32];

	for (waited = 0; waited < SIM_PATIENCE_MS; waited += WATCH_MS) {
		if (sysfs_read(status, sizeof(status), SIM_PATH(SIM_FULL)
			       "/power/runtime_status") > 0 &&
		    !strcmp(status, "suspended"))
			return true;
		sleep_ms(WATCH_MS);
	}
	return false;
}

/* Device A is open, so its parent is active. */
TEST_F_TIMEOUT(parent, runtime_pm, PARENT_TIMEOUT)
{
	struct vfio_user user;
	int resumes = sim_get("runtime_resumes");
	int suspends = sim_get("runtime_suspends");

	if (!path_exists(SIM_PATH(SIM_FULL) "/power/runtime_status"))
		SKIP(return, "needs CONFIG_PM");
	ASSERT_EQ(0, vfio_open(&user, UUID_B));
	EXPECT_EQ(resumes, sim_get("runtime_resumes"));
	vfio_close(&user);
	sleep_ms(WATCH_MS);
	EXPECT_EQ(suspends, sim_get("runtime_suspends"));

	dma_close(&self->devices.user);
	EXPECT_TRUE(parent_is_suspended());
	EXPECT_EQ(suspends + 1, sim_get("runtime_suspends"));
	ASSERT_EQ(0, sim_set("runtime_fail", ENXIO));
	EXPECT_EQ(-ENXIO, vfio_open(&user, UUID_B));
	vfio_close(&user);
	EXPECT_EQ(2, sim_get("open/calls"));
	ASSERT_EQ(0, sim_set("runtime_fail", 0));
	/* power.runtime_error is set until the driver sets the status */
	EXPECT_EQ(0, sim_unbind(SIM_FULL));
	EXPECT_EQ(0, sim_bind(SIM_FULL));
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_TRUE(parent_is_suspended());
	resumes = sim_get("runtime_resumes");
	ASSERT_EQ(0, vfio_open(&user, UUID_A));
	EXPECT_EQ(resumes + 1, sim_get("runtime_resumes"));
	suspends = sim_get("runtime_suspends");
	vfio_close(&user);
	EXPECT_TRUE(sim_wait_for("runtime_suspends", suspends + 1));

	/* A device that is online holds a runtime PM reference too */
	ASSERT_EQ(0, sysfs_write("1", MDEV_DEVICES "/" UUID_A "/online"));
	EXPECT_EQ(resumes + 2, sim_get("runtime_resumes"));
	ASSERT_EQ(0, vfio_open(&user, UUID_A));
	vfio_close(&user);
	sleep_ms(WATCH_MS);
	EXPECT_EQ(suspends + 1, sim_get("runtime_suspends"));
	ASSERT_EQ(0, sysfs_write("0", MDEV_DEVICES "/" UUID_A "/online"));
	EXPECT_TRUE(sim_wait_for("runtime_suspends", suspends + 2));
}

/* How often an operation is repeated */
static unsigned int races = 30;

static int work_create_and_remove(int device)
{
	unsigned int i;
	int ret = 0;

	(void)device;
	for (i = 0; i < races && !ret; i++) {
		ret = sim_create(SIM_FULL, SIM_BARE, UUID_C);
		if (!ret)
			ret = mdev_remove(UUID_C);
	}
	return ret;
}

/* mdev_sim reports a device that is visited before ->create() or after ->remove(). */
TEST_F_TIMEOUT(parent, visit_races_with_create_and_remove, PARENT_TIMEOUT)
{
	pid_t pid;

	ASSERT_EQ(0, sim_set("visit_delay", 1));
	pid = start(work_create_and_remove, -1);
	while (!ended(pid)) {
		EXPECT_EQ(0, visit_devices());
		EXPECT_LE(2, sim_get("visited"));
	}
	EXPECT_EQ(0, result(pid));
	EXPECT_EQ(0, visit_devices());
	EXPECT_EQ(2, sim_get("visited"));
}

static int work_use(int device)
{
	static const work_fn works[] = {
		work_read, work_set_irqs, work_feature, work_reset, work_write,
		work_access_mapping, work_irq_info,
	};
	unsigned int i;
	int ret = 0;

	for (i = 0; i < races * ARRAY_SIZE(works) && !ret; i++)
		ret = works[i % ARRAY_SIZE(works)](device);
	return ret;
}

static int work_open_repeatedly(int device)
{
	struct vfio_user user;
	unsigned int i;
	int ret = 0;

	(void)device;
	for (i = 0; i < races && !ret; i++) {
		ret = vfio_open(&user, UUID_B);
		vfio_close(&user);
	}
	return ret;
}

/* mdev_sim reports callbacks that begin between pause and resume. */
TEST_F_TIMEOUT(parent, pause_races, PARENT_TIMEOUT)
{
	static const work_fn works[] = {
		work_use, work_open_repeatedly, work_create_and_remove,
	};
	pid_t pids[ARRAY_SIZE(works)];
	int event = irq_eventfd();
	unsigned int i;

	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, event));
	for (i = 0; i < ARRAY_SIZE(works); i++)
		pids[i] = start(works[i], self->device);
	for (i = 0; i < ARRAY_SIZE(works); i++) {
		while (!ended(pids[i])) {
			EXPECT_EQ(0, pause_parent(PAUSE_MS));
			EXPECT_EQ(0, resume_parent());
			/* Let the processes begin callbacks */
			sleep_ms(5);
		}
		EXPECT_EQ(0, result(pids[i]));
	}
	close(event);
}

/* Operations that race with mdev_mark_parent_dead() return an error. */
TEST_F_TIMEOUT(parent, death_races, PARENT_TIMEOUT)
{
	static const work_fn works[] = {
		work_use, work_open_repeatedly, work_create_and_remove,
	};
	pid_t pids[ARRAY_SIZE(works)];
	unsigned int i;

	races = ~0U / 16;
	for (i = 0; i < ARRAY_SIZE(works); i++)
		pids[i] = start(works[i], self->device);
	sleep_ms(20);
	EXPECT_EQ(0, pause_parent(PAUSE_MS));
	ASSERT_EQ(0, kill_parent());
	for (i = 0; i < ARRAY_SIZE(works); i++)
		EXPECT_NE(0, result(pids[i]));
}

static int work_remove_a(int device)
{
	close(device);
	return mdev_remove(UUID_A);
}

/* The VMM ignores the request to close the device. */
TEST_F_TIMEOUT(parent, removal_logs_process, PARENT_TIMEOUT)
{
	int log = kernel_log_open();
	char process[32];
	pid_t pid;

	snprintf(process, sizeof(process), "process %d (", getpid());
	pid = start(work_remove_a, self->device);
	sleep_ms(REQUEST_MS);
	EXPECT_LE(1, kernel_log_count(log, "removal waits for the close", process));
	dma_close(&self->devices.user);
	EXPECT_EQ(0, result(pid));
	close(log);
}

TEST_F_TIMEOUT(parent, unregistration_logs_process, PARENT_TIMEOUT)
{
	int log = kernel_log_open();
	char process[32];
	pid_t pid;

	snprintf(process, sizeof(process), "process %d (", getpid());
	pid = start(work_unbind, self->device);
	sleep_ms(REQUEST_MS);
	EXPECT_LE(1, kernel_log_count(log, "removal waits for the close", process));
	dma_close(&self->devices.user);
	EXPECT_EQ(0, result(pid));
	EXPECT_EQ(0, sim_bind(SIM_FULL));
	close(log);
}

TEST_HARNESS_MAIN
