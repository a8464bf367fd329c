/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mdev_sim as its users see it: registers, commands, regions and what lies in
 * /sys/kernel/debug/mdev_sim. Shared by the module and the tests.
 *
 * Parents are platform devices, mdev_sim_FLAVOUR.N with N from 0 on, as many of
 * each flavour as the module parameter "parents" says:
 *
 *   full      everything in struct parent_ops, but for what "own" has; hot unplug
 *   stay      as full, without hot unplug; migrates by STOP_COPY only
 *   plain     always online, no reset, request, device_feature, dma_unmap or
 *             migration
 *   own       as stay, with mmap instead of validate_map_request, with ioctl, and
 *             with a file of its own that transfers the state
 *   minimal   create and remove, and nothing else
 *
 * Each has the types mdev_sim-pci, with all the regions below, of which there
 * are as many instances as the module parameter "instances" says, and
 * mdev_sim-bare, with BAR0 and the config space alone, of which there is one.
 *
 * In debugfs there is a directory for each callback, with the name of the
 * member of parent_ops, of mdev_migration_ops with "migration_" before it, of
 * mdev_dirty_log_ops with "dirty_log_", and "attribute" for the sysfs attribute
 * "generation" that each device has:
 *
 *   calls       how many times it was called; can be written, as all counts
 *   active      how many calls run now
 *   max_active  how many ran at once at most
 *   fail        errno, positive, that it answers instead of working; 0: none
 *   fail_times  how many calls fail before "fail" becomes 0; 0: all do
 *   delay       milliseconds that it sleeps before it works
 *   block       1: calls wait before they work, and nothing but 0 lets them go
 *               on; 2: a fatal signal ends the wait of its receiver too, with
 *               -EINTR; 3: calls wait when they have done their work
 *   blocked     how many calls wait
 *
 * A callback without a result can't fail. Beside these directories there are:
 *
 *   only        UUID of the device that fail, delay and block are for; counts
 *               are not affected. Empty: all devices.
 *   violations  how many times mdev or vfio_mdev broke a rule; each is reported
 *               in the kernel log, with the word "violation:"
 *   devices     how many devices exist
 *   pages       how many 2 MiB blocks of memory back mapped regions
 *   pins        how many pages of users are pinned
 *   map_block   largest block, in bytes, that a page fault gets; see MAP_BLOCK
 *   map_answer  enum mdev_sim_answer
 *   areas       enum mdev_sim_areas
 *   caching     enum mdev_sim_caching, of BAR4; for devices that are opened later
 *   bar         physical address of a BAR of 1 GiB, or 0, see enum mdev_sim_caching
 *   info_caps   how many capabilities get_device_info adds, see
 *               struct mdev_sim_info_cap
 *   irq_flags_cleared VFIO_IRQ_INFO_* that get_irq_info clears in all indexes
 *   feature_excess how many bytes more than right device_feature returns
 *   forget_pins MDEV_SIM_FORGET_*
 *   log_page_size page size of the next dirty log; 0: 4 KiB
 *   state_size  bytes of migration state
 *   parent      "pause NAME MILLISECONDS", "resume NAME" and "kill NAME" of a parent
 *               call mdev_pause_parent(), mdev_resume_parent() and
 *               mdev_mark_parent_dead(), "visit NAME" mdev_for_each_device()
 *   visited     how many devices the last "visit" has seen
 *   visit_delay milliseconds that it sleeps at each of them
 *   runtime_resumes, runtime_suspends  how often runtime PM did so, of all parents
 *   runtime_fail errno, positive, of a runtime resume; 0: none
 *   state_bad   1: the next states that are saved are refused when loaded
 *
 * The module can be unloaded only when no device is open, and then waits for
 * calls that are blocked; "block" can be written concurrently.
 */
#ifndef _MDEV_SIM_UAPI_H
#define _MDEV_SIM_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>
#include <linux/vfio.h>

/*
 * Regions. All can be read and, where not said otherwise, written by trapped
 * accesses; those of a mapped region reach the same memory as the mapping.
 *
 *   BAR0    registers, see below
 *   BAR1    plain memory in bulk accesses (MDEV_REGION_BULK); also what DMA
 *           commands transfer from and to
 *   BAR2    mapped
 *   BAR3    mapped in two areas only
 *   BAR4    mapped, huge; all its 2 MiB blocks are the same memory
 *   BAR5    mapped, read-only
 *   ROM     trapped, read-only, holds MDEV_SIM_ROM_MAGIC
 *   config  trapped, plain memory that begins with MDEV_SIM_ID
 */
