// SPDX-License-Identifier: GPL-2.0-only
/*
 * device_feature: one feature that can be read and written, one that can be
 * written only and has no data, and no others.
 */

#include "mdev_sim.h"

u32 sim_feature_excess;

/* What linux/mdev.h says of a call */
static bool sim_feature_is_valid(u32 flags, const void *data, size_t size)
{
	bool probe = flags & VFIO_DEVICE_FEATURE_PROBE;
	bool get = flags & VFIO_DEVICE_FEATURE_GET;
	bool set = flags & VFIO_DEVICE_FEATURE_SET;

	if (probe)
		return !data && !size;
	return get != set && !data == !size && size <= PAGE_SIZE;
}

static ssize_t sim_feature_value(struct sim_device *sim, u32 flags,
				 struct mdev_sim_feature *feature, size_t size)
{
	int ret;

	ret = vfio_check_feature(flags, size,
				 VFIO_DEVICE_FEATURE_GET |
				 VFIO_DEVICE_FEATURE_SET, sizeof(*feature));
	if (ret != 1)
		return ret;
	if (flags & VFIO_DEVICE_FEATURE_GET) {
		feature->value = READ_ONCE(sim->feature_value);
		feature->size = size;
		return sizeof(*feature) + READ_ONCE(sim_feature_excess);
	}
	WRITE_ONCE(sim->feature_value, feature->value);
	return READ_ONCE(sim_feature_excess);
}

static ssize_t sim_feature_clear(struct sim_device *sim, u32 flags, size_t size)
{
	int ret;

	ret = vfio_check_feature(flags, size, VFIO_DEVICE_FEATURE_SET, 0);
	if (ret == 1)
		WRITE_ONCE(sim->feature_value, 0);
	return ret == 1 ? 0 : ret;
}

ssize_t sim_device_feature(struct mdev_device *mdev, u32 flags, void *data,
			   size_t size)
{
	CLASS(sim_call, call)(mdev, SIM_DEVICE_FEATURE);

	if (call.error)
		return call.error;
	if (!sim_feature_is_valid(flags, data, size))
		sim_violation("device_feature %#x with %zu bytes", flags, size);
	switch (flags & VFIO_DEVICE_FEATURE_MASK) {
	case MDEV_SIM_FEATURE_VALUE:
		return sim_feature_value(call.sim, flags, data, size);
	case MDEV_SIM_FEATURE_CLEAR:
		return sim_feature_clear(call.sim, flags, size);
	default:
		return -ENOTTY;
	}
}
