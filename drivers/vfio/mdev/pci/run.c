// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver's device may do: run while it is open, in D0, not stopped by a
 * migration, its parent is not paused and its last reset has not failed; access memory
 * while it runs and is a bus master. config.c, reset.c, migration.c and pause.c call this
 * when one of them has changed.
 */

#include <linux/lockdep.h>

#include "private.h"

static unsigned int mdev_pci_run_flags(const struct mdev_pci_core *core)
{
	if (core->stopped || core->paused || core->failed ||
	    !mdev_pci_in_d0(core))
		return 0;
	return mdev_pci_is_master(core->pci) ? MDEV_PCI_RUN | MDEV_PCI_DMA :
					       MDEV_PCI_RUN;
}

static int mdev_pci_call_run(struct mdev_pci_core *core, unsigned int flags)
{
	const struct mdev_pci_driver *driver = core->parent->driver;
	int ret;

	lockdep_assert_held(&core->lock);
	if (core->run_flags == flags)
		return 0;
	ret = driver->run ? driver->run(core->pci, flags) : 0;
	if (!ret)
		core->run_flags = flags;
	return ret;
}

/*
 * Call the driver if the device has to stop or can run again. After an error the
 * next call tries it again.
 */
int mdev_pci_update_running(struct mdev_pci_core *core)
{
	return mdev_pci_call_run(core, mdev_pci_run_flags(core));
}

/* Stop the device for its reset, which stops one that can't be stopped. */
void mdev_pci_stop_for_reset(struct mdev_pci_core *core)
{
	mdev_pci_call_run(core, 0);
	core->run_flags = 0;
}
