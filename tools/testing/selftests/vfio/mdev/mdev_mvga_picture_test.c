// SPDX-License-Identifier: GPL-2.0-only
/*
 * The framebuffer of mvga on the host: VFIO_DEVICE_QUERY_GFX_PLANE, the gfx region
 * and dma-bufs. mdev_mvga_test.c tests the registers of the guest.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm/drm.h>
#include <linux/pci_regs.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "mvga_lib.h"
#include "vfio_lib.h"

/* DRM's fourcc_code('X', 'R', '2', '4') */
#define XRGB8888	0x34325258

FIXTURE(display)
{
	struct vfio_user user;
	int device;
};

FIXTURE_SETUP(display)
{
	ASSERT_EQ(0, mvga_prepare());
	ASSERT_EQ(0, mvga_offer_buffers(true));
	ASSERT_EQ(0, mvga_open(&self->user, UUID_A));
	self->device = self->user.device;
}

FIXTURE_TEARDOWN(display)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, mvga_finish());
}

/* Whether the plane is empty, and the sysfs attribute "mode" is "off" */
static bool is_off(int device)
{
	struct vfio_device_gfx_plane_info info;

	return !mvga_query(device, REGION, OVERLAY, &info) &&
	       mvga_shows_nothing(&info) && mvga_mode_is(UUID_A, "off");
}

/* A dma-buf of the frame, or a negative errno */
static int get_buffer(int device)
{
	struct vfio_device_gfx_plane_info info;
	int ret = mvga_query(device, BUFFER, PRIMARY, &info);

	return ret ? ret : vfio_ioctl(device, VFIO_DEVICE_GET_GFX_DMABUF,
				      &info.dmabuf_id);
}

TEST_F(display, gfx_plane_info)
{
	struct vfio_device_gfx_plane_info info;

	EXPECT_TRUE(is_off(self->device));
	ASSERT_EQ(0, mvga_set_mode(self->device, 800, 600));
	EXPECT_TRUE(mvga_mode_is(UUID_A, "800x600"));
	ASSERT_EQ(0, mvga_query(self->device, REGION, OVERLAY, &info));
	EXPECT_EQ(XRGB8888, info.drm_format);
	EXPECT_EQ(0, info.drm_format_mod);
	EXPECT_EQ(800, info.width);
	EXPECT_EQ(600, info.height);
	EXPECT_EQ(3200, info.stride);
	EXPECT_EQ((3200 * 600 + PAGE - 1) / PAGE * PAGE, info.size);
	EXPECT_EQ(UINT32_MAX, info.x_hot);
	EXPECT_EQ(UINT32_MAX, info.y_hot);
	EXPECT_EQ(PICTURE, info.region_index);

	/* The stride can be larger than the width */
	ASSERT_EQ(0, mvga_put(self->device, VIRT_WIDTH, 1024));
	ASSERT_EQ(0, mvga_query(self->device, REGION, PRIMARY, &info));
	EXPECT_EQ(800, info.width);
	EXPECT_EQ(4096, info.stride);
	EXPECT_EQ(4096 * 600, info.size);

	ASSERT_EQ(0, mvga_put(self->device, ENABLE, 0));
	EXPECT_TRUE(is_off(self->device));
	ASSERT_EQ(0, mvga_put(self->device, ENABLE, 1));
	ASSERT_EQ(0, ioctl(self->device, VFIO_DEVICE_RESET));
	EXPECT_TRUE(is_off(self->device));
}

TEST_F(display, mode_beyond_video_memory)
{
	ASSERT_EQ(0, mvga_set_mode(self->device, 2048, 1024));
	EXPECT_TRUE(mvga_mode_is(UUID_A, "2048x1024"));
	ASSERT_EQ(0, mvga_put(self->device, YRES, 1025));
	EXPECT_TRUE(is_off(self->device));
	ASSERT_EQ(0, mvga_put(self->device, YRES, 1023));
	ASSERT_EQ(0, mvga_put(self->device, Y_OFFSET, 1));
	EXPECT_TRUE(mvga_mode_is(UUID_A, "2048x1023"));
	ASSERT_EQ(0, mvga_put(self->device, Y_OFFSET, 2));
	EXPECT_TRUE(is_off(self->device));
	ASSERT_EQ(0, mvga_set_mode(self->device, 2048, 1024));
	ASSERT_EQ(0, mvga_put(self->device, VIRT_WIDTH, 2049));
	EXPECT_TRUE(is_off(self->device));

	/* The largest values of the registers */
	ASSERT_EQ(0, mvga_set_mode(self->device, UINT16_MAX, UINT16_MAX));
	ASSERT_EQ(0, mvga_put(self->device, X_OFFSET, UINT16_MAX));
	ASSERT_EQ(0, mvga_put(self->device, Y_OFFSET, UINT16_MAX));
	EXPECT_TRUE(is_off(self->device));
}

