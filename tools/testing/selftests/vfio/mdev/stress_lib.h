/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random system calls on an open mediated device, by one process.
 */
#ifndef SELFTESTS_VFIO_STRESS_LIB_H
#define SELFTESTS_VFIO_STRESS_LIB_H

/*
 * Opens a device in one of three ways, does @count things to it that are
 * decided at random, and closes it. Returns what the open answered: what is
 * done then may fail or not.
 */
int stress_use(const char *uuid, unsigned int count);

#endif
