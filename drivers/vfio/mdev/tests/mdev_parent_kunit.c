// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of parents: registration, its refusals, types, unregistration. */

#include <linux/slab.h>
#include <uapi/linux/vfio.h>

#include "mdev_test_vendor.h"

static struct attribute *no_attrs[] = { NULL };
static struct attribute *api_only_attrs[2];
static struct attribute *instances_only_attrs[2];

static const struct attribute_group unnamed_group = { .attrs = no_attrs };
static const struct attribute_group bare_group = { .name = "bare" };
static const struct attribute_group empty_group = {
	.name = "empty",
	.attrs = no_attrs,
};

static const struct attribute_group api_only_group = {
	.name = "api",
	.attrs = api_only_attrs,
};

static const struct attribute_group instances_only_group = {
	.name = "instances",
	.attrs = instances_only_attrs,
};

static int spoil_start(struct mdev_device *mdev)
{
	return 0;
}

static void spoil_create(struct test_vendor *vendor)
{
	vendor->ops.create = NULL;
}

static void spoil_remove(struct test_vendor *vendor)
{
	vendor->ops.remove = NULL;
}

static void spoil_stop(struct test_vendor *vendor)
{
	vendor->ops.start = spoil_start;
}

static void spoil_start_only(struct test_vendor *vendor)
{
	vendor->ops.stop = spoil_start;
}

static void spoil_groups(struct test_vendor *vendor)
{
	vendor->ops.supported_type_groups = NULL;
}

static void spoil_types(struct test_vendor *vendor)
{
	vendor->types[0] = NULL;
}

static void spoil_name(struct test_vendor *vendor)
{
	vendor->types[1] = &unnamed_group;
}

static void spoil_no_attrs(struct test_vendor *vendor)
{
	vendor->types[1] = &bare_group;
}

static void spoil_attrs(struct test_vendor *vendor)
{
	vendor->types[1] = &empty_group;
}

static void spoil_instances(struct test_vendor *vendor)
{
	api_only_attrs[0] = test_type_a.attrs[0];
	vendor->types[1] = &api_only_group;
}

static void spoil_api(struct test_vendor *vendor)
{
	instances_only_attrs[0] = test_type_a.attrs[1];
	vendor->types[1] = &instances_only_group;
}

static void spoil_same_name(struct test_vendor *vendor)
{
	vendor->types[1] = &test_type_a;
}

/* Never called, since nothing here binds to a device */
static int spoil_set_state(struct mdev_device *mdev,
			   enum vfio_device_mig_state from,
			   enum vfio_device_mig_state to)
{
	return 0;
}

static size_t spoil_data_size(struct mdev_device *mdev)
{
	return 0;
}

static ssize_t spoil_save(struct mdev_device *mdev, void *buf, size_t size)
{
	return 0;
}

static int spoil_load(struct mdev_device *mdev, const void *buf, size_t size)
{
	return 0;
}

static struct file *spoil_open_data(struct mdev_device *mdev,
				    enum vfio_device_mig_state from,
				    enum vfio_device_mig_state to)
{
	return NULL;
}

static void spoil_parts_left(struct mdev_device *mdev, u64 *initial, u64 *dirty)
{
}

static int spoil_log_start(struct mdev_device *mdev,
			   struct rb_root_cached *ranges, u32 nr_ranges,
			   u64 *page_size)
{
	return 0;
}

static int spoil_log_report(struct mdev_device *mdev, unsigned long iova,
			    unsigned long length, struct iova_bitmap *dirty)
{
	return 0;
}

/* What a test changes of a parent's tables */
static struct mdev_migration_ops test_migration;
static struct mdev_dirty_log_ops test_dirty_log;

