// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mainline's samples mdpy and mbochs, built from unmodified sources, on the same mdev bus
 * as mtty: types, available_instances, driver binding, and removal while a device is
 * open.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "vfio_lib.h"

#define MDPY		"/sys/class/mdev_bus/mdpy"
#define MDPY_TYPES	MDPY "/mdev_supported_types"
#define MBOCHS_TYPES	"/sys/class/mdev_bus/mbochs/mdev_supported_types"
#define DRIVERS		"/sys/bus/mdev/drivers"
#define DEVICES		"/sys/bus/mdev/devices"

#define MDPY_INSTANCES	4
#define BLOCKED_MS	300
#define ROUNDS		20

static int mdpy_create(const char *uuid)
{
	return sysfs_write(uuid, MDPY_TYPES "/mdpy-vga/create");
}

static bool driver_is(const char *uuid, const char *expected)
{
	char name[64];

	return link_name(name, sizeof(name), DEVICES "/%s/driver", uuid) >= 0 &&
	       !strcmp(name, expected);
}

static bool shows(const char *expected, const char *path)
{
	char text[4096];

	return sysfs_read(text, sizeof(text), "%s", path) >= 0 &&
	       !strcmp(text, expected);
}

FIXTURE(mainline)
{
	struct vfio_user user;
};

FIXTURE_SETUP(mainline)
{
	self->user = (struct vfio_user){ -1, -1, -1 };
	ASSERT_EQ(0, mdev_prepare());
	if (module_load("mdpy"))
		SKIP(return, "needs the module mdpy of mainline's samples");
	ASSERT_EQ(0, module_load("mbochs"));
}

FIXTURE_TEARDOWN(mainline)
{
	vfio_close(&self->user);
	sysfs_write("1", "/sys/bus/mdev/drivers_autoprobe");
	EXPECT_EQ(0, mdev_remove_all());
	EXPECT_EQ(0, module_unload("mdpy"));
	EXPECT_EQ(0, module_unload("mbochs"));
}

TEST_F(mainline, type_files)
{
	EXPECT_TRUE(shows("mdpy-vga", MDPY_TYPES "/mdpy-vga/name"));
	EXPECT_TRUE(shows("vfio-pci", MDPY_TYPES "/mdpy-vga/device_api"));
	EXPECT_TRUE(shows("4", MDPY_TYPES "/mdpy-vga/available_instances"));
	EXPECT_TRUE(path_exists(MDPY_TYPES "/mdpy-vga/description"));
	EXPECT_TRUE(path_exists(MDPY_TYPES "/mdpy-vga/devices"));
	EXPECT_TRUE(path_exists(MBOCHS_TYPES "/mbochs-small/description"));
	/* 256 MiB for all devices, and 4 MiB for each of the small type */
	EXPECT_TRUE(shows("64", MBOCHS_TYPES
			  "/mbochs-small/available_instances"));
}

TEST_F(mainline, open_mdpy)
{
	struct vfio_region_info info;
	uint16_t vendor = 0;

	ASSERT_EQ(0, mdpy_create(UUID_A));
	EXPECT_TRUE(driver_is(UUID_A, "mdpy"));
	EXPECT_TRUE(path_exists(DEVICES "/" UUID_A "/vendor/resolution"));
	ASSERT_EQ(0, vfio_open_container(&self->user, UUID_A));
	/* mdpy has other region offsets than vfio_mdev. */
	ASSERT_EQ(0, vfio_region_info(self->user.device,
				      VFIO_PCI_CONFIG_REGION_INDEX, &info));
	EXPECT_EQ(2, pread(self->user.device, &vendor, sizeof(vendor),
			   info.offset + PCI_VENDOR_ID));
	EXPECT_EQ(0x1b36, vendor);
}

TEST_F(mainline, create_without_autoprobe)
{
	ASSERT_EQ(0, sysfs_write("0", "/sys/bus/mdev/drivers_autoprobe"));
	ASSERT_EQ(0, mdpy_create(UUID_A));
	EXPECT_TRUE(driver_is(UUID_A, "mdpy"));
}

