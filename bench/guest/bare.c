// The integer programs without a kernel: NAME and SCALE are compiled in, the checksum is left in X20, and the machine is
// turned off by PSCI (DEN0022, "SYSTEM_OFF").
#include "bench.h"

#define PASTE(name) name##_work
#define WORK(name) PASTE(name)

__asm__(".section .text.start, \"ax\"\n"
	".global _start\n"
	"_start:	adrp	x0, stack_top\n"
	"	add	x0, x0, :lo12:stack_top\n"
	"	mov	sp, x0\n"
	"	bl	bare_main\n"
	".section .bss.stack, \"aw\", @nobits\n"
	"	.balign	16\n"
	"	.skip	0x100000\n"
	"stack_top:\n"
	".text\n");

__attribute__((noreturn)) void bare_main(void)
{
	register uint64_t sum __asm__("x20") = WORK(NAME)(SCALE);
	register uint64_t function __asm__("x0") = 0x84000008;
	__asm__ volatile("smc #0" : "+r"(function) : "r"(sum));
	for (;;)
		;
}
