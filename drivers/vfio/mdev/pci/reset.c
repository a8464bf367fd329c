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
void mdev_pci_update_running(struct mdev_pci *pci)
{
	bool running = !pci->stopped && mdev_pci_in_d0(pci);

	lockdep_assert_held(&pci->lock);
	if (pci->running == running)
		return;
	pci->running = running;
	if (pci->parent->driver->run)
		pci->parent->driver->run(pci, running);
}

/*
 * Decoding is disabled first, so that no new work reaches the driver. Pending
 * interrupts are cleared after the driver's reset, which can raise some.
 */
void mdev_pci_reset_locked(struct mdev_pci *pci)
{
	lockdep_assert_held(&pci->lock);
	mdev_map_block(pci->mdev);
	mdev_pci_config_reset(pci);
	if (pci->parent->driver->reset)
		pci->parent->driver->reset(pci);
	mdev_pci_msix_reset(pci);
	mdev_pci_irqs_reset(pci);
	mdev_pci_memory_reset(pci);
	mdev_map_unblock(pci->mdev);
	mdev_pci_update_running(pci);
}

MODULE_IMPORT_NS(MDEV_BUS_NAMESPACE);
