/**
 * The operators of ACPI Machine Language: encoding, name in ASL, and what follows the opcode.
 *
 * Source: ACPI Specification 6.5, "ACPI Machine Language (AML) Specification": "Term Objects Encoding", "AML Byte
 * Stream Byte Values". The rows drive encoder, decoder and disassembler.
 */

/** What an operand is, as it stands in the byte stream. */
export type ArgKind =
  /** PkgLength: the operator ends where it says. Always first, and not an operand of the node. */
  | 'pkg'
  /** NameString: where a new object gets its name, or a plain reference. */
  | 'name'
  /** NameSeg: exactly one segment. */
  | 'seg'
  /** One byte, two, four or eight, little-endian. */
  | 'byte'
  | 'word'
  | 'dword'
  | 'qword'
  /** Text that ends with a NUL. */
  | 'text'
  /** TermArg: an expression. */
  | 'term'
  /** SuperName: where something is stored or looked at; a name here is no call. */
  | 'super'
  /** Target: a SuperName, or the byte 0 for nowhere. */
  | 'target'
  /** Terms up to the end of the package. */
  | 'terms'
  /** Elements of a Package up to its end: data, or names that are references. */
  | 'elements'
  /** Bytes up to the end of the package. */
  | 'bytes'
  /** Fields up to the end of the package. */
  | 'fields';

/** One operator. */
export interface OpRow {
  /** Opcode; from 0x100 on a two-byte one, the first byte in bits 15:8. */
  readonly code: number;
  readonly args: readonly ArgKind[];
  /** For a constant: the operand of the operator is its value. */
  readonly constant?: true;
}

const op = (code: number, ...args: readonly ArgKind[]): OpRow => ({ code, args });
const constant = (code: number, ...args: readonly ArgKind[]): OpRow => ({ code, args, constant: true });

