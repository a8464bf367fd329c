// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every sysfs file and link of the subsystem: the types below a parent with
 * their create file, and the files of the devices. What the files mean to
 * users is in Documentation/ABI/testing/sysfs-bus-mdev.
 */

#include <linux/kstrtox.h>
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
				    kobject_name(&type->kobj),
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

static struct attribute *mdev_type_attrs[] = {
	&mdev_type_attr_create.attr,
	NULL,
};
ATTRIBUTE_GROUPS(mdev_type);

#define to_mdev_type_attribute(_attr) \
	container_of_const(_attr, struct mdev_type_attribute, attr)

static ssize_t mdev_type_attr_show(struct kobject *kobj,
				   struct attribute *attr, char *buf)
{
	struct mdev_type_attribute *type_attr = to_mdev_type_attribute(attr);

	if (!type_attr->show)
		return -EIO;
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

	mdev_parent_put(type->parent);
	kfree(type);
}

static const struct kobj_type mdev_type_ktype = {
	.release = mdev_type_release,
	.sysfs_ops = &mdev_type_sysfs_ops,
	.default_groups = mdev_type_groups,
};

static bool mdev_group_has(const struct attribute_group *group,
			   const char *name)
{
	struct attribute **attr;

	for (attr = group->attrs; *attr; attr++) {
		if (!strcmp((*attr)->name, name))
			return true;
	}
	return false;
}

static bool mdev_type_is_complete(const struct attribute_group *group)
{
	return group->name && group->attrs &&
	       mdev_group_has(group, "device_api") &&
	       mdev_group_has(group, "available_instances");
}

/*
 * Refuse at registration what users would stumble over: a type without name,
 * device_api or available_instances, two of one name, or no type at all.
 */
int mdev_types_check(const struct attribute_group *const *groups)
{
	int i, j;

	if (!groups || !groups[0])
		return -EINVAL;

	for (i = 0; groups[i]; i++) {
		if (!mdev_type_is_complete(groups[i]))
			return -EINVAL;
		for (j = 0; j < i; j++) {
			if (!strcmp(groups[i]->name, groups[j]->name))
				return -EINVAL;
		}
	}
	return 0;
}

static void mdev_type_remove(struct mdev_type *type)
{
	kobject_put(type->devices_kobj);
	kobject_del(&type->kobj);
	kobject_put(&type->kobj);
}

/* The driver's attributes, and "name", which each type has in mainline */
static int mdev_type_add_attrs(struct mdev_type *type)
{
	/* Without its name, the attributes are not in a directory of that name */
	struct attribute_group group =
		*type->parent->ops->supported_type_groups[type->index];
	struct kernfs_node *kn;
	int ret;

	group.name = NULL;
	ret = sysfs_create_group(&type->kobj, &group);
	if (ret)
		return ret;

	/* The driver's own can be in the group and not visible for this type */
	kn = sysfs_get_dirent(type->kobj.sd, mdev_type_attr_name.attr.name);
	if (!kn)
		return sysfs_create_file(&type->kobj,
					 &mdev_type_attr_name.attr);
	sysfs_put(kn);
	return 0;
}

