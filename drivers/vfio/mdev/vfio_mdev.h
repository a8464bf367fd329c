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
 * @bulk: in pieces of up to a page
 */
struct vfio_mdev_region {
	u64 readable;
	u64 writable;
	bool bulk;
};

/**
 * struct vfio_mdev - the VFIO device of a mediated device
 * @vdev: VFIO core's part, must be first
 * @mdev: the mediated device that it is bound to
 * @ops: its vendor's callbacks, kept here for the region accesses
 * @info: what VFIO_DEVICE_GET_INFO says, as of open
 * @regions: @info.num_regions of them, as of open
 * @irq_lock: orders changes of its interrupts
 */
struct vfio_mdev {
	struct vfio_device vdev;
	struct mdev_device *mdev;
	const struct parent_ops *ops;
	struct vfio_device_info info;
	struct vfio_mdev_region *regions;
	/* Held across the vendor's set_irqs */
	struct mutex irq_lock;
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

/* vfio_mdev_irq.c */
long vfio_mdev_ioctl_get_irq_info(struct vfio_mdev *vmdev,
				  struct vfio_irq_info __user *arg);
long vfio_mdev_ioctl_set_irqs(struct vfio_mdev *vmdev,
			      struct vfio_irq_set __user *arg);

#endif /* _VFIO_MDEV_H */
