/**
 * Words of the shapes that are built into the run loop: those that the interpreter runs most, the most frequent first,
 * counted over boots of Linux and programs of all kinds while hot code was compiled.
 *
 * A word stands for its shape; which registers and immediates it names means nothing. Those that call a helper in any
 * case are left out: they would only make the loop larger.
 */
export const FREQUENT_WORDS: readonly number[] = [
  0xaa0003f5, // ORR (shifted register)
  0xd503245f, // HINT
  0xf9400002, // LDR (immediate, unsigned offset, 64-bit)
  0x91000000, // ADD (immediate)
  0x2a0003e2, // ORR (shifted register)
  0xeb01001f, // SUBS (shifted register)
  0xa90153f3, // STP (signed offset, 64-bit)
  0x94000006, // BL
  0xa9425bf5, // LDP (signed offset, 64-bit)
  0x7100041f, // SUBS (immediate)
  0xb9400000, // LDR (immediate, unsigned offset, 32-bit)
  0xd65f03c0, // RET
  0x540000c1, // B.cond
  0x0b0200c6, // ADD (shifted register)
  0x5281c220, // MOVZ
  0x8b020000, // ADD (shifted register)
  0x54000040, // B.cond
  0x1459a356, // B
  0xb4000041, // CBZ
  0xd2800082, // MOVZ
  0x350000e5, // CBNZ
  0xf9401bf7, // LDR (immediate, unsigned offset, 64-bit)
  0x4a010003, // EOR (shifted register)
  0xf900001f, // STR (immediate, unsigned offset, 64-bit)
  0xd3504c63, // UBFM
  0xf9001bf7, // STR (immediate, unsigned offset, 64-bit)
  0xa9bd7bfd, // STP (pre-index, 64-bit)
  0xd0003260, // ADRP
  0xa8c17bfd, // LDP (post-index, 64-bit)
  0x6b03001f, // SUBS (shifted register)
  0x13814021, // EXTR
  0xcb0a016d, // SUB (shifted register)
  0x34fffd00, // CBZ
  0xf100201f, // SUBS (immediate)
  0x926ba861, // AND (immediate)
  0x12001c21, // AND (immediate)
  0x11001126, // ADD (immediate)
  0x54fffea8, // B.cond
  0x93482c20, // SBFM
  0x39400260, // LDRB (immediate, unsigned offset)
  0xd1000443, // SUB (immediate)
  0xb9000142, // STR (immediate, unsigned offset, 32-bit)
  0xd5384101, // MRS (SP_EL0)
  0x37f80580, // TBNZ
  0x54ffff49, // B.cond
  0xf86678a5, // LDR (register, 64-bit)
  0xb5ffff23, // CBNZ
  0xb240058c, // ORR (immediate)
  0x72001c1f, // ANDS (immediate)
  0x9b047c25, // MADD
  0xb9800002, // LDRSW (immediate, unsigned offset)
  0x36f80141, // TBZ
  0xca0500c6, // EOR (shifted register)
  0x51000421, // SUB (immediate)
  0x540002c2, // B.cond
  0x4ac27022, // EOR (shifted register)
  0xa9000415, // STP (signed offset, 64-bit)
  0xf240085f, // ANDS (immediate)
  0x4b160263, // SUB (shifted register)
  0xf8626803, // LDR (register, 64-bit)
  0x0a0402d6, // AND (shifted register)
  0xb9405be0, // LDR (immediate, unsigned offset, 32-bit)
  0xa9400c02, // LDP (signed offset, 64-bit)
  0xb8717871, // LDR (register, 32-bit)
  0x54ffffa3, // B.cond
  0xb9005bff, // STR (immediate, unsigned offset, 32-bit)
  0xf837698e, // STR (register, 64-bit)
  0xf9800271, // PRFM (immediate)
  0x53144c00, // UBFM
  0x31000abf, // ADDS (immediate)
  0xdac00c84, // REV (64-bit)
  0xf82a780c, // STR (register, 64-bit)
  0x79400807, // LDRH (immediate, unsigned offset)
  0x39000107, // STRB (immediate, unsigned offset)
  0x9ac32042, // LSLV
  0xd63f0000, // BLR
  0x54fffbad, // B.cond
  0x8a050129, // AND (shifted register)
  0xb860d820, // LDR (register, 32-bit)
  0x9ac62421, // LSRV
  0x38401406, // LDRB (immediate, post-index)
  0x540001cc, // B.cond
  0x8b35c275, // ADD (extended register)
  0xab1902f6, // ADDS (shifted register)
  0x8b244024, // ADD (extended register)
  0x8b440c00, // ADD (shifted register)
  0xd538d080, // MRS (TPIDR_EL1)
  0x321f77e0, // ORR (immediate)
  0xf8408406, // LDR (immediate, post-index, 64-bit)
  0x9a853084, // CSEL
  0x9a951013, // CSEL
  0xf85f812e, // LDUR (64-bit)
  0x1a9f17e0, // CSINC
  0x3861c841, // LDRB (register)
  0xd5033fbf, // DMB
  0xb1001042, // ADDS (immediate)
  0xd5033f9f, // DSB
  0x12800120, // MOVN
  0x9a842484, // CSINC
  0x29441261, // LDP (signed offset, 32-bit)
  0x089ffe61, // STLRB
  0xf2e01d03, // MOVK
  0x38786a80, // LDRB (register)
  0x88037c04, // STXR (32-bit)
  0x4a402020, // EOR (shifted register)
  0x9295ffe0, // MOVN
  0x790fb0b8, // STRH (immediate, unsigned offset)
  0x72ba01a3, // MOVK
  0x7a471aa2, // CCMP (immediate)
  0x540002ea, // B.cond
  0x294507e5, // LDP (signed offset, 32-bit)
  0xea250084, // BICS (shifted register)
  0x6a020000, // ANDS (shifted register)
  0xf2c06000, // MOVK
  0x1a9f07e0, // CSINC
  0xb8756a81, // LDR (register, 32-bit)
  0x38401c01, // LDRB (immediate, pre-index)
  0xf2b00000, // MOVK
  0x885ffe60, // LDAXR (32-bit)
  0x8a230021, // BIC (shifted register)
  0xdac01129, // CLZ
  0x2904316d, // STP (signed offset, 32-bit)
  0xb8207a81, // STR (register, 32-bit)
  0x7a451060, // CCMP (register)
  0x5ac00800, // REV (32-bit)
  0xf8008507, // STR (immediate, post-index, 64-bit)
];
