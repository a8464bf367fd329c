// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_IOMMU_UNMAP_DMA of a type1 container with several devices: pins in a range
 * that is being unmapped, overlapping unmaps, unmaps that fail. What devices of
 * one driver see of an unmap is in mdev_dma_shared_test.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "dma_lib.h"
#include "mdev_lib.h"
#include "race_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define IOVA		0x100000UL
#define PAGES		16
#define SIZE		(PAGES * PAGE)

/* Enough pages for ->dma_unmap() at SCHED_IDLE to take several time slices */
#define IDLE_IOVA	0x10000000UL
#define IDLE_PAGES	30000
#define IDLE_ROUNDS	2

/* Pages of a second mapping, and how many times each is pinned */
#define MANY_IOVA	0x40000000UL
#define MANY_PAGES	8192
#define MANY_PINS	32

/* Adjacent mappings that two threads unmap in ranges that overlap */
#define MAPPINGS	4
#define ROUNDS		50
#define PINNERS		2

#define NEEDS_PATCH	"needs a kernel with patches/, CONFIG=debug"

/* A container with two devices, of which the second one is not open */
FIXTURE(type1)
{
	struct dma_user user;
	char *memory;
	int group;
};

FIXTURE_SETUP(type1)
{
	ASSERT_EQ(0, dma_prepare(&self->user, dma_open_container));
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_B));
	self->memory = dma_memory(MAPPINGS * PAGES);
	ASSERT_NE(NULL, self->memory);
	self->group = dma_join_container(self->user.vfio.container, UUID_B);
	ASSERT_LE(0, self->group);
}

FIXTURE_TEARDOWN(type1)
{
	close(self->group);
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

static int unmap(const struct dma_user *user, uint32_t flags, uint64_t iova,
		 uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = flags,
		.iova = iova,
		.size = size,
	};

	return vfio_ioctl(user->vfio.container, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

static void *unmap_once(void *data)
{
	struct dma_task *task = data;

	task->result = unmap(task->user, 0, IOVA, SIZE);
	return NULL;
}

/* The second device pins while ->dma_unmap() of the first one blocks. */
TEST_F(type1, pins_refused_during_unmap)
{
	struct dma_task task = { .user = &self->user };
	int device;

	if (!kernel_is_patched())
		SKIP(return, NEEDS_PATCH);
	device = dma_open_device(self->group, UUID_B);
	ASSERT_LE(0, device);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));
	ASSERT_EQ(0, dma_map(&self->user, IOVA + SIZE, self->memory + SIZE,
			     SIZE, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->user.vfio.device, 0, IOVA, 1, DMA_READ));
	ASSERT_EQ(0, sim_only(UUID_A));
	ASSERT_EQ(0, sim_set("dma_unmap/block", 1));
	ASSERT_EQ(0, dma_task_start(&task, unmap_once));
	EXPECT_TRUE(sim_wait_for("dma_unmap/blocked", 1));

	EXPECT_EQ(-EINVAL, dma_pin(device, 0, IOVA, 1, DMA_READ));
	EXPECT_EQ(-EINVAL, dma_pin(device, 0, IOVA + SIZE - PAGE, 1, DMA_READ));
	EXPECT_EQ(-EINVAL, dma_pin(device, 0, IOVA + SIZE - PAGE, 2, DMA_READ));
	EXPECT_EQ(-EINVAL, dma_read(device, IOVA, 0, PAGE));
	EXPECT_EQ(0, dma_pin(device, 0, IOVA + SIZE, 1, DMA_READ));
	EXPECT_EQ(0, dma_read(device, IOVA + SIZE, 0, PAGE));

	EXPECT_EQ(0, sim_set("dma_unmap/block", 0));
	EXPECT_EQ(0, dma_task_end(&task));
	EXPECT_EQ(1, sim_get("pins"));
	close(device);
}

