// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection in each allocation and each usercopy in turn in system calls on an
 * open device: VFIO_DEVICE_GET_*_INFO, VFIO_DEVICE_SET_IRQS, reset, region accesses, page
 * faults. See mdev_fail_nth_test.c for creation, open and removal of the device.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "fail_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define NR_VECTORS	8
#define PAGE_SIZE	0x1000

static const uint32_t bar0 = VFIO_PCI_BAR0_REGION_INDEX;
static const uint32_t bar1 = VFIO_PCI_BAR1_REGION_INDEX;
static const uint32_t bar2 = VFIO_PCI_BAR2_REGION_INDEX;
static const uint32_t bar3 = VFIO_PCI_BAR3_REGION_INDEX;

/* The device, an eventfd, and a mapping of BAR2 */
static struct vfio_user user;
static int event;
static uint64_t *mapping;

FIXTURE(use)
{
};

/* @setup runs once before all runs of @operation */
FIXTURE_VARIANT(use)
{
	int (*setup)(void);
	struct fail_operation operation;
};

FIXTURE_SETUP(use)
{
	const char *missing;

	ASSERT_EQ(0, fail_prepare_sim(&missing));
	if (missing)
		SKIP(return, "%s", missing);

	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, event);
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open(&user, UUID_A));
	ASSERT_EQ(0, variant->setup ? variant->setup() : 0);
}

FIXTURE_TEARDOWN(use)
{
	/* A mapping keeps the device open. */
	if (mapping)
		munmap(mapping, MDEV_SIM_BAR2_SIZE);
	vfio_close(&user);
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F_TIMEOUT(use, each_allocation, FAIL_TIMEOUT)
{
	int count = fail_sweep(&variant->operation);

	ASSERT_LE(0, count);
	TH_LOG("%d allocations and usercopies failed", count);
}

/* VFIO_DEVICE_GET_*_INFO */

static int run_info(void)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return vfio_ioctl(user.device, VFIO_DEVICE_GET_INFO, &info);
}

FIXTURE_VARIANT_ADD(use, device_info)
{
	.operation = { .run = run_info },
};

static int run_region_info(void)
{
	union {
		struct vfio_region_info info;
		char space[256];
	} info = {
		.info = { .argsz = sizeof(info), .index = bar3 },
	};

	return vfio_ioctl(user.device, VFIO_DEVICE_GET_REGION_INFO,
			  &info);
}

FIXTURE_VARIANT_ADD(use, region_info)
{
	.operation = { .run = run_region_info },
};

static int run_irq_info(void)
{
	struct vfio_irq_info info;

	return vfio_irq_info(user.device, VFIO_PCI_MSIX_IRQ_INDEX, &info);
}

FIXTURE_VARIANT_ADD(use, irq_info)
{
	.operation = { .run = run_irq_info },
};

/* Interrupts */

static int tear_down(uint32_t index)
{
	return vfio_set_irqs(user.device, VFIO_IRQ_SET_DATA_NONE |
			     VFIO_IRQ_SET_ACTION_TRIGGER, index, 0, 0, NULL,
			     0);
}

/* Sets the eventfd of @count vectors for @action */
static int set_eventfds(uint32_t action, uint32_t index, uint32_t count)
{
	int32_t events[NR_VECTORS];
	unsigned int i;

	for (i = 0; i < count; i++)
		events[i] = event;
	return vfio_set_irqs(user.device,
			     VFIO_IRQ_SET_DATA_EVENTFD | action, index, 0,
			     count, events, count * sizeof(events[0]));
}

static int run_triggers(void)
{
	return set_eventfds(VFIO_IRQ_SET_ACTION_TRIGGER,
			    VFIO_PCI_MSIX_IRQ_INDEX, NR_VECTORS);
}

