/**
 * Firmware that sees hardware errors first, played from outside: its table, its records, and how it tells of them. It
 * keeps nothing to itself: what it knows is in the machine's memory, and goes back with it.
 *
 * Source: ACPI Specification 6.5, "Generic Hardware Error Source version 2 (GHESv2 - Type 10)", "Generic Error Status
 * Block"; UEFI Specification 2.10, appendix N.2.5, "Memory Error Section".
 */
import type { event, Machine } from 'unmaskable';
import { type Cpu, type Ghes, type Hosted, load, store } from 'unmaskable/hosted';

/** Sources: notification type, SDEI event or INTID. ACPI 6.5, "Hardware Error Notification". */
const SOURCES = {
  normal: { type: 11, vector: 3000 },
  critical: { type: 11, vector: 3001 },
  serror: { type: 9, vector: 0 },
  line: { type: 1, vector: 40 },
  abort: { type: 8, vector: 0 },
} as const;
/** A source of this firmware. */
export type Source = keyof typeof SOURCES;
const NAMES = Object.keys(SOURCES) as Source[];
/** INTID of the source that has a line of its own: edge-triggered. */
export const LINE_INTID: number = SOURCES.line.vector;

/** Address of the table. */
export const HEST_PA = 0x40c0_0000n;
const ADDRESSES_PA = 0x40c1_0000n;
const ACKS_PA = 0x40c1_0800n;
/** Records told so far, and for each whether its page was taken away. */
const TOLD_PA = 0x40c1_1000n;
const TAKEN_PA = 0x40c1_1010n;
/** Number of the record of the last abort. */
const ABORT_PA = 0x40c1_0ff0n;
/** Set by a record that is fatal. */
const FATAL_PA = 0x40c1_0fe0n;
const BLOCKS_PA = 0x40c2_0000n;
const BLOCK_STRIDE = 0x1_0000n;
/** Declared bytes of a block, which is larger than a page. */
const BLOCK_BYTES = 0x3000;
/** Page of the first record; each has one of its own. */
const FIRST_PFN = 0x4_0800n;

const blockPa = (source: Source): bigint => BLOCKS_PA + BigInt(NAMES.indexOf(source)) * BLOCK_STRIDE;
const ackPa = (source: Source): bigint => ACKS_PA + 8n * BigInt(NAMES.indexOf(source));

/** The table. */
function hest(): Uint8Array {
  const SOURCE_BYTES = 92;
  const bytes = new Uint8Array(40 + SOURCE_BYTES * NAMES.length);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode('HEST'));
  view.setUint32(4, bytes.length, true);
  view.setUint32(36, NAMES.length, true);
  // System memory, 64 bits, accessed as one.
  const register = (at: number, pa: bigint): void => {
    bytes.set([0, 64, 0, 4], at);
    view.setBigUint64(at + 4, pa, true);
  };
  NAMES.forEach((name, n) => {
    const at = 40 + SOURCE_BYTES * n;
    view.setUint16(at, 10, true);
    view.setUint16(at + 2, n + 1, true);
    view.setUint16(at + 4, 0xffff, true);
    view.setUint8(at + 7, 1);
    register(at + 20, ADDRESSES_PA + BigInt(8 * n));
    view.setUint8(at + 32, SOURCES[name].type);
    view.setUint8(at + 33, 28);
    view.setUint32(at + 40, SOURCES[name].vector, true);
    view.setUint32(at + 60, BLOCK_BYTES, true);
    register(at + 64, ackPa(name));
    view.setBigUint64(at + 76, 0xffff_ffff_ffff_fffen, true);
    view.setBigUint64(at + 84, 1n, true);
  });
  return bytes;
}

/** How bad an error is. UEFI, "Error Severity". */
const SEVERITY = { recoverable: 0, fatal: 1, corrected: 2 } as const;
/** What a record says. */
export interface RecordOptions {
  readonly severity?: keyof typeof SEVERITY;
  /** Bytes of a vendor's section behind the error itself. */
  readonly vendorBytes?: number;
}
const MEMORY_SECTION = '1411bca5646fde4eb8633e83ed7c83b1';
const VENDOR_SECTION = '3b0c2d9f1e5a774a8a526d1f00000001';

