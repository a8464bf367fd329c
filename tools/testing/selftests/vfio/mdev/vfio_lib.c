// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mediated devices as a virtual machine monitor uses them: opening by group or
 * by character device, queries, interrupts, region access.
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/iommufd.h>
#include <linux/pci_regs.h>

#include "mdev_lib.h"
#include "vfio_lib.h"

static const struct vfio_user closed = { -1, -1, -1 };

static int open_node(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int vfio_ioctl(int fd, unsigned long request, void *argument)
{
	int ret = ioctl(fd, request, argument);

	return ret < 0 ? -errno : ret;
}

int vfio_group_path(char path[VFIO_PATH_SIZE], const char *uuid)
{
	char group[16];
	int ret;

	ret = link_name(group, sizeof(group), MDEV_DEVICES "/%s/iommu_group",
			uuid);
	if (!ret)
		snprintf(path, VFIO_PATH_SIZE, "/dev/vfio/%s", group);
	return ret;
}

int vfio_cdev_path(char path[VFIO_PATH_SIZE], const char *uuid)
{
	char class_path[128];
	struct dirent *entry;
	int ret = -ENODEV;
	DIR *directory;

	snprintf(class_path, sizeof(class_path), MDEV_DEVICES "/%s/vfio-dev",
		 uuid);
	directory = opendir(class_path);
	if (!directory)
		return -errno;
	while ((entry = readdir(directory))) {
		if (strncmp(entry->d_name, "vfio", 4))
			continue;
		snprintf(path, VFIO_PATH_SIZE, "/dev/vfio/devices/%.32s",
			 entry->d_name);
		ret = 0;
	}
	closedir(directory);
	return ret;
}

void vfio_close_file(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vfio_close(struct vfio_user *user)
{
	vfio_close_file(&user->device);
	vfio_close_file(&user->group);
	vfio_close_file(&user->container);
}

static int open_by_group(struct vfio_user *user, const char *uuid,
			 const char *container)
{
	char path[VFIO_PATH_SIZE];
	int ret;

	ret = vfio_group_path(path, uuid);
	if (ret)
		return ret;
	user->group = open_node(path);
	if (user->group < 0)
		return user->group;
	user->container = open_node(container);
	if (user->container < 0)
		return user->container;
	ret = vfio_ioctl(user->group, VFIO_GROUP_SET_CONTAINER,
			 &user->container);
	if (ret)
		return ret;
	ret = vfio_ioctl(user->container, VFIO_SET_IOMMU,
			 (void *)VFIO_TYPE1v2_IOMMU);
	if (ret)
		return ret;
	user->device = vfio_ioctl(user->group, VFIO_GROUP_GET_DEVICE_FD,
				  (void *)uuid);
	return user->device < 0 ? user->device : 0;
}

int vfio_open_container(struct vfio_user *user, const char *uuid)
{
	int ret;

	*user = closed;
	ret = open_by_group(user, uuid, "/dev/vfio/vfio");
	if (ret)
		vfio_close(user);
	return ret;
}

/* VFIO loads iommufd when that is a module. */
static bool have_iommufd(void)
{
	return !access("/dev/iommu", F_OK);
}

/*
 * exit() runs the handlers of mdev_lib.c, which remove what the test made; a write to
 * "remove" can wait for the close of a device that is open.
 */
void vfio_need_iommufd(void)
{
	if (have_iommufd())
		return;
	ksft_print_msg("needs CONFIG_IOMMUFD\n");
	fflush(stdout);
	syscall(SYS_close_range, 3, ~0U, 0);
	exit(KSFT_SKIP);
}

int vfio_open_group(struct vfio_user *user, const char *uuid)
{
	int ret;

	vfio_need_iommufd();
	*user = closed;
	ret = open_by_group(user, uuid, "/dev/iommu");
	if (ret)
		vfio_close(user);
	return ret;
}

int vfio_open_unbound(const char *uuid)
{
	char path[VFIO_PATH_SIZE];
	int ret;

	vfio_need_iommufd();
	ret = vfio_cdev_path(path, uuid);
	return ret ? ret : open_node(path);
}

int vfio_bind(int device, int iommufd)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = iommufd,
	};

	return vfio_ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind);
}

