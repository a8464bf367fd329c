// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI card of medu while two of its devices are in use: bus reset, suspend, AER,
 * unbind, removal and surprise removal.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "kselftest_harness.h"

#include "irq_lib.h"
#include "mdev_lib.h"
#include "medu_lib.h"

#define ERR		VFIO_PCI_ERR_IRQ_INDEX
#define REQUEST		VFIO_PCI_REQ_IRQ_INDEX

/* Copies and compares until @end is set, or there is an error */
struct worker {
	struct medu_device device;
	pthread_t thread;
	bool end;
	unsigned int rounds;
	int ret;
};

static void *work(void *data)
{
	struct worker *worker = data;

	while (!worker->ret && !__atomic_load_n(&worker->end, __ATOMIC_RELAXED)) {
		worker->ret = medu_round(&worker->device, worker->rounds);
		__atomic_add_fetch(&worker->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static int start(struct worker *worker)
{
	return -pthread_create(&worker->thread, NULL, work, worker);
}

static int finish(struct worker *worker)
{
	__atomic_store_n(&worker->end, true, __ATOMIC_RELAXED);
	pthread_join(worker->thread, NULL);
	return worker->ret;
}

/* Waits for @more rounds. Returns false on timeout or error. */
static bool wait_rounds(struct worker *worker, unsigned int more)
{
	unsigned int first = __atomic_load_n(&worker->rounds, __ATOMIC_RELAXED);
	unsigned int waited;

	for (waited = 0; waited < 60000; waited += 10) {
		if (__atomic_load_n(&worker->rounds, __ATOMIC_RELAXED) >=
		    first + more)
			return !worker->ret;
		sleep_ms(10);
	}
	return false;
}

struct users {
	char name[CARD_NAME_SIZE];
	struct worker a;
	struct worker b;
	int event;
};

/* Opens two devices of a card and starts a worker for each */
static int start_users(struct users *users, unsigned int card)
{
	int ret = medu_card_name(card, users->name);

	if (!ret)
		ret = medu_create(card, UUID_A);
	if (!ret)
		ret = medu_create(card, UUID_B);
	if (!ret)
		ret = medu_open(&users->a.device, dma_open_container, UUID_A);
	if (!ret)
		ret = medu_open(&users->b.device, dma_open_cdev, UUID_B);
	users->event = irq_eventfd();
	if (!ret)
		ret = start(&users->a);
	return ret ? ret : start(&users->b);
}

/* Stops the workers and closes the devices. Returns the first error of a worker. */
static int end_users(struct users *users)
{
	int ret = finish(&users->a);

	if (!ret)
		ret = finish(&users->b);
	medu_close(&users->a.device);
	medu_close(&users->b.device);
	close(users->event);
	return ret;
}

FIXTURE(card)
{
	struct users users;
};

FIXTURE_SETUP(card)
{
	int ret = medu_prepare(1);

	if (ret == -ENOENT)
		SKIP(return, "needs the module medu and an edu card");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, start_users(&self->users, 0));
	ASSERT_TRUE(wait_rounds(&self->users.a, 1));
}

FIXTURE_TEARDOWN(card)
{
	EXPECT_EQ(0, medu_finish());
}

static int write_pci(const char *name, const char *file, const char *text)
{
	return sysfs_write(text, PCI_DEVICES "/%s/%s", name, file);
}

#define EXPECT_WORKING()					\
	do {							\
		EXPECT_TRUE(wait_rounds(&self->users.a, 2));	\
		EXPECT_TRUE(wait_rounds(&self->users.b, 2));	\
		EXPECT_EQ(0, end_users(&self->users));		\
	} while (0)

/* A secondary bus reset by the port above the card, which clears its config space */
TEST_F_TIMEOUT(card, bus_reset, MEDU_TIMEOUT)
{
	unsigned int i;

	for (i = 0; i < 5; i++) {
		EXPECT_EQ(0, write_pci(self->users.name, "reset", "1"));
		sleep_ms(70 * i);
	}
	EXPECT_WORKING();
}

TEST_F_TIMEOUT(card, suspend, MEDU_TIMEOUT)
{
	if (path_exists("/sys/bus/virtio/drivers/9pnet_virtio/virtio0")) {
		EXPECT_EQ(0, end_users(&self->users));
		SKIP(return, "files of virtio_9p can't be read after a suspend");
	}
	if (sysfs_write("devices", "/sys/power/pm_test")) {
		EXPECT_EQ(0, end_users(&self->users));
		SKIP(return, "needs CONFIG_PM_DEBUG");
	}
	EXPECT_EQ(0, sysfs_write("mem", "/sys/power/state"));
	EXPECT_EQ(0, sysfs_write("none", "/sys/power/pm_test"));
	EXPECT_WORKING();
}

/* Each recovery restores config space, also after a reset that has restored it. */
TEST_F_TIMEOUT(card, aer_fatal, MEDU_TIMEOUT)
{
	if (module_load("aer_inject")) {
		EXPECT_EQ(0, end_users(&self->users));
		SKIP(return, "needs the module aer_inject");
	}
	EXPECT_EQ(0, card_inject_fatal_error(self->users.name));
	EXPECT_TRUE(wait_rounds(&self->users.a, 2));
	EXPECT_EQ(0, write_pci(self->users.name, "reset", "1"));
	EXPECT_EQ(0, card_inject_fatal_error(self->users.name));
	EXPECT_WORKING();
	EXPECT_EQ(0, module_unload("aer_inject"));
}

TEST_F_TIMEOUT(card, aer_nonfatal, MEDU_TIMEOUT)
{
	if (module_load("aer_inject")) {
		EXPECT_EQ(0, end_users(&self->users));
		SKIP(return, "needs the module aer_inject");
	}
	ASSERT_EQ(0, card_inject_error(self->users.name, PCI_ERR_UNC_COMP_TIME));
	sleep_ms(1000);
	EXPECT_WORKING();
	EXPECT_EQ(0, module_unload("aer_inject"));
}

/* Signals the REQ interrupt, and waits until the devices are closed. */
TEST_F_TIMEOUT(card, unbind, MEDU_TIMEOUT)
{
	struct card_action action = { .text = self->users.name,
				      .path = MEDU_DRIVER "/unbind" };

	ASSERT_EQ(0, irq_set_eventfd(self->users.a.device.fd, REQUEST, TRIGGER,
				     self->users.event));
	ASSERT_EQ(0, card_action_start(&action));
	EXPECT_LE(1, irq_signals_within(self->users.event, 15000));
	EXPECT_TRUE(card_action_waits(&action));
	EXPECT_WORKING();
	EXPECT_EQ(0, card_action_end(&action));
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_A));
	EXPECT_EQ(0, sysfs_write(self->users.name, MEDU_DRIVER "/bind"));
	EXPECT_EQ(MEDU_UNITS, medu_available(0));
}