/** A status block with one error of memory. A corrected one has exceeded its threshold, so that its page goes too. */
function record(addrPa: bigint, { severity = 'recoverable', vendorBytes = 0 }: RecordOptions): Uint8Array {
  const HEADER = 20;
  const ENTRY = 72;
  const MEMORY = 80;
  const bytes = new Uint8Array(HEADER + ENTRY + MEMORY + (vendorBytes > 0 ? ENTRY + vendorBytes : 0));
  const view = new DataView(bytes.buffer);
  const number = SEVERITY[severity];
  const entry = (at: number, type: string, flags: number, sectionBytes: number): void => {
    for (let n = 0; n < 16; n++) bytes[at + n] = Number.parseInt(type.slice(2 * n, 2 * n + 2), 16);
    view.setUint32(at + 16, number, true);
    view.setUint16(at + 20, 0x300, true);
    view.setUint8(at + 23, flags);
    view.setUint32(at + 24, sectionBytes, true);
  };
  // One entry, or two; an error that was corrected or not.
  view.setUint32(0, ((vendorBytes > 0 ? 2 : 1) << 4) | (severity === 'corrected' ? 2 : 1), true);
  view.setUint32(12, bytes.length - HEADER, true);
  view.setUint32(16, number, true);
  entry(HEADER, MEMORY_SECTION, severity === 'corrected' ? 8 : 0, MEMORY);
  // Physical address and error type are valid; multi-bit ECC.
  view.setBigUint64(HEADER + ENTRY, (1n << 1n) | (1n << 14n), true);
  view.setBigUint64(HEADER + ENTRY + 16, addrPa, true);
  view.setUint8(HEADER + ENTRY + 72, 3);
  if (vendorBytes > 0) entry(HEADER + ENTRY + MEMORY, VENDOR_SECTION, 0, vendorBytes);
  return bytes;
}

function word(machine: Machine, pa: bigint): bigint {
  return new DataView(machine.readMemory(pa, 8).slice().buffer).getBigUint64(0, true);
}
function setWord(machine: Machine, pa: bigint, value: bigint): void {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  machine.writeMemory(pa, bytes);
}

/** Puts the firmware's table and registers into a machine that has not run yet. */
export function install(machine: Machine): Machine {
  machine.writeMemory(HEST_PA, hest());
  for (const [n, name] of NAMES.entries()) {
    setWord(machine, ADDRESSES_PA + BigInt(8 * n), blockPa(name));
    setWord(machine, ackPa(name), 1n);
  }
  return machine;
}

/** Page of a record by its number, as the kernel is told. */
export const pageOf = (n: number): string => ((FIRST_PFN << 12n) + BigInt(n) * 0x1000n).toString(16).padStart(16, '0');
/** Records that were told of. */
export const told = (machine: Machine): number => Number(word(machine, TOLD_PA));
/** One of them was fatal. */
export const toldFatal = (machine: Machine): boolean => word(machine, FATAL_PA) !== 0n;
/** The kernel has given the block of a source back. */
export const acknowledged = (machine: Machine, source: Source): boolean => word(machine, ackPa(source)) === 1n;

/** Writes a record down. A block that the kernel has is not touched: false. */
export function put(machine: Machine, source: Source, options: RecordOptions = {}): boolean {
  if (!acknowledged(machine, source)) return false;
  const n = told(machine);
  setWord(machine, TOLD_PA, BigInt(n + 1));
  setWord(machine, ackPa(source), 0n);
  if (options.severity === 'fatal') setWord(machine, FATAL_PA, 1n);
  if (source === 'abort') setWord(machine, ABORT_PA, BigInt(n));
  machine.writeMemory(blockPa(source), record((FIRST_PFN + BigInt(n)) << 12n, options));
  return true;
}

/** AET 3 (recoverable), DFSC 0x11. DDI 0487, "ISS encoding for an exception from an SError interrupt". */
const SERROR_RECOVERABLE = (3 << 10) | 0x11;
/** EC and DFSC of a synchronous External abort on a load. DDI 0487, "ESR_EL1". */
const DATA_ABORT = { ec: 0x24, dfsc: 0x10 } as const;
const PSTATE_A = 0x100n;