TEST_F(mainline, no_cross_bind)
{
	ASSERT_EQ(0, mdpy_create(UUID_A));
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_B));
	EXPECT_TRUE(driver_is(UUID_B, "vfio_mdev"));
	EXPECT_EQ(0, sysfs_write(UUID_A, DRIVERS "/mdpy/unbind"));
	EXPECT_EQ(0, sysfs_write(UUID_B, DRIVERS "/vfio_mdev/unbind"));
	EXPECT_EQ(-ENODEV, sysfs_write(UUID_A, DRIVERS "/vfio_mdev/bind"));
	EXPECT_EQ(-ENODEV, sysfs_write(UUID_A, DRIVERS "/mbochs/bind"));
	EXPECT_EQ(-ENODEV, sysfs_write(UUID_B, DRIVERS "/mdpy/bind"));
	EXPECT_EQ(0, sysfs_write(UUID_A, DRIVERS "/mdpy/bind"));
	EXPECT_EQ(0, sysfs_write(UUID_B, DRIVERS "/vfio_mdev/bind"));
}

TEST_F(mainline, instances)
{
	char uuid[UUID_SIZE];
	unsigned int i;

	for (i = 0; i < MDPY_INSTANCES; i++) {
		uuid_numbered(uuid, i);
		ASSERT_EQ(0, mdpy_create(uuid));
	}
	EXPECT_TRUE(shows("0", MDPY_TYPES "/mdpy-hd/available_instances"));
	EXPECT_EQ(-EUSERS, mdpy_create(UUID_A));
	EXPECT_EQ(0, mdev_remove(uuid));
	EXPECT_TRUE(shows("1", MDPY_TYPES "/mdpy-hd/available_instances"));
	EXPECT_EQ(0, mdpy_create(UUID_A));
}

/* A UUID is unique on the bus, not only for one parent. */
TEST_F(mainline, duplicate_uuid)
{
	ASSERT_EQ(0, mdpy_create(UUID_A));
	EXPECT_EQ(-EEXIST, mdev_create("mtty-1", UUID_A));
	EXPECT_EQ(-EEXIST, sysfs_write(UUID_A, MBOCHS_TYPES
				       "/mbochs-small/create"));
	EXPECT_EQ(0, mdev_remove(UUID_A));
	EXPECT_EQ(0, mdev_create("mtty-1", UUID_A));
}

/*
 * mdev does not count opens of a device without vfio_mdev: a removal waits for the close.
 * The writer can be killed, and the removal continues.
 */
TEST_F(mainline, remove_while_open)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, mdpy_create(UUID_A));
	ASSERT_EQ(0, vfio_open_container(&self->user, UUID_A));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		vfio_close(&self->user);
		_exit(mdev_remove(UUID_A) ? 1 : 0);
	}
	sleep_ms(BLOCKED_MS);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	kill(pid, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_TRUE(path_exists(DEVICES "/" UUID_A));

	vfio_close(&self->user);
	sleep_ms(BLOCKED_MS);
	EXPECT_FALSE(path_exists(DEVICES "/" UUID_A));
	EXPECT_TRUE(shows("4", MDPY_TYPES "/mdpy-vga/available_instances"));
}

TEST_F(mainline, unload_while_open)
{
	ASSERT_EQ(0, mdpy_create(UUID_A));
	ASSERT_EQ(0, vfio_open_container(&self->user, UUID_A));
	EXPECT_EQ(-EAGAIN, module_unload("mdpy"));
	vfio_close(&self->user);
	EXPECT_EQ(0, module_unload("mdpy"));
	EXPECT_FALSE(path_exists(DEVICES "/" UUID_A));
	EXPECT_EQ(0, module_load("mdpy"));
}

/* mdev_register_device() loads vfio_mdev, mdev_register_parent() does not. */
TEST_F(mainline, request_module_vfio_mdev)
{
	static const char *const modules[] = {
		"mdpy", "mdpy_ops", "mdpy_pci", "mtty", "medu", "mbar", "mvga",
		"mdma", "mdev_sim", "vfio_mdev",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(modules); i++)
		if (module_is_loaded(modules[i]))
			EXPECT_EQ(0, module_unload(modules[i]));
	ASSERT_EQ(0, module_load("mdpy"));
	EXPECT_FALSE(module_is_loaded("vfio_mdev"));
	EXPECT_EQ(0, mdpy_create(UUID_A));
	EXPECT_EQ(0, module_load("mtty"));
	EXPECT_TRUE(module_is_loaded("vfio_mdev"));
}

/* Creations and removals race with the unregistration of the parent. */
TEST_F_TIMEOUT(mainline, unload_races_with_create_and_remove, 120)
{
	unsigned int round;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	while (!pid) {
		mdpy_create(UUID_A);
		mdev_remove(UUID_A);
	}
	for (round = 0; round < ROUNDS; round++) {
		EXPECT_EQ(0, module_unload("mdpy"));
		EXPECT_EQ(0, module_load("mdpy"));
	}
	kill(pid, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
}

TEST_HARNESS_MAIN
