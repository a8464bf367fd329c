// SPDX-License-Identifier: GPL-2.0-only
/*
 * medu: a vendor driver for a real PCI card, QEMU's teaching device (edu). Each card is
 * a parent; each mediated device is an edu card to its guest, with the registers of
 * medu_regs.h and a buffer of its own. They share the card's engine: factorials and DMA
 * of all devices are requests, which the engine serves in turn. The chapter "Writing a
 * vendor driver" of Documentation/vfio-mediated-device.txt goes through this file.
 *
 * A request is the MEDU_COMPUTING or MEDU_DMA_RUN bit of a device's registers: a
 * migration saves it with the others, and it is served afterwards.
 */

#include <linux/cleanup.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/mdev_pci.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/workqueue.h>

#include "medu_regs.h"

/* How many devices can share a card */
#define MEDU_UNITS	8
/* A transfer takes the card 100 ms */
#define MEDU_TIMEOUT	(5 * HZ)
/* Some versions of QEMU exit when the card accesses the last byte of its buffer. */
#define MEDU_MAX_TRANSFER	(MEDU_BUFFER_SIZE - 1U)
/* Registers have 4 or 8 bytes; each has a member of an array of dwords' number */
#define MEDU_NR_REGS	(0xa0 / 4)

static unsigned int dma_bits = MEDU_ADDRESS_BITS;
module_param(dma_bits, uint, 0444);
MODULE_PARM_DESC(dma_bits, "Bits of the cards' DMA addresses, 28 to 32 (default 28)");

struct medu_card {
	struct mdev_pci_parent parent;
	struct pci_dev *pdev;
	void __iomem *bar;
	struct mdev_pci_engine engine;
};

struct medu {
	struct mdev_pci pci;
	struct delayed_work work;
	/* Protects what follows */
	struct mutex lock;
	u64 regs[MEDU_NR_REGS];
	struct page *buffer;
	unsigned long transfers;
};

static struct medu *to_medu(struct mdev_pci *pci)
{
	return container_of(pci, struct medu, pci);
}

static struct medu_card *to_medu_card(struct mdev_pci_parent *parent)
{
	return container_of(parent, struct medu_card, parent);
}

static struct medu_card *medu_get_card(struct medu *medu)
{
	return to_medu_card(medu->pci.parent);
}

static u64 *medu_reg(struct medu *medu, unsigned int offset)
{
	return &medu->regs[offset / 4];
}

/* The card */

static irqreturn_t medu_interrupt(int irq, void *data)
{
	struct medu_card *card = data;
	u32 cause = readl(card->bar + MEDU_CAUSE);

	/* Reads return ones when the card has been removed. */
	if (!cause || cause == ~0U)
		return IRQ_NONE;
	writel(cause, card->bar + MEDU_ACK);
	complete(&card->engine.done);
	return IRQ_HANDLED;
}

static int medu_compute(struct medu_card *card, u32 n, u32 *result)
{
	writel(MEDU_FACTORIAL_IRQ, card->bar + MEDU_STATUS);
	writel(n, card->bar + MEDU_FACTORIAL);
	if (mdev_pci_engine_wait(&card->engine,
				 !(readl(card->bar + MEDU_STATUS) & MEDU_COMPUTING)))
		return -EIO;
	*result = readl(card->bar + MEDU_FACTORIAL);
	return 0;
}

