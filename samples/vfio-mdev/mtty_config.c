// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config space of a card: PCI 3.0, chapter 6, as a table of what each dword
 * holds after a reset and of what the guest can do to it.
 */

#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/pci.h>
#include <linux/unaligned.h>

#include "mtty.h"

#define MTTY_DEVICE_ID	0x3253	/* WCH CH352, known to 8250_pci */
#define MTTY_REVISION	0x10
#define MTTY_MSI	0x40	/* offset of the MSI capability */

struct mtty_config_row {
	u32 value;			/* after a reset */
	u32 writable;			/* bits that the guest can change */
	u32 read_only;			/* bits that only the card changes */
	u32 write_one_to_clear;		/* bits that it can only clear */
	unsigned int ports;		/* only on cards with that many */
};

/* Both halves of a dword; @high is the register at the higher address */
#define MTTY_WORDS(low, high)	((low) | (u32)(high) << 16)

/* PCI 3.0, 6.1 to 6.3 and, for the capability, 6.8.1; absent rows are zero */
static const struct mtty_config_row mtty_config[PCI_CFG_SPACE_SIZE / 4] = {
	[PCI_VENDOR_ID / 4] = {
		.value = MTTY_WORDS(PCI_VENDOR_ID_WCHCN, MTTY_DEVICE_ID),
	},
	[PCI_COMMAND / 4] = {
		.value = MTTY_WORDS(0, PCI_STATUS_CAP_LIST |
				       PCI_STATUS_DEVSEL_MEDIUM),
		.writable = PCI_COMMAND_IO | PCI_COMMAND_MASTER |
			    PCI_COMMAND_INTX_DISABLE,
		.read_only = MTTY_WORDS(0, PCI_STATUS_INTERRUPT),
		.write_one_to_clear = MTTY_WORDS(0, PCI_STATUS_ERROR_BITS),
	},
	[PCI_CLASS_REVISION / 4] = {
		.value = PCI_CLASS_COMMUNICATION_SERIAL << 16 |
			 0x02 << 8 /* 16550-compatible */ | MTTY_REVISION,
	},
	/* 6.2.5.1: the guest learns the size from the bits that stay zero */
	[PCI_BASE_ADDRESS_0 / 4] = {
		.value = PCI_BASE_ADDRESS_SPACE_IO,
		.writable = ~(MTTY_PORT_SIZE - 1),
	},
	[PCI_BASE_ADDRESS_1 / 4] = {
		.value = PCI_BASE_ADDRESS_SPACE_IO,
		.writable = ~(MTTY_PORT_SIZE - 1),
		.ports = 2,
	},
	[PCI_SUBSYSTEM_VENDOR_ID / 4] = {
		.value = MTTY_WORDS(PCI_VENDOR_ID_WCHCN, MTTY_DEVICE_ID),
	},
	[PCI_CAPABILITY_LIST / 4] = { .value = MTTY_MSI },
	[PCI_INTERRUPT_LINE / 4] = {
		.value = 1 << 8 /* INTA# */,
		.writable = 0xff,
	},
	[MTTY_MSI / 4] = {
		.value = PCI_CAP_ID_MSI,
		.writable = MTTY_WORDS(0, PCI_MSI_FLAGS_ENABLE),
	},
	[(MTTY_MSI + PCI_MSI_ADDRESS_LO) / 4] = { .writable = ~3 },
	[(MTTY_MSI + PCI_MSI_DATA_32) / 4] = { .writable = 0xffff },
};

void mtty_config_reset(struct mtty_card *card)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mtty_config); i++)
		if (card->ports >= mtty_config[i].ports)
			put_unaligned_le32(mtty_config[i].value,
					   &card->config[i * 4]);
}

/* Whether a card can have this in its config space */
bool mtty_config_valid(const struct mtty_card *card, const u8 *config)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mtty_config); i++) {
		const struct mtty_config_row *row = &mtty_config[i];
		bool present = card->ports >= row->ports;
		u32 value = get_unaligned_le32(&config[i * 4]);
		u32 variable = row->writable | row->read_only;

		if (present ? (value ^ row->value) & ~variable : value)
			return false;
	}
	return true;
}

static void mtty_config_write_row(struct mtty_card *card, unsigned int index,
				  u32 value, u32 mask)
{
	const struct mtty_config_row *row = &mtty_config[index];
	u32 writable = row->writable & mask;
	u32 clear = row->write_one_to_clear & mask & value;
	void *config = &card->config[index * 4];

	if (card->ports < row->ports)
		return;
	put_unaligned_le32((get_unaligned_le32(config) & ~writable & ~clear) |
			   (value & writable), config);
}

/* Naturally aligned, so within a row, or two rows. */
void mtty_config_write(struct mtty_card *card, unsigned int offset,
		       const char *buf, size_t count)
{
	unsigned int shift = offset % 4 * BITS_PER_BYTE;
	unsigned int index = offset / 4;

	switch (count) {
	case 1:
		mtty_config_write_row(card, index, *(u8 *)buf << shift,
				      0xff << shift);
		break;
	case 2:
		mtty_config_write_row(card, index,
				      get_unaligned_le16(buf) << shift,
				      0xffff << shift);
		break;
	case 8:
		mtty_config_write_row(card, index + 1,
				      get_unaligned_le32(buf + 4), ~0);
		fallthrough;
	default:
		mtty_config_write_row(card, index, get_unaligned_le32(buf), ~0);
		break;
	}
}
