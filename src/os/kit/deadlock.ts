/** Finding out from outside that CPUs wait for each other for ever. */
import type { LockWait } from '../../cpu/hosted.ts';
import { AREA, areaOf } from './layout.ts';

/** A machine as far as this needs it. */
export interface WaitingMachine {
  readonly pes: readonly unknown[];
  readonly hosted: { lockWaits(): readonly LockWait[] } | undefined;
  readMemory(addrPa: bigint, bytes: number): Uint8Array;
}

/** One CPU that waits. */
interface Wait {
  readonly pe: number;
  readonly what: 'lock' | 'mutex' | 'CPU';
  readonly va: bigint;
  /** CPU that has it. */
  readonly holder: number;
}

function word(machine: WaitingMachine, pa: bigint): bigint {
  const bytes = machine.readMemory(pa, 8);
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
}

/**
 * A ring of CPUs, each of which waits for a lock or mutex that the next one has; undefined when there is none. A CPU
 * that spins on a lock that it holds itself is a ring of one: what it interrupted will never release it.
 *
 * A ring with `waits for CPU` in it can be a passing one, as long as that CPU still takes interrupts: look again later.
 *
 * @returns such as `CPU 0 waits for lock 0x40200010 of CPU 1; CPU 1 waits for mutex 0x40200020 of CPU 0`
 */
export function deadlock(machine: WaitingMachine): string | undefined {
  const waits = new Map<number, Wait>();
  for (let pe = 0; pe < machine.pes.length; pe++) {
    const va = word(machine, areaOf(pe) + AREA.waitsFor);
    const owner = va === 0n ? 0n : word(machine, va);
    const cpu = word(machine, areaOf(pe) + AREA.waitsForCpu);
    if (owner !== 0n) waits.set(pe, { pe, what: 'mutex', va, holder: Number(owner) - 1 });
    else if (cpu !== 0n) waits.set(pe, { pe, what: 'CPU', va, holder: Number(cpu) - 1 });
  }
  for (const { pe, va, heldBy } of machine.hosted?.lockWaits() ?? [])
    if (word(machine, va) === heldBy) waits.set(pe, { pe, what: 'lock', va, holder: Number(heldBy) - 1 });
  for (const start of waits.values()) {
    const ring = [start];
    for (let next = waits.get(start.holder); next; next = waits.get(next.holder)) {
      if (next === start) return ring.map(sentence).join('; ');
      if (ring.includes(next)) break;
      ring.push(next);
    }
  }
  return undefined;
}

const sentence = ({ pe, what, va, holder }: Wait): string =>
  what === 'CPU'
    ? `CPU ${pe} waits for CPU ${holder}`
    : `CPU ${pe} waits for ${what} 0x${va.toString(16)} of CPU ${holder}`;
