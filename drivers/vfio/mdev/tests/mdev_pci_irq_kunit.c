// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of a PCI function's INTx and MSI: which eventfds are signalled
 * while interrupts are enabled, disabled, masked or have no eventfd. Paragraphs
 * are those of the PCI Local Bus Specification 3.0.
 */

#include <linux/bitfield.h>
#include <linux/log2.h>

#include "mdev_pci_test_device.h"

#define INTX	VFIO_PCI_INTX_IRQ_INDEX
#define MSI	VFIO_PCI_MSI_IRQ_INDEX
#define MSIX	VFIO_PCI_MSIX_IRQ_INDEX
#define UNMASK	VFIO_IRQ_SET_ACTION_UNMASK
#define TRIGGER	VFIO_IRQ_SET_ACTION_TRIGGER

static void test_expect_info(struct kunit *test, u32 index, u32 flags,
			     u32 count)
{
	struct test_pci *fixture = test->priv;
	struct vfio_irq_info info = { .index = index };

	KUNIT_EXPECT_EQ(test, fixture->ops->get_irq_info(fixture->mdev, &info),
			0);
	KUNIT_EXPECT_EQ(test, info.flags, flags);
	KUNIT_EXPECT_EQ(test, info.count, count);
}

static void test_get_irq_info(struct kunit *test)
{
	test_expect_info(test, INTX,
			 VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
			 VFIO_IRQ_INFO_AUTOMASKED, 1);
	test_expect_info(test, MSI, VFIO_IRQ_INFO_EVENTFD |
				    VFIO_IRQ_INFO_NORESIZE, TEST_MSI_VECTORS);
	test_expect_info(test, MSIX, VFIO_IRQ_INFO_EVENTFD, TEST_MSIX_VECTORS);
	test_expect_info(test, VFIO_PCI_ERR_IRQ_INDEX, VFIO_IRQ_INFO_EVENTFD,
			 1);
	test_expect_info(test, VFIO_PCI_REQ_IRQ_INDEX, VFIO_IRQ_INFO_EVENTFD,
			 1);
}

/* Userspace has set an eventfd for INTx */
static struct test_pci *test_with_intx(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, test_pci_set_eventfds(fixture, INTX, 0, 1,
						    TEST_INTX_FD), 0);
	return fixture;
}

static int test_intx_signals(struct test_pci *fixture)
{
	return test_pci_signals(fixture, TEST_INTX_FD);
}

static int test_unmask(struct test_pci *fixture)
{
	return test_pci_act(fixture, UNMASK, INTX, 0, 1);
}

static bool test_status(struct test_pci *fixture)
{
	return test_pci_read(fixture, TEST_CONFIG, PCI_STATUS, 2) &
	       PCI_STATUS_INTERRUPT;
}

/* 2.2.6: INTx stays asserted until each vector that raised it is lowered. */
static void test_intx_level(struct kunit *test)
{
	struct test_pci *fixture = test_with_intx(test);

	mdev_pci_raise_irq(fixture->pci, 0);
	mdev_pci_raise_irq(fixture->pci, 3);
	mdev_pci_raise_irq(fixture->pci, 3);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 1);
	mdev_pci_lower_irq(fixture->pci, 0);
	KUNIT_EXPECT_EQ(test, test_unmask(fixture), 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 1);
	mdev_pci_lower_irq(fixture->pci, 3);
	KUNIT_EXPECT_EQ(test, test_unmask(fixture), 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 0);
}

/* 6.2.2, bit 10; 6.2.3, bit 3: Interrupt Status ignores Interrupt Disable. */
static void test_intx_disabled(struct kunit *test)
{
	struct test_pci *fixture = test_with_intx(test);

	test_pci_command(fixture, PCI_COMMAND_INTX_DISABLE);
	KUNIT_EXPECT_FALSE(test, test_status(fixture));
	mdev_pci_raise_irq(fixture->pci, 1);
	KUNIT_EXPECT_TRUE(test, test_status(fixture));
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 0);
	test_pci_command(fixture, 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 1);

	test_pci_command(fixture, PCI_COMMAND_INTX_DISABLE);
	KUNIT_EXPECT_EQ(test, test_unmask(fixture), 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 0);
	mdev_pci_lower_irq(fixture->pci, 1);
	KUNIT_EXPECT_FALSE(test, test_status(fixture));
}

