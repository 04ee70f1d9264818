/**
 * Registers that firmware saved with an ARM processor error.
 *
 * Source: UEFI Specification, appendix N.2.4.4.2, "ARM Processor Context Information", and the tables of registers
 * after it.
 */
import type { TreeNode } from '../../tree-node.ts';
import { CperError } from '../error.ts';
import { hex, named } from '../layout.ts';

const numbered = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

const words = (text: string): string[] => text.split(/\s+/);

/** One type of register context: its registers in order, each of the same size. */
export interface ArmContextType {
  readonly name: string;
  readonly registerSizeBytes: number;
  readonly registers: readonly string[];
}

/** Number of the context type that holds one system register and says which. */
export const ARM_CONTEXT_SYSTEM_REGISTER = 8;

/** Register context types by number. */
export const ARM_CONTEXT_TYPES: readonly ArmContextType[] = [
  {
    name: 'AArch32 general purpose registers',
    registerSizeBytes: 4,
    registers: [...numbered('R', 13), 'SP', 'LR', 'PC'],
  },
  {
    name: 'AArch32 EL1 context registers',
    registerSizeBytes: 4,
    registers: words(
      'DFAR DFSR IFAR ISR MAIR0 MAIR1 MIDR MPIDR NMRR PRRR SCTLR SPSR SPSR_abt SPSR_fiq SPSR_irq SPSR_svc SPSR_und ' +
        'TPIDRPRW TPIDRURO TPIDRURW TTBCR TTBR0 TTBR1 DACR',
    ),
  },
  {
    name: 'AArch32 EL2 context registers',
    registerSizeBytes: 4,
    registers: words(
      'ELR_hyp HAMAIR0 HAMAIR1 HCR HCR2 HDFAR HIFAR HPFAR HSR HTCR HTPIDR HTTBR SPSR_hyp VTCR VTTBR DACR32_EL2',
    ),
  },
  { name: 'AArch32 secure context registers', registerSizeBytes: 4, registers: ['SCTLR', 'SPSR_mon'] },
  { name: 'AArch64 general purpose registers', registerSizeBytes: 8, registers: [...numbered('X', 31), 'SP'] },
  {
    name: 'AArch64 EL1 context registers',
    registerSizeBytes: 8,
    registers: words(
      'ELR_EL1 ESR_EL1 FAR_EL1 ISR_EL1 MAIR_EL1 MIDR_EL1 MPIDR_EL1 SCTLR_EL1 SP_EL0 SP_EL1 SPSR_EL1 TCR_EL1 ' +
        'TPIDR_EL0 TPIDR_EL1 TPIDRRO_EL0 TTBR0_EL1 TTBR1_EL1',
    ),
  },
  {
    name: 'AArch64 EL2 context registers',
    registerSizeBytes: 8,
    registers: words(
      'ELR_EL2 ESR_EL2 FAR_EL2 HACR_EL2 HCR_EL2 HPFAR_EL2 MAIR_EL2 SCTLR_EL2 SP_EL2 SPSR_EL2 TCR_EL2 TPIDR_EL2 ' +
        'TTBR0_EL2 VTCR_EL2 VTTBR_EL2',
    ),
  },
  {
    name: 'AArch64 EL3 context registers',
    registerSizeBytes: 8,
    registers: words('ELR_EL3 ESR_EL3 FAR_EL3 MAIR_EL3 SCTLR_EL3 SP_EL3 SPSR_EL3 TCR_EL3 TPIDR_EL3 TTBR0_EL3'),
  },
  { name: 'system register', registerSizeBytes: 10, registers: [] },
];

/** Names of the context types by number. */
export const ARM_CONTEXT_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  ARM_CONTEXT_TYPES.map(({ name }, type) => [type, name]),
);

/** A context type for printing. */
export const showArmContextType = named(ARM_CONTEXT_NAMES);

/** A context information structure: what it says of itself, and its register array as bytes. */
export interface ArmContext {
  readonly version: number;
  readonly registerContextType: number;
  /** Bytes of the register array; read them with {@link armContextRegisters}. */
  readonly registers: Uint8Array;
}

