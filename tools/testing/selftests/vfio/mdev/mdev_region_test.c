// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads and writes of a mediated device's regions: all sizes and alignments, accesses at
 * and beyond the end of a region, regions that don't exist, and writes to config space.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/serial_reg.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define BAR1		VFIO_PCI_BAR1_REGION_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX

#define BAR_SIZE	8
#define CONFIG_SIZE	PCI_CFG_SPACE_SIZE
#define LARGEST_ACCESS	17

/* Nothing is ever mapped there. */
#define BAD_POINTER	((void *)8)

FIXTURE(region)
{
	struct vfio_user user;
	int fd;
};

FIXTURE_VARIANT(region)
{
	int (*open)(struct vfio_user *user, const char *uuid);
	const char *type;
	unsigned int ports;
};

FIXTURE_VARIANT_ADD(region, group_of_one_port)
{
	.open = vfio_open_container,
	.type = "mtty-1",
	.ports = 1,
};

FIXTURE_VARIANT_ADD(region, cdev_of_two_ports)
{
	.open = vfio_open_cdev,
	.type = "mtty-2",
	.ports = 2,
};

FIXTURE_SETUP(region)
{
	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create(variant->type, UUID_A));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	self->fd = self->user.device;
	ASSERT_EQ(0, vfio_pci_enable(self->fd));
}

FIXTURE_TEARDOWN(region)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, mdev_remove_all());
}

static size_t smaller(size_t one, size_t other)
{
	return one < other ? one : other;
}

/* An access returns the same as reads of single bytes, and ends at the region's end. */
TEST_F(region, config_read_any_size_and_alignment)
{
	uint8_t expected[CONFIG_SIZE], buffer[LARGEST_ACCESS];
	size_t offset, size, length;

	for (offset = 0; offset < CONFIG_SIZE; offset++)
		ASSERT_EQ(1, vfio_read(self->fd, CONFIG, offset,
				       &expected[offset], 1));
	for (offset = 0; offset < CONFIG_SIZE; offset++) {
		for (size = 1; size <= LARGEST_ACCESS; size++) {
			length = smaller(size, CONFIG_SIZE - offset);
			memset(buffer, 0xee, sizeof(buffer));
			ASSERT_EQ((ssize_t)length,
				  vfio_read(self->fd, CONFIG, offset, buffer,
					    size));
			ASSERT_EQ(0, memcmp(buffer, &expected[offset],
					    length));
			for (; length < sizeof(buffer); length++)
				ASSERT_EQ(0xee, buffer[length]);
		}
	}
}

/*
 * The MSI capability has writable bits next to read-only ones: a write must change the
 * writable bits that it covers, and no others.
 */
TEST_F(region, config_write_any_size_and_alignment)
{
	uint8_t writable[CONFIG_SIZE] = {}, before[CONFIG_SIZE];
	uint8_t after[CONFIG_SIZE], ones[LARGEST_ACCESS];
	size_t first, end, offset, size, i;

	first = vfio_load(self->fd, CONFIG, PCI_CAPABILITY_LIST, 1);
	end = first + PCI_MSI_DATA_32 + 2;
	ASSERT_LT(end + LARGEST_ACCESS, CONFIG_SIZE);
	memset(ones, 0xff, sizeof(ones));
	memset(&writable[first + PCI_MSI_ADDRESS_LO], 0xff, 4);
	writable[first + PCI_MSI_ADDRESS_LO] = 0xfc;
	memset(&writable[first + PCI_MSI_DATA_32], 0xff, 2);
	writable[first + PCI_MSI_FLAGS] = PCI_MSI_FLAGS_ENABLE |
					  PCI_MSI_FLAGS_QSIZE;

	for (offset = first; offset < end; offset++) {
		for (size = 1; size <= LARGEST_ACCESS; size++) {
			ASSERT_EQ(0, vfio_ioctl(self->fd, VFIO_DEVICE_RESET,
						NULL));
			ASSERT_EQ(CONFIG_SIZE,
				  vfio_read(self->fd, CONFIG, 0, before,
					    CONFIG_SIZE));
			ASSERT_EQ((ssize_t)size,
				  vfio_write(self->fd, CONFIG, offset, ones,
					     size));
			ASSERT_EQ(CONFIG_SIZE,
				  vfio_read(self->fd, CONFIG, 0, after,
					    CONFIG_SIZE));
			for (i = offset; i < offset + size; i++)
				before[i] |= writable[i];
			ASSERT_EQ(0, memcmp(before, after, CONFIG_SIZE));
		}
	}
}