/* PCI Power Management 1.2, 5.4.1: nothing is signalled in D3hot. */
static void test_intx_d3hot(struct kunit *test)
{
	struct test_pci *fixture = test_with_intx(test);

	test_pci_power(fixture, 3);
	mdev_pci_raise_irq(fixture->pci, 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 0);
	test_pci_power(fixture, 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 1);
}

static void test_vector_out_of_range(struct kunit *test)
{
	struct test_pci *fixture = test_with_intx(test);

	mdev_pci_raise_irq(fixture->pci, TEST_MSIX_VECTORS);
	mdev_pci_raise_irq(fixture->pci, UINT_MAX);
	mdev_pci_lower_irq(fixture->pci, TEST_MSIX_VECTORS);
	KUNIT_EXPECT_FALSE(test, test_status(fixture));
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 0);
}

/* 4.3.1.1: a reset deasserts INTx; the eventfds stay set. */
static void test_intx_reset(struct kunit *test)
{
	struct test_pci *fixture = test_with_intx(test);

	mdev_pci_raise_irq(fixture->pci, 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 1);
	KUNIT_EXPECT_EQ(test, fixture->ops->reset(fixture->mdev), 0);
	KUNIT_EXPECT_FALSE(test, test_status(fixture));
	KUNIT_EXPECT_EQ(test, test_unmask(fixture), 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 0);
	mdev_pci_raise_irq(fixture->pci, 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 1);
}

/* ->request() signals the REQ eventfd, so that userspace closes the device. */
static void test_req_irq(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	fixture->ops->request(fixture->mdev, 0);
	KUNIT_EXPECT_EQ(test,
			test_pci_set_eventfds(fixture, VFIO_PCI_REQ_IRQ_INDEX,
					      0, 1, TEST_REQUEST_FD), 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, TEST_REQUEST_FD), 0);
	fixture->ops->request(fixture->mdev, 1);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, TEST_REQUEST_FD), 1);
}

/* Messages of MSI */

static void test_msi_write(struct test_pci *fixture, unsigned int reg,
			   unsigned int size, u32 value)
{
	test_pci_write(fixture, TEST_CONFIG,
		       test_pci_capability(fixture, PCI_CAP_ID_MSI) + reg,
		       size, value);
}

static u32 test_msi_pending(struct test_pci *fixture)
{
	return test_pci_read(fixture, TEST_CONFIG,
			     test_pci_capability(fixture, PCI_CAP_ID_MSI) +
			     PCI_MSI_PENDING_64, 4);
}

/* Enable 1 << @log messages, as the guest's driver does */
static void test_msi_enable(struct test_pci *fixture, unsigned int log)
{
	test_msi_write(fixture, PCI_MSI_FLAGS, 2,
		       PCI_MSI_FLAGS_ENABLE |
		       FIELD_PREP(PCI_MSI_FLAGS_QSIZE, log));
}

/* Userspace has set an eventfd for each message */
static struct test_pci *test_with_msi(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, test_pci_set_eventfds(fixture, MSI, 0,
						    TEST_MSI_VECTORS, 0), 0);
	return fixture;
}

/* As test_with_msi(), and the guest has enabled all messages */
static struct test_pci *test_with_msi_enabled(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi(test);

	test_pci_command(fixture, PCI_COMMAND_MASTER);
	test_msi_enable(fixture, ilog2(TEST_MSI_VECTORS));
	return fixture;
}

/* Eventfds alone enable MSI: userspace drivers don't write its registers. */
static void test_msi_by_eventfds(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi(test);

	mdev_pci_raise_irq(fixture->pci, 2);
	mdev_pci_raise_irq(fixture->pci, 2);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 2), 2);
	mdev_pci_lower_irq(fixture->pci, 2);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 2), 0);
}

/* 6.8.3.3: INTx is not signalled while MSI is enabled. */
static void test_msi_disables_intx(struct kunit *test)
{
	struct test_pci *fixture = test_with_intx(test);

	test_with_msi(test);
	mdev_pci_raise_irq(fixture->pci, 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 0), 1);
	KUNIT_EXPECT_TRUE(test, test_status(fixture));
	/* Vector 0 is still raised: INTx is signalled once MSI is disabled */
	KUNIT_EXPECT_EQ(test, test_pci_act(fixture, TRIGGER, MSI, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 1);
}

