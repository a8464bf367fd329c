/* SPDX-License-Identifier: GPL-2.0-only */
/* Internal interface of vfio_mdev.ko. Read device.c next. */
#ifndef _VFIO_MDEV_PRIVATE_H
#define _VFIO_MDEV_PRIVATE_H

#include <linux/atomic.h>
#include <linux/interval_tree.h>
#include <linux/list.h>
#include <linux/mdev_bus.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>
#include <linux/wait.h>
#include <linux/xarray.h>

/*
 * Locks, in the order in which they are taken, each line inside of those above it
 * that are in the same group. What they protect is in the structures below.
 *
 *	group->group_lock, dev_set->lock	VFIO core: open_device, close_device
 *	  vfio_mdev_dma.unmap_lock
 *	    mdev_device.lock			mdev_open(), mdev_close()
 *
 *	vfio_mdev.set_irqs_lock			VFIO_DEVICE_SET_IRQS, close
 *	  mdev_callback_enter()
 *	    vfio_mdev.irq_lock			->set_irqs(); also taken by the
 *						work of an irqfd
 *
 *	vfio_mdev.log_lock			dirty log
 *	  mdev_callback_enter()
 *	    vfio_mdev_dirty.lock		also taken by mdev_dma_rw(),
 *						mdev_unpin_pages(), mdev_mark_dirty()
 *
 *	vfio_mdev.mig_lock			migration, resets
 *	  mdev_drain()				mdev_callbacks.lock
 *	    mdev_operation_enter()
 *	      vfio_mdev_transfer.lock
 *	      mdev_device.map_lock		mdev_map_block()
 *
 *	vfio_mdev_transfer.copy_lock		read(), write() of state data
 *	  mdev_operation_enter()
 *	    vfio_mdev_transfer.lock
 *
 *	mmap_lock or the lock of the VMA	page faults, held by mm
 *	  mdev_device.map_lock
 *	    vfio_mdev.huge_lock
 *
 *	iommu->device_list_lock of type1	->dma_unmap() of VFIO core; iommufd
 *						holds no lock
 *	  vfio_mdev_dma.unmap_lock
 *	    locks of the driver in ->dma_unmap()
 *	      iommu->lock of type1, ioas_lock and iova_rwsem of iommufd:
 *						vfio_pin_pages(), vfio_unpin_pages()
 *
 * mdev_callback_enter() and mdev_drain() are listed because they wait for each
 * other: a task in a callback that has entered must not take mig_lock or
 * mdev_device.lock. mdev_pause_parent() waits for both mdev_callback_enter() and
 * mdev_operation_enter(), and these wait for mdev_resume_parent(): so no lock may be
 * taken inside of an operation that is held by a task which waits to begin one. At the
 * last close, mdev_callback_enter_close() is mdev_callbacks.lock and an operation.
 * vfio_mdev_dma.lock is a spinlock, innermost, and not held
 * across calls of VFIO or of the driver. probe and remove have the device lock,
 * match has group->device_lock of VFIO core.
 */

/**
 * struct vfio_mdev_region - a region as ->get_region_info() returned it at open
 * @readable: number of bytes that read() can access, 0 for none
 * @writable: number of bytes that write() can access, 0 for none
 * @flags: VFIO_REGION_INFO_FLAG_* and MDEV_REGION_*
 * @nr_areas: number of @areas
 * @areas: areas that can be mapped, by offset in the region
 */
struct vfio_mdev_region {
	u64 readable;
	u64 writable;
	u32 flags;
	u32 nr_areas;
	struct vfio_region_sparse_mmap_area *areas;
};

/**
 * struct vfio_mdev_pin - pages that the driver has pinned by one call
 * @node: addresses of their first and last byte; in &vfio_mdev_dma.pins
 * @call: in &vfio_mdev_dma.calls, and not in the tree, while VFIO pins or
 *	unpins them
 * @written: likewise in &vfio_mdev_dma.written, until an unpin has logged the pages
 * @write: the device can write them, and vfio_mdev logs that
 * @seq: number of the call that pins them, 0 in one that unpins
 */
struct vfio_mdev_pin {
	struct interval_tree_node node;
	struct interval_tree_node written;
	struct list_head call;
	bool write;
	u64 seq;
};

static inline unsigned long vfio_mdev_pin_npage(const struct vfio_mdev_pin *pin)
{
	return (pin->node.last - pin->node.start + 1) >> PAGE_SHIFT;
}

/**
 * struct vfio_mdev_dma - userspace memory that the driver has pinned
 * @unmap_lock: serializes the driver's open, release and dma_unmap
 * @lock: protects what follows
 * @pins: each &struct vfio_mdev_pin that VFIO has pinned
 * @written: those of them that the device can write
 * @calls: those that VFIO is pinning or unpinning
 * @blocks: each &struct vfio_mdev_block; outlives a close
 * @open: pages may be pinned. Also protected by @unmap_lock.
 * @last_seq: number of the last call that pins
 * @nr_unmaps: tasks in vfio_mdev_unmap_range()
 * @idle: woken up when a call is over, or @nr_unmaps is 0
 */
