/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of vfio_mdev.ko share. */
#ifndef _VFIO_MDEV_H
#define _VFIO_MDEV_H

#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/vfio.h>

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
 * struct vfio_mdev - the VFIO device of a mediated device
 * @vdev: VFIO core's part, must be first
 * @mdev: the mediated device that it is bound to
 * @ops: its vendor's callbacks, kept here for the region accesses
 * @info: what VFIO_DEVICE_GET_INFO says, as of open
 * @regions: @info.num_regions of them, as of open
 * @irq_lock: orders changes of its interrupts
 * @huge_lock: orders insertions of huge pages
 */
struct vfio_mdev {
	struct vfio_device vdev;
	struct mdev_device *mdev;
	const struct parent_ops *ops;
	struct vfio_device_info info;
	struct vfio_mdev_region *regions;
	/* Held across the vendor's set_irqs */
	struct mutex irq_lock;
	/* Held by page faults, inside of the mdev's map_lock */
	struct mutex huge_lock;
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

/* vfio_mdev_irq.c */
long vfio_mdev_ioctl_get_irq_info(struct vfio_mdev *vmdev,
				  struct vfio_irq_info __user *arg);
long vfio_mdev_ioctl_set_irqs(struct vfio_mdev *vmdev,
			      struct vfio_irq_set __user *arg);

#endif /* _VFIO_MDEV_H */
