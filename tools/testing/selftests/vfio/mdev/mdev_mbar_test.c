// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices of mbar, which divides the memory BAR of a PCI card: types, available_instances,
 * isolation of mapped memory between devices and between opens; bus reset, AER, unbind
 * and surprise removal of the card while devices are open. The VM has two cards:
 * pci-testdev has a BAR of 1 GiB that reads as zeros; ivshmem-plain has 64 MiB of memory,
 * and a hotplug root port that can reset it.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "card_lib.h"
#include "irq_lib.h"
#include "map_lib.h"
#include "mbar_regs.h"
#include "mdev_lib.h"
#include "migration_lib.h"
#include "vfio_lib.h"

#define MBAR_DRIVER	"/sys/bus/pci/drivers/mbar"
#define MEMTYPES	"/sys/kernel/debug/x86/pat_memtype_list"
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
#define ERR		VFIO_PCI_ERR_IRQ_INDEX
#define REQUEST		VFIO_PCI_REQ_IRQ_INDEX

/* Cards, by prefixes of their modalias */
#define TESTDEV		"pci:v00001B36d00000005"
#define IVSHMEM		"pci:v00001AF4d00001110"
#define PART_SIZE	(64 * 0x100000UL / MBAR_PARTS)

/* The PCI address of the card that is tested */
static char card[CARD_NAME_SIZE];

static int mbar_finish(void)
{
	int ret = mdev_remove_all();

	if (!ret && module_is_loaded("mbar"))
		ret = module_unload("mbar");
	return ret;
}

/* Binds mbar to @card; -ENODEV if its probe fails. mdev_sim uses pci-testdev, too. */
static int mbar_prepare(void)
{
	int ret = mdev_prepare();

	if (!ret && module_is_loaded("mdev_sim"))
		ret = module_unload("mdev_sim");
	if (!ret && !path_exists(MBAR_DRIVER))
		ret = module_load("mbar");
	if (!ret)
		ret = path_exists(MBAR_DRIVER "/%s", card) ? 0 : -ENODEV;
	if (ret)
		mbar_finish();
	return ret;
}

/* Reads a file of the type */
static int type_read(const char *file, char text[64])
{
	return sysfs_read(text, 64, PCI_DEVICES "/%s/mdev_supported_types/mbar-part/%s",
			  card, file);
}

static int available(void)
{
	char text[64];
	int ret = type_read("available_instances", text);

	return ret < 0 ? ret : atoi(text);
}

static int mbar_create(const char *uuid)
{
	return sysfs_write(uuid, PCI_DEVICES "/%s/mdev_supported_types/mbar-part/create",
			   card);
}

static int64_t mbar_register(int fd, uint64_t offset)
{
	return vfio_load(fd, BAR(MBAR_REGISTERS), offset, 4);
}

static uint64_t *map_part(int fd, size_t size)
{
	char *memory = map_new(fd, BAR(MBAR_MEMORY), 0, size);

	return memory == MAP_FAILED ? NULL : (uint64_t *)memory;
}

static uint64_t load(const uint64_t *memory, uint64_t offset)
{
	return __atomic_load_n(memory + offset / 8, __ATOMIC_SEQ_CST);
}

static void store(uint64_t *memory, uint64_t offset, uint64_t value)
{
	__atomic_store_n(memory + offset / 8, value, __ATOMIC_SEQ_CST);
}

/* Offsets next to the boundaries of PTEs, PMDs and the part */
static const uint64_t offsets[] = {
	0, PAGE - 8, PAGE, HUGE - 8, HUGE, 3 * HUGE + 3 * PAGE, PART_SIZE - 8,
};

static void fill(uint64_t *memory, uint64_t value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++)
		store(memory, offsets[i], value + i);
}

/* Whether memory has the values of fill(), or zeros if @value is 0 */
static bool has(const uint64_t *memory, uint64_t value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		uint64_t found = load(memory, offsets[i]);

		if (found == (value ? value + i : 0))
			continue;
		printf("# %#lx: %#lx\n", (long)offsets[i], (long)found);
		return false;
	}
	return true;
}

/* The type mbar-part of each card */
FIXTURE(type) {};

FIXTURE_VARIANT(type)
{
	const char *id;
	uint64_t part_size;
};

FIXTURE_VARIANT_ADD(type, testdev) {
	.id = TESTDEV,
	.part_size = GIANT / MBAR_PARTS,
};

FIXTURE_VARIANT_ADD(type, ivshmem) {
	.id = IVSHMEM,
	.part_size = PART_SIZE,
};

FIXTURE_SETUP(type)
{
	if (card_find(variant->id, 0, card))
		SKIP(return, "needs the card of this variant");
	ASSERT_EQ(0, mbar_prepare());
	ASSERT_EQ(0, map_prepare());
}

