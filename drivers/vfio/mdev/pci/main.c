// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI functions for mediated devices: parents, with the attributes of their types,
 * and the life of a device from creation to removal. check.c checks descriptions;
 * config.c, regions.c, irq.c, reset.c and migration.c have what a VMM can do.
 */

#include <linux/cleanup.h>
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
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

static const char *mdev_pci_label(const struct mdev_pci_type *type)
{
	return type->label ?: type->name;
}

static ssize_t name_show(struct mdev_type *type,
			 struct mdev_type_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", mdev_pci_label(mdev_pci_type_of(type)));
}
static MDEV_TYPE_ATTR_RO(name);

static ssize_t description_show(struct mdev_type *type,
				struct mdev_type_attribute *attr, char *buf)
{
	const struct mdev_pci_type *pci_type = mdev_pci_type_of(type);

	return sysfs_emit(buf, "%s\n", pci_type->description ?:
					mdev_pci_label(pci_type));
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
	const struct mdev_pci_type *pci_type = mdev_pci_type_of(type);
	struct mdev_pci_parent_core *parent = mdev_pci_parent_of(type);
	unsigned int available =
		atomic_read(&parent->free_units) / pci_type->units;

	if (parent->driver->available)
		available = min(available,
				parent->driver->available(parent->parent,
							  pci_type));
	return sysfs_emit(buf, "%u\n", available);
}
static MDEV_TYPE_ATTR_RO(available_instances);

static struct attribute *mdev_pci_type_attrs[] = {
	&mdev_type_attr_name.attr,
	&mdev_type_attr_description.attr,
	&mdev_type_attr_device_api.attr,
	&mdev_type_attr_available_instances.attr,
	NULL
};

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

/* The description, and what is allocated for it */

static int mdev_pci_set_layout(struct mdev_pci_core *core,
			       const struct mdev_pci_layout *layout)
{
	int ret = -ENOMEM;

	core->layout = layout;
	core->config = kmemdup(layout->initial, layout->size, GFP_KERNEL);
	if (!core->config)
		return ret;
	ret = mdev_pci_irqs_init(core);
	if (ret)
		goto out_config;
	ret = mdev_pci_memory_init(core);
	if (ret)
		goto out_irqs;
	/* Pairs with mdev_pci_is_described() */
	smp_store_release(&core->described, true);
	return 0;

out_irqs:
	mdev_pci_irqs_destroy(core);
out_config:
	kfree(core->config);
	return ret;
}

static void mdev_pci_clear_layout(struct mdev_pci_core *core)
{
	if (!core->described)
		return;
	mdev_pci_memory_destroy(core);
	mdev_pci_irqs_destroy(core);
	kfree(core->config);
	if (core->function) {
		mdev_pci_layout_free((struct mdev_pci_layout *)core->layout);
		kfree(core->function);
	}
}

static int mdev_pci_call_describe(struct mdev_pci_core *core,
				  struct mdev_pci_function *function)
{
	const struct mdev_pci_driver *driver = core->parent->driver;
	struct mdev_pci_layout *layout;
	int ret;

	ret = driver->describe(core->pci, function);
	if (ret)
		return ret;
	ret = mdev_pci_check_described(mdev_dev(core->pci->mdev), driver,
				       core->pci->type, function);
	if (ret)
		return ret;
	layout = mdev_pci_layout_create(function);
	if (IS_ERR(layout))
		return PTR_ERR(layout);
	ret = mdev_pci_set_layout(core, layout);
	if (ret)
		mdev_pci_layout_free(layout);
	return ret;
}

/* Call ->describe() at the first open, to complete the description. */
static int mdev_pci_describe(struct mdev_pci_core *core)
{
	struct mdev_pci_function *function;
	int ret;

	lockdep_assert_held(&core->lock);
	if (core->described)
		return 0;
	function = kmemdup(core->pci->type->function, sizeof(*function),
			   GFP_KERNEL);
	if (!function)
		return -ENOMEM;
	ret = mdev_pci_call_describe(core, function);
	if (ret)
		kfree(function);
	else
		core->function = function;
	return ret;
}

/* Open, VFIO_DEVICE_RESET and close */

