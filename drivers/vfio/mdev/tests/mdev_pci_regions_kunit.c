// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of a PCI function's regions: what VFIO_DEVICE_GET_REGION_INFO
 * reports, and which accesses reach the driver's callbacks. Paragraphs are
 * those of the PCI Local Bus Specification 3.0.
 */

#include <linux/pci_ids.h>
#include <linux/slab.h>

#include "mdev_pci_test_device.h"

#define TEST_RW		(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE)
#define TEST_RWM	(TEST_RW | VFIO_REGION_INFO_FLAG_MMAP)

#define TEST_VALUE	0x8877665544332211

KUNIT_DEFINE_ACTION_WRAPPER(test_kfree, kfree, const void *);

/* Capabilities of regions are in kernel memory that the caller frees. */
static void test_query(struct kunit *test, u32 index,
		       struct vfio_region_info *info,
		       struct vfio_info_cap *caps)
{
	struct test_pci *fixture = test->priv;

	*info = (struct vfio_region_info) { .index = index };
	*caps = (struct vfio_info_cap) {};
	KUNIT_ASSERT_EQ(test, fixture->ops->get_region_info(fixture->mdev, info,
							    caps), 0);
	if (caps->size)
		KUNIT_ASSERT_EQ(test,
				kunit_add_action_or_reset(test, test_kfree,
							  caps->buf), 0);
}

static const struct test_region {
	const char *name;
	u32 index;
	u32 flags;
	u64 size;
} test_regions[] = {
	{ "trapped memory", TEST_REGISTERS, TEST_RW, 0x1000 },
	{ "I/O", TEST_PORTS, TEST_RW, 16 },
	{ "64 bits", TEST_MEMORY, TEST_RWM | MDEV_REGION_BULK,
	  TEST_MEMORY_PAGES * PAGE_SIZE },
	{ "upper half", TEST_MEMORY + 1, 0, 0 },
	{ "mapped", TEST_MAPPED, TEST_RWM | MDEV_REGION_UNCACHED,
	  8 * PAGE_SIZE },
	{ "absent", TEST_ABSENT, 0, 0 },
	{ "ROM", TEST_ROM, VFIO_REGION_INFO_FLAG_READ, 4096 },
	{ "config space", TEST_CONFIG, TEST_RW, PCI_CFG_SPACE_EXP_SIZE },
	{ "VGA", TEST_VGA, TEST_RW, 0xc0000 },
	{ "beyond PCI's", TEST_PICTURE, TEST_RWM | MDEV_REGION_BULK,
	  2 * PAGE_SIZE },
	{ "last", TEST_MAILBOX, TEST_RW, 8 },
	{ "none", TEST_REGIONS, 0, 0 },
};

