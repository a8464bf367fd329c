// SPDX-License-Identifier: GPL-2.0-only
/*
 * mvga: a vendor driver for mediated displays that needs no hardware.
 *
 * Each is QEMU's Bochs display, without firmware: the stock bochs driver of a
 * guest draws in video memory, BAR0, and says with the DISPI registers in BAR2
 * which part of it is shown. Video memory is allocated page by page at the first
 * access. The host sees the picture by VFIO: mvga_display.c.
 */

#include <linux/array_size.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci_ids.h>
#include <linux/platform_device.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/vmalloc.h>

#include "mvga.h"

#define MVGA_VENDOR_ID	0x1234
#define MVGA_ID		0xb0c5	/* the latest of the extension's versions */
#define MVGA_ENABLED	1

/*
 * The monitor, by VESA E-EDID 1.4, table 3.1. It likes 1024x768 best, of which
 * two frames fit in the memory of any type: one is drawn, one shown.
 */
static const u8 mvga_edid[] = {
	0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00,
	0x31, 0xd8, 0, 0, 0, 0, 0, 0, 0, 36,	/* "LNX", made in 2026 */
	1, 4, 0xa0, 0, 0, 120, 0x06,		/* digital, gamma 2.2 */
	0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54, /* sRGB */
	0x21, 0x08, 0x00,		/* 640x480, 800x600, 1024x768 */
	0x81, 0x80, 0xa9, 0x40, 0xd1, 0xc0, /* 1280x1024, 1600x1200, 1080p */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	/* 65 MHz; 1024 pixels and 320 blank; 768 lines and 38 blank */
	0x64, 0x19, 0x00, 0x40, 0x41, 0x00, 0x26, 0x30, 0x18, 0x88, 0x36, 0x00,
	0, 0, 0, 0, 0, 0x18,
	0, 0, 0, 0xfc, 0, 'm', 'v', 'g', 'a', '\n', [82 ... 89] = ' ',
	[93] = 0x10, [111] = 0x10,	/* nothing more to say */
	[127] = 0xc1,			/* makes the sum 0 */
};

static u32 mvga_memory_size(const struct mvga *mvga)
{
	return mvga->pci.type->function->bar[MVGA_MEMORY].size;
}

/* As on the real device, nothing is shown that does not lie within video memory. */
static struct mvga_frame mvga_find_frame(const struct mvga *mvga)
{
	const struct mvga_dispi *dispi = &mvga->registers.dispi;
	u32 width = le16_to_cpu(dispi->xres);
	u32 height = le16_to_cpu(dispi->yres);
	u32 line = max(width, le16_to_cpu(dispi->virt_width));
	u64 start = (u64)le16_to_cpu(dispi->y_offset) * line * 4 +
		    le16_to_cpu(dispi->x_offset) * 4;
	u64 size = (u64)height * line * 4;
	struct mvga_frame frame = { .id = mvga->frame.id };

	if (!(dispi->enable & cpu_to_le16(MVGA_ENABLED)) ||
	    dispi->bpp != cpu_to_le16(32) || !width || !height ||
	    start + size > mvga_memory_size(mvga))
		return frame;
	frame.width = width;
	frame.height = height;
	frame.stride = line * 4;
	frame.start = start;
	frame.size = PAGE_ALIGN(size);
	return frame;
}

/* Registers have changed: let the host see what they select now. */
static void mvga_update(struct mvga *mvga)
{
	struct mvga_frame frame = mvga_find_frame(mvga);
	void *copy = mvga->copy;

	lockdep_assert_held(&mvga->lock);
	if (!memcmp(&frame, &mvga->frame, sizeof(frame)))
		return;
	frame.id++;
	mvga->frame = frame;
	mvga->copy = NULL;
	mdev_pci_invalidate(&mvga->pci, MVGA_PICTURE, 0, U64_MAX);
	vfree(copy);
}

static int mvga_copy_frame(struct mvga *mvga, void *copy)
{
	const struct mvga_frame *frame = &mvga->frame;
	u32 end = frame->start + frame->height * frame->stride;
	struct page *page;
	u32 at, size;

	for (at = frame->start; at < end; at += size, copy += size) {
		size = min(PAGE_SIZE - offset_in_page(at), end - at);
		page = mdev_pci_memory_page(&mvga->pci, MVGA_MEMORY, at);
		if (IS_ERR(page))
			return PTR_ERR(page);
		memcpy_from_page(copy, page, offset_in_page(at), size);
		put_page(page);
	}
	return 0;
}

/*
 * VFIO can't say where in the first page of a region a picture begins: copy a frame
 * that does not begin with a page. The copy is shown until the registers change, and
 * VFIO_DEVICE_QUERY_GFX_PLANE brings it up to date.
 */
