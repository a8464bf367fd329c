// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI function of the tests, its vendor driver, what its user does with it, and the
 * module mdev_pci_kunit.
 */

#include <kunit/device.h>
#include <kunit/resource.h>
#include <kunit/static_stub.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/pci_ids.h>

#include "../compat.h"
#include "../mdev_private.h"
#include "mdev_pci_test_device.h"

#define TEST_DEVICE_ID	0x10ed

static const guid_t test_pci_uuid = GUID_INIT(0x5b0c7f6e, 0x31d2, 0x4e0c, 0x9b,
					      0x7a, 0x0d, 0x6f, 0x4c, 0x2e,
					      0x81, 0x93);

static const struct mdev_pci_area test_pci_areas[] = {
	{ PAGE_SIZE, PAGE_SIZE },
	{ 4 * PAGE_SIZE, 2 * PAGE_SIZE },
};

static struct test_pci *to_test_pci(struct mdev_pci *pci)
{
	return dev_get_drvdata(mdev_parent_dev(pci->mdev));
}

static void test_vendor_note(struct mdev_pci *pci, bool write,
			     unsigned int region, u64 offset, unsigned int size)
{
	struct test_pci *fixture = to_test_pci(pci);

	fixture->accesses++;
	fixture->write = write;
	fixture->region = region;
	fixture->offset = offset;
	fixture->size = size;
}

static u64 test_vendor_read(struct mdev_pci *pci, unsigned int region,
			    u64 offset, unsigned int size)
{
	test_vendor_note(pci, false, region, offset, size);
	return to_test_pci(pci)->answer;
}

static void test_vendor_write(struct mdev_pci *pci, unsigned int region,
			      u64 offset, unsigned int size, u64 value)
{
	test_vendor_note(pci, true, region, offset, size);
	to_test_pci(pci)->value = value;
}

/* The page is as good as any other. */
static int test_vendor_map(struct mdev_pci *pci, unsigned int region,
			   u64 offset, unsigned long *pfn, unsigned long *size,
			   u32 *flags)
{
	test_vendor_note(pci, false, region, offset, *size);
	*pfn = 0x1234;
	return 0;
}

static int test_vendor_create(struct mdev_pci *pci)
{
	to_test_pci(pci)->pci = pci;
	return 0;
}

static void test_vendor_fill(struct mdev_pci *pci)
{
	struct page *page = mdev_pci_memory_page(pci, TEST_MEMORY, 0);
	__le64 value = cpu_to_le64(TEST_FILL);

	KUNIT_ASSERT_FALSE(to_test_pci(pci)->test, IS_ERR(page));
	memcpy_to_page(page, 0, (char *)&value, sizeof(value));
	put_page(page);
}

static int test_vendor_reset(struct mdev_pci *pci,
			     enum mdev_pci_reset_cause cause)
{
	struct test_pci *fixture = to_test_pci(pci);

	fixture->resets++;
	fixture->reset_cause = cause;
	if (fixture->fill)
		test_vendor_fill(pci);
	return fixture->reset_error;
}

static int test_vendor_run(struct mdev_pci *pci, unsigned int flags)
{
	struct test_pci *fixture = to_test_pci(pci);

	if (!fixture->run_error)
		fixture->run_flags = flags;
	return fixture->run_error;
}

static void test_vendor_halt(struct mdev_pci_parent *parent)
{
	container_of(parent, struct test_pci, parent)->halts++;
}

static int test_vendor_restart(struct mdev_pci_parent *parent)
{
	struct test_pci *fixture = container_of(parent, struct test_pci, parent);

	fixture->restarts++;
	if (fixture->restart_dies)
		mdev_pci_mark_dead(parent);
	return fixture->restart_error;
}

static ssize_t test_vendor_save(struct mdev_pci *pci, void *buf, size_t size)
{
	struct test_pci *fixture = to_test_pci(pci);

	KUNIT_EXPECT_EQ(fixture->test, size, TEST_STATE_SIZE);
	memcpy(buf, fixture->state, size);
	return fixture->save_result ?: size;
}

