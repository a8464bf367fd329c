// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file for the state data of a migration: a buffer between userspace and the
 * callbacks of the driver, with a header that detects data which is truncated, too
 * long or from another type of device. A read that finds the buffer empty calls
 * ->save_part() to fill it, or continues with what ->save() has written; a write that
 * fills it calls ->load_part(). Userspace can keep the file open longer than the
 * device. Read migration.c first.
 */

#include <linux/align.h>
#include <linux/anon_inodes.h>
#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

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
 * Parts of the state data follow, and then the rest of it, each preceded by its size
 * as __le64. The size of a part has VFIO_MDEV_STREAM_PART.
 *
 * All that precedes the sizes is known before the device is stopped: with PRE_COPY
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

#define VFIO_MDEV_STREAM_PART	BIT_ULL(63)

#define VFIO_MDEV_POLL_DELAY	(HZ / 10)

/* Names in sysfs, with the terminating zero, are not longer than NAME_MAX + 1 */
#define VFIO_MDEV_HEAD_MAX	(sizeof(struct vfio_mdev_stream) + \
				 ALIGN(NAME_MAX + 1, 8) + \
				 MDEV_MIGRATION_INFO_SIZE)

/**
 * struct vfio_mdev_buffer - memory for a piece of the stream
 * @ref: held by the transfer, and by a task that copies from or to @data
 * @room: size of @data, in bytes
 * @data: data to be read, or that was written
 */
struct vfio_mdev_buffer {
	struct kref ref;
	size_t room;
	u8 data[] __aligned(8);
};

/* The piece of the stream that is written */
enum vfio_mdev_piece {
	VFIO_MDEV_BEGIN,	/* struct vfio_mdev_stream */
	VFIO_MDEV_HEAD,		/* the same, with its data */
	VFIO_MDEV_SIZE,		/* size of the next piece */
	VFIO_MDEV_PART,		/* a part of the state data */
	VFIO_MDEV_STATE,	/* the rest of the state data, the end of the stream */
};

/**
 * struct vfio_mdev_transfer - private data of the file
 * @copy_lock: serializes read() and write(). Held while they copy, which can
 *	take as long as userspace likes: taken interruptibly, and by nothing
 *	else. Also held while the parent is paused.
 * @lock: protects all that follows. Inside of @copy_lock, and of
 *	&vfio_mdev.mig_lock; not held across copies. Of the driver's callbacks, it is
 *	held across @ops->compatible, @ops->save_part, @ops->load_part and
 *	@ops->parts_left.
 * @wait: tasks in poll()
 * @poll_again: wakes them, since state data can have changed
 * @mdev: the device; open, and valid, while @error is 0
 * @ops: callbacks of the driver; likewise
 * @owner: the vendor driver's module
 * @head: what the device's own stream begins with, up to the size of the state data
 * @head_size: its length
 * @buffer: has a piece of the stream; NULL after the transfer
 * @size: size of the piece that can be read, or is expected to be written, in bytes
 * @pos: how many of them were read or written
 * @rest: has what @ops->save has written, until it is in @buffer
 * @rest_size: its size
 * @piece: of a destination, what is in @buffer
 * @limit: maximum size of the rest of the state data that can be written
 * @again: of a source, what is in @buffer has been transferred before, and has changed
 * @paused: @ops->save_part must not be called now
 * @complete: the stream ends at @size
 * @error: what read() and write() return from now on
 */
struct vfio_mdev_transfer {
	/* Held across copies */
	struct mutex copy_lock;
	/* Not held across copies */
	struct mutex lock;
	wait_queue_head_t wait;
	struct delayed_work poll_again;
	struct mdev_device *mdev;
	const struct mdev_migration_ops *ops;
	struct module *owner;
	struct vfio_mdev_stream *head;
	size_t head_size;
	struct vfio_mdev_buffer *buffer;
	size_t size;
	size_t pos;
	struct vfio_mdev_buffer *rest;
	size_t rest_size;
	enum vfio_mdev_piece piece;
	size_t limit;
	bool again;
	bool paused;
	bool complete;
	int error;
};

/* Doesn't warn on failure: userspace has written the size when it loads. */
static struct vfio_mdev_buffer *vfio_mdev_buffer_alloc(size_t size, gfp_t gfp)
{
	struct vfio_mdev_buffer *buffer;