static void test_region_describe(const struct test_region *region, char *desc)
{
	strscpy(desc, region->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(test_region, test_regions, test_region_describe);

static void test_region_info(struct kunit *test)
{
	const struct test_region *region = test->param_value;
	struct vfio_region_info info;
	struct vfio_info_cap caps;

	test_query(test, region->index, &info, &caps);
	KUNIT_EXPECT_EQ(test, info.flags, region->flags);
	KUNIT_EXPECT_EQ(test, info.size, region->size);
	KUNIT_EXPECT_EQ(test, !!caps.size,
			region->index >= VFIO_PCI_NUM_REGIONS ?
			region->size > 0 : region->index == TEST_MAPPED);
}

static void test_num_regions(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct vfio_device_info info = { .num_regions = VFIO_PCI_NUM_REGIONS };
	struct vfio_info_cap caps = {};

	KUNIT_EXPECT_EQ(test,
			fixture->ops->get_device_info(fixture->mdev, &info,
						      &caps), 0);
	KUNIT_EXPECT_EQ(test, caps.size, 0);
	KUNIT_EXPECT_EQ(test, info.num_regions, TEST_REGIONS);
}

/* The areas that can be mapped, and no others */
static void test_sparse_mmap(struct kunit *test)
{
	struct vfio_region_info_cap_sparse_mmap *sparse;
	struct vfio_region_info info;
	struct vfio_info_cap caps;

	test_query(test, TEST_MAPPED, &info, &caps);
	sparse = (void *)caps.buf;
	KUNIT_ASSERT_EQ(test, caps.size, struct_size(sparse, areas, 2));
	KUNIT_EXPECT_EQ(test, sparse->header.id,
			VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	KUNIT_EXPECT_EQ(test, sparse->header.version, 1);
	KUNIT_ASSERT_EQ(test, sparse->nr_areas, 2);
	KUNIT_EXPECT_EQ(test, sparse->areas[0].offset, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, sparse->areas[0].size, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, sparse->areas[1].offset, 4 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, sparse->areas[1].size, 2 * PAGE_SIZE);
}

static void test_region_type(struct kunit *test)
{
	struct vfio_region_info_cap_type *type;
	struct vfio_region_info info;
	struct vfio_info_cap caps;

	test_query(test, TEST_MAILBOX, &info, &caps);
	type = (void *)caps.buf;
	KUNIT_ASSERT_EQ(test, caps.size, sizeof(*type));
	KUNIT_EXPECT_EQ(test, type->header.id, VFIO_REGION_INFO_CAP_TYPE);
	KUNIT_EXPECT_EQ(test, type->header.version, 1);
	KUNIT_EXPECT_EQ(test, type->type, VFIO_REGION_TYPE_PCI_VENDOR_TYPE |
					  PCI_VENDOR_ID_REDHAT);
	KUNIT_EXPECT_EQ(test, type->subtype, 7);
}

/* The vendor is called for the register, with its size. */
static void test_read_write(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	unsigned int size;
	u64 mask;

	test_pci_command(fixture, TEST_DECODE);
	fixture->answer = TEST_VALUE;
	for (size = 1; size <= 8; size *= 2) {
		mask = GENMASK_ULL(size * BITS_PER_BYTE - 1, 0);
		test_pci_write(fixture, TEST_REGISTERS, 0x18, size, TEST_VALUE);
		KUNIT_EXPECT_TRUE(test, fixture->write);
		KUNIT_EXPECT_EQ(test, fixture->region, TEST_REGISTERS);
		KUNIT_EXPECT_EQ(test, fixture->offset, 0x18);
		KUNIT_EXPECT_EQ(test, fixture->size, size);
		KUNIT_EXPECT_EQ(test, fixture->value, TEST_VALUE & mask);

		KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_REGISTERS,
						    0xff8, size),
				TEST_VALUE & mask);
		KUNIT_EXPECT_FALSE(test, fixture->write);
		KUNIT_EXPECT_EQ(test, fixture->offset, 0xff8);
		KUNIT_EXPECT_EQ(test, fixture->size, size);
	}
	KUNIT_EXPECT_EQ(test, fixture->accesses, 8);
}

/* Registers of two bytes: the lowest address comes first. */
static void test_access_width(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, TEST_DECODE);
	test_pci_write(fixture, TEST_PORTS, 8, 8, TEST_VALUE);
	KUNIT_EXPECT_EQ(test, fixture->accesses, 4);
	KUNIT_EXPECT_EQ(test, fixture->offset, 14);
	KUNIT_EXPECT_EQ(test, fixture->size, 2);
	KUNIT_EXPECT_EQ(test, fixture->value, 0x8877);

	/* Bits of ->read()'s value beyond the size of the access are dropped */
	fixture->answer = 0xfffabcd;
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_PORTS, 4, 4),
			0xabcdabcd);
	KUNIT_EXPECT_EQ(test, fixture->accesses, 6);
}

/* A part of a register can be read, and not written. */
static void test_access_width_narrower(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	fixture->answer = 0xabcd;
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_PORTS, 2, 1), 0xcd);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_PORTS, 3, 1), 0xab);
	KUNIT_EXPECT_EQ(test, fixture->offset, 2);
	KUNIT_EXPECT_EQ(test, fixture->size, 2);
	KUNIT_EXPECT_EQ(test, fixture->accesses, 2);
	test_pci_write(fixture, TEST_PORTS, 3, 1, 0x12);
	KUNIT_EXPECT_EQ(test, fixture->accesses, 2);
}

static void test_without_callbacks(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, TEST_DECODE);
	test_pci_write(fixture, TEST_MAPPED, 0, 8, TEST_VALUE);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MAPPED, 0, 8), 0);
}

/* An access that the function does not decode calls no callback. */
static void test_expect_silent(struct test_pci *fixture, unsigned int index,
			       u64 offset, unsigned int size)
{
	unsigned int accesses = fixture->accesses;

	test_pci_write(fixture, index, offset, size, TEST_VALUE);
	KUNIT_EXPECT_EQ_MSG(fixture->test,
			    test_pci_read(fixture, index, offset, size),
			    GENMASK_ULL(size * BITS_PER_BYTE - 1, 0),
			    "region %u, offset %#llx", index, offset);
	KUNIT_EXPECT_EQ(fixture->test, fixture->accesses, accesses);
}

