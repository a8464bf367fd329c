// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of interrupts: when a vector signals its trigger. A test has no
 * files, so that the eventfds are counters. Real ones are for the selftests.
 */

#include <kunit/static_stub.h>
#include <linux/err.h>
#include <linux/irq_work.h>

#include "mdev_test_irqs.h"
#include "mdev_test_vendor.h"

/* The register of the device that masks vectors of TEST_REGISTER */
static bool test_masked(const struct mdev_device *mdev, u32 index, u32 vector)
{
	return container_of(mdev, struct test_irqs, mdev)->masked;
}

const struct mdev_irq_info test_irq_info[TEST_INDEXES] = {
	[TEST_LEVEL] = {
		.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
			 VFIO_IRQ_INFO_AUTOMASKED,
		.count = 1,
	},
	[TEST_FIXED] = {
		.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE,
		.count = 4,
	},
	[TEST_MASKABLE] = {
		.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE,
		.count = TEST_MANY,
	},
	[TEST_REGISTER] = {
		.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
			 VFIO_IRQ_INFO_AUTOMASKED,
		.count = 2,
		.masked = test_masked,
	},
};

/* Something that interrupts */
struct test_device {
	struct test_irqs *fixture;
	struct irq_work work;
	bool signalled;
};

static struct eventfd_ctx *test_eventfd_get(int fd)
{
	struct test_irqs *fixture = kunit_get_current_test()->priv;

	if (fd == TEST_CLOSED)
		return ERR_PTR(-EBADF);
	if (fd == TEST_NO_EVENTFD)
		return ERR_PTR(-EINVAL);
	fixture->eventfds[fd].references++;
	return (struct eventfd_ctx *)&fixture->eventfds[fd];
}

static void test_eventfd_put(struct eventfd_ctx *eventfd)
{
	((struct test_eventfd *)eventfd)->references--;
}

static void test_eventfd_signal(struct eventfd_ctx *eventfd)
{
	((struct test_eventfd *)eventfd)->signals++;
}

int test_irqs_init(struct kunit *test)
{
	struct test_irqs *fixture = kunit_kzalloc(test, sizeof(*fixture),
						  GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fixture);
	test->priv = fixture;
	kunit_activate_static_stub(test, mdev_eventfd_get, test_eventfd_get);
	kunit_activate_static_stub(test, mdev_eventfd_put, test_eventfd_put);
	kunit_activate_static_stub(test, mdev_eventfd_signal,
				   test_eventfd_signal);
	fixture->irqs = mdev_irqs_create(&fixture->mdev, test_irq_info,
					 TEST_INDEXES);
	return PTR_ERR_OR_ZERO(fixture->irqs);
}

/* Whatever was left set: no eventfd is held any more. */
void test_irqs_exit(struct kunit *test)
{
	struct test_irqs *fixture = test->priv;
	unsigned int i;

	mdev_irqs_destroy(fixture->irqs);
	for (i = 0; i < TEST_EVENTFDS; i++)
		KUNIT_EXPECT_EQ(test, fixture->eventfds[i].references, 0);
}

int test_act(struct test_irqs *fixture, u32 flags, u32 index, u32 start,
	     u32 count)
{
	return mdev_irqs_set(fixture->irqs, NONE | flags, index, start, count,
			     NULL);
}

int test_tear_down(struct test_irqs *fixture, u32 index)
{
	return test_act(fixture, TRIGGER, index, 0, 0);
}

/* The same descriptor for @count vectors */
int test_set(struct test_irqs *fixture, u32 index, u32 start, u32 count,
	     s32 fd)
{
	s32 fds[TEST_EVENTFDS];
	u32 i;

	for (i = 0; i < count; i++)
		fds[i] = fd;
	return mdev_irqs_set(fixture->irqs, EVENTFD | TRIGGER, index, start,
			     count, fds);
}

/* Signals of an eventfd since the last call */
int test_signals(struct test_irqs *fixture, unsigned int eventfd)
{
	int signals = fixture->eventfds[eventfd].signals;

	fixture->eventfds[eventfd].signals = 0;
	return signals;
}

/*
 * A script of what happens to a vector, a letter each. Where the trigger is to be
 * signalled, once, a "!" follows.
 *
 *	S, X	userspace sets or removes the trigger
 *	D	userspace disables the index
 *	M, U	userspace masks or unmasks the vector
 *	N	userspace triggers it with VFIO_IRQ_SET_DATA_NONE
 *	E	the device has an edge
 *	H, L	the device's level is high or low
 *	R	the device is reset
 *	+, -	the device's register masks or unmasks the vector
 *	C	the pending edge is cleared
 */
