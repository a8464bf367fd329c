// SPDX-License-Identifier: GPL-2.0-only
/*
 * Results of a write to a type's "create" file: syntax of the UUID, duplicate UUIDs and
 * available_instances.
 */
#include <errno.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"

#define TYPE_1		MTTY_TYPES "/mtty-1"
#define TYPE_2		MTTY_TYPES "/mtty-2"
#define DEVICE_A	MTTY "/" UUID_A

/* Syntax of the UUID */
FIXTURE(create)
{
};

FIXTURE_VARIANT(create)
{
	const char *text;
	size_t size;
	int result;
};

FIXTURE_VARIANT_ADD(create, plain)
	ANSWER(UUID_A, 0);
FIXTURE_VARIANT_ADD(create, newline)
	ANSWER(UUID_A "\n", 0);
FIXTURE_VARIANT_ADD(create, upper_case)
	ANSWER("6D646576-7465-4374-8000-AAAAAAAAAAAA", 0);
FIXTURE_VARIANT_ADD(create, mixed_case)
	ANSWER("6d646576-7465-4374-8000-aaaaaAAAAAAA\n", 0);
FIXTURE_VARIANT_ADD(create, nil)
	ANSWER(UUID_NIL, -EINVAL);
FIXTURE_VARIANT_ADD(create, only_newline)
	ANSWER("\n", -EINVAL);
FIXTURE_VARIANT_ADD(create, two_newlines)
	ANSWER(UUID_A "\n\n", -EINVAL);
FIXTURE_VARIANT_ADD(create, carriage_return)
	ANSWER(UUID_A "\r\n", -EINVAL);
FIXTURE_VARIANT_ADD(create, leading_newline)
	ANSWER("\n" UUID_A, -EINVAL);
FIXTURE_VARIANT_ADD(create, leading_blank)
	ANSWER(" " UUID_A, -EINVAL);
FIXTURE_VARIANT_ADD(create, trailing_blank)
	ANSWER(UUID_A " ", -EINVAL);
FIXTURE_VARIANT_ADD(create, tab_and_newline)
	ANSWER(UUID_A "\t\n", -EINVAL);
FIXTURE_VARIANT_ADD(create, one_digit_short)
	ANSWER(UUID_PREFIX "aaaaaaaaaaa", -EINVAL);
FIXTURE_VARIANT_ADD(create, digit_is_newline)
	ANSWER(UUID_PREFIX "aaaaaaaaaaa\n", -EINVAL);
FIXTURE_VARIANT_ADD(create, one_digit_long)
	ANSWER(UUID_A "0", -EINVAL);
FIXTURE_VARIANT_ADD(create, trailing_words)
	ANSWER(UUID_A " and more", -EINVAL);
FIXTURE_VARIANT_ADD(create, two_uuids)
	ANSWER(UUID_A "\n" UUID_B "\n", -EINVAL);
FIXTURE_VARIANT_ADD(create, trailing_zero_byte)
	ANSWER(UUID_A "\0", -EINVAL);
FIXTURE_VARIANT_ADD(create, embedded_zero_byte)
	ANSWER(UUID_PREFIX "aaaa\0aaaaaaa", -EINVAL);
FIXTURE_VARIANT_ADD(create, text_after_zero_byte)
	ANSWER(UUID_A "\0more", -EINVAL);
FIXTURE_VARIANT_ADD(create, no_hex_digit)
	ANSWER(UUID_PREFIX "aaaaaaaaaaag", -EINVAL);
FIXTURE_VARIANT_ADD(create, no_dashes)
	ANSWER("6d646576746543748000aaaaaaaaaaaa", -EINVAL);
FIXTURE_VARIANT_ADD(create, misplaced_dash)
	ANSWER("6d6465767-465-4374-8000-aaaaaaaaaaaa", -EINVAL);
FIXTURE_VARIANT_ADD(create, braces)
	ANSWER("{" UUID_A "}", -EINVAL);
