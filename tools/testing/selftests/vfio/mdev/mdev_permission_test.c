// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unprivileged processes: an open fails with -EACCES unless they own the device node, and
 * RLIMIT_MEMLOCK limits the pages that their device pins.
 */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "dma_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define IOVA		0x100000UL
#define USER		65534
#define LIMIT_PAGES	4
#define IOMMUFD		"/dev/iommu"

FIXTURE(user) {};

FIXTURE_VARIANT(user)
{
	int (*open)(struct dma_user *user, const char *uuid);
	int (*path)(char path[VFIO_PATH_SIZE], const char *uuid);
};

FIXTURE_VARIANT_ADD(user, container) { dma_open_container, vfio_group_path };
FIXTURE_VARIANT_ADD(user, group) { dma_open_group, vfio_group_path };
FIXTURE_VARIANT_ADD(user, cdev) { dma_open_cdev, vfio_cdev_path };

FIXTURE_SETUP(user)
{
	int ret = sim_prepare();

	if (ret == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_B));
	if (variant->open != dma_open_container)
		vfio_need_iommufd();
}

FIXTURE_TEARDOWN(user)
{
	if (path_exists(IOMMUFD))
		EXPECT_EQ(0, chown(IOMMUFD, 0, 0));
	EXPECT_EQ(0, sim_finish());
}

static int open_and_pin(int (*open)(struct dma_user *user, const char *uuid),
			const char *uuid, unsigned int pages)
{
	void *memory = dma_memory(pages);
	struct dma_user user;
	int ret = open(&user, uuid);

	if (ret)
		return ret;
	ret = dma_map(&user, IOVA, memory, pages * PAGE, DMA_BOTH);
	if (!ret)
		ret = dma_pin(user.vfio.device, 0, IOVA, pages, DMA_BOTH);
	dma_close(&user);
	return ret;
}

static int drop_privileges(void)
{
	const struct rlimit limit = { LIMIT_PAGES * PAGE, LIMIT_PAGES * PAGE };

	return setrlimit(RLIMIT_MEMLOCK, &limit) || setgroups(0, NULL) ||
	       setgid(USER) || setuid(USER) ? -errno : 0;
}

/* open_and_pin() by an unprivileged process */
static int open_by_user(int (*open)(struct dma_user *user, const char *uuid),
			const char *uuid, unsigned int pages)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(-(drop_privileges() ?: open_and_pin(open, uuid, pages)));
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

TEST_F(user, open_without_permission)
{
	EXPECT_EQ(-EACCES, open_by_user(variant->open, UUID_A, 1));
}

TEST_F(user, own_device_rlimit_memlock)
{
	char path[VFIO_PATH_SIZE];

	ASSERT_EQ(0, variant->path(path, UUID_A));
	ASSERT_EQ(0, chown(path, USER, USER));
	if (variant->open != dma_open_container)
		ASSERT_EQ(0, chown(IOMMUFD, USER, USER));
	EXPECT_EQ(0, open_by_user(variant->open, UUID_A, LIMIT_PAGES));
	EXPECT_EQ(-ENOMEM, open_by_user(variant->open, UUID_A, LIMIT_PAGES + 1));
	EXPECT_EQ(0, sim_get("pins"));
	EXPECT_EQ(-EACCES, open_by_user(variant->open, UUID_B, 1));
}

TEST_HARNESS_MAIN
