// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_FEATURE for features that the driver defines: GET, SET and PROBE,
 * argsz, and errors. The driver is mdev_sim.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "migration_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define GET		VFIO_DEVICE_FEATURE_GET
#define SET		VFIO_DEVICE_FEATURE_SET
#define PROBE		VFIO_DEVICE_FEATURE_PROBE
#define VALUE		MDEV_SIM_FEATURE_VALUE
#define CLEAR		MDEV_SIM_FEATURE_CLEAR
#define UNKNOWN		(MDEV_SIM_FEATURE_CLEAR + 1)

#define HEADER		sizeof(struct vfio_device_feature)
#define SIZE		sizeof(struct mdev_sim_feature)
#define PAGE		4096UL

FIXTURE(feature)
{
	struct vfio_user user;
	int device;
};

FIXTURE_SETUP(feature)
{
	self->user = (struct vfio_user){ -1, -1, -1 };
	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	self->device = self->user.device;
}

FIXTURE_TEARDOWN(feature)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

static int get_value(int device, struct mdev_sim_feature *feature)
{
	return vfio_feature(device, GET | VALUE, feature, SIZE);
}

static int set_value(int device, uint64_t value)
{
	struct mdev_sim_feature feature = { .value = value };

	return vfio_feature(device, SET | VALUE, &feature, SIZE);
}

TEST_F(feature, get_and_set)
{
	struct mdev_sim_feature feature;

	ASSERT_EQ(0, set_value(self->device, 0x1234567890abcdefULL));
	ASSERT_EQ(0, get_value(self->device, &feature));
	EXPECT_EQ(0x1234567890abcdefULL, feature.value);
	EXPECT_EQ(SIZE, feature.size);
	EXPECT_EQ(0, vfio_feature(self->device, SET | CLEAR, NULL, 0));
	ASSERT_EQ(0, get_value(self->device, &feature));
	EXPECT_EQ(0, feature.value);
}

/* VFIO core returns -EINVAL for unknown flags, and for GET | SET without PROBE. */
TEST_F(feature, flags_and_sizes)
{
	static const struct {
		uint32_t flags;
		uint32_t size;
		int result;
	} requests[] = {
		{ PROBE | VALUE, 0, 0 },
		{ PROBE | GET | VALUE, 0, 0 },
		{ PROBE | SET | VALUE, 0, 0 },
		{ PROBE | GET | SET | VALUE, 0, 0 },
		{ PROBE | GET | SET | VALUE, SIZE, 0 },
		{ PROBE | SET | CLEAR, 0, 0 },
		{ PROBE | GET | CLEAR, 0, -EINVAL },
		{ PROBE | GET | SET | CLEAR, 0, -EINVAL },
		{ PROBE | UNKNOWN, 0, -ENOTTY },
		{ PROBE | SET | UNKNOWN, 0, -ENOTTY },
		{ GET | UNKNOWN, SIZE, -ENOTTY },
		{ SET | UNKNOWN, SIZE, -ENOTTY },
		{ SET | UNKNOWN, 0, -ENOTTY },
		{ GET | VALUE, SIZE, 0 },
		{ GET | VALUE, SIZE - 1, -EINVAL },
		{ GET | VALUE, 0, -EINVAL },
		{ SET | VALUE, SIZE - 1, -EINVAL },
		{ SET | VALUE, 0, -EINVAL },
		{ GET | CLEAR, SIZE, -EINVAL },
		{ SET | CLEAR, 0, 0 },
		{ SET | CLEAR, SIZE, 0 },
		{ VALUE, SIZE, -EINVAL },
		{ GET | SET | VALUE, SIZE, -EINVAL },
		{ 1U << 31 | GET | VALUE, SIZE, -EINVAL },
	};
	char data[SIZE] = "";
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++)
		EXPECT_EQ(requests[i].result,
			  vfio_feature(self->device, requests[i].flags,
				       requests[i].size ? data : NULL,
				       requests[i].size))
			TH_LOG("request %u", i);
}

