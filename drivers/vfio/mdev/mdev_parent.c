// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parents: their registry, references to them, and the count of tasks that create
 * or remove their devices. Read mdev_register.c next.
 */

#include <linux/list.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <kunit/visibility.h>

#include "compat.h"
#include "mdev_private.h"

static LIST_HEAD(mdev_parents);
/* Protects mdev_parents; no driver callback is called under it */
static DEFINE_MUTEX(mdev_parents_lock);

static void mdev_parent_release(struct kref *ref)
{
	struct mdev_parent_core *core =
		container_of(ref, struct mdev_parent_core, ref);

	put_device(core->parent->dev);
	mutex_destroy(&core->pause_lock);
	mutex_destroy(&core->lock);
	/* mdev_unregister_parent() waits for this and frees @core */
	if (core->driver)
		complete(&core->released);
	else
		kfree_rcu(core, rcu);
}

void mdev_parent_get(struct mdev_parent *parent)
{
	kref_get(&parent->core->ref);
}

void mdev_parent_put(struct mdev_parent *parent)
{
	kref_put(&parent->core->ref, mdev_parent_release);
}
EXPORT_SYMBOL_IF_KUNIT(mdev_parent_put);

/* Begin to create or remove a device; false if the parent is not registered. */
bool mdev_parent_enter(struct mdev_parent *parent)
{
	return atomic_inc_unless_negative(&parent->core->users);
}

/* Whether the parent is being unregistered, or is not registered. */
bool mdev_parent_is_unregistering(struct mdev_parent *parent)
{
	return atomic_read(&parent->core->users) < 0;
}

void mdev_parent_leave(struct mdev_parent *parent)
{
	atomic_t *users = &parent->core->users;

	/* The parent can be freed after the decrement */
	if (atomic_dec_return(users) == MDEV_USERS_BLOCKED)
		wake_up_var(users);
}

/* The parent that @dev is registered as; mdev_parents_lock is held. */
static struct mdev_parent *mdev_parent_find(struct device *dev)
{
	struct mdev_parent_core *core;

	lockdep_assert_held(&mdev_parents_lock);
	list_for_each_entry(core, &mdev_parents, next) {
		if (core->parent->dev == dev)
			return core->parent;
	}
	return NULL;
}

/* The parent that @dev is registered as, with a reference, or NULL. */
struct mdev_parent *mdev_parent_lookup(struct device *dev)
{
	struct mdev_parent *parent;

	mutex_lock(&mdev_parents_lock);
	parent = mdev_parent_find(dev);
	if (parent)
		mdev_parent_get(parent);
	mutex_unlock(&mdev_parents_lock);
	return parent;
}
EXPORT_SYMBOL_IF_KUNIT(mdev_parent_lookup);

static bool mdev_parent_of_vendor_exists(void)
{
	struct mdev_parent_core *core;

	lockdep_assert_held(&mdev_parents_lock);
	list_for_each_entry(core, &mdev_parents, next) {
		if (!core->driver)
			return true;
	}
	return false;
}

/*
 * Add a parent to the registry, unless @dev is there already. Without @parent it
 * is allocated. The caller gets a reference.
 */
struct mdev_parent *mdev_parent_add(struct mdev_parent *parent,
				    struct device *dev,
				    const struct parent_ops *ops,
				    struct mdev_driver *driver)
{
	struct mdev_parent_core *core;

	core = kzalloc_obj(*core);
	if (!core)
		return ERR_PTR(-ENOMEM);
	if (!parent)
		parent = &core->allocated;

	mutex_lock(&mdev_parents_lock);
	if (mdev_parent_find(dev)) {
		mutex_unlock(&mdev_parents_lock);
		kfree(core);
		return ERR_PTR(-EEXIST);
	}
	core->first = !driver && !mdev_parent_of_vendor_exists();
	parent->dev = get_device(dev);
	parent->ops = ops;
	parent->core = core;
	core->parent = parent;
	core->driver = driver;
	mutex_init(&core->lock);
	mdev_pause_init(core);
	atomic_set(&core->users, MDEV_USERS_BLOCKED);
	init_completion(&core->released);
	kref_init(&core->ref);
	list_add_tail(&core->next, &mdev_parents);
	/* The registry's; the caller has the first one */
	mdev_parent_get(parent);
	mutex_unlock(&mdev_parents_lock);
	return parent;
}

void mdev_parent_del(struct mdev_parent *parent)
{
	mutex_lock(&mdev_parents_lock);
	list_del(&parent->core->next);
	mutex_unlock(&mdev_parents_lock);
	mdev_parent_put(parent);
}

/* A device holds its type, and that its parent. */
void mdev_type_get(struct mdev_type *type)
{
	kobject_get(&type->core->kobj);
}

void mdev_type_put(struct mdev_type *type)
{
	kobject_put(&type->core->kobj);
}

/**
 * mdev_type_name - get the name of a type in sysfs
 * @type: the type of a registered parent, or of a device
 *
 * Return: the parent's driver name, a dash and &mdev_type.sysfs_name.
 */
const char *mdev_type_name(const struct mdev_type *type)
{
	return kobject_name(&type->core->kobj);
}
EXPORT_SYMBOL_GPL(mdev_type_name);
