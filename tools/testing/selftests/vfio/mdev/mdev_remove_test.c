// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to a device's "remove" file: valid and invalid values, removals of open devices,
 * and what a removal deletes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "vfio_lib.h"

#define TYPE_1		MTTY_TYPES "/mtty-1"
#define DEVICE_A	MTTY "/" UUID_A

/* How long a process is watched before it counts as waiting */
#define BLOCKED_MS	300

/* The numbers that kstrtoul() accepts with base 0, as in mainline */
FIXTURE(remove)
{
};

FIXTURE_VARIANT(remove)
{
	const char *text;
	size_t size;
	int result;
	bool keeps;
};

/* A text that is accepted and removes nothing */
#define KEEPS(_text)							\
	{ .text = _text, .size = sizeof(_text) - 1, .keeps = true }

FIXTURE_VARIANT_ADD(remove, one)
	ANSWER("1", 0);
FIXTURE_VARIANT_ADD(remove, one_and_newline)
	ANSWER("1\n", 0);
FIXTURE_VARIANT_ADD(remove, two)
	ANSWER("2", 0);
FIXTURE_VARIANT_ADD(remove, hexadecimal)
	ANSWER("0x10\n", 0);
FIXTURE_VARIANT_ADD(remove, octal)
	ANSWER("010", 0);
FIXTURE_VARIANT_ADD(remove, plus_one)
	ANSWER("+1", 0);
FIXTURE_VARIANT_ADD(remove, text_after_zero_byte)
	ANSWER("1\0junk", 0);
FIXTURE_VARIANT_ADD(remove, zero)
	KEEPS("0");
FIXTURE_VARIANT_ADD(remove, zero_and_newline)
	KEEPS("0\n");
FIXTURE_VARIANT_ADD(remove, zero_hexadecimal)
	KEEPS("0x0");
FIXTURE_VARIANT_ADD(remove, zero_of_many_digits)
	KEEPS("0000");
FIXTURE_VARIANT_ADD(remove, minus_one)
	ANSWER("-1", -EINVAL);
FIXTURE_VARIANT_ADD(remove, leading_blank)
	ANSWER(" 1", -EINVAL);
FIXTURE_VARIANT_ADD(remove, trailing_blank)
	ANSWER("1 ", -EINVAL);
FIXTURE_VARIANT_ADD(remove, two_newlines)
	ANSWER("1\n\n", -EINVAL);
FIXTURE_VARIANT_ADD(remove, too_large)
	ANSWER("18446744073709551616", -EINVAL);
FIXTURE_VARIANT_ADD(remove, no_octal_digit)
	ANSWER("08", -EINVAL);
FIXTURE_VARIANT_ADD(remove, newline)
	ANSWER("\n", -EINVAL);
FIXTURE_VARIANT_ADD(remove, zero_byte)
	ANSWER("\0", -EINVAL);
FIXTURE_VARIANT_ADD(remove, y)
	ANSWER("y", -EINVAL);
FIXTURE_VARIANT_ADD(remove, yes)
	ANSWER("Yes\n", -EINVAL);
FIXTURE_VARIANT_ADD(remove, on)
	ANSWER("on", -EINVAL);
FIXTURE_VARIANT_ADD(remove, true)
	ANSWER("true\n", -EINVAL);
FIXTURE_VARIANT_ADD(remove, word)
	ANSWER("remove", -EINVAL);
FIXTURE_VARIANT_ADD(remove, uuid)
	ANSWER(UUID_A, -EINVAL);

FIXTURE_SETUP(remove)
{
	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
}

