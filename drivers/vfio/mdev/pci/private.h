/* SPDX-License-Identifier: GPL-2.0-only */
/* Internal interface of mdev_pci.ko. Read main.c next. */
#ifndef _MDEV_PCI_PRIVATE_H
#define _MDEV_PCI_PRIVATE_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/mdev_irqs.h>
#include <linux/mdev_pci.h>
#include <linux/mutex.h>
#include <linux/spinlock_types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

struct va_format;

/*
 * Locks, in the order in which they are taken:
 *
 *	mdev_callback_enter(), mdev_drain()	of vfio_mdev, around each access and
 *						reset; see vfio/private.h
 *	vfio_mdev_transfer.lock			likewise, around save_part, load_part
 *						and parts_left
 *	mdev_parent_core.pause_lock		pause and resume of the parent
 *	  mdev_pci_core.lock			writes to config space, resets, steps
 *						of a migration; held across run,
 *						reset, save and load of the driver
 *	    mdev_device.map_lock		mdev_map_block(), mdev_pci_invalidate()
 *	    mdev_pci_core.config_lock		spinlock with interrupts disabled: a
 *						change of some bits of config
 *						space; innermost
 *	    mdev_pci_core.irq_lock		rwlock with interrupts disabled:
 *						what becomes of a message, see
 *						irq.c
 *	      lock of a vector in mdev_irqs.c
 *	        lock of an eventfd
 *
 * Page faults, which hold mmap_lock, take mdev_device.map_lock and none of these
 * locks. Pages of a region are in an xarray, which has a lock of its own; they are
 * looked up under RCU. Reads of config space take no lock.
 *
 * mdev_pci_engine.lock is taken by work items of the driver, and inside of
 * mdev_pci_core.lock by its run. mdev_pci_core.pins_lock is innermost.
 */

/**
 * struct mdev_pci_dword - what is special about a dword of config space
 * @registers: the driver's that have a callback for it, or NULL
 * @base: offset of the first of them
 * @read: returns bits that are not in &mdev_pci_core.config, or NULL
 * @written: called with &mdev_pci_core.lock held after the guest has written the
 *	bits in @mask of the dword, which was @old before; or NULL. Returns 0 or an
 *	error of the driver for the writer.
 */
struct mdev_pci_dword {
	const struct mdev_pci_registers *registers;
	u16 base;
	u32 (*read)(struct mdev_pci_core *core);
	int (*written)(struct mdev_pci_core *core, u32 old, u32 value,
		       u32 mask);
};

/*
 * Bits of &mdev_pci_core.decodes besides PCI_COMMAND_IO and PCI_COMMAND_MEMORY: regions
 * beyond PCI's
 */
#define MDEV_PCI_DECODES_OTHERS	BIT(2)

/**
 * struct mdev_pci_target - what accesses of a region need of its description
 * @region: the region; NULL if there is none, for config space and for the ROM
 * @decoded_by: the bit of &mdev_pci_core.decodes that has to be set
 * @registers: all of it are registers of the driver
 */
struct mdev_pci_target {
	const struct mdev_pci_region *region;
	u8 decoded_by;
	bool registers;
};

/**
 * struct mdev_pci_layout - config space and regions of a function
 * @function: the description
 * @size: size of config space and of each of the next four, in bytes
 * @initial: values after a reset
 * @writable: bits that the guest can change
 * @clear: bits that the guest clears by writing 1
 * @device: bits that mdev_pci changes
 * @settable: bits that the driver changes by mdev_pci_set_config()
 * @dwords: what is special, by dword
 * @pm: offset of the power management capability, 0 if there is none
 * @msi: likewise, of MSI
 * @msix: likewise, of MSI-X
 * @express: likewise, of PCI Express
 * @af: likewise, of Advanced Features
 * @nr_vectors: number of interrupt vectors
 * @nr_regions: number of VFIO regions
 * @targets: they
 */
struct mdev_pci_layout {
	const struct mdev_pci_function *function;
	unsigned int size;
	u8 *initial;
	u8 *writable;
	u8 *clear;
	u8 *device;
	u8 *settable;
	struct mdev_pci_dword *dwords;
	u8 pm;
	u8 msi;
	u8 msix;
	u8 express;
	u8 af;
	unsigned int nr_vectors;
	unsigned int nr_regions;
	struct mdev_pci_target *targets;
};

