// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compares mainline's sample mdpy with its ports to struct parent_ops (mdpy_ops) and
 * to mdev_pci (mdpy_pci): the same UAPI and sysfs, but for differences that are intended.
 */
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "mdpy_regs.h"
#include "migration_lib.h"
#include "vfio_lib.h"

#define PARENTS		"/sys/class/mdev_bus"
#define INSTANCES	4

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
#define PAGE		0x1000UL

/* Short names of VFIO_GFX_PLANE_TYPE_* */
#define PROBE		VFIO_GFX_PLANE_TYPE_PROBE
#define DMABUF		VFIO_GFX_PLANE_TYPE_DMABUF
#define REGION		VFIO_GFX_PLANE_TYPE_REGION

/* More than the state data of a device of mdpy_pci */
#define STREAM_ROOM	0x900000

/* mdpy's config space is one byte shorter than PCI's */
#define MDPY_CONFIG_SIZE	0xff

/* DRM's fourcc_code('X', 'R', '2', '4') */
#define XRGB8888	0x34325258

enum { MDPY, MDPY_OPS, MDPY_PCI, NR_DRIVERS };

/*
 * Config space is little endian. STORE_LE16() and STORE_LE32() of mainline's mdpy
 * store in the byte order of the CPU: on big endian, only its ports have a valid one.
 */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define FIRST_VALID_CONFIG	MDPY_OPS
#else
#define FIRST_VALID_CONFIG	MDPY
#endif

static const char *const drivers[NR_DRIVERS] = { "mdpy", "mdpy_ops", "mdpy_pci" };

enum { VGA, XGA, HD };

static const struct {
	const char *name;
	uint32_t width;
	uint32_t height;
	uint32_t size;	/* of BAR0 */
} types[] = {
	[VGA] = { "vga", 640, 480, 0x200000 },
	[XGA] = { "xga", 1024, 768, 0x400000 },
	[HD] = { "hd", 1920, 1080, 0x800000 },
};

static int create_display(unsigned int driver, const char *type,
			  const char *uuid)
{
	return sysfs_write(uuid, PARENTS "/%s/mdev_supported_types/%s-%s/create",
			   drivers[driver], drivers[driver], type);
}

static int type_file(char *text, size_t size, unsigned int driver,
		     const char *type, const char *file)
{
	return sysfs_read(text, size,
			  PARENTS "/%s/mdev_supported_types/%s-%s/%s",
			  drivers[driver], drivers[driver], type, file);
}

/* Offsets are those of VFIO_DEVICE_GET_REGION_INFO: mdpy's differ from vfio-pci's */
static ssize_t region_read(int device, uint32_t region, uint64_t offset,
			   void *data, size_t size)
{
	struct vfio_region_info info;
	int ret = vfio_region_info(device, region, &info);
	ssize_t done;

	if (ret)
		return ret;
	done = pread(device, data, size, info.offset + offset);
	return done < 0 ? -errno : done;
}

static ssize_t region_write(int device, uint32_t region, uint64_t offset,
			    const void *data, size_t size)
{
	struct vfio_region_info info;
	int ret = vfio_region_info(device, region, &info);
	ssize_t done;

	if (ret)
		return ret;
	done = pwrite(device, data, size, info.offset + offset);
	return done < 0 ? -errno : done;
}

static uint8_t *region_map(int device, uint32_t region)
{
	struct vfio_region_info info;

	if (vfio_region_info(device, region, &info))
		return MAP_FAILED;
	return mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, device,
		    info.offset);
}

static uint32_t config_read32(int device, uint64_t offset)
{
	uint32_t value = 0;

	region_read(device, CONFIG, offset, &value, sizeof(value));
	return le32toh(value);
}

static ssize_t config_write32(int device, uint64_t offset, uint32_t value)
{
	value = htole32(value);
	return region_write(device, CONFIG, offset, &value, sizeof(value));
}

static int query_plane(int device, uint32_t flags,
		       struct vfio_device_gfx_plane_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	info->flags = flags;
	return vfio_ioctl(device, VFIO_DEVICE_QUERY_GFX_PLANE, info);
}

