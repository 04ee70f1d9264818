/** Where a kernel of the kit keeps what it keeps: RAM with the MMU off, one area for each CPU. */

/** Addresses and interrupts of the board that a kernel is told: those of QEMU's `virt` machine. */
export const BOARD = {
  uartPa: 0x0900_0000n,
  gicdPa: 0x0800_0000n,
  giccPa: 0x0801_0000n,
  gicrPa: 0x080a_0000n,
  gicrStrideBytes: 0x2_0000n,
  ramPa: 0x4000_0000n,
  virtualTimerIntid: 27,
  /** The virtual timer of EL2, which CNTV_* names under VHE. */
  hypVirtualTimerIntid: 28,
  counterNs: 16n,
} as const;

/** Most CPUs of a kernel. */
export const KIT_CPUS_MAX = 8;
/** First address of the kernel's variables, and bytes for them. */
export const VARIABLES_PA: bigint = BOARD.ramPa + 0x20_0000n;
const VARIABLES_BYTES = 0x8_0000n;
/** Areas of the CPUs. */
const AREAS_PA = BOARD.ramPa + 0x30_0000n;
const AREA_BYTES = 0x2_0000n;
/** First byte in an area of what `perCpu` gives out, and behind it. */
const PER_CPU_AT = 0x200n;
const PER_CPU_END = 0x4000n;

/** Bytes of each stack: aligned to the double of it, so that one bit of SP says whether a frame is still inside. */
export const STACK_BYTES = 0x2000n;
/** Stacks of a CPU by what runs on them: offset of the lowest byte in the area. */
export const STACKS = {
  thread: 0x4000n,
  overflow: 0x8000n,
  sdeiNormal: 0xc000n,
  sdeiCritical: 0x1_0000n,
} as const;

/** Words of a CPU's area. */
export const AREA = {
  pe: 0x00n,
  /** Interrupt handlers, and NMI handlers, that this CPU is in. */
  irqDepth: 0x10n,
  nmiDepth: 0x18n,
  /** Address of the mutex its thread waits for, 0 for none; read by `deadlock`. */
  waitsFor: 0x20n,
  /** Function that another CPU wants run in interrupt context: number + 1, argument, result. */
  callFunction: 0x28n,
  callArgument: 0x30n,
  callResult: 0x38n,
  /** What another CPU wants done by the thread: see `WORK`. */
  work: 0x40n,
  workArgument: 0x48n,
  workResult: 0x50n,
  /** 1 from when the CPU has come up until it goes down. */
  online: 0x58n,
  /** Records of the SDEI handlers that run, 0 for none. */
  sdeiNormal: 0x60n,
  sdeiCritical: 0x68n,
  /** 1 once the CPU has stopped for good. */
  stopped: 0x70n,
  /** CPU + 1 whose thread or interrupt handler this CPU waits for, 0 for none; read by `deadlock`. */
  waitsForCpu: 0x78n,
  /** What a CPU that is suspended needs to go on: address, SP. */
  resumePc: 0x80n,
  resumeSp: 0x88n,
} as const;

/** First byte of a CPU's area. */
export function areaOf(pe: number): bigint {
  return AREAS_PA + BigInt(pe) * AREA_BYTES;
}
/** Address behind the highest byte of a stack: what SP is when it is empty. */
export function stackTop(areaPa: bigint, stack: keyof typeof STACKS): bigint {
  return areaPa + STACKS[stack] + STACK_BYTES;
}
/** A frame that starts at this address lies in a stack, and not below it. */
export function insideStack(framePa: bigint): boolean {
  return (framePa & STACK_BYTES) === 0n;
}

/** Gives out addresses by name, in order; the same names in the same order have the same addresses. */
export class Allocator {
  private at: bigint;
  private readonly end: bigint;
  private readonly names = new Map<string, bigint>();

  constructor(at: bigint, end: bigint) {
    this.at = at;
    this.end = end;
  }
  /** @throws Error for a name that has one already, or when there is no room */
  take(name: string, bytes = 8n): bigint {
    if (this.names.has(name)) throw new Error(`kernel variable '${name}': there is one of that name. Choose another.`);
    const at = this.at;
    this.at += (bytes + 15n) & ~15n;
    if (this.at > this.end) throw new Error(`kernel variable '${name}' of ${bytes} bytes: there is no room for it.`);
    this.names.set(name, at);
    return at;
  }
  /** Address by name, for a test that looks from outside. */
  find(name: string): bigint | undefined {
    return this.names.get(name);
  }
}

/** Room for the variables of a kernel. */
export const variables = (): Allocator => new Allocator(VARIABLES_PA, VARIABLES_PA + VARIABLES_BYTES);
/** Room for per-CPU variables: offsets in the areas. */
export const perCpuVariables = (): Allocator => new Allocator(PER_CPU_AT, PER_CPU_END);
