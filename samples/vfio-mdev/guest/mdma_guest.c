// SPDX-License-Identifier: GPL-2.0-only
/*
 * mdma_guest: the driver in a guest for a card of mdma, see mdma_regs.h. It has
 * each queue copy memory and verifies what comes of that: when it finds a card,
 * and whenever a number of rounds is written to the card's attribute "verify",
 * which reads as the last outcome.
 */

#include <linux/array_size.h>
#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/crc32.h>
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
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../mdma_regs.h"

#define MDMA_RING_SIZE		4
#define MDMA_BUFFER_SIZE	SZ_64K
#define MDMA_TIMEOUT		(30 * HZ)
/* What a destination is filled with before */
#define MDMA_BLANK		0x5a

struct mdma_guest_queue {
	void __iomem *registers;
	struct completion interrupted;
	struct mdma_descriptor *ring;
	dma_addr_t ring_dma;
	unsigned int tail;
	u8 *source;
	u8 *destination;
	dma_addr_t source_dma;
	dma_addr_t destination_dma;
};

struct mdma_guest {
	struct pci_dev *pdev;
	/* Held while copies are verified; protects outcome */
	struct mutex lock;
	char outcome[64];
	unsigned int nr_queues;
	struct mdma_guest_queue queues[MDMA_MAX_QUEUES];
};

/* From and to which offset in the buffers, and what the engine has to say */
static const struct mdma_guest_case {
	u32 length;
	u32 from;
	u32 to;
	u32 result;
} mdma_guest_cases[] = {
	{ 1, 0, 0, MDMA_DONE },
	{ 7, 4093, 5, MDMA_DONE },
	{ 0, 0, 0, MDMA_BAD_LENGTH },
	{ 4096, 0, 0, MDMA_DONE },
	{ 4096, 1, 4095, MDMA_DONE },
	{ 40961, 4000, 77, MDMA_DONE },
	{ MDMA_MAX_LENGTH + 1, 0, 0, MDMA_BAD_LENGTH },
	{ MDMA_BUFFER_SIZE, 0, 0, MDMA_DONE },
};

static u32 mdma_guest_read(struct mdma_guest_queue *queue, unsigned int number)
{
	return ioread32(queue->registers + 4 * number);
}

static void mdma_guest_write(struct mdma_guest_queue *queue,
			     unsigned int number, u32 value)
{
	iowrite32(value, queue->registers + 4 * number);
}

static irqreturn_t mdma_guest_interrupt(int irq, void *data)
{
	struct mdma_guest_queue *queue = data;

	complete(&queue->interrupted);
	return IRQ_HANDLED;
}

static void mdma_guest_submit(struct mdma_guest_queue *queue,
			      const struct mdma_guest_case *copy)
{
	if (copy->result == MDMA_DONE)
		get_random_bytes(queue->source + copy->from, copy->length);
	memset(queue->destination, MDMA_BLANK, MDMA_BUFFER_SIZE);
	queue->ring[queue->tail] = (struct mdma_descriptor){
		.source = cpu_to_le64(queue->source_dma + copy->from),
		.destination = cpu_to_le64(queue->destination_dma + copy->to),
		.length = cpu_to_le32(copy->length),
		.flags = cpu_to_le32(MDMA_COPY),
	};
	queue->tail = (queue->tail + 1) % MDMA_RING_SIZE;
	reinit_completion(&queue->interrupted);
	mdma_guest_write(queue, MDMA_TAIL, queue->tail);
}

/* After a migration, an interrupt can come before the descriptor is done. */
static bool mdma_guest_wait(struct mdma_guest_queue *queue)
{
	do {
		if (!wait_for_completion_timeout(&queue->interrupted, MDMA_TIMEOUT))
			return false;
	} while (mdma_guest_read(queue, MDMA_HEAD) != queue->tail);
	return true;
}

/* Returns what is wrong. */
static const char *mdma_guest_verify(struct mdma_guest_queue *queue,
				     const struct mdma_guest_case *copy)
{
	unsigned int last = (queue->tail + MDMA_RING_SIZE - 1) % MDMA_RING_SIZE;
	const struct mdma_descriptor *descriptor = &queue->ring[last];
	const u8 *source = queue->source + copy->from;
	u8 *copied = queue->destination + copy->to;
	u32 done = copy->result == MDMA_DONE ? copy->length : 0;
	u32 status;

	if (!mdma_guest_wait(queue))
		return "no interrupt when it was done";
	status = mdma_guest_read(queue, MDMA_STATUS);
	mdma_guest_write(queue, MDMA_STATUS, MDMA_STATUS_ERRORS);
	if (le32_to_cpu(descriptor->result) != copy->result)
		return "wrong result";
	if (status != (copy->result == MDMA_DONE ? 0 : MDMA_STATUS_ERROR))
		return "wrong status";
	if (le32_to_cpu(descriptor->checksum) != ~crc32_le(~0, source, done))
		return "wrong checksum";
	if (memcmp(copied, source, done))
		return "wrong data";
	memset(copied, MDMA_BLANK, done);
	if (memchr_inv(queue->destination, MDMA_BLANK, MDMA_BUFFER_SIZE))
		return "data in the wrong place";
	return NULL;
}

