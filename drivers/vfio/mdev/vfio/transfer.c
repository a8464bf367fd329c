// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file for the state data of a migration: a buffer for ->save() and
 * ->load(), with a header that detects data which is truncated, too long or
 * from another type of device. Userspace can keep the file open longer than the
 * device. Read migration.c first.
 */

#include <linux/align.h>
#include <linux/anon_inodes.h>
#include <linux/cleanup.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/limits.h>
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
#define VFIO_MDEV_STREAM_VERSION	2

/**
 * struct vfio_mdev_stream - beginning of the file's data
 * @magic: VFIO_MDEV_STREAM_MAGIC
 * @version: VFIO_MDEV_STREAM_VERSION
 * @name_size: length of the name, in bytes
 * @info_size: length of the driver's info, in bytes
 * @data: the name of the device's type, the parent's driver included, and what
 *	&mdev_migration_ops.info has written, each padded with zeroes to a multiple of
 *	eight bytes
 *
 * The size of the state data, as __le64, and the state data follow.
 *
 * All that precedes the size is known before the device is stopped: with PRE_COPY
 * it is transferred then, and write() checks whether it is compatible, while the
 * source still runs.
 */
struct vfio_mdev_stream {
	__le64 magic;
	__le32 version;
	__le16 name_size;
	__le16 info_size;
	u8 data[];
};

/* Names in sysfs, with the terminating zero, are not longer than NAME_MAX + 1 */
#define VFIO_MDEV_HEAD_MAX	(sizeof(struct vfio_mdev_stream) + \
				 ALIGN(NAME_MAX + 1, 8) + \
				 MDEV_MIGRATION_INFO_SIZE)

/**
 * struct vfio_mdev_buffer - memory for the stream
 * @ref: held by the transfer, and by a task that copies from or to @data
 * @data: data to be read, or that was written
 */
struct vfio_mdev_buffer {
	struct kref ref;
	u8 data[] __aligned(8);
};

/**
 * struct vfio_mdev_transfer - private data of the file
 * @copy_lock: serializes read() and write(). Held while they copy, which can
 *	take as long as userspace likes: taken interruptibly, and by nothing
 *	else.
 * @lock: protects all that follows. Inside of @copy_lock, and of
 *	&vfio_mdev.mig_lock; not held across copies, nor across callbacks other than
 *	@ops->compatible.
 * @wait: tasks in poll()
 * @ops: callbacks of the driver; valid while @error is 0
 * @head: what the device's own stream begins with, up to the size of the state data
 * @head_size: its length
 * @buffer: has the stream; NULL after the transfer
 * @state: offset of the state data in @buffer, 0 while it is not known
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
	/* Innermost; not held across copies */
	struct mutex lock;
	wait_queue_head_t wait;
	const struct mdev_migration_ops *ops;
	struct vfio_mdev_stream *head;
	size_t head_size;
	struct vfio_mdev_buffer *buffer;
	size_t state;
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

/* The parts of the head */

static size_t vfio_mdev_name_size(const struct vfio_mdev_stream *head)
{
	return le16_to_cpu(head->name_size);
}

static size_t vfio_mdev_info_size(const struct vfio_mdev_stream *head)
{
	return le16_to_cpu(head->info_size);
}

static const void *vfio_mdev_info(const struct vfio_mdev_stream *head)
{
	return head->data + ALIGN(vfio_mdev_name_size(head), 8);
}

static size_t vfio_mdev_head_size(const struct vfio_mdev_stream *head)
{
	return sizeof(*head) + ALIGN(vfio_mdev_name_size(head), 8) +
	       ALIGN(vfio_mdev_info_size(head), 8);
}

/* The size of the state data lies between the head and the state data. */
static __le64 *vfio_mdev_state_size(struct vfio_mdev_buffer *buffer,
				    size_t state)
{
	return (__le64 *)(buffer->data + state) - 1;
}

