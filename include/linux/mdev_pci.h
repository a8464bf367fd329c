/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI functions for vendor drivers of mediated devices: a function is described
 * by data, and works.
 */
#ifndef _LINUX_MDEV_PCI_H
#define _LINUX_MDEV_PCI_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/completion.h>
#include <linux/dma-direction.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/pci_regs.h>
#include <linux/pm.h>
#include <linux/stddef.h>
#include <linux/types.h>

struct mdev_pci;
struct mdev_pci_core;
struct mdev_pci_parent;
struct mdev_pci_parent_core;
struct pci_dev;
struct pci_error_handlers;
struct sg_table;

/**
 * DOC: mediated PCI functions
 *
 * A driver describes each type of its devices in a struct mdev_pci_function, and
 * has callbacks for them in a struct mdev_pci_driver. Its device is a structure that
 * begins with a struct mdev_pci. mdev_pci allocates it, presents it to userspace as
 * that function, resets it, migrates it and frees it. The driver is called for
 * accesses to the function's BARs, and interrupts with mdev_pci_raise_irq().
 *
 * Config space behaves as the PCI Local Bus Specification 3.0, chapter 6, and the
 * specifications of the capabilities say. As a function that vfio-pci has opened, it
 * decodes its BARs at open, is not a bus master, and keeps the command register and
 * the BARs over VFIO_DEVICE_RESET and resets that the guest requests. While a BAR is
 * not decoded, reads of it return ones and writes are dropped; what is mapped of it
 * is unmapped, and an access through a mapping is SIGBUS.
 *
 * Members of &mdev_pci_driver.ops that are NULL are filled in by
 * mdev_pci_register(). A driver that sets one of them replaces the default, and can
 * call that, mdev_pci_read() and so on, for what it does not handle itself.
 */

/**
 * struct mdev_pci_area - a part of a region
 * @offset: where it begins, in bytes, a multiple of PAGE_SIZE
 * @size: its length in bytes, a multiple of PAGE_SIZE
 */
struct mdev_pci_area {
	u64 offset;
	u64 size;
};

/**
 * struct mdev_pci_region - a range of addresses that a function decodes
 * @flags: for a BAR, PCI_BASE_ADDRESS_SPACE_IO, or PCI_BASE_ADDRESS_MEM_TYPE_64
 *	and PCI_BASE_ADDRESS_MEM_PREFETCH (PCI 3.0, 6.2.5.1)
 * @size: in bytes. For a BAR a power of two, at least 16 (at least 4 and at
 *	most 256 for I/O). 0 if there is no such region.
 * @memory: the region is memory that mdev_pci allocates, page by page at the first
 *	write or page fault, zeroed, and frees at a reset, before
 *	&mdev_pci_driver.reset. It can be mapped, and @read, @write and @map are
 *	absent. See mdev_pci_memory_page().
 * @width: size of the registers in bytes, 1, 2, 4 or 8: that of all accesses that
 *	@read and @write are called for. A wider access is split, from the lowest
 *	address up; a narrower read returns its part of the register, a narrower
 *	write is ignored. 0: the size is that of the guest's access.
 * @read: a trapped read of 1, 2, 4 or 8 naturally aligned bytes. Returns the
 *	value. Absent: reads as zeros.
 * @write: a trapped write, likewise. Absent: writes are ignored.
 * @map: &parent_ops.validate_map_request, with @region and @offset in place of its
 *	@pos. Absent: the region can't be mapped, unless it is @memory.
 * @caching: with @map, what backs the region: 0 for RAM; MDEV_REGION_UNCACHED or
 *	MDEV_REGION_WC for physical memory of a device, see there
 * @areas: the parts that can be mapped, in ascending order. Absent: with @map
 *	or @memory, the whole region, which has a size in pages then.
 * @nr_areas: number of @areas
 * @type: of a region that is not PCI's: VFIO_REGION_TYPE_*
 * @subtype: VFIO_REGION_SUBTYPE_* of that type
 *
 * @region is a VFIO region index: that of a BAR is the BAR's number. Callbacks
 * of one device run concurrently; they may sleep and no lock is held.
 */
