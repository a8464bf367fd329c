// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of the user that is taken away while a vendor driver has pages of it
 * pinned, or is about to: who hears of it and when, and what becomes of pages
 * that a vendor forgets.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
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
/* A second mapping of as much memory */
#define ELSEWHERE	(IOVA + 0x100000)

#define ROUNDS		200
#define PINNERS		3

/* What the kernel log says of a vendor that forgets to unpin */
#define LOG_UNMAP(_pages)						\
	"unpinned " #_pages " pages in memory that the user takes away"
#define LOG_CLOSE(_pages)						\
	"unpinned " #_pages " pages that the vendor forgot"

/* Something that is done beside the test's own thread */
struct task {
	pthread_t thread;
	struct dma_user *user;
	unsigned int channel;
	bool stop;
	int result;
};

static int task_start(struct task *task, void *(*work)(void *task))
{
	return -pthread_create(&task->thread, NULL, work, task);
}

static int task_end(struct task *task)
{
	pthread_join(task->thread, NULL);
	return task->result;
}

static void *unmap_once(void *data)
{
	struct task *task = data;

	task->result = dma_unmap(task->user, IOVA, SIZE);
	return NULL;
}

static void *close_device(void *data)
{
	struct task *task = data;

	vfio_close_file(&task->user->vfio.device);
	return NULL;
}

FIXTURE(unmap)
{
	struct dma_user user;
	char *memory;
	int fd;
	int log;
};

FIXTURE_VARIANT(unmap)
{
	int (*open)(struct dma_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(unmap, container) { .open = dma_open_container };
FIXTURE_VARIANT_ADD(unmap, group) { .open = dma_open_group };
FIXTURE_VARIANT_ADD(unmap, cdev) { .open = dma_open_cdev };

FIXTURE_SETUP(unmap)
{
	ASSERT_EQ(0, sim_prepare());
	self->log = kernel_log_open();
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	self->fd = self->user.vfio.device;
	self->memory = dma_memory(2 * PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));
	ASSERT_EQ(0, dma_map(&self->user, ELSEWHERE, self->memory + SIZE, SIZE,
			     DMA_BOTH));
}

FIXTURE_TEARDOWN(unmap)
{
	dma_close(&self->user);
	/* Unless the test has read it: nobody has forgotten a page */
	EXPECT_EQ(0, kernel_log_count(self->log, "unpinned", UUID_A));
	EXPECT_EQ(0, sim_finish());
}

TEST_F(unmap, is_not_told_when_nothing_is_pinned)
{
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, ELSEWHERE, PAGES, DMA_BOTH));
	ASSERT_EQ(0, dma_unpin(self->fd, 0, IOVA, PAGES));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_EQ(0, sim_get("dma_unmap/calls"));
	EXPECT_EQ(PAGES, sim_get("pins"));
}

TEST_F(unmap, is_told_when_something_is_pinned)
{
	uint64_t value;

	/* One of them several times */
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA + PAGE, 3, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA + PAGE, 1, DMA_READ));
	ASSERT_EQ(0, dma_pin(self->fd, 0, ELSEWHERE, 1, DMA_READ));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_EQ(1, sim_get("dma_unmap/calls"));
	EXPECT_EQ(IOVA, sim_register(self->fd, MDEV_SIM_REG_UNMAP_IOVA));
	EXPECT_EQ(SIZE, sim_register(self->fd, MDEV_SIM_REG_UNMAP_LENGTH));
	EXPECT_EQ(1, sim_get("pins"));

	EXPECT_EQ(-EINVAL, dma_peek(self->fd, IOVA + PAGE, &value));
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA + PAGE, 1));
	EXPECT_EQ(-EINVAL, dma_pin(self->fd, 0, IOVA + PAGE, 1, DMA_READ));
}

TEST_F(unmap, lets_the_same_address_be_pinned_again)
{
	uint64_t value = 0;

	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
	ASSERT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory + SIZE, SIZE,
			     DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 1, DMA_BOTH));
	EXPECT_EQ(0, dma_peek(self->fd, IOVA, &value));
	EXPECT_EQ(dma_mark(PAGES), value);
}