static int test_vendor_load(struct mdev_pci *pci, u32 version, const void *buf,
			    size_t size)
{
	struct test_pci *fixture = to_test_pci(pci);

	memcpy(fixture->state, buf, size);
	fixture->load_version = version;
	fixture->load_size = size;
	return fixture->load_error;
}

static int test_vendor_track(struct mdev_pci *pci, bool track)
{
	struct test_pci *fixture = to_test_pci(pci);

	if (!fixture->track_error)
		fixture->tracks = track;
	return fixture->track_error;
}

static ssize_t test_vendor_save_part(struct mdev_pci *pci, void *buf,
				     size_t size)
{
	struct test_pci *fixture = to_test_pci(pci);

	KUNIT_EXPECT_TRUE(fixture->test, fixture->tracks);
	if (fixture->part_error || !fixture->parts)
		return fixture->part_error;
	*(u8 *)buf = fixture->parts--;
	return 1;
}

static int test_vendor_load_part(struct mdev_pci *pci, u32 version,
				 const void *buf, size_t size)
{
	struct test_pci *fixture = to_test_pci(pci);

	KUNIT_EXPECT_EQ(fixture->test, size, 1);
	fixture->load_version = version;
	fixture->parts_loaded += *(u8 *)buf;
	return fixture->part_error;
}

static void test_vendor_parts_left(struct mdev_pci *pci, u64 *initial,
				   u64 *dirty)
{
	*dirty += to_test_pci(pci)->parts;
}

static const u8 test_pci_rom[TEST_ROM_SIZE] = {
	[0] = 0x55,
	[1] = 0xaa,
	[TEST_ROM_SIZE - 1] = 0x11,
};

static const struct mdev_pci_region test_pci_regions[] = {
	{
		.size = 2 * PAGE_SIZE,
		.memory = true,
		.type = VFIO_REGION_TYPE_GFX,
		.subtype = VFIO_REGION_SUBTYPE_GFX_EDID,
	},
	{
		.size = 8,
		.read = test_vendor_read,
		.write = test_vendor_write,
		.type = VFIO_REGION_TYPE_PCI_VENDOR_TYPE |
			PCI_VENDOR_ID_REDHAT,
		.subtype = 7,
	},
};

/* One of everything */
static const struct mdev_pci_function test_pci_function = {
	.vendor = PCI_VENDOR_ID_REDHAT,
	.device = TEST_DEVICE_ID,
	.class = PCI_CLASS_MEMORY_OTHER << 8,
	.interrupt_pin = 1,
	.capabilities = MDEV_PCI_PM | MDEV_PCI_EXPRESS | MDEV_PCI_FLR,
	.bar[TEST_REGISTERS] = {
		.size = 0x1000,
		.read = test_vendor_read,
		.write = test_vendor_write,
	},
	.bar[TEST_PORTS] = {
		.flags = PCI_BASE_ADDRESS_SPACE_IO,
		.size = 16,
		.width = 2,
		.read = test_vendor_read,
		.write = test_vendor_write,
	},
	.bar[TEST_MEMORY] = {
		.flags = PCI_BASE_ADDRESS_MEM_TYPE_64 |
			 PCI_BASE_ADDRESS_MEM_PREFETCH,
		.size = TEST_MEMORY_PAGES * PAGE_SIZE,
		.memory = true,
	},
	.bar[TEST_MAPPED] = {
		.size = 8 * PAGE_SIZE,
		.map = test_vendor_map,
		.caching = MDEV_REGION_UNCACHED,
		.areas = test_pci_areas,
		.nr_areas = ARRAY_SIZE(test_pci_areas),
	},
	.rom = test_pci_rom,
	.rom_size = TEST_ROM_SIZE,
	.vga = {
		.size = 0xc0000,
		.width = 1,
		.read = test_vendor_read,
		.write = test_vendor_write,
	},
	.regions = test_pci_regions,
	.nr_regions = ARRAY_SIZE(test_pci_regions),
	.msi = {
		.vectors = TEST_MSI_VECTORS,
		.wide = true,
		.maskable = true,
	},
	.msix = {
		.vectors = TEST_MSIX_VECTORS,
		.table_bar = TEST_REGISTERS,
		.pba_bar = TEST_REGISTERS,
		.table_offset = TEST_MSIX_TABLE,
		.pba_offset = TEST_MSIX_PBA,
	},
};

