// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped regions of a mediated device: checks of mmap(), and page faults.
 *
 * A new mapping is empty. A page fault calls ->validate_map_request(), which
 * returns the page frame and how much around it is contiguous; all of that is
 * inserted, as one huge page table entry where alignment allows it. Caching is that
 * of the region. Read mdev_mapping.c next, for races of faults with invalidations.
 */

#include <linux/align.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ioport.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <trace/events/mdev.h>

#include "../compat.h"
#include "private.h"

/**
 * struct vfio_mdev_backing - what &parent_ops.validate_map_request returns
 * @pfn: page frame of the faulting page
 * @size: of the naturally aligned block around it that is contiguous, in bytes
 * @writable: the page may be written
 */
struct vfio_mdev_backing {
	unsigned long pfn;
	unsigned long size;
	bool writable;
};

/* Flags of a region that is physical memory of a device */
#define VFIO_MDEV_PHYSICAL	(MDEV_REGION_UNCACHED | MDEV_REGION_WC)

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

/* Copy and check the areas of a region with VFIO_REGION_INFO_FLAG_MMAP. */
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

/* The largest naturally aligned block around the fault that fits in the VMA */
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

/* The flags of the region that is mapped, MDEV_REGION_* among them */
static u32 vfio_mdev_vma_flags(const struct vm_area_struct *vma)
{
	const struct vfio_mdev *vmdev = vma->vm_private_data;

	return vmdev->regions[mdev_region_index((u64)vma->vm_pgoff <<
						PAGE_SHIFT)].flags;
}

static pgprot_t vfio_mdev_set_caching(pgprot_t prot, u32 flags)
{
	if (!(flags & VFIO_MDEV_PHYSICAL))
		return prot;
	prot = flags & MDEV_REGION_WC ? pgprot_writecombine(prot) :
					pgprot_noncached(prot);
	return pgprot_decrypted(prot);
}

/*
 * Not vma->vm_page_prot, which vma_set_page_prot() makes read-only because there is
 * a ->pfn_mkwrite().
 */
static pgprot_t vfio_mdev_small_prot(const struct vm_area_struct *vma,
				     bool writable)
{
	unsigned long flags = vma->vm_flags;

	if (!writable)
		flags &= ~VM_WRITE;
	return vfio_mdev_set_caching(vm_get_page_prot(flags),
				     vfio_mdev_vma_flags(vma));
}

/* Huge entries get vma->vm_page_prot; arm64's mprotect() encrypts it again. */
static bool vfio_mdev_prot_can_be_huge(const struct vm_area_struct *vma)
{
	pgprot_t prot = vfio_mdev_set_caching(vma->vm_page_prot,
					      vfio_mdev_vma_flags(vma));

	return pgprot_val(prot) == pgprot_val(vma->vm_page_prot);
}

/*
 * RAM must not be mapped decrypted, nor with another caching than in the kernel's
 * linear mapping.
 */
static bool vfio_mdev_backing_is_ram(const struct vm_fault *vmf,
				     const struct vfio_mdev_backing *backing)
{
	unsigned long offset = vmf->pgoff & ((backing->size >> PAGE_SHIFT) - 1);

	return region_intersects(PFN_PHYS(backing->pfn - offset), backing->size,
				 IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) !=
	       REGION_DISJOINT;
}

static int vfio_mdev_check_backing(const struct vm_fault *vmf,
				   const struct vfio_mdev_backing *backing,
				   unsigned long limit)
{
	const struct vfio_mdev *vmdev = vmf->vma->vm_private_data;
	u64 pos = (u64)vmf->pgoff << PAGE_SHIFT;

	if (!is_power_of_2(backing->size) || backing->size < PAGE_SIZE ||
	    backing->size > limit) {
		dev_warn_ratelimited(mdev_dev(vmdev->mdev),
				     "validate_map_request() at %#llx: invalid size %#lx (max %#lx)\n",
				     pos, backing->size, limit);
		return -EINVAL;
	}
	if (vfio_mdev_vma_flags(vmf->vma) & VFIO_MDEV_PHYSICAL &&
	    vfio_mdev_backing_is_ram(vmf, backing)) {
		dev_warn_ratelimited(mdev_dev(vmdev->mdev),
				     "validate_map_request() at %#llx: pfn %#lx (%#lx bytes) is RAM, in a region that is not write-back\n",
				     pos, backing->pfn, backing->size);
		return -EINVAL;
	}
	return vmf->flags & FAULT_FLAG_WRITE && !backing->writable ? -EACCES :
								    0;
}

