// SPDX-License-Identifier: GPL-2.0-only
/*
 * State data of a PCI function: sections with config space, the MSI-X table,
 * interrupts and the driver's state, in a format that does not depend on the kernel.
 * migration.c saves and loads them. Sections that are transferred before, in parts,
 * are in parts.c.
 *
 * Each section has a number, a version and a length. A later version of this file can
 * add sections: one that the destination does not know is skipped if it is marked
 * MDEV_PCI_SECTION_OPTIONAL, and refused otherwise.
 */

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/vfio.h>

#include "private.h"

/* In &mdev_pci_irq_section.written: *_written of struct mdev_pci_core */
#define MDEV_PCI_STATE_MSI		BIT(0)
#define MDEV_PCI_STATE_MSIX		BIT(1)
#define MDEV_PCI_STATE_MSIX_TABLE	BIT(2)

/**
 * struct mdev_pci_irq_section - contents of the section with interrupts
 * @written: MDEV_PCI_STATE_MSI, _MSIX, _MSIX_TABLE
 * @irq_index: VFIO index of MSI or MSI-X that the pending vectors belong to, or
 *	that of INTx if there are none
 * @vectors: the raised vectors, then the pending ones, as bits, each padded to a
 *	multiple of eight bytes
 */
struct mdev_pci_irq_section {
	__le32 written;
	__le32 irq_index;
	u8 vectors[];
};

/**
 * struct mdev_pci_section_ops - a kind of section, by enum mdev_pci_section_id
 * @exists: whether the function has it. Absent: always.
 * @version: version of what @save writes. Absent: 1, and no other is loaded.
 * @size: upper bound of what @save writes, in bytes
 * @save: write the contents to @buf, which has @size bytes and is zeroed; returns
 *	the number of bytes written or a negative errno
 * @valid: whether the function could have saved such contents; of the driver's
 *	state, the driver's load decides
 * @load: load valid contents; the function has been reset
 */
struct mdev_pci_section_ops {
	bool (*exists)(const struct mdev_pci_core *core);
	u32 (*version)(const struct mdev_pci_core *core);
	u64 (*size)(struct mdev_pci_core *core);
	ssize_t (*save)(struct mdev_pci_core *core, void *buf, size_t size);
	bool (*valid)(const struct mdev_pci_core *core,
		      const struct mdev_pci_contents *contents);
	int (*load)(struct mdev_pci_core *core,
		    const struct mdev_pci_contents *contents);
};

/* Config space */

static u64 mdev_pci_config_section_size(struct mdev_pci_core *core)
{
	return core->layout->size;
}

static ssize_t mdev_pci_save_config(struct mdev_pci_core *core, void *buf,
				    size_t size)
{
	memcpy(buf, core->config, core->layout->size);
	return core->layout->size;
}

static bool mdev_pci_config_section_valid(const struct mdev_pci_core *core,
					  const struct mdev_pci_contents *contents)
{
	return contents->size == core->layout->size &&
	       mdev_pci_config_valid(core, contents->data);
}

static int mdev_pci_load_config(struct mdev_pci_core *core,
				const struct mdev_pci_contents *contents)
{
	mdev_pci_config_load(core, contents->data);
	return 0;
}

/* MSI-X table */

static bool mdev_pci_has_msix(const struct mdev_pci_core *core)
{
	return core->layout->msix;
}

static u64 mdev_pci_msix_section_size(struct mdev_pci_core *core)
{
	return core->layout->function->msix.vectors * PCI_MSIX_ENTRY_SIZE;
}

static ssize_t mdev_pci_save_msix(struct mdev_pci_core *core, void *buf,
				  size_t size)
{
	unsigned int dwords = mdev_pci_msix_dwords(core->layout->function);
	__le32 *table = buf;
	unsigned int i;

	for (i = 0; i < dwords; i++)
		table[i] = cpu_to_le32(READ_ONCE(core->msix_table[i]));
	return dwords * sizeof(*table);
}

