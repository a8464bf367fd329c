// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions of a PCI function: what VFIO_DEVICE_GET_REGION_INFO returns, which of
 * them the function decodes, and dispatch of accesses and page faults to config.c,
 * irq.c, memory.c or the driver.
 */

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <linux/vfio.h>

#include "private.h"

#define MDEV_PCI_READ_WRITE	(VFIO_REGION_INFO_FLAG_READ | \
				 VFIO_REGION_INFO_FLAG_WRITE)

/* PCI 3.0, appendix D.4: the addresses of a VGA */
static const struct {
	u32 start;
	u32 end;
	u16 command;
} mdev_pci_vga_ranges[] = {
	{ 0xa0000, 0xbffff, PCI_COMMAND_MEMORY },
	{ 0x3b0, 0x3bb, PCI_COMMAND_IO },
	{ 0x3c0, 0x3df, PCI_COMMAND_IO },
};

static bool mdev_pci_vga_decodes(const struct mdev_pci_core *core, u64 address,
				 size_t count)
{
	const typeof(*mdev_pci_vga_ranges) *range;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mdev_pci_vga_ranges); i++) {
		range = &mdev_pci_vga_ranges[i];
		if (address >= range->start &&
		    address + count - 1 <= range->end)
			return READ_ONCE(core->decodes) & range->command;
	}
	return false;
}

/* PCI 3.0, 6.2.5.2: the ROM has an enable bit besides that of all memory */
static bool mdev_pci_rom_decodes(const struct mdev_pci_core *core)
{
	return mdev_pci_config_dword(core, PCI_ROM_ADDRESS) &
	       PCI_ROM_ADDRESS_ENABLE &&
	       READ_ONCE(core->decodes) & PCI_COMMAND_MEMORY;
}

/*
 * The command register, the power state or @core->resuming has changed. PCI 3.0, 6.2.2;
 * and PCI Power Management 1.2, 5.4.1: only config in D3hot. In RESUMING, nothing comes
 * between the driver's reset and its load.
 */
