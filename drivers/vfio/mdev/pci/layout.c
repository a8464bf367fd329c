// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config space as a function's description lays it out: what each register
 * holds after a reset, what the guest can do to it and what comes of that, as
 * tables of registers. Each names the paragraph of the PCI Local Bus
 * Specification 3.0 that defines it, or that of the capability's own
 * specification.
 */

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/vfio.h>

#include "../compat.h"
#include "private.h"

/* 6.2.5.2: the least that the BAR of an expansion ROM may have */
#define MDEV_PCI_ROM_MIN	0x800

/* PCI Express 2.0, 7.8: with the registers of slots and root ports, all zero */
#define MDEV_PCI_EXPRESS_SIZE	0x3c

/* Vendor-specific capabilities (appendix H) have their length in this byte */
#define MDEV_PCI_VNDR_LENGTH	PCI_CAP_FLAGS
#define MDEV_PCI_VNDR_DATA	3

/* A register, up to a dword wide and within one. Absent members are zero. */
struct mdev_pci_register {
	unsigned int offset;
	unsigned int size;
	u32 value;			/* after a reset */
	u32 writable;			/* bits that the guest can change */
	u32 clear;			/* bits that it clears by writing 1 */
	u32 device;			/* bits that mdev_pci changes */
	mdev_pci_effect_t effect;
};

static void mdev_pci_lay_bits(u8 *table, const struct mdev_pci_register *reg,
			      unsigned int base, u32 bits)
{
	unsigned int i;

	for (i = 0; i < reg->size; i++)
		table[base + reg->offset + i] = bits >> i * BITS_PER_BYTE;
}

static void mdev_pci_lay(struct mdev_pci_layout *layout, unsigned int base,
			 const struct mdev_pci_register *regs,
			 unsigned int nr_regs)
{
	const struct mdev_pci_register *reg;

	for (reg = regs; reg < regs + nr_regs; reg++) {
		mdev_pci_lay_bits(layout->initial, reg, base, reg->value);
		mdev_pci_lay_bits(layout->writable, reg, base, reg->writable);
		mdev_pci_lay_bits(layout->clear, reg, base, reg->clear);
		mdev_pci_lay_bits(layout->device, reg, base, reg->device);
		if (reg->effect)
			layout->effects[(base + reg->offset) / sizeof(u32)] =
				reg->effect;
	}
}

/* 6.2.2: the bits that decode what the function has */
static u16 mdev_pci_decode_bits(const struct mdev_pci_function *function)
{
	u16 bits = 0;
	unsigned int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		if (!function->bar[i].size)
			continue;
		bits |= function->bar[i].flags & PCI_BASE_ADDRESS_SPACE_IO ?
			PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	}
	if (function->rom_size)
		bits |= PCI_COMMAND_MEMORY;
	if (function->vga.size)
		bits |= PCI_COMMAND_IO | PCI_COMMAND_MEMORY;
	return bits;
}

static void mdev_pci_lay_header(struct mdev_pci_layout *layout)
{
	const struct mdev_pci_function *function = layout->function;
	bool express = function->capabilities & MDEV_PCI_EXPRESS;
	const struct mdev_pci_register header[] = {
		/* 6.2.1 */
		{ PCI_VENDOR_ID, 2, .value = function->vendor },
		{ PCI_DEVICE_ID, 2, .value = function->device },
		{ PCI_CLASS_REVISION, 4,
		  .value = function->class << 8 | function->revision },
		/* 6.2.2 */
		{ PCI_COMMAND, 2,
		  .writable = mdev_pci_decode_bits(function) |
			      PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
			      PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE,
		  .effect = mdev_pci_command_written },
		/* 6.2.3; PCI Express 2.0, 7.5.1.2: no DEVSEL# timing there */
		{ PCI_STATUS, 2,
		  .value = express ? 0 : PCI_STATUS_DEVSEL_MEDIUM,
		  .device = function->interrupt_pin ? PCI_STATUS_INTERRUPT : 0,
		  .clear = PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT |
			   PCI_STATUS_REC_TARGET_ABORT |
			   PCI_STATUS_REC_MASTER_ABORT |
			   PCI_STATUS_SIG_SYSTEM_ERROR |
			   PCI_STATUS_DETECTED_PARITY },
		/* 6.2.4; PCI Express 2.0, 7.5.1.4: no latency timer there */
		{ PCI_CACHE_LINE_SIZE, 1, .writable = 0xff },
		{ PCI_LATENCY_TIMER, 1, .writable = express ? 0 : 0xff },
		{ PCI_SUBSYSTEM_VENDOR_ID, 2,
		  .value = function->subsystem_vendor },
		{ PCI_SUBSYSTEM_ID, 2, .value = function->subsystem },
		{ PCI_INTERRUPT_LINE, 1, .writable = 0xff },
		{ PCI_INTERRUPT_PIN, 1, .value = function->interrupt_pin },
	};

	mdev_pci_lay(layout, 0, header, ARRAY_SIZE(header));
}

