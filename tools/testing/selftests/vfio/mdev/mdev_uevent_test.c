// SPDX-License-Identifier: GPL-2.0-only
/*
 * Uevents that udev, libvirt and mdevctl receive: MDEV_STATE of parents, the
 * order and the variables of the events of mdevs, and what is complete when they
 * are sent. scripts/compare-mainline compares them with mainline's.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "sim_lib.h"

#define PARENT_PATH	"/devices/virtual/mtty/mtty"
#define DEVICE_PATH	PARENT_PATH "/" UUID_A
#define DEVICE_A	MTTY "/" UUID_A

/* An mdev of a driver with ->start() and ->stop() */
#define SIM_DEVICE	"/devices/platform/" SIM_FULL "/" UUID_A

#define TIMEOUT_MS	5000
#define ROUNDS		50
#define EVENT_SIZE	4096
#define REMOVAL_ROUNDS	200

/* The kernel's messages: ACTION@PATH, then NAME=VALUE, each with a final 0 */
struct uevent {
	char text[EVENT_SIZE];
	size_t size;
};

static int uevents_open(void)
{
	struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = 1,
	};
	int fd;

	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
		    NETLINK_KOBJECT_UEVENT);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -errno;
	}
	return fd;
}

static int uevents_next(int fd, struct uevent *event, int timeout_ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	ssize_t size;

	if (poll(&wait, 1, timeout_ms) != 1)
		return -ETIMEDOUT;
	size = recv(fd, event->text, sizeof(event->text) - 1, 0);
	if (size < 0)
		return -errno;
	event->size = size;
	event->text[size] = '\0';
	return 0;
}

/* Skips all other events. */
static int uevents_find(int fd, struct uevent *event, const char *title)
{
	int ret;

	do {
		ret = uevents_next(fd, event, TIMEOUT_MS);
	} while (!ret && strcmp(event->text, title));
	return ret;
}

static const char *uevent_value(const struct uevent *event, const char *name)
{
	const char *end = event->text + event->size;
	size_t length = strlen(name);
	const char *entry;

	for (entry = event->text; entry < end; entry += strlen(entry) + 1)
		if (!strncmp(entry, name, length) && entry[length] == '=')
			return entry + length + 1;
	return "";
}

/*
 * The next event of the device at @path, without SEQNUM and the DEVPATH that is
 * @path, in the kernel's order: "ACTION=add SUBSYSTEM=mdev", or "" if none comes
 */
static const char *next_variables(int fd, const char *path)
{
	static char text[EVENT_SIZE];
	struct uevent event;
	const char *entry;
	size_t used = 0;

	text[0] = '\0';
	do {
		if (uevents_next(fd, &event, TIMEOUT_MS))
			return text;
	} while (strcmp(uevent_value(&event, "DEVPATH"), path));

	entry = event.text + strlen(event.text) + 1;
	for (; entry < event.text + event.size; entry += strlen(entry) + 1) {
		if (strncmp(entry, "SEQNUM=", strlen("SEQNUM=")) &&
		    strncmp(entry, "DEVPATH=", strlen("DEVPATH=")))
			used += snprintf(text + used, sizeof(text) - used,
					 "%s%s", used ? " " : "", entry);
	}
	return text;
}

/* Reads all events that are waiting, and counts those that concern @path. */
static int uevents_drain(int fd, const char *path)
{
	struct uevent event;
	int count = 0;

	while (!uevents_next(fd, &event, 0))
		if (!strcmp(uevent_value(&event, "DEVPATH"), path))
			count++;
	return count;
}

FIXTURE(uevents)
{
	int fd;
};

