// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several devices in one type1 container: unmaps that race with pins of all devices.
 * Unmaps that race with each other, or with the open of a device, need a patched
 * kernel: stock type1 can deadlock between iommu->lock and device_list_lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
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

/* Mappings that take many calls to unpin */
#define MANY_PAGES	4096
#define MANY_IOVA(n)	(((n) + 1) * 0x10000000UL)
#define MAX_MAPPINGS	8

#define ROUNDS		20
#define PINNERS		4
#define CROWD		12

static void *unmap_once(void *data)
{
	struct dma_task *task = data;

	task->result = dma_unmap(task->user, IOVA, SIZE);
	return NULL;
}

/* Two devices in one container of type1 */
FIXTURE(shared)
{
	struct dma_user user;
	char *memory;
	int group;
};

static int join_container(int container, const char *uuid)
{
	char path[VFIO_PATH_SIZE];
	int group, ret;

	ret = vfio_group_path(path, uuid);
	if (ret)
		return ret;
	group = open(path, O_RDWR | O_CLOEXEC);
	if (group < 0)
		return -errno;
	ret = vfio_ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
	return ret ? ret : group;
}

FIXTURE_SETUP(shared)
{
	ASSERT_EQ(0, dma_prepare(&self->user, dma_open_container));
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_B));
	self->memory = dma_memory(PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));

	self->group = join_container(self->user.vfio.container, UUID_B);
	ASSERT_LE(0, self->group);
}

FIXTURE_TEARDOWN(shared)
{
	close(self->group);
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

TEST_F(shared, dma_unmap_of_device_with_pins)
{
	int device = dma_open_device(self->group, UUID_B);

	ASSERT_LE(0, device);
	ASSERT_EQ(0, dma_pin(self->user.vfio.device, 0, IOVA, 1, DMA_READ));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_EQ(0, sim_register(device, MDEV_SIM_REG_UNMAPS));
	EXPECT_EQ(1, sim_register(self->user.vfio.device, MDEV_SIM_REG_UNMAPS));
	close(device);
}

static void *open_the_other(void *data)
{
	struct dma_task *task = data;

	task->result = dma_open_device(task->user->vfio.group, UUID_B);
	return NULL;
}

/*
 * On a stock kernel register_device holds iommu->lock and waits for device_list_lock,
 * which vfio_notify_dma_unmap() holds while ->dma_unmap() waits for iommu->lock.
 */
TEST_F(shared, unmap_races_with_open)
{
	struct dma_user other = { .vfio.group = self->group };
	struct dma_task unmap = { .user = &self->user };
	struct dma_task open = { .user = &other };

	if (!kernel_is_patched())
		SKIP(return, "needs a kernel with patches/");
	ASSERT_EQ(0, dma_pin(self->user.vfio.device, 0, IOVA, 1, DMA_READ));
	ASSERT_EQ(0, sim_set("dma_unmap/block", 1));
	ASSERT_EQ(0, dma_task_start(&unmap, unmap_once));
	EXPECT_TRUE(sim_wait_for("dma_unmap/blocked", 1));
	ASSERT_EQ(0, dma_task_start(&open, open_the_other));
	sleep_ms(300);
	EXPECT_EQ(0, sim_set("dma_unmap/block", 0));
	EXPECT_EQ(0, dma_task_end(&unmap));
	EXPECT_LE(0, dma_task_end(&open));
	EXPECT_EQ(0, sim_get("pins"));
	close(open.result);
}

static void *pin_in_a_loop(void *data)
{
	struct dma_task *task = data;

	while (dma_task_goes_on(task))
		dma_pin(task->user->vfio.device, task->channel, IOVA, 1,
			DMA_READ);
	return NULL;
}

/* While type1 notifies one device, another pins in the same range. */
TEST_F_TIMEOUT(shared, unmap_races_with_pin, RACE_TIMEOUT)
{
	struct dma_user other = { .vfio = self->user.vfio };
	struct dma_task pinners[PINNERS] = {};
	unsigned int i;

	other.vfio.device = dma_open_device(self->group, UUID_B);
	ASSERT_LE(0, other.vfio.device);
	/* Lets one device pin while the other one is notified */
	ASSERT_EQ(0, sim_set("dma_unmap/delay", 20));
	for (i = 0; i < ARRAY_SIZE(pinners); i++) {
		pinners[i].user = i % 2 ? &other : &self->user;
		pinners[i].channel = i;
		ASSERT_EQ(0, dma_task_start(&pinners[i], pin_in_a_loop));
	}
	for (i = 0; i < ROUNDS; i++) {
		EXPECT_EQ(0, dma_pin(other.vfio.device, PINNERS, IOVA, 1,
				     DMA_READ));
		EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
		EXPECT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE,
				     DMA_BOTH));
	}
	for (i = 0; i < ARRAY_SIZE(pinners); i++)
		dma_task_end(&pinners[i]);
	close(other.vfio.device);
}

