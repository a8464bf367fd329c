// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of a PCI function that has nothing but IDs and some registers:
 * what is absent from a description is absent from the function.
 */

#include <linux/pci_ids.h>

#include "mdev_pci_test_device.h"

/* Where in state data the registers that were written are: behind two headers */
#define TEST_STATE_WRITTEN	(16 + PCI_CFG_SPACE_SIZE + 16)

static int test_bare_init(struct kunit *test)
{
	struct test_pci *fixture;

	test_pci_skip(test);
	fixture = test_pci_new(test);
	fixture->function = (struct mdev_pci_function) {
		.vendor = PCI_VENDOR_ID_REDHAT,
		.device = 0x10ed,
		.class = PCI_CLASS_MEMORY_OTHER << 8,
		.bar[0] = fixture->function.bar[TEST_REGISTERS],
	};
	test_pci_create(fixture);
	return 0;
}

static void test_region_info(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct vfio_info_cap info_caps = {};
	struct vfio_device_info info = {};
	u32 i;

	KUNIT_EXPECT_EQ(test,
			fixture->ops->get_device_info(fixture->mdev, &info,
						      &info_caps), 0);
	KUNIT_EXPECT_EQ(test, info_caps.size, 0);
	KUNIT_EXPECT_EQ(test, info.num_regions, VFIO_PCI_NUM_REGIONS);
	for (i = 0; i < info.num_regions; i++) {
		struct vfio_region_info region = { .index = i };
		struct vfio_info_cap caps = {};

		KUNIT_EXPECT_EQ(test,
				fixture->ops->get_region_info(fixture->mdev,
							      &region, &caps),
				0);
		KUNIT_EXPECT_EQ(test, !!region.size,
				i == 0 || i == TEST_CONFIG);
		KUNIT_EXPECT_EQ(test, caps.size, 0);
	}
}

/* PCI 3.0, 6.2.4 and 6.8: it has no way to interrupt. */
static void test_get_irq_info(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	u32 i;

	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		struct vfio_irq_info info = { .index = i };

		KUNIT_EXPECT_EQ(test,
				fixture->ops->get_irq_info(fixture->mdev,
							   &info), 0);
		KUNIT_EXPECT_EQ(test, info.count, i >= VFIO_PCI_ERR_IRQ_INDEX);
		KUNIT_EXPECT_EQ(test, info.flags, i >= VFIO_PCI_ERR_IRQ_INDEX ?
						  VFIO_IRQ_INFO_EVENTFD : 0);
	}
	mdev_pci_raise_irq(fixture->pci, 0);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_CONFIG, PCI_STATUS,
					    2) & PCI_STATUS_INTERRUPT, 0);
	mdev_pci_lower_irq(fixture->pci, 0);
}

/* Where no table and no pending bits are, all is the vendor's. */
static void test_no_msix_table(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, TEST_DECODE);
	test_pci_write(fixture, TEST_REGISTERS, 0, 4, 1);
	test_pci_write(fixture, TEST_REGISTERS, TEST_MSIX_TABLE, 4, 1);
	KUNIT_EXPECT_EQ(test, fixture->accesses, 2);
}

/* Without memory, the state has one size, and nothing to copy in advance. */
static void test_migration_state_size(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	const struct mdev_migration_ops *ops = fixture->ops->migration;
	size_t size = ops->data_size(fixture->mdev);
	void *buf = kunit_kzalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	test_pci_write(fixture, TEST_CONFIG, PCI_INTERRUPT_LINE, 1, 11);
	KUNIT_EXPECT_EQ(test, ops->set_state(fixture->mdev,
					     VFIO_DEVICE_STATE_RUNNING,
					     VFIO_DEVICE_STATE_PRE_COPY), 0);
	KUNIT_EXPECT_EQ(test, ops->data_size(fixture->mdev), size);
	KUNIT_EXPECT_EQ(test, ops->save(fixture->mdev, buf, size), size);
	test_pci_write(fixture, TEST_CONFIG, PCI_INTERRUPT_LINE, 1, 5);
	KUNIT_EXPECT_EQ(test, ops->load(fixture->mdev, buf, size), 0);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_CONFIG,
					    PCI_INTERRUPT_LINE, 1), 11);
}

/* State data with written values of absent registers is invalid. */
static void test_load_absent_registers(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	const struct mdev_migration_ops *ops = fixture->ops->migration;
	size_t size = ops->data_size(fixture->mdev);
	u8 *buf = kunit_kzalloc(test, size, GFP_KERNEL);
	unsigned int bit;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, ops->save(fixture->mdev, buf, size), size);
	for (bit = 0; bit < 3; bit++) {
		buf[TEST_STATE_WRITTEN] = BIT(bit);
		KUNIT_EXPECT_EQ(test, ops->load(fixture->mdev, buf, size),
				-EINVAL);
	}
}

static struct kunit_case mdev_pci_minimal_cases[] = {
	KUNIT_CASE(test_region_info),
	KUNIT_CASE(test_get_irq_info),
	KUNIT_CASE(test_no_msix_table),
	KUNIT_CASE(test_migration_state_size),
	KUNIT_CASE(test_load_absent_registers),
	{}
};

static struct kunit_suite mdev_pci_minimal_suite = {
	.name = "mdev_pci_minimal",
	.init = test_bare_init,
	.test_cases = mdev_pci_minimal_cases,
};

kunit_test_suite(mdev_pci_minimal_suite);
