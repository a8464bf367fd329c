// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a device, and all callbacks that are not about something which
 * has a file of its own.
 */

#include <linux/array_size.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/unaligned.h>

#include "mdev_sim.h"

static const struct mdev_irq_info sim_irqs[VFIO_PCI_NUM_IRQS] = {
	[VFIO_PCI_INTX_IRQ_INDEX] = {
		.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
			 VFIO_IRQ_INFO_AUTOMASKED,
		.count = 1,
	},
	[VFIO_PCI_MSI_IRQ_INDEX] = {
		.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE,
		.count = MDEV_SIM_NR_MSI,
	},
	[VFIO_PCI_MSIX_IRQ_INDEX] = {
		.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE,
		.count = MDEV_SIM_NR_MSIX,
	},
	[VFIO_PCI_ERR_IRQ_INDEX] = {
		.flags = VFIO_IRQ_INFO_EVENTFD,
		.count = 1,
	},
	[VFIO_PCI_REQ_IRQ_INDEX] = {
		.flags = VFIO_IRQ_INFO_EVENTFD,
		.count = 1,
	},
};

/* VFIO_IRQ_INFO_* that the device does not have */
u32 sim_irq_flags_cleared;

static u32 sim_irq_flags(u32 index)
{
	return sim_irqs[index].flags & ~READ_ONCE(sim_irq_flags_cleared);
}

static void sim_device_init(struct sim_device *sim)
{
	unsigned int i;

	kref_init(&sim->ref);
	spin_lock_init(&sim->rules_lock);
	spin_lock_init(&sim->access_lock);
	mutex_init(&sim->bulk_lock);
	mutex_init(&sim->memory_lock);
	mutex_init(&sim->pins_lock);
	for (i = 0; i < ARRAY_SIZE(sim->channels); i++)
		mutex_init(&sim->channels[i].lock);
	sim->pins = RB_ROOT_CACHED;
	xa_init(&sim->dirty);
	sim->generation = 1;
	put_unaligned_le32(MDEV_SIM_ID, sim->config);
	atomic64_set(sim_register(sim, MDEV_SIM_REG_ID), MDEV_SIM_ID);
}

static struct sim_device *sim_device_alloc(struct mdev_device *mdev)
{
	struct sim_device *sim;

	sim = kvzalloc_obj(*sim);
	if (!sim)
		return NULL;
	sim->bulk = kvzalloc(MDEV_SIM_BAR1_SIZE, GFP_KERNEL);
	if (!sim->bulk)
		goto out_free;
	sim->irqs = mdev_irqs_create(mdev, sim_irqs, ARRAY_SIZE(sim_irqs));
	if (IS_ERR(sim->irqs))
		goto out_bulk;
	sim->mdev = mdev;
	sim->type = mdev_type_index(mdev->type);
	sim_device_init(sim);
	return sim;

out_bulk:
	kvfree(sim->bulk);
out_free:
	kvfree(sim);
	return NULL;
}

/* Nothing of it is in use any more, except what should not be. */
void sim_device_free(struct sim_device *sim)
{
	sim_memory_free(sim);
	xa_destroy(&sim->dirty);
	mdev_irqs_destroy(sim->irqs);
	sim_parent_put(sim->parent, sim->type);
	kvfree(sim->bulk);
	kvfree(sim);
}

int sim_create(struct kobject *kobj, struct mdev_device *mdev)
{
	struct mdev_type *type = mdev_type_from_kobj(kobj);
	struct sim_parent *parent = dev_get_drvdata(mdev_type_parent_dev(type));
	struct sim_device *sim;
	int ret;

	if (type != mdev->type)
		sim_violation("create of another type");
	if (!sim_parent_get(parent, mdev_type_index(type)))
		return -ENOSPC;
	sim = sim_device_alloc(mdev);
	if (!sim) {
		sim_parent_put(parent, mdev_type_index(type));
		return -ENOMEM;
	}
	sim->parent = parent;
	ret = sim_registry_add(sim);
	if (ret) {
		sim_device_free(sim);
		return ret;
	}

	CLASS(sim_call, call)(mdev, SIM_CREATE);
	if (call.error)
		sim_registry_del(sim);
	else
		mdev_set_drvdata(mdev, sim);
	return call.error;
}