struct vfio_mdev_dma {
	/*
	 * Taken with type1's device_list_lock held, or none of iommufd's locks.
	 * Outside of driver locks and of type1's iommu->lock
	 */
	struct mutex unmap_lock;
	/* Innermost; not held across a call of VFIO or the driver */
	spinlock_t lock;
	struct rb_root_cached pins;
	struct rb_root_cached written;
	struct list_head calls;
	struct list_head blocks;
	bool open;
	u64 last_seq;
	atomic_t nr_unmaps;
	wait_queue_head_t idle;
};

/**
 * struct vfio_mdev_dirty - the dirty log of a driver without one of its own
 * @logging: written under &vfio_mdev.log_lock, read without
 * @all: memory was short: all pages are dirty
 * @lock: held for reading to mark pages, for writing to free @chunks
 * @chunks: bitmaps of marked pages, see dirty_pages.c
 */
struct vfio_mdev_dirty {
	bool logging;
	bool all;
	/* Inside of log_lock; no lock of ours is taken inside of it */
	struct rw_semaphore lock;
	struct xarray chunks;
};

/**
 * struct vfio_mdev - the VFIO device of a mediated device
 * @vdev: the &struct vfio_device, must be first
 * @mdev: the mediated device that it is bound to
 * @ops: callbacks of its vendor driver, copied here for fast region accesses
 * @info: what VFIO_DEVICE_GET_INFO returns, as of open
 * @info_caps: its capabilities, with offsets for a position after @info
 * @regions: @info.num_regions regions, as of open
 * @set_irqs_lock: serializes VFIO_DEVICE_SET_IRQS
 * @irqfds: eventfds that mask and unmask interrupts
 * @irqfd_jiffy: jiffy that @nr_irqfd_works is for
 * @nr_irqfd_works: number of works of @irqfds that were queued in that jiffy
 * @irq_lock: serializes &parent_ops.set_irqs
 * @huge_lock: held for writing to insert a huge page, for reading to insert
 *	small ones
 * @mig_lock: serializes migration arcs and resets
 * @mig_state: migration state; written under @mig_lock, read without it
 * @transfer: file of transfer.c for the state data, or NULL
 * @log_lock: serializes &struct mdev_dirty_log_ops
 * @log_ops: the driver's, or vfio_mdev_dirty_ops; NULL for none
 * @log_page_size: page size of the dirty log, 0 while nothing is logged
 * @dirty: what @log_ops reports, if they are vfio_mdev_dirty_ops
 * @dma: userspace memory that the driver has pinned
 */
struct vfio_mdev {
	struct vfio_device vdev;
	struct mdev_device *mdev;
	const struct parent_ops *ops;
	struct vfio_device_info info;
	struct vfio_info_cap info_caps;
	struct vfio_mdev_region *regions;
	/* Held across VFIO_DEVICE_SET_IRQS; protects irqfds */
	struct mutex set_irqs_lock;
	struct list_head irqfds;
	unsigned long irqfd_jiffy;
	atomic_t nr_irqfd_works;
	/*
	 * Held across ->set_irqs(), inside of set_irqs_lock. Not the same lock:
	 * vfio_mdev_irqfds_end() waits, with set_irqs_lock held, for a work
	 * that takes irq_lock.
	 */
	struct mutex irq_lock;
	/* Held by page faults, inside of the mdev's map_lock */
	struct rw_semaphore huge_lock;
	/* Held across the driver's migration callbacks and its resets */
	struct mutex mig_lock;
	enum vfio_device_mig_state mig_state;
	struct file *transfer;
	/* Held across the driver's callbacks for the dirty log */
	struct mutex log_lock;
	const struct mdev_dirty_log_ops *log_ops;
	u64 log_page_size;
	struct vfio_mdev_dirty dirty;
	struct vfio_mdev_dma dma;
};

static inline struct vfio_mdev *to_vfio_mdev(struct vfio_device *vdev)
{
	return container_of(vdev, struct vfio_mdev, vdev);
}

/* info.c */
int vfio_mdev_info_init(struct vfio_mdev *vmdev);
void vfio_mdev_info_exit(struct vfio_mdev *vmdev);
long vfio_mdev_ioctl_get_info(struct vfio_mdev *vmdev,
			      struct vfio_device_info __user *arg);

/* feature.c */
int vfio_mdev_device_feature(struct vfio_device *vdev, u32 flags,
			     void __user *arg, size_t argsz);