TEST_F(display, invalid_mode)
{
	ASSERT_EQ(0, mvga_set_mode(self->device, 0, 768));
	EXPECT_TRUE(is_off(self->device));
	ASSERT_EQ(0, mvga_set_mode(self->device, 1024, 0));
	EXPECT_TRUE(is_off(self->device));
	ASSERT_EQ(0, mvga_set_mode(self->device, 1024, 768));
	ASSERT_EQ(0, mvga_put(self->device, BPP, 16));
	EXPECT_TRUE(is_off(self->device));
	ASSERT_EQ(0, mvga_put(self->device, BPP, 32));
	EXPECT_TRUE(mvga_mode_is(UUID_A, "1024x768"));
}

/* Offsets of a frame of 800x600, in pixels and lines: page-aligned or not */
static const struct {
	uint16_t x;
	uint16_t y;
} offsets[] = {
	{ 0, 0 }, { 0, 32 }, { 0, 64 }, { 0, 1 }, { 0, 2 }, { 0, 31 }, { 0, 33 },
	{ 0, 599 }, { 1, 0 }, { 3, 1 }, { 799, 0 }, { 224, 1 }, { 224, 33 },
};

#define LINE	800
#define LINES	600

static unsigned int first_pixel(size_t i)
{
	return offsets[i].y * LINE + offsets[i].x;
}

/* How many pixels differ from those at the offset in video memory */
static unsigned int count_wrong(const uint32_t *picture, const uint32_t *memory)
{
	unsigned int wrong = 0, i;

	for (i = 0; i < LINE * LINES; i++)
		if (picture[i] != memory[i])
			wrong++;
	return wrong;
}

static int pan(int device, size_t i)
{
	int ret = mvga_put(device, X_OFFSET, offsets[i].x);

	return ret ? ret : mvga_put(device, Y_OFFSET, offsets[i].y);
}

/* A frame that is not page-aligned is a copy, which each query updates. */
TEST_F(display, gfx_region_frame_offsets)
{
	uint32_t *memory = mvga_map(self->device, BAR0, MVGA_MEMORY);
	uint32_t *picture = mvga_map(self->device, PICTURE, MVGA_MEMORY);
	struct vfio_device_gfx_plane_info info;
	size_t i;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_NE(MAP_FAILED, picture);
	for (i = 0; i < MVGA_MEMORY / 4; i++)
		memory[i] = i;
	ASSERT_EQ(0, mvga_set_mode(self->device, LINE, LINES));
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		unsigned int first = first_pixel(i);
		bool aligned = first % (PAGE / 4) == 0;

		ASSERT_EQ(0, pan(self->device, i));
		EXPECT_TRUE(mvga_mode_is(UUID_A, "800x600"));
		ASSERT_EQ(0, mvga_query(self->device, REGION, PRIMARY, &info));
		EXPECT_EQ(PICTURE, info.region_index);
		EXPECT_EQ((LINE * LINES * 4 + PAGE - 1) / PAGE * PAGE, info.size);
		EXPECT_EQ(0, count_wrong(picture, memory + first))
			TH_LOG("offset %u, %u", offsets[i].x, offsets[i].y);

		memory[first + 1] = ~0U;
		EXPECT_EQ(aligned ? ~0U : first + 1, picture[1])
			TH_LOG("offset %u, %u", offsets[i].x, offsets[i].y);
		ASSERT_EQ(0, mvga_query(self->device, REGION, PRIMARY, &info));
		EXPECT_EQ(~0U, picture[1]);
		memory[first + 1] = first + 1;
	}

	/* A new offset takes effect without a query */
	ASSERT_EQ(0, pan(self->device, 3));
	ASSERT_EQ(0, mvga_query(self->device, REGION, PRIMARY, &info));
	ASSERT_EQ(0, pan(self->device, 1));
	EXPECT_EQ(0, count_wrong(picture, memory + first_pixel(1)));
	/* A VMM can still access memory beyond the frame */
	ASSERT_EQ(0, pan(self->device, 3));
	ASSERT_EQ(0, mvga_query(self->device, REGION, PRIMARY, &info));
	EXPECT_NE(~0U, picture[MVGA_MEMORY / 4 - 1]);
	munmap(picture, MVGA_MEMORY);
	munmap(memory, MVGA_MEMORY);
}

