// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions of a mediated device: what they are, and trapped reads and writes.
 *
 * A position in the device file has the region's index above
 * MDEV_REGION_SHIFT. An access is checked against what the vendor answered at
 * open and then goes to it in naturally aligned pieces of up to eight bytes,
 * or, in a region with MDEV_REGION_BULK, a page at a time.
 */

#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vfio_mdev.h"

/* As many as a position in the device file can tell apart */
#define VFIO_MDEV_MAX_REGIONS	BIT(63 - MDEV_REGION_SHIFT)

static int vfio_mdev_query_region(struct vfio_mdev *vmdev, u32 index,
				  struct vfio_region_info *info,
				  struct vfio_info_cap *caps)
{
	int ret = 0;

	info->index = index;
	info->flags = 0;
	info->size = 0;
	info->cap_offset = 0;
	if (vmdev->ops->get_region_info)
		ret = vmdev->ops->get_region_info(vmdev->mdev, info, caps);
	if (ret)
		return ret;

	/* A larger one would reach into the next one's positions */
	if (info->size > BIT_ULL(MDEV_REGION_SHIFT))
		return -EINVAL;
	info->index = index;
	info->offset = (u64)index << MDEV_REGION_SHIFT;
	return 0;
}

int vfio_mdev_regions_init(struct vfio_mdev *vmdev)
{
	struct vfio_region_info info = { .argsz = sizeof(info) };
	u32 index;
	int ret;

	if (vmdev->info.num_regions > VFIO_MDEV_MAX_REGIONS)
		return -EINVAL;
	vmdev->regions = kvcalloc(vmdev->info.num_regions,
				  sizeof(*vmdev->regions), GFP_KERNEL);
	if (!vmdev->regions)
		return -ENOMEM;

	for (index = 0; index < vmdev->info.num_regions; index++) {
		ret = vfio_mdev_query_region(vmdev, index, &info, NULL);
		if (ret) {
			vfio_mdev_regions_exit(vmdev);
			return ret;
		}
		vmdev->regions[index].size = info.size;
		vmdev->regions[index].flags = info.flags;
	}
	return 0;
}

void vfio_mdev_regions_exit(struct vfio_mdev *vmdev)
{
	kvfree(vmdev->regions);
	vmdev->regions = NULL;
}

/* VFIO_DEVICE_GET_REGION_INFO; VFIO core copies @info and @caps to the user. */
int vfio_mdev_get_region_info(struct vfio_device *vdev,
			      struct vfio_region_info *info,
			      struct vfio_info_cap *caps)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	u32 index = info->index;
	int ret;

	if (index >= vmdev->info.num_regions)
		return -EINVAL;
	/* Vendors look it up in tables */
	index = array_index_nospec(index, vmdev->info.num_regions);
	ret = vfio_mdev_query_region(vmdev, index, info, caps);
	info->flags &= ~MDEV_REGION_BULK;
	return ret;
}

/* The largest naturally aligned access at @pos that @count bytes allow. */
static size_t vfio_mdev_access_size(loff_t pos, size_t count)
{
	/* Eight bytes are the most, so nothing above them matters */
	unsigned int alignment = 1U << __ffs(pos | sizeof(u64));

	return min_t(size_t, alignment, rounddown_pow_of_two(count));
}

/* What the vendor transfers is all or nothing. */
static int vfio_mdev_result(ssize_t ret, size_t size)
{
	if (ret < 0)
		return ret;
	return ret == size ? 0 : -EIO;
}

static int vfio_mdev_read_piece(struct vfio_mdev *vmdev, char __user *ubuf,
				void *buf, size_t size, loff_t pos)
{
	int ret;

	ret = vfio_mdev_result(vmdev->ops->read(vmdev->mdev, buf, size, pos),
			       size);
	if (ret)
		return ret;
	return copy_to_user(ubuf, buf, size) ? -EFAULT : 0;
}

