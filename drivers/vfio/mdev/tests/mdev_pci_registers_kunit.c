// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of registers and capabilities that a driver describes, and of AER and
 * the serial number, which are described in the same way: where they are, what the
 * guest and the driver change of them, and when the driver is called.
 */

#include <linux/array_size.h>
#include <linux/unaligned.h>

#include "../pci/private.h"
#include "mdev_pci_test_config.h"

#define TEST_CAP_SIZE	12
/* At a fixed offset, with a hole of 8 bytes before it */
#define TEST_FIXED	0x48
#define TEST_BEHIND	0x54
#define TEST_BEHIND_EXPRESS	0x90
#define TEST_VSEC	0x200

static u32 test_caps_read(struct mdev_pci *pci, unsigned int offset, u32 value)
{
	return offset == 8 ? value | 0xa0000000 : value;
}

/* The last call of test_caps_written(), and what it returns */
static struct {
	unsigned int calls;
	unsigned int offset;
	u32 old;
	u32 value;
	int error;
} test_call;

static int test_caps_written(struct mdev_pci *pci, unsigned int offset, u32 old,
			     u32 value)
{
	test_call.calls++;
	test_call.offset = offset;
	test_call.old = old;
	test_call.value = value;
	return test_call.error;
}

static const u8 test_caps_data[TEST_CAP_SIZE] = {
	0xff, 0xff, TEST_CAP_SIZE, 0x77, 0x44, 0x55, 0x66, 0x77, 1, 2, 3, 4,
};

static const u8 test_caps_writable[TEST_CAP_SIZE] = {
	0xff, 0xff, 0, 0, 0xff, 0x0f,
};

static const u8 test_caps_clear[TEST_CAP_SIZE] = { [6] = 0xff };
static const u8 test_caps_device[TEST_CAP_SIZE] = { [7] = 0x0f };

static const struct mdev_pci_registers test_caps[] = {
	{
		.kind = MDEV_PCI_CAPABILITY,
		.id = PCI_CAP_ID_VNDR,
		.offset = TEST_FIXED,
		.size = TEST_CAP_SIZE,
		.data = test_caps_data,
		.writable = test_caps_writable,
		.clear = test_caps_clear,
		.device = test_caps_device,
		.read = test_caps_read,
		.written = test_caps_written,
	},
	{
		.kind = MDEV_PCI_CAPABILITY,
		.id = PCI_CAP_ID_SSVID,
		.size = 8,
	},
	{
		.kind = MDEV_PCI_EXT_CAPABILITY,
		.id = PCI_EXT_CAP_ID_VNDR,
		.version = 1,
		.offset = TEST_VSEC,
		.size = TEST_CAP_SIZE,
		.data = test_caps_data,
	},
	{
		.offset = PCI_COMMAND,
		.size = 2,
		.written = test_caps_written,
	},
};

static const struct mdev_pci_function test_caps_function = {
	.vendor = 0x1af4,
	.device = 0x1234,
	.capabilities = MDEV_PCI_PM | MDEV_PCI_EXPRESS | MDEV_PCI_AER,
	.serial = 0x1122334455667788,
	.bar[1] = {
		.flags = PCI_BASE_ADDRESS_MEM_TYPE_64,
		.size = SZ_4K,
	},
	.bar[3].size = SZ_64K,
	.registers = test_caps,
	.nr_registers = ARRAY_SIZE(test_caps),
};

static struct test_pci *test_caps_create(struct kunit *test)
{
	struct test_pci *fixture = test_pci_new(test);

	fixture->function = test_caps_function;
	test_pci_create(fixture);
	memset(&test_call, 0, sizeof(test_call));
	return fixture;
}

static unsigned int test_find(struct test_pci *fixture, u16 id)
{
	return mdev_pci_find_capability(fixture->pci, MDEV_PCI_CAPABILITY, id);
}

static unsigned int test_find_ext(struct test_pci *fixture, u16 id)
{
	return mdev_pci_find_capability(fixture->pci, MDEV_PCI_EXT_CAPABILITY,
					id);
}

