/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parent of devices in use: paused, resumed and killed by mdev_sim, while processes
 * of a test do to the devices what a VMM and an administrator can do.
 *
 * Functions that return an int return a negative errno when they fail.
 */
#ifndef SELFTESTS_VFIO_MDEV_PARENT_LIB_H
#define SELFTESTS_VFIO_MDEV_PARENT_LIB_H

#include <stdbool.h>
#include <sys/types.h>

#include "dma_lib.h"
#include "mdev_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define BAR2		VFIO_PCI_BAR2_REGION_INDEX
#define IOVA		0x100000UL
#define UUID_C		UUID_PREFIX "cccccccccccc"

/* How long a task is watched before it counts as waiting */
#define WATCH_MS	200

/* Enough for a pause of which no callback takes long */
#define PAUSE_MS	20000

/* For TEST_F_TIMEOUT(): a test that is killed leaves the parent paused. */
#define PARENT_TIMEOUT	180

/* sim_prepare(), and the parent is not paused */
int parent_prepare(void);

/* mdev_pause_parent() and so on, of the parent of all devices of the test */
int pause_parent(unsigned int milliseconds);
int resume_parent(void);
int kill_parent(void);
int visit_devices(void);

/* What a process does to the device; returns 0 or a negative errno */
typedef int (*work_fn)(int device);

/* The file of the state data, for the two works below that need it */
extern int state_data;

int work_read(int device);
int work_write(int device);
int work_set_irqs(int device);
int work_feature(int device);
int work_log_start(int device);
int work_region_info(int device);
int work_irq_info(int device);
int work_reset(int device);
int work_migration_stop(int device);
int work_data_size(int device);
int work_read_state(int device);
int work_write_state(int device);
int work_access_mapping(int device);
int work_access_mapping_by_kernel(int device);
int work_open(int device);
int work_create(int device);
int work_remove(int device);
int work_online(int device);
int work_unbind(int device);

/* A process of the test that does some work */
pid_t start(work_fn work, int device);
bool ended(pid_t pid);
/* Watches it for WATCH_MS; true if it does not end. */
bool waits(pid_t pid);
/* Waits for its end: what @work has returned, -EFAULT for SIGBUS, -EINTR if killed */
int result(pid_t pid);
int result_when_killed(pid_t pid);

/* Devices A, which is open, and B */
struct devices {
	struct dma_user user;
	int device;
};

int devices_open(struct devices *devices);
/* Binds the driver again if the parent is dead */
int devices_close(struct devices *devices);

#endif
