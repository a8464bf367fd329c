/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mediated devices: the interface for drivers that share a physical device. Bus
 * drivers, such as vfio_mdev, have mdev_bus.h.
 *
 * A vendor driver registers a physical device as a parent, with its callbacks
 * in struct parent_ops. A bus driver, such as vfio_mdev, binds to the mediated
 * devices and exposes them to userspace.
 */
#ifndef _LINUX_MDEV_H
#define _LINUX_MDEV_H

#include <linux/bitops.h>
#include <linux/device.h>
#include <linux/kobject.h>
#include <linux/mm_types.h>
#include <linux/sizes.h>
#include <linux/sysfs.h>
#include <linux/types.h>
#include <linux/uuid.h>

enum vfio_device_mig_state;
struct address_space;
struct file;
struct iova_bitmap;
struct kvm;
struct mdev_bus_driver;
struct mdev_callbacks;
struct mdev_device;
struct mdev_device_core;
struct mdev_parent_core;
struct mdev_type;
struct mdev_type_core;
struct rb_root_cached;
struct vfio_device_info;
struct vfio_info_cap;
struct vfio_irq_info;
struct vfio_region_info;
struct vm_area_struct;

/**
 * DOC: life cycle of a mediated device
 *
 * A write of a UUID to a type's ``create`` file calls &parent_ops.create, adds
 * the device with its attributes and links, probes the bus driver and then
 * sends the ADD event.
 *
 * Userspace opens the device through the bus driver, which calls mdev_open()
 * for the first open and mdev_close() for the last close. mdev_open() calls
 * &parent_ops.start (unless the device is online already) and &parent_ops.open;
 * mdev_close() calls &parent_ops.release and &parent_ops.stop (if mdev_open()
 * had started the device).
 *
 * A write to ``remove`` returns -EBUSY if the device is open; with
 * &parent_ops.hot_unplug it blocks new opens and waits for the last close. It
 * calls &parent_ops.stop if the device is online, unbinds the bus driver and
 * removes the vendor driver's attributes. Then, with no other callback running,
 * it calls &parent_ops.remove. If that returns 0, no callback for the device
 * follows. mdev_unregister_device() removes all devices, and unbinds the bus
 * driver and waits for the last close before it calls &parent_ops.stop.
 */

/**
 * DOC: when the parent is suspended or fails
 *
 * mdev_pause_parent() keeps callbacks from running while the physical device can't be
 * accessed: around its suspend, a reset of its bus, or the recovery from an error.
 * mdev_resume_parent() undoes that, and after mdev_mark_parent_dead(), which is
 * final, callbacks fail:
 *
 * ====================================  ==========  ================================
 * operation                             paused      dead
 * ====================================  ==========  ================================
 * region access, VFIO_DEVICE_SET_IRQS,  waits       -EIO
 * device feature, dirty log, ioctl
 * with ``drain_ioctl``
 * get information, reset, set the       waits       -EIO, migration state ERROR
 * migration state, transfer state data
 * access of a mapped region             waits       SIGBUS
 * mmap() with ``mmap``                  -EAGAIN     -EIO
 * the same by the kernel                -EFAULT     -EFAULT
 * open                                  waits       -ENODEV
 * close                                 waits       callbacks are called as always
 * ``create``                            waits       -ENODEV
 * ``remove``, unregistration            waits       callbacks are called as always
 * ``online``                            waits       -EIO
 * eventfds that mask and unmask         deferred    ignored
 * ``available_instances``               as always   0
 * ====================================  ==========  ================================
 *
 * Tasks that wait can be killed, but in close, and those that write to a sysfs file
 * can be interrupted. An unregistration ends a pause as if the parent was dead: a
 * remove function need not resume. &parent_ops.dma_unmap, &parent_ops.request,
 * &parent_ops.ioctl without @drain_ioctl, &mdev_migration_ops.data_size,
 * &mdev_migration_ops.parts_left, attributes of the driver, and what &parent_ops.mmap
 * has mapped, are not blocked.
 *
 * While a device is open, or was brought online by a write to ``online``, the parent
 * is held by pm_runtime_resume_and_get(), if its runtime PM is enabled: from before
 * &parent_ops.start and &parent_ops.open until after &parent_ops.release and
 * &parent_ops.stop.
 */