/* All vectors have a trigger eventfd, or none has. */
static int check_triggers(int result)
{
	uint64_t count = 0, signalled = 0;
	unsigned int i;
	int ret;

	for (i = 0; i < NR_VECTORS; i++) {
		uint64_t argument[4] = { VFIO_PCI_MSIX_IRQ_INDEX, i };

		ret = sim_command(user.device, 0, MDEV_SIM_IRQ_TRIGGER,
				  argument, &signalled);
		if (ret || signalled != !result)
			return ret ? ret : -ENODATA;
	}
	if (read(event, &count, sizeof(count)) < 0)
		count = 0;
	if (count != (result ? 0 : NR_VECTORS))
		return -ENODATA;
	return result ? 0 : tear_down(VFIO_PCI_MSIX_IRQ_INDEX);
}

FIXTURE_VARIANT_ADD(use, triggers)
{
	.operation = {
		.run = run_triggers,
		.check = check_triggers,
	},
};

static int set_intx_trigger(void)
{
	return set_eventfds(VFIO_IRQ_SET_ACTION_TRIGGER,
			    VFIO_PCI_INTX_IRQ_INDEX, 1);
}

static int run_unmask_eventfd(void)
{
	return set_eventfds(VFIO_IRQ_SET_ACTION_UNMASK,
			    VFIO_PCI_INTX_IRQ_INDEX, 1);
}

static int check_intx(int result)
{
	(void)result;
	return tear_down(VFIO_PCI_INTX_IRQ_INDEX);
}

FIXTURE_VARIANT_ADD(use, unmask_eventfd)
{
	.operation = {
		.prepare = set_intx_trigger,
		.run = run_unmask_eventfd,
		.check = check_intx,
	},
};

static int run_mask(void)
{
	uint8_t yes[NR_VECTORS] = { 1, 1, 1, 1, 1, 1, 1, 1 };

	return vfio_set_irqs(user.device, VFIO_IRQ_SET_DATA_BOOL |
			     VFIO_IRQ_SET_ACTION_MASK, VFIO_PCI_MSIX_IRQ_INDEX,
			     0, NR_VECTORS, yes, sizeof(yes));
}

FIXTURE_VARIANT_ADD(use, mask)
{
	.operation = { .run = run_mask },
};

/* Reset and region accesses */

static int run_reset(void)
{
	return vfio_ioctl(user.device, VFIO_DEVICE_RESET, NULL);
}

FIXTURE_VARIANT_ADD(use, reset)
{
	.operation = { .run = run_reset },
};

static char bytes[8192];

static int run_bulk_read(void)
{
	ssize_t done = vfio_read(user.device, bar1, 0, bytes,
				 sizeof(bytes));

	return done < 0 ? done : 0;
}

FIXTURE_VARIANT_ADD(use, bulk_read)
{
	.operation = { .run = run_bulk_read },
};

static int run_bulk_write(void)
{
	ssize_t done = vfio_write(user.device, bar1, 0, bytes,
				  sizeof(bytes));

	return done < 0 ? done : 0;
}

FIXTURE_VARIANT_ADD(use, bulk_write)
{
	.operation = { .run = run_bulk_write },
};

/* Mappings */

static int run_mmap(void)
{
	void *address = mmap(NULL, MDEV_SIM_BAR2_SIZE, PROT_READ | PROT_WRITE,
			     MAP_SHARED, user.device, vfio_position(bar2, 0));

	if (address == MAP_FAILED)
		return -errno;
	mapping = address;
	return 0;
}

static int check_mmap(int result)
{
	int ret;

	if (result)
		return 0;
	ret = munmap(mapping, MDEV_SIM_BAR2_SIZE) ? -errno : 0;
	mapping = NULL;
	return ret;
}

FIXTURE_VARIANT_ADD(use, mmap)
{
	.operation = {
		.run = run_mmap,
		.check = check_mmap,
	},
};

static sigjmp_buf after_fault;

static void skip_fault(int signal)
{
	(void)signal;
	siglongjmp(after_fault, 1);
}

static int run_fault(void)
{
	if (sigsetjmp(after_fault, 0))
		return -ENOMEM;
	__atomic_load_n(mapping, __ATOMIC_RELAXED);
	return 0;
}

static int map_blocks(void)
{
	/* SA_NODEFER: the handler does not return. */
	struct sigaction action = {
		.sa_handler = skip_fault,
		.sa_flags = SA_NODEFER,
	};

	sigaction(SIGBUS, &action, NULL);
	return run_mmap();
}

