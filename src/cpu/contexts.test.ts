import { beforeEach, describe, expect, it } from 'vitest';
import { bareMachine, place, putDoubleword, putWord, RAM } from '../../test/support/bare-pe.ts';
import { Rng } from '../../test/support/rng.ts';
import { type WalkRequest, walk } from '../../test/support/transcription/walker.ts';
import { fsc } from '../arch/esr.ts';
import type { Machine } from '../machine/machine.ts';

/*
 * A guest that runs in the upper half of the VA space, where nothing changes, and reads, writes and executes in the
 * lower half, whose tables and controls change all the time without TLB maintenance. The lower half must always be what
 * a walk of the tables as they are gives: this machine has no stale translations.
 */

const UPPER = 0xffff_ff80_0000_0000n;
/** Upper half: RAM read-only and executable, and once more read-write. */
const RUN = UPPER + RAM;
const STORE = UPPER + 0x8000_0000n;
const CODE = RAM + 0x2000n;
const VECTORS = 0x3000n;
const TABLES = RAM + 0x10_0000n;
const DATA = RAM + 0x20_0000n;
const DATA_PAGES = 6;
const HOLE = 0x0906_0000n;
const NOP = 0xd503_201f;
const ROUNDS = 8000;
const EPD0 = 1n << 7n;
const TBI0 = 1n << 37n;
const RAM_BYTES = 16n * 2n ** 20n;

const table = (n: number): bigint => TABLES + BigInt(n) * 0x1000n;
const [L1_UPPER, ROOT_A, ROOT_B, L2, L3_A, L3_B] = [0, 1, 2, 3, 4, 5].map(table) as [
  bigint,
  bigint,
  bigint,
  bigint,
  bigint,
  bigint,
];

const INSTRUCTIONS = [
  { name: 'LDR', word: 0xf940_0001, access: 'read', user: false },
  { name: 'STR', word: 0xf900_0001, access: 'write', user: false },
  { name: 'LDTR', word: 0xf840_0801, access: 'read', user: true },
  { name: 'STTR', word: 0xf800_0801, access: 'write', user: true },
] as const;

/** Addresses of the lower half under test: three regions of several pages each, one of them with a tag. */
function addresses(): bigint[] {
  const out: bigint[] = [];
  for (const region of [0x4000_0000n, 0x4020_0000n, 0x0100_0000_8000_0000n])
    for (let page = 0n; page < 3n; page++) out.push(region + page * 0x1000n);
  return out;
}

/** In the place of an instruction's number: the address under test is PC. */
const FETCH = -1;

interface Choice {
  readonly page: bigint;
  readonly el: 0 | 1;
  /** Index in `INSTRUCTIONS`, or `FETCH`. */
  readonly n: number;
  readonly pan: boolean;
  readonly uao: boolean;
}

class World {
  readonly machine: Machine;
  readonly rng: Rng;
  readonly mair = 0xff00_44ffn;
  sctlr = 1n;
  tcr = 25n | (25n << 16n) | (2n << 30n) | (2n << 32n) | (1n << 37n);
  ttbr0 = ROOT_A;
  private last: Choice | undefined;
  seen: { target: number; vector: number } | undefined;

  constructor(machine: Machine, seed: string) {
    this.machine = machine;
    this.rng = new Rng(seed);
    machine.on('exception', (_pe, target, vector) => {
      this.seen = { target, vector };
    });
    INSTRUCTIONS.forEach(({ word }, n) => {
      putWord(machine, CODE + BigInt(n * 4), word);
    });
    putDoubleword(machine, L1_UPPER + 8n, RAM | 0x4c1n);
    putDoubleword(machine, L1_UPPER + 16n, RAM | 0x401n | (3n << 53n));
    for (let page = 0; page < DATA_PAGES; page++)
      for (let at = 0; at < 4096; at += 4) putWord(machine, DATA + BigInt(page * 4096 + at), NOP);
    for (const root of [ROOT_A, ROOT_B]) {
      putDoubleword(machine, root + 8n, L2 | 3n);
      putDoubleword(machine, root + 16n, L2 | 3n);
    }
    putDoubleword(machine, L2, L3_A | 3n);
    putDoubleword(machine, L2 + 8n, L3_B | 3n);
    for (const l3 of [L3_A, L3_B])
      for (let n = 0n; n < 3n; n++) putDoubleword(machine, l3 + n * 8n, (DATA + n * 0x1000n) | 0x443n);
    this.apply();
    machine.writeRegister(0, 'SCR_EL3', 0x401n);
    machine.writeRegister(0, 'VBAR_EL1', RUN + VECTORS);
  }

  apply(): void {
    const { machine } = this;
    machine.writeRegister(0, 'MAIR_EL1', this.mair);
    machine.writeRegister(0, 'TTBR1_EL1', L1_UPPER);
    machine.writeRegister(0, 'TTBR0_EL1', this.ttbr0);
    machine.writeRegister(0, 'TCR_EL1', this.tcr);
    machine.writeRegister(0, 'SCTLR_EL1', this.sctlr);
  }

