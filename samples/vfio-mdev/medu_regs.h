/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers of QEMU's teaching device, as its docs/specs/edu describes them: of the
 * card that medu.c shares, of the devices that it makes, and for guest/medu_guest.c.
 * Registers below MEDU_DMA_SOURCE have 4 bytes, the others 8, and can be accessed by
 * their lower 4.
 */
#ifndef _SAMPLES_MEDU_REGS_H
#define _SAMPLES_MEDU_REGS_H

#define MEDU_VENDOR_ID		0x1234
#define MEDU_DEVICE_ID		0x11e8
#define MEDU_REVISION		0x10
#define MEDU_CLASS		0x00ff00
#define MEDU_BAR_SIZE		0x100000

#define MEDU_ID			0x00
#define MEDU_IS_EDU		0x010000ed
#define MEDU_LIVENESS		0x04	/* reads as what was written, inverted */
#define MEDU_FACTORIAL		0x08	/* n is written, n! modulo 2^32 is read */
#define MEDU_STATUS		0x20
#define MEDU_COMPUTING		0x01
#define MEDU_FACTORIAL_IRQ	0x80	/* interrupt when n! is there */
#define MEDU_CAUSE		0x24	/* why the card interrupts */
#define MEDU_CAUSE_FACTORIAL	0x001
#define MEDU_CAUSE_DMA		0x100
#define MEDU_RAISE		0x60	/* sets bits of MEDU_CAUSE, and interrupts */
#define MEDU_ACK		0x64	/* clears bits of MEDU_CAUSE */
#define MEDU_DMA_SOURCE		0x80
#define MEDU_DMA_DESTINATION	0x88
#define MEDU_DMA_COUNT		0x90
#define MEDU_DMA_COMMAND	0x98
#define MEDU_DMA_RUN		0x1
#define MEDU_DMA_TO_MEMORY	0x2
#define MEDU_DMA_IRQ		0x4
#define MEDU_DMA_BITS		(MEDU_DMA_RUN | MEDU_DMA_TO_MEMORY | MEDU_DMA_IRQ)

/* The card's buffer, by the address that MEDU_DMA_SOURCE or _DESTINATION has for it */
#define MEDU_BUFFER		0x40000
#define MEDU_BUFFER_SIZE	4096

/* How many bits of an address in memory the card uses, unless QEMU has another dma_mask */
#define MEDU_ADDRESS_BITS	28

#endif
