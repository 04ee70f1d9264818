/** What an exception is, from the registers that it set. */
import { decodeEsr, decodeFsc, EC } from '../../arch/esr.ts';
import { VECTOR_OFFSETS } from '../../arch/pstate.ts';
import type { Pe } from '../../cpu/pe.ts';
import type { ExceptionRecord, TracePlace } from './records.ts';

const KINDS = ['Synchronous', 'IRQ', 'FIQ', 'SError'] as const;
const GROUPS = [
  'Current EL with SP_EL0',
  'Current EL with SP_ELx',
  'Lower EL using AArch64',
  'Lower EL using AArch32',
] as const;

const CALLS: ReadonlySet<number> = new Set([
  EC.SupervisorCall,
  EC.HypervisorCall,
  EC.MonitorCall,
  EC.SoftwareBreakpoint,
]);
const INSTRUCTION_ABORTS: ReadonlySet<number> = new Set([EC.InstructionAbortLowerEL, EC.InstructionAbortSameEL]);
const DATA_ABORTS: ReadonlySet<number> = new Set([EC.DataAbortLowerEL, EC.DataAbortSameEL]);
const WATCHPOINTS: ReadonlySet<number> = new Set([EC.WatchpointLowerEL, EC.WatchpointSameEL]);
/** ISS of aborts: FAR is not valid; the access was a write. */
const ISS = { FnV: 1 << 10, WnR: 1 << 6 } as const;

/** A record that is being made. Assignments and not spreads: they take a third of the time, and exceptions are many. */
type Draft = { -readonly [K in keyof ExceptionRecord]: ExceptionRecord[K] };

/** Fields of ESR by exception class, and FAR where it is valid. DDI 0487, "ESR_EL1" and "FAR_EL1". */
function addSyndrome(record: Draft, esr: bigint, far: () => bigint): void {
  const { ec, name, iss } = decodeEsr(Number(esr & 0xffff_ffffn));
  record.ESR = esr;
  record.EC = name ?? `0x${ec.toString(16)}`;
  if (CALLS.has(ec)) record.immediate = iss & 0xffff;
  if (ec === EC.PCAlignment || WATCHPOINTS.has(ec)) record.FAR = far();
  const data = DATA_ABORTS.has(ec);
  if (!data && !INSTRUCTION_ABORTS.has(ec)) return;
  if (!(iss & ISS.FnV)) record.FAR = far();
  const code = decodeFsc(iss & 0x3f);
  const level = code?.level === undefined ? '' : ` level ${code.level}`;
  record.FSC = code ? `${code.name}${level}` : `0x${(iss & 0x3f).toString(16)}`;
  if (data) record.WnR = (iss & ISS.WnR) !== 0;
}

/** Names of the registers that an exception sets, by target Exception level. */
const REGISTERS = [0, 1, 2, 3].map((el) => ({
  SPSR: `SPSR_EL${el}`,
  ELR: `ELR_EL${el}`,
  ESR: `ESR_EL${el}`,
  FAR: `FAR_EL${el}`,
}));

/** The record of an exception that a PE has just taken to an Exception level. */
export function exceptionRecord(place: TracePlace, pe: Pe, targetEl: number, vectorOffset: number): ExceptionRecord {
  const registers = REGISTERS[targetEl]!;
  const read = (name: keyof typeof registers): bigint => pe.readRegister(registers[name]) ?? 0n;
  const SPSR = read('SPSR');
  const exception = KINDS[(vectorOffset & VECTOR_OFFSETS.SError) >> 7]!;
  const record: Draft = {
    step: place.step,
    timeNs: place.timeNs,
    pe: place.pe,
    el: place.el,
    kind: 'exception',
    exception,
    fromEl: Number((SPSR >> 2n) & 3n),
    vector: GROUPS[vectorOffset >> 9]!,
    PC: pe.s.pc,
    ELR: read('ELR'),
    SPSR,
  };
  if (exception === 'Synchronous' || exception === 'SError') addSyndrome(record, read('ESR'), () => read('FAR'));
  return record;
}
