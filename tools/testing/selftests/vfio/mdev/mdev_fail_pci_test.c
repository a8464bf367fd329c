// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection in each allocation and each usercopy in turn while a PCI function of
 * mdev_pci is created, commits memory of its regions, and is migrated by PRE_COPY. The
 * driver is the sample mvga. See mdev_fail_nth_test.c for operations of all devices.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "fail_lib.h"
#include "mdev_lib.h"
#include "migration_lib.h"
#include "mvga_lib.h"

#define CREATE		"/sys/class/mdev_bus/mvga/mdev_supported_types/mvga-8/create"
#define VALUE		0x12345678
#define PAGE_KIB	4
/* Most memory that one page fault commits */
#define BLOCK_KIB	2048

/* Its error path leaks a reference on the IOMMU group, and WARNs */
#define GROUP_CREATION	"vfio_create_group"

/* The file, the device and the mapping of an operation */
static int file = -1;
static struct vfio_user user = { -1, -1, -1 };
static uint32_t *map;

/* Loads no module if the test will be skipped. */
static int prepare(const char **missing)
{
	*missing = NULL;
	if (fail_prepare() && fail_spare(GROUP_CREATION))
		return mvga_prepare();
	*missing = "needs CONFIG_FAULT_INJECTION";
	return 0;
}

FIXTURE(function)
{
};

FIXTURE_VARIANT(function)
{
	int (*setup)(void);
	struct fail_operation operation;
};

FIXTURE_SETUP(function)
{
	const char *missing;

	ASSERT_EQ(0, prepare(&missing));
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, variant->setup());
}

FIXTURE_TEARDOWN(function)
{
	fail_spare(NULL);
	if (map)
		munmap(map, MVGA_MEMORY);
	vfio_close(&user);
	vfio_close_file(&file);
	EXPECT_EQ(0, mvga_finish());
}

TEST_F_TIMEOUT(function, each_allocation, FAIL_TIMEOUT)
{
	int count = fail_sweep(&variant->operation);

	ASSERT_LT(0, count);
	TH_LOG("%d allocations and usercopies failed", count);
}

static int open_create(void)
{
	file = open(CREATE, O_WRONLY | O_CLOEXEC);
	return file < 0 ? -errno : 0;
}

static int run_create(void)
{
	return write(file, UUID_A, UUID_SIZE - 1) < 0 ? -errno : 0;
}

static int check_create(int result)
{
	if (path_exists(MDEV_DEVICES "/" UUID_A "/mode") != !result)
		return -ENODATA;
	return result ? 0 : mdev_remove(UUID_A);
}

FIXTURE_VARIANT_ADD(function, create)
{
	.setup = open_create,
	.operation = {
		.run = run_create,
		.check = check_create,
	},
};

static int open_function(void)
{
	return mvga_open(&user, UUID_A);
}

/* The second page: an entry for the first page needs no xarray node. */
static int run_store(void)
{
	return vfio_store(user.device, BAR0, PAGE, 4, VALUE);
}

static int check_store(int result)
{
	return mvga_committed(UUID_A) == (result ? 0 : PAGE_KIB) ? 0 : -ENODATA;
}

FIXTURE_VARIANT_ADD(function, store)
{
	.setup = open_function,
	.operation = {
		.run = run_store,
		.check = check_store,
	},
};

static int open_and_map(void)
{
	int ret = open_function();

	if (ret)
		return ret;
	file = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	map = mvga_map(user.device, BAR0, MVGA_MEMORY);
	return file < 0 || map == MAP_FAILED ? -errno : 0;
}

/* A read() of /dev/zero to the mapping returns -EFAULT instead of SIGBUS. */
static int run_fault(void)
{
	return read(file, map, sizeof(*map)) < 0 ? -errno : 0;
}

static int check_fault(int result)
{
	long committed = mvga_committed(UUID_A);

	if (committed > BLOCK_KIB || (!result && committed < PAGE_KIB))
		return -ENODATA;
	return vfio_ioctl(user.device, VFIO_DEVICE_RESET, NULL);
}

