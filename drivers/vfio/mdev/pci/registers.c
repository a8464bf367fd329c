// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers of a PCI function's config space that mdev_pci has itself: the header and
 * capabilities as tables, with what the guest can change of each and what a write does
 * (decoding, power states, requests of resets, interrupts). Paragraphs are those of the
 * PCI Local Bus Specification 3.0, or of the specification that is named. layout.c puts
 * them into config space; reset.c and irq.c do what a write requests.
 */

#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/vfio.h>

#include "private.h"

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

	mdev_pci_update_decoding(core);
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

void mdev_pci_add_header(struct mdev_pci_layout *layout)
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
void mdev_pci_add_bars(struct mdev_pci_layout *layout)
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
void mdev_pci_add_rom(struct mdev_pci_layout *layout)
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
bool mdev_pci_pm_state_valid(u32 control)
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

	mdev_pci_change_byte(core, control, PCI_PM_CTRL_STATE_MASK, value);
	mdev_pci_update_decoding(core);
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

/* Extended capabilities of mdev_pci, which are registers as a driver's are */

/* PCI Express 2.0, 7.10: without ECRC, for which there is no link */
#define MDEV_PCI_AER_SIZE	0x2c

static const __le32 mdev_pci_aer_data[MDEV_PCI_AER_SIZE / 4] = {
	[PCI_ERR_UNCOR_SEVER / 4] = cpu_to_le32(PCI_ERR_UNC_DLP |
						PCI_ERR_UNC_FCP |
						PCI_ERR_UNC_RX_OVER |
						PCI_ERR_UNC_MALF_TLP),
	[PCI_ERR_COR_MASK / 4] = cpu_to_le32(PCI_ERR_COR_ADV_NFAT),
};

/* 7.10.2 and 7.10.5: errors that an endpoint without a link can have */
#define MDEV_PCI_AER_UNCOR	(PCI_ERR_UNC_POISON_TLP | PCI_ERR_UNC_COMP_TIME | \
				 PCI_ERR_UNC_COMP_ABORT | PCI_ERR_UNC_UNX_COMP | \
				 PCI_ERR_UNC_MALF_TLP | PCI_ERR_UNC_UNSUP)

static const __le32 mdev_pci_aer_writable[MDEV_PCI_AER_SIZE / 4] = {
	[PCI_ERR_UNCOR_MASK / 4] = cpu_to_le32(MDEV_PCI_AER_UNCOR),
	[PCI_ERR_UNCOR_SEVER / 4] = cpu_to_le32(MDEV_PCI_AER_UNCOR),
	[PCI_ERR_COR_MASK / 4] = cpu_to_le32(PCI_ERR_COR_ADV_NFAT),
};

static const __le32 mdev_pci_aer_status[MDEV_PCI_AER_SIZE / 4] = {
	[PCI_ERR_UNCOR_STATUS / 4] = cpu_to_le32(MDEV_PCI_AER_UNCOR),
	[PCI_ERR_COR_STATUS / 4] = cpu_to_le32(PCI_ERR_COR_ADV_NFAT),
};

const struct mdev_pci_registers mdev_pci_aer = {
	.kind = MDEV_PCI_EXT_CAPABILITY,
	.id = PCI_EXT_CAP_ID_ERR,
	.version = 1,
	.size = MDEV_PCI_AER_SIZE,
	.data = mdev_pci_aer_data,
	.writable = mdev_pci_aer_writable,
	.clear = mdev_pci_aer_status,
	.device = mdev_pci_aer_status,
};

/* In the order of the list; a size of 0 means that the function has none. */
const struct mdev_pci_builtin_cap mdev_pci_builtin_caps[MDEV_PCI_NR_BUILTIN_CAPS] = {
	{ PCI_CAP_ID_PM, mdev_pci_pm_size, mdev_pci_add_pm },
	{ PCI_CAP_ID_MSI, mdev_pci_msi_size, mdev_pci_add_msi },
	{ PCI_CAP_ID_MSIX, mdev_pci_msix_size, mdev_pci_add_msix },
	{ PCI_CAP_ID_EXP, mdev_pci_express_size, mdev_pci_add_express },
	{ PCI_CAP_ID_AF, mdev_pci_af_size, mdev_pci_add_af },
};