/* The region that a VMM displays */
static uint8_t *picture_map(int device)
{
	struct vfio_device_gfx_plane_info info;

	return query_plane(device, REGION, &info) ?
	       MAP_FAILED : region_map(device, info.region_index);
}

/* mdpy's initial framebuffer: lines that get lighter */
static bool is_gradient(const uint8_t *memory, unsigned int type)
{
	uint32_t width = types[type].width * 4;
	uint32_t height = types[type].height;
	uint32_t i;

	for (i = 0; i < types[type].size; i++) {
		uint32_t line = i / width;

		if (memory[i] != (line < height ? line * 255 / height : 0))
			return false;
	}
	return true;
}

/* Modules stay loaded until the program exits: loading them takes most of the time. */
static int load(unsigned int driver)
{
	if (module_is_loaded(drivers[driver]))
		return 0;
	return module_load(drivers[driver]);
}

static void unload_all(void)
{
	unsigned int i;

	mdev_remove_all();
	for (i = 0; i < NR_DRIVERS; i++)
		module_unload(drivers[i]);
}

/* See mdev_lib.c: tests are child processes, without exit handlers. */
static void __attribute__((constructor)) register_exit_handler(void)
{
	atexit(unload_all);
}

static int display_open(struct vfio_user *user, unsigned int driver,
			unsigned int type, unsigned int number)
{
	const uint16_t command = htole16(PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	char uuid[UUID_SIZE];
	int ret;

	uuid_numbered(uuid, number);
	ret = create_display(driver, types[type].name, uuid);
	if (!ret)
		ret = vfio_open(user, uuid);
	if (ret)
		return ret;
	/* As a guest's driver does; BARs of mdpy and mdpy_ops are always enabled */
	return region_write(user->device, CONFIG, PCI_COMMAND, &command, 2) ==
	       2 ? 0 : -EIO;
}

static int open_all(struct vfio_user users[NR_DRIVERS], unsigned int type)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < NR_DRIVERS && !ret; i++)
		ret = display_open(&users[i], i, type, i);
	return ret;
}

static void init_all(struct vfio_user users[NR_DRIVERS])
{
	unsigned int i;

	for (i = 0; i < NR_DRIVERS; i++)
		users[i] = (struct vfio_user){ -1, -1, -1 };
}

static void close_all(struct vfio_user users[NR_DRIVERS])
{
	unsigned int i;

	for (i = 0; i < NR_DRIVERS; i++)
		vfio_close(&users[i]);
}

/* A device of each driver, of the type of the variant */
FIXTURE(mode)
{
	struct vfio_user user[NR_DRIVERS];
};

FIXTURE_VARIANT(mode)
{
	unsigned int type;
};

FIXTURE_VARIANT_ADD(mode, vga)
{
	.type = VGA,
};

FIXTURE_VARIANT_ADD(mode, xga)
{
	.type = XGA,
};

FIXTURE_VARIANT_ADD(mode, hd)
{
	.type = HD,
};

FIXTURE_SETUP(mode)
{
	init_all(self->user);
	ASSERT_EQ(0, mdev_prepare());
	if (load(MDPY))
		SKIP(return, "needs the module mdpy of mainline's samples");
	ASSERT_EQ(0, load(MDPY_OPS));
	ASSERT_EQ(0, load(MDPY_PCI));
	ASSERT_EQ(0, open_all(self->user, variant->type));
}

FIXTURE_TEARDOWN(mode)
{
	close_all(self->user);
	EXPECT_EQ(0, mdev_remove_all());
}

/* A device of each driver, of the type vga */
FIXTURE(display)
{
	struct vfio_user user[NR_DRIVERS];
};

FIXTURE_SETUP(display)
{
	init_all(self->user);
	ASSERT_EQ(0, mdev_prepare());
	if (load(MDPY))
		SKIP(return, "needs the module mdpy of mainline's samples");
	ASSERT_EQ(0, load(MDPY_OPS));
	ASSERT_EQ(0, load(MDPY_PCI));
	ASSERT_EQ(0, open_all(self->user, VGA));
}

