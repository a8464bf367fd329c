// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layout of a PCI function's config space: which registers it has, of mdev_pci
 * (registers.c) and of the driver's description, and at which offsets, with the lists
 * of capabilities. config.c has the accesses.
 */

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/find.h>
#include <linux/math.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <linux/vfio.h>

#include "../compat.h"
#include "private.h"

#define MDEV_PCI_NR_DWORDS	(PCI_CFG_SPACE_EXP_SIZE / sizeof(u32))

/* Vendor-specific capabilities (appendix H) have their length in this byte */
#define MDEV_PCI_VNDR_LENGTH	PCI_CAP_FLAGS
#define MDEV_PCI_VNDR_DATA	3

static unsigned int
mdev_pci_vendor_cap_size(const struct mdev_pci_vendor_cap *cap)
{
	return MDEV_PCI_VNDR_DATA + cap->size;
}

/* What all capabilities take of the first 256 bytes */
unsigned int mdev_pci_caps_size(const struct mdev_pci_function *function)
{
	const struct mdev_pci_registers *regs = function->registers;
	const struct mdev_pci_vendor_cap *cap;
	unsigned int size = 0;
	unsigned int i;

	for (i = 0; i < MDEV_PCI_NR_BUILTIN_CAPS; i++)
		size += ALIGN(mdev_pci_builtin_caps[i].size(function), 4);
	for (i = 0; i < function->nr_vendor_caps; i++) {
		cap = &function->vendor_caps[i];
		size += ALIGN(mdev_pci_vendor_cap_size(cap), 4);
	}
	for (i = 0; i < function->nr_registers; i++)
		if (regs[i].kind == MDEV_PCI_CAPABILITY)
			size += ALIGN(regs[i].size, 4);
	return size;
}

/**
 * struct mdev_pci_space - config space while it is laid out
 * @layout: the result
 * @used: dwords that have registers
 * @next: the pointer to the next capability (PCI 3.0, 6.7)
 * @ext_caps: dwords that are the header of an extended capability
 */
struct mdev_pci_space {
	struct mdev_pci_layout *layout;
	DECLARE_BITMAP(used, MDEV_PCI_NR_DWORDS);
	u8 *next;
	DECLARE_BITMAP(ext_caps, MDEV_PCI_NR_DWORDS);
};

/* Take @size bytes at @offset. Returns -EINVAL if others have one of them. */
static int mdev_pci_space_take(struct mdev_pci_space *space, unsigned int offset,
			       unsigned int size)
{
	unsigned int first = offset / sizeof(u32);
	unsigned int end = DIV_ROUND_UP(offset + size, sizeof(u32));

	if (find_next_bit(space->used, end, first) < end)
		return -EINVAL;
	bitmap_set(space->used, first, end - first);
	return 0;
}

/* Take @size bytes between @start and @end. Returns -EINVAL without room. */
static int mdev_pci_space_find(struct mdev_pci_space *space, unsigned int start,
			       unsigned int end, unsigned int size)
{
	unsigned int count = DIV_ROUND_UP(size, sizeof(u32));
	unsigned int first;

	first = bitmap_find_next_zero_area(space->used, end / sizeof(u32),
					   start / sizeof(u32), count, 0);
	if (first + count > end / sizeof(u32))
		return -EINVAL;
	bitmap_set(space->used, first, count);
	return first * sizeof(u32);
}

