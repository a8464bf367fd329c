/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI functions for vendor drivers of mediated devices: a function is described
 * by data, and works.
 */
#ifndef _LINUX_MDEV_PCI_H
#define _LINUX_MDEV_PCI_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/mdev.h>
#include <linux/pci_regs.h>
#include <linux/stddef.h>
#include <linux/types.h>

struct mdev_pci;
struct mdev_pci_core;
struct mdev_pci_parent_core;

/**
 * DOC: mediated PCI functions
 *
 * A vendor describes each type of its devices in a struct mdev_pci_function and
 * what it does for them in a struct mdev_pci_driver. Its device, a struct that
 * begins with a struct mdev_pci, is allocated, presented to users as that
 * function, reset, migrated and freed by mdev_pci. The vendor is called for
 * accesses to the function's BARs, and raises its interrupts with
 * mdev_pci_raise_irq().
 *
 * Config space behaves as the PCI Local Bus Specification 3.0, chapter 6, and
 * the specifications of the capabilities say. After a reset, a function decodes
 * neither memory nor I/O and may not access memory until its command register
 * says so: accesses to its BARs read all ones and write nothing.
 *
 * What is mapped of a BAR is taken away when the BAR is decoded no more, by its
 * command register, its power state or a reset. Who touches it then without
 * having enabled the BAR again gets SIGBUS, as with vfio-pci.
 *
 * What is absent from &mdev_pci_driver.ops is filled in by mdev_pci_register().
 * A vendor that sets a member of it replaces what mdev_pci does there.
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
 * struct mdev_pci_region - a range of addresses that a function answers to
 * @flags: for a BAR, PCI_BASE_ADDRESS_SPACE_IO, or PCI_BASE_ADDRESS_MEM_TYPE_64
 *	and PCI_BASE_ADDRESS_MEM_PREFETCH (PCI 3.0, 6.2.5.1)
 * @size: in bytes. For a BAR a power of two, at least 16 (at least 4 and at
 *	most 256 for I/O). 0 if there is no such region.
 * @memory: the region is memory that mdev_pci keeps: pages are committed on
 *	first touch, zeroed, and given back by a reset. It can be mapped, and
 *	@read, @write and @map are absent. See mdev_pci_memory_page().
 * @width: the widest access that @read and @write are called for, in bytes: 1,
 *	2, 4 or 8, and wider ones are split, from the lowest address up. 0 is 8.
 * @read: a trapped read of 1, 2, 4 or 8 naturally aligned bytes. Returns the
 *	value. Absent: reads as zeros.
 * @write: a trapped write, likewise. Absent: writes are ignored.
 * @map: which page backs the one at @offset: see
 *	&parent_ops.validate_map_request, whose @pos is given as @region and
 *	@offset. Absent: the region can't be mapped, unless it is @memory.
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
		   unsigned long *pfn, unsigned long *size, pgprot_t *prot);
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

/* PCI Bus Power Management 1.2: states D0 and D3hot */
#define MDEV_PCI_PM		BIT(0)
/* With MDEV_PCI_PM: going from D3hot to D0 resets (No_Soft_Reset is clear) */
#define MDEV_PCI_SOFT_RESET	BIT(1)
/* PCI Express 2.0, 7.8: an endpoint, with extended config space */
#define MDEV_PCI_EXPRESS	BIT(2)
/* Function-level reset: PCI Express's, or the Advanced Features capability's */
#define MDEV_PCI_FLR		BIT(3)

