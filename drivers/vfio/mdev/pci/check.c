// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks of a driver's descriptions when a parent is registered: whatever no PCI
 * function can have, or contradicts itself, is refused with the field at fault in
 * the log. Paragraphs are those of the PCI Local Bus Specification 3.0. config.c
 * makes registers of what is accepted.
 */

#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/dev_printk.h>
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sprintf.h>
#include <linux/stdarg.h>
#include <linux/string.h>
#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include "private.h"

#define MDEV_PCI_BAR_FLAGS	(PCI_BASE_ADDRESS_SPACE_IO | \
				 PCI_BASE_ADDRESS_MEM_TYPE_64 | \
				 PCI_BASE_ADDRESS_MEM_PREFETCH)
#define MDEV_PCI_CAPABILITIES	(MDEV_PCI_PM | MDEV_PCI_SOFT_RESET | \
				 MDEV_PCI_EXPRESS | MDEV_PCI_FLR | \
				 MDEV_PCI_AER)
/* The index of a region is a part of the position in the device file */
#define MDEV_PCI_MAX_REGIONS	0x10000
/* End of VGA's memory; its I/O ports are below */
#define MDEV_PCI_VGA_SIZE	0xc0000

/**
 * struct mdev_pci_checked - what is being checked
 * @dev: the parent device, for messages
 * @type: name of the type, NULL for what concerns none
 * @function: description of the type's devices
 */
struct mdev_pci_checked {
	struct device *dev;
	const char *type;
	const struct mdev_pci_function *function;
};

/* KUnit tests replace this. */
void mdev_pci_print_invalid(struct device *dev, struct va_format *message)
{
	KUNIT_STATIC_STUB_REDIRECT(mdev_pci_print_invalid, dev, message);
	dev_err_ratelimited(dev, "%pV\n", message);
}
EXPORT_SYMBOL_IF_KUNIT(mdev_pci_print_invalid);

static __printf(2, 3) void mdev_pci_print(struct device *dev, const char *fmt,
					  ...)
{
	struct va_format message;
	va_list args;

	va_start(args, fmt);
	message.fmt = fmt;
	message.va = &args;
	mdev_pci_print_invalid(dev, &message);
	va_end(args);
}

static __printf(2, 3) int mdev_pci_invalid(const struct mdev_pci_checked *checked,
					   const char *fmt, ...)
{
	struct va_format message;
	va_list args;

	va_start(args, fmt);
	message.fmt = fmt;
	message.va = &args;
	if (checked->type)
		mdev_pci_print(checked->dev, "type %s: %pV", checked->type,
			       &message);
	else
		mdev_pci_print(checked->dev, "%pV", &message);
	va_end(args);
	return -EINVAL;
}

static bool mdev_pci_overlap(struct mdev_pci_range a, struct mdev_pci_range b)
{
	return a.start < b.end && b.start < a.end;
}

/* Regions; @name is the field of struct mdev_pci_function */

static int mdev_pci_check_area(const struct mdev_pci_checked *checked,
			       const char *name,
			       const struct mdev_pci_region *region,
			       unsigned int index, u64 start)
{
	const struct mdev_pci_area *area = &region->areas[index];

	if (!area->size || !PAGE_ALIGNED(area->offset) ||
	    !PAGE_ALIGNED(area->size))
		return mdev_pci_invalid(checked,
					"%s.areas[%u]: 0x%llx bytes at 0x%llx are not whole pages",
					name, index, area->size, area->offset);
	if (area->offset < start)
		return mdev_pci_invalid(checked, "%s.areas[%u].offset: 0x%llx (min 0x%llx)",
					name, index, area->offset, start);
	if (area->offset > region->size ||
	    area->size > region->size - area->offset)
		return mdev_pci_invalid(checked, "%s.areas[%u].size: 0x%llx at 0x%llx of 0x%llx",
					name, index, area->size, area->offset,
					region->size);
	return 0;
}

static int mdev_pci_check_areas(const struct mdev_pci_checked *checked,
				const char *name,
				const struct mdev_pci_region *region)
{
	const struct mdev_pci_area *area;
	u64 start = 0;
	unsigned int i;
	int ret;

	for (i = 0; i < region->nr_areas; i++) {
		ret = mdev_pci_check_area(checked, name, region, i, start);
		if (ret)
			return ret;
		area = &region->areas[i];
		start = area->offset + area->size;
	}
	return 0;
}

