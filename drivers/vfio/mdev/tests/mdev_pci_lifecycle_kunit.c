// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of parents and of the life of their devices: what the vendor is
 * called for and when, units, attributes, and what a vendor replaces.
 */

#include <kunit/device.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../mdev_private.h"
#include "../pci/private.h"
#include "mdev_pci_test_config.h"

#define TEST_UNITS	5

/**
 * struct test_life - a parent with two types, and the calls of its driver
 * @test: the test that it belongs to
 * @dev: the parent device
 * @parent: the parent in mdev_pci
 * @types: one of a unit, and one of three
 * @driver: its vendor; a test may change it before test_register()
 * @create_error: what ->create() of @driver returns
 * @pci: the device that was created last
 * @reset_fails_for: cause of resets that fail
 * @reset_error: what they return
 * @run_error: what run returns
 * @bar_size: what describe sets
 * @describe_error: what describe returns
 * @log: a letter for each call: [C]reate, [D]escribe, remove [X], own read [O],
 *	run with no flag [-], MDEV_PCI_RUN [+] and MDEV_PCI_DMA [*], and resets by
 *	their causes: [c]reate, [o]pen, close [x], [d]evice, [f]lr, [p]m, [l]oad
 */
struct test_life {
	struct kunit *test;
	struct device *dev;
	struct mdev_pci_parent parent;
	struct mdev_pci_type types[2];
	struct mdev_pci_driver driver;
	int create_error;
	struct mdev_pci *pci;
	enum mdev_pci_reset_cause reset_fails_for;
	int reset_error;
	int run_error;
	u64 bar_size;
	int describe_error;
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

static int test_life_reset(struct mdev_pci *pci,
			   enum mdev_pci_reset_cause cause)
{
	static const char letters[] = {
		[MDEV_PCI_RESET_CREATE] = 'c',
		[MDEV_PCI_RESET_OPEN] = 'o',
		[MDEV_PCI_RESET_CLOSE] = 'x',
		[MDEV_PCI_RESET_DEVICE] = 'd',
		[MDEV_PCI_RESET_FLR] = 'f',
		[MDEV_PCI_RESET_PM] = 'p',
		[MDEV_PCI_RESET_LOAD] = 'l',
	};
	struct test_life *life = to_test_life(pci->mdev);

	test_log(pci->mdev, letters[cause]);
	return cause == life->reset_fails_for ? life->reset_error : 0;
}

static int test_life_run(struct mdev_pci *pci, unsigned int flags)
{
	static const char letters[] = {
		[0] = '-',
		[MDEV_PCI_RUN] = '+',
		[MDEV_PCI_RUN | MDEV_PCI_DMA] = '*',
	};
	struct test_life *life = to_test_life(pci->mdev);

	test_log(pci->mdev, letters[flags]);
	return life->run_error;
}

static ssize_t test_life_own_read(struct mdev_device *mdev, char *buf,
				  size_t count, loff_t pos)
{
	test_log(mdev, 'O');
	return mdev_pci_read(mdev, buf, count, pos);
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

static void test_callback_order(struct kunit *test)
{
	struct test_life *life = test_register(test);
	const struct parent_ops *ops = &life->parent.core->ops;
	struct mdev_device *mdev;

	KUNIT_ASSERT_EQ(test, test_create(life, 0), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "Cc");
	KUNIT_EXPECT_PTR_EQ(test, life->pci->type, &life->types[0]);
	KUNIT_EXPECT_PTR_EQ(test, life->pci->parent, &life->parent);
	mdev = life->pci->mdev;

	KUNIT_EXPECT_EQ(test, ops->open(mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+");
	KUNIT_EXPECT_EQ(test, ops->reset(mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+-d+");
	ops->release(mdev);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+-d+-x");
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+-d+-xX");
}

static struct mdev_device *test_create_open(struct test_life *life)
{
	const struct parent_ops *ops = &life->parent.core->ops;

	KUNIT_ASSERT_EQ(life->test, test_create(life, 0), 0);
	KUNIT_EXPECT_EQ(life->test, ops->open(life->pci->mdev), 0);
	return life->pci->mdev;
}

/* PM 1.2, 5.4.1: a reset leads from D3hot to D0 */
static void test_callback_order_d3hot(struct kunit *test)
{
	struct test_life *life = test_register(test);
	const struct parent_ops *ops = &life->parent.core->ops;
	loff_t control = TEST_CONFIG_POS + TEST_CARD_PM + PCI_PM_CTRL;
	struct mdev_device *mdev = test_create_open(life);
	u8 d3hot = 3;

	KUNIT_EXPECT_EQ(test, ops->write(mdev, &d3hot, 1, control), 1);
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &d3hot, 1, control), 1);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+-");
	KUNIT_EXPECT_EQ(test, ops->reset(mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+-d+");
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &d3hot, 1, control), 1);
	ops->release(mdev);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+-d+-x");
}

/* 6.2.2: bus mastering, which a reset keeps */
static void test_callback_order_bus_master(struct kunit *test)
{
	struct test_life *life = test_register(test);
	const struct parent_ops *ops = &life->parent.core->ops;
	struct mdev_device *mdev = test_create_open(life);
	loff_t pos = TEST_CONFIG_POS + PCI_COMMAND;
	u8 master = PCI_COMMAND_MASTER;
	u8 none = 0;

	KUNIT_EXPECT_EQ(test, ops->write(mdev, &master, 1, pos), 1);
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &master, 1, pos), 1);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+*");
	KUNIT_EXPECT_EQ(test, ops->reset(mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+*-d*");
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &none, 1, pos), 1);
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &none, 1, pos), 1);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+*-d*+");
	ops->release(mdev);
}

