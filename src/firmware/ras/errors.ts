/**
 * Errors as a user describes them, and the status block that each becomes.
 *
 * Source: ACPI Specification 6.5, "Generic Error Status Block"; UEFI Specification 2.10, appendix N.2.4.4, "ARM
 * Processor Error Section", N.2.5, "Memory Error Section", N.2.7, "PCI Express Error Section".
 */
import { encodeBits } from '../../tables/cper/bits.ts';
import { decodeStatusBlock, encodeStatusBlock } from '../../tables/cper/block.ts';
import type { ErrorDataEntryInput } from '../../tables/cper/entry.ts';
import { CperError } from '../../tables/cper/error.ts';
import { MEMORY_ERROR_TYPES, SEVERITY } from '../../tables/cper/names.ts';
import { decodeRecord, looksLikeRecord } from '../../tables/cper/record.ts';
import {
  ARM_ERROR_INFORMATION,
  type ArmErrorKind,
  type ArmErrorTypes,
  armErrorType,
} from '../../tables/cper/sections/arm-info.ts';
import type { CperSectionInput } from '../../tables/cper/sections.ts';
import { STATUS_BLOCK_BYTES } from './layout.ts';
import type { RasNotification } from './sources.ts';

/** How bad an error is. */
export type RasSeverity = keyof typeof SEVERITY;

/** What all descriptions have. */
interface Common {
  /** Default `recoverable`. */
  readonly severity?: RasSeverity;
  /** The way to the operating system; default: what suits the severity. */
  readonly notify?: RasNotification;
  /** Id of the error source, where there are several with that notification. */
  readonly source?: number;
  /** The PE that met the error, and that is notified where one has to be chosen; default 0. */
  readonly pe?: number;
  /** Which part to replace, up to 20 ASCII characters. */
  readonly fruText?: string;
  /** The threshold of corrected errors was exceeded: Linux then takes the page away softly. */
  readonly threshold?: boolean;
}

/** An error of memory. */
export interface RasMemoryError extends Common {
  readonly kind: 'memory';
  /** Physical address; without it the report names none. */
  readonly addr?: bigint;
  /** Physical address mask; default a page of 4 KiB. */
  readonly mask?: bigint;
  /** Memory error type, 0 to 15; default 2 (single-bit ECC) for corrected errors, else 3 (multi-bit ECC). */
  readonly type?: number;
  /** CPER error status; default 0x400, a storage error in DRAM memory. */
  readonly errorStatus?: bigint;
  readonly node?: number;
  readonly card?: number;
  readonly module?: number;
  readonly bank?: number;
  readonly row?: number;
  readonly column?: number;
}

/** An error in a processor. */
export interface RasProcessorError extends Common {
  readonly kind: 'processor';
  /** Default `cache`. */
  readonly type?: ArmErrorKind;
  /** Physical fault address. */
  readonly addr?: bigint;
  /** Virtual fault address. */
  readonly va?: bigint;
  /** Operation: 0 generic error, 1 generic read, 2 generic write, 3 data read, 4 data write, 5 fetch...; default 3. */
  readonly operation?: number;
  /** Level of cache or TLB, 0 to 7; default 1. */
  readonly level?: number;
  /** Number of errors, 1 to 65535; default 1. */
  readonly count?: number;
  /** How the type is encoded; default `mask`, as since UEFI 2.9A. */
  readonly typeEncoding?: ArmErrorTypes;
}

/** An error of PCI Express. */
export interface RasPcieError extends Common {
  readonly kind: 'pcie';
  readonly segment?: number;
  readonly bus?: number;
  readonly device?: number;
  readonly function?: number;
  /** Port type; default 4, a root port. */
  readonly portType?: number;
  readonly vendorId?: number;
  readonly deviceId?: number;
  /** AER status: correctable for corrected errors, else uncorrectable. Default: bad TLP, or malformed TLP. */
  readonly status?: number;
}

/** Bytes: an error status block, or a CPER record whose sections become one. */
export interface RasRawError extends Omit<Common, 'fruText' | 'threshold'> {
  readonly kind: 'cper';
  readonly bytes: Uint8Array;
  /** Hand a status block over although it breaks rules, to see what an operating system does with it. */
  readonly unchecked?: boolean;
}

/** One error. */
export type RasError = RasMemoryError | RasProcessorError | RasPcieError | RasRawError;

