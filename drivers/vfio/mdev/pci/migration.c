// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration of a PCI function: its registers, its memory and the driver's state, in
 * a format that does not depend on the kernel. State data comes from userspace: if
 * it is not valid for the function, nothing of it is loaded.
 */

#include <linux/align.h>
#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/vfio.h>

#include "private.h"

#define MDEV_PCI_STATE_VERSION	2

/* Memory is saved in blocks of this size, whatever the page size is. */
#define MDEV_PCI_BLOCK_SIZE	4096

/* In &mdev_pci_state.written: *_written of struct mdev_pci_core */
#define MDEV_PCI_STATE_MSI		BIT(0)
#define MDEV_PCI_STATE_MSIX		BIT(1)
#define MDEV_PCI_STATE_MSIX_TABLE	BIT(2)

/**
 * struct mdev_pci_state - header of the state data
 * @version: MDEV_PCI_STATE_VERSION
 * @vendor: vendor ID
 * @device: device ID
 * @config_size: of config space, in bytes
 * @vectors: number of interrupt vectors
 * @msix_vectors: how many of them MSI-X has
 * @written: MDEV_PCI_STATE_MSI, _MSIX, _MSIX_TABLE
 * @irq_index: VFIO index of MSI or MSI-X that the pending vectors belong to, or
 *	that of INTx if there are none
 * @reserved: 0
 * @vendor_size: size of the driver's state, in bytes
 * @blocks: number of blocks of memory
 *
 * Config space, the MSI-X table, the raised and the pending vectors as bits, the
 * driver's state and the blocks follow, each padded to a multiple of eight bytes.
 */
struct mdev_pci_state {
	__le32 version;
	__le16 vendor;
	__le16 device;
	__le32 config_size;
	__le32 vectors;
	__le32 msix_vectors;
	__le32 written;
	__le32 irq_index;
	__le32 reserved;
	__le64 vendor_size;
	__le64 blocks;
};

/**
 * struct mdev_pci_block - memory that is not zeroes
 * @region: VFIO region index
 * @reserved: 0
 * @offset: where in the region, in bytes, a multiple of MDEV_PCI_BLOCK_SIZE
 * @contents: what is there
 */
struct mdev_pci_block {
	__le32 region;
	__le32 reserved;
	__le64 offset;
	u8 contents[MDEV_PCI_BLOCK_SIZE];
};

/* Where in a state things are, in bytes */
struct mdev_pci_places {
	size_t config;
	size_t msix_table;
	size_t raised;
	size_t pending;
	size_t vendor;
	size_t blocks;
};

static struct mdev_pci_places mdev_pci_places(const struct mdev_pci_core *core)
{
	const struct mdev_pci_layout *layout = core->layout;
	size_t bits = ALIGN(layout->nr_vectors, BITS_PER_TYPE(u64)) /
		      BITS_PER_BYTE;
	struct mdev_pci_places places;

	places.config = sizeof(struct mdev_pci_state);
	places.msix_table = places.config + layout->size;
	places.raised = places.msix_table +
			layout->function->msix.vectors * PCI_MSIX_ENTRY_SIZE;
	places.pending = places.raised + bits;
	places.vendor = places.pending + bits;
	places.blocks = places.vendor +
			ALIGN(core->parent->driver->state_size, sizeof(u64));
	return places;
}

/* What the device may not do in a state */
static const struct {
	/* Access memory, which can be a region of another device */
	bool stopped;
	/* Interrupt */
	bool silent;
	/* The device is the source of a migration */
	bool saving;
} mdev_pci_states[VFIO_DEVICE_STATE_NR] = {
	[VFIO_DEVICE_STATE_STOP] = { .stopped = true, .silent = true },
	[VFIO_DEVICE_STATE_STOP_COPY] = {
		.stopped = true, .silent = true, .saving = true,
	},
	[VFIO_DEVICE_STATE_RESUMING] = { .stopped = true, .silent = true },
	[VFIO_DEVICE_STATE_RUNNING_P2P] = { .stopped = true },
	[VFIO_DEVICE_STATE_PRE_COPY] = { .saving = true },
	[VFIO_DEVICE_STATE_PRE_COPY_P2P] = { .stopped = true, .saving = true },
};