/**
 * struct mdev_pci_function - what a PCI function looks like
 * @vendor: vendor ID
 * @device: device ID
 * @subsystem_vendor: subsystem vendor ID
 * @subsystem: subsystem ID
 * @class: base class, sub-class and programming interface, as 0xbbsspp
 * @revision: revision ID
 * @interrupt_pin: 1 for INTA# to 4 for INTD#, 0 if there is none
 * @capabilities: MDEV_PCI_PM, MDEV_PCI_SOFT_RESET, MDEV_PCI_EXPRESS and
 *	MDEV_PCI_FLR
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
};

/**
 * struct mdev_pci_type - a type of devices that a vendor hands out
 * @name: its name in sysfs, after the parent driver's and a dash
 * @label: contents of its ``name`` attribute. Absent: there is none.
 * @description: contents of ``description``. Absent: there is none.
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
 * struct mdev_pci_driver - what a vendor does for its devices
 * @ops: &parent_ops.owner, and what the vendor wants to do itself. Types,
 *	creation, removal, open, release and reset are not among that: see below.
 *	@get_region_info comes with @read and @write, @get_irq_info with
 *	@set_irqs.
 * @types: the types
 * @nr_types: number of @types
 * @device_size: size of the vendor's device: MDEV_PCI_DEVICE_SIZE()
 * @state_size: what @save writes, in bytes
 * @create: set up a device, which is zeroed but for its struct mdev_pci.
 *	Returns 0 or a negative errno, for the writer of ``create``.
 * @remove: undo @create, which has succeeded
 * @reset: bring the device to the state after power-on: stop what it does,
 *	unpin what it has pinned. Comes after @create, when a user opens the
 *	device or has closed it, and for each kind of reset. Nothing is mapped
 *	while it runs, but accesses to regions may be under way. What @run has
 *	said still holds afterwards; interrupts that were raised are forgotten.
 * @run: access memory and raise interrupts of one's own accord from now on, or
 *	stop that. A device that was created is stopped. It is told to run when
 *	a user has opened it, and to stop at the last close, before @reset; in
 *	between for power state D3hot and for migrations, and to stop and run at
 *	once when the guest forbids accesses to memory, see
 *	mdev_pci_is_master(). Returns when the device has stopped; accesses to
 *	its regions may come all the same. Not told of &parent_ops.stop. Absent:
 *	it does nothing like that.
 * @save: write the vendor's state to @state, which is zeroed, in a form that
 *	does not depend on the kernel. The device is stopped. PCI's state and
 *	@memory regions are saved by mdev_pci.
 * @load: take over such a state, which may have been tampered with. Comes after
 *	a reset; the device is stopped and PCI's state is loaded. A negative
 *	errno refuses it.
 *
 * All but &parent_ops.owner, @types and @device_size is optional; without both
 * @save and @load, devices don't migrate. Callbacks may sleep. @reset, @run,
 * @save and @load of one device never run concurrently. They must not call
 * mdev_dma_rw() nor mdev_pin_pages(): memory of the user may be a mapped BAR of
 * the same device, which waits for them.
 */
struct mdev_pci_driver {
	struct parent_ops ops;
	const struct mdev_pci_type *types;
	unsigned int nr_types;
	size_t device_size;
	size_t state_size;
	int (*create)(struct mdev_pci *pci);
	void (*remove)(struct mdev_pci *pci);
	void (*reset)(struct mdev_pci *pci);
	void (*run)(struct mdev_pci *pci, bool running);
	void (*save)(struct mdev_pci *pci, void *state);
	int (*load)(struct mdev_pci *pci, const void *state);
};

/* The size of @_struct, whose first member, @_member, is its struct mdev_pci */
#define MDEV_PCI_DEVICE_SIZE(_struct, _member) \
	(sizeof(_struct) + BUILD_BUG_ON_ZERO(offsetof(_struct, _member)))

/**
 * struct mdev_pci - a mediated device that is a PCI function
 * @mdev: the mediated device
 * @type: its type
 * @core: state of mdev_pci.ko
 */
struct mdev_pci {
	struct mdev_device *mdev;
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

int mdev_pci_register(struct mdev_pci_parent *parent, struct device *dev,
		      const struct mdev_pci_driver *driver, unsigned int units);
void mdev_pci_unregister(struct mdev_pci_parent *parent);
unsigned int mdev_pci_free_units(struct mdev_pci_parent *parent);

void mdev_pci_raise_irq(struct mdev_pci *pci, unsigned int vector);
void mdev_pci_lower_irq(struct mdev_pci *pci, unsigned int vector);
bool mdev_pci_is_master(struct mdev_pci *pci);
void mdev_pci_invalidate(struct mdev_pci *pci, unsigned int region, u64 offset,
			 u64 size);

struct page *mdev_pci_memory_page(struct mdev_pci *pci, unsigned int region,
				  u64 offset);
unsigned long mdev_pci_memory_committed(struct mdev_pci *pci,
					unsigned int region);
void mdev_pci_memory_discard(struct mdev_pci *pci, unsigned int region,
			     u64 offset, u64 size);

/**
 * mdev_pci_from_mdev - the PCI function that a mediated device is
 * @mdev: a mediated device of a parent that mdev_pci_register() has registered
 *
 * Return: the function.
 */
static inline struct mdev_pci *mdev_pci_from_mdev(struct mdev_device *mdev)
{
	return mdev_get_drvdata(mdev);
}

#endif /* _LINUX_MDEV_PCI_H */
