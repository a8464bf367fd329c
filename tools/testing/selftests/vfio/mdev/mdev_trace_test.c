// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trace events of mediated devices: each tells what happened while it is
 * enabled, and nothing while it is not.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/serial_reg.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "trace_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
#define INTX		VFIO_PCI_INTX_IRQ_INDEX

#define SET_EVENTFD	(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER)

static int expect(int expected, int result)
{
	return result == expected ? 0 : -EINVAL;
}

/* What is done without a device that is open */

static int create_and_remove(void)
{
	int ret = mdev_create("mtty-1", UUID_B);

	return ret ? ret : mdev_remove(UUID_B);
}

static int create_again(void)
{
	return expect(-EEXIST, mdev_create("mtty-1", UUID_A));
}

static int remove_parent(void)
{
	int ret = module_unload("mtty");

	if (!ret)
		ret = module_load("mtty");
	return ret ? ret : mdev_create("mtty-1", UUID_A);
}

/* What is done with one */

static int remove_in_use(int device)
{
	(void)device;
	return expect(-EBUSY, mdev_remove(UUID_A));
}

static int write_register(int device)
{
	return vfio_store(device, BAR0, UART_SCR, 1, 0x5a);
}

static int read_identity(int device)
{
	return expect(0x4348, vfio_load(device, CONFIG, 0, 2));
}

static int read_across_words(int device)
{
	uint8_t buffer[7];

	return expect(sizeof(buffer),
		      vfio_read(device, CONFIG, 1, buffer, sizeof(buffer)));
}

static int reset(int device)
{
	return vfio_ioctl(device, VFIO_DEVICE_RESET, NULL);
}

static int set_bad_eventfd(int device)
{
	int fd = 1000000;

	return expect(-EBADF, vfio_set_irqs(device, SET_EVENTFD, INTX, 0, 1,
					    &fd, sizeof(fd)));
}

static int interrupt(int device)
{
	int event = eventfd(0, EFD_CLOEXEC);
	int ret;

	ret = vfio_set_irqs(device, SET_EVENTFD, INTX, 0, 1, &event,
			    sizeof(event));
	if (!ret)
		ret = vfio_store(device, BAR0, UART_IER, 1, 0);
	if (!ret)
		ret = vfio_store(device, BAR0, UART_IER, 1, UART_IER_THRI);
	close(event);
	return ret;
}

struct happening {
	const char *event;
	/* What the line says after the event's name and UUID_A */
	const char *says;
	/* Or after the name alone */
	const char *says_all;
	/* With the device closed, or with the device open, or just opening it */
	int (*act)(void);
	int (*use)(int device);
};

static int make_it_happen(const struct happening *happening)
{
	struct vfio_user user;
	int ret;

	if (happening->act)
		return happening->act();
	ret = vfio_open_cdev(&user, UUID_A);
	if (ret)
		return ret;
	if (happening->use)
		ret = happening->use(user.device);
	vfio_close(&user);
	return ret;
}

static int enable(const struct happening *happening, bool enabled)
{
	char event[64];

	snprintf(event, sizeof(event), "mdev/%s", happening->event);
	return trace_enable(event, enabled);
}

static int times_recorded(const struct happening *happening)
{
	if (happening->says_all)
		return trace_count(" %s: %s", happening->event,
				   happening->says_all);
	return trace_count(" %s: uuid=" UUID_A "%s", happening->event,
			   happening->says);
}

FIXTURE(event)
{
};

FIXTURE_VARIANT(event)
{
	struct happening happening;
};

FIXTURE_VARIANT_ADD(event, create)
{
	.happening = {
		.event = "mdev_create",
		.says_all = "uuid=" UUID_B " type=mtty-1 result=0",
		.act = create_and_remove,
	},
};

FIXTURE_VARIANT_ADD(event, create_refused)
{
	.happening = {
		.event = "mdev_create",
		.says = " type=mtty-1 result=-17",
		.act = create_again,
	},
};

