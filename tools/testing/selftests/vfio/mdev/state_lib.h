/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel has and counts, taken before and after something that has to
 * leave no trace.
 */
#ifndef SELFTESTS_VFIO_STATE_LIB_H
#define SELFTESTS_VFIO_STATE_LIB_H

#include <stdbool.h>

#define STATE_SIZE	32768

/*
 * Lines of text: references of modules, entries of directories, values of files,
 * and open files of this process
 */
struct state {
	bool brief;
	char text[STATE_SIZE];
};

/*
 * @brief: only what is looked up fast: modules, devices, groups, files. The rest
 * takes a debugging kernel half a second.
 */
void state_take(struct state *state, bool brief);

/*
 * Whether all is as it was, or will be within moments. If not, prints the lines
 * that differ.
 */
bool state_is_again(const struct state *before);

#endif