struct mdev_pci_region {
	u32 flags;
	u64 size;
	bool memory;
	u8 width;
	u64 (*read)(struct mdev_pci *pci, unsigned int region, u64 offset,
		    unsigned int size);
	void (*write)(struct mdev_pci *pci, unsigned int region, u64 offset,
		      unsigned int size, u64 value);
	int (*map)(struct mdev_pci *pci, unsigned int region, u64 offset,
		   unsigned long *pfn, unsigned long *size, u32 *flags);
	u32 caching;
	const struct mdev_pci_area *areas;
	unsigned int nr_areas;
	u32 type;
	u32 subtype;
};

/**
 * struct mdev_pci_vendor_cap - a vendor-specific capability (PCI 3.0, appendix H)
 * @data: what follows the capability's length byte
 * @writable: the bits of @data that a guest can change. Absent: none.
 * @size: of @data, in bytes. All capabilities together have 192 bytes.
 */
struct mdev_pci_vendor_cap {
	const u8 *data;
	const u8 *writable;
	u8 size;
};

/**
 * enum mdev_pci_registers_kind - what registers of config space are
 * @MDEV_PCI_REGISTERS: registers at an offset of config space
 * @MDEV_PCI_CAPABILITY: a capability of the list of PCI 3.0, 6.7
 * @MDEV_PCI_EXT_CAPABILITY: a capability of the list of PCI Express 2.0, 7.9
 */
enum mdev_pci_registers_kind {
	MDEV_PCI_REGISTERS,
	MDEV_PCI_CAPABILITY,
	MDEV_PCI_EXT_CAPABILITY,
};

/**
 * struct mdev_pci_registers - registers of config space: a capability or others
 * @kind: what they are
 * @id: PCI_CAP_ID_* or PCI_EXT_CAP_ID_* of a capability
 * @version: version of an extended capability
 * @offset: where, a multiple of 4. 0: where there is room for the capability.
 * @size: in bytes, the header of a capability included
 * @data: values after a reset, @size bytes, of which the header of a capability is
 *	ignored. Absent: zeroes, or for MDEV_PCI_REGISTERS what is there.
 * @writable: bits that the guest can change, @size bytes. Absent: none.
 * @clear: bits that the guest clears by writing 1, likewise
 * @device: bits that the driver changes by mdev_pci_set_config(), likewise
 * @read: a dword with one of the registers is read: returns its value, in place of
 *	@value, which is what config space has. @offset is that of the dword, from the
 *	beginning of the registers. Any number of calls run concurrently. Absent:
 *	@value. What it returns is not a part of the state data.
 * @written: a dword with one of the registers was written, and has changed as
 *	@writable and @clear say; it was @old before. @value is what was written, with
 *	the old value of bytes that were not. Returns 0, or a negative errno for the
 *	write. Not called concurrently with itself and with callbacks of struct
 *	mdev_pci_driver other than create, remove, available and parts_left.
 *
 * MDEV_PCI_REGISTERS without @data, @writable, @clear and @device can lie where other
 * registers are, such as PCI_COMMAND, to be notified of writes: @written follows what
 * mdev_pci does. Both callbacks may sleep.
 */
struct mdev_pci_registers {
	enum mdev_pci_registers_kind kind;
	u16 id;
	u8 version;
	u16 offset;
	u16 size;
	const void *data;
	const void *writable;
	const void *clear;
	const void *device;
	u32 (*read)(struct mdev_pci *pci, unsigned int offset, u32 value);
	int (*written)(struct mdev_pci *pci, unsigned int offset, u32 old,
		       u32 value);
};

