// SPDX-License-Identifier: GPL-2.0-only
/*
 * work: what a mediated device costs while it works for its user: page faults of
 * mapped regions, invalidations, interrupts, DMA, migration. The devices are of
 * mdev_sim, whose trapped registers take commands, and which has 1 GiB of
 * reserved memory to be mapped whole.
 *
 * Prints a line of JSON for each series of samples, and on standard error what
 * it is doing.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "common.h"
#include "mdev_sim_uapi.h"

#define CREATE	"/sys/devices/platform/mdev_sim_full.0/mdev_supported_types/mdev_sim-pci/create"
#define KNOBS	"/sys/kernel/debug/mdev_sim"
#define UUID_A	"6d646576-6265-4e63-8000-aaaaaaaaaaaa"
#define UUID_B	"6d646576-6265-4e63-8000-bbbbbbbbbbbb"

#define BAR0	VFIO_PCI_BAR0_REGION_INDEX
#define BAR4	VFIO_PCI_BAR4_REGION_INDEX
#define MSIX	VFIO_PCI_MSIX_IRQ_INDEX

#define SMALL	0x1000ULL
#define LARGE	0x200000ULL
#define HUGE	0x40000000ULL

/* Samples; and of what is short, each the mean of a batch */
#define SAMPLES		51
#define BATCH		100
/* Of what takes long */
#define FEW_SAMPLES	5

#define PINS		512
#define PIN_IOVA	0x100000
#define STATE_SIZE	(16 << 20)

static int device;
static __u64 registers;

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "%s", path);
	close(fd);
}

static void set_knob(const char *name, __u64 value)
{
	char path[64], text[24];

	snprintf(path, sizeof(path), KNOBS "/%s", name);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	write_file(path, text);
}

/* Commands: the arguments stay, so that each costs one trapped access */

static void set_arguments(__u64 first, __u64 second, __u64 third)
{
	__u64 arguments[] = { first, second, third, 0 };

	if (pwrite(device, arguments, sizeof(arguments),
		   registers + MDEV_SIM_REG_CHANNEL(0)) != sizeof(arguments))
		err(1, "arguments of a command");
}

static void run_command(__u32 number)
{
	off_t pos = registers + MDEV_SIM_REG_CHANNEL(0) +
		    offsetof(struct mdev_sim_command, command);

	if (pwrite(device, &number, sizeof(number), pos) != sizeof(number))
		err(1, "command %u", number);
}

static void check_result(void)
{
	off_t pos = registers + MDEV_SIM_REG_CHANNEL(0) +
		    offsetof(struct mdev_sim_command, result);
	__s32 result;

	if (pread(device, &result, sizeof(result), pos) != sizeof(result))
		err(1, "result of a command");
	if (result) {
		errno = -result;
		err(1, "a command");
	}
}

static double batch_of(__u32 number, int count)
{
	double start = now(), end;
	int i;

	for (i = 0; i < count; i++)
		run_command(number);
	end = now();
	check_result();
	return (end - start) / count;
}