/**
 * struct mdev_pci_memory - pages of a region that is memory
 * @pages: committed pages, each with a reference, by index in the region
 * @committed: number of @pages
 * @dirty: a bit for each page of the region, see dirty.c; NULL before the first
 *	migration
 */
struct mdev_pci_memory {
	struct xarray pages;
	atomic_long_t committed;
	unsigned long *dirty;
};

/* Pages of a region, by index; @end is the first one behind them. */
struct mdev_pci_pages {
	unsigned int region;
	unsigned long first;
	unsigned long end;
};

/**
 * struct mdev_pci_core - a mediated device that is a PCI function
 * @pci: what the driver sees of it, the beginning of the driver's own structure
 * @parent: the parent
 * @layout: config space and what else follows from the description
 * @described: @layout, @config, @irqs, @raised, @msix_table and @memory are there, and
 *	stay until the device is freed. Set under @lock, read without.
 * @function: copy of the description that &mdev_pci_driver.describe has completed, or
 *	NULL
 * @lock: see the block above
 * @config_lock: see the block above
 * @config: config space, @layout->size bytes, without the bits of
 *	&mdev_pci_dword.read; written under @lock or @config_lock, read without
 * @decodes: which regions are accessible: PCI_COMMAND_IO, PCI_COMMAND_MEMORY and
 *	MDEV_PCI_DECODES_OTHERS; written under @lock when @config or @resuming has
 *	changed
 * @stopped: not open, or stopped by a migration; written under @lock
 * @paused: the parent is paused; protected by @lock
 * @silent: stopped by a migration, may not interrupt; written under @lock
 * @saving: in a state of a migration's source; protected by @lock
 * @resuming: in the state of a migration's destination; written under @lock
 * @spoiled: was reset by the guest in a state in which that is not migrated; protected
 *	by @lock
 * @saves_memory: changes of memory are marked, see dirty.c; written under @lock
 * @next_region: where mdev_pci_dirty_take() continues: region; written with
 *	@saves_memory by that only
 * @next_page: likewise, index of the page
 * @saved_all: likewise, all regions have been searched once
 * @run_flags: last argument of &mdev_pci_driver.run that succeeded; protected by
 *	@lock
 * @run_token: what mdev_pci_run_token() returns; written under @lock
 * @pins_lock: protects @pins and @last_pin
 * @pins: pins of mdev_pci_pin_pages(), and calls of it that are pinning
 * @last_pin: &mdev_pci_pin.seq of the last one
 * @failed: the driver's last reset has failed; protected by @lock
 * @requested_reset: cause of the reset that a write to config space requested last;
 *	protected by @lock
 * @irqs: eventfds, pending messages and the level of INTx
 * @irq_lock: see the block above
 * @raised: vectors that the driver has raised and not lowered; bits are set with
 *	@irq_lock held for reading, cleared with it held for writing
 * @edges: vectors that were triggered since the last reset, protected likewise
 * @msix_table: MSI-X table, dwords read and written without a lock
 * @msi_written: the enable bit of MSI was written since the device was opened
 * @msix_written: that of MSI-X was written since the device was opened
 * @msix_table_written: the MSI-X table was written since the device was opened
 * @memory: by region index, NULL for a region that is not memory
 */
struct mdev_pci_core {
	struct mdev_pci *pci;
	struct mdev_pci_parent_core *parent;
	const struct mdev_pci_layout *layout;
	bool described;
	struct mdev_pci_function *function;
	/* The block above has the locks */
	struct mutex lock;
	/* The block above has the locks */
	spinlock_t config_lock;
	u8 *config;
	u8 decodes;
	bool stopped;
	bool paused;
	bool silent;
	bool saving;
	bool resuming;
	bool spoiled;
	bool saves_memory;
	unsigned int next_region;
	unsigned long next_page;
	bool saved_all;
	unsigned int run_flags;
	unsigned long run_token;
	/* The block above has the locks */
	spinlock_t pins_lock;
	struct list_head pins;
	u64 last_pin;
	bool failed;
	enum mdev_pci_reset_cause requested_reset;
	struct mdev_irqs *irqs;
	/* The block above has the locks */
	rwlock_t irq_lock;
	unsigned long *raised;
	unsigned long *edges;
	u32 *msix_table;
	bool msi_written;
	bool msix_written;
	bool msix_table_written;
	struct mdev_pci_memory **memory;
};