/* PCI Bus Power Management 1.2: states D0 and D3hot */
#define MDEV_PCI_PM		BIT(0)
/* With MDEV_PCI_PM: going from D3hot to D0 resets (No_Soft_Reset is clear) */
#define MDEV_PCI_SOFT_RESET	BIT(1)
/* PCI Express 2.0, 7.8: an endpoint, with extended config space */
#define MDEV_PCI_EXPRESS	BIT(2)
/* Function-level reset: PCI Express's, or the Advanced Features capability's */
#define MDEV_PCI_FLR		BIT(3)
/* With MDEV_PCI_EXPRESS: Advanced Error Reporting (PCI Express 2.0, 7.10) */
#define MDEV_PCI_AER		BIT(4)

/**
 * struct mdev_pci_function - what a PCI function looks like
 * @vendor: vendor ID
 * @device: device ID
 * @subsystem_vendor: subsystem vendor ID
 * @subsystem: subsystem ID
 * @class: base class, sub-class and programming interface, as 0xbbsspp
 * @revision: revision ID
 * @interrupt_pin: 1 for INTA# to 4 for INTD#, 0 if there is none
 * @capabilities: MDEV_PCI_PM, MDEV_PCI_SOFT_RESET, MDEV_PCI_EXPRESS, MDEV_PCI_FLR and
 *	MDEV_PCI_AER
 * @serial: with MDEV_PCI_EXPRESS: device serial number (PCI Express 2.0, 7.12), 0 if
 *	there is none
 * @bar: the BARs. A 64-bit one takes the next one's place too, which is left
 *	out.
 * @rom: contents of the expansion ROM
 * @rom_size: of @rom, in bytes; the BAR is the next power of two, 2 KiB at least
 * @vga: @read and @write of the VGA ranges, by address: memory from 0xa0000 on,
 *	I/O from 0x3b0 on. @size is 0xc0000, or 0 if there is none.
 * @regions: regions beyond PCI's, from index VFIO_PCI_NUM_REGIONS on
 * @nr_regions: number of @regions
 * @msi: the MSI capability: number of vectors, a power of two up to 32, or 0;
 *	whether addresses have 64 bits; whether vectors can be masked
 * @msix: the MSI-X capability: number of vectors, up to 2048, or 0; BAR and
 *	offset of the table (16 bytes a vector) and of the pending bits (8 bytes
 *	for each 64 vectors), both multiples of 8. The parts of a BAR where they
 *	are do not reach the vendor.
 * @vendor_caps: vendor-specific capabilities
 * @nr_vendor_caps: number of @vendor_caps
 * @registers: other capabilities and registers
 * @nr_registers: number of @registers
 *
 * A function has as many interrupt vectors as the largest of @msix.vectors,
 * @msi.vectors and, with an @interrupt_pin, 1.
 */
struct mdev_pci_function {
	u16 vendor;
	u16 device;
	u16 subsystem_vendor;
	u16 subsystem;
	u32 class;
	u8 revision;
	u8 interrupt_pin;
	u32 capabilities;
	u64 serial;
	struct mdev_pci_region bar[PCI_STD_NUM_BARS];
	const void *rom;
	u32 rom_size;
	struct mdev_pci_region vga;
	const struct mdev_pci_region *regions;
	unsigned int nr_regions;
	struct {
		u8 vectors;
		bool wide;
		bool maskable;
	} msi;
	struct {
		u16 vectors;
		u8 table_bar;
		u8 pba_bar;
		u32 table_offset;
		u32 pba_offset;
	} msix;
	const struct mdev_pci_vendor_cap *vendor_caps;
	unsigned int nr_vendor_caps;
	const struct mdev_pci_registers *registers;
	unsigned int nr_registers;
};

/**
 * struct mdev_pci_type - a type of devices
 * @name: its name in sysfs, after the parent driver's and a dash
 * @label: contents of its ``name`` attribute. Absent: @name.
 * @description: contents of ``description``. Absent: as ``name``.
 * @function: what its devices look like
 * @units: how much of its parent a device takes, at least 1; see
 *	mdev_pci_register()
 */
struct mdev_pci_type {
	const char *name;
	const char *label;
	const char *description;
	const struct mdev_pci_function *function;
	unsigned int units;
};

