// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ports of a card: 16550As as in the PC16550D data sheet, with a loopback
 * plug in the connector. The line has no speed and no character format: a byte
 * that is sent has been received.
 */

#include <linux/array_size.h>
#include <linux/serial_reg.h>

#include "mtty.h"

/* The bits that a register keeps */
#define MTTY_IER_BITS	(UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | \
			 UART_IER_MSI)
#define MTTY_FCR_BITS	(UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK)
#define MTTY_MCR_BITS	(UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | \
			 UART_MCR_OUT2 | UART_MCR_LOOP)
/* There is never anything left to send */
#define MTTY_LSR_IDLE	(UART_LSR_TEMT | UART_LSR_THRE)

static const u8 mtty_trigger_level[] = { 1, 4, 8, 14 };

/* Data sheet, 8.6, table IV: from the highest priority to the lowest */
static const struct {
	u8 source;
	u8 id;
} mtty_priorities[] = {
	{ UART_IER_RLSI, UART_IIR_RLSI },
	{ UART_IER_RDI, UART_IIR_RDI },
	{ UART_IER_THRI, UART_IIR_THRI },
	{ UART_IER_MSI, UART_IIR_MSI },
};

static bool mtty_port_has_fifo(const struct mtty_port *port)
{
	return port->regs[UART_FCR] & UART_FCR_ENABLE_FIFO;
}

static u8 mtty_port_fifo_size(const struct mtty_port *port)
{
	return mtty_port_has_fifo(port) ? MTTY_FIFO_SIZE : 1;
}

/*
 * Data sheet, 8.11: bytes below the trigger level are announced when none has
 * come or gone for four character times. On a line without speed that is now.
 */
static bool mtty_port_timed_out(const struct mtty_port *port)
{
	u8 trigger = port->regs[UART_FCR] >> UART_FCR_R_TRIG_SHIFT;

	return mtty_port_has_fifo(port) &&
	       port->count < mtty_trigger_level[trigger];
}

u8 mtty_port_pending(const struct mtty_port *port)
{
	u8 sources = 0;

	if (port->regs[UART_LSR] & UART_LSR_BRK_ERROR_BITS)
		sources |= UART_IER_RLSI;
	if (port->count)
		sources |= UART_IER_RDI;
	if (port->transmitted)
		sources |= UART_IER_THRI;
	if (port->regs[UART_MSR] & UART_MSR_ANY_DELTA)
		sources |= UART_IER_MSI;
	return sources & port->regs[UART_IER];
}

static u8 mtty_port_read_iir(struct mtty_port *port)
{
	u8 mode = mtty_port_has_fifo(port) ? UART_IIR_FIFO_ENABLED : 0;
	u8 pending = mtty_port_pending(port);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mtty_priorities); i++)
		if (pending & mtty_priorities[i].source)
			break;
	if (i == ARRAY_SIZE(mtty_priorities))
		return mode | UART_IIR_NO_INT;

	if (mtty_priorities[i].source == UART_IER_THRI)
		port->transmitted = false;
	if (mtty_priorities[i].source == UART_IER_RDI &&
	    mtty_port_timed_out(port))
		return mode | UART_IIR_RX_TIMEOUT;
	return mode | mtty_priorities[i].id;
}

static u8 mtty_port_receive(struct mtty_port *port)
{
	u8 value = port->fifo[port->head];

	if (port->count) {
		port->head = (port->head + 1) % MTTY_FIFO_SIZE;
		port->count--;
	}
	return value;
}

/* Data sheet, 8.4, bit 1: an overrun loses the newest byte, or the only one. */
static void mtty_port_transmit(struct mtty_port *port, u8 value)
{
	u8 size = mtty_port_fifo_size(port);

	if (port->count == size)
		port->regs[UART_LSR] |= UART_LSR_OE;
	if (port->count < size)
		port->fifo[(port->head + port->count++) % MTTY_FIFO_SIZE] =
			value;
	else if (size == 1)
		port->fifo[port->head] = value;

	port->transmitted = true;
	/* The byte came and went: this is a new interrupt */
	port->pending &= ~UART_IER_THRI;
}

/* Data sheet, 8.5: without bit 0 the others are not programmed. */
static void mtty_port_write_fcr(struct mtty_port *port, u8 value)
{
	u8 old = port->regs[UART_FCR];

	if (!(value & UART_FCR_ENABLE_FIFO))
		value = 0;
	if ((value ^ old) & UART_FCR_ENABLE_FIFO ||
	    value & UART_FCR_CLEAR_RCVR)
		port->count = 0;
	port->regs[UART_FCR] = value & MTTY_FCR_BITS;
}

