// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinned pages of userspace memory: mdev_pin_pages() and mdev_unpin_pages() of a
 * VFIO device. Read unmap.c next: it unpins what the driver has left
 * when userspace unmaps the memory or closes the device.
 *
 * Each mdev_pin_pages() becomes a node of an interval tree, since one iommufd
 * call must unpin exactly what one call has pinned. While VFIO pins or unpins
 * the pages, the node is on dma->calls instead and vfio_mdev.ko holds no lock:
 * type1 takes iommu->lock, and pin_user_pages() can sleep in a page fault for as
 * long as userspace likes.
 */

#include <linux/iommu.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../compat.h"
#include "private.h"

/* Convert a range of pages to the first and last byte that the tree has. */
static int vfio_mdev_pin_range(struct interval_tree_node *node, dma_addr_t iova,
			       int npage)
{
	unsigned long size;

	if (npage <= 0 || iova > ULONG_MAX || !PAGE_ALIGNED(iova) ||
	    check_mul_overflow((unsigned long)npage, PAGE_SIZE, &size))
		return -EINVAL;
	node->start = iova;
	if (check_add_overflow(node->start, size - 1, &node->last))
		return -EINVAL;
	return 0;
}

/* iommufd takes any number of pages in one call, type1 one page of pointers. */
static unsigned long vfio_mdev_pages_per_call(struct vfio_mdev *vmdev,
					      unsigned long npage)
{
	if (vmdev->vdev.iommufd_access)
		return npage;
	return min_t(unsigned long, npage, VFIO_PIN_PAGES_MAX_ENTRIES);
}

static void vfio_mdev_unpin_in_vfio(struct vfio_mdev *vmdev, unsigned long iova,
				    unsigned long npage)
{
	while (npage) {
		unsigned long some = vfio_mdev_pages_per_call(vmdev, npage);

		vfio_unpin_pages(&vmdev->vdev, iova, some);
		iova += some * PAGE_SIZE;
		npage -= some;
		cond_resched();
	}
}

static int vfio_mdev_pin_in_vfio(struct vfio_mdev *vmdev, unsigned long iova,
				 unsigned long npage, int prot,
				 struct page **pages)
{
	unsigned long done = 0;

	while (done < npage) {
		unsigned long some = vfio_mdev_pages_per_call(vmdev,
							      npage - done);
		int ret = vfio_pin_pages(&vmdev->vdev, iova + done * PAGE_SIZE,
					 some, prot, &pages[done]);

		if (ret < 0) {
			vfio_mdev_unpin_in_vfio(vmdev, iova, done);
			return ret;
		}
		done += some;
		cond_resched();
	}
	return 0;
}

static int vfio_mdev_pin_begin(struct vfio_mdev_dma *dma,
			       struct vfio_mdev_pin *pin)
{
	int ret = -EINVAL;

	spin_lock(&dma->lock);
	if (dma->open && !vfio_mdev_pins_blocked(dma, &pin->node)) {
		pin->seq = ++dma->last_seq;
		list_add(&pin->call, &dma->calls);
		ret = 0;
	}
	spin_unlock(&dma->lock);
	return ret;
}

static void vfio_mdev_pin_insert(struct vfio_mdev_dma *dma,
				 struct vfio_mdev_pin *pin)
{
	interval_tree_insert(&pin->node, &dma->pins);
	if (!pin->write)
		return;
	pin->written.start = pin->node.start;
	pin->written.last = pin->node.last;
	interval_tree_insert(&pin->written, &dma->written);
}

/* vfio_pin_pages() or vfio_unpin_pages() for @pin has returned. */
static void vfio_mdev_pin_end(struct vfio_mdev_dma *dma,
			      struct vfio_mdev_pin *pin, bool pinned)
{
	spin_lock(&dma->lock);
	list_del(&pin->call);
	if (pinned)
		vfio_mdev_pin_insert(dma, pin);
	else if (pin->write && !pin->seq)
		interval_tree_remove(&pin->written, &dma->written);
	/* Under the lock: a waiting close can return and free @dma next. */
	wake_up_all(&dma->idle);
	spin_unlock(&dma->lock);
	if (!pinned)
		kfree(pin);
}

