// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config space of a PCI function: reads and writes by the guest, by dwords, and what a
 * driver reads and changes of it. layout.c says which registers there are, registers.c
 * what a write to those of mdev_pci does.
 */

#include <linux/align.h>
#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <kunit/visibility.h>

#include "private.h"

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

	return mdev_pci_is_described(core) &&
	       mdev_pci_config_word(core, PCI_COMMAND) & PCI_COMMAND_MASTER &&
	       mdev_pci_in_d0(core);
}
EXPORT_SYMBOL_GPL(mdev_pci_is_master);

/* mdev_pci_set_config() can change other bits of the byte concurrently. */
void mdev_pci_change_byte(struct mdev_pci_core *core, unsigned int offset,
			  u8 mask, u8 value)
{
	unsigned long flags;
	u8 old;

	spin_lock_irqsave(&core->config_lock, flags);
	old = core->config[offset];
	WRITE_ONCE(core->config[offset], (old & ~mask) | (value & mask));
	spin_unlock_irqrestore(&core->config_lock, flags);
}

void mdev_pci_config_load(struct mdev_pci_core *core, const u8 *config)
{
	unsigned int i;

	lockdep_assert_held(&core->lock);
	for (i = 0; i < core->layout->size; i++)
		mdev_pci_change_byte(core, i, 0xff, config[i]);
	mdev_pci_update_decoding(core);
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
		mdev_pci_change_byte(core, i, ~kept, layout->initial[i]);
	}
	mdev_pci_update_decoding(core);
}

/* Whether config space of a migration can be what a guest has made of it */
bool mdev_pci_config_valid(const struct mdev_pci_core *core, const u8 *config)
{
	const struct mdev_pci_layout *layout = core->layout;
	unsigned int i;
	u8 variable;

	for (i = 0; i < layout->size; i++) {
		variable = layout->writable[i] | layout->clear[i] |
			   layout->device[i] | layout->settable[i];
		if ((config[i] ^ layout->initial[i]) & ~variable)
			return false;
	}
	return !layout->pm ||
	       mdev_pci_pm_state_valid(config[layout->pm + PCI_PM_CTRL]);
}
EXPORT_SYMBOL_IF_KUNIT(mdev_pci_config_valid);

static const struct mdev_pci_dword *
mdev_pci_dword_at(const struct mdev_pci_layout *layout, unsigned int offset)
{
	return &layout->dwords[offset / sizeof(u32)];
}

static u32 mdev_pci_read_dword(struct mdev_pci_core *core, unsigned int offset)
{
	const struct mdev_pci_dword *dword =
		mdev_pci_dword_at(core->layout, offset);
	const struct mdev_pci_registers *regs = dword->registers;
	u32 value = mdev_pci_config_dword(core, offset);

	if (dword->read)
		value |= dword->read(core);
	if (regs && regs->read)
		value = regs->read(core->pci, offset - dword->base, value);
	return value;
}

/*
 * As on a bus, where an access is of some or all bytes of a dword. @offset is
 * userspace's, naturally aligned and within config space.
 */
void mdev_pci_config_read(struct mdev_pci_core *core, char *buf, size_t count,
			  unsigned int offset)
{
	size_t size = min(count, sizeof(u32));
	__le32 bytes;
	size_t done;
	u32 value;

	offset = array_index_nospec(offset, core->layout->size);
	for (done = 0; done < count; done += size, offset += size) {
		value = mdev_pci_read_dword(core, ALIGN_DOWN(offset, 4));
		bytes = cpu_to_le32(value >> offset % 4 * BITS_PER_BYTE);
		memcpy(buf + done, &bytes, size);
	}
}

static void mdev_pci_write_byte(struct mdev_pci_core *core, unsigned int offset,
				u8 value)
{
	u8 writable = core->layout->writable[offset];
	u8 clear = core->layout->clear[offset] & value;

	mdev_pci_change_byte(core, offset, writable | clear, value & writable);
}

