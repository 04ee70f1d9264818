/**
 * The list of context structures of an ARM processor error.
 *
 * Source: UEFI Specification, appendix N.2.4.4.2, "ARM Processor Context Information". Firmware exists that fills each
 * structure with zeros up to a multiple of 16 bytes, and firmware that does not; both are read here.
 */

import { CperError } from '../error.ts';
import type { Finder } from '../finder.ts';
import { type ArmContext, armContextSizeBytes, armContextUnitBytes } from './arm-context.ts';

/** Bytes before the register array. */
export const CONTEXT_HEADER_SIZE_BYTES = 8;

/** Contexts that could be read, whether they are padded, and how many bytes they take. */
interface Contexts {
  readonly contexts: ArmContext[];
  readonly padded: boolean;
  readonly sizeBytes: number;
}

const padding = (sizeBytes: number): number => -sizeBytes & 15;

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** Reads contexts one after the other until `count`, or until one does not fit. */
function walk(bytes: Uint8Array, count: number, padded: boolean): Contexts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const contexts: ArmContext[] = [];
  let at = 0;
  while (contexts.length < count && at + CONTEXT_HEADER_SIZE_BYTES <= bytes.length) {
    const sizeBytes = view.getUint32(at + 4, true);
    const arrayAt = at + CONTEXT_HEADER_SIZE_BYTES;
    if (sizeBytes > bytes.length - arrayAt) break;
    const end = arrayAt + sizeBytes;
    const pad = padded ? padding(end - at) : 0;
    if (pad > bytes.length - end || !isZero(bytes.subarray(end, end + pad))) break;
    const registers = bytes.slice(arrayAt, end);
    const [version, registerContextType] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    contexts.push({ version, registerContextType, registers });
    at = end + pad;
  }
  return { contexts, padded, sizeBytes: at };
}

/** True for a context of a type that is defined, with all its registers. */
function isWhole({ version, registerContextType: type, registers }: ArmContext): boolean {
  const wanted = armContextSizeBytes(type);
  return version === 0 && wanted !== undefined && registers.length >= wanted;
}

const isSound = ({ contexts }: Contexts, count: number): boolean =>
  contexts.length === count && contexts.every(isWhole);

/** Reads `count` contexts; what could not be read is left to the caller as bytes. */
export function decodeContexts(bytes: Uint8Array, count: number, finder: Finder): Contexts {
  const exact = walk(bytes, count, false);
  const padded = walk(bytes, count, true);
  const left = bytes.subarray(exact.sizeBytes);
  const leavesPadding = left.length > 0 && left.length < 16 && isZero(left) && padded.sizeBytes === bytes.length;
  const usePadded =
    padded.sizeBytes !== exact.sizeBytes && isSound(padded, count) && (!isSound(exact, count) || leavesPadding);
  const found = usePadded ? padded : exact;
  report(found, bytes, count, finder);
  return found;
}

function report(found: Contexts, bytes: Uint8Array, count: number, finder: Finder): void {
  let at = 0;
  for (const { registerContextType: type, registers, version } of found.contexts) {
    const wanted = armContextSizeBytes(type);
    if (version !== 0) finder.add(at, 'Version of a context structure', String(version), '0');
    if (wanted === undefined) {
      finder.add(at + 2, 'Register Context Type', String(type), '0 to 8');
    } else if (registers.length < wanted || registers.length % armContextUnitBytes(type) !== 0) {
      finder.add(at + 4, `Register Array Size of context type ${type}`, String(registers.length), String(wanted));
    }
    at += CONTEXT_HEADER_SIZE_BYTES + registers.length;
    if (found.padded) at += padding(at);
  }
  if (found.contexts.length === count) return;
  const left = bytes.length - found.sizeBytes;
  finder.add(
    found.sizeBytes,
    'the section has room for CONTEXT_INFO_NUM structures',
    `${count}, of which ${found.contexts.length} fit and ${left} bytes are left`,
    'a section that holds them all',
  );
}

/**
 * The bytes of contexts, one after the other.
 *
 * @throws CperError `E_CPER_FIELD` when a version or type has more than 16 bits
 */
export function encodeContexts(contexts: readonly ArmContext[], padded: boolean): Uint8Array[] {
  return contexts.map(({ version, registerContextType, registers }) => {
    if (version >>> 16 !== 0 || registerContextType >>> 16 !== 0) {
      const found = `version ${version}, type ${registerContextType}`;
      throw new CperError('E_CPER_FIELD', `context structure: ${found}; each takes a whole number from 0 to 65535.`);
    }
    const plain = CONTEXT_HEADER_SIZE_BYTES + registers.length;
    const bytes = new Uint8Array(plain + (padded ? padding(plain) : 0));
    const view = new DataView(bytes.buffer);
    view.setUint16(0, version, true);
    view.setUint16(2, registerContextType, true);
    view.setUint32(4, registers.length, true);
    bytes.set(registers, CONTEXT_HEADER_SIZE_BYTES);
    return bytes;
  });
}