/* More devices than vfio_dma_do_unmap() has retries before its BUG_ON() */
TEST_F_TIMEOUT(shared, unmap_races_with_many_pinners, RACE_TIMEOUT)
{
	struct dma_task pinners[CROWD] = {};
	struct dma_user users[CROWD];
	int groups[CROWD];
	char uuid[UUID_SIZE];
	unsigned int i;

	ASSERT_EQ(0, sim_set("dma_unmap/delay", 2));
	for (i = 0; i < CROWD; i++) {
		uuid_numbered(uuid, i);
		ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, uuid));
		groups[i] = join_container(self->user.vfio.container, uuid);
		ASSERT_LE(0, groups[i]);
		users[i] = self->user;
		users[i].vfio.device = dma_open_device(groups[i], uuid);
		ASSERT_LE(0, users[i].vfio.device);
		pinners[i].user = &users[i];
		ASSERT_EQ(0, dma_task_start(&pinners[i], pin_in_a_loop));
	}
	for (i = 0; i < ROUNDS; i++) {
		EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
		EXPECT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE,
				     DMA_BOTH));
		sleep_ms(20);
	}
	for (i = 0; i < CROWD; i++) {
		dma_task_end(&pinners[i]);
		close(users[i].vfio.device);
		close(groups[i]);
	}
}

/* Each thread unmaps a mapping with many pinned pages */
FIXTURE(many)
{
	struct dma_user user;
	int group;
	int devices[2];
};

FIXTURE_VARIANT(many)
{
	unsigned int devices;
	unsigned int mappings;
	/* Every @step-th page is pinned */
	unsigned int step;
	/* The driver's dma_unmap leaves the pages pinned. */
	bool forget;
};

FIXTURE_VARIANT_ADD(many, one_device)
{
	.devices = 1,
	.mappings = 2,
	.step = 1,
};

FIXTURE_VARIANT_ADD(many, two_devices)
{
	.devices = 2,
	.mappings = 2,
	.step = 1,
};

FIXTURE_VARIANT_ADD(many, threads)
{
	.devices = 2,
	.mappings = MAX_MAPPINGS,
	.step = 1,
};

FIXTURE_VARIANT_ADD(many, single_pages)
{
	.devices = 2,
	.mappings = 2,
	.step = 2,
};

FIXTURE_VARIANT_ADD(many, left_by_dma_unmap)
{
	.devices = 2,
	.mappings = 2,
	.step = 1,
	.forget = true,
};

FIXTURE_SETUP(many)
{
	ASSERT_EQ(0, dma_prepare(&self->user, dma_open_container));
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_B));
	self->devices[0] = self->user.vfio.device;
	self->group = join_container(self->user.vfio.container, UUID_B);
	ASSERT_LE(0, self->group);
	self->devices[1] = dma_open_device(self->group, UUID_B);
	ASSERT_LE(0, self->devices[1]);
	if (variant->forget)
		ASSERT_EQ(0, sim_set("forget_pins", MDEV_SIM_FORGET_UNMAP));
}

FIXTURE_TEARDOWN(many)
{
	close(self->devices[1]);
	close(self->group);
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

static int pin_many(int device, uint64_t iova, unsigned int step)
{
	unsigned int i;
	int ret = 0;

	if (step == 1)
		return dma_pin(device, 0, iova, MANY_PAGES, DMA_READ);
	for (i = 0; i < MANY_PAGES && !ret; i += step)
		ret = dma_pin(device, 0, iova + i * PAGE, 1, DMA_READ);
	return ret;
}

static void *unmap_many(void *data)
{
	struct dma_task *task = data;

	task->result = dma_unmap(task->user, MANY_IOVA(task->channel),
				 MANY_PAGES * PAGE);
	return NULL;
}

TEST_F_TIMEOUT(many, concurrent_unmaps, RACE_TIMEOUT)
{
	struct dma_task tasks[MAX_MAPPINGS] = {};
	unsigned int i, device;

	if (!kernel_is_patched())
		SKIP(return, "needs a kernel with patches/");

	for (i = 0; i < variant->mappings; i++) {
		void *memory = dma_memory(MANY_PAGES);

		ASSERT_NE(NULL, memory);
		ASSERT_EQ(0, dma_map(&self->user, MANY_IOVA(i), memory,
				     MANY_PAGES * PAGE, DMA_BOTH));
		for (device = 0; device < variant->devices; device++)
			ASSERT_EQ(0, pin_many(self->devices[device],
					      MANY_IOVA(i), variant->step));
		tasks[i].user = &self->user;
		tasks[i].channel = i;
	}
	for (i = 0; i < variant->mappings; i++)
		ASSERT_EQ(0, dma_task_start(&tasks[i], unmap_many));
	for (i = 0; i < variant->mappings; i++)
		EXPECT_EQ(0, dma_task_end(&tasks[i]));
	/* mdev_sim still counts pages that its dma_unmap has left pinned. */
	if (!variant->forget)
		EXPECT_EQ(0, sim_get("pins"));
}

TEST_HARNESS_MAIN