/* 6.8.3.3: MSI Enable turns INTx off even if MSI has no eventfds. */
static void test_msi_enable_without_eventfd(struct kunit *test)
{
	struct test_pci *fixture = test_with_intx(test);

	mdev_pci_raise_irq(fixture->pci, 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 1);
	test_msi_enable(fixture, 0);
	KUNIT_EXPECT_EQ(test, test_unmask(fixture), 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 0);
	test_msi_write(fixture, PCI_MSI_FLAGS, 2, 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 1);
}

/* 6.8.1.3, bit 0: no message is sent while MSI Enable is clear. */
static void test_msi_disabled(struct kunit *test)
{
	struct test_pci *fixture = test_with_intx(test);

	test_with_msi_enabled(test);
	mdev_pci_raise_irq(fixture->pci, 1);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 1), 1);
	mdev_pci_lower_irq(fixture->pci, 1);

	test_msi_write(fixture, PCI_MSI_FLAGS, 2, 0);
	mdev_pci_raise_irq(fixture->pci, 1);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 1), 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 1);
}

/* 6.8.1.7, 6.8.1.8 and 6.8.3.5: pending while masked, sent once after that */
static void test_msi_masked(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi_enabled(test);

	test_msi_write(fixture, PCI_MSI_MASK_64, 4, BIT(1));
	mdev_pci_raise_irq(fixture->pci, 1);
	mdev_pci_raise_irq(fixture->pci, 1);
	mdev_pci_raise_irq(fixture->pci, 2);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 1), 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 2), 1);
	KUNIT_EXPECT_EQ(test, test_msi_pending(fixture), BIT(1));

	test_msi_write(fixture, PCI_MSI_MASK_64, 4, 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 1), 1);
	KUNIT_EXPECT_EQ(test, test_msi_pending(fixture), 0);
}

/* 6.8.3.5: lowering a vector clears its pending bit. */
static void test_msi_pending_lowered(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi_enabled(test);

	test_msi_write(fixture, PCI_MSI_MASK_64, 4, BIT(1));
	mdev_pci_raise_irq(fixture->pci, 1);
	mdev_pci_lower_irq(fixture->pci, 1);
	KUNIT_EXPECT_EQ(test, test_msi_pending(fixture), 0);
	test_msi_write(fixture, PCI_MSI_MASK_64, 4, 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 1), 0);
}

/* 6.8.3.5: a pending bit stays while another vector of its message is raised. */
static void test_msi_pending_shared(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi_enabled(test);

	test_msi_enable(fixture, 0);
	test_msi_write(fixture, PCI_MSI_MASK_64, 4, BIT(0));
	mdev_pci_raise_irq(fixture->pci, 1);
	mdev_pci_raise_irq(fixture->pci, 2);
	mdev_pci_lower_irq(fixture->pci, 1);
	KUNIT_EXPECT_EQ(test, test_msi_pending(fixture), BIT(0));
	mdev_pci_lower_irq(fixture->pci, 2);
	KUNIT_EXPECT_EQ(test, test_msi_pending(fixture), 0);
}

/* mdev_pci_trigger_irq() sends a message; it never asserts INTx */
static void test_trigger_irq(struct kunit *test)
{
	struct test_pci *fixture = test_with_intx(test);

	mdev_pci_trigger_irq(fixture->pci, 1);
	mdev_pci_trigger_irq(fixture->pci, UINT_MAX);
	KUNIT_EXPECT_FALSE(test, test_status(fixture));
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 0);

	test_with_msi_enabled(test);
	mdev_pci_trigger_irq(fixture->pci, 1);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 1), 1);
	test_msi_write(fixture, PCI_MSI_MASK_64, 4, BIT(1));
	mdev_pci_trigger_irq(fixture->pci, 1);
	KUNIT_EXPECT_EQ(test, test_msi_pending(fixture), BIT(1));
	test_msi_write(fixture, PCI_MSI_MASK_64, 4, 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 1), 1);
	KUNIT_EXPECT_FALSE(test, test_status(fixture));
}

/* Lowering a vector keeps the pending edge of another with the same message. */
static void test_trigger_irq_shared(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi_enabled(test);

	test_msi_enable(fixture, 0);
	test_msi_write(fixture, PCI_MSI_MASK_64, 4, BIT(0));
	mdev_pci_trigger_irq(fixture->pci, 0);
	mdev_pci_raise_irq(fixture->pci, 1);
	mdev_pci_lower_irq(fixture->pci, 1);
	KUNIT_EXPECT_EQ(test, test_msi_pending(fixture), BIT(0));
}

