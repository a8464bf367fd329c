// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration: takes a device through the states of enum vfio_device_mig_state.
 * What the vendor has to do for each step is done here, in the right order, and
 * undone when it fails. The data goes through vfio_mdev_transfer.c.
 */

#include <linux/file.h>

#include "vfio_mdev.h"

/* States in which there is a file for the data */
static const bool vfio_mdev_has_session[VFIO_DEVICE_STATE_NR] = {
	[VFIO_DEVICE_STATE_PRE_COPY] = true,
	[VFIO_DEVICE_STATE_PRE_COPY_P2P] = true,
	[VFIO_DEVICE_STATE_STOP_COPY] = true,
	[VFIO_DEVICE_STATE_RESUMING] = true,
};

/* The file for the user, or NULL for a step that needs no new one. */
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

static int vfio_mdev_tell_vendor(struct vfio_mdev *vmdev,
				 enum vfio_device_mig_state from,
				 enum vfio_device_mig_state to)
{
	const struct mdev_migration_ops *ops = vmdev->ops->migration;

	return ops->set_state ? ops->set_state(vmdev->mdev, from, to) : 0;
}

/* A step, and in @reached where it has led to, if it failed as well. */
static int vfio_mdev_go(struct vfio_mdev *vmdev,
			enum vfio_device_mig_state from,
			enum vfio_device_mig_state to,
			enum vfio_device_mig_state *reached)
{
	int ret;

	*reached = from;
	if (from == VFIO_DEVICE_STATE_RESUMING) {
		/* With a part of a state there is nothing that it could do */
		*reached = VFIO_DEVICE_STATE_ERROR;
		if (vmdev->transfer) {
			ret = vfio_mdev_transfer_load(vmdev, vmdev->transfer);
			if (ret)
				return ret;
		}
	}

	ret = vfio_mdev_tell_vendor(vmdev, from, to);
	if (ret)
		return ret;
	*reached = to;
	if (to != VFIO_DEVICE_STATE_STOP_COPY || !vmdev->transfer)
		return 0;

	ret = vfio_mdev_transfer_save(vmdev, vmdev->transfer);
	if (!ret)
		return 0;
	/* There is no step back to pre-copy, but one from where it can go on */
	if (!vfio_mdev_tell_vendor(vmdev, VFIO_DEVICE_STATE_STOP_COPY,
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
	WRITE_ONCE(vmdev->mig_state, state);
}

static struct file *vfio_mdev_step(struct vfio_mdev *vmdev,
				   enum vfio_device_mig_state to)
{
	enum vfio_device_mig_state from = vmdev->mig_state;
	enum vfio_device_mig_state reached;
	struct file *file;
	int ret;

	file = vfio_mdev_session_begin(vmdev, from, to);
	if (IS_ERR(file))
		return file;
	ret = vfio_mdev_go(vmdev, from, to, &reached);
	vfio_mdev_reach(vmdev, reached);
	if (!ret)
		return file;
	if (file)
		fput(file);
	return ERR_PTR(ret);
}

static int vfio_mdev_next_state(struct vfio_mdev *vmdev,
				enum vfio_device_mig_state target,
				enum vfio_device_mig_state *next)
{
	/* It ends by a reset only, and VFIO core warns of the question */
	if (vmdev->mig_state == VFIO_DEVICE_STATE_ERROR)
		return -EINVAL;
	return vfio_mig_get_next_state(&vmdev->vdev, vmdev->mig_state, target,
				       next);
}

/* Only the last step to a state needs a file. */
static struct file *
vfio_mdev_migration_set_state(struct vfio_device *vdev,
			      enum vfio_device_mig_state target)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	enum vfio_device_mig_state next;
	struct file *file = NULL;
	int ret;

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

/* Takes no lock, as each step leads to a state that the device is in. */
static int vfio_mdev_migration_get_state(struct vfio_device *vdev,
					 enum vfio_device_mig_state *state)
{
	*state = READ_ONCE(to_vfio_mdev(vdev)->mig_state);
	return 0;
}

static int vfio_mdev_migration_get_data_size(struct vfio_device *vdev,
					     unsigned long *length)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	const struct mdev_migration_ops *ops = vmdev->ops->migration;

	*length = ops->open_data ? ops->data_size(vmdev->mdev) :
				   vfio_mdev_transfer_size(vmdev);
	return 0;
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

/*
 * A reset has to follow, and vfio_mdev_migration_end_reset(). The file is ended
 * here, since its user may touch, with the file locked, a mapped page that is
 * not there during the reset.
 */
int vfio_mdev_migration_begin_reset(struct vfio_mdev *vmdev)
{
	int ret;

	ret = mutex_lock_killable(&vmdev->mig_lock);
	if (!ret)
		vfio_mdev_session_end(vmdev);
	return ret;
}

void vfio_mdev_migration_end_reset(struct vfio_mdev *vmdev, int result)
{
	vfio_mdev_reach(vmdev, result ? VFIO_DEVICE_STATE_ERROR :
					VFIO_DEVICE_STATE_RUNNING);
	mutex_unlock(&vmdev->mig_lock);
}

/* The last user has gone: the next one finds the device running. */
void vfio_mdev_migration_close(struct vfio_mdev *vmdev)
{
	mutex_lock(&vmdev->mig_lock);
	vfio_mdev_reach(vmdev, VFIO_DEVICE_STATE_RUNNING);
	mutex_unlock(&vmdev->mig_lock);
}
