import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeFdt } from '../../tables/fdt/decode.ts';
import { encodeFdt } from '../../tables/fdt/encode.ts';
import { cells, type FdtNode, fdtNode, findNode, readStrings } from '../../tables/fdt/tree.ts';
import { dtInterrupt, VIRT_MEMORY_MAP, type VirtDeviceTreeOptions, virtAffinity, virtDeviceTree } from './virt.ts';

const OPTIONS: VirtDeviceTreeOptions = { pes: 2, ramSizeBytes: 512 * 2 ** 20, cpu: 'cortex-a57', psciConduit: 'hvc' };

function pathsOf(node: FdtNode, path = ''): [string, FdtNode][] {
  return [[path || '/', node], ...node.children.flatMap((child) => pathsOf(child, `${path}/${child.name}`))];
}

/** What a guest would compare: the properties that say where a device is, not phandles, which are free numbers. */
const COMPARED = ['compatible', 'reg', 'interrupts', 'device_type', 'method', 'clock-frequency', 'enable-method'];
const COMPARED_TOO = ['#address-cells', '#size-cells', '#interrupt-cells', 'stdout-path', 'clock-names', 'always-on'];
const COMPARED_OF_DEVICES = ['dma-coherent', '#gpio-cells', 'gpio-controller', 'linux,code', 'label'];

function qemuTree(args: string[]) {
  const dir = mkdtempSync(join(tmpdir(), 'virt-'));
  try {
    const file = join(dir, 'virt.dtb');
    const machine = `virt,gic-version=3,dtb-randomness=off,dumpdtb=${file}`;
    const run = spawnSync('qemu-system-aarch64', ['-M', machine, '-display', 'none', '-nic', 'none', ...args]);
    return run.status === 0 ? decodeFdt(new Uint8Array(readFileSync(file))).tree : undefined;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const noQemu = spawnSync('qemu-system-aarch64', ['--version']).status !== 0;

describe.skipIf(noQemu)('against QEMU virt,gic-version=3 (skipped when qemu-system-aarch64 is not installed)', () => {
  for (const pes of [1, 2, 8]) {
    it(`with ${pes} PEs every node of ours is there, at the same place with the same interrupts`, () => {
      const theirs = qemuTree(['-cpu', 'cortex-a57', '-m', '512', '-smp', `${pes}`]);
      if (theirs === undefined) throw new Error('qemu-system-aarch64 wrote no device tree');
      const ours = virtDeviceTree({ ...OPTIONS, pes });
      for (const [path, node] of pathsOf(ours.root)) {
        const other = findNode(theirs, path);
        expect(other, path).toBeDefined();
        for (const property of [...COMPARED, ...COMPARED_TOO, ...COMPARED_OF_DEVICES]) {
          expect(node.properties.get(property), `${path}: ${property}`).toEqual(other?.properties.get(property));
        }
      }
    });
  }
});

describe('device tree of the board', () => {
  it('is read back from its blob without a finding', () => {
    const tree = virtDeviceTree({ ...OPTIONS, bootargs: 'console=ttyAMA0' });
    expect(decodeFdt(encodeFdt(tree))).toEqual({ tree, findings: [] });
  });

  it('names the cpu as what it is: cortex-a57, or armv8 for the full profile', () => {
    const compatible = (cpu: 'full' | 'cortex-a57') =>
      readStrings(findNode(virtDeviceTree({ ...OPTIONS, cpu }), '/cpus/cpu@1')?.properties.get('compatible'));
    expect(compatible('cortex-a57')).toEqual(['arm,cortex-a57']);
    expect(compatible('full')).toEqual(['arm,armv8']);
  });

  it('every phandle it refers to exists and is unique', () => {
    const nodes = pathsOf(virtDeviceTree({ ...OPTIONS, pes: 8 }).root).map(([, node]) => node);
    const phandles = nodes.map((node) => node.properties.get('phandle')).filter((value) => value !== undefined);
    const known = new Set(phandles.map(String));
    expect(known.size).toBe(phandles.length);
    const used = nodes.flatMap((node) => [node.properties.get('interrupt-parent'), node.properties.get('cpu')]);
    for (const reference of used.filter((value) => value !== undefined)) expect(known).toContain(String(reference));
    const clocks = nodes.map((node) => node.properties.get('clocks')).filter((value) => value !== undefined);
    expect(clocks).toHaveLength(3);
    for (const list of clocks) expect(known).toContain(String(list.slice(0, 4)));
  });

  it('leaves out what an option sets to null and keeps what has a default', () => {
    const chosen = (options: Partial<VirtDeviceTreeOptions>) =>
      [...(findNode(virtDeviceTree({ ...OPTIONS, ...options }), '/chosen')?.properties.keys() ?? [])].sort();
    expect(chosen({})).toEqual(['kaslr-seed', 'rng-seed', 'stdout-path']);
    expect(chosen({ rngSeed: null, kaslrSeed: null, bootargs: 'quiet' })).toEqual(['bootargs', 'stdout-path']);
    expect(findNode(virtDeviceTree({ ...OPTIONS, psciConduit: null }), '/psci')).toBeUndefined();
  });

  it('the default random seed has 32 bytes', () => {
    expect(findNode(virtDeviceTree(OPTIONS), '/chosen')?.properties.get('rng-seed')).toHaveLength(32);
  });

  it('takes nodes of further devices', () => {
    const spe = fdtNode('spe', { interrupts: cells(...dtInterrupt(21)) });
    expect(findNode(virtDeviceTree({ ...OPTIONS, extraNodes: [spe] }), '/spe')).toBe(spe);
  });

  it('an INTID becomes type and number: PPIs from 16, SPIs from 32', () => {
    expect(dtInterrupt(30)).toEqual([1, 14, 4]);
    expect(dtInterrupt(33)).toEqual([0, 1, 4]);
    expect(() => dtInterrupt(15)).toThrow('INTID 15');
  });

  it('regions do not overlap', () => {
    const regions = Object.values(VIRT_MEMORY_MAP).sort((one, other) => (one.basePa < other.basePa ? -1 : 1));
    for (let index = 1; index < regions.length; index++) {
      const { basePa, sizeBytes } = regions[index - 1];
      expect(basePa + BigInt(sizeBytes)).toBeLessThanOrEqual(regions[index].basePa);
    }
  });

  it('MPIDR affinities count 16 PEs per Aff1', () => {
    expect([0, 1, 7, 15, 16, 17].map(virtAffinity)).toEqual([0n, 1n, 7n, 15n, 0x100n, 0x101n]);
  });
});
