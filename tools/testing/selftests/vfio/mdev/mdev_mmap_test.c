// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap() of a mediated device: regions, sparse areas and protection.
 * mdev_fault_test.c tests page faults.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "map_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

/* mmap() and munmap(). Returns 0 or a negative errno. */
static int try_mmap(int fd, uint32_t region, uint64_t offset, size_t size,
		    int prot, int flags)
{
	void *address = mmap(NULL, size, prot, flags, fd,
			     vfio_position(region, offset));

	if (address == MAP_FAILED)
		return -errno;
	munmap(address, size);
	return 0;
}

FIXTURE(mmap)
{
	struct vfio_user user;
	int fd;
};

FIXTURE_VARIANT(mmap)
{
	int (*open)(struct vfio_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(mmap, group) { .open = vfio_open_container };
FIXTURE_VARIANT_ADD(mmap, cdev) { .open = vfio_open_cdev };

FIXTURE_SETUP(mmap)
{
	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	self->fd = self->user.device;
}

FIXTURE_TEARDOWN(mmap)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

TEST_F(mmap, region_info_flags)
{
	static const bool mappable[VFIO_PCI_NUM_REGIONS] = {
		[BAR(2)] = true, [BAR(3)] = true, [BAR(4)] = true,
		[BAR(5)] = true,
	};
	struct vfio_region_info info;
	uint32_t region;

	for (region = 0; region < VFIO_PCI_NUM_REGIONS; region++) {
		ASSERT_EQ(0, vfio_region_info(self->fd, region, &info));
		EXPECT_EQ(mappable[region],
			  !!(info.flags & VFIO_REGION_INFO_FLAG_MMAP))
			TH_LOG("region %u", region);
		EXPECT_EQ(region == BAR(3),
			  !!(info.flags & VFIO_REGION_INFO_FLAG_CAPS));
	}
}

TEST_F(mmap, sparse_mmap_capability)
{
	struct {
		struct vfio_region_info info;
		struct vfio_region_info_cap_sparse_mmap sparse;
		struct vfio_region_sparse_mmap_area areas[2];
	} answer = {
		.info = { .argsz = sizeof(answer), .index = BAR(3) },
	};

	ASSERT_EQ(0, vfio_ioctl(self->fd, VFIO_DEVICE_GET_REGION_INFO,
				&answer));
	ASSERT_EQ(sizeof(answer.info), answer.info.cap_offset);
	EXPECT_EQ(VFIO_REGION_INFO_CAP_SPARSE_MMAP, answer.sparse.header.id);
	ASSERT_EQ(2, answer.sparse.nr_areas);
	EXPECT_EQ(MDEV_SIM_BAR3_AREA0, answer.areas[0].offset);
	EXPECT_EQ(MDEV_SIM_BAR3_AREA0_SIZE, answer.areas[0].size);
	EXPECT_EQ(MDEV_SIM_BAR3_AREA1, answer.areas[1].offset);
	EXPECT_EQ(MDEV_SIM_BAR3_AREA1_SIZE, answer.areas[1].size);
}

/* Arguments of mmap() and the results */
static const struct {
	uint32_t region;
	uint64_t offset;
	uint64_t size;
	int prot;
	int flags;
	int result;
} requests[] = {
	/* All of a region, part of it, and beyond its end */
	{ BAR(2), 0, MDEV_SIM_BAR2_SIZE, RW, MAP_SHARED, 0 },
	{ BAR(2), 0, MDEV_SIM_BAR2_SIZE, PROT_READ, MAP_SHARED, 0 },
	{ BAR(2), 0, MDEV_SIM_BAR2_SIZE, PROT_WRITE, MAP_SHARED, 0 },
	{ BAR(2), 0, MDEV_SIM_BAR2_SIZE, PROT_NONE, MAP_SHARED, 0 },
	{ BAR(2), PAGE, PAGE, RW, MAP_SHARED, 0 },
	{ BAR(2), MDEV_SIM_BAR2_SIZE - PAGE, PAGE, RW, MAP_SHARED, 0 },
	{ BAR(2), MDEV_SIM_BAR2_SIZE - PAGE, 2 * PAGE, RW, MAP_SHARED,
	  -EINVAL },
	{ BAR(2), 0, MDEV_SIM_BAR2_SIZE + PAGE, RW, MAP_SHARED, -EINVAL },
	{ BAR(2), MDEV_SIM_BAR2_SIZE, PAGE, RW, MAP_SHARED, -EINVAL },
	{ BAR(4), 0, MDEV_SIM_BAR4_SIZE, RW, MAP_SHARED, 0 },
	/* Regions without VFIO_REGION_INFO_FLAG_MMAP, or that do not exist */
	{ BAR(0), 0, PAGE, RW, MAP_SHARED, -EINVAL },
	{ BAR(1), 0, PAGE, RW, MAP_SHARED, -EINVAL },
	{ VFIO_PCI_ROM_REGION_INDEX, 0, PAGE, PROT_READ, MAP_SHARED, -EINVAL },
	{ VFIO_PCI_CONFIG_REGION_INDEX, 0, PAGE, RW, MAP_SHARED, -EINVAL },
	{ VFIO_PCI_VGA_REGION_INDEX, 0, PAGE, RW, MAP_SHARED, -EINVAL },
	{ VFIO_PCI_NUM_REGIONS, 0, PAGE, RW, MAP_SHARED, -EINVAL },
	{ (1 << 23) - 1, 0, PAGE, RW, MAP_SHARED, -EINVAL },
	/* The last page of the 40 bits of an offset in a region */
	{ BAR(2), 0xfffffff000, PAGE, RW, MAP_SHARED, -EINVAL },
	/* Sparse: within one area */
	{ BAR(3), MDEV_SIM_BAR3_AREA0, MDEV_SIM_BAR3_AREA0_SIZE, RW,
	  MAP_SHARED, 0 },
	{ BAR(3), MDEV_SIM_BAR3_AREA1, MDEV_SIM_BAR3_AREA1_SIZE, RW,
	  MAP_SHARED, 0 },
	{ BAR(3), MDEV_SIM_BAR3_AREA1 + PAGE, PAGE, RW, MAP_SHARED, 0 },
	{ BAR(3), 0, PAGE, RW, MAP_SHARED, -EINVAL },
	{ BAR(3), 0, MDEV_SIM_BAR3_SIZE, RW, MAP_SHARED, -EINVAL },
	{ BAR(3), MDEV_SIM_BAR3_AREA0 - PAGE, 2 * PAGE, RW, MAP_SHARED,
	  -EINVAL },
	{ BAR(3), MDEV_SIM_BAR3_AREA0, MDEV_SIM_BAR3_AREA0_SIZE + PAGE, RW,
	  MAP_SHARED, -EINVAL },
	{ BAR(3), MDEV_SIM_BAR3_AREA0, MDEV_SIM_BAR3_AREA1, RW, MAP_SHARED,
	  -EINVAL },
	{ BAR(3), MDEV_SIM_BAR3_AREA1 + MDEV_SIM_BAR3_AREA1_SIZE, PAGE, RW,
	  MAP_SHARED, -EINVAL },
	/* Read-only */
	{ BAR(5), 0, MDEV_SIM_BAR5_SIZE, PROT_READ, MAP_SHARED, 0 },
	{ BAR(5), 0, MDEV_SIM_BAR5_SIZE, PROT_NONE, MAP_SHARED, 0 },
	{ BAR(5), 0, MDEV_SIM_BAR5_SIZE, RW, MAP_SHARED, -EACCES },
	{ BAR(5), 0, PAGE, PROT_WRITE, MAP_SHARED, -EACCES },
	/* A zap does not revoke the private copies of MAP_PRIVATE */
	{ BAR(2), 0, PAGE, RW, MAP_PRIVATE, -EINVAL },
	{ BAR(2), 0, PAGE, PROT_READ, MAP_PRIVATE, -EINVAL },
};

TEST_F(mmap, bounds_and_protection)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(requests); i++)
		EXPECT_EQ(requests[i].result,
			  try_mmap(self->fd, requests[i].region,
				   requests[i].offset, requests[i].size,
				   requests[i].prot, requests[i].flags))
			TH_LOG("request %zu: region %u, %#lx bytes from %#lx",
			       i, requests[i].region, (long)requests[i].size,
			       (long)requests[i].offset);
	EXPECT_EQ(0, sim_get("validate_map_request/calls"));
}

