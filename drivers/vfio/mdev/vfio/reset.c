// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resets of a mediated device: VFIO_DEVICE_RESET by the VMM, and those that the
 * guest requests by a register write, see mdev_request_reset(). While the driver
 * resets the device, nothing is mapped and no drained callback runs; see
 * mdev_drain.c and mdev_mapping.c.
 *
 * mig_lock serializes resets with each other and with migration. Accesses do not
 * take it, so waiting for them with the lock held does not deadlock. While the parent
 * is paused, a reset waits in mdev_operation_enter(), after the drain.
 */

#include "private.h"

/* Block callbacks, and wait for those that run and until the parent is resumed. */
static int vfio_mdev_begin_reset(struct vfio_mdev *vmdev)
{
	int ret;

	ret = mdev_drain(vmdev->mdev);
	if (ret)
		return ret;
	ret = mdev_operation_enter(vmdev->mdev);
	if (ret)
		mdev_undrain(vmdev->mdev);
	return ret;
}

static void vfio_mdev_end_reset(struct vfio_mdev *vmdev)
{
	mdev_operation_exit(vmdev->mdev);
	mdev_undrain(vmdev->mdev);
}

long vfio_mdev_ioctl_reset(struct vfio_mdev *vmdev)
{
	int ret;

	if (!vmdev->ops->reset)
		return -ENOTTY;
	ret = mdev_wait_resumed(vmdev->mdev);
	if (ret)
		return ret;
	ret = mutex_lock_killable(&vmdev->mig_lock);
	if (ret)
		return ret;
	ret = vfio_mdev_begin_reset(vmdev);
	if (ret)
		goto out_unlock;

	vfio_mdev_migration_begin_reset(vmdev);
	mdev_map_block(vmdev->mdev);
	ret = vmdev->ops->reset(vmdev->mdev);
	mdev_map_unblock(vmdev->mdev);
	/* A reset that a register write has requested is done by this, too. */
	if (!ret)
		clear_bit(MDEV_RESET_REQUESTED, &vmdev->mdev->flags);
	vfio_mdev_migration_end_reset(vmdev, ret);
	vfio_mdev_end_reset(vmdev);
out_unlock:
	mutex_unlock(&vmdev->mig_lock);
	return ret;
}

/*
 * Returns an error only for a fatal signal, or if the parent is dead; the request stays
 * set then.
 */
static int vfio_mdev_function_reset(struct vfio_mdev *vmdev)
{
	int ret;

	ret = mdev_wait_resumed(vmdev->mdev);
	if (ret)
		return ret;
	ret = mutex_lock_killable(&vmdev->mig_lock);
	if (ret)
		return ret;
	ret = vfio_mdev_begin_reset(vmdev);
	if (ret)
		goto out_unlock;
	/* A concurrent VFIO_DEVICE_RESET can have cleared the request. */
	if (test_and_clear_bit(MDEV_RESET_REQUESTED, &vmdev->mdev->flags)) {
		mdev_map_block(vmdev->mdev);
		vmdev->ops->function_reset(vmdev->mdev);
		mdev_map_unblock(vmdev->mdev);
	}
	vfio_mdev_end_reset(vmdev);
out_unlock:
	mutex_unlock(&vmdev->mig_lock);
	return ret;
}

/*
 * Run the resets that were requested, unless another task does: this one would
 * only wait for its drain. A request that comes after the last test of the loop
 * finds MDEV_RESET_RUNNING clear, so one of the two tasks runs it. One left by
 * a killed task is run after the next write, or dropped by the next open.
 */
void vfio_mdev_function_resets(struct vfio_mdev *vmdev)
{
	unsigned long *flags = &vmdev->mdev->flags;
	int ret = 0;

	while (!ret && test_bit(MDEV_RESET_REQUESTED, flags)) {
		if (test_and_set_bit_lock(MDEV_RESET_RUNNING, flags))
			return;
		ret = vfio_mdev_function_reset(vmdev);
		clear_bit_unlock(MDEV_RESET_RUNNING, flags);
		/* Order the clear before the next test of the request. */
		smp_mb__after_atomic();
	}
}
