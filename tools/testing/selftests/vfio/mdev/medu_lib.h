/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices of medu, the driver that shares QEMU's edu cards: the cards of the VM, the
 * registers of a device, and DMA between its buffer and memory that is mapped for it.
 *
 * Functions that return a number return a negative errno on failure.
 */
#ifndef SELFTESTS_VFIO_MDEV_MEDU_LIB_H
#define SELFTESTS_VFIO_MDEV_MEDU_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "card_lib.h"
#include "dma_lib.h"
#include "medu_regs.h"

#define MEDU_DRIVER	"/sys/bus/pci/drivers/medu"
/* How many devices can share a card */
#define MEDU_UNITS	8

/* IOVA and size of the memory of each device; the card has 28 address bits */
#define MEDU_MEMORY	0x1000000UL
#define MEDU_MEMORY_SIZE	(4 * PAGE)

/* For TEST_F_TIMEOUT(): a transfer takes 0.2 seconds, and more in a debug kernel */
#define MEDU_TIMEOUT	180

struct medu_device {
	struct dma_user user;
	int fd;
	uint8_t *memory;
};

/*
 * Loads the modules; no test device exists then. -ENOENT if medu is not built, or the VM
 * has less than @cards cards; -ENODEV if medu is not bound to one of them.
 */
int medu_prepare(unsigned int cards);
/* Removes test devices and unloads medu. */
int medu_finish(void);

/* The PCI address of a card that is bound to medu, the first is 0 */
int medu_card_name(unsigned int card, char name[CARD_NAME_SIZE]);

int medu_create(unsigned int card, const char *uuid);
int medu_available(unsigned int card);

/* Opens a device, maps MEDU_MEMORY and enables memory accesses and DMA. */
int medu_open(struct medu_device *device,
	      int (*open)(struct dma_user *user, const char *uuid),
	      const char *uuid);
/* The same without writing to config space */
int medu_open_bare(struct medu_device *device,
		   int (*open)(struct dma_user *user, const char *uuid),
		   const char *uuid);
void medu_close(struct medu_device *device);

/* One access of 4 bytes */
int64_t medu_read(const struct medu_device *device, uint64_t offset);
int medu_write(const struct medu_device *device, uint64_t offset,
	       uint32_t value);

/* Writes n and waits for n!. */
int64_t medu_factorial(const struct medu_device *device, uint32_t n);

/* Starts a transfer from @offset of the memory to that of the buffer, or back. */
int medu_start(const struct medu_device *device, uint64_t iova,
	       uint64_t offset, uint32_t size, uint32_t command);
/* Waits until the device has done it. */
int medu_wait(const struct medu_device *device);
int medu_dma(const struct medu_device *device, uint64_t iova, uint64_t offset,
	     uint32_t size, uint32_t command);

/* Fills memory with bytes that depend on @seed. */
void medu_fill(uint8_t *memory, size_t size, unsigned int seed);
/* Has a page copied to the buffer and back to another page, and compares them. */
int medu_round(const struct medu_device *device, unsigned int seed);

#endif
