// SPDX-License-Identifier: GPL-2.0-only
/*
 * The physical device is suspended, is reset or fails: the functions of mdev_pause.c for
 * a parent of PCI functions. While it is paused, run.c stops the devices.
 */

#include <linux/cleanup.h>
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/mutex.h>

#include "private.h"

static int mdev_pci_set_paused(struct mdev_pci_core *core, bool paused)
{
	int ret;

	guard(mutex)(&core->lock);
	core->paused = paused;
	ret = mdev_pci_update_running(core);
	/* The device runs as before */
	if (ret && paused)
		core->paused = false;
	return ret;
}

/* &parent_ops.pause */
int mdev_pci_pause_device(struct mdev_device *mdev)
{
	return mdev_pci_set_paused(to_mdev_pci_core(mdev), true);
}

/* &parent_ops.resume */
void mdev_pci_resume_device(struct mdev_device *mdev)
{
	int ret = mdev_pci_set_paused(to_mdev_pci_core(mdev), false);

	if (ret)
		dev_err_ratelimited(mdev_dev(mdev), "run() after a pause: %d\n",
				    ret);
}

/**
 * mdev_pci_pause - stop all devices of a parent and block callbacks
 * @parent: the parent
 * @timeout_ms: how long to wait for callbacks that run, in milliseconds
 *
 * As mdev_pause_parent(); then &mdev_pci_driver.run is called with flags of 0 for each
 * device that runs.
 *
 * Context: may sleep. Not from a callback, nor with a lock held that one takes.
 * Return: 0, then mdev_pci_resume() has to follow, unless the parent is unregistered
 *	before; -EBUSY at the timeout, -EIO if the parent is dead, -ENODEV if it is being
 *	unregistered, or the error of &mdev_pci_driver.run: then devices run as before.
 */
int mdev_pci_pause(struct mdev_pci_parent *parent, unsigned int timeout_ms)
{
	return mdev_pause_parent(parent->dev, timeout_ms);
}
EXPORT_SYMBOL_GPL(mdev_pci_pause);

/**
 * mdev_pci_resume - undo mdev_pci_pause()
 * @parent: the parent
 *
 * As mdev_resume_parent(), after &mdev_pci_driver.run was called for each device that
 * can run. An error of that is logged; the device stays stopped until it can run again
 * because of something else, such as a reset.
 *
 * Context: may sleep. As mdev_pci_pause().
 */
void mdev_pci_resume(struct mdev_pci_parent *parent)
{
	mdev_resume_parent(parent->dev);
}
EXPORT_SYMBOL_GPL(mdev_pci_resume);

static int mdev_pci_notify_error(struct mdev_device *mdev, void *unused)
{
	mdev_pci_trigger_error(mdev_pci_from_mdev(mdev));
	return 0;
}

/* What waits for the physical device ends with an error. */
void mdev_pci_halt(struct mdev_pci_parent *parent)
{
	const struct mdev_pci_driver *driver = parent->core->driver;

	if (driver->halt)
		driver->halt(parent);
}

/**
 * mdev_pci_mark_dead - make all devices of a parent fail
 * @parent: the parent
 *
 * As mdev_mark_parent_dead(), after &mdev_pci_driver.halt. The first call also triggers
 * the error interrupt of each device, see mdev_pci_trigger_error(). An access to config
 * space or a BAR fails with -EIO then. In vfio-pci, reads return ones when the card is
 * removed.
 *
 * Context: may sleep. Can be called at any time while @parent is registered, also from a
 *	callback.
 */
void mdev_pci_mark_dead(struct mdev_pci_parent *parent)
{
	bool first = !xchg(&parent->core->dead, 1);

	mdev_pci_halt(parent);
	mdev_mark_parent_dead(parent->dev);
	if (first)
		mdev_for_each_device(parent->dev, mdev_pci_notify_error, NULL);
}
EXPORT_SYMBOL_GPL(mdev_pci_mark_dead);

/* A function that is called for each device, and its argument */
struct mdev_pci_call {
	int (*fn)(struct mdev_pci *pci, void *data);
	void *data;
};

static int mdev_pci_call_fn(struct mdev_device *mdev, void *data)
{
	struct mdev_pci_call *call = data;

	return call->fn(mdev_pci_from_mdev(mdev), call->data);
}

/**
 * mdev_pci_for_each - call a function for each device of a parent
 * @parent: the parent
 * @fn: called between &mdev_pci_driver.create and &mdev_pci_driver.remove of each
 *	device; a value other than 0 ends the iteration
 * @data: for @fn
 *
 * As mdev_for_each_device().
 *
 * Context: may sleep; see mdev_for_each_device() for what @fn must not do.
 * Return: what @fn has returned last, or 0.
 */
int mdev_pci_for_each(struct mdev_pci_parent *parent,
		      int (*fn)(struct mdev_pci *pci, void *data), void *data)
{
	struct mdev_pci_call call = { .fn = fn, .data = data };

	return mdev_for_each_device(parent->dev, mdev_pci_call_fn, &call);
}
EXPORT_SYMBOL_GPL(mdev_pci_for_each);
