// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opens of a mediated device by container, by group and by cdev, and ioctls of the device
 * file with valid and invalid arguments.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/serial_reg.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX

/* Nothing is ever mapped there. */
#define BAD_POINTER	((void *)8)

/* An open device */
FIXTURE(device)
{
	struct vfio_user user;
	int fd;
};

FIXTURE_VARIANT(device)
{
	int (*open)(struct vfio_user *user, const char *uuid);
};

FIXTURE_VARIANT_ADD(device, container)
{
	.open = vfio_open_container,
};

FIXTURE_VARIANT_ADD(device, group_of_iommufd)
{
	.open = vfio_open_group,
};

FIXTURE_VARIANT_ADD(device, cdev)
{
	.open = vfio_open_cdev,
};

FIXTURE_SETUP(device)
{
	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	self->fd = self->user.device;
	ASSERT_EQ(0, vfio_pci_enable(self->fd));
}

FIXTURE_TEARDOWN(device)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F(device, get_info)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	ASSERT_EQ(0, vfio_ioctl(self->fd, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_EQ(VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET, info.flags);
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS, info.num_regions);
	EXPECT_EQ(VFIO_PCI_NUM_IRQS, info.num_irqs);
	EXPECT_EQ(sizeof(info), info.argsz);
}

TEST_F(device, get_info_argsz)
{
	size_t size = offsetof(struct vfio_device_info, num_irqs) +
		      sizeof(uint32_t);
	struct {
		struct vfio_device_info info;
		uint32_t beyond;
	} query = { .beyond = ~0U };

	query.info.argsz = size - 1;
	EXPECT_EQ(-EINVAL, vfio_ioctl(self->fd, VFIO_DEVICE_GET_INFO, &query));
	query.info.argsz = 0;
	EXPECT_EQ(-EINVAL, vfio_ioctl(self->fd, VFIO_DEVICE_GET_INFO, &query));
	EXPECT_EQ(0, query.info.num_regions);
	query.info.argsz = size;
	query.info.cap_offset = ~0U;
	EXPECT_EQ(0, vfio_ioctl(self->fd, VFIO_DEVICE_GET_INFO, &query));
	EXPECT_EQ(size, query.info.argsz);
	EXPECT_EQ(~0U, query.info.cap_offset);
	query.info.argsz = UINT32_MAX;
	EXPECT_EQ(0, vfio_ioctl(self->fd, VFIO_DEVICE_GET_INFO, &query));
	EXPECT_EQ(UINT32_MAX, query.info.argsz);
	EXPECT_EQ(0, query.info.cap_offset);
	EXPECT_EQ(~0U, query.beyond);
}

TEST_F(device, region_info)
{
	static const uint64_t sizes[VFIO_PCI_NUM_REGIONS] = {
		[BAR0] = 8,
		[CONFIG] = PCI_CFG_SPACE_SIZE,
	};
	struct vfio_region_info info;
	uint32_t region;

	for (region = 0; region < VFIO_PCI_NUM_REGIONS; region++) {
		ASSERT_EQ(0, vfio_region_info(self->fd, region, &info));
		EXPECT_EQ(region, info.index);
		EXPECT_EQ(sizes[region], info.size);
		EXPECT_EQ(vfio_position(region, 0), (off_t)info.offset);
		EXPECT_EQ(sizes[region] ? VFIO_REGION_INFO_FLAG_READ |
					  VFIO_REGION_INFO_FLAG_WRITE : 0,
			  info.flags);
		EXPECT_EQ(0, info.cap_offset);
		EXPECT_LE(info.argsz, sizeof(info));
	}
	EXPECT_EQ(-EINVAL, vfio_region_info(self->fd, VFIO_PCI_NUM_REGIONS,
					    &info));
	EXPECT_EQ(-EINVAL, vfio_region_info(self->fd, UINT32_MAX, &info));
}

