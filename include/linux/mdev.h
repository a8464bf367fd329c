/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mediated devices: the interface for vendor drivers and for bus drivers.
 *
 * A vendor driver registers a physical device as a parent and describes what it
 * can hand out in struct parent_ops. A bus driver, such as vfio_mdev, binds to
 * the mediated devices and gives them to their users.
 */
#ifndef _LINUX_MDEV_H
#define _LINUX_MDEV_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/kobject.h>
#include <linux/kref.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/rhashtable-types.h>
#include <linux/rwsem.h>
#include <linux/sysfs.h>
#include <linux/types.h>
#include <linux/uuid.h>
#include <linux/wait.h>

enum vfio_device_mig_state;
struct address_space;
struct file;
struct iova_bitmap;
struct kvm;
struct mdev_device;
struct mdev_driver;
struct mdev_parent;
struct mdev_type;
struct rb_root_cached;
struct vfio_device_info;
struct vfio_info_cap;
struct vfio_irq_info;
struct vfio_region_info;
struct vm_area_struct;

/**
 * DOC: life cycle of a mediated device
 *
 * A write of a UUID to a type's ``create`` file calls &parent_ops.create and
 * then publishes the device: its attributes, the vendor's own among them, its
 * links and its bus driver are in place before user space hears of it.
 *
 * A user opens the device through the bus driver, which calls mdev_open() for
 * the first user and mdev_close() for the last. They run &parent_ops.start
 * (unless the device is online already) and &parent_ops.open, and on the way
 * back &parent_ops.release and &parent_ops.stop (if the open had started it).
 *
 * A write to ``remove`` blocks new users, waits until none is left, calls
 * &parent_ops.stop if the device is online, unbinds the bus driver and withdraws
 * the vendor driver's attributes. Then, with nothing else running, it calls
 * &parent_ops.remove. No callback for that device follows.
 * mdev_unregister_device() does the same, but unbinds the bus driver first and
 * waits for the users after that.
 */

/**
 * DOC: mapped regions
 *
 * A region with VFIO_REGION_INFO_FLAG_MMAP, or those of its areas that a sparse
 * mmap capability lists, may be mapped by users. The mapping is empty at first:
 * each touch of a page that is not there calls &parent_ops.validate_map_request,
 * which says what backs the page, so that resources are committed on first
 * touch and not before.
 *
 * What backs a page may change at any time. The vendor first makes
 * @validate_map_request answer anew, then calls mdev_device_invalidate_mapping().
 * When that returns no CPU can reach the old page by any mapping, and a page
 * fault that was answered before starts over. The vendor may hold locks around
 * both that @validate_map_request takes too.
 *
 * While a device is offline its mappings are empty and a touch is SIGBUS; while
 * it is being reset they are empty and a touch waits, or fails if it is the
 * kernel's. Neither &parent_ops.stop nor &parent_ops.reset need to invalidate
 * anything.
 */

/**
 * DOC: userspace memory
 *
 * A device accesses the memory that userspace has mapped for DMA with
 * mdev_pin_pages(), mdev_unpin_pages() and mdev_dma_rw(), between
 * &parent_ops.open and &parent_ops.release, those included; but with an iommufd,
 * no memory is mapped yet at open. When userspace unmaps memory in which pages
 * are pinned, &parent_ops.dma_unmap has to unpin them.
 */

/**
 * DOC: migration
 *
 * A device with &parent_ops.migration goes through the states of enum
 * vfio_device_mig_state, in steps that VFIO documents there. For each step the
 * vendor is called in this order: @load when the device leaves the resuming
 * state, @set_state, @save when it has come to the stop-copy state. The state
 * that @save writes reaches @load in one piece, framed on its way: data that is
 * cut off, too long or of another type of device never does.
 *
 * A vendor whose state is too large for one buffer, or changes while it is
 * transferred, has @open_data instead of @save and @load: a file of its own,
 * asked for before @set_state in the steps in which VFIO wants one.
 *
 * &parent_ops.reset and the last close lead to the running state from any
 * other, without @set_state. What a vendor has begun for a migration, a file of
 * its own among it, ends with &parent_ops.reset or &parent_ops.release.
 */

