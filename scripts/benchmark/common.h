/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs that measure share: the clock, the lines that they print,
 * and devices through VFIO. An error ends the program.
 */
#ifndef BENCHMARK_COMMON_H
#define BENCHMARK_COMMON_H

#include <linux/types.h>

#define DEVICES		"/sys/bus/mdev/devices"
#define UUID_SIZE	37

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* Nanoseconds, or instructions where the clock counts those */
double now(void);

/* One line of JSON: @count samples of what @what costs with so many @devices */
void report(const char *what, int devices, const double *ns, int count);

/* Opens the first device, and the container for it and all others. */
int open_first(const char *uuid);

/* The file of the container */
int container_file(void);

void group_path(char *path, size_t size, const char *uuid);
int open_group(const char *path);
int open_device(int group, const char *uuid);

/* Where a region begins in the device file */
__u64 region_start(int device, unsigned int index);

#endif
