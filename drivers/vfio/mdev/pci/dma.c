// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory that the physical device accesses: pins that last no longer than a request,
 * for which an unmap by userspace waits, and mappings of the DMA API, which are kept when
 * the physical device can't be stopped.
 */

#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/iommu.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/mdev_bus.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/wait_bit.h>

#include "private.h"

/* The number of its pages, one more if unaligned, is an int */
#define MDEV_PCI_MAX_PIN	min_t(u64, SIZE_MAX - PAGE_SIZE, (u64)(INT_MAX - 1) * PAGE_SIZE)

static const int mdev_pci_prot[] = {
	[DMA_BIDIRECTIONAL] = IOMMU_READ | IOMMU_WRITE,
	[DMA_TO_DEVICE] = IOMMU_READ,
	[DMA_FROM_DEVICE] = IOMMU_WRITE,
};

static void mdev_pci_pin_end(struct mdev_pci_pin *pin)
{
	struct mdev_pci_core *core = pin->pci->core;

	scoped_guard(spinlock, &core->pins_lock) {
		list_del(&pin->node);
		/* Under the lock: mdev_pci_dma_unmap() can return next. */
		wake_up_var(&core->pins);
	}
	pin->pci = NULL;
}

/**
 * mdev_pci_pin_pages - pin guest memory for a request
 * @pci: the device
 * @pin: initialized by this
 * @iova: address of the first byte, as the device sees it
 * @size: number of bytes, over any number of pages but not 0
 * @dir: what the device does with them
 * @pages: array for the pages, at least 1 + DIV_ROUND_UP(@size, PAGE_SIZE)
 *
 * As mdev_pin_pages(); and an unmap of the memory waits for mdev_pci_unpin_pages(), unless the
 * driver has a &parent_ops.dma_unmap that does not call mdev_pci_dma_unmap(). So the
 * pages stay pinned only for as long as the physical device takes for a request. A close of
 * the device unpins them, and does not wait.
 *
 * Context: may sleep, for as long as a page fault of userspace memory takes. Not from a
 *	callback of struct mdev_pci_driver, see there.
 * Return: 0, or a negative errno as from mdev_pin_pages(); mdev_pci_unpin_pages() does nothing
 *	then.
 */
int mdev_pci_pin_pages(struct mdev_pci *pci, struct mdev_pci_pin *pin, u64 iova,
		       size_t size, enum dma_data_direction dir, struct page **pages)
{
	int ret;

	pin->pci = NULL;
	if (!size || size > MDEV_PCI_MAX_PIN)
		return -EINVAL;
	pin->iova = iova & PAGE_MASK;
	pin->nr_pages = DIV_ROUND_UP(offset_in_page(iova) + size, PAGE_SIZE);
	if (!mdev_dma_begin(pci->mdev, &pin->open))
		return -ENODEV;
	pin->pci = pci;
	/* Before the pages are pinned, so that mdev_pci_dma_unmap() finds each pin */
	scoped_guard(spinlock, &pci->core->pins_lock) {
		pin->seq = ++pci->core->last_pin;
		list_add(&pin->node, &pci->core->pins);
	}
	ret = mdev_pin_pages(pci->mdev, pin->iova, pin->nr_pages, mdev_pci_prot[dir], pages);
	if (ret)
		mdev_pci_pin_end(pin);
	mdev_dma_end(pci->mdev);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pci_pin_pages);

/**
 * mdev_pci_unpin_pages - undo mdev_pci_pin_pages()
 * @pin: what that has initialized
 *
 * The physical device does not access the pages any more, or mdev_pci_unmap_pages() was
 * called with @ended of false.
 *
 * Context: may sleep.
 */
void mdev_pci_unpin_pages(struct mdev_pci_pin *pin)
{
	struct mdev_pci *pci = pin->pci;
	u64 open;

	if (!pci)
		return;
	if (mdev_dma_begin(pci->mdev, &open)) {
		/* A close has unpinned those of earlier opens */
		if (open == pin->open)
			mdev_unpin_pages(pci->mdev, pin->iova, pin->nr_pages);
		mdev_dma_end(pci->mdev);
	}
	mdev_pci_pin_end(pin);
}
EXPORT_SYMBOL_GPL(mdev_pci_unpin_pages);

/* Whether a pin up to @seq has one of the bytes */
static bool mdev_pci_has_pins(struct mdev_pci_core *core, u64 seq, u64 first, u64 last)
{
	struct mdev_pci_pin *pin;
	bool found = false;

	spin_lock(&core->pins_lock);
	list_for_each_entry(pin, &core->pins, node)
		if (pin->seq <= seq && pin->iova <= last &&
		    first <= pin->iova + (u64)pin->nr_pages * PAGE_SIZE - 1)
			found = true;
	spin_unlock(&core->pins_lock);
	return found;
}

