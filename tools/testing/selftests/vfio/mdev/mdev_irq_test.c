// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a mediated device: signals through eventfds, masking and
 * unmasking.
 *
 * Interrupts come from a UART with an empty transmitter (THRE): setting UART_IER_THRI
 * raises the interrupt, reading UART_IIR lowers it.
 */
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/serial_reg.h>

#include "kselftest_harness.h"

#include "irq_lib.h"
#include "mdev_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX

FIXTURE(irq)
{
	struct vfio_user user;
	int device;
	int event;
	int other_event;
};

FIXTURE_SETUP(irq)
{
	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	self->device = self->user.device;
	ASSERT_EQ(0, vfio_pci_enable(self->device));
	self->event = irq_eventfd();
	self->other_event = irq_eventfd();
	ASSERT_LE(0, self->event);
	ASSERT_LE(0, self->other_event);
}

FIXTURE_TEARDOWN(irq)
{
	vfio_close(&self->user);
	close(self->event);
	close(self->other_event);
	EXPECT_EQ(0, mdev_remove_all());
}

/* INTx: level triggered, automasked when it is signalled */

TEST_F(irq, intx_automasked)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	EXPECT_EQ(0, irq_signals(self->event));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(0, irq_signals(self->event));
}

TEST_F(irq, intx_retriggers_while_asserted)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(1, irq_signals(self->event));

	ASSERT_EQ(0, irq_lower_by_uart(self->device));
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(0, irq_signals(self->event));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
}

TEST_F(irq, intx_asserted_before_eventfd)
{
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	EXPECT_EQ(1, irq_signals(self->event));
}

TEST_F(irq, intx_pending_while_masked)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	EXPECT_EQ(0, irq_act(self->device, INTX, MASK));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(0, irq_signals(self->event));
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(1, irq_signals(self->event));
}

TEST_F(irq, intx_deasserted_while_masked)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	EXPECT_EQ(0, irq_act(self->device, INTX, MASK));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	ASSERT_EQ(0, irq_lower_by_uart(self->device));
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(0, irq_signals(self->event));
}

TEST_F(irq, intx_data_bool)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	EXPECT_EQ(0, irq_act_if(self->device, INTX, MASK, 0));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_act_if(self->device, INTX, UNMASK, 0));
	EXPECT_EQ(0, irq_signals(self->event));
	EXPECT_EQ(0, irq_act_if(self->device, INTX, UNMASK, 1));
	EXPECT_EQ(1, irq_signals(self->event));

	ASSERT_EQ(0, irq_lower_by_uart(self->device));
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(0, irq_act_if(self->device, INTX, MASK, 1));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(0, irq_signals(self->event));
}

TEST_F(irq, intx_unmask_eventfd)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK,
				     self->other_event));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_signal(self->other_event));
	EXPECT_EQ(1, irq_signals_within(self->event, IRQ_TIMEOUT_MS));

	ASSERT_EQ(0, irq_lower_by_uart(self->device));
	EXPECT_EQ(0, irq_signal(self->other_event));
	EXPECT_EQ(0, irq_signals_within(self->event, IRQ_QUIET_MS));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));

	EXPECT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, -1));
	EXPECT_EQ(0, irq_signal(self->other_event));
	EXPECT_EQ(0, irq_signals_within(self->event, IRQ_QUIET_MS));
}

TEST_F(irq, intx_mask_eventfd)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, MASK, self->other_event));
	EXPECT_EQ(0, irq_signal(self->other_event));
	EXPECT_EQ(0, irq_signals_within(self->event, IRQ_QUIET_MS));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(0, irq_signals(self->event));
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(1, irq_signals(self->event));
}

/* PCI 3.0, 6.2.2 and 6.2.3 */
TEST_F(irq, intx_disable_in_pci_command)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, vfio_store(self->device, CONFIG, PCI_COMMAND, 2,
				PCI_COMMAND_IO | PCI_COMMAND_INTX_DISABLE));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(0, irq_signals(self->event));
	EXPECT_TRUE(vfio_load(self->device, CONFIG, PCI_STATUS, 2) &
		    PCI_STATUS_INTERRUPT);

	ASSERT_EQ(0, vfio_pci_enable(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	ASSERT_EQ(0, irq_lower_by_uart(self->device));
	EXPECT_FALSE(vfio_load(self->device, CONFIG, PCI_STATUS, 2) &
		     PCI_STATUS_INTERRUPT);
}

TEST_F(irq, intx_unmasked_by_teardown)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, irq_act(self->device, INTX, MASK));
	EXPECT_EQ(0, irq_tear_down(self->device, INTX));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
}

TEST_F(irq, intx_teardown_removes_eventfds)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK,
				     self->other_event));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_tear_down(self->device, INTX));
	EXPECT_EQ(0, irq_signal(self->other_event));
	EXPECT_EQ(0, irq_signals_within(self->event, IRQ_QUIET_MS));
}

