// SPDX-License-Identifier: GPL-2.0-only
/*
 * mdpy_ops: mainline's sample mdpy, a display, with struct parent_ops.
 *
 * vfio_mdev handles the ioctls, checks and splits accesses, maps regions and
 * handles resets and removals. Config space is emulated here, as in mdpy. Read
 * mdpy_pci.c next, where that is left to mdev_pci, and the chapter "Drivers that
 * exist already" of Documentation/vfio-mediated-device.txt, which compares them.
 */

#include <linux/array_size.h>
#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/log2.h>
#include <linux/mdev.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci_regs.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>
#include <linux/vfio.h>
#include <linux/vmalloc.h>
#include <uapi/drm/drm_fourcc.h>

#include "mdpy_regs.h"

/* The region that QEMU displays: BAR0's memory, whatever config space says */
#define MDPY_OPS_PICTURE	VFIO_PCI_NUM_REGIONS

struct mdpy_ops_mode {
	u32 width;
	u32 height;
};

/* Indexed like mdpy_ops_types */
static const struct mdpy_ops_mode mdpy_ops_modes[] = {
	{ 640, 480 },
	{ 1024, 768 },
	{ 1920, 1080 },
};

struct mdpy_ops {
	const struct mdpy_ops_mode *mode;
	u32 stride;
	u32 size;		/* of BAR0 */
	void *memory;
	struct mutex lock;	/* protects config */
	u8 config[PCI_CFG_SPACE_SIZE];
};

static unsigned int displays = 4;
module_param_named(count, displays, uint, 0444);
MODULE_PARM_DESC(count, "Number of displays (default 4)");

static atomic_t mdpy_ops_available;

/* Config space */

static void mdpy_ops_init_config(struct mdpy_ops *mdpy)
{
	u8 *config = mdpy->config;

	put_unaligned_le16(MDPY_VENDOR_ID, config + PCI_VENDOR_ID);
	put_unaligned_le16(MDPY_DEVICE_ID, config + PCI_DEVICE_ID);
	put_unaligned_le16(PCI_COMMAND_IO | PCI_COMMAND_MEMORY,
			   config + PCI_COMMAND);
	put_unaligned_le16(PCI_STATUS_CAP_LIST, config + PCI_STATUS);
	put_unaligned_le32(MDPY_CLASS << 8 | MDPY_REVISION,
			   config + PCI_CLASS_REVISION);
	put_unaligned_le32(PCI_BASE_ADDRESS_MEM_PREFETCH,
			   config + PCI_BASE_ADDRESS_0);
	put_unaligned_le16(MDPY_SUBSYSTEM_VENDOR_ID,
			   config + PCI_SUBSYSTEM_VENDOR_ID);
	put_unaligned_le16(MDPY_SUBSYSTEM_ID, config + PCI_SUBSYSTEM_ID);

	config[PCI_CAPABILITY_LIST] = MDPY_CAP;
	config[MDPY_CAP + PCI_CAP_LIST_ID] = PCI_CAP_ID_VNDR;
	config[MDPY_CAP + PCI_CAP_FLAGS] = MDPY_CAP_SIZE;
	put_unaligned_le32(DRM_FORMAT_XRGB8888, config + MDPY_CAP_FORMAT);
	put_unaligned_le32(mdpy->mode->width, config + MDPY_CAP_WIDTH);
	put_unaligned_le32(mdpy->mode->height, config + MDPY_CAP_HEIGHT);
}

/* BAR0 is the only register that can be written: the bits above its size. */
static void mdpy_ops_write_config(struct mdpy_ops *mdpy, u64 offset,
				  const u8 *buf, size_t count)
{
	u8 writable[sizeof(u32)];
	u64 byte;
	size_t i;

	put_unaligned_le32(~(mdpy->size - 1), writable);
	guard(mutex)(&mdpy->lock);
	for (i = 0; i < count; i++) {
		/* Offsets below BAR0 wrap to large values */
		byte = offset + i - PCI_BASE_ADDRESS_0;
		if (byte >= sizeof(writable))
			continue;
		mdpy->config[offset + i] &= ~writable[byte];
		mdpy->config[offset + i] |= buf[i] & writable[byte];
	}
}

/* Regions */

static int mdpy_ops_get_device_info(struct mdev_device *mdev,
				    struct vfio_device_info *info,
				    struct vfio_info_cap *caps)
{
	info->num_regions = MDPY_OPS_PICTURE + 1;
	return 0;
}

static int mdpy_ops_get_region_info(struct mdev_device *mdev,
				    struct vfio_region_info *info,
				    struct vfio_info_cap *caps)
{
	struct mdpy_ops *mdpy = mdev_get_drvdata(mdev);

