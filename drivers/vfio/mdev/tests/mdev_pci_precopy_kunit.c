// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of state data that is transferred in parts: pages that userspace, the
 * guest or the driver has written are transferred again, and no others; parts of
 * ->save_part() are passed on to ->load_part(); invalid parts are refused.
 */

#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/unaligned.h>

#include "mdev_pci_test_device.h"

#define TEST_VALUE	TEST_FILL
#define TEST_BLOCK	4096
/* Headers of sections and of blocks */
#define TEST_HEADER	16

/* A page of memory in a part, in bytes */
#define TEST_PAGE_SIZE	(PAGE_SIZE / TEST_BLOCK * (TEST_HEADER + TEST_BLOCK))

/* Members of the header of a section */
#define TEST_ID		0
#define TEST_FLAGS	2
#define TEST_VERSION	4
#define TEST_SIZE	8
/* Members of the first block */
#define TEST_REGION	(TEST_HEADER + 0)
#define TEST_ZERO	(TEST_HEADER + 4)
#define TEST_OFFSET	(TEST_HEADER + 8)

static void test_step(struct test_pci *fixture, enum vfio_device_mig_state from,
		      enum vfio_device_mig_state to)
{
	KUNIT_EXPECT_EQ(fixture->test,
			fixture->ops->migration->set_state(fixture->mdev, from,
							   to), 0);
}

/* A source in PRE_COPY, with memory that decodes */
static struct test_pci *test_source(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, TEST_DECODE);
	test_step(fixture, VFIO_DEVICE_STATE_RUNNING,
		  VFIO_DEVICE_STATE_PRE_COPY);
	return fixture;
}

static void test_store(struct test_pci *fixture, unsigned int page, u64 value)
{
	test_pci_write(fixture, TEST_MEMORY, page * PAGE_SIZE, 8, value);
}

static u64 test_fetch(struct test_pci *fixture, unsigned int page)
{
	return test_pci_read(fixture, TEST_MEMORY, page * PAGE_SIZE, 8);
}

static u8 *test_buffer(struct test_pci *fixture)
{
	u8 *buf = kunit_kzalloc(fixture->test, SZ_128K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fixture->test, buf);
	return buf;
}

static ssize_t test_save_part(struct test_pci *fixture, u8 *buf, size_t size)
{
	return fixture->ops->migration->save_part(fixture->mdev, buf, size);
}

/* How many pages the next part has, the first of which is of TEST_MEMORY */
static unsigned int test_pages(struct test_pci *fixture)
{
	u8 *buf = test_buffer(fixture);
	ssize_t size = test_save_part(fixture, buf, SZ_128K);
	unsigned int blocks = 0;
	ssize_t at;

	if (size <= 0)
		return size;
	KUNIT_EXPECT_EQ(fixture->test, get_unaligned_le32(buf + TEST_REGION),
			TEST_MEMORY);
	for (at = TEST_HEADER; at < size; at += TEST_HEADER) {
		/* The flag of zeroes, which have no contents */
		if (!get_unaligned_le32(buf + at + 4))
			at += TEST_BLOCK;
		blocks++;
	}
	KUNIT_EXPECT_EQ(fixture->test, at, size);
	return blocks / (PAGE_SIZE / TEST_BLOCK);
}

static void test_expect_left(struct test_pci *fixture, u64 initial, u64 dirty)
{
	u64 left[2] = { 1, 1 };

	fixture->ops->migration->parts_left(fixture->mdev, &left[0], &left[1]);
	KUNIT_EXPECT_EQ(fixture->test, left[0], initial);
	KUNIT_EXPECT_EQ(fixture->test, left[1], dirty);
}

/* The same device is the destination: leave PRE_COPY, and empty it. */
static void test_become_destination(struct test_pci *fixture)
{
	test_step(fixture, VFIO_DEVICE_STATE_PRE_COPY,
		  VFIO_DEVICE_STATE_RUNNING);
	KUNIT_EXPECT_EQ(fixture->test, fixture->ops->reset(fixture->mdev), 0);
	test_step(fixture, VFIO_DEVICE_STATE_RUNNING,
		  VFIO_DEVICE_STATE_RUNNING_P2P);
	test_step(fixture, VFIO_DEVICE_STATE_RUNNING_P2P,
		  VFIO_DEVICE_STATE_STOP);
	test_step(fixture, VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_RESUMING);
}