static void test_expect_answer(struct test_pci *fixture, unsigned int index,
			       u64 offset, unsigned int size)
{
	unsigned int accesses = fixture->accesses;

	fixture->answer = TEST_VALUE;
	KUNIT_EXPECT_EQ_MSG(fixture->test,
			    test_pci_read(fixture, index, offset, size),
			    TEST_VALUE & GENMASK_ULL(size * BITS_PER_BYTE - 1,
						     0),
			    "region %u, offset %#llx", index, offset);
	KUNIT_EXPECT_GT(fixture->test, fixture->accesses, accesses);
}

/* 6.2.2, bits 0 and 1: I/O and memory are enabled each by itself. */
static void test_memory_io_disabled(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, 0);
	test_expect_silent(fixture, TEST_REGISTERS, 0, 4);
	test_expect_silent(fixture, TEST_PORTS, 0, 2);
	test_expect_silent(fixture, TEST_MEMORY, 0, 8);

	test_pci_command(fixture, PCI_COMMAND_IO);
	test_expect_silent(fixture, TEST_REGISTERS, 0, 4);
	test_expect_answer(fixture, TEST_PORTS, 0, 2);

	test_pci_command(fixture, PCI_COMMAND_MEMORY);
	test_expect_answer(fixture, TEST_REGISTERS, 0, 4);
	test_expect_silent(fixture, TEST_PORTS, 0, 2);
	/* Not even while it was disabled was anything written */
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY, 0, 8), 0);
}

/* PCI Power Management 1.2, 5.4.1: in D3hot there is but config space. */
static void test_d3hot(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, TEST_DECODE);
	test_pci_power(fixture, 3);
	test_expect_silent(fixture, TEST_REGISTERS, 0, 1);
	test_expect_silent(fixture, TEST_PORTS, 0, 1);
	test_expect_silent(fixture, TEST_VGA, 0x3c0, 1);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_CONFIG, 0, 2),
			PCI_VENDOR_ID_REDHAT);
	test_pci_power(fixture, 0);
	test_expect_answer(fixture, TEST_REGISTERS, 0, 1);
}

/* 6.2.5.2: a bit of its own, which counts while memory is enabled */
static void test_rom_enable(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, 0);
	test_pci_write(fixture, TEST_CONFIG, PCI_ROM_ADDRESS, 4,
		       PCI_ROM_ADDRESS_ENABLE);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_ROM, 0, 2), 0xffff);
	test_pci_command(fixture, PCI_COMMAND_MEMORY);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_ROM, 0, 2), 0xaa55);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_ROM,
					    TEST_ROM_SIZE - 4, 8),
			0xffffffff11000000);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_ROM, 4088, 8),
			U64_MAX);
	test_pci_write(fixture, TEST_CONFIG, PCI_ROM_ADDRESS, 4, 0);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_ROM, 0, 2), 0xffff);
}

/* 6.2.2 for the addresses of appendix D.4, of which some are I/O */
static void test_vga_ranges(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, PCI_COMMAND_MEMORY);
	test_expect_answer(fixture, TEST_VGA, 0xa0000, 1);
	test_expect_answer(fixture, TEST_VGA, 0xbffff, 1);
	test_expect_silent(fixture, TEST_VGA, 0x9ffff, 1);
	test_expect_silent(fixture, TEST_VGA, 0x3c0, 1);

	test_pci_command(fixture, PCI_COMMAND_IO);
	test_expect_answer(fixture, TEST_VGA, 0x3b0, 1);
	test_expect_answer(fixture, TEST_VGA, 0x3bb, 1);
	test_expect_answer(fixture, TEST_VGA, 0x3df, 1);
	test_expect_silent(fixture, TEST_VGA, 0x3bc, 1);
	test_expect_silent(fixture, TEST_VGA, 0x3b8, 8);
	test_expect_silent(fixture, TEST_VGA, 0x3e0, 1);
	test_expect_silent(fixture, TEST_VGA, 0x3af, 1);
	test_expect_silent(fixture, TEST_VGA, 0xa0000, 1);
}

/* What is not PCI's does not care about PCI's registers. */
static void test_device_specific_region(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_expect_answer(fixture, TEST_MAILBOX, 0, 8);
	KUNIT_EXPECT_EQ(test, fixture->region, TEST_MAILBOX);
	test_pci_write(fixture, TEST_PICTURE, PAGE_SIZE, 4, 0x1234);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_PICTURE, PAGE_SIZE,
					    4), 0x1234);
}

