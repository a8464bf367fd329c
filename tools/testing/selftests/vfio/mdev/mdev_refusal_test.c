// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors of callbacks: ->start() is paired with ->stop() and ->open() with ->release(), and
 * a removal that fails restores the device. Also tests that a creation is not visible
 * before ->create() has returned. The driver is mdev_sim.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"
#include "work_lib.h"

#define DEVICE_A	MDEV_DEVICES "/" UUID_A
#define TYPE_A		SIM_PATH(SIM_FULL) "/mdev_supported_types/" SIM_PCI

/* Numbers of calls of ->start(), ->open(), ->release() and ->stop() */
struct calls {
	int start;
	int open;
	int release;
	int stop;
};

/* Opens that fail in a callback, and the callbacks that they call */
FIXTURE(open)
{
};

FIXTURE_VARIANT(open)
{
	const char *knob;
	bool is_online;
	struct calls calls;
};

FIXTURE_VARIANT_ADD(open, start)
{
	.knob = "start/fail",
	.calls = { .start = 1 },
};

FIXTURE_VARIANT_ADD(open, open)
{
	.knob = "open/fail",
	.calls = { .start = 1, .open = 1, .stop = 1 },
};

FIXTURE_VARIANT_ADD(open, get_device_info)
{
	.knob = "get_device_info/fail",
	.calls = { .start = 1, .open = 1, .release = 1, .stop = 1 },
};

FIXTURE_VARIANT_ADD(open, get_region_info)
{
	.knob = "get_region_info/fail",
	.calls = { .start = 1, .open = 1, .release = 1, .stop = 1 },
};

FIXTURE_VARIANT_ADD(open, open_of_online)
{
	.knob = "open/fail",
	.is_online = true,
	.calls = { .start = 1, .open = 1 },
};

FIXTURE_VARIANT_ADD(open, get_region_info_of_online)
{
	.knob = "get_region_info/fail",
	.is_online = true,
	.calls = { .start = 1, .open = 1, .release = 1 },
};

