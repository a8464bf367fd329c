/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of vfio_mdev.ko share. */
#ifndef _VFIO_MDEV_H
#define _VFIO_MDEV_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

/**
 * struct vfio_mdev_region - what the vendor answered for a region at open
 * @readable: how many bytes can be read, 0 if there is no such region
 * @writable: how many can be written
 * @flags: VFIO_REGION_INFO_FLAG_* and MDEV_REGION_BULK
 * @nr_areas: how many areas can be mapped
 * @areas: where they are, by offset in the region
 */
struct vfio_mdev_region {
	u64 readable;
	u64 writable;
	u32 flags;
	u32 nr_areas;
	struct vfio_region_sparse_mmap_area *areas;
};

/**
 * struct vfio_mdev_dma_range - some of the user's memory
 * @node: in a list of &struct vfio_mdev_dma
 * @first: address of its first byte, as the device sees it
 * @last: of its last one
 */
struct vfio_mdev_dma_range {
	struct list_head node;
	unsigned long first;
	unsigned long last;
};

/**
 * struct vfio_mdev_unmap - memory that the user is taking away
 * @range: which memory; no pin begins in it
 * @task: who does that
 * @asked: how many times VFIO has asked for it before
 * @told: the vendor has heard of it, and has no pins in it any more
 * @inside: @task is in vfio_mdev_dma_unmap() for it
 * @left: @task won't be asked for it again, and frees this no more
 */
struct vfio_mdev_unmap {
	struct vfio_mdev_dma_range range;
	const struct task_struct *task;
	unsigned int asked;
	bool told;
	bool inside;
	bool left;
};

/**
 * struct vfio_mdev_dma - what the vendor has pinned of the user's memory
 * @unmap_lock: keeps the vendor from hearing of an unmap while it opens or
 *	closes the device
 * @pins_lock: protects @pins and @nr_pins
 * @pins: how many times each page is pinned, by page number
 * @nr_pins: the sum of these
 * @work: tells the vendor of @unmaps, and unpins what is owed
 * @progress: changes when that, or a helper, gets on
 * @lock: protects what follows
 * @calls: ranges in which pages are being pinned or unpinned
 * @unmaps: each &struct vfio_mdev_unmap, by the node of its range
 * @idle: where to wait for the end of calls, unmaps and helpers
 * @helpers: how many works unpin what is owed, beside @work
 * @open: pages may be pinned
 */
struct vfio_mdev_dma {
	/* Held across the vendor's open, release and dma_unmap */
	struct mutex unmap_lock;
	/* Not held when VFIO is called, which may be calling us */
	struct mutex pins_lock;
	struct xarray pins;
	unsigned int nr_pins;
	struct work_struct work;
	atomic_t progress;
	/* Innermost */
	spinlock_t lock;
	struct list_head calls;
	struct list_head unmaps;
	wait_queue_head_t idle;
	unsigned int helpers;
	bool open;
};

/**
 * struct vfio_mdev - the VFIO device of a mediated device
 * @vdev: VFIO core's part, must be first
 * @mdev: the mediated device that it is bound to
 * @ops: its vendor's callbacks, kept here for the region accesses
 * @info: what VFIO_DEVICE_GET_INFO says, as of open
 * @regions: @info.num_regions of them, as of open
 * @in_container: it is open, and its group has a container of type1
 * @set_irqs_lock: orders requests of users to set interrupts
 * @irqfds: the eventfds that mask and unmask them
 * @irq_lock: orders the calls of the vendor that set them
 * @huge_lock: orders insertions of huge pages, and shared, of small ones
 * @mig_lock: orders steps of its migration and resets
 * @mig_state: where in its migration it is; read without @mig_lock
 * @transfer: our file that its state goes through, while there is one
 * @log_lock: orders requests to its log of what it writes
 * @logging: whether it keeps one
 * @dma: what the vendor has pinned of the user's memory
 */
struct vfio_mdev {
	struct vfio_device vdev;
	struct mdev_device *mdev;
	const struct parent_ops *ops;
	struct vfio_device_info info;
	struct vfio_mdev_region *regions;
	bool in_container;
	/* Held across VFIO_DEVICE_SET_IRQS; protects irqfds */
	struct mutex set_irqs_lock;
	struct list_head irqfds;
	/*
	 * Held across the vendor's set_irqs, inside of set_irqs_lock. Who ends
	 * an eventfd waits for such a call, so that one lock would not do.
	 */
	struct mutex irq_lock;
	/* Held by page faults, inside of the mdev's map_lock */
	struct rw_semaphore huge_lock;
	/* Held across the vendor's migration callbacks and its reset */
	struct mutex mig_lock;
	enum vfio_device_mig_state mig_state;
	struct file *transfer;
	/* Held across the vendor's callbacks for the log */
	struct mutex log_lock;
	bool logging;
	struct vfio_mdev_dma dma;
};

static inline struct vfio_mdev *to_vfio_mdev(struct vfio_device *vdev)
{
	return container_of(vdev, struct vfio_mdev, vdev);
}

/* vfio_mdev_region.c */
int vfio_mdev_regions_init(struct vfio_mdev *vmdev);
void vfio_mdev_regions_exit(struct vfio_mdev *vmdev);
int vfio_mdev_get_region_info(struct vfio_device *vdev,
			      struct vfio_region_info *info,
			      struct vfio_info_cap *caps);
