// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of mapped regions: allocated at the first fault, replaced and freed
 * while userspace accesses them. Numbers in each page identify it, and mark it
 * once it is freed.
 */

#include <linux/align.h>
#include <linux/gfp.h>
#include <linux/ioport.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>

#include "mdev_sim.h"

#define SIM_BLOCK_PAGES		(SIM_BLOCK_SIZE / PAGE_SIZE)

/* In this region all blocks are the same one, or it is physical memory */
#define SIM_HUGE_REGION		VFIO_PCI_BAR4_REGION_INDEX

unsigned long sim_map_block = MDEV_SIM_MAP_BLOCK;
u32 sim_map_answer;
atomic_t sim_nr_blocks;

u64 sim_reserved;
module_param_named(reserved, sim_reserved, ullong, 0444);
MODULE_PARM_DESC(reserved, "Physical address of 1 GiB that the kernel does not use");

/* Userspace writes to this memory: refuse a range that is any known resource. */
int sim_memory_init(void)
{
	if (!IS_ALIGNED(sim_reserved, SZ_1G))
		return -EINVAL;
	if (sim_reserved && region_intersects(sim_reserved, SZ_1G, 0,
					      IORES_DESC_NONE) !=
			    REGION_DISJOINT)
		return -EBUSY;
	return 0;
}

/* The physical address of memory that the kernel does not use, or 0 for blocks */
static u64 sim_physical(u32 index)
{
	if (index != SIM_HUGE_REGION ||
	    READ_ONCE(sim_map_answer) == MDEV_SIM_ANSWER_RAM)
		return 0;
	if (sim_caching_flags())
		return sim_bar;
	return READ_ONCE(sim_map_block) >= SZ_1G ? sim_reserved : 0;
}

static unsigned int sim_block_number(u32 index, u64 offset)
{
	u64 blocks = DIV_ROUND_UP(sim_region_size(index), SIM_BLOCK_SIZE);

	if (index == SIM_HUGE_REGION)
		return 0;
	return min(offset / SIM_BLOCK_SIZE, blocks - 1);
}

static u64 *sim_block_page(struct page *block, unsigned int page)
{
	return page_address(block) + page * PAGE_SIZE;
}

/* The block that backs @offset of a region, which is allocated if need be */
static struct page *sim_block_get(struct sim_device *sim, u32 index, u64 offset)
{
	unsigned int number = sim_block_number(index, offset);
	struct page **block = &sim->blocks[index][number];
	unsigned int i;

	lockdep_assert_held(&sim->memory_lock);
	if (*block)
		return *block;
	*block = alloc_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN,
			     SIM_BLOCK_ORDER);
	if (!*block)
		return NULL;
	atomic_inc(&sim_nr_blocks);
	for (i = 0; i < SIM_BLOCK_PAGES; i++)
		*sim_block_page(*block, i) =
			MDEV_SIM_FILL(sim->generation, index,
				      number * SIM_BLOCK_PAGES + i);
	return *block;
}

/* Poison the block: stale mappings read the mark of freed memory. */
static void sim_block_free(struct page *block)
{
	unsigned int i;

	if (!block)
		return;
	for (i = 0; i < SIM_BLOCK_PAGES; i++)
		*sim_block_page(block, i) = MDEV_SIM_POISON;
	__free_pages(block, SIM_BLOCK_ORDER);
	atomic_dec(&sim_nr_blocks);
}

/* Nothing is mapped any more, or by others than the user's of the device. */
void sim_memory_free(struct sim_device *sim)
{
	unsigned int index, i;

	guard(mutex)(&sim->memory_lock);
	for (index = 0; index < VFIO_PCI_NUM_REGIONS; index++) {
		for (i = 0; i < SIM_REGION_BLOCKS; i++) {
			sim_block_free(sim->blocks[index][i]);
			sim->blocks[index][i] = NULL;
		}
	}
}

/* Answers the new generation. */
int sim_memory_reback(struct sim_device *sim, u32 index)
{
	struct page *old[SIM_REGION_BLOCKS];
	unsigned int i;

	guard(mutex)(&sim->memory_lock);
	sim->generation++;
	memcpy(old, sim->blocks[index], sizeof(old));
	memset(sim->blocks[index], 0, sizeof(old));
	mdev_device_invalidate_mapping(sim->mdev,
				       (loff_t)index << MDEV_REGION_SHIFT,
				       BIT_ULL(MDEV_REGION_SHIFT));
	for (i = 0; i < SIM_REGION_BLOCKS; i++)
		sim_block_free(old[i]);
	return sim->generation;
}

