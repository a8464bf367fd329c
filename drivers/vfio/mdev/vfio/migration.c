// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration: transitions between the states of enum vfio_device_mig_state. For
 * each arc the driver's callbacks are called in the order of "DOC: migration"
 * in mdev.h. transfer.c has the file for the state data. While the parent is paused,
 * an arc waits in mdev_operation_enter(); if it is dead, the state is ERROR.
 */

#include <linux/file.h>

#include "private.h"

/* States in which there is a file for the state data */
static const bool vfio_mdev_has_session[VFIO_DEVICE_STATE_NR] = {
	[VFIO_DEVICE_STATE_PRE_COPY] = true,
	[VFIO_DEVICE_STATE_PRE_COPY_P2P] = true,
	[VFIO_DEVICE_STATE_STOP_COPY] = true,
	[VFIO_DEVICE_STATE_RESUMING] = true,
};

/* The file for userspace, or NULL for an arc that needs no new one */
static struct file *vfio_mdev_session_begin(struct vfio_mdev *vmdev,
					    enum vfio_device_mig_state from,
					    enum vfio_device_mig_state to)
{
	const struct mdev_migration_ops *ops = vmdev->ops->migration;
	struct file *file;

	if (vfio_mdev_has_session[from] || !vfio_mdev_has_session[to])
		return NULL;
	if (ops->open_data)
		return ops->open_data(vmdev->mdev, from, to);

	file = vfio_mdev_transfer_open(vmdev, to != VFIO_DEVICE_STATE_RESUMING);
	if (!IS_ERR(file))
		vmdev->transfer = get_file(file);
	return file;
}

static void vfio_mdev_session_end(struct vfio_mdev *vmdev)
{
	if (!vmdev->transfer)
		return;
	vfio_mdev_transfer_end(vmdev->transfer);
	fput(vmdev->transfer);
	vmdev->transfer = NULL;
}

/* States in which the device runs, though it does no P2P DMA in some of them */
static const bool vfio_mdev_state_running[VFIO_DEVICE_STATE_NR] = {
	[VFIO_DEVICE_STATE_RUNNING] = true,
	[VFIO_DEVICE_STATE_RUNNING_P2P] = true,
	[VFIO_DEVICE_STATE_PRE_COPY] = true,
	[VFIO_DEVICE_STATE_PRE_COPY_P2P] = true,
};

/*
 * An arc that stops the device is drained, as parent_ops.stop is, and so is one to
 * RESUMING, which can reset the device.
 */
static bool vfio_mdev_is_drained(enum vfio_device_mig_state from,
				 enum vfio_device_mig_state to)
{
	return (vfio_mdev_state_running[from] &&
		!vfio_mdev_state_running[to]) ||
	       to == VFIO_DEVICE_STATE_RESUMING;
}

static int vfio_mdev_call_set_state(struct vfio_mdev *vmdev,
				    enum vfio_device_mig_state from,
				    enum vfio_device_mig_state to)
{
	const struct mdev_migration_ops *ops = vmdev->ops->migration;

	return ops->set_state ? ops->set_state(vmdev->mdev, from, to) : 0;
}

/* One arc. @reached is the state after it, also if it fails. */
static int vfio_mdev_go(struct vfio_mdev *vmdev,
			enum vfio_device_mig_state from,
			enum vfio_device_mig_state to,
			enum vfio_device_mig_state *reached)
{
	int ret;

	*reached = from;
	if (from == VFIO_DEVICE_STATE_RESUMING) {
		/* After an error, a part of the state data can be loaded */
		*reached = VFIO_DEVICE_STATE_ERROR;
		if (vmdev->transfer) {
			ret = vfio_mdev_transfer_load(vmdev, vmdev->transfer);
			if (ret)
				return ret;
		}
	}

	ret = vfio_mdev_call_set_state(vmdev, from, to);
	if (ret) {
		/* The device can have been reset without success */
		if (to == VFIO_DEVICE_STATE_RESUMING)
			*reached = VFIO_DEVICE_STATE_ERROR;
		return ret;
	}
	*reached = to;
	if (to != VFIO_DEVICE_STATE_STOP_COPY || !vmdev->transfer)
		return 0;

	ret = vfio_mdev_transfer_save(vmdev, vmdev->transfer);
	if (!ret)
		return 0;
	/* There is no arc back to PRE_COPY, but STOP leads to all others */
	if (!vfio_mdev_call_set_state(vmdev, VFIO_DEVICE_STATE_STOP_COPY,
				      VFIO_DEVICE_STATE_STOP))
		*reached = VFIO_DEVICE_STATE_STOP;
	else
		*reached = VFIO_DEVICE_STATE_ERROR;
	return ret;
}

static void vfio_mdev_reach(struct vfio_mdev *vmdev,
			    enum vfio_device_mig_state state)
{
	if (!vfio_mdev_has_session[state])
		vfio_mdev_session_end(vmdev);
	else if (vmdev->transfer)
		vfio_mdev_transfer_resume(vmdev->transfer);
	WRITE_ONCE(vmdev->mig_state, state);
}

/* One arc, with callbacks drained if they have to be, as an operation */
static struct file *vfio_mdev_do_step(struct vfio_mdev *vmdev,
				      enum vfio_device_mig_state from,
				      enum vfio_device_mig_state to)
{
	enum vfio_device_mig_state reached;
	struct file *file;
	int ret;