static void mdev_pci_enter_state(struct mdev_pci_core *core,
				 enum vfio_device_mig_state state)
{
	WRITE_ONCE(core->saving, mdev_pci_states[state].saving);
	WRITE_ONCE(core->silent, mdev_pci_states[state].silent);
	WRITE_ONCE(core->stopped, mdev_pci_states[state].stopped);
}

/* Interrupts that were raised while the device was stopped are signalled then. */
static int mdev_pci_set_state(struct mdev_device *mdev,
			      enum vfio_device_mig_state from,
			      enum vfio_device_mig_state to)
{
	struct mdev_pci_core *core = mdev_pci_core(mdev);
	int ret;

	guard(mutex)(&core->lock);
	mdev_pci_enter_state(core, to);
	ret = mdev_pci_update_running(core);
	if (ret)
		mdev_pci_enter_state(core, from);
	mdev_pci_irqs_update(core);
	return ret;
}

void mdev_pci_migration_end(struct mdev_pci_core *core)
{
	lockdep_assert_held(&core->lock);
	WRITE_ONCE(core->saving, false);
	WRITE_ONCE(core->silent, false);
	WRITE_ONCE(core->stopped, false);
}

static u64 mdev_pci_region_data_size(struct mdev_pci_core *core,
				     unsigned int region)
{
	if (!core->memory[region])
		return 0;
	if (READ_ONCE(core->saving))
		return (u64)PAGE_SIZE *
		       mdev_pci_memory_committed(core->pci, region);
	return mdev_pci_region(core->layout->function, region)->size;
}

/*
 * A source has the pages that are committed now. A destination can get all that
 * the regions can have, which mdev_pci_check() limits.
 */
static size_t mdev_pci_data_size(struct mdev_device *mdev)
{
	struct mdev_pci_core *core = mdev_pci_core(mdev);
	unsigned int region;
	u64 memory = 0;

	for (region = 0; region < core->layout->nr_regions; region++)
		memory += mdev_pci_region_data_size(core, region);
	return mdev_pci_places(core).blocks +
	       memory / MDEV_PCI_BLOCK_SIZE * sizeof(struct mdev_pci_block);
}

/* Returns how many of up to @room blocks it wrote. */
static ssize_t mdev_pci_save_region(struct mdev_pci_core *core,
				    unsigned int region,
				    struct mdev_pci_block *block, size_t room)
{
	u64 size = mdev_pci_region(core->layout->function, region)->size;
	size_t count = 0;
	u64 offset;

	for (offset = mdev_pci_memory_next(core, region, 0); offset < size;
	     offset = mdev_pci_memory_next(core, region,
					   offset + MDEV_PCI_BLOCK_SIZE)) {
		cond_resched();
		if (mdev_pci_memory_is_zero(core, region, offset,
					    MDEV_PCI_BLOCK_SIZE))
			continue;
		/* The VMM writes to a stopped device */
		if (count == room)
			return -EBUSY;
		mdev_pci_memory_read(core, region, offset, block->contents,
				     MDEV_PCI_BLOCK_SIZE);
		block->region = cpu_to_le32(region);
		block->offset = cpu_to_le64(offset);
		block++;
		count++;
	}
	return count;
}

static ssize_t mdev_pci_save_memory(struct mdev_pci_core *core,
				    struct mdev_pci_block *block, size_t room)
{
	unsigned int region;
	size_t count = 0;
	ssize_t ret;

	for (region = 0; region < core->layout->nr_regions; region++) {
		if (!core->memory[region])
			continue;
		ret = mdev_pci_save_region(core, region, block + count,
					   room - count);
		if (ret < 0)
			return ret;
		count += ret;
	}
	return count;
}

static void mdev_pci_save_irqs(struct mdev_pci_core *core, void *buf)
{
	const struct mdev_pci_places places = mdev_pci_places(core);
	struct mdev_pci_state *state = buf;

	state->irq_index =
		cpu_to_le32(mdev_pci_irqs_save(core, buf + places.raised,
					       buf + places.pending));
}