static int mdev_pci_write_dword(struct mdev_pci_core *core, const char *buf,
				size_t count, unsigned int offset)
{
	const struct mdev_pci_dword *dword =
		mdev_pci_dword_at(core->layout, offset);
	const struct mdev_pci_registers *regs = dword->registers;
	u32 old = mdev_pci_config_dword(core, ALIGN_DOWN(offset, 4));
	u32 value = 0;
	u32 mask = 0;
	int ret = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		unsigned int shift = (offset + i) % 4 * BITS_PER_BYTE;

		mdev_pci_write_byte(core, offset + i, buf[i]);
		value |= (u32)(u8)buf[i] << shift;
		mask |= 0xffU << shift;
	}
	if (dword->written)
		ret = dword->written(core, old, value, mask);
	/* Also after an error: the bits have changed */
	if (regs && regs->written)
		ret = regs->written(core->pci, ALIGN_DOWN(offset, 4) -
					       dword->base,
				    old, (old & ~mask) | value) ?: ret;
	return ret;
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

/* For drivers */

/**
 * mdev_pci_get_config - read config space
 * @pci: the function
 * @offset: offset in config space, a multiple of @size
 * @size: 1, 2 or 4 bytes
 *
 * Without &mdev_pci_registers.read, and without what interrupts change.
 *
 * Context: Any context. Takes no lock: can race with a write by the guest.
 *
 * Return: the value; ones if @offset is beyond config space, or before
 *	&mdev_pci_driver.describe.
 */
u32 mdev_pci_get_config(struct mdev_pci *pci, unsigned int offset,
			unsigned int size)
{
	const struct mdev_pci_core *core = pci->core;
	u32 mask = GENMASK(size * BITS_PER_BYTE - 1, 0);

	if (!mdev_pci_is_described(core) || offset >= core->layout->size)
		return mask;
	return mdev_pci_config_dword(core, ALIGN_DOWN(offset, 4)) >>
	       offset % 4 * BITS_PER_BYTE & mask;
}
EXPORT_SYMBOL_GPL(mdev_pci_get_config);

/**
 * mdev_pci_set_config - change bits of config space, as hardware does
 * @pci: the function
 * @offset: offset of a dword in config space
 * @mask: bits to be changed, of which those count that &mdev_pci_registers.device has,
 *	and those that the guest clears by writing 1
 * @value: their value
 *
 * Such as the error bits of AER and of the registers of PCI Express.
 *
 * Context: Any context in which a spinlock can be taken, hard interrupts included.
 */
void mdev_pci_set_config(struct mdev_pci *pci, unsigned int offset, u32 mask,
			 u32 value)
{
	struct mdev_pci_core *core = pci->core;
	unsigned int i;
	u8 settable;

	if (!mdev_pci_is_described(core) || !IS_ALIGNED(offset, 4) ||
	    offset >= core->layout->size)
		return;
	for (i = 0; i < sizeof(u32); i++) {
		settable = core->layout->settable[offset + i] |
			   core->layout->clear[offset + i];
		mdev_pci_change_byte(core, offset + i, mask & settable, value);
		mask >>= BITS_PER_BYTE;
		value >>= BITS_PER_BYTE;
	}
}
EXPORT_SYMBOL_GPL(mdev_pci_set_config);

/* The list of PCI Express 2.0, 7.9.3; 0 behind the last one */
static unsigned int mdev_pci_next_ext_cap(struct mdev_pci *pci,
					  unsigned int offset)
{
	return PCI_EXT_CAP_NEXT(mdev_pci_get_config(pci, offset, 4));
}

/**
 * mdev_pci_find_capability - offset of a capability
 * @pci: the function
 * @kind: MDEV_PCI_CAPABILITY or MDEV_PCI_EXT_CAPABILITY
 * @id: PCI_CAP_ID_* or PCI_EXT_CAP_ID_*
 *
 * Context: Any context.
 *
 * Return: the offset of the first one in config space, 0 if there is none.
 */