/** What the firmware knows of the PEs and of the time. */
export interface RasFacts {
  mpidr(pe: number): bigint;
  readonly midr: bigint;
  /** CPER timestamp of now. */
  readonly timestamp: bigint;
}

/** Refuses an error that cannot be. */
export type Refuse = (message: string) => never;

/** Bits of an entry's flags. UEFI, appendix N.2.2, "Section Flags". */
const FLAGS = { primary: 1 << 0, threshold: 1 << 3, overflow: 1 << 7 } as const;
/** Bad TLP, and malformed TLP. PCI Express, "Advanced Error Reporting". */
const AER_DEFAULT = { corrected: 1 << 6, uncorrected: 1 << 18 } as const;
const AER_BYTES = 96;

function memorySection(error: RasMemoryError): CperSectionInput {
  const { addr, mask = 0xffff_ffff_ffff_f000n, errorStatus = 0x400n, node, card, module, bank, row, column } = error;
  const memoryErrorType = error.type ?? (error.severity === 'corrected' ? 2 : 3);
  const address = addr === undefined ? {} : { physicalAddress: addr, physicalAddressMask: mask };
  const where = { node, card, module, bank, row, column };
  const given = Object.fromEntries(Object.entries(where).filter(([, value]) => value !== undefined));
  return { kind: 'memory', fields: { errorStatus, ...address, memoryErrorType, ...given } };
}

function processorSection(error: RasProcessorError, facts: RasFacts): CperSectionInput {
  const { type = 'cache', addr, va, operation = 3, level = 1, count = 1, typeEncoding = 'mask', pe = 0 } = error;
  const structure = ARM_ERROR_INFORMATION[type];
  const corrected = error.severity === 'corrected' ? 1 : 0;
  const information = { transactionType: 1, operation, level, contextCorrupt: 0, corrected };
  return {
    kind: 'armProcessor',
    fields: {
      mpidr: facts.mpidr(pe),
      midr: facts.midr,
      runningState: 1,
      errorAffinityLevel: 0,
      errorInfo: [
        {
          type: armErrorType([type], typeEncoding),
          // 0 is one error, 1 is several; a higher number is a count of itself plus one.
          ...(count > 1 ? { multipleError: count - 1 } : { multipleError: 0 }),
          flags: 1,
          ...(structure ? { errorInformation: encodeBits(structure, information) } : {}),
          ...(va === undefined ? {} : { virtualFaultAddress: va }),
          ...(addr === undefined ? {} : { physicalFaultAddress: addr }),
        },
      ],
    },
  };
}

function pcieSection(error: RasPcieError): CperSectionInput {
  const { segment = 0, bus = 0, device = 0, portType = 4, vendorId = 0x1b36, deviceId = 0x000c } = error;
  const corrected = error.severity === 'corrected';
  const status = error.status ?? (corrected ? AER_DEFAULT.corrected : AER_DEFAULT.uncorrected);
  const aer = new Uint8Array(AER_BYTES);
  const view = new DataView(aer.buffer);
  view.setUint32(0, 0x0001_0001, true);
  view.setUint32(corrected ? 16 : 4, status, true);
  if (error.severity === 'fatal') view.setUint32(12, status, true);
  const place = { segment, primaryBus: bus, device, function: error.function ?? 0 };
  return {
    kind: 'pcie',
    fields: {
      portType,
      versionMajor: 1,
      command: 6,
      status: 0x10,
      vendorId,
      deviceId,
      classCode: 0x060400,
      ...place,
      aer,
    },
  };
}

const hasSection = { memory: memorySection, processor: processorSection, pcie: pcieSection } as const;

function entryOf(error: Exclude<RasError, RasRawError>, facts: RasFacts): ErrorDataEntryInput {
  const { kind, severity = 'recoverable', fruText, threshold = false } = error;
  const section = hasSection[kind](error as never, facts);
  return {
    errorSeverity: SEVERITY[severity],
    flags: FLAGS.primary | (threshold ? FLAGS.threshold : 0),
    timestamp: facts.timestamp,
    ...(fruText === undefined ? {} : { fruText }),
    section,
  };
}

/** Linux takes what has no name as fatal. */
const severityOf = (number: number): RasSeverity =>
  (Object.keys(SEVERITY) as RasSeverity[]).find((name) => SEVERITY[name] === number) ?? 'fatal';

