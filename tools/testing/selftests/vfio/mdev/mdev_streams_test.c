// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads state data that earlier versions have saved, in streams/, and compares registers
 * and memory. With MDEV_RECORD=FOLDER in the environment, writes the state data that this
 * version saves to FOLDER. Add a file to streams/ when the format or a driver's
 * state_version changes, and remove none.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "mdma_lib.h"
#include "mdma_regs.h"
#include "migration_lib.h"
#include "mvga_lib.h"
#include "vfio_lib.h"

#define BAR1		VFIO_PCI_BAR1_REGION_INDEX
#define UART_RX		0
#define UART_SCR	7
#define MAX_ACCESSES	6
#define STREAM_MAX	65536
#define PARENTS		"/sys/class/mdev_bus"

/* A register or memory: written before the save, and compared after the load */
struct access {
	uint32_t region;
	uint64_t offset;
	unsigned int size;
	uint64_t value;
};

FIXTURE(streams)
{
	struct vfio_user user;
	char stream[STREAM_MAX];
};

FIXTURE_VARIANT(streams)
{
	const char *type;
	const char *parent;
	/* In streams/: the type and the state_version of its driver */
	const char *file;
	struct access accesses[MAX_ACCESSES];
};

/* Two ports: a byte in the scratch register of each, one in a receive buffer */
FIXTURE_VARIANT_ADD(streams, mtty_v0)
{
	.type = "mtty-2",
	.parent = "mtty",
	.file = "mtty-2.v0",
	.accesses = {
		{ BAR0, UART_SCR, 1, 0x5a },
		{ BAR1, UART_SCR, 1, 0xa5 },
		{ BAR1, UART_RX, 1, 'x' },
	},
};

/* A mode, and two pages of memory */
FIXTURE_VARIANT_ADD(streams, mvga_v0)
{
	.type = "mvga-8",
	.parent = "mvga",
	.file = "mvga-8.v0",
	.accesses = {
		{ BAR2, DISPI + 2 * XRES, 2, 1024 },
		{ BAR2, DISPI + 2 * YRES, 2, 768 },
		{ BAR2, DISPI + 2 * Y_OFFSET, 2, 4 },
		{ BAR0, 4 * PAGE, 4, 0x12345678 },
		{ BAR0, MVGA_MEMORY - 8, 4, 0x55667788 },
	},
};

/* A queue with a ring */
FIXTURE_VARIANT_ADD(streams, mdma_v0)
{
	.type = "mdma-4",
	.parent = "mdma",
	.file = "mdma-4.v0",
	.accesses = {
		{ BAR0, MDMA_REGISTER(2, MDMA_BASE), 4, 0x12345 },
		{ BAR0, MDMA_REGISTER(2, MDMA_SIZE), 4, 16 },
	},
};

static int create_device(const char *parent, const char *type, const char *uuid)
{
	return sysfs_write(uuid, PARENTS "/%s/mdev_supported_types/%s/create",
			   parent, type);
}

static int prepare(const char *parent)
{
	int ret = mdev_prepare();

	return ret || path_exists(PARENTS "/%s", parent) ?
	       ret : module_load(parent);
}

FIXTURE_SETUP(streams)
{
	self->user = (struct vfio_user){ -1, -1, -1 };
	ASSERT_EQ(0, prepare(variant->parent));
	ASSERT_EQ(0, create_device(variant->parent, variant->type, UUID_A));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	ASSERT_EQ(0, vfio_pci_enable(self->user.device));
}

FIXTURE_TEARDOWN(streams)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, mdev_remove_all());
}

/* Bytes as two hexadecimal digits each, with white space anywhere between them */
static ssize_t read_hex(const char *name, char *bytes, size_t size)
{
	char path[PATH_MAX];
	unsigned int byte;
	size_t count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "streams/%s", name);
	file = fopen(path, "r");
	if (!file)
		return -errno;
	while (count < size && fscanf(file, "%2x", &byte) == 1)
		bytes[count++] = byte;
	fclose(file);
	return count < size ? (ssize_t)count : -ENOSPC;
}

static int record(const char *name, const char *bytes, ssize_t size)
{
	char path[PATH_MAX];
	FILE *file;
	ssize_t i;

	if (!getenv("MDEV_RECORD"))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", getenv("MDEV_RECORD"), name);
	file = fopen(path, "w");
	if (!file)
		return -errno;
	for (i = 0; i < size; i++)
		fprintf(file, "%02x%s", (unsigned char)bytes[i],
			i % 32 == 31 || i == size - 1 ? "\n" : "");
	return fclose(file) ? -errno : 0;
}

TEST_F(streams, state_version_loads)
{
	const struct access *access;
	ssize_t size;

	for (access = variant->accesses; access->size; access++)
		ASSERT_EQ(0, vfio_store(self->user.device, access->region,
					access->offset, access->size,
					access->value));
	size = migration_save(self->user.device, self->stream, STREAM_MAX);
	ASSERT_LT(0, size);
	ASSERT_EQ(0, record(variant->file, self->stream, size));
	ASSERT_EQ(0, vfio_ioctl(self->user.device, VFIO_DEVICE_RESET, NULL));

	size = read_hex(variant->file, self->stream, STREAM_MAX);
	ASSERT_LT(0, size);
	ASSERT_EQ(0, migration_load(self->user.device, self->stream, size));
	ASSERT_EQ(0, migration_move(self->user.device, RUNNING));
	for (access = variant->accesses; access->size; access++)
		EXPECT_EQ(access->value,
			  vfio_load(self->user.device, access->region,
				    access->offset, access->size));
}

TEST_HARNESS_MAIN
