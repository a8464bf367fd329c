// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI functions for mediated devices: parents, with the attributes of their types,
 * and the life of a device from creation to removal. check.c checks descriptions;
 * config.c, regions.c, irq.c, reset.c and migration.c have what a VMM can do.
 */

#include <linux/cleanup.h>
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>
#include <linux/vfio.h>

#include "../compat.h"
#include "private.h"

static struct mdev_pci_parent_core *
mdev_pci_parent_of(const struct mdev_type *type)
{
	return container_of((struct parent_ops *)type->parent->ops,
			    struct mdev_pci_parent_core, ops);
}

static const struct mdev_pci_type *
mdev_pci_type_of(const struct mdev_type *type)
{
	return &mdev_pci_parent_of(type)->driver->types[mdev_type_index(type)];
}

/* Attributes of the types */

static ssize_t name_show(struct mdev_type *type,
			 struct mdev_type_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", mdev_pci_type_of(type)->label);
}
static MDEV_TYPE_ATTR_RO(name);

static ssize_t description_show(struct mdev_type *type,
				struct mdev_type_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", mdev_pci_type_of(type)->description);
}
static MDEV_TYPE_ATTR_RO(description);

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
	return sysfs_emit(buf, "%u\n",
			  atomic_read(&mdev_pci_parent_of(type)->free_units) /
			  mdev_pci_type_of(type)->units);
}
static MDEV_TYPE_ATTR_RO(available_instances);

static struct attribute *mdev_pci_type_attrs[] = {
	&mdev_type_attr_name.attr,
	&mdev_type_attr_description.attr,
	&mdev_type_attr_device_api.attr,
	&mdev_type_attr_available_instances.attr,
	NULL
};

static umode_t mdev_pci_type_attr_visible(struct kobject *kobj,
					  struct attribute *attr, int index)
{
	const struct mdev_pci_type *type =
		mdev_pci_type_of(mdev_type_from_kobj(kobj));

	if (attr == &mdev_type_attr_name.attr && !type->label)
		return 0;
	if (attr == &mdev_type_attr_description.attr && !type->description)
		return 0;
	return attr->mode;
}

/* Units of the parent */

static bool mdev_pci_take_units(struct mdev_pci_parent_core *parent, int wanted)
{
	int left = atomic_read(&parent->free_units);

	do {
		if (left < wanted)
			return false;
	} while (!atomic_try_cmpxchg(&parent->free_units, &left,
				     left - wanted));
	return true;
}

/**
 * mdev_pci_free_units - free units of a parent
 * @parent: the parent
 *
 * Context: Any context, while @parent is registered.
 *
 * Return: number of units that no device has taken.
 */
unsigned int mdev_pci_free_units(struct mdev_pci_parent *parent)
{
	return atomic_read(&parent->core->free_units);
}
EXPORT_SYMBOL_GPL(mdev_pci_free_units);

/* Resets */

/*
 * Requested by a write to config space. PCI Express 2.0, 6.6.2: keeps the fields
 * that both ends of the link have to agree on.
 */
static void mdev_pci_function_reset(struct mdev_device *mdev)
{
	struct mdev_pci_core *core = mdev_pci_core(mdev);
	unsigned int express = core->layout->express;
	u8 *link = &core->config[express + PCI_EXP_LNKCTL];
	u8 control;

	guard(mutex)(&core->lock);
	control = *link;
	mdev_pci_reset_locked(core);
	if (express)
		WRITE_ONCE(*link, control);
}

/* VFIO_DEVICE_RESET, which ends a migration too */
static int mdev_pci_reset(struct mdev_device *mdev)
{
	struct mdev_pci_core *core = mdev_pci_core(mdev);

	guard(mutex)(&core->lock);
	mdev_pci_migration_end(core);
	mdev_pci_reset_locked(core);
	return 0;
}

/* The state at open is that after power-on. */
static int mdev_pci_open(struct mdev_device *mdev)
{
	return mdev_pci_reset(mdev);
}

/* The driver may not use memory of the VMM any more. */
static void mdev_pci_release(struct mdev_device *mdev)
{
	struct mdev_pci_core *core = mdev_pci_core(mdev);

	guard(mutex)(&core->lock);
	mdev_pci_migration_end(core);
	WRITE_ONCE(core->stopped, true);
	mdev_pci_update_running(core);
	mdev_pci_reset_locked(core);
}

/* Creation and removal */