static int mdev_pci_check_mapping(const struct mdev_pci_checked *checked,
				  const char *name,
				  const struct mdev_pci_region *region)
{
	bool mappable = region->map || region->memory;

	if (region->memory && (region->read || region->write || region->map))
		return mdev_pci_invalid(checked, "%s: memory with read, write or map",
					name);
	if (region->caching && !region->map)
		return mdev_pci_invalid(checked, "%s.caching: 0x%x without map",
					name, region->caching);
	if (region->caching && region->caching != MDEV_REGION_UNCACHED &&
	    region->caching != MDEV_REGION_WC)
		return mdev_pci_invalid(checked, "%s.caching: 0x%x (valid 0, 0x%lx and 0x%lx)",
					name, region->caching,
					MDEV_REGION_UNCACHED, MDEV_REGION_WC);
	if (!region->areas != !region->nr_areas)
		return mdev_pci_invalid(checked, "%s: areas %s with nr_areas %u",
					name, region->areas ? "set" : "NULL",
					region->nr_areas);
	if (region->nr_areas && !mappable)
		return mdev_pci_invalid(checked, "%s: areas without map or memory",
					name);
	if (!PAGE_ALIGNED(region->size) &&
	    (region->memory || (region->map && !region->nr_areas)))
		return mdev_pci_invalid(checked,
					"%s.size: 0x%llx is not a multiple of the page size",
					name, region->size);
	return mdev_pci_check_areas(checked, name, region);
}

static int mdev_pci_check_region(const struct mdev_pci_checked *checked,
				 const char *name,
				 const struct mdev_pci_region *region)
{
	if (region->size > BIT_ULL(MDEV_REGION_SHIFT))
		return mdev_pci_invalid(checked, "%s.size: 0x%llx (max 0x%llx)",
					name, region->size,
					BIT_ULL(MDEV_REGION_SHIFT));
	if (region->width > 8 ||
	    (region->width && !is_power_of_2(region->width)))
		return mdev_pci_invalid(checked, "%s.width: %u is none of 1, 2, 4, 8",
					name, region->width);
	return mdev_pci_check_mapping(checked, name, region);
}

/* 6.2.5.1 */
static int mdev_pci_check_io(const struct mdev_pci_checked *checked,
			     const char *name, const struct mdev_pci_region *bar)
{
	if (bar->flags != PCI_BASE_ADDRESS_SPACE_IO)
		return mdev_pci_invalid(checked,
					"%s.flags: 0x%x has flags of memory beside that of I/O",
					name, bar->flags);
	if (bar->size < 4 || bar->size > 256)
		return mdev_pci_invalid(checked, "%s.size: 0x%llx of I/O (min 4, max 256)",
					name, bar->size);
	if (bar->memory || bar->map)
		return mdev_pci_invalid(checked, "%s: I/O can't be mapped",
					name);
	return 0;
}

/* 6.2.5.1 */
static int mdev_pci_check_memory(const struct mdev_pci_checked *checked,
				 const char *name,
				 const struct mdev_pci_region *bar, bool last)
{
	bool wide = bar->flags & PCI_BASE_ADDRESS_MEM_TYPE_64;

	if (bar->size < 16)
		return mdev_pci_invalid(checked, "%s.size: 0x%llx of memory (min 16)",
					name, bar->size);
	if (bar->size > SZ_2G && !wide)
		return mdev_pci_invalid(checked, "%s.size: 0x%llx of a 32-bit BAR (max 0x%x)",
					name, bar->size, SZ_2G);
	if (wide && last)
		return mdev_pci_invalid(checked,
					"%s: a 64-bit BAR without a next one for its upper half",
					name);
	return 0;
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

static bool mdev_pci_is_set(const struct mdev_pci_region *bar)
{
	return bar->flags || bar->memory || bar->read || bar->write ||
	       bar->map || bar->caching;
}

static int mdev_pci_check_bar(const struct mdev_pci_checked *checked,
			      unsigned int index)
{
	const struct mdev_pci_region *bar = &checked->function->bar[index];
	bool last = index == PCI_STD_NUM_BARS - 1;
	char name[8];
	int ret;

	snprintf(name, sizeof(name), "bar[%u]", index);
	if (!bar->size)
		return mdev_pci_is_set(bar) ?
		       mdev_pci_invalid(checked, "%s.size: 0, with other members set",
					name) : 0;
	if (mdev_pci_is_upper_half(checked->function, index))
		return mdev_pci_invalid(checked, "%s: the upper half of a 64-bit BAR",
					name);
	if (bar->flags & ~MDEV_PCI_BAR_FLAGS)
		return mdev_pci_invalid(checked, "%s.flags: 0x%x (valid 0x%x)",
					name, bar->flags, MDEV_PCI_BAR_FLAGS);
	/* is_power_of_2() is of a long */
	if (hweight64(bar->size) != 1)
		return mdev_pci_invalid(checked, "%s.size: 0x%llx is not a power of two",
					name, bar->size);
	ret = bar->flags & PCI_BASE_ADDRESS_SPACE_IO ?
	      mdev_pci_check_io(checked, name, bar) :
	      mdev_pci_check_memory(checked, name, bar, last);
	return ret ?: mdev_pci_check_region(checked, name, bar);
}

static int mdev_pci_check_bars(const struct mdev_pci_checked *checked)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < PCI_STD_NUM_BARS && !ret; i++)
		ret = mdev_pci_check_bar(checked, i);
	return ret;
}

