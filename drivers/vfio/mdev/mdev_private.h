/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Internal interface of mdev.ko: states of a device, locks and their order.
 * Read mdev_device.c next.
 */
#ifndef _MDEV_PRIVATE_H
#define _MDEV_PRIVATE_H

#include <linux/completion.h>
#include <linux/klist.h>
#include <linux/kobject.h>
#include <linux/kref.h>
#include <linux/limits.h>
#include <linux/mdev_bus.h>
#include <linux/mutex.h>
#include <linux/rhashtable-types.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/spinlock_types.h>
#include <linux/timer_types.h>
#include <linux/wait.h>

struct eventfd_ctx;
struct pid;

/*
 * States of a device, their transitions and the locks
 *
 * &mdev_device_core.state:
 *
 *	MDEV_CREATING --> MDEV_LIVE <--> MDEV_REMOVING --> MDEV_DEAD
 *	      |               |                                ^
 *	      +---------------+--------------------------------+
 *
 *	CREATING to LIVE by the creator, after the ADD event; to DEAD by the
 *	creator, if device_add(), a link or the bus driver's probe fails.
 *	LIVE to REMOVING by a writer of "remove", with cmpxchg(): a second one
 *	gets -EAGAIN. A writer that finds CREATING waits.
 *	REMOVING to LIVE by the same writer, when the removal fails or is
 *	interrupted; to DEAD when ->remove() has returned 0.
 *	LIVE to DEAD by mdev_unregister_device(), when no creator and no writer
 *	of "remove" is left.
 *
 * &mdev_device_core.users counts opens and writers of "online". A removal adds
 * MDEV_USERS_BLOCKED, which makes the count negative and mdev_user_get() fail:
 * with -EAGAIN, since a removal in the state REMOVING can fail, but with
 * -ENODEV in the state DEAD. The removal continues when the count has become
 * MDEV_USERS_BLOCKED: it is then the only caller of ->start() and ->stop().
 *
 * &mdev_parent_core.users counts creators and writers of "remove". It is negative
 * while the parent is not registered. mdev_unregister_device() blocks new ones,
 * waits for the rest, then kills and removes the devices. A task that is
 * counted can call the parent's callbacks.
 *
 * Tasks on mdev_removal_wait wait for a state, for the users of a device, or
 * for the unregistration of a parent. All devices share it, since a device can
 * be freed between the last mdev_user_put() and its wake-up, and waiters are
 * few: hot unplugs, and removals that race with a creation.
 *
 * Locks, in the order in which they are taken:
 *
 *	&mdev_parent_core.lock	registration and unregistration of the parent
 *	mdev_parents_lock	mdev_parents; no other lock is taken under it
 *	device lock		probe and remove of the bus driver, @removing,
 *				@wanted, @probe_error
 *	&mdev_parent_core.pause_lock	pauses and resumes; held across ->pause(),
 *				->resume() and the wait for callbacks
 *	&mdev_device_core.lock	open, close and "online" of a device against
 *				each other and against its announcement
 *	&mdev_callbacks.lock	drains of a device's callbacks
 *	mdev_operation_enter()	no lock, but mdev_pause_parent() waits for its end: no
 *				wait for userspace inside of it
 *	&mdev_device_core.callbacks_lock	the device against the state of its parent,
 *				and &mdev_device.callbacks; not held across callbacks
 *	&mdev_device_core.map_lock	page faults against invalidations
 *	&mdev_parent_core.run_lock	spinlock, innermost: run_state, nr_operations
 *
 * mdev_mark_parent_dead() can be called from any callback: it takes mdev_parents_lock,
 * callbacks_lock, map_lock and run_lock, none of which is held across one.
 *
 * mdev_open() and mdev_close() are called with dev_set->lock of VFIO core held
 * (and group->group_lock, for a group file) and a reference to the registration
 * of the vfio_device. vfio_unregister_group_dev(), which a removal calls, waits
 * for that reference; hence mdev_open() must not wait for a removal.
 *
 * A writer of "remove" or "online" holds sb_start_write() and the of->mutex of
 * kernfs. A writer of "remove" has broken the active protection of the file, or
 * device_del() would wait for it forever. "online" keeps its active protection,
 * so device_del() waits for a writer.
 */
