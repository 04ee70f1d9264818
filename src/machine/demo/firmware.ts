/** The firmware of the demonstration, as far as it has errors to hand over: a table, a block for each source. */
import { memoryRegister } from '../../tables/acpi/gas.ts';
import { encodeHest } from '../../tables/acpi/hest.ts';
import { NOTIFICATION } from '../../tables/acpi/notification.ts';
import { encodeStatusBlock } from '../../tables/cper/block.ts';
import { SEVERITY } from '../../tables/cper/names.ts';
import type { Machine } from '../machine.ts';

/** Where the table of error sources lies. */
export const HEST_PA = 0x40c0_0000n;
const ADDRESSES_PA = 0x40c1_0000n;
const ACKS_PA = 0x40c1_0800n;
const BLOCKS_PA = 0x40c2_0000n;
const BLOCK_BYTES = 0x1000n;

/** Memory error types and an error status of CPER. UEFI Specification, "Memory Error Section". */
const ECC = { SINGLE_BIT: 2, MULTI_BIT: 3 } as const;
const IN_DRAM = 0x400n;

function word(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

/** Writes the table: sources that notify by these SDEI events. */
export function describeSources(machine: Machine, events: readonly number[]): void {
  const sources = events.map((vector, n) => ({
    kind: 'GHESv2' as const,
    sourceId: n + 1,
    errorStatusAddress: memoryRegister(ADDRESSES_PA + BigInt(8 * n), 8),
    notification: { type: NOTIFICATION.SDEI, vector, pollIntervalMs: 0 },
    errorStatusBlockLengthBytes: Number(BLOCK_BYTES),
    readAckRegister: memoryRegister(ACKS_PA + BigInt(8 * n), 8),
    readAckPreserve: 0xffff_ffff_ffff_fffen,
    readAckWrite: 1n,
  }));
  machine.writeMemory(HEST_PA, encodeHest({ sources }));
  events.forEach((_, n) => {
    machine.writeMemory(ADDRESSES_PA + BigInt(8 * n), word(BLOCKS_PA + BigInt(n) * BLOCK_BYTES));
    machine.writeMemory(ACKS_PA + BigInt(8 * n), word(1n));
  });
}

/** What is wrong with memory. */
export interface DemoError {
  readonly severity: keyof typeof SEVERITY;
  readonly addressPa: bigint;
  readonly dimm: string;
}

/** Writes a record into the block of a source and raises its event on a PE; gives the record. */
export function reportError(machine: Machine, source: number, event: number, pe: number, error: DemoError): Uint8Array {
  const ecc = error.severity === 'corrected' ? ECC.SINGLE_BIT : ECC.MULTI_BIT;
  const block = encodeStatusBlock({
    entries: [
      {
        errorSeverity: SEVERITY[error.severity],
        fruText: error.dimm,
        section: {
          kind: 'memory',
          fields: { physicalAddress: error.addressPa, memoryErrorType: ecc, errorStatus: IN_DRAM },
        },
      },
    ],
  });
  machine.writeMemory(ACKS_PA + BigInt(8 * source), word(0n));
  machine.writeMemory(BLOCKS_PA + BigInt(source) * BLOCK_BYTES, block);
  machine.sdei.signal(event, { pe });
  return block;
}

/** The operating system gave the block of a source back. */
export function isAcknowledged(machine: Machine, source: number): boolean {
  return machine.readMemory(ACKS_PA + BigInt(8 * source), 1)[0] === 1;
}