/* 6.2.5.1: the bits that stay zero tell the guest the size */
static void mdev_pci_lay_bars(struct mdev_pci_layout *layout)
{
	unsigned int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		const struct mdev_pci_region *bar = &layout->function->bar[i];
		u64 mask = ~(bar->size - 1);
		const struct mdev_pci_register regs[] = {
			{ 0, 4, .value = bar->flags, .writable = mask },
			{ 4, 4, .writable = mask >> 32 },
		};

		if (!bar->size)
			continue;
		mdev_pci_lay(layout, PCI_BASE_ADDRESS_0 + i * 4, regs,
			     bar->flags & PCI_BASE_ADDRESS_MEM_TYPE_64 ? 2 : 1);
	}
}

/* The size of the BAR of the expansion ROM, 0 if there is none. */
u32 mdev_pci_rom_bar_size(const struct mdev_pci_function *function)
{
	if (!function->rom_size)
		return 0;
	return max(roundup_pow_of_two(function->rom_size), MDEV_PCI_ROM_MIN);
}

/* 6.2.5.2 */
static void mdev_pci_lay_rom(struct mdev_pci_layout *layout)
{
	u32 size = mdev_pci_rom_bar_size(layout->function);
	const struct mdev_pci_register rom = {
		PCI_ROM_ADDRESS, 4,
		.writable = ~(size - 1) | PCI_ROM_ADDRESS_ENABLE,
	};

	if (size)
		mdev_pci_lay(layout, 0, &rom, 1);
}

static unsigned int mdev_pci_pm_size(const struct mdev_pci_function *function)
{
	return function->capabilities & MDEV_PCI_PM ? PCI_PM_SIZEOF : 0;
}

/* PCI Power Management 1.2, 3.2: version 3, neither D1 nor D2, no PME# */
static void mdev_pci_lay_pm(struct mdev_pci_layout *layout, u8 base)
{
	bool soft_reset = layout->function->capabilities & MDEV_PCI_SOFT_RESET;
	const struct mdev_pci_register regs[] = {
		{ PCI_PM_PMC, 2, .value = 3 },
		{ PCI_PM_CTRL, 2,
		  .value = soft_reset ? 0 : PCI_PM_CTRL_NO_SOFT_RESET,
		  .device = PCI_PM_CTRL_STATE_MASK,
		  .effect = mdev_pci_pm_written },
	};

	layout->pm = base;
	mdev_pci_lay(layout, base, regs, ARRAY_SIZE(regs));
}

static unsigned int mdev_pci_msi_size(const struct mdev_pci_function *function)
{
	if (!function->msi.vectors)
		return 0;
	return PCI_MSI_DATA_32 + 2 + (function->msi.wide ? 4 : 0) +
	       (function->msi.maskable ? 10 : 0);
}