FIXTURE_TEARDOWN(type)
{
	map_finish();
	EXPECT_EQ(0, mbar_finish());
}

TEST_F(type, sysfs)
{
	char text[64];

	EXPECT_LT(0, type_read("name", text));
	EXPECT_STREQ("part", text);
	EXPECT_LT(0, type_read("device_api", text));
	EXPECT_STREQ("vfio-pci", text);
	EXPECT_LT(0, type_read("description", text));
	EXPECT_STREQ("an eighth of the card's memory", text);
	EXPECT_EQ(MBAR_PARTS, available());
}

TEST_F(type, size)
{
	struct vfio_region_info info = { .argsz = sizeof(info) };
	struct vfio_user user;
	char *memory;
	int error;

	ASSERT_EQ(0, mbar_create(UUID_A));
	ASSERT_EQ(0, vfio_open_container(&user, UUID_A));
	EXPECT_EQ(0, vfio_region_info(user.device, BAR(MBAR_MEMORY), &info));
	EXPECT_EQ(variant->part_size, info.size);
	EXPECT_TRUE(info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	EXPECT_EQ((int64_t)variant->part_size / 1024,
		  mbar_register(user.device, MBAR_SIZE_KIB));
	memory = map_new(user.device, BAR(MBAR_MEMORY), 0, variant->part_size);
	ASSERT_NE(MAP_FAILED, memory);
	EXPECT_EQ(0, map_load(memory, &error));
	EXPECT_EQ(0, error);
	EXPECT_EQ(0, map_load(memory + variant->part_size - 8, &error));
	EXPECT_EQ(0, error);
	vfio_close(&user);
}

/* Each device has another part, which can be used again after a remove. */
TEST_F(type, available_instances)
{
	unsigned int parts = 0, i;
	char uuid[UUID_SIZE];
	struct vfio_user user;

	for (i = 0; i < MBAR_PARTS; i++) {
		uuid_numbered(uuid, i);
		ASSERT_EQ(0, mbar_create(uuid));
		EXPECT_EQ((int)(MBAR_PARTS - 1 - i), available());
		ASSERT_EQ(0, vfio_open_cdev(&user, uuid));
		parts |= 1U << mbar_register(user.device, MBAR_PART);
		vfio_close(&user);
	}
	EXPECT_EQ((1U << MBAR_PARTS) - 1, parts);
	EXPECT_EQ(-ENOSPC, mbar_create(UUID_A));
	uuid_numbered(uuid, 3);
	EXPECT_EQ(0, mdev_remove(uuid));
	EXPECT_EQ(1, available());
	EXPECT_EQ(0, mbar_create(UUID_A));
	EXPECT_EQ(0, vfio_open_cdev(&user, UUID_A));
	EXPECT_EQ(3, mbar_register(user.device, MBAR_PART));
	vfio_close(&user);
}

/* Whether write-combining is reserved for exactly this range */
static bool is_write_combining(FILE *memtypes, unsigned long first, unsigned long last)
{
	unsigned long start, end;
	char line[128];

	while (fgets(line, sizeof(line), memtypes)) {
		if (sscanf(line, "PAT: [mem %lx-%lx]", &start, &end) == 2 &&
		    start == first && end == last + 1)
			return strstr(line, "write-combining");
	}
	return false;
}

/* BAR 2 is in the third line of the file. */
static int bar_addresses(const char *resource, unsigned long *first, unsigned long *last)
{
	return sscanf(resource, "%*[^\n] %*[^\n] %lx %lx", first, last) == 2 ? 0 : -EPROTO;
}

/* x86 PAT: mappings of a page have the memory type that is reserved for it. */
TEST_F(type, write_combining)
{
	unsigned long first, last;
	char text[512];
	FILE *list;

	ASSERT_LT(0, sysfs_read(text, sizeof(text), PCI_DEVICES "/%s/resource", card));
	ASSERT_EQ(0, bar_addresses(text, &first, &last));
	list = fopen(MEMTYPES, "r");
	if (!list)
		SKIP(return, "needs pat_memtype_list in debugfs");
	EXPECT_TRUE(is_write_combining(list, first, last));
	fclose(list);
}

/* Two open devices of a card, with mapped memory */
FIXTURE(parts)
{
	struct vfio_user a;
	struct vfio_user b;
	uint64_t *memory_a;
	uint64_t *memory_b;
};

FIXTURE_SETUP(parts)
{
	if (card_find(IVSHMEM, 0, card))
		SKIP(return, "needs -device ivshmem-plain");
	ASSERT_EQ(0, mbar_prepare());
	ASSERT_EQ(0, map_prepare());
	ASSERT_EQ(0, mbar_create(UUID_A));
	ASSERT_EQ(0, mbar_create(UUID_B));
	ASSERT_EQ(0, vfio_open_container(&self->a, UUID_A));
	ASSERT_EQ(0, vfio_open_cdev(&self->b, UUID_B));
	self->memory_a = map_part(self->a.device, PART_SIZE);
	ASSERT_NE(NULL, self->memory_a);
	self->memory_b = map_part(self->b.device, PART_SIZE);
	ASSERT_NE(NULL, self->memory_b);
}

FIXTURE_TEARDOWN(parts)
{
	map_finish();
	vfio_close(&self->a);
	vfio_close(&self->b);
	EXPECT_EQ(0, mbar_finish());
}

/* A mapping keeps its device open. The teardown can still run afterwards. */
static void unmap_and_close(struct vfio_user *a, struct vfio_user *b)
{
	map_finish();
	map_prepare();
	vfio_close(a);
	vfio_close(b);
}

TEST_F(parts, registers)
{
	int fd = self->a.device;

	EXPECT_EQ(MBAR_VENDOR_ID | MBAR_DEVICE_ID << 16, vfio_load(fd, CONFIG, 0, 4));
	EXPECT_EQ(MBAR_IS_MBAR, mbar_register(fd, MBAR_ID));
	EXPECT_EQ(0, mbar_register(fd, MBAR_PART));
	EXPECT_EQ(1, mbar_register(self->b.device, MBAR_PART));
	EXPECT_EQ(MBAR_PARTS, mbar_register(fd, MBAR_NR_PARTS));
	EXPECT_EQ((int64_t)PART_SIZE / 1024, mbar_register(fd, MBAR_SIZE_KIB));
	EXPECT_EQ(0, vfio_store(fd, BAR(MBAR_REGISTERS), MBAR_PART, 4, 5));
	EXPECT_EQ(0, mbar_register(fd, MBAR_PART));
}

TEST_F(parts, memory_isolated)
{
	EXPECT_TRUE(has(self->memory_a, 0));
	EXPECT_TRUE(has(self->memory_b, 0));
	fill(self->memory_a, 0xa000);
	EXPECT_TRUE(has(self->memory_b, 0));
	fill(self->memory_b, 0xb000);
	EXPECT_TRUE(has(self->memory_a, 0xa000));
	EXPECT_TRUE(has(self->memory_b, 0xb000));
}

/* read() and write() access the same memory as mappings, with each size. */
TEST_F(parts, trapped_accesses)
{
	static const uint64_t value = 0x1122334455667788;
	int fd = self->a.device;
	uint64_t found;

	EXPECT_EQ(8, vfio_write(fd, BAR(MBAR_MEMORY), HUGE, &value, 8));
	EXPECT_EQ(value, load(self->memory_a, HUGE));
	EXPECT_EQ(8, vfio_read(fd, BAR(MBAR_MEMORY), HUGE, &found, 8));
	EXPECT_EQ(value, found);
	EXPECT_EQ(0x88, vfio_load(fd, BAR(MBAR_MEMORY), HUGE, 1));
	EXPECT_EQ(0x5566, vfio_load(fd, BAR(MBAR_MEMORY), HUGE + 2, 2));
	EXPECT_EQ(0x11223344, vfio_load(fd, BAR(MBAR_MEMORY), HUGE + 4, 4));
	EXPECT_EQ(0, vfio_store(fd, BAR(MBAR_MEMORY), HUGE, 1, 0x99));
	EXPECT_EQ(0, vfio_store(fd, BAR(MBAR_MEMORY), HUGE + 2, 2, 0xaabb));
	EXPECT_EQ(0, vfio_store(fd, BAR(MBAR_MEMORY), HUGE + 4, 4, 0xccddeeff));
	EXPECT_EQ(0xccddeeffaabb7799, load(self->memory_a, HUGE));
	EXPECT_EQ(0, vfio_load(self->b.device, BAR(MBAR_MEMORY), HUGE, 4));
}

TEST_F(parts, cleared_by_reset)
{
	fill(self->memory_a, 0xa000);
	fill(self->memory_b, 0xb000);
	EXPECT_EQ(0, vfio_ioctl(self->a.device, VFIO_DEVICE_RESET, NULL));
	EXPECT_TRUE(has(self->memory_a, 0));
	EXPECT_TRUE(has(self->memory_b, 0xb000));
}

/* The memory is cleared between two opens, for mappings and for read(). */
TEST_F(parts, cleared_for_next_user)
{
	fill(self->memory_a, 0xa000);
	fill(self->memory_b, 0xb000);
	map_finish();
	ASSERT_EQ(0, map_prepare());
	vfio_close(&self->a);
	ASSERT_EQ(0, vfio_open_cdev(&self->a, UUID_A));
	EXPECT_EQ(0, vfio_load(self->a.device, BAR(MBAR_MEMORY), HUGE, 4));
	self->memory_a = map_part(self->a.device, PART_SIZE);
	ASSERT_NE(NULL, self->memory_a);
	EXPECT_TRUE(has(self->memory_a, 0));
	self->memory_b = map_part(self->b.device, PART_SIZE);
	ASSERT_NE(NULL, self->memory_b);
	EXPECT_TRUE(has(self->memory_b, 0xb000));
}

TEST_F(parts, cleared_for_next_device)
{
	fill(self->memory_a, 0xa000);
	map_finish();
	ASSERT_EQ(0, map_prepare());
	vfio_close(&self->a);
	ASSERT_EQ(0, mdev_remove(UUID_A));
	ASSERT_EQ(0, mbar_create(UUID_A));
	ASSERT_EQ(0, vfio_open_cdev(&self->a, UUID_A));
	EXPECT_EQ(0, mbar_register(self->a.device, MBAR_PART));
	self->memory_a = map_part(self->a.device, PART_SIZE);
	ASSERT_NE(NULL, self->memory_a);
	EXPECT_TRUE(has(self->memory_a, 0));
}

TEST_F(parts, no_migration_feature)
{
	struct vfio_device_feature_migration migration;

	EXPECT_EQ(-ENOTTY, vfio_feature(self->a.device, VFIO_DEVICE_FEATURE_GET |
					VFIO_DEVICE_FEATURE_MIGRATION, &migration,
					sizeof(migration)));
}

/* The REQ interrupt is signalled, and the unbind waits until the devices are closed. */
TEST_F(parts, unbind)
{
	struct card_action action = { .text = card, .path = MBAR_DRIVER "/unbind" };
	int event = irq_eventfd();

	fill(self->memory_a, 0xa000);
	ASSERT_EQ(0, irq_set_eventfd(self->a.device, REQUEST, TRIGGER, event));
	ASSERT_EQ(0, card_action_start(&action));
	EXPECT_LE(1, irq_signals_within(event, 15000));
	EXPECT_TRUE(card_action_waits(&action));
	EXPECT_TRUE(has(self->memory_a, 0xa000));
	unmap_and_close(&self->a, &self->b);
	EXPECT_EQ(0, card_action_end(&action));
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_A));
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_B));
	EXPECT_FALSE(path_exists(PCI_DEVICES "/%s/mdev_supported_types", card));
	EXPECT_EQ(0, sysfs_write(card, MBAR_DRIVER "/bind"));
	EXPECT_EQ(MBAR_PARTS, available());
	close(event);
}

