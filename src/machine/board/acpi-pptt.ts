/**
 * Which processors belong together, and which caches they have: one socket, in it one cluster, in it the cores, as in
 * `cpu-map` of the device tree; caches as the processors' own registers describe them.
 *
 * Source: ACPI Specification 6.5, "Processor Properties Topology Table (PPTT)"; DDI 0487, "CCSIDR_EL1".
 */
import { PROFILES, type ProfileName } from '../../arch/profiles.ts';
import { encodePptt, type PpttEntryInput } from '../../tables/acpi/pptt.ts';

/** `_UID` of the processor container that is the socket. */
export const ACPI_SOCKET_UID = 0;
/** `_UID` of the one that is the cluster; Linux shows it within its socket. */
export const ACPI_CLUSTER_UID = 1;

const HEADER_BYTES = 36;
const PROCESSOR_BYTES = 20;
const CACHE_BYTES = 24;

const PROCESSOR = { package: 1 << 0, idValid: 1 << 1, leaf: 1 << 3 } as const;
/** Size, sets, associativity, allocation, type, write policy and line size are all given. */
const CACHE_ALL_VALID = 0x7f;
/** Cache attributes: bits 1:0 allocation (0 on reads, 2 on both), bits 3:2 type (0 data, 1 instruction, 2 unified). */
const ATTRIBUTES = { data: 0b0_00_10, instruction: 0b0_01_00, unified: 0b0_10_10 } as const;

/** Caches by CSSELR_EL1: Level in bits 3:1 counts from 0, bit 0 selects the instruction cache. */
const SELECT = { level1Data: 0, level1Instruction: 1, level2: 2 } as const;

/** Entries with offsets from the start of the table. */
class Entries {
  readonly list: PpttEntryInput[] = [];
  #nextOffset = HEADER_BYTES;

  /** Adds an entry; its offset. */
  add(entry: PpttEntryInput, sizeBytes: number): number {
    const offset = this.#nextOffset;
    this.list.push(entry);
    this.#nextOffset += sizeBytes;
    return offset;
  }

  /**
   * A cache that CCSIDR_EL1 describes in its format of 32 bits; 0 when there is none. "Next level" is within the same
   * node; what processors share is a resource of the node above.
   */
  cache(ccsidr: bigint | undefined, kind: keyof typeof ATTRIBUTES): number {
    if (ccsidr === undefined) return 0;
    const lineSizeBytes = 1 << (Number(ccsidr & 7n) + 4);
    const associativity = Number((ccsidr >> 3n) & 0x3ffn) + 1;
    const numberOfSets = Number((ccsidr >> 13n) & 0x7fffn) + 1;
    return this.add(
      {
        kind: 'cache',
        flags: CACHE_ALL_VALID,
        cacheSizeBytes: lineSizeBytes * associativity * numberOfSets,
        numberOfSets,
        associativity,
        attributes: ATTRIBUTES[kind],
        lineSizeBytes,
      },
      CACHE_BYTES,
    );
  }

  processor(processor: Omit<Extract<PpttEntryInput, { kind: 'processor' }>, 'kind'>): number {
    const { privateResources = [] } = processor;
    const resources = privateResources.filter((offset) => offset !== 0);
    const sizeBytes = PROCESSOR_BYTES + 4 * resources.length;
    return this.add({ kind: 'processor', ...processor, privateResources: resources }, sizeBytes);
  }
}

/** The PPTT of a number of PEs; processor ids are the `_UID`s of the DSDT. */
export function virtPptt(pes: number, cpu: ProfileName): Uint8Array {
  const { ccsidr } = PROFILES[cpu];
  const entries = new Entries();
  const socket = entries.processor({ flags: PROCESSOR.package | PROCESSOR.idValid, acpiProcessorId: ACPI_SOCKET_UID });
  const level2 = entries.cache(ccsidr.get(SELECT.level2), 'unified');
  const cluster = entries.processor({
    flags: PROCESSOR.idValid,
    parent: socket,
    acpiProcessorId: ACPI_CLUSTER_UID,
    privateResources: [level2],
  });
  for (let pe = 0; pe < pes; pe++) {
    const data = entries.cache(ccsidr.get(SELECT.level1Data), 'data');
    const instruction = entries.cache(ccsidr.get(SELECT.level1Instruction), 'instruction');
    entries.processor({
      flags: PROCESSOR.idValid | PROCESSOR.leaf,
      parent: cluster,
      acpiProcessorId: pe,
      privateResources: [data, instruction],
    });
  }
  return encodePptt({ entries: entries.list });
}
