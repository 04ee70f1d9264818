import { beforeEach, describe, expect, it } from 'vitest';
import { Rng } from '../../test/support/rng.ts';
import {
  DATA_TLB_BASE,
  DATA_TLB_ENTRIES,
  DATA_TLB_WAY_BYTES,
  EXEC_TLB_BASE,
  PE_STRIDE_BYTES,
} from '../arch/pestate.ts';
import { GuestMemory, PAGE_BYTES, type RamImage } from './memory.ts';
import { RAM_BASE, RAM_BYTES_MAX } from './records.ts';

const PAGES = 600;
const CHUNK_PAGES = 256;

/** Of a write tag that is not installed: an entry without one. */
const NO_ENTRY = DATA_TLB_BASE >> 2;

/** Writes as generated code does: straight to RAM if the page allows it, else after asking. */
function guestStore(memory: GuestMemory, offset: number, value: number): 'free' | 'asked' {
  const free = memory.writesFreely(Math.floor(offset / PAGE_BYTES), NO_ENTRY);
  if (!free) memory.beforeWrite(offset, 1);
  memory.u8[RAM_BASE + offset] = value;
  return free ? 'free' : 'asked';
}

/** Gives PE `pe` a data TLB entry for a VA with read and write tags, whose RAM is `page`. */
function tag(memory: GuestMemory, pe: number, va: number, page: number): void {
  const at = pe * PE_STRIDE_BYTES + DATA_TLB_BASE + ((va >>> 12) & (DATA_TLB_ENTRIES - 1)) * 32;
  expect(memory.writesFreely(page, at >> 2), 'a write tag is only for a page that is written freely').toBe(true);
  memory.makeRoom(at >> 2, va | 1, 0);
  memory.view.setBigUint64(at, BigInt(va | 1), true);
  memory.view.setBigUint64(at + 8, BigInt(va | 1), true);
  memory.view.setInt32(at + 16, RAM_BASE + page * PAGE_BYTES - va, true);
}
/** The two tags of a data TLB entry. */
function tags(memory: GuestMemory, pe: number, va: number): { read: boolean; write: boolean } {
  const at = pe * PE_STRIDE_BYTES + DATA_TLB_BASE + ((va >>> 12) & (DATA_TLB_ENTRIES - 1)) * 32;
  return { read: memory.view.getBigUint64(at, true) !== 0n, write: memory.view.getBigUint64(at + 8, true) !== 0n };
}

describe('the size of RAM', () => {
  it.each([0, -4096, 4095, 4097, RAM_BYTES_MAX + 4096])('%i bytes are refused', (bytes) => {
    expect(() => new GuestMemory(bytes, 1)).toThrow(`GuestMemory: ${bytes} bytes of RAM`);
  });

  it('is zero at first, all of it', () => {
    const memory = new GuestMemory(PAGES * PAGE_BYTES, 1);
    expect(memory.touchedPages()).toEqual([]);
    expect(memory.read(0, PAGES * PAGE_BYTES).every((byte) => byte === 0)).toBe(true);
  });
});

