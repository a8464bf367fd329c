// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped regions of a mediated device: what may be mapped, and page faults.
 *
 * A mapping is empty until it is touched. Then the vendor says what backs the
 * page and how much around it is contiguous; all of that is inserted, by one
 * huge entry of the page tables where addresses allow it. mdev_mapping.c tells
 * how faults and invalidations keep out of each other's way.
 */

#include <linux/align.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <trace/events/mdev.h>

#include "compat.h"
#include "vfio_mdev.h"

/**
 * struct vfio_mdev_backing - the vendor's answer to a page fault
 * @pfn: what backs the page at the position that was asked for
 * @size: of the naturally aligned block around it that is contiguous, in bytes
 * @prot: how it may be used
 */
struct vfio_mdev_backing {
	unsigned long pfn;
	unsigned long size;
	pgprot_t prot;
};

static const struct vfio_region_info_cap_sparse_mmap *
vfio_mdev_find_sparse_cap(const struct vfio_info_cap *caps)
{
	const struct vfio_info_cap_header *header = caps->buf;

	while (caps->size && header->id != VFIO_REGION_INFO_CAP_SPARSE_MMAP) {
		if (!header->next)
			return NULL;
		header = (void *)caps->buf + header->next;
	}
	return (const void *)header;
}

/* Note which parts of a region, which the vendor marked mappable, are. */
int vfio_mdev_areas_init(struct vfio_mdev_region *region,
			 const struct vfio_region_info *info,
			 const struct vfio_info_cap *caps)
{
	const struct vfio_region_info_cap_sparse_mmap *sparse =
		vfio_mdev_find_sparse_cap(caps);
	const struct vfio_region_sparse_mmap_area whole = {
		.size = info->size,
	};
	u64 end;
	u32 i;

	if (sparse && (void *)&sparse->areas[sparse->nr_areas] >
		      (void *)caps->buf + caps->size)
		return -EINVAL;
	region->nr_areas = sparse ? sparse->nr_areas : 1;
	region->areas = kmemdup(sparse ? sparse->areas : &whole,
				array_size(region->nr_areas, sizeof(whole)),
				GFP_KERNEL);
	if (!region->areas)
		return -ENOMEM;

	for (i = 0; i < region->nr_areas; i++) {
		const struct vfio_region_sparse_mmap_area *area =
			&region->areas[i];

		if (!PAGE_ALIGNED(area->offset) || !PAGE_ALIGNED(area->size) ||
		    check_add_overflow(area->offset, area->size, &end) ||
		    end > info->size)
			return -EINVAL;
	}
	return 0;
}

/* The largest naturally aligned block around the fault that is mapped whole */
static unsigned long vfio_mdev_largest_block(const struct vm_fault *vmf,
					     unsigned long limit)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long end = vma->vm_pgoff + vma_pages(vma);
	unsigned long pages, start;

	for (pages = limit >> PAGE_SHIFT; pages > 1; pages /= 2) {
		start = ALIGN_DOWN(vmf->pgoff, pages);
		if (start >= vma->vm_pgoff && start + pages <= end)
			break;
	}
	return pages << PAGE_SHIFT;
}

/* Whether one entry of @size bytes could map the block around the fault. */
static bool vfio_mdev_can_be_huge(const struct vm_fault *vmf,
				  unsigned long size)
{
	return vfio_mdev_largest_block(vmf, size) == size &&
	       IS_ALIGNED((vmf->address >> PAGE_SHIFT) - vmf->pgoff,
			  size >> PAGE_SHIFT);
}

/**
 * struct vfio_mdev_entry - what a huge fault finds in the page tables
 * @none: nothing
 * @leaf: a huge entry; neither this nor @none: a table of smaller ones
 * @writable: it can be written
 */
struct vfio_mdev_entry {
	bool none;
	bool leaf;
	bool writable;
};

static struct vfio_mdev_entry vfio_mdev_read_entry(const struct vm_fault *vmf,
						   unsigned int order)
{
	struct vfio_mdev_entry entry;

	if (order <= PMD_ORDER) {
		pmd_t pmd = pmdp_get_lockless(vmf->pmd);

		entry.none = pmd_none(pmd);
		entry.leaf = !entry.none && pmd_leaf(pmd);
		entry.writable = entry.leaf && pmd_write(pmd);
	} else {
		pud_t pud = READ_ONCE(*vmf->pud);

		entry.none = pud_none(pud);
		entry.leaf = !entry.none && pud_leaf(pud);
		entry.writable = entry.leaf && pud_write(pud);
	}
	return entry;
}

static bool vfio_mdev_prot_writable(pgprot_t prot)
{
	return pte_write(pfn_pte(0, prot));
}