/* Copy between memory and the beginning of the card's buffer. */
static int medu_transfer(struct medu_card *card, struct page **pages, u32 offset,
			 u32 size, bool to_memory)
{
	enum dma_data_direction dir = to_memory ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
	u32 command = MEDU_DMA_RUN | MEDU_DMA_IRQ | (to_memory ? MEDU_DMA_TO_MEMORY : 0);
	u32 i, buffer = MEDU_BUFFER;
	struct scatterlist *sg;
	struct sg_table table;
	int ret;

	ret = mdev_pci_map_pages(&card->parent, &table, pages, offset, size, dir);
	for_each_sgtable_dma_sg(&table, sg, i) {
		writel(to_memory ? buffer : sg_dma_address(sg), card->bar + MEDU_DMA_SOURCE);
		writel(to_memory ? sg_dma_address(sg) : buffer,
		       card->bar + MEDU_DMA_DESTINATION);
		writel(sg_dma_len(sg), card->bar + MEDU_DMA_COUNT);
		writel(command, card->bar + MEDU_DMA_COMMAND);
		ret = mdev_pci_engine_wait(&card->engine, !(readl(card->bar + MEDU_DMA_COMMAND) &
							    MEDU_DMA_RUN));
		if (ret)
			break;
		buffer += sg_dma_len(sg);
	}
	mdev_pci_unmap_pages(&card->parent, &table, dir, ret != -EIO);
	return ret;
}

/* Requests */

/* Between @pages of the guest and the device's buffer, by the card's in each case */
static int medu_copy(struct medu *medu, struct page **pages, u32 from,
		     u32 offset, u32 count, bool to_memory)
{
	struct medu_card *card = medu_get_card(medu);
	int ret = 0;
	u32 size;

	for (; count && !ret; count -= size, from += size, offset += size) {
		size = min(count, MEDU_MAX_TRANSFER);
		if (to_memory)
			ret = medu_transfer(card, &medu->buffer, offset, size, false) ?:
			      medu_transfer(card, pages, from, size, true);
		else
			ret = medu_transfer(card, pages, from, size, false) ?:
			      medu_transfer(card, &medu->buffer, offset, size, true);
	}
	return ret;
}

static void medu_raise(struct medu *medu, u32 cause)
{
	lockdep_assert_held(&medu->lock);
	*medu_reg(medu, MEDU_CAUSE) |= cause;
	if (*medu_reg(medu, MEDU_CAUSE))
		mdev_pci_raise_irq(&medu->pci, 0);
}

/* Of 34! and more, the lower 32 bits are 0; the card would compute for long. */
static void medu_serve_factorial(struct medu *medu, unsigned long token)
{
	u32 n = *medu_reg(medu, MEDU_FACTORIAL), result = 0;
	u64 *status = medu_reg(medu, MEDU_STATUS);
	struct medu_card *card = medu_get_card(medu);

	if (!mdev_pci_engine_begin(&card->engine, &medu->pci, token, MDEV_PCI_RUN))
		return;
	if (n >= 34 || !medu_compute(card, n, &result)) {
		guard(mutex)(&medu->lock);
		*medu_reg(medu, MEDU_FACTORIAL) = result;
		*status &= ~MEDU_COMPUTING;
		if (*status & MEDU_FACTORIAL_IRQ)
			medu_raise(medu, MEDU_CAUSE_FACTORIAL);
	}
	mdev_pci_engine_end(&card->engine);
}

/* The card does not report that it could not access memory, so neither does this. */
static void medu_end_dma(struct medu *medu)
{
	u64 *command = medu_reg(medu, MEDU_DMA_COMMAND);

	guard(mutex)(&medu->lock);
	medu->transfers++;
	*command &= ~MEDU_DMA_RUN;
	if (*command & MEDU_DMA_IRQ)
		medu_raise(medu, MEDU_CAUSE_DMA);
}

/*
 * Pages are pinned before the device waits for the engine: userspace can delay that,
 * and with it no other device. The registers don't change while MEDU_DMA_RUN is set.
 */
