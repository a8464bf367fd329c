// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mainline's vfio_ccw, built from unmodified sources, on this mdev bus: its parent is a
 * subchannel of s390, and a channel program runs through the I/O region of the
 * mediated device. The test unbinds the subchannel of a virtio-rng from its driver.
 */
#include <endian.h>
#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/vfio.h>
#include <linux/vfio_ccw.h>

#include "kselftest_harness.h"

#include "dma_lib.h"
#include "mdev_lib.h"
#include "vfio_lib.h"

#define CSS		"/sys/bus/css"
#define VIRTIO_ID_RNG	"0x0004"
#define TYPE		"mdev_supported_types/vfio_ccw-io"

#define ATTEMPTS	100
#define ATTEMPT_MS	100
#define TIMEOUT_MS	30000

/* The channel program and its data in the guest's memory */
#define PROGRAM_IOVA	0x10000
#define SENSE_OFFSET	0x100

#define ORB_FORMAT_1	0x00800000
#define ORB_PREFETCH	0x00400000
#define ORB_TRANSPORT	0x00040000
#define SCSW_START	0x00004000
#define IRB_DEVICE_STATUS	8
#define IRB_CHANNEL_STATUS	9

#define CCW_SENSE_ID	0xe4
#define CCW_SLI		0x20	/* suppress length indication */
#define CHANNEL_END	0x08
#define DEVICE_END	0x04

#define CU_TYPE_VIRTIO	0x3832

struct ccw {
	uint8_t command;
	uint8_t flags;
	__be16 count;
	__be32 address;
};

/* Sense ID: 0xff, the type of the control unit, and other fields */
#define SENSE_ID_SIZE		7
#define SENSE_ID_CU_TYPE	1

/* A subchannel, and its mediated device once it is opened */
struct subchannel {
	struct dma_user user;
	struct vfio_region_info region;
	char id[16];
	uint8_t *memory;
};

/* The first subchannel of a virtio-rng */
static int find_rng(char *id)
{
	char device[16];
	int ret = -ENODEV;
	glob_t found;
	size_t i;

	if (glob(CSS "/devices/0.*/0.*/virtio*/device", 0, NULL, &found))
		return -ENODEV;
	for (i = 0; ret && i < found.gl_pathc; i++) {
		if (sysfs_read(device, sizeof(device), "%s",
			       found.gl_pathv[i]) >= 0 &&
		    !strcmp(device, VIRTIO_ID_RNG) &&
		    sscanf(found.gl_pathv[i], CSS "/devices/%15[^/]",
			   id) == 1)
			ret = 0;
	}
	globfree(&found);
	return ret;
}

/* After the previous test, io_subchannel_probe() recognizes the device in a work. */
static int find_subchannel(char *id)
{
	unsigned int i;
	int ret = -ENODEV;

	for (i = 0; ret && i < ATTEMPTS; i++) {
		if (i)
			sleep_ms(ATTEMPT_MS);
		ret = find_rng(id);
	}
	return ret;
}

/* Binds a subchannel to the driver @override; "\n" clears driver_override. */
static int rebind(const char *id, const char *override)
{
	int ret;

	ret = sysfs_write(override, CSS "/devices/%s/driver_override", id);
	if (!ret)
		ret = sysfs_write(id, CSS "/devices/%s/driver/unbind", id);
	return ret ? ret : sysfs_write(id, CSS "/drivers_probe");
}

static bool type_shows(const char *id, const char *file, const char *expected)
{
	char text[64];

	return sysfs_read(text, sizeof(text), CSS "/devices/%s/" TYPE "/%s",
			  id, file) >= 0 && !strcmp(text, expected);
}

static int create(const struct subchannel *sch, const char *uuid)
{
	return sysfs_write(uuid, CSS "/devices/%s/" TYPE "/create", sch->id);
}

static int open_device(struct subchannel *sch)
{
	int ret;

	ret = dma_open_container(&sch->user, UUID_A);
	if (!ret)
		ret = vfio_region_info(sch->user.vfio.device,
				       VFIO_CCW_CONFIG_REGION_INDEX,
				       &sch->region);
	return ret ? ret : dma_map(&sch->user, PROGRAM_IOVA, sch->memory,
				   PAGE, DMA_BOTH);
}

/* Starts the channel program; returns the errno of vfio_ccw. */
static int start(const struct subchannel *sch, uint32_t orb_flags)
{
	const __be32 orb[] = { htobe32(1), htobe32(orb_flags),
			       htobe32(PROGRAM_IOVA) };
	const __be32 scsw[] = { htobe32(SCSW_START), 0, 0 };
	struct ccw_io_region region = {};

	memcpy(region.orb_area, orb, sizeof(orb));
	memcpy(region.scsw_area, scsw, sizeof(scsw));
	if (pwrite(sch->user.vfio.device, &region, sizeof(region),
		   sch->region.offset) != sizeof(region))
		return -errno;
	return 0;
}