/* Pages that were pinned at once go by parts, with the mapping they are in. */
TEST_F(unmap, takes_a_part_of_what_was_pinned_at_once)
{
	uint64_t value = 0;

	ASSERT_EQ(0, dma_map(&self->user, IOVA + SIZE, self->memory + SIZE,
			     SIZE, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 2 * PAGES, DMA_BOTH));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_EQ(PAGES, sim_get("pins"));
	EXPECT_EQ(0, dma_peek(self->fd, IOVA + SIZE, &value));
	EXPECT_EQ(dma_mark(PAGES), value);
	EXPECT_EQ(0, dma_unpin(self->fd, 0, IOVA + SIZE, PAGES));
}

TEST_F(unmap, waits_for_a_slow_vendor)
{
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
	ASSERT_EQ(0, sim_set("dma_unmap/delay", 4000));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_EQ(1, sim_get("dma_unmap/calls"));
	EXPECT_EQ(0, sim_get("pins"));
}

TEST_F(unmap, unpins_what_the_vendor_does_not)
{
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 3, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 1, DMA_BOTH));
	ASSERT_EQ(0, sim_set("forget_pins", MDEV_SIM_FORGET_UNMAP));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_LT(1, sim_get("dma_unmap/calls"));
	EXPECT_EQ(1, kernel_log_count(self->log, LOG_UNMAP(3), UUID_A));

	/* What it believes to have is not unpinned twice */
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA, 3));
	EXPECT_EQ(0, sim_set("forget_pins", 0));
}

TEST_F(unmap, unpins_at_close_what_the_vendor_does_not)
{
	struct dma_user user;

	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 3, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, ELSEWHERE, 2, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, ELSEWHERE, 2, DMA_BOTH));
	ASSERT_EQ(0, sim_set("forget_pins", MDEV_SIM_FORGET_RELEASE));
	dma_close(&self->user);
	EXPECT_EQ(1, kernel_log_count(self->log, LOG_CLOSE(5), UUID_A));
	EXPECT_EQ(0, sim_get("dma_unmap/calls"));

	EXPECT_EQ(0, sim_set("forget_pins", 0));
	ASSERT_EQ(0, variant->open(&user, UUID_A));
	EXPECT_EQ(-EINVAL, dma_unpin(user.vfio.device, 0, IOVA, 1));
	dma_close(&user);
}

TEST_F(unmap, is_over_before_release_begins)
{
	struct task unmap = { .user = &self->user };
	struct task close = { .user = &self->user };

	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
	ASSERT_EQ(0, sim_set("dma_unmap/block", 1));
	ASSERT_EQ(0, task_start(&unmap, unmap_once));
	EXPECT_TRUE(sim_wait_for("dma_unmap/blocked", 1));
	ASSERT_EQ(0, task_start(&close, close_device));
	sleep_ms(200);
	EXPECT_EQ(0, sim_get("release/calls"));
	EXPECT_EQ(0, sim_set("dma_unmap/block", 0));
	task_end(&close);
	EXPECT_EQ(0, task_end(&unmap));
	EXPECT_EQ(1, sim_get("release/calls"));
}

TEST_F(unmap, is_not_told_once_release_has_begun)
{
	struct task unmap = { .user = &self->user };
	struct task close = { .user = &self->user };

	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
	ASSERT_EQ(0, sim_set("release/block", 1));
	ASSERT_EQ(0, task_start(&close, close_device));
	EXPECT_TRUE(sim_wait_for("release/blocked", 1));
	ASSERT_EQ(0, task_start(&unmap, unmap_once));
	sleep_ms(200);
	EXPECT_EQ(0, sim_set("release/block", 0));
	task_end(&close);
	EXPECT_EQ(0, task_end(&unmap));
	EXPECT_EQ(0, sim_get("dma_unmap/calls"));
}

static void *pin_again_and_again(void *data)
{
	struct task *task = data;
	int fd = task->user->vfio.device;

	while (!__atomic_load_n(&task->stop, __ATOMIC_RELAXED)) {
		int ret = dma_pin(fd, task->channel, IOVA, PAGES, DMA_BOTH);

		if (!ret && task->channel % 2)
			ret = dma_unpin(fd, task->channel, IOVA, PAGES);
		if (ret && ret != -EINVAL)
			task->result = ret;
	}
	return NULL;
}

/*
 * Some unpin what they have pinned, the others leave it to dma_unmap. A kernel
 * that VFIO asks in vain has crashed, or has warned.
 */
