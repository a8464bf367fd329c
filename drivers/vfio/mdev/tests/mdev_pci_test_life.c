// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of parents and of the life of their devices: what the vendor is
 * called for and when, units, attributes, and what a vendor replaces.
 */

#include <kunit/device.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../mdev_private.h"
#include "../pci/private.h"
#include "mdev_pci_test_config.h"

#define TEST_UNITS	5

/**
 * struct test_life - a parent with two types, and what its vendor was called for
 * @test: the test that it belongs to
 * @dev: the parent device
 * @parent: what mdev_pci knows of it
 * @types: one of a unit, and one of three
 * @driver: its vendor; a test may change it before test_register()
 * @create_error: what @driver answers to a creation
 * @pci: the device that was created last
 * @log: a letter for each call: [C]reate, [R]eset, run [+], stop [-], remove
 *	[X], the vendor's own read [O]
 */
struct test_life {
	struct kunit *test;
	struct device *dev;
	struct mdev_pci_parent parent;
	struct mdev_pci_type types[2];
	struct mdev_pci_driver driver;
	int create_error;
	struct mdev_pci *pci;
	char log[64];
};

/* What a vendor has of its own */
struct test_life_device {
	struct mdev_pci pci;
	u64 tail[100];
};

static struct test_life *to_test_life(struct mdev_device *mdev)
{
	return dev_get_drvdata(mdev_parent_dev(mdev));
}

static void test_log(struct mdev_device *mdev, char letter)
{
	struct test_life *life = to_test_life(mdev);
	size_t length = strlen(life->log);

	if (length < sizeof(life->log) - 1)
		life->log[length] = letter;
}

static int test_life_create(struct mdev_pci *pci)
{
	struct test_life *life = to_test_life(pci->mdev);
	struct test_life_device *device =
		container_of(pci, struct test_life_device, pci);

	test_log(pci->mdev, 'C');
	KUNIT_EXPECT_NULL(life->test, memchr_inv(device->tail, 0,
						 sizeof(device->tail)));
	KUNIT_EXPECT_PTR_EQ(life->test, mdev_pci_from_mdev(pci->mdev), pci);
	life->pci = pci;
	return life->create_error;
}

static void test_life_remove(struct mdev_pci *pci)
{
	test_log(pci->mdev, 'X');
}

static void test_life_reset(struct mdev_pci *pci)
{
	test_log(pci->mdev, 'R');
}

static void test_life_run(struct mdev_pci *pci, bool running)
{
	test_log(pci->mdev, running ? '+' : '-');
}

static ssize_t test_life_own_read(struct mdev_device *mdev, char *buf,
				  size_t count, loff_t pos)
{
	test_log(mdev, 'O');
	return count;
}

static int test_life_init(struct kunit *test)
{
	struct test_life *life;

	test_pci_skip(test);
	life = kunit_kzalloc(test, sizeof(*life), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, life);
	test->priv = life;
	life->test = test;
	life->types[0] = (struct mdev_pci_type) {
		.name = "one",
		.label = "A label",
		.description = "A description",
		.function = &test_functions[TEST_CARD],
		.units = 1,
	};
	life->types[1] = (struct mdev_pci_type) {
		.name = "three",
		.function = &test_functions[TEST_EXPRESS],
		.units = 3,
	};
	life->driver = (struct mdev_pci_driver) {
		.ops.owner = THIS_MODULE,
		.types = life->types,
		.nr_types = ARRAY_SIZE(life->types),
		.device_size = MDEV_PCI_DEVICE_SIZE(struct test_life_device,
						    pci),
		.create = test_life_create,
		.remove = test_life_remove,
		.reset = test_life_reset,
		.run = test_life_run,
	};
	life->dev = kunit_device_register(test, "mdev_pci_life");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, life->dev);
	dev_set_drvdata(life->dev, life);
	return 0;
}

static void test_life_exit(struct kunit *test)
{
	struct test_life *life = test->priv;

	if (life && life->parent.dev)
		mdev_pci_unregister(&life->parent);
}

static struct test_life *test_register(struct kunit *test)
{
	struct test_life *life = test->priv;

	KUNIT_ASSERT_EQ(test, mdev_pci_register(&life->parent, life->dev,
						&life->driver, TEST_UNITS), 0);
	return life;
}

static struct mdev_type *test_type(struct test_life *life, unsigned int index)
{
	struct mdev_parent *parent = mdev_parent_lookup(life->dev);
	struct mdev_type *type;

	KUNIT_ASSERT_NOT_NULL(life->test, parent);
	type = parent->types[index];
	mdev_parent_put(parent);
	return type;
}

static int test_create(struct test_life *life, unsigned int type)
{
	guid_t uuid;

	guid_gen(&uuid);
	return mdev_device_create(test_type(life, type), &uuid);
}