/* The driver gets at most a page; only the size that it returns is copied back. */
TEST_F(feature, argsz_larger_than_data)
{
	static const uint32_t sizes[] = {
		SIZE + 1, PAGE - HEADER, PAGE, PAGE + 1, 2 * PAGE, UINT32_MAX,
	};
	struct {
		struct vfio_device_feature header;
		struct mdev_sim_feature feature;
		char beyond[3 * PAGE];
	} query;
	unsigned int i, j;

	ASSERT_EQ(0, set_value(self->device, 7));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t seen = sizes[i] - (sizes[i] == UINT32_MAX ? HEADER : 0);

		memset(&query, 0xff, sizeof(query));
		query.header.argsz = HEADER + seen;
		query.header.flags = GET | VALUE;
		ASSERT_EQ(0, vfio_ioctl(self->device, VFIO_DEVICE_FEATURE,
					&query));
		EXPECT_EQ(7, query.feature.value);
		EXPECT_EQ(seen < PAGE ? seen : PAGE, query.feature.size);
		for (j = 0; j < sizeof(query.beyond); j++)
			if (query.beyond[j] != (char)0xff)
				break;
		EXPECT_EQ(sizeof(query.beyond), j);

		query.header.flags = SET | VALUE;
		EXPECT_EQ(0, vfio_ioctl(self->device, VFIO_DEVICE_FEATURE,
					&query));
	}
}

/* The header can be accessed, the data after it can't. */
TEST_F(feature, data_at_bad_address)
{
	size_t page = getpagesize();
	struct vfio_device_feature *header;
	struct mdev_sim_feature feature;
	char *buffer;

	ASSERT_EQ(0, set_value(self->device, 7));
	buffer = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, buffer);
	ASSERT_EQ(0, munmap(buffer + page, page));
	header = (void *)(buffer + page - sizeof(*header));
	header->argsz = HEADER + SIZE;
	header->flags = GET | VALUE;
	EXPECT_EQ(-EFAULT, vfio_ioctl(self->device, VFIO_DEVICE_FEATURE,
				      header));
	header->flags = SET | VALUE;
	EXPECT_EQ(-EFAULT, vfio_ioctl(self->device, VFIO_DEVICE_FEATURE,
				      header));
	header->flags = PROBE | GET | SET | VALUE;
	EXPECT_EQ(0, vfio_ioctl(self->device, VFIO_DEVICE_FEATURE, header));
	munmap(buffer, page);
	ASSERT_EQ(0, get_value(self->device, &feature));
	EXPECT_EQ(7, feature.value);
}

TEST_F(feature, driver_error)
{
	struct mdev_sim_feature feature = {};

	ASSERT_EQ(0, sim_set("device_feature/fail", EBUSY));
	EXPECT_EQ(-EBUSY, get_value(self->device, &feature));
	EXPECT_EQ(-EBUSY, set_value(self->device, 1));
	EXPECT_EQ(-EBUSY, vfio_feature(self->device, PROBE | VALUE, NULL, 0));
	ASSERT_EQ(0, sim_set("device_feature/fail", 0));
	EXPECT_EQ(0, get_value(self->device, &feature));

	/* The driver returns a size beyond the buffer, or not 0 for SET */
	ASSERT_EQ(0, sim_set("feature_excess", 1));
	memset(&feature, 0, sizeof(feature));
	EXPECT_EQ(-EIO, get_value(self->device, &feature));
	EXPECT_EQ(0, feature.size);
	EXPECT_EQ(-EIO, set_value(self->device, 1));
}

/* VFIO core handles these and does not call ->device_feature(). */
TEST_F(feature, features_of_vfio_core)
{
	vfio_feature(self->device, PROBE | VFIO_DEVICE_FEATURE_MIGRATION, NULL,
		     0);
	vfio_feature(self->device, PROBE |
		     VFIO_DEVICE_FEATURE_DMA_LOGGING_START, NULL, 0);
	EXPECT_EQ(0, sim_get("device_feature/calls"));
}

TEST_F(feature, driver_without_device_feature)
{
	vfio_close(&self->user);
	ASSERT_EQ(0, sim_create(SIM_PLAIN, SIM_PCI, UUID_B));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_B));
	EXPECT_EQ(-ENOTTY, set_value(self->user.device, 1));
	EXPECT_EQ(-ENOTTY, vfio_feature(self->user.device, PROBE | VALUE, NULL,
					0));
	EXPECT_EQ(-ENOTTY, vfio_feature(self->user.device, VALUE, NULL, 0));
}

TEST_HARNESS_MAIN