FIXTURE_TEARDOWN(display)
{
	close_all(self->user);
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F(mode, type_files)
{
	static const char *const files[] = {
		"name", "description", "device_api", "available_instances",
	};
	const char *type = types[variant->type].name;
	char expected[256], text[256];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		ASSERT_LT(0, type_file(expected, sizeof(expected), MDPY, type,
				       files[i]));
		for (j = MDPY_OPS; j < NR_DRIVERS; j++) {
			ASSERT_LT(0, type_file(text, sizeof(text), j, type,
					       files[i]));
			EXPECT_STREQ(expected, text);
		}
	}
	/* One of four devices of the driver exists */
	EXPECT_STREQ("3", expected);
}

TEST_F(mode, device_attribute)
{
	char expected[32], text[32], uuid[UUID_SIZE];
	unsigned int i;

	snprintf(expected, sizeof(expected), "%ux%u",
		 types[variant->type].width, types[variant->type].height);
	for (i = 0; i < NR_DRIVERS; i++) {
		uuid_numbered(uuid, i);
		ASSERT_LT(0, sysfs_read(text, sizeof(text), MDEV_DEVICES
					"/%s/vendor/resolution", uuid));
		EXPECT_STREQ(expected, text);
	}
}

TEST_F(mode, region_info)
{
	struct vfio_region_info expected, info;
	unsigned int i, region;

	for (region = 0; region < VFIO_PCI_NUM_REGIONS; region++) {
		ASSERT_EQ(0, vfio_region_info(self->user[MDPY].device, region,
					      &expected));
		/* The ports have all 256 bytes of config space. */
		if (region == CONFIG) {
			EXPECT_EQ(MDPY_CONFIG_SIZE, expected.size);
			expected.size = PCI_CFG_SPACE_SIZE;
		}
		for (i = MDPY_OPS; i < NR_DRIVERS; i++) {
			ASSERT_EQ(0, vfio_region_info(self->user[i].device,
						      region, &info));
			EXPECT_EQ(expected.size, info.size);
			EXPECT_EQ(expected.flags, info.flags);
		}
	}
	ASSERT_EQ(0, vfio_region_info(self->user[MDPY].device, BAR0, &info));
	EXPECT_EQ(types[variant->type].size, info.size);
}

/*
 * mdpy_ops has the same bytes as mdpy. mdpy_pci differs in PCI_COMMAND, by which the
 * guest enables BARs, and in the DEVSEL timing of PCI_STATUS.
 */
TEST_F(mode, config_space)
{
	uint8_t config[NR_DRIVERS][MDPY_CONFIG_SIZE];
	uint8_t *valid = config[FIRST_VALID_CONFIG];
	uint8_t *pci = config[MDPY_PCI];
	unsigned int i;

	for (i = 0; i < NR_DRIVERS; i++)
		ASSERT_EQ(MDPY_CONFIG_SIZE,
			  region_read(self->user[i].device, CONFIG, 0,
				      config[i], MDPY_CONFIG_SIZE));
	EXPECT_EQ(0, memcmp(valid, config[MDPY_OPS], MDPY_CONFIG_SIZE));

	EXPECT_EQ(PCI_COMMAND_MEMORY, pci[PCI_COMMAND]);
	EXPECT_EQ(PCI_STATUS_DEVSEL_MEDIUM >> 8, pci[PCI_STATUS + 1]);
	pci[PCI_COMMAND] = valid[PCI_COMMAND];
	pci[PCI_STATUS + 1] = valid[PCI_STATUS + 1];
	EXPECT_EQ(0, memcmp(valid, pci, MDPY_CONFIG_SIZE));
}

/* Config space that mainline's guest driver mdpy-fb reads in its probe */
TEST_F(mode, guest_driver_registers)
{
	unsigned int i;
	int device;

	for (i = FIRST_VALID_CONFIG; i < NR_DRIVERS; i++) {
		device = self->user[i].device;
		EXPECT_EQ(MDPY_DEVICE_ID << 16 | MDPY_VENDOR_ID,
			  config_read32(device, PCI_VENDOR_ID));
		EXPECT_EQ(MDPY_SUBSYSTEM_ID << 16 | MDPY_SUBSYSTEM_VENDOR_ID,
			  config_read32(device, PCI_SUBSYSTEM_VENDOR_ID));
		EXPECT_EQ(XRGB8888, config_read32(device, MDPY_CAP_FORMAT));
		EXPECT_EQ(types[variant->type].width,
			  config_read32(device, MDPY_CAP_WIDTH));
		EXPECT_EQ(types[variant->type].height,
			  config_read32(device, MDPY_CAP_HEIGHT));
	}
}