/* PTEs, which need page tables */
static int map_pages(void)
{
	int ret = sim_set("map_block", PAGE_SIZE);

	return ret ? ret : map_blocks();
}

/* Memory of the driver and page tables are allocated again by the next fault. */
static int map_anew(void)
{
	int ret = check_mmap(0);

	if (!ret)
		ret = SIM_COMMAND(user.device, MDEV_SIM_REBACK, bar2);
	return ret ? ret : run_mmap();
}

/* Retries an access whose page fault has failed. */
static int check_fault(int result)
{
	int ret = 0;

	if (result)
		ret = run_fault();
	if (!ret && mapping[0] >> 24 != (mapping[0] >> 32 << 8 | bar2))
		ret = -EIO;
	/* Free the memory of the driver, as before the fault */
	if (!ret)
		ret = SIM_COMMAND(user.device, MDEV_SIM_REBACK, bar2);
	return ret;
}

FIXTURE_VARIANT_ADD(use, fault_page)
{
	.setup = map_pages,
	.operation = {
		.prepare = map_anew,
		.run = run_fault,
		.check = check_fault,
	},
};

FIXTURE_VARIANT_ADD(use, fault_block)
{
	.setup = map_blocks,
	.operation = {
		.prepare = map_anew,
		.run = run_fault,
		.check = check_fault,
	},
};

/* All allocations fail: hot paths, teardown, reset and close must succeed. */
FIXTURE(without_memory)
{
};

FIXTURE_SETUP(without_memory)
{
	const char *missing;

	ASSERT_EQ(0, fail_prepare_sim(&missing));
	if (missing)
		SKIP(return, "%s", missing);

	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, event);
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open(&user, UUID_A));
	ASSERT_EQ(0, run_triggers());
}

FIXTURE_TEARDOWN(without_memory)
{
	vfio_close(&user);
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F(without_memory, register_access)
{
	int64_t value, odd, bulk;
	int ret, node;

	fail_all_allocations(true);
	node = open("/dev/null", O_RDONLY);
	bulk = run_bulk_read();
	ret = vfio_store(user.device, bar0, MDEV_SIM_REG_SCRATCH, 4, 0x1234);
	value = vfio_load(user.device, bar0, MDEV_SIM_REG_SCRATCH, 4);
	odd = vfio_read(user.device, bar0, MDEV_SIM_REG_SCRATCH + 1, bytes, 7);
	fail_all_allocations(false);

	/* Allocations did fail */
	EXPECT_EQ(-1, node);
	EXPECT_EQ(-ENOMEM, bulk);

	EXPECT_EQ(0, ret);
	EXPECT_EQ(0x1234, value);
	EXPECT_EQ(7, odd);
}

TEST_F(without_memory, msix_trigger)
{
	uint64_t argument[4] = { VFIO_PCI_MSIX_IRQ_INDEX, 1 };
	uint64_t signalled = 0, count = 0;
	int ret;

	fail_all_allocations(true);
	ret = sim_command(user.device, 0, MDEV_SIM_IRQ_TRIGGER, argument,
			  &signalled);
	fail_all_allocations(false);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(1, signalled);
	EXPECT_EQ(sizeof(count), read(event, &count, sizeof(count)));
	EXPECT_EQ(1, count);
}

TEST_F(without_memory, msix_teardown)
{
	int ret;

	fail_all_allocations(true);
	ret = tear_down(VFIO_PCI_MSIX_IRQ_INDEX);
	fail_all_allocations(false);
	EXPECT_EQ(0, ret);
}

TEST_F(without_memory, reset)
{
	int ret;

	fail_all_allocations(true);
	ret = run_reset();
	fail_all_allocations(false);
	EXPECT_EQ(0, ret);
}

/* close() returns no errors; the teardown checks for leaks. */
TEST_F(without_memory, close)
{
	fail_all_allocations(true);
	vfio_close(&user);
	fail_all_allocations(false);
	EXPECT_EQ(0, sim_get("pages"));
	EXPECT_EQ(0, vfio_open(&user, UUID_A));
}

TEST_HARNESS_MAIN
