// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vendor driver mdma: registers, copies, checksums, errors and interrupts.
 * mdev_mdma_busy_test.c tests unmap, reset and close during a copy.
 */
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "kselftest_harness.h"

#include "irq_lib.h"
#include "mdev_lib.h"
#include "mdma_lib.h"
#include "vfio_lib.h"

#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX
#define QUEUES	4

FIXTURE(mdma)
{
	struct mdma_memory memory;
	struct mdma_card card;
	int fd;
};

FIXTURE_VARIANT(mdma)
{
	int (*open)(struct dma_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(mdma, container) { .open = dma_open_container };
FIXTURE_VARIANT_ADD(mdma, group) { .open = dma_open_group };
FIXTURE_VARIANT_ADD(mdma, cdev) { .open = dma_open_cdev };

FIXTURE_SETUP(mdma)
{
	ASSERT_EQ(0, mdma_prepare());
	ASSERT_EQ(0, mdma_memory_alloc(&self->memory));
	ASSERT_EQ(0, mdma_create("mdma-4", UUID_A));
	ASSERT_EQ(0, mdma_open(&self->card, &self->memory, variant->open,
			       UUID_A));
	self->fd = self->card.fd;
}

FIXTURE_TEARDOWN(mdma)
{
	mdma_close(&self->card);
	mdma_memory_free(&self->memory);
	EXPECT_EQ(0, mdma_finish());
}

TEST_F_TIMEOUT(mdma, ids_and_capabilities, MDMA_TIMEOUT)
{
	int express = mdma_capability(self->fd, PCI_CAP_ID_EXP);
	int msix = mdma_capability(self->fd, PCI_CAP_ID_MSIX);

	EXPECT_EQ(MDMA_VENDOR_ID, vfio_load(self->fd, CONFIG, PCI_VENDOR_ID, 2));
	EXPECT_EQ(MDMA_DEVICE_ID, vfio_load(self->fd, CONFIG, PCI_DEVICE_ID, 2));
	EXPECT_EQ(MDMA_CLASS >> 8,
		  vfio_load(self->fd, CONFIG, PCI_CLASS_DEVICE, 2));
	EXPECT_LT(0, mdma_capability(self->fd, PCI_CAP_ID_PM));
	ASSERT_LT(0, express);
	EXPECT_TRUE(vfio_load(self->fd, CONFIG, express + PCI_EXP_DEVCAP, 4) &
		    PCI_EXP_DEVCAP_FLR);
	ASSERT_LT(0, msix);
	EXPECT_EQ(QUEUES - 1,
		  vfio_load(self->fd, CONFIG, msix + PCI_MSIX_FLAGS, 2) &
		  PCI_MSIX_FLAGS_QSIZE);
	EXPECT_EQ(QUEUES, vfio_load(self->fd, MDMA_BAR_REGISTERS, MDMA_QUEUES,
				    4));
}

TEST_F_TIMEOUT(mdma, queue_count_of_type, MDMA_TIMEOUT)
{
	struct mdma_card single;

	ASSERT_EQ(0, mdma_create("mdma-1", UUID_B));
	ASSERT_EQ(0, mdma_open(&single, &self->memory, variant->open, UUID_B));
	EXPECT_EQ(1, vfio_load(single.fd, MDMA_BAR_REGISTERS, MDMA_QUEUES, 4));
	EXPECT_EQ(MDMA_DONE, mdma_do(&single, 0, MDMA_SOURCE, MDMA_TARGET, 1,
				     MDMA_COPY));
	EXPECT_EQ(0, mdma_write(single.fd, 1, MDMA_BASE, 1));
	EXPECT_EQ(0, mdma_read(single.fd, 1, MDMA_BASE));
	mdma_close(&single);
	EXPECT_EQ(0, mdev_remove(UUID_B));
}

TEST_F_TIMEOUT(mdma, queue_registers, MDMA_TIMEOUT)
{
	unsigned int queue;

	for (queue = 0; queue < QUEUES; queue++) {
		/* BASE of an enabled queue is read-only */
		EXPECT_EQ(0, mdma_write(self->fd, queue, MDMA_BASE, 0));
		EXPECT_EQ((MDMA_RINGS >> MDMA_BASE_SHIFT) + queue,
			  mdma_read(self->fd, queue, MDMA_BASE));
		EXPECT_EQ(MDMA_RING_SIZE,
			  mdma_read(self->fd, queue, MDMA_SIZE));

		EXPECT_EQ(0, mdma_write(self->fd, queue, MDMA_SIZE, 0));
		EXPECT_EQ(0, mdma_write(self->fd, queue, MDMA_BASE,
					0x12345678 + queue));
		EXPECT_EQ(0x12345678 + queue,
			  mdma_read(self->fd, queue, MDMA_BASE));
		EXPECT_EQ(0, mdma_write(self->fd, queue, MDMA_HEAD, 1));
		EXPECT_EQ(0, mdma_read(self->fd, queue, MDMA_HEAD));
		EXPECT_EQ(0, mdma_write(self->fd, queue, MDMA_CRC, 1));
		EXPECT_EQ(0, mdma_read(self->fd, queue, MDMA_CRC));
		EXPECT_EQ(0, mdma_read(self->fd, queue, MDMA_CRC + 1));
	}
}

/* An access of 64 bits reads two registers, a write of 16 bits is dropped. */
TEST_F_TIMEOUT(mdma, register_access_size, MDMA_TIMEOUT)
{
	uint64_t offset = MDMA_REGISTER(0, MDMA_BASE);
	uint32_t both[2];

	EXPECT_EQ(sizeof(both), vfio_read(self->fd, MDMA_BAR_REGISTERS, offset,
					  both, sizeof(both)));
	EXPECT_EQ(MDMA_RINGS >> MDMA_BASE_SHIFT, le32toh(both[0]));
	EXPECT_EQ(MDMA_RING_SIZE, le32toh(both[1]));
	EXPECT_EQ(0, vfio_store(self->fd, MDMA_BAR_REGISTERS,
				MDMA_REGISTER(0, MDMA_SIZE), 2, 0));
	EXPECT_EQ(MDMA_RING_SIZE, mdma_read(self->fd, 0, MDMA_SIZE));
}

static const uint32_t lengths[] = {
	1, 2, 31, 4095, 4096, 4097, 8192, 65535, 65537, 1 << 20,
};

/* Offsets of source and target in their pages */
static const struct {
	unsigned int from;
	unsigned int to;
} places[] = {
	{ 0, 0 }, { 1, 0 }, { 0, 1 }, { 4095, 4095 }, { 4095, 1 }, { 2048, 2047 },
};

TEST_F_TIMEOUT(mdma, copy_length_and_alignment, MDMA_TIMEOUT)
{
	const struct mdma_memory *memory = &self->memory;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (j = 0; j < ARRAY_SIZE(places); j++) {
			unsigned int number = self->card.tail[0];
			uint32_t length = lengths[i];
			uint8_t *source = memory->source + places[j].from;
			uint8_t *target = memory->target + places[j].to;

			ASSERT_EQ(MDMA_DONE,
				  mdma_do(&self->card, 0,
					  MDMA_SOURCE + places[j].from,
					  MDMA_TARGET + places[j].to, length,
					  MDMA_COPY));
			ASSERT_EQ(0, memcmp(target, source, length))
				TH_LOG("%u bytes, case %u", length, j);
			ASSERT_TRUE(mdma_is_blank(memory, places[j].to, length))
				TH_LOG("%u bytes, case %u", length, j);
			ASSERT_EQ(mdma_crc(source, length),
				  le32toh(mdma_read_descriptor(&self->card, 0,
							       number)->checksum));
			memset(target, MDMA_BLANK, length);
		}
	}
}

TEST_F_TIMEOUT(mdma, crc32_without_copy, MDMA_TIMEOUT)
{
	const struct mdma_descriptor *descriptor;

	/* The check value of CRC-32 */
	memcpy(self->memory.source, "123456789", 9);
	descriptor = mdma_read_descriptor(&self->card, 0, 0);
	ASSERT_EQ(MDMA_DONE, mdma_do(&self->card, 0, MDMA_SOURCE, 0, 9, 0));
	EXPECT_EQ(0xcbf43926, le32toh(descriptor->checksum));
	EXPECT_TRUE(mdma_is_blank(&self->memory, 0, 0));
}

/* Seven descriptors for each doorbell, in a ring of eight */
TEST_F_TIMEOUT(mdma, ring_wraparound, MDMA_TIMEOUT)
{
	const struct mdma_memory *memory = &self->memory;
	unsigned int i, number;

	for (i = 0; i < 5 * (MDMA_RING_SIZE - 1); i++) {
		size_t place = 5000 * i;

		number = mdma_add(&self->card, 0, MDMA_SOURCE + place,
				  MDMA_TARGET + place, 5000, MDMA_COPY);
		EXPECT_EQ(i % MDMA_RING_SIZE, number);
		if (i % (MDMA_RING_SIZE - 1) != MDMA_RING_SIZE - 2)
			continue;
		ASSERT_EQ(0, mdma_ring(&self->card, 0));
		ASSERT_EQ(0, mdma_wait(&self->card, 0));
	}
	EXPECT_EQ(0, memcmp(memory->target, memory->source, 5000 * i));
	EXPECT_TRUE(mdma_is_blank(memory, 0, 5000 * i));
	EXPECT_EQ(0, mdma_read(self->fd, 0, MDMA_STATUS));
}

TEST_F_TIMEOUT(mdma, parallel_queues, MDMA_TIMEOUT)
{
	uint32_t crc = mdma_crc(self->memory.source, MDMA_LONG);
	unsigned int queue;

	for (queue = 0; queue < QUEUES; queue++)
		ASSERT_EQ(0, mdma_start_long(&self->card, queue));
	/* The last queue copies before the first has completed its descriptor */
	EXPECT_EQ(0, mdma_wait_for_progress(&self->card, QUEUES - 1));
	EXPECT_EQ(0, mdma_read(self->fd, 0, MDMA_HEAD));
	for (queue = 0; queue < QUEUES; queue++) {
		EXPECT_EQ(0, mdma_wait(&self->card, queue));
		EXPECT_EQ(crc, le32toh(mdma_read_descriptor(&self->card, queue,
							    0)->checksum));
	}
	EXPECT_TRUE(mdma_check_long(&self->card, 0));
}

/* Invalid descriptors, and addresses that are not mapped */
static const struct {
	uint64_t source;
	uint64_t target;
	uint32_t length;
	uint32_t flags;
	uint32_t result;
	/* Bytes that are copied before the error */
	uint32_t copied;
} failures[] = {
	{ MDMA_SOURCE, MDMA_TARGET, 0, MDMA_COPY, MDMA_BAD_LENGTH, 0 },
	{ MDMA_SOURCE, MDMA_TARGET, MDMA_MAX_LENGTH + 1, MDMA_COPY,
	  MDMA_BAD_LENGTH, 0 },
	{ MDMA_SOURCE, MDMA_TARGET, -1, MDMA_COPY, MDMA_BAD_LENGTH, 0 },
	{ MDMA_SOURCE, MDMA_TARGET, 1, MDMA_COPY << 1, MDMA_BAD_FLAGS, 0 },
	{ MDMA_SOURCE, MDMA_TARGET, 1, -1, MDMA_BAD_FLAGS, 0 },
	/* Not mapped */
	{ 0, MDMA_TARGET, 1, MDMA_COPY, MDMA_BAD_ADDRESS, 0 },
	{ 0, MDMA_TARGET, 1, 0, MDMA_BAD_ADDRESS, 0 },
	{ MDMA_SOURCE, 0, 1, MDMA_COPY, MDMA_BAD_ADDRESS, 0 },
	{ MDMA_SOURCE - 1, MDMA_TARGET, 2, MDMA_COPY, MDMA_BAD_ADDRESS, 0 },
	{ -1, MDMA_TARGET, 1, MDMA_COPY, MDMA_BAD_ADDRESS, 0 },
	{ MDMA_SOURCE, -1, 2, MDMA_COPY, MDMA_BAD_ADDRESS, 0 },
	/* Mapped in part */
	{ MDMA_SOURCE + MDMA_AREA_SIZE - 5, MDMA_TARGET, 6, MDMA_COPY,
	  MDMA_BAD_ADDRESS, 5 },
	{ MDMA_SOURCE, MDMA_TARGET + MDMA_AREA_SIZE - PAGE, 2 * PAGE, MDMA_COPY,
	  MDMA_BAD_ADDRESS, PAGE },
	{ MDMA_SOURCE, MDMA_TARGET, MDMA_MAX_LENGTH, MDMA_COPY,
	  MDMA_BAD_ADDRESS, MDMA_AREA_SIZE },
	/* The target is mapped read-only */
	{ MDMA_TARGET, MDMA_SOURCE, 1, MDMA_COPY, MDMA_BAD_ADDRESS, 0 },
};

TEST_F_TIMEOUT(mdma, descriptor_errors, MDMA_TIMEOUT)
{
	struct mdma_memory *memory = &self->memory;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(failures); i++) {
		uint64_t place = failures[i].copied ?
				 failures[i].target - MDMA_TARGET : 0;

		EXPECT_EQ((int)failures[i].result,
			  mdma_do(&self->card, 1, failures[i].source,
				  failures[i].target, failures[i].length,
				  failures[i].flags))
			TH_LOG("case %u", i);
		EXPECT_EQ(MDMA_STATUS_ERROR,
			  mdma_read(self->fd, 1, MDMA_STATUS));
		EXPECT_EQ(0, mdma_write(self->fd, 1, MDMA_STATUS,
					MDMA_STATUS_ERRORS));
		EXPECT_EQ(0, mdma_read(self->fd, 1, MDMA_STATUS));
		EXPECT_TRUE(mdma_is_blank(memory, place, failures[i].copied))
			TH_LOG("case %u", i);
		memset(memory->target + place, MDMA_BLANK, failures[i].copied);
	}
	/* The queue is still enabled, and other queues report no error */
	EXPECT_EQ(MDMA_DONE, mdma_do(&self->card, 1, MDMA_SOURCE, MDMA_TARGET,
				     5, MDMA_COPY));
	EXPECT_EQ(0, mdma_read(self->fd, 0, MDMA_STATUS));
}

