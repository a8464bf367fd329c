// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of a PCI function's MSI-X: table, pending bits, and what is sent.
 * Paragraphs are those of the PCI Local Bus Specification 3.0.
 */

#include "mdev_pci_test_device.h"

#define INTX	VFIO_PCI_INTX_IRQ_INDEX
#define MSIX	VFIO_PCI_MSIX_IRQ_INDEX

static u64 test_table_read(struct test_pci *fixture, unsigned int vector,
			   unsigned int offset, unsigned int size)
{
	return test_pci_read(fixture, TEST_REGISTERS,
			     TEST_MSIX_TABLE + vector * PCI_MSIX_ENTRY_SIZE +
			     offset, size);
}

static void test_table_write(struct test_pci *fixture, unsigned int vector,
			     unsigned int offset, unsigned int size, u64 value)
{
	test_pci_write(fixture, TEST_REGISTERS,
		       TEST_MSIX_TABLE + vector * PCI_MSIX_ENTRY_SIZE + offset,
		       size, value);
}

static u64 test_pba(struct test_pci *fixture)
{
	return test_pci_read(fixture, TEST_REGISTERS, TEST_MSIX_PBA, 8);
}

static void test_mask(struct test_pci *fixture, unsigned int vector, bool mask)
{
	test_table_write(fixture, vector, PCI_MSIX_ENTRY_VECTOR_CTRL, 4, mask);
}

static void test_msix_control(struct test_pci *fixture, u16 flags)
{
	test_pci_write(fixture, TEST_CONFIG,
		       test_pci_capability(fixture, PCI_CAP_ID_MSIX) +
		       PCI_MSIX_FLAGS, 2, flags);
}

static void test_set_eventfds(struct test_pci *fixture)
{
	KUNIT_EXPECT_EQ(fixture->test,
			test_pci_set_eventfds(fixture, MSIX, 0,
					      TEST_MSIX_VECTORS, 0), 0);
}

/* Its table can be accessed, and it may send. */
static struct test_pci *test_decoding(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, TEST_DECODE | PCI_COMMAND_MASTER);
	return fixture;
}

/* A guest that has enabled MSI-X and unmasked all vectors */
static struct test_pci *test_with_msix_enabled(struct kunit *test)
{
	struct test_pci *fixture = test_decoding(test);
	unsigned int i;

	test_set_eventfds(fixture);
	for (i = 0; i < TEST_MSIX_VECTORS; i++)
		test_mask(fixture, i, false);
	test_msix_control(fixture, PCI_MSIX_FLAGS_ENABLE);
	return fixture;
}

/* 6.8.2.3: the table size is the number of vectors, less one. */
static void test_msix_capability(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	unsigned int msix = test_pci_capability(fixture, PCI_CAP_ID_MSIX);

	KUNIT_EXPECT_EQ(test,
			test_pci_read(fixture, TEST_CONFIG,
				      msix + PCI_MSIX_FLAGS, 2),
			TEST_MSIX_VECTORS - 1);
	KUNIT_EXPECT_EQ(test,
			test_pci_read(fixture, TEST_CONFIG,
				      msix + PCI_MSIX_TABLE, 4),
			TEST_MSIX_TABLE | TEST_REGISTERS);
	KUNIT_EXPECT_EQ(test,
			test_pci_read(fixture, TEST_CONFIG,
				      msix + PCI_MSIX_PBA, 4),
			TEST_MSIX_PBA | TEST_REGISTERS);
}

/* 6.8.2.9: masked after a reset, as the rest of an entry is zero with us */
static void test_msix_table_reset(struct kunit *test)
{
	struct test_pci *fixture = test_decoding(test);
	unsigned int i;

	for (i = 0; i < TEST_MSIX_VECTORS; i++) {
		KUNIT_EXPECT_EQ(test, test_table_read(fixture, i, 0, 8), 0);
		KUNIT_EXPECT_EQ(test, test_table_read(fixture, i, 8, 8),
				(u64)PCI_MSIX_ENTRY_CTRL_MASKBIT << 32);
	}
}