void mdev_pci_update_decoding(struct mdev_pci_core *core)
{
	u8 decodes = 0;

	lockdep_assert_held(&core->lock);
	if (!core->resuming) {
		decodes = MDEV_PCI_DECODES_OTHERS;
		if (mdev_pci_is_described(core) && mdev_pci_in_d0(core))
			decodes |= mdev_pci_config_word(core, PCI_COMMAND) &
				   (PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	}
	WRITE_ONCE(core->decodes, decodes);
}

static bool mdev_pci_has_msix(const struct mdev_pci_function *function,
			      unsigned int index)
{
	return function->msix.vectors && (index == function->msix.table_bar ||
					  index == function->msix.pba_bar);
}

static void mdev_pci_target_init(struct mdev_pci_target *target,
				 const struct mdev_pci_function *function,
				 unsigned int index)
{
	const struct mdev_pci_region *region = mdev_pci_region_at(function, index);

	target->region = region;
	target->decoded_by = MDEV_PCI_DECODES_OTHERS;
	if (!region)
		return;
	if (index < PCI_STD_NUM_BARS)
		target->decoded_by = region->flags & PCI_BASE_ADDRESS_SPACE_IO ?
				     PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	target->registers = !region->memory && index != VFIO_PCI_VGA_REGION_INDEX &&
			    !mdev_pci_has_msix(function, index);
}

struct mdev_pci_target *
mdev_pci_targets_create(const struct mdev_pci_function *function,
			unsigned int nr_regions)
{
	struct mdev_pci_target *targets = kcalloc(nr_regions, sizeof(*targets), GFP_KERNEL);

	for (unsigned int i = 0; targets && i < nr_regions; i++)
		mdev_pci_target_init(&targets[i], function, i);
	return targets;
}

int mdev_pci_get_device_info(struct mdev_device *mdev,
			     struct vfio_device_info *info,
			     struct vfio_info_cap *caps)
{
	info->num_regions = to_mdev_pci_core(mdev)->layout->nr_regions;
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_pci_get_device_info);

static bool mdev_pci_region_mappable(const struct mdev_pci_region *region)
{
	return region->map || region->memory;
}

static int mdev_pci_add_areas(const struct mdev_pci_region *region,
			      struct vfio_info_cap *caps)
{
	struct vfio_region_info_cap_sparse_mmap *sparse;
	size_t size = struct_size(sparse, areas, region->nr_areas);
	unsigned int i;
	int ret;

	sparse = kzalloc(size, GFP_KERNEL);
	if (!sparse)
		return -ENOMEM;
	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	sparse->nr_areas = region->nr_areas;
	for (i = 0; i < region->nr_areas; i++) {
		sparse->areas[i].offset = region->areas[i].offset;
		sparse->areas[i].size = region->areas[i].size;
	}
	ret = vfio_info_add_capability(caps, &sparse->header, size);
	kfree(sparse);
	return ret;
}

static int mdev_pci_add_type(const struct mdev_pci_region *region,
			     struct vfio_info_cap *caps)
{
	struct vfio_region_info_cap_type type = {
		.header.id = VFIO_REGION_INFO_CAP_TYPE,
		.header.version = 1,
		.type = region->type,
		.subtype = region->subtype,
	};

	return vfio_info_add_capability(caps, &type.header, sizeof(type));
}

static int mdev_pci_describe_region(const struct mdev_pci_region *region,
				    struct vfio_region_info *info,
				    struct vfio_info_cap *caps)
{
	int ret = 0;

	info->size = region->size;
	info->flags = MDEV_PCI_READ_WRITE;
	if (region->memory)
		info->flags |= MDEV_REGION_BULK;
	if (mdev_pci_region_mappable(region)) {
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP | region->caching;
		if (region->nr_areas)
			ret = mdev_pci_add_areas(region, caps);
	}
	if (!ret && info->index >= VFIO_PCI_NUM_REGIONS)
		ret = mdev_pci_add_type(region, caps);
	return ret;
}

int mdev_pci_get_region_info(struct mdev_device *mdev,
			     struct vfio_region_info *info,
			     struct vfio_info_cap *caps)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	const struct mdev_pci_region *region;

	switch (info->index) {
	case VFIO_PCI_CONFIG_REGION_INDEX:
		info->size = core->layout->size;
		info->flags = MDEV_PCI_READ_WRITE;
		return 0;
	case VFIO_PCI_ROM_REGION_INDEX:
		info->size = mdev_pci_rom_bar_size(core->layout->function);
		if (info->size)
			info->flags = VFIO_REGION_INFO_FLAG_READ;
		return 0;
	default:
		region = mdev_pci_region_at(core->layout->function, info->index);
		return region ? mdev_pci_describe_region(region, info, caps) :
				0;
	}
}
EXPORT_SYMBOL_GPL(mdev_pci_get_region_info);

/*
 * Between the image and the end of the BAR is erased flash, ones, and no header
 * (0xaa55) of a further image.
 */
static void mdev_pci_rom_read(const struct mdev_pci_core *core, char *buf,
			      size_t count, u64 offset)
{
	const struct mdev_pci_function *function = core->layout->function;

	memset(buf, 0xff, count);
	if (offset < function->rom_size && mdev_pci_rom_decodes(core))
		memcpy(buf, function->rom + offset,
		       min(count, function->rom_size - offset));
}

static bool mdev_pci_decodes(const struct mdev_pci_core *core,
			     const struct mdev_pci_target *target,
			     unsigned int index, u64 offset, size_t count)
{
	return READ_ONCE(core->decodes) & target->decoded_by &&
	       (index != VFIO_PCI_VGA_REGION_INDEX ||
		mdev_pci_vga_decodes(core, offset, count));
}

