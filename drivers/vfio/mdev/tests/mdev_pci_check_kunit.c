// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of invalid descriptions: each is refused with a message that names
 * the field and its value. Paragraphs are those of the PCI Local Bus Specification
 * 3.0.
 */

#include <kunit/static_stub.h>
#include <linux/array_size.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../pci/private.h"
#include "mdev_pci_test_config.h"

static u64 test_read(struct mdev_pci *pci, unsigned int region, u64 offset,
		     unsigned int size)
{
	return 0;
}

static int test_map(struct mdev_pci *pci, unsigned int region, u64 offset,
		    unsigned long *pfn, unsigned long *size, u32 *flags)
{
	return -EIO;
}

static const u8 test_rom[16];
static const u8 test_data[200];

static const struct mdev_pci_vendor_cap test_long_cap = {
	.data = test_data,
	.size = sizeof(test_data),
};

static const struct mdev_pci_vendor_cap test_fitting_cap = {
	.data = test_data,
	.size = 192 - 3,
};

static const struct mdev_pci_vendor_cap test_empty_cap = { .size = 1 };

static const struct mdev_pci_registers test_extended = {
	.kind = MDEV_PCI_EXT_CAPABILITY,
	.size = 8,
};

static const struct mdev_pci_registers test_low_extended = {
	.kind = MDEV_PCI_EXT_CAPABILITY,
	.offset = 0x80,
	.size = 8,
};

static const struct mdev_pci_registers test_list_head = {
	.offset = 0xfc,
	.size = 8,
	.data = test_data,
};

static int test_written(struct mdev_pci *pci, unsigned int offset, u32 old,
			u32 value)
{
	return 0;
}

static const struct mdev_pci_registers test_notified_twice[] = {
	{ .offset = PCI_COMMAND, .size = 2, .written = test_written },
	{ .offset = PCI_COMMAND, .size = 4, .written = test_written },
};

static const struct mdev_pci_registers test_odd_registers = {
	.offset = 0x42,
	.size = 2,
};

static const struct mdev_pci_registers test_short_cap = {
	.kind = MDEV_PCI_CAPABILITY,
	.size = 3,
};

static const struct mdev_pci_registers test_last_registers = {
	.offset = 0xfc,
	.size = 8,
};

/* Of mdev_pci: a driver can't replace them. */
static const struct mdev_pci_registers test_id_registers = {
	.offset = PCI_VENDOR_ID,
	.size = 4,
	.data = test_data,
};

/* Enough bytes are left, but not in one piece. */
static const struct mdev_pci_registers test_split[] = {
	{ .offset = 0x80, .size = 4, .data = test_data },
	{ .kind = MDEV_PCI_CAPABILITY, .size = 128 },
};

static const struct mdev_pci_region test_no_size = { .read = test_read };
static const struct mdev_pci_region test_io_region = {
	.flags = PCI_BASE_ADDRESS_SPACE_IO,
	.size = 16,
};

static const struct mdev_pci_area test_area = { 0, PAGE_SIZE };
static const struct mdev_pci_area test_empty_area = { PAGE_SIZE, 0 };
static const struct mdev_pci_area test_odd_area = { 16, PAGE_SIZE };
static const struct mdev_pci_area test_part_area = { 0, PAGE_SIZE / 2 };
static const struct mdev_pci_area test_far_area = { 0, 8 * PAGE_SIZE };
static const struct mdev_pci_area test_overflow = { PAGE_SIZE, -(u64)PAGE_SIZE };
static const struct mdev_pci_area test_overlap[] = {
	{ 0, 2 * PAGE_SIZE },
	{ PAGE_SIZE, PAGE_SIZE },
};

static const struct mdev_pci_area test_descend[] = {
	{ 2 * PAGE_SIZE, PAGE_SIZE },
	{ 0, PAGE_SIZE },
};

