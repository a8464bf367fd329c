// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what comes of writes to config space: decoding that ends,
 * power states, and resets of the function. Paragraphs are those of the PCI
 * Local Bus Specification 3.0, unless another specification is named.
 */

#include <linux/string.h>

#include "../pci/private.h"
#include "../mdev_private.h"
#include "../pci/private.h"
#include "mdev_pci_test_config.h"

#define TEST_D1		1
#define TEST_D2		2
#define TEST_D3HOT	3

/* Registers that a guest has set up */
static void test_set_up(struct test_pci *fixture)
{
	test_config_write(fixture, PCI_BASE_ADDRESS_1, 4, 0xfebf0000);
	test_config_write(fixture, PCI_INTERRUPT_LINE, 1, 11);
	test_pci_command(fixture, TEST_DECODE | PCI_COMMAND_MASTER);
	fixture->resets = 0;
}

/* The header, which a VMM has set up, is as it was, however many @resets there were. */
static void test_expect_reset(struct test_pci *fixture, unsigned int resets,
			      enum mdev_pci_reset_cause cause)
{
	struct kunit *test = fixture->test;

	KUNIT_EXPECT_EQ(test, fixture->resets, resets);
	if (resets)
		KUNIT_EXPECT_EQ(test, fixture->reset_cause, cause);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, PCI_BASE_ADDRESS_1, 4) &
			      PCI_BASE_ADDRESS_MEM_MASK, 0xfebf0000);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, PCI_INTERRUPT_LINE, 1),
			11);
	/* Some of the functions have no I/O */
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, PCI_COMMAND, 2) |
			      PCI_COMMAND_IO,
			TEST_DECODE | PCI_COMMAND_MASTER);
	KUNIT_EXPECT_TRUE(test, mdev_pci_is_master(fixture->pci));
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN | MDEV_PCI_DMA);
}

/* As vfio-pci: at open all BARs are decoded, and the function is no bus master. */
static void test_command_at_open(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_CARD);

	KUNIT_EXPECT_EQ(test, test_config_read(fixture, PCI_COMMAND, 2),
			TEST_DECODE);
	test_set_up(fixture);
	fixture->ops->release(fixture->mdev);
	KUNIT_EXPECT_EQ(test, fixture->ops->open(fixture->mdev), 0);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, PCI_COMMAND, 2),
			TEST_DECODE);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, PCI_BASE_ADDRESS_1, 4) &
			      PCI_BASE_ADDRESS_MEM_MASK, 0);
}

/* 6.2.2. VFIO_DEVICE_RESET keeps what the VMM has set up, as vfio-pci does. */
static void test_bus_master(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_CARD);

	KUNIT_EXPECT_FALSE(test, mdev_pci_is_master(fixture->pci));
	test_pci_command(fixture, TEST_DECODE);
	KUNIT_EXPECT_FALSE(test, mdev_pci_is_master(fixture->pci));
	test_set_up(fixture);
	KUNIT_EXPECT_EQ(test, fixture->ops->reset(fixture->mdev), 0);
	test_expect_reset(fixture, 1, MDEV_PCI_RESET_DEVICE);
}

/* 6.2.2: what is mapped is not reached when memory is decoded no more */
static void test_memory_disable_zaps(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_CARD);
	unsigned long seq;

	test_pci_command(fixture, TEST_DECODE);
	seq = fixture->mdev->core->map_seq;
	test_pci_command(fixture, PCI_COMMAND_MEMORY);
	KUNIT_EXPECT_EQ(test, fixture->mdev->core->map_seq, seq);
	test_pci_command(fixture, PCI_COMMAND_IO);
	KUNIT_EXPECT_NE(test, fixture->mdev->core->map_seq, seq);

	test_pci_command(fixture, PCI_COMMAND_MEMORY);
	seq = fixture->mdev->core->map_seq;
	test_pci_power(fixture, TEST_D3HOT);
	KUNIT_EXPECT_NE(test, fixture->mdev->core->map_seq, seq);
}

/* PM 1.2, 5.4.1: in D3hot there is nothing but config space */
static void test_d3hot(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_EXPRESS);
	unsigned int control = TEST_EXPRESS_PM + PCI_PM_CTRL;

	test_set_up(fixture);
	KUNIT_EXPECT_TRUE(test, fixture->run_flags);
	test_pci_power(fixture, TEST_D3HOT);
	KUNIT_EXPECT_FALSE(test, fixture->run_flags);
	KUNIT_EXPECT_FALSE(test, mdev_pci_is_master(fixture->pci));
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, 0, 0, 4), 0xffffffff);
	KUNIT_EXPECT_EQ(test, fixture->accesses, 0);

	KUNIT_EXPECT_EQ(test, test_config_read(fixture, control, 2),
			PCI_PM_CTRL_NO_SOFT_RESET | TEST_D3HOT);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, 0, 4), 0x12351af4);
	test_config_write(fixture, PCI_CACHE_LINE_SIZE, 1, 0x10);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, PCI_CACHE_LINE_SIZE, 1),
			0x10);
}