TEST_F(device, region_info_argsz)
{
	struct {
		struct vfio_region_info info;
		uint32_t beyond;
	} query = { .info.index = BAR0, .beyond = ~0U };

	query.info.argsz = sizeof(query.info) - 1;
	EXPECT_EQ(-EINVAL, vfio_ioctl(self->fd, VFIO_DEVICE_GET_REGION_INFO,
				      &query));
	query.info.argsz = 0;
	EXPECT_EQ(-EINVAL, vfio_ioctl(self->fd, VFIO_DEVICE_GET_REGION_INFO,
				      &query));
	EXPECT_EQ(0, query.info.size);
	query.info.argsz = UINT32_MAX;
	EXPECT_EQ(0, vfio_ioctl(self->fd, VFIO_DEVICE_GET_REGION_INFO,
				&query));
	EXPECT_EQ(8, query.info.size);
	EXPECT_EQ(~0U, query.beyond);
}

TEST_F(device, irq_info)
{
	static const struct {
		uint32_t count;
		uint32_t flags;
	} expected[VFIO_PCI_NUM_IRQS] = {
		[VFIO_PCI_INTX_IRQ_INDEX] = {
			1, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
			   VFIO_IRQ_INFO_AUTOMASKED
		},
		[VFIO_PCI_MSI_IRQ_INDEX] = {
			1, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE
		},
		[VFIO_PCI_ERR_IRQ_INDEX] = { 1, VFIO_IRQ_INFO_EVENTFD },
		[VFIO_PCI_REQ_IRQ_INDEX] = { 1, VFIO_IRQ_INFO_EVENTFD },
	};
	struct vfio_irq_info info;
	uint32_t index;

	for (index = 0; index < VFIO_PCI_NUM_IRQS; index++) {
		ASSERT_EQ(0, vfio_irq_info(self->fd, index, &info));
		EXPECT_EQ(index, info.index);
		EXPECT_EQ(expected[index].count, info.count);
		EXPECT_EQ(expected[index].flags, info.flags);
	}
	EXPECT_EQ(-EINVAL, vfio_irq_info(self->fd, VFIO_PCI_NUM_IRQS, &info));
	EXPECT_EQ(-EINVAL, vfio_irq_info(self->fd, UINT32_MAX, &info));
}

TEST_F(device, irq_info_argsz)
{
	struct {
		struct vfio_irq_info info;
		uint32_t beyond;
	} query = { .beyond = ~0U };

	query.info.argsz = sizeof(query.info) - 1;
	EXPECT_EQ(-EINVAL, vfio_ioctl(self->fd, VFIO_DEVICE_GET_IRQ_INFO,
				      &query));
	query.info.argsz = 0;
	EXPECT_EQ(-EINVAL, vfio_ioctl(self->fd, VFIO_DEVICE_GET_IRQ_INFO,
				      &query));
	EXPECT_EQ(0, query.info.count);
	query.info.argsz = UINT32_MAX;
	EXPECT_EQ(0, vfio_ioctl(self->fd, VFIO_DEVICE_GET_IRQ_INFO, &query));
	EXPECT_EQ(1, query.info.count);
	EXPECT_EQ(~0U, query.beyond);
}

TEST_F(device, bad_pointer_efault)
{
	static const unsigned long requests[] = {
		VFIO_DEVICE_GET_INFO,
		VFIO_DEVICE_GET_REGION_INFO,
		VFIO_DEVICE_GET_IRQ_INFO,
		VFIO_DEVICE_SET_IRQS,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		EXPECT_EQ(-EFAULT, vfio_ioctl(self->fd, requests[i], NULL));
		EXPECT_EQ(-EFAULT, vfio_ioctl(self->fd, requests[i],
					      BAD_POINTER));
	}
}

/* copy_from_user() of the argument succeeds, and copy_to_user() fails. */
TEST_F(device, read_only_pointer_efault)
{
	static const unsigned long requests[] = {
		VFIO_DEVICE_GET_INFO,
		VFIO_DEVICE_GET_REGION_INFO,
		VFIO_DEVICE_GET_IRQ_INFO,
	};
	uint32_t *page;
	unsigned int i;

	page = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, page);
	*page = sizeof(struct vfio_region_info);
	ASSERT_EQ(0, mprotect(page, getpagesize(), PROT_READ));
	for (i = 0; i < ARRAY_SIZE(requests); i++)
		EXPECT_EQ(-EFAULT, vfio_ioctl(self->fd, requests[i], page));
	munmap(page, getpagesize());
}

