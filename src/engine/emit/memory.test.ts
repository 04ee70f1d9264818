import { beforeEach, describe, expect, it } from 'vitest';
import { DATA_VA, Fragments, type Meaning } from '../../../test/support/fragments.ts';
import { Rng } from '../../../test/support/rng.ts';
import { DATA_TLB_BASE, DATA_TLB_ENTRIES, DATA_TLB_WAY_BYTES, PE_DERIVED, V_BASE } from '../../arch/pestate.ts';
import type { MemAccess } from '../../ir/types.ts';
import { RAM_BASE } from '../records.ts';
import { accessWord } from './memory.ts';

const SIZES = [1, 2, 4, 8, 16] as const;
const KINDS: Readonly<Record<string, Omit<MemAccess, 'bytes'>>> = {
  plain: {},
  aligned: { alwaysAligned: true },
  unprivileged: { unprivileged: true },
  'for write': { readForWrite: true },
  'byte aligned': { alignBytes: 1 },
};

function load(access: MemAccess): Meaning {
  return (b) => {
    const value = b.load(b.x('Rn'), access);
    if (access.bytes === 16) b.setV('Rd', value);
    else b.setR('Rd', access.bytes === 8 ? 1 : 0, value);
  };
}
function store(access: MemAccess): Meaning {
  return (b) => {
    const value = access.bytes === 16 ? b.v('Rm') : b.r('Rm', access.bytes === 8 ? 1 : 0);
    b.store(b.x('Rn'), value, access);
    b.setX('Rd', b.i64(1));
  };
}

const MEANINGS: Record<string, Meaning> = {
  'unused load': (b) => {
    b.load(b.x('Rn'), { bytes: 8 });
    b.setX('Rd', b.i64(1));
  },
};
for (const bytes of SIZES)
  for (const [kind, rest] of Object.entries(KINDS)) {
    MEANINGS[`load ${bytes} ${kind}`] = load({ bytes, ...rest });
    MEANINGS[`store ${bytes} ${kind}`] = store({ bytes, ...rest });
  }

const fragments = new Fragments(MEANINGS);
const { flat } = fragments;
const { memory } = flat;

/** What an entry of the data TLB says about a page: contexts whose reads and writes it answers. */
interface Entry {
  readonly read?: bigint;
  readonly write?: bigint;
}
/** Makes the data TLB answer for the page of a VA, with its RAM at `ram`, in its first or second way. */
function install(va: bigint, ram: number, { read, write }: Entry, way = 0): void {
  const at = way * DATA_TLB_WAY_BYTES + DATA_TLB_BASE + (Number((va >> 12n) & BigInt(DATA_TLB_ENTRIES - 1)) << 5);
  const page = va & ~0xfffn;
  memory.view.setBigUint64(at, read === undefined ? 0n : page | read, true);
  memory.view.setBigUint64(at + 8, write === undefined ? 0n : page | write, true);
  memory.view.setInt32(at + 16, Number(BigInt.asIntN(32, BigInt(RAM_BASE + ram) - page)), true);
}

/** Runs an access at a VA and tells whether the slow path was asked. */
function slowly(name: string, va: bigint): boolean {
  fragments.setX(1, va);
  flat.accesses.length = 0;
  fragments.handler(fragments.word(name));
  return flat.accesses.length > 0;
}

/** Contexts of the flat machine: privileged for low and high addresses, then unprivileged. */
const [LOW, HIGH, UNPRIV] = [1n, 2n, 3n];
const VA = BigInt(DATA_VA);
const BOTH: Entry = { read: LOW, write: LOW };

beforeEach(() => {
  flat.flush();
  memory.u8.fill(0xa5, RAM_BASE + DATA_VA, RAM_BASE + DATA_VA + 0x2000);
});

describe('the access word', () => {
  it('has size, alignment and one bit per property', () => {
    expect(accessWord({ bytes: 8 }, false)).toBe(8 | (8 << 5));
    expect(accessWord({ bytes: 16, alignBytes: 8 }, true)).toBe(16 | (8 << 5) | (1 << 12));
    expect(accessWord({ bytes: 1, alwaysAligned: true }, false)).toBe(1 | (1 << 5) | (1 << 10));
    expect(accessWord({ bytes: 1, unprivileged: true }, false)).toBe(1 | (1 << 5) | (1 << 11));
    expect(accessWord({ bytes: 1, readForWrite: true }, false)).toBe(1 | (1 << 5) | (1 << 13));
  });
});

