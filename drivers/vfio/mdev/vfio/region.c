// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions of a mediated device: what they are, and trapped reads and writes.
 *
 * A position in the device file has the region's index above
 * MDEV_REGION_SHIFT. An access is checked against the region as of open and then
 * forwarded to the driver in naturally aligned pieces of up to eight bytes, or,
 * in a region with MDEV_REGION_BULK, a page at a time. Each call of the driver is
 * one that mdev_drain() waits for; copies from and to userspace are not.
 */

#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <trace/events/mdev.h>

#include "private.h"

/* Number of regions that a loff_t can address */
#define VFIO_MDEV_MAX_REGIONS	BIT(63 - MDEV_REGION_SHIFT)

/* Flags of regions that userspace does not see */
#define VFIO_MDEV_REGION_FLAGS	(MDEV_REGION_BULK | MDEV_REGION_UNCACHED | \
				 MDEV_REGION_WC)

static int vfio_mdev_call_get_region_info(struct vfio_mdev *vmdev,
					  struct vfio_region_info *info,
					  struct vfio_info_cap *caps)
{
	int ret;

	if (!vmdev->ops->get_region_info)
		return 0;
	ret = mdev_operation_enter(vmdev->mdev);
	if (ret)
		return ret;
	ret = vmdev->ops->get_region_info(vmdev->mdev, info, caps);
	mdev_operation_exit(vmdev->mdev);
	return ret;
}

static int vfio_mdev_query_region(struct vfio_mdev *vmdev, u32 index,
				  struct vfio_region_info *info,
				  struct vfio_info_cap *caps)
{
	int ret;

	info->index = index;
	info->flags = 0;
	info->size = 0;
	info->cap_offset = 0;
	ret = vfio_mdev_call_get_region_info(vmdev, info, caps);
	if (ret)
		return ret;

	/* A larger region would overlap the positions of the next one */
	if (info->size > BIT_ULL(MDEV_REGION_SHIFT))
		return -EINVAL;
	/* Without these callbacks the region can't be mapped */
	if (!vmdev->ops->validate_map_request && !vmdev->ops->mmap)
		info->flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
	info->index = index;
	info->offset = (u64)index << MDEV_REGION_SHIFT;
	return 0;
}

static int vfio_mdev_region_init(struct vfio_mdev *vmdev, u32 index)
{
	struct vfio_mdev_region *region = &vmdev->regions[index];
	struct vfio_region_info info = { .argsz = sizeof(info) };
	struct vfio_info_cap caps = {};
	int ret;

	ret = vfio_mdev_query_region(vmdev, index, &info, &caps);
	if (ret)
		goto out_free;
	region->flags = info.flags;
	if (info.flags & MDEV_REGION_UNCACHED && info.flags & MDEV_REGION_WC) {
		dev_err_ratelimited(mdev_dev(vmdev->mdev),
				    "region %u: MDEV_REGION_UNCACHED with MDEV_REGION_WC\n",
				    index);
		ret = -EINVAL;
		goto out_free;
	}
	if (vmdev->ops->read && info.flags & VFIO_REGION_INFO_FLAG_READ)
		region->readable = info.size;
	if (vmdev->ops->write && info.flags & VFIO_REGION_INFO_FLAG_WRITE)
		region->writable = info.size;
	if (info.flags & VFIO_REGION_INFO_FLAG_MMAP && !vmdev->ops->mmap) {
		ret = vfio_mdev_areas_init(region, &info, &caps);
		if (ret == -EINVAL)
			dev_err_ratelimited(mdev_dev(vmdev->mdev),
					    "region %u: areas are not page aligned or not within it\n",
					    index);
	}
out_free:
	kfree(caps.buf);
	return ret;
}

int vfio_mdev_regions_init(struct vfio_mdev *vmdev)
{
	u32 index;
	int ret;

	if (vmdev->info.num_regions > VFIO_MDEV_MAX_REGIONS)
		return -EINVAL;
	vmdev->regions = kvcalloc(vmdev->info.num_regions,
				  sizeof(*vmdev->regions), GFP_KERNEL);
	if (!vmdev->regions)
		return -ENOMEM;

	for (index = 0; index < vmdev->info.num_regions; index++) {
		ret = vfio_mdev_region_init(vmdev, index);
		if (ret) {
			vfio_mdev_regions_exit(vmdev);
			return ret;
		}
	}
	return 0;
}