/* After an error of the driver's reset or run the device stays stopped. */
static int mdev_pci_open(struct mdev_device *mdev)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	int ret;

	guard(mutex)(&core->lock);
	ret = mdev_pci_describe(core);
	if (ret)
		return ret;
	mdev_pci_migration_end(core);
	ret = mdev_pci_reset_locked(core, MDEV_PCI_RESET_OPEN);
	if (ret)
		WRITE_ONCE(core->stopped, true);
	return ret;
}

/* Ends a migration too */
static int mdev_pci_reset(struct mdev_device *mdev)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);

	guard(mutex)(&core->lock);
	mdev_pci_migration_end(core);
	return mdev_pci_reset_locked(core, MDEV_PCI_RESET_DEVICE);
}

/* The driver may not use memory of the VMM any more. */
static void mdev_pci_release(struct mdev_device *mdev)
{
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	int ret;

	guard(mutex)(&core->lock);
	mdev_pci_migration_end(core);
	WRITE_ONCE(core->stopped, true);
	ret = mdev_pci_reset_locked(core, MDEV_PCI_RESET_CLOSE);
	if (ret)
		dev_err_ratelimited(mdev_dev(mdev), "reset() at close: %d\n",
				    ret);
}

/* Creation and removal */

static void mdev_pci_free(struct mdev_pci_core *core)
{
	mutex_destroy(&core->lock);
	kfree(core->pci);
	kfree(core);
}

static struct mdev_pci_core *mdev_pci_alloc(struct mdev_pci_parent_core *parent,
					    struct mdev_device *mdev)
{
	struct mdev_pci_core *core = kzalloc_obj(*core);

	if (!core)
		return NULL;
	core->parent = parent;
	core->stopped = true;
	core->requested_reset = MDEV_PCI_RESET_FLR;
	mutex_init(&core->lock);
	spin_lock_init(&core->config_lock);
	spin_lock_init(&core->pins_lock);
	INIT_LIST_HEAD(&core->pins);
	rwlock_init(&core->irq_lock);
	core->pci = kzalloc(parent->driver->device_size, GFP_KERNEL);
	if (!core->pci) {
		mdev_pci_free(core);
		return NULL;
	}
	core->pci->mdev = mdev;
	core->pci->parent = parent->parent;
	core->pci->type = mdev_pci_type_of(mdev->type);
	core->pci->core = core;
	return core;
}

static int mdev_pci_init(struct mdev_pci_core *core)
{
	const struct mdev_pci_driver *driver = core->parent->driver;
	unsigned int index = mdev_type_index(core->pci->mdev->type);
	int ret;

	if (!driver->describe) {
		ret = mdev_pci_set_layout(core, core->parent->layouts[index]);
		if (ret)
			return ret;
	}
	ret = driver->create ? driver->create(core->pci) : 0;
	if (ret || driver->describe)
		goto out_layout;

	mutex_lock(&core->lock);
	ret = mdev_pci_reset_locked(core, MDEV_PCI_RESET_CREATE);
	mutex_unlock(&core->lock);
	if (ret && driver->remove)
		driver->remove(core->pci);
out_layout:
	if (ret)
		mdev_pci_clear_layout(core);
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
	mdev->library = core->pci;
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
	struct mdev_pci_core *core = to_mdev_pci_core(mdev);
	struct mdev_pci_parent_core *parent = core->parent;
	unsigned int units = core->pci->type->units;

	if (parent->driver->remove)
		parent->driver->remove(core->pci);
	mdev_pci_clear_layout(core);
	mdev_pci_free(core);
	atomic_add(units, &parent->free_units);
	return 0;
}

/* Registration */

/* @own are those of the driver, or NULL */
static void mdev_pci_fill_migration(struct mdev_migration_ops *ops,
				    const struct mdev_migration_ops *own)
{
	const struct mdev_migration_ops *filled = &mdev_pci_migration;

	*ops = own ? *own : *filled;
	ops->set_state = ops->set_state ?: filled->set_state;
	ops->data_size = ops->data_size ?: filled->data_size;
	ops->save = ops->save ?: filled->save;
	ops->load = ops->load ?: filled->load;
	/* Those of parts, and the two of the info, are the driver's own or ours together */
	if (!ops->save_part) {
		ops->save_part = filled->save_part;
		ops->load_part = filled->load_part;
		ops->parts_left = filled->parts_left;
	}
	if (!ops->info && !ops->compatible) {
		ops->info = filled->info;
		ops->compatible = filled->compatible;
	}
}

