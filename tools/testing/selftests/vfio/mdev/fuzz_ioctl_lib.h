/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random VFIO ioctls, valid and invalid. Decisions come from random_lib.h.
 */
#ifndef SELFTESTS_VFIO_FUZZ_IOCTL_LIB_H
#define SELFTESTS_VFIO_FUZZ_IOCTL_LIB_H

/* One ioctl of VFIO, or one with a random number */
void fuzz_ioctl(int device);

/* The last file for the data of migration that one of them gave, or -1 */
extern int fuzz_data_file;

#endif