void vfio_mdev_regions_exit(struct vfio_mdev *vmdev)
{
	u32 index;

	for (index = 0; index < vmdev->info.num_regions; index++)
		kfree(vmdev->regions[index].areas);
	kvfree(vmdev->regions);
	vmdev->regions = NULL;
}

/* VFIO_DEVICE_GET_REGION_INFO; VFIO core copies @info and @caps to userspace. */
int vfio_mdev_get_region_info(struct vfio_device *vdev,
			      struct vfio_region_info *info,
			      struct vfio_info_cap *caps)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	u32 index = info->index;
	int ret;

	if (index >= vmdev->info.num_regions)
		return -EINVAL;
	ret = mdev_wait_resumed(vmdev->mdev);
	if (ret)
		return ret;
	/* Drivers index arrays with it */
	index = array_index_nospec(index, vmdev->info.num_regions);
	ret = vfio_mdev_query_region(vmdev, index, info, caps);
	info->flags &= ~VFIO_MDEV_REGION_FLAGS;
	return ret;
}

/* The largest naturally aligned access at @pos that @count bytes allow. */
static size_t vfio_mdev_access_size(loff_t pos, size_t count)
{
	/* Limit the alignment to eight bytes; also, __ffs() needs a set bit */
	unsigned int alignment = 1U << __ffs(pos | sizeof(u64));

	return min_t(size_t, alignment, rounddown_pow_of_two(count));
}

/* The value of a register, as wide as an access of it can be */
union vfio_mdev_value {
	u8 u8;
	u16 u16;
	u32 u32;
	u64 u64;
};

/* put_user() is much faster than copy_to_user() of up to eight bytes */
static __always_inline int
vfio_mdev_put_value(const union vfio_mdev_value *value, char __user *ubuf,
		    size_t size)
{
	switch (size) {
	case sizeof(u8):
		return put_user(value->u8, (u8 __user *)ubuf);
	case sizeof(u16):
		return put_user(value->u16, (u16 __user *)ubuf);
	case sizeof(u32):
		return put_user(value->u32, (u32 __user *)ubuf);
	default:
		return put_user(value->u64, (u64 __user *)ubuf);
	}
}

static __always_inline int
vfio_mdev_get_value(union vfio_mdev_value *value, const char __user *ubuf,
		    size_t size)
{
	switch (size) {
	case sizeof(u8):
		return get_user(value->u8, (u8 __user *)ubuf);
	case sizeof(u16):
		return get_user(value->u16, (u16 __user *)ubuf);
	case sizeof(u32):
		return get_user(value->u32, (u32 __user *)ubuf);
	default:
		return get_user(value->u64, (u64 __user *)ubuf);
	}
}

/* A driver has to transfer all @size bytes: a short count is -EIO. */
static __always_inline int
vfio_mdev_call_driver(struct vfio_mdev *vmdev, void *buf, size_t size,
		      loff_t pos, bool write)
{
	struct mdev_device *mdev = vmdev->mdev;
	const struct parent_ops *ops = vmdev->ops;
	ssize_t ret;

	ret = mdev_callback_enter(mdev);
	if (unlikely(ret))
		return ret;
	/* Test inside: mdev_callback_enter() can have waited for ->stop(). */
	if (unlikely(!mdev_is_online(mdev)))
		ret = -EIO;
	else if (write)
		ret = ops->write(mdev, buf, size, pos);
	else
		ret = ops->read(mdev, buf, size, pos);
	mdev_callback_exit(mdev);

	if (likely(ret == size))
		return 0;
	return ret < 0 ? ret : -EIO;
}

static noinline int vfio_mdev_call_driver_traced(struct vfio_mdev *vmdev,
						 void *buf, size_t size,
						 loff_t pos, bool write)
{
	int ret = vfio_mdev_call_driver(vmdev, buf, size, pos, write);

	trace_mdev_region_access(vmdev->mdev, pos, size, write, buf, ret);
	return ret;
}

/* Don't keep arguments of the event across the call unless it is traced. */
static __always_inline int vfio_mdev_driver_rw(struct vfio_mdev *vmdev,
					       void *buf, size_t size,
					       loff_t pos, bool write)
{
	if (trace_mdev_region_access_enabled())
		return vfio_mdev_call_driver_traced(vmdev, buf, size, pos,
						    write);
	return vfio_mdev_call_driver(vmdev, buf, size, pos, write);
}

