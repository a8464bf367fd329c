// SPDX-License-Identifier: GPL-2.0-only
/* Trace events as an administrator uses them, in an instance of tracefs. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mdev_lib.h"
#include "trace_lib.h"

#define TRACEFS		"/sys/kernel/tracing"
#define INSTANCE	TRACEFS "/instances/mdev_selftest"
#define RECORD_NAMES	TRACEFS "/options/record-cmd"

static int tracing_on = -1;

/*
 * Names of tasks come from tracepoints of the scheduler. They would be patched
 * in while other processors run them, for each event enabled: QEMU's TCG doesn't
 * survive that always. An instance takes over what is set when it is made.
 */
static int make_instance(void)
{
	char names[4];
	int ret;

	ret = sysfs_read(names, sizeof(names), RECORD_NAMES);
	if (ret < 0)
		return ret;
	ret = sysfs_write("0", RECORD_NAMES);
	if (ret)
		return ret;
	ret = mkdir(INSTANCE, 0700) ? -errno : 0;
	return sysfs_write(names, RECORD_NAMES) ?: ret;
}

int trace_prepare(void)
{
	int ret;

	if (!path_exists(TRACEFS "/events") &&
	    mount("nodev", TRACEFS, "tracefs", 0, NULL))
		return errno == ENOENT || errno == ENODEV ? -EOPNOTSUPP :
							    -errno;
	if (!path_exists(TRACEFS "/events"))
		return -EOPNOTSUPP;
	/* One that a test has left would have events enabled */
	trace_end();
	ret = make_instance();
	if (ret)
		return ret;
	tracing_on = open(INSTANCE "/tracing_on", O_WRONLY | O_CLOEXEC);
	return tracing_on < 0 ? -errno : 0;
}

int trace_end(void)
{
	/* As long as it is open, the instance is in use */
	if (tracing_on >= 0)
		close(tracing_on);
	tracing_on = -1;
	return rmdir(INSTANCE) ? -errno : 0;
}

int trace_start(void)
{
	return write(tracing_on, "1", 1) == 1 ? 0 : -errno;
}

int trace_stop(void)
{
	return write(tracing_on, "0", 1) == 1 ? 0 : -errno;
}

int trace_enable(const char *event, bool enabled)
{
	return sysfs_write(enabled ? "1" : "0", INSTANCE "/events/%s/enable",
			   event);
}

int trace_filter(const char *event, const char *filter)
{
	return sysfs_write(filter, INSTANCE "/events/%s/filter", event);
}

static int count_lines(const char *pattern)
{
	FILE *file = fopen(INSTANCE "/trace", "r");
	char *line = NULL;
	size_t size = 0;
	int count = 0;

	if (!file)
		return -errno;
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '#' && !fnmatch(pattern, line, 0))
			count++;
	}
	free(line);
	fclose(file);
	return count;
}

int trace_count(const char *pattern_format, ...)
{
	char pattern[512] = "*";
	va_list arguments;

	va_start(arguments, pattern_format);
	vsnprintf(pattern + 1, sizeof(pattern) - 1, pattern_format, arguments);
	va_end(arguments);
	return count_lines(pattern);
}

int trace_count_all(void)
{
	return count_lines("*");
}