static int test_load_part(struct test_pci *fixture, const u8 *buf, size_t size)
{
	return fixture->ops->migration->load_part(fixture->mdev, buf, size);
}

static void test_precopy_dirty_pages(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, TEST_DECODE);
	test_store(fixture, 0, TEST_VALUE);
	test_store(fixture, 7, TEST_VALUE);
	test_expect_left(fixture, 2 * PAGE_SIZE, 0);
	test_source(test);
	test_expect_left(fixture, 2 * PAGE_SIZE, 0);
	KUNIT_EXPECT_EQ(test, test_pages(fixture), 2);
	test_expect_left(fixture, 0, 0);
	KUNIT_EXPECT_EQ(test, test_pages(fixture), 0);

	test_store(fixture, 7, 1);
	test_store(fixture, 7, 2);
	test_store(fixture, 3, 1);
	test_expect_left(fixture, 0, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, test_pages(fixture), 2);
	KUNIT_EXPECT_EQ(test, test_pages(fixture), 0);

	/* Stopped, it is the rest */
	test_store(fixture, 3, 2);
	test_step(fixture, VFIO_DEVICE_STATE_PRE_COPY,
		  VFIO_DEVICE_STATE_PRE_COPY_P2P);
	test_step(fixture, VFIO_DEVICE_STATE_PRE_COPY_P2P,
		  VFIO_DEVICE_STATE_STOP_COPY);
	KUNIT_EXPECT_EQ(test, test_pages(fixture), 1);
	KUNIT_EXPECT_EQ(test, test_pages(fixture), 0);
}

/* Of each migration, the first pass saves all. */
static void test_precopy_restart(struct kunit *test)
{
	struct test_pci *fixture = test_source(test);

	test_store(fixture, 2, TEST_VALUE);
	KUNIT_EXPECT_EQ(test, test_pages(fixture), 1);
	test_step(fixture, VFIO_DEVICE_STATE_PRE_COPY,
		  VFIO_DEVICE_STATE_RUNNING);
	test_expect_left(fixture, PAGE_SIZE, 0);
	test_source(test);
	KUNIT_EXPECT_EQ(test, test_pages(fixture), 1);

	/* A reset ends it */
	KUNIT_EXPECT_EQ(test, fixture->ops->reset(fixture->mdev), 0);
	KUNIT_EXPECT_FALSE(test, fixture->tracks);
	test_expect_left(fixture, 0, 0);
}

/* As many pages as there is room for, in all regions in turn */
static void test_save_part_buffer_size(struct kunit *test)
{
	struct test_pci *fixture = test_source(test);
	u8 *buf = test_buffer(fixture);
	const size_t size = TEST_HEADER + 2 * TEST_PAGE_SIZE;
	/* A quarter is the driver's */
	const size_t room = 2 * TEST_HEADER + 3 * TEST_PAGE_SIZE;

	test_store(fixture, 0, TEST_VALUE);
	test_store(fixture, 1, TEST_VALUE);
	test_store(fixture, 2, TEST_VALUE);
	test_pci_write(fixture, TEST_PICTURE, 0, 8, TEST_VALUE);
	KUNIT_EXPECT_EQ(test, test_save_part(fixture, buf, room), size);
	KUNIT_EXPECT_EQ(test, get_unaligned_le64(buf + TEST_OFFSET), 0);
	test_expect_left(fixture, 2 * PAGE_SIZE, 0);
	test_store(fixture, 0, 1);
	test_expect_left(fixture, 2 * PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, test_save_part(fixture, buf, room), size);
	KUNIT_EXPECT_EQ(test, get_unaligned_le64(buf + TEST_OFFSET),
			2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, get_unaligned_le32(buf + TEST_PAGE_SIZE +
						 TEST_REGION), TEST_PICTURE);
	KUNIT_EXPECT_EQ(test, test_pages(fixture), 1);
}

