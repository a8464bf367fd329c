// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vendor driver for PCI cards of QEMU whose BAR 2 is memory: it divides that among eight
 * mediated devices. Each is a PCI function that maps its own part, write-combining, in BAR
 * 2, and has registers in BAR 0 that show which part that is. The cards are pci-testdev,
 * whose BAR reads as zeros unless QEMU has its option membar-backed, and ivshmem-plain. See
 * "Mapped regions" in Documentation/vfio-mediated-device.txt; medu.c has interrupts, DMA
 * and migration.
 */
#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/idr.h>
#include <linux/io.h>
#include <linux/mdev_pci.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pfn.h>
#include <linux/sizes.h>

#include "mbar_regs.h"

/* Cards */
#define MBAR_TESTDEV		0x0005
#define MBAR_IVSHMEM		0x1110
#define MBAR_CARD_MEMORY	2

struct mbar_card {
	struct mdev_pci_parent parent;
	struct pci_dev *pdev;
	phys_addr_t start;
	u64 part_size;
	/* The card's memory is cleared in blocks, when they are first accessed. */
	u64 block_size;
	void __iomem *memory;
	struct ida parts;
};

struct mbar {
	struct mdev_pci pci;
	int part;
	/* Protects @cleared, and is held while a block is cleared */
	struct mutex lock;
	/* The blocks that were cleared since the last reset */
	unsigned long *cleared;
};

static struct mbar *to_mbar(struct mdev_pci *pci)
{
	return container_of(pci, struct mbar, pci);
}

static struct mbar_card *to_mbar_card(struct mbar *mbar)
{
	return container_of(mbar->pci.parent, struct mbar_card, parent);
}

static u64 mbar_start(struct mbar *mbar)
{
	return mbar->part * to_mbar_card(mbar)->part_size;
}

/* Memory */

/*
 * Clear the block with @offset unless that was done since the last reset. A page fault can
 * run concurrently with mbar_reset(). Either its block is cleared after mbar_reset() has
 * unset the bit, or it calls mbar_map() again, since the reset has invalidated it.
 */
static void mbar_clear_block(struct mbar *mbar, u64 offset)
{
	struct mbar_card *card = to_mbar_card(mbar);
	unsigned int block = div64_u64(offset, card->block_size);

	guard(mutex)(&mbar->lock);
	if (test_bit(block, mbar->cleared))
		return;
	memset_io(card->memory + mbar_start(mbar) + block * card->block_size, 0,
		  card->block_size);
	/* Write-combining buffers are flushed before userspace can access the block. */
	wmb();
	__set_bit(block, mbar->cleared);
}

static int mbar_map(struct mdev_pci *pci, unsigned int bar, u64 offset,
		    unsigned long *pfn, unsigned long *size, u32 *flags)
{
	struct mbar *mbar = to_mbar(pci);
	struct mbar_card *card = to_mbar_card(mbar);

	mbar_clear_block(mbar, offset);
	*pfn = PHYS_PFN(card->start + mbar_start(mbar) + offset);
	*size = min_t(u64, *size, card->block_size);
	return 0;
}

static u64 mbar_read_memory(struct mdev_pci *pci, unsigned int bar, u64 offset,
			    unsigned int size)
{
	struct mbar *mbar = to_mbar(pci);
	void __iomem *at = to_mbar_card(mbar)->memory + mbar_start(mbar) + offset;

	mbar_clear_block(mbar, offset);
	switch (size) {
	case 1: return readb(at);
	case 2: return readw(at);
	case 4: return readl(at);
	default: return readq(at);
	}
}

static void mbar_write_memory(struct mdev_pci *pci, unsigned int bar, u64 offset,
			      unsigned int size, u64 value)
{
	struct mbar *mbar = to_mbar(pci);
	void __iomem *at = to_mbar_card(mbar)->memory + mbar_start(mbar) + offset;

	mbar_clear_block(mbar, offset);
	switch (size) {
	case 1: return writeb(value, at);
	case 2: return writew(value, at);
	case 4: return writel(value, at);
	default: return writeq(value, at);
	}
}

/* Registers */

static u64 mbar_read_register(struct mdev_pci *pci, unsigned int bar, u64 offset,
			      unsigned int size)
{
	struct mbar *mbar = to_mbar(pci);

	switch (offset) {
	case MBAR_ID:
		return MBAR_IS_MBAR;
	case MBAR_PART:
		return mbar->part;
	case MBAR_NR_PARTS:
		return MBAR_PARTS;
	case MBAR_SIZE_KIB:
		return to_mbar_card(mbar)->part_size / SZ_1K;
	default:
		return 0;
	}
}

/* Life of a device */

static int mbar_create(struct mdev_pci *pci)
{
	struct mbar *mbar = to_mbar(pci);
	struct mbar_card *card = to_mbar_card(mbar);

	mutex_init(&mbar->lock);
	mbar->cleared = bitmap_zalloc(div64_u64(card->part_size, card->block_size),
				      GFP_KERNEL);
	if (!mbar->cleared)
		return -ENOMEM;
	mbar->part = ida_alloc_max(&card->parts, MBAR_PARTS - 1, GFP_KERNEL);
	if (mbar->part < 0) {
		bitmap_free(mbar->cleared);
		return mbar->part;
	}
	return 0;
}

