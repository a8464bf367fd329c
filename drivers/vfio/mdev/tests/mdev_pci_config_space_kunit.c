// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of config space: what each register of three functions has to
 * hold after a reset, and what the guest can do to it with accesses of every
 * size. The table is taken from the specifications, not from mdev_pci.
 */

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "../pci/private.h"
#include "mdev_pci_test_config.h"

static const u8 test_vendor_data[] = { 0xde, 0xad, 0xbe, 0xef };
static const u8 test_vendor_writable[] = { 0x00, 0xff, 0x0f, 0x00 };

static const struct mdev_pci_vendor_cap test_vendor_caps[] = {
	{
		.data = test_vendor_data,
		.writable = test_vendor_writable,
		.size = sizeof(test_vendor_data),
	},
};

static const u8 test_rom[3000];

const struct mdev_pci_function test_functions[TEST_FUNCTIONS] = {
	[TEST_CARD] = {
		.vendor = 0x1af4,
		.device = 0x1234,
		.subsystem_vendor = 0x1af5,
		.subsystem = 0x5678,
		.class = 0x070002,
		.revision = 0x1f,
		.interrupt_pin = 2,
		.capabilities = MDEV_PCI_PM | MDEV_PCI_SOFT_RESET |
				MDEV_PCI_FLR,
		.bar[0] = {
			.flags = PCI_BASE_ADDRESS_SPACE_IO,
			.size = 8,
		},
		.bar[1] = { .size = SZ_4K },
		.bar[2] = {
			.flags = PCI_BASE_ADDRESS_MEM_TYPE_64 |
				 PCI_BASE_ADDRESS_MEM_PREFETCH,
			.size = SZ_16M,
		},
		.bar[4] = {
			.flags = PCI_BASE_ADDRESS_MEM_TYPE_64,
			.size = SZ_8G,
		},
		.rom = test_rom,
		.rom_size = sizeof(test_rom),
		.msi = { .vectors = 8, .wide = true, .maskable = true },
		.msix = {
			.vectors = 5,
			.table_bar = 1,
			.pba_bar = 1,
			.table_offset = 0x100,
			.pba_offset = 0x800,
		},
		.vendor_caps = test_vendor_caps,
		.nr_vendor_caps = ARRAY_SIZE(test_vendor_caps),
	},
	[TEST_EXPRESS] = {
		.vendor = 0x1af4,
		.device = 0x1235,
		.class = 0x010802,
		.interrupt_pin = 1,
		.capabilities = MDEV_PCI_PM | MDEV_PCI_EXPRESS | MDEV_PCI_FLR,
		.bar[0] = {
			.flags = PCI_BASE_ADDRESS_MEM_TYPE_64,
			.size = SZ_64K,
		},
		.msi = { .vectors = 1 },
	},
	[TEST_SMALL] = {
		.vendor = 0x1af4,
		.device = 0x1236,
		.class = 0xff0000,
		.bar[5] = {
			.flags = PCI_BASE_ADDRESS_MEM_PREFETCH,
			.size = 16,
		},
		.msi = { .vectors = 2, .maskable = true },
	},
};

/* 6.2.3: what was seen of errors */
#define ERRORS	0xf900

/**
 * struct test_register - a register as the specification has it
 * @function: the function that has it
 * @rule: the paragraph that says so: PCI 3.0's, unless it begins with the name
 *	of another specification
 * @offset: where it is
 * @size: of it, in bytes
 * @value: after a reset
 * @writable: bits that the guest can change
 * @clear: bits that the guest can only clear, by writing 1
 * @avoid: bits that are not written here, since more comes of that
 */
struct test_register {
	enum test_function function;
	const char *rule;
	unsigned int offset;
	unsigned int size;
	u32 value;
	u32 writable;
	u32 clear;
	u32 avoid;
};

