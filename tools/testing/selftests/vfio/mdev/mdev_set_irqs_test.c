// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arguments of VFIO_DEVICE_SET_IRQS: which are valid, and the errno of those that are not.
 * mdev_irq_test.c tests what valid ones do.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "irq_lib.h"
#include "mdev_lib.h"
#include "sim_lib.h"
#include "vfio_lib.h"

#define REQ		VFIO_PCI_REQ_IRQ_INDEX

/* One request and its result */
FIXTURE(request)
{
	struct vfio_user user;
};

FIXTURE_VARIANT(request)
{
	uint32_t flags;
	uint32_t index;
	uint32_t start;
	uint32_t count;
	size_t size;
	int result;
};

#define REQUEST(_flags, _index, _start, _count, _size, _result)		\
	{								\
		.flags = _flags,					\
		.index = _index,					\
		.start = _start,					\
		.count = _count,					\
		.size = _size,						\
		.result = _result,					\
	}

FIXTURE_VARIANT_ADD(request, eventfd)
	REQUEST(EVENTFD | TRIGGER, INTX, 0, 1, 4, 0);
FIXTURE_VARIANT_ADD(request, unmask_eventfd)
	REQUEST(EVENTFD | UNMASK, INTX, 0, 1, 4, 0);
FIXTURE_VARIANT_ADD(request, mask_eventfd)
	REQUEST(EVENTFD | MASK, INTX, 0, 1, 4, 0);
FIXTURE_VARIANT_ADD(request, mask)
	REQUEST(NONE | MASK, INTX, 0, 1, 0, 0);
FIXTURE_VARIANT_ADD(request, unmask)
	REQUEST(NONE | UNMASK, INTX, 0, 1, 0, 0);
FIXTURE_VARIANT_ADD(request, mask_data_bool)
	REQUEST(BOOL | MASK, INTX, 0, 1, 1, 0);
FIXTURE_VARIANT_ADD(request, argsz_larger_than_data)
	REQUEST(BOOL | MASK, INTX, 0, 1, 8, 0);
FIXTURE_VARIANT_ADD(request, teardown)
	REQUEST(NONE | TRIGGER, INTX, 0, 0, 0, 0);
FIXTURE_VARIANT_ADD(request, msi_eventfd)
	REQUEST(EVENTFD | TRIGGER, MSI, 0, 1, 4, 0);
FIXTURE_VARIANT_ADD(request, msi_teardown)
	REQUEST(NONE | TRIGGER, MSI, 0, 0, 0, 0);

FIXTURE_VARIANT_ADD(request, no_flags)
	REQUEST(0, INTX, 0, 1, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, no_action)
	REQUEST(NONE, INTX, 0, 1, 0, -ENOTTY);
FIXTURE_VARIANT_ADD(request, no_action_count_zero)
	REQUEST(NONE, INTX, 0, 0, 0, -ENOTTY);
FIXTURE_VARIANT_ADD(request, no_action_data_eventfd)
	REQUEST(EVENTFD, INTX, 0, 1, 4, -ENOTTY);
FIXTURE_VARIANT_ADD(request, no_data_type)
	REQUEST(TRIGGER, INTX, 0, 1, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, no_data_type_count_zero)
	REQUEST(TRIGGER, INTX, 0, 0, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, mask_and_unmask)
	REQUEST(NONE | MASK | UNMASK, INTX, 0, 1, 0, -ENOTTY);
FIXTURE_VARIANT_ADD(request, mask_and_trigger)
	REQUEST(NONE | MASK | TRIGGER, INTX, 0, 1, 0, -ENOTTY);
FIXTURE_VARIANT_ADD(request, unmask_and_trigger)
	REQUEST(EVENTFD | UNMASK | TRIGGER, INTX, 0, 1, 4, -ENOTTY);
FIXTURE_VARIANT_ADD(request, all_actions)
	REQUEST(NONE | MASK | UNMASK | TRIGGER, INTX, 0, 1, 0, -ENOTTY);
FIXTURE_VARIANT_ADD(request, data_none_and_bool)
	REQUEST(NONE | BOOL | MASK, INTX, 0, 1, 1, -EINVAL);
FIXTURE_VARIANT_ADD(request, data_none_and_eventfd)
	REQUEST(NONE | EVENTFD | TRIGGER, INTX, 0, 1, 4, -EINVAL);
