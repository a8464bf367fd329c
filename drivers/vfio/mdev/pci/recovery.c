// SPDX-License-Identifier: GPL-2.0-only
/*
 * The physical device is a PCI card that is reset, suspended, or fails: PCI error
 * handlers and power management for the struct pci_driver of a vendor driver. They
 * pause the devices (pause.c), and call ->halt() and ->restart() of the driver.
 */

#include <linux/device.h>
#include <linux/export.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/workqueue.h>

#include "private.h"

/* Callbacks of well-behaved users end in a second; a resume must not take minutes. */
#define MDEV_PCI_PAUSE_MS	10000

/*
 * Much longer than a recovery takes: after a reset, the PCI core waits for each device up
 * to a minute, and calls the drivers of all functions behind the port.
 */
#define MDEV_PCI_RECOVERY_TIMEOUT	(10 * 60 * HZ)

static void mdev_pci_give_up(struct mdev_pci_parent *parent, const char *reason)
{
	if (!mdev_pci_parent_is_dead(parent))
		dev_err(parent->dev, "%s: its mediated devices fail\n", reason);
	mdev_pci_mark_dead(parent);
}

static void mdev_pci_pause_or_give_up(struct mdev_pci_parent *parent)
{
	if (mdev_pci_pause(parent, MDEV_PCI_PAUSE_MS))
		mdev_pci_give_up(parent, "reset while a callback runs");
}

/* For slot_reset. Older kernels 6.12.y can restore a saved state only once. */
static void mdev_pci_save_state(struct device *dev)
{
	if (dev_is_pci(dev))
		pci_save_state(to_pci_dev(dev));
}

/* Config space of the card has been restored. */
static int mdev_pci_restart(struct mdev_pci_parent *parent, struct device *dev)
{
	const struct mdev_pci_driver *driver = parent->core->driver;
	int ret = -EIO;

	if (!mdev_pci_parent_is_dead(parent))
		ret = driver->restart ? driver->restart(parent) : 0;
	/*
	 * Pairs with xchg() in mdev_pci_mark_dead(): if that did not see the restart,
	 * this sees the death. Then ->restart() can have undone its ->halt().
	 */
	smp_mb();
	if (ret || mdev_pci_parent_is_dead(parent)) {
		mdev_pci_give_up(parent, "no restart");
		return ret ?: -EIO;
	}
	/* Not before: a card that does not answer reads as ones, which would be saved */
	mdev_pci_save_state(dev);
	return 0;
}

/*
 * The PCI core has begun a recovery and not ended it: Linux 6.12 calls no handler when
 * the reset of the bus fails, or another function behind the port has no handlers.
 */
static void mdev_pci_recovery_timeout(struct work_struct *work)
{
	struct mdev_pci_parent_core *core =
		container_of(work, struct mdev_pci_parent_core, recovery.work);

	mdev_pci_give_up(core->parent, "no end of a recovery");
}

void mdev_pci_recovery_init(struct mdev_pci_parent_core *core, struct device *dev)
{
	INIT_DELAYED_WORK(&core->recovery, mdev_pci_recovery_timeout);
	mdev_pci_save_state(dev);
}

/*
 * Between this and mdev_pci_error_resume(), or a reset, the devices are paused. Errors can
 * come during a recovery: the card can have been restarted since the first one.
 */
static int mdev_pci_begin_recovery(struct mdev_pci_parent *parent)
{
	struct mdev_pci_parent_core *core = parent->core;
	int ret = 0;

	mdev_pci_halt(parent);
	if (!core->recovering)
		ret = mdev_pci_pause(parent, MDEV_PCI_PAUSE_MS);
	if (ret)
		return ret;
	core->recovering = true;
	cancel_delayed_work(&core->recovery);
	schedule_delayed_work(&core->recovery, MDEV_PCI_RECOVERY_TIMEOUT);
	return mdev_pci_parent_is_dead(parent) ? -EIO : 0;
}

