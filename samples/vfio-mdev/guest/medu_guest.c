// SPDX-License-Identifier: GPL-2.0-only
/*
 * medu_guest: the driver in a guest for a card of medu, or for a real edu card; see
 * medu_regs.h. It verifies factorials, DMA both ways and their interrupts: one round
 * when it finds a card, and as many as are written to the card's attribute "verify",
 * which reads as the last outcome. Each round prints a line.
 */

#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/random.h>
#include <linux/sysfs.h>

#include "../medu_regs.h"

/* A transfer of the whole buffer stops QEMU 7.2's card. */
#define MEDU_GUEST_SIZE		(MEDU_BUFFER_SIZE / 2)
#define MEDU_GUEST_TIMEOUT	(30 * HZ)
#define MEDU_GUEST_NUMBER	10
#define MEDU_GUEST_FACTORIAL	3628800

struct medu_guest {
	struct pci_dev *pdev;
	void __iomem *bar;
	struct completion interrupted;
	/* Set by the interrupt handler before it completes @interrupted */
	u32 cause;
	u8 *data;
	dma_addr_t dma;
	/* Held while the card is verified; protects rounds and outcome */
	struct mutex lock;
	unsigned int rounds;
	char outcome[64];
};

static irqreturn_t medu_guest_interrupt(int irq, void *data)
{
	struct medu_guest *guest = data;
	u32 cause = ioread32(guest->bar + MEDU_CAUSE);

	if (!cause)
		return IRQ_NONE;
	iowrite32(cause, guest->bar + MEDU_ACK);
	guest->cause = cause;
	complete(&guest->interrupted);
	return IRQ_HANDLED;
}

/* Returns what is wrong. */
static const char *medu_guest_wait(struct medu_guest *guest, u32 cause)
{
	if (!wait_for_completion_timeout(&guest->interrupted,
					 MEDU_GUEST_TIMEOUT))
		return "no interrupt";
	return guest->cause == cause ? NULL : "wrong cause of the interrupt";
}

static const char *medu_guest_factorial(struct medu_guest *guest)
{
	const char *fault;

	reinit_completion(&guest->interrupted);
	iowrite32(MEDU_FACTORIAL_IRQ, guest->bar + MEDU_STATUS);
	iowrite32(MEDU_GUEST_NUMBER, guest->bar + MEDU_FACTORIAL);
	fault = medu_guest_wait(guest, MEDU_CAUSE_FACTORIAL);
	if (fault)
		return fault;
	if (ioread32(guest->bar + MEDU_FACTORIAL) != MEDU_GUEST_FACTORIAL)
		return "wrong factorial";
	return NULL;
}

static const char *medu_guest_transfer(struct medu_guest *guest, u32 source,
				       u32 destination, u32 flags)
{
	reinit_completion(&guest->interrupted);
	iowrite32(source, guest->bar + MEDU_DMA_SOURCE);
	iowrite32(destination, guest->bar + MEDU_DMA_DESTINATION);
	iowrite32(MEDU_GUEST_SIZE, guest->bar + MEDU_DMA_COUNT);
	iowrite32(MEDU_DMA_RUN | MEDU_DMA_IRQ | flags,
		  guest->bar + MEDU_DMA_COMMAND);
	return medu_guest_wait(guest, MEDU_CAUSE_DMA);
}

/* Random data to the card's buffer, and from there to the second half of the memory */
static const char *medu_guest_dma(struct medu_guest *guest)
{
	const char *fault;

	get_random_bytes(guest->data, MEDU_GUEST_SIZE);
	memset(guest->data + MEDU_GUEST_SIZE, 0, MEDU_GUEST_SIZE);
	fault = medu_guest_transfer(guest, guest->dma, MEDU_BUFFER, 0);
	if (!fault)
		fault = medu_guest_transfer(guest, MEDU_BUFFER,
					    guest->dma + MEDU_GUEST_SIZE,
					    MEDU_DMA_TO_MEMORY);
	if (!fault && memcmp(guest->data, guest->data + MEDU_GUEST_SIZE,
			     MEDU_GUEST_SIZE))
		fault = "wrong data";
	return fault;
}