/* The last pixel of the frame can be the last one of video memory. */
TEST_F(display, frame_at_end_of_video_memory)
{
	const unsigned int last = MVGA_MEMORY / 4 - LINE * LINES;

	ASSERT_EQ(0, mvga_set_mode(self->device, LINE, LINES));
	ASSERT_EQ(0, mvga_put(self->device, Y_OFFSET, last / LINE));
	ASSERT_EQ(0, mvga_put(self->device, X_OFFSET, last % LINE));
	EXPECT_FALSE(is_off(self->device));
	ASSERT_EQ(0, mvga_put(self->device, X_OFFSET, last % LINE + 1));
	EXPECT_TRUE(is_off(self->device));
}

TEST_F(display, dmabuf_frame_offsets)
{
	const size_t size = (LINE * LINES * 4 + PAGE - 1) / PAGE * PAGE;
	uint32_t *memory = mvga_map(self->device, BAR0, MVGA_MEMORY);
	struct vfio_device_gfx_plane_info info;
	uint32_t *picture;
	size_t i;
	int buffer;

	ASSERT_NE(MAP_FAILED, memory);
	for (i = 0; i < MVGA_MEMORY / 4; i++)
		memory[i] = i;
	ASSERT_EQ(0, mvga_set_mode(self->device, LINE, LINES));
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		ASSERT_EQ(0, pan(self->device, i));
		buffer = get_buffer(self->device);
		ASSERT_LE(0, buffer);
		picture = mmap(NULL, size, PROT_READ, MAP_SHARED, buffer, 0);
		ASSERT_NE(MAP_FAILED, picture);
		EXPECT_EQ(0, count_wrong(picture, memory + first_pixel(i)))
			TH_LOG("offset %u, %u", offsets[i].x, offsets[i].y);
		memory[first_pixel(i)] = ~0U;
		ASSERT_EQ(0, mvga_query(self->device, BUFFER, PRIMARY, &info));
		EXPECT_EQ(~0U, picture[0]);
		memory[first_pixel(i)] = first_pixel(i);

		/* The dma-buf is valid after the mode is disabled */
		ASSERT_EQ(0, mvga_put(self->device, ENABLE, 0));
		EXPECT_EQ(first_pixel(i) + 2, picture[2]);
		ASSERT_EQ(0, mvga_put(self->device, ENABLE, 0x41));
		munmap(picture, size);
		close(buffer);
	}
	munmap(memory, MVGA_MEMORY);
}