/**
 * DOC: mapped regions
 *
 * A region with VFIO_REGION_INFO_FLAG_MMAP, or those of its areas that a sparse
 * mmap capability lists, can be mapped by userspace. A new mapping is empty:
 * the page fault of the first access calls &parent_ops.validate_map_request,
 * which returns the page frame, so that no resources are committed before.
 *
 * The page frame can change at any time. The driver first changes what
 * @validate_map_request returns, then calls mdev_device_invalidate_mapping().
 * When that returns no CPU can access the old page through a mapping, and a
 * page fault that has called @validate_map_request before starts over. The
 * driver may hold locks around both that @validate_map_request takes too.
 *
 * While a device is offline its mappings are empty and a fault is SIGBUS; while
 * it is being reset they are empty and a fault waits, or fails if it is for an
 * access by the kernel. Neither &parent_ops.stop nor &parent_ops.reset need to
 * invalidate anything.
 */

/**
 * DOC: userspace memory
 *
 * A device accesses the memory that userspace has mapped for DMA with
 * mdev_pin_pages(), mdev_unpin_pages() and mdev_dma_rw(), from the call of
 * &parent_ops.open until &parent_ops.release returns. With an iommufd, no
 * memory is mapped yet in &parent_ops.open. When userspace unmaps memory in
 * which pages are pinned, &parent_ops.dma_unmap has to unpin them.
 */

/**
 * DOC: migration
 *
 * A device with &parent_ops.migration changes between the states of enum
 * vfio_device_mig_state, by the arcs that VFIO documents there. For each arc
 * the callbacks are called in this order: @load when the device leaves the
 * RESUMING state, @set_state, @save when it has reached the STOP_COPY state.
 * The state data that @save writes reaches @load in one piece: data that is
 * truncated, too long or from another type of device is rejected before.
 *
 * State data that is large is transferred in parts while the device runs, and those
 * that have changed since are transferred again. When userspace reads the file in
 * PRE_COPY, @save_part writes the next part of what has changed; in STOP_COPY it does
 * so until nothing is left, and what @save has written follows. @load_part gets the
 * parts in the same order, before @load.
 *
 * @open_data is for other kinds of state data, instead of all of these. It returns a
 * file of the driver, and is called before @set_state for arcs that need a new file.
 *
 * &parent_ops.reset and the last close set the RUNNING state from any other,
 * without @set_state. What a driver has begun for a migration, including a file
 * of its own, must end in &parent_ops.reset or &parent_ops.release.
 */

/* Maximum of what &mdev_migration_ops.info writes, in bytes, a multiple of 8 */
#define MDEV_MIGRATION_INFO_SIZE	1024

/* Maximum of what &mdev_migration_ops.save_part writes, in bytes */
#define MDEV_MIGRATION_PART_SIZE	(SZ_1M - 8)