/* Mapped regions */

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* Where the largest page table entries can be used */
static char *map_bar(__u64 size)
{
	char *room, *map;

	room = mmap(NULL, 2 * HUGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		err(1, "addresses for a BAR");
	map = (char *)(((uintptr_t)room + HUGE - 1) & ~(HUGE - 1));
	munmap(room, map - room);
	munmap(map + HUGE, room + HUGE - map);
	if (mmap(map, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 device, region_start(device, BAR4)) == MAP_FAILED)
		err(1, "BAR4");
	return map;
}

static double access_pages(char *map, __u64 size)
{
	double start = now();
	__u64 offset;

	for (offset = 0; offset < size; offset += SMALL)
		__atomic_load_n(&map[offset], __ATOMIC_RELAXED);
	return now() - start;
}

static void measure_access(__u64 size, __u64 block)
{
	double first[SAMPLES], again[SAMPLES];
	int count = block == SMALL ? FEW_SAMPLES : SAMPLES;
	long before, taken = 0;
	char what[64];
	int i;

	set_knob("map_block", block);
	for (i = 0; i < count; i++) {
		char *map = map_bar(size);

		before = faults();
		first[i] = access_pages(map, size);
		taken = faults() - before;
		again[i] = access_pages(map, size);
		munmap(map, HUGE);
	}
	snprintf(what, sizeof(what), "access %llu MiB by %llu KiB", size >> 20,
		 block >> 10);
	report(what, 1, first, count);
	printf("{\"what\": \"%s\", \"faults\": %ld}\n", what, taken);
	snprintf(what, sizeof(what), "access again %llu MiB by %llu KiB",
		 size >> 20, block >> 10);
	report(what, 1, again, count);
}

/* Of 2 MiB in the middle, while all of the BAR is mapped */
static void measure_invalidate(__u64 block)
{
	double invalidate[SAMPLES], refault[SAMPLES];
	char *map = map_bar(HUGE);
	char what[64];
	double start;
	int i;

	set_knob("map_block", block);
	set_arguments(region_start(device, BAR4) + HUGE / 2, LARGE, 0);
	access_pages(map, HUGE);
	for (i = 0; i < SAMPLES; i++) {
		start = now();
		run_command(MDEV_SIM_INVALIDATE);
		invalidate[i] = now() - start;
		refault[i] = access_pages(map + HUGE / 2, LARGE);
	}
	check_result();
	munmap(map, HUGE);
	snprintf(what, sizeof(what), "invalidate 2 MiB by %llu KiB",
		 block >> 10);
	report(what, 1, invalidate, SAMPLES);
	snprintf(what, sizeof(what), "refault 2 MiB by %llu KiB", block >> 10);
	report(what, 1, refault, SAMPLES);
}

static void measure_mapped(void)
{
	static const __u64 sizes[] = { HUGE / 4, HUGE };
	static const __u64 blocks[] = { SMALL, LARGE, HUGE };
	size_t size, block;

	for (block = 0; block < ARRAY_SIZE(blocks); block++) {
		for (size = 0; size < ARRAY_SIZE(sizes); size++)
			if (blocks[block] <= sizes[size])
				measure_access(sizes[size], blocks[block]);
		measure_invalidate(blocks[block]);
	}
}

/* Interrupts */

static double read_at;

static void *wait_for_eventfd(void *arg)
{
	int *pair = arg;
	__u64 count;

	while (read(pair[0], &count, sizeof(count)) == sizeof(count)) {
		read_at = now();
		if (write(pair[1], &count, sizeof(count)) < 0)
			break;
	}
	return NULL;
}

static int set_interrupt(void)
{
	struct {
		struct vfio_irq_set set;
		__s32 fd;
	} irqs = {
		.set = {
			.argsz = sizeof(irqs),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = MSIX,
			.count = 1,
		},
		.fd = eventfd(0, EFD_CLOEXEC),
	};

	if (irqs.fd < 0 || ioctl(device, VFIO_DEVICE_SET_IRQS, &irqs))
		err(1, "VFIO_DEVICE_SET_IRQS");
	return irqs.fd;
}

static double eventfd_batch(int fd, bool interrupt)
{
	double start = now();
	__u64 count = 1;
	int i;

	for (i = 0; i < BATCH; i++) {
		if (interrupt)
			run_command(MDEV_SIM_IRQ_TRIGGER);
		else if (write(fd, &count, sizeof(count)) < 0)
			err(1, "write of an eventfd");
		if (read(fd, &count, sizeof(count)) < 0 || count != 1)
			err(1, "an eventfd that was signalled");
	}
	return (now() - start) / BATCH;
}

/* Another thread waits for the interrupt and signals an eventfd when it has come. */
static void measure_waiter(int fd)
{
	int pair[2] = { fd, eventfd(0, EFD_CLOEXEC) };
	double ns[SAMPLES];
	pthread_t thread;
	double start;
	__u64 count;
	int i;

	if (pthread_create(&thread, NULL, wait_for_eventfd, pair))
		errx(1, "no thread");
	for (i = 0; i < SAMPLES; i++) {
		/* Time to fall asleep */
		usleep(1000);
		start = now();
		run_command(MDEV_SIM_IRQ_TRIGGER);
		if (read(pair[1], &count, sizeof(count)) < 0)
			err(1, "the thread that waits");
		ns[i] = read_at - start;
	}
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	report("interrupt to a waiting thread", 1, ns, SAMPLES);
}

static void measure_interrupts(void)
{
	double nop[SAMPLES], floor[SAMPLES], interrupt[SAMPLES];
	int fd = set_interrupt();
	int i;

	set_arguments(MSIX, 0, 0);
	for (i = 0; i < SAMPLES; i++) {
		nop[i] = batch_of(MDEV_SIM_NOP, BATCH);
		floor[i] = eventfd_batch(fd, false);
		interrupt[i] = eventfd_batch(fd, true);
	}
	check_result();
	report("command", 1, nop, SAMPLES);
	report("eventfd", 1, floor, SAMPLES);
	report("interrupt", 1, interrupt, SAMPLES);
	measure_waiter(fd);
}

/* DMA */

static void map_memory(void)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.iova = PIN_IOVA,
		.size = PINS * SMALL,
	};
	void *memory = mmap(NULL, map.size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		err(1, "memory for DMA");
	map.vaddr = (uintptr_t)memory;
	if (ioctl(container_file(), VFIO_IOMMU_MAP_DMA, &map))
		err(1, "VFIO_IOMMU_MAP_DMA");
}

