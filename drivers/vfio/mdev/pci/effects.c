// SPDX-License-Identifier: GPL-2.0-only
/*
 * Effects of writes to config space: decoding, power states, resets, and
 * interrupts that are enabled, disabled, masked or unmasked. layout.c
 * maps dwords to these functions. They are called with core->lock held, after the
 * writable bits have been written. A reset is requested, and run by
 * mdev_pci_function_reset() when the write is over.
 */

#include <linux/compiler.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>

#include "private.h"

/* BARs that are not decoded any more are unmapped. */
static void mdev_pci_close_bars(struct mdev_pci_core *core)
{
	mdev_device_invalidate_mapping(core->pci->mdev, 0,
				       (u64)VFIO_PCI_ROM_REGION_INDEX <<
				       MDEV_REGION_SHIFT);
}

/* Accesses to memory that are under way are over when this returns. */
static void mdev_pci_end_dma(struct mdev_pci_core *core)
{
	const struct mdev_pci_driver *driver = core->parent->driver;

	if (!driver->run || !core->running)
		return;
	driver->run(core->pci, false);
	driver->run(core->pci, true);
}

/* 6.2.2 */
void mdev_pci_command_written(struct mdev_pci_core *core, u32 old, u32 value,
			      u32 mask)
{
	u16 command = mdev_pci_config_word(core, PCI_COMMAND);

	if (!(command & PCI_COMMAND_MEMORY))
		mdev_pci_close_bars(core);
	if (old & ~command & PCI_COMMAND_MASTER)
		mdev_pci_end_dma(core);
	mdev_pci_irqs_update(core);
}

/*
 * PCI Power Management 1.2, 3.2.4: a state that there is not is not entered.
 * 5.4.1: leaving D3hot is a reset, unless No_Soft_Reset says otherwise.
 */
void mdev_pci_pm_written(struct mdev_pci_core *core, u32 old, u32 value,
			 u32 mask)
{
	const struct mdev_pci_layout *layout = core->layout;
	unsigned int control = layout->pm + PCI_PM_CTRL;

	value = (old & ~mask) | (value & mask);
	if (!((value ^ old) & PCI_PM_CTRL_STATE_MASK) ||
	    !mdev_pci_pm_state_valid(value))
		return;
	if (layout->function->capabilities & MDEV_PCI_SOFT_RESET &&
	    !mdev_pci_in_d0(core)) {
		mdev_request_reset(core->pci->mdev);
		return;
	}

	WRITE_ONCE(core->config[control],
		   (u8)(old & ~PCI_PM_CTRL_STATE_MASK) |
		   (value & PCI_PM_CTRL_STATE_MASK));
	if (!mdev_pci_in_d0(core))
		mdev_pci_close_bars(core);
	mdev_pci_update_running(core);
	mdev_pci_irqs_update(core);
}

static void mdev_pci_message_written(struct mdev_pci_core *core, bool *written)
{
	unsigned long flags;

	spin_lock_irqsave(&core->irq_lock, flags);
	*written = true;
	spin_unlock_irqrestore(&core->irq_lock, flags);
	mdev_pci_irqs_update(core);
}

/* 6.8.1 */
void mdev_pci_msi_written(struct mdev_pci_core *core, u32 old, u32 value,
			  u32 mask)
{
	mdev_pci_message_written(core, &core->msi_written);
}

/* 6.8.2 */
void mdev_pci_msix_written(struct mdev_pci_core *core, u32 old, u32 value,
			   u32 mask)
{
	mdev_pci_message_written(core, &core->msix_written);
}

/* PCI Express 2.0, 6.6.2 */
void mdev_pci_express_written(struct mdev_pci_core *core, u32 old, u32 value,
			      u32 mask)
{
	if (value & PCI_EXP_DEVCTL_BCR_FLR)
		mdev_request_reset(core->pci->mdev);
}

/* Advanced Capabilities for Conventional PCI */
void mdev_pci_af_written(struct mdev_pci_core *core, u32 old, u32 value,
			 u32 mask)
{
	if (value & PCI_AF_CTRL_FLR)
		mdev_request_reset(core->pci->mdev);
}
