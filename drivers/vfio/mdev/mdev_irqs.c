// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a mediated device, for vendor drivers: the eventfds that the VMM
 * has set, and the state of each vector that decides when they are signalled.
 * pci/irq.c is a user of this, with registers that mask vectors.
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

#include "compat.h"
#include "mdev_private.h"

/**
 * struct mdev_irq_vector - state of a vector
 * @lock: protects the following members; taken in hard interrupt context
 * @automasked: a signal masks the vector (VFIO_IRQ_INFO_AUTOMASKED)
 * @masked: by the VMM, or by a signal if @automasked
 * @level: asserted, if @automasked
 * @pending: an edge has not been signalled yet
 * @trigger: the eventfd, or NULL
 * @irq: index of the vector
 */
struct mdev_irq_vector {
	/* See above; the order of locks is in mdev_private.h */
	spinlock_t lock;
	bool automasked;
	bool masked;
	bool level;
	bool pending;
	struct eventfd_ctx *trigger;
	const struct mdev_irq_index *irq;
};

/**
 * struct mdev_irq_index - state of an index, changed by mdev_irqs_set() only
 * @mdev: the device
 * @index: number of the index
 * @info: see struct mdev_irq_info
 * @nr_set_up: with VFIO_IRQ_INFO_NORESIZE, number of vectors that were set up
 *	first
 * @nr_triggers: number of vectors with a trigger, read without a lock
 * @vectors: the vectors
 */
struct mdev_irq_index {
	const struct mdev_device *mdev;
	u32 index;
	struct mdev_irq_info info;
	u32 nr_set_up;
	u32 nr_triggers;
	struct mdev_irq_vector *vectors;
};

/**
 * struct mdev_irqs - interrupts of a device
 * @nr_indexes: number of @indexes
 * @indexes: by number
 * @nr_vectors: number of @vectors
 * @vectors: of all indexes, one after the other
 */
struct mdev_irqs {
	unsigned int nr_indexes;
	struct mdev_irq_index *indexes;
	size_t nr_vectors;
	struct mdev_irq_vector *vectors;
};

/* KUnit tests replace these: they run in kthreads, which have no files. */

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
	if (trace_mdev_irq_enabled())
		trace_mdev_irq(vector->irq->mdev, vector->irq->index,
			       vector - vector->irq->vectors);
	mdev_eventfd_signal(vector->trigger);
}

static bool mdev_irq_masked_by_device(const struct mdev_irq_vector *vector)
{
	const struct mdev_irq_index *irq = vector->irq;

	return irq->info.masked &&
	       irq->info.masked(irq->mdev, irq->index, vector - irq->vectors);
}

/* Signal a pending edge or an asserted level, unless the vector is masked. */
static bool mdev_irq_update(struct mdev_irq_vector *vector)
{
	lockdep_assert_held(&vector->lock);
	if (vector->masked || !(vector->pending || vector->level) ||
	    mdev_irq_masked_by_device(vector))
		return false;
	if (!vector->trigger) {
		/* Only registers of the device keep an edge without a trigger */
		if (!vector->irq->info.masked)
			vector->pending = false;
		return false;
	}
	vector->pending = false;
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
		/* The VMM tests its handler: signal without an event of the device */
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
	if (!vector->irq->info.masked)
		vector->pending = false;
	spin_unlock_irqrestore(&vector->lock, flags);
	if (trigger)
		mdev_eventfd_put(trigger);
}

static void mdev_irqs_tear_down(struct mdev_irq_index *irq)
{
	u32 i;

	for (i = 0; i < irq->info.count; i++)
		mdev_irq_tear_down(&irq->vectors[i]);
	irq->nr_set_up = 0;
	WRITE_ONCE(irq->nr_triggers, 0);
}

/* VFIO_IRQ_INFO_NORESIZE: more vectors than set up first need a teardown. */
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
		if (triggers[i])
			nr_triggers++;
		mdev_irq_swap_trigger(&irq->vectors[start + i], &triggers[i]);
		if (triggers[i])
			nr_triggers--;
	}
	WRITE_ONCE(irq->nr_triggers, nr_triggers);
	if (irq->info.flags & VFIO_IRQ_INFO_NORESIZE && !irq->nr_set_up)
		irq->nr_set_up = start + count;
}

