// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of config space as software goes through it: how Linux and
 * SeaBIOS find the sizes of BARs, how addresses are assigned, and how the list
 * of capabilities is walked. Paragraphs are those of the PCI Local Bus
 * Specification 3.0.
 */

#include <linux/array_size.h>
#include <linux/sizes.h>
#include <linux/wordpart.h>

#include "mdev_pci_test_config.h"

/* One of test_functions, created and opened */
struct test_pci *test_config_create(struct kunit *test,
				    enum test_function function)
{
	struct test_pci *fixture = test_pci_new(test);

	fixture->function = test_functions[function];
	test_pci_create(fixture);
	return fixture;
}

u32 test_config_read(struct test_pci *fixture, unsigned int offset,
		     unsigned int size)
{
	return test_pci_read(fixture, TEST_CONFIG, offset, size);
}

void test_config_write(struct test_pci *fixture, unsigned int offset,
		       unsigned int size, u32 value)
{
	test_pci_write(fixture, TEST_CONFIG, offset, size, value);
}

/* What a register holds when all of @mask was written, as if nothing had been */
static u32 test_probe(struct test_pci *fixture, unsigned int offset, u32 mask)
{
	u32 old = test_config_read(fixture, offset, 4);
	u32 value;

	test_config_write(fixture, offset, 4, mask);
	value = test_config_read(fixture, offset, 4);
	test_config_write(fixture, offset, 4, old);
	KUNIT_EXPECT_EQ(fixture->test, test_config_read(fixture, offset, 4),
			old);
	return value;
}

/* The bits of a BAR that are no address */
static u64 test_flags(unsigned int offset, u32 bar)
{
	if (offset == PCI_ROM_ADDRESS)
		return ~PCI_ROM_ADDRESS_MASK & 0xffff;
	return bar & PCI_BASE_ADDRESS_SPACE_IO ? 0x3 : 0xf;
}

static bool test_is_wide(u32 bar)
{
	return !(bar & PCI_BASE_ADDRESS_SPACE_IO) &&
	       bar & PCI_BASE_ADDRESS_MEM_TYPE_64;
}

/*
 * Linux switches decoding off, and takes the lowest bit that it could set for
 * the size.
 */
static u64 test_size_linux(struct test_pci *fixture, unsigned int offset)
{
	bool rom = offset == PCI_ROM_ADDRESS;
	u32 old = test_config_read(fixture, offset, 4);
	u16 command = test_config_read(fixture, PCI_COMMAND, 2);
	u64 size;

	test_config_write(fixture, PCI_COMMAND, 2, command & ~TEST_DECODE);
	size = test_probe(fixture, offset, rom ? PCI_ROM_ADDRESS_MASK : ~0);
	if (!rom && test_is_wide(old))
		size |= (u64)test_probe(fixture, offset + 4, ~0) << 32;
	test_config_write(fixture, PCI_COMMAND, 2, command);

	size &= ~test_flags(offset, old);
	return size & ~(size - 1);
}

/* SeaBIOS leaves decoding as it is, and takes the complement for the size. */
static u64 test_size_seabios(struct test_pci *fixture, unsigned int offset)
{
	bool rom = offset == PCI_ROM_ADDRESS;
	u32 old = test_config_read(fixture, offset, 4);
	u64 value;

	value = test_probe(fixture, offset, rom ? PCI_ROM_ADDRESS_MASK : ~0);
	value &= ~test_flags(offset, old);
	if (rom || !test_is_wide(old))
		return (u32)(~value + 1);
	value |= (u64)test_probe(fixture, offset + 4, ~0) << 32;
	return ~value + 1;
}

