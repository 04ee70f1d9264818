/**
 * What hosted AArch32 code can ask of its processor: one effect is one step, as in `src/engine/hosted/effects.ts`.
 *
 * 32-bit values are unsigned numbers, 64-bit ones `bigint`.
 */
import type { EffectResult } from '../../../engine/hosted/effects.ts';
import type { Mode } from './psr.ts';

/** Barriers, hints and waits. */
export type Hint32 = 'nop' | 'isb' | 'dsb' | 'wfi' | 'wfe' | 'sev';

/** One effect as plain data. */
export type Effect32 =
  | { readonly op: 'r'; readonly n: number }
  | { readonly op: 'setR'; readonly n: number; readonly value: number }
  | { readonly op: 'banked'; readonly name: string }
  | { readonly op: 'setBanked'; readonly name: string; readonly value: number }
  | { readonly op: 'mrs'; readonly psr: 'CPSR' | 'SPSR' }
  | { readonly op: 'msr'; readonly psr: 'CPSR' | 'SPSR'; readonly value: number; readonly mask: number }
  | { readonly op: 'mrc'; readonly name: string }
  | { readonly op: 'mcr'; readonly name: string; readonly value: number }
  | { readonly op: 'mrrc'; readonly name: string }
  | { readonly op: 'mcrr'; readonly name: string; readonly value: bigint }
  | { readonly op: 'ldr'; readonly va: number; readonly bytes: 1 | 4 }
  | { readonly op: 'str'; readonly va: number; readonly bytes: 1 | 4; readonly value: number }
  | { readonly op: 'copyWords'; readonly from: number; readonly to: number; readonly words: number }
  | {
      readonly op: 'call';
      readonly how: 'hvc' | 'smc' | 'svc' | 'blx';
      /** Immediate, or for `blx` the address with the instruction set in bit 0. */
      readonly target: number;
      readonly r: readonly number[];
    }
  | { readonly op: 'adr'; readonly symbol: string }
  | { readonly op: 'bx'; readonly target: number }
  | { readonly op: 'eret' }
  | { readonly op: 'movsPc'; readonly value: number }
  | { readonly op: 'rfe'; readonly va: number }
  | { readonly op: 'udf' }
  | { readonly op: 'hint'; readonly name: Hint32 }
  | { readonly op: 'stop'; readonly why: string };

/** A stretch of hosted AArch32 code. */
export type Hosted32<T = void> = Generator<Effect32, T, EffectResult>;

function* word(effect: Effect32): Hosted32<number> {
  return Number((yield effect) as bigint);
}
function* done(effect: Effect32): Hosted32 {
  yield effect;
}

/** Numbers of registers with a name. */
export const IP = 12;
/** Stack pointer. */
export const SP = 13;
/** Link register. */
export const LR = 14;

/** A core register R0 to R14 of the current mode. */
export const readR = (n: number): Hosted32<number> => word({ op: 'r', n });
/** Writes a core register of the current mode. */
export const setR = (n: number, value: number): Hosted32 => done({ op: 'setR', n, value });
/** MRS (banked register), such as `SP_usr` or `ELR_hyp`. */
export const mrsBanked = (name: string): Hosted32<number> => word({ op: 'banked', name });
/** MSR (banked register). */
export const msrBanked = (name: string, value: number): Hosted32 => done({ op: 'setBanked', name, value });
/** MRS of CPSR or of the SPSR of this mode. */
export const mrs32 = (psr: 'CPSR' | 'SPSR'): Hosted32<number> => word({ op: 'mrs', psr });
/** MSR of CPSR or of the SPSR of this mode; `mask` says which bits. */
export const msr32 = (psr: 'CPSR' | 'SPSR', value: number, mask = 0xffff_ffff): Hosted32 =>
  done({ op: 'msr', psr, value, mask });