static const struct test_register test_registers[] = {
	{ TEST_CARD, "6.2.1: vendor ID", 0x00, 2, .value = 0x1af4 },
	{ TEST_CARD, "6.2.1: device ID", 0x02, 2, .value = 0x1234 },
	{ TEST_CARD, "6.2.2: command", 0x04, 2, .value = 0x0003,
	  .writable = 0x0547 },
	{ TEST_CARD, "6.2.3: status", 0x06, 2, .value = 0x0210,
	  .clear = ERRORS },
	{ TEST_CARD, "6.2.1: revision and class", 0x08, 4,
	  .value = 0x0700021f },
	{ TEST_CARD, "6.2.4: cache line size", 0x0c, 1, .writable = 0xff },
	{ TEST_CARD, "6.2.4: latency timer", 0x0d, 1, .writable = 0xff },
	{ TEST_CARD, "6.2.1: header type", 0x0e, 1 },
	{ TEST_CARD, "6.2.4: no built-in self test", 0x0f, 1 },
	{ TEST_CARD, "6.2.5.1: I/O", 0x10, 4, .value = 1,
	  .writable = 0xfffffff8 },
	{ TEST_CARD, "6.2.5.1: memory", 0x14, 4, .writable = 0xfffff000 },
	{ TEST_CARD, "6.2.5.1: prefetchable, 64 bits", 0x18, 4, .value = 0xc,
	  .writable = 0xff000000 },
	{ TEST_CARD, "6.2.5.1: upper half", 0x1c, 4, .writable = 0xffffffff },
	{ TEST_CARD, "6.2.5.1: 64 bits, above 4 GiB", 0x20, 4, .value = 4 },
	{ TEST_CARD, "6.2.5.1: upper half above 4 GiB", 0x24, 4,
	  .writable = 0xfffffffe },
	{ TEST_CARD, "6.2.4: no CardBus CIS", 0x28, 4 },
	{ TEST_CARD, "6.2.4: subsystem vendor ID", 0x2c, 2, .value = 0x1af5 },
	{ TEST_CARD, "6.2.4: subsystem ID", 0x2e, 2, .value = 0x5678 },
	{ TEST_CARD, "6.2.5.2: expansion ROM", 0x30, 4,
	  .writable = 0xfffff001 },
	{ TEST_CARD, "6.7: capabilities pointer", 0x34, 4,
	  .value = TEST_CARD_PM },
	{ TEST_CARD, "6.2.4: interrupt line", 0x3c, 1, .writable = 0xff },
	{ TEST_CARD, "6.2.4: interrupt pin", 0x3d, 1, .value = 2 },
	{ TEST_CARD, "6.2.4: neither Min_Gnt nor Max_Lat", 0x3e, 2 },
	{ TEST_CARD, "PM 1.2, 3.2.1: ID and next", TEST_CARD_PM, 2,
	  .value = TEST_CARD_MSI << 8 | 0x01 },
	{ TEST_CARD, "PM 1.2, 3.2.3: capabilities", TEST_CARD_PM + 2, 2,
	  .value = 3 },
	{ TEST_CARD, "PM 1.2, 3.2.4: control", TEST_CARD_PM + 4, 4,
	  .avoid = 3 },
	{ TEST_CARD, "6.8.1.1: MSI ID and next", TEST_CARD_MSI, 2,
	  .value = TEST_CARD_MSIX << 8 | 0x05 },
	{ TEST_CARD, "6.8.1.3: MSI control", TEST_CARD_MSI + 2, 2,
	  .value = 0x0186, .writable = 0x0071 },
	{ TEST_CARD, "6.8.1.4: MSI address", TEST_CARD_MSI + 4, 4,
	  .writable = 0xfffffffc },
	{ TEST_CARD, "6.8.1.5: MSI upper address", TEST_CARD_MSI + 8, 4,
	  .writable = 0xffffffff },
	{ TEST_CARD, "6.8.1.6: MSI data", TEST_CARD_MSI + 12, 4,
	  .writable = 0x0000ffff },
	{ TEST_CARD, "6.8.1.7: MSI mask bits", TEST_CARD_MSI + 16, 4,
	  .writable = 0x000000ff },
	{ TEST_CARD, "6.8.1.8: MSI pending bits", TEST_CARD_MSI + 20, 4 },
	{ TEST_CARD, "6.8.2.1: MSI-X ID and next", TEST_CARD_MSIX, 2,
	  .value = TEST_CARD_AF << 8 | 0x11 },
	{ TEST_CARD, "6.8.2.3: MSI-X control", TEST_CARD_MSIX + 2, 2,
	  .value = 0x0004, .writable = 0xc000 },
	{ TEST_CARD, "6.8.2.4: MSI-X table", TEST_CARD_MSIX + 4, 4,
	  .value = 0x100 | 1 },
	{ TEST_CARD, "6.8.2.5: MSI-X pending bits", TEST_CARD_MSIX + 8, 4,
	  .value = 0x800 | 1 },
	{ TEST_CARD, "AF: ID, next, length and capabilities", TEST_CARD_AF, 4,
	  .value = 0x0306 << 16 | TEST_CARD_VENDOR << 8 | 0x13 },
	{ TEST_CARD, "AF: control and status", TEST_CARD_AF + 4, 2,
	  .avoid = 1 },
	{ TEST_CARD, "H: ID, next and length", TEST_CARD_VENDOR, 3,
	  .value = 7 << 16 | 0x09 },
	{ TEST_CARD, "H: first byte of data", TEST_CARD_VENDOR + 3, 1,
	  .value = 0xde },
	{ TEST_CARD, "H: data", TEST_CARD_VENDOR + 4, 4, .value = 0xefbead,
	  .writable = 0x0fff },

	{ TEST_EXPRESS, "6.2.1: vendor and device ID", 0x00, 4,
	  .value = 0x12351af4 },
	{ TEST_EXPRESS, "6.2.2: command without I/O", 0x04, 2,
	  .value = 0x0002, .writable = 0x0546 },
	{ TEST_EXPRESS, "PCIe 2.0, 7.5.1.2: status", 0x06, 2, .value = 0x0010,
	  .clear = ERRORS },
	{ TEST_EXPRESS, "6.2.1: revision and class", 0x08, 4,
	  .value = 0x01080200 },
	{ TEST_EXPRESS, "PCIe 2.0, 7.5.1.3: cache line size", 0x0c, 1,
	  .writable = 0xff },
	{ TEST_EXPRESS, "PCIe 2.0, 7.5.1.4: no latency timer", 0x0d, 1 },
	{ TEST_EXPRESS, "6.2.5.1: 64 bits", 0x10, 4, .value = 4,
	  .writable = 0xffff0000 },
	{ TEST_EXPRESS, "6.2.5.1: upper half", 0x14, 4,
	  .writable = 0xffffffff },
	{ TEST_EXPRESS, "6.2.5.2: no expansion ROM", 0x30, 4 },
	{ TEST_EXPRESS, "6.7: capabilities pointer", 0x34, 1,
	  .value = TEST_EXPRESS_PM },
	{ TEST_EXPRESS, "6.2.4: interrupt line", 0x3c, 1, .writable = 0xff },
	{ TEST_EXPRESS, "6.2.4: interrupt pin", 0x3d, 1, .value = 1 },
	{ TEST_EXPRESS, "PM 1.2, 3.2.1, 3.2.3", TEST_EXPRESS_PM, 4,
	  .value = 3 << 16 | TEST_EXPRESS_MSI << 8 | 0x01 },
	{ TEST_EXPRESS, "PM 1.2, 3.2.4: No_Soft_Reset", TEST_EXPRESS_PM + 4, 4,
	  .value = 8, .avoid = 3 },
	{ TEST_EXPRESS, "6.8.1.1: MSI ID and next", TEST_EXPRESS_MSI, 2,
	  .value = TEST_EXPRESS_EXP << 8 | 0x05 },
	{ TEST_EXPRESS, "6.8.1.3: MSI control", TEST_EXPRESS_MSI + 2, 2,
	  .writable = 0x0071 },
	{ TEST_EXPRESS, "6.8.1.4: MSI address", TEST_EXPRESS_MSI + 4, 4,
	  .writable = 0xfffffffc },
	{ TEST_EXPRESS, "6.8.1.6: MSI data after 32 bits", TEST_EXPRESS_MSI + 8,
	  4, .writable = 0xffff },
	{ TEST_EXPRESS, "PCIe 2.0, 7.8.1: ID and next", TEST_EXPRESS_EXP, 2,
	  .value = 0x10 },
	{ TEST_EXPRESS, "PCIe 2.0, 7.8.2: version 2, endpoint",
	  TEST_EXPRESS_EXP + 2, 2, .value = 0x0002 },
	{ TEST_EXPRESS, "PCIe 2.0, 7.8.3: device capabilities",
	  TEST_EXPRESS_EXP + 4, 4, .value = 0x10008000 },
	{ TEST_EXPRESS, "PCIe 2.0, 7.8.4: device control",
	  TEST_EXPRESS_EXP + 8, 2, .value = 0x2810, .writable = 0x781f,
	  .avoid = 0x8000 },
	{ TEST_EXPRESS, "PCIe 2.0, 7.8.5: device status",
	  TEST_EXPRESS_EXP + 10, 2, .clear = 0xf },
	{ TEST_EXPRESS, "PCIe 2.0, 7.8.6: link capabilities",
	  TEST_EXPRESS_EXP + 12, 4, .value = 0x411 },
	{ TEST_EXPRESS, "PCIe 2.0, 7.8.7: link control",
	  TEST_EXPRESS_EXP + 16, 2, .writable = 0x00cb },
	{ TEST_EXPRESS, "PCIe 2.0, 7.8.8: link status",
	  TEST_EXPRESS_EXP + 18, 2, .value = 0x0011 },
	{ TEST_EXPRESS, "PCIe 2.0, 7.8.15: device capabilities 2",
	  TEST_EXPRESS_EXP + 0x24, 4, .value = 0x10 },
	{ TEST_EXPRESS, "PCIe 2.0, 7.8.16: device control 2",
	  TEST_EXPRESS_EXP + 0x28, 2, .writable = 0x10 },
	{ TEST_EXPRESS, "PCIe 2.0, 7.9.1: no extended capabilities", 0x100, 4 },

	{ TEST_SMALL, "6.2.1: vendor and device ID", 0x00, 4,
	  .value = 0x12361af4 },
	{ TEST_SMALL, "6.2.2: command without I/O", 0x04, 2,
	  .value = 0x0002, .writable = 0x0546 },
	{ TEST_SMALL, "6.2.3: status", 0x06, 2, .value = 0x0210,
	  .clear = ERRORS },
	{ TEST_SMALL, "6.2.1: revision and class", 0x08, 4,
	  .value = 0xff000000 },
	{ TEST_SMALL, "6.2.4: cache line size", 0x0c, 1, .writable = 0xff },
	{ TEST_SMALL, "6.2.4: latency timer", 0x0d, 1, .writable = 0xff },
	{ TEST_SMALL, "6.2.5.1: the least memory", 0x24, 4, .value = 8,
	  .writable = 0xfffffff0 },
	{ TEST_SMALL, "6.7: capabilities pointer", 0x34, 1,
	  .value = TEST_SMALL_MSI },
	{ TEST_SMALL, "6.2.4: interrupt line", 0x3c, 1, .writable = 0xff },
	{ TEST_SMALL, "6.2.4: no interrupt pin", 0x3d, 1 },
	{ TEST_SMALL, "6.8.1.1: MSI ID, the last", TEST_SMALL_MSI, 2,
	  .value = 0x05 },
	{ TEST_SMALL, "6.8.1.3: MSI control", TEST_SMALL_MSI + 2, 2,
	  .value = 0x0102, .writable = 0x0071 },
	{ TEST_SMALL, "6.8.1.4: MSI address", TEST_SMALL_MSI + 4, 4,
	  .writable = 0xfffffffc },
	{ TEST_SMALL, "6.8.1.6: MSI data after 32 bits", TEST_SMALL_MSI + 8, 4,
	  .writable = 0xffff },
	{ TEST_SMALL, "6.8.1.7: MSI mask bits", TEST_SMALL_MSI + 12, 4,
	  .writable = 0x3 },
	{ TEST_SMALL, "6.8.1.8: MSI pending bits", TEST_SMALL_MSI + 16, 4 },
};

