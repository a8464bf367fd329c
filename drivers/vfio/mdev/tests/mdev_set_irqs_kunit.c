// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of how users set interrupts: ranges of triggers, what is refused,
 * how many there may be. When they are signalled is tested in mdev_test_irqs.c.
 */

#include <linux/err.h>

#include "mdev_test_irqs.h"
#include "mdev_test_vendor.h"

static void test_set_eventfds(struct kunit *test)
{
	static const s32 fds[] = { 3, -1, 1, 2 };
	struct test_irqs *fixture = test->priv;
	u32 i;

	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_FIXED, 0, 4, 0), 0);
	KUNIT_EXPECT_EQ(test, mdev_irqs_set(fixture->irqs, EVENTFD | TRIGGER,
					    TEST_FIXED, 0, 4, (void *)fds), 0);
	KUNIT_EXPECT_EQ(test, fixture->eventfds[0].references, 0);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, mdev_irqs_trigger(fixture->irqs,
							TEST_FIXED, i),
				fds[i] >= 0);
		if (fds[i] >= 0)
			KUNIT_EXPECT_EQ(test, test_signals(fixture, fds[i]), 1);
	}
	KUNIT_EXPECT_EQ(test, test_signals(fixture, 0), 0);
}

/* What is no eventfd, and where in a range */
static const struct test_refusal {
	s32 fds[3];
	int result;
} test_refusals[] = {
	{ { TEST_CLOSED, 1, 2 }, -EBADF },
	{ { 1, TEST_CLOSED, 2 }, -EBADF },
	{ { -1, 1, TEST_CLOSED }, -EBADF },
	{ { 1, TEST_NO_EVENTFD, 2 }, -EINVAL },
	{ { 1, TEST_NO_EVENTFD, TEST_CLOSED }, -EINVAL },
};

static void test_set_eventfds_invalid(struct kunit *test)
{
	struct test_irqs *fixture = test->priv;
	unsigned int i;
	u32 vector;

	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_MASKABLE, 5, 3, 0), 0);
	for (i = 0; i < ARRAY_SIZE(test_refusals); i++) {
		const struct test_refusal *refusal = &test_refusals[i];

		KUNIT_EXPECT_EQ(test,
				mdev_irqs_set(fixture->irqs, EVENTFD | TRIGGER,
					      TEST_MASKABLE, 5, 3,
					      (void *)refusal->fds),
				refusal->result);
		for (vector = 5; vector < 8; vector++)
			mdev_irqs_trigger(fixture->irqs, TEST_MASKABLE,
					  vector);
		KUNIT_EXPECT_EQ(test, test_signals(fixture, 0), 3);
	}
	KUNIT_EXPECT_EQ(test, fixture->eventfds[0].references, 3);
	KUNIT_EXPECT_EQ(test, fixture->eventfds[1].references, 0);
	KUNIT_EXPECT_EQ(test, fixture->eventfds[2].references, 0);
}

/* VFIO_IRQ_INFO_NORESIZE: what is beyond the first range waits. */
static void test_noresize(struct kunit *test)
{
	struct test_irqs *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_FIXED, 1, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_FIXED, 0, 2, 0), 0);
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_FIXED, 2, 1, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_FIXED, 0, 3, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_FIXED, 2, 2, -1), 0);
	KUNIT_EXPECT_EQ(test, fixture->eventfds[1].references, 0);

	/* Without any trigger it keeps its size */
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_FIXED, 0, 2, -1), 0);
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_FIXED, 2, 1, 1), -EINVAL);

	KUNIT_EXPECT_EQ(test, test_tear_down(fixture, TEST_FIXED), 0);
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_FIXED, 0, 4, 1), 0);
	KUNIT_EXPECT_EQ(test, fixture->eventfds[1].references, 4);

	/* Setting some of them again makes it no smaller */
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_FIXED, 0, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_FIXED, 3, 1, 0), 0);
}

static void test_many_vectors(struct kunit *test)
{
	struct test_irqs *fixture = test->priv;
	struct mdev_irqs *irqs = fixture->irqs;
	u32 i;

	/* From the last to the first, then every third is removed */
	for (i = TEST_MANY; i-- > 0; )
		KUNIT_ASSERT_EQ(test, test_set(fixture, TEST_MASKABLE, i, 1,
					       i % TEST_EVENTFDS), 0);
	for (i = 0; i < TEST_MANY; i += 3)
		KUNIT_ASSERT_EQ(test, test_set(fixture, TEST_MASKABLE, i, 1,
					       -1), 0);
	for (i = 0; i < TEST_MANY; i++) {
		KUNIT_EXPECT_EQ(test, mdev_irqs_trigger(irqs, TEST_MASKABLE, i),
				i % 3 != 0);
		KUNIT_EXPECT_EQ(test, test_signals(fixture, i % TEST_EVENTFDS),
				i % 3 != 0);
	}
	KUNIT_EXPECT_EQ(test, test_tear_down(fixture, TEST_MASKABLE), 0);
	for (i = 0; i < TEST_MANY; i++)
		KUNIT_EXPECT_FALSE(test,
				   mdev_irqs_trigger(irqs, TEST_MASKABLE, i));
	for (i = 0; i < TEST_EVENTFDS; i++)
		KUNIT_EXPECT_EQ(test, fixture->eventfds[i].references, 0);
}

