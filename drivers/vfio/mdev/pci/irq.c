// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a PCI function: INTx, MSI and MSI-X, with the MSI-X table and the
 * pending bit array in the BARs where the description puts them. mdev_irqs.c keeps
 * eventfds and pending messages; the registers here decide which of the three is
 * used and what is masked. config.c calls this file when the guest has written
 * one of them. Paragraphs are those of the PCI Local Bus Specification 3.0.
 *
 * The registers of MSI and MSI-X count from the first write of their enable bit on,
 * over resets, until the device is closed. A VMM that sets eventfds and never writes
 * it, as userspace drivers do, is taken to have enabled and unmasked the vectors that
 * have an eventfd. The MSI-X table counts by itself: QEMU emulates it, but passes
 * writes of the capability on.
 *
 * irq_lock makes a raise atomic: it finds one of the three and a message, and is
 * signalled or pending there. Raises of different vectors hold it for reading. A
 * write of a register takes it for writing afterwards, and then looks for what is
 * pending.
 */

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bitfield.h>
#include <linux/bitmap.h>
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>

#include "private.h"

#define MDEV_PCI_MSIX_DWORDS	(PCI_MSIX_ENTRY_SIZE / sizeof(u32))
#define MDEV_PCI_MSIX_CONTROL	(PCI_MSIX_ENTRY_VECTOR_CTRL / sizeof(u32))

/* Which of INTx, MSI and MSI-X the function uses, and what masks it */

static u16 mdev_pci_msi_flags(const struct mdev_pci_core *core)
{
	return mdev_pci_config_word(core, core->layout->msi + PCI_MSI_FLAGS);
}

static u16 mdev_pci_msix_flags(const struct mdev_pci_core *core)
{
	return mdev_pci_config_word(core, core->layout->msix + PCI_MSIX_FLAGS);
}

static bool mdev_pci_msi_enabled(const struct mdev_pci_core *core)
{
	return READ_ONCE(core->msi_written) ?
	       mdev_pci_msi_flags(core) & PCI_MSI_FLAGS_ENABLE :
	       mdev_irqs_enabled(core->irqs, VFIO_PCI_MSI_IRQ_INDEX);
}

static bool mdev_pci_msix_enabled(const struct mdev_pci_core *core)
{
	return READ_ONCE(core->msix_written) ?
	       mdev_pci_msix_flags(core) & PCI_MSIX_FLAGS_ENABLE :
	       mdev_irqs_enabled(core->irqs, VFIO_PCI_MSIX_IRQ_INDEX);
}

/* As an index of VFIO */
static u32 mdev_pci_irq_mode(const struct mdev_pci_core *core)
{
	if (mdev_pci_msix_enabled(core))
		return VFIO_PCI_MSIX_IRQ_INDEX;
	if (mdev_pci_msi_enabled(core))
		return VFIO_PCI_MSI_IRQ_INDEX;
	return VFIO_PCI_INTX_IRQ_INDEX;
}

/* 6.2.2: a message is a write to memory, which takes a bus master. */
static bool mdev_pci_may_send(const struct mdev_pci_core *core, bool written)
{
	return !written || mdev_pci_config_word(core, PCI_COMMAND) &
			   PCI_COMMAND_MASTER;
}

/* Offset of the mask bits; the pending bits follow them. */
static unsigned int mdev_pci_msi_mask(const struct mdev_pci_core *core)
{
	return core->layout->msi + (core->layout->function->msi.wide ?
				    PCI_MSI_MASK_64 : PCI_MSI_MASK_32);
}

/* 6.8.1.7 */
static bool mdev_pci_msi_masked(const struct mdev_pci_core *core, u32 message)
{
	bool written = READ_ONCE(core->msi_written);

	if (!mdev_pci_may_send(core, written))
		return true;
	return written && core->layout->function->msi.maskable &&
	       mdev_pci_config_dword(core, mdev_pci_msi_mask(core)) &
	       BIT(message);
}

