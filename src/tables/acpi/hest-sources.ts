/**
 * Error sources of the HEST.
 *
 * Source: ACPI 6.5, "ACPI Error Source", one heading per kind. Types 3 to 5 are not used, and from 12 on reserved.
 */
import { constant, derived, preset, reserved, u8, u16, u32, u64, zero } from './fields.ts';
import { checkErrorRegister, gas } from './gas.ts';
import { type EntryHead, type EntryInputOf, EntryList, type EntryOf, entriesBytes } from './lists.ts';
import { notification } from './notification.ts';
import { type Codec, concat, type Fields, type Input, type Struct, struct, type Value } from './struct.ts';

/** What `relatedSourceId` says when there is none. */
export const NO_RELATED_SOURCE = 0xffff;

const SOURCE_FLAGS = { bits: { 'firmware first': 0, global: 1, 'GHES assist': 2 } } as const;

const source = <const F extends Fields>(type: number, heading: string, full: number, fields: F) =>
  struct(
    heading,
    `ACPI 6.5, "${heading}"`,
    { full },
    {
      type: constant(u16('type of the source'), type),
      sourceId: u16('number of the source'),
      ...fields,
    },
  );

const RECORDS = {
  recordsToPreallocate: preset(u32('records to set aside'), 1),
  maxSectionsPerRecord: preset(u32('sections of a record'), 1),
} as const;

const IA32_COMMON = {
  reserved: reserved(2),
  flags: zero(u8('flags', SOURCE_FLAGS)),
  enabled: preset(u8('1 if it is to be used'), 1),
  ...RECORDS,
} as const;

/** Machine check bank. */
export const IA32_BANK = struct(
  'IA-32 Architecture Machine Check Bank Structure',
  'ACPI 6.5, "IA-32 Architecture Machine Check Bank Structure"',
  { full: 28 },
  {
    bankNumber: u8('number of the bank'),
    clearStatusOnInitialization: zero(u8('0 if the status is to be cleared')),
    statusDataFormat: zero(u8('format', { names: { 0: 'IA-32 MCA', 1: 'Intel 64 MCA', 2: 'AMD64 MCA' } })),
    reserved: reserved(1),
    controlRegister: zero(u32('MSR')),
    controlInitData: zero(u64('value for the control register')),
    statusRegister: zero(u32('MSR')),
    addressRegister: zero(u32('MSR')),
    miscRegister: zero(u32('MSR')),
  },
);

/** IA-32 machine check exception. */
export const IA32_MACHINE_CHECK = source(0, 'IA-32 Architecture Machine Check Exception', 40, {
  ...IA32_COMMON,
  globalCapabilityInitData: zero(u64('value for IA32_MCG_CAP')),
  globalControlInitData: zero(u64('value for IA32_MCG_CTL')),
  bankCount: derived(u8('number of banks that follow')),
  reserved2: reserved(7),
});

const withNotification = {
  ...IA32_COMMON,
  notification: notification(),
  bankCount: derived(u8('number of banks that follow')),
  reserved2: reserved(3),
} as const;

/** IA-32 corrected machine check. */
export const IA32_CORRECTED = source(1, 'IA-32 Architecture Corrected Machine Check', 48, withNotification);
/** IA-32 deferred machine check. */
export const IA32_DEFERRED = source(11, 'IA-32 Architecture Deferred Machine Check', 48, withNotification);

/** IA-32 non-maskable interrupt. */
export const IA32_NMI = source(2, 'IA-32 Architecture Non-Maskable Interrupt', 20, {
  reserved: reserved(4),
  ...RECORDS,
  maxRawDataLengthBytes: zero(u32('raw data of a record')),
});

const AER_COMMON = {
  ...IA32_COMMON,
  bus: zero(u32('PCI place of the device', { bits: { bus: [7, 0], segment: [23, 8] } })),
  device: zero(u16('PCI device')),
  function: zero(u16('PCI function')),
  deviceControl: zero(u16('bits of the PCIe device control register')),
  reserved2: reserved(2),
  uncorrectableErrorMask: zero(u32('AER register')),
  uncorrectableErrorSeverity: zero(u32('AER register')),
  correctableErrorMask: zero(u32('AER register')),
  advancedErrorCapabilities: zero(u32('AER capabilities and control')),
} as const;

/** PCIe root port AER. */
export const AER_ROOT_PORT = source(6, 'PCI Express Root Port AER Structure', 48, {
  ...AER_COMMON,
  rootErrorCommand: zero(u32('AER root error command')),
});
/** PCIe device AER. */
export const AER_ENDPOINT = source(7, 'PCI Express Device AER Structure', 44, AER_COMMON);
/** PCIe to PCI bridge AER. */
export const AER_BRIDGE = source(8, 'PCI Express/PCI-X Bridge AER Structure', 56, {
  ...AER_COMMON,
  secondaryUncorrectableErrorMask: zero(u32('AER register')),
  secondaryUncorrectableErrorSeverity: zero(u32('AER register')),
  secondaryAdvancedErrorCapabilities: zero(u32('AER capabilities and control')),
});

const GHES_COMMON = {
  relatedSourceId: preset(u16('the source that this one stands for, 0xffff if there is none'), NO_RELATED_SOURCE),
  flags: zero(u8('reserved')),
  enabled: preset(u8('1 if it is to be used'), 1),
  ...RECORDS,
  maxRawDataLengthBytes: zero(u32('raw data of a record')),
  errorStatusAddress: gas('register that holds the physical address of the error status block'),
  notification: notification(),
  errorStatusBlockLengthBytes: u32('size of the error status block'),
} as const;

