// SPDX-License-Identifier: GPL-2.0-only
/*
 * An open file of /dev/vfio/devices that is not bound to an iommufd does not block the
 * unregistration of the device. mdev_remove_test.c tests kernels without patches/,
 * where it does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "dma_lib.h"
#include "mdev_lib.h"
#include "race_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"
#include "work_lib.h"

#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX

#define ROUNDS		100

FIXTURE(unbound)
{
	int device;
	int iommufd;
};

FIXTURE_SETUP(unbound)
{
	if (!kernel_is_patched())
		SKIP(return, "needs a kernel with patches/, CONFIG=debug");
	ASSERT_EQ(0, sim_prepare());
	/* The driver does not support hot unplug */
	ASSERT_EQ(0, sim_create(SIM_STAY, SIM_PCI, UUID_A));
	self->device = vfio_open_unbound(UUID_A);
	ASSERT_LE(0, self->device);
	self->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->iommufd);
}

FIXTURE_TEARDOWN(unbound)
{
	if (!kernel_is_patched())
		return;
	close(self->device);
	close(self->iommufd);
	EXPECT_EQ(0, sim_finish());
}

/* Operations on a file whose device was unregistered */
static int use_unregistered(int device, int iommufd)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	char byte;

	if (vfio_ioctl(device, VFIO_DEVICE_GET_INFO, &info) != -EINVAL ||
	    vfio_read(device, CONFIG, 0, &byte, 1) != -EINVAL ||
	    mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device, 0) != MAP_FAILED)
		return -EIO;
	return vfio_bind(device, iommufd);
}

TEST_F(unbound, remove)
{
	EXPECT_EQ(0, mdev_remove(UUID_A));
	EXPECT_EQ(-ENODEV, use_unregistered(self->device, self->iommufd));
}

static int unbind_driver(void)
{
	return sysfs_write(UUID_A, VFIO_MDEV "/unbind");
}

TEST_F(unbound, driver_unbind)
{
	struct work work;

	ASSERT_EQ(0, work_start(&work, unbind_driver));
	EXPECT_EQ(0, work_result(&work));
	EXPECT_EQ(-ENODEV, use_unregistered(self->device, self->iommufd));

	/* The file does not refer to a later registration of the device */
	EXPECT_EQ(0, sysfs_write(UUID_A, VFIO_MDEV "/bind"));
	EXPECT_EQ(-ENODEV, use_unregistered(self->device, self->iommufd));
}

TEST_F(unbound, module_unload)
{
	EXPECT_EQ(0, module_unload("mdev_sim"));
	EXPECT_EQ(0, module_unload("vfio_mdev"));
	EXPECT_EQ(-ENODEV, use_unregistered(self->device, self->iommufd));
	close(self->device);
	self->device = -1;
	EXPECT_EQ(0, module_load("vfio_mdev"));
	EXPECT_EQ(0, sim_load(NULL));
}

TEST_F(unbound, remove_ebusy_after_bind)
{
	ASSERT_EQ(0, vfio_bind(self->device, self->iommufd));
	EXPECT_EQ(-EBUSY, mdev_remove(UUID_A));
	close(self->device);
	self->device = -1;
	EXPECT_EQ(0, mdev_remove(UUID_A));
}

/* A bind that fails must drop its reference on the registration. */
TEST_F(unbound, remove_after_failed_bind)
{
	int second = vfio_open_unbound(UUID_A);

	ASSERT_LE(0, second);
	EXPECT_EQ(-EBADFD, vfio_bind(self->device, self->device));
	ASSERT_EQ(0, vfio_bind(second, self->iommufd));
	EXPECT_EQ(-EINVAL, vfio_bind(self->device, self->iommufd));
	EXPECT_EQ(-EINVAL, vfio_bind(second, self->iommufd));
	close(second);
	EXPECT_EQ(0, mdev_remove(UUID_A));
}

struct bind_task {
	struct dma_task task;
	int device;
	int iommufd;
};

static void *bind_once(void *data)
{
	struct bind_task *bind = data;

	bind->task.result = vfio_bind(bind->device, bind->iommufd);
	return NULL;
}

TEST_F_TIMEOUT(unbound, bind_races_with_remove, RACE_TIMEOUT)
{
	struct bind_task bind = { .iommufd = self->iommufd };
	unsigned int round;
	int removed, bound;

	for (round = 0; round < ROUNDS; round++) {
		bind.device = vfio_open_unbound(UUID_A);
		ASSERT_LE(0, bind.device);
		ASSERT_EQ(0, dma_task_start(&bind.task, bind_once));
		removed = mdev_remove(UUID_A);
		bound = dma_task_end(&bind.task);
		/* -EAGAIN: the removal was in progress and can still fail */
		if (bound)
			EXPECT_TRUE(bound == -EAGAIN || bound == -ENODEV);
		if (removed)
			EXPECT_EQ(-EBUSY, removed);
		EXPECT_TRUE(bound || removed);
		close(bind.device);
		if (removed)
			EXPECT_EQ(0, mdev_remove(UUID_A));
		ASSERT_EQ(0, sim_create(SIM_STAY, SIM_PCI, UUID_A));
	}
}

TEST_HARNESS_MAIN
