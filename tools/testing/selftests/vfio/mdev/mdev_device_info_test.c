// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capabilities of VFIO_DEVICE_GET_INFO: the capability chain, argsz, and that
 * ->get_device_info() is called once at open. The driver is mdev_sim.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define NR_CAPS		3
#define MIN_SIZE	offsetof(struct vfio_device_info, cap_offset)

struct info_with_caps {
	struct vfio_device_info info;
	struct mdev_sim_info_cap caps[NR_CAPS];
	uint64_t beyond;
};

#define FULL_SIZE	offsetof(struct info_with_caps, beyond)

FIXTURE(info)
{
	struct vfio_user user;
	struct info_with_caps answer;
};

FIXTURE_SETUP(info)
{
	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, sim_set("info_caps", NR_CAPS));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	memset(&self->answer, 0xff, sizeof(self->answer));
}

FIXTURE_TEARDOWN(info)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

static int get_info(int device, struct info_with_caps *answer, uint32_t argsz)
{
	answer->info.argsz = argsz;
	return vfio_ioctl(device, VFIO_DEVICE_GET_INFO, answer);
}

TEST_F(info, capability_chain)
{
	const struct mdev_sim_info_cap *cap = self->answer.caps;
	unsigned int i;

	ASSERT_EQ(0, get_info(self->user.device, &self->answer, FULL_SIZE));
	EXPECT_EQ(FULL_SIZE, self->answer.info.argsz);
	EXPECT_EQ(VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET |
		  VFIO_DEVICE_FLAGS_CAPS, self->answer.info.flags);
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS, self->answer.info.num_regions);
	EXPECT_EQ(VFIO_PCI_NUM_IRQS, self->answer.info.num_irqs);
	EXPECT_EQ(offsetof(struct info_with_caps, caps),
		  self->answer.info.cap_offset);
	for (i = 0; i < NR_CAPS; i++, cap++) {
		EXPECT_EQ(MDEV_SIM_INFO_CAP(i), cap->header.id);
		EXPECT_EQ(1, cap->header.version);
		EXPECT_EQ(i, cap->number);
		EXPECT_EQ(i + 1 < NR_CAPS ?
			  offsetof(struct info_with_caps, caps[i + 1]) : 0,
			  cap->header.next);
	}
	EXPECT_EQ(~0ULL, self->answer.beyond);

	/* A second call returns the same offsets */
	EXPECT_EQ(0, get_info(self->user.device, &self->answer, UINT32_MAX));
	EXPECT_EQ(UINT32_MAX, self->answer.info.argsz);
	EXPECT_EQ(offsetof(struct info_with_caps, caps[1]),
		  self->answer.caps[0].header.next);
	EXPECT_EQ(~0ULL, self->answer.beyond);
}

/* Nothing is written beyond struct vfio_device_info. */
TEST_F(info, argsz_too_small_for_capabilities)
{
	static const uint32_t sizes[] = {
		sizeof(struct vfio_device_info),
		sizeof(struct vfio_device_info) + 1,
		FULL_SIZE - 1,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(0, get_info(self->user.device, &self->answer,
				      sizes[i]));
		EXPECT_EQ(FULL_SIZE, self->answer.info.argsz);
		EXPECT_TRUE(self->answer.info.flags & VFIO_DEVICE_FLAGS_CAPS);
		EXPECT_EQ(0, self->answer.info.cap_offset);
		EXPECT_EQ(0xffff, self->answer.caps[0].header.id);
	}
}

TEST_F(info, argsz_without_cap_offset)
{
	ASSERT_EQ(0, get_info(self->user.device, &self->answer, MIN_SIZE));
	EXPECT_EQ(FULL_SIZE, self->answer.info.argsz);
	EXPECT_TRUE(self->answer.info.flags & VFIO_DEVICE_FLAGS_CAPS);
	EXPECT_EQ(~0U, self->answer.info.cap_offset);
	EXPECT_EQ(-EINVAL, get_info(self->user.device, &self->answer,
				    MIN_SIZE - 1));
}

TEST_F(info, capabilities_fixed_at_open)
{
	ASSERT_EQ(0, sim_set("info_caps", 1));
	ASSERT_EQ(0, get_info(self->user.device, &self->answer, FULL_SIZE));
	EXPECT_EQ(MDEV_SIM_INFO_CAP(NR_CAPS - 1),
		  self->answer.caps[NR_CAPS - 1].header.id);
	EXPECT_EQ(1, sim_get("get_device_info/calls"));

	vfio_close(&self->user);
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	memset(&self->answer, 0xff, sizeof(self->answer));
	ASSERT_EQ(0, get_info(self->user.device, &self->answer, FULL_SIZE));
	EXPECT_EQ(0, self->answer.caps[0].header.next);
	EXPECT_EQ(0xffff, self->answer.caps[1].header.id);

	vfio_close(&self->user);
	ASSERT_EQ(0, sim_set("info_caps", 0));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	ASSERT_EQ(0, get_info(self->user.device, &self->answer, FULL_SIZE));
	EXPECT_EQ(FULL_SIZE, self->answer.info.argsz);
	EXPECT_FALSE(self->answer.info.flags & VFIO_DEVICE_FLAGS_CAPS);
	EXPECT_EQ(0, self->answer.info.cap_offset);
}

/* The tests set no KVM for the group or the device file. */
TEST_F(info, no_kvm)
{
	EXPECT_EQ(0, sim_register(self->user.device, MDEV_SIM_REG_KVM));
}

/* The structure can be written, the capabilities after it can't. */
TEST_F(info, capabilities_at_bad_address)
{
	size_t page = getpagesize();
	struct info_with_caps *answer;
	char *buffer;

	buffer = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, buffer);
	ASSERT_EQ(0, munmap(buffer + page, page));
	answer = (void *)(buffer + page - sizeof(answer->info));
	EXPECT_EQ(-EFAULT, get_info(self->user.device, answer, FULL_SIZE));
	EXPECT_EQ(0, get_info(self->user.device, answer,
			      sizeof(answer->info)));
	munmap(buffer, page);
}

TEST_HARNESS_MAIN
