// SPDX-License-Identifier: GPL-2.0-only
/*
 * What follows from the description of a PCI function without a device: sizes and
 * places of its parts. check.c refuses invalid descriptions, config.c makes the
 * registers.
 */

#include <linux/align.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/vfio.h>

#include "private.h"

/* PCI 3.0, 6.2.5.2: the least size of an expansion ROM's BAR */
#define MDEV_PCI_ROM_MIN	0x800

/* Size of the expansion ROM's BAR, 0 if there is none */
u32 mdev_pci_rom_bar_size(const struct mdev_pci_function *function)
{
	if (!function->rom_size)
		return 0;
	return max(roundup_pow_of_two(function->rom_size), MDEV_PCI_ROM_MIN);
}

unsigned int mdev_pci_nr_vectors(const struct mdev_pci_function *function)
{
	return max3((u16)function->msix.vectors, (u16)function->msi.vectors,
		    (u16)!!function->interrupt_pin);
}

/* Size of the MSI-X table (PCI 3.0, 6.8.2) */
unsigned int mdev_pci_msix_dwords(const struct mdev_pci_function *function)
{
	return function->msix.vectors * PCI_MSIX_ENTRY_SIZE / sizeof(u32);
}

struct mdev_pci_range
mdev_pci_msix_table(const struct mdev_pci_function *function)
{
	u64 size = (u64)function->msix.vectors * PCI_MSIX_ENTRY_SIZE;

	return (struct mdev_pci_range) {
		.start = function->msix.table_offset,
		.end = function->msix.table_offset + size,
	};
}

/* PCI 3.0, 6.8.2.10: pending bits come in units of 64. */
struct mdev_pci_range
mdev_pci_msix_pba(const struct mdev_pci_function *function)
{
	u64 size = ALIGN(function->msix.vectors, BITS_PER_TYPE(u64)) /
		   BITS_PER_BYTE;

	return (struct mdev_pci_range) {
		.start = function->msix.pba_offset,
		.end = function->msix.pba_offset + size,
	};
}

/*
 * The description of a region by VFIO's index, which userspace can choose. NULL if
 * there is none, and for config space and the expansion ROM, which are not the
 * driver's.
 */
const struct mdev_pci_region *
mdev_pci_region_at(const struct mdev_pci_function *function, unsigned int index)
{
	unsigned int extra = index - VFIO_PCI_NUM_REGIONS;
	const struct mdev_pci_region *region = NULL;

	if (index < PCI_STD_NUM_BARS) {
		index = array_index_nospec(index, PCI_STD_NUM_BARS);
		region = &function->bar[index];
	} else if (index == VFIO_PCI_VGA_REGION_INDEX) {
		region = &function->vga;
	} else if (extra < function->nr_regions) {
		extra = array_index_nospec(extra, function->nr_regions);
		region = &function->regions[extra];
	}
	return region && region->size ? region : NULL;
}
