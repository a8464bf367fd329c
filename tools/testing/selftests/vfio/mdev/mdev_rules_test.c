// SPDX-License-Identifier: GPL-2.0-only
/*
 * A callback blocks: operations of other devices continue, those that must not run
 * concurrently wait, and all end when it returns. The driver is mdev_sim, which also
 * reports callbacks that violate the locking rules.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"
#include "work_lib.h"

#define BAR2		VFIO_PCI_BAR2_REGION_INDEX
#define INTX		VFIO_PCI_INTX_IRQ_INDEX

#define DEVICE_A	MDEV_DEVICES "/" UUID_A

/* Enough for debugging kernels on emulated machines */
#define TIMEOUT		120

/* Operations on device A that call the callbacks; each opens the device itself */

static int create_a(void)
{
	return sim_create(SIM_FULL, SIM_PCI, UUID_A);
}

static int remove_a(void)
{
	return mdev_remove(UUID_A);
}

static int online_a(void)
{
	return sysfs_write("1", DEVICE_A "/online");
}

static int offline_a(void)
{
	int ret = online_a();

	return ret ? ret : sysfs_write("0", DEVICE_A "/online");
}

static int show_a(void)
{
	char text[32];
	int ret = sysfs_read(text, sizeof(text), DEVICE_A "/generation");

	return ret < 0 ? ret : 0;
}

static int use(const char *uuid, int (*operation)(int device))
{
	struct vfio_user user;
	int ret;

	ret = vfio_open(&user, uuid);
	if (ret)
		return ret;
	if (operation)
		ret = operation(user.device);
	vfio_close(&user);
	return ret;
}

static int open_a(void)
{
	return use(UUID_A, NULL);
}

static int reset(int device)
{
	return vfio_ioctl(device, VFIO_DEVICE_RESET, NULL);
}

static int reset_a(void)
{
	return use(UUID_A, reset);
}

static int load(int device)
{
	int64_t value = vfio_load(device, VFIO_PCI_CONFIG_REGION_INDEX, 0, 4);

	if (value < 0)
		return value;
	return value == MDEV_SIM_ID ? 0 : -EIO;
}

static int load_a(void)
{
	return use(UUID_A, load);
}

static int store(int device)
{
	return vfio_store(device, VFIO_PCI_CONFIG_REGION_INDEX, 4, 4, 0);
}

static int store_a(void)
{
	return use(UUID_A, store);
}

static int mask(int device)
{
	return vfio_set_irqs(device, VFIO_IRQ_SET_DATA_NONE |
				     VFIO_IRQ_SET_ACTION_MASK,
			     INTX, 0, 1, NULL, 0);
}

static int mask_a(void)
{
	return use(UUID_A, mask);
}

static int irq_info(int device)
{
	struct vfio_irq_info info;

	return vfio_irq_info(device, INTX, &info);
}

static int irq_info_a(void)
{
	return use(UUID_A, irq_info);
}

/* By read() into the mapping: fails with EFAULT where an access raises SIGBUS */
static int fault_page(int device)
{
	int ret = 0, zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	void *memory;

	memory = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED,
		      device, vfio_position(BAR2, 0));
	if (memory == MAP_FAILED || zero < 0)
		return -errno;
	if (read(zero, memory, 1) != 1)
		ret = -errno;
	munmap(memory, getpagesize());
	close(zero);
	return ret;
}

static int fault_a(void)
{
	return use(UUID_A, fault_page);
}

static int unbind_full(void)
{
	return sim_unbind(SIM_FULL);
}

/* A callback, and the operation that calls it */
FIXTURE(call)
{
};

FIXTURE_VARIANT(call)
{
	const char *name;
	int (*lead)(void);
	bool has_no_result;
	bool runs_elsewhere;	/* not called by the task that calls lead() */
	bool is_last_too;	/* also called by the last close */
};

FIXTURE_VARIANT_ADD(call, create)
{
	.name = "create",
	.lead = create_a,
};

FIXTURE_VARIANT_ADD(call, remove)
{
	.name = "remove",
	.lead = remove_a,
	.runs_elsewhere = true,
};

FIXTURE_VARIANT_ADD(call, open)
{
	.name = "open",
	.lead = open_a,
};

FIXTURE_VARIANT_ADD(call, release)
{
	.name = "release",
	.lead = open_a,
	.has_no_result = true,
};

