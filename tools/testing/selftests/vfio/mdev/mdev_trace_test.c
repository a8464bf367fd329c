// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trace events of mediated devices: each is recorded while it is enabled, and
 * not while it is disabled.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/serial_reg.h>

#include "kselftest_harness.h"

#include "irq_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "trace_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define BAR2		VFIO_PCI_BAR2_REGION_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX

#define SET_EVENTFD	(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER)

static int expect(int expected, int result)
{
	return result == expected ? 0 : -EINVAL;
}

/* Actions without an open device */

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

/* Actions on an open device */

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
		ret = vfio_pci_enable(device);
	if (!ret)
		ret = irq_raise_by_uart(device);
	close(event);
	return ret;
}

/* Actions that only mdev_sim supports, in the same order */

static int bring_online_and_offline(void)
{
	int ret = sysfs_write("1", MDEV_DEVICES "/" UUID_A "/online");

	return ret ? ret : sysfs_write("0", MDEV_DEVICES "/" UUID_A "/online");
}

static int fail_to_start(void)
{
	int ret = sim_set("start/fail", EXDEV);

	if (!ret)
		ret = expect(-EXDEV, sysfs_write("1", MDEV_DEVICES "/" UUID_A
						 "/online"));
	return ret ? ret : sim_set("start/fail", 0);
}

static int fail_to_open(void)
{
	struct vfio_user user;
	int ret = sim_set("open/fail", EXDEV);

	if (!ret)
		ret = expect(-EXDEV, vfio_open(&user, UUID_A));
	return ret ? ret : sim_set("open/fail", 0);
}

/* By write() from the mapping: fails with EFAULT where a load raises SIGBUS */
static int fault_page(int device)
{
	size_t size = sysconf(_SC_PAGESIZE);
	int pipes[2], ret = 0;
	void *page;

	page = mmap(NULL, size, PROT_READ, MAP_SHARED, device,
		    vfio_position(BAR2, size));
	if (page == MAP_FAILED)
		return -errno;
	if (pipe(pipes))
		return -errno;
	if (write(pipes[1], page, 1) < 0)
		ret = -errno;
	close(pipes[0]);
	close(pipes[1]);
	munmap(page, size);
	return ret;
}

static int fault_with_error(int device)
{
	int ret = sim_set("validate_map_request/fail", EXDEV);

	if (!ret)
		ret = expect(-EFAULT, fault_page(device));
	return ret ? ret : sim_set("validate_map_request/fail", 0);
}

static int invalidate_page(int device)
{
	return SIM_COMMAND(device, MDEV_SIM_INVALIDATE,
			   vfio_position(BAR2, 0x1000), 0x1000);
}

static int trigger_msix(int device)
{
	int event = eventfd(0, EFD_CLOEXEC);
	int ret;

	ret = vfio_set_irqs(device, SET_EVENTFD, MSIX, 5, 1, &event,
			    sizeof(event));
	if (!ret)
		ret = SIM_COMMAND(device, MDEV_SIM_IRQ_TRIGGER, MSIX, 5);
	close(event);
	return ret;
}

/* Removes the device, and kills the writer after ->request() was called. */
static int remove_and_give_up(int device)
{
	int64_t requests = sim_get("request/calls");
	bool requested;
	pid_t pid;

	(void)device;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(-mdev_remove(UUID_A));
	requested = sim_wait_for("request/calls", requests + 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return requested ? 0 : -ETIMEDOUT;
}

struct happening {
	const char *event;
	/* The fields after the event's name and UUID_A */
	const char *says;
	/* Or all fields, if they do not begin with UUID_A */
	const char *says_all;
	/* Number of such lines; 0: one */
	int times;
	/* The driver is mdev_sim, not mtty */
	bool sim;
	/* Called with the device closed, or open; both NULL: opens and closes it */
	int (*act)(void);
	int (*use)(int device);
};

static int trigger_event(const struct happening *happening)
{
	struct vfio_user user;
	int ret;

	if (happening->act)
		return happening->act();
	ret = vfio_open(&user, UUID_A);
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
		"mdev_create",
		.says_all = "uuid=" UUID_B " type=mtty-1 result=0",
		.act = create_and_remove,
	},
};

FIXTURE_VARIANT_ADD(event, create_refused)
{
	.happening = {
		"mdev_create", " type=mtty-1 result=-17", .act = create_again,
	},
};

FIXTURE_VARIANT_ADD(event, remove)
{
	.happening = {
		"mdev_remove", .says_all = "uuid=" UUID_B " forced=0 result=0",
		.act = create_and_remove,
	},
};

FIXTURE_VARIANT_ADD(event, remove_refused)
{
	.happening = {
		"mdev_remove", " forced=0 result=-16", .use = remove_in_use,
	},
};

FIXTURE_VARIANT_ADD(event, remove_forced)
{
	.happening = {
		"mdev_remove", " forced=1 result=0", .act = remove_parent,
	},
};

FIXTURE_VARIANT_ADD(event, open)
{
	.happening = { "mdev_open", " result=0" },
};

FIXTURE_VARIANT_ADD(event, close)
{
	.happening = { "mdev_close", "" },
};

FIXTURE_VARIANT_ADD(event, region_write)
{
	.happening = {
		"mdev_region_access",
		" write region=0 offset=0x7 size=1 value=0x5a result=0",
		.use = write_register,
	},
};

