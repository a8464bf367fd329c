// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the host sees the picture of an mvga display: as a region that the VMM
 * maps, or as a dma-buf that it hands to its GPU.
 */

#include <drm/drm_plane.h>
#include <linux/cleanup.h>
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/drm/drm_fourcc.h>

#include "mvga.h"

/* QEMU, if it has no OpenGL, doesn't start when they are offered */
static bool dmabuf;
module_param(dmabuf, bool, 0644);
MODULE_PARM_DESC(dmabuf, "Offer pictures as dma-bufs, too (default N)");

/* The pages of a frame, or of its copy, with references of their own. */
struct mvga_buffer {
	unsigned int nr_pages;
	struct page *pages[];
};

static void mvga_buffer_free(struct mvga_buffer *buffer)
{
	release_pages(buffer->pages, buffer->nr_pages);
	kvfree(buffer);
}

static struct mvga_buffer *mvga_buffer_create(struct mvga *mvga, u32 id)
{
	const struct mvga_frame *frame = &mvga->frame;
	struct mvga_buffer *buffer;
	struct page *page;
	u64 offset;
	int ret;

	guard(mutex)(&mvga->lock);
	if (!frame->size || id != frame->id)
		return ERR_PTR(-EINVAL);
	ret = mvga_update_copy(mvga);
	if (ret)
		return ERR_PTR(ret);
	buffer = kvzalloc(struct_size(buffer, pages, frame->size / PAGE_SIZE),
			  GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return ERR_PTR(-ENOMEM);
	for (offset = 0; offset < frame->size; offset += PAGE_SIZE) {
		page = mvga_picture_page(mvga, offset);
		if (IS_ERR(page)) {
			mvga_buffer_free(buffer);
			return ERR_CAST(page);
		}
		buffer->pages[buffer->nr_pages++] = page;
	}
	return buffer;
}

static struct sg_table *mvga_buffer_map(struct dma_buf_attachment *attachment,
					enum dma_data_direction direction)
{
	struct mvga_buffer *buffer = attachment->dmabuf->priv;
	struct sg_table *table __free(kfree) =
		kzalloc(sizeof(*table), GFP_KERNEL);
	int ret;

	if (!table)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table_from_pages(table, buffer->pages, buffer->nr_pages,
					0, attachment->dmabuf->size,
					GFP_KERNEL);
	if (ret)
		return ERR_PTR(ret);
	ret = dma_map_sgtable(attachment->dev, table, direction, 0);
	if (!ret)
		return_ptr(table);
	sg_free_table(table);
	return ERR_PTR(ret);
}

static void mvga_buffer_unmap(struct dma_buf_attachment *attachment,
			      struct sg_table *table,
			      enum dma_data_direction direction)
{
	dma_unmap_sgtable(attachment->dev, table, direction, 0);
	sg_free_table(table);
	kfree(table);
}

static int mvga_buffer_mmap(struct dma_buf *buf, struct vm_area_struct *vma)
{
	struct mvga_buffer *buffer = buf->priv;

	return vm_map_pages(vma, buffer->pages, buffer->nr_pages);
}

static void mvga_buffer_release(struct dma_buf *buf)
{
	mvga_buffer_free(buf->priv);
}

static const struct dma_buf_ops mvga_buffer_ops = {
	.map_dma_buf = mvga_buffer_map,
	.unmap_dma_buf = mvga_buffer_unmap,
	.mmap = mvga_buffer_mmap,
	.release = mvga_buffer_release,
};

static long mvga_get_dmabuf(struct mvga *mvga, u32 __user *arg)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct mvga_buffer *buffer;
	struct dma_buf *buf;
	u32 id;
	int fd;

	if (get_user(id, arg))
		return -EFAULT;
	buffer = mvga_buffer_create(mvga, id);
	if (IS_ERR(buffer))
		return PTR_ERR(buffer);

	info.ops = &mvga_buffer_ops;
	info.size = (size_t)buffer->nr_pages * PAGE_SIZE;
	info.flags = O_RDONLY;
	info.priv = buffer;
	buf = dma_buf_export(&info);
	if (IS_ERR(buf)) {
		mvga_buffer_free(buffer);
		return PTR_ERR(buf);
	}
	fd = dma_buf_fd(buf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(buf);
	return fd;
}

static bool mvga_offers(u32 type)
{
	return type == VFIO_GFX_PLANE_TYPE_REGION ||
	       (type == VFIO_GFX_PLANE_TYPE_DMABUF && READ_ONCE(dmabuf));
}

/*
 * Primary and overlay are the same plane: QEMU sets drm_plane_type to 0, an
 * overlay, for region-type planes. Zeros: the display is off.
 */
static long mvga_query_plane(struct mvga *mvga,
			     struct vfio_device_gfx_plane_info __user *arg)
{
	unsigned long minsz = offsetofend(typeof(*arg), dmabuf_id);
	struct vfio_device_gfx_plane_info info;
	struct mvga_frame frame = {};
	int ret = 0;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.drm_plane_type > DRM_PLANE_TYPE_CURSOR ||
	    !mvga_offers(info.flags & ~VFIO_GFX_PLANE_TYPE_PROBE))
		return -EINVAL;
	if (info.flags & VFIO_GFX_PLANE_TYPE_PROBE)
		return 0;

	scoped_guard(mutex, &mvga->lock)
		if (info.drm_plane_type != DRM_PLANE_TYPE_CURSOR) {
			ret = mvga_update_copy(mvga);
			frame = mvga->frame;
		}
	if (ret)
		return ret;
	info = (struct vfio_device_gfx_plane_info) {
		.argsz = info.argsz,
		.flags = info.flags,
		.drm_plane_type = info.drm_plane_type,
		.drm_format = frame.size ? DRM_FORMAT_XRGB8888 : 0,
		.width = frame.width,
		.height = frame.height,
		.stride = frame.stride,
		.size = frame.size,
		.x_hot = U32_MAX,
		.y_hot = U32_MAX,
		.region_index = MVGA_PICTURE,
	};
	if (info.flags == VFIO_GFX_PLANE_TYPE_DMABUF)
		info.dmabuf_id = frame.id;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

long mvga_ioctl(struct mdev_device *mdev, unsigned int cmd, unsigned long arg)
{
	struct mvga *mvga = to_mvga(mdev_pci_from_mdev(mdev));

	if (cmd == VFIO_DEVICE_QUERY_GFX_PLANE)
		return mvga_query_plane(mvga, (void __user *)arg);
	if (cmd == VFIO_DEVICE_GET_GFX_DMABUF)
		return mvga_get_dmabuf(mvga, (void __user *)arg);
	return -ENOTTY;
}

/* Older kernels' MODULE_IMPORT_NS() has its argument without quotes */
MODULE_INFO(import_ns, "DMA_BUF");