/* Returns the offset, which the caller has taken if it is not 0. */
static int mdev_pci_space_add_cap(struct mdev_pci_space *space, u8 id,
				  unsigned int offset, unsigned int size)
{
	int base = offset ?: mdev_pci_space_find(space, PCI_STD_HEADER_SIZEOF,
						 PCI_CFG_SPACE_SIZE, size);

	if (base < 0)
		return base;
	*space->next = base;
	space->layout->initial[base + PCI_CAP_LIST_ID] = id;
	space->next = &space->layout->initial[base + PCI_CAP_LIST_NEXT];
	/* 6.2.3 */
	space->layout->initial[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	return base;
}

/* Without the pointer to the next one, see mdev_pci_link_ext_caps() */
static int mdev_pci_space_add_ext_cap(struct mdev_pci_space *space, u16 id,
				      u8 version, unsigned int offset,
				      unsigned int size)
{
	int base = offset ?: mdev_pci_space_find(space, PCI_CFG_SPACE_SIZE,
						 PCI_CFG_SPACE_EXP_SIZE, size);

	if (base < 0)
		return base;
	put_unaligned_le32(id | version << 16, &space->layout->initial[base]);
	__set_bit(base / sizeof(u32), space->ext_caps);
	return base;
}

/*
 * PCI Express 2.0, 7.9.1: the list begins at 0x100, where a header with ID 0 is if no
 * capability is. It ascends.
 */
static void mdev_pci_link_ext_caps(struct mdev_pci_space *space)
{
	u8 *last = &space->layout->initial[PCI_CFG_SPACE_SIZE];
	unsigned int dword, base;

	for_each_set_bit(dword, space->ext_caps,
			 MDEV_PCI_NR_DWORDS) {
		base = dword * sizeof(u32);
		if (base != PCI_CFG_SPACE_SIZE)
			put_unaligned_le32(get_unaligned_le32(last) |
					   base << 20, last);
		last = &space->layout->initial[base];
	}
}

static void mdev_pci_add_vendor_cap(struct mdev_pci_layout *layout, u8 base,
				    const struct mdev_pci_vendor_cap *cap)
{
	u8 data = base + MDEV_PCI_VNDR_DATA;

	layout->initial[base + MDEV_PCI_VNDR_LENGTH] =
		mdev_pci_vendor_cap_size(cap);
	memcpy(&layout->initial[data], cap->data, cap->size);
	if (cap->writable)
		memcpy(&layout->writable[data], cap->writable, cap->size);
}

static void mdev_pci_copy_bytes(u8 *table, const u8 *bytes, unsigned int base,
				unsigned int header, unsigned int size)
{
	if (bytes)
		memcpy(table + base + header, bytes + header, size - header);
}

/* All but the header of a capability, which has been written */
static int mdev_pci_put_registers(struct mdev_pci_layout *layout,
				  const struct mdev_pci_registers *regs,
				  unsigned int base)
{
	static const u8 headers[] = {
		[MDEV_PCI_REGISTERS] = 0,
		[MDEV_PCI_CAPABILITY] = PCI_CAP_SIZEOF - 2,
		[MDEV_PCI_EXT_CAPABILITY] = 4,
	};
	unsigned int header = headers[regs->kind];
	unsigned int i;

	mdev_pci_copy_bytes(layout->initial, regs->data, base, header,
			    regs->size);
	mdev_pci_copy_bytes(layout->writable, regs->writable, base, header,
			    regs->size);
	mdev_pci_copy_bytes(layout->clear, regs->clear, base, header,
			    regs->size);
	mdev_pci_copy_bytes(layout->settable, regs->device, base, header,
			    regs->size);
	if (!regs->read && !regs->written)
		return 0;
	for (i = base / sizeof(u32); i * sizeof(u32) < base + regs->size; i++) {
		if (layout->dwords[i].registers)
			return -EINVAL;
		layout->dwords[i].registers = regs;
		layout->dwords[i].base = base;
	}
	return 0;
}

static bool mdev_pci_has_bits(const struct mdev_pci_registers *regs)
{
	return regs->kind != MDEV_PCI_REGISTERS || regs->data ||
	       regs->writable || regs->clear || regs->device;
}

/* Registers with an offset come first: the others find room between them. */
static int mdev_pci_reserve_registers(struct mdev_pci_space *space)
{
	const struct mdev_pci_function *function = space->layout->function;
	const struct mdev_pci_registers *regs;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < function->nr_registers && !ret; i++) {
		regs = &function->registers[i];
		if (!regs->offset && regs->kind != MDEV_PCI_REGISTERS)
			continue;
		/* The header of the list of extended capabilities */
		if (regs->kind == MDEV_PCI_REGISTERS &&
		    regs->offset <= PCI_CFG_SPACE_SIZE &&
		    regs->offset + regs->size > PCI_CFG_SPACE_SIZE)
			return -EINVAL;
		if (mdev_pci_has_bits(regs))
			ret = mdev_pci_space_take(space, regs->offset,
						  regs->size);
	}
	return ret;
}

static int mdev_pci_space_add(struct mdev_pci_space *space,
			      const struct mdev_pci_registers *regs)
{
	int base = regs->offset;

	if (regs->kind == MDEV_PCI_CAPABILITY)
		base = mdev_pci_space_add_cap(space, regs->id, regs->offset,
					      regs->size);
	else if (regs->kind == MDEV_PCI_EXT_CAPABILITY)
		base = mdev_pci_space_add_ext_cap(space, regs->id,
						  regs->version, regs->offset,
						  regs->size);
	if (base < 0)
		return base;
	return mdev_pci_put_registers(space->layout, regs, base);
}

static int mdev_pci_space_add_all(struct mdev_pci_space *space,
				  const struct mdev_pci_registers *regs,
				  unsigned int count)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < count && !ret; i++)
		ret = mdev_pci_space_add(space, &regs[i]);
	return ret;
}