FIXTURE_VARIANT_ADD(event, region_read)
{
	.happening = {
		"mdev_region_access",
		" read region=7 offset=0x0 size=2 value=0x4348 result=0",
		.use = read_identity,
	},
};

/* The driver gets aligned accesses */
FIXTURE_VARIANT_ADD(event, region_read_in_pieces)
{
	.happening = {
		"mdev_region_access",
		" read region=7 offset=0x2 size=2 value=0x3253 result=0",
		.use = read_across_words,
	},
};

/* VFIO_DEVICE_RESET: vfio_mdev and mdev_pci; open and close: mdev_pci */
FIXTURE_VARIANT_ADD(event, invalidate)
{
	.happening = {
		"mdev_invalidate", " pos=0x0 size=0x7ffffffffffff000",
		.times = 4, .use = reset,
	},
};

FIXTURE_VARIANT_ADD(event, set_irqs)
{
	.happening = {
		"mdev_set_irqs",
		" flags=eventfd|trigger index=0 start=0 count=1 result=0",
		.use = interrupt,
	},
};

FIXTURE_VARIANT_ADD(event, set_irqs_refused)
{
	.happening = {
		"mdev_set_irqs",
		" flags=eventfd|trigger index=0 start=0 count=1 result=-9",
		.use = set_bad_eventfd,
	},
};

FIXTURE_VARIANT_ADD(event, irq)
{
	.happening = { "mdev_irq", " index=0 vector=0", .use = interrupt },
};

FIXTURE_VARIANT_ADD(event, open_refused)
{
	.happening = {
		"mdev_open", " result=-18", .sim = true, .act = fail_to_open,
	},
};

FIXTURE_VARIANT_ADD(event, online)
{
	.happening = {
		"mdev_online", " online=1 result=0", .sim = true,
		.act = bring_online_and_offline,
	},
};

FIXTURE_VARIANT_ADD(event, offline)
{
	.happening = {
		"mdev_online", " online=0 result=0", .sim = true,
		.act = bring_online_and_offline,
	},
};

FIXTURE_VARIANT_ADD(event, online_refused)
{
	.happening = {
		"mdev_online", " online=1 result=-18", .sim = true,
		.act = fail_to_start,
	},
};

FIXTURE_VARIANT_ADD(event, request)
{
	.happening = {
		"mdev_request", " count=0", .sim = true,
		.use = remove_and_give_up,
	},
};

FIXTURE_VARIANT_ADD(event, fault)
{
	.happening = {
		"mdev_fault",
		" region=2 offset=0x1000 order=0 pfn=0x* size=0x1000 result=0",
		.sim = true, .use = fault_page,
	},
};

FIXTURE_VARIANT_ADD(event, fault_refused)
{
	.happening = {
		"mdev_fault",
		" region=2 offset=0x1000 order=0 pfn=0x0 size=0x1000 result=-18",
		.sim = true, .use = fault_with_error,
	},
};

FIXTURE_VARIANT_ADD(event, invalidate_page)
{
	.happening = {
		"mdev_invalidate", " pos=0x20000001000 size=0x1000",
		.sim = true, .use = invalidate_page,
	},
};

FIXTURE_VARIANT_ADD(event, irq_msix)
{
	.happening = {
		"mdev_irq", " index=2 vector=5", .sim = true,
		.use = trigger_msix,
	},
};

FIXTURE_SETUP(event)
{
	bool sim = variant->happening.sim;
	int ret;

	ret = sim ? sim_prepare() : mdev_prepare();
	if (sim && ret == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, ret);
	ret = trace_prepare();
	if (ret == -EOPNOTSUPP)
		SKIP(return, "needs trace events in tracefs");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, sim ? sim_create(SIM_FULL, SIM_PCI, UUID_A) :
			   mdev_create("mtty-1", UUID_A));
}

FIXTURE_TEARDOWN(event)
{
	trace_end();
	EXPECT_EQ(0, variant->happening.sim ? sim_finish() :
					      mdev_remove_all());
}

TEST_F(event, recorded_while_enabled)
{
	ASSERT_EQ(0, enable(&variant->happening, true));
	ASSERT_EQ(0, trigger_event(&variant->happening));
	EXPECT_EQ(variant->happening.times ?: 1,
		  times_recorded(&variant->happening));

	ASSERT_EQ(0, enable(&variant->happening, false));
	ASSERT_EQ(0, trigger_event(&variant->happening));
	EXPECT_EQ(variant->happening.times ?: 1,
		  times_recorded(&variant->happening));
}

TEST_F(event, not_recorded_while_disabled)
{
	ASSERT_EQ(0, trigger_event(&variant->happening));
	EXPECT_EQ(0, trace_count_all());
}

/* All events are enabled by events/mdev/enable. */
TEST_F(event, enabled_by_mdev_subsystem)
{
	ASSERT_EQ(0, trace_enable("mdev", true));
	ASSERT_EQ(0, trigger_event(&variant->happening));
	EXPECT_EQ(variant->happening.times ?: 1,
		  times_recorded(&variant->happening));
	EXPECT_EQ(0, trace_enable("mdev", false));
}

TEST_HARNESS_MAIN