FIXTURE_VARIANT_ADD(function, fault)
{
	.setup = open_and_map,
	.operation = {
		.run = run_fault,
		.check = check_fault,
	},
};

/* PRE_COPY of a device with one committed page */

/* The header of the state data, and one part */
static char pieces[2][2 * PAGE];
static ssize_t sizes[2];
static int data = -1;

static int open_and_store(void)
{
	int ret = open_function();

	return ret ? ret : run_store();
}

static int run_pre_copy(void)
{
	data = migration_go(user.device, PRE_COPY);
	return data < 0 ? data : 0;
}

static int run_read(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		sizes[i] = read(data, pieces[i], sizeof(pieces[i]));
		if (sizes[i] < 0)
			return -errno;
	}
	return 0;
}

/* The device is RUNNING, and its memory is unchanged. */
static int check_source(int result)
{
	vfio_close_file(&data);
	if (migration_state(user.device) == PRE_COPY &&
	    migration_go(user.device, RUNNING))
		return -ENODATA;
	if (!result && sizes[1] && sizes[1] < (ssize_t)PAGE)
		return -ENODATA;
	return vfio_load(user.device, BAR0, PAGE, 4) == VALUE ? 0 : -ENODATA;
}

FIXTURE_VARIANT_ADD(function, pre_copy)
{
	.setup = open_and_store,
	.operation = {
		.run = run_pre_copy,
		.check = check_source,
	},
};

FIXTURE_VARIANT_ADD(function, read)
{
	.setup = open_and_store,
	.operation = {
		.prepare = run_pre_copy,
		.run = run_read,
		.check = check_source,
	},
};

/* The state data is loaded into the device that it was saved from. */
static int save_pieces(void)
{
	int ret = open_and_store();

	if (!ret)
		ret = run_pre_copy();
	if (!ret)
		ret = run_read();
	vfio_close_file(&data);
	return ret ? ret : migration_go(user.device, RUNNING);
}

static int run_resuming(void)
{
	data = migration_go(user.device, RESUMING);
	return data < 0 ? data : 0;
}

/* A usercopy that fails in the middle makes the write short: write the rest. */
static int run_write(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ssize_t done = 0, size;

		while (done < sizes[i]) {
			size = write(data, pieces[i] + done, sizes[i] - done);
			if (size < 0)
				return -errno;
			done += size;
		}
	}
	return 0;
}

/* Only a complete part commits memory. The reset ends RESUMING, also after an error. */
static int check_target(int result)
{
	long committed = mvga_committed(UUID_A);
	int ret;

	vfio_close_file(&data);
	ret = vfio_ioctl(user.device, VFIO_DEVICE_RESET, NULL);
	if (ret)
		return ret;
	if (committed > PAGE_KIB || (!result && committed < PAGE_KIB))
		return -ENODATA;
	return migration_state(user.device) == RUNNING ? 0 : -ENODATA;
}

FIXTURE_VARIANT_ADD(function, write)
{
	.setup = save_pieces,
	.operation = {
		.prepare = run_resuming,
		.run = run_write,
		.check = check_target,
	},
};

/* All allocations of one function fail, also if it retries. */
FIXTURE(memory)
{
};

FIXTURE_SETUP(memory)
{
	const char *missing;

	ASSERT_EQ(0, prepare(&missing));
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, open_function());
}

FIXTURE_TEARDOWN(memory)
{
	fail_spare(NULL);
	fail_within(NULL);
	vfio_close(&user);
	EXPECT_EQ(0, mvga_finish());
}

TEST_F(memory, commit_enomem_in_xa_cmpxchg)
{
	int result;

	ASSERT_TRUE(fail_within("__xa_cmpxchg"));
	fail_all_allocations(true);
	result = run_store();
	fail_all_allocations(false);
	EXPECT_EQ(-ENOMEM, result);
	EXPECT_EQ(0, mvga_committed(UUID_A));

	EXPECT_EQ(0, run_store());
	EXPECT_EQ(PAGE_KIB, mvga_committed(UUID_A));
	EXPECT_EQ(VALUE, vfio_load(user.device, BAR0, PAGE, 4));
}

TEST_HARNESS_MAIN