TEST_F(region, access_truncated_at_end)
{
	uint8_t buffer[4096] = {};
	size_t offset;

	EXPECT_EQ(CONFIG_SIZE, vfio_read(self->fd, CONFIG, 0, buffer,
					 sizeof(buffer)));
	EXPECT_EQ(1, vfio_read(self->fd, CONFIG, CONFIG_SIZE - 1, buffer,
			       sizeof(buffer)));
	EXPECT_EQ(1, vfio_write(self->fd, CONFIG, CONFIG_SIZE - 1, buffer,
				sizeof(buffer)));
	for (offset = 0; offset < BAR_SIZE; offset++)
		EXPECT_EQ((ssize_t)(BAR_SIZE - offset),
			  vfio_read(self->fd, BAR0, offset, buffer,
				    sizeof(buffer)));
	buffer[1] = 0x5a;
	EXPECT_EQ(2, vfio_write(self->fd, BAR0, UART_MSR, buffer, 8));
	EXPECT_EQ(0x5a, vfio_load(self->fd, BAR0, UART_SCR, 1));
}

TEST_F(region, access_beyond_end)
{
	char byte = 0;

	EXPECT_EQ(-EINVAL, vfio_read(self->fd, BAR0, BAR_SIZE, &byte, 1));
	EXPECT_EQ(-EINVAL, vfio_write(self->fd, BAR0, BAR_SIZE, &byte, 1));
	EXPECT_EQ(-EINVAL, vfio_read(self->fd, CONFIG, CONFIG_SIZE, &byte, 1));
	EXPECT_EQ(-EINVAL, vfio_write(self->fd, CONFIG, CONFIG_SIZE, &byte,
				      1));
	EXPECT_EQ(-EINVAL, vfio_read(self->fd, BAR0, 1ULL << 39, &byte, 1));
	EXPECT_EQ(-EINVAL, vfio_read(self->fd, BAR0, (1ULL << 40) - 1, &byte,
				     1));
}

TEST_F(region, access_to_absent_region)
{
	char bytes[8] = {};
	uint32_t region;

	for (region = variant->ports; region < VFIO_PCI_NUM_REGIONS;
	     region++) {
		if (region == CONFIG)
			continue;
		EXPECT_EQ(-EINVAL, vfio_read(self->fd, region, 0, bytes, 1));
		EXPECT_EQ(-EINVAL, vfio_read(self->fd, region, 0, bytes, 8));
		EXPECT_EQ(-EINVAL, vfio_write(self->fd, region, 0, bytes, 1));
	}
}

TEST_F(region, index_out_of_range)
{
	static const uint32_t regions[] = {
		VFIO_PCI_NUM_REGIONS, VFIO_PCI_NUM_REGIONS + 1, 0x7fffff
	};
	char byte = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(regions); i++) {
		EXPECT_EQ(-EINVAL, vfio_read(self->fd, regions[i], 0, &byte,
					     1));
		EXPECT_EQ(-EINVAL, vfio_write(self->fd, regions[i], 0, &byte,
					      1));
	}
	EXPECT_EQ(-1, pread(self->fd, &byte, 1, INT64_MAX));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pread(self->fd, &byte, 1, -1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(region, zero_length_access)
{
	char byte = 0x5a;

	EXPECT_EQ(0, vfio_read(self->fd, CONFIG, 0, &byte, 0));
	EXPECT_EQ(0, vfio_write(self->fd, BAR0, UART_SCR, &byte, 0));
	EXPECT_EQ(0x5a, byte);
	EXPECT_EQ(0, vfio_load(self->fd, BAR0, UART_SCR, 1));
}

TEST_F(region, bad_buffer_efault)
{
	size_t size;

	for (size = 1; size <= 8; size *= 2) {
		EXPECT_EQ(-EFAULT, vfio_read(self->fd, CONFIG, 0, BAD_POINTER,
					     size));
		EXPECT_EQ(-EFAULT, vfio_write(self->fd, CONFIG, 0, BAD_POINTER,
					      size));
		EXPECT_EQ(-EFAULT, vfio_write(self->fd, BAR0, 0, BAD_POINTER,
					      size));
	}
	EXPECT_EQ(-EFAULT, vfio_read(self->fd, CONFIG, 0, NULL, CONFIG_SIZE));
}

/* A failed write must not reach the device. */
TEST_F(region, efault_write_changes_nothing)
{
	ASSERT_EQ(0, vfio_store(self->fd, BAR0, UART_SCR, 1, 0x5a));
	EXPECT_EQ(-EFAULT, vfio_write(self->fd, BAR0, UART_SCR, BAD_POINTER,
				      1));
	EXPECT_EQ(0x5a, vfio_load(self->fd, BAR0, UART_SCR, 1));
}

/* The second page of the buffer is not mapped. */
TEST_F(region, short_read_before_fault)
{
	size_t page = getpagesize();
	uint8_t reference[16];
	uint8_t *buffer;
	ssize_t done;

	buffer = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, buffer);
	ASSERT_EQ(0, munmap(buffer + page, page));
	ASSERT_EQ(16, vfio_read(self->fd, CONFIG, 0, reference, 16));

	done = vfio_read(self->fd, CONFIG, 0, buffer + page - 16, CONFIG_SIZE);
	EXPECT_EQ(16, done);
	EXPECT_EQ(0, memcmp(reference, buffer + page - 16, 16));
	munmap(buffer, page);
}

