// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts of an open mediated device. */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/serial_reg.h>

#include "irq_lib.h"
#include "vfio_lib.h"

#define BAR0	VFIO_PCI_BAR0_REGION_INDEX

int irq_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

uint64_t irq_signals(int eventfd)
{
	uint64_t count;

	return read(eventfd, &count, sizeof(count)) < 0 ? 0 : count;
}

uint64_t irq_signals_within(int eventfd, int milliseconds)
{
	struct pollfd wait = { .fd = eventfd, .events = POLLIN };

	poll(&wait, 1, milliseconds);
	return irq_signals(eventfd);
}

int irq_signal(int eventfd)
{
	return eventfd_write(eventfd, 1) ? -errno : 0;
}

int irq_set_eventfds(int device, uint32_t index, uint32_t action,
		     uint32_t start, uint32_t count, const int *fds)
{
	return vfio_set_irqs(device, EVENTFD | action, index, start, count, fds,
			     count * sizeof(*fds));
}

int irq_act_on(int device, uint32_t index, uint32_t action, uint32_t start,
	       uint32_t count)
{
	return vfio_set_irqs(device, NONE | action, index, start, count, NULL,
			     0);
}

int irq_act_where(int device, uint32_t index, uint32_t action, uint32_t start,
		  uint32_t count, const uint8_t *values)
{
	return vfio_set_irqs(device, BOOL | action, index, start, count, values,
			     count);
}

int irq_set_eventfd(int device, uint32_t index, uint32_t action, int fd)
{
	return irq_set_eventfds(device, index, action, 0, 1, &fd);
}

int irq_act(int device, uint32_t index, uint32_t action)
{
	return irq_act_on(device, index, action, 0, 1);
}

int irq_act_if(int device, uint32_t index, uint32_t action, uint8_t value)
{
	return irq_act_where(device, index, action, 0, 1, &value);
}

int irq_tear_down(int device, uint32_t index)
{
	return irq_act_on(device, index, TRIGGER, 0, 0);
}

int irq_raise_by_uart(int device)
{
	int ret = vfio_store(device, BAR0, UART_IER, 1, 0);

	return ret ? ret : vfio_store(device, BAR0, UART_IER, 1,
				      UART_IER_THRI);
}

int irq_lower_by_uart(int device)
{
	int64_t iir = vfio_load(device, BAR0, UART_IIR, 1);

	return iir < 0 ? iir : 0;
}
