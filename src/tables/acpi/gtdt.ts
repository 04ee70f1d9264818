/** Generic Timer Description Table. Source: ACPI 6.5, "Generic Timer Description Table (GTDT)". */
import { constant, derived, later, length, preset, reserved, u8, u16, u32, u64, zero } from './fields.ts';
import { type EntryInputOf, EntryList, type EntryOf, entriesBytes, readCounted } from './lists.ts';
import type { Reader } from './reader.ts';
import { type Codec, concat, type Input, struct, type Value } from './struct.ts';
import { type DecodedTree, HEADER_BYTES, type InTable, type InTableInput, table } from './table.ts';

/** Bits of the flags of an interrupt. */
export const GTDT_TIMER_FLAGS = { 'edge-triggered': 0, 'active low': 1, 'always on': 2 } as const;
/** What an address says when there is no such frame. */
export const GTDT_NO_ADDRESS = 0xffff_ffff_ffff_ffffn;

const FLAGS = { bits: GTDT_TIMER_FLAGS } as const;
const NONE = new Uint8Array();

/** Frame of a GT block. */
export const GT_FRAME = struct(
  'GT Block Timer Structure',
  'ACPI 6.5, "GT Block Timer Structure Format"',
  { full: 40 },
  {
    gtFrameNumber: u8('number of the frame, 0 to 7'),
    reserved: reserved(3),
    cntBaseAddress: u64('CNTBaseN'),
    cntEl0BaseAddress: preset(u64('CNTEL0BaseN, all ones if there is none'), GTDT_NO_ADDRESS),
    physicalTimerGsiv: zero(u32('interrupt of the physical timer')),
    physicalTimerFlags: zero(u32('flags', FLAGS)),
    virtualTimerGsiv: zero(u32('interrupt of the virtual timer, 0 if there is none')),
    virtualTimerFlags: zero(u32('flags', FLAGS)),
    commonFlags: zero(u32('flags', { bits: { secure: 0, 'always on': 1 } })),
  },
);

/** Beginning of a GT block. */
export const GT_BLOCK = struct(
  'GT Block Structure',
  'ACPI 6.5, "GT Block Structure Format"',
  { full: 20 },
  {
    type: constant(u8('type of the structure'), 0),
    length: derived(u16('size of the structure in bytes')),
    reserved: reserved(1),
    cntCtlBaseAddress: u64('CNTCTLBase'),
    timerCount: derived(u32('number of frames')),
    timerOffset: derived(u32('offset of the first frame from the structure')),
  },
);

/** The frames of a GT block. */
export interface GtBlockFrames<F> {
  frames: readonly F[];
  /** Number of frames as the structure says, when it is another. */
  timerCount?: number;
  /** Offset of the frames as the structure says, when they do not lie where they should. */
  timerOffset?: number;
  /** Bytes before the frames. */
  gap?: Uint8Array;
  trailing?: Uint8Array;
}

const BLOCK: Codec<
  Value<typeof GT_BLOCK> & GtBlockFrames<Value<typeof GT_FRAME>>,
  Input<typeof GT_BLOCK> & GtBlockFrames<Input<typeof GT_FRAME>>
