/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of mdev_sim.ko share. */
#ifndef _MDEV_SIM_H
#define _MDEV_SIM_H

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/kref.h>
#include <linux/mdev.h>
#include <linux/mdev_irqs.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>
#include <linux/xarray.h>

#include "mdev_sim_uapi.h"
#include "sim_parent.h"

/* Memory behind mapped regions is allocated in blocks of this size */
#define SIM_BLOCK_SIZE		SZ_2M
#define SIM_BLOCK_ORDER		get_order(SIM_BLOCK_SIZE)
#define SIM_REGION_BLOCKS	2

/* BAR0 up to its log and channels; the scratch memory lies in between */
#define SIM_NR_REGISTERS	(0x100 / sizeof(u64))

/* The callbacks; sim_rules.c has their names, and when each may come */
enum sim_call_number {
	SIM_CREATE,
	SIM_REMOVE,
	SIM_OPEN,
	SIM_RELEASE,
	SIM_START,
	SIM_STOP,
	SIM_RESET,
	SIM_GET_DEVICE_INFO,
	SIM_GET_REGION_INFO,
	SIM_GET_IRQ_INFO,
	SIM_READ,
	SIM_WRITE,
	SIM_SET_IRQS,
	SIM_VALIDATE_MAP_REQUEST,
	SIM_MMAP,
	SIM_IOCTL,
	SIM_DEVICE_FEATURE,
	SIM_REQUEST,
	SIM_DMA_UNMAP,
	SIM_ATTRIBUTE,
	SIM_MIGRATION_SET_STATE,
	SIM_MIGRATION_DATA_SIZE,
	SIM_MIGRATION_SAVE,
	SIM_MIGRATION_LOAD,
	SIM_MIGRATION_OPEN_DATA,
	SIM_DIRTY_LOG_START,
	SIM_DIRTY_LOG_STOP,
	SIM_DIRTY_LOG_REPORT,
	SIM_PAUSE,
	SIM_RESUME,
	SIM_NR_CALLS,
};

/**
 * struct sim_rule - what a callback is called, and when it may come
 * @name: its directory in debugfs
 * @has_no_result: so it can't fail
 * @only_open: it comes after a successful open and before release only
 * @excludes: callbacks of the same device that must not run concurrently, as bits
 */
struct sim_rule {
	const char *name;
	bool has_no_result;
	bool only_open;
	u32 excludes;
};

/* What a device has been through, as bits of its state */
enum sim_state {
	SIM_IS_OPEN,
	SIM_IS_STARTED,
	/* The last one failed, so that what follows is not the rule */
	SIM_STOP_FAILED,
	SIM_REMOVE_FAILED,
	/* From pause to resume, or until it is removed with a dead parent */
	SIM_IS_PAUSED,
};

struct sim_channel {
	/* One command at a time */
	struct mutex lock;
	struct mdev_sim_command command;
};

/**
 * struct sim_device - a mediated device
 * @mdev: what it is to mdev; its address is also the key in the registry
 * @parent: its parent device
 * @type: index of its type
 * @ref: of the registry, and of each callback that runs
 * @state: enum sim_state
 * @rules_lock: protects @running
 * @running: how many of each callback run
 * @irqs: its interrupts
 * @registers: those of BAR0, by offset / 8
 * @access_lock: protects @scratch, @config and @log
 * @scratch: plain memory in BAR0
 * @config: config space
 * @log: the last accesses
 * @channels: in BAR0
 * @bulk_lock: protects @bulk
 * @bulk: BAR1
 * @memory_lock: protects @generation and @blocks; held across invalidation
 * @generation: of memory that is allocated from now on
 * @blocks: pages of mapped regions, allocated at the first fault
 * @wc: the memory type of sim_bar is reserved
 * @pins_lock: protects @pins; held across mdev_pin_pages()
 * @pins: each struct sim_pin, by numbers of its pages
 * @stream: what is transferred by the vendor's own file, or NULL
 * @feature_value: of MDEV_SIM_FEATURE_VALUE
 * @dirty: numbers of the pages that were written
 */
