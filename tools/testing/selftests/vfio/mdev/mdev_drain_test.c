// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drained callbacks: while ->reset(), ->stop() or ->migration->set_state() to STOP runs,
 * no ->read(), ->write(), ->set_irqs(), ->device_feature() or dirty log callback runs.
 * The waits for that are killable. The driver is mdev_sim, which reports callbacks that
 * must not run concurrently.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "dma_lib.h"
#include "irq_lib.h"
#include "mdev_lib.h"
#include "migration_lib.h"
#include "sim_lib.h"
#include "uffd_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define IOVA		0x100000UL

/* A task that does not end within this time is waiting */
#define WATCH_MS	200

/* System calls of a thread or process on the device */
typedef int (*work_fn)(int device);

struct task {
	pthread_t thread;
	work_fn work;
	int device;
	int result;
};

static void *task_main(void *data)
{
	struct task *task = data;

	task->result = task->work(task->device);
	return NULL;
}

static int task_start(struct task *task, work_fn work, int device)
{
	task->work = work;
	task->device = device;
	return pthread_create(&task->thread, NULL, task_main, task);
}

static int task_end(struct task *task)
{
	pthread_join(task->thread, NULL);
	return task->result;
}

static int work_read(int device)
{
	int64_t value = vfio_load(device, BAR0, MDEV_SIM_REG_SCRATCH, 4);

	return value < 0 ? value : 0;
}

static int work_write(int device)
{
	return vfio_store(device, BAR0, MDEV_SIM_REG_SCRATCH, 4, 1);
}

static int work_set_irqs(int device)
{
	return irq_act(device, INTX, TRIGGER);
}

static int work_feature(int device)
{
	struct mdev_sim_feature feature;

	return vfio_feature(device, VFIO_DEVICE_FEATURE_GET |
			    MDEV_SIM_FEATURE_VALUE, &feature, sizeof(feature));
}

static int work_log_stop(int device)
{
	return vfio_feature(device, VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, NULL, 0);
}

static int log_start(int device)
{
	struct vfio_device_feature_dma_logging_range range = {
		.iova = IOVA,
		.length = PAGE,
	};
	struct vfio_device_feature_dma_logging_control control = {
		.page_size = PAGE,
		.num_ranges = 1,
		.ranges = (uintptr_t)&range,
	};

	return vfio_feature(device, VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_START, &control,
			    sizeof(control));
}

static int work_reset(int device)
{
	return vfio_ioctl(device, VFIO_DEVICE_RESET, NULL);
}

static int work_offline(int device)
{
	(void)device;
	return sysfs_write("0", "/sys/bus/mdev/devices/" UUID_A "/online");
}

static int work_migration_stop(int device)
{
	return migration_go(device, STOP);
}

FIXTURE(drain)
{
	struct dma_user user;
	int device;
	int event;
};

/* An operation of a task, and the driver callback that it calls */
struct operation {
	work_fn work;
	const char *callback;
};

static const struct operation region_read = { work_read, "read" };
static const struct operation region_write = { work_write, "write" };
static const struct operation set_irqs = { work_set_irqs, "set_irqs" };
static const struct operation feature = { work_feature, "device_feature" };
static const struct operation log_stop = { work_log_stop, "dirty_log_stop" };
static const struct operation reset = { work_reset, "reset" };
static const struct operation offline = { work_offline, "stop" };
static const struct operation migration_stop = {
	work_migration_stop, "migration_set_state"
};

/* An operation that is drained, and one that drains it */
FIXTURE_VARIANT(drain)
{
	const struct operation *drained;
	const struct operation *drain;
};

