/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts of an open mediated device: eventfds, and VFIO_DEVICE_SET_IRQS in
 * the forms that tests need.
 *
 * Functions that return an int answer a negative errno when they fail.
 */
#ifndef SELFTESTS_VFIO_MDEV_IRQ_LIB_H
#define SELFTESTS_VFIO_MDEV_IRQ_LIB_H

#include <stdint.h>

#include <linux/vfio.h>

#define INTX		VFIO_PCI_INTX_IRQ_INDEX
#define MSI		VFIO_PCI_MSI_IRQ_INDEX
#define MSIX		VFIO_PCI_MSIX_IRQ_INDEX

#define NONE		VFIO_IRQ_SET_DATA_NONE
#define BOOL		VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD		VFIO_IRQ_SET_DATA_EVENTFD
#define MASK		VFIO_IRQ_SET_ACTION_MASK
#define UNMASK		VFIO_IRQ_SET_ACTION_UNMASK
#define TRIGGER		VFIO_IRQ_SET_ACTION_TRIGGER

/* How long what the kernel does in the background may take */
#define IRQ_TIMEOUT_MS	2000
/* How long is waited for what must not happen */
#define IRQ_QUIET_MS	100

/* One that is not inherited by programs, and read without waiting */
int irq_eventfd(void);

/* Signals since the last call; region accesses and ioctls signal at once. */
uint64_t irq_signals(int eventfd);

/* The same for those that come from the background. */
uint64_t irq_signals_within(int eventfd, int milliseconds);

int irq_signal(int eventfd);

/* Eventfds for @count vectors from @start on */
int irq_set_eventfds(int device, uint32_t index, uint32_t action,
		     uint32_t start, uint32_t count, const int *fds);

/* What is to be done to vectors at once */
int irq_act_on(int device, uint32_t index, uint32_t action, uint32_t start,
	       uint32_t count);

/* The same where @values say so */
int irq_act_where(int device, uint32_t index, uint32_t action, uint32_t start,
		  uint32_t count, const uint8_t *values);

/* For the first vector alone */
int irq_set_eventfd(int device, uint32_t index, uint32_t action, int fd);
int irq_act(int device, uint32_t index, uint32_t action);
int irq_act_if(int device, uint32_t index, uint32_t action, uint8_t value);

int irq_tear_down(int device, uint32_t index);

/*
 * A serial port interrupts when its transmitter is empty. Raising the interrupt
 * enables it for that, lowering reads its identification.
 */
int irq_raise_by_uart(int device);
int irq_lower_by_uart(int device);

#endif
