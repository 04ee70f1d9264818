import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { decodeStatusBlock, describeStatusBlock, encodeStatusBlock } from '../../src/tables/cper/block.ts';
import { parseKernelLog } from '../../src/tables/cper/kernel-log/parse.ts';
import { describeKernelLog } from '../../src/tables/cper/kernel-log/tree.ts';
import { decodeRecord, describeRecord, encodeRecord } from '../../src/tables/cper/record.ts';
import { decodeErrorRegion, describeErrorRegion, encodeErrorRegion } from '../../src/tables/cper/region.ts';
import { MAX_FINDINGS } from '../../src/tables/finding.ts';
import type { TreeNode } from '../../src/tables/tree-node.ts';
import { armBlock, everyKindBlock, memoryBlock, pstoreRecord, twoBlocks } from './cper-samples.ts';

/** A mutated input may take this long before it counts as unbounded; the machine may be busy with other things. */
const TIME_MAX_MS = 2000;

/** Numbers from a seed, each a whole number below its argument (xorshift32). */
export function numbersFrom(seed: number): (below: number) => number {
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

const EDGES = [0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 65, 72, 73, 79, 80, 127, 128, 255, 0x7f, 0x80, 0xfe, 0xff];

/** A copy with a few bytes or words changed, cut, doubled or filled. */
export function mutate(bytes: Uint8Array, next: (below: number) => number): Uint8Array {
  let copy = bytes.slice();
  for (let changes = 1 + next(4); changes > 0 && copy.length > 0; changes--) {
    const at = next(copy.length);
    const kind = next(8);
    if (kind < 3) copy[at] = EDGES[next(EDGES.length)];
    else if (kind === 3) copy[at] ^= 1 << next(8);
    else if (kind === 4) copy.fill(next(2) * 0xff, at, at + 1 + next(4));
    else if (kind === 5) copy = copy.slice(0, at);
    else if (kind === 6) copy = Uint8Array.from([...copy, ...copy.slice(at)]).slice(0, 65536);
    else copy.copyWithin(at, next(copy.length), next(copy.length));
  }
  return copy;
}

function nodes(tree: TreeNode): number {
  return 1 + (tree.children ?? []).reduce((sum, child) => sum + nodes(child), 0);
}

interface Target {
  readonly name: string;
  readonly samples: readonly Uint8Array[];
  /** Decodes; returns what encoding gives back, the tree and the number of findings. */
  run(bytes: Uint8Array): { again: Uint8Array | undefined; tree: TreeNode | undefined; findings: number };
}

const target = <T>(
  name: string,
  samples: readonly Uint8Array[],
  decode: (bytes: Uint8Array) => { value: T | undefined; findings: readonly unknown[] },
  encode: (value: T) => Uint8Array,
  describe: (value: T) => TreeNode,
): Target => ({
  name,
  samples,
  run(bytes) {
    const { value, findings } = decode(bytes);
    if (value === undefined) return { again: undefined, tree: undefined, findings: findings.length };
    return { again: encode(value), tree: describe(value), findings: findings.length };
  },
});

const LOG = `[    5.1] {1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 2
[    5.2] {1}[Hardware Error]: event severity: recoverable
[    5.3] {1}[Hardware Error]:  Error 0, type: recoverable
[    5.4] {1}[Hardware Error]:   section_type: memory error
[    5.5] {1}[Hardware Error]:   physical_address: 0x0000000048001000
[    5.6] {1}[Hardware Error]:   section type: unknown, fbcd0a77-c260-417f-85a9-088b1621eba6
[    5.7] {1}[Hardware Error]:   00000000: 00000090 00000007 00000000 0d938086  ................
[    5.8] Memory failure: 0x48001: recovery action for dirty LRU page: Recovered
`;

const TARGETS: readonly Target[] = [
  target('block', [memoryBlock(), armBlock(), everyKindBlock()], decodeStatusBlock, encodeStatusBlock, (value) =>
    describeStatusBlock(value),
  ),
  target('region', [twoBlocks()], decodeErrorRegion, encodeErrorRegion, (value) => describeErrorRegion(value)),
  target('record', [pstoreRecord()], decodeRecord, encodeRecord, (value) => describeRecord(value)),
  {
    name: 'log',
    samples: [new TextEncoder().encode(LOG)],
    run(bytes) {
      const log = parseKernelLog(bytes);
      return { again: undefined, tree: describeKernelLog(log), findings: log.findings.length };
    },
  },
];

/** What is wrong with how one input was handled, or undefined. */
function fault({ run }: Target, bytes: Uint8Array): string | undefined {
  const startMs = performance.now();
  try {
    const { again, tree, findings } = run(bytes);
    if (findings > MAX_FINDINGS) return `${findings} findings`;
    if (tree !== undefined && nodes(tree) > 100 + bytes.length * 4) return `a tree of ${nodes(tree)} nodes`;
    if (again !== undefined && Buffer.compare(again, bytes) !== 0) return 'encoding gives other bytes';
  } catch (error) {
    return `threw ${error instanceof Error ? error.stack : String(error)}`;
  }
  const tookMs = performance.now() - startMs;
  return tookMs > TIME_MAX_MS ? `took ${tookMs} ms` : undefined;
}

/**
 * Decodes `cases` mutated records, blocks, regions and logs: no exception, bounded time, findings and tree, and what
 * could be read encodes to the same bytes.
 *
 * @returns what went wrong, each with the input in hexadecimal
 */
export function fuzzCper(cases: number, seed: number): string[] {
  const next = numbersFrom(seed);
  const faults: string[] = [];
  for (let n = 0; n < cases && faults.length < 10; n++) {
    const one = TARGETS[n % TARGETS.length];
    const bytes = mutate(one.samples[next(one.samples.length)], next);
    const wrong = fault(one, bytes);
    if (wrong !== undefined) faults.push(`${one.name}, case ${n}: ${wrong}\n${Buffer.from(bytes).toString('hex')}`);
  }
  return faults;
}

/**
 * `npm run fuzz:cper`: a million mutated inputs (or `--count N`), from `--seed N`.
 *
 * @returns the exit code
 */
export function fuzzCperCommand(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: { count: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
  });
  const faults = fuzzCper(Number(values.count), Number(values.seed));
  for (const one of faults) process.stderr.write(`${one}\n`);
  process.stdout.write(`fuzz:cper: ${values.count} inputs, seed ${values.seed}, ${faults.length} faults\n`);
  return faults.length === 0 ? 0 : 1;
}
