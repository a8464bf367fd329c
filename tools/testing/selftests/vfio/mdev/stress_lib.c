// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random system calls on an open mediated device, by one process.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dma_lib.h"
#include "kselftest.h"
#include "migration_lib.h"
#include "random_lib.h"
#include "sim_lib.h"
#include "stress_lib.h"

#define IOVA		0x100000
#define NR_PAGES	8
#define MAP_SIZE	0x200000

/* The device that is open, memory for DMA, a mapped region, an eventfd */
static struct dma_user user;
static void *memory;
static char *mapping;
static int event = -1;

static sigjmp_buf after_fault;

static void skip_fault(int signal)
{
	(void)signal;
	siglongjmp(after_fault, 1);
}

static void query(void)
{
	struct vfio_region_info region;
	struct vfio_irq_info irq;

	vfio_region_info(user.vfio.device, random_below(10), &region);
	vfio_irq_info(user.vfio.device, random_below(6), &irq);
}

static void access_registers(void)
{
	uint64_t offset = MDEV_SIM_REG_SCRATCH + 4 * random_below(16);

	vfio_store(user.vfio.device, VFIO_PCI_BAR0_REGION_INDEX, offset, 4,
		   offset);
	vfio_load(user.vfio.device, VFIO_PCI_BAR0_REGION_INDEX, offset, 4);
	vfio_load(user.vfio.device, VFIO_PCI_CONFIG_REGION_INDEX, 0, 4);
}

static void unmap(void)
{
	if (mapping)
		munmap(mapping, MAP_SIZE);
	mapping = NULL;
}

static void map(void)
{
	static const uint32_t regions[] = {
		VFIO_PCI_BAR2_REGION_INDEX, VFIO_PCI_BAR4_REGION_INDEX,
	};
	void *address;

	unmap();
	address = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		       user.vfio.device,
		       vfio_position(regions[random_below(ARRAY_SIZE(regions))], 0));
	if (address != MAP_FAILED)
		mapping = address;
}

static void access_bar(void)
{
	unsigned int count = 1 + random_below(64);

	if (!mapping)
		map();
	if (!mapping || sigsetjmp(after_fault, 1))
		return;
	while (count--) {
		char *page = mapping + PAGE * random_below(MAP_SIZE / PAGE);

		if (random_once_in(2))
			__atomic_store_n(page + 8, count, __ATOMIC_RELAXED);
		else
			__atomic_load_n(page, __ATOMIC_RELAXED);
	}
}

static void invalidate(void)
{
	SIM_COMMAND(user.vfio.device, MDEV_SIM_INVALIDATE,
		    vfio_position(VFIO_PCI_BAR2_REGION_INDEX,
				  PAGE * random_below(512)),
		    PAGE * (1 + random_below(512)));
}

static void reback(void)
{
	SIM_COMMAND(user.vfio.device, MDEV_SIM_REBACK,
		    VFIO_PCI_BAR2_REGION_INDEX);
}

static void reset(void)
{
	vfio_ioctl(user.vfio.device, VFIO_DEVICE_RESET, NULL);
}

static void set_interrupts(void)
{
	int32_t events[4] = { event, event, -1, event };
	uint32_t index = random_below(VFIO_PCI_NUM_IRQS);
	uint32_t count = random_once_in(2) ? 1 : 4;

	vfio_set_irqs(user.vfio.device, VFIO_IRQ_SET_DATA_EVENTFD |
		      (VFIO_IRQ_SET_ACTION_MASK << random_below(3)), index,
		      0, count, events, count * sizeof(events[0]));
}

static void trigger(void)
{
	uint32_t index = random_below(VFIO_PCI_NUM_IRQS);

	vfio_set_irqs(user.vfio.device, VFIO_IRQ_SET_DATA_NONE |
		      VFIO_IRQ_SET_ACTION_TRIGGER, index, 0,
		      random_below(3), NULL, 0);
	SIM_COMMAND(user.vfio.device, MDEV_SIM_IRQ_TRIGGER, index, 0);
	SIM_COMMAND(user.vfio.device, MDEV_SIM_IRQ_LEVEL, 0, 0,
		    random_below(2));
	eventfd_write(event, 1);
}

static void map_dma(void)
{
	dma_map(&user, IOVA, memory, NR_PAGES * PAGE, DMA_BOTH);
}

static void unmap_dma(void)
{
	dma_unmap(&user, IOVA, NR_PAGES * PAGE);
}

static void pin(void)
{
	uint64_t page = random_below(NR_PAGES);

	map_dma();
	dma_pin(user.vfio.device, random_below(4), IOVA + page * PAGE,
		1 + random_below(NR_PAGES - page), DMA_BOTH);
}

static void transfer(void)
{
	map_dma();
	dma_read(user.vfio.device, IOVA, 0, PAGE);
	dma_write(user.vfio.device, IOVA + PAGE, PAGE, PAGE);
	dma_unpin(user.vfio.device, 0, IOVA, 1);
}

static void migrate(void)
{
	migration_move(user.vfio.device, random_below(NR_STATES));
}

static void save(void)
{
	char stream[16384];
	ssize_t size = migration_save(user.vfio.device, stream,
				      sizeof(stream));

	reset();
	if (size > 0)
		migration_load(user.vfio.device, stream, size);
	reset();
}

static void (* const deeds[])(void) = {
	query, access_registers, map, access_bar, access_bar, access_bar, unmap, invalidate,
	reback, reset, set_interrupts, trigger, map_dma, unmap_dma, pin,
	transfer, migrate, save,
};

static int (* const openers[])(struct dma_user *user, const char *uuid) = {
	dma_open_container, dma_open_group, dma_open_cdev,
};

int stress_use(const char *uuid, unsigned int count)
{
	int ret;

	if (event < 0) {
		signal(SIGBUS, skip_fault);
		event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		memory = dma_memory(NR_PAGES);
	}
	ret = openers[random_below(ARRAY_SIZE(openers))](&user, uuid);
	if (ret)
		return ret;
	while (count--)
		deeds[random_below(ARRAY_SIZE(deeds))]();
	/* Sometimes the mapping lives longer than the file. */
	if (random_once_in(2))
		unmap();
	dma_close(&user);
	unmap();
	return 0;
}