/* 6.2.5.2 */
static int mdev_pci_check_rom(const struct mdev_pci_checked *checked)
{
	const struct mdev_pci_function *function = checked->function;

	if (!function->rom != !function->rom_size)
		return mdev_pci_invalid(checked, "rom %s with rom_size %u",
					function->rom ? "set" : "NULL",
					function->rom_size);
	if (function->rom_size > SZ_16M)
		return mdev_pci_invalid(checked, "rom_size: %u (max %u)",
					function->rom_size, SZ_16M);
	return 0;
}

static int mdev_pci_check_vga(const struct mdev_pci_checked *checked)
{
	const struct mdev_pci_region *vga = &checked->function->vga;

	if (vga->size && vga->size != MDEV_PCI_VGA_SIZE)
		return mdev_pci_invalid(checked, "vga.size: 0x%llx (valid 0 and 0x%x)",
					vga->size, MDEV_PCI_VGA_SIZE);
	if (vga->memory || vga->map || vga->nr_areas)
		return mdev_pci_invalid(checked, "vga: can't be mapped");
	return mdev_pci_check_region(checked, "vga", vga);
}

static int mdev_pci_check_extra(const struct mdev_pci_checked *checked,
				unsigned int index)
{
	const struct mdev_pci_region *region =
		&checked->function->regions[index];
	char name[20];

	snprintf(name, sizeof(name), "regions[%u]", index);
	if (!region->size)
		return mdev_pci_invalid(checked, "%s.size: 0", name);
	if (region->flags)
		return mdev_pci_invalid(checked, "%s.flags: 0x%x of a BAR",
					name, region->flags);
	return mdev_pci_check_region(checked, name, region);
}

static int mdev_pci_check_extras(const struct mdev_pci_checked *checked)
{
	const struct mdev_pci_function *function = checked->function;
	unsigned int i;
	int ret = 0;

	if (function->nr_regions > MDEV_PCI_MAX_REGIONS)
		return mdev_pci_invalid(checked, "nr_regions: %u (max %u)",
					function->nr_regions,
					MDEV_PCI_MAX_REGIONS);
	if (!function->regions != !function->nr_regions)
		return mdev_pci_invalid(checked, "regions %s with nr_regions %u",
					function->regions ? "set" : "NULL",
					function->nr_regions);
	for (i = 0; i < function->nr_regions && !ret; i++)
		ret = mdev_pci_check_extra(checked, i);
	return ret;
}

/* Interrupts */

/* 6.8.1.3 */
static int mdev_pci_check_msi(const struct mdev_pci_checked *checked)
{
	unsigned int vectors = checked->function->msi.vectors;

	if (vectors > 32 || (vectors && !is_power_of_2(vectors)))
		return mdev_pci_invalid(checked, "msi.vectors: %u is not a power of two up to 32",
					vectors);
	return 0;
}

