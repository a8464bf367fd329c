// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices of medu, which shares the VM's edu cards: registers, factorials, DMA and
 * interrupts. mdev_medu_share_test.c tests devices that share a card,
 * mdev_medu_card_test.c reset, AER, unbind and removal of the card.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "kselftest_harness.h"

#include "fail_lib.h"
#include "irq_lib.h"
#include "mdev_lib.h"
#include "medu_lib.h"
#include "uffd_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX

FIXTURE(card)
{
	struct medu_device device;
	int event;
};

FIXTURE_VARIANT(card)
{
	int (*open)(struct dma_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(card, container) { .open = dma_open_container };
FIXTURE_VARIANT_ADD(card, group) { .open = dma_open_group };
FIXTURE_VARIANT_ADD(card, cdev) { .open = dma_open_cdev };

FIXTURE_SETUP(card)
{
	int ret = medu_prepare(1);

	if (ret == -ENOENT)
		SKIP(return, "needs the module medu and an edu card");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, medu_create(0, UUID_A));
	ASSERT_EQ(0, medu_open(&self->device, variant->open, UUID_A));
	self->event = irq_eventfd();
	ASSERT_LE(0, self->event);
}

FIXTURE_TEARDOWN(card)
{
	medu_close(&self->device);
	close(self->event);
	EXPECT_EQ(0, medu_finish());
}

#define get(_offset) \
	medu_read(&self->device, _offset)
#define put(_offset, _value) \
	ASSERT_EQ(0, medu_write(&self->device, _offset, _value))

TEST_F(card, id)
{
	EXPECT_EQ(MEDU_IS_EDU, get(MEDU_ID));
	put(MEDU_ID, 0);
	EXPECT_EQ(MEDU_IS_EDU, get(MEDU_ID));
}

TEST_F(card, liveness)
{
	static const uint32_t values[] = { 0, 1, 0x12345678, ~0U };
	unsigned int i;

	EXPECT_EQ(0, get(MEDU_LIVENESS));
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		put(MEDU_LIVENESS, values[i]);
		EXPECT_EQ((uint32_t)~values[i], get(MEDU_LIVENESS));
	}
}

TEST_F_TIMEOUT(card, factorials, MEDU_TIMEOUT)
{
	static const struct {
		uint32_t n;
		uint32_t factorial;
	} factorials[] = {
		{ 0, 1 },
		{ 1, 1 },
		{ 2, 2 },
		{ 5, 120 },
		{ 12, 479001600 },
		/* Modulo 2^32 */
		{ 13, 1932053504 },
		{ 33, 0x80000000 },
		{ 34, 0 },
		{ ~0U, 0 },
	};
	unsigned int i;

	EXPECT_EQ(0, get(MEDU_FACTORIAL));
	for (i = 0; i < ARRAY_SIZE(factorials); i++)
		EXPECT_EQ(factorials[i].factorial,
			  medu_factorial(&self->device, factorials[i].n));
}

/* 4 bytes each, and 8 from MEDU_DMA_SOURCE on. Other reads return ones. */
TEST_F(card, register_sizes)
{
	uint64_t value = 0x123456789abcdef0;

	EXPECT_EQ(0xff, vfio_load(self->device.fd, BAR0, MEDU_ID, 1));
	EXPECT_EQ(0xffff, vfio_load(self->device.fd, BAR0, MEDU_ID, 2));
	ASSERT_EQ(8, vfio_write(self->device.fd, BAR0, MEDU_DMA_SOURCE, &value, 8));
	value = 0;
	ASSERT_EQ(8, vfio_read(self->device.fd, BAR0, MEDU_DMA_SOURCE, &value, 8));
	EXPECT_EQ(0x123456789abcdef0, value);
	EXPECT_EQ(0x9abcdef0, get(MEDU_DMA_SOURCE));
	ASSERT_EQ(0, vfio_store(self->device.fd, BAR0, MEDU_LIVENESS, 1, 1));
	EXPECT_EQ(0, get(MEDU_LIVENESS));
	/* Beyond the registers */
	EXPECT_EQ(~0U, get(0x1000));
	put(0x1000, 1);
}

static int transfers(void)
{
	char text[16];
	int ret = sysfs_read(text, sizeof(text), MDEV_DEVICES "/" UUID_A "/transfers");

	return ret < 0 ? ret : atoi(text);
}

/*
 * A reset while the pin of a request sleeps in a userfaultfd fault: the request is not
 * served after the page has been pinned.
 */
