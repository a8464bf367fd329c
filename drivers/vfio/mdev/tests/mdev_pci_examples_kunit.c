// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver for virtual GPUs, parts of which Documentation/vfio-mediated-device.txt
 * shows, and KUnit tests that it does what is said there: 1 GiB of memory and contexts
 * of the GPU, both transferred while the device runs; a page of doorbells of the
 * physical card; and a version of state data that loads the one before.
 */

#include <kunit/device.h>
#include <kunit/resource.h>
#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/mdev_pci.h>
#include <linux/pci_ids.h>
#include <linux/sizes.h>
#include <linux/vfio.h>

#include "../mdev_private.h"
#include "mdev_pci_test_device.h"

#define VGPU_DOORBELLS	0
#define VGPU_MEMORY	2
#define VGPU_CONTEXTS	16
#define VGPU_CONTEXT_SIZE	1000

#define VGPUS		2

/* The physical card */
struct vgpu_card {
	struct mdev_pci_parent parent;
	phys_addr_t doorbells;
	struct vgpu *vgpus[VGPUS];
	unsigned int nr_vgpus;
};

#define to_vgpu_card(_parent) container_of(_parent, struct vgpu_card, parent)

struct vgpu {
	struct mdev_pci pci;
	/* Which of the card's pages of doorbells it has */
	unsigned int number;
	/* Protects what follows */
	struct mutex lock;
	u8 contexts[VGPU_CONTEXTS][VGPU_CONTEXT_SIZE];
	/* Contexts that save_part() has not written since they changed */
	DECLARE_BITMAP(dirty, VGPU_CONTEXTS);
	u32 priority;
	u32 timeslice;
};

#define to_vgpu(_pci) container_of(_pci, struct vgpu, pci)

/* Each virtual GPU has a page of the doorbells in BAR 2 of the card. */
static int vgpu_map_doorbells(struct mdev_pci *pci, unsigned int region,
			      u64 offset, unsigned long *pfn,
			      unsigned long *size, u32 *flags)
{
	*pfn = PHYS_PFN(to_vgpu_card(pci->parent)->doorbells) +
	       to_vgpu(pci)->number;
	return 0;
}

static const struct mdev_pci_function vgpu_function = {
	.vendor = PCI_VENDOR_ID_REDHAT,
	.device = 0x10fe,
	.class = PCI_CLASS_DISPLAY_3D << 8,
	.capabilities = MDEV_PCI_PM,
	.bar[VGPU_DOORBELLS] = {
		.size = PAGE_SIZE,
		.map = vgpu_map_doorbells,
		.caching = MDEV_REGION_UNCACHED,
	},
	.bar[VGPU_MEMORY] = {
		.flags = PCI_BASE_ADDRESS_MEM_TYPE_64 |
			 PCI_BASE_ADDRESS_MEM_PREFETCH,
		.size = SZ_1G,
		.memory = true,
	},
};

/* The GPU has finished a command: it writes a fence to the memory. */
static int vgpu_write_fence(struct vgpu *vgpu, u64 offset, u32 fence)
{
	__le32 value = cpu_to_le32(fence);
	struct page *page;

	page = mdev_pci_memory_page(&vgpu->pci, VGPU_MEMORY, offset);
	if (IS_ERR(page))
		return PTR_ERR(page);
	memcpy_to_page(page, offset_in_page(offset), (void *)&value,
		       sizeof(value));
	put_page(page);
	mdev_pci_memory_mark_dirty(&vgpu->pci, VGPU_MEMORY, offset,
				   sizeof(value));
	return 0;
}

/* Contexts change while the GPU runs. */
static void vgpu_switch_context(struct vgpu *vgpu, unsigned int context,
				u8 state)
{
	guard(mutex)(&vgpu->lock);
	vgpu->contexts[context][0] = state;
	__set_bit(context, vgpu->dirty);
}

/* A part of the state data is one context. */
struct vgpu_part {
	__le32 context;
	u8 state[VGPU_CONTEXT_SIZE];
};

static int vgpu_track_changes(struct mdev_pci *pci, bool track)
{
	struct vgpu *vgpu = to_vgpu(pci);

	guard(mutex)(&vgpu->lock);
	if (track)
		bitmap_fill(vgpu->dirty, VGPU_CONTEXTS);
	return 0;
}

