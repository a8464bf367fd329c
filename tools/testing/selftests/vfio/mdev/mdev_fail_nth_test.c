// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection in each allocation and each usercopy of an operation in turn, until a
 * run ends without a failure. Each failure must return a sensible errno and be atomic:
 * the operation is complete, or it has no effect. This file tests registration of
 * parents, creation and removal of devices, their drivers, and open; the other
 * mdev_fail_*_test.c test operations on an open device, and modules.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/iommufd.h>

#include "kselftest_harness.h"

#include "fail_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define DEVICE		MDEV_DEVICES "/" UUID_A

/* Its error path leaks a reference on the IOMMU group, and WARNs */
#define GROUP_CREATION	"vfio_create_group"

/**
 * struct vendor - a vendor driver, and the sysfs files of its devices
 * @module: module to load, NULL for mdev_sim
 * @create: file to which a UUID is written
 * @driver: directory of the driver that its devices bind to
 * @attribute: attribute of the vendor driver in the directory of a device
 */
struct vendor {
	const char *module;
	const char *create;
	const char *driver;
	const char *attribute;
};

static const struct vendor sim = {
	.create = SIM_PATH(SIM_FULL) "/mdev_supported_types/" SIM_PCI "/create",
	.driver = VFIO_MDEV,
	.attribute = "generation",
};

/*
 * Mainline's samples: their devices bind to the mdev_driver that was passed to
 * mdev_register_parent()
 */
static const struct vendor mdpy = {
	.module = "mdpy",
	.create = "/sys/devices/virtual/mdpy/mdpy/mdev_supported_types/mdpy-vga/create",
	.driver = "/sys/bus/mdev/drivers/mdpy",
	.attribute = "vendor/resolution",
};

static const struct vendor mbochs = {
	.module = "mbochs",
	.create = "/sys/devices/virtual/mbochs/mbochs/mdev_supported_types/mbochs-small/create",
	.driver = "/sys/bus/mdev/drivers/mbochs",
	.attribute = "vendor/memory",
};

static const struct vendor *vendor;

FIXTURE(life)
{
};

/*
 * @vendor: NULL for mdev_sim
 * @setup: runs once before all runs of @operation
 * @spared: no allocation by this function of the kernel fails, which has a bug
 */
FIXTURE_VARIANT(life)
{
	const struct vendor *vendor;
	int (*setup)(void);
	const char *spared;
	struct fail_operation operation;
};

FIXTURE_SETUP(life)
{
	const char *missing;

	ASSERT_EQ(0, fail_prepare_sim(&missing));
	if (!missing && !fail_spare(variant->spared))
		missing = "needs CONFIG_FAULT_INJECTION_STACKTRACE_FILTER";
	vendor = variant->vendor ? variant->vendor : &sim;
	if (!missing && vendor->module && module_load(vendor->module)) {
		fail_spare(NULL);
		missing = "needs the modules of mainline's samples";
	}
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, variant->setup());
}

FIXTURE_TEARDOWN(life)
{
	EXPECT_TRUE(fail_spare(NULL));
	EXPECT_EQ(0, mdev_remove_all());
	if (vendor->module)
		EXPECT_EQ(0, module_unload(vendor->module));
}

TEST_F_TIMEOUT(life, each_allocation, FAIL_TIMEOUT)
{
	int count = fail_sweep(&variant->operation);

	ASSERT_LT(0, count);
	TH_LOG("%d allocations and usercopies failed", count);
}

/* The file that an operation writes to, and the open device */
static int file = -1;
static struct vfio_user user = { -1, -1, -1 };

static int open_file(const char *path, int flags)
{
	file = open(path, flags | O_CLOEXEC);
	return file < 0 ? -errno : 0;
}

static int write_text(const char *text)
{
	ssize_t size = strlen(text);

	return write(file, text, size) == size ? 0 : -errno;
}

/* The device exists with all its files and its driver, or does not exist. */
static int check_exists(bool expected)
{
	if (path_exists(DEVICE) != expected)
		return expected ? -ENOENT : -EEXIST;
	if (!expected)
		return 0;
	return path_exists(DEVICE "/mdev_type") &&
	       path_exists(DEVICE "/%s", vendor->attribute) &&
	       path_exists(DEVICE "/iommu_group") &&
	       path_exists(DEVICE "/vfio-dev") &&
	       path_same(DEVICE "/driver", vendor->driver) ? 0 : -ENODATA;
}

static int create_device(void)
{
	return sysfs_write(UUID_A, "%s", vendor->create);
}