/* Accesses have 1, 2, 4 or 8 bytes */
static __always_inline void mdev_pci_put_value(char *buf, u64 value, size_t size)
{
	switch (size) {
	case sizeof(u8):
		*buf = value;
		break;
	case sizeof(u16):
		put_unaligned_le16(value, buf);
		break;
	case sizeof(u32):
		put_unaligned_le32(value, buf);
		break;
	default:
		put_unaligned_le64(value, buf);
	}
}

static __always_inline u64 mdev_pci_get_value(const char *buf, size_t size)
{
	switch (size) {
	case sizeof(u8):
		return *(const u8 *)buf;
	case sizeof(u16):
		return get_unaligned_le16(buf);
	case sizeof(u32):
		return get_unaligned_le32(buf);
	default:
		return get_unaligned_le64(buf);
	}
}

/* A read of a part of a register, which has region->width bytes */
static u64 mdev_pci_read_part(struct mdev_pci_core *core,
			      const struct mdev_pci_region *region,
			      unsigned int index, u64 offset)
{
	u64 start = ALIGN_DOWN(offset, region->width);

	return region->read(core->pci, index, start, region->width) >>
	       (offset - start) * BITS_PER_BYTE;
}

static void mdev_pci_driver_read(struct mdev_pci_core *core,
				 const struct mdev_pci_region *region,
				 unsigned int index, u64 offset, char *buf,
				 size_t count)
{
	size_t size = region->width ?: count;

	if (!region->read) {
		memset(buf, 0, count);
		return;
	}
	if (count < size) {
		mdev_pci_put_value(buf, mdev_pci_read_part(core, region, index,
							   offset), count);
		return;
	}
	for (; count; count -= size, offset += size, buf += size)
		mdev_pci_put_value(buf,
				   region->read(core->pci, index, offset, size),
				   size);
}

static void mdev_pci_driver_write(struct mdev_pci_core *core,
				  const struct mdev_pci_region *region,
				  unsigned int index, u64 offset,
				  const char *buf, size_t count)
{
	size_t size = region->width ?: count;

	if (!region->write || count < size)
		return;
	for (; count; count -= size, offset += size, buf += size)
		region->write(core->pci, index, offset, size,
			      mdev_pci_get_value(buf, size));
}

/* Of an access to the device file, NULL if there is no such region */
static __always_inline const struct mdev_pci_target *
mdev_pci_target_at(const struct mdev_pci_core *core, u32 index)
{
	const struct mdev_pci_layout *layout = core->layout;

	if (index >= layout->nr_regions)
		return NULL;
	return &layout->targets[array_index_nospec(index, layout->nr_regions)];
}

/* Nearly every access is of one register of the driver, which is decoded. */
static __always_inline bool
mdev_pci_is_register(const struct mdev_pci_core *core,
		     const struct mdev_pci_target *target, size_t count)
{
	return target && target->registers &&
	       READ_ONCE(core->decodes) & target->decoded_by &&
	       count == (target->region->width ?: count);
}

/* PCI 3.0, 3.3.3.1: without a target, reads return ones, writes are dropped. */
static noinline int
mdev_pci_region_read(struct mdev_pci_core *core, const struct mdev_pci_target *target,
		     unsigned int index, u64 offset, char *buf, size_t count)
{
	if (!target || !target->region)
		return -EINVAL;
	if (!mdev_pci_decodes(core, target, index, offset, count))
		memset(buf, 0xff, count);
	else if (target->region->memory)
		return mdev_pci_memory_read(core, index, offset, buf, count);
	else if (mdev_pci_in_msix(core, index, offset))
		mdev_pci_put_value(buf, mdev_pci_msix_read(core, index, offset),
				   count);
	else
		mdev_pci_driver_read(core, target->region, index, offset, buf, count);
	return 0;
}

static noinline int
mdev_pci_region_write(struct mdev_pci_core *core, const struct mdev_pci_target *target,
		      unsigned int index, u64 offset, const char *buf, size_t count)
{
	if (!target || !target->region)
		return -EINVAL;
	if (!mdev_pci_decodes(core, target, index, offset, count))
		return 0;
	if (target->region->memory)
		return mdev_pci_memory_write(core, index, offset, buf, count);
	if (mdev_pci_in_msix(core, index, offset))
		mdev_pci_msix_write(core, index, offset, count,
				    mdev_pci_get_value(buf, count));
	else
		mdev_pci_driver_write(core, target->region, index, offset, buf, count);
	return 0;
}