unsigned int mdev_pci_find_capability(struct mdev_pci *pci,
				      enum mdev_pci_registers_kind kind, u16 id)
{
	unsigned int offset;

	if (!mdev_pci_is_described(pci->core))
		return 0;
	if (kind == MDEV_PCI_CAPABILITY) {
		offset = mdev_pci_get_config(pci, PCI_CAPABILITY_LIST, 1);
		while (offset && mdev_pci_get_config(pci, offset, 1) != id)
			offset = mdev_pci_get_config(pci, offset +
							  PCI_CAP_LIST_NEXT, 1);
		return offset;
	}
	if (pci->core->layout->size <= PCI_CFG_SPACE_SIZE)
		return 0;
	for (offset = PCI_CFG_SPACE_SIZE; offset;
	     offset = mdev_pci_next_ext_cap(pci, offset))
		if (mdev_pci_get_config(pci, offset, 2) == id)
			return offset;
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_pci_find_capability);

/**
 * mdev_pci_bar_address - where the guest has mapped a BAR
 * @pci: the function
 * @bar: number of the BAR
 *
 * Context: Any context. Takes no lock: can race with a write by the guest, of which a
 *	64-bit address takes two.
 *
 * Return: the guest's bus address; 0 if there is no such BAR.
 */
u64 mdev_pci_bar_address(struct mdev_pci *pci, unsigned int bar)
{
	unsigned int offset = PCI_BASE_ADDRESS_0 + bar * sizeof(u32);
	const struct mdev_pci_region *region;
	u64 address;

	if (!mdev_pci_is_described(pci->core) || bar >= PCI_STD_NUM_BARS)
		return 0;
	region = &pci->core->layout->function->bar[bar];
	if (!region->size)
		return 0;
	address = mdev_pci_get_config(pci, offset, 4);
	if (region->flags & PCI_BASE_ADDRESS_MEM_TYPE_64)
		address |= (u64)mdev_pci_get_config(pci, offset + 4, 4) << 32;
	return address & ~(region->size - 1);
}
EXPORT_SYMBOL_GPL(mdev_pci_bar_address);

/**
 * mdev_pci_copy_capability - describe a capability as a physical card has it
 * @registers: filled in, without bits that the guest can change
 * @card: the card
 * @kind: MDEV_PCI_CAPABILITY or MDEV_PCI_EXT_CAPABILITY
 * @id: PCI_CAP_ID_* or PCI_EXT_CAP_ID_*
 * @buf: memory for its contents, which has to stay as long as the description
 * @size: length of the capability, in bytes, a multiple of 4
 *
 * Context: Any context in which the card's config space can be read.
 *
 * Return: 0, -ENOENT if @card has no such capability, -EINVAL for another @kind or
 *	@size, or an error of the access.
 */
int mdev_pci_copy_capability(struct mdev_pci_registers *registers,
			     struct pci_dev *card,
			     enum mdev_pci_registers_kind kind, u16 id,
			     void *buf, u16 size)
{
	__le32 *data = buf;
	unsigned int base;
	u32 value = 0;
	unsigned int i;
	int ret;

	if (kind == MDEV_PCI_REGISTERS || !IS_ALIGNED(size, 4))
		return -EINVAL;
	base = kind == MDEV_PCI_CAPABILITY ?
	       pci_find_capability(card, id) :
	       pci_find_ext_capability(card, id);
	if (!base)
		return -ENOENT;
	for (i = 0; i < size / sizeof(u32); i++) {
		ret = pci_read_config_dword(card, base + i * sizeof(u32),
					    &value);
		if (ret)
			return pcibios_err_to_errno(ret);
		data[i] = cpu_to_le32(value);
	}
	*registers = (struct mdev_pci_registers) {
		.kind = kind,
		.id = id,
		.version = kind == MDEV_PCI_EXT_CAPABILITY ?
			   PCI_EXT_CAP_VER(le32_to_cpu(data[0])) : 0,
		.size = size,
		.data = data,
	};
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_pci_copy_capability);
