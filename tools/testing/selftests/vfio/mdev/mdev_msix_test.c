// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_SET_IRQS with several vectors: MSI-X, with eventfds that are set and
 * removed one by one, MSI with NORESIZE, and the ERR and REQ interrupts.
 * The device is mdev_sim, which triggers them by MDEV_SIM_IRQ_TRIGGER.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "irq_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define ERR		VFIO_PCI_ERR_IRQ_INDEX
#define REQ		VFIO_PCI_REQ_IRQ_INDEX
#define VECTORS		MDEV_SIM_NR_MSIX
#define ROUNDS		200

/* Returns the result of mdev_irqs_trigger(): 1 if it is signalled or pending */
static int64_t interrupt(int device, uint32_t index, uint32_t vector)
{
	const uint64_t argument[4] = { index, vector };
	uint64_t signalled;
	int ret = sim_command(device, 0, MDEV_SIM_IRQ_TRIGGER, argument, &signalled);

	return ret ? ret : (int64_t)signalled;
}

static int set_level(int device, bool level)
{
	return SIM_COMMAND(device, MDEV_SIM_IRQ_LEVEL, INTX, 0, level);
}

FIXTURE(vectors)
{
	struct vfio_user user;
	int device;
	int event[VECTORS];
};

FIXTURE_SETUP(vectors)
{
	unsigned int i;
	int ret;

	memset(self->event, -1, sizeof(self->event));
	ret = sim_prepare();
	if (ret == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	self->device = self->user.device;
	for (i = 0; i < VECTORS; i++) {
		self->event[i] = irq_eventfd();
		ASSERT_LE(0, self->event[i]);
	}
}

FIXTURE_TEARDOWN(vectors)
{
	unsigned int i;

	vfio_close(&self->user);
	for (i = 0; i < VECTORS; i++)
		vfio_close_file(&self->event[i]);
	EXPECT_EQ(0, sim_finish());
}

/* Each vector of MSI-X signals its own eventfd, if @set says it has one. */
static void expect_signals(struct __test_metadata *_metadata, int device,
			   const int *event, const bool *set)
{
	uint32_t i;

	for (i = 0; i < VECTORS; i++) {
		EXPECT_EQ(set[i], interrupt(device, MSIX, i))
			TH_LOG("vector %u", i);
		EXPECT_EQ(set[i], irq_signals(event[i]));
	}
}

TEST_F(vectors, msix_eventfds)
{
	bool set[VECTORS];

	memset(set, true, sizeof(set));
	ASSERT_EQ(0, irq_set_eventfds(self->device, MSIX, TRIGGER, 0, VECTORS,
				      self->event));
	expect_signals(_metadata, self->device, self->event, set);
}

/* As QEMU does: one vector for each VFIO_DEVICE_SET_IRQS, in any order */
TEST_F(vectors, msix_eventfds_one_by_one)
{
	bool set[VECTORS] = {};
	const int none = -1;
	unsigned int round;
	uint32_t vector;

	for (round = 0; round < ROUNDS; round++) {
		/* Visits all, since 37 and the number of vectors are coprime */
		vector = round * 37 % VECTORS;
		set[vector] = !set[vector] || round % 5 == 0;
		ASSERT_EQ(0, irq_set_eventfds(self->device, MSIX, TRIGGER,
					      vector, 1, set[vector] ?
					      &self->event[vector] : &none));
		if (round % 20 == 19)
			expect_signals(_metadata, self->device, self->event, set);
		if (round % 80 == 79) {
			ASSERT_EQ(0, irq_tear_down(self->device, MSIX));
			memset(set, false, sizeof(set));
			expect_signals(_metadata, self->device, self->event, set);
		}
	}
}

/* VFIO_IRQ_INFO_NORESIZE: more vectors only after a teardown */
TEST_F(vectors, msi_noresize)
{
	const int none = -1;
	uint32_t i;

	ASSERT_EQ(0, irq_set_eventfds(self->device, MSI, TRIGGER, 0, 4,
				      self->event));
	EXPECT_EQ(-EINVAL, irq_set_eventfds(self->device, MSI, TRIGGER, 4, 1,
					    self->event));
	EXPECT_EQ(-EINVAL, irq_set_eventfds(self->device, MSI, TRIGGER, 3, 2,
					    self->event));
	EXPECT_EQ(0, irq_set_eventfds(self->device, MSI, TRIGGER, 1, 1, &none));
	EXPECT_EQ(0, irq_set_eventfds(self->device, MSI, TRIGGER, 1, 1,
				      &self->event[1]));

	ASSERT_EQ(0, irq_tear_down(self->device, MSI));
	ASSERT_EQ(0, irq_set_eventfds(self->device, MSI, TRIGGER, 0,
				      MDEV_SIM_NR_MSI, self->event));
	for (i = 0; i < MDEV_SIM_NR_MSI; i++) {
		EXPECT_EQ(1, interrupt(self->device, MSI, i));
		EXPECT_EQ(1, irq_signals(self->event[i]));
	}
}

TEST_F(vectors, invalid_eventfd_changes_no_vector)
{
	int fds[VECTORS];
	bool set[VECTORS];

	memset(set, true, sizeof(set));
	ASSERT_EQ(0, irq_set_eventfds(self->device, MSIX, TRIGGER, 0, VECTORS,
				      self->event));
	memset(fds, -1, sizeof(fds));
	fds[0] = self->event[VECTORS - 1];
	fds[VECTORS / 2] = 10000;
	EXPECT_EQ(-EBADF, irq_set_eventfds(self->device, MSIX, TRIGGER, 0,
					   VECTORS, fds));
	fds[VECTORS / 2] = self->device;
	EXPECT_EQ(-EINVAL, irq_set_eventfds(self->device, MSIX, TRIGGER, 0,
					    VECTORS, fds));
	expect_signals(_metadata, self->device, self->event, set);
}

TEST_F(vectors, msix_masked_vectors_pending)
{
	const uint8_t odd[] = { 0, 1, 0, 1 };
	uint32_t i;

	ASSERT_EQ(0, irq_set_eventfds(self->device, MSIX, TRIGGER, 10, 4,
				      self->event));
	ASSERT_EQ(0, irq_act_where(self->device, MSIX, MASK, 10, 4, odd));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(1, interrupt(self->device, MSIX, 10 + i));
		EXPECT_EQ(1, interrupt(self->device, MSIX, 10 + i));
		EXPECT_EQ(odd[i] ? 0 : 2, irq_signals(self->event[i]));
	}
	ASSERT_EQ(0, irq_act_on(self->device, MSIX, UNMASK, 10, 4));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(odd[i], irq_signals(self->event[i]));
}

