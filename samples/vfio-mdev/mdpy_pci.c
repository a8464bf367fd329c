// SPDX-License-Identifier: GPL-2.0-only
/*
 * mdpy_pci: mainline's sample mdpy, a display, with mdev_pci.
 *
 * The function is a description: mdev_pci emulates config space, decodes the BAR,
 * handles resets and migrates. mdpy_ops.c does the same with struct parent_ops; the
 * chapter "Drivers that exist already" of Documentation/vfio-mediated-device.txt
 * compares them.
 */

#include <linux/array_size.h>
#include <linux/mdev_pci.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/vmalloc.h>
#include <uapi/drm/drm_fourcc.h>

#include "mdpy_regs.h"

/* The region that QEMU displays: BAR0's memory, whether BAR0 is decoded or not */
#define MDPY_PCI_PICTURE	VFIO_PCI_NUM_REGIONS

/* The capability, after its length byte: the mode of a type */
struct mdpy_pci_mode {
	u8 reserved;
	__le32 format;
	__le32 width;
	__le32 height;
} __packed;

struct mdpy_pci {
	struct mdev_pci pci;
	u32 width;
	u32 height;
	u32 stride;
	u32 size;	/* of BAR0 */
	void *memory;
};

static struct mdpy_pci *to_mdpy_pci(struct mdev_pci *pci)
{
	return container_of(pci, struct mdpy_pci, pci);
}

/* Regions: BAR0, and the same memory as the picture */

static u64 mdpy_pci_read(struct mdev_pci *pci, unsigned int region, u64 offset,
			 unsigned int size)
{
	__le64 value = 0;

	memcpy(&value, to_mdpy_pci(pci)->memory + offset, size);
	return le64_to_cpu(value);
}

static void mdpy_pci_write(struct mdev_pci *pci, unsigned int region,
			   u64 offset, unsigned int size, u64 value)
{
	__le64 bytes = cpu_to_le64(value);

	memcpy(to_mdpy_pci(pci)->memory + offset, &bytes, size);
}

static int mdpy_pci_map(struct mdev_pci *pci, unsigned int region, u64 offset,
			unsigned long *pfn, unsigned long *size, u32 *flags)
{
	*pfn = vmalloc_to_pfn(to_mdpy_pci(pci)->memory + offset);
	*size = PAGE_SIZE;
	return 0;
}

/* Picture */

/* A gradient from black to light grey */
static int mdpy_pci_reset(struct mdev_pci *pci, enum mdev_pci_reset_cause cause)
{
	struct mdpy_pci *mdpy = to_mdpy_pci(pci);
	u32 y;

	for (y = 0; y < mdpy->height; y++)
		memset(mdpy->memory + y * mdpy->stride,
		       y * 255 / mdpy->height, mdpy->stride);
	return 0;
}

static long mdpy_pci_query_plane(struct mdpy_pci *mdpy,
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
		.width = mdpy->width,
		.height = mdpy->height,
		.stride = mdpy->stride,
		.size = mdpy->size,
		.region_index = MDPY_PCI_PICTURE,
	};
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long mdpy_pci_ioctl(struct mdev_device *mdev, unsigned int cmd,
			   unsigned long arg)
{
	if (cmd != VFIO_DEVICE_QUERY_GFX_PLANE)
		return -ENOTTY;
	return mdpy_pci_query_plane(to_mdpy_pci(mdev_pci_from_mdev(mdev)),
				    (void __user *)arg);
}

/* Creation and removal */

static int mdpy_pci_create(struct mdev_pci *pci)
{
	const struct mdev_pci_function *function = pci->type->function;
	const struct mdpy_pci_mode *mode = (void *)function->vendor_caps->data;
	struct mdpy_pci *mdpy = to_mdpy_pci(pci);

	mdpy->width = le32_to_cpu(mode->width);
	mdpy->height = le32_to_cpu(mode->height);
	mdpy->stride = mdpy->width * 4;
	mdpy->size = function->bar[0].size;
	mdpy->memory = vzalloc(mdpy->size);
	return mdpy->memory ? 0 : -ENOMEM;
}

static void mdpy_pci_remove(struct mdev_pci *pci)
{
	vfree(to_mdpy_pci(pci)->memory);
}

/* Migration: config space is mdev_pci's */

static ssize_t mdpy_pci_save(struct mdev_pci *pci, void *buf, size_t size)
{
	struct mdpy_pci *mdpy = to_mdpy_pci(pci);

	memcpy(buf, mdpy->memory, mdpy->size);
	return mdpy->size;
}

static int mdpy_pci_load(struct mdev_pci *pci, u32 version, const void *buf,
			 size_t size)
{
	struct mdpy_pci *mdpy = to_mdpy_pci(pci);

	if (size != mdpy->size)
		return -EINVAL;
	memcpy(mdpy->memory, buf, size);
	return 0;
}

static ssize_t resolution_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	struct mdpy_pci *mdpy =
		to_mdpy_pci(mdev_pci_from_mdev(mdev_from_dev(dev)));

	return sysfs_emit(buf, "%ux%u\n", mdpy->width, mdpy->height);
}
static DEVICE_ATTR_RO(resolution);

