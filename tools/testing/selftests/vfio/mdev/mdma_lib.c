// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vendor driver mdma, as its guest's driver and its user see it: memory that
 * is mapped for a card, and work for its queues.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/pci_regs.h>

#include "mdev_lib.h"
#include "mdma_lib.h"

#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX

#define PATIENCE_MS	30000

int mdma_prepare(void)
{
	int ret = mdev_prepare();

	return ret || path_exists(MDMA_TYPES) ? ret : module_load("mdma");
}

int mdma_finish(void)
{
	int ret = mdev_remove_all();

	return ret || !module_is_loaded("mdma") ? ret : module_unload("mdma");
}

int mdma_create(const char *type, const char *uuid)
{
	return sysfs_write(uuid, MDMA_TYPES "/%s/create", type);
}

static void *map_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

int mdma_memory_alloc(struct mdma_memory *memory)
{
	uint64_t state = 0x9e3779b97f4a7c15ULL;
	uint64_t *words;
	size_t i;

	memory->rings = map_memory(MDMA_RINGS_SIZE);
	memory->source = map_memory(MDMA_AREA_SIZE);
	memory->target = map_memory(MDMA_AREA_SIZE);
	if (!memory->rings || !memory->source || !memory->target)
		return -ENOMEM;
	words = (uint64_t *)memory->source;
	for (i = 0; i < MDMA_AREA_SIZE / sizeof(*words); i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		words[i] = state;
	}
	memset(memory->target, MDMA_BLANK, MDMA_AREA_SIZE);
	return 0;
}

void mdma_memory_free(struct mdma_memory *memory)
{
	munmap(memory->rings, MDMA_RINGS_SIZE);
	munmap(memory->source, MDMA_AREA_SIZE);
	munmap(memory->target, MDMA_AREA_SIZE);
}

int mdma_open_bare(struct mdma_card *card, struct mdma_memory *memory,
		   int (*open)(struct dma_user *user, const char *uuid),
		   const char *uuid)
{
	int ret;

	card->memory = memory;
	ret = open(&card->user, uuid);
	if (ret)
		return ret;
	card->fd = card->user.vfio.device;
	ret = dma_map(&card->user, MDMA_RINGS, memory->rings, MDMA_RINGS_SIZE,
		      DMA_BOTH);
	if (!ret)
		ret = dma_map(&card->user, MDMA_SOURCE, memory->source,
			      MDMA_AREA_SIZE, DMA_READ);
	if (!ret)
		ret = dma_map(&card->user, MDMA_TARGET, memory->target,
			      MDMA_AREA_SIZE, DMA_BOTH);
	return ret;
}

int mdma_open(struct mdma_card *card, struct mdma_memory *memory,
	      int (*open)(struct dma_user *user, const char *uuid),
	      const char *uuid)
{
	int ret = mdma_open_bare(card, memory, open, uuid);

	return ret ? ret : mdma_enable(card);
}

void mdma_close(struct mdma_card *card)
{
	dma_close(&card->user);
}

int mdma_set_command(int fd, uint16_t command)
{
	return vfio_store(fd, CONFIG, PCI_COMMAND, 2, command);
}

int mdma_capability(int fd, uint8_t id)
{
	int64_t offset = vfio_load(fd, CONFIG, PCI_CAPABILITY_LIST, 1);

	while (offset > 0) {
		if (vfio_load(fd, CONFIG, offset + PCI_CAP_LIST_ID, 1) == id)
			return offset;
		offset = vfio_load(fd, CONFIG, offset + PCI_CAP_LIST_NEXT, 1);
	}
	return offset ? offset : -ENOENT;
}

