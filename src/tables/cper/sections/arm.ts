/**
 * ARM processor errors: a header, error information structures, context structures, and what the vendor adds.
 *
 * Source: UEFI Specification, appendix N.2.4.4, "ARM Processor Error Section".
 */
import type { TreeNode } from '../../tree-node.ts';
import { concat } from '../bytes.ts';
import type { Finder } from '../finder.ts';
import {
  decodeLayout,
  describeLayout,
  encodeLayout,
  flags,
  hexOf,
  layout,
  reserved,
  showBytes,
  uint,
  uint64,
  type ValueOf,
} from '../layout.ts';
import { type ArmContext, describeArmContext } from './arm-context.ts';
import { CONTEXT_HEADER_SIZE_BYTES, decodeContexts, encodeContexts } from './arm-contexts.ts';
import {
  ARM_INFO,
  type ArmErrorInfo,
  type ArmErrorTypes,
  showArmErrorInformation,
  showArmErrorType,
} from './arm-info.ts';

const VALIDATION = { 0: 'MPIDR', 1: 'Error Affinity Level', 2: 'Running State', 3: 'Vendor Specific Information' };
const RUNNING = { 0: 'running' };

const HEADER = layout(
  'ARM Processor Error Section',
  40,
  {
    validationBits: uint(0, 4, 'Validation Bits', { show: flags(VALIDATION, 4) }),
    errInfoNum: uint(4, 2, 'ERR_INFO_NUM'),
    contextInfoNum: uint(6, 2, 'CONTEXT_INFO_NUM'),
    sectionLength: uint(8, 4, 'Section Length'),
    errorAffinityLevel: uint(12, 1, 'Error Affinity Level', { valid: 1 }),
    reserved: reserved(13, 3),
    mpidr: uint64(16, 'MPIDR_EL1', { valid: 0 }),
    midr: uint64(24, 'MIDR_EL1'),
    runningState: uint(32, 4, 'Running State', { valid: 2, show: flags(RUNNING, 4) }),
    psciState: uint(36, 4, 'PSCI State', { valid: 2, show: hexOf(4) }),
  },
  'validationBits',
);

/** Bytes of the section's header. */
export const ARM_HEADER_SIZE_BYTES = 40;

type Header = ValueOf<typeof HEADER.fields>;

/** Numbers of the header that follow from the content. */
type Counts = Pick<Header, 'errInfoNum' | 'contextInfoNum' | 'sectionLength'>;

/** An ARM processor error. */
export interface ArmProcessorError extends Omit<Header, keyof Counts> {
  readonly errorInfo: readonly ArmErrorInfo[];
  readonly contexts: readonly ArmContext[];
  /** Each context is followed by zeros up to a multiple of 16 bytes, as newer firmware writes them. */
  readonly paddedContexts: boolean;
  readonly vendorInfo: Uint8Array;
  /** What the header says where the content says otherwise; absent from a well-formed section. */
  readonly declared?: Partial<Counts>;
  /** Bytes of the entry after the section's own end. */
  readonly trailing: Uint8Array;
}

/** Reads the section; the payload has at least {@link ARM_HEADER_SIZE_BYTES}. */
export function decodeArmProcessor(bytes: Uint8Array, finder: Finder): ArmProcessorError {
  const { errInfoNum, contextInfoNum, sectionLength, ...header } = decodeLayout(HEADER, bytes);
  const end = Math.min(Math.max(sectionLength, HEADER.sizeBytes), bytes.length);
  if (sectionLength < HEADER.sizeBytes) {
    finder.add(8, 'Section Length covers the header', String(sectionLength), `at least ${HEADER.sizeBytes}`);
  } else if (sectionLength > bytes.length) {
    finder.add(8, 'Section Length lies within the entry', String(sectionLength), `at most ${bytes.length}`);
  }
  const errorInfo = decodeInfo(bytes.subarray(0, end), errInfoNum, finder);
  const infoEnd = HEADER.sizeBytes + errorInfo.length * ARM_INFO.sizeBytes;
  const complete = errorInfo.length === errInfoNum;
  const found = decodeContexts(bytes.subarray(infoEnd, end), complete ? contextInfoNum : 0, finder.at(infoEnd));
  const section = {
    ...header,
    errorInfo,
    contexts: found.contexts,
    paddedContexts: found.padded,
    vendorInfo: bytes.slice(infoEnd + found.sizeBytes, end),
    trailing: bytes.slice(end),
  };
  const declared: Partial<Counts> = {
    ...(complete ? {} : { errInfoNum }),
    ...(found.contexts.length === contextInfoNum ? {} : { contextInfoNum }),
    ...(sectionLength === end ? {} : { sectionLength }),
  };
  return Object.keys(declared).length === 0 ? section : { ...section, declared };
}

