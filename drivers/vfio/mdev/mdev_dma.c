// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vendor's access to the memory that the user of a device has mapped for DMA.
 * The bus driver that has the device open knows that memory; this file finds it.
 */

#include <linux/export.h>

#include "mdev_private.h"

/**
 * mdev_pin_pages - pin pages of the user's memory
 * @mdev: the device
 * @iova: address of the first page, as the device sees it; page aligned
 * @npage: how many pages
 * @prot: what the device does to them, IOMMU_READ, IOMMU_WRITE or both
 * @pages: where to put the @npage pages
 *
 * Pins all of them or none. A page may be pinned several times, and has to be
 * unpinned as often, at the latest in &parent_ops.release. Which pages are
 * pinned or unpinned by one call makes no difference.
 *
 * Context: may sleep, between &parent_ops.open and &parent_ops.release. Must
 *	not hold a lock that &parent_ops.dma_unmap takes.
 * Return: 0, -EINVAL if the user has not mapped all of them, or is taking some
 *	away, or arguments are wrong, -EPERM if it has not mapped them for what
 *	the device does, -EOVERFLOW if too many are pinned, -ENODEV if the device
 *	is not open, -EOPNOTSUPP if its bus driver knows of no such memory, or
 *	what the IOMMU's driver says.
 */
int mdev_pin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage,
		   int prot, struct page **pages)
{
	const struct mdev_driver *drv = READ_ONCE(mdev->opener);

	if (!drv)
		return -ENODEV;
	if (!drv->pin_pages)
		return -EOPNOTSUPP;
	return drv->pin_pages(mdev, iova, npage, prot, pages);
}
EXPORT_SYMBOL_GPL(mdev_pin_pages);

/**
 * mdev_unpin_pages - unpin pages of the user's memory
 * @mdev: the device
 * @iova: address of the first page, as the device sees it; page aligned
 * @npage: how many pages
 *
 * Context: may sleep, between &parent_ops.open and &parent_ops.release.
 * Return: 0, -EINVAL if one of them is not pinned, and then none is unpinned,
 *	or -ENODEV if the device is not open.
 */
int mdev_unpin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage)
{
	const struct mdev_driver *drv = READ_ONCE(mdev->opener);

	if (!drv)
		return -ENODEV;
	if (!drv->unpin_pages)
		return -EOPNOTSUPP;
	return drv->unpin_pages(mdev, iova, npage);
}
EXPORT_SYMBOL_GPL(mdev_unpin_pages);

/**
 * mdev_dma_rw - read or write the user's memory
 * @mdev: the device
 * @iova: address in that memory, as the device sees it
 * @data: kernel memory to read into or to write from
 * @len: how many bytes
 * @write: true to write the user's memory
 *
 * Needs no pages to be pinned. When it fails, part of @len may have been
 * transferred.
 *
 * Context: may sleep, between &parent_ops.open and &parent_ops.release. Must
 *	not hold a lock that &parent_ops.dma_unmap takes.
 * Return: 0, -EFAULT if what the user has mapped can't be accessed, such as a
 *	region of a device that is being reset, or a negative errno as from
 *	mdev_pin_pages().
 */
int mdev_dma_rw(struct mdev_device *mdev, dma_addr_t iova, void *data,
		size_t len, bool write)
{
	const struct mdev_driver *drv = READ_ONCE(mdev->opener);

	if (!drv)
		return -ENODEV;
	if (!drv->dma_rw)
		return -EOPNOTSUPP;
	return drv->dma_rw(mdev, iova, data, len, write);
}
EXPORT_SYMBOL_GPL(mdev_dma_rw);