ssize_t vfio_mdev_read(struct vfio_device *vdev, char __user *buf,
		       size_t count, loff_t *ppos);
ssize_t vfio_mdev_write(struct vfio_device *vdev, const char __user *buf,
			size_t count, loff_t *ppos);

/* vfio_mdev_mmap.c */
int vfio_mdev_areas_init(struct vfio_mdev_region *region,
			 const struct vfio_region_info *info,
			 const struct vfio_info_cap *caps);
int vfio_mdev_mmap(struct vfio_device *vdev, struct vm_area_struct *vma);

/* vfio_mdev_dma.c */
int vfio_mdev_pin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage,
			int prot, struct page **pages);
int vfio_mdev_unpin_pages(struct mdev_device *mdev, dma_addr_t iova,
			  int npage);
int vfio_mdev_dma_rw(struct mdev_device *mdev, dma_addr_t iova, void *data,
		     size_t len, bool write);
bool vfio_mdev_overlaps_any(const struct list_head *ranges,
			    const struct vfio_mdev_dma_range *range);
void vfio_mdev_begin_call(struct vfio_mdev_dma *dma,
			  struct vfio_mdev_dma_range *call);
bool vfio_mdev_unpin_owed(struct vfio_mdev *vmdev);

/* vfio_mdev_pins.c */
int vfio_mdev_count(struct vfio_mdev_dma *dma,
		    const struct vfio_mdev_dma_range *range, bool owed);
int vfio_mdev_uncount_and_begin(struct vfio_mdev_dma *dma,
				struct vfio_mdev_dma_range *call);
unsigned long vfio_mdev_disown(struct vfio_mdev_dma *dma,
			       const struct vfio_mdev_dma_range *range);
unsigned long vfio_mdev_take_owed(struct vfio_mdev_dma *dma,
				  struct vfio_mdev_dma_range *call,
				  unsigned long max);
bool vfio_mdev_owes(struct vfio_mdev_dma *dma);
bool vfio_mdev_is_owed(struct vfio_mdev_dma *dma,
		       const struct vfio_mdev_dma_range *range);
bool vfio_mdev_is_pinned(struct vfio_mdev_dma *dma,
			 const struct vfio_mdev_dma_range *range);
bool vfio_mdev_is_vendors(struct vfio_mdev_dma *dma,
			  const struct vfio_mdev_dma_range *range);

/* vfio_mdev_unmap.c */
int vfio_mdev_unmap_init(void);
void vfio_mdev_unmap_exit(void);
void vfio_mdev_dma_init(struct vfio_mdev_dma *dma);
void vfio_mdev_dma_exit(struct vfio_mdev_dma *dma);
void vfio_mdev_dma_lock(struct vfio_mdev *vmdev);
void vfio_mdev_dma_unlock(struct vfio_mdev *vmdev, bool open);
void vfio_mdev_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length);
void vfio_mdev_queue_unmaps(struct vfio_mdev_dma *dma);
void vfio_mdev_end_unmaps(struct vfio_mdev_dma *dma);

/* vfio_mdev_irq.c */
long vfio_mdev_ioctl_get_irq_info(struct vfio_mdev *vmdev,
				  struct vfio_irq_info __user *arg);
long vfio_mdev_ioctl_set_irqs(struct vfio_mdev *vmdev,
			      struct vfio_irq_set __user *arg);
int vfio_mdev_set_irqs(struct vfio_mdev *vmdev, u32 flags, u32 index, u32 start,
		       u32 count, void *data);
void vfio_mdev_irqs_init(struct vfio_mdev *vmdev);
void vfio_mdev_irqs_exit(struct vfio_mdev *vmdev);
void vfio_mdev_irqs_tear_down(struct vfio_mdev *vmdev);

/* vfio_mdev_irqfd.c */
int vfio_mdev_irqfds_set(struct vfio_mdev *vmdev,
			 const struct vfio_irq_set *hdr, const s32 *fds);
void vfio_mdev_irqfds_end(struct vfio_mdev *vmdev, u32 actions, u32 index,
			  u32 start, u32 count);
void vfio_mdev_irqfds_end_all(struct vfio_mdev *vmdev);

/* vfio_mdev_migration.c */
void vfio_mdev_migration_init(struct vfio_mdev *vmdev);
void vfio_mdev_migration_close(struct vfio_mdev *vmdev);
int vfio_mdev_migration_begin_reset(struct vfio_mdev *vmdev);
void vfio_mdev_migration_end_reset(struct vfio_mdev *vmdev, int result);

/* vfio_mdev_transfer.c */
struct file *vfio_mdev_transfer_open(struct vfio_mdev *vmdev, bool save);
size_t vfio_mdev_transfer_size(struct vfio_mdev *vmdev);
int vfio_mdev_transfer_save(struct vfio_mdev *vmdev, struct file *file);
int vfio_mdev_transfer_load(struct vfio_mdev *vmdev, struct file *file);
void vfio_mdev_transfer_end(struct file *file);

/* vfio_mdev_dirty_log.c */
void vfio_mdev_log_init(struct vfio_mdev *vmdev);
void vfio_mdev_log_close(struct vfio_mdev *vmdev);

#endif /* _VFIO_MDEV_H */
