/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mapped regions of a device of mdev_sim. Pages are accessed by usercopy in a
 * system call, which returns EFAULT where a load or a store would raise SIGBUS.
 *
 * Functions that return an int answer a negative errno when they fail.
 */
#ifndef SELFTESTS_VFIO_MDEV_MAP_LIB_H
#define SELFTESTS_VFIO_MDEV_MAP_LIB_H

#include <stddef.h>
#include <stdint.h>

#include <linux/vfio.h>

#define PAGE	0x1000UL
#define HUGE	0x200000UL
#define GIANT	0x40000000UL
#define RW	(PROT_READ | PROT_WRITE)

#define BAR(n)	(VFIO_PCI_BAR0_REGION_INDEX + (n))

/* To begin with, and, since a mapping keeps the device in use, to end with */
int map_prepare(void);
void map_finish(void);

/*
 * Maps some of a region, readable and writable, where the address has the
 * alignment of the position in the region: to 2 MiB, or to @alignment and then
 * @skew bytes beside it. MAP_FAILED if that fails; unmapped by map_finish().
 */
char *map_new(int fd, uint32_t region, uint64_t offset, size_t size);
char *map_at(int fd, uint32_t region, uint64_t offset, size_t size,
	     size_t alignment, size_t skew);

/* The 64 bits at @address; in @error 0 or a negative errno */
uint64_t map_load(const void *address, int *error);
int map_store(void *address, uint64_t value);

/* For a child process, since mappings are not inherited: a real store to BAR2 */
int map_and_store(int fd);

/* The kernel's PMD_SIZE with pages of 4 KiB: a fault maps no more of HUGE */
size_t map_pmd_size(void);

/* Number of calls of ->validate_map_request() for a region */
uint64_t map_faults(int fd, uint32_t region);

/* mdev_sim zaps a range, or replaces all pages and returns the generation */
int map_invalidate(int fd, uint32_t region, uint64_t offset, uint64_t size);
int64_t map_reback(int fd, uint32_t region);

#endif
