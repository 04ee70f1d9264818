// A compressor of the Lempel-Ziv kind with its inverse, and the CRC of what it makes.
#include <string.h>

#include "bench.h"

#define BYTES 65536

static unsigned char plain[BYTES], packed[2 * BYTES], again[BYTES];

static uint32_t crc(const unsigned char *data, unsigned length)
{
	static uint32_t table[256];
	if (!table[1])
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t value = i;
			for (int bit = 0; bit < 8; bit++)
				value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
			table[i] = value;
		}
	uint32_t value = ~0u;
	while (length--)
		value = table[(value ^ *data++) & 255] ^ value >> 8;
	return ~value;
}

/* Tokens: a byte below 128 is a run of so many literals; otherwise a match of that many less 124, and its distance. */
static unsigned pack(const unsigned char *from, unsigned length, unsigned char *to)
{
	static unsigned last[4096];
	unsigned char *out = to, *run = NULL;
	memset(last, 0, sizeof last);
	for (unsigned at = 0; at < length;) {
		unsigned match = 0, distance = 0;
		if (at + 4 <= length) {
			uint32_t word;
			memcpy(&word, from + at, 4);
			unsigned *slot = &last[word * 2654435761u >> 20];
			distance = at + 1 - *slot;
			if (*slot && distance < 65536)
				while (match < 131 && at + match < length && from[*slot - 1 + match] == from[at + match])
					match++;
			*slot = at + 1;
		}
		if (match >= 4) {
			*out++ = (unsigned char)(match + 124);
			*out++ = (unsigned char)distance;
			*out++ = (unsigned char)(distance >> 8);
			run = NULL;
			at += match;
		} else {
			if (!run || *run == 127) {
				run = out++;
				*run = 0;
			}
			++*run;
			*out++ = from[at++];
		}
	}
	return (unsigned)(out - to);
}

static unsigned unpack(const unsigned char *from, unsigned length, unsigned char *to)
{
	unsigned char *out = to;
	for (const unsigned char *end = from + length; from < end;) {
		unsigned token = *from++;
		if (token < 128) {
			while (token--)
				*out++ = *from++;
			continue;
		}
		const unsigned char *back = out - (from[0] | from[1] << 8);
		from += 2;
		for (token -= 124; token--;)
			*out++ = *back++;
	}
	return (unsigned)(out - to);
}

uint64_t packing_work(unsigned scale)
{
	uint64_t sum = 0, state = 88172645463325252u;
	for (unsigned i = 0; i < BYTES; i++)
		plain[i] = (unsigned char)("etaoin shrdlu"[next_random(&state) % 13]);
	for (unsigned round = 0; round < scale * 4; round++) {
		plain[next_random(&state) % BYTES] = (unsigned char)round;
		unsigned length = pack(plain, BYTES, packed);
		unsigned back = unpack(packed, length, again);
		sum = fold(sum, crc(packed, length) + crc(again, back) + (uint64_t)(memcmp(plain, again, BYTES) == 0));
	}
	return sum;
}
