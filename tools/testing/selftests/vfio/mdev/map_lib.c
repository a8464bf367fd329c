// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "map_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

/* Something that the kernel copies from and to */
static int pipe_fds[2];

/* What a test has mapped */
static struct {
	char *address;
	size_t size;
} mappings[8];
static unsigned int nr_mappings;

int map_prepare(void)
{
	return pipe(pipe_fds) ? -errno : 0;
}

void map_finish(void)
{
	while (nr_mappings) {
		nr_mappings--;
		munmap(mappings[nr_mappings].address,
		       mappings[nr_mappings].size);
	}
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

uint64_t map_load(const void *address, int *error)
{
	uint64_t value = 0;

	*error = 0;
	if (write(pipe_fds[1], address, sizeof(value)) != sizeof(value)) {
		*error = -errno;
		return 0;
	}
	if (read(pipe_fds[0], &value, sizeof(value)) != sizeof(value))
		*error = -EIO;
	return value;
}

int map_store(void *address, uint64_t value)
{
	char buffer[sizeof(value)];

	if (write(pipe_fds[1], &value, sizeof(value)) != sizeof(value))
		return -EIO;
	if (read(pipe_fds[0], address, sizeof(value)) == sizeof(value))
		return 0;
	/* What was not read is still in there */
	return read(pipe_fds[0], buffer, sizeof(buffer)) > 0 ? -EFAULT : -EIO;
}

char *map_at(int fd, uint32_t region, uint64_t offset, size_t size,
	     size_t alignment, size_t skew)
{
	size_t reserved = size + 2 * alignment;
	char *area = mmap(NULL, reserved, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *address;

	if (area == MAP_FAILED)
		return MAP_FAILED;
	address = area + (alignment - (uintptr_t)area % alignment) % alignment +
		  offset % alignment + skew;
	munmap(area, reserved);
	address = mmap(address, size, RW, MAP_SHARED | MAP_FIXED_NOREPLACE, fd,
		       vfio_position(region, offset));
	if (address != MAP_FAILED) {
		mappings[nr_mappings].address = address;
		mappings[nr_mappings].size = size;
		nr_mappings++;
	}
	return address;
}

char *map_new(int fd, uint32_t region, uint64_t offset, size_t size)
{
	return map_at(fd, region, offset, size, HUGE, 0);
}

int map_and_store(int fd)
{
	char *bar = map_new(fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);

	if (bar == MAP_FAILED)
		return 1;
	__atomic_store_n(bar, 0, __ATOMIC_RELAXED);
	return 0;
}

size_t map_pmd_size(void)
{
	struct utsname name;

	return uname(&name) || strcmp(name.machine, "s390x") ? HUGE : HUGE / 2;
}

uint64_t map_faults(int fd, uint32_t region)
{
	return sim_register(fd, MDEV_SIM_REG_FAULTS(region));
}

int map_invalidate(int fd, uint32_t region, uint64_t offset, uint64_t size)
{
	return SIM_COMMAND(fd, MDEV_SIM_INVALIDATE,
			   vfio_position(region, offset), size);
}

int64_t map_reback(int fd, uint32_t region)
{
	const uint64_t argument[4] = { region };
	uint64_t generation = 0;
	int ret = sim_command(fd, 1, MDEV_SIM_REBACK, argument, &generation);

	return ret ? ret : (int64_t)generation;
}