static void test_calls(struct kunit *test)
{
	struct test_life *life = test_register(test);
	const struct parent_ops *ops = &life->parent.core->ops;
	struct mdev_device *mdev;

	KUNIT_ASSERT_EQ(test, test_create(life, 0), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "CR");
	KUNIT_EXPECT_PTR_EQ(test, life->pci->type, &life->types[0]);
	mdev = life->pci->mdev;

	KUNIT_EXPECT_EQ(test, ops->open(mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "CRR+");
	KUNIT_EXPECT_EQ(test, ops->reset(mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "CRR+R");
	ops->release(mdev);
	KUNIT_EXPECT_STREQ(test, life->log, "CRR+R-R");
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "CRR+R-RX");
}

/* PM 1.2, 5.4.1: what D3hot has stopped, a reset starts */
static void test_calls_in_d3hot(struct kunit *test)
{
	struct test_life *life = test_register(test);
	const struct parent_ops *ops = &life->parent.core->ops;
	loff_t control = TEST_CONFIG_POS + TEST_CARD_PM + PCI_PM_CTRL;
	struct mdev_device *mdev;
	u8 d3hot = 3;

	KUNIT_ASSERT_EQ(test, test_create(life, 0), 0);
	mdev = life->pci->mdev;
	KUNIT_EXPECT_EQ(test, ops->open(mdev), 0);
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &d3hot, 1, control), 1);
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &d3hot, 1, control), 1);
	KUNIT_EXPECT_STREQ(test, life->log, "CRR+-");
	KUNIT_EXPECT_EQ(test, ops->reset(mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "CRR+-R+");
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &d3hot, 1, control), 1);
	ops->release(mdev);
	KUNIT_EXPECT_STREQ(test, life->log, "CRR+-R+-R");
}

/* 6.2.2: when the guest forbids accesses to memory, there are none any more */
static void test_calls_without_master(struct kunit *test)
{
	struct test_life *life = test_register(test);
	const struct parent_ops *ops = &life->parent.core->ops;
	loff_t pos = TEST_CONFIG_POS + PCI_COMMAND;
	u8 master = PCI_COMMAND_MASTER;
	struct mdev_device *mdev;
	u8 none = 0;

	KUNIT_ASSERT_EQ(test, test_create(life, 0), 0);
	mdev = life->pci->mdev;
	KUNIT_EXPECT_EQ(test, ops->open(mdev), 0);
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &master, 1, pos), 1);
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &master, 1, pos), 1);
	KUNIT_EXPECT_STREQ(test, life->log, "CRR+");
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &none, 1, pos), 1);
	KUNIT_EXPECT_STREQ(test, life->log, "CRR+-+");
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &none, 1, pos), 1);
	KUNIT_EXPECT_STREQ(test, life->log, "CRR+-+");
	ops->release(mdev);
}

static void test_units(struct kunit *test)
{
	struct test_life *life = test_register(test);
	struct mdev_pci *first;

	KUNIT_EXPECT_EQ(test, mdev_pci_free_units(&life->parent), 5);
	KUNIT_EXPECT_EQ(test, test_create(life, 1), 0);
	first = life->pci;
	KUNIT_EXPECT_EQ(test, mdev_pci_free_units(&life->parent), 2);
	KUNIT_EXPECT_EQ(test, test_create(life, 1), -ENOSPC);
	KUNIT_EXPECT_EQ(test, test_create(life, 0), 0);
	KUNIT_EXPECT_EQ(test, test_create(life, 0), 0);
	KUNIT_EXPECT_EQ(test, mdev_pci_free_units(&life->parent), 0);
	KUNIT_EXPECT_EQ(test, test_create(life, 0), -ENOSPC);

	KUNIT_EXPECT_EQ(test, mdev_device_remove(first->mdev), 0);
	KUNIT_EXPECT_EQ(test, mdev_pci_free_units(&life->parent), 3);
	KUNIT_EXPECT_EQ(test, test_create(life, 1), 0);
}

static void test_create_fails(struct kunit *test)
{
	struct test_life *life = test_register(test);

	life->create_error = -ENODEV;
	KUNIT_EXPECT_EQ(test, test_create(life, 0), -ENODEV);
	KUNIT_EXPECT_STREQ(test, life->log, "C");
	KUNIT_EXPECT_EQ(test, mdev_pci_free_units(&life->parent), TEST_UNITS);
	life->create_error = 0;
	KUNIT_EXPECT_EQ(test, test_create(life, 0), 0);
}

static bool test_has_attribute(struct mdev_type *type, const char *name)
{
	struct kernfs_node *kn = sysfs_get_dirent(type->core->kobj.sd, name);

	sysfs_put(kn);
	return kn;
}