/** Operators by their ASL name; those that ASL writes as plain constants by the name of the AML prefix. */
export const AML_OPS = {
  // Constants: "Data Objects Encoding".
  Zero: constant(0x00),
  One: constant(0x01),
  BytePrefix: constant(0x0a, 'byte'),
  WordPrefix: constant(0x0b, 'word'),
  DWordPrefix: constant(0x0c, 'dword'),
  String: constant(0x0d, 'text'),
  QWordPrefix: constant(0x0e, 'qword'),
  Ones: constant(0xff),
  Revision: constant(0x5b30),
  Buffer: op(0x11, 'pkg', 'term', 'bytes'),
  Package: op(0x12, 'pkg', 'byte', 'elements'),
  VarPackage: op(0x13, 'pkg', 'term', 'elements'),

  // "Namespace Modifier Objects Encoding", "Named Objects Encoding".
  Alias: op(0x06, 'name', 'name'),
  Name: op(0x08, 'name', 'term'),
  Scope: op(0x10, 'pkg', 'name', 'terms'),
  Method: op(0x14, 'pkg', 'name', 'byte', 'terms'),
  External: op(0x15, 'name', 'byte', 'byte'),
  Mutex: op(0x5b01, 'name', 'byte'),
  Event: op(0x5b02, 'name'),
  OperationRegion: op(0x5b80, 'name', 'byte', 'term', 'term'),
  Field: op(0x5b81, 'pkg', 'name', 'byte', 'fields'),
  Device: op(0x5b82, 'pkg', 'name', 'terms'),
  Processor: op(0x5b83, 'pkg', 'name', 'byte', 'dword', 'byte', 'terms'),
  PowerResource: op(0x5b84, 'pkg', 'name', 'byte', 'word', 'terms'),
  ThermalZone: op(0x5b85, 'pkg', 'name', 'terms'),
  IndexField: op(0x5b86, 'pkg', 'name', 'name', 'byte', 'fields'),
  BankField: op(0x5b87, 'pkg', 'name', 'name', 'term', 'byte', 'fields'),
  DataTableRegion: op(0x5b88, 'name', 'term', 'term', 'term'),
  CreateDWordField: op(0x8a, 'term', 'term', 'name'),
  CreateWordField: op(0x8b, 'term', 'term', 'name'),
  CreateByteField: op(0x8c, 'term', 'term', 'name'),
  CreateBitField: op(0x8d, 'term', 'term', 'name'),
  CreateQWordField: op(0x8f, 'term', 'term', 'name'),
  CreateField: op(0x5b13, 'term', 'term', 'term', 'name'),

  // "Statement Opcodes Encoding".
  Break: op(0xa5),
  BreakPoint: op(0xcc),
  Continue: op(0x9f),
  Else: op(0xa1, 'pkg', 'terms'),
  Fatal: op(0x5b32, 'byte', 'dword', 'term'),
  If: op(0xa0, 'pkg', 'term', 'terms'),
  Noop: op(0xa3),
  Notify: op(0x86, 'super', 'term'),
  Release: op(0x5b27, 'super'),
  Reset: op(0x5b26, 'super'),
  Return: op(0xa4, 'term'),
  Signal: op(0x5b24, 'super'),
  Sleep: op(0x5b22, 'term'),
  Stall: op(0x5b21, 'term'),
  While: op(0xa2, 'pkg', 'term', 'terms'),

  // "Expression Opcodes Encoding".
  Acquire: op(0x5b23, 'super', 'word'),
  Add: op(0x72, 'term', 'term', 'target'),
  And: op(0x7b, 'term', 'term', 'target'),
  Concatenate: op(0x73, 'term', 'term', 'target'),
  ConcatenateResTemplate: op(0x84, 'term', 'term', 'target'),
  CondRefOf: op(0x5b12, 'super', 'target'),
  CopyObject: op(0x9d, 'term', 'super'),
  Decrement: op(0x76, 'super'),
  DerefOf: op(0x83, 'term'),
  Divide: op(0x78, 'term', 'term', 'target', 'target'),
  FindSetLeftBit: op(0x81, 'term', 'target'),
  FindSetRightBit: op(0x82, 'term', 'target'),
  FromBCD: op(0x5b28, 'term', 'target'),
  Increment: op(0x75, 'super'),
  Index: op(0x88, 'term', 'term', 'target'),
  LAnd: op(0x90, 'term', 'term'),
  LEqual: op(0x93, 'term', 'term'),
  LGreater: op(0x94, 'term', 'term'),
  LLess: op(0x95, 'term', 'term'),
  LNot: op(0x92, 'term'),
  LOr: op(0x91, 'term', 'term'),
  Load: op(0x5b20, 'name', 'target'),
  LoadTable: op(0x5b1f, 'term', 'term', 'term', 'term', 'term', 'term'),
  Match: op(0x89, 'term', 'byte', 'term', 'byte', 'term', 'term'),
  Mid: op(0x9e, 'term', 'term', 'term', 'target'),
  Mod: op(0x85, 'term', 'term', 'target'),
  Multiply: op(0x77, 'term', 'term', 'target'),
  NAnd: op(0x7c, 'term', 'term', 'target'),
  NOr: op(0x7e, 'term', 'term', 'target'),
  Not: op(0x80, 'term', 'target'),
  ObjectType: op(0x8e, 'super'),
  Or: op(0x7d, 'term', 'term', 'target'),
  RefOf: op(0x71, 'super'),
  ShiftLeft: op(0x79, 'term', 'term', 'target'),
  ShiftRight: op(0x7a, 'term', 'term', 'target'),
  SizeOf: op(0x87, 'super'),
  Store: op(0x70, 'term', 'super'),
  Subtract: op(0x74, 'term', 'term', 'target'),
  Timer: op(0x5b33),
  ToBCD: op(0x5b29, 'term', 'target'),
  ToBuffer: op(0x96, 'term', 'target'),
  ToDecimalString: op(0x97, 'term', 'target'),
  ToHexString: op(0x98, 'term', 'target'),
  ToInteger: op(0x99, 'term', 'target'),
  ToString: op(0x9c, 'term', 'term', 'target'),
  Wait: op(0x5b25, 'super', 'term'),
  XOr: op(0x7f, 'term', 'term', 'target'),

  // "Miscellaneous Objects Encoding".
  Debug: constant(0x5b31),
  Local0: constant(0x60),
  Local1: constant(0x61),
  Local2: constant(0x62),
  Local3: constant(0x63),
  Local4: constant(0x64),
  Local5: constant(0x65),
  Local6: constant(0x66),
  Local7: constant(0x67),
  Arg0: constant(0x68),
  Arg1: constant(0x69),
  Arg2: constant(0x6a),
  Arg3: constant(0x6b),
  Arg4: constant(0x6c),
  Arg5: constant(0x6d),
  Arg6: constant(0x6e),
} as const satisfies Readonly<Record<string, OpRow>>;

/** Name of an operator. */
export type OpName = keyof typeof AML_OPS;

/** The row of an operator. */
export function opRow(name: OpName): OpRow {
  return AML_OPS[name];
}

const BY_CODE: ReadonlyMap<number, OpName> = new Map(
  Object.entries(AML_OPS).map(([name, { code }]) => [code, name as OpName]),
);

/** The operator with an opcode, two bytes of them as bits 15:8 and 7:0. */
export function opByCode(code: number): OpName | undefined {
  return BY_CODE.get(code);
}

/** First byte of every two-byte opcode. */
export const EXT_OP_PREFIX = 0x5b;
/** First bytes of a NameString that are no letters: `\`, `^`, two segments, more segments. */
export const NAME_PREFIX = { root: 0x5c, parent: 0x5e, dual: 0x2e, multi: 0x2f } as const;

/** True for the first byte of a NameString that is not the null name: a prefix, A to Z, or an underscore. */
export function startsName(byte: number): boolean {
  return Object.values<number>(NAME_PREFIX).includes(byte) || isLeadChar(byte);
}

/** True for the first byte of a NameSeg. */
export function isLeadChar(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || byte === 0x5f;
}

/** True for any byte of a NameSeg. */
export function isNameChar(byte: number): boolean {
  return isLeadChar(byte) || (byte >= 0x30 && byte <= 0x39);
}
