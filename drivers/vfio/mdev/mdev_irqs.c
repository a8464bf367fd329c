// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a mediated device, for vendor drivers: the triggers that a user
 * has set, and the state of each vector that decides when they are signalled.
 */

#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/mdev_irqs.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>
#include <trace/events/mdev.h>

#include "mdev_private.h"

/* One interrupt that a user can be told of */
struct mdev_irq_vector {
	/* Protects what follows; taken in hard-interrupt context */
	spinlock_t lock;
	/* A signal masks it, as its index says */
	bool automasked;
	/* By the user, or by the signal that the user got */
	bool masked;
	/* Of the device's line, if @automasked */
	bool level;
	/* An edge came that the user has not been told of */
	bool pending;
	struct eventfd_ctx *trigger;
	const struct mdev_irq_index *irq;
};

/* Those of one kind. Changed by mdev_irqs_set() only. */
struct mdev_irq_index {
	const struct mdev_device *mdev;
	u32 index;
	u32 flags;
	u32 count;
	/* With VFIO_IRQ_INFO_NORESIZE: how many were set up at first */
	u32 nr_set_up;
	/* How many have a trigger, read anywhere */
	u32 nr_triggers;
	struct mdev_irq_vector *vectors;
};

/* What KUnit tests replace: they run where no eventfd can be made. */

struct eventfd_ctx *mdev_eventfd_get(int fd)
{
	KUNIT_STATIC_STUB_REDIRECT(mdev_eventfd_get, fd);
	return eventfd_ctx_fdget(fd);
}
EXPORT_SYMBOL_IF_KUNIT(mdev_eventfd_get);

void mdev_eventfd_put(struct eventfd_ctx *eventfd)
{
	KUNIT_STATIC_STUB_REDIRECT(mdev_eventfd_put, eventfd);
	eventfd_ctx_put(eventfd);
}
EXPORT_SYMBOL_IF_KUNIT(mdev_eventfd_put);

void mdev_eventfd_signal(struct eventfd_ctx *eventfd)
{
	KUNIT_STATIC_STUB_REDIRECT(mdev_eventfd_signal, eventfd);
	eventfd_signal(eventfd);
}
EXPORT_SYMBOL_IF_KUNIT(mdev_eventfd_signal);

static void mdev_irq_signal(struct mdev_irq_vector *vector)
{
	/* Whose it is, and which, matters to nobody else */
	if (trace_mdev_irq_enabled())
		trace_mdev_irq(vector->irq->mdev, vector->irq->index,
			       vector - vector->irq->vectors);
	mdev_eventfd_signal(vector->trigger);
}

/* Tell the user, if there is something to tell, and unless it is masked. */
static bool mdev_irq_update(struct mdev_irq_vector *vector)
{
	lockdep_assert_held(&vector->lock);
	if (vector->masked || !(vector->pending || vector->level))
		return false;
	/* Without a trigger, an edge is lost */
	vector->pending = false;
	if (!vector->trigger)
		return false;
	vector->masked = vector->automasked;
	mdev_irq_signal(vector);
	return true;
}

static void mdev_irq_act(struct mdev_irq_vector *vector, u32 actions)
{
	unsigned long flags;

	spin_lock_irqsave(&vector->lock, flags);
	if (actions & VFIO_IRQ_SET_ACTION_MASK) {
		vector->masked = true;
	} else if (actions & VFIO_IRQ_SET_ACTION_UNMASK) {
		vector->masked = false;
		mdev_irq_update(vector);
	} else if (vector->trigger) {
		/* The user tests its handler, the device has no part in it */
		mdev_irq_signal(vector);
	}
	spin_unlock_irqrestore(&vector->lock, flags);
}

/* Exchanges @trigger for the old one. */
static void mdev_irq_swap_trigger(struct mdev_irq_vector *vector,
				  struct eventfd_ctx **trigger)
{
	unsigned long flags;

	spin_lock_irqsave(&vector->lock, flags);
	swap(vector->trigger, *trigger);
	mdev_irq_update(vector);
	spin_unlock_irqrestore(&vector->lock, flags);
}

static void mdev_irq_tear_down(struct mdev_irq_vector *vector)
{
	struct eventfd_ctx *trigger;
	unsigned long flags;

	spin_lock_irqsave(&vector->lock, flags);
	trigger = vector->trigger;
	vector->trigger = NULL;
	vector->masked = false;
	vector->pending = false;
	spin_unlock_irqrestore(&vector->lock, flags);
	if (trigger)
		mdev_eventfd_put(trigger);
}

