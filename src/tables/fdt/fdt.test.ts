import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFdt } from './decode.ts';
import { encodeFdt } from './encode.ts';
import { FDT_HEADER } from './layout.ts';
import {
  cells,
  copyNode,
  type FdtNode,
  fdtNode,
  fdtTree,
  findNode,
  readCells,
  readStrings,
  readU32,
  readU64,
  sizedCells,
} from './tree.ts';

const sample = () =>
  fdtTree(
    fdtNode('', { '#address-cells': 2, '#size-cells': 2, compatible: ['linux,dummy-virt', 'x'], empty: true }, [
      fdtNode('memory@40000000', { device_type: 'memory', reg: sizedCells([0x4000_0000n, 2], [0x1_2000_0000n, 2]) }),
      fdtNode('cpus', {}, [fdtNode('cpu@0', { reg: 0, odd: Uint8Array.of(1, 2, 3) }), fdtNode('cpu@1', { reg: 1 })]),
    ]),
    [{ addrPa: 0x1_0000_0000n, sizeBytes: 0x1000n }],
    0x100,
  );

const name = fc.stringMatching(/^[a-z][a-z0-9,._+?#-]{0,30}$/);
const value = fc.uint8Array({ maxLength: 20 });
const { node } = fc.letrec<{ node: FdtNode }>((tie) => ({
  node: fc.record({
    name,
    properties: fc.array(fc.tuple(name, value), { maxLength: 4 }).map((pairs) => new Map(pairs)),
    children: fc.oneof(
      { depthSize: 'small' },
      fc.constant<FdtNode[]>([]),
      fc.uniqueArray(tie('node'), { maxLength: 3, selector: (child) => child.name }),
    ),
  }),
}));

describe('flattened device tree (Devicetree Specification)', () => {
  it('what was encoded is decoded again, whatever the tree', () => {
    const reservation = fc.record({
      addrPa: fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }),
      sizeBytes: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    });
    fc.assert(
      fc.property(node, fc.array(reservation, { maxLength: 3 }), fc.nat(), (root, reservations, bootCpuId) => {
        const tree = fdtTree(root, reservations, bootCpuId);
        const decoded = decodeFdt(encodeFdt(tree));
        expect(decoded).toEqual({ tree, findings: [] });
      }),
      { numRuns: 300 },
    );
  });

  it('no bytes make the decoder throw, and a tree is there exactly when no finding is an error', () => {
    const good = encodeFdt(sample());
    const flips = fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 8 });
    const damaged = fc.tuple(flips, fc.nat(good.length)).map(([changes, cut]) => {
      const bytes = good.slice();
      for (const [at, byte] of changes) bytes[at] = byte;
      return cut % 3 === 0 ? bytes.slice(0, cut) : bytes;
    });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        const { tree, findings } = decodeFdt(bytes);
        expect(tree === undefined).toBe(findings.some(({ severity }) => severity === 'error'));
      }),
      { numRuns: 2000 },
    );
  });

  it('every word of a blob replaced by 0, all ones and small tokens is survived', () => {
    const good = encodeFdt(sample());
    for (let at = 0; at + 4 <= good.length; at += 4) {
      for (const word of [0, 0xffff_ffff, 1, 2, 3, 4, 9, 0x7fff_fffc]) {
        const bytes = good.slice();
        new DataView(bytes.buffer).setUint32(at, word);
        expect(() => decodeFdt(bytes)).not.toThrow();
      }
    }
  });

  it('a cut blob is called truncated, with both lengths', () => {
    const good = encodeFdt(sample());
    const { tree, findings } = decodeFdt(good.slice(0, good.length - 1));
    expect(tree).toBeUndefined();
    expect(findings[0].message).toContain(`${good.length} bytes but only ${good.length - 1}`);
  });

  it('bytes that are something else are named by their first word', () => {
    const { findings } = decodeFdt(new TextEncoder().encode('# a text file, not a tree, of some length at least'));
    expect(findings[0].message).toBe('magic is 0x23206120; a device tree blob starts with 0xd00dfeed');
  });

  it('nesting beyond 64 levels is refused', () => {
    let deep = fdtNode('leaf');
    for (let level = 0; level < 63; level++) deep = fdtNode('n', {}, [deep]);
    expect(decodeFdt(encodeFdt(fdtTree(deep))).tree).toBeDefined();
    const { tree, findings } = decodeFdt(encodeFdt(fdtTree(fdtNode('', {}, [deep]))));
    expect(tree).toBeUndefined();
    expect(findings[0].message).toContain('nested deeper than 64');
  });

  it('names are stored once and the header counts what is there', () => {
    const bytes = encodeFdt(sample());
    const view = new DataView(bytes.buffer);
    const text = new TextDecoder('latin1').decode(bytes);
    expect(text.split('#address-cells').length - 1).toBe(1);
    expect(view.getUint32(FDT_HEADER.totalsize)).toBe(bytes.length);
    expect(view.getUint32(FDT_HEADER.off_dt_struct) + view.getUint32(FDT_HEADER.size_dt_struct)).toBe(
      view.getUint32(FDT_HEADER.off_dt_strings),
    );
  });

  it('a repeated property keeps its first value and is reported', () => {
    const tree = fdtTree(fdtNode('', { aa: 1, ab: 2 }));
    const bytes = encodeFdt(tree);
    const names = new DataView(bytes.buffer).getUint32(FDT_HEADER.off_dt_strings);
    bytes[names + 4] = 'a'.charCodeAt(0);
    const decoded = decodeFdt(bytes);
    expect(readU32(decoded.tree?.root.properties.get('aa'))).toBe(1);
    expect(decoded.findings).toMatchObject([
      { severity: 'warning', message: "property 'aa' of node '' is there twice" },
    ]);
  });
});