static ssize_t vgpu_save_part(struct mdev_pci *pci, void *buf, size_t size)
{
	struct vgpu *vgpu = to_vgpu(pci);
	struct vgpu_part *part = buf;
	unsigned int context;

	guard(mutex)(&vgpu->lock);
	context = find_first_bit(vgpu->dirty, VGPU_CONTEXTS);
	if (context == VGPU_CONTEXTS)
		return 0;
	__clear_bit(context, vgpu->dirty);
	part->context = cpu_to_le32(context);
	memcpy(part->state, vgpu->contexts[context], VGPU_CONTEXT_SIZE);
	return sizeof(*part);
}

static int vgpu_load_part(struct mdev_pci *pci, u32 version, const void *buf,
			  size_t size)
{
	struct vgpu *vgpu = to_vgpu(pci);
	const struct vgpu_part *part = buf;

	if (size != sizeof(*part) ||
	    le32_to_cpu(part->context) >= VGPU_CONTEXTS)
		return -EINVAL;
	guard(mutex)(&vgpu->lock);
	memcpy(vgpu->contexts[le32_to_cpu(part->context)], part->state,
	       VGPU_CONTEXT_SIZE);
	return 0;
}

static void vgpu_parts_left(struct mdev_pci *pci, u64 *initial, u64 *dirty)
{
	struct vgpu *vgpu = to_vgpu(pci);

	guard(mutex)(&vgpu->lock);
	*dirty += bitmap_weight(vgpu->dirty, VGPU_CONTEXTS) *
		  sizeof(struct vgpu_part);
}

/* The rest of the state data. Version 1 had no timeslice. */
struct vgpu_state {
	__le32 priority;
	__le32 timeslice;
};

#define VGPU_STATE_SIZE_1	offsetof(struct vgpu_state, timeslice)
#define VGPU_TIMESLICE_1	10

static ssize_t vgpu_save(struct mdev_pci *pci, void *buf, size_t size)
{
	struct vgpu *vgpu = to_vgpu(pci);
	struct vgpu_state *state = buf;

	guard(mutex)(&vgpu->lock);
	state->priority = cpu_to_le32(vgpu->priority);
	state->timeslice = cpu_to_le32(vgpu->timeslice);
	return sizeof(*state);
}

static int vgpu_load(struct mdev_pci *pci, u32 version, const void *buf,
		     size_t size)
{
	struct vgpu *vgpu = to_vgpu(pci);
	const struct vgpu_state *state = buf;

	if (size != (version == 1 ? VGPU_STATE_SIZE_1 : sizeof(*state)))
		return -EINVAL;
	guard(mutex)(&vgpu->lock);
	vgpu->priority = le32_to_cpu(state->priority);
	vgpu->timeslice = version == 1 ? VGPU_TIMESLICE_1 :
					 le32_to_cpu(state->timeslice);
	return 0;
}

static int vgpu_create(struct mdev_pci *pci)
{
	struct vgpu_card *card = to_vgpu_card(pci->parent);
	struct vgpu *vgpu = to_vgpu(pci);

	mutex_init(&vgpu->lock);
	vgpu->number = card->nr_vgpus++;
	card->vgpus[vgpu->number] = vgpu;
	return 0;
}

static const struct mdev_pci_type vgpu_types[] = {
	{
		.name = "1g",
		.description = "Virtual GPU with 1 GiB of memory",
		.function = &vgpu_function,
		.units = 1,
	},
};

static const struct mdev_pci_driver vgpu_driver = {
	.types = vgpu_types,
	.nr_types = ARRAY_SIZE(vgpu_types),
	.device_size = MDEV_PCI_DEVICE_SIZE(struct vgpu, pci),
	.state_version = 2,
	.state_min_version = 1,
	.state_size = sizeof(struct vgpu_state),
	.create = vgpu_create,
	.save = vgpu_save,
	.load = vgpu_load,
	.track_changes = vgpu_track_changes,
	.save_part = vgpu_save_part,
	.load_part = vgpu_load_part,
	.parts_left = vgpu_parts_left,
};

/* The tests */

