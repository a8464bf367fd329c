// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hot unplug, unregistration of the parent, writes to "online" and resets of a device that
 * is open. The driver is mdev_sim.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "irq_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"
#include "work_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define BAR2		VFIO_PCI_BAR2_REGION_INDEX
#define REQ		VFIO_PCI_REQ_IRQ_INDEX
#define UUID_C		UUID_PREFIX "cccccccccccc"

/* Waits without a timeout; returns the counter. */
static uint64_t wait_for_eventfd(int fd)
{
	uint64_t value;

	return read(fd, &value, sizeof(value)) == sizeof(value) ? value : 0;
}

/* An open device of a driver that supports hot unplug */
FIXTURE(unplug)
{
	struct vfio_user user;
	int request;
};

FIXTURE_VARIANT(unplug)
{
	int (*open)(struct vfio_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(unplug, container)
{
	.open = vfio_open_container,
};

FIXTURE_VARIANT_ADD(unplug, group_of_iommufd)
{
	.open = vfio_open_group,
};

FIXTURE_VARIANT_ADD(unplug, cdev)
{
	.open = vfio_open_cdev,
};

FIXTURE_SETUP(unplug)
{
	if (sim_prepare() == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	self->request = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, self->request);
	ASSERT_EQ(0, irq_set_eventfd(self->user.device, REQ, TRIGGER, self->request));
}

FIXTURE_TEARDOWN(unplug)
{
	vfio_close(&self->user);
	close(self->request);
	EXPECT_EQ(0, sim_finish());
}

static int remove_a(void)
{
	return mdev_remove(UUID_A);
}

static int unbind_full(void)
{
	return sim_unbind(SIM_FULL);
}

TEST_F(unplug, removal_calls_request_and_waits)
{
	struct work remover;

	ASSERT_EQ(0, work_start(&remover, remove_a));
	EXPECT_EQ(1, wait_for_eventfd(self->request));
	EXPECT_TRUE(work_waits(&remover));
	/* Registers can be read until the device is closed */
	EXPECT_EQ(MDEV_SIM_ID, sim_register(self->user.device,
					    MDEV_SIM_REG_ID));
	EXPECT_EQ(1, sim_register(self->user.device, MDEV_SIM_REG_REQUESTS));

	vfio_close(&self->user);
	EXPECT_EQ(0, work_result(&remover));
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_A));
	EXPECT_EQ(1, sim_get("remove/calls"));
}

TEST_F(unplug, removal_blocks_open_and_online)
{
	struct vfio_user other;
	struct work remover;

	ASSERT_EQ(0, work_start(&remover, remove_a));
	EXPECT_EQ(1, wait_for_eventfd(self->request));
	EXPECT_EQ(-EAGAIN, mdev_remove(UUID_A));
	/* The removal can still be interrupted, so not -ENODEV */
	EXPECT_EQ(-EAGAIN, sysfs_write("0", MDEV_DEVICES "/" UUID_A "/online"));
	EXPECT_GT(0, vfio_open(&other, UUID_A));
	vfio_close(&self->user);
	EXPECT_EQ(0, work_result(&remover));
}

/* A signal ends the wait, and the device can be used, opened and removed. */
TEST_F(unplug, removal_interrupted_by_signal)
{
	struct work remover;

	ASSERT_EQ(0, work_start(&remover, remove_a));
	EXPECT_EQ(1, wait_for_eventfd(self->request));
	work_signal(&remover, SIGINT);
	EXPECT_EQ(-EINTR, work_result(&remover));

	EXPECT_EQ(MDEV_SIM_ID, sim_register(self->user.device,
					    MDEV_SIM_REG_ID));
	vfio_close(&self->user);
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	vfio_close(&self->user);
	EXPECT_EQ(0, mdev_remove(UUID_A));
}

TEST_F(unplug, second_removal_calls_request)
{
	struct work remover;

	ASSERT_EQ(0, work_start(&remover, remove_a));
	EXPECT_EQ(1, wait_for_eventfd(self->request));
	work_signal(&remover, SIGKILL);
	EXPECT_EQ(-EINTR, work_result(&remover));

	ASSERT_EQ(0, work_start(&remover, remove_a));
	EXPECT_EQ(1, wait_for_eventfd(self->request));
	vfio_close(&self->user);
	EXPECT_EQ(0, work_result(&remover));
}

/* No eventfd is set for VFIO_PCI_REQ_IRQ_INDEX */
TEST_F(unplug, removal_without_request_eventfd)
{
	struct work remover;

	ASSERT_EQ(0, irq_set_eventfd(self->user.device, REQ, TRIGGER, -1));
	ASSERT_EQ(0, work_start(&remover, remove_a));
	EXPECT_TRUE(sim_wait_for("request/calls", 1));
	vfio_close(&self->user);
	EXPECT_EQ(0, work_result(&remover));
}