/* A guest sizes and places BAR0. BAR1 and the vendor capability are read-only. */
TEST_F(mode, bar_sizing)
{
	const uint32_t size = types[variant->type].size;
	const uint32_t address = 0xfd000000;
	unsigned int i;
	int device;

	for (i = FIRST_VALID_CONFIG; i < NR_DRIVERS; i++) {
		device = self->user[i].device;
		ASSERT_EQ(4, config_write32(device, PCI_BASE_ADDRESS_0, ~0U));
		EXPECT_EQ(~(size - 1) | PCI_BASE_ADDRESS_MEM_PREFETCH,
			  config_read32(device, PCI_BASE_ADDRESS_0));
		ASSERT_EQ(4, config_write32(device, PCI_BASE_ADDRESS_0,
					    address));
		EXPECT_EQ(address | PCI_BASE_ADDRESS_MEM_PREFETCH,
			  config_read32(device, PCI_BASE_ADDRESS_0));
		ASSERT_EQ(4, config_write32(device, PCI_BASE_ADDRESS_1, ~0U));
		EXPECT_EQ(0, config_read32(device, PCI_BASE_ADDRESS_1));
		ASSERT_EQ(4, config_write32(device, MDPY_CAP_WIDTH, ~0U));
		EXPECT_EQ(types[variant->type].width,
			  config_read32(device, MDPY_CAP_WIDTH));
	}
}

TEST_F(mode, gradient)
{
	uint8_t *memory;
	unsigned int i;

	for (i = 0; i < NR_DRIVERS; i++) {
		memory = region_map(self->user[i].device, BAR0);
		ASSERT_NE(MAP_FAILED, memory);
		EXPECT_TRUE(is_gradient(memory, variant->type));
		munmap(memory, types[variant->type].size);
	}
}

TEST_F(mode, gfx_plane)
{
	struct vfio_device_gfx_plane_info expected, info;
	unsigned int i;

	ASSERT_EQ(0, query_plane(self->user[MDPY].device, REGION, &expected));
	EXPECT_EQ(XRGB8888, expected.drm_format);
	EXPECT_EQ(types[variant->type].width, expected.width);
	for (i = MDPY_OPS; i < NR_DRIVERS; i++) {
		ASSERT_EQ(0, query_plane(self->user[i].device, REGION, &info));
		/* The first index after those of PCI; mdpy uses 16 */
		EXPECT_EQ(VFIO_PCI_NUM_REGIONS, info.region_index);
		info.region_index = expected.region_index;
		EXPECT_EQ(0, memcmp(&expected, &info, sizeof(info)));
	}
}

/* Unlike mdpy, the ports count the gfx region and set VFIO_DEVICE_FLAGS_RESET. */
TEST_F(display, device_info)
{
	struct vfio_device_info info[NR_DRIVERS];
	unsigned int i;

	for (i = 0; i < NR_DRIVERS; i++) {
		info[i] = (struct vfio_device_info){ .argsz = sizeof(info[i]) };
		ASSERT_EQ(0, vfio_ioctl(self->user[i].device,
					VFIO_DEVICE_GET_INFO, &info[i]));
		EXPECT_EQ(VFIO_PCI_NUM_IRQS, info[i].num_irqs);
	}
	EXPECT_EQ(VFIO_DEVICE_FLAGS_PCI, info[MDPY].flags);
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS, info[MDPY].num_regions);
	for (i = MDPY_OPS; i < NR_DRIVERS; i++) {
		EXPECT_EQ(VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
			  info[i].flags);
		EXPECT_EQ(VFIO_PCI_NUM_REGIONS + 1, info[i].num_regions);
	}
}

