/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Physical cards of the VM that vendor drivers are bound to: their addresses, removal
 * with and without notice, errors, and writes to sysfs that wait for users.
 *
 * Functions that return an int return a negative errno on failure.
 */
#ifndef SELFTESTS_VFIO_MDEV_CARD_LIB_H
#define SELFTESTS_VFIO_MDEV_CARD_LIB_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define PCI_DEVICES	"/sys/bus/pci/devices"

/* A PCI address, such as 0000:01:00.0 */
#define CARD_NAME_SIZE	16

/*
 * The PCI address of a card whose modalias begins with @id, the first is 0, whether a
 * driver is bound to it or not. -ENOENT if there is none.
 */
int card_find(const char *id, unsigned int index, char name[CARD_NAME_SIZE]);

/*
 * With the module aer_inject, the card's root port reports an uncorrectable error
 * (PCI_ERR_UNC_*): cards of QEMU have none of their own.
 */
int card_inject_error(const char *name, uint32_t status);

/*
 * Likewise a fatal error. Returns when the PCI core has reset the link and the driver has
 * recovered the card, or -ETIMEDOUT.
 */
int card_inject_fatal_error(const char *name);

/*
 * Clears the power and indicator bits of the slot in config space directly: QEMU unplugs
 * the card. Also disables the slot's interrupt, so that pciehp does not remove the card
 * concurrently with a write to "remove", which would access the freed struct pci_dev, and
 * since lockdep reports pciehp_unconfigure_device() of Linux 6.12.
 */
int card_pull_out(const char *name);

/* A write to a file that waits until users have closed their devices */
struct card_action {
	pthread_t thread;
	const char *text;
	const char *path;
	bool done;
	int ret;
};

int card_action_start(struct card_action *action);
bool card_action_waits(const struct card_action *action);
/* Waits for the write and returns its result. */
int card_action_end(struct card_action *action);

#endif