FIXTURE_VARIANT_ADD(drain, reset_read) { &region_read, &reset };
FIXTURE_VARIANT_ADD(drain, reset_write) { &region_write, &reset };
FIXTURE_VARIANT_ADD(drain, reset_set_irqs) { &set_irqs, &reset };
FIXTURE_VARIANT_ADD(drain, reset_feature) { &feature, &reset };
FIXTURE_VARIANT_ADD(drain, reset_log_stop) { &log_stop, &reset };
FIXTURE_VARIANT_ADD(drain, offline_read) { &region_read, &offline };
FIXTURE_VARIANT_ADD(drain, offline_write) { &region_write, &offline };
FIXTURE_VARIANT_ADD(drain, offline_set_irqs) { &set_irqs, &offline };
FIXTURE_VARIANT_ADD(drain, offline_feature) { &feature, &offline };
FIXTURE_VARIANT_ADD(drain, offline_log_stop) { &log_stop, &offline };
FIXTURE_VARIANT_ADD(drain, migration_stop_read) { &region_read, &migration_stop };
FIXTURE_VARIANT_ADD(drain, migration_stop_write) { &region_write, &migration_stop };
FIXTURE_VARIANT_ADD(drain, migration_stop_set_irqs) { &set_irqs, &migration_stop };
FIXTURE_VARIANT_ADD(drain, migration_stop_feature) { &feature, &migration_stop };
FIXTURE_VARIANT_ADD(drain, migration_stop_log_stop) { &log_stop, &migration_stop };

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

static int count_calls(const char *callback)
{
	char knob[64];

	snprintf(knob, sizeof(knob), "%s/calls", callback);
	return sim_get(knob);
}

FIXTURE_SETUP(drain)
{
	ASSERT_EQ(0, dma_prepare(&self->user, dma_open_cdev));
	self->device = self->user.vfio.device;
	self->event = irq_eventfd();
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, log_start(self->device));
	/* From RUNNING_P2P, the move to STOP calls ->set_state() once. */
	if (variant->drain == &migration_stop)
		ASSERT_EQ(0, migration_move(self->device, RUNNING_P2P));
}

FIXTURE_TEARDOWN(drain)
{
	close(self->event);
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

TEST_F(drain, waits_for_callback)
{
	struct task callback, drain;
	int calls = count_calls(variant->drain->callback);

	ASSERT_EQ(0, set_block(variant->drained->callback, 1));
	ASSERT_EQ(0, task_start(&callback, variant->drained->work, self->device));
	ASSERT_TRUE(wait_blocked(variant->drained->callback));
	ASSERT_EQ(0, task_start(&drain, variant->drain->work, self->device));
	sleep_ms(WATCH_MS);
	EXPECT_EQ(calls, count_calls(variant->drain->callback));

	ASSERT_EQ(0, set_block(variant->drained->callback, 0));
	EXPECT_EQ(0, task_end(&callback));
	EXPECT_EQ(0, task_end(&drain));
	EXPECT_EQ(calls + 1, count_calls(variant->drain->callback));
}

TEST_F(drain, blocks_callback)
{
	bool goes_offline = variant->drain == &offline;
	bool access = variant->drained == &region_read ||
		      variant->drained == &region_write;
	struct task callback, drain;
	int calls = count_calls(variant->drained->callback);

	ASSERT_EQ(0, set_block(variant->drain->callback, 1));
	ASSERT_EQ(0, task_start(&drain, variant->drain->work, self->device));
	ASSERT_TRUE(wait_blocked(variant->drain->callback));
	ASSERT_EQ(0, task_start(&callback, variant->drained->work, self->device));
	sleep_ms(WATCH_MS);
	EXPECT_EQ(calls, count_calls(variant->drained->callback));

	ASSERT_EQ(0, set_block(variant->drain->callback, 0));
	EXPECT_EQ(0, task_end(&drain));
	/* An access that has waited for ->stop() returns -EIO: the device is offline. */
	EXPECT_EQ(goes_offline && access ? -EIO : 0, task_end(&callback));
}

/* Starts @work in a child, which waits in it. */
static pid_t start_waiting(work_fn work, int device)
{
	pid_t pid = fork();

	if (!pid) {
		work(device);
		_exit(0);
	}
	sleep_ms(WATCH_MS);
	return pid;
}

static bool killed(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, WNOHANG))
		return false;
	kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
}

static bool killed_while_waiting(work_fn work, int device)
{
	return killed(start_waiting(work, device));
}

