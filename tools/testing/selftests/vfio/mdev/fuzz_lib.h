/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests to the file of a mediated device as nobody in his right mind would
 * make them: each begins as one that is right and is then changed here and
 * there. Decisions come from random_lib.h.
 */
#ifndef SELFTESTS_VFIO_FUZZ_LIB_H
#define SELFTESTS_VFIO_FUZZ_LIB_H

#include <stdbool.h>

/* To begin with: address space for the mappings and buffers */
bool fuzz_prepare(void);

/* One read or write, anywhere in the file of the device */
void fuzz_access(int device);

/* Maps something, or changes, touches or unmaps what is mapped. */
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
