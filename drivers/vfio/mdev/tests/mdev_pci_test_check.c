// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of wrong descriptions: each is refused with the line that says
 * what is wrong. Paragraphs are those of the PCI Local Bus Specification 3.0.
 */

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
		    unsigned long *pfn, unsigned long *size, pgprot_t *prot)
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
static const struct mdev_pci_area test_overflow = { PAGE_SIZE, -PAGE_SIZE };
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
	{ "function: vendor ID 0xffff is that of no function",
	  { .vendor = 0xffff } },
	{ "function: the class has more than 24 bits", { .class = BIT(24) } },
	{ "function: there are but 4 interrupt pins", { .interrupt_pin = 5 } },
	{ "function: there are unknown capabilities",
	  { .capabilities = BIT(31) } },
	{ "function: MDEV_PCI_SOFT_RESET comes with MDEV_PCI_PM",
	  { .capabilities = MDEV_PCI_SOFT_RESET } },
	/* PCI Express 2.0, 5.3.1 */
	{ "function: MDEV_PCI_EXPRESS comes with MDEV_PCI_PM",
	  { .capabilities = MDEV_PCI_EXPRESS } },
	{ "function: there are too many regions",
	  { .regions = &test_io_region, .nr_regions = 0x10001 } },
	{ "function: regions and their number contradict each other",
	  { .nr_regions = 1 } },
	{ "function: regions and their number contradict each other",
	  { .regions = &test_io_region } },
	{ "function: vendor-specific capabilities and their number contradict each other",
	  { .nr_vendor_caps = 1 } },
	/* 6.7 */
	{ "function: the capabilities do not fit in 256 bytes",
	  { .vendor_caps = &test_long_cap, .nr_vendor_caps = 1 } },
	{ "function: the capabilities do not fit in 256 bytes",
	  { .vendor_caps = &test_fitting_cap, .nr_vendor_caps = 1,
	    .capabilities = MDEV_PCI_PM } },
	/* 6.2.5.1 */
	{ "BAR 0: it has no size", { .bar[0] = { .read = test_read } } },
	{ "BAR 3: it has no size", { .bar[3] = { .memory = true } } },
	{ "BAR 1: its place is that of a 64-bit BAR's upper half",
	  { .bar[0] = { .flags = WIDE, .size = 16 },
	    .bar[1] = { .size = 16 } } },
	{ "BAR 0: it has unknown flags",
	  { .bar[0] = { .flags = PCI_BASE_ADDRESS_MEM_TYPE_1M, .size = 16 } } },
	{ "BAR 2: its size is no power of two",
	  { .bar[2] = { .size = 0x1800 } } },
	{ "BAR 0: it is I/O with flags of memory",
	  { .bar[0] = { .flags = IO | WIDE, .size = 16 } } },
	{ "BAR 0: it is I/O with flags of memory",
	  { .bar[0] = { .flags = IO | PCI_BASE_ADDRESS_MEM_PREFETCH,
			.size = 16 } } },
	{ "BAR 0: I/O takes at least 4 bytes",
	  { .bar[0] = { .flags = IO, .size = 2 } } },
	{ "BAR 0: I/O takes at most 256 bytes",
	  { .bar[0] = { .flags = IO, .size = 512 } } },
	{ "BAR 0: I/O can't be mapped",
	  { .bar[0] = { .flags = IO, .size = 256, .map = test_map } } },
	{ "BAR 0: I/O can't be mapped",
	  { .bar[0] = { .flags = IO, .size = 256, .memory = true } } },
	{ "BAR 0: memory takes at least 16 bytes", { .bar[0] = { .size = 8 } } },
	{ "BAR 0: it does not fit in 32 bits", { .bar[0] = { .size = SZ_4G } } },
	{ "BAR 5: it has 64 bits and no next BAR for its upper half",
	  { .bar[5] = { .flags = WIDE, .size = 16 } } },
	/* What VFIO's regions can be */
	{ "BAR 0: its size is above 1 TiB",
	  { .bar[0] = { .flags = WIDE, .size = BIT_ULL(41) } } },
	{ "BAR 0: its width is none of 1, 2, 4 and 8",
	  { .bar[0] = { .size = 16, .width = 3 } } },
	{ "BAR 0: its width is none of 1, 2, 4 and 8",
	  { .bar[0] = { .size = 16, .width = 16 } } },
	{ "BAR 0: it is memory and has callbacks",
	  { .bar[0] = { .size = PAGES, .memory = true, .read = test_read } } },
	{ "BAR 0: it is memory and has callbacks",
	  { .bar[0] = { .size = PAGES, .memory = true, .map = test_map } } },
	{ "BAR 0: areas and their number contradict each other",
	  { .bar[0] = { .size = PAGES, .map = test_map, .nr_areas = 1 } } },
	{ "BAR 0: areas and their number contradict each other",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_area } } },
	{ "BAR 0: nothing backs the areas that can be mapped",
	  { .bar[0] = { .size = PAGES, .areas = &test_area, .nr_areas = 1 } } },
	{ "BAR 0: it is memory that is not made of pages",
	  { .bar[0] = { .size = PAGE_SIZE / 2, .memory = true } } },
	{ "BAR 0: it can be mapped and is not made of pages",
	  { .bar[0] = { .size = PAGE_SIZE / 2, .map = test_map } } },
	{ "BAR 0: an area that can be mapped is empty",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_empty_area, .nr_areas = 1 } } },
	{ "BAR 0: an area that can be mapped is not made of pages",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_odd_area, .nr_areas = 1 } } },
	{ "BAR 0: an area that can be mapped is not made of pages",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_part_area, .nr_areas = 1 } } },
	{ "BAR 0: areas that can be mapped overlap or do not ascend",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = test_overlap, .nr_areas = 2 } } },
	{ "BAR 0: areas that can be mapped overlap or do not ascend",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = test_descend, .nr_areas = 2 } } },
	{ "BAR 0: an area that can be mapped ends beyond the region",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_far_area, .nr_areas = 1 } } },
	{ "BAR 0: an area that can be mapped ends beyond the region",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_overflow, .nr_areas = 1 } } },
	/* 6.2.5.2 */
	{ "expansion ROM: contents and size contradict each other",
	  { .rom_size = 16 } },
	{ "expansion ROM: contents and size contradict each other",
	  { .rom = test_rom } },
	{ "expansion ROM: it takes at most 16 MiB",
	  { .rom = test_rom, .rom_size = SZ_16M + 1 } },
	{ "VGA: its size is not 0xc0000", { .vga = { .size = 0x20000 } } },
	{ "VGA: it can't be mapped",
	  { .vga = { .size = 0xc0000, .map = test_map } } },
	{ "region 0: it has no size",
	  { .regions = &test_no_size, .nr_regions = 1 } },
	{ "region 0: it has flags of a BAR",
	  { .regions = &test_io_region, .nr_regions = 1 } },
	/* 6.8.1.3 */
	{ "MSI: the number of vectors is no power of two up to 32",
	  { .msi = { .vectors = 3 } } },
	{ "MSI: the number of vectors is no power of two up to 32",
	  { .msi = { .vectors = 64 } } },
	/* 6.8.2 */
	{ "MSI-X table: there are more than 2048 vectors",
	  { .msix = { .vectors = 2049 } } },
	{ "MSI-X table: there is no such BAR", { .msix = { .vectors = 1 } } },
	{ "MSI-X table: there is no such BAR",
	  { .bar[0] = { .size = 64 },
	    .msix = { .vectors = 1, .table_bar = 6 } } },
	{ "MSI-X table: the BAR is I/O",
	  { .bar[0] = { .flags = IO, .size = 64 },
	    .msix = { .vectors = 1, .pba_offset = 32 } } },
	{ "MSI-X table: the BAR is memory that mdev_pci keeps",
	  { .bar[0] = { .size = PAGES, .memory = true },
	    .msix = { .vectors = 1, .pba_offset = 32 } } },
	{ "MSI-X table: the offset is no multiple of 8",
	  { .bar[0] = { .size = 64 },
	    .msix = { .vectors = 1, .table_offset = 4, .pba_offset = 32 } } },
	{ "MSI-X table: it ends beyond the BAR",
	  { .bar[0] = { .size = 64 },
	    .msix = { .vectors = 4, .table_offset = 8 } } },
	{ "MSI-X table: it ends beyond the BAR",
	  { .bar[0] = { .size = 64 },
	    .msix = { .vectors = 1, .table_offset = 0xfffffff8 } } },
	{ "MSI-X table: it shares a page with what can be mapped",
	  { .bar[0] = { .size = PAGES, .map = test_map },
	    .msix = { .vectors = 1, .pba_offset = 32 } } },
	{ "MSI-X table: it shares a page with what can be mapped",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_area, .nr_areas = 1 },
	    .msix = { .vectors = 1, .table_offset = PAGE_SIZE - 16,
		      .pba_offset = PAGE_SIZE } } },
	{ "MSI-X pending bits: they overlap the table",
	  { .bar[0] = { .size = 64 },
	    .msix = { .vectors = 2, .pba_offset = 24 } } },
	{ "MSI-X pending bits: there is no such BAR",
	  { .bar[0] = { .size = 64 },
	    .msix = { .vectors = 1, .pba_bar = 1 } } },
	{ "MSI-X pending bits: it ends beyond the BAR",
	  { .bar[0] = { .size = SZ_2K },
	    .bar[1] = { .size = 16 },
	    .msix = { .vectors = 65, .pba_bar = 1, .pba_offset = 8 } } },
	{ "MSI-X pending bits: it shares a page with what can be mapped",
	  { .bar[0] = { .size = PAGES, .map = test_map,
			.areas = &test_area, .nr_areas = 1 },
	    .msix = { .vectors = 1, .table_offset = PAGE_SIZE } } },
	/* H */
	{ "vendor-specific capability 0: it has no data",
	  { .vendor_caps = &test_empty_cap, .nr_vendor_caps = 1 } },
};

