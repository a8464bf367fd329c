// SPDX-License-Identifier: GPL-2.0-only
/*
 * Caching of mapped regions: page table entries of each size (PTE, PMD, PUD) have the
 * caching that MDEV_REGION_UNCACHED or MDEV_REGION_WC selects, also after mprotect() and
 * mremap(). mdev_fault_test.c has the other tests of page faults.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "map_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define MEMTYPES	"/sys/kernel/debug/x86/pat_memtype_list"

static const uint64_t blocks[] = { PAGE, 16 * PAGE, HUGE, GIANT };

FIXTURE(caching)
{
	struct vfio_user user;
	int fd;
	enum mdev_sim_caching caching;
};

FIXTURE_VARIANT(caching)
{
	enum mdev_sim_caching caching;
};

FIXTURE_VARIANT_ADD(caching, uncached) {
	.caching = MDEV_SIM_UNCACHED,
};

FIXTURE_VARIANT_ADD(caching, wc) {
	.caching = MDEV_SIM_WC,
};

FIXTURE_SETUP(caching)
{
	ASSERT_EQ(0, map_prepare());
	ASSERT_EQ(0, sim_prepare());
	if (!sim_get("bar"))
		SKIP(return, "needs -device pci-testdev,membar=1G");
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, sim_set("caching", variant->caching));
	ASSERT_EQ(0, vfio_open_container(&self->user, UUID_A));
	self->fd = self->user.device;
	/* Without PAT, x86 has no write-combining */
	self->caching = path_exists(MEMTYPES) ? variant->caching :
						MDEV_SIM_UNCACHED;
}

FIXTURE_TEARDOWN(caching)
{
	map_finish();
	vfio_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

/* enum mdev_sim_caching of the entry that maps @address, or a negative errno */
static int64_t caching_at(int fd, const void *address)
{
	const uint64_t argument[4] = { (uintptr_t)address };
	uint64_t value = 0;
	int ret = sim_command(fd, 0, MDEV_SIM_GET_CACHING, argument, &value);

	return ret ? ret : (int64_t)value;
}

static char *map_bar(int fd, uint64_t block)
{
	if (sim_set("map_block", block))
		return MAP_FAILED;
	return map_at(fd, BAR(4), 0, GIANT, GIANT, 0);
}

/* Each block takes one fault: uncached and write-combining blocks are huge, too. */
TEST_F(caching, huge_fault_block_sizes)
{
	uint64_t before, faults;
	size_t i, page;
	char *bar;

	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		bar = map_bar(self->fd, blocks[i]);
		ASSERT_NE(MAP_FAILED, bar);
		before = map_faults(self->fd, BAR(4));
		EXPECT_EQ(-EFAULT, caching_at(self->fd, bar));
		for (page = 0; page < 4; page++)
			EXPECT_EQ(0, map_store(bar + page * blocks[i] / 4, 1));
		EXPECT_EQ(self->caching, caching_at(self->fd, bar))
			TH_LOG("block %#lx", (long)blocks[i]);
		EXPECT_EQ(self->caching,
			  caching_at(self->fd, bar + blocks[i] - PAGE))
			TH_LOG("block %#lx", (long)blocks[i]);
		/* One or two more calls if the kernel first tries a larger entry */
		faults = map_faults(self->fd, BAR(4)) - before;
		EXPECT_LE(1, faults);
		EXPECT_GE(3, faults)
			TH_LOG("block %#lx: %lu", (long)blocks[i], (long)faults);
		munmap(bar, GIANT);
	}
}

/* mprotect() computes vm_page_prot again, mremap() moves or zaps entries. */
TEST_F(caching, mprotect_and_mremap)
{
	char *bar, *elsewhere;
	size_t i;
	int error;

	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		bar = map_bar(self->fd, blocks[i]);
		ASSERT_NE(MAP_FAILED, bar);
		EXPECT_EQ(0, map_store(bar, 1));
		ASSERT_EQ(0, mprotect(bar, GIANT, PROT_READ));
		EXPECT_EQ(-EFAULT, map_store(bar, 1));
		map_load(bar, &error);
		EXPECT_EQ(0, error);
		EXPECT_EQ(self->caching, caching_at(self->fd, bar));
		map_load(bar + GIANT / 2, &error);
		EXPECT_EQ(self->caching, caching_at(self->fd, bar + GIANT / 2));
		ASSERT_EQ(0, mprotect(bar, GIANT / 4, RW));
		EXPECT_EQ(0, map_store(bar, 1));
		EXPECT_EQ(self->caching, caching_at(self->fd, bar));
		EXPECT_EQ(0, map_store(bar + GIANT / 8, 1));
		EXPECT_EQ(self->caching, caching_at(self->fd, bar + GIANT / 8));

		elsewhere = mmap(NULL, GIANT / 4, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		ASSERT_NE(MAP_FAILED, elsewhere);
		ASSERT_EQ(elsewhere, mremap(bar, GIANT / 4, GIANT / 4,
					    MREMAP_MAYMOVE | MREMAP_FIXED,
					    elsewhere));
		EXPECT_EQ(0, map_store(elsewhere, 1));
		EXPECT_EQ(self->caching, caching_at(self->fd, elsewhere));
		munmap(elsewhere, GIANT / 4);
		munmap(bar, GIANT);
	}
}

