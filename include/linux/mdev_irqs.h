/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts of a mediated device, for vendor drivers: which eventfd tells the
 * user of which interrupt, and what is masked, pending or asserted.
 */
#ifndef _LINUX_MDEV_IRQS_H
#define _LINUX_MDEV_IRQS_H

#include <linux/types.h>

struct mdev_device;
struct mdev_irq_index;
struct mdev_irq_vector;
struct vfio_irq_info;

/**
 * DOC: interrupts of a vendor's devices
 *
 * A vendor embeds a struct mdev_irqs in what it keeps for a device, sets it up
 * in &parent_ops.create and destroys it in &parent_ops.remove. It lets
 * mdev_irqs_get_info() answer &parent_ops.get_irq_info, and mdev_irqs_set()
 * &parent_ops.set_irqs. Whenever the device interrupts, in hard-interrupt
 * context or elsewhere, the vendor calls mdev_irqs_trigger() or, for an
 * interrupt that is a level, mdev_irqs_set_level().
 *
 * A vector tells its user by signalling its trigger, the eventfd that the user
 * has set, unless it is masked:
 *
 * - an edge is signalled once. If the vector is masked, it is kept pending and
 *   signalled when the vector is unmasked; several become one. If there is no
 *   trigger, it is lost.
 * - a level, which a vector of an index with VFIO_IRQ_INFO_AUTOMASKED has, is
 *   signalled as long as it is asserted. The signal masks the vector, so that
 *   the next one comes when the user has unmasked it and the level is still,
 *   or again, asserted. A trigger that is set meanwhile is signalled too.
 *
 * Triggers and masks are the user's: a reset leaves them as they are. Tearing
 * down an index removes its triggers, unmasks its vectors and forgets what is
 * pending. Afterwards none of the old eventfds is signalled any more.
 */

/**
 * struct mdev_irq_info - one kind of interrupts that a device has
 * @flags: VFIO_IRQ_INFO_*. VFIO_IRQ_INFO_AUTOMASKED needs
 *	VFIO_IRQ_INFO_MASKABLE. With VFIO_IRQ_INFO_NORESIZE, vectors above those
 *	that the first eventfds were set for get none before the index has been
 *	torn down.
 * @count: number of vectors, 0 if the device has no such interrupts
 */
struct mdev_irq_info {
	u32 flags;
	u32 count;
};

/**
 * struct mdev_irqs - the interrupts of a device
 *
 * Its members are for the functions below only.
 */
struct mdev_irqs {
	/* private: */
	unsigned int nr_indexes;
	struct mdev_irq_index *indexes;
	/* Of all indexes, one after the other */
	size_t nr_vectors;
	struct mdev_irq_vector *vectors;
};

int mdev_irqs_init(struct mdev_irqs *irqs, const struct mdev_device *mdev,
		   const struct mdev_irq_info *info, unsigned int nr_indexes);
void mdev_irqs_destroy(struct mdev_irqs *irqs);

int mdev_irqs_get_info(struct mdev_irqs *irqs, struct vfio_irq_info *info);
int mdev_irqs_set(struct mdev_irqs *irqs, u32 flags, u32 index, u32 start,
		  u32 count, void *data);

bool mdev_irqs_trigger(struct mdev_irqs *irqs, u32 index, u32 vector);
void mdev_irqs_set_level(struct mdev_irqs *irqs, u32 index, u32 vector,
			 bool level);
bool mdev_irqs_enabled(struct mdev_irqs *irqs, u32 index);
void mdev_irqs_reset(struct mdev_irqs *irqs);

#endif /* _LINUX_MDEV_IRQS_H */