  read(pa: bigint): bigint | undefined {
    if (pa < RAM || pa + 8n > RAM + RAM_BYTES) return undefined;
    return new DataView(this.machine.readMemory(pa, 8).buffer).getBigUint64(0, true);
  }
  private pstate(el: 0 | 1, pan: boolean, uao = false): void {
    const level = el ? 5 : 0;
    this.machine.writeRegister(0, 'PSTATE', BigInt(0x3c0 | level | (pan ? 1 << 22 : 0) | (uao ? 1 << 23 : 0)));
  }
  private step(pc: bigint): void {
    this.machine.writeRegister(0, 'PC', pc);
    this.seen = undefined;
    this.machine.run({ steps: 1 });
  }

  /** A store by the guest itself, through the other half. */
  guestStore(pa: bigint, value: bigint): void {
    this.pstate(1, false);
    this.machine.writeRegister(0, 'X0', STORE + (pa - RAM));
    this.machine.writeRegister(0, 'X1', value);
    this.step(RUN + (CODE - RAM) + 4n);
    expect(this.seen).toBeUndefined();
  }

  /** Changes a descriptor that an address may use, or a control. */
  change(): void {
    const { rng } = this;
    const what = this.tcr & EPD0 ? 2 : rng.percent(50) ? rng.below(3) : rng.below(10);
    if (what === 0) this.sctlr ^= 1n << 19n;
    else if (what === 1) this.ttbr0 = rng.pick([ROOT_A, ROOT_B]);
    else if (what === 2) this.tcr ^= this.tcr & EPD0 || rng.percent(15) ? EPD0 : TBI0;
    if (what < 3) {
      this.apply();
      return;
    }
    const page = DATA + BigInt(rng.below(DATA_PAGES)) * 0x1000n;
    const target = rng.percent(95) ? page : HOLE;
    const never = rng.percent(60) ? 0n : rng.u64() & 0x0060_0000_0000_0000n;
    const attributes = never | (rng.u64() & 0xc0n) | (rng.percent(85) ? 1n << 10n : 0n) | (rng.percent(10) ? 4n : 0n);
    const leaf = target | attributes | (rng.percent(90) ? 3n : 0n);
    const entry =
      what < 8
        ? rng.pick([L3_A, L3_B]) + BigInt(rng.below(3)) * 8n
        : what === 8
          ? L2 + BigInt(rng.below(2)) * 8n
          : rng.pick([ROOT_A, ROOT_B]) + 8n + BigInt(rng.below(2)) * 8n;
    const next = what === 8 ? rng.pick([L3_A, L3_B]) : L2;
    const limits = rng.percent(15) ? BigInt(rng.below(16)) << 59n : 0n;
    const value = what < 8 ? leaf : next | limits | (rng.percent(90) ? 3n : 2n);
    if (rng.percent(50)) this.guestStore(entry, value);
    else putDoubleword(this.machine, entry, value);
  }

  private expected(request: Pick<WalkRequest, 'va' | 'access' | 'el' | 'pan'>): { fault: number } | { pa: bigint } {
    const { sctlr, tcr, ttbr0, mair } = this;
    const read = (pa: bigint): bigint | undefined => this.read(pa);
    const r = walk({ ...request, sctlr, tcr, ttbr0, ttbr1: L1_UPPER, mair, paBits: 48, granulesKib: [4], read });
    if ('fault' in r) return { fault: fsc(r.fault, r.level) };
    return this.read(r.pa) === undefined ? { fault: fsc('SyncExternal') } : { pa: r.pa };
  }

  private abort(ec: number, el: 0 | 1, fault: number, write: boolean, va: bigint): void {
    expect(this.seen).toEqual({ target: 1, vector: el ? 0x200 : 0x400 });
    const esr = (((ec + el) << 26) | 0x0200_0000 | (write ? 0x40 : 0) | fault) >>> 0;
    expect(Number(this.machine.readRegister(0, 'ESR_EL1')).toString(16)).toBe(esr.toString(16));
    expect(this.machine.readRegister(0, 'FAR_EL1')).toBe(va);
  }

  /** What to do where: often the same as before, so that what was remembered is used. */
  private choose(page: bigint): Choice {
    const { rng } = this;
    if (this.last && rng.percent(60)) return { ...this.last, pan: rng.percent(50), uao: rng.percent(30) };
    const el = rng.pick([0, 1] as const);
    const n = rng.percent(25) ? FETCH : rng.below(INSTRUCTIONS.length);
    return { page, el, n, pan: rng.percent(50), uao: rng.percent(30) };
  }

  /** An access or a fetch; gives what came of it. */
  use(page: bigint): string {
    const choice = this.choose(page);
    this.last = choice;
    return choice.n === FETCH ? this.fetch(choice) : this.access(choice);
  }

