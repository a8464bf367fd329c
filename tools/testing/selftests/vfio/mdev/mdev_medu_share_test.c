// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices of medu that share a card: isolation, fairness, and a process that is killed
 * during DMA. Also migration to another card during DMA.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "medu_lib.h"
#include "migration_lib.h"

#define ROUNDS		4
#define STATE_MAX	65536

/* Two devices of the first card */
FIXTURE(pair)
{
	struct medu_device a;
	struct medu_device b;
};

FIXTURE_SETUP(pair)
{
	int ret = medu_prepare(1);

	if (ret == -ENOENT)
		SKIP(return, "needs the module medu and an edu card");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, medu_create(0, UUID_A));
	ASSERT_EQ(0, medu_create(0, UUID_B));
	ASSERT_EQ(0, medu_open(&self->a, dma_open_container, UUID_A));
	ASSERT_EQ(0, medu_open(&self->b, dma_open_cdev, UUID_B));
}

FIXTURE_TEARDOWN(pair)
{
	medu_close(&self->a);
	medu_close(&self->b);
	EXPECT_EQ(0, medu_finish());
}

static void *run_rounds(void *data)
{
	const struct medu_device *device = data;
	intptr_t ret = 0;
	unsigned int i;

	for (i = 0; i < ROUNDS && !ret; i++)
		ret = medu_round(device, device->fd * ROUNDS + i);
	return (void *)ret;
}

TEST_F_TIMEOUT(pair, parallel_dma, MEDU_TIMEOUT)
{
	pthread_t thread;
	void *result;

	ASSERT_EQ(0, pthread_create(&thread, NULL, run_rounds, &self->a));
	EXPECT_EQ(NULL, run_rounds(&self->b));
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(NULL, result);
}

TEST_F_TIMEOUT(pair, separate_registers_and_buffers, MEDU_TIMEOUT)
{
	static const uint8_t zeroes[PAGE];

	EXPECT_EQ(120, medu_factorial(&self->a, 5));
	EXPECT_EQ(0, medu_read(&self->b, MEDU_FACTORIAL));
	medu_fill(self->a.memory, PAGE, 1);
	ASSERT_EQ(0, medu_dma(&self->a, MEDU_MEMORY, 0, PAGE, 0));
	memset(self->b.memory, 0x5a, PAGE);
	ASSERT_EQ(0, medu_dma(&self->b, MEDU_MEMORY, 0, PAGE,
			      MEDU_DMA_TO_MEMORY));
	EXPECT_EQ(0, memcmp(self->b.memory, zeroes, PAGE));
}

static int count_transfers(const char *uuid)
{
	char text[16];
	int ret = sysfs_read(text, sizeof(text), MDEV_DEVICES "/%s/transfers",
			     uuid);

	return ret < 0 ? ret : atoi(text);
}

static bool busy;

static void *keep_busy(void *data)
{
	const struct medu_device *device = data;
	intptr_t ret = 0;

	while (!ret && __atomic_load_n(&busy, __ATOMIC_RELAXED))
		ret = medu_dma(device, MEDU_MEMORY, 0, PAGE, 0);
	return (void *)ret;
}

/* A device that always has a request does not starve the other. */
TEST_F_TIMEOUT(pair, fairness, MEDU_TIMEOUT)
{
	int before, others;
	pthread_t thread;
	void *result;

	busy = true;
	ASSERT_EQ(0, pthread_create(&thread, NULL, keep_busy, &self->a));
	while (count_transfers(UUID_A) < 2)
		sleep_ms(10);
	before = count_transfers(UUID_A);
	EXPECT_EQ(NULL, run_rounds(&self->b));
	others = count_transfers(UUID_A) - before;
	__atomic_store_n(&busy, false, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(NULL, result);
	EXPECT_EQ(2 * ROUNDS, count_transfers(UUID_B));
	/* A can have more transfers if B's thread is late to start its next one */
	EXPECT_LE(ROUNDS, others);
	EXPECT_GE(4 * ROUNDS, others);
}

/* The process is killed while the card serves its request. */
TEST_F_TIMEOUT(pair, kill_during_dma, MEDU_TIMEOUT)
{
	char uuid[UUID_SIZE];
	struct medu_device device;
	int ready[2], status;
	char byte;
	pid_t pid;

	uuid_numbered(uuid, 1);
	ASSERT_EQ(0, medu_create(0, uuid));
	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (medu_open(&device, dma_open_container, uuid) ||
		    medu_start(&device, MEDU_MEMORY, 0, PAGE, 0) ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	close(ready[0]);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));

	EXPECT_EQ(NULL, run_rounds(&self->a));
	ASSERT_EQ(0, medu_open(&device, dma_open_cdev, uuid));
	EXPECT_EQ(0, medu_round(&device, 1));
	medu_close(&device);
}