TEST_F_TIMEOUT(mdma, bad_ring_disables_queue, MDMA_TIMEOUT)
{
	int fd = self->fd;

	/* SIZE is too large */
	EXPECT_EQ(0, mdma_write(fd, 0, MDMA_SIZE, MDMA_MAX_SIZE + 1));
	EXPECT_EQ(MDMA_STATUS_BAD_RING, mdma_read(fd, 0, MDMA_STATUS));
	EXPECT_EQ(0, mdma_read(fd, 0, MDMA_SIZE));
	/* TAIL is out of range */
	ASSERT_EQ(0, mdma_enable_queue(&self->card, 0));
	EXPECT_EQ(0, mdma_read(fd, 0, MDMA_STATUS));
	EXPECT_EQ(0, mdma_write(fd, 0, MDMA_TAIL, MDMA_RING_SIZE));
	EXPECT_EQ(MDMA_STATUS_BAD_RING, mdma_read(fd, 0, MDMA_STATUS));
	EXPECT_EQ(0, mdma_read(fd, 0, MDMA_SIZE));
	/* The ring is not mapped */
	EXPECT_EQ(0, mdma_write(fd, 0, MDMA_BASE, 0));
	EXPECT_EQ(0, mdma_write(fd, 0, MDMA_SIZE, MDMA_MAX_SIZE));
	EXPECT_EQ(0, mdma_write(fd, 0, MDMA_TAIL, 1));
	self->card.tail[0] = 1;
	EXPECT_EQ(-EIO, mdma_wait(&self->card, 0));
	/* The ring is mapped read-only */
	EXPECT_EQ(0, mdma_write(fd, 0, MDMA_BASE,
				MDMA_SOURCE >> MDMA_BASE_SHIFT));
	EXPECT_EQ(0, mdma_write(fd, 0, MDMA_SIZE, MDMA_MAX_SIZE));
	EXPECT_EQ(0, mdma_write(fd, 0, MDMA_TAIL, 1));
	EXPECT_EQ(-EIO, mdma_wait(&self->card, 0));

	ASSERT_EQ(0, mdma_enable_queue(&self->card, 0));
	EXPECT_EQ(MDMA_DONE, mdma_do(&self->card, 0, MDMA_SOURCE, MDMA_TARGET,
				     5, MDMA_COPY));
}