struct sim_device {
	struct mdev_device *mdev;
	struct sim_parent *parent;
	unsigned int type;
	struct kref ref;
	unsigned long state;

	/* Around the counts only */
	spinlock_t rules_lock;
	u16 running[SIM_NR_CALLS];

	struct mdev_irqs *irqs;

	atomic64_t registers[SIM_NR_REGISTERS];
	/* Around copies only */
	spinlock_t access_lock;
	u8 scratch[MDEV_SIM_REG_SCRATCH_SIZE];
	u8 config[MDEV_SIM_CONFIG_SIZE];
	struct mdev_sim_access log[MDEV_SIM_LOG_ENTRIES];
	struct sim_channel channels[MDEV_SIM_NR_CHANNELS];

	/* Around copies only */
	struct mutex bulk_lock;
	u8 *bulk;

	/* Taken by page faults, too */
	struct mutex memory_lock;
	u32 generation;
	struct page *blocks[VFIO_PCI_NUM_REGIONS][SIM_REGION_BLOCKS];
	bool wc;

	/* Taken by dma_unmap, too */
	struct mutex pins_lock;
	struct rb_root_cached pins;

	struct sim_stream *stream;
	u64 feature_value;
	struct xarray dirty;
};

/**
 * struct sim_call - a callback that runs
 * @sim: the device, or NULL if there is none
 * @number: which callback
 * @error: what it has to answer at once, or 0
 */
struct sim_call {
	struct sim_device *sim;
	enum sim_call_number number;
	int error;
};

/* sim_device.c */
extern u32 sim_info_caps;
extern u32 sim_irq_flags_cleared;
extern const struct parent_ops sim_full_ops;
int sim_create(struct kobject *kobj, struct mdev_device *mdev);
int sim_remove(struct mdev_device *mdev);
void sim_device_free(struct sim_device *sim);

/* sim_rules.c */
extern const struct sim_rule sim_rules[SIM_NR_CALLS];
extern atomic_t sim_violations;
__printf(1, 2)
void sim_violation(const char *format, ...);
void sim_rules_begin(struct sim_device *sim, enum sim_call_number number);
void sim_rules_end(struct sim_device *sim, enum sim_call_number number);

/* sim_registry.c */
extern atomic_t sim_nr_devices;
int sim_registry_add(struct sim_device *sim);
struct sim_device *sim_registry_get(struct mdev_device *mdev);
void sim_registry_put(struct sim_device *sim);
void sim_registry_del(struct sim_device *sim);
void sim_registry_check_gone(struct sim_parent *parent);

/* sim_calls.c */
int sim_calls_init(void);
void sim_calls_exit(void);
struct sim_call sim_call_begin(struct mdev_device *mdev,
			       enum sim_call_number number);
void sim_call_end(const struct sim_call *call);

/* At the head of each callback; it ends with the function. */
DEFINE_CLASS(sim_call, struct sim_call, sim_call_end(&_T),
	     sim_call_begin(mdev, number), struct mdev_device *mdev,
	     enum sim_call_number number)

/* sim_regions.c */
extern u32 sim_areas;
void sim_copy(struct sim_device *sim, void *memory, void *buf, size_t count,
	      bool write);
void sim_bulk_copy(struct sim_device *sim, u64 offset, void *buf, size_t count,
		   bool write);
int sim_get_region_info(struct mdev_device *mdev, struct vfio_region_info *info,
			struct vfio_info_cap *caps);
ssize_t sim_read(struct mdev_device *mdev, char *buf, size_t count, loff_t pos);
ssize_t sim_write(struct mdev_device *mdev, const char *buf, size_t count,
		  loff_t pos);
u64 sim_region_size(u32 index);
bool sim_region_can_be_mapped(const struct sim_device *sim, u32 index,
			      u64 offset, u64 size);