/* What page faults do: a page that is mapped writable can change from then on. */
static u32 test_fault(struct test_pci *fixture, unsigned int page, u32 flags)
{
	loff_t pos = (u64)TEST_MEMORY << MDEV_REGION_SHIFT | page * PAGE_SIZE;
	unsigned long size = PAGE_SIZE;
	unsigned long pfn;

	KUNIT_EXPECT_EQ(fixture->test,
			fixture->ops->validate_map_request(fixture->mdev, pos,
							   &pfn, &size, &flags),
			0);
	return flags;
}

static void test_precopy_mmap(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, TEST_DECODE);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, 1, MDEV_MAP_WRITABLE),
			MDEV_MAP_WRITABLE);
	test_source(test);
	test_pages(fixture);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, 1, 0), 0);
	test_expect_left(fixture, 0, 0);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, 1, MDEV_MAP_WRITABLE),
			MDEV_MAP_WRITABLE);
	test_expect_left(fixture, 0, PAGE_SIZE);
	test_pages(fixture);
	test_step(fixture, VFIO_DEVICE_STATE_PRE_COPY,
		  VFIO_DEVICE_STATE_RUNNING);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, 1, MDEV_MAP_WRITABLE),
			MDEV_MAP_WRITABLE);
}

/* The driver says what it has written; what it says of no memory is ignored. */
static void test_memory_mark_dirty(struct kunit *test)
{
	struct test_pci *fixture = test_source(test);

	test_store(fixture, 4, TEST_VALUE);
	test_store(fixture, 5, TEST_VALUE);
	test_pages(fixture);
	mdev_pci_memory_mark_dirty(fixture->pci, TEST_MEMORY,
				   5 * PAGE_SIZE - 1, 1);
	test_expect_left(fixture, 0, PAGE_SIZE);
	mdev_pci_memory_mark_dirty(fixture->pci, TEST_MEMORY,
				   5 * PAGE_SIZE - 1, 2);
	test_expect_left(fixture, 0, 2 * PAGE_SIZE);
	test_pages(fixture);
	mdev_pci_memory_mark_dirty(fixture->pci, TEST_MEMORY, 0, 0);
	mdev_pci_memory_mark_dirty(fixture->pci, TEST_MEMORY,
				   TEST_MEMORY_PAGES * PAGE_SIZE, 1);
	mdev_pci_memory_mark_dirty(fixture->pci, TEST_REGISTERS, 0, 1);
	mdev_pci_memory_mark_dirty(fixture->pci, TEST_ABSENT, 0, 1);
	mdev_pci_memory_mark_dirty(fixture->pci, UINT_MAX, 0, 1);
	test_expect_left(fixture, 0, 0);
	mdev_pci_memory_mark_dirty(fixture->pci, TEST_MEMORY, 0, U64_MAX);
	test_expect_left(fixture, 0, TEST_MEMORY_PAGES * PAGE_SIZE);
}

/* What has become zeroes after it was saved becomes zeroes there, too. */
static void test_precopy_discard(struct kunit *test)
{
	struct test_pci *fixture = test_source(test);
	u8 *first = test_buffer(fixture);
	u8 *second = test_buffer(fixture);
	ssize_t first_size, second_size;

	test_store(fixture, 8, TEST_VALUE);
	test_store(fixture, 9, TEST_VALUE);
	test_store(fixture, 10, TEST_VALUE);
	first_size = test_save_part(fixture, first, SZ_128K);
	mdev_pci_memory_discard(fixture->pci, TEST_MEMORY, 8 * PAGE_SIZE,
				PAGE_SIZE);
	test_store(fixture, 9, 0);
	second_size = test_save_part(fixture, second, SZ_128K);
	KUNIT_EXPECT_EQ(test, second_size, TEST_HEADER + 2 * TEST_HEADER *
					   (PAGE_SIZE / TEST_BLOCK));

	test_become_destination(fixture);
	KUNIT_EXPECT_EQ(test, test_load_part(fixture, first, first_size), 0);
	KUNIT_EXPECT_EQ(test, test_load_part(fixture, second, second_size), 0);
	test_step(fixture, VFIO_DEVICE_STATE_RESUMING, VFIO_DEVICE_STATE_STOP);
	KUNIT_EXPECT_EQ(test, test_fetch(fixture, 8), 0);
	KUNIT_EXPECT_EQ(test, test_fetch(fixture, 9), 0);
	KUNIT_EXPECT_EQ(test, test_fetch(fixture, 10), TEST_VALUE);
	KUNIT_EXPECT_EQ(test, test_fetch(fixture, 11), 0);
}