enum mdev_state {
	MDEV_CREATING,
	MDEV_LIVE,
	MDEV_REMOVING,
	MDEV_DEAD,
};

/**
 * enum mdev_run_state - whether callbacks of a parent can run
 * @MDEV_RUN_RUNNING: they can
 * @MDEV_RUN_PAUSED: from mdev_pause_parent() to mdev_resume_parent(): they wait
 * @MDEV_RUN_DEAD: from mdev_mark_parent_dead(), or an unregistration that finds it
 *	paused, on: they fail. Final.
 */
enum mdev_run_state {
	MDEV_RUN_RUNNING,
	MDEV_RUN_PAUSED,
	MDEV_RUN_DEAD,
};

/**
 * struct mdev_parent_core - state of a registered parent
 * @parent: the parent
 * @driver: driver that its devices bind to; NULL for mdev_register_device()
 * @linked: the link in /sys/class/mdev_bus exists
 * @first: no other parent of mdev_register_device() was registered before
 * @available: number of devices that can be created, if @driver does not count
 * @types_kset: the directory ``mdev_supported_types``
 * @users: number of tasks that create or remove a device; negative, by
 *	MDEV_USERS_BLOCKED, while the parent is not registered
 * @lock: serializes registration and unregistration
 * @next: in mdev_parents, protected by mdev_parents_lock
 * @run_state: written under @run_lock, read without it
 * @run_lock: protects @run_state and @nr_operations
 * @nr_operations: callbacks that run between mdev_operation_enter() and
 *	mdev_operation_exit()
 * @run_wait: tasks that wait for another @run_state, and the pause for callbacks
 * @pause_lock: serializes pauses and resumes; protects @nr_pauses and
 *	&mdev_device_core.pause_called
 * @nr_pauses: pauses without a resume
 * @devices: &mdev_device_core.parent_node of devices, from the success of ->create()
 *	until ->remove() is called
 * @rcu: delays freeing it after mdev_callbacks_release()
 * @ref: held by the registration and each type
 * @released: completed when @ref is 0, if there is @driver
 * @allocated: the parent of mdev_register_device()
 */
struct mdev_parent_core {
	struct mdev_parent *parent;
	struct mdev_driver *driver;
	bool linked;
	bool first;
	atomic_t available;
	struct kset *types_kset;
	atomic_t users;
	/* Outermost lock of mdev.ko */
	struct mutex lock;
	struct list_head next;
	enum mdev_run_state run_state;
	/* Innermost */
	spinlock_t run_lock;
	unsigned int nr_operations;
	wait_queue_head_t run_wait;
	/* See the order of locks above */
	struct mutex pause_lock;
	unsigned int nr_pauses;
	struct klist devices;
	struct rcu_head rcu;
	struct kref ref;
	struct completion released;
	struct mdev_parent allocated;
};

/**
 * struct mdev_type_core - state of a type
 * @type: the type
 * @kobj: its directory; held by each device
 * @devices_kobj: the directory ``devices``, with links to its devices
 * @allocated: the type of mdev_register_device()
 */
struct mdev_type_core {
	struct mdev_type *type;
	struct kobject kobj;
	struct kobject *devices_kobj;
	struct mdev_type allocated;
};

