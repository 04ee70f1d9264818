// Runs single floating-point or SIMD instruction words that use only v0 to v3, x0 and x1.
// Reads records: word, FPCR, FPSR, NZCV (bits 31:28) as 32-bit words, v0 to v3, x0, x1.
// Writes records: NZCV (bits 31:28), FPSR, 1 if the word is undefined, 0 as 32-bit words, v0 to v3, x0, x1.
// Build: aarch64-linux-gnu-gcc -static -O1
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct input {
  uint32_t word, fpcr, fpsr, nzcv;
  uint64_t state[10];
};
struct output {
  uint32_t nzcv, fpsr, undefined, zero;
  uint64_t state[10];
};

static sigjmp_buf landing;

static void onSignal(int signal) {
  (void)signal;
  siglongjmp(landing, 1);
}

static void run(const struct input *in, struct output *out, const void *code) {
  uint64_t nzcv = in->nzcv, fpsr = in->fpsr;
  __asm__ volatile(
      "ldp q0, q1, [%[from]]\n ldp q2, q3, [%[from], #32]\n ldp x0, x1, [%[from], #64]\n"
      "msr fpcr, %[fpcr]\n msr fpsr, %[fpsr]\n msr nzcv, %[nzcv]\n"
      "blr %[code]\n"
      "mrs %[nzcv], nzcv\n mrs %[fpsr], fpsr\n msr fpcr, xzr\n"
      "stp q0, q1, [%[to]]\n stp q2, q3, [%[to], #32]\n stp x0, x1, [%[to], #64]\n"
      : [nzcv] "+r"(nzcv), [fpsr] "+r"(fpsr)
      : [from] "r"(in->state), [to] "r"(out->state), [code] "r"(code), [fpcr] "r"((uint64_t)in->fpcr)
      : "x0", "x1", "x30", "v0", "v1", "v2", "v3", "cc", "memory");
  out->nzcv = (uint32_t)nzcv;
  out->fpsr = (uint32_t)fpsr;
}

int main(void) {
  uint32_t *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) return 1;
  code[1] = 0xd65f03c0;  // ret
  signal(SIGILL, onSignal);
  static struct input in;
  static struct output out;
  while (fread(&in, sizeof in, 1, stdin) == 1) {
    memset(&out, 0, sizeof out);
    if (code[0] != in.word) {
      code[0] = in.word;
      __builtin___clear_cache((char *)code, (char *)(code + 2));
    }
    if (sigsetjmp(landing, 1)) {
      memset(&out, 0, sizeof out);
      out.undefined = 1;
    } else {
      run(&in, &out, code);
    }
    if (fwrite(&out, sizeof out, 1, stdout) != 1) return 2;
  }
  return 0;
}