FIXTURE_SETUP(open)
{
	if (sim_prepare() == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	if (variant->is_online)
		ASSERT_EQ(0, sysfs_write("1", DEVICE_A "/online"));
}

FIXTURE_TEARDOWN(open)
{
	EXPECT_EQ(0, sim_finish());
}

TEST_F(open, callback_error_unwinds)
{
	const struct calls *calls = &variant->calls;
	struct vfio_user user;
	char online[4];

	ASSERT_EQ(0, sim_set(variant->knob, ENXIO));
	EXPECT_EQ(-ENXIO, vfio_open(&user, UUID_A));
	EXPECT_EQ(calls->start, sim_get("start/calls"));
	EXPECT_EQ(calls->open, sim_get("open/calls"));
	EXPECT_EQ(calls->release, sim_get("release/calls"));
	EXPECT_EQ(calls->stop, sim_get("stop/calls"));
	EXPECT_EQ(1, sysfs_read(online, sizeof(online), DEVICE_A "/online"));
	EXPECT_STREQ(variant->is_online ? "1" : "0", online);

	ASSERT_EQ(0, sim_set(variant->knob, 0));
	EXPECT_EQ(0, vfio_open(&user, UUID_A));
	vfio_close(&user);
	EXPECT_EQ(0, mdev_remove(UUID_A));
}

/* Removals that fail in ->stop() or ->remove() */
FIXTURE(removal)
{
};

FIXTURE_VARIANT(removal)
{
	const char *knob;
	const char *block;
	const char *blocked;
	/* Of a concurrent open: only ->remove() is called after the unbind */
	int open_error;
};

FIXTURE_VARIANT_ADD(removal, by_stop)
{
	.knob = "stop/fail",
	.block = "stop/block",
	.blocked = "stop/blocked",
	.open_error = -EAGAIN,
};

FIXTURE_VARIANT_ADD(removal, by_remove)
{
	.knob = "remove/fail",
	.block = "remove/block",
	.blocked = "remove/blocked",
	.open_error = -ENOENT,
};

FIXTURE_SETUP(removal)
{
	if (sim_prepare() == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, sysfs_write("1", DEVICE_A "/online"));
	ASSERT_EQ(0, sim_set(variant->knob, EPERM));
}

FIXTURE_TEARDOWN(removal)
{
	EXPECT_EQ(0, sim_finish());
}

TEST_F(removal, refusal_restores_device)
{
	struct vfio_user user;
	char text[8];

	EXPECT_EQ(-EPERM, mdev_remove(UUID_A));
	EXPECT_TRUE(path_same(VFIO_MDEV, DEVICE_A "/driver"));
	EXPECT_TRUE(path_exists(TYPE_A "/devices/" UUID_A));
	EXPECT_EQ(1, sysfs_read(text, sizeof(text), DEVICE_A "/generation"));
	EXPECT_EQ(1, sysfs_read(text, sizeof(text), DEVICE_A "/online"));
	EXPECT_STREQ("1", text);
	EXPECT_EQ(0, vfio_open(&user, UUID_A));
	EXPECT_EQ(MDEV_SIM_ID, sim_register(user.device, MDEV_SIM_REG_ID));
	vfio_close(&user);

	ASSERT_EQ(0, sim_set(variant->knob, 0));
	EXPECT_EQ(0, mdev_remove(UUID_A));
	EXPECT_FALSE(path_exists(DEVICE_A));
}

static int remove_a(void)
{
	return mdev_remove(UUID_A);
}

/* The device is not dead as long as the removal can fail: no -ENODEV. */
TEST_F(removal, refusal_races_with_open)
{
	struct vfio_user user;
	struct work remover;

	ASSERT_EQ(0, sim_set(variant->block, 1));
	ASSERT_EQ(0, work_start(&remover, remove_a));
	ASSERT_TRUE(sim_wait_for(variant->blocked, 1));
	EXPECT_EQ(variant->open_error, vfio_open_cdev(&user, UUID_A));
	EXPECT_EQ(-EAGAIN, sysfs_write("0", DEVICE_A "/online"));
	EXPECT_EQ(-EAGAIN, mdev_remove(UUID_A));

	ASSERT_EQ(0, sim_set(variant->block, 0));
	EXPECT_EQ(-EPERM, work_result(&remover));
	EXPECT_EQ(0, vfio_open(&user, UUID_A));
	vfio_close(&user);
}

/* An error of ->stop() keeps the inode of the cdev, and so its owner and mode. */
TEST_F(removal, stop_refusal_keeps_cdev)
{
	char path[VFIO_PATH_SIZE];
	struct stat before, after;

	/* ->remove() is called after the unbind */
	if (strcmp(variant->knob, "stop/fail"))
		return;
	ASSERT_EQ(0, vfio_cdev_path(path, UUID_A));
	ASSERT_EQ(0, stat(path, &before));
	EXPECT_EQ(-EPERM, mdev_remove(UUID_A));
	ASSERT_EQ(0, stat(path, &after));
	EXPECT_EQ(before.st_ino, after.st_ino);
}

/* Unregistration of the parent ignores errors of ->stop() and ->remove(). */
TEST_F(removal, parent_unregistration_ignores_errors)
{
	EXPECT_EQ(0, sim_unbind(SIM_FULL));
	EXPECT_FALSE(path_exists(DEVICE_A));
	EXPECT_EQ(1, sim_get("stop/calls"));
	EXPECT_EQ(1, sim_get("remove/calls"));
}

/* Creations: when they become visible, their errors and their removal */
FIXTURE(creation)
{
};

FIXTURE_SETUP(creation)
{
	if (sim_prepare() == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
}

FIXTURE_TEARDOWN(creation)
{
	EXPECT_EQ(0, sim_finish());
}

static int create_a(void)
{
	return sim_create(SIM_FULL, SIM_PCI, UUID_A);
}

static int open_and_close_a(void)
{
	struct vfio_user user;
	int ret = vfio_open(&user, UUID_A);

	vfio_close(&user);
	return ret;
}

static bool is_visible(void)
{
	return path_exists(DEVICE_A) ||
	       path_exists(SIM_PATH(SIM_FULL) "/" UUID_A) ||
	       path_exists(TYPE_A "/devices/" UUID_A);
}

TEST_F(creation, sysfs_hidden_until_create_returns)
{
	struct work creator;

	ASSERT_EQ(0, sim_set("create/block", 3));
	ASSERT_EQ(0, work_start(&creator, create_a));
	ASSERT_TRUE(sim_wait_for("create/blocked", 1));
	EXPECT_FALSE(is_visible());
	EXPECT_EQ(-ENOENT, mdev_remove(UUID_A));

	/* The UUID is reserved, for all types and parents */
	EXPECT_EQ(-EEXIST, create_a());
	EXPECT_EQ(-EEXIST, sim_create(SIM_FULL, SIM_BARE, UUID_A));
	EXPECT_EQ(-EEXIST, sim_create(SIM_STAY, SIM_PCI, UUID_A));
	EXPECT_EQ(1, sim_get("create/calls"));

	EXPECT_EQ(0, sim_set("create/block", 0));
	EXPECT_EQ(0, work_result(&creator));
	EXPECT_TRUE(is_visible());
}

TEST_F(creation, create_error_unwinds)
{
	int entries = count_entries(SIM_PATH(SIM_FULL));
	int available = sim_available(SIM_FULL, SIM_PCI);
	int i;

	ASSERT_EQ(0, sim_set("create/fail_times", 3));
	ASSERT_EQ(0, sim_set("create/fail", ENOSPC));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-ENOSPC, create_a());
	EXPECT_FALSE(is_visible());
	EXPECT_EQ(entries, count_entries(SIM_PATH(SIM_FULL)));
	EXPECT_EQ(available, sim_available(SIM_FULL, SIM_PCI));
	EXPECT_EQ(0, sim_get("devices"));
	EXPECT_EQ(0, sim_get("remove/calls"));
	EXPECT_EQ(0, create_a());
}

TEST_F(creation, available_instances_exhausted)
{
	EXPECT_EQ(1, sim_available(SIM_FULL, SIM_BARE));
	EXPECT_EQ(0, sim_create(SIM_FULL, SIM_BARE, UUID_A));
	EXPECT_EQ(0, sim_available(SIM_FULL, SIM_BARE));
	EXPECT_EQ(-ENOSPC, sim_create(SIM_FULL, SIM_BARE, UUID_B));
	EXPECT_EQ(0, mdev_remove(UUID_A));
	EXPECT_EQ(0, sim_create(SIM_FULL, SIM_BARE, UUID_B));
}

/* An open sysfs file does not delay the removal; read() then fails with ENODEV. */
TEST_F(creation, remove_with_sysfs_file_open)
{
	char text[8];
	int fd;

	ASSERT_EQ(0, create_a());
	fd = open(DEVICE_A "/generation", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, mdev_remove(UUID_A));
	EXPECT_EQ(0, create_a());
	EXPECT_EQ(-1, read(fd, text, sizeof(text)));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(0, mdev_remove(UUID_A));
	EXPECT_EQ(0, sim_unbind(SIM_FULL));
	close(fd);
}

/* Without hot unplug, a removal fails with -EBUSY until ->release() has returned. */
TEST_F(creation, remove_ebusy_during_release)
{
	struct vfio_user user;
	struct work closer;

	ASSERT_EQ(0, sim_create(SIM_STAY, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open(&user, UUID_A));
	EXPECT_EQ(-EBUSY, mdev_remove(UUID_A));
	vfio_close(&user);

	ASSERT_EQ(0, sim_set("release/block", 1));
	ASSERT_EQ(0, work_start(&closer, open_and_close_a));
	ASSERT_TRUE(sim_wait_for("release/blocked", 1));
	EXPECT_EQ(-EBUSY, mdev_remove(UUID_A));
	EXPECT_EQ(0, sim_get("remove/calls"));
	EXPECT_EQ(0, sim_set("release/block", 0));
	EXPECT_EQ(0, work_result(&closer));
	EXPECT_EQ(0, mdev_remove(UUID_A));
}

/* The parent has ->create() and ->remove() only. */
TEST_F(creation, create_and_remove_callbacks_only)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info region;
	struct vfio_irq_info irq;
	struct vfio_user user;

	ASSERT_EQ(0, sim_create(SIM_MINIMAL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open(&user, UUID_A));
	EXPECT_EQ(0, vfio_ioctl(user.device, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_EQ(0, info.flags & VFIO_DEVICE_FLAGS_RESET);
	EXPECT_EQ(0, vfio_region_info(user.device, 0, &region));
	EXPECT_EQ(0, region.size);
	EXPECT_EQ(0, vfio_irq_info(user.device, 0, &irq));
	EXPECT_EQ(0, irq.count);
	EXPECT_EQ(-EIO, vfio_load(user.device, 0, 0, 4));
	EXPECT_EQ(-EIO, vfio_store(user.device, 0, 0, 4, 0));
	EXPECT_EQ(-ENOTTY, vfio_ioctl(user.device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(-EBUSY, mdev_remove(UUID_A));
	vfio_close(&user);
	EXPECT_EQ(0, mdev_remove(UUID_A));
}

TEST_HARNESS_MAIN
