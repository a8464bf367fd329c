// SPDX-License-Identifier: GPL-2.0-only
/*
 * mdev_sim: a vendor driver for tests, which does all that a vendor driver can
 * do, and does it wrong on demand. mdev_sim_uapi.h describes it.
 *
 * This file has the parents: platform devices, so that tests can take one away
 * by unbinding its driver.
 */

#include <linux/array_size.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "mdev_sim.h"

#define SIM_PARENTS_LIMIT	16

static unsigned int parents = 1;
module_param(parents, uint, 0444);
MODULE_PARM_DESC(parents, "Number of parents of each flavour (default 1)");

static unsigned int instances = 64;
module_param(instances, uint, 0444);
MODULE_PARM_DESC(instances, "Number of devices of type pci of each parent (default 64)");

/* Flavours: what is missing from the full set of callbacks */

static void sim_make_full(struct parent_ops *ops)
{
}

static void sim_make_stay(struct parent_ops *ops)
{
	ops->hot_unplug = false;
	ops->ioctl = sim_ioctl;
	ops->drain_ioctl = true;
	ops->migration = &sim_stop_copy_ops;
	ops->dirty_log = NULL;
}

static void sim_make_plain(struct parent_ops *ops)
{
	ops->hot_unplug = false;
	ops->start = NULL;
	ops->stop = NULL;
	ops->reset = NULL;
	ops->device_feature = NULL;
	ops->request = NULL;
	ops->dma_unmap = NULL;
	ops->migration = NULL;
	ops->dirty_log = NULL;
}

static void sim_make_own(struct parent_ops *ops)
{
	ops->hot_unplug = false;
	ops->validate_map_request = NULL;
	ops->mmap = sim_mmap;
	ops->ioctl = sim_ioctl;
	ops->migration = &sim_own_migration_ops;
	ops->dirty_log = NULL;
	ops->marks_dirty = true;
}

static void sim_make_minimal(struct parent_ops *ops)
{
	*ops = (struct parent_ops) {
		.owner = THIS_MODULE,
		.create = sim_create,
		.remove = sim_remove,
	};
}

static void (*const sim_flavours[])(struct parent_ops *ops) = {
	sim_make_full,
	sim_make_stay,
	sim_make_plain,
	sim_make_own,
	sim_make_minimal,
};

/* In the order of sim_flavours, as which driver_data serves */
static const struct platform_device_id sim_ids[] = {
	{ .name = "mdev_sim_full", .driver_data = 0 },
	{ .name = "mdev_sim_stay", .driver_data = 1 },
	{ .name = "mdev_sim_plain", .driver_data = 2 },
	{ .name = "mdev_sim_own", .driver_data = 3 },
	{ .name = "mdev_sim_minimal", .driver_data = 4 },
	{ }
};

/* Types */

bool sim_parent_get(struct sim_parent *parent, unsigned int type)
{
	return atomic_dec_if_positive(&parent->available[type]) >= 0;
}

void sim_parent_put(struct sim_parent *parent, unsigned int type)
{
	atomic_inc(&parent->available[type]);
}

static ssize_t name_show(struct mdev_type *type,
			 struct mdev_type_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "Simulated device\n");
}
static MDEV_TYPE_ATTR_RO(name);

static ssize_t device_api_show(struct mdev_type *type,
			       struct mdev_type_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", VFIO_DEVICE_API_PCI_STRING);
}
static MDEV_TYPE_ATTR_RO(device_api);

static ssize_t available_instances_show(struct mdev_type *type,
					struct mdev_type_attribute *attr,
					char *buf)
{
	struct sim_parent *parent = dev_get_drvdata(mdev_type_parent_dev(type));
	unsigned int index = mdev_type_index(type);

	return sysfs_emit(buf, "%d\n", atomic_read(&parent->available[index]));
}
static MDEV_TYPE_ATTR_RO(available_instances);

