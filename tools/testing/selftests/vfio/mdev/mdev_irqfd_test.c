// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds that mask and unmask an interrupt, as KVM's resamplefd does at a guest's EOI:
 * set, replaced and removed in any order, closed while they are set, signalled
 * concurrently with all that, and signalled by the interrupt that they unmask.
 *
 * The interrupt is INTx of mtty, and of mdev_sim where calls of ->set_irqs() are counted.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "irq_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

/* Rounds of the tests of races */
#define ROUNDS	300

FIXTURE(irqfd)
{
	struct vfio_user user;
	int device;
	int event;
	int mask;
	int unmask;
	int other;
};

FIXTURE_SETUP(irqfd)
{
	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	self->device = self->user.device;
	ASSERT_EQ(0, vfio_pci_enable(self->device));
	self->event = irq_eventfd();
	self->mask = irq_eventfd();
	self->unmask = irq_eventfd();
	self->other = irq_eventfd();
	ASSERT_LE(0, self->event);
	ASSERT_LE(0, self->mask);
	ASSERT_LE(0, self->unmask);
	ASSERT_LE(0, self->other);
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
}

FIXTURE_TEARDOWN(irqfd)
{
	vfio_close(&self->user);
	vfio_close_file(&self->event);
	vfio_close_file(&self->mask);
	vfio_close_file(&self->unmask);
	vfio_close_file(&self->other);
	EXPECT_EQ(0, mdev_remove_all());
}

/* The level stays asserted for several EOIs of the guest. */
TEST_F(irqfd, intx_resample)
{
	int turn;

	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, self->unmask));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	for (turn = 0; turn < 10; turn++) {
		EXPECT_EQ(0, irq_signal(self->unmask));
		EXPECT_EQ(1, irq_signals_within(self->event, IRQ_TIMEOUT_MS));
	}
	ASSERT_EQ(0, irq_lower_by_uart(self->device));
	EXPECT_EQ(0, irq_signal(self->unmask));
	EXPECT_EQ(0, irq_signals_within(self->event, IRQ_QUIET_MS));
}

TEST_F(irqfd, signalled_before_set_irqs)
{
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_signal(self->unmask));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, self->unmask));
	EXPECT_EQ(1, irq_signals_within(self->event, IRQ_TIMEOUT_MS));
}

/* VFIO_DEVICE_SET_IRQS flushes the signals of the eventfd that it replaces. */
TEST_F(irqfd, replace_flushes_signal)
{
	int round;

	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK,
					     self->unmask));
		ASSERT_EQ(0, irq_signal(self->unmask));
		ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK,
					     round % 2 ? self->other : -1));
		ASSERT_EQ(1, irq_signals(self->event));
	}
}

TEST_F(irqfd, replaced)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, self->unmask));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, self->other));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_signal(self->unmask));
	EXPECT_EQ(0, irq_signals_within(self->event, IRQ_QUIET_MS));
	EXPECT_EQ(0, irq_signal(self->other));
	EXPECT_EQ(1, irq_signals_within(self->event, IRQ_TIMEOUT_MS));

	/* Replaced by the same eventfd */
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, self->other));
	EXPECT_EQ(0, irq_signal(self->other));
	EXPECT_EQ(1, irq_signals_within(self->event, IRQ_TIMEOUT_MS));
}

TEST_F(irqfd, kept_after_bad_fd)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, self->unmask));
	EXPECT_EQ(-EBADF, irq_set_eventfd(self->device, INTX, UNMASK, 10000));
	EXPECT_EQ(-EINVAL, irq_set_eventfd(self->device, INTX, UNMASK,
					   self->device));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_signal(self->unmask));
	EXPECT_EQ(1, irq_signals_within(self->event, IRQ_TIMEOUT_MS));
}

