/* What the groups of cases share: running something at an Exception level, and printing what became of it. */
#pragma once
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned char u8;

struct record {
  u64 taken, el, vector, esr, elr, spsr, far, daif, x[4], by_trap;
};
struct run {
  u64 entry, spsr, sp_el0, sp_el1, sp_el2, sp_el3, x[4];
};
extern struct record record;
extern void go(const struct run *);

#define RD(reg)                                   \
  ({                                              \
    u64 v_;                                       \
    __asm__ volatile("mrs %0, " #reg : "=r"(v_)); \
    v_;                                           \
  })
#define WR(reg, value) __asm__ volatile("msr " #reg ", %0" ::"r"((u64)(value)))
#define ISB() __asm__ volatile("isb" ::: "memory")
#define DSB() __asm__ volatile("dsb sy" ::: "memory")
#define S(name) ({ extern char s_##name[]; (u64)s_##name; })

#define SCR_NS 1
#define SCR_IRQ 2
#define SCR_FIQ 4
#define SCR_EA 8
#define SCR_SMD 0x80
#define SCR_HCE 0x100
#define SCR_RW 0x400
#define SCR_ST 0x800
#define SCR_TWI 0x1000
#define SCR_TWE 0x2000
#define HCR_FMO 8
#define HCR_IMO 0x10
#define HCR_AMO 0x20
#define HCR_TWI 0x2000
#define HCR_TWE 0x4000
#define HCR_TSC 0x80000
#define HCR_TGE 0x8000000
#define HCR_RW 0x80000000ul
#define DAIF 0x3c0

/* mode: 0x0 EL0t, 0x4 EL1t, 0x5 EL1h, 0x8 EL2t, 0x9 EL2h, 0xc EL3t, 0xd EL3h */
static const char *const MODES[16] = {"EL0t", 0, 0, 0, "EL1t", "EL1h", 0, 0, "EL2t", "EL2h", 0, 0, "EL3t", "EL3h", 0, 0};

void say(const char *format, ...);
/* Everything off and masked, nothing trapped. */
void calm(void);
void scr(u64 bits);
/* Runs entry in a mode with DAIF set (unless the SPSR says more) and prints what happened, after the words said so far. */
void try_at(u64 entry, u64 spsr, u64 x0, u64 x1);
void run_at(u64 entry, u64 spsr, u64 x0, u64 x1);
void outcome(u64 entry);
extern u64 test_page[];
extern struct run next;

void calls(void);
void alignment(void);
void fp_traps(void);
void sysregs(void);
void returns(void);
void interrupts(void);
void exclusives(void);
void translation(void);
void timers(void);
void pan(void);
void virtualization(void);
void host(void);