static struct mdev_type *mdev_type_add(struct mdev_parent *parent,
				       unsigned int index)
{
	struct mdev_type *type;
	int ret;

	type = kzalloc_obj(*type);
	if (!type)
		return ERR_PTR(-ENOMEM);

	type->sysfs_name = parent->ops->supported_type_groups[index]->name;
	type->index = index;
	type->parent = parent;
	mdev_parent_get(parent);

	type->kobj.kset = parent->mdev_types_kset;
	ret = kobject_init_and_add(&type->kobj, &mdev_type_ktype, NULL, "%s-%s",
				   dev_driver_string(parent->dev),
				   type->sysfs_name);
	if (ret) {
		kobject_put(&type->kobj);
		return ERR_PTR(ret);
	}

	ret = mdev_type_add_attrs(type);
	if (ret)
		goto out_remove;

	type->devices_kobj = kobject_create_and_add("devices", &type->kobj);
	if (!type->devices_kobj) {
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

/* Show the types of a parent. Writes to their create files may come at once. */
int mdev_types_add(struct mdev_parent *parent)
{
	unsigned int count = mdev_types_count(parent->ops);
	struct mdev_type *type;
	int ret = -ENOMEM;

	parent->types = kcalloc(count, sizeof(*parent->types), GFP_KERNEL);
	if (!parent->types)
		return -ENOMEM;
	parent->mdev_types_kset = kset_create_and_add("mdev_supported_types",
						      NULL, &parent->dev->kobj);
	if (!parent->mdev_types_kset)
		goto out_free;

	while (parent->nr_types < count) {
		type = mdev_type_add(parent, parent->nr_types);
		if (IS_ERR(type)) {
			mdev_types_remove(parent);
			return PTR_ERR(type);
		}
		parent->types[parent->nr_types++] = type;
	}
	return 0;

out_free:
	kfree(parent->types);
	parent->types = NULL;
	return ret;
}

/* Returns when no writer of a create file and no attribute's callback runs. */
void mdev_types_remove(struct mdev_parent *parent)
{
	while (parent->nr_types)
		mdev_type_remove(parent->types[--parent->nr_types]);
	kset_unregister(parent->mdev_types_kset);
	kfree(parent->types);
	parent->types = NULL;
}

static ssize_t remove_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	struct mdev_device *mdev = to_mdev_device(dev);
	struct module *owner = mdev_parent_ops(mdev)->owner;
	struct kernfs_node *kn;
	unsigned long remove;
	int ret = -ENODEV;

	/* As in mainline: 0 is accepted and does nothing */
	if (kstrtoul(buf, 0, &remove))
		return -EINVAL;
	if (!remove)
		return count;

	/*
	 * The removal waits for all users of the device's files, but can't wait
	 * for this one. Without it, only the vendor's module keeps this module
	 * and the parent's release, which may come with the last reference.
	 */
	if (!try_module_get(owner))
		return -ENODEV;
	kn = sysfs_break_active_protection(&dev->kobj, &attr->attr);
	if (kn) {
		ret = mdev_device_remove(mdev);
		sysfs_unbreak_active_protection(kn);
	}
	module_put(owner);
	return ret ?: count;
}
static DEVICE_ATTR_WO(remove);

static ssize_t online_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%u\n", mdev_is_online(to_mdev_device(dev)));
}

/*
 * Not the driver core's own file of that name, which holds a lock of the whole
 * system around the vendor's callback.
 */
static ssize_t online_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	bool online;
	int ret;

	ret = kstrtobool(buf, &online);
	if (ret)
		return ret;
	ret = mdev_set_online(to_mdev_device(dev), online);
	return ret ?: count;
}
static DEVICE_ATTR_RW(online);

static struct attribute *mdev_device_attrs[] = {
	&dev_attr_remove.attr,
	&dev_attr_online.attr,
	NULL,
};

static umode_t mdev_device_attr_is_visible(struct kobject *kobj,
					   struct attribute *attr, int index)
{
	struct mdev_device *mdev = to_mdev_device(kobj_to_dev(kobj));

	if (attr == &dev_attr_online.attr && !mdev_parent_ops(mdev)->start)
		return 0;
	return attr->mode;
}

static const struct attribute_group mdev_device_group = {
	.attrs = mdev_device_attrs,
	.is_visible = mdev_device_attr_is_visible,
};
__ATTRIBUTE_GROUPS(mdev_device);

/*
 * The type has no name: dev_uevent() would send it as DEVTYPE, and libvirt
 * matches SUBSYSTEM=mdev only in events and udev records without DEVTYPE.
 */
const struct device_type mdev_device_type = {
	.groups = mdev_device_groups,
};

/* Link type and device to each other. */
int mdev_links_add(struct mdev_device *mdev)
{
	struct mdev_type *type = mdev->type;
	struct kobject *kobj = &mdev->dev.kobj;
	int ret;

	ret = sysfs_create_link(type->devices_kobj, kobj, kobject_name(kobj));
	if (ret)
		return ret;
	ret = sysfs_create_link(kobj, &type->kobj, "mdev_type");
	if (ret)
		sysfs_remove_link(type->devices_kobj, kobject_name(kobj));
	return ret;
}

void mdev_links_remove(struct mdev_device *mdev)
{
	struct kobject *kobj = &mdev->dev.kobj;

	sysfs_remove_link(kobj, "mdev_type");
	sysfs_remove_link(mdev->type->devices_kobj, kobject_name(kobj));
}
