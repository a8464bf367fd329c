// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is wrong with a vendor's descriptions: all that no PCI function could
 * have, or that contradicts itself, is found when the parent is registered.
 * Paragraphs are those of the PCI Local Bus Specification 3.0.
 */

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sprintf.h>
#include <linux/string.h>
#include <kunit/visibility.h>

#include "private.h"

#define MDEV_PCI_BAR_FLAGS	(PCI_BASE_ADDRESS_SPACE_IO | \
				 PCI_BASE_ADDRESS_MEM_TYPE_64 | \
				 PCI_BASE_ADDRESS_MEM_PREFETCH)
#define MDEV_PCI_CAPABILITIES	(MDEV_PCI_PM | MDEV_PCI_SOFT_RESET | \
				 MDEV_PCI_EXPRESS | MDEV_PCI_FLR)
/* What fits between the header and the end of what the list can reach */
#define MDEV_PCI_CAPS_ROOM	(PCI_CFG_SPACE_SIZE - PCI_STD_HEADER_SIZEOF)
/* Few enough for a position in the device file to tell them apart */
#define MDEV_PCI_MAX_REGIONS	0x10000
/* VGA's memory ends there; its I/O ports are below */
#define MDEV_PCI_VGA_SIZE	0xc0000

static bool mdev_pci_overlap(struct mdev_pci_range a, struct mdev_pci_range b)
{
	return a.start < b.end && b.start < a.end;
}

/* The functions that follow return what is wrong, or NULL. */

static const char *mdev_pci_area_fault(const struct mdev_pci_area *area,
				       u64 start, u64 end)
{
	if (!area->size)
		return "an area that can be mapped is empty";
	if (!PAGE_ALIGNED(area->offset) || !PAGE_ALIGNED(area->size))
		return "an area that can be mapped is not made of pages";
	if (area->offset < start)
		return "areas that can be mapped overlap or do not ascend";
	if (area->offset > end || area->size > end - area->offset)
		return "an area that can be mapped ends beyond the region";
	return NULL;
}

static const char *mdev_pci_areas_fault(const struct mdev_pci_region *region)
{
	const struct mdev_pci_area *area;
	const char *fault;
	u64 start = 0;

	for (area = region->areas; area < region->areas + region->nr_areas;
	     area++) {
		fault = mdev_pci_area_fault(area, start, region->size);
		if (fault)
			return fault;
		start = area->offset + area->size;
	}
	return NULL;
}

static const char *mdev_pci_region_fault(const struct mdev_pci_region *region)
{
	if (region->size > BIT_ULL(MDEV_REGION_SHIFT))
		return "its size is above 1 TiB";
	if (region->width > 8 ||
	    (region->width && !is_power_of_2(region->width)))
		return "its width is none of 1, 2, 4 and 8";
	if (region->memory && (region->read || region->write || region->map))
		return "it is memory and has callbacks";
	if (!region->areas != !region->nr_areas)
		return "areas and their number contradict each other";
	if (region->nr_areas && !region->map && !region->memory)
		return "nothing backs the areas that can be mapped";
	if (region->memory && !PAGE_ALIGNED(region->size))
		return "it is memory that is not made of pages";
	if (region->map && !region->nr_areas && !PAGE_ALIGNED(region->size))
		return "it can be mapped and is not made of pages";
	return mdev_pci_areas_fault(region);
}

/* 6.2.5.1 */
static const char *mdev_pci_io_fault(const struct mdev_pci_region *bar)
{
	if (bar->flags != PCI_BASE_ADDRESS_SPACE_IO)
		return "it is I/O with flags of memory";
	if (bar->size < 4)
		return "I/O takes at least 4 bytes";
	if (bar->size > 256)
		return "I/O takes at most 256 bytes";
	if (bar->memory || bar->map)
		return "I/O can't be mapped";
	return NULL;
}

/* 6.2.5.1 */
static const char *mdev_pci_memory_fault(const struct mdev_pci_region *bar,
					 bool last)
{
	bool wide = bar->flags & PCI_BASE_ADDRESS_MEM_TYPE_64;

	if (bar->size < 16)
		return "memory takes at least 16 bytes";
	if (bar->size > SZ_2G && !wide)
		return "it does not fit in 32 bits";
	if (wide && last)
		return "it has 64 bits and no next BAR for its upper half";
	return NULL;
}

