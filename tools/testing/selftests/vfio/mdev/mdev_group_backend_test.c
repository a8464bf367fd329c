// SPDX-License-Identifier: GPL-2.0-only
/*
 * A second open of a device through its group after the group was moved to another
 * backend. That needs a first open with an iommufd, which does not keep the group open,
 * unlike a container.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "dma_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define IOVA		0x100000UL
#define PAGES		16
#define SIZE		(PAGES * PAGE)

FIXTURE(backend)
{
	struct dma_user user;
	char *memory;
	int other;
};

FIXTURE_VARIANT(backend)
{
	/* The second backend */
	const char *path;
	/* VFIO_GROUP_UNSET_CONTAINER instead of closing the group */
	bool unset;
};

FIXTURE_VARIANT_ADD(backend, container)
{
	.path = "/dev/vfio/vfio",
};

FIXTURE_VARIANT_ADD(backend, container_after_unset)
{
	.path = "/dev/vfio/vfio",
	.unset = true,
};

FIXTURE_VARIANT_ADD(backend, iommufd)
{
	.path = "/dev/iommu",
};

FIXTURE_VARIANT_ADD(backend, iommufd_after_unset)
{
	.path = "/dev/iommu",
	.unset = true,
};

FIXTURE_SETUP(backend)
{
	ASSERT_EQ(0, dma_prepare(&self->user, dma_open_group));
	self->memory = dma_memory(PAGES);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, dma_map(&self->user, IOVA, self->memory, SIZE, DMA_BOTH));
	self->other = open(variant->path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->other);
}

FIXTURE_TEARDOWN(backend)
{
	dma_close(&self->user);
	close(self->other);
	EXPECT_EQ(0, sim_finish());
}

/* Unsets the backend of the group while the device stays open. */
static int drop_backend(struct vfio_user *user, bool unset)
{
	char path[VFIO_PATH_SIZE];
	int ret;

	if (unset)
		return vfio_ioctl(user->group, VFIO_GROUP_UNSET_CONTAINER,
				  NULL);
	vfio_close_file(&user->group);
	ret = vfio_group_path(path, UUID_A);
	if (ret)
		return ret;
	user->group = open(path, O_RDWR | O_CLOEXEC);
	return user->group < 0 ? -errno : 0;
}

static int set_backend(int group, int backend)
{
	int ret = vfio_ioctl(group, VFIO_GROUP_SET_CONTAINER, &backend);

	return ret ? ret : vfio_ioctl(backend, VFIO_SET_IOMMU,
				      (void *)VFIO_TYPE1v2_IOMMU);
}

TEST_F(backend, second_open_ebusy)
{
	struct vfio_user *user = &self->user.vfio;
	int device;

	ASSERT_EQ(0, drop_backend(user, variant->unset));
	ASSERT_EQ(0, set_backend(user->group, self->other));
	EXPECT_EQ(-EBUSY, dma_open_device(user->group, UUID_A));
	EXPECT_EQ(-EBUSY, dma_open_device(user->group, UUID_A));
	vfio_close_file(&user->device);

	device = dma_open_device(user->group, UUID_A);
	EXPECT_LE(0, device);
	close(device);
}

/* An open device uses the backend of its open, not the new one of the group. */
TEST_F(backend, pins_stay_in_first_backend)
{
	struct vfio_user *user = &self->user.vfio;
	uint64_t value;

	if (!kernel_is_patched())
		SKIP(return, "needs a kernel with patches/, CONFIG=debug");
	ASSERT_EQ(0, dma_pin(user->device, 0, IOVA, 1, DMA_READ));
	ASSERT_EQ(0, drop_backend(user, variant->unset));
	ASSERT_EQ(0, set_backend(user->group, self->other));
	EXPECT_EQ(0, dma_pin(user->device, 0, IOVA + PAGE, 1, DMA_READ));
	EXPECT_EQ(0, dma_peek(user->device, IOVA + PAGE, &value));
	EXPECT_EQ(dma_mark(1), value);
	EXPECT_EQ(0, dma_read(user->device, IOVA, 0, PAGE));
	EXPECT_EQ(0, dma_unpin(user->device, 0, IOVA, 1));
	EXPECT_EQ(0, dma_unmap(&self->user, IOVA, SIZE));
	EXPECT_EQ(0, sim_get("pins"));
}

/* VFIO core allows this; vfio_mdev may return -EBUSY. */
TEST_F(backend, second_open_with_first_backend)
{
	struct vfio_user *user = &self->user.vfio;
	int device;

	ASSERT_EQ(0, drop_backend(user, variant->unset));
	ASSERT_EQ(0, set_backend(user->group, user->container));
	device = dma_open_device(user->group, UUID_A);
	EXPECT_TRUE(device >= 0 || device == -EBUSY);
	vfio_close_file(&user->device);
	if (device >= 0) {
		EXPECT_EQ(0, dma_pin(device, 0, IOVA, 1, DMA_READ));
		close(device);
	}
	EXPECT_EQ(0, sim_get("pins"));
}

FIXTURE(container)
{
	struct dma_user user;
};

FIXTURE_SETUP(container)
{
	ASSERT_EQ(0, dma_prepare(&self->user, dma_open_container));
}

FIXTURE_TEARDOWN(container)
{
	dma_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

/* A container keeps the group open, so that it can't be unset. */
TEST_F(container, unset_ebusy_while_device_open)
{
	struct vfio_user *user = &self->user.vfio;
	int second;

	EXPECT_EQ(-EBUSY, drop_backend(user, true));
	second = dma_open_device(user->group, UUID_A);
	EXPECT_LE(0, second);
	vfio_close_file(&user->device);
	EXPECT_EQ(-EBUSY, drop_backend(user, true));
	close(second);
	EXPECT_EQ(0, drop_backend(user, true));
}

TEST_HARNESS_MAIN