/**
 * struct mdev_migration_ops - how a vendor's devices migrate
 * @flags: VFIO_MIGRATION_STOP_COPY, and VFIO_MIGRATION_P2P and
 *	VFIO_MIGRATION_PRE_COPY if they are supported
 * @set_state: do what a step between two states takes. Absent: nothing has to
 *	be done, since a device does nothing of its own accord. An error leaves
 *	the device in the state that it was in, but in the error state when that
 *	was the resuming state.
 * @data_size: upper bound of what @save writes, in bytes, INT_MAX at most. Less
 *	than what the other side has saved refuses that. With @open_data an
 *	estimate. May be called at any time, even concurrently with the others.
 *	Mandatory.
 * @save: write the state of a stopped device to @buf, which has @size bytes and
 *	is zeroed. Returns how many it wrote, or a negative errno; after that,
 *	@set_state is called to go from the stop-copy to the stop state.
 *	Mandatory, unless there is @open_data.
 * @load: take over a state of @size bytes at @buf, which comes from @save but
 *	may have been tampered with on its way. A negative errno refuses it; then
 *	the device is in the error state until it is reset. Mandatory, unless
 *	there is @open_data.
 * @open_data: open a file, of which the user gets a descriptor, for the step
 *	from @from to @to, that is read or written to transfer the state. It may
 *	stay open longer than the device, so its operations need an owner.
 *	Returns an ERR_PTR() if it fails.
 *
 * @set_state, @save, @load, @open_data, &parent_ops.reset and
 * &parent_ops.function_reset of one device never run concurrently. All may sleep.
 */
struct mdev_migration_ops {
	u64 flags;
	int (*set_state)(struct mdev_device *mdev,
			 enum vfio_device_mig_state from,
			 enum vfio_device_mig_state to);
	size_t (*data_size)(struct mdev_device *mdev);
	ssize_t (*save)(struct mdev_device *mdev, void *buf, size_t size);
	int (*load)(struct mdev_device *mdev, const void *buf, size_t size);
	struct file *(*open_data)(struct mdev_device *mdev,
				  enum vfio_device_mig_state from,
				  enum vfio_device_mig_state to);
};

/**
 * struct mdev_dirty_log_ops - how a vendor's devices log the memory they write
 * @start: log from now on what is written in @ranges, an interval tree of
 *	@nr_ranges ranges of IOVAs (struct interval_tree_node, @last inclusive),
 *	none of them empty; valid during the call only. @page_size is the
 *	granularity that userspace wants, in bytes, a power of two, and may be
 *	changed to another power of two. After an error @stop is not called.
 * @stop: stop logging. Called for a device that logs, for
 *	VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP or at the last close, before
 *	&parent_ops.release; the errno is ignored then. After another error the
 *	device still logs.
 * @report: mark in @dirty, with iova_bitmap_set(), what was written in the
 *	@length bytes from @iova on, and clear that in the log. Both are
 *	multiples of the page size that @start has returned. Called for a device
 *	that logs; the range may lie outside of what is logged. A page that the
 *	device writes concurrently belongs to the next report: clear it before it
 *	is marked. iova_bitmap_set() accesses memory of userspace, so no lock may
 *	be held around it that &parent_ops.validate_map_request takes. It is in
 *	the namespace IOMMUFD: ``MODULE_INFO(import_ns, "IOMMUFD")``.
 *
 * All are mandatory. They never run concurrently for one device and may sleep.
 * &parent_ops.reset does not end the log.
 */
struct mdev_dirty_log_ops {
	int (*start)(struct mdev_device *mdev, struct rb_root_cached *ranges,
		     u32 nr_ranges, u64 *page_size);
	int (*stop)(struct mdev_device *mdev);
	int (*report)(struct mdev_device *mdev, unsigned long iova,
		      unsigned long length, struct iova_bitmap *dirty);
};