/* -EFAULT of the dirty bitmap fails the unmap after ->dma_unmap() was called. */
TEST_F(type1, pins_allowed_after_failed_unmap)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = {
		.argsz = sizeof(dirty),
		.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START,
	};
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} request = {
		.unmap.argsz = sizeof(request),
		.unmap.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
		.unmap.iova = IOVA,
		.unmap.size = SIZE,
		.bitmap.pgsize = PAGE,
		.bitmap.size = sizeof(uint64_t),
	};
	void *bitmap = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	int container = self->user.vfio.container;
	int device = self->user.vfio.device;

	ASSERT_NE(MAP_FAILED, bitmap);
	request.bitmap.data = bitmap;
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));
	ASSERT_EQ(0, vfio_ioctl(container, VFIO_IOMMU_DIRTY_PAGES, &dirty));
	ASSERT_EQ(0, dma_pin(device, 0, IOVA, PAGES, DMA_READ));
	EXPECT_EQ(-EFAULT, vfio_ioctl(container, VFIO_IOMMU_UNMAP_DMA,
				      &request));
	EXPECT_EQ(1, sim_get("dma_unmap/calls"));
	EXPECT_EQ(0, sim_get("pins"));
	EXPECT_EQ(0, dma_pin(device, 0, IOVA, PAGES, DMA_READ));
	EXPECT_EQ(0, unmap(&self->user, 0, IOVA, SIZE));
	EXPECT_EQ(0, sim_get("pins"));
	munmap(bitmap, PAGE);
}

static void *reopen_and_pin(void *data)
{
	struct dma_task *task = data;
	int device;

	while (dma_task_goes_on(task) && !task->result) {
		device = dma_open_device(task->user->vfio.group, UUID_B);
		if (device < 0)
			task->result = device;
		/* -EINVAL during and after the unmap */
		dma_pin(device, task->channel, IDLE_IOVA, PAGES, DMA_READ);
		close(device);
	}
	return NULL;
}

static void *unmap_at_sched_idle(void *data)
{
	const struct sched_param param = {};
	struct dma_task *task = data;

	task->result = sched_setscheduler(0, SCHED_IDLE, &param);
	if (!task->result)
		task->result = unmap(task->user, 0, IDLE_IOVA,
				     IDLE_PAGES * PAGE);
	return NULL;
}

/*
 * One device unpins slowly, another one is reopened and pins in the range:
 * vfio_dma_do_unmap() retries the notifier, and has BUG_ON(++retries > 10).
 */
TEST_F_TIMEOUT(type1, sched_idle_unmap_races_with_reopen, RACE_TIMEOUT)
{
	struct dma_user other = self->user;
	struct dma_task openers[PINNERS] = {};
	struct dma_task task = { .user = &self->user };
	void *memory = dma_memory(IDLE_PAGES);
	unsigned int i, round;

	if (!kernel_is_patched())
		SKIP(return, NEEDS_PATCH);
	ASSERT_NE(NULL, memory);
	other.vfio.group = self->group;
	for (i = 0; i < PINNERS; i++) {
		openers[i].user = &other;
		openers[i].channel = i;
		ASSERT_EQ(0, dma_task_start(&openers[i], reopen_and_pin));
	}
	for (round = 0; round < IDLE_ROUNDS; round++) {
		EXPECT_EQ(0, dma_map(&self->user, IDLE_IOVA, memory,
				     IDLE_PAGES * PAGE, DMA_BOTH));
		EXPECT_EQ(0, dma_pin(self->user.vfio.device, 0, IDLE_IOVA,
				     IDLE_PAGES, DMA_READ));
		EXPECT_EQ(0, dma_task_start(&task, unmap_at_sched_idle));
		EXPECT_EQ(0, dma_task_end(&task));
	}
	for (i = 0; i < PINNERS; i++)
		EXPECT_EQ(0, dma_task_end(&openers[i]));
	EXPECT_EQ(0, sim_get("pins"));
	munmap(memory, IDLE_PAGES * PAGE);
}

/* Many pins of few pages, so that unpinning takes seconds */
FIXTURE(many)
{
	struct dma_user user;
	struct dma_user other;
	struct dma_task opener;
	void *memory;
};

static void *open_and_close(void *data)
{
	struct dma_task *task = data;
	int device;

	while (dma_task_goes_on(task) && !task->result) {
		device = dma_open_device(task->user->vfio.group, UUID_B);
		if (device < 0)
			task->result = device;
		close(device);
	}
	return NULL;
}

FIXTURE_SETUP(many)
{
	unsigned int i;

	if (!kernel_is_patched())
		SKIP(return, NEEDS_PATCH);
	ASSERT_EQ(0, dma_prepare(&self->user, dma_open_container));
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_B));
	self->other = self->user;
	self->other.vfio.group = dma_join_container(self->user.vfio.container,
						    UUID_B);
	ASSERT_LE(0, self->other.vfio.group);
	self->memory = dma_memory(MANY_PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, MANY_IOVA, self->memory,
			     MANY_PAGES * PAGE, DMA_BOTH));
	for (i = 0; i < MANY_PINS; i++)
		ASSERT_EQ(0, dma_pin(self->user.vfio.device, 0, MANY_IOVA,
				     MANY_PAGES, DMA_READ));
	self->opener.user = &self->other;
	ASSERT_EQ(0, dma_task_start(&self->opener, open_and_close));
}