/* Huge entries get the caching that the mapping has. */
static bool vfio_mdev_prot_can_be_huge(const struct vm_area_struct *vma,
				       pgprot_t prot)
{
	unsigned long flags = vma->vm_flags;

	if (!vfio_mdev_prot_writable(prot))
		flags &= ~VM_WRITE;
	return pgprot_val(prot) == pgprot_val(vm_get_page_prot(flags));
}

static bool vfio_mdev_backing_valid(const struct vm_fault *vmf,
				    const struct vfio_mdev_backing *backing,
				    unsigned long limit)
{
	return is_power_of_2(backing->size) && backing->size >= PAGE_SIZE &&
	       backing->size <= limit &&
	       (vmf->vma->vm_flags & VM_WRITE ||
		!vfio_mdev_prot_writable(backing->prot));
}

static int vfio_mdev_ask_vendor(struct vfio_mdev *vmdev,
				const struct vm_fault *vmf, unsigned long limit,
				struct vfio_mdev_backing *backing)
{
	loff_t pos = (loff_t)vmf->pgoff << PAGE_SHIFT;
	int ret;

	backing->pfn = 0;
	backing->size = limit;
	backing->prot = vm_get_page_prot(vmf->vma->vm_flags);
	ret = vmdev->ops->validate_map_request(vmdev->mdev, pos, &backing->pfn,
					       &backing->size, &backing->prot);
	if (ret)
		return ret;
	if (!vfio_mdev_backing_valid(vmf, backing, limit)) {
		dev_warn_ratelimited(mdev_dev(vmdev->mdev),
				     "vendor backs %#llx by %#lx of %#lx bytes, protection %#llx\n",
				     pos, backing->size, limit,
				     (u64)pgprot_val(backing->prot));
		return -EINVAL;
	}
	if (vmf->flags & FAULT_FLAG_WRITE &&
	    !vfio_mdev_prot_writable(backing->prot))
		return -EACCES;
	return 0;
}

/*
 * Two faults that were answered differently may come here at once, if the
 * vendor has changed its mind and not invalidated yet. mm leaves it to us that
 * they don't insert a huge entry and a small one, or two huge ones, in one
 * place. Only where one is of 1 GiB can mm come before us, with a table for the
 * smaller ones: then it warns once, and keeps the table.
 */
static vm_fault_t vfio_mdev_insert_huge(struct vfio_mdev *vmdev,
					struct vm_fault *vmf,
					unsigned int order,
					const struct vfio_mdev_backing *backing)
{
	unsigned long offset = vmf->pgoff & ((1UL << order) - 1);
	unsigned long pfn = backing->pfn - offset;
	bool write = vfio_mdev_prot_writable(backing->prot);
	struct vfio_mdev_entry entry;
	vm_fault_t ret;

	down_write(&vmdev->huge_lock);
	entry = vfio_mdev_read_entry(vmf, order);
	if (!entry.none) {
		ret = entry.leaf ? VM_FAULT_NOPAGE : VM_FAULT_FALLBACK;
	} else if (order == PMD_ORDER) {
		ret = vmf_insert_pfn_pmd(vmf, pfn, write);
	} else {
		mdev_map_set_granule(vmdev->mdev, PUD_SIZE);
		ret = vmf_insert_pfn_pud(vmf, pfn, write);
	}
	up_write(&vmdev->huge_lock);
	return ret;
}

/* The touched page first: whether it is there is what counts. */
static vm_fault_t vfio_mdev_insert_block(struct vm_fault *vmf,
					 const struct vfio_mdev_backing *backing)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long pages = backing->size >> PAGE_SHIFT;
	unsigned long offset = vmf->pgoff & (pages - 1);
	unsigned long addr = vmf->address & PAGE_MASK;
	unsigned long i;
	vm_fault_t ret;

	ret = vmf_insert_pfn_prot(vma, addr, backing->pfn, backing->prot);
	addr -= offset << PAGE_SHIFT;
	for (i = 0; i < pages && ret == VM_FAULT_NOPAGE; i++) {
		if (i != offset &&
		    vmf_insert_pfn_prot(vma, addr + (i << PAGE_SHIFT),
					backing->pfn - offset + i,
					backing->prot) != VM_FAULT_NOPAGE)
			break;
	}
	return ret;
}

static vm_fault_t vfio_mdev_insert_small(struct vfio_mdev *vmdev,
					 struct vm_fault *vmf,
					 const struct vfio_mdev_backing *backing)
{
	vm_fault_t ret = VM_FAULT_NOPAGE;

	down_read(&vmdev->huge_lock);
	if (!vfio_mdev_read_entry(vmf, PMD_ORDER).leaf)
		ret = vfio_mdev_insert_block(vmf, backing);
	up_read(&vmdev->huge_lock);
	return ret;
}

