// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel has and counts, taken before and after something that has to
 * leave no trace.
 */
#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mdev_lib.h"
#include "state_lib.h"

/* Some references are given back by workers of the kernel. */
#define PATIENCE_MS	3000
#define PAUSE_MS	20

/* What to look at; directories end in a slash. */
static const char * const brief_paths[] = {
	"/sys/bus/mdev/devices/",
	"/sys/class/vfio-dev/",
	"/sys/kernel/iommu_groups/",
	"/proc/self/fd/",
};

static const char * const other_paths[] = {
	"/sys/bus/mdev/devices/*/",
	"/sys/bus/mdev/drivers/*/",
	"/sys/class/mdev_bus/",
	"/sys/class/mdev_bus/*/",
	"/sys/class/mdev_bus/*/mdev_supported_types/*/devices/",
	"/sys/class/mdev_bus/*/mdev_supported_types/*/available_instances",
	"/sys/class/vfio/",
	"/sys/kernel/debug/mdev_sim/devices",
	"/sys/kernel/debug/mdev_sim/pages",
	"/sys/kernel/debug/mdev_sim/pins",
	"/sys/kernel/debug/mdev_sim/violations",
	"/dev/vfio/",
	"/dev/vfio/devices/",
};

static void add_file(FILE *stream, const char *path)
{
	char value[128];
	int ret = sysfs_read(value, sizeof(value), "%s", path);

	fprintf(stream, "%s: %s\n", path, ret < 0 ? strerror(-ret) : value);
}

/*
 * Name and number of references of each module. Those that were loaded again
 * stand in another place, so the lines are sorted as directories are.
 */
static int compare_lines(const void *line, const void *other)
{
	return strcmp(line, other);
}

static void add_modules(FILE *stream)
{
	FILE *modules = fopen("/proc/modules", "r");
	char lines[64][64], name[48];
	size_t count = 0, i;
	int references;

	if (!modules)
		return;
	while (count < ARRAY_SIZE(lines) &&
	       fscanf(modules, "%47s %*u %d%*[^\n]", name, &references) == 2)
		snprintf(lines[count++], sizeof(lines[0]), "%s %d", name,
			 references);
	fclose(modules);
	qsort(lines, count, sizeof(lines[0]), compare_lines);
	for (i = 0; i < count; i++)
		fprintf(stream, "module %s\n", lines[i]);
}

static int is_entry(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void add_directory(FILE *stream, const char *path)
{
	struct dirent **entries;
	int count, i;

	count = scandir(path, &entries, is_entry, alphasort);
	if (count < 0)
		return;
	fprintf(stream, "%s:", path);
	for (i = 0; i < count; i++) {
		fprintf(stream, " %s", entries[i]->d_name);
		free(entries[i]);
	}
	fprintf(stream, "\n");
	free(entries);
}

static void add_path(FILE *stream, const char *path)
{
	if (path[strlen(path) - 1] == '/')
		add_directory(stream, path);
	else
		add_file(stream, path);
}

static void add_pattern(FILE *stream, const char *pattern)
{
	glob_t found;
	size_t i;

	if (glob(pattern, 0, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++)
		add_path(stream, found.gl_pathv[i]);
	globfree(&found);
}

void state_take(struct state *state, bool brief)
{
	FILE *stream = fmemopen(state->text, sizeof(state->text), "w");
	size_t i;

	state->brief = brief;
	add_modules(stream);
	for (i = 0; i < ARRAY_SIZE(brief_paths); i++)
		add_path(stream, brief_paths[i]);
	for (i = 0; !brief && i < ARRAY_SIZE(other_paths); i++)
		add_pattern(stream, other_paths[i]);
	fclose(stream);
}

static size_t line_length(const char *line)
{
	return strcspn(line, "\n");
}

static bool has_line(const char *text, const char *line)
{
	size_t length = line_length(line);

	for (; *text; text += line_length(text), text += *text == '\n')
		if (line_length(text) == length &&
		    !strncmp(text, line, length))
			return true;
	return false;
}

static void print_lines_without(const char *title, const char *text,
				const char *other)
{
	for (; *text; text += line_length(text), text += *text == '\n')
		if (!has_line(other, text))
			ksft_print_msg("%s: %.*s\n", title,
				       (int)line_length(text), text);
}

bool state_is_again(const struct state *before)
{
	struct state now;
	unsigned int waited;

	for (waited = 0; waited < PATIENCE_MS; waited += PAUSE_MS) {
		state_take(&now, before->brief);
		if (!strcmp(before->text, now.text))
			return true;
		sleep_ms(PAUSE_MS);
	}
	print_lines_without("before", before->text, now.text);
	print_lines_without("after", now.text, before->text);
	return false;
}
