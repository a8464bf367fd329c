// SPDX-License-Identifier: GPL-2.0-only
/*
 * measure [-b] LEVEL...: what mediated devices cost, through sysfs and VFIO alone,
 * so that any implementation with the sample mtty can be measured.
 *
 * Measures region accesses; then, for each level in ascending order, brings as
 * many devices into being as it says and measures what one more costs: to
 * create it, to open one, to remove one. The devices are left for the vendor
 * driver to remove. With -b devices are bare, without a bus driver that gives
 * them to VFIO, so that only creating and removing can be measured. Prints a line
 * of JSON for each series of samples, and on standard error what it is doing.
 *
 * One device, the anchor, stays open for all of that: it keeps the container
 * alive, so that opening another one costs what it costs itself.
 */
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "common.h"

#define CREATE	"/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-1/create"

/* Samples at each level; and of accesses, each the mean of a batch */
#define SAMPLES		301
#define ACCESS_SAMPLES	101
#define ACCESS_BATCH	1000

static char (*uuids)[UUID_SIZE];
static int present;
static int create_fd;

/* Devices through sysfs */

static double create_device(void)
{
	char *uuid = uuids[present++];
	double start;

	snprintf(uuid, UUID_SIZE, "%08lx-%04lx-4000-8000-%012lx", random(),
		 random() & 0xffff, random());
	start = now();
	if (write(create_fd, uuid, UUID_SIZE - 1) < 0)
		err(1, "%s, device %d", CREATE, present);
	return now() - start;
}

/* Not the anchor. Any other: a list is not as fast at each of its ends. */
static int random_device(void)
{
	return 1 + random() % (present - 1);
}

static double remove_device(void)
{
	int victim = random_device();
	char path[PATH_MAX];
	double start, end;
	int fd;

	snprintf(path, sizeof(path), DEVICES "/%s/remove", uuids[victim]);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		err(1, "%s", path);
	start = now();
	if (write(fd, "1", 1) < 0)
		err(1, "%s", path);
	end = now();
	close(fd);
	memcpy(uuids[victim], uuids[--present], UUID_SIZE);
	return end - start;
}

static void create_devices(int count)
{
	double shown = now();

	while (present < count) {
		create_device();
		if (now() - shown < 5e9)
			continue;
		shown = now();
		fprintf(stderr, "      %d of %d devices created\n", present,
			count);
	}
}

/* Devices through VFIO */

static double open_and_close(void)
{
	const char *uuid = uuids[random_device()];
	double start, end;
	int group, device;
	char path[64];

	group_path(path, sizeof(path), uuid);
	start = now();
	group = open_group(path);
	device = open_device(group, uuid);
	close(device);
	close(group);
	end = now();
	return end - start;
}

/* Accesses */

enum file { ZERO, CONFIG, BAR, FILES };

#define SCRATCH	7	/* A 16550's register without side effect */

static const struct access {
	const char *name;
	enum file file;
	bool write;
	off_t offset;
	size_t size;
} accesses[] = {
	{ "zero read 4", ZERO, false, 0, 4 },
	{ "register read 1", BAR, false, SCRATCH, 1 },
	{ "register read 4", BAR, false, 4, 4 },
	{ "register read 8", BAR, false, 0, 8 },
	{ "register write 1", BAR, true, SCRATCH, 1 },
	{ "register write 4", BAR, true, 4, 4 },
	{ "register write 8", BAR, true, 0, 8 },
	{ "config read 1", CONFIG, false, 0, 1 },
	{ "config read 4", CONFIG, false, 0, 4 },
	{ "config read 8", CONFIG, false, 0, 8 },
	{ "config write 1", CONFIG, true, PCI_INTERRUPT_LINE, 1 },
	{ "config write 4", CONFIG, true, PCI_INTERRUPT_LINE, 4 },
	{ "bulk read 128", CONFIG, false, 0, 128 },
};

#define ACCESSES	ARRAY_SIZE(accesses)

