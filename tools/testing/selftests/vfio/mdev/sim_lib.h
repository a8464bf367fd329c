/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vendor driver mdev_sim, as tests use it: its knobs in debugfs and its
 * commands. What they mean is said in mdev_sim/mdev_sim_uapi.h.
 *
 * Functions that return a number answer a negative errno when they fail.
 */
#ifndef SELFTESTS_VFIO_MDEV_SIM_LIB_H
#define SELFTESTS_VFIO_MDEV_SIM_LIB_H

#include <stdbool.h>
#include <stdint.h>

#include "mdev_sim/mdev_sim_uapi.h"

#define SIM_DEBUGFS	"/sys/kernel/debug/mdev_sim"
#define SIM_DRIVER	"/sys/bus/platform/drivers/mdev_sim"

/* Names of parents, and where they are */
#define SIM_FULL	"mdev_sim_full.0"
#define SIM_STAY	"mdev_sim_stay.0"
#define SIM_PLAIN	"mdev_sim_plain.0"
#define SIM_OWN		"mdev_sim_own.0"
#define SIM_MINIMAL	"mdev_sim_minimal.0"
#define SIM_PATH(_parent)	"/sys/devices/platform/" _parent

/* Names of types */
#define SIM_PCI		"mdev_sim-pci"
#define SIM_BARE	"mdev_sim-bare"

/* Enough for a process that is not to wait, on a slow machine */
#define SIM_PATIENCE_MS	10000

/*
 * To begin with: the modules are loaded, all parents are there, no test device
 * exists, no knob is turned, and all counts are 0. -ENOENT where there is no
 * such module: then the tests are to be skipped.
 */
int sim_prepare(void);

/*
 * To end with: turns all knobs back, which wakes blocked callbacks, removes the
 * test devices. Answers 0 if nothing is left of them and no rule was broken,
 * and otherwise prints what is wrong.
 */
int sim_finish(void);

/* Loads the module; @parameter is one, "name=value", or NULL. */
int sim_load(const char *parameter);

/* @parent and @type are names from above. */
int sim_create(const char *parent, const char *type, const char *uuid);
int sim_available(const char *parent, const char *type);

/* Takes a parent away, and brings it back. */
int sim_unbind(const char *parent);
int sim_bind(const char *parent);

/* Knobs and counts: "open/fail", "map_block", and so on */
int sim_set(const char *knob, uint64_t value);
int64_t sim_get(const char *knob);

/* Fails, delays and blocks are for the device with that UUID; NULL: for all */
int sim_only(const char *uuid);

/* Waits until a count is what it should be; false after SIM_PATIENCE_MS. */
bool sim_wait_for(const char *knob, int64_t value);

/* A register of 8 bytes in BAR0 of an open device; UINT64_MAX if that fails */
uint64_t sim_register(int device, uint64_t offset);

/*
 * Carries out a command and answers its result. @value, unless it is NULL, gets
 * what the command answers beside that.
 */
int sim_command(int device, unsigned int channel, uint32_t command,
		const uint64_t argument[4], uint64_t *value);

/* The same with up to four arguments, on channel 0, for commands without value */
#define SIM_COMMAND(_device, _command, ...)				\
	sim_command(_device, 0, _command,				\
		    (const uint64_t[4]) { __VA_ARGS__ }, NULL)

/* Whether there is reserved memory for BAR4, see MDEV_SIM_MAP_BLOCK */
bool sim_has_reserved_memory(void);

#endif
