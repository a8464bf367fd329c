// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VFIO bus driver for mediated devices: registers a VFIO device with an
 * emulated IOMMU group for each, and forwards requests of userspace to the
 * vendor driver. This file has probe, open and close; private.h lists the
 * files for regions, interrupts, resets and so on.
 */

#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <trace/events/mdev.h>

#include "../compat.h"
#include "private.h"

/* Query what must not change while the device is open. */
static int vfio_mdev_query(struct vfio_mdev *vmdev)
{
	int ret;

	ret = vfio_mdev_info_init(vmdev);
	if (ret)
		return ret;
	ret = vfio_mdev_regions_init(vmdev);
	if (ret)
		vfio_mdev_info_exit(vmdev);
	return ret;
}

static int vfio_mdev_open_and_query(struct vfio_mdev *vmdev)
{
	int ret;

	ret = mdev_open(vmdev->mdev, vmdev->vdev.inode->i_mapping);
	if (ret)
		return ret;
	ret = vfio_mdev_query(vmdev);
	if (ret)
		mdev_close(vmdev->mdev);
	return ret;
}

/*
 * While the parent is paused, wait without unmap_lock: vfio_mdev_dma_unmap() takes it,
 * and type1 calls that with a lock of the whole container held.
 */
static int vfio_mdev_open_device(struct vfio_device *vdev)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	int ret;

	ret = mdev_operation_enter(vmdev->mdev);
	if (!ret)
		mdev_operation_exit(vmdev->mdev);
	else if (ret != -EIO)
		return ret;
	vfio_mdev_dma_begin(vmdev);
	ret = vfio_mdev_open_and_query(vmdev);
	vfio_mdev_dma_end(vmdev, !ret);
	return ret;
}

static void vfio_mdev_close_device(struct vfio_device *vdev)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);

	mdev_close_begin(vmdev->mdev);
	/* Both wait while the parent is paused, mdev_close() then rarely has to */
	vfio_mdev_irqs_tear_down(vmdev);
	vfio_mdev_log_close(vmdev);
	vfio_mdev_migration_close(vmdev);
	vfio_mdev_regions_exit(vmdev);
	vfio_mdev_info_exit(vmdev);
	vfio_mdev_dma_begin(vmdev);
	mdev_close(vmdev->mdev);
	vfio_mdev_dma_end(vmdev, false);
}

static long vfio_mdev_call_ioctl(struct vfio_mdev *vmdev, unsigned int cmd,
				 unsigned long arg)
{
	const struct parent_ops *ops = vmdev->ops;
	long ret;

	if (!ops->ioctl)
		return -ENOTTY;
	if (!ops->drain_ioctl)
		return ops->ioctl(vmdev->mdev, cmd, arg);

	ret = mdev_callback_enter(vmdev->mdev);
	if (ret)
		return ret;
	ret = ops->ioctl(vmdev->mdev, cmd, arg);
	mdev_callback_exit(vmdev->mdev);
	return ret;
}

static long vfio_mdev_ioctl(struct vfio_device *vdev, unsigned int cmd,
			    unsigned long arg)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return vfio_mdev_ioctl_get_info(vmdev, uarg);
#ifndef MDEV_HAVE_GET_REGION_INFO_CAPS
	case VFIO_DEVICE_GET_REGION_INFO:
		return mdev_compat_region_info(vdev, uarg,
					       vfio_mdev_get_region_info);
#endif
	case VFIO_DEVICE_GET_IRQ_INFO:
		return vfio_mdev_ioctl_get_irq_info(vmdev, uarg);
	case VFIO_DEVICE_SET_IRQS:
		return vfio_mdev_ioctl_set_irqs(vmdev, uarg);
	case VFIO_DEVICE_RESET:
		return vfio_mdev_ioctl_reset(vmdev);
	default:
		return vfio_mdev_call_ioctl(vmdev, cmd, arg);
	}
}