/* A reset of the card does not clear its memory. */
TEST_F(parts, bus_reset)
{
	fill(self->memory_a, 0xa000);
	EXPECT_EQ(0, sysfs_write("1", PCI_DEVICES "/%s/reset", card));
	EXPECT_TRUE(has(self->memory_a, 0xa000));
	EXPECT_EQ(MBAR_IS_MBAR, mbar_register(self->a.device, MBAR_ID));
}

/* The link reset clears the config space, which mdev_pci_slot_reset() restores. */
TEST_F_TIMEOUT(parts, aer_fatal, 120)
{
	if (module_load("aer_inject"))
		SKIP(return, "needs the module aer_inject");
	fill(self->memory_a, 0xa000);
	EXPECT_EQ(0, card_inject_fatal_error(card));
	EXPECT_TRUE(has(self->memory_a, 0xa000));
	EXPECT_EQ(MBAR_IS_MBAR, mbar_register(self->a.device, MBAR_ID));
	EXPECT_EQ(0, module_unload("aer_inject"));
}

/*
 * Accesses after the surprise removal have no effect. When the PCI device is removed,
 * the ERR interrupt is signalled, page faults are SIGBUS and read() returns -EIO. This is
 * the last test, since the card can't be plugged in again.
 */
TEST_F(parts, surprise_removal)
{
	int event = irq_eventfd(), error;
	char path[128];
	struct card_action action = { .text = "1", .path = path };

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/remove", card);
	fill(self->memory_a, 0xa000);
	ASSERT_EQ(0, irq_set_eventfd(self->a.device, ERR, TRIGGER, event));
	ASSERT_EQ(0, card_pull_out(card));
	map_load(self->memory_a, &error);
	EXPECT_EQ(0, error);
	ASSERT_EQ(0, card_action_start(&action));
	EXPECT_EQ(1, irq_signals_within(event, 15000));
	map_load(self->memory_a, &error);
	EXPECT_EQ(-EFAULT, error);
	EXPECT_EQ(-EIO, mbar_register(self->a.device, MBAR_ID));
	EXPECT_TRUE(card_action_waits(&action));
	unmap_and_close(&self->a, &self->b);
	EXPECT_EQ(0, card_action_end(&action));
	EXPECT_FALSE(path_exists(PCI_DEVICES "/%s", card));
	EXPECT_FALSE(path_exists(MDEV_DEVICES "/" UUID_A));
	close(event);
}

TEST_HARNESS_MAIN