static const struct test_bar {
	const char *name;
	enum test_function function;
	unsigned int offset;
	u64 size;
	u32 flags;
} test_bars[] = {
	{ "6.2.5.1: I/O", TEST_CARD, PCI_BASE_ADDRESS_0, 8, 1 },
	{ "6.2.5.1: memory", TEST_CARD, PCI_BASE_ADDRESS_1, SZ_4K, 0 },
	{ "6.2.5.1: 64 bits", TEST_CARD, PCI_BASE_ADDRESS_2, SZ_16M, 0xc },
	{ "6.2.5.1: above 4 GiB", TEST_CARD, PCI_BASE_ADDRESS_4, SZ_8G, 4 },
	{ "6.2.5.1: the least", TEST_SMALL, PCI_BASE_ADDRESS_5, 16, 8 },
	{ "6.2.5.1: absent", TEST_SMALL, PCI_BASE_ADDRESS_0, 0, 0 },
	{ "6.2.5.2: ROM", TEST_CARD, PCI_ROM_ADDRESS, SZ_4K, 0 },
	{ "6.2.5.2: no ROM", TEST_SMALL, PCI_ROM_ADDRESS, 0, 0 },
};

static void test_bar_describe(const struct test_bar *bar, char *desc)
{
	strscpy(desc, bar->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(test_bar, test_bars, test_bar_describe);

static void test_bar_sizing(struct kunit *test)
{
	const struct test_bar *bar = test->param_value;
	struct test_pci *fixture = test_config_create(test, bar->function);
	unsigned int resets = fixture->resets;

	KUNIT_EXPECT_EQ(test, test_config_read(fixture, bar->offset, 4),
			bar->flags);
	KUNIT_EXPECT_EQ(test, test_size_linux(fixture, bar->offset), bar->size);
	KUNIT_EXPECT_EQ(test, test_size_seabios(fixture, bar->offset),
			bar->size);

	test_pci_command(fixture, TEST_DECODE | PCI_COMMAND_MASTER);
	KUNIT_EXPECT_EQ(test, test_size_linux(fixture, bar->offset), bar->size);
	KUNIT_EXPECT_EQ(test, test_size_seabios(fixture, bar->offset),
			bar->size);
	KUNIT_EXPECT_EQ(test, fixture->accesses, 0);
	KUNIT_EXPECT_EQ(test, fixture->resets, resets);
}

/* 6.2.5.1: an address is a multiple of the size; 64 bits are two registers */
static void test_bar_address(struct kunit *test)
{
	const struct test_bar *bar = test->param_value;
	struct test_pci *fixture = test_config_create(test, bar->function);
	u64 address = 0x00000123fedcba98;
	u32 low = (address & ~(bar->size - 1)) | bar->flags;
	bool wide = bar->offset != PCI_ROM_ADDRESS && test_is_wide(bar->flags);

	if (!bar->size)
		low = 0;
	test_config_write(fixture, bar->offset, 4, lower_32_bits(address));
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, bar->offset, 4), low);
	if (!wide)
		return;
	test_config_write(fixture, bar->offset + 4, 4, upper_32_bits(address));
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, bar->offset + 4, 4),
			(address & ~(bar->size - 1)) >> 32);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, bar->offset, 4), low);
}

/* 6.2.5.2: addresses and the enable bit are written at once */
static void test_rom_enable(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_CARD);

	test_config_write(fixture, PCI_ROM_ADDRESS, 4, 0xfebf0001);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, PCI_ROM_ADDRESS, 4),
			0xfebf0001);
	KUNIT_EXPECT_EQ(test, test_size_linux(fixture, PCI_ROM_ADDRESS), SZ_4K);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, PCI_ROM_ADDRESS, 4),
			0xfebf0001);
}

/* 3.2.2.3: BARs don't mind how wide the accesses are that write them */
static void test_bar_byte_writes(struct kunit *test)
{
	struct test_pci *fixture = test_config_create(test, TEST_CARD);
	unsigned int i;

	for (i = 0; i < 4; i++)
		test_config_write(fixture, PCI_BASE_ADDRESS_1 + i, 1, 0xf1 + i);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, PCI_BASE_ADDRESS_1, 4),
			0xf4f3f000);
	test_config_write(fixture, PCI_BASE_ADDRESS_1 + 2, 2, 0xabcd);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, PCI_BASE_ADDRESS_1, 4),
			0xabcdf000);
	test_pci_write(fixture, TEST_CONFIG, PCI_BASE_ADDRESS_2, 8,
		       0x0000004587654321);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_CONFIG,
					    PCI_BASE_ADDRESS_2, 8),
			0x000000458700000c);
}

