// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that concurrently call random operations on mediated devices, their parents and
 * their modules. An operation may fail, but only with an expected errno, and none may hang.
 * At the end the state of the system is compared, see state_lib.h. MDEV_SEED repeats the
 * decisions of each process, but not their interleaving; MDEV_ROUNDS is their number.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "random_lib.h"
#include "sim_lib.h"
#include "state_lib.h"
#include "stress_lib.h"
#include "vfio_lib.h"

#define WORKERS		8
#define ROUNDS		60
#define NR_UUIDS	8
/* Maximum number of expected errors of an action */
#define NR_ERRORS	8

/* Retries while no device can be opened */
#define USE_TRIES	50
#define USE_PAUSE_MS	20

/* Workers hang if none of them has finished an action for so long. */
#define HANG_MS		60000
#define POLL_MS		100

/* Longer than HANG_MS: watch() prints the stacks before the harness ends the test. */
#define STRESS_TIMEOUT	500

static const char * const parents[] = { SIM_FULL, SIM_STAY, SIM_PLAIN };

static void any_uuid(char uuid[UUID_SIZE])
{
	uuid_numbered(uuid, random_below(NR_UUIDS));
}

/* The UUID of an existing device; another worker can remove it concurrently */
static void existing_uuid(char uuid[UUID_SIZE])
{
	unsigned int first = random_below(NR_UUIDS), i;

	for (i = 0; i < NR_UUIDS; i++) {
		uuid_numbered(uuid, (first + i) % NR_UUIDS);
		if (path_exists(MDEV_DEVICES "/%s", uuid))
			return;
	}
}

static int create_of_any_type(const char *uuid)
{
	if (random_once_in(3))
		return mdev_create(random_once_in(2) ? "mtty-1" : "mtty-2",
				   uuid);
	return sim_create(parents[random_below(ARRAY_SIZE(parents))],
			  random_once_in(4) ? SIM_BARE : SIM_PCI, uuid);
}

static int create(void)
{
	char uuid[UUID_SIZE];

	any_uuid(uuid);
	return create_of_any_type(uuid);
}

static int remove_device(void)
{
	char uuid[UUID_SIZE];

	existing_uuid(uuid);
	return mdev_remove(uuid);
}

/*
 * Creates the device if none exists, or binds it if another worker has unbound it and
 * failed to bind it. Can race with an open of another worker then.
 */
static int use_or_create(unsigned int count)
{
	char uuid[UUID_SIZE];
	int ret;

	existing_uuid(uuid);
	ret = stress_use(uuid, count);
	if (ret != -ENOENT)
		return ret;
	ret = create_of_any_type(uuid);
	if (ret == -EEXIST)
		ret = sysfs_write(uuid, VFIO_MDEV "/bind");
	return ret ? ret : stress_use(uuid, count);
}

/* Retries, since no device exists while another worker reloads a module. */
static int use(void)
{
	unsigned int count = 1 + random_below(10);
	unsigned int tries = USE_TRIES;
	int ret;

	do {
		ret = use_or_create(count);
		if (!ret || ret == -EBUSY)
			break;
		sleep_ms(USE_PAUSE_MS);
	} while (--tries);
	return ret;
}

/* A process that is killed at a random time, with its mappings and pinned pages */
static int use_and_die(void)
{
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (!child) {
		while (true)
			use();
	}
	sleep_ms(random_below(40));
	kill(child, SIGKILL);
	return waitpid(child, NULL, 0) == child ? 0 : -errno;
}

static int set_online(void)
{
	char uuid[UUID_SIZE];

	existing_uuid(uuid);
	return sysfs_write(random_once_in(2) ? "1" : "0",
			   MDEV_DEVICES "/%s/online", uuid);
}

static int bind_again(void)
{
	char uuid[UUID_SIZE];
	int ret;

	existing_uuid(uuid);
	ret = sysfs_write(uuid, VFIO_MDEV "/unbind");
	return ret ? ret : sysfs_write(uuid, VFIO_MDEV "/bind");
}

static int register_again(void)
{
	const char *parent = parents[random_below(ARRAY_SIZE(parents))];
	int ret = sim_unbind(parent);

	return ret ? ret : sim_bind(parent);
}

static int reload(void)
{
	static const char * const modules[] = {
		"mtty", "mdev_sim", "vfio_mdev"
	};
	const char *name = modules[random_below(ARRAY_SIZE(modules))];
	int ret;

	ret = module_unload(name);
	return ret && ret != -ENOENT ? ret : module_load(name);
}

static int read_state(void)
{
	struct state state;

	state_take(&state, false);
	return 0;
}

/*
 * Actions of a worker, with weights, and the errors that are expected because
 * of concurrent actions.
 */
static const struct action {
	const char *name;
	unsigned int weight;
	int (*run)(void);
	int errors[NR_ERRORS];
} actions[] = {
	{ "create", 12, create, { EEXIST, ENOSPC, ENOENT, ENODEV } },
	{ "remove", 8, remove_device,
	  { EBUSY, EAGAIN, ENOENT, ENODEV } },
	{ "use", 40, use,
	  { EAGAIN, EBUSY, EEXIST, EINVAL, ENOENT, ENODEV, ENOSPC, ENXIO } },
	{ "sigkill", 6, use_and_die, {} },
	{ "online", 8, set_online, { EAGAIN, EBUSY, ENOENT, ENODEV } },
	{ "bind", 6, bind_again, { EBUSY, ENOENT, ENODEV } },
	{ "register", 3, register_again, { ENOENT, ENODEV, EBUSY } },
	{ "reload", 2, reload, { EAGAIN, ENOENT, EBUSY } },
	{ "read state", 2, read_state, {} },
};