/**
 * struct parent_ops - what a vendor driver does for its mediated devices
 * @owner: module that is held while any device of the parent is open
 * @supported_type_groups: mandatory, NULL-terminated: one named attribute group
 *	for each type. Its attributes are embedded in struct
 *	mdev_type_attribute; ``device_api`` and ``available_instances`` are
 *	mandatory, ``name`` (default: the name of the group) and
 *	``description`` are optional.
 * @dev_attr_groups: attributes of the parent device, present while it is
 *	registered
 * @mdev_attr_groups: attributes of each mediated device
 * @hot_unplug: a device may be removed while it is open: @request notifies the
 *	user, and the removal waits until the device is closed. Without it,
 *	removal of a device in use is refused with -EBUSY.
 * @create: mandatory. Allocate the share that @mdev stands for; @kobj is its
 *	type's, see mdev_type_from_kobj(). The device can't be seen by anyone
 *	yet. Returns 0 or a negative errno, which the writer of ``create`` gets:
 *	-ENOSPC when no instance is left.
 * @remove: mandatory. Free the share. A negative errno refuses: then the device
 *	stays as it was and the writer of ``remove`` gets the errno. The answer
 *	is ignored when the parent is being unregistered, and when a creation
 *	is undone that failed after @create.
 * @open: the first user arrives. An error is returned to it.
 * @release: the last user has gone.
 * @start: bring the device online: ``online`` was written, or the first user
 *	arrives. Comes with @stop; without them the device is always online.
 * @stop: take it offline: ``online`` was written, the last user of a device
 *	that was started for it has gone, or it is about to be removed. A
 *	negative errno refuses the first and the last of these. Nothing is
 *	mapped while it runs, other callbacks are drained, see below, and
 *	accesses to regions fail with -EIO afterwards.
 * @reset: VFIO_DEVICE_RESET. Nothing is mapped while it runs and other callbacks
 *	are drained. Absent: reset is not advertised.
 * @function_reset: the reset that mdev_request_reset() has requested. Drained and
 *	unmapped like @reset, but leaves the migration state and the dirty log as
 *	they are: a device that a migration has stopped stays stopped. Mandatory
 *	for drivers that request resets.
 * @get_device_info: adjust what VFIO_DEVICE_GET_INFO returns; on entry @info
 *	describes a PCI device with VFIO_PCI_NUM_REGIONS regions and
 *	VFIO_PCI_NUM_IRQS interrupt indexes. Its flags are VFIO_DEVICE_FLAGS_PCI,
 *	which can be replaced, and VFIO_DEVICE_FLAGS_RESET if there is @reset,
 *	which must be kept. Capabilities, VFIO_DEVICE_INFO_CAP_*,
 *	can be added to @caps with vfio_info_add_capability();
 *	VFIO_DEVICE_FLAGS_CAPS, argsz and cap_offset are set by the caller.
 *	Called once for each open, after @open and before all requests; after an
 *	error @release is called, and the open fails.
 * @get_region_info: fill size and flags of region @info->index; the offset is
 *	set by the caller, a size of 0 means there is no such region.
 *	Capabilities may be added to @caps with vfio_info_add_capability(), such
 *	as VFIO_REGION_INFO_CAP_SPARSE_MMAP. MDEV_REGION_BULK may be set in the
 *	flags. The answer must not change while the device is open.
 * @get_irq_info: fill count and flags of interrupt index @info->index; a count
 *	of 0 means there is none
 * @read: trapped read of a region: fill @buf, which is kernel memory. @pos has
 *	the region in its upper bits, see mdev_region_index() and
 *	mdev_region_offset(). The access lies within the region, is 1, 2, 4 or 8
 *	bytes long and naturally aligned, or, for a region with
 *	MDEV_REGION_BULK, any range of up to PAGE_SIZE bytes. Accesses of one
 *	device may run concurrently. Returns @count or a negative errno.
 * @write: trapped write of a region, like @read
 * @set_irqs: VFIO_DEVICE_SET_IRQS. @flags has one action and one data type that
 *	@get_irq_info allows, and @start and @count lie within the index. @data
 *	holds @count values of that type; for VFIO_IRQ_SET_DATA_NONE it is NULL.
 *	Eventfds come for VFIO_IRQ_SET_ACTION_TRIGGER only: those that mask and
 *	unmask arrive, when they are signalled, as VFIO_IRQ_SET_DATA_NONE. A
 *	@count of 0 tears the whole index down, which the last close does too,
 *	before @release. Not called concurrently with itself for one device. May
 *	sleep, but must not wait for userspace memory: a work item that calls it
 *	has no signal that ends such a wait. mdev_irqs_set() is all that most
 *	drivers need. Absent: -ENOTTY.
 * @validate_map_request: a page of a mapped region was touched: say what backs
 *	it. On entry, @size is the length in bytes, a power of two and at least
 *	a page, of the largest naturally aligned block around @pos that could be
 *	mapped at once, and @prot what the mapping allows. Set @pfn to the page
 *	frame that backs the page at @pos, and reduce @size, to another power of
 *	two, so that the block around @pos which it names is physically
 *	contiguous; until an invalidation, all answers in one GiB should agree
 *	about that. @prot may lose the right to write. If its caching is changed,
 *	only small pages are used. A negative errno is SIGBUS for the toucher.
 *	Called with the user's mmap lock held: it may sleep, but must not access
 *	memory of the user, nor pin any, nor take a lock that is held elsewhere
 *	while that is done. Calls may run concurrently. Absent: regions can't be
 *	mapped by fault.
 * @mmap: maps regions in a way of the vendor's own, instead of
 *	@validate_map_request. The region, range and protection are for it to
 *	check, and what it maps stays mapped during @reset and @stop.
 * @ioctl: an ioctl that is not one of the above; @arg is as userspace passes it.
 *	Absent: -ENOTTY.
 * @drain_ioctl: @ioctl is drained as well, see below
 * @device_feature: VFIO_DEVICE_FEATURE for a feature that VFIO core does not
 *	handle itself. @flags are those of userspace: the number of the feature in
 *	VFIO_DEVICE_FEATURE_MASK, and either VFIO_DEVICE_FEATURE_PROBE, with or
 *	without GET and SET, or one of VFIO_DEVICE_FEATURE_GET and
 *	VFIO_DEVICE_FEATURE_SET. @data is kernel memory of @size bytes, PAGE_SIZE
 *	at most, as many as argsz of userspace leaves room for: a copy of its
 *	data for SET, zeroed for GET; NULL and 0 if there are none, and for
 *	PROBE. Returns for GET the number of bytes in @data that are to be copied
 *	to userspace; otherwise 0; or a negative errno: -ENOTTY for a feature
 *	that the device does not have, -EINVAL for one that does not have that
 *	operation or needs more data. vfio_check_feature() does the checks. The
 *	copy to userspace can fail, so GET must not consume anything. Calls may
 *	run concurrently. Absent: -ENOTTY.
 * @request: notify the VMM that the device is to be removed, so that it closes
 *	it. Repeated every ten seconds until it has, with @count from 0 on.
 * @dma_unmap: userspace unmaps @length bytes from @iova on, and pages in them are
 *	pinned: stop their use and unpin every pin that overlaps them, before
 *	returning. Called once for an unmap; what is still pinned afterwards is
 *	unpinned and reported. No mdev_pin_pages() of the range is under way when
 *	it is called. May take a lock that is held across mdev_pin_pages() or
 *	mdev_dma_rw(). Not called concurrently with itself, @open and @release of
 *	the device. Absent: pins are unpinned without notice.
 * @migration: VFIO_DEVICE_FEATURE_MIGRATION; comes with @reset. Absent: the
 *	device can't migrate.
 * @dirty_log: VFIO_DEVICE_FEATURE_DMA_LOGGING_START and what belongs to it.
 *	Absent: not supported.
 *
 * Callbacks are called in process context and may sleep. Callbacks of different
 * devices run in parallel, and no lock is held that another device needs. For
 * one device, @create, @remove, @open, @release, @start and @stop never run
 * concurrently with each other; the rest runs between @open and @release, but
 * @request can be called at any time before @remove.
 *
 * @read, @write, @set_irqs, @device_feature and the members of @dirty_log are
 * drained for @stop, @reset, @function_reset and the arcs of
 * &mdev_migration_ops.set_state that stop the device: none of them runs
 * concurrently with those, and none begins before they have returned. A drained
 * callback can access userspace memory (@set_irqs must not), but must not wait for
 * another action of userspace, such as a fence that a later request signals: a stop
 * or reset would wait for it as well. Accesses of
 * userspace memory by the framework, @validate_map_request, @dma_unmap, @request
 * and, without @drain_ioctl, @ioctl are not drained. Other callbacks of a device
 * can run concurrently unless their description excludes it.
 *
 * A callback must not call mdev_unregister_device(), nor take the device_lock() of
 * the parent device, which the caller of that function can hold. @create must not
 * give the device managed resources (devm): no driver would bind to it.
 */