TEST_F(vectors, reset_clears_pending_keeps_mask)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, MSIX, TRIGGER,
				     self->event[0]));
	ASSERT_EQ(0, irq_act(self->device, MSIX, MASK));
	EXPECT_EQ(1, interrupt(self->device, MSIX, 0));
	ASSERT_EQ(0, vfio_ioctl(self->device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(0, irq_act(self->device, MSIX, UNMASK));
	EXPECT_EQ(0, irq_signals(self->event[0]));

	ASSERT_EQ(0, irq_act(self->device, MSIX, MASK));
	ASSERT_EQ(0, vfio_ioctl(self->device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(1, interrupt(self->device, MSIX, 0));
	EXPECT_EQ(0, irq_signals(self->event[0]));
	EXPECT_EQ(0, irq_act(self->device, MSIX, UNMASK));
	EXPECT_EQ(1, irq_signals(self->event[0]));
}

TEST_F(vectors, trigger_data_none_and_data_bool)
{
	const uint8_t values[] = { 1, 0, 255, 1 };
	uint32_t i;

	EXPECT_EQ(-EINVAL, irq_act_on(self->device, MSIX, TRIGGER, 0, 4));
	EXPECT_EQ(-EINVAL, irq_act_where(self->device, MSIX, TRIGGER, 0, 4,
					 values));

	/* The fourth vector has no eventfd: it is ignored */
	ASSERT_EQ(0, irq_set_eventfds(self->device, MSIX, TRIGGER, 0, 3,
				      self->event));
	EXPECT_EQ(0, irq_act_on(self->device, MSIX, TRIGGER, 0, 4));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(1, irq_signals(self->event[i]));
	EXPECT_EQ(0, irq_act_where(self->device, MSIX, TRIGGER, 0, 4, values));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(!!values[i], irq_signals(self->event[i]));
}

/* Triggers a masked vector, then signals @unmask. Returns the signals of @event. */
static uint64_t unmask_pending(int device, uint32_t vector, int unmask,
			       int event, int milliseconds)
{
	if (irq_act_on(device, MSIX, MASK, vector, 1) ||
	    interrupt(device, MSIX, vector) != 1 || irq_signals(event) ||
	    irq_signal(unmask))
		return UINT64_MAX;
	return irq_signals_within(event, milliseconds);
}

TEST_F(vectors, unmask_eventfds)
{
	int fds[VECTORS / 2];
	uint32_t i;

	ASSERT_EQ(0, irq_set_eventfds(self->device, MSIX, TRIGGER, 0,
				      VECTORS / 2, self->event));
	ASSERT_EQ(0, irq_set_eventfds(self->device, MSIX, UNMASK, 0,
				      VECTORS / 2, &self->event[VECTORS / 2]));

	/* None is set, although the first ones are valid */
	memcpy(fds, self->event, sizeof(fds));
	fds[VECTORS / 4] = 10000;
	EXPECT_EQ(-EBADF, irq_set_eventfds(self->device, MSIX, UNMASK, 0,
					   VECTORS / 2, fds));

	for (i = 0; i < VECTORS / 2; i++)
		EXPECT_EQ(1, unmask_pending(self->device, i,
					    self->event[VECTORS / 2 + i],
					    self->event[i], IRQ_TIMEOUT_MS));
}

/* It is removed from the second vector, and stays set for the first. */
TEST_F(vectors, unmask_eventfd_removed)
{
	const int none = -1;

	ASSERT_EQ(0, irq_set_eventfds(self->device, MSIX, TRIGGER, 0, 2,
				      self->event));
	ASSERT_EQ(0, irq_set_eventfds(self->device, MSIX, UNMASK, 0, 2,
				      &self->event[2]));
	ASSERT_EQ(0, irq_set_eventfds(self->device, MSIX, UNMASK, 1, 1, &none));
	ASSERT_EQ(0, irq_tear_down(self->device, INTX));
	EXPECT_EQ(1, unmask_pending(self->device, 0, self->event[2],
				    self->event[0], IRQ_TIMEOUT_MS));
	EXPECT_EQ(0, unmask_pending(self->device, 1, self->event[3],
				    self->event[1], IRQ_QUIET_MS));
}

TEST_F(vectors, err_and_req_eventfds)
{
	const uint32_t indexes[] = { ERR, REQ };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(indexes); i++) {
		EXPECT_EQ(0, interrupt(self->device, indexes[i], 0));
		EXPECT_EQ(-EINVAL, irq_act(self->device, indexes[i], TRIGGER));
		ASSERT_EQ(0, irq_set_eventfd(self->device, indexes[i], TRIGGER,
					     self->event[i]));
		EXPECT_EQ(1, interrupt(self->device, indexes[i], 0));
		EXPECT_EQ(1, irq_signals(self->event[i]));
		EXPECT_EQ(0, irq_act(self->device, indexes[i], TRIGGER));
		EXPECT_EQ(1, irq_signals(self->event[i]));
		EXPECT_EQ(0, irq_act_if(self->device, indexes[i], TRIGGER, 0));
		EXPECT_EQ(0, irq_signals(self->event[i]));
		EXPECT_EQ(-ENOTTY, irq_act(self->device, indexes[i], MASK));
		EXPECT_EQ(0, irq_tear_down(self->device, indexes[i]));
		EXPECT_EQ(0, interrupt(self->device, indexes[i], 0));
		EXPECT_EQ(0, irq_signals(self->event[i]));
	}
}

/* QEMU does this when the guest's driver enables and disables MSI-X. */
TEST_F(vectors, intx_to_msix_and_back)
{
	unsigned int round;

	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER,
					     self->event[0]));
		ASSERT_EQ(0, set_level(self->device, true));
		EXPECT_EQ(1, irq_signals(self->event[0]));
		ASSERT_EQ(0, irq_tear_down(self->device, INTX));
		ASSERT_EQ(0, set_level(self->device, false));

		ASSERT_EQ(0, irq_set_eventfds(self->device, MSIX, TRIGGER, 0, 2,
					      self->event));
		EXPECT_EQ(1, interrupt(self->device, MSIX, 1));
		EXPECT_EQ(1, irq_signals(self->event[1]));
		ASSERT_EQ(0, irq_tear_down(self->device, MSIX));
	}
}