/* 6.8.2: four or eight bytes; reserved bits and the pending ones stay. */
static void test_msix_table_access(struct kunit *test)
{
	struct test_pci *fixture = test_decoding(test);

	test_table_write(fixture, 7, 0, 8, 0x1122334455667788);
	test_table_write(fixture, 7, PCI_MSIX_ENTRY_DATA, 4, 0xaabbccdd);
	test_table_write(fixture, 7, PCI_MSIX_ENTRY_VECTOR_CTRL, 4, ~0);
	KUNIT_EXPECT_EQ(test, test_table_read(fixture, 7, 0, 8),
			0x1122334455667788);
	KUNIT_EXPECT_EQ(test, test_table_read(fixture, 7, 8, 8),
			0x1aabbccdd);
	KUNIT_EXPECT_EQ(test, test_table_read(fixture, 7, 2, 2), 0x5566);
	KUNIT_EXPECT_EQ(test, test_table_read(fixture, 7, 9, 1), 0xcc);

	test_table_write(fixture, 7, 0, 4, ~0);
	KUNIT_EXPECT_EQ(test, test_table_read(fixture, 7, 0, 4), ~3U);
	test_table_write(fixture, 7, PCI_MSIX_ENTRY_DATA, 2, 0);
	test_table_write(fixture, 7, PCI_MSIX_ENTRY_DATA, 1, 0);
	KUNIT_EXPECT_EQ(test, test_table_read(fixture, 7, 8, 4), 0xaabbccdd);
	test_pci_write(fixture, TEST_REGISTERS, TEST_MSIX_PBA, 8, ~0ULL);
	KUNIT_EXPECT_EQ(test, test_pba(fixture), 0);
	KUNIT_EXPECT_EQ(test, fixture->accesses, 0);
}

/* 6.8.2: they take the space that they need. The rest is the vendor's. */
static void test_msix_table_bounds(struct kunit *test)
{
	static const u64 offsets[] = {
		TEST_MSIX_TABLE - 8,
		TEST_MSIX_TABLE + TEST_MSIX_VECTORS * PCI_MSIX_ENTRY_SIZE,
		TEST_MSIX_PBA - 8,
		TEST_MSIX_PBA + 8,
	};
	struct test_pci *fixture = test_decoding(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		test_pci_write(fixture, TEST_REGISTERS, offsets[i], 8, i);
		KUNIT_EXPECT_EQ(test, fixture->accesses, i + 1);
		KUNIT_EXPECT_EQ(test, fixture->offset, offsets[i]);
	}
}

/* 6.2.2: they are memory, and decoded as all of that. */
static void test_msix_table_memory_disabled(struct kunit *test)
{
	struct test_pci *fixture = test_decoding(test);

	test_table_write(fixture, 0, PCI_MSIX_ENTRY_DATA, 4, 1);
	test_pci_command(fixture, PCI_COMMAND_IO);
	test_table_write(fixture, 0, PCI_MSIX_ENTRY_DATA, 4, 2);
	KUNIT_EXPECT_EQ(test, test_table_read(fixture, 0, 8, 4), U32_MAX);
	test_pci_command(fixture, PCI_COMMAND_MEMORY);
	KUNIT_EXPECT_EQ(test, test_table_read(fixture, 0, 8, 4), 1);
}

/* A driver in user space leaves the registers alone. */
static void test_msix_by_eventfds(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_set_eventfds(fixture);
	mdev_pci_raise_irq(fixture->pci, 7);
	mdev_pci_raise_irq(fixture->pci, 7);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 7), 2);
}

/* QEMU emulates the table and forwards the other registers. */
static void test_msix_table_emulated_by_vmm(struct kunit *test)
{
	struct test_pci *fixture = test_decoding(test);

	test_set_eventfds(fixture);
	test_msix_control(fixture, PCI_MSIX_FLAGS_ENABLE);
	mdev_pci_raise_irq(fixture->pci, 5);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 5), 1);
}

/* 6.8.2.9: unmasking one vector leaves the others masked, as after a reset. */
static void test_msix_unmask_one(struct kunit *test)
{
	struct test_pci *fixture = test_decoding(test);

	test_set_eventfds(fixture);
	test_mask(fixture, 1, false);
	mdev_pci_raise_irq(fixture->pci, 0);
	mdev_pci_raise_irq(fixture->pci, 1);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 0), 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 1), 1);
	KUNIT_EXPECT_EQ(test, test_pba(fixture), BIT(0));
}

/* 6.8.2.10 and 6.8.3.5: pending while masked, sent once after that */
static void test_msix_vector_masked(struct kunit *test)
{
	struct test_pci *fixture = test_with_msix_enabled(test);

	test_mask(fixture, 6, true);
	mdev_pci_raise_irq(fixture->pci, 6);
	mdev_pci_raise_irq(fixture->pci, 6);
	mdev_pci_raise_irq(fixture->pci, 5);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 6), 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 5), 1);
	KUNIT_EXPECT_EQ(test, test_pba(fixture), BIT(6));
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_REGISTERS,
					    TEST_MSIX_PBA, 1), BIT(6));
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_REGISTERS,
					    TEST_MSIX_PBA + 4, 4), 0);
	test_mask(fixture, 6, false);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 6), 1);
	KUNIT_EXPECT_EQ(test, test_pba(fixture), 0);
}

