// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page faults in mapped regions of a mediated device: when and for which size
 * ->validate_map_request() is called, which entries are inserted, and munmap(),
 * mremap() and mprotect() of parts of a mapping.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "map_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

FIXTURE(fault)
{
	struct vfio_user user;
	int fd;
};

FIXTURE_VARIANT(fault)
{
	int (*open)(struct vfio_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(fault, group) { .open = vfio_open_container };
FIXTURE_VARIANT_ADD(fault, cdev) { .open = vfio_open_cdev };

FIXTURE_SETUP(fault)
{
	ASSERT_EQ(0, map_prepare());
	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	self->fd = self->user.device;
}

FIXTURE_TEARDOWN(fault)
{
	map_finish();
	vfio_close(&self->user);
	EXPECT_EQ(0, sim_finish());
}

TEST_F(fault, mmap_without_prefault)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	EXPECT_EQ(0, map_faults(self->fd, BAR(2)));
	EXPECT_EQ(0, sim_get("pages"));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 0), map_load(bar, &error));
	EXPECT_EQ(1, map_faults(self->fd, BAR(2)));
	EXPECT_EQ(1, sim_get("pages"));
}

TEST_F(fault, page_offsets)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	unsigned int page;
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	for (page = 0; page < MDEV_SIM_BAR2_SIZE / PAGE; page++) {
		ASSERT_EQ(MDEV_SIM_FILL(1, BAR(2), page),
			  map_load(bar + page * PAGE, &error));
		ASSERT_EQ(0, error);
	}
}

TEST_F(fault, coherent_with_trapped_access)
{
	char *area = map_new(self->fd, BAR(3), MDEV_SIM_BAR3_AREA1,
			 MDEV_SIM_BAR3_AREA1_SIZE);
	uint64_t value = 0x0123456789abcdef;
	int error;

	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(0, map_store(area + PAGE + 8, value));
	value = 0;
	ASSERT_EQ(8, vfio_read(self->fd, BAR(3), MDEV_SIM_BAR3_AREA1 + PAGE + 8,
			       &value, 8));
	EXPECT_EQ(0x0123456789abcdef, value);
	value = 0xfedcba9876543210;
	ASSERT_EQ(8, vfio_write(self->fd, BAR(3), MDEV_SIM_BAR3_AREA1 + 16,
				&value, 8));
	EXPECT_EQ(0xfedcba9876543210, map_load(area + 16, &error));
}

/* SIGKILL is already pending at the fault of the second page. */
TEST_F(fault, usercopy_fault_killable)
{
	int pipes[2], status;
	char *bar;
	pid_t pid;

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, sim_set("map_block", PAGE));
	ASSERT_EQ(0, sim_set("validate_map_request/block", 1));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
		_exit(write(pipes[1], bar, 2 * PAGE) < 0);
	}
	EXPECT_TRUE(sim_wait_for("validate_map_request/blocked", 1));
	kill(pid, SIGKILL);
	EXPECT_EQ(0, sim_set("validate_map_request/block", 0));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	close(pipes[0]);
	close(pipes[1]);
}

/* Sizes that ->validate_map_request() is called with and returns: faults */
static const struct {
	uint64_t block;
	size_t skew;
	unsigned int faults;
} granules[] = {
	{ PAGE, 0, MDEV_SIM_BAR2_SIZE / PAGE },
	{ 0x10000, 0, MDEV_SIM_BAR2_SIZE / 0x10000 },
	{ HUGE, 0, MDEV_SIM_BAR2_SIZE / HUGE },
	/* PTEs, because the address is not aligned, but the same number of faults */
	{ HUGE, PAGE, MDEV_SIM_BAR2_SIZE / HUGE },
	{ 0x10000, PAGE, MDEV_SIM_BAR2_SIZE / 0x10000 },
};

