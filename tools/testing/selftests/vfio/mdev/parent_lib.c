// SPDX-License-Identifier: GPL-2.0-only
/* The parent of devices in use: pauses and deaths, and processes that use the devices. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "irq_lib.h"
#include "migration_lib.h"
#include "parent_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

int pause_parent(unsigned int milliseconds)
{
	char text[64];

	snprintf(text, sizeof(text), "pause " SIM_FULL " %u", milliseconds);
	return sysfs_write(text, SIM_DEBUGFS "/parent");
}

int resume_parent(void)
{
	return sysfs_write("resume " SIM_FULL, SIM_DEBUGFS "/parent");
}

/* A test that was killed has paused it once or twice. */
int parent_prepare(void)
{
	resume_parent();
	resume_parent();
	return sim_prepare();
}

int kill_parent(void)
{
	return sysfs_write("kill " SIM_FULL, SIM_DEBUGFS "/parent");
}

int visit_devices(void)
{
	return sysfs_write("visit " SIM_FULL, SIM_DEBUGFS "/parent");
}

int state_data;

int work_read(int device)
{
	int64_t value = vfio_load(device, BAR0, MDEV_SIM_REG_SCRATCH, 4);

	return value < 0 ? value : 0;
}

int work_write(int device)
{
	return vfio_store(device, BAR0, MDEV_SIM_REG_SCRATCH, 4, 1);
}

int work_set_irqs(int device)
{
	return irq_act(device, INTX, TRIGGER);
}

int work_feature(int device)
{
	struct mdev_sim_feature feature;

	return vfio_feature(device, VFIO_DEVICE_FEATURE_GET |
			    MDEV_SIM_FEATURE_VALUE, &feature, sizeof(feature));
}

int work_log_start(int device)
{
	struct vfio_device_feature_dma_logging_range range = {
		.iova = IOVA,
		.length = PAGE,
	};
	struct vfio_device_feature_dma_logging_control control = {
		.page_size = PAGE,
		.num_ranges = 1,
		.ranges = (uintptr_t)&range,
	};

	return vfio_feature(device, VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_START, &control,
			    sizeof(control));
}

int work_region_info(int device)
{
	struct vfio_region_info info = { .argsz = sizeof(info) };

	return vfio_region_info(device, BAR0, &info);
}

int work_irq_info(int device)
{
	struct vfio_irq_info info = { .argsz = sizeof(info) };

	return vfio_irq_info(device, INTX, &info);
}

int work_reset(int device)
{
	return vfio_ioctl(device, VFIO_DEVICE_RESET, NULL);
}

int work_migration_stop(int device)
{
	return migration_go(device, STOP);
}

int work_data_size(int device)
{
	int64_t size = migration_size(device);

	return size < 0 ? size : 0;
}

int work_read_state(int device)
{
	char page[PAGE];
	ssize_t size = read(state_data, page, sizeof(page));

	(void)device;
	return size < 0 ? -errno : 0;
}

int work_write_state(int device)
{
	char byte = 0;

	(void)device;
	return write(state_data, &byte, 1) < 0 ? -errno : 0;
}

/* An access that the compiler does not remove */
static uint64_t load(const uint64_t *memory)
{
	return __atomic_load_n(memory, __ATOMIC_SEQ_CST);
}

/* A SIGBUS ends the process. */
int work_access_mapping(int device)
{
	uint64_t *memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED,
					 device, vfio_position(BAR2, 0));

	if (memory == MAP_FAILED)
		return -errno;
	return load(memory) == MDEV_SIM_FILL(1, BAR2, 0) ? 0 : -ENXIO;
}

/* By a system call, which must not wait */
int work_access_mapping_by_kernel(int device)
{
	void *memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device,
			    vfio_position(BAR2, 0));
	int pipes[2];

	if (memory == MAP_FAILED || pipe(pipes))
		return -errno;
	return write(pipes[1], memory, 1) < 0 ? -errno : 0;
}

int work_open(int device)
{
	struct vfio_user user;

	(void)device;
	return vfio_open(&user, UUID_B);
}

int work_create(int device)
{
	(void)device;
	return sim_create(SIM_FULL, SIM_BARE, UUID_C);
}

int work_remove(int device)
{
	(void)device;
	return mdev_remove(UUID_B);
}

int work_online(int device)
{
	(void)device;
	return sysfs_write("1", MDEV_DEVICES "/" UUID_B "/online");
}

/* A process of the test */
pid_t start(work_fn work, int device)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGBUS, SIG_DFL);
		_exit(-work(device));
	}
	return pid;
}

bool ended(pid_t pid)
{
	siginfo_t info = {};

	return waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
	       info.si_pid;
}

bool waits(pid_t pid)
{
	sleep_ms(WATCH_MS);
	return !ended(pid);
}

int result(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -ECHILD;
	if (WIFEXITED(status))
		return -WEXITSTATUS(status);
	return WTERMSIG(status) == SIGBUS ? -EFAULT : -EINTR;
}

int result_when_killed(pid_t pid)
{
	kill(pid, SIGKILL);
	return result(pid);
}

int devices_open(struct devices *devices)
{
	int ret = dma_prepare(&devices->user, dma_open_cdev);

	devices->device = devices->user.vfio.device;
	return ret ? ret : sim_create(SIM_FULL, SIM_PCI, UUID_B);
}

/* A parent that is dead stays so until its driver is bound again. */
int devices_close(struct devices *devices)
{
	int ret;

	resume_parent();
	dma_close(&devices->user);
	ret = sim_finish();
	if (!ret && sim_available(SIM_FULL, SIM_PCI) == 0)
		ret = sim_unbind(SIM_FULL) ?: sim_bind(SIM_FULL);
	return ret;
}

int work_unbind(int device)
{
	close(device);
	return sim_unbind(SIM_FULL);
}