TEST_F(device, unknown_ioctl_enotty)
{
	struct vfio_device_feature feature = {
		.argsz = sizeof(feature),
		.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
	};
	struct vfio_group_status status = { .argsz = sizeof(status) };
	struct vfio_pci_hot_reset_info reset = { .argsz = sizeof(reset) };

	EXPECT_EQ(-ENOTTY, vfio_ioctl(self->fd, _IO(VFIO_TYPE, 0xff), NULL));
	EXPECT_EQ(-ENOTTY, vfio_ioctl(self->fd, _IO('a', VFIO_BASE), NULL));
	EXPECT_EQ(-ENOTTY, vfio_ioctl(self->fd, VFIO_GROUP_GET_STATUS,
				      &status));
	EXPECT_EQ(-ENOTTY, vfio_ioctl(self->fd,
				      VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
				      &reset));
	EXPECT_EQ(-ENOTTY, vfio_ioctl(self->fd, VFIO_DEVICE_FEATURE,
				      &feature));
}

TEST_F(device, reset)
{
	ASSERT_EQ(0, vfio_store(self->fd, BAR0, UART_LCR, 1, UART_LCR_WLEN8));
	ASSERT_EQ(0, vfio_store(self->fd, BAR0, UART_IER, 1, UART_IER_RDI));
	ASSERT_EQ(0, vfio_store(self->fd, BAR0, UART_TX, 1, 'x'));
	ASSERT_EQ(0, vfio_store(self->fd, CONFIG, PCI_BASE_ADDRESS_0, 4,
				0xc000));

	EXPECT_EQ(0, vfio_ioctl(self->fd, VFIO_DEVICE_RESET, NULL));
	/* As in vfio-pci, which restores config space */
	EXPECT_EQ(PCI_COMMAND_IO | PCI_COMMAND_MASTER,
		  vfio_load(self->fd, CONFIG, PCI_COMMAND, 2));
	EXPECT_EQ(0xc000 | PCI_BASE_ADDRESS_SPACE_IO,
		  vfio_load(self->fd, CONFIG, PCI_BASE_ADDRESS_0, 4));
	EXPECT_EQ(0, vfio_load(self->fd, BAR0, UART_LCR, 1));
	EXPECT_EQ(0, vfio_load(self->fd, BAR0, UART_IER, 1));
	EXPECT_EQ(UART_LSR_TEMT | UART_LSR_THRE,
		  vfio_load(self->fd, BAR0, UART_LSR, 1));
}

TEST_F(device, mmap_einval)
{
	static const uint32_t regions[] = {
		BAR0, VFIO_PCI_BAR1_REGION_INDEX, CONFIG, VFIO_PCI_NUM_REGIONS
	};
	unsigned int i;
	void *map;

	for (i = 0; i < ARRAY_SIZE(regions); i++) {
		map = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
			   MAP_SHARED, self->fd, vfio_position(regions[i], 0));
		EXPECT_EQ(MAP_FAILED, map);
		EXPECT_EQ(EINVAL, errno);
	}
}

/* The first open after a close resets the registers. */
TEST_F(device, reset_on_reopen)
{
	ASSERT_EQ(0, vfio_store(self->fd, BAR0, UART_LCR, 1, UART_LCR_WLEN8));
	ASSERT_EQ(0, vfio_store(self->fd, BAR0, UART_TX, 1, 'x'));
	vfio_close(&self->user);
	ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	ASSERT_EQ(0, vfio_pci_enable(self->user.device));
	EXPECT_EQ(0, vfio_load(self->user.device, BAR0, UART_LCR, 1));
	EXPECT_EQ(UART_LSR_TEMT | UART_LSR_THRE,
		  vfio_load(self->user.device, BAR0, UART_LSR, 1));
}

