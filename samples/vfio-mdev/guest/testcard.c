// SPDX-License-Identifier: GPL-2.0-only
/*
 * testcard: draws a picture that shows at a glance, or by comparison, whether
 * all of it arrives as it was drawn.
 *
 *	testcard WIDTHxHEIGHT		shows it on the first display, until killed
 *	testcard WIDTHxHEIGHT /dev/fbN	draws it in a framebuffer of that size
 *	testcard WIDTHxHEIGHT FILE	writes the same pixels to a file, as PPM
 *
 * The picture is a function of the position, so that all are the same.
 */

#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <err.h>
#include <fcntl.h>
#include <linux/fb.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARRAY_SIZE(_array)	(sizeof(_array) / sizeof((_array)[0]))

#define WHITE	0xffffff
#define BLACK	0x000000

static int width, height;
static char size_text[32];

/* The picture */

static const __u32 bars[] = {
	0xffffff, 0xffff00, 0x00ffff, 0x00ff00,
	0xff00ff, 0xff0000, 0x0000ff, 0x000000,
};

/* Five bits a line */
#define GLYPH_WIDTH	5
#define GLYPH_HEIGHT	7

static const struct {
	char character;
	__u8 lines[GLYPH_HEIGHT];
} font[] = {
	{ '0', { 0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e } },
	{ '1', { 0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e } },
	{ '2', { 0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f } },
	{ '3', { 0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e } },
	{ '4', { 0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02 } },
	{ '5', { 0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e } },
	{ '6', { 0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e } },
	{ '7', { 0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08 } },
	{ '8', { 0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e } },
	{ '9', { 0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c } },
	{ 'x', { 0x00, 0x00, 0x11, 0x0a, 0x04, 0x0a, 0x11 } },
};

static int in_glyph(char character, int x, int y)
{
	unsigned int i;

	if (x >= GLYPH_WIDTH || y < 0 || y >= GLYPH_HEIGHT)
		return 0;
	for (i = 0; i < ARRAY_SIZE(font); i++)
		if (font[i].character == character)
			return font[i].lines[y] >> (GLYPH_WIDTH - 1 - x) & 1;
	return 0;
}

/* The size, in the middle of a box, which is in the middle of the picture */
static int in_box(int x, int y, int *lit)
{
	int scale = width / 128 + 1;
	int length = strlen(size_text);
	int box_width = ((GLYPH_WIDTH + 1) * length + 3) * scale;
	int box_height = (GLYPH_HEIGHT + 4) * scale;
	int column;

	x -= (width - box_width) / 2;
	y -= (height - box_height) / 2;
	if (x < 0 || x >= box_width || y < 0 || y >= box_height)
		return 0;
	x = x / scale - 2;
	y = y / scale - 2;
	column = x / (GLYPH_WIDTH + 1);
	*lit = x >= 0 && column < length &&
	       in_glyph(size_text[column], x % (GLYPH_WIDTH + 1), y);
	return 1;
}

/* A ring two pixels wide, round if pixels are square */
static int on_circle(int x, int y)
{
	__s64 radius = height * 2 / 5;
	__s64 dx = x - width / 2;
	__s64 dy = y - height / 2;

	return llabs(dx * dx + dy * dy - radius * radius) < 2 * radius;
}

static __u32 pixel(int x, int y)
{
	int lit;

	if (x == 0 || y == 0 || x == width - 1 || y == height - 1)
		return WHITE;
	if (in_box(x, y, &lit))
		return lit ? WHITE : BLACK;
	if (on_circle(x, y))
		return WHITE;
	if (y < height * 3 / 5)
		return bars[x * ARRAY_SIZE(bars) / width];
	if (y < height * 4 / 5)
		return x * 256 / width * 0x010101;
	/* No two pixels of a line, no two lines of an area are the same */
	return (x & 0xff) << 16 | (y & 0xff) << 8 | (x >> 8 & 0xf) << 4;
}

/* Draws in mapped memory with lines of @pitch bytes. */
static void draw(char *pixels, __u32 pitch)
{
	int x, y;

	for (y = 0; y < height; y++)
		for (x = 0; x < width; x++)
			((__u32 *)(pixels + y * pitch))[x] = pixel(x, y);
}

static void write_ppm(const char *name)
{
	FILE *file = fopen(name, "w");
	int x, y;

	if (!file)
		err(1, "%s", name);
	fprintf(file, "P6\n%d %d\n255\n", width, height);
	for (y = 0; y < height; y++) {
		for (x = 0; x < width; x++) {
			__u32 value = pixel(x, y);

			putc(value >> 16, file);
			putc(value >> 8, file);
			putc(value, file);
		}
	}
	if (fclose(file))
		err(1, "%s", name);
}

/* A framebuffer, in the mode that its driver has set */