/**
 * enum mdev_pci_reset_cause - why a device is reset
 * @MDEV_PCI_RESET_CREATE: &mdev_pci_driver.create has returned
 * @MDEV_PCI_RESET_OPEN: userspace opens the device
 * @MDEV_PCI_RESET_CLOSE: userspace has closed it
 * @MDEV_PCI_RESET_DEVICE: VFIO_DEVICE_RESET
 * @MDEV_PCI_RESET_FLR: function-level reset by the guest
 * @MDEV_PCI_RESET_PM: D3hot to D0, with MDEV_PCI_SOFT_RESET
 * @MDEV_PCI_RESET_LOAD: state data is to be loaded
 */
enum mdev_pci_reset_cause {
	MDEV_PCI_RESET_CREATE,
	MDEV_PCI_RESET_OPEN,
	MDEV_PCI_RESET_CLOSE,
	MDEV_PCI_RESET_DEVICE,
	MDEV_PCI_RESET_FLR,
	MDEV_PCI_RESET_PM,
	MDEV_PCI_RESET_LOAD,
};

/* Flags of &mdev_pci_driver.run: the device may raise interrupts, and do work */
#define MDEV_PCI_RUN		BIT(0)
/* With MDEV_PCI_RUN: and access memory, being a bus master (PCI 3.0, 6.2.2) */
#define MDEV_PCI_DMA		BIT(1)

