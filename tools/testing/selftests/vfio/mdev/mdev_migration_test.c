// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration of mtty: state transitions, registers and interrupts of the target, and
 * invalid state data. mdev_precopy_test.c tests PRE_COPY.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/serial_reg.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "migration_lib.h"
#include "vfio_lib.h"

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define BAR1		VFIO_PCI_BAR1_REGION_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
#define INTX		VFIO_PCI_INTX_IRQ_INDEX
#define MSI		VFIO_PCI_MSI_IRQ_INDEX

#define SET_EVENTFD	(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER)

/* Offsets of the sections of state data: see mdev_pci */
#define AT_SECTION_CONFIG	STREAM_STATE
#define AT_CONFIG(at)	(AT_SECTION_CONFIG + SECTION_HEADER + (at))
#define AT_SECTION_IRQS	AT_CONFIG(256)
#define AT_IRQS(at)	(AT_SECTION_IRQS + SECTION_HEADER + (at))
#define AT_RAISED	AT_IRQS(8)
#define AT_PENDING	(AT_RAISED + 8)
#define AT_SECTION_CARD	(AT_PENDING + 8)
#define AT_CARD		(AT_SECTION_CARD + SECTION_HEADER)

/* Offsets in the state data of a port: see mtty.c */
#define PORT_SIZE	29
#define AT_PORT(n, at)	(AT_CARD + (n) * PORT_SIZE + (at))
#define AT_REG(n, reg)	AT_PORT(n, reg)
#define AT_COUNT(n)	AT_PORT(n, 26)
#define AT_SENT(n)	AT_PORT(n, 27)
#define AT_CAUSES(n)	AT_PORT(n, 28)

/* Sections are aligned to 8 bytes */
#define STREAM_LENGTH	((AT_PORT(2, 0) + 7) & ~7)

#define FEATURE_GET	VFIO_DEVICE_FEATURE_GET
#define FEATURE_SET	VFIO_DEVICE_FEATURE_SET
#define FEATURE_PROBE	VFIO_DEVICE_FEATURE_PROBE

FIXTURE(cards)
{
	struct vfio_user source_user;
	struct vfio_user target_user;
	int source;
	int target;
	char stream[1024];
};

FIXTURE_SETUP(cards)
{
	self->target_user = (struct vfio_user){ -1, -1, -1 };
	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create("mtty-2", UUID_A));
	ASSERT_EQ(0, mdev_create("mtty-2", UUID_B));
	ASSERT_EQ(0, vfio_open(&self->source_user, UUID_A));
	ASSERT_EQ(0, vfio_open(&self->target_user, UUID_B));
	self->source = self->source_user.device;
	self->target = self->target_user.device;
}

FIXTURE_TEARDOWN(cards)
{
	vfio_close(&self->source_user);
	vfio_close(&self->target_user);
	EXPECT_EQ(0, mdev_remove_all());
}

TEST_F(cards, migration_feature)
{
	struct vfio_device_feature_migration migration = {};
	unsigned int i;
	static const uint32_t probes[] = {
		FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION,
		FEATURE_GET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
		FEATURE_SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
		FEATURE_GET | VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
	};

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		EXPECT_EQ(0, vfio_feature(self->source,
					  FEATURE_PROBE | probes[i], NULL, 0));
	EXPECT_EQ(-EINVAL, vfio_feature(self->source, FEATURE_SET |
					VFIO_DEVICE_FEATURE_MIGRATION,
					&migration, sizeof(migration)));
	ASSERT_EQ(0, vfio_feature(self->source, FEATURE_GET |
				  VFIO_DEVICE_FEATURE_MIGRATION,
				  &migration, sizeof(migration)));
	EXPECT_EQ(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
		  VFIO_MIGRATION_PRE_COPY, migration.flags);
	EXPECT_EQ(STREAM_LENGTH, migration_size(self->source));
	EXPECT_EQ(RUNNING, migration_state(self->source));
}