static void draw_in_framebuffer(const char *name)
{
	struct fb_var_screeninfo mode;
	struct fb_fix_screeninfo memory;
	int framebuffer = open(name, O_RDWR | O_CLOEXEC);
	char *pixels;

	if (framebuffer < 0 ||
	    ioctl(framebuffer, FBIOGET_VSCREENINFO, &mode) ||
	    ioctl(framebuffer, FBIOGET_FSCREENINFO, &memory))
		err(1, "%s", name);
	if (mode.xres != (__u32)width || mode.yres != (__u32)height ||
	    mode.bits_per_pixel != 32)
		errx(1, "%s has %ux%u pixels of %u bits", name, mode.xres,
		     mode.yres, mode.bits_per_pixel);
	pixels = mmap(NULL, memory.smem_len, PROT_READ | PROT_WRITE, MAP_SHARED,
		      framebuffer, 0);
	if (pixels == MAP_FAILED)
		err(1, "mmap");
	draw(pixels, memory.line_length);
}

/* The display, by the kernel's mode setting */

static int card;

static void card_ioctl(unsigned long request, void *arg, const char *name)
{
	if (ioctl(card, request, arg))
		err(1, "%s", name);
}

#define card_ioctl(_request, _arg)	card_ioctl(_request, _arg, #_request)

static struct drm_mode_modeinfo find_mode(__u32 connector_id)
{
	static struct drm_mode_modeinfo modes[256];
	struct drm_mode_get_connector connector = {
		.connector_id = connector_id,
	};
	unsigned int i;

	/* Without room for modes it looks which there are */
	card_ioctl(DRM_IOCTL_MODE_GETCONNECTOR, &connector);
	connector.modes_ptr = (unsigned long)modes;
	connector.count_modes = ARRAY_SIZE(modes);
	connector.count_props = 0;
	connector.count_encoders = 0;
	card_ioctl(DRM_IOCTL_MODE_GETCONNECTOR, &connector);

	for (i = 0; i < connector.count_modes && i < ARRAY_SIZE(modes); i++)
		if (modes[i].hdisplay == width && modes[i].vdisplay == height)
			return modes[i];
	errx(1, "there is no mode %s", size_text);
}

/* Returns the ID of a frame buffer with the picture in it. */
static __u32 create_frame(void)
{
	struct drm_mode_create_dumb create = {
		.width = width,
		.height = height,
		.bpp = 32,
	};
	struct drm_mode_map_dumb map = {};
	struct drm_mode_fb_cmd frame = {};
	char *pixels;

	card_ioctl(DRM_IOCTL_MODE_CREATE_DUMB, &create);
	map.handle = create.handle;
	card_ioctl(DRM_IOCTL_MODE_MAP_DUMB, &map);
	pixels = mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      card, map.offset);
	if (pixels == MAP_FAILED)
		err(1, "mmap");
	draw(pixels, create.pitch);

	frame.width = width;
	frame.height = height;
	frame.pitch = create.pitch;
	frame.bpp = 32;
	frame.depth = 24;
	frame.handle = create.handle;
	card_ioctl(DRM_IOCTL_MODE_ADDFB, &frame);
	return frame.fb_id;
}

static void show(void)
{
	__u32 connector, controller;
	struct drm_mode_card_res resources = {
		.connector_id_ptr = (unsigned long)&connector,
		.count_connectors = 1,
		.crtc_id_ptr = (unsigned long)&controller,
		.count_crtcs = 1,
	};
	struct drm_mode_crtc crtc = {};

	card = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	if (card < 0)
		err(1, "/dev/dri/card0");
	card_ioctl(DRM_IOCTL_MODE_GETRESOURCES, &resources);
	if (!resources.count_connectors || !resources.count_crtcs)
		errx(1, "there is no monitor");

	crtc.crtc_id = controller;
	crtc.set_connectors_ptr = (unsigned long)&connector;
	crtc.count_connectors = 1;
	crtc.mode = find_mode(connector);
	crtc.mode_valid = 1;
	crtc.fb_id = create_frame();
	card_ioctl(DRM_IOCTL_MODE_SETCRTC, &crtc);
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3 ||
	    sscanf(argv[1], "%4dx%4d", &width, &height) != 2 ||
	    width <= 0 || height <= 0)
		errx(1, "usage: testcard WIDTHxHEIGHT [/dev/fbN | FILE]");
	snprintf(size_text, sizeof(size_text), "%dx%d", width, height);

	if (argc == 3) {
		if (!strncmp(argv[2], "/dev/fb", strlen("/dev/fb")))
			draw_in_framebuffer(argv[2]);
		else
			write_ppm(argv[2]);
		return 0;
	}
	show();
	/* The picture lasts as long as the card is open */
	if (daemon(0, 0))
		err(1, "daemon");
	pause();
	return 0;
}
