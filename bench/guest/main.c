// `bench NAME SCALE` does one piece of work. It prints BEGIN before and END with a checksum after it; the time between
// the two is what the host measures.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "bench.h"

static const struct {
	const char *name;
	work_function *work;
} table[] = {
	{ "integer", integer_work },	 { "sieve", sieve_work }, { "sha256", sha256_work },
	{ "strings", strings_work },	 { "chase", chase_work }, { "mix", mix_work },
	{ "recursion", recursion_work }, { "fma", fma_work },	  { "neon-strings", neon_work },
	{ "faults", faults_work },	 { "forks", forks_work }, { "pipes", pipes_work },
	{ "chase-far", far_chase_work }, { "spin-2", spin2_work },	 { "spin-4", spin4_work }, { "window", window_work },
	{ "sorting", sorting_work },	 { "words", words_work }, { "bytecode", bytecode_work },
	{ "pages", pages_work },	 { "bignum", bignum_work }, { "division", division_work },
	{ "text", text_work },		 { "packing", packing_work },
};

/* A line is out when the host can see it: not before the work, nor after it, does the terminal hold it back. */
static void say(const char *what, const char *name, uint64_t sum)
{
	if (*what == 'B')
		printf("BEGIN %s\n", name);
	else
		printf("END %s %016llx\n", name, (unsigned long long)sum);
	fflush(stdout);
	tcdrain(1);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--exit") == 0)
		_exit(atoi(argv[2]));
	for (unsigned i = 0; argc == 3 && i < sizeof table / sizeof *table; i++) {
		if (strcmp(argv[1], table[i].name))
			continue;
		say("BEGIN", argv[1], 0);
		say("END", argv[1], table[i].work((unsigned)atoi(argv[2])));
		return 0;
	}
	fputs("bench NAME SCALE: no such name\n", stderr);
	return 2;
}
