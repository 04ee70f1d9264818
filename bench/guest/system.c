// What the kernel does for a program: page faults and system calls, processes, pipes.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define PAGE 4096
#define PAGES 64

uint64_t faults_work(unsigned scale)
{
	uint64_t sum = 0;
	long parent = syscall(SYS_getppid);
	for (unsigned round = 0; round < scale * 20; round++) {
		unsigned char *area =
			mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (area == MAP_FAILED)
			abort();
		for (unsigned i = 0; i < PAGES; i++) {
			sum += area[i * PAGE + round % PAGE];
			area[i * PAGE + 1] = (unsigned char)(i + round);
			sum = fold(sum, area[i * PAGE + 1]);
		}
		for (int i = 0; i < 200; i++)
			sum += syscall(SYS_getppid) == parent;
		munmap(area, PAGES * PAGE);
	}
	return sum;
}

uint64_t forks_work(unsigned scale)
{
	uint64_t sum = 0;
	for (unsigned round = 0; round < scale * 8; round++) {
		char code[] = { (char)('0' + round % 10), 0 };
		pid_t child = fork();
		if (child < 0)
			abort();
		if (child == 0) {
			execl("/proc/self/exe", "bench", "--exit", code, (char *)0);
			_exit(99);
		}
		int status = 0;
		if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
			abort();
		sum = fold(sum, (uint64_t)WEXITSTATUS(status));
	}
	return sum;
}

static uint64_t exchange(int in, int out, uint64_t value)
{
	if (write(out, &value, sizeof value) != sizeof value || read(in, &value, sizeof value) != sizeof value)
		abort();
	return value;
}

uint64_t pipes_work(unsigned scale)
{
	int to[2], back[2];
	if (pipe(to) || pipe(back))
		abort();
	pid_t child = fork();
	if (child < 0)
		abort();
	if (child == 0) {
		uint64_t value;
		close(to[1]);
		while (read(to[0], &value, sizeof value) == sizeof value) {
			value = fold(value, 7);
			if (write(back[1], &value, sizeof value) != sizeof value)
				break;
		}
		_exit(0);
	}
	uint64_t sum = 1;
	for (unsigned round = 0; round < scale * 1000; round++)
		sum = exchange(back[0], to[1], sum + round);
	close(to[1]);
	waitpid(child, 0, 0);
	close(to[0]), close(back[0]), close(back[1]);
	return sum;
}

// Without end: short system calls one after the other, for whoever stops the machine in the middle of the kernel.
uint64_t window_work(unsigned scale)
{
	int ends[2];
	char byte = (char)scale;
	if (pipe(ends))
		abort();
	for (;;) {
		syscall(SYS_getppid);
		if (write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1)
			abort();
	}
}
