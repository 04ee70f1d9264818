/**
 * Every floating-point clause, in every combination of its static fields, against QEMU's user-mode emulator: registers,
 * flags and FPSR after one instruction, in all FPCR modes. Encodings a clause declines must be undefined there too.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FlatMachine } from '../../../test/support/flat.ts';
import { Rng } from '../../../test/support/rng.ts';
import { PE_STATE, V_BASE } from '../../arch/pestate.ts';
import type { Clause } from '../clause.ts';
import { encodeFields, extractFields } from '../encoding.ts';
import { FLOATING_POINT } from './index.ts';

const SOURCE = new URL('../../../test/guest/fpwords.c', import.meta.url).pathname;
const COMPILER = 'aarch64-linux-gnu-gcc';
const EMULATOR = 'qemu-aarch64';
const missing = [COMPILER, EMULATOR].filter((tool) => spawnSync(tool, ['--version']).status !== 0);

const CASES_PER_SHAPE = 24;
const RECORD_WORDS = 12;
const CODE = 0x1000;

interface Case {
  readonly word: number;
  readonly fpcr: number;
  readonly fpsr: number;
  readonly nzcv: number;
  /** V0 to V3 as halves, low first, then X0 and X1. */
  readonly state: readonly bigint[];
}

const SPECIAL32 = [
  0, 0x8000_0000, 1, 0x8000_0001, 0x007f_ffff, 0x0080_0000, 0x3f80_0000, 0xbf80_0000, 0x3f7f_ffff, 0x3f00_0000,
  0x7f7f_ffff, 0xff7f_ffff, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0xffc0_1234, 0x7f80_0001, 0xffbf_ffff, 0x4f00_0000,
  0xcf00_0000, 0x4f80_0000, 0x5f00_0000, 0x4b80_0000, 0x4020_0000, 0x7fff_ffff, 0xffff_ffff,
].map(BigInt);
const SPECIAL64 = [
  0n,
  1n << 63n,
  1n,
  0x000f_ffff_ffff_ffffn,
  0x0010_0000_0000_0000n,
  0x3ff0_0000_0000_0000n,
  0xbff8_0000_0000_0000n,
  0x3fe0_0000_0000_0000n,
  0x7fef_ffff_ffff_ffffn,
  0x7ff0_0000_0000_0000n,
  0xfff0_0000_0000_0000n,
  0x7ff8_0000_0000_0000n,
  0xfff8_0000_0000_5678n,
  0x7ff0_0000_0000_0001n,
  0xfff7_ffff_ffff_ffffn,
  0x41df_ffff_ffc0_0000n,
  0x41e0_0000_0000_0000n,
  0xc1e0_0000_0000_0000n,
  0x43e0_0000_0000_0000n,
  0xc3e0_0000_0000_0000n,
  0x43f0_0000_0000_0000n,
  0x4340_0000_0000_0001n,
  0x3690_0000_0000_0000n,
  0x3810_0000_0000_0000n,
  0x47ef_ffff_f000_0000n,
  0x4004_0000_0000_0000n,
  (1n << 64n) - 1n,
];

/** 64 bits that read as one double, two singles or four halves near the edges. */
function half(rng: Rng): bigint {
  const single = (): bigint => {
    if (rng.percent(50)) return rng.pick(SPECIAL32);
    const exponent = BigInt(rng.pick([rng.below(256), 127 + rng.below(34), 118 + rng.below(18)]));
    return (BigInt(rng.below(2)) << 31n) | (exponent << 23n) | (rng.u64() & rng.pick([0x7f_ffffn, 0x70_0000n, 0n]));
  };
  const double = (): bigint => {
    const exponent = BigInt(
      rng.pick([rng.below(2048), 1023 + rng.below(66), 1015 + rng.below(16), 880 + rng.below(30)]),
    );
    const fraction = rng.u64() & rng.pick([(1n << 52n) - 1n, 0xfn << 48n, 0n]);
    return (BigInt(rng.below(2)) << 63n) | (exponent << 52n) | fraction;
  };
  const kind = rng.below(8);
  if (kind === 0) return rng.u64();
  if (kind === 1) return BigInt.asUintN(64, BigInt(rng.below(64)) - 32n);
  if (kind < 4) return rng.pick(SPECIAL64);
  if (kind < 6) return double();
  return single() | (single() << 32n);
}

/** Words of every combination of static fields, with the registers the guest program provides. */
function* wordsOf(clause: Clause, rng: Rng, perShape: number): Generator<number> {
  const widths = clause.staticFields.map((name) => clause.encoding.fields[name]!.width);
  const combinations = 2 ** widths.reduce((a, b) => a + b, 0);
  for (let n = 0; n < combinations; n++) {
    for (let i = 0; i < perShape; i++) {
      const fields: Record<string, number> = {};
      let rest = n;
      clause.staticFields.forEach((name, k) => {
        fields[name] = rest % 2 ** widths[k]!;
        rest = Math.floor(rest / 2 ** widths[k]!);
      });
      for (const name of clause.registerFields)
        fields[name] = name.startsWith('R') ? rng.pick([0, 1, 31]) : rng.percent(40) ? 1 : rng.below(4);
      for (const name of clause.dynamic ?? []) fields[name] = rng.below(2 ** clause.encoding.fields[name]!.width);
      yield encodeFields(clause.encoding, fields);
    }
  }
}