FIXTURE_VARIANT_ADD(create, urn)
	ANSWER("urn:uuid:" UUID_A, -EINVAL);
FIXTURE_VARIANT_ADD(create, word)
	ANSWER("mtty", -EINVAL);

FIXTURE_SETUP(create)
{
	ASSERT_EQ(0, mdev_prepare());
}

FIXTURE_TEARDOWN(create)
{
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F(create, uuid_syntax)
{
	EXPECT_EQ(variant->result,
		  sysfs_write_bytes(variant->text, variant->size,
				    TYPE_1 "/create"));
	EXPECT_EQ(!variant->result, path_exists(DEVICE_A));
	EXPECT_EQ(!variant->result, count_entries(MDEV_DEVICES));
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

TEST_F(parent, uuid_reused_after_remove)
{
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, mdev_remove(UUID_A));
	EXPECT_EQ(0, mdev_create("mtty-2", UUID_A));
	EXPECT_TRUE(path_same(TYPE_2, DEVICE_A "/mdev_type"));
}

TEST_F(parent, duplicate_uuid_eexist)
{
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	EXPECT_EQ(-EEXIST, mdev_create("mtty-1", UUID_A));
	EXPECT_EQ(-EEXIST, mdev_create("mtty-2", UUID_A));
	EXPECT_EQ(1, count_entries(MDEV_DEVICES));
	EXPECT_EQ(1, count_entries(TYPE_1 "/devices"));
	EXPECT_EQ(0, count_entries(TYPE_2 "/devices"));
}

TEST_F(parent, duplicate_uuid_in_other_case)
{
	static const char * const forms[] = {
		"6d646576-7465-4374-8000-aaaaaaaaaaaa\n",
		"6D646576-7465-4374-8000-AAAAAAAAAAAA",
		"6d646576-7465-4374-8000-aaaaaaAAAAAA\n",
	};
	unsigned int i;

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	for (i = 0; i < ARRAY_SIZE(forms); i++)
		EXPECT_EQ(-EEXIST, mdev_create("mtty-1", forms[i]));
	EXPECT_EQ(1, count_entries(MDEV_DEVICES));
}

TEST_F(parent, available_instances_enospc)
{
	int available = mdev_available("mtty-1");
	char uuid[UUID_SIZE];
	int number;

	for (number = 1; number < available; number++) {
		uuid_numbered(uuid, number);
		ASSERT_EQ(0, mdev_create("mtty-1", uuid));
	}
	EXPECT_EQ(1, mdev_available("mtty-1"));
	EXPECT_EQ(0, mdev_available("mtty-2"));

	uuid_numbered(uuid, available);
	EXPECT_EQ(-ENOSPC, mdev_create("mtty-2", uuid));
	EXPECT_FALSE(path_exists(MTTY "/%s", uuid));
	EXPECT_EQ(1, mdev_available("mtty-1"));
	EXPECT_EQ(0, mdev_create("mtty-1", uuid));
	EXPECT_EQ(0, mdev_available("mtty-1"));

	uuid_numbered(uuid, available + 1);
	EXPECT_EQ(-ENOSPC, mdev_create("mtty-1", uuid));
	EXPECT_FALSE(path_exists(MTTY "/%s", uuid));
	EXPECT_EQ(available, count_entries(TYPE_1 "/devices"));
}

TEST_F(parent, uuid_reused_after_enospc)
{
	char uuid[UUID_SIZE];
	int number = 0;
	int ret;

	do {
		uuid_numbered(uuid, ++number);
		ret = mdev_create("mtty-2", uuid);
	} while (!ret);
	ASSERT_EQ(-ENOSPC, ret);

	ASSERT_EQ(0, mdev_remove_all());
	EXPECT_EQ(0, mdev_create("mtty-2", uuid));
}

TEST_HARNESS_MAIN
