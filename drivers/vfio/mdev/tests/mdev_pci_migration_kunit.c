// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of a PCI function's migration: what is saved is there after it
 * was loaded, what no such function can have is refused, and a device that is
 * stopped is silent.
 */

#include <linux/slab.h>
#include <linux/unaligned.h>

#include "mdev_pci_test_device.h"

#define MSIX	VFIO_PCI_MSIX_IRQ_INDEX

#define TEST_VALUE	TEST_FILL

/* For a section that a test adds to state data */
#define TEST_ROOM	64

/* Where in the state data of the tests' function sections and their contents are */
#define TEST_SECTION		16
#define TEST_AT_CONFIG		0
#define TEST_STATE_CONFIG	(TEST_AT_CONFIG + TEST_SECTION)
#define TEST_AT_MSIX		(TEST_STATE_CONFIG + PCI_CFG_SPACE_EXP_SIZE)
#define TEST_STATE_MSIX		(TEST_AT_MSIX + TEST_SECTION)
#define TEST_AT_IRQS		(TEST_STATE_MSIX + TEST_MSIX_VECTORS * 16)
#define TEST_STATE_IRQS		(TEST_AT_IRQS + TEST_SECTION)
#define TEST_STATE_RAISED	(TEST_STATE_IRQS + 8)
#define TEST_AT_DRIVER		(TEST_STATE_RAISED + 2 * 8)
#define TEST_STATE_DRIVER	(TEST_AT_DRIVER + TEST_SECTION)
#define TEST_STATE_END		(TEST_STATE_DRIVER + 16)

/* Members of a section's header */
#define TEST_ID			0
#define TEST_FLAGS		2
#define TEST_VERSION		4
#define TEST_SIZE		8

/* What was saved of a device */
struct test_saved {
	void *buf;
	size_t size;
};

static size_t test_data_size(struct test_pci *fixture)
{
	return fixture->ops->migration->data_size(fixture->mdev);
}

static void test_step(struct test_pci *fixture, enum vfio_device_mig_state from,
		      enum vfio_device_mig_state to)
{
	KUNIT_EXPECT_EQ(fixture->test,
			fixture->ops->migration->set_state(fixture->mdev, from,
							   to), 0);
}

static void test_stop(struct test_pci *fixture)
{
	test_step(fixture, VFIO_DEVICE_STATE_RUNNING,
		  VFIO_DEVICE_STATE_RUNNING_P2P);
	test_step(fixture, VFIO_DEVICE_STATE_RUNNING_P2P,
		  VFIO_DEVICE_STATE_STOP);
}

static void test_go(struct test_pci *fixture)
{
	test_step(fixture, VFIO_DEVICE_STATE_STOP,
		  VFIO_DEVICE_STATE_RUNNING_P2P);
	test_step(fixture, VFIO_DEVICE_STATE_RUNNING_P2P,
		  VFIO_DEVICE_STATE_RUNNING);
}

/* Save a device that runs, and leave it stopped. */
static struct test_saved test_save(struct test_pci *fixture)
{
	struct kunit *test = fixture->test;
	struct test_saved saved;
	size_t room;
	ssize_t ret;

	test_stop(fixture);
	test_step(fixture, VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_STOP_COPY);
	room = test_data_size(fixture);
	saved.buf = kunit_kzalloc(test, room + TEST_ROOM, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, saved.buf);
	ret = fixture->ops->migration->save(fixture->mdev, saved.buf, room);
	KUNIT_ASSERT_GT(test, ret, 0);
	KUNIT_EXPECT_LE(test, ret, room);
	saved.size = ret;
	test_step(fixture, VFIO_DEVICE_STATE_STOP_COPY, VFIO_DEVICE_STATE_STOP);
	return saved;
}

/* Load it into the same device as after power-on. */
static int test_load(struct test_pci *fixture, const struct test_saved *saved)
{
	int ret;

	KUNIT_EXPECT_EQ(fixture->test, fixture->ops->reset(fixture->mdev), 0);
	test_stop(fixture);
	test_step(fixture, VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_RESUMING);
	ret = fixture->ops->migration->load(fixture->mdev, saved->buf,
					    saved->size);
	test_step(fixture, VFIO_DEVICE_STATE_RESUMING, VFIO_DEVICE_STATE_STOP);
	return ret;
}

