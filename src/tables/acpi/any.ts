/** Any table by its signature. */
import { DBG2_TABLE } from './dbg2.ts';
import { EINJ_TABLE } from './einj.ts';
import { ERST_TABLE } from './erst.ts';
import { decodeFacs, encodeFacs, type Facs } from './facs.ts';
import { FADT_TABLE } from './fadt.ts';
import { GTDT_TABLE } from './gtdt.ts';
import { HEST_TABLE } from './hest.ts';
import { IORT_TABLE } from './iort.ts';
import { MADT_TABLE } from './madt.ts';
import { MCFG_TABLE } from './mcfg.ts';
import { SLIT_TABLE, SRAT_TABLE } from './numa.ts';
import { AGDI_TABLE, ANY_TABLE, type AnyTable, BERT_TABLE, DSDT_TABLE, SDEI_TABLE, SSDT_TABLE } from './plain.ts';
import { PPTT_TABLE } from './pptt.ts';
import { decodeRsdp, encodeRsdp, RSDP_SIGNATURE, type Rsdp } from './rsdp.ts';
import { SPCR_TABLE } from './spcr.ts';
import { type DecodedTree, HEADER_BYTES, signatureOf, type Table } from './table.ts';
import { RSDT_TABLE, XSDT_TABLE } from './xsdt.ts';

/** Tables with the common header by signature. */
export const TABLES = {
  XSDT: XSDT_TABLE,
  RSDT: RSDT_TABLE,
  FACP: FADT_TABLE,
  DSDT: DSDT_TABLE,
  SSDT: SSDT_TABLE,
  APIC: MADT_TABLE,
  GTDT: GTDT_TABLE,
  SPCR: SPCR_TABLE,
  DBG2: DBG2_TABLE,
  MCFG: MCFG_TABLE,
  PPTT: PPTT_TABLE,
  IORT: IORT_TABLE,
  SRAT: SRAT_TABLE,
  SLIT: SLIT_TABLE,
  HEST: HEST_TABLE,
  BERT: BERT_TABLE,
  ERST: ERST_TABLE,
  EINJ: EINJ_TABLE,
  SDEI: SDEI_TABLE,
  AGDI: AGDI_TABLE,
} as const;

type Known = {
  [S in keyof typeof TABLES]: {
    kind: S;
    table: NonNullable<ReturnType<(typeof TABLES)[S]['decode']>['value']>;
  };
}[keyof typeof TABLES];

/**
 * A decoded table of any kind; `kind` is its signature (`RSDP` for the root pointer). `unknown` is one of another
 * signature, or one too broken to be taken apart: its contents are bytes.
 */
export type AcpiTable =
  | Known
  | { kind: 'RSDP'; table: Rsdp }
  | { kind: 'FACS'; table: Facs }
  | { kind: 'unknown'; table: AnyTable };

// biome-ignore lint/suspicious/noExplicitAny: the signature says which value belongs to which table
const tableOf = (signature: string): Table<any, any> | undefined =>
  Object.hasOwn(TABLES, signature) ? TABLES[signature as keyof typeof TABLES] : undefined;

/** Whether the bytes begin as a table that is known here: enough to recognise a file by. */
export const isKnownTable = (bytes: Uint8Array): boolean =>
  signatureOf(bytes, 8) === RSDP_SIGNATURE ||
  signatureOf(bytes) === 'FACS' ||
  tableOf(signatureOf(bytes)) !== undefined;

/**
 * Whether the bytes look like a table of whatever signature: capital letters, digits and few other characters, and a
 * length that fits the bytes.
 */
export function isTable(bytes: Uint8Array): boolean {
  if (isKnownTable(bytes)) return true;
  if (bytes.length < HEADER_BYTES || !/^[A-Z][A-Z0-9_!$#]{3}$/.test(signatureOf(bytes))) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(4, true);
  return length >= HEADER_BYTES && length <= bytes.length;
}

/** A table that is kept as bytes, with what was found when it was read as what its signature says. */
function asBytes(bytes: Uint8Array, tried?: DecodedTree<unknown>): DecodedTree<AcpiTable> {
  const { value, findings, tree } = ANY_TABLE.decode(bytes);
  const kept: AcpiTable | undefined = value && { kind: 'unknown', table: value };
  return { value: kept, findings: tried?.findings ?? findings, tree: tried?.tree ?? tree };
}

/**
 * Reads a table of any kind; never throws. {@link encodeTable} makes the same bytes of the value.
 *
 * @returns value undefined only if there is not even a header with a length
 */
export function decodeTable(bytes: Uint8Array): DecodedTree<AcpiTable> {
  const signature = signatureOf(bytes);
  if (signatureOf(bytes, 8) === RSDP_SIGNATURE) return wrap('RSDP', decodeRsdp(bytes), bytes);
  if (signature === 'FACS') return wrap('FACS', decodeFacs(bytes), bytes);
  const known = tableOf(signature);
  return known === undefined ? asBytes(bytes) : wrap(signature, known.decode(bytes), bytes);
}

function wrap(kind: string, decoded: DecodedTree<unknown>, bytes: Uint8Array): DecodedTree<AcpiTable> {
  const { value, findings, tree } = decoded;
  if (value === undefined)
    return kind === 'RSDP' || kind === 'FACS' ? { value, findings, tree } : asBytes(bytes, decoded);
  return { value: { kind, table: value } as AcpiTable, findings, tree };
}

/**
 * The bytes of a table of any kind.
 *
 * @throws AcpiError when a value does not fit its field
 */
export function encodeTable(value: AcpiTable): Uint8Array {
  if (value.kind === 'RSDP') return encodeRsdp(value.table);
  if (value.kind === 'FACS') return encodeFacs(value.table);
  if (value.kind === 'unknown') return ANY_TABLE.encode(value.table);
  return tableOf(value.kind)!.encode(value.table);
}