/* The unregistration calls ->request() of all open devices, then waits for all. */
TEST_F(unplug, parent_unregistration_waits)
{
	struct vfio_user other;
	struct work remover;
	int request;

	request = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, request);
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_B));
	ASSERT_EQ(0, variant->open(&other, UUID_B));
	ASSERT_EQ(0, irq_set_eventfd(other.device, REQ, TRIGGER, request));

	ASSERT_EQ(0, work_start(&remover, unbind_full));
	EXPECT_LE(1, wait_for_eventfd(self->request));
	EXPECT_LE(1, wait_for_eventfd(request));
	EXPECT_EQ(-ENODEV, sim_create(SIM_FULL, SIM_BARE, UUID_C));
	EXPECT_EQ(-ENODEV, mdev_remove(UUID_A));
	vfio_close(&self->user);
	EXPECT_TRUE(work_waits(&remover));
	vfio_close(&other);
	EXPECT_EQ(0, work_result(&remover));
	close(request);

	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_A));
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_B));
	EXPECT_FALSE(path_exists("/sys/class/mdev_bus/" SIM_FULL));
	EXPECT_EQ(0, sim_get("devices"));
}

/* The unregistration of the parent ends the wait of a removal with -ENODEV. */
TEST_F(unplug, parent_unregistration_ends_removal)
{
	struct work remover, unbinder;

	ASSERT_EQ(0, work_start(&remover, remove_a));
	EXPECT_EQ(1, wait_for_eventfd(self->request));
	ASSERT_EQ(0, work_start(&unbinder, unbind_full));
	EXPECT_EQ(-ENODEV, work_result(&remover));
	EXPECT_TRUE(work_waits(&unbinder));
	vfio_close(&self->user);
	EXPECT_EQ(0, work_result(&unbinder));
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_A));
}

TEST_F(unplug, module_unload_with_open_device)
{
	if (!module_is_loaded("mdev_sim"))
		SKIP(return, "mdev_sim must be a module");
	EXPECT_EQ(-EAGAIN, module_unload("mdev_sim"));
	EXPECT_EQ(MDEV_SIM_ID, sim_register(self->user.device,
					    MDEV_SIM_REG_ID));
	vfio_close(&self->user);
	EXPECT_EQ(0, module_unload("mdev_sim"));
	EXPECT_FALSE(path_exists("/sys/module/mdev_sim"));
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_A));
	EXPECT_EQ(0, sim_prepare());
}

/* A character device that is open, but not bound: ->request() can't notify it. */
FIXTURE(unbound)
{
	int device;
};

FIXTURE_SETUP(unbound)
{
	if (sim_prepare() == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	self->device = vfio_open_unbound(UUID_A);
	ASSERT_LE(0, self->device);
}

FIXTURE_TEARDOWN(unbound)
{
	close(self->device);
	EXPECT_EQ(0, sim_finish());
}

/*
 * -EBUSY, unless the kernel takes the registration reference in
 * VFIO_DEVICE_BIND_IOMMUFD instead of open().
 */
TEST_F(unbound, removal_does_not_wait)
{
	int result = mdev_remove(UUID_A);

	if (result)
		EXPECT_EQ(-EBUSY, result);
	EXPECT_EQ(0, sim_get("request/calls"));
	EXPECT_EQ(!result, sim_get("remove/calls"));
}

/* An open device of a driver without hot unplug */
FIXTURE(stay)
{
	struct vfio_user user;
};

FIXTURE_SETUP(stay)
{
	if (sim_prepare() == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, sim_create(SIM_STAY, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
}

FIXTURE_TEARDOWN(stay)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

static int unbind_stay(void)
{
	return sim_unbind(SIM_STAY);
}

TEST_F(stay, removal_ebusy)
{
	EXPECT_EQ(-EBUSY, mdev_remove(UUID_A));
	EXPECT_EQ(0, sim_get("request/calls"));
	EXPECT_EQ(0, sim_get("stop/calls"));
	EXPECT_EQ(0, sim_get("remove/calls"));
	EXPECT_EQ(MDEV_SIM_ID, sim_register(self->user.device,
					    MDEV_SIM_REG_ID));
}

/* The unregistration of the parent waits for the close. */
TEST_F(stay, parent_unregistration_calls_request)
{
	struct work unbinder;
	int request = eventfd(0, EFD_CLOEXEC);

	ASSERT_LE(0, request);
	ASSERT_EQ(0, irq_set_eventfd(self->user.device, REQ, TRIGGER, request));
	ASSERT_EQ(0, work_start(&unbinder, unbind_stay));
	EXPECT_LE(1, wait_for_eventfd(request));
	vfio_close(&self->user);
	EXPECT_EQ(0, work_result(&unbinder));
	EXPECT_EQ(1, sim_get("remove/calls"));
	close(request);
}

/* A device whose "online" is written while it is open */
FIXTURE(online)
{
	struct vfio_user user;
	uint64_t *memory;
};

FIXTURE_SETUP(online)
{
	if (sim_prepare() == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	self->memory = mmap(NULL, MDEV_SIM_BAR2_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED, self->user.device,
			    vfio_position(BAR2, 0));
	ASSERT_NE(MAP_FAILED, self->memory);
}

FIXTURE_TEARDOWN(online)
{
	munmap(self->memory, MDEV_SIM_BAR2_SIZE);
	vfio_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

static int set_online(bool online)
{
	return sysfs_write(online ? "1" : "0",
			   MDEV_DEVICES "/" UUID_A "/online");
}

/* Atomic, so that the compiler does not drop or merge accesses */
static uint64_t access_page(const uint64_t *memory)
{
	return __atomic_load_n(memory, __ATOMIC_SEQ_CST);
}

/* By read() into the mapping: fails with EFAULT where an access raises SIGBUS */
static bool access_fails(uint64_t *memory)
{
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	bool refused;

	refused = read(zero, memory, 1) < 0 && errno == EFAULT;
	close(zero);
	return refused;
}

TEST_F(online, write_calls_start_and_stop)
{
	uint64_t value;

	EXPECT_EQ(1, sim_get("start/calls"));
	EXPECT_EQ(0, set_online(false));
	EXPECT_EQ(1, sim_get("stop/calls"));
	EXPECT_EQ(-EIO, vfio_read(self->user.device, BAR0, 0, &value,
				  sizeof(value)));
	EXPECT_EQ(0, set_online(true));
	EXPECT_EQ(2, sim_get("start/calls"));
	EXPECT_EQ(MDEV_SIM_ID, sim_register(self->user.device,
					    MDEV_SIM_REG_ID));
	/* The last close does not call ->stop() after a write to "online" */
	munmap(self->memory, MDEV_SIM_BAR2_SIZE);
	vfio_close(&self->user);
	EXPECT_EQ(1, sim_get("stop/calls"));
}

/* Accesses after the write to "online" fault again. */
TEST_F(online, offline_zaps_mappings)
{
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR2, 0), access_page(self->memory));
	EXPECT_EQ(1, sim_get("validate_map_request/calls"));
	EXPECT_EQ(0, set_online(false));
	EXPECT_TRUE(access_fails(self->memory));
	EXPECT_EQ(1, sim_get("validate_map_request/calls"));
	EXPECT_EQ(0, set_online(true));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR2, 0), access_page(self->memory));
	EXPECT_EQ(2, sim_get("validate_map_request/calls"));
}

TEST_F(online, stop_error_keeps_online)
{
	ASSERT_EQ(0, sim_set("stop/fail", EBUSY));
	EXPECT_EQ(-EBUSY, set_online(false));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR2, 0), access_page(self->memory));
	EXPECT_EQ(MDEV_SIM_ID, sim_register(self->user.device,
					    MDEV_SIM_REG_ID));
}