describe('images: RAM against a plain array', () => {
  /** Some offsets are drawn again and again, so that pages are shared between images in every way. */
  function offset(rng: Rng): number {
    const page = rng.pick([0, 1, 2, CHUNK_PAGES - 1, CHUNK_PAGES, CHUNK_PAGES + 1, PAGES - 1, rng.below(PAGES)]);
    return page * PAGE_BYTES + rng.pick([0, 1, PAGE_BYTES - 1, rng.below(PAGE_BYTES)]);
  }

  it.each(Array.from({ length: 12 }, (_, i) => i))('any order of writes, captures and restores (seed %i)', (seed) => {
    const rng = new Rng(`images ${seed}`);
    const memory = new GuestMemory(PAGES * PAGE_BYTES, 2);
    let model = new Uint8Array(PAGES * PAGE_BYTES);
    const images: { image: RamImage; model: Uint8Array<ArrayBuffer> }[] = [];
    const check = (what: string): void => {
      const ram = memory.u8.subarray(RAM_BASE, RAM_BASE + model.length);
      expect(Buffer.compare(ram, model), what).toBe(0);
    };
    for (let step = 0; step < 250; step++) {
      const roll = rng.below(100);
      if (roll < 45) {
        const at = offset(rng);
        const value = rng.below(3);
        guestStore(memory, at, value);
        model[at] = value;
      } else if (roll < 65) {
        const bytes = Uint8Array.from({ length: rng.below(3 * PAGE_BYTES) }, () => rng.below(256));
        const at = Math.min(offset(rng), model.length - bytes.length);
        memory.write(at, bytes);
        model.set(bytes, at);
      } else if (roll < 70) memory.markCode(rng.below(PAGES));
      else if (roll < 85) images.push({ image: memory.capture(), model: model.slice() });
      else if (images.length > 0) {
        const then = rng.pick(images);
        memory.restore(then.image);
        model = then.model.slice();
        check(`step ${step}: restored`);
      }
    }
    check('at the end');
    for (const then of images) {
      memory.restore(then.image);
      model = then.model.slice();
      check('every image, once more');
    }
  });

  it('an image shares what did not change with the one before', () => {
    const memory = new GuestMemory(PAGES * PAGE_BYTES, 1);
    memory.write(0, Uint8Array.of(1));
    const first = memory.capture();
    guestStore(memory, CHUNK_PAGES * PAGE_BYTES, 2);
    const second = memory.capture();
    expect(second[0], 'a chunk without a write').toBe(first[0]);
    expect(second[1], 'the chunk written').not.toBe(first[1]);
    expect(second[1][1], 'a page beside the one written').toBe(first[1][1]);
    expect(memory.capture()[1], 'nothing in between').toBe(second[1]);
  });

  it('touched pages are those that may not be zero, ascending', () => {
    const memory = new GuestMemory(PAGES * PAGE_BYTES, 1);
    guestStore(memory, 300 * PAGE_BYTES, 1);
    guestStore(memory, 5 * PAGE_BYTES, 1);
    expect(memory.touchedPages()).toEqual([5, 300]);
    const image = memory.capture();
    guestStore(memory, 7 * PAGE_BYTES, 1);
    expect(memory.touchedPages()).toEqual([5, 7, 300]);
    memory.restore(image);
    expect(memory.touchedPages()).toEqual([5, 300]);
  });
});

describe('write tags: who is watched is not written behind our back', () => {
  let memory: GuestMemory;
  beforeEach(() => {
    memory = new GuestMemory(PAGES * PAGE_BYTES, 2);
    for (const page of [0, 1]) memory.write(page * PAGE_BYTES, Uint8Array.of(1));
    for (const pe of [0, 1]) for (const page of [0, 1]) tag(memory, pe, 0x10_0000 + page * PAGE_BYTES, page);
  });
  const [VA0, VA1] = [0x10_0000, 0x10_1000];

  const watchers: readonly [string, (page: number) => void][] = [
    ['decoded code', (page) => memory.markCode(page)],
    ['a walked table', (page) => memory.markTable(page, 0, 0, 12)],
    ['an exclusive reservation', (page) => memory.markExclusive(page)],
  ];
  it.each(watchers)(
    '%s takes the write tags of its page from every PE, and leaves its neighbour alone',
    (_what, mark) => {
      mark(0);
      for (const pe of [0, 1]) {
        expect(tags(memory, pe, VA0)).toEqual({ read: true, write: false });
        expect(tags(memory, pe, VA1)).toEqual({ read: true, write: true });
      }
      expect([memory.writesFreely(0, NO_ENTRY), memory.writesFreely(1, NO_ENTRY)]).toEqual([false, true]);
    },
  );

  it('a capture takes all write tags: the first write to each page must be noticed', () => {
    memory.capture();
    for (const pe of [0, 1])
      for (const va of [VA0, VA1]) expect(tags(memory, pe, va)).toEqual({ read: true, write: false });
    expect(memory.writesFreely(0, NO_ENTRY)).toBe(false);
    expect(guestStore(memory, 0, 5)).toBe('asked');
    expect(guestStore(memory, 1, 5)).toBe('free');
  });

  it('a tag installed again after a capture is taken again', () => {
    memory.capture();
    guestStore(memory, 0, 5);
    tag(memory, 1, VA0, 0);
    memory.markCode(0);
    expect(tags(memory, 1, VA0)).toEqual({ read: true, write: false });
  });

  it('a restore takes all write tags and leaves what was translated', () => {
    const image = memory.capture();
    guestStore(memory, 0, 5);
    memory.view.setBigUint64(PE_STRIDE_BYTES + EXEC_TLB_BASE, 0x1001n, true);
    memory.restore(image);
    for (const va of [VA0, VA1]) expect(tags(memory, 0, va)).toEqual({ read: true, write: false });
    expect(memory.view.getBigUint64(PE_STRIDE_BYTES + EXEC_TLB_BASE, true)).toBe(0x1001n);
    expect(guestStore(memory, 0, 5)).toBe('asked');
  });

  it.each([
    ['a descriptor', 1, false],
    ['many descriptors', 100, false],
    ['nothing in the table', 0, true],
  ])('a restore that puts back %s drops what was translated through it', (_what, descriptors, kept) => {
    memory.write(2 * PAGE_BYTES, new Uint8Array(PAGE_BYTES).fill(3));
    const image = memory.capture();
    // The last level for 2 MiB of addresses, VA0 and VA1 among them.
    const at = 2 * PAGE_BYTES + (VA0 / PAGE_BYTES) * 8;
    memory.markTable(2, 0, VA0, 12);
    guestStore(memory, 0, 5);
    for (let n = 0; n < descriptors; n++) guestStore(memory, at + n * 8, 7);
    for (const pe of [0, 1]) tag(memory, pe, VA0, 0);
    memory.restore(image);
    for (const pe of [0, 1]) expect(tags(memory, pe, VA0).read).toBe(kept);
  });
});

