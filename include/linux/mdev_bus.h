/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mediated devices: the interface for bus drivers, such as vfio_mdev, which expose
 * the devices of mdev_register_device() to userspace. Drivers that share a physical
 * device have mdev.h. The symbols are in the namespace MDEV_BUS:
 * ``MODULE_INFO(import_ns, "MDEV_BUS")``.
 */
#ifndef _LINUX_MDEV_BUS_H
#define _LINUX_MDEV_BUS_H

#include <linux/bits.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/types.h>
#include <linux/wait.h>

/* Bits of &mdev_device.flags that bus drivers use */
#define MDEV_RESET_REQUESTED	0
#define MDEV_RESET_RUNNING	1

/* Bits of &mdev_callbacks.blocked: mdev_drain(); the parent is paused or dead */
#define MDEV_BLOCKED_BY_DRAIN	BIT(0)
#define MDEV_BLOCKED_BY_PARENT	BIT(1)

/**
 * struct mdev_callbacks - callbacks of an open device that can be drained
 * @ref: a reference for each that runs; dead while @blocked is not 0
 * @faults: a reference for each page fault in &parent_ops.validate_map_request; dead
 *	while @blocked has MDEV_BLOCKED_BY_PARENT
 * @blocked: MDEV_BLOCKED_BY_*
 * @interrupted: a ref was resurrected before it was zero
 * @lock: held from mdev_drain() to mdev_undrain()
 * @wait: callbacks that wait until @blocked is 0
 * @idle: mdev_drain(), which waits until @ref is zero
 * @paused: likewise mdev_pause_parent(), in ``run_wait`` of the parent
 * @rcu: delays freeing it after the release of a ref
 */
struct mdev_callbacks {
	struct percpu_ref ref;
	struct percpu_ref faults;
	unsigned int blocked;
	bool interrupted;
	/* Inside of &mdev_device.lock; outside of all locks of the driver */
	struct mutex lock;
	wait_queue_head_t wait;
	wait_queue_head_t idle;
	wait_queue_head_t *paused;
	struct rcu_head rcu;
};

/**
 * struct mdev_bus_driver - a driver that exposes the devices of any parent
 * @match: whether the driver supports @mdev. Can be called without the device
 *	lock, and after &parent_ops.remove, so it may only access @mdev itself
 *	and its type. Absent: the driver supports every device.
 * @in_use: whether @remove would wait for a file that mdev_open() was not
 *	called for. A write to ``remove`` fails with -EBUSY then. Called with
 *	the device lock held, for a device that is bound. Absent: there are no
 *	such files.
 * @pin_pages: see mdev_pin_pages(). Called while @mdev is open, may sleep, as
 *	the next three. Absent: -EOPNOTSUPP.
 * @unpin_pages: see mdev_unpin_pages()
 * @dma_rw: see mdev_dma_rw()
 * @mark_dirty: see mdev_mark_dirty(). Absent: -EOPNOTSUPP.
 * @get_kvm: see mdev_get_kvm(). Called while @mdev is open, in any context.
 *	Absent: no KVM is associated with devices of this driver.
 * @driver: probe, remove and the &struct device_driver. Its name is mandatory; all
 *	else of it stays 0
 */
struct mdev_bus_driver {
	struct mdev_driver driver;
	bool (*match)(struct mdev_device *mdev);
	bool (*in_use)(struct mdev_device *mdev);
	int (*pin_pages)(struct mdev_device *mdev, dma_addr_t iova, int npage,
			 int prot, struct page **pages);
	int (*unpin_pages)(struct mdev_device *mdev, dma_addr_t iova,
			   int npage);
	int (*dma_rw)(struct mdev_device *mdev, dma_addr_t iova, void *data,
		      size_t len, bool write);
	int (*mark_dirty)(struct mdev_device *mdev, dma_addr_t iova,
			  size_t len);
	struct kvm *(*get_kvm)(struct mdev_device *mdev);
};