/* Returns where to copy. The caller puts the buffer after the copy. */
static void *vfio_mdev_transfer_get(struct vfio_mdev_transfer *transfer,
				    struct vfio_mdev_buffer **buffer)
{
	lockdep_assert_held(&transfer->lock);
	*buffer = transfer->buffer;
	kref_get(&transfer->buffer->ref);
	return transfer->buffer->data + transfer->pos;
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

/* Whether a head of these sizes can be that of a device of the same type */
static bool vfio_mdev_begin_valid(const struct vfio_mdev_transfer *transfer)
{
	const struct vfio_mdev_stream *own = transfer->head;
	const struct vfio_mdev_stream *head = (void *)transfer->buffer->data;

	return head->magic == own->magic && head->version == own->version &&
	       head->name_size == own->name_size &&
	       vfio_mdev_info_size(head) <= MDEV_MIGRATION_INFO_SIZE;
}

/* Whether the device can load the state data that follows */
static bool vfio_mdev_head_valid(const struct vfio_mdev_transfer *transfer)
{
	const struct vfio_mdev_stream *own = transfer->head;
	const struct vfio_mdev_stream *head = (void *)transfer->buffer->data;
	size_t size = vfio_mdev_info_size(head);

	/* With the zeroes that pad it */
	if (memcmp(head->data, own->data, ALIGN(vfio_mdev_name_size(own), 8)))
		return false;
	if (transfer->ops->compatible)
		return transfer->ops->compatible(vfio_mdev_info(own),
						 vfio_mdev_info_size(own),
						 vfio_mdev_info(head), size);
	return size == vfio_mdev_info_size(own) &&
	       !memcmp(vfio_mdev_info(head), vfio_mdev_info(own), size);
}

/* The size has been written: allocate memory for that much state data. */
static int vfio_mdev_transfer_expect(struct vfio_mdev_transfer *transfer)
{
	u64 size = le64_to_cpu(*vfio_mdev_state_size(transfer->buffer,
						     transfer->state));
	struct vfio_mdev_buffer *buffer;

	if (size > transfer->limit)
		return -EINVAL;
	buffer = vfio_mdev_buffer_alloc(size_add(transfer->state, size), 0);
	if (!buffer)
		return -ENOMEM;
	memcpy(buffer->data, transfer->buffer->data, transfer->state);
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
	lockdep_assert_held(&transfer->lock);
	transfer->pos += count;
	if (transfer->pos < transfer->size || transfer->complete)
		return 0;
	if (transfer->state)
		return vfio_mdev_transfer_expect(transfer);
	if (transfer->size == sizeof(struct vfio_mdev_stream)) {
		if (!vfio_mdev_begin_valid(transfer))
			return -EINVAL;
		transfer->size = vfio_mdev_head_size((void *)transfer->buffer->data);
		return 0;
	}
	if (!vfio_mdev_head_valid(transfer))
		return -EINVAL;
	transfer->size += sizeof(__le64);
	transfer->state = transfer->size;
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
	kfree(transfer->head);
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

/* What the stream of a device begins with; NULL without memory. */
static struct vfio_mdev_stream *vfio_mdev_head_create(struct vfio_mdev *vmdev)
{
	const struct mdev_migration_ops *ops = vmdev->ops->migration;
	const char *name = mdev_type_name(vmdev->mdev->type);
	struct vfio_mdev_stream *head = kzalloc(VFIO_MDEV_HEAD_MAX,
						GFP_KERNEL_ACCOUNT);
	size_t size;

	if (!head)
		return NULL;
	head->magic = cpu_to_le64(VFIO_MDEV_STREAM_MAGIC);
	head->version = cpu_to_le32(VFIO_MDEV_STREAM_VERSION);
	/* Cut only if it is longer than the name of any file */
	strscpy(head->data, name, NAME_MAX + 1);
	head->name_size = cpu_to_le16(strlen(head->data) + 1);
	if (ops->info) {
		size = ops->info(vmdev->mdev, (void *)vfio_mdev_info(head));
		head->info_size = cpu_to_le16(min(size,
						  MDEV_MIGRATION_INFO_SIZE));
	}
	return head;
}

static struct vfio_mdev_transfer *
vfio_mdev_transfer_alloc(struct vfio_mdev *vmdev)
{
	struct vfio_mdev_transfer *transfer;

	transfer = kzalloc_obj(*transfer);
	if (!transfer)
		return NULL;
	mutex_init(&transfer->copy_lock);
	mutex_init(&transfer->lock);
	init_waitqueue_head(&transfer->wait);
	transfer->ops = vmdev->ops->migration;
	transfer->head = vfio_mdev_head_create(vmdev);
	transfer->buffer = vfio_mdev_buffer_alloc(VFIO_MDEV_HEAD_MAX +
						  sizeof(__le64), 0);
	if (!transfer->head || !transfer->buffer) {
		vfio_mdev_transfer_free(transfer);
		return NULL;
	}
	transfer->head_size = vfio_mdev_head_size(transfer->head);
	return transfer;
}

/* A source has its head to be read, a destination expects how one begins. */
static void vfio_mdev_transfer_begin(struct vfio_mdev_transfer *transfer,
				     struct vfio_mdev *vmdev, bool save)
{
	if (save) {
		memcpy(transfer->buffer->data, transfer->head,
		       transfer->head_size);
		transfer->size = transfer->head_size;
	} else {
		transfer->size = sizeof(struct vfio_mdev_stream);
		transfer->limit = transfer->ops->data_size(vmdev->mdev);
	}
}

/* Open a file that userspace reads to save, or writes to load. */
struct file *vfio_mdev_transfer_open(struct vfio_mdev *vmdev, bool save)
{
	struct vfio_mdev_transfer *transfer;
	struct file *file;

	transfer = vfio_mdev_transfer_alloc(vmdev);
	if (!transfer)
		return ERR_PTR(-ENOMEM);
	vfio_mdev_transfer_begin(transfer, vmdev, save);

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
int vfio_mdev_transfer_size(struct vfio_mdev *vmdev, unsigned long *size)
{
	struct vfio_mdev_stream *head = vfio_mdev_head_create(vmdev);

	if (!head)
		return -ENOMEM;
	*size = vfio_mdev_head_size(head) + sizeof(__le64) +
		vmdev->ops->migration->data_size(vmdev->mdev);
	kfree(head);
	return 0;
}

/* Save the state data of the stopped device to the file. */
int vfio_mdev_transfer_save(struct vfio_mdev *vmdev, struct file *file)
{
	const struct mdev_migration_ops *ops = vmdev->ops->migration;
	struct vfio_mdev_transfer *transfer = file->private_data;
	size_t size = ops->data_size(vmdev->mdev);
	size_t state = transfer->head_size + sizeof(__le64);
	struct vfio_mdev_buffer *buffer;
	ssize_t saved;

	/* Zeroed: userspace reads it, even if the driver does not fill it */
	buffer = vfio_mdev_buffer_alloc(size_add(state, size), __GFP_ZERO);
	if (!buffer)
		return -ENOMEM;
	saved = ops->save(vmdev->mdev, buffer->data + state, size);
	if (saved < 0 || saved > size) {
		vfio_mdev_buffer_put(buffer);
		return saved < 0 ? saved : -EIO;
	}
	memcpy(buffer->data, transfer->head, transfer->head_size);
	*vfio_mdev_state_size(buffer, state) = cpu_to_le64(saved);

	mutex_lock(&transfer->lock);
	swap(transfer->buffer, buffer);
	transfer->size = state + saved;
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
						  buffer->data + transfer->state,
						  transfer->size - transfer->state);
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
