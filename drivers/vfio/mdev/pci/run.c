// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver's device may do: run while it is open, in D0, not stopped by a
 * migration, its parent is not paused and its last reset has not failed; access memory
 * while it runs and is a bus master. config.c, reset.c, migration.c and pause.c call this
 * when one of them has changed.
 */

#include <linux/export.h>
#include <linux/lockdep.h>

#include "private.h"

#define MDEV_PCI_RUN_FLAGS	(MDEV_PCI_RUN | MDEV_PCI_DMA)

static unsigned int mdev_pci_run_flags(const struct mdev_pci_core *core)
{
	if (core->stopped || core->paused || core->failed ||
	    !mdev_pci_in_d0(core))
		return 0;
	return mdev_pci_is_master(core->pci) ? MDEV_PCI_RUN | MDEV_PCI_DMA :
					       MDEV_PCI_RUN;
}

/* A token that was not there before, with the flags as its lowest bits */
static void mdev_pci_next_token(struct mdev_pci_core *core, unsigned int flags)
{
	unsigned long token = (core->run_token | MDEV_PCI_RUN_FLAGS) + 1 + flags;

	/* Pairs with mdev_pci_run_token(): registers that are read after it are as new */
	smp_store_release(&core->run_token, token);
}

/*
 * The token changes before ->run() is called: mdev_pci_engine_begin() refuses the old one
 * from then on, or ->run() waits for the turn that has begun with it.
 */
static int mdev_pci_call_run(struct mdev_pci_core *core, unsigned int flags)
{
	const struct mdev_pci_driver *driver = core->parent->driver;

	lockdep_assert_held(&core->lock);
	mdev_pci_next_token(core, flags);
	return driver->run ? driver->run(core->pci, flags) : 0;
}

/**
 * mdev_pci_run_token - what a device may do, and when it could do something else last
 * @pci: the device
 *
 * For a work item of the driver: it reads the token first and then what the device is to
 * do, and mdev_pci_engine_begin() finds whether the device was stopped since, as by a
 * reset. Another driver compares tokens with a lock held that its &mdev_pci_driver.run
 * takes.
 *
 * Context: any context.
 * Return: MDEV_PCI_RUN and MDEV_PCI_DMA in the lowest bits. As a whole, a number that has
 *	changed when &mdev_pci_driver.run is called.
 */
unsigned long mdev_pci_run_token(struct mdev_pci *pci)
{
	/* Pairs with mdev_pci_next_token() */
	return smp_load_acquire(&pci->core->run_token);
}
EXPORT_SYMBOL_GPL(mdev_pci_run_token);

/*
 * Call the driver if the device has to stop or can run again. After an error the next
 * call tries it again. The second call of ->run() is for turns that have begun with flags
 * that the device does not get, and for the work item, whose turns were refused.
 */
int mdev_pci_update_running(struct mdev_pci_core *core)
{
	unsigned int flags = mdev_pci_run_flags(core);
	int ret;

	if (core->run_flags == flags)
		return 0;
	ret = mdev_pci_call_run(core, flags);
	if (ret)
		mdev_pci_call_run(core, core->run_flags);
	else
		core->run_flags = flags;
	return ret;
}

/* Stop the device for its reset, which stops one that can't be stopped. */
void mdev_pci_stop_for_reset(struct mdev_pci_core *core)
{
	if (core->run_flags)
		mdev_pci_call_run(core, 0);
	core->run_flags = 0;
}