static void mbar_remove_device(struct mdev_pci *pci)
{
	struct mbar *mbar = to_mbar(pci);

	ida_free(&to_mbar_card(mbar)->parts, mbar->part);
	bitmap_free(mbar->cleared);
}

/* Called at the first open: the type's description has no size that fits all cards. */
static int mbar_describe(struct mdev_pci *pci, struct mdev_pci_function *function)
{
	function->bar[MBAR_MEMORY].size = to_mbar_card(to_mbar(pci))->part_size;
	return 0;
}

static int mbar_reset(struct mdev_pci *pci, enum mdev_pci_reset_cause cause)
{
	struct mbar *mbar = to_mbar(pci);
	struct mbar_card *card = to_mbar_card(mbar);

	guard(mutex)(&mbar->lock);
	bitmap_zero(mbar->cleared, div64_u64(card->part_size, card->block_size));
	return 0;
}

/* Without save and load, devices don't migrate: mdev_pci does not save what is mapped. */
static const struct mdev_pci_function mbar_function = {
	.vendor = MBAR_VENDOR_ID,
	.device = MBAR_DEVICE_ID,
	.class = PCI_CLASS_MEMORY_RAM << 8,
	.capabilities = MDEV_PCI_PM | MDEV_PCI_FLR,
	.bar[MBAR_REGISTERS] = {
		.size = SZ_4K,
		.width = 4,
		.read = mbar_read_register,
	},
	.bar[MBAR_MEMORY] = {
		.flags = PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH,
		.size = PAGE_SIZE, /* see mbar_describe() */
		.read = mbar_read_memory,
		.write = mbar_write_memory,
		.map = mbar_map,
		.caching = MDEV_REGION_WC,
	},
};

/* Life of the card */

static int mbar_restart(struct mdev_pci_parent *parent)
{
	struct mbar_card *card = container_of(parent, struct mbar_card, parent);

	return pci_device_is_present(card->pdev) ? 0 : -EIO;
}

static const struct mdev_pci_driver mbar_driver = {
	.types = &(const struct mdev_pci_type){
		.name = "part", .function = &mbar_function, .units = 1,
		.description = "an eighth of the card's memory",
	},
	.nr_types = 1,
	.device_size = MDEV_PCI_DEVICE_SIZE(struct mbar, pci),
	.create = mbar_create,
	.describe = mbar_describe,
	.remove = mbar_remove_device,
	.reset = mbar_reset,
	.restart = mbar_restart,
};

static int mbar_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	u64 size = pci_resource_len(pdev, MBAR_CARD_MEMORY) / MBAR_PARTS;
	struct mbar_card *card;
	int ret;

	if (size < PAGE_SIZE)
		return dev_err_probe(&pdev->dev, -ENODEV, "BAR %d: %llu bytes a part (min %lu)\n",
				     MBAR_CARD_MEMORY, size, PAGE_SIZE);
	card = devm_kzalloc(&pdev->dev, sizeof(*card), GFP_KERNEL);
	if (!card)
		return -ENOMEM;
	card->pdev = pdev;
	card->start = pci_resource_start(pdev, MBAR_CARD_MEMORY);
	card->part_size = size;
	card->block_size = min_t(u64, size, SZ_2M);
	ida_init(&card->parts);
	ret = pcim_enable_device(pdev) ?:
	      pcim_request_region(pdev, MBAR_CARD_MEMORY, "mbar");
	if (ret)
		return ret;
	/* Reserves write-combining for what is mapped until the driver is unbound */
	card->memory = devm_ioremap_wc(&pdev->dev, card->start, size * MBAR_PARTS);
	if (!card->memory)
		return -ENOMEM;
	pci_set_drvdata(pdev, &card->parent);
	return mdev_pci_register(&card->parent, &pdev->dev, &mbar_driver, MBAR_PARTS);
}

static void mbar_remove(struct pci_dev *pdev)
{
	mdev_pci_unregister(pci_get_drvdata(pdev));
}

static const struct pci_device_id mbar_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT, MBAR_TESTDEV) },
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, MBAR_IVSHMEM) },
	{ }
};
MODULE_DEVICE_TABLE(pci, mbar_ids);

static struct pci_driver mbar_pci_driver = {
	.name = "mbar",
	.id_table = mbar_ids,
	.probe = mbar_probe,
	.remove = mbar_remove,
	.err_handler = &mdev_pci_error_handlers,
	.driver.pm = pm_sleep_ptr(&mdev_pci_pm_ops),
};
module_pci_driver(mbar_pci_driver);

MODULE_DESCRIPTION("Sample vendor driver that divides the memory of a PCI card");
MODULE_LICENSE("GPL");