int mvga_update_copy(struct mvga *mvga)
{
	lockdep_assert_held(&mvga->lock);
	if (!mvga->frame.size || PAGE_ALIGNED(mvga->frame.start))
		return 0;
	if (!mvga->copy) {
		mvga->copy = __vmalloc(mvga->frame.size,
				       GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!mvga->copy)
			return -ENOMEM;
		mdev_pci_invalidate(&mvga->pci, MVGA_PICTURE, 0,
				    mvga->frame.size);
	}
	return mvga_copy_frame(mvga, mvga->copy);
}

/*
 * The page that the picture has at @offset, with a reference, or an ERR_PTR().
 * Behind the end of video memory it goes on at the beginning: a VMM that still
 * shows a larger picture than the guest does must not be killed for that.
 */
struct page *mvga_picture_page(struct mvga *mvga, u64 offset)
{
	struct page *page;

	lockdep_assert_held(&mvga->lock);
	if (mvga->copy && offset < mvga->frame.size) {
		page = vmalloc_to_page(mvga->copy + offset);
		get_page(page);
		return page;
	}
	offset += mvga->frame.start;
	return mdev_pci_memory_page(&mvga->pci, MVGA_MEMORY,
				    offset & (mvga_memory_size(mvga) - 1));
}

static int mvga_map_picture(struct mdev_pci *pci, unsigned int region,
			    u64 offset, unsigned long *pfn, unsigned long *size,
			    u32 *flags)
{
	struct mvga *mvga = to_mvga(pci);
	struct page *page;

	scoped_guard(mutex, &mvga->lock)
		page = mvga_picture_page(mvga, offset);
	if (IS_ERR(page))
		return PTR_ERR(page);
	*pfn = page_to_pfn(page);
	*size = PAGE_SIZE;
	/* A migration would not see what is written here */
	*flags &= ~MDEV_MAP_WRITABLE;
	/* Whatever frees it invalidates the mapping first: the fault is repeated */
	put_page(page);
	return 0;
}

static u64 mvga_read(struct mdev_pci *pci, unsigned int region, u64 offset,
		     unsigned int size)
{
	struct mvga *mvga = to_mvga(pci);
	__le64 value = 0;

	if (offset >= sizeof(mvga->registers))
		return 0;
	guard(mutex)(&mvga->lock);
	memcpy(&value, (u8 *)&mvga->registers + offset, size);
	return le64_to_cpu(value);
}

static void mvga_write(struct mdev_pci *pci, unsigned int region, u64 offset,
		       unsigned int size, u64 value)
{
	struct mvga *mvga = to_mvga(pci);
	u8 *dispi = (u8 *)&mvga->registers.dispi;
	unsigned int i;

	/* What lies before them gets very large */
	offset -= offsetof(struct mvga_registers, dispi);
	guard(mutex)(&mvga->lock);
	for (i = 0; i < size; i++)
		if (offset + i < sizeof(struct mvga_dispi))
			dispi[offset + i] = value >> i * BITS_PER_BYTE;
	mvga_update(mvga);
}

static int mvga_create(struct mdev_pci *pci)
{
	struct mvga *mvga = to_mvga(pci);
	struct mvga_registers *registers = &mvga->registers;

	mutex_init(&mvga->lock);
	memcpy(registers->edid, mvga_edid, sizeof(mvga_edid));
	registers->id = cpu_to_le16(MVGA_ID);
	registers->memory_64k = cpu_to_le16(mvga_memory_size(mvga) / SZ_64K);
	return 0;
}

static int mvga_reset(struct mdev_pci *pci, enum mdev_pci_reset_cause cause)
{
	struct mvga *mvga = to_mvga(pci);

	guard(mutex)(&mvga->lock);
	mvga->registers.dispi = (struct mvga_dispi) {};
	mvga_update(mvga);
	return 0;
}

static ssize_t mvga_save(struct mdev_pci *pci, void *buf, size_t size)
{
	struct mvga *mvga = to_mvga(pci);

	guard(mutex)(&mvga->lock);
	memcpy(buf, &mvga->registers, sizeof(mvga->registers));
	return sizeof(mvga->registers);
}

static int mvga_load(struct mdev_pci *pci, u32 version, const void *buf,
		     size_t size)
{
	struct mvga *mvga = to_mvga(pci);
	const struct mvga_registers *saved = buf;

	guard(mutex)(&mvga->lock);
	if (size != sizeof(*saved) ||
	    saved->memory_64k != mvga->registers.memory_64k ||
	    saved->id != mvga->registers.id)
		return -EINVAL;
	mvga->registers.dispi = saved->dispi;
	mvga_update(mvga);
	return 0;
}