static void test_reset_fails(struct test_life *life,
			     enum mdev_pci_reset_cause cause)
{
	life->reset_fails_for = cause;
	life->reset_error = -EIO;
}

/* The device is freed */
static void test_reset_fails_create(struct kunit *test)
{
	struct test_life *life = test_register(test);

	test_reset_fails(life, MDEV_PCI_RESET_CREATE);
	KUNIT_EXPECT_EQ(test, test_create(life, 0), -EIO);
	KUNIT_EXPECT_STREQ(test, life->log, "CcX");
	KUNIT_EXPECT_EQ(test, mdev_pci_free_units(&life->parent), TEST_UNITS);
}

/* The device stays stopped */
static void test_reset_fails_open(struct kunit *test)
{
	struct test_life *life = test_register(test);
	const struct parent_ops *ops = &life->parent.core->ops;

	KUNIT_ASSERT_EQ(test, test_create(life, 0), 0);
	test_reset_fails(life, MDEV_PCI_RESET_OPEN);
	KUNIT_EXPECT_EQ(test, ops->open(life->pci->mdev), -EIO);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco");
	KUNIT_EXPECT_TRUE(test, life->pci->core->stopped);
	life->reset_error = 0;
	KUNIT_EXPECT_EQ(test, ops->open(life->pci->mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "Ccoo+");
	ops->release(life->pci->mdev);
}

/* VFIO_DEVICE_RESET returns the error; the next one can succeed. */
static void test_reset_fails_device(struct kunit *test)
{
	struct test_life *life = test_register(test);
	const struct parent_ops *ops = &life->parent.core->ops;
	struct mdev_device *mdev = test_create_open(life);
	u8 master = PCI_COMMAND_MASTER;

	test_reset_fails(life, MDEV_PCI_RESET_DEVICE);
	KUNIT_EXPECT_EQ(test, ops->reset(mdev), -EIO);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+-d");
	/* Nothing else lets it run */
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &master, 1,
					 TEST_CONFIG_POS + PCI_COMMAND), 1);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+-d");
	life->reset_error = 0;
	KUNIT_EXPECT_EQ(test, ops->reset(mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+-dd*");
	ops->release(mdev);
}

/*
 * The open, or the write to config space that requires the change, fails, and run() is
 * called with the flags of before.
 */
static void test_run_fails(struct kunit *test)
{
	struct test_life *life = test_register(test);
	const struct parent_ops *ops = &life->parent.core->ops;
	loff_t pos = TEST_CONFIG_POS + PCI_COMMAND;
	u8 master = PCI_COMMAND_MASTER;
	struct mdev_device *mdev;

	KUNIT_ASSERT_EQ(test, test_create(life, 0), 0);
	mdev = life->pci->mdev;
	life->run_error = -ETIMEDOUT;
	KUNIT_EXPECT_EQ(test, ops->open(mdev), -ETIMEDOUT);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+-");
	life->run_error = 0;
	KUNIT_EXPECT_EQ(test, ops->open(mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+-o+");

	life->run_error = -ETIMEDOUT;
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &master, 1, pos), -ETIMEDOUT);
	life->run_error = 0;
	KUNIT_EXPECT_EQ(test, ops->write(mdev, &master, 1, pos), 1);
	KUNIT_EXPECT_STREQ(test, life->log, "Cco+-o+*+*");
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

/* As from attributes that an administrator has written */
static int test_life_describe(struct mdev_pci *pci,
			      struct mdev_pci_function *function)
{
	struct test_life *life = to_test_life(pci->mdev);

	test_log(pci->mdev, 'D');
	function->device = 0x4321;
	function->bar[1].size = life->bar_size;
	return life->describe_error;
}

static struct test_life *test_register_describe(struct kunit *test)
{
	struct test_life *life = test->priv;

	life->driver.describe = test_life_describe;
	life->bar_size = SZ_64K;
	test_register(test);
	KUNIT_ASSERT_EQ(test, test_create(life, 0), 0);
	return life;
}

/* The function is what the driver has described at the first open, and stays that. */
static void test_describe(struct kunit *test)
{
	struct test_life *life = test_register_describe(test);
	const struct parent_ops *ops = &life->parent.core->ops;
	struct mdev_device *mdev = life->pci->mdev;
	struct vfio_region_info info = { .index = 1 };
	struct vfio_info_cap caps = {};

	KUNIT_EXPECT_STREQ(test, life->log, "C");
	KUNIT_EXPECT_EQ(test, ops->open(mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "CDo+");
	KUNIT_EXPECT_EQ(test, ops->get_region_info(mdev, &info, &caps), 0);
	KUNIT_EXPECT_EQ(test, info.size, SZ_64K);
	KUNIT_EXPECT_EQ(test, mdev_pci_get_config(life->pci, PCI_DEVICE_ID, 2),
			0x4321);
	ops->release(mdev);
	life->bar_size = SZ_4K;
	KUNIT_EXPECT_EQ(test, ops->open(mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "CDo+-xo+");
	info.size = 0;
	KUNIT_EXPECT_EQ(test, ops->get_region_info(mdev, &info, &caps), 0);
	KUNIT_EXPECT_EQ(test, info.size, SZ_64K);
	ops->release(mdev);
}

/* An open that fails describes nothing; the next one tries it again. */
static void test_describe_fails(struct kunit *test)
{
	struct test_life *life = test_register_describe(test);
	const struct parent_ops *ops = &life->parent.core->ops;
	struct mdev_device *mdev = life->pci->mdev;

	life->describe_error = -ENODEV;
	KUNIT_EXPECT_EQ(test, ops->open(mdev), -ENODEV);
	life->describe_error = 0;
	life->bar_size = 0x1800;
	KUNIT_EXPECT_EQ(test, ops->open(mdev), -EINVAL);
	KUNIT_EXPECT_FALSE(test, life->pci->core->described);
	life->bar_size = SZ_4K;
	KUNIT_EXPECT_EQ(test, ops->open(mdev), 0);
	KUNIT_EXPECT_STREQ(test, life->log, "CDDDo+");
	ops->release(mdev);
}

/* Before the first open there is nothing to read, to write or to interrupt with. */
static void test_before_describe(struct kunit *test)
{
	struct test_life *life = test_register_describe(test);
	struct mdev_pci *pci = life->pci;

	mdev_pci_raise_irq(pci, 0);
	mdev_pci_trigger_irq(pci, 0);
	mdev_pci_lower_irq(pci, 0);
	mdev_pci_trigger_error(pci);
	mdev_pci_trigger_request(pci);
	mdev_pci_invalidate(pci, 0, 0, U64_MAX);
	mdev_pci_set_config(pci, 0, ~0, 0);
	KUNIT_EXPECT_EQ(test, mdev_pci_get_config(pci, 0, 2), 0xffff);
	KUNIT_EXPECT_FALSE(test, mdev_pci_is_master(pci));
	KUNIT_EXPECT_EQ(test, mdev_pci_bar_address(pci, 1), 0);
	KUNIT_EXPECT_EQ(test, mdev_pci_find_capability(pci, MDEV_PCI_CAPABILITY,
						       PCI_CAP_ID_PM), 0);
	KUNIT_EXPECT_EQ(test, mdev_pci_memory_committed(pci, 0), 0);
	KUNIT_EXPECT_TRUE(test, IS_ERR(mdev_pci_memory_page(pci, 0, 0)));
	mdev_pci_memory_discard(pci, 0, 0, U64_MAX);
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

static void test_type_attributes(struct kunit *test)
{
	struct test_life *life = test_register(test);
	struct mdev_type *one = test_type(life, 0);
	struct mdev_type *three = test_type(life, 1);

	KUNIT_EXPECT_STREQ(test, one->sysfs_name, "one");
	KUNIT_EXPECT_TRUE(test, test_has_attribute(one, "name"));
	KUNIT_EXPECT_TRUE(test, test_has_attribute(one, "description"));
	KUNIT_EXPECT_TRUE(test, test_has_attribute(three, "name"));
	KUNIT_EXPECT_TRUE(test, test_has_attribute(three, "description"));
	KUNIT_EXPECT_TRUE(test, test_has_attribute(three, "device_api"));

	KUNIT_ASSERT_EQ(test, test_create(life, 0), 0);
	test_expect_attribute(test, one, 0, "A label\n");
	test_expect_attribute(test, one, 1, "A description\n");
	test_expect_attribute(test, one, 2, "vfio-pci\n");
	test_expect_attribute(test, one, 3, "4\n");
	test_expect_attribute(test, three, 0, "three\n");
	test_expect_attribute(test, three, 1, "three\n");
	test_expect_attribute(test, three, 3, "1\n");
}

static unsigned int test_life_available(struct mdev_pci_parent *parent,
					const struct mdev_pci_type *type)
{
	return type->units == 1 ? 3 : UINT_MAX;
}

/* Neither more than the driver has nor than units are free */
static void test_available_instances(struct kunit *test)
{
	struct test_life *life = test->priv;

	life->driver.available = test_life_available;
	test_register(test);
	test_expect_attribute(test, test_type(life, 0), 3, "3\n");
	test_expect_attribute(test, test_type(life, 1), 3, "1\n");
}

/* The pointer of a device is the driver's own */
static void test_drvdata(struct kunit *test)
{
	struct test_life *life = test_register(test);
	const struct parent_ops *ops = &life->parent.core->ops;
	struct mdev_device *mdev;

	KUNIT_ASSERT_EQ(test, test_create(life, 0), 0);
	mdev = life->pci->mdev;
	KUNIT_EXPECT_NULL(test, mdev_get_drvdata(mdev));
	mdev_set_drvdata(mdev, life);
	KUNIT_EXPECT_EQ(test, ops->open(mdev), 0);
	KUNIT_EXPECT_PTR_EQ(test, mdev_pci_from_mdev(mdev), life->pci);
	ops->release(mdev);
	KUNIT_EXPECT_PTR_EQ(test, mdev_get_drvdata(mdev), life);
}

/* mdev_pci_register() passes the module that calls it */
static void test_owner(struct kunit *test)
{
	struct test_life *life = test->priv;

	life->driver.ops.owner = NULL;
	test_register(test);
	KUNIT_EXPECT_PTR_EQ(test, life->parent.core->ops.owner, THIS_MODULE);
}

/* What a driver has set stays, the rest is filled in. */
static void test_ops_override(struct kunit *test)
{
	struct test_life *life = test->priv;
	const struct parent_ops *ops;
	char buf = 0;

	life->driver.ops.read = test_life_own_read;
	test_register(test);
	ops = &life->parent.core->ops;
	KUNIT_ASSERT_EQ(test, test_create(life, 0), 0);
	KUNIT_EXPECT_EQ(test, ops->read(life->pci->mdev, &buf, 1,
					TEST_CONFIG_POS), 1);
	KUNIT_EXPECT_STREQ(test, life->log, "CcO");
	/* The driver's own has called the default */
	KUNIT_EXPECT_EQ(test, (u8)buf, test_functions[TEST_CARD].vendor & 0xff);
	KUNIT_EXPECT_NOT_NULL(test, ops->write);
	KUNIT_EXPECT_NULL(test, ops->migration);
}

static void test_register_device_twice(struct kunit *test)
{
	struct test_life *life = test_register(test);
	struct mdev_pci_parent *other;

	other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_EXPECT_EQ(test, mdev_pci_register(other, life->dev, &life->driver,
						TEST_UNITS), -EEXIST);
	KUNIT_EXPECT_EQ(test, test_create(life, 0), 0);
}

static void test_register_parent_twice(struct kunit *test)
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
static void test_register_invalid(struct kunit *test)
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

static struct kunit_case mdev_pci_lifecycle_cases[] = {
	KUNIT_CASE(test_callback_order),
	KUNIT_CASE(test_callback_order_d3hot),
	KUNIT_CASE(test_callback_order_bus_master),
	KUNIT_CASE(test_reset_fails_create),
	KUNIT_CASE(test_reset_fails_open),
	KUNIT_CASE(test_reset_fails_device),
	KUNIT_CASE(test_run_fails),
	KUNIT_CASE(test_units),
	KUNIT_CASE(test_create_fails),
	KUNIT_CASE(test_describe),
	KUNIT_CASE(test_describe_fails),
	KUNIT_CASE(test_before_describe),
	KUNIT_CASE(test_type_attributes),
	KUNIT_CASE(test_available_instances),
	KUNIT_CASE(test_drvdata),
	KUNIT_CASE(test_owner),
	KUNIT_CASE(test_ops_override),
	KUNIT_CASE(test_register_device_twice),
	KUNIT_CASE(test_register_parent_twice),
	KUNIT_CASE(test_register_invalid),
	{}
};

static struct kunit_suite mdev_pci_lifecycle_suite = {
	.name = "mdev_pci_lifecycle",
	.init = test_life_init,
	.exit = test_life_exit,
	.test_cases = mdev_pci_lifecycle_cases,
};

kunit_test_suite(mdev_pci_lifecycle_suite);