int mdma_enable(struct mdma_card *card)
{
	int64_t queues;
	int ret;

	ret = mdma_set_command(card->fd,
			       PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (ret)
		return ret;
	queues = vfio_load(card->fd, MDMA_BAR_REGISTERS, MDMA_QUEUES, 4);
	if (queues < 1 || queues > MDMA_MAX_QUEUES)
		return -EPROTO;
	while (queues-- && !ret)
		ret = mdma_enable_queue(card, queues);
	return ret;
}

int mdma_enable_queue(struct mdma_card *card, unsigned int queue)
{
	uint64_t ring = MDMA_RINGS + queue * PAGE;
	int ret;

	card->tail[queue] = 0;
	ret = mdma_write(card->fd, queue, MDMA_SIZE, 0);
	if (!ret)
		ret = mdma_write(card->fd, queue, MDMA_BASE,
				 ring >> MDMA_BASE_SHIFT);
	return ret ? ret : mdma_write(card->fd, queue, MDMA_SIZE,
				      MDMA_RING_SIZE);
}

int64_t mdma_read(int fd, unsigned int queue, unsigned int number)
{
	return vfio_load(fd, MDMA_BAR_REGISTERS, MDMA_REGISTER(queue, number),
			 4);
}

int mdma_write(int fd, unsigned int queue, unsigned int number, uint32_t value)
{
	return vfio_store(fd, MDMA_BAR_REGISTERS, MDMA_REGISTER(queue, number),
			  4, value);
}

static struct mdma_descriptor *descriptor_at(const struct mdma_card *card,
					     unsigned int queue,
					     unsigned int number)
{
	return &card->memory->rings[queue * PAGE / sizeof(*card->memory->rings) +
				    number];
}

const struct mdma_descriptor *mdma_read_descriptor(const struct mdma_card *card,
						   unsigned int queue,
					      unsigned int number)
{
	return descriptor_at(card, queue, number);
}

unsigned int mdma_add(struct mdma_card *card, unsigned int queue,
		      uint64_t source, uint64_t target, uint32_t length,
		      uint32_t flags)
{
	unsigned int number = card->tail[queue];

	*descriptor_at(card, queue, number) = (struct mdma_descriptor){
		.source = htole64(source),
		.destination = htole64(target),
		.length = htole32(length),
		.flags = htole32(flags),
	};
	card->tail[queue] = (number + 1) % MDMA_RING_SIZE;
	return number;
}

int mdma_ring(struct mdma_card *card, unsigned int queue)
{
	return mdma_write(card->fd, queue, MDMA_TAIL, card->tail[queue]);
}

int mdma_wait(struct mdma_card *card, unsigned int queue)
{
	unsigned int waited;

	for (waited = 0; waited < PATIENCE_MS; waited++) {
		if (mdma_read(card->fd, queue, MDMA_STATUS) &
		    MDMA_STATUS_BAD_RING)
			return -EIO;
		if (mdma_read(card->fd, queue, MDMA_HEAD) == card->tail[queue])
			return 0;
		sleep_ms(1);
	}
	return -ETIMEDOUT;
}

int mdma_wait_for_progress(struct mdma_card *card, unsigned int queue)
{
	unsigned int waited;

	for (waited = 0; waited < PATIENCE_MS; waited++) {
		if (mdma_read(card->fd, queue, MDMA_PROGRESS) > 0)
			return 0;
		if (mdma_read(card->fd, queue, MDMA_HEAD) == card->tail[queue])
			return -EALREADY;
		sleep_ms(1);
	}
	return -ETIMEDOUT;
}

int mdma_do(struct mdma_card *card, unsigned int queue, uint64_t source,
	    uint64_t target, uint32_t length, uint32_t flags)
{
	unsigned int number = mdma_add(card, queue, source, target, length,
				       flags);
	int ret = mdma_ring(card, queue);

	if (!ret)
		ret = mdma_wait(card, queue);
	return ret ? ret : (int)le32toh(mdma_read_descriptor(card, queue,
							number)->result);
}

int mdma_start_long(struct mdma_card *card, unsigned int queue)
{
	mdma_add(card, queue, MDMA_SOURCE, MDMA_TARGET, MDMA_LONG,
		 MDMA_COPY);
	return mdma_ring(card, queue);
}

int mdma_start_busy(struct mdma_card *card, unsigned int queue)
{
	int ret;

	do {
		ret = mdma_start_long(card, queue);
		if (!ret)
			ret = mdma_wait_for_progress(card, queue);
		if (ret != -EALREADY)
			return ret;
		/* This process had no processor until the copy was done: again */
		memset(card->memory->target, MDMA_BLANK, MDMA_AREA_SIZE);
		ret = mdma_enable_queue(card, queue);
	} while (!ret);
	return ret;
}

bool mdma_check_long(struct mdma_card *card, unsigned int queue)
{
	unsigned int last = (card->tail[queue] + MDMA_RING_SIZE - 1) %
			    MDMA_RING_SIZE;
	const struct mdma_descriptor *descriptor =
		mdma_read_descriptor(card, queue, last);
	struct mdma_memory *memory = card->memory;
	bool right = le32toh(descriptor->result) == MDMA_DONE &&
		     le32toh(descriptor->checksum) ==
			     mdma_crc(memory->source, MDMA_LONG) &&
		     !memcmp(memory->target, memory->source, MDMA_LONG) &&
		     mdma_is_blank(memory, 0, MDMA_LONG);

	memset(memory->target, MDMA_BLANK, MDMA_AREA_SIZE);
	return right;
}

/* IEEE 802.3, 3.2.9, with the bits in the order in which they are sent */
uint32_t mdma_crc(const void *data, size_t size)
{
	static uint32_t table[256];
	const uint8_t *byte = data;
	uint32_t crc = ~0;
	unsigned int i, j;

	for (i = 0; i < 256 && !table[255]; i++) {
		uint32_t value = i;

		for (j = 0; j < 8; j++)
			value = value >> 1 ^ (value & 1 ? 0xedb88320 : 0);
		table[i] = value;
	}
	while (size--)
		crc = crc >> 8 ^ table[(crc ^ *byte++) & 0xff];
	return ~crc;
}

static bool all_blank(const uint8_t *bytes, size_t size)
{
	return !size || (bytes[0] == MDMA_BLANK &&
			 !memcmp(bytes, bytes + 1, size - 1));
}

bool mdma_is_blank(const struct mdma_memory *memory, size_t offset,
		   size_t length)
{
	size_t end = offset + length;

	return all_blank(memory->target, offset) &&
	       all_blank(memory->target + end, MDMA_AREA_SIZE - end);
}

bool mdma_rests(struct mdma_memory *memory)
{
	memset(memory->target, MDMA_BLANK, MDMA_AREA_SIZE);
	sleep_ms(MDMA_QUIET_MS);
	return mdma_is_blank(memory, 0, 0);
}
