/**
 * Our text against GNU binutils: objdump for the disassembler, as and ld for the assembler. Skipped where they are
 * missing.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { genericName, sysregKeyOf } from '../../arch/sysregs/index.ts';
import { A64 } from '../table.ts';
import { assemble, disassemble } from './index.ts';
import { a64Text } from './instructions.ts';
import { type Sample, samples } from './testing.ts';

const PREFIX = 'aarch64-linux-gnu-';
const hasBinutils =
  spawnSync(`${PREFIX}as`, ['--version']).status === 0 && spawnSync(`${PREFIX}ld`, ['--version']).status === 0;
const ORIGIN = 0x1000_0000n;
const ARCH = '.arch armv8.6-a+crypto+rdma+profile\n';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'text-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function addressOf(index: number): bigint {
  return ORIGIN + BigInt(4 * index);
}

/** objdump's text of each word, without comments. */
function objdump(words: readonly number[], mode: 'aliases' | 'no-aliases'): string[] {
  const file = join(folder, 'words.bin');
  const bytes = Buffer.alloc(4 * words.length);
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word, 4 * i);
  writeFileSync(file, bytes);
  const options = ['-D', '-z', '-b', 'binary', '-m', 'aarch64', '-M', mode, `--adjust-vma=${ORIGIN}`, file];
  const output = execFileSync(`${PREFIX}objdump`, options, { maxBuffer: 1 << 28 }).toString();
  return [...output.matchAll(/^\s*[0-9a-f]+:\t[0-9a-f]{8} \t(.*)$/gm)].map((m) => m[1]!);
}

/** Same text for the same operands: numbers in decimal, System registers by number, one kind of blank. */
function normal(text: string): string {
  const signed = (digits: string): string => BigInt.asIntN(64, BigInt(digits)).toString();
  return text
    .replace(/\s*(\/\/|;).*$/, '')
    .replace(/<.*?>/g, '')
    .replace(/\s+/g, ' ')
    .replace(/, /g, ',')
    .trim()
    .toLowerCase()
    .replace(/#-?[\d.]+e[+-]\d+/, (n) => `#${Number(n.slice(1))}`)
    .replace(/#(-?\d+)\.0$/, '#$1')
    .replace(/#-0x([0-9a-f]+)/g, (_, h) => `#${-BigInt(`0x${h}`)}`)
    .replace(/#(0x[0-9a-f]+|\d+)(?![.\d])/g, (_, n) => `#${signed(n)}`)
    .replace(/([ ,])0x([0-9a-f]+)$/, '$1$2')
    .replace(/^(mrs [^,]*,|msr )(\w+)/, (_, before, name) => {
      const key = sysregKeyOf(name);
      return before + (key === undefined ? name : genericName(key).toLowerCase());
    });
}

/** Words that objdump 2.40 shows as no instruction, or by another name, where we follow the manual. */
function isKnownDifference({ word, clause }: Sample, theirs: string): boolean {
  const [rt, rn, rt2] = [word & 31, (word >>> 5) & 31, (word >>> 10) & 31];
  // CONSTRAINED UNPREDICTABLE pairs.
  if (clause.name.startsWith('LDPSW')) return rt === rt2 || rt === rn || rt2 === rn;
  // Values of these PSTATE fields above 1 are accepted by the architecture, not by binutils.
  if (/^MSR \(immediate, (UAO|PAN|SPSel)\)/.test(clause.name)) return ((word >>> 8) & 15) > 1;
  // Armv8-R registers.
  if (/^(mrs|msr)/.test(theirs)) return /pr[bl]ar\d*_el|prenr|prselr|mpuir/.test(theirs);
  // The operand that RET may leave out.
  if (clause.name === 'RET') return rn === 30;
  // A register that the named operation does not take.
  return clause.name === 'SYS' && !theirs.startsWith('sys');
}

/** The bytes that as and ld make of a source text, linked at the origin. */
function gnu(source: string): Uint8Array {
  const [s, o, elf, bin] = ['t.s', 't.o', 't.elf', 't.bin'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  writeFileSync(s, ARCH + source);
  execFileSync(`${PREFIX}as`, ['--no-warn', s, '-o', o]);
  execFileSync(`${PREFIX}ld`, [`-Ttext=0x${ORIGIN.toString(16)}`, '-e', '0', o, '-o', elf]);
  execFileSync(`${PREFIX}objcopy`, ['-O', 'binary', '-j', '.text', elf, bin]);
  return new Uint8Array(readFileSync(bin));
}

function differences(list: readonly Sample[], mode: 'aliases' | 'no-aliases'): string[] {
  const theirs = objdump(
    list.map((s) => s.word),
    mode,
  );
  expect(theirs.length).toBe(list.length);
  return list.flatMap((s, i) => {
    const ours = disassemble(s.word, { pc: addressOf(i), aliases: mode === 'aliases' });
    if (normal(ours) === normal(theirs[i]!) || isKnownDifference(s, theirs[i]!)) return [];
    return [`${s.clause.name} ${s.word.toString(16)}: ours '${normal(ours)}', objdump '${normal(theirs[i]!)}'`];
  });
}

describe.skipIf(!hasBinutils)('against GNU binutils (skipped without aarch64-linux-gnu-as)', () => {
  const list = samples(A64, a64Text(), 12);

  it('every instruction has the text of objdump -M no-aliases', () => {
    expect(differences(list, 'no-aliases')).toEqual([]);
  });

  it('every instruction has the alias of objdump', () => {
    expect(differences(list, 'aliases')).toEqual([]);
  });

  it('every text means the same word to as', () => {
    const texts = list.flatMap((s, i) => {
      const text = disassemble(s.word, { pc: addressOf(i) });
      return isKnownDifference(s, '') ? ['nop'] : [text];
    });
    // as takes a bare number as an offset, so targets are written relative to a label.
    const relative = texts.map((t) => t.replace(/([ ,])0x([0-9a-f]+)$/, `$1base + (0x$2 - ${ORIGIN})`));
    const source = `base:\n${relative.join('\n')}\n`;
    const ours = assemble(texts.join('\n'), { origin: ORIGIN }).bytes;
    const theirs = gnu(source);
    const wrong = texts.filter(
      (_, i) => Buffer.compare(ours.subarray(4 * i, 4 * i + 4), theirs.subarray(4 * i, 4 * i + 4)) !== 0,
    );
    expect(wrong).toEqual([]);
    expect(ours.length).toBe(theirs.length);
  });

  it.each(['forms', 'program'])('%s.s: the same bytes', (name) => {
    const source = readFileSync(new URL(`./fixtures/${name}.s`, import.meta.url), 'utf8');
    const ours = assemble(source, { origin: ORIGIN });
    const theirs = gnu(source);
    const wrong = [...ours.bytes.keys()].filter(
      (at) => at % 4 === 0 && ours.bytes.slice(at, at + 4).join() !== theirs.slice(at, at + 4).join(),
    );
    const shown = wrong.map(
      (at) => `0x${at.toString(16)}: ours ${ours.bytes.slice(at, at + 4)}, theirs ${theirs.slice(at, at + 4)}`,
    );
    expect(shown).toEqual([]);
    expect(ours.bytes.length).toBe(theirs.length);
  });
});