/* Whether a part of a BAR shares a page with what can be mapped of it */
static bool mdev_pci_is_mapped(const struct mdev_pci_region *bar,
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

/* 6.8.2: @name is "table" or "pba" */
static int mdev_pci_check_msix_part(const struct mdev_pci_checked *checked,
				    const char *name, unsigned int index,
				    struct mdev_pci_range range)
{
	const struct mdev_pci_region *bar;

	if (index >= PCI_STD_NUM_BARS || !checked->function->bar[index].size)
		return mdev_pci_invalid(checked, "msix.%s_bar: there is no bar[%u]",
					name, index);
	bar = &checked->function->bar[index];
	if (bar->flags & PCI_BASE_ADDRESS_SPACE_IO || bar->memory)
		return mdev_pci_invalid(checked, "msix.%s_bar: bar[%u] is %s",
					name, index,
					bar->memory ? "memory" : "I/O");
	if (!IS_ALIGNED(range.start, 8))
		return mdev_pci_invalid(checked, "msix.%s_offset: 0x%llx is not a multiple of 8",
					name, range.start);
	if (range.end > bar->size)
		return mdev_pci_invalid(checked,
					"msix.%s_offset: ends at 0x%llx of bar[%u] (max 0x%llx)",
					name, range.end, index, bar->size);
	if (mdev_pci_is_mapped(bar, range))
		return mdev_pci_invalid(checked,
					"msix.%s_offset: 0x%llx is in a mapped page of bar[%u]",
					name, range.start, index);
	return 0;
}

static int mdev_pci_check_msix(const struct mdev_pci_checked *checked)
{
	const struct mdev_pci_function *function = checked->function;
	struct mdev_pci_range table = mdev_pci_msix_table(function);
	struct mdev_pci_range pba = mdev_pci_msix_pba(function);
	int ret;

	if (!function->msix.vectors)
		return 0;
	if (function->msix.vectors > PCI_MSIX_FLAGS_QSIZE + 1)
		return mdev_pci_invalid(checked, "msix.vectors: %u (max %u)",
					function->msix.vectors,
					PCI_MSIX_FLAGS_QSIZE + 1);
	ret = mdev_pci_check_msix_part(checked, "table",
				       function->msix.table_bar, table);
	if (ret)
		return ret;
	if (function->msix.table_bar == function->msix.pba_bar &&
	    mdev_pci_overlap(table, pba))
		return mdev_pci_invalid(checked,
					"msix.pba_offset: 0x%llx in the table (0x%llx to 0x%llx)",
					pba.start, table.start, table.end);
	return mdev_pci_check_msix_part(checked, "pba", function->msix.pba_bar,
					pba);
}

/* The header and the capabilities */

/* 6.2.1, 6.2.4 */
static int mdev_pci_check_header(const struct mdev_pci_checked *checked)
{
	const struct mdev_pci_function *function = checked->function;

	if (function->vendor == 0xffff)
		return mdev_pci_invalid(checked, "vendor: 0xffff means that there is no function");
	if (function->class > 0xffffff)
		return mdev_pci_invalid(checked, "class: 0x%x has more than 24 bits",
					function->class);
	if (function->interrupt_pin > 4)
		return mdev_pci_invalid(checked, "interrupt_pin: %u (max 4)",
					function->interrupt_pin);
	return 0;
}

/* PCI Express 2.0, 5.3.1: power management is mandatory. */
static int mdev_pci_check_capabilities(const struct mdev_pci_checked *checked)
{
	u32 capabilities = checked->function->capabilities;

	if (capabilities & ~MDEV_PCI_CAPABILITIES)
		return mdev_pci_invalid(checked, "capabilities: 0x%x (valid 0x%lx)",
					capabilities, MDEV_PCI_CAPABILITIES);
	if (capabilities & (MDEV_PCI_SOFT_RESET | MDEV_PCI_EXPRESS) &&
	    !(capabilities & MDEV_PCI_PM))
		return mdev_pci_invalid(checked, "capabilities: %s without MDEV_PCI_PM",
					capabilities & MDEV_PCI_EXPRESS ?
					"MDEV_PCI_EXPRESS" :
					"MDEV_PCI_SOFT_RESET");
	if (!(capabilities & MDEV_PCI_EXPRESS)) {
		if (capabilities & MDEV_PCI_AER)
			return mdev_pci_invalid(checked,
						"capabilities: MDEV_PCI_AER without MDEV_PCI_EXPRESS");
		if (checked->function->serial)
			return mdev_pci_invalid(checked, "serial: set without MDEV_PCI_EXPRESS");
	}
	return 0;
}

/* Appendix H */
static int mdev_pci_check_vendor_caps(const struct mdev_pci_checked *checked)
{
	const struct mdev_pci_function *function = checked->function;
	const struct mdev_pci_vendor_cap *cap;
	unsigned int i;

	if (!function->vendor_caps != !function->nr_vendor_caps)
		return mdev_pci_invalid(checked, "vendor_caps %s with nr_vendor_caps %u",
					function->vendor_caps ? "set" : "NULL",
					function->nr_vendor_caps);
	for (i = 0; i < function->nr_vendor_caps; i++) {
		cap = &function->vendor_caps[i];
		if (cap->size && !cap->data)
			return mdev_pci_invalid(checked, "vendor_caps[%u]: data NULL with size %u",
						i, cap->size);
	}
	return 0;
}

/* 6.7: the list can't reach extended config space. */
static int mdev_pci_check_caps_size(const struct mdev_pci_checked *checked)
{
	unsigned int max = PCI_CFG_SPACE_SIZE - PCI_STD_HEADER_SIZEOF;
	unsigned int size = mdev_pci_caps_size(checked->function);

	if (size > max)
		return mdev_pci_invalid(checked,
					"capabilities: take %u bytes (max %u)",
					size, max);
	return 0;
}

static int mdev_pci_check_one_registers(const struct mdev_pci_checked *checked,
					unsigned int index)
{
	const struct mdev_pci_registers *regs =
		&checked->function->registers[index];
	bool express = checked->function->capabilities & MDEV_PCI_EXPRESS;
	bool extended = regs->kind == MDEV_PCI_EXT_CAPABILITY;
	unsigned int min = regs->kind == MDEV_PCI_REGISTERS ? 1 : 4;
	unsigned int end = regs->kind == MDEV_PCI_CAPABILITY || !express ?
			   PCI_CFG_SPACE_SIZE : PCI_CFG_SPACE_EXP_SIZE;

	if (extended && !express)
		return mdev_pci_invalid(checked,
					"registers[%u].kind: extended without MDEV_PCI_EXPRESS",
					index);
	if (!IS_ALIGNED(regs->offset, 4))
		return mdev_pci_invalid(checked,
					"registers[%u].offset: 0x%x is not a multiple of 4",
					index, regs->offset);
	if (extended && regs->offset && regs->offset < PCI_CFG_SPACE_SIZE)
		return mdev_pci_invalid(checked,
					"registers[%u].offset: 0x%x (min 0x%x)",
					index, regs->offset,
					PCI_CFG_SPACE_SIZE);
	if (regs->size < min || regs->size > end - min_t(u32, regs->offset, end))
		return mdev_pci_invalid(checked,
					"registers[%u].size: %u at 0x%x (min %u, end 0x%x)",
					index, regs->size, regs->offset, min,
					end);
	return 0;
}

/* Each by itself; whether there is room for all is for mdev_pci_check_layout(). */
static int mdev_pci_check_registers(const struct mdev_pci_checked *checked)
{
	const struct mdev_pci_function *function = checked->function;
	unsigned int i;
	int ret = 0;

	if (!function->registers != !function->nr_registers)
		return mdev_pci_invalid(checked, "registers %s with nr_registers %u",
					function->registers ? "set" : "NULL",
					function->nr_registers);
	for (i = 0; i < function->nr_registers && !ret; i++)
		ret = mdev_pci_check_one_registers(checked, i);
	return ret;
}

static int mdev_pci_check_layout(const struct mdev_pci_checked *checked)
{
	struct mdev_pci_layout *layout =
		mdev_pci_layout_create(checked->function);

	if (PTR_ERR_OR_ZERO(layout) == -EINVAL)
		return mdev_pci_invalid(checked,
					"registers: overlap others, or leave no room for a capability");
	if (IS_ERR(layout))
		return PTR_ERR(layout);
	mdev_pci_layout_free(layout);
	return 0;
}

/* Types and the driver */

/* State data is saved and loaded by one call, with a size that is an int. */
static int mdev_pci_check_state(const struct mdev_pci_checked *checked,
				const struct mdev_pci_driver *driver)
{
	if (driver->save && driver->state_size > SZ_1G)
		return mdev_pci_invalid(checked,
					"state_size: 0x%zx (max 0x%x)",
					driver->state_size, SZ_1G);
	return 0;
}

static int (* const mdev_pci_checks[])(const struct mdev_pci_checked *checked) = {
	mdev_pci_check_header,
	mdev_pci_check_capabilities,
	mdev_pci_check_vendor_caps,
	mdev_pci_check_registers,
	mdev_pci_check_caps_size,
	mdev_pci_check_bars,
	mdev_pci_check_rom,
	mdev_pci_check_vga,
	mdev_pci_check_extras,
	mdev_pci_check_msi,
	mdev_pci_check_msix,
	mdev_pci_check_layout,
};

static int mdev_pci_check_function(const struct mdev_pci_checked *checked)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(mdev_pci_checks) && !ret; i++)
		ret = mdev_pci_checks[i](checked);
	return ret;
}