	switch (info->index) {
	case VFIO_PCI_CONFIG_REGION_INDEX:
		info->size = sizeof(mdpy->config);
		info->flags = VFIO_REGION_INFO_FLAG_READ |
			      VFIO_REGION_INFO_FLAG_WRITE;
		break;
	case VFIO_PCI_BAR0_REGION_INDEX:
	case MDPY_OPS_PICTURE:
		info->size = mdpy->size;
		info->flags = VFIO_REGION_INFO_FLAG_READ |
			      VFIO_REGION_INFO_FLAG_WRITE |
			      VFIO_REGION_INFO_FLAG_MMAP | MDEV_REGION_BULK;
		break;
	}
	return 0;
}

/* Accesses: kernel memory, within a region that allows them */

static ssize_t mdpy_ops_read(struct mdev_device *mdev, char *buf, size_t count,
			     loff_t pos)
{
	struct mdpy_ops *mdpy = mdev_get_drvdata(mdev);
	u64 offset = mdev_region_offset(pos);

	if (mdev_region_index(pos) == VFIO_PCI_CONFIG_REGION_INDEX) {
		guard(mutex)(&mdpy->lock);
		memcpy(buf, mdpy->config + offset, count);
	} else {
		memcpy(buf, mdpy->memory + offset, count);
	}
	return count;
}

static ssize_t mdpy_ops_write(struct mdev_device *mdev, const char *buf,
			      size_t count, loff_t pos)
{
	struct mdpy_ops *mdpy = mdev_get_drvdata(mdev);
	u64 offset = mdev_region_offset(pos);

	if (mdev_region_index(pos) == VFIO_PCI_CONFIG_REGION_INDEX)
		mdpy_ops_write_config(mdpy, offset, buf, count);
	else
		memcpy(mdpy->memory + offset, buf, count);
	return count;
}

static int mdpy_ops_validate_map_request(struct mdev_device *mdev, loff_t pos,
					 unsigned long *pfn,
					 unsigned long *size, u32 *flags)
{
	struct mdpy_ops *mdpy = mdev_get_drvdata(mdev);

	*pfn = vmalloc_to_pfn(mdpy->memory + mdev_region_offset(pos));
	*size = PAGE_SIZE;
	return 0;
}

/* Picture */

/* A gradient from black to light grey. Also at open, against stale pictures. */
static int mdpy_ops_reset(struct mdev_device *mdev)
{
	struct mdpy_ops *mdpy = mdev_get_drvdata(mdev);
	u32 height = mdpy->mode->height;
	u32 y;

	for (y = 0; y < height; y++)
		memset(mdpy->memory + y * mdpy->stride, y * 255 / height,
		       mdpy->stride);
	return 0;
}

static long mdpy_ops_query_plane(struct mdpy_ops *mdpy,
				 struct vfio_device_gfx_plane_info __user *arg)
{
	unsigned long minsz = offsetofend(typeof(*arg), region_index);
	struct vfio_device_gfx_plane_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || (info.flags & ~VFIO_GFX_PLANE_TYPE_PROBE) !=
				  VFIO_GFX_PLANE_TYPE_REGION)
		return -EINVAL;
	if (info.flags & VFIO_GFX_PLANE_TYPE_PROBE)
		return 0;

	info = (struct vfio_device_gfx_plane_info) {
		.argsz = info.argsz,
		.flags = info.flags,
		.drm_plane_type = info.drm_plane_type,
		.drm_format = DRM_FORMAT_XRGB8888,
		.width = mdpy->mode->width,
		.height = mdpy->mode->height,
		.stride = mdpy->stride,
		.size = mdpy->size,
		.region_index = MDPY_OPS_PICTURE,
	};
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long mdpy_ops_ioctl(struct mdev_device *mdev, unsigned int cmd,
			   unsigned long arg)
{
	if (cmd != VFIO_DEVICE_QUERY_GFX_PLANE)
		return -ENOTTY;
	return mdpy_ops_query_plane(mdev_get_drvdata(mdev), (void __user *)arg);
}

/* Creation and removal */

static struct mdpy_ops *mdpy_ops_alloc(const struct mdpy_ops_mode *mode)
{
	struct mdpy_ops *mdpy = kzalloc(sizeof(*mdpy), GFP_KERNEL);

	if (!mdpy)
		return NULL;
	mdpy->mode = mode;
	mdpy->stride = mode->width * 4;
	mdpy->size = roundup_pow_of_two(mdpy->stride * mode->height);
	mdpy->memory = vzalloc(mdpy->size);
	if (!mdpy->memory) {
		kfree(mdpy);
		return NULL;
	}
	mutex_init(&mdpy->lock);
	mdpy_ops_init_config(mdpy);
	return mdpy;
}

static int mdpy_ops_create(struct kobject *kobj, struct mdev_device *mdev)
{
	unsigned int index = mdev_type_index(mdev_type_from_kobj(kobj));
	struct mdpy_ops *mdpy;

	if (atomic_dec_if_positive(&mdpy_ops_available) < 0)
		return -ENOSPC;
	mdpy = mdpy_ops_alloc(&mdpy_ops_modes[index]);
	if (!mdpy) {
		atomic_inc(&mdpy_ops_available);
		return -ENOMEM;
	}
	mdev_set_drvdata(mdev, mdpy);
	return 0;
}

