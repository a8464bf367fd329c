// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random accesses, mappings and mdev_sim commands on a device fd, valid and
 * invalid. fuzz_ioctl_lib.c has the ioctls.
 */
#include <endian.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/mman.h>

#include "fuzz_lib.h"
#include "kselftest.h"
#include "migration_lib.h"
#include "random_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define PAGE_SIZE	0x1000UL
#define BUFFER_SIZE	(32 * PAGE_SIZE)

/* Magic, version, type, and the length of the state that follows */
#define STREAM_HEADER	0x48

/* Where everything is mapped, so that nothing else of the process is hit */
#define ARENA_SIZE	(64UL << 20)

static char *arena;
static char *buffer;
static sigjmp_buf after_fault;

static void skip_fault(int signal)
{
	(void)signal;
	siglongjmp(after_fault, 1);
}

/* Address space without access, so that no other mapping is placed there */
static bool reserve(void *start, size_t size)
{
	return mmap(start, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		    MAP_NORESERVE | (start ? MAP_FIXED : 0), -1, 0) !=
	       MAP_FAILED;
}

bool fuzz_prepare(void)
{
	signal(SIGBUS, skip_fault);
	signal(SIGSEGV, skip_fault);
	arena = mmap(NULL, ARENA_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		     MAP_NORESERVE, -1, 0);
	/* With a page behind it that can't be accessed */
	buffer = mmap(NULL, BUFFER_SIZE + PAGE_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return arena != MAP_FAILED && buffer != MAP_FAILED &&
	       !mprotect(buffer + BUFFER_SIZE, PAGE_SIZE, PROT_NONE);
}

/* Near the begin, the end, or in the middle of some region, or nowhere */
static off_t any_position(void)
{
	static const uint64_t sizes[] = {
		0, 8, 0x40, 0x100, 0x1000, 0x10000, 0x400000, 0x40000000,
	};
	uint64_t offset;

	if (random_once_in(10))
		return random_extreme();
	offset = random_once_in(4) ? random_extreme() & ((1ULL << 40) - 1) :
				     sizes[random_below(ARRAY_SIZE(sizes))];
	return vfio_position(random_below(11),
			     offset + random_below(32) - random_below(16));
}

/* Commands may be slow when they mean much: fuzz_command() has those. */
static bool hits_channels(off_t position, size_t size)
{
	return position < MDEV_SIM_REG_CHANNEL(MDEV_SIM_NR_CHANNELS) &&
	       position + (off_t)size > MDEV_SIM_REG_CHANNEL(0);
}

void fuzz_access(int device)
{
	static const size_t sizes[] = { 1, 2, 4, 8, 0, 3, 5, 16, 4096, 70000 };
	off_t position = any_position();
	size_t size = sizes[random_below(ARRAY_SIZE(sizes))];
	struct iovec vectors[2];
	char *start = buffer;

	if (random_once_in(3))
		size = random_below(BUFFER_SIZE);
	if (random_once_in(8))
		start += BUFFER_SIZE - random_below(size + 1);
	if (random_once_in(4)) {
		vectors[0] = (struct iovec){ start, size / 3 };
		vectors[1] = (struct iovec){ start, size - size / 3 };
		preadv(device, vectors, 2, position);
		return;
	}
	if (random_once_in(2) || hits_channels(position, size))
		pread(device, start, size, position);
	else
		pwrite(device, start, size, position);
}

/* Where the last mappings of the device were made */
static struct {
	char *start;
	size_t size;
} recent[4];
static unsigned int next_recent;

/* Half the time one that is mapped, unless it is not any more */
static char *any_page(void)
{
	unsigned int number = random_below(2 * ARRAY_SIZE(recent));

	if (number >= ARRAY_SIZE(recent) || !recent[number].start)
		return arena + PAGE_SIZE * random_below(ARENA_SIZE / PAGE_SIZE);
	if (random_once_in(2))
		return recent[number].start;
	return recent[number].start +
	       PAGE_SIZE * random_below(recent[number].size / PAGE_SIZE);
}

/* Near the begin of a region, which is where most can be mapped */
static off_t any_mappable_position(void)
{
	if (random_once_in(3))
		return any_position();
	return vfio_position(VFIO_PCI_BAR2_REGION_INDEX + random_below(3),
			     PAGE_SIZE * random_below(16));
}

/* From @start on, and no further than the arena */
static size_t any_size(const char *start)
{
	size_t most = arena + ARENA_SIZE - start;
	size_t size = PAGE_SIZE << random_below(12);

	size = random_once_in(3) ? size * 3 / 2 / PAGE_SIZE * PAGE_SIZE : size;
	return size && size < most ? size : most;
}

static int any_protection(void)
{
	return random_below(PROT_READ | PROT_WRITE | PROT_EXEC) + 1;
}

static void fuzz_mmap(int device)
{
	static const int flags[] = {
		MAP_SHARED, MAP_SHARED, MAP_SHARED, MAP_SHARED_VALIDATE,
		MAP_PRIVATE, MAP_SHARED | MAP_POPULATE,
		MAP_SHARED | MAP_LOCKED, MAP_SHARED | MAP_NORESERVE,
	};
	int protection = PROT_READ | PROT_WRITE;
	char *start = any_page();
	off_t position = any_mappable_position();
	size_t size;

	if (!random_once_in(8))
		position &= ~(PAGE_SIZE - 1);
	/* Where huge pages are possible */
	if (random_once_in(3)) {
		start = arena + ((uintptr_t)(start - arena) & ~0x1fffffUL);
		position &= ~0x1fffffUL;
	}
	if (random_once_in(3))
		protection = any_protection();
	size = any_size(start);
	if (mmap(start, size, protection,
		 flags[random_below(ARRAY_SIZE(flags))] | MAP_FIXED, device,
		 position) == MAP_FAILED)
		return;
	recent[next_recent].start = start;
	recent[next_recent].size = size;
	next_recent = (next_recent + 1) % ARRAY_SIZE(recent);
}

static void fuzz_mremap(void)
{
	char *from = any_page(), *to = any_page();
	size_t old_size = any_size(from), new_size = any_size(to);

	if (mremap(from, random_once_in(8) ? 0 : old_size, new_size,
		   MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED &&
	    from != to)
		reserve(from, PAGE_SIZE);
}

static void fuzz_madvise(void)
{
	static const int advices[] = {
		MADV_NORMAL, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE,
		MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_MERGEABLE,
		MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DODUMP, MADV_COLD,
		MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE,
		MADV_COLLAPSE,
	};
	char *start = any_page();

	madvise(start, any_size(start), advices[random_below(ARRAY_SIZE(advices))]);
}

static void fuzz_arena(void)
{
	char *start = any_page();
	unsigned int count = random_below(8);

	if (sigsetjmp(after_fault, 1))
		return;
	while (count-- && start < arena + ARENA_SIZE) {
		char *byte = start + random_below(PAGE_SIZE);

		if (random_once_in(2))
			__atomic_store_n(byte, 1, __ATOMIC_RELAXED);
		else
			__atomic_load_n(byte, __ATOMIC_RELAXED);
		start += PAGE_SIZE * random_below(600);
	}
}

void fuzz_mapping(int device)
{
	char *start = any_page();
	size_t size = any_size(start);

	switch (random_below(12)) {
	case 0 ... 3:
		fuzz_mmap(device);
		break;
	case 4:
		mprotect(start, size, any_protection());
		break;
	case 5:
		fuzz_mremap();
		break;
	case 6:
		fuzz_madvise();
		break;
	case 7:
		reserve(start, size);
		break;
	case 8:
		msync(start, size, MS_SYNC);
		break;
	default:
		fuzz_arena();
	}
}

void fuzz_unmap_all(void)
{
	reserve(arena, ARENA_SIZE);
}

/* What is mapped for DMA, more or less */
static void aim_at_memory(uint64_t argument[4])
{
	argument[0] = PAGE_SIZE * random_below(FUZZ_NR_PAGES + 1);
	if (!random_once_in(4))
		argument[1] = random_below(FUZZ_NR_PAGES);
	if (!random_once_in(4))
		argument[2] = 1 + random_below(3);
}

void fuzz_command(int device)
{
	uint64_t argument[4];
	uint32_t command = random_below(MDEV_SIM_NR_COMMANDS + 1);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(argument); i++)
		argument[i] = random_once_in(2) ? random_below(10) :
						  random_extreme();
	/* It does not answer before it has marked each page */
	if (command == MDEV_SIM_DIRTY)
		argument[1] = random_below(64 * PAGE_SIZE);
	if ((command == MDEV_SIM_PIN || command == MDEV_SIM_UNPIN) &&
	    !random_once_in(4))
		aim_at_memory(argument);
	sim_command(device, random_below(MDEV_SIM_NR_CHANNELS), command,
		    argument, NULL);
}

/* A longer or shorter state, with the length in the header updated */
static size_t resize(size_t size)
{
	size_t new_size = STREAM_HEADER + random_below(2 * size);
	uint64_t length = htole64(new_size - STREAM_HEADER);

	memcpy(buffer + STREAM_HEADER - sizeof(length), &length,
	       sizeof(length));
	return new_size;
}

/*
 * A state that was saved and is loaded again, with some of its bytes changed,
 * most of them where it begins, or cut off.
 */
void fuzz_migration(int device)
{
	unsigned int count = random_below(4);
	ssize_t size;

	vfio_ioctl(device, VFIO_DEVICE_RESET, NULL);
	size = migration_save(device, buffer, BUFFER_SIZE);
	vfio_ioctl(device, VFIO_DEVICE_RESET, NULL);
	if (size <= 0)
		return;
	while (count--) {
		size_t limit = random_once_in(4) ? BUFFER_SIZE / 32 :
						   STREAM_HEADER;
		uint64_t word = random_extreme();
		size_t place = random_below(limit + 16);

		/* What is changed behind the end is not loaded. */
		memcpy(buffer + place, &word, 1 << random_below(4));
	}
	if (random_once_in(4))
		size = random_below(size);
	else if (random_once_in(2))
		size = resize(size);
	migration_load(device, buffer, size);
}

void fuzz_data(int data)
{
	size_t size = random_below(BUFFER_SIZE);
	char *start = buffer;

	if (random_once_in(8))
		start += BUFFER_SIZE - random_below(size + 1);
	switch (random_below(6)) {
	case 0:
		read(data, start, size);
		break;
	case 1:
		write(data, start, size);
		break;
	case 2:
		pread(data, start, size, random_extreme());
		break;
	case 3:
		lseek(data, random_extreme(), SEEK_SET);
		break;
	case 4:
		ioctl(data, random_once_in(2) ? VFIO_MIG_GET_PRECOPY_INFO :
		      random_extreme(), start);
		break;
	default:
		ftruncate(data, random_below(1 << 20));
	}
}