/** Bytes of an array of this type when all its registers are there; undefined for a type that is not defined. */
export function armContextSizeBytes(type: number): number | undefined {
  const known = ARM_CONTEXT_TYPES[type];
  if (known === undefined) return undefined;
  return type === ARM_CONTEXT_SYSTEM_REGISTER ? 10 : known.registerSizeBytes * known.registers.length;
}

/** Bytes of which the size of an array of this defined type is a multiple. */
export function armContextUnitBytes(type: number): number {
  return type === ARM_CONTEXT_SYSTEM_REGISTER ? 2 : ARM_CONTEXT_TYPES[type].registerSizeBytes;
}

/** A register of a context with its value. */
export interface ArmContextRegister {
  readonly name: string;
  readonly value: bigint;
  readonly sizeBytes: number;
}

function unsigned(bytes: Uint8Array, at: number, sizeBytes: number): bigint {
  let value = 0n;
  for (let i = sizeBytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]);
  return value;
}

/** `S3_0_C12_C0_0`: a system register as assemblers write one that has no name. DDI 0487, "MRS". */
function systemRegisterName(id: number): string {
  const field = (low: number, bits: number): number => (id >> low) & ((1 << bits) - 1);
  return `S${2 + field(14, 1)}_${field(11, 3)}_C${field(7, 4)}_C${field(3, 4)}_${field(0, 3)}`;
}

/** The registers of a context that are there whole, in order; none for a type that is not defined. */
export function armContextRegisters({ registerContextType, registers }: ArmContext): ArmContextRegister[] {
  if (registerContextType === ARM_CONTEXT_SYSTEM_REGISTER) {
    if (registers.length < 10) return [];
    const name = systemRegisterName(Number(unsigned(registers, 0, 2)));
    return [{ name, value: unsigned(registers, 2, 8), sizeBytes: 8 }];
  }
  const type = ARM_CONTEXT_TYPES[registerContextType];
  if (type === undefined) return [];
  const { registerSizeBytes: sizeBytes } = type;
  return type.registers
    .slice(0, Math.floor(registers.length / sizeBytes))
    .map((name, n) => ({ name, value: unsigned(registers, n * sizeBytes, sizeBytes), sizeBytes }));
}

/**
 * Makes a context from register values by name; registers that are not named are zero.
 *
 * @throws CperError `E_CPER_REGISTER` for a type or a register that is not defined
 */
export function armContext(type: number, values: Readonly<Record<string, bigint>>): ArmContext {
  const known = ARM_CONTEXT_TYPES[type];
  if (known === undefined || type === ARM_CONTEXT_SYSTEM_REGISTER) {
    throw new CperError('E_CPER_REGISTER', `context type ${type} has no registers by name; types 0 to 7 have.`);
  }
  const { registerSizeBytes: sizeBytes } = known;
  const registers = new Uint8Array(sizeBytes * known.registers.length);
  for (const [name, value] of Object.entries(values)) {
    const place = known.registers.indexOf(name);
    if (place < 0) {
      const all = known.registers.join(' ');
      throw new CperError('E_CPER_REGISTER', `${known.name} hold no '${name}'. They are: ${all}.`);
    }
    for (let i = 0; i < sizeBytes; i++) registers[place * sizeBytes + i] = Number((value >> BigInt(i * 8)) & 0xffn);
  }
  return { version: 0, registerContextType: type, registers };
}

/** A context for printing; `at` is where its structure begins. */
export function describeArmContext(context: ArmContext, at: number): TreeNode[] {
  const arrayAt = at + 8;
  const first = context.registerContextType === ARM_CONTEXT_SYSTEM_REGISTER ? 2 : 0;
  let offset = arrayAt + first;
  const children: TreeNode[] = armContextRegisters(context).map(({ name, value, sizeBytes }) => {
    const node = { name, value: hex(value, sizeBytes), offset, sizeBytes };
    offset += sizeBytes;
    return node;
  });
  const { registers } = context;
  const array: TreeNode = {
    name: 'Register Array',
    value: `${registers.length} bytes`,
    offset: arrayAt,
    sizeBytes: registers.length,
  };
  if (children.length > 0) array.children = children;
  const { version, registerContextType } = context;
  return [
    { name: 'Version', value: String(version), offset: at, sizeBytes: 2 },
    { name: 'Register Context Type', value: showArmContextType(registerContextType), offset: at + 2, sizeBytes: 2 },
    array,
  ];
}