TEST_F(display, irq_info)
{
	struct vfio_device_info device = { .argsz = sizeof(device) };
	struct vfio_irq_info info;
	unsigned int i, index;

	for (i = 0; i < NR_DRIVERS; i++) {
		/* mdpy rejects every index before VFIO_DEVICE_GET_INFO */
		ASSERT_EQ(0, vfio_ioctl(self->user[i].device,
					VFIO_DEVICE_GET_INFO, &device));
		for (index = 0; index < VFIO_PCI_ERR_IRQ_INDEX; index++) {
			ASSERT_EQ(0, vfio_irq_info(self->user[i].device, index,
						   &info));
			EXPECT_EQ(0, info.count);
		}
	}
}

/* mdpy handles every write to PCI_BASE_ADDRESS_0 as one of four bytes. */
TEST_F(display, bar_byte_write)
{
	const uint8_t byte = 0xfc;
	unsigned int i;
	int device;

	for (i = MDPY_OPS; i < NR_DRIVERS; i++) {
		device = self->user[i].device;
		ASSERT_EQ(1, region_write(device, CONFIG,
					  PCI_BASE_ADDRESS_0 + 3, &byte, 1));
		EXPECT_EQ((uint32_t)byte << 24 | PCI_BASE_ADDRESS_MEM_PREFETCH,
			  config_read32(device, PCI_BASE_ADDRESS_0));
	}
}

TEST_F(display, framebuffer)
{
	const uint32_t pixel = 0x00123456, other = 0x00654321;
	uint32_t value;
	uint8_t *memory;
	unsigned int i;
	int device;

	for (i = 0; i < NR_DRIVERS; i++) {
		device = self->user[i].device;
		memory = region_map(device, BAR0);
		ASSERT_NE(MAP_FAILED, memory);
		memcpy(memory, &pixel, sizeof(pixel));
		ASSERT_EQ(4, region_read(device, BAR0, 0, &value, 4));
		EXPECT_EQ(pixel, value);
		ASSERT_EQ(4, region_write(device, BAR0, 0, &other, 4));
		EXPECT_EQ(0, memcmp(memory, &other, sizeof(other)));
		munmap(memory, types[VGA].size);
	}
}

TEST_F(display, framebuffer_at_any_offset)
{
	const uint32_t size = types[VGA].size;
	uint8_t expected[2 * PAGE], data[2 * PAGE];
	uint8_t *memory;
	unsigned int i;
	int device;

	for (i = 0; i < sizeof(expected); i++)
		expected[i] = i / 3;
	for (i = MDPY_OPS; i < NR_DRIVERS; i++) {
		device = self->user[i].device;
		memory = region_map(device, BAR0);
		ASSERT_NE(MAP_FAILED, memory);
		memcpy(memory + size - PAGE, expected, PAGE);
		ASSERT_EQ(PAGE, region_read(device, BAR0, size - PAGE, data,
					    sizeof(data)));
		EXPECT_EQ(0, memcmp(expected, data, PAGE));
		ASSERT_EQ(sizeof(expected),
			  region_write(device, BAR0, 101, expected,
				       sizeof(expected)));
		EXPECT_EQ(0, memcmp(memory + 101, expected, sizeof(expected)));
		munmap(memory, size);
	}

	/* mdpy reads and writes the first bytes instead. */
	device = self->user[MDPY].device;
	memory = region_map(device, BAR0);
	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(4, region_write(device, BAR0, PAGE, "mdpy", 4));
	EXPECT_EQ(0, memcmp(memory, "mdpy", 4));
	munmap(memory, size);
}

/* mdpy maps a region from its beginning only. */
TEST_F(display, framebuffer_partial_mmap)
{
	const uint32_t start = types[VGA].size - PAGE;
	struct vfio_region_info info;
	uint8_t *memory;
	unsigned int i;
	uint32_t value;
	int device;

	for (i = 0; i < NR_DRIVERS; i++) {
		device = self->user[i].device;
		ASSERT_EQ(0, vfio_region_info(device, BAR0, &info));
		memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			      device, info.offset + start);
		EXPECT_EQ(i == MDPY, memory == MAP_FAILED);
		if (memory == MAP_FAILED)
			continue;
		memcpy(memory, "part", 4);
		ASSERT_EQ(4, region_read(device, BAR0, start, &value, 4));
		EXPECT_EQ(0, memcmp(&value, "part", 4));
		munmap(memory, PAGE);
	}
}