static struct attribute *mdpy_pci_attrs[] = {
	&dev_attr_resolution.attr,
	NULL
};

static const struct attribute_group mdpy_pci_group = {
	.name = "vendor",
	.attrs = mdpy_pci_attrs,
};
__ATTRIBUTE_GROUPS(mdpy_pci);

#define MDPY_PCI_MODE(_width, _height)					\
	{								\
		.format = cpu_to_le32(DRM_FORMAT_XRGB8888),		\
		.width = cpu_to_le32(_width),				\
		.height = cpu_to_le32(_height),				\
	}

static const struct mdpy_pci_mode mdpy_pci_vga = MDPY_PCI_MODE(640, 480);
static const struct mdpy_pci_mode mdpy_pci_xga = MDPY_PCI_MODE(1024, 768);
static const struct mdpy_pci_mode mdpy_pci_hd = MDPY_PCI_MODE(1920, 1080);

#define MDPY_PCI_TYPE(_name, _size, _description)			\
	{								\
		.name = #_name,						\
		.label = "mdpy-" #_name,				\
		.description = _description,				\
		.units = 1,						\
		.function = &(const struct mdev_pci_function) {		\
			.vendor = MDPY_VENDOR_ID,			\
			.device = MDPY_DEVICE_ID,			\
			.subsystem_vendor = MDPY_SUBSYSTEM_VENDOR_ID,	\
			.subsystem = MDPY_SUBSYSTEM_ID,			\
			.class = MDPY_CLASS,				\
			.revision = MDPY_REVISION,			\
			.bar[0] = {					\
				.flags = PCI_BASE_ADDRESS_MEM_PREFETCH,	\
				.size = SZ_##_size,			\
				.read = mdpy_pci_read,			\
				.write = mdpy_pci_write,		\
				.map = mdpy_pci_map,			\
			},						\
			.regions = &(const struct mdev_pci_region) {	\
				.size = SZ_##_size,			\
				.read = mdpy_pci_read,			\
				.write = mdpy_pci_write,		\
				.map = mdpy_pci_map,			\
				.type = VFIO_REGION_TYPE_PCI_VENDOR_TYPE | \
					MDPY_VENDOR_ID,			\
				.subtype = 1,				\
			},						\
			.nr_regions = 1,				\
			.vendor_caps = &(const struct mdev_pci_vendor_cap) { \
				.data = (const u8 *)&mdpy_pci_##_name,	\
				.size = sizeof(mdpy_pci_##_name),	\
			},						\
			.nr_vendor_caps = 1,				\
		},							\
	}

static const struct mdev_pci_type mdpy_pci_types[] = {
	MDPY_PCI_TYPE(vga, 2M, "virtual display, 640x480 framebuffer"),
	MDPY_PCI_TYPE(xga, 4M, "virtual display, 1024x768 framebuffer"),
	MDPY_PCI_TYPE(hd, 8M, "virtual display, 1920x1080 framebuffer"),
};

static const struct mdev_pci_driver mdpy_pci_mdev_driver = {
	.ops.mdev_attr_groups = mdpy_pci_groups,
	.ops.ioctl = mdpy_pci_ioctl,
	.types = mdpy_pci_types,
	.nr_types = ARRAY_SIZE(mdpy_pci_types),
	.device_size = MDEV_PCI_DEVICE_SIZE(struct mdpy_pci, pci),
	.state_size = SZ_8M,	/* the largest BAR0 */
	.create = mdpy_pci_create,
	.remove = mdpy_pci_remove,
	.reset = mdpy_pci_reset,
	.save = mdpy_pci_save,
	.load = mdpy_pci_load,
};

static unsigned int displays = 4;
module_param_named(count, displays, uint, 0444);
MODULE_PARM_DESC(count, "Number of displays (default 4)");

/* There is no hardware, so the module makes the parent device itself. */
static struct platform_device *mdpy_pci_device;
static struct mdev_pci_parent mdpy_pci_parent;

static int mdpy_pci_probe(struct platform_device *pdev)
{
	return mdev_pci_register(&mdpy_pci_parent, &pdev->dev,
				 &mdpy_pci_mdev_driver, displays);
}

static void mdpy_pci_unbind(struct platform_device *pdev)
{
	mdev_pci_unregister(&mdpy_pci_parent);
}

static struct platform_driver mdpy_pci_driver = {
	.driver.name = "mdpy_pci",
	.remove = mdpy_pci_unbind,
};

static int __init mdpy_pci_init(void)
{
	mdpy_pci_device = platform_create_bundle(&mdpy_pci_driver,
						 mdpy_pci_probe, NULL, 0,
						 NULL, 0);
	return PTR_ERR_OR_ZERO(mdpy_pci_device);
}
module_init(mdpy_pci_init);

static void __exit mdpy_pci_exit(void)
{
	platform_device_unregister(mdpy_pci_device);
	platform_driver_unregister(&mdpy_pci_driver);
}
module_exit(mdpy_pci_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample vendor driver: mainline's mdpy with mdev_pci");