/**
 * struct mdev_pci_parent_core - a parent of PCI functions
 * @parent: what the driver sees of it
 * @ops: the driver's, with mdev_pci's for all that are absent
 * @migration: likewise
 * @driver: the driver
 * @layouts: by type
 * @groups: attributes of the types
 * @group_list: pointers to @groups
 * @free_units: units that no device has taken
 * @dead: mdev_pci_mark_dead() was called. No bool: that of xchg() on s390 can be true
 *	for false.
 * @recovering: PCI error handlers have paused the devices; the PCI core never calls
 *	them concurrently
 * @recovery: marks the parent dead if they do not resume the devices
 */
struct mdev_pci_parent_core {
	struct mdev_pci_parent *parent;
	struct parent_ops ops;
	struct mdev_migration_ops migration;
	const struct mdev_pci_driver *driver;
	struct mdev_pci_layout **layouts;
	struct attribute_group *groups;
	const struct attribute_group **group_list;
	atomic_t free_units;
	unsigned int dead;
	bool recovering;
	struct delayed_work recovery;
};

static inline bool mdev_pci_parent_is_dead(const struct mdev_pci_parent *parent)
{
	return READ_ONCE(parent->core->dead);
}

#ifdef CONFIG_PCI
void mdev_pci_recovery_init(struct mdev_pci_parent_core *core, struct device *dev);
void mdev_pci_end_recovery(struct mdev_pci_parent *parent);
#else
static inline void mdev_pci_recovery_init(struct mdev_pci_parent_core *core,
					  struct device *dev) {}
static inline void mdev_pci_end_recovery(struct mdev_pci_parent *parent) {}
#endif

static inline struct mdev_pci_core *
to_mdev_pci_core(const struct mdev_device *mdev)
{
	struct mdev_pci *pci = mdev->library;

	return pci->core;
}

/* For functions that a driver can call before the first open */
static inline bool mdev_pci_is_described(const struct mdev_pci_core *core)
{
	/* Pairs with mdev_pci_set_layout() */
	return smp_load_acquire(&core->described);
}

/* PCI 3.0, 3.2.2.3.4: little endian. Without &mdev_pci_dword.read. */
static inline u16 mdev_pci_config_word(const struct mdev_pci_core *core,
				       unsigned int offset)
{
	return READ_ONCE(core->config[offset]) |
	       READ_ONCE(core->config[offset + 1]) << 8;
}

static inline u32 mdev_pci_config_dword(const struct mdev_pci_core *core,
					unsigned int offset)
{
	return mdev_pci_config_word(core, offset) |
	       (u32)mdev_pci_config_word(core, offset + 2) << 16;
}

/* PCI Power Management 1.2, 5.4.1: in D3hot only config space is accessible. */
static inline bool mdev_pci_in_d0(const struct mdev_pci_core *core)
{
	u8 pm = core->layout->pm;

	return !pm || !(READ_ONCE(core->config[pm + PCI_PM_CTRL]) &
			PCI_PM_CTRL_STATE_MASK);
}

/* A part of a BAR, in bytes; @end is the first byte behind it. */
struct mdev_pci_range {
	u64 start;
	u64 end;
};

/* function.c */
u32 mdev_pci_rom_bar_size(const struct mdev_pci_function *function);
unsigned int mdev_pci_nr_vectors(const struct mdev_pci_function *function);
unsigned int mdev_pci_msix_dwords(const struct mdev_pci_function *function);
struct mdev_pci_range
mdev_pci_msix_table(const struct mdev_pci_function *function);
struct mdev_pci_range
mdev_pci_msix_pba(const struct mdev_pci_function *function);
const struct mdev_pci_region *
mdev_pci_region_at(const struct mdev_pci_function *function, unsigned int index);

/* check.c */
int mdev_pci_check(struct device *dev, const struct mdev_pci_driver *driver,
		   unsigned int units);
int mdev_pci_check_described(struct device *dev,
			     const struct mdev_pci_driver *driver,
			     const struct mdev_pci_type *type,
			     const struct mdev_pci_function *function);
void mdev_pci_print_invalid(struct device *dev, struct va_format *message);