> = {
  title: GT_BLOCK.title,
  read: (reader, at, sizeBytes) => {
    const fixedBytes = GT_BLOCK.fullBytes;
    const fixed = GT_BLOCK.read(reader, at, Math.min(sizeBytes, fixedBytes));
    if (fixed === undefined) return undefined;
    const end = at + sizeBytes;
    const countAt = at + GT_BLOCK.offsetOf('timerCount');
    const offsetAt = at + GT_BLOCK.offsetOf('timerOffset');
    const count = reader.view.getUint32(countAt, true);
    const offset = reader.view.getUint32(offsetAt, true);
    const isInside = offset >= fixedBytes && offset <= sizeBytes;
    if (!isInside) reader.find(offsetAt, 'GT block: timer offset', `${offset}`, `${fixedBytes} to ${sizeBytes}`);
    const first = at + (isInside ? offset : fixedBytes);
    const gap = reader.rest(at + fixedBytes, first, 'bytes before the frames');
    const { entries, next, isAsSaid } = readCounted(reader, GT_FRAME, { at: first, end, count, countAt });
    const trailing = reader.rest(next, end);
    return {
      ...fixed,
      frames: entries,
      ...(isAsSaid ? {} : { timerCount: count }),
      ...(at + offset === first && gap === undefined ? {} : { timerOffset: offset }),
      ...(gap === undefined ? {} : { gap }),
      ...(trailing === undefined ? {} : { trailing }),
    };
  },
  bytes: ({ frames, timerCount, timerOffset, gap = NONE, trailing = NONE, ...fixed }) => {
    const entries = entriesBytes(GT_FRAME, frames);
    const sizeBytes = GT_BLOCK.fullBytes + gap.length + entries.length + trailing.length;
    const head = {
      ...fixed,
      length: sizeBytes,
      timerCount: timerCount ?? frames.length,
      timerOffset: timerOffset ?? GT_BLOCK.fullBytes + gap.length,
    };
    return concat([GT_BLOCK.bytes(head), gap, entries, trailing]);
  },
};

/** Arm generic watchdog. */
export const GTDT_WATCHDOG = struct(
  'Arm Generic Watchdog Structure',
  'ACPI 6.5, "Arm Generic Watchdog Structure Format"',
  { full: 28 },
  {
    type: constant(u8('type of the structure'), 1),
    length: length(u16('size of the structure in bytes')),
    reserved: reserved(1),
    refreshFrameAddress: u64('refresh frame'),
    controlFrameAddress: u64('control frame'),
    timerGsiv: u32('interrupt'),
    timerFlags: zero(u32('flags', { bits: { 'edge-triggered': 0, 'active low': 1, secure: 2 } })),
  },
);

/** Platform timers. */
export const PLATFORM_TIMERS = new EntryList(
  'platform timer',
  {
    sizeBytes: 3,
    type: (view, at) => view.getUint8(at),
    length: (view, at) => view.getUint16(at + 1, true),
  },
  { 'GT block': { type: 0, codec: BLOCK }, watchdog: { type: 1, codec: GTDT_WATCHDOG } },
);

/** One decoded platform timer; `kind` tells which. */
export type PlatformTimer = EntryOf<typeof PLATFORM_TIMERS.kinds>;
/** One platform timer as the encoder takes it. */
export type PlatformTimerInput = EntryInputOf<typeof PLATFORM_TIMERS.kinds>;

/** Fields before the platform timers. Sizes: 96 bytes in revision 2, 104 in revision 3. */
export const GTDT = struct(
  'Generic Timer Description Table',
  'ACPI 6.5, "Generic Timer Description Table (GTDT)"',
  { full: 104, base: 96, first: HEADER_BYTES },
  {
    cntControlBaseAddress: preset(u64('CNTControlBase, all ones if there is none'), GTDT_NO_ADDRESS),
    reserved: reserved(4),
    secureEl1TimerGsiv: zero(u32('interrupt of the secure EL1 timer')),
    secureEl1TimerFlags: zero(u32('flags', FLAGS)),
    nonSecureEl1TimerGsiv: u32('interrupt of the non-secure EL1 timer'),
    nonSecureEl1TimerFlags: zero(u32('flags', FLAGS)),
    virtualEl1TimerGsiv: u32('interrupt of the virtual timer'),
    virtualEl1TimerFlags: zero(u32('flags', FLAGS)),
    el2TimerGsiv: zero(u32('interrupt of the EL2 timer')),
    el2TimerFlags: zero(u32('flags', FLAGS)),
    cntReadBaseAddress: preset(u64('CNTReadBase, all ones if there is none'), GTDT_NO_ADDRESS),
    platformTimerCount: derived(u32('number of platform timers')),
    platformTimerOffset: derived(u32('offset of the first one from the table')),
    virtualEl2TimerGsiv: later(u32('interrupt of the EL2 virtual timer')),
    virtualEl2TimerFlags: later(u32('flags', FLAGS)),
  },
);