function randomCase(word: number, rng: Rng): Case {
  const state = Array.from({ length: 10 }, (_, i) => (i < 8 || rng.percent(50) ? half(rng) : rng.u64()));
  return {
    word,
    fpcr: rng.percent(50) ? 0 : rng.below(32) << 22,
    fpsr: rng.percent(50) ? 0x10 : 0,
    nzcv: rng.below(16) << 28,
    state,
  };
}

const STATE_OFFSETS = [...Array.from({ length: 8 }, (_, i) => V_BASE + 8 * i), 0, 8];

function describeState(nzcv: number, fpsr: number, state: readonly bigint[]): string {
  const text = state.map((x) => x.toString(16).padStart(16, '0')).join(' ');
  return `nzcv=${(nzcv >>> 28).toString(2)} fpsr=${fpsr.toString(16)} ${text}`;
}

/** The same instruction through the generated handler. */
function runHere(m: FlatMachine, c: Case): string {
  const { view } = m.memory;
  STATE_OFFSETS.forEach((offset, i) => {
    view.setBigUint64(offset, c.state[i]!, true);
  });
  view.setInt32(PE_STATE.FPCR.offset, c.fpcr, true);
  view.setInt32(PE_STATE.FPSR.offset, c.fpsr, true);
  view.setInt32(PE_STATE.NZCV.offset, c.nzcv, true);
  view.setBigUint64(PE_STATE.PC.offset, BigInt(CODE), true);
  const code = new Uint8Array(new Uint32Array([c.word]).buffer);
  m.memory.write(CODE, code);
  m.events.length = 0;
  m.engine.run(0, 1);
  if (m.events.length > 0) return m.events[0]!.helper;
  const after = STATE_OFFSETS.map((offset) => view.getBigUint64(offset, true));
  return describeState(view.getUint32(PE_STATE.NZCV.offset, true), view.getUint32(PE_STATE.FPSR.offset, true), after);
}

describe.skipIf(missing.length > 0)(`against ${EMULATOR} (skipped when missing: ${missing.join(', ')})`, () => {
  let folder = '';
  let program = '';

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'fpwords-'));
    program = join(folder, 'fpwords');
    const built = spawnSync(COMPILER, ['-static', '-O1', SOURCE, '-o', program]);
    if (built.status !== 0) throw new Error(`${COMPILER} ${SOURCE}: ${built.stderr}`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const runThere = (cases: readonly Case[]): string[] => {
    const input = new BigUint64Array(
      cases.flatMap((c) => {
        const low = BigInt(c.word >>> 0) | (BigInt(c.fpcr >>> 0) << 32n);
        return [low, BigInt(c.fpsr) | (BigInt(c.nzcv >>> 0) << 32n), ...c.state];
      }),
    );
    const result = spawnSync(EMULATOR, ['-cpu', 'cortex-a57', program], {
      input: new Uint8Array(input.buffer),
      maxBuffer: 1 << 28,
    });
    if (result.status !== 0) throw new Error(`${EMULATOR} ${program}: ${result.stderr}`);
    const view = new DataView(result.stdout.buffer, result.stdout.byteOffset, result.stdout.byteLength);
    return cases.map((_, i) => {
      const at = i * RECORD_WORDS * 8;
      if (view.getUint32(at + 8, true)) return 'undefinedInstruction';
      const state = Array.from({ length: 10 }, (_x, n) => view.getBigUint64(at + 16 + n * 8, true));
      return describeState(view.getUint32(at, true), view.getUint32(at + 4, true), state);
    });
  };

  const differences = (cases: readonly Case[], nameOf: (word: number) => string): string[] => {
    const m = new FlatMachine();
    const theirs = runThere(cases);
    return cases.flatMap((c, i) => {
      const ours = runHere(m, c);
      if (ours === theirs[i]) return [];
      const before = describeState(c.nzcv, c.fpsr, c.state);
      const what = `${nameOf(c.word)} 0x${c.word.toString(16)} FPCR ${(c.fpcr >>> 0).toString(16)}`;
      return [`${what}\n  before ${before}\n  QEMU   ${theirs[i]}\n  here   ${ours}`];
    });
  };

  it('every clause leaves the same registers, flags and FPSR', () => {
    const cases: Case[] = [];
    const names = new Map<number, string>();
    for (const clause of FLOATING_POINT) {
      const rng = new Rng(clause.name);
      const isWide = clause.staticFields.includes('cond');
      for (const word of wordsOf(clause, rng, isWide ? 2 : 4)) {
        const isDeclined = clause.unless?.(extractFields(clause.encoding, word)) === true;
        names.set(word, clause.name);
        const count = isDeclined ? 1 : isWide ? 2 : CASES_PER_SHAPE / 4;
        for (let i = 0; i < count; i++) cases.push(randomCase(word, rng));
      }
    }
    const found = differences(cases, (word) => names.get(word)!);
    expect(found.length, `${cases.length} cases; first differences:\n${found.slice(0, 20).join('\n')}`).toBe(0);
  });
});