/* The others find room before and behind the one with an offset. */
static void test_capability_offsets(struct kunit *test)
{
	struct test_pci *fixture = test_caps_create(test);

	KUNIT_EXPECT_EQ(test, test_find(fixture, PCI_CAP_ID_PM), 0x40);
	KUNIT_EXPECT_EQ(test, test_find(fixture, PCI_CAP_ID_VNDR), TEST_FIXED);
	KUNIT_EXPECT_EQ(test, test_find(fixture, PCI_CAP_ID_EXP),
			TEST_BEHIND);
	KUNIT_EXPECT_EQ(test, test_find(fixture, PCI_CAP_ID_SSVID),
			TEST_BEHIND_EXPRESS);
	KUNIT_EXPECT_EQ(test, test_find(fixture, PCI_CAP_ID_MSI), 0);

	/* Each list ends, and each header has its own ID */
	KUNIT_EXPECT_EQ(test, test_pci_capability(fixture, PCI_CAP_ID_SSVID),
			test_find(fixture, PCI_CAP_ID_SSVID));
	KUNIT_EXPECT_EQ(test, test_find_ext(fixture, PCI_EXT_CAP_ID_ERR), 0x100);
	KUNIT_EXPECT_EQ(test, test_find_ext(fixture, PCI_EXT_CAP_ID_DSN), 0x12c);
	KUNIT_EXPECT_EQ(test, test_find_ext(fixture, PCI_EXT_CAP_ID_VNDR),
			TEST_VSEC);
	KUNIT_EXPECT_EQ(test, test_find_ext(fixture, PCI_EXT_CAP_ID_SRIOV), 0);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, TEST_VSEC, 4),
			PCI_EXT_CAP_ID_VNDR | 1 << 16);
}

/* A list that does not begin at its first place (PCI Express 2.0, 7.9.1) */
static void test_ext_capability_first_absent(struct kunit *test)
{
	struct test_pci *fixture = test_pci_new(test);

	fixture->function = test_caps_function;
	fixture->function.capabilities &= ~MDEV_PCI_AER;
	fixture->function.serial = 0;
	test_pci_create(fixture);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, 0x100, 4),
			(u32)TEST_VSEC << 20);
	KUNIT_EXPECT_EQ(test, test_find_ext(fixture, PCI_EXT_CAP_ID_VNDR),
			TEST_VSEC);
}

/* Listed from the highest to the lowest, with one at the first place */
static void test_ext_capability_order(struct kunit *test)
{
	static const struct mdev_pci_registers caps[] = {
		{
			.kind = MDEV_PCI_EXT_CAPABILITY,
			.id = PCI_EXT_CAP_ID_VNDR,
			.offset = 0x300,
			.size = 8,
		}, {
			.kind = MDEV_PCI_EXT_CAPABILITY,
			.id = PCI_EXT_CAP_ID_PASID,
			.offset = 0x100,
			.size = 8,
		},
	};
	struct test_pci *fixture = test_pci_new(test);

	fixture->function = test_caps_function;
	fixture->function.registers = caps;
	fixture->function.nr_registers = ARRAY_SIZE(caps);
	test_pci_create(fixture);
	KUNIT_EXPECT_EQ(test, test_find_ext(fixture, PCI_EXT_CAP_ID_PASID),
			0x100);
	KUNIT_EXPECT_EQ(test, test_find_ext(fixture, PCI_EXT_CAP_ID_ERR), 0x108);
	KUNIT_EXPECT_EQ(test, test_find_ext(fixture, PCI_EXT_CAP_ID_VNDR),
			0x300);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, 0x300, 4),
			PCI_EXT_CAP_ID_VNDR);
}

/* A reset that the driver itself has requested is that of the function. */
static void test_request_reset(struct kunit *test)
{
	struct test_pci *fixture = test_caps_create(test);

	test_pci_command(fixture, PCI_COMMAND_MEMORY);
	mdev_request_reset(fixture->mdev);
	test_config_write(fixture, PCI_INTERRUPT_LINE, 1, 11);
	KUNIT_EXPECT_EQ(test, fixture->reset_cause, MDEV_PCI_RESET_FLR);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, PCI_COMMAND, 2),
			PCI_COMMAND_MEMORY);
}

/* The power state is not the driver's. */
static void test_set_config_power_state(struct kunit *test)
{
	struct test_pci *fixture = test_caps_create(test);
	unsigned int pm = test_find(fixture, PCI_CAP_ID_PM);

	mdev_pci_set_config(fixture->pci, pm + PCI_PM_CTRL, ~0, 3);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, pm + PCI_PM_CTRL, 2) &
			      PCI_PM_CTRL_STATE_MASK, 0);
}

