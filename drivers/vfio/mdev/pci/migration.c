// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration of a PCI function: what it may do in each state, what another function
 * must have in common with it, and its state data, which consists of sections.
 * sections.c has those that are saved when the device is stopped, parts.c those that
 * are saved before.
 */

#include <linux/build_bug.h>
#include <linux/cleanup.h>
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/vfio.h>

#include "private.h"

/* What the device may not do in a state */
static const struct {
	/* Access memory, which can be a region of another device */
	bool stopped;
	/* Interrupt */
	bool silent;
	/* The device is the source of a migration */
	bool saving;
	/* It is the destination */
	bool resuming;
} mdev_pci_states[VFIO_DEVICE_STATE_NR] = {
	[VFIO_DEVICE_STATE_STOP] = { .stopped = true, .silent = true },
	[VFIO_DEVICE_STATE_STOP_COPY] = {
		.stopped = true, .silent = true, .saving = true,
	},
	[VFIO_DEVICE_STATE_RESUMING] = {
		.stopped = true, .silent = true, .resuming = true,
	},
	[VFIO_DEVICE_STATE_RUNNING_P2P] = { .stopped = true },
	[VFIO_DEVICE_STATE_PRE_COPY] = { .saving = true },
	[VFIO_DEVICE_STATE_PRE_COPY_P2P] = { .stopped = true, .saving = true },
};

static void mdev_pci_enter_state(struct mdev_pci_core *core,
				 enum vfio_device_mig_state state)
{
	core->spoiled = false;
	WRITE_ONCE(core->resuming, mdev_pci_states[state].resuming);
	WRITE_ONCE(core->silent, mdev_pci_states[state].silent);
	WRITE_ONCE(core->stopped, mdev_pci_states[state].stopped);
	mdev_pci_update_decoding(core);
}

static int mdev_pci_start_saving(struct mdev_pci_core *core)
{
	const struct mdev_pci_driver *driver = core->parent->driver;
	int ret;

	ret = mdev_pci_dirty_start(core);
	if (!ret && driver->track_changes) {
		ret = driver->track_changes(core->pci, true);
		if (ret)
			mdev_pci_dirty_stop(core);
	}
	return ret;
}

static void mdev_pci_stop_saving(struct mdev_pci_core *core)
{
	const struct mdev_pci_driver *driver = core->parent->driver;

	if (driver->track_changes)
		driver->track_changes(core->pci, false);
	mdev_pci_dirty_stop(core);
}

static int mdev_pci_set_saving(struct mdev_pci_core *core, bool saving)
{
	int ret = 0;

	if (core->saving == saving)
		return 0;
	if (saving)
		ret = mdev_pci_start_saving(core);
	else
		mdev_pci_stop_saving(core);
	core->saving = saving && !ret;
	return ret;
}

/* Zeroes are not in the state data: drop what the driver's reset has filled. */
static int mdev_pci_reset_to_load(struct mdev_pci_core *core)
{
	int ret = mdev_pci_reset_locked(core, MDEV_PCI_RESET_LOAD);

	mdev_pci_memory_reset(core);
	return ret;
}

/* Interrupts that were raised while the device was stopped are signalled then. */
static int mdev_pci_set_state(struct mdev_device *mdev,
			      enum vfio_device_mig_state from,
			      enum vfio_device_mig_state to)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	int ret;

	guard(mutex)(&core->lock);
	mdev_pci_enter_state(core, to);
	ret = mdev_pci_update_running(core);
	if (!ret)
		ret = mdev_pci_set_saving(core, mdev_pci_states[to].saving);
	if (!ret && to == VFIO_DEVICE_STATE_RESUMING)
		ret = mdev_pci_reset_to_load(core);
	if (ret)
		mdev_pci_enter_state(core, from);
	mdev_pci_irqs_update(core);
	return ret;
}

void mdev_pci_migration_end(struct mdev_pci_core *core)
{
	lockdep_assert_held(&core->lock);
	mdev_pci_set_saving(core, false);
	WRITE_ONCE(core->resuming, false);
	WRITE_ONCE(core->silent, false);
	WRITE_ONCE(core->stopped, false);
	mdev_pci_update_decoding(core);
}

/* Compatibility */

/**
 * struct mdev_pci_info - compatibility data that precedes the state data
 * @vendor: vendor ID
 * @device: device ID
 * @subsystem_vendor: subsystem vendor ID
 * @subsystem: subsystem ID
 * @class_revision: class and revision ID
 * @capabilities: &mdev_pci_function.capabilities
 * @config_size: size of config space, in bytes
 * @caps_size: size of all capabilities, in bytes
 * @vectors: number of interrupt vectors
 * @msi_vectors: how many of them MSI has
 * @msix_vectors: how many of them MSI-X has
 * @nr_regions: number of regions beyond PCI's
 * @rom_size: size of the expansion ROM's BAR, in bytes
 * @version: &mdev_pci_driver.state_version
 * @min_version: &mdev_pci_driver.state_min_version, for a destination
 * @reserved: 0
 * @config_hash: of config space after a reset, and of what can be changed of it
 * @regions_hash: of the sizes of regions and of which of them are memory
 * @bars: sizes in bytes, and &mdev_pci_region.flags
 */
struct mdev_pci_info {
	__le16 vendor;
	__le16 device;
	__le16 subsystem_vendor;
	__le16 subsystem;
	__le32 class_revision;
	__le32 capabilities;
	__le32 config_size;
	__le32 caps_size;
	__le32 vectors;
	__le32 msi_vectors;
	__le32 msix_vectors;
	__le32 nr_regions;
	__le32 rom_size;
	__le32 version;
	__le32 min_version;
	__le32 reserved;
	__le64 config_hash;
	__le64 regions_hash;
	struct {
		__le64 size;
		__le64 flags;
	} bars[PCI_STD_NUM_BARS];
};

