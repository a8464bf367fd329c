/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mediated devices as a virtual machine monitor uses them: opening by group or
 * by character device, queries, interrupts, region access.
 *
 * Functions that return a number answer a negative errno when they fail.
 */
#ifndef SELFTESTS_VFIO_MDEV_VFIO_LIB_H
#define SELFTESTS_VFIO_MDEV_VFIO_LIB_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/vfio.h>

#define VFIO_PATH_SIZE	64

/* The files that make up an open device; those not in use are -1. */
struct vfio_user {
	int container;		/* of type1, or an iommufd */
	int group;
	int device;
};

/* The device nodes of a mediated device: /dev/vfio/N, /dev/vfio/devices/N */
int vfio_group_path(char path[VFIO_PATH_SIZE], const char *uuid);
int vfio_cdev_path(char path[VFIO_PATH_SIZE], const char *uuid);

/*
 * Three ways to open a device, with DMA set up as far as QEMU does: through a
 * type1 container, through a group that belongs to an iommufd, and through the
 * character device, bound and attached to an iommufd. Where the kernel has no
 * iommufd, the last two skip the test that calls them.
 */
int vfio_open_container(struct vfio_user *user, const char *uuid);
int vfio_open_group(struct vfio_user *user, const char *uuid);
int vfio_open_cdev(struct vfio_user *user, const char *uuid);

/* Skips the test, out of any function, where the kernel has no iommufd. */
void vfio_need_iommufd(void);

/* For tests of anything else: by cdev, or by a container without iommufd */
int vfio_open(struct vfio_user *user, const char *uuid);
void vfio_close(struct vfio_user *user);

/* Closes a file, unless it is -1 already, and makes it -1. */
void vfio_close_file(int *fd);

/* Opens the character device only; nothing else works before it is bound. */
int vfio_open_unbound(const char *uuid);
int vfio_bind(int device, int iommufd);

int vfio_ioctl(int fd, unsigned long request, void *argument);
int vfio_region_info(int device, uint32_t region,
		     struct vfio_region_info *info);
int vfio_irq_info(int device, uint32_t index, struct vfio_irq_info *info);

/* VFIO_DEVICE_SET_IRQS with @size bytes of data */
int vfio_set_irqs(int device, uint32_t flags, uint32_t index, uint32_t start,
		  uint32_t count, const void *data, size_t size);

/* Where @offset of @region lies in the device file. */
static inline off_t vfio_position(uint32_t region, uint64_t offset)
{
	return ((off_t)region << 40) + offset;
}

ssize_t vfio_read(int device, uint32_t region, uint64_t offset, void *buffer,
		  size_t size);
ssize_t vfio_write(int device, uint32_t region, uint64_t offset,
		   const void *buffer, size_t size);

/* One access of 1, 2 or 4 bytes, little endian; short ones are an error. */
int64_t vfio_load(int device, uint32_t region, uint64_t offset, size_t size);
int vfio_store(int device, uint32_t region, uint64_t offset, size_t size,
	       uint32_t value);

/*
 * Has a PCI function answer at its BARs and send messages. After a reset, it
 * does neither.
 */
int vfio_pci_enable(int device);

#endif
