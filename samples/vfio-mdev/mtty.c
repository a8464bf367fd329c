// SPDX-License-Identifier: GPL-2.0-only
/*
 * mtty: a vendor driver for mediated devices that needs no hardware.
 *
 * It plays a machine with a number of serial ports and hands them out, one or
 * two at a time, as PCI serial cards, which a guest's stock 8250_pci driver
 * drives. The ports are 16550As as in the PC16550D data sheet, with a loopback
 * plug in the connector. The line has no speed and no character format: a byte
 * that is sent has been received.
 */

#include <linux/array_size.h>
#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/mdev_pci.h>
#include <linux/module.h>
#include <linux/pci_ids.h>
#include <linux/serial_reg.h>
#include <linux/string.h>

/* Data sheet, section 8 */
#define MTTY_PORT_SIZE	8
#define MTTY_FIFO_SIZE	16

/* The bits that a register keeps */
#define MTTY_IER_BITS	(UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | UART_IER_MSI)
#define MTTY_FCR_BITS	(UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK)
#define MTTY_MCR_BITS	(UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | \
			 UART_MCR_OUT2 | UART_MCR_LOOP)
/* There is never anything left to send */
#define MTTY_LSR_IDLE	(UART_LSR_TEMT | UART_LSR_THRE)

/* A 16550A */
struct mtty_port {
	/* IER, FCR, LCR, MCR, LSR without DR, MSR and SCR, by offset */
	u8 regs[MTTY_PORT_SIZE];
	/* DLL and DLM, by offset */
	u8 divisor[2];
	/* What was received and not read yet: count bytes, oldest first */
	u8 fifo[MTTY_FIFO_SIZE];
	u8 count;
	/* The transmitter has become empty, and the IIR has not said so yet */
	u8 transmitted;
	/* Interrupt conditions, as bits of the IER, at the last look */
	u8 pending;
};

static u8 mtty_port_fifo_size(const struct mtty_port *port)
{
	return port->regs[UART_FCR] ? MTTY_FIFO_SIZE : 1;
}

static u8 mtty_port_pending(const struct mtty_port *port)
{
	u8 errors = port->regs[UART_LSR] & UART_LSR_BRK_ERROR_BITS;
	u8 deltas = port->regs[UART_MSR] & UART_MSR_ANY_DELTA;

	return port->regs[UART_IER] & ((errors ? UART_IER_RLSI : 0) |
				       (port->count ? UART_IER_RDI : 0) |
				       (port->transmitted ? UART_IER_THRI : 0) |
				       (deltas ? UART_IER_MSI : 0));
}

/* Data sheet, 8.6, table IV: from the highest priority to the lowest */
static u8 mtty_port_read_iir(struct mtty_port *port)
{
	static const u8 trigger_level[] = { 1, 4, 8, 14 };
	u8 fcr = port->regs[UART_FCR];
	u8 mode = fcr ? UART_IIR_FIFO_ENABLED : 0;
	u8 pending = mtty_port_pending(port);

	if (pending & UART_IER_RLSI)
		return mode | UART_IIR_RLSI;
	/* 8.11: on a line without speed, four character times are over */
	if (pending & UART_IER_RDI)
		return mode | (port->count <
			       trigger_level[fcr >> UART_FCR_R_TRIG_SHIFT] ?
			       UART_IIR_RX_TIMEOUT : UART_IIR_RDI);
	if (pending & UART_IER_THRI) {
		port->transmitted = false;
		return mode | UART_IIR_THRI;
	}
	return mode | (pending & UART_IER_MSI ? UART_IIR_MSI : UART_IIR_NO_INT);
}

static u8 mtty_port_receive(struct mtty_port *port)
{
	u8 value = port->fifo[0];

	if (port->count)
		memmove(port->fifo, port->fifo + 1, --port->count);
	return value;
}

/* Data sheet, 8.4, bit 1: an overrun loses the newest byte, or the only one. */
static void mtty_port_transmit(struct mtty_port *port, u8 value)
{
	u8 size = mtty_port_fifo_size(port);

	if (port->count == size)
		port->regs[UART_LSR] |= UART_LSR_OE;
	if (size == 1)
		port->count = 0;
	if (port->count < size)
		port->fifo[port->count++] = value;

	port->transmitted = true;
	/* The byte came and went: this is a new interrupt */
	port->pending &= ~UART_IER_THRI;
}