static void test_err_irq(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	KUNIT_EXPECT_EQ(test,
			test_pci_set_eventfds(fixture, VFIO_PCI_ERR_IRQ_INDEX,
					      0, 1, TEST_REQUEST_FD), 0);
	mdev_pci_trigger_error(fixture->pci);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, TEST_REQUEST_FD), 1);
	mdev_pci_trigger_request(fixture->pci);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, TEST_REQUEST_FD), 0);
}

/* 6.8.1.8: software can't make a message pending. */
static void test_msi_pending_read_only(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi_enabled(test);

	test_msi_write(fixture, PCI_MSI_MASK_64, 4, BIT(0));
	mdev_pci_raise_irq(fixture->pci, 0);
	test_msi_write(fixture, PCI_MSI_PENDING_64, 4, BIT(3));
	KUNIT_EXPECT_EQ(test, test_msi_pending(fixture), BIT(0));
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 3), 0);
}

/* 6.8.1.3, bits 4 to 6: vectors share the messages that are enabled. */
static void test_msi_multiple_message_enable(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi_enabled(test);

	test_msi_enable(fixture, 1);
	mdev_pci_raise_irq(fixture->pci, 3);
	mdev_pci_raise_irq(fixture->pci, 6);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 3), 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 1), 1);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 0), 1);
	test_msi_enable(fixture, 0);
	mdev_pci_raise_irq(fixture->pci, 3);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 0), 1);
}

/* 6.8.1.3: Multiple Message Enable is limited to Multiple Message Capable. */
static void test_msi_multiple_message_capable(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi_enabled(test);

	test_msi_enable(fixture, 5);
	mdev_pci_raise_irq(fixture->pci, TEST_MSI_VECTORS + 1);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 1), 1);
}

/* If fewer messages are enabled, a pending vector is sent as the shared one. */
static void test_msi_multiple_message_pending(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi_enabled(test);

	test_msi_write(fixture, PCI_MSI_MASK_64, 4, BIT(3));
	mdev_pci_raise_irq(fixture->pci, 3);
	KUNIT_EXPECT_EQ(test, test_msi_pending(fixture), BIT(3));
	test_msi_enable(fixture, 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 0), 1);
	KUNIT_EXPECT_EQ(test, test_msi_pending(fixture), 0);
}

/* If only eventfds enable MSI, their number is the number of messages. */
static void test_msi_fewer_eventfds(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, test_pci_set_eventfds(fixture, MSI, 0, 2, 0), 0);
	mdev_pci_raise_irq(fixture->pci, 3);
	mdev_pci_raise_irq(fixture->pci, 2);
	mdev_pci_raise_irq(fixture->pci, 7);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 1), 2);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 0), 1);
}

/* 6.2.2, bit 2: messages are memory writes: none without Bus Master. */
static void test_msi_bus_master(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi_enabled(test);

	test_pci_command(fixture, 0);
	mdev_pci_raise_irq(fixture->pci, 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 0), 0);
	test_pci_command(fixture, PCI_COMMAND_MASTER);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 0), 1);
}

/* PCI Power Management 1.2, 5.4.1 */
static void test_msi_d3hot(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi_enabled(test);

	test_pci_power(fixture, 3);
	mdev_pci_raise_irq(fixture->pci, 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 0), 0);
	test_pci_power(fixture, 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 0), 1);
}

/*
 * 6.8.3.5: a message without an eventfd is handled as masked: it is pending
 * until userspace sets one, and dropped when MSI is disabled.
 */
static void test_msi_without_eventfd(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, PCI_COMMAND_MASTER);
	test_msi_enable(fixture, 2);
	mdev_pci_raise_irq(fixture->pci, 1);
	KUNIT_EXPECT_EQ(test, test_msi_pending(fixture), BIT(1));
	test_with_msi(test);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 1), 1);
	KUNIT_EXPECT_EQ(test, test_msi_pending(fixture), 0);

	KUNIT_EXPECT_EQ(test, test_pci_act(fixture, TRIGGER, MSI, 0, 0), 0);
	mdev_pci_raise_irq(fixture->pci, 2);
	test_msi_write(fixture, PCI_MSI_FLAGS, 2, 0);
	test_msi_enable(fixture, 2);
	test_with_msi(test);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 2), 0);
}

