// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that concurrently create, remove, open, unbind and unload the same devices
 * and modules. An operation may fail, but only with an expected errno, and the numbers of
 * operations that succeed must add up. A hang exceeds the test's timeout; KASAN reports a
 * use-after-free.
 */
#include <errno.h>
#include <stdlib.h>

#include <linux/pci_regs.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "race_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define ROUNDS		100
#define RELOADS		10
#define STORM_UUIDS	3
/* The other workers sleep up to this long, so that worker 0 gets a CPU. */
#define PAUSE_MS	4

FIXTURE(race)
{
	struct race *race;
	int available;
};

FIXTURE_SETUP(race)
{
	ASSERT_EQ(0, mdev_prepare());
	self->available = mdev_available("mtty-1");
	self->race = race_alloc();
	ASSERT_NE(NULL, self->race);
}

FIXTURE_TEARDOWN(race)
{
	EXPECT_EQ(0, self->race->unexpected);
	EXPECT_EQ(0, self->race->broken);
	EXPECT_EQ(0, mdev_prepare());
	EXPECT_EQ(self->available, mdev_available("mtty-1"));
}

static int count_results(const struct race *race, int result)
{
	int count = 0;
	unsigned int i;

	for (i = 0; i < RACE_WORKERS; i++)
		if (race->results[i] == result)
			count++;
	return count;
}

/* One of the concurrent creations succeeds, the others get -EEXIST. */
static void create_same_uuid(struct race *race, unsigned int worker)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		race_wait_for_all(race);
		race->results[worker] = mdev_create(worker % 2 ? "mtty-1" :
						    "mtty-2", UUID_A);
		race_wait_for_all(race);
		if (worker)
			continue;
		if (count_results(race, 0) != 1 ||
		    count_results(race, -EEXIST) != RACE_WORKERS - 1)
			race_count(&race->broken);
		if (mdev_remove(UUID_A))
			race_count(&race->broken);
	}
}

TEST_F_TIMEOUT(race, create_same_uuid, RACE_TIMEOUT)
{
	EXPECT_TRUE(race_run(self->race, RACE_WORKERS, create_same_uuid));
}

/* One of the concurrent removals succeeds. */
static void remove_same_uuid(struct race *race, unsigned int worker)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		if (!worker && mdev_create("mtty-1", UUID_A))
			race_count(&race->broken);
		race_wait_for_all(race);
		race->results[worker] = mdev_remove(UUID_A);
		RACE_EXPECT(race, race->results[worker], -EAGAIN, -ENOENT,
			    -ENODEV);
		race_wait_for_all(race);
		if (!worker && count_results(race, 0) != 1)
			race_count(&race->broken);
	}
}

TEST_F_TIMEOUT(race, remove_same_uuid, RACE_TIMEOUT)
{
	EXPECT_TRUE(race_run(self->race, RACE_WORKERS, remove_same_uuid));
}

/* All processes create and remove the same few UUIDs, in random order. */
static void create_or_remove(struct race *race, unsigned int worker)
{
	char uuid[UUID_SIZE];
	int round, result;

	for (round = 0; round < ROUNDS; round++) {
		uuid_numbered(uuid, random() % STORM_UUIDS);
		if (random() % 2) {
			result = mdev_create(worker % 2 ? "mtty-1" : "mtty-2",
					     uuid);
			RACE_EXPECT(race, result, -EEXIST);
			if (!result)
				race_count(&race->created);
		} else {
			result = mdev_remove(uuid);
			RACE_EXPECT(race, result, -EAGAIN, -EBUSY, -ENOENT,
				    -ENODEV);
			if (!result)
				race_count(&race->removed);
		}
	}
}

TEST_F_TIMEOUT(race, create_and_remove, RACE_TIMEOUT)
{
	char uuid[UUID_SIZE];
	int left = 0;
	int number;

	EXPECT_TRUE(race_run(self->race, RACE_WORKERS, create_or_remove));
	for (number = 0; number < STORM_UUIDS; number++) {
		uuid_numbered(uuid, number);
		if (path_exists(MDEV_DEVICES "/%s", uuid))
			left++;
	}
	EXPECT_LT(0, self->race->created);
	EXPECT_EQ(self->race->created - self->race->removed, left);
}