TEST_F(display, gfx_plane_probe)
{
	struct vfio_device_gfx_plane_info info;
	unsigned int i;
	int device;

	for (i = 0; i < NR_DRIVERS; i++) {
		device = self->user[i].device;
		EXPECT_EQ(0, query_plane(device, PROBE | REGION, &info));
		EXPECT_EQ(-EINVAL, query_plane(device, PROBE | DMABUF, &info));
		EXPECT_EQ(-EINVAL, query_plane(device, PROBE, &info));
		EXPECT_EQ(-EINVAL, query_plane(device, DMABUF, &info));
		EXPECT_EQ(-EINVAL, query_plane(device, 0, &info));
	}
}

/* mmap, read and write of the gfx region access BAR0's memory. */
TEST_F(display, gfx_region)
{
	const uint32_t size = types[VGA].size;
	struct vfio_device_gfx_plane_info plane;
	uint8_t *memory, *picture;
	unsigned int i;
	uint32_t value;
	int device;

	for (i = 0; i < NR_DRIVERS; i++) {
		device = self->user[i].device;
		ASSERT_EQ(0, query_plane(device, REGION, &plane));
		memory = region_map(device, BAR0);
		picture = region_map(device, plane.region_index);
		ASSERT_NE(MAP_FAILED, memory);
		ASSERT_NE(MAP_FAILED, picture);

		memset(memory + size / 2, i + 1, PAGE);
		EXPECT_EQ(0, memcmp(memory, picture, size));
		memcpy(picture, "abcd", 4);
		ASSERT_EQ(4, region_read(device, BAR0, 0, &value, 4));
		EXPECT_EQ(0, memcmp(&value, "abcd", 4));
		ASSERT_EQ(4, region_write(device, plane.region_index, 0, "efgh",
					  4));
		ASSERT_EQ(4, region_read(device, plane.region_index, 0, &value,
					 4));
		EXPECT_EQ(0, memcmp(&value, "efgh", 4));
		EXPECT_EQ(0, memcmp(memory, "efgh", 4));
		munmap(memory, size);
		munmap(picture, size);
	}
}

TEST_F(display, gfx_region_info)
{
	struct vfio_device_gfx_plane_info plane;
	struct vfio_region_info bar, picture;
	unsigned int i;
	int device;

	for (i = 0; i < NR_DRIVERS; i++) {
		device = self->user[i].device;
		ASSERT_EQ(0, query_plane(device, REGION, &plane));
		ASSERT_EQ(0, vfio_region_info(device, BAR0, &bar));
		ASSERT_EQ(0, vfio_region_info(device, plane.region_index,
					      &picture));
		EXPECT_EQ(bar.size, picture.size);
		/* mdev_pci adds VFIO_REGION_INFO_CAP_TYPE */
		if (i == MDPY_PCI)
			bar.flags |= VFIO_REGION_INFO_FLAG_CAPS;
		EXPECT_EQ(bar.flags, picture.flags);
	}
}

TEST_F(display, reset)
{
	uint8_t *picture;
	unsigned int i;

	for (i = 0; i < NR_DRIVERS; i++) {
		picture = picture_map(self->user[i].device);
		ASSERT_NE(MAP_FAILED, picture);
		memset(picture, 0xff, PAGE);
		ASSERT_EQ(0, ioctl(self->user[i].device, VFIO_DEVICE_RESET));
		EXPECT_TRUE(is_gradient(picture, VGA));
		munmap(picture, types[VGA].size);
	}
}

/* mdpy does not clear the framebuffer at open. */
TEST_F(display, reset_at_open)
{
	char uuid[UUID_SIZE];
	uint8_t *picture;
	unsigned int i;

	for (i = 0; i < NR_DRIVERS; i++) {
		ASSERT_EQ(4, region_write(self->user[i].device, BAR0, 0, "mdpy",
					  4));
		vfio_close(&self->user[i]);
		uuid_numbered(uuid, i);
		ASSERT_EQ(0, vfio_open(&self->user[i], uuid));
		picture = picture_map(self->user[i].device);
		ASSERT_NE(MAP_FAILED, picture);
		EXPECT_EQ(i != MDPY, is_gradient(picture, VGA));
		munmap(picture, types[VGA].size);
	}
}

