// SPDX-License-Identifier: GPL-2.0-only
/*
 * mtty: a vendor driver for mediated devices that needs no hardware.
 *
 * It plays a machine with a number of serial ports and hands them out, one or
 * two at a time, as PCI serial cards, which the stock 8250_pci driver of a guest
 * drives. What the guest sends through a port comes back.
 *
 * It is meant to be copied by authors of vendor drivers: this file has what
 * each of them needs in some form. The simulated hardware is in the others.
 */

#include <linux/array_size.h>
#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/mdev.h>
#include <linux/mdev_irqs.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/pci_regs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/unaligned.h>
#include <linux/vfio.h>

#include "mtty.h"

#define MTTY_PORTS_LIMIT	0x100000

static unsigned int ports = 24;
module_param(ports, uint, 0444);
MODULE_PARM_DESC(ports, "Number of serial ports to hand out (default 24)");

static atomic_t mtty_free_ports;

/* In the order of mtty_type_groups */
static const struct {
	unsigned int ports;
	const char *name;
	const char *description;
} mtty_types[] = {
	{ 1, "Single port serial", "PCI serial card with one port" },
	{ 2, "Dual port serial", "PCI serial card with two ports" },
};

/* Interrupts */

static const struct mdev_irq_info mtty_irqs[] = {
	[VFIO_PCI_INTX_IRQ_INDEX] = {
		.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
			 VFIO_IRQ_INFO_AUTOMASKED,
		.count = 1,
	},
	[VFIO_PCI_MSI_IRQ_INDEX] = {
		.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE,
		.count = 1,
	},
};

/*
 * Find out what the ports want and tell the user. MSI, if the user has chosen
 * it, is an edge for each condition that was not there before. INTx is a level
 * as long as there is some condition.
 */
void mtty_update_irq(struct mtty_card *card)
{
	u16 command = get_unaligned_le16(&card->config[PCI_COMMAND]);
	bool msi = mdev_irqs_enabled(&card->irqs, VFIO_PCI_MSI_IRQ_INDEX);
	u8 asserted = 0;
	u8 raised = 0;
	unsigned int i;

	lockdep_assert_held(&card->lock);
	for (i = 0; i < card->ports; i++) {
		struct mtty_port *port = &card->port[i];
		u8 pending = mtty_port_pending(port);

		asserted |= pending;
		raised |= pending & ~port->pending;
		port->pending = pending;
	}

	/* PCI 3.0, 6.2.3: the status doesn't care whether INTx is disabled */
	card->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
	if (asserted)
		card->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;

	if (raised)
		mdev_irqs_trigger(&card->irqs, VFIO_PCI_MSI_IRQ_INDEX, 0);
	mdev_irqs_set_level(&card->irqs, VFIO_PCI_INTX_IRQ_INDEX, 0,
			    asserted && !msi &&
			    !(command & PCI_COMMAND_INTX_DISABLE));
}

/* Most registers have nothing to do with interrupts. */
static void mtty_update_port_irq(struct mtty_card *card,
				 const struct mtty_port *port)
{
	if (mtty_port_pending(port) != port->pending)
		mtty_update_irq(card);
}

/* The vendor's callbacks */

static int mtty_reset(struct mdev_device *mdev)
{
	struct mtty_card *card = mdev_get_drvdata(mdev);
	unsigned int i;

	guard(mutex)(&card->lock);
	mtty_config_reset(card);
	for (i = 0; i < card->ports; i++)
		mtty_port_reset(&card->port[i]);
	mtty_update_irq(card);
	return 0;
}

/* A user gets the card as after power-on, not as the last one has left it. */
static int mtty_open(struct mdev_device *mdev)
{
	return mtty_reset(mdev);
}

static int mtty_get_region_info(struct mdev_device *mdev,
				struct vfio_region_info *info,
				struct vfio_info_cap *caps)
{
	struct mtty_card *card = mdev_get_drvdata(mdev);

