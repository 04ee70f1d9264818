import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type AcpiTable, decodeTable, encodeTable } from '../../src/tables/acpi/any.ts';
import { guestPath } from '../linux/guest.ts';

/** Where scripts/qemu-tables.mjs puts what UEFI handed to Linux. */
const ROOT = guestPath('acpi');
const have = existsSync(join(ROOT, 'gicv2')) && existsSync(join(ROOT, 'gicv3-ras-smmu-numa'));

const files = (board: string): string[] => readdirSync(join(ROOT, board)).sort();
const bytesOf = (board: string, name: string): Uint8Array => new Uint8Array(readFileSync(join(ROOT, board, name)));

function tableOf<K extends AcpiTable['kind']>(board: string, kind: K): Extract<AcpiTable, { kind: K }>['table'] {
  const { value } = decodeTable(bytesOf(board, kind));
  if (value?.kind !== kind) throw new Error(`${board}: ${kind} is read as ${value?.kind}`);
  return value.table as never;
}

describe.skipIf(!have)('tables of QEMU with UEFI (node scripts/qemu-tables.mjs)', () => {
  it.each(['gicv2', 'gicv3-ras-smmu-numa'])(
    '%s: every table is well formed, and encodes to the same bytes',
    (board) => {
      expect(files(board)).toEqual(
        expect.arrayContaining(['APIC', 'DBG2', 'DSDT', 'FACP', 'GTDT', 'MCFG', 'PPTT', 'SPCR']),
      );
      for (const name of files(board)) {
        const bytes = bytesOf(board, name);
        const { value, findings, tree } = decodeTable(bytes);
        expect(findings, name).toEqual([]);
        expect(tree.name, name).toContain(name);
        expect(Buffer.from(encodeTable(value!)).toString('hex'), name).toBe(Buffer.from(bytes).toString('hex'));
      }
    },
  );

  it('say what the boards have', () => {
    const board = 'gicv3-ras-smmu-numa';
    const gicc = tableOf(board, 'APIC').entries.filter((entry) => entry.kind === 'GICC');
    expect(gicc.map(({ mpidr }) => mpidr)).toEqual([0n, 1n, 2n, 3n]);
    expect(tableOf(board, 'APIC').entries.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['GICR', 'GIC ITS']));
    expect(tableOf('gicv2', 'APIC').entries.map(({ kind }) => kind)).toEqual(['GICD', 'GICC', 'GIC MSI frame']);
    const [source] = tableOf(board, 'HEST').sources;
    expect(source).toMatchObject({ kind: 'GHESv2', sourceId: 0, notification: { type: 8 }, readAckWrite: 1n });
    // With an EL2 for the guest PSCI is called by SMC.
    expect(tableOf(board, 'FACP').armBootFlags).toBe(1);
    expect(tableOf('gicv2', 'FACP').armBootFlags).toBe(3);
    expect(tableOf(board, 'GTDT')).toMatchObject({ sizeBytes: 96, virtualEl1TimerGsiv: 27, nonSecureEl1TimerGsiv: 30 });
    expect(tableOf(board, 'SPCR')).toMatchObject({ interfaceType: 3, baseAddress: { address: 0x0900_0000n } });
    expect(tableOf(board, 'MCFG').allocations).toMatchObject([{ baseAddress: 0x40_1000_0000n, endBus: 255 }]);
    const processors = tableOf(board, 'PPTT').entries.filter((entry) => entry.kind === 'processor');
    expect(processors.map(({ acpiProcessorId }) => acpiProcessorId)).toEqual(expect.arrayContaining([0, 1, 2, 3]));
  });
});
