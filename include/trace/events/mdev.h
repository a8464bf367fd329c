/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of mediated devices: sysfs writes, VFIO system calls with
 * their results, and interrupts. Documentation/vfio-mediated-device.txt has
 * an example of each.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM mdev

#if !defined(_TRACE_MDEV_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_MDEV_H

#include <asm/byteorder.h>
#include <linux/kobject.h>
#include <linux/mdev.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/uuid.h>
#include <uapi/linux/vfio.h>

#define mdev_show_irq_flags(_flags)					\
	__print_flags(_flags, "|",					\
		      { VFIO_IRQ_SET_DATA_NONE, "none" },		\
		      { VFIO_IRQ_SET_DATA_BOOL, "bool" },		\
		      { VFIO_IRQ_SET_DATA_EVENTFD, "eventfd" },		\
		      { VFIO_IRQ_SET_ACTION_MASK, "mask" },		\
		      { VFIO_IRQ_SET_ACTION_UNMASK, "unmask" },		\
		      { VFIO_IRQ_SET_ACTION_TRIGGER, "trigger" })

/* Also of a creation that failed, when there is no device */
TRACE_EVENT(mdev_create,
	    TP_PROTO(const struct mdev_type *type, const guid_t *uuid,
		     int result),
	    TP_ARGS(type, uuid, result),
	    TP_STRUCT__entry(__array(u8, uuid, UUID_SIZE)
			     __string(type, mdev_type_name(type))
			     __field(int, result)),
	    TP_fast_assign(export_guid(__entry->uuid, uuid);
			   __assign_str(type);
			   __entry->result = result;),
	    TP_printk("uuid=%pUl type=%s result=%d", __entry->uuid,
		      __get_str(type), __entry->result)
);

TRACE_EVENT(mdev_remove,
	    TP_PROTO(const struct mdev_device *mdev, bool forced, int result),
	    TP_ARGS(mdev, forced, result),
	    TP_STRUCT__entry(__array(u8, uuid, UUID_SIZE)
			     __field(bool, forced)
			     __field(int, result)),
	    TP_fast_assign(export_guid(__entry->uuid, &mdev->uuid);
			   __entry->forced = forced;
			   __entry->result = result;),
	    TP_printk("uuid=%pUl forced=%d result=%d", __entry->uuid,
		      __entry->forced, __entry->result)
);

TRACE_EVENT(mdev_online,
	    TP_PROTO(const struct mdev_device *mdev, bool online, int result),
	    TP_ARGS(mdev, online, result),
	    TP_STRUCT__entry(__array(u8, uuid, UUID_SIZE)
			     __field(bool, online)
			     __field(int, result)),
	    TP_fast_assign(export_guid(__entry->uuid, &mdev->uuid);
			   __entry->online = online;
			   __entry->result = result;),
	    TP_printk("uuid=%pUl online=%d result=%d", __entry->uuid,
		      __entry->online, __entry->result)
);

TRACE_EVENT(mdev_open,
	    TP_PROTO(const struct mdev_device *mdev, int result),
	    TP_ARGS(mdev, result),
	    TP_STRUCT__entry(__array(u8, uuid, UUID_SIZE)
			     __field(int, result)),
	    TP_fast_assign(export_guid(__entry->uuid, &mdev->uuid);
			   __entry->result = result;),
	    TP_printk("uuid=%pUl result=%d", __entry->uuid, __entry->result)
);

TRACE_EVENT(mdev_close,
	    TP_PROTO(const struct mdev_device *mdev),
	    TP_ARGS(mdev),
	    TP_STRUCT__entry(__array(u8, uuid, UUID_SIZE)),
	    TP_fast_assign(export_guid(__entry->uuid, &mdev->uuid);),
	    TP_printk("uuid=%pUl", __entry->uuid)
);

TRACE_EVENT(mdev_request,
	    TP_PROTO(const struct mdev_device *mdev, unsigned int count),
	    TP_ARGS(mdev, count),
	    TP_STRUCT__entry(__array(u8, uuid, UUID_SIZE)
			     __field(unsigned int, count)),
	    TP_fast_assign(export_guid(__entry->uuid, &mdev->uuid);
			   __entry->count = count;),
	    TP_printk("uuid=%pUl count=%u", __entry->uuid, __entry->count)
);

/* A longer access has its first eight bytes as the value, a failed read none */
TRACE_EVENT(mdev_region_access,
	    TP_PROTO(const struct mdev_device *mdev, loff_t pos, size_t size,
		     bool write, const void *data, int result),
	    TP_ARGS(mdev, pos, size, write, data, result),
	    TP_STRUCT__entry(__array(u8, uuid, UUID_SIZE)
			     __field(u32, region)
			     __field(u64, offset)
			     __field(size_t, size)
			     __field(u64, value)
			     __field(bool, write)
			     __field(int, result)),
	    TP_fast_assign(size_t valid = write || !result ? size : 0;

			   __entry->value = 0;
			   memcpy(&__entry->value, data,
				  min(valid, sizeof(__entry->value)));
			   le64_to_cpus(&__entry->value);
			   export_guid(__entry->uuid, &mdev->uuid);
			   __entry->region = mdev_region_index(pos);
			   __entry->offset = mdev_region_offset(pos);
			   __entry->size = size;
			   __entry->write = write;
			   __entry->result = result;),
	    TP_printk("uuid=%pUl %s region=%u offset=0x%llx size=%zu value=0x%llx result=%d",
		      __entry->uuid, __entry->write ? "write" : "read",
		      __entry->region, __entry->offset, __entry->size,
		      __entry->value, __entry->result)
);