static struct eventfd_ctx *test_eventfd_get(int fd)
{
	struct test_pci *fixture = kunit_get_current_test()->priv;

	fixture->eventfds[fd].references++;
	return (struct eventfd_ctx *)&fixture->eventfds[fd];
}

static void test_eventfd_put(struct eventfd_ctx *eventfd)
{
	((struct test_pci_eventfd *)eventfd)->references--;
}

static void test_eventfd_signal(struct eventfd_ctx *eventfd)
{
	((struct test_pci_eventfd *)eventfd)->signals++;
}

/* vfio_mdev, which comes with the first parent, would take the devices. */
int test_pci_skip(struct kunit *test)
{
	if (driver_find("vfio_mdev", &mdev_bus_type))
		kunit_skip(test, "vfio_mdev is loaded: keep it from that");
	return 0;
}

/* A parent that is not registered yet */
struct test_pci *test_pci_new(struct kunit *test)
{
	struct test_pci *fixture = kunit_kzalloc(test, sizeof(*fixture),
						 GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fixture);
	test->priv = fixture;
	kunit_activate_static_stub(test, mdev_eventfd_get, test_eventfd_get);
	kunit_activate_static_stub(test, mdev_eventfd_put, test_eventfd_put);
	kunit_activate_static_stub(test, mdev_eventfd_signal,
				   test_eventfd_signal);

	fixture->test = test;
	fixture->function = test_pci_function;
	fixture->type.name = "a";
	fixture->type.function = &fixture->function;
	fixture->type.units = 1;
	fixture->driver = (struct mdev_pci_driver) {
		.ops.owner = THIS_MODULE,
		.types = &fixture->type,
		.nr_types = 1,
		.device_size = sizeof(struct mdev_pci),
		.state_version = 3,
		.state_min_version = 2,
		.state_size = TEST_STATE_SIZE,
		.create = test_vendor_create,
		.reset = test_vendor_reset,
		.run = test_vendor_run,
		.save = test_vendor_save,
		.load = test_vendor_load,
		.track_changes = test_vendor_track,
		.save_part = test_vendor_save_part,
		.load_part = test_vendor_load_part,
		.parts_left = test_vendor_parts_left,
		.halt = test_vendor_halt,
		.restart = test_vendor_restart,
	};
	return fixture;
}

static void test_pci_tear_down(struct test_pci *fixture)
{
	unsigned int i;

	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		test_pci_act(fixture, VFIO_IRQ_SET_ACTION_TRIGGER, i, 0, 0);
	for (i = 0; i < TEST_FDS; i++)
		KUNIT_EXPECT_EQ(fixture->test, fixture->eventfds[i].references,
				0);
}

static void test_pci_end(void *data)
{
	struct test_pci *fixture = data;

	if (fixture->mdev) {
		test_pci_tear_down(fixture);
		fixture->ops->release(fixture->mdev);
	}
	mdev_pci_unregister(&fixture->parent);
}

/* The parent and a device, opened, for as long as the test runs */
void test_pci_create(struct test_pci *fixture)
{
	struct kunit *test = fixture->test;
	struct mdev_parent *parent;
	int ret;

	fixture->dev = kunit_device_register(test, "mdev_pci_kunit");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, fixture->dev);
	dev_set_drvdata(fixture->dev, fixture);
	KUNIT_ASSERT_EQ(test, mdev_pci_register(&fixture->parent, fixture->dev,
						&fixture->driver, 1), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, test_pci_end,
							fixture), 0);

	parent = mdev_parent_lookup(fixture->dev);
	KUNIT_ASSERT_NOT_NULL(test, parent);
	ret = mdev_device_create(parent->types[0], &test_pci_uuid);
	mdev_parent_put(parent);
	KUNIT_ASSERT_EQ(test, ret, 0);

	fixture->mdev = fixture->pci->mdev;
	fixture->ops = mdev_parent_ops(fixture->mdev);
	KUNIT_ASSERT_EQ(test, fixture->ops->open(fixture->mdev), 0);
}