static double access_batch(const struct access *access, int fd, off_t pos)
{
	char buf[128] = {};
	double start = now();
	int i;

	for (i = 0; i < ACCESS_BATCH; i++) {
		ssize_t done = access->write ?
			       pwrite(fd, buf, access->size, pos) :
			       pread(fd, buf, access->size, pos);

		if (done != (ssize_t)access->size)
			err(1, "%s: %zd bytes done", access->name, done);
	}
	return (now() - start) / ACCESS_BATCH;
}

/* Registers are decoded if the command register says so, PCI 3.0, 6.2.2. */
static void enable_registers(int device)
{
	const __u16 command = htole16(PCI_COMMAND_IO);

	if (pwrite(device, &command, sizeof(command),
		   region_start(device, VFIO_PCI_CONFIG_REGION_INDEX) +
		   PCI_COMMAND) != sizeof(command))
		err(1, "command register");
}

/* By turns, so that what disturbs for a while disturbs all alike */
static void measure_accesses(int device)
{
	static double ns[ACCESSES][ACCESS_SAMPLES];
	const int fds[FILES] = { open("/dev/zero", O_RDONLY), device, device };
	const off_t starts[FILES] = {
		0,
		region_start(device, VFIO_PCI_CONFIG_REGION_INDEX),
		region_start(device, VFIO_PCI_BAR0_REGION_INDEX),
	};
	size_t each;
	int i;

	enable_registers(device);
	for (i = 0; i < ACCESS_SAMPLES; i++) {
		for (each = 0; each < ACCESSES; each++) {
			const struct access *access = &accesses[each];

			ns[each][i] = access_batch(access, fds[access->file],
						   starts[access->file] +
						   access->offset);
		}
	}
	for (each = 0; each < ACCESSES; each++)
		report(accesses[each].name, present, ns[each], ACCESS_SAMPLES);
}

/* Levels */

static void measure_level(int level, bool bare)
{
	static double create[SAMPLES], open[SAMPLES], remove[SAMPLES];
	int i;

	create_devices(level);
	fprintf(stderr, "    with %d device%s: create, %sremove\n", level,
		level == 1 ? "" : "s", bare ? "" : "open, ");
	for (i = 0; i < SAMPLES; i++) {
		create[i] = create_device();
		if (!bare)
			open[i] = open_and_close();
		remove[i] = remove_device();
	}
	report(bare ? "bare create" : "create", level, create, SAMPLES);
	if (!bare)
		report("open", level, open, SAMPLES);
	report(bare ? "bare remove" : "remove", level, remove, SAMPLES);
}

static long memory_kib(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = -1;

	if (!file)
		err(1, "/proc/meminfo");
	while (kib < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			kib = atol(line + strlen(name));
	fclose(file);
	return kib;
}

/* Without what the kernel caches and gives back when it needs the memory */
static void report_memory(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0 || write(fd, "3", 1) < 0)
		err(1, "/proc/sys/vm/drop_caches");
	close(fd);
	printf("{\"what\": \"memory\", \"devices\": %d, ", present);
	printf("\"available_kib\": %ld, \"slab_kib\": %ld}\n",
	       memory_kib("MemAvailable:"), memory_kib("Slab:"));
}

int main(int argc, char **argv)
{
	bool bare = argc > 1 && !strcmp(argv[1], "-b");
	int first = 1 + bare;
	int level = 0;
	int i;

	for (i = first; i < argc; i++) {
		if (atoi(argv[i]) <= level)
			errx(1, "usage: measure [-b] LEVEL..., in ascending order");
		level = atoi(argv[i]);
	}
	uuids = calloc(level + 1, sizeof(*uuids));
	if (!uuids)
		err(1, "no memory for %d devices", level);
	create_fd = open(CREATE, O_WRONLY);
	if (create_fd < 0)
		err(1, CREATE);

	create_device();
	if (!bare) {
		fprintf(stderr, "    region accesses\n");
		measure_accesses(open_first(uuids[0]));
		report_memory();
	}
	for (i = first; i < argc; i++)
		measure_level(atoi(argv[i]), bare);
	if (!bare)
		report_memory();
	return 0;
}