struct parent_ops {
	struct module *owner;
	const struct attribute_group *const *supported_type_groups;
	const struct attribute_group **dev_attr_groups;
	const struct attribute_group **mdev_attr_groups;
	bool hot_unplug;

	int (*create)(struct kobject *kobj, struct mdev_device *mdev);
	int (*remove)(struct mdev_device *mdev);
	int (*open)(struct mdev_device *mdev);
	void (*release)(struct mdev_device *mdev);
	int (*start)(struct mdev_device *mdev);
	int (*stop)(struct mdev_device *mdev);
	int (*reset)(struct mdev_device *mdev);
	void (*function_reset)(struct mdev_device *mdev);
	int (*get_device_info)(struct mdev_device *mdev,
			       struct vfio_device_info *info,
			       struct vfio_info_cap *caps);
	int (*get_region_info)(struct mdev_device *mdev,
			       struct vfio_region_info *info,
			       struct vfio_info_cap *caps);
	int (*get_irq_info)(struct mdev_device *mdev,
			    struct vfio_irq_info *info);
	ssize_t (*read)(struct mdev_device *mdev, char *buf, size_t count,
			loff_t pos);
	ssize_t (*write)(struct mdev_device *mdev, const char *buf,
			 size_t count, loff_t pos);
	int (*set_irqs)(struct mdev_device *mdev, u32 flags, u32 index,
			u32 start, u32 count, void *data);
	int (*validate_map_request)(struct mdev_device *mdev, loff_t pos,
				    unsigned long *pfn, unsigned long *size,
				    pgprot_t *prot);
	int (*mmap)(struct mdev_device *mdev, struct vm_area_struct *vma);
	long (*ioctl)(struct mdev_device *mdev, unsigned int cmd,
		      unsigned long arg);
	bool drain_ioctl;
	ssize_t (*device_feature)(struct mdev_device *mdev, u32 flags,
				  void *data, size_t size);
	void (*request)(struct mdev_device *mdev, unsigned int count);
	void (*dma_unmap)(struct mdev_device *mdev, u64 iova, u64 length);
	const struct mdev_migration_ops *migration;
	const struct mdev_dirty_log_ops *dirty_log;
};

