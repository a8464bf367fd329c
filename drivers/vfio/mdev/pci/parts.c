// SPDX-License-Identifier: GPL-2.0-only
/*
 * State data that is transferred in parts, while the device runs: memory regions, page
 * by page, and what the driver's save_part() writes. A part has a section of each (see
 * sections.c), and is loaded when it arrives.
 */

#include <linux/align.h>
#include <linux/cleanup.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "private.h"

/* Memory is saved in blocks of this size, whatever the page size is. */
#define MDEV_PCI_BLOCK_SIZE	4096

/* In &mdev_pci_block.flags: the block is zeroes, which are left out */
#define MDEV_PCI_BLOCK_ZERO	BIT(0)

/**
 * struct mdev_pci_block - a block of memory
 * @region: VFIO region index
 * @flags: MDEV_PCI_BLOCK_ZERO; all others are 0
 * @offset: where in the region, in bytes, a multiple of MDEV_PCI_BLOCK_SIZE
 * @contents: what is there, MDEV_PCI_BLOCK_SIZE bytes
 */
struct mdev_pci_block {
	__le32 region;
	__le32 flags;
	__le64 offset;
	u8 contents[];
};

/* What a page takes at most, in bytes */
#define MDEV_PCI_PAGE_ROOM	(PAGE_SIZE / MDEV_PCI_BLOCK_SIZE * \
				 (sizeof(struct mdev_pci_block) + \
				  MDEV_PCI_BLOCK_SIZE))

/* Returns the number of bytes written. */
static size_t mdev_pci_save_block(struct mdev_pci_core *core,
				  unsigned int region, u64 offset,
				  struct mdev_pci_block *block)
{
	block->region = cpu_to_le32(region);
	block->offset = cpu_to_le64(offset);
	if (mdev_pci_memory_is_zero(core, region, offset,
				    MDEV_PCI_BLOCK_SIZE)) {
		block->flags = cpu_to_le32(MDEV_PCI_BLOCK_ZERO);
		return sizeof(*block);
	}
	block->flags = 0;
	mdev_pci_memory_read(core, region, offset, block->contents,
			     MDEV_PCI_BLOCK_SIZE);
	return sizeof(*block) + MDEV_PCI_BLOCK_SIZE;
}

static size_t mdev_pci_save_pages(struct mdev_pci_core *core,
				  const struct mdev_pci_pages *pages, void *buf)
{
	u64 offset = (u64)pages->first << PAGE_SHIFT;
	u64 end = min((u64)pages->end << PAGE_SHIFT,
		      mdev_pci_region_at(core->layout->function,
					 pages->region)->size);
	size_t done = 0;

	for (; offset < end; offset += MDEV_PCI_BLOCK_SIZE)
		done += mdev_pci_save_block(core, pages->region, offset,
					    buf + done);
	return done;
}

/* Save as much of the memory that has changed as fits in @size bytes. */
static size_t mdev_pci_save_memory(struct mdev_pci_core *core, void *buf,
				   size_t size)
{
	struct mdev_pci_pages pages;
	size_t done = 0;

	while (size - done >= MDEV_PCI_PAGE_ROOM &&
	       mdev_pci_dirty_take(core, (size - done) / MDEV_PCI_PAGE_ROOM,
				   &pages)) {
		done += mdev_pci_save_pages(core, &pages, buf + done);
		cond_resched();
	}
	return done;
}

static ssize_t mdev_pci_save_driver_part(struct mdev_pci_core *core, void *buf,
					 size_t size)
{
	const struct mdev_pci_driver *driver = core->parent->driver;
	ssize_t ret = 0;

	guard(mutex)(&core->lock);
	if (core->spoiled)
		return -EIO;
	if (driver->save_part)
		ret = driver->save_part(core->pci, buf, size);
	return ret > (ssize_t)size ? -EIO : ret;
}

/* Complete a section of which the contents are @length bytes. Returns its size. */
static size_t mdev_pci_finish_section(struct mdev_pci_section *section,
				      enum mdev_pci_section_id id, u32 version,
				      size_t length)
{
	if (!length)
		return 0;
	section->id = cpu_to_le16(id);
	section->flags = 0;
	section->version = cpu_to_le32(version);
	section->size = cpu_to_le64(length);
	memset(section->data + length, 0, ALIGN(length, 8) - length);
	return sizeof(*section) + ALIGN(length, 8);
}

/*
 * &mdev_migration_ops.save_part: memory and, so that this does not wait until no memory
 * changes any more, a quarter of the part for the driver.
 */