/**
 * struct mdev_migration_ops - migration callbacks of a vendor driver
 * @flags: VFIO_MIGRATION_STOP_COPY, and VFIO_MIGRATION_P2P and
 *	VFIO_MIGRATION_PRE_COPY if they are supported
 * @set_state: change the state by one arc, from @from to @to. Absent: nothing
 *	to be done, for a device that does nothing asynchronously. After an
 *	error the device is in the state @from, or in the ERROR state if @from
 *	is the RESUMING state.
 * @data_size: upper bound of what @save writes, in bytes, INT_MAX at most. The
 *	destination rejects state data that is longer than its own. With
 *	@open_data an estimate. May be called at any time, even concurrently
 *	with the others. Mandatory.
 * @save: write the state data of a stopped device to @buf, which has @size
 *	bytes and is zeroed. Returns the number of bytes written, or a negative
 *	errno; after an error, @set_state is called for the arc from STOP_COPY
 *	to STOP. Mandatory, unless there is @open_data.
 * @load: load state data of @size bytes at @buf, which comes from @save but can
 *	be corrupt or forged. After a negative errno the device is in the ERROR
 *	state until it is reset. Mandatory, unless there is @open_data.
 * @info: write what decides whether another device can load the state data, such as
 *	the sizes of regions and the version of the state data, to @buf, which has
 *	MDEV_MIGRATION_INFO_SIZE bytes and is zeroed. Returns the number of bytes
 *	written. Precedes the state data, with the name of the type, is transferred
 *	in PRE_COPY, and must not change while the device is open. Absent: nothing
 *	but the name of the type. Not used with @open_data.
 * @compatible: whether the device, which has written @own in @info, can load state
 *	data of a source that has sent @info; the latter can be corrupt or forged.
 *	Called when the VMM has written @info, before the source is stopped, with a
 *	mutex held; must not sleep for long. Absent: both have to be equal.
 * @save_part: write a part of the state data to @buf, which has @size bytes,
 *	MDEV_MIGRATION_PART_SIZE: of what was not written yet since @set_state has
 *	left a state without a file, or has changed after it was written. Each byte
 *	of the result has to be written. Called in PRE_COPY and PRE_COPY_P2P, while
 *	the device may run, and in STOP_COPY, after @save. Returns the number of bytes
 *	written, 0 if there is nothing to be written now, or a negative errno, which
 *	ends the transfer. Absent: all state data is written by @save.
 * @load_part: load a part of @size bytes at @buf, which comes from @save_part but can
 *	be corrupt or forged. Called in RESUMING. A negative errno ends the transfer.
 *	Mandatory with @save_part.
 * @parts_left: how much @save_part would still write, in bytes: set @initial to what
 *	was never written, and @dirty to what has changed afterwards. An estimate.
 *	May be called at any time, even concurrently with the others. Mandatory with
 *	@save_part.
 * @open_data: open a file for the arc from @from to @to, through which
 *	userspace reads or writes the state data. It can stay open longer than
 *	the device, so its file_operations need an owner. Returns an ERR_PTR()
 *	if it fails.
 *
 * @set_state, @save, @load, @open_data, &parent_ops.reset and
 * &parent_ops.function_reset of one device never run concurrently, nor do @save_part and
 * @load_part with them, but with &parent_ops.function_reset. As all others, these two
 * run concurrently with the callbacks for accesses and page faults, and with
 * &parent_ops.stop; they must not wait for userspace memory. All may sleep.
 */
struct mdev_migration_ops {
	u64 flags;
	int (*set_state)(struct mdev_device *mdev,
			 enum vfio_device_mig_state from,
			 enum vfio_device_mig_state to);
	size_t (*data_size)(struct mdev_device *mdev);
	ssize_t (*save)(struct mdev_device *mdev, void *buf, size_t size);
	int (*load)(struct mdev_device *mdev, const void *buf, size_t size);
	size_t (*info)(struct mdev_device *mdev, void *buf);
	bool (*compatible)(const void *own, size_t own_size, const void *info,
			   size_t size);
	ssize_t (*save_part)(struct mdev_device *mdev, void *buf, size_t size);
	int (*load_part)(struct mdev_device *mdev, const void *buf,
			 size_t size);
	void (*parts_left)(struct mdev_device *mdev, u64 *initial, u64 *dirty);
	struct file *(*open_data)(struct mdev_device *mdev,
				  enum vfio_device_mig_state from,
				  enum vfio_device_mig_state to);
};