int sim_remove(struct mdev_device *mdev)
{
	CLASS(sim_call, call)(mdev, SIM_REMOVE);

	if (!call.sim)
		return 0;
	if (mdev_get_kvm(mdev))
		sim_violation("KVM of a device that is not open");
	if (call.error) {
		set_bit(SIM_REMOVE_FAILED, &call.sim->state);
		return call.error;
	}
	sim_registry_del(call.sim);
	return 0;
}

static int sim_open(struct mdev_device *mdev)
{
	CLASS(sim_call, call)(mdev, SIM_OPEN);
	int ret;

	if (call.error)
		return call.error;
	ret = sim_bar_open(call.sim);
	if (ret)
		return ret;
	sim_migration_reset(call.sim);
	atomic64_set(sim_register(call.sim, MDEV_SIM_REG_KVM),
		     !!mdev_get_kvm(mdev));
	set_bit(SIM_IS_OPEN, &call.sim->state);
	return 0;
}

static void sim_release(struct mdev_device *mdev)
{
	CLASS(sim_call, call)(mdev, SIM_RELEASE);

	if (call.error)
		return;
	clear_bit(SIM_IS_OPEN, &call.sim->state);
	sim_stream_end(call.sim);
	sim_unpin_all(call.sim);
	sim_dirty_forget(call.sim);
	sim_memory_free(call.sim);
	sim_bar_release(call.sim);
	mdev_irqs_reset(call.sim->irqs);
}

static int sim_start(struct mdev_device *mdev)
{
	CLASS(sim_call, call)(mdev, SIM_START);

	if (!call.error)
		set_bit(SIM_IS_STARTED, &call.sim->state);
	return call.error;
}

static int sim_stop(struct mdev_device *mdev)
{
	CLASS(sim_call, call)(mdev, SIM_STOP);

	if (!call.sim)
		return 0;
	if (call.error) {
		set_bit(SIM_STOP_FAILED, &call.sim->state);
		return call.error;
	}
	clear_bit(SIM_STOP_FAILED, &call.sim->state);
	clear_bit(SIM_IS_STARTED, &call.sim->state);
	return 0;
}

static int sim_reset(struct mdev_device *mdev)
{
	CLASS(sim_call, call)(mdev, SIM_RESET);
	struct sim_device *sim = call.sim;

	if (call.error)
		return call.error;
	atomic64_inc(sim_register(sim, MDEV_SIM_REG_RESETS));
	sim_migration_reset(sim);
	mdev_irqs_reset(sim->irqs);
	spin_lock(&sim->access_lock);
	memset(sim->scratch, 0, sizeof(sim->scratch));
	spin_unlock(&sim->access_lock);
	return 0;
}

u32 sim_info_caps;

/* The rest of @info is on entry what the device is. */
static int sim_get_device_info(struct mdev_device *mdev,
			       struct vfio_device_info *info,
			       struct vfio_info_cap *caps)
{
	CLASS(sim_call, call)(mdev, SIM_GET_DEVICE_INFO);
	struct mdev_sim_info_cap cap = { .header.version = 1 };
	int ret = call.error;

	if (caps->buf || caps->size || info->flags & VFIO_DEVICE_FLAGS_CAPS)
		sim_violation("get_device_info with capabilities");
	for (cap.number = 0; !ret && cap.number < READ_ONCE(sim_info_caps);
	     cap.number++) {
		cap.header.id = MDEV_SIM_INFO_CAP(cap.number);
		ret = vfio_info_add_capability(caps, &cap.header, sizeof(cap));
	}
	return ret;
}

static int sim_get_irq_info(struct mdev_device *mdev,
			    struct vfio_irq_info *info)
{
	CLASS(sim_call, call)(mdev, SIM_GET_IRQ_INFO);

	if (info->index >= ARRAY_SIZE(sim_irqs))
		sim_violation("get_irq_info of %u", info->index);
	if (call.error)
		return call.error;
	mdev_irqs_get_info(call.sim->irqs, info);
	info->flags &= ~READ_ONCE(sim_irq_flags_cleared);
	return 0;
}