TEST_F(device, repeated_open_and_close)
{
	int round;

	for (round = 0; round < 100; round++) {
		vfio_close(&self->user);
		ASSERT_EQ(0, variant->open(&self->user, UUID_A));
	}
	vfio_close(&self->user);
	EXPECT_EQ(0, mdev_remove(UUID_A));
}

TEST_F(device, registers_per_device)
{
	struct vfio_user other;

	ASSERT_EQ(0, mdev_create("mtty-1", UUID_B));
	ASSERT_EQ(0, variant->open(&other, UUID_B));
	ASSERT_EQ(0, vfio_pci_enable(other.device));
	EXPECT_EQ(0, vfio_store(self->fd, BAR0, UART_SCR, 1, 0x5a));
	EXPECT_EQ(0, vfio_store(other.device, BAR0, UART_SCR, 1, 0xa5));
	EXPECT_EQ(0x5a, vfio_load(self->fd, BAR0, UART_SCR, 1));
	EXPECT_EQ(0xa5, vfio_load(other.device, BAR0, UART_SCR, 1));
	vfio_close(&other);
	EXPECT_EQ(0x5a, vfio_load(self->fd, BAR0, UART_SCR, 1));
}

/* A device that is not open yet */
FIXTURE(new_device)
{
	struct vfio_user user;
};

FIXTURE_SETUP(new_device)
{
	self->user = (struct vfio_user){ -1, -1, -1 };
	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create("mtty-2", UUID_A));
}

FIXTURE_TEARDOWN(new_device)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F(new_device, region_per_port)
{
	struct vfio_region_info info;

	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	ASSERT_EQ(0, vfio_region_info(self->user.device,
				      VFIO_PCI_BAR0_REGION_INDEX, &info));
	EXPECT_EQ(8, info.size);
	ASSERT_EQ(0, vfio_region_info(self->user.device,
				      VFIO_PCI_BAR1_REGION_INDEX, &info));
	EXPECT_EQ(8, info.size);
	ASSERT_EQ(0, vfio_region_info(self->user.device,
				      VFIO_PCI_BAR2_REGION_INDEX, &info));
	EXPECT_EQ(0, info.size);
}

TEST_F(new_device, get_device_fd_without_container)
{
	char path[VFIO_PATH_SIZE];

	ASSERT_EQ(0, vfio_group_path(path, UUID_A));
	self->user.group = open(path, O_RDWR);
	ASSERT_LE(0, self->user.group);
	EXPECT_EQ(-EINVAL, vfio_ioctl(self->user.group,
				      VFIO_GROUP_GET_DEVICE_FD, UUID_A));
}

TEST_F(new_device, get_device_fd_by_name)
{
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_B));
	ASSERT_EQ(0, vfio_open_container(&self->user, UUID_A));
	EXPECT_EQ(-ENODEV, vfio_ioctl(self->user.group,
				      VFIO_GROUP_GET_DEVICE_FD, UUID_B));
	EXPECT_EQ(-ENODEV, vfio_ioctl(self->user.group,
				      VFIO_GROUP_GET_DEVICE_FD, "mtty"));
	EXPECT_EQ(-EFAULT, vfio_ioctl(self->user.group,
				      VFIO_GROUP_GET_DEVICE_FD, BAD_POINTER));
}

/* Files of VFIO_GROUP_GET_DEVICE_FD share one open, which the last close ends. */
TEST_F(new_device, second_device_fd_of_group)
{
	int second;

	ASSERT_EQ(0, vfio_open_container(&self->user, UUID_A));
	second = vfio_ioctl(self->user.group, VFIO_GROUP_GET_DEVICE_FD,
			    UUID_A);
	ASSERT_LE(0, second);
	EXPECT_NE(self->user.device, second);
	ASSERT_EQ(0, vfio_pci_enable(second));
	EXPECT_EQ(0, vfio_store(self->user.device, BAR0, UART_SCR, 1, 0x5a));
	EXPECT_EQ(0x5a, vfio_load(second, BAR0, UART_SCR, 1));

	vfio_close(&self->user);
	EXPECT_EQ(-EBUSY, mdev_remove(UUID_A));
	EXPECT_EQ(0x5a, vfio_load(second, BAR0, UART_SCR, 1));
	close(second);
	EXPECT_EQ(0, mdev_remove(UUID_A));
}