/**
 * struct mdev_dirty_log_ops - dirty page log callbacks of a vendor driver
 * @start: start to log what the device writes in @ranges, an interval tree of
 *	@nr_ranges ranges of IOVAs (struct interval_tree_node, @last inclusive),
 *	none of them empty; valid during the call only. @page_size is the
 *	granularity that userspace sets, in bytes, a power of two, and may be
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
 * struct parent_ops - callbacks and attributes of a vendor driver
 * @owner: module that is held while any device of the parent is open
 * @supported_type_groups: mandatory, NULL-terminated: one named attribute group
 *	for each type. Its attributes are embedded in struct
 *	mdev_type_attribute; ``device_api`` and ``available_instances`` are
 *	mandatory; ``name`` and ``description`` are optional, their default is
 *	the name of the group.
 * @dev_attr_groups: attributes of the parent device, present while it is
 *	registered
 * @mdev_attr_groups: attributes of each mediated device
 * @hot_unplug: a device may be removed while it is open: @request notifies the
 *	VMM, and the removal waits until the device is closed. Without it,
 *	removal of a device in use fails with -EBUSY.
 * @create: mandatory. Allocate the resources of @mdev; @kobj is that of its
 *	type, see mdev_type_from_kobj(). The device is not visible in sysfs yet.
 *	Returns 0 or a negative errno, which the write to ``create`` returns:
 *	-ENOSPC when no instance is left.
 * @remove: mandatory. Free the resources. After a negative errno the device
 *	stays as it was and the write to ``remove`` returns the errno. The
 *	return value is ignored when the parent is being unregistered, and when
 *	the creation fails after @create.
 * @open: first open of the device. An error fails the open.
 * @release: last close of the device
 * @start: bring the device online, at a write to ``online`` or the first open.
 *	Comes with @stop; without them the device is always online.
 * @stop: take the device offline, at a write to ``online``, at the last close
 *	if the first open has called @start, or before removal. A negative errno
 *	leaves it online and fails the write to ``online`` or ``remove``; the
 *	last close only warns, mdev_unregister_device() ignores it. Nothing is
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
 *	as VFIO_REGION_INFO_CAP_SPARSE_MMAP. Of MDEV_REGION_*, MDEV_REGION_BULK and
 *	one of MDEV_REGION_UNCACHED and MDEV_REGION_WC may be set in the flags. The
 *	result must not change while the device is open.
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
 *	Eventfds are passed for VFIO_IRQ_SET_ACTION_TRIGGER only: a signal of
 *	one that masks or unmasks is passed as VFIO_IRQ_SET_DATA_NONE. A @count
 *	of 0 tears the whole index down, which the last close does too, before
 *	@release. Not called concurrently with itself for one device. May sleep,
 *	but must not wait for userspace memory: a work item that calls it can't
 *	be killed. mdev_irqs_set() is all that most drivers need. Absent:
 *	-ENOTTY.
 * @validate_map_request: page fault on a page of a region: return what backs
 *	it. On entry, @size is the length in bytes, a power of two and at least
 *	a page, of the largest naturally aligned block around @pos that could be
 *	mapped at once, and @flags what the mapping allows. Set @pfn to the page
 *	frame that backs the page at @pos, and reduce @size, to another power of
 *	two, so that the naturally aligned block of @size bytes around @pos is
 *	physically contiguous; until an invalidation, all results in one GiB
 *	should agree about that. @flags are MDEV_MAP_*: MDEV_MAP_WRITABLE may be
 *	cleared. How the page is cached depends on the region alone, see
 *	MDEV_REGION_UNCACHED. A negative errno is SIGBUS for the task. Called with
 *	its mmap_lock held: may sleep, but must not access or pin userspace memory,
 *	nor take a lock that is held elsewhere while that is done. Calls may run
 *	concurrently. Absent: regions can't be mapped by fault.
 * @mmap: map a region without @validate_map_request. Must check the region, the
 *	range and the protection itself; what it maps stays mapped during @reset
 *	and @stop.
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
 *	unpinned, with a warning. A concurrent mdev_pin_pages() of the range has
 *	returned or fails. May take a lock held across mdev_pin_pages() or
 *	mdev_dma_rw(). Not called concurrently with itself, @open and @release of
 *	the device. Absent: pins are unpinned without notice.
 * @pause: mdev_pause_parent() was called, and no callback of any of the parent's devices
 *	runs but those that it does not block: end what the device does asynchronously.
 *	Called for each device, open or not. A negative errno makes mdev_pause_parent()
 *	fail, and leaves the device as it was.
 * @resume: undo @pause, before callbacks run again. Not called if the parent is dead.
 *	Neither is called concurrently with itself, with the other and with callbacks
 *	that a pause blocks; but if the parent dies, with those that end the use of a
 *	device: @set_irqs that disables an index, stop of @dirty_log, @release, @stop
 *	and @remove.
 * @migration: VFIO_DEVICE_FEATURE_MIGRATION; comes with @reset. Absent: the
 *	device can't migrate.
 * @dirty_log: VFIO_DEVICE_FEATURE_DMA_LOGGING_START, _STOP and _REPORT, for a
 *	device that logs its writes itself. Absent: with @migration, vfio_mdev logs
 *	what mdev_dma_rw() writes and what is pinned for writing, see @marks_dirty;
 *	without, not supported.
 * @marks_dirty: pages that are pinned for writing are logged when the driver calls
 *	mdev_mark_dirty(), instead of at each report while they are pinned and when
 *	they are unpinned
 *
 * Callbacks are called in process context and may sleep. Callbacks of different
 * devices run concurrently, and no lock is held that another device takes. For
 * one device, @create, @remove, @open, @release, @start and @stop never run
 * concurrently with each other; the others run between @open and @release, but
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
 * use devm for the device: really_probe() fails with -EBUSY then.
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
				    u32 *flags);
	int (*mmap)(struct mdev_device *mdev, struct vm_area_struct *vma);
	long (*ioctl)(struct mdev_device *mdev, unsigned int cmd,
		      unsigned long arg);
	bool drain_ioctl;
	ssize_t (*device_feature)(struct mdev_device *mdev, u32 flags,
				  void *data, size_t size);
	void (*request)(struct mdev_device *mdev, unsigned int count);
	void (*dma_unmap)(struct mdev_device *mdev, u64 iova, u64 length);
	int (*pause)(struct mdev_device *mdev);
	void (*resume)(struct mdev_device *mdev);
	const struct mdev_migration_ops *migration;
	const struct mdev_dirty_log_ops *dirty_log;
	bool marks_dirty;
};

/* Position in a device file: region index from this bit on, offset below it */
#define MDEV_REGION_SHIFT	40

