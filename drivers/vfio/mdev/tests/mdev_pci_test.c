// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of mdev_pci.ko: the module. The suites have files of their own. */

#include <kunit/test.h>
#include <linux/module.h>

#include "../compat.h"
#include "mdev_pci_test_config.h"

kunit_test_suites(&mdev_pci_check_suite, &mdev_pci_life_suite,
		  &mdev_pci_register_suite, &mdev_pci_registers_suite,
		  &mdev_pci_config_suite, &mdev_pci_effects_suite,
		  &mdev_pci_bare_suite, &mdev_pci_blocks_suite,
		  &mdev_pci_dma_suite, &mdev_pci_engine_suite,
		  &mdev_pci_examples_suite,
		  &mdev_pci_irq_suite, &mdev_pci_memory_suite,
		  &mdev_pci_migration_suite, &mdev_pci_msix_suite,
		  &mdev_pci_parts_suite, &mdev_pci_pause_suite,
#ifdef CONFIG_PCI
		  &mdev_pci_recovery_suite,
#endif
		  &mdev_pci_regions_suite);

MODULE_IMPORT_NS(MDEV_KUNIT_NAMESPACE);
MODULE_IMPORT_NS(MDEV_BUS_NAMESPACE);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of PCI functions for mediated devices");
