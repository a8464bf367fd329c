// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file for the state data of a migration: a buffer for ->save() and
 * ->load(), with a header that detects data which is truncated, too long or
 * from another type of device. Userspace can keep the file open longer than the
 * device. Read migration.c first.
 */

#include <linux/anon_inodes.h>
#include <linux/cleanup.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../compat.h"
#include "private.h"

#define VFIO_MDEV_STREAM_MAGIC		0x5645444d4f494656ULL /* "VFIOMDEV" */
#define VFIO_MDEV_STREAM_VERSION	1

/**
 * struct vfio_mdev_stream - format of the file's data
 * @magic: VFIO_MDEV_STREAM_MAGIC
 * @version: VFIO_MDEV_STREAM_VERSION
 * @reserved: 0
 * @type: name of the device's type, the parent's driver included
 * @size: length of @state, in bytes
 * @state: state data that &mdev_migration_ops.save has written
 *
 * All that precedes @size is known before the device is stopped: with PRE_COPY
 * it is transferred then, and the destination checks whether it is compatible
 * while the source still runs.
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
 * struct vfio_mdev_buffer - memory for the stream
 * @ref: held by the transfer, and by a task that copies from or to @stream
 * @stream: data to be read, or that was written
 */
struct vfio_mdev_buffer {
	struct kref ref;
	struct vfio_mdev_stream stream;
};

/**
 * struct vfio_mdev_transfer - private data of the file
 * @copy_lock: serializes read() and write(). Held while they copy, which can
 *	take as long as userspace likes: taken interruptibly, and by nothing
 *	else.
 * @lock: protects all that follows. Inside of @copy_lock, and of
 *	&vfio_mdev.mig_lock; not held across copies and callbacks.
 * @wait: tasks in poll()
 * @head: header of the stream, up to @size of &struct vfio_mdev_stream
 * @buffer: has the stream; NULL after the transfer
 * @limit: maximum size of the state data that can be written
 * @size: number of bytes that can be read now, or that are expected to be
 *	written
 * @pos: how many of them were read or written
 * @complete: the stream ends at @size
 * @error: what read() and write() return from now on
 */
struct vfio_mdev_transfer {
	/* Held across copies */
	struct mutex copy_lock;
	/* Innermost; not held across copies and callbacks */
	struct mutex lock;
	wait_queue_head_t wait;
	struct vfio_mdev_stream head;
	struct vfio_mdev_buffer *buffer;
	size_t limit;
	size_t size;
	size_t pos;
	bool complete;
	int error;
};

/* Doesn't warn on failure: userspace has written the size when it loads. */
static struct vfio_mdev_buffer *vfio_mdev_buffer_alloc(size_t size, gfp_t gfp)
{
	struct vfio_mdev_buffer *buffer;

	buffer = kvmalloc(size_add(sizeof(*buffer), size),
			  GFP_KERNEL_ACCOUNT | __GFP_NOWARN | gfp);
	if (buffer)
		kref_init(&buffer->ref);
	return buffer;
}

static void vfio_mdev_buffer_release(struct kref *ref)
{
	kvfree(container_of(ref, struct vfio_mdev_buffer, ref));
}

static void vfio_mdev_buffer_put(struct vfio_mdev_buffer *buffer)
{
	if (buffer)
		kref_put(&buffer->ref, vfio_mdev_buffer_release);
}

/* Returns where to copy. The caller puts the buffer after the copy. */
static void *vfio_mdev_transfer_get(struct vfio_mdev_transfer *transfer,
				    struct vfio_mdev_buffer **buffer)
{
	lockdep_assert_held(&transfer->lock);
	*buffer = transfer->buffer;
	kref_get(&transfer->buffer->ref);
	return (void *)&transfer->buffer->stream + transfer->pos;
}