/*
 * Flag that &parent_ops.get_region_info can set, not visible to userspace: the
 * driver is called with any size and alignment, up to PAGE_SIZE bytes at a
 * time, instead of with naturally aligned accesses of up to eight bytes.
 */
#define MDEV_REGION_BULK	BIT(31)

/*
 * Likewise, for a region that can be mapped: it is mapped uncached or
 * write-combining, and decrypted. For physical memory of a device, as in a PCI BAR;
 * a page of RAM in such a region is SIGBUS. Without either flag the region is mapped
 * write-back and encrypted, as RAM has to be.
 *
 * On x86 all mappings of a physical page share the memory type that is reserved for
 * it: a driver must have reserved the one that its region states, for all of the
 * region, for as long as that can be mapped. For MDEV_REGION_UNCACHED, ioremap() does
 * so; for MDEV_REGION_WC, ioremap_wc() or devm_arch_io_reserve_memtype_wc(). Without a
 * reservation the pages are uncached.
 */
#define MDEV_REGION_UNCACHED	BIT(30)
#define MDEV_REGION_WC		BIT(29)

/*
 * Flags of &parent_ops.validate_map_request: the mapping may be written, unless the
 * driver clears this flag; a later write calls it again, and is SIGBUS if the flag
 * is cleared again.
 */
#define MDEV_MAP_WRITABLE	BIT(0)
/* The access that faults is a write; changes of this flag are ignored */
#define MDEV_MAP_WRITE		BIT(1)

/**
 * mdev_region_index - the region of a position in a device file
 * @pos: the position, as &parent_ops.read and others get it
 *
 * Return: the VFIO index of the region.
 */
static inline u32 mdev_region_index(loff_t pos)
{
	return pos >> MDEV_REGION_SHIFT;
}

/**
 * mdev_region_offset - the offset in its region of a position in a device file
 * @pos: the position, as &parent_ops.read and others get it
 *
 * Return: the offset in bytes.
 */
static inline u64 mdev_region_offset(loff_t pos)
{
	return pos & GENMASK_ULL(MDEV_REGION_SHIFT - 1, 0);
}

/**
 * struct mdev_type_attribute - an attribute of a type
 * @attr: the sysfs attribute
 * @show: read the attribute into @buf, see sysfs_emit()
 * @store: write the attribute
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

/**
 * MDEV_TYPE_ATTR_RO - define a read-only attribute of a type
 * @_name: its name in sysfs. The struct mdev_type_attribute is called
 *	mdev_type_attr_NAME; NAME_show() is its &mdev_type_attribute.show.
 */
#define MDEV_TYPE_ATTR_RO(_name) \
	struct mdev_type_attribute mdev_type_attr_##_name = __ATTR_RO(_name)