static bool mdev_pci_is_upper_half(const struct mdev_pci_function *function,
				   unsigned int index)
{
	const struct mdev_pci_region *lower;

	if (!index)
		return false;
	lower = &function->bar[index - 1];
	return lower->size && lower->flags & PCI_BASE_ADDRESS_MEM_TYPE_64;
}

static const char *
mdev_pci_bar_fault(const struct mdev_pci_function *function, unsigned int index)
{
	const struct mdev_pci_region *bar = &function->bar[index];
	const char *fault;

	if (!bar->size)
		return bar->flags || bar->memory || bar->read || bar->write ||
		       bar->map ? "it has no size" : NULL;
	if (mdev_pci_is_upper_half(function, index))
		return "its place is that of a 64-bit BAR's upper half";
	if (bar->flags & ~MDEV_PCI_BAR_FLAGS)
		return "it has unknown flags";
	if (!is_power_of_2(bar->size))
		return "its size is no power of two";
	if (bar->flags & PCI_BASE_ADDRESS_SPACE_IO)
		fault = mdev_pci_io_fault(bar);
	else
		fault = mdev_pci_memory_fault(bar,
					      index == PCI_STD_NUM_BARS - 1);
	return fault ?: mdev_pci_region_fault(bar);
}

/* 6.2.5.2 */
static const char *
mdev_pci_rom_fault(const struct mdev_pci_function *function, unsigned int index)
{
	if (!function->rom != !function->rom_size)
		return "contents and size contradict each other";
	if (function->rom_size > SZ_16M)
		return "it takes at most 16 MiB";
	return NULL;
}

static const char *
mdev_pci_vga_fault(const struct mdev_pci_function *function, unsigned int index)
{
	const struct mdev_pci_region *vga = &function->vga;

	if (vga->size && vga->size != MDEV_PCI_VGA_SIZE)
		return "its size is not 0xc0000";
	if (vga->memory || vga->map || vga->nr_areas)
		return "it can't be mapped";
	return mdev_pci_region_fault(vga);
}

static unsigned int
mdev_pci_nr_regions(const struct mdev_pci_function *function)
{
	return function->nr_regions;
}

static const char *
mdev_pci_extra_fault(const struct mdev_pci_function *function,
		     unsigned int index)
{
	const struct mdev_pci_region *region = &function->regions[index];

	if (!region->size)
		return "it has no size";
	if (region->flags)
		return "it has flags of a BAR";
	return mdev_pci_region_fault(region);
}

/* 6.8.1.3 */
static const char *
mdev_pci_msi_fault(const struct mdev_pci_function *function, unsigned int index)
{
	unsigned int vectors = function->msi.vectors;

	if (vectors > 32 || (vectors && !is_power_of_2(vectors)))
		return "the number of vectors is no power of two up to 32";
	return NULL;
}

/* Whether something in a BAR shares a page with what can be mapped of it */
static bool mdev_pci_mapped(const struct mdev_pci_region *bar,
			    struct mdev_pci_range range)
{
	struct mdev_pci_range mapped;
	unsigned int i;

	range.start = ALIGN_DOWN(range.start, PAGE_SIZE);
	range.end = ALIGN(range.end, PAGE_SIZE);
	if (bar->map && !bar->nr_areas)
		return true;
	for (i = 0; i < bar->nr_areas; i++) {
		mapped.start = bar->areas[i].offset;
		mapped.end = mapped.start + bar->areas[i].size;
		if (mdev_pci_overlap(range, mapped))
			return true;
	}
	return false;
}

/* 6.8.2: the table, or the pending bits */
static const char *
mdev_pci_msix_part_fault(const struct mdev_pci_function *function,
			 unsigned int index, struct mdev_pci_range range)
{
	const struct mdev_pci_region *bar;

	if (index >= PCI_STD_NUM_BARS || !function->bar[index].size)
		return "there is no such BAR";
	bar = &function->bar[index];
	if (bar->flags & PCI_BASE_ADDRESS_SPACE_IO)
		return "the BAR is I/O";
	if (bar->memory)
		return "the BAR is memory that mdev_pci keeps";
	if (!IS_ALIGNED(range.start, 8))
		return "the offset is no multiple of 8";
	if (range.end > bar->size)
		return "it ends beyond the BAR";
	if (mdev_pci_mapped(bar, range))
		return "it shares a page with what can be mapped";
	return NULL;
}

