// Start at EL3, vectors of all three levels, and the instructions under test.
// An exception is recorded once (struct record in probe.h), wherever it was taken, and the next stop is `go`'s caller.

#define R_TAKEN 0
#define R_EL 8
#define R_VECTOR 16
#define R_ESR 24
#define R_ELR 32
#define R_SPSR 40
#define R_FAR 48
#define R_DAIF 56
#define R_X0 64
#define R_BY_TRAP 96
#define R_SP 104
#define R_SAVED 112
#define R_SCRATCH 224

  .section .text.start, "ax"
  .global _start
_start:
  adrp x0, stack_top
  add x0, x0, :lo12:stack_top
  msr spsel, #1
  mov sp, x0
  adrp x0, vectors_el3
  add x0, x0, :lo12:vectors_el3
  msr vbar_el3, x0
  isb
  bl main
1: wfi
  b 1b

// go(const struct run *): enters entry with spsr and registers; returns when the exception that followed is recorded.
  .global go
go:
  adrp x9, record
  add x9, x9, :lo12:record
  str xzr, [x9, #R_TAKEN]
  mov x10, sp
  str x10, [x9, #R_SP]
  stp x19, x20, [x9, #R_SAVED]
  stp x21, x22, [x9, #R_SAVED + 16]
  stp x23, x24, [x9, #R_SAVED + 32]
  stp x25, x26, [x9, #R_SAVED + 48]
  stp x27, x28, [x9, #R_SAVED + 64]
  stp x29, x30, [x9, #R_SAVED + 80]
  ldp x11, x12, [x0]
  msr elr_el3, x11
  msr spsr_el3, x12
  ldp x11, x12, [x0, #16]
  msr sp_el0, x11
  msr sp_el1, x12
  ldp x11, x12, [x0, #32]
  msr sp_el2, x11
  cbz x12, 1f
  mov sp, x12
1:
  ldp x2, x3, [x0, #64]
  ldp x0, x1, [x0, #48]
  isb
  eret

home:
  adrp x9, record
  add x9, x9, :lo12:record
  ldr x10, [x9, #R_SP]
  mov sp, x10
  ldp x19, x20, [x9, #R_SAVED]
  ldp x21, x22, [x9, #R_SAVED + 16]
  ldp x23, x24, [x9, #R_SAVED + 32]
  ldp x25, x26, [x9, #R_SAVED + 48]
  ldp x27, x28, [x9, #R_SAVED + 64]
  ldp x29, x30, [x9, #R_SAVED + 80]
  ret

.macro RECORD el
taken_el\el:
  msr tpidr_el0, x29
  adrp x29, record
  add x29, x29, :lo12:record
  str x28, [x29, #R_SCRATCH]
  ldr x28, [x29, #R_TAKEN]
  cbnz x28, leave_el\el
  mov x28, #1
  str x28, [x29, #R_TAKEN]
  mov x28, #\el
  str x28, [x29, #R_EL]
  str x30, [x29, #R_VECTOR]
  mrs x28, esr_el\el
  str x28, [x29, #R_ESR]
  mrs x28, elr_el\el
  str x28, [x29, #R_ELR]
  mrs x28, spsr_el\el
  str x28, [x29, #R_SPSR]
  mrs x28, far_el\el
  str x28, [x29, #R_FAR]
  mrs x28, spsel
  mrs x30, daif
  orr x28, x28, x30
  str x28, [x29, #R_DAIF]
  stp x0, x1, [x29, #R_X0]
  stp x2, x3, [x29, #R_X0 + 16]
leave_el\el:
.endm

// SMC may be what is under test: then an access that CPTR_EL3.TCPAC traps leads to EL3.
  RECORD 1
  ldr x28, [x29, #R_BY_TRAP]
  cbnz x28, 1f
  smc #0
1: mrs x28, cpacr_el1
  b .
  RECORD 2
  ldr x28, [x29, #R_BY_TRAP]
  cbnz x28, 1f
  smc #0
1: mrs x28, cptr_el2
  b .
  RECORD 3
  b home

.macro VECTORS el
  .balign 0x800
  .global vectors_el\el
vectors_el\el:
  .set offset, 0
  .rept 16
  .balign 0x80
  msr tpidr_el\el, x30
  mov x30, #offset
  b taken_el\el
  .set offset, offset + 0x80
  .endr
  .balign 0x80
.endm
  VECTORS 1
  VECTORS 2
  VECTORS 3

// A table whose synchronous entry tries the Store-Exclusive of s_ldxr_svc.
  .balign 0x800
  .global vectors_stxr
vectors_stxr:
  .set offset, 0
  .rept 16
  .balign 0x80
  stxr w2, x1, [x0]
  smc #0
  b .
  .set offset, offset + 0x80
  .endr

// A table whose entries show PSTATE.PAN as it is after the entry.
  .balign 0x800
  .global vectors_pan
vectors_pan:
  .set offset, 0
  .rept 16
  .balign 0x80
  mrs x1, s3_0_c4_c2_3
  smc #0
  b .
  .set offset, offset + 0x80
  .endr

// Every snippet ends with this, so that "nothing happened" is an exception too.
.macro SNIPPET name
  .balign 64
  .global s_\name
s_\name:
.endm
.macro DONE
  brk #0xd0e
.endm

  SNIPPET svc
  svc #0x123
  DONE
  SNIPPET hvc
  hvc #0x234
  DONE
  SNIPPET smc
  smc #0x345
  DONE
  SNIPPET brk
  brk #0x456
  DONE
  SNIPPET udf
  udf #7
  DONE
  SNIPPET hlt
  hlt #5
  DONE
  SNIPPET eret
  eret
  DONE
  SNIPPET wfi
  wfi
  DONE
  SNIPPET wfe
  sevl
  wfe
  wfe
  DONE
  SNIPPET nop
  nop
  nop
  nop
  nop
  DONE
  SNIPPET br
  br x0
  DONE
  SNIPPET ldr_sp
  ldr x1, [sp]
  DONE
  SNIPPET str_sp
  str x1, [sp, #8]
  DONE
  SNIPPET ldr
  ldr x1, [x0]
  DONE
  SNIPPET str
  str x1, [x0]
  DONE
  SNIPPET ldrb
  ldrb w1, [x0]
  DONE
  SNIPPET ldp
  ldp x1, x2, [x0]
  DONE
  SNIPPET stp
  stp x1, x2, [x0]
  DONE
  SNIPPET ldxr
  ldxr x1, [x0]
  DONE
  SNIPPET stxr
  ldxr x2, [x1]
  stxr w2, x1, [x0]
  DONE
  SNIPPET ldar
  ldar x1, [x0]
  DONE
  SNIPPET stlr
  stlr x1, [x0]
  DONE
  SNIPPET ldtr
  ldtr x1, [x0]
  DONE
  SNIPPET sttr
  sttr x1, [x0]
  DONE
  SNIPPET dczva
  dc zva, x0
  DONE
  SNIPPET dccvac
  dc cvac, x0
  DONE
  SNIPPET dcivac
  dc ivac, x0
  DONE
  SNIPPET icivau
  ic ivau, x0
  DONE
  SNIPPET prfm
  prfm pldl1keep, [x0]
  DONE
  SNIPPET fmov
  .inst 0x1e604000 // fmov d0, d0
  DONE
  SNIPPET fpcr
  mrs x1, fpcr
  DONE
  SNIPPET fpcr_w
  msr fpcr, xzr
  DONE
  SNIPPET simd
  .inst 0x4e201c00 // and v0.16b, v0.16b, v0.16b
  DONE
  SNIPPET ldr_q
  .inst 0x3dc00000 // ldr q0, [x0]
  DONE
  SNIPPET daifset
  msr daifset, #0xf
  DONE
  SNIPPET daifclr
  msr daifclr, #0x2
  DONE
  SNIPPET daif_read
  mrs x1, daif
  DONE
  SNIPPET spsel
  msr spsel, #0
  mrs x1, spsel
  DONE
  SNIPPET unmask
  msr daifclr, #0xf
  nop
  nop
  DONE
  SNIPPET isr
  mrs x1, isr_el1
  DONE
  SNIPPET wfi_isr
  wfi
  mrs x1, isr_el1
  DONE
  SNIPPET eret1
  msr spsr_el1, x0
  adr x9, 1f
  msr elr_el1, x9
  eret
  nop
1: nop
  DONE
  SNIPPET eret2
  msr spsr_el2, x0
  adr x9, 1f
  msr elr_el2, x9
  eret
  nop
1: nop
  DONE
  SNIPPET eret3
  msr spsr_el3, x0
  adr x9, 1f
  msr elr_el3, x9
  eret
  nop
1: nop
  DONE
// Illegal returns to where the fetch cannot succeed either: which exception comes first?
  SNIPPET eret1_to
  msr spsr_el1, x0
  msr elr_el1, x1
  eret
  DONE
  SNIPPET ldxr_stxr
  ldxr x2, [x0]
  stxr w2, x1, [x0]
  DONE
  SNIPPET ldxr_clrex
  ldxr x2, [x0]
  clrex
  stxr w2, x1, [x0]
  DONE
  SNIPPET ldxr_eret
  ldxr x2, [x0]
  mrs x9, spsr_el3
  msr spsr_el3, x3
  adr x9, 1f
  msr elr_el3, x9
  eret
1: stxr w2, x1, [x0]
  DONE
  SNIPPET ldxr_svc
  ldxr x2, [x0]
  svc #0
  DONE
  SNIPPET ldxr_other
  ldxr x2, [x0]
  add x9, x0, #64
  stxr w2, x1, [x9]
  DONE
  SNIPPET ldxr_size
  ldxr x2, [x0]
  stxr w2, w1, [x0]
  DONE
  SNIPPET ldxr_store
  ldxr x2, [x0]
  str x1, [x0]
  stxr w2, x1, [x0]
  DONE
  SNIPPET at_s1e1r
  at s1e1r, x0
  isb
  mrs x1, par_el1
  DONE
  SNIPPET at_s1e1w
  at s1e1w, x0
  isb
  mrs x1, par_el1
  DONE
  SNIPPET at_s1e0r
  at s1e0r, x0
  isb
  mrs x1, par_el1
  DONE
  SNIPPET at_s1e0w
  at s1e0w, x0
  isb
  mrs x1, par_el1
  DONE
  SNIPPET at_s1e2r
  at s1e2r, x0
  isb
  mrs x1, par_el1
  DONE
  SNIPPET at_s1e2w
  at s1e2w, x0
  isb
  mrs x1, par_el1
  DONE
  SNIPPET at_s1e3r
  at s1e3r, x0
  isb
  mrs x1, par_el1
  DONE
  SNIPPET at_s1e3w
  at s1e3w, x0
  isb
  mrs x1, par_el1
  DONE
  SNIPPET at_s12e1r
  at s12e1r, x0
  isb
  mrs x1, par_el1
  DONE
  SNIPPET at_s12e0w
  at s12e0w, x0
  isb
  mrs x1, par_el1
  DONE
  SNIPPET at_s12e1w
  at s12e1w, x0
  isb
  mrs x1, par_el1
  DONE
  SNIPPET icv_read
  mrs x0, s3_0_c12_c12_2
  mrs x1, s3_0_c4_c6_0
  mrs x2, s3_0_c12_c11_3
  DONE
  SNIPPET icv_more
  mrs x0, s3_0_c12_c12_4
  mrs x1, s3_0_c12_c12_3
  mrs x2, s3_0_c12_c8_3
  DONE
  SNIPPET icv_ack
  mrs x0, s3_0_c12_c12_0
  mrs x1, s3_0_c12_c11_3
  mrs x2, isr_el1
  DONE
  SNIPPET icv_eoi
  msr s3_0_c12_c12_1, x0
  mrs x1, s3_0_c12_c11_3
  mrs x2, isr_el1
  DONE
  SNIPPET icv_dir
  msr s3_0_c12_c11_1, x0
  DONE
  SNIPPET icv_write
  msr s3_0_c4_c6_0, x0
  msr s3_0_c12_c12_3, x1
  msr s3_0_c12_c12_4, x2
  DONE
  SNIPPET host_regs
  mrs x0, sctlr_el1
  mrs x1, tcr_el1
  mrs x2, cntkctl_el1
  DONE
  SNIPPET at_s1e1rp
  .inst 0xd5087900 // at s1e1rp, x0
  isb
  mrs x1, par_el1
  DONE
  SNIPPET at_s1e1wp
  .inst 0xd5087920 // at s1e1wp, x0
  isb
  mrs x1, par_el1
  DONE
  SNIPPET pan_read
  mrs x1, s3_0_c4_c2_3
  DONE
  SNIPPET pan_set_ldr
  .inst 0xd500419f // msr pan, #1
  ldr x1, [x0]
  DONE
  SNIPPET pan_clr_ldr
  .inst 0xd500409f // msr pan, #0
  ldr x1, [x0]
  DONE
  SNIPPET uao_set_ldtr
  .inst 0xd500417f // msr uao, #1
  ldtr x1, [x0]
  DONE
  .balign 64

  .bss
  .balign 4096
  .global record
record: .skip 4096
  .balign 4096
  .skip 16384
stack_top:
