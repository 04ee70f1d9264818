/** Makes cases for a clause: an encoding, a state that lets it do something, and code around it where it needs some. */
import { type Clause, shapeFields } from '../../src/isa/clause.ts';
import { encodeFields, type FieldValues } from '../../src/isa/encoding.ts';
import {
  Case,
  CODE_BYTES,
  CODE_VA,
  DATA_BYTES,
  DATA_VA,
  type Outcome,
  SLOT_BYTES,
  SLOT_CODE,
  SLOTS,
  UNMAPPED_FROM,
  UNMAPPED_TO,
} from './layout.ts';
import type { Ours } from './ours.ts';
import { Random } from './random.ts';
import { randomField, randomRegister, randomState } from './values.ts';

/** A case and what the oracle makes of it. */
export interface Generated {
  readonly case: Case;
  readonly fields: FieldValues;
  readonly expected: Outcome;
}

/** Attempts at an encoding and a state before a clause is given up for one index. */
const ATTEMPTS = 60;

function randomFields(clause: Clause, r: Random, fixed: FieldValues): Record<string, number> {
  const fields: Record<string, number> = {};
  for (const [name, { width }] of Object.entries(clause.encoding.fields)) {
    fields[name] = clause.registerFields.includes(name) ? randomRegister(r) : randomField(r, width);
  }
  for (const [name, value] of Object.entries(fixed)) if (name in fields) fields[name] = value;
  return fields;
}

/** True for encodings whose outcome the architecture leaves open (CONSTRAINED UNPREDICTABLE). */
export function isConstrainedUnpredictable({ name }: Clause, f: FieldValues): boolean {
  const store = /^ST/.test(name);
  if (/^(LDP|LDNP|LDPSW|LDXP|LDAXP)\b/.test(name) && ('Rt' in f ? f.Rt === f.Rt2 : f.Vt === f.Vt2)) return true;
  if (/(pre|post)-index/.test(name) && f.Rn !== 31 && (f.Rn === f.Rt || f.Rn === f.Rt2)) return true;
  if (store && /^STL?X/.test(name)) return f.Rs === f.Rt || f.Rs === f.Rt2 || (f.Rs === f.Rn && f.Rn !== 31);
  return false;
}

/** For a store-exclusive: the load-exclusive of the same size and address that gives it the monitor. */
function loadExclusiveFor(word: number, fields: FieldValues): number {
  const L = 1 << 22;
  const RsOnes = 0x1f << 16;
  // The loaded values go to XZR and, of a pair, to a register that is not the base.
  const Rt2 = 'Rt2' in fields ? (fields.Rn === 30 ? 29 : 30) : 31;
  return ((word & ~(0x1f << 10)) | L | RsOnes | (Rt2 << 10) | 31) >>> 0;
}

/** QEMU 7.2 does not check the alignment that LDAPR requires (DDI 0487, "Load-AcquirePC"). */
function qemuLacksAlignmentCheck({ name }: Clause): boolean {
  return /^LDAPR/.test(name);
}

/** An address at which an access is interesting. */
function dataAddress(clause: Clause, r: Random): number {
  if (qemuLacksAlignmentCheck(clause)) return DATA_VA + 8 * r.below(DATA_BYTES / 8);
  const kind = r.below(100);
  if (kind < 55) return DATA_VA + 64 + 16 * r.below((DATA_BYTES - 256) / 16);
  if (kind < 78) return DATA_VA + 64 + r.below(DATA_BYTES - 256);
  if (kind < 92) return DATA_VA + 0x1000 - r.below(72);
  return r.pick([DATA_VA - r.below(64), DATA_VA + DATA_BYTES - r.below(64)]);
}

/** Moves the base register, or the literal's offset, so that the first access is at a chosen address. */
function aim(clause: Clause, c: Case, fields: Record<string, number>, firstVa: bigint, r: Random): void {
  const targetVa = dataAddress(clause, r);
  if ('Rn' in fields) c.setX(fields.Rn!, c.x(fields.Rn!) + BigInt(targetVa) - firstVa);
  else if ('imm19' in fields) fields.imm19 = ((targetVa - c.pc) >> 2) & 0x7_ffff;
}