	file = vfio_mdev_session_begin(vmdev, from, to);
	if (IS_ERR(file))
		return file;
	if (vmdev->transfer)
		vfio_mdev_transfer_pause(vmdev->transfer);
	ret = vfio_mdev_go(vmdev, from, to, &reached);
	vfio_mdev_reach(vmdev, reached);
	if (!ret)
		return file;
	if (file)
		fput(file);
	return ERR_PTR(ret);
}

/*
 * Drain first, which can take as long as userspace likes: a pause waits for the
 * operation, and another drain can wait for the end of a pause.
 */
static struct file *vfio_mdev_step(struct vfio_mdev *vmdev,
				   enum vfio_device_mig_state to)
{
	enum vfio_device_mig_state from = vmdev->mig_state;
	bool drained = vmdev->ops->migration->set_state &&
		       vfio_mdev_is_drained(from, to);
	struct file *file;
	int ret;

	ret = drained ? mdev_drain(vmdev->mdev) : 0;
	if (ret)
		return ERR_PTR(ret);
	ret = mdev_operation_enter(vmdev->mdev);
	if (ret) {
		file = ERR_PTR(ret);
	} else {
		file = vfio_mdev_do_step(vmdev, from, to);
		mdev_operation_exit(vmdev->mdev);
	}
	if (drained)
		mdev_undrain(vmdev->mdev);
	return file;
}

static int vfio_mdev_next_state(struct vfio_mdev *vmdev,
				enum vfio_device_mig_state target,
				enum vfio_device_mig_state *next)
{
	/* Only a reset leaves ERROR; vfio_mig_get_next_state() would WARN */
	if (vmdev->mig_state == VFIO_DEVICE_STATE_ERROR)
		return -EINVAL;
	return vfio_mig_get_next_state(&vmdev->vdev, vmdev->mig_state, target,
				       next);
}

/* Stops at an arc with a new file: that is always the last one to @target. */
static struct file *
vfio_mdev_migration_set_state(struct vfio_device *vdev,
			      enum vfio_device_mig_state target)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	enum vfio_device_mig_state next;
	struct file *file = NULL;
	int ret;

	ret = mdev_wait_resumed(vmdev->mdev);
	if (ret)
		return ERR_PTR(ret);
	ret = mutex_lock_killable(&vmdev->mig_lock);
	if (ret)
		return ERR_PTR(ret);
	do {
		ret = vfio_mdev_next_state(vmdev, target, &next);
		if (ret)
			file = ERR_PTR(ret);
		else if (next != vmdev->mig_state)
			file = vfio_mdev_step(vmdev, next);
	} while (!file && vmdev->mig_state != target);
	mutex_unlock(&vmdev->mig_lock);
	return file;
}

/* Doesn't take mig_lock, so that it does not wait for an arc that runs. */
static int vfio_mdev_migration_get_state(struct vfio_device *vdev,
					 enum vfio_device_mig_state *state)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);

	*state = READ_ONCE(vmdev->mig_state);
	if (mdev_is_dead(vmdev->mdev))
		*state = VFIO_DEVICE_STATE_ERROR;
	return 0;
}

static int vfio_mdev_data_size(struct vfio_mdev *vmdev, unsigned long *length)
{
	const struct mdev_migration_ops *ops = vmdev->ops->migration;

	if (!ops->open_data)
		return vfio_mdev_transfer_size(vmdev, length);
	*length = ops->data_size(vmdev->mdev);
	return 0;
}

static int vfio_mdev_migration_get_data_size(struct vfio_device *vdev,
					     unsigned long *length)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	int ret;

	ret = mdev_wait_resumed(vmdev->mdev) ?: mdev_operation_enter(vmdev->mdev);
	if (ret)
		return ret;
	ret = vfio_mdev_data_size(vmdev, length);
	mdev_operation_exit(vmdev->mdev);
	return ret;
}

static const struct vfio_migration_ops vfio_mdev_migration_ops = {
	.migration_set_state = vfio_mdev_migration_set_state,
	.migration_get_state = vfio_mdev_migration_get_state,
	.migration_get_data_size = vfio_mdev_migration_get_data_size,
};

/* Before the device is registered with VFIO core. */
void vfio_mdev_migration_init(struct vfio_mdev *vmdev)
{
	vmdev->mig_state = VFIO_DEVICE_STATE_RUNNING;
	if (!vmdev->ops->migration)
		return;
	vmdev->vdev.mig_ops = &vfio_mdev_migration_ops;
	vmdev->vdev.migration_flags = vmdev->ops->migration->flags;
}

/* A reset follows: the file must not be read or written any more. */
void vfio_mdev_migration_begin_reset(struct vfio_mdev *vmdev)
{
	lockdep_assert_held(&vmdev->mig_lock);
	vfio_mdev_session_end(vmdev);
}

void vfio_mdev_migration_end_reset(struct vfio_mdev *vmdev, int result)
{
	lockdep_assert_held(&vmdev->mig_lock);
	vfio_mdev_reach(vmdev, result ? VFIO_DEVICE_STATE_ERROR :
					VFIO_DEVICE_STATE_RUNNING);
}

/* At the last close: the next open finds the device running. */
void vfio_mdev_migration_close(struct vfio_mdev *vmdev)
{
	mutex_lock(&vmdev->mig_lock);
	vfio_mdev_reach(vmdev, VFIO_DEVICE_STATE_RUNNING);
	mutex_unlock(&vmdev->mig_lock);
}
