// What runs under KVM: a program at EL1 that uses its own MMU, the console of its VMM, its virtual timer, a software
// generated interrupt and PSCI, and says what it saw. Loaded at 0x40000000, entered with the MMU off, X0 being what it
// is to do: 0 all of that, 1 to run without exits until it is told, 2 to wait for the VMM and then read a page. Bit 8 of X0
// says that the interrupt controller is a GICv2.

.equ CONSOLE, 0x09000000
.equ ANSWER, 0x09000010
.equ GO, 0x09000020
.equ TOLD, 0x40100000
.equ PAGE, 0x40101000
.equ GICD, 0x08000000
.equ GICC, 0x08010000
.equ GICR, 0x080a0000

.macro say text
  adr x0, 9f
  bl puts
  b 8f
9: .asciz "\text"
  .balign 4
8:
.endm

.globl _start
_start:
  and x28, x0, #0xff
  lsr x29, x0, #8
  adr x0, stack_top
  mov sp, x0
  adr x0, vectors
  msr vbar_el1, x0
  mov x0, #(3 << 20)
  msr cpacr_el1, x0
  isb
  say "guest: at EL"
  mrs x0, CurrentEL
  lsr x0, x0, #2
  bl digit
  say ", MPIDR "
  mrs x0, mpidr_el1
  and x0, x0, #0xff
  bl digit
  bl newline