	buffer = kvmalloc(size_add(sizeof(*buffer), size),
			  GFP_KERNEL_ACCOUNT | __GFP_NOWARN | gfp);
	if (!buffer)
		return NULL;
	kref_init(&buffer->ref);
	buffer->room = size;
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

/*
 * Make the buffer at least @size bytes long, and zero it unless it is: userspace reads
 * it even if the driver does not fill it.
 */
static int vfio_mdev_transfer_grow(struct vfio_mdev_transfer *transfer,
				   size_t size)
{
	struct vfio_mdev_buffer *buffer;

	lockdep_assert_held(&transfer->lock);
	if (size <= transfer->buffer->room)
		return 0;
	buffer = vfio_mdev_buffer_alloc(size, __GFP_ZERO);
	if (!buffer)
		return -ENOMEM;
	swap(transfer->buffer, buffer);
	vfio_mdev_buffer_put(buffer);
	return 0;
}

static void vfio_mdev_put_size(struct vfio_mdev_buffer *buffer, u64 size)
{
	*(__le64 *)buffer->data = cpu_to_le64(size);
}

/* The next part that has changed is to be read. Returns 0 if there is none. */
static ssize_t vfio_mdev_transfer_save_part(struct vfio_mdev_transfer *transfer)
{
	const struct mdev_migration_ops *ops = transfer->ops;
	struct vfio_mdev_buffer *buffer;
	u64 initial, dirty;
	ssize_t size;

	if (!ops->save_part)
		return 0;
	ops->parts_left(transfer->mdev, &initial, &dirty);
	size = vfio_mdev_transfer_grow(transfer, sizeof(__le64) +
						 MDEV_MIGRATION_PART_SIZE);
	if (size)
		return size;
	buffer = transfer->buffer;
	size = ops->save_part(transfer->mdev, buffer->data + sizeof(__le64),
			      MDEV_MIGRATION_PART_SIZE);
	if (size > MDEV_MIGRATION_PART_SIZE)
		return -EIO;
	if (size <= 0)
		return size;
	vfio_mdev_put_size(buffer, size | VFIO_MDEV_STREAM_PART);
	transfer->size = sizeof(__le64) + size;
	transfer->pos = 0;
	transfer->again = !initial;
	return size;
}

/* All parts have been read: the rest of the state data follows. */
static void vfio_mdev_transfer_continue(struct vfio_mdev_transfer *transfer)
{
	swap(transfer->buffer, transfer->rest);
	vfio_mdev_buffer_put(transfer->rest);
	transfer->rest = NULL;
	transfer->size = transfer->rest_size;
	transfer->pos = 0;
	transfer->complete = true;
}

/* What is in the buffer has been read: fill it again, if there is more. */
static int vfio_mdev_transfer_refill(struct vfio_mdev_transfer *transfer)
{
	ssize_t ret;

	lockdep_assert_held(&transfer->lock);
	if (transfer->error)
		return transfer->error;
	if (transfer->pos < transfer->size || transfer->complete)
		return 0;
	/* The device leaves the state */
	if (transfer->paused)
		return transfer->rest ? -ENODEV : -ENOMSG;
	ret = vfio_mdev_transfer_save_part(transfer);
	if (ret < 0) {
		transfer->error = ret;
		return ret;
	}
	if (!ret && !transfer->rest)
		return -ENOMSG;
	if (!ret)
		vfio_mdev_transfer_continue(transfer);
	return 0;
}

/* What vfio_mdev_transfer_refill() would still read from the driver */
static void vfio_mdev_transfer_left(struct vfio_mdev_transfer *transfer,
				    u64 *initial, u64 *dirty)
{
	lockdep_assert_held(&transfer->lock);
	*initial = 0;
	*dirty = 0;
	if (transfer->ops->save_part)
		transfer->ops->parts_left(transfer->mdev, initial, dirty);
}

static bool vfio_mdev_transfer_readable(struct vfio_mdev_transfer *transfer)
{
	u64 initial, dirty;

	if (transfer->error || transfer->complete || transfer->rest ||
	    transfer->pos < transfer->size)
		return true;
	vfio_mdev_transfer_left(transfer, &initial, &dirty);
	return initial || dirty;
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

/*
 * Keep the device, and the module that its parent's release can be in, while a task
 * waits without the lock until the parent is resumed: it can be closed and removed then.
 */
static int vfio_mdev_transfer_hold(struct vfio_mdev_transfer *transfer)
{
	guard(mutex)(&transfer->lock);
	if (transfer->error)
		return transfer->error;
	__module_get(transfer->owner);
	get_device(mdev_dev(transfer->mdev));
	return 0;
}

static void vfio_mdev_transfer_unhold(struct vfio_mdev_transfer *transfer)
{
	put_device(mdev_dev(transfer->mdev));
	module_put(transfer->owner);
}

/* With no lock held, so that the task can be frozen */
static int vfio_mdev_transfer_wait_resumed(struct vfio_mdev_transfer *transfer)
{
	int ret;

	ret = vfio_mdev_transfer_hold(transfer);
	if (ret)
		return ret;
	ret = mdev_wait_resumed(transfer->mdev);
	vfio_mdev_transfer_unhold(transfer);
	return ret;
}

/*
 * An operation, which calls the driver. Not with the lock held: an operation of
 * migration.c takes it. vfio_mdev_transfer_exit() has to follow.
 */
static int vfio_mdev_transfer_enter(struct vfio_mdev_transfer *transfer)
{
	int ret;

	lockdep_assert_held(&transfer->copy_lock);
	ret = vfio_mdev_transfer_hold(transfer);
	if (ret)
		return ret;
	ret = mdev_operation_enter(transfer->mdev);
	if (ret)
		vfio_mdev_transfer_unhold(transfer);
	return ret;
}

static void vfio_mdev_transfer_exit(struct vfio_mdev_transfer *transfer)
{
	mdev_operation_exit(transfer->mdev);
	vfio_mdev_transfer_unhold(transfer);
}

static int vfio_mdev_transfer_prepare_read(struct vfio_mdev_transfer *transfer)
{
	int ret;

	ret = vfio_mdev_transfer_enter(transfer);
	if (ret)
		return ret;
	scoped_guard(mutex, &transfer->lock)
		ret = vfio_mdev_transfer_refill(transfer);
	vfio_mdev_transfer_exit(transfer);
	return ret;
}

static ssize_t
vfio_mdev_transfer_copy_out(struct vfio_mdev_transfer *transfer,
			    char __user *buf, size_t count)
{
	struct vfio_mdev_buffer *buffer;
	bool faulted;
	void *from;
	int ret;

	lockdep_assert_held(&transfer->copy_lock);
	ret = vfio_mdev_transfer_prepare_read(transfer);
	if (ret)
		return ret;
	scoped_guard(mutex, &transfer->lock) {
		if (transfer->error)
			return transfer->error;
		count = min(count, transfer->size - transfer->pos);
		from = vfio_mdev_transfer_get(transfer, &buffer);
	}

	faulted = copy_to_user(buf, from, count);
	vfio_mdev_buffer_put(buffer);
	if (faulted)
		return -EFAULT;

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

	ret = vfio_mdev_transfer_wait_resumed(transfer);
	if (ret)
		return ret;
	ret = mutex_lock_interruptible(&transfer->copy_lock);
	if (ret)
		return ret;
	ret = vfio_mdev_transfer_copy_out(transfer, buf, count);
	mutex_unlock(&transfer->copy_lock);
	return ret;
}

static void vfio_mdev_transfer_poll_again(struct work_struct *work)
{
	struct vfio_mdev_transfer *transfer =
		container_of(to_delayed_work(work), struct vfio_mdev_transfer,
			     poll_again);

	wake_up_all(&transfer->wait);
}

/*
 * Readable if there is data, at the end of the stream, and after an error. No callback
 * reports that state data has changed: a task that waits polls again after a delay.
 */
static __poll_t vfio_mdev_transfer_poll(struct file *file, poll_table *wait)
{
	struct vfio_mdev_transfer *transfer = file->private_data;
	__poll_t events = 0;

	poll_wait(file, &transfer->wait, wait);
	mutex_lock(&transfer->lock);
	if (vfio_mdev_transfer_readable(transfer))
		events = EPOLLIN | EPOLLRDNORM;
	else if (transfer->ops->save_part)
		schedule_delayed_work(&transfer->poll_again,
				      VFIO_MDEV_POLL_DELAY);
	if (transfer->error)
		events |= EPOLLRDHUP;
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
	u64 initial, dirty;
	u64 unread;

	if (cmd != VFIO_MIG_GET_PRECOPY_INFO)
		return -ENOTTY;
	if (copy_from_user(&info, (void __user *)arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	scoped_guard(mutex, &transfer->lock) {
		if (transfer->complete || transfer->rest || transfer->error)
			return -EINVAL;
		vfio_mdev_transfer_left(transfer, &initial, &dirty);
		unread = transfer->size - transfer->pos;
		info.flags = 0;
		info.initial_bytes = initial + (transfer->again ? 0 : unread);
		info.dirty_bytes = dirty + (transfer->again ? unread : 0);
	}
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

/* The next that is written is another piece, in a buffer of its own. */
static int vfio_mdev_transfer_expect(struct vfio_mdev_transfer *transfer,
				     enum vfio_mdev_piece piece, size_t size)
{
	transfer->piece = piece;
	transfer->size = size;
	transfer->pos = 0;
	return vfio_mdev_transfer_grow(transfer, size);
}

/* The size of a piece was written, which says what that is. */
static int vfio_mdev_size_written(struct vfio_mdev_transfer *transfer)
{
	u64 size = le64_to_cpu(*(__le64 *)transfer->buffer->data);

	if (size & VFIO_MDEV_STREAM_PART) {
		size &= ~VFIO_MDEV_STREAM_PART;
		if (!transfer->ops->load_part || !size ||
		    size > MDEV_MIGRATION_PART_SIZE)
			return -EINVAL;
		return vfio_mdev_transfer_expect(transfer, VFIO_MDEV_PART,
						 size);
	}
	if (size > transfer->limit)
		return -EINVAL;
	transfer->complete = true;
	return vfio_mdev_transfer_expect(transfer, VFIO_MDEV_STATE, size);
}

/* A whole piece was written. Returns an error that ends the transfer. */
static int vfio_mdev_piece_written(struct vfio_mdev_transfer *transfer)
{
	const struct vfio_mdev_stream *head = (void *)transfer->buffer->data;
	int ret;

	switch (transfer->piece) {
	case VFIO_MDEV_BEGIN:
		if (!vfio_mdev_begin_valid(transfer))
			return -EINVAL;
		/* There is room for it, behind the beginning */
		transfer->piece = VFIO_MDEV_HEAD;
		transfer->size = vfio_mdev_head_size(head);
		return 0;
	case VFIO_MDEV_HEAD:
		if (!vfio_mdev_head_valid(transfer))
			return -EINVAL;
		break;
	case VFIO_MDEV_SIZE:
		return vfio_mdev_size_written(transfer);
	case VFIO_MDEV_PART:
		ret = transfer->ops->load_part(transfer->mdev,
					       transfer->buffer->data,
					       transfer->size);
		if (ret)
			return ret < 0 ? ret : -EIO;
		break;
	case VFIO_MDEV_STATE:
		return 0;
	}
	return vfio_mdev_transfer_expect(transfer, VFIO_MDEV_SIZE,
					 sizeof(__le64));
}

/* The transfer can have been ended, or loaded, since the copy has begun. */
static ssize_t vfio_mdev_transfer_written(struct vfio_mdev_transfer *transfer,
					  size_t count)
{
	guard(mutex)(&transfer->lock);
	if (transfer->error)
		return transfer->error;
	transfer->pos += count;
	if (transfer->pos == transfer->size)
		transfer->error = vfio_mdev_piece_written(transfer);
	return transfer->error ?: count;
}

/* Copy up to the end of the piece. */
static ssize_t
vfio_mdev_transfer_copy_in(struct vfio_mdev_transfer *transfer,
			   const char __user *buf, size_t count)
{
	struct vfio_mdev_buffer *buffer;
	bool faulted;
	ssize_t ret;
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

	ret = vfio_mdev_transfer_enter(transfer);
	if (ret)
		return ret;
	ret = vfio_mdev_transfer_written(transfer, count);
	vfio_mdev_transfer_exit(transfer);
	return ret;
}

static ssize_t vfio_mdev_transfer_write(struct file *file,
					const char __user *buf, size_t count,
					loff_t *ppos)
{
	struct vfio_mdev_transfer *transfer = file->private_data;
	size_t done = 0;
	ssize_t ret;

	ret = vfio_mdev_transfer_wait_resumed(transfer);
	if (ret)
		return ret;
	ret = mutex_lock_interruptible(&transfer->copy_lock);
	if (ret)
		return ret;
	while (ret >= 0 && done < count && !fatal_signal_pending(current)) {
		cond_resched();
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
	cancel_delayed_work_sync(&transfer->poll_again);
	vfio_mdev_buffer_put(transfer->buffer);
	vfio_mdev_buffer_put(transfer->rest);
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
	INIT_DELAYED_WORK(&transfer->poll_again,
			  vfio_mdev_transfer_poll_again);
	transfer->mdev = vmdev->mdev;
	transfer->ops = vmdev->ops->migration;
	transfer->owner = vmdev->ops->owner;
	transfer->paused = true;
	transfer->head = vfio_mdev_head_create(vmdev);
	transfer->buffer = vfio_mdev_buffer_alloc(VFIO_MDEV_HEAD_MAX, 0);
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

/* An estimate of the length of the stream, if the device was saved now */
int vfio_mdev_transfer_size(struct vfio_mdev *vmdev, unsigned long *size)
{
	const struct mdev_migration_ops *ops = vmdev->ops->migration;
	struct vfio_mdev_stream *head = vfio_mdev_head_create(vmdev);
	u64 initial = 0, dirty = 0;

	if (!head)
		return -ENOMEM;
	if (ops->save_part)
		ops->parts_left(vmdev->mdev, &initial, &dirty);
	*size = min_t(u64, ULONG_MAX,
		      vfio_mdev_head_size(head) + sizeof(__le64) +
		      ops->data_size(vmdev->mdev) + initial + dirty);
	kfree(head);
	return 0;
}

/* Until vfio_mdev_transfer_resume(), ->save_part() is not called. */
void vfio_mdev_transfer_pause(struct file *file)
{
	struct vfio_mdev_transfer *transfer = file->private_data;

	guard(mutex)(&transfer->lock);
	transfer->paused = true;
}

void vfio_mdev_transfer_resume(struct file *file)
{
	struct vfio_mdev_transfer *transfer = file->private_data;

	scoped_guard(mutex, &transfer->lock)
		transfer->paused = false;
	wake_up_all(&transfer->wait);
}

/* Save the rest of the state data of the stopped device, to be read after the parts. */
int vfio_mdev_transfer_save(struct vfio_mdev *vmdev, struct file *file)
{
	const struct mdev_migration_ops *ops = vmdev->ops->migration;
	struct vfio_mdev_transfer *transfer = file->private_data;
	size_t size = ops->data_size(vmdev->mdev);
	struct vfio_mdev_buffer *buffer;
	ssize_t saved;

	buffer = vfio_mdev_buffer_alloc(size_add(sizeof(__le64), size),
					__GFP_ZERO);
	if (!buffer)
		return -ENOMEM;
	saved = ops->save(vmdev->mdev, buffer->data + sizeof(__le64), size);
	if (saved < 0 || saved > size) {
		vfio_mdev_buffer_put(buffer);
		return saved < 0 ? saved : -EIO;
	}
	vfio_mdev_put_size(buffer, saved);

	guard(mutex)(&transfer->lock);
	transfer->rest = buffer;
	transfer->rest_size = sizeof(__le64) + saved;
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
						  buffer->data, transfer->size);
	vfio_mdev_buffer_put(buffer);
	return ret;
}

/* End the transfer: read() and write() of the file fail from now on. */
void vfio_mdev_transfer_end(struct file *file)
{
	struct vfio_mdev_transfer *transfer = file->private_data;
	struct vfio_mdev_buffer *buffer = NULL, *rest = NULL;

	mutex_lock(&transfer->lock);
	swap(transfer->buffer, buffer);
	swap(transfer->rest, rest);
	transfer->error = -ENODEV;
	mutex_unlock(&transfer->lock);
	wake_up_all(&transfer->wait);
	vfio_mdev_buffer_put(buffer);
	vfio_mdev_buffer_put(rest);
}
