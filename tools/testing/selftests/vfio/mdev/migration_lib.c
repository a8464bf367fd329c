// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration of devices as a virtual machine monitor does it: states, transfer
 * of the data, and the frame around the data.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "migration_lib.h"
#include "vfio_lib.h"

int vfio_feature(int device, uint32_t flags, void *data, size_t size)
{
	union {
		struct vfio_device_feature feature;
		char space[sizeof(struct vfio_device_feature) + 64];
	} request = {
		.feature = {
			.argsz = sizeof(request.feature) + size,
			.flags = flags,
		},
	};
	int ret;

	if (size > sizeof(request) - sizeof(request.feature))
		return -E2BIG;
	if (size)
		memcpy(request.feature.data, data, size);
	ret = vfio_ioctl(device, VFIO_DEVICE_FEATURE, &request);
	if (size)
		memcpy(data, request.feature.data, size);
	return ret;
}

int migration_state(int device)
{
	struct vfio_device_feature_mig_state state = {};
	int ret;

	ret = vfio_feature(device, VFIO_DEVICE_FEATURE_GET |
				   VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
			   &state, sizeof(state));
	if (ret)
		return ret;
	return state.data_fd == -1 ? (int)state.device_state : -EPROTO;
}

int migration_go(int device, uint32_t target)
{
	struct vfio_device_feature_mig_state state = {
		.device_state = target,
	};
	int ret;

	ret = vfio_feature(device, VFIO_DEVICE_FEATURE_SET |
				   VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
			   &state, sizeof(state));
	if (ret)
		return ret;
	if (state.device_state != target || !state.data_fd)
		return -EPROTO;
	return state.data_fd == -1 ? 0 : state.data_fd;
}

int migration_move(int device, uint32_t state)
{
	int data = migration_go(device, state);

	if (data <= 0)
		return data;
	close(data);
	return 0;
}

int64_t migration_size(int device)
{
	struct vfio_device_feature_mig_data_size size = {};
	int ret;

	ret = vfio_feature(device, VFIO_DEVICE_FEATURE_GET |
				   VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
			   &size, sizeof(size));
	return ret ? ret : (int64_t)size.stop_copy_length;
}

int precopy_info(int data, struct vfio_precopy_info *info)
{
	*info = (struct vfio_precopy_info){ .argsz = sizeof(*info) };
	return vfio_ioctl(data, VFIO_MIG_GET_PRECOPY_INFO, info);
}

ssize_t stream_read(int data, void *stream, size_t size, size_t chunk)
{
	size_t done = 0;
	ssize_t ret;

	do {
		if (chunk > size - done)
			chunk = size - done;
		/* A full buffer is an error: the end of the file was not seen */
		if (!chunk)
			return -ENOSPC;
		ret = read(data, (char *)stream + done, chunk);
		if (ret < 0)
			return -errno;
		done += ret;
	} while (ret);
	return done;
}

int stream_write(int data, const void *stream, size_t size, size_t chunk)
{
	size_t done = 0;
	ssize_t ret;

	while (done < size) {
		if (chunk > size - done)
			chunk = size - done;
		ret = write(data, (const char *)stream + done, chunk);
		if (ret < 0)
			return -errno;
		if ((size_t)ret != chunk)
			return -EIO;
		done += ret;
	}
	return 0;
}

ssize_t migration_save(int device, void *stream, size_t size)
{
	int data = migration_go(device, STOP_COPY);
	ssize_t ret;

	if (data <= 0)
		return data ? data : -EPROTO;
	ret = stream_read(data, stream, size, size);
	close(data);
	return ret;
}

int migration_load(int device, const void *stream, size_t size)
{
	int data = migration_go(device, RESUMING);
	int ret;

	if (data <= 0)
		return data ? data : -EPROTO;
	ret = stream_write(data, stream, size, size);
	close(data);
	return ret ? ret : migration_move(device, STOP);
}
