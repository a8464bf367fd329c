// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM whose device accesses memory of a userfaultfd that nothing handles: SIGKILL ends
 * it, although a work item of the driver sleeps in the page fault. mdma reads descriptors
 * by mdev_dma_rw(), with iommu->lock of type1 held, and pins what it copies. Pins by type1
 * have no variant: vaddr_get_pfns() fails with -EFAULT instead of waiting for userspace.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "mdma_lib.h"
#include "uffd_lib.h"
#include "vfio_lib.h"

/* How long the VMM waits in its operation before it is killed */
#define WATCH_MS	300

/* For an exit that takes a tenth of a second: enough for an emulated machine */
#define EXIT_MS		20000

#define PIPE_END_TEST	0
#define PIPE_END_VMM	1

typedef int (*operation_fn)(struct mdma_card *card);

FIXTURE(uffd_kill)
{
	int pipe[2];
	pid_t vmm;
	int pidfd;
	int uffd;
};

FIXTURE_VARIANT(uffd_kill)
{
	int (*open)(struct dma_user *user, const char *uuid);
	bool ring;
};

FIXTURE_VARIANT_ADD(uffd_kill, container_dma_rw) {
	.open = dma_open_container,
	.ring = true,
};

FIXTURE_VARIANT_ADD(uffd_kill, group_dma_rw) {
	.open = dma_open_group,
	.ring = true,
};

FIXTURE_VARIANT_ADD(uffd_kill, group_pin) {
	.open = dma_open_group,
};

FIXTURE_VARIANT_ADD(uffd_kill, cdev_dma_rw) {
	.open = dma_open_cdev,
	.ring = true,
};

FIXTURE_VARIANT_ADD(uffd_kill, cdev_pin) {
	.open = dma_open_cdev,
};

static int operation_reset(struct mdma_card *card)
{
	return vfio_ioctl(card->fd, VFIO_DEVICE_RESET, NULL);
}

static int operation_unmap(struct mdma_card *card)
{
	return dma_unmap(&card->user, MDMA_TARGET, MDMA_AREA_SIZE);
}

/* mdma waits for the work item of the queue */
static int operation_write(struct mdma_card *card)
{
	return mdma_write(card->fd, 0, MDMA_SIZE, 0);
}

static int operation_close(struct mdma_card *card)
{
	mdma_close(card);
	return 0;
}

/* Reports @result, then waits for an operation of the test. */
static operation_fn report(int pipe, int result)
{
	operation_fn operation = NULL;

	if (write(pipe, &result, sizeof(result)) != sizeof(result) ||
	    read(pipe, &operation, sizeof(operation)) != sizeof(operation))
		_exit(1);
	return operation;
}

static int start_dma(struct mdma_card *card, struct mdma_memory *memory, bool ring,
		     int (*open)(struct dma_user *user, const char *uuid))
{
	int ret = mdma_memory_alloc(memory);
	int uffd;

	if (!ret)
		ret = mdma_open(card, memory, open, UUID_A);
	if (ret)
		return ret;
	mdma_add(card, 0, MDMA_SOURCE, MDMA_TARGET, PAGE, MDMA_COPY);
	uffd = uffd_open(ring ? (void *)memory->rings : memory->source);
	if (uffd >= 0)
		ret = mdma_ring(card, 0);
	return ret ? ret : uffd;
}

/* A process, so that the test's own exit is not delayed */
static void run_vmm(int pipe, bool ring,
		    int (*open)(struct dma_user *user, const char *uuid))
{
	struct mdma_memory memory;
	struct mdma_card card;
	int result;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	result = start_dma(&card, &memory, ring, open);
	for (;;)
		result = report(pipe, result)(&card);
}

static int read_result(int pipe)
{
	struct pollfd poller = { .fd = pipe, .events = POLLIN };
	int result;

	if (poll(&poller, 1, EXIT_MS) != 1)
		return -ETIMEDOUT;
	return read(pipe, &result, sizeof(result)) == sizeof(result) ? result : -EPIPE;
}

FIXTURE_SETUP(uffd_kill)
{
	int uffd;

	if (access("/proc/sys/vm/unprivileged_userfaultfd", F_OK))
		SKIP(return, "needs CONFIG_USERFAULTFD");
	if (variant->open != dma_open_container)
		vfio_need_iommufd();
	ASSERT_EQ(0, mdma_prepare());
	ASSERT_EQ(0, mdma_create("mdma-1", UUID_A));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, self->pipe));
	self->vmm = fork();
	ASSERT_LE(0, self->vmm);
	if (!self->vmm)
		run_vmm(self->pipe[PIPE_END_VMM], variant->ring, variant->open);
	close(self->pipe[PIPE_END_VMM]);

	uffd = read_result(self->pipe[PIPE_END_TEST]);
	self->pidfd = syscall(__NR_pidfd_open, self->vmm, 0);
	ASSERT_LE(0, self->pidfd);
	ASSERT_LE(0, uffd);
	/* The userfaultfd outlives the VMM */
	self->uffd = syscall(__NR_pidfd_getfd, self->pidfd, uffd, 0);
	ASSERT_LE(0, self->uffd);
	ASSERT_EQ(0, uffd_wait(self->uffd));
}

static bool ended(int pidfd)
{
	struct pollfd poller = { .fd = pidfd, .events = POLLIN };

	return poll(&poller, 1, EXIT_MS) == 1;
}

FIXTURE_TEARDOWN(uffd_kill)
{
	kill(self->vmm, SIGKILL);
	EXPECT_TRUE(ended(self->pidfd));
	/* Ends the page fault, if the work item still sleeps in it */
	close(self->uffd);
	EXPECT_EQ(self->vmm, waitpid(self->vmm, NULL, 0));
	close(self->pidfd);
	close(self->pipe[PIPE_END_TEST]);
	EXPECT_EQ(0, mdma_finish());
}

/* Makes the VMM call @operation; true if it waits. */
static bool start_waiting(int pipe, operation_fn operation)
{
	struct pollfd poller = { .fd = pipe, .events = POLLIN };

	return write(pipe, &operation, sizeof(operation)) == sizeof(operation) &&
	       !poll(&poller, 1, WATCH_MS);
}

TEST_F_TIMEOUT(uffd_kill, idle, MDMA_TIMEOUT)
{
	/* Killed in the teardown */
}

TEST_F_TIMEOUT(uffd_kill, reset, MDMA_TIMEOUT)
{
	EXPECT_TRUE(start_waiting(self->pipe[PIPE_END_TEST], operation_reset));
}

/* iommufd does not wait for accesses of other pages than those that it unmaps. */
TEST_F_TIMEOUT(uffd_kill, unmap, MDMA_TIMEOUT)
{
	bool waits = start_waiting(self->pipe[PIPE_END_TEST], operation_unmap);

	if (variant->open == dma_open_container)
		EXPECT_TRUE(waits);
}

TEST_F_TIMEOUT(uffd_kill, register_write, MDMA_TIMEOUT)
{
	EXPECT_TRUE(start_waiting(self->pipe[PIPE_END_TEST], operation_write));
}

/* A close ends the access as well, without a signal. */
TEST_F_TIMEOUT(uffd_kill, close, MDMA_TIMEOUT)
{
	operation_fn operation = operation_close;
	int pipe = self->pipe[PIPE_END_TEST];

	ASSERT_EQ(sizeof(operation), write(pipe, &operation, sizeof(operation)));
	EXPECT_EQ(0, read_result(pipe));
}

TEST_HARNESS_MAIN
