// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a mediated device: signals through eventfds, masking and
 * unmasking.
 *
 * The cause of interrupts here is a UART whose transmitter is empty: enabling
 * the interrupt for that raises it, reading the interrupt's identification
 * takes it back.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/serial_reg.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
#define INTX		VFIO_PCI_INTX_IRQ_INDEX
#define MSI		VFIO_PCI_MSI_IRQ_INDEX

#define NONE		VFIO_IRQ_SET_DATA_NONE
#define BOOL		VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD		VFIO_IRQ_SET_DATA_EVENTFD
#define MASK		VFIO_IRQ_SET_ACTION_MASK
#define UNMASK		VFIO_IRQ_SET_ACTION_UNMASK
#define TRIGGER		VFIO_IRQ_SET_ACTION_TRIGGER

/* How long what the kernel does in the background may take */
#define TIMEOUT_MS	2000
/* How long is waited for what must not happen */
#define QUIET_MS	100

/* Signals since the last call; region accesses and ioctls signal at once. */
static uint64_t signals(int eventfd)
{
	uint64_t count;

	return read(eventfd, &count, sizeof(count)) < 0 ? 0 : count;
}

/* The same for those that come from the background. */
static uint64_t signals_within(int eventfd, int milliseconds)
{
	struct pollfd wait = { .fd = eventfd, .events = POLLIN };

	poll(&wait, 1, milliseconds);
	return signals(eventfd);
}

static int signal_eventfd(int eventfd)
{
	return eventfd_write(eventfd, 1);
}

static int raise_interrupt(int device)
{
	int ret = vfio_store(device, BAR0, UART_IER, 1, 0);

	return ret ? ret : vfio_store(device, BAR0, UART_IER, 1,
				      UART_IER_THRI);
}

static int lower_interrupt(int device)
{
	int64_t iir = vfio_load(device, BAR0, UART_IIR, 1);

	return iir < 0 ? iir : 0;
}

static int set_eventfd(int device, uint32_t index, uint32_t action, int fd)
{
	return vfio_set_irqs(device, EVENTFD | action, index, 0, 1, &fd,
			     sizeof(fd));
}

static int act(int device, uint32_t index, uint32_t action)
{
	return vfio_set_irqs(device, NONE | action, index, 0, 1, NULL, 0);
}

static int act_if(int device, uint32_t index, uint32_t action, uint8_t value)
{
	return vfio_set_irqs(device, BOOL | action, index, 0, 1, &value,
			     sizeof(value));
}

static int tear_down(int device, uint32_t index)
{
	return vfio_set_irqs(device, NONE | TRIGGER, index, 0, 0, NULL, 0);
}

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
	ASSERT_EQ(0, vfio_open_cdev(&self->user, UUID_A));
	self->device = self->user.device;
	self->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	self->other_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
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

/* INTx: a level, masked as soon as it has been signalled */

TEST_F(irq, intx_masks_itself)
{
	ASSERT_EQ(0, set_eventfd(self->device, INTX, TRIGGER, self->event));
	EXPECT_EQ(0, signals(self->event));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(1, signals(self->event));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(0, signals(self->event));
}