static int vfio_mdev_write_piece(struct vfio_mdev *vmdev, char __user *ubuf,
				 void *buf, size_t size, loff_t pos)
{
	if (copy_from_user(buf, ubuf, size))
		return -EFAULT;
	return vfio_mdev_result(vmdev->ops->write(vmdev->mdev, buf, size, pos),
				size);
}

typedef int (*vfio_mdev_piece_t)(struct vfio_mdev *vmdev, char __user *ubuf,
				 void *buf, size_t size, loff_t pos);

/*
 * Transfer @count bytes, one piece after the other; @page is for pieces that
 * exceed eight bytes. As with any file, an error is answered only if no piece
 * was transferred before it.
 */
static __always_inline ssize_t
vfio_mdev_transfer(struct vfio_mdev *vmdev, char __user *ubuf, size_t count,
		   loff_t *ppos, bool bulk, void *page,
		   vfio_mdev_piece_t piece)
{
	size_t done = 0;
	u64 value = 0;
	size_t size;
	int ret = 0;

	while (done < count) {
		if (bulk)
			size = min(count - done, PAGE_SIZE);
		else
			size = vfio_mdev_access_size(*ppos, count - done);
		ret = piece(vmdev, ubuf + done, page ?: &value, size, *ppos);
		if (ret)
			break;
		done += size;
		*ppos += size;
		if (done < count) {
			if (fatal_signal_pending(current))
				break;
			cond_resched();
		}
	}
	return done ?: ret;
}

/*
 * Cut @count to what the region at @pos has; @flag says whether it may be
 * accessed this way.
 */
static const struct vfio_mdev_region *
vfio_mdev_region_at(struct vfio_mdev *vmdev, loff_t pos, size_t *count,
		    u32 flag)
{
	u64 offset = mdev_region_offset(pos);
	const struct vfio_mdev_region *region;
	u32 index = mdev_region_index(pos);

	if (pos < 0 || index >= vmdev->info.num_regions)
		return ERR_PTR(-EINVAL);
	region = &vmdev->regions[array_index_nospec(index,
						    vmdev->info.num_regions)];
	if (offset >= region->size || !(region->flags & flag))
		return ERR_PTR(-EINVAL);
	if (!mdev_is_online(vmdev->mdev))
		return ERR_PTR(-EIO);

	*count = min(*count, region->size - offset);
	return region;
}

static __always_inline ssize_t
vfio_mdev_access(struct vfio_mdev *vmdev, char __user *ubuf, size_t count,
		 loff_t *ppos, u32 flag, vfio_mdev_piece_t piece)
{
	const struct vfio_mdev_region *region;
	void *page = NULL;
	ssize_t ret;
	bool bulk;

	region = vfio_mdev_region_at(vmdev, *ppos, &count, flag);
	if (IS_ERR(region))
		return PTR_ERR(region);

	bulk = region->flags & MDEV_REGION_BULK;
	if (bulk && count > sizeof(u64)) {
		page = (void *)get_zeroed_page(GFP_KERNEL);
		if (!page)
			return -ENOMEM;
	}
	ret = vfio_mdev_transfer(vmdev, ubuf, count, ppos, bulk, page, piece);
	free_page((unsigned long)page);
	return ret;
}

ssize_t vfio_mdev_read(struct vfio_device *vdev, char __user *buf,
		       size_t count, loff_t *ppos)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);

	if (!vmdev->ops->read)
		return -EIO;
	return vfio_mdev_access(vmdev, buf, count, ppos,
				VFIO_REGION_INFO_FLAG_READ,
				vfio_mdev_read_piece);
}

ssize_t vfio_mdev_write(struct vfio_device *vdev, const char __user *buf,
			size_t count, loff_t *ppos)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);

	if (!vmdev->ops->write)
		return -EIO;
	return vfio_mdev_access(vmdev, (char __user *)buf, count, ppos,
				VFIO_REGION_INFO_FLAG_WRITE,
				vfio_mdev_write_piece);
}
