/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mdma: what its driver has to know, and nothing else. Shared by the device, the
 * guest's driver and the tests.
 *
 * The engine has a number of queues. A queue works through a ring of descriptors
 * in memory, each of which has it copy memory, compute a checksum of memory, or
 * both at once. When it has come from HEAD to TAIL, or when something has failed,
 * it interrupts, with the vector of MSI-X that has its number. After a migration of the
 * guest, an interrupt can come twice.
 */
#ifndef _MDMA_REGS_H
#define _MDMA_REGS_H

#include <linux/types.h>

/* The vendor ID is that of QEMU's teaching device, 1234:11e8. */
#define MDMA_VENDOR_ID		0x1234
#define MDMA_DEVICE_ID		0x11e9
/* Processing accelerators (PCI Code and ID Assignment 1.11, 1.19) */
#define MDMA_CLASS		0x120000

#define MDMA_MAX_QUEUES		4

/* BAR 0: little-endian registers of 32 bits, accessed as such */
#define MDMA_BAR_REGISTERS	0
/* BAR 2: the table of MSI-X, and its pending bits */
#define MDMA_BAR_MSIX		2
#define MDMA_MSIX_PENDING	0x800
#define MDMA_BAR_SIZE		0x1000

/* Read-only: the number of queues */
#define MDMA_QUEUES		0x00
/* Where a register of a queue is, by its number from below */
#define MDMA_QUEUE_SIZE		0x40
#define MDMA_REGISTER(_queue, _number) \
	(0x100 + MDMA_QUEUE_SIZE * (_queue) + 4 * (_number))

/* Where the ring is, as address >> 12; written while SIZE is 0 */
#define MDMA_BASE		0
#define MDMA_BASE_SHIFT		12
/*
 * How many descriptors the ring has, one more than can wait at once. Until this
 * is written, and after a write of 0, the queue is disabled and does not access
 * memory. Each write ends what is under way, and clears the registers below.
 */
#define MDMA_SIZE		1
#define MDMA_MAX_SIZE		4096
/*
 * The doorbell: up to which descriptor the queue is to work. It waits while bus
 * mastering is off; when it is on again, another write lets the queue go on.
 */
#define MDMA_TAIL		2
/* Errors, which are cleared by writing 1 */
#define MDMA_STATUS		3
/* Read-only: the descriptor that the queue does next, or is doing */
#define MDMA_HEAD		4
/* Likewise: how many bytes of that one are done, and their checksum */
#define MDMA_PROGRESS		5
#define MDMA_CRC		6

/* A descriptor has failed */
#define MDMA_STATUS_ERROR	0x1
/* The queue has disabled itself: SIZE, TAIL, or where the ring is, is wrong */
#define MDMA_STATUS_BAD_RING	0x2
#define MDMA_STATUS_ERRORS	(MDMA_STATUS_ERROR | MDMA_STATUS_BAD_RING)

/**
 * struct mdma_descriptor - what a queue is to do, and what came of it
 * @source: where to read
 * @destination: where to write, with MDMA_COPY. May not overlap what is read.
 * @length: how many bytes, from 1 to MDMA_MAX_LENGTH
 * @flags: MDMA_COPY, or 0 for a checksum alone
 * @checksum: written by the queue: CRC-32 (IEEE 802.3) of what was read
 * @result: written by the queue: MDMA_DONE, or why not. HEAD goes on after that.
 *
 * All fields are little endian.
 */
struct mdma_descriptor {
	__le64 source;
	__le64 destination;
	__le32 length;
	__le32 flags;
	__le32 checksum;
	__le32 result;
};

#define MDMA_MAX_LENGTH		0x1000000

#define MDMA_COPY		0x1

#define MDMA_DONE		1
#define MDMA_BAD_FLAGS		2
/* 0, or too large */
#define MDMA_BAD_LENGTH		3
/* There is no memory, or it may not be accessed like that; some may be copied */
#define MDMA_BAD_ADDRESS	4

#endif /* _MDMA_REGS_H */
