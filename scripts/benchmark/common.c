// SPDX-License-Identifier: GPL-2.0-only
/* What the programs that measure share. */
#include <err.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "common.h"

static int container;

double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

void report(const char *what, int devices, const double *ns, int count)
{
	int i;

	printf("{\"what\": \"%s\", \"devices\": %d, \"ns\": [", what, devices);
	for (i = 0; i < count; i++)
		printf("%s%.0f", i ? ", " : "", ns[i]);
	printf("]}\n");
	fflush(stdout);
}

void group_path(char *path, size_t size, const char *uuid)
{
	char link[PATH_MAX];
	char target[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof(link), DEVICES "/%s/iommu_group", uuid);
	length = readlink(link, target, sizeof(target) - 1);
	if (length < 0)
		err(1, "%s", link);
	target[length] = '\0';
	snprintf(path, size, "/dev/vfio/%s", basename(target));
}

int open_group(const char *path)
{
	int group = open(path, O_RDWR);

	if (group < 0)
		err(1, "%s", path);
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container))
		err(1, "%s: VFIO_GROUP_SET_CONTAINER", path);
	return group;
}

int open_device(int group, const char *uuid)
{
	int device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, uuid);

	if (device < 0)
		err(1, "%s: VFIO_GROUP_GET_DEVICE_FD", uuid);
	return device;
}

int open_first(const char *uuid)
{
	char path[64];
	int group;

	container = open("/dev/vfio/vfio", O_RDWR);
	if (container < 0)
		err(1, "/dev/vfio/vfio");
	group_path(path, sizeof(path), uuid);
	group = open_group(path);
	if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		err(1, "VFIO_SET_IOMMU");
	return open_device(group, uuid);
}

int container_file(void)
{
	return container;
}

__u64 region_start(int device, unsigned int index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "VFIO_DEVICE_GET_REGION_INFO of region %u", index);
	return info.offset;
}