FIXTURE_VARIANT_ADD(request, data_bool_and_eventfd)
	REQUEST(BOOL | EVENTFD | TRIGGER, INTX, 0, 1, 4, -EINVAL);
FIXTURE_VARIANT_ADD(request, unknown_flag)
	REQUEST(NONE | MASK | 1 << 6, INTX, 0, 1, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, highest_flag)
	REQUEST(NONE | MASK | 1U << 31, INTX, 0, 1, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, index_out_of_range)
	REQUEST(NONE | TRIGGER, VFIO_PCI_NUM_IRQS, 0, 0, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, largest_index)
	REQUEST(NONE | TRIGGER, UINT32_MAX, 0, 0, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, start_out_of_range)
	REQUEST(EVENTFD | TRIGGER, INTX, 1, 1, 4, -EINVAL);
FIXTURE_VARIANT_ADD(request, start_out_of_range_count_zero)
	REQUEST(NONE | TRIGGER, INTX, 1, 0, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, largest_start)
	REQUEST(NONE | MASK, INTX, UINT32_MAX, 1, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, count_out_of_range)
	REQUEST(EVENTFD | TRIGGER, INTX, 0, 2, 8, -EINVAL);
FIXTURE_VARIANT_ADD(request, largest_count)
	REQUEST(NONE | MASK, INTX, 0, UINT32_MAX, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, start_plus_count_overflow)
	REQUEST(NONE | MASK, INTX, 1, UINT32_MAX, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, data_bool_without_data)
	REQUEST(BOOL | MASK, INTX, 0, 1, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, data_eventfd_without_data)
	REQUEST(EVENTFD | TRIGGER, INTX, 0, 1, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, data_eventfd_truncated)
	REQUEST(EVENTFD | TRIGGER, INTX, 0, 1, 3, -EINVAL);
FIXTURE_VARIANT_ADD(request, data_bool_count_zero)
	REQUEST(BOOL | TRIGGER, INTX, 0, 0, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, data_eventfd_count_zero)
	REQUEST(EVENTFD | TRIGGER, INTX, 0, 0, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, mask_count_zero)
	REQUEST(NONE | MASK, INTX, 0, 0, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, unmask_count_zero)
	REQUEST(NONE | UNMASK, INTX, 0, 0, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, msi_mask)
	REQUEST(NONE | MASK, MSI, 0, 1, 0, -ENOTTY);
FIXTURE_VARIANT_ADD(request, msi_unmask)
	REQUEST(NONE | UNMASK, MSI, 0, 1, 0, -ENOTTY);
FIXTURE_VARIANT_ADD(request, msi_unmask_eventfd)
	REQUEST(EVENTFD | UNMASK, MSI, 0, 1, 4, -ENOTTY);
FIXTURE_VARIANT_ADD(request, msi_mask_eventfd)
	REQUEST(EVENTFD | MASK, MSI, 0, 1, 4, -ENOTTY);
FIXTURE_VARIANT_ADD(request, msi_mask_data_bool)
	REQUEST(BOOL | MASK, MSI, 0, 1, 1, -ENOTTY);
FIXTURE_VARIANT_ADD(request, msi_mask_count_zero)
	REQUEST(NONE | MASK, MSI, 0, 0, 0, -ENOTTY);
FIXTURE_VARIANT_ADD(request, msi_mask_out_of_range)
	REQUEST(NONE | MASK, MSI, 0, 2, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, msi_second_vector)
	REQUEST(EVENTFD | TRIGGER, MSI, 0, 2, 8, -EINVAL);
FIXTURE_VARIANT_ADD(request, msix)
	REQUEST(EVENTFD | TRIGGER, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, 4, -EINVAL);
FIXTURE_VARIANT_ADD(request, msix_teardown)
	REQUEST(NONE | TRIGGER, VFIO_PCI_MSIX_IRQ_INDEX, 0, 0, 0, -EINVAL);
FIXTURE_VARIANT_ADD(request, err)
	REQUEST(EVENTFD | TRIGGER, VFIO_PCI_ERR_IRQ_INDEX, 0, 1, 4, 0);
FIXTURE_VARIANT_ADD(request, req)
	REQUEST(EVENTFD | TRIGGER, REQ, 0, 1, 4, 0);
FIXTURE_VARIANT_ADD(request, second_req)
	REQUEST(EVENTFD | TRIGGER, REQ, 1, 1, 4, -EINVAL);
FIXTURE_VARIANT_ADD(request, req_unmask_eventfd)
	REQUEST(EVENTFD | UNMASK, REQ, 0, 1, 4, -ENOTTY);
