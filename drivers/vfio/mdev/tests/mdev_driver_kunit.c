// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of mdev_register_parent(): its devices bind to the mdev_driver that was
 * registered with the parent, and to no other.
 */

#include <kunit/device.h>
#include <linux/delay.h>
#include <linux/sched/signal.h>

#include "mdev_test_vendor.h"

#define MAX_INSTANCES	2

/**
 * struct driver_test - a parent with types, and what its driver does
 * @parent: the parent
 * @types: its types
 * @array: pointers to @types
 * @driver: the driver
 * @probe_error: what probe returns
 * @available: what get_available returns, if the driver has it
 * @bound: number of devices that are bound
 * @hold: remove waits for @go
 * @held: completed when it does
 * @go: ends the wait
 * @mdev: the device that was probed last
 */
struct driver_test {
	struct mdev_parent parent;
	struct mdev_type types[2];
	struct mdev_type *array[2];
	struct mdev_driver driver;
	int probe_error;
	unsigned int available;
	atomic_t bound;
	bool hold;
	struct completion held;
	struct completion go;
	struct mdev_device *mdev;
};

static struct driver_test *to_driver_test(const struct mdev_device *mdev)
{
	return container_of(mdev->type->parent, struct driver_test, parent);
}

static int driver_test_probe(struct mdev_device *mdev)
{
	struct driver_test *self = to_driver_test(mdev);

	if (self->probe_error)
		return self->probe_error;
	self->mdev = mdev;
	atomic_inc(&self->bound);
	return 0;
}

static void driver_test_remove(struct mdev_device *mdev)
{
	struct driver_test *self = to_driver_test(mdev);

	if (self->hold) {
		complete(&self->held);
		wait_for_completion(&self->go);
	}
	atomic_dec(&self->bound);
}

static unsigned int driver_test_get_available(struct mdev_type *type)
{
	return container_of(type->parent, struct driver_test, parent)->available;
}

static ssize_t driver_test_show_description(struct mdev_type *type, char *buf)
{
	return sysfs_emit(buf, "about %s\n", type->sysfs_name);
}

static int driver_test_register(struct driver_test *self, struct device *dev)
{
	return mdev_register_parent(&self->parent, dev, &self->driver,
				    self->array, ARRAY_SIZE(self->array));
}

static int driver_test_init(struct kunit *test)
{
	struct driver_test *self;
	struct device *dev;
	int ret;

	ret = test_case_init(test);
	if (ret)
		return ret;
	self = kunit_kzalloc(test, sizeof(*self), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, self);
	self->types[0].sysfs_name = "small";
	self->types[1].sysfs_name = "large";
	self->types[1].pretty_name = "The large one";
	self->array[0] = &self->types[0];
	self->array[1] = &self->types[1];
	self->driver.device_api = "vfio-pci";
	self->driver.max_instances = MAX_INSTANCES;
	self->driver.probe = driver_test_probe;
	self->driver.remove = driver_test_remove;
	self->driver.driver.name = "mdev_own";
	self->driver.driver.owner = THIS_MODULE;
	init_completion(&self->held);
	init_completion(&self->go);
	test->priv = self;

	dev = kunit_device_register(test, "mdev_test");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	KUNIT_ASSERT_EQ(test, mdev_register_driver(&self->driver), 0);
	ret = driver_test_register(self, dev);
	KUNIT_EXPECT_EQ(test, ret, 0);
	if (ret)
		mdev_unregister_driver(&self->driver);
	return ret;
}

static void driver_test_exit(struct kunit *test)
{
	struct driver_test *self = test->priv;

	if (!self || !self->parent.core)
		return;
	mdev_unregister_parent(&self->parent);
	KUNIT_EXPECT_EQ(test, atomic_read(&self->bound), 0);
	mdev_unregister_driver(&self->driver);
}