static void medu_serve_dma(struct medu *medu, unsigned long token)
{
	bool to_memory = *medu_reg(medu, MEDU_DMA_COMMAND) & MEDU_DMA_TO_MEMORY;
	u64 source = *medu_reg(medu, MEDU_DMA_SOURCE);
	u64 destination = *medu_reg(medu, MEDU_DMA_DESTINATION);
	u64 count = *medu_reg(medu, MEDU_DMA_COUNT);
	u64 offset = (to_memory ? source : destination) - MEDU_BUFFER;
	u64 iova = (to_memory ? destination : source) &
		   DMA_BIT_MASK(MEDU_ADDRESS_BITS);
	struct mdev_pci_engine *engine = &medu_get_card(medu)->engine;
	struct mdev_pci_pin pin = {};
	struct page *pages[2];
	int ret = 0;

	if (count && offset < MEDU_BUFFER_SIZE && count <= MEDU_BUFFER_SIZE - offset)
		ret = mdev_pci_pin_pages(&medu->pci, &pin, iova, count,
					 to_memory ? DMA_FROM_DEVICE : DMA_TO_DEVICE, pages);
	/* The VMM exits, or closes the device */
	if (ret == -EINTR)
		return;
	if (mdev_pci_engine_begin(engine, &medu->pci, token, MDEV_PCI_DMA)) {
		ret = !pin.pci ? 0 : medu_copy(medu, pages, offset_in_page(iova), offset,
					       count, to_memory);
		if (ret != -EIO && ret != -EAGAIN)
			medu_end_dma(medu);
		mdev_pci_engine_end(engine);
	}
	mdev_pci_unpin_pages(&pin);
	if (ret == -EAGAIN)
		schedule_delayed_work(&medu->work, HZ / 10);
}

static void medu_work(struct work_struct *work)
{
	struct medu *medu = container_of(work, struct medu, work.work);
	/* Before registers are read: a reset of these changes it */
	unsigned long token = mdev_pci_run_token(&medu->pci);

	if ((token & MDEV_PCI_RUN) && (*medu_reg(medu, MEDU_STATUS) & MEDU_COMPUTING))
		medu_serve_factorial(medu, token);
	if ((token & MDEV_PCI_DMA) && (*medu_reg(medu, MEDU_DMA_COMMAND) & MEDU_DMA_RUN))
		medu_serve_dma(medu, token);
}

/* Registers of a device */

static bool medu_accepts(u64 offset, unsigned int size)
{
	return offset < MEDU_NR_REGS * 4 &&
	       (size == 4 || (size == 8 && offset >= MEDU_DMA_SOURCE));
}

static u64 medu_read(struct mdev_pci *pci, unsigned int bar, u64 offset,
		     unsigned int size)
{
	struct medu *medu = to_medu(pci);

	if (!medu_accepts(offset, size))
		return U64_MAX;
	guard(mutex)(&medu->lock);
	return *medu_reg(medu, offset);
}

/* Registers that a request uses keep their values until it has been served. */
static void medu_write(struct mdev_pci *pci, unsigned int bar, u64 offset,
		       unsigned int size, u64 value)
{
	struct medu *medu = to_medu(pci);
	u64 *reg, *status = medu_reg(medu, MEDU_STATUS);
	u64 *command = medu_reg(medu, MEDU_DMA_COMMAND);

	if (!medu_accepts(offset, size))
		return;
	guard(mutex)(&medu->lock);
	reg = medu_reg(medu, offset);
	if (offset == MEDU_LIVENESS) {
		*reg = (u32)~value;
	} else if (offset == MEDU_FACTORIAL && !(*status & MEDU_COMPUTING)) {
		*reg = value;
		*status |= MEDU_COMPUTING;
	} else if (offset == MEDU_STATUS) {
		*reg = (*reg & MEDU_COMPUTING) | (value & MEDU_FACTORIAL_IRQ);
	} else if (offset == MEDU_RAISE) {
		medu_raise(medu, value);
	} else if (offset == MEDU_ACK) {
		*medu_reg(medu, MEDU_CAUSE) &= ~value;
		if (!*medu_reg(medu, MEDU_CAUSE))
			mdev_pci_lower_irq(pci, 0);
	} else if (offset >= MEDU_DMA_SOURCE && !(*command & MEDU_DMA_RUN)) {
		if (offset != MEDU_DMA_COMMAND)
			*reg = value;
		else if (value & MEDU_DMA_RUN)
			*reg = value & MEDU_DMA_BITS;
	}
	schedule_delayed_work(&medu->work, 0);
}