TEST_F_TIMEOUT(card, reset_during_pin, MEDU_TIMEOUT)
{
	void *page = self->device.memory + 3 * PAGE;
	int uffd;

	if (variant->open == dma_open_container)
		SKIP(return, "type1 does not wait for a userfaultfd");
	uffd = uffd_open(page);
	if (uffd < 0)
		SKIP(return, "needs CONFIG_USERFAULTFD");
	ASSERT_EQ(0, medu_start(&self->device, MEDU_MEMORY + 3 * PAGE, 0, PAGE / 2,
				MEDU_DMA_TO_MEMORY));
	ASSERT_EQ(0, uffd_wait(uffd));
	ASSERT_EQ(0, vfio_ioctl(self->device.fd, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(0, get(MEDU_DMA_COMMAND));
	ASSERT_EQ(0, vfio_store(self->device.fd, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND,
				2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
	ASSERT_EQ(0, uffd_resolve(uffd, page));
	/* The request that was reset does not complete these two */
	EXPECT_EQ(0, medu_round(&self->device, 1));
	EXPECT_EQ(2, transfers());
	close(uffd);
}

/* INTx is asserted until the cause is acknowledged. */
TEST_F_TIMEOUT(card, intx, MEDU_TIMEOUT)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device.fd, INTX, TRIGGER, self->event));
	EXPECT_EQ(0, get(MEDU_CAUSE));
	put(MEDU_STATUS, MEDU_FACTORIAL_IRQ);
	EXPECT_EQ(120, medu_factorial(&self->device, 5));
	EXPECT_EQ(1, irq_signals_within(self->event, IRQ_TIMEOUT_MS));
	EXPECT_EQ(MEDU_CAUSE_FACTORIAL, get(MEDU_CAUSE));
	EXPECT_EQ(0, irq_act(self->device.fd, INTX, UNMASK));
	EXPECT_EQ(1, irq_signals(self->event));

	put(MEDU_ACK, MEDU_CAUSE_FACTORIAL);
	EXPECT_EQ(0, get(MEDU_CAUSE));
	EXPECT_EQ(0, irq_act(self->device.fd, INTX, UNMASK));
	EXPECT_EQ(0, irq_signals(self->event));
}

/* One MSI for each request with MEDU_FACTORIAL_IRQ or MEDU_DMA_IRQ */
TEST_F_TIMEOUT(card, msi, MEDU_TIMEOUT)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device.fd, MSI, TRIGGER, self->event));
	EXPECT_EQ(120, medu_factorial(&self->device, 5));
	EXPECT_EQ(0, irq_signals_within(self->event, IRQ_QUIET_MS));
	put(MEDU_STATUS, MEDU_FACTORIAL_IRQ);
	EXPECT_EQ(720, medu_factorial(&self->device, 6));
	EXPECT_EQ(1, irq_signals_within(self->event, IRQ_TIMEOUT_MS));
	EXPECT_EQ(0, medu_dma(&self->device, MEDU_MEMORY, 0, 1, MEDU_DMA_IRQ));
	EXPECT_EQ(1, irq_signals_within(self->event, IRQ_TIMEOUT_MS));
	EXPECT_EQ(MEDU_CAUSE_FACTORIAL | MEDU_CAUSE_DMA, get(MEDU_CAUSE));
	EXPECT_EQ(0, medu_dma(&self->device, MEDU_MEMORY, 0, 1, 0));
	EXPECT_EQ(0, irq_signals_within(self->event, IRQ_QUIET_MS));
}

TEST_F(card, raise_and_ack)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device.fd, MSI, TRIGGER, self->event));
	put(MEDU_RAISE, 0x6);
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0x6, get(MEDU_CAUSE));
	put(MEDU_ACK, 0x2);
	EXPECT_EQ(0x4, get(MEDU_CAUSE));
	put(MEDU_ACK, 0x4);
	EXPECT_EQ(0, get(MEDU_CAUSE));
	EXPECT_EQ(0, irq_signals(self->event));
}

/* From the first page to the buffer, and from there to the last two */
TEST_F_TIMEOUT(card, dma, MEDU_TIMEOUT)
{
	static const struct {
		unsigned int from;
		unsigned int offset;
		unsigned int to;
		unsigned int size;
	} cases[] = {
		{ 0, 0, 0, 1 },
		{ 0, 0, 0, PAGE },
		{ 17, 4095, 4095, 1 },
		{ 1, 0, PAGE - 5, 100 },
		{ PAGE - 3, 96, 1, 4000 },
		{ 1, 0, 1, PAGE },
	};
	uint8_t *to = self->device.memory + 2 * PAGE;
	uint8_t expected[2 * PAGE];
	unsigned int i;

	medu_fill(self->device.memory, 2 * PAGE, 7);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(to, 0x5a, 2 * PAGE);
		memset(expected, 0x5a, 2 * PAGE);
		memcpy(expected + cases[i].to, self->device.memory + cases[i].from,
		       cases[i].size);
		ASSERT_EQ(0, medu_dma(&self->device, MEDU_MEMORY + cases[i].from,
				      cases[i].offset, cases[i].size, 0));
		ASSERT_EQ(0, medu_dma(&self->device,
				      MEDU_MEMORY + 2 * PAGE + cases[i].to,
				      cases[i].offset, cases[i].size,
				      MEDU_DMA_TO_MEMORY));
		EXPECT_EQ(0, memcmp(expected, to, 2 * PAGE))
			TH_LOG("case %u", i);
	}
}