static int mdpy_ops_remove(struct mdev_device *mdev)
{
	struct mdpy_ops *mdpy = mdev_get_drvdata(mdev);

	vfree(mdpy->memory);
	mutex_destroy(&mdpy->lock);
	kfree(mdpy);
	atomic_inc(&mdpy_ops_available);
	return 0;
}

/* Attributes of the devices and of the types */

static ssize_t resolution_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	struct mdpy_ops *mdpy = mdev_get_drvdata(mdev_from_dev(dev));

	return sysfs_emit(buf, "%ux%u\n", mdpy->mode->width,
			  mdpy->mode->height);
}
static DEVICE_ATTR_RO(resolution);

static struct attribute *mdpy_ops_attrs[] = {
	&dev_attr_resolution.attr,
	NULL
};

static const struct attribute_group mdpy_ops_group = {
	.name = "vendor",
	.attrs = mdpy_ops_attrs,
};
__ATTRIBUTE_GROUPS(mdpy_ops);

static ssize_t name_show(struct mdev_type *type,
			 struct mdev_type_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "mdpy-%s\n", type->sysfs_name);
}
static MDEV_TYPE_ATTR_RO(name);

static ssize_t description_show(struct mdev_type *type,
				struct mdev_type_attribute *attr, char *buf)
{
	const struct mdpy_ops_mode *mode =
		&mdpy_ops_modes[mdev_type_index(type)];

	return sysfs_emit(buf, "virtual display, %ux%u framebuffer\n",
			  mode->width, mode->height);
}
static MDEV_TYPE_ATTR_RO(description);

static ssize_t device_api_show(struct mdev_type *type,
			       struct mdev_type_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", VFIO_DEVICE_API_PCI_STRING);
}
static MDEV_TYPE_ATTR_RO(device_api);

static ssize_t available_instances_show(struct mdev_type *type,
					struct mdev_type_attribute *attr,
					char *buf)
{
	return sysfs_emit(buf, "%d\n", atomic_read(&mdpy_ops_available));
}
static MDEV_TYPE_ATTR_RO(available_instances);

static struct attribute *mdpy_ops_type_attrs[] = {
	&mdev_type_attr_name.attr,
	&mdev_type_attr_description.attr,
	&mdev_type_attr_device_api.attr,
	&mdev_type_attr_available_instances.attr,
	NULL
};

static const struct attribute_group *const mdpy_ops_types[] = {
	&(const struct attribute_group) {
		.name = "vga",
		.attrs = mdpy_ops_type_attrs,
	},
	&(const struct attribute_group) {
		.name = "xga",
		.attrs = mdpy_ops_type_attrs,
	},
	&(const struct attribute_group) {
		.name = "hd",
		.attrs = mdpy_ops_type_attrs,
	},
	NULL
};

static const struct parent_ops mdpy_ops_parent_ops = {
	.owner = THIS_MODULE,
	.supported_type_groups = mdpy_ops_types,
	.mdev_attr_groups = mdpy_ops_groups,
	.create = mdpy_ops_create,
	.remove = mdpy_ops_remove,
	.open = mdpy_ops_reset,
	.reset = mdpy_ops_reset,
	.get_device_info = mdpy_ops_get_device_info,
	.get_region_info = mdpy_ops_get_region_info,
	.read = mdpy_ops_read,
	.write = mdpy_ops_write,
	.validate_map_request = mdpy_ops_validate_map_request,
	.ioctl = mdpy_ops_ioctl,
};

/* There is no hardware, so the module makes the parent device itself. */
static struct platform_device *mdpy_ops_device;

static int mdpy_ops_probe(struct platform_device *pdev)
{
	atomic_set(&mdpy_ops_available, min_t(unsigned int, displays, INT_MAX));
	return mdev_register_device(&pdev->dev, &mdpy_ops_parent_ops);
}

static void mdpy_ops_unbind(struct platform_device *pdev)
{
	mdev_unregister_device(&pdev->dev);
}

static struct platform_driver mdpy_ops_driver = {
	.driver.name = "mdpy_ops",
	.remove = mdpy_ops_unbind,
};

static int __init mdpy_ops_init(void)
{
	mdpy_ops_device = platform_create_bundle(&mdpy_ops_driver,
						 mdpy_ops_probe, NULL, 0,
						 NULL, 0);
	return PTR_ERR_OR_ZERO(mdpy_ops_device);
}
module_init(mdpy_ops_init);

static void __exit mdpy_ops_exit(void)
{
	platform_device_unregister(mdpy_ops_device);
	platform_driver_unregister(&mdpy_ops_driver);
}
module_exit(mdpy_ops_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample vendor driver: mainline's mdpy with struct parent_ops");
