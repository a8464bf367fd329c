// SPDX-License-Identifier: GPL-2.0-only
/* The scripted vendor driver and bus driver of the tests, and the module mdev_kunit. */

#include <kunit/device.h>
#include <kunit/resource.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "../compat.h"
#include "mdev_test_vendor.h"

const guid_t test_uuid = GUID_INIT(0x3c3d2a4e, 0x8f4b, 0x4b0e, 0x9a, 0x11,
				   0x52, 0x8c, 0x1f, 0x60, 0x7d, 0xe2);
const guid_t test_other_uuid = GUID_INIT(0x7be0c1d5, 0x0a92, 0x4c6f, 0x8d, 0x3e,
					 0xe4, 0x19, 0x70, 0x2b, 0xa6, 0x5c);

static struct test_vendor *to_test_vendor(struct mdev_device *mdev)
{
	return dev_get_drvdata(mdev_parent_dev(mdev));
}

static void test_hold(struct test_vendor *vendor, enum test_call call)
{
	if (vendor->hold != call)
		return;
	complete(&vendor->held);
	wait_for_completion(&vendor->go);
}

/* Each callback of the driver and the bus driver */
int test_call(struct mdev_device *mdev, enum test_call call)
{
	struct test_vendor *vendor = to_test_vendor(mdev);
	size_t length;

	spin_lock(&vendor->lock);
	if (call == TEST_CREATE)
		vendor->mdev = mdev;
	length = strlen(vendor->log);
	if (length < sizeof(vendor->log) - 1)
		vendor->log[length] = call;
	spin_unlock(&vendor->lock);

	vendor->kvm_seen[call] = mdev_get_kvm(mdev);
	vendor->attribute_seen[call] = test_has_file(&mdev->dev, "colour");
	test_hold(vendor, call);
	return vendor->fail[call];
}

static int test_vendor_create(struct kobject *kobj, struct mdev_device *mdev)
{
	struct test_vendor *vendor = to_test_vendor(mdev);

	KUNIT_EXPECT_PTR_EQ(vendor->test, mdev_type_from_kobj(kobj),
			    mdev->type);
	return test_call(mdev, TEST_CREATE);
}

static int test_vendor_remove(struct mdev_device *mdev)
{
	return test_call(mdev, TEST_REMOVE);
}

static int test_vendor_open(struct mdev_device *mdev)
{
	return test_call(mdev, TEST_OPEN);
}

static void test_vendor_release(struct mdev_device *mdev)
{
	test_call(mdev, TEST_RELEASE);
}

static int test_vendor_start(struct mdev_device *mdev)
{
	return test_call(mdev, TEST_START);
}

static int test_vendor_stop(struct mdev_device *mdev)
{
	return test_call(mdev, TEST_STOP);
}

static void test_vendor_request(struct mdev_device *mdev, unsigned int count)
{
	test_call(mdev, TEST_REQUEST);
}

static ssize_t colour_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "blue\n");
}
static DEVICE_ATTR_RO(colour);

static struct attribute *test_mdev_attrs[] = {
	&dev_attr_colour.attr,
	NULL,
};
ATTRIBUTE_GROUPS(test_mdev);

static ssize_t device_api_show(struct mdev_type *type,
			       struct mdev_type_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "vfio-pci\n");
}
static MDEV_TYPE_ATTR_RO(device_api);

static ssize_t available_instances_show(struct mdev_type *type,
					struct mdev_type_attribute *attr,
					char *buf)
{
	return sysfs_emit(buf, "1\n");
}
static MDEV_TYPE_ATTR_RO(available_instances);

static struct attribute *test_type_attrs[] = {
	&mdev_type_attr_device_api.attr,
	&mdev_type_attr_available_instances.attr,
	NULL,
};

const struct attribute_group test_type_a = {
	.name = "a",
	.attrs = test_type_attrs,
};

const struct attribute_group test_type_b = {
	.name = "b",
	.attrs = test_type_attrs,
};

