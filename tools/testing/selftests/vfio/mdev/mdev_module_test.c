// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading of modules: a vendor driver's with its devices, and
 * vfio_mdev before and after the devices it binds to.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"
#include "work_lib.h"

#define DEVICE_A	MTTY "/" UUID_A

/* How long a process is watched before it counts as blocked */
#define BLOCKED_MS	300
/* How long ->remove() sleeps during the unload of mdev_sim */
#define LEAVING_MS	2000
#define PATIENCE_MS	5000
#define PAUSE_MS	10

static const char * const other_vendors[] = {
	"mbar", "mdev_sim", "mdma", "mdpy_ops", "mdpy_pci", "medu", "mvga",
};

FIXTURE(modules)
{
};

FIXTURE_SETUP(modules)
{
	unsigned int i;

	ASSERT_EQ(0, mdev_prepare());
	if (!module_is_loaded("mtty") || !module_is_loaded("vfio_mdev") ||
	    !module_is_loaded("mdev"))
		SKIP(return, "mdev, vfio_mdev and mtty must be modules");
	/* Other vendor drivers hold references to the modules that are unloaded here */
	for (i = 0; i < ARRAY_SIZE(other_vendors); i++)
		if (module_is_loaded(other_vendors[i]))
			ASSERT_EQ(0, module_unload(other_vendors[i]));
}

FIXTURE_TEARDOWN(modules)
{
	EXPECT_EQ(0, mdev_prepare());
}

TEST_F(modules, probe_requests_vfio_mdev)
{
	ASSERT_EQ(0, module_unload("mtty"));
	ASSERT_EQ(0, module_unload("vfio_mdev"));
	ASSERT_EQ(0, module_load("mtty"));
	EXPECT_EQ(0, mdev_create("mtty-1", UUID_A));
	EXPECT_TRUE(path_same(VFIO_MDEV, DEVICE_A "/driver"));
}

static bool wait_for_path(const char *path)
{
	unsigned int waited;

	for (waited = 0; waited < PATIENCE_MS; waited += PAUSE_MS) {
		if (path_exists("%s", path))
			return true;
		sleep_ms(PAUSE_MS);
	}
	return false;
}

/* request_module() WARNs in an async probe: mdev calls request_module_nowait(). */
TEST_F(modules, async_probe_requests_vfio_mdev)
{
	ASSERT_EQ(0, module_unload("mtty"));
	ASSERT_EQ(0, module_unload("vfio_mdev"));
	if (sim_load("async_probe"))
		SKIP(return, "needs the module mdev_sim");
	EXPECT_TRUE(wait_for_path(VFIO_MDEV));
	EXPECT_TRUE(wait_for_path("/sys/class/mdev_bus/" SIM_MINIMAL));
	EXPECT_EQ(0, module_unload("mdev_sim"));
}

TEST_F(modules, driver_unload_removes_devices)
{
	char group[VFIO_PATH_SIZE], cdev[VFIO_PATH_SIZE];

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, mdev_create("mtty-2", UUID_B));
	ASSERT_EQ(0, vfio_group_path(group, UUID_A));
	ASSERT_EQ(0, vfio_cdev_path(cdev, UUID_A));

	EXPECT_EQ(0, module_unload("mtty"));
	EXPECT_FALSE(path_exists(MTTY));
	EXPECT_FALSE(path_exists("/sys/class/mdev_bus/mtty"));
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_A));
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_B));
	EXPECT_FALSE(path_exists("%s", group));
	EXPECT_FALSE(path_exists("%s", cdev));
}

TEST_F(modules, driver_reload)
{
	int available = mdev_available("mtty-1");

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, module_unload("mtty"));
	ASSERT_EQ(0, module_load("mtty"));
	EXPECT_EQ(available, mdev_available("mtty-1"));
	EXPECT_FALSE(path_exists(DEVICE_A));
	EXPECT_EQ(0, mdev_create("mtty-1", UUID_A));
}

TEST_F(modules, unload_all_modules)
{
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	EXPECT_EQ(0, module_unload("mtty"));
	EXPECT_EQ(0, module_unload("vfio_mdev"));
	EXPECT_EQ(0, module_unload("mdev_pci"));
	EXPECT_EQ(0, module_unload("mdev"));
	EXPECT_FALSE(path_exists("/sys/bus/mdev"));
	EXPECT_FALSE(path_exists("/sys/class/mdev_bus"));
}

TEST_F(modules, bus_driver_unload_keeps_devices)
{
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, module_unload("vfio_mdev"));
	EXPECT_TRUE(path_exists(DEVICE_A));
	EXPECT_FALSE(path_exists(DEVICE_A "/driver"));
	EXPECT_FALSE(path_exists(DEVICE_A "/iommu_group"));
	EXPECT_EQ(0, mdev_remove(UUID_A));
	EXPECT_FALSE(path_exists(DEVICE_A));
}

