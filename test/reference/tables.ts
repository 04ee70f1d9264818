import { DBG2, DEBUG_DEVICE } from '../../src/tables/acpi/dbg2.ts';
import { EINJ, EINJ_ENTRY, TRIGGER } from '../../src/tables/acpi/einj.ts';
import { ERST, ERST_ENTRY } from '../../src/tables/acpi/erst.ts';
import { FACS } from '../../src/tables/acpi/facs.ts';
import { FADT } from '../../src/tables/acpi/fadt.ts';
import type { Field } from '../../src/tables/acpi/fields.ts';
import { GAS } from '../../src/tables/acpi/gas.ts';
import { GT_BLOCK, GT_FRAME, GTDT, GTDT_WATCHDOG } from '../../src/tables/acpi/gtdt.ts';
import { HEST } from '../../src/tables/acpi/hest.ts';
import {
  AER_BRIDGE,
  AER_ENDPOINT,
  AER_ROOT_PORT,
  GHES,
  GHES_V2,
  IA32_BANK,
  IA32_CORRECTED,
  IA32_DEFERRED,
  IA32_MACHINE_CHECK,
  IA32_NMI,
} from '../../src/tables/acpi/hest-sources.ts';
import {
  IORT,
  IORT_ITS_GROUP,
  IORT_MAPPING,
  IORT_NAMED_COMPONENT,
  IORT_PMCG,
  IORT_RMR,
  IORT_ROOT_COMPLEX,
  IORT_SMMU,
  IORT_SMMU_V3,
} from '../../src/tables/acpi/iort.ts';
import { MADT, MADT_ENTRIES } from '../../src/tables/acpi/madt.ts';
import { MCFG, MCFG_ALLOCATION } from '../../src/tables/acpi/mcfg.ts';
import { NOTIFICATION_STRUCTURE } from '../../src/tables/acpi/notification.ts';
import { SLIT, SRAT, SRAT_ENTRIES } from '../../src/tables/acpi/numa.ts';
import { AGDI, BERT } from '../../src/tables/acpi/plain.ts';
import { PPTT_CACHE, PPTT_ID, PPTT_PROCESSOR } from '../../src/tables/acpi/pptt.ts';
import { RSDP } from '../../src/tables/acpi/rsdp.ts';
import { SPCR } from '../../src/tables/acpi/spcr.ts';
import { type Row, Struct } from '../../src/tables/acpi/struct.ts';
import { HEADER } from '../../src/tables/acpi/table.ts';
import { code, hex, page, table } from './markdown.ts';

/** What the page needs of a structure. */
export type Described = Pick<Struct<never>, 'title' | 'source' | 'rows' | 'fullBytes' | 'baseBytes'>;

/** Every structure, by the table it belongs to. */
export const STRUCTURES: Readonly<Record<string, readonly Described[]>> = {
  'Common to all': [HEADER, GAS],
  RSDP: [RSDP],
  FADT: [FADT],
  FACS: [FACS],
  MADT: [MADT, ...Object.values(MADT_ENTRIES.kinds).map(({ codec }) => codec)],
  GTDT: [GTDT, GT_BLOCK, GT_FRAME, GTDT_WATCHDOG],
  SPCR: [SPCR],
  DBG2: [DBG2, DEBUG_DEVICE],
  MCFG: [MCFG, MCFG_ALLOCATION],
  PPTT: [PPTT_PROCESSOR, PPTT_CACHE, PPTT_ID],
  IORT: [
    IORT,
    IORT_ITS_GROUP,
    IORT_NAMED_COMPONENT,
    IORT_ROOT_COMPLEX,
    IORT_SMMU,
    IORT_SMMU_V3,
    IORT_PMCG,
    IORT_RMR,
    IORT_MAPPING,
  ],
  SRAT: [SRAT, ...Object.values(SRAT_ENTRIES.kinds).map(({ codec }) => codec)],
  SLIT: [SLIT],
  HEST: [
    HEST,
    GHES,
    GHES_V2,
    NOTIFICATION_STRUCTURE,
    IA32_MACHINE_CHECK,
    IA32_CORRECTED,
    IA32_DEFERRED,
    IA32_BANK,
    IA32_NMI,
    AER_ROOT_PORT,
    AER_ENDPOINT,
    AER_BRIDGE,
  ],
  BERT: [BERT],
  ERST: [ERST, ERST_ENTRY],
  EINJ: [EINJ, EINJ_ENTRY, TRIGGER],
  AGDI: [AGDI],
};

function given(field: Field): string {
  const { presence, fallback, isLength, isDerived } = field;
  if (isLength || isDerived) return 'worked out';
  if (presence === 'none') return `always ${String(fallback)}`;
  if (presence === 'required') return 'to be given';
  if (typeof fallback === 'number' || typeof fallback === 'bigint')
    return fallback < 10 ? `${fallback}` : hex(fallback);
  return typeof fallback === 'string' && fallback !== '' ? `"${fallback}"` : 'zeros';
}

function meaning({ doc, style }: Field): string {
  const names = Object.entries(style?.names ?? {}).map(([value, name]) => `${value} ${name}`);
  const bits = Object.entries(style?.bits ?? {}).map(
    ([name, place]) => `${name} [${typeof place === 'number' ? place : place.join(':')}]`,
  );
  const list = [...names, ...bits].join(', ');
  return list === '' ? doc : `${doc}: ${list}`;
}

const row = ({ name, at, field }: Row): (string | number)[] => [
  at,
  field.sizeBytes,
  code(name),
  given(field),
  meaning(field),
];

function structure({ title, source, rows, fullBytes, baseBytes }: Described): string {
  const sizes = fullBytes === baseBytes ? `${fullBytes} bytes` : `${baseBytes} to ${fullBytes} bytes`;
  return `### ${title}\n\n${sizes}. ${source}.\n\n${table(['offset', 'size', 'field', 'default', ''], rows.map(row))}`;
}

/** `docs/reference/acpi-tables.md`. */
export function tablesPage(): string {
  const lead = [
    'What `src/tables/acpi` encodes and decodes, field by field, under the names that fields have in a value. Sizes and',
    'offsets are in bytes, all numbers little-endian. A field that an encoder is not given gets the default; one that a',
    "table's size leaves no room for is not there. XSDT and RSDT are lists of addresses, an SDEI table is a header, and",
    'of DSDT and SSDT the AML is `src/tables/acpi/aml`.',
  ].join('\n');
  const parts = Object.entries(STRUCTURES).map(
    ([title, structures]) => `## ${title}\n\n${structures.map(structure).join('\n')}`,
  );
  return page('ACPI tables', lead, parts);
}

/** Whether something exported is a structure of fields. */
export const isStructure = (value: unknown): value is Described => value instanceof Struct;