/* All the way to another device that runs, which is the same one */
static void test_migrate(struct test_pci *fixture)
{
	const struct test_saved saved = test_save(fixture);

	KUNIT_EXPECT_GE(fixture->test, test_data_size(fixture), saved.size);
	KUNIT_EXPECT_EQ(fixture->test, test_load(fixture, &saved), 0);
	test_go(fixture);
}

/*
 * In which migration states the driver runs the device. In the P2P states it
 * may not start DMA: it can't distinguish the guest's RAM from a peer's BAR.
 */
static void test_run_in_migration_states(struct kunit *test)
{
	static const struct {
		enum vfio_device_mig_state to;
		bool running;
	} steps[] = {
		{ VFIO_DEVICE_STATE_PRE_COPY, true },
		{ VFIO_DEVICE_STATE_PRE_COPY_P2P, false },
		{ VFIO_DEVICE_STATE_STOP_COPY, false },
		{ VFIO_DEVICE_STATE_STOP, false },
		{ VFIO_DEVICE_STATE_RESUMING, false },
		{ VFIO_DEVICE_STATE_STOP, false },
		{ VFIO_DEVICE_STATE_RUNNING_P2P, false },
		{ VFIO_DEVICE_STATE_RUNNING, true },
	};
	enum vfio_device_mig_state from = VFIO_DEVICE_STATE_RUNNING;
	struct test_pci *fixture = test->priv;
	unsigned int i;

	KUNIT_EXPECT_TRUE(test, fixture->run_flags);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		test_step(fixture, from, steps[i].to);
		KUNIT_EXPECT_EQ_MSG(test, !!fixture->run_flags, steps[i].running,
				    "step %u", i);
		from = steps[i].to;
	}
}

/* In D3hot the device does not run, neither before nor after a migration. */
static void test_d3hot(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_power(fixture, 3);
	KUNIT_EXPECT_FALSE(test, fixture->run_flags);
	test_migrate(fixture);
	KUNIT_EXPECT_FALSE(test, fixture->run_flags);
	test_pci_power(fixture, 0);
	KUNIT_EXPECT_TRUE(test, fixture->run_flags);
}

/* A reset aborts a migration: the device runs again. */
static void test_reset_aborts_migration(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	size_t size = test_data_size(fixture);

	test_step(fixture, VFIO_DEVICE_STATE_RUNNING,
		  VFIO_DEVICE_STATE_PRE_COPY);
	KUNIT_EXPECT_EQ(test, fixture->ops->reset(fixture->mdev), 0);
	KUNIT_EXPECT_EQ(test, test_data_size(fixture), size);
	test_stop(fixture);
	KUNIT_EXPECT_FALSE(test, fixture->run_flags);
	KUNIT_EXPECT_EQ(test, fixture->ops->reset(fixture->mdev), 0);
	KUNIT_EXPECT_TRUE(test, fixture->run_flags);
}

/*
 * In STOP no eventfd is signalled: INTx that is asserted and unmasked there is
 * signalled when the device runs again. In the P2P states it is signalled at once.
 */
static void test_intx_in_stop(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	KUNIT_EXPECT_EQ(test,
			test_pci_set_eventfds(fixture, VFIO_PCI_INTX_IRQ_INDEX,
					      0, 1, TEST_INTX_FD), 0);
	test_step(fixture, VFIO_DEVICE_STATE_RUNNING,
		  VFIO_DEVICE_STATE_RUNNING_P2P);
	mdev_pci_raise_irq(fixture->pci, 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, TEST_INTX_FD), 1);
	test_step(fixture, VFIO_DEVICE_STATE_RUNNING_P2P,
		  VFIO_DEVICE_STATE_STOP);
	KUNIT_EXPECT_EQ(test, test_pci_act(fixture, VFIO_IRQ_SET_ACTION_UNMASK,
					   VFIO_PCI_INTX_IRQ_INDEX, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, TEST_INTX_FD), 0);
	test_go(fixture);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, TEST_INTX_FD), 1);

	KUNIT_EXPECT_EQ(test, test_pci_set_eventfds(fixture, MSIX, 0, 8, 0), 0);
	test_stop(fixture);
	mdev_pci_raise_irq(fixture->pci, 6);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 6), 0);
	test_go(fixture);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 6), 1);
}

