// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection in each allocation and each usercopy in turn during migration: state
 * transitions, state data, and DMA logging. See mdev_fail_nth_test.c for creation, open
 * and removal of the device.
 */
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "fail_lib.h"
#include "mdev_lib.h"
#include "migration_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define IOVA		0x100000
#define LOG_SIZE	0x4000
#define PAGE		0x1000

/* The device, and the data_fd of its last state transition */
static struct vfio_user user;
static int data_file;

/* State data that was saved */
static char stream[16384];
static ssize_t stream_size;

FIXTURE(migration)
{
};

/* @setup runs once before all runs of @operation */
FIXTURE_VARIANT(migration)
{
	int (*setup)(void);
	struct fail_operation operation;
};

FIXTURE_SETUP(migration)
{
	const char *missing;

	ASSERT_EQ(0, fail_prepare_sim(&missing));
	if (missing)
		SKIP(return, "%s", missing);

	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open(&user, UUID_A));
	ASSERT_EQ(0, variant->setup ? variant->setup() : 0);
}

FIXTURE_TEARDOWN(migration)
{
	vfio_close(&user);
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F_TIMEOUT(migration, each_allocation, FAIL_TIMEOUT)
{
	ASSERT_LT(0, fail_sweep(&variant->operation));
}

static int go_to(uint32_t state)
{
	int ret = migration_go(user.device, state);

	if (ret > 0)
		data_file = ret;
	return ret < 0 ? ret : 0;
}

static int run_reset(void)
{
	return vfio_ioctl(user.device, VFIO_DEVICE_RESET, NULL);
}

/* A reset makes the state RUNNING again, also from ERROR. */
static int check_migration(int result)
{
	int state = migration_state(user.device);
	int ret;

	if (data_file > 0)
		vfio_close_file(&data_file);
	data_file = 0;
	if (state < 0 || (!result && state == ERROR))
		return -ENODATA;
	ret = run_reset();
	if (!ret && migration_state(user.device) != RUNNING)
		ret = -ENODATA;
	return ret;
}

static int run_stop(void)
{
	return go_to(STOP);
}

static int run_stop_copy(void)
{
	return go_to(STOP_COPY);
}

static int run_pre_copy(void)
{
	return go_to(PRE_COPY);
}

static int run_resuming(void)
{
	return go_to(RESUMING);
}

FIXTURE_VARIANT_ADD(migration, to_stop)
{
	.operation = { .run = run_stop, .check = check_migration },
};

FIXTURE_VARIANT_ADD(migration, to_stop_copy)
{
	.operation = { .run = run_stop_copy, .check = check_migration },
};

FIXTURE_VARIANT_ADD(migration, to_pre_copy)
{
	.operation = { .run = run_pre_copy, .check = check_migration },
};

FIXTURE_VARIANT_ADD(migration, to_resuming)
{
	.operation = { .run = run_resuming, .check = check_migration },
};

static int save_stream(void)
{
	stream_size = migration_save(user.device, stream, sizeof(stream));
	return stream_size < 0 ? stream_size : run_reset();
}

static int run_read_stream(void)
{
	ssize_t done = read(data_file, stream, sizeof(stream));

	return done < 0 ? -errno : 0;
}

static int run_write_stream(void)
{
	ssize_t done = write(data_file, stream, stream_size);

	return done < 0 ? -errno : 0;
}

static int prepare_load(void)
{
	int ret = run_resuming();

	return ret ? ret : run_write_stream();
}

FIXTURE_VARIANT_ADD(migration, read)
{
	.operation = {
		.prepare = run_stop_copy,
		.run = run_read_stream,
		.check = check_migration,
	},
};

FIXTURE_VARIANT_ADD(migration, write)
{
	.setup = save_stream,
	.operation = {
		.prepare = run_resuming,
		.run = run_write_stream,
		.check = check_migration,
	},
};

FIXTURE_VARIANT_ADD(migration, load)
{
	.setup = save_stream,
	.operation = {
		.prepare = prepare_load,
		.run = run_stop,
		.check = check_migration,
	},
};

/* DMA logging */

static int run_log_start(void)
{
	struct vfio_device_feature_dma_logging_range range = {
		.iova = IOVA,
		.length = LOG_SIZE,
	};
	struct vfio_device_feature_dma_logging_control control = {
		.page_size = PAGE,
		.num_ranges = 1,
		.ranges = (uintptr_t)&range,
	};

	return vfio_feature(user.device, VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_START, &control,
			    sizeof(control));
}

static int run_log_stop(void)
{
	return vfio_feature(user.device, VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, NULL, 0);
}

static int check_log_start(int result)
{
	uint64_t size = sim_register(user.device,
				     MDEV_SIM_REG_DIRTY_PAGE_SIZE);

	if (size != (result ? 0 : PAGE))
		return -ENODATA;
	return result ? 0 : run_log_stop();
}

FIXTURE_VARIANT_ADD(migration, log_start)
{
	.operation = { .run = run_log_start, .check = check_log_start },
};

static int run_log_report(void)
{
	uint64_t bitmap = 0;
	struct vfio_device_feature_dma_logging_report report = {
		.iova = IOVA,
		.length = LOG_SIZE,
		.page_size = PAGE,
		.bitmap = (uintptr_t)&bitmap,
	};

	return vfio_feature(user.device, VFIO_DEVICE_FEATURE_GET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, &report,
			    sizeof(report));
}

FIXTURE_VARIANT_ADD(migration, log_report)
{
	.setup = run_log_start,
	.operation = { .run = run_log_report },
};

TEST_HARNESS_MAIN
