// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of the UUIDs that administrators write. */

#include "mdev_test_vendor.h"

#define TEST_UUID_TEXT	"3c3d2a4e-8f4b-4b0e-9a11-528c1f607de2"

static const struct test_uuid_text {
	const char *what;
	const char *text;
	size_t count;
	int result;
} test_uuid_texts[] = {
#define TEXT(_what, _text, _result) \
	{ _what, _text, sizeof(_text) - 1, _result }
	TEXT("plain", TEST_UUID_TEXT, 0),
	TEXT("newline", TEST_UUID_TEXT "\n", 0),
	TEXT("upper case", "3C3D2A4E-8F4B-4B0E-9A11-528C1F607DE2", 0),
	TEXT("mixed case", "3c3D2A4e-8F4b-4B0E-9a11-528c1f607dE2\n", 0),
	TEXT("empty", "", -EINVAL),
	TEXT("newline only", "\n", -EINVAL),
	TEXT("two newlines", TEST_UUID_TEXT "\n\n", -EINVAL),
	TEXT("trailing blank", TEST_UUID_TEXT " ", -EINVAL),
	TEXT("trailing NUL", TEST_UUID_TEXT "\0", -EINVAL),
	TEXT("leading blank", " " TEST_UUID_TEXT, -EINVAL),
	TEXT("one short", "3c3d2a4e-8f4b-4b0e-9a11-528c1f607de", -EINVAL),
	TEXT("one short, newline", "3c3d2a4e-8f4b-4b0e-9a11-528c1f607de\n",
	     -EINVAL),
	TEXT("one long", TEST_UUID_TEXT "0", -EINVAL),
	TEXT("no dashes", "3c3d2a4e8f4b4b0e9a11528c1f607de2", -EINVAL),
	TEXT("dash moved", "3c3d2a4e8-f4b-4b0e-9a11-528c1f607de2", -EINVAL),
	TEXT("no hex digit", "3c3d2a4e-8f4b-4b0e-9a11-528c1f607deg", -EINVAL),
	TEXT("braces", "{3c3d2a4e-8f4b-4b0e-9a11-528c1f607d}", -EINVAL),
	TEXT("NUL within", "3c3d2a4e-8f4b-4b0e\0-9a11-528c1f607d", -EINVAL),
	TEXT("nil", "00000000-0000-0000-0000-000000000000", -EINVAL),
#undef TEXT
};

static void test_uuid_describe(const struct test_uuid_text *param, char *desc)
{
	strscpy(desc, param->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(test_uuid_text, test_uuid_texts, test_uuid_describe);

static void test_parse_uuid(struct kunit *test)
{
	const struct test_uuid_text *param = test->param_value;
	guid_t uuid;

	KUNIT_EXPECT_EQ(test, mdev_parse_uuid(param->text, param->count, &uuid),
			param->result);
	if (!param->result)
		KUNIT_EXPECT_TRUE(test, guid_equal(&uuid, &test_uuid));
}

static struct kunit_case mdev_uuid_cases[] = {
	KUNIT_CASE_PARAM(test_parse_uuid, test_uuid_text_gen_params),
	{}
};

static struct kunit_suite mdev_uuid_suite = {
	.name = "mdev_uuid",
	.test_cases = mdev_uuid_cases,
};

kunit_test_suite(mdev_uuid_suite);
