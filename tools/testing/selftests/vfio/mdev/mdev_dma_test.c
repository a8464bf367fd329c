// SPDX-License-Identifier: GPL-2.0-only
/*
 * mdev_pin_pages(), mdev_unpin_pages() and mdev_dma_rw() on userspace memory, and their
 * errors. mdev_dma_unmap_test.c tests unmaps of that memory.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "dma_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

/* Memory that is mapped readable and writable */
#define IOVA		0x100000UL
#define PAGES		16
#define SIZE		(PAGES * PAGE)
/* The same size is mapped read-only, and nothing after it */
#define READ_ONLY	(IOVA + SIZE)
#define UNMAPPED	(READ_ONLY + SIZE)

/* VFIO_PIN_PAGES_MAX_ENTRIES: type1 pins no more pages in one call */
#define VFIO_LIMIT	512

#define BAR1	VFIO_PCI_BAR1_REGION_INDEX

FIXTURE(dma)
{
	struct dma_user user;
	char *memory;
	int fd;
};

FIXTURE_VARIANT(dma)
{
	int (*open)(struct dma_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(dma, container) { .open = dma_open_container };
FIXTURE_VARIANT_ADD(dma, group) { .open = dma_open_group };
FIXTURE_VARIANT_ADD(dma, cdev) { .open = dma_open_cdev };

FIXTURE_SETUP(dma)
{
	ASSERT_EQ(0, dma_prepare(&self->user, variant->open));
	self->fd = self->user.vfio.device;
	self->memory = dma_memory(2 * PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));
	ASSERT_EQ(0, dma_map(&self->user, READ_ONLY, self->memory + SIZE, SIZE,
			     DMA_READ));
}

FIXTURE_TEARDOWN(dma)
{
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_EQ(0, dma_unmap(&self->user, READ_ONLY, SIZE));
	EXPECT_EQ(0, sim_get("dma_unmap/calls"));
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

TEST_F(dma, pin_and_unpin)
{
	uint64_t value = 0;
	unsigned int page;

	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, PAGES, DMA_BOTH));
	EXPECT_EQ(PAGES, sim_get("pins"));
	for (page = 0; page < PAGES; page++) {
		EXPECT_EQ(0, dma_peek(self->fd, IOVA + page * PAGE, &value));
		EXPECT_EQ(dma_mark(page), value);
	}
	EXPECT_EQ(0, dma_poke(self->fd, IOVA + PAGE, 0x1234));
	EXPECT_EQ(0x1234, *(uint64_t *)(self->memory + PAGE));

	EXPECT_EQ(0, dma_unpin(self->fd, 0, IOVA, PAGES));
	EXPECT_EQ(0, sim_get("pins"));
}

TEST_F(dma, pin_read_only)
{
	uint64_t value = 0;

	ASSERT_EQ(0, dma_pin(self->fd, 0, READ_ONLY, 1, DMA_READ));
	EXPECT_EQ(0, dma_peek(self->fd, READ_ONLY, &value));
	EXPECT_EQ(dma_mark(PAGES), value);
	EXPECT_EQ(0, dma_unpin(self->fd, 0, READ_ONLY, 1));
}

TEST_F(dma, pin_more_than_vfio_limit)
{
	const unsigned int pages = 2 * VFIO_LIMIT + 1;
	uint64_t value = 0;
	char *memory;

	memory = dma_memory(pages);
	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, dma_map(&self->user, UNMAPPED, memory, pages * PAGE,
			     DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, UNMAPPED, pages, DMA_BOTH));
	EXPECT_EQ(0, dma_peek(self->fd, UNMAPPED + VFIO_LIMIT * PAGE, &value));
	EXPECT_EQ(dma_mark(VFIO_LIMIT), value);
	EXPECT_EQ(0, dma_unpin(self->fd, 0, UNMAPPED, pages));
	EXPECT_EQ(0, dma_unmap(&self->user, UNMAPPED, pages * PAGE));
}