/* QEMU does not migrate devices without DMA logging by default. */
TEST_F(cards, dma_logging_probe)
{
	vfio_need_iommufd();
	EXPECT_EQ(0, vfio_feature(self->source, FEATURE_PROBE | FEATURE_SET |
				  VFIO_DEVICE_FEATURE_DMA_LOGGING_START, NULL,
				  0));
}

/* States with a file that state data is read from */
static bool is_saving(int state)
{
	return state == PRE_COPY || state == PRE_COPY_P2P ||
	       state == STOP_COPY;
}

static bool is_allowed(int from, int to)
{
	if (from == STOP_COPY && (to == PRE_COPY || to == PRE_COPY_P2P))
		return false;
	return to != ERROR;
}

/* From RUNNING. In RESUMING, all state data is written, so that STOP is accepted. */
static int enter(int device, int state, const void *stream, size_t size)
{
	int data = migration_go(device, state);
	int ret = data < 0 ? data : 0;

	if (state == RESUMING && data > 0)
		ret = stream_write(data, stream, size, size);
	if (data > 0)
		close(data);
	return ret;
}

TEST_F(cards, all_state_transitions)
{
	ssize_t size;
	int from, to;

	size = migration_save(self->source, self->stream, sizeof(self->stream));
	ASSERT_EQ(STREAM_LENGTH, size);
	for (from = STOP; from < NR_STATES; from++) {
		for (to = ERROR; to < NR_STATES; to++) {
			bool file = to != from && (to == RESUMING ||
				    (is_saving(to) && !is_saving(from)));
			int data;

			ASSERT_EQ(0, vfio_ioctl(self->source, VFIO_DEVICE_RESET,
						NULL));
			ASSERT_EQ(0, enter(self->source, from, self->stream,
					   size));
			ASSERT_EQ(from, migration_state(self->source));
			data = migration_go(self->source, to);
			if (!is_allowed(from, to))
				ASSERT_EQ(-EINVAL, data);
			ASSERT_EQ(file && is_allowed(from, to), data > 0)
				TH_LOG("%d from %d to %d", data, from, to);
			ASSERT_EQ(is_allowed(from, to) ? to : from,
				  migration_state(self->source))
				TH_LOG("from %d to %d", from, to);
			if (data > 0)
				close(data);
		}
	}
}

TEST_F(cards, invalid_state)
{
	EXPECT_EQ(-EINVAL, migration_go(self->source, NR_STATES));
	EXPECT_EQ(-EINVAL, migration_go(self->source, UINT32_MAX));
	EXPECT_EQ(RUNNING, migration_state(self->source));
}

TEST_F(cards, error_state_until_reset)
{
	int state;

	ASSERT_EQ(0, migration_move(self->source, RESUMING));
	EXPECT_EQ(-EINVAL, migration_move(self->source, RUNNING));
	for (state = ERROR; state < NR_STATES; state++) {
		EXPECT_EQ(ERROR, migration_state(self->source));
		EXPECT_EQ(-EINVAL, migration_move(self->source, state));
	}
	EXPECT_EQ(0, vfio_ioctl(self->source, VFIO_DEVICE_RESET, NULL));
	EXPECT_EQ(RUNNING, migration_state(self->source));
	EXPECT_EQ(0, migration_move(self->source, STOP));
}

TEST_F(cards, running_after_reset_and_open)
{
	int state;

	for (state = STOP; state < NR_STATES; state++) {
		ASSERT_EQ(0, migration_move(self->source, state));
		ASSERT_EQ(0, vfio_ioctl(self->source, VFIO_DEVICE_RESET, NULL));
		EXPECT_EQ(RUNNING, migration_state(self->source));

		ASSERT_EQ(0, migration_move(self->source, state));
		vfio_close(&self->source_user);
		ASSERT_EQ(0, vfio_open(&self->source_user, UUID_A));
		self->source = self->source_user.device;
		EXPECT_EQ(RUNNING, migration_state(self->source));
	}
}

