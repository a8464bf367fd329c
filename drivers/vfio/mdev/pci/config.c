// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config space of a PCI function: its registers as tables, with what the guest can
 * change of each and what a write does (decoding, power states, requests of resets,
 * interrupts), and reads and writes of the registers. Paragraphs are those of the
 * PCI Local Bus Specification 3.0, or of the specification that is named. reset.c
 * and irq.c do what a write requests.
 */

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vfio.h>
#include <kunit/visibility.h>

#include "../compat.h"
#include "private.h"

/* PCI Express 2.0, 7.8: with the registers of slots and root ports, all zero */
#define MDEV_PCI_EXPRESS_SIZE	0x3c

/* Vendor-specific capabilities (appendix H) have their length in this byte */
#define MDEV_PCI_VNDR_LENGTH	PCI_CAP_FLAGS
#define MDEV_PCI_VNDR_DATA	3

/**
 * struct mdev_pci_register - a register, within a dword
 * @offset: offset in config space or in the capability
 * @size: 1, 2 or 4 bytes; 0 if the function does not have it
 * @value: value after a reset
 * @writable: bits that the guest can change
 * @clear: bits that the guest clears by writing 1
 * @device: bits that @written changes
 * @read: see struct mdev_pci_dword
 * @written: see struct mdev_pci_dword
 */
struct mdev_pci_register {
	unsigned int offset;
	unsigned int size;
	u32 value;
	u32 writable;
	u32 clear;
	u32 device;
	u32 (*read)(struct mdev_pci_core *core);
	int (*written)(struct mdev_pci_core *core, u32 old, u32 value,
		       u32 mask);
};

static void mdev_pci_add_bits(u8 *table, const struct mdev_pci_register *reg,
			      unsigned int base, u32 bits)
{
	unsigned int i;

	for (i = 0; i < reg->size; i++)
		table[base + reg->offset + i] = bits >> i * BITS_PER_BYTE;
}

static void mdev_pci_add_registers(struct mdev_pci_layout *layout,
				   unsigned int base,
				   const struct mdev_pci_register *regs,
				   unsigned int nr_regs)
{
	const struct mdev_pci_register *reg;
	struct mdev_pci_dword *dword;

	for (reg = regs; reg < regs + nr_regs; reg++) {
		mdev_pci_add_bits(layout->initial, reg, base, reg->value);
		mdev_pci_add_bits(layout->writable, reg, base, reg->writable);
		mdev_pci_add_bits(layout->clear, reg, base, reg->clear);
		mdev_pci_add_bits(layout->device, reg, base, reg->device);
		dword = &layout->dwords[(base + reg->offset) / sizeof(u32)];
		if (reg->read)
			dword->read = reg->read;
		if (reg->written)
			dword->written = reg->written;
	}
}

/* The header (6.1) */

/* BARs and the ROM are not decoded any more: revoke their mappings. */
static void mdev_pci_revoke_bars(struct mdev_pci_core *core)
{
	mdev_device_invalidate_mapping(core->pci->mdev, 0,
				       (u64)VFIO_PCI_ROM_REGION_INDEX <<
				       MDEV_REGION_SHIFT);
}

/* 6.2.2 */
static int mdev_pci_command_written(struct mdev_pci_core *core, u32 old,
				    u32 value, u32 mask)
{
	int ret;

	if (!(mdev_pci_config_word(core, PCI_COMMAND) & PCI_COMMAND_MEMORY))
		mdev_pci_revoke_bars(core);
	ret = mdev_pci_update_running(core);
	mdev_pci_irqs_update(core);
	return ret;
}

/* 6.2.3, in the upper half of the dword */
static u32 mdev_pci_read_status(struct mdev_pci_core *core)
{
	return mdev_pci_irq_status(core) << 16;
}

/* 6.2.2: enable bits for the address spaces that the function has */
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