/* Mappings with contiguous IOVAs can have any virtual addresses. */
TEST_F(dma, pin_across_mappings)
{
	char *memory = dma_memory(PAGES);
	uint64_t value = 0;

	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA - SIZE, memory, SIZE, DMA_BOTH));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA - PAGE, PAGES + 2, DMA_READ));
	EXPECT_EQ(0, dma_peek(self->fd, IOVA - PAGE, &value));
	EXPECT_EQ(dma_mark(PAGES - 1), value);
	EXPECT_EQ(0, dma_peek(self->fd, IOVA, &value));
	EXPECT_EQ(dma_mark(0), value);
	EXPECT_EQ(0, dma_peek(self->fd, READ_ONLY, &value));
	EXPECT_EQ(dma_mark(PAGES), value);
	EXPECT_EQ(0, dma_unpin(self->fd, 0, IOVA - PAGE, PAGES + 2));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA - SIZE, SIZE));
}

TEST_F(dma, pin_all_or_nothing)
{
	unsigned int page;

	/* The last page is not mapped, or mapped read-only */
	EXPECT_EQ(-EINVAL, dma_pin(self->fd, 0, READ_ONLY, PAGES + 1,
				   DMA_READ));
	EXPECT_EQ(-EPERM, dma_pin(self->fd, 0, IOVA, PAGES + 1, DMA_WRITE));
	EXPECT_EQ(0, sim_get("pins"));
	for (page = 0; page <= 2 * PAGES; page++)
		EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA + page * PAGE,
					     1));
}

TEST_F(dma, pin_invalid_arguments)
{
	static const struct {
		uint64_t iova;
		int pages;
		int prot;
	} wrong[] = {
		{ IOVA, 0, DMA_READ },
		{ IOVA, -1, DMA_READ },
		{ IOVA + 1, 1, DMA_READ },
		{ IOVA + PAGE / 2, 1, DMA_READ },
		{ IOVA, 1, 0 },
		{ IOVA, 1, DMA_READ | 4 },
		{ UNMAPPED, 1, DMA_READ },
		{ 0, 1, DMA_READ },
		{ -PAGE, 1, DMA_READ },
		{ -PAGE, 2, DMA_READ },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(-EINVAL, dma_pin(self->fd, 0, wrong[i].iova,
					   wrong[i].pages, wrong[i].prot))
			TH_LOG("case %u", i);
		EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, wrong[i].iova,
					     wrong[i].pages))
			TH_LOG("case %u", i);
	}
}

TEST_F(dma, pin_read_only_for_writing)
{
	EXPECT_EQ(-EPERM, dma_pin(self->fd, 0, READ_ONLY, 1, DMA_WRITE));
	EXPECT_EQ(-EPERM, dma_pin(self->fd, 0, READ_ONLY, 1, DMA_BOTH));
}

/* mdev_unpin_pages() needs the IOVA and the number of pages of one mdev_pin_pages(). */
TEST_F(dma, unpin_matches_one_pin)
{
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 4, DMA_READ));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 2, DMA_READ));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA + 2 * PAGE, 4, DMA_BOTH));
	EXPECT_EQ(10, sim_get("pins"));

	/* A part of a pin, more than a pin, parts of two pins */
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA, 1));
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA, 6));
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA, 5));
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA + 2 * PAGE, 2));
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA + PAGE, 3));
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA - PAGE, 5));
	EXPECT_EQ(10, sim_get("pins"));

	EXPECT_EQ(0, dma_unpin(self->fd, 0, IOVA, 2));
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA, 2));
	EXPECT_EQ(0, dma_unpin(self->fd, 0, IOVA + 2 * PAGE, 4));
	EXPECT_EQ(0, dma_unpin(self->fd, 0, IOVA, 4));
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA, 4));
	EXPECT_EQ(0, sim_get("pins"));
}

TEST_F(dma, pin_many_times)
{
	unsigned int i;

	for (i = 0; i < 2000; i++)
		ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 2, DMA_READ));
	EXPECT_EQ(4000, sim_get("pins"));
	for (i = 0; i < 2000; i++)
		ASSERT_EQ(0, dma_unpin(self->fd, 0, IOVA, 2));
	EXPECT_EQ(-EINVAL, dma_unpin(self->fd, 0, IOVA, 2));

	for (i = 0; i < 2000; i++) {
		ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 1, DMA_BOTH));
		ASSERT_EQ(0, dma_unpin(self->fd, 0, IOVA, 1));
	}
}