static vm_fault_t vfio_mdev_insert(struct vfio_mdev *vmdev,
				   struct vm_fault *vmf, unsigned int order,
				   const struct vfio_mdev_backing *backing)
{
	unsigned long pages = backing->size >> PAGE_SHIFT;

	if (order && pages == 1UL << order &&
	    IS_ALIGNED(backing->pfn - vmf->pgoff, pages) &&
	    vfio_mdev_prot_can_be_huge(vmf->vma, backing->prot))
		return vfio_mdev_insert_huge(vmdev, vmf, order, backing);
	/* There are smaller ones to try, or the tables for them are missing */
	if (order > PMD_ORDER)
		return VM_FAULT_FALLBACK;
	return vfio_mdev_insert_small(vmdev, vmf, backing);
}

/*
 * Whether the kernel reads or writes the page, for a user or for a device. KVM
 * does not, when it has the page mapped for a guest, and has neither flag.
 */
static bool vfio_mdev_is_kernels(const struct vm_fault *vmf)
{
	if (current->flags & PF_KTHREAD)
		return true;
	return !(vmf->flags & FAULT_FLAG_USER) &&
	       vmf->flags & (FAULT_FLAG_REMOTE | FAULT_FLAG_INTERRUPTIBLE);
}

/* The device is being reset. Its vendor may need the locks that we have. */
static vm_fault_t vfio_mdev_wait_for_reset(struct vfio_mdev *vmdev,
					   struct vm_fault *vmf)
{
	struct file *file;

	/*
	 * The reset may wait for what this thread does, or for a lock of VFIO's
	 * that it has: if a device's DMA is to this page, for example
	 */
	if (vfio_mdev_is_kernels(vmf))
		return VM_FAULT_SIGBUS;
	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY) ||
	    vmf->flags & (FAULT_FLAG_RETRY_NOWAIT | FAULT_FLAG_MKWRITE))
		return VM_FAULT_NOPAGE;

	/* Keeps the device while the mapping may go */
	file = get_file(vmf->vma->vm_file);
	release_fault_lock(vmf);
	mdev_map_wait(vmdev->mdev);
	fput(file);
	return VM_FAULT_RETRY;
}

/* Ask the vendor, and insert what it says unless that was invalidated. */
static vm_fault_t vfio_mdev_ask_and_insert(struct vm_fault *vmf,
					   unsigned int order,
					   unsigned long limit)
{
	struct vfio_mdev *vmdev = vmf->vma->vm_private_data;
	struct vfio_mdev_backing backing;
	unsigned long seq;
	vm_fault_t ret;
	int error;

	do {
		/* The kernel would touch it again, and not look for signals */
		if (fatal_signal_pending(current))
			return vmf->flags & FAULT_FLAG_USER ? VM_FAULT_NOPAGE :
							      VM_FAULT_SIGBUS;
		if (!mdev_map_begin(vmdev->mdev, &seq))
			return vfio_mdev_wait_for_reset(vmdev, vmf);
		if (!mdev_is_online(vmdev->mdev))
			return VM_FAULT_SIGBUS;
		error = vfio_mdev_ask_vendor(vmdev, vmf, limit, &backing);
		trace_mdev_fault(vmdev->mdev, vmf->pgoff, order, backing.pfn,
				 backing.size, error);
		if (error)
			return VM_FAULT_SIGBUS;
	} while (!mdev_map_lock(vmdev->mdev, seq));

	ret = vfio_mdev_insert(vmdev, vmf, order, &backing);
	mdev_map_unlock(vmdev->mdev);
	return ret;
}

static vm_fault_t __maybe_unused vfio_mdev_huge_fault(struct vm_fault *vmf,
						      unsigned int order)
{
	unsigned long size = PAGE_SIZE << order;
	struct vfio_mdev_entry entry;

	if (order > PMD_ORDER && !IS_ENABLED(CONFIG_ARCH_SUPPORTS_PUD_PFNMAP))
		return VM_FAULT_FALLBACK;
	if (!vfio_mdev_can_be_huge(vmf, size))
		return VM_FAULT_FALLBACK;

	entry = vfio_mdev_read_entry(vmf, order);
	if (!entry.none && !entry.leaf)
		return VM_FAULT_FALLBACK;
	if (entry.leaf && (entry.writable || !(vmf->flags & FAULT_FLAG_WRITE)))
		return VM_FAULT_NOPAGE;
	/* Read-only, maybe by the vendor's will: it has to be asked again */
	if (entry.leaf)
		zap_special_vma_range(vmf->vma,
				      ALIGN_DOWN(vmf->address, size), size);
	return vfio_mdev_ask_and_insert(vmf, order, size);
}