#define MDEV_SIM_BAR0_SIZE	0x1000
#define MDEV_SIM_BAR1_SIZE	0x10000
#define MDEV_SIM_BAR2_SIZE	0x400000
#define MDEV_SIM_BAR3_SIZE	0x10000
#define MDEV_SIM_BAR3_AREA0	0x1000
#define MDEV_SIM_BAR3_AREA0_SIZE 0x3000
#define MDEV_SIM_BAR3_AREA1	0x8000
#define MDEV_SIM_BAR3_AREA1_SIZE 0x4000
#define MDEV_SIM_BAR4_SIZE	0x40000000
#define MDEV_SIM_BAR5_SIZE	0x10000
#define MDEV_SIM_ROM_SIZE	0x1000
#define MDEV_SIM_CONFIG_SIZE	0x100

#define MDEV_SIM_ID		0x00051b36	/* QEMU's test device */
#define MDEV_SIM_ROM_MAGIC	0xaa55

/*
 * Memory behind mapped regions is allocated in blocks of 2 MiB when it is first
 * accessed, and freed at the last close. Each of its pages begins with this
 * number (64 bits), where @page counts within the memory: modulo 512 in BAR4.
 * Memory that was freed begins with MDEV_SIM_POISON, in each page.
 */
#define MDEV_SIM_FILL(generation, region, page) \
	((__u64)(generation) << 32 | (__u64)(region) << 24 | (page))
#define MDEV_SIM_POISON		0xdeadfeeddeadfeedULL

/*
 * MAP_BLOCK: 2 MiB is the default. 1 GiB has an effect for BAR4 only, and only
 * if the module parameter "reserved" is the physical address, a multiple of
 * 1 GiB, of 1 GiB of memory that the kernel does not use. It then backs BAR4 of
 * all devices, unfilled, and trapped accesses get -EIO. With QEMU's q35, 3 GiB
 * of memory and "mem=4G mdev_sim.reserved=0x100000000" on the kernel's command
 * line there is such memory, which the host has to provide as far as it is
 * accessed.
 */
#define MDEV_SIM_MAP_BLOCK	0x200000

/* What validate_map_request answers */
enum mdev_sim_answer {
	MDEV_SIM_ANSWER_RIGHT,
	MDEV_SIM_ANSWER_SIZE_0,
	MDEV_SIM_ANSWER_SIZE_SUBPAGE,		/* 2 KiB */
	MDEV_SIM_ANSWER_SIZE_ODD,		/* three pages */
	MDEV_SIM_ANSWER_SIZE_DOUBLED,		/* of the size on entry */
	MDEV_SIM_ANSWER_PFN_MISALIGNED,		/* the next page's */
	MDEV_SIM_ANSWER_READ_ONLY,
	MDEV_SIM_ANSWER_RAM,			/* whatever "caching" says */
	MDEV_SIM_NR_ANSWERS,
};

/*
 * How BAR4 is cached. Unless that is write-back, it is backed by the memory BAR of
 * QEMU's test device, "-device pci-testdev,membar=1G", and trapped accesses get -EIO.
 * The memory type WC of that BAR is reserved while the device is open.
 */
enum mdev_sim_caching {
	MDEV_SIM_WRITE_BACK,
	MDEV_SIM_UNCACHED,
	MDEV_SIM_WC,
	MDEV_SIM_WC_UNRESERVED,			/* the memory type is not reserved */
	MDEV_SIM_CACHING_INVALID,		/* both flags */
	MDEV_SIM_NR_CACHING,
};

/* What get_region_info answers about the areas of BAR3 */
enum mdev_sim_areas {
	MDEV_SIM_AREAS_RIGHT,
	MDEV_SIM_AREAS_SECOND,			/* after another capability */
	MDEV_SIM_AREAS_SKEWED,
	MDEV_SIM_AREAS_ODD,
	MDEV_SIM_AREAS_OUTSIDE,
	MDEV_SIM_AREAS_CUT_OFF,			/* one is promised and missing */
	MDEV_SIM_NR_AREAS,
};

/*
 * What "own" does: it maps what lies within 2 MiB, all at once; its ioctl adds 1
 * to the number; and its file has the 64 bytes of the scratch memory.
 */
#define MDEV_SIM_IOCTL_INCREMENT	_IOWR(';', 190, __u64)

/* Pins that are neither taken back when the user unmaps, nor at release */
#define MDEV_SIM_FORGET_UNMAP	1
#define MDEV_SIM_FORGET_RELEASE	2

/* A capability of VFIO_DEVICE_GET_INFO; the first one has number 0. */
#define MDEV_SIM_INFO_CAP(number)	(0xff00 + (number))

struct mdev_sim_info_cap {
	struct vfio_info_cap_header header;
	__u64 number;
};

/*
 * Features: a value that can be got and set, and one without data that can be
 * set, which makes the value 0.
 */
#define MDEV_SIM_FEATURE_VALUE		0xfff0
#define MDEV_SIM_FEATURE_CLEAR		0xfff1

struct mdev_sim_feature {
	__u64 value;
	__u64 size;		/* of the buffer that the driver got, for GET */
};