FIXTURE_VARIANT_ADD(event, remove)
{
	.happening = {
		.event = "mdev_remove",
		.says_all = "uuid=" UUID_B " forced=0 result=0",
		.act = create_and_remove,
	},
};

FIXTURE_VARIANT_ADD(event, remove_refused)
{
	.happening = {
		.event = "mdev_remove",
		.says = " forced=0 result=-16",
		.use = remove_in_use,
	},
};

FIXTURE_VARIANT_ADD(event, remove_forced)
{
	.happening = {
		.event = "mdev_remove",
		.says = " forced=1 result=0",
		.act = remove_parent,
	},
};

FIXTURE_VARIANT_ADD(event, open)
{
	.happening = {
		.event = "mdev_open",
		.says = " result=0",
	},
};

FIXTURE_VARIANT_ADD(event, close)
{
	.happening = {
		.event = "mdev_close",
		.says = "",
	},
};

FIXTURE_VARIANT_ADD(event, region_write)
{
	.happening = {
		.event = "mdev_region_access",
		.says = " write region=0 offset=0x7 size=1 value=0x5a result=0",
		.use = write_register,
	},
};

FIXTURE_VARIANT_ADD(event, region_read)
{
	.happening = {
		.event = "mdev_region_access",
		.says = " read region=7 offset=0x0 size=2 value=0x4348 result=0",
		.use = read_identity,
	},
};

/* As the vendor gets it, in aligned pieces */
FIXTURE_VARIANT_ADD(event, region_read_in_pieces)
{
	.happening = {
		.event = "mdev_region_access",
		.says = " read region=7 offset=0x2 size=2 value=0x3253 result=0",
		.use = read_across_words,
	},
};

FIXTURE_VARIANT_ADD(event, invalidate)
{
	.happening = {
		.event = "mdev_invalidate",
		.says = " pos=0x0 size=0x7ffffffffffff000",
		.use = reset,
	},
};

FIXTURE_VARIANT_ADD(event, set_irqs)
{
	.happening = {
		.event = "mdev_set_irqs",
		.says = " flags=eventfd|trigger index=0 start=0 count=1 result=0",
		.use = interrupt,
	},
};

FIXTURE_VARIANT_ADD(event, set_irqs_refused)
{
	.happening = {
		.event = "mdev_set_irqs",
		.says = " flags=eventfd|trigger index=0 start=0 count=1 result=-9",
		.use = set_bad_eventfd,
	},
};

FIXTURE_SETUP(event)
{
	int ret;

	ASSERT_EQ(0, mdev_prepare());
	ret = trace_prepare();
	if (ret == -EOPNOTSUPP)
		SKIP(return, "the kernel has no trace events");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
}

FIXTURE_TEARDOWN(event)
{
	trace_end();
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F(event, is_recorded_while_it_is_enabled)
{
	ASSERT_EQ(0, enable(&variant->happening, true));
	ASSERT_EQ(0, make_it_happen(&variant->happening));
	EXPECT_EQ(1, times_recorded(&variant->happening));

	ASSERT_EQ(0, enable(&variant->happening, false));
	ASSERT_EQ(0, make_it_happen(&variant->happening));
	EXPECT_EQ(1, times_recorded(&variant->happening));
}

TEST_F(event, is_not_recorded_unless_it_is_enabled)
{
	ASSERT_EQ(0, make_it_happen(&variant->happening));
	EXPECT_EQ(0, trace_count_all());
}

/* All of them at once: what belongs together has the same UUID. */
TEST_F(event, can_be_selected_by_the_file_of_all)
{
	ASSERT_EQ(0, trace_enable("mdev", true));
	ASSERT_EQ(0, make_it_happen(&variant->happening));
	EXPECT_EQ(1, times_recorded(&variant->happening));
	EXPECT_EQ(0, trace_enable("mdev", false));
}

TEST_HARNESS_MAIN