#define TEST_FENCE_AT	(SZ_1G - 8)
#define TEST_DOORBELLS	0xfe000000
#define TEST_PART_SIZE	SZ_16K
#define TEST_PARTS	(VGPU_CONTEXTS + 8)

static const guid_t vgpu_uuids[VGPUS] = {
	GUID_INIT(0x1a7d4c02, 0x6b1e, 0x4e5b, 0x8f, 0x2e, 0x63, 0x11, 0x0a,
		  0x5c, 0x9e, 0x40),
	GUID_INIT(0x1a7d4c02, 0x6b1e, 0x4e5b, 0x8f, 0x2e, 0x63, 0x11, 0x0a,
		  0x5c, 0x9e, 0x41),
};

static const struct parent_ops *test_ops(struct vgpu *vgpu)
{
	return mdev_parent_ops(vgpu->pci.mdev);
}

static void test_vgpus_end(void *data)
{
	struct vgpu_card *card = data;
	unsigned int i;

	for (i = 0; i < card->nr_vgpus; i++)
		test_ops(card->vgpus[i])->release(card->vgpus[i]->pci.mdev);
	mdev_pci_unregister(&card->parent);
}

/* A card with a source and a destination, both opened */
static int test_vgpus_init(struct kunit *test)
{
	struct mdev_parent *parent;
	struct vgpu_card *card;
	struct device *dev;
	unsigned int i;

	test_pci_skip(test);
	card = kunit_kzalloc(test, sizeof(*card), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, card);
	test->priv = card;
	card->doorbells = TEST_DOORBELLS;
	dev = kunit_device_register(test, "mdev_vgpu_kunit");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	KUNIT_ASSERT_EQ(test, mdev_pci_register(&card->parent, dev,
						&vgpu_driver, VGPUS), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, test_vgpus_end,
							card), 0);
	parent = mdev_parent_lookup(dev);
	KUNIT_ASSERT_NOT_NULL(test, parent);
	for (i = 0; i < VGPUS; i++)
		KUNIT_EXPECT_EQ(test, mdev_device_create(parent->types[0],
							 &vgpu_uuids[i]), 0);
	mdev_parent_put(parent);
	KUNIT_ASSERT_EQ(test, card->nr_vgpus, VGPUS);
	for (i = 0; i < VGPUS; i++)
		KUNIT_EXPECT_EQ(test, test_ops(card->vgpus[i])->open(card->vgpus[i]->pci.mdev),
				0);
	return 0;
}

static void test_step(struct kunit *test, struct vgpu *vgpu,
		      enum vfio_device_mig_state from,
		      enum vfio_device_mig_state to)
{
	const struct mdev_migration_ops *ops = test_ops(vgpu)->migration;

	KUNIT_EXPECT_EQ(test, ops->set_state(vgpu->pci.mdev, from, to), 0);
}

/* All parts that there are now. Returns their number. */
static unsigned int test_copy_parts(struct kunit *test)
{
	struct vgpu_card *card = test->priv;
	struct vgpu *source = card->vgpus[0], *target = card->vgpus[1];
	const struct mdev_migration_ops *ops = test_ops(source)->migration;
	void *buf = kunit_kzalloc(test, TEST_PART_SIZE, GFP_KERNEL);
	unsigned int parts = 0;
	ssize_t size;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (;;) {
		size = ops->save_part(source->pci.mdev, buf, TEST_PART_SIZE);
		if (size <= 0 || parts == TEST_PARTS)
			break;
		KUNIT_EXPECT_EQ(test, ops->load_part(target->pci.mdev, buf,
						     size), 0);
		parts++;
	}
	KUNIT_EXPECT_EQ(test, size, 0);
	return parts;
}

static u32 test_fence(struct vgpu *vgpu)
{
	loff_t pos = (u64)VGPU_MEMORY << MDEV_REGION_SHIFT | TEST_FENCE_AT;
	__le32 value = 0;

	test_ops(vgpu)->read(vgpu->pci.mdev, (char *)&value, sizeof(value),
			     pos);
	return le32_to_cpu(value);
}

