// SPDX-License-Identifier: GPL-2.0-only
/*
 * mdma: a vendor driver for mediated devices that access their guest's memory
 * asynchronously. It emulates a machine with a number of queues that copy memory
 * and compute checksums, and hands them out as PCI cards with one queue or four.
 * mdma_regs.h says what such a card is for its driver; guest/ has one.
 *
 * A worker for each queue advances it in small steps, each of which reads the
 * descriptor and copies from one page to another. Between them nothing is pinned,
 * and all there is to know are registers: a queue can go on elsewhere.
 */

#include <linux/array_size.h>
#include <linux/cleanup.h>
#include <linux/crc32.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/mdev_pci.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/workqueue.h>

#include "mdma_regs.h"

/* By number; those that don't exist are 0 */
#define MDMA_NR_REGISTERS	(MDMA_QUEUE_SIZE / sizeof(u32))

struct mdma_queue {
	struct mdma_engine *engine;
	struct work_struct work;
	/* Protects the registers */
	struct mutex lock;
	u32 registers[MDMA_NR_REGISTERS];
};

struct mdma_engine {
	struct mdev_pci pci;
	/* Its queues may access memory */
	bool running;
	struct mdma_queue queues[MDMA_MAX_QUEUES];
};

static struct workqueue_struct *mdma_workqueue;

static struct mdma_engine *to_mdma_engine(struct mdev_device *mdev)
{
	return container_of(mdev_pci_from_mdev(mdev), struct mdma_engine, pci);
}

/* The guest's memory */

/* From one page to another, or to none, for the checksum alone */
static void mdma_copy_page(struct mdma_queue *queue, struct page *source,
			   u64 from, struct page *destination, u64 to, u32 size)
{
	void *data = kmap_local_page(source) + offset_in_page(from);
	u32 *crc = &queue->registers[MDMA_CRC];

	scoped_guard(mutex, &queue->lock) {
		*crc = ~crc32_le(~*crc, data, size);
		if (destination)
			memcpy_to_page(destination, offset_in_page(to), data,
				       size);
		queue->registers[MDMA_PROGRESS] += size;
	}
	kunmap_local(data);
}

/* Without a lock: a page that is slow to pin doesn't block accesses of registers. */
static int mdma_pin_and_copy(struct mdma_queue *queue, u64 from, u64 to,
			     u32 size, bool copy)
{
	struct mdev_pci *pci = &queue->engine->pci;
	struct page *source[2], *destination[2] = {};
	struct mdev_pci_pin pins[2] = {};
	int ret;

	ret = mdev_pci_pin_pages(pci, &pins[0], from, size, DMA_TO_DEVICE, source);
	if (!ret && copy)
		ret = mdev_pci_pin_pages(pci, &pins[1], to, size, DMA_FROM_DEVICE, destination);
	if (!ret)
		mdma_copy_page(queue, source[0], from, destination[0], to, size);
	mdev_pci_unpin_pages(&pins[1]);
	mdev_pci_unpin_pages(&pins[0]);
	return ret;
}

/* What becomes of the descriptor, 0 as long as it goes on */
static int mdma_copy(struct mdma_queue *queue,
		     const struct mdma_descriptor *descriptor)
{
	u32 done = queue->registers[MDMA_PROGRESS];
	u64 from = le64_to_cpu(descriptor->source) + done;
	u64 to = le64_to_cpu(descriptor->destination) + done;
	u32 length = le32_to_cpu(descriptor->length);
	u32 flags = le32_to_cpu(descriptor->flags);
	u32 size;

	if (flags & ~MDMA_COPY)
		return MDMA_BAD_FLAGS;
	if (length <= done || length > MDMA_MAX_LENGTH)
		return MDMA_BAD_LENGTH;

	size = min3(length - done, PAGE_SIZE - offset_in_page(from),
		    PAGE_SIZE - offset_in_page(to));
	if (mdma_pin_and_copy(queue, from, to, size, flags & MDMA_COPY))
		return MDMA_BAD_ADDRESS;
	return done + size == length ? MDMA_DONE : 0;
}

static void mdma_disable(u32 *registers, u32 status)
{
	memset(&registers[MDMA_SIZE], 0,
	       (MDMA_NR_REGISTERS - MDMA_SIZE) * sizeof(u32));
	registers[MDMA_STATUS] = status;
}

/* Can race with mdma_write(), where a bad tail disables the queue. */
static void mdma_end(struct mdma_queue *queue, int result)
{
	u32 *registers = queue->registers;

	guard(mutex)(&queue->lock);
	if (result < 0)
		mdma_disable(registers, MDMA_STATUS_BAD_RING);
	else if (result != MDMA_DONE)
		registers[MDMA_STATUS] |= MDMA_STATUS_ERROR;
	registers[MDMA_HEAD] = (registers[MDMA_HEAD] + 1) %
			       max(registers[MDMA_SIZE], 1);
	registers[MDMA_PROGRESS] = 0;
	registers[MDMA_CRC] = 0;
	if (result != MDMA_DONE || registers[MDMA_HEAD] == registers[MDMA_TAIL])
		mdev_pci_trigger_irq(&queue->engine->pci,
				     queue - queue->engine->queues);
}

