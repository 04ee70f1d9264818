/** Root System Description Pointer. Source: ACPI 6.5, "Root System Description Pointer (RSDP)". */
import type { TreeNode } from '../tree-node.ts';
import { ascii, bytesText, derived, later, preset, reserved, u8, u32, u64, zero } from './fields.ts';
import { Reader } from './reader.ts';
import { concat, type Input, struct, type Value } from './struct.ts';
import { checksumOf, type DecodedTree, OEM, signatureOf } from './table.ts';

/** Eight characters, the last one a space. */
export const RSDP_SIGNATURE = 'RSD PTR ';
/** What the checksum of the first revision covers, which is all that it has. */
const FIRST_BYTES = 20;

/** Fields of the RSDP. */
export const RSDP = struct(
  'Root System Description Pointer',
  'ACPI 6.5, "Root System Description Pointer (RSDP)"',
  { full: 36, base: FIRST_BYTES },
  {
    signature: derived(ascii(8, 'RSD PTR and a space')),
    checksum: derived(u8('makes the sum of the first 20 bytes 0')),
    oemId: preset(ascii(6, 'who made it'), OEM.oemId),
    revision: preset(u8('2 since ACPI 2.0'), 2),
    rsdtAddress: zero(u32('physical address of the RSDT, 0 if there is none')),
    length: later(preset(u32('size in bytes'), 36)),
    xsdtAddress: later(u64('physical address of the XSDT')),
    extendedChecksum: derived(u8('makes the sum of all bytes 0')),
    reserved: reserved(3),
  },
);

/** What is there only when it is not as it should be; encoders write it as given. */
export interface RsdpOverrides {
  checksum?: number;
  extendedChecksum?: number;
  /** Bytes after the end of the structure that were decoded with it. */
  excess?: Uint8Array;
}

/** A decoded RSDP. */
export type Rsdp = Value<typeof RSDP> & RsdpOverrides;
/** An RSDP as its encoder takes it. */
export type RsdpInput = Input<typeof RSDP> & RsdpOverrides;

const CHECKSUM_AT = RSDP.offsetOf('checksum');
const EXTENDED_AT = RSDP.offsetOf('extendedChecksum');

/** Fills in what follows from the rest; of a checksum that was given, nothing. */
function complete(bytes: Uint8Array, given: RsdpOverrides): void {
  bytes[CHECKSUM_AT] = given.checksum ?? checksumOf(bytes.subarray(0, FIRST_BYTES), CHECKSUM_AT);
  if (bytes.length > EXTENDED_AT) bytes[EXTENDED_AT] = given.extendedChecksum ?? checksumOf(bytes, EXTENDED_AT);
}

/**
 * The bytes of an RSDP with both checksums.
 *
 * @throws AcpiError when a value does not fit its field
 */
export function encodeRsdp(input: RsdpInput): Uint8Array {
  const { checksum, extendedChecksum, excess, ...fields } = input;
  const bytes = RSDP.bytes({ ...fields, signature: RSDP_SIGNATURE, checksum: 0, extendedChecksum: 0 } as RsdpInput);
  complete(bytes, { checksum, extendedChecksum });
  return excess === undefined ? bytes : concat([bytes, excess]);
}

/** Where the structure ends: the first revision has a fixed size, later ones say it. */
function endOf(reader: Reader): number {
  const { bytes, view } = reader;
  if (bytes[RSDP.offsetOf('revision')] < 2 || bytes.length < RSDP.fullBytes) return FIRST_BYTES;
  const stated = view.getUint32(RSDP.offsetOf('length'), true);
  if (stated > bytes.length || stated < RSDP.fullBytes) {
    const expected = `${RSDP.fullBytes}, of the ${bytes.length} bytes that are there`;
    reader.find(RSDP.offsetOf('length'), 'length', `${stated}`, expected);
    return RSDP.fullBytes;
  }
  return stated;
}

function read(reader: Reader): Rsdp | undefined {
  const { bytes } = reader;
  if (signatureOf(bytes, 8) !== RSDP_SIGNATURE || bytes.length < FIRST_BYTES) {
    if (bytes.length < FIRST_BYTES) reader.find(0, 'size', `${bytes.length} bytes`, `at least ${FIRST_BYTES}`);
    else reader.find(0, 'signature', signatureOf(bytes, 8), RSDP_SIGNATURE);
    reader.rest(0, bytes.length, 'bytes');
    return undefined;
  }
  if (bytes[RSDP.offsetOf('revision')] >= 2 && bytes.length < RSDP.fullBytes)
    reader.find(0, 'size', `${bytes.length} bytes`, `${RSDP.fullBytes} in this revision`);
  const end = endOf(reader);
  const value: Rsdp = RSDP.read(reader, 0, end)!;
  const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`;
  const right = checksumOf(bytes.subarray(0, FIRST_BYTES), CHECKSUM_AT);
  if (bytes[CHECKSUM_AT] !== right) {
    value.checksum = bytes[CHECKSUM_AT];
    reader.find(CHECKSUM_AT, 'checksum', hex(value.checksum), hex(right));
  }
  if (end > EXTENDED_AT) {
    const rightExtended = checksumOf(bytes.subarray(0, end), EXTENDED_AT);
    if (bytes[EXTENDED_AT] !== rightExtended) {
      value.extendedChecksum = bytes[EXTENDED_AT];
      reader.find(EXTENDED_AT, 'extended checksum', hex(value.extendedChecksum), hex(rightExtended));
    }
  }
  if (end < bytes.length) {
    reader.find(end, 'size', `${bytes.length} bytes`, `${end}`);
    reader.leaf('bytes after the structure', end, bytes.length - end, bytesText(bytes.subarray(end)));
    value.excess = bytes.slice(end);
  }
  return value;
}

/** Reads an RSDP; never throws. */
export function decodeRsdp(bytes: Uint8Array): DecodedTree<Rsdp> {
  const reader = new Reader(bytes);
  const value = read(reader);
  const tree: TreeNode = { name: RSDP.title, offset: 0, sizeBytes: bytes.length, children: reader.nodes };
  return { value, findings: reader.findings, tree };
}