static void test_flr(struct test_pci *fixture)
{
	test_pci_write(fixture, TEST_CONFIG,
		       test_pci_capability(fixture, PCI_CAP_ID_EXP) +
		       PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
}

/* Save what is left of a device, and load it. */
static int test_load_rest(struct test_pci *fixture)
{
	const struct mdev_migration_ops *ops = fixture->ops->migration;
	size_t size = ops->data_size(fixture->mdev);
	u8 *buf = test_buffer(fixture);
	ssize_t saved;

	KUNIT_ASSERT_LE(fixture->test, size, SZ_128K);
	saved = ops->save(fixture->mdev, buf, size);
	KUNIT_EXPECT_GT(fixture->test, saved, 0);
	return ops->load(fixture->mdev, buf, saved);
}

/* The guest resets a device that is saved. */
static void test_precopy_flr(struct kunit *test)
{
	struct test_pci *fixture = test_source(test);

	test_store(fixture, 0, TEST_VALUE);
	test_pages(fixture);
	test_flr(fixture);
	KUNIT_EXPECT_EQ(test, fixture->reset_cause, MDEV_PCI_RESET_FLR);
	test_expect_left(fixture, 0, PAGE_SIZE);

	/* What the driver's reset has filled is saved as well */
	test_pages(fixture);
	fixture->fill = true;
	test_flr(fixture);
	test_expect_left(fixture, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, test_pages(fixture), 1);
}

/* Stopped, it has been saved but for what is left of memory, which is of after. */
static void test_stop_copy_flr(struct kunit *test)
{
	struct test_pci *fixture = test_source(test);
	u8 *buf = test_buffer(fixture);

	test_step(fixture, VFIO_DEVICE_STATE_PRE_COPY,
		  VFIO_DEVICE_STATE_PRE_COPY_P2P);
	test_step(fixture, VFIO_DEVICE_STATE_PRE_COPY_P2P,
		  VFIO_DEVICE_STATE_STOP_COPY);
	test_flr(fixture);
	KUNIT_EXPECT_EQ(test, test_save_part(fixture, buf, SZ_128K), -EIO);
	test_step(fixture, VFIO_DEVICE_STATE_STOP_COPY,
		  VFIO_DEVICE_STATE_STOP);

	test_step(fixture, VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_RESUMING);
	test_flr(fixture);
	KUNIT_EXPECT_EQ(test, test_load_rest(fixture), -EINVAL);
	test_step(fixture, VFIO_DEVICE_STATE_RESUMING, VFIO_DEVICE_STATE_STOP);
	test_step(fixture, VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_RESUMING);
	KUNIT_EXPECT_EQ(test, test_load_rest(fixture), 0);
}

/* A ->set_state() of the driver that does not call mdev_pci's */
static void test_save_part_not_tracked(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	u8 *buf = test_buffer(fixture);

	KUNIT_EXPECT_EQ(test, test_save_part(fixture, buf, SZ_128K), -EIO);
}

/* Accesses between the driver's reset and its load reach nothing. */
static void test_resuming_access(struct kunit *test)
{
	struct test_pci *fixture = test_source(test);
	unsigned long pfn, size = PAGE_SIZE;
	u32 flags = MDEV_MAP_WRITABLE;
	loff_t pos = (u64)TEST_MEMORY << MDEV_REGION_SHIFT;

	test_become_destination(fixture);
	KUNIT_EXPECT_EQ(test, fixture->reset_cause, MDEV_PCI_RESET_LOAD);
	fixture->accesses = 0;
	test_pci_write(fixture, TEST_REGISTERS, 0, 4, 1);
	test_pci_write(fixture, TEST_MAILBOX, 0, 4, 1);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MAILBOX, 0, 4),
			U32_MAX);
	test_store(fixture, 0, TEST_VALUE);
	KUNIT_EXPECT_EQ(test, test_fetch(fixture, 0), U64_MAX);
	KUNIT_EXPECT_EQ(test, fixture->accesses, 0);
	KUNIT_EXPECT_EQ(test,
			fixture->ops->validate_map_request(fixture->mdev, pos,
							   &pfn, &size, &flags),
			-EIO);
	KUNIT_EXPECT_EQ(test, mdev_pci_memory_committed(fixture->pci,
							TEST_MEMORY), 0);
	test_step(fixture, VFIO_DEVICE_STATE_RESUMING, VFIO_DEVICE_STATE_STOP);
	KUNIT_EXPECT_EQ(test, test_fetch(fixture, 0), 0);
}