/* Life of a device */

static int medu_create(struct mdev_pci *pci)
{
	struct medu *medu = to_medu(pci);

	INIT_DELAYED_WORK(&medu->work, medu_work);
	mutex_init(&medu->lock);
	medu->buffer = alloc_page(GFP_KERNEL_ACCOUNT);
	return medu->buffer ? 0 : -ENOMEM;
}

/* The device is closed, so the work can wait for turns of other devices, but gets none. */
static void medu_remove_device(struct mdev_pci *pci)
{
	cancel_delayed_work_sync(&to_medu(pci)->work);
	put_page(to_medu(pci)->buffer);
}

static int medu_reset(struct mdev_pci *pci, enum mdev_pci_reset_cause cause)
{
	struct medu *medu = to_medu(pci);

	guard(mutex)(&medu->lock);
	memset(medu->regs, 0, sizeof(medu->regs));
	memzero_page(medu->buffer, 0, MEDU_BUFFER_SIZE);
	*medu_reg(medu, MEDU_ID) = MEDU_IS_EDU;
	return 0;
}

/* Wait for the engine, but not for pages that userspace delays: they aren't accessed. */
static int medu_run(struct mdev_pci *pci, unsigned int flags)
{
	mdev_pci_engine_sync(&medu_get_card(to_medu(pci))->engine);
	schedule_delayed_work(&to_medu(pci)->work, 0);
	return 0;
}

struct medu_state {
	__le64 regs[MEDU_NR_REGS];
	u8 buffer[MEDU_BUFFER_SIZE];
};

static ssize_t medu_save(struct mdev_pci *pci, void *buf, size_t size)
{
	struct medu *medu = to_medu(pci);
	struct medu_state *state = buf;

	for (unsigned int i = 0; i < MEDU_NR_REGS; i++)
		state->regs[i] = cpu_to_le64(medu->regs[i]);
	memcpy_from_page(state->buffer, medu->buffer, 0, MEDU_BUFFER_SIZE);
	return sizeof(*state);
}

/* Any registers are valid: what a request says is checked when it is served. */
static int medu_load(struct mdev_pci *pci, u32 version, const void *buf,
		     size_t size)
{
	const struct medu_state *state = buf;
	struct medu *medu = to_medu(pci);

	if (size != sizeof(*state))
		return -EINVAL;
	for (unsigned int i = 0; i < MEDU_NR_REGS; i++)
		medu->regs[i] = le64_to_cpu(state->regs[i]);
	memcpy_to_page(medu->buffer, 0, state->buffer, MEDU_BUFFER_SIZE);
	return 0;
}

/* Life of the card */

static void medu_halt(struct mdev_pci_parent *parent)
{
	mdev_pci_engine_halt(&to_medu_card(parent)->engine);
}

/*
 * Neither a reset of the bus nor another driver before this one ends what QEMU's card is
 * doing: wait for that, and for the interrupt handler.
 */
static int medu_restart(struct mdev_pci_parent *parent)
{
	struct medu_card *card = to_medu_card(parent);
	u32 command, status;

	if (readl(card->bar + MEDU_ID) != MEDU_IS_EDU ||
	    readl_poll_timeout(card->bar + MEDU_DMA_COMMAND, command,
			       !(command & MEDU_DMA_RUN), 10000, USEC_PER_SEC) ||
	    readl_poll_timeout(card->bar + MEDU_STATUS, status,
			       !(status & MEDU_COMPUTING), 10000, USEC_PER_SEC))
		return -EIO;
	writel(~0U, card->bar + MEDU_ACK);
	/* The write reaches the card before the value is read */
	readl(card->bar + MEDU_CAUSE);
	synchronize_irq(pci_irq_vector(card->pdev, 0));
	mdev_pci_engine_restart(&card->engine);
	return 0;
}