static void vfio_mdev_request(struct vfio_device *vdev, unsigned int count)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);

	/* VFIO core waits for the close, and calls this every ten seconds */
	if (count)
		mdev_log_opener(vmdev->mdev, "removal waits for the close");
	if (!vmdev->ops->request)
		return;
	trace_mdev_request(vmdev->mdev, count);
	vmdev->ops->request(vmdev->mdev, count);
}

/*
 * An open device does not keep a group with an iommufd open. The next task that
 * opens the group can set another iommufd or a container; if it then opened the
 * device a second time, the last close would release that backend instead of
 * the one of the first open: return -EBUSY. A group with a container stays
 * open. group->device_lock is held, but not dev_set->lock, under which
 * iommufd_access changes: only VFIO core can exclude a race of two first opens.
 */
static int vfio_mdev_match(struct vfio_device *vdev, char *name)
{
	if (strcmp(name, dev_name(vdev->dev)))
		return 0;
	return READ_ONCE(vdev->iommufd_access) ? -EBUSY : 1;
}

static int vfio_mdev_init_device(struct vfio_device *vdev)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);

	vfio_mdev_irqs_init(vmdev);
	init_rwsem(&vmdev->huge_lock);
	mutex_init(&vmdev->mig_lock);
	mutex_init(&vmdev->log_lock);
	vfio_mdev_dirty_init(vmdev);
	mutex_init(&vmdev->dma.unmap_lock);
	spin_lock_init(&vmdev->dma.lock);
	INIT_LIST_HEAD(&vmdev->dma.calls);
	INIT_LIST_HEAD(&vmdev->dma.blocks);
	init_waitqueue_head(&vmdev->dma.idle);
	return 0;
}

static void vfio_mdev_release_device(struct vfio_device *vdev)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);

	mutex_destroy(&vmdev->dma.unmap_lock);
	mutex_destroy(&vmdev->log_lock);
	mutex_destroy(&vmdev->mig_lock);
	vfio_mdev_irqs_exit(vmdev);
}

static const struct vfio_device_ops vfio_mdev_device_ops = {
	.name = "vfio-mdev",
	.init = vfio_mdev_init_device,
	.release = vfio_mdev_release_device,
	.open_device = vfio_mdev_open_device,
	.close_device = vfio_mdev_close_device,
	.read = vfio_mdev_read,
	.write = vfio_mdev_write,
	.ioctl = vfio_mdev_ioctl,
	.device_feature = vfio_mdev_device_feature,
#ifdef MDEV_HAVE_GET_REGION_INFO_CAPS
	.get_region_info_caps = vfio_mdev_get_region_info,
#endif
	.mmap = vfio_mdev_mmap,
	.request = vfio_mdev_request,
	.match = vfio_mdev_match,
	.dma_unmap = vfio_mdev_dma_unmap,
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
};

static int vfio_mdev_probe(struct mdev_device *mdev)
{
	struct vfio_mdev *vmdev;
	int ret;

	vmdev = vfio_alloc_device(vfio_mdev, vdev, mdev_dev(mdev),
				  &vfio_mdev_device_ops);
	if (IS_ERR(vmdev))
		return PTR_ERR(vmdev);
	vmdev->mdev = mdev;
	vmdev->ops = mdev_parent_ops(mdev);
	vfio_mdev_migration_init(vmdev);
	vfio_mdev_log_init(vmdev);
	dev_set_drvdata(mdev_dev(mdev), vmdev);

	ret = vfio_register_emulated_iommu_dev(&vmdev->vdev);
	if (ret)
		vfio_put_device(&vmdev->vdev);
	return ret;
}

static void vfio_mdev_remove(struct mdev_device *mdev)
{
	struct vfio_mdev *vmdev = dev_get_drvdata(mdev_dev(mdev));

	vfio_unregister_group_dev(&vmdev->vdev);
	vfio_put_device(&vmdev->vdev);
}