static void mdev_irqs_tear_down(struct mdev_irq_index *irq)
{
	u32 i;

	for (i = 0; i < irq->count; i++)
		mdev_irq_tear_down(&irq->vectors[i]);
	irq->nr_set_up = 0;
	WRITE_ONCE(irq->nr_triggers, 0);
}

/* Vectors that were not set up at first get no trigger before a teardown. */
static bool mdev_irqs_may_set(const struct mdev_irq_index *irq, u32 start,
			      u32 count, const s32 *fds)
{
	u32 i;

	if (!irq->nr_set_up)
		return true;
	for (i = 0; i < count; i++)
		if (fds[i] >= 0 && start + i >= irq->nr_set_up)
			return false;
	return true;
}

static int mdev_irqs_get_triggers(struct eventfd_ctx **triggers,
				  const s32 *fds, u32 count)
{
	struct eventfd_ctx *trigger;
	u32 i;

	for (i = 0; i < count; i++) {
		if (fds[i] < 0)
			continue;
		trigger = mdev_eventfd_get(fds[i]);
		if (IS_ERR(trigger))
			return PTR_ERR(trigger);
		triggers[i] = trigger;
	}
	return 0;
}

static void mdev_irqs_put_triggers(struct eventfd_ctx **triggers, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (triggers[i])
			mdev_eventfd_put(triggers[i]);
}

/* Exchanges @triggers for the old ones. */
static void mdev_irqs_swap_triggers(struct mdev_irq_index *irq, u32 start,
				    u32 count, struct eventfd_ctx **triggers)
{
	u32 nr_triggers = irq->nr_triggers;
	u32 i;

	for (i = 0; i < count; i++) {
		nr_triggers += !!triggers[i];
		mdev_irq_swap_trigger(&irq->vectors[start + i], &triggers[i]);
		nr_triggers -= !!triggers[i];
	}
	WRITE_ONCE(irq->nr_triggers, nr_triggers);
	if (irq->flags & VFIO_IRQ_INFO_NORESIZE && !irq->nr_set_up)
		irq->nr_set_up = start + count;
}

/* All of them, or none if one is refused. */
static int mdev_irqs_set_triggers(struct mdev_irq_index *irq, u32 start,
				  u32 count, const s32 *fds)
{
	struct eventfd_ctx **triggers;
	int ret;

	if (!mdev_irqs_may_set(irq, start, count, fds))
		return -EINVAL;
	triggers = kvcalloc(count, sizeof(*triggers), GFP_KERNEL_ACCOUNT);
	if (!triggers)
		return -ENOMEM;

	ret = mdev_irqs_get_triggers(triggers, fds, count);
	if (!ret)
		mdev_irqs_swap_triggers(irq, start, count, triggers);
	mdev_irqs_put_triggers(triggers, count);
	kvfree(triggers);
	return ret;
}

/**
 * mdev_irqs_set - do what a user wants done with interrupts
 * @irqs: the interrupts of the device
 * @flags: one of VFIO_IRQ_SET_ACTION_* and one of VFIO_IRQ_SET_DATA_*
 * @index: which kind of interrupts
 * @start: the first vector that is concerned
 * @count: how many are. With 0 the whole index is torn down.
 * @data: what VFIO_IRQ_SET_DATA_* says
 *
 * This is what a &parent_ops.set_irqs does, whose arguments vfio_mdev has
 * checked and whose calls for one device don't overlap. Eventfds are taken from
 * the files of the caller.
 *
 * Eventfds replace each other without a signal being lost in between; -1
 * removes one. VFIO_IRQ_SET_ACTION_TRIGGER without eventfds signals the
 * triggers whether masked or not, and passes over vectors that have none.
 *
 * When it returns, the eventfds that it has replaced or removed are not
 * signalled any more.
 *
 * Context: Process context, may sleep.
 *
 * Return: 0, or, with nothing changed: -EBADF or -EINVAL when an eventfd is
 * none; -EINVAL when an index with VFIO_IRQ_INFO_NORESIZE would have to grow,
 * or when it is to be triggered and has no trigger at all; -ENOMEM.
 */