TEST_F(irq, intx_comes_again_while_it_is_asserted)
{
	ASSERT_EQ(0, set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(1, signals(self->event));
	EXPECT_EQ(0, act(self->device, INTX, UNMASK));
	EXPECT_EQ(1, signals(self->event));
	EXPECT_EQ(0, act(self->device, INTX, UNMASK));
	EXPECT_EQ(1, signals(self->event));

	ASSERT_EQ(0, lower_interrupt(self->device));
	EXPECT_EQ(0, act(self->device, INTX, UNMASK));
	EXPECT_EQ(0, signals(self->event));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(1, signals(self->event));
}

TEST_F(irq, intx_tells_what_was_asserted_before)
{
	ASSERT_EQ(0, raise_interrupt(self->device));
	ASSERT_EQ(0, set_eventfd(self->device, INTX, TRIGGER, self->event));
	EXPECT_EQ(1, signals(self->event));
}

TEST_F(irq, intx_waits_while_it_is_masked)
{
	ASSERT_EQ(0, set_eventfd(self->device, INTX, TRIGGER, self->event));
	EXPECT_EQ(0, act(self->device, INTX, MASK));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(0, signals(self->event));
	EXPECT_EQ(0, act(self->device, INTX, UNMASK));
	EXPECT_EQ(1, signals(self->event));
}

TEST_F(irq, intx_forgets_what_was_lowered_while_masked)
{
	ASSERT_EQ(0, set_eventfd(self->device, INTX, TRIGGER, self->event));
	EXPECT_EQ(0, act(self->device, INTX, MASK));
	ASSERT_EQ(0, raise_interrupt(self->device));
	ASSERT_EQ(0, lower_interrupt(self->device));
	EXPECT_EQ(0, act(self->device, INTX, UNMASK));
	EXPECT_EQ(0, signals(self->event));
}

TEST_F(irq, intx_obeys_true_values_only)
{
	ASSERT_EQ(0, set_eventfd(self->device, INTX, TRIGGER, self->event));
	EXPECT_EQ(0, act_if(self->device, INTX, MASK, 0));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(1, signals(self->event));
	EXPECT_EQ(0, act_if(self->device, INTX, UNMASK, 0));
	EXPECT_EQ(0, signals(self->event));
	EXPECT_EQ(0, act_if(self->device, INTX, UNMASK, 1));
	EXPECT_EQ(1, signals(self->event));

	ASSERT_EQ(0, lower_interrupt(self->device));
	EXPECT_EQ(0, act(self->device, INTX, UNMASK));
	EXPECT_EQ(0, act_if(self->device, INTX, MASK, 1));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(0, signals(self->event));
}

TEST_F(irq, intx_is_unmasked_by_an_eventfd)
{
	ASSERT_EQ(0, set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, set_eventfd(self->device, INTX, UNMASK,
				 self->other_event));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(1, signals(self->event));
	EXPECT_EQ(0, signal_eventfd(self->other_event));
	EXPECT_EQ(1, signals_within(self->event, TIMEOUT_MS));

	ASSERT_EQ(0, lower_interrupt(self->device));
	EXPECT_EQ(0, signal_eventfd(self->other_event));
	EXPECT_EQ(0, signals_within(self->event, QUIET_MS));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(1, signals(self->event));

	EXPECT_EQ(0, set_eventfd(self->device, INTX, UNMASK, -1));
	EXPECT_EQ(0, signal_eventfd(self->other_event));
	EXPECT_EQ(0, signals_within(self->event, QUIET_MS));
}

TEST_F(irq, intx_is_masked_by_an_eventfd)
{
	ASSERT_EQ(0, set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, set_eventfd(self->device, INTX, MASK, self->other_event));
	EXPECT_EQ(0, signal_eventfd(self->other_event));
	EXPECT_EQ(0, signals_within(self->event, QUIET_MS));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(0, signals(self->event));
	EXPECT_EQ(0, act(self->device, INTX, UNMASK));
	EXPECT_EQ(1, signals(self->event));
}

/* PCI 3.0, 6.2.2 and 6.2.3 */
TEST_F(irq, intx_can_be_disabled_in_config_space)
{
	ASSERT_EQ(0, set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, vfio_store(self->device, CONFIG, PCI_COMMAND, 2,
				PCI_COMMAND_INTX_DISABLE));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(0, signals(self->event));
	EXPECT_TRUE(vfio_load(self->device, CONFIG, PCI_STATUS, 2) &
		    PCI_STATUS_INTERRUPT);

	ASSERT_EQ(0, vfio_store(self->device, CONFIG, PCI_COMMAND, 2, 0));
	EXPECT_EQ(1, signals(self->event));
	ASSERT_EQ(0, lower_interrupt(self->device));
	EXPECT_FALSE(vfio_load(self->device, CONFIG, PCI_STATUS, 2) &
		     PCI_STATUS_INTERRUPT);
}

TEST_F(irq, intx_loses_its_mask_with_its_eventfd)
{
	ASSERT_EQ(0, set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, act(self->device, INTX, MASK));
	EXPECT_EQ(0, tear_down(self->device, INTX));
	ASSERT_EQ(0, set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(1, signals(self->event));
}

TEST_F(irq, intx_drops_all_its_eventfds_at_once)
{
	ASSERT_EQ(0, set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, set_eventfd(self->device, INTX, UNMASK,
				 self->other_event));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(1, signals(self->event));
	EXPECT_EQ(0, tear_down(self->device, INTX));
	EXPECT_EQ(0, signal_eventfd(self->other_event));
	EXPECT_EQ(0, signals_within(self->event, QUIET_MS));
}

TEST_F(irq, intx_stops_with_a_reset)
{
	ASSERT_EQ(0, set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, act(self->device, INTX, MASK));
	ASSERT_EQ(0, raise_interrupt(self->device));
	ASSERT_EQ(0, vfio_ioctl(self->device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(0, act(self->device, INTX, UNMASK));
	EXPECT_EQ(0, signals(self->event));
}

/* MSI: an edge, and nothing to mask */

TEST_F(irq, msi_comes_once_for_each_cause)
{
	ASSERT_EQ(0, set_eventfd(self->device, MSI, TRIGGER, self->event));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(1, signals(self->event));
	ASSERT_LE(0, vfio_load(self->device, BAR0, UART_LSR, 1));
	EXPECT_EQ(0, signals(self->event));

	ASSERT_EQ(0, vfio_store(self->device, BAR0, UART_IER, 1,
				UART_IER_THRI | UART_IER_RDI));
	EXPECT_EQ(0, signals(self->event));
	ASSERT_EQ(0, lower_interrupt(self->device));
	EXPECT_EQ(0, signals(self->event));
	ASSERT_EQ(0, vfio_store(self->device, BAR0, UART_TX, 1, 'x'));
	EXPECT_EQ(1, signals(self->event));
}

TEST_F(irq, msi_silences_intx)
{
	ASSERT_EQ(0, set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, set_eventfd(self->device, MSI, TRIGGER,
				 self->other_event));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(0, signals(self->event));
	EXPECT_EQ(1, signals(self->other_event));
}

/* What both have in common */
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
	self->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	self->other_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ASSERT_LE(0, self->event);
	ASSERT_LE(0, self->other_event);
	ASSERT_EQ(0, set_eventfd(self->device, variant->index, TRIGGER,
				 self->event));
}

FIXTURE_TEARDOWN(vector)
{
	vfio_close(&self->user);
	close(self->event);
	close(self->other_event);
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F(vector, can_be_tested)
{
	EXPECT_EQ(0, act(self->device, variant->index, TRIGGER));
	EXPECT_EQ(1, signals(self->event));
	EXPECT_EQ(0, act_if(self->device, variant->index, TRIGGER, 0));
	EXPECT_EQ(0, signals(self->event));
	EXPECT_EQ(0, act_if(self->device, variant->index, TRIGGER, 1));
	EXPECT_EQ(1, signals(self->event));
}

TEST_F(vector, can_not_be_tested_without_eventfd)
{
	EXPECT_EQ(0, tear_down(self->device, variant->index));
	EXPECT_EQ(-EINVAL, act(self->device, variant->index, TRIGGER));
}

TEST_F(vector, takes_another_eventfd)
{
	EXPECT_EQ(0, set_eventfd(self->device, variant->index, TRIGGER,
				 self->other_event));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(0, signals(self->event));
	EXPECT_EQ(1, signals(self->other_event));
}

TEST_F(vector, keeps_its_eventfd_when_another_is_refused)
{
	EXPECT_EQ(-EBADF, set_eventfd(self->device, variant->index, TRIGGER,
				      10000));
	EXPECT_EQ(-EINVAL, set_eventfd(self->device, variant->index, TRIGGER,
				       self->device));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(1, signals(self->event));
}

TEST_F(vector, drops_its_eventfd)
{
	EXPECT_EQ(0, set_eventfd(self->device, variant->index, TRIGGER, -1));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(0, signals(self->event));
}

TEST_F(vector, is_torn_down)
{
	EXPECT_EQ(0, tear_down(self->device, variant->index));
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(0, signals(self->event));
	EXPECT_EQ(0, tear_down(self->device, variant->index));
}

TEST_F(vector, is_torn_down_with_the_last_user)
{
	vfio_close(&self->user);
	ASSERT_EQ(0, vfio_open_container(&self->user, UUID_A));
	ASSERT_EQ(0, raise_interrupt(self->user.device));
	EXPECT_EQ(0, signals(self->event));
}

TEST_F(vector, holds_its_eventfd)
{
	int copy = dup(self->event);

	ASSERT_LE(0, copy);
	close(self->event);
	ASSERT_EQ(0, raise_interrupt(self->device));
	EXPECT_EQ(1, signals(copy));
	self->event = copy;
}

TEST_HARNESS_MAIN