static void mdev_pci_save_registers(struct mdev_pci_core *core, void *buf)
{
	const struct mdev_pci_places places = mdev_pci_places(core);
	const struct mdev_pci_layout *layout = core->layout;
	__le32 *msix_table = buf + places.msix_table;
	struct mdev_pci_state *state = buf;
	u32 written = 0;
	unsigned int i;

	written |= core->msi_written ? MDEV_PCI_STATE_MSI : 0;
	written |= core->msix_written ? MDEV_PCI_STATE_MSIX : 0;
	written |= core->msix_table_written ? MDEV_PCI_STATE_MSIX_TABLE : 0;
	state->written = cpu_to_le32(written);
	memcpy(buf + places.config, core->config, layout->size);
	for (i = 0; i < mdev_pci_msix_dwords(layout->function); i++)
		msix_table[i] = cpu_to_le32(READ_ONCE(core->msix_table[i]));
}

/* What two devices have in common between which a state can be transferred */
static void mdev_pci_fill_state(const struct mdev_pci_core *core,
				struct mdev_pci_state *state)
{
	const struct mdev_pci_function *function = core->layout->function;

	state->version = cpu_to_le32(MDEV_PCI_STATE_VERSION);
	state->vendor = cpu_to_le16(function->vendor);
	state->device = cpu_to_le16(function->device);
	state->config_size = cpu_to_le32(core->layout->size);
	state->vectors = cpu_to_le32(core->layout->nr_vectors);
	state->msix_vectors = cpu_to_le32(function->msix.vectors);
	state->vendor_size = cpu_to_le64(core->parent->driver->state_size);
}

static ssize_t mdev_pci_save(struct mdev_device *mdev, void *buf, size_t size)
{
	struct mdev_pci_core *core = mdev_pci_core(mdev);
	const struct mdev_pci_places places = mdev_pci_places(core);
	struct mdev_pci_state *state = buf;
	ssize_t blocks;
	int ret;

	guard(mutex)(&core->lock);
	mdev_pci_fill_state(core, state);
	mdev_pci_save_registers(core, buf);
	mdev_pci_save_irqs(core, buf);
	ret = core->parent->driver->save(core->pci, buf + places.vendor);
	if (ret)
		return ret;
	blocks = mdev_pci_save_memory(core, buf + places.blocks,
				      (size - places.blocks) /
				      sizeof(struct mdev_pci_block));
	if (blocks < 0)
		return blocks;
	state->blocks = cpu_to_le64(blocks);
	return places.blocks + blocks * sizeof(struct mdev_pci_block);
}

static bool mdev_pci_blocks_valid(const struct mdev_pci_core *core,
				  const struct mdev_pci_block *block,
				  size_t count)
{
	for (; count; count--, block++) {
		u32 region = le32_to_cpu(block->region);
		u64 offset = le64_to_cpu(block->offset);

		if (region >= core->layout->nr_regions || block->reserved)
			return false;
		region = array_index_nospec(region, core->layout->nr_regions);
		if (!core->memory[region] ||
		    offset >= mdev_pci_region(core->layout->function, region)
				      ->size ||
		    !IS_ALIGNED(offset, MDEV_PCI_BLOCK_SIZE))
			return false;
	}
	return true;
}

/* Registers that the function does not have were not written */
static bool mdev_pci_written_valid(const struct mdev_pci_core *core,
				   u32 written)
{
	if (core->layout->msi)
		written &= ~MDEV_PCI_STATE_MSI;
	if (core->layout->msix)
		written &= ~(MDEV_PCI_STATE_MSIX | MDEV_PCI_STATE_MSIX_TABLE);
	return !written;
}

static bool mdev_pci_irq_index_valid(const struct mdev_pci_core *core,
				     u32 index)
{
	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		return true;
	case VFIO_PCI_MSI_IRQ_INDEX:
		return core->layout->msi;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return core->layout->msix;
	default:
		return false;
	}
}