static void mdev_pci_add_header(struct mdev_pci_layout *layout)
{
	const struct mdev_pci_function *function = layout->function;
	bool express = function->capabilities & MDEV_PCI_EXPRESS;
	const struct mdev_pci_register header[] = {
		/* 6.2.1 */
		{ PCI_VENDOR_ID, 2, .value = function->vendor },
		{ PCI_DEVICE_ID, 2, .value = function->device },
		{ PCI_CLASS_REVISION, 4,
		  .value = function->class << 8 | function->revision },
		/* 6.2.2; decoding is enabled at open, as by vfio-pci */
		{ PCI_COMMAND, 2,
		  .value = mdev_pci_decode_bits(function),
		  .writable = mdev_pci_decode_bits(function) |
			      PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
			      PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE,
		  .written = mdev_pci_command_written },
		/* 6.2.3; PCI Express 2.0, 7.5.1.2: no DEVSEL# timing there */
		{ PCI_STATUS, 2,
		  .value = express ? 0 : PCI_STATUS_DEVSEL_MEDIUM,
		  .clear = PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT |
			   PCI_STATUS_REC_TARGET_ABORT |
			   PCI_STATUS_REC_MASTER_ABORT |
			   PCI_STATUS_SIG_SYSTEM_ERROR |
			   PCI_STATUS_DETECTED_PARITY,
		  .read = mdev_pci_read_status },
		/* 6.2.4; PCI Express 2.0, 7.5.1.4: no latency timer there */
		{ PCI_CACHE_LINE_SIZE, 1, .writable = 0xff },
		{ PCI_LATENCY_TIMER, 1, .writable = express ? 0 : 0xff },
		{ PCI_SUBSYSTEM_VENDOR_ID, 2,
		  .value = function->subsystem_vendor },
		{ PCI_SUBSYSTEM_ID, 2, .value = function->subsystem },
		{ PCI_INTERRUPT_LINE, 1, .writable = 0xff },
		{ PCI_INTERRUPT_PIN, 1, .value = function->interrupt_pin },
	};

	mdev_pci_add_registers(layout, 0, header, ARRAY_SIZE(header));
}

/* 6.2.5.1: the guest finds the size from the bits that it can't change. */
static void mdev_pci_add_bars(struct mdev_pci_layout *layout)
{
	unsigned int i;
	bool wide;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		const struct mdev_pci_region *bar = &layout->function->bar[i];
		u64 mask = ~(bar->size - 1);
		const struct mdev_pci_register regs[] = {
			{ 0, 4, .value = bar->flags, .writable = mask },
			{ 4, 4, .writable = mask >> 32 },
		};

		if (!bar->size)
			continue;
		wide = bar->flags & PCI_BASE_ADDRESS_MEM_TYPE_64;
		mdev_pci_add_registers(layout, PCI_BASE_ADDRESS_0 + i * 4, regs,
				       wide ? 2 : 1);
	}
}

/* 6.2.5.2 */
static void mdev_pci_add_rom(struct mdev_pci_layout *layout)
{
	u32 size = mdev_pci_rom_bar_size(layout->function);
	const struct mdev_pci_register rom = {
		PCI_ROM_ADDRESS, 4,
		.writable = ~(size - 1) | PCI_ROM_ADDRESS_ENABLE,
	};

	if (size)
		mdev_pci_add_registers(layout, 0, &rom, 1);
}

/* PCI Bus Power Management 1.2 */

/* 3.2.4: D0 or D3hot; a write of D1 or D2, which are absent, is ignored. */
static bool mdev_pci_pm_state_valid(u32 control)
{
	u32 state = control & PCI_PM_CTRL_STATE_MASK;

	return state == 0 || state == 3;
}

/* 5.4.1: D3hot to D0 is a reset unless No_Soft_Reset is set. */
static int mdev_pci_pm_written(struct mdev_pci_core *core, u32 old, u32 value,
			       u32 mask)
{
	const struct mdev_pci_layout *layout = core->layout;
	unsigned int control = layout->pm + PCI_PM_CTRL;
	int ret;

	value = (old & ~mask) | (value & mask);
	if (!((value ^ old) & PCI_PM_CTRL_STATE_MASK) ||
	    !mdev_pci_pm_state_valid(value))
		return 0;
	if (layout->function->capabilities & MDEV_PCI_SOFT_RESET &&
	    !mdev_pci_in_d0(core)) {
		mdev_pci_request_reset(core, MDEV_PCI_RESET_PM);
		return 0;
	}

	WRITE_ONCE(core->config[control],
		   (u8)(old & ~PCI_PM_CTRL_STATE_MASK) |
		   (value & PCI_PM_CTRL_STATE_MASK));
	if (!mdev_pci_in_d0(core))
		mdev_pci_revoke_bars(core);
	ret = mdev_pci_update_running(core);
	mdev_pci_irqs_update(core);
	return ret;
}