/* Removing the mask eventfd keeps the unmask eventfd, and vice versa. */
TEST_F(irqfd, mask_and_unmask_independent)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, MASK, self->mask));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, self->unmask));
	EXPECT_EQ(0, irq_set_eventfd(self->device, INTX, MASK, -1));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_signal(self->unmask));
	EXPECT_EQ(1, irq_signals_within(self->event, IRQ_TIMEOUT_MS));
	ASSERT_EQ(0, irq_lower_by_uart(self->device));

	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, MASK, self->mask));
	EXPECT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, -1));
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(0, irq_signal(self->mask));
	EXPECT_EQ(0, irq_signals_within(self->event, IRQ_QUIET_MS));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(0, irq_signals(self->event));
}

TEST_F(irqfd, kept_when_trigger_replaced)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, self->unmask));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, -1));
	EXPECT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->other));
	EXPECT_EQ(0, irq_signals(self->other));
	EXPECT_EQ(0, irq_signal(self->unmask));
	EXPECT_EQ(1, irq_signals_within(self->other, IRQ_TIMEOUT_MS));
}

TEST_F(irqfd, removed_by_teardown)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, MASK, self->mask));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, self->unmask));
	ASSERT_EQ(0, irq_tear_down(self->device, INTX));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	EXPECT_EQ(0, irq_signal(self->mask));
	EXPECT_EQ(0, irq_signals_within(self->event, IRQ_QUIET_MS));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_signal(self->unmask));
	EXPECT_EQ(0, irq_signals_within(self->event, IRQ_QUIET_MS));
}

TEST_F(irqfd, removed_by_last_close)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, self->unmask));
	vfio_close(&self->user);
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	self->device = self->user.device;
	ASSERT_EQ(0, vfio_pci_enable(self->device));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_signal(self->unmask));
	EXPECT_EQ(0, irq_signals_within(self->event, IRQ_QUIET_MS));
}

/* An eventfd can be closed before it is removed. */
TEST_F(irqfd, eventfd_closed_before_removal)
{
	int round, fd;

	for (round = 0; round < ROUNDS; round++) {
		fd = irq_eventfd();
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, fd));
		ASSERT_EQ(0, irq_signal(fd));
		close(fd);
		if (round % 3 == 0)
			ASSERT_EQ(0, irq_set_eventfd(self->device, INTX,
						     UNMASK, -1));
		if (round % 7 == 0)
			ASSERT_EQ(0, irq_tear_down(self->device, INTX));
	}
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, self->unmask));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(0, irq_signal(self->unmask));
	EXPECT_EQ(1, irq_signals_within(self->event, IRQ_TIMEOUT_MS));
}

/* The eventfd unmasks INTx, which signals it again, until it is removed. */
TEST_F(irqfd, trigger_and_unmask_same_eventfd)
{
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, self->event));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	sleep_ms(IRQ_QUIET_MS);
	EXPECT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, -1));
	irq_signals(self->event);
	EXPECT_EQ(0, irq_signals_within(self->event, IRQ_QUIET_MS));
	EXPECT_EQ(0, irq_act(self->device, INTX, UNMASK));
	EXPECT_EQ(1, irq_signals(self->event));
}

TEST_F(irqfd, shared_by_two_devices)
{
	struct vfio_user user;

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_B));
	ASSERT_EQ(0, vfio_open(&user, UUID_B));
	ASSERT_EQ(0, vfio_pci_enable(user.device));
	ASSERT_EQ(0, irq_set_eventfd(user.device, INTX, TRIGGER, self->other));
	ASSERT_EQ(0, irq_set_eventfd(user.device, INTX, UNMASK, self->unmask));
	ASSERT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK, self->unmask));
	ASSERT_EQ(0, irq_raise_by_uart(user.device));
	ASSERT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(1, irq_signals(self->event));
	EXPECT_EQ(1, irq_signals(self->other));
	EXPECT_EQ(0, irq_signal(self->unmask));
	EXPECT_EQ(1, irq_signals_within(self->event, IRQ_TIMEOUT_MS));
	EXPECT_EQ(1, irq_signals_within(self->other, IRQ_TIMEOUT_MS));

	/* The eventfd still unmasks the other device after a close */
	vfio_close(&user);
	EXPECT_EQ(0, irq_signal(self->unmask));
	EXPECT_EQ(1, irq_signals_within(self->event, IRQ_TIMEOUT_MS));
	EXPECT_EQ(0, irq_signals(self->other));
}