/* 6.8.2.3, bit 14, and 6.8.2.9 */
static bool mdev_pci_msix_masked(const struct mdev_pci_core *core, u32 message)
{
	const u32 *entry = &core->msix_table[message * MDEV_PCI_MSIX_DWORDS];
	bool written = READ_ONCE(core->msix_written);

	if (!mdev_pci_may_send(core, written))
		return true;
	if (written && mdev_pci_msix_flags(core) & PCI_MSIX_FLAGS_MASKALL)
		return true;
	return READ_ONCE(core->msix_table_written) &&
	       READ_ONCE(entry[MDEV_PCI_MSIX_CONTROL]) &
	       PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

/* While a migration has stopped the device, and in D3hot (PCI PM 1.2, 5.4.1) */
static bool mdev_pci_is_silent(const struct mdev_pci_core *core)
{
	return READ_ONCE(core->silent) || !mdev_pci_in_d0(core);
}

/* 6.8.3.3: a function that sends messages does not assert INTx. */
static bool mdev_pci_irq_masked(const struct mdev_device *mdev, u32 index,
				u32 vector)
{
	const struct mdev_pci_core *core = to_mdev_pci_core(mdev);

	if (mdev_pci_is_silent(core) || index != mdev_pci_irq_mode(core))
		return true;
	switch (index) {
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return mdev_pci_msix_masked(core, vector);
	case VFIO_PCI_MSI_IRQ_INDEX:
		return mdev_pci_msi_masked(core, vector);
	default:
		return mdev_pci_config_word(core, PCI_COMMAND) &
		       PCI_COMMAND_INTX_DISABLE;
	}
}

/*
 * 6.8.1.3: the guest can enable fewer messages than requested. Without a write to
 * the register, they are as many as make an eventfd stand for the vector.
 */
static u32 mdev_pci_msi_message(const struct mdev_pci_core *core,
				unsigned int vector)
{
	unsigned int requested = core->layout->function->msi.vectors;
	unsigned int messages;

	if (READ_ONCE(core->msi_written)) {
		messages = BIT(FIELD_GET(PCI_MSI_FLAGS_QSIZE,
					 mdev_pci_msi_flags(core)));
		return vector % min(requested, messages);
	}
	for (messages = requested; messages; messages /= 2)
		if (mdev_irqs_has_trigger(core->irqs, VFIO_PCI_MSI_IRQ_INDEX,
					  vector % messages))
			return vector % messages;
	return vector % requested;
}

/* Several vectors share a message if there are fewer messages. */
static u32 mdev_pci_message(const struct mdev_pci_core *core, u32 mode,
			    unsigned int vector)
{
	return mode == VFIO_PCI_MSI_IRQ_INDEX ?
	       mdev_pci_msi_message(core, vector) :
	       vector % core->layout->function->msix.vectors;
}

/* 2.2.6: asserted while a vector is raised */
static void mdev_pci_update_intx(struct mdev_pci_core *core)
{
	lockdep_assert_held(&core->irq_lock);
	if (core->layout->function->interrupt_pin)
		mdev_irqs_set_level(core->irqs, VFIO_PCI_INTX_IRQ_INDEX, 0,
				    !bitmap_empty(core->raised,
						  core->layout->nr_vectors));
}

/* A pending message of a number that is not in use any more is sent as another. */
static void mdev_pci_resend(struct mdev_pci_core *core, u32 mode, u32 message)
{
	u32 other = mdev_pci_message(core, mode, message);

	if (other == message)
		mdev_irqs_update(core->irqs, mode, message);
	else if (mdev_irqs_clear_pending(core->irqs, mode, message))
		mdev_irqs_trigger(core->irqs, mode, other);
}

/*
 * Send or drop a pending message. Messages of an index that is not used are dropped,
 * but for a device that is silent: what is used can change until it is not. INTx has
 * the level of what is raised.
 */
static void mdev_pci_update_pending(struct mdev_pci_core *core, u32 index,
				    unsigned int message)
{
	lockdep_assert_held_write(&core->irq_lock);
	if (mdev_pci_irq_mode(core) == index)
		mdev_pci_resend(core, index, message);
	else if (!mdev_pci_is_silent(core))
		mdev_irqs_clear_pending(core->irqs, index, message);
}

/* Updates the first pending message from *@message on; returns false without. */
static bool mdev_pci_update_next(struct mdev_pci_core *core, u32 index,
				 unsigned int count, unsigned int *message)
{
	unsigned long flags;
	bool found = false;

	write_lock_irqsave(&core->irq_lock, flags);
	for (; *message < count && !found; (*message)++) {
		found = mdev_irqs_is_pending(core->irqs, index, *message);
		if (found)
			mdev_pci_update_pending(core, index, *message);
	}
	write_unlock_irqrestore(&core->irq_lock, flags);
	return found;
}

/* A signal can wake any number of waiters: enable interrupts between two. */
static void mdev_pci_irq_index_update(struct mdev_pci_core *core, u32 index,
				      unsigned int count)
{
	unsigned int message = 0;

	while (mdev_pci_update_next(core, index, count, &message))
		cond_resched();
}

/* Registers, the power state, a migration's state or eventfds have changed. */
void mdev_pci_irqs_update(struct mdev_pci_core *core)
{
	const struct mdev_pci_function *function = core->layout->function;

	mdev_irqs_update(core->irqs, VFIO_PCI_INTX_IRQ_INDEX, 0);
	mdev_pci_irq_index_update(core, VFIO_PCI_MSI_IRQ_INDEX,
				  function->msi.vectors);
	mdev_pci_irq_index_update(core, VFIO_PCI_MSIX_IRQ_INDEX,
				  function->msix.vectors);
}

/* Send the message of a vector, unless the function uses INTx. */
static void mdev_pci_send(struct mdev_pci_core *core, unsigned int vector)
{
	u32 mode = mdev_pci_irq_mode(core);

	lockdep_assert_held(&core->irq_lock);
	if (mode != VFIO_PCI_INTX_IRQ_INDEX)
		mdev_irqs_trigger(core->irqs, mode,
				  mdev_pci_message(core, mode, vector));
}

/**
 * mdev_pci_raise_irq - raise a level-triggered interrupt vector
 * @pci: the function
 * @vector: vector, ignored if it is out of range
 *
 * INTx is asserted until mdev_pci_lower_irq() has been called for all vectors that
 * were raised. With MSI or MSI-X enabled, each call sends the message of @vector;
 * vectors share messages if the guest has enabled fewer. A masked message is pending,
 * and sent when it is unmasked. For an event that the guest does not acknowledge, see
 * mdev_pci_trigger_irq().
 *
 * Context: Any context in which a spinlock can be taken, hard interrupts included.
 */
void mdev_pci_raise_irq(struct mdev_pci *pci, unsigned int vector)
{
	struct mdev_pci_core *core = pci->core;
	unsigned long flags;

	if (!mdev_pci_is_described(core) ||
	    vector >= core->layout->nr_vectors)
		return;
	read_lock_irqsave(&core->irq_lock, flags);
	set_bit(vector, core->raised);
	mdev_pci_update_intx(core);
	mdev_pci_send(core, vector);
	read_unlock_irqrestore(&core->irq_lock, flags);
}
EXPORT_SYMBOL_GPL(mdev_pci_raise_irq);

/**
 * mdev_pci_trigger_irq - send the message of an edge-triggered interrupt vector
 * @pci: the function
 * @vector: vector, ignored if it is out of range
 *
 * As mdev_pci_raise_irq(), but nothing has to be lowered: while the guest uses
 * neither MSI nor MSI-X, the event is dropped, since INTx is a level. For functions
 * without an interrupt pin, and for vectors that only messages have.
 *
 * Context: Any context in which a spinlock can be taken, hard interrupts included.
 */
void mdev_pci_trigger_irq(struct mdev_pci *pci, unsigned int vector)
{
	struct mdev_pci_core *core = pci->core;
	unsigned long flags;

	if (!mdev_pci_is_described(core) ||
	    vector >= core->layout->nr_vectors)
		return;
	read_lock_irqsave(&core->irq_lock, flags);
	set_bit(vector, core->edges);
	mdev_pci_send(core, vector);
	read_unlock_irqrestore(&core->irq_lock, flags);
}
EXPORT_SYMBOL_GPL(mdev_pci_trigger_irq);

static bool mdev_pci_has_message(const struct mdev_pci_core *core, u32 mode,
				 u32 message, const unsigned long *vectors)
{
	unsigned int vector;

	for_each_set_bit(vector, vectors, core->layout->nr_vectors)
		if (mdev_pci_message(core, mode, vector) == message)
			return true;
	return false;
}

/* Unless a vector that is raised shares it, or one with edges, which can be pending */
static void mdev_pci_drop_pending(struct mdev_pci_core *core, u32 mode,
				  u32 message)
{
	lockdep_assert_held_write(&core->irq_lock);
	if (!mdev_pci_has_message(core, mode, message, core->raised) &&
	    !mdev_pci_has_message(core, mode, message, core->edges))
		mdev_irqs_clear_pending(core->irqs, mode, message);
}

/**
 * mdev_pci_lower_irq - lower a level-triggered interrupt vector
 * @pci: the function
 * @vector: vector, ignored if it is out of range
 *
 * Deassert the interrupt: a message that is pending is dropped (PCI 3.0, 6.8.3.5).
 *
 * Context: Any context in which a spinlock can be taken, hard interrupts included.
 */
void mdev_pci_lower_irq(struct mdev_pci *pci, unsigned int vector)
{
	struct mdev_pci_core *core = pci->core;
	unsigned long flags;
	u32 mode;

	if (!mdev_pci_is_described(core) ||
	    vector >= core->layout->nr_vectors)
		return;
	write_lock_irqsave(&core->irq_lock, flags);
	clear_bit(vector, core->raised);
	mdev_pci_update_intx(core);
	mode = mdev_pci_irq_mode(core);
	if (mode != VFIO_PCI_INTX_IRQ_INDEX)
		mdev_pci_drop_pending(core, mode,
				      mdev_pci_message(core, mode, vector));
	write_unlock_irqrestore(&core->irq_lock, flags);
}
EXPORT_SYMBOL_GPL(mdev_pci_lower_irq);

/**
 * mdev_pci_trigger_error - notify the VMM of an error of the device
 * @pci: the function
 *
 * Signals VFIO_PCI_ERR_IRQ_INDEX, which all functions have, unlike those of vfio-pci,
 * where a card without PCI Express can't report errors. QEMU stops the guest.
 *
 * Context: Any context in which a spinlock can be taken, hard interrupts included.
 */
void mdev_pci_trigger_error(struct mdev_pci *pci)
{
	if (mdev_pci_is_described(pci->core))
		mdev_irqs_trigger(pci->core->irqs, VFIO_PCI_ERR_IRQ_INDEX, 0);
}
EXPORT_SYMBOL_GPL(mdev_pci_trigger_error);

/**
 * mdev_pci_trigger_request - request that the VMM closes the device
 * @pci: the function
 *
 * Signals VFIO_PCI_REQ_IRQ_INDEX. QEMU unplugs the device from its guest. A removal of
 * the device does that by itself, with &parent_ops.hot_unplug.
 *
 * Context: Any context in which a spinlock can be taken, hard interrupts included.
 */
void mdev_pci_trigger_request(struct mdev_pci *pci)
{
	if (mdev_pci_is_described(pci->core))
		mdev_irqs_trigger(pci->core->irqs, VFIO_PCI_REQ_IRQ_INDEX, 0);
}
EXPORT_SYMBOL_GPL(mdev_pci_trigger_request);

/* Registers that show the state of interrupts */

/* 6.2.3: set while a vector is raised, also if INTx is disabled */
u32 mdev_pci_irq_status(struct mdev_pci_core *core)
{
	const struct mdev_pci_layout *layout = core->layout;

	return layout->function->interrupt_pin &&
	       !bitmap_empty(core->raised, layout->nr_vectors) ?
	       PCI_STATUS_INTERRUPT : 0;
}

/* Bits of the pending messages from @first on */
static u64 mdev_pci_pending_bits(struct mdev_pci_core *core, u32 index,
				 unsigned int first, unsigned int count)
{
	u64 pending = 0;
	unsigned int i;

	for (i = 0; i < count; i++)
		if (mdev_irqs_is_pending(core->irqs, index, first + i))
			pending |= BIT_ULL(i);
	return pending;
}

/* 6.8.1.8 */
u32 mdev_pci_msi_pending(struct mdev_pci_core *core)
{
	return mdev_pci_pending_bits(core, VFIO_PCI_MSI_IRQ_INDEX, 0,
				     core->layout->function->msi.vectors);
}

/* irq_lock orders the flag after the register, for a concurrent raise. */
static void mdev_pci_set_written(struct mdev_pci_core *core, bool *written)
{
	unsigned long flags;

	write_lock_irqsave(&core->irq_lock, flags);
	WRITE_ONCE(*written, true);
	write_unlock_irqrestore(&core->irq_lock, flags);
	mdev_pci_irqs_update(core);
}

void mdev_pci_msi_written(struct mdev_pci_core *core)
{
	mdev_pci_set_written(core, &core->msi_written);
}

void mdev_pci_msix_written(struct mdev_pci_core *core)
{
	mdev_pci_set_written(core, &core->msix_written);
}

/* MSI-X table and pending bit array */

/* Bits of an entry that are not reserved (6.8.2.6 to 6.8.2.9) */
static const u32 mdev_pci_msix_writable[MDEV_PCI_MSIX_DWORDS] = {
	[PCI_MSIX_ENTRY_LOWER_ADDR / sizeof(u32)] = ~3U,
	[PCI_MSIX_ENTRY_UPPER_ADDR / sizeof(u32)] = ~0U,
	[PCI_MSIX_ENTRY_DATA / sizeof(u32)] = ~0U,
	[MDEV_PCI_MSIX_CONTROL] = PCI_MSIX_ENTRY_CTRL_MASKBIT,
};

static bool mdev_pci_in_range(struct mdev_pci_range range, u64 offset)
{
	return offset >= range.start && offset < range.end;
}

static bool mdev_pci_in_msix_table(const struct mdev_pci_core *core,
				   unsigned int bar, u64 offset)
{
	const struct mdev_pci_function *function = core->layout->function;

	return bar == function->msix.table_bar &&
	       mdev_pci_in_range(mdev_pci_msix_table(function), offset);
}

/*
 * Table and pending bits begin and end at multiples of eight: a naturally aligned
 * access lies in one of them completely, or not at all.
 */
bool mdev_pci_in_msix(const struct mdev_pci_core *core, unsigned int bar,
		      u64 offset)
{
	const struct mdev_pci_function *function = core->layout->function;

	return mdev_pci_in_msix_table(core, bar, offset) ||
	       (bar == function->msix.pba_bar &&
		mdev_pci_in_range(mdev_pci_msix_pba(function), offset));
}

/* The eight bytes with @offset in them */
static u64 mdev_pci_msix_table_read(const struct mdev_pci_core *core,
				    u64 offset)
{
	const u32 *dwords = &core->msix_table[ALIGN_DOWN(offset, 8) / 4];

	return READ_ONCE(dwords[0]) | (u64)READ_ONCE(dwords[1]) << 32;
}

/* Of the pending bit array, a unit of 64 bits (6.8.2.10) */
u64 mdev_pci_msix_read(struct mdev_pci_core *core, unsigned int bar, u64 offset)
{
	const struct mdev_pci_function *function = core->layout->function;
	u64 value;

	if (mdev_pci_in_msix_table(core, bar, offset)) {
		offset -= function->msix.table_offset;
		value = mdev_pci_msix_table_read(core, offset);
	} else {
		offset -= function->msix.pba_offset;
		value = mdev_pci_pending_bits(core, VFIO_PCI_MSIX_IRQ_INDEX,
					      ALIGN_DOWN(offset, 8) *
					      BITS_PER_BYTE, 64);
	}
	return value >> offset % 8 * BITS_PER_BYTE;
}

/*
 * 6.8.2: the pending bits are read-only, and the table is accessed in four or eight
 * bytes. Other writes are ignored.
 */
void mdev_pci_msix_write(struct mdev_pci_core *core, unsigned int bar,
			 u64 offset, unsigned int size, u64 value)
{
	unsigned int i;

	if (size < sizeof(u32) || !mdev_pci_in_msix_table(core, bar, offset))
		return;
	offset -= core->layout->function->msix.table_offset;
	for (i = offset / sizeof(u32); size; i++) {
		u32 writable = mdev_pci_msix_writable[i % MDEV_PCI_MSIX_DWORDS];

		WRITE_ONCE(core->msix_table[i], value & writable);
		value >>= BITS_PER_TYPE(u32);
		size -= sizeof(u32);
	}
	mdev_pci_set_written(core, &core->msix_table_written);
}

/* Whether a table of a migration can be what a guest has written */
bool mdev_pci_msix_valid(const struct mdev_pci_core *core, const __le32 *table)
{
	unsigned int dwords = mdev_pci_msix_dwords(core->layout->function);
	unsigned int i;

	for (i = 0; i < dwords; i++)
		if (le32_to_cpu(table[i]) &
		    ~mdev_pci_msix_writable[i % MDEV_PCI_MSIX_DWORDS])
			return false;
	return true;
}

/* 6.8.2.9: all vectors are masked after a reset */
static void mdev_pci_msix_reset(struct mdev_pci_core *core)
{
	unsigned int dwords = mdev_pci_msix_dwords(core->layout->function);
	unsigned int i;

	for (i = 0; i < dwords; i++)
		WRITE_ONCE(core->msix_table[i],
			   i % MDEV_PCI_MSIX_DWORDS == MDEV_PCI_MSIX_CONTROL ?
			   PCI_MSIX_ENTRY_CTRL_MASKBIT : 0);
}

/*
 * After config space has been reset. Eventfds are kept, and with @keep_written whether
 * the VMM enables interrupts by registers.
 */
void mdev_pci_irqs_reset(struct mdev_pci_core *core, bool keep_written)
{
	unsigned long flags;

	write_lock_irqsave(&core->irq_lock, flags);
	if (!keep_written) {
		WRITE_ONCE(core->msi_written, false);
		WRITE_ONCE(core->msix_written, false);
		WRITE_ONCE(core->msix_table_written, false);
	}
	mdev_pci_msix_reset(core);
	bitmap_zero(core->raised, core->layout->nr_vectors);
	bitmap_zero(core->edges, core->layout->nr_vectors);
	mdev_irqs_reset(core->irqs);
	write_unlock_irqrestore(&core->irq_lock, flags);
	mdev_pci_irqs_update(core);
}

/* Vectors as bits of bytes, which do not depend on the size and order of longs */

static bool mdev_pci_test_vector(const u8 *bits, unsigned int vector)
{
	return bits[vector / BITS_PER_BYTE] & BIT(vector % BITS_PER_BYTE);
}

static void mdev_pci_add_vector(u8 *bits, unsigned int vector)
{
	bits[vector / BITS_PER_BYTE] |= BIT(vector % BITS_PER_BYTE);
}

static bool mdev_pci_save_pending(struct mdev_pci_core *core, u32 index,
				  u8 *pending)
{
	unsigned int vector;
	bool any = false;

	for (vector = 0; vector < core->layout->nr_vectors; vector++) {
		if (!mdev_irqs_is_pending(core->irqs, index, vector))
			continue;
		mdev_pci_add_vector(pending, vector);
		any = true;
	}
	return any;
}

/*
 * A VMM that handles eventfds itself, as QEMU does without KVM, can have a message in one
 * while it saves the interrupt controller of its guest, and loses it. The destination
 * sends the messages of all vectors once more that can have sent one.
 */
static bool mdev_pci_save_sent(struct mdev_pci_core *core, u32 index, u8 *pending)
{
	unsigned int vector;
	bool any = false;

	if (index == VFIO_PCI_INTX_IRQ_INDEX)
		return false;
	for_each_or_bit(vector, core->raised, core->edges, core->layout->nr_vectors) {
		mdev_pci_add_vector(pending, mdev_pci_message(core, index, vector));
		any = true;
	}
	return any;
}

/*
 * Save the raised vectors and the messages that are to be sent, and return the index of
 * those. That is the one that is used, or one that was when the device became silent.
 */
u32 mdev_pci_irqs_save(struct mdev_pci_core *core, u8 *raised, u8 *pending)
{
	const u32 indexes[] = {
		mdev_pci_irq_mode(core),
		VFIO_PCI_MSIX_IRQ_INDEX,
		VFIO_PCI_MSI_IRQ_INDEX,
	};
	u32 index = VFIO_PCI_INTX_IRQ_INDEX;
	unsigned long flags;
	unsigned int vector;
	unsigned int i;

	write_lock_irqsave(&core->irq_lock, flags);
	for_each_set_bit(vector, core->raised, core->layout->nr_vectors)
		mdev_pci_add_vector(raised, vector);
	for (i = 0; i < ARRAY_SIZE(indexes); i++) {
		if (mdev_pci_save_pending(core, indexes[i], pending)) {
			index = indexes[i];
			break;
		}
	}
	/* Unless what is pending is of another index */
	if ((index == VFIO_PCI_INTX_IRQ_INDEX || index == indexes[0]) &&
	    mdev_pci_save_sent(core, indexes[0], pending))
		index = indexes[0];
	write_unlock_irqrestore(&core->irq_lock, flags);
	return index;
}

/*
 * After the registers of a migration have been loaded. The device is silent: messages
 * are pending until it is not.
 */
void mdev_pci_irqs_load(struct mdev_pci_core *core, const u8 *raised, u32 index,
			const u8 *pending)
{
	bool message = index != VFIO_PCI_INTX_IRQ_INDEX;
	unsigned long flags;
	unsigned int vector;

	write_lock_irqsave(&core->irq_lock, flags);
	for (vector = 0; vector < core->layout->nr_vectors; vector++) {
		__assign_bit(vector, core->raised,
			     mdev_pci_test_vector(raised, vector));
		if (message && mdev_pci_test_vector(pending, vector))
			mdev_irqs_trigger(core->irqs, index, vector);
		/* Whether a pending message is an edge is not in the state data */
		__assign_bit(vector, core->edges,
			     !mdev_pci_test_vector(raised, vector) && message &&
			     mdev_pci_test_vector(pending, vector));
	}
	mdev_pci_update_intx(core);
	write_unlock_irqrestore(&core->irq_lock, flags);
}

/* &parent_ops */

int mdev_pci_get_irq_info(struct mdev_device *mdev, struct vfio_irq_info *info)
{
	return mdev_irqs_get_info(to_mdev_pci_core(mdev)->irqs, info);
}
EXPORT_SYMBOL_GPL(mdev_pci_get_irq_info);

/* Eventfds, too, decide which of INTx, MSI and MSI-X is used. */
int mdev_pci_set_irqs(struct mdev_device *mdev, u32 flags, u32 index, u32 start,
		      u32 count, void *data)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	int ret;

	ret = mdev_irqs_set(core->irqs, flags, index, start, count, data);
	if (!count || flags & VFIO_IRQ_SET_DATA_EVENTFD)
		mdev_pci_irqs_update(core);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pci_set_irqs);