describe('device tree values', () => {
  it('cells are big-endian and any cell count works', () => {
    expect([...cells(1, 0xdead_beef)]).toEqual([0, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef]);
    expect(readCells(sizedCells([0x1_0000_0002n, 2], [3n, 1]))).toEqual([1, 2, 3]);
  });

  it('a value of the wrong length reads as undefined, not as a guess', () => {
    expect(readU32(cells(1, 2))).toBeUndefined();
    expect(readU64(Uint8Array.of(1, 2, 3))).toBeUndefined();
    expect(readU64(cells(5))).toBe(5n);
    expect(readCells(Uint8Array.of(1))).toBeUndefined();
    expect(readStrings(Uint8Array.of(65))).toBeUndefined();
    expect(readStrings(sample().root.properties.get('compatible'))).toEqual(['linux,dummy-virt', 'x']);
  });

  it('a path finds a node with or without its unit address, but not one of several', () => {
    const tree = sample();
    expect(findNode(tree, '/memory')?.name).toBe('memory@40000000');
    expect(findNode(tree, '/cpus/cpu@1')?.properties.get('reg')).toEqual(cells(1));
    expect(findNode(tree, '/cpus/cpu')).toBeUndefined();
    expect(findNode(tree, '/')).toBe(tree.root);
    expect(findNode(tree, '/none/cpu@1')).toBeUndefined();
  });

  it('a copy shares nothing with the original', () => {
    const { root } = sample();
    const copy = copyNode(root);
    expect(copy).toEqual(root);
    copy.children[1].children.pop();
    copy.properties.get('#address-cells')?.fill(0xff);
    expect(root).toEqual(sample().root);
  });
});

const noDtc = spawnSync('dtc', ['--version']).status !== 0;

describe.skipIf(noDtc)('against dtc (skipped when device-tree-compiler is not installed)', () => {
  it('dtc reads our blob without a warning about its format and writes back an equal tree', () => {
    const dir = mkdtempSync(join(tmpdir(), 'fdt-'));
    try {
      writeFileSync(join(dir, 'ours.dtb'), encodeFdt(sample()));
      const dts = spawnSync('dtc', ['-q', '-I', 'dtb', '-O', 'dts', join(dir, 'ours.dtb')], { encoding: 'utf8' });
      expect({ status: dts.status, stderr: dts.stderr }).toEqual({ status: 0, stderr: '' });
      const back = spawnSync('dtc', ['-q', '-I', 'dts', '-O', 'dtb', '-b', '256'], { input: dts.stdout });
      expect(decodeFdt(new Uint8Array(back.stdout))).toEqual({ tree: sample(), findings: [] });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