static void test_register_describe(const struct test_register *reg, char *desc)
{
	strscpy(desc, reg->rule, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(test_register, test_registers, test_register_describe);

/* All of config space, as the registers say */
struct test_image {
	u8 value[PCI_CFG_SPACE_EXP_SIZE];
	u8 writable[PCI_CFG_SPACE_EXP_SIZE];
	u8 clear[PCI_CFG_SPACE_EXP_SIZE];
	u8 avoid[PCI_CFG_SPACE_EXP_SIZE];
	bool is_register[PCI_CFG_SPACE_EXP_SIZE];
	u8 expected[PCI_CFG_SPACE_EXP_SIZE];
	u8 found[PCI_CFG_SPACE_EXP_SIZE];
};

static struct test_image *test_image(struct kunit *test,
				     enum test_function function)
{
	const struct test_register *reg;
	struct test_image *image;
	unsigned int i;

	image = kunit_kzalloc(test, sizeof(*image), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, image);
	for (reg = test_registers;
	     reg < test_registers + ARRAY_SIZE(test_registers); reg++) {
		if (reg->function != function)
			continue;
		for (i = 0; i < reg->size; i++) {
			image->value[reg->offset + i] = reg->value >> i * 8;
			image->writable[reg->offset + i] =
				reg->writable >> i * 8;
			image->clear[reg->offset + i] = reg->clear >> i * 8;
			image->avoid[reg->offset + i] = reg->avoid >> i * 8;
			image->is_register[reg->offset + i] = true;
		}
	}
	return image;
}

static unsigned int test_size(struct test_pci *fixture)
{
	return fixture->function.capabilities & MDEV_PCI_EXPRESS ?
	       PCI_CFG_SPACE_EXP_SIZE : PCI_CFG_SPACE_SIZE;
}

/* The first @size bytes, read a dword at a time, match @image->expected. */
static void test_expect(struct test_pci *fixture, struct test_image *image,
			unsigned int size)
{
	unsigned int i;

	for (i = 0; i < size; i += 4)
		fixture->ops->read(fixture->mdev, &image->found[i], 4,
				   TEST_CONFIG_POS + i);
	KUNIT_EXPECT_MEMEQ(fixture->test, image->found, image->expected, size);
}

/*
 * Write ones or zeros to the naturally aligned @size bytes at @offset of a
 * function that was just opened: nothing changes but the writable bits of these.
 */
static void test_write(struct test_pci *fixture, struct test_image *image,
		       unsigned int offset, unsigned int size, u8 pattern)
{
	u8 buf[8];
	unsigned int i;

	fixture->ops->release(fixture->mdev);
	fixture->ops->open(fixture->mdev);
	memcpy(image->expected, image->value, sizeof(image->expected));
	for (i = 0; i < size; i++) {
		u8 writable = image->writable[offset + i];

		buf[i] = pattern & ~image->avoid[offset + i];
		image->expected[offset + i] &= ~writable;
		image->expected[offset + i] |= buf[i] & writable;
	}
	fixture->ops->write(fixture->mdev, buf, size, TEST_CONFIG_POS + offset);
	test_expect(fixture, image, PCI_CFG_SPACE_SIZE);
}

static void test_reset_values(struct kunit *test)
{
	const struct test_register *reg = test->param_value;
	struct test_pci *fixture = test_config_create(test, reg->function);
	struct test_image *image = test_image(test, reg->function);
	unsigned int size, offset, i;
	u8 buf[8];

	for (size = 1; size <= 8; size *= 2) {
		offset = ALIGN_DOWN(reg->offset, size);
		for (; offset < reg->offset + reg->size; offset += size) {
			fixture->ops->read(fixture->mdev, buf, size,
					   TEST_CONFIG_POS + offset);
			for (i = 0; i < size; i++)
				KUNIT_EXPECT_EQ(test, buf[i],
						image->value[offset + i]);
		}
	}
}

static void test_writable_bits(struct kunit *test)
{
	const struct test_register *reg = test->param_value;
	struct test_pci *fixture = test_config_create(test, reg->function);
	struct test_image *image = test_image(test, reg->function);
	unsigned int size, offset;

	for (size = 1; size <= 8; size *= 2) {
		offset = ALIGN_DOWN(reg->offset, size);
		for (; offset < reg->offset + reg->size; offset += size) {
			test_write(fixture, image, offset, size, 0xff);
			test_write(fixture, image, offset, size, 0xaa);
			test_write(fixture, image, offset, size, 0x00);
		}
	}
}

static const struct test_whole {
	const char *name;
	enum test_function function;
} test_wholes[] = {
	{ "conventional", TEST_CARD },
	{ "PCI Express", TEST_EXPRESS },
	{ "small", TEST_SMALL },
};

static void test_whole_describe(const struct test_whole *whole, char *desc)
{
	strscpy(desc, whole->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(test_whole, test_wholes, test_whole_describe);

/* 6.2.3: a one clears the bit, a zero leaves it as it is */
static void test_clear_register(struct test_pci *fixture,
				const struct test_register *reg)
{
	struct kunit *test = fixture->test;
	unsigned int bit, i;
	u32 value;

	for (bit = 0; bit < reg->size * 8; bit++) {
		/* What only the function's hardware would set */
		for (i = 0; i < reg->size; i++)
			fixture->pci->core->config[reg->offset + i] |=
				reg->clear >> i * 8;
		test_config_write(fixture, reg->offset, reg->size, 0);
		value = test_config_read(fixture, reg->offset, reg->size);
		KUNIT_EXPECT_EQ(test, value, reg->value | reg->clear);

		test_config_write(fixture, reg->offset, reg->size, BIT(bit));
		value = test_config_read(fixture, reg->offset, reg->size);
		KUNIT_EXPECT_EQ(test, value,
				reg->value | (reg->clear & ~BIT(bit)));
	}
}

static void test_write_1_to_clear(struct kunit *test)
{
	const struct test_whole *whole = test->param_value;
	struct test_pci *fixture = test_config_create(test, whole->function);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(test_registers); i++)
		if (test_registers[i].function == whole->function &&
		    test_registers[i].clear)
			test_clear_register(fixture, &test_registers[i]);
}

/* 6.1: what is reserved reads as zero, and a write to it does nothing */
static void test_reserved_bits(struct kunit *test)
{
	const struct test_whole *whole = test->param_value;
	struct test_pci *fixture = test_config_create(test, whole->function);
	struct test_image *image = test_image(test, whole->function);
	unsigned int offset;
	u8 ones = 0xff;

	for (offset = 0; offset < test_size(fixture); offset++)
		if (!image->is_register[offset])
			fixture->ops->write(fixture->mdev, &ones, 1,
					    TEST_CONFIG_POS + offset);
	memcpy(image->expected, image->value, sizeof(image->expected));
	test_expect(fixture, image, test_size(fixture));
}

static struct kunit_case mdev_pci_config_space_cases[] = {
	KUNIT_CASE_PARAM(test_reset_values, test_register_gen_params),
	KUNIT_CASE_PARAM(test_writable_bits, test_register_gen_params),
	KUNIT_CASE_PARAM(test_write_1_to_clear, test_whole_gen_params),
	KUNIT_CASE_PARAM(test_reserved_bits, test_whole_gen_params),
	{}
};

static struct kunit_suite mdev_pci_config_space_suite = {
	.name = "mdev_pci_config_space",
	.init = test_pci_skip,
	.test_cases = mdev_pci_config_space_cases,
};

kunit_test_suite(mdev_pci_config_space_suite);