// Stage 1: one block of 1 GiB for devices, one for memory, by tables that stage 2 maps.
  adr x1, table
  ldr x0, =0x401                      // Device, AF
  str x0, [x1]
  ldr x0, =0x40000705                 // Normal, Inner Shareable, AF
  str x0, [x1, #8]
  ldr x0, =0xff00
  msr mair_el1, x0
  ldr x0, =0x100803519                // 39 bits, 4 KiB, EPD1, 36 bits out
  msr tcr_el1, x0
  msr ttbr0_el1, x1
  dsb sy
  isb
  mrs x0, sctlr_el1
  mov x2, #0x1005
  orr x0, x0, x2
  msr sctlr_el1, x0
  isb
  cmp x28, #1
  b.eq spin
  cmp x28, #2
  b.eq victim
  say "guest: MMU on\n"

// A load that the VMM answers, in each size. (KVM of Linux 6.1 loses the sign of LDRSB.)
  ldr x20, =ANSWER
  ldr x19, [x20]
  ldr w1, [x20]
  add x19, x19, x1
  ldrh w1, [x20]
  add x19, x19, x1
  ldrb w1, [x20]
  add x19, x19, x1
  ldr x1, =0x1122334455667788 + 0x55667788 + 0x7788 + 0x88
  cmp x19, x1
  b.ne failed
  say "guest: loads answered\n"

// The interrupt controller: distributor and redistributor are KVM's, the CPU interface is the GIC's virtual one.
  cbnz x29, gicv2
  ldr x1, =GICD
  mov w0, #0x12                       // ARE, Group 1
  str w0, [x1]
  ldr x1, =GICR
  ldr w0, [x1, #0x14]
  bic w0, w0, #2
  str w0, [x1, #0x14]
  add x1, x1, #0x10000
  mov w0, #-1
  str w0, [x1, #0x80]                 // all Group 1
  ldr w0, =0x08000002                 // PPI 27 and SGI 1
  str w0, [x1, #0x100]
  mov x0, #0xf0
  msr S3_0_C4_C6_0, x0                // PMR
  mov x0, #1
  msr S3_0_C12_C12_7, x0              // IGRPEN1
  isb
  b gic_ready
gicv2:
  ldr x1, =GICD
  ldr w0, =0x08000002                 // PPI 27 and SGI 1
  str w0, [x1, #0x100]
  mov w0, #1
  str w0, [x1]
  ldr x1, =GICC
  mov w0, #0xf0
  str w0, [x1, #4]                    // PMR
  mov w0, #1
  str w0, [x1]                        // CTLR
gic_ready:
  msr daifclr, #2

  mov x21, #3
1: mrs x0, cntvct_el0
  add x0, x0, #500
  msr cntv_cval_el0, x0
  mov x0, #1
  msr cntv_ctl_el0, x0
  isb
2: wfi
  cbz x22, 2b
  mov x22, #0
  subs x21, x21, #1
  b.ne 1b
  say "guest: three ticks\n"

  cbnz x29, 5f
  mov x0, #1
  movk x0, #0x0100, lsl #16           // SGI 1 to the list of Aff 0: itself
  msr S3_0_C12_C11_5, x0
  isb
  b 3f
5: ldr x1, =GICD
  ldr w0, =0x02000001                 // SGI 1 to the CPU that asks
  str w0, [x1, #0xf00]
3: cbz x23, 3b
  say "guest: SGI received\n"

// Work: no exits but timer interrupts of the host.
  mov x0, #0
  ldr x1, =2000000
4: add x0, x0, x1
  subs x1, x1, #1
  b.ne 4b
  ldr x1, =2000001000000
  cmp x0, x1
  b.ne failed
  fmov d0, #1.5
  fadd d0, d0, d0
  fcvtzs x0, d0
  cmp x0, #3
  b.ne failed
  say "guest: sums are right\n"

  ldr x0, =0x84000000
  hvc #0
  cmp w0, #0x10000
  b.lt failed
  say "guest: PSCI there, off\n"
  ldr x0, =0x84000008
  hvc #0
// No exits but interrupts of the host, until the VMM writes a word.
spin:
  say "guest: runs\n"
  ldr x1, =TOLD
1: ldr x0, [x1]
  cbz x0, 1b
  say "guest: told\n"
  b off
// The VMM answers when the page may be read.
victim:
  say "guest: waits\n"
  ldr x1, =GO
  ldr w0, [x1]
  ldr x27, =PAGE
read_page:
  ldr x26, [x27]
  ldr x1, =0x600df00d
  cmp x26, x1
  b.ne failed
  say "guest: the page is good\n"
  b off
failed:
  say "guest: FAILED\n"
off:
  ldr x0, =0x84000008
  hvc #0
  b .

puts:
  ldr x2, =CONSOLE
1: ldrb w1, [x0], #1
  cbz w1, 2f
  strb w1, [x2]
  b 1b
2: ret
digit:
  ldr x2, =CONSOLE
  add w0, w0, #'0'
  strb w0, [x2]
  ret
newline:
  ldr x2, =CONSOLE
  mov w0, #10
  strb w0, [x2]
  ret

interrupt:
  cbnz x29, 2f
  mrs x24, S3_0_C12_C12_0             // IAR1
  b 3f
2: ldr x26, =GICC
  ldr w24, [x26, #0xc]                // IAR
3: cmp x24, #27
  b.ne 1f
  msr cntv_ctl_el0, xzr
  isb
  mov x22, #1
1: cmp x24, #1
  cset x25, eq
  orr x23, x23, x25
  cbnz x29, 4f
  msr S3_0_C12_C12_1, x24             // EOIR1
  eret
4: str w24, [x26, #0x10]              // EOIR
  eret

  .ltorg
  .balign 2048
vectors:
  .rept 16
  .balign 128
  b interrupt_or_failure
  .endr
  .balign 128
interrupt_or_failure:
  cbnz x29, 2f
  mrs x24, S3_0_C12_C12_2             // HPPIR1
  b 3f
2: ldr x26, =GICC
  ldr w24, [x26, #0x18]               // HPPIR
3: cmp x24, #1020
  b.lt interrupt
// A synchronous External abort of the load of the page: EC 0x25, DFSC 0x10.
  mrs x24, esr_el1
  and x25, x24, #0x3f
  lsr x24, x24, #26
  cmp x24, #0x25
  ccmp x25, #0x10, #0, eq
  b.ne failed
  mrs x24, elr_el1
  adr x25, read_page
  cmp x24, x25
  b.ne failed
  say "guest: External abort of its load\n"
  b off

  .balign 4096
table: .skip 4096
  .skip 4096
stack_top:
