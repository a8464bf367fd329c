// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tests do to a parent: pause, resume and kill it, and visit its devices; and
 * its runtime PM. mdev_sim_uapi.h describes the files.
 */

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "mdev_sim.h"

u32 sim_visited;
u32 sim_visit_delay;
atomic_t sim_runtime_resumes;
atomic_t sim_runtime_suspends;
u32 sim_runtime_fail;

static int sim_parent_runtime_resume(struct device *dev)
{
	int fail = READ_ONCE(sim_runtime_fail);

	if (fail)
		return -fail;
	atomic_inc(&sim_runtime_resumes);
	return 0;
}

static int sim_parent_runtime_suspend(struct device *dev)
{
	atomic_inc(&sim_runtime_suspends);
	return 0;
}

const struct dev_pm_ops sim_pm_ops = {
	RUNTIME_PM_OPS(sim_parent_runtime_suspend, sim_parent_runtime_resume,
		       NULL)
};

static int sim_parent_visit(struct mdev_device *mdev, void *data)
{
	struct sim_device *sim = sim_registry_get(mdev);
	u32 *visited = data;

	if (!sim) {
		sim_violation("mdev_for_each_device() before create or after remove");
		return 0;
	}
	(*visited)++;
	if (READ_ONCE(sim_visit_delay))
		msleep(READ_ONCE(sim_visit_delay));
	sim_registry_put(sim);
	return 0;
}

static int sim_parent_visit_all(struct device *dev)
{
	u32 visited = 0;
	int ret = mdev_for_each_device(dev, sim_parent_visit, &visited);

	WRITE_ONCE(sim_visited, visited);
	return ret;
}

static int sim_parent_command(struct device *dev, const char *command,
			      unsigned int timeout)
{
	if (!strcmp(command, "pause"))
		return mdev_pause_parent(dev, timeout);
	if (!strcmp(command, "visit"))
		return sim_parent_visit_all(dev);
	if (!strcmp(command, "resume"))
		mdev_resume_parent(dev);
	else if (!strcmp(command, "kill"))
		mdev_mark_parent_dead(dev);
	else
		return -EINVAL;
	return 0;
}

static ssize_t sim_parent_write(struct file *file, const char __user *buf,
				size_t count, loff_t *pos)
{
	unsigned int timeout = 0;
	char text[64], command[16], name[32];
	struct device *dev;
	int ret;

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = '\0';
	if (sscanf(text, "%15s %31s %u", command, name, &timeout) < 2)
		return -EINVAL;
	dev = bus_find_device_by_name(&platform_bus_type, NULL, name);
	if (!dev)
		return -ENOENT;
	ret = sim_parent_command(dev, command, timeout);
	put_device(dev);
	return ret ?: count;
}

const struct file_operations sim_parent_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = sim_parent_write,
};