TEST_F(dma, rw_across_pages)
{
	const uint64_t offset = PAGE - 3;
	char expected[2 * PAGE];
	char buffer[2 * PAGE];

	memset(self->memory, 0x5a, SIZE);
	memcpy(self->memory + offset, "across a border", 15);
	memcpy(expected, self->memory + offset, sizeof(expected));
	ASSERT_EQ(0, dma_read(self->fd, IOVA + offset, 1, sizeof(buffer)));
	ASSERT_EQ(sizeof(buffer), vfio_read(self->fd, BAR1, 1, buffer,
					    sizeof(buffer)));
	EXPECT_EQ(0, memcmp(expected, buffer, sizeof(buffer)));

	memset(buffer, 0xa5, sizeof(buffer));
	ASSERT_EQ(sizeof(buffer), vfio_write(self->fd, BAR1, 1, buffer,
					     sizeof(buffer)));
	ASSERT_EQ(0, dma_write(self->fd, IOVA + PAGE - 1, 1, sizeof(buffer)));
	EXPECT_EQ(0, memcmp(buffer, self->memory + PAGE - 1, sizeof(buffer)));
	EXPECT_EQ(expected[1], self->memory[PAGE - 2]);
	EXPECT_EQ(0x5a, self->memory[3 * PAGE - 1]);
}

TEST_F(dma, read_across_mappings)
{
	char buffer[2 * PAGE];

	ASSERT_EQ(0, dma_read(self->fd, READ_ONLY - PAGE, 0, sizeof(buffer)));
	ASSERT_EQ(sizeof(buffer), vfio_read(self->fd, BAR1, 0, buffer,
					    sizeof(buffer)));
	EXPECT_EQ(0, memcmp(self->memory + SIZE - PAGE, buffer,
			    sizeof(buffer)));
}

TEST_F(dma, rw_invalid_arguments)
{
	EXPECT_EQ(-EINVAL, dma_read(self->fd, IOVA, 0, 0));
	EXPECT_EQ(-EINVAL, dma_read(self->fd, UNMAPPED, 0, 1));
	EXPECT_EQ(-EINVAL, dma_read(self->fd, UNMAPPED - 1, 0, 2));
	EXPECT_EQ(-EINVAL, dma_read(self->fd, -PAGE, 0, 2 * PAGE));
	EXPECT_EQ(-EINVAL, dma_write(self->fd, UNMAPPED, 0, 1));
	EXPECT_EQ(-EPERM, dma_write(self->fd, READ_ONLY, 0, 1));
	EXPECT_EQ(-EPERM, dma_write(self->fd, READ_ONLY - 1, 0, 2));
}

/* Mapped for DMA, but without a VMA at the virtual address */
TEST_F(dma, efault_without_memory)
{
	void *hole = dma_memory(1);

	ASSERT_NE(NULL, hole);
	ASSERT_EQ(0, munmap(hole, PAGE));
	ASSERT_EQ(0, dma_map(&self->user, UNMAPPED, hole, PAGE, DMA_BOTH));
	EXPECT_EQ(-EFAULT, dma_pin(self->fd, 0, UNMAPPED, 1, DMA_READ));
	EXPECT_EQ(-EFAULT, dma_read(self->fd, UNMAPPED, 0, 1));
	EXPECT_EQ(0, dma_unmap(&self->user, UNMAPPED, PAGE));
}

TEST_F(dma, pins_per_device)
{
	struct dma_user other;

	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_B));
	ASSERT_EQ(0, variant->open(&other, UUID_B));
	ASSERT_EQ(0, dma_pin(self->fd, 0, IOVA, 1, DMA_READ));
	EXPECT_EQ(-EINVAL, dma_pin(other.vfio.device, 0, IOVA, 1, DMA_READ));
	EXPECT_EQ(-EINVAL, dma_unpin(other.vfio.device, 0, IOVA, 1));
	dma_close(&other);
	EXPECT_EQ(0, dma_unpin(self->fd, 0, IOVA, 1));
}

TEST_HARNESS_MAIN