/* Parents: registered and unregistered when they are bound to and unbound from mdev_sim */

static int unbind_parent(void)
{
	int ret = sim_unbind(SIM_FULL);

	return ret ? ret : open_file(SIM_DRIVER "/bind", O_WRONLY);
}

static int run_parent(void)
{
	return write_text(SIM_FULL);
}

static int check_register(int result)
{
	if (path_exists("/sys/class/mdev_bus/" SIM_FULL) != !result ||
	    path_exists(SIM_PATH(SIM_FULL) "/mdev_supported_types") != !result)
		return -ENODATA;
	return result ? 0 : sim_unbind(SIM_FULL);
}

FIXTURE_VARIANT_ADD(life, register_parent)
{
	.setup = unbind_parent,
	.operation = {
		.run = run_parent,
		.check = check_register,
	},
};

static int open_unbind(void)
{
	int ret = open_file(SIM_DRIVER "/unbind", O_WRONLY);

	return ret ? ret : create_device();
}

static int check_unregister(int result)
{
	int ret;

	if (result)
		return check_exists(true);
	if (path_exists(DEVICE) ||
	    path_exists("/sys/class/mdev_bus/" SIM_FULL) ||
	    path_exists(SIM_PATH(SIM_FULL) "/mdev_supported_types"))
		return -EEXIST;
	ret = sim_bind(SIM_FULL);
	return ret ? ret : create_device();
}

FIXTURE_VARIANT_ADD(life, unregister_parent)
{
	.setup = open_unbind,
	.operation = {
		.run = run_parent,
		.check = check_unregister,
	},
};

/* Devices */

static int open_create(void)
{
	return open_file(vendor->create, O_WRONLY);
}

static int run_device(void)
{
	return write_text(UUID_A);
}

static int check_create(int result)
{
	int ret = check_exists(!result);

	return ret || result ? ret : mdev_remove(UUID_A);
}

FIXTURE_VARIANT_ADD(life, create)
{
	.setup = open_create,
	.spared = GROUP_CREATION,
	.operation = {
		.run = run_device,
		.check = check_create,
	},
};

FIXTURE_VARIANT_ADD(life, create_mdpy)
{
	.vendor = &mdpy,
	.setup = open_create,
	.spared = GROUP_CREATION,
	.operation = {
		.run = run_device,
		.check = check_create,
	},
};

FIXTURE_VARIANT_ADD(life, create_mbochs)
{
	.vendor = &mbochs,
	.setup = open_create,
	.spared = GROUP_CREATION,
	.operation = {
		.run = run_device,
		.check = check_create,
	},
};

static int open_remove(void)
{
	return open_file(DEVICE "/remove", O_WRONLY);
}

static int run_remove(void)
{
	return write_text("1");
}

static int check_remove(int result)
{
	int ret;

	vfio_close_file(&file);
	ret = check_exists(result);
	return ret || result ? ret : create_device();
}

FIXTURE_VARIANT_ADD(life, remove)
{
	.setup = create_device,
	.operation = {
		.prepare = open_remove,
		.run = run_remove,
		.check = check_remove,
	},
};

FIXTURE_VARIANT_ADD(life, remove_mdpy)
{
	.vendor = &mdpy,
	.setup = create_device,
	.operation = {
		.prepare = open_remove,
		.run = run_remove,
		.check = check_remove,
	},
};

static int unbind_device(void)
{
	int ret = create_device();
	char path[64];

	if (!ret)
		ret = sysfs_write(UUID_A, "%s/unbind", vendor->driver);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/bind", vendor->driver);
	return open_file(path, O_WRONLY);
}

static int check_bind(int result)
{
	if (!result) {
		int ret = check_exists(true);

		return ret ? ret :
			     sysfs_write(UUID_A, "%s/unbind", vendor->driver);
	}
	return path_exists(DEVICE "/driver") ||
	       path_exists(DEVICE "/iommu_group") ||
	       path_exists(DEVICE "/vfio-dev") ? -EEXIST : 0;
}

FIXTURE_VARIANT_ADD(life, bind)
{
	.setup = unbind_device,
	.spared = GROUP_CREATION,
	.operation = {
		.run = run_device,
		.check = check_bind,
	},
};

FIXTURE_VARIANT_ADD(life, bind_mdpy)
{
	.vendor = &mdpy,
	.setup = unbind_device,
	.spared = GROUP_CREATION,
	.operation = {
		.run = run_device,
		.check = check_bind,
	},
};

static int open_online(void)
{
	int ret = create_device();

	return ret ? ret : open_file(DEVICE "/online", O_WRONLY);
}

