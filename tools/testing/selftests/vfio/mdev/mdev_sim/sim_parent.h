/* SPDX-License-Identifier: GPL-2.0-only */
/* Parents of mdev_sim, as their devices see them. */
#ifndef _SIM_PARENT_H
#define _SIM_PARENT_H

#include <linux/atomic.h>
#include <linux/mdev.h>

enum sim_type {
	SIM_TYPE_PCI,
	SIM_TYPE_BARE,
	SIM_NR_TYPES,
};

/**
 * struct sim_parent - a parent
 * @ops: its callbacks, according to its flavour
 * @available: how many more devices it can have, by type
 */
struct sim_parent {
	struct parent_ops ops;
	atomic_t available[SIM_NR_TYPES];
};

/* Takes an instance of a type, if there is one, and gives it back. */
bool sim_parent_get(struct sim_parent *parent, unsigned int type);
void sim_parent_put(struct sim_parent *parent, unsigned int type);

#endif /* _SIM_PARENT_H */