TEST_F_TIMEOUT(mdma, max_ring_size, MDMA_TIMEOUT)
{
	struct mdma_descriptor *ring = (void *)self->memory.target;
	unsigned int last = MDMA_MAX_SIZE - 1;

	/* All descriptors but the last one have a length of 0 */
	EXPECT_EQ(0, mdma_write(self->fd, 2, MDMA_SIZE, 0));
	EXPECT_EQ(0, mdma_write(self->fd, 2, MDMA_BASE,
				MDMA_TARGET >> MDMA_BASE_SHIFT));
	EXPECT_EQ(0, mdma_write(self->fd, 2, MDMA_SIZE, MDMA_MAX_SIZE));
	memset(ring, 0, MDMA_MAX_SIZE * sizeof(*ring));
	ring[last].source = htole64(MDMA_SOURCE);
	ring[last].length = htole32(4);
	EXPECT_EQ(0, mdma_write(self->fd, 2, MDMA_TAIL, last));
	self->card.tail[2] = last;
	EXPECT_EQ(0, mdma_wait(&self->card, 2));
	EXPECT_EQ(MDMA_BAD_LENGTH, le32toh(ring[last - 1].result));
	EXPECT_EQ(0, le32toh(ring[last].result));
	EXPECT_EQ(0, mdma_write(self->fd, 2, MDMA_TAIL, 0));
	self->card.tail[2] = 0;
	EXPECT_EQ(0, mdma_wait(&self->card, 2));
	EXPECT_EQ(MDMA_DONE, le32toh(ring[last].result));
	EXPECT_EQ(mdma_crc(self->memory.source, 4),
		  le32toh(ring[last].checksum));
}

