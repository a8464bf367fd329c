// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access of a vendor driver to the memory that userspace has mapped for DMA: each
 * call is forwarded to the bus driver that has opened the device.
 *
 * A work item of the vendor driver can call these functions during the last close, and
 * the bus driver can be unbound right after it. Calls are counted, and mdev_close() waits
 * for those that have found the bus driver in &mdev_device_core.opener.
 */

#include <linux/export.h>
#include <linux/wait_bit.h>

#include "compat.h"
#include "mdev_private.h"

static void mdev_dma_exit(struct mdev_device *mdev)
{
	if (atomic_dec_and_test(&mdev->core->nr_dma_calls))
		wake_up_var(&mdev->core->nr_dma_calls);
}

/* Begin a call of the bus driver, unless the device is closed. */
static const struct mdev_bus_driver *mdev_dma_enter(struct mdev_device *mdev)
{
	const struct mdev_bus_driver *drv;

	atomic_inc(&mdev->core->nr_dma_calls);
	/* Pairs with mdev_dma_wait(): it finds this call, or this finds no opener */
	smp_mb__after_atomic();
	/* Pairs with mdev_set_opener(): opener_tgid is set as well */
	drv = smp_load_acquire(&mdev->core->opener);
	if (!drv)
		mdev_dma_exit(mdev);
	return drv;
}

/**
 * mdev_dma_begin - begin calls of the functions below for one open of a device
 * @mdev: the device
 * @open: set to the number of the open
 *
 * For mdev_pci.ko. A pin of one open must not be undone in the next one, which can have
 * pinned the same pages: between this and mdev_dma_end() no other can begin.
 *
 * Context: any.
 * Return: true, then mdev_dma_end() has to follow, or false if the device is not open.
 */
bool mdev_dma_begin(struct mdev_device *mdev, u64 *open)
{
	if (!mdev_dma_enter(mdev))
		return false;
	*open = mdev->core->nr_opens;
	return true;
}
EXPORT_SYMBOL_NS_GPL(mdev_dma_begin, MDEV_BUS_NAMESPACE);

/**
 * mdev_dma_end - undo mdev_dma_begin()
 * @mdev: the device
 *
 * Context: any.
 */
void mdev_dma_end(struct mdev_device *mdev)
{
	mdev_dma_exit(mdev);
}
EXPORT_SYMBOL_NS_GPL(mdev_dma_end, MDEV_BUS_NAMESPACE);

/* The opener has been removed: wait for calls that have found it before. */
void mdev_dma_wait(struct mdev_device *mdev)
{
	atomic_t *calls = &mdev->core->nr_dma_calls;

	/* Pairs with mdev_dma_enter() */
	smp_mb();
	wait_var_event(calls, !atomic_read(calls));
}

/**
 * mdev_pin_pages - pin pages of userspace memory
 * @mdev: the device
 * @iova: address of the first page, as the device sees it; page aligned
 * @npage: number of pages
 * @prot: accesses of the device: IOMMU_READ, IOMMU_WRITE or both
 * @pages: array for the @npage pages
 *
 * Pins all of them or none. Each pin is undone by one mdev_unpin_pages() with the
 * same @iova and @npage, at the latest in &parent_ops.dma_unmap or
 * &parent_ops.release. Pins can overlap.
 *
 * Can race with an unmap of the pages: a driver that holds a lock across this call
 * and the recording of its result, and takes the lock in &parent_ops.dma_unmap,
 * finds every pin there.
 *
 * Context: may sleep, for as long as a page fault of userspace memory takes,
 *	between &parent_ops.create and &parent_ops.remove.
 * Return: 0, -EINVAL if userspace has not mapped all of the pages, or is unmapping
 *	one, or for wrong arguments, -EPERM if a mapping does not allow @prot,
 *	-ENOMEM, -EFAULT if there is no memory behind a mapping, -ENODEV if the
 *	device is not open, -EOPNOTSUPP if its bus driver has no such memory, or
 *	a negative errno of the IOMMU driver. -EINTR in a kernel thread if the call
 *	lasts longer than a tenth of a second, and the process that has opened the
 *	device exits, or closes it: don't try again.
 */