/** The platform timers of a GTDT. */
export interface GtdtTimers<T> {
  platformTimers: readonly T[];
  /** Number of platform timers as the table says, when it is another. */
  platformTimerCount?: number;
  /** Offset of the platform timers as the table says, when they do not lie where they should. */
  platformTimerOffset?: number;
  /** Bytes before the platform timers. */
  gap?: Uint8Array;
  trailing?: Uint8Array;
}

/** What an encoder takes: without platform timers, nothing about them. */
type TimersInput = Partial<GtdtTimers<PlatformTimerInput>>;

const REVISION_AT = 8;

/** Where platform timers begin, whatever the table says: behind the fields that its revision has. */
function fixedBytesOf(reader: Reader, at: number, sizeBytes: number): number {
  const hasAll = reader.view.getUint8(at + REVISION_AT) >= 3 && sizeBytes >= GTDT.fullBytes;
  return hasAll ? GTDT.fullBytes : Math.min(GTDT.baseBytes, sizeBytes);
}

function readBody(reader: Reader, at: number, sizeBytes: number): Value<typeof BODY> | undefined {
  const fixedBytes = fixedBytesOf(reader, at, sizeBytes);
  const fixed = GTDT.read(reader, at, fixedBytes);
  if (fixed === undefined) return undefined;
  const end = at + sizeBytes;
  const countAt = at + GTDT.offsetOf('platformTimerCount');
  const offsetAt = at + GTDT.offsetOf('platformTimerOffset');
  const count = reader.view.getUint32(countAt, true);
  const offset = reader.view.getUint32(offsetAt, true);
  const isInside = offset >= fixedBytes && offset <= sizeBytes;
  if (count > 0 && !isInside)
    reader.find(offsetAt, 'platform timer offset', `${offset}`, `${fixedBytes} to ${sizeBytes}`);
  const first = at + (count > 0 && isInside ? offset : fixedBytes);
  const gap = reader.rest(at + fixedBytes, first, 'bytes before the platform timers');
  const { entries, next } = PLATFORM_TIMERS.read(reader, first, end, count);
  if (entries.length < count)
    reader.find(countAt, 'number of platform timers', `${count}`, `${entries.length}, which are there`);
  const trailing = reader.rest(next, end);
  const usualOffset = entries.length === 0 ? 0 : first - at;
  return {
    ...fixed,
    platformTimers: entries,
    ...(entries.length === count ? {} : { platformTimerCount: count }),
    ...(offset === usualOffset ? {} : { platformTimerOffset: offset }),
    ...(gap === undefined ? {} : { gap }),
    ...(trailing === undefined ? {} : { trailing }),
  };
}

const BODY: Codec<Value<typeof GTDT> & GtdtTimers<PlatformTimer>, Input<typeof GTDT> & TimersInput> = {
  title: GTDT.title,
  read: readBody,
  bytes: ({ platformTimers = [], platformTimerCount, platformTimerOffset, gap = NONE, trailing = NONE, ...input }) => {
    const usualOffset = platformTimers.length === 0 ? 0 : (input.sizeBytes ?? GTDT.usualBytes) + gap.length;
    const head = {
      ...input,
      platformTimerCount: platformTimerCount ?? platformTimers.length,
      platformTimerOffset: platformTimerOffset ?? usualOffset,
    };
    return concat([GTDT.bytes(head), gap, PLATFORM_TIMERS.bytes(platformTimers), trailing]);
  },
};

/** The GTDT. Encoders write revision 3; for revision 2 say so in the header and `sizeBytes: 96`. */
export const GTDT_TABLE = table({
  signature: 'GTDT',
  title: GTDT.title,
  source: GTDT.source,
  revision: 3,
  body: BODY,
});

/** A decoded GTDT. */
export type Gtdt = Value<typeof BODY> & InTable;
/** A GTDT as its encoder takes it. */
export type GtdtInput = Input<typeof BODY> & InTableInput;

/** The bytes of a GTDT. Throws AcpiError when a value does not fit its field. */
export const encodeGtdt = (input: GtdtInput): Uint8Array => GTDT_TABLE.encode(input);
/** Reads a GTDT of any revision; never throws. */
export const decodeGtdt = (bytes: Uint8Array): DecodedTree<Gtdt> => GTDT_TABLE.decode(bytes);