/* PM 1.2, 3.2.4: with No_Soft_Reset the function is as it was */
static void test_d3hot_no_soft_reset(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_EXPRESS);

	test_set_up(fixture);
	test_pci_power(fixture, TEST_D3HOT);
	test_pci_power(fixture, 0);
	test_expect_reset(fixture, 0, 0);
	KUNIT_EXPECT_TRUE(test, fixture->run_flags);
}

/* PM 1.2, 5.4.1: without, all is as after power-on */
static void test_d3hot_soft_reset(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_CARD);

	test_set_up(fixture);
	test_pci_power(fixture, TEST_D3HOT);
	KUNIT_EXPECT_EQ(test, fixture->resets, 0);
	test_pci_power(fixture, 0);
	test_expect_reset(fixture, 1, MDEV_PCI_RESET_PM);
	KUNIT_EXPECT_TRUE(test, fixture->run_flags);
}

/* PM 1.2, 3.2.4: a state that is not supported is not entered */
static void test_d1_d2_unsupported(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_CARD);
	unsigned int control = TEST_CARD_PM + PCI_PM_CTRL;
	unsigned int state;

	test_set_up(fixture);
	for (state = TEST_D1; state <= TEST_D2; state++) {
		test_pci_power(fixture, state);
		KUNIT_EXPECT_EQ(test, test_config_read(fixture, control, 2), 0);
	}
	KUNIT_EXPECT_TRUE(test, fixture->run_flags);

	test_pci_power(fixture, TEST_D3HOT);
	for (state = TEST_D1; state <= TEST_D2; state++) {
		test_pci_power(fixture, state);
		KUNIT_EXPECT_EQ(test, test_config_read(fixture, control, 2),
				TEST_D3HOT);
	}
	KUNIT_EXPECT_FALSE(test, fixture->run_flags);
	KUNIT_EXPECT_EQ(test, fixture->resets, 0);
}

/* 3.2.2.3: a write changes the bytes that it enables */
static void test_power_state_byte_write(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_CARD);
	unsigned int control = TEST_CARD_PM + PCI_PM_CTRL;

	test_pci_power(fixture, TEST_D3HOT);
	test_config_write(fixture, control + 1, 1, 0);
	test_config_write(fixture, control + 2, 2, 0);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, control, 2),
			TEST_D3HOT);
}

/* PCI Express 2.0, 6.6.2. vfio-pci restores the control registers. */
static void test_express_flr(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_EXPRESS);
	unsigned int control = TEST_EXPRESS_EXP + PCI_EXP_DEVCTL;
	unsigned int link = TEST_EXPRESS_EXP + PCI_EXP_LNKCTL;

	test_set_up(fixture);
	test_config_write(fixture, control, 2, PCI_EXP_DEVCTL_READRQ_256B);
	test_config_write(fixture, link, 2, 0x42);
	test_expect_reset(fixture, 0, 0);
	test_config_write(fixture, control, 2, PCI_EXP_DEVCTL_READRQ_256B |
					       PCI_EXP_DEVCTL_BCR_FLR);
	test_expect_reset(fixture, 1, MDEV_PCI_RESET_FLR);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, control, 2),
			PCI_EXP_DEVCTL_READRQ_256B);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, link, 2), 0x42);
	KUNIT_EXPECT_TRUE(test, fixture->run_flags);

	test_set_up(fixture);
	test_config_write(fixture, control + 1, 1, PCI_EXP_DEVCTL_BCR_FLR >> 8);
	test_expect_reset(fixture, 1, MDEV_PCI_RESET_FLR);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, control + 2, 2) &
			      PCI_EXP_DEVSTA_TRPND, 0);
}

/* PCI Express 2.0, 7.8.4: read-only zero in a function that can't do it */
static void test_express_without_flr(struct kunit *test)
{
	struct test_pci *fixture = test_pci_new(test);
	unsigned int control = TEST_EXPRESS_EXP + PCI_EXP_DEVCTL;

	fixture->function = test_functions[TEST_EXPRESS];
	fixture->function.capabilities &= ~MDEV_PCI_FLR;
	test_pci_create(fixture);
	KUNIT_EXPECT_FALSE(test, test_config_read(fixture, TEST_EXPRESS_EXP +
							   PCI_EXP_DEVCAP, 4) &
				 PCI_EXP_DEVCAP_FLR);
	test_set_up(fixture);
	test_config_write(fixture, control, 2, PCI_EXP_DEVCTL_BCR_FLR);
	test_expect_reset(fixture, 0, 0);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, control, 2), 0);
}

/* Advanced Capabilities for Conventional PCI: reads as zero, status as well */
static void test_af_flr(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_CARD);
	unsigned int control = TEST_CARD_AF + PCI_AF_CTRL;

	test_set_up(fixture);
	test_config_write(fixture, control, 1, ~PCI_AF_CTRL_FLR);
	test_expect_reset(fixture, 0, 0);
	test_config_write(fixture, control, 1, PCI_AF_CTRL_FLR);
	test_expect_reset(fixture, 1, MDEV_PCI_RESET_FLR);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, control, 2), 0);
}