/* 6.8.1 */
static void mdev_pci_lay_msi(struct mdev_pci_layout *layout, u8 base)
{
	const struct mdev_pci_function *function = layout->function;
	bool wide = function->msi.wide;
	bool maskable = function->msi.maskable;
	u32 vectors = GENMASK(function->msi.vectors - 1, 0);
	const struct mdev_pci_register regs[] = {
		{ PCI_MSI_FLAGS, 2,
		  .value = ilog2(function->msi.vectors) << 1 |
			   (wide ? PCI_MSI_FLAGS_64BIT : 0) |
			   (maskable ? PCI_MSI_FLAGS_MASKBIT : 0),
		  .writable = PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE,
		  .effect = mdev_pci_msi_written },
		{ PCI_MSI_ADDRESS_LO, 4, .writable = ~3,
		  .effect = mdev_pci_msi_written },
		{ PCI_MSI_ADDRESS_HI, wide ? 4 : 0, .writable = ~0,
		  .effect = mdev_pci_msi_written },
		{ wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32, 2,
		  .writable = 0xffff, .effect = mdev_pci_msi_written },
	};
	const struct mdev_pci_register masks[] = {
		{ wide ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32, 4,
		  .writable = vectors, .effect = mdev_pci_msi_written },
		{ wide ? PCI_MSI_PENDING_64 : PCI_MSI_PENDING_32, 4,
		  .device = vectors },
	};

	layout->msi = base;
	mdev_pci_lay(layout, base, regs, ARRAY_SIZE(regs));
	mdev_pci_lay(layout, base, masks, maskable ? ARRAY_SIZE(masks) : 0);
}

static unsigned int mdev_pci_msix_size(const struct mdev_pci_function *function)
{
	return function->msix.vectors ? PCI_CAP_MSIX_SIZEOF : 0;
}

/* 6.8.2 */
static void mdev_pci_lay_msix(struct mdev_pci_layout *layout, u8 base)
{
	const struct mdev_pci_function *function = layout->function;
	const struct mdev_pci_register regs[] = {
		{ PCI_MSIX_FLAGS, 2, .value = function->msix.vectors - 1,
		  .writable = PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL,
		  .effect = mdev_pci_msix_written },
		{ PCI_MSIX_TABLE, 4, .value = function->msix.table_offset |
					      function->msix.table_bar },
		{ PCI_MSIX_PBA, 4, .value = function->msix.pba_offset |
					    function->msix.pba_bar },
	};

	layout->msix = base;
	mdev_pci_lay(layout, base, regs, ARRAY_SIZE(regs));
}

static unsigned int
mdev_pci_express_size(const struct mdev_pci_function *function)
{
	return function->capabilities & MDEV_PCI_EXPRESS ?
	       MDEV_PCI_EXPRESS_SIZE : 0;
}

/*
 * PCI Express 2.0, 7.8: version 2, a link of one lane at 2.5 GT/s. Only legacy
 * endpoints may have I/O BARs (1.3.2).
 */
static void mdev_pci_lay_express(struct mdev_pci_layout *layout, u8 base)
{
	const struct mdev_pci_function *function = layout->function;
	bool legacy = mdev_pci_decode_bits(function) & PCI_COMMAND_IO;
	bool flr = function->capabilities & MDEV_PCI_FLR;
	u16 type = legacy ? PCI_EXP_TYPE_LEG_END : PCI_EXP_TYPE_ENDPOINT;
	const struct mdev_pci_register regs[] = {
		{ PCI_EXP_FLAGS, 2, .value = type << 4 | 2 },
		{ PCI_EXP_DEVCAP, 4,
		  .value = PCI_EXP_DEVCAP_RBER |
			   (flr ? PCI_EXP_DEVCAP_FLR : 0) },
		/* 7.8.4: with 128 bytes at most, the payload is hardwired */
		{ PCI_EXP_DEVCTL, 2,
		  .value = PCI_EXP_DEVCTL_RELAX_EN |
			   PCI_EXP_DEVCTL_NOSNOOP_EN |
			   PCI_EXP_DEVCTL_READRQ_512B,
		  .writable = PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE |
			      PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE |
			      PCI_EXP_DEVCTL_RELAX_EN |
			      PCI_EXP_DEVCTL_NOSNOOP_EN |
			      PCI_EXP_DEVCTL_READRQ,
		  .effect = flr ? mdev_pci_express_written : NULL },
		{ PCI_EXP_DEVSTA, 2,
		  .clear = PCI_EXP_DEVSTA_CED | PCI_EXP_DEVSTA_NFED |
			   PCI_EXP_DEVSTA_FED | PCI_EXP_DEVSTA_URD },
		{ PCI_EXP_LNKCAP, 4,
		  .value = PCI_EXP_LNKCAP_SLS_2_5GB | 1 << 4 |
			   PCI_EXP_LNKCAP_ASPM_L0S },
		{ PCI_EXP_LNKCTL, 2,
		  .writable = PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_RCB |
			      PCI_EXP_LNKCTL_CCC | PCI_EXP_LNKCTL_ES },
		{ PCI_EXP_LNKSTA, 2,
		  .value = PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1 },
		/* 7.8.15: who sends requests must be able to wait for ever */
		{ PCI_EXP_DEVCAP2, 4, .value = PCI_EXP_DEVCAP2_COMP_TMOUT_DIS },
		{ PCI_EXP_DEVCTL2, 2,
		  .writable = PCI_EXP_DEVCTL2_COMP_TMOUT_DIS },
	};

	layout->express = base;
	mdev_pci_lay(layout, base, regs, ARRAY_SIZE(regs));
}