ssize_t mdev_pci_read(struct mdev_device *mdev, char *buf, size_t count,
		      loff_t pos)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	u64 offset = mdev_region_offset(pos);
	u32 index = mdev_region_index(pos);
	const struct mdev_pci_target *target = mdev_pci_target_at(core, index);
	int ret = 0;

	if (likely(mdev_pci_is_register(core, target, count) && target->region->read))
		mdev_pci_put_value(buf, target->region->read(core->pci, index, offset, count),
				   count);
	else if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		mdev_pci_config_read(core, buf, count, offset);
	else if (index == VFIO_PCI_ROM_REGION_INDEX)
		mdev_pci_rom_read(core, buf, count, offset);
	else
		ret = mdev_pci_region_read(core, target, index, offset, buf, count);
	return ret ?: count;
}
EXPORT_SYMBOL_GPL(mdev_pci_read);

ssize_t mdev_pci_write(struct mdev_device *mdev, const char *buf, size_t count,
		       loff_t pos)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	u64 offset = mdev_region_offset(pos);
	u32 index = mdev_region_index(pos);
	const struct mdev_pci_target *target = mdev_pci_target_at(core, index);
	int ret = 0;

	if (likely(mdev_pci_is_register(core, target, count) && target->region->write))
		target->region->write(core->pci, index, offset, count,
				      mdev_pci_get_value(buf, count));
	else if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		ret = mdev_pci_config_write(core, buf, count, offset);
	else
		ret = mdev_pci_region_write(core, target, index, offset, buf, count);
	return ret ?: count;
}
EXPORT_SYMBOL_GPL(mdev_pci_write);

static int mdev_pci_map_memory(struct mdev_pci_core *core, unsigned int index,
			       u64 offset, unsigned long *pfn,
			       unsigned long *size, u32 *flags)
{
	bool saves = READ_ONCE(core->saves_memory);
	struct page *page;

	/* Each page faults, so that it can be marked */
	if (saves)
		*size = PAGE_SIZE;
	page = mdev_pci_memory_fault(core, index, offset, size);
	if (IS_ERR(page))
		return PTR_ERR(page);
	*pfn = page_to_pfn(page);
	/*
	 * Also for a read: KVM can't write to a page that is mapped read-only, but does
	 * not fault again (hva_to_pfn_remapped())
	 */
	if (saves && *flags & MDEV_MAP_WRITABLE)
		mdev_pci_dirty_mark(core, index, offset >> PAGE_SHIFT,
				    offset >> PAGE_SHIFT);
	/*
	 * mdev_pci_memory_discard() invalidates the mapping before it frees
	 * the page, and the fault is repeated then.
	 */
	put_page(page);
	return 0;
}

/*
 * The position lies in what mdev_pci_get_region_info() said can be mapped. A
 * function that stops decoding has its mappings invalidated afterwards.
 */
int mdev_pci_validate_map_request(struct mdev_device *mdev, loff_t pos,
				  unsigned long *pfn, unsigned long *size,
				  u32 *flags)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	u64 offset = mdev_region_offset(pos);
	u32 index = mdev_region_index(pos);
	const struct mdev_pci_target *target = mdev_pci_target_at(core, index);
	const struct mdev_pci_region *region;

	if (!target || !target->region || !mdev_pci_decodes(core, target, index, offset, *size))
		return -EIO;
	region = target->region;
	if (region->memory)
		return mdev_pci_map_memory(core, index, offset, pfn, size,
					   flags);
	return region->map ?
		       region->map(core->pci, index, offset, pfn, size, flags) :
		       -EINVAL;
}
EXPORT_SYMBOL_GPL(mdev_pci_validate_map_request);