static void mdev_pci_free(struct mdev_pci_core *core)
{
	mutex_destroy(&core->lock);
	kfree(core->config);
	kfree(core->pci);
	kfree(core);
}

static struct mdev_pci_core *mdev_pci_alloc(struct mdev_pci_parent_core *parent,
					    struct mdev_device *mdev)
{
	const struct mdev_pci_layout *layout =
		parent->layouts[mdev_type_index(mdev->type)];
	struct mdev_pci_core *core = kzalloc_obj(*core);

	if (!core)
		return NULL;
	core->parent = parent;
	core->layout = layout;
	core->stopped = true;
	mutex_init(&core->lock);
	spin_lock_init(&core->irq_lock);
	core->config = kmemdup(layout->initial, layout->size, GFP_KERNEL);
	core->pci = kzalloc(parent->driver->device_size, GFP_KERNEL);
	if (!core->config || !core->pci) {
		mdev_pci_free(core);
		return NULL;
	}
	core->pci->mdev = mdev;
	core->pci->type = mdev_pci_type_of(mdev->type);
	core->pci->core = core;
	return core;
}

static int mdev_pci_init(struct mdev_pci_core *core)
{
	const struct mdev_pci_driver *driver = core->parent->driver;
	int ret;

	ret = mdev_pci_irqs_init(core);
	if (ret)
		return ret;
	ret = mdev_pci_memory_init(core);
	if (ret)
		goto out_irqs;
	ret = driver->create ? driver->create(core->pci) : 0;
	if (ret)
		goto out_memory;

	mutex_lock(&core->lock);
	mdev_pci_reset_locked(core);
	mutex_unlock(&core->lock);
	return 0;

out_memory:
	mdev_pci_memory_destroy(core);
out_irqs:
	mdev_pci_irqs_destroy(core);
	return ret;
}

static int mdev_pci_create(struct kobject *kobj, struct mdev_device *mdev)
{
	struct mdev_pci_parent_core *parent = mdev_pci_parent_of(mdev->type);
	unsigned int units = mdev_pci_type_of(mdev->type)->units;
	struct mdev_pci_core *core;
	int ret = -ENOMEM;

	if (!mdev_pci_take_units(parent, units))
		return -ENOSPC;
	core = mdev_pci_alloc(parent, mdev);
	if (!core)
		goto out_units;
	mdev_set_drvdata(mdev, core->pci);
	ret = mdev_pci_init(core);
	if (ret)
		goto out_free;
	return 0;

out_free:
	mdev_pci_free(core);
out_units:
	atomic_add(units, &parent->free_units);
	return ret;
}

static int mdev_pci_remove(struct mdev_device *mdev)
{
	struct mdev_pci_core *core = mdev_pci_core(mdev);
	struct mdev_pci_parent_core *parent = core->parent;
	unsigned int units = core->pci->type->units;

	if (parent->driver->remove)
		parent->driver->remove(core->pci);
	mdev_pci_memory_destroy(core);
	mdev_pci_irqs_destroy(core);
	mdev_pci_free(core);
	atomic_add(units, &parent->free_units);
	return 0;
}

/* Registration */

static void mdev_pci_fill_ops(struct mdev_pci_parent_core *parent)
{
	const struct mdev_pci_driver *driver = parent->driver;
	struct parent_ops *ops = &parent->ops;

	*ops = driver->ops;
	ops->supported_type_groups = parent->group_list;
	ops->create = mdev_pci_create;
	ops->remove = mdev_pci_remove;
	ops->open = mdev_pci_open;
	ops->release = mdev_pci_release;
	ops->reset = mdev_pci_reset;
	ops->function_reset = mdev_pci_function_reset;
	ops->get_device_info = ops->get_device_info ?: mdev_pci_get_device_info;
	ops->get_region_info = ops->get_region_info ?: mdev_pci_get_region_info;
	ops->get_irq_info = ops->get_irq_info ?: mdev_pci_get_irq_info;
	ops->read = ops->read ?: mdev_pci_read;
	ops->write = ops->write ?: mdev_pci_write;
	ops->set_irqs = ops->set_irqs ?: mdev_pci_set_irqs;
	ops->request = ops->request ?: mdev_pci_request;
	ops->validate_map_request = ops->validate_map_request ?:
				    mdev_pci_validate_map_request;
	if (driver->save)
		ops->migration = ops->migration ?: &mdev_pci_migration;
}

