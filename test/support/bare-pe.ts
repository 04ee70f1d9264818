/** A machine whose PE 0 is put into any state and takes one step: for tests of exceptions and translation. */
import { PE_STATE } from '../../src/arch/pestate.ts';
import type { ProfileName } from '../../src/arch/profiles.ts';
import { Machine } from '../../src/machine/machine.ts';

/** The combinations of implemented Exception levels. */
export const els = [
  { el2: false, el3: false },
  { el2: true, el3: false },
  { el2: false, el3: true },
  { el2: true, el3: true },
] as const;

/** Base of RAM. */
export const RAM = 0x4000_0000n;
/** Vector table of an Exception level, in memory full of NOPs. */
export const vbar = (el: number): bigint => RAM + BigInt(el) * 0x1000n + 0x10000n;
const NOP = 0xd503_201f;
const MIB = 2 ** 20;

/** Bare metal with all of the first 2 MiB of RAM NOPs. */
export function bareMachine(options: { el2: boolean; el3: boolean; cpu?: ProfileName }): Machine {
  const nops = new Uint32Array((2 * MIB) / 4).fill(NOP);
  const machine = Machine.create({
    ...options,
    memoryBytes: 16 * MIB,
    firmware: 'guest',
    programs: [{ bytes: new Uint8Array(nops.buffer), addrPa: RAM }],
  });
  place(machine);
  return machine;
}

/** One PE state. Registers of levels that do not exist are left out of account. */
export interface BareState {
  readonly el: number;
  readonly sp: 0 | 1;
  /** PSTATE besides EL and SP, in the layout of SPSR_ELx. */
  readonly pstate: number;
  readonly scr: bigint;
  readonly hcr: bigint;
  readonly pc: bigint;
}

function highest(machine: Machine): number {
  const { el2, el3 } = machine.options.els;
  return el3 ? 3 : el2 ? 2 : 1;
}

/** Known vectors, syndromes and fault addresses; no SError pending; at the highest Exception level. */
export function place(machine: Machine): void {
  const top = highest(machine);
  machine.pes[0]!.reset();
  machine.pes[0]!.s.set32(PE_STATE.waitState, 0);
  machine.writeRegister(0, 'PSTATE', BigInt(0x3c1 | (top << 2)));
  for (let el = 1; el <= top; el++) {
    if (el === 2 && !machine.options.els.el2) continue;
    machine.writeRegister(0, `VBAR_EL${el}`, vbar(el));
    machine.writeRegister(0, `ESR_EL${el}`, 0x1e57n);
    machine.writeRegister(0, `FAR_EL${el}`, 0xfa0n);
  }
}

/** Puts PE 0 into a state; gives PSTATE as it then is. */
export function enterState(machine: Machine, state: BareState): number {
  const { el2, el3 } = machine.options.els;
  if (el3) machine.writeRegister(0, 'SCR_EL3', state.scr);
  if (el2) machine.writeRegister(0, 'HCR_EL2', state.hcr);
  machine.writeRegister(0, 'PSTATE', BigInt((state.pstate | (state.el << 2) | state.sp) >>> 0));
  machine.writeRegister(0, 'PC', state.pc);
  return Number(machine.readRegister(0, 'PSTATE'));
}

/** Writes one instruction. */
export function putWord(machine: Machine, addrPa: bigint, word: number): void {
  machine.writeMemory(addrPa, new Uint8Array(Uint32Array.of(word).buffer));
}
/** Writes one doubleword. */
export function putDoubleword(machine: Machine, addrPa: bigint, value: bigint): void {
  machine.writeMemory(addrPa, new Uint8Array(BigUint64Array.of(value).buffer));
}
