// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzing of the sysfs files of mediated devices: a valid text is mutated at random and
 * written. The test parses the text itself, to check that exactly the valid ones are
 * accepted. MDEV_SEED repeats a run, MDEV_ROUNDS is the number of rounds.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "random_lib.h"
#include "sim_lib.h"
#include "state_lib.h"

#define ROUNDS		300
/* sysfs passes at most a page to ->store(). */
#define TEXT_LIMIT	4096

/* For TEST_F_TIMEOUT(): debugging kernels on emulated machines */
#define FUZZ_TIMEOUT	300

#define UUID_NIL	"00000000-0000-0000-0000-000000000000"
#define TYPE		SIM_PATH(SIM_FULL) "/mdev_supported_types/" SIM_PCI

/* A text, zero bytes included */
static char text[TEXT_LIMIT];
static size_t size;

FIXTURE(fuzz_sysfs)
{
	struct state before;
};

FIXTURE_SETUP(fuzz_sysfs)
{
	int ret = sim_prepare();

	if (ret == -ENOENT)
		SKIP(return, "needs the module mdev_sim");
	ASSERT_EQ(0, ret);
	state_take(&self->before, false);
	random_begin(0);
}

FIXTURE_TEARDOWN(fuzz_sysfs)
{
	EXPECT_EQ(0, sim_finish());
	EXPECT_TRUE(state_is_again(&self->before));
}

static void insert(size_t place, char byte, size_t count)
{
	if (size + count > TEXT_LIMIT)
		return;
	memmove(text + place + count, text + place, size - place);
	memset(text + place, byte, count);
	size += count;
}

static void mutate(void)
{
	static const char bytes[] = "0aAfFgG-{}\n\n \t\0x%s/.\377";
	char byte = bytes[random_below(sizeof(bytes))];
	size_t place = random_below(size + 1);

	switch (random_below(7)) {
	case 0:
		insert(place, byte, 1);
		break;
	case 1:
		insert(place, byte, random_below(TEXT_LIMIT));
		break;
	case 2:
		size = place;
		break;
	case 3:
		insert(size, '\n', 1);
		break;
	default:
		if (place < size)
			text[place] = random_once_in(3) ?
				      toupper(text[place]) : byte;
	}
}

static void choose_text(const char *right)
{
	unsigned int count = random_below(4);

	size = strlen(right);
	memcpy(text, right, size);
	while (count--)
		mutate();
}

/* One newline at the end is allowed. */
static size_t length_without_newline(void)
{
	return size && text[size - 1] == '\n' ? size - 1 : size;
}

static bool is_uuid(void)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t i;

	if (length_without_newline() != strlen(form))
		return false;
	for (i = 0; i < strlen(form); i++)
		if (form[i] == 'x' ? !isxdigit(text[i]) : text[i] != '-')
			return false;
	return strspn(text, "0-") < strlen(form);
}

static bool is_one_of(char byte, const char *bytes)
{
	return byte && strchr(bytes, byte);
}

/* The text as kstrtobool() parses it, or -EINVAL. No text begins with d or e. */
static int truth(void)
{
	if (!size)
		return -EINVAL;
	if (is_one_of(text[0], "oO") && size > 1 && is_one_of(text[1], "nNfF"))
		return is_one_of(text[1], "nN");
	if (is_one_of(text[0], "1yYtT"))
		return 1;
	return is_one_of(text[0], "0nNfF") ? 0 : -EINVAL;
}

/* 1 for a number other than 0, as kstrtoul() parses it, 0 for 0, or -EINVAL */
static int number(void)
{
	char terminated[TEXT_LIMIT + 1] = "", *digits = terminated, *end;
	unsigned long value;

	memcpy(terminated, text, size);
	if (*digits == '+')
		digits++;
	if (!isdigit(*digits))
		return -EINVAL;
	errno = 0;
	value = strtoul(digits, &end, 0);
	if (*end == '\n')
		end++;
	return errno || *end ? -EINVAL : !!value;
}

static void print_text(void)
{
	char line[200];
	size_t i, used = 0;

	for (i = 0; i < size && used < sizeof(line) - 5; i++)
		used += snprintf(line + used, sizeof(line) - used,
				 isprint(text[i]) ? "%c" : "\\x%02x",
				 (unsigned char)text[i]);
	ksft_print_msg("%zu bytes: %s\n", size, line);
}