static const char *
mdev_pci_msix_table_fault(const struct mdev_pci_function *function,
			  unsigned int index)
{
	if (function->msix.vectors > PCI_MSIX_FLAGS_QSIZE + 1)
		return "there are more than 2048 vectors";
	if (!function->msix.vectors)
		return NULL;
	return mdev_pci_msix_part_fault(function, function->msix.table_bar,
					mdev_pci_msix_table(function));
}

static const char *
mdev_pci_msix_pba_fault(const struct mdev_pci_function *function,
			unsigned int index)
{
	struct mdev_pci_range pba = mdev_pci_msix_pba(function);

	if (!function->msix.vectors)
		return NULL;
	if (function->msix.table_bar == function->msix.pba_bar &&
	    mdev_pci_overlap(mdev_pci_msix_table(function), pba))
		return "they overlap the table";
	return mdev_pci_msix_part_fault(function, function->msix.pba_bar, pba);
}

static unsigned int
mdev_pci_nr_vendor_caps(const struct mdev_pci_function *function)
{
	return function->nr_vendor_caps;
}

/* Appendix H */
static const char *
mdev_pci_vendor_cap_fault(const struct mdev_pci_function *function,
			  unsigned int index)
{
	const struct mdev_pci_vendor_cap *cap = &function->vendor_caps[index];

	if (cap->size && !cap->data)
		return "it has no data";
	return NULL;
}

/*
 * 6.2.1, 6.2.4, and all capabilities together. PCI Express 2.0, 5.3.1: power
 * management is mandatory there.
 */
static const char *
mdev_pci_header_fault(const struct mdev_pci_function *function,
		      unsigned int index)
{
	if (function->vendor == 0xffff)
		return "vendor ID 0xffff is that of no function";
	if (function->class > 0xffffff)
		return "the class has more than 24 bits";
	if (function->interrupt_pin > 4)
		return "there are but 4 interrupt pins";
	if (function->capabilities & ~MDEV_PCI_CAPABILITIES)
		return "there are unknown capabilities";
	if ((function->capabilities & (MDEV_PCI_SOFT_RESET | MDEV_PCI_PM)) ==
	    MDEV_PCI_SOFT_RESET)
		return "MDEV_PCI_SOFT_RESET comes with MDEV_PCI_PM";
	if ((function->capabilities & (MDEV_PCI_EXPRESS | MDEV_PCI_PM)) ==
	    MDEV_PCI_EXPRESS)
		return "MDEV_PCI_EXPRESS comes with MDEV_PCI_PM";
	if (function->nr_regions > MDEV_PCI_MAX_REGIONS)
		return "there are too many regions";
	if (!function->regions != !function->nr_regions)
		return "regions and their number contradict each other";
	if (!function->vendor_caps != !function->nr_vendor_caps)
		return "vendor-specific capabilities and their number contradict each other";
	if (mdev_pci_caps_size(function) > MDEV_PCI_CAPS_ROOM)
		return "the capabilities do not fit in 256 bytes";
	return NULL;
}

static unsigned int mdev_pci_nr_bars(const struct mdev_pci_function *function)
{
	return PCI_STD_NUM_BARS;
}

/* The parts of a function, of which some come in numbers */
static const struct {
	const char *name;
	unsigned int (*count)(const struct mdev_pci_function *function);
	const char *(*fault)(const struct mdev_pci_function *function,
			     unsigned int index);
} mdev_pci_parts[] = {
	{ "function", NULL, mdev_pci_header_fault },
	{ "BAR", mdev_pci_nr_bars, mdev_pci_bar_fault },
	{ "expansion ROM", NULL, mdev_pci_rom_fault },
	{ "VGA", NULL, mdev_pci_vga_fault },
	{ "region", mdev_pci_nr_regions, mdev_pci_extra_fault },
	{ "MSI", NULL, mdev_pci_msi_fault },
	{ "MSI-X table", NULL, mdev_pci_msix_table_fault },
	{ "MSI-X pending bits", NULL, mdev_pci_msix_pba_fault },
	{ "vendor-specific capability", mdev_pci_nr_vendor_caps,
	  mdev_pci_vendor_cap_fault },
};