FIXTURE_SETUP(uevents)
{
	ASSERT_EQ(0, mdev_prepare());
	self->fd = uevents_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(uevents)
{
	close(self->fd);
	EXPECT_EQ(0, mdev_prepare());
}

TEST_F(uevents, parent_mdev_state)
{
	struct uevent event;

	if (!module_is_loaded("mtty"))
		SKIP(return, "mtty is not a module");
	ASSERT_EQ(0, module_unload("mtty"));
	ASSERT_EQ(0, uevents_find(self->fd, &event, "change@" PARENT_PATH));
	EXPECT_STREQ("unregistered", uevent_value(&event, "MDEV_STATE"));

	ASSERT_EQ(0, module_load("mtty"));
	ASSERT_EQ(0, uevents_find(self->fd, &event, "change@" PARENT_PATH));
	EXPECT_STREQ("registered", uevent_value(&event, "MDEV_STATE"));
}

/* mdevctl creates its devices on MDEV_STATE=registered. */
TEST_F(uevents, create_on_registered_event)
{
	struct uevent event;
	pid_t loader;

	if (!module_is_loaded("mtty"))
		SKIP(return, "mtty is not a module");
	ASSERT_EQ(0, module_unload("mtty"));
	ASSERT_EQ(0, uevents_find(self->fd, &event, "change@" PARENT_PATH));

	loader = fork();
	ASSERT_LE(0, loader);
	if (!loader)
		_exit(module_load("mtty") ? 1 : 0);
	EXPECT_EQ(0, uevents_find(self->fd, &event, "change@" PARENT_PATH));
	EXPECT_TRUE(path_same(MTTY, "/sys/class/mdev_bus/mtty"));
	EXPECT_EQ(0, mdev_create("mtty-1", UUID_A));
	EXPECT_EQ(loader, waitpid(loader, NULL, 0));
}

TEST_F(uevents, add_after_vfio_dev)
{
	char part[] = "add@" DEVICE_PATH "/vfio-dev/";
	bool has_part = false;
	struct uevent event;

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	do {
		ASSERT_EQ(0, uevents_next(self->fd, &event, TIMEOUT_MS));
		if (!strncmp(event.text, part, strlen(part)))
			has_part = true;
	} while (strcmp(event.text, "add@" DEVICE_PATH));
	EXPECT_TRUE(has_part);
	EXPECT_STREQ("mdev", uevent_value(&event, "SUBSYSTEM"));
	EXPECT_STREQ("vfio_mdev", uevent_value(&event, "DRIVER"));
}

#define MDEV	" SUBSYSTEM=mdev"
#define DRIVER	" DRIVER=vfio_mdev"
#define SYNTH	" SYNTH_UUID=0"

/*
 * The same variables as in mainline, and no DEVTYPE: libvirt and udev rules match
 * SUBSYSTEM=mdev only without DEVTYPE.
 */
TEST_F(uevents, mdev_variables)
{
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	EXPECT_STREQ("ACTION=add" MDEV DRIVER,
		     next_variables(self->fd, DEVICE_PATH));
	EXPECT_STREQ("ACTION=bind" MDEV DRIVER,
		     next_variables(self->fd, DEVICE_PATH));
	ASSERT_EQ(0, sysfs_write(UUID_A, VFIO_MDEV "/unbind"));
	EXPECT_STREQ("ACTION=unbind" MDEV,
		     next_variables(self->fd, DEVICE_PATH));
	ASSERT_EQ(0, sysfs_write("change", DEVICE_A "/uevent"));
	EXPECT_STREQ("ACTION=change" MDEV SYNTH,
		     next_variables(self->fd, DEVICE_PATH));
	ASSERT_EQ(0, sysfs_write(UUID_A, VFIO_MDEV "/bind"));
	EXPECT_STREQ("ACTION=bind" MDEV DRIVER,
		     next_variables(self->fd, DEVICE_PATH));
	ASSERT_EQ(0, sysfs_write("add", DEVICE_A "/uevent"));
	EXPECT_STREQ("ACTION=add" MDEV SYNTH DRIVER,
		     next_variables(self->fd, DEVICE_PATH));
	ASSERT_EQ(0, mdev_remove(UUID_A));
	EXPECT_STREQ("ACTION=unbind" MDEV,
		     next_variables(self->fd, DEVICE_PATH));
	EXPECT_STREQ("ACTION=remove" MDEV,
		     next_variables(self->fd, DEVICE_PATH));
}

/* Mainline has no such events. */
TEST_F(uevents, online_variables)
{
	if (sim_prepare())
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	EXPECT_STREQ("ACTION=add" MDEV DRIVER,
		     next_variables(self->fd, SIM_DEVICE));
	EXPECT_STREQ("ACTION=bind" MDEV DRIVER,
		     next_variables(self->fd, SIM_DEVICE));
	ASSERT_EQ(0, sysfs_write("1", "/sys" SIM_DEVICE "/online"));
	EXPECT_STREQ("ACTION=online" MDEV DRIVER,
		     next_variables(self->fd, SIM_DEVICE));
	ASSERT_EQ(0, sysfs_write("0", "/sys" SIM_DEVICE "/online"));
	EXPECT_STREQ("ACTION=offline" MDEV DRIVER,
		     next_variables(self->fd, SIM_DEVICE));
	ASSERT_EQ(0, sysfs_write("1", "/sys" SIM_DEVICE "/online"));
	EXPECT_STREQ("ACTION=online" MDEV DRIVER,
		     next_variables(self->fd, SIM_DEVICE));
	ASSERT_EQ(0, mdev_remove(UUID_A));
	EXPECT_STREQ("ACTION=offline" MDEV DRIVER,
		     next_variables(self->fd, SIM_DEVICE));
	EXPECT_STREQ("ACTION=unbind" MDEV,
		     next_variables(self->fd, SIM_DEVICE));
	EXPECT_STREQ("ACTION=remove" MDEV,
		     next_variables(self->fd, SIM_DEVICE));
	EXPECT_EQ(0, sim_finish());
}

/* The event is received concurrently with the rest of the write to create. */
TEST_F_TIMEOUT(uevents, add_of_complete_mdev, 120)
{
	struct uevent event;
	pid_t creator;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		creator = fork();
		ASSERT_LE(0, creator);
		if (!creator)
			_exit(mdev_create("mtty-1", UUID_A) ? 1 : 0);
		EXPECT_EQ(0, uevents_find(self->fd, &event,
					  "add@" DEVICE_PATH));
		EXPECT_TRUE(path_exists(DEVICE_A "/vfio-dev"));
		EXPECT_TRUE(path_exists(DEVICE_A "/iommu_group"));
		EXPECT_TRUE(path_exists(DEVICE_A "/driver"));
		EXPECT_TRUE(path_exists(DEVICE_A "/mdev_type"));
		EXPECT_TRUE(path_exists(DEVICE_A "/remove"));
		EXPECT_TRUE(path_exists(DEVICE_A "/mdev_type/devices/"
					UUID_A));
		EXPECT_TRUE(path_exists(MDEV_DEVICES "/" UUID_A));
		ASSERT_EQ(creator, waitpid(creator, NULL, 0));
		ASSERT_EQ(0, mdev_remove(UUID_A));
	}
}