static void test_vgpu_migration(struct kunit *test)
{
	struct vgpu_card *card = test->priv;
	struct vgpu *source = card->vgpus[0], *target = card->vgpus[1];
	const struct mdev_migration_ops *ops = test_ops(source)->migration;
	size_t size = ops->data_size(source->pci.mdev);
	void *buf = kunit_kzalloc(test, size, GFP_KERNEL);
	ssize_t saved;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, vgpu_write_fence(source, TEST_FENCE_AT, 1), 0);
	vgpu_switch_context(source, 7, 1);
	source->timeslice = 5;

	test_step(test, source, VFIO_DEVICE_STATE_RUNNING,
		  VFIO_DEVICE_STATE_PRE_COPY);
	test_step(test, target, VFIO_DEVICE_STATE_RUNNING,
		  VFIO_DEVICE_STATE_RUNNING_P2P);
	test_step(test, target, VFIO_DEVICE_STATE_RUNNING_P2P,
		  VFIO_DEVICE_STATE_STOP);
	test_step(test, target, VFIO_DEVICE_STATE_STOP,
		  VFIO_DEVICE_STATE_RESUMING);
	KUNIT_EXPECT_EQ(test, test_copy_parts(test), VGPU_CONTEXTS);

	KUNIT_EXPECT_EQ(test, vgpu_write_fence(source, TEST_FENCE_AT, 2), 0);
	vgpu_switch_context(source, 7, 2);
	test_step(test, source, VFIO_DEVICE_STATE_PRE_COPY,
		  VFIO_DEVICE_STATE_PRE_COPY_P2P);
	test_step(test, source, VFIO_DEVICE_STATE_PRE_COPY_P2P,
		  VFIO_DEVICE_STATE_STOP_COPY);
	saved = ops->save(source->pci.mdev, buf, size);
	KUNIT_EXPECT_GT(test, saved, 0);
	KUNIT_EXPECT_EQ(test, test_copy_parts(test), 1);
	KUNIT_EXPECT_EQ(test, ops->load(target->pci.mdev, buf, saved), 0);
	test_step(test, target, VFIO_DEVICE_STATE_RESUMING,
		  VFIO_DEVICE_STATE_STOP);

	KUNIT_EXPECT_EQ(test, target->contexts[7][0], 2);
	KUNIT_EXPECT_EQ(test, target->timeslice, 5);
	KUNIT_EXPECT_EQ(test, test_fence(target), 2);
}

/* What the version before has saved */
static void test_vgpu_state_version(struct kunit *test)
{
	const struct vgpu_state state = { .priority = cpu_to_le32(3) };
	struct vgpu_card *card = test->priv;
	struct vgpu *vgpu = card->vgpus[1];

	KUNIT_EXPECT_EQ(test, vgpu_load(&vgpu->pci, 1, &state,
					VGPU_STATE_SIZE_1), 0);
	KUNIT_EXPECT_EQ(test, vgpu->priority, 3);
	KUNIT_EXPECT_EQ(test, vgpu->timeslice, VGPU_TIMESLICE_1);
	KUNIT_EXPECT_EQ(test, vgpu_load(&vgpu->pci, 2, &state,
					VGPU_STATE_SIZE_1), -EINVAL);
}

static void test_vgpu_doorbell_mmap(struct kunit *test)
{
	struct vgpu_card *card = test->priv;
	unsigned long pfn, size = PAGE_SIZE;
	u32 flags = MDEV_MAP_WRITABLE;
	unsigned int i;

	for (i = 0; i < VGPUS; i++) {
		struct vgpu *vgpu = card->vgpus[i];

		KUNIT_EXPECT_EQ(test,
				test_ops(vgpu)->validate_map_request(vgpu->pci.mdev,
								     0, &pfn,
								     &size,
								     &flags),
				0);
		KUNIT_EXPECT_EQ(test, pfn, PHYS_PFN(TEST_DOORBELLS) + i);
		KUNIT_EXPECT_EQ(test, size, PAGE_SIZE);
	}
}

static struct kunit_case mdev_pci_examples_cases[] = {
	KUNIT_CASE(test_vgpu_migration),
	KUNIT_CASE(test_vgpu_state_version),
	KUNIT_CASE(test_vgpu_doorbell_mmap),
	{}
};

static struct kunit_suite mdev_pci_examples_suite = {
	.name = "mdev_pci_examples",
	.init = test_vgpus_init,
	.test_cases = mdev_pci_examples_cases,
};

kunit_test_suite(mdev_pci_examples_suite);