/* Data sheet, 8.5: without bit 0 the others are not programmed. */
static void mtty_port_write_fcr(struct mtty_port *port, u8 value)
{
	if (!(value & UART_FCR_ENABLE_FIFO))
		value = 0;
	if ((value ^ port->regs[UART_FCR]) & UART_FCR_ENABLE_FIFO ||
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
			inputs |= mcr & UART_MCR_LOOP ? mtty_wires[i].input_by_chip :
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

	port->regs[UART_MCR] = value & MTTY_MCR_BITS;
	port->regs[UART_MSR] = inputs | deltas |
			       (port->regs[UART_MSR] & UART_MSR_ANY_DELTA);
}

static u8 mtty_port_read(struct mtty_port *port, unsigned int offset)
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
		port->regs[UART_LSR] = MTTY_LSR_IDLE;
		return value | (port->count ? UART_LSR_DR : 0);
	case UART_MSR:
		port->regs[UART_MSR] &= ~UART_MSR_ANY_DELTA;
		break;
	}
	return value;
}

static void mtty_port_write(struct mtty_port *port, unsigned int offset, u8 value)
{
	/* Of no effect to the LSR and MSR, but in the factory (8.4, 8.9) */
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
		mtty_port_write_mcr(port, value);
		break;
	case UART_LCR:
	case UART_SCR:
		port->regs[offset] = value;
		break;
	}
}

/* Whether a port can be in this state, whatever its guest has done */
static bool mtty_port_valid(const struct mtty_port *port)
{
	const u8 *regs = port->regs;
	u8 inputs = mtty_port_modem_inputs(regs[UART_MCR]);

	return !regs[UART_RX] && !(regs[UART_IER] & ~MTTY_IER_BITS) &&
	       (!regs[UART_FCR] || regs[UART_FCR] & UART_FCR_ENABLE_FIFO) &&
	       !(regs[UART_FCR] & ~MTTY_FCR_BITS) &&
	       !(regs[UART_MCR] & ~MTTY_MCR_BITS) &&
	       (regs[UART_LSR] & ~UART_LSR_OE) == MTTY_LSR_IDLE &&
	       (regs[UART_MSR] & ~UART_MSR_ANY_DELTA) == inputs &&
	       port->count <= mtty_port_fifo_size(port) &&
	       port->transmitted <= true && port->pending == mtty_port_pending(port);
}

/* A mediated device: one port for each BAR */
struct mtty_card {
	struct mdev_pci pci;
	/* Protects what follows */
	struct mutex lock;
	struct mtty_port port[2];
};

#define to_mtty_card(_pci) container_of(_pci, struct mtty_card, pci)

/*
 * Update the interrupt after a change of a port: trigger MSI for each new condition;
 * assert INTx while there is any.
 */
static void mtty_update_irq(struct mtty_card *card, struct mtty_port *port)
{
	u8 old = port->pending;

	port->pending = mtty_port_pending(port);
	if (port->pending & ~old)
		mdev_pci_raise_irq(&card->pci, 0);
	else if (old && !(card->port[0].pending | card->port[1].pending))
		mdev_pci_lower_irq(&card->pci, 0);
}

/* Registers have one byte; a wider access is of several. */
static u64 mtty_read(struct mdev_pci *pci, unsigned int bar, u64 offset, unsigned int size)
{
	struct mtty_card *card = to_mtty_card(pci);
	struct mtty_port *port = &card->port[bar];
	u64 value = 0;

	guard(mutex)(&card->lock);
	for (unsigned int i = 0; i < size; i++)
		value |= (u64)mtty_port_read(port, offset + i) << i * BITS_PER_BYTE;
	mtty_update_irq(card, port);
	return value;
}

static void mtty_write(struct mdev_pci *pci, unsigned int bar, u64 offset,
		       unsigned int size, u64 value)
{
	struct mtty_card *card = to_mtty_card(pci);
	struct mtty_port *port = &card->port[bar];

	guard(mutex)(&card->lock);
	for (unsigned int i = 0; i < size; i++)
		mtty_port_write(port, offset + i, value >> i * BITS_PER_BYTE);
	mtty_update_irq(card, port);
}

static int mtty_create(struct mdev_pci *pci)
{
	mutex_init(&to_mtty_card(pci)->lock);
	return 0;
}