/* FNV-1a with 64 bits, the same on all machines */
#define MDEV_PCI_HASH_INIT	0xcbf29ce484222325ULL
#define MDEV_PCI_HASH_PRIME	0x100000001b3ULL

static u64 mdev_pci_hash(u64 hash, const void *buf, size_t size)
{
	const u8 *byte = buf;

	for (; size; size--, byte++)
		hash = (hash ^ *byte) * MDEV_PCI_HASH_PRIME;
	return hash;
}

static u64 mdev_pci_config_hash(const struct mdev_pci_layout *layout)
{
	u64 hash = MDEV_PCI_HASH_INIT;

	hash = mdev_pci_hash(hash, layout->initial, layout->size);
	hash = mdev_pci_hash(hash, layout->writable, layout->size);
	hash = mdev_pci_hash(hash, layout->clear, layout->size);
	hash = mdev_pci_hash(hash, layout->device, layout->size);
	return mdev_pci_hash(hash, layout->settable, layout->size);
}

static u64 mdev_pci_regions_hash(const struct mdev_pci_layout *layout)
{
	const struct mdev_pci_region *region;
	u64 hash = MDEV_PCI_HASH_INIT;
	unsigned int i;
	__le64 entry;

	for (i = 0; i < layout->nr_regions; i++) {
		region = mdev_pci_region_at(layout->function, i);
		/* Sizes are limited to MDEV_REGION_SHIFT bits */
		entry = region ? cpu_to_le64(region->size << 1 |
					     region->memory) : 0;
		hash = mdev_pci_hash(hash, &entry, sizeof(entry));
	}
	return hash;
}

static void mdev_pci_fill_info(const struct mdev_pci_core *core,
			       struct mdev_pci_info *info)
{
	const struct mdev_pci_driver *driver = core->parent->driver;
	const struct mdev_pci_layout *layout = core->layout;
	const struct mdev_pci_function *function = layout->function;
	unsigned int i;

	info->vendor = cpu_to_le16(function->vendor);
	info->device = cpu_to_le16(function->device);
	info->subsystem_vendor = cpu_to_le16(function->subsystem_vendor);
	info->subsystem = cpu_to_le16(function->subsystem);
	info->class_revision = cpu_to_le32(function->class << 8 |
					   function->revision);
	info->capabilities = cpu_to_le32(function->capabilities);
	info->config_size = cpu_to_le32(layout->size);
	info->caps_size = cpu_to_le32(mdev_pci_caps_size(function));
	info->vectors = cpu_to_le32(layout->nr_vectors);
	info->msi_vectors = cpu_to_le32(function->msi.vectors);
	info->msix_vectors = cpu_to_le32(function->msix.vectors);
	info->nr_regions = cpu_to_le32(function->nr_regions);
	info->rom_size = cpu_to_le32(mdev_pci_rom_bar_size(function));
	info->version = cpu_to_le32(driver->state_version);
	info->min_version = cpu_to_le32(driver->state_min_version);
	info->config_hash = cpu_to_le64(mdev_pci_config_hash(layout));
	info->regions_hash = cpu_to_le64(mdev_pci_regions_hash(layout));
	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		info->bars[i].size = cpu_to_le64(function->bar[i].size);
		info->bars[i].flags = cpu_to_le64(function->bar[i].flags);
	}
}

static size_t mdev_pci_get_info(struct mdev_device *mdev, void *buf)
{
	BUILD_BUG_ON(sizeof(struct mdev_pci_info) > MDEV_MIGRATION_INFO_SIZE);

	mdev_pci_fill_info(to_mdev_pci_core(mdev), buf);
	return sizeof(struct mdev_pci_info);
}

/* All but the version of the driver's state data has to be the same. */
static bool mdev_pci_compatible(const void *own_info, size_t own_size,
				const void *other_info, size_t size)
{
	const struct mdev_pci_info *own = own_info;
	struct mdev_pci_info other;
	u32 version;

	if (size != sizeof(other))
		return false;
	memcpy(&other, other_info, sizeof(other));
	version = le32_to_cpu(other.version);
	other.version = own->version;
	other.min_version = own->min_version;
	return !memcmp(&other, own, sizeof(other)) &&
	       version >= le32_to_cpu(own->min_version) &&
	       version <= le32_to_cpu(own->version);
}

/* State data */

static size_t mdev_pci_data_size(struct mdev_device *mdev)
{
	return mdev_pci_sections_size(to_mdev_pci_core(mdev));
}

static ssize_t mdev_pci_save(struct mdev_device *mdev, void *buf, size_t size)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);

	guard(mutex)(&core->lock);
	return mdev_pci_sections_save(core, buf, size);
}

/*
 * The device was reset when it entered the RESUMING state, and parts are loaded. Of
 * state data that is invalid for the function nothing is loaded.
 */
static int mdev_pci_load(struct mdev_device *mdev, const void *buf, size_t size)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	struct mdev_pci_sections sections;
	int ret;

	ret = mdev_pci_sections_parse(core, buf, size, &sections);
	if (ret)
		return ret;
	guard(mutex)(&core->lock);
	if (core->spoiled)
		return -EINVAL;
	/* Those of writes to config space since then */
	mdev_pci_irqs_reset(core, false);
	ret = mdev_pci_sections_load(core, &sections);
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
	.save_part = mdev_pci_save_part,
	.load_part = mdev_pci_load_part,
	.parts_left = mdev_pci_parts_left,
	.info = mdev_pci_get_info,
	.compatible = mdev_pci_compatible,
};
EXPORT_SYMBOL_GPL(mdev_pci_migration);