TEST_F(irq, intx_deasserted_by_reset)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, irq_act(self->device, INTX, MASK));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	ASSERT_EQ(0, vfio_ioctl(self->device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(0, irq_signals(self->event));
}

/* MSI: edge triggered, without masking */

TEST_F(irq, msi_once_per_cause)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, MSI, TRIGGER, self->event));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	ASSERT_LE(0, vfio_load(self->device, BAR0, UART_LSR, 1));
	EXPECT_EQ(0, irq_signals(self->event));

	ASSERT_EQ(0, vfio_store(self->device, BAR0, UART_IER, 1,
				UART_IER_THRI | UART_IER_RDI));
	EXPECT_EQ(0, irq_signals(self->event));
	ASSERT_EQ(0, irq_lower_by_uart(self->device));
	EXPECT_EQ(0, irq_signals(self->event));
	ASSERT_EQ(0, vfio_store(self->device, BAR0, UART_TX, 1, 'x'));
	EXPECT_EQ(1, irq_signals(self->event));
}

TEST_F(irq, msi_disables_intx)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, irq_set_eventfd(self->device, MSI, TRIGGER,
				     self->other_event));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(0, irq_signals(self->event));
	EXPECT_EQ(1, irq_signals(self->other_event));
}

/* Eventfds of INTx and MSI */
FIXTURE(vector)
{
	struct vfio_user user;
	int device;
	int event;
	int other_event;
};

FIXTURE_VARIANT(vector)
{
	uint32_t index;
};

FIXTURE_VARIANT_ADD(vector, intx)
{
	.index = INTX,
};

FIXTURE_VARIANT_ADD(vector, msi)
{
	.index = MSI,
};

FIXTURE_SETUP(vector)
{
	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, vfio_open_container(&self->user, UUID_A));
	self->device = self->user.device;
	ASSERT_EQ(0, vfio_pci_enable(self->device));
	self->event = irq_eventfd();
	self->other_event = irq_eventfd();
	ASSERT_LE(0, self->event);
	ASSERT_LE(0, self->other_event);
	ASSERT_EQ(0, irq_set_eventfd(self->device, variant->index, TRIGGER,
				     self->event));
}

FIXTURE_TEARDOWN(vector)
{
	vfio_close(&self->user);
	close(self->event);
	close(self->other_event);
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F(vector, trigger_data_none_data_bool)
{
	EXPECT_EQ(0, irq_act(self->device, variant->index, TRIGGER));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_act_if(self->device, variant->index, TRIGGER, 0));
	EXPECT_EQ(0, irq_signals(self->event));
	EXPECT_EQ(0, irq_act_if(self->device, variant->index, TRIGGER, 1));
	EXPECT_EQ(1, irq_signals(self->event));
}

TEST_F(vector, trigger_without_eventfd)
{
	EXPECT_EQ(0, irq_tear_down(self->device, variant->index));
	EXPECT_EQ(-EINVAL, irq_act(self->device, variant->index, TRIGGER));
}

TEST_F(vector, eventfd_replaced)
{
	EXPECT_EQ(0, irq_set_eventfd(self->device, variant->index, TRIGGER,
				     self->other_event));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(0, irq_signals(self->event));
	EXPECT_EQ(1, irq_signals(self->other_event));
}

TEST_F(vector, eventfd_kept_after_bad_fd)
{
	EXPECT_EQ(-EBADF, irq_set_eventfd(self->device, variant->index, TRIGGER,
					  10000));
	EXPECT_EQ(-EINVAL, irq_set_eventfd(self->device, variant->index, TRIGGER,
					   self->device));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
}

TEST_F(vector, eventfd_removed)
{
	EXPECT_EQ(0, irq_set_eventfd(self->device, variant->index, TRIGGER, -1));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(0, irq_signals(self->event));
}

TEST_F(vector, data_none_teardown)
{
	EXPECT_EQ(0, irq_tear_down(self->device, variant->index));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(0, irq_signals(self->event));
	EXPECT_EQ(0, irq_tear_down(self->device, variant->index));
}

TEST_F(vector, teardown_by_last_close)
{
	vfio_close(&self->user);
	ASSERT_EQ(0, vfio_open_container(&self->user, UUID_A));
	ASSERT_EQ(0, vfio_pci_enable(self->user.device));
	ASSERT_EQ(0, irq_raise_by_uart(self->user.device));
	EXPECT_EQ(0, irq_signals(self->event));
}

TEST_F(vector, eventfd_reference_held)
{
	int copy = dup(self->event);

	ASSERT_LE(0, copy);
	close(self->event);
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(copy));
	self->event = copy;
}

TEST_HARNESS_MAIN