TEST_F(display, gfx_region_follows_frame)
{
	uint32_t *memory = mvga_map(self->device, BAR0, MVGA_MEMORY);
	struct vfio_region_info info;
	uint32_t *picture;
	size_t size;

	ASSERT_EQ(0, vfio_region_info(self->device, PICTURE, &info));
	EXPECT_TRUE(info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	EXPECT_TRUE(info.flags & VFIO_REGION_INFO_FLAG_CAPS);
	size = info.size;
	ASSERT_GE(size, 2 * MVGA_MEMORY);
	picture = mvga_map(self->device, PICTURE, size);
	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_NE(MAP_FAILED, picture);

	memory[0] = 1;
	memory[PAGE] = 2;
	memory[2 * PAGE] = 3;
	ASSERT_EQ(0, mvga_set_mode(self->device, 1024, 768));
	EXPECT_EQ(1, picture[0]);
	EXPECT_EQ(2, picture[PAGE]);

	/* A line of 1024 pixels is a page */
	ASSERT_EQ(0, mvga_put(self->device, Y_OFFSET, 4));
	EXPECT_EQ(2, picture[0]);
	EXPECT_EQ(3, picture[PAGE]);
	memory[PAGE] = 4;
	EXPECT_EQ(4, picture[0]);

	/* A VMM that has mapped a larger frame can access all of it */
	EXPECT_EQ(1, picture[(MVGA_MEMORY - 4 * PAGE) / 4]);
	EXPECT_EQ(4, picture[MVGA_MEMORY / 4]);

	/* Without a frame, the region has all of video memory */
	ASSERT_EQ(0, mvga_put(self->device, ENABLE, 0));
	EXPECT_EQ(1, picture[0]);

	munmap(picture, size);
	munmap(memory, MVGA_MEMORY);
}

/* A VMM can access the gfx region while the guest places its BARs. */
TEST_F(display, gfx_region_with_bars_disabled)
{
	uint32_t *picture = mvga_map(self->device, PICTURE, MVGA_MEMORY);

	ASSERT_NE(MAP_FAILED, picture);
	ASSERT_EQ(0, vfio_store(self->device, BAR0, 0, 4, 5));
	ASSERT_EQ(0, vfio_store(self->device, VFIO_PCI_CONFIG_REGION_INDEX,
				PCI_COMMAND, 2, 0));
	EXPECT_EQ(5, le32toh(picture[0]));
	munmap(picture, MVGA_MEMORY);
}

TEST_F(display, gfx_plane_probe_types)
{
	struct vfio_device_gfx_plane_info info;

	EXPECT_EQ(0, mvga_query(self->device, PROBE | REGION, OVERLAY, &info));
	EXPECT_EQ(0, mvga_query(self->device, PROBE | BUFFER, OVERLAY, &info));

	/* The default, since QEMU without OpenGL fails on dma-bufs */
	ASSERT_EQ(0, mvga_offer_buffers(false));
	EXPECT_EQ(0, mvga_query(self->device, PROBE | REGION, OVERLAY, &info));
	EXPECT_EQ(-EINVAL, mvga_query(self->device, PROBE | BUFFER, OVERLAY,
				      &info));
	EXPECT_EQ(-EINVAL, mvga_query(self->device, BUFFER, PRIMARY, &info));
}

TEST_F(display, gfx_plane_cursor)
{
	struct vfio_device_gfx_plane_info info;

	ASSERT_EQ(0, mvga_set_mode(self->device, 1024, 768));
	ASSERT_EQ(0, mvga_query(self->device, REGION, CURSOR, &info));
	EXPECT_TRUE(mvga_shows_nothing(&info));
	ASSERT_EQ(0, mvga_query(self->device, BUFFER, CURSOR, &info));
	EXPECT_TRUE(mvga_shows_nothing(&info));
}

TEST_F(display, gfx_plane_query_errors)
{
	static const uint32_t bad_flags[] = {
		0, PROBE, REGION | BUFFER, PROBE | REGION | BUFFER,
		REGION | 1 << 3, PROBE | REGION | 1U << 31,
	};
	struct vfio_device_gfx_plane_info info = { .flags = REGION };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_flags); i++)
		EXPECT_EQ(-EINVAL, mvga_query(self->device, bad_flags[i],
					      PRIMARY, &info));
	EXPECT_EQ(-EINVAL, mvga_query(self->device, REGION, CURSOR + 1, &info));

	info.flags = REGION;
	info.drm_plane_type = PRIMARY;
	info.argsz = offsetof(struct vfio_device_gfx_plane_info, reserved) - 1;
	EXPECT_EQ(-EINVAL, vfio_ioctl(self->device,
				      VFIO_DEVICE_QUERY_GFX_PLANE, &info));
	info.argsz++;
	EXPECT_EQ(0, vfio_ioctl(self->device, VFIO_DEVICE_QUERY_GFX_PLANE,
				&info));
	EXPECT_EQ(-EFAULT, vfio_ioctl(self->device, VFIO_DEVICE_QUERY_GFX_PLANE,
				      NULL));
	EXPECT_EQ(-ENOTTY, vfio_ioctl(self->device, VFIO_DEVICE_IOEVENTFD,
				      &info));
}