/* A parent device with a script in which all goes well, not registered yet. */
struct test_vendor *test_vendor_new(struct kunit *test, const char *name)
{
	struct test_vendor *vendor;

	vendor = kunit_kzalloc(test, sizeof(*vendor), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, vendor);
	vendor->test = test;
	spin_lock_init(&vendor->lock);
	init_completion(&vendor->held);
	init_completion(&vendor->go);

	vendor->types[0] = &test_type_a;
	vendor->types[1] = &test_type_b;
	vendor->ops.owner = THIS_MODULE;
	vendor->ops.supported_type_groups = vendor->types;
	vendor->ops.mdev_attr_groups = test_mdev_groups;
	vendor->ops.create = test_vendor_create;
	vendor->ops.remove = test_vendor_remove;
	vendor->ops.open = test_vendor_open;
	vendor->ops.release = test_vendor_release;
	vendor->ops.request = test_vendor_request;

	vendor->dev = kunit_device_register(test, name);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, vendor->dev);
	dev_set_drvdata(vendor->dev, vendor);
	return vendor;
}

static void test_vendor_unregister(void *data)
{
	struct test_vendor *vendor = data;

	complete_all(&vendor->go);
	mdev_unregister_device(vendor->dev);
}

/* Register it for as long as the test runs. */
void test_vendor_register(struct test_vendor *vendor)
{
	struct kunit *test = vendor->test;

	KUNIT_ASSERT_EQ(test, mdev_register_device(vendor->dev, &vendor->ops),
			0);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, test_vendor_unregister,
						  vendor), 0);
}

struct test_vendor *test_vendor_registered(struct kunit *test,
					   const char *name)
{
	struct test_vendor *vendor = test_vendor_new(test, name);

	test_vendor_register(vendor);
	return vendor;
}

/* Devices that are offline until someone starts them */
struct test_vendor *test_vendor_startable(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_new(test, "mdev_test");

	vendor->ops.start = test_vendor_start;
	vendor->ops.stop = test_vendor_stop;
	test_vendor_register(vendor);
	return vendor;
}

/* Valid as long as the parent is registered. */
struct mdev_type *test_type(struct test_vendor *vendor, unsigned int index)
{
	struct mdev_parent *parent = mdev_parent_lookup(vendor->dev);
	struct mdev_type *type;

	KUNIT_ASSERT_NOT_NULL(vendor->test, parent);
	type = parent->types[index];
	mdev_parent_put(parent);
	return type;
}

int test_create(struct test_vendor *vendor, unsigned int type,
		const guid_t *uuid)
{
	return mdev_device_create(test_type(vendor, type), uuid);
}

KUNIT_DEFINE_ACTION_WRAPPER(test_put_device, put_device, struct device *);

/* Create a device that must not fail; the test gets a reference to it. */
struct mdev_device *test_created(struct test_vendor *vendor, const guid_t *uuid)
{
	struct kunit *test = vendor->test;
	struct mdev_device *mdev;

	KUNIT_ASSERT_EQ(test, test_create(vendor, 0, uuid), 0);
	mdev = vendor->mdev;
	get_device(&mdev->dev);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, test_put_device,
						  &mdev->dev), 0);
	return mdev;
}

/* Wait until the callback in @hold has been entered. */
void test_wait_held(struct test_vendor *vendor)
{
	KUNIT_ASSERT_NE(vendor->test,
			wait_for_completion_timeout(&vendor->held, 10 * HZ), 0);
}

bool test_has_file(struct device *dev, const char *name)
{
	struct kernfs_node *kn;

	if (!dev->kobj.sd)
		return false;
	kn = sysfs_get_dirent(dev->kobj.sd, name);
	sysfs_put(kn);
	return kn;
}

static int test_thread_main(void *data)
{
	struct test_thread *thread = data;

	allow_signal(SIGINT);
	thread->result = thread->work(thread);
	complete(&thread->done);
	return 0;
}