TEST_F(fault, whole_block_inserted)
{
	unsigned int page;
	size_t i;
	int error;

	for (i = 0; i < ARRAY_SIZE(granules); i++) {
		uint64_t before = map_faults(self->fd, BAR(2));
		char *bar;

		ASSERT_EQ(0, sim_set("map_block", granules[i].block));
		bar = map_at(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE,
			     HUGE, granules[i].skew);
		ASSERT_NE(MAP_FAILED, bar);
		for (page = MDEV_SIM_BAR2_SIZE / PAGE; page--;) {
			ASSERT_EQ(MDEV_SIM_FILL(1, BAR(2), page),
				  map_load(bar + page * PAGE, &error))
				TH_LOG("granule %zu, page %u", i, page);
		}
		/* If the block is too small for a huge entry, PTEs take another call */
		EXPECT_LE(granules[i].faults, map_faults(self->fd, BAR(2)) - before)
			TH_LOG("granule %zu", i);
		EXPECT_GE(granules[i].faults + 2,
			  map_faults(self->fd, BAR(2)) - before)
			TH_LOG("granule %zu", i);
		munmap(bar, MDEV_SIM_BAR2_SIZE);
	}
}

TEST_F(fault, size_limited_to_vma)
{
	char *some = map_new(self->fd, BAR(2), 5 * PAGE, 10 * PAGE);
	int error;

	ASSERT_NE(MAP_FAILED, some);
	/* Page 8 of the region lies in the aligned block from 8 to 12 */
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 9), map_load(some + 4 * PAGE, &error));
	EXPECT_EQ(4 * PAGE, sim_register(self->fd, MDEV_SIM_REG_FAULT_SIZE));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 5), map_load(some, &error));
	EXPECT_EQ(PAGE, sim_register(self->fd, MDEV_SIM_REG_FAULT_SIZE));
}

TEST_F(fault, huge_fault_pmd)
{
	char *bar = map_at(self->fd, BAR(4), 0, MDEV_SIM_BAR4_SIZE, GIANT,
				0);
	uint64_t entries = 64 * HUGE / map_pmd_size();
	uint64_t offset;
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	for (offset = 0; offset < 64 * HUGE; offset += 16 * PAGE) {
		ASSERT_EQ(MDEV_SIM_FILL(1, BAR(4), offset / PAGE % 512),
			  map_load(bar + offset, &error));
	}
	/* One more call if the kernel first tries a PUD: the driver has no 1 GiB block */
	EXPECT_LE(entries, map_faults(self->fd, BAR(4)));
	EXPECT_GE(entries + 1, map_faults(self->fd, BAR(4)));
}

/* Stores only: the reserved memory is not initialized. */
TEST_F(fault, huge_fault_pud)
{
	char *bar;

	if (!sim_has_reserved_memory())
		SKIP(return, "mdev_sim has no reserved memory");
	ASSERT_EQ(0, sim_set("map_block", GIANT));
	bar = map_at(self->fd, BAR(4), 0, MDEV_SIM_BAR4_SIZE, GIANT, 0);
	ASSERT_NE(MAP_FAILED, bar);
	EXPECT_EQ(0, map_store(bar, 1));
	EXPECT_EQ(0, map_store(bar + GIANT / 2 + 8, 2));
	EXPECT_EQ(0, map_store(bar + GIANT - 8, 3));
	EXPECT_EQ(1, map_faults(self->fd, BAR(4)));

	/* An invalidation of one byte zaps the whole PUD */
	ASSERT_EQ(0, map_invalidate(self->fd, BAR(4), GIANT / 2, 1));
	EXPECT_EQ(0, map_store(bar + GIANT - 8, 4));
	EXPECT_LE(2, map_faults(self->fd, BAR(4)));
}

/* Errors and invalid results of ->validate_map_request() */

TEST_F(fault, failed_fault_keeps_other_mappings)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	char *area = map_new(self->fd, BAR(3), MDEV_SIM_BAR3_AREA0, PAGE);
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_NE(MAP_FAILED, area);
	map_load(area, &error);
	ASSERT_EQ(0, error);
	ASSERT_EQ(0, sim_set("validate_map_request/fail", ENOMEM));
	map_load(bar, &error);
	EXPECT_EQ(-EFAULT, error);
	map_load(area, &error);
	EXPECT_EQ(0, error);
	ASSERT_EQ(0, sim_set("validate_map_request/fail", 0));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 0), map_load(bar, &error));
}