static void mdev_pci_fill_ops(struct mdev_pci_parent_core *parent,
			      struct module *owner)
{
	const struct mdev_pci_driver *driver = parent->driver;
	struct parent_ops *ops = &parent->ops;

	*ops = driver->ops;
	ops->owner = ops->owner ?: owner;
	ops->supported_type_groups = parent->group_list;
	ops->create = mdev_pci_create;
	ops->remove = mdev_pci_remove;
	ops->open = mdev_pci_open;
	ops->release = mdev_pci_release;
	ops->reset = mdev_pci_reset;
	ops->function_reset = mdev_pci_function_reset;
	ops->pause = mdev_pci_pause_device;
	ops->resume = mdev_pci_resume_device;
	ops->get_device_info = ops->get_device_info ?: mdev_pci_get_device_info;
	ops->get_region_info = ops->get_region_info ?: mdev_pci_get_region_info;
	ops->get_irq_info = ops->get_irq_info ?: mdev_pci_get_irq_info;
	ops->read = ops->read ?: mdev_pci_read;
	ops->write = ops->write ?: mdev_pci_write;
	ops->set_irqs = ops->set_irqs ?: mdev_pci_set_irqs;
	ops->request = ops->request ?: mdev_pci_request;
	ops->dma_unmap = ops->dma_unmap ?: mdev_pci_dma_unmap;
	ops->validate_map_request = ops->validate_map_request ?:
				    mdev_pci_validate_map_request;
	if (driver->save) {
		mdev_pci_fill_migration(&parent->migration, ops->migration);
		ops->migration = &parent->migration;
	}
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
	struct mdev_pci_layout *layout;
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
		parent->group_list[i] = &parent->groups[i];
		layout = mdev_pci_layout_create(driver->types[i].function);
		if (IS_ERR(layout))
			return PTR_ERR(layout);
		parent->layouts[i] = layout;
	}
	return 0;
}

static struct mdev_pci_parent_core *
mdev_pci_parent_alloc(struct device *dev, const struct mdev_pci_driver *driver,
		      unsigned int units, struct module *owner)
{
	struct mdev_pci_parent_core *parent = kzalloc_obj(*parent);
	int ret;

	if (!parent)
		return ERR_PTR(-ENOMEM);
	parent->driver = driver;
	atomic_set(&parent->free_units, units);
	mdev_pci_recovery_init(parent, dev);
	ret = mdev_pci_parent_init(parent);
	if (ret) {
		mdev_pci_parent_free(parent);
		return ERR_PTR(ret);
	}
	mdev_pci_fill_ops(parent, owner);
	return parent;
}

/* See mdev_pci_register() */
int __mdev_pci_register(struct mdev_pci_parent *parent, struct device *dev,
			const struct mdev_pci_driver *driver,
			unsigned int units, struct module *owner)
{
	struct mdev_pci_parent_core *core;
	int ret;

	ret = mdev_pci_check(dev, driver, units);
	if (ret)
		return ret;
	if (parent->core)
		return -EEXIST;
	core = mdev_pci_parent_alloc(dev, driver, units, owner);
	if (IS_ERR(core))
		return PTR_ERR(core);
	core->parent = parent;
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
EXPORT_SYMBOL_GPL(__mdev_pci_register);

/**
 * mdev_pci_unregister - unregister a parent and remove its mediated devices
 * @parent: what mdev_pci_register() has registered
 *
 * As mdev_unregister_device(). A PCI card that does not answer was unplugged:
 * mdev_pci_mark_dead() comes first.
 *
 * Context: may sleep. Must not be called from a callback of the same parent.
 */
void mdev_pci_unregister(struct mdev_pci_parent *parent)
{
	mdev_pci_end_recovery(parent);
	mdev_unregister_device(parent->dev);
	mdev_pci_parent_free(parent->core);
	parent->core = NULL;
}
EXPORT_SYMBOL_GPL(mdev_pci_unregister);

MODULE_IMPORT_NS(MDEV_BUS_NAMESPACE);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("PCI functions for mediated devices");