/* 6.8.2.3, bit 14: masks all, whatever their own mask bits are. */
static void test_msix_function_masked(struct kunit *test)
{
	struct test_pci *fixture = test_with_msix_enabled(test);

	test_mask(fixture, 2, true);
	test_msix_control(fixture,
			  PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	mdev_pci_raise_irq(fixture->pci, 1);
	mdev_pci_raise_irq(fixture->pci, 2);
	KUNIT_EXPECT_EQ(test, test_pba(fixture), BIT(1) | BIT(2));
	test_msix_control(fixture, PCI_MSIX_FLAGS_ENABLE);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 1), 1);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 2), 0);
	KUNIT_EXPECT_EQ(test, test_pba(fixture), BIT(2));
}

/* 6.8.2.3, bit 15, and 6.8.3.3 */
static void test_msix_disabled(struct kunit *test)
{
	struct test_pci *fixture = test_with_msix_enabled(test);

	KUNIT_EXPECT_EQ(test, test_pci_set_eventfds(fixture, INTX, 0, 1,
						    TEST_INTX_FD), 0);
	mdev_pci_raise_irq(fixture->pci, 3);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 3), 1);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, TEST_INTX_FD), 0);
	test_msix_control(fixture, 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, TEST_INTX_FD), 1);
	mdev_pci_raise_irq(fixture->pci, 3);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 3), 0);
}

/* 6.2.2, bit 2 */
static void test_msix_bus_master(struct kunit *test)
{
	struct test_pci *fixture = test_with_msix_enabled(test);

	test_pci_command(fixture, TEST_DECODE);
	mdev_pci_raise_irq(fixture->pci, 4);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 4), 0);
	KUNIT_EXPECT_EQ(test, test_pba(fixture), BIT(4));
	test_pci_command(fixture, TEST_DECODE | PCI_COMMAND_MASTER);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 4), 1);
}

/*
 * 6.8.3.5: a vector without an eventfd is handled as masked. QEMU removes all
 * eventfds and sets more of them when the guest unmasks another vector.
 */
static void test_msix_without_eventfd(struct kunit *test)
{
	struct test_pci *fixture = test_with_msix_enabled(test);

	KUNIT_EXPECT_EQ(test, test_pci_act(fixture, VFIO_IRQ_SET_ACTION_TRIGGER,
					   MSIX, 0, 0), 0);
	mdev_pci_raise_irq(fixture->pci, 0);
	KUNIT_EXPECT_EQ(test, test_pci_set_eventfds(fixture, MSIX, 0, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 0), 1);
	mdev_pci_raise_irq(fixture->pci, 5);
	KUNIT_EXPECT_EQ(test, test_pba(fixture), BIT(5));
	KUNIT_EXPECT_EQ(test, test_pci_act(fixture, VFIO_IRQ_SET_ACTION_TRIGGER,
					   MSIX, 0, 0), 0);
	test_set_eventfds(fixture);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 5), 1);
	KUNIT_EXPECT_EQ(test, test_pba(fixture), 0);
}

/* 6.8.2.3 and 6.8.2.9: disabled and masked after a reset, nothing pending */
static void test_msix_reset(struct kunit *test)
{
	struct test_pci *fixture = test_with_msix_enabled(test);

	test_mask(fixture, 3, true);
	mdev_pci_raise_irq(fixture->pci, 3);
	KUNIT_EXPECT_EQ(test, fixture->ops->reset(fixture->mdev), 0);
	test_decoding(test);
	KUNIT_EXPECT_EQ(test, test_pba(fixture), 0);
	KUNIT_EXPECT_EQ(test, test_table_read(fixture, 0, 12, 4),
			PCI_MSIX_ENTRY_CTRL_MASKBIT);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 3), 0);
	/* Eventfds alone don't enable it again */
	mdev_pci_raise_irq(fixture->pci, 3);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 3), 0);
	test_mask(fixture, 3, false);
	test_msix_control(fixture, PCI_MSIX_FLAGS_ENABLE);
	mdev_pci_raise_irq(fixture->pci, 3);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 3), 1);
}

static struct kunit_case mdev_pci_msix_cases[] = {
	KUNIT_CASE(test_msix_capability),
	KUNIT_CASE(test_msix_table_reset),
	KUNIT_CASE(test_msix_table_access),
	KUNIT_CASE(test_msix_table_bounds),
	KUNIT_CASE(test_msix_table_memory_disabled),
	KUNIT_CASE(test_msix_by_eventfds),
	KUNIT_CASE(test_msix_table_emulated_by_vmm),
	KUNIT_CASE(test_msix_unmask_one),
	KUNIT_CASE(test_msix_vector_masked),
	KUNIT_CASE(test_msix_function_masked),
	KUNIT_CASE(test_msix_disabled),
	KUNIT_CASE(test_msix_bus_master),
	KUNIT_CASE(test_msix_without_eventfd),
	KUNIT_CASE(test_msix_reset),
	{}
};

static struct kunit_suite mdev_pci_msix_suite = {
	.name = "mdev_pci_msix",
	.init = test_pci_init,
	.test_cases = mdev_pci_msix_cases,
};

kunit_test_suite(mdev_pci_msix_suite);
