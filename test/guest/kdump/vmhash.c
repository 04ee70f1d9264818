/*
 * vmhash START END: reads /proc/vmcore and prints a line for each PT_LOAD between two physical addresses: where it is,
 * its size and a fingerprint of its contents; for each PT_NOTE its size. A PT_LOAD that says to be anywhere else is
 * printed as `odd`, and not read: the kernel would read what is not there. The last line is `vmcore ok`.
 *
 * Fingerprint: two sums over the 32-bit little endian words, s1 += word, s2 += s1, both modulo 2^64. It depends on the
 * place of every word, and the machine's side has it from the same few lines.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES (1u << 20)

static void fail(const char *what)
{
	printf("vmhash: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void read_all(int fd, void *to, size_t bytes, off_t at)
{
	while (bytes > 0) {
		ssize_t got = pread(fd, to, bytes, at);

		if (got <= 0)
			fail("read");
		to = (char *)to + got;
		bytes -= (size_t)got;
		at += got;
	}
}

static void print_segment(int fd, const Elf64_Phdr *header, uint32_t *buffer)
{
	uint64_t s1 = 0, s2 = 0;

	for (uint64_t done = 0; done < header->p_filesz;) {
		uint64_t left = header->p_filesz - done;
		size_t bytes = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;

		read_all(fd, buffer, bytes, (off_t)(header->p_offset + done));
		for (size_t n = 0; n < bytes / 4; n++) {
			s1 += buffer[n];
			s2 += s1;
		}
		done += bytes;
	}
	printf("load %llx %llx %016llx%016llx\n", (unsigned long long)header->p_paddr,
	       (unsigned long long)header->p_filesz, (unsigned long long)s2, (unsigned long long)s1);
}

int main(int argc, char **argv)
{
	Elf64_Ehdr elf;
	uint32_t *buffer = malloc(CHUNK_BYTES);
	int fd = open("/proc/vmcore", O_RDONLY);
	uint64_t start, end;

	if (argc != 3) {
		errno = EINVAL;
		fail("START END");
	}
	start = strtoull(argv[1], NULL, 0);
	end = strtoull(argv[2], NULL, 0);
	if (fd < 0 || !buffer)
		fail("open");
	read_all(fd, &elf, sizeof(elf), 0);
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_type != ET_CORE || elf.e_machine != EM_AARCH64) {
		errno = ENOEXEC;
		fail("header");
	}
	for (unsigned int n = 0; n < elf.e_phnum; n++) {
		Elf64_Phdr header;

		read_all(fd, &header, sizeof(header), (off_t)(elf.e_phoff + n * sizeof(header)));
		if (header.p_type == PT_NOTE)
			printf("note %llx\n", (unsigned long long)header.p_filesz);
		if (header.p_type != PT_LOAD)
			continue;
		if (header.p_paddr < start || header.p_paddr > end || header.p_filesz > end - header.p_paddr)
			printf("odd %llx %llx\n", (unsigned long long)header.p_paddr,
			       (unsigned long long)header.p_filesz);
		else
			print_segment(fd, &header, buffer);
	}
	puts("vmcore ok");
	return 0;
}