/* Writes registers as a guest's driver does, and leaves data in the FIFOs. */
static int set_up_uarts(int device)
{
	static const struct {
		uint32_t region;
		uint64_t offset;
		size_t size;
		uint32_t value;
	} steps[] = {
		{ CONFIG, PCI_BASE_ADDRESS_0, 4, 0xc000 },
		{ CONFIG, PCI_COMMAND, 2, PCI_COMMAND_IO },
		{ CONFIG, PCI_INTERRUPT_LINE, 1, 11 },
		{ BAR0, UART_LCR, 1, UART_LCR_DLAB },
		{ BAR0, UART_DLL, 1, 0x0c },
		{ BAR0, UART_DLM, 1, 0x01 },
		{ BAR0, UART_LCR, 1, UART_LCR_WLEN8 },
		{ BAR0, UART_FCR, 1, UART_FCR_ENABLE_FIFO |
				     UART_FCR_TRIGGER_8 },
		{ BAR0, UART_MCR, 1, UART_MCR_RTS | UART_MCR_OUT2 },
		{ BAR0, UART_IER, 1, UART_IER_RDI },
		{ BAR0, UART_SCR, 1, 0x5a },
		{ BAR0, UART_TX, 1, '1' },
		{ BAR0, UART_TX, 1, '2' },
		{ BAR0, UART_TX, 1, '3' },
		{ BAR1, UART_SCR, 1, 0xa5 },
		{ BAR1, UART_TX, 1, 'x' },
		{ BAR1, UART_TX, 1, 'y' },
	};
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(steps); i++)
		ret = vfio_store(device, steps[i].region, steps[i].offset,
				 steps[i].size, steps[i].value);
	/* One read, so that the FIFO wraps around */
	return ret ? ret : vfio_load(device, BAR0, UART_RX, 1) != '1';
}

#define get(_region, _offset) \
	vfio_load(self->target, _region, _offset, 1)

TEST_F(cards, migrate_uart_state)
{
	ssize_t size;

	ASSERT_EQ(0, set_up_uarts(self->source));
	size = migration_save(self->source, self->stream, sizeof(self->stream));
	ASSERT_EQ(STREAM_LENGTH, size);
	ASSERT_EQ(0, migration_load(self->target, self->stream, size));
	ASSERT_EQ(0, migration_move(self->target, RUNNING));

	EXPECT_EQ(0xc001, vfio_load(self->target, CONFIG, PCI_BASE_ADDRESS_0,
				    4));
	EXPECT_EQ(PCI_COMMAND_IO, vfio_load(self->target, CONFIG, PCI_COMMAND,
					    2));
	EXPECT_EQ(11, get(CONFIG, PCI_INTERRUPT_LINE));
	EXPECT_EQ(UART_LCR_WLEN8, get(BAR0, UART_LCR));
	EXPECT_EQ(UART_MCR_RTS | UART_MCR_OUT2, get(BAR0, UART_MCR));
	EXPECT_EQ(UART_MSR_CTS | UART_MSR_DCTS, get(BAR0, UART_MSR));
	EXPECT_EQ(0x5a, get(BAR0, UART_SCR));
	EXPECT_EQ(UART_IIR_RX_TIMEOUT | UART_IIR_FIFO_ENABLED_16550A,
		  get(BAR0, UART_IIR));
	EXPECT_EQ('2', get(BAR0, UART_RX));
	EXPECT_EQ('3', get(BAR0, UART_RX));
	EXPECT_EQ(UART_LSR_TEMT | UART_LSR_THRE, get(BAR0, UART_LSR));
	ASSERT_EQ(0, vfio_store(self->target, BAR0, UART_LCR, 1,
				UART_LCR_DLAB));
	EXPECT_EQ(0x0c, get(BAR0, UART_DLL));
	EXPECT_EQ(0x01, get(BAR0, UART_DLM));

	EXPECT_EQ(0xa5, get(BAR1, UART_SCR));
	EXPECT_EQ(UART_LSR_TEMT | UART_LSR_THRE | UART_LSR_DR | UART_LSR_OE,
		  get(BAR1, UART_LSR));
	EXPECT_EQ('y', get(BAR1, UART_RX));
	EXPECT_EQ(0, get(BAR1, UART_IER));
}

