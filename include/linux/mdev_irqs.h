/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts of a mediated device, for vendor drivers: the eventfds that the VMM
 * has set by VFIO_DEVICE_SET_IRQS, and the masked, pending and asserted state of
 * each vector. mdev_pci.h does this for PCI functions.
 */
#ifndef _LINUX_MDEV_IRQS_H
#define _LINUX_MDEV_IRQS_H

#include <linux/types.h>

struct mdev_device;
struct mdev_irqs;
struct vfio_irq_info;

/**
 * DOC: interrupts of a mediated device
 *
 * A driver allocates a struct mdev_irqs in &parent_ops.create and frees it in
 * &parent_ops.remove. Its &parent_ops.get_irq_info calls mdev_irqs_get_info(),
 * its &parent_ops.set_irqs calls mdev_irqs_set(). To interrupt, in hard interrupt
 * context or elsewhere, the driver calls mdev_irqs_trigger(), or
 * mdev_irqs_set_level() for a level-triggered interrupt.
 *
 * The trigger of a vector is the eventfd that the VMM has set for it. It is
 * signalled unless the vector is masked:
 *
 * - An edge is signalled once. While the vector is masked it is pending, and
 *   signalled when the vector is unmasked; several edges become one. Without a
 *   trigger it is dropped.
 * - A level, which a vector of an index with VFIO_IRQ_INFO_AUTOMASKED has, is
 *   signalled while it is asserted. The signal masks the vector: the next one is
 *   sent when the VMM has unmasked it and the level is asserted still or again.
 *   A trigger that is set while the level is asserted is signalled too.
 *
 * VFIO_IRQ_SET_ACTION_MASK masks a vector, and so can registers of the device:
 * see &mdev_irq_info.masked. Both have to allow a signal.
 *
 * A reset of the device keeps triggers and the mask of the VMM. Tearing down an
 * index removes its triggers, unmasks its vectors, and drops pending edges
 * unless @masked is set. The old eventfds are not signalled any more when
 * mdev_irqs_set() returns.
 */

/**
 * struct mdev_irq_info - one index of VFIO_DEVICE_GET_IRQ_INFO
 * @flags: VFIO_IRQ_INFO_*. VFIO_IRQ_INFO_AUTOMASKED requires
 *	VFIO_IRQ_INFO_MASKABLE. With VFIO_IRQ_INFO_NORESIZE, only vectors that
 *	the first eventfds were set for can get others, until the index is torn
 *	down.
 * @count: number of vectors, 0 if the device has no such interrupts
 * @masked: returns whether registers of the device mask a vector, such as the
 *	mask bits of MSI-X. The driver calls mdev_irqs_update() after it has
 *	changed them. Then an edge is the device's state, as a bit of the pending
 *	bit array of MSI-X: without a trigger, and across a teardown, it stays
 *	pending. Called with a spinlock held and interrupts disabled; must not
 *	call functions of this file other than mdev_irqs_enabled() and
 *	mdev_irqs_has_trigger(). Absent: there are no such registers.
 */
struct mdev_irq_info {
	u32 flags;
	u32 count;
	bool (*masked)(const struct mdev_device *mdev, u32 index, u32 vector);
};

struct mdev_irqs *mdev_irqs_create(const struct mdev_device *mdev,
				   const struct mdev_irq_info *info,
				   unsigned int nr_indexes);
void mdev_irqs_destroy(struct mdev_irqs *irqs);

int mdev_irqs_get_info(struct mdev_irqs *irqs, struct vfio_irq_info *info);
int mdev_irqs_set(struct mdev_irqs *irqs, u32 flags, u32 index, u32 start,
		  u32 count, void *data);

bool mdev_irqs_trigger(struct mdev_irqs *irqs, u32 index, u32 vector);
void mdev_irqs_set_level(struct mdev_irqs *irqs, u32 index, u32 vector,
			 bool level);
void mdev_irqs_update(struct mdev_irqs *irqs, u32 index, u32 vector);
bool mdev_irqs_is_pending(struct mdev_irqs *irqs, u32 index, u32 vector);
bool mdev_irqs_clear_pending(struct mdev_irqs *irqs, u32 index, u32 vector);
bool mdev_irqs_enabled(struct mdev_irqs *irqs, u32 index);
bool mdev_irqs_has_trigger(struct mdev_irqs *irqs, u32 index, u32 vector);
void mdev_irqs_reset(struct mdev_irqs *irqs);

#endif /* _LINUX_MDEV_IRQS_H */