static const struct test_list {
	const char *name;
	enum test_function function;
	u16 caps[8];		/* offset << 8 | ID */
} test_lists[] = {
	{ "6.7: conventional", TEST_CARD,
	  { TEST_CARD_PM << 8 | PCI_CAP_ID_PM,
	    TEST_CARD_MSI << 8 | PCI_CAP_ID_MSI,
	    TEST_CARD_MSIX << 8 | PCI_CAP_ID_MSIX,
	    TEST_CARD_AF << 8 | PCI_CAP_ID_AF,
	    TEST_CARD_VENDOR << 8 | PCI_CAP_ID_VNDR } },
	{ "6.7: PCI Express", TEST_EXPRESS,
	  { TEST_EXPRESS_PM << 8 | PCI_CAP_ID_PM,
	    TEST_EXPRESS_MSI << 8 | PCI_CAP_ID_MSI,
	    TEST_EXPRESS_EXP << 8 | PCI_CAP_ID_EXP } },
	{ "6.7: small", TEST_SMALL, { TEST_SMALL_MSI << 8 | PCI_CAP_ID_MSI } },
};

static void test_list_describe(const struct test_list *list, char *desc)
{
	strscpy(desc, list->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(test_list, test_lists, test_list_describe);

/* 6.7: the two lowest bits of a pointer are for software to mask */
static void test_capability_list(struct kunit *test)
{
	const struct test_list *list = test->param_value;
	struct test_pci *fixture = test_config_create(test, list->function);
	u8 offset = test_config_read(fixture, PCI_CAPABILITY_LIST, 1) & ~3;
	unsigned int i;

	KUNIT_EXPECT_TRUE(test, test_config_read(fixture, PCI_STATUS, 2) &
				PCI_STATUS_CAP_LIST);
	for (i = 0; i < ARRAY_SIZE(list->caps) && offset; i++) {
		u16 cap = test_config_read(fixture, offset, 2);

		KUNIT_EXPECT_EQ(test, offset << 8 | (cap & 0xff),
				list->caps[i]);
		offset = cap >> 8 & ~3;
	}
	KUNIT_EXPECT_EQ(test, offset, 0);
	KUNIT_EXPECT_EQ(test, list->caps[i], 0);
}

/* 6.2.3: without the status bit there is no pointer */
static void test_capability_list_empty(struct kunit *test)
{
	struct test_pci *fixture = test_pci_new(test);

	fixture->function = test_functions[TEST_SMALL];
	fixture->function.msi.vectors = 0;
	test_pci_create(fixture);
	KUNIT_EXPECT_FALSE(test, test_config_read(fixture, PCI_STATUS, 2) &
				 PCI_STATUS_CAP_LIST);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, PCI_CAPABILITY_LIST, 1),
			0);
}

/* PCI Express 2.0, 1.3.2: a function with I/O BARs is a legacy endpoint. */
static void test_express_legacy_endpoint(struct kunit *test)
{
	struct test_pci *fixture = test_pci_new(test);

	fixture->function = test_functions[TEST_EXPRESS];
	fixture->function.bar[4] = (struct mdev_pci_region) {
		.flags = PCI_BASE_ADDRESS_SPACE_IO,
		.size = 32,
	};
	test_pci_create(fixture);
	KUNIT_EXPECT_EQ(test, test_config_read(fixture, TEST_EXPRESS_EXP + 2,
					       2), 0x0012);
	KUNIT_EXPECT_EQ(test, test_size_linux(fixture, PCI_BASE_ADDRESS_4), 32);
}

static struct kunit_case mdev_pci_config_cases[] = {
	KUNIT_CASE_PARAM(test_bar_sizing, test_bar_gen_params),
	KUNIT_CASE_PARAM(test_bar_address, test_bar_gen_params),
	KUNIT_CASE(test_rom_enable),
	KUNIT_CASE(test_bar_byte_writes),
	KUNIT_CASE_PARAM(test_capability_list, test_list_gen_params),
	KUNIT_CASE(test_capability_list_empty),
	KUNIT_CASE(test_express_legacy_endpoint),
	{}
};

static struct kunit_suite mdev_pci_config_suite = {
	.name = "mdev_pci_config",
	.init = test_pci_skip,
	.test_cases = mdev_pci_config_cases,
};

kunit_test_suite(mdev_pci_config_suite);