static void driver_test_show(struct kunit *test, unsigned int index,
			     const char *name, const char *expected)
{
	struct driver_test *self = test->priv;
	struct kobject *kobj = &self->types[index].core->kobj;
	char *page = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct kernfs_node *kn;
	struct attribute *attr;

	KUNIT_ASSERT_NOT_NULL(test, page);
	kn = sysfs_get_dirent(kobj->sd, name);
	KUNIT_EXPECT_EQ(test, !kn, !expected);
	if (!kn)
		return;
	attr = kn->priv;
	kobj->ktype->sysfs_ops->show(kobj, attr, page);
	KUNIT_EXPECT_STREQ(test, page, expected);
	sysfs_put(kn);
}

static void test_type_sysfs_defaults(struct kunit *test)
{
	struct driver_test *self = test->priv;

	KUNIT_EXPECT_PTR_EQ(test, self->types[1].parent, &self->parent);
	driver_test_show(test, 0, "name", "small\n");
	driver_test_show(test, 1, "name", "The large one\n");
	driver_test_show(test, 0, "device_api", "vfio-pci\n");
	driver_test_show(test, 0, "available_instances", "2\n");
	driver_test_show(test, 0, "description", NULL);
}

static void test_type_sysfs_callbacks(struct kunit *test)
{
	struct driver_test *self = test->priv;
	struct device *dev = self->parent.dev;

	mdev_unregister_parent(&self->parent);
	self->driver.get_available = driver_test_get_available;
	self->driver.show_description = driver_test_show_description;
	self->available = 7;
	KUNIT_ASSERT_EQ(test, driver_test_register(self, dev), 0);
	driver_test_show(test, 1, "available_instances", "7\n");
	driver_test_show(test, 1, "description", "about large\n");

	/* As in mainline, a driver that counts refuses in its probe. */
	self->available = 0;
	KUNIT_EXPECT_EQ(test, mdev_device_create(&self->types[0], &test_uuid),
			0);
	self->probe_error = -EUSERS;
	KUNIT_EXPECT_EQ(test, mdev_device_create(&self->types[0],
						 &test_other_uuid), -EUSERS);
}