int vfio_mdev_pin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage,
			int prot, struct page **pages)
{
	struct vfio_mdev *vmdev = dev_get_drvdata(mdev_dev(mdev));
	struct vfio_mdev_pin *pin;
	int ret;

	if (!pages || !prot || prot & ~(IOMMU_READ | IOMMU_WRITE))
		return -EINVAL;
	pin = kzalloc_obj(*pin, GFP_KERNEL_ACCOUNT);
	if (!pin)
		return -ENOMEM;
	pin->write = prot & IOMMU_WRITE && !vmdev->ops->marks_dirty;
	ret = vfio_mdev_pin_range(&pin->node, iova, npage);
	if (!ret)
		ret = vfio_mdev_pin_begin(&vmdev->dma, pin);
	if (ret) {
		kfree(pin);
		return ret;
	}

	ret = vfio_mdev_pin_in_vfio(vmdev, pin->node.start, npage, prot, pages);
	vfio_mdev_pin_end(&vmdev->dma, pin, !ret);
	return vfio_mdev_dma_result(ret);
}

/*
 * Find a pin of exactly @range, which the driver does not name otherwise. The last one is
 * one that the device can write: until then, each report of dirty pages has them.
 */
static struct interval_tree_node *
vfio_mdev_find_pin(struct vfio_mdev_dma *dma, const struct interval_tree_node *range)
{
	struct interval_tree_node *node, *found = NULL;

	/* It contains the first byte */
	for (node = interval_tree_iter_first(&dma->pins, range->start, range->start); node;
	     node = interval_tree_iter_next(node, range->start, range->start)) {
		if (node->start != range->start || node->last != range->last)
			continue;
		found = node;
		if (!container_of(node, struct vfio_mdev_pin, node)->write)
			break;
	}
	return found;
}

/* Take a pin of exactly @range, or one that overlaps it, for unpinning. */
struct vfio_mdev_pin *
vfio_mdev_take_pin(struct vfio_mdev_dma *dma,
		   const struct interval_tree_node *range, bool exact)
{
	struct interval_tree_node *node;
	struct vfio_mdev_pin *pin = NULL;

	spin_lock(&dma->lock);
	node = exact ? vfio_mdev_find_pin(dma, range) :
		       interval_tree_iter_first(&dma->pins, range->start, range->last);
	if (node) {
		pin = container_of(node, struct vfio_mdev_pin, node);
		interval_tree_remove(node, &dma->pins);
		pin->seq = 0;
		list_add(&pin->call, &dma->calls);
	}
	spin_unlock(&dma->lock);
	return pin;
}

/*
 * The first range, from @range->start to @last, that the device can write. Returns false
 * if there is none.
 */
bool vfio_mdev_next_written(struct vfio_mdev_dma *dma,
			    struct interval_tree_node *range,
			    unsigned long last)
{
	unsigned long start = range->start;
	struct interval_tree_node *node;

	spin_lock(&dma->lock);
	node = interval_tree_iter_first(&dma->written, start, last);
	if (node) {
		range->start = max(start, node->start);
		range->last = min(last, node->last);
	}
	spin_unlock(&dma->lock);
	return node;
}

/* The pages are in @dma->written until they are logged, so no report misses them. */
void vfio_mdev_unpin(struct vfio_mdev *vmdev, struct vfio_mdev_pin *pin)
{
	if (pin->write)
		vfio_mdev_mark_dirty(vmdev, pin->node.start,
				     pin->node.last - pin->node.start + 1);
	vfio_mdev_unpin_in_vfio(vmdev, pin->node.start,
				vfio_mdev_pin_npage(pin));
	vfio_mdev_pin_end(&vmdev->dma, pin, false);
}

int vfio_mdev_unpin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage)
{
	struct vfio_mdev *vmdev = dev_get_drvdata(mdev_dev(mdev));
	struct interval_tree_node range;
	struct vfio_mdev_pin *pin;
	int ret;

	ret = vfio_mdev_pin_range(&range, iova, npage);
	if (ret)
		return ret;
	pin = vfio_mdev_take_pin(&vmdev->dma, &range, true);
	if (!pin)
		return -EINVAL;
	vfio_mdev_unpin(vmdev, pin);
	return 0;
}