TEST_F(display, dmabuf_mmap)
{
	const size_t size = 1024 * 768 * 4;
	uint32_t *memory = mvga_map(self->device, BAR0, MVGA_MEMORY);
	uint32_t *picture;
	int buffer;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, mvga_set_mode(self->device, 1024, 768));
	ASSERT_EQ(0, mvga_put(self->device, Y_OFFSET, 4));
	buffer = get_buffer(self->device);
	ASSERT_LE(0, buffer);
	EXPECT_EQ(FD_CLOEXEC, fcntl(buffer, F_GETFD));
	EXPECT_EQ(size, lseek(buffer, 0, SEEK_END));

	picture = mmap(NULL, size, PROT_READ, MAP_SHARED, buffer, 0);
	ASSERT_NE(MAP_FAILED, picture);
	memory[PAGE] = 1;
	memory[PAGE + size / 4 - 1] = 2;
	EXPECT_EQ(1, picture[0]);
	EXPECT_EQ(2, picture[size / 4 - 1]);

	/* Mappings are read-only, and not larger than the frame */
	EXPECT_EQ(MAP_FAILED, mmap(NULL, size, PROT_READ | PROT_WRITE,
				   MAP_SHARED, buffer, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, size + PAGE, PROT_READ, MAP_SHARED,
				   buffer, 0));

	/* Mappings are valid after reset and last close */
	munmap(memory, MVGA_MEMORY);
	ASSERT_EQ(0, ioctl(self->device, VFIO_DEVICE_RESET));
	EXPECT_EQ(0, mvga_committed(UUID_A));
	vfio_close(&self->user);
	close(buffer);
	EXPECT_EQ(1, picture[0]);
	munmap(picture, size);
}

/* vgem imports the dma-buf, as a GPU's driver does. */
TEST_F(display, dmabuf_drm_import)
{
	struct drm_prime_handle buffer = {};
	struct drm_gem_close object = {};
	int gpu;

	if (module_load("vgem"))
		SKIP(return, "needs the module vgem");
	gpu = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, gpu);
	ASSERT_EQ(0, mvga_set_mode(self->device, 1024, 768));
	buffer.fd = get_buffer(self->device);
	ASSERT_LE(0, buffer.fd);
	ASSERT_EQ(0, ioctl(gpu, DRM_IOCTL_PRIME_FD_TO_HANDLE, &buffer));
	close(buffer.fd);

	/* The imported dma-buf is valid after the last close */
	vfio_close(&self->user);
	object.handle = buffer.handle;
	EXPECT_EQ(0, ioctl(gpu, DRM_IOCTL_GEM_CLOSE, &object));
	close(gpu);
	EXPECT_EQ(0, module_unload("vgem"));
}

TEST_F(display, dmabuf_id_of_each_frame)
{
	struct vfio_device_gfx_plane_info first, second;
	uint32_t id;

	ASSERT_EQ(0, mvga_set_mode(self->device, 1024, 768));
	ASSERT_EQ(0, mvga_query(self->device, BUFFER, PRIMARY, &first));
	ASSERT_EQ(0, mvga_query(self->device, BUFFER, PRIMARY, &second));
	EXPECT_EQ(first.dmabuf_id, second.dmabuf_id);
	ASSERT_EQ(0, mvga_put(self->device, Y_OFFSET, 4));
	ASSERT_EQ(0, mvga_query(self->device, BUFFER, PRIMARY, &second));
	EXPECT_NE(first.dmabuf_id, second.dmabuf_id);

	EXPECT_EQ(-EINVAL, vfio_ioctl(self->device, VFIO_DEVICE_GET_GFX_DMABUF,
				      &first.dmabuf_id));
	EXPECT_EQ(-EFAULT, vfio_ioctl(self->device, VFIO_DEVICE_GET_GFX_DMABUF,
				      NULL));
	ASSERT_EQ(0, mvga_put(self->device, ENABLE, 0));
	id = second.dmabuf_id;
	EXPECT_EQ(-EINVAL, vfio_ioctl(self->device, VFIO_DEVICE_GET_GFX_DMABUF,
				      &id));
	id++;
	EXPECT_EQ(-EINVAL, vfio_ioctl(self->device, VFIO_DEVICE_GET_GFX_DMABUF,
				      &id));
}

TEST_HARNESS_MAIN
