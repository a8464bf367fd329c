/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mediated devices as an administrator handles them: sysfs files, creation and
 * removal, kernel modules. The subject of the tests is the sample driver mtty.
 *
 * Functions that return an int answer a negative errno when they fail.
 */
#ifndef SELFTESTS_VFIO_MDEV_LIB_H
#define SELFTESTS_VFIO_MDEV_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kselftest.h"

#define MTTY		"/sys/devices/virtual/mtty/mtty"
#define MTTY_TYPES	MTTY "/mdev_supported_types"
#define MDEV_DEVICES	"/sys/bus/mdev/devices"
#define VFIO_MDEV	"/sys/bus/mdev/drivers/vfio_mdev"

/* A text that is written to a file, its zero bytes included, and the answer */
#define ANSWER(_text, _result)						\
	{ .text = _text, .size = sizeof(_text) - 1, .result = _result }

/* The UUIDs of all test devices begin like this, see mdev_remove_all(). */
#define UUID_PREFIX	"6d646576-7465-4374-8000-"
#define UUID_A		UUID_PREFIX "aaaaaaaaaaaa"
#define UUID_B		UUID_PREFIX "bbbbbbbbbbbb"
#define UUID_NIL	"00000000-0000-0000-0000-000000000000"
#define UUID_SIZE	37

/* Another one for each @number; none of them is one of those above. */
void uuid_numbered(char uuid[UUID_SIZE], unsigned int number);

__printf(1, 2)
bool path_exists(const char *path_format, ...);

/* Whether two paths lead to the same file, through links or not. */
bool path_same(const char *path, const char *other);

/* A directory's entries, those that begin with a dot aside */
int count_entries(const char *path);

/* The last component of what a symbolic link points to. */
__printf(3, 4)
int link_name(char *name, size_t size, const char *path_format, ...);

/* One write() of all @size bytes; returns 0. */
__printf(3, 4)
int sysfs_write_bytes(const void *data, size_t size,
		      const char *path_format, ...);

__printf(2, 3)
int sysfs_write(const char *text, const char *path_format, ...);

/* One read(), without a newline at the end; returns the length. */
__printf(3, 4)
int sysfs_read(char *text, size_t size, const char *path_format, ...);

/* @type is "mtty-1" or "mtty-2", with as many ports. */
int mdev_create(const char *type, const char *uuid);
int mdev_remove(const char *uuid);
int mdev_available(const char *type);

/*
 * Removes the devices that tests have left, and none of an administrator's.
 * Waits some seconds for processes that are exiting to close theirs.
 */
int mdev_remove_all(void);

/*
 * To begin with: the modules are loaded, no test device exists, and none will
 * when the program exits, however its tests end.
 */
int mdev_prepare(void);

/* Whether @name is there, and is a module, so that it can be unloaded. */
bool module_is_loaded(const char *name);

int module_load(const char *name);

/* -EAGAIN when the module is in use */
int module_unload(const char *name);

void sleep_ms(unsigned int milliseconds);

/* Of CLOCK_MONOTONIC, in milliseconds */
int64_t now_ms(void);

/* Whether the kernel has patches/: its runner sets MDEV_PATCHED. */
bool kernel_is_patched(void);

#endif