/*
 * 6.8.1.3: disabled after a reset, though the eventfds are still there. INTx is used
 * until the guest has enabled MSI again.
 */
static void test_msi_reset(struct kunit *test)
{
	struct test_pci *fixture = test_with_intx(test);

	test_with_msi_enabled(test);
	test_msi_write(fixture, PCI_MSI_MASK_64, 4, BIT(0));
	mdev_pci_raise_irq(fixture->pci, 0);
	KUNIT_EXPECT_EQ(test, fixture->ops->reset(fixture->mdev), 0);
	KUNIT_EXPECT_EQ(test, test_msi_pending(fixture), 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 0), 0);
	mdev_pci_raise_irq(fixture->pci, 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 0), 0);
	KUNIT_EXPECT_EQ(test, test_intx_signals(fixture), 1);
	mdev_pci_lower_irq(fixture->pci, 0);
	test_msi_enable(fixture, ilog2(TEST_MSI_VECTORS));
	mdev_pci_raise_irq(fixture->pci, 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 0), 1);
}

/* A userspace driver that has never written the enable bit, over a reset */
static void test_msi_reset_by_eventfds(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi(test);

	KUNIT_EXPECT_EQ(test, fixture->ops->reset(fixture->mdev), 0);
	mdev_pci_raise_irq(fixture->pci, 2);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 2), 1);
}

/* After the last close, the next user can be one that writes no registers. */
static void test_msi_reopen(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi_enabled(test);

	fixture->ops->release(fixture->mdev);
	KUNIT_EXPECT_EQ(test, fixture->ops->open(fixture->mdev), 0);
	mdev_pci_raise_irq(fixture->pci, 2);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 2), 1);
}

/* Writes to registers other than the enable bit don't change how MSI is enabled. */
static void test_msi_address_written(struct kunit *test)
{
	struct test_pci *fixture = test_with_msi(test);

	test_msi_write(fixture, PCI_MSI_ADDRESS_LO, 4, 0xfee00000);
	test_msi_write(fixture, PCI_MSI_DATA_64, 2, 0x41);
	mdev_pci_raise_irq(fixture->pci, 2);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 2), 1);
}

static struct kunit_case mdev_pci_irq_cases[] = {
	KUNIT_CASE(test_get_irq_info),
	KUNIT_CASE(test_intx_level),
	KUNIT_CASE(test_intx_disabled),
	KUNIT_CASE(test_intx_d3hot),
	KUNIT_CASE(test_vector_out_of_range),
	KUNIT_CASE(test_intx_reset),
	KUNIT_CASE(test_req_irq),
	KUNIT_CASE(test_msi_by_eventfds),
	KUNIT_CASE(test_msi_disables_intx),
	KUNIT_CASE(test_msi_enable_without_eventfd),
	KUNIT_CASE(test_msi_disabled),
	KUNIT_CASE(test_msi_masked),
	KUNIT_CASE(test_msi_pending_lowered),
	KUNIT_CASE(test_msi_pending_shared),
	KUNIT_CASE(test_trigger_irq),
	KUNIT_CASE(test_trigger_irq_shared),
	KUNIT_CASE(test_err_irq),
	KUNIT_CASE(test_msi_pending_read_only),
	KUNIT_CASE(test_msi_multiple_message_enable),
	KUNIT_CASE(test_msi_multiple_message_capable),
	KUNIT_CASE(test_msi_multiple_message_pending),
	KUNIT_CASE(test_msi_fewer_eventfds),
	KUNIT_CASE(test_msi_bus_master),
	KUNIT_CASE(test_msi_d3hot),
	KUNIT_CASE(test_msi_without_eventfd),
	KUNIT_CASE(test_msi_reset),
	KUNIT_CASE(test_msi_reset_by_eventfds),
	KUNIT_CASE(test_msi_reopen),
	KUNIT_CASE(test_msi_address_written),
	{}
};

static struct kunit_suite mdev_pci_irq_suite = {
	.name = "mdev_pci_irq",
	.init = test_pci_init,
	.test_cases = mdev_pci_irq_cases,
};

kunit_test_suite(mdev_pci_irq_suite);
