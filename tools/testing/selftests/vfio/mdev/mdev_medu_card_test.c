// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to a card of medu while two users work with its devices: resets, suspend,
 * errors that PCI Express reports, unbinding, removal, and a card that is pulled out.
 */
#include <errno.h>
#include <fcntl.h>
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

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define ERR		VFIO_PCI_ERR_IRQ_INDEX
#define REQUEST		VFIO_PCI_REQ_IRQ_INDEX

/* Copies, and compares, until @end is set or there is an error */
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

/* Waits until the worker has done as many rounds more. */
static bool goes_on(struct worker *worker, unsigned int more)
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
	char name[MEDU_NAME_SIZE];
	struct worker a;
	struct worker b;
	int event;
};

/* Two users of a card */
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

/* Both have worked until now, and have missed nothing. */
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
		SKIP(return, "there is no medu, or no edu card");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, start_users(&self->users, 0));
	ASSERT_TRUE(goes_on(&self->users.a, 1));
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
		EXPECT_TRUE(goes_on(&self->users.a, 2));	\
		EXPECT_TRUE(goes_on(&self->users.b, 2));	\
		EXPECT_EQ(0, end_users(&self->users));		\
	} while (0)

/* The reset of the port that it is connected to: the card loses all that it had. */
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
		SKIP(return, "the kernel has no pm_test");
	}
	EXPECT_EQ(0, sysfs_write("mem", "/sys/power/state"));
	EXPECT_EQ(0, sysfs_write("none", "/sys/power/pm_test"));
	EXPECT_WORKING();
}

/* As the module aer_inject has it */
struct aer_error_inj {
	uint8_t bus;
	uint8_t dev;
	uint8_t fn;
	uint32_t uncor_status;
	uint32_t cor_status;
	uint32_t header_log[4];
	uint32_t domain;
};

/* The root port of a card: an edu card has no errors of its own to report. */
static int port_name(const char *name, char port[MEDU_NAME_SIZE])
{
	char path[256], target[256];
	ssize_t size;
	char *end;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s", name);
	size = readlink(path, target, sizeof(target) - 1);
	if (size < 0)
		return -errno;
	target[size] = 0;
	end = strrchr(target, '/');
	*end = 0;
	snprintf(port, MEDU_NAME_SIZE, "%s", strrchr(target, '/') + 1);
	return 0;
}

static int inject(const char *name, uint32_t status)
{
	struct aer_error_inj error = { .uncor_status = status };
	unsigned int domain, bus, dev, fn;
	char port[MEDU_NAME_SIZE];
	int fd, ret;

	ret = port_name(name, port);
	if (ret)
		return ret;
	if (sscanf(port, "%x:%x:%x.%u", &domain, &bus, &dev, &fn) != 4)
		return -EPROTO;
	error.domain = domain;
	error.bus = bus;
	error.dev = dev;
	error.fn = fn;
	fd = open("/dev/aer_inject", O_WRONLY);
	if (fd < 0)
		return -errno;
	ret = write(fd, &error, sizeof(error)) == sizeof(error) ? 0 : -errno;
	close(fd);
	return ret;
}

TEST_F_TIMEOUT(card, aer_fatal, MEDU_TIMEOUT)
{
	int log, waited;

	if (module_load("aer_inject")) {
		EXPECT_EQ(0, end_users(&self->users));
		SKIP(return, "the kernel has no aer_inject");
	}
	log = kernel_log_open();
	ASSERT_EQ(0, inject(self->users.name, PCI_ERR_UNC_DLP));
	for (waited = 0; waited < 30000; waited += 100) {
		if (kernel_log_count(log, "device recovery successful", "AER"))
			break;
		sleep_ms(100);
	}
	EXPECT_GT(30000, waited);
	close(log);
	EXPECT_WORKING();
	EXPECT_EQ(0, module_unload("aer_inject"));
}

TEST_F_TIMEOUT(card, aer_nonfatal, MEDU_TIMEOUT)
{
	if (module_load("aer_inject")) {
		EXPECT_EQ(0, end_users(&self->users));
		SKIP(return, "the kernel has no aer_inject");
	}
	ASSERT_EQ(0, inject(self->users.name, PCI_ERR_UNC_COMP_TIME));
	sleep_ms(1000);
	EXPECT_WORKING();
	EXPECT_EQ(0, module_unload("aer_inject"));
}

/* An action that waits until users have closed their devices */
struct action {
	pthread_t thread;
	const char *text;
	const char *path;
	bool done;
	int ret;
};

