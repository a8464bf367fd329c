// SPDX-License-Identifier: GPL-2.0-only
/* The tracepoints of mdev.ko, and those that vfio_mdev.ko has in common. */

#include <linux/tracepoint.h>

#define CREATE_TRACE_POINTS
#include <trace/events/mdev.h>

EXPORT_TRACEPOINT_SYMBOL_GPL(mdev_fault);
EXPORT_TRACEPOINT_SYMBOL_GPL(mdev_region_access);
EXPORT_TRACEPOINT_SYMBOL_GPL(mdev_request);
EXPORT_TRACEPOINT_SYMBOL_GPL(mdev_set_irqs);