static unsigned int mdev_pci_pm_size(const struct mdev_pci_function *function)
{
	return function->capabilities & MDEV_PCI_PM ? PCI_PM_SIZEOF : 0;
}

/* 3.2: version 3, neither D1 nor D2, no PME# */
static void mdev_pci_add_pm(struct mdev_pci_layout *layout, u8 base)
{
	bool soft_reset = layout->function->capabilities & MDEV_PCI_SOFT_RESET;
	const struct mdev_pci_register regs[] = {
		{ PCI_PM_PMC, 2, .value = 3 },
		{ PCI_PM_CTRL, 2,
		  .value = soft_reset ? 0 : PCI_PM_CTRL_NO_SOFT_RESET,
		  .device = PCI_PM_CTRL_STATE_MASK,
		  .written = mdev_pci_pm_written },
	};

	layout->pm = base;
	mdev_pci_add_registers(layout, base, regs, ARRAY_SIZE(regs));
}

/* MSI and MSI-X (6.8) */

/* The dword of an enable bit begins with the header of the capability */
static int mdev_pci_msi_flags_written(struct mdev_pci_core *core, u32 old,
				      u32 value, u32 mask)
{
	if (mask >> 16)
		mdev_pci_msi_written(core);
	return 0;
}

static int mdev_pci_msix_flags_written(struct mdev_pci_core *core, u32 old,
				       u32 value, u32 mask)
{
	if (mask >> 16)
		mdev_pci_msix_written(core);
	return 0;
}

static int mdev_pci_msi_mask_written(struct mdev_pci_core *core, u32 old,
				     u32 value, u32 mask)
{
	mdev_pci_irqs_update(core);
	return 0;
}

static unsigned int mdev_pci_msi_size(const struct mdev_pci_function *function)
{
	if (!function->msi.vectors)
		return 0;
	return PCI_MSI_DATA_32 + 2 + (function->msi.wide ? 4 : 0) +
	       (function->msi.maskable ? 10 : 0);
}

/* 6.8.1 */
static void mdev_pci_add_msi(struct mdev_pci_layout *layout, u8 base)
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
		  .written = mdev_pci_msi_flags_written },
		{ PCI_MSI_ADDRESS_LO, 4, .writable = ~3 },
		{ PCI_MSI_ADDRESS_HI, wide ? 4 : 0, .writable = ~0 },
		{ wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32, 2,
		  .writable = 0xffff },
	};
	const struct mdev_pci_register masks[] = {
		{ wide ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32, 4,
		  .writable = vectors,
		  .written = mdev_pci_msi_mask_written },
		{ wide ? PCI_MSI_PENDING_64 : PCI_MSI_PENDING_32, 4,
		  .read = mdev_pci_msi_pending },
	};

	layout->msi = base;
	mdev_pci_add_registers(layout, base, regs, ARRAY_SIZE(regs));
	mdev_pci_add_registers(layout, base, masks,
			       maskable ? ARRAY_SIZE(masks) : 0);
}

static unsigned int mdev_pci_msix_size(const struct mdev_pci_function *function)
{
	return function->msix.vectors ? PCI_CAP_MSIX_SIZEOF : 0;
}

