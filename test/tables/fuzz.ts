/** Tables with bytes changed at random: decoders must not throw, must be quick, and must lose nothing. */
import { parseArgs } from 'node:util';
import { decodeTable, encodeTable } from '../../src/tables/acpi/any.ts';
import { decodeTriggerTable, EINJ_ACTION, encodeTriggerTable } from '../../src/tables/acpi/einj.ts';
import { INSTRUCTION } from '../../src/tables/acpi/instructions.ts';
import { checksumOf, type DecodedTree, HEADER_BYTES } from '../../src/tables/acpi/table.ts';
import { MAX_FINDINGS } from '../../src/tables/finding.ts';
import type { TreeNode } from '../../src/tables/tree-node.ts';
import { SAMPLES } from './acpi-samples.ts';

/** Values that lengths, counts and offsets go wrong with. */
const EDGES = [0, 1, 2, 3, 19, 20, 27, 28, 35, 36, 37, 0x7f, 0x80, 0xfe, 0xff];
const WORDS = [0, 1, 35, 36, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff];
/** Longest that one table of this size may take, with a host that does something else meanwhile. */
const TABLE_MS_MAX = 2000;
const CHECKSUM_AT = 9;

/** Numbers that follow from a seed: the same mutations again for the same seed (xorshift32). */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0 || 0x9e37_79b9;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

const TRIGGER = encodeTriggerTable({
  entries: [
    {
      action: EINJ_ACTION.TRIGGER_ERROR,
      instruction: INSTRUCTION.READ_REGISTER,
      registerRegion: { bitWidth: 32, accessSize: 3, address: 0x4800_0000n },
    },
  ],
});
const SEEDS: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ...Object.entries(SAMPLES),
  ['trigger', TRIGGER] as const,
];

function mutate(original: Uint8Array, random: (below: number) => number): Uint8Array {
  let bytes = original.slice();
  for (let n = 1 + random(4); n > 0; n--) {
    const at = random(bytes.length || 1);
    switch (random(7)) {
      case 0:
        bytes[at] = EDGES[random(EDGES.length)];
        break;
      case 1:
        bytes[at] = random(256);
        break;
      case 2: {
        const word = WORDS[random(WORDS.length)];
        for (let k = 0; k < 4 && at + k < bytes.length; k++) bytes[at + k] = (word >>> (8 * k)) & 0xff;
        break;
      }
      case 3:
        bytes = bytes.slice(0, random(bytes.length + 1));
        break;
      case 4:
        bytes = Uint8Array.from([...bytes, ...Array.from({ length: random(64) }, () => random(256))]);
        break;
      case 5:
        bytes.copyWithin(at, random(bytes.length || 1));
        break;
      default:
        bytes[at] ^= 1 << random(8);
    }
  }
  // Every second table is given its right length and checksum, so that what is behind them is reached.
  if (bytes.length >= HEADER_BYTES && random(2) === 0) {
    new DataView(bytes.buffer).setUint32(4, bytes.length, true);
    bytes[CHECKSUM_AT] = checksumOf(bytes, CHECKSUM_AT);
  }
  return bytes;
}

/** What is wrong with a tree: nodes outside of the bytes or of their parent. */
function strayNode(node: TreeNode, from: number, to: number): string | undefined {
  if (node.offset < from || node.offset + node.sizeBytes > to)
    return `node '${node.name}' ${node.offset}+${node.sizeBytes} outside of ${from}..${to}`;
  for (const child of node.children ?? []) {
    const found = strayNode(child, node.offset, node.offset + node.sizeBytes);
    if (found !== undefined) return found;
  }
  return undefined;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** How the decoding of some bytes went. */
export interface Outcome {
  /** The promise that was broken, if one was. */
  readonly problem?: string;
  /** Nothing was found to be wrong with the bytes. */
  readonly isSound: boolean;
}

/** Decodes and encodes a table that was made of the sample `name`. */
export function outcome(name: string, bytes: Uint8Array): Outcome {
  try {
    const isTrigger = name === 'trigger';
    const began = performance.now();
    const decoded = isTrigger ? decodeTriggerTable(bytes) : decodeTable(bytes);
    const problem = complaint(decoded, bytes, isTrigger, performance.now() - began);
    return { problem, isSound: decoded.findings.length === 0 };
  } catch (error) {
    return { problem: `threw ${error instanceof Error ? error.stack : error}`, isSound: false };
  }
}

function complaint(
  { value, findings, tree }: DecodedTree<unknown>,
  bytes: Uint8Array,
  isTrigger: boolean,
  tookMs: number,
): string | undefined {
  if (tookMs > TABLE_MS_MAX) return `took ${tookMs} ms`;
  if (findings.length > MAX_FINDINGS) return `${findings.length} findings`;
  const outside = findings.find(({ offset }) => offset < 0 || offset > bytes.length);
  if (outside !== undefined) return `finding '${outside.rule}' at ${outside.offset} of ${bytes.length}`;
  const stray = strayNode(tree, 0, bytes.length);
  if (stray !== undefined) return stray;
  if (value === undefined) return findings.length > 0 ? undefined : 'no value and no finding';
  const again = isTrigger ? encodeTriggerTable(value as never) : encodeTable(value as never);
  return same(again, bytes) ? undefined : 'encoded to other bytes';
}

/** What a campaign found. */
export interface Campaign {
  readonly tables: number;
  /** Tables in which nothing was found to be wrong. */
  readonly sound: number;
  readonly problems: readonly string[];
  /** Says which tables they were, for comparing two campaigns. */
  readonly digest: number;
}

/** Decodes `count` mutated tables. */
export function fuzzTables(count: number, seed: number): Campaign {
  const random = generator(seed);
  const problems: string[] = [];
  let [sound, digest] = [0, 0];
  for (let n = 0; n < count; n++) {
    const [name, original] = SEEDS[random(SEEDS.length)];
    const bytes = mutate(original, random);
    for (const byte of bytes) digest = (Math.imul(digest, 31) + byte) | 0;
    const { problem, isSound } = outcome(name, bytes);
    if (isSound) sound++;
    if (problem !== undefined && problems.length < 10)
      problems.push(`${name}, table ${n} of seed ${seed}: ${problem}\n${Buffer.from(bytes).toString('hex')}`);
  }
  return { tables: count, sound, problems, digest };
}

/**
 * The command `npm run fuzz:tables`.
 *
 * @returns exit status: 0 when every promise held, 1 when one did not, 2 when the arguments make no sense
 */
export function fuzzTablesCommand(args: readonly string[]): number {
  const options = { count: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } } as const;
  let values: { count: string; seed: string };
  try {
    ({ values } = parseArgs({ args: [...args], options }));
  } catch (error) {
    console.error(`fuzz:tables: ${(error as Error).message}. Options: --count N, --seed N`);
    return 2;
  }
  const [count, seed] = [Number(values.count), Number(values.seed)];
  if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed) || seed < 0) {
    console.error(
      `fuzz:tables: --count takes a whole number above 0 and --seed one from 0, not '${values.count}' '${values.seed}'`,
    );
    return 2;
  }
  const began = Date.now();
  const { sound, problems } = fuzzTables(count, seed);
  for (const problem of problems) console.log(problem);
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(
    `${count} tables in ${seconds} s, ${sound} of them sound, ${problems.length} broke a promise (seed ${seed})`,
  );
  return problems.length === 0 ? 0 : 1;
}