static void test_irqs_enabled(struct kunit *test)
{
	struct test_irqs *fixture = test->priv;
	struct mdev_irqs *irqs = fixture->irqs;

	KUNIT_EXPECT_FALSE(test, mdev_irqs_enabled(irqs, TEST_MASKABLE));
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_MASKABLE, 3, 4, 0), 0);
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_MASKABLE, 4, 1, 1), 0);
	KUNIT_EXPECT_TRUE(test, mdev_irqs_enabled(irqs, TEST_MASKABLE));
	KUNIT_EXPECT_FALSE(test, mdev_irqs_enabled(irqs, TEST_FIXED));

	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_MASKABLE, 3, 3, -1), 0);
	KUNIT_EXPECT_TRUE(test, mdev_irqs_enabled(irqs, TEST_MASKABLE));
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_MASKABLE, 6, 1, -1), 0);
	KUNIT_EXPECT_FALSE(test, mdev_irqs_enabled(irqs, TEST_MASKABLE));

	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_MASKABLE, 0, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, test_tear_down(fixture, TEST_MASKABLE), 0);
	KUNIT_EXPECT_FALSE(test, mdev_irqs_enabled(irqs, TEST_MASKABLE));
	KUNIT_EXPECT_FALSE(test, mdev_irqs_enabled(irqs, TEST_ABSENT));
	KUNIT_EXPECT_FALSE(test, mdev_irqs_enabled(irqs, TEST_INDEXES));
}

/* Triggering by the user */

static void test_data_none_without_eventfd(struct kunit *test)
{
	struct test_irqs *fixture = test->priv;
	u8 values[] = { 1, 1 };

	KUNIT_EXPECT_EQ(test, test_act(fixture, TRIGGER, TEST_FIXED, 0, 2),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, mdev_irqs_set(fixture->irqs, BOOL | TRIGGER,
					    TEST_FIXED, 0, 2, values), -EINVAL);
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_FIXED, 1, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, test_act(fixture, TRIGGER, TEST_FIXED, 0, 2), 0);
	KUNIT_EXPECT_EQ(test, test_signals(fixture, 0), 1);
}

static void test_data_bool(struct kunit *test)
{
	static const s32 fds[] = { 0, 1, 2, 3 };
	struct test_irqs *fixture = test->priv;
	struct mdev_irqs *irqs = fixture->irqs;
	u8 values[] = { 0, 1, 0, 255 };
	int i;

	KUNIT_EXPECT_EQ(test, mdev_irqs_set(irqs, EVENTFD | TRIGGER,
					    TEST_MASKABLE, 0, 4, (void *)fds),
			0);
	KUNIT_EXPECT_EQ(test, mdev_irqs_set(irqs, BOOL | TRIGGER,
					    TEST_MASKABLE, 0, 4, values), 0);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, test_signals(fixture, i), i & 1);

	KUNIT_EXPECT_EQ(test, mdev_irqs_set(irqs, BOOL | MASK, TEST_MASKABLE, 0,
					    4, values), 0);
	for (i = 0; i < 4; i++)
		mdev_irqs_trigger(irqs, TEST_MASKABLE, i);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, test_signals(fixture, i), !(i & 1));
	KUNIT_EXPECT_EQ(test, mdev_irqs_set(irqs, BOOL | UNMASK, TEST_MASKABLE,
					    0, 2, values), 0);
	KUNIT_EXPECT_EQ(test, test_signals(fixture, 1), 1);
	KUNIT_EXPECT_EQ(test, test_signals(fixture, 3), 0);
}

/* Being described */

static void test_get_irq_info(struct kunit *test)
{
	struct test_irqs *fixture = test->priv;
	struct vfio_irq_info info = {};
	u32 i;

	for (i = 0; i < TEST_INDEXES; i++) {
		info.index = i;
		KUNIT_EXPECT_EQ(test, mdev_irqs_get_info(fixture->irqs, &info),
				0);
		KUNIT_EXPECT_EQ(test, info.flags, test_irq_info[i].flags);
		KUNIT_EXPECT_EQ(test, info.count, test_irq_info[i].count);
	}
	info = (struct vfio_irq_info) {
		.index = TEST_INDEXES,
		.flags = ~0,
		.count = ~0,
	};
	KUNIT_EXPECT_EQ(test, mdev_irqs_get_info(fixture->irqs, &info), 0);
	KUNIT_EXPECT_EQ(test, info.flags, 0);
	KUNIT_EXPECT_EQ(test, info.count, 0);
}

/* A vector that is automasked could not be unmasked. */
static void test_irq_info_invalid(struct kunit *test)
{
	static const struct mdev_irq_info info = {
		.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_AUTOMASKED,
		.count = 1,
	};
	struct test_irqs *fixture = test->priv;

	KUNIT_EXPECT_PTR_EQ(test, mdev_irqs_create(&fixture->mdev, &info, 1),
			    ERR_PTR(-EINVAL));
}

static struct kunit_case mdev_set_irqs_cases[] = {
	KUNIT_CASE(test_set_eventfds),
	KUNIT_CASE(test_set_eventfds_invalid),
	KUNIT_CASE(test_noresize),
	KUNIT_CASE(test_many_vectors),
	KUNIT_CASE(test_irqs_enabled),
	KUNIT_CASE(test_data_none_without_eventfd),
	KUNIT_CASE(test_data_bool),
	KUNIT_CASE(test_get_irq_info),
	KUNIT_CASE(test_irq_info_invalid),
	{}
};

static struct kunit_suite mdev_set_irqs_suite = {
	.name = "mdev_set_irqs",
	.init = test_irqs_init,
	.exit = test_irqs_exit,
	.test_cases = mdev_set_irqs_cases,
};

kunit_test_suite(mdev_set_irqs_suite);
