/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a userfaultfd: an access sleeps until the test handles its page fault.
 *
 * Functions that return an int return a negative errno when they fail.
 */
#ifndef SELFTESTS_VFIO_MDEV_UFFD_LIB_H
#define SELFTESTS_VFIO_MDEV_UFFD_LIB_H

/*
 * Empties @page, whose next access sleeps until uffd_resolve(), or until the userfaultfd
 * that this returns is closed.
 */
int uffd_open(void *page);

/* Waits until a task sleeps in an access. -ETIMEDOUT after ten seconds */
int uffd_wait(int uffd);

/* Fills @page with zeros and wakes up the tasks that access it. */
int uffd_resolve(int uffd, void *page);

#endif
