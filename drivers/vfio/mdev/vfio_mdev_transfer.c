// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file that the state of a device is transferred through: a buffer that the
 * vendor saves to and loads from, in a frame that tells data which is cut off,
 * too long or of something else. Ours outlives the device, if its user wants.
 */

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "vfio_mdev.h"

#define VFIO_MDEV_STREAM_MAGIC		0x5645444d4f494656ULL /* "VFIOMDEV" */
#define VFIO_MDEV_STREAM_VERSION	1

/**
 * struct vfio_mdev_stream - what goes through the file
 * @magic: VFIO_MDEV_STREAM_MAGIC
 * @version: VFIO_MDEV_STREAM_VERSION
 * @reserved: 0
 * @type: name of the device's type, the parent's driver included
 * @size: length of @state, in bytes
 * @state: what the vendor has saved
 *
 * All that precedes @size is known before the device is stopped: with pre-copy
 * it is transferred then, and the destination learns in time whether it can
 * take the device.
 */
struct vfio_mdev_stream {
	__le64 magic;
	__le32 version;
	__le32 reserved;
	char type[48];
	__le64 size;
	u8 state[];
};

#define VFIO_MDEV_STREAM_HEADER	offsetof(struct vfio_mdev_stream, size)

/**
 * struct vfio_mdev_transfer - what is behind the file
 * @lock: protects all that follows. Not held while the vendor is called, since
 *	who holds it may wait for a page of a mapped region.
 * @wait: who polls
 * @head: what the stream begins with
 * @stream: what is to be read, or has been written
 * @limit: how long the state may be that is written
 * @size: how much of @stream there is to be read, or to be written
 * @pos: how much of that was
 * @complete: @size is the end of the stream
 * @error: what reading and writing answers from now on
 */
struct vfio_mdev_transfer {
	/* See above */
	struct mutex lock;
	wait_queue_head_t wait;
	struct vfio_mdev_stream head;
	struct vfio_mdev_stream *stream;
	size_t limit;
	size_t size;
	size_t pos;
	bool complete;
	int error;
};

/* Memory runs short because of what users ask for: no reason to warn. */
static struct vfio_mdev_stream *vfio_mdev_stream_alloc(size_t size, gfp_t gfp)
{
	return kvmalloc(struct_size_t(struct vfio_mdev_stream, state, size),
			GFP_KERNEL_ACCOUNT | __GFP_NOWARN | gfp);
}

static ssize_t vfio_mdev_transfer_read(struct file *file, char __user *buf,
				       size_t count, loff_t *ppos)
{
	struct vfio_mdev_transfer *transfer = file->private_data;
	ssize_t ret;

	ret = mutex_lock_interruptible(&transfer->lock);
	if (ret)
		return ret;
	count = min(count, transfer->size - transfer->pos);
	if (transfer->error) {
		ret = transfer->error;
	} else if (!count && !transfer->complete) {
		ret = -ENOMSG;
	} else if (copy_to_user(buf, (void *)transfer->stream + transfer->pos,
				count)) {
		ret = -EFAULT;
	} else {
		transfer->pos += count;
		ret = count;
	}
	mutex_unlock(&transfer->lock);
	return ret;
}

/* More comes once the device is stopped, or never. */
static __poll_t vfio_mdev_transfer_poll(struct file *file, poll_table *wait)
{
	struct vfio_mdev_transfer *transfer = file->private_data;
	__poll_t events = 0;

	poll_wait(file, &transfer->wait, wait);
	mutex_lock(&transfer->lock);
	if (transfer->error)
		events = EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	else if (transfer->complete || transfer->pos < transfer->size)
		events = EPOLLIN | EPOLLRDNORM;
	mutex_unlock(&transfer->lock);
	return events;
}