/* A position in a device file: the region's index above its first 1 TiB. */
#define MDEV_REGION_SHIFT	40

/*
 * In the flags that &parent_ops.get_region_info answers, never seen by users:
 * accesses of any size and alignment go to the vendor in one piece, instead of
 * as naturally aligned accesses.
 */
#define MDEV_REGION_BULK	BIT(31)

static inline u32 mdev_region_index(loff_t pos)
{
	return pos >> MDEV_REGION_SHIFT;
}

static inline u64 mdev_region_offset(loff_t pos)
{
	return pos & GENMASK_ULL(MDEV_REGION_SHIFT - 1, 0);
}

/**
 * struct mdev_type_attribute - an attribute of a type
 * @attr: what sysfs knows of it
 * @show: fills a page for reading, see sysfs_emit()
 * @store: takes what was written
 *
 * Both may sleep and run concurrently with every callback in struct parent_ops.
 */
struct mdev_type_attribute {
	struct attribute attr;
	ssize_t (*show)(struct mdev_type *type,
			struct mdev_type_attribute *attr, char *buf);
	ssize_t (*store)(struct mdev_type *type,
			 struct mdev_type_attribute *attr, const char *buf,
			 size_t count);
};

#define MDEV_TYPE_ATTR_RO(_name) \
	struct mdev_type_attribute mdev_type_attr_##_name = __ATTR_RO(_name)
