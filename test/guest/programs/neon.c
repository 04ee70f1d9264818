/* Advanced SIMD: arithmetic of every lane size, saturation, widening, permutes, tables, structures, AES, SHA, PMULL. */
#include <arm_neon.h>
#include "common.h"

static uint8x16_t any(void) {
  uint64_t pair[2] = {random64(), random64()};
  if (!(pair[0] & 7)) pair[0] = 0x8080808080808080u ^ (pair[1] & 1);
  if (!(pair[1] & 7)) pair[1] = 0x7fff7fff7fffffffu;
  return vreinterpretq_u8_u64(vld1q_u64(pair));
}

#define SEE(v)                \
  ({                          \
    __typeof__(v) seen = (v); \
    note(&seen, sizeof seen); \
  })

#define LANES(name, vector, suffix, from)                                                                     \
  static void name(void) {                                                                                    \
    for (int i = 0; i < 400; i++) {                                                                           \
      vector a = from(any()), b = from(any()), c = from(any());                                               \
      SEE(vaddq_##suffix(a, b)), SEE(vsubq_##suffix(a, b)), SEE(vmulq_##suffix(a, b));                        \
      SEE(vmlaq_##suffix(c, a, b)), SEE(vmlsq_##suffix(c, a, b));                                             \
      SEE(vqaddq_##suffix(a, b)), SEE(vqsubq_##suffix(a, b)), SEE(vhaddq_##suffix(a, b));                     \
      SEE(vrhaddq_##suffix(a, b)), SEE(vhsubq_##suffix(a, b)), SEE(vabdq_##suffix(a, b));                     \
      SEE(vabaq_##suffix(c, a, b)), SEE(vmaxq_##suffix(a, b)), SEE(vminq_##suffix(a, b));                     \
      SEE(vpaddq_##suffix(a, b)), SEE(vpmaxq_##suffix(a, b)), SEE(vceqq_##suffix(a, b));                      \
      SEE(vcgtq_##suffix(a, b)), SEE(vcgeq_##suffix(a, b)), SEE(vtstq_##suffix(a, b));                        \
      SEE(vzip1q_##suffix(a, b)), SEE(vzip2q_##suffix(a, b)), SEE(vuzp1q_##suffix(a, b));                     \
      SEE(vuzp2q_##suffix(a, b)), SEE(vtrn1q_##suffix(a, b)), SEE(vtrn2q_##suffix(a, b));                     \
      SEE(vextq_##suffix(a, b, 1)), SEE(vshlq_n_##suffix(a, 3)), SEE(vshrq_n_##suffix(a, 3));                 \
      SEE(vrshrq_n_##suffix(a, 5)), SEE(vsraq_n_##suffix(c, a, 2)), SEE(vsliq_n_##suffix(a, b, 4));           \
      SEE(vsriq_n_##suffix(a, b, 4)), SEE(vqshlq_n_##suffix(a, 1));                                           \
      SEE(vaddvq_##suffix(a)), SEE(vmaxvq_##suffix(a)), SEE(vminvq_##suffix(b));                              \
    }                                                                                                         \
    part(#suffix);                                                                                            \
  }

#define SAME(v) (v)
LANES(lanes_u8, uint8x16_t, u8, SAME)
LANES(lanes_s8, int8x16_t, s8, vreinterpretq_s8_u8)
LANES(lanes_u16, uint16x8_t, u16, vreinterpretq_u16_u8)
LANES(lanes_s16, int16x8_t, s16, vreinterpretq_s16_u8)
LANES(lanes_u32, uint32x4_t, u32, vreinterpretq_u32_u8)
LANES(lanes_s32, int32x4_t, s32, vreinterpretq_s32_u8)

static void widening(void) {
  for (int i = 0; i < 400; i++) {
    int16x8_t a = vreinterpretq_s16_u8(any()), b = vreinterpretq_s16_u8(any());
    int32x4_t w = vreinterpretq_s32_u8(any());
    uint8x16_t x = any(), y = any();
    SEE(vmull_s16(vget_low_s16(a), vget_low_s16(b))), SEE(vmull_high_s16(a, b)), SEE(vmlal_high_s16(w, a, b));
    SEE(vqdmull_s16(vget_low_s16(a), vget_low_s16(b))), SEE(vqdmlal_high_s16(w, a, b)), SEE(vqdmulhq_s16(a, b));
    SEE(vqrdmulhq_s16(a, b)), SEE(vaddl_high_u8(x, y)), SEE(vaddw_high_s16(w, a)), SEE(vsubl_high_u8(x, y));
    SEE(vmovn_s32(w)), SEE(vqmovn_s32(w)), SEE(vqmovun_s32(w)), SEE(vqmovn_high_s32(vqmovn_s32(w), w));
    SEE(vshrn_n_s32(w, 7)), SEE(vqrshrn_n_s32(w, 9)), SEE(vqrshrun_n_s32(w, 9)), SEE(vraddhn_s32(w, w));
    SEE(vshll_high_n_u8(x, 8)), SEE(vpaddlq_u8(x)), SEE(vpadalq_s16(w, a)), SEE(vaddlvq_s16(a)), SEE(vabdl_high_u8(x, y));
    SEE(vmull_high_p8(vreinterpretq_p8_u8(x), vreinterpretq_p8_u8(y)));
  }
  part("widening");
}

static void bytes(void) {
  for (int i = 0; i < 400; i++) {
    uint8x16_t a = any(), b = any(), c = any();
    uint8x16x4_t table = {{a, b, c, any()}};
    uint8x16_t index = vandq_u8(any(), vdupq_n_u8(0x7f));
    SEE(vqtbl1q_u8(a, index)), SEE(vqtbl4q_u8(table, index)), SEE(vqtbx4q_u8(c, table, index)), SEE(vcntq_u8(a));
    SEE(vclzq_u8(a)), SEE(vclsq_s8(vreinterpretq_s8_u8(a))), SEE(vrbitq_u8(a)), SEE(vrev64q_u8(a)), SEE(vrev16q_u8(a));
    SEE(vbslq_u8(a, b, c)), SEE(vbicq_u8(a, b)), SEE(vornq_u8(a, b)), SEE(veorq_u8(a, b)), SEE(vmvnq_u8(c));
  }
  part("bytes");
}

static void structures(void) {
  static uint8_t buffer[256], out[256];
  for (int i = 0; i < 256; i++) buffer[i] = (uint8_t)random64();
  for (int at = 0; at < 64; at += 3) {
    uint8x16x3_t three = vld3q_u8(buffer + at);
    uint16x8x2_t two = vld2q_u16((const uint16_t *)(buffer + (at & ~1)));
    uint32x4x4_t four = vld4q_u32((const uint32_t *)(buffer + (at & ~3)));
    SEE(three), SEE(two), SEE(four);
    vst4q_u32((uint32_t *)(out + (at & ~3)), four);
    vst3q_u8(out + at, three);
    four = vld4q_lane_u32((const uint32_t *)(buffer + (at & ~3)), four, 2);
    vst2q_lane_u16((uint16_t *)(out + (at & ~1)), two, 5);
    SEE(four), SEE(vld1q_dup_u32((const uint32_t *)(buffer + (at & ~3)))), SEE(vld2q_dup_u8(buffer + at));
    note(out, sizeof out);
  }
  part("structures");
}

static void floats(void) {
  for (int i = 0; i < 800; i++) {
    float32x4_t a = vcvtq_f32_s32(vreinterpretq_s32_u8(any())), b = vreinterpretq_f32_u8(any());
    float64x2_t d = vcvtq_f64_s64(vreinterpretq_s64_u8(any())), e = vreinterpretq_f64_u8(any());
    SEE(vaddq_f32(a, b)), SEE(vmulq_f32(a, b)), SEE(vfmaq_f32(a, b, b)), SEE(vdivq_f32(a, b)), SEE(vsqrtq_f32(a));
    SEE(vmaxnmq_f32(a, b)), SEE(vminq_f32(a, b)), SEE(vabdq_f32(a, b)), SEE(vrecpeq_f32(a)), SEE(vrsqrteq_f32(b));
    SEE(vrecpsq_f32(a, b)), SEE(vrsqrtsq_f32(a, b)), SEE(vmulxq_f32(a, b)), SEE(vrndnq_f32(b)), SEE(vcvtnq_s32_f32(b));
    SEE(vcvtq_n_s32_f32(a, 7)), SEE(vcvtq_n_f32_u32(vreinterpretq_u32_f32(b), 9)), SEE(vpaddq_f32(a, b));
    SEE(vaddq_f64(d, e)), SEE(vfmaq_f64(d, e, e)), SEE(vdivq_f64(d, e)), SEE(vcvt_f32_f64(d)), SEE(vcvt_high_f64_f32(b));
    SEE(vcgtq_f32(a, b)), SEE(vcageq_f64(d, e)), SEE(vmaxvq_f32(a)), SEE(vcvtxd_f32_f64(vgetq_lane_f64(d, 1)));
    SEE(vfmaq_laneq_f32(a, b, a, 3)), SEE(vmulq_laneq_f64(d, e, 1));
  }
  part("floats");
}

__attribute__((target("+crypto"))) static void crypto(void) {
  uint8x16_t state = any(), key = any();
  uint32x4_t abcd = vreinterpretq_u32_u8(any()), efgh = vreinterpretq_u32_u8(any());
  uint32_t e = (uint32_t)random64();
  for (int i = 0; i < 1000; i++) {
    uint32x4_t w = vreinterpretq_u32_u8(any());
    state = vaesmcq_u8(vaeseq_u8(state, key));
    key = vaesimcq_u8(vaesdq_u8(key, any()));
    uint32x4_t next = i & 1 ? vsha1cq_u32(abcd, e, w) : i & 2 ? vsha1pq_u32(abcd, e, w) : vsha1mq_u32(abcd, e, w);
    e = vsha1h_u32(vgetq_lane_u32(abcd, 0));
    abcd = vsha1su1q_u32(vsha1su0q_u32(next, w, efgh), abcd);
    uint32x4_t kept = efgh;
    efgh = vsha256h2q_u32(efgh, vsha256hq_u32(efgh, abcd, w), w);
    efgh = vsha256su1q_u32(vsha256su0q_u32(efgh, w), kept, abcd);
    poly128_t product = vmull_p64((poly64_t)random64(), (poly64_t)random64());
    SEE(state), SEE(key), SEE(abcd), SEE(e), SEE(efgh), SEE(product);
  }
  part("AES, SHA, PMULL");
}

int main(void) {
  lanes_u8(), lanes_s8(), lanes_u16(), lanes_s16(), lanes_u32(), lanes_s32();
  widening();
  bytes();
  structures();
  floats();
  crypto();
  return finish();
}