static void *act(void *data)
{
	struct action *action = data;

	action->ret = sysfs_write(action->text, "%s", action->path);
	__atomic_store_n(&action->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Users are notified, and it waits for them. */
TEST_F_TIMEOUT(card, unbind, MEDU_TIMEOUT)
{
	struct action action = { .text = self->users.name,
				 .path = MEDU_DRIVER "/unbind" };

	ASSERT_EQ(0, irq_set_eventfd(self->users.a.device.fd, REQUEST, TRIGGER,
				     self->users.event));
	ASSERT_EQ(0, pthread_create(&action.thread, NULL, act, &action));
	EXPECT_LE(1, irq_signals_within(self->users.event, 15000));
	EXPECT_FALSE(__atomic_load_n(&action.done, __ATOMIC_ACQUIRE));
	EXPECT_WORKING();
	ASSERT_EQ(0, pthread_join(action.thread, NULL));
	EXPECT_EQ(0, action.ret);
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_A));
	EXPECT_EQ(0, sysfs_write(self->users.name, MEDU_DRIVER "/bind"));
	EXPECT_EQ(MEDU_UNITS, medu_available(0));
}

TEST_F_TIMEOUT(card, remove_and_rescan, MEDU_TIMEOUT)
{
	char path[128];
	struct action action = { .text = "1", .path = path };

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/remove", self->users.name);
	ASSERT_EQ(0, irq_set_eventfd(self->users.a.device.fd, REQUEST, TRIGGER,
				     self->users.event));
	ASSERT_EQ(0, pthread_create(&action.thread, NULL, act, &action));
	EXPECT_LE(1, irq_signals_within(self->users.event, 15000));
	EXPECT_WORKING();
	ASSERT_EQ(0, pthread_join(action.thread, NULL));
	EXPECT_EQ(0, action.ret);
	EXPECT_EQ(0, sysfs_write("1", "/sys/bus/pci/rescan"));
	EXPECT_EQ(MEDU_UNITS, medu_available(0));
}

/* Offset of the capability of PCI Express in the port's config space */
static int express_capability(int config)
{
	uint8_t header[2], offset = 0;

	if (pread(config, &offset, 1, PCI_CAPABILITY_LIST) != 1)
		return -errno;
	while (offset) {
		if (pread(config, header, 2, offset) != 2)
			return -errno;
		if (header[0] == PCI_CAP_ID_EXP)
			return offset;
		offset = header[1];
	}
	return -ENOENT;
}

/*
 * Clears the power and indicator bits of the slot in config space directly, not by
 * pciehp: QEMU unplugs the card. Then sets them again, since pciehp ignores a removal
 * from a slot without power.
 */
static int pull_out(const char *name)
{
	char port[MEDU_NAME_SIZE], path[128];
	int config, offset, ret = port_name(name, port);
	uint16_t on, off;

	if (ret)
		return ret;
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", port);
	config = open(path, O_RDWR);
	if (config < 0)
		return -errno;
	offset = express_capability(config);
	ret = offset < 0 ? offset : 0;
	offset += PCI_EXP_SLTCTL;
	if (!ret && pread(config, &on, 2, offset) != 2)
		ret = -errno;
	off = on | PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF;
	if (!ret && (pwrite(config, &off, 2, offset) != 2 ||
		     pwrite(config, &on, 2, offset) != 2))
		ret = -errno;
	close(config);
	return ret;
}

/*
 * Requests end with -EIO, users are notified of the error, and the kernel goes on. It is
 * the third card, which no other test needs: it does not come back.
 */
FIXTURE(removal) {};
FIXTURE_SETUP(removal) {}
FIXTURE_TEARDOWN(removal) {}

TEST_F_TIMEOUT(removal, surprise, MEDU_TIMEOUT)
{
	struct users users = {};
	unsigned int waited;

	if (medu_prepare(3) == -ENOENT)
		SKIP(return, "there is no medu, or no third edu card");
	ASSERT_EQ(0, start_users(&users, 2));
	ASSERT_EQ(0, irq_set_eventfd(users.a.device.fd, ERR, TRIGGER,
				     users.event));
	ASSERT_TRUE(goes_on(&users.a, 1));
	ASSERT_EQ(0, pull_out(users.name));
	EXPECT_EQ(1, irq_signals_within(users.event, 30000));
	pthread_join(users.a.thread, NULL);
	pthread_join(users.b.thread, NULL);
	EXPECT_EQ(-EIO, users.a.ret);
	EXPECT_EQ(-EIO, users.b.ret);
	EXPECT_EQ(-EIO, medu_read(&users.a.device, MEDU_ID));
	EXPECT_EQ(-EIO, vfio_ioctl(users.a.device.fd, VFIO_DEVICE_RESET, NULL));
	medu_close(&users.a.device);
	medu_close(&users.b.device);
	for (waited = 0; waited < 5000; waited += 100) {
		if (!path_exists(PCI_DEVICES "/%s", users.name))
			break;
		sleep_ms(100);
	}
	/* pciehp found the slot without power */
	if (waited == 5000)
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

TEST_F_TIMEOUT(removal, bind_and_unbind_against_create, MEDU_TIMEOUT)
{
	unsigned int card = 0, i;
	char name[MEDU_NAME_SIZE];
	pthread_t thread;
	void *result;

	if (medu_prepare(1) == -ENOENT)
		SKIP(return, "there is no medu, or no edu card");
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