TEST_F(uevents, add_sent_once)
{
	struct uevent event;

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, uevents_find(self->fd, &event, "add@" DEVICE_PATH));
	ASSERT_EQ(0, mdev_remove(UUID_A));
	do {
		ASSERT_EQ(0, uevents_next(self->fd, &event, TIMEOUT_MS));
		EXPECT_STRNE("add@" DEVICE_PATH, event.text);
	} while (strcmp(event.text, "remove@" DEVICE_PATH));
	EXPECT_EQ(0, uevents_drain(self->fd, DEVICE_PATH));
}

/* A removal by the process that receives the ADD event waits for the creator. */
TEST_F_TIMEOUT(uevents, remove_on_add, 120)
{
	struct uevent event;
	pid_t creator;
	int round, status;

	for (round = 0; round < REMOVAL_ROUNDS; round++) {
		creator = fork();
		ASSERT_LE(0, creator);
		if (!creator)
			_exit(mdev_create("mtty-1", UUID_A) ? 1 : 0);
		ASSERT_EQ(0, uevents_find(self->fd, &event,
					  "add@" DEVICE_PATH));
		ASSERT_EQ(0, mdev_remove(UUID_A));
		ASSERT_EQ(0, uevents_find(self->fd, &event,
					  "remove@" DEVICE_PATH));
		ASSERT_EQ(creator, waitpid(creator, &status, 0));
		ASSERT_EQ(0, status);
	}
}

/* Writes to online, from when the file exists, race with the "add" event. */
TEST_F_TIMEOUT(uevents, online_after_add, 120)
{
	struct uevent event;
	pid_t creator;
	bool added;
	int round;

	if (sim_prepare())
		SKIP(return, "needs the module mdev_sim");
	for (round = 0; round < ROUNDS; round++) {
		creator = fork();
		ASSERT_LE(0, creator);
		if (!creator)
			_exit(sim_create(SIM_FULL, SIM_PCI, UUID_A) ? 1 : 0);
		while (sysfs_write("1", "/sys" SIM_DEVICE "/online"))
			;
		added = false;
		do {
			ASSERT_EQ(0, uevents_next(self->fd, &event,
						  TIMEOUT_MS));
			added |= !strcmp(event.text, "add@" SIM_DEVICE);
			EXPECT_TRUE(path_exists("/sys" SIM_DEVICE "/generation"));
		} while (strcmp(event.text, "online@" SIM_DEVICE));
		EXPECT_TRUE(added);
		ASSERT_EQ(creator, waitpid(creator, NULL, 0));
		EXPECT_EQ(0, uevents_drain(self->fd, SIM_DEVICE));
		ASSERT_EQ(0, mdev_remove(UUID_A));
		uevents_drain(self->fd, "");
	}
	EXPECT_EQ(0, sim_finish());
}

TEST_F(uevents, no_event_of_refused_write)
{
	char uuid[UUID_SIZE];
	int available;

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	for (available = mdev_available("mtty-2"); available > 0; available--) {
		uuid_numbered(uuid, available);
		ASSERT_EQ(0, mdev_create("mtty-2", uuid));
	}
	uevents_drain(self->fd, "");

	EXPECT_EQ(-ENOSPC, mdev_create("mtty-2", UUID_B));
	EXPECT_EQ(-EEXIST, mdev_create("mtty-1", UUID_A));
	EXPECT_EQ(0, sysfs_write("0", DEVICE_A "/remove"));
	EXPECT_EQ(-EINVAL, sysfs_write("y", DEVICE_A "/remove"));
	EXPECT_EQ(0, uevents_drain(self->fd, DEVICE_PATH));
	EXPECT_EQ(0, uevents_drain(self->fd, PARENT_PATH "/" UUID_B));
}

TEST_HARNESS_MAIN