static void test_writable_bits(struct kunit *test)
{
	struct test_pci *fixture = test_caps_create(test);

	KUNIT_EXPECT_EQ(test, test_config_read(fixture, TEST_FIXED + 2, 2),
			0x7700 | TEST_CAP_SIZE);
	/* The header is not the driver's */
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, TEST_FIXED, 1),
			PCI_CAP_ID_VNDR);
	test_config_write(fixture, TEST_FIXED, 2, 0xffff);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, TEST_FIXED, 1),
			PCI_CAP_ID_VNDR);

	test_config_write(fixture, TEST_FIXED + 4, 4, 0xf00fa5a5);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, TEST_FIXED + 4, 4),
			0x776055a5);
	KUNIT_EXPECT_EQ(test, fixture->ops->reset(fixture->mdev), 0);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, TEST_FIXED + 4, 4),
			0x77665544);
}

static void test_read_write_callbacks(struct kunit *test)
{
	struct test_pci *fixture = test_caps_create(test);
	u8 byte = 0x11;

	KUNIT_EXPECT_EQ(test, test_config_read(fixture, TEST_FIXED + 8, 4),
			0xa4030201);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, TEST_FIXED + 11, 1),
			0xa4);
	/* Without the driver's callback */
	KUNIT_EXPECT_EQ(test, mdev_pci_get_config(fixture->pci, TEST_FIXED + 8,
						  4), 0x04030201);

	test_config_write(fixture, TEST_FIXED + 5, 1, 0xee);
	KUNIT_EXPECT_EQ(test, test_call.calls, 1);
	KUNIT_EXPECT_EQ(test, test_call.offset, 4);
	KUNIT_EXPECT_EQ(test, test_call.old, 0x77665544);
	KUNIT_EXPECT_EQ(test, test_call.value, 0x7766ee44);
	KUNIT_EXPECT_EQ(test, mdev_pci_get_config(fixture->pci, TEST_FIXED + 4,
						  4), 0x77665e44);

	test_call.error = -EIO;
	KUNIT_EXPECT_EQ(test, fixture->ops->write(fixture->mdev, &byte, 1,
						  TEST_CONFIG_POS + TEST_FIXED +
						  8), -EIO);
	KUNIT_EXPECT_EQ(test, test_call.offset, 8);
}

/* A driver is notified of writes to registers of mdev_pci that it names. */
static void test_write_notification(struct kunit *test)
{
	struct test_pci *fixture = test_caps_create(test);

	test_pci_command(fixture, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	KUNIT_EXPECT_EQ(test, test_call.calls, 1);
	KUNIT_EXPECT_EQ(test, test_call.offset, 0);
	KUNIT_EXPECT_EQ(test, test_call.value & 0xffff,
			PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	/* What mdev_pci does comes first */
	KUNIT_EXPECT_TRUE(test, fixture->run_flags & MDEV_PCI_DMA);
	test_config_write(fixture, PCI_INTERRUPT_LINE, 1, 11);
	KUNIT_EXPECT_EQ(test, test_call.calls, 1);
}

/* Bits that hardware changes, and that the guest clears by writing 1 */
static void test_set_config(struct kunit *test)
{
	struct test_pci *fixture = test_caps_create(test);
	unsigned int aer = test_find_ext(fixture, PCI_EXT_CAP_ID_ERR);
	unsigned int status = aer + PCI_ERR_UNCOR_STATUS;

	mdev_pci_set_config(fixture->pci, status,
			    PCI_ERR_UNC_COMP_TIME | PCI_ERR_UNC_ECRC, ~0);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, status, 4),
			PCI_ERR_UNC_COMP_TIME);
	test_config_write(fixture, status, 4, PCI_ERR_UNC_MALF_TLP);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, status, 4),
			PCI_ERR_UNC_COMP_TIME);
	KUNIT_EXPECT_TRUE(test,
			  mdev_pci_config_valid(fixture->pci->core,
						fixture->pci->core->config));
	test_config_write(fixture, status, 4, ~0);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, status, 4), 0);

	mdev_pci_set_config(fixture->pci, TEST_FIXED + 4, ~0, 0);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, TEST_FIXED + 4, 4),
			0x70005544);
	/* Beyond config space, and not a dword */
	mdev_pci_set_config(fixture->pci, PCI_CFG_SPACE_EXP_SIZE, ~0, ~0);
	mdev_pci_set_config(fixture->pci, TEST_FIXED + 6, ~0, ~0);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, TEST_FIXED + 4, 4),
			0x70005544);
	KUNIT_EXPECT_EQ(test,
			mdev_pci_get_config(fixture->pci,
					    PCI_CFG_SPACE_EXP_SIZE, 2), 0xffff);
}