/**
 * MDEV_TYPE_ATTR_RW - define an attribute of a type that can be read and written
 * @_name: as for MDEV_TYPE_ATTR_RO(); NAME_store() is its &mdev_type_attribute.store
 */
#define MDEV_TYPE_ATTR_RW(_name) \
	struct mdev_type_attribute mdev_type_attr_##_name = __ATTR_RW(_name)

/**
 * MDEV_TYPE_ATTR_WO - define a write-only attribute of a type
 * @_name: as for MDEV_TYPE_ATTR_RW()
 */
#define MDEV_TYPE_ATTR_WO(_name) \
	struct mdev_type_attribute mdev_type_attr_##_name = __ATTR_WO(_name)

/**
 * struct mdev_parent - a registered parent
 * @dev: the physical device
 * @ops: callbacks of its vendor driver; those of mdev_register_parent() are the
 *	core's own
 * @types: the @nr_types types that it offers
 * @nr_types: number of @types
 * @core: state of mdev.ko
 *
 * Embedded in the driver's own structure for mdev_register_parent(); allocated by
 * mdev_register_device().
 */
struct mdev_parent {
	struct device *dev;
	const struct parent_ops *ops;
	struct mdev_type **types;
	unsigned int nr_types;
	struct mdev_parent_core *core;
};

/**
 * struct mdev_type - a kind of device that a parent offers
 * @sysfs_name: the name of its attribute group, or what the driver has set for
 *	mdev_register_parent(); in sysfs, the parent's driver name and a dash come
 *	before it
 * @pretty_name: for mdev_register_parent(): content of the file ``name``; NULL for
 *	@sysfs_name
 * @parent: the parent that offers it
 * @index: its index in &mdev_parent.types
 * @core: state of mdev.ko
 */
struct mdev_type {
	const char *sysfs_name;
	const char *pretty_name;
	struct mdev_parent *parent;
	unsigned int index;
	struct mdev_type_core *core;
};

/**
 * struct mdev_device - a mediated device
 * @dev: its &struct device, see mdev_dev()
 * @uuid: its name, unique on the bus, see mdev_uuid()
 * @type: its type, and thereby its parent. The device holds a reference.
 * @drvdata: see mdev_set_drvdata()
 * @library: data of a library that implements &struct parent_ops for the driver,
 *	such as mdev_pci
 * @online: see mdev_is_online()
 * @flags: MDEV_RESET_* of mdev_bus.h
 * @callbacks: what mdev_bus.h drains; NULL while the device is closed
 * @core: state of mdev.ko
 */
struct mdev_device {
	struct device dev;
	guid_t uuid;
	struct mdev_type *type;
	void *drvdata;
	void *library;
	bool online;
	unsigned long flags;
	struct mdev_callbacks *callbacks;
	struct mdev_device_core *core;
};

/**
 * struct mdev_driver - a driver on the mdev bus
 * @driver: the &struct device_driver; its name must be set
 * @probe: expose @mdev to userspace. Called with the device lock held, may
 *	sleep. Returns 0 or a negative errno.
 * @remove: undo @probe; waits until @mdev is closed. Same context as @probe.
 * @device_api: content of the file ``device_api`` of its types, such as
 *	VFIO_DEVICE_API_PCI_STRING
 * @get_available: number of devices of @type that can be created. May be called
 *	at any time while the parent is registered. Absent: the core counts.
 * @max_instances: number of devices that each parent can have, if the core counts
 * @show_description: fill a page with the content of the file ``description``.
 *	Absent: there is no such file.
 *
 * For mdev_register_parent(). A driver that exposes the devices of any parent is a
 * &struct mdev_bus_driver.
 */
struct mdev_driver {
	struct device_driver driver;
	int (*probe)(struct mdev_device *mdev);
	void (*remove)(struct mdev_device *mdev);

	const char *device_api;
	unsigned int (*get_available)(struct mdev_type *type);
	unsigned int max_instances;
	ssize_t (*show_description)(struct mdev_type *type, char *buf);
};

extern const struct bus_type mdev_bus_type;

int mdev_register_device(struct device *dev, const struct parent_ops *ops);
void mdev_unregister_device(struct device *dev);

int mdev_register_driver(struct mdev_driver *drv);
void mdev_unregister_driver(struct mdev_driver *drv);