static bool mdev_pci_msix_section_valid(const struct mdev_pci_core *core,
					const struct mdev_pci_contents *contents)
{
	return contents->size == mdev_pci_msix_dwords(core->layout->function) *
				 sizeof(u32) &&
	       mdev_pci_msix_valid(core, contents->data);
}

static int mdev_pci_load_msix(struct mdev_pci_core *core,
			      const struct mdev_pci_contents *contents)
{
	const __le32 *table = contents->data;
	unsigned int i;

	for (i = 0; i < contents->size / sizeof(*table); i++)
		WRITE_ONCE(core->msix_table[i], le32_to_cpu(table[i]));
	return 0;
}

/* Interrupts */

static size_t mdev_pci_vector_bytes(const struct mdev_pci_core *core)
{
	return ALIGN(core->layout->nr_vectors, BITS_PER_TYPE(u64)) /
	       BITS_PER_BYTE;
}

static u64 mdev_pci_irq_section_size(struct mdev_pci_core *core)
{
	return sizeof(struct mdev_pci_irq_section) +
	       2 * mdev_pci_vector_bytes(core);
}

static ssize_t mdev_pci_save_irqs(struct mdev_pci_core *core, void *buf,
				  size_t size)
{
	struct mdev_pci_irq_section *irqs = buf;
	u32 written = 0;
	u32 index;

	written |= core->msi_written ? MDEV_PCI_STATE_MSI : 0;
	written |= core->msix_written ? MDEV_PCI_STATE_MSIX : 0;
	written |= core->msix_table_written ? MDEV_PCI_STATE_MSIX_TABLE : 0;
	index = mdev_pci_irqs_save(core, irqs->vectors,
				   irqs->vectors + mdev_pci_vector_bytes(core));
	irqs->written = cpu_to_le32(written);
	irqs->irq_index = cpu_to_le32(index);
	return mdev_pci_irq_section_size(core);
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

static bool mdev_pci_irq_section_valid(const struct mdev_pci_core *core,
				       const struct mdev_pci_contents *contents)
{
	const struct mdev_pci_irq_section *irqs = contents->data;

	return contents->size == sizeof(*irqs) +
				 2 * mdev_pci_vector_bytes(core) &&
	       mdev_pci_written_valid(core, le32_to_cpu(irqs->written)) &&
	       mdev_pci_irq_index_valid(core, le32_to_cpu(irqs->irq_index));
}

static int mdev_pci_load_irqs(struct mdev_pci_core *core,
			      const struct mdev_pci_contents *contents)
{
	const struct mdev_pci_irq_section *irqs = contents->data;
	u32 written = le32_to_cpu(irqs->written);

	WRITE_ONCE(core->msi_written, written & MDEV_PCI_STATE_MSI);
	WRITE_ONCE(core->msix_written, written & MDEV_PCI_STATE_MSIX);
	WRITE_ONCE(core->msix_table_written,
		   written & MDEV_PCI_STATE_MSIX_TABLE);
	mdev_pci_irqs_load(core, irqs->vectors, le32_to_cpu(irqs->irq_index),
			   irqs->vectors + mdev_pci_vector_bytes(core));
	return 0;
}

/* The driver's state */

/* A driver with migration ops of its own can do without. */
static bool mdev_pci_has_driver_state(const struct mdev_pci_core *core)
{
	return core->parent->driver->save;
}

static u32 mdev_pci_driver_version(const struct mdev_pci_core *core)
{
	return core->parent->driver->state_version;
}

static u64 mdev_pci_driver_section_size(struct mdev_pci_core *core)
{
	return core->parent->driver->state_size;
}

static ssize_t mdev_pci_save_driver(struct mdev_pci_core *core, void *buf,
				    size_t size)
{
	ssize_t ret = core->parent->driver->save(core->pci, buf, size);

	return ret > (ssize_t)size ? -EIO : ret;
}

bool mdev_pci_driver_version_valid(const struct mdev_pci_core *core,
				   u32 version)
{
	const struct mdev_pci_driver *driver = core->parent->driver;

	return version >= driver->state_min_version &&
	       version <= driver->state_version;
}

static bool mdev_pci_driver_section_valid(const struct mdev_pci_core *core,
					  const struct mdev_pci_contents *contents)
{
	return mdev_pci_driver_version_valid(core, contents->version) &&
	       contents->size <= core->parent->driver->state_size;
}

static int mdev_pci_load_driver(struct mdev_pci_core *core,
				const struct mdev_pci_contents *contents)
{
	return core->parent->driver->load(core->pci, contents->version,
					  contents->data, contents->size);
}

static const struct mdev_pci_section_ops mdev_pci_sections[MDEV_PCI_NR_SECTIONS] = {
	[MDEV_PCI_SECTION_CONFIG] = {
		.size = mdev_pci_config_section_size,
		.save = mdev_pci_save_config,
		.valid = mdev_pci_config_section_valid,
		.load = mdev_pci_load_config,
	},
	[MDEV_PCI_SECTION_MSIX] = {
		.exists = mdev_pci_has_msix,
		.size = mdev_pci_msix_section_size,
		.save = mdev_pci_save_msix,
		.valid = mdev_pci_msix_section_valid,
		.load = mdev_pci_load_msix,
	},
	[MDEV_PCI_SECTION_IRQS] = {
		.size = mdev_pci_irq_section_size,
		.save = mdev_pci_save_irqs,
		.valid = mdev_pci_irq_section_valid,
		.load = mdev_pci_load_irqs,
	},
	[MDEV_PCI_SECTION_DRIVER] = {
		.exists = mdev_pci_has_driver_state,
		.version = mdev_pci_driver_version,
		.size = mdev_pci_driver_section_size,
		.save = mdev_pci_save_driver,
		.valid = mdev_pci_driver_section_valid,
		.load = mdev_pci_load_driver,
	},
};

static bool mdev_pci_section_exists(const struct mdev_pci_core *core,
				    unsigned int id)
{
	const struct mdev_pci_section_ops *ops = &mdev_pci_sections[id];

	return ops->save && (!ops->exists || ops->exists(core));
}

static u32 mdev_pci_section_version(const struct mdev_pci_core *core,
				    unsigned int id)
{
	const struct mdev_pci_section_ops *ops = &mdev_pci_sections[id];

	return ops->version ? ops->version(core) : 1;
}

/* Upper bound of what mdev_pci_sections_save() writes, in bytes */
size_t mdev_pci_sections_size(struct mdev_pci_core *core)
{
	unsigned int id;
	u64 size = 0;

	for (id = 0; id < MDEV_PCI_NR_SECTIONS; id++)
		if (mdev_pci_section_exists(core, id))
			size += sizeof(struct mdev_pci_section) +
				ALIGN(mdev_pci_sections[id].size(core), 8);
	return size;
}

/* Returns the number of bytes written, or a negative errno. */
static ssize_t mdev_pci_section_save(struct mdev_pci_core *core,
				     unsigned int id,
				     struct mdev_pci_section *section,
				     size_t size)
{
	const struct mdev_pci_section_ops *ops = &mdev_pci_sections[id];
	u64 room = ops->size(core);
	ssize_t ret;

	if (size < sizeof(*section) || room > size - sizeof(*section))
		return -ENOSPC;
	section->id = cpu_to_le16(id);
	section->version = cpu_to_le32(mdev_pci_section_version(core, id));
	ret = ops->save(core, section->data, room);
	if (ret < 0)
		return ret;
	section->size = cpu_to_le64(ret);
	return sizeof(*section) + ALIGN(ret, 8);
}

/*
 * @buf is zeroed and has mdev_pci_sections_size() bytes.
 * Returns the number of bytes written, or a negative errno.
 */
ssize_t mdev_pci_sections_save(struct mdev_pci_core *core, void *buf,
			       size_t size)
{
	size_t done = 0;
	unsigned int id;
	ssize_t ret;

	lockdep_assert_held(&core->lock);
	for (id = 0; id < MDEV_PCI_NR_SECTIONS; id++) {
		if (!mdev_pci_section_exists(core, id))
			continue;
		ret = mdev_pci_section_save(core, id, buf + done, size - done);
		if (ret < 0)
			return ret;
		done += ret;
	}
	return done;
}

/* Take one section, unless it is to be skipped. */
static int mdev_pci_section_parse(const struct mdev_pci_section *section,
				  struct mdev_pci_sections *sections)
{
	u16 flags = le16_to_cpu(section->flags);
	unsigned int id = le16_to_cpu(section->id);
	struct mdev_pci_contents *contents;

	if (flags & ~MDEV_PCI_SECTION_OPTIONAL)
		return -EINVAL;
	if (id >= MDEV_PCI_NR_SECTIONS)
		return flags & MDEV_PCI_SECTION_OPTIONAL ? 0 : -EINVAL;
	id = array_index_nospec(id, MDEV_PCI_NR_SECTIONS);
	contents = &sections->contents[id];
	if (contents->data)
		return -EINVAL;
	contents->version = le32_to_cpu(section->version);
	contents->data = section->data;
	contents->size = le64_to_cpu(section->size);
	return 0;
}

/* Whether the function has a section, and these can be its contents */
static bool mdev_pci_contents_valid(const struct mdev_pci_core *core,
				    unsigned int id,
				    const struct mdev_pci_contents *contents)
{
	const struct mdev_pci_section_ops *ops = &mdev_pci_sections[id];

	if (!mdev_pci_section_exists(core, id))
		return !contents->data;
	if (!contents->data || (!ops->version && contents->version != 1))
		return false;
	return ops->valid(core, contents);
}

/* Find the sections in @buf. Returns -EINVAL if there are no such sections. */
int mdev_pci_sections_find(const void *buf, size_t size,
			   struct mdev_pci_sections *sections)
{
	const struct mdev_pci_section *section;
	u64 length;
	int ret;

	*sections = (struct mdev_pci_sections) {};
	while (size) {
		section = buf;
		if (size < sizeof(*section))
			return -EINVAL;
		size -= sizeof(*section);
		length = le64_to_cpu(section->size);
		if (length > size || ALIGN(length, 8) > size)
			return -EINVAL;
		ret = mdev_pci_section_parse(section, sections);
		if (ret)
			return ret;
		size -= ALIGN(length, 8);
		buf += sizeof(*section) + ALIGN(length, 8);
	}
	return 0;
}

/* Find all sections in @buf. Returns -EINVAL if the function can't load them. */
int mdev_pci_sections_parse(const struct mdev_pci_core *core, const void *buf,
			    size_t size, struct mdev_pci_sections *sections)
{
	unsigned int id;
	int ret;

	ret = mdev_pci_sections_find(buf, size, sections);
	if (ret)
		return ret;
	for (id = 0; id < MDEV_PCI_NR_SECTIONS; id++)
		if (!mdev_pci_contents_valid(core, id, &sections->contents[id]))
			return -EINVAL;
	return 0;
}

/* Load sections that were parsed; the function has been reset. */
int mdev_pci_sections_load(struct mdev_pci_core *core,
			   const struct mdev_pci_sections *sections)
{
	/* The driver finds all else in place */
	static const enum mdev_pci_section_id order[] = {
		MDEV_PCI_SECTION_CONFIG,
		MDEV_PCI_SECTION_MSIX,
		MDEV_PCI_SECTION_IRQS,
		MDEV_PCI_SECTION_DRIVER,
	};
	const struct mdev_pci_contents *contents;
	unsigned int i;
	int ret = 0;

	lockdep_assert_held(&core->lock);
	for (i = 0; i < ARRAY_SIZE(order) && !ret; i++) {
		contents = &sections->contents[order[i]];
		if (contents->data)
			ret = mdev_pci_sections[order[i]].load(core, contents);
	}
	return ret;
}