int mdev_irqs_set(struct mdev_irqs *irqs, u32 flags, u32 index, u32 start,
		  u32 count, void *data)
{
	struct mdev_irq_index *irq = &irqs->indexes[index];
	const u8 *wanted = data;
	u32 i;

	if (!count) {
		mdev_irqs_tear_down(irq);
		return 0;
	}
	if (flags & VFIO_IRQ_SET_DATA_EVENTFD)
		return mdev_irqs_set_triggers(irq, start, count, data);

	if (flags & VFIO_IRQ_SET_ACTION_TRIGGER && !irq->nr_triggers)
		return -EINVAL;
	for (i = 0; i < count; i++)
		if (flags & VFIO_IRQ_SET_DATA_NONE || wanted[i])
			mdev_irq_act(&irq->vectors[start + i], flags);
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_irqs_set);

/* Index and vector may come from a guest, by way of a vendor's register. */
static struct mdev_irq_index *mdev_irqs_index(struct mdev_irqs *irqs, u32 index)
{
	if (index >= irqs->nr_indexes)
		return NULL;
	return &irqs->indexes[array_index_nospec(index, irqs->nr_indexes)];
}

static struct mdev_irq_vector *mdev_irqs_vector(struct mdev_irqs *irqs,
						u32 index, u32 vector)
{
	const struct mdev_irq_index *irq = mdev_irqs_index(irqs, index);

	if (!irq || vector >= irq->count)
		return NULL;
	return &irq->vectors[array_index_nospec(vector, irq->count)];
}

/**
 * mdev_irqs_get_info - tell a user which interrupts there are
 * @irqs: the interrupts of the device
 * @info: has the index, gets count and flags
 *
 * This is what a &parent_ops.get_irq_info does.
 *
 * Context: Any context.
 *
 * Return: 0.
 */
int mdev_irqs_get_info(struct mdev_irqs *irqs, struct vfio_irq_info *info)
{
	const struct mdev_irq_index *irq = mdev_irqs_index(irqs, info->index);

	info->flags = irq ? irq->flags : 0;
	info->count = irq ? irq->count : 0;
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_irqs_get_info);

/**
 * mdev_irqs_enabled - whether a user wants interrupts of some kind
 * @irqs: the interrupts of the device
 * @index: which kind of interrupts
 *
 * Of several kinds that do the same, such as INTx, MSI and MSI-X of a PCI
 * device, the user enables one.
 *
 * Context: Any context. Takes no lock: the answer may be outdated unless the
 * caller keeps mdev_irqs_set() away.
 *
 * Return: true if some vector has a trigger.
 */
bool mdev_irqs_enabled(struct mdev_irqs *irqs, u32 index)
{
	const struct mdev_irq_index *irq = mdev_irqs_index(irqs, index);

	return irq && READ_ONCE(irq->nr_triggers);
}
EXPORT_SYMBOL_GPL(mdev_irqs_enabled);

/**
 * mdev_irqs_trigger - tell a user that a device has interrupted
 * @irqs: the interrupts of the device
 * @index: which kind of interrupt
 * @vector: which of them. One that does not exist is nobody's.
 *
 * This is an edge, as of MSI, MSI-X, and VFIO's error and request interrupts.
 *
 * Context: Any in which a spinlock may be taken, hard interrupts included.
 *
 * Return: true if the user was told, or will be when the vector is unmasked.
 */
bool mdev_irqs_trigger(struct mdev_irqs *irqs, u32 index, u32 vector)
{
	struct mdev_irq_vector *irq = mdev_irqs_vector(irqs, index, vector);
	unsigned long flags;
	bool ret;

	if (!irq)
		return false;
	spin_lock_irqsave(&irq->lock, flags);
	irq->pending = true;
	ret = mdev_irq_update(irq) || irq->pending;
	spin_unlock_irqrestore(&irq->lock, flags);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_irqs_trigger);

/**
 * mdev_irqs_set_level - assert or release an interrupt that is a level
 * @irqs: the interrupts of the device
 * @index: which kind of interrupt. Without VFIO_IRQ_INFO_AUTOMASKED it has no
 *	level, and nothing happens.
 * @vector: which of them. One that does not exist is nobody's.
 * @level: whether it is asserted
 *
 * This is the line of an INTx. Nothing happens if @level is what it was.
 *
 * Context: Any in which a spinlock may be taken, hard interrupts included.
 */
