/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fault injection in system calls of this process: the nth allocation or
 * usercopy for each n, or all allocations at once.
 */
#ifndef SELFTESTS_VFIO_FAIL_LIB_H
#define SELFTESTS_VFIO_FAIL_LIB_H

#include <stdbool.h>

/* For TEST_F_TIMEOUT(): debugging kernels on emulated machines */
#define FAIL_TIMEOUT	300

/* Whether the kernel can do it. If so, every kind of allocation may fail. */
bool fail_prepare(void);

/*
 * The same, and what sim_prepare() does, but fast if another test has called that
 * before. Says in @missing what is not there, for which the test is to be
 * skipped, or NULL.
 */
int fail_prepare_sim(const char **missing);

/*
 * Nothing fails inside of a function of the kernel that has a bug of its own
 * there; NULL: anything may again. False if the kernel can't do that.
 */
bool fail_spare(const char *function);

/* Nothing fails outside of a function; NULL: anything may again. */
bool fail_within(const char *function);

/*
 * The next @times allocations by a function of the kernel fail, also in its own threads;
 * NULL: no more of these.
 */
bool fail_times_within(const char *function, unsigned int times);
/* How many of them have not failed yet */
int fail_times_left(void);

/* From now on the @nth thing that can fail does, counting from 1. */
void fail_arm(unsigned int nth);

/* No longer; whether something has failed. */
bool fail_disarm(void);

/**
 * struct fail_operation - what a sweep makes fail
 * @prepare: brings about what @run needs, before each time; may be absent
 * @run: the operation: the system call in question and little else. Returns 0
 *	or a negative errno.
 * @check: whether the kernel is as the result of @run says, and what it takes
 *	to go on: to take back what succeeded, to remove what could not be
 *	removed. May be absent. Returns 0 or a negative errno.
 * @certain: @run succeeds unless its own arguments can't be read
 * @other_error: what the kernel's own code answers somewhere instead of -ENOMEM
 */
struct fail_operation {
	int (*prepare)(void);
	int (*run)(void);
	int (*check)(int result);
	bool certain;
	int other_error;
};

/*
 * Repeats an operation; each time one thing more succeeds before one fails,
 * until none does. Between two of them everything has to be as it was at first.
 * Returns how many could fail, or a negative errno after saying what is wrong.
 */
int fail_sweep(const struct fail_operation *operation);

/* As long as it is @on, each allocation of this process fails. */
void fail_all_allocations(bool on);

#endif