/* PCI 3.0, 6.2.2: without Bus Master, no access to memory */
TEST_F_TIMEOUT(mdma, doorbell_without_bus_master, MDMA_TIMEOUT)
{
	unsigned int number;

	ASSERT_EQ(0, mdma_set_command(self->fd, PCI_COMMAND_MEMORY));
	number = mdma_add(&self->card, 0, MDMA_SOURCE, MDMA_TARGET, 5,
			  MDMA_COPY);
	ASSERT_EQ(0, mdma_ring(&self->card, 0));
	sleep_ms(MDMA_QUIET_MS);
	EXPECT_EQ(0, mdma_read(self->fd, 0, MDMA_HEAD));
	EXPECT_EQ(0, mdma_read_descriptor(&self->card, 0, number)->result);
	EXPECT_TRUE(mdma_is_blank(&self->memory, 0, 0));

	ASSERT_EQ(0, mdma_set_command(self->fd, PCI_COMMAND_MEMORY |
						PCI_COMMAND_MASTER));
	ASSERT_EQ(0, mdma_ring(&self->card, 0));
	EXPECT_EQ(0, mdma_wait(&self->card, 0));
	EXPECT_EQ(0, memcmp(self->memory.target, self->memory.source, 5));
}

static int set_eventfds(struct mdma_card *card, int *eventfds)
{
	unsigned int i;

	for (i = 0; i < QUEUES; i++) {
		eventfds[i] = irq_eventfd();
		if (eventfds[i] < 0)
			return eventfds[i];
	}
	return irq_set_eventfds(card->fd, MSIX, TRIGGER, 0, QUEUES, eventfds);
}

