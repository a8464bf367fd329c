// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mediated devices as an administrator handles them: sysfs files, creation and
 * removal, kernel modules.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mdev_lib.h"

/* How long users of a device may take to end before that is an error. */
#define PATIENCE_MS	5000
#define PAUSE_MS	10

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void sleep_ms(unsigned int milliseconds)
{
	struct timespec time = {
		.tv_sec = milliseconds / 1000,
		.tv_nsec = milliseconds % 1000 * 1000000L,
	};

	nanosleep(&time, NULL);
}

void uuid_numbered(char uuid[UUID_SIZE], unsigned int number)
{
	snprintf(uuid, UUID_SIZE, UUID_PREFIX "%012x", number);
}

bool path_exists(const char *path_format, ...)
{
	char path[PATH_MAX];
	va_list arguments;

	va_start(arguments, path_format);
	vsnprintf(path, sizeof(path), path_format, arguments);
	va_end(arguments);
	return !access(path, F_OK);
}

bool path_same(const char *path, const char *other)
{
	struct stat status, other_status;

	return !stat(path, &status) && !stat(other, &other_status) &&
	       status.st_dev == other_status.st_dev &&
	       status.st_ino == other_status.st_ino;
}

int count_entries(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	int count = 0;

	if (!directory)
		return -errno;
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			count++;
	closedir(directory);
	return count;
}

int link_name(char *name, size_t size, const char *path_format, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	va_list arguments;
	ssize_t length;

	va_start(arguments, path_format);
	vsnprintf(path, sizeof(path), path_format, arguments);
	va_end(arguments);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	snprintf(name, size, "%s", basename(target));
	return 0;
}

static int write_file(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t written;
	int ret = 0;

	if (fd < 0)
		return -errno;
	written = write(fd, data, size);
	if (written < 0)
		ret = -errno;
	else if ((size_t)written != size)
		ret = -EIO;
	close(fd);
	return ret;
}

int sysfs_write_bytes(const void *data, size_t size,
		      const char *path_format, ...)
{
	char path[PATH_MAX];
	va_list arguments;

	va_start(arguments, path_format);
	vsnprintf(path, sizeof(path), path_format, arguments);
	va_end(arguments);
	return write_file(path, data, size);
}

int sysfs_write(const char *text, const char *path_format, ...)
{
	char path[PATH_MAX];
	va_list arguments;

	va_start(arguments, path_format);
	vsnprintf(path, sizeof(path), path_format, arguments);
	va_end(arguments);
	return write_file(path, text, strlen(text));
}

int sysfs_read(char *text, size_t size, const char *path_format, ...)
{
	char path[PATH_MAX];
	va_list arguments;
	ssize_t length;
	int fd, ret;

	va_start(arguments, path_format);
	vsnprintf(path, sizeof(path), path_format, arguments);
	va_end(arguments);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, text, size - 1);
	ret = length < 0 ? -errno : length;
	close(fd);
	if (ret < 0)
		return ret;
	if (ret && text[ret - 1] == '\n')
		ret--;
	text[ret] = '\0';
	return ret;
}

int mdev_create(const char *type, const char *uuid)
{
	return sysfs_write(uuid, MTTY_TYPES "/%s/create", type);
}

int mdev_remove(const char *uuid)
{
	return sysfs_write("1", MDEV_DEVICES "/%s/remove", uuid);
}

int mdev_available(const char *type)
{
	char text[32], *end;
	long number;
	int ret;

	ret = sysfs_read(text, sizeof(text),
			 MTTY_TYPES "/%s/available_instances", type);
	if (ret < 0)
		return ret;
	number = strtol(text, &end, 10);
	return !ret || *end || number < 0 || number > INT_MAX ?
	       -ERANGE : number;
}

static int remove_patiently(const char *uuid)
{
	unsigned int waited;
	int ret;

	for (waited = 0; waited < PATIENCE_MS; waited += PAUSE_MS) {
		ret = mdev_remove(uuid);
		if (ret != -EBUSY && ret != -EAGAIN)
			break;
		sleep_ms(PAUSE_MS);
	}
	return ret == -ENOENT || ret == -ENODEV ? 0 : ret;
}

/* The nil UUID, too: only a kernel that fails its tests takes it. */
static bool is_test_device(const char *uuid)
{
	return !strncmp(uuid, UUID_PREFIX, strlen(UUID_PREFIX)) ||
	       !strcmp(uuid, UUID_NIL);
}

int mdev_remove_all(void)
{
	DIR *directory = opendir(MDEV_DEVICES);
	struct dirent *entry;
	int ret = 0, error;

	if (!directory)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(directory))) {
		if (!is_test_device(entry->d_name))
			continue;
		error = remove_patiently(entry->d_name);
		if (error)
			ret = error;
	}
	closedir(directory);
	return ret;
}

static void remove_all_at_exit(void)
{
	mdev_remove_all();
}

/*
 * Tests run in child processes, which end without exit handlers. The program
 * itself outlives them, even one that crashed or took too long.
 */
static void __attribute__((constructor)) register_exit_handler(void)
{
	atexit(remove_all_at_exit);
}

int mdev_prepare(void)
{
	int ret = 0;

	if (!path_exists(MTTY_TYPES))
		ret = module_load("mtty");
	if (!ret && !path_exists(VFIO_MDEV))
		ret = module_load("vfio_mdev");
	return ret ? ret : mdev_remove_all();
}

bool module_is_loaded(const char *name)
{
	return path_exists("/sys/module/%s/initstate", name);
}

int module_load(const char *name)
{
	pid_t child;
	int status;

	child = fork();
	if (child < 0)
		return -errno;
	if (!child) {
		execlp("modprobe", "modprobe", "-q", name, NULL);
		_exit(127);
	}
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ENOENT;
}

int module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

bool kernel_is_patched(void)
{
	const char *patched = getenv("MDEV_PATCHED");

	return patched && !strcmp(patched, "1");
}