#define MDEV_TYPE_ATTR_RW(_name) \
	struct mdev_type_attribute mdev_type_attr_##_name = __ATTR_RW(_name)
#define MDEV_TYPE_ATTR_WO(_name) \
	struct mdev_type_attribute mdev_type_attr_##_name = __ATTR_WO(_name)

/**
 * struct mdev_parent - a registered parent
 * @dev: the physical device
 * @ops: its vendor's callbacks
 * @types: the @nr_types types that it offers
 * @nr_types: number of @types
 */
struct mdev_parent {
	struct device *dev;
	const struct parent_ops *ops;
	struct mdev_type **types;
	unsigned int nr_types;

	/* private: */
	struct kset *mdev_types_kset;
	/*
	 * Creations and removals of devices that are under way. Made negative
	 * by MDEV_USERS_BLOCKED while the parent is not registered.
	 */
	atomic_t users;
	/* Held by registration and unregistration */
	struct mutex lock;
	/* In the registry, protected by its lock */
	struct list_head next;
	struct kref ref;
};

/**
 * struct mdev_type - a kind of device that a parent offers
 * @sysfs_name: the name of its attribute group; in sysfs, the parent's driver
 *	name and a dash come before it
 * @parent: who offers it
 * @index: its place in &parent_ops.supported_type_groups
 */
struct mdev_type {
	const char *sysfs_name;
	struct mdev_parent *parent;
	unsigned int index;

	/* private: */
	struct kobject kobj;
	struct kobject *devices_kobj;
};

/**
 * struct mdev_device - a mediated device
 * @dev: its place in the device model, see mdev_dev()
 * @uuid: its name, unique on the bus, see mdev_uuid()
 * @type: its type, whose parent is the device's. Held as long as the device
 *	exists.
 */
struct mdev_device {
	struct device dev;
	guid_t uuid;
	struct mdev_type *type;

	/* private: */
	struct rhash_head node;
	struct rcu_head rcu;
	void *drvdata;
	/* enum mdev_state of mdev_private.h */
	unsigned int state;
	/*
	 * Opens and writers of online. A removal adds MDEV_USERS_BLOCKED, which
	 * makes it negative and thereby blocks new ones.
	 */
	atomic_t users;
	/*
	 * Orders open, close and online of a device against each other; held
	 * across the vendor's callbacks for them
	 */
	struct mutex lock;
	/* Written under lock, read without it by accesses and faults */
	bool online;
	/* Protected by lock: online only for as long as it is open */
	bool started_by_open;
	/* Protected by the device lock: a removal makes probes fail */
	bool removing;
	/* Likewise: a driver was bound to it, or has been probed since */
	bool wanted;
	/* Likewise: what the last probe answered */
	int probe_error;
	/* Who has it open; none but the vendor's calls between open and close */
	struct mdev_driver *opener;
	/*
	 * Orders page faults, which share it while they insert pages, against
	 * invalidations. Not held across callbacks.
	 */
	struct rw_semaphore map_lock;
	/* Written under map_lock: by what users map, while the device is open */
	struct address_space *mapping;
	/* Likewise: counts invalidations */
	unsigned long map_seq;
	/* Likewise: resets that are under way, during which nothing is mapped */
	unsigned int map_blocked;
	/* What invalidations are rounded to, grows while the device is open */
	unsigned long map_granule;
	/* While the device is open; changes under lock */
	struct mdev_callbacks *callbacks;
	/* MDEV_RESET_* */
	unsigned long flags;
};

/* Bits of &mdev_device.flags that bus drivers use */
#define MDEV_RESET_REQUESTED	0
#define MDEV_RESET_RUNNING	1

/**
 * struct mdev_callbacks - callbacks of an open device that can be drained
 * @ref: a reference for each that runs; dead while they are drained
 * @drained: when none of them runs
 * @interrupted: a fatal signal has ended a drain
 * @lock: held from mdev_drain() to mdev_undrain()
 * @wait: those that wait to run
 */
