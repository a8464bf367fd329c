// SPDX-License-Identifier: GPL-2.0-only
/*
 * An engine of the physical device that serves one mediated device at a time: whose turn
 * it is, and the wait for its interrupt. run.c has the token that tells a driver's work
 * item whether its device was stopped since it has read its registers.
 */

#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>

#include "private.h"

/**
 * mdev_pci_engine_init - initialize an engine
 * @engine: the engine
 * @parent: the parent; need not be registered yet
 * @timeout: how long what it is started for can take, in jiffies
 */
void mdev_pci_engine_init(struct mdev_pci_engine *engine,
			  struct mdev_pci_parent *parent, unsigned long timeout)
{
	engine->parent = parent;
	engine->timeout = timeout;
	mutex_init(&engine->lock);
	init_completion(&engine->done);
	engine->halted = false;
}
EXPORT_SYMBOL_GPL(mdev_pci_engine_init);

/**
 * mdev_pci_engine_begin - begin a device's turn
 * @engine: the engine
 * @pci: the device
 * @token: from mdev_pci_run_token() before the driver has read what it is to do
 * @flag: MDEV_PCI_RUN, or MDEV_PCI_DMA if memory is accessed
 *
 * Waits for the turns of other devices; of those that wait, none starves. Call what can
 * take as long as userspace likes, such as mdev_pin_pages(), before, so that it delays no
 * other device.
 *
 * Context: may sleep. Not from a callback of struct mdev_pci_driver.
 * Return: true, and mdev_pci_engine_end() follows; false if the device may not do it, was
 *	stopped since the token was read, the engine is halted, or the parent is dead.
 */
bool mdev_pci_engine_begin(struct mdev_pci_engine *engine, struct mdev_pci *pci,
			   unsigned long token, unsigned int flag)
{
	bool begun;

	mutex_lock(&engine->lock);
	begun = (token & flag) && token == mdev_pci_run_token(pci) &&
		!READ_ONCE(engine->halted) && !mdev_pci_parent_is_dead(engine->parent);
	if (!begun)
		mutex_unlock(&engine->lock);
	return begun;
}
EXPORT_SYMBOL_GPL(mdev_pci_engine_begin);

/**
 * mdev_pci_engine_end - end a device's turn
 * @engine: the engine
 */
void mdev_pci_engine_end(struct mdev_pci_engine *engine)
{
	mutex_unlock(&engine->lock);
}
EXPORT_SYMBOL_GPL(mdev_pci_engine_end);

/**
 * mdev_pci_engine_sync - wait for the turn that is under way
 * @engine: the engine
 *
 * For &mdev_pci_driver.run: when it is called, mdev_pci_engine_begin() refuses tokens from
 * before, so what its flags do not allow has ended after this.
 *
 * Context: may sleep, for as long as the turns that were waited for before.
 */
void mdev_pci_engine_sync(struct mdev_pci_engine *engine)
{
	mutex_lock(&engine->lock);
	mutex_unlock(&engine->lock);
}
EXPORT_SYMBOL_GPL(mdev_pci_engine_sync);

/**
 * mdev_pci_engine_halt - end the wait of the turn that is under way, and refuse others
 * @engine: the engine
 *
 * For &mdev_pci_driver.halt.
 *
 * Context: any context.
 */
void mdev_pci_engine_halt(struct mdev_pci_engine *engine)
{
	WRITE_ONCE(engine->halted, true);
	complete_all(&engine->done);
}
EXPORT_SYMBOL_GPL(mdev_pci_engine_halt);

/**
 * mdev_pci_engine_restart - undo mdev_pci_engine_halt()
 * @engine: the engine
 *
 * For &mdev_pci_driver.restart, once the engine is idle. All devices are paused, so no
 * turn is under way.
 */
void mdev_pci_engine_restart(struct mdev_pci_engine *engine)
{
	reinit_completion(&engine->done);
	WRITE_ONCE(engine->halted, false);
}
EXPORT_SYMBOL_GPL(mdev_pci_engine_restart);

/* Wait for the next interrupt, for mdev_pci_engine_wait(). */
int mdev_pci_engine_wait_irq(struct mdev_pci_engine *engine)
{
	if (!wait_for_completion_timeout(&engine->done, engine->timeout)) {
		dev_err(engine->parent->dev, "no interrupt within %u ms\n",
			jiffies_to_msecs(engine->timeout));
		mdev_pci_mark_dead(engine->parent);
		return -EIO;
	}
	return READ_ONCE(engine->halted) ? -EIO : 0;
}
EXPORT_SYMBOL_GPL(mdev_pci_engine_wait_irq);
