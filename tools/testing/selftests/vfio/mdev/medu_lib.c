// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices of medu, the driver that shares QEMU's edu cards: the cards of the VM, the
 * registers of a device, and DMA between its buffer and memory that is mapped for it.
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/pci_regs.h>

#include "mdev_lib.h"
#include "medu_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX

#define MEDU_TYPE_FORMAT	MEDU_DRIVER "/%s/mdev_supported_types/medu-card"

/* The beginning of an edu card's modalias */
#define EDU		"pci:v00001234d000011E8"

/* For a request, and for those of other devices that come before it */
#define PATIENCE_MS	60000

int medu_card_name(unsigned int card, char name[CARD_NAME_SIZE])
{
	glob_t found;
	int ret = -ENOENT;

	if (glob(MEDU_DRIVER "/0*:*", 0, NULL, &found))
		return ret;
	if (card < found.gl_pathc) {
		snprintf(name, CARD_NAME_SIZE, "%s",
			 strrchr(found.gl_pathv[card], '/') + 1);
		ret = 0;
	}
	globfree(&found);
	return ret;
}

/* -ENODEV if the driver is not bound to a card that is there */
static int medu_check_card(unsigned int card)
{
	char name[CARD_NAME_SIZE];
	int ret = card_find(EDU, card, name);

	if (!ret && !path_exists(MEDU_DRIVER "/%s", name))
		ret = -ENODEV;
	return ret;
}

int medu_prepare(unsigned int cards)
{
	int ret = mdev_prepare();
	unsigned int i;

	if (!ret && !path_exists(MEDU_DRIVER))
		ret = module_load("medu");
	for (i = 0; i < cards && !ret; i++)
		ret = medu_check_card(i);
	if (ret)
		medu_finish();
	return ret;
}

int medu_finish(void)
{
	int ret = mdev_remove_all();

	if (!ret && module_is_loaded("medu"))
		ret = module_unload("medu");
	return ret;
}

int medu_create(unsigned int card, const char *uuid)
{
	char name[CARD_NAME_SIZE];
	int ret = medu_card_name(card, name);

	return ret ? ret : sysfs_write(uuid, MEDU_TYPE_FORMAT "/create", name);
}

int medu_available(unsigned int card)
{
	char name[CARD_NAME_SIZE], text[16];
	int ret = medu_card_name(card, name);

	if (!ret)
		ret = sysfs_read(text, sizeof(text),
				 MEDU_TYPE_FORMAT "/available_instances",
				 name);
	return ret < 0 ? ret : atoi(text);
}

int medu_open_bare(struct medu_device *device,
		   int (*open)(struct dma_user *user, const char *uuid),
		   const char *uuid)
{
	int ret;

	device->memory = mmap(NULL, MEDU_MEMORY_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (device->memory == MAP_FAILED)
		return -ENOMEM;
	ret = open(&device->user, uuid);
	if (ret)
		return ret;
	device->fd = device->user.vfio.device;
	return dma_map(&device->user, MEDU_MEMORY, device->memory,
		       MEDU_MEMORY_SIZE, DMA_BOTH);
}

int medu_open(struct medu_device *device,
	      int (*open)(struct dma_user *user, const char *uuid),
	      const char *uuid)
{
	int ret = medu_open_bare(device, open, uuid);

	return ret ? ret : vfio_store(device->fd, CONFIG, PCI_COMMAND, 2,
				      PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void medu_close(struct medu_device *device)
{
	dma_close(&device->user);
	munmap(device->memory, MEDU_MEMORY_SIZE);
}

int64_t medu_read(const struct medu_device *device, uint64_t offset)
{
	return vfio_load(device->fd, BAR0, offset, 4);
}

int medu_write(const struct medu_device *device, uint64_t offset,
	       uint32_t value)
{
	return vfio_store(device->fd, BAR0, offset, 4, value);
}

/* Waits until the bits of a register are clear. */
static int wait_clear(const struct medu_device *device, uint64_t offset,
		      uint32_t bits)
{
	unsigned int waited;
	int64_t value;

	for (waited = 0; waited < PATIENCE_MS; waited++) {
		value = medu_read(device, offset);
		if (value < 0)
			return value;
		if (!(value & bits))
			return 0;
		sleep_ms(1);
	}
	return -ETIMEDOUT;
}

int64_t medu_factorial(const struct medu_device *device, uint32_t n)
{
	int ret = medu_write(device, MEDU_FACTORIAL, n);

	if (!ret)
		ret = wait_clear(device, MEDU_STATUS, MEDU_COMPUTING);
	return ret ? ret : medu_read(device, MEDU_FACTORIAL);
}

int medu_start(const struct medu_device *device, uint64_t iova,
	       uint64_t offset, uint32_t size, uint32_t command)
{
	bool to_memory = command & MEDU_DMA_TO_MEMORY;
	uint64_t buffer = MEDU_BUFFER + offset;
	int ret;

	ret = medu_write(device, MEDU_DMA_SOURCE, to_memory ? buffer : iova);
	if (!ret)
		ret = medu_write(device, MEDU_DMA_DESTINATION,
				 to_memory ? iova : buffer);
	if (!ret)
		ret = medu_write(device, MEDU_DMA_COUNT, size);
	return ret ? ret : medu_write(device, MEDU_DMA_COMMAND,
				      MEDU_DMA_RUN | command);
}

int medu_wait(const struct medu_device *device)
{
	return wait_clear(device, MEDU_DMA_COMMAND, MEDU_DMA_RUN);
}

int medu_dma(const struct medu_device *device, uint64_t iova, uint64_t offset,
	     uint32_t size, uint32_t command)
{
	int ret = medu_start(device, iova, offset, size, command);

	return ret ? ret : medu_wait(device);
}

void medu_fill(uint8_t *memory, size_t size, unsigned int seed)
{
	size_t i;

	for (i = 0; i < size; i++) {
		seed = seed * 1103515245 + 12345;
		memory[i] = seed >> 16;
	}
}

int medu_round(const struct medu_device *device, unsigned int seed)
{
	uint8_t *from = device->memory, *to = device->memory + PAGE;
	int ret;

	medu_fill(from, PAGE, seed);
	memset(to, 0, PAGE);
	ret = medu_dma(device, MEDU_MEMORY, 0, PAGE, 0);
	if (!ret)
		ret = medu_dma(device, MEDU_MEMORY + PAGE, 0, PAGE,
			       MEDU_DMA_TO_MEMORY);
	if (ret)
		return ret;
	return memcmp(from, to, PAGE) ? -EILSEQ : 0;
}
