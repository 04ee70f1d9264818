// A process with a page of its own that is to go bad: says where the page is, waits for /tmp/go, then reads it.
//
//   victim [early] [default] [spin]
//
// early: wants to be told as soon as the kernel knows (PR_MCE_KILL_EARLY). default: does not handle SIGBUS. spin: does
// not wait by sleeping, so that its processor is at EL0.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static volatile uint64_t *page;

static void on_sigbus(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	char line[128];
	uintptr_t at = (uintptr_t)info->si_addr & ~0xffful;
	const char *where = at == (uintptr_t)page ? "the page" : info->si_addr ? "elsewhere" : "nowhere";
	int length = snprintf(line, sizeof line, "SIGBUS code %d at %s lsb %d\n", info->si_code, where,
			      info->si_addr_lsb);
	if (write(1, line, length) < 0)
		_exit(3);
	_exit(7);
}

static uint64_t physical_address(void)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;
	if (pagemap < 0 || pread(pagemap, &entry, 8, (uintptr_t)page / 4096 * 8) != 8)
		return 0;
	close(pagemap);
	return (entry & ((1ull << 55) - 1)) * 4096;
}

int main(int count, char **words)
{
	int early = 0, handled = 1, spin = 0;
	for (int n = 1; n < count; n++) {
		early |= !strcmp(words[n], "early");
		handled &= strcmp(words[n], "default") != 0;
		spin |= !strcmp(words[n], "spin");
	}
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || mlock((void *)page, 4096))
		return 1;
	page[0] = 0x600df00d;
	if (early && prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0))
		return 2;
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	if (handled)
		sigaction(SIGBUS, &action, NULL);
	printf("page 0x%llx\n", (unsigned long long)physical_address());
	fflush(stdout);
	for (uint64_t n = 0;; n++) {
		__asm__ volatile("" ::: "memory");
		if (spin && n % (1 << 20))
			continue;
		if (access("/tmp/go", F_OK) == 0)
			break;
		if (!spin)
			usleep(10000);
	}
	printf("read 0x%llx\n", (unsigned long long)page[0]);
	return 0;
}