static int vfio_mdev_get_backing(struct vfio_mdev *vmdev,
				 const struct vm_fault *vmf,
				 unsigned long limit,
				 struct vfio_mdev_backing *backing)
{
	loff_t pos = (loff_t)vmf->pgoff << PAGE_SHIFT;
	bool writable = vmf->vma->vm_flags & VM_WRITE;
	u32 flags = 0;
	int ret;

	if (writable)
		flags |= MDEV_MAP_WRITABLE;
	if (vmf->flags & FAULT_FLAG_WRITE)
		flags |= MDEV_MAP_WRITE;
	backing->pfn = 0;
	backing->size = limit;
	ret = vmdev->ops->validate_map_request(vmdev->mdev, pos, &backing->pfn,
					       &backing->size, &flags);
	backing->writable = writable && flags & MDEV_MAP_WRITABLE;
	return ret ?: vfio_mdev_check_backing(vmf, backing, limit);
}

/*
 * Two concurrent faults can get different blocks, if the driver changes what
 * ->validate_map_request() returns and has not invalidated yet. huge_lock keeps
 * them from inserting a huge entry and a small one, or two huge ones, in the
 * same place, which mm does not. For 1 GiB only, mm can insert a table for
 * smaller entries after the check here: then vmf_insert_pfn_pud() can WARN.
 */
static vm_fault_t vfio_mdev_insert_huge(struct vfio_mdev *vmdev,
					struct vm_fault *vmf,
					unsigned int order,
					const struct vfio_mdev_backing *backing)
{
	unsigned long offset = vmf->pgoff & ((1UL << order) - 1);
	unsigned long pfn = backing->pfn - offset;
	struct vfio_mdev_entry entry;
	vm_fault_t ret = VM_FAULT_FALLBACK;

	down_write(&vmdev->huge_lock);
	entry = vfio_mdev_read_entry(vmf, order);
	if (entry.leaf) {
		ret = VM_FAULT_NOPAGE;
	} else if (entry.none && order == PMD_ORDER) {
		ret = vmf_insert_pfn_pmd(vmf, pfn, backing->writable);
	} else if (entry.none && IS_ENABLED(CONFIG_ARCH_SUPPORTS_PUD_PFNMAP)) {
		mdev_map_set_granule(vmdev->mdev, PUD_SIZE);
		ret = vmf_insert_pfn_pud(vmf, pfn, backing->writable);
	}
	up_write(&vmdev->huge_lock);
	return ret;
}

/* Insert the faulting page first: only its result is returned. */
static vm_fault_t vfio_mdev_insert_block(struct vm_fault *vmf,
					 const struct vfio_mdev_backing *backing)
{
	struct vm_area_struct *vma = vmf->vma;
	pgprot_t prot = vfio_mdev_small_prot(vma, backing->writable);
	unsigned long pages = backing->size >> PAGE_SHIFT;
	unsigned long offset = vmf->pgoff & (pages - 1);
	unsigned long addr = vmf->address & PAGE_MASK;
	unsigned long i;
	vm_fault_t ret;

	ret = vmf_insert_pfn_prot(vma, addr, backing->pfn, prot);
	addr -= offset << PAGE_SHIFT;
	for (i = 0; i < pages && ret == VM_FAULT_NOPAGE; i++) {
		if (i != offset &&
		    vmf_insert_pfn_prot(vma, addr + (i << PAGE_SHIFT),
					backing->pfn - offset + i,
					prot) != VM_FAULT_NOPAGE)
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
	    vfio_mdev_prot_can_be_huge(vmf->vma))
		return vfio_mdev_insert_huge(vmdev, vmf, order, backing);
	/* mm calls again with PMD_ORDER; vmf->pmd is not set before that */
	if (order > PMD_ORDER)
		return VM_FAULT_FALLBACK;
	return vfio_mdev_insert_small(vmdev, vmf, backing);
}

/*
 * Whether the kernel itself accesses the page, for a system call or for DMA of
 * a device. KVM only maps the page for a guest and sets neither flag.
 */
static bool vfio_mdev_is_kernels(const struct vm_fault *vmf)
{
	if (current->flags & PF_KTHREAD)
		return true;
	return !(vmf->flags & FAULT_FLAG_USER) &&
	       vmf->flags & (FAULT_FLAG_REMOTE | FAULT_FLAG_INTERRUPTIBLE);
}

/*
 * Wait for a reset, or while the parent is paused, without mmap_lock, which ->reset()
 * can need.
 */
static vm_fault_t vfio_mdev_wait_unblocked(struct vfio_mdev *vmdev,
					   struct vm_fault *vmf)
{
	struct file *file;

