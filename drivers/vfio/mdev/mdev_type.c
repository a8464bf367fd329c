// SPDX-License-Identifier: GPL-2.0-only
/*
 * Types of a parent: their directories and files in sysfs, of which "create" makes
 * devices. Documentation/ABI/testing/sysfs-bus-mdev describes the files for
 * administrators; mdev_device.c has those of the devices.
 */

#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <kunit/visibility.h>

#include "compat.h"
#include "mdev_private.h"

/**
 * mdev_parse_uuid - read what was written to a create file
 * @buf: the text, NUL-terminated
 * @count: its length
 * @uuid: where to put the UUID
 *
 * Return: 0, or -EINVAL for all but a UUID other than the nil one in its usual
 *	form, which one newline may follow.
 */
int mdev_parse_uuid(const char *buf, size_t count, guid_t *uuid)
{
	if (count == UUID_STRING_LEN + 1 && buf[UUID_STRING_LEN] == '\n')
		count--;
	if (count != UUID_STRING_LEN || guid_parse(buf, uuid) ||
	    guid_is_null(uuid))
		return -EINVAL;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(mdev_parse_uuid);

/**
 * mdev_type_from_kobj - get the type that &parent_ops.create is called for
 * @kobj: kobject of the type
 *
 * Return: the type.
 */
struct mdev_type *mdev_type_from_kobj(struct kobject *kobj)
{
	return container_of(kobj, struct mdev_type_core, kobj)->type;
}
EXPORT_SYMBOL_GPL(mdev_type_from_kobj);

static ssize_t create_store(struct mdev_type *type,
			    struct mdev_type_attribute *attr,
			    const char *buf, size_t count)
{
	guid_t uuid;
	int ret;

	ret = mdev_parse_uuid(buf, count, &uuid);
	if (ret) {
		dev_dbg_ratelimited(type->parent->dev,
				    "%s: not a UUID: \"%*pE\"\n",
				    mdev_type_name(type),
				    (int)min(count, UUID_STRING_LEN + 2), buf);
		return ret;
	}
	ret = mdev_device_create(type, &uuid);
	return ret ?: count;
}
static MDEV_TYPE_ATTR_WO(create);

static ssize_t name_show(struct mdev_type *type,
			 struct mdev_type_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", type->sysfs_name);
}
static MDEV_TYPE_ATTR_RO(name);

static struct mdev_type_attribute mdev_type_attr_default_description =
	__ATTR(description, 0444, name_show, NULL);

/* Attributes of the types of mdev_register_parent() */

static struct mdev_driver *mdev_type_driver(const struct mdev_type *type)
{
	return type->parent->core->driver;
}

static ssize_t pretty_name_show(struct mdev_type *type,
				struct mdev_type_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", type->pretty_name ?: type->sysfs_name);
}

static ssize_t device_api_show(struct mdev_type *type,
			       struct mdev_type_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", mdev_type_driver(type)->device_api);
}

static ssize_t available_instances_show(struct mdev_type *type,
					struct mdev_type_attribute *attr,
					char *buf)
{
	struct mdev_driver *drv = mdev_type_driver(type);

	if (drv->get_available)
		return sysfs_emit(buf, "%u\n", drv->get_available(type));
	return sysfs_emit(buf, "%u\n",
			  atomic_read(&type->parent->core->available));
}

static ssize_t description_show(struct mdev_type *type,
				struct mdev_type_attribute *attr, char *buf)
{
	return mdev_type_driver(type)->show_description(type, buf);
}

static struct mdev_type_attribute mdev_type_attr_pretty_name =
	__ATTR(name, 0444, pretty_name_show, NULL);
static MDEV_TYPE_ATTR_RO(device_api);
static MDEV_TYPE_ATTR_RO(available_instances);
static MDEV_TYPE_ATTR_RO(description);

static struct attribute *mdev_type_driver_attrs[] = {
	&mdev_type_attr_pretty_name.attr,
	&mdev_type_attr_device_api.attr,
	&mdev_type_attr_available_instances.attr,
	&mdev_type_attr_description.attr,
	NULL,
};

static umode_t mdev_type_driver_attr_is_visible(struct kobject *kobj,
						struct attribute *attr,
						int index)
{
	struct mdev_driver *drv = mdev_type_driver(mdev_type_from_kobj(kobj));

	if (attr == &mdev_type_attr_description.attr && !drv->show_description)
		return 0;
	return attr->mode;
}

static const struct attribute_group mdev_type_driver_group = {
	.attrs = mdev_type_driver_attrs,
	.is_visible = mdev_type_driver_attr_is_visible,
};

static struct attribute *mdev_type_attrs[] = {
	&mdev_type_attr_create.attr,
	NULL,
};
ATTRIBUTE_GROUPS(mdev_type);

#define to_mdev_type_attribute(_attr) \
	container_of_const(_attr, struct mdev_type_attribute, attr)

/* Whether a driver would report instances of a parent that is dead */
static bool mdev_type_has_none(struct kobject *kobj,
			       const struct attribute *attr)
{
	return mdev_parent_is_dead(mdev_type_from_kobj(kobj)->parent) &&
	       !strcmp(attr->name, "available_instances");
}

static ssize_t mdev_type_attr_show(struct kobject *kobj,
				   struct attribute *attr, char *buf)
{
	struct mdev_type_attribute *type_attr = to_mdev_type_attribute(attr);

	if (!type_attr->show)
		return -EIO;
	if (mdev_type_has_none(kobj, attr))
		return sysfs_emit(buf, "0\n");
	return type_attr->show(mdev_type_from_kobj(kobj), type_attr, buf);
}

static ssize_t mdev_type_attr_store(struct kobject *kobj,
				    struct attribute *attr,
				    const char *buf, size_t count)
{
	struct mdev_type_attribute *type_attr = to_mdev_type_attribute(attr);

	if (!type_attr->store)
		return -EIO;
	return type_attr->store(mdev_type_from_kobj(kobj), type_attr, buf,
				count);
}

static const struct sysfs_ops mdev_type_sysfs_ops = {
	.show = mdev_type_attr_show,
	.store = mdev_type_attr_store,
};

static void mdev_type_release(struct kobject *kobj)
{
	struct mdev_type *type = mdev_type_from_kobj(kobj);
	struct mdev_parent *parent = type->parent;

	kfree(type->core);
	/* Can be what mdev_unregister_parent() waits for, before @type is freed */
	mdev_parent_put(parent);
}

static const struct kobj_type mdev_type_ktype = {
	.release = mdev_type_release,
	.sysfs_ops = &mdev_type_sysfs_ops,
	.default_groups = mdev_type_groups,
};

static void mdev_type_remove(struct mdev_type *type)
{
	struct mdev_type_core *core = type->core;

	kobject_put(core->devices_kobj);
	kobject_del(&core->kobj);
	kobject_put(&core->kobj);
}

/* Unless the driver has it: its own can be in its group, but not visible. */
static int mdev_type_add_default(struct kobject *kobj,
				 const struct attribute *attr)
{
	struct kernfs_node *kn = sysfs_get_dirent(kobj->sd, attr->name);

	if (!kn)
		return sysfs_create_file(kobj, attr);
	sysfs_put(kn);
	return 0;
}

/*
 * The driver's attributes, "name", which each type has in mainline, and "description":
 * Proxmox VE ignores a parent with a type that has none.
 */
static int mdev_type_add_attrs(struct mdev_type *type)
{
	struct kobject *kobj = &type->core->kobj;
	struct attribute_group group;
	int ret;

	if (mdev_type_driver(type))
		return sysfs_create_group(kobj, &mdev_type_driver_group);

	/* Without its name, the attributes are not in a directory of that name */
	group = *type->parent->ops->supported_type_groups[type->index];
	group.name = NULL;
	ret = sysfs_create_group(kobj, &group);
	if (ret)
		return ret;

	ret = mdev_type_add_default(kobj, &mdev_type_attr_name.attr);
	if (ret)
		return ret;
	return mdev_type_add_default(kobj,
				     &mdev_type_attr_default_description.attr);
}

/* The array of mdev_register_parent() is the driver's. */
static void mdev_types_free(struct mdev_parent *parent)
{
	if (!parent->core->driver)
		kfree(parent->types);
	parent->types = NULL;
}

/* @type is the driver's; without it, one for the vendor driver's group @index. */
static struct mdev_type *mdev_type_add(struct mdev_parent *parent,
				       struct mdev_type *type,
				       unsigned int index)
{
	struct mdev_type_core *core;
	int ret;

	core = kzalloc_obj(*core);
	if (!core)
		return ERR_PTR(-ENOMEM);
	if (!type) {
		type = &core->allocated;
		type->sysfs_name =
			parent->ops->supported_type_groups[index]->name;
	}
	core->type = type;
	type->core = core;
	type->index = index;
	type->parent = parent;
	mdev_parent_get(parent);

	core->kobj.kset = parent->core->types_kset;
	ret = kobject_init_and_add(&core->kobj, &mdev_type_ktype, NULL, "%s-%s",
				   dev_driver_string(parent->dev),
				   type->sysfs_name);
	if (ret) {
		kobject_put(&core->kobj);
		return ERR_PTR(ret);
	}

	ret = mdev_type_add_attrs(type);
	if (ret)
		goto out_remove;

	core->devices_kobj = kobject_create_and_add("devices", &core->kobj);
	if (!core->devices_kobj) {
		ret = -ENOMEM;
		goto out_remove;
	}
	return type;

out_remove:
	mdev_type_remove(type);
	return ERR_PTR(ret);
}

static unsigned int mdev_types_count(const struct parent_ops *ops)
{
	unsigned int count = 0;

	while (ops->supported_type_groups[count])
		count++;
	return count;
}

/*
 * Add the types of a parent: @types of its driver, @count of them, or those of the
 * vendor driver's attribute groups. Writes to their create files can come at once.
 */
int mdev_types_add(struct mdev_parent *parent, struct mdev_type **types,
		   unsigned int count)
{
	struct mdev_type *type;
	int ret = -ENOMEM;

	if (!types)
		count = mdev_types_count(parent->ops);
	parent->types = types ?: kcalloc(count, sizeof(*types), GFP_KERNEL);
	if (!parent->types)
		return -ENOMEM;
	parent->core->types_kset = kset_create_and_add("mdev_supported_types",
						       NULL,
						       &parent->dev->kobj);
	if (!parent->core->types_kset)
		goto out_free;

	for (parent->nr_types = 0; parent->nr_types < count; parent->nr_types++) {
		type = mdev_type_add(parent, types ? types[parent->nr_types] :
						     NULL, parent->nr_types);
		if (IS_ERR(type)) {
			mdev_types_remove(parent);
			return PTR_ERR(type);
		}
		parent->types[parent->nr_types] = type;
	}
	return 0;

out_free:
	mdev_types_free(parent);
	return ret;
}

/* Returns when no writer of a create file and no attribute's callback runs. */
void mdev_types_remove(struct mdev_parent *parent)
{
	while (parent->nr_types)
		mdev_type_remove(parent->types[--parent->nr_types]);
	kset_unregister(parent->core->types_kset);
	mdev_types_free(parent);
}