static int mdev_pci_check_type(struct device *dev,
			       const struct mdev_pci_driver *driver,
			       unsigned int units, unsigned int index)
{
	const struct mdev_pci_type *type = &driver->types[index];
	const struct mdev_pci_checked checked = {
		.dev = dev,
		.type = type->name,
		.function = type->function,
	};
	unsigned int i;
	int ret;

	if (!type->function)
		return mdev_pci_invalid(&checked, "function: NULL");
	if (!type->units || type->units > units)
		return mdev_pci_invalid(&checked, "units: %u (min 1, max %u of the parent)",
					type->units, units);
	for (i = 0; i < index; i++)
		if (!strcmp(driver->types[i].name, type->name))
			return mdev_pci_invalid(&checked, "the name of types[%u] and types[%u]",
						i, index);
	ret = mdev_pci_check_function(&checked);
	return ret ?: mdev_pci_check_state(&checked, driver);
}

static int mdev_pci_check_ops(const struct mdev_pci_checked *checked,
			      const struct parent_ops *ops)
{
	if (ops->supported_type_groups)
		return mdev_pci_invalid(checked, "ops.supported_type_groups: set, use types");
	if (ops->create || ops->remove || ops->open || ops->release ||
	    ops->reset || ops->function_reset)
		return mdev_pci_invalid(checked,
					"ops: create, remove, open, release or a reset is set");
	return 0;
}

