/* Floating point: every rounding mode, exception flags, subnormals, NaNs, conversions, fused operations, libm, printf. */
#include <fenv.h>
#include <math.h>
#include <stdlib.h>
#include "common.h"

static double special(void) {
  static const double values[] = {0.0,      -0.0,       1.0,       -1.0,     0.5,    1.5,       3.0,       0x1p-1022,
                                  0x1p-1074, 0x1.fp1023, INFINITY, -INFINITY, 0x1p52, 0x1p53 - 1, 0x1p63, 1e300};
  uint64_t r = random64();
  double d;
  if (r & 1) return values[(r >> 1) & 15];
  uint64_t bits = random64();
  if (r & 2) bits = (bits & 0x800fffffffffffffu) | (0x3f0ull + ((r >> 2) & 31)) << 52;
  memcpy(&d, &bits, 8);
  return d;
}

static void see(double d) { note(&d, sizeof d); }
static void see32(float f) { note(&f, sizeof f); }

static void each_operation(void) {
  volatile double a = special(), b = special(), c = special();
  volatile float fa = (float)a, fb = (float)b, fc = (float)c;
  feclearexcept(FE_ALL_EXCEPT);
  see(a + b), see(a - b), see(a * b), see(a / b), see(sqrt(a)), see(fma(a, b, c)), see(-fma(a, -b, c));
  see32(fa + fb), see32(fa - fb), see32(fa * fb), see32(fa / fb), see32(sqrtf(fa)), see32(fmaf(fa, fb, fc));
  see(fmin(a, b)), see(fmax(a, b)), see(rint(a)), see(nearbyint(b)), see(trunc(a)), see(floor(b)), see(ceil(c));
  see(round(a)), see(fabs(b)), see(-c), see32((float)a), see((double)fb);
  note64((uint64_t)fetestexcept(FE_ALL_EXCEPT));
  feclearexcept(FE_ALL_EXCEPT);
  int64_t i64;
  uint64_t u64;
  int32_t i32;
  __asm__ volatile("fcvtzs %0, %d1" : "=r"(i64) : "w"(a));
  __asm__ volatile("fcvtnu %0, %d1" : "=r"(u64) : "w"(b));
  __asm__ volatile("fcvtas %w0, %s1" : "=r"(i32) : "w"(fc));
  note64((uint64_t)i64), note64(u64), note64((uint64_t)(int64_t)i32);
  see((double)(int64_t)random64()), see((double)random64()), see32((float)(int64_t)random64()), see32((float)random64());
  note64(a < b), note64(a <= b), note64(a == b), note64(isunordered(a, b)), note64(isgreater(a, c));
  note64((uint64_t)fetestexcept(FE_ALL_EXCEPT));
}

static void rounding(void) {
  static const struct {
    int mode;
    const char *name;
  } modes[] = {{FE_TONEAREST, "to nearest"}, {FE_UPWARD, "upward"}, {FE_DOWNWARD, "downward"}, {FE_TOWARDZERO, "to zero"}};
  for (int m = 0; m < 4; m++) {
    fesetround(modes[m].mode);
    for (int i = 0; i < 2000; i++) each_operation();
    volatile double one = 1, three = 3;
    volatile double third = one / three, minus = -one / three;
    fesetround(FE_TONEAREST);
    printf("1/3 and -1/3, %-10s %a %a\n", modes[m].name, third, minus);
    part(modes[m].name);
  }
}

static void flags(void) {
  static const struct {
    int flag;
    const char *name;
  } names[] = {{FE_INVALID, "invalid"}, {FE_DIVBYZERO, "divbyzero"}, {FE_OVERFLOW, "overflow"},
               {FE_UNDERFLOW, "underflow"}, {FE_INEXACT, "inexact"}};
  volatile double zero = 0, one = 1, big = 0x1.fffffffffffffp1023, tiny = 0x1p-1022, three = 3, r;
  for (int n = 0; n < 5; n++) {
    feclearexcept(FE_ALL_EXCEPT);
    if (n == 0) r = zero / zero;
    if (n == 1) r = one / zero;
    if (n == 2) r = big * big;
    if (n == 3) r = tiny / three;
    if (n == 4) r = one / three;
    printf("%-10s %a:", names[n].name, r);
    int set = fetestexcept(FE_ALL_EXCEPT);
    for (int k = 0; k < 5; k++)
      if (set & names[k].flag) printf(" %s", names[k].name);
    printf("\n");
    note64((uint64_t)set);
  }
  part("flags");
}

/* FPCR.FZ and FPCR.DN, which C does not reach. */
static void controls(void) {
  uint64_t saved;
  __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
  for (uint64_t control = 0; control < 4; control++) {
    __asm__ volatile("msr fpcr, %0" ::"r"(saved | control << 24));
    for (int i = 0; i < 1000; i++) each_operation();
    __asm__ volatile("msr fpcr, %0" ::"r"(saved | control << 24));
  }
  __asm__ volatile("msr fpcr, %0" ::"r"(saved));
  part("FZ and DN");
}

static void half(void) {
  for (uint32_t bits = 0; bits < 0x10000; bits += 7) {
    uint16_t h = (uint16_t)bits, back;
    __fp16 value;
    memcpy(&value, &h, 2);
    float wide = value;
    see32(wide);
    value = (__fp16)(wide * 1.0009765625f);
    memcpy(&back, &value, 2);
    note64(back);
  }
  part("half precision");
}

static void library(void) {
  static const double at[] = {0.1, 0.5, 1.0, 2.0, 10.0, 100.5, 1e-5, 1e5};
  for (unsigned i = 0; i < 8; i++) {
    double x = at[i];
    see(sin(x)), see(cos(x)), see(tan(x)), see(atan(x)), see(exp(x / 10)), see(log(x)), see(pow(x, 1.7)), see(cbrt(x));
    see(sinh(x / 20)), see(tgamma(x / 10)), see(erf(x)), see(hypot(x, 3)), see(fmod(x, 0.3)), see(remainder(x, 0.7));
    see(log2(x)), see(exp2(x / 10)), see(expm1(x / 100)), see(log1p(x)), see(asinh(x)), see(lgamma(x));
  }
  printf("sin 1 = %.17g, exp 1 = %.17g, pow(2, 0.5) = %a\n", sin(1), exp(1), pow(2, 0.5));
  for (int i = 0; i < 500; i++) {
    char text[40];
    double x = special();
    if (isnan(x)) continue;
    snprintf(text, sizeof text, "%.17g", x);
    note(text, strlen(text));
    note64(strtod(text, NULL) == x);
    snprintf(text, sizeof text, "%a", x);
    note64(strtod(text, NULL) == x);
  }
  part("libm and printf");
}

int main(void) {
  rounding();
  flags();
  controls();
  half();
  library();
  return finish();
}