/* Every table that there is, complete */
static void test_add_tables(struct test_vendor *vendor)
{
	test_migration = (struct mdev_migration_ops) {
		.flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
			 VFIO_MIGRATION_PRE_COPY,
		.set_state = spoil_set_state,
		.data_size = spoil_data_size,
		.save = spoil_save,
		.load = spoil_load,
		.save_part = spoil_save,
		.load_part = spoil_load,
		.parts_left = spoil_parts_left,
	};
	test_dirty_log = (struct mdev_dirty_log_ops) {
		.start = spoil_log_start,
		.stop = spoil_start,
		.report = spoil_log_report,
	};
	vendor->ops.reset = spoil_start;
	vendor->ops.migration = &test_migration;
	vendor->ops.dirty_log = &test_dirty_log;
}

static void spoil_reset(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	vendor->ops.reset = NULL;
}

static void spoil_no_flags(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	test_migration.flags = 0;
}

static void spoil_stop_copy(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	test_migration.flags &= ~VFIO_MIGRATION_STOP_COPY;
}

static void spoil_flags(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	test_migration.flags |= BIT_ULL(63);
}

static void spoil_no_data_size(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	test_migration.data_size = NULL;
}

static void spoil_no_data(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	test_migration.save = NULL;
	test_migration.load = NULL;
}

static void spoil_no_save(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	test_migration.save = NULL;
}

static void spoil_no_load(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	test_migration.load = NULL;
}

static void spoil_no_save_part(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	test_migration.save_part = NULL;
}

static void spoil_no_load_part(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	test_migration.load_part = NULL;
}

static void spoil_no_parts_left(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	test_migration.parts_left = NULL;
}

static void spoil_two_ways(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	test_migration.open_data = spoil_open_data;
}

static void spoil_parts_two_ways(struct test_vendor *vendor)
{
	spoil_two_ways(vendor);
	test_migration.save = NULL;
	test_migration.load = NULL;
}

static void spoil_no_log_start(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	test_dirty_log.start = NULL;
}

static void spoil_no_log_stop(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	test_dirty_log.stop = NULL;
}

static void spoil_no_log_report(struct test_vendor *vendor)
{
	test_add_tables(vendor);
	test_dirty_log.report = NULL;
}

static const struct test_spoiler {
	const char *what;
	void (*spoil)(struct test_vendor *vendor);
} test_spoilers[] = {
	{ "no create", spoil_create },
	{ "no remove", spoil_remove },
	{ "start without stop", spoil_stop },
	{ "stop without start", spoil_start_only },
	{ "no type groups", spoil_groups },
	{ "no type", spoil_types },
	{ "type without name", spoil_name },
	{ "type without attributes", spoil_no_attrs },
	{ "type with an empty list", spoil_attrs },
	{ "no available_instances", spoil_instances },
	{ "no device_api", spoil_api },
	{ "two types of one name", spoil_same_name },
	{ "migration without reset", spoil_reset },
	{ "migration without flags", spoil_no_flags },
	{ "migration without stop-copy", spoil_stop_copy },
	{ "migration with an unknown flag", spoil_flags },
	{ "migration without data_size", spoil_no_data_size },
	{ "migration without data", spoil_no_data },
	{ "migration without save", spoil_no_save },
	{ "migration without load", spoil_no_load },
	{ "migration without save_part", spoil_no_save_part },
	{ "migration without load_part", spoil_no_load_part },
	{ "migration without parts_left", spoil_no_parts_left },
	{ "migration with data in two ways", spoil_two_ways },
	{ "migration with parts in two ways", spoil_parts_two_ways },
	{ "log that can't be started", spoil_no_log_start },
	{ "log that can't be stopped", spoil_no_log_stop },
	{ "log that can't be reported", spoil_no_log_report },
};

static void test_spoiler_describe(const struct test_spoiler *param, char *desc)
{
	strscpy(desc, param->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(test_spoiler, test_spoilers, test_spoiler_describe);

static void test_register_invalid_ops(struct kunit *test)
{
	const struct test_spoiler *param = test->param_value;
	struct test_vendor *vendor = test_vendor_new(test, "mdev_test");

	param->spoil(vendor);
	KUNIT_EXPECT_EQ(test, mdev_register_device(vendor->dev, &vendor->ops),
			-EINVAL);
	KUNIT_EXPECT_NULL(test, mdev_parent_lookup(vendor->dev));
	KUNIT_EXPECT_FALSE(test, test_has_file(vendor->dev,
					       "mdev_supported_types"));
}

static void test_register_null(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_new(test, "mdev_test");

	KUNIT_EXPECT_EQ(test, mdev_register_device(NULL, &vendor->ops),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, mdev_register_device(vendor->dev, NULL), -EINVAL);
}

static void test_register_optional_ops(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_new(test, "mdev_test");

	test_add_tables(vendor);
	KUNIT_EXPECT_EQ(test, mdev_register_device(vendor->dev, &vendor->ops),
			0);
	mdev_unregister_device(vendor->dev);

	test_migration.save_part = NULL;
	test_migration.load_part = NULL;
	test_migration.parts_left = NULL;
	KUNIT_EXPECT_EQ(test, mdev_register_device(vendor->dev, &vendor->ops),
			0);
	mdev_unregister_device(vendor->dev);

	test_migration.save = NULL;
	test_migration.load = NULL;
	test_migration.open_data = spoil_open_data;
	test_migration.set_state = NULL;
	test_migration.flags = VFIO_MIGRATION_STOP_COPY;
	KUNIT_EXPECT_EQ(test, mdev_register_device(vendor->dev, &vendor->ops),
			0);
	mdev_unregister_device(vendor->dev);
}

static void test_register_twice(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");

	KUNIT_EXPECT_EQ(test, mdev_register_device(vendor->dev, &vendor->ops),
			-EEXIST);
	KUNIT_EXPECT_TRUE(test, test_has_file(vendor->dev,
					      "mdev_supported_types"));
}

/* A file that the driver does not have: read the core's as userspace does. */
static void test_expect_default(struct kunit *test, struct mdev_type *type,
				const char *file, const char *name)
{
	struct kobject *kobj = &type->core->kobj;
	struct kernfs_node *kn = sysfs_get_dirent(kobj->sd, file);
	char *page = (char *)get_zeroed_page(GFP_KERNEL);

	KUNIT_EXPECT_NOT_NULL(test, kn);
	if (kn && page) {
		kobj->ktype->sysfs_ops->show(kobj, kn->priv, page);
		KUNIT_EXPECT_STREQ(test, page, name);
	}
	sysfs_put(kn);
	free_page((unsigned long)page);
}

static void test_type_sysfs(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	static const char *const files[] = {
		"create", "devices", "device_api", "available_instances",
	};
	static const char *const names[] = { "mdev_test-a", "mdev_test-b" };
	struct kernfs_node *kn;
	struct mdev_type *type;
	int i, j;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		type = test_type(vendor, i);
		KUNIT_EXPECT_EQ(test, mdev_type_index(type), i);
		KUNIT_EXPECT_PTR_EQ(test, mdev_type_parent_dev(type),
				    vendor->dev);
		KUNIT_EXPECT_STREQ(test, mdev_type_name(type), names[i]);
		KUNIT_EXPECT_STREQ(test, type->sysfs_name,
				   vendor->types[i]->name);
		test_expect_default(test, type, "name", i ? "b\n" : "a\n");
		test_expect_default(test, type, "description",
				    i ? "b\n" : "a\n");
		for (j = 0; j < ARRAY_SIZE(files); j++) {
			kn = sysfs_get_dirent(type->core->kobj.sd, files[j]);
			KUNIT_EXPECT_NOT_NULL_MSG(test, kn, "%s", files[j]);
			sysfs_put(kn);
		}
	}
}

static void test_unregister(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	int round;

	for (round = 0; round < 3; round++) {
		mdev_unregister_device(vendor->dev);
		KUNIT_EXPECT_NULL(test, mdev_parent_lookup(vendor->dev));
		KUNIT_EXPECT_FALSE(test, test_has_file(vendor->dev,
						       "mdev_supported_types"));
		/* Not registered: nothing happens */
		mdev_unregister_device(vendor->dev);
		KUNIT_ASSERT_EQ(test, mdev_register_device(vendor->dev,
							   &vendor->ops), 0);
	}
}

static ssize_t extra_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "\n");
}
static DEVICE_ATTR_RO(extra);

