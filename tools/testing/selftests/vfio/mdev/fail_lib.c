// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection in system calls of this process: the nth allocation or
 * usercopy for each n, or all allocations at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "state_lib.h"

#define DEBUGFS		"/sys/kernel/debug"
#define FAILSLAB	DEBUGFS "/failslab"

/* More things than can fail in any operation: one that goes on is broken. */
#define SWEEP_LIMIT	20000

#define SYMBOLS_LIMIT	400000

struct setting {
	const char *path;
	const char *value;
};

/* Those that may sleep fail as well, single pages too, and all in silence. */
static const struct setting settings[] = {
	{ FAILSLAB "/ignore-gfp-wait", "N" },
	{ FAILSLAB "/verbose", "0" },
	{ DEBUGFS "/fail_page_alloc/ignore-gfp-wait", "N" },
	{ DEBUGFS "/fail_page_alloc/min-order", "0" },
	{ DEBUGFS "/fail_page_alloc/verbose", "0" },
};

/* A kernel may be without this one. */
static const struct setting usercopy_setting = {
	DEBUGFS "/fail_usercopy/verbose", "0"
};

/* All allocations of tasks that have set make-it-fail fail. */
static const struct setting all_settings[] = {
	{ FAILSLAB "/task-filter", "Y" },
	{ FAILSLAB "/times", "-1" },
	{ FAILSLAB "/probability", "100" },
	{ DEBUGFS "/fail_page_alloc/task-filter", "Y" },
	{ DEBUGFS "/fail_page_alloc/times", "-1" },
	{ DEBUGFS "/fail_page_alloc/probability", "100" },
};

/* Opened before anything fails */
static int nth_fd = -1;
static int make_fd = -1;

static bool apply(const struct setting *list, size_t count)
{
	for (; count; list++, count--)
		if (sysfs_write(list->value, "%s", list->path))
			return false;
	return true;
}

bool fail_prepare(void)
{
	apply(&usercopy_setting, 1);
	if (!apply(settings, ARRAY_SIZE(settings)) ||
	    !apply(all_settings, ARRAY_SIZE(all_settings)))
		return false;
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	make_fd = open("/proc/thread-self/make-it-fail", O_RDWR | O_CLOEXEC);
	return nth_fd >= 0 && make_fd >= 0;
}

static int prepare_sim(void)
{
	int ret;

	if (!path_exists(SIM_PATH(SIM_FULL) "/mdev_supported_types"))
		return sim_prepare();
	ret = mdev_remove_all();
	return ret ? ret : sim_set("map_block", MDEV_SIM_MAP_BLOCK);
}

int fail_prepare_sim(const char **missing)
{
	int ret = prepare_sim();

	*missing = NULL;
	if (ret == -ENOENT)
		*missing = "there is no mdev_sim";
	else if (ret)
		return ret;
	else if (!fail_prepare())
		*missing = "the kernel can't let allocations fail";
	return 0;
}

/* Where a function of the kernel begins, and where the next one does */
static bool find_function(const char *function, unsigned long long *start,
			  unsigned long long *end)
{
	static unsigned long long addresses[SYMBOLS_LIMIT];
	FILE *symbols = fopen("/proc/kallsyms", "r");
	size_t count = 0, i;
	char line[512], name[256];

	*start = 0;
	*end = ULLONG_MAX;
	while (symbols && fgets(line, sizeof(line), symbols) &&
	       count < SYMBOLS_LIMIT) {
		addresses[count] = strtoull(line, NULL, 16);
		if (strstr(line, function) &&
		    sscanf(line, "%*x %*c %255s", name) == 1 &&
		    !strcmp(name, function))
			*start = addresses[count];
		count++;
	}
	if (symbols)
		fclose(symbols);
	/* Those of modules are in no order. */
	for (i = 0; i < count; i++)
		if (addresses[i] > *start && addresses[i] < *end)
			*end = addresses[i];
	return *start;
}

