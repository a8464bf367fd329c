// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset of a PCI function: for VFIO_DEVICE_RESET, open and close (main.c), for a
 * write to config space (config.c), and before state data is loaded (migration.c).
 */

#include <linux/cleanup.h>
#include <linux/lockdep.h>
#include <linux/mdev_bus.h>
#include <linux/mutex.h>

#include "private.h"

/* Whether the VMM still uses the registers as it has set them up */
static bool mdev_pci_keeps_registers(enum mdev_pci_reset_cause cause)
{
	return cause == MDEV_PCI_RESET_DEVICE || cause == MDEV_PCI_RESET_FLR ||
	       cause == MDEV_PCI_RESET_PM;
}

/*
 * The device is stopped and its memory is empty when the driver's reset is called,
 * which can fill the memory. Interrupts are cleared afterwards, since the driver can
 * raise some. After an error of the driver, the rest is reset all the same, and the
 * device stays stopped until a reset has succeeded.
 */
int mdev_pci_reset_locked(struct mdev_pci_core *core,
			  enum mdev_pci_reset_cause cause)
{
	const struct mdev_pci_driver *driver = core->parent->driver;
	bool keep = mdev_pci_keeps_registers(cause);
	int ret;

	lockdep_assert_held(&core->lock);
	mdev_map_block(core->pci->mdev);
	mdev_pci_stop_for_reset(core);
	if (keep)
		mdev_pci_config_reset(core);
	else
		mdev_pci_config_init(core);
	mdev_pci_memory_reset(core);
	ret = driver->reset ? driver->reset(core->pci, cause) : 0;
	core->failed = ret;
	mdev_pci_dirty_mark_all(core);
	mdev_pci_irqs_reset(core, keep);
	mdev_map_unblock(core->pci->mdev);
	return ret ?: mdev_pci_update_running(core);
}

/* By a write to config space: reset when the write is over, without core->lock. */
void mdev_pci_request_reset(struct mdev_pci_core *core,
			    enum mdev_pci_reset_cause cause)
{
	lockdep_assert_held(&core->lock);
	core->requested_reset = cause;
	mdev_request_reset(core->pci->mdev);
}

/*
 * &parent_ops.function_reset. The write has returned to the guest, which has no way
 * to learn of an error; hardware has none either.
 */
void mdev_pci_function_reset(struct mdev_device *mdev)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	enum mdev_pci_reset_cause cause;
	int ret;

	guard(mutex)(&core->lock);
	/* What a migration has saved, or loaded, is of before */
	core->spoiled = core->resuming || (core->saving && core->silent);
	cause = core->requested_reset;
	/* The next can be requested by the driver, with mdev_request_reset() */
	core->requested_reset = MDEV_PCI_RESET_FLR;
	ret = mdev_pci_reset_locked(core, cause);
	if (ret)
		dev_err_ratelimited(mdev_dev(mdev), "%s reset failed: %d\n",
				    cause == MDEV_PCI_RESET_FLR ?
				    "function-level" : "D3hot to D0", ret);
}