describe('writes to watched pages', () => {
  let memory: GuestMemory;
  let changed: unknown[][];
  let exclusive: number[][];
  beforeEach(() => {
    memory = new GuestMemory(PAGES * PAGE_BYTES, 1);
    [changed, exclusive] = [[], []];
    memory.observer = { ...memory.observer, codeChanged: (...args) => void changed.push(args) };
    memory.exclusiveObserver = (...args) => void exclusive.push(args);
  });

  it('of decoded code are told with their place in the page', () => {
    memory.markCode(3);
    memory.write(3 * PAGE_BYTES + 8, Uint8Array.of(1, 2, 3, 4));
    memory.write(4 * PAGE_BYTES, Uint8Array.of(1));
    expect(changed).toEqual([[3, 8, 4, false]]);
  });

  it('that cross pages are told page by page', () => {
    memory.markCode(3);
    memory.markCode(4);
    memory.write(4 * PAGE_BYTES - 2, Uint8Array.of(1, 2, 3));
    expect(changed).toEqual([
      [3, PAGE_BYTES - 2, 2, false],
      [4, 0, 1, false],
    ]);
  });

  it('a page of code that is written again and again is data by now: its records go, and no more is told', () => {
    memory.markCode(3);
    for (let i = 0; i < 100; i++) memory.write(3 * PAGE_BYTES + i, Uint8Array.of(i));
    expect(changed).toHaveLength(64);
    expect(changed.at(-1)).toEqual([3, 63, 1, true]);
    expect(memory.writesFreely(3, NO_ENTRY)).toBe(true);
    memory.markCode(3);
    memory.write(3 * PAGE_BYTES, Uint8Array.of(1));
    expect(changed.at(-1), 'counted anew').toEqual([3, 0, 1, false]);
  });

  it('that a restore undoes are told where something changes, as a whole when that is much', () => {
    memory.write(3 * PAGE_BYTES, Uint8Array.of(1));
    const image = memory.capture();
    memory.write(3 * PAGE_BYTES, Uint8Array.of(2));
    memory.markCode(3);
    memory.markCode(4);
    memory.restore(image);
    expect(changed).toEqual([[3, 0, 4, false]]);
    memory.write(5 * PAGE_BYTES, new Uint8Array(PAGE_BYTES).fill(1));
    memory.markCode(5);
    memory.restore(image);
    expect(changed.slice(1)).toEqual([[5, 0, PAGE_BYTES, true]]);
  });

  it('with a reservation are told until it is gone', () => {
    memory.markExclusive(2);
    memory.markExclusive(2);
    memory.write(2 * PAGE_BYTES + 16, Uint8Array.of(1, 2));
    expect(exclusive).toEqual([[2 * PAGE_BYTES + 16, 2]]);
    memory.unmarkExclusive(2);
    memory.write(2 * PAGE_BYTES + 16, Uint8Array.of(1));
    expect(exclusive).toHaveLength(1);
    expect(memory.writesFreely(2, NO_ENTRY)).toBe(true);
  });

  it('a reservation outside RAM is no page', () => {
    memory.markExclusive(-1);
    memory.unmarkExclusive(-1);
    expect(memory.writesFreely(0, NO_ENTRY)).toBe(false); // not yet touched, nothing else
    memory.write(0, Uint8Array.of(1));
    expect(memory.writesFreely(0, NO_ENTRY)).toBe(true);
  });

  it('of a walked table say so, until translations are dropped', () => {
    memory.markTable(2, 0, 0, 12);
    expect(memory.beforeWrite(2 * PAGE_BYTES, 8)).toBe(true);
    expect(memory.beforeWrite(3 * PAGE_BYTES, 8)).toBe(false);
    memory.flushTranslations();
    expect(memory.beforeWrite(2 * PAGE_BYTES, 8)).toBe(false);
    memory.markTable(2, 0, 0, 12);
    memory.write(2 * PAGE_BYTES, Uint8Array.of(1));
    expect(memory.beforeWrite(2 * PAGE_BYTES, 8), 'a write from outside drops all translations').toBe(false);
  });
});