TEST_F(drain, killed)
{
	struct task callback, drain;

	ASSERT_EQ(0, set_block(variant->drained->callback, 1));
	ASSERT_EQ(0, task_start(&callback, variant->drained->work, self->device));
	ASSERT_TRUE(wait_blocked(variant->drained->callback));
	EXPECT_TRUE(killed_while_waiting(variant->drain->work, self->device));
	ASSERT_EQ(0, set_block(variant->drained->callback, 0));
	EXPECT_EQ(0, task_end(&callback));

	ASSERT_EQ(0, set_block(variant->drain->callback, 1));
	ASSERT_EQ(0, task_start(&drain, variant->drain->work, self->device));
	ASSERT_TRUE(wait_blocked(variant->drain->callback));
	EXPECT_TRUE(killed_while_waiting(variant->drained->work, self->device));
	ASSERT_EQ(0, set_block(variant->drain->callback, 0));
	EXPECT_EQ(0, task_end(&drain));
}

FIXTURE(drain_wait)
{
	struct dma_user user;
	int device;
};

FIXTURE_SETUP(drain_wait)
{
	ASSERT_EQ(0, dma_prepare(&self->user, dma_open_cdev));
	self->device = self->user.vfio.device;
}

FIXTURE_TEARDOWN(drain_wait)
{
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

/* An unmask eventfd that is signalled during ->reset() unmasks after it. */
TEST_F(drain_wait, unmask_eventfd_during_reset)
{
	int event = irq_eventfd();
	int unmask = irq_eventfd();
	struct task reset;
	int calls;

	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, event));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, unmask));
	calls = sim_get("set_irqs/calls");
	ASSERT_EQ(0, sim_set("reset/block", 1));
	ASSERT_EQ(0, task_start(&reset, work_reset, self->device));
	ASSERT_TRUE(sim_wait_for("reset/blocked", 1));
	ASSERT_EQ(0, irq_signal(unmask));
	ASSERT_EQ(0, irq_signal(unmask));
	sleep_ms(WATCH_MS);
	EXPECT_EQ(calls, sim_get("set_irqs/calls"));

	ASSERT_EQ(0, sim_set("reset/block", 0));
	EXPECT_EQ(0, task_end(&reset));
	EXPECT_TRUE(sim_wait_for("set_irqs/calls", calls + 1));
	close(unmask);
	close(event);
}

static int work_remove_unmask(int device)
{
	return irq_set_eventfd(device, INTX, UNMASK, -1);
}

/* A pending unmask calls ->set_irqs() after ->reset(), before its eventfd is removed. */
TEST_F(drain_wait, unmask_eventfd_removed_during_reset)
{
	int event = irq_eventfd();
	int unmask = irq_eventfd();
	struct task reset, removal;
	int calls;

	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, event));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, unmask));
	calls = sim_get("set_irqs/calls");
	ASSERT_EQ(0, sim_set("reset/block", 1));
	ASSERT_EQ(0, task_start(&reset, work_reset, self->device));
	ASSERT_TRUE(sim_wait_for("reset/blocked", 1));
	ASSERT_EQ(0, irq_signal(unmask));
	ASSERT_EQ(0, task_start(&removal, work_remove_unmask, self->device));
	sleep_ms(WATCH_MS);
	ASSERT_EQ(0, sim_set("reset/block", 0));
	EXPECT_EQ(0, task_end(&reset));
	EXPECT_EQ(0, task_end(&removal));
	EXPECT_EQ(calls + 1, sim_get("set_irqs/calls"));
	close(unmask);
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

/*
 * A pin in a callback sleeps in a userfaultfd fault that userspace does not handle.
 * Processes that reset the device or write its online file concurrently can be killed.
 */
TEST_F(drain_wait, killed_during_userfaultfd)
{
	int uffd = open_stuck_page();
	struct task pin;
	pid_t writer;

	if (uffd < 0)
		SKIP(return, "needs CONFIG_USERFAULTFD");
	ASSERT_EQ(0, dma_map(&self->user, IOVA, stuck_page, PAGE, DMA_BOTH));

	ASSERT_EQ(0, task_start(&pin, work_pin, self->device));
	sleep_ms(WATCH_MS);
	EXPECT_TRUE(killed_while_waiting(work_reset, self->device));
	EXPECT_TRUE(killed_while_waiting(work_offline, self->device));
	writer = start_waiting(work_offline, self->device);
	EXPECT_TRUE(killed_while_waiting(work_offline, self->device));
	EXPECT_TRUE(killed(writer));

	ASSERT_EQ(0, uffd_resolve(uffd, stuck_page));
	EXPECT_EQ(0, task_end(&pin));
	EXPECT_EQ(0, work_reset(self->device));
	EXPECT_EQ(0, dma_unpin(self->device, 0, IOVA, 1));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, PAGE));
	close(uffd);
}

