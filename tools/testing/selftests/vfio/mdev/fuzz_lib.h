/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random system calls on a device fd: each starts valid, and then some of its
 * arguments are changed. Decisions come from random_lib.h.
 */
#ifndef SELFTESTS_VFIO_FUZZ_LIB_H
#define SELFTESTS_VFIO_FUZZ_LIB_H

#include <stdbool.h>

/* To begin with: address space for the mappings and buffers */
bool fuzz_prepare(void);

/* One read or write, anywhere in the file of the device */
void fuzz_access(int device);

/* Maps part of a region, or changes, accesses or unmaps a mapping. */
void fuzz_mapping(int device);

/* Maps nothing any more. */
void fuzz_unmap_all(void);

/* Pages from address 0 on that are mapped for DMA */
#define FUZZ_NR_PAGES	16

/* One command of mdev_sim, if it is one. */
void fuzz_command(int device);

/* A state for the device that it has not saved like this */
void fuzz_migration(int device);

/* Something with a file that transfers the data of migration */
void fuzz_data(int data);

#endif
