// SPDX-License-Identifier: GPL-2.0-only
/*
 * medu: PCI cards that compute factorials, after QEMU's teaching device (edu).
 * A vendor driver to start from: see Documentation/vfio-mediated-device.txt.
 */

#include <linux/mdev_pci.h>
#include <linux/module.h>
#include <linux/platform_device.h>

/* Registers of 4 bytes */
enum {
	MEDU_ID = 0x00 / 4,
	MEDU_LIVENESS = 0x04 / 4,	/* answers what was written, inverted */
	MEDU_FACTORIAL = 0x08 / 4,	/* takes n, answers n!, interrupts */
	MEDU_CAUSE = 0x24 / 4,		/* why it interrupts: 1, n! is there */
	MEDU_ACK = 0x64 / 4,		/* it need not interrupt any more */
	MEDU_NR_REGS = 0x80 / 4
};

/* A mediated device: a PCI function, and what is ours */
struct medu {
	struct mdev_pci pci;
	u32 regs[MEDU_NR_REGS];
};

static DEFINE_MUTEX(medu_lock);	/* a guest has several processors */

static u64 medu_read(struct mdev_pci *pci, unsigned int bar, u64 offset,
		     unsigned int size)
{
	struct medu *medu = container_of(pci, struct medu, pci);

	guard(mutex)(&medu_lock);
	return medu->regs[offset / 4];
}

static void medu_write(struct mdev_pci *pci, unsigned int bar, u64 offset,
		       unsigned int size, u64 value)
{
	struct medu *medu = container_of(pci, struct medu, pci);
	u32 n = value, product = 1;

	guard(mutex)(&medu_lock);
	switch (offset / 4) {
	case MEDU_LIVENESS:
		medu->regs[MEDU_LIVENESS] = ~n;
		break;
	case MEDU_FACTORIAL:
		/* Never long: of 34! there is nothing left in 32 bits */
		for (; n > 1 && product; n--)
			product *= n;
		medu->regs[MEDU_FACTORIAL] = product;
		medu->regs[MEDU_CAUSE] = 1;
		mdev_pci_raise_irq(pci, 0);
		break;
	case MEDU_ACK:
		medu->regs[MEDU_CAUSE] = 0;
		mdev_pci_lower_irq(pci, 0);
		break;
	}
}

static int medu_reset(struct mdev_pci *pci, enum mdev_pci_reset_cause cause)
{
	struct medu *medu = container_of(pci, struct medu, pci);

	guard(mutex)(&medu_lock);
	memset(medu->regs, 0, sizeof(medu->regs));
	medu->regs[MEDU_ID] = 0x010000ed;
	return 0;
}

/* What a guest finds on its bus */
static const struct mdev_pci_function medu_function = {
	.vendor = 0x1234,
	.device = 0x11e8,
	.class = 0xff0000,	/* none of those that are defined */
	.capabilities = MDEV_PCI_PM | MDEV_PCI_FLR,
	.interrupt_pin = 1,
	.msi.vectors = 1,
	.bar[0] = {
		.size = MEDU_NR_REGS * 4,
		.width = 4,
		.read = medu_read,
		.write = medu_write,
	},
};

static const struct mdev_pci_driver medu_driver = {
	.types = &(const struct mdev_pci_type){
		.name = "card", .function = &medu_function, .units = 1,
	},
	.nr_types = 1,
	.device_size = MDEV_PCI_DEVICE_SIZE(struct medu, pci),
	.reset = medu_reset,
};

/* A real driver waits for its bus to find a parent; this one makes it. */
static struct platform_driver medu_platform_driver = { .driver.name = "medu" };
static struct platform_device *medu_device;
static struct mdev_pci_parent medu_parent;

static int medu_probe(struct platform_device *device)
{
	return mdev_pci_register(&medu_parent, &device->dev, &medu_driver, 16);
}

static int __init medu_init(void)
{
	medu_device = platform_create_bundle(&medu_platform_driver, medu_probe,
					     NULL, 0, NULL, 0);
	return PTR_ERR_OR_ZERO(medu_device);
}
module_init(medu_init);

static void __exit medu_exit(void)
{
	mdev_pci_unregister(&medu_parent);
	platform_device_unregister(medu_device);
	platform_driver_unregister(&medu_platform_driver);
}
module_exit(medu_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample vendor driver: mediated PCI cards that compute");