  access(choice: Choice): string {
    const { rng, machine } = this;
    const { page, el, n } = choice;
    const pan = el === 1 && choice.pan;
    const uao = el === 1 && choice.uao;
    const { access, user } = INSTRUCTIONS[n]!;
    const va = page + BigInt(rng.below(8)) * 8n;
    const as = user && !uao ? 0 : el;
    const result = this.expected({ va, access, el: as, pan: pan && as === 1 });
    const value = rng.u64();
    const before = 'pa' in result ? this.read(result.pa)! : 0n;
    this.pstate(el, pan, uao);
    machine.writeRegister(0, 'X0', va);
    machine.writeRegister(0, 'X1', value);
    this.step(RUN + (CODE - RAM) + BigInt(n * 4));
    if ('fault' in result) {
      this.abort(0x24, el, result.fault, access === 'write', va);
      return `${access} ${result.fault}`;
    }
    expect(this.seen).toBeUndefined();
    if (access === 'read') expect(machine.readRegister(0, 'X1')).toBe(before);
    else expect(this.read(result.pa)).toBe(value);
    return access;
  }

  fetch({ page, el }: Choice): string {
    // The tag is gone from PC, as a branch would have taken it away.
    const va = (page & 0xff_ffff_ffff_ffffn) + 0xf00n;
    const result = this.expected({ va, access: 'fetch', el, pan: false });
    this.pstate(el, false);
    this.step(va);
    if ('fault' in result) {
      this.abort(0x20, el, result.fault, false, va);
      return `fetch ${result.fault}`;
    }
    expect(this.seen).toBeUndefined();
    expect(this.machine.readRegister(0, 'PC')).toBe(va + 4n);
    return 'fetch';
  }
}

describe('translations that are remembered', () => {
  let machine: Machine;
  beforeEach(() => {
    machine = bareMachine({ el2: true, el3: true });
    place(machine);
  });

  it('never outlive what they follow from: tables, controls, Exception level, PAN and UAO', () => {
    const world = new World(machine, 'stale');
    const pages = addresses();
    const seen = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      if (world.rng.percent(35)) world.change();
      const result = world.use(world.rng.pick(pages));
      seen.set(result, (seen.get(result) ?? 0) + 1);
    }
    for (const result of ['read', 'write', 'fetch']) expect(seen.get(result), result).toBeGreaterThan(100);
    for (const fault of [7, 11, 15, 16]) expect(seen.get(`read ${fault}`), `fault ${fault}`).toBeGreaterThan(5);
  });

  it('stay right when the numbers of contexts run out, which 5000 address spaces make them do', () => {
    const world = new World(machine, 'many');
    for (let asid = 0; asid < 5000; asid++) {
      machine.writeRegister(0, 'TTBR0_EL1', ROOT_A | (BigInt(asid) << 48n));
      if (asid % 50) continue;
      // Each of these maps the same address to another page.
      putDoubleword(machine, L3_A, (DATA + BigInt((asid / 50) % DATA_PAGES) * 0x1000n) | 0x403n);
      const choice = { page: 0x4000_0000n, el: 1, n: 0, pan: false, uao: false } as const;
      expect(world.access(choice)).toBe('read');
      expect(world.access({ ...choice, n: 1 })).toBe('write');
      expect(world.fetch(choice)).toBe('fetch');
    }
  });

  it('HCR_EL2.TGE, which turns stage 1 off, brings other translations, and so does SCR_EL3.NS', () => {
    // EL0 runs at 1:1; the page under test is mapped to another one.
    putWord(machine, CODE, 0xf940_0001);
    putDoubleword(machine, ROOT_A + 8n, L2 | 3n);
    putDoubleword(machine, L2, L3_A | 3n);
    putDoubleword(machine, L3_A + 2n * 8n, CODE | 0x4c3n);
    putDoubleword(machine, L3_A + 5n * 8n, DATA | 0x4c3n);
    putDoubleword(machine, DATA, 0x1111n);
    putDoubleword(machine, RAM + 0x5000n, 0x2222n);
    machine.writeRegister(0, 'MAIR_EL1', 0xffn);
    machine.writeRegister(0, 'TTBR0_EL1', ROOT_A);
    machine.writeRegister(0, 'TCR_EL1', 25n | (2n << 32n));
    machine.writeRegister(0, 'SCTLR_EL1', 1n);
    for (const [ns, tge, value] of [
      [1n, 0n, 0x1111n],
      [1n, 1n, 0x2222n],
      [0n, 1n, 0x1111n],
      [1n, 1n, 0x2222n],
      [1n, 0n, 0x1111n],
    ] as const) {
      machine.writeRegister(0, 'SCR_EL3', 0x400n | ns);
      machine.writeRegister(0, 'HCR_EL2', tge << 27n);
      machine.writeRegister(0, 'PSTATE', 0x3c0n);
      machine.writeRegister(0, 'X0', RAM + 0x5000n);
      machine.writeRegister(0, 'PC', CODE);
      machine.run({ steps: 1 });
      expect(machine.readRegister(0, 'PC')).toBe(CODE + 4n);
      expect(machine.readRegister(0, 'X1')).toBe(value);
    }
  });
});