static int get_device(const struct vfio_user *user)
{
	return vfio_ioctl(user->group, VFIO_GROUP_GET_DEVICE_FD, UUID_A);
}

/* -EBUSY also after the group was closed, or has got another container. */
TEST_F(new_device, second_device_fd_with_iommufd)
{
	int type1 = open("/dev/vfio/vfio", O_RDWR);
	struct vfio_user other;

	ASSERT_LE(0, type1);
	ASSERT_EQ(0, vfio_open_group(&self->user, UUID_A));
	EXPECT_EQ(-EBUSY, get_device(&self->user));

	ASSERT_EQ(0, vfio_ioctl(self->user.group, VFIO_GROUP_UNSET_CONTAINER,
				NULL));
	ASSERT_EQ(0, vfio_ioctl(self->user.group, VFIO_GROUP_SET_CONTAINER,
				&type1));
	ASSERT_EQ(0, vfio_ioctl(type1, VFIO_SET_IOMMU,
				(void *)VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(-EBUSY, get_device(&self->user));

	vfio_close_file(&self->user.group);
	close(type1);
	EXPECT_EQ(-EBUSY, vfio_open_group(&other, UUID_A));
	EXPECT_EQ(-EBUSY, vfio_open_container(&other, UUID_A));
	vfio_close(&self->user);
	EXPECT_EQ(0, vfio_open_container(&self->user, UUID_A));
}

TEST_F(new_device, cdev_before_bind_iommufd)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int device = vfio_open_unbound(UUID_A);
	char byte = 0;

	self->user.device = device;
	ASSERT_LE(0, device);
	EXPECT_EQ(-EINVAL, vfio_ioctl(device, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_EQ(-EINVAL, vfio_ioctl(device, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(-EINVAL, vfio_read(device, CONFIG, 0, &byte, 1));
	EXPECT_EQ(-EINVAL, vfio_write(device, BAR0, UART_SCR, &byte, 1));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, getpagesize(), PROT_READ, MAP_SHARED,
				   device, vfio_position(BAR0, 0)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-EINVAL, vfio_bind(device, -1));
	EXPECT_EQ(-EBADFD, vfio_bind(device, device));
}

TEST_F(new_device, bind_iommufd_once)
{
	int second;

	vfio_need_iommufd();
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	EXPECT_EQ(-EINVAL, vfio_bind(self->user.device, self->user.container));

	second = vfio_open_unbound(UUID_A);
	ASSERT_LE(0, second);
	EXPECT_EQ(-EINVAL, vfio_bind(second, self->user.container));
	EXPECT_EQ(0x4348, vfio_load(self->user.device, CONFIG,
				    PCI_VENDOR_ID, 2));

	vfio_close_file(&self->user.device);
	EXPECT_EQ(0, vfio_bind(second, self->user.container));
	EXPECT_EQ(-EBUSY, mdev_remove(UUID_A));
	close(second);
}

TEST_F(new_device, group_and_cdev_exclusive)
{
	char path[VFIO_PATH_SIZE];
	struct vfio_user other;

	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	ASSERT_EQ(0, vfio_group_path(path, UUID_A));
	EXPECT_EQ(-1, open(path, O_RDWR));
	EXPECT_EQ(EBUSY, errno);
	vfio_close(&self->user);

	ASSERT_EQ(0, vfio_open_container(&self->user, UUID_A));
	EXPECT_EQ(-EBUSY, vfio_open(&other, UUID_A));
}

TEST_F(new_device, attach_invalid_pt_after_detach)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = UINT32_MAX,
	};
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = sizeof(detach),
	};

	vfio_need_iommufd();
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	EXPECT_EQ(0, vfio_ioctl(self->user.device,
				VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach));
	EXPECT_EQ(-ENOENT, vfio_ioctl(self->user.device,
				      VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
	EXPECT_EQ(0x4348, vfio_load(self->user.device, CONFIG,
				    PCI_VENDOR_ID, 2));
}

TEST_HARNESS_MAIN