/* In the order of the lists: those of mdev_pci, then those of the driver */
static int mdev_pci_add_caps(struct mdev_pci_space *space)
{
	struct mdev_pci_layout *layout = space->layout;
	const struct mdev_pci_function *function = layout->function;
	const struct mdev_pci_vendor_cap *cap;
	unsigned int size;
	unsigned int i;
	int base;

	for (i = 0; i < MDEV_PCI_NR_BUILTIN_CAPS; i++) {
		size = mdev_pci_builtin_caps[i].size(function);
		if (!size)
			continue;
		base = mdev_pci_space_add_cap(space, mdev_pci_builtin_caps[i].id, 0,
					      size);
		if (base < 0)
			return base;
		mdev_pci_builtin_caps[i].add(layout, base);
	}
	for (i = 0; i < function->nr_vendor_caps; i++) {
		cap = &function->vendor_caps[i];
		base = mdev_pci_space_add_cap(space, PCI_CAP_ID_VNDR, 0,
					      mdev_pci_vendor_cap_size(cap));
		if (base < 0)
			return base;
		mdev_pci_add_vendor_cap(layout, base, cap);
	}
	return 0;
}

/* PCI Express 2.0, 7.12: the serial number follows the header. */
static int mdev_pci_add_serial(struct mdev_pci_space *space)
{
	u8 data[PCI_EXT_CAP_DSN_SIZEOF] = {};
	const struct mdev_pci_registers dsn = {
		.kind = MDEV_PCI_EXT_CAPABILITY,
		.id = PCI_EXT_CAP_ID_DSN,
		.version = 1,
		.size = sizeof(data),
		.data = data,
	};

	put_unaligned_le64(space->layout->function->serial, data + 4);
	return mdev_pci_space_add(space, &dsn);
}

static int mdev_pci_add_ext_caps(struct mdev_pci_space *space)
{
	const struct mdev_pci_function *function = space->layout->function;
	int ret = 0;

	if (function->capabilities & MDEV_PCI_AER)
		ret = mdev_pci_space_add(space, &mdev_pci_aer);
	if (!ret && function->serial)
		ret = mdev_pci_add_serial(space);
	return ret;
}

static int mdev_pci_layout_init(struct mdev_pci_layout *layout)
{
	const struct mdev_pci_function *function = layout->function;
	struct mdev_pci_space space = {
		.layout = layout,
		.next = &layout->initial[PCI_CAPABILITY_LIST],
	};
	int ret;

	mdev_pci_add_header(layout);
	mdev_pci_add_bars(layout);
	mdev_pci_add_rom(layout);
	bitmap_set(space.used, 0, PCI_STD_HEADER_SIZEOF / sizeof(u32));
	ret = mdev_pci_reserve_registers(&space);
	if (!ret)
		ret = mdev_pci_add_caps(&space);
	if (!ret)
		ret = mdev_pci_add_ext_caps(&space);
	if (!ret)
		ret = mdev_pci_space_add_all(&space, function->registers,
					     function->nr_registers);
	if (!ret && layout->size > PCI_CFG_SPACE_SIZE)
		mdev_pci_link_ext_caps(&space);
	return ret;
}

/*
 * mdev_pci_check() has accepted @function. Returns an ERR_PTR() of -ENOMEM, or -EINVAL
 * if the capabilities don't fit.
 */
struct mdev_pci_layout *
mdev_pci_layout_create(const struct mdev_pci_function *function)
{
	struct mdev_pci_layout *layout = kzalloc_obj(*layout);
	int ret = -ENOMEM;

	if (!layout)
		return ERR_PTR(ret);
	layout->function = function;
	layout->size = function->capabilities & MDEV_PCI_EXPRESS ?
		       PCI_CFG_SPACE_EXP_SIZE : PCI_CFG_SPACE_SIZE;
	layout->nr_vectors = mdev_pci_nr_vectors(function);
	layout->nr_regions = VFIO_PCI_NUM_REGIONS + function->nr_regions;

	layout->initial = kcalloc(5, layout->size, GFP_KERNEL);
	layout->dwords = kcalloc(layout->size / sizeof(u32),
				 sizeof(*layout->dwords), GFP_KERNEL);
	layout->targets = mdev_pci_targets_create(function, layout->nr_regions);
	if (layout->initial && layout->dwords && layout->targets) {
		layout->writable = layout->initial + layout->size;
		layout->clear = layout->writable + layout->size;
		layout->device = layout->clear + layout->size;
		layout->settable = layout->device + layout->size;
		ret = mdev_pci_layout_init(layout);
	}
	if (ret) {
		mdev_pci_layout_free(layout);
		return ERR_PTR(ret);
	}
	return layout;
}

void mdev_pci_layout_free(struct mdev_pci_layout *layout)
{
	if (!layout)
		return;
	kfree(layout->targets);
	kfree(layout->dwords);
	kfree(layout->initial);
	kfree(layout);
}