/* 6.8.2 */
static void mdev_pci_add_msix(struct mdev_pci_layout *layout, u8 base)
{
	const struct mdev_pci_function *function = layout->function;
	const struct mdev_pci_register regs[] = {
		{ PCI_MSIX_FLAGS, 2, .value = function->msix.vectors - 1,
		  .writable = PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL,
		  .written = mdev_pci_msix_flags_written },
		{ PCI_MSIX_TABLE, 4, .value = function->msix.table_offset |
					      function->msix.table_bar },
		{ PCI_MSIX_PBA, 4, .value = function->msix.pba_offset |
					    function->msix.pba_bar },
	};

	layout->msix = base;
	mdev_pci_add_registers(layout, base, regs, ARRAY_SIZE(regs));
}

/* Function-level reset: PCI Express 2.0, 6.6.2, and the ECN to PCI 3.0 */

static int mdev_pci_express_written(struct mdev_pci_core *core, u32 old,
				    u32 value, u32 mask)
{
	if (value & PCI_EXP_DEVCTL_BCR_FLR)
		mdev_pci_request_reset(core, MDEV_PCI_RESET_FLR);
	return 0;
}

static int mdev_pci_af_written(struct mdev_pci_core *core, u32 old, u32 value,
			       u32 mask)
{
	if (value & PCI_AF_CTRL_FLR)
		mdev_pci_request_reset(core, MDEV_PCI_RESET_FLR);
	return 0;
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
static void mdev_pci_add_express(struct mdev_pci_layout *layout, u8 base)
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
		  .written = flr ? mdev_pci_express_written : NULL },
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
		/* 7.8.15: a requester has to be able to disable timeouts */
		{ PCI_EXP_DEVCAP2, 4, .value = PCI_EXP_DEVCAP2_COMP_TMOUT_DIS },
		{ PCI_EXP_DEVCTL2, 2,
		  .writable = PCI_EXP_DEVCTL2_COMP_TMOUT_DIS },
	};

	layout->express = base;
	mdev_pci_add_registers(layout, base, regs, ARRAY_SIZE(regs));
}

static unsigned int mdev_pci_af_size(const struct mdev_pci_function *function)
{
	return (function->capabilities & (MDEV_PCI_FLR | MDEV_PCI_EXPRESS)) ==
	       MDEV_PCI_FLR ? PCI_CAP_AF_SIZEOF : 0;
}

/* Advanced Capabilities for Conventional PCI, an ECN to PCI 3.0 */
static void mdev_pci_add_af(struct mdev_pci_layout *layout, u8 base)
{
	static const struct mdev_pci_register regs[] = {
		{ PCI_AF_LENGTH, 1, .value = PCI_CAP_AF_SIZEOF },
		{ PCI_AF_CAP, 1, .value = PCI_AF_CAP_TP | PCI_AF_CAP_FLR },
		{ PCI_AF_CTRL, 1, .written = mdev_pci_af_written },
	};

	layout->af = base;
	mdev_pci_add_registers(layout, base, regs, ARRAY_SIZE(regs));
}

/* In the order of the list; a size of 0 means that the function has none. */
static const struct {
	u8 id;
	unsigned int (*size)(const struct mdev_pci_function *function);
	void (*add)(struct mdev_pci_layout *layout, u8 base);
} mdev_pci_caps[] = {
	{ PCI_CAP_ID_PM, mdev_pci_pm_size, mdev_pci_add_pm },
	{ PCI_CAP_ID_MSI, mdev_pci_msi_size, mdev_pci_add_msi },
	{ PCI_CAP_ID_MSIX, mdev_pci_msix_size, mdev_pci_add_msix },
	{ PCI_CAP_ID_EXP, mdev_pci_express_size, mdev_pci_add_express },
	{ PCI_CAP_ID_AF, mdev_pci_af_size, mdev_pci_add_af },
};

static unsigned int
mdev_pci_vendor_cap_size(const struct mdev_pci_vendor_cap *cap)
{
	return MDEV_PCI_VNDR_DATA + cap->size;
}

/* What all capabilities take, in bytes */
unsigned int mdev_pci_caps_size(const struct mdev_pci_function *function)
{
	const struct mdev_pci_vendor_cap *cap;
	unsigned int size = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mdev_pci_caps); i++)
		size += ALIGN(mdev_pci_caps[i].size(function), 4);
	for (i = 0; i < function->nr_vendor_caps; i++) {
		cap = &function->vendor_caps[i];
		size += ALIGN(mdev_pci_vendor_cap_size(cap), 4);
	}
	return size;
}