/**
 * struct mdev_pci_driver - callbacks of a driver for its devices
 * @ops: members that replace the defaults of mdev_pci; types, creation, removal,
 *	open, release, resets, pause and resume are not among them, they are below. A
 *	&mdev_migration_ops.set_state has to call that of mdev_pci_migration; what @mmap
 *	maps of a @memory region is not migrated.
 * @types: the types
 * @nr_types: number of @types
 * @device_size: size of the driver's device: MDEV_PCI_DEVICE_SIZE()
 * @state_version: version of what @save writes, the driver's own count
 * @state_min_version: the oldest version that @load loads
 * @state_size: maximum of what @save writes and @load is called with, in bytes
 * @available: number of devices of @type that @parent can create now, whatever its
 *	units. Contents of ``available_instances``, unless fewer units are free.
 *	Absent: units count alone.
 * @create: set up a device, which is zeroed but for its struct mdev_pci. Returns 0
 *	or a negative errno, which the write to ``create`` returns.
 * @describe: complete the description of a device when it is opened first, from what
 *	an administrator has written to its attributes: sizes of BARs, IDs, a ROM.
 *	@function is a copy of the type's; what it points to must not change until
 *	@remove. A negative errno, or -EINVAL for an invalid description, fails the
 *	open, and the next one calls it again. Until it has succeeded, there are no
 *	registers, interrupts and memory regions: functions for them do nothing, and
 *	@reset is not called. The type's description has to be valid all the same, so a
 *	BAR has some size there. Absent: the type's description is complete.
 * @remove: undo @create, which has succeeded
 * @reset: set the device to the state after power-on. It is stopped, no callback for
 *	an access runs (see the end of &struct parent_ops), nothing is mapped and its
 *	@memory regions are empty. A negative errno fails the write to ``create``,
 *	the open, VFIO_DEVICE_RESET or the migration; when the device is closed, and
 *	for resets by the guest, it is logged.
 * @run: start or stop the device: @flags is 0, MDEV_PCI_RUN or
 *	MDEV_PCI_RUN | MDEV_PCI_DMA. Called when they change: by open, close, the
 *	power state, the command register, migrations, mdev_pci_pause() and
 *	mdev_pci_resume(); around resets, they are 0.
 *	What @flags do not allow has ended when this returns; accesses to regions can
 *	come in any state. A negative errno fails the open, the write to config space or
 *	the migration; the device stays as it was, and this is called again with the
 *	flags of before: fast, and the result is ignored. A turn on a &struct mdev_pci_engine
 *	can begin before this returns: what the engine needs of a device is loaded in
 *	its turn. Not called for &parent_ops.stop. Absent: the device does nothing
 *	asynchronously.
 * @save: write the driver's state to @buf, which has @size bytes, @state_size, and is
 *	zeroed, in a form that does not depend on the kernel. The device is stopped.
 *	Config space, interrupts and @memory regions are saved by mdev_pci. Returns
 *	the number of bytes written, or a negative errno, which fails the migration.
 * @load: load such a state of @size bytes, of a version from @state_min_version to
 *	@state_version; it can be corrupt or forged. The device is stopped, and what
 *	mdev_pci saves is loaded. Since @reset with MDEV_PCI_RESET_LOAD, no access of
 *	userspace has come but to config space. A negative errno refuses it.
 *
 * @track_changes: for state that is too large to be saved while the device is
 *	stopped: if @track is set, begin to track what changes of it: @save_part
 *	saves all of it, and then what has changed. A negative errno fails the
 *	migration. If @track is not set, stop that; the result is ignored. Absent:
 *	@save has all.
 * @save_part: write a part of the driver's state, see &mdev_migration_ops.save_part, to
 *	@buf, which has @size bytes, a quarter of MDEV_MIGRATION_PART_SIZE at least.
 *	Mandatory with @track_changes.
 * @load_part: load a part of @size bytes that @save_part of a version from
 *	@state_min_version to @state_version has written; it can be corrupt or forged.
 *	Follows @reset with MDEV_PCI_RESET_LOAD, and precedes @load. A negative errno
 *	refuses it. Mandatory with @track_changes.
 * @parts_left: add to @initial what @save_part would still write for the first time,
 *	in bytes, all of it if changes are not tracked, and to @dirty what it would
 *	write again. An estimate. May be called at any time, even concurrently with the
 *	others. Mandatory with @track_changes.
 * @halt: the physical device of @parent does not answer, or is gone: end all waits for
 *	it, so that @run, @reset and callbacks for accesses return. Nothing new is begun
 *	until @restart. Called at any time, also concurrently with all others, by
 *	mdev_pci_mark_dead() from whatever calls that, and more than once. A card that is
 *	unplugged can go unnoticed while mdev_pci_unregister() waits for a callback, so
 *	each wait for the card needs a timeout of its own, too. Absent: nothing waits
 *	for it.
 * @restart: the physical device was reset, or the system is resumed; all devices of
 *	@parent are paused, and config space of a PCI card is restored. Set the card up
 *	as the driver's probe did. What devices have in it is restored here, with
 *	mdev_pci_for_each(), or by their @run. A negative errno calls
 *	mdev_pci_mark_dead(). Called by mdev_pci_error_handlers and mdev_pci_pm_ops.
 *	Absent: nothing is to be set up.
 *
 * @types and @device_size are mandatory. Without both @save and @load, devices can't
 * migrate. Callbacks may sleep. @reset, @run, @save, @load, @track_changes, @save_part
 * and @load_part of one device never run concurrently. All but the last two may wait for
 * a worker of the device, but they must not call mdev_dma_rw() or mdev_pin_pages()
 * themselves: the memory can be a mapped BAR of the device, and its page faults wait
 * until they have returned. A worker in one of the two gets an error then, see "mapped
 * regions" in mdev.h.
 */
struct mdev_pci_driver {
	struct parent_ops ops;
	const struct mdev_pci_type *types;
	unsigned int nr_types;
	size_t device_size;
	u32 state_version;
	u32 state_min_version;
	size_t state_size;
	unsigned int (*available)(struct mdev_pci_parent *parent,
				  const struct mdev_pci_type *type);
	int (*create)(struct mdev_pci *pci);
	int (*describe)(struct mdev_pci *pci,
			struct mdev_pci_function *function);
	void (*remove)(struct mdev_pci *pci);
	int (*reset)(struct mdev_pci *pci, enum mdev_pci_reset_cause cause);
	int (*run)(struct mdev_pci *pci, unsigned int flags);
	ssize_t (*save)(struct mdev_pci *pci, void *buf, size_t size);
	int (*load)(struct mdev_pci *pci, u32 version, const void *buf,
		    size_t size);
	int (*track_changes)(struct mdev_pci *pci, bool track);
	ssize_t (*save_part)(struct mdev_pci *pci, void *buf, size_t size);
	int (*load_part)(struct mdev_pci *pci, u32 version, const void *buf,
			 size_t size);
	void (*parts_left)(struct mdev_pci *pci, u64 *initial, u64 *dirty);
	void (*halt)(struct mdev_pci_parent *parent);
	int (*restart)(struct mdev_pci_parent *parent);
};

