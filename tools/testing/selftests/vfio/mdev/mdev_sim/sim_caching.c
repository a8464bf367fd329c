// SPDX-License-Identifier: GPL-2.0-only
/*
 * How BAR4 is cached: a physical BAR that backs it, the memory type of that BAR, and
 * what the page table of a task has. sim_memory.c handles page faults.
 */

#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/sched.h>

#include "mdev_sim.h"

/* QEMU's test device, with its property membar */
#define SIM_TESTDEV		0x0005
#define SIM_TESTDEV_BAR		2

u32 sim_caching;
u64 sim_bar;
static struct pci_dev *sim_testdev;

static const u32 sim_flags[MDEV_SIM_NR_CACHING] = {
	[MDEV_SIM_UNCACHED] = MDEV_REGION_UNCACHED,
	[MDEV_SIM_WC] = MDEV_REGION_WC,
	[MDEV_SIM_WC_UNRESERVED] = MDEV_REGION_WC,
	[MDEV_SIM_CACHING_INVALID] = MDEV_REGION_UNCACHED | MDEV_REGION_WC,
};

u32 sim_caching_flags(void)
{
	u32 caching = READ_ONCE(sim_caching);

	return caching < ARRAY_SIZE(sim_flags) ? sim_flags[caching] : 0;
}

/* Without such a device, sim_bar is 0. */
int sim_bar_init(void)
{
	struct pci_dev *pdev = pci_get_device(PCI_VENDOR_ID_REDHAT, SIM_TESTDEV,
					      NULL);
	int ret;

	if (!pdev || pci_resource_len(pdev, SIM_TESTDEV_BAR) < SZ_1G) {
		pci_dev_put(pdev);
		return 0;
	}
	ret = pci_enable_device_mem(pdev);
	if (ret)
		goto out_put;
	ret = pci_request_region(pdev, SIM_TESTDEV_BAR, "mdev_sim");
	if (ret)
		goto out_disable;
	sim_testdev = pdev;
	sim_bar = pci_resource_start(pdev, SIM_TESTDEV_BAR);
	return 0;

out_disable:
	pci_disable_device(pdev);
out_put:
	pci_dev_put(pdev);
	return ret;
}

void sim_bar_exit(void)
{
	if (!sim_testdev)
		return;
	pci_release_region(sim_testdev, SIM_TESTDEV_BAR);
	pci_disable_device(sim_testdev);
	pci_dev_put(sim_testdev);
}

int sim_bar_open(struct sim_device *sim)
{
	int ret;

	if (READ_ONCE(sim_caching) != MDEV_SIM_WC)
		return 0;
	ret = arch_io_reserve_memtype_wc(sim_bar, SZ_1G);
	sim->wc = !ret;
	return ret;
}

void sim_bar_release(struct sim_device *sim)
{
	if (sim->wc)
		arch_io_free_memtype_wc(sim_bar, SZ_1G);
	sim->wc = false;
}

/* Compares the bits in which write-back, uncached and write-combining differ. */
static int sim_pgprot_caching(pgprot_t prot, u64 *caching)
{
	pgprot_t wb = vm_get_page_prot(VM_READ | VM_SHARED);
	const pgprot_t prots[] = {
		[MDEV_SIM_WRITE_BACK] = wb,
		[MDEV_SIM_UNCACHED] = pgprot_noncached(wb),
		[MDEV_SIM_WC] = pgprot_writecombine(wb),
	};
	u64 mask = 0;
	u64 i;

	for (i = 0; i < ARRAY_SIZE(prots); i++)
		mask |= pgprot_val(prots[i]) ^ pgprot_val(wb);
	for (i = 0; i < ARRAY_SIZE(prots); i++) {
		if ((pgprot_val(prot) ^ pgprot_val(prots[i])) & mask)
			continue;
		*caching = i;
		return 0;
	}
	return -ERANGE;
}

int sim_get_caching(unsigned long address, u64 *caching)
{
	struct follow_pfnmap_args args = { .address = address };
	struct mm_struct *mm = current->mm;
	int ret = -EFAULT;

	mmap_read_lock(mm);
	args.vma = vma_lookup(mm, address);
	if (args.vma && !follow_pfnmap_start(&args)) {
		ret = sim_pgprot_caching(args.pgprot, caching);
		follow_pfnmap_end(&args);
	}
	mmap_read_unlock(mm);
	return ret;
}