	if (info->index == VFIO_PCI_CONFIG_REGION_INDEX)
		info->size = PCI_CFG_SPACE_SIZE;
	else if (info->index < card->ports)
		info->size = MTTY_PORT_SIZE;
	if (info->size)
		info->flags = VFIO_REGION_INFO_FLAG_READ |
			      VFIO_REGION_INFO_FLAG_WRITE;
	return 0;
}

/*
 * Only for what mtty_get_region_info() has described, within its bounds. The
 * registers are bytes: a wider access is one to each, from the lowest up.
 */
static ssize_t mtty_read(struct mdev_device *mdev, char *buf, size_t count,
			 loff_t pos)
{
	struct mtty_card *card = mdev_get_drvdata(mdev);
	u32 index = mdev_region_index(pos);
	u64 offset = mdev_region_offset(pos);
	size_t i;

	guard(mutex)(&card->lock);
	if (index == VFIO_PCI_CONFIG_REGION_INDEX) {
		memcpy(buf, &card->config[offset], count);
		return count;
	}
	for (i = 0; i < count; i++)
		buf[i] = mtty_port_read(&card->port[index], offset + i);
	mtty_update_port_irq(card, &card->port[index]);
	return count;
}

static ssize_t mtty_write(struct mdev_device *mdev, const char *buf,
			  size_t count, loff_t pos)
{
	struct mtty_card *card = mdev_get_drvdata(mdev);
	u32 index = mdev_region_index(pos);
	u64 offset = mdev_region_offset(pos);
	size_t i;

	guard(mutex)(&card->lock);
	if (index == VFIO_PCI_CONFIG_REGION_INDEX) {
		mtty_config_write(card, offset, buf, count);
		if (offset < PCI_CACHE_LINE_SIZE)
			mtty_update_irq(card);
		return count;
	}
	for (i = 0; i < count; i++)
		mtty_port_write(&card->port[index], offset + i, buf[i]);
	mtty_update_port_irq(card, &card->port[index]);
	return count;
}

static int mtty_get_irq_info(struct mdev_device *mdev,
			     struct vfio_irq_info *info)
{
	struct mtty_card *card = mdev_get_drvdata(mdev);

	return mdev_irqs_get_info(&card->irqs, info);
}

static int mtty_set_irqs(struct mdev_device *mdev, u32 flags, u32 index,
			 u32 start, u32 count, void *data)
{
	struct mtty_card *card = mdev_get_drvdata(mdev);
	int ret;

	guard(mutex)(&card->lock);
	ret = mdev_irqs_set(&card->irqs, flags, index, start, count, data);
	/* The user may have gone from INTx to MSI or back */
	mtty_update_irq(card);
	return ret;
}

static bool mtty_take_ports(int wanted)
{
	int left = atomic_read(&mtty_free_ports);

	do {
		if (left < wanted)
			return false;
	} while (!atomic_try_cmpxchg(&mtty_free_ports, &left, left - wanted));
	return true;
}

static int mtty_create(struct kobject *kobj, struct mdev_device *mdev)
{
	struct mdev_type *type = mdev_type_from_kobj(kobj);
	unsigned int wanted = mtty_types[mdev_type_index(type)].ports;
	struct mtty_card *card;
	int ret = -ENOMEM;

	if (!mtty_take_ports(wanted))
		return -ENOSPC;
	card = kzalloc(struct_size(card, port, wanted), GFP_KERNEL);
	if (!card)
		goto out_ports;
	ret = mdev_irqs_init(&card->irqs, mdev, mtty_irqs,
			     ARRAY_SIZE(mtty_irqs));
	if (ret)
		goto out_card;
	card->ports = wanted;
	mutex_init(&card->lock);
	mdev_set_drvdata(mdev, card);
	return 0;

out_card:
	kfree(card);
out_ports:
	atomic_add(wanted, &mtty_free_ports);
	return ret;
}

static int mtty_remove(struct mdev_device *mdev)
{
	struct mtty_card *card = mdev_get_drvdata(mdev);

	atomic_add(card->ports, &mtty_free_ports);
	mutex_destroy(&card->lock);
	mdev_irqs_destroy(&card->irqs);
	kfree(card);
	return 0;
}

