/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random decisions that can be repeated: the seed is printed, and taken from
 * the environment variable MDEV_SEED if it is there.
 */
#ifndef SELFTESTS_VFIO_RANDOM_LIB_H
#define SELFTESTS_VFIO_RANDOM_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begins anew; each @stream of decisions is another one. */
void random_begin(unsigned int stream);

/*
 * The environment variable MDEV_ROUNDS, or a default; with an "x" after it, that
 * many times the default
 */
unsigned int random_rounds(unsigned int standard);

/* A number below @limit, which is not 0 */
uint64_t random_below(uint64_t limit);

/* True once in @chances */
bool random_once_in(unsigned int chances);

/* A number that is near some limit, of any size in bits */
uint64_t random_extreme(void);

#endif
