// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trapped register accesses and interrupts allocate no memory: no kmem or percpu
 * trace event of this process is recorded during them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/serial_reg.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "trace_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
#define MSI		VFIO_PCI_MSI_IRQ_INDEX

#define SET_EVENTFD	(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER)

/* More allocations than per-CPU caches can serve */
#define ROUNDS		1000

/* Trace events of allocations in the kernel */
static const char *const allocations[] = {
	"kmem/kmalloc",
	"kmem/kmem_cache_alloc",
	"kmem/mm_page_alloc",
	"percpu/percpu_alloc_percpu",
};

/* Events of this process, without those in hardirqs and softirqs */
static int record_allocations(void)
{
	char filter[64];
	size_t i;
	int ret;

	snprintf(filter, sizeof(filter),
		 "common_pid == %d && !(common_flags & 0x18)", getpid());
	for (i = 0; i < ARRAY_SIZE(allocations); i++) {
		ret = trace_filter(allocations[i], filter);
		if (!ret)
			ret = trace_enable(allocations[i], true);
		if (ret)
			return ret;
	}
	return 0;
}

FIXTURE(allocation)
{
	struct vfio_user user;
	int device;
	int event;
};

FIXTURE_SETUP(allocation)
{
	int ret;

	ASSERT_EQ(0, mdev_prepare());
	ret = trace_prepare();
	if (ret == -EOPNOTSUPP)
		SKIP(return, "needs trace events in tracefs");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, trace_stop());
	ASSERT_EQ(0, record_allocations());

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	self->device = self->user.device;
	ASSERT_EQ(0, vfio_pci_enable(self->device));
	self->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ASSERT_LE(0, self->event);
	/* Page faults of this process allocate memory, too */
	ASSERT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
}

FIXTURE_TEARDOWN(allocation)
{
	vfio_close(&self->user);
	close(self->event);
	trace_end();
	EXPECT_EQ(0, mdev_remove_all());
}

/* Checks the filter: open() allocates a struct file. */
TEST_F(allocation, trace_records_open)
{
	int fd;

	ASSERT_EQ(0, trace_start());
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, trace_stop());
	close(fd);
	EXPECT_LT(0, trace_count_all());
}

static int access_once(int device, size_t size)
{
	char value[8] = {};

	if (vfio_read(device, CONFIG, 0, value, size) != (ssize_t)size ||
	    vfio_write(device, CONFIG, PCI_ROM_ADDRESS, value, size) !=
		    (ssize_t)size ||
	    vfio_write(device, BAR0, UART_SCR, value, 1) != 1 ||
	    vfio_read(device, BAR0, UART_SCR, value, 1) != 1)
		return -EIO;
	return 0;
}

TEST_F(allocation, none_in_trapped_access)
{
	int ret = 0, i;
	size_t size;

	ASSERT_EQ(0, trace_start());
	for (i = 0; i < ROUNDS && !ret; i++)
		for (size = 1; size <= 8 && !ret; size *= 2)
			ret = access_once(self->device, size);
	ASSERT_EQ(0, trace_stop());
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, trace_count_all());
}

TEST_F(allocation, none_in_msi_trigger)
{
	uint64_t signals = 0;
	int ret = 0, i;

	ASSERT_EQ(0, vfio_set_irqs(self->device, SET_EVENTFD, MSI, 0, 1,
				   &self->event, sizeof(self->event)));
	ASSERT_EQ(0, trace_start());
	for (i = 0; i < ROUNDS && !ret; i++) {
		ret = vfio_store(self->device, BAR0, UART_IER, 1, 0);
		if (!ret)
			ret = vfio_store(self->device, BAR0, UART_IER, 1,
					 UART_IER_THRI);
	}
	ASSERT_EQ(0, trace_stop());
	EXPECT_EQ(0, ret);
	EXPECT_EQ(sizeof(signals),
		  read(self->event, &signals, sizeof(signals)));
	EXPECT_EQ(ROUNDS, signals);
	EXPECT_EQ(0, trace_count_all());
}

TEST_HARNESS_MAIN