/* Of @memory regions, in bytes */
static u64 mdev_pci_memory_size(const struct mdev_pci_function *function)
{
	u64 size = 0;
	unsigned int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		if (function->bar[i].memory)
			size += function->bar[i].size;
	for (i = 0; i < function->nr_regions; i++)
		if (function->regions[i].memory)
			size += function->regions[i].size;
	return size;
}

/* A state is transferred in one piece, whose size is an int. */
static const char *mdev_pci_state_fault(const struct mdev_pci_driver *driver,
					const struct mdev_pci_function *function)
{
	if (driver->save &&
	    (driver->state_size > SZ_1G ||
	     driver->state_size + mdev_pci_memory_size(function) > SZ_1G))
		return "its state takes more than 1 GiB";
	return NULL;
}

static const char *mdev_pci_type_fault(const struct mdev_pci_driver *driver,
				       unsigned int index)
{
	const struct mdev_pci_type *type = &driver->types[index];
	unsigned int i;

	if (!type->function)
		return "it has no function";
	if (!type->units || type->units > INT_MAX)
		return "its units are none, or too many";
	for (i = 0; i < index; i++)
		if (!strcmp(driver->types[i].name, type->name))
			return "there are two types of this name";
	return NULL;
}

static const char *mdev_pci_driver_fault(const struct mdev_pci_driver *driver)
{
	const struct parent_ops *ops = &driver->ops;
	unsigned int i;

	if (ops->supported_type_groups)
		return "types are described, not given as attribute groups";
	if (ops->create || ops->remove || ops->open || ops->release ||
	    ops->reset || ops->function_reset)
		return "create, remove, open, release and resets can't be replaced";
	if (ops->get_region_info && !(ops->read && ops->write))
		return "get_region_info comes with read and write";
	if (ops->get_irq_info && !ops->set_irqs)
		return "get_irq_info comes with set_irqs";
	if (driver->device_size < sizeof(struct mdev_pci))
		return "device_size has no room for a struct mdev_pci";
	if (driver->device_size > KMALLOC_MAX_SIZE)
		return "device_size is too large to be allocated";
	if (!driver->save != !driver->load)
		return "save and load come together";
	if (!driver->types || !driver->nr_types)
		return "there are no types";
	for (i = 0; i < driver->nr_types; i++)
		if (!driver->types[i].name || !*driver->types[i].name)
			return "there is a type without a name";
	return NULL;
}

static int mdev_pci_check_function(const struct mdev_pci_type *type, char *text,
				   size_t size)
{
	const char *fault;
	unsigned int i, j, count;

	for (i = 0; i < ARRAY_SIZE(mdev_pci_parts); i++) {
		count = mdev_pci_parts[i].count ?
			mdev_pci_parts[i].count(type->function) : 1;
		for (j = 0; j < count; j++) {
			fault = mdev_pci_parts[i].fault(type->function, j);
			if (!fault)
				continue;
			if (mdev_pci_parts[i].count)
				snprintf(text, size, "type %s, %s %u: %s",
					 type->name, mdev_pci_parts[i].name, j,
					 fault);
			else
				snprintf(text, size, "type %s, %s: %s",
					 type->name, mdev_pci_parts[i].name,
					 fault);
			return -EINVAL;
		}
	}
	return 0;
}

/* Returns 0, or -EINVAL with a line in @text that says what is wrong. */
int mdev_pci_check(const struct mdev_pci_driver *driver, char *text,
		   size_t size)
{
	const char *fault = mdev_pci_driver_fault(driver);
	const struct mdev_pci_type *type;
	unsigned int i;
	int ret;

	if (fault) {
		snprintf(text, size, "%s", fault);
		return -EINVAL;
	}
	for (i = 0; i < driver->nr_types; i++) {
		type = &driver->types[i];
		fault = mdev_pci_type_fault(driver, i);
		if (!fault) {
			ret = mdev_pci_check_function(type, text, size);
			if (ret)
				return ret;
			fault = mdev_pci_state_fault(driver, type->function);
		}
		if (fault) {
			snprintf(text, size, "type %s: %s", type->name, fault);
			return -EINVAL;
		}
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(mdev_pci_check);