static void test_expect_attribute(struct kunit *test, struct mdev_type *type,
				  unsigned int index, const char *expected)
{
	const struct parent_ops *ops = type->parent->ops;
	struct attribute *attr =
		ops->supported_type_groups[type->index]->attrs[index];
	struct mdev_type_attribute *type_attr =
		container_of(attr, struct mdev_type_attribute, attr);
	char *page = (char *)get_zeroed_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	type_attr->show(type, type_attr, page);
	KUNIT_EXPECT_STREQ(test, page, expected);
	free_page((unsigned long)page);
}

static void test_attributes(struct kunit *test)
{
	struct test_life *life = test_register(test);
	struct mdev_type *one = test_type(life, 0);
	struct mdev_type *three = test_type(life, 1);

	KUNIT_EXPECT_STREQ(test, one->sysfs_name, "one");
	KUNIT_EXPECT_TRUE(test, test_has_attribute(one, "name"));
	KUNIT_EXPECT_TRUE(test, test_has_attribute(one, "description"));
	/* The core's, in place of the one that is not visible */
	KUNIT_EXPECT_TRUE(test, test_has_attribute(three, "name"));
	KUNIT_EXPECT_FALSE(test, test_has_attribute(three, "description"));
	KUNIT_EXPECT_TRUE(test, test_has_attribute(three, "device_api"));

	KUNIT_ASSERT_EQ(test, test_create(life, 0), 0);
	test_expect_attribute(test, one, 0, "A label\n");
	test_expect_attribute(test, one, 1, "A description\n");
	test_expect_attribute(test, one, 2, "vfio-pci\n");
	test_expect_attribute(test, one, 3, "4\n");
	test_expect_attribute(test, three, 3, "1\n");
}

/* What a vendor has set stays, the rest is filled in. */
static void test_override(struct kunit *test)
{
	struct test_life *life = test->priv;
	const struct parent_ops *ops;
	char buf;

	life->driver.ops.read = test_life_own_read;
	test_register(test);
	ops = &life->parent.core->ops;
	KUNIT_ASSERT_EQ(test, test_create(life, 0), 0);
	KUNIT_EXPECT_EQ(test, ops->read(life->pci->mdev, &buf, 1,
					TEST_CONFIG_POS), 1);
	KUNIT_EXPECT_STREQ(test, life->log, "CRO");
	KUNIT_EXPECT_NOT_NULL(test, ops->write);
	KUNIT_EXPECT_NULL(test, ops->migration);
}

static void test_device_twice(struct kunit *test)
{
	struct test_life *life = test_register(test);
	struct mdev_pci_parent *other;

	other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_EXPECT_EQ(test, mdev_pci_register(other, life->dev, &life->driver,
						TEST_UNITS), -EEXIST);
	KUNIT_EXPECT_EQ(test, test_create(life, 0), 0);
}

static void test_parent_twice(struct kunit *test)
{
	struct test_life *life = test_register(test);
	struct device *other;

	other = kunit_device_register(test, "mdev_pci_other");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);
	KUNIT_EXPECT_EQ(test, mdev_pci_register(&life->parent, other,
						&life->driver, TEST_UNITS),
			-EEXIST);
	KUNIT_EXPECT_EQ(test, test_create(life, 0), 0);

	mdev_pci_unregister(&life->parent);
	test_register(test);
	KUNIT_EXPECT_EQ(test, test_create(life, 0), 0);
}

/* What is wrong is said in the log, and nothing is left of the attempt. */
static void test_refused(struct kunit *test)
{
	struct test_life *life = test->priv;

	life->driver.device_size = sizeof(struct mdev_pci) - 1;
	KUNIT_EXPECT_EQ(test, mdev_pci_register(&life->parent, life->dev,
						&life->driver, TEST_UNITS),
			-EINVAL);
	life->driver.device_size = sizeof(struct test_life_device);
	KUNIT_EXPECT_EQ(test, mdev_pci_register(&life->parent, life->dev,
						&life->driver, (u32)INT_MAX + 1),
			-EINVAL);
	test_register(test);
}

static struct kunit_case mdev_pci_life_cases[] = {
	KUNIT_CASE(test_calls),
	KUNIT_CASE(test_calls_in_d3hot),
	KUNIT_CASE(test_calls_without_master),
	KUNIT_CASE(test_units),
	KUNIT_CASE(test_create_fails),
	KUNIT_CASE(test_attributes),
	KUNIT_CASE(test_override),
	KUNIT_CASE(test_device_twice),
	KUNIT_CASE(test_parent_twice),
	KUNIT_CASE(test_refused),
	{}
};

struct kunit_suite mdev_pci_life_suite = {
	.name = "mdev-pci-life",
	.init = test_life_init,
	.exit = test_life_exit,
	.test_cases = mdev_pci_life_cases,
};
