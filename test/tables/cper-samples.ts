import { encodeBits } from '../../src/tables/cper/bits.ts';
import { encodeStatusBlock } from '../../src/tables/cper/block.ts';
import { NOTIFICATION_TYPE } from '../../src/tables/cper/guid.ts';
import { encodeRecord } from '../../src/tables/cper/record.ts';
import { armContext } from '../../src/tables/cper/sections/arm-context.ts';
import { ARM_CACHE_ERROR } from '../../src/tables/cper/sections/arm-info.ts';
import { encodeTime } from '../../src/tables/cper/timestamp.ts';

/** 2026-11-20 12:34 and some seconds, precise. */
export const noon = (seconds: number): bigint =>
  encodeTime({ year: 2026, month: 11, day: 20, hours: 12, minutes: 34, seconds, precise: true });

/** The recoverable multi-bit memory error at 0x48001000 that a Linux kernel reported as such. */
export const memoryBlock = (): Uint8Array =>
  encodeStatusBlock({
    entries: [
      {
        errorSeverity: 0,
        flags: 1,
        timestamp: noon(56),
        section: {
          kind: 'memory',
          fields: {
            errorStatus: 0x400n,
            physicalAddress: 0x4800_1000n,
            physicalAddressMask: 0xffff_ffff_ffff_f000n,
            memoryErrorType: 3,
          },
        },
      },
    ],
  });

/** A recoverable cache error with the general purpose registers. */
export const armBlock = (padded = false): Uint8Array =>
  encodeStatusBlock({
    entries: [
      {
        section: {
          kind: 'armProcessor',
          fields: {
            mpidr: 0x8000_0000n,
            midr: 0x411f_d070n,
            runningState: 1,
            psciState: 0,
            errorInfo: [
              {
                type: 2,
                multipleError: 0,
                flags: 3,
                errorInformation: encodeBits(ARM_CACHE_ERROR, { transactionType: 1, operation: 3, level: 1 }),
                physicalFaultAddress: 0x5000_2000n,
              },
            ],
            contexts: [armContext(4, { X0: 1n, X30: 0xffff_8000_0000_1234n, SP: 0x1000n })],
            paddedContexts: padded,
          },
        },
      },
    ],
  });

/** A block with an entry of every kind, one short form, bytes of an unknown type, and raw data. */
export const everyKindBlock = (): Uint8Array =>
  encodeStatusBlock({
    entries: [
      { errorSeverity: 2, section: { kind: 'memory', fields: { physicalAddress: 0x1000n }, sizeBytes: 73 } },
      { errorSeverity: 2, revision: 0x0201, section: { kind: 'memory2', fields: { row: 70_000, rank: 1 } } },
      { fruText: 'DIMM A0', section: { kind: 'genericProcessor', fields: { processorType: 2, brandString: 'one' } } },
      { section: { kind: 'pcie', fields: { portType: 4, vendorId: 0x1234, segment: 1, aer: new Uint8Array(96) } } },
      { section: { kind: 'firmwareReference', fields: { recordType: 2, revision: 2, recordIdentifier: 7n } } },
      {
        errorSeverity: 3,
        sectionType: 'fbcd0a77-c260-417f-85a9-088b1621eba6',
        section: { kind: 'bytes', bytes: Uint8Array.of(1, 2, 3, 4, 5) },
      },
      {
        section: {
          kind: 'armProcessor',
          fields: { errorInfo: [{ type: 8 }, { type: 0x10 }], vendorInfo: Uint8Array.of(9) },
        },
      },
    ],
    rawData: Uint8Array.of(0xaa, 0xbb),
  });

/** A boot error region: a fatal memory error, a corrected processor error, zeros. */
export const twoBlocks = (): Uint8Array =>
  Uint8Array.from([...memoryBlock(), ...armBlock(true), ...new Uint8Array(64)]);

/** A record as Linux's pstore writes one: a section of a type of its own. */
export const pstoreRecord = (): Uint8Array =>
  encodeRecord({
    revision: 0x0100,
    errorSeverity: 1,
    creatorId: '75a574e3-5052-4b29-8a8e-be2c6490b89d',
    notificationType: NOTIFICATION_TYPE.MCE,
    recordId: 0x2_0000_0001n,
    flags: 2,
    persistenceInformation: 0x5245n,
    sections: [
      {
        errorSeverity: 1,
        flags: 1,
        sectionType: 'c197e04e-d545-4a70-9c17-a5549419eb12',
        section: { kind: 'bytes', bytes: new TextEncoder().encode('Panic#1 Part1\n<6>[    1.0] a line\n') },
      },
    ],
  });