/*
 * Which input an output reaches: in loop mode the chip itself connects them
 * (data sheet, 8.8, bit 4), else the plug does.
 */
static const struct {
	u8 output;
	u8 input_by_plug;
	u8 input_by_chip;
} mtty_wires[] = {
	{ UART_MCR_RTS, UART_MSR_CTS, UART_MSR_CTS },
	{ UART_MCR_DTR, UART_MSR_DSR | UART_MSR_DCD, UART_MSR_DSR },
	{ UART_MCR_OUT1, 0, UART_MSR_RI },
	{ UART_MCR_OUT2, 0, UART_MSR_DCD },
};

static u8 mtty_port_modem_inputs(u8 mcr)
{
	unsigned int i;
	u8 inputs = 0;

	for (i = 0; i < ARRAY_SIZE(mtty_wires); i++)
		if (mcr & mtty_wires[i].output)
			inputs |= mcr & UART_MCR_LOOP ?
				  mtty_wires[i].input_by_chip :
				  mtty_wires[i].input_by_plug;
	return inputs;
}

/* Data sheet, 8.9: what has changed since the MSR was read is kept there. */
static void mtty_port_write_mcr(struct mtty_port *port, u8 value)
{
	u8 inputs = mtty_port_modem_inputs(value);
	u8 deltas = (inputs ^ port->regs[UART_MSR]) >> 4;

	/* Of the ring indicator only the end counts */
	if (inputs & UART_MSR_RI)
		deltas &= ~UART_MSR_TERI;

	port->regs[UART_MCR] = value;
	port->regs[UART_MSR] = inputs | deltas |
			       (port->regs[UART_MSR] & UART_MSR_ANY_DELTA);
}

u8 mtty_port_read(struct mtty_port *port, unsigned int offset)
{
	u8 value = port->regs[offset];

	if (port->regs[UART_LCR] & UART_LCR_DLAB && offset <= UART_DLM)
		return port->divisor[offset];

	switch (offset) {
	case UART_RX:
		return mtty_port_receive(port);
	case UART_IIR:
		return mtty_port_read_iir(port);
	case UART_LSR:
		port->regs[UART_LSR] &= ~UART_LSR_BRK_ERROR_BITS;
		return value | (port->count ? UART_LSR_DR : 0);
	case UART_MSR:
		port->regs[UART_MSR] &= ~UART_MSR_ANY_DELTA;
		return value;
	default:
		return value;
	}
}

void mtty_port_write(struct mtty_port *port, unsigned int offset, u8 value)
{
	if (port->regs[UART_LCR] & UART_LCR_DLAB && offset <= UART_DLM) {
		port->divisor[offset] = value;
		return;
	}

	switch (offset) {
	case UART_TX:
		mtty_port_transmit(port, value);
		break;
	case UART_IER:
		/* Enabled while the transmitter is empty, it interrupts */
		if (value & ~port->regs[UART_IER] & UART_IER_THRI)
			port->transmitted = true;
		port->regs[UART_IER] = value & MTTY_IER_BITS;
		break;
	case UART_FCR:
		mtty_port_write_fcr(port, value);
		break;
	case UART_MCR:
		mtty_port_write_mcr(port, value & MTTY_MCR_BITS);
		break;
	case UART_LCR:
	case UART_SCR:
		port->regs[offset] = value;
		break;
	case UART_LSR:
	case UART_MSR:
		/* Writing is for the factory's tests only (data sheet, 8.4) */
		break;
	}
}

void mtty_port_reset(struct mtty_port *port)
{
	*port = (struct mtty_port) {
		.regs[UART_LSR] = MTTY_LSR_IDLE,
	};
}

/* Whether a port can be in this state, whatever its guest has done */
bool mtty_port_valid(const struct mtty_port *port)
{
	u8 fcr = port->regs[UART_FCR];
	u8 mcr = port->regs[UART_MCR];

	return !port->regs[UART_RX] &&
	       !(port->regs[UART_IER] & ~MTTY_IER_BITS) &&
	       !(fcr & ~MTTY_FCR_BITS) &&
	       (!fcr || mtty_port_has_fifo(port)) &&
	       !(mcr & ~MTTY_MCR_BITS) &&
	       (port->regs[UART_LSR] & ~UART_LSR_OE) == MTTY_LSR_IDLE &&
	       (port->regs[UART_MSR] & ~UART_MSR_ANY_DELTA) ==
		       mtty_port_modem_inputs(mcr) &&
	       port->head < MTTY_FIFO_SIZE &&
	       port->count <= mtty_port_fifo_size(port);
}
