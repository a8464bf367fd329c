// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a PCI function: how a vector that the vendor raises reaches the
 * user, as the level of INTx or as a message of MSI or MSI-X.
 *
 * What MSI and MSI-X do is up to their registers from the first write to them
 * on. Before, a user who sets eventfds and leaves the registers alone, as
 * drivers in user space do, is taken to have enabled and unmasked what they are
 * set for. The table of MSI-X counts by itself: QEMU keeps it away from the
 * device, but not the registers in config space.
 */

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bitfield.h>
#include <linux/bitmap.h>
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/unaligned.h>
#include <linux/vfio.h>

#include "private.h"

#define MDEV_PCI_MESSAGE_FLAGS	(VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE)

static u16 mdev_pci_msi_flags(const struct mdev_pci_core *core)
{
	return mdev_pci_config_word(core, core->layout->msi + PCI_MSI_FLAGS);
}

static u16 mdev_pci_msix_flags(const struct mdev_pci_core *core)
{
	return mdev_pci_config_word(core, core->layout->msix + PCI_MSIX_FLAGS);
}

static bool mdev_pci_msi_enabled(struct mdev_pci_core *core)
{
	return core->msi_written ?
	       mdev_pci_msi_flags(core) & PCI_MSI_FLAGS_ENABLE :
	       mdev_irqs_enabled(&core->irqs, VFIO_PCI_MSI_IRQ_INDEX);
}

static bool mdev_pci_msix_enabled(struct mdev_pci_core *core)
{
	return core->msix_written ?
	       mdev_pci_msix_flags(core) & PCI_MSIX_FLAGS_ENABLE :
	       mdev_irqs_enabled(&core->irqs, VFIO_PCI_MSIX_IRQ_INDEX);
}

/* How the function interrupts, as a VFIO index */
static u32 mdev_pci_irq_mode(struct mdev_pci_core *core)
{
	if (mdev_pci_msix_enabled(core))
		return VFIO_PCI_MSIX_IRQ_INDEX;
	if (mdev_pci_msi_enabled(core))
		return VFIO_PCI_MSI_IRQ_INDEX;
	return VFIO_PCI_INTX_IRQ_INDEX;
}

/* PCI 3.0, 6.8.1.3: software may enable fewer than the function asks for */
static unsigned int mdev_pci_msi_messages(const struct mdev_pci_core *core)
{
	unsigned int asked = core->layout->function->msi.vectors;
	unsigned int log = FIELD_GET(PCI_MSI_FLAGS_QSIZE,
				     mdev_pci_msi_flags(core));

	return core->msi_written ? min(asked, BIT(log)) : asked;
}

/* A message stands for more vectors if there are not enough of them. */
static unsigned int mdev_pci_message(const struct mdev_pci_core *core, u32 mode,
				     unsigned int vector)
{
	return vector % (mode == VFIO_PCI_MSI_IRQ_INDEX ?
			 mdev_pci_msi_messages(core) :
			 core->layout->function->msix.vectors);
}

/* Offset of the mask bits; the pending bits follow them */
static unsigned int mdev_pci_msi_mask(const struct mdev_pci_core *core)
{
	return core->layout->msi + (core->layout->function->msi.wide ?
				   PCI_MSI_MASK_64 : PCI_MSI_MASK_32);
}

/* PCI 3.0, 6.8.1.7 */
static bool mdev_pci_msi_masked(const struct mdev_pci_core *core,
				unsigned int message)
{
	return core->msi_written && core->layout->function->msi.maskable &&
	       mdev_pci_config_dword(core, mdev_pci_msi_mask(core)) &
	       BIT(message);
}