/*
 * vfio_unregister_group_dev() waits for every reference to the registration. On
 * a stock kernel an open character device has one even before it is bound to an
 * iommufd.
 */
static bool vfio_mdev_in_use(struct mdev_device *mdev)
{
	struct vfio_mdev *vmdev = dev_get_drvdata(mdev_dev(mdev));

	return refcount_read(&vmdev->vdev.refcount) > 1;
}

/* VFIO core sets vdev->kvm before open_device() and clears it after close. */
static struct kvm *vfio_mdev_get_kvm(struct mdev_device *mdev)
{
	struct vfio_mdev *vmdev = dev_get_drvdata(mdev_dev(mdev));

	return vmdev->vdev.kvm;
}

/*
 * While memory is logged, write page by page, so that pages before an error are logged
 * and those that are not mapped are not: the log would grow by addresses that a guest
 * has made up.
 */
static int vfio_mdev_write_logged(struct vfio_mdev *vmdev, dma_addr_t iova,
				  void *data, size_t len)
{
	size_t size;
	int ret = 0;

	for (; len && ret >= 0; len -= size, iova += size, data += size) {
		size = min(len, PAGE_SIZE - offset_in_page(iova));
		ret = vfio_dma_rw(&vmdev->vdev, iova, data, size, true);
		if (ret >= 0 || ret == -EFAULT)
			vfio_mdev_mark_dirty(vmdev, iova, size);
	}
	return ret;
}

static int vfio_mdev_dma_rw(struct mdev_device *mdev, dma_addr_t iova,
			    void *data, size_t len, bool write)
{
	struct vfio_mdev *vmdev = dev_get_drvdata(mdev_dev(mdev));
	dma_addr_t last;
	int ret;

	if (!len || check_add_overflow(iova, len - 1, &last))
		return -EINVAL;
	if (write && READ_ONCE(vmdev->dirty.logging))
		return vfio_mdev_dma_result(vfio_mdev_write_logged(vmdev, iova,
								   data, len));
	ret = vfio_dma_rw(&vmdev->vdev, iova, data, len, write);
	/* Logging can have started since; after an error, a part can be written. */
	if (write)
		vfio_mdev_mark_dirty(vmdev, iova, len);
	return vfio_mdev_dma_result(ret);
}

static int vfio_mdev_mark_dirty_checked(struct mdev_device *mdev,
					dma_addr_t iova, size_t len)
{
	dma_addr_t last;

	if (!len || check_add_overflow(iova, len - 1, &last) ||
	    last > ULONG_MAX)
		return -EINVAL;
	vfio_mdev_mark_dirty(dev_get_drvdata(mdev_dev(mdev)), iova, len);
	return 0;
}

static struct mdev_bus_driver vfio_mdev_driver = {
	.in_use = vfio_mdev_in_use,
	.pin_pages = vfio_mdev_pin_pages,
	.unpin_pages = vfio_mdev_unpin_pages,
	.dma_rw = vfio_mdev_dma_rw,
	.mark_dirty = vfio_mdev_mark_dirty_checked,
	.get_kvm = vfio_mdev_get_kvm,
	.driver = {
		.probe = vfio_mdev_probe,
		.remove = vfio_mdev_remove,
		.driver.name = "vfio_mdev",
	},
};

static int __init vfio_mdev_init(void)
{
	return mdev_register_bus_driver(&vfio_mdev_driver);
}
module_init(vfio_mdev_init);

static void __exit vfio_mdev_exit(void)
{
	mdev_unregister_bus_driver(&vfio_mdev_driver);
	/* A task can still be returning from vfio_mdev_unblock_pins(). */
	synchronize_rcu_tasks();
}
module_exit(vfio_mdev_exit);

MODULE_IMPORT_NS(MDEV_BUS_NAMESPACE);
/* For iova_bitmap_set(); the argument of MODULE_IMPORT_NS() differs between kernels */
MODULE_INFO(import_ns, "IOMMUFD");
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("VFIO bus driver for mediated devices");