FIXTURE_TEARDOWN(many)
{
	if (!self->memory)
		return;
	EXPECT_EQ(0, dma_task_end(&self->opener));
	close(self->other.vfio.group);
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

TEST_F_TIMEOUT(many, unmap_races_with_open_close, RACE_TIMEOUT)
{
	EXPECT_EQ(0, unmap(&self->user, 0, MANY_IOVA, MANY_PAGES * PAGE));
	EXPECT_EQ(0, sim_get("pins"));
	EXPECT_EQ(1, sim_register(self->user.vfio.device, MDEV_SIM_REG_UNMAPS));
}

TEST_F_TIMEOUT(many, unmap_killed, RACE_TIMEOUT)
{
	pid_t child = fork();
	int status;

	ASSERT_LE(0, child);
	if (!child)
		_exit(unmap(&self->user, 0, MANY_IOVA, MANY_PAGES * PAGE));
	sleep_ms(100);
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, &status, 0));
	/* Whether the unmap was killed or had ended before, the range is consistent */
	EXPECT_EQ(0, unmap(&self->user, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0));
	EXPECT_EQ(0, sim_get("pins"));
}

/* Two threads that unmap the first and the last of the adjacent mappings */
static void *unmap_first(void *data)
{
	struct dma_task *task = data;

	while (dma_task_goes_on(task) && !task->result)
		task->result = unmap(task->user, 0, IOVA,
				     (MAPPINGS - 1) * SIZE);
	return NULL;
}

static void *unmap_last(void *data)
{
	struct dma_task *task = data;

	while (dma_task_goes_on(task) && !task->result)
		task->result = unmap(task->user, 0, IOVA + SIZE,
				     (MAPPINGS - 1) * SIZE);
	return NULL;
}

static void *unmap_all(void *data)
{
	struct dma_task *task = data;

	while (dma_task_goes_on(task) && !task->result) {
		task->result = unmap(task->user, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0);
		sleep_ms(5);
	}
	return NULL;
}

static void *pin_and_unpin(void *data)
{
	struct dma_task *task = data;
	int device = task->user->vfio.device;

	while (dma_task_goes_on(task)) {
		uint64_t iova = IOVA +
				random() % (MAPPINGS * PAGES) * PAGE;

		if (!dma_pin(device, task->channel, iova, 1, DMA_READ) &&
		    random() % 2)
			dma_unpin(device, task->channel, iova, 1);
	}
	return NULL;
}

TEST_F_TIMEOUT(type1, overlapping_unmaps, RACE_TIMEOUT)
{
	static void *(*const works[])(void *) = {
		unmap_first, unmap_last, unmap_all, pin_and_unpin,
		pin_and_unpin,
	};
	struct dma_task tasks[ARRAY_SIZE(works)] = {};
	struct dma_user other = self->user;
	unsigned int i, round;
	int ret;

	if (!kernel_is_patched())
		SKIP(return, NEEDS_PATCH);
	other.vfio.device = dma_open_device(self->group, UUID_B);
	ASSERT_LE(0, other.vfio.device);
	for (i = 0; i < ARRAY_SIZE(works); i++) {
		tasks[i].user = i % 2 ? &self->user : &other;
		tasks[i].channel = i;
		ASSERT_EQ(0, dma_task_start(&tasks[i], works[i]));
	}
	for (round = 0; round < ROUNDS * MAPPINGS; round++) {
		i = round % MAPPINGS;
		ret = dma_map(&self->user, IOVA + i * SIZE,
			      self->memory + i * SIZE, SIZE, DMA_BOTH);
		EXPECT_TRUE(!ret || ret == -EEXIST);
		sleep_ms(2);
	}
	for (i = 0; i < ARRAY_SIZE(works); i++)
		EXPECT_EQ(0, dma_task_end(&tasks[i]));
	EXPECT_EQ(0, unmap(&self->user, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0));
	EXPECT_EQ(0, sim_get("pins"));
	close(other.vfio.device);
}

TEST_HARNESS_MAIN