/* Each iovec continues at the offset where the previous one has ended. */
TEST_F(region, preadv)
{
	uint8_t expected[16], start[3], middle[8], end[5];
	const struct iovec vectors[] = {
		{ start, sizeof(start) },
		{ middle, sizeof(middle) },
		{ end, sizeof(end) },
	};

	ASSERT_EQ(16, vfio_read(self->fd, CONFIG, 0, expected, 16));
	ASSERT_EQ(16, preadv(self->fd, vectors, ARRAY_SIZE(vectors),
			     vfio_position(CONFIG, 0)));
	EXPECT_EQ(0, memcmp(start, expected, 3));
	EXPECT_EQ(0, memcmp(middle, expected + 3, 8));
	EXPECT_EQ(0, memcmp(end, expected + 11, 5));
}

TEST_F(region, bar_of_each_port)
{
	ASSERT_EQ(0, vfio_store(self->fd, BAR0, UART_SCR, 1, 0x5a));
	if (variant->ports == 1)
		return;
	ASSERT_EQ(0, vfio_store(self->fd, BAR1, UART_SCR, 1, 0xa5));
	EXPECT_EQ(0x5a, vfio_load(self->fd, BAR0, UART_SCR, 1));
	EXPECT_EQ(0xa5, vfio_load(self->fd, BAR1, UART_SCR, 1));
}

/* A wide access to the registers of a port accesses each of them, in ascending order. */
TEST_F(region, wide_register_access_split)
{
	uint8_t registers[BAR_SIZE] = {
		[UART_LCR] = UART_LCR_WLEN8,
		[UART_MCR] = UART_MCR_LOOP,
		[UART_SCR] = 0x5a,
	};

	ASSERT_EQ(BAR_SIZE, vfio_write(self->fd, BAR0, 0, registers,
				       BAR_SIZE));
	EXPECT_EQ(UART_LCR_WLEN8, vfio_load(self->fd, BAR0, UART_LCR, 1));
	EXPECT_EQ(UART_MCR_LOOP, vfio_load(self->fd, BAR0, UART_MCR, 1));
	EXPECT_EQ(0x5a, vfio_load(self->fd, BAR0, UART_SCR, 1));
	EXPECT_EQ(UART_LCR_WLEN8 | UART_MCR_LOOP << 8,
		  vfio_load(self->fd, BAR0, UART_LCR, 2));
	ASSERT_EQ(BAR_SIZE, vfio_read(self->fd, BAR0, 0, registers, BAR_SIZE));
	EXPECT_EQ(UART_LCR_WLEN8, registers[UART_LCR]);
	EXPECT_EQ(0x5a, registers[UART_SCR]);
}

/* Config space, see PCI 3.0, chapter 6 */

TEST_F(region, config_ids_and_class)
{
	EXPECT_EQ(0x4348, vfio_load(self->fd, CONFIG, PCI_VENDOR_ID, 2));
	EXPECT_EQ(0x3253, vfio_load(self->fd, CONFIG, PCI_DEVICE_ID, 2));
	EXPECT_EQ(0x0700, vfio_load(self->fd, CONFIG, PCI_CLASS_DEVICE, 2));
	EXPECT_EQ(0x02, vfio_load(self->fd, CONFIG, PCI_CLASS_PROG, 1));
	EXPECT_EQ(PCI_HEADER_TYPE_NORMAL,
		  vfio_load(self->fd, CONFIG, PCI_HEADER_TYPE, 1));
	EXPECT_EQ(1, vfio_load(self->fd, CONFIG, PCI_INTERRUPT_PIN, 1));
}

TEST_F(region, msi_capability)
{
	int64_t position, flags;

	EXPECT_TRUE(vfio_load(self->fd, CONFIG, PCI_STATUS, 2) &
		    PCI_STATUS_CAP_LIST);
	position = vfio_load(self->fd, CONFIG, PCI_CAPABILITY_LIST, 1);
	ASSERT_LE(PCI_STD_HEADER_SIZEOF, position);
	EXPECT_EQ(0, position & 3);
	EXPECT_EQ(PCI_CAP_ID_MSI,
		  vfio_load(self->fd, CONFIG, position + PCI_CAP_LIST_ID, 1));
	EXPECT_EQ(0, vfio_load(self->fd, CONFIG,
			       position + PCI_CAP_LIST_NEXT, 1));
	flags = vfio_load(self->fd, CONFIG, position + PCI_MSI_FLAGS, 2);
	EXPECT_EQ(0, flags & (PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QMASK));
}