/* Sets all triggers, or none if one of them is invalid. */
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
 * mdev_irqs_set - implements &parent_ops.set_irqs
 * @irqs: interrupts of the device
 * @flags: one of VFIO_IRQ_SET_ACTION_* and one of VFIO_IRQ_SET_DATA_*
 * @index: index, checked by vfio_mdev, as is the range of vectors
 * @start: first vector
 * @count: number of vectors; 0 tears the index down
 * @data: by VFIO_IRQ_SET_DATA_*; file descriptors are those of the caller
 *
 * An eventfd replaces another one with no signal dropped between them; -1
 * removes one. VFIO_IRQ_SET_ACTION_TRIGGER with DATA_NONE or DATA_BOOL signals
 * triggers, masked or not, and ignores vectors without one.
 *
 * Context: Process context, may sleep. vfio_mdev serializes the calls for one
 * device.
 *
 * Return: 0, or with nothing changed: -EBADF or -EINVAL for a descriptor that is
 * not an eventfd's; -EINVAL if an index with VFIO_IRQ_INFO_NORESIZE would have
 * to grow, or if VFIO_IRQ_SET_ACTION_TRIGGER finds no trigger in the index;
 * -ENOMEM.
 */
int mdev_irqs_set(struct mdev_irqs *irqs, u32 flags, u32 index, u32 start,
		  u32 count, void *data)
{
	struct mdev_irq_index *irq = &irqs->indexes[index];
	const u8 *selected = data;
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
		if (flags & VFIO_IRQ_SET_DATA_NONE || selected[i])
			mdev_irq_act(&irq->vectors[start + i], flags);
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_irqs_set);

/* Both can be values that a guest has written to a register of the driver. */
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

	if (!irq || vector >= irq->info.count)
		return NULL;
	return &irq->vectors[array_index_nospec(vector, irq->info.count)];
}

/**
 * mdev_irqs_get_info - implements &parent_ops.get_irq_info
 * @irqs: interrupts of the device
 * @info: index on input; count and flags on output
 *
 * Context: Any context.
 *
 * Return: 0.
 */
int mdev_irqs_get_info(struct mdev_irqs *irqs, struct vfio_irq_info *info)
{
	const struct mdev_irq_index *irq = mdev_irqs_index(irqs, info->index);

	info->flags = irq ? irq->info.flags : 0;
	info->count = irq ? irq->info.count : 0;
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_irqs_get_info);

/**
 * mdev_irqs_enabled - whether a vector of an index has a trigger
 * @irqs: interrupts of the device
 * @index: index
 *
 * A VMM enables one of several indexes that do the same, such as INTx, MSI and
 * MSI-X of a PCI function.
 *
 * Context: Any context. Takes no lock: can race with mdev_irqs_set().
 *
 * Return: true if one has.
 */
bool mdev_irqs_enabled(struct mdev_irqs *irqs, u32 index)
{
	const struct mdev_irq_index *irq = mdev_irqs_index(irqs, index);

	return irq && READ_ONCE(irq->nr_triggers);
}
EXPORT_SYMBOL_GPL(mdev_irqs_enabled);

/**
 * mdev_irqs_has_trigger - whether a vector has a trigger
 * @irqs: interrupts of the device
 * @index: index
 * @vector: vector
 *
 * Context: Any context. Takes no lock: can race with mdev_irqs_set().
 *
 * Return: true if it has.
 */
bool mdev_irqs_has_trigger(struct mdev_irqs *irqs, u32 index, u32 vector)
{
	const struct mdev_irq_vector *irq =
		mdev_irqs_vector(irqs, index, vector);

	return irq && READ_ONCE(irq->trigger);
}
EXPORT_SYMBOL_GPL(mdev_irqs_has_trigger);

/**
 * mdev_irqs_trigger - an edge: MSI, MSI-X, VFIO's error and request interrupts
 * @irqs: interrupts of the device
 * @index: index
 * @vector: vector, ignored if it is out of range
 *
 * Context: Any context in which a spinlock can be taken, hard interrupts
 * included.
 *
 * Return: true if the edge is signalled or pending, false if it is dropped.
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
 * mdev_irqs_set_level - assert or deassert a level-triggered interrupt
 * @irqs: interrupts of the device
 * @index: index, ignored without VFIO_IRQ_INFO_AUTOMASKED
 * @vector: vector, ignored if it is out of range
 * @level: whether it is asserted
 *
 * Context: Any context in which a spinlock can be taken, hard interrupts
 * included.
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
 * mdev_irqs_update - signal a vector that registers of the device have unmasked
 * @irqs: interrupts of the device
 * @index: index
 * @vector: vector, ignored if it is out of range
 *
 * Calls &mdev_irq_info.masked if an edge is pending or the level is asserted.
 *
 * Context: Any context in which a spinlock can be taken, hard interrupts
 * included.
 */
void mdev_irqs_update(struct mdev_irqs *irqs, u32 index, u32 vector)
{
	struct mdev_irq_vector *irq = mdev_irqs_vector(irqs, index, vector);
	unsigned long flags;

	if (!irq)
		return;
	spin_lock_irqsave(&irq->lock, flags);
	mdev_irq_update(irq);
	spin_unlock_irqrestore(&irq->lock, flags);
}
EXPORT_SYMBOL_GPL(mdev_irqs_update);