/* sim_registers.c */
static inline atomic64_t *sim_register(struct sim_device *sim,
				       unsigned int offset)
{
	return &sim->registers[offset / sizeof(u64)];
}

int sim_registers_access(struct sim_device *sim, u32 index, u64 offset,
			 void *buf, size_t count, bool write);
void sim_log_access(struct sim_device *sim, u64 pos, const void *buf,
		    size_t count, bool write);

/* sim_commands.c */
int sim_command_run(struct sim_device *sim, struct mdev_sim_command *command);

/* sim_memory.c */
extern unsigned long sim_map_block;
extern u32 sim_map_answer;
extern u64 sim_reserved;
extern atomic_t sim_nr_blocks;
int sim_memory_init(void);
int sim_memory_access(struct sim_device *sim, u32 index, u64 offset, void *buf,
		      size_t count, bool write);
int sim_memory_map(struct sim_device *sim, struct vm_area_struct *vma,
		   loff_t pos);
int sim_memory_reback(struct sim_device *sim, u32 index);
void sim_memory_free(struct sim_device *sim);
int sim_validate_map_request(struct mdev_device *mdev, loff_t pos,
			     unsigned long *pfn, unsigned long *size,
			     u32 *flags);

/* sim_caching.c */
extern u32 sim_caching;
extern u64 sim_bar;
int sim_bar_init(void);
void sim_bar_exit(void);
int sim_bar_open(struct sim_device *sim);
void sim_bar_release(struct sim_device *sim);
u32 sim_caching_flags(void);
int sim_get_caching(unsigned long address, u64 *caching);

/* sim_dma.c */
extern u32 sim_forget_pins;
extern atomic_t sim_nr_pins;
int sim_pin_pages(struct sim_device *sim, u64 iova, int npage, int prot);
int sim_unpin(struct sim_device *sim, u64 iova, int npage);
int sim_dma_rw(struct sim_device *sim, u64 iova, u64 offset, u64 length,
	       bool write);
int sim_access_pinned(struct sim_device *sim, u64 iova, u64 *value, bool write);
void sim_unpin_all(struct sim_device *sim);
void sim_dma_unmap(struct mdev_device *mdev, u64 iova, u64 length);

/* sim_migration.c */
extern size_t sim_state_size;
extern u32 sim_state_bad;
extern const struct mdev_migration_ops sim_migration_ops;
extern const struct mdev_migration_ops sim_stop_copy_ops;
void sim_migration_reset(struct sim_device *sim);
size_t sim_migration_data_size(struct mdev_device *mdev);
int sim_migration_set_state(struct mdev_device *mdev,
			    enum vfio_device_mig_state from,
			    enum vfio_device_mig_state to);

/* sim_own.c */
extern const struct mdev_migration_ops sim_own_migration_ops;
int sim_mmap(struct mdev_device *mdev, struct vm_area_struct *vma);
long sim_ioctl(struct mdev_device *mdev, unsigned int cmd, unsigned long arg);
void sim_stream_end(struct sim_device *sim);

/* sim_feature.c */
extern u32 sim_feature_excess;
ssize_t sim_device_feature(struct mdev_device *mdev, u32 flags, void *data,
			   size_t size);

/* sim_parent.c */
extern u32 sim_visited;
extern u32 sim_visit_delay;
extern atomic_t sim_runtime_resumes;
extern atomic_t sim_runtime_suspends;
extern u32 sim_runtime_fail;
extern const struct dev_pm_ops sim_pm_ops;
extern const struct file_operations sim_parent_fops;

/* sim_dirty_log.c */
extern u32 sim_log_page_size;
extern const struct mdev_dirty_log_ops sim_dirty_log_ops;
void sim_dirty_mark(struct sim_device *sim, u64 iova, u64 length);
void sim_dirty_forget(struct sim_device *sim);

#endif /* _MDEV_SIM_H */