/** Generic hardware error source. */
export const GHES = source(9, 'Generic Hardware Error Source', 64, GHES_COMMON);
/** Generic hardware error source whose block software gives back by a register. */
export const GHES_V2 = source(10, 'Generic Hardware Error Source version 2', 92, {
  ...GHES_COMMON,
  readAckRegister: gas('register that tells firmware that the block was read'),
  readAckPreserve: zero(u64('bits of it to keep')),
  readAckWrite: zero(u64('bits of it to set')),
});

/** The banks of a machine check source. */
export interface MachineCheckBanks<B> {
  banks: readonly B[];
}

/** A source with the machine check banks that follow it. */
function withBanks<F extends Fields>(
  fixed: Struct<F>,
): Codec<
  Value<Struct<F>> & MachineCheckBanks<Value<typeof IA32_BANK>>,
  Input<Struct<F>> & MachineCheckBanks<Input<typeof IA32_BANK>>
> {
  return {
    title: fixed.title,
    read: (reader, at) => {
      const value = fixed.read(reader, at, fixed.fullBytes)!;
      const first = at + fixed.fullBytes;
      const count = reader.bytes[at + fixed.offsetOf('bankCount')];
      const size = IA32_BANK.fullBytes;
      const banks = Array.from({ length: count }, (_, n) =>
        reader.group(`bank ${n}`, first + n * size, size, () => IA32_BANK.read(reader, first + n * size, size)!),
      );
      return { ...(value as Value<Struct<F>>), banks };
    },
    bytes: ({ banks, ...input }) =>
      concat([
        fixed.bytes({ ...input, bankCount: banks.length } as unknown as Parameters<typeof fixed.bytes>[0]),
        entriesBytes(IA32_BANK, banks),
      ]),
  };
}

/** A generic source, with its registers looked at when it is enabled. */
function checked<F extends Fields>(
  fixed: Struct<F>,
  registers: readonly string[],
): Codec<Value<Struct<F>>, Input<Struct<F>>> {
  return {
    title: fixed.title,
    bytes: (input) => fixed.bytes(input as Parameters<typeof fixed.bytes>[0]),
    read: (reader, at, sizeBytes) => {
      const value = fixed.read(reader, at, sizeBytes) as Record<string, object | number> | undefined;
      if (value === undefined || value.enabled === 0) return value as Value<Struct<F>> | undefined;
      for (const name of registers) checkErrorRegister(reader, at + fixed.offsetOf(name), value[name] as object);
      const length = value.errorStatusBlockLengthBytes as number;
      if (length < 20) {
        const lengthAt = at + fixed.offsetOf('errorStatusBlockLengthBytes');
        reader.find(lengthAt, 'length of the error status block', `${length}`, 'at least the 20 bytes of its header');
      }
      return value as Value<Struct<F>>;
    },
  };
}

/** Sizes of sources: fixed part, and where the number of machine check banks stands if there are any. */
const SIZES: ReadonlyMap<number, readonly [fixedBytes: number, bankCountAt?: number]> = new Map([
  [0, [IA32_MACHINE_CHECK.fullBytes, IA32_MACHINE_CHECK.offsetOf('bankCount')]],
  [1, [IA32_CORRECTED.fullBytes, IA32_CORRECTED.offsetOf('bankCount')]],
  [2, [IA32_NMI.fullBytes]],
  [6, [AER_ROOT_PORT.fullBytes]],
  [7, [AER_ENDPOINT.fullBytes]],
  [8, [AER_BRIDGE.fullBytes]],
  [9, [GHES.fullBytes]],
  [10, [GHES_V2.fullBytes]],
  [11, [IA32_DEFERRED.fullBytes, IA32_DEFERRED.offsetOf('bankCount')]],
]);

const SOURCE_HEAD: EntryHead = {
  sizeBytes: 4,
  type: (view, at) => view.getUint16(at, true),
  length: (view, at, room) => {
    const size = SIZES.get(view.getUint16(at, true));
    if (size === undefined) return undefined;
    const [fixedBytes, countAt] = size;
    const banks = countAt === undefined || room < fixedBytes ? 0 : view.getUint8(at + countAt);
    return fixedBytes + banks * IA32_BANK.fullBytes;
  },
};

/** Error sources of the HEST. */
export const HEST_SOURCES = new EntryList('error source', SOURCE_HEAD, {
  'IA-32 machine check': { type: 0, codec: withBanks(IA32_MACHINE_CHECK) },
  'IA-32 corrected machine check': { type: 1, codec: withBanks(IA32_CORRECTED) },
  'IA-32 NMI': { type: 2, codec: IA32_NMI },
  'PCIe root port AER': { type: 6, codec: AER_ROOT_PORT },
  'PCIe endpoint AER': { type: 7, codec: AER_ENDPOINT },
  'PCIe bridge AER': { type: 8, codec: AER_BRIDGE },
  GHES: { type: 9, codec: checked(GHES, ['errorStatusAddress']) },
  GHESv2: { type: 10, codec: checked(GHES_V2, ['errorStatusAddress', 'readAckRegister']) },
  'IA-32 deferred machine check': { type: 11, codec: withBanks(IA32_DEFERRED) },
});

/** One decoded error source; `kind` tells which. */
export type HestSource = EntryOf<typeof HEST_SOURCES.kinds>;
/** One error source as the encoder takes it. */
export type HestSourceInput = EntryInputOf<typeof HEST_SOURCES.kinds>;