/* A child that closes its copy of the device and signals both eventfds */
static pid_t start_signalling(int mask, int unmask, struct vfio_user user)
{
	pid_t pid = fork();

	if (pid) {
		irq_signals_within(mask, IRQ_TIMEOUT_MS);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	vfio_close(&user);
	for (;;) {
		irq_signal(mask);
		irq_signal(unmask);
	}
}

static void stop_signalling(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_F(irqfd, signal_races_with_set_irqs)
{
	pid_t pid = start_signalling(self->mask, self->unmask, self->user);
	int round;

	ASSERT_LT(0, pid);
	for (round = 0; round < ROUNDS; round++) {
		EXPECT_EQ(0, irq_set_eventfd(self->device, INTX, UNMASK,
					     round % 3 ? self->unmask : -1));
		EXPECT_EQ(0, irq_set_eventfd(self->device, INTX, MASK,
					     round % 2 ? self->mask : -1));
		EXPECT_EQ(0, irq_raise_by_uart(self->device));
		if (round % 5 == 0)
			EXPECT_EQ(0, irq_tear_down(self->device, INTX));
		EXPECT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER,
					     self->event));
	}
	stop_signalling(pid);

	/* INTx still triggers */
	EXPECT_EQ(0, irq_tear_down(self->device, INTX));
	irq_signals(self->event);
	EXPECT_EQ(0, irq_raise_by_uart(self->device));
	EXPECT_EQ(0, irq_set_eventfd(self->device, INTX, TRIGGER, self->event));
	EXPECT_EQ(1, irq_signals(self->event));
}

TEST_F(irqfd, signal_races_with_close)
{
	pid_t pid = start_signalling(self->mask, self->unmask, self->user);
	int round;

	ASSERT_LT(0, pid);
	for (round = 0; round < ROUNDS / 3; round++) {
		ASSERT_EQ(0, irq_set_eventfd(self->user.device, INTX, UNMASK,
					     self->unmask));
		ASSERT_EQ(0, irq_set_eventfd(self->user.device, INTX, MASK,
					     self->mask));
		vfio_close(&self->user);
		ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	}
	stop_signalling(pid);
}

#define RATE_PARAMETER	"/sys/module/vfio_mdev/parameters/irqfd_rate"

/* The limit in these tests: any machine exceeds it if there is no limit */
#define RATE		1000
/* With a tolerance of a half for late timer ticks */
#define MAX_RATE	(RATE + RATE / 2)
/* A lower rate would mean that the loop has stopped */
#define MIN_RATE	50

/* Two devices with INTx */
FIXTURE(loop)
{
	char default_rate[16];
	struct vfio_user user[2];
	int event[2];
	int other;
};

FIXTURE_SETUP(loop)
{
	static const char *const uuid[] = { UUID_A, UUID_B };
	int i;

	ASSERT_EQ(0, sim_prepare());
	ASSERT_LT(0, sysfs_read(self->default_rate, sizeof(self->default_rate),
				RATE_PARAMETER));
	EXPECT_STREQ("20000", self->default_rate);
	ASSERT_EQ(0, sysfs_write("1000", RATE_PARAMETER));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, uuid[i]));
		ASSERT_EQ(0, vfio_open(&self->user[i], uuid[i]));
		self->event[i] = irq_eventfd();
		ASSERT_LE(0, self->event[i]);
		ASSERT_EQ(0, irq_set_eventfd(self->user[i].device, INTX,
					     TRIGGER, self->event[i]));
	}
	self->other = irq_eventfd();
	ASSERT_LE(0, self->other);
}