TEST_F(fault, failed_fault_sigbus)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, sim_set("validate_map_request/fail", EACCES));
	pid = fork();
	if (!pid)
		_exit(map_and_store(self->fd));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGBUS, WTERMSIG(status));
}

TEST_F(fault, invalid_size_from_driver)
{
	static const enum mdev_sim_answer wrong[] = {
		MDEV_SIM_ANSWER_SIZE_0, MDEV_SIM_ANSWER_SIZE_SUBPAGE,
		MDEV_SIM_ANSWER_SIZE_ODD, MDEV_SIM_ANSWER_SIZE_DOUBLED,
	};
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	size_t i;
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		ASSERT_EQ(0, sim_set("map_answer", wrong[i]));
		map_load(bar + 5 * PAGE, &error);
		EXPECT_EQ(-EFAULT, error)
			TH_LOG("map_answer %u", wrong[i]);
	}
	ASSERT_EQ(0, sim_set("map_answer", MDEV_SIM_ANSWER_RIGHT));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 5), map_load(bar + 5 * PAGE, &error));
}

/* A block whose PFN is not aligned is mapped with PTEs. */
TEST_F(fault, huge_fault_falls_back)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	unsigned int last = map_pmd_size() / PAGE - 1;
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_EQ(0, sim_set("map_answer", MDEV_SIM_ANSWER_PFN_MISALIGNED));
	/* The page before the one that is accessed */
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 4), map_load(bar + 5 * PAGE, &error));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), last - 1),
		  map_load(bar + last * PAGE, &error));
	EXPECT_EQ(1, map_faults(self->fd, BAR(2)));
}

static void check_read_only(struct __test_metadata *_metadata, int fd,
			    char *bar)
{
	int error;

	ASSERT_EQ(0, sim_set("map_answer", MDEV_SIM_ANSWER_READ_ONLY));
	map_load(bar + PAGE, &error);
	EXPECT_EQ(0, error);
	EXPECT_EQ(-EFAULT, map_store(bar + PAGE, 1));
	map_load(bar + PAGE, &error);
	EXPECT_EQ(0, error);

	/* Each write to a read-only page calls the driver again, which can allow it */
	ASSERT_EQ(0, sim_set("map_answer", MDEV_SIM_ANSWER_RIGHT));
	EXPECT_EQ(0, map_store(bar + PAGE, 1));
	EXPECT_EQ(1, map_load(bar + PAGE, &error));

	/* The first access is a write */
	ASSERT_EQ(0, sim_set("map_answer", MDEV_SIM_ANSWER_READ_ONLY));
	ASSERT_EQ(0, map_invalidate(fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE));
	EXPECT_EQ(-EFAULT, map_store(bar + PAGE, 2));
	EXPECT_EQ(1, map_load(bar + PAGE, &error));
}

TEST_F(fault, read_only_huge_pages)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);

	ASSERT_NE(MAP_FAILED, bar);
	check_read_only(_metadata, self->fd, bar);
}

TEST_F(fault, read_only_small_pages)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);

	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_EQ(0, sim_set("map_block", PAGE));
	check_read_only(_metadata, self->fd, bar);
}

/* munmap(), mprotect(), mremap() and fork() */

TEST_F(fault, partial_munmap_mprotect_mremap)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	int error;

	ASSERT_NE(MAP_FAILED, bar);
	map_load(bar, &error);
	/* One page of a huge page */
	ASSERT_EQ(0, munmap(bar + 4 * PAGE, PAGE));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 3), map_load(bar + 3 * PAGE, &error));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 5), map_load(bar + 5 * PAGE, &error));
	ASSERT_EQ(0, mprotect(bar + 8 * PAGE, PAGE, PROT_READ));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 8), map_load(bar + 8 * PAGE, &error));
	EXPECT_EQ(-EFAULT, map_store(bar + 8 * PAGE, 1));
	EXPECT_EQ(0, map_store(bar + 9 * PAGE + 8, 1));
	ASSERT_EQ(0, mprotect(bar + 8 * PAGE, PAGE, RW));
	EXPECT_EQ(0, map_store(bar + 8 * PAGE + 8, 1));
	/* Move pages 5 to 7 */
	ASSERT_NE(MAP_FAILED, mremap(bar + 5 * PAGE, 3 * PAGE, 3 * PAGE,
				     MREMAP_MAYMOVE | MREMAP_FIXED,
				     bar + MDEV_SIM_BAR2_SIZE - 3 * PAGE));
	EXPECT_EQ(MDEV_SIM_FILL(1, BAR(2), 6),
		  map_load(bar + MDEV_SIM_BAR2_SIZE - 2 * PAGE, &error));
}

