/** Generic Address Structure. Source: ACPI 6.5, "Generic Address Structure". */
import { type Field, u8, u64, zero } from './fields.ts';
import type { Reader } from './reader.ts';
import { type Input, nested, struct, type Value } from './struct.ts';

/** Numbers of address spaces. */
export const GAS_SPACES = {
  0: 'system memory',
  1: 'system I/O',
  2: 'PCI configuration',
  3: 'embedded controller',
  4: 'SMBus',
  5: 'CMOS',
  6: 'PCI BAR',
  7: 'IPMI',
  8: 'GPIO',
  9: 'generic serial bus',
  10: 'platform communications channel',
  11: 'platform runtime mechanism',
  127: 'fixed hardware',
} as const;

const ACCESS_SIZES = { 0: 'undefined', 1: 'byte', 2: 'word', 3: 'dword', 4: 'qword' } as const;

/** Fields of a Generic Address Structure. */
export const GAS = struct(
  'Generic Address Structure',
  'ACPI 6.5, "Generic Address Structure"',
  { full: 12 },
  {
    spaceId: zero(u8('address space', { names: GAS_SPACES })),
    bitWidth: zero(u8('size of the register in bits')),
    bitOffset: zero(u8('offset of the register in bits from the address')),
    accessSize: zero(u8('width of an access', { names: ACCESS_SIZES })),
    address: zero(u64('address in its space')),
  },
);

/** A register by address space, address and width. */
export type Gas = Value<typeof GAS>;
/** A register as encoders take it; what is not given is 0. */
export type GasInput = Input<typeof GAS>;

function gasText(gas: Gas): string {
  const { spaceId, bitWidth, bitOffset, accessSize, address } = gas;
  if (address === 0n && bitWidth === 0 && spaceId === 0) return 'none';
  const space = (GAS_SPACES as Readonly<Record<number, string>>)[spaceId] ?? `space ${spaceId}`;
  const access = (ACCESS_SIZES as Readonly<Record<number, string>>)[accessSize] ?? `${accessSize}`;
  return `${space} 0x${address.toString(16)}, ${bitWidth} bits from bit ${bitOffset}, access ${access}`;
}

/** A field that holds a Generic Address Structure. */
export const gas = (doc: string): Field<GasInput, 'required'> => nested(GAS, doc, gasText);

/** A register in system memory of 1, 2, 4 or 8 bytes, accessed as a whole. */
export const memoryRegister = (addressPa: bigint, sizeBytes: 1 | 2 | 4 | 8): Gas => ({
  spaceId: 0,
  bitWidth: 8 * sizeBytes,
  bitOffset: 0,
  accessSize: 1 + Math.log2(sizeBytes),
  address: addressPa,
});

/**
 * Reports what makes a register unusable for the error interfaces (ACPI 6.5, "ACPI Platform Error Interfaces"): no
 * address, an access size that is none, a register beyond its access, another space than memory or I/O. An access
 * narrower than an aligned register of 32 or 64 bits is taken to be as wide as the register.
 *
 * @param at - offset of the structure
 */
export function checkErrorRegister(reader: Reader, at: number, input: GasInput): void {
  const { spaceId = 0, bitWidth = 0, bitOffset = 0, accessSize = 0, address = 0n } = input;
  if (address === 0n) reader.find(at + 4, 'register address', '0', 'an address');
  if (accessSize < 1 || accessSize > 4) {
    reader.find(at + 3, 'register access size', `${accessSize}`, '1 to 4');
  } else {
    let accessBits = 8 << (accessSize - 1);
    const isWhole = (bitWidth === 32 || bitWidth === 64) && bitOffset === 0;
    if (isWhole && address % BigInt(bitWidth >> 3) === 0n && accessBits < bitWidth) accessBits = bitWidth;
    if (bitWidth + bitOffset > accessBits) {
      reader.find(at + 1, 'register width and offset', `${bitWidth} + ${bitOffset}`, `at most ${accessBits} bits`);
    }
  }
  if (spaceId > 1) reader.find(at, 'register address space', `${spaceId}`, '0 (system memory) or 1 (system I/O)');
}