/**
 * struct mdev_device_core - state of a device
 * @mdev: the device
 * @node: in the table of all UUIDs
 * @rcu: delays freeing it after a concurrent lookup in that table
 * @state: enum mdev_state
 * @users: opens and writers of online; negative, by MDEV_USERS_BLOCKED, during
 *	and after a removal, which blocks new ones
 * @lock: serializes open, close and writes to online; held across ->start(),
 *	->stop(), ->open() and ->release()
 * @started_by_open: the last close calls ->stop(); protected by @lock, as are
 *	writes to &mdev_device.online and &mdev_device.callbacks
 * @removing: mdev_probe() fails during a removal; protected by the device lock, as
 *	are the next two
 * @wanted: mdev_device_reattach() has to bind a driver
 * @probe_error: error of the last probe
 * @binding: the creator binds the parent's driver
 * @parent_node: in &mdev_parent_core.devices
 * @callbacks_lock: protects &mdev_device.callbacks, &mdev_callbacks.blocked and the
 *	next three
 * @map_held: the state of the parent is counted in @map_blocked
 * @opener_tgid: thread group that has opened the device, NULL while it is closed
 * @opener_comm: its name
 * @pause_called: ->pause() has succeeded
 * @powered_open: mdev_open() holds the parent's runtime PM; protected by @lock
 * @powered_online: so does a write of 1 to online; protected by @lock
 * @opener: driver that called mdev_open(), NULL while the device is closed
 * @closing: the last close, or the undoing of a failed open, is under way
 * @nr_opens: number of opens; written before @opener is set, read by its callers
 * @nr_dma_calls: running calls of mdev_pin_pages() and the other functions of
 *	mdev_dma.c, which use @opener
 * @map_lock: taken for reading by page faults that insert pages, for writing by
 *	invalidations; not held across callbacks. Protects what follows.
 * @mapping: from mdev_open(), NULL while the device is closed
 * @map_seq: number of invalidations
 * @map_blocked: number of running resets, during which nothing is mapped, and 1 more
 *	while the parent is paused or dead
 * @map_granule: alignment of invalidations, see mdev_map_set_granule()
 */
struct mdev_device_core {
	struct mdev_device mdev;
	struct rhash_head node;
	struct rcu_head rcu;
	unsigned int state;
	atomic_t users;
	/* See the order of locks above */
	struct mutex lock;
	bool started_by_open;
	bool removing;
	bool wanted;
	int probe_error;
	bool binding;
	struct klist_node parent_node;
	/* Inside of mdev_operation_enter(), outside of map_lock */
	struct mutex callbacks_lock;
	bool map_held;
	struct pid *opener_tgid;
	char opener_comm[TASK_COMM_LEN];
	bool pause_called;
	bool powered_open;
	bool powered_online;
	struct mdev_bus_driver *opener;
	bool closing;
	u64 nr_opens;
	atomic_t nr_dma_calls;
	struct rw_semaphore map_lock;
	struct address_space *mapping;
	unsigned long map_seq;
	unsigned int map_blocked;
	unsigned long map_granule;
};

/* The driver that a device binds to, NULL for one that a bus driver exposes */
static inline struct mdev_driver *
mdev_parent_driver(const struct mdev_device *mdev)
{
	return mdev->type->parent->core->driver;
}

/* Added to a count of users to block new ones; the sum when none is left */
#define MDEV_USERS_BLOCKED	INT_MIN

/* For a device with MDEV_USERS_BLOCKED: whether it is still open */
static inline bool mdev_has_users(struct mdev_device *mdev)
{
	/* Pairs with atomic_dec_return() in mdev_user_put() */
	return atomic_read_acquire(&mdev->core->users) != MDEV_USERS_BLOCKED;
}

#define to_mdev_driver(_drv) \
	container_of_const(_drv, struct mdev_driver, driver)
#define to_mdev_bus_driver(_drv) \
	container_of_const(_drv, struct mdev_bus_driver, driver)

/* mdev_register.c */
int mdev_register_init(void);
void mdev_register_exit(void);

/* mdev_type.c */
int mdev_parse_uuid(const char *buf, size_t count, guid_t *uuid);
int mdev_types_add(struct mdev_parent *parent, struct mdev_type **types,
		   unsigned int count);
void mdev_types_remove(struct mdev_parent *parent);

