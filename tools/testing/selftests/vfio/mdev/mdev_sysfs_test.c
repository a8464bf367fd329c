// SPDX-License-Identifier: GPL-2.0-only
/*
 * sysfs files and links of parents, types and devices, which mdevctl and libvirt use.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define TYPE_1		MTTY_TYPES "/mtty-1"
#define TYPE_2		MTTY_TYPES "/mtty-2"
#define DEVICE_A	MTTY "/" UUID_A

static int permissions(const char *path)
{
	struct stat status;

	return stat(path, &status) ? -errno : (int)(status.st_mode & 0777);
}

FIXTURE(parent)
{
};

FIXTURE_SETUP(parent)
{
	ASSERT_EQ(0, mdev_prepare());
}

FIXTURE_TEARDOWN(parent)
{
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F(parent, mdev_bus_class_link)
{
	EXPECT_TRUE(path_same(MTTY, "/sys/class/mdev_bus/mtty"));
}

TEST_F(parent, supported_types)
{
	char text[256];

	EXPECT_EQ(2, count_entries(MTTY_TYPES));
	EXPECT_LT(0, sysfs_read(text, sizeof(text), TYPE_1 "/name"));
	EXPECT_LT(0, sysfs_read(text, sizeof(text), TYPE_2 "/name"));
	EXPECT_LT(0, sysfs_read(text, sizeof(text), TYPE_1 "/description"));
	EXPECT_LT(0, sysfs_read(text, sizeof(text), TYPE_2 "/description"));
	EXPECT_LT(0, sysfs_read(text, sizeof(text), TYPE_1 "/device_api"));
	EXPECT_STREQ("vfio-pci", text);
	EXPECT_LT(0, sysfs_read(text, sizeof(text), TYPE_2 "/device_api"));
	EXPECT_STREQ("vfio-pci", text);
	EXPECT_LT(1, mdev_available("mtty-1"));
	EXPECT_EQ(mdev_available("mtty-1") / 2, mdev_available("mtty-2"));
	EXPECT_TRUE(path_exists(TYPE_1 "/devices"));
	EXPECT_TRUE(path_exists(TYPE_2 "/devices"));
}

TEST_F(parent, sysfs_file_modes)
{
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	EXPECT_EQ(0200, permissions(TYPE_1 "/create"));
	EXPECT_EQ(0444, permissions(TYPE_1 "/device_api"));
	EXPECT_EQ(0444, permissions(TYPE_1 "/available_instances"));
	EXPECT_EQ(0200, permissions(DEVICE_A "/remove"));
}

TEST_F(parent, mdev_links_and_dev_nodes)
{
	char path[VFIO_PATH_SIZE], name[64];
	int available = mdev_available("mtty-1");

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	EXPECT_TRUE(path_same(DEVICE_A, MDEV_DEVICES "/" UUID_A));
	EXPECT_TRUE(path_same(DEVICE_A, TYPE_1 "/devices/" UUID_A));
	EXPECT_TRUE(path_same(TYPE_1, DEVICE_A "/mdev_type"));
	EXPECT_TRUE(path_same("/sys/bus/mdev", DEVICE_A "/subsystem"));
	EXPECT_TRUE(path_same(VFIO_MDEV, DEVICE_A "/driver"));
	EXPECT_EQ(available - 1, mdev_available("mtty-1"));

	ASSERT_EQ(0, link_name(name, sizeof(name), DEVICE_A "/iommu_group"));
	EXPECT_TRUE(path_exists("/sys/kernel/iommu_groups/%s/devices/%s",
				name, UUID_A));
	ASSERT_EQ(0, vfio_group_path(path, UUID_A));
	EXPECT_TRUE(path_exists("%s", path));
	vfio_need_iommufd();
	ASSERT_EQ(0, vfio_cdev_path(path, UUID_A));
	EXPECT_TRUE(path_exists("%s", path));
}

TEST_F(parent, available_instances_by_ports)
{
	int available = mdev_available("mtty-1");

	ASSERT_EQ(0, mdev_create("mtty-2", UUID_A));
	EXPECT_TRUE(path_same(TYPE_2, DEVICE_A "/mdev_type"));
	EXPECT_EQ(available - 2, mdev_available("mtty-1"));
	EXPECT_EQ((available - 2) / 2, mdev_available("mtty-2"));
}

TEST_F(parent, iommu_group_per_device)
{
	char group[VFIO_PATH_SIZE], other[VFIO_PATH_SIZE];

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_B));
	ASSERT_EQ(0, vfio_group_path(group, UUID_A));
	ASSERT_EQ(0, vfio_group_path(other, UUID_B));
	EXPECT_STRNE(group, other);
}

TEST_F(parent, vendor_attributes)
{
	char text[16];

	if (sim_prepare())
		SKIP(return, "needs the module mdev_sim");
	ASSERT_LT(0, sysfs_read(text, sizeof(text), SIM_PATH(SIM_FULL) "/devices"));
	EXPECT_STREQ("0", text);
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_LT(0, sysfs_read(text, sizeof(text), SIM_PATH(SIM_FULL) "/devices"));
	EXPECT_STREQ("1", text);
	ASSERT_LT(0, sysfs_read(text, sizeof(text), MDEV_DEVICES "/" UUID_A "/generation"));
	EXPECT_STREQ("1", text);
	ASSERT_EQ(0, sysfs_write(SIM_FULL, SIM_DRIVER "/unbind"));
	EXPECT_FALSE(path_exists(SIM_PATH(SIM_FULL) "/devices"));
	EXPECT_EQ(0, sysfs_write(SIM_FULL, SIM_DRIVER "/bind"));
	EXPECT_EQ(0, sim_finish());
}

/* mtty has no ->start() and ->stop(): its devices are always online. */
TEST_F(parent, online_file_absent)
{
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	EXPECT_FALSE(path_exists(DEVICE_A "/online"));
}

TEST_F(parent, driver_unbind_and_bind)
{
	char path[VFIO_PATH_SIZE];

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, sysfs_write(UUID_A, VFIO_MDEV "/unbind"));
	EXPECT_TRUE(path_exists(DEVICE_A));
	EXPECT_FALSE(path_exists(DEVICE_A "/driver"));
	EXPECT_FALSE(path_exists(DEVICE_A "/iommu_group"));
	EXPECT_FALSE(path_exists(DEVICE_A "/vfio-dev"));

	ASSERT_EQ(0, sysfs_write(UUID_A, VFIO_MDEV "/bind"));
	EXPECT_TRUE(path_same(VFIO_MDEV, DEVICE_A "/driver"));
	EXPECT_EQ(0, vfio_group_path(path, UUID_A));
	EXPECT_TRUE(path_exists("%s", path));
}

TEST_HARNESS_MAIN