static int do_byte(struct mdma_card *card, unsigned int queue)
{
	return mdma_do(card, queue, MDMA_SOURCE, MDMA_TARGET, 1, MDMA_COPY);
}

TEST_F_TIMEOUT(mdma, msix_vector_per_queue, MDMA_TIMEOUT)
{
	int eventfds[QUEUES];
	unsigned int queue, other;

	ASSERT_EQ(0, set_eventfds(&self->card, eventfds));
	for (queue = 0; queue < QUEUES; queue++) {
		ASSERT_EQ(MDMA_DONE, do_byte(&self->card, queue));
		EXPECT_EQ(1, irq_signals_within(eventfds[queue],
						IRQ_TIMEOUT_MS));
		for (other = 0; other < QUEUES; other++)
			EXPECT_EQ(0, irq_signals(eventfds[other]));
	}
	/* One interrupt for all descriptors of a doorbell */
	for (other = 0; other < MDMA_RING_SIZE - 1; other++)
		mdma_add(&self->card, 0, MDMA_SOURCE, MDMA_TARGET, 1 << 16,
			 MDMA_COPY);
	ASSERT_EQ(0, mdma_ring(&self->card, 0));
	ASSERT_EQ(0, mdma_wait(&self->card, 0));
	EXPECT_EQ(1, irq_signals_within(eventfds[0], IRQ_TIMEOUT_MS));
	/* A failed copy interrupts at once */
	mdma_add(&self->card, 0, 0, MDMA_TARGET, 1, MDMA_COPY);
	mdma_add(&self->card, 0, MDMA_SOURCE, MDMA_TARGET, 1, MDMA_COPY);
	ASSERT_EQ(0, mdma_ring(&self->card, 0));
	ASSERT_EQ(0, mdma_wait(&self->card, 0));
	EXPECT_EQ(2, irq_signals_within(eventfds[0], IRQ_TIMEOUT_MS));
}