static struct attribute *extra_attrs[] = {
	&dev_attr_extra.attr,
	NULL,
};
ATTRIBUTE_GROUPS(extra);

static void test_dev_attr_groups(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_new(test, "mdev_test");

	vendor->ops.dev_attr_groups = extra_groups;
	KUNIT_ASSERT_EQ(test, mdev_register_device(vendor->dev, &vendor->ops),
			0);
	KUNIT_EXPECT_TRUE(test, test_has_file(vendor->dev, "extra"));
	mdev_unregister_device(vendor->dev);
	KUNIT_EXPECT_FALSE(test, test_has_file(vendor->dev, "extra"));
}

static void test_unregister_removes_devices(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_device *mdev = test_created(vendor, &test_uuid);

	KUNIT_ASSERT_EQ(test, test_create(vendor, 1, &test_other_uuid), 0);
	/* A refusal counts for nothing now */
	vendor->fail[TEST_REMOVE] = -EIO;
	mdev_unregister_device(vendor->dev);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPCPURUR");

	/* The device, which we still have, has kept its type and its parent */
	KUNIT_EXPECT_PTR_EQ(test, mdev_parent_dev(mdev), vendor->dev);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ENODEV);
	KUNIT_EXPECT_EQ(test, mdev_open(mdev, NULL), -ENODEV);
}

static void test_create_during_unregister(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct mdev_type *type = test_type(vendor, 1);
	struct test_thread unregister = {};
	struct test_thread again = {};
	struct mdev_device *mdev;

	mdev = test_created(vendor, &test_uuid);
	vendor->hold = TEST_REMOVE;
	test_thread_start(&unregister, vendor, test_work_unregister);
	test_wait_held(vendor);

	KUNIT_EXPECT_EQ(test, mdev_device_create(type, &test_other_uuid),
			-ENODEV);
	KUNIT_EXPECT_EQ(test, mdev_device_remove(mdev), -ENODEV);
	KUNIT_EXPECT_EQ(test, mdev_register_device(vendor->dev, &vendor->ops),
			-EEXIST);
	test_thread_start(&again, vendor, test_work_unregister);

	complete_all(&vendor->go);
	test_thread_join(&unregister);
	test_thread_join(&again);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPUR");
	KUNIT_EXPECT_NULL(test, mdev_parent_lookup(vendor->dev));
}

static void test_unregister_waits_for_create(struct kunit *test)
{
	struct test_vendor *vendor = test_vendor_registered(test, "mdev_test");
	struct test_thread create = { .uuid = test_uuid };
	struct test_thread unregister = {};

	vendor->hold = TEST_CREATE;
	test_thread_start(&create, vendor, test_work_create);
	test_wait_held(vendor);
	test_thread_start(&unregister, vendor, test_work_unregister);
	complete_all(&vendor->go);

	KUNIT_EXPECT_EQ(test, test_thread_join(&create), 0);
	test_thread_join(&unregister);
	KUNIT_EXPECT_STREQ(test, vendor->log, "CPUR");
}

static struct kunit_case mdev_parent_cases[] = {
	KUNIT_CASE_PARAM(test_register_invalid_ops, test_spoiler_gen_params),
	KUNIT_CASE(test_register_null),
	KUNIT_CASE(test_register_optional_ops),
	KUNIT_CASE(test_register_twice),
	KUNIT_CASE(test_type_sysfs),
	KUNIT_CASE(test_unregister),
	KUNIT_CASE(test_dev_attr_groups),
	KUNIT_CASE(test_unregister_removes_devices),
	KUNIT_CASE(test_create_during_unregister),
	KUNIT_CASE(test_unregister_waits_for_create),
	{}
};

static struct kunit_suite mdev_parent_suite = {
	.name = "mdev_parent",
	.suite_init = test_suite_init,
	.suite_exit = test_suite_exit,
	.init = test_case_init,
	.test_cases = mdev_parent_cases,
};

kunit_test_suite(mdev_parent_suite);