static int work_read_state(int data)
{
	ssize_t size = read(data, stuck_page, PAGE);

	return size < 0 ? -errno : 0;
}

static int work_write_state(int data)
{
	ssize_t size = write(data, stuck_page, PAGE);

	return size < 0 ? -errno : 0;
}

static int work_ioctl(int device)
{
	uint64_t value = 0;

	return vfio_ioctl(device, MDEV_SIM_IOCTL_INCREMENT, &value);
}

FIXTURE(drain_ioctl)
{
	struct vfio_user user;
};

FIXTURE_VARIANT(drain_ioctl)
{
	const char *parent;
	bool drained;
};

FIXTURE_VARIANT_ADD(drain_ioctl, set) { SIM_STAY, true };
FIXTURE_VARIANT_ADD(drain_ioctl, unset) { SIM_OWN, false };

FIXTURE_SETUP(drain_ioctl)
{
	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(variant->parent, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
}

FIXTURE_TEARDOWN(drain_ioctl)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

TEST_F(drain_ioctl, reset_during_ioctl)
{
	struct task callback, drain;
	int device = self->user.device;
	int calls = count_calls("reset");

	ASSERT_EQ(0, set_block("ioctl", 1));
	ASSERT_EQ(0, task_start(&callback, work_ioctl, device));
	ASSERT_TRUE(wait_blocked("ioctl"));
	ASSERT_EQ(0, task_start(&drain, work_reset, device));
	sleep_ms(WATCH_MS);
	EXPECT_EQ(variant->drained ? calls : calls + 1, count_calls("reset"));

	ASSERT_EQ(0, set_block("ioctl", 0));
	EXPECT_EQ(0, task_end(&callback));
	EXPECT_EQ(0, task_end(&drain));
	EXPECT_EQ(calls + 1, count_calls("reset"));
}

FIXTURE(state_data)
{
	struct dma_user user;
};

FIXTURE_VARIANT(state_data)
{
	int state;
	work_fn work;
};

FIXTURE_VARIANT_ADD(state_data, read) { STOP_COPY, work_read_state };
FIXTURE_VARIANT_ADD(state_data, write) { RESUMING, work_write_state };

FIXTURE_SETUP(state_data)
{
	ASSERT_EQ(0, dma_prepare(&self->user, dma_open_cdev));
}

FIXTURE_TEARDOWN(state_data)
{
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

/*
 * A read() or write() of the data_fd of a migration sleeps in a userfaultfd fault that
 * userspace does not handle. VFIO_DEVICE_RESET ends the migration nevertheless.
 */
TEST_F(state_data, reset_during_userfaultfd)
{
	struct pollfd poller = { .events = POLLIN };
	int device = self->user.vfio.device;
	int uffd = open_stuck_page();
	struct task copy;

	if (uffd < 0)
		SKIP(return, "needs CONFIG_USERFAULTFD");
	poller.fd = migration_go(device, variant->state);
	ASSERT_LE(0, poller.fd);
	ASSERT_EQ(0, task_start(&copy, variant->work, poller.fd));
	sleep_ms(WATCH_MS);

	EXPECT_EQ(0, work_reset(device));
	EXPECT_EQ(RUNNING, migration_state(device));
	EXPECT_LE(0, poll(&poller, 1, 0));
	EXPECT_EQ(EBUSY, pthread_tryjoin_np(copy.thread, NULL));

	ASSERT_EQ(0, uffd_resolve(uffd, stuck_page));
	EXPECT_EQ(-ENODEV, task_end(&copy));
	close(poller.fd);
	close(uffd);
}

TEST_HARNESS_MAIN