static ssize_t transfers_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	struct mdev_pci *pci = mdev_pci_from_mdev(to_mdev_device(dev));

	return sysfs_emit(buf, "%lu\n", READ_ONCE(to_medu(pci)->transfers));
}
static DEVICE_ATTR_RO(transfers);

static struct attribute *medu_attrs[] = {
	&dev_attr_transfers.attr,
	NULL
};
ATTRIBUTE_GROUPS(medu);

static const struct mdev_pci_function medu_function = {
	.vendor = MEDU_VENDOR_ID,
	.device = MEDU_DEVICE_ID,
	.class = MEDU_CLASS,
	.revision = MEDU_REVISION,
	.interrupt_pin = 1,
	.capabilities = MDEV_PCI_PM | MDEV_PCI_FLR,
	.msi.vectors = 1,
	.msi.wide = true,
	.bar[0].size = MEDU_BAR_SIZE,
	.bar[0].read = medu_read,
	.bar[0].write = medu_write,
};

static const struct mdev_pci_driver medu_driver = {
	.ops.hot_unplug = true,
	.ops.mdev_attr_groups = medu_groups,
	.types = &(const struct mdev_pci_type){
		.name = "card", .function = &medu_function, .units = 1,
	},
	.nr_types = 1,
	.device_size = MDEV_PCI_DEVICE_SIZE(struct medu, pci),
	.state_size = sizeof(struct medu_state),
	.create = medu_create,
	.remove = medu_remove_device,
	.reset = medu_reset,
	.run = medu_run,
	.save = medu_save,
	.load = medu_load,
	.halt = medu_halt,
	.restart = medu_restart,
};

static int medu_enable(struct medu_card *card)
{
	struct pci_dev *pdev = card->pdev;
	int ret;

	ret = pcim_enable_device(pdev);
	if (!ret)
		ret = dma_set_mask_and_coherent(&pdev->dev,
						DMA_BIT_MASK(clamp(dma_bits, 28U, 32U)));
	if (ret)
		return ret;
	card->bar = pcim_iomap_region(pdev, 0, "medu");
	if (IS_ERR(card->bar))
		return PTR_ERR(card->bar);
	pci_set_master(pdev);
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI | PCI_IRQ_INTX);
	if (ret < 0)
		return ret;
	return devm_request_irq(&pdev->dev, pci_irq_vector(pdev, 0), medu_interrupt,
				IRQF_SHARED, "medu", card) ?:
	       medu_restart(&card->parent);
}

static int medu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct medu_card *card;

	card = devm_kzalloc(&pdev->dev, sizeof(*card), GFP_KERNEL);
	if (!card)
		return -ENOMEM;
	card->pdev = pdev;
	mdev_pci_engine_init(&card->engine, &card->parent, MEDU_TIMEOUT);
	pci_set_drvdata(pdev, &card->parent);
	return medu_enable(card) ?:
	       mdev_pci_register(&card->parent, &pdev->dev, &medu_driver, MEDU_UNITS);
}

static void medu_remove(struct pci_dev *pdev)
{
	mdev_pci_unregister(pci_get_drvdata(pdev));
}

static const struct pci_device_id medu_ids[] = {
	{ PCI_DEVICE(MEDU_VENDOR_ID, MEDU_DEVICE_ID) },
	{}
};
MODULE_DEVICE_TABLE(pci, medu_ids);

static struct pci_driver medu_pci_driver = {
	.name = "medu",
	.id_table = medu_ids,
	.probe = medu_probe,
	.remove = medu_remove,
	.err_handler = &mdev_pci_error_handlers,
	.driver.pm = pm_sleep_ptr(&mdev_pci_pm_ops),
};
module_pci_driver(medu_pci_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample vendor driver: QEMU's edu card, shared");