TEST_F(modules, bus_driver_binds_existing_devices)
{
	char path[VFIO_PATH_SIZE];

	ASSERT_EQ(0, module_unload("vfio_mdev"));
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_B));
	EXPECT_TRUE(path_exists(DEVICE_A));
	EXPECT_FALSE(path_exists(DEVICE_A "/driver"));

	ASSERT_EQ(0, module_load("vfio_mdev"));
	EXPECT_TRUE(path_same(VFIO_MDEV, DEVICE_A "/driver"));
	EXPECT_EQ(0, vfio_group_path(path, UUID_A));
	EXPECT_EQ(0, vfio_group_path(path, UUID_B));
}

/* Modules while a device is open */
FIXTURE(open_device)
{
	struct vfio_user user;
};

FIXTURE_VARIANT(open_device)
{
	int (*open)(struct vfio_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(open_device, container)
{
	.open = vfio_open_container,
};

FIXTURE_VARIANT_ADD(open_device, group_of_iommufd)
{
	.open = vfio_open_group,
};

FIXTURE_VARIANT_ADD(open_device, cdev)
{
	.open = vfio_open_cdev,
};

FIXTURE_SETUP(open_device)
{
	ASSERT_EQ(0, mdev_prepare());
	if (!module_is_loaded("mtty") || !module_is_loaded("vfio_mdev"))
		SKIP(return, "vfio_mdev and mtty must be modules");
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
}

FIXTURE_TEARDOWN(open_device)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, mdev_prepare());
}

TEST_F(open_device, driver_module_reference)
{
	EXPECT_EQ(-EAGAIN, module_unload("mtty"));
	EXPECT_TRUE(path_exists(DEVICE_A));
	EXPECT_LT(0, mdev_available("mtty-1"));
	vfio_close(&self->user);
	EXPECT_EQ(0, module_unload("mtty"));
}

TEST_F(open_device, bus_driver_module_reference)
{
	EXPECT_EQ(-EAGAIN, module_unload("vfio_mdev"));
	EXPECT_TRUE(path_same(VFIO_MDEV, DEVICE_A "/driver"));
	vfio_close(&self->user);
	EXPECT_EQ(0, module_unload("vfio_mdev"));
}

static int unload_sim(void)
{
	return module_unload("mdev_sim");
}

/* One parent of the module is being unregistered, the other is still registered. */
TEST_F(modules, open_during_driver_unload)
{
	struct vfio_user user;
	struct work unloader;

	vfio_need_iommufd();
	if (sim_prepare())
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, sim_create(SIM_STAY, SIM_PCI, UUID_B));
	ASSERT_EQ(0, sim_set("remove/delay", LEAVING_MS));
	ASSERT_EQ(0, work_start(&unloader, unload_sim));
	EXPECT_TRUE(sim_wait_for("remove/active", 1));
	EXPECT_EQ(-ENODEV, vfio_open_cdev(&user, UUID_B));
	EXPECT_TRUE(path_exists(MDEV_DEVICES "/" UUID_B));
	/* The failed open holds no reference to the module */
	EXPECT_EQ(0, work_result(&unloader));
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_B));
}

/*
 * Without patches/ an open character device that is not bound keeps the device
 * registered, so the unregistration of its parent waits.
 */
TEST_F(modules, unload_waits_for_unbound_cdev)
{
	int device, iommufd;
	pid_t unloader;

	if (kernel_is_patched())
		SKIP(return, "see mdev_cdev_registration_test");
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	device = vfio_open_unbound(UUID_A);
	ASSERT_LE(0, device);
	iommufd = open("/dev/iommu", O_RDWR);
	ASSERT_LE(0, iommufd);

	unloader = fork();
	ASSERT_LE(0, unloader);
	if (!unloader) {
		close(device);
		_exit(module_unload("mtty") ? 1 : 0);
	}
	sleep_ms(BLOCKED_MS);
	EXPECT_EQ(0, waitpid(unloader, NULL, WNOHANG));
	EXPECT_EQ(-ENODEV, mdev_create("mtty-1", UUID_B));
	EXPECT_EQ(-ENODEV, mdev_remove(UUID_A));
	EXPECT_EQ(-ENODEV, vfio_bind(device, iommufd));
	close(iommufd);
	close(device);
	EXPECT_EQ(unloader, waitpid(unloader, NULL, 0));
	EXPECT_FALSE(path_exists(MTTY));
}

TEST_HARNESS_MAIN