int mdev_register_parent(struct mdev_parent *parent, struct device *dev,
			 struct mdev_driver *mdev_driver,
			 struct mdev_type **types, unsigned int nr_types);
void mdev_unregister_parent(struct mdev_parent *parent);

int mdev_pause_parent(struct device *dev, unsigned int timeout_ms);
void mdev_resume_parent(struct device *dev);
void mdev_mark_parent_dead(struct device *dev);

/**
 * mdev_for_each_device - call a function for each device of a parent
 * @dev: what mdev_register_device() or mdev_register_parent() was called with
 * @fn: called with each device between a successful &parent_ops.create and
 *	&parent_ops.remove, which is not called before @fn returns. A value other than
 *	0 ends the iteration.
 * @data: for @fn
 *
 * No lock is held across @fn. Devices that are created concurrently may be left out.
 * A macro, because checkpatch.pl takes a definition of that name for a loop.
 *
 * Context: may sleep. @fn may sleep, but must not wait for the removal of its device,
 *	call mdev_pause_parent() nor mdev_unregister_device(): a removal that waits for
 *	@fn is what these wait for. It can call mdev_mark_parent_dead().
 * Return: what @fn has returned last, 0 without devices, or -ENODEV if @dev is not
 *	registered.
 */
#define mdev_for_each_device(dev, fn, data) mdev_visit_devices(dev, fn, data)
int mdev_visit_devices(struct device *dev,
		       int (*fn)(struct mdev_device *mdev, void *data),
		       void *data);

struct mdev_type *mdev_type_from_kobj(struct kobject *kobj);
const char *mdev_type_name(const struct mdev_type *type);

struct kvm *mdev_get_kvm(struct mdev_device *mdev);
void mdev_device_invalidate_mapping(struct mdev_device *mdev, loff_t pos,
				    u64 size);
void mdev_request_reset(struct mdev_device *mdev);

int mdev_pin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage,
		   int prot, struct page **pages);
int mdev_unpin_pages(struct mdev_device *mdev, dma_addr_t iova, int npage);
int mdev_dma_rw(struct mdev_device *mdev, dma_addr_t iova, void *data,
		size_t len, bool write);
int mdev_mark_dirty(struct mdev_device *mdev, dma_addr_t iova, size_t len);

/**
 * to_mdev_device - the mediated device that a device on the mdev bus is
 * @dev: a device on the mdev bus; mdev_from_dev() takes others as well
 *
 * Return: the mediated device, without taking a reference.
 */
static inline struct mdev_device *to_mdev_device(struct device *dev)
{
	return container_of(dev, struct mdev_device, dev);
}

/**
 * mdev_from_dev - convert a device to a mediated device
 * @dev: any device
 *
 * Return: the mediated device, without taking a reference, or NULL if @dev is
 * not on the mdev bus.
 */
static inline struct mdev_device *mdev_from_dev(struct device *dev)
{
	return dev->bus == &mdev_bus_type ? to_mdev_device(dev) : NULL;
}

/**
 * mdev_dev - get the struct device of a mediated device
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
 * mdev_parent_ops - get the vendor driver's callbacks for a mediated device
 * @mdev: the mediated device
 *
 * Return: the &struct parent_ops that its parent was registered with.
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
 * Takes no lock: can race with &parent_ops.start and &parent_ops.stop unless
 * the caller excludes them.
 *
 * Return: true if it is online.
 */
static inline bool mdev_is_online(const struct mdev_device *mdev)
{
	return READ_ONCE(mdev->online);
}

/**
 * mdev_get_drvdata - get the vendor driver's data of a mediated device
 * @mdev: the mediated device
 *
 * Return: the pointer that mdev_set_drvdata() has set, or NULL.
 */
static inline void *mdev_get_drvdata(const struct mdev_device *mdev)
{
	return mdev->drvdata;
}

/**
 * mdev_set_drvdata - set the vendor driver's data of a mediated device
 * @mdev: the mediated device
 * @data: pointer for mdev_get_drvdata(), usually set by &parent_ops.create
 */
static inline void mdev_set_drvdata(struct mdev_device *mdev, void *data)
{
	mdev->drvdata = data;
}

/**
 * mdev_type_index - a type's index in &parent_ops.supported_type_groups
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
