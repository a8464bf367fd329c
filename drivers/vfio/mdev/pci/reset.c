// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset of a PCI function: for VFIO_DEVICE_RESET and a reset that the guest has
 * requested (main.c), and before a state is loaded (migration.c).
 */

#include <linux/lockdep.h>
#include <linux/mdev_bus.h>

#include "private.h"

/*
 * Decoding is disabled first, so that no new work reaches the driver. Interrupts
 * are cleared after the driver's reset, which can raise some.
 */
void mdev_pci_reset_locked(struct mdev_pci_core *core)
{
	lockdep_assert_held(&core->lock);
	mdev_map_block(core->pci->mdev);
	mdev_pci_config_reset(core);
	if (core->parent->driver->reset)
		core->parent->driver->reset(core->pci);
	mdev_pci_irqs_reset(core);
	mdev_pci_memory_reset(core);
	mdev_map_unblock(core->pci->mdev);
	mdev_pci_update_running(core);
}