static const struct test_script {
	enum test_index index;
	const char *steps;
} test_scripts[] = {
	{ TEST_LEVEL, "SH!HLHH" },
	{ TEST_LEVEL, "SH!U!U!LUUH!" },
	{ TEST_LEVEL, "HS!SSU!" },
	{ TEST_LEVEL, "SMHU!" },
	{ TEST_LEVEL, "SMHLU" },
	{ TEST_LEVEL, "MSHU!" },
	{ TEST_LEVEL, "SMXHSU!" },
	{ TEST_LEVEL, "SXHLHS!" },
	{ TEST_LEVEL, "SXHUS!" },
	{ TEST_LEVEL, "SDHLH" },
	{ TEST_LEVEL, "SMDSH!" },
	{ TEST_LEVEL, "SH!DS!" },
	{ TEST_LEVEL, "SH!DLS" },
	{ TEST_LEVEL, "SMHRU" },
	{ TEST_LEVEL, "SH!RUH!" },
	{ TEST_LEVEL, "SMRHU!" },
	{ TEST_LEVEL, "SN!N!H!N!U!" },
	{ TEST_LEVEL, "SMN!HU!" },
	{ TEST_LEVEL, "SE!EEU!U" },
	{ TEST_MASKABLE, "SE!E!E!" },
	{ TEST_MASKABLE, "ESE!" },
	{ TEST_MASKABLE, "SXESE!" },
	{ TEST_MASKABLE, "SDES" },
	{ TEST_MASKABLE, "SMEEEU!UE!" },
	{ TEST_MASKABLE, "MESU!" },
	{ TEST_MASKABLE, "MEUS" },
	{ TEST_MASKABLE, "SMESU!" },
	{ TEST_MASKABLE, "SMEXSU!" },
	{ TEST_MASKABLE, "SMEDSU" },
	{ TEST_MASKABLE, "SMDSE!" },
	{ TEST_MASKABLE, "SMERUE!" },
	{ TEST_MASKABLE, "SMREU!" },
	{ TEST_MASKABLE, "SHLHUMU" },
	{ TEST_MASKABLE, "SN!MN!UE!" },
	{ TEST_FIXED, "SE!E!XESE!DE" },
	{ TEST_REGISTER, "SE!U+E-!" },
	{ TEST_REGISTER, "S+EE-!" },
	{ TEST_REGISTER, "S+ECU-" },
	{ TEST_REGISTER, "S+MEU-!" },
	{ TEST_REGISTER, "S+ME-U!" },
	{ TEST_REGISTER, "ES!" },
	{ TEST_REGISTER, "S+EDS-!" },
	{ TEST_REGISTER, "S+ERS-" },
	{ TEST_REGISTER, "S+H-!U!L" },
	{ TEST_REGISTER, "S+HL-" },
	{ TEST_REGISTER, "S+N!-" },
};

static void test_script_describe(const struct test_script *script, char *desc)
{
	strscpy(desc, script->steps, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(test_script, test_scripts, test_script_describe);

static void test_step(struct test_irqs *fixture, u32 index, char step)
{
	struct kunit *test = kunit_get_current_test();
	int ret = 0;

	switch (step) {
	case 'S':
		ret = test_set(fixture, index, 0, 1, 0);
		break;
	case 'X':
		ret = test_set(fixture, index, 0, 1, -1);
		break;
	case 'D':
		ret = test_tear_down(fixture, index);
		break;
	case 'M':
		ret = test_act(fixture, MASK, index, 0, 1);
		break;
	case 'U':
		ret = test_act(fixture, UNMASK, index, 0, 1);
		break;
	case 'N':
		ret = test_act(fixture, TRIGGER, index, 0, 1);
		break;
	case 'E':
		mdev_irqs_trigger(fixture->irqs, index, 0);
		break;
	case 'H':
	case 'L':
		mdev_irqs_set_level(fixture->irqs, index, 0, step == 'H');
		break;
	case '+':
	case '-':
		fixture->masked = step == '+';
		mdev_irqs_update(fixture->irqs, index, 0);
		break;
	case 'C':
		KUNIT_EXPECT_TRUE(test, mdev_irqs_clear_pending(fixture->irqs,
								index, 0));
		break;
	case 'R':
		mdev_irqs_reset(fixture->irqs);
		break;
	default:
		KUNIT_FAIL(test, "no such step: %c", step);
	}
	KUNIT_EXPECT_EQ(test, ret, 0);
}

static void test_trigger_mask_unmask(struct kunit *test)
{
	const struct test_script *script = test->param_value;
	struct test_irqs *fixture = test->priv;
	const char *step = script->steps;
	bool signalled;

	while (*step) {
		test_step(fixture, script->index, *step);
		signalled = step[1] == '!';
		KUNIT_EXPECT_EQ_MSG(test, test_signals(fixture, 0), signalled,
				    "at %s", step);
		step += 1 + signalled;
	}
}

static void test_trigger_return_value(struct kunit *test)
{
	struct test_irqs *fixture = test->priv;
	struct mdev_irqs *irqs = fixture->irqs;

	KUNIT_EXPECT_FALSE(test, mdev_irqs_trigger(irqs, TEST_MASKABLE, 1));
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_MASKABLE, 1, 1, 0), 0);
	KUNIT_EXPECT_TRUE(test, mdev_irqs_trigger(irqs, TEST_MASKABLE, 1));
	KUNIT_EXPECT_EQ(test, test_act(fixture, MASK, TEST_MASKABLE, 1, 1), 0);
	KUNIT_EXPECT_TRUE(test, mdev_irqs_trigger(irqs, TEST_MASKABLE, 1));
	KUNIT_EXPECT_EQ(test, test_signals(fixture, 0), 1);
}