/* mdev_device.c */
int mdev_devices_init(void);
void mdev_devices_exit(void);
int mdev_device_create(struct mdev_type *type, const guid_t *uuid);
int mdev_device_remove(struct mdev_device *mdev);
void mdev_device_kill(struct mdev_device *mdev);
void mdev_device_remove_forced(struct mdev_device *mdev);

/* mdev_open.c */
extern wait_queue_head_t mdev_removal_wait;
int mdev_user_get(struct mdev_device *mdev);
void mdev_user_put(struct mdev_device *mdev);
int mdev_start(struct mdev_device *mdev);
int mdev_stop(struct mdev_device *mdev);
int mdev_set_online(struct mdev_device *mdev, bool online);
void mdev_power_put_online(struct mdev_device *mdev);

/* mdev_bus.c */
int mdev_bus_init(void);
void mdev_bus_exit(void);
bool mdev_driver_in_use(struct mdev_device *mdev);

/* mdev_parent.c */
struct mdev_parent *mdev_parent_add(struct mdev_parent *parent,
				    struct device *dev,
				    const struct parent_ops *ops,
				    struct mdev_driver *driver);
void mdev_parent_del(struct mdev_parent *parent);
struct mdev_parent *mdev_parent_lookup(struct device *dev);
bool mdev_parent_enter(struct mdev_parent *parent);
void mdev_parent_leave(struct mdev_parent *parent);
bool mdev_parent_is_unregistering(struct mdev_parent *parent);
void mdev_parent_get(struct mdev_parent *parent);
void mdev_parent_put(struct mdev_parent *parent);
void mdev_type_get(struct mdev_type *type);
void mdev_type_put(struct mdev_type *type);

/* mdev_dma.c */
void mdev_dma_wait(struct mdev_device *mdev);

/**
 * struct mdev_kthread_call - a call that can sleep in a page fault of userspace memory
 * @timer: checks whether @task has to be woken up by SIGKILL
 * @core: the device; open, and its &mdev_device_core.opener_tgid set, until the end
 * @task: the kernel thread, NULL for any other task
 * @killed: @timer has sent SIGKILL
 */
struct mdev_kthread_call {
	struct timer_list timer;
	const struct mdev_device_core *core;
	struct task_struct *task;
	bool killed;
};

/* mdev_dma_kthread.c */
void mdev_kthread_call_begin(struct mdev_kthread_call *call, struct mdev_device *mdev);
int mdev_kthread_call_end(struct mdev_kthread_call *call, int ret);

/* mdev_mapping.c */
void mdev_map_wake(struct mdev_device *mdev);
#if IS_ENABLED(CONFIG_KUNIT)
u64 mdev_map_page_range(u64 start, u64 end, u64 max, u64 *first);
#endif

/* mdev_drain.c */
void mdev_drain_exit(void);
int mdev_callbacks_create(struct mdev_device *mdev);
void mdev_callbacks_destroy(struct mdev_device *mdev);
void mdev_callbacks_block(struct mdev_device *mdev, unsigned int reason);
void mdev_callbacks_unblock(struct mdev_device *mdev, unsigned int reason);
void mdev_callbacks_wake(struct mdev_device *mdev);

/* mdev_pause.c */
void mdev_pause_init(struct mdev_parent_core *core);
bool mdev_parent_is_dead(const struct mdev_parent *parent);
void mdev_follow_parent(struct mdev_device *mdev);
void mdev_parent_add_device(struct mdev_device *mdev);
void mdev_parent_del_device(struct mdev_device *mdev);
int mdev_parent_operation_enter(struct mdev_parent *parent);
void mdev_parent_operation_exit(struct mdev_parent *parent);
void mdev_parent_end_pause(struct mdev_parent *parent);

/* mdev_irqs.c */
struct eventfd_ctx *mdev_eventfd_get(int fd);
void mdev_eventfd_put(struct eventfd_ctx *eventfd);
void mdev_eventfd_signal(struct eventfd_ctx *eventfd);

#endif /* _MDEV_PRIVATE_H */
