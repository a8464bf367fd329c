/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside mvga: a display's registers, and the picture that they select. */
#ifndef _MVGA_H
#define _MVGA_H

#include <linux/mdev_pci.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include <linux/vfio.h>

/* VFIO's regions: all of video memory, and the picture from its first pixel */
#define MVGA_MEMORY		VFIO_PCI_BAR0_REGION_INDEX
#define MVGA_PICTURE		VFIO_PCI_NUM_REGIONS

/* Registers of the Bochs VBE extension, "DISPI", that the guest can write */
struct mvga_dispi {
	__le16 xres;
	__le16 yres;
	__le16 bpp;
	__le16 enable;
	__le16 bank;
	__le16 virt_width;
	__le16 virt_height;
	__le16 x_offset;
	__le16 y_offset;
};

/* What it sees in BAR2 */
struct mvga_registers {
	u8 edid[0x500];
	__le16 id;
	struct mvga_dispi dispi;
	__le16 memory_64k;
	__le16 reserved[5];	/* the widest access fits in */
};

/* The part of video memory that is shown */
struct mvga_frame {
	u32 width;	/* in pixels of 32 bits */
	u32 height;	/* in lines */
	u32 stride;	/* in bytes */
	u32 start;	/* in bytes */
	u32 size;	/* in bytes, a multiple of PAGE_SIZE; 0 if nothing is shown */
	u32 id;		/* another one for each change of the above */
};

struct mvga {
	struct mdev_pci pci;
	/* Held while registers change, until all that depends on them has */
	struct mutex lock;
	/* Protected by lock, with the part of video memory that they select */
	struct mvga_registers registers;
	struct mvga_frame frame;
	/* Of a frame that does not begin with a page: as of the last query */
	void *copy;
};

static inline struct mvga *to_mvga(struct mdev_pci *pci)
{
	return container_of(pci, struct mvga, pci);
}

int mvga_update_copy(struct mvga *mvga);
struct page *mvga_picture_page(struct mvga *mvga, u64 offset);
long mvga_ioctl(struct mdev_device *mdev, unsigned int cmd, unsigned long arg);

#endif /* _MVGA_H */