/* An invalid transfer completes without an access to memory. */
TEST_F_TIMEOUT(card, dma_bad_addresses, MEDU_TIMEOUT)
{
	static const struct {
		uint64_t iova;
		uint64_t offset;
		uint32_t size;
	} cases[] = {
		/* Not mapped; mapped in part; with more than 28 bits */
		{ 0x800000, 0, 16 },
		{ MEDU_MEMORY + 4 * PAGE - 8, 0, 16 },
		{ 0xff800000, 0, 16 },
		/* Beyond the buffer, below it, too long */
		{ MEDU_MEMORY, PAGE, 1 },
		{ MEDU_MEMORY, -1, 1 },
		{ MEDU_MEMORY, 1, PAGE },
		{ MEDU_MEMORY, 0, ~0U },
		{ MEDU_MEMORY, 0, 0 },
	};
	unsigned int i, j;

	memset(self->device.memory, 0x5a, MEDU_MEMORY_SIZE);
	ASSERT_EQ(0, irq_set_eventfd(self->device.fd, MSI, TRIGGER, self->event));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		for (j = 0; j <= MEDU_DMA_TO_MEMORY; j += MEDU_DMA_TO_MEMORY) {
			EXPECT_EQ(0, medu_dma(&self->device, cases[i].iova,
					      cases[i].offset, cases[i].size,
					      j | MEDU_DMA_IRQ));
			EXPECT_EQ(1, irq_signals_within(self->event,
							IRQ_TIMEOUT_MS));
		}
	}
	for (i = 0; i < MEDU_MEMORY_SIZE; i++)
		ASSERT_EQ(0x5a, self->device.memory[i]);
	EXPECT_EQ(0, medu_round(&self->device, 1));
}

/* mdev_pci_map_pages() returns an error: medu retries, and drops no request. */
TEST_F_TIMEOUT(card, dma_mapping_fails, MEDU_TIMEOUT)
{
	int left, ret;

	if (!fail_prepare() || !fail_times_within("mdev_pci_map_pages", 3))
		SKIP(return, "needs CONFIG_FAULT_INJECTION");
	ret = medu_round(&self->device, 1);
	left = fail_times_left();
	ASSERT_TRUE(fail_times_within(NULL, 0));
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, left);
	EXPECT_EQ(2, transfers());
}

/* Registers of a running transfer are read-only. */
TEST_F_TIMEOUT(card, dma_registers_locked, MEDU_TIMEOUT)
{
	medu_fill(self->device.memory, PAGE, 3);
	ASSERT_EQ(0, medu_start(&self->device, MEDU_MEMORY, 0, PAGE, 0));
	put(MEDU_DMA_SOURCE, 0);
	put(MEDU_DMA_DESTINATION, 0);
	put(MEDU_DMA_COUNT, 0);
	put(MEDU_DMA_COMMAND, MEDU_DMA_RUN | MEDU_DMA_TO_MEMORY);
	EXPECT_EQ(MEDU_DMA_RUN, get(MEDU_DMA_COMMAND));
	EXPECT_EQ(MEDU_MEMORY, get(MEDU_DMA_SOURCE));
	ASSERT_EQ(0, medu_wait(&self->device));
	EXPECT_EQ(PAGE, get(MEDU_DMA_COUNT));
	EXPECT_EQ(0, medu_dma(&self->device, MEDU_MEMORY + PAGE, 0, PAGE,
			      MEDU_DMA_TO_MEMORY));
	EXPECT_EQ(0, memcmp(self->device.memory, self->device.memory + PAGE,
			    PAGE));
}

