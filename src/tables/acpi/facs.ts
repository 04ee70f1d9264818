/** Firmware ACPI Control Structure: no checksum. Source: ACPI 6.5, "Firmware ACPI Control Structure (FACS)". */
import type { TreeNode } from '../tree-node.ts';
import { ascii, constant, preset, reserved, u8, u32, u64, zero } from './fields.ts';
import { Reader } from './reader.ts';
import { type Input, struct, type Value } from './struct.ts';
import { type DecodedTree, signatureOf } from './table.ts';

/** Fields of the FACS. */
export const FACS = struct(
  'Firmware ACPI Control Structure',
  'ACPI 6.5, "Firmware ACPI Control Structure (FACS)"',
  { full: 64 },
  {
    signature: constant(ascii(4, 'FACS'), 'FACS'),
    length: preset(u32('size in bytes'), 64),
    hardwareSignature: zero(u32('changes when the hardware does')),
    firmwareWakingVector: zero(u32('where firmware goes on after sleep')),
    globalLock: zero(u32('lock', { bits: { pending: 0, owned: 1 } })),
    flags: zero(u32('flags', { bits: { S4BIOS_F: 0, '64BIT_WAKE_SUPPORTED_F': 1 } })),
    xFirmwareWakingVector: zero(u64('the same with 64 bits')),
    version: preset(u8('2 since ACPI 4.0'), 2),
    reserved: reserved(3),
    ospmFlags: zero(u32('flags', { bits: { '64BIT_WAKE_F': 0 } })),
    reserved2: reserved(24),
  },
);

/** A decoded FACS. */
export type Facs = Value<typeof FACS>;
/** A FACS as its encoder takes it. */
export type FacsInput = Input<typeof FACS>;

/** The bytes of a FACS. Throws AcpiError when a value does not fit its field. */
export const encodeFacs = (input: FacsInput): Uint8Array => FACS.bytes(input);

/** Reads a FACS; never throws. */
export function decodeFacs(bytes: Uint8Array): DecodedTree<Facs> {
  const reader = new Reader(bytes);
  const tree: TreeNode = { name: FACS.title, offset: 0, sizeBytes: bytes.length, children: reader.nodes };
  const isFacs = signatureOf(bytes) === 'FACS';
  const value = isFacs ? FACS.read(reader, 0, bytes.length) : undefined;
  if (!isFacs) reader.find(0, 'signature', signatureOf(bytes), 'FACS');
  else if (value === undefined) reader.find(0, 'size', `${bytes.length} bytes`, `at least ${FACS.fullBytes}`);
  else if (value.length !== bytes.length) reader.find(4, 'length', `${value.length}`, `${bytes.length}`);
  return { value, findings: reader.findings, tree };
}