int sim_memory_access(struct sim_device *sim, u32 index, u64 offset, void *buf,
		      size_t count, bool write)
{
	struct page *block;
	void *memory;

	if (sim_physical(index))
		return -EIO;
	guard(mutex)(&sim->memory_lock);
	block = sim_block_get(sim, index, offset);
	if (!block)
		return -ENOMEM;
	memory = page_address(block) + offset % SIM_BLOCK_SIZE;
	if (write)
		memcpy(memory, buf, count);
	else
		memcpy(buf, memory, count);
	return 0;
}

/* Map memory in one piece, which must not go beyond a block. */
int sim_memory_map(struct sim_device *sim, struct vm_area_struct *vma,
		   loff_t pos)
{
	u64 offset = mdev_region_offset(pos);
	u64 size = vma->vm_end - vma->vm_start;
	struct page *block;

	if (offset % SIM_BLOCK_SIZE + size > SIM_BLOCK_SIZE)
		return -EINVAL;
	/* As remap_pfn_range() does; but faults take our lock inside of this */
	vma_start_write(vma);
	guard(mutex)(&sim->memory_lock);
	block = sim_block_get(sim, mdev_region_index(pos), offset);
	if (!block)
		return -ENOMEM;
	return remap_pfn_range(vma, vma->vm_start, page_to_pfn(block) +
			       PHYS_PFN(offset % SIM_BLOCK_SIZE), size,
			       vma->vm_page_prot);
}

/* Replace the valid result by the invalid one that map_answer selects. */
static void sim_memory_spoil(unsigned long *pfn, unsigned long *size,
			     u32 *flags)
{
	switch (READ_ONCE(sim_map_answer)) {
	case MDEV_SIM_ANSWER_SIZE_0:
		*size = 0;
		break;
	case MDEV_SIM_ANSWER_SIZE_SUBPAGE:
		*size = PAGE_SIZE / 2;
		break;
	case MDEV_SIM_ANSWER_SIZE_ODD:
		*size = 3 * PAGE_SIZE;
		break;
	case MDEV_SIM_ANSWER_SIZE_DOUBLED:
		*size *= 2;
		break;
	case MDEV_SIM_ANSWER_PFN_MISALIGNED:
		*pfn ^= 1;
		break;
	case MDEV_SIM_ANSWER_READ_ONLY:
		*flags &= ~MDEV_MAP_WRITABLE;
		break;
	default:
		break;
	}
}

static int sim_memory_answer(struct sim_device *sim, loff_t pos,
			     unsigned long *pfn, unsigned long *size)
{
	u32 index = mdev_region_index(pos);
	u64 offset = mdev_region_offset(pos);
	unsigned long most = max(READ_ONCE(sim_map_block), PAGE_SIZE);
	u64 physical = sim_physical(index);
	struct page *block;

	if (physical) {
		*pfn = PHYS_PFN(physical + offset);
		*size = min(*size, most);
		return 0;
	}

	guard(mutex)(&sim->memory_lock);
	block = sim_block_get(sim, index, offset);
	if (!block)
		return -ENOMEM;
	*pfn = page_to_pfn(block) + PHYS_PFN(offset % SIM_BLOCK_SIZE);
	*size = min3(*size, most, SIM_BLOCK_SIZE);
	return 0;
}

/* What linux/mdev.h says of a request */
static bool sim_map_request_is_valid(const struct sim_device *sim, loff_t pos,
				     unsigned long size)
{
	u64 offset = mdev_region_offset(pos);

	return is_power_of_2(size) && size >= PAGE_SIZE && PAGE_ALIGNED(pos) &&
	       sim_region_can_be_mapped(sim, mdev_region_index(pos),
					ALIGN_DOWN(offset, size), size);
}

int sim_validate_map_request(struct mdev_device *mdev, loff_t pos,
			     unsigned long *pfn, unsigned long *size,
			     u32 *flags)
{
	CLASS(sim_call, call)(mdev, SIM_VALIDATE_MAP_REQUEST);
	struct sim_device *sim = call.sim;
	int ret;

	if (call.error)
		return call.error;
	if (!sim_map_request_is_valid(sim, pos, *size)) {
		sim_violation("fault at %#llx for %#lx bytes", pos, *size);
		return -EINVAL;
	}

	atomic64_inc(sim_register(sim,
				  MDEV_SIM_REG_FAULTS(mdev_region_index(pos))));
	atomic64_set(sim_register(sim, MDEV_SIM_REG_FAULT_SIZE), *size);
	ret = sim_memory_answer(sim, pos, pfn, size);
	if (ret)
		return ret;
	sim_memory_spoil(pfn, size, flags);
	atomic64_set(sim_register(sim, MDEV_SIM_REG_FAULT_ANSWERED), *size);
	return 0;
}