TEST_F_TIMEOUT(card, remove_and_rescan, MEDU_TIMEOUT)
{
	char path[128];
	struct card_action action = { .text = "1", .path = path };

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/remove", self->users.name);
	ASSERT_EQ(0, irq_set_eventfd(self->users.a.device.fd, REQUEST, TRIGGER,
				     self->users.event));
	ASSERT_EQ(0, card_action_start(&action));
	EXPECT_LE(1, irq_signals_within(self->users.event, 15000));
	EXPECT_WORKING();
	EXPECT_EQ(0, card_action_end(&action));
	EXPECT_EQ(0, sysfs_write("1", "/sys/bus/pci/rescan"));
	EXPECT_EQ(MEDU_UNITS, medu_available(0));
}

/*
 * After a surprise removal, accesses return -EIO and the ERR interrupt is signalled. The
 * third card is removed, which no other test needs: it can't be plugged in again.
 */
FIXTURE(removal) {};
FIXTURE_SETUP(removal) {}
FIXTURE_TEARDOWN(removal) {}

TEST_F_TIMEOUT(removal, surprise, MEDU_TIMEOUT)
{
	struct users users = {};

	if (medu_prepare(3) == -ENOENT)
		SKIP(return, "needs the module medu and three edu cards");
	ASSERT_EQ(0, start_users(&users, 2));
	ASSERT_EQ(0, irq_set_eventfd(users.a.device.fd, ERR, TRIGGER,
				     users.event));
	ASSERT_TRUE(wait_rounds(&users.a, 1));
	ASSERT_EQ(0, card_pull_out(users.name));
	EXPECT_EQ(1, irq_signals_within(users.event, 30000));
	pthread_join(users.a.thread, NULL);
	pthread_join(users.b.thread, NULL);
	EXPECT_EQ(-EIO, users.a.ret);
	EXPECT_EQ(-EIO, users.b.ret);
	EXPECT_EQ(-EIO, medu_read(&users.a.device, MEDU_ID));
	EXPECT_EQ(-EIO, vfio_ioctl(users.a.device.fd, VFIO_DEVICE_RESET, NULL));
	medu_close(&users.a.device);
	medu_close(&users.b.device);
	EXPECT_EQ(0, write_pci(users.name, "remove", "1"));
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_A));
	EXPECT_EQ(0, medu_finish());
}

static bool creating;

static void *create_and_remove(void *data)
{
	char uuid[UUID_SIZE];
	int ret = 0;

	uuid_numbered(uuid, 1);
	while (__atomic_load_n(&creating, __ATOMIC_RELAXED)) {
		ret = medu_create(*(unsigned int *)data, uuid);
		if (!ret)
			ret = mdev_remove(uuid);
		if (ret && ret != -ENOENT && ret != -ENODEV &&
		    ret != -EAGAIN && ret != -EEXIST)
			return (void *)(intptr_t)ret;
	}
	return NULL;
}

TEST_F_TIMEOUT(removal, create_races_with_unbind_and_bind, MEDU_TIMEOUT)
{
	unsigned int card = 0, i;
	char name[CARD_NAME_SIZE];
	pthread_t thread;
	void *result;

	if (medu_prepare(1) == -ENOENT)
		SKIP(return, "needs the module medu and an edu card");
	ASSERT_EQ(0, medu_card_name(0, name));
	creating = true;
	ASSERT_EQ(0, pthread_create(&thread, NULL, create_and_remove, &card));
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(0, sysfs_write(name, MEDU_DRIVER "/unbind"));
		EXPECT_EQ(0, sysfs_write(name, MEDU_DRIVER "/bind"));
		sleep_ms(20);
	}
	__atomic_store_n(&creating, false, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(NULL, result);
	EXPECT_EQ(0, medu_finish());
}

TEST_HARNESS_MAIN