/**
 * mdev_irqs_is_pending - whether an edge is pending
 * @irqs: interrupts of the device
 * @index: index
 * @vector: vector
 *
 * Context: Any context. Takes no lock: can race with mdev_irqs_trigger().
 *
 * Return: true if one is.
 */
bool mdev_irqs_is_pending(struct mdev_irqs *irqs, u32 index, u32 vector)
{
	const struct mdev_irq_vector *irq =
		mdev_irqs_vector(irqs, index, vector);

	return irq && READ_ONCE(irq->pending);
}
EXPORT_SYMBOL_GPL(mdev_irqs_is_pending);

/**
 * mdev_irqs_clear_pending - drop a pending edge
 * @irqs: interrupts of the device
 * @index: index
 * @vector: vector, ignored if it is out of range
 *
 * Context: Any context in which a spinlock can be taken, hard interrupts
 * included.
 *
 * Return: true if an edge was pending.
 */
bool mdev_irqs_clear_pending(struct mdev_irqs *irqs, u32 index, u32 vector)
{
	struct mdev_irq_vector *irq = mdev_irqs_vector(irqs, index, vector);
	unsigned long flags;
	bool pending;

	if (!irq)
		return false;
	spin_lock_irqsave(&irq->lock, flags);
	pending = irq->pending;
	irq->pending = false;
	spin_unlock_irqrestore(&irq->lock, flags);
	return pending;
}
EXPORT_SYMBOL_GPL(mdev_irqs_clear_pending);

/**
 * mdev_irqs_reset - drop pending edges and deassert levels
 * @irqs: interrupts of the device
 *
 * For a reset of the device. Triggers and the mask of the VMM are kept.
 *
 * Context: Any context in which a spinlock can be taken, hard interrupts
 * included.
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

static bool mdev_irq_info_valid(const struct mdev_irq_info *info)
{
	return !(info->flags & VFIO_IRQ_INFO_AUTOMASKED) ||
	       info->flags & VFIO_IRQ_INFO_MASKABLE;
}

static void mdev_irq_index_init(struct mdev_irq_index *irq,
				struct mdev_irq_vector *vectors)
{
	u32 i;

	irq->vectors = vectors;
	for (i = 0; i < irq->info.count; i++) {
		spin_lock_init(&vectors[i].lock);
		vectors[i].automasked =
			irq->info.flags & VFIO_IRQ_INFO_AUTOMASKED;
		vectors[i].irq = irq;
	}
}

static int mdev_irqs_init(struct mdev_irqs *irqs,
			  const struct mdev_device *mdev,
			  const struct mdev_irq_info *info,
			  unsigned int nr_indexes)
{
	struct mdev_irq_vector *vectors;
	unsigned int i;

	for (i = 0; i < nr_indexes; i++) {
		if (!mdev_irq_info_valid(&info[i]))
			return -EINVAL;
		irqs->nr_vectors = size_add(irqs->nr_vectors, info[i].count);
	}
	irqs->indexes = kcalloc(nr_indexes, sizeof(*irqs->indexes), GFP_KERNEL);
	irqs->vectors = kvcalloc(irqs->nr_vectors, sizeof(*irqs->vectors),
				 GFP_KERNEL);
	if (!irqs->indexes || !irqs->vectors)
		return -ENOMEM;

	irqs->nr_indexes = nr_indexes;
	vectors = irqs->vectors;
	for (i = 0; i < nr_indexes; i++) {
		irqs->indexes[i].mdev = mdev;
		irqs->indexes[i].index = i;
		irqs->indexes[i].info = info[i];
		mdev_irq_index_init(&irqs->indexes[i], vectors);
		vectors += info[i].count;
	}
	return 0;
}

/**
 * mdev_irqs_destroy - free the interrupts of a device
 * @irqs: what mdev_irqs_create() has returned, not in use any more
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
	kfree(irqs);
}
EXPORT_SYMBOL_GPL(mdev_irqs_destroy);

/**
 * mdev_irqs_create - allocate the interrupts of a device
 * @mdev: the device
 * @info: the indexes, by number, such as VFIO_PCI_INTX_IRQ_INDEX; copied
 * @nr_indexes: number of indexes
 *
 * Nothing is allocated later to signal.
 *
 * Context: Process context, may sleep.
 *
 * Return: the interrupts; -EINVAL for VFIO_IRQ_INFO_AUTOMASKED without
 * VFIO_IRQ_INFO_MASKABLE; -ENOMEM.
 */
struct mdev_irqs *mdev_irqs_create(const struct mdev_device *mdev,
				   const struct mdev_irq_info *info,
				   unsigned int nr_indexes)
{
	struct mdev_irqs *irqs = kzalloc_obj(*irqs);
	int ret;

	if (!irqs)
		return ERR_PTR(-ENOMEM);
	ret = mdev_irqs_init(irqs, mdev, info, nr_indexes);
	if (!ret)
		return irqs;
	mdev_irqs_destroy(irqs);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(mdev_irqs_create);