static int medu_guest_round(struct medu_guest *guest)
{
	const char *fault = medu_guest_factorial(guest);

	if (!fault)
		fault = medu_guest_dma(guest);
	if (fault) {
		strscpy(guest->outcome, fault);
		pci_err(guest->pdev, "%s\n", fault);
		return -EIO;
	}
	snprintf(guest->outcome, sizeof(guest->outcome), "verified %u rounds",
		 ++guest->rounds);
	pci_info(guest->pdev, "%s\n", guest->outcome);
	return 0;
}

static ssize_t verify_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct medu_guest *guest = dev_get_drvdata(dev);

	guard(mutex)(&guest->lock);
	return sysfs_emit(buf, "%s\n", guest->outcome);
}

static ssize_t verify_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	struct medu_guest *guest = dev_get_drvdata(dev);
	unsigned int rounds;
	int ret;

	ret = kstrtouint(buf, 0, &rounds);
	guard(mutex)(&guest->lock);
	while (!ret && rounds--)
		ret = medu_guest_round(guest);
	return ret ?: count;
}
static DEVICE_ATTR_RW(verify);

static struct attribute *medu_guest_attrs[] = {
	&dev_attr_verify.attr,
	NULL
};
ATTRIBUTE_GROUPS(medu_guest);

static void medu_guest_free_vectors(void *pdev)
{
	pci_free_irq_vectors(pdev);
}

static int medu_guest_setup(struct medu_guest *guest)
{
	struct pci_dev *pdev = guest->pdev;
	struct device *dev = &pdev->dev;
	int ret;

	ret = pcim_enable_device(pdev);
	if (!ret)
		ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(MEDU_ADDRESS_BITS));
	if (ret)
		return ret;
	guest->bar = pcim_iomap_region(pdev, 0, "medu_guest");
	if (IS_ERR(guest->bar))
		return PTR_ERR(guest->bar);
	guest->data = dmam_alloc_coherent(dev, 2 * MEDU_GUEST_SIZE, &guest->dma,
					  GFP_KERNEL);
	if (!guest->data)
		return -ENOMEM;
	pci_set_master(pdev);
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI | PCI_IRQ_INTX);
	if (ret < 0)
		return ret;
	ret = devm_add_action_or_reset(dev, medu_guest_free_vectors, pdev);
	return ret ?: devm_request_irq(dev, pci_irq_vector(pdev, 0),
				       medu_guest_interrupt, IRQF_SHARED,
				       "medu_guest", guest);
}

static int medu_guest_probe(struct pci_dev *pdev,
			    const struct pci_device_id *id)
{
	struct medu_guest *guest;
	int ret;

	guest = devm_kzalloc(&pdev->dev, sizeof(*guest), GFP_KERNEL);
	if (!guest)
		return -ENOMEM;
	guest->pdev = pdev;
	init_completion(&guest->interrupted);
	mutex_init(&guest->lock);
	pci_set_drvdata(pdev, guest);
	ret = medu_guest_setup(guest);
	if (ret)
		return ret;
	guard(mutex)(&guest->lock);
	/* If it fails, the card keeps its driver so that "verify" can be read. */
	medu_guest_round(guest);
	return 0;
}

static const struct pci_device_id medu_guest_ids[] = {
	{ PCI_DEVICE(MEDU_VENDOR_ID, MEDU_DEVICE_ID) },
	{}
};
MODULE_DEVICE_TABLE(pci, medu_guest_ids);

static struct pci_driver medu_guest_driver = {
	.name = "medu_guest",
	.id_table = medu_guest_ids,
	.probe = medu_guest_probe,
	.dev_groups = medu_guest_groups,
};
module_pci_driver(medu_guest_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample guest driver for edu cards");