static pci_ers_result_t mdev_pci_error_detected(struct pci_dev *pdev,
						pci_channel_state_t state)
{
	struct mdev_pci_parent *parent = pci_get_drvdata(pdev);

	if (state == pci_channel_io_normal)
		return PCI_ERS_RESULT_CAN_RECOVER;
	if (state == pci_channel_io_frozen && !mdev_pci_begin_recovery(parent))
		return PCI_ERS_RESULT_NEED_RESET;
	mdev_pci_give_up(parent, "no recovery from a PCI error");
	return PCI_ERS_RESULT_DISCONNECT;
}

/* Also after pci_channel_io_normal, if another function behind the port needs it */
static pci_ers_result_t mdev_pci_slot_reset(struct pci_dev *pdev)
{
	struct mdev_pci_parent *parent = pci_get_drvdata(pdev);

	if (mdev_pci_begin_recovery(parent)) {
		mdev_pci_give_up(parent, "reset while a callback runs");
		return PCI_ERS_RESULT_DISCONNECT;
	}
	pci_restore_state(pdev);
	return mdev_pci_restart(parent, &pdev->dev) ? PCI_ERS_RESULT_DISCONNECT :
						      PCI_ERS_RESULT_RECOVERED;
}

static void mdev_pci_error_resume(struct pci_dev *pdev)
{
	struct mdev_pci_parent *parent = pci_get_drvdata(pdev);

	cancel_delayed_work_sync(&parent->core->recovery);
	if (!parent->core->recovering)
		return;
	parent->core->recovering = false;
	mdev_pci_resume(parent);
}

static void mdev_pci_reset_prepare(struct pci_dev *pdev)
{
	struct mdev_pci_parent *parent = pci_get_drvdata(pdev);

	mdev_pci_pause_or_give_up(parent);
	/* The PCI core saves the state next, which a reset of the bus has cleared */
	if (parent->core->recovering && dev_is_pci(&pdev->dev))
		pci_restore_state(pdev);
}

static void mdev_pci_reset_done(struct pci_dev *pdev)
{
	struct mdev_pci_parent *parent = pci_get_drvdata(pdev);

	/* Also of a recovery that the PCI core does not end */
	if (!mdev_pci_restart(parent, &pdev->dev))
		mdev_pci_error_resume(pdev);
	mdev_pci_resume(parent);
}

const struct pci_error_handlers mdev_pci_error_handlers = {
	.error_detected = mdev_pci_error_detected,
	.slot_reset = mdev_pci_slot_reset,
	.resume = mdev_pci_error_resume,
	.reset_prepare = mdev_pci_reset_prepare,
	.reset_done = mdev_pci_reset_done,
};
EXPORT_SYMBOL_GPL(mdev_pci_error_handlers);

/*
 * A dead parent does not keep the system from suspending; but another task can just be
 * marking it so, and callbacks are blocked when mdev_pci_mark_dead() returns.
 */
static int mdev_pci_suspend(struct device *dev)
{
	struct mdev_pci_parent *parent = dev_get_drvdata(dev);
	int ret = mdev_pci_pause(parent, MDEV_PCI_PAUSE_MS);

	if (!ret || !mdev_pci_parent_is_dead(parent))
		return ret;
	mdev_pci_mark_dead(parent);
	return 0;
}

static int mdev_pci_system_resume(struct device *dev)
{
	struct mdev_pci_parent *parent = dev_get_drvdata(dev);

	mdev_pci_restart(parent, dev);
	mdev_pci_resume(parent);
	return 0;
}

EXPORT_GPL_SIMPLE_DEV_PM_OPS(mdev_pci_pm_ops, mdev_pci_suspend,
			     mdev_pci_system_resume);

/* Before the parent is unregistered: nothing waits for a card that was unplugged. */
void mdev_pci_end_recovery(struct mdev_pci_parent *parent)
{
	cancel_delayed_work_sync(&parent->core->recovery);
	if (dev_is_pci(parent->dev) &&
	    !pci_device_is_present(to_pci_dev(parent->dev)))
		mdev_pci_give_up(parent, "unplugged");
}