FIXTURE_VARIANT_ADD(call, start)
{
	.name = "start",
	.lead = online_a,
};

FIXTURE_VARIANT_ADD(call, start_by_open)
{
	.name = "start",
	.lead = open_a,
};

FIXTURE_VARIANT_ADD(call, stop)
{
	.name = "stop",
	.lead = offline_a,
};

FIXTURE_VARIANT_ADD(call, reset)
{
	.name = "reset",
	.lead = reset_a,
};

FIXTURE_VARIANT_ADD(call, get_device_info)
{
	.name = "get_device_info",
	.lead = open_a,
};

FIXTURE_VARIANT_ADD(call, get_region_info)
{
	.name = "get_region_info",
	.lead = open_a,
};

FIXTURE_VARIANT_ADD(call, get_irq_info)
{
	.name = "get_irq_info",
	.lead = irq_info_a,
	.is_last_too = true,
};

FIXTURE_VARIANT_ADD(call, read)
{
	.name = "read",
	.lead = load_a,
};

FIXTURE_VARIANT_ADD(call, write)
{
	.name = "write",
	.lead = store_a,
};

FIXTURE_VARIANT_ADD(call, set_irqs)
{
	.name = "set_irqs",
	.lead = mask_a,
	.is_last_too = true,
};

FIXTURE_VARIANT_ADD(call, validate_map_request)
{
	.name = "validate_map_request",
	.lead = fault_a,
};

FIXTURE_VARIANT_ADD(call, attribute)
{
	.name = "attribute",
	.lead = show_a,
};

FIXTURE_SETUP(call)
{
	if (sim_prepare() == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	if (variant->lead != create_a)
		ASSERT_EQ(0, create_a());
}

FIXTURE_TEARDOWN(call)
{
	EXPECT_EQ(0, sim_finish());
}

static int set_knob(const char *call, const char *knob, uint64_t value)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", call, knob);
	return sim_set(path, value);
}

static bool wait_for(const char *call, const char *knob, int64_t value)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", call, knob);
	return sim_wait_for(path, value);
}

static bool wait_for_blocked(const char *call, int64_t count)
{
	return wait_for(call, "blocked", count);
}

/* Creates a device, calls each operation on it, and removes it. */
static int create_use_remove(const char *parent, const char *type, const char *uuid)
{
	int (*const operations[])(int device) = {
		reset, load, store, mask, irq_info,
	};
	unsigned int i;
	int ret;

	ret = sim_create(parent, type, uuid);
	for (i = 0; i < ARRAY_SIZE(operations) && !ret; i++)
		ret = use(uuid, operations[i]);
	return ret ? ret : mdev_remove(uuid);
}

TEST_F_TIMEOUT(call, other_devices_while_blocked, TIMEOUT)
{
	struct work work;

	ASSERT_EQ(0, sim_only(UUID_A));
	ASSERT_EQ(0, set_knob(variant->name, "block", 1));
	ASSERT_EQ(0, work_start(&work, variant->lead));
	ASSERT_TRUE(wait_for_blocked(variant->name, 1));

	EXPECT_EQ(0, create_use_remove(SIM_FULL, SIM_PCI, UUID_B));
	EXPECT_EQ(0, create_use_remove(SIM_FULL, SIM_BARE, UUID_B));
	EXPECT_EQ(0, create_use_remove(SIM_STAY, SIM_PCI, UUID_B));
	EXPECT_TRUE(work_waits(&work));
	EXPECT_EQ(0, set_knob(variant->name, "block", 0));
	EXPECT_EQ(0, work_result(&work));
}

/* Waits until creations fail with -ENODEV: the unregistration has begun. */
static bool full_blocks_creation(void)
{
	unsigned int waited;

	for (waited = 0; waited < SIM_PATIENCE_MS; waited += WORK_BLOCKED_MS) {
		if (sim_create(SIM_FULL, SIM_PCI, UUID_B) == -ENODEV)
			return true;
		sleep_ms(WORK_BLOCKED_MS);
	}
	return false;
}