static int run_online(void)
{
	return write_text("1");
}

static int check_online(int result)
{
	char text[8];
	int ret = sysfs_read(text, sizeof(text), DEVICE "/online");

	if (ret < 0)
		return ret;
	if (strcmp(text, result ? "0" : "1"))
		return -ENODATA;
	return result ? 0 : sysfs_write("0", DEVICE "/online");
}

FIXTURE_VARIANT_ADD(life, online)
{
	.setup = open_online,
	.operation = {
		.run = run_online,
		.check = check_online,
	},
};

/* Open: of a group with a container or an iommufd; open, bind and attach of a cdev */

static int open_group(const char *container)
{
	char path[VFIO_PATH_SIZE];
	int ret;

	ret = create_device();
	if (!ret)
		ret = vfio_group_path(path, UUID_A);
	if (ret)
		return ret;
	user.group = open(path, O_RDWR | O_CLOEXEC);
	user.container = open(container, O_RDWR | O_CLOEXEC);
	ret = vfio_ioctl(user.group, VFIO_GROUP_SET_CONTAINER, &user.container);
	return ret ? ret : vfio_ioctl(user.container, VFIO_SET_IOMMU,
				      (void *)VFIO_TYPE1v2_IOMMU);
}

static int open_type1(void)
{
	return open_group("/dev/vfio/vfio");
}

static int open_iommufd(void)
{
	return open_group("/dev/iommu");
}

static int run_get_device(void)
{
	user.device = vfio_ioctl(user.group, VFIO_GROUP_GET_DEVICE_FD, UUID_A);
	return user.device < 0 ? user.device : 0;
}

static int check_opened(int result)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int ret = 0;

	if (!result)
		ret = vfio_ioctl(user.device, VFIO_DEVICE_GET_INFO, &info);
	vfio_close_file(&user.device);
	return ret;
}

FIXTURE_VARIANT_ADD(life, open_by_container)
{
	.setup = open_type1,
	.operation = {
		.run = run_get_device,
		.check = check_opened,
	},
};

FIXTURE_VARIANT_ADD(life, open_mdpy_by_container)
{
	.vendor = &mdpy,
	.setup = open_type1,
	.operation = {
		.run = run_get_device,
		.check = check_opened,
	},
};

FIXTURE_VARIANT_ADD(life, open_by_iommufd)
{
	.setup = open_iommufd,
	.operation = {
		.run = run_get_device,
		.check = check_opened,
	},
};

static char cdev_path[VFIO_PATH_SIZE];

static int find_cdev(void)
{
	int ret = create_device();

	if (!ret)
		ret = vfio_cdev_path(cdev_path, UUID_A);
	user.container = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	return ret;
}

static int run_open_cdev(void)
{
	user.device = open(cdev_path, O_RDWR | O_CLOEXEC);
	return user.device < 0 ? -errno : 0;
}

static int close_cdev(int result)
{
	if (!result)
		vfio_close_file(&user.device);
	return 0;
}

FIXTURE_VARIANT_ADD(life, open_cdev)
{
	.setup = find_cdev,
	.operation = {
		.run = run_open_cdev,
		.check = close_cdev,
	},
};

static int run_bind_cdev(void)
{
	return vfio_bind(user.device, user.container);
}

FIXTURE_VARIANT_ADD(life, bind_cdev)
{
	.setup = find_cdev,
	.operation = {
		.prepare = run_open_cdev,
		.run = run_bind_cdev,
		.check = check_opened,
	},
};

FIXTURE_VARIANT_ADD(life, bind_mbochs_cdev)
{
	.vendor = &mbochs,
	.setup = find_cdev,
	.operation = {
		.prepare = run_open_cdev,
		.run = run_bind_cdev,
		.check = check_opened,
	},
};

static struct vfio_device_attach_iommufd_pt attach = {
	.argsz = sizeof(attach),
};

static int allocate_ioas(void)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int ret = find_cdev();

	if (!ret)
		ret = vfio_ioctl(user.container, IOMMU_IOAS_ALLOC, &alloc);
	attach.pt_id = alloc.out_ioas_id;
	return ret;
}

static int bind_cdev(void)
{
	int ret = run_open_cdev();

	return ret ? ret : run_bind_cdev();
}

static int run_attach(void)
{
	return vfio_ioctl(user.device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}

FIXTURE_VARIANT_ADD(life, attach_cdev)
{
	.setup = allocate_ioas,
	.operation = {
		.prepare = bind_cdev,
		.run = run_attach,
		.check = check_opened,
	},
};

TEST_HARNESS_MAIN
