// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzing of the file of a mediated device: random ioctls, region accesses, mappings,
 * commands of mdev_sim, and state data. The device must stay usable, and mdev_sim must
 * count no violation of the rules for callbacks. MDEV_SEED repeats a run, MDEV_ROUNDS is
 * the number of rounds.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "dma_lib.h"
#include "fuzz_ioctl_lib.h"
#include "fuzz_lib.h"
#include "mdev_lib.h"
#include "migration_lib.h"
#include "random_lib.h"
#include "sim_lib.h"
#include "state_lib.h"
#include "vfio_lib.h"

#define ROUNDS		2000
/* Rounds between two checks of the device */
#define CHECK_EVERY	1000
/* Upper limit of open files; more are a leak */
#define FILES		64

/* For TEST_F_TIMEOUT(): debugging kernels on emulated machines */
#define FUZZ_TIMEOUT	300

#define IOVA		0x0

/* VFIO_DEVICE_GET_INFO and VFIO_DEVICE_GET_REGION_INFO of the device */
struct description {
	struct vfio_device_info info;
	struct vfio_region_info regions[VFIO_PCI_NUM_REGIONS];
};

FIXTURE(fuzz)
{
	struct state before;
	struct dma_user user;
	struct description description;
};

/* The device: of mdev_sim, or of mtty if @parent is NULL */
FIXTURE_VARIANT(fuzz)
{
	const char *parent;
	const char *type;
	int (*open)(struct dma_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(fuzz, sim_by_container)
{
	.parent = SIM_FULL,
	.type = SIM_PCI,
	.open = dma_open_container,
};

FIXTURE_VARIANT_ADD(fuzz, sim_by_cdev)
{
	.parent = SIM_STAY,
	.type = SIM_PCI,
	.open = dma_open_cdev,
};

FIXTURE_VARIANT_ADD(fuzz, minimal_by_group)
{
	.parent = SIM_MINIMAL,
	.type = SIM_BARE,
	.open = dma_open_group,
};

FIXTURE_VARIANT_ADD(fuzz, mtty)
{
	.type = "mtty-2",
	.open = dma_open_container,
};

static int query(int device, struct description *description)
{
	struct vfio_device_info *info = &description->info;
	unsigned int i;
	int ret;

	*info = (struct vfio_device_info){ .argsz = sizeof(*info) };
	ret = vfio_ioctl(device, VFIO_DEVICE_GET_INFO, info);
	for (i = 0; !ret && i < VFIO_PCI_NUM_REGIONS; i++)
		ret = vfio_region_info(device, i, &description->regions[i]);
	return ret;
}

/* The description is constant while the device is open. */
static bool is_unchanged(int device, const struct description *description)
{
	struct description now;

	return !query(device, &now) && !memcmp(&now, description, sizeof(now));
}

FIXTURE_SETUP(fuzz)
{
	void *memory = dma_memory(FUZZ_NR_PAGES);
	int ret;

	/* Files of kselftest's runner, which the teardown would close */
	close_range(3, ~0U, 0);
	ASSERT_EQ(0, mdev_prepare());
	if (variant->parent) {
		ret = sim_prepare();
		if (ret == -ENOENT)
			SKIP(return, "needs the module mdev_sim");
		ASSERT_EQ(0, ret);
	}
	state_take(&self->before, false);
	ASSERT_EQ(0, variant->parent ?
		  sim_create(variant->parent, variant->type, UUID_A) :
		  mdev_create(variant->type, UUID_A));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	ASSERT_EQ(0, dma_map(&self->user, IOVA, memory, FUZZ_NR_PAGES * PAGE,
			     DMA_BOTH));
	if (!variant->parent)
		ASSERT_EQ(0, vfio_pci_enable(self->user.vfio.device));
	ASSERT_EQ(0, query(self->user.vfio.device, &self->description));
	ASSERT_TRUE(fuzz_prepare());
}

FIXTURE_TEARDOWN(fuzz)
{
	fuzz_unmap_all();
	close_range(3, ~0U, 0);
	EXPECT_EQ(0, variant->parent ? sim_finish() : mdev_remove_all());
	EXPECT_TRUE(state_is_again(&self->before));
}

static void fuzz_data_transfer(int device)
{
	(void)device;
	if (fuzz_data_file >= 0)
		fuzz_data(fuzz_data_file);
}

static void (* const kinds[])(int device) = {
	fuzz_ioctl, fuzz_ioctl, fuzz_ioctl, fuzz_access, fuzz_mapping,
	fuzz_command, fuzz_data_transfer, fuzz_migration,
};

TEST_F_TIMEOUT(fuzz, random_ioctls_and_accesses, FUZZ_TIMEOUT)
{
	unsigned int rounds = random_rounds(ROUNDS), round;
	int device = self->user.vfio.device;

	random_begin(0);
	for (round = 0; round < rounds; round++) {
		kinds[random_below(ARRAY_SIZE(kinds))](device);
		if (round % CHECK_EVERY)
			continue;
		ASSERT_TRUE(is_unchanged(device, &self->description)) {
			TH_LOG("in round %u", round);
		}
		/* No ioctl leaks file descriptors */
		ASSERT_GT(FILES, count_entries("/proc/self/fd"));
	}

	if (self->description.info.flags & VFIO_DEVICE_FLAGS_RESET)
		ASSERT_EQ(0, vfio_ioctl(device, VFIO_DEVICE_RESET, NULL));
	EXPECT_TRUE(is_unchanged(device, &self->description));
	if (variant->parent)
		EXPECT_EQ(0, sim_get("violations"));
}

TEST_HARNESS_MAIN