static void test_register_parent_invalid(struct kunit *test)
{
	struct driver_test *self = test->priv;
	struct mdev_type nameless = {}, *types[] = { &nameless };
	struct device *dev = kunit_device_register(test, "mdev_other");
	struct mdev_parent parent = {};
	struct mdev_driver driver = {};

	KUNIT_EXPECT_EQ(test, mdev_register_driver(&driver), -EINVAL);
	KUNIT_EXPECT_EQ(test, mdev_register_parent(&parent, NULL, &self->driver,
						   self->array, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, mdev_register_parent(&parent, dev, NULL,
						   self->array, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, mdev_register_parent(&parent, dev, &driver,
						   self->array, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, mdev_register_parent(&parent, dev, &self->driver,
						   NULL, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, mdev_register_parent(&parent, dev, &self->driver,
						   types, 1), -EINVAL);
}

static void test_register_parent_duplicate_type(struct kunit *test)
{
	struct driver_test *self = test->priv;
	struct mdev_type types[2] = {
		{ .sysfs_name = "same" }, { .sysfs_name = "same" },
	};
	struct mdev_type *array[] = { &types[0], &types[1] };
	struct device *dev = kunit_device_register(test, "mdev_other");
	struct mdev_parent parent = {};

	KUNIT_EXPECT_EQ(test, mdev_register_parent(&parent, dev, &self->driver,
						   array, 2), -EINVAL);
	KUNIT_EXPECT_NULL(test, mdev_parent_lookup(dev));
}

static void test_register_parent_and_device(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_both");
	struct driver_test *self = test->priv;
	struct mdev_parent parent = {};

	KUNIT_EXPECT_EQ(test, mdev_register_parent(&parent, vendor->dev,
						   &self->driver, self->array,
						   1), -EEXIST);
	KUNIT_EXPECT_EQ(test, mdev_register_device(self->parent.dev,
						   &vendor->ops), -EEXIST);
	/* Not the parent's own way: it stays */
	mdev_unregister_device(self->parent.dev);
	KUNIT_EXPECT_EQ(test, mdev_device_create(&self->types[0], &test_uuid),
			0);
}

static void test_available_instances(struct kunit *test)
{
	struct driver_test *self = test->priv;
	const guid_t third = GUID_INIT(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);

	KUNIT_ASSERT_EQ(test, mdev_device_create(&self->types[0], &test_uuid),
			0);
	KUNIT_ASSERT_EQ(test, mdev_device_create(&self->types[1],
						 &test_other_uuid), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&self->bound), 2);
	driver_test_show(test, 0, "available_instances", "0\n");
	KUNIT_EXPECT_EQ(test, mdev_device_create(&self->types[0], &third),
			-EUSERS);
	get_device(mdev_dev(self->mdev));
	KUNIT_EXPECT_EQ(test, mdev_device_remove(self->mdev), 0);
	put_device(mdev_dev(self->mdev));
	driver_test_show(test, 0, "available_instances", "1\n");
	KUNIT_EXPECT_EQ(test, mdev_device_create(&self->types[0], &third), 0);
}

static void test_probe_fails(struct kunit *test)
{
	struct driver_test *self = test->priv;

	self->probe_error = -ETIME;
	KUNIT_EXPECT_EQ(test, mdev_device_create(&self->types[0], &test_uuid),
			-ETIME);
	self->probe_error = -EPROBE_DEFER;
	KUNIT_EXPECT_EQ(test, mdev_device_create(&self->types[0], &test_uuid),
			-EAGAIN);
	self->probe_error = 0;
	driver_test_show(test, 0, "available_instances", "2\n");
	KUNIT_EXPECT_EQ(test, mdev_device_create(&self->types[0], &test_uuid),
			0);
}

/* i915 registers its driver after its parents, and unregisters it before them. */
static void test_create_without_driver(struct kunit *test)
{
	struct driver_test *self = test->priv;

	mdev_unregister_driver(&self->driver);
	KUNIT_EXPECT_EQ(test, mdev_device_create(&self->types[0], &test_uuid),
			-ENODEV);
	KUNIT_ASSERT_EQ(test, mdev_register_driver(&self->driver), 0);
	KUNIT_EXPECT_EQ(test, mdev_device_create(&self->types[0], &test_uuid),
			0);
}

/* Neither kind of driver binds to a device of the other kind of parent. */
static void test_match_own_devices(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_both");
	struct mdev_device *other = test_created(vendor, &test_uuid);
	struct driver_test *self = test->priv;
	const struct bus_type *bus = &mdev_bus_type;

	KUNIT_ASSERT_EQ(test, mdev_device_create(&self->types[0],
						 &test_other_uuid), 0);
	KUNIT_EXPECT_PTR_EQ(test, mdev_dev(self->mdev)->driver,
			    &self->driver.driver);
	KUNIT_EXPECT_PTR_NE(test, mdev_dev(other)->driver,
			    &self->driver.driver);
	KUNIT_EXPECT_EQ(test, bus->match(mdev_dev(other), &self->driver.driver),
			0);
	KUNIT_EXPECT_EQ(test, bus->match(mdev_dev(self->mdev),
					 mdev_dev(other)->driver), 0);
	KUNIT_EXPECT_EQ(test, bus->match(mdev_dev(self->mdev),
					 &self->driver.driver), 1);
}

struct driver_test_thread {
	struct driver_test *self;
	struct completion done;
	int result;
};

static int driver_test_remove_thread(void *data)
{
	struct driver_test_thread *thread = data;

	allow_signal(SIGKILL);
	thread->result = mdev_device_remove(thread->self->mdev);
	complete(&thread->done);
	return 0;
}

static int driver_test_unregister_thread(void *data)
{
	struct driver_test_thread *thread = data;

	mdev_unregister_parent(&thread->self->parent);
	complete(&thread->done);
	return 0;
}

static struct task_struct *driver_test_run(struct kunit *test,
					   struct driver_test_thread *thread,
					   int (*work)(void *data))
{
	struct task_struct *task;

	thread->self = test->priv;
	init_completion(&thread->done);
	task = kthread_run(work, thread, "mdev_driver");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	return task;
}

/* The writer is killed while ->remove() of the driver waits for a close. */
static void test_remove_killed(struct kunit *test)
{
	struct driver_test *self = test->priv;
	struct driver_test_thread thread = {};
	struct task_struct *task;

	KUNIT_ASSERT_EQ(test, mdev_device_create(&self->types[0], &test_uuid),
			0);
	self->hold = true;
	get_device(mdev_dev(self->mdev));
	task = driver_test_run(test, &thread, driver_test_remove_thread);
	wait_for_completion(&self->held);
	KUNIT_EXPECT_FALSE(test, completion_done(&thread.done));
	send_sig(SIGKILL, task, 1);
	wait_for_completion(&thread.done);
	KUNIT_EXPECT_EQ(test, thread.result, -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(self->mdev), -EAGAIN);
	KUNIT_EXPECT_EQ(test, atomic_read(&self->bound), 1);

	/* The removal goes on. */
	complete_all(&self->go);
	put_device(mdev_dev(self->mdev));
	mdev_unregister_parent(&self->parent);
	KUNIT_EXPECT_EQ(test, atomic_read(&self->bound), 0);
	mdev_unregister_driver(&self->driver);
}

/* Returns when nothing refers to the parent, which the caller frees next. */
static void test_unregister_parent_waits_for_references(struct kunit *test)
{
	struct driver_test *self = test->priv;
	struct driver_test_thread thread = {};
	struct device *dev;

	KUNIT_ASSERT_EQ(test, mdev_device_create(&self->types[0], &test_uuid),
			0);
	dev = get_device(mdev_dev(self->mdev));
	driver_test_run(test, &thread, driver_test_unregister_thread);
	msleep(100);
	KUNIT_EXPECT_FALSE(test, completion_done(&thread.done));
	KUNIT_EXPECT_EQ(test, atomic_read(&self->bound), 0);
	put_device(dev);
	wait_for_completion(&thread.done);
	mdev_unregister_driver(&self->driver);
}

static int test_count_device(struct mdev_device *mdev, void *count)
{
	(*(int *)count)++;
	return 0;
}

/* The core does not know when such a device is open: it can't be paused. */
static void test_mark_parent_dead(struct kunit *test)
{
	struct driver_test *self = test->priv;
	struct device *dev = self->parent.dev;
	int count = 0;

	KUNIT_ASSERT_EQ(test, mdev_device_create(&self->types[0], &test_uuid),
			0);
	KUNIT_EXPECT_EQ(test, mdev_pause_parent(dev, 0), -EOPNOTSUPP);
	mdev_resume_parent(dev);
	KUNIT_EXPECT_EQ(test, mdev_for_each_device(dev, test_count_device,
						   &count), 0);
	KUNIT_EXPECT_EQ(test, count, 1);
	driver_test_show(test, 0, "available_instances", "1\n");

	mdev_mark_parent_dead(dev);
	driver_test_show(test, 0, "available_instances", "0\n");
	driver_test_show(test, 0, "device_api", "vfio-pci\n");
	KUNIT_EXPECT_EQ(test, mdev_device_create(&self->types[0],
						 &test_other_uuid), -ENODEV);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(self->mdev), 0);
}

static struct kunit_case mdev_driver_cases[] = {
	KUNIT_CASE(test_type_sysfs_defaults),
	KUNIT_CASE(test_type_sysfs_callbacks),
	KUNIT_CASE(test_register_parent_invalid),
	KUNIT_CASE(test_register_parent_duplicate_type),
	KUNIT_CASE(test_register_parent_and_device),
	KUNIT_CASE(test_available_instances),
	KUNIT_CASE(test_probe_fails),
	KUNIT_CASE(test_create_without_driver),
	KUNIT_CASE(test_match_own_devices),
	KUNIT_CASE(test_remove_killed),
	KUNIT_CASE(test_unregister_parent_waits_for_references),
	KUNIT_CASE(test_mark_parent_dead),
	{}
};

static struct kunit_suite mdev_driver_suite = {
	.name = "mdev_driver",
	.suite_init = test_suite_init,
	.suite_exit = test_suite_exit,
	.init = driver_test_init,
	.exit = driver_test_exit,
	.test_cases = mdev_driver_cases,
};

kunit_test_suite(mdev_driver_suite);