/* Attributes of the types, of the parent and of each device */

static ssize_t name_show(struct mdev_type *type,
			 struct mdev_type_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", mtty_types[mdev_type_index(type)].name);
}
static MDEV_TYPE_ATTR_RO(name);

static ssize_t description_show(struct mdev_type *type,
				struct mdev_type_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  mtty_types[mdev_type_index(type)].description);
}
static MDEV_TYPE_ATTR_RO(description);

static ssize_t device_api_show(struct mdev_type *type,
			       struct mdev_type_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", VFIO_DEVICE_API_PCI_STRING);
}
static MDEV_TYPE_ATTR_RO(device_api);

static ssize_t available_instances_show(struct mdev_type *type,
					struct mdev_type_attribute *attr,
					char *buf)
{
	return sysfs_emit(buf, "%u\n", atomic_read(&mtty_free_ports) /
				       mtty_types[mdev_type_index(type)].ports);
}
static MDEV_TYPE_ATTR_RO(available_instances);

static struct attribute *mtty_type_attrs[] = {
	&mdev_type_attr_name.attr,
	&mdev_type_attr_description.attr,
	&mdev_type_attr_device_api.attr,
	&mdev_type_attr_available_instances.attr,
	NULL
};

/* In sysfs: mtty-1 and mtty-2 */
static const struct attribute_group *const mtty_type_groups[] = {
	&(const struct attribute_group) {
		.name = "1",
		.attrs = mtty_type_attrs,
	},
	&(const struct attribute_group) {
		.name = "2",
		.attrs = mtty_type_attrs,
	},
	NULL
};

static ssize_t free_ports_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", atomic_read(&mtty_free_ports));
}
static DEVICE_ATTR_RO(free_ports);

static struct attribute *mtty_parent_attrs[] = {
	&dev_attr_free_ports.attr,
	NULL
};
ATTRIBUTE_GROUPS(mtty_parent);

static ssize_t ports_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct mtty_card *card = mdev_get_drvdata(mdev_from_dev(dev));

	return sysfs_emit(buf, "%u\n", card->ports);
}
static DEVICE_ATTR_RO(ports);

static struct attribute *mtty_card_attrs[] = {
	&dev_attr_ports.attr,
	NULL
};
ATTRIBUTE_GROUPS(mtty_card);

static const struct parent_ops mtty_ops = {
	.owner = THIS_MODULE,
	.supported_type_groups = mtty_type_groups,
	.dev_attr_groups = mtty_parent_groups,
	.mdev_attr_groups = mtty_card_groups,
	.create = mtty_create,
	.remove = mtty_remove,
	.open = mtty_open,
	.reset = mtty_reset,
	.get_region_info = mtty_get_region_info,
	.get_irq_info = mtty_get_irq_info,
	.read = mtty_read,
	.write = mtty_write,
	.set_irqs = mtty_set_irqs,
	.migration = &mtty_migration,
};

/* What a vendor driver does in its probe and remove is done here at load. */

static const struct class mtty_class = {
	.name = "mtty",
};

static struct device *mtty_parent;

static int __init mtty_init(void)
{
	int ret;

	if (ports > MTTY_PORTS_LIMIT)
		return -EINVAL;
	atomic_set(&mtty_free_ports, ports);

	ret = class_register(&mtty_class);
	if (ret)
		return ret;
	mtty_parent = device_create(&mtty_class, NULL, 0, NULL, "mtty");
	if (IS_ERR(mtty_parent)) {
		ret = PTR_ERR(mtty_parent);
		goto out_class;
	}
	ret = mdev_register_device(mtty_parent, &mtty_ops);
	if (ret)
		goto out_parent;
	return 0;

out_parent:
	device_unregister(mtty_parent);
out_class:
	class_unregister(&mtty_class);
	return ret;
}
module_init(mtty_init);

static void __exit mtty_exit(void)
{
	mdev_unregister_device(mtty_parent);
	device_unregister(mtty_parent);
	class_unregister(&mtty_class);
}
module_exit(mtty_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample vendor driver: mediated PCI serial cards");