static void test_intx_level(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	mdev_pci_raise_irq(fixture->pci, 3);
	test_migrate(fixture);
	KUNIT_EXPECT_TRUE(test, test_pci_read(fixture, TEST_CONFIG, PCI_STATUS,
					      2) & PCI_STATUS_INTERRUPT);
	KUNIT_EXPECT_EQ(test,
			test_pci_set_eventfds(fixture, VFIO_PCI_INTX_IRQ_INDEX,
					      0, 1, TEST_INTX_FD), 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, TEST_INTX_FD), 1);
	mdev_pci_lower_irq(fixture->pci, 3);
	KUNIT_EXPECT_FALSE(test, test_pci_read(fixture, TEST_CONFIG, PCI_STATUS,
					       2) & PCI_STATUS_INTERRUPT);
}

static u64 test_entry(struct test_pci *fixture, unsigned int vector)
{
	return test_pci_read(fixture, TEST_REGISTERS,
			     TEST_MSIX_TABLE + vector * PCI_MSIX_ENTRY_SIZE, 8);
}

static void test_write_entry(struct test_pci *fixture, unsigned int vector,
			     u64 address, u32 control)
{
	u64 entry = TEST_MSIX_TABLE + vector * PCI_MSIX_ENTRY_SIZE;

	test_pci_write(fixture, TEST_REGISTERS, entry, 8, address);
	test_pci_write(fixture, TEST_REGISTERS,
		       entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, control);
}

/* PCI 3.0, 6.8.3.5, across a migration */
static void test_msix(struct kunit *test)
{
	struct test_pci *fixture = test->priv;

	test_pci_command(fixture, TEST_DECODE | PCI_COMMAND_MASTER);
	test_write_entry(fixture, 7, TEST_VALUE << 2, 1);
	test_write_entry(fixture, 2, 0xfee00000, 0);
	test_pci_write(fixture, TEST_CONFIG,
		       test_pci_capability(fixture, PCI_CAP_ID_MSIX) +
		       PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	KUNIT_EXPECT_EQ(test, test_pci_set_eventfds(fixture, MSIX, 0, 8, 0), 0);
	mdev_pci_raise_irq(fixture->pci, 7);
	test_migrate(fixture);

	KUNIT_EXPECT_EQ(test, test_entry(fixture, 7), TEST_VALUE << 2);
	KUNIT_EXPECT_EQ(test, test_entry(fixture, 2), 0xfee00000);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_REGISTERS,
					    TEST_MSIX_PBA, 8), BIT(7));
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 7), 0);
	test_write_entry(fixture, 7, 0, 0);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 7), 1);
	mdev_pci_raise_irq(fixture->pci, 2);
	KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, 2), 1);
}

/* The VMM of the source has not read its eventfds yet, and will not. */
static void test_msix_resent(struct kunit *test)
{
	static const int signals[] = { 0, 0, 0, 0, 0, 1, 1, 0 };
	struct test_pci *fixture = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, test_pci_set_eventfds(fixture, MSIX, 0, 8, 0), 0);
	mdev_pci_raise_irq(fixture->pci, 4);
	mdev_pci_lower_irq(fixture->pci, 4);
	mdev_pci_trigger_irq(fixture->pci, 5);
	mdev_pci_raise_irq(fixture->pci, 6);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		test_pci_signals(fixture, i);
	test_migrate(fixture);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		KUNIT_EXPECT_EQ(test, test_pci_signals(fixture, i), signals[i]);
}

static void test_driver_state(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct test_saved saved;

	memset(fixture->state, 0x5a, TEST_STATE_SIZE);
	saved = test_save(fixture);
	memset(fixture->state, 0, TEST_STATE_SIZE);
	fixture->load_error = -EPROTO;
	KUNIT_EXPECT_EQ(test, test_load(fixture, &saved), -EPROTO);
	fixture->load_error = 0;
	KUNIT_EXPECT_EQ(test, test_load(fixture, &saved), 0);
	KUNIT_EXPECT_EQ(test, fixture->state[0], 0x5a);
	KUNIT_EXPECT_EQ(test, fixture->state[TEST_STATE_SIZE - 1], 0x5a);
}

