// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether the driver's device may run, that is, access memory and interrupt: it is
 * open, in D0 and not stopped by a migration. config.c, reset.c and migration.c
 * call this when one of them has changed.
 */

#include <linux/lockdep.h>

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

/* Accesses to memory that the device has begun have ended on return. */
void mdev_pci_end_dma(struct mdev_pci_core *core)
{
	const struct mdev_pci_driver *driver = core->parent->driver;

	lockdep_assert_held(&core->lock);
	if (!driver->run || !core->running)
		return;
	driver->run(core->pci, false);
	driver->run(core->pci, true);
}
