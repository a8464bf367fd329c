/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scripted vendor driver, and a bus driver to go with it: each callback logs
 * a letter, fails as scripted, and can be held until @go is completed.
 */
#ifndef _MDEV_TEST_VENDOR_H
#define _MDEV_TEST_VENDOR_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/spinlock.h>

#include "../mdev_private.h"

/* The callbacks, by the letter that stands for them in the log */
enum test_call {
	TEST_CREATE = 'C',
	TEST_PROBE = 'P',
	TEST_START = 'S',
	TEST_OPEN = 'O',
	TEST_REQUEST = 'Q',
	TEST_RELEASE = 'L',
	TEST_STOP = 'T',
	TEST_UNBIND = 'U',
	TEST_REMOVE = 'R',
	TEST_PAUSE = 'Z',
	TEST_RESUME = 'z',
	/* Not logged */
	TEST_IN_USE = 'I',
	TEST_MARK_DIRTY = 'D',
};

/**
 * struct test_vendor - a parent and its script
 * @test: the test that it belongs to
 * @dev: the parent device
 * @ops: what is to be registered; a test may change it before
 * @types: the types of @ops; a test may change them before
 * @fail: the errno that each callback returns, by letter
 * @hold: the callback to hold, by letter
 * @held: completed when the callback in @hold has been entered
 * @go: releases the callback in @hold
 * @in_use: what in_use() of the bus driver returns
 * @kvm: the KVM that the bus driver has for the device
 * @kvm_seen: what mdev_get_kvm() returned in the last callback of each letter
 * @attribute_seen: whether the vendor's attribute was there in the last
 *	callback of each letter
 * @lock: callbacks of several devices may run at once; protects @log and @mdev
 * @log: the letters of the callbacks that were called
 * @mdev: the device that was created last
 */
struct test_vendor {
	struct kunit *test;
	struct device *dev;
	struct parent_ops ops;
	const struct attribute_group *types[3];
	int fail[128];
	enum test_call hold;
	struct completion held;
	struct completion go;
	bool in_use;
	struct kvm *kvm;
	struct kvm *kvm_seen[128];
	bool attribute_seen[128];

	/* Protects what follows */
	spinlock_t lock;
	struct mdev_device *mdev;
	char log[128];
};

struct test_vendor *test_vendor_new(struct kunit *test, const char *name);
void test_vendor_register(struct test_vendor *vendor);
struct test_vendor *test_vendor_registered(struct kunit *test,
					   const char *name);
struct test_vendor *test_vendor_startable(struct kunit *test);

struct mdev_type *test_type(struct test_vendor *vendor, unsigned int index);
int test_create(struct test_vendor *vendor, unsigned int type,
		const guid_t *uuid);
struct mdev_device *test_created(struct test_vendor *vendor,
				 const guid_t *uuid);
int test_call(struct mdev_device *mdev, enum test_call call);
void test_wait_held(struct test_vendor *vendor);
bool test_has_file(struct device *dev, const char *name);

extern const struct attribute_group test_type_a;
extern const struct attribute_group test_type_b;
extern const guid_t test_uuid;
extern const guid_t test_other_uuid;

/**
 * struct test_thread - something that a test does beside itself
 * @work: what to do
 * @vendor: for which parent
 * @uuid: for creation
 * @result: what @work returned, valid after test_thread_join()
 */
struct test_thread {
	int (*work)(struct test_thread *thread);
	struct test_vendor *vendor;
	guid_t uuid;
	int result;

	/* private: */
	struct task_struct *task;
	struct completion done;
};

void test_thread_start(struct test_thread *thread, struct test_vendor *vendor,
		       int (*work)(struct test_thread *thread));
int test_thread_join(struct test_thread *thread);
bool test_thread_waits(struct test_thread *thread);
bool test_thread_ends(struct test_thread *thread);

int test_work_create(struct test_thread *thread);
int test_work_remove(struct test_thread *thread);
int test_work_unregister(struct test_thread *thread);

int test_suite_init(struct kunit_suite *suite);
void test_suite_exit(struct kunit_suite *suite);
int test_case_init(struct kunit *test);

#endif /* _MDEV_TEST_VENDOR_H */