void test_thread_start(struct test_thread *thread, struct test_vendor *vendor,
		       int (*work)(struct test_thread *thread))
{
	thread->vendor = vendor;
	thread->work = work;
	init_completion(&thread->done);
	thread->task = kthread_create(test_thread_main, thread, "mdev_test");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(vendor->test, thread->task);
	get_task_struct(thread->task);
	wake_up_process(thread->task);
}

int test_thread_join(struct test_thread *thread)
{
	wait_for_completion(&thread->done);
	put_task_struct(thread->task);
	return thread->result;
}

/* Wait until the thread waits, in a way that a signal interrupts. */
bool test_thread_waits(struct test_thread *thread)
{
	unsigned long end = jiffies + 10 * HZ;

	while (time_before(jiffies, end) && !completion_done(&thread->done)) {
		if (READ_ONCE(thread->task->__state) & TASK_INTERRUPTIBLE)
			return true;
		usleep_range(500, 1000);
	}
	return false;
}

/* Whether the thread ends now, rather than after MDEV_REQUEST_PERIOD. */
bool test_thread_ends(struct test_thread *thread)
{
	unsigned long end = jiffies + 5 * HZ;

	while (!completion_done(&thread->done)) {
		if (time_after(jiffies, end)) {
			send_sig(SIGINT, thread->task, 1);
			return false;
		}
		usleep_range(500, 1000);
	}
	return true;
}

int test_work_create(struct test_thread *thread)
{
	return test_create(thread->vendor, 0, &thread->uuid);
}

int test_work_remove(struct test_thread *thread)
{
	return mdev_device_remove(thread->vendor->mdev);
}

int test_work_unregister(struct test_thread *thread)
{
	mdev_unregister_device(thread->vendor->dev);
	return 0;
}

static int test_bus_probe(struct mdev_device *mdev)
{
	return test_call(mdev, TEST_PROBE);
}

static void test_bus_remove(struct mdev_device *mdev)
{
	test_call(mdev, TEST_UNBIND);
}

static bool test_bus_match(struct mdev_device *mdev)
{
	return mdev_parent_ops(mdev)->owner == THIS_MODULE;
}

static bool test_bus_in_use(struct mdev_device *mdev)
{
	struct test_vendor *vendor = to_test_vendor(mdev);

	test_hold(vendor, TEST_IN_USE);
	return vendor->in_use;
}

/* The only access to memory that this driver has */
static int test_bus_mark_dirty(struct mdev_device *mdev, dma_addr_t iova,
			       size_t len)
{
	test_hold(to_test_vendor(mdev), TEST_MARK_DIRTY);
	return 0;
}

static struct kvm *test_bus_get_kvm(struct mdev_device *mdev)
{
	return to_test_vendor(mdev)->kvm;
}

static struct mdev_bus_driver test_bus_driver = {
	.match = test_bus_match,
	.in_use = test_bus_in_use,
	.mark_dirty = test_bus_mark_dirty,
	.get_kvm = test_bus_get_kvm,
	.driver = {
		.probe = test_bus_probe,
		.remove = test_bus_remove,
		.driver.name = "mdev_kunit",
	},
};

int test_suite_init(struct kunit_suite *suite)
{
	return mdev_register_bus_driver(&test_bus_driver);
}

void test_suite_exit(struct kunit_suite *suite)
{
	mdev_unregister_bus_driver(&test_bus_driver);
}

/* vfio_mdev, which comes with the first parent, would take the devices. */
int test_case_init(struct kunit *test)
{
	if (driver_find("vfio_mdev", &mdev_bus_type))
		kunit_skip(test, "vfio_mdev is loaded: keep it from that");
	return 0;
}

MODULE_IMPORT_NS(MDEV_KUNIT_NAMESPACE);
MODULE_IMPORT_NS(MDEV_BUS_NAMESPACE);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of mediated devices");