/* Only mdpy_pci disables the BAR. The gfx region stays accessible. */
TEST_F(display, bar_disabled)
{
	const uint16_t command = 0;
	uint32_t value;
	uint8_t *picture;
	unsigned int i;
	int device;

	for (i = 0; i < NR_DRIVERS; i++) {
		device = self->user[i].device;
		picture = picture_map(device);
		ASSERT_NE(MAP_FAILED, picture);
		memcpy(picture, "mdpy", 4);
		ASSERT_EQ(2, region_write(device, CONFIG, PCI_COMMAND, &command,
					  2));
		ASSERT_EQ(4, region_read(device, BAR0, 0, &value, 4));
		EXPECT_EQ(0, memcmp(&value, i == MDPY_PCI ? "\xff\xff\xff\xff" :
							   "mdpy", 4));
		EXPECT_EQ(0, memcmp(picture, "mdpy", 4));
		munmap(picture, types[VGA].size);
	}
}

/* Only mdpy_pci can be migrated: config space and the framebuffer. */
TEST_F(display, migration)
{
	const uint32_t address = 0xfd000000, size = types[VGA].size;
	int device = self->user[MDPY_PCI].device;
	struct vfio_user other;
	uint8_t *stream, *from, *to;
	ssize_t length;

	EXPECT_EQ(-ENOTTY, migration_state(self->user[MDPY].device));
	EXPECT_EQ(-ENOTTY, migration_state(self->user[MDPY_OPS].device));

	stream = malloc(STREAM_ROOM);
	ASSERT_NE(NULL, stream);
	ASSERT_EQ(0, display_open(&other, MDPY_PCI, VGA, NR_DRIVERS));
	from = region_map(device, BAR0);
	ASSERT_NE(MAP_FAILED, from);
	memcpy(from + size - 4, "mdpy", 4);
	ASSERT_EQ(4, config_write32(device, PCI_BASE_ADDRESS_0, address));
	length = migration_save(device, stream, STREAM_ROOM);
	ASSERT_LT(0, length);

	ASSERT_EQ(0, migration_load(other.device, stream, length));
	ASSERT_EQ(0, migration_move(other.device, RUNNING));
	to = region_map(other.device, BAR0);
	ASSERT_NE(MAP_FAILED, to);
	EXPECT_EQ(0, memcmp(from, to, size));
	EXPECT_EQ(address | PCI_BASE_ADDRESS_MEM_PREFETCH,
		  config_read32(other.device, PCI_BASE_ADDRESS_0));
	munmap(from, size);
	munmap(to, size);
	vfio_close(&other);
	free(stream);
}

/* mdpy's removal waits until the device is closed, see mdev_mainline_test.c. */
TEST_F(display, remove_while_open)
{
	char uuid[UUID_SIZE];
	unsigned int i;

	for (i = MDPY_OPS; i < NR_DRIVERS; i++) {
		uuid_numbered(uuid, i);
		EXPECT_EQ(-EBUSY, mdev_remove(uuid));
		vfio_close(&self->user[i]);
		EXPECT_EQ(0, mdev_remove(uuid));
	}
}

/* Four devices of each driver, of any type. mdpy returns -EUSERS, a port -ENOSPC. */
TEST_F(display, instances)
{
	char uuid[UUID_SIZE], text[16];
	unsigned int i, j;

	for (i = 0; i < NR_DRIVERS; i++) {
		for (j = 1; j < INSTANCES; j++) {
			uuid_numbered(uuid, 0x10 * (i + 1) + j);
			ASSERT_EQ(0, create_display(i, types[XGA].name, uuid));
		}
		ASSERT_LT(0, type_file(text, sizeof(text), i, types[HD].name,
				       "available_instances"));
		EXPECT_STREQ("0", text);
		EXPECT_EQ(i == MDPY ? -EUSERS : -ENOSPC,
			  create_display(i, types[HD].name, UUID_A));
		EXPECT_EQ(0, mdev_remove(uuid));
		ASSERT_LT(0, type_file(text, sizeof(text), i, types[HD].name,
				       "available_instances"));
		EXPECT_STREQ("1", text);
	}
}

TEST_HARNESS_MAIN