/**
 * MDEV_PCI_DEVICE_SIZE - for &mdev_pci_driver.device_size
 * @_struct: the driver's structure of a device
 * @_member: its first member, a struct mdev_pci
 *
 * Return: the size of @_struct. Any other first member is a compile-time error.
 */
#define MDEV_PCI_DEVICE_SIZE(_struct, _member) \
	(sizeof(_struct) + BUILD_BUG_ON_ZERO(offsetof(_struct, _member)))

/**
 * struct mdev_pci - a mediated device that is a PCI function
 * @mdev: the mediated device; its mdev_set_drvdata() is free for the driver
 * @parent: the parent, which a driver embeds in its structure of the physical device:
 *	container_of() leads from a device to that
 * @type: its type
 * @core: state of mdev_pci.ko
 */
struct mdev_pci {
	struct mdev_device *mdev;
	struct mdev_pci_parent *parent;
	const struct mdev_pci_type *type;
	struct mdev_pci_core *core;
};

/**
 * struct mdev_pci_parent - a parent of PCI functions
 * @dev: the physical device
 * @core: state of mdev_pci.ko; NULL while the parent is not registered
 */
struct mdev_pci_parent {
	struct device *dev;
	struct mdev_pci_parent_core *core;
};

/**
 * mdev_pci_register - register a device as a parent of PCI functions
 * @parent: zeroed, in use until mdev_pci_unregister() has returned
 * @dev: the physical device, which must be in sysfs
 * @driver: the vendor driver; constant, with all that it points to, until
 *	mdev_pci_unregister() has returned
 * @units: units of @dev to be shared. Each device takes
 *	&mdev_pci_type.units of them; ``create`` fails with -ENOSPC when too few
 *	are free.
 *
 * As mdev_register_device(), with defaults for all members of
 * &mdev_pci_driver.ops that are NULL. A description that no PCI function can
 * have is refused, with a message in the log. Of a PCI card, pci_save_state() saves what
 * mdev_pci_error_handlers restore; so register it after pci_set_master().
 * The module that calls it is held while a device is open, unless &parent_ops.owner is
 * set.
 *
 * Context: may sleep; loads the bus driver's module for the first parent.
 * Return: 0; -EINVAL if @driver is invalid; -EEXIST if @dev or @parent is
 *	registered; -ENOMEM.
 */
#define mdev_pci_register(parent, dev, driver, units) \
	__mdev_pci_register(parent, dev, driver, units, THIS_MODULE)
int __mdev_pci_register(struct mdev_pci_parent *parent, struct device *dev,
			const struct mdev_pci_driver *driver,
			unsigned int units, struct module *owner);
void mdev_pci_unregister(struct mdev_pci_parent *parent);
unsigned int mdev_pci_free_units(struct mdev_pci_parent *parent);
int mdev_pci_pause(struct mdev_pci_parent *parent, unsigned int timeout_ms);
void mdev_pci_resume(struct mdev_pci_parent *parent);
void mdev_pci_mark_dead(struct mdev_pci_parent *parent);
int mdev_pci_for_each(struct mdev_pci_parent *parent,
		      int (*fn)(struct mdev_pci *pci, void *data), void *data);

