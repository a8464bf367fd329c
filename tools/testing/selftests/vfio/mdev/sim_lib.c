// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vendor driver mdev_sim, as tests use it: its knobs in debugfs and its
 * commands.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define PAUSE_MS	5

#define TYPE_PATH	"/sys/devices/platform/%s/mdev_supported_types/%s"

static const char *const parents[] = {
	SIM_FULL, SIM_STAY, SIM_PLAIN, SIM_OWN, SIM_MINIMAL,
};

/* What all callbacks have; "block" first, so that no call waits any longer */
static const char *const call_knobs[] = {
	"block", "delay", "fail", "fail_times", "calls", "max_active",
};

static const struct {
	const char *name;
	uint64_t value;
} knobs[] = {
	{ "map_block", MDEV_SIM_MAP_BLOCK },
	{ "map_answer", MDEV_SIM_ANSWER_RIGHT },
	{ "areas", MDEV_SIM_AREAS_RIGHT },
	{ "caching", MDEV_SIM_WRITE_BACK },
	{ "info_caps", 0 },
	{ "irq_flags_cleared", 0 },
	{ "feature_excess", 0 },
	{ "forget_pins", 0 },
	{ "log_page_size", 0 },
	{ "state_size", 4096 },
	{ "state_bad", 0 },
	{ "visit_delay", 0 },
	{ "runtime_fail", 0 },
};

/* What is 0 when a test has ended */
static const char *const counts[] = {
	"violations", "devices", "pages", "pins",
};

int sim_set(const char *knob, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return sysfs_write(text, SIM_DEBUGFS "/%s", knob);
}

int64_t sim_get(const char *knob)
{
	char text[32];
	int ret;

	ret = sysfs_read(text, sizeof(text), SIM_DEBUGFS "/%s", knob);
	return ret < 0 ? ret : strtoll(text, NULL, 0);
}

int sim_only(const char *uuid)
{
	return sysfs_write(uuid ? uuid : "\n", SIM_DEBUGFS "/only");
}

bool sim_wait_for(const char *knob, int64_t value)
{
	unsigned int waited;

	for (waited = 0; waited < SIM_PATIENCE_MS; waited += PAUSE_MS) {
		if (sim_get(knob) == value)
			return true;
		sleep_ms(PAUSE_MS);
	}
	return false;
}

static void reset_call(const char *call)
{
	char knob[300];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(call_knobs); i++) {
		snprintf(knob, sizeof(knob), "%s/%s", call, call_knobs[i]);
		sim_set(knob, 0);
	}
}

static int reset_knobs(void)
{
	DIR *directory = opendir(SIM_DEBUGFS);
	struct dirent *entry;
	unsigned int i;

	if (!directory)
		return -errno;
	while ((entry = readdir(directory)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			reset_call(entry->d_name);
	closedir(directory);
	for (i = 0; i < ARRAY_SIZE(knobs); i++)
		sim_set(knobs[i].name, knobs[i].value);
	return sim_only(NULL);
}

static void reset_at_exit(void)
{
	reset_knobs();
}

/* Before what mdev_lib.c does at the exit, since that could be blocked. */
static void __attribute__((constructor)) register_exit_handler(void)
{
	atexit(reset_at_exit);
}

/* As "make install" of the selftests leaves it */
#define SIM_FILE	"mdev_sim/mdev_sim.ko"

static int load_file(const char *parameter)
{
	int fd = open(SIM_FILE, O_RDONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	/* What its symbols are in */
	module_load("vfio_mdev");
	if (syscall(SYS_finit_module, fd, parameter ? parameter : "", 0))
		ret = -errno;
	close(fd);
	return ret;
}

int sim_load(const char *parameter)
{
	pid_t child;
	int status;

	if (path_exists(SIM_FILE) && !module_is_loaded("mdev_sim"))
		return load_file(parameter);
	child = fork();
	if (child < 0)
		return -errno;
	if (!child) {
		execlp("modprobe", "modprobe", "-q", "mdev_sim", parameter,
		       NULL);
		_exit(127);
	}
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ENOENT;
}

static int prepare_parents(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(parents); i++) {
		if (path_exists(SIM_DRIVER "/%s", parents[i]))
			continue;
		ret = sim_bind(parents[i]);
		if (ret)
			return ret;
	}
	return 0;
}

int sim_prepare(void)
{
	int ret = 0;

	if (!path_exists("/sys/kernel/debug/devices_deferred"))
		mount("none", "/sys/kernel/debug", "debugfs", 0, NULL);
	if (!path_exists(SIM_DRIVER))
		ret = sim_load(NULL);
	if (!ret && !path_exists(VFIO_MDEV))
		ret = module_load("vfio_mdev");
	if (!ret)
		ret = reset_knobs();
	if (!ret)
		ret = prepare_parents();
	if (!ret)
		ret = mdev_remove_all();
	if (!ret)
		ret = sim_set("violations", 0);
	/* Those of the removals just now */
	return ret ? ret : reset_knobs();
}

int sim_finish(void)
{
	unsigned int i;
	int ret;

	reset_knobs();
	ret = mdev_remove_all();
	if (ret)
		printf("# devices can't be removed: %d\n", ret);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		int64_t count = sim_get(counts[i]);

		if (!count)
			continue;
		printf("# %s: %lld\n", counts[i], (long long)count);
		ret = -EBUSY;
	}
	return ret;
}

int sim_create(const char *parent, const char *type, const char *uuid)
{
	return sysfs_write(uuid, TYPE_PATH "/create", parent, type);
}

int sim_available(const char *parent, const char *type)
{
	char text[32];
	int ret;

	ret = sysfs_read(text, sizeof(text), TYPE_PATH "/available_instances",
			 parent, type);
	return ret < 0 ? ret : atoi(text);
}

int sim_unbind(const char *parent)
{
	return sysfs_write(parent, SIM_DRIVER "/unbind");
}

int sim_bind(const char *parent)
{
	return sysfs_write(parent, SIM_DRIVER "/bind");
}

uint64_t sim_register(int device, uint64_t offset)
{
	uint64_t value;

	if (vfio_read(device, VFIO_PCI_BAR0_REGION_INDEX, offset, &value,
		      sizeof(value)) != sizeof(value))
		return UINT64_MAX;
	return value;
}

int sim_command(int device, unsigned int channel, uint32_t command,
		const uint64_t argument[4], uint64_t *value)
{
	const size_t request = offsetof(struct mdev_sim_command, result);
	uint64_t offset = MDEV_SIM_REG_CHANNEL(channel);
	struct mdev_sim_command block = { .command = command };
	ssize_t done;

	memcpy(block.argument, argument, sizeof(block.argument));
	done = vfio_write(device, VFIO_PCI_BAR0_REGION_INDEX, offset, &block,
			  request);
	if (done < 0)
		return done;
	if ((size_t)done != request)
		return -EIO;
	done = vfio_read(device, VFIO_PCI_BAR0_REGION_INDEX, offset, &block,
			 sizeof(block));
	if (done < 0)
		return done;
	if ((size_t)done != sizeof(block))
		return -EIO;
	if (value)
		*value = block.value;
	return block.result;
}

bool sim_has_reserved_memory(void)
{
	char text[32];

	return sysfs_read(text, sizeof(text),
			  "/sys/module/mdev_sim/parameters/reserved") > 0 &&
	       strtoull(text, NULL, 0);
}