#define IO	PCI_BASE_ADDRESS_SPACE_IO
#define WIDE	PCI_BASE_ADDRESS_MEM_TYPE_64
#define PAGES	(4 * PAGE_SIZE)

static const struct test_fault {
	const char *text;
	struct mdev_pci_function function;
} test_faults[] = {
	/* 6.2.1, 6.2.4 */
	{ "vendor: 0xffff means that there is no function",
	  { .vendor = 0xffff } },
	{ "class: 0x1000000 has more than 24 bits", { .class = BIT(24) } },
	{ "interrupt_pin: 5 (max 4)", { .interrupt_pin = 5 } },
	{ "capabilities: 0x80000000 (valid 0x1f)",
	  { .capabilities = BIT(31) } },
	{ "capabilities: MDEV_PCI_SOFT_RESET without MDEV_PCI_PM",
	  { .capabilities = MDEV_PCI_SOFT_RESET } },
	/* PCI Express 2.0, 5.3.1 */
	{ "capabilities: MDEV_PCI_EXPRESS without MDEV_PCI_PM",
	  { .capabilities = MDEV_PCI_EXPRESS } },
	{ "capabilities: MDEV_PCI_AER without MDEV_PCI_EXPRESS",
	  { .capabilities = MDEV_PCI_PM | MDEV_PCI_AER } },
	{ "serial: set without MDEV_PCI_EXPRESS", { .serial = 1 } },
	{ "registers NULL with nr_registers 1", { .nr_registers = 1 } },
	{ "registers[0].kind: extended without MDEV_PCI_EXPRESS",
	  { .registers = &test_extended, .nr_registers = 1 } },
	{ "registers[0].offset: 0x42 is not a multiple of 4",
	  { .registers = &test_odd_registers, .nr_registers = 1 } },
	{ "registers[0].offset: 0x80 (min 0x100)",
	  { .capabilities = MDEV_PCI_PM | MDEV_PCI_EXPRESS,
	    .registers = &test_low_extended, .nr_registers = 1 } },
	{ "registers: overlap others, or leave no room for a capability",
	  { .capabilities = MDEV_PCI_PM | MDEV_PCI_EXPRESS,
	    .registers = &test_list_head, .nr_registers = 1 } },
	{ "registers: overlap others, or leave no room for a capability",
	  { .registers = test_notified_twice, .nr_registers = 2 } },
	{ "registers[0].size: 3 at 0x0 (min 4, end 0x100)",
	  { .registers = &test_short_cap, .nr_registers = 1 } },
	{ "registers[0].size: 8 at 0xfc (min 1, end 0x100)",
	  { .registers = &test_last_registers, .nr_registers = 1 } },
	{ "registers: overlap others, or leave no room for a capability",
	  { .registers = &test_id_registers, .nr_registers = 1 } },
	{ "registers: overlap others, or leave no room for a capability",
	  { .registers = test_split, .nr_registers = 2 } },
	{ "nr_regions: 65537 (max 65536)",
	  { .regions = &test_io_region, .nr_regions = 0x10001 } },
	{ "regions NULL with nr_regions 1",
	  { .nr_regions = 1 } },
	{ "regions set with nr_regions 0",
	  { .regions = &test_io_region } },
	{ "vendor_caps NULL with nr_vendor_caps 1",
	  { .nr_vendor_caps = 1 } },
	/* 6.7 */
	{ "capabilities: take 204 bytes (max 192)",
	  { .vendor_caps = &test_long_cap, .nr_vendor_caps = 1 } },
	{ "capabilities: take 200 bytes (max 192)",
	  { .vendor_caps = &test_fitting_cap, .nr_vendor_caps = 1,
	    .capabilities = MDEV_PCI_PM } },
	/* 6.2.5.1 */
	{ "bar[0].size: 0, with other members set",
	  { .bar[0] = { .read = test_read } } },
	{ "bar[3].size: 0, with other members set",
	  { .bar[3] = { .memory = true } } },
	{ "bar[1]: the upper half of a 64-bit BAR",
	  { .bar[0] = { .flags = WIDE, .size = 16 },
	    .bar[1] = { .size = 16 } } },
	{ "bar[0].flags: 0x2 (valid 0xd)",
	  { .bar[0] = { .flags = PCI_BASE_ADDRESS_MEM_TYPE_1M, .size = 16 } } },
	{ "bar[2].size: 0x1800 is not a power of two",
	  { .bar[2] = { .size = 0x1800 } } },
	{ "bar[0].flags: 0x5 has flags of memory beside that of I/O",
	  { .bar[0] = { .flags = IO | WIDE, .size = 16 } } },
	{ "bar[0].flags: 0x9 has flags of memory beside that of I/O",
	  { .bar[0] = { .flags = IO | PCI_BASE_ADDRESS_MEM_PREFETCH,
			.size = 16 } } },
	{ "bar[0].size: 0x2 of I/O (min 4, max 256)",
	  { .bar[0] = { .flags = IO, .size = 2 } } },
	{ "bar[0].size: 0x200 of I/O (min 4, max 256)",
	  { .bar[0] = { .flags = IO, .size = 512 } } },
	{ "bar[0]: I/O can't be mapped",
	  { .bar[0] = { .flags = IO, .size = 256, .map = test_map } } },
	{ "bar[0]: I/O can't be mapped",
	  { .bar[0] = { .flags = IO, .size = 256, .memory = true } } },
	{ "bar[0].size: 0x8 of memory (min 16)", { .bar[0] = { .size = 8 } } },
	{ "bar[0].size: 0x100000000 of a 32-bit BAR (max 0x80000000)",
	  { .bar[0] = { .size = SZ_4G } } },
	{ "bar[5]: a 64-bit BAR without a next one for its upper half",
	  { .bar[5] = { .flags = WIDE, .size = 16 } } },
	/* What VFIO's regions can be */
	{ "bar[0].size: 0x20000000000 (max 0x10000000000)",
	  { .bar[0] = { .flags = WIDE, .size = BIT_ULL(41) } } },
	{ "bar[0].width: 3 is none of 1, 2, 4, 8",
	  { .bar[0] = { .size = 16, .width = 3 } } },
	{ "bar[0].width: 16 is none of 1, 2, 4, 8",
	  { .bar[0] = { .size = 16, .width = 16 } } },
	{ "bar[0]: memory with read, write or map",
	  { .bar[0] = { .size = PAGES, .memory = true, .read = test_read } } },
	{ "bar[0]: memory with read, write or map",
	  { .bar[0] = { .size = PAGES, .memory = true, .map = test_map } } },
	{ "bar[0].caching: 0x40000000 without map",
	  { .bar[0] = { .size = PAGES, .memory = true,
			.caching = MDEV_REGION_UNCACHED } } },
	{ "bar[0].caching: 0x20000000 without map",
	  { .bar[0] = { .size = PAGES, .read = test_read,
			.caching = MDEV_REGION_WC } } },
	{ "bar[0].caching: 0x60000000 (valid 0, 0x40000000 and 0x20000000)",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.caching = MDEV_REGION_UNCACHED | MDEV_REGION_WC } } },
	{ "bar[0].caching: 0x80000000 (valid 0, 0x40000000 and 0x20000000)",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.caching = MDEV_REGION_BULK } } },
	{ "bar[3].size: 0, with other members set",
	  { .bar[3] = { .caching = MDEV_REGION_WC } } },
	{ "bar[0]: areas NULL with nr_areas 1",
	  { .bar[0] = { .size = PAGES, .map = test_map, .nr_areas = 1 } } },
	{ "bar[0]: areas set with nr_areas 0",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_area } } },
	{ "bar[0]: areas without map or memory",
	  { .bar[0] = { .size = PAGES, .areas = &test_area, .nr_areas = 1 } } },
	{ "bar[0].size: 0x800 is not a multiple of the page size",
	  { .bar[0] = { .size = PAGE_SIZE / 2, .memory = true } } },
	{ "bar[0].size: 0x800 is not a multiple of the page size",
	  { .bar[0] = { .size = PAGE_SIZE / 2, .map = test_map } } },
	{ "bar[0].areas[0]: 0x0 bytes at 0x1000 are not whole pages",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_empty_area, .nr_areas = 1 } } },
	{ "bar[0].areas[0]: 0x1000 bytes at 0x10 are not whole pages",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_odd_area, .nr_areas = 1 } } },
	{ "bar[0].areas[0]: 0x800 bytes at 0x0 are not whole pages",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_part_area, .nr_areas = 1 } } },
	{ "bar[0].areas[1].offset: 0x1000 (min 0x2000)",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = test_overlap, .nr_areas = 2 } } },
	{ "bar[0].areas[1].offset: 0x0 (min 0x3000)",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = test_descend, .nr_areas = 2 } } },
	{ "bar[0].areas[0].size: 0x8000 at 0x0 of 0x4000",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_far_area, .nr_areas = 1 } } },
	{ "bar[0].areas[0].size: 0xfffffffffffff000 at 0x1000 of 0x4000",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_overflow, .nr_areas = 1 } } },
	/* 6.2.5.2 */
	{ "rom NULL with rom_size 16",
	  { .rom_size = 16 } },
	{ "rom set with rom_size 0",
	  { .rom = test_rom } },
	{ "rom_size: 16777217 (max 16777216)",
	  { .rom = test_rom, .rom_size = SZ_16M + 1 } },
	{ "vga.size: 0x20000 (valid 0 and 0xc0000)",
	  { .vga = { .size = 0x20000 } } },
	{ "vga: can't be mapped",
	  { .vga = { .size = 0xc0000, .map = test_map } } },
	{ "regions[0].size: 0",
	  { .regions = &test_no_size, .nr_regions = 1 } },
	{ "regions[0].flags: 0x1 of a BAR",
	  { .regions = &test_io_region, .nr_regions = 1 } },
	/* 6.8.1.3 */
	{ "msi.vectors: 3 is not a power of two up to 32",
	  { .msi = { .vectors = 3 } } },
	{ "msi.vectors: 64 is not a power of two up to 32",
	  { .msi = { .vectors = 64 } } },
	/* 6.8.2 */
	{ "msix.vectors: 2049 (max 2048)",
	  { .msix = { .vectors = 2049 } } },
	{ "msix.table_bar: there is no bar[0]", { .msix = { .vectors = 1 } } },
	{ "msix.table_bar: there is no bar[6]",
	  { .bar[0] = { .size = 64 },
	    .msix = { .vectors = 1, .table_bar = 6 } } },
	{ "msix.table_bar: bar[0] is I/O",
	  { .bar[0] = { .flags = IO, .size = 64 },
	    .msix = { .vectors = 1, .pba_offset = 32 } } },
	{ "msix.table_bar: bar[0] is memory",
	  { .bar[0] = { .size = PAGES, .memory = true },
	    .msix = { .vectors = 1, .pba_offset = 32 } } },
	{ "msix.table_offset: 0x4 is not a multiple of 8",
	  { .bar[0] = { .size = 64 },
	    .msix = { .vectors = 1, .table_offset = 4, .pba_offset = 32 } } },
	{ "msix.table_offset: ends at 0x48 of bar[0] (max 0x40)",
	  { .bar[0] = { .size = 64 },
	    .msix = { .vectors = 4, .table_offset = 8 } } },
	{ "msix.table_offset: ends at 0x100000008 of bar[0] (max 0x40)",
	  { .bar[0] = { .size = 64 },
	    .msix = { .vectors = 1, .table_offset = 0xfffffff8 } } },
	{ "msix.table_offset: 0x0 is in a mapped page of bar[0]",
	  { .bar[0] = { .size = PAGES, .map = test_map },
	    .msix = { .vectors = 1, .pba_offset = 32 } } },
	{ "msix.table_offset: 0xff0 is in a mapped page of bar[0]",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_area, .nr_areas = 1 },
	    .msix = { .vectors = 1, .table_offset = PAGE_SIZE - 16,
		      .pba_offset = PAGE_SIZE } } },
	{ "msix.pba_offset: 0x18 in the table (0x0 to 0x20)",
	  { .bar[0] = { .size = 64 },
	    .msix = { .vectors = 2, .pba_offset = 24 } } },
	{ "msix.pba_bar: there is no bar[1]",
	  { .bar[0] = { .size = 64 },
	    .msix = { .vectors = 1, .pba_bar = 1 } } },
	{ "msix.pba_offset: ends at 0x18 of bar[1] (max 0x10)",
	  { .bar[0] = { .size = SZ_2K },
	    .bar[1] = { .size = 16 },
	    .msix = { .vectors = 65, .pba_bar = 1, .pba_offset = 8 } } },
	{ "msix.pba_offset: 0x0 is in a mapped page of bar[0]",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_area, .nr_areas = 1 },
	    .msix = { .vectors = 1, .table_offset = PAGE_SIZE } } },
	/* H */
	{ "vendor_caps[0]: data NULL with size 1",
	  { .vendor_caps = &test_empty_cap, .nr_vendor_caps = 1 } },
};

