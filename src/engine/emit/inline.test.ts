import { beforeEach, describe, expect, it } from 'vitest';
import { DATA_VA, Fragments, type Meaning } from '../../../test/support/fragments.ts';
import { DATA_TLB_BASE, DATA_TLB_ENTRIES, PE_DERIVED, PE_STATE } from '../../arch/pestate.ts';
import { HELPERS } from '../../isa/helpers.ts';
import { RAM_BASE } from '../records.ts';

const SIZES = [1, 2, 4, 8, 16] as const;
const MEANINGS: Record<string, Meaning> = {
  zero: (b) => void b.call(HELPERS.zeroBlock, b.x('Rn')),
};
for (const bytes of SIZES) {
  MEANINGS[`mark ${bytes}`] = (b) => void b.call(HELPERS.markExclusive, b.x('Rn'), b.i32(bytes));
  MEANINGS[`check ${bytes}`] = (b) => b.setW('Rd', b.call(HELPERS.checkExclusive, b.x('Rn'), b.i32(bytes)));
}

const fragments = new Fragments(MEANINGS);
const { flat } = fragments;
const { memory } = flat;
const RAM_PA = 0x4000_0000n;
const VA = BigInt(DATA_VA);
const CONTEXT = 1n;
const WRONG_PA = 0xdead_0000n;

/** Gives the page of the data its entry in the TLB. */
function install(how: { read?: boolean; write?: boolean }): void {
  const at = DATA_TLB_BASE + ((DATA_VA >>> 12) & (DATA_TLB_ENTRIES - 1)) * 32;
  memory.view.setBigUint64(at, how.read ? VA | CONTEXT : 0n, true);
  memory.view.setBigUint64(at + 8, how.write ? VA | CONTEXT : 0n, true);
  memory.view.setInt32(at + 16, RAM_BASE, true);
}
/** Runs a call at a VA; the helpers that were asked. */
function asked(name: string, va: bigint): string[] {
  fragments.setX(1, va);
  return (fragments.handler(fragments.word(name)).events as { helper: string }[]).map((e) => e.helper);
}
/** Whether the host was asked: the one of this test knows no physical addresses, so a wrong one does not matter to it. */
function askedHost(name: 'mark' | 'check', bytes: number, va: bigint): boolean {
  const { view } = memory;
  view.setInt32(PE_STATE.exclusiveValid.offset, 1, true);
  view.setInt32(PE_STATE.exclusiveSizeBytes.offset, bytes, true);
  view.setBigUint64(PE_STATE.exclusiveVa.offset, va, true);
  view.setBigUint64(PE_STATE.exclusivePa.offset, WRONG_PA, true);
  asked(`${name} ${bytes}`, va);
  return name === 'mark' ? view.getBigUint64(PE_STATE.exclusivePa.offset, true) === WRONG_PA : fragments.x(0) === 1n;
}
const monitor = (): unknown => ({
  valid: memory.view.getInt32(PE_STATE.exclusiveValid.offset, true),
  bytes: memory.view.getInt32(PE_STATE.exclusiveSizeBytes.offset, true),
  pa: memory.view.getBigUint64(PE_STATE.exclusivePa.offset, true),
  va: memory.view.getBigUint64(PE_STATE.exclusiveVa.offset, true),
});

beforeEach(() => {
  flat.flush();
  memory.view.setBigUint64(PE_DERIVED.ramPaOffset.offset, RAM_PA - BigInt(RAM_BASE), true);
  memory.view.setInt32(PE_DERIVED.zeroBlockBytes.offset, 64, true);
  memory.view.setInt32(PE_STATE.exclusiveValid.offset, 0, true);
});

describe.each(SIZES)('exclusives of %i bytes', (bytes) => {
  const va = VA + 0x240n;

  it('mark and check without the host when the TLB has the page', () => {
    install({ read: true, write: true });
    expect(asked(`mark ${bytes}`, va)).toEqual([]);
    expect(monitor()).toEqual({ valid: 1, bytes, pa: RAM_PA + va, va });
    expect(asked(`check ${bytes}`, va)).toEqual([]);
    expect(fragments.x(0)).toBe(1n);
    expect(memory.view.getInt32(PE_STATE.exclusiveValid.offset, true), 'the monitor is open afterwards').toBe(0);
    asked(`check ${bytes}`, va);
    expect(fragments.x(0), 'and a second store fails').toBe(0n);
  });

  it('fail at another address or with another size, and open the monitor', () => {
    install({ read: true, write: true });
    for (const [check, at] of [
      [bytes, va + 16n],
      [bytes === 16 ? 8 : bytes * 2, va],
    ] as const) {
      asked(`mark ${bytes}`, va);
      expect(asked(`check ${check}`, at)).toEqual([]);
      expect(fragments.x(0)).toBe(0n);
      expect(memory.view.getInt32(PE_STATE.exclusiveValid.offset, true)).toBe(0);
    }
  });

  it('ask the host when the TLB has no entry for the access, when it is misaligned, or addresses are not told', () => {
    const host = (name: 'mark' | 'check', at = va): boolean => askedHost(name, bytes, at);
    install({ read: true, write: true });
    expect([host('mark'), host('check')]).toEqual([false, false]);
    install({ read: true });
    expect([host('mark'), host('check')], 'no write tag').toEqual([false, true]);
    install({ write: true });
    expect([host('mark'), host('check')], 'no read tag').toEqual([true, false]);
    install({ read: true, write: true });
    if (bytes > 1) expect([host('mark', va + 1n), host('check', va + 1n)]).toEqual([true, true]);
    memory.view.setBigUint64(PE_DERIVED.ramPaOffset.offset, 0n, true);
    expect([host('mark'), host('check')], 'addresses not told').toEqual([true, true]);
  });
});

describe('DC ZVA', () => {
  const bytes = (): Uint8Array => memory.read(DATA_VA, 0x1000);

  it('zeroes the block of 64 bytes around an address, and no other byte, without the host', () => {
    install({ read: true, write: true });
    for (const at of [0, 1, 63, 64, 0xfc0, 0xfff]) {
      memory.u8.fill(0xa5, RAM_BASE + DATA_VA, RAM_BASE + DATA_VA + 0x1000);
      expect(asked('zero', VA + BigInt(at))).toEqual([]);
      const expected = new Uint8Array(0x1000).fill(0xa5).fill(0, at & -64, (at & -64) + 64);
      expect(bytes(), `at ${at}`).toEqual(expected);
    }
  });

  it('asks the host when the page is not written freely, when it traps, and for blocks of another size', () => {
    memory.u8.fill(0xa5, RAM_BASE + DATA_VA, RAM_BASE + DATA_VA + 0x1000);
    install({ read: true });
    expect(asked('zero', VA)).toEqual(['zeroBlock']);
    install({ read: true, write: true });
    for (const size of [0, 32, 128]) {
      memory.view.setInt32(PE_DERIVED.zeroBlockBytes.offset, size, true);
      expect(asked('zero', VA), `${size}`).toEqual(['zeroBlock']);
    }
    expect(bytes().every((b) => b === 0xa5)).toBe(true);
  });
});