static __always_inline int
vfio_mdev_access_value(struct vfio_mdev *vmdev, char __user *ubuf, size_t size,
		       loff_t pos, bool write)
{
	union vfio_mdev_value value = {};
	int ret;

	if (write) {
		ret = vfio_mdev_get_value(&value, ubuf, size);
		return ret ?: vfio_mdev_driver_rw(vmdev, &value, size, pos, true);
	}
	ret = vfio_mdev_driver_rw(vmdev, &value, size, pos, false);
	return ret ?: vfio_mdev_put_value(&value, ubuf, size);
}

static int vfio_mdev_access_page(struct vfio_mdev *vmdev, char __user *ubuf,
				 void *page, size_t size, loff_t pos, bool write)
{
	int ret;

	if (write && copy_from_user(page, ubuf, size))
		return -EFAULT;
	ret = vfio_mdev_driver_rw(vmdev, page, size, pos, write);
	if (!ret && !write && copy_to_user(ubuf, page, size))
		ret = -EFAULT;
	return ret;
}

/*
 * Transfer @count bytes, one piece after the other: up to a page at a time, or
 * a value if @page is NULL. As with any file, an error is returned only if no
 * piece was transferred before it.
 */
static noinline ssize_t
vfio_mdev_transfer_bytes(struct vfio_mdev *vmdev, char __user *ubuf, size_t count,
			 loff_t *ppos, void *page, bool write)
{
	size_t done = 0;
	size_t size;
	int ret = 0;

	while (done < count) {
		if (page) {
			size = min(count - done, PAGE_SIZE);
			ret = vfio_mdev_access_page(vmdev, ubuf + done, page,
						    size, *ppos, write);
		} else {
			size = vfio_mdev_access_size(*ppos, count - done);
			ret = vfio_mdev_access_value(vmdev, ubuf + done, size,
						     *ppos, write);
		}
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

static noinline ssize_t
vfio_mdev_transfer_bulk(struct vfio_mdev *vmdev, char __user *ubuf,
			size_t count, loff_t *ppos, bool write)
{
	void *page = (void *)get_zeroed_page(GFP_KERNEL);
	ssize_t ret;

	if (!page)
		return -ENOMEM;
	ret = vfio_mdev_transfer_bytes(vmdev, ubuf, count, ppos, page, write);
	free_page((unsigned long)page);
	return ret;
}

/* Nearly every access is of one register: @count is a size, @pos aligned to it */
static __always_inline bool vfio_mdev_is_value(loff_t pos, size_t count)
{
	return count <= sizeof(u64) && is_power_of_2(count) &&
	       IS_ALIGNED(pos, count);
}

/* errno of an access beyond @readable or @writable of its region */
static int vfio_mdev_access_error(struct vfio_mdev *vmdev, bool write)
{
	if (write ? !vmdev->ops->write : !vmdev->ops->read)
		return -EIO;
	return -EINVAL;
}

static __always_inline ssize_t
vfio_mdev_access(struct vfio_mdev *vmdev, char __user *ubuf, size_t count,
		 loff_t *ppos, bool write)
{
	u64 offset = mdev_region_offset(*ppos);
	/* A negative position has an index above that of any region */
	u32 index = mdev_region_index(*ppos);
	const struct vfio_mdev_region *region;
	u64 size;
	int ret;

	if (index >= vmdev->info.num_regions)
		return -EINVAL;
	region = &vmdev->regions[array_index_nospec(index,
						    vmdev->info.num_regions)];
	size = write ? region->writable : region->readable;
	if (offset >= size)
		return vfio_mdev_access_error(vmdev, write);
	count = min(count, size - offset);

	if (likely(vfio_mdev_is_value(*ppos, count))) {
		ret = vfio_mdev_access_value(vmdev, ubuf, count, *ppos, write);
		if (ret)
			return ret;
		*ppos += count;
		return count;
	}
	if (region->flags & MDEV_REGION_BULK)
		return vfio_mdev_transfer_bulk(vmdev, ubuf, count, ppos, write);
	return vfio_mdev_transfer_bytes(vmdev, ubuf, count, ppos, NULL, write);
}

ssize_t vfio_mdev_read(struct vfio_device *vdev, char __user *buf,
		       size_t count, loff_t *ppos)
{
	return vfio_mdev_access(to_vfio_mdev(vdev), buf, count, ppos, false);
}

ssize_t vfio_mdev_write(struct vfio_device *vdev, const char __user *buf,
			size_t count, loff_t *ppos)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	ssize_t ret;

	ret = vfio_mdev_access(vmdev, (char __user *)buf, count, ppos, true);
	if (unlikely(test_bit(MDEV_RESET_REQUESTED, &vmdev->mdev->flags)))
		vfio_mdev_function_resets(vmdev);
	return ret;
}
