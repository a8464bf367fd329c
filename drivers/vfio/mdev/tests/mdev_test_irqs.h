/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupts to test, with counters in place of eventfds. */
#ifndef _MDEV_TEST_IRQS_H
#define _MDEV_TEST_IRQS_H

#include <kunit/test.h>
#include <linux/mdev.h>
#include <linux/mdev_irqs.h>
#include <linux/vfio.h>

#define NONE		VFIO_IRQ_SET_DATA_NONE
#define BOOL		VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD		VFIO_IRQ_SET_DATA_EVENTFD
#define MASK		VFIO_IRQ_SET_ACTION_MASK
#define UNMASK		VFIO_IRQ_SET_ACTION_UNMASK
#define TRIGGER		VFIO_IRQ_SET_ACTION_TRIGGER

#define TEST_EVENTFDS	8
#define TEST_MANY	2048

/* File descriptors that are no eventfds, by the error of eventfd_ctx_fdget() */
#define TEST_CLOSED	1000
#define TEST_NO_EVENTFD	1001

/* The indexes of the device under test */
enum test_index {
	TEST_LEVEL,
	TEST_FIXED,
	TEST_MASKABLE,
	TEST_REGISTER,
	TEST_ABSENT,
	TEST_INDEXES,
};

extern const struct mdev_irq_info test_irq_info[TEST_INDEXES];

/* What stands in for an eventfd; its number is its file descriptor. */
struct test_eventfd {
	int references;
	int signals;
};

struct test_irqs {
	struct mdev_device mdev;
	struct mdev_irqs *irqs;
	bool masked;
	struct test_eventfd eventfds[TEST_EVENTFDS];
};

int test_irqs_init(struct kunit *test);
void test_irqs_exit(struct kunit *test);

int test_act(struct test_irqs *fixture, u32 flags, u32 index, u32 start,
	     u32 count);
int test_tear_down(struct test_irqs *fixture, u32 index);
int test_set(struct test_irqs *fixture, u32 index, u32 start, u32 count,
	     s32 fd);
int test_signals(struct test_irqs *fixture, unsigned int eventfd);

#endif /* _MDEV_TEST_IRQS_H */