/**
 * mdev_register_bus_driver - register a driver for the devices of any parent
 * @drv: the driver; must stay until mdev_unregister_bus_driver() has returned
 *
 * It is bound to every device that it matches, including existing ones, but not to
 * those of mdev_register_parent(). Its module is the one that calls this.
 *
 * Context: may sleep.
 * Return: 0, -EINVAL if it has a &mdev_driver.device_api, or the error of
 *	driver_register().
 */
#define mdev_register_bus_driver(drv) \
	__mdev_register_bus_driver(drv, THIS_MODULE)
int __mdev_register_bus_driver(struct mdev_bus_driver *drv,
			       struct module *owner);
void mdev_unregister_bus_driver(struct mdev_bus_driver *drv);

int mdev_open(struct mdev_device *mdev, struct address_space *mapping);
void mdev_close_begin(struct mdev_device *mdev);
void mdev_close(struct mdev_device *mdev);

bool mdev_dma_begin(struct mdev_device *mdev, u64 *open);
void mdev_dma_end(struct mdev_device *mdev);

bool mdev_map_begin(struct mdev_device *mdev, unsigned long *seq);
bool mdev_map_lock(struct mdev_device *mdev, unsigned long seq);
void mdev_map_unlock(struct mdev_device *mdev);
void mdev_map_set_granule(struct mdev_device *mdev, unsigned long size);
int mdev_map_wait(struct mdev_device *mdev);
void mdev_map_block(struct mdev_device *mdev);
void mdev_map_unblock(struct mdev_device *mdev);
bool mdev_fault_enter(struct mdev_device *mdev);
void mdev_fault_exit(struct mdev_device *mdev);

bool mdev_is_dead(const struct mdev_device *mdev);
int mdev_wait_resumed(struct mdev_device *mdev);
int mdev_operation_enter(struct mdev_device *mdev);
void mdev_operation_enter_close(struct mdev_device *mdev);
void mdev_operation_exit(struct mdev_device *mdev);
void mdev_log_opener(struct mdev_device *mdev, const char *reason);

int mdev_drain(struct mdev_device *mdev);
void mdev_undrain(struct mdev_device *mdev);
int mdev_callback_enter_slow(struct mdev_device *mdev);
int mdev_callback_enter_locked(struct mdev_device *mdev);
void mdev_callback_enter_close(struct mdev_device *mdev);
void mdev_callback_exit_close(struct mdev_device *mdev);
bool mdev_callback_enter_or_queue(struct mdev_device *mdev,
				  struct wait_queue_entry *entry);
void mdev_callback_unqueue(struct mdev_device *mdev,
			   struct wait_queue_entry *entry);

/**
 * mdev_callback_try_enter - begin a callback unless callbacks are blocked
 * @mdev: the device, which is open
 *
 * Context: any.
 * Return: true, then mdev_callback_exit() has to follow, or false while callbacks are
 *	drained, or the parent is paused or dead.
 */
static __always_inline bool mdev_callback_try_enter(struct mdev_device *mdev)
{
	return percpu_ref_tryget_live(&mdev->callbacks->ref);
}

/**
 * mdev_callback_enter - begin a callback that mdev_drain() waits for
 * @mdev: the device, which is open
 *
 * For bus drivers. Must not be nested.
 *
 * Context: may sleep, with no lock held: the task can be frozen while it waits.
 * Return: 0, then mdev_callback_exit() has to follow, -EIO if the parent is dead, or
 *	-ERESTARTSYS for a fatal signal while callbacks are drained, or the parent is
 *	paused.
 */
static __always_inline int mdev_callback_enter(struct mdev_device *mdev)
{
	if (likely(mdev_callback_try_enter(mdev)))
		return 0;
	return mdev_callback_enter_slow(mdev);
}

/**
 * mdev_callback_exit - end a callback that mdev_callback_enter() has begun
 * @mdev: the device
 *
 * Context: any.
 */
static __always_inline void mdev_callback_exit(struct mdev_device *mdev)
{
	percpu_ref_put(&mdev->callbacks->ref);
}

#endif /* _LINUX_MDEV_BUS_H */
