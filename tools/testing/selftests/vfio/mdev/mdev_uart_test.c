// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers of the UARTs of mtty, as in the data sheet of the PC16550D, whose sections the
 * comments name.
 */
#include <errno.h>
#include <stdint.h>

#include <linux/serial_reg.h>

#include "kselftest_harness.h"

#include "mdev_lib.h"
#include "vfio_lib.h"

#define FIFO_SIZE	16
#define FIFO_ON		UART_IIR_FIFO_ENABLED_16550A
#define IDLE		(UART_LSR_TEMT | UART_LSR_THRE)
#define ALL_INTERRUPTS	(UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | \
			 UART_IER_MSI)
#define OUTPUTS		(UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | \
			 UART_MCR_OUT2)
#define DELTAS		UART_MSR_ANY_DELTA
#define INPUTS		(UART_MSR_CTS | UART_MSR_DSR | UART_MSR_RI | \
			 UART_MSR_DCD)

FIXTURE(port)
{
	struct vfio_user user;
};

FIXTURE_VARIANT(port)
{
	const char *type;
	uint32_t region;
};

FIXTURE_VARIANT_ADD(port, only)
{
	.type = "mtty-1",
	.region = VFIO_PCI_BAR0_REGION_INDEX,
};

FIXTURE_VARIANT_ADD(port, second_of_two)
{
	.type = "mtty-2",
	.region = VFIO_PCI_BAR1_REGION_INDEX,
};

FIXTURE_SETUP(port)
{
	ASSERT_EQ(0, mdev_prepare());
	ASSERT_EQ(0, mdev_create(variant->type, UUID_A));
	ASSERT_EQ(0, vfio_open(&self->user, UUID_A));
	ASSERT_EQ(0, vfio_pci_enable(self->user.device));
}

FIXTURE_TEARDOWN(port)
{
	vfio_close(&self->user);
	EXPECT_EQ(0, mdev_remove_all());
}

#define get(_offset) \
	vfio_load(self->user.device, variant->region, _offset, 1)
#define put(_offset, _value) \
	ASSERT_EQ(0, vfio_store(self->user.device, variant->region, _offset, \
				1, _value))

/* Table I, registers after a master reset */
TEST_F(port, registers_after_reset)
{
	EXPECT_EQ(0, get(UART_IER));
	EXPECT_EQ(UART_IIR_NO_INT, get(UART_IIR));
	EXPECT_EQ(0, get(UART_LCR));
	EXPECT_EQ(0, get(UART_MCR));
	EXPECT_EQ(IDLE, get(UART_LSR));
	EXPECT_EQ(0, get(UART_MSR) & DELTAS);
}

TEST_F(port, scratch_register)
{
	int value;

	for (value = 0; value <= UINT8_MAX; value++) {
		put(UART_SCR, value);
		ASSERT_EQ(value, get(UART_SCR));
	}
}

/* 8.1 */
TEST_F(port, line_control_register)
{
	int value;

	for (value = 0; value <= UINT8_MAX; value++) {
		put(UART_LCR, value);
		ASSERT_EQ(value, get(UART_LCR));
	}
}