/* The last close does not wait for an eventfd that is signalled in a loop. */
FIXTURE_TEARDOWN(loop)
{
	int i;

	for (i = 0; i < 2; i++) {
		vfio_close(&self->user[i]);
		vfio_close_file(&self->event[i]);
	}
	vfio_close_file(&self->other);
	EXPECT_EQ(0, sysfs_write(self->default_rate, RATE_PARAMETER));
	EXPECT_EQ(0, sim_finish());
}

static int set_level(int device, int level)
{
	return SIM_COMMAND(device, MDEV_SIM_IRQ_LEVEL, INTX, 0, level);
}

/* Calls of ->set_irqs() per second, measured for about one second */
static int64_t calls_per_second(void)
{
	int64_t start = now_ms(), calls;

	sim_set("set_irqs/calls", 0);
	sleep_ms(1000);
	calls = sim_get("set_irqs/calls");
	return calls * 1000 / (now_ms() - start);
}

TEST_F(loop, irqfd_rate_one_device)
{
	int device = self->user[0].device;
	int64_t rate;

	ASSERT_EQ(0, irq_set_eventfd(device, INTX, UNMASK, self->event[0]));
	ASSERT_EQ(0, set_level(device, 1));
	rate = calls_per_second();
	TH_LOG("%lld calls of ->set_irqs() per second", (long long)rate);
	EXPECT_LT(MIN_RATE, rate);
	EXPECT_GT(MAX_RATE, rate);

	/* Another unmask eventfd works as usual */
	ASSERT_EQ(0, irq_set_eventfd(device, INTX, UNMASK, self->other));
	irq_signals(self->event[0]);
	EXPECT_EQ(0, irq_signals_within(self->event[0], IRQ_QUIET_MS));
	EXPECT_EQ(0, irq_signal(self->other));
	EXPECT_EQ(1, irq_signals_within(self->event[0], IRQ_TIMEOUT_MS));
	ASSERT_EQ(0, set_level(device, 0));
	EXPECT_EQ(0, irq_signal(self->other));
	EXPECT_EQ(0, irq_signals_within(self->event[0], IRQ_QUIET_MS));
	ASSERT_EQ(0, set_level(device, 1));
	EXPECT_EQ(1, irq_signals(self->event[0]));
}

TEST_F(loop, irqfd_rate_two_devices)
{
	int64_t rate;
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, irq_set_eventfd(self->user[i].device, INTX, UNMASK,
					     self->event[!i]));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, set_level(self->user[i].device, 1));
	rate = calls_per_second();
	TH_LOG("%lld calls of ->set_irqs() per second", (long long)rate);
	EXPECT_LT(MIN_RATE, rate);
	EXPECT_GT(2 * MAX_RATE, rate);
}

/* Once INTx has reached the limit, unmasks of an MSI-X vector are only delayed. */
TEST_F(loop, msix_unmask_at_rate_limit)
{
	int device = self->user[0].device;
	int round;

	ASSERT_EQ(0, irq_set_eventfd(device, MSIX, TRIGGER, self->event[1]));
	ASSERT_EQ(0, irq_set_eventfd(device, MSIX, UNMASK, self->other));
	ASSERT_EQ(0, irq_set_eventfd(device, INTX, UNMASK, self->event[0]));
	ASSERT_EQ(0, set_level(device, 1));
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, irq_act(device, MSIX, MASK));
		ASSERT_EQ(0, SIM_COMMAND(device, MDEV_SIM_IRQ_TRIGGER, MSIX,
					 0));
		ASSERT_EQ(0, irq_signals(self->event[1]));
		ASSERT_EQ(0, irq_signal(self->other));
		/* Removing the eventfd flushes its signals */
		if (round % 2) {
			ASSERT_EQ(0, irq_set_eventfd(device, MSIX, UNMASK, -1));
			ASSERT_EQ(1, irq_signals(self->event[1]));
			ASSERT_EQ(0, irq_set_eventfd(device, MSIX, UNMASK,
						     self->other));
		} else {
			ASSERT_EQ(1, irq_signals_within(self->event[1],
							IRQ_TIMEOUT_MS));
		}
	}
}

TEST_HARNESS_MAIN