	if (mdev_is_dead(vmdev->mdev))
		return VM_FAULT_SIGBUS;
	/*
	 * Waiting could deadlock: the reset can wait for this thread, or for a
	 * lock of VFIO that it holds, for example in mdev_dma_rw().
	 */
	if (vfio_mdev_is_kernels(vmf))
		return VM_FAULT_SIGBUS;
	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY) ||
	    vmf->flags & (FAULT_FLAG_RETRY_NOWAIT | FAULT_FLAG_MKWRITE))
		return VM_FAULT_NOPAGE;

	/* Keeps the device open: munmap() can free the VMA concurrently */
	file = get_file(vmf->vma->vm_file);
	release_fault_lock(vmf);
	mdev_map_wait(vmdev->mdev);
	fput(file);
	return VM_FAULT_RETRY;
}

/* Call ->validate_map_request(), and again if an invalidation races with it. */
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
		/* A kernel access would fault again, without a signal check */
		if (fatal_signal_pending(current))
			return vmf->flags & FAULT_FLAG_USER ? VM_FAULT_NOPAGE :
							      VM_FAULT_SIGBUS;
		if (!mdev_map_begin(vmdev->mdev, &seq))
			return vfio_mdev_wait_unblocked(vmdev, vmf);
		if (!mdev_is_online(vmdev->mdev))
			return VM_FAULT_SIGBUS;
		if (!mdev_fault_enter(vmdev->mdev))
			return vfio_mdev_wait_unblocked(vmdev, vmf);
		error = vfio_mdev_get_backing(vmdev, vmf, limit, &backing);
		mdev_fault_exit(vmdev->mdev);
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
	/* A write to a read-only entry: call ->validate_map_request() again */
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
 * mm must not split or move entries of 1 GiB: it would take them for tables of
 * smaller ones. Zap them before it does; they are faulted in again afterwards.
 */
static int vfio_mdev_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	/* Block faults, which could insert the entry again before the split */
	vma_start_write(vma);
	zap_special_vma_range(vma, ALIGN_DOWN(addr, PUD_SIZE), PUD_SIZE);
	return 0;
}

/*
 * Called before mremap() moves entries into this mapping, or after a split.
 * Zap, in all processes, the entries of 1 GiB that overlap this mapping.
 */
static void vfio_mdev_vm_open(struct vm_area_struct *vma)
{
	pgoff_t granule = PUD_SIZE >> PAGE_SHIFT;
	pgoff_t first = ALIGN_DOWN(vma->vm_pgoff, granule);
	pgoff_t end = ALIGN(vma->vm_pgoff + vma_pages(vma), granule);

	if (vma_pages(vma) < granule)
		return;
	/* unmap_mapping_range() would truncate positions on 32-bit kernels */
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

	/* A private mapping can hit BUG_ON() in vmf_insert_pfn_prot() */
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

/*
 * ->mmap() is called with mmap_lock held for writing. Don't wait for the end of a pause:
 * it can wait for a callback that accesses userspace memory, which takes mmap_lock.
 */
static int vfio_mdev_call_mmap(struct vfio_mdev *vmdev,
			       struct vm_area_struct *vma)
{
	int ret;

	if (!mdev_fault_enter(vmdev->mdev))
		return mdev_is_dead(vmdev->mdev) ? -EIO : -EAGAIN;
	ret = vmdev->ops->mmap(vmdev->mdev, vma);
	mdev_fault_exit(vmdev->mdev);
	return ret;
}

int vfio_mdev_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	struct vfio_mdev *vmdev = to_vfio_mdev(vdev);
	const struct vfio_mdev_region *region;
	int ret;

	if (vmdev->ops->mmap)
		return vfio_mdev_call_mmap(vmdev, vma);
	ret = vfio_mdev_check_mmap(vmdev, vma, &region);
	if (ret)
		return ret;

	/* Keep mprotect() from adding access that the region does not allow */
	if (!(region->flags & VFIO_REGION_INFO_FLAG_READ))
		vm_flags_clear(vma, VM_MAYREAD | VM_MAYEXEC);
	if (!(region->flags & VFIO_REGION_INFO_FLAG_WRITE))
		vm_flags_clear(vma, VM_MAYWRITE);
	vma->vm_page_prot = vfio_mdev_set_caching(vma->vm_page_prot,
						  region->flags);
	/* KVM on arm64 may let a guest choose write-combining, as the host has it */
	if (region->flags & MDEV_REGION_WC)
		vm_flags_set(vma, VM_ALLOW_ANY_UNCACHED);
	/*
	 * VM_DONTCOPY: fork() could copy a huge entry that is zapped
	 * concurrently. VM_HUGEPAGE: for transparent_hugepage=madvise.
	 */
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTCOPY |
			  VM_DONTDUMP | VM_HUGEPAGE);
	vma->vm_ops = &vfio_mdev_vm_ops;
	vma->vm_private_data = vmdev;
	return 0;
}