/* mprotect() to read-only and back, with PTEs and huge pages. */
TEST_F(fault, write_after_mprotect)
{
	static const uint64_t blocks[] = { PAGE, HUGE };
	size_t i;
	int error;

	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		char *bar;

		ASSERT_EQ(0, sim_set("map_block", blocks[i]));
		bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
		ASSERT_NE(MAP_FAILED, bar);
		ASSERT_EQ(0, mprotect(bar, MDEV_SIM_BAR2_SIZE, PROT_READ));
		map_load(bar, &error);
		EXPECT_EQ(0, error);
		EXPECT_EQ(-EFAULT, map_store(bar, 1));
		ASSERT_EQ(0, mprotect(bar, MDEV_SIM_BAR2_SIZE, RW));
		EXPECT_EQ(0, map_store(bar, 1));
		munmap(bar, MDEV_SIM_BAR2_SIZE);
	}
}

TEST_F(fault, vm_dontcopy_on_fork)
{
	char *bar = map_new(self->fd, BAR(2), 0, MDEV_SIM_BAR2_SIZE);
	int status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, bar);
	EXPECT_EQ(0, map_store(bar, 1));
	EXPECT_EQ(-1, madvise(bar, MDEV_SIM_BAR2_SIZE, MADV_DOFORK));
	EXPECT_EQ(EINVAL, errno);
	pid = fork();
	if (!pid)
		_exit(__atomic_load_n(bar, __ATOMIC_RELAXED));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSEGV, WTERMSIG(status));

	pid = fork();
	if (!pid)
		_exit(map_and_store(self->fd));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

/* vfio_mdev_may_split() zaps PUDs: mm can neither split nor move them. */
TEST_F(fault, pud_munmap_mprotect_mremap)
{
	char *bar, *elsewhere;
	int error;

	if (!sim_has_reserved_memory())
		SKIP(return, "mdev_sim has no reserved memory");
	ASSERT_EQ(0, sim_set("map_block", GIANT));

	bar = map_at(self->fd, BAR(4), 0, GIANT, GIANT, 0);
	ASSERT_NE(MAP_FAILED, bar);
	EXPECT_EQ(0, map_store(bar, 1));
	ASSERT_EQ(0, munmap(bar + 5 * PAGE, PAGE));
	EXPECT_EQ(0, map_store(bar + 4 * PAGE, 2));
	EXPECT_EQ(0, map_store(bar + 6 * PAGE, 3));
	EXPECT_EQ(1, map_load(bar, &error));
	munmap(bar, GIANT);

	bar = map_at(self->fd, BAR(4), 0, GIANT, GIANT, 0);
	ASSERT_NE(MAP_FAILED, bar);
	EXPECT_EQ(0, map_store(bar + 8, 4));
	elsewhere = mmap(NULL, GIANT, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, elsewhere);
	bar = mremap(bar, GIANT, GIANT, MREMAP_MAYMOVE | MREMAP_FIXED,
		     elsewhere);
	ASSERT_EQ(elsewhere, bar);
	EXPECT_EQ(4, map_load(bar + 8, &error));
	ASSERT_EQ(0, mprotect(bar, HUGE, PROT_READ));
	EXPECT_EQ(-EFAULT, map_store(bar + 8, 5));
	EXPECT_EQ(0, map_store(bar + HUGE, 6));
	munmap(bar, GIANT);
}

TEST_HARNESS_MAIN