int mdev_pin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage,
		   int prot, struct page **pages)
{
	const struct mdev_bus_driver *drv = mdev_dma_enter(mdev);
	struct mdev_kthread_call call;
	int ret = -EOPNOTSUPP;

	if (!drv)
		return -ENODEV;
	if (drv->pin_pages) {
		mdev_kthread_call_begin(&call, mdev);
		ret = drv->pin_pages(mdev, iova, npage, prot, pages);
		ret = mdev_kthread_call_end(&call, ret);
	}
	mdev_dma_exit(mdev);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pin_pages);

/**
 * mdev_unpin_pages - unpin pages of userspace memory
 * @mdev: the device
 * @iova: address of the first page, as the device sees it; page aligned
 * @npage: number of pages
 *
 * Context: may sleep, between &parent_ops.create and &parent_ops.remove.
 * Return: 0, -EINVAL unless one mdev_pin_pages() has pinned exactly these pages
 *	and they are still pinned, or -ENODEV if the device is not open.
 */
int mdev_unpin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage)
{
	const struct mdev_bus_driver *drv = mdev_dma_enter(mdev);
	int ret = -EOPNOTSUPP;

	if (!drv)
		return -ENODEV;
	if (drv->unpin_pages)
		ret = drv->unpin_pages(mdev, iova, npage);
	mdev_dma_exit(mdev);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_unpin_pages);

/**
 * mdev_dma_rw - read or write userspace memory
 * @mdev: the device
 * @iova: address of the first byte, as the device sees it
 * @data: kernel memory to read into or to write from
 * @len: number of bytes
 * @write: true to write userspace memory
 *
 * Needs no pages to be pinned. When it fails, part of @len may have been
 * transferred.
 *
 * Context: may sleep, for as long as a page fault of userspace memory takes,
 *	between &parent_ops.create and &parent_ops.remove.
 * Return: 0, -EFAULT if the memory can't be accessed, such as a mapped region of
 *	a device that is being reset, or a negative errno as from
 *	mdev_pin_pages().
 */
int mdev_dma_rw(struct mdev_device *mdev, dma_addr_t iova, void *data,
		size_t len, bool write)
{
	const struct mdev_bus_driver *drv = mdev_dma_enter(mdev);
	struct mdev_kthread_call call;
	int ret = -EOPNOTSUPP;

	if (!drv)
		return -ENODEV;
	if (drv->dma_rw) {
		mdev_kthread_call_begin(&call, mdev);
		ret = drv->dma_rw(mdev, iova, data, len, write);
		ret = mdev_kthread_call_end(&call, ret);
	}
	mdev_dma_exit(mdev);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_dma_rw);

/**
 * mdev_mark_dirty - log that the device has written userspace memory
 * @mdev: the device
 * @iova: address of the first byte, as the device sees it
 * @len: number of bytes
 *
 * For a driver with &parent_ops.marks_dirty, after a write to pages that it has
 * pinned, and before it unpins them. Without a migration that logs, nothing is done.
 *
 * Context: may sleep, between &parent_ops.create and &parent_ops.remove.
 * Return: 0, -EINVAL for an empty range or one beyond the address space, -ENODEV if
 *	the device is not open, or -EOPNOTSUPP if its bus driver has no such memory.
 */
int mdev_mark_dirty(struct mdev_device *mdev, dma_addr_t iova, size_t len)
{
	const struct mdev_bus_driver *drv = mdev_dma_enter(mdev);
	int ret = -EOPNOTSUPP;

	if (!drv)
		return -ENODEV;
	if (drv->mark_dirty)
		ret = drv->mark_dirty(mdev, iova, len);
	mdev_dma_exit(mdev);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_mark_dirty);
