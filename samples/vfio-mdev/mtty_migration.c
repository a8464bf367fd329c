// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration of a card: its state as bytes, which do not depend on the kernel
 * that has written them. They may come from anywhere: a state that no card can
 * be in is refused, and then the card stays as it was.
 */

#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/mdev.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/vfio.h>

#include "mtty.h"

#define MTTY_STATE_VERSION	1

/* The members of struct mtty_port, but for what follows from others */
struct mtty_port_state {
	u8 regs[MTTY_PORT_SIZE];
	u8 divisor[2];
	u8 fifo[MTTY_FIFO_SIZE];
	u8 head;
	u8 count;
	u8 transmitted;
};

struct mtty_state {
	__le32 version;
	__le32 ports;
	u8 config[PCI_CFG_SPACE_SIZE];
	struct mtty_port_state port[];
};

static void mtty_port_save(const struct mtty_port *port,
			   struct mtty_port_state *state)
{
	memcpy(state->regs, port->regs, sizeof(state->regs));
	memcpy(state->divisor, port->divisor, sizeof(state->divisor));
	memcpy(state->fifo, port->fifo, sizeof(state->fifo));
	state->head = port->head;
	state->count = port->count;
	state->transmitted = port->transmitted;
}

static void mtty_port_load(struct mtty_port *port,
			   const struct mtty_port_state *state)
{
	memcpy(port->regs, state->regs, sizeof(port->regs));
	memcpy(port->divisor, state->divisor, sizeof(port->divisor));
	memcpy(port->fifo, state->fifo, sizeof(port->fifo));
	port->head = state->head;
	port->count = state->count;
	port->transmitted = state->transmitted;
	port->pending = mtty_port_pending(port);
}

static size_t mtty_data_size(struct mdev_device *mdev)
{
	struct mtty_card *card = mdev_get_drvdata(mdev);

	return struct_size_t(struct mtty_state, port, card->ports);
}

static ssize_t mtty_save(struct mdev_device *mdev, void *buf, size_t size)
{
	struct mtty_card *card = mdev_get_drvdata(mdev);
	struct mtty_state *state = buf;
	unsigned int i;

	guard(mutex)(&card->lock);
	state->version = cpu_to_le32(MTTY_STATE_VERSION);
	state->ports = cpu_to_le32(card->ports);
	memcpy(state->config, card->config, sizeof(state->config));
	for (i = 0; i < card->ports; i++)
		mtty_port_save(&card->port[i], &state->port[i]);
	return mtty_data_size(mdev);
}

static bool mtty_state_valid(const struct mtty_card *card,
			     const struct mtty_state *state)
{
	unsigned int i;

	if (state->version != cpu_to_le32(MTTY_STATE_VERSION) ||
	    state->ports != cpu_to_le32(card->ports) ||
	    !mtty_config_valid(card, state->config))
		return false;
	for (i = 0; i < card->ports; i++) {
		struct mtty_port port;

		if (state->port[i].transmitted > true)
			return false;
		mtty_port_load(&port, &state->port[i]);
		if (!mtty_port_valid(&port))
			return false;
	}
	return true;
}

static int mtty_load(struct mdev_device *mdev, const void *buf, size_t size)
{
	struct mtty_card *card = mdev_get_drvdata(mdev);
	const struct mtty_state *state = buf;
	unsigned int i;

	if (size != mtty_data_size(mdev) || !mtty_state_valid(card, state))
		return -EINVAL;

	guard(mutex)(&card->lock);
	memcpy(card->config, state->config, sizeof(card->config));
	for (i = 0; i < card->ports; i++)
		mtty_port_load(&card->port[i], &state->port[i]);
	return 0;
}

/*
 * A card does nothing of its own accord, so there is nothing to stop. But while
 * it is stopped it may not interrupt: what it was loaded with does that when it
 * runs again.
 */
static int mtty_set_state(struct mdev_device *mdev,
			  enum vfio_device_mig_state from,
			  enum vfio_device_mig_state to)
{
	struct mtty_card *card = mdev_get_drvdata(mdev);

	guard(mutex)(&card->lock);
	if (to == VFIO_DEVICE_STATE_RUNNING_P2P)
		mtty_update_irq(card);
	return 0;
}

const struct mdev_migration_ops mtty_migration = {
	/* It has no DMA, hence none between devices */
	.flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
		 VFIO_MIGRATION_PRE_COPY,
	.set_state = mtty_set_state,
	.data_size = mtty_data_size,
	.save = mtty_save,
	.load = mtty_load,
};
