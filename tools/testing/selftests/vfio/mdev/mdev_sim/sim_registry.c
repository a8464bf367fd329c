// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which devices exist. A callback looks its device up here by the address that
 * it was given, so that one which comes too late is noticed instead of using
 * memory that was freed.
 */

#include <linux/slab.h>

#include "mdev_sim.h"

static DEFINE_XARRAY(sim_registry);

atomic_t sim_nr_devices;

static unsigned long sim_registry_key(const struct mdev_device *mdev)
{
	return (unsigned long)mdev;
}

int sim_registry_add(struct sim_device *sim)
{
	int ret = xa_insert(&sim_registry, sim_registry_key(sim->mdev), sim,
			    GFP_KERNEL);

	if (ret == -EBUSY)
		sim_violation("create of a device that was not removed");
	if (!ret)
		atomic_inc(&sim_nr_devices);
	return ret;
}

/* The device, with a reference, or NULL */
struct sim_device *sim_registry_get(struct mdev_device *mdev)
{
	struct sim_device *sim;

	xa_lock(&sim_registry);
	sim = xa_load(&sim_registry, sim_registry_key(mdev));
	if (sim)
		kref_get(&sim->ref);
	xa_unlock(&sim_registry);
	return sim;
}

static void sim_registry_release(struct kref *ref)
{
	sim_device_free(container_of(ref, struct sim_device, ref));
}

void sim_registry_put(struct sim_device *sim)
{
	kref_put(&sim->ref, sim_registry_release);
}

void sim_registry_del(struct sim_device *sim)
{
	xa_erase(&sim_registry, sim_registry_key(sim->mdev));
	atomic_dec(&sim_nr_devices);
	sim_registry_put(sim);
}

/*
 * @parent has been unregistered, so it has no devices any more, even if their
 * ->remove() returned an error, which is ignored during unregistration.
 */
void sim_registry_check_gone(struct sim_parent *parent)
{
	struct sim_device *sim;
	unsigned long key;

	xa_for_each(&sim_registry, key, sim) {
		if (sim->parent != parent)
			continue;
		if (!test_bit(SIM_REMOVE_FAILED, &sim->state))
			sim_violation("a device outlives its parent");
		sim_registry_del(sim);
	}
}