/**
 * struct mdev_pci_engine - a part of the physical device that serves one device at a time
 * @parent: the parent
 * @timeout: how long what it is started for can take, in jiffies
 * @lock: held during a device's turn
 * @done: the driver's interrupt handler calls complete() for it
 * @halted: the physical device does not answer until it has been restarted, if ever
 *
 * A work item of a device reads mdev_pci_run_token() and then what its device is to do,
 * waits for its turn with mdev_pci_engine_begin(), starts the engine, waits with
 * mdev_pci_engine_wait(), and calls mdev_pci_engine_end(). &mdev_pci_driver.run calls
 * mdev_pci_engine_sync() and schedules the work item, &mdev_pci_driver.halt calls
 * mdev_pci_engine_halt() and &mdev_pci_driver.restart mdev_pci_engine_restart().
 */
struct mdev_pci_engine {
	struct mdev_pci_parent *parent;
	unsigned long timeout;
	/* Held during a device's turn */
	struct mutex lock;
	struct completion done;
	bool halted;
};

void mdev_pci_engine_init(struct mdev_pci_engine *engine,
			  struct mdev_pci_parent *parent, unsigned long timeout);
bool mdev_pci_engine_begin(struct mdev_pci_engine *engine, struct mdev_pci *pci,
			   unsigned long token, unsigned int flag);
void mdev_pci_engine_end(struct mdev_pci_engine *engine);
void mdev_pci_engine_sync(struct mdev_pci_engine *engine);
void mdev_pci_engine_halt(struct mdev_pci_engine *engine);
void mdev_pci_engine_restart(struct mdev_pci_engine *engine);
int mdev_pci_engine_wait_irq(struct mdev_pci_engine *engine);
unsigned long mdev_pci_run_token(struct mdev_pci *pci);

/**
 * mdev_pci_engine_wait() - wait until the engine has done what it was started for
 * @_engine: the engine
 * @_condition: true then; evaluated after each interrupt, which can be one from before a
 *	restart. Not before: registers of a card that was unplugged can read as anything.
 *
 * Calls mdev_pci_mark_dead() at the timeout.
 *
 * Context: may sleep, between mdev_pci_engine_begin() and mdev_pci_engine_end().
 * Return: 0; -EIO if the engine was halted, or at the timeout: then it can still access
 *	memory, see mdev_pci_unmap_pages().
 */
#define mdev_pci_engine_wait(_engine, _condition)	\
({							\
	struct mdev_pci_engine *__engine = (_engine);	\
	int __ret;					\
							\
	do {						\
		__ret = mdev_pci_engine_wait_irq(__engine); \
	} while (!__ret && !(_condition));		\
	__ret;						\
})

/**
 * struct mdev_pci_pin - guest memory that is pinned for a request
 * @pci: the device; NULL if nothing is pinned
 * @iova: address of the first page, as the device sees it
 * @nr_pages: number of pages
 * @open: counts the opens of the device
 * @seq: counts its pins
 * @node: in the list of the device's pins
 */
struct mdev_pci_pin {
	struct mdev_pci *pci;
	u64 iova;
	unsigned int nr_pages;
	u64 open;
	u64 seq;
	struct list_head node;
};

int mdev_pci_pin_pages(struct mdev_pci *pci, struct mdev_pci_pin *pin, u64 iova,
		       size_t size, enum dma_data_direction dir, struct page **pages);
void mdev_pci_unpin_pages(struct mdev_pci_pin *pin);
int mdev_pci_map_pages(struct mdev_pci_parent *parent, struct sg_table *table,
		       struct page **pages, unsigned int offset, size_t size,
		       enum dma_data_direction dir);
void mdev_pci_unmap_pages(struct mdev_pci_parent *parent, struct sg_table *table,
			  enum dma_data_direction dir, bool ended);

/**
 * DOC: mdev_pci_error_handlers and mdev_pci_pm_ops
 *
 * For a struct pci_driver that has its struct mdev_pci_parent in pci_set_drvdata(),
 * registered from probe to remove: they pause the devices, call &mdev_pci_driver.halt
 * and &mdev_pci_driver.restart, and resume, or call mdev_pci_mark_dead(). See "When the
 * hardware fails" in Documentation/vfio-mediated-device.txt.
 */
extern const struct pci_error_handlers mdev_pci_error_handlers;
extern const struct dev_pm_ops mdev_pci_pm_ops;