static unsigned int mdev_pci_af_size(const struct mdev_pci_function *function)
{
	return (function->capabilities & (MDEV_PCI_FLR | MDEV_PCI_EXPRESS)) ==
	       MDEV_PCI_FLR ? PCI_CAP_AF_SIZEOF : 0;
}

/* Advanced Capabilities for Conventional PCI, an ECN to PCI 3.0 */
static void mdev_pci_lay_af(struct mdev_pci_layout *layout, u8 base)
{
	static const struct mdev_pci_register regs[] = {
		{ PCI_AF_LENGTH, 1, .value = PCI_CAP_AF_SIZEOF },
		{ PCI_AF_CAP, 1, .value = PCI_AF_CAP_TP | PCI_AF_CAP_FLR },
		{ PCI_AF_CTRL, 1, .effect = mdev_pci_af_written },
	};

	layout->af = base;
	mdev_pci_lay(layout, base, regs, ARRAY_SIZE(regs));
}

/* In the order of the list. Of size 0, a function does not have it. */
static const struct {
	u8 id;
	unsigned int (*size)(const struct mdev_pci_function *function);
	void (*lay)(struct mdev_pci_layout *layout, u8 base);
} mdev_pci_caps[] = {
	{ PCI_CAP_ID_PM, mdev_pci_pm_size, mdev_pci_lay_pm },
	{ PCI_CAP_ID_MSI, mdev_pci_msi_size, mdev_pci_lay_msi },
	{ PCI_CAP_ID_MSIX, mdev_pci_msix_size, mdev_pci_lay_msix },
	{ PCI_CAP_ID_EXP, mdev_pci_express_size, mdev_pci_lay_express },
	{ PCI_CAP_ID_AF, mdev_pci_af_size, mdev_pci_lay_af },
};

static unsigned int mdev_pci_vendor_cap_size(const struct mdev_pci_vendor_cap *cap)
{
	return MDEV_PCI_VNDR_DATA + cap->size;
}

/* How much the capabilities take of what follows the header. */
unsigned int mdev_pci_caps_size(const struct mdev_pci_function *function)
{
	unsigned int size = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mdev_pci_caps); i++)
		size += ALIGN(mdev_pci_caps[i].size(function), 4);
	for (i = 0; i < function->nr_vendor_caps; i++)
		size += ALIGN(mdev_pci_vendor_cap_size(&function->vendor_caps[i]),
			      4);
	return size;
}

/* Where to put a capability, and the pointer to the next one (6.7) */
struct mdev_pci_list {
	u8 *pointer;
	unsigned int end;
};

static u8 mdev_pci_list_add(struct mdev_pci_list *list,
			    struct mdev_pci_layout *layout, u8 id,
			    unsigned int size)
{
	u8 base = list->end;

	*list->pointer = base;
	layout->initial[base + PCI_CAP_LIST_ID] = id;
	list->pointer = &layout->initial[base + PCI_CAP_LIST_NEXT];
	list->end += ALIGN(size, 4);
	return base;
}