/* regions.c */
struct mdev_pci_target *
mdev_pci_targets_create(const struct mdev_pci_function *function,
			unsigned int nr_regions);
void mdev_pci_update_decoding(struct mdev_pci_core *core);

/* reset.c */
int mdev_pci_reset_locked(struct mdev_pci_core *core,
			  enum mdev_pci_reset_cause cause);
void mdev_pci_request_reset(struct mdev_pci_core *core,
			    enum mdev_pci_reset_cause cause);
void mdev_pci_function_reset(struct mdev_device *mdev);

/* run.c */
int mdev_pci_update_running(struct mdev_pci_core *core);
void mdev_pci_stop_for_reset(struct mdev_pci_core *core);

/* pause.c */
int mdev_pci_pause_device(struct mdev_device *mdev);
void mdev_pci_halt(struct mdev_pci_parent *parent);
void mdev_pci_resume_device(struct mdev_device *mdev);

/* PCI Express 2.0, 7.8: with the registers of slots and root ports, all zero */
#define MDEV_PCI_EXPRESS_SIZE	0x3c

#define MDEV_PCI_NR_BUILTIN_CAPS	5

/**
 * struct mdev_pci_builtin_cap - a capability of mdev_pci itself
 * @id: PCI_CAP_ID_*
 * @size: returns its size in bytes, 0 if the function has none
 * @add: add its registers, from @base on
 */
struct mdev_pci_builtin_cap {
	u8 id;
	unsigned int (*size)(const struct mdev_pci_function *function);
	void (*add)(struct mdev_pci_layout *layout, u8 base);
};

/* registers.c */
extern const struct mdev_pci_builtin_cap
mdev_pci_builtin_caps[MDEV_PCI_NR_BUILTIN_CAPS];
extern const struct mdev_pci_registers mdev_pci_aer;
void mdev_pci_add_header(struct mdev_pci_layout *layout);
void mdev_pci_add_bars(struct mdev_pci_layout *layout);
void mdev_pci_add_rom(struct mdev_pci_layout *layout);
bool mdev_pci_pm_state_valid(u32 control);

/* layout.c */
struct mdev_pci_layout *
mdev_pci_layout_create(const struct mdev_pci_function *function);
void mdev_pci_layout_free(struct mdev_pci_layout *layout);
unsigned int mdev_pci_caps_size(const struct mdev_pci_function *function);

/* config.c */
void mdev_pci_change_byte(struct mdev_pci_core *core, unsigned int offset,
			  u8 mask, u8 value);
void mdev_pci_config_load(struct mdev_pci_core *core, const u8 *config);
void mdev_pci_config_init(struct mdev_pci_core *core);
void mdev_pci_config_reset(struct mdev_pci_core *core);
bool mdev_pci_config_valid(const struct mdev_pci_core *core, const u8 *config);
void mdev_pci_config_read(struct mdev_pci_core *core, char *buf, size_t count,
			  unsigned int offset);
int mdev_pci_config_write(struct mdev_pci_core *core, const char *buf,
			  size_t count, unsigned int offset);

/* irq.c */
int mdev_pci_irqs_init(struct mdev_pci_core *core);
void mdev_pci_irqs_destroy(struct mdev_pci_core *core);
void mdev_pci_irqs_reset(struct mdev_pci_core *core, bool keep_written);
void mdev_pci_irqs_update(struct mdev_pci_core *core);
u32 mdev_pci_irqs_save(struct mdev_pci_core *core, u8 *raised, u8 *pending);
void mdev_pci_irqs_load(struct mdev_pci_core *core, const u8 *raised, u32 index,
			const u8 *pending);
u32 mdev_pci_irq_status(struct mdev_pci_core *core);
u32 mdev_pci_msi_pending(struct mdev_pci_core *core);
void mdev_pci_msi_written(struct mdev_pci_core *core);
void mdev_pci_msix_written(struct mdev_pci_core *core);
bool mdev_pci_in_msix(const struct mdev_pci_core *core, unsigned int bar,
		      u64 offset);
u64 mdev_pci_msix_read(struct mdev_pci_core *core, unsigned int bar,
		       u64 offset);
void mdev_pci_msix_write(struct mdev_pci_core *core, unsigned int bar,
			 u64 offset, unsigned int size, u64 value);
bool mdev_pci_msix_valid(const struct mdev_pci_core *core, const __le32 *table);