TEST_F_TIMEOUT(fuzz_sysfs, create, FUZZ_TIMEOUT)
{
	unsigned int rounds = random_rounds(ROUNDS), created = 0, i;
	char uuid[UUID_SIZE] = "";
	int ret;

	while (rounds--) {
		choose_text(random_once_in(8) ? UUID_NIL : UUID_A);
		ret = sysfs_write_bytes(text, size, TYPE "/create");
		/* A write of 0 bytes does not call ->store() */
		ASSERT_EQ(!size || is_uuid() ? 0 : -EINVAL, ret) {
			print_text();
		}
		if (!size || ret)
			continue;
		for (i = 0; i < UUID_SIZE - 1; i++)
			uuid[i] = tolower(text[i]);
		ASSERT_EQ(0, mdev_remove(uuid));
		created++;
	}
	EXPECT_LT(0, created);
}

/* A number other than 0 removes the device, 0 has no effect, others are -EINVAL. */
TEST_F_TIMEOUT(fuzz_sysfs, remove, FUZZ_TIMEOUT)
{
	static const char * const numbers[] = { "0", "1", "0x1F", "+10\n" };
	unsigned int rounds = random_rounds(ROUNDS), removed = 0;
	bool removes;
	int ret;

	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	while (rounds--) {
		choose_text(numbers[random_below(ARRAY_SIZE(numbers))]);
		ret = sysfs_write_bytes(text, size,
					MDEV_DEVICES "/" UUID_A "/remove");
		ASSERT_EQ(!size || number() >= 0 ? 0 : -EINVAL, ret) {
			print_text();
		}
		removes = size && number() == 1;
		ASSERT_NE(removes, path_exists(MDEV_DEVICES "/" UUID_A)) {
			print_text();
		}
		if (!removes)
			continue;
		ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
		removed++;
	}
	EXPECT_LT(0, removed);
}

TEST_F_TIMEOUT(fuzz_sysfs, online, FUZZ_TIMEOUT)
{
	unsigned int rounds = random_rounds(ROUNDS), changed = 0;
	char before[8], after[8];
	int ret;

	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	ASSERT_LT(0, sysfs_read(before, sizeof(before),
				MDEV_DEVICES "/" UUID_A "/online"));
	while (rounds--) {
		choose_text(random_once_in(2) ? "on" : "0");
		ret = sysfs_write_bytes(text, size,
					MDEV_DEVICES "/" UUID_A "/online");
		ASSERT_LT(0, sysfs_read(after, sizeof(after),
					MDEV_DEVICES "/" UUID_A "/online"));
		ASSERT_EQ(!size || truth() >= 0 ? 0 : -EINVAL, ret) {
			print_text();
		}
		ASSERT_EQ(ret || !size ? before[0] : '0' + truth(), after[0]);
		if (strcmp(before, after))
			changed++;
		memcpy(before, after, sizeof(before));
	}
	EXPECT_LT(0, changed);
}

/* A read with any offset and size returns that part of the text. */
TEST_F_TIMEOUT(fuzz_sysfs, read, FUZZ_TIMEOUT)
{
	static const char * const files[] = {
		TYPE "/name", TYPE "/device_api", TYPE "/available_instances",
		MDEV_DEVICES "/" UUID_A "/online",
		MDEV_DEVICES "/" UUID_A "/uevent",
	};
	unsigned int rounds = random_rounds(ROUNDS);
	char whole[4096], part[4096];

	ASSERT_EQ(0, sim_create(SIM_FULL, SIM_PCI, UUID_A));
	while (rounds--) {
		const char *path = files[random_below(ARRAY_SIZE(files))];
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t length = pread(fd, whole, sizeof(whole), 0);
		ssize_t offset = random_below(2 * length);
		size_t count = random_below(sizeof(part));
		ssize_t ret = pread(fd, part, count, offset);
		ssize_t left = offset < length ? length - offset : 0;

		ASSERT_EQ(left < (ssize_t)count ? left : (ssize_t)count, ret);
		EXPECT_EQ(0, memcmp(whole + offset, part, ret));
		close(fd);
	}
}

TEST_HARNESS_MAIN