/* ->set_irqs() fails, or ->get_irq_info() does */
TEST_F(vectors, set_irqs_callback_fails)
{
	ASSERT_EQ(0, sim_set("set_irqs/fail", ENOSPC));
	EXPECT_EQ(-ENOSPC, irq_set_eventfd(self->device, MSIX, TRIGGER,
					   self->event[0]));
	EXPECT_EQ(-ENOSPC, irq_tear_down(self->device, MSIX));
	ASSERT_EQ(0, sim_set("set_irqs/fail", 0));
	EXPECT_EQ(0, interrupt(self->device, MSIX, 0));

	ASSERT_EQ(0, sim_set("get_irq_info/fail", EIO));
	EXPECT_EQ(-EIO, irq_set_eventfd(self->device, MSIX, TRIGGER,
					self->event[0]));
	vfio_close(&self->user);
	ASSERT_EQ(0, sim_set("get_irq_info/fail", 0));
}

/* ->set_irqs() is called once for each index. */
TEST_F(vectors, last_close_tears_down_irqs)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, MSIX, UNMASK,
				     self->event[0]));
	ASSERT_EQ(0, sim_set("set_irqs/calls", 0));
	vfio_close(&self->user);
	EXPECT_EQ(VFIO_PCI_NUM_IRQS, sim_get("set_irqs/calls"));
	EXPECT_EQ(0, irq_signal(self->event[0]));
	sleep_ms(IRQ_QUIET_MS);
	EXPECT_EQ(VFIO_PCI_NUM_IRQS, sim_get("set_irqs/calls"));
}