/**
 * mdev_pci_dma_unmap - &parent_ops.dma_unmap: wait for pins of mdev_pci_pin_pages()
 * @mdev: the device
 * @iova: see &parent_ops.dma_unmap
 * @length: likewise
 *
 * Waits for calls of mdev_pci_pin_pages() that have begun before. Later ones fail, and a guest
 * can have its device repeat them.
 *
 * Context: as &parent_ops.dma_unmap; not with a lock held that is taken between
 *	mdev_pci_pin_pages() and mdev_pci_unpin_pages().
 */
void mdev_pci_dma_unmap(struct mdev_device *mdev, u64 iova, u64 length)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	u64 seq = 0;

	scoped_guard(spinlock, &core->pins_lock)
		seq = core->last_pin;
	wait_var_event(&core->pins, !mdev_pci_has_pins(core, seq, iova, iova + length - 1));
}
EXPORT_SYMBOL_GPL(mdev_pci_dma_unmap);

/**
 * mdev_pci_map_pages - map pages for the DMA of the physical device
 * @parent: the parent
 * @table: initialized by this; for_each_sgtable_dma_sg() has the addresses
 * @pages: the pages, of mdev_pci_pin_pages() or the driver's own
 * @offset: where in them the memory begins, in bytes
 * @size: its length in bytes, over any number of pages
 * @dir: what the physical device does with it
 *
 * Segments are not longer than dma_get_max_seg_size(), but can cross what
 * dma_get_seg_boundary() returns.
 *
 * Context: may sleep.
 * Return: 0; -EAGAIN if the DMA API has no addresses or memory left, such as bounce
 *	buffers: the driver tries again after a time in which other requests end. Other
 *	errors are final. After an error @table is empty, and mdev_pci_unmap_pages() does
 *	nothing.
 */
int mdev_pci_map_pages(struct mdev_pci_parent *parent, struct sg_table *table,
		       struct page **pages, unsigned int offset, size_t size,
		       enum dma_data_direction dir)
{
	size_t max = min_t(size_t, dma_get_max_seg_size(parent->dev),
			   dma_max_mapping_size(parent->dev));
	int ret;

	pages += offset / PAGE_SIZE;
	offset = offset_in_page(offset);
	ret = sg_alloc_table_from_pages_segment(table, pages,
						DIV_ROUND_UP(offset + size, PAGE_SIZE),
						offset, size, min_t(size_t, max, UINT_MAX),
						GFP_KERNEL);
	if (ret)
		goto out_clear;
	ret = dma_map_sgtable(parent->dev, table, dir, 0);
	if (!ret)
		return 0;
	sg_free_table(table);
out_clear:
	*table = (struct sg_table) {};
	/* -EIO: the direct mapping found no bounce buffer */
	return ret == -ENOMEM || ret == -EIO ? -EAGAIN : ret;
}
EXPORT_SYMBOL_GPL(mdev_pci_map_pages);

/* It can access the memory for as long as it has power. */
static void mdev_pci_keep_pages(struct mdev_pci_parent *parent, struct sg_table *table)
{
	struct sg_page_iter iter;
	unsigned int count = 0;

	for_each_sgtable_page(table, &iter, 0) {
		get_page(sg_page_iter_page(&iter));
		count++;
	}
	dev_warn(parent->dev, "%u page(s) stay allocated, since the device may access them\n",
		 count);
}

/**
 * mdev_pci_unmap_pages - undo mdev_pci_map_pages()
 * @parent: the parent
 * @table: what that has initialized
 * @dir: as there
 * @ended: the physical device does not access the memory any more
 *
 * Before the pages are unpinned or freed. Unless @ended, since the physical device has
 * failed and does not answer, it can still access the memory: if an IOMMU translates the
 * addresses, this waits until the IOMMU has forgotten them. Without one, the pages must not
 * be used for anything else: the mapping stays, which can be a bounce buffer, and so does a
 * reference to each page. The log says so. That is for good, also if the physical device
 * recovers.
 *
 * Context: may sleep.
 */
void mdev_pci_unmap_pages(struct mdev_pci_parent *parent, struct sg_table *table,
			  enum dma_data_direction dir, bool ended)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(parent->dev);
	bool translated = domain && domain->type & __IOMMU_DOMAIN_PAGING;

	if (!table->sgl)
		return;
	if (ended || translated)
		dma_unmap_sgtable(parent->dev, table, dir, 0);
	else
		mdev_pci_keep_pages(parent, table);
	if (!ended && translated)
		iommu_flush_iotlb_all(domain);
	sg_free_table(table);
}
EXPORT_SYMBOL_GPL(mdev_pci_unmap_pages);
