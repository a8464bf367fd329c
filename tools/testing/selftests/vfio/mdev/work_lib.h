/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs a function that can block in a child process.
 */
#ifndef SELFTESTS_VFIO_MDEV_WORK_LIB_H
#define SELFTESTS_VFIO_MDEV_WORK_LIB_H

#include <stdbool.h>
#include <sys/types.h>

/* How long a process is watched before it counts as waiting */
#define WORK_BLOCKED_MS	100

struct work {
	pid_t pid;
};

/*
 * Starts @run, which answers 0 or a negative errno. The process has none of
 * the caller's files, so that the caller can close them for good.
 */
int work_start(struct work *work, int (*run)(void));

/* Watches it for a while: true if it does not end. */
bool work_waits(const struct work *work);

void work_signal(const struct work *work, int signal);

/* Waits for the end. What @run has answered, or -EINTR if a signal killed it */
int work_result(struct work *work);

#endif
