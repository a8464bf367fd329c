/* SPDX-License-Identifier: GPL-2.0-only */
/* Descriptions of functions for the tests of config space */
#ifndef _MDEV_PCI_TEST_CONFIG_H
#define _MDEV_PCI_TEST_CONFIG_H

#include "mdev_pci_test_device.h"

/* A function of a conventional PCI card, one of PCI Express, and a small one */
enum test_function {
	TEST_CARD,
	TEST_EXPRESS,
	TEST_SMALL,
	TEST_FUNCTIONS,
};

extern const struct mdev_pci_function test_functions[TEST_FUNCTIONS];

/* Where the capabilities are */
#define TEST_CARD_PM		0x40
#define TEST_CARD_MSI		0x48
#define TEST_CARD_MSIX		0x60
#define TEST_CARD_AF		0x6c
#define TEST_CARD_VENDOR	0x74
#define TEST_EXPRESS_PM		0x40
#define TEST_EXPRESS_MSI	0x48
#define TEST_EXPRESS_EXP	0x54
#define TEST_SMALL_MSI		0x40

struct test_pci *test_config_create(struct kunit *test,
				    enum test_function function);
u32 test_config_read(struct test_pci *fixture, unsigned int offset,
		     unsigned int size);
void test_config_write(struct test_pci *fixture, unsigned int offset,
		       unsigned int size, u32 value);

#define TEST_CONFIG_POS		((loff_t)TEST_CONFIG << MDEV_REGION_SHIFT)

#endif /* _MDEV_PCI_TEST_CONFIG_H */
