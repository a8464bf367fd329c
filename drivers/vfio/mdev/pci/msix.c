// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MSI-X table and the pending bits of a PCI function, in the BARs where its
 * description puts them (PCI 3.0, 6.8.2).
 */

#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "private.h"

#define MDEV_PCI_MSIX_DWORDS	(PCI_MSIX_ENTRY_SIZE / sizeof(u32))

/* The bits of an entry that are not reserved (PCI 3.0, 6.8.2.6 to 6.8.2.9) */
static const u32 mdev_pci_msix_writable[MDEV_PCI_MSIX_DWORDS] = {
	[PCI_MSIX_ENTRY_LOWER_ADDR / sizeof(u32)] = ~3U,
	[PCI_MSIX_ENTRY_UPPER_ADDR / sizeof(u32)] = ~0U,
	[PCI_MSIX_ENTRY_DATA / sizeof(u32)] = ~0U,
	[PCI_MSIX_ENTRY_VECTOR_CTRL / sizeof(u32)] =
		PCI_MSIX_ENTRY_CTRL_MASKBIT,
};

struct mdev_pci_range
mdev_pci_msix_table(const struct mdev_pci_function *function)
{
	u64 size = (u64)function->msix.vectors * PCI_MSIX_ENTRY_SIZE;

	return (struct mdev_pci_range) {
		.start = function->msix.table_offset,
		.end = function->msix.table_offset + size,
	};
}

/* Pending bits come in units of 64 (PCI 3.0, 6.8.2.10). */
struct mdev_pci_range
mdev_pci_msix_pba(const struct mdev_pci_function *function)
{
	u64 size = ALIGN(function->msix.vectors, BITS_PER_TYPE(u64)) /
		   BITS_PER_BYTE;

	return (struct mdev_pci_range) {
		.start = function->msix.pba_offset,
		.end = function->msix.pba_offset + size,
	};
}

static bool mdev_pci_is_in(struct mdev_pci_range range, u64 offset)
{
	return offset >= range.start && offset < range.end;
}

static bool mdev_pci_in_msix_table(const struct mdev_pci_core *core,
				   unsigned int bar, u64 offset)
{
	const struct mdev_pci_function *function = core->layout->function;

	return bar == function->msix.table_bar &&
	       mdev_pci_is_in(mdev_pci_msix_table(function), offset);
}

/*
 * Table and pending bits begin and end at multiples of eight: an access, which
 * is naturally aligned, is to one of them as a whole, or not at all.
 */
bool mdev_pci_in_msix(const struct mdev_pci_core *core, unsigned int bar,
		      u64 offset)
{
	const struct mdev_pci_function *function = core->layout->function;

	return mdev_pci_in_msix_table(core, bar, offset) ||
	       (bar == function->msix.pba_bar &&
		mdev_pci_is_in(mdev_pci_msix_pba(function), offset));
}

static u64 mdev_pci_read_table(const struct mdev_pci_core *core, u64 offset,
			       unsigned int size)
{
	__le64 value = 0;

	memcpy(&value, (u8 *)core->msix_table + offset, size);
	return le64_to_cpu(value);
}

static u64 mdev_pci_read_pba(struct mdev_pci_core *core, u64 offset)
{
	unsigned int unit = ALIGN_DOWN(offset, sizeof(u64)) * BITS_PER_BYTE;
	unsigned int shift = offset % sizeof(u64) * BITS_PER_BYTE;
	unsigned long flags;
	u64 pending;

	spin_lock_irqsave(&core->irq_lock, flags);
	pending = bitmap_read(core->pending, unit, BITS_PER_TYPE(u32));
	pending |= (u64)bitmap_read(core->pending, unit + BITS_PER_TYPE(u32),
				    BITS_PER_TYPE(u32)) << BITS_PER_TYPE(u32);
	spin_unlock_irqrestore(&core->irq_lock, flags);
	return pending >> shift;
}

u64 mdev_pci_msix_read(struct mdev_pci_core *core, unsigned int bar, u64 offset,
		       unsigned int size)
{
	const struct mdev_pci_function *function = core->layout->function;

	if (mdev_pci_in_msix_table(core, bar, offset))
		return mdev_pci_read_table(core,
					   offset - function->msix.table_offset,
					   size);
	return mdev_pci_read_pba(core, offset - function->msix.pba_offset);
}

/*
 * PCI 3.0, 6.8.2: the pending bits are not for writing, and the table is
 * accessed in four or eight bytes. Others change nothing.
 */
void mdev_pci_msix_write(struct mdev_pci_core *core, unsigned int bar,
			 u64 offset, unsigned int size, u64 value)
{
	unsigned long flags;
	unsigned int i;

	if (size < sizeof(u32) || !mdev_pci_in_msix_table(core, bar, offset))
		return;
	offset -= core->layout->function->msix.table_offset;

	spin_lock_irqsave(&core->irq_lock, flags);
	for (i = offset / sizeof(u32); size; i++) {
		u32 writable = mdev_pci_msix_writable[i % MDEV_PCI_MSIX_DWORDS];

		core->msix_table[i] = cpu_to_le32(value & writable);
		value >>= BITS_PER_TYPE(u32);
		size -= sizeof(u32);
	}
	core->msix_table_written = true;
	spin_unlock_irqrestore(&core->irq_lock, flags);
	mdev_pci_irqs_update(core);
}

/* PCI 3.0, 6.8.2.9: all vectors are masked after a reset */
void mdev_pci_msix_reset(struct mdev_pci_core *core)
{
	unsigned int vectors = core->layout->function->msix.vectors;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&core->irq_lock, flags);
	memset(core->msix_table, 0, vectors * PCI_MSIX_ENTRY_SIZE);
	for (i = 0; i < vectors; i++)
		core->msix_table[i * MDEV_PCI_MSIX_DWORDS +
				PCI_MSIX_ENTRY_VECTOR_CTRL / sizeof(u32)] =
			cpu_to_le32(PCI_MSIX_ENTRY_CTRL_MASKBIT);
	core->msix_table_written = false;
	spin_unlock_irqrestore(&core->irq_lock, flags);
}

/* Whether a table that was saved can be what the guest has written */
bool mdev_pci_msix_valid(const struct mdev_pci_core *core, const __le32 *table)
{
	unsigned int dwords = core->layout->function->msix.vectors *
			      MDEV_PCI_MSIX_DWORDS;
	unsigned int i;

	for (i = 0; i < dwords; i++)
		if (le32_to_cpu(table[i]) &
		    ~mdev_pci_msix_writable[i % MDEV_PCI_MSIX_DWORDS])
			return false;
	return true;
}