/* A process that removes the unmask eventfd of INTx */
static pid_t fork_unmask_removal(int device)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	_exit(irq_set_eventfd(device, INTX, UNMASK, -1) ? 1 : 0);
}

/* Removal of an unmask eventfd waits for ->set_irqs() of its own device only. */
TEST_F(vectors, set_irqs_blocked_in_other_device)
{
	struct vfio_user user;
	int status;
	pid_t pid;

	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_B));
	ASSERT_EQ(0, vfio_open(&user, UUID_B));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK,
				     self->event[0]));
	ASSERT_EQ(0, sim_only(UUID_A));
	ASSERT_EQ(0, sim_set("set_irqs/block", 1));
	ASSERT_EQ(0, irq_signal(self->event[0]));
	EXPECT_TRUE(sim_wait_for("set_irqs/blocked", 1));
	pid = fork_unmask_removal(self->device);
	ASSERT_LT(0, pid);
	sleep_ms(IRQ_QUIET_MS);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));

	EXPECT_EQ(0, irq_set_eventfd(user.device, INTX, UNMASK,
				     self->event[1]));
	EXPECT_EQ(0, irq_set_eventfd(user.device, INTX, UNMASK, -1));
	EXPECT_EQ(0, irq_tear_down(user.device, INTX));
	vfio_close(&user);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));

	ASSERT_EQ(0, sim_set("set_irqs/block", 0));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* ->set_irqs() is not called concurrently by ioctls and eventfds of a device. */
TEST_F(vectors, set_irqs_serialized)
{
	unsigned int round, i;

	ASSERT_EQ(0, sim_set("set_irqs/delay", 1));
	ASSERT_EQ(0, irq_set_eventfds(self->device, MSIX, UNMASK, 0, VECTORS,
				      self->event));
	for (round = 0; round < 5; round++) {
		for (i = 0; i < VECTORS; i++)
			ASSERT_EQ(0, irq_signal(self->event[i]));
		ASSERT_EQ(0, irq_act_on(self->device, MSIX, MASK, 0, VECTORS));
	}
	/* Works of unmask eventfds can still be queued */
	vfio_close(&self->user);
	EXPECT_EQ(1, sim_get("set_irqs/max_active"));
}

TEST_HARNESS_MAIN
