/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of mtty.ko share: the state of a card and of its ports. */
#ifndef _MTTY_H
#define _MTTY_H

#include <linux/mdev_irqs.h>
#include <linux/mutex.h>
#include <linux/pci_regs.h>
#include <linux/types.h>

/* PC16550D data sheet, section 8 */
#define MTTY_PORT_SIZE	8
#define MTTY_FIFO_SIZE	16

/* A 16550A */
struct mtty_port {
	/* IER, FCR, LCR, MCR, LSR without DR, MSR and SCR, by offset */
	u8 regs[MTTY_PORT_SIZE];
	/* DLL and DLM, by offset */
	u8 divisor[2];
	/* What was received and not read yet: count bytes from head on */
	u8 fifo[MTTY_FIFO_SIZE];
	u8 head;
	u8 count;
	/* The transmitter has become empty, and the IIR has not said so yet */
	bool transmitted;
	/* Interrupt conditions, as bits of the IER, at the last look */
	u8 pending;
};

/* A mediated device. What the guest sees of it is in config and port. */
struct mtty_card {
	/* Protects config and port */
	struct mutex lock;
	struct mdev_irqs irqs;
	u8 config[PCI_CFG_SPACE_SIZE];
	unsigned int ports;
	/* By the BAR that accesses it */
	struct mtty_port port[] __counted_by(ports);
};

/* mtty_main.c */
void mtty_update_irq(struct mtty_card *card);

/* mtty_config.c */
void mtty_config_reset(struct mtty_card *card);
bool mtty_config_valid(const struct mtty_card *card, const u8 *config);
void mtty_config_write(struct mtty_card *card, unsigned int offset,
		       const char *buf, size_t count);

/* mtty_uart.c */
void mtty_port_reset(struct mtty_port *port);
bool mtty_port_valid(const struct mtty_port *port);
u8 mtty_port_pending(const struct mtty_port *port);
u8 mtty_port_read(struct mtty_port *port, unsigned int offset);
void mtty_port_write(struct mtty_port *port, unsigned int offset, u8 value);

/* mtty_migration.c */
extern const struct mdev_migration_ops mtty_migration;

#endif /* _MTTY_H */
