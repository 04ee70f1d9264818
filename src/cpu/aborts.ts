/** Data and Instruction Aborts of either stage: DDI 0487, "ISS encoding for an exception from a Data Abort". */
import { EC, type InstructionSyndrome, issForDataAbort, issForInstructionAbort } from '../arch/esr.ts';
import type { Exceptions } from './exceptions.ts';
import type { Mmu } from './mmu.ts';
import { type PeState, sysregOffset } from './state.ts';
import { FAULT_STATUS, ON_WALK, STAGE_2 } from './translation.ts';

const HPFAR_EL2 = sysregOffset('HPFAR_EL2');
/** HPFAR_EL2.FIPA begins at bit 4 and holds the IPA from bit 12 on. */
const FIPA_SHIFT = 8;
const TWO32 = 0x1_0000_0000;

/** What a Data Abort was met by, besides the address. */
export interface DataAccess {
  readonly write: boolean;
  /** Cache maintenance or address translation. */
  readonly maintenance?: boolean;
}

/** Takes the aborts of one PE. */
export class Aborts {
  private readonly s: PeState;
  private readonly mmu: Mmu;
  private readonly exceptions: () => Exceptions;
  private readonly instructionWord: () => number;

  constructor(parts: {
    s: PeState;
    mmu: Mmu;
    exceptions: () => Exceptions;
    /** The instruction at PC, or 0 when it cannot be read. */
    instructionWord: () => number;
  }) {
    this.s = parts.s;
    this.mmu = parts.mmu;
    this.exceptions = parts.exceptions;
    this.instructionWord = parts.instructionWord;
  }

  /** Takes a Data Abort; `fault` is that of the translation that ended last, or a plain fault status. */
  data(hi: number, lo: number, fault: number, { write, maintenance = false }: DataAccess): void {
    const code = fault & FAULT_STATUS;
    if (!(fault & STAGE_2)) {
      const iss = issForDataAbort({ fsc: code, wnr: write, cm: maintenance });
      return this.exceptions().fault(EC.DataAbortLowerEL, iss, hi, lo);
    }
    this.noteIpa();
    const s1ptw = (fault & ON_WALK) !== 0;
    const instruction = s1ptw || maintenance ? undefined : accessSyndrome(this.instructionWord());
    const iss = issForDataAbort({ fsc: code, wnr: write, cm: maintenance, s1ptw, instruction });
    this.exceptions().fault(EC.DataAbortLowerEL, iss, hi, lo, 2);
  }

  /** Takes an Instruction Abort. */
  fetch(hi: number, lo: number, fault: number): void {
    const s1ptw = (fault & ON_WALK) !== 0;
    const iss = issForInstructionAbort({ fsc: fault & FAULT_STATUS, s1ptw });
    if (fault & STAGE_2) this.noteIpa();
    this.exceptions().fault(EC.InstructionAbortLowerEL, iss, hi, lo, fault & STAGE_2 ? 2 : undefined);
  }

  private noteIpa(): void {
    const fipa = Math.floor(this.mmu.faultIpa / 4096) * (4096 >> FIPA_SHIFT);
    this.s.setSysHalves(HPFAR_EL2, Math.floor(fipa / TWO32), fipa | 0);
  }
}

// --- the instruction syndrome ---

/** Patterns of loads and stores of one general-purpose register without writeback. */
const FORM = {
  literal: { mask: 0x3f00_0000, value: 0x1800_0000 },
  unsignedOffset: { mask: 0x3f00_0000, value: 0x3900_0000 },
  /** Bits 11:10 say which: 0 unscaled, 2 unprivileged. */
  unscaled: { mask: 0x3f20_0400, value: 0x3800_0000 },
  registerOffset: { mask: 0x3f20_0c00, value: 0x3820_0800 },
  /** LDAR, STLR and their LORegion forms. */
  ordered: { mask: 0x3fa0_0000, value: 0x0880_0000 },
  acquirePc: { mask: 0x3fe0_fc00, value: 0x38a0_c000 },
} as const;

const is = (word: number, { mask, value }: { readonly mask: number; readonly value: number }): boolean =>
  (word & mask) >>> 0 === value;

/**
 * The ISS fields from ISV on that describe a load or store, or undefined for an instruction that has none: pairs,
 * exclusives, atomics, SIMD, and what writes its base register back.
 */
export function accessSyndrome(word: number): InstructionSyndrome | undefined {
  const sas = word >>> 30;
  const srt = word & 31;
  const opc = (word >>> 22) & 3;
  if (is(word, FORM.literal)) return literal(sas, srt);
  if (is(word, FORM.acquirePc)) return { sas, srt, sse: false, sf: sas === 3, ar: true };
  if (is(word, FORM.ordered)) return { sas, srt, sse: false, sf: sas === 3, ar: (word & 0x8000) !== 0 };
  if (!is(word, FORM.unsignedOffset) && !is(word, FORM.unscaled) && !is(word, FORM.registerOffset)) return undefined;
  if (opc >= 2 && (sas === 3 || (sas === 2 && opc === 3))) return undefined;
  return { sas, srt, sse: opc >= 2, sf: opc === 2 || (opc < 2 && sas === 3), ar: false };
}

/** LDR (literal) 32 and 64 bits, LDRSW (literal). */
function literal(opc: number, srt: number): InstructionSyndrome | undefined {
  if (opc === 3) return undefined;
  return { sas: opc === 1 ? 3 : 2, srt, sse: opc === 2, sf: opc !== 0, ar: false };
}