/** For a compare-and-swap: puts into Rs, and its second register, what is in memory, so that it swaps. */
function expectMemory(ours: Ours, c: Case, fields: FieldValues): void {
  const sizeBytes = 'sz' in fields ? 4 << fields.sz! : 8;
  const firstVa = Number(BigInt.asUintN(53, c.x(fields.Rn!)));
  const inMemory = (va: number): bigint => ours.dataAt(va, sizeBytes);
  if (fields.Rs !== 31 && fields.Rs !== fields.Rn) c.setX(fields.Rs!, inMemory(firstVa));
  if (fields.Rs! < 30 && fields.Rs! + 1 !== fields.Rn) c.setX(fields.Rs! + 1, inMemory(firstVa + sizeBytes));
}

/** True when QEMU's address space has at these addresses what ours has. */
function addressesAreEqual(ours: Ours): boolean {
  return ours.flat.accesses.every((va) => va >= UNMAPPED_FROM && va < UNMAPPED_TO - 64);
}

/** True when what runs at the new PC, in QEMU, is a BRK or nothing. */
function landsSafely(c: Case, out: Outcome): boolean {
  const { pc } = out;
  if (out.fault || pc === BigInt(c.pc + 4 * c.code.length)) return true;
  const offset = Number(pc) - CODE_VA;
  if (offset >= 0 && offset < CODE_BYTES) {
    const inSlot = offset % SLOT_BYTES;
    return offset % 4 === 0 && (inSlot < SLOT_CODE || inSlot >= SLOT_CODE + 16);
  }
  // Below the guest program, or above it and its heap and below what the kernel maps.
  return pc < 0x40_0000n || (pc >= 0x1000_0000n && pc < 0x1_0000_0000n);
}

function aimBranch(clause: Clause, c: Case, fields: FieldValues, r: Random): void {
  if (!/^(BR|BLR|RET)$/.test(clause.name)) return;
  if (fields.Rn === 31) return;
  const target = r.percent(60) ? CODE_VA + 4 * r.below(CODE_BYTES / 4) : (r.u32() & 0x7fff_ffff) | r.below(2);
  c.setX(fields.Rn!, BigInt(target));
}

/**
 * The case of a clause with an index, the same for the same seed; undefined when none of the attempts gave one that
 * both sides can run.
 *
 * @param fixed - fields that are not chosen at random
 */
export function generate(
  ours: Ours,
  clause: Clause,
  seed: string,
  index: number,
  fixed: FieldValues = {},
): Generated | undefined {
  const r = new Random(`${seed}/${clause.name}/${index}`);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const found = tryOne(ours, clause, r, index, fixed);
    if (found) return found;
  }
  return undefined;
}

function tryOne(ours: Ours, clause: Clause, r: Random, index: number, fixed: FieldValues): Generated | undefined {
  const c = new Case();
  c.pc = CODE_VA + ((new Random(clause.name).u32() + index) % SLOTS) * SLOT_BYTES + SLOT_CODE;
  // The last word of a page, where the page of the PC and of what follows differ.
  if (/^ADRP?$/.test(clause.name) && r.percent(30)) c.pc = CODE_VA + (1 + r.below(CODE_BYTES / 0x1000)) * 0x1000 - 4;
  const fields = randomFields(clause, r, fixed);
  if (ours.flat.decoder.decode(encodeFields(clause.encoding, fields))?.clause !== clause) return undefined;
  if (isConstrainedUnpredictable(clause, fields)) return undefined;
  randomState(c, r);
  aimBranch(clause, c, fields, r);
  const store = /^STL?X/.test(clause.name);
  const exclusive = store && r.percent(80);
  // A store-exclusive without the monitor makes no access by which it could be aimed.
  if (store) c.setX(fields.Rn!, BigInt(DATA_VA + 16 * r.below(DATA_BYTES / 16)));
  const assemble = (): void => {
    const word = encodeFields(clause.encoding, fields);
    c.code = exclusive ? [loadExclusiveFor(word, fields), word] : [word];
  };
  assemble();
  let expected = ours.run(c, 'oracle');
  if (ours.flat.accesses.length > 0) {
    aim(clause, c, fields, ours.flat.accesses[0]!, r);
    assemble();
    if (clause.name.startsWith('CAS') && r.percent(60)) expectMemory(ours, c, fields);
    expected = ours.run(c, 'oracle');
  }
  if (ours.helpersCalled.length > 0 || !addressesAreEqual(ours) || !landsSafely(c, expected)) return undefined;
  return { case: c, fields, expected };
}

/** The fields that select the shape of a generated case. */
export function shapeOf(clause: Clause, fields: FieldValues): FieldValues {
  return shapeFields(clause, fields);
}