static int test_fault(struct test_pci *fixture, unsigned int index, u64 offset,
		      unsigned long *pfn)
{
	unsigned long size = 2 * PAGE_SIZE;
	u32 flags = MDEV_MAP_WRITABLE;

	return fixture->ops->validate_map_request(fixture->mdev,
						  (u64)index <<
						  MDEV_REGION_SHIFT | offset,
						  pfn, &size, &flags);
}

/* 6.2.2: what is disabled is not there for mappings either. */
static void test_fault_memory_disabled(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	unsigned long pfn = 0;

	test_pci_command(fixture, 0);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, TEST_MAPPED, PAGE_SIZE, &pfn),
			-EIO);
	test_pci_command(fixture, TEST_DECODE);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, TEST_MAPPED, 4 * PAGE_SIZE,
					 &pfn), 0);
	KUNIT_EXPECT_EQ(test, pfn, 0x1234);
	KUNIT_EXPECT_EQ(test, fixture->region, TEST_MAPPED);
	KUNIT_EXPECT_EQ(test, fixture->offset, 4 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, fixture->size, 2 * PAGE_SIZE);
	test_pci_power(fixture, 3);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, TEST_MAPPED, PAGE_SIZE, &pfn),
			-EIO);
	KUNIT_EXPECT_EQ(test, fixture->accesses, 1);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, TEST_PICTURE, 0, &pfn), 0);
}

/* Whether faults that began at @seq would have to start over */
static bool test_overtaken(struct test_pci *fixture, unsigned long seq)
{
	bool valid = mdev_map_lock(fixture->mdev, seq);

	if (valid)
		mdev_map_unlock(fixture->mdev);
	return !valid;
}

/* 6.2.2: mapped BARs are zapped when Memory Space is disabled. */
static void test_zap_memory_disabled(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	unsigned long seq;

	test_pci_command(fixture, TEST_DECODE);
	KUNIT_EXPECT_TRUE(test, mdev_map_begin(fixture->mdev, &seq));
	KUNIT_EXPECT_FALSE(test, test_overtaken(fixture, seq));
	test_pci_command(fixture, PCI_COMMAND_IO);
	KUNIT_EXPECT_TRUE(test, test_overtaken(fixture, seq));

	test_pci_command(fixture, TEST_DECODE);
	KUNIT_EXPECT_TRUE(test, mdev_map_begin(fixture->mdev, &seq));
	test_pci_power(fixture, 3);
	KUNIT_EXPECT_TRUE(test, test_overtaken(fixture, seq));
}

static void test_invalidate(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	unsigned long seq;

	KUNIT_EXPECT_TRUE(test, mdev_map_begin(fixture->mdev, &seq));
	mdev_pci_invalidate(fixture->pci, TEST_MAPPED,
			    BIT_ULL(MDEV_REGION_SHIFT), U64_MAX);
	KUNIT_EXPECT_FALSE(test, test_overtaken(fixture, seq));
	mdev_pci_invalidate(fixture->pci, TEST_MAPPED, PAGE_SIZE, U64_MAX);
	KUNIT_EXPECT_TRUE(test, test_overtaken(fixture, seq));
}

static struct kunit_case mdev_pci_regions_cases[] = {
	KUNIT_CASE(test_num_regions),
	KUNIT_CASE_PARAM(test_region_info, test_region_gen_params),
	KUNIT_CASE(test_sparse_mmap),
	KUNIT_CASE(test_region_type),
	KUNIT_CASE(test_read_write),
	KUNIT_CASE(test_access_width),
	KUNIT_CASE(test_access_width_narrower),
	KUNIT_CASE(test_without_callbacks),
	KUNIT_CASE(test_memory_io_disabled),
	KUNIT_CASE(test_d3hot),
	KUNIT_CASE(test_rom_enable),
	KUNIT_CASE(test_vga_ranges),
	KUNIT_CASE(test_device_specific_region),
	KUNIT_CASE(test_fault_memory_disabled),
	KUNIT_CASE(test_zap_memory_disabled),
	KUNIT_CASE(test_invalidate),
	{}
};

static struct kunit_suite mdev_pci_regions_suite = {
	.name = "mdev_pci_regions",
	.init = test_pci_init,
	.test_cases = mdev_pci_regions_cases,
};

kunit_test_suite(mdev_pci_regions_suite);
