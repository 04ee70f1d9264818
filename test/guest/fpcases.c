// Runs single floating-point instructions on operands read from standard input.
// With an argument: prints the text of each instruction, one to a line; the line number, from 0, is its index.
// Without: reads records of five 64-bit words (index, FPCR, a, b, c), runs the instruction with FPSR clear and a, b, c
// in both d0 to d2 and x0 to x2, and writes four words: d3, x3, NZCV in bits 3 to 0, FPSR.
// Build: aarch64-linux-gnu-gcc -static -O1
#include <stdint.h>
#include <stdio.h>

#define BINARY(X, mnemonic) X(mnemonic " s3, s0, s1") X(mnemonic " d3, d0, d1")
#define UNARY(X, mnemonic) X(mnemonic " s3, s0") X(mnemonic " d3, d0")
#define FUSED(X, mnemonic) X(mnemonic " s3, s0, s1, s2") X(mnemonic " d3, d0, d1, d2")
#define COMPARE(X, mnemonic) X(mnemonic " s0, s1") X(mnemonic " d0, d1")
#define TO_INT(X, mnemonic) \
  X(mnemonic " w3, s0") X(mnemonic " x3, s0") X(mnemonic " w3, d0") X(mnemonic " x3, d0")
#define TO_FIXED(X, mnemonic) \
  X(mnemonic " w3, s0, #1") X(mnemonic " w3, s0, #32") X(mnemonic " x3, s0, #17") X(mnemonic " x3, s0, #64") \
  X(mnemonic " w3, d0, #1") X(mnemonic " w3, d0, #32") X(mnemonic " x3, d0, #17") X(mnemonic " x3, d0, #64")
#define FROM_INT(X, mnemonic) \
  X(mnemonic " s3, w0") X(mnemonic " s3, x0") X(mnemonic " d3, w0") X(mnemonic " d3, x0")
#define FROM_FIXED(X, mnemonic) \
  X(mnemonic " s3, w0, #1") X(mnemonic " s3, w0, #32") X(mnemonic " s3, x0, #17") X(mnemonic " s3, x0, #64") \
  X(mnemonic " d3, w0, #1") X(mnemonic " d3, w0, #32") X(mnemonic " d3, x0, #17") X(mnemonic " d3, x0, #64")

#define INSTRUCTIONS(X) \
  BINARY(X, "fadd") BINARY(X, "fsub") BINARY(X, "fmul") BINARY(X, "fmulx") BINARY(X, "fdiv") BINARY(X, "fabd") \
  BINARY(X, "fnmul") BINARY(X, "fmax") BINARY(X, "fmin") BINARY(X, "fmaxnm") BINARY(X, "fminnm") \
  BINARY(X, "frecps") BINARY(X, "frsqrts") BINARY(X, "fcmeq") BINARY(X, "fcmge") BINARY(X, "fcmgt") \
  BINARY(X, "facge") BINARY(X, "facgt") \
  FUSED(X, "fmadd") FUSED(X, "fmsub") FUSED(X, "fnmadd") FUSED(X, "fnmsub") \
  UNARY(X, "fneg") UNARY(X, "fabs") UNARY(X, "fsqrt") UNARY(X, "frecpe") UNARY(X, "frsqrte") UNARY(X, "frecpx") \
  UNARY(X, "frintn") UNARY(X, "frintp") UNARY(X, "frintm") UNARY(X, "frintz") UNARY(X, "frinta") \
  UNARY(X, "frintx") UNARY(X, "frinti") \
  COMPARE(X, "fcmp") COMPARE(X, "fcmpe") \
  TO_INT(X, "fcvtns") TO_INT(X, "fcvtnu") TO_INT(X, "fcvtps") TO_INT(X, "fcvtpu") TO_INT(X, "fcvtms") \
  TO_INT(X, "fcvtmu") TO_INT(X, "fcvtzs") TO_INT(X, "fcvtzu") TO_INT(X, "fcvtas") TO_INT(X, "fcvtau") \
  TO_FIXED(X, "fcvtzs") TO_FIXED(X, "fcvtzu") \
  FROM_INT(X, "scvtf") FROM_INT(X, "ucvtf") FROM_FIXED(X, "scvtf") FROM_FIXED(X, "ucvtf") \
  X("fcvt h3, s0") X("fcvt h3, d0") X("fcvt s3, h0") X("fcvt d3, h0") X("fcvt s3, d0") X("fcvt d3, s0") \
  X("fcvtxn s3, d0") X("urecpe v3.2s, v0.2s") X("ursqrte v3.2s, v0.2s")

struct input { uint64_t index, fpcr, a, b, c; };
struct output { uint64_t d3, x3, nzcv, fpsr; };

#define CASE(text) \
  case __COUNTER__: \
    __asm__ volatile( \
        "mov x0, %[a]\n mov x1, %[b]\n mov x2, %[c]\n mov x3, xzr\n" \
        "fmov d0, x0\n fmov d1, x1\n fmov d2, x2\n movi v3.2d, #0\n" \
        "msr fpcr, %[fpcr]\n msr fpsr, xzr\n msr nzcv, xzr\n" \
        text "\n" \
        "mrs %[fpsr], fpsr\n mrs %[nzcv], nzcv\n msr fpcr, xzr\n fmov %[d3], d3\n mov %[x3], x3\n" \
        : [fpsr] "=&r"(out.fpsr), [nzcv] "=&r"(out.nzcv), [d3] "=&r"(out.d3), [x3] "=&r"(out.x3) \
        : [a] "r"(in.a), [b] "r"(in.b), [c] "r"(in.c), [fpcr] "r"(in.fpcr) \
        : "x0", "x1", "x2", "x3", "v0", "v1", "v2", "v3", "cc", "memory"); \
    break;

#define LINE(text) puts(text);

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    INSTRUCTIONS(LINE)
    return 0;
  }
  struct input in;
  while (fread(&in, sizeof in, 1, stdin) == 1) {
    struct output out = {0};
    switch (in.index) {
      INSTRUCTIONS(CASE)
      default: return 1;
    }
    out.nzcv >>= 28;
    if (fwrite(&out, sizeof out, 1, stdout) != 1) return 2;
  }
  return 0;
}
