// The integer programs without a kernel: NAME and SCALE are compiled in, the checksum is left in X20, and the machine
// is turned off by PSCI (DEN0022, "SYSTEM_OFF"). The MMU is on, with RAM where it is, because that is how programs run.
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

/* Level 1 with a granule of 4 KiB: 1 GiB for each entry (DDI 0487, "VMSAv8-64 translation table format"). */
static uint64_t level1[512] __attribute__((aligned(4096)));

static void mmu_on(void)
{
	const uint64_t valid_block = 1, access_flag = 1 << 10, inner_shareable = 3 << 8, ram = 0x40000000;
	const uint64_t t0sz = 64 - 39, write_back = 1 << 8 | 1 << 10, shareable = 3 << 12, no_ttbr1 = 1 << 23;
	const uint64_t pa_bits_40 = (uint64_t)2 << 32, caches_and_mmu = 1 << 12 | 1 << 2 | 1;
	uint64_t sctlr;
	level1[ram >> 30] = ram | access_flag | inner_shareable | valid_block;
	__asm__ volatile("dsb ish\n"
			 "msr MAIR_EL1, %1\n"
			 "msr TCR_EL1, %2\n"
			 "msr TTBR0_EL1, %3\n"
			 "isb\n"
			 "mrs %0, SCTLR_EL1\n"
			 "orr %0, %0, %4\n"
			 "msr SCTLR_EL1, %0\n"
			 "isb\n"
			 : "=&r"(sctlr)
			 : "r"((uint64_t)0xff), "r"(t0sz | write_back | shareable | no_ttbr1 | pa_bits_40),
			   "r"(level1), "r"(caches_and_mmu)
			 : "memory");
}

__attribute__((noreturn)) void bare_main(void)
{
	mmu_on();
	register uint64_t sum __asm__("x20") = WORK(NAME)(SCALE);
	register uint64_t function __asm__("x0") = 0x84000008;
	__asm__ volatile("smc #0" : "+r"(function) : "r"(sum));
	for (;;)
		;
}