describe('a changed descriptor drops what was translated through it', () => {
  const TABLE = 9;
  let memory: GuestMemory;
  beforeEach(() => {
    memory = new GuestMemory(PAGES * PAGE_BYTES, 1);
    for (let page = 0; page < 8; page++) memory.write(page * PAGE_BYTES, Uint8Array.of(1));
  });
  const known = (va: number): boolean => tags(memory, 0, va).read;

  it('of a page: the entry for that page, and no other', () => {
    memory.markTable(TABLE, 0, 0x4020_0000, 12);
    for (let i = 0; i < 4; i++) tag(memory, 0, 0x4020_0000 + i * PAGE_BYTES, i);
    memory.descriptorChanged(TABLE * PAGE_BYTES + 2 * 8);
    expect([0, 1, 2, 3].map((i) => known(0x4020_0000 + i * PAGE_BYTES))).toEqual([true, true, false, true]);
  });

  it('of a block of 2 MiB: every entry within it', () => {
    memory.markTable(TABLE, 0, 0x4020_0000, 21);
    const [inside, last, beside] = [0x4020_0000, 0x403f_f000, 0x4040_0000];
    for (const [i, va] of [inside, last, beside].entries()) tag(memory, 0, va, i);
    memory.descriptorChanged(TABLE * PAGE_BYTES + 8);
    expect([inside, last, beside].map(known)).toEqual([false, false, true]);
  });

  it.each([
    ['a gigabyte', 0, 0, 30, 2, 0x9234_5000, 0x4000_0000],
    ['512 gigabytes of the upper half', 0xffff_0000, 0, 39, 0, 0x4000_0000, 0],
  ] as const)('of %s: every entry within it and none beside it', (_what, hi, lo, shift, index, inside, beside) => {
    const put = (va: number, high: number, page: number): void => {
      tag(memory, 0, va, page);
      const at = DATA_TLB_BASE + ((va >>> 12) & (DATA_TLB_ENTRIES - 1)) * 32;
      for (const half of [at + 4, at + 12]) memory.view.setUint32(half, high, true);
    };
    put(inside, hi, 1);
    if (beside) put(beside, hi, 2);
    put(inside + 0x1000, hi ^ 0x80, 3);
    memory.markTable(TABLE, hi, lo, shift);
    memory.descriptorChanged(TABLE * PAGE_BYTES + index * 8);
    expect([known(inside), known(inside + 0x1000)]).toEqual([false, true]);
    if (beside) expect(known(beside)).toBe(true);
    put(inside, (hi & 0xff_ffff) | 0x5a00_0000, 1);
    memory.descriptorChanged(TABLE * PAGE_BYTES + index * 8);
    expect(known(inside), 'with a tag in its top byte').toBe(false);
  });

  it('in a page that maps several places: all of them', () => {
    for (const [marks, what] of [
      [
        [
          [0, 0x4000_0000, 12],
          [0, 0x4020_0000, 12],
        ],
        'two places',
      ],
      [
        [
          [0, 0x4000_0000, 12],
          [0xffff, 0x4000_0000, 12],
        ],
        'low and high addresses',
      ],
      [
        [
          [0, 0x4000_0000, 12],
          [0, 0x4000_0000, 21],
        ],
        'two levels',
      ],
    ] as const) {
      for (const [hi, lo, shift] of marks) memory.markTable(TABLE, hi, lo, shift);
      tag(memory, 0, 0x7000_0000, 1);
      memory.descriptorChanged(TABLE * PAGE_BYTES);
      expect(known(0x7000_0000), what).toBe(false);
    }
  });
});