/* While a device is open, its sysfs directory exists and its file works. */
static void use_device(struct race *race, struct vfio_user *user)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	if (vfio_ioctl(user->device, VFIO_DEVICE_GET_INFO, &info) ||
	    vfio_load(user->device, VFIO_PCI_CONFIG_REGION_INDEX,
		      PCI_VENDOR_ID, 2) != 0x4348 ||
	    !path_exists(MDEV_DEVICES "/" UUID_A))
		race_count(&race->broken);
}

typedef int (*open_t)(struct vfio_user *user, const char *uuid);

static void open_or_remove(struct race *race, unsigned int worker, open_t open)
{
	struct vfio_user user;
	int round, result;

	for (round = 0; round < ROUNDS; round++) {
		if (!worker && mdev_create("mtty-1", UUID_A))
			race_count(&race->broken);
		race_wait_for_all(race);
		if (worker) {
			result = mdev_remove(UUID_A);
			RACE_EXPECT(race, result, -EBUSY);
		} else {
			result = open(&user, UUID_A);
			/*
			 * -EINVAL: vfio_device_remove_group() has detached the
			 * group from the container before VFIO_SET_IOMMU.
			 */
			RACE_EXPECT(race, result, -EAGAIN, -EINVAL, -ENOENT,
				    -ENODEV, -ENXIO);
			if (!result)
				use_device(race, &user);
		}
		race->results[worker] = result;
		race_wait_for_all(race);
		if (worker)
			continue;
		if (!race->results[0] && !race->results[1])
			race_count(&race->broken);
		if (!result)
			vfio_close(&user);
		if (race->results[1] && mdev_remove(UUID_A))
			race_count(&race->broken);
	}
}

static void open_group_or_remove(struct race *race, unsigned int worker)
{
	open_or_remove(race, worker, vfio_open_container);
}

static void open_cdev_or_remove(struct race *race, unsigned int worker)
{
	open_or_remove(race, worker, vfio_open_cdev);
}

TEST_F_TIMEOUT(race, group_open_vs_remove, RACE_TIMEOUT)
{
	EXPECT_TRUE(race_run(self->race, 2, open_group_or_remove));
}

TEST_F_TIMEOUT(race, cdev_open_vs_remove, RACE_TIMEOUT)
{
	vfio_need_iommufd();
	EXPECT_TRUE(race_run(self->race, 2, open_cdev_or_remove));
}

/* ->stop() fails each removal with -EPERM: the device is never dead and stays bound. */
static void open_or_refused_remove(struct race *race, unsigned int worker)
{
	struct vfio_user user;
	int result;

	if (worker) {
		while (race_goes_on(race)) {
			result = mdev_remove(UUID_A);
			RACE_EXPECT(race, result, -EAGAIN, -EBUSY, -EPERM);
			if (!result)
				race_count(&race->broken);
			if (result == -EPERM)
				race_count(&race->removed);
		}
		return;
	}
	while (race->opened < ROUNDS || race->removed < ROUNDS) {
		result = vfio_open(&user, UUID_A);
		RACE_EXPECT(race, result, -EAGAIN);
		if (result)
			continue;
		race_count(&race->opened);
		vfio_close(&user);
	}
	race_end(race);
}

TEST_F_TIMEOUT(race, open_vs_refused_remove, RACE_TIMEOUT)
{
	if (sim_prepare())
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, sim_create(SIM_STAY, SIM_PCI, UUID_A));
	ASSERT_EQ(0, sysfs_write("1", MDEV_DEVICES "/" UUID_A "/online"));
	ASSERT_EQ(0, sim_set("stop/fail", EPERM));
	EXPECT_TRUE(race_run(self->race, 3, open_or_refused_remove));
	EXPECT_EQ(0, sim_finish());
}

/* Opens and closes, by group or by cdev at random, until worker 0 has ended. */
static void open_again_and_again(struct race *race)
{
	struct vfio_user user;
	int result;

	while (race_goes_on(race)) {
		sleep_ms(random() % PAUSE_MS);
		result = random() % 2 ? vfio_open_container(&user, UUID_A) :
					vfio_open(&user, UUID_A);
		RACE_EXPECT(race, result, -EBUSY, -EINVAL, -ENOENT, -ENODEV,
			    -ENXIO);
		if (result)
			continue;
		race_count(&race->opened);
		use_device(race, &user);
		vfio_close(&user);
	}
}