static ssize_t
vfio_mdev_transfer_copy_out(struct vfio_mdev_transfer *transfer,
			    char __user *buf, size_t count)
{
	struct vfio_mdev_buffer *buffer = NULL;
	void *from = NULL;
	ssize_t ret;

	lockdep_assert_held(&transfer->copy_lock);
	mutex_lock(&transfer->lock);
	count = min(count, transfer->size - transfer->pos);
	ret = transfer->error;
	if (!ret && !count && !transfer->complete)
		ret = -ENOMSG;
	if (!ret)
		from = vfio_mdev_transfer_get(transfer, &buffer);
	mutex_unlock(&transfer->lock);
	if (ret)
		return ret;

	if (copy_to_user(buf, from, count))
		ret = -EFAULT;
	vfio_mdev_buffer_put(buffer);
	if (ret)
		return ret;

	/* vfio_mdev_transfer_end() can have ended the transfer during the copy. */
	guard(mutex)(&transfer->lock);
	if (transfer->error)
		return transfer->error;
	transfer->pos += count;
	return count;
}

static ssize_t vfio_mdev_transfer_read(struct file *file, char __user *buf,
				       size_t count, loff_t *ppos)
{
	struct vfio_mdev_transfer *transfer = file->private_data;
	ssize_t ret;

	ret = mutex_lock_interruptible(&transfer->copy_lock);
	if (ret)
		return ret;
	ret = vfio_mdev_transfer_copy_out(transfer, buf, count);
	mutex_unlock(&transfer->copy_lock);
	return ret;
}

/* Readable if there is data, at the end of the stream, and after an error. */
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

/* The size has been written: allocate memory for that much state data. */
static int vfio_mdev_transfer_expect(struct vfio_mdev_transfer *transfer,
				     u64 size)
{
	struct vfio_mdev_buffer *buffer;

	if (size > transfer->limit)
		return -EINVAL;
	buffer = vfio_mdev_buffer_alloc(size, 0);
	if (!buffer)
		return -ENOMEM;
	buffer->stream = transfer->buffer->stream;
	swap(transfer->buffer, buffer);
	vfio_mdev_buffer_put(buffer);
	transfer->size += size;
	transfer->complete = true;
	return 0;
}

/* @count bytes were written. Returns an error that ends the transfer. */
static int vfio_mdev_transfer_advance(struct vfio_mdev_transfer *transfer,
				      size_t count)
{
	const struct vfio_mdev_stream *stream = &transfer->buffer->stream;

	lockdep_assert_held(&transfer->lock);
	transfer->pos += count;
	if (transfer->pos < transfer->size || transfer->complete)
		return 0;
	if (transfer->size > VFIO_MDEV_STREAM_HEADER)
		return vfio_mdev_transfer_expect(transfer,
						 le64_to_cpu(stream->size));
	if (memcmp(stream, &transfer->head, transfer->size))
		return -EINVAL;
	transfer->size = sizeof(*stream);
	return 0;
}

/* Copy up to @size; vfio_mdev_transfer_advance() can raise that. */
static ssize_t
vfio_mdev_transfer_copy_in(struct vfio_mdev_transfer *transfer,
			   const char __user *buf, size_t count)
{
	struct vfio_mdev_buffer *buffer;
	bool faulted;
	void *to;

	lockdep_assert_held(&transfer->copy_lock);
	scoped_guard(mutex, &transfer->lock) {
		count = min(count, transfer->size - transfer->pos);
		/* Nothing may be written past the end of the stream. */
		if (!transfer->error && !count)
			transfer->error = -EINVAL;
		if (transfer->error)
			return transfer->error;
		to = vfio_mdev_transfer_get(transfer, &buffer);
	}

	faulted = copy_from_user(to, buf, count);
	vfio_mdev_buffer_put(buffer);
	if (faulted)
		return -EFAULT;

	/* The transfer can have been ended, or loaded, during the copy. */
	guard(mutex)(&transfer->lock);
	if (!transfer->error)
		transfer->error = vfio_mdev_transfer_advance(transfer, count);
	return transfer->error ?: count;
}

static ssize_t vfio_mdev_transfer_write(struct file *file,
					const char __user *buf, size_t count,
					loff_t *ppos)
{
	struct vfio_mdev_transfer *transfer = file->private_data;
	size_t done = 0;
	ssize_t ret;

	ret = mutex_lock_interruptible(&transfer->copy_lock);
	if (ret)
		return ret;
	while (ret >= 0 && done < count) {
		ret = vfio_mdev_transfer_copy_in(transfer, buf + done,
						 count - done);
		if (ret > 0)
			done += ret;
	}
	mutex_unlock(&transfer->copy_lock);
	/* A short count takes precedence over -EFAULT, not over others. */
	return done && (ret >= 0 || ret == -EFAULT) ? done : ret;
}