/* Migration from a device of the first card to one of the second */
FIXTURE(move)
{
	struct medu_device from;
	struct medu_device to;
	char state[STATE_MAX];
};

FIXTURE_SETUP(move)
{
	int ret = medu_prepare(2);

	if (ret == -ENOENT)
		SKIP(return, "needs the module medu and two edu cards");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, medu_create(0, UUID_A));
	ASSERT_EQ(0, medu_create(1, UUID_B));
	ASSERT_EQ(0, medu_open(&self->from, dma_open_container, UUID_A));
	ASSERT_EQ(0, medu_open_bare(&self->to, dma_open_cdev, UUID_B));
}

FIXTURE_TEARDOWN(move)
{
	medu_close(&self->from);
	medu_close(&self->to);
	EXPECT_EQ(0, medu_finish());
}

TEST_F_TIMEOUT(move, buffer_and_registers, MEDU_TIMEOUT)
{
	ssize_t size;

	medu_fill(self->from.memory, PAGE, 5);
	ASSERT_EQ(0, medu_write(&self->from, MEDU_LIVENESS, 1));
	ASSERT_EQ(0, medu_dma(&self->from, MEDU_MEMORY, 0, PAGE, 0));
	size = migration_save(self->from.fd, self->state, STATE_MAX);
	ASSERT_LT(0, size);
	ASSERT_EQ(0, migration_load(self->to.fd, self->state, size));
	ASSERT_EQ(0, migration_move(self->to.fd, RUNNING));
	EXPECT_EQ(~1U, medu_read(&self->to, MEDU_LIVENESS));
	ASSERT_EQ(0, medu_dma(&self->to, MEDU_MEMORY, 0, PAGE,
			      MEDU_DMA_TO_MEMORY));
	EXPECT_EQ(0, memcmp(self->from.memory, self->to.memory, PAGE));
}

/* A transfer completes before the source stops, or on the target. */
TEST_F_TIMEOUT(move, during_dma, MEDU_TIMEOUT)
{
	unsigned int i;
	ssize_t size;

	for (i = 0; i < 3; i++) {
		medu_fill(self->from.memory, PAGE, i);
		memcpy(self->to.memory, self->from.memory, PAGE);
		ASSERT_EQ(0, medu_start(&self->from, MEDU_MEMORY, 0, PAGE, 0));
		sleep_ms(i * 100);
		size = migration_save(self->from.fd, self->state, STATE_MAX);
		ASSERT_LT(0, size);
		ASSERT_EQ(0, migration_load(self->to.fd, self->state, size));
		ASSERT_EQ(0, migration_move(self->to.fd, RUNNING));
		ASSERT_EQ(0, medu_wait(&self->to));
		ASSERT_EQ(0, medu_dma(&self->to, MEDU_MEMORY + PAGE, 0, PAGE,
				      MEDU_DMA_TO_MEMORY));
		EXPECT_EQ(0, memcmp(self->to.memory, self->to.memory + PAGE,
				    PAGE));
		ASSERT_EQ(0, migration_move(self->from.fd, RUNNING));
		ASSERT_EQ(0, medu_wait(&self->from));
	}
}

TEST_HARNESS_MAIN
