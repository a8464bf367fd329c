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

/*
 * What a huge fault finds when it is not the first: 0 if nothing is there, or
 * what to answer. An entry that can't be written was inserted for a vendor who
 * said so.
 */
static vm_fault_t vfio_mdev_check_present(const struct vm_fault *vmf,
					  unsigned int order)
{
	bool none, leaf, writable;

	if (order == PMD_ORDER) {
		pmd_t pmd = READ_ONCE(*vmf->pmd);

		none = pmd_none(pmd);
		leaf = !none && pmd_leaf(pmd);
		writable = leaf && pmd_write(pmd);
	} else {
		pud_t pud = READ_ONCE(*vmf->pud);

		none = pud_none(pud);
		leaf = !none && pud_leaf(pud);
		writable = leaf && pud_write(pud);
	}

	if (none)
		return 0;
	if (!leaf)
		return VM_FAULT_FALLBACK;
	if (vmf->flags & FAULT_FLAG_WRITE && !writable)
		return VM_FAULT_SIGBUS;
	return VM_FAULT_NOPAGE;
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

static int vfio_mdev_ask_vendor(struct vfio_mdev *vmdev,
				const struct vm_fault *vmf,
				struct vfio_mdev_backing *backing)
{
	const unsigned long limit = backing->size;
	loff_t pos = (loff_t)vmf->pgoff << PAGE_SHIFT;
	int ret;

	ret = vmdev->ops->validate_map_request(vmdev->mdev, pos, &backing->pfn,
					       &backing->size, &backing->prot);
	if (ret)
		return ret;
	if (!is_power_of_2(backing->size) || backing->size < PAGE_SIZE ||
	    backing->size > limit) {
		dev_warn_ratelimited(mdev_dev(vmdev->mdev),
				     "vendor backs %#llx by %#lx of %#lx bytes\n",
				     pos, backing->size, limit);
		return -EINVAL;
	}
	if (vmf->flags & FAULT_FLAG_WRITE &&
	    !vfio_mdev_prot_writable(backing->prot))
		return -EACCES;
	return 0;
}

static vm_fault_t vfio_mdev_insert_huge(struct vfio_mdev *vmdev,
					struct vm_fault *vmf,
					unsigned int order,
					const struct vfio_mdev_backing *backing)
{
	unsigned long offset = vmf->pgoff & ((1UL << order) - 1);
	unsigned long pfn = backing->pfn - offset;
	bool write = vfio_mdev_prot_writable(backing->prot);
	vm_fault_t ret;

	/* Of two that were answered differently only one inserts. */
	mutex_lock(&vmdev->huge_lock);
	ret = vfio_mdev_check_present(vmf, order);
	if (!ret)
		ret = order == PMD_ORDER ?
			vmf_insert_pfn_pmd(vmf, pfn, write) :
			vmf_insert_pfn_pud(vmf, pfn, write);
	mutex_unlock(&vmdev->huge_lock);
	return ret;
}

/* The touched page first: whether it is there is what counts. */
static vm_fault_t vfio_mdev_insert_small(struct vm_fault *vmf,
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

static vm_fault_t vfio_mdev_insert(struct vfio_mdev *vmdev,
				   struct vm_fault *vmf, unsigned int order,
				   const struct vfio_mdev_backing *backing)
{
	unsigned long pages = backing->size >> PAGE_SHIFT;

	if (order && pages == 1UL << order &&
	    IS_ALIGNED(backing->pfn - vmf->pgoff, pages) &&
	    vfio_mdev_prot_can_be_huge(vmf->vma, backing->prot))
		return vfio_mdev_insert_huge(vmdev, vmf, order, backing);
	/* There are smaller ones to try */
	if (backing->size >= PMD_SIZE && order > PMD_ORDER)
		return VM_FAULT_FALLBACK;
	return vfio_mdev_insert_small(vmf, backing);
}

/* The device is being reset. Its vendor may need the locks that we have. */
static vm_fault_t vfio_mdev_wait_for_reset(struct vfio_mdev *vmdev,
					   struct vm_fault *vmf)
{
	struct file *file;

	if (!fault_flag_allow_retry_first(vmf->flags) ||
	    vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_NOPAGE;

	/* Keeps the device while the mapping may go */
	file = get_file(vmf->vma->vm_file);
	release_fault_lock(vmf);
	mdev_map_wait(vmdev->mdev);
	fput(file);
	return VM_FAULT_RETRY;
}

static vm_fault_t vfio_mdev_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vfio_mdev *vmdev = vmf->vma->vm_private_data;
	unsigned long limit = order ? PAGE_SIZE << order : PMD_SIZE;
	struct vfio_mdev_backing backing = {
		.size = vfio_mdev_largest_block(vmf, limit),
		.prot = vm_get_page_prot(vmf->vma->vm_flags),
	};
	unsigned long seq;
	vm_fault_t ret;
	int error;

	if (order) {
		if (!vfio_mdev_can_be_huge(vmf, limit))
			return VM_FAULT_FALLBACK;
		ret = vfio_mdev_check_present(vmf, order);
		if (ret)
			return ret;
	}
	if (!mdev_map_begin(vmdev->mdev, &seq))
		return vfio_mdev_wait_for_reset(vmdev, vmf);
	if (!mdev_is_online(vmdev->mdev))
		return VM_FAULT_SIGBUS;
	error = vfio_mdev_ask_vendor(vmdev, vmf, &backing);
	trace_mdev_fault(vmdev->mdev, vmf->pgoff, order, backing.pfn,
			 backing.size, error);
	if (error)
		return VM_FAULT_SIGBUS;

	/* Invalidated meanwhile: the same touch faults again */
	if (!mdev_map_lock(vmdev->mdev, seq))
		return VM_FAULT_NOPAGE;
	ret = vfio_mdev_insert(vmdev, vmf, order, &backing);
	mdev_map_unlock(vmdev->mdev);
	return ret;
}

static vm_fault_t vfio_mdev_fault(struct vm_fault *vmf)
{
	return vfio_mdev_huge_fault(vmf, 0);
}

/* A write to a page that the vendor made read-only */
static vm_fault_t vfio_mdev_pfn_mkwrite(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct vfio_mdev_vm_ops = {
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
	if (vma->vm_flags & VM_READ &&
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
		vm_flags_clear(vma, VM_MAYREAD);
	if (!(region->flags & VFIO_REGION_INFO_FLAG_WRITE))
		vm_flags_clear(vma, VM_MAYWRITE);
	/* Huge pages unless the administrator says never */
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP |
			  VM_HUGEPAGE);
	vma->vm_ops = &vfio_mdev_vm_ops;
	vma->vm_private_data = vmdev;
	return 0;
}