/* region.c */
int vfio_mdev_regions_init(struct vfio_mdev *vmdev);
void vfio_mdev_regions_exit(struct vfio_mdev *vmdev);
int vfio_mdev_get_region_info(struct vfio_device *vdev,
			      struct vfio_region_info *info,
			      struct vfio_info_cap *caps);
ssize_t vfio_mdev_read(struct vfio_device *vdev, char __user *buf,
		       size_t count, loff_t *ppos);
ssize_t vfio_mdev_write(struct vfio_device *vdev, const char __user *buf,
			size_t count, loff_t *ppos);

/* mmap.c */
int vfio_mdev_areas_init(struct vfio_mdev_region *region,
			 const struct vfio_region_info *info,
			 const struct vfio_info_cap *caps);
int vfio_mdev_mmap(struct vfio_device *vdev, struct vm_area_struct *vma);

/* iommufd returns -ENOENT for memory that is not mapped, type1 -EINVAL. */
static inline int vfio_mdev_dma_result(int ret)
{
	return ret == -ENOENT ? -EINVAL : min(ret, 0);
}

/* pins.c */
int vfio_mdev_pin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage,
			int prot, struct page **pages);
int vfio_mdev_unpin_pages(struct mdev_device *mdev, dma_addr_t iova,
			  int npage);
struct vfio_mdev_pin *
vfio_mdev_take_pin(struct vfio_mdev_dma *dma,
		   const struct interval_tree_node *range, bool exact);
void vfio_mdev_unpin(struct vfio_mdev *vmdev, struct vfio_mdev_pin *pin);
bool vfio_mdev_next_written(struct vfio_mdev_dma *dma,
			    struct interval_tree_node *range,
			    unsigned long last);

/* unmap.c */
void vfio_mdev_dma_begin(struct vfio_mdev *vmdev);
void vfio_mdev_dma_end(struct vfio_mdev *vmdev, bool open);
/* Also called before open_device and after close_device */
void vfio_mdev_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length);

/* type1.c */
bool vfio_mdev_pins_blocked(struct vfio_mdev_dma *dma,
			    const struct interval_tree_node *range);
bool vfio_mdev_block_pins(struct vfio_mdev *vmdev,
			  const struct interval_tree_node *range);

/* irq.c */
long vfio_mdev_ioctl_get_irq_info(struct vfio_mdev *vmdev,
				  struct vfio_irq_info __user *arg);
long vfio_mdev_ioctl_set_irqs(struct vfio_mdev *vmdev,
			      struct vfio_irq_set __user *arg);
void vfio_mdev_irqs_init(struct vfio_mdev *vmdev);
void vfio_mdev_irqs_exit(struct vfio_mdev *vmdev);
void vfio_mdev_irqs_tear_down(struct vfio_mdev *vmdev);

/* irqfd.c */
int vfio_mdev_set_irqs(struct vfio_mdev *vmdev, u32 flags, u32 index, u32 start,
		       u32 count, void *data);
int vfio_mdev_irqfds_set(struct vfio_mdev *vmdev,
			 const struct vfio_irq_set *hdr, const s32 *fds);
void vfio_mdev_irqfds_end(struct vfio_mdev *vmdev, u32 actions, u32 index,
			  u32 start, u32 count);
void vfio_mdev_irqfds_end_all(struct vfio_mdev *vmdev);

/* migration.c */
void vfio_mdev_migration_init(struct vfio_mdev *vmdev);
void vfio_mdev_migration_close(struct vfio_mdev *vmdev);
void vfio_mdev_migration_begin_reset(struct vfio_mdev *vmdev);
void vfio_mdev_migration_end_reset(struct vfio_mdev *vmdev, int result);

/* transfer.c */
struct file *vfio_mdev_transfer_open(struct vfio_mdev *vmdev, bool save);
int vfio_mdev_transfer_size(struct vfio_mdev *vmdev, unsigned long *size);
void vfio_mdev_transfer_pause(struct file *file);
void vfio_mdev_transfer_resume(struct file *file);
int vfio_mdev_transfer_save(struct vfio_mdev *vmdev, struct file *file);
int vfio_mdev_transfer_load(struct vfio_mdev *vmdev, struct file *file);
void vfio_mdev_transfer_end(struct file *file);

/* reset.c */
long vfio_mdev_ioctl_reset(struct vfio_mdev *vmdev);
void vfio_mdev_function_resets(struct vfio_mdev *vmdev);

/* dirty_log.c */
void vfio_mdev_log_init(struct vfio_mdev *vmdev);
void vfio_mdev_log_close(struct vfio_mdev *vmdev);

/* dirty_pages.c */
extern const struct mdev_dirty_log_ops vfio_mdev_dirty_ops;
void vfio_mdev_dirty_init(struct vfio_mdev *vmdev);
void vfio_mdev_mark_dirty(struct vfio_mdev *vmdev, unsigned long iova,
			  unsigned long size);

#endif /* _VFIO_MDEV_PRIVATE_H */