FIXTURE_TEARDOWN(remove)
{
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F(remove, write_result)
{
	EXPECT_EQ(variant->result,
		  sysfs_write_bytes(variant->text, variant->size,
				    DEVICE_A "/remove"));
	EXPECT_EQ(variant->result || variant->keeps, path_exists(DEVICE_A));
	EXPECT_EQ(variant->result || variant->keeps,
		  path_exists(VFIO_MDEV "/" UUID_A));
}

/* Removal of an open device */
FIXTURE(busy)
{
	struct vfio_user user;
};

FIXTURE_VARIANT(busy)
{
	int (*open)(struct vfio_user *user, const char *uuid);
};

static int open_without_binding(struct vfio_user *user, const char *uuid)
{
	*user = (struct vfio_user){ -1, -1, vfio_open_unbound(uuid) };
	return user->device < 0 ? user->device : 0;
}

FIXTURE_VARIANT_ADD(busy, container)
{
	.open = vfio_open_container,
};

FIXTURE_VARIANT_ADD(busy, group_of_iommufd)
{
	.open = vfio_open_group,
};

FIXTURE_VARIANT_ADD(busy, cdev)
{
	.open = vfio_open_cdev,
};

FIXTURE_VARIANT_ADD(busy, unbound_cdev)
{
	.open = open_without_binding,
};

FIXTURE_SETUP(busy)
{
	if (variant->open == open_without_binding && kernel_is_patched())
		SKIP(return, "tested by mdev_cdev_registration_test");
	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
}

FIXTURE_TEARDOWN(busy)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F(busy, remove_ebusy_until_close)
{
	char path[VFIO_PATH_SIZE];

	EXPECT_EQ(-EBUSY, mdev_remove(UUID_A));
	EXPECT_EQ(-EBUSY, mdev_remove(UUID_A));
	EXPECT_TRUE(path_same(VFIO_MDEV, DEVICE_A "/driver"));
	EXPECT_EQ(0, vfio_group_path(path, UUID_A));
	EXPECT_TRUE(path_exists("%s", path));
	EXPECT_EQ(0, vfio_cdev_path(path, UUID_A));
	EXPECT_EQ(path_exists("/dev/vfio/devices"), path_exists("%s", path));

	vfio_close(&self->user);
	EXPECT_EQ(0, mdev_remove(UUID_A));
}

TEST_F(busy, reopen_after_ebusy)
{
	ASSERT_EQ(-EBUSY, mdev_remove(UUID_A));
	vfio_close(&self->user);
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	EXPECT_EQ(-EBUSY, mdev_remove(UUID_A));
}

/*
 * The unbind holds the device lock while it waits for the close. mdev_driver_in_use()
 * uses device_trylock(), and the removal fails with -EBUSY.
 */
TEST_F(busy, remove_ebusy_during_driver_unbind)
{
	pid_t unbinder;
	int status;

	unbinder = fork();
	ASSERT_LE(0, unbinder);
	if (!unbinder) {
		vfio_close(&self->user);
		_exit(sysfs_write(UUID_A, VFIO_MDEV "/unbind") ? 1 : 0);
	}
	sleep_ms(BLOCKED_MS);
	EXPECT_EQ(0, waitpid(unbinder, NULL, WNOHANG));
	EXPECT_EQ(-EBUSY, mdev_remove(UUID_A));
	vfio_close(&self->user);
	EXPECT_EQ(unbinder, waitpid(unbinder, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, mdev_remove(UUID_A));
}

TEST_F(busy, write_of_zero_or_junk)
{
	EXPECT_EQ(0, sysfs_write("0", DEVICE_A "/remove"));
	EXPECT_EQ(-EINVAL, sysfs_write("y", DEVICE_A "/remove"));
	EXPECT_TRUE(path_same(VFIO_MDEV, DEVICE_A "/driver"));
}

FIXTURE(parent)
{
};

FIXTURE_SETUP(parent)
{
	ASSERT_EQ(0, mdev_prepare());
}

FIXTURE_TEARDOWN(parent)
{
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F(parent, remove_deletes_sysfs_and_dev_nodes)
{
	char group[VFIO_PATH_SIZE], cdev[VFIO_PATH_SIZE];
	int available = mdev_available("mtty-1");
	int entries = count_entries(MTTY);

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, vfio_group_path(group, UUID_A));
	ASSERT_EQ(0, vfio_cdev_path(cdev, UUID_A));

	EXPECT_EQ(0, mdev_remove(UUID_A));
	EXPECT_EQ(entries, count_entries(MTTY));
	EXPECT_EQ(0, count_entries(MDEV_DEVICES));
	EXPECT_EQ(0, count_entries(TYPE_1 "/devices"));
	EXPECT_FALSE(path_exists("%s", group));
	EXPECT_FALSE(path_exists("%s", cdev));
	EXPECT_EQ(available, mdev_available("mtty-1"));
}

TEST_F(parent, remove_with_group_open)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[VFIO_PATH_SIZE];
	int group;

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, vfio_group_path(path, UUID_A));
	group = open(path, O_RDWR);
	ASSERT_LE(0, group);
	EXPECT_EQ(0, mdev_remove(UUID_A));
	EXPECT_EQ(-ENODEV, vfio_ioctl(group, VFIO_GROUP_GET_STATUS, &status));
	EXPECT_EQ(-ENODEV, vfio_ioctl(group, VFIO_GROUP_GET_DEVICE_FD,
				      UUID_A));
	close(group);
}

TEST_F(parent, remove_after_driver_unbind)
{
	int available = mdev_available("mtty-1");

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, sysfs_write(UUID_A, VFIO_MDEV "/unbind"));
	EXPECT_EQ(0, mdev_remove(UUID_A));
	EXPECT_FALSE(path_exists(DEVICE_A));
	EXPECT_EQ(available, mdev_available("mtty-1"));
}

TEST_HARNESS_MAIN