static int bind_and_attach(struct vfio_user *user, const char *uuid)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
	};
	int ret;

	user->device = vfio_open_unbound(uuid);
	if (user->device < 0)
		return user->device;
	user->container = open_node("/dev/iommu");
	if (user->container < 0)
		return user->container;
	ret = vfio_bind(user->device, user->container);
	if (ret)
		return ret;
	ret = vfio_ioctl(user->container, IOMMU_IOAS_ALLOC, &alloc);
	if (ret)
		return ret;
	attach.pt_id = alloc.out_ioas_id;
	return vfio_ioctl(user->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
			  &attach);
}

int vfio_open_cdev(struct vfio_user *user, const char *uuid)
{
	int ret;

	vfio_need_iommufd();
	*user = closed;
	ret = bind_and_attach(user, uuid);
	if (ret)
		vfio_close(user);
	return ret;
}

int vfio_open(struct vfio_user *user, const char *uuid)
{
	return have_iommufd() ? vfio_open_cdev(user, uuid) :
				vfio_open_container(user, uuid);
}

int vfio_region_info(int device, uint32_t region,
		     struct vfio_region_info *info)
{
	*info = (struct vfio_region_info){
		.argsz = sizeof(*info),
		.index = region,
	};
	return vfio_ioctl(device, VFIO_DEVICE_GET_REGION_INFO, info);
}

int vfio_irq_info(int device, uint32_t index, struct vfio_irq_info *info)
{
	*info = (struct vfio_irq_info){
		.argsz = sizeof(*info),
		.index = index,
	};
	return vfio_ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, info);
}

int vfio_set_irqs(int device, uint32_t flags, uint32_t index, uint32_t start,
		  uint32_t count, const void *data, size_t size)
{
	union {
		struct vfio_irq_set set;
		char space[sizeof(struct vfio_irq_set) + 256];
	} irqs = {
		.set = {
			.argsz = sizeof(irqs.set) + size,
			.flags = flags,
			.index = index,
			.start = start,
			.count = count,
		},
	};

	if (size > sizeof(irqs) - sizeof(irqs.set))
		return -E2BIG;
	if (size)
		memcpy(irqs.set.data, data, size);
	return vfio_ioctl(device, VFIO_DEVICE_SET_IRQS, &irqs);
}

ssize_t vfio_read(int device, uint32_t region, uint64_t offset, void *buffer,
		  size_t size)
{
	ssize_t done = pread(device, buffer, size,
			     vfio_position(region, offset));

	return done < 0 ? -errno : done;
}

ssize_t vfio_write(int device, uint32_t region, uint64_t offset,
		   const void *buffer, size_t size)
{
	ssize_t done = pwrite(device, buffer, size,
			      vfio_position(region, offset));

	return done < 0 ? -errno : done;
}

int64_t vfio_load(int device, uint32_t region, uint64_t offset, size_t size)
{
	uint32_t value = 0;
	ssize_t done = vfio_read(device, region, offset, &value, size);

	if (done < 0)
		return done;
	if ((size_t)done != size)
		return -EIO;
	return le32toh(value);
}

int vfio_store(int device, uint32_t region, uint64_t offset, size_t size,
	       uint32_t value)
{
	uint32_t bytes = htole32(value);
	ssize_t done = vfio_write(device, region, offset, &bytes, size);

	if (done < 0)
		return done;
	return (size_t)done == size ? 0 : -EIO;
}

int vfio_pci_enable(int device)
{
	return vfio_store(device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 2,
			  PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			  PCI_COMMAND_MASTER);
}