static void vfio_mdev_transfer_free(struct vfio_mdev_transfer *transfer)
{
	vfio_mdev_buffer_put(transfer->buffer);
	mutex_destroy(&transfer->lock);
	mutex_destroy(&transfer->copy_lock);
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
	transfer->buffer = vfio_mdev_buffer_alloc(0, 0);
	if (!transfer->buffer) {
		kfree(transfer);
		return NULL;
	}

	mutex_init(&transfer->copy_lock);
	mutex_init(&transfer->lock);
	init_waitqueue_head(&transfer->wait);
	transfer->head.magic = cpu_to_le64(VFIO_MDEV_STREAM_MAGIC);
	transfer->head.version = cpu_to_le32(VFIO_MDEV_STREAM_VERSION);
	strscpy_pad(transfer->head.type,
		    mdev_type_name(vmdev->mdev->type));
	transfer->buffer->stream = transfer->head;
	transfer->size = VFIO_MDEV_STREAM_HEADER;
	return transfer;
}

/* Open a file that userspace reads to save, or writes to load. */
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

/* Upper bound of the length of the stream, if the device was saved now. */
size_t vfio_mdev_transfer_size(struct vfio_mdev *vmdev)
{
	return struct_size_t(struct vfio_mdev_stream, state,
			     vmdev->ops->migration->data_size(vmdev->mdev));
}

/* Save the state data of the stopped device to the file. */
int vfio_mdev_transfer_save(struct vfio_mdev *vmdev, struct file *file)
{
	const struct mdev_migration_ops *ops = vmdev->ops->migration;
	struct vfio_mdev_transfer *transfer = file->private_data;
	size_t size = ops->data_size(vmdev->mdev);
	struct vfio_mdev_buffer *buffer;
	ssize_t saved;

	/* Zeroed: userspace reads it, even if the driver does not fill it */
	buffer = vfio_mdev_buffer_alloc(size, __GFP_ZERO);
	if (!buffer)
		return -ENOMEM;
	saved = ops->save(vmdev->mdev, buffer->stream.state, size);
	if (saved < 0 || saved > size) {
		vfio_mdev_buffer_put(buffer);
		return saved < 0 ? saved : -EIO;
	}
	buffer->stream = transfer->head;
	buffer->stream.size = cpu_to_le64(saved);

	mutex_lock(&transfer->lock);
	swap(transfer->buffer, buffer);
	transfer->size = sizeof(buffer->stream) + saved;
	transfer->complete = true;
	mutex_unlock(&transfer->lock);
	wake_up_all(&transfer->wait);
	vfio_mdev_buffer_put(buffer);
	return 0;
}

/* Load what was written to the file, and end the transfer. */
int vfio_mdev_transfer_load(struct vfio_mdev *vmdev, struct file *file)
{
	struct vfio_mdev_transfer *transfer = file->private_data;
	struct vfio_mdev_buffer *buffer = NULL;
	int ret;

	mutex_lock(&transfer->lock);
	ret = transfer->error;
	if (!ret && (!transfer->complete || transfer->pos < transfer->size))
		ret = -EINVAL;
	swap(transfer->buffer, buffer);
	transfer->error = -ENODEV;
	mutex_unlock(&transfer->lock);

	if (!ret)
		ret = vmdev->ops->migration->load(vmdev->mdev,
						  buffer->stream.state,
						  le64_to_cpu(buffer->stream.size));
	vfio_mdev_buffer_put(buffer);
	return ret;
}

/* End the transfer: read() and write() of the file fail from now on. */
void vfio_mdev_transfer_end(struct file *file)
{
	struct vfio_mdev_transfer *transfer = file->private_data;
	struct vfio_mdev_buffer *buffer = NULL;

	mutex_lock(&transfer->lock);
	swap(transfer->buffer, buffer);
	transfer->error = -ENODEV;
	mutex_unlock(&transfer->lock);
	wake_up_all(&transfer->wait);
	vfio_mdev_buffer_put(buffer);
}