static void mdma_step(struct work_struct *work)
{
	struct mdma_queue *queue = container_of(work, struct mdma_queue, work);
	struct mdev_pci *pci = &queue->engine->pci;
	struct mdma_descriptor descriptor;
	size_t size = sizeof(descriptor);
	int result = -EIO;
	u64 address;

	scoped_guard(mutex, &queue->lock) {
		if (queue->registers[MDMA_HEAD] ==
		    queue->registers[MDMA_TAIL])
			return;
		address = (u64)queue->registers[MDMA_BASE] << MDMA_BASE_SHIFT;
		address += queue->registers[MDMA_HEAD] * sizeof(descriptor);
	}
	if (!mdev_dma_rw(pci->mdev, address, &descriptor, size, false))
		result = mdma_copy(queue, &descriptor);
	if (result > 0) {
		descriptor.checksum = cpu_to_le32(queue->registers[MDMA_CRC]);
		descriptor.result = cpu_to_le32(result);
		if (mdev_dma_rw(pci->mdev, address, &descriptor, size, true))
			result = -EIO;
	}
	if (result)
		mdma_end(queue, result);
	queue_work(mdma_workqueue, work);
}

/* Registers */

static bool mdma_valid(const u32 *registers)
{
	return registers[MDMA_SIZE] <= MDMA_MAX_SIZE &&
	       max(registers[MDMA_HEAD], registers[MDMA_TAIL]) <
	       max(registers[MDMA_SIZE], 1);
}

/* Work that is disabled several times has to be enabled as often. */
static void mdma_write_size(struct mdma_queue *queue, u32 size)
{
	disable_work_sync(&queue->work);
	guard(mutex)(&queue->lock);
	mdma_disable(queue->registers, 0);
	queue->registers[MDMA_SIZE] = size;
	if (!mdma_valid(queue->registers))
		mdma_disable(queue->registers, MDMA_STATUS_BAD_RING);
	enable_and_queue_work(mdma_workqueue, &queue->work);
}

static struct mdma_queue *mdma_queue_at(struct mdev_pci *pci, u64 offset)
{
	u64 index = (offset - MDMA_REGISTER(0, 0)) / MDMA_QUEUE_SIZE;

	return index < pci->type->units ?
	       &to_mdma_engine(pci->mdev)->queues[index] : NULL;
}

static u64 mdma_read(struct mdev_pci *pci, unsigned int region, u64 offset,
		     unsigned int size)
{
	unsigned int number = offset % MDMA_QUEUE_SIZE / sizeof(u32);
	struct mdma_queue *queue = mdma_queue_at(pci, offset);

	if (!queue)
		return offset == MDMA_QUEUES ? pci->type->units : 0;
	guard(mutex)(&queue->lock);
	return queue->registers[number];
}

static void mdma_write(struct mdev_pci *pci, unsigned int region, u64 offset,
		       unsigned int size, u64 value)
{
	unsigned int number = offset % MDMA_QUEUE_SIZE / sizeof(u32);
	struct mdma_queue *queue = mdma_queue_at(pci, offset);
	u32 *registers;

	if (!queue)
		return;
	if (number == MDMA_SIZE) {
		mdma_write_size(queue, value);
		return;
	}
	guard(mutex)(&queue->lock);
	registers = queue->registers;
	if (number == MDMA_BASE && !registers[MDMA_SIZE]) {
		registers[MDMA_BASE] = value;
	} else if (number == MDMA_TAIL) {
		registers[MDMA_TAIL] = value;
		if (!mdma_valid(registers))
			mdma_disable(registers, MDMA_STATUS_BAD_RING);
		queue_work(mdma_workqueue, &queue->work);
	} else if (number == MDMA_STATUS) {
		registers[MDMA_STATUS] &= ~(value & MDMA_STATUS_ERRORS);
	}
}

/* Life of a card */

static int mdma_create(struct mdev_pci *pci)
{
	struct mdma_engine *engine = to_mdma_engine(pci->mdev);

	for (unsigned int i = 0; i < pci->type->units; i++) {
		struct mdma_queue *queue = &engine->queues[i];

		queue->engine = engine;
		mutex_init(&queue->lock);
		INIT_WORK(&queue->work, mdma_step);
		disable_work(&queue->work);
	}
	return 0;
}

static int mdma_run(struct mdev_pci *pci, unsigned int flags)
{
	struct mdma_engine *engine = to_mdma_engine(pci->mdev);
	bool running = flags & MDEV_PCI_DMA;

	if (engine->running == running)
		return 0;
	engine->running = running;
	for (unsigned int i = 0; i < pci->type->units; i++) {
		struct mdma_queue *queue = &engine->queues[i];

		if (running)
			enable_and_queue_work(mdma_workqueue, &queue->work);
		else
			disable_work_sync(&queue->work);
	}
	return 0;
}