/* All queues work on a copy at the same time. Whether nothing is wrong */
static bool mdma_guest_copy(struct mdma_guest *guest, unsigned int number)
{
	const struct mdma_guest_case *copy = &mdma_guest_cases[number];
	const char *fault = NULL;
	unsigned int i;

	for (i = 0; i < guest->nr_queues; i++)
		mdma_guest_submit(&guest->queues[i], copy);
	for (i = 0; i < guest->nr_queues && !fault; i++)
		fault = mdma_guest_verify(&guest->queues[i], copy);
	if (fault)
		snprintf(guest->outcome, sizeof(guest->outcome),
			 "copy %u by queue %u: %s", number, i - 1, fault);
	return !fault;
}

static int mdma_guest_rounds(struct mdma_guest *guest, unsigned int rounds)
{
	unsigned int count = rounds * ARRAY_SIZE(mdma_guest_cases);
	unsigned int i;

	guard(mutex)(&guest->lock);
	for (i = 0; i < count; i++) {
		if (!mdma_guest_copy(guest, i % ARRAY_SIZE(mdma_guest_cases))) {
			pci_err(guest->pdev, "%s\n", guest->outcome);
			return -EIO;
		}
	}
	snprintf(guest->outcome, sizeof(guest->outcome), "verified %u copies",
		 count * guest->nr_queues);
	pci_info(guest->pdev, "%s\n", guest->outcome);
	return 0;
}

static ssize_t verify_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct mdma_guest *guest = dev_get_drvdata(dev);

	guard(mutex)(&guest->lock);
	return sysfs_emit(buf, "%s\n", guest->outcome);
}

static ssize_t verify_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	unsigned int rounds;
	int ret;

	ret = kstrtouint(buf, 0, &rounds);
	if (!ret)
		ret = mdma_guest_rounds(dev_get_drvdata(dev), rounds);
	return ret ?: count;
}
static DEVICE_ATTR_RW(verify);

static struct attribute *mdma_guest_attrs[] = {
	&dev_attr_verify.attr,
	NULL
};
ATTRIBUTE_GROUPS(mdma_guest);

static void mdma_guest_disable(void *queue)
{
	mdma_guest_write(queue, MDMA_SIZE, 0);
}

static int mdma_guest_enable(struct mdma_guest *guest, unsigned int index)
{
	struct mdma_guest_queue *queue = &guest->queues[index];
	struct device *dev = &guest->pdev->dev;
	int ret;

	init_completion(&queue->interrupted);
	queue->ring = dmam_alloc_coherent(dev, MDMA_RING_SIZE *
					  sizeof(*queue->ring),
					  &queue->ring_dma, GFP_KERNEL);
	queue->source = dmam_alloc_coherent(dev, MDMA_BUFFER_SIZE,
					    &queue->source_dma, GFP_KERNEL);
	queue->destination = dmam_alloc_coherent(dev, MDMA_BUFFER_SIZE,
						 &queue->destination_dma,
						 GFP_KERNEL);
	if (!queue->ring || !queue->source || !queue->destination)
		return -ENOMEM;
	ret = devm_request_irq(dev, pci_irq_vector(guest->pdev, index),
			       mdma_guest_interrupt, 0, "mdma_guest", queue);
	if (ret)
		return ret;
	mdma_guest_write(queue, MDMA_SIZE, 0);
	mdma_guest_write(queue, MDMA_BASE, queue->ring_dma >> MDMA_BASE_SHIFT);
	mdma_guest_write(queue, MDMA_SIZE, MDMA_RING_SIZE);
	return devm_add_action_or_reset(dev, mdma_guest_disable, queue);
}

static int mdma_guest_probe(struct pci_dev *pdev,
			    const struct pci_device_id *id)
{
	struct mdma_guest *guest;
	void __iomem *bar;
	unsigned int i;
	int ret;

	guest = devm_kzalloc(&pdev->dev, sizeof(*guest), GFP_KERNEL);
	if (!guest)
		return -ENOMEM;
	guest->pdev = pdev;
	pci_set_drvdata(pdev, guest);
	mutex_init(&guest->lock);
	ret = pcim_enable_device(pdev);
	if (!ret)
		ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(44));
	if (ret)
		return ret;
	bar = pcim_iomap_region(pdev, MDMA_BAR_REGISTERS, "mdma_guest");
	if (IS_ERR(bar))
		return PTR_ERR(bar);
	guest->nr_queues = min(ioread32(bar + MDMA_QUEUES), MDMA_MAX_QUEUES);
	pci_set_master(pdev);
	ret = pci_alloc_irq_vectors(pdev, guest->nr_queues, guest->nr_queues,
				    PCI_IRQ_MSIX);
	if (ret < 0)
		return ret;
	for (i = 0; i < guest->nr_queues; i++) {
		guest->queues[i].registers = bar + MDMA_REGISTER(i, 0);
		ret = mdma_guest_enable(guest, i);
		if (ret)
			return ret;
	}
	/* Ignore errors: the device stays bound, so that they can be debugged */
	mdma_guest_rounds(guest, 1);
	return 0;
}

static const struct pci_device_id mdma_guest_ids[] = {
	{ PCI_DEVICE(MDMA_VENDOR_ID, MDMA_DEVICE_ID) },
	{}
};
MODULE_DEVICE_TABLE(pci, mdma_guest_ids);

static struct pci_driver mdma_guest_driver = {
	.name = "mdma_guest",
	.id_table = mdma_guest_ids,
	.probe = mdma_guest_probe,
	.dev_groups = mdma_guest_groups,
};
module_pci_driver(mdma_guest_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample guest driver for mediated copy engines");
