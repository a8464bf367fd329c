// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several processes share the file of an open device: ioctls and region accesses run
 * concurrently, and the device is closed when the last process exits.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/serial_reg.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "race_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX

#define ROUNDS		2000

FIXTURE(shared_device)
{
	struct race *race;
	struct vfio_user user;
};

static struct {
	int device;
	int event;
} shared;

FIXTURE_SETUP(shared_device)
{
	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	self->race = race_alloc();
	ASSERT_NE(NULL, self->race);
	shared.device = self->user.device;
	ASSERT_EQ(0, vfio_pci_enable(shared.device));
	shared.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ASSERT_LE(0, shared.event);
}

FIXTURE_TEARDOWN(shared_device)
{
	vfio_close(&self->user);
	close(shared.event);
	EXPECT_EQ(0, self->race->broken);
	EXPECT_EQ(0, mdev_remove_all());
}

static int set_random_interrupt(int device)
{
	static const uint32_t actions[] = {
		VFIO_IRQ_SET_ACTION_TRIGGER,
		VFIO_IRQ_SET_ACTION_MASK,
		VFIO_IRQ_SET_ACTION_UNMASK,
	};
	uint32_t action = actions[random() % ARRAY_SIZE(actions)];
	int fd = random() % 2 ? shared.event : -1;

	switch (random() % 3) {
	case 0:
		return vfio_set_irqs(device, VFIO_IRQ_SET_DATA_NONE |
				     VFIO_IRQ_SET_ACTION_TRIGGER,
				     VFIO_PCI_INTX_IRQ_INDEX, 0, 0, NULL, 0);
	case 1:
		return vfio_set_irqs(device, VFIO_IRQ_SET_DATA_EVENTFD |
				     VFIO_IRQ_SET_ACTION_TRIGGER,
				     VFIO_PCI_MSI_IRQ_INDEX, 0, 1, &fd,
				     sizeof(fd));
	default:
		return vfio_set_irqs(device, VFIO_IRQ_SET_DATA_EVENTFD | action,
				     VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &fd,
				     sizeof(fd));
	}
}

static void use_everything(struct race *race, unsigned int worker)
{
	int device = shared.device;
	uint8_t buffer[256];
	int round;

	for (round = 0; round < ROUNDS; round++) {
		if (vfio_read(device, CONFIG, 0, buffer, sizeof(buffer)) !=
		    sizeof(buffer))
			race_count(&race->broken);
		if (vfio_store(device, BAR0, UART_IER, 1, random() & 0xf) ||
		    vfio_store(device, BAR0, UART_TX, 1, worker) ||
		    vfio_load(device, BAR0, UART_IIR, 1) < 0 ||
		    vfio_load(device, BAR0, UART_RX, 1) < 0 ||
		    set_random_interrupt(device))
			race_count(&race->broken);
		eventfd_write(shared.event, 1);
		if (random() % 10)
			continue;
		if (vfio_ioctl(device, VFIO_DEVICE_RESET, NULL) ||
		    vfio_pci_enable(device))
			race_count(&race->broken);
	}
}

TEST_F_TIMEOUT(shared_device, concurrent_ioctls_and_accesses, RACE_TIMEOUT)
{
	EXPECT_TRUE(race_run(self->race, RACE_WORKERS, use_everything));
	vfio_close(&self->user);
	EXPECT_EQ(0, mdev_remove(UUID_A));
}

/* The removal fails with -EBUSY until the last process has exited. */
TEST_F_TIMEOUT(shared_device, remove_after_last_close, RACE_TIMEOUT)
{
	unsigned int i;
	pid_t child;
	int result;

	for (i = 0; i < RACE_WORKERS; i++) {
		child = fork();
		ASSERT_LE(0, child);
		if (!child) {
			sleep_ms(50 * (i + 1));
			_exit(vfio_load(self->user.device, CONFIG, 0, 2) !=
			      0x4348);
		}
	}
	vfio_close(&self->user);
	do {
		result = mdev_remove(UUID_A);
	} while (result == -EBUSY);
	EXPECT_EQ(0, result);
	while (wait(&result) > 0)
		EXPECT_EQ(0, result);
}

TEST_F(shared_device, sigkill_closes_device)
{
	int event = shared.event;
	pid_t child;

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		pause();
		_exit(1);
	}
	EXPECT_EQ(0, vfio_set_irqs(self->user.device,
				   VFIO_IRQ_SET_DATA_EVENTFD |
				   VFIO_IRQ_SET_ACTION_UNMASK,
				   VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &event,
				   sizeof(event)));
	vfio_close(&self->user);
	EXPECT_EQ(-EBUSY, mdev_remove(UUID_A));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	EXPECT_EQ(0, mdev_remove(UUID_A));
}

TEST_HARNESS_MAIN