/* A VMM continues the source if the migration fails. */
TEST_F(cards, source_continues_after_stop_copy)
{
	ssize_t size;

	ASSERT_EQ(0, set_up_uarts(self->source));
	size = migration_save(self->source, self->stream, sizeof(self->stream));
	ASSERT_EQ(STREAM_LENGTH, size);
	ASSERT_EQ(0, migration_move(self->source, RUNNING));
	EXPECT_EQ('2', vfio_load(self->source, BAR0, UART_RX, 1));
	EXPECT_EQ('y', vfio_load(self->source, BAR1, UART_RX, 1));
}

static uint64_t signals(int event)
{
	uint64_t count;

	return read(event, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

TEST_F(cards, intx_after_running)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ssize_t size;

	ASSERT_LE(0, event);
	ASSERT_EQ(0, set_up_uarts(self->source));
	size = migration_save(self->source, self->stream, sizeof(self->stream));
	ASSERT_EQ(STREAM_LENGTH, size);

	ASSERT_EQ(0, vfio_set_irqs(self->target, SET_EVENTFD, INTX, 0, 1,
				   &event, sizeof(event)));
	ASSERT_EQ(0, migration_load(self->target, self->stream, size));
	EXPECT_EQ(0, signals(event));
	ASSERT_EQ(0, migration_move(self->target, RUNNING));
	EXPECT_EQ(1, signals(event));
	close(event);
}

/* The target sends no MSI for a condition that the source has raised. */
TEST_F(cards, no_repeated_msi)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ssize_t size;

	ASSERT_LE(0, event);
	ASSERT_EQ(0, set_up_uarts(self->source));
	size = migration_save(self->source, self->stream, sizeof(self->stream));
	ASSERT_EQ(STREAM_LENGTH, size);

	ASSERT_EQ(0, vfio_set_irqs(self->target, SET_EVENTFD, MSI, 0, 1,
				   &event, sizeof(event)));
	ASSERT_EQ(0, migration_load(self->target, self->stream, size));
	ASSERT_EQ(0, migration_move(self->target, RUNNING));
	EXPECT_EQ(0, signals(event));
	/* A new condition is signalled */
	EXPECT_EQ('2', get(BAR0, UART_RX));
	EXPECT_EQ('3', get(BAR0, UART_RX));
	ASSERT_EQ(0, vfio_store(self->target, BAR0, UART_TX, 1, '4'));
	EXPECT_EQ(1, signals(event));
	close(event);
}

/* One byte that makes state data invalid */
struct change {
	size_t at;
	uint8_t value;
};

/* Loads invalid state data, checks that the state is ERROR, and resets the device */
static int load_changed(int target, char *stream, const struct change *change)
{
	char kept = stream[change->at];
	int ret;

	stream[change->at] = change->value;
	ret = migration_load(target, stream, STREAM_LENGTH);
	stream[change->at] = kept;
	if (ret != -EINVAL || migration_state(target) != ERROR)
		return ret ? ret : -EPROTO;
	return vfio_ioctl(target, VFIO_DEVICE_RESET, NULL);
}

static void refuse_changes(struct __test_metadata *_metadata, int source,
			   int target, const struct change *changes,
			   unsigned int count)
{
	char stream[1024];
	unsigned int i;

	ASSERT_EQ(0, set_up_uarts(source));
	ASSERT_EQ(STREAM_LENGTH, migration_save(source, stream,
						sizeof(stream)));
	for (i = 0; i < count; i++) {
		EXPECT_EQ(0, load_changed(target, stream, &changes[i]))
			TH_LOG("%u at %zu", changes[i].value, changes[i].at);
	}
	EXPECT_EQ(0, migration_load(target, stream, STREAM_LENGTH));
}