/* ->validate_map_request() was called, for a page table entry of @order */
TRACE_EVENT(mdev_fault,
	    TP_PROTO(const struct mdev_device *mdev, pgoff_t pgoff,
		     unsigned int order, unsigned long pfn, unsigned long size,
		     int result),
	    TP_ARGS(mdev, pgoff, order, pfn, size, result),
	    TP_STRUCT__entry(__array(u8, uuid, UUID_SIZE)
			     __field(u32, region)
			     __field(u64, offset)
			     __field(unsigned int, order)
			     __field(unsigned long, pfn)
			     __field(unsigned long, size)
			     __field(int, result)),
	    TP_fast_assign(loff_t pos = (loff_t)pgoff << PAGE_SHIFT;

			   export_guid(__entry->uuid, &mdev->uuid);
			   __entry->region = mdev_region_index(pos);
			   __entry->offset = mdev_region_offset(pos);
			   __entry->order = order;
			   __entry->pfn = pfn;
			   __entry->size = size;
			   __entry->result = result;),
	    TP_printk("uuid=%pUl region=%u offset=0x%llx order=%u pfn=0x%lx size=0x%lx result=%d",
		      __entry->uuid, __entry->region, __entry->offset,
		      __entry->order, __entry->pfn, __entry->size,
		      __entry->result)
);

TRACE_EVENT(mdev_invalidate,
	    TP_PROTO(const struct mdev_device *mdev, u64 pos, u64 size),
	    TP_ARGS(mdev, pos, size),
	    TP_STRUCT__entry(__array(u8, uuid, UUID_SIZE)
			     __field(u64, pos)
			     __field(u64, size)),
	    TP_fast_assign(export_guid(__entry->uuid, &mdev->uuid);
			   __entry->pos = pos;
			   __entry->size = size;),
	    TP_printk("uuid=%pUl pos=0x%llx size=0x%llx", __entry->uuid,
		      __entry->pos, __entry->size)
);

TRACE_EVENT(mdev_set_irqs,
	    TP_PROTO(const struct mdev_device *mdev, u32 flags, u32 index,
		     u32 start, u32 count, int result),
	    TP_ARGS(mdev, flags, index, start, count, result),
	    TP_STRUCT__entry(__array(u8, uuid, UUID_SIZE)
			     __field(u32, flags)
			     __field(u32, index)
			     __field(u32, start)
			     __field(u32, count)
			     __field(int, result)),
	    TP_fast_assign(export_guid(__entry->uuid, &mdev->uuid);
			   __entry->flags = flags;
			   __entry->index = index;
			   __entry->start = start;
			   __entry->count = count;
			   __entry->result = result;),
	    TP_printk("uuid=%pUl flags=%s index=%u start=%u count=%u result=%d",
		      __entry->uuid, mdev_show_irq_flags(__entry->flags),
		      __entry->index, __entry->start, __entry->count,
		      __entry->result)
);

TRACE_EVENT(mdev_irq,
	    TP_PROTO(const struct mdev_device *mdev, u32 index, u32 vector),
	    TP_ARGS(mdev, index, vector),
	    TP_STRUCT__entry(__array(u8, uuid, UUID_SIZE)
			     __field(u32, index)
			     __field(u32, vector)),
	    TP_fast_assign(export_guid(__entry->uuid, &mdev->uuid);
			   __entry->index = index;
			   __entry->vector = vector;),
	    TP_printk("uuid=%pUl index=%u vector=%u", __entry->uuid,
		      __entry->index, __entry->vector)
);

/* mdev_pause_parent() returns. Only the first of nested calls changes the state. */
TRACE_EVENT(mdev_pause,
	    TP_PROTO(const struct mdev_parent *parent, int result),
	    TP_ARGS(parent, result),
	    TP_STRUCT__entry(__string(parent, dev_name(parent->dev))
			     __field(int, result)),
	    TP_fast_assign(__assign_str(parent);
			   __entry->result = result;),
	    TP_printk("parent=%s result=%d", __get_str(parent),
		      __entry->result)
);

/* enum mdev_run_state */
TRACE_EVENT(mdev_parent_state,
	    TP_PROTO(const struct mdev_parent *parent, unsigned int state),
	    TP_ARGS(parent, state),
	    TP_STRUCT__entry(__string(parent, dev_name(parent->dev))
			     __field(unsigned int, state)),
	    TP_fast_assign(__assign_str(parent);
			   __entry->state = state;),
	    TP_printk("parent=%s state=%s", __get_str(parent),
		      __print_symbolic(__entry->state, { 0, "running" },
				       { 1, "paused" }, { 2, "dead" }))
);

#endif /* _TRACE_MDEV_H */

/* Must be outside of the protection above */
#include <trace/define_trace.h>
