/** Small tables, and tables whose contents are kept as bytes. */
import { reserved, u8, u32, u64, zero } from './fields.ts';
import type { Codec } from './struct.ts';
import { concat, type Input, struct, type Value } from './struct.ts';
import { type DecodedTree, HEADER_BYTES, type InTable, type InTableInput, type Table, table } from './table.ts';

/** Fields of the BERT. */
export const BERT = struct(
  'Boot Error Record Table',
  'ACPI 6.5, "Boot Error Source"',
  { full: 48, first: HEADER_BYTES },
  {
    bootErrorRegionLengthBytes: u32('size of the region'),
    bootErrorRegionAddress: u64('physical address of the region, which holds error status blocks'),
  },
);
/** The BERT. */
export const BERT_TABLE = table<Value<typeof BERT>, Input<typeof BERT>>({
  signature: 'BERT',
  title: BERT.title,
  source: BERT.source,
  revision: 1,
  body: {
    title: BERT.title,
    bytes: (input) => BERT.bytes(input),
    read: (reader, at, sizeBytes) => {
      const value = BERT.read(reader, at, sizeBytes);
      if (value !== undefined && value.bootErrorRegionLengthBytes < 20) {
        const found = `${value.bootErrorRegionLengthBytes}`;
        reader.find(at + HEADER_BYTES, 'length of the boot error region', found, 'at least the 20 of a status block');
      }
      return value;
    },
  },
});
/** A decoded BERT. */
export type Bert = Value<typeof BERT> & InTable;
/** A BERT as its encoder takes it. */
export type BertInput = Input<typeof BERT> & InTableInput;
/** The bytes of a BERT. Throws AcpiError when a value does not fit its field. */
export const encodeBert = (input: BertInput): Uint8Array => BERT_TABLE.encode(input);
/** Reads a BERT; never throws. */
export const decodeBert = (bytes: Uint8Array): DecodedTree<Bert> => BERT_TABLE.decode(bytes);

/** Values of the signalling mode in the flags of the AGDI. */
export const AGDI_SIGNALING = { SDEI: 0, interrupt: 1, both: 2 } as const;

/** Fields of the AGDI. */
export const AGDI = struct(
  'Arm Generic Diagnostic Dump and Reset Device Interface',
  'DEN0093, "Arm Generic Diagnostic Dump and Reset Device Interface"',
  { full: 48, first: HEADER_BYTES },
  {
    flags: zero(u8('how it is signalled', { names: { 0: 'SDEI', 1: 'interrupt', 2: 'SDEI and interrupt' } })),
    reserved: reserved(3),
    sdeiEvent: zero(u32('number of the SDEI event')),
    gsiv: zero(u32('interrupt')),
  },
);
/** The AGDI. */
export const AGDI_TABLE = table<Value<typeof AGDI>, Input<typeof AGDI>>({
  signature: 'AGDI',
  title: AGDI.title,
  source: AGDI.source,
  revision: 0,
  body: AGDI,
});
/** A decoded AGDI. */
export type Agdi = Value<typeof AGDI> & InTable;
/** An AGDI as its encoder takes it. */
export type AgdiInput = Input<typeof AGDI> & InTableInput;
/** The bytes of an AGDI. Throws AcpiError when a value does not fit its field. */
export const encodeAgdi = (input: AgdiInput): Uint8Array => AGDI_TABLE.encode(input);
/** Reads an AGDI; never throws. */
export const decodeAgdi = (bytes: Uint8Array): DecodedTree<Agdi> => AGDI_TABLE.decode(bytes);

type Contents<K extends string> = { [_ in K]: Uint8Array };

/** Everything after the header as bytes, under the name `key`. */
function contents<const K extends string>(title: string, key: K): Codec<Contents<K>> {
  return {
    title,
    read: (reader, at, sizeBytes) => {
      const bytes = reader.rest(at + HEADER_BYTES, at + sizeBytes, key) ?? new Uint8Array();
      return { [key]: bytes } as Contents<K>;
    },
    bytes: (input) => concat([new Uint8Array(HEADER_BYTES), input[key]]),
  };
}

/** The SDEI table: a header whose being there says that firmware has the interface. */
export const SDEI_TABLE = table<Partial<Contents<'trailing'>>, Partial<Contents<'trailing'>>>({
  signature: 'SDEI',
  title: 'Software Delegated Exception Interface table',
  source: 'DEN0054, "SDEI table"',
  revision: 1,
  body: {
    title: 'Software Delegated Exception Interface table',
    read: (reader, at, sizeBytes) => {
      const trailing = reader.rest(at + HEADER_BYTES, at + sizeBytes);
      return trailing === undefined ? {} : { trailing };
    },
    bytes: ({ trailing = new Uint8Array() }) => concat([new Uint8Array(HEADER_BYTES), trailing]),
  },
});
/** A decoded SDEI table. */
export type SdeiTable = Partial<Contents<'trailing'>> & InTable;
/** The bytes of an SDEI table; nothing has to be given. Throws AcpiError when a value does not fit its field. */
export const encodeSdei = (input: Partial<Contents<'trailing'>> & InTableInput = {}): Uint8Array =>
  SDEI_TABLE.encode(input);
/** Reads an SDEI table; never throws. */
export const decodeSdei = (bytes: Uint8Array): DecodedTree<SdeiTable> => SDEI_TABLE.decode(bytes);

const definitionBlock = (signature: string, title: string): Table<Contents<'aml'>, Contents<'aml'>> =>
  table({
    signature,
    title,
    source: `ACPI 6.5, "${title} (${signature})"`,
    revision: 2,
    body: contents(title, 'aml'),
  });

/** The DSDT: AML kept as bytes. */
export const DSDT_TABLE = definitionBlock('DSDT', 'Differentiated System Description Table');
/** An SSDT: AML kept as bytes. */
export const SSDT_TABLE = definitionBlock('SSDT', 'Secondary System Description Table');
/** A decoded DSDT or SSDT. */
export type DefinitionBlock = Contents<'aml'> & InTable;
/** A DSDT or SSDT as its encoder takes it. */
export type DefinitionBlockInput = Contents<'aml'> & InTableInput;
/** The bytes of a DSDT. Throws AcpiError when a value of the header does not fit its field. */
export const encodeDsdt = (input: DefinitionBlockInput): Uint8Array => DSDT_TABLE.encode(input);
/** Reads a DSDT; never throws. */
export const decodeDsdt = (bytes: Uint8Array): DecodedTree<DefinitionBlock> => DSDT_TABLE.decode(bytes);
/** The bytes of an SSDT. Throws AcpiError when a value of the header does not fit its field. */
export const encodeSsdt = (input: DefinitionBlockInput): Uint8Array => SSDT_TABLE.encode(input);
/** Reads an SSDT; never throws. */
export const decodeSsdt = (bytes: Uint8Array): DecodedTree<DefinitionBlock> => SSDT_TABLE.decode(bytes);

/** A table of any signature, its contents kept as bytes. */
export const ANY_TABLE = table<Contents<'contents'>, Contents<'contents'>>({
  title: 'table',
  source: 'ACPI 6.5, "System Description Table Header"',
  revision: 1,
  body: contents('table', 'contents'),
});
/** A decoded table about which nothing but the header is known. */
export type AnyTable = Contents<'contents'> & InTable;
/** The same as its encoder takes it; the header must say its signature. */
export type AnyTableInput = Contents<'contents'> & InTableInput;
