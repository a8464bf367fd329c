/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PCI functions of mbar.c: a part of a card's memory, and registers of 32 bits that
 * show which part it is and can't be written.
 */
#ifndef _SAMPLES_MBAR_REGS_H
#define _SAMPLES_MBAR_REGS_H

#define MBAR_VENDOR_ID		0x1b36
#define MBAR_DEVICE_ID		0x10fd
/* How many devices share a card */
#define MBAR_PARTS		8

/* BARs */
#define MBAR_REGISTERS		0
#define MBAR_MEMORY		2

#define MBAR_ID			0x00
#define MBAR_IS_MBAR		0x7261626d
#define MBAR_PART		0x04	/* which part of the card's memory, from 0 */
#define MBAR_NR_PARTS		0x08
#define MBAR_SIZE_KIB		0x0c	/* of the part */

#endif