static void measure_pins(int pages)
{
	double pin[SAMPLES], unpin[SAMPLES];
	char what[32];
	int i;

	set_arguments(PIN_IOVA, pages, 3);
	for (i = 0; i < SAMPLES; i++) {
		pin[i] = batch_of(MDEV_SIM_PIN, BATCH / 10);
		unpin[i] = batch_of(MDEV_SIM_UNPIN, BATCH / 10);
	}
	snprintf(what, sizeof(what), "pin %d", pages);
	report(what, 1, pin, SAMPLES);
	snprintf(what, sizeof(what), "unpin %d", pages);
	report(what, 1, unpin, SAMPLES);
}

/* Open, close and migration */

static void measure_open(void)
{
	double ns[SAMPLES];
	char path[64];
	int i;

	group_path(path, sizeof(path), UUID_B);
	for (i = 0; i < SAMPLES; i++) {
		double start = now();
		int group = open_group(path);

		close(open_device(group, UUID_B));
		close(group);
		ns[i] = now() - start;
	}
	report("open and close", 2, ns, SAMPLES);
}

/* Answers the file for the data, if there is one in that state. */
static int go_to_state(int fd, __u32 state)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_mig_state mig;
	} request = {
		.feature = {
			.argsz = sizeof(request),
			.flags = VFIO_DEVICE_FEATURE_SET |
				 VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
		},
		.mig = { .device_state = state },
	};

	if (ioctl(fd, VFIO_DEVICE_FEATURE, &request))
		err(1, "migration state %u", state);
	return request.mig.data_fd;
}

static size_t read_all(int fd, char *data, size_t size)
{
	size_t done = 0;
	ssize_t ret;

	while ((ret = read(fd, data + done, size - done)) > 0)
		done += ret;
	if (ret < 0)
		err(1, "migration data");
	return done;
}

static void write_all(int fd, const char *data, size_t size)
{
	size_t done = 0;
	ssize_t ret;

	for (; done < size; done += ret) {
		ret = write(fd, data + done, size - done);
		if (ret < 0)
			err(1, "migration data");
	}
}

static void measure_migration(int target)
{
	double floor[SAMPLES], save[SAMPLES], load[SAMPLES], start;
	size_t room = STATE_SIZE + SMALL, size;
	int zero = open("/dev/zero", O_RDONLY);
	char *data = malloc(room);
	int i, fd;

	set_knob("state_size", STATE_SIZE);
	for (i = 0; i < SAMPLES; i++) {
		start = now();
		if (read(zero, data, STATE_SIZE) != STATE_SIZE)
			err(1, "/dev/zero");
		floor[i] = now() - start;

		start = now();
		fd = go_to_state(device, VFIO_DEVICE_STATE_STOP_COPY);
		size = read_all(fd, data, room);
		save[i] = now() - start;
		close(fd);
		go_to_state(device, VFIO_DEVICE_STATE_RUNNING);

		start = now();
		fd = go_to_state(target, VFIO_DEVICE_STATE_RESUMING);
		write_all(fd, data, size);
		go_to_state(target, VFIO_DEVICE_STATE_RUNNING);
		load[i] = now() - start;
		close(fd);
	}
	report("zero read 16 MiB", 2, floor, SAMPLES);
	report("save 16 MiB", 2, save, SAMPLES);
	report("load 16 MiB", 2, load, SAMPLES);
	free(data);
	close(zero);
}

int main(void)
{
	char path[64];

	write_file(CREATE, UUID_A);
	write_file(CREATE, UUID_B);
	device = open_first(UUID_A);
	registers = region_start(device, BAR0);

	fprintf(stderr, "    mapped regions\n");
	measure_mapped();
	fprintf(stderr, "    interrupts, DMA, migration\n");
	measure_interrupts();
	map_memory();
	measure_pins(1);
	measure_pins(PINS);
	measure_open();
	group_path(path, sizeof(path), UUID_B);
	measure_migration(open_device(open_group(path), UUID_B));
	return 0;
}