static void unbind_and_open(struct race *race, unsigned int worker)
{
	int round;

	if (worker) {
		open_again_and_again(race);
		return;
	}
	/* At least one open: the other workers can be waiting for a CPU */
	for (round = 0; round < ROUNDS || !race->opened; round++) {
		if (sysfs_write(UUID_A, VFIO_MDEV "/unbind") ||
		    sysfs_write(UUID_A, VFIO_MDEV "/bind"))
			race_count(&race->broken);
		sleep_ms(random() % 10);
	}
	race_end(race);
}

TEST_F_TIMEOUT(race, open_vs_driver_unbind, RACE_TIMEOUT)
{
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	EXPECT_TRUE(race_run(self->race, RACE_WORKERS, unbind_and_open));
	EXPECT_TRUE(path_same(VFIO_MDEV, MDEV_DEVICES "/" UUID_A "/driver"));
}

/* Worker 0 removes a device that worker 1 concurrently unbinds and binds. */
static void unbind_and_remove(struct race *race, unsigned int worker)
{
	int round, result;

	for (round = 0; round < ROUNDS; round++) {
		if (!worker && mdev_create("mtty-1", UUID_A))
			race_count(&race->broken);
		race_wait_for_all(race);
		if (worker) {
			result = sysfs_write(UUID_A, VFIO_MDEV "/unbind");
			RACE_EXPECT(race, result, -ENOENT, -ENODEV);
			result = sysfs_write(UUID_A, VFIO_MDEV "/bind");
			RACE_EXPECT(race, result, -ENOENT, -ENODEV);
		} else {
			do {
				result = mdev_remove(UUID_A);
			} while (result == -EBUSY);
			if (result)
				race_count(&race->broken);
		}
		race_wait_for_all(race);
	}
}

TEST_F_TIMEOUT(race, remove_vs_driver_unbind, RACE_TIMEOUT)
{
	EXPECT_TRUE(race_run(self->race, 2, unbind_and_remove));
}

/* Random creations, removals and opens while worker 0 reloads a module */
static void use_during_reload(struct race *race, unsigned int worker)
{
	struct vfio_user user;
	char uuid[UUID_SIZE];
	int result;

	while (race_goes_on(race)) {
		sleep_ms(random() % PAUSE_MS);
		uuid_numbered(uuid, random() % STORM_UUIDS);
		switch (random() % 3) {
		case 0:
			result = mdev_create(worker % 2 ? "mtty-1" : "mtty-2",
					     uuid);
			RACE_EXPECT(race, result, -EEXIST, -ENOENT, -ENODEV);
			break;
		case 1:
			result = mdev_remove(uuid);
			RACE_EXPECT(race, result, -EAGAIN, -EBUSY, -ENOENT,
				    -ENODEV);
			break;
		default:
			result = random() % 2 ?
				 vfio_open_container(&user, uuid) :
				 vfio_open(&user, uuid);
			RACE_EXPECT(race, result, -EAGAIN, -EBUSY, -EINVAL,
				    -ENOENT, -ENODEV, -ENXIO);
			if (!result)
				vfio_close(&user);
		}
	}
}

static void reload(struct race *race, const char *module)
{
	int round, result;

	for (round = 0; round < RELOADS || !race->removed; round++) {
		result = module_unload(module);
		RACE_EXPECT(race, result, -EAGAIN);
		if (!result)
			race_count(&race->removed);
		if (module_load(module))
			race_count(&race->broken);
		sleep_ms(random() % 50);
	}
	race_end(race);
}

static void reload_vendor(struct race *race, unsigned int worker)
{
	if (worker)
		use_during_reload(race, worker);
	else
		reload(race, "mtty");
}

static void reload_bus_driver(struct race *race, unsigned int worker)
{
	if (worker)
		use_during_reload(race, worker);
	else
		reload(race, "vfio_mdev");
}

TEST_F_TIMEOUT(race, vendor_driver_reload, RACE_TIMEOUT)
{
	if (!module_is_loaded("mtty"))
		SKIP(return, "mtty is not a module");
	EXPECT_TRUE(race_run(self->race, RACE_WORKERS, reload_vendor));
}

TEST_F_TIMEOUT(race, vfio_mdev_reload, RACE_TIMEOUT)
{
	if (!module_is_loaded("vfio_mdev"))
		SKIP(return, "vfio_mdev is not a module");
	EXPECT_TRUE(race_run(self->race, RACE_WORKERS, reload_bus_driver));
}

TEST_HARNESS_MAIN
