// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cards of medu, the driver that the documentation explains: what their
 * registers do, and when they interrupt.
 */
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "irq_lib.h"
#include "mdev_lib.h"
#include "medu_lib.h"
#include "migration_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX

/* How many the parent has */
#define CARDS		16

FIXTURE(card)
{
	struct vfio_user user;
	int device;
	int event;
};

FIXTURE_SETUP(card)
{
	int ret = medu_prepare();

	if (ret == -ENOENT)
		SKIP(return, "there is no medu");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, medu_open(&self->user));
	self->device = self->user.device;
	self->event = irq_eventfd();
	ASSERT_LE(0, self->event);
}

FIXTURE_TEARDOWN(card)
{
	vfio_close(&self->user);
	close(self->event);
	EXPECT_EQ(0, medu_finish());
}

#define get(_offset) \
	medu_read(self->device, _offset)
#define put(_offset, _value) \
	ASSERT_EQ(0, medu_write(self->device, _offset, _value))

TEST_F(card, says_who_it_is)
{
	EXPECT_EQ(MEDU_IS_EDU, get(MEDU_ID));
	put(MEDU_ID, 0);
	EXPECT_EQ(MEDU_IS_EDU, get(MEDU_ID));
}

TEST_F(card, is_alive)
{
	static const uint32_t values[] = { 0, 1, 0x12345678, ~0U };
	unsigned int i;

	EXPECT_EQ(0, get(MEDU_LIVENESS));
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		put(MEDU_LIVENESS, values[i]);
		EXPECT_EQ((uint32_t)~values[i], get(MEDU_LIVENESS));
	}
}

TEST_F(card, computes_factorials)
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
		/* What of it fits */
		{ 13, 1932053504 },
		{ 33, 0x80000000 },
		{ 34, 0 },
		{ ~0U, 0 },
	};
	unsigned int i;

	EXPECT_EQ(0, get(MEDU_FACTORIAL));
	for (i = 0; i < ARRAY_SIZE(factorials); i++) {
		put(MEDU_FACTORIAL, factorials[i].n);
		EXPECT_EQ(factorials[i].factorial, get(MEDU_FACTORIAL));
	}
}

TEST_F(card, has_registers_of_four_bytes)
{
	uint32_t registers[2] = {};

	put(MEDU_LIVENESS, 0);
	ASSERT_EQ(8, vfio_read(self->device, BAR0, MEDU_ID, registers, 8));
	EXPECT_EQ(MEDU_IS_EDU, le32toh(registers[0]));
	EXPECT_EQ(~0U, registers[1]);
	registers[0] = htole32(1);
	registers[1] = htole32(5);
	ASSERT_EQ(8, vfio_write(self->device, BAR0, MEDU_ID, registers, 8));
	EXPECT_EQ((uint32_t)~5, get(MEDU_LIVENESS));
}

/* A byte of one can be read, and not written. */
TEST_F(card, register_parts)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		EXPECT_EQ(MEDU_IS_EDU >> i * 8 & 0xff,
			  vfio_load(self->device, BAR0, MEDU_ID + i, 1));
	EXPECT_EQ(MEDU_IS_EDU >> 16,
		  vfio_load(self->device, BAR0, MEDU_ID + 2, 2));
	put(MEDU_LIVENESS, 0);
	ASSERT_EQ(0, vfio_store(self->device, BAR0, MEDU_LIVENESS, 1, 0xff));
	EXPECT_EQ(~0U, get(MEDU_LIVENESS));
}

/* By INTx, until that is acknowledged */
TEST_F(card, interrupts_when_it_is_done)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	EXPECT_EQ(0, get(MEDU_CAUSE));
	put(MEDU_FACTORIAL, 5);
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(1, get(MEDU_CAUSE));
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(1, irq_signals(self->event));

	put(MEDU_ACK, 1);
	EXPECT_EQ(0, get(MEDU_CAUSE));
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(0, irq_signals(self->event));
}

TEST_F(card, sends_a_message_for_each_number)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, MSI, TRIGGER, self->event));
	put(MEDU_FACTORIAL, 5);
	EXPECT_EQ(1, irq_signals(self->event));
	put(MEDU_FACTORIAL, 6);
	EXPECT_EQ(1, irq_signals(self->event));
	put(MEDU_ACK, 1);
	EXPECT_EQ(0, irq_signals(self->event));
}

TEST_F(card, forgets_with_a_reset)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	put(MEDU_LIVENESS, 1);
	put(MEDU_FACTORIAL, 5);
	EXPECT_EQ(1, irq_signals(self->event));
	ASSERT_EQ(0, vfio_ioctl(self->device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(MEDU_IS_EDU, get(MEDU_ID));
	EXPECT_EQ(0, get(MEDU_LIVENESS));
	EXPECT_EQ(0, get(MEDU_FACTORIAL));
	EXPECT_EQ(0, get(MEDU_CAUSE));
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(0, irq_signals(self->event));
}

TEST_F(card, stays_where_it_is)
{
	EXPECT_EQ(-ENOTTY, vfio_feature(self->device,
					VFIO_DEVICE_FEATURE_PROBE |
					VFIO_DEVICE_FEATURE_GET |
					VFIO_DEVICE_FEATURE_MIGRATION,
					NULL, 0));
}

TEST_F(card, is_one_of_many)
{
	char uuid[UUID_SIZE], text[16];
	struct vfio_user other;
	unsigned int i;

	for (i = 1; i < CARDS; i++) {
		uuid_numbered(uuid, i);
		ASSERT_EQ(0, medu_create(uuid));
	}
	EXPECT_EQ(-ENOSPC, medu_create(UUID_B));
	ASSERT_EQ(1, sysfs_read(text, sizeof(text),
				MEDU_TYPE "/available_instances"));
	EXPECT_STREQ("0", text);

	/* It has nothing to do with the others */
	ASSERT_EQ(0, vfio_open_cdev(&other, uuid));
	ASSERT_EQ(0, vfio_pci_enable(other.device));
	put(MEDU_FACTORIAL, 5);
	EXPECT_EQ(0, medu_read(other.device, MEDU_FACTORIAL));
	vfio_close(&other);

	ASSERT_EQ(0, mdev_remove(uuid));
	EXPECT_EQ(0, medu_create(UUID_B));
}

TEST_HARNESS_MAIN