TEST_F(mmap, sparse_mmap_in_second_capability)
{
	vfio_close(&self->user);
	ASSERT_EQ(0, sim_set("areas", MDEV_SIM_AREAS_SECOND));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	EXPECT_EQ(0, try_mmap(self->user.device, BAR(3), MDEV_SIM_BAR3_AREA0,
			      MDEV_SIM_BAR3_AREA0_SIZE, RW, MAP_SHARED));
	EXPECT_EQ(-EINVAL, try_mmap(self->user.device, BAR(3), 0, PAGE, RW,
				    MAP_SHARED));
}

TEST_F(mmap, invalid_sparse_mmap_areas)
{
	unsigned int areas;

	vfio_close(&self->user);
	for (areas = MDEV_SIM_AREAS_SKEWED; areas < MDEV_SIM_NR_AREAS;
	     areas++) {
		ASSERT_EQ(0, sim_set("areas", areas));
		EXPECT_EQ(-EINVAL, variant->open(&self->user, UUID_A))
			TH_LOG("areas %u", areas);
	}
	ASSERT_EQ(0, sim_set("areas", MDEV_SIM_AREAS_RIGHT));
	EXPECT_EQ(0, variant->open(&self->user, UUID_A));
}

TEST_F(mmap, mprotect_read_only_region)
{
	void *address = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->fd,
			     vfio_position(BAR(5), 0));

	ASSERT_NE(MAP_FAILED, address);
	EXPECT_EQ(-1, mprotect(address, PAGE, RW));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, mprotect(address, PAGE, PROT_NONE));
	EXPECT_EQ(0, mprotect(address, PAGE, PROT_READ));
	munmap(address, PAGE);
}

TEST_F(mmap, mremap_grow)
{
	void *address = mmap(NULL, PAGE, RW, MAP_SHARED, self->fd,
			     vfio_position(BAR(2), 0));

	ASSERT_NE(MAP_FAILED, address);
	EXPECT_EQ(MAP_FAILED, mremap(address, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	munmap(address, PAGE);
}

/* A device without regions, and a driver without ->validate_map_request() */
TEST(no_mappable_region)
{
	struct vfio_user user;

	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(SIM_MINIMAL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open(&user, UUID_A));
	EXPECT_EQ(-EINVAL, try_mmap(user.device, BAR(2), 0, PAGE, RW,
				    MAP_SHARED));
	vfio_close(&user);
	EXPECT_EQ(0, sim_finish());

	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, vfio_open(&user, UUID_A));
	EXPECT_EQ(-EINVAL, try_mmap(user.device, BAR(0), 0, PAGE, RW,
				    MAP_SHARED));
	vfio_close(&user);
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_HARNESS_MAIN
