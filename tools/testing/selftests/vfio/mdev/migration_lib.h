/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Migration of devices as a virtual machine monitor does it: states, transfer
 * of the data, and the frame around the data.
 *
 * Functions that return a number answer a negative errno when they fail.
 */
#ifndef SELFTESTS_VFIO_MDEV_MIGRATION_LIB_H
#define SELFTESTS_VFIO_MDEV_MIGRATION_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/vfio.h>

/* Short names of enum vfio_device_mig_state */
#define ERROR		VFIO_DEVICE_STATE_ERROR
#define STOP		VFIO_DEVICE_STATE_STOP
#define RUNNING		VFIO_DEVICE_STATE_RUNNING
#define STOP_COPY	VFIO_DEVICE_STATE_STOP_COPY
#define RESUMING	VFIO_DEVICE_STATE_RESUMING
#define RUNNING_P2P	VFIO_DEVICE_STATE_RUNNING_P2P
#define PRE_COPY	VFIO_DEVICE_STATE_PRE_COPY
#define PRE_COPY_P2P	VFIO_DEVICE_STATE_PRE_COPY_P2P

#define NR_STATES	8

/*
 * The stream of a device of mdev_pci, for a type name of up to seven characters: a
 * header, the name, the info, the size of the state data and the state data.
 */
#define STREAM_MAGIC	0
#define STREAM_VERSION	8
#define STREAM_INFO_SIZE	14
#define STREAM_NAME	16
#define STREAM_INFO	24
/* The oldest version of state data that the source loads: not compared */
#define STREAM_MIN_VERSION	(STREAM_INFO + 48)
#define STREAM_SIZE	(STREAM_INFO + 168)
#define STREAM_STATE	(STREAM_SIZE + 8)

/* Sections of state data: number, flags, version, size and contents */
#define SECTION_HEADER	16

/* VFIO_DEVICE_FEATURE with @size bytes of data */
int vfio_feature(int device, uint32_t flags, void *data, size_t size);

/* One enum vfio_device_mig_state */
int migration_state(int device);

/*
 * Goes to @state; returns the file for the data, or 0 if the answer has none.
 */
int migration_go(int device, uint32_t state);

/* Goes to @state; returns 0, also when there is a file, which is closed. */
int migration_move(int device, uint32_t state);

/* The estimate, in bytes, of what is to be transferred */
int64_t migration_size(int device);

int precopy_info(int data, struct vfio_precopy_info *info);

/* Reads to the end of the stream, in pieces of @chunk bytes at most. */
ssize_t stream_read(int data, void *stream, size_t size, size_t chunk);

/* Writes all, in pieces of @chunk bytes. */
int stream_write(int data, const void *stream, size_t size, size_t chunk);

/* Stops a running device and reads its stream; it stays in STOP_COPY. */
ssize_t migration_save(int device, void *stream, size_t size);

/* Loads a running device with a stream; it is in STOP then. */
int migration_load(int device, const void *stream, size_t size);

#endif