/* PCI 3.0, 6.8.2.3, bit 14, and 6.8.2.9 */
static bool mdev_pci_msix_masked(const struct mdev_pci_core *core,
				 unsigned int message)
{
	const __le32 *entry =
		&core->msix_table[message * PCI_MSIX_ENTRY_SIZE / sizeof(u32)];

	if (core->msix_written &&
	    mdev_pci_msix_flags(core) & PCI_MSIX_FLAGS_MASKALL)
		return true;
	return core->msix_table_written &&
	       le32_to_cpu(entry[PCI_MSIX_ENTRY_VECTOR_CTRL / sizeof(u32)]) &
	       PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

/* While a migration has stopped it, or in D3hot (PCI PM 1.2, 5.4.1) */
static bool mdev_pci_silent(const struct mdev_pci_core *core)
{
	return READ_ONCE(core->silent) || !mdev_pci_in_d0(core);
}

/* PCI 3.0, 6.2.2: a message is a write to memory, hence a master's */
static bool mdev_pci_may_send(struct mdev_pci_core *core, u32 mode,
			      unsigned int message)
{
	bool msix = mode == VFIO_PCI_MSIX_IRQ_INDEX;
	bool written = msix ? core->msix_written : core->msi_written;
	u16 command = mdev_pci_config_word(core, PCI_COMMAND);

	if (written && !(command & PCI_COMMAND_MASTER))
		return false;
	return !mdev_pci_silent(core) &&
	       !(msix ? mdev_pci_msix_masked(core, message) :
			mdev_pci_msi_masked(core, message));
}

/*
 * Registers that were not written don't tell how many messages are enabled:
 * then a message without an eventfd is the one that it would be with fewer.
 */
static bool mdev_pci_signal(struct mdev_pci_core *core, u32 mode,
			    unsigned int message)
{
	unsigned int messages;

	if (mode == VFIO_PCI_MSIX_IRQ_INDEX || core->msi_written)
		return mdev_irqs_trigger(&core->irqs, mode, message);
	for (messages = mdev_pci_msi_messages(core); messages; messages /= 2)
		if (mdev_irqs_trigger(&core->irqs, mode, message % messages))
			return true;
	return false;
}

/*
 * PCI 3.0, 6.8.3.5: what may not be sent is pending until it may. So is what
 * the user has set no eventfd for, as QEMU does when the guest unmasks it.
 */
static void mdev_pci_send(struct mdev_pci_core *core, u32 mode,
			  unsigned int message)
{
	if (mdev_pci_may_send(core, mode, message) &&
	    mdev_pci_signal(core, mode, message))
		__clear_bit(message, core->pending);
	else
		__set_bit(message, core->pending);
}

/* PCI 3.0, 6.8.1.8 */
static void mdev_pci_show_pending(struct mdev_pci_core *core, u32 mode)
{
	u32 pending = 0;

	if (!core->layout->function->msi.maskable)
		return;
	if (mode == VFIO_PCI_MSI_IRQ_INDEX)
		pending = bitmap_read(core->pending, 0, BITS_PER_TYPE(u32));
	put_unaligned_le32(pending, &core->config[mdev_pci_msi_mask(core) +
						 sizeof(u32)]);
}

/* PCI 3.0, 6.2.3: the status does not care whether INTx is disabled */
static void mdev_pci_show_status(struct mdev_pci_core *core, bool raised)
{
	u8 status = core->config[PCI_STATUS] & ~PCI_STATUS_INTERRUPT;

	if (raised)
		status |= PCI_STATUS_INTERRUPT;
	WRITE_ONCE(core->config[PCI_STATUS], status);
}

/* PCI 3.0, 6.8.3.3: a function that sends messages doesn't use INTx */
static void mdev_pci_update_intx(struct mdev_pci_core *core, u32 mode)
{
	u16 command = mdev_pci_config_word(core, PCI_COMMAND);
	bool raised = core->layout->function->interrupt_pin &&
		      !bitmap_empty(core->raised, core->layout->nr_vectors);

	mdev_pci_show_status(core, raised);
	mdev_irqs_set_level(&core->irqs, VFIO_PCI_INTX_IRQ_INDEX, 0,
			    raised && mode == VFIO_PCI_INTX_IRQ_INDEX &&
			    !(command & PCI_COMMAND_INTX_DISABLE) &&
			    !mdev_pci_silent(core));
}

/*
 * Returns whether there was a pending message from *@message on, which it has
 * then tried to send, maybe as another one since there are fewer now.
 */
static bool mdev_pci_send_next(struct mdev_pci_core *core, u32 mode,
			       unsigned int *message)
{
	unsigned int nr_vectors = core->layout->nr_vectors;

	if (mode == VFIO_PCI_INTX_IRQ_INDEX) {
		/* Who goes back to INTx finds the level of what is raised */
		if (!mdev_pci_silent(core))
			bitmap_zero(core->pending, nr_vectors);
		return false;
	}
	*message = find_next_bit(core->pending, nr_vectors, *message);
	if (*message >= nr_vectors)
		return false;
	__clear_bit(*message, core->pending);
	mdev_pci_send(core, mode, mdev_pci_message(core, mode, *message));
	(*message)++;
	return true;
}

static bool mdev_pci_update_next(struct mdev_pci_core *core,
				 unsigned int *message)
{
	unsigned long flags;
	u32 mode;
	bool more;

	spin_lock_irqsave(&core->irq_lock, flags);
	mode = mdev_pci_irq_mode(core);
	more = mdev_pci_send_next(core, mode, message);
	mdev_pci_show_pending(core, mode);
	mdev_pci_update_intx(core, mode);
	spin_unlock_irqrestore(&core->irq_lock, flags);
	return more;
}

/*
 * May sleep. A signal may wake any number of waiters, so that interrupts come
 * between one message and the next.
 */
void mdev_pci_irqs_update(struct mdev_pci_core *core)
{
	unsigned int message = 0;

	while (mdev_pci_update_next(core, &message))
		cond_resched();
}

/**
 * mdev_pci_raise_irq - interrupt
 * @pci: the function
 * @vector: which of its vectors. One that does not exist is nobody's.
 *
 * Sends the vector's message, each time it is called, if the user has enabled
 * MSI or MSI-X; where it enabled fewer messages than there are vectors, several
 * vectors share one. A message that is masked is kept pending and sent when it
 * is unmasked. Otherwise asserts INTx, until all vectors have been lowered with
 * mdev_pci_lower_irq(). A function with an interrupt pin lowers them even if it
 * sends messages: else INTx is asserted when the guest goes back to that.
 *
 * Context: Any in which a spinlock may be taken, hard interrupts included.
 */
void mdev_pci_raise_irq(struct mdev_pci *pci, unsigned int vector)
{
	struct mdev_pci_core *core = pci->core;
	unsigned long flags;
	u32 mode;

	if (vector >= core->layout->nr_vectors)
		return;
	spin_lock_irqsave(&core->irq_lock, flags);
	__set_bit(vector, core->raised);
	mode = mdev_pci_irq_mode(core);
	if (mode != VFIO_PCI_INTX_IRQ_INDEX) {
		mdev_pci_send(core, mode, mdev_pci_message(core, mode, vector));
		mdev_pci_show_pending(core, mode);
	}
	mdev_pci_update_intx(core, mode);
	spin_unlock_irqrestore(&core->irq_lock, flags);
}
EXPORT_SYMBOL_GPL(mdev_pci_raise_irq);

/**
 * mdev_pci_lower_irq - what a vector was raised for has gone
 * @pci: the function
 * @vector: which of its vectors. One that does not exist is nobody's.
 *
 * A message that was sent can't be taken back, nor one that is pending.
 *
 * Context: Any in which a spinlock may be taken, hard interrupts included.
 */
void mdev_pci_lower_irq(struct mdev_pci *pci, unsigned int vector)
{
	struct mdev_pci_core *core = pci->core;
	unsigned long flags;

	if (vector >= core->layout->nr_vectors)
		return;
	spin_lock_irqsave(&core->irq_lock, flags);
	__clear_bit(vector, core->raised);
	mdev_pci_update_intx(core, mdev_pci_irq_mode(core));
	spin_unlock_irqrestore(&core->irq_lock, flags);
}
EXPORT_SYMBOL_GPL(mdev_pci_lower_irq);

int mdev_pci_get_irq_info(struct mdev_device *mdev, struct vfio_irq_info *info)
{
	return mdev_irqs_get_info(&mdev_pci_core(mdev)->irqs, info);
}

/* Eventfds decide, too, how the function interrupts. */
int mdev_pci_set_irqs(struct mdev_device *mdev, u32 flags, u32 index, u32 start,
		      u32 count, void *data)
{
	struct mdev_pci_core *core = mdev_pci_core(mdev);
	int ret;

	ret = mdev_irqs_set(&core->irqs, flags, index, start, count, data);
	mdev_pci_irqs_update(core);
	return ret;
}

/* The user is asked to let go of the device, by the eventfd for that. */
void mdev_pci_request(struct mdev_device *mdev, unsigned int count)
{
	mdev_irqs_trigger(&mdev_pci_core(mdev)->irqs,
			  VFIO_PCI_REQ_IRQ_INDEX, 0);
}

/* After the registers have been reset */
void mdev_pci_irqs_reset(struct mdev_pci_core *core)
{
	unsigned long flags;

	spin_lock_irqsave(&core->irq_lock, flags);
	bitmap_zero(core->raised, core->layout->nr_vectors);
	bitmap_zero(core->pending, core->layout->nr_vectors);
	core->msi_written = false;
	core->msix_written = false;
	mdev_irqs_reset(&core->irqs);
	spin_unlock_irqrestore(&core->irq_lock, flags);
	mdev_pci_irqs_update(core);
}

static int mdev_pci_irqs_init_indexes(struct mdev_pci_core *core)
{
	const struct mdev_pci_function *function = core->layout->function;
	struct mdev_irq_info info[VFIO_PCI_NUM_IRQS] = {
		[VFIO_PCI_INTX_IRQ_INDEX] = {
			.flags = VFIO_IRQ_INFO_EVENTFD |
				 VFIO_IRQ_INFO_MASKABLE |
				 VFIO_IRQ_INFO_AUTOMASKED,
			.count = !!function->interrupt_pin,
		},
		[VFIO_PCI_MSI_IRQ_INDEX] = {
			.flags = MDEV_PCI_MESSAGE_FLAGS,
			.count = function->msi.vectors,
		},
		[VFIO_PCI_MSIX_IRQ_INDEX] = {
			.flags = MDEV_PCI_MESSAGE_FLAGS,
			.count = function->msix.vectors,
		},
		[VFIO_PCI_ERR_IRQ_INDEX] = {
			.flags = VFIO_IRQ_INFO_EVENTFD,
			.count = !!(function->capabilities & MDEV_PCI_EXPRESS),
		},
		[VFIO_PCI_REQ_IRQ_INDEX] = {
			.flags = VFIO_IRQ_INFO_EVENTFD,
			.count = 1,
		},
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(info); i++)
		if (!info[i].count)
			info[i].flags = 0;
	return mdev_irqs_init(&core->irqs, core->pci->mdev, info,
			      ARRAY_SIZE(info));
}

int mdev_pci_irqs_init(struct mdev_pci_core *core)
{
	const struct mdev_pci_function *function = core->layout->function;
	/* In the unit that pending bits are read in */
	unsigned int bits = ALIGN(core->layout->nr_vectors, BITS_PER_TYPE(u64));
	int ret = -ENOMEM;

	core->raised = bitmap_zalloc(bits, GFP_KERNEL);
	core->pending = bitmap_zalloc(bits, GFP_KERNEL);
	core->msix_table = kcalloc(function->msix.vectors, PCI_MSIX_ENTRY_SIZE,
				  GFP_KERNEL);
	if (core->raised && core->pending && core->msix_table)
		ret = mdev_pci_irqs_init_indexes(core);
	if (!ret)
		return 0;
	kfree(core->msix_table);
	bitmap_free(core->pending);
	bitmap_free(core->raised);
	return ret;
}

void mdev_pci_irqs_destroy(struct mdev_pci_core *core)
{
	mdev_irqs_destroy(&core->irqs);
	kfree(core->msix_table);
	bitmap_free(core->pending);
	bitmap_free(core->raised);
}