/* 8.3: with bit 7 of the LCR, the first two registers are the divisor latch */
TEST_F(port, divisor_latch)
{
	put(UART_IER, UART_IER_RDI);
	put(UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	put(UART_DLL, 0x0c);
	put(UART_DLM, 0xa5);
	EXPECT_EQ(0x0c, get(UART_DLL));
	EXPECT_EQ(0xa5, get(UART_DLM));
	EXPECT_EQ(IDLE, get(UART_LSR));

	put(UART_LCR, UART_LCR_WLEN8);
	EXPECT_EQ(UART_IER_RDI, get(UART_IER));
	put(UART_TX, 'x');
	EXPECT_EQ('x', get(UART_RX));

	put(UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	EXPECT_EQ(0x0c, get(UART_DLL));
	EXPECT_EQ(0xa5, get(UART_DLM));
}

/* 8.7 and 8.8: bits that are always 0 */
TEST_F(port, reserved_bits)
{
	put(UART_IER, 0xff);
	EXPECT_EQ(ALL_INTERRUPTS, get(UART_IER));
	put(UART_MCR, 0xff);
	EXPECT_EQ(OUTPUTS | UART_MCR_LOOP, get(UART_MCR));
}

TEST_F(port, tx_echoed_to_rx)
{
	int value;

	for (value = 0; value <= UINT8_MAX; value++) {
		put(UART_TX, value);
		ASSERT_EQ(IDLE | UART_LSR_DR, get(UART_LSR));
		ASSERT_EQ(value, get(UART_RX));
		ASSERT_EQ(IDLE, get(UART_LSR));
	}
}

/* 8.4, bit 1: the previous character is destroyed */
TEST_F(port, overrun_without_fifo)
{
	put(UART_TX, 'a');
	put(UART_TX, 'b');
	EXPECT_EQ(IDLE | UART_LSR_DR | UART_LSR_OE, get(UART_LSR));
	EXPECT_EQ(IDLE | UART_LSR_DR, get(UART_LSR));
	EXPECT_EQ('b', get(UART_RX));
	EXPECT_EQ(IDLE, get(UART_LSR));
}

/* 8.4, bit 1: in FIFO mode the new character is dropped */
TEST_F(port, overrun_with_fifo)
{
	int i;

	put(UART_FCR, UART_FCR_ENABLE_FIFO);
	for (i = 0; i < FIFO_SIZE; i++) {
		put(UART_TX, 'a' + i);
		EXPECT_EQ(IDLE | UART_LSR_DR, get(UART_LSR));
	}
	put(UART_TX, 'z');
	EXPECT_EQ(IDLE | UART_LSR_DR | UART_LSR_OE, get(UART_LSR));
	EXPECT_EQ(IDLE | UART_LSR_DR, get(UART_LSR));
	for (i = 0; i < FIFO_SIZE; i++)
		EXPECT_EQ('a' + i, get(UART_RX));
	EXPECT_EQ(IDLE, get(UART_LSR));
}

TEST_F(port, fifo_wraps)
{
	int i;

	put(UART_FCR, UART_FCR_ENABLE_FIFO);
	for (i = 0; i < 10; i++)
		put(UART_TX, i);
	for (; i < 100; i++) {
		put(UART_TX, i);
		ASSERT_EQ(i - 10, get(UART_RX));
		ASSERT_EQ(IDLE | UART_LSR_DR, get(UART_LSR));
	}
}

/* 8.5, bits 0 to 2 */
TEST_F(port, fifo_clear)
{
	put(UART_FCR, UART_FCR_ENABLE_FIFO);
	EXPECT_EQ(FIFO_ON | UART_IIR_NO_INT, get(UART_IIR));
	put(UART_TX, 'a');
	put(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_XMIT);
	EXPECT_EQ(IDLE | UART_LSR_DR, get(UART_LSR));
	put(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	EXPECT_EQ(IDLE, get(UART_LSR));

	put(UART_TX, 'b');
	put(UART_FCR, 0);
	EXPECT_EQ(IDLE, get(UART_LSR));
	EXPECT_EQ(UART_IIR_NO_INT, get(UART_IIR));
	put(UART_TX, 'c');
	put(UART_FCR, UART_FCR_ENABLE_FIFO);
	EXPECT_EQ(IDLE, get(UART_LSR));
}

/* 8.5: bit 0 must be a 1 when the others are written to */
TEST_F(port, fifo_control_while_disabled)
{
	put(UART_TX, 'a');
	put(UART_FCR, UART_FCR_CLEAR_RCVR | UART_FCR_TRIGGER_14);
	EXPECT_EQ(IDLE | UART_LSR_DR, get(UART_LSR));
	EXPECT_EQ(UART_IIR_NO_INT, get(UART_IIR));
	EXPECT_EQ('a', get(UART_RX));
}

/* 8.6: an interrupt is pending only if it is enabled */
TEST_F(port, iir_enabled_interrupts_only)
{
	put(UART_TX, 'a');
	put(UART_TX, 'b');
	put(UART_MCR, OUTPUTS);
	EXPECT_EQ(UART_IIR_NO_INT, get(UART_IIR));
	put(UART_IER, UART_IER_MSI);
	EXPECT_EQ(UART_IIR_MSI, get(UART_IIR));
	put(UART_IER, UART_IER_RDI);
	EXPECT_EQ(UART_IIR_RDI, get(UART_IIR));
	put(UART_IER, UART_IER_RLSI);
	EXPECT_EQ(UART_IIR_RLSI, get(UART_IIR));
	put(UART_IER, 0);
	EXPECT_EQ(UART_IIR_NO_INT, get(UART_IIR));
}

/* Table IV: the order of interrupts, and what resets each */
TEST_F(port, iir_priority)
{
	put(UART_TX, 'a');
	put(UART_TX, 'b');
	put(UART_MCR, UART_MCR_RTS);
	put(UART_IER, ALL_INTERRUPTS);

	EXPECT_EQ(UART_IIR_RLSI, get(UART_IIR));
	EXPECT_EQ(UART_IIR_RLSI, get(UART_IIR));
	EXPECT_EQ(UART_LSR_OE, get(UART_LSR) & UART_LSR_OE);
	EXPECT_EQ(UART_IIR_RDI, get(UART_IIR));
	EXPECT_EQ(UART_IIR_RDI, get(UART_IIR));
	EXPECT_EQ('b', get(UART_RX));
	EXPECT_EQ(UART_IIR_THRI, get(UART_IIR));
	EXPECT_EQ(UART_IIR_MSI, get(UART_IIR));
	EXPECT_EQ(UART_IIR_MSI, get(UART_IIR));
	EXPECT_EQ(UART_MSR_DCTS, get(UART_MSR) & DELTAS);
	EXPECT_EQ(UART_IIR_NO_INT, get(UART_IIR));
}

/* Table IV, third level: reading the IIR resets it, if it is the source */
TEST_F(port, thr_empty_interrupt)
{
	put(UART_IER, UART_IER_THRI);
	EXPECT_EQ(UART_IIR_THRI, get(UART_IIR));
	EXPECT_EQ(UART_IIR_NO_INT, get(UART_IIR));

	put(UART_TX, 'a');
	EXPECT_EQ(UART_IIR_THRI, get(UART_IIR));
	EXPECT_EQ(UART_IIR_NO_INT, get(UART_IIR));

	put(UART_IER, UART_IER_THRI | UART_IER_RDI);
	put(UART_TX, 'b');
	EXPECT_EQ(UART_IIR_RDI, get(UART_IIR));
	EXPECT_LE(0, get(UART_RX));
	EXPECT_EQ(UART_IIR_THRI, get(UART_IIR));
	EXPECT_EQ(UART_IIR_NO_INT, get(UART_IIR));
}

/* A write to the IER that keeps UART_IER_THRI set raises no new interrupt. */
TEST_F(port, thr_empty_interrupt_once)
{
	put(UART_IER, UART_IER_THRI);
	EXPECT_EQ(UART_IIR_THRI, get(UART_IIR));
	put(UART_IER, UART_IER_THRI | UART_IER_MSI);
	EXPECT_EQ(UART_IIR_NO_INT, get(UART_IIR));
}

/* 8.5, bits 6 and 7, and 8.11: the trigger level, and the timeout below it */
TEST_F(port, rx_trigger_level)
{
	static const struct {
		uint8_t control;
		int level;
	} triggers[] = {
		{ UART_FCR_TRIGGER_1, 1 },
		{ UART_FCR_TRIGGER_4, 4 },
		{ UART_FCR_TRIGGER_8, 8 },
		{ UART_FCR_TRIGGER_14, 14 },
	};
	unsigned int i;
	int count;

	put(UART_IER, UART_IER_RDI);
	for (i = 0; i < ARRAY_SIZE(triggers); i++) {
		put(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR |
			      triggers[i].control);
		EXPECT_EQ(FIFO_ON | UART_IIR_NO_INT, get(UART_IIR));
		for (count = 1; count <= FIFO_SIZE; count++) {
			put(UART_TX, count);
			EXPECT_EQ(FIFO_ON | (count < triggers[i].level ?
					     UART_IIR_RX_TIMEOUT :
					     UART_IIR_RDI), get(UART_IIR));
		}
		for (count = FIFO_SIZE; count; count--)
			EXPECT_LE(0, get(UART_RX));
		EXPECT_EQ(FIFO_ON | UART_IIR_NO_INT, get(UART_IIR));
	}
}

/* 8.8, bit 4: outputs and inputs are connected within the chip */
TEST_F(port, loopback_mode_modem_lines)
{
	static const struct {
		uint8_t output;
		uint8_t input;
	} lines[] = {
		{ UART_MCR_DTR, UART_MSR_DSR },
		{ UART_MCR_RTS, UART_MSR_CTS },
		{ UART_MCR_OUT1, UART_MSR_RI },
		{ UART_MCR_OUT2, UART_MSR_DCD },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		put(UART_MCR, UART_MCR_LOOP | lines[i].output);
		EXPECT_EQ(lines[i].input, get(UART_MSR) & INPUTS);
	}
	put(UART_MCR, UART_MCR_LOOP | OUTPUTS);
	EXPECT_EQ(INPUTS, get(UART_MSR) & INPUTS);
	put(UART_MCR, UART_MCR_LOOP);
	EXPECT_EQ(0, get(UART_MSR) & INPUTS);
}

/* 8.9: changes since the last read of the MSR; of RI only the trailing edge */
TEST_F(port, msr_delta_bits)
{
	put(UART_MCR, UART_MCR_LOOP);
	EXPECT_LE(0, get(UART_MSR));
	EXPECT_EQ(0, get(UART_MSR));

	put(UART_MCR, UART_MCR_LOOP | OUTPUTS);
	EXPECT_EQ(INPUTS | UART_MSR_DCTS | UART_MSR_DDSR | UART_MSR_DDCD,
		  get(UART_MSR));
	EXPECT_EQ(INPUTS, get(UART_MSR));
	put(UART_MCR, UART_MCR_LOOP);
	EXPECT_EQ(DELTAS, get(UART_MSR));
	EXPECT_EQ(0, get(UART_MSR));

	put(UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	put(UART_MCR, UART_MCR_LOOP);
	EXPECT_EQ(UART_MSR_DCTS, get(UART_MSR));
}

/* The loopback plug of mtty connects RTS to CTS, and DTR to DSR and DCD. */
TEST_F(port, modem_lines_of_loopback_plug)
{
	put(UART_MCR, UART_MCR_RTS);
	EXPECT_EQ(UART_MSR_CTS, get(UART_MSR) & INPUTS);
	put(UART_MCR, UART_MCR_DTR);
	EXPECT_EQ(UART_MSR_DSR | UART_MSR_DCD, get(UART_MSR) & INPUTS);
	put(UART_MCR, 0);
	EXPECT_EQ(0, get(UART_MSR) & INPUTS);
}

TEST_F(port, loopback_mode_data)
{
	put(UART_MCR, UART_MCR_LOOP);
	put(UART_TX, 'x');
	EXPECT_EQ(IDLE | UART_LSR_DR, get(UART_LSR));
	EXPECT_EQ('x', get(UART_RX));
}

/* 8.4 and 8.9: LSR and MSR are read-only */
TEST_F(port, lsr_msr_read_only)
{
	int64_t modem;

	put(UART_MCR, 0);
	modem = get(UART_MSR) & INPUTS;
	put(UART_LSR, 0xff);
	put(UART_MSR, 0xff);
	EXPECT_EQ(IDLE, get(UART_LSR));
	EXPECT_EQ(modem, get(UART_MSR));
}

TEST_HARNESS_MAIN