/* A transfer waits until Bus Master is set, a factorial does not. */
TEST_F_TIMEOUT(card, bus_master, MEDU_TIMEOUT)
{
	struct medu_device *device = &self->device;

	ASSERT_EQ(0, vfio_store(device->fd, VFIO_PCI_CONFIG_REGION_INDEX, 4, 2,
				0x2));
	ASSERT_EQ(0, medu_start(device, MEDU_MEMORY, 0, 1, 0));
	EXPECT_EQ(120, medu_factorial(device, 5));
	sleep_ms(500);
	EXPECT_EQ(MEDU_DMA_RUN, get(MEDU_DMA_COMMAND));
	ASSERT_EQ(0, vfio_store(device->fd, VFIO_PCI_CONFIG_REGION_INDEX, 4, 2,
				0x6));
	EXPECT_EQ(0, medu_wait(device));
}

TEST_F_TIMEOUT(card, reset, MEDU_TIMEOUT)
{
	static const uint8_t zeroes[16];

	ASSERT_EQ(0, irq_set_eventfd(self->device.fd, INTX, TRIGGER, self->event));
	put(MEDU_LIVENESS, 1);
	put(MEDU_STATUS, MEDU_FACTORIAL_IRQ);
	EXPECT_EQ(120, medu_factorial(&self->device, 5));
	EXPECT_EQ(1, irq_signals_within(self->event, IRQ_TIMEOUT_MS));
	medu_fill(self->device.memory, PAGE, 9);
	ASSERT_EQ(0, medu_dma(&self->device, MEDU_MEMORY, 0, PAGE, 0));
	ASSERT_EQ(0, vfio_ioctl(self->device.fd, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(MEDU_IS_EDU, get(MEDU_ID));
	EXPECT_EQ(0, get(MEDU_LIVENESS));
	EXPECT_EQ(0, get(MEDU_FACTORIAL));
	EXPECT_EQ(0, get(MEDU_CAUSE));
	EXPECT_EQ(0, irq_act(self->device.fd, INTX, UNMASK));
	EXPECT_EQ(0, irq_signals(self->event));
	/* The buffer, too */
	ASSERT_EQ(0, medu_dma(&self->device, MEDU_MEMORY, 0, 16,
			      MEDU_DMA_TO_MEMORY));
	EXPECT_EQ(0, memcmp(self->device.memory, zeroes, 16));
}

/* When a reset returns, the transfer has completed or has been dropped. */
TEST_F_TIMEOUT(card, reset_during_dma, MEDU_TIMEOUT)
{
	unsigned int i;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, medu_start(&self->device, MEDU_MEMORY, 0, PAGE,
					i & 1 ? MEDU_DMA_TO_MEMORY : 0));
		sleep_ms(i * 20);
		ASSERT_EQ(0, vfio_ioctl(self->device.fd, VFIO_DEVICE_RESET, NULL));
		EXPECT_EQ(0, get(MEDU_DMA_COMMAND));
	}
	EXPECT_EQ(0, medu_round(&self->device, 4));
}

/* The memory is not written after the unmap has returned. */
TEST_F_TIMEOUT(card, unmap_during_dma, MEDU_TIMEOUT)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		medu_fill(self->device.memory, PAGE, i);
		ASSERT_EQ(0, medu_dma(&self->device, MEDU_MEMORY, 0, PAGE, 0));
		ASSERT_EQ(0, medu_start(&self->device, MEDU_MEMORY + PAGE, 0, PAGE,
					MEDU_DMA_TO_MEMORY));
		sleep_ms(i * 60);
		ASSERT_EQ(0, dma_unmap(&self->device.user, MEDU_MEMORY,
				       MEDU_MEMORY_SIZE));
		memset(self->device.memory + PAGE, 0x5a, PAGE);
		EXPECT_EQ(0, medu_wait(&self->device));
		EXPECT_EQ(0x5a, self->device.memory[PAGE]);
		EXPECT_EQ(0x5a, self->device.memory[2 * PAGE - 1]);
		ASSERT_EQ(0, dma_map(&self->device.user, MEDU_MEMORY,
				     self->device.memory, MEDU_MEMORY_SIZE,
				     DMA_BOTH));
	}
}

/* MEDU_UNITS devices for each card */
TEST_F(card, instances)
{
	char uuid[UUID_SIZE];
	unsigned int i;

	for (i = 1; i < MEDU_UNITS; i++) {
		EXPECT_EQ(MEDU_UNITS - i, medu_available(0));
		uuid_numbered(uuid, i);
		ASSERT_EQ(0, medu_create(0, uuid));
	}
	EXPECT_EQ(0, medu_available(0));
	EXPECT_EQ(-ENOSPC, medu_create(0, UUID_B));
	ASSERT_EQ(0, mdev_remove(uuid));
	EXPECT_EQ(0, medu_create(0, UUID_B));
}

TEST_HARNESS_MAIN