describe('a watched table that is written again and again', () => {
  const TABLE = 9;
  let memory: GuestMemory;
  let boundaries: number;
  beforeEach(() => {
    memory = new GuestMemory(PAGES * PAGE_BYTES, 2);
    for (let page = 0; page < 10; page++) memory.write(page * PAGE_BYTES, Uint8Array.of(1));
    boundaries = 0;
    memory.observer = { codeChanged: () => {}, translationsChanged: () => void boundaries++ };
  });
  const known = (va: number): boolean[] => [0, 1].map((pe) => tags(memory, pe, va).read);
  /** Writes until it is watched no longer; how many that took. */
  function writes(): number {
    for (let n = 1; n < 1000; n++) if (memory.unwatchTable(TABLE)) return n;
    return 0;
  }

  it('is written freely from then on; what was translated through it is dropped, of every PE, and nothing else', () => {
    memory.markTable(TABLE, 0, 0x4020_0000, 12);
    for (const pe of [0, 1]) {
      tag(memory, pe, 0x4020_0000, 1);
      tag(memory, pe, 0x403f_f000, 2);
      tag(memory, pe, 0x4040_0000, 3);
    }
    expect(memory.writesFreely(TABLE, NO_ENTRY)).toBe(false);
    const taken = writes();
    expect(taken).toBeGreaterThan(8);
    expect([0x4020_0000, 0x403f_f000, 0x4040_0000].map(known)).toEqual([
      [false, false],
      [false, false],
      [true, true],
    ]);
    expect(boundaries, 'who runs looks its page up again').toBe(1);
    expect(memory.writesFreely(TABLE, NO_ENTRY)).toBe(true);
    memory.markTable(TABLE, 0, 0x4020_0000, 12);
    expect(writes(), 'walked again, it counts from the start').toBe(taken);
  });

  it('drops everything when it maps several places, and what a table of gigabytes maps', () => {
    memory.markTable(TABLE, 0, 0x4000_0000, 30);
    tag(memory, 0, 0x7000_0000, 1);
    expect(writes()).toBeGreaterThan(8);
    expect(tags(memory, 0, 0x7000_0000).read).toBe(false);
    memory.markTable(TABLE, 0, 0x4000_0000, 12);
    memory.markTable(TABLE, 0, 0x5000_0000, 12);
    tag(memory, 0, 0x7000_0000, 1);
    expect(writes()).toBeGreaterThan(8);
    expect(tags(memory, 0, 0x7000_0000).read).toBe(false);
    expect(memory.writesFreely(TABLE, NO_ENTRY)).toBe(true);
  });
});

describe('write tags of a page at many addresses', () => {
  it.each([1, 2, 3, 5])('all %i go when it is watched', (count) => {
    const memory = new GuestMemory(PAGES * PAGE_BYTES, 2);
    memory.write(0, Uint8Array.of(1));
    const places = Array.from({ length: count }, (_, n) => 0x5000_0000 + n * 0x1000);
    places.forEach((va, n) => {
      tag(memory, n % 2, va, 0);
    });
    memory.markCode(0);
    places.forEach((va, n) => {
      expect(tags(memory, n % 2, va)).toEqual({ read: true, write: false });
    });
  });

  it('go in both ways of an entry, and only those of its own page', () => {
    const memory = new GuestMemory(PAGES * PAGE_BYTES, 1);
    memory.write(0, Uint8Array.of(1));
    memory.write(PAGE_BYTES, Uint8Array.of(1));
    const [va, other] = [0x5000_0000, 0x5000_0000 + DATA_TLB_ENTRIES * PAGE_BYTES];
    const write = (way: number): bigint =>
      memory.view.getBigUint64(
        DATA_TLB_BASE + ((va >>> 12) & (DATA_TLB_ENTRIES - 1)) * 32 + way * DATA_TLB_WAY_BYTES + 8,
        true,
      );
    tag(memory, 0, va, 0);
    tag(memory, 0, other, 1);
    expect([write(0), write(1)]).toEqual([BigInt(other | 1), BigInt(va | 1)]);
    memory.markCode(0);
    expect([write(0), write(1)]).toEqual([BigInt(other | 1), 0n]);
    tag(memory, 0, va + 0x1000, 1);
    memory.capture();
    expect([write(0), write(1)]).toEqual([0n, 0n]);
  });
});