/* memory.c */
struct mdev_pci_memory *
mdev_pci_find_memory(const struct mdev_pci_core *core, unsigned int region);
int mdev_pci_memory_init(struct mdev_pci_core *core);
void mdev_pci_memory_destroy(struct mdev_pci_core *core);
void mdev_pci_memory_reset(struct mdev_pci_core *core);
int mdev_pci_memory_read(struct mdev_pci_core *core, unsigned int region,
			 u64 offset, char *buf, size_t count);
int mdev_pci_memory_write(struct mdev_pci_core *core, unsigned int region,
			  u64 offset, const char *buf, size_t count);
struct page *mdev_pci_memory_fault(struct mdev_pci_core *core,
				   unsigned int region, u64 offset,
				   unsigned long *size);
void mdev_pci_memory_clear(struct mdev_pci_core *core, unsigned int region,
			   u64 offset, size_t size);
unsigned long mdev_pci_memory_all_committed(struct mdev_pci_core *core);
bool mdev_pci_memory_is_zero(struct mdev_pci_core *core, unsigned int region,
			     u64 offset, size_t size);

/* dirty.c */
void mdev_pci_dirty_mark(struct mdev_pci_core *core, unsigned int region,
			 unsigned long first, unsigned long last);
void mdev_pci_dirty_mark_all(struct mdev_pci_core *core);
int mdev_pci_dirty_start(struct mdev_pci_core *core);
void mdev_pci_dirty_stop(struct mdev_pci_core *core);
bool mdev_pci_dirty_take(struct mdev_pci_core *core, unsigned long max,
			 struct mdev_pci_pages *pages);
void mdev_pci_dirty_left(struct mdev_pci_core *core, u64 *initial, u64 *dirty);

/* migration.c */
/* For a close or VFIO_DEVICE_RESET */
void mdev_pci_migration_end(struct mdev_pci_core *core);

/* sections.c: numbers are those in state data */
enum mdev_pci_section_id {
	MDEV_PCI_SECTION_CONFIG,
	MDEV_PCI_SECTION_MSIX,
	MDEV_PCI_SECTION_IRQS,
	MDEV_PCI_SECTION_DRIVER,
	MDEV_PCI_SECTION_MEMORY,	/* in parts, see parts.c */
	MDEV_PCI_SECTION_DRIVER_PART,	/* likewise */
	MDEV_PCI_NR_SECTIONS
};

/* In &mdev_pci_section.flags: a destination that does not know it skips it */
#define MDEV_PCI_SECTION_OPTIONAL	BIT(0)

/**
 * struct mdev_pci_section - header of a section
 * @id: enum mdev_pci_section_id
 * @flags: MDEV_PCI_SECTION_OPTIONAL; all others are 0
 * @version: version of @data
 * @size: length of @data in bytes, without the zeroes that pad it to a multiple of
 *	eight
 * @data: contents
 */
struct mdev_pci_section {
	__le16 id;
	__le16 flags;
	__le32 version;
	__le64 size;
	u8 data[];
};

/* Contents of a section in state data; @data is NULL if there is none. */
struct mdev_pci_contents {
	u32 version;
	const void *data;
	u64 size;
};

struct mdev_pci_sections {
	struct mdev_pci_contents contents[MDEV_PCI_NR_SECTIONS];
};

size_t mdev_pci_sections_size(struct mdev_pci_core *core);
ssize_t mdev_pci_sections_save(struct mdev_pci_core *core, void *buf,
			       size_t size);
int mdev_pci_sections_find(const void *buf, size_t size,
			   struct mdev_pci_sections *sections);
bool mdev_pci_driver_version_valid(const struct mdev_pci_core *core,
				   u32 version);
int mdev_pci_sections_parse(const struct mdev_pci_core *core, const void *buf,
			    size_t size, struct mdev_pci_sections *sections);
int mdev_pci_sections_load(struct mdev_pci_core *core,
			   const struct mdev_pci_sections *sections);

/* parts.c */
ssize_t mdev_pci_save_part(struct mdev_device *mdev, void *buf, size_t size);
int mdev_pci_load_part(struct mdev_device *mdev, const void *buf, size_t size);
void mdev_pci_parts_left(struct mdev_device *mdev, u64 *initial, u64 *dirty);

#endif /* _MDEV_PCI_PRIVATE_H */
