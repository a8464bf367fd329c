// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection in each allocation in turn while modules are loaded and unloaded. See
 * mdev_fail_nth_test.c for creation, open and removal of a device.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "fail_lib.h"
#include "mdev_lib.h"

#define MODPROBE	"/proc/sys/kernel/modprobe"
#define MODULE_LIMIT	0x1000000

/* Each module after those that depend on it */
static const char * const modules[] = {
	"mdpy", "mbochs", "mdev_sim", "mtty", "mdev_pci", "vfio_mdev", "mdev",
};

/* The module that is loaded and unloaded, and the content of its file */
static const char *module;
static char *image;
static size_t image_size;

/* A vendor driver's parent, and the type of its devices */
static char parent[64];
static const char *type;

FIXTURE(module)
{
	bool was_loaded;
	char modprobe[256];
};

/*
 * @name: the module
 * @type: a type of a vendor driver
 * @within: only allocations by this function of the kernel and its callees fail
 * @spared: no allocation by this function of the kernel fails, which has a bug
 */
FIXTURE_VARIANT(module)
{
	const char *name;
	const char *type;
	const char *within;
	const char *spared;
	struct fail_operation operation;
};

/* Reads the file that modprobe would load */
static int read_image(const char *name)
{
	char command[64], line[512], path[512] = "";
	FILE *output, *stream;

	snprintf(command, sizeof(command), "modprobe --show-depends %s", name);
	output = popen(command, "r");
	if (!output)
		return -errno;
	while (fgets(line, sizeof(line), output))
		sscanf(line, "insmod %511s", path);
	pclose(output);

	stream = fopen(path, "r");
	image = malloc(MODULE_LIMIT);
	if (!stream || !image)
		return -ENOENT;
	image_size = fread(image, 1, MODULE_LIMIT, stream);
	fclose(stream);
	return image_size ? 0 : -ENOENT;
}

/* Unloads @name and all modules that depend on it */
static int unload_down_to(const char *name)
{
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(modules); i++) {
		ret = module_is_loaded(modules[i]) ?
		      module_unload(modules[i]) : 0;
		if (ret || !strcmp(modules[i], name))
			return ret;
	}
	return -ENOENT;
}

FIXTURE_SETUP(module)
{
	ASSERT_EQ(0, mdev_prepare());
	if (!fail_prepare() || !fail_spare(NULL))
		SKIP(return, "needs CONFIG_FAULT_INJECTION");
	self->was_loaded = module_is_loaded(variant->name);
	if (module_load(variant->name) || !module_is_loaded(variant->name))
		SKIP(return, "needs the module %s", variant->name);
	ASSERT_TRUE(fail_spare(variant->spared));

	/* Allocations of the module loader do not fail */
	ASSERT_TRUE(fail_within(variant->within));
	module = variant->name;
	type = variant->type;
	snprintf(parent, sizeof(parent), "/sys/devices/virtual/%s/%s", module,
		 module);
	ASSERT_EQ(0, read_image(module));
	ASSERT_EQ(0, unload_down_to(module));
	/* Disable modprobe: registering the first parent would load vfio_mdev */
	ASSERT_LT(0, sysfs_read(self->modprobe, sizeof(self->modprobe),
				MODPROBE));
	ASSERT_EQ(0, sysfs_write("\n", MODPROBE));
}

FIXTURE_TEARDOWN(module)
{
	EXPECT_TRUE(fail_within(NULL));
	EXPECT_TRUE(fail_spare(NULL));
	EXPECT_EQ(0, sysfs_write(self->modprobe, MODPROBE));
	if (!module_is_loaded(module))
		EXPECT_EQ(0, module_load(module));
	if (!self->was_loaded)
		EXPECT_EQ(0, module_unload(module));
	EXPECT_EQ(0, mdev_prepare());
}

TEST_F_TIMEOUT(module, each_allocation, FAIL_TIMEOUT)
{
	int count = fail_sweep(&variant->operation);

	ASSERT_LT(0, count);
	TH_LOG("%d allocations and usercopies failed", count);
}

static int load(void)
{
	return syscall(SYS_init_module, image, image_size, "") ? -errno : 0;
}

static int unload(void)
{
	return module_unload(module);
}

static int check_load(int result)
{
	if (module_is_loaded(module) != !result)
		return -ENODATA;
	return result ? 0 : unload();
}

FIXTURE_VARIANT_ADD(module, load_mdev)
{
	.name = "mdev",
	.within = "do_one_initcall",
	/* On error, bus_release() unregisters a lockdep key that is not registered */
	.spared = "bus_register",
	.operation = {
		.run = load,
		.check = check_load,
	},
};

FIXTURE_VARIANT_ADD(module, load_bus_driver)
{
	.name = "vfio_mdev",
	.within = "do_one_initcall",
	.operation = {
		.run = load,
		.check = check_load,
		/* module_add_driver(): no "drivers" in /sys/module/vfio_mdev */
		.other_error = -EINVAL,
	},
};

FIXTURE_VARIANT_ADD(module, load_vendor)
{
	.name = "mtty",
	.within = "do_one_initcall",
	.operation = {
		.run = load,
		.check = check_load,
	},
};

/*
 * Mainline's samples, which call mdev_register_driver() and mdev_register_parent():
 * all directories of the driver in sysfs exist, or none. Except for the link in
 * /sys/class/mdev_bus: mdev_register_parent() ignores errors of class_compat_create_link().
 */
static int check_load_driver(int result)
{
	bool exists = path_exists("%s/mdev_supported_types/%s/create", parent,
				  type) &&
		      path_exists("/sys/bus/mdev/drivers/%s", module);

	if (exists != !result)
		return -ENODATA;
	if (result && (path_exists("/sys/class/%s", module) ||
		       path_exists("/sys/class/mdev_bus/%s", module) ||
		       path_exists("/sys/bus/mdev/drivers/%s", module)))
		return -EEXIST;
	return check_load(result);
}

FIXTURE_VARIANT_ADD(module, load_mdpy)
{
	.name = "mdpy",
	.type = "mdpy-vga",
	.within = "do_one_initcall",
	.operation = {
		.run = load,
		.check = check_load_driver,
		/* device_register() of a device whose name was not allocated */
		.other_error = -EINVAL,
	},
};

FIXTURE_VARIANT_ADD(module, load_mbochs)
{
	.name = "mbochs",
	.type = "mbochs-small",
	.within = "do_one_initcall",
	.operation = {
		.run = load,
		.check = check_load_driver,
		/* As for mdpy */
		.other_error = -EINVAL,
	},
};

static int load_and_create(void)
{
	int ret = load();

	return ret ? ret : sysfs_write(UUID_A,
				       "%s/mdev_supported_types/%s/create",
				       parent, type);
}

static int check_unload(int result)
{
	if (!result)
		return module_is_loaded(module) || path_exists("%s", parent) ?
		       -EEXIST : 0;
	if (!path_exists(MDEV_DEVICES "/" UUID_A "/driver"))
		return -ENOENT;
	return unload();
}

FIXTURE_VARIANT_ADD(module, unload_vendor)
{
	.name = "mtty",
	.type = "mtty-1",
	.operation = {
		.prepare = load_and_create,
		.run = unload,
		.check = check_unload,
		.certain = true,
	},
};

FIXTURE_VARIANT_ADD(module, unload_mdpy)
{
	.name = "mdpy",
	.type = "mdpy-vga",
	.operation = {
		.prepare = load_and_create,
		.run = unload,
		.check = check_unload,
		.certain = true,
	},
};

TEST_HARNESS_MAIN