/* What linux/mdev.h says of a request */
static bool sim_set_irqs_is_valid(u32 flags, u32 index, u32 start, u32 count,
				  const void *data)
{
	u32 action = flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	u32 type = flags & VFIO_IRQ_SET_DATA_TYPE_MASK;

	if (index >= ARRAY_SIZE(sim_irqs) ||
	    start > sim_irqs[index].count ||
	    count > sim_irqs[index].count - start ||
	    hweight32(action) != 1 || hweight32(type) != 1)
		return false;
	if (data ? type == VFIO_IRQ_SET_DATA_NONE : type != VFIO_IRQ_SET_DATA_NONE)
		return false;
	if (type == VFIO_IRQ_SET_DATA_EVENTFD &&
	    !(sim_irq_flags(index) & VFIO_IRQ_INFO_EVENTFD))
		return false;
	if (action == VFIO_IRQ_SET_ACTION_TRIGGER)
		return count || !data;
	return count && type != VFIO_IRQ_SET_DATA_EVENTFD &&
	       sim_irq_flags(index) & VFIO_IRQ_INFO_MASKABLE;
}

static int sim_set_irqs(struct mdev_device *mdev, u32 flags, u32 index,
			u32 start, u32 count, void *data)
{
	CLASS(sim_call, call)(mdev, SIM_SET_IRQS);

	if (call.error)
		return call.error;
	if (!sim_set_irqs_is_valid(flags, index, start, count, data)) {
		sim_violation("set_irqs %#x of %u, %u from %u on", flags, index,
			      count, start);
		return -EINVAL;
	}
	return mdev_irqs_set(call.sim->irqs, flags, index, start, count, data);
}

static void sim_request(struct mdev_device *mdev, unsigned int count)
{
	CLASS(sim_call, call)(mdev, SIM_REQUEST);

	if (call.error)
		return;
	atomic64_inc(sim_register(call.sim, MDEV_SIM_REG_REQUESTS));
	mdev_irqs_trigger(call.sim->irqs, VFIO_PCI_REQ_IRQ_INDEX, 0);
}

static int sim_pause(struct mdev_device *mdev)
{
	CLASS(sim_call, call)(mdev, SIM_PAUSE);

	if (!call.error)
		set_bit(SIM_IS_PAUSED, &call.sim->state);
	return call.error;
}

static void sim_resume(struct mdev_device *mdev)
{
	CLASS(sim_call, call)(mdev, SIM_RESUME);

	if (!call.error)
		clear_bit(SIM_IS_PAUSED, &call.sim->state);
}

static ssize_t generation_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	CLASS(sim_call, call)(mdev_from_dev(dev), SIM_ATTRIBUTE);

	if (call.error)
		return call.error;
	return sysfs_emit(buf, "%u\n", READ_ONCE(call.sim->generation));
}
static DEVICE_ATTR_RO(generation);

static ssize_t devices_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%d\n", atomic_read(&sim_nr_devices));
}
static DEVICE_ATTR_RO(devices);

static struct attribute *sim_parent_attrs[] = {
	&dev_attr_devices.attr,
	NULL
};
ATTRIBUTE_GROUPS(sim_parent);

static struct attribute *sim_device_attrs[] = {
	&dev_attr_generation.attr,
	NULL
};
ATTRIBUTE_GROUPS(sim_device);

/* The types are the parent's. */
const struct parent_ops sim_full_ops = {
	.owner = THIS_MODULE,
	.dev_attr_groups = sim_parent_groups,
	.mdev_attr_groups = sim_device_groups,
	.hot_unplug = true,
	.create = sim_create,
	.remove = sim_remove,
	.open = sim_open,
	.release = sim_release,
	.start = sim_start,
	.stop = sim_stop,
	.reset = sim_reset,
	.get_device_info = sim_get_device_info,
	.get_region_info = sim_get_region_info,
	.get_irq_info = sim_get_irq_info,
	.read = sim_read,
	.write = sim_write,
	.set_irqs = sim_set_irqs,
	.validate_map_request = sim_validate_map_request,
	.device_feature = sim_device_feature,
	.request = sim_request,
	.dma_unmap = sim_dma_unmap,
	.pause = sim_pause,
	.resume = sim_resume,
	.migration = &sim_migration_ops,
	.dirty_log = &sim_dirty_log_ops,
};