/* The unregistration of the parent blocks creations, waits, and removes the device. */
TEST_F_TIMEOUT(call, parent_unregistration_while_blocked, TIMEOUT)
{
	struct work work, unbinder;

	ASSERT_EQ(0, sim_only(UUID_A));
	ASSERT_EQ(0, set_knob(variant->name, "block", 1));
	ASSERT_EQ(0, work_start(&work, variant->lead));
	ASSERT_TRUE(wait_for_blocked(variant->name, 1));
	ASSERT_EQ(0, work_start(&unbinder, unbind_full));
	EXPECT_TRUE(full_blocks_creation());
	EXPECT_TRUE(work_waits(&unbinder));

	EXPECT_EQ(0, set_knob(variant->name, "block", 0));
	EXPECT_EQ(0, work_result(&work));
	EXPECT_EQ(0, work_result(&unbinder));
	EXPECT_FALSE(path_exists(DEVICE_A));
	EXPECT_FALSE(path_exists(SIM_PATH(SIM_FULL) "/mdev_supported_types"));
	EXPECT_EQ(0, sim_get("devices"));
	EXPECT_EQ(0, sim_bind(SIM_FULL));
	EXPECT_EQ(0, create_use_remove(SIM_FULL, SIM_PCI, UUID_A));
}

/* A removal that begins during a blocked callback waits for it. */
TEST_F_TIMEOUT(call, remove_while_blocked, TIMEOUT)
{
	struct work work, remover;

	if (variant->lead == create_a || variant->lead == remove_a)
		SKIP(return, "no device exists during ->create() and ->remove()");
	ASSERT_EQ(0, set_knob(variant->name, "block", 1));
	ASSERT_EQ(0, work_start(&work, variant->lead));
	ASSERT_TRUE(wait_for_blocked(variant->name, 1));
	ASSERT_EQ(0, work_start(&remover, remove_a));
	EXPECT_TRUE(work_waits(&remover));
	EXPECT_EQ(0, sim_get("remove/calls"));

	EXPECT_EQ(0, set_knob(variant->name, "block", 0));
	work_result(&work);
	EXPECT_EQ(0, work_result(&remover));
	EXPECT_FALSE(path_exists(DEVICE_A));
}

/* SIGKILL of the calling task ends a killable wait in the callback. */
TEST_F_TIMEOUT(call, sigkill_while_blocked, TIMEOUT)
{
	struct work work;

	if (variant->runs_elsewhere)
		SKIP(return, "called by a kworker, which gets no SIGKILL");
	ASSERT_EQ(0, set_knob(variant->name, "block", 2));
	ASSERT_EQ(0, work_start(&work, variant->lead));
	ASSERT_TRUE(wait_for_blocked(variant->name, 1));
	work_signal(&work, SIGKILL);
	if (variant->is_last_too) {
		/* Called again by the last close, in the exiting task: unblock it */
		EXPECT_TRUE(wait_for(variant->name, "calls", 2));
		EXPECT_EQ(0, set_knob(variant->name, "block", 0));
	}
	EXPECT_EQ(-EINTR, work_result(&work));
	EXPECT_TRUE(wait_for_blocked(variant->name, 0));
	EXPECT_EQ(0, set_knob(variant->name, "block", 0));
	EXPECT_EQ(variant->lead != create_a, path_exists(DEVICE_A));

	if (path_exists(DEVICE_A))
		EXPECT_EQ(0, remove_a());
	EXPECT_EQ(0, create_use_remove(SIM_FULL, SIM_PCI, UUID_A));
}

/* The system call returns the callback's error, and succeeds when repeated. */
TEST_F_TIMEOUT(call, callback_error, TIMEOUT)
{
	int available = sim_available(SIM_FULL, SIM_PCI);

	if (variant->has_no_result)
		SKIP(return, "the callback returns void");
	ASSERT_EQ(0, set_knob(variant->name, "fail", ENXIO));
	EXPECT_EQ(variant->lead == fault_a ? -EFAULT : -ENXIO,
		  variant->lead());
	EXPECT_EQ(available, sim_available(SIM_FULL, SIM_PCI));
	EXPECT_EQ(variant->lead != create_a, path_exists(DEVICE_A));
	EXPECT_EQ(0, sim_get("pages"));

	ASSERT_EQ(0, set_knob(variant->name, "fail", 0));
	EXPECT_EQ(0, variant->lead());
	EXPECT_EQ(variant->lead != remove_a, path_exists(DEVICE_A));
}

TEST_HARNESS_MAIN