static void test_fault_describe(const struct test_fault *fault, char *desc)
{
	strscpy(desc, fault->text, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(test_fault, test_faults, test_fault_describe);

/* A driver with one type, whose function a test sets */
struct test_check {
	struct mdev_pci_driver driver;
	struct mdev_pci_type types[2];
	char text[160];
};

static int test_check_init(struct kunit *test)
{
	struct test_check *check = kunit_kzalloc(test, sizeof(*check),
						 GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, check);
	test->priv = check;
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

	KUNIT_EXPECT_EQ(test, mdev_pci_check(&check->driver, check->text,
					     sizeof(check->text)),
			text ? -EINVAL : 0);
	KUNIT_EXPECT_STREQ(test, check->text, text ?: "");
	check->text[0] = 0;
}

static void test_function_fault(struct kunit *test)
{
	const struct test_fault *fault = test->param_value;
	struct test_check *check = test->priv;
	char *text = kunit_kzalloc(test, sizeof(check->text), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, text);
	snprintf(text, sizeof(check->text), "type b, %s", fault->text);
	check->types[1].function = &fault->function;
	test_expect_fault(test, text);
}

static void test_type_fault(struct kunit *test)
{
	struct test_check *check = test->priv;

	check->types[1].name = "a";
	test_expect_fault(test, "type a: there are two types of this name");
	check->types[1].name = "";
	test_expect_fault(test, "there is a type without a name");
	check->types[1].name = NULL;
	test_expect_fault(test, "there is a type without a name");
	check->types[1].name = "b";
	check->types[1].units = 0;
	test_expect_fault(test, "type b: its units are none, or too many");
	check->types[1].units = (u32)INT_MAX + 1;
	test_expect_fault(test, "type b: its units are none, or too many");
	check->types[1].units = 1;
	check->types[1].function = NULL;
	test_expect_fault(test, "type b: it has no function");
}

static void test_save(struct mdev_pci *pci, void *state)
{
}

static int test_load(struct mdev_pci *pci, const void *state)
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

static int test_region_info(struct mdev_device *mdev,
			    struct vfio_region_info *info,
			    struct vfio_info_cap *caps)
{
	return 0;
}

static ssize_t test_ops_read(struct mdev_device *mdev, char *buf, size_t count,
			     loff_t pos)
{
	return count;
}

static int test_irq_info(struct mdev_device *mdev, struct vfio_irq_info *info)
{
	return 0;
}

static const struct attribute_group *const test_groups[] = { NULL };

static void test_driver_fault(struct kunit *test)
{
	struct mdev_pci_driver *driver =
		&((struct test_check *)test->priv)->driver;
	const struct mdev_pci_driver right = *driver;

	driver->device_size = sizeof(struct mdev_pci) - 1;
	test_expect_fault(test,
			  "device_size has no room for a struct mdev_pci");
	*driver = right;
	driver->nr_types = 0;
	test_expect_fault(test, "there are no types");
	*driver = right;
	driver->types = NULL;
	test_expect_fault(test, "there are no types");
	*driver = right;
	driver->ops.supported_type_groups = test_groups;
	test_expect_fault(test,
			  "types are described, not given as attribute groups");
	*driver = right;
	driver->device_size = KMALLOC_MAX_SIZE + 1;
	test_expect_fault(test, "device_size is too large to be allocated");
	*driver = right;
	driver->save = test_save;
	test_expect_fault(test, "save and load come together");
	*driver = right;
	driver->load = test_load;
	test_expect_fault(test, "save and load come together");
}

/* What mdev_pci does in a way that fits together */
static void test_ops_fault(struct kunit *test)
{
	static const char text[] =
		"create, remove, open, release and resets can't be replaced";
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
	*ops = (struct parent_ops) {
		.get_region_info = test_region_info,
		.read = test_ops_read,
	};
	test_expect_fault(test, "get_region_info comes with read and write");
	*ops = (struct parent_ops) { .get_irq_info = test_irq_info };
	test_expect_fault(test, "get_irq_info comes with set_irqs");
}

static void test_state_fault(struct kunit *test)
{
	struct test_check *check = test->priv;
	static const struct mdev_pci_function large = {
		.bar[0] = { .size = SZ_1G, .memory = true },
	};

	check->types[1].function = &large;
	test_expect_fault(test, NULL);
	check->driver.save = test_save;
	check->driver.load = test_load;
	test_expect_fault(test, NULL);
	check->driver.state_size = 1;
	test_expect_fault(test, "type b: its state takes more than 1 GiB");
	check->driver.state_size = SIZE_MAX;
	test_expect_fault(test, "type a: its state takes more than 1 GiB");
}

/* What is just within the limits */
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

static void test_no_fault(struct kunit *test)
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
	KUNIT_CASE_PARAM(test_function_fault, test_fault_gen_params),
	KUNIT_CASE(test_type_fault),
	KUNIT_CASE(test_driver_fault),
	KUNIT_CASE(test_ops_fault),
	KUNIT_CASE(test_state_fault),
	KUNIT_CASE(test_no_fault),
	{}
};

struct kunit_suite mdev_pci_check_suite = {
	.name = "mdev-pci-check",
	.init = test_check_init,
	.test_cases = mdev_pci_check_cases,
};