static ssize_t mode_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct mvga *mvga = to_mvga(mdev_pci_from_mdev(mdev_from_dev(dev)));

	guard(mutex)(&mvga->lock);
	if (!mvga->frame.size)
		return sysfs_emit(buf, "off\n");
	return sysfs_emit(buf, "%ux%u\n", mvga->frame.width,
			  mvga->frame.height);
}
static DEVICE_ATTR_RO(mode);

static ssize_t committed_kib_show(struct device *dev,
				  struct device_attribute *attr, char *buf)
{
	struct mdev_pci *pci = mdev_pci_from_mdev(mdev_from_dev(dev));

	return sysfs_emit(buf, "%lu\n",
			  mdev_pci_memory_committed(pci, MVGA_MEMORY) *
			  (PAGE_SIZE / SZ_1K));
}
static DEVICE_ATTR_RO(committed_kib);

static struct attribute *mvga_attrs[] = {
	&dev_attr_mode.attr,
	&dev_attr_committed_kib.attr,
	NULL
};
ATTRIBUTE_GROUPS(mvga);

/* The memory repeats up to the end of the picture */
#define MVGA_FUNCTION(_memory_size, _picture_size)			\
	(&(const struct mdev_pci_function) {				\
		.vendor = MVGA_VENDOR_ID,				\
		.device = 0x1111,					\
		.subsystem_vendor = PCI_SUBVENDOR_ID_REDHAT_QUMRANET,	\
		.subsystem = PCI_SUBDEVICE_ID_QEMU,			\
		.class = PCI_CLASS_DISPLAY_OTHER << 8,			\
		.capabilities = MDEV_PCI_PM,				\
		.bar[MVGA_MEMORY] = {					\
			.flags = PCI_BASE_ADDRESS_MEM_PREFETCH,		\
			.size = _memory_size,				\
			.memory = true,					\
		},							\
		.bar[2] = {						\
			.size = SZ_4K,					\
			.read = mvga_read,				\
			.write = mvga_write,				\
		},							\
		.regions = &(const struct mdev_pci_region) {		\
			.size = _picture_size,				\
			.map = mvga_map_picture,			\
			.type = VFIO_REGION_TYPE_PCI_VENDOR_TYPE |	\
				MVGA_VENDOR_ID,				\
			.subtype = 1,					\
		},							\
		.nr_regions = 1,					\
	})

static const struct mdev_pci_type mvga_types[] = {
	{
		.name = "8",
		.description = "Display with 8 MiB of video memory",
		.function = MVGA_FUNCTION(SZ_8M, SZ_64M),
		.units = 8,
	}, {
		.name = "16",
		.description = "Display with 16 MiB of video memory",
		.function = MVGA_FUNCTION(SZ_16M, SZ_64M),
		.units = 16,
	}, {
		.name = "64",
		.description = "Display with 64 MiB of video memory",
		.function = MVGA_FUNCTION(SZ_64M, SZ_64M),
		.units = 64,
	}, {
		.name = "1024",
		.description = "Display with 1 GiB of video memory",
		.function = MVGA_FUNCTION(SZ_1G, SZ_1G),
		.units = 1024,
	},
};

static const struct mdev_pci_driver mvga_driver = {
	.ops.mdev_attr_groups = mvga_groups,
	.ops.ioctl = mvga_ioctl,
	.types = mvga_types,
	.nr_types = ARRAY_SIZE(mvga_types),
	.device_size = MDEV_PCI_DEVICE_SIZE(struct mvga, pci),
	.state_size = sizeof(struct mvga_registers),
	.create = mvga_create,
	.reset = mvga_reset,
	.save = mvga_save,
	.load = mvga_load,
};

static unsigned int memory = 2048;
module_param(memory, uint, 0444);
MODULE_PARM_DESC(memory, "Video memory to hand out, in MiB (default 2048)");

static struct mdev_pci_parent mvga_parent;
static struct platform_device *mvga_device;

static int mvga_probe(struct platform_device *pdev)
{
	return mdev_pci_register(&mvga_parent, &pdev->dev, &mvga_driver,
				 memory);
}

static void mvga_unbind(struct platform_device *pdev)
{
	mdev_pci_unregister(&mvga_parent);
}

static struct platform_driver mvga_platform_driver = {
	.driver.name = "mvga",
	.remove = mvga_unbind,
};

static int __init mvga_init(void)
{
	mvga_device = platform_create_bundle(&mvga_platform_driver, mvga_probe,
					     NULL, 0, NULL, 0);
	return PTR_ERR_OR_ZERO(mvga_device);
}
module_init(mvga_init);

static void __exit mvga_exit(void)
{
	platform_device_unregister(mvga_device);
	platform_driver_unregister(&mvga_platform_driver);
}
module_exit(mvga_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample vendor driver: mediated displays");