static void test_resuming_reset_fails(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_step(fixture, VFIO_DEVICE_STATE_RUNNING,
		  VFIO_DEVICE_STATE_RUNNING_P2P);
	test_step(fixture, VFIO_DEVICE_STATE_RUNNING_P2P,
		  VFIO_DEVICE_STATE_STOP);
	fixture->reset_error = -EIO;
	KUNIT_EXPECT_EQ(test,
			fixture->ops->migration->set_state(fixture->mdev,
							   VFIO_DEVICE_STATE_STOP,
							   VFIO_DEVICE_STATE_RESUMING),
			-EIO);
	test_pci_write(fixture, TEST_MAILBOX, 0, 4, 1);
	KUNIT_EXPECT_GT(test, fixture->accesses, 0);
	fixture->reset_error = 0;
}

/* The driver's parts are transferred beside those of memory. */
static void test_driver_save_part(struct kunit *test)
{
	struct test_pci *fixture = test_source(test);
	u8 *parts[2] = { test_buffer(fixture), test_buffer(fixture) };

	KUNIT_EXPECT_TRUE(test, fixture->tracks);
	fixture->parts = 2;
	test_store(fixture, 0, TEST_VALUE);
	test_expect_left(fixture, PAGE_SIZE, 2);
	KUNIT_EXPECT_EQ(test, test_save_part(fixture, parts[1], SZ_128K),
			TEST_HEADER + TEST_PAGE_SIZE + TEST_HEADER + 8);
	memcpy(parts[0], parts[1] + TEST_HEADER + TEST_PAGE_SIZE,
	       TEST_HEADER + 8);
	KUNIT_EXPECT_EQ(test, test_save_part(fixture, parts[1], SZ_128K),
			TEST_HEADER + 8);
	KUNIT_EXPECT_EQ(test, test_save_part(fixture, parts[1], SZ_128K), 0);
	fixture->part_error = -EPROTO;
	KUNIT_EXPECT_EQ(test, test_save_part(fixture, parts[1], SZ_128K),
			-EPROTO);
	fixture->part_error = SZ_128K;
	KUNIT_EXPECT_EQ(test, test_save_part(fixture, parts[1], SZ_128K),
			-EIO);

	test_become_destination(fixture);
	KUNIT_EXPECT_FALSE(test, fixture->tracks);
	fixture->part_error = 0;
	KUNIT_EXPECT_EQ(test, test_load_part(fixture, parts[0],
					     TEST_HEADER + 8), 0);
	KUNIT_EXPECT_EQ(test, test_load_part(fixture, parts[1],
					     TEST_HEADER + 8), 0);
	KUNIT_EXPECT_EQ(test, fixture->parts_loaded, 2 + 1);
	KUNIT_EXPECT_EQ(test, fixture->load_version, 3);

	parts[0][TEST_VERSION] = 2;
	KUNIT_EXPECT_EQ(test, test_load_part(fixture, parts[0],
					     TEST_HEADER + 8), 0);
	KUNIT_EXPECT_EQ(test, fixture->load_version, 2);
	parts[0][TEST_VERSION] = 4;
	KUNIT_EXPECT_EQ(test, test_load_part(fixture, parts[0],
					     TEST_HEADER + 8), -EINVAL);
	fixture->part_error = -EBADMSG;
	KUNIT_EXPECT_EQ(test, test_load_part(fixture, parts[1],
					     TEST_HEADER + 8), -EBADMSG);
}