int test_pci_init(struct kunit *test)
{
	test_pci_skip(test);
	test_pci_create(test_pci_new(test));
	return 0;
}

static loff_t test_pci_pos(unsigned int index, u64 offset)
{
	return (u64)index << MDEV_REGION_SHIFT | offset;
}

u64 test_pci_read(struct test_pci *fixture, unsigned int index, u64 offset,
		  unsigned int size)
{
	__le64 value = 0;

	KUNIT_EXPECT_EQ(fixture->test,
			fixture->ops->read(fixture->mdev, (char *)&value, size,
					   test_pci_pos(index, offset)), size);
	return le64_to_cpu(value);
}

void test_pci_write(struct test_pci *fixture, unsigned int index, u64 offset,
		    unsigned int size, u64 value)
{
	__le64 bytes = cpu_to_le64(value);

	KUNIT_EXPECT_EQ(fixture->test,
			fixture->ops->write(fixture->mdev, (char *)&bytes, size,
					    test_pci_pos(index, offset)), size);
	/* As vfio_mdev does */
	if (test_and_clear_bit(MDEV_RESET_REQUESTED, &fixture->mdev->flags))
		fixture->ops->function_reset(fixture->mdev);
}

/* Where it is, which must be somewhere */
unsigned int test_pci_capability(struct test_pci *fixture, u8 id)
{
	unsigned int offset = test_pci_read(fixture, TEST_CONFIG,
					    PCI_CAPABILITY_LIST, 1);

	while (offset && test_pci_read(fixture, TEST_CONFIG, offset, 1) != id)
		offset = test_pci_read(fixture, TEST_CONFIG,
				       offset + PCI_CAP_LIST_NEXT, 1);
	KUNIT_ASSERT_NE(fixture->test, offset, 0);
	return offset;
}

void test_pci_command(struct test_pci *fixture, u16 command)
{
	test_pci_write(fixture, TEST_CONFIG, PCI_COMMAND, 2, command);
}

void test_pci_power(struct test_pci *fixture, unsigned int state)
{
	test_pci_write(fixture, TEST_CONFIG,
		       test_pci_capability(fixture, PCI_CAP_ID_PM) +
		       PCI_PM_CTRL, 2, state);
}

/* From @fd on, one for each vector, or none where @fd is -1 */
int test_pci_set_eventfds(struct test_pci *fixture, u32 index, u32 start,
			  u32 count, int fd)
{
	s32 fds[TEST_FDS];
	u32 i;

	for (i = 0; i < count; i++)
		fds[i] = fd < 0 ? fd : fd + i;
	return fixture->ops->set_irqs(fixture->mdev,
				      VFIO_IRQ_SET_DATA_EVENTFD |
				      VFIO_IRQ_SET_ACTION_TRIGGER,
				      index, start, count, fds);
}

int test_pci_act(struct test_pci *fixture, u32 action, u32 index, u32 start,
		 u32 count)
{
	return fixture->ops->set_irqs(fixture->mdev,
				      VFIO_IRQ_SET_DATA_NONE | action, index,
				      start, count, NULL);
}

/* Signals of an eventfd since the last call */
int test_pci_signals(struct test_pci *fixture, unsigned int fd)
{
	int signals = fixture->eventfds[fd].signals;

	fixture->eventfds[fd].signals = 0;
	return signals;
}

MODULE_IMPORT_NS(MDEV_KUNIT_NAMESPACE);
MODULE_IMPORT_NS(MDEV_BUS_NAMESPACE);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of PCI functions for mediated devices");
