// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tests do to callbacks: make them fail, wait or take long, and count them.
 * All of it by files in debugfs, which mdev_sim_uapi.h describes.
 */

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/uaccess.h>
#include <linux/uuid.h>
#include <linux/wait.h>

#include "mdev_sim.h"

/* What "block" says */
enum sim_block {
	SIM_BLOCK_NONE,
	SIM_BLOCK_ALWAYS,
	SIM_BLOCK_KILLABLE,
	SIM_BLOCK_AFTER,
};

/**
 * struct sim_gate - what every call of a callback goes through
 * @calls: how many there were
 * @active: how many run
 * @max_active: how many ran at once at most
 * @fail: errno to answer, positive, or 0
 * @fail_times: how many more will fail, or 0 for all
 * @delay: in milliseconds
 * @block: enum sim_block
 * @releases: how many times blocked calls were released
 * @blocked: how many wait
 * @wait: where they do
 */
struct sim_gate {
	atomic_t calls;
	atomic_t active;
	atomic_t max_active;
	atomic_t fail;
	atomic_t fail_times;
	u32 delay;
	u32 block;
	unsigned int releases;
	atomic_t blocked;
	wait_queue_head_t wait;
};

static struct sim_gate sim_gates[SIM_NR_CALLS];
static struct dentry *sim_dir;

/* Protects the counting down of fail_times, and sim_only */
static DEFINE_SPINLOCK(sim_gates_lock);
static guid_t sim_only;

static bool sim_gate_is_for(const struct mdev_device *mdev)
{
	guid_t only;

	spin_lock(&sim_gates_lock);
	only = sim_only;
	spin_unlock(&sim_gates_lock);
	return guid_is_null(&only) || guid_equal(&only, mdev_uuid(mdev));
}

static int sim_gate_fail(struct sim_gate *gate)
{
	int error;

	spin_lock(&sim_gates_lock);
	error = atomic_read(&gate->fail);
	if (error && !atomic_dec_if_positive(&gate->fail_times))
		atomic_set(&gate->fail, 0);
	spin_unlock(&sim_gates_lock);
	return -error;
}

/*
 * TASK_IDLE, and not TASK_UNINTERRUPTIBLE, since the detector of hung tasks has
 * nothing to find here.
 */
static int sim_gate_wait(struct sim_gate *gate, bool after)
{
	/* Pairs with sim_block_set(): a release that is missed cleared block */
	unsigned int releases = smp_load_acquire(&gate->releases);
	u32 block = READ_ONCE(gate->block);
	bool is_after = block == SIM_BLOCK_AFTER;
	int ret = 0;

	if (block == SIM_BLOCK_NONE || after != is_after)
		return 0;
	atomic_inc(&gate->blocked);
	if (block == SIM_BLOCK_KILLABLE)
		ret = wait_event_killable(gate->wait,
					  READ_ONCE(gate->releases) != releases);
	else
		wait_event_idle(gate->wait,
				READ_ONCE(gate->releases) != releases);
	atomic_dec(&gate->blocked);
	return ret ? -EINTR : 0;
}

static int sim_gate_enter(struct sim_gate *gate, const struct mdev_device *mdev)
{
	int active = atomic_inc_return(&gate->active);
	int max = atomic_read(&gate->max_active);
	u32 delay = READ_ONCE(gate->delay);
	int ret;

	atomic_inc(&gate->calls);
	while (active > max &&
	       !atomic_try_cmpxchg(&gate->max_active, &max, active))
		;
	if (!sim_gate_is_for(mdev))
		return 0;
	if (delay)
		msleep(delay);
	ret = sim_gate_wait(gate, false);
	return ret ?: sim_gate_fail(gate);
}

struct sim_call sim_call_begin(struct mdev_device *mdev,
			       enum sim_call_number number)
{
	struct sim_call call = {
		.sim = sim_registry_get(mdev),
		.number = number,
		.error = -ENODEV,
	};

	if (!call.sim) {
		sim_violation("%s of a device that does not exist",
			      sim_rules[number].name);
		return call;
	}
	sim_rules_begin(call.sim, number);
	call.error = sim_gate_enter(&sim_gates[number], mdev);
	if (sim_rules[number].has_no_result)
		call.error = 0;
	return call;
}

void sim_call_end(const struct sim_call *call)
{
	struct sim_gate *gate = &sim_gates[call->number];

	if (!call->sim)
		return;
	if (!call->error && sim_gate_is_for(call->sim->mdev))
		sim_gate_wait(gate, true);
	atomic_dec(&gate->active);
	sim_rules_end(call->sim, call->number);
	sim_registry_put(call->sim);
}

static int sim_block_get(void *data, u64 *value)
{
	const struct sim_gate *gate = data;

	*value = READ_ONCE(gate->block);
	return 0;
}