/* An error of ->track_changes() fails the transition to PRE_COPY. */
static void test_track_changes_fails(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, TEST_DECODE);
	test_store(fixture, 0, TEST_VALUE);
	fixture->track_error = -ENODEV;
	KUNIT_EXPECT_EQ(test,
			fixture->ops->migration->set_state(fixture->mdev,
							   VFIO_DEVICE_STATE_RUNNING,
							   VFIO_DEVICE_STATE_PRE_COPY),
			-ENODEV);
	KUNIT_EXPECT_EQ(test, test_fault(fixture, 0, MDEV_MAP_WRITABLE),
			MDEV_MAP_WRITABLE);
	fixture->track_error = 0;
	test_source(test);
	KUNIT_EXPECT_EQ(test, test_pages(fixture), 1);
}

/* A byte of a part with one block, and bits that may not change there */
static const struct test_fault {
	const char *what;
	size_t offset;
	u8 bits;
} test_faults[] = {
	{ "section of the rest", TEST_ID, 4 },
	{ "unknown section", TEST_ID, 0x80 },
	{ "part of the driver", TEST_ID, 1 },
	{ "flags of a section", TEST_FLAGS, 2 },
	{ "version of memory", TEST_VERSION, 2 },
	{ "shorter section", TEST_SIZE, 8 },
	{ "longer section", TEST_SIZE + 2, 1 },
	{ "registers", TEST_REGION, TEST_MEMORY ^ TEST_REGISTERS },
	{ "no region", TEST_REGION + 3, 0x80 },
	{ "zeroes with contents", TEST_ZERO, 1 },
	{ "unknown flag", TEST_ZERO, 2 },
	{ "block that is not aligned", TEST_OFFSET, 1 },
	{ "block beyond the end", TEST_OFFSET + 4, 1 },
};

static void test_fault_describe(const struct test_fault *fault, char *desc)
{
	strscpy(desc, fault->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(test_fault, test_faults, test_fault_describe);

static void test_load_part_invalid(struct kunit *test)
{
	const struct test_fault *fault = test->param_value;
	struct test_pci *fixture = test_source(test);
	u8 *buf = test_buffer(fixture);
	ssize_t size;

	test_store(fixture, 0, TEST_VALUE);
	size = test_save_part(fixture, buf, SZ_128K);
	test_become_destination(fixture);
	KUNIT_EXPECT_EQ(test, test_load_part(fixture, buf, size), 0);
	buf[fault->offset] ^= fault->bits;
	KUNIT_EXPECT_EQ(test, test_load_part(fixture, buf, size), -EINVAL);
}

static void test_load_part_truncated(struct kunit *test)
{
	struct test_pci *fixture = test_source(test);
	u8 *buf = test_buffer(fixture);
	ssize_t size, i;

	test_store(fixture, 0, TEST_VALUE);
	size = test_save_part(fixture, buf, SZ_128K);
	test_become_destination(fixture);
	for (i = 1; i < size; i += i < 64 ? 1 : 61)
		KUNIT_EXPECT_EQ(test, test_load_part(fixture, buf, i),
				-EINVAL);
	/* A section that can be skipped, as later kernels may have it */
	buf[TEST_ID] = 0x80;
	buf[TEST_FLAGS] = 1;
	KUNIT_EXPECT_EQ(test, test_load_part(fixture, buf, size), 0);
}

static struct kunit_case mdev_pci_precopy_cases[] = {
	KUNIT_CASE(test_precopy_dirty_pages),
	KUNIT_CASE(test_precopy_restart),
	KUNIT_CASE(test_save_part_buffer_size),
	KUNIT_CASE(test_precopy_mmap),
	KUNIT_CASE(test_memory_mark_dirty),
	KUNIT_CASE(test_precopy_discard),
	KUNIT_CASE(test_precopy_flr),
	KUNIT_CASE(test_stop_copy_flr),
	KUNIT_CASE(test_save_part_not_tracked),
	KUNIT_CASE(test_resuming_access),
	KUNIT_CASE(test_resuming_reset_fails),
	KUNIT_CASE(test_driver_save_part),
	KUNIT_CASE(test_track_changes_fails),
	KUNIT_CASE_PARAM(test_load_part_invalid, test_fault_gen_params),
	KUNIT_CASE(test_load_part_truncated),
	{}
};

static struct kunit_suite mdev_pci_precopy_suite = {
	.name = "mdev_pci_precopy",
	.init = test_pci_init,
	.test_cases = mdev_pci_precopy_cases,
};

kunit_test_suite(mdev_pci_precopy_suite);