/* A worker, in memory that watch() shares with it */
struct worker {
	pid_t pid;
	const struct action *action;
	unsigned int rounds;
	unsigned int tried[ARRAY_SIZE(actions)];
	unsigned int failed[ARRAY_SIZE(actions)][NR_ERRORS];
	/* The last unexpected error, and its action */
	int unexpected;
	const struct action *unexpected_in;
	bool ended;
};

static const struct action *choose(void)
{
	unsigned int total = 0, i, number;

	for (i = 0; i < ARRAY_SIZE(actions); i++)
		total += actions[i].weight;
	number = random_below(total);
	for (i = 0; number >= actions[i].weight; i++)
		number -= actions[i].weight;
	return &actions[i];
}

/* Whether @result is 0 or an expected error, which is counted in @failed. */
static bool is_expected(const struct action *action, int result,
			unsigned int *failed)
{
	size_t i;

	for (i = 0; result && i < NR_ERRORS; i++) {
		if (action->errors[i] == -result) {
			failed[i]++;
			return true;
		}
	}
	return !result;
}

static void work(struct worker *worker, unsigned int rounds)
{
	int result;

	while (worker->rounds < rounds) {
		const struct action *action = choose();

		__atomic_store_n(&worker->action, action, __ATOMIC_SEQ_CST);
		result = action->run();
		worker->tried[action - actions]++;
		if (!is_expected(action, result,
				 worker->failed[action - actions])) {
			worker->unexpected = result;
			worker->unexpected_in = action;
		}
		__atomic_fetch_add(&worker->rounds, 1, __ATOMIC_SEQ_CST);
	}
	worker->ended = true;
}

/* The kernel stack of a worker */
static void print_stack(pid_t pid)
{
	char text[2048];
	char *line;

	if (sysfs_read(text, sizeof(text), "/proc/%d/stack", pid) < 0)
		return;
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		ksft_print_msg("    %s\n", line);
}

static void print_workers(const struct worker *workers)
{
	unsigned int i;

	for (i = 0; i < WORKERS; i++) {
		if (workers[i].ended)
			continue;
		ksft_print_msg("worker %u, round %u: %s\n", i,
			       workers[i].rounds,
			       workers[i].action ? workers[i].action->name :
						   "no action yet");
		print_stack(workers[i].pid);
	}
}

/* How often an action was tried, and how often it failed with which error */
static void print_results(const struct worker *workers, unsigned int action)
{
	const int *errors = actions[action].errors;
	unsigned int tried = 0, failed, i, j;
	char text[256] = "";
	size_t used = 0;

	for (i = 0; i < WORKERS; i++)
		tried += workers[i].tried[action];
	for (j = 0; j < NR_ERRORS && errors[j]; j++) {
		failed = 0;
		for (i = 0; i < WORKERS; i++)
			failed += workers[i].failed[action][j];
		used += snprintf(text + used, sizeof(text) - used, ", %u %s",
				 failed, strerrorname_np(errors[j]));
	}
	ksft_print_msg("%s: %u times%s\n", actions[action].name, tried, text);
}

static unsigned int count_rounds(const struct worker *workers)
{
	unsigned int rounds = 0, i;

	for (i = 0; i < WORKERS; i++)
		rounds += __atomic_load_n(&workers[i].rounds,
					  __ATOMIC_SEQ_CST);
	return rounds;
}

/* Waits for all workers; false if one fails, or if all hang for HANG_MS. */
static bool watch(const struct worker *workers)
{
	unsigned int idle = 0, running = WORKERS, seen = 0;
	bool well = true;
	int status;

	while (running && idle < HANG_MS) {
		if (waitpid(-1, &status, WNOHANG) > 0) {
			running--;
			if (!WIFEXITED(status) || WEXITSTATUS(status))
				well = false;
			continue;
		}
		sleep_ms(POLL_MS);
		idle = count_rounds(workers) == seen ? idle + POLL_MS : 0;
		seen = count_rounds(workers);
	}
	if (running)
		print_workers(workers);
	return well && !running;
}

FIXTURE(stress)
{
	struct worker *workers;
};

FIXTURE_SETUP(stress)
{
	int ret = sim_prepare();

	if (ret == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, mdev_prepare());
	if (!module_is_loaded("mtty") || !module_is_loaded("vfio_mdev") ||
	    !module_is_loaded("mdev_sim"))
		SKIP(return, "mdev_sim, vfio_mdev and mtty must be modules");
	self->workers = mmap(NULL, WORKERS * sizeof(*self->workers),
			     PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->workers);
}

FIXTURE_TEARDOWN(stress)
{
}

TEST_F_TIMEOUT(stress, random_operations, STRESS_TIMEOUT)
{
	unsigned int rounds = random_rounds(ROUNDS), i;
	struct state before;

	state_take(&before, false);
	random_begin(0);
	for (i = 0; i < WORKERS; i++) {
		pid_t child = fork();

		ASSERT_LE(0, child);
		if (!child) {
			/* Don't keep the pipe of the test's output open. */
			freopen("/dev/null", "w", stdout);
			freopen("/dev/null", "w", stderr);
			random_begin(i + 1);
			work(&self->workers[i], rounds);
			_exit(0);
		}
		self->workers[i].pid = child;
	}
	ASSERT_TRUE(watch(self->workers));

	for (i = 0; i < ARRAY_SIZE(actions); i++)
		print_results(self->workers, i);
	for (i = 0; i < WORKERS; i++)
		EXPECT_EQ(0, self->workers[i].unexpected) {
			TH_LOG("action: %s", self->workers[i].unexpected_in->name);
		}

	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, sim_prepare());
	EXPECT_EQ(0, sim_finish());
	EXPECT_TRUE(state_is_again(&before));
}

TEST_HARNESS_MAIN