/* A driver's state data of each size and version that it supports */
static void test_driver_state_version(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct test_saved saved;
	u8 *version;

	fixture->save_result = TEST_STATE_SIZE - 5;
	saved = test_save(fixture);
	KUNIT_EXPECT_EQ(test, test_load(fixture, &saved), 0);
	KUNIT_EXPECT_EQ(test, fixture->load_version, 3);
	KUNIT_EXPECT_EQ(test, fixture->load_size, TEST_STATE_SIZE - 5);

	version = saved.buf + TEST_AT_DRIVER + TEST_VERSION;
	*version = 2;
	KUNIT_EXPECT_EQ(test, test_load(fixture, &saved), 0);
	KUNIT_EXPECT_EQ(test, fixture->load_version, 2);
	*version = 1;
	KUNIT_EXPECT_EQ(test, test_load(fixture, &saved), -EINVAL);
	*version = 4;
	KUNIT_EXPECT_EQ(test, test_load(fixture, &saved), -EINVAL);
}

/* A driver's reset fills memory that was zeroed when it was saved. */
static void test_load_memory_filled_by_reset(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct test_saved saved;

	fixture->fill = true;
	KUNIT_EXPECT_EQ(test, fixture->ops->reset(fixture->mdev), 0);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY, 0, 8),
			TEST_VALUE);
	test_pci_write(fixture, TEST_MEMORY, 0, 8, 0);
	saved = test_save(fixture);
	KUNIT_EXPECT_EQ(test, test_load(fixture, &saved), 0);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_MEMORY, 0, 8), 0);
	KUNIT_EXPECT_EQ(test, fixture->reset_cause, MDEV_PCI_RESET_LOAD);
}

static void test_save_fails(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	size_t room = test_data_size(fixture);
	void *buf = kunit_kzalloc(test, room, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fixture->save_result = -ENODEV;
	KUNIT_EXPECT_EQ(test,
			fixture->ops->migration->save(fixture->mdev, buf, room),
			-ENODEV);
	fixture->save_result = TEST_STATE_SIZE + 1;
	KUNIT_EXPECT_EQ(test,
			fixture->ops->migration->save(fixture->mdev, buf, room),
			-EIO);
}

/* A device that can't be stopped is in the state from which it should be. */
static void test_run_fails(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	const struct mdev_migration_ops *ops = fixture->ops->migration;

	fixture->run_error = -ETIMEDOUT;
	KUNIT_EXPECT_EQ(test,
			ops->set_state(fixture->mdev, VFIO_DEVICE_STATE_RUNNING,
				       VFIO_DEVICE_STATE_RUNNING_P2P),
			-ETIMEDOUT);
	fixture->run_error = 0;
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN);
	test_pci_command(fixture, TEST_DECODE | PCI_COMMAND_MASTER);
	KUNIT_EXPECT_EQ(test, fixture->run_flags, MDEV_PCI_RUN | MDEV_PCI_DMA);
}

/* Compatibility, which is checked before the source is stopped */

/* A byte of the info, and bits that make it another device */
static const struct test_fault {
	const char *what;
	size_t offset;
	u8 bits;
} test_infos[] = {
	{ "vendor ID", 0, 1 },
	{ "device ID", 2, 1 },
	{ "subsystem vendor ID", 4, 1 },
	{ "subsystem ID", 6, 1 },
	{ "revision ID", 8, 1 },
	{ "class", 10, 1 },
	{ "capabilities", 12, 4 },
	{ "size of config space", 17, 0x10 },
	{ "size of capabilities", 20, 4 },
	{ "vectors", 24, 1 },
	{ "vectors of MSI", 28, 1 },
	{ "vectors of MSI-X", 32, 1 },
	{ "regions", 36, 1 },
	{ "size of the ROM", 41, 0x20 },
	{ "newer version of the driver's state", 44, 4 },
	{ "older version of the driver's state", 44, 2 },
	{ "reserved bits", 52, 1 },
	{ "registers of config space", 56, 1 },
	{ "sizes of regions", 64, 1 },
	{ "size of a BAR", 73, 0x10 },
	{ "flags of a BAR", 80, 8 },
	{ "size of the last BAR", 72 + 5 * 16, 1 },
};