TEST_F(caching, read_only_pages)
{
	size_t i;
	char *bar;
	int error;

	ASSERT_EQ(0, sim_set("map_answer", MDEV_SIM_ANSWER_READ_ONLY));
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		bar = map_bar(self->fd, blocks[i]);
		ASSERT_NE(MAP_FAILED, bar);
		EXPECT_EQ(-EFAULT, map_store(bar, 1));
		map_load(bar, &error);
		EXPECT_EQ(0, error);
		EXPECT_EQ(self->caching, caching_at(self->fd, bar));
		EXPECT_EQ(-EFAULT, map_store(bar, 1));
		map_load(bar, &error);
		EXPECT_EQ(0, error);
		EXPECT_EQ(self->caching, caching_at(self->fd, bar));
		munmap(bar, GIANT);
	}
}

/* Uncached or WC mappings of RAM would alias the write-back linear mapping. */
TEST_F(caching, ram_rejected)
{
	size_t i;
	char *bar;

	ASSERT_EQ(0, sim_set("map_answer", MDEV_SIM_ANSWER_RAM));
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		bar = map_bar(self->fd, blocks[i]);
		ASSERT_NE(MAP_FAILED, bar);
		EXPECT_EQ(-EFAULT, map_store(bar, 1));
		EXPECT_EQ(-EFAULT, caching_at(self->fd, bar));
		ASSERT_EQ(0, sim_set("map_answer", MDEV_SIM_ANSWER_RIGHT));
		EXPECT_EQ(0, map_store(bar, 1));
		ASSERT_EQ(0, sim_set("map_answer", MDEV_SIM_ANSWER_RAM));
		munmap(bar, GIANT);
	}
}

TEST_F(caching, region_info_flags)
{
	struct vfio_region_info info;

	ASSERT_EQ(0, vfio_region_info(self->fd, BAR(4), &info));
	EXPECT_EQ(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
		  VFIO_REGION_INFO_FLAG_MMAP, info.flags);
}

/* Whether MEMTYPES lists @memtype for the physical BAR */
static bool memtype_is(const char *memtype)
{
	char line[200], range[64];
	bool found = false;
	FILE *list = fopen(MEMTYPES, "r");

	if (!list)
		return false;
	snprintf(range, sizeof(range), "0x%016llx-",
		 (unsigned long long)sim_get("bar"));
	while (fgets(line, sizeof(line), list))
		found |= strstr(line, range) && strstr(line, memtype);
	fclose(list);
	return found;
}

TEST_F(caching, pat_memtype_reserved)
{
	if (!path_exists(MEMTYPES))
		SKIP(return, "needs " MEMTYPES);
	EXPECT_EQ(variant->caching == MDEV_SIM_WC, memtype_is("write-combining"));
}

/*
 * x86 maps with the memory type that the driver has reserved, not with the one of the
 * region. Not for PUDs: in Linux 6.12, vmf_insert_pfn_pud() ignores the reservation.
 */
TEST(unreserved_wc_maps_uncached)
{
	struct vfio_user user;
	size_t i;
	char *bar;

	ASSERT_EQ(0, map_prepare());
	ASSERT_EQ(0, sim_prepare());
	if (!sim_get("bar") || !path_exists(MEMTYPES))
		SKIP(return, "needs pci-testdev and " MEMTYPES);
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, sim_set("caching", MDEV_SIM_WC_UNRESERVED));
	ASSERT_EQ(0, vfio_open_container(&user, UUID_A));
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		if (blocks[i] > HUGE)
			continue;
		bar = map_bar(user.device, blocks[i]);
		ASSERT_NE(MAP_FAILED, bar);
		EXPECT_EQ(0, map_store(bar, 1));
		EXPECT_EQ(MDEV_SIM_UNCACHED, caching_at(user.device, bar));
		munmap(bar, GIANT);
	}
	map_finish();
	vfio_close(&user);
	EXPECT_EQ(0, sim_finish());
}

TEST(ram_write_back)
{
	struct vfio_user user;
	size_t i;
	char *bar;

	ASSERT_EQ(0, map_prepare());
	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open_container(&user, UUID_A));
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		if (blocks[i] > HUGE)
			continue;
		bar = map_bar(user.device, blocks[i]);
		ASSERT_NE(MAP_FAILED, bar);
		EXPECT_EQ(0, map_store(bar, 1));
		EXPECT_EQ(MDEV_SIM_WRITE_BACK, caching_at(user.device, bar));
		munmap(bar, GIANT);
	}
	map_finish();
	vfio_close(&user);
	EXPECT_EQ(0, sim_finish());
}

TEST(both_caching_flags_einval)
{
	struct vfio_user user;

	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, sim_set("caching", MDEV_SIM_CACHING_INVALID));
	EXPECT_EQ(-EINVAL, vfio_open_container(&user, UUID_A));
	ASSERT_EQ(0, sim_set("caching", MDEV_SIM_WRITE_BACK));
	EXPECT_EQ(0, vfio_open_container(&user, UUID_A));
	vfio_close(&user);
	EXPECT_EQ(0, sim_finish());
}

TEST_HARNESS_MAIN
