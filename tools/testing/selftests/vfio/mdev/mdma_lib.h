/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vendor driver mdma, as its guest's driver and its user see it: memory that
 * is mapped for a card, and work for its queues.
 *
 * Functions that return a number answer a negative errno when they fail.
 */
#ifndef SELFTESTS_VFIO_MDEV_MDMA_LIB_H
#define SELFTESTS_VFIO_MDEV_MDMA_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dma_lib.h"
#include "mdma_regs.h"

#define MDMA_TYPES	"/sys/class/mdev_bus/mdma/mdev_supported_types"

/* Where memory is mapped */
#define MDMA_RINGS	0x10000000UL
#define MDMA_SOURCE	0x20000000UL
#define MDMA_TARGET	0x30000000UL
/* What takes long enough to be disturbed */
#define MDMA_LONG	0x400000
/* A page for each queue's ring; what is copied, and where to */
#define MDMA_RINGS_SIZE	(MDMA_MAX_QUEUES * PAGE)
#define MDMA_AREA_SIZE	(MDMA_LONG + 2 * PAGE)

/* For TEST_F_TIMEOUT(): enough for debugging kernels on emulated machines */
#define MDMA_TIMEOUT	180

#define MDMA_RING_SIZE	8

/* What the target holds before anything is copied */
#define MDMA_BLANK	0x5a

/* How long is waited for what must not happen */
#define MDMA_QUIET_MS	100

struct mdma_memory {
	struct mdma_descriptor *rings;
	uint8_t *source;
	uint8_t *target;
};

/* An open card that decodes its BARs and has its queues enabled */
struct mdma_card {
	struct dma_user user;
	int fd;
	struct mdma_memory *memory;
	unsigned int tail[MDMA_MAX_QUEUES];
};

/* mdma is loaded, and no test device exists */
int mdma_prepare(void);
/* Removes the cards, and unloads mdma: other tests unload what it uses. */
int mdma_finish(void);
/* @type is "mdma-1" or "mdma-4", with as many queues. */
int mdma_create(const char *type, const char *uuid);

/* The source is filled with something, the target is blank. */
int mdma_memory_alloc(struct mdma_memory *memory);
void mdma_memory_free(struct mdma_memory *memory);

int mdma_open(struct mdma_card *card, struct mdma_memory *memory,
	      int (*open)(struct dma_user *user, const char *uuid),
	      const char *uuid);
/* The same without anything that a guest does */
int mdma_open_bare(struct mdma_card *card, struct mdma_memory *memory,
		   int (*open)(struct dma_user *user, const char *uuid),
		   const char *uuid);
void mdma_close(struct mdma_card *card);

/* What a guest's driver does first, for all queues */
int mdma_enable(struct mdma_card *card);
int mdma_enable_queue(struct mdma_card *card, unsigned int queue);
int mdma_set_command(int fd, uint16_t command);
/* The offset of a capability of the PCI function */
int mdma_capability(int fd, uint8_t id);

int64_t mdma_read(int fd, unsigned int queue, unsigned int number);
int mdma_write(int fd, unsigned int queue, unsigned int number, uint32_t value);

/* Adds a descriptor to the ring, without a word to the queue; answers which. */
unsigned int mdma_add(struct mdma_card *card, unsigned int queue,
		      uint64_t source, uint64_t target, uint32_t length,
		      uint32_t flags);
int mdma_ring(struct mdma_card *card, unsigned int queue);
/* Waits until all is done, or the queue has disabled itself. */
int mdma_wait(struct mdma_card *card, unsigned int queue);
/* Waits until some of a long transfer is done, but not all. */
int mdma_wait_for_progress(struct mdma_card *card, unsigned int queue);

/* One descriptor from beginning to end; answers its result. */
int mdma_do(struct mdma_card *card, unsigned int queue, uint64_t source,
	    uint64_t target, uint32_t length, uint32_t flags);
const struct mdma_descriptor *mdma_read_descriptor(const struct mdma_card *card,
						   unsigned int queue,
					      unsigned int number);

/* Has a queue copy MDMA_LONG bytes. */
int mdma_start_long(struct mdma_card *card, unsigned int queue);
/* The same, and returns when the copy has begun and is not done. */
int mdma_start_busy(struct mdma_card *card, unsigned int queue);
/* Whether that was done right; blanks the target. */
bool mdma_check_long(struct mdma_card *card, unsigned int queue);

uint32_t mdma_crc(const void *data, size_t size);
/* Whether the target is blank but for @length bytes at @offset */
bool mdma_is_blank(const struct mdma_memory *memory, size_t offset,
		   size_t length);
/* Clears the target; true if it stays clear: the device writes no more */
bool mdma_rests(struct mdma_memory *memory);

#endif