static vm_fault_t vfio_mdev_fault(struct vm_fault *vmf)
{
	return vfio_mdev_ask_and_insert(vmf, 0,
					vfio_mdev_largest_block(vmf, PMD_SIZE));
}

/* A write to a small entry that is read-only */
static vm_fault_t vfio_mdev_pfn_mkwrite(struct vm_fault *vmf)
{
	zap_special_vma_range(vmf->vma, vmf->address & PAGE_MASK, PAGE_SIZE);
	return vfio_mdev_fault(vmf);
}

/*
 * Entries of 1 GiB are not for mm to split or to move: it would take them for
 * tables of smaller ones. They go before it comes to that, and are faulted in
 * again afterwards.
 */
static int vfio_mdev_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	/* Lets no fault bring it back before the mapping is split */
	vma_start_write(vma);
	zap_special_vma_range(vma, ALIGN_DOWN(addr, PUD_SIZE), PUD_SIZE);
	return 0;
}

/*
 * mremap() is about to move entries into this mapping, or it has been split.
 * Zap all entries that it can cut, those of other processes among them.
 */
static void vfio_mdev_vm_open(struct vm_area_struct *vma)
{
	pgoff_t granule = PUD_SIZE >> PAGE_SHIFT;
	pgoff_t first = ALIGN_DOWN(vma->vm_pgoff, granule);
	pgoff_t end = ALIGN(vma->vm_pgoff + vma_pages(vma), granule);

	if (vma_pages(vma) < granule)
		return;
	/* Page numbers: positions don't fit the pgoff_t of a 32-bit kernel */
	unmap_mapping_pages(vma->vm_file->f_mapping, first, end - first, true);
}

static const struct vm_operations_struct vfio_mdev_vm_ops = {
	.open = vfio_mdev_vm_open,
	.may_split = vfio_mdev_may_split,
	.fault = vfio_mdev_fault,
#ifdef CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP
	.huge_fault = vfio_mdev_huge_fault,
#endif
	.pfn_mkwrite = vfio_mdev_pfn_mkwrite,
};

static bool vfio_mdev_in_area(const struct vfio_mdev_region *region, u64 offset,
			      u64 size)
{
	u32 i;

	for (i = 0; i < region->nr_areas; i++) {
		const struct vfio_region_sparse_mmap_area *area =
			&region->areas[i];

		if (offset >= area->offset && size <= area->size &&
		    offset - area->offset <= area->size - size)
			return true;
	}
	return false;
}

static int vfio_mdev_check_mmap(struct vfio_mdev *vmdev,
				const struct vm_area_struct *vma,
				const struct vfio_mdev_region **region)
{
	u64 pos = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u32 index = mdev_region_index(pos);

	if (index >= vmdev->info.num_regions)
		return -EINVAL;
	index = array_index_nospec(index, vmdev->info.num_regions);
	*region = &vmdev->regions[index];

	/* Of a private mapping the vendor could not take pages away */
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (!vfio_mdev_in_area(*region, mdev_region_offset(pos),
			       vma->vm_end - vma->vm_start))
		return -EINVAL;
	if (vma->vm_flags & (VM_READ | VM_EXEC) &&
	    !((*region)->flags & VFIO_REGION_INFO_FLAG_READ))
		return -EACCES;
	if (vma->vm_flags & VM_WRITE &&
	    !((*region)->flags & VFIO_REGION_INFO_FLAG_WRITE))
		return -EACCES;
	return 0;
}

int vfio_mdev_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	const struct vfio_mdev_region *region;
	int ret;

	if (vmdev->ops->mmap)
		return vmdev->ops->mmap(vmdev->mdev, vma);
	ret = vfio_mdev_check_mmap(vmdev, vma, &region);
	if (ret)
		return ret;

	/* Nor may mprotect() add what was refused here */
	if (!(region->flags & VFIO_REGION_INFO_FLAG_READ))
		vm_flags_clear(vma, VM_MAYREAD | VM_MAYEXEC);
	if (!(region->flags & VFIO_REGION_INFO_FLAG_WRITE))
		vm_flags_clear(vma, VM_MAYWRITE);
	/*
	 * Not copied by fork(), which would bring a huge entry back that was
	 * zapped while it looked. Huge also where that has to be asked for.
	 */
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTCOPY |
			  VM_DONTDUMP | VM_HUGEPAGE);
	vma->vm_ops = &vfio_mdev_vm_ops;
	vma->vm_private_data = vmdev;
	return 0;
}