static int sim_block_set(void *data, u64 value)
{
	struct sim_gate *gate = data;

	if (value > SIM_BLOCK_AFTER)
		return -EINVAL;
	WRITE_ONCE(gate->block, value);
	if (value == SIM_BLOCK_NONE) {
		/* Pairs with sim_gate_wait(), which has read the old value of block */
		smp_store_release(&gate->releases, gate->releases + 1);
		wake_up_all(&gate->wait);
	}
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(sim_block_fops, sim_block_get, sim_block_set,
			 "%llu\n");

static ssize_t sim_only_read(struct file *file, char __user *buf, size_t count,
			     loff_t *pos)
{
	char text[UUID_STRING_LEN + 2] = "\n";
	guid_t only;

	spin_lock(&sim_gates_lock);
	only = sim_only;
	spin_unlock(&sim_gates_lock);
	if (!guid_is_null(&only))
		snprintf(text, sizeof(text), "%pUl\n", &only);
	return simple_read_from_buffer(buf, count, pos, text, strlen(text));
}

static ssize_t sim_only_write(struct file *file, const char __user *buf,
			      size_t count, loff_t *pos)
{
	char text[UUID_STRING_LEN + 2] = "";
	guid_t only = GUID_INIT(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	if (*strim(text) && guid_parse(text, &only))
		return -EINVAL;
	spin_lock(&sim_gates_lock);
	sim_only = only;
	spin_unlock(&sim_gates_lock);
	return count;
}

static const struct file_operations sim_only_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = sim_only_read,
	.write = sim_only_write,
};

static void sim_gate_init(struct sim_gate *gate, const struct sim_rule *rule)
{
	struct dentry *dir = debugfs_create_dir(rule->name, sim_dir);

	init_waitqueue_head(&gate->wait);
	debugfs_create_atomic_t("calls", 0644, dir, &gate->calls);
	debugfs_create_atomic_t("active", 0444, dir, &gate->active);
	debugfs_create_atomic_t("max_active", 0644, dir, &gate->max_active);
	debugfs_create_atomic_t("blocked", 0444, dir, &gate->blocked);
	debugfs_create_u32("delay", 0644, dir, &gate->delay);
	debugfs_create_file_unsafe("block", 0644, dir, gate, &sim_block_fops);
	if (rule->has_no_result)
		return;
	debugfs_create_atomic_t("fail", 0644, dir, &gate->fail);
	debugfs_create_atomic_t("fail_times", 0644, dir, &gate->fail_times);
}

int sim_calls_init(void)
{
	unsigned int i;

	sim_dir = debugfs_create_dir("mdev_sim", NULL);
	for (i = 0; i < SIM_NR_CALLS; i++)
		sim_gate_init(&sim_gates[i], &sim_rules[i]);

	debugfs_create_file("only", 0644, sim_dir, NULL, &sim_only_fops);
	debugfs_create_atomic_t("violations", 0644, sim_dir, &sim_violations);
	debugfs_create_atomic_t("devices", 0444, sim_dir, &sim_nr_devices);
	debugfs_create_atomic_t("pages", 0444, sim_dir, &sim_nr_blocks);
	debugfs_create_atomic_t("pins", 0444, sim_dir, &sim_nr_pins);
	debugfs_create_ulong("map_block", 0644, sim_dir, &sim_map_block);
	debugfs_create_u32("map_answer", 0644, sim_dir, &sim_map_answer);
	debugfs_create_u32("areas", 0644, sim_dir, &sim_areas);
	debugfs_create_u32("caching", 0644, sim_dir, &sim_caching);
	debugfs_create_u64("bar", 0444, sim_dir, &sim_bar);
	debugfs_create_u32("info_caps", 0644, sim_dir, &sim_info_caps);
	debugfs_create_u32("irq_flags_cleared", 0644, sim_dir,
			   &sim_irq_flags_cleared);
	debugfs_create_u32("feature_excess", 0644, sim_dir,
			   &sim_feature_excess);
	debugfs_create_u32("forget_pins", 0644, sim_dir, &sim_forget_pins);
	debugfs_create_u32("log_page_size", 0644, sim_dir, &sim_log_page_size);
	debugfs_create_size_t("state_size", 0644, sim_dir, &sim_state_size);
	debugfs_create_file("parent", 0200, sim_dir, NULL, &sim_parent_fops);
	debugfs_create_u32("visited", 0444, sim_dir, &sim_visited);
	debugfs_create_u32("visit_delay", 0644, sim_dir, &sim_visit_delay);
	debugfs_create_atomic_t("runtime_resumes", 0644, sim_dir,
				&sim_runtime_resumes);
	debugfs_create_atomic_t("runtime_suspends", 0644, sim_dir,
				&sim_runtime_suspends);
	debugfs_create_u32("runtime_fail", 0644, sim_dir, &sim_runtime_fail);
	debugfs_create_u32("state_bad", 0644, sim_dir, &sim_state_bad);
	return PTR_ERR_OR_ZERO(sim_dir);
}

void sim_calls_exit(void)
{
	debugfs_remove(sim_dir);
}
