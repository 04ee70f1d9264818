/** AML as a tree: what the encoder takes, what the decoder returns, what is printed. */
import type { OpName } from './opcodes.ts';

/** A term: an operator with its operands, a named object (called or referred to), or bytes that were not understood. */
export type AmlNode = AmlOp | AmlReference | AmlRaw;

/** An operator with its operands, in the order of its row in `AML_OPS` without the PkgLength. */
export interface AmlOp {
  readonly kind: 'op';
  readonly op: OpName;
  readonly args: readonly AmlArg[];
  /** Bytes of the PkgLength where it is longer than it needs to be: 2 to 4. */
  readonly pkgLengthBytes?: number;
}

/** A name in the place of a term: of a method with its arguments, or of any other object without. */
export interface AmlReference {
  readonly kind: 'reference';
  readonly name: string;
  readonly args: readonly AmlNode[];
}

/** Bytes kept as they are. */
export interface AmlRaw {
  readonly kind: 'raw';
  readonly bytes: Uint8Array;
}

/**
 * An operand: a name or text (string), a number of up to 32 bits, one of 64, a term, a list of terms, bytes, or a list
 * of fields. A target that goes nowhere is null.
 *
 * Names are written as in ASL with every segment four characters long: `\_SB_.GED0`, `^FOO_`, `_HID`.
 */
export type AmlArg = string | number | bigint | null | AmlNode | readonly AmlNode[] | Uint8Array | AmlFieldList;

/** The elements of a field list. */
export interface AmlFieldList {
  readonly kind: 'fields';
  readonly elements: readonly AmlField[];
}

/** ACPI Specification 6.5, "Named Objects Encoding", FieldElement. */
export type AmlField =
  /** A field of so many bits. `lengthBytes` where the length is encoded longer than it needs to be. */
  | { readonly kind: 'named'; readonly name: string; readonly bits: number; readonly lengthBytes?: number }
  /** Bits without a name. */
  | { readonly kind: 'reserved'; readonly bits: number; readonly lengthBytes?: number }
  /** Another access type from here on. */
  | { readonly kind: 'access'; readonly type: number; readonly attrib: number }
  | { readonly kind: 'extended-access'; readonly type: number; readonly attrib: number; readonly length: number }
  /** The connection of the fields that follow: a name, or a Buffer with a resource descriptor. */
  | { readonly kind: 'connection'; readonly to: string | AmlNode };

/** True for a list of terms. */
export function isTerms(arg: AmlArg | undefined): arg is readonly AmlNode[] {
  return Array.isArray(arg);
}

/** True for one term. */
export function isNode(arg: AmlArg | undefined): arg is AmlNode {
  return (
    typeof arg === 'object' &&
    arg !== null &&
    'kind' in arg &&
    (arg.kind === 'op' || arg.kind === 'reference' || arg.kind === 'raw')
  );
}

/** True for an operator of that name. */
export function isOp(arg: AmlArg | undefined, op: OpName): arg is AmlOp {
  return isNode(arg) && arg.kind === 'op' && arg.op === op;
}

/** Value of an integer constant, or undefined for any other term. */
export function integerOf(arg: AmlArg | undefined): bigint | undefined {
  if (!isNode(arg) || arg.kind !== 'op') return undefined;
  switch (arg.op) {
    case 'Zero':
      return 0n;
    case 'One':
      return 1n;
    case 'Ones':
      return 0xffff_ffff_ffff_ffffn;
    case 'BytePrefix':
    case 'WordPrefix':
    case 'DWordPrefix':
    case 'QWordPrefix':
      return BigInt(arg.args[0] as number | bigint);
    default:
      return undefined;
  }
}