/** CPSIE: clears mask bits. */
export const cpsie = (bits: number): Hosted32 => done({ op: 'msr', psr: 'CPSR', value: 0, mask: bits });
/** CPSID: sets mask bits. */
export const cpsid = (bits: number): Hosted32 => done({ op: 'msr', psr: 'CPSR', value: bits, mask: bits });
/** MRC of a System register by Arm's name. */
export const mrc = (name: string): Hosted32<number> => word({ op: 'mrc', name });
/** MCR. */
export const mcr = (name: string, value = 0): Hosted32 => done({ op: 'mcr', name, value });
/** MRRC: 64 bits. */
export function* mrrc(name: string): Hosted32<bigint> {
  return (yield { op: 'mrrc', name }) as bigint;
}
/** MCRR. */
export const mcrr = (name: string, value: bigint): Hosted32 => done({ op: 'mcrr', name, value });
/** LDR, or LDRB. */
export const ldr = (va: number, bytes: 1 | 4 = 4): Hosted32<number> => word({ op: 'ldr', va, bytes });
/** STR, or STRB. */
export const str = (va: number, value: number, bytes: 1 | 4 = 4): Hosted32 => done({ op: 'str', va, bytes, value });
/** LDM and STM of up to 8 words: one step, as two instructions could be interrupted between but lose nothing. */
export const copyWords = (from: number, to: number, words: number): Hosted32 =>
  done({ op: 'copyWords', from, to, words });

function* call(how: 'hvc' | 'smc' | 'svc' | 'blx', target: number, r: readonly number[]): Hosted32<readonly number[]> {
  return ((yield { op: 'call', how, target, r }) as readonly bigint[]).map(Number);
}
/** HVC #0 with R0.. set; other registers stay. Gives R0 to R3 as they are when the processor comes back. */
export const hvc32 = (...r: number[]): Hosted32<readonly number[]> => call('hvc', 0, r);
/** HVC with an immediate. */
export const hvcImmediate = (immediate: number, ...r: number[]): Hosted32<readonly number[]> =>
  call('hvc', immediate, r);
/** SMC #0. */
export const smc32 = (...r: number[]): Hosted32<readonly number[]> => call('smc', 0, r);
/** SVC #0. */
export const svc32 = (...r: number[]): Hosted32<readonly number[]> => call('svc', 0, r);
/** BLX to an address; bit 0 is the instruction set. */
export const blx = (target: number, ...r: number[]): Hosted32<readonly number[]> => call('blx', target, r);
/** ADR of a function or table of the same image, wherever that lies now; bit 0 is set for T32 functions. */
export const adr = (symbol: string): Hosted32<number> => word({ op: 'adr', symbol });
/** BX, for good. */
export const bx = (target: number): Hosted32 => done({ op: 'bx', target });
/** ERET. */
export const eret32 = (): Hosted32 => done({ op: 'eret' });
/** MOVS PC, or SUBS PC, LR: exception return to an address with the SPSR of this mode. */
export const movsPc = (value: number): Hosted32 => done({ op: 'movsPc', value });
/** RFEIA: exception return with PC and CPSR from memory. */
export const rfe = (va: number): Hosted32 => done({ op: 'rfe', va });
/** UDF: an Undefined Instruction exception, as BUG() makes. */
export const udf = (): Hosted32 => done({ op: 'udf' });
/** Barriers, hints, waits. */
export const hint32 = (name: Hint32): Hosted32 => done({ op: 'hint', name });
/** The model ends here, for this processor; no instruction. */
export const stop = (why: string): Hosted32 => done({ op: 'stop', why });
/** The mode bits of CPSR. */
export function* currentMode(): Hosted32<number> {
  return (yield* mrs32('CPSR')) & 0x1f;
}
/** Value of CPSR for a mode with all masks set. */
export const maskedPsr = (mode: number, thumb: boolean): number => mode | 0x1c0 | (thumb ? 0x20 : 0);
/** Name of a mode, for types of options. */
export type { Mode };