/* PCI Express 2.0, 7.10 and 7.12 */
static void test_aer_serial_number(struct kunit *test)
{
	struct test_pci *fixture = test_caps_create(test);
	unsigned int aer = test_find_ext(fixture, PCI_EXT_CAP_ID_ERR);
	unsigned int serial = test_find_ext(fixture, PCI_EXT_CAP_ID_DSN);

	KUNIT_EXPECT_EQ(test, test_config_read(fixture, serial + 4, 4),
			0x55667788);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, serial + 8, 4),
			0x11223344);
	test_config_write(fixture, serial + 4, 4, 0);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, serial + 4, 4),
			0x55667788);

	test_config_write(fixture, aer + PCI_ERR_UNCOR_MASK, 4,
			  PCI_ERR_UNC_COMP_TIME | PCI_ERR_UNC_ECRC);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, aer + PCI_ERR_UNCOR_MASK,
					       4), PCI_ERR_UNC_COMP_TIME);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, aer + PCI_ERR_COR_MASK,
					       4), PCI_ERR_COR_ADV_NFAT);
}

static void test_bar_address(struct kunit *test)
{
	struct test_pci *fixture = test_caps_create(test);

	test_config_write(fixture, PCI_BASE_ADDRESS_1, 4, 0xfebf1000);
	test_config_write(fixture, PCI_BASE_ADDRESS_2, 4, 0x12);
	test_config_write(fixture, PCI_BASE_ADDRESS_3, 4, 0xfec10000);
	KUNIT_EXPECT_EQ(test, mdev_pci_bar_address(fixture->pci, 1),
			0x12febf1000);
	KUNIT_EXPECT_EQ(test, mdev_pci_bar_address(fixture->pci, 3),
			0xfec10000);
	KUNIT_EXPECT_EQ(test, mdev_pci_bar_address(fixture->pci, 0), 0);
	KUNIT_EXPECT_EQ(test, mdev_pci_bar_address(fixture->pci, 2), 0);
	KUNIT_EXPECT_EQ(test, mdev_pci_bar_address(fixture->pci, 6), 0);
}

/* What registers have is migrated, what callbacks return is not. */
static void test_migrated_registers(struct kunit *test)
{
	struct test_pci *fixture = test_caps_create(test);
	const struct mdev_migration_ops *ops = fixture->ops->migration;
	size_t size = ops->data_size(fixture->mdev);
	void *buf = kunit_kzalloc(test, size, GFP_KERNEL);
	ssize_t saved;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	test_config_write(fixture, TEST_FIXED + 4, 1, 0x99);
	saved = ops->save(fixture->mdev, buf, size);
	KUNIT_ASSERT_GT(test, saved, 0);
	test_config_write(fixture, TEST_FIXED + 4, 1, 0);
	KUNIT_EXPECT_EQ(test, ops->load(fixture->mdev, buf, saved), 0);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, TEST_FIXED + 4, 1),
			0x99);
}

static struct kunit_case mdev_pci_registers_cases[] = {
	KUNIT_CASE(test_capability_offsets),
	KUNIT_CASE(test_ext_capability_first_absent),
	KUNIT_CASE(test_ext_capability_order),
	KUNIT_CASE(test_request_reset),
	KUNIT_CASE(test_set_config_power_state),
	KUNIT_CASE(test_writable_bits),
	KUNIT_CASE(test_read_write_callbacks),
	KUNIT_CASE(test_write_notification),
	KUNIT_CASE(test_set_config),
	KUNIT_CASE(test_aer_serial_number),
	KUNIT_CASE(test_bar_address),
	KUNIT_CASE(test_migrated_registers),
	{}
};

static struct kunit_suite mdev_pci_registers_suite = {
	.name = "mdev_pci_registers",
	.init = test_pci_skip,
	.test_cases = mdev_pci_registers_cases,
};

kunit_test_suite(mdev_pci_registers_suite);
