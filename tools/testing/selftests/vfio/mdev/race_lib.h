/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several processes that do something at once, and their results.
 */
#ifndef SELFTESTS_VFIO_MDEV_RACE_LIB_H
#define SELFTESTS_VFIO_MDEV_RACE_LIB_H

#include <pthread.h>
#include <stdbool.h>

#define RACE_WORKERS	4

/* For TEST_F_TIMEOUT(): enough for debugging kernels on emulated machines */
#define RACE_TIMEOUT	180

/*
 * What the processes share
 * @barrier: lets them begin a round together, and wait for its end
 * @results: of the operation that each has just tried
 * @created: how many devices came to be
 * @removed: how many devices, or modules, went
 * @opened: how many times a device could be opened
 * @broken: how many rounds came out wrong
 * @unexpected: the last error that there is no reason for
 * @done: the process that the others are there to disturb has ended
 */
struct race {
	pthread_barrier_t barrier;
	int results[RACE_WORKERS];
	int created;
	int removed;
	int opened;
	int broken;
	int unexpected;
	bool done;
};

/* Memory for it that the processes will share, or NULL */
struct race *race_alloc(void);

/* Lets @count processes work until they end; true if all ended well. */
bool race_run(struct race *race, unsigned int count,
	      void (*work)(struct race *race, unsigned int worker));

/* For the processes: a barrier, and counters that all of them add to */
void race_wait_for_all(struct race *race);
void race_count(int *counter);

/* For those that go on until another has ended */
bool race_goes_on(struct race *race);
void race_end(struct race *race);

/*
 * Remembers a result that is neither success nor in the list, which 0 ends.
 * -ENOENT, -ENODEV and -ENXIO are in most: for files and device nodes of a device that
 * is being removed.
 */
void race_expect_one_of(struct race *race, int result, const int *errors);

#define RACE_EXPECT(_race, _result, ...)				\
	race_expect_one_of(_race, _result, (const int[]){ __VA_ARGS__, 0 })

#endif