/* End of the capabilities, and the pointer to the next one (6.7) */
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

static void mdev_pci_add_caps(struct mdev_pci_layout *layout)
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
		mdev_pci_caps[i].add(layout, base);
	}
	for (i = 0; i < function->nr_vendor_caps; i++) {
		cap = &function->vendor_caps[i];
		base = mdev_pci_list_add(&list, layout, PCI_CAP_ID_VNDR,
					 mdev_pci_vendor_cap_size(cap));
		mdev_pci_add_vendor_cap(layout, base, cap);
	}
	/* 6.2.3 */
	if (list.end > PCI_STD_HEADER_SIZEOF)
		layout->initial[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
}

/* Of a description that mdev_pci_check() has accepted. Returns NULL for -ENOMEM. */
struct mdev_pci_layout *
mdev_pci_layout_create(const struct mdev_pci_function *function)
{
	struct mdev_pci_layout *layout = kzalloc_obj(*layout);

	if (!layout)
		return NULL;
	layout->function = function;
	layout->size = function->capabilities & MDEV_PCI_EXPRESS ?
		       PCI_CFG_SPACE_EXP_SIZE : PCI_CFG_SPACE_SIZE;
	layout->nr_vectors = mdev_pci_nr_vectors(function);
	layout->nr_regions = VFIO_PCI_NUM_REGIONS + function->nr_regions;

	layout->initial = kcalloc(4, layout->size, GFP_KERNEL);
	if (!layout->initial) {
		kfree(layout);
		return NULL;
	}
	layout->writable = layout->initial + layout->size;
	layout->clear = layout->writable + layout->size;
	layout->device = layout->clear + layout->size;

	mdev_pci_add_header(layout);
	mdev_pci_add_bars(layout);
	mdev_pci_add_rom(layout);
	mdev_pci_add_caps(layout);
	return layout;
}

void mdev_pci_layout_free(struct mdev_pci_layout *layout)
{
	if (!layout)
		return;
	kfree(layout->initial);
	kfree(layout);
}

/* Accesses */

/**
 * mdev_pci_is_master - whether a device can access memory
 * @pci: the device
 *
 * PCI 3.0, 6.2.2: the guest has set the Bus Master bit of the command register;
 * and the device is in D0.
 *
 * Context: Any context. Takes no lock: can race with a write to config space.
 *
 * Return: true if it can.
 */
bool mdev_pci_is_master(struct mdev_pci *pci)
{
	const struct mdev_pci_core *core = pci->core;

	return mdev_pci_config_word(core, PCI_COMMAND) & PCI_COMMAND_MASTER &&
	       mdev_pci_in_d0(core);
}
EXPORT_SYMBOL_GPL(mdev_pci_is_master);

void mdev_pci_config_load(struct mdev_pci_core *core, const u8 *config)
{
	unsigned int i;

	lockdep_assert_held(&core->lock);
	for (i = 0; i < core->layout->size; i++)
		WRITE_ONCE(core->config[i], config[i]);
}

/* Config space when the device is opened */
void mdev_pci_config_init(struct mdev_pci_core *core)
{
	mdev_pci_config_load(core, core->layout->initial);
}

/* What pci_restore_state() restores of a physical function after a reset */
static bool mdev_pci_config_is_kept(const struct mdev_pci_layout *layout,
				    unsigned int offset)
{
	return offset < PCI_STD_HEADER_SIZEOF ||
	       (layout->express && offset >= layout->express &&
		offset < layout->express + MDEV_PCI_EXPRESS_SIZE);
}

/*
 * Reset the registers but for those that a VMM expects to be as before, since
 * vfio-pci restores them: the command register, the BARs and the rest of the header,
 * and the control registers of PCI Express. A VMM keeps BARs mapped over a reset,
 * and a userspace driver that has enabled bus mastering does not do so again.
 */