static bool mdev_pci_state_valid(const struct mdev_pci_core *core,
				 const void *buf, size_t size)
{
	const struct mdev_pci_places places = mdev_pci_places(core);
	const struct mdev_pci_state *state = buf;
	struct mdev_pci_state expected = {};
	size_t blocks;

	if (size < places.blocks)
		return false;
	blocks = (size - places.blocks) / sizeof(struct mdev_pci_block);
	mdev_pci_fill_state(core, &expected);
	expected.written = state->written;
	expected.irq_index = state->irq_index;
	expected.blocks = cpu_to_le64(blocks);
	return !memcmp(state, &expected, sizeof(expected)) &&
	       size == places.blocks + blocks * sizeof(struct mdev_pci_block) &&
	       mdev_pci_written_valid(core, le32_to_cpu(state->written)) &&
	       mdev_pci_irq_index_valid(core, le32_to_cpu(state->irq_index)) &&
	       mdev_pci_config_valid(core, buf + places.config) &&
	       mdev_pci_msix_valid(core, buf + places.msix_table) &&
	       mdev_pci_blocks_valid(core, buf + places.blocks, blocks);
}

static void mdev_pci_load_registers(struct mdev_pci_core *core, const void *buf)
{
	const struct mdev_pci_places places = mdev_pci_places(core);
	const struct mdev_pci_layout *layout = core->layout;
	const __le32 *msix_table = buf + places.msix_table;
	const struct mdev_pci_state *state = buf;
	u32 written = le32_to_cpu(state->written);
	unsigned int i;

	mdev_pci_config_load(core, buf + places.config);
	for (i = 0; i < mdev_pci_msix_dwords(layout->function); i++)
		WRITE_ONCE(core->msix_table[i], le32_to_cpu(msix_table[i]));
	WRITE_ONCE(core->msi_written, written & MDEV_PCI_STATE_MSI);
	WRITE_ONCE(core->msix_written, written & MDEV_PCI_STATE_MSIX);
	WRITE_ONCE(core->msix_table_written,
		   written & MDEV_PCI_STATE_MSIX_TABLE);
}

static void mdev_pci_load_irqs(struct mdev_pci_core *core, const void *buf)
{
	const struct mdev_pci_places places = mdev_pci_places(core);
	const struct mdev_pci_state *state = buf;

	mdev_pci_irqs_load(core, buf + places.raised,
			   le32_to_cpu(state->irq_index), buf + places.pending);
}

static int mdev_pci_load_memory(struct mdev_pci_core *core,
				const struct mdev_pci_block *block,
				size_t count)
{
	int ret = 0;

	for (; count && !ret; count--, block++) {
		ret = mdev_pci_memory_write(core, le32_to_cpu(block->region),
					    le64_to_cpu(block->offset),
					    block->contents,
					    MDEV_PCI_BLOCK_SIZE);
		cond_resched();
	}
	return ret;
}

/*
 * State data that is invalid for the function changes nothing. After -ENOMEM or an
 * error of the driver's load the device is in the ERROR state until it is reset.
 */
static int mdev_pci_load(struct mdev_device *mdev, const void *buf, size_t size)
{
	struct mdev_pci_core *core = mdev_pci_core(mdev);
	const struct mdev_pci_places places = mdev_pci_places(core);
	const struct mdev_pci_state *state = buf;
	int ret;

	if (!mdev_pci_state_valid(core, buf, size))
		return -EINVAL;
	guard(mutex)(&core->lock);
	ret = mdev_pci_reset_locked(core, MDEV_PCI_RESET_LOAD);
	if (ret)
		return ret;
	mdev_pci_load_registers(core, buf);
	mdev_pci_load_irqs(core, buf);
	ret = mdev_pci_load_memory(core, buf + places.blocks,
				   le64_to_cpu(state->blocks));
	if (!ret)
		ret = core->parent->driver->load(core->pci,
						 buf + places.vendor);
	mdev_pci_irqs_update(core);
	return ret;
}

const struct mdev_migration_ops mdev_pci_migration = {
	.flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
		 VFIO_MIGRATION_PRE_COPY,
	.set_state = mdev_pci_set_state,
	.data_size = mdev_pci_data_size,
	.save = mdev_pci_save,
	.load = mdev_pci_load,
};
EXPORT_SYMBOL_GPL(mdev_pci_migration);
