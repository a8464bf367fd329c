/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sample cards of medu, which compute factorials: loading the module,
 * creating a card, and its registers.
 *
 * Functions that return an int answer a negative errno when they fail.
 */
#ifndef SELFTESTS_VFIO_MDEV_MEDU_LIB_H
#define SELFTESTS_VFIO_MDEV_MEDU_LIB_H

#include <stdint.h>

#include "vfio_lib.h"

#define MEDU		"/sys/class/mdev_bus/medu"
#define MEDU_TYPE	MEDU "/mdev_supported_types/medu-card"

/* Registers, by offset in BAR 0 */
#define MEDU_ID		0x00
#define MEDU_LIVENESS	0x04
#define MEDU_FACTORIAL	0x08
#define MEDU_CAUSE	0x24
#define MEDU_ACK	0x64
#define MEDU_SIZE	0x80

/* What MEDU_ID answers */
#define MEDU_IS_EDU	0x010000ed

/*
 * To begin with: the modules are loaded, no test device exists. -ENOENT if there
 * is no medu.
 */
int medu_prepare(void);

/* At the end: no test device exists, and medu isn't loaded any more. */
int medu_finish(void);

int medu_create(const char *uuid);

/* Creates a card with UUID_A, opens and enables it. */
int medu_open(struct vfio_user *user);

/* One access of 4 bytes */
int64_t medu_read(int device, uint64_t offset);
int medu_write(int device, uint64_t offset, uint32_t value);

#endif
