// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random decisions that can be repeated: the seed is printed, and taken from
 * the environment variable MDEV_SEED if it is there.
 */
#include <stdlib.h>
#include <sys/random.h>

#include "kselftest.h"
#include "random_lib.h"

static uint64_t state;

/* The same for all tests of a program */
static uint64_t seed(void)
{
	static uint64_t number;
	const char *text = getenv("MDEV_SEED");

	if (!number && text)
		number = strtoull(text, NULL, 0);
	else if (!number && getrandom(&number, sizeof(number), 0) > 0)
		number %= 1000000000;
	return number;
}

static uint64_t next(void)
{
	uint64_t number;

	/* Splitmix64 */
	state += 0x9e3779b97f4a7c15;
	number = (state ^ state >> 30) * 0xbf58476d1ce4e5b9;
	number = (number ^ number >> 27) * 0x94d049bb133111eb;
	return number ^ number >> 31;
}

void random_begin(unsigned int stream)
{
	state = seed() + ((uint64_t)stream << 32);
	if (!stream)
		ksft_print_msg("MDEV_SEED=%llu\n", (unsigned long long)seed());
}

unsigned int random_rounds(unsigned int standard)
{
	const char *text = getenv("MDEV_ROUNDS");
	unsigned long number;
	char *end;

	if (!text)
		return standard;
	number = strtoul(text, &end, 0);
	return *end == 'x' ? number * standard : number;
}

uint64_t random_below(uint64_t limit)
{
	return next() % limit;
}

bool random_once_in(unsigned int chances)
{
	return !random_below(chances);
}

uint64_t random_extreme(void)
{
	uint64_t power = 1ULL << random_below(64);

	switch (random_below(6)) {
	case 0:
		return random_below(16);
	case 1:
		return power;
	case 2:
		return power - 1;
	case 3:
		return power + random_below(16);
	case 4:
		return -random_below(16);
	default:
		return next();
	}
}