void mdev_irqs_set_level(struct mdev_irqs *irqs, u32 index, u32 vector,
			 bool level)
{
	struct mdev_irq_vector *irq = mdev_irqs_vector(irqs, index, vector);
	unsigned long flags;

	if (!irq || !irq->automasked)
		return;
	spin_lock_irqsave(&irq->lock, flags);
	irq->level = level;
	mdev_irq_update(irq);
	spin_unlock_irqrestore(&irq->lock, flags);
}
EXPORT_SYMBOL_GPL(mdev_irqs_set_level);

/**
 * mdev_irqs_reset - forget what a device has interrupted for
 * @irqs: the interrupts of the device
 *
 * Releases all levels and forgets all edges that are pending, as the reset of a
 * device does. Triggers and masks are the user's and stay.
 *
 * Context: Any in which a spinlock may be taken, hard interrupts included.
 */
void mdev_irqs_reset(struct mdev_irqs *irqs)
{
	struct mdev_irq_vector *vector;
	unsigned long flags;
	size_t i;

	for (i = 0; i < irqs->nr_vectors; i++) {
		vector = &irqs->vectors[i];
		spin_lock_irqsave(&vector->lock, flags);
		vector->level = false;
		vector->pending = false;
		spin_unlock_irqrestore(&vector->lock, flags);
	}
}
EXPORT_SYMBOL_GPL(mdev_irqs_reset);

static void mdev_irq_index_init(struct mdev_irq_index *irq,
				const struct mdev_irq_info *info,
				struct mdev_irq_vector *vectors)
{
	u32 i;

	irq->flags = info->flags;
	irq->count = info->count;
	irq->vectors = vectors;
	for (i = 0; i < irq->count; i++) {
		spin_lock_init(&vectors[i].lock);
		vectors[i].automasked = irq->flags & VFIO_IRQ_INFO_AUTOMASKED;
		vectors[i].irq = irq;
	}
}

/**
 * mdev_irqs_init - set up the interrupts of a device
 * @irqs: to be set up
 * @mdev: the device that they belong to
 * @info: the kinds of interrupts that it has; by VFIO's index, such as
 *	VFIO_PCI_INTX_IRQ_INDEX. Not needed any more afterwards.
 * @nr_indexes: how many kinds there are
 *
 * Allocates all that will ever be needed to signal.
 *
 * Context: Process context, may sleep.
 *
 * Return: 0; -EINVAL if @info contradicts itself; -ENOMEM.
 */
int mdev_irqs_init(struct mdev_irqs *irqs, const struct mdev_device *mdev,
		   const struct mdev_irq_info *info, unsigned int nr_indexes)
{
	size_t nr_vectors = 0;
	unsigned int i;

	for (i = 0; i < nr_indexes; i++) {
		if (info[i].flags & VFIO_IRQ_INFO_AUTOMASKED &&
		    !(info[i].flags & VFIO_IRQ_INFO_MASKABLE))
			return -EINVAL;
		nr_vectors = size_add(nr_vectors, info[i].count);
	}

	irqs->indexes = kcalloc(nr_indexes, sizeof(*irqs->indexes), GFP_KERNEL);
	irqs->vectors = kvcalloc(nr_vectors, sizeof(*irqs->vectors),
				 GFP_KERNEL);
	if (!irqs->indexes || !irqs->vectors) {
		kvfree(irqs->vectors);
		kfree(irqs->indexes);
		return -ENOMEM;
	}

	irqs->nr_indexes = nr_indexes;
	irqs->nr_vectors = 0;
	for (i = 0; i < nr_indexes; i++) {
		irqs->indexes[i].mdev = mdev;
		irqs->indexes[i].index = i;
		mdev_irq_index_init(&irqs->indexes[i], &info[i],
				    &irqs->vectors[irqs->nr_vectors]);
		irqs->nr_vectors += info[i].count;
	}
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_irqs_init);

/**
 * mdev_irqs_destroy - take back what mdev_irqs_init() has set up
 * @irqs: the interrupts of the device. The vendor sees to it that they are not
 *	used any more.
 *
 * Context: Process context, may sleep.
 */
void mdev_irqs_destroy(struct mdev_irqs *irqs)
{
	unsigned int i;

	for (i = 0; i < irqs->nr_indexes; i++)
		mdev_irqs_tear_down(&irqs->indexes[i]);
	kvfree(irqs->vectors);
	kfree(irqs->indexes);
}
EXPORT_SYMBOL_GPL(mdev_irqs_destroy);