static void mdev_pci_parent_free(struct mdev_pci_parent_core *parent)
{
	unsigned int i;

	if (parent->layouts)
		for (i = 0; i < parent->driver->nr_types; i++)
			mdev_pci_layout_free(parent->layouts[i]);
	kfree(parent->layouts);
	kfree(parent->group_list);
	kfree(parent->groups);
	kfree(parent);
}

static int mdev_pci_parent_init(struct mdev_pci_parent_core *parent)
{
	const struct mdev_pci_driver *driver = parent->driver;
	unsigned int nr_types = driver->nr_types;
	unsigned int i;

	parent->groups = kcalloc(nr_types, sizeof(*parent->groups), GFP_KERNEL);
	parent->group_list = kcalloc(nr_types + 1, sizeof(*parent->group_list),
				     GFP_KERNEL);
	parent->layouts = kcalloc(nr_types, sizeof(*parent->layouts),
				  GFP_KERNEL);
	if (!parent->groups || !parent->group_list || !parent->layouts)
		return -ENOMEM;

	for (i = 0; i < nr_types; i++) {
		parent->groups[i].name = driver->types[i].name;
		parent->groups[i].attrs = mdev_pci_type_attrs;
		parent->groups[i].is_visible = mdev_pci_type_attr_visible;
		parent->group_list[i] = &parent->groups[i];
		parent->layouts[i] =
			mdev_pci_layout_create(driver->types[i].function);
		if (!parent->layouts[i])
			return -ENOMEM;
	}
	return 0;
}

static struct mdev_pci_parent_core *
mdev_pci_parent_alloc(const struct mdev_pci_driver *driver, unsigned int units)
{
	struct mdev_pci_parent_core *parent = kzalloc_obj(*parent);
	int ret;

	if (!parent)
		return ERR_PTR(-ENOMEM);
	parent->driver = driver;
	atomic_set(&parent->free_units, units);
	ret = mdev_pci_parent_init(parent);
	if (ret) {
		mdev_pci_parent_free(parent);
		return ERR_PTR(ret);
	}
	mdev_pci_fill_ops(parent);
	return parent;
}

/**
 * mdev_pci_register - register a device as a parent of PCI functions
 * @parent: zeroed, in use until mdev_pci_unregister() has returned
 * @dev: the physical device, which must be in sysfs
 * @driver: the vendor driver; constant, with all that it points to, until
 *	mdev_pci_unregister() has returned
 * @units: units of @dev to be shared. Each device takes
 *	&mdev_pci_type.units of them; ``create`` fails with -ENOSPC when too few
 *	are free.
 *
 * As mdev_register_device(), with defaults for all members of
 * &mdev_pci_driver.ops that are NULL. A description that no PCI function can
 * have is refused, with a message in the log.
 *
 * Context: may sleep; loads the bus driver's module for the first parent.
 * Return: 0; -EINVAL if @driver is invalid; -EEXIST if @dev or @parent is
 *	registered; -ENOMEM.
 */
int mdev_pci_register(struct mdev_pci_parent *parent, struct device *dev,
		      const struct mdev_pci_driver *driver, unsigned int units)
{
	struct mdev_pci_parent_core *core;
	int ret;

	ret = mdev_pci_check(dev, driver, units);
	if (ret)
		return ret;
	if (parent->core)
		return -EEXIST;
	core = mdev_pci_parent_alloc(driver, units);
	if (IS_ERR(core))
		return PTR_ERR(core);
	/* ->create() can be called before mdev_register_device() returns */
	parent->dev = dev;
	parent->core = core;
	ret = mdev_register_device(dev, &core->ops);
	if (ret) {
		parent->core = NULL;
		mdev_pci_parent_free(core);
	}
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pci_register);

/**
 * mdev_pci_unregister - unregister a parent and remove its mediated devices
 * @parent: what mdev_pci_register() has registered
 *
 * As mdev_unregister_device().
 *
 * Context: may sleep. Must not be called from a callback of the same parent.
 */
void mdev_pci_unregister(struct mdev_pci_parent *parent)
{
	mdev_unregister_device(parent->dev);
	mdev_pci_parent_free(parent->core);
	parent->core = NULL;
}
EXPORT_SYMBOL_GPL(mdev_pci_unregister);

MODULE_IMPORT_NS(MDEV_BUS_NAMESPACE);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("PCI functions for mediated devices");
