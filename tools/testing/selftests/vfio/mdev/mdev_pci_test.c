// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI functions of mdev_pci: config space, decoding of BARs, interrupts, power
 * states and resets. Sections are those of the PCI Local Bus Specification 3.0
 * unless another specification is named.
 */
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/serial_reg.h>

#include "kselftest_harness.h"

#include "irq_lib.h"
#include "mdev_lib.h"
#include "medu_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX

#define NR_BARS		6
#define CONFIG_SIZE	PCI_CFG_SPACE_SIZE

#define COMMAND_IO	(PCI_COMMAND_IO | PCI_COMMAND_MASTER)
#define COMMAND_MEMORY	(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

#define read_config(_offset, _size) \
	vfio_load(self->device, CONFIG, _offset, _size)
#define write_config(_offset, _size, _value) \
	ASSERT_EQ(0, vfio_store(self->device, CONFIG, _offset, _size, _value))

/* Functions of mtty and medu */
FIXTURE(function)
{
	struct vfio_user user;
	int device;
};

FIXTURE_VARIANT(function)
{
	/* Of mtty; NULL for a device of medu */
	const char *type;
	uint32_t id;
	uint32_t class;
	/* Value of PCI_COMMAND that enables the BARs */
	uint16_t command;
	/* Sizes of the BARs in bytes */
	uint32_t sizes[NR_BARS];
	/* Offset in BAR 0 of a register that keeps what is written */
	uint64_t scratch;
	uint8_t value;
	/* A bit for each PCI_CAP_ID_* */
	uint32_t capabilities;
};

FIXTURE_VARIANT_ADD(function, serial_card)
{
	.type = "mtty-1",
	.id = 0x32534348,
	.class = 0x07000210,
	.command = COMMAND_IO,
	.sizes = { 8 },
	.scratch = UART_SCR,
	.value = 0x5a,
	.capabilities = 1 << PCI_CAP_ID_MSI,
};

FIXTURE_VARIANT_ADD(function, serial_card_of_two_ports)
{
	.type = "mtty-2",
	.id = 0x32534348,
	.class = 0x07000210,
	.command = COMMAND_IO,
	.sizes = { 8, 8 },
	.scratch = UART_SCR,
	.value = 0x5a,
	.capabilities = 1 << PCI_CAP_ID_MSI,
};

FIXTURE_VARIANT_ADD(function, edu_card)
{
	.id = 0x11e81234,
	.class = MEDU_CLASS << 8 | MEDU_REVISION,
	.command = COMMAND_MEMORY,
	.sizes = { MEDU_BAR_SIZE },
	.scratch = MEDU_LIVENESS,
	/* It reads inverted */
	.value = 0xa5,
	.capabilities = 1 << PCI_CAP_ID_PM | 1 << PCI_CAP_ID_MSI |
			1 << PCI_CAP_ID_AF,
};

FIXTURE_SETUP(function)
{
	int ret = medu_prepare(1);

	if (ret == -ENOENT && !variant->type)
		SKIP(return, "needs the module medu and an edu card");
	ASSERT_TRUE(!ret || ret == -ENOENT);
	ASSERT_EQ(0, variant->type ? mdev_create(variant->type, UUID_A) :
				     medu_create(0, UUID_A));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	self->device = self->user.device;
}

FIXTURE_TEARDOWN(function)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, medu_finish());
}

/* 6.2.1 */
TEST_F(function, ids_and_class)
{
	EXPECT_EQ(variant->id, read_config(PCI_VENDOR_ID, 4));
	EXPECT_EQ(variant->class, read_config(PCI_CLASS_REVISION, 4));
	EXPECT_EQ(PCI_HEADER_TYPE_NORMAL, read_config(PCI_HEADER_TYPE, 1));
}

/* 6.2.5.1: after a write of all ones, bits below the size are 0 */
TEST_F(function, bar_sizing)
{
	int64_t before, sizing;
	uint32_t flags;
	unsigned int i;

	for (i = 0; i < NR_BARS; i++) {
		uint64_t offset = PCI_BASE_ADDRESS_0 + 4 * i;

		before = read_config(offset, 4);
		write_config(offset, 4, ~0U);
		sizing = read_config(offset, 4);
		write_config(offset, 4, before);
		EXPECT_EQ(before, read_config(offset, 4));

		flags = before & PCI_BASE_ADDRESS_SPACE_IO ?
			(uint32_t)~PCI_BASE_ADDRESS_IO_MASK :
			(uint32_t)~PCI_BASE_ADDRESS_MEM_MASK;
		EXPECT_EQ(variant->sizes[i], -(sizing & ~flags) & ~0U);
		EXPECT_EQ(before & flags, sizing & flags);
	}
}