ssize_t mdev_pci_save_part(struct mdev_device *mdev, void *buf, size_t size)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	const struct mdev_pci_driver *driver = core->parent->driver;
	size_t room = ALIGN_DOWN(size, 8) - 2 * sizeof(struct mdev_pci_section);
	struct mdev_pci_section *section = buf;
	ssize_t length;
	size_t done;

	/* A set_state of the driver's that has not called mdev_pci's */
	if (!smp_load_acquire(&core->saves_memory))
		return -EIO;
	length = mdev_pci_save_memory(core, section->data,
				      driver->save_part ? room / 4 * 3 : room);
	done = mdev_pci_finish_section(section, MDEV_PCI_SECTION_MEMORY, 1,
				       length);
	section = buf + done;
	length = mdev_pci_save_driver_part(core, section->data, room - done);
	if (length < 0)
		return length;
	return done + mdev_pci_finish_section(section,
					      MDEV_PCI_SECTION_DRIVER_PART,
					      driver->state_version, length);
}

/* &mdev_migration_ops.parts_left */
void mdev_pci_parts_left(struct mdev_device *mdev, u64 *initial, u64 *dirty)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	const struct mdev_pci_driver *driver = core->parent->driver;

	*initial = 0;
	*dirty = 0;
	if (!mdev_pci_is_described(core))
		return;
	/* Pairs with mdev_pci_dirty_start() */
	if (smp_load_acquire(&core->saves_memory))
		mdev_pci_dirty_left(core, initial, dirty);
	else
		*initial = mdev_pci_memory_all_committed(core) * PAGE_SIZE;
	if (driver->save_part)
		driver->parts_left(core->pci, initial, dirty);
}

static int mdev_pci_load_block(struct mdev_pci_core *core,
			       const struct mdev_pci_block *block, size_t room)
{
	u32 region = le32_to_cpu(block->region);
	u64 offset = le64_to_cpu(block->offset);

	if (!mdev_pci_find_memory(core, region) ||
	    !IS_ALIGNED(offset, MDEV_PCI_BLOCK_SIZE) ||
	    offset >= mdev_pci_region_at(core->layout->function, region)->size)
		return -EINVAL;
	if (block->flags == cpu_to_le32(MDEV_PCI_BLOCK_ZERO)) {
		mdev_pci_memory_clear(core, region, offset,
				      MDEV_PCI_BLOCK_SIZE);
		return 0;
	}
	if (block->flags || room < MDEV_PCI_BLOCK_SIZE)
		return -EINVAL;
	return mdev_pci_memory_write(core, region, offset, block->contents,
				     MDEV_PCI_BLOCK_SIZE);
}

static int mdev_pci_load_memory(struct mdev_pci_core *core,
				const struct mdev_pci_contents *contents)
{
	const struct mdev_pci_block *block;
	const void *buf = contents->data;
	size_t left = contents->size;
	size_t size;
	int ret;

	if (contents->version != 1)
		return -EINVAL;
	for (; left; left -= size, buf += size) {
		block = buf;
		if (left < sizeof(*block))
			return -EINVAL;
		ret = mdev_pci_load_block(core, block, left - sizeof(*block));
		if (ret)
			return ret;
		size = sizeof(*block) +
		       (block->flags ? 0 : MDEV_PCI_BLOCK_SIZE);
		cond_resched();
	}
	return 0;
}

static int mdev_pci_load_driver_part(struct mdev_pci_core *core,
				     const struct mdev_pci_contents *contents)
{
	const struct mdev_pci_driver *driver = core->parent->driver;

	if (!driver->load_part ||
	    !mdev_pci_driver_version_valid(core, contents->version))
		return -EINVAL;
	guard(mutex)(&core->lock);
	return driver->load_part(core->pci, contents->version, contents->data,
				 contents->size);
}

/* &mdev_migration_ops.load_part: what this function does not know is refused. */
int mdev_pci_load_part(struct mdev_device *mdev, const void *buf, size_t size)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	struct mdev_pci_sections sections;
	struct mdev_pci_contents *contents;
	unsigned int id;
	int ret;

	ret = mdev_pci_sections_find(buf, size, &sections);
	for (id = 0; id < MDEV_PCI_NR_SECTIONS && !ret; id++) {
		contents = &sections.contents[id];
		if (!contents->data)
			continue;
		if (id == MDEV_PCI_SECTION_MEMORY)
			ret = mdev_pci_load_memory(core, contents);
		else if (id == MDEV_PCI_SECTION_DRIVER_PART)
			ret = mdev_pci_load_driver_part(core, contents);
		else
			ret = -EINVAL;
	}
	return ret;
}
