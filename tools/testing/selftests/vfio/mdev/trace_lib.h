/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events as an administrator uses them: tracefs, in an instance of its
 * own, so that other users of tracefs are not disturbed.
 *
 * Functions that return an int answer a negative errno when they fail.
 */
#ifndef SELFTESTS_VFIO_MDEV_TRACE_LIB_H
#define SELFTESTS_VFIO_MDEV_TRACE_LIB_H

#include <stdbool.h>

#include "kselftest.h"

/*
 * To begin with: an empty instance, with no event enabled. -EOPNOTSUPP if the
 * kernel has no trace events.
 */
int trace_prepare(void);

/* Takes the instance back. */
int trace_end(void);

/* @event is "system/event", @enabled whether it is recorded. */
int trace_enable(const char *event, bool enabled);

/* Only what @filter says of the event's fields is recorded. */
int trace_filter(const char *event, const char *filter);

/*
 * Records from now on, or no more; to begin with it does. Both allocate nothing,
 * so that what lies between them can be searched for allocations.
 */
int trace_start(void);
int trace_stop(void);

/* How many lines end in what that shell pattern matches */
__printf(1, 2)
int trace_count(const char *pattern_format, ...);

/* How many lines there are */
int trace_count_all(void);

#endif