/** Tells of what is in the block of a source. Before the kernel listens it finds the record by itself. */
export function notify(machine: Machine, source: Source, pe: number): void {
  if (source === 'serror') machine.serror(pe, SERROR_RECOVERABLE);
  else if (source === 'line') {
    machine.gic.set(LINE_INTID, true);
    machine.gic.set(LINE_INTID, false);
  } else if (source === 'abort')
    machine.pes[pe]!.exceptions.sync(DATA_ABORT.ec, DATA_ABORT.dfsc, { target: 1, end: 'none' });
  else machine.sdei.signal(SOURCES[source].vector, { pe });
}

/** Why an abort would be the end of any kernel, or undefined: it is on its way into the kernel, or out of it. */
function nowhereToGoBack(machine: Machine, pe: number): string | undefined {
  if (machine.readRegister(pe, 'PSTATE') & PSTATE_A) return 'the PE is in code that no exception may interrupt';
  return undefined;
}

/** An error, for `events`: the record, then its notification; a text when the block is the kernel's. */
export function raise(source: Source, options: RecordOptions = {}): Parameters<typeof event>[1] {
  return (machine, pe) => {
    const never = source === 'abort' ? nowhereToGoBack(machine, pe) : undefined;
    if (never !== undefined) return never;
    if (!put(machine, source, options)) return `the record before it is still in the block of source '${source}'`;
    notify(machine, source, pe);
    return undefined;
  };
}

// --- the kernel's side ---

/** `memoryFailure` of a kernel: notes that a page is gone. */
export function* takeAway(_cpu: Cpu, pfn: bigint): Hosted {
  yield* store(TAKEN_PA + 8n * (pfn - FIRST_PFN), 1n);
}
/** A page that a record tells of is still there, or undefined: its number. */
export function* stillThere(): Hosted<bigint | undefined> {
  const records = yield* load(TOLD_PA);
  for (let n = 0n; n < records; n++) if ((yield* load(TAKEN_PA + 8n * n)) === 0n) return n;
  return undefined;
}

/** The page of the last abort that was told of is still there. */
export function* abortStillThere(): Hosted<boolean> {
  const last = yield* load(ABORT_PA);
  return (yield* load(TAKEN_PA + 8n * last)) === 0n;
}

/** Rounds in which everything must come to rest. */
export const SETTLE_ROUNDS = 250;

/** What is still to be done about errors that firmware told of, or is held, or undefined. */
export function* unsettled(ghes: Ghes): Hosted<string | undefined> {
  for (const name of NAMES)
    if ((yield* load(ackPa(name))) !== 1n) return `the block of source '${name}' is never given back`;
  if ((yield* load(ghes.words.queue)) !== 0n) return 'a record stays in the queue';
  const page = yield* stillThere();
  if (page !== undefined) return `the page of record ${page} is never taken away`;
  for (const name of ['lockIrq', 'lockNmi', 'lockCopyIrq', 'cacheReaders'] as const)
    if ((yield* load(ghes.words[name])) !== 0n) return `'${name}' is never given back`;
  return undefined;
}
/** Waits until all that firmware told of is acted on and nothing is held; a panic when that never happens. */
export function* settle(ghes: Ghes, cpu: Cpu): Hosted {
  let left: string | undefined;
  for (let n = 0; n < SETTLE_ROUNDS; n++) {
    left = yield* unsettled(ghes);
    if (left === undefined) return;
    yield* cpu.relax();
  }
  yield* cpu.panic(left!);
}
/** Records are printed no more: there were enough lately. Printing takes hundreds of steps. */
export function* printNoMore(ghes: Ghes, cpu: Cpu): Hosted {
  const now = yield* cpu.timeNs();
  for (const rate of [ghes.words.rateCorrected, ghes.words.rateWorse]) {
    yield* store(rate, now | 1n);
    yield* store(rate + 8n, 2n);
  }
}