static void mdev_pci_lay_vendor_cap(struct mdev_pci_layout *layout, u8 base,
				    const struct mdev_pci_vendor_cap *cap)
{
	u8 data = base + MDEV_PCI_VNDR_DATA;

	layout->initial[base + MDEV_PCI_VNDR_LENGTH] =
		mdev_pci_vendor_cap_size(cap);
	memcpy(&layout->initial[data], cap->data, cap->size);
	if (cap->writable)
		memcpy(&layout->writable[data], cap->writable, cap->size);
}

static void mdev_pci_lay_caps(struct mdev_pci_layout *layout)
{
	const struct mdev_pci_function *function = layout->function;
	struct mdev_pci_list list = {
		.pointer = &layout->initial[PCI_CAPABILITY_LIST],
		.end = PCI_STD_HEADER_SIZEOF,
	};
	const struct mdev_pci_vendor_cap *cap;
	unsigned int size;
	unsigned int i;
	u8 base;

	for (i = 0; i < ARRAY_SIZE(mdev_pci_caps); i++) {
		size = mdev_pci_caps[i].size(function);
		if (!size)
			continue;
		base = mdev_pci_list_add(&list, layout, mdev_pci_caps[i].id,
					 size);
		mdev_pci_caps[i].lay(layout, base);
	}
	for (i = 0; i < function->nr_vendor_caps; i++) {
		cap = &function->vendor_caps[i];
		base = mdev_pci_list_add(&list, layout, PCI_CAP_ID_VNDR,
					 mdev_pci_vendor_cap_size(cap));
		mdev_pci_lay_vendor_cap(layout, base, cap);
	}
	/* 6.2.3 */
	if (list.end > PCI_STD_HEADER_SIZEOF)
		layout->initial[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
}

/* Of a description that mdev_pci_check() has accepted; or NULL. */
struct mdev_pci_layout *
mdev_pci_layout_create(const struct mdev_pci_function *function)
{
	struct mdev_pci_layout *layout = kzalloc_obj(*layout);

	if (!layout)
		return NULL;
	layout->function = function;
	layout->size = function->capabilities & MDEV_PCI_EXPRESS ?
		       PCI_CFG_SPACE_EXP_SIZE : PCI_CFG_SPACE_SIZE;
	layout->nr_vectors = max3((u16)function->msix.vectors,
				  (u16)function->msi.vectors,
				  (u16)!!function->interrupt_pin);
	layout->nr_regions = VFIO_PCI_NUM_REGIONS + function->nr_regions;

	layout->initial = kcalloc(4, layout->size, GFP_KERNEL);
	if (!layout->initial) {
		kfree(layout);
		return NULL;
	}
	layout->writable = layout->initial + layout->size;
	layout->clear = layout->writable + layout->size;
	layout->device = layout->clear + layout->size;

	mdev_pci_lay_header(layout);
	mdev_pci_lay_bars(layout);
	mdev_pci_lay_rom(layout);
	mdev_pci_lay_caps(layout);
	return layout;
}

void mdev_pci_layout_free(struct mdev_pci_layout *layout)
{
	if (!layout)
		return;
	kfree(layout->initial);
	kfree(layout);
}

/*
 * What the vendor has described, or NULL: config space and the expansion ROM
 * are not the vendor's to answer for. The index may come from a user.
 */
const struct mdev_pci_region *mdev_pci_region(const struct mdev_pci_core *core,
					      unsigned int index)
{
	const struct mdev_pci_function *function = core->layout->function;
	const struct mdev_pci_region *region = NULL;
	unsigned int beyond = index - VFIO_PCI_NUM_REGIONS;

	if (index < PCI_STD_NUM_BARS)
		region = &function->bar[array_index_nospec(index,
							   PCI_STD_NUM_BARS)];
	else if (index == VFIO_PCI_VGA_REGION_INDEX)
		region = &function->vga;
	else if (beyond < function->nr_regions)
		region = &function->regions[array_index_nospec(beyond,
							       function->nr_regions)];
	return region && region->size ? region : NULL;
}
