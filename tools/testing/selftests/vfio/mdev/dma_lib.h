/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The user's memory as mediated devices reach it: mapping it for DMA, and what
 * mdev_sim does with it.
 *
 * Functions that return a number answer a negative errno when they fail.
 */
#ifndef SELFTESTS_VFIO_MDEV_DMA_LIB_H
#define SELFTESTS_VFIO_MDEV_DMA_LIB_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_lib.h"

#define PAGE		0x1000UL

/* What is done to memory, as VFIO and as IOMMU_READ and IOMMU_WRITE say it */
#define DMA_READ	1
#define DMA_WRITE	2
#define DMA_BOTH	(DMA_READ | DMA_WRITE)

/*
 * An open device and where its memory is mapped: an address space of an
 * iommufd, or, without one, wherever a container has it.
 */
struct dma_user {
	struct vfio_user vfio;
	uint32_t ioas;
};

/*
 * To begin with: what sim_prepare() does, and a device with UUID_A, opened by one
 * of the functions below.
 */
int dma_prepare(struct dma_user *user,
		int (*opener)(struct dma_user *user, const char *uuid));

/* One for each way to open a device, see vfio_lib.h */
int dma_open_container(struct dma_user *user, const char *uuid);
int dma_open_group(struct dma_user *user, const char *uuid);
int dma_open_cdev(struct dma_user *user, const char *uuid);
void dma_close(struct dma_user *user);
/* A device of a group that has a container, or an iommufd */
int dma_open_device(int group, const char *uuid);
/* Opens the group of a device and sets its container; returns the group. */
int dma_join_container(int container, const char *uuid);

/* Another address space of the iommufd */
int dma_ioas_alloc(int iommufd, uint32_t *ioas);
/* Instead of the one that the device is attached to; or of none */
int dma_attach(struct dma_user *user, uint32_t ioas);
int dma_detach(struct dma_user *user);

int dma_map(const struct dma_user *user, uint64_t iova, void *memory,
	    size_t size, int prot);
int dma_unmap(const struct dma_user *user, uint64_t iova, size_t size);

/* Pages that begin with dma_mark() of their number; NULL on failure */
void *dma_memory(unsigned int pages);
uint64_t dma_mark(unsigned int page);

/* What mdev_sim answers; a channel of its own for each thread */
int dma_pin(int device, unsigned int channel, uint64_t iova, int64_t pages,
	    int prot);
int dma_unpin(int device, unsigned int channel, uint64_t iova, int64_t pages);

/* The first bytes of a page that is pinned */
int dma_peek(int device, uint64_t iova, uint64_t *value);
int dma_poke(int device, uint64_t iova, uint64_t value);

/* Between the user's memory and BAR1, by a buffer in the device */
int dma_read(int device, uint64_t iova, uint64_t offset, uint64_t size);
int dma_write(int device, uint64_t iova, uint64_t offset, uint64_t size);

/* Something that is done beside the test itself, with the same memory */
struct dma_task {
	pthread_t thread;
	struct dma_user *user;
	unsigned int channel;
	bool ended;
	int result;
};

int dma_task_start(struct dma_task *task, void *(*work)(void *task));
/* For tasks that loop: false after dma_task_end() was called */
bool dma_task_goes_on(const struct dma_task *task);
/* Waits for its end; returns its result. */
int dma_task_end(struct dma_task *task);

/* What the kernel log says from now on */
int kernel_log_open(void);
/* How many lines, of those not read yet, hold both texts */
int kernel_log_count(int log, const char *text, const char *other);

#endif