static void test_pending_bit(struct kunit *test)
{
	struct test_irqs *fixture = test->priv;
	struct mdev_irqs *irqs = fixture->irqs;

	KUNIT_EXPECT_FALSE(test, mdev_irqs_has_trigger(irqs, TEST_REGISTER, 1));
	KUNIT_EXPECT_TRUE(test, mdev_irqs_trigger(irqs, TEST_REGISTER, 1));
	KUNIT_EXPECT_TRUE(test, mdev_irqs_is_pending(irqs, TEST_REGISTER, 1));
	KUNIT_EXPECT_FALSE(test, mdev_irqs_is_pending(irqs, TEST_REGISTER, 0));
	KUNIT_EXPECT_TRUE(test, mdev_irqs_clear_pending(irqs, TEST_REGISTER,
							1));
	KUNIT_EXPECT_FALSE(test, mdev_irqs_is_pending(irqs, TEST_REGISTER, 1));
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_REGISTER, 1, 1, 0), 0);
	KUNIT_EXPECT_TRUE(test, mdev_irqs_has_trigger(irqs, TEST_REGISTER, 1));
	KUNIT_EXPECT_EQ(test, test_signals(fixture, 0), 0);
}

/* What a guest may have programmed */
static void test_vector_out_of_range(struct kunit *test)
{
	struct test_irqs *fixture = test->priv;
	struct mdev_irqs *irqs = fixture->irqs;

	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_FIXED, 0, 4, 0), 0);
	KUNIT_EXPECT_FALSE(test, mdev_irqs_trigger(irqs, TEST_FIXED, 4));
	KUNIT_EXPECT_FALSE(test, mdev_irqs_trigger(irqs, TEST_FIXED, U32_MAX));
	KUNIT_EXPECT_FALSE(test, mdev_irqs_trigger(irqs, TEST_ABSENT, 0));
	KUNIT_EXPECT_FALSE(test, mdev_irqs_trigger(irqs, TEST_INDEXES, 0));
	KUNIT_EXPECT_FALSE(test, mdev_irqs_trigger(irqs, U32_MAX, 0));
	mdev_irqs_set_level(irqs, TEST_LEVEL, 1, true);
	mdev_irqs_set_level(irqs, TEST_INDEXES, 0, true);
	mdev_irqs_update(irqs, TEST_REGISTER, 2);
	KUNIT_EXPECT_FALSE(test, mdev_irqs_is_pending(irqs, TEST_REGISTER, 2));
	KUNIT_EXPECT_FALSE(test, mdev_irqs_clear_pending(irqs, TEST_REGISTER,
							 2));
	KUNIT_EXPECT_FALSE(test, mdev_irqs_has_trigger(irqs, TEST_FIXED, 4));
	KUNIT_EXPECT_EQ(test, test_signals(fixture, 0), 0);
}

static void test_hard_interrupt(struct irq_work *work)
{
	struct test_device *device =
		container_of(work, struct test_device, work);
	struct mdev_irqs *irqs = device->fixture->irqs;

	device->signalled = mdev_irqs_trigger(irqs, TEST_MASKABLE, 0);
	mdev_irqs_set_level(irqs, TEST_LEVEL, 0, true);
}

static void test_trigger_in_hardirq(struct kunit *test)
{
	struct test_irqs *fixture = test->priv;
	struct test_device device = {
		.fixture = fixture,
		.work = IRQ_WORK_INIT(test_hard_interrupt),
	};

	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_MASKABLE, 0, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, test_set(fixture, TEST_LEVEL, 0, 1, 1), 0);

	/* Stubs of eventfds apply to this thread, so the irq_work has to interrupt it */
	preempt_disable();
	irq_work_queue(&device.work);
	while (irq_work_is_busy(&device.work))
		cpu_relax();
	preempt_enable();

	KUNIT_EXPECT_TRUE(test, device.signalled);
	KUNIT_EXPECT_EQ(test, test_signals(fixture, 0), 1);
	KUNIT_EXPECT_EQ(test, test_signals(fixture, 1), 1);
}

static struct kunit_case mdev_irqs_cases[] = {
	KUNIT_CASE_PARAM(test_trigger_mask_unmask, test_script_gen_params),
	KUNIT_CASE(test_trigger_return_value),
	KUNIT_CASE(test_pending_bit),
	KUNIT_CASE(test_vector_out_of_range),
	KUNIT_CASE(test_trigger_in_hardirq),
	{}
};

static struct kunit_suite mdev_irqs_suite = {
	.name = "mdev_irqs",
	.init = test_irqs_init,
	.exit = test_irqs_exit,
	.test_cases = mdev_irqs_cases,
};

kunit_test_suite(mdev_irqs_suite);