static int mdev_pci_check_driver(const struct mdev_pci_checked *checked,
				 const struct mdev_pci_driver *driver)
{
	unsigned int i;

	if (driver->device_size < sizeof(struct mdev_pci) ||
	    driver->device_size > KMALLOC_MAX_SIZE)
		return mdev_pci_invalid(checked, "device_size: %zu (min %zu, max %lu)",
					driver->device_size,
					sizeof(struct mdev_pci),
					KMALLOC_MAX_SIZE);
	if (!driver->save != !driver->load)
		return mdev_pci_invalid(checked, "%s: set without %s",
					driver->save ? "save" : "load",
					driver->save ? "load" : "save");
	if (driver->state_min_version > driver->state_version)
		return mdev_pci_invalid(checked, "state_min_version: %u (max %u, state_version)",
					driver->state_min_version,
					driver->state_version);
	if (!driver->track_changes != !driver->save_part ||
	    !driver->track_changes != !driver->load_part ||
	    !driver->track_changes != !driver->parts_left)
		return mdev_pci_invalid(checked,
					"track_changes, save_part, load_part, parts_left: not all of them");
	if (driver->track_changes && !driver->save)
		return mdev_pci_invalid(checked, "track_changes: without save");
	if (driver->save && driver->ops.migration &&
	    driver->ops.migration->open_data)
		return mdev_pci_invalid(checked, "save: never called with ops.migration.open_data");
	if (!driver->types || !driver->nr_types)
		return mdev_pci_invalid(checked, "types %s with nr_types %u",
					driver->types ? "set" : "NULL",
					driver->nr_types);
	for (i = 0; i < driver->nr_types; i++)
		if (!driver->types[i].name || !*driver->types[i].name)
			return mdev_pci_invalid(checked, "types[%u].name: empty",
						i);
	return 0;
}

/* What &mdev_pci_driver.describe has completed: 0, or -EINVAL after a message */
int mdev_pci_check_described(struct device *dev,
			     const struct mdev_pci_driver *driver,
			     const struct mdev_pci_type *type,
			     const struct mdev_pci_function *function)
{
	const struct mdev_pci_checked checked = {
		.dev = dev,
		.type = type->name,
		.function = function,
	};
	int ret;

	ret = mdev_pci_check_function(&checked);
	return ret ?: mdev_pci_check_state(&checked, driver);
}

/* Returns 0, or -EINVAL after a message. */
int mdev_pci_check(struct device *dev, const struct mdev_pci_driver *driver,
		   unsigned int units)
{
	const struct mdev_pci_checked checked = { .dev = dev };
	unsigned int i;
	int ret;

	if (units > INT_MAX)
		return mdev_pci_invalid(&checked, "units: %u (max %d)", units,
					INT_MAX);
	ret = mdev_pci_check_ops(&checked, &driver->ops);
	if (!ret)
		ret = mdev_pci_check_driver(&checked, driver);
	for (i = 0; !ret && i < driver->nr_types; i++)
		ret = mdev_pci_check_type(dev, driver, units, i);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(mdev_pci_check);
