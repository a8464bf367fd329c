/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ioctls of VFIO as nobody in his right mind would make them. Decisions come
 * from random_lib.h.
 */
#ifndef SELFTESTS_VFIO_FUZZ_IOCTL_LIB_H
#define SELFTESTS_VFIO_FUZZ_IOCTL_LIB_H

/* One ioctl of VFIO, or of nobody */
void fuzz_ioctl(int device);

/* The last file for the data of migration that one of them gave, or -1 */
extern int fuzz_data_file;

#endif