function decodeInfo(bytes: Uint8Array, count: number, finder: Finder): ArmErrorInfo[] {
  if (count === 0) finder.add(4, 'ERR_INFO_NUM is at least 1', '0', '1 or more');
  const room = Math.floor((bytes.length - HEADER.sizeBytes) / ARM_INFO.sizeBytes);
  if (count > room) {
    const needed = HEADER.sizeBytes + count * ARM_INFO.sizeBytes;
    finder.add(
      4,
      'the section has room for ERR_INFO_NUM structures',
      `${count}, which take ${needed} bytes`,
      `at most ${room} in ${bytes.length} bytes`,
    );
  }
  const found: ArmErrorInfo[] = [];
  for (let n = 0; n < Math.min(count, room); n++) {
    const at = HEADER.sizeBytes + n * ARM_INFO.sizeBytes;
    const info = decodeLayout(ARM_INFO, bytes, at);
    if (info.lengthBytes !== ARM_INFO.sizeBytes) {
      finder.add(at + 1, 'Length of an error information structure', String(info.lengthBytes), '32');
    }
    if (info.version !== 0) {
      finder.add(at, 'Version of an error information structure', String(info.version), '0');
    }
    found.push(info);
  }
  return found;
}

/** What an encoder takes: as {@link ArmProcessorError}, where everything left out is zero, empty or follows. */
export type ArmProcessorErrorInput = Partial<Omit<ArmProcessorError, 'errorInfo'>> & {
  readonly errorInfo?: readonly Partial<ArmErrorInfo>[];
};

/**
 * The bytes of the section.
 *
 * @throws CperError `E_CPER_FIELD` when a value does not fit its field
 */
export function encodeArmProcessor(value: ArmProcessorErrorInput): Uint8Array {
  const { errorInfo = [], contexts = [], paddedContexts = false, vendorInfo, trailing, declared, ...header } = value;
  const infos = errorInfo.map((info) => encodeLayout(ARM_INFO, { lengthBytes: ARM_INFO.sizeBytes, ...info }));
  const body = [...infos, ...encodeContexts(contexts, paddedContexts), vendorInfo ?? new Uint8Array(0)];
  const sectionLength = body.reduce((sum, part) => sum + part.length, HEADER.sizeBytes);
  const counts = { errInfoNum: infos.length, contextInfoNum: contexts.length, sectionLength, ...declared };
  return concat([encodeLayout(HEADER, { ...header, ...counts }), ...body, trailing]);
}

function describeInfo(info: ArmErrorInfo, n: number, at: number, types: ArmErrorTypes): TreeNode {
  const children = describeLayout(ARM_INFO, info, at).map((node) => {
    if (node.name === 'Type') return { ...node, value: showArmErrorType(info.type, types) };
    if (node.name !== 'Error Information') return node;
    const { offset, sizeBytes } = node;
    const parts = showArmErrorInformation(info.type, info.errorInformation, types);
    return parts.length === 0 ? node : { ...node, children: parts.map((part) => ({ ...part, offset, sizeBytes })) };
  });
  return { name: `Error Information ${n}`, offset: at, sizeBytes: ARM_INFO.sizeBytes, children };
}

/** The section for printing; `at` is where it begins. */
export function describeArmProcessor(value: ArmProcessorError, at: number, types: ArmErrorTypes): TreeNode[] {
  const { errorInfo, contexts, vendorInfo, trailing, paddedContexts } = value;
  const sizeBytes = encodeArmProcessor({ ...value, trailing: new Uint8Array(0) }).length;
  const counts = { errInfoNum: errorInfo.length, contextInfoNum: contexts.length, sectionLength: sizeBytes };
  const nodes = describeLayout(HEADER, { ...value, ...counts, ...value.declared }, at);
  let offset = at + HEADER.sizeBytes;
  errorInfo.forEach((info, n) => {
    nodes.push(describeInfo(info, n, offset, types));
    offset += ARM_INFO.sizeBytes;
  });
  contexts.forEach((context, n) => {
    const plain = CONTEXT_HEADER_SIZE_BYTES + context.registers.length;
    nodes.push({
      name: `Context Information ${n}`,
      offset,
      sizeBytes: plain,
      children: describeArmContext(context, offset),
    });
    offset += paddedContexts ? (plain + 15) & ~15 : plain;
  });
  for (const [name, part] of [
    ['Vendor Specific Information', vendorInfo],
    ['Bytes after the section', trailing],
  ] as const) {
    if (part.length > 0) nodes.push({ name, value: showBytes(part), offset, sizeBytes: part.length });
    offset += part.length;
  }
  return nodes;
}