TEST_F_TIMEOUT(unmap, outruns_those_who_pin, RACE_TIMEOUT)
{
	struct task pinners[PINNERS] = {};
	unsigned int i;

	for (i = 0; i < PINNERS; i++) {
		pinners[i].user = &self->user;
		pinners[i].channel = i;
		ASSERT_EQ(0, task_start(&pinners[i], pin_again_and_again));
	}
	for (i = 0; i < ROUNDS; i++) {
		EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
		EXPECT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE,
				     DMA_BOTH));
		usleep(random() % 2000);
	}
	for (i = 0; i < PINNERS; i++) {
		__atomic_store_n(&pinners[i].stop, true, __ATOMIC_RELAXED);
		EXPECT_EQ(0, task_end(&pinners[i]));
	}
	EXPECT_LT(0, sim_get("dma_unmap/calls"));
	EXPECT_EQ(1, sim_get("dma_unmap/max_active"));
}

TEST_F(unmap, unpins_for_a_vendor_without_dma_unmap)
{
	struct dma_user user;

	ASSERT_EQ(0, sim_create(SIM_PLAIN, SIM_PCI, UUID_B));
	ASSERT_EQ(0, variant->open(&user, UUID_B));
	ASSERT_EQ(0, dma_map(&user, IOVA, self->memory, SIZE, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(user.vfio.device, 0, IOVA, 2, DMA_BOTH));
	EXPECT_EQ(0, dma_unmap(&user, IOVA, SIZE));
	EXPECT_EQ(1, kernel_log_count(self->log, LOG_UNMAP(2), UUID_B));
	dma_close(&user);
	EXPECT_EQ(0, kernel_log_count(self->log, "unpinned", UUID_B));
}

/* An address space of an iommufd can be exchanged while pages are pinned. */
FIXTURE(unmap_cdev)
{
	struct dma_user user;
	uint32_t other;
	char *memory;
	int fd;
	int log;
};

FIXTURE_SETUP(unmap_cdev)
{
	ASSERT_EQ(0, sim_prepare());
	self->log = kernel_log_open();
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, dma_open_cdev(&self->user, UUID_A));
	ASSERT_EQ(0, dma_ioas_alloc(self->user.vfio.container, &self->other));
	self->fd = self->user.vfio.device;
	self->memory = dma_memory(PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
}

FIXTURE_TEARDOWN(unmap_cdev)
{
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

TEST_F(unmap_cdev, is_told_when_another_address_space_is_attached)
{
	uint64_t value = 0;

	ASSERT_EQ(0, dma_attach(&self->user, self->other));
	EXPECT_EQ(1, sim_get("dma_unmap/calls"));
	EXPECT_EQ(0, sim_get("pins"));

	EXPECT_EQ(-EINVAL, dma_pin(self->fd, 0, IOVA, 1, DMA_READ));
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory + PAGE, PAGE,
			     DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 1, DMA_READ));
	EXPECT_EQ(0, dma_peek(self->fd, IOVA, &value));
	EXPECT_EQ(dma_mark(1), value);
}

TEST_F(unmap_cdev, is_told_when_the_address_space_is_detached)
{
	ASSERT_EQ(0, dma_detach(&self->user));
	EXPECT_EQ(1, sim_get("dma_unmap/calls"));
	EXPECT_EQ(0, sim_get("pins"));
	EXPECT_EQ(-EINVAL, dma_pin(self->fd, 0, IOVA, 1, DMA_READ));
	EXPECT_EQ(-EINVAL, dma_read(self->fd, IOVA, 0, 1));

	ASSERT_EQ(0, dma_attach(&self->user, self->user.ioas));
	EXPECT_EQ(0, dma_pin(self->fd, 0, IOVA, 1, DMA_READ));
}

TEST_F(unmap_cdev, unpins_what_the_vendor_does_not)
{
	ASSERT_EQ(0, sim_set("forget_pins", MDEV_SIM_FORGET_UNMAP));
	ASSERT_EQ(0, dma_attach(&self->user, self->other));
	EXPECT_EQ(1, kernel_log_count(self->log, LOG_UNMAP(16), UUID_A));
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA, 1));
}

/* Containers and groups outlive the devices that they were opened for. */
FIXTURE(unmap_group)
{
	struct dma_user user;
	char *memory;
};

FIXTURE_VARIANT(unmap_group)
{
	int (*open)(struct dma_user *user, const char *uuid);
	unsigned int rounds;
};

