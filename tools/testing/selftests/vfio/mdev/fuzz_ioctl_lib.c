// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random VFIO ioctls, valid and invalid. Each has a
 * function that fills its structure with what could be right; afterwards some
 * of its words are changed, or it is cut off.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "fuzz_ioctl_lib.h"
#include "kselftest.h"
#include "random_lib.h"

#define PAGE_SIZE	0x1000UL
#define ARGUMENT_SIZE	PAGE_SIZE

#define NR_RANGES	3

int fuzz_data_file = -1;

/* As long as it is, a page that can't be accessed follows it. */
static char *argument;
static int event = -1;

/* For pointers in structures */
static char elsewhere[PAGE_SIZE];

static bool prepare(void)
{
	if (argument)
		return true;
	argument = mmap(NULL, ARGUMENT_SIZE + PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return argument != MAP_FAILED && event >= 0 &&
	       !mprotect(argument + ARGUMENT_SIZE, PAGE_SIZE, PROT_NONE);
}

/* Each answers how long what it has filled is. */

static size_t fill_info(void *space)
{
	struct vfio_device_info *info = space;

	info->argsz = sizeof(*info);
	return sizeof(*info);
}

static size_t fill_region_info(void *space)
{
	struct vfio_region_info *info = space;
	size_t size = sizeof(*info) + 16 * random_below(8);

	info->argsz = size;
	info->index = random_below(11);
	return size;
}

static size_t fill_irq_info(void *space)
{
	struct vfio_irq_info *info = space;

	info->argsz = sizeof(*info);
	info->index = random_below(7);
	return sizeof(*info);
}

static size_t fill_set_irqs(void *space)
{
	static const uint32_t data_sizes[] = { 0, 1, 4 };
	struct vfio_irq_set *set = space;
	unsigned int type = random_below(3);
	size_t i, size;

	set->flags = 1U << type | 8U << random_below(3);
	set->index = random_below(6);
	set->start = random_once_in(2) ? 0 : random_below(70);
	set->count = random_once_in(3) ? random_below(70) : random_below(3);
	size = sizeof(*set) + set->count * data_sizes[type];
	set->argsz = size;
	for (i = 0; i < set->count && type == 1; i++)
		set->data[i] = random_below(2);
	for (i = 0; i < set->count && type == 2; i++) {
		int32_t fd = event;

		if (random_once_in(4))
			fd = (int32_t)random_below(20) - 1;
		memcpy(set->data + i * sizeof(fd), &fd, sizeof(fd));
	}
	return size;
}

/* Most of them apart from each other, and some of them empty */
static void fill_ranges(void)
{
	struct vfio_device_feature_dma_logging_range *ranges =
		(void *)elsewhere;
	unsigned int i;

	for (i = 0; i < NR_RANGES; i++) {
		ranges[i].iova = (random_once_in(8) ? 0 : i) * 64 * PAGE_SIZE;
		ranges[i].length = 16 * PAGE_SIZE * random_below(5);
	}
}

/* What follows the header of a feature */
static size_t fill_feature_data(uint32_t feature, void *space)
{
	struct vfio_device_feature_dma_logging_control *control = space;
	struct vfio_device_feature_dma_logging_report *report = space;
	uint32_t *words = space;

	switch (feature) {
	case VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE:
		words[0] = random_below(9);
		words[1] = -1;
		return sizeof(struct vfio_device_feature_mig_state);
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_START:
		control->page_size = random_once_in(4) ? random_below(1 << 30) :
				     PAGE_SIZE << random_below(3);
		control->num_ranges = 1 + random_below(NR_RANGES);
		control->ranges = (uintptr_t)elsewhere;
		fill_ranges();
		return sizeof(*control);
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT:
		report->iova = PAGE_SIZE * random_below(99);
		report->length = PAGE_SIZE * random_below(99);
		report->page_size = 1ULL << random_below(30);
		report->bitmap = (uintptr_t)elsewhere;
		return sizeof(*report);
	default:
		return 8 * random_below(5);
	}
}

static size_t fill_feature(void *space)
{
	static const uint32_t implemented[] = {
		VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
		VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
		VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP,
		VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
		VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
	};
	struct vfio_device_feature *feature = space;
	uint32_t number = random_once_in(2) ? random_below(14) :
			  implemented[random_below(ARRAY_SIZE(implemented))];

	feature->flags = number | VFIO_DEVICE_FEATURE_GET << random_below(3);
	if (random_once_in(2))
		feature->flags = number | VFIO_DEVICE_FEATURE_SET;
	if (random_once_in(4))
		feature->flags |= VFIO_DEVICE_FEATURE_GET << random_below(3);
	feature->argsz = sizeof(*feature) +
			 fill_feature_data(number, feature->data);
	return feature->argsz;
}

/* What no device here has, in the shape of those that do */
static size_t fill_other(void *space)
{
	uint32_t *words = space;

	words[0] = 8 * (1 + random_below(12));
	return words[0];
}

static const struct request {
	unsigned long number;
	size_t (*fill)(void *space);
	unsigned int weight;
} requests[] = {
	{ VFIO_DEVICE_GET_INFO, fill_info, 1 },
	{ VFIO_DEVICE_GET_REGION_INFO, fill_region_info, 4 },
	{ VFIO_DEVICE_GET_IRQ_INFO, fill_irq_info, 2 },
	{ VFIO_DEVICE_SET_IRQS, fill_set_irqs, 12 },
	{ VFIO_DEVICE_RESET, fill_other, 3 },
	{ VFIO_DEVICE_FEATURE, fill_feature, 14 },
	{ VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, fill_other, 1 },
	{ VFIO_DEVICE_PCI_HOT_RESET, fill_other, 1 },
	{ VFIO_DEVICE_QUERY_GFX_PLANE, fill_other, 1 },
	{ VFIO_DEVICE_GET_GFX_DMABUF, fill_other, 1 },
	{ VFIO_DEVICE_IOEVENTFD, fill_other, 1 },
	{ VFIO_DEVICE_BIND_IOMMUFD, fill_other, 1 },
	{ 0, fill_other, 2 },
};

static const struct request *choose(void)
{
	unsigned int total = 0, number, i;

	for (i = 0; i < ARRAY_SIZE(requests); i++)
		total += requests[i].weight;
	number = random_below(total);
	for (i = 0; number >= requests[i].weight; i++)
		number -= requests[i].weight;
	return &requests[i];
}

/* Some words get any value, of one a bit is turned over. */
static void mutate(void *space, size_t size)
{
	uint32_t *words = space;
	unsigned int count = random_below(3);

	while (count-- && size >= sizeof(*words)) {
		uint32_t *word = &words[random_below(size / sizeof(*words))];

		if (random_once_in(2))
			*word = random_extreme();
		else
			*word ^= 1U << random_below(32);
	}
}

/* The file that comes with a state is to be closed. */
static void take_data_file(const struct vfio_device_feature *feature)
{
	const struct vfio_device_feature_mig_state *state =
		(const void *)feature->data;

	if ((feature->flags & VFIO_DEVICE_FEATURE_MASK) !=
	    VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE ||
	    !(feature->flags & VFIO_DEVICE_FEATURE_SET) ||
	    feature->flags & VFIO_DEVICE_FEATURE_PROBE ||
	    state->data_fd < 0)
		return;
	if (fuzz_data_file >= 0)
		close(fuzz_data_file);
	fuzz_data_file = state->data_fd;
}

void fuzz_ioctl(int device)
{
	const struct request *request = choose();
	unsigned long number = request->number;
	char space[2048] = "";
	char *start;
	size_t size;

	if (!prepare())
		return;
	size = request->fill(space);
	if (!random_once_in(3))
		mutate(space, size);
	/* With nothing but the page that can't be accessed behind it */
	if (random_once_in(6))
		size = random_below(size + 1);
	start = argument + ARGUMENT_SIZE - size;
	memcpy(start, space, size);
	if (random_once_in(50))
		start = (char *)random_extreme();

	/* No number of VFIO, or none at all */
	if (!number)
		number = random_once_in(2) ? _IO(VFIO_TYPE, random_below(256)) :
					     random_extreme();
	if (ioctl(device, number, start) || number != VFIO_DEVICE_FEATURE ||
	    size < sizeof(struct vfio_device_feature) +
		   sizeof(struct vfio_device_feature_mig_state))
		return;
	take_data_file((const void *)start);
}
