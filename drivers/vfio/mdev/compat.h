/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the supported kernels, each by the feature and not by the
 * version, which a distribution's backports do not change. The rest of the code
 * is written for the newest kernel; what an older one lacks is made up for here,
 * and only here. The Makefile defines the MDEV_HAVE_* macros, from the kernel's
 * headers.
 */
#ifndef _MDEV_COMPAT_H
#define _MDEV_COMPAT_H

#include <linux/device/class.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

/* Defined to 1 by a VFIO core in which type1 refuses pins in what it unmaps */
#ifndef VFIO_DMA_UNMAP_BLOCKS_PINS
#define VFIO_DMA_UNMAP_BLOCKS_PINS	0
#endif

/* A namespace of symbols is a string */
#ifdef MDEV_HAVE_STRING_NAMESPACES
#define MDEV_KUNIT_NAMESPACE	"EXPORTED_FOR_KUNIT_TESTING"
#define MDEV_BUS_NAMESPACE	"MDEV_BUS"
#else
#define MDEV_KUNIT_NAMESPACE	EXPORTED_FOR_KUNIT_TESTING
#define MDEV_BUS_NAMESPACE	MDEV_BUS
#endif

/* Came to 6.12 with a stable update */
#ifndef kzalloc_obj
#define mdev_compat_second(_first, _second, ...)	((void)(_first), _second)
#define kzalloc_obj(_object, ...) \
	kcalloc(1, sizeof(_object), \
		mdev_compat_second(0, ##__VA_ARGS__, GFP_KERNEL))
#endif

/* The third argument was a device to link to */
#ifndef MDEV_HAVE_CLASS_COMPAT_TWO_ARGUMENTS
#define class_compat_create_link(_class, _dev) \
	class_compat_create_link(_class, _dev, NULL)
#define class_compat_remove_link(_class, _dev) \
	class_compat_remove_link(_class, _dev, NULL)
#endif

/* A page frame number came as a type of its own */
#ifdef MDEV_HAVE_PFN_T
#include <linux/pfn_t.h>

#define vmf_insert_pfn_pmd(_vmf, _pfn, _write) \
	vmf_insert_pfn_pmd(_vmf, __pfn_to_pfn_t(_pfn, PFN_DEV), _write)
#define vmf_insert_pfn_pud(_vmf, _pfn, _write) \
	vmf_insert_pfn_pud(_vmf, __pfn_to_pfn_t(_pfn, PFN_DEV), _write)
#endif

#ifndef MDEV_HAVE_ZAP_SPECIAL_VMA_RANGE
#define zap_special_vma_range	zap_vma_ptes
#endif

#ifndef MDEV_HAVE_TIMER_DESTROY_ON_STACK
#define timer_destroy_on_stack	destroy_timer_on_stack
#endif

#ifndef MDEV_HAVE_GET_REGION_INFO_CAPS

/*
 * VFIO core hands VFIO_DEVICE_GET_REGION_INFO to the driver. This is what a
 * newer one does itself, for a driver with @query as its get_region_info_caps.
 */
typedef int (*mdev_compat_query_t)(struct vfio_device *vdev,
				   struct vfio_region_info *info,
				   struct vfio_info_cap *caps);

static inline int mdev_compat_put_caps(struct vfio_region_info __user *arg,
				       struct vfio_region_info *info,
				       struct vfio_info_cap *caps)
{
	u32 wanted = sizeof(*info) + caps->size;

	if (!caps->size)
		return 0;
	info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
	if (info->argsz < wanted) {
		info->argsz = wanted;
		return 0;
	}
	info->cap_offset = sizeof(*info);
	vfio_info_cap_shift(caps, sizeof(*info));
	return copy_to_user(arg + 1, caps->buf, caps->size) ? -EFAULT : 0;
}

static inline long mdev_compat_region_info(struct vfio_device *vdev,
					   struct vfio_region_info __user *arg,
					   mdev_compat_query_t query)
{
	unsigned long minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info;
	struct vfio_info_cap caps = {};
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	ret = query(vdev, &info, &caps);
	if (!ret)
		ret = mdev_compat_put_caps(arg, &info, &caps);
	if (!ret && copy_to_user(arg, &info, minsz))
		ret = -EFAULT;
	kfree(caps.buf);
	return ret;
}

#endif /* !MDEV_HAVE_GET_REGION_INFO_CAPS */

#endif /* _MDEV_COMPAT_H */
