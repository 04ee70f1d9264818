/** The guest's physical addresses: those of the machine, but for the hypervisor's memory and the interrupt controller. */
import { type Hosted, msr, store, sys } from '../../engine/hosted/effects.ts';
import { GIC_PA } from './gic.ts';
import { RAM_PA, TABLES_AT } from './layout.ts';

const BLOCK_BYTES = 0x20_0000n;
const GIB = 0x4000_0000n;
const TABLE_BYTES = 0x1000n;
/** Descriptors of stage 2: a table; a block, AF, read and write, Normal Write-Back or Device-nGnRE. */
const TABLE = 3n;
const BLOCK = { MEMORY: 0x7fdn, DEVICE: 0x4c5n | (1n << 54n) } as const;
/** VTCR_EL2: 39 bits of IPA, walk from level 1, Write-Back tables, 4 KiB granule, 40 bits of PA. */
const VTCR = 0x8000_0000n | 25n | (1n << 6n) | (1n << 8n) | (1n << 10n) | (3n << 12n) | (2n << 16n);

/** Writes the tables, which lie in the hypervisor's memory; `basePa` is where that begins and the guest's RAM ends. */
export function* writeTables(basePa: bigint): Hosted {
  const [l1, devices, ram] = [0n, 1n, 2n].map((n) => basePa + TABLES_AT + n * TABLE_BYTES) as [bigint, bigint, bigint];
  yield* store(l1, devices | TABLE);
  yield* store(l1 + 8n, ram | TABLE);
  for (let pa = 0n; pa < GIB; pa += BLOCK_BYTES)
    if (pa !== GIC_PA.gicd) yield* store(devices + (pa / BLOCK_BYTES) * 8n, pa | BLOCK.DEVICE);
  for (let pa = RAM_PA; pa < basePa; pa += BLOCK_BYTES)
    yield* store(ram + ((pa - RAM_PA) / BLOCK_BYTES) * 8n, pa | BLOCK.MEMORY);
}
/** Turns the tables on for this PE. */
export function* useTables(basePa: bigint): Hosted {
  yield* msr('VTCR_EL2', VTCR);
  yield* msr('VTTBR_EL2', basePa + TABLES_AT);
  yield* sys('TLBI VMALLS12E1');
}
