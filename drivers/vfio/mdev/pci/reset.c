// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset of a PCI function, and whether it can run: what a reset by the VMM, one by
 * the guest (main.c), a change of the power state (effects.c) and a migration
 * (migration.c) have in common.
 */

#include <linux/lockdep.h>
#include <linux/mdev_bus.h>
#include <linux/module.h>

#include "../compat.h"
#include "private.h"

/* Call the driver if the device has to stop or can run again. */
void mdev_pci_update_running(struct mdev_pci_core *core)
{
	bool running = !core->stopped && mdev_pci_in_d0(core);

	lockdep_assert_held(&core->lock);
	if (core->running == running)
		return;
	core->running = running;
	if (core->parent->driver->run)
		core->parent->driver->run(core->pci, running);
}

/*
 * Decoding is disabled first, so that no new work reaches the driver. Pending
 * interrupts are cleared after the driver's reset, which can raise some.
 */
void mdev_pci_reset_locked(struct mdev_pci_core *core)
{
	lockdep_assert_held(&core->lock);
	mdev_map_block(core->pci->mdev);
	mdev_pci_config_reset(core);
	if (core->parent->driver->reset)
		core->parent->driver->reset(core->pci);
	mdev_pci_msix_reset(core);
	mdev_pci_irqs_reset(core);
	mdev_pci_memory_reset(core);
	mdev_map_unblock(core->pci->mdev);
	mdev_pci_update_running(core);
}

MODULE_IMPORT_NS(MDEV_BUS_NAMESPACE);
