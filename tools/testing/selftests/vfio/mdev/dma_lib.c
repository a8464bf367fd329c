// SPDX-License-Identifier: GPL-2.0-only
/*
 * The user's memory as mediated devices reach it: mapping it for DMA, and what
 * mdev_sim does with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/iommufd.h>

#include "dma_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"

int dma_prepare(struct dma_user *user,
		int (*opener)(struct dma_user *user, const char *uuid))
{
	int ret;

	ret = sim_prepare();
	if (!ret)
		ret = sim_create(SIM_FULL, SIM_PCI, UUID_A);
	return ret ? ret : opener(user, UUID_A);
}

int dma_open_container(struct dma_user *user, const char *uuid)
{
	user->ioas = 0;
	return vfio_open_container(&user->vfio, uuid);
}

int dma_open_group(struct dma_user *user, const char *uuid)
{
	user->ioas = 0;
	return vfio_open_group(&user->vfio, uuid);
}

int dma_open_cdev(struct dma_user *user, const char *uuid)
{
	uint32_t ioas;
	int ret;

	ret = vfio_open_cdev(&user->vfio, uuid);
	if (ret)
		return ret;
	/* The IOAS of the last open is not known here: allocate another one */
	ret = dma_ioas_alloc(user->vfio.container, &ioas);
	if (!ret)
		ret = dma_attach(user, ioas);
	if (ret)
		vfio_close(&user->vfio);
	return ret;
}

void dma_close(struct dma_user *user)
{
	vfio_close(&user->vfio);
}

int dma_open_device(int group, const char *uuid)
{
	return vfio_ioctl(group, VFIO_GROUP_GET_DEVICE_FD, (void *)uuid);
}

int dma_join_container(int container, const char *uuid)
{
	char path[VFIO_PATH_SIZE];
	int group, ret;

	ret = vfio_group_path(path, uuid);
	if (ret)
		return ret;
	group = open(path, O_RDWR | O_CLOEXEC);
	if (group < 0)
		return -errno;
	ret = vfio_ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
	if (ret)
		close(group);
	return ret ? ret : group;
}

int dma_ioas_alloc(int iommufd, uint32_t *ioas)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int ret;

	ret = vfio_ioctl(iommufd, IOMMU_IOAS_ALLOC, &alloc);
	*ioas = alloc.out_ioas_id;
	return ret;
}

int dma_attach(struct dma_user *user, uint32_t ioas)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = ioas,
	};
	int ret;

	ret = vfio_ioctl(user->vfio.device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
			 &attach);
	if (!ret)
		user->ioas = ioas;
	return ret;
}

int dma_detach(struct dma_user *user)
{
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = sizeof(detach),
	};

	return vfio_ioctl(user->vfio.device, VFIO_DEVICE_DETACH_IOMMUFD_PT,
			  &detach);
}

static int map_in_container(int container, uint64_t iova, void *memory,
			    size_t size, int prot)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = (prot & DMA_READ ? VFIO_DMA_MAP_FLAG_READ : 0) |
			 (prot & DMA_WRITE ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.vaddr = (uintptr_t)memory,
		.iova = iova,
		.size = size,
	};

	return vfio_ioctl(container, VFIO_IOMMU_MAP_DMA, &map);
}

static int map_in_ioas(int iommufd, uint32_t ioas, uint64_t iova, void *memory,
		       size_t size, int prot)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA |
			 (prot & DMA_READ ? IOMMU_IOAS_MAP_READABLE : 0) |
			 (prot & DMA_WRITE ? IOMMU_IOAS_MAP_WRITEABLE : 0),
		.ioas_id = ioas,
		.user_va = (uintptr_t)memory,
		.length = size,
		.iova = iova,
	};

	return vfio_ioctl(iommufd, IOMMU_IOAS_MAP, &map);
}

int dma_map(const struct dma_user *user, uint64_t iova, void *memory,
	    size_t size, int prot)
{
	if (user->ioas)
		return map_in_ioas(user->vfio.container, user->ioas, iova,
				   memory, size, prot);
	return map_in_container(user->vfio.container, iova, memory, size, prot);
}

static int unmap_in_container(int container, uint64_t iova, size_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = size,
	};
	int ret;

	ret = vfio_ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap);
	if (!ret && unmap.size != size)
		ret = -EIO;
	return ret;
}

static int unmap_in_ioas(int iommufd, uint32_t ioas, uint64_t iova, size_t size)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = ioas,
		.iova = iova,
		.length = size,
	};
	int ret;

	ret = vfio_ioctl(iommufd, IOMMU_IOAS_UNMAP, &unmap);
	if (!ret && unmap.length != size)
		ret = -EIO;
	return ret;
}

int dma_unmap(const struct dma_user *user, uint64_t iova, size_t size)
{
	if (user->ioas)
		return unmap_in_ioas(user->vfio.container, user->ioas, iova,
				     size);
	return unmap_in_container(user->vfio.container, iova, size);
}

uint64_t dma_mark(unsigned int page)
{
	return 0x6d61726b00000000ULL + page;
}

void *dma_memory(unsigned int pages)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int page;

	if (memory == MAP_FAILED)
		return NULL;
	for (page = 0; page < pages; page++)
		*(uint64_t *)(memory + page * PAGE) = dma_mark(page);
	return memory;
}

int dma_pin(int device, unsigned int channel, uint64_t iova, int64_t pages,
	    int prot)
{
	const uint64_t argument[4] = { iova, pages, prot };

	return sim_command(device, channel, MDEV_SIM_PIN, argument, NULL);
}

int dma_unpin(int device, unsigned int channel, uint64_t iova, int64_t pages)
{
	const uint64_t argument[4] = { iova, pages };

	return sim_command(device, channel, MDEV_SIM_UNPIN, argument, NULL);
}

int dma_peek(int device, uint64_t iova, uint64_t *value)
{
	const uint64_t argument[4] = { iova };

	return sim_command(device, 0, MDEV_SIM_PEEK, argument, value);
}

int dma_poke(int device, uint64_t iova, uint64_t value)
{
	return SIM_COMMAND(device, MDEV_SIM_POKE, iova, value);
}

int dma_read(int device, uint64_t iova, uint64_t offset, uint64_t size)
{
	return SIM_COMMAND(device, MDEV_SIM_DMA_READ, iova, offset, size);
}

int dma_write(int device, uint64_t iova, uint64_t offset, uint64_t size)
{
	return SIM_COMMAND(device, MDEV_SIM_DMA_WRITE, iova, offset, size);
}

int dma_task_start(struct dma_task *task, void *(*work)(void *task))
{
	return -pthread_create(&task->thread, NULL, work, task);
}

bool dma_task_goes_on(const struct dma_task *task)
{
	return !__atomic_load_n(&task->ended, __ATOMIC_RELAXED);
}

int dma_task_end(struct dma_task *task)
{
	__atomic_store_n(&task->ended, true, __ATOMIC_RELAXED);
	pthread_join(task->thread, NULL);
	return task->result;
}

int kernel_log_open(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (log < 0 || lseek(log, 0, SEEK_END) < 0)
		return -errno;
	return log;
}

int kernel_log_count(int log, const char *text, const char *other)
{
	char line[8192];
	int count = 0;
	ssize_t size;

	/* -EPIPE: lines were overwritten; go on with the oldest that is left */
	while ((size = read(log, line, sizeof(line) - 1)) > 0 ||
	       (size < 0 && errno == EPIPE)) {
		if (size < 0)
			continue;
		line[size] = 0;
		if (strstr(line, text) && strstr(line, other))
			count++;
	}
	return count;
}