FIXTURE_VARIANT_ADD(request, req_mask)
	REQUEST(NONE | MASK, REQ, 0, 1, 0, -ENOTTY);

FIXTURE_SETUP(request)
{
	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
}

FIXTURE_TEARDOWN(request)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, mdev_remove_all());
}

/* The data is 0xff: eventfd -1, or true in DATA_BOOL. */
TEST_F(request, set_irqs_result)
{
	char data[8];

	memset(data, 0xff, sizeof(data));
	EXPECT_EQ(variant->result,
		  vfio_set_irqs(self->user.device, variant->flags,
				variant->index, variant->start,
				variant->count, data, variant->size));
}

/* Invalid argsz, addresses and file descriptors */
FIXTURE(device)
{
	struct vfio_user user;
	int fd;
};

FIXTURE_SETUP(device)
{
	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create("mtty-1", UUID_A));
	ASSERT_EQ(0, vfio_open_container(&self->user, UUID_A));
	self->fd = self->user.device;
}

FIXTURE_TEARDOWN(device)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F(device, set_irqs_argsz)
{
	struct vfio_irq_set set = {
		.flags = NONE | TRIGGER,
		.index = INTX,
	};

	EXPECT_EQ(-EINVAL, vfio_ioctl(self->fd, VFIO_DEVICE_SET_IRQS,
				      &set));
	set.argsz = sizeof(set) - 1;
	EXPECT_EQ(-EINVAL, vfio_ioctl(self->fd, VFIO_DEVICE_SET_IRQS,
				      &set));
	set.argsz = sizeof(set);
	EXPECT_EQ(0, vfio_ioctl(self->fd, VFIO_DEVICE_SET_IRQS, &set));
}

/* The page with the data is not mapped. */
TEST_F(device, set_irqs_data_efault)
{
	const struct vfio_irq_set request = {
		.argsz = sizeof(request) + sizeof(int32_t),
		.flags = EVENTFD | TRIGGER,
		.index = INTX,
		.count = 1,
	};
	size_t page = getpagesize();
	char *buffer, *set;

	buffer = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, buffer);
	ASSERT_EQ(0, munmap(buffer + page, page));
	set = buffer + page - sizeof(request);
	memcpy(set, &request, sizeof(request));
	EXPECT_EQ(-EFAULT, vfio_ioctl(self->fd, VFIO_DEVICE_SET_IRQS,
				      set));
	munmap(buffer, page);
}

/* A descriptor that is not open, and one of another file, for each action */
TEST_F(device, set_irqs_invalid_eventfd)
{
	const uint32_t actions[] = { TRIGGER, UNMASK, MASK };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		EXPECT_EQ(-EBADF, irq_set_eventfd(self->fd, INTX, actions[i],
						  10000));
		EXPECT_EQ(-EINVAL, irq_set_eventfd(self->fd, INTX, actions[i],
						   self->fd));
	}
}

/* Without VFIO_IRQ_INFO_EVENTFD, DATA_EVENTFD fails with -ENOTTY; DATA_NONE works. */
TEST(index_without_eventfd)
{
	struct vfio_user user;
	struct vfio_irq_info info;

	ASSERT_EQ(0, sim_prepare());
	ASSERT_EQ(0, sim_create(SIM_STAY, SIM_PCI, UUID_A));
	ASSERT_EQ(0, vfio_open(&user, UUID_A));
	ASSERT_EQ(0, sim_set("irq_flags_cleared", VFIO_IRQ_INFO_EVENTFD));
	ASSERT_EQ(0, vfio_irq_info(user.device, INTX, &info));
	EXPECT_EQ(0, info.flags & VFIO_IRQ_INFO_EVENTFD);

	EXPECT_EQ(-ENOTTY, irq_set_eventfd(user.device, INTX, TRIGGER, -1));
	EXPECT_EQ(-ENOTTY, irq_set_eventfd(user.device, INTX, MASK, -1));
	EXPECT_EQ(-ENOTTY, irq_set_eventfd(user.device, INTX, UNMASK, -1));
	EXPECT_EQ(0, sim_get("set_irqs/calls"));
	EXPECT_EQ(0, irq_act(user.device, INTX, MASK));
	EXPECT_EQ(0, irq_tear_down(user.device, INTX));
	vfio_close(&user);
	EXPECT_EQ(0, sim_finish());
}

TEST_HARNESS_MAIN
