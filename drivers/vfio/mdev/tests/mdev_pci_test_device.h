/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mediated PCI function to test, as its user sees it: through what mdev_pci
 * has filled in of struct parent_ops. Eventfds are counters.
 */
#ifndef _MDEV_PCI_TEST_DEVICE_H
#define _MDEV_PCI_TEST_DEVICE_H

#include <kunit/test.h>
#include <linux/mdev_bus.h>
#include <linux/mdev_pci.h>
#include <linux/vfio.h>

/* The regions of the function, by VFIO's index */
#define TEST_REGISTERS	VFIO_PCI_BAR0_REGION_INDEX
#define TEST_PORTS	VFIO_PCI_BAR1_REGION_INDEX
#define TEST_MEMORY	VFIO_PCI_BAR2_REGION_INDEX
#define TEST_MAPPED	VFIO_PCI_BAR4_REGION_INDEX
#define TEST_ABSENT	VFIO_PCI_BAR5_REGION_INDEX
#define TEST_CONFIG	VFIO_PCI_CONFIG_REGION_INDEX
#define TEST_ROM	VFIO_PCI_ROM_REGION_INDEX
#define TEST_VGA	VFIO_PCI_VGA_REGION_INDEX
#define TEST_PICTURE	VFIO_PCI_NUM_REGIONS
#define TEST_MAILBOX	(VFIO_PCI_NUM_REGIONS + 1)
#define TEST_REGIONS	(VFIO_PCI_NUM_REGIONS + 2)

#define TEST_MEMORY_PAGES	16
#define TEST_ROM_SIZE		3000
#define TEST_MSI_VECTORS	4
#define TEST_MSIX_VECTORS	8
#define TEST_MSIX_TABLE		0x800
#define TEST_MSIX_PBA		0xc00
#define TEST_STATE_SIZE		12

/* Eventfds: those of messages have the numbers of their vectors. */
#define TEST_INTX_FD	14
#define TEST_REQUEST_FD	15
#define TEST_FDS	16

#define TEST_FILL	0x8877665544332211

#define TEST_DECODE	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

struct test_pci_eventfd {
	int references;
	int signals;
};

/**
 * struct test_pci - a parent with one device
 * @test: the test that it belongs to
 * @dev: the parent device
 * @parent: the parent in mdev_pci
 * @driver: the vendor; a test may change it, and what follows, before
 *	test_pci_create()
 * @type: its type
 * @function: what the device looks like
 * @mdev: the device
 * @pci: likewise
 * @ops: what its users call
 * @eventfds: by number
 * @accesses: how often the vendor was called for an access
 * @write: whether the last of them was a write
 * @region: its region
 * @offset: its offset
 * @size: its size
 * @value: what it wrote
 * @answer: the value that ->read() returns
 * @run_flags: the last flags of run that succeeded
 * @run_error: what run returns
 * @halts: number of calls of halt
 * @restarts: number of calls of restart
 * @restart_error: what that returns
 * @restart_dies: the card dies during a restart
 * @resets: number of resets
 * @reset_cause: of the last reset
 * @reset_error: what reset returns
 * @fill: reset writes TEST_FILL to the beginning of TEST_MEMORY
 * @state: the driver's state data, saved or loaded
 * @save_result: what save returns, 0 for the size
 * @load_version: version that was loaded last
 * @load_size: its size
 * @load_error: what load returns
 * @tracks: whether changes of the driver's state are tracked
 * @track_error: what track_changes returns
 * @parts: number of parts of the driver's state that are left, each one byte, their
 *	number
 * @part_error: what save_part and load_part return, 0 for no error
 * @parts_loaded: sum of the parts that were loaded
 */
struct test_pci {
	struct kunit *test;
	struct device *dev;
	struct mdev_pci_parent parent;
	struct mdev_pci_driver driver;
	struct mdev_pci_type type;
	struct mdev_pci_function function;

	struct mdev_device *mdev;
	struct mdev_pci *pci;
	const struct parent_ops *ops;
	struct test_pci_eventfd eventfds[TEST_FDS];

	unsigned int accesses;
	bool write;
	unsigned int region;
	u64 offset;
	unsigned int size;
	u64 value;
	u64 answer;

	unsigned int run_flags;
	int run_error;
	unsigned int halts;
	unsigned int restarts;
	int restart_error;
	bool restart_dies;
	unsigned int resets;
	enum mdev_pci_reset_cause reset_cause;
	int reset_error;
	bool fill;
	u8 state[TEST_STATE_SIZE];
	ssize_t save_result;
	u32 load_version;
	size_t load_size;
	int load_error;

	bool tracks;
	int track_error;
	unsigned int parts;
	int part_error;
	unsigned int parts_loaded;
};

struct test_pci *test_pci_new(struct kunit *test);
void test_pci_create(struct test_pci *fixture);
int test_pci_init(struct kunit *test);
int test_pci_skip(struct kunit *test);

u64 test_pci_read(struct test_pci *fixture, unsigned int index, u64 offset,
		  unsigned int size);
void test_pci_write(struct test_pci *fixture, unsigned int index, u64 offset,
		    unsigned int size, u64 value);
unsigned int test_pci_capability(struct test_pci *fixture, u8 id);
void test_pci_command(struct test_pci *fixture, u16 command);
void test_pci_power(struct test_pci *fixture, unsigned int state);

int test_pci_set_eventfds(struct test_pci *fixture, u32 index, u32 start,
			  u32 count, int fd);
int test_pci_act(struct test_pci *fixture, u32 action, u32 index, u32 start,
		 u32 count);
int test_pci_signals(struct test_pci *fixture, unsigned int fd);

#endif /* _MDEV_PCI_TEST_DEVICE_H */