void mdev_pci_request(struct mdev_device *mdev, unsigned int count)
{
	mdev_pci_trigger_request(to_mdev_pci_core(mdev)->pci);
}
EXPORT_SYMBOL_GPL(mdev_pci_request);

static struct mdev_irqs *mdev_pci_irqs_create(const struct mdev_pci_core *core)
{
	const struct mdev_pci_function *function = core->layout->function;
	struct mdev_irq_info info[VFIO_PCI_NUM_IRQS] = {
		[VFIO_PCI_INTX_IRQ_INDEX] = {
			.flags = VFIO_IRQ_INFO_EVENTFD |
				 VFIO_IRQ_INFO_MASKABLE |
				 VFIO_IRQ_INFO_AUTOMASKED,
			.count = function->interrupt_pin ? 1 : 0,
			.masked = mdev_pci_irq_masked,
		},
		[VFIO_PCI_MSI_IRQ_INDEX] = {
			/* 6.8.1.3: the number is fixed while MSI is enabled */
			.flags = VFIO_IRQ_INFO_EVENTFD |
				 VFIO_IRQ_INFO_NORESIZE,
			.count = function->msi.vectors,
			.masked = mdev_pci_irq_masked,
		},
		[VFIO_PCI_MSIX_IRQ_INDEX] = {
			.flags = VFIO_IRQ_INFO_EVENTFD,
			.count = function->msix.vectors,
			.masked = mdev_pci_irq_masked,
		},
		[VFIO_PCI_ERR_IRQ_INDEX] = {
			.flags = VFIO_IRQ_INFO_EVENTFD,
			.count = 1,
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
	return mdev_irqs_create(core->pci->mdev, info, ARRAY_SIZE(info));
}

int mdev_pci_irqs_init(struct mdev_pci_core *core)
{
	int ret = -ENOMEM;

	core->raised = bitmap_zalloc(core->layout->nr_vectors, GFP_KERNEL);
	core->edges = bitmap_zalloc(core->layout->nr_vectors, GFP_KERNEL);
	core->msix_table = kcalloc(core->layout->function->msix.vectors,
				   PCI_MSIX_ENTRY_SIZE, GFP_KERNEL);
	if (!core->raised || !core->edges || !core->msix_table)
		goto out_free;
	core->irqs = mdev_pci_irqs_create(core);
	if (!IS_ERR(core->irqs))
		return 0;
	ret = PTR_ERR(core->irqs);
out_free:
	kfree(core->msix_table);
	bitmap_free(core->edges);
	bitmap_free(core->raised);
	return ret;
}

void mdev_pci_irqs_destroy(struct mdev_pci_core *core)
{
	mdev_irqs_destroy(core->irqs);
	kfree(core->msix_table);
	bitmap_free(core->edges);
	bitmap_free(core->raised);
}