struct mdev_callbacks {
	struct percpu_ref ref;
	struct completion drained;
	bool interrupted;
	/* Inside of &mdev_device.lock; outside of all locks of the driver */
	struct mutex lock;
	wait_queue_head_t wait;
};

/**
 * struct mdev_driver - a driver on the mdev bus
 * @probe: give @mdev to users. Called with the device lock held, may sleep.
 *	Returns 0 or a negative errno.
 * @remove: take it back; returns when no user is left. Same context as @probe.
 * @match: whether @mdev is for this driver. Called without locks, even after
 *	the vendor's remove, so it may look at nothing but @mdev itself and its
 *	type. Absent: every device is.
 * @in_use: whether @mdev has users for which mdev_open() was not called, and
 *	for which @remove would wait. A removal is then refused with -EBUSY.
 *	Called with the device lock held, for a device that is bound. Absent: it
 *	has none.
 * @pin_pages: see mdev_pin_pages(). Called while @mdev is open, may sleep, as
 *	the next two. Absent: users of this driver have no memory for DMA.
 * @unpin_pages: see mdev_unpin_pages()
 * @dma_rw: see mdev_dma_rw()
 * @get_kvm: see mdev_get_kvm(). Called while @mdev is open, in any context.
 *	Absent: no KVM is associated with devices of this driver.
 * @driver: the driver core's part; the name must be set
 */
struct mdev_driver {
	int (*probe)(struct mdev_device *mdev);
	void (*remove)(struct mdev_device *mdev);
	bool (*match)(struct mdev_device *mdev);
	bool (*in_use)(struct mdev_device *mdev);
	int (*pin_pages)(struct mdev_device *mdev, dma_addr_t iova, int npage,
			 int prot, struct page **pages);
	int (*unpin_pages)(struct mdev_device *mdev, dma_addr_t iova,
			   int npage);
	int (*dma_rw)(struct mdev_device *mdev, dma_addr_t iova, void *data,
		      size_t len, bool write);
	struct kvm *(*get_kvm)(struct mdev_device *mdev);
	struct device_driver driver;
};

extern const struct bus_type mdev_bus_type;

int mdev_register_device(struct device *dev, const struct parent_ops *ops);
void mdev_unregister_device(struct device *dev);

int mdev_register_driver(struct mdev_driver *drv, struct module *owner);
void mdev_unregister_driver(struct mdev_driver *drv);

int mdev_open(struct mdev_device *mdev, struct address_space *mapping);
void mdev_close(struct mdev_device *mdev);
struct kvm *mdev_get_kvm(struct mdev_device *mdev);

void mdev_device_invalidate_mapping(struct mdev_device *mdev, loff_t pos,
				    u64 size);
bool mdev_map_begin(struct mdev_device *mdev, unsigned long *seq);
bool mdev_map_lock(struct mdev_device *mdev, unsigned long seq);
void mdev_map_unlock(struct mdev_device *mdev);
void mdev_map_set_granule(struct mdev_device *mdev, unsigned long size);
int mdev_map_wait(struct mdev_device *mdev);
void mdev_map_block(struct mdev_device *mdev);
void mdev_map_unblock(struct mdev_device *mdev);

int mdev_drain(struct mdev_device *mdev);
void mdev_undrain(struct mdev_device *mdev);
int mdev_callback_enter_slow(struct mdev_device *mdev);
void mdev_callback_enter_close(struct mdev_device *mdev);
bool mdev_callback_enter_or_queue(struct mdev_device *mdev,
				  struct wait_queue_entry *entry);
void mdev_callback_unqueue(struct mdev_device *mdev,
			   struct wait_queue_entry *entry);
void mdev_request_reset(struct mdev_device *mdev);

int mdev_pin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage,
		   int prot, struct page **pages);
int mdev_unpin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage);
int mdev_dma_rw(struct mdev_device *mdev, dma_addr_t iova, void *data,
		size_t len, bool write);

static inline struct mdev_device *to_mdev_device(struct device *dev)
{
	return container_of(dev, struct mdev_device, dev);
}

/**
 * mdev_from_dev - the mediated device that a device is
 * @dev: any device
 *
 * Return: the mediated device, without a reference of its own, or NULL if @dev
 * is none.
 */