void mdev_pci_raise_irq(struct mdev_pci *pci, unsigned int vector);
void mdev_pci_lower_irq(struct mdev_pci *pci, unsigned int vector);
void mdev_pci_trigger_irq(struct mdev_pci *pci, unsigned int vector);
void mdev_pci_trigger_error(struct mdev_pci *pci);
void mdev_pci_trigger_request(struct mdev_pci *pci);
bool mdev_pci_is_master(struct mdev_pci *pci);
u32 mdev_pci_get_config(struct mdev_pci *pci, unsigned int offset,
			unsigned int size);
void mdev_pci_set_config(struct mdev_pci *pci, unsigned int offset, u32 mask,
			 u32 value);
unsigned int mdev_pci_find_capability(struct mdev_pci *pci,
				      enum mdev_pci_registers_kind kind, u16 id);
u64 mdev_pci_bar_address(struct mdev_pci *pci, unsigned int bar);
int mdev_pci_copy_capability(struct mdev_pci_registers *registers,
			     struct pci_dev *card,
			     enum mdev_pci_registers_kind kind, u16 id,
			     void *buf, u16 size);
void mdev_pci_invalidate(struct mdev_pci *pci, unsigned int region, u64 offset,
			 u64 size);

struct page *mdev_pci_memory_page(struct mdev_pci *pci, unsigned int region,
				  u64 offset);
unsigned long mdev_pci_memory_committed(struct mdev_pci *pci,
					unsigned int region);
void mdev_pci_memory_discard(struct mdev_pci *pci, unsigned int region,
			     u64 offset, u64 size);
void mdev_pci_memory_mark_dirty(struct mdev_pci *pci, unsigned int region,
				u64 offset, u64 size);

/**
 * DOC: default callbacks of PCI functions
 *
 * A driver's own callback can call the default for what it does not handle itself,
 * with the contract of the callback:
 *
 * ========================  ==================================
 * callback                  default
 * ========================  ==================================
 * ``get_device_info``       mdev_pci_get_device_info()
 * ``get_region_info``       mdev_pci_get_region_info()
 * ``get_irq_info``          mdev_pci_get_irq_info()
 * ``read``, ``write``       mdev_pci_read(), mdev_pci_write()
 * ``set_irqs``              mdev_pci_set_irqs()
 * ``validate_map_request``  mdev_pci_validate_map_request()
 * ``request``               mdev_pci_request()
 * members of ``migration``  those of mdev_pci_migration
 * ========================  ==================================
 */
extern const struct mdev_migration_ops mdev_pci_migration;

int mdev_pci_get_device_info(struct mdev_device *mdev,
			     struct vfio_device_info *info,
			     struct vfio_info_cap *caps);
int mdev_pci_get_region_info(struct mdev_device *mdev,
			     struct vfio_region_info *info,
			     struct vfio_info_cap *caps);
int mdev_pci_get_irq_info(struct mdev_device *mdev, struct vfio_irq_info *info);
ssize_t mdev_pci_read(struct mdev_device *mdev, char *buf, size_t count,
		      loff_t pos);
ssize_t mdev_pci_write(struct mdev_device *mdev, const char *buf, size_t count,
		       loff_t pos);
int mdev_pci_set_irqs(struct mdev_device *mdev, u32 flags, u32 index, u32 start,
		      u32 count, void *data);
void mdev_pci_request(struct mdev_device *mdev, unsigned int count);
void mdev_pci_dma_unmap(struct mdev_device *mdev, u64 iova, u64 length);
int mdev_pci_validate_map_request(struct mdev_device *mdev, loff_t pos,
				  unsigned long *pfn, unsigned long *size,
				  u32 *flags);

/**
 * mdev_pci_from_mdev - the PCI function that a mediated device is
 * @mdev: a mediated device of a parent that mdev_pci_register() has registered
 *
 * Return: the function.
 */
static inline struct mdev_pci *mdev_pci_from_mdev(struct mdev_device *mdev)
{
	return mdev->library;
}

#endif /* _LINUX_MDEV_PCI_H */