static int mtty_reset(struct mdev_pci *pci, enum mdev_pci_reset_cause cause)
{
	struct mtty_card *card = to_mtty_card(pci);

	guard(mutex)(&card->lock);
	memset(card->port, 0, sizeof(card->port));
	card->port[0].regs[UART_LSR] = MTTY_LSR_IDLE;
	card->port[1].regs[UART_LSR] = MTTY_LSR_IDLE;
	return 0;
}

/* A port migrates as the bytes that it consists of. */
static ssize_t mtty_save(struct mdev_pci *pci, void *buf, size_t size)
{
	struct mtty_card *card = to_mtty_card(pci);
	size_t used = pci->type->units * sizeof(card->port[0]);

	guard(mutex)(&card->lock);
	memcpy(buf, card->port, used);
	return used;
}

static int mtty_load(struct mdev_pci *pci, u32 version, const void *buf, size_t size)
{
	struct mtty_card *card = to_mtty_card(pci);
	const struct mtty_port *port = buf;
	unsigned int i;

	if (size != pci->type->units * sizeof(*port))
		return -EINVAL;
	for (i = 0; i < pci->type->units; i++)
		if (!mtty_port_valid(&port[i]))
			return -EINVAL;

	guard(mutex)(&card->lock);
	memcpy(card->port, port, size);
	return 0;
}

/* A 16550-compatible serial controller that 8250_pci knows: WCH's CH352 */
#define MTTY_FUNCTION(_ports)						\
	(&(const struct mdev_pci_function){				\
		.vendor = PCI_VENDOR_ID_WCHCN,				\
		.device = 0x3253,					\
		.subsystem_vendor = PCI_VENDOR_ID_WCHCN,		\
		.subsystem = 0x3253,					\
		.class = PCI_CLASS_COMMUNICATION_SERIAL << 8 | 0x02,	\
		.revision = 0x10,					\
		.interrupt_pin = 1,					\
		.msi.vectors = 1,					\
		.bar = {						\
			[0 ... (_ports) - 1] = {			\
				.flags = PCI_BASE_ADDRESS_SPACE_IO,	\
				.size = MTTY_PORT_SIZE,			\
				.read = mtty_read,			\
				.write = mtty_write,			\
			},						\
		},							\
	})

static const struct mdev_pci_type mtty_types[] = {
	{
		.name = "1",
		.label = "Single port serial",
		.description = "PCI serial card with one port",
		.function = MTTY_FUNCTION(1),
		.units = 1,
	}, {
		.name = "2",
		.label = "Dual port serial",
		.description = "PCI serial card with two ports",
		.function = MTTY_FUNCTION(2),
		.units = 2,
	},
};

static struct device *mtty_device;
static struct mdev_pci_parent mtty_parent;

static const struct mdev_pci_driver mtty_driver = {
	.types = mtty_types,
	.nr_types = ARRAY_SIZE(mtty_types),
	.device_size = MDEV_PCI_DEVICE_SIZE(struct mtty_card, pci),
	.state_size = sizeof_field(struct mtty_card, port),
	.create = mtty_create,
	.reset = mtty_reset,
	.save = mtty_save,
	.load = mtty_load,
};

static unsigned int ports = 24;
module_param(ports, uint, 0444);
MODULE_PARM_DESC(ports, "Number of serial ports to hand out (default 24)");

static const struct class mtty_class = {
	.name = "mtty",
};

/* What a vendor driver does in its probe and remove is done here at load. */
static int __init mtty_init(void)
{
	int ret;

	ret = class_register(&mtty_class);
	if (ret)
		return ret;
	mtty_device = device_create(&mtty_class, NULL, 0, NULL, "mtty");
	ret = PTR_ERR_OR_ZERO(mtty_device);
	if (ret)
		goto out_class;
	ret = mdev_pci_register(&mtty_parent, mtty_device, &mtty_driver, ports);
	if (ret)
		goto out_device;
	return 0;

out_device:
	device_unregister(mtty_device);
out_class:
	class_unregister(&mtty_class);
	return ret;
}
module_init(mtty_init);

static void __exit mtty_exit(void)
{
	mdev_pci_unregister(&mtty_parent);
	device_unregister(mtty_device);
	class_unregister(&mtty_class);
}
module_exit(mtty_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample vendor driver: mediated PCI serial cards");