/* 6.2.5.2 */
TEST_F(function, no_expansion_rom)
{
	write_config(PCI_ROM_ADDRESS, 4, ~0U);
	EXPECT_EQ(0, read_config(PCI_ROM_ADDRESS, 4));
}

/* 6.7: aligned, without duplicates, with an end */
TEST_F(function, capability_list)
{
	uint32_t found = 0;
	int64_t offset;

	EXPECT_TRUE(read_config(PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	for (offset = read_config(PCI_CAPABILITY_LIST, 1); offset;
	     offset = read_config(offset + PCI_CAP_LIST_NEXT, 1)) {
		int64_t id = read_config(offset + PCI_CAP_LIST_ID, 1);

		ASSERT_LE(PCI_STD_HEADER_SIZEOF, offset);
		ASSERT_GT(CONFIG_SIZE, offset);
		ASSERT_EQ(0, offset % 4);
		ASSERT_GT(32, id);
		ASSERT_FALSE(found & 1 << id);
		found |= 1 << id;
	}
	EXPECT_EQ(variant->capabilities, found);
}

/* Reads return ones, or fail, if not */
static bool registers_decoded(int device, uint64_t offset)
{
	int64_t value = vfio_load(device, BAR0, offset, 4);

	return value >= 0 && value != ~0U;
}

/* 6.2.2: BARs are enabled, as vfio-pci leaves them at open */
TEST_F(function, decoding_at_open)
{
	EXPECT_EQ(variant->command & ~PCI_COMMAND_MASTER,
		  read_config(PCI_COMMAND, 2));
	EXPECT_TRUE(registers_decoded(self->device, variant->scratch & ~3));
}

/* Userspace drivers enable a function and then reset it */
TEST_F(function, decoding_kept_by_reset)
{
	int64_t bar;

	write_config(PCI_COMMAND, 2, variant->command);
	write_config(PCI_BASE_ADDRESS_0, 4, 0xfe000000);
	bar = read_config(PCI_BASE_ADDRESS_0, 4);
	ASSERT_EQ(0, vfio_ioctl(self->device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(variant->command, read_config(PCI_COMMAND, 2));
	EXPECT_EQ(bar, read_config(PCI_BASE_ADDRESS_0, 4));
	EXPECT_TRUE(registers_decoded(self->device, variant->scratch & ~3));

	/* Disabled BARs stay disabled */
	write_config(PCI_COMMAND, 2, 0);
	ASSERT_EQ(0, vfio_ioctl(self->device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(0, read_config(PCI_COMMAND, 2));
	EXPECT_EQ(0xff, vfio_load(self->device, BAR0, variant->scratch, 1));
}

/* PCI 3.0, 6.2.2 and 3.3.3.1: reads of a disabled BAR return ones, writes are dropped */
TEST_F(function, decoding_by_command_register)
{
	uint8_t bytes[4];

	write_config(PCI_COMMAND, 2, variant->command);
	ASSERT_EQ(0, vfio_store(self->device, BAR0, variant->scratch & ~3, 4,
				(uint32_t)variant->value <<
				variant->scratch % 4 * 8));
	EXPECT_EQ(variant->command, read_config(PCI_COMMAND, 2));

	write_config(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	ASSERT_EQ(4, vfio_read(self->device, BAR0, variant->scratch & ~3, bytes,
			       4));
	EXPECT_EQ(0xff, bytes[0] & bytes[1] & bytes[2] & bytes[3]);
	ASSERT_EQ(0, vfio_store(self->device, BAR0, variant->scratch & ~3, 4,
				0));

	write_config(PCI_COMMAND, 2, variant->command);
	ASSERT_EQ(4, vfio_read(self->device, BAR0, variant->scratch & ~3, bytes,
			       4));
	EXPECT_EQ(variant->type ? variant->value : (uint8_t)~variant->value,
		  bytes[variant->scratch % 4]);
}

/* 6.2.2: the memory bit does not enable I/O BARs, nor the I/O bit memory BARs */
TEST_F(function, no_decoding_by_other_command_bit)
{
	write_config(PCI_COMMAND, 2, variant->command ^
				     (PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	EXPECT_EQ(0xff, vfio_load(self->device, BAR0, variant->scratch, 1));
}

/* 6.2.2, table 6-1: bits that the function does not implement are 0 */
TEST_F(function, unsupported_command_bits)
{
	write_config(PCI_COMMAND, 2, 0xffff);
	EXPECT_EQ(0, read_config(PCI_COMMAND, 2) &
		  (PCI_COMMAND_SPECIAL | PCI_COMMAND_INVALIDATE |
		   PCI_COMMAND_VGA_PALETTE | PCI_COMMAND_WAIT |
		   PCI_COMMAND_FAST_BACK | 0xf800));
}

/* An access across the end of a BAR is cut off, one beyond it returns -EINVAL */
TEST_F(function, access_beyond_bar)
{
	uint64_t end = variant->sizes[0];
	uint8_t bytes[8] = {};

	ASSERT_EQ(0, vfio_pci_enable(self->device));
	EXPECT_EQ(4, vfio_read(self->device, BAR0, end - 4, bytes, 8));
	EXPECT_EQ(4, vfio_write(self->device, BAR0, end - 4, bytes, 8));
	EXPECT_EQ(1, vfio_read(self->device, BAR0, end - 1, bytes, 8));
	EXPECT_EQ(-EINVAL, vfio_read(self->device, BAR0, end, bytes, 1));
	EXPECT_EQ(-EINVAL, vfio_write(self->device, BAR0, end, bytes, 1));
}

/* Tests that need interrupts: medu's card has a register that raises one */
FIXTURE(card)
{
	struct medu_device medu;
	int device;
	int event;
	int message;
	int64_t msi;
	int64_t pm;
	int64_t af;
};

static int64_t find_capability(int device, int id)
{
	int64_t offset = vfio_load(device, CONFIG, PCI_CAPABILITY_LIST, 1);

	while (offset > 0 && vfio_load(device, CONFIG, offset, 1) != id)
		offset = vfio_load(device, CONFIG, offset + PCI_CAP_LIST_NEXT,
				   1);
	return offset;
}

FIXTURE_SETUP(card)
{
	int ret = medu_prepare(1);

	if (ret == -ENOENT)
		SKIP(return, "needs the module medu and an edu card");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, medu_create(0, UUID_A));
	ASSERT_EQ(0, medu_open(&self->medu, dma_open_cdev, UUID_A));
	self->device = self->medu.fd;
	self->event = irq_eventfd();
	self->message = irq_eventfd();
	ASSERT_LE(0, self->event);
	ASSERT_LE(0, self->message);
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	self->msi = find_capability(self->device, PCI_CAP_ID_MSI);
	self->pm = find_capability(self->device, PCI_CAP_ID_PM);
	self->af = find_capability(self->device, PCI_CAP_ID_AF);
	ASSERT_LT(0, self->msi);
	ASSERT_LT(0, self->pm);
	ASSERT_LT(0, self->af);
}

FIXTURE_TEARDOWN(card)
{
	medu_close(&self->medu);
	close(self->event);
	close(self->message);
	EXPECT_EQ(0, medu_finish());
}

#define raise() \
	ASSERT_EQ(0, medu_write(&self->medu, MEDU_RAISE, 1))
#define lower() \
	ASSERT_EQ(0, medu_write(&self->medu, MEDU_ACK, 1))
#define is_asserted() \
	(read_config(PCI_STATUS, 2) & PCI_STATUS_INTERRUPT)

/* 6.2.2 and 6.2.3: Interrupt Status does not depend on Interrupt Disable */
TEST_F(card, intx_disable)
{
	EXPECT_FALSE(is_asserted());
	write_config(PCI_COMMAND, 2, COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	raise();
	EXPECT_EQ(0, irq_signals(self->event));
	EXPECT_TRUE(is_asserted());
	write_config(PCI_COMMAND, 2, COMMAND_MEMORY);
	EXPECT_EQ(1, irq_signals(self->event));
	lower();
	EXPECT_FALSE(is_asserted());
}

/* 6.8.1.3: while MSI is enabled, INTx is not used, and vice versa */
TEST_F(card, msi_enable)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, MSI, TRIGGER,
				     self->message));
	write_config(self->msi + PCI_MSI_FLAGS, 2, 0);
	raise();
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_signals(self->message));
	lower();

	write_config(self->msi + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	raise();
	EXPECT_EQ(0, irq_signals(self->event));
	EXPECT_EQ(1, irq_signals(self->message));

	/* INTx is asserted for the cause that is not acknowledged */
	write_config(self->msi + PCI_MSI_FLAGS, 2, 0);
	EXPECT_EQ(1, irq_signals(self->event));
}

/* 6.2.2: a message is a memory write, which needs Bus Master */
TEST_F(card, msi_pending_without_bus_master)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, MSI, TRIGGER,
				     self->message));
	write_config(self->msi + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
	write_config(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	raise();
	raise();
	EXPECT_EQ(0, irq_signals(self->message));
	write_config(PCI_COMMAND, 2, COMMAND_MEMORY);
	EXPECT_EQ(1, irq_signals(self->message));
	raise();
	EXPECT_EQ(1, irq_signals(self->message));
	EXPECT_EQ(0, irq_signals(self->event));
}

#define go_to_power_state(_state) \
	write_config(self->pm + PCI_PM_CTRL, 2, _state)
#define power_state() \
	(read_config(self->pm + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK)

/* PCI Power Management 1.2, 5.4.1: only config space works in D3hot */
TEST_F(card, d3hot)
{
	ASSERT_EQ(0, medu_write(&self->medu, MEDU_LIVENESS, 0x5a));
	EXPECT_EQ(0, power_state());
	go_to_power_state(3);
	EXPECT_EQ(3, power_state());
	EXPECT_EQ(0x11e81234, read_config(PCI_VENDOR_ID, 4));
	EXPECT_EQ(~0U, medu_read(&self->medu, MEDU_LIVENESS));
	ASSERT_EQ(0, medu_write(&self->medu, MEDU_LIVENESS, 0));

	/* No_Soft_Reset: registers are kept */
	EXPECT_TRUE(read_config(self->pm + PCI_PM_CTRL, 2) &
		    PCI_PM_CTRL_NO_SOFT_RESET);
	go_to_power_state(0);
	EXPECT_EQ(COMMAND_MEMORY, read_config(PCI_COMMAND, 2) & COMMAND_MEMORY);
	EXPECT_EQ((uint32_t)~0x5a, medu_read(&self->medu, MEDU_LIVENESS));
}

/* PCI Power Management 1.2, 5.4.1: no interrupts in D3hot */
TEST_F(card, d3hot_masks_intx)
{
	raise();
	EXPECT_EQ(1, irq_signals(self->event));
	go_to_power_state(3);
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(0, irq_signals(self->event));
	go_to_power_state(0);
	EXPECT_EQ(1, irq_signals(self->event));
}

/* PCI Power Management 1.2, 3.2.4: writes of D1 and D2 are ignored */
TEST_F(card, no_d1_d2)
{
	int state;

	EXPECT_EQ(0, read_config(self->pm + PCI_PM_PMC, 2) &
		  (PCI_PM_CAP_D1 | PCI_PM_CAP_D2));
	for (state = 1; state <= 2; state++) {
		go_to_power_state(state);
		EXPECT_EQ(0, power_state());
	}
	EXPECT_EQ(MEDU_IS_EDU, medu_read(&self->medu, MEDU_ID));
}

TEST_F(card, reset_leaves_d3hot)
{
	go_to_power_state(3);
	ASSERT_EQ(0, vfio_ioctl(self->device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(0, power_state());
	EXPECT_EQ(MEDU_IS_EDU, medu_read(&self->medu, MEDU_ID));
}

/* Advanced Capabilities for Conventional PCI: FLR by the guest */
TEST_F(card, af_flr)
{
	int64_t line = 11;

	EXPECT_EQ(PCI_AF_CAP_TP | PCI_AF_CAP_FLR,
		  read_config(self->af + PCI_AF_CAP, 1));
	write_config(PCI_INTERRUPT_LINE, 1, line);
	write_config(PCI_BASE_ADDRESS_0, 4, 0xfeb00000);
	ASSERT_EQ(0, medu_write(&self->medu, MEDU_LIVENESS, 0x5a));
	raise();
	EXPECT_EQ(1, irq_signals(self->event));

	write_config(self->af + PCI_AF_CTRL, 1, 0);
	EXPECT_EQ(0xfeb00000, read_config(PCI_BASE_ADDRESS_0, 4));
	write_config(self->af + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR);
	EXPECT_EQ(0, read_config(self->af + PCI_AF_STATUS, 1) &
		  PCI_AF_STATUS_TP);
	/* As vfio-pci, which restores config space */
	EXPECT_EQ(COMMAND_MEMORY, read_config(PCI_COMMAND, 2));
	EXPECT_EQ(0xfeb00000, read_config(PCI_BASE_ADDRESS_0, 4));
	EXPECT_EQ(line, read_config(PCI_INTERRUPT_LINE, 1));
	EXPECT_FALSE(is_asserted());
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(0, irq_signals(self->event));

	/* FLR by the guest keeps the eventfds of the VMM */
	EXPECT_EQ(0, medu_read(&self->medu, MEDU_LIVENESS));
	raise();
	EXPECT_EQ(1, irq_signals(self->event));
}

TEST_HARNESS_MAIN