/* Where in the kernel something is to fail ("require"), or not ("reject") */
static bool set_range(const char *which, unsigned long long start,
		      unsigned long long end)
{
	static const char * const attributes[] = {
		FAILSLAB, DEBUGFS "/fail_page_alloc",
	};
	char start_text[32], end_text[32];
	size_t i;

	snprintf(start_text, sizeof(start_text), "0x%llx", start);
	snprintf(end_text, sizeof(end_text), "0x%llx", end);
	for (i = 0; i < ARRAY_SIZE(attributes); i++)
		if (sysfs_write("32", "%s/stacktrace-depth", attributes[i]) ||
		    sysfs_write(start_text, "%s/%s-start", attributes[i],
				which) ||
		    sysfs_write(end_text, "%s/%s-end", attributes[i], which))
			return false;
	return true;
}

bool fail_spare(const char *function)
{
	unsigned long long start = 0, end = 0;

	return (!function || find_function(function, &start, &end)) &&
	       set_range("reject", start, end);
}

bool fail_within(const char *function)
{
	unsigned long long start = 0, end = ULONG_MAX;

	return (!function || find_function(function, &start, &end)) &&
	       set_range("require", start, end);
}

bool fail_times_within(const char *function, unsigned int times)
{
	char text[16];

	if (!function)
		return apply(all_settings, ARRAY_SIZE(all_settings)) && fail_within(NULL);
	snprintf(text, sizeof(text), "%u", times);
	return fail_within(function) && !sysfs_write(text, "%s/times", FAILSLAB) &&
	       !sysfs_write("N", "%s/task-filter", FAILSLAB);
}

int fail_times_left(void)
{
	char text[16];
	int ret = sysfs_read(text, sizeof(text), "%s/times", FAILSLAB);

	return ret < 0 ? ret : atoi(text);
}

static void write_number(int fd, unsigned int number)
{
	char text[16];
	size_t length = snprintf(text, sizeof(text), "%u", number);

	/* What has just been armed may fail the copy of the text */
	while (pwrite(fd, text, length, 0) != (ssize_t)length)
		if (errno != EFAULT)
			abort();
}

void fail_arm(unsigned int nth)
{
	write_number(nth_fd, nth);
}

bool fail_disarm(void)
{
	char text[16] = "";
	bool failed;

	/* Zero is left of the number, unless reading it is what failed. */
	failed = pread(nth_fd, text, sizeof(text) - 1, 0) > 0 &&
		 !strtoul(text, NULL, 10);
	write_number(nth_fd, 0);
	return failed;
}

void fail_all_allocations(bool on)
{
	write_number(make_fd, on);
}

static bool is_sensible(const struct fail_operation *operation, int result)
{
	if (!result || result == -EFAULT)
		return true;
	return !operation->certain &&
	       (result == -ENOMEM || result == operation->other_error);
}

/* Runs the operation with the @nth call failing; @failed: whether one did. */
static int sweep_once(const struct fail_operation *operation, unsigned int nth,
		      bool *failed)
{
	int result, ret;

	ret = operation->prepare ? operation->prepare() : 0;
	if (ret) {
		ksft_print_msg("%u: can't prepare: %s\n", nth, strerror(-ret));
		return ret;
	}
	fail_arm(nth);
	result = operation->run();
	*failed = fail_disarm();

	if (*failed ? !is_sensible(operation, result) : result) {
		ksft_print_msg("%u: unexpected: %s\n", nth, strerror(-result));
		ret = -EPROTO;
	}
	if (operation->check) {
		int error = operation->check(result);

		if (error)
			ksft_print_msg("%u: after \"%s\" the check finds: %s\n",
				       nth, strerror(-result),
				       strerror(-error));
		ret = ret ? ret : error;
	}
	return ret;
}

int fail_sweep(const struct fail_operation *operation)
{
	struct state before, before_each;
	bool failed = true;
	unsigned int nth;
	int ret = 0;

	state_take(&before, false);
	state_take(&before_each, true);
	for (nth = 1; failed && !ret && nth < SWEEP_LIMIT; nth++) {
		ret = sweep_once(operation, nth, &failed);
		if (!state_is_again(&before_each)) {
			ksft_print_msg("%u: left something behind\n", nth);
			ret = -EUCLEAN;
		}
	}
	if (!state_is_again(&before) && !ret)
		ret = -EUCLEAN;
	if (failed && !ret)
		ret = -ELOOP;
	return ret ? ret : (int)nth - 2;
}
