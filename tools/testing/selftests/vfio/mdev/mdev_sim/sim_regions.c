// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: what there is, and where trapped accesses go. What linux/mdev.h
 * promises of accesses is checked here.
 */

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/log2.h>
#include <linux/string.h>
#include <linux/string_choices.h>
#include <linux/unaligned.h>

#include "mdev_sim.h"

#define SIM_RW	(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE)
#define SIM_MAP	VFIO_REGION_INFO_FLAG_MMAP

/**
 * struct sim_region - a region of all devices that have it
 * @size: in bytes
 * @flags: what get_region_info answers
 * @access: carries a trapped access out; 0 or a negative errno
 */
struct sim_region {
	u64 size;
	u32 flags;
	int (*access)(struct sim_device *sim, u32 index, u64 offset, void *buf,
		      size_t count, bool write);
};

/* Between @buf and memory of the device that access_lock protects */
void sim_copy(struct sim_device *sim, void *memory, void *buf, size_t count,
	      bool write)
{
	spin_lock(&sim->access_lock);
	if (write)
		memcpy(memory, buf, count);
	else
		memcpy(buf, memory, count);
	spin_unlock(&sim->access_lock);
}

void sim_bulk_copy(struct sim_device *sim, u64 offset, void *buf, size_t count,
		   bool write)
{
	guard(mutex)(&sim->bulk_lock);
	if (write)
		memcpy(sim->bulk + offset, buf, count);
	else
		memcpy(buf, sim->bulk + offset, count);
}

static int sim_bulk_access(struct sim_device *sim, u32 index, u64 offset,
			   void *buf, size_t count, bool write)
{
	sim_bulk_copy(sim, offset, buf, count, write);
	return 0;
}

static int sim_config_access(struct sim_device *sim, u32 index, u64 offset,
			     void *buf, size_t count, bool write)
{
	sim_copy(sim, sim->config + offset, buf, count, write);
	return 0;
}

/* A signature in front of nothing */
static int sim_rom_access(struct sim_device *sim, u32 index, u64 offset,
			  void *buf, size_t count, bool write)
{
	u8 rom[sizeof(u64)] = {};

	put_unaligned_le16(MDEV_SIM_ROM_MAGIC, rom);
	memset(buf, 0, count);
	if (offset < sizeof(rom))
		memcpy(buf, rom + offset, count);
	return 0;
}

static const struct sim_region sim_regions[VFIO_PCI_NUM_REGIONS] = {
	[VFIO_PCI_BAR0_REGION_INDEX] = {
		.size = MDEV_SIM_BAR0_SIZE,
		.flags = SIM_RW,
		.access = sim_registers_access,
	},
	[VFIO_PCI_BAR1_REGION_INDEX] = {
		.size = MDEV_SIM_BAR1_SIZE,
		.flags = SIM_RW | MDEV_REGION_BULK,
		.access = sim_bulk_access,
	},
	[VFIO_PCI_BAR2_REGION_INDEX] = {
		.size = MDEV_SIM_BAR2_SIZE,
		.flags = SIM_RW | SIM_MAP,
		.access = sim_memory_access,
	},
	[VFIO_PCI_BAR3_REGION_INDEX] = {
		.size = MDEV_SIM_BAR3_SIZE,
		.flags = SIM_RW | SIM_MAP,
		.access = sim_memory_access,
	},
	[VFIO_PCI_BAR4_REGION_INDEX] = {
		.size = MDEV_SIM_BAR4_SIZE,
		.flags = SIM_RW | SIM_MAP,
		.access = sim_memory_access,
	},
	[VFIO_PCI_BAR5_REGION_INDEX] = {
		.size = MDEV_SIM_BAR5_SIZE,
		.flags = VFIO_REGION_INFO_FLAG_READ | SIM_MAP,
		.access = sim_memory_access,
	},
	[VFIO_PCI_ROM_REGION_INDEX] = {
		.size = MDEV_SIM_ROM_SIZE,
		.flags = VFIO_REGION_INFO_FLAG_READ,
		.access = sim_rom_access,
	},
	[VFIO_PCI_CONFIG_REGION_INDEX] = {
		.size = MDEV_SIM_CONFIG_SIZE,
		.flags = SIM_RW,
		.access = sim_config_access,
	},
};

/* By type */
static const u32 sim_regions_of_type[] = {
	BIT(VFIO_PCI_NUM_REGIONS) - 1,
	BIT(VFIO_PCI_BAR0_REGION_INDEX) | BIT(VFIO_PCI_CONFIG_REGION_INDEX),
};

/* What can be mapped of BAR3 */
struct sim_sparse {
	struct vfio_region_info_cap_sparse_mmap cap;
	struct vfio_region_sparse_mmap_area areas[2];
};

static const struct sim_sparse sim_sparse = {
	.cap = {
		.header = {
			.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP,
			.version = 1,
		},
		.nr_areas = 2,
	},
	.areas = {
		{
			.offset = MDEV_SIM_BAR3_AREA0,
			.size = MDEV_SIM_BAR3_AREA0_SIZE,
		},
		{
			.offset = MDEV_SIM_BAR3_AREA1,
			.size = MDEV_SIM_BAR3_AREA1_SIZE,
		},
	},
};

u32 sim_areas;