TEST_F(region, bar_sizing)
{
	const int64_t sizing = (uint32_t)~(BAR_SIZE - 1) |
			       PCI_BASE_ADDRESS_SPACE_IO;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		uint64_t offset = PCI_BASE_ADDRESS_0 + 4 * i;

		EXPECT_EQ(i < variant->ports ? PCI_BASE_ADDRESS_SPACE_IO : 0,
			  vfio_load(self->fd, CONFIG, offset, 4));
		EXPECT_EQ(0, vfio_store(self->fd, CONFIG, offset, 4, ~0U));
		EXPECT_EQ(i < variant->ports ? sizing : 0,
			  vfio_load(self->fd, CONFIG, offset, 4));
	}
	EXPECT_EQ(0, vfio_store(self->fd, CONFIG, PCI_ROM_ADDRESS, 4, ~0U));
	EXPECT_EQ(0, vfio_load(self->fd, CONFIG, PCI_ROM_ADDRESS, 4));
}

TEST_F(region, bar_partial_write)
{
	uint64_t offset = PCI_BASE_ADDRESS_0;

	EXPECT_EQ(0, vfio_store(self->fd, CONFIG, offset, 4, 0x1234c0f8));
	EXPECT_EQ(0x1234c0f9, vfio_load(self->fd, CONFIG, offset, 4));
	EXPECT_EQ(0, vfio_store(self->fd, CONFIG, offset + 1, 1, 0xd0));
	EXPECT_EQ(0x1234d0f9, vfio_load(self->fd, CONFIG, offset, 4));
	EXPECT_EQ(0, vfio_store(self->fd, CONFIG, offset + 2, 2, 0));
	EXPECT_EQ(0xd0f9, vfio_load(self->fd, CONFIG, offset, 4));
}

/* Fields that ignore writes */
TEST_F(region, config_read_only_fields)
{
	static const struct {
		uint64_t offset;
		size_t size;
	} constants[] = {
		{ PCI_VENDOR_ID, 2 },
		{ PCI_DEVICE_ID, 2 },
		{ PCI_STATUS, 2 },
		{ PCI_CLASS_REVISION, 4 },
		{ PCI_HEADER_TYPE, 1 },
		{ PCI_CARDBUS_CIS, 4 },
		{ PCI_SUBSYSTEM_VENDOR_ID, 2 },
		{ PCI_SUBSYSTEM_ID, 2 },
		{ PCI_CAPABILITY_LIST, 4 },
		{ PCI_INTERRUPT_PIN, 1 },
		{ PCI_MIN_GNT, 1 },
		{ PCI_MAX_LAT, 1 },
	};
	static const uint32_t patterns[] = { 0, 0x55555555, ~0U };
	unsigned int i, j;
	int64_t before;

	for (i = 0; i < ARRAY_SIZE(constants); i++) {
		before = vfio_load(self->fd, CONFIG, constants[i].offset,
				   constants[i].size);
		ASSERT_LE(0, before);
		for (j = 0; j < ARRAY_SIZE(patterns); j++) {
			EXPECT_EQ(0, vfio_store(self->fd, CONFIG,
						constants[i].offset,
						constants[i].size,
						patterns[j]));
			EXPECT_EQ(before, vfio_load(self->fd, CONFIG,
						    constants[i].offset,
						    constants[i].size));
		}
	}
}

TEST_F(region, command_register_bits)
{
	const int64_t implemented = PCI_COMMAND_IO | PCI_COMMAND_MASTER |
				    PCI_COMMAND_INTX_DISABLE;
	const int64_t reserved = 0xf800;
	int64_t command;

	EXPECT_EQ(0, vfio_store(self->fd, CONFIG, PCI_COMMAND, 2, 0xffff));
	command = vfio_load(self->fd, CONFIG, PCI_COMMAND, 2);
	EXPECT_EQ(implemented, command & implemented);
	EXPECT_EQ(0, command & reserved);
	EXPECT_EQ(0, vfio_store(self->fd, CONFIG, PCI_COMMAND, 2, 0));
	EXPECT_EQ(0, vfio_load(self->fd, CONFIG, PCI_COMMAND, 2));
}

TEST_F(region, interrupt_line_writable)
{
	EXPECT_EQ(0, vfio_store(self->fd, CONFIG, PCI_INTERRUPT_LINE, 1, 11));
	EXPECT_EQ(11, vfio_load(self->fd, CONFIG, PCI_INTERRUPT_LINE, 1));
	EXPECT_EQ(1, vfio_load(self->fd, CONFIG, PCI_INTERRUPT_PIN, 1));
}

TEST_HARNESS_MAIN