/* Interrupts: INTx is a level, automasked; MSI-X is maskable. */
#define MDEV_SIM_NR_MSI		8
#define MDEV_SIM_NR_MSIX	64

/*
 * Registers in BAR0: naturally aligned accesses; where no size is said, of 8
 * bytes. Others get -EINVAL. Read-only unless said otherwise.
 */
#define MDEV_SIM_REG_ID			0x00	/* 4 bytes: MDEV_SIM_ID */
#define MDEV_SIM_REG_MIGRATION_STATE	0x08	/* enum vfio_device_mig_state */
/* Its last 8 steps; the newest is in the lowest byte, from << 4 | to */
#define MDEV_SIM_REG_MIGRATION_STEPS	0x10
#define MDEV_SIM_REG_DIRTY_PAGE_SIZE	0x18	/* 0: nothing is logged */
/* Resets, since the device was created */
#define MDEV_SIM_REG_RESETS		0x20
/* dma_unmap calls since then, and the arguments of the last one */
#define MDEV_SIM_REG_UNMAPS		0x28
#define MDEV_SIM_REG_UNMAP_IOVA		0x30
#define MDEV_SIM_REG_UNMAP_LENGTH	0x38
/* 64 bytes of plain memory: any size; cleared by reset, migrated, logged */
#define MDEV_SIM_REG_SCRATCH		0x40
#define MDEV_SIM_REG_SCRATCH_SIZE	0x40
/* validate_map_request calls since then, by region, and the last one's size */
#define MDEV_SIM_REG_FAULTS(region)	(0x80 + 8 * (region))
#define MDEV_SIM_REG_FAULT_SIZE		0xc8
#define MDEV_SIM_REG_FAULT_ANSWERED	0xd0
/* request calls since then */
#define MDEV_SIM_REG_REQUESTS		0xd8

/* 1 if a KVM was associated with the device when it was opened, or 0 */
#define MDEV_SIM_REG_KVM		0xe8

/*
 * The trapped accesses that were logged: all but those of other registers in
 * BAR0 than the scratch memory. The n-th one is at index n % 64, and writing
 * their number, which anything does, makes it 0.
 */
#define MDEV_SIM_REG_LOG_COUNT		0xe0
#define MDEV_SIM_REG_LOG(index)		(0x800 + 32 * ((index) % 64))
#define MDEV_SIM_LOG_ENTRIES		64

struct mdev_sim_access {
	__u64 position;		/* as the vendor got it, with the region */
	__u64 value;		/* the first 8 bytes at most */
	__u32 size;
	__u32 write;
	__u64 reserved;
};

/*
 * Channels: each takes a command at a time, and is independent of the others.
 * A command is carried out while its number is written, and the result, 0 or a
 * negative errno, is in place when the write returns. One write of a struct
 * mdev_sim_command up to "command" does it.
 */
#define MDEV_SIM_NR_CHANNELS		16
#define MDEV_SIM_REG_CHANNEL(channel)	(0x200 + 0x40 * (channel))

struct mdev_sim_command {
	__u64 argument[4];
	__u32 command;
	__s32 result;		/* read-only, as what follows */
	__u64 value;
	__u64 reserved[2];
};

enum mdev_sim_command_number {
	MDEV_SIM_NOP,
	/*
	 * Interrupts: (index, vector), and the level (0 or 1) for LEVEL. TRIGGER
	 * returns in value what mdev_irqs_trigger() does.
	 */
	MDEV_SIM_IRQ_TRIGGER,
	MDEV_SIM_IRQ_LEVEL,
	/*
	 * DMA: PIN (iova, pages, IOMMU_READ (1) | IOMMU_WRITE (2)), UNPIN (iova,
	 * pages), READ and WRITE of the user's memory (iova, offset in BAR1,
	 * bytes), PEEK (iova) and POKE (iova, value) 8 bytes of a pinned page.
	 * WRITE and POKE are what dirty logging notices.
	 */
	MDEV_SIM_PIN,
	MDEV_SIM_UNPIN,
	MDEV_SIM_DMA_READ,
	MDEV_SIM_DMA_WRITE,
	MDEV_SIM_PEEK,
	MDEV_SIM_POKE,
	/* (iova, bytes): as if the device had written there */
	MDEV_SIM_DIRTY,
	/* Mappings: (position, bytes), with the region in the position */
	MDEV_SIM_INVALIDATE,
	/*
	 * (region): new memory backs it, the old one is freed. The new
	 * generation of the device, which was 1 when it was created, is in
	 * value.
	 */
	MDEV_SIM_REBACK,
	/*
	 * (address): how the page at an address of the caller is cached, as its page
	 * table has it, is in value: MDEV_SIM_WRITE_BACK, _UNCACHED or _WC. -EFAULT
	 * if no page of a device is mapped there.
	 */
	MDEV_SIM_GET_CACHING,
	MDEV_SIM_NR_COMMANDS,
};

#endif /* _MDEV_SIM_UAPI_H */