/* What is added to the numbers of the last area, and to how many there are */
static const struct {
	u64 offset;
	u64 size;
	u32 nr_areas;
} sim_sparse_faults[MDEV_SIM_NR_AREAS] = {
	[MDEV_SIM_AREAS_SKEWED] = { .offset = 1 },
	[MDEV_SIM_AREAS_ODD] = { .size = 1 },
	[MDEV_SIM_AREAS_OUTSIDE] = { .size = MDEV_SIM_BAR3_SIZE },
	[MDEV_SIM_AREAS_CUT_OFF] = { .nr_areas = 1 },
};

static int sim_add_areas(struct vfio_info_cap *caps)
{
	struct vfio_region_info_cap_type type = {
		.header.id = VFIO_REGION_INFO_CAP_TYPE,
		.header.version = 1,
	};
	struct sim_sparse sparse = sim_sparse;
	u32 areas = READ_ONCE(sim_areas);
	int ret = 0;

	if (areas >= MDEV_SIM_NR_AREAS)
		return -EINVAL;
	sparse.areas[1].offset += sim_sparse_faults[areas].offset;
	sparse.areas[1].size += sim_sparse_faults[areas].size;
	sparse.cap.nr_areas += sim_sparse_faults[areas].nr_areas;
	if (areas == MDEV_SIM_AREAS_SECOND)
		ret = vfio_info_add_capability(caps, &type.header,
					       sizeof(type));
	return ret ?: vfio_info_add_capability(caps, &sparse.cap.header,
					       sizeof(sparse));
}

/* The region, or NULL if the device has none with that index */
static const struct sim_region *sim_region_at(const struct sim_device *sim,
					      u32 index)
{
	if (index >= ARRAY_SIZE(sim_regions) ||
	    !(sim_regions_of_type[sim->type] & BIT(index)) ||
	    !sim_regions[index].size)
		return NULL;
	return &sim_regions[index];
}

u64 sim_region_size(u32 index)
{
	return sim_regions[index].size;
}

static bool sim_lies_within(u64 offset, u64 size, u64 start, u64 length)
{
	return offset >= start && size <= length &&
	       offset - start <= length - size;
}

bool sim_region_can_be_mapped(const struct sim_device *sim, u32 index,
			      u64 offset, u64 size)
{
	const struct sim_region *region = sim_region_at(sim, index);
	unsigned int i;

	if (!region || !(region->flags & SIM_MAP))
		return false;
	if (index != VFIO_PCI_BAR3_REGION_INDEX)
		return sim_lies_within(offset, size, 0, region->size);
	for (i = 0; i < ARRAY_SIZE(sim_sparse.areas); i++)
		if (sim_lies_within(offset, size, sim_sparse.areas[i].offset,
				    sim_sparse.areas[i].size))
			return true;
	return false;
}

int sim_get_region_info(struct mdev_device *mdev, struct vfio_region_info *info,
			struct vfio_info_cap *caps)
{
	CLASS(sim_call, call)(mdev, SIM_GET_REGION_INFO);
	const struct sim_region *region;

	if (call.error)
		return call.error;
	if (info->index >= ARRAY_SIZE(sim_regions))
		sim_violation("get_region_info of %u", info->index);
	region = sim_region_at(call.sim, info->index);
	if (!region)
		return 0;
	info->size = region->size;
	info->flags = region->flags;
	if (info->index == VFIO_PCI_BAR4_REGION_INDEX)
		info->flags |= sim_caching_flags();
	if (info->index != VFIO_PCI_BAR3_REGION_INDEX || !caps)
		return 0;
	return sim_add_areas(caps);
}

/* What linux/mdev.h says of an access */
static bool sim_access_is_valid(const struct sim_region *region, u64 offset,
				size_t count, bool write)
{
	if (!region ||
	    !(region->flags & (write ? VFIO_REGION_INFO_FLAG_WRITE :
				       VFIO_REGION_INFO_FLAG_READ)) ||
	    !sim_lies_within(offset, count, 0, region->size))
		return false;
	if (region->flags & MDEV_REGION_BULK)
		return count && count <= PAGE_SIZE;
	return is_power_of_2(count) && count <= sizeof(u64) &&
	       IS_ALIGNED(offset, count);
}

static int sim_access(struct sim_device *sim, void *buf, size_t count,
		      loff_t pos, bool write)
{
	u32 index = mdev_region_index(pos);
	u64 offset = mdev_region_offset(pos);
	const struct sim_region *region = sim_region_at(sim, index);
	int ret;

	if (!sim_access_is_valid(region, offset, count, write)) {
		sim_violation("%s of %zu bytes at %#llx",
			      str_write_read(write), count, pos);
		return -EINVAL;
	}
	ret = region->access(sim, index, offset, buf, count, write);
	if (!ret)
		sim_log_access(sim, pos, buf, count, write);
	return ret;
}

ssize_t sim_read(struct mdev_device *mdev, char *buf, size_t count, loff_t pos)
{
	CLASS(sim_call, call)(mdev, SIM_READ);

	if (call.error)
		return call.error;
	return sim_access(call.sim, buf, count, pos, false) ?: count;
}

ssize_t sim_write(struct mdev_device *mdev, const char *buf, size_t count,
		  loff_t pos)
{
	CLASS(sim_call, call)(mdev, SIM_WRITE);

	if (call.error)
		return call.error;
	return sim_access(call.sim, (void *)buf, count, pos, true) ?: count;
}