/* An operation of a concurrent thread */
struct busy {
	pthread_t thread;
	int device;
	const uint64_t *memory;
	uint64_t seen;
	int result;
};

static void *reset_device(void *data)
{
	struct busy *busy = data;

	busy->result = vfio_ioctl(busy->device, VFIO_DEVICE_RESET, NULL);
	return NULL;
}

static void *access_in_thread(void *data)
{
	struct busy *busy = data;

	busy->seen = access_page(busy->memory);
	return NULL;
}

/* During a reset nothing is mapped, and a fault waits for the end of the reset. */
TEST_F(online, reset_zaps_mappings)
{
	int device = self->user.device;
	struct busy reset = { .device = device };
	struct busy faulting = { .memory = self->memory };

	EXPECT_EQ(MDEV_SIM_FILL(1, BAR2, 0), access_page(self->memory));
	ASSERT_EQ(0, sim_set("reset/block", 1));
	ASSERT_EQ(0, pthread_create(&reset.thread, NULL, reset_device, &reset));
	EXPECT_TRUE(sim_wait_for("reset/blocked", 1));
	ASSERT_EQ(0, pthread_create(&faulting.thread, NULL, access_in_thread, &faulting));
	sleep_ms(WORK_BLOCKED_MS);
	EXPECT_EQ(1, sim_get("validate_map_request/calls"));
	EXPECT_EQ(EBUSY, pthread_tryjoin_np(faulting.thread, NULL));

	EXPECT_EQ(0, sim_set("reset/block", 0));
	pthread_join(reset.thread, NULL);
	pthread_join(faulting.thread, NULL);
	EXPECT_EQ(0, reset.result);
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR2, 0), faulting.seen);
	EXPECT_EQ(2, sim_get("validate_map_request/calls"));
}

/* Neither reset nor stop waits for a fault in validate_map_request(). */
TEST_F(online, reset_and_stop_during_fault)
{
	int device = self->user.device;
	struct busy faulting = { .memory = self->memory };

	ASSERT_EQ(0, sim_set("validate_map_request/block", 1));
	ASSERT_EQ(0, pthread_create(&faulting.thread, NULL, access_in_thread, &faulting));
	EXPECT_TRUE(sim_wait_for("validate_map_request/blocked", 1));
	EXPECT_EQ(0, vfio_ioctl(device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(0, SIM_COMMAND(device, MDEV_SIM_REBACK, BAR2));
	EXPECT_EQ(0, set_online(false));
	EXPECT_EQ(0, set_online(true));

	EXPECT_EQ(0, sim_set("validate_map_request/block", 0));
	pthread_join(faulting.thread, NULL);
	EXPECT_EQ(MDEV_SIM_FILL(2, BAR2, 0), faulting.seen);
}

TEST_HARNESS_MAIN