static struct attribute *sim_type_attrs[] = {
	&mdev_type_attr_name.attr,
	&mdev_type_attr_device_api.attr,
	&mdev_type_attr_available_instances.attr,
	NULL
};

static const struct attribute_group *const sim_type_groups[SIM_NR_TYPES + 1] = {
	[SIM_TYPE_PCI] = &(const struct attribute_group) {
		.name = "pci",
		.attrs = sim_type_attrs,
	},
	[SIM_TYPE_BARE] = &(const struct attribute_group) {
		.name = "bare",
		.attrs = sim_type_attrs,
	},
};

/* Parents */

static int sim_probe(struct platform_device *pdev)
{
	unsigned int flavour = platform_get_device_id(pdev)->driver_data;
	struct sim_parent *parent;
	int ret;

	parent = kzalloc_obj(*parent);
	if (!parent)
		return -ENOMEM;
	atomic_set(&parent->available[SIM_TYPE_PCI], instances);
	atomic_set(&parent->available[SIM_TYPE_BARE], 1);
	parent->ops = sim_full_ops;
	sim_flavours[flavour](&parent->ops);
	parent->ops.supported_type_groups = sim_type_groups;
	platform_set_drvdata(pdev, parent);

	pm_runtime_enable(&pdev->dev);
	ret = mdev_register_device(&pdev->dev, &parent->ops);
	if (ret) {
		pm_runtime_disable(&pdev->dev);
		kfree(parent);
	}
	return ret;
}

static void sim_parent_remove(struct platform_device *pdev)
{
	struct sim_parent *parent = platform_get_drvdata(pdev);

	mdev_unregister_device(&pdev->dev);
	pm_runtime_disable(&pdev->dev);
	pm_runtime_set_suspended(&pdev->dev);
	sim_registry_check_gone(parent);
	kfree(parent);
}

static struct platform_driver sim_driver = {
	.probe = sim_probe,
	.remove = sim_parent_remove,
	.id_table = sim_ids,
	.driver = {
		.name = "mdev_sim",
		.pm = pm_ptr(&sim_pm_ops),
	},
};

static struct platform_device *sim_parents[SIM_PARENTS_LIMIT *
					   ARRAY_SIZE(sim_flavours)];

static void sim_parents_remove(void)
{
	unsigned int i;

	/* Those that are not there are NULL, which is fine */
	for (i = 0; i < ARRAY_SIZE(sim_parents); i++)
		platform_device_unregister(sim_parents[i]);
}

static int sim_parents_add(void)
{
	const unsigned int flavours = ARRAY_SIZE(sim_flavours);
	struct platform_device *pdev;
	unsigned int i;

	for (i = 0; i < parents * flavours; i++) {
		const char *name = sim_ids[i % flavours].name;

		pdev = platform_device_register_simple(name, i / flavours,
						       NULL, 0);
		if (IS_ERR(pdev)) {
			sim_parents_remove();
			return PTR_ERR(pdev);
		}
		sim_parents[i] = pdev;
	}
	return 0;
}

static int __init sim_init(void)
{
	int ret;

	if (parents > SIM_PARENTS_LIMIT)
		return -EINVAL;
	ret = sim_memory_init();
	if (ret)
		return ret;
	ret = sim_bar_init();
	if (ret)
		return ret;
	ret = sim_calls_init();
	if (ret)
		goto out_bar;
	ret = platform_driver_register(&sim_driver);
	if (ret)
		goto out_calls;
	ret = sim_parents_add();
	if (ret)
		goto out_driver;
	return 0;

out_driver:
	platform_driver_unregister(&sim_driver);
out_calls:
	sim_calls_exit();
out_bar:
	sim_bar_exit();
	return ret;
}
module_init(sim_init);

static void __exit sim_exit(void)
{
	sim_parents_remove();
	platform_driver_unregister(&sim_driver);
	/* By its files callbacks that block the above are released */
	sim_calls_exit();
	sim_bar_exit();
}
module_exit(sim_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Vendor driver of mediated devices, for tests");