static long vfio_mdev_transfer_ioctl(struct file *file, unsigned int cmd,
				     unsigned long arg)
{
	unsigned long minsz = offsetofend(struct vfio_precopy_info,
					  dirty_bytes);
	struct vfio_mdev_transfer *transfer = file->private_data;
	struct vfio_precopy_info info;
	bool precopy;

	if (cmd != VFIO_MIG_GET_PRECOPY_INFO)
		return -ENOTTY;
	if (copy_from_user(&info, (void __user *)arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	mutex_lock(&transfer->lock);
	precopy = !transfer->complete && !transfer->error;
	info.flags = 0;
	info.initial_bytes = transfer->size - transfer->pos;
	info.dirty_bytes = 0;
	mutex_unlock(&transfer->lock);
	if (!precopy)
		return -EINVAL;
	return copy_to_user((void __user *)arg, &info, minsz) ? -EFAULT : 0;
}

/* The length of the state is known: make room for it. */
static int vfio_mdev_transfer_expect(struct vfio_mdev_transfer *transfer,
				     u64 size)
{
	struct vfio_mdev_stream *stream;

	if (size > transfer->limit)
		return -EINVAL;
	stream = vfio_mdev_stream_alloc(size, 0);
	if (!stream)
		return -ENOMEM;
	*stream = *transfer->stream;
	kvfree(transfer->stream);
	transfer->stream = stream;
	transfer->size += size;
	transfer->complete = true;
	return 0;
}

/* Take what fits into what is expected; afterwards more may be expected. */
static ssize_t vfio_mdev_transfer_take(struct vfio_mdev_transfer *transfer,
				       const char __user *buf, size_t count)
{
	/* Behind the end */
	if (transfer->pos == transfer->size) {
		transfer->error = -EINVAL;
		return -EINVAL;
	}

	count = min(count, transfer->size - transfer->pos);
	if (copy_from_user((void *)transfer->stream + transfer->pos, buf,
			   count))
		return -EFAULT;
	transfer->pos += count;
	if (transfer->pos < transfer->size || transfer->complete)
		return count;

	if (transfer->size > VFIO_MDEV_STREAM_HEADER)
		transfer->error =
			vfio_mdev_transfer_expect(transfer,
						  le64_to_cpu(transfer->stream->size));
	else if (memcmp(transfer->stream, &transfer->head, transfer->size))
		transfer->error = -EINVAL;
	else
		transfer->size = sizeof(struct vfio_mdev_stream);
	return transfer->error ?: count;
}

static ssize_t vfio_mdev_transfer_write(struct file *file,
					const char __user *buf, size_t count,
					loff_t *ppos)
{
	struct vfio_mdev_transfer *transfer = file->private_data;
	size_t done = 0;
	ssize_t ret;

	ret = mutex_lock_interruptible(&transfer->lock);
	if (ret)
		return ret;
	ret = transfer->error;
	while (!ret && done < count) {
		ret = vfio_mdev_transfer_take(transfer, buf + done,
					      count - done);
		if (ret > 0) {
			done += ret;
			ret = 0;
		}
	}
	/* A bad address may be the end of good ones, a bad stream is not */
	if (done && !transfer->error)
		ret = done;
	mutex_unlock(&transfer->lock);
	return ret;
}

static void vfio_mdev_transfer_free(struct vfio_mdev_transfer *transfer)
{
	kvfree(transfer->stream);
	mutex_destroy(&transfer->lock);
	kfree(transfer);
}

static int vfio_mdev_transfer_release(struct inode *inode, struct file *file)
{
	vfio_mdev_transfer_free(file->private_data);
	return 0;
}

static const struct file_operations vfio_mdev_save_fops = {
	.owner = THIS_MODULE,
	.read = vfio_mdev_transfer_read,
	.poll = vfio_mdev_transfer_poll,
	.unlocked_ioctl = vfio_mdev_transfer_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = vfio_mdev_transfer_release,
};

static const struct file_operations vfio_mdev_load_fops = {
	.owner = THIS_MODULE,
	.write = vfio_mdev_transfer_write,
	.release = vfio_mdev_transfer_release,
};

static struct vfio_mdev_transfer *
vfio_mdev_transfer_alloc(struct vfio_mdev *vmdev)
{
	struct vfio_mdev_transfer *transfer;

	transfer = kzalloc_obj(*transfer);
	if (!transfer)
		return NULL;
	transfer->stream = vfio_mdev_stream_alloc(0, 0);
	if (!transfer->stream) {
		kfree(transfer);
		return NULL;
	}

	mutex_init(&transfer->lock);
	init_waitqueue_head(&transfer->wait);
	transfer->head.magic = cpu_to_le64(VFIO_MDEV_STREAM_MAGIC);
	transfer->head.version = cpu_to_le32(VFIO_MDEV_STREAM_VERSION);
	strscpy_pad(transfer->head.type,
		    kobject_name(&vmdev->mdev->type->kobj));
	*transfer->stream = transfer->head;
	transfer->size = VFIO_MDEV_STREAM_HEADER;
	return transfer;
}

/* A file that is read to save a state, or written to load one. */
struct file *vfio_mdev_transfer_open(struct vfio_mdev *vmdev, bool save)
{
	struct vfio_mdev_transfer *transfer;
	struct file *file;

	transfer = vfio_mdev_transfer_alloc(vmdev);
	if (!transfer)
		return ERR_PTR(-ENOMEM);
	if (!save)
		transfer->limit =
			vmdev->ops->migration->data_size(vmdev->mdev);

	file = anon_inode_getfile("[vfio_mdev]",
				  save ? &vfio_mdev_save_fops :
					 &vfio_mdev_load_fops,
				  transfer, save ? O_RDONLY : O_WRONLY);
	if (IS_ERR(file))
		vfio_mdev_transfer_free(transfer);
	else
		stream_open(file_inode(file), file);
	return file;
}

/* How long the stream of the device would be if it was saved now, at most. */
size_t vfio_mdev_transfer_size(struct vfio_mdev *vmdev)
{
	return struct_size_t(struct vfio_mdev_stream, state,
			     vmdev->ops->migration->data_size(vmdev->mdev));
}

/* Give the file the state of the device, which is stopped. */
int vfio_mdev_transfer_save(struct vfio_mdev *vmdev, struct file *file)
{
	const struct mdev_migration_ops *ops = vmdev->ops->migration;
	struct vfio_mdev_transfer *transfer = file->private_data;
	size_t size = ops->data_size(vmdev->mdev);
	struct vfio_mdev_stream *stream;
	ssize_t saved;

	/* Zeroed, in case that the vendor leaves out something */
	stream = vfio_mdev_stream_alloc(size, __GFP_ZERO);
	if (!stream)
		return -ENOMEM;
	saved = ops->save(vmdev->mdev, stream->state, size);
	if (saved < 0 || saved > size) {
		kvfree(stream);
		return saved < 0 ? saved : -EIO;
	}
	*stream = transfer->head;
	stream->size = cpu_to_le64(saved);

	mutex_lock(&transfer->lock);
	swap(transfer->stream, stream);
	transfer->size = sizeof(*stream) + saved;
	transfer->complete = true;
	mutex_unlock(&transfer->lock);
	wake_up_all(&transfer->wait);
	kvfree(stream);
	return 0;
}

/* Give the device what was written to the file, which ends by that. */
int vfio_mdev_transfer_load(struct vfio_mdev *vmdev, struct file *file)
{
	struct vfio_mdev_transfer *transfer = file->private_data;
	struct vfio_mdev_stream *stream = NULL;
	int ret;

	mutex_lock(&transfer->lock);
	ret = transfer->error;
	if (!ret && (!transfer->complete || transfer->pos < transfer->size))
		ret = -EINVAL;
	swap(transfer->stream, stream);
	transfer->error = -ENODEV;
	mutex_unlock(&transfer->lock);

	if (!ret)
		ret = vmdev->ops->migration->load(vmdev->mdev, stream->state,
						  le64_to_cpu(stream->size));
	kvfree(stream);
	return ret;
}

/* Nothing more comes: whoever still has the file gets an error from it. */
void vfio_mdev_transfer_end(struct file *file)
{
	struct vfio_mdev_transfer *transfer = file->private_data;
	struct vfio_mdev_stream *stream = NULL;

	mutex_lock(&transfer->lock);
	swap(transfer->stream, stream);
	transfer->error = -ENODEV;
	mutex_unlock(&transfer->lock);
	wake_up_all(&transfer->wait);
	kvfree(stream);
}