static int mdma_reset(struct mdev_pci *pci, enum mdev_pci_reset_cause cause)
{
	struct mdma_engine *engine = to_mdma_engine(pci->mdev);

	for (unsigned int i = 0; i < pci->type->units; i++) {
		guard(mutex)(&engine->queues[i].lock);
		memset(engine->queues[i].registers, 0, MDMA_QUEUE_SIZE);
	}
	return 0;
}

static ssize_t mdma_save(struct mdev_pci *pci, void *buf, size_t size)
{
	struct mdma_engine *engine = to_mdma_engine(pci->mdev);
	__le32 (*saved)[MDMA_NR_REGISTERS] = buf;

	for (unsigned int i = 0; i < pci->type->units; i++)
		for (unsigned int j = 0; j < MDMA_NR_REGISTERS; j++)
			saved[i][j] = cpu_to_le32(engine->queues[i].registers[j]);
	return pci->type->units * MDMA_QUEUE_SIZE;
}

static int mdma_load(struct mdev_pci *pci, u32 version, const void *buf,
		     size_t size)
{
	const __le32 (*saved)[MDMA_NR_REGISTERS] = buf;

	if (size != pci->type->units * MDMA_QUEUE_SIZE)
		return -EINVAL;

	for (unsigned int i = 0; i < pci->type->units; i++) {
		struct mdma_queue *queue = &to_mdma_engine(pci->mdev)->queues[i];

		guard(mutex)(&queue->lock);
		for (unsigned int j = 0; j < MDMA_NR_REGISTERS; j++)
			queue->registers[j] = le32_to_cpu(saved[i][j]);
		if (!mdma_valid(queue->registers))
			return -EINVAL;
	}
	return 0;
}

/* What a card looks like */

#define MDMA_FUNCTION(_queues)						\
	(&(const struct mdev_pci_function){				\
		.vendor = MDMA_VENDOR_ID,				\
		.device = MDMA_DEVICE_ID,				\
		.class = MDMA_CLASS,					\
		.capabilities = MDEV_PCI_PM | MDEV_PCI_EXPRESS |	\
				MDEV_PCI_FLR,				\
		.bar[MDMA_BAR_REGISTERS].size = MDMA_BAR_SIZE,		\
		.bar[MDMA_BAR_REGISTERS].width = sizeof(u32),		\
		.bar[MDMA_BAR_REGISTERS].read = mdma_read,		\
		.bar[MDMA_BAR_REGISTERS].write = mdma_write,		\
		.bar[MDMA_BAR_MSIX].size = MDMA_BAR_SIZE,		\
		.msix.vectors = (_queues),				\
		.msix.table_bar = MDMA_BAR_MSIX,			\
		.msix.pba_bar = MDMA_BAR_MSIX,				\
		.msix.pba_offset = MDMA_MSIX_PENDING,			\
	})

static const struct mdev_pci_type mdma_types[] = {
	{
		.name = "1",
		.description = "Copy engine with one queue",
		.function = MDMA_FUNCTION(1),
		.units = 1,
	}, {
		.name = "4",
		.description = "Copy engine with four queues",
		.function = MDMA_FUNCTION(4),
		.units = 4,
	},
};

static const struct mdev_pci_driver mdma_driver = {
	.ops.hot_unplug = true,
	.types = mdma_types,
	.nr_types = ARRAY_SIZE(mdma_types),
	.device_size = MDEV_PCI_DEVICE_SIZE(struct mdma_engine, pci),
	.state_size = MDMA_MAX_QUEUES * MDMA_QUEUE_SIZE,
	.create = mdma_create,
	.reset = mdma_reset,
	.run = mdma_run,
	.save = mdma_save,
	.load = mdma_load,
};

static unsigned int queues = 16;
module_param(queues, uint, 0444);
MODULE_PARM_DESC(queues, "Number of queues to hand out (default 16)");

static struct mdev_pci_parent mdma_parent;
static struct platform_device *mdma_device;

static int mdma_probe(struct platform_device *pdev)
{
	return mdev_pci_register(&mdma_parent, &pdev->dev, &mdma_driver,
				 queues);
}

static void mdma_unbind(struct platform_device *pdev)
{
	mdev_pci_unregister(&mdma_parent);
}

static struct platform_driver mdma_platform_driver = {
	.driver.name = "mdma",
	.remove = mdma_unbind,
};

static int __init mdma_init(void)
{
	mdma_workqueue = alloc_workqueue("mdma", WQ_UNBOUND, 0);
	if (!mdma_workqueue)
		return -ENOMEM;
	mdma_device = platform_create_bundle(&mdma_platform_driver, mdma_probe,
					     NULL, 0, NULL, 0);
	if (IS_ERR(mdma_device))
		destroy_workqueue(mdma_workqueue);
	return PTR_ERR_OR_ZERO(mdma_device);
}
module_init(mdma_init);

static void __exit mdma_exit(void)
{
	platform_device_unregister(mdma_device);
	platform_driver_unregister(&mdma_platform_driver);
	destroy_workqueue(mdma_workqueue);
}
module_exit(mdma_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample vendor driver: mediated copy engines");