static inline struct mdev_device *mdev_from_dev(struct device *dev)
{
	return dev->bus == &mdev_bus_type ? to_mdev_device(dev) : NULL;
}

/**
 * mdev_dev - the device model's view of a mediated device
 * @mdev: the mediated device
 *
 * Return: its &struct device.
 */
static inline struct device *mdev_dev(struct mdev_device *mdev)
{
	return &mdev->dev;
}

/**
 * mdev_uuid - the UUID that a mediated device was created with
 * @mdev: the mediated device
 *
 * Return: its UUID.
 */
static inline const guid_t *mdev_uuid(const struct mdev_device *mdev)
{
	return &mdev->uuid;
}

/**
 * mdev_parent_dev - the physical device behind a mediated device
 * @mdev: the mediated device
 *
 * Return: the parent's &struct device, which @mdev keeps a reference to.
 */
static inline struct device *mdev_parent_dev(const struct mdev_device *mdev)
{
	return mdev->type->parent->dev;
}

/**
 * mdev_parent_ops - the vendor's callbacks for a mediated device
 * @mdev: the mediated device
 *
 * Return: what its parent was registered with.
 */
static inline const struct parent_ops *
mdev_parent_ops(const struct mdev_device *mdev)
{
	return mdev->type->parent->ops;
}

/**
 * mdev_is_online - whether a mediated device is online
 * @mdev: the mediated device
 *
 * Takes no lock: the answer may be outdated unless the caller keeps the device
 * from changing.
 *
 * Return: true if it is online.
 */
static inline bool mdev_is_online(const struct mdev_device *mdev)
{
	return READ_ONCE(mdev->online);
}

static __always_inline bool mdev_callback_try_enter(struct mdev_device *mdev)
{
	return percpu_ref_tryget_live(&mdev->callbacks->ref);
}

/**
 * mdev_callback_enter - begin a callback that mdev_drain() waits for
 * @mdev: the device, which is open
 *
 * For bus drivers. Must not be nested.
 *
 * Context: may sleep.
 * Return: 0, then mdev_callback_exit() has to follow, or -ERESTARTSYS for a fatal
 *	signal while callbacks are drained.
 */
static __always_inline int mdev_callback_enter(struct mdev_device *mdev)
{
	if (likely(mdev_callback_try_enter(mdev)))
		return 0;
	return mdev_callback_enter_slow(mdev);
}

/**
 * mdev_callback_exit - end a callback that mdev_callback_enter() has begun
 * @mdev: the device
 *
 * Context: any.
 */
static __always_inline void mdev_callback_exit(struct mdev_device *mdev)
{
	percpu_ref_put(&mdev->callbacks->ref);
}

/**
 * mdev_get_drvdata - what the vendor keeps for a mediated device
 * @mdev: the mediated device
 *
 * Return: what mdev_set_drvdata() was given, or NULL.
 */
static inline void *mdev_get_drvdata(const struct mdev_device *mdev)
{
	return mdev->drvdata;
}

/**
 * mdev_set_drvdata - keep something of the vendor's for a mediated device
 * @mdev: the mediated device
 * @data: what to keep, from &parent_ops.create on
 */
static inline void mdev_set_drvdata(struct mdev_device *mdev, void *data)
{
	mdev->drvdata = data;
}

/**
 * mdev_type_from_kobj - the type that &parent_ops.create was called for
 * @kobj: the type's kobject
 *
 * Return: the type.
 */
static inline struct mdev_type *mdev_type_from_kobj(struct kobject *kobj)
{
	return container_of(kobj, struct mdev_type, kobj);
}

/**
 * mdev_type_index - a type's place in &parent_ops.supported_type_groups
 * @type: the type
 *
 * Return: an index below the number of types.
 */
static inline unsigned int mdev_type_index(const struct mdev_type *type)
{
	return type->index;
}

/**
 * mdev_type_parent_dev - the physical device that offers a type
 * @type: the type
 *
 * Return: the parent's &struct device.
 */
static inline struct device *mdev_type_parent_dev(const struct mdev_type *type)
{
	return type->parent->dev;
}

#endif /* _LINUX_MDEV_H */
