/* SPDX-License-Identifier: GPL-2.0-only */
/* Internal interface of mdev_pci.ko. Read main.c next. */
#ifndef _MDEV_PCI_PRIVATE_H
#define _MDEV_PCI_PRIVATE_H

#include <linux/atomic.h>
#include <linux/mdev_irqs.h>
#include <linux/mdev_pci.h>
#include <linux/mutex.h>
#include <linux/spinlock_types.h>

struct mdev_pci_memory;
struct vfio_info_cap;
struct vfio_irq_info;
struct vfio_region_info;

/*
 * Locks, in the order in which they are taken:
 *
 *	mdev_callback_enter(), mdev_drain()	of vfio_mdev, around each access and
 *						reset; see vfio/private.h
 *	  mdev_pci_core.lock			writes to config space, resets, steps
 *						of a migration; held across run,
 *						reset, save and load of the driver
 *	    mdev_device.map_lock		mdev_map_block(), mdev_pci_invalidate()
 *	    mdev_pci_core.irq_lock		spinlock with interrupts disabled:
 *						interrupt registers, MSI-X table,
 *						raised and pending interrupts
 *	      lock of a vector in mdev_irqs.c
 *	        lock of an eventfd
 *
 * Page faults, which hold mmap_lock, take mdev_device.map_lock and none of these
 * locks. Pages of a region are in an xarray, which has a lock of its own; they are
 * looked up under RCU. Reads of config space take no lock.
 */

/*
 * What comes of a write to a dword of config space: called under the device's
 * lock with what the dword was before, and what the guest has written to the
 * bits in @mask.
 */
typedef void (*mdev_pci_effect_t)(struct mdev_pci_core *core, u32 old,
				  u32 value, u32 mask);

/**
 * struct mdev_pci_layout - config space as a function's description lays it out
 * @function: the description
 * @size: of config space, and of each of the next four, in bytes
 * @initial: contents after a reset
 * @writable: bits that the guest can change
 * @clear: bits that the guest clears by writing 1
 * @device: bits that mdev_pci changes
 * @effects: what comes of a write to each dword, or NULL
 * @pm: offset of the power management capability, 0 if there is none
 * @msi: likewise, of MSI
 * @msix: likewise, of MSI-X
 * @express: likewise, of PCI Express
 * @af: likewise, of Advanced Features
 * @nr_vectors: number of interrupt vectors
 * @nr_regions: number of VFIO regions
 */
struct mdev_pci_layout {
	const struct mdev_pci_function *function;
	unsigned int size;
	u8 *initial;
	u8 *writable;
	u8 *clear;
	u8 *device;
	mdev_pci_effect_t effects[PCI_CFG_SPACE_SIZE / sizeof(u32)];
	u8 pm;
	u8 msi;
	u8 msix;
	u8 express;
	u8 af;
	unsigned int nr_vectors;
	unsigned int nr_regions;
};

/**
 * struct mdev_pci_core - a mediated device that is a PCI function
 * @pci: what the driver sees of it, the beginning of the driver's own structure
 * @parent: the parent
 * @layout: config space and what else follows from the description
 * @lock: see the block above
 * @config: config space, @layout->size bytes. Bytes are written under @lock, bits
 *	that the guest can't change under @irq_lock, and read without a lock.
 * @stopped: not open, or stopped by a migration; written under @lock
 * @silent: stopped by a migration, may not interrupt; written under @lock
 * @saving: in a state of a migration's source; written under @lock
 * @running: argument of the last call of &mdev_pci_driver.run; protected by @lock
 * @irqs: eventfds
 * @irq_lock: see the block above; protects PCI_STATUS_INTERRUPT and the pending
 *	bits of MSI in @config, and the following members but @memory
 * @raised: vectors that the driver has raised and not lowered
 * @pending: vectors whose message waits for being unmasked
 * @msix_table: MSI-X table
 * @msi_written: the VMM has written a register of the capability since the reset
 * @msix_written: likewise
 * @msix_table_written: likewise
 * @memory: by region index, NULL for a region that is not memory
 */
struct mdev_pci_core {
	struct mdev_pci *pci;
	struct mdev_pci_parent_core *parent;
	const struct mdev_pci_layout *layout;
	struct mutex lock;
	u8 *config;
	bool stopped;
	bool silent;
	bool saving;
	bool running;
	struct mdev_irqs irqs;
	spinlock_t irq_lock;
	unsigned long *raised;
	unsigned long *pending;
	__le32 *msix_table;
	bool msi_written;
	bool msix_written;
	bool msix_table_written;
	struct mdev_pci_memory **memory;
};

/**
 * struct mdev_pci_parent_core - a parent of PCI functions
 * @ops: the driver's, with mdev_pci's for all that are absent
 * @driver: the driver
 * @layouts: by type
 * @groups: attributes of the types
 * @group_list: pointers to @groups
 * @free_units: units that no device has taken
 */
struct mdev_pci_parent_core {
	struct parent_ops ops;
	const struct mdev_pci_driver *driver;
	struct mdev_pci_layout **layouts;
	struct attribute_group *groups;
	const struct attribute_group **group_list;
	atomic_t free_units;
};

static inline struct mdev_pci_core *
mdev_pci_core(const struct mdev_device *mdev)
{
	struct mdev_pci *pci = mdev_get_drvdata(mdev);

	return pci->core;
}

/* check.c */
int mdev_pci_check(const struct mdev_pci_driver *driver, char *text,
		   size_t size);