/* A channel program of one command that reads to SENSE_OFFSET */
static void write_program(const struct subchannel *sch, uint8_t command,
			  uint16_t count)
{
	const struct ccw ccw = {
		.command = command,
		.flags = CCW_SLI,
		.count = htobe16(count),
		.address = htobe32(PROGRAM_IOVA + SENSE_OFFSET),
	};

	memcpy(sch->memory, &ccw, sizeof(ccw));
}

FIXTURE(ccw)
{
	struct subchannel sch;
};

FIXTURE_SETUP(ccw)
{
	self->sch.user.vfio = (struct vfio_user){ -1, -1, -1 };
	if (!path_exists(CSS))
		SKIP(return, "needs the channel subsystem of s390");
	if (module_load("vfio_ccw"))
		SKIP(return, "needs the module vfio_ccw");
	ASSERT_EQ(0, mdev_prepare());
	self->sch.memory = aligned_alloc(PAGE, PAGE);
	ASSERT_NE(NULL, self->sch.memory);
	memset(self->sch.memory, 0, PAGE);
	ASSERT_EQ(0, find_subchannel(self->sch.id));
	ASSERT_EQ(0, rebind(self->sch.id, "vfio_ccw"));
}

FIXTURE_TEARDOWN(ccw)
{
	dma_close(&self->sch.user);
	EXPECT_EQ(0, mdev_remove_all());
	free(self->sch.memory);
	if (self->sch.id[0])
		EXPECT_EQ(0, rebind(self->sch.id, "\n"));
	/* Other tests unload mdev, which vfio_ccw uses. */
	if (module_is_loaded("vfio_ccw"))
		EXPECT_EQ(0, module_unload("vfio_ccw"));
}

TEST_F(ccw, type_files)
{
	EXPECT_TRUE(type_shows(self->sch.id, "name",
			       "I/O subchannel (Non-QDIO)"));
	EXPECT_TRUE(type_shows(self->sch.id, "device_api", "vfio-ccw"));
	EXPECT_TRUE(type_shows(self->sch.id, "available_instances", "1"));
}

TEST_F(ccw, one_instance)
{
	ASSERT_EQ(0, create(&self->sch, UUID_A));
	EXPECT_TRUE(type_shows(self->sch.id, "available_instances", "0"));
	EXPECT_EQ(-EUSERS, create(&self->sch, UUID_B));
	EXPECT_EQ(0, mdev_remove(UUID_A));
	EXPECT_EQ(0, create(&self->sch, UUID_B));
}

TEST_F(ccw, sense_id)
{
	struct pollfd wait = { .events = POLLIN };
	struct ccw_io_region region;
	const uint8_t *id;

	ASSERT_EQ(0, create(&self->sch, UUID_A));
	ASSERT_EQ(0, open_device(&self->sch));
	wait.fd = eventfd(0, 0);
	ASSERT_LE(0, wait.fd);
	ASSERT_EQ(0, vfio_set_irqs(self->sch.user.vfio.device,
				   VFIO_IRQ_SET_DATA_EVENTFD |
				   VFIO_IRQ_SET_ACTION_TRIGGER,
				   VFIO_CCW_IO_IRQ_INDEX, 0, 1, &wait.fd,
				   sizeof(wait.fd)));

	write_program(&self->sch, CCW_SENSE_ID, SENSE_ID_SIZE);
	ASSERT_EQ(0, start(&self->sch, ORB_FORMAT_1 | ORB_PREFETCH));
	ASSERT_EQ(1, poll(&wait, 1, TIMEOUT_MS));
	ASSERT_EQ(sizeof(region), pread(self->sch.user.vfio.device, &region,
					sizeof(region), self->sch.region.offset));
	EXPECT_EQ(0, region.ret_code);
	EXPECT_EQ(CHANNEL_END | DEVICE_END, region.irb_area[IRB_DEVICE_STATUS]);
	EXPECT_EQ(0, region.irb_area[IRB_CHANNEL_STATUS]);
	id = self->sch.memory + SENSE_OFFSET;
	EXPECT_EQ(0xff, id[0]);
	EXPECT_EQ(CU_TYPE_VIRTIO, id[SENSE_ID_CU_TYPE] << 8 |
				  id[SENSE_ID_CU_TYPE + 1]);
	close(wait.fd);
}

TEST_F(ccw, transport_mode)
{
	ASSERT_EQ(0, create(&self->sch, UUID_A));
	ASSERT_EQ(0, open_device(&self->sch));
	EXPECT_EQ(-EOPNOTSUPP, start(&self->sch, ORB_FORMAT_1 | ORB_TRANSPORT));
}

TEST_F(ccw, unbind_removes_device)
{
	ASSERT_EQ(0, create(&self->sch, UUID_A));
	ASSERT_EQ(0, sysfs_write(self->sch.id, CSS
				 "/drivers/vfio_ccw/unbind"));
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_A));
	EXPECT_EQ(0, sysfs_write(self->sch.id, CSS "/drivers_probe"));
}

TEST_HARNESS_MAIN