/* PCI 3.0, 6.8.2.9 and 6.8.3.5 */
TEST_F_TIMEOUT(mdma, msix_masked_vector_pending, MDMA_TIMEOUT)
{
	const uint64_t control = 2 * PCI_MSIX_ENTRY_SIZE +
				 PCI_MSIX_ENTRY_VECTOR_CTRL;
	int eventfds[QUEUES];

	ASSERT_EQ(0, set_eventfds(&self->card, eventfds));
	ASSERT_EQ(0, vfio_store(self->fd, MDMA_BAR_MSIX,
				control - PCI_MSIX_ENTRY_SIZE, 4, 0));
	ASSERT_EQ(0, vfio_store(self->fd, MDMA_BAR_MSIX, control, 4,
				PCI_MSIX_ENTRY_CTRL_MASKBIT));
	ASSERT_EQ(MDMA_DONE, do_byte(&self->card, 2));
	ASSERT_EQ(MDMA_DONE, do_byte(&self->card, 1));
	EXPECT_EQ(1, irq_signals_within(eventfds[1], IRQ_TIMEOUT_MS));
	EXPECT_EQ(0, irq_signals_within(eventfds[2], MDMA_QUIET_MS));
	EXPECT_EQ(1 << 2, vfio_load(self->fd, MDMA_BAR_MSIX, MDMA_MSIX_PENDING,
				    4));
	ASSERT_EQ(0, vfio_store(self->fd, MDMA_BAR_MSIX, control, 4, 0));
	EXPECT_EQ(1, irq_signals_within(eventfds[2], IRQ_TIMEOUT_MS));
	EXPECT_EQ(0, vfio_load(self->fd, MDMA_BAR_MSIX, MDMA_MSIX_PENDING, 4));
}

TEST_HARNESS_MAIN