static void test_fault_describe(const struct test_fault *fault, char *desc)
{
	strscpy(desc, fault->text, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(test_fault, test_faults, test_fault_describe);

/* A driver with one type; the test sets its function */
struct test_check {
	struct mdev_pci_driver driver;
	struct mdev_pci_type types[2];
	char text[160];
};

static void test_print_invalid(struct device *dev, struct va_format *message)
{
	struct test_check *check = kunit_get_current_test()->priv;

	snprintf(check->text, sizeof(check->text), "%pV", message);
}

static int test_check_init(struct kunit *test)
{
	struct test_check *check = kunit_kzalloc(test, sizeof(*check),
						 GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, check);
	test->priv = check;
	kunit_activate_static_stub(test, mdev_pci_print_invalid,
				   test_print_invalid);
	check->types[0].name = "a";
	check->types[0].function = &test_functions[TEST_CARD];
	check->types[0].units = 1;
	check->types[1] = check->types[0];
	check->types[1].name = "b";
	check->driver.types = check->types;
	check->driver.nr_types = 2;
	check->driver.device_size = sizeof(struct mdev_pci);
	return 0;
}

static void test_expect_fault(struct kunit *test, const char *text)
{
	struct test_check *check = test->priv;

	KUNIT_EXPECT_EQ(test, mdev_pci_check(NULL, &check->driver, 1),
			text ? -EINVAL : 0);
	KUNIT_EXPECT_STREQ(test, check->text, text ?: "");
	check->text[0] = 0;
}

static void test_invalid_function(struct kunit *test)
{
	const struct test_fault *fault = test->param_value;
	struct test_check *check = test->priv;
	char *text = kunit_kzalloc(test, sizeof(check->text), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, text);
	snprintf(text, sizeof(check->text), "type b: %s", fault->text);
	check->types[1].function = &fault->function;
	test_expect_fault(test, text);
}

static void test_invalid_type(struct kunit *test)
{
	struct test_check *check = test->priv;

	check->types[1].name = "a";
	test_expect_fault(test, "type a: the name of types[0] and types[1]");
	check->types[1].name = "";
	test_expect_fault(test, "types[1].name: empty");
	check->types[1].name = NULL;
	test_expect_fault(test, "types[1].name: empty");
	check->types[1].name = "b";
	check->types[1].units = 0;
	test_expect_fault(test, "type b: units: 0 (min 1, max 1 of the parent)");
	check->types[1].units = 2;
	test_expect_fault(test,
			  "type b: units: 2 (min 1, max 1 of the parent)");
	check->types[1].units = 1;
	check->types[1].function = NULL;
	test_expect_fault(test, "type b: function: NULL");
}

static int test_track(struct mdev_pci *pci, bool track)
{
	return 0;
}

static void test_parts_left(struct mdev_pci *pci, u64 *initial, u64 *dirty)
{
}

static ssize_t test_save(struct mdev_pci *pci, void *buf, size_t size)
{
	return 0;
}

static int test_load(struct mdev_pci *pci, u32 version, const void *buf,
		     size_t size)
{
	return 0;
}

static int test_create(struct kobject *kobj, struct mdev_device *mdev)
{
	return 0;
}

static int test_call(struct mdev_device *mdev)
{
	return 0;
}

static void test_release(struct mdev_device *mdev)
{
}

static struct file *test_open_data(struct mdev_device *mdev,
				   enum vfio_device_mig_state from,
				   enum vfio_device_mig_state to)
{
	return ERR_PTR(-EIO);
}

static const struct attribute_group *const test_groups[] = { NULL };

/* The limits depend on the kernel's configuration. */
static void test_expect_device_size(struct kunit *test)
{
	struct test_check *check = test->priv;

	KUNIT_EXPECT_EQ(test, mdev_pci_check(NULL, &check->driver, 1), -EINVAL);
	KUNIT_EXPECT_TRUE(test, strstarts(check->text, "device_size: "));
}

static void test_invalid_units(struct kunit *test)
{
	struct test_check *check = test->priv;

	KUNIT_EXPECT_EQ(test, mdev_pci_check(NULL, &check->driver,
					     (u32)INT_MAX + 1), -EINVAL);
	KUNIT_EXPECT_STREQ(test, check->text,
			   "units: 2147483648 (max 2147483647)");
}

static void test_invalid_driver(struct kunit *test)
{
	struct mdev_pci_driver *driver =
		&((struct test_check *)test->priv)->driver;
	static const struct mdev_migration_ops own = {
		.open_data = test_open_data,
	};
	const struct mdev_pci_driver right = *driver;

	driver->device_size = sizeof(struct mdev_pci) - 1;
	test_expect_device_size(test);
	*driver = right;
	driver->nr_types = 0;
	test_expect_fault(test, "types set with nr_types 0");
	*driver = right;
	driver->types = NULL;
	test_expect_fault(test, "types NULL with nr_types 2");
	*driver = right;
	driver->ops.supported_type_groups = test_groups;
	test_expect_fault(test, "ops.supported_type_groups: set, use types");
	*driver = right;
	driver->device_size = KMALLOC_MAX_SIZE + 1;
	test_expect_device_size(test);
	*driver = right;
	driver->save = test_save;
	test_expect_fault(test, "save: set without load");
	*driver = right;
	driver->load = test_load;
	test_expect_fault(test, "load: set without save");
	*driver = right;
	driver->load = test_load;
	driver->save = test_save;
	driver->state_version = 2;
	driver->state_min_version = 3;
	test_expect_fault(test, "state_min_version: 3 (max 2, state_version)");
	driver->state_min_version = 2;
	driver->ops.migration = &own;
	test_expect_fault(test, "save: never called with ops.migration.open_data");
}

/* What mdev_pci does in a way that fits together */
static void test_invalid_ops(struct kunit *test)
{
	static const char text[] =
		"ops: create, remove, open, release or a reset is set";
	struct parent_ops *ops = &((struct test_check *)test->priv)->driver.ops;

	ops->create = test_create;
	test_expect_fault(test, text);
	*ops = (struct parent_ops) { .remove = test_call };
	test_expect_fault(test, text);
	*ops = (struct parent_ops) { .open = test_call };
	test_expect_fault(test, text);
	*ops = (struct parent_ops) { .release = test_release };
	test_expect_fault(test, text);
	*ops = (struct parent_ops) { .reset = test_call };
	test_expect_fault(test, text);
}

/* State data in parts needs all callbacks for it. */
static void test_incomplete_save_part(struct kunit *test)
{
	static const char text[] =
		"track_changes, save_part, load_part, parts_left: not all of them";
	struct test_check *check = test->priv;
	struct mdev_pci_driver *driver = &check->driver;
	struct mdev_pci_driver right;

	driver->save = test_save;
	driver->load = test_load;
	driver->track_changes = test_track;
	driver->save_part = test_save;
	driver->load_part = test_load;
	driver->parts_left = test_parts_left;
	test_expect_fault(test, NULL);
	right = *driver;
	driver->track_changes = NULL;
	test_expect_fault(test, text);
	*driver = right;
	driver->save_part = NULL;
	test_expect_fault(test, text);
	*driver = right;
	driver->load_part = NULL;
	test_expect_fault(test, text);
	*driver = right;
	driver->parts_left = NULL;
	test_expect_fault(test, text);
	*driver = right;
	driver->save = NULL;
	driver->load = NULL;
	test_expect_fault(test, "track_changes: without save");
}

static void test_invalid_state_size(struct kunit *test)
{
	struct test_check *check = test->priv;

	check->driver.state_size = SIZE_MAX;
	test_expect_fault(test, NULL);
	check->driver.save = test_save;
	check->driver.load = test_load;
	check->driver.state_size = SZ_1G;
	test_expect_fault(test, NULL);
	check->driver.state_size++;
	test_expect_fault(test,
			  "type a: state_size: 0x40000001 (max 0x40000000)");
}

/* Just within the limits */
static const struct mdev_pci_function test_limits[] = {
	{},
	{ .bar[0] = { .flags = IO, .size = 4 },
	  .bar[1] = { .flags = IO, .size = 256 },
	  .bar[2] = { .size = SZ_2G },
	  .bar[4] = { .flags = WIDE, .size = BIT_ULL(40) } },
	{ .bar[0] = { .size = SZ_32K },
	  .bar[5] = { .size = SZ_256 },
	  .msix = { .vectors = 2048, .pba_bar = 5 } },
	{ .bar[0] = { .size = 32 },
	  .msix = { .vectors = 1, .pba_offset = 16 } },
	{ .bar[0] = { .size = PAGES, .map = test_map, .areas = &test_area,
		      .nr_areas = 1 },
	  .msix = { .vectors = 1, .table_offset = PAGE_SIZE,
		    .pba_offset = PAGE_SIZE + 16 } },
	{ .vendor_caps = &test_fitting_cap, .nr_vendor_caps = 1 },
	{ .rom = test_rom, .rom_size = 1, .msi = { .vectors = 32 } },
};

static void test_valid_limits(struct kunit *test)
{
	struct test_check *check = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(test_limits); i++) {
		check->types[1].function = &test_limits[i];
		test_expect_fault(test, NULL);
	}
	for (i = 0; i < TEST_FUNCTIONS; i++) {
		check->types[1].function = &test_functions[i];
		test_expect_fault(test, NULL);
	}
}

static struct kunit_case mdev_pci_check_cases[] = {
	KUNIT_CASE_PARAM(test_invalid_function, test_fault_gen_params),
	KUNIT_CASE(test_invalid_type),
	KUNIT_CASE(test_invalid_units),
	KUNIT_CASE(test_invalid_driver),
	KUNIT_CASE(test_invalid_ops),
	KUNIT_CASE(test_incomplete_save_part),
	KUNIT_CASE(test_invalid_state_size),
	KUNIT_CASE(test_valid_limits),
	{}
};

static struct kunit_suite mdev_pci_check_suite = {
	.name = "mdev_pci_check",
	.init = test_check_init,
	.test_cases = mdev_pci_check_cases,
};

kunit_test_suite(mdev_pci_check_suite);
