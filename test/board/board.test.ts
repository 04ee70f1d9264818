import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { virtDeviceTree } from '../../src/machine/board/virt.ts';
import { decodeFdt } from '../../src/tables/fdt/decode.ts';
import { encodeFdt } from '../../src/tables/fdt/encode.ts';
import type { FdtNode } from '../../src/tables/fdt/tree.ts';
import { Board } from './rig.ts';

/** Test ideas 1 and 7: the tree against the one QEMU generates, and what empty slots answer. */

/** Nodes that QEMU's tree has and ours has not: the devices are not there. A prefix of the path, and why. */
const ABSENT: Readonly<Record<string, string>> = {
  '/flash@': 'no flash',
  '/pcie@': 'no PCIe',
  '/platform-bus@': 'nothing can be put on it',
  '/intc@8000000/v2m@': 'no message-based interrupts',
};
/** Properties that hold phandles, which are free numbers, or seeds and sizes that are choices. */
const FREE = ['phandle', 'interrupt-parent', 'clocks', 'cpu', 'gpios', 'rng-seed', 'kaslr-seed', 'bootargs'];
/** Properties of one node that differ, and why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  '/psci:migrate': 'there is nothing to migrate; PSCI_FEATURES says so too',
  '/intc@8000000:#redistributor-regions': 'not of a GICv2, where QEMU leaves it out as well',
};

function paths(node: FdtNode, path = ''): [string, FdtNode][] {
  return [[path || '/', node], ...node.children.flatMap((child) => paths(child, `${path}/${child.name}`))];
}

/** Node and property to value, as text, without what is free. */
function facts(root: FdtNode): Map<string, string> {
  const all = new Map<string, string>();
  for (const [path, node] of paths(root)) {
    if (Object.keys(ABSENT).some((prefix) => path.startsWith(prefix))) continue;
    all.set(path, 'node');
    for (const [name, value] of node.properties) {
      const key = `${path}:${name}`;
      if (!FREE.includes(name) && DIFFERENT[key] === undefined) all.set(key, Buffer.from(value).toString('hex'));
    }
  }
  return all;
}

function qemuTree(gic: 2 | 3, pes: number): FdtNode {
  const dir = mkdtempSync(join(tmpdir(), 'board-'));
  try {
    const file = join(dir, 'virt.dtb');
    const machine = `virt,gic-version=${gic},dtb-randomness=off,dumpdtb=${file}`;
    const args = [
      '-M',
      machine,
      '-cpu',
      'cortex-a57',
      '-smp',
      `${pes}`,
      '-m',
      '512',
      '-display',
      'none',
      '-nic',
      'none',
    ];
    spawnSync('qemu-system-aarch64', args);
    return decodeFdt(new Uint8Array(readFileSync(file))).tree!.root;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const noQemu = spawnSync('qemu-system-aarch64', ['--version']).status !== 0;

describe.skipIf(noQemu)('the device tree (skipped when qemu-system-aarch64 is not installed)', () => {
  for (const gic of [2, 3] as const) {
    for (const pes of [1, 2, 8]) {
      it(`1. with ${pes} CPUs and a GICv${gic} equals the reference tree, node by node and property by property`, () => {
        const options = { pes, ramSizeBytes: 512 * 2 ** 20, cpu: 'cortex-a57', psciConduit: 'hvc', gic } as const;
        const ours = facts(decodeFdt(encodeFdt(virtDeviceTree(options))).tree!.root);
        const theirs = facts(qemuTree(gic, pes));
        expect([...ours].sort()).toEqual([...theirs].sort());
      });
    }
  }
});

describe('virtio transports', () => {
  it('7. a missing slot reads magic 0x74726976, version 2 and DeviceID 0', () => {
    const board = new Board();
    for (const slot of [0, 1, 30, 31]) {
      const base = 0x0a00_0000n + BigInt(slot * 0x200);
      expect([0n, 4n, 8n, 12n].map((at) => board.load(base + at))).toEqual([0x7472_6976, 2, 0, 0x554d_4551]);
    }
    expect(board.load(0x0a00_4000n)).toMatchObject({ ec: 0x25, iss: 0x10 });
  });
});