/* PCI Express 2.0, 6.6.2; PM 1.2, 5.4: a reset leads to D0 */
static void test_d3hot_flr(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_CARD);

	test_set_up(fixture);
	test_pci_power(fixture, TEST_D3HOT);
	test_config_write(fixture, TEST_CARD_AF + PCI_AF_CTRL, 1,
			  PCI_AF_CTRL_FLR);
	test_expect_reset(fixture, 1, MDEV_PCI_RESET_FLR);
	KUNIT_EXPECT_TRUE(test, fixture->run_flags);
}

/* 3.2.2.3: eight bytes are two accesses, of a dword each */
static void test_qword_write(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_CARD);

	test_set_up(fixture);
	test_pci_power(fixture, TEST_D3HOT);
	test_pci_write(fixture, TEST_CONFIG, TEST_CARD_PM, 8, 0);
	test_expect_reset(fixture, 1, MDEV_PCI_RESET_PM);
	test_set_up(fixture);
	test_pci_write(fixture, TEST_CONFIG, TEST_CARD_AF + PCI_AF_CTRL, 8,
		       PCI_AF_CTRL_FLR);
	test_expect_reset(fixture, 1, MDEV_PCI_RESET_FLR);
}

/* What a migration brings differs in what the guest or the function changes */
static void test_config_valid(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_CARD);
	u8 *config = kunit_kmalloc(test, PCI_CFG_SPACE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, config);
	test_set_up(fixture);
	test_config_write(fixture, TEST_CARD_MSI + PCI_MSI_FLAGS, 2, 1);
	memcpy(config, fixture->pci->core->config, PCI_CFG_SPACE_SIZE);
	KUNIT_EXPECT_TRUE(test,
			  mdev_pci_config_valid(fixture->pci->core, config));

	config[PCI_STATUS + 1] |= PCI_STATUS_DETECTED_PARITY >> 8;
	config[TEST_CARD_PM + PCI_PM_CTRL] = TEST_D3HOT;
	KUNIT_EXPECT_TRUE(test,
			  mdev_pci_config_valid(fixture->pci->core, config));

	/* Both are computed when they are read */
	config[TEST_CARD_MSI + PCI_MSI_PENDING_64] = 0x81;
	KUNIT_EXPECT_FALSE(test,
			   mdev_pci_config_valid(fixture->pci->core, config));
	config[TEST_CARD_MSI + PCI_MSI_PENDING_64] = 0;
	config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	KUNIT_EXPECT_FALSE(test,
			   mdev_pci_config_valid(fixture->pci->core, config));
	config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;

	config[TEST_CARD_PM + PCI_PM_CTRL] = TEST_D1;
	KUNIT_EXPECT_FALSE(test,
			   mdev_pci_config_valid(fixture->pci->core, config));
	config[TEST_CARD_PM + PCI_PM_CTRL] = 0;
	config[PCI_DEVICE_ID] ^= 1;
	KUNIT_EXPECT_FALSE(test,
			   mdev_pci_config_valid(fixture->pci->core, config));
	config[PCI_DEVICE_ID] ^= 1;
	config[TEST_CARD_MSI + PCI_MSI_PENDING_64 + 1] = 1;
	KUNIT_EXPECT_FALSE(test,
			   mdev_pci_config_valid(fixture->pci->core, config));
	config[TEST_CARD_MSI + PCI_MSI_PENDING_64 + 1] = 0;
	config[PCI_CFG_SPACE_SIZE - 1] = 1;
	KUNIT_EXPECT_FALSE(test,
			   mdev_pci_config_valid(fixture->pci->core, config));
}

static struct kunit_case mdev_pci_config_write_cases[] = {
	KUNIT_CASE(test_command_at_open),
	KUNIT_CASE(test_bus_master),
	KUNIT_CASE(test_memory_disable_zaps),
	KUNIT_CASE(test_d3hot),
	KUNIT_CASE(test_d3hot_no_soft_reset),
	KUNIT_CASE(test_d3hot_soft_reset),
	KUNIT_CASE(test_d1_d2_unsupported),
	KUNIT_CASE(test_power_state_byte_write),
	KUNIT_CASE(test_express_flr),
	KUNIT_CASE(test_express_without_flr),
	KUNIT_CASE(test_af_flr),
	KUNIT_CASE(test_d3hot_flr),
	KUNIT_CASE(test_qword_write),
	KUNIT_CASE(test_config_valid),
	{}
};

static struct kunit_suite mdev_pci_config_write_suite = {
	.name = "mdev_pci_config_write",
	.init = test_pci_skip,
	.test_cases = mdev_pci_config_write_cases,
};

kunit_test_suite(mdev_pci_config_write_suite);