TEST_F(cards, invalid_sections_and_config_space)
{
	static const struct change changes[] = {
		/* Number, flags, version and size of sections */
		{ AT_SECTION_CONFIG, 1 },
		{ AT_SECTION_CONFIG + 1, 0x80 },
		{ AT_SECTION_CONFIG + 2, 2 },
		{ AT_SECTION_CONFIG + 4, 2 },
		{ AT_SECTION_CONFIG + 8, 0xff },
		{ AT_SECTION_CONFIG + 15, 0x80 },
		{ AT_SECTION_IRQS, 3 },
		{ AT_SECTION_IRQS + 8, 16 },
		{ AT_SECTION_CARD + 4, 1 },
		{ AT_SECTION_CARD + 8, 57 },
		/* Written registers, index of the pending vectors */
		{ AT_IRQS(0), 0x08 },
		{ AT_IRQS(4), VFIO_PCI_MSIX_IRQ_INDEX },
		{ AT_CONFIG(PCI_VENDOR_ID), 0 },
		{ AT_CONFIG(PCI_COMMAND), PCI_COMMAND_SPECIAL },
		{ AT_CONFIG(PCI_STATUS), 0 },
		{ AT_CONFIG(PCI_STATUS + 1), PCI_STATUS_DEVSEL_SLOW >> 8 },
		{ AT_CONFIG(PCI_BASE_ADDRESS_0), 0 },
		{ AT_CONFIG(PCI_BASE_ADDRESS_2), 1 },
		{ AT_CONFIG(PCI_CAPABILITY_LIST), 0x80 },
		{ AT_CONFIG(255), 1 },
	};

	refuse_changes(_metadata, self->source, self->target, changes,
		       ARRAY_SIZE(changes));
}

TEST_F(cards, invalid_uart_registers)
{
	static const struct change changes[] = {
		{ AT_REG(0, UART_RX), 1 },
		{ AT_REG(0, UART_IER), 0x10 },
		{ AT_REG(0, UART_FCR), 0x02 },
		{ AT_REG(0, UART_FCR), 0x40 },
		{ AT_REG(0, UART_MCR), 0x20 },
		{ AT_REG(0, UART_LSR), UART_LSR_TEMT },
		{ AT_REG(0, UART_LSR), 0xff },
		{ AT_REG(0, UART_MSR), UART_MSR_RI },
		{ AT_COUNT(0), 17 },
		/* Without FIFO */
		{ AT_COUNT(1), 2 },
		{ AT_SENT(0), 2 },
		{ AT_SENT(1), 0xff },
		/* The first port has a condition that interrupts, the second has none */
		{ AT_CAUSES(0), 0 },
		{ AT_CAUSES(1), UART_IER_MSI },
	};

	refuse_changes(_metadata, self->source, self->target, changes,
		       ARRAY_SIZE(changes));
}

/* BARs read as ones until the reset, after which registers have their defaults. */
TEST_F(cards, invalid_state_data_discarded)
{
	static const struct change changes[] = {
		{ AT_CONFIG(PCI_VENDOR_ID), 0 },
		{ AT_COUNT(1), 2 },
	};
	unsigned int i;

	ASSERT_EQ(0, set_up_uarts(self->source));
	ASSERT_EQ(STREAM_LENGTH, migration_save(self->source, self->stream,
						sizeof(self->stream)));
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		char kept = self->stream[changes[i].at];

		self->stream[changes[i].at] = changes[i].value;
		ASSERT_EQ(-EINVAL, migration_load(self->target, self->stream,
						  STREAM_LENGTH));
		self->stream[changes[i].at] = kept;
		ASSERT_EQ(0, vfio_pci_enable(self->target));
		EXPECT_EQ(0xff, get(BAR0, UART_SCR));
		ASSERT_EQ(0, vfio_ioctl(self->target, VFIO_DEVICE_RESET, NULL));
		EXPECT_EQ(0, get(BAR0, UART_SCR));
		EXPECT_EQ(0, get(BAR1, UART_SCR));
		EXPECT_EQ(0, get(BAR0, UART_IER));
	}
}

TEST_HARNESS_MAIN
