/** Records as lines on the console, in the words of Linux, and how many of them there may be. */
import { atomic, type Hosted, load, store } from '../../engine/hosted/effects.ts';
import { decodeStatusBlock } from '../../tables/cper/block.ts';
import type { ErrorDataEntry } from '../../tables/cper/entry.ts';
import { MEMORY_ERROR_TYPES } from '../../tables/cper/names.ts';
import type { Cpu } from '../kit/cpu.ts';
import type { Ghes } from './ghes.ts';
import { RATE, SOURCE } from './layout.ts';

/** How bad a record is, in an order that can be compared; the numbers of CPER cannot. */
export const GHES_SEV = { NO: 0, CORRECTED: 1, RECOVERABLE: 2, PANIC: 3 } as const;
/** Severity of CPER as one of `GHES_SEV`; what has no name is the worst. */
export function ghesSeverity(severity: number): number {
  const { NO, CORRECTED, RECOVERABLE, PANIC } = GHES_SEV;
  return [RECOVERABLE, PANIC, CORRECTED, NO][severity] ?? PANIC;
}
const SEVERITY_TEXT = ['recoverable', 'fatal', 'corrected', 'info'];
const severityText = (severity: number): string => SEVERITY_TEXT[severity] ?? 'unknown';
const hex = (value: bigint | number, digits = 16): string => `0x${value.toString(16).padStart(digits, '0')}`;

function sectionLines({ section }: ErrorDataEntry): string[] {
  switch (section.kind) {
    case 'memory': {
      const { fields } = section;
      const lines = [' section_type: memory error'];
      if (fields.physicalAddress !== undefined) lines.push(` physical_address: ${hex(fields.physicalAddress)}`);
      const type = fields.memoryErrorType;
      if (type !== undefined) lines.push(` error_type: ${type}, ${MEMORY_ERROR_TYPES[type] ?? 'unknown'}`);
      return lines;
    }
    case 'armProcessor':
      return [' section_type: ARM processor error', ` MIDR: ${hex(section.fields.midr)}`];
    case 'pcie':
      return [' section_type: PCIe error'];
    default:
      return [' section type: unknown'];
  }
}
function linesOf(block: Uint8Array, id: bigint): string[] {
  const { value } = decodeStatusBlock(block);
  if (!value) return [];
  const severity = ghesSeverity(value.errorSeverity);
  const lines = [`Hardware error from APEI Generic Hardware Error Source: ${id}`];
  if (severity === GHES_SEV.CORRECTED) lines.push('It has been corrected by h/w and requires no further action');
  lines.push(`event severity: ${severityText(value.errorSeverity)}`);
  value.entries.forEach((entry, n) => {
    lines.push(` Error ${n}, type: ${severityText(entry.errorSeverity)}`);
    if (entry.validationBits & 2) lines.push(`  fru_text: ${entry.fruText}`);
    lines.push(...sectionLines(entry).map((line) => ` ${line}`));
  });
  return lines;
}

/** Prints a record whatever the rate: its number is one of the system. */
export function* printAlways(ghes: Ghes, cpu: Cpu, source: bigint, block: Uint8Array): Hosted {
  const n = (yield* atomic('add', ghes.words.printed, 1n)) + 1n;
  const text = linesOf(block, yield* load(source + SOURCE.id)).map((line) => `{${n}}[Hardware Error]: ${line}\n`);
  yield* cpu.print(text.join(''));
}
/** Prints a record unless there were too many lately; says whether it did. */
export function* printLimited(ghes: Ghes, cpu: Cpu, source: bigint, block: Uint8Array): Hosted<boolean> {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const worse = ghesSeverity(view.getUint32(16, true)) > GHES_SEV.CORRECTED;
  if (!(yield* within(cpu, worse ? ghes.words.rateWorse : ghes.words.rateCorrected))) return false;
  yield* printAlways(ghes, cpu, source, block);
  return true;
}
/** One more of an interval: its beginning, how many there were, how many were left out. */
export function* within(cpu: Cpu, rate: bigint): Hosted<boolean> {
  const nowNs = yield* cpu.timeNs();
  const begin = yield* load(rate);
  if (begin === 0n || nowNs - begin >= RATE.intervalNs) {
    const missed = yield* atomic('swp', rate + 16n, 0n);
    if (missed !== 0n) yield* cpu.print(`ghes_print_estatus: ${missed} callbacks suppressed\n`);
    // 0 says that no interval has begun.
    yield* store(rate, nowNs | 1n);
    yield* store(rate + 8n, 0n);
  }
  if ((yield* atomic('add', rate + 8n, 1n)) < RATE.burst) return true;
  yield* atomic('add', rate + 16n, 1n);
  return false;
}