describe.each(SIZES)('accesses of %i bytes', (bytes) => {
  const last = BigInt(4096 - bytes);

  it('go straight to RAM when the TLB has the page, up to its last byte', () => {
    install(VA, DATA_VA, BOTH);
    for (const at of [VA, VA + last, VA + (last >> 1n)]) {
      expect(slowly(`load ${bytes} plain`, at)).toBe(false);
      expect(slowly(`store ${bytes} plain`, at)).toBe(false);
    }
  });

  it('take the slow path when the entry is of another page or another context', () => {
    install(VA, DATA_VA, { read: HIGH, write: UNPRIV });
    expect([slowly(`load ${bytes} plain`, VA), slowly(`store ${bytes} plain`, VA)]).toEqual([true, true]);
    install(VA + (BigInt(DATA_TLB_ENTRIES) << 12n), DATA_VA, BOTH);
    expect([slowly(`load ${bytes} plain`, VA), slowly(`store ${bytes} plain`, VA)]).toEqual([true, true]);
  });

  it('find a page in the second way as well, and it becomes the first', () => {
    const other = VA + (BigInt(DATA_TLB_ENTRIES) << 12n);
    install(other, DATA_VA + 0x1000, BOTH);
    install(VA, DATA_VA, BOTH, 1);
    fragments.setX(0, 0x1234n);
    for (const va of [VA, other, other, VA]) {
      expect(slowly(`load ${bytes} plain`, va)).toBe(false);
      expect(slowly(`store ${bytes} plain`, va + last)).toBe(false);
      expect(slowly(`load ${bytes} for write`, va)).toBe(false);
      const [first, second] = va === VA ? [VA, other] : [other, VA];
      const at = DATA_TLB_BASE + (Number((VA >> 12n) & BigInt(DATA_TLB_ENTRIES - 1)) << 5);
      expect(memory.view.getBigUint64(at, true)).toBe(first | LOW);
      expect(memory.view.getBigUint64(at + DATA_TLB_WAY_BYTES + 8, true)).toBe(second | LOW);
    }
  });

  it('read by the read tag, write by the write tag, and read for writing by the write tag', () => {
    install(VA, DATA_VA, { read: LOW });
    expect([slowly(`load ${bytes} plain`, VA), slowly(`store ${bytes} plain`, VA)]).toEqual([false, true]);
    expect(slowly(`load ${bytes} for write`, VA)).toBe(true);
    install(VA, DATA_VA, { write: LOW });
    expect([slowly(`load ${bytes} plain`, VA), slowly(`store ${bytes} plain`, VA)]).toEqual([true, false]);
    expect(slowly(`load ${bytes} for write`, VA)).toBe(false);
  });

  it('unprivileged ones look in the unprivileged context', () => {
    install(VA, DATA_VA, BOTH);
    expect(slowly(`load ${bytes} unprivileged`, VA)).toBe(true);
    install(VA, DATA_VA, { read: UNPRIV, write: UNPRIV });
    expect([slowly(`load ${bytes} unprivileged`, VA), slowly(`load ${bytes} plain`, VA)]).toEqual([false, true]);
    expect(slowly(`store ${bytes} unprivileged`, VA)).toBe(false);
  });

  it('at addresses with bit 63 set look in the high context', () => {
    const high = VA | (0xffffn << 48n);
    install(high, DATA_VA, { read: HIGH, write: HIGH });
    expect(slowly(`load ${bytes} plain`, high)).toBe(false);
    install(high, DATA_VA, BOTH);
    expect(slowly(`load ${bytes} plain`, high)).toBe(true);
  });

  it('move the same bytes fast and slow, and no other byte', () => {
    const rng = new Rng(`bytes ${bytes}`);
    for (let i = 0; i < 30; i++) {
      const va = VA + BigInt(rng.below(4096 - bytes));
      fragments.randomise(rng);
      fragments.setX(1, va);
      const state = memory.u8.slice(0, V_BASE + 512);
      const data = memory.read(DATA_VA, 0x2000);
      for (const name of [`load ${bytes} plain`, `store ${bytes} plain`]) {
        const restore = (): void => {
          memory.u8.set(state, 0);
          memory.write(DATA_VA, data);
        };
        restore();
        const { handler: slow, oracle } = fragments.both(fragments.word(name));
        expect(slow).toEqual(oracle);
        restore();
        install(va, DATA_VA, BOTH);
        const fast = fragments.handler(fragments.word(name));
        expect(fast).toEqual(slow);
        flat.flush();
      }
    }
  });
});

describe.each([2, 4, 8, 16])('accesses of %i bytes', (bytes) => {
  it('that cross into the next page take the slow path', () => {
    install(VA, DATA_VA, BOTH);
    install(VA + 4096n, DATA_VA + 4096, BOTH);
    for (let at = VA + 4097n - BigInt(bytes); at < VA + 4096n; at++) {
      expect(slowly(`load ${bytes} plain`, at)).toBe(true);
      expect(slowly(`store ${bytes} plain`, at)).toBe(true);
    }
  });

  it('that must be aligned take the slow path when they are not', () => {
    install(VA, DATA_VA, BOTH);
    expect(slowly(`load ${bytes} aligned`, VA + BigInt(bytes))).toBe(false);
    expect(slowly(`load ${bytes} aligned`, VA + 1n)).toBe(true);
    expect(slowly(`store ${bytes} aligned`, VA + BigInt(bytes / 2))).toBe(true);
    expect(slowly(`load ${bytes} plain`, VA + 1n), 'others need not be').toBe(false);
  });
});

describe('an access that faults', () => {
  const outside = 1n << 40n;

  it('ends the instruction before anything else is written', () => {
    for (const name of ['load 8 plain', 'store 8 plain', 'unused load']) {
      fragments.setX(0, 77n);
      expect(slowly(name, outside), name).toBe(true);
      expect(flat.events.map((event) => event.helper)).toEqual([name.includes('store') ? 'store' : 'load']);
      expect(fragments.x(0), name).toBe(77n);
    }
  });

  it('a load whose value nobody uses is made all the same', () => {
    fragments.setX(0, 77n);
    expect(slowly('unused load', VA)).toBe(true);
    expect(fragments.x(0)).toBe(1n);
  });

  it('tells the slow path the address and the data', () => {
    fragments.setX(2, 0x1122_3344_5566_7788n);
    slowly('store 4 plain', VA + 8n);
    expect(flat.accesses).toEqual([VA + 8n]);
    expect(memory.view.getUint32(PE_DERIVED.slowValue.offset, true)).toBe(0x5566_7788);
    expect(memory.view.getUint32(RAM_BASE + DATA_VA + 8, true)).toBe(0x5566_7788);
    expect(memory.view.getUint32(RAM_BASE + DATA_VA + 12, true), 'the neighbour').toBe(0xa5a5_a5a5);
  });
});
