// SPDX-License-Identifier: GPL-2.0-only
/*
 * Callbacks by which a vendor does a whole call its own way: mmap, ioctl, and a
 * file of its own that transfers the state.
 */

#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mdev_sim.h"

/**
 * struct sim_stream - what is transferred to or from a device
 * @ref: of the file, and of the device
 * @lock: orders transfers, and the end
 * @done: how many bytes were transferred
 * @state: what is
 */
struct sim_stream {
	struct kref ref;
	/* Around the copy from and to the user */
	struct mutex lock;
	size_t done;
	u8 state[MDEV_SIM_REG_SCRATCH_SIZE];
};

int sim_mmap(struct mdev_device *mdev, struct vm_area_struct *vma)
{
	CLASS(sim_call, call)(mdev, SIM_MMAP);
	loff_t pos = (loff_t)vma->vm_pgoff << PAGE_SHIFT;
	u64 size = vma->vm_end - vma->vm_start;

	if (call.error)
		return call.error;
	if (!(vma->vm_flags & VM_SHARED) ||
	    !sim_region_can_be_mapped(call.sim, mdev_region_index(pos),
				      mdev_region_offset(pos), size))
		return -EINVAL;
	return sim_memory_map(call.sim, vma, pos);
}

long sim_ioctl(struct mdev_device *mdev, unsigned int cmd, unsigned long arg)
{
	CLASS(sim_call, call)(mdev, SIM_IOCTL);
	u64 __user *user = (void __user *)arg;
	u64 value;

	if (call.error)
		return call.error;
	if (cmd != MDEV_SIM_IOCTL_INCREMENT)
		return -ENOTTY;
	if (get_user(value, user))
		return -EFAULT;
	return put_user(value + 1, user);
}

static void sim_stream_release(struct kref *ref)
{
	struct sim_stream *stream = container_of(ref, struct sim_stream, ref);

	mutex_destroy(&stream->lock);
	kfree(stream);
}

void sim_stream_end(struct sim_device *sim)
{
	if (sim->stream)
		kref_put(&sim->stream->ref, sim_stream_release);
	sim->stream = NULL;
}

static int sim_stream_close(struct inode *inode, struct file *file)
{
	struct sim_stream *stream = file->private_data;

	kref_put(&stream->ref, sim_stream_release);
	return 0;
}

static ssize_t sim_stream_read(struct file *file, char __user *buf,
			       size_t count, loff_t *pos)
{
	struct sim_stream *stream = file->private_data;

	guard(mutex)(&stream->lock);
	count = min(count, sizeof(stream->state) - stream->done);
	if (copy_to_user(buf, stream->state + stream->done, count))
		return -EFAULT;
	stream->done += count;
	return count;
}

static ssize_t sim_stream_write(struct file *file, const char __user *buf,
				size_t count, loff_t *pos)
{
	struct sim_stream *stream = file->private_data;

	guard(mutex)(&stream->lock);
	if (count > sizeof(stream->state) - stream->done)
		return -EINVAL;
	if (copy_from_user(stream->state + stream->done, buf, count))
		return -EFAULT;
	stream->done += count;
	return count;
}

static const struct file_operations sim_stream_fops = {
	.owner = THIS_MODULE,
	.read = sim_stream_read,
	.write = sim_stream_write,
	.release = sim_stream_close,
};

static struct file *sim_open_data(struct mdev_device *mdev,
				  enum vfio_device_mig_state from,
				  enum vfio_device_mig_state to)
{
	CLASS(sim_call, call)(mdev, SIM_MIGRATION_OPEN_DATA);
	bool resuming = to == VFIO_DEVICE_STATE_RESUMING;
	struct sim_device *sim = call.sim;
	struct sim_stream *stream;
	struct file *file;

	if (call.error)
		return ERR_PTR(call.error);
	stream = kzalloc_obj(*stream);
	if (!stream)
		return ERR_PTR(-ENOMEM);
	kref_init(&stream->ref);
	mutex_init(&stream->lock);
	if (!resuming)
		sim_copy(sim, sim->scratch, stream->state,
			 sizeof(stream->state), false);

	file = anon_inode_getfile("[mdev_sim]", &sim_stream_fops, stream,
				  resuming ? O_WRONLY : O_RDONLY);
	if (IS_ERR(file)) {
		kref_put(&stream->ref, sim_stream_release);
		return file;
	}
	stream_open(file_inode(file), file);
	sim_stream_end(sim);
	kref_get(&stream->ref);
	sim->stream = stream;
	return file;
}

/* What is complete when the resuming state is left, is the state. */
static int sim_stream_take(struct sim_device *sim)
{
	struct sim_stream *stream = sim->stream;

	if (!stream)
		return -EINVAL;
	guard(mutex)(&stream->lock);
	if (stream->done != sizeof(stream->state))
		return -EINVAL;
	sim_copy(sim, sim->scratch, stream->state, sizeof(stream->state), true);
	return 0;
}

static int sim_own_set_state(struct mdev_device *mdev,
			     enum vfio_device_mig_state from,
			     enum vfio_device_mig_state to)
{
	struct sim_device *sim = mdev_get_drvdata(mdev);
	int ret;

	ret = sim_migration_set_state(mdev, from, to);
	if (!ret && from == VFIO_DEVICE_STATE_RESUMING)
		ret = sim_stream_take(sim);
	if (to == VFIO_DEVICE_STATE_STOP)
		sim_stream_end(sim);
	return ret;
}

const struct mdev_migration_ops sim_own_migration_ops = {
	.flags = VFIO_MIGRATION_STOP_COPY,
	.set_state = sim_own_set_state,
	.data_size = sim_migration_data_size,
	.open_data = sim_open_data,
};
