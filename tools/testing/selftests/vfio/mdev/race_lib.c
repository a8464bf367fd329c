// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several processes that do something at once, and their results.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "race_lib.h"

struct race *race_alloc(void)
{
	struct race *race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return race == MAP_FAILED ? NULL : race;
}

static void init_barrier(pthread_barrier_t *barrier, unsigned int count)
{
	pthread_barrierattr_t shared;

	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(barrier, &shared, count);
	pthread_barrierattr_destroy(&shared);
}

bool race_run(struct race *race, unsigned int count,
	      void (*work)(struct race *race, unsigned int worker))
{
	bool success = true;
	unsigned int i;
	int status;

	init_barrier(&race->barrier, count);
	for (i = 0; i < count; i++) {
		pid_t child = fork();

		if (child < 0)
			return false;
		if (!child) {
			srandom(i);
			work(race, i);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			success = false;
	return success;
}

void race_wait_for_all(struct race *race)
{
	pthread_barrier_wait(&race->barrier);
}

void race_count(int *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

bool race_goes_on(struct race *race)
{
	return !__atomic_load_n(&race->done, __ATOMIC_SEQ_CST);
}

void race_end(struct race *race)
{
	__atomic_store_n(&race->done, true, __ATOMIC_SEQ_CST);
}

void race_expect_one_of(struct race *race, int result, const int *errors)
{
	if (result >= 0)
		return;
	for (; *errors; errors++)
		if (result == *errors)
			return;
	__atomic_store_n(&race->unexpected, result, __ATOMIC_SEQ_CST);
}