void mdev_pci_config_reset(struct mdev_pci_core *core)
{
	const struct mdev_pci_layout *layout = core->layout;
	unsigned int i;
	u8 kept;

	lockdep_assert_held(&core->lock);
	for (i = 0; i < layout->size; i++) {
		kept = mdev_pci_config_is_kept(layout, i) ?
		       layout->writable[i] : 0;
		WRITE_ONCE(core->config[i], (layout->initial[i] & ~kept) |
					    (core->config[i] & kept));
	}
}

/* Whether config space of a migration can be what a guest has made of it */
bool mdev_pci_config_valid(const struct mdev_pci_core *core, const u8 *config)
{
	const struct mdev_pci_layout *layout = core->layout;
	unsigned int i;
	u8 variable;

	for (i = 0; i < layout->size; i++) {
		variable = layout->writable[i] | layout->clear[i] |
			   layout->device[i];
		if ((config[i] ^ layout->initial[i]) & ~variable)
			return false;
	}
	return !layout->pm ||
	       mdev_pci_pm_state_valid(config[layout->pm + PCI_PM_CTRL]);
}
EXPORT_SYMBOL_IF_KUNIT(mdev_pci_config_valid);

static const struct mdev_pci_dword *
mdev_pci_dword(const struct mdev_pci_layout *layout, unsigned int offset)
{
	static const struct mdev_pci_dword none;
	unsigned int index = offset / sizeof(u32);

	if (index >= ARRAY_SIZE(layout->dwords))
		return &none;
	index = array_index_nospec(index, ARRAY_SIZE(layout->dwords));
	return &layout->dwords[index];
}

/*
 * As on a bus, where an access is of some or all bytes of a dword. @offset is
 * userspace's, naturally aligned and within config space.
 */
void mdev_pci_config_read(struct mdev_pci_core *core, char *buf, size_t count,
			  unsigned int offset)
{
	size_t size = min(count, sizeof(u32));
	const struct mdev_pci_dword *dword;
	__le32 bytes;
	size_t done;
	u32 value;

	offset = array_index_nospec(offset, core->layout->size);
	for (done = 0; done < count; done += size, offset += size) {
		dword = mdev_pci_dword(core->layout, offset);
		value = mdev_pci_config_dword(core, ALIGN_DOWN(offset, 4));
		if (dword->read)
			value |= dword->read(core);
		bytes = cpu_to_le32(value >> offset % 4 * BITS_PER_BYTE);
		memcpy(buf + done, &bytes, size);
	}
}

static void mdev_pci_write_byte(struct mdev_pci_core *core, unsigned int offset,
				u8 value)
{
	u8 writable = core->layout->writable[offset];
	u8 clear = core->layout->clear[offset] & value;
	u8 old = READ_ONCE(core->config[offset]);

	WRITE_ONCE(core->config[offset],
		   (old & ~writable & ~clear) | (value & writable));
}

static int mdev_pci_write_dword(struct mdev_pci_core *core, const char *buf,
				size_t count, unsigned int offset)
{
	const struct mdev_pci_dword *dword =
		mdev_pci_dword(core->layout, offset);
	u32 old = mdev_pci_config_dword(core, ALIGN_DOWN(offset, 4));
	u32 value = 0;
	u32 mask = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		unsigned int shift = (offset + i) % 4 * BITS_PER_BYTE;

		mdev_pci_write_byte(core, offset + i, buf[i]);
		value |= (u32)(u8)buf[i] << shift;
		mask |= 0xffU << shift;
	}
	return dword->written ? dword->written(core, old, value, mask) : 0;
}

/* As for reads. Returns the driver's error if it could not stop or run. */
int mdev_pci_config_write(struct mdev_pci_core *core, const char *buf,
			  size_t count, unsigned int offset)
{
	size_t size = min(count, sizeof(u32));
	int ret = 0;
	size_t done;

	offset = array_index_nospec(offset, core->layout->size);
	guard(mutex)(&core->lock);
	for (done = 0; done < count && !ret; done += size)
		ret = mdev_pci_write_dword(core, buf + done, size,
					   offset + done);
	return ret;
}
