// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config space of a device: reads, writes as the layout permits them, and what
 * it is after a reset.
 */

#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/spinlock.h>
#include <kunit/visibility.h>

#include "private.h"

u16 mdev_pci_config_word(const struct mdev_pci_core *core, unsigned int offset)
{
	return READ_ONCE(core->config[offset]) |
	       READ_ONCE(core->config[offset + 1]) << 8;
}

u32 mdev_pci_config_dword(const struct mdev_pci_core *core, unsigned int offset)
{
	return mdev_pci_config_word(core, offset) |
	       (u32)mdev_pci_config_word(core, offset + 2) << 16;
}

/* PCI Power Management 1.2, 3.2.4: D0 or D3hot, of all that it could be. */
bool mdev_pci_pm_state_valid(u32 control)
{
	u32 state = control & PCI_PM_CTRL_STATE_MASK;

	return state == 0 || state == 3;
}

/* PCI Power Management 1.2, 5.4.1: in D3hot there is but config space. */
bool mdev_pci_in_d0(const struct mdev_pci_core *core)
{
	u8 pm = core->layout->pm;

	return !pm || !(READ_ONCE(core->config[pm + PCI_PM_CTRL]) &
			PCI_PM_CTRL_STATE_MASK);
}

/**
 * mdev_pci_is_master - whether a device may access memory
 * @pci: the device
 *
 * PCI 3.0, 6.2.2: the guest allows it with the Bus Master bit of the command
 * register.
 *
 * Context: Any context. Takes no lock: the answer may be outdated.
 *
 * Return: true if it may.
 */
bool mdev_pci_is_master(struct mdev_pci *pci)
{
	const struct mdev_pci_core *core = pci->core;

	return mdev_pci_config_word(core, PCI_COMMAND) & PCI_COMMAND_MASTER &&
	       mdev_pci_in_d0(core);
}
EXPORT_SYMBOL_GPL(mdev_pci_is_master);

void mdev_pci_config_reset(struct mdev_pci_core *core)
{
	const struct mdev_pci_layout *layout = core->layout;
	unsigned long flags;
	unsigned int i;

	lockdep_assert_held(&core->lock);
	spin_lock_irqsave(&core->irq_lock, flags);
	for (i = 0; i < layout->size; i++)
		WRITE_ONCE(core->config[i], layout->initial[i]);
	spin_unlock_irqrestore(&core->irq_lock, flags);
}

/* Whether a device can have this in its config space */
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

/* Naturally aligned, so within config space; the offset is the user's. */
void mdev_pci_config_read(struct mdev_pci_core *core, char *buf, size_t count,
			  unsigned int offset)
{
	size_t i;

	offset = array_index_nospec(offset, core->layout->size);
	for (i = 0; i < count; i++)
		buf[i] = READ_ONCE(core->config[offset + i]);
}

/*
 * What the guest can't change is not written, even with its old value: irq_lock
 * protects it, not ours.
 */
static void mdev_pci_write_byte(struct mdev_pci_core *core, unsigned int offset,
				u8 value)
{
	u8 writable = core->layout->writable[offset];
	u8 clear = core->layout->clear[offset] & value;
	u8 old = READ_ONCE(core->config[offset]);

	if (writable | clear)
		WRITE_ONCE(core->config[offset], (old & ~writable & ~clear) |
						(value & writable));
}

/* As on a bus, where an access is of some or all bytes of one dword. */
static void mdev_pci_write_dword(struct mdev_pci_core *core, const char *buf,
				 size_t count, unsigned int offset)
{
	const struct mdev_pci_layout *layout = core->layout;
	unsigned int index = offset / sizeof(u32);
	u32 old = mdev_pci_config_dword(core, index * sizeof(u32));
	u32 value = 0;
	u32 mask = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		unsigned int shift = (offset + i) % 4 * BITS_PER_BYTE;

		mdev_pci_write_byte(core, offset + i, buf[i]);
		value |= (u32)(u8)buf[i] << shift;
		mask |= 0xffU << shift;
	}
	if (index >= ARRAY_SIZE(layout->effects))
		return;
	index = array_index_nospec(index, ARRAY_SIZE(layout->effects));
	if (layout->effects[index])
		layout->effects[index](core, old, value, mask);
}

/* Naturally aligned, so within a dword, or two dwords. The user's, as above */
void mdev_pci_config_write(struct mdev_pci_core *core, const char *buf,
			   size_t count, unsigned int offset)
{
	size_t done;
	size_t size = min(count, sizeof(u32));

	offset = array_index_nospec(offset, core->layout->size);
	mutex_lock(&core->lock);
	for (done = 0; done < count; done += size)
		mdev_pci_write_dword(core, buf + done, size, offset + done);
	mutex_unlock(&core->lock);
}