/* layout.c */
struct mdev_pci_layout *
mdev_pci_layout_create(const struct mdev_pci_function *function);
void mdev_pci_layout_free(struct mdev_pci_layout *layout);
unsigned int mdev_pci_caps_size(const struct mdev_pci_function *function);
u32 mdev_pci_rom_bar_size(const struct mdev_pci_function *function);
const struct mdev_pci_region *mdev_pci_region(const struct mdev_pci_core *core,
					      unsigned int index);

/* reset.c */
void mdev_pci_reset_locked(struct mdev_pci_core *core);
/* Power state or &mdev_pci.stopped may have changed */
void mdev_pci_update_running(struct mdev_pci_core *core);

/* config.c */
u16 mdev_pci_config_word(const struct mdev_pci_core *core, unsigned int offset);
u32 mdev_pci_config_dword(const struct mdev_pci_core *core,
			  unsigned int offset);
void mdev_pci_config_reset(struct mdev_pci_core *core);
bool mdev_pci_config_valid(const struct mdev_pci_core *core, const u8 *config);
void mdev_pci_config_read(struct mdev_pci_core *core, char *buf, size_t count,
			  unsigned int offset);
void mdev_pci_config_write(struct mdev_pci_core *core, const char *buf,
			   size_t count, unsigned int offset);
bool mdev_pci_pm_state_valid(u32 control);
bool mdev_pci_in_d0(const struct mdev_pci_core *core);

/* effects.c: what comes of writes to config space */
void mdev_pci_command_written(struct mdev_pci_core *core, u32 old, u32 value,
			      u32 mask);
void mdev_pci_pm_written(struct mdev_pci_core *core, u32 old, u32 value,
			 u32 mask);
void mdev_pci_msi_written(struct mdev_pci_core *core, u32 old, u32 value,
			  u32 mask);
void mdev_pci_msix_written(struct mdev_pci_core *core, u32 old, u32 value,
			   u32 mask);
void mdev_pci_express_written(struct mdev_pci_core *core, u32 old, u32 value,
			      u32 mask);
void mdev_pci_af_written(struct mdev_pci_core *core, u32 old, u32 value,
			 u32 mask);

/* regions.c */
int mdev_pci_get_device_info(struct mdev_device *mdev,
			     struct vfio_device_info *info,
			     struct vfio_info_cap *caps);
int mdev_pci_get_region_info(struct mdev_device *mdev,
			     struct vfio_region_info *info,
			     struct vfio_info_cap *caps);
ssize_t mdev_pci_read(struct mdev_device *mdev, char *buf, size_t count,
		      loff_t pos);
ssize_t mdev_pci_write(struct mdev_device *mdev, const char *buf, size_t count,
		       loff_t pos);
int mdev_pci_validate_map_request(struct mdev_device *mdev, loff_t pos,
				  unsigned long *pfn, unsigned long *size,
				  pgprot_t *prot);

/* irq.c */
int mdev_pci_irqs_init(struct mdev_pci_core *core);
void mdev_pci_irqs_destroy(struct mdev_pci_core *core);
void mdev_pci_irqs_reset(struct mdev_pci_core *core);
/* Command, power state, or the registers of MSI or MSI-X may have changed */
void mdev_pci_irqs_update(struct mdev_pci_core *core);
int mdev_pci_get_irq_info(struct mdev_device *mdev, struct vfio_irq_info *info);
int mdev_pci_set_irqs(struct mdev_device *mdev, u32 flags, u32 index, u32 start,
		      u32 count, void *data);
void mdev_pci_request(struct mdev_device *mdev, unsigned int count);

/* A part of a BAR, in bytes, up to @end, which it does not contain */
struct mdev_pci_range {
	u64 start;
	u64 end;
};

/* msix.c: the parts of BARs that are not the vendor's */
struct mdev_pci_range
mdev_pci_msix_table(const struct mdev_pci_function *function);
struct mdev_pci_range
mdev_pci_msix_pba(const struct mdev_pci_function *function);
bool mdev_pci_in_msix(const struct mdev_pci_core *core, unsigned int bar,
		      u64 offset);
u64 mdev_pci_msix_read(struct mdev_pci_core *core, unsigned int bar, u64 offset,
		       unsigned int size);
void mdev_pci_msix_write(struct mdev_pci_core *core, unsigned int bar,
			 u64 offset, unsigned int size, u64 value);
void mdev_pci_msix_reset(struct mdev_pci_core *core);
bool mdev_pci_msix_valid(const struct mdev_pci_core *core, const __le32 *table);

/* memory.c */
int mdev_pci_memory_init(struct mdev_pci_core *core);
void mdev_pci_memory_destroy(struct mdev_pci_core *core);
void mdev_pci_memory_reset(struct mdev_pci_core *core);
int mdev_pci_memory_read(struct mdev_pci_core *core, unsigned int region,
			 u64 offset, char *buf, size_t count);
int mdev_pci_memory_write(struct mdev_pci_core *core, unsigned int region,
			  u64 offset, const char *buf, size_t count);
u64 mdev_pci_memory_next(struct mdev_pci_core *core, unsigned int region,
			 u64 offset);
bool mdev_pci_memory_is_zero(struct mdev_pci_core *core, unsigned int region,
			     u64 offset, size_t size);

/* migration.c */
/* The user closes or resets the device: no migration goes on */
void mdev_pci_migration_end(struct mdev_pci_core *core);
extern const struct mdev_migration_ops mdev_pci_migration;

#endif /* _MDEV_PCI_PRIVATE_H */