FIXTURE_VARIANT_ADD(unmap_group, container)
{
	.open = dma_open_container,
	.rounds = ROUNDS,
};

/* It stops for a minute if a close and an unmap meet at a certain point. */
FIXTURE_VARIANT_ADD(unmap_group, iommufd)
{
	.open = dma_open_group,
	.rounds = ROUNDS / 10,
};

FIXTURE_SETUP(unmap_group)
{
	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	self->memory = dma_memory(PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));
}

FIXTURE_TEARDOWN(unmap_group)
{
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

static int open_device(int group, const char *uuid)
{
	return vfio_ioctl(group, VFIO_GROUP_GET_DEVICE_FD, (void *)uuid);
}

static void *open_and_close(void *data)
{
	struct task *task = data;

	while (!__atomic_load_n(&task->stop, __ATOMIC_RELAXED)) {
		int fd = open_device(task->user->vfio.group, UUID_A);

		if (fd < 0) {
			task->result = fd;
			break;
		}
		dma_pin(fd, 0, IOVA, PAGES, DMA_BOTH);
		close(fd);
	}
	return NULL;
}

/* What may not come at once is counted by mdev_sim. */
TEST_F_TIMEOUT(unmap_group, races_with_open_and_close, RACE_TIMEOUT)
{
	struct task opener = { .user = &self->user };
	unsigned int i;

	vfio_close_file(&self->user.vfio.device);
	ASSERT_EQ(0, task_start(&opener, open_and_close));
	for (i = 0; i < variant->rounds; i++) {
		EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
		EXPECT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE,
				     DMA_BOTH));
		usleep(random() % 2000);
	}
	__atomic_store_n(&opener.stop, true, __ATOMIC_RELAXED);
	EXPECT_EQ(0, task_end(&opener));
}

/* Two devices in one container of type1 */
FIXTURE(unmap_type1)
{
	struct dma_user user;
	char *memory;
	int group;
};

FIXTURE_SETUP(unmap_type1)
{
	char path[VFIO_PATH_SIZE];

	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_B));
	ASSERT_EQ(0, dma_open_container(&self->user, UUID_A));
	self->memory = dma_memory(PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));

	ASSERT_EQ(0, vfio_group_path(path, UUID_B));
	self->group = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->group);
	ASSERT_EQ(0, vfio_ioctl(self->group, VFIO_GROUP_SET_CONTAINER,
				&self->user.vfio.container));
}

FIXTURE_TEARDOWN(unmap_type1)
{
	close(self->group);
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

TEST_F(unmap_type1, tells_who_has_pinned)
{
	int device = open_device(self->group, UUID_B);

	ASSERT_LE(0, device);
	ASSERT_EQ(0, dma_pin(self->user.vfio.device, 0, IOVA, 1, DMA_READ));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_EQ(0, sim_register(device, MDEV_SIM_REG_UNMAPS));
	EXPECT_EQ(1, sim_register(self->user.vfio.device, MDEV_SIM_REG_UNMAPS));
	close(device);
}

static void *open_the_other(void *data)
{
	struct task *task = data;

	task->result = open_device(task->user->vfio.group, UUID_B);
	return NULL;
}

/*
 * Who opens a device holds the lock that is needed to unpin, and waits for the
 * one that is held across dma_unmap.
 */
TEST_F(unmap_type1, gets_by_who_opens_another_device)
{
	struct dma_user other = { .vfio.group = self->group };
	struct task unmap = { .user = &self->user };
	struct task open = { .user = &other };

	ASSERT_EQ(0, dma_pin(self->user.vfio.device, 0, IOVA, 1, DMA_READ));
	ASSERT_EQ(0, sim_set("dma_unmap/block", 1));
	ASSERT_EQ(0, task_start(&unmap, unmap_once));
	EXPECT_TRUE(sim_wait_for("dma_unmap/blocked", 1));
	ASSERT_EQ(0, task_start(&open, open_the_other));
	sleep_ms(300);
	EXPECT_EQ(0, sim_set("dma_unmap/block", 0));
	EXPECT_EQ(0, task_end(&unmap));
	EXPECT_LE(0, task_end(&open));
	EXPECT_EQ(0, sim_get("pins"));
	close(open.result);
}

TEST_HARNESS_MAIN