/** Sections of a record as entries of a block. */
function blockOfRecord(bytes: Uint8Array, facts: RasFacts, refuse: Refuse): Uint8Array {
  const { value, findings } = decodeRecord(bytes);
  const first = findings[0];
  if (value === undefined || first)
    return refuse(`the CPER record is malformed at offset ${first?.offset}: ${first?.rule}: ${first?.found}.`);
  const { timestamp, validationBits, errorSeverity } = value;
  return encodeStatusBlock({
    errorSeverity,
    entries: value.sections.map(
      ({ section, sectionType, errorSeverity: severity, flags, fruId, fruText, ...rest }) => ({
        section,
        sectionType,
        errorSeverity: severity,
        flags: flags & 0xff,
        timestamp: validationBits & 2 ? timestamp : facts.timestamp,
        ...(rest.validationBits & 1 ? { fruId } : {}),
        ...(rest.validationBits & 2 ? { fruText } : {}),
      }),
    ),
  });
}

function checkedBlock({ bytes, unchecked }: RasRawError, facts: RasFacts, refuse: Refuse): Uint8Array {
  if (looksLikeRecord(bytes)) return blockOfRecord(bytes, facts, refuse);
  const { value, findings } = decodeStatusBlock(bytes);
  if (unchecked) return new Uint8Array(bytes);
  const first = findings[0];
  if (first) {
    const where = `at offset ${first.offset}: ${first.rule}: found ${first.found}, expected ${first.expected}`;
    return refuse(`the error status block is malformed ${where}. See: unmaskable decode.`);
  }
  if (value!.blockStatus === 0) refuse('the error status block says that there is no error: its status is 0.');
  return new Uint8Array(bytes.subarray(0, bytes.length - value!.trailing.length));
}

/** An error as it goes to the operating system. */
export interface RasRecord {
  readonly block: Uint8Array;
  /** That of the block as a whole. */
  readonly severity: RasSeverity;
}

/** The status block of an error. `refuse` is told what cannot be. */
export function recordOf(error: RasError, facts: RasFacts, refuse: Refuse): RasRecord {
  let block: Uint8Array;
  try {
    block =
      error.kind === 'cper'
        ? checkedBlock(error, facts, refuse)
        : encodeStatusBlock({ entries: [entryOf(error, facts)] });
  } catch (problem) {
    if (problem instanceof CperError) return refuse(problem.message);
    throw problem;
  }
  if (block.length > STATUS_BLOCK_BYTES)
    refuse(`the error status block has ${block.length} bytes; a source of this machine takes ${STATUS_BLOCK_BYTES}.`);
  const severity =
    block.length >= 20 ? severityOf(new DataView(block.buffer, block.byteOffset).getUint32(16, true)) : 'fatal';
  return { block, severity };
}

const KINDS = ['memory', 'processor', 'pcie', 'cper'] as const;

/** Says what is wrong with a description, apart from its bytes. */
export function checkError(error: RasError, pes: number, refuse: Refuse): void {
  const { kind, severity, pe = 0 } = error;
  if (!KINDS.includes(kind)) refuse(`kind '${kind}': no such error. Known: ${KINDS.join(', ')}.`);
  if (severity !== undefined && !Object.hasOwn(SEVERITY, severity))
    refuse(`severity '${severity}': no such severity. Known: ${Object.keys(SEVERITY).join(', ')}.`);
  if (!(Number.isInteger(pe) && pe >= 0 && pe < pes)) refuse(`PE ${pe}: this machine has PEs 0 to ${pes - 1}.`);
  if (kind === 'memory' && MEMORY_ERROR_TYPES[error.type ?? 0] === undefined)
    refuse(`memory error type ${error.type}: types are 0 to 15.`);
  if (kind === 'processor' && error.count !== undefined && !(error.count >= 1 && error.count <= 0xffff))
    refuse(`${error.count} errors at once: give 1 to 65535.`);
}

/** Notes in a block that waits that more errors came than could be kept. */
export function markOverflow(block: Uint8Array): void {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const status = view.getUint32(0, true);
  // Bits 2 and 3: several uncorrectable, several correctable errors.
  view.setUint32(0, status | ((status & 3) << 2), true);
  const ENTRY_FLAGS_AT = 20 + 23;
  if (block.length > ENTRY_FLAGS_AT) block[ENTRY_FLAGS_AT]! |= FLAGS.overflow;
}