static void test_fault_describe(const struct test_fault *fault, char *desc)
{
	strscpy(desc, fault->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(test_info, test_infos, test_fault_describe);

static bool test_compatible(struct test_pci *fixture, const u8 *own,
			    const u8 *info, size_t size)
{
	return fixture->ops->migration->compatible(own, size, info, size);
}

static u8 *test_info_of(struct test_pci *fixture, size_t *size)
{
	u8 *info = kunit_kzalloc(fixture->test, MDEV_MIGRATION_INFO_SIZE,
				 GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fixture->test, info);
	*size = fixture->ops->migration->info(fixture->mdev, info);
	return info;
}

static void test_compatible_mismatch(struct kunit *test)
{
	const struct test_fault *fault = test->param_value;
	struct test_pci *fixture = test->priv;
	size_t size;
	u8 *own = test_info_of(fixture, &size);
	u8 *info = test_info_of(fixture, &size);

	KUNIT_EXPECT_TRUE(test, test_compatible(fixture, own, info, size));
	info[fault->offset] ^= fault->bits;
	KUNIT_EXPECT_FALSE(test, test_compatible(fixture, own, info, size));
}

/* The oldest version that the driver loads, from a driver with another oldest one */
static void test_compatible_older_version(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	size_t size;
	u8 *own = test_info_of(fixture, &size);
	u8 *info = test_info_of(fixture, &size);

	info[44] = 2;
	info[48] = 0;
	KUNIT_EXPECT_TRUE(test, test_compatible(fixture, own, info, size));
	KUNIT_EXPECT_FALSE(test, fixture->ops->migration->compatible(own, size, info,
								     size - 8));
	KUNIT_EXPECT_FALSE(test, fixture->ops->migration->compatible(own, size, info,
								     0));
}

/* A byte of state data, and bits that may not change there */
static const struct test_fault test_faults[] = {
	{ "number of a section", TEST_AT_CONFIG + TEST_ID, 0x80 },
	{ "section twice", TEST_AT_MSIX + TEST_ID, 1 },
	{ "flags of a section", TEST_AT_CONFIG + TEST_FLAGS, 2 },
	{ "version of a section", TEST_AT_CONFIG + TEST_VERSION, 2 },
	{ "shorter config space", TEST_AT_CONFIG + TEST_SIZE, 1 },
	{ "longer section", TEST_AT_IRQS + TEST_SIZE, 8 },
	{ "far longer section", TEST_AT_CONFIG + TEST_SIZE + 7, 0x80 },
	{ "longest section", TEST_AT_DRIVER + TEST_SIZE + 3, 0xff },
	{ "section of a part", TEST_AT_DRIVER + TEST_ID, 7 },
	{ "shorter MSI-X table", TEST_AT_MSIX + TEST_SIZE, 0x10 },
	{ "version of interrupts", TEST_AT_IRQS + TEST_VERSION, 2 },
	{ "longer state of the driver", TEST_AT_DRIVER + TEST_SIZE, 1 },
	{ "version of the driver's state", TEST_AT_DRIVER + TEST_VERSION, 4 },
	{ "unknown flag", TEST_STATE_IRQS, 8 },
	{ "pending vectors of no index", TEST_STATE_IRQS + 4,
	  VFIO_PCI_REQ_IRQ_INDEX },
	{ "vendor ID of config space", TEST_STATE_CONFIG, 1 },
	{ "read-only bit of config space", TEST_STATE_CONFIG + PCI_STATUS,
	  PCI_STATUS_CAP_LIST },
	{ "reserved bit of an address", TEST_STATE_MSIX, 1 },
	{ "reserved bit of a vector", TEST_STATE_MSIX + 12, 2 },
};

KUNIT_ARRAY_PARAM(test_fault, test_faults, test_fault_describe);

/* The state of a device with memory, which is not changed by refusing it */
static struct test_saved test_save_memory(struct test_pci *fixture)
{
	struct test_saved saved;

	test_pci_command(fixture, TEST_DECODE);
	test_pci_write(fixture, TEST_MEMORY, 0, 8, TEST_VALUE);
	saved = test_save(fixture);
	KUNIT_ASSERT_EQ(fixture->test, saved.size, TEST_STATE_END);
	return saved;
}

static void test_expect_refused(struct test_pci *fixture,
				const struct test_saved *saved)
{
	unsigned int resets = fixture->resets;

	KUNIT_EXPECT_EQ(fixture->test,
			fixture->ops->migration->load(fixture->mdev, saved->buf,
						      saved->size), -EINVAL);
	KUNIT_EXPECT_EQ(fixture->test, fixture->resets, resets);
	KUNIT_EXPECT_EQ(fixture->test,
			test_pci_read(fixture, TEST_MEMORY, 0, 8), TEST_VALUE);
}

static void test_load_invalid(struct kunit *test)
{
	const struct test_fault *fault = test->param_value;
	struct test_pci *fixture = test->priv;
	const struct test_saved saved = test_save_memory(fixture);

	((u8 *)saved.buf)[fault->offset] ^= fault->bits;
	test_expect_refused(fixture, &saved);
}

static void test_load_truncated(struct kunit *test)
{
	static const size_t sizes[] = {
		0,
		TEST_STATE_CONFIG - 1,
		TEST_STATE_CONFIG,
		/* Whole sections, but not all of them */
		TEST_AT_MSIX,
		TEST_AT_DRIVER,
		TEST_STATE_END - 1,
	};
	struct test_pci *fixture = test->priv;
	struct test_saved saved = test_save_memory(fixture);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		saved.size = sizes[i];
		test_expect_refused(fixture, &saved);
	}
}

/* All that can be is valid, whichever vectors are raised and pending. */
static void test_load_all_raised(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	const struct test_saved saved = test_save_memory(fixture);

	((u8 *)saved.buf)[TEST_STATE_IRQS + 4] = VFIO_PCI_MSIX_IRQ_INDEX;
	memset(saved.buf + TEST_STATE_RAISED, 0xff, 2 * 8);
	KUNIT_EXPECT_EQ(test, test_load(fixture, &saved), 0);
	KUNIT_EXPECT_EQ(test, test_pci_read(fixture, TEST_REGISTERS,
					    TEST_MSIX_PBA, 8),
			GENMASK(TEST_MSIX_VECTORS - 1, 0));
}

/* A section that only a later kernel knows, after the others */
static void test_load_unknown_section(struct kunit *test)
{
	struct test_pci *fixture = test->priv;
	struct test_saved saved = test_save(fixture);
	u8 *section;

	/* test_save() has left room for it */
	section = saved.buf + saved.size;
	put_unaligned_le16(0x1234, section + TEST_ID);
	put_unaligned_le64(3, section + TEST_SIZE);
	saved.size += TEST_SECTION + 8;
	KUNIT_EXPECT_EQ(test, test_load(fixture, &saved), -EINVAL);
	put_unaligned_le16(1, section + TEST_FLAGS);
	KUNIT_EXPECT_EQ(test, test_load(fixture, &saved), 0);
	put_unaligned_le64(9, section + TEST_SIZE);
	KUNIT_EXPECT_EQ(test, test_load(fixture, &saved), -EINVAL);
}

static struct kunit_case mdev_pci_migration_cases[] = {
	KUNIT_CASE(test_run_in_migration_states),
	KUNIT_CASE(test_d3hot),
	KUNIT_CASE(test_reset_aborts_migration),
	KUNIT_CASE(test_intx_in_stop),
	KUNIT_CASE(test_intx_level),
	KUNIT_CASE(test_msix),
	KUNIT_CASE(test_msix_resent),
	KUNIT_CASE(test_driver_state),
	KUNIT_CASE(test_driver_state_version),
	KUNIT_CASE(test_load_memory_filled_by_reset),
	KUNIT_CASE(test_save_fails),
	KUNIT_CASE(test_run_fails),
	KUNIT_CASE_PARAM(test_compatible_mismatch, test_info_gen_params),
	KUNIT_CASE(test_compatible_older_version),
	KUNIT_CASE_PARAM(test_load_invalid, test_fault_gen_params),
	KUNIT_CASE(test_load_truncated),
	KUNIT_CASE(test_load_all_raised),
	KUNIT_CASE(test_load_unknown_section),
	{}
};

static struct kunit_suite mdev_pci_migration_suite = {
	.name = "mdev_pci_migration",
	.init = test_pci_init,
	.test_cases = mdev_pci_migration_cases,
};

kunit_test_suite(mdev_pci_migration_suite);
