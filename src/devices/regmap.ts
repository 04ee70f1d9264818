import type { Report } from './device.ts';

/** What software may do with a register: read only, write only, or both. */
export type RegisterAccess = 'RO' | 'WO' | 'RW';

/** Widths of one register access in bytes. A bus access of 8 bytes arrives as two of 4, lower half first. */
export type AccessBytes = 1 | 2 | 4;

/** One row of a register map. */
export interface RegisterSpec {
  /** Offset of the register, or of element `first` of an array, from the base of the device; a multiple of 4. */
  readonly at: number;
  /** Number of elements of an array of registers; absent for a single register. */
  readonly count?: number;
  /** Number of the first element, as the document counts; default 0. */
  readonly first?: number;
  /** Distance between elements in bytes, default the size of the register; a multiple of 4. */
  readonly strideBytes?: number;
  /** Size of one register in bytes, default 4. */
  readonly sizeBytes?: 4 | 8;
  readonly access: RegisterAccess;
  /** Widths this register takes; default those of the map. */
  readonly widths?: readonly AccessBytes[];
  /** Value after reset, default 0. */
  readonly reset?: number;
  /** Named fields: [most significant bit, least significant bit]. */
  readonly fields?: Readonly<Record<string, readonly [number, number]>>;
  /** Why an access has no effect here; such a register reads as zero, ignores writes, and the access is reported. */
  readonly notModelled?: string;
  /** One line for the reference page. */
  readonly doc: string;
}

/** A row of the map under its name. */
export interface Register<Name extends string = string> extends RegisterSpec {
  readonly name: Name;
  readonly sizeBytes: 4 | 8;
  readonly widths: readonly AccessBytes[];
  readonly reset: number;
  /** The row gives the reset value; a read-only register without one shows something that the device works out. */
  readonly resetGiven: boolean;
}

/** A register, or one element of an array, at its place. One object per place for the life of the map. */
export interface Slot<Name extends string = string> {
  readonly register: Register<Name>;
  /** Element number as the document counts; 0 for a single register. */
  readonly index: number;
  /** Offset of the element from the base of the device. */
  readonly offset: number;
  /** Name with the element number, e.g. `GICD_ISENABLER3`. */
  readonly name: string;
}

/** What the map as a whole says. */
export interface RegmapOptions {
  /** Bytes the device answers for; a multiple of 4. */
  readonly sizeBytes: number;
  /** Document the map transcribes, for messages and the reference page, e.g. `IHI 0069`. */
  readonly source: string;
  /** Widths of registers that do not name their own; default 4 bytes only. */
  readonly widths?: readonly AccessBytes[];
}

/** A checked register map; see {@link regmap}. */
export interface Regmap<Name extends string> {
  readonly title: string;
  readonly sizeBytes: number;
  readonly source: string;
  readonly registers: Readonly<Record<Name, Register<Name>>>;
  /** The register at `offset`, counting any byte inside it, or undefined where nothing is defined. */
  at(offset: number): Slot<Name> | undefined;
  /**
   * The register an access reaches, or undefined when the map does not allow the access: reserved offset, wrong
   * width, read of a write-only or write of a read-only register, register that is not modelled. What was not
   * allowed goes to `report` under the register's own name; the caller then reads zero or ignores the write.
   */
  admit(offset: number, sizeBytes: AccessBytes, direction: 'read' | 'write', report: Report): Slot<Name> | undefined;
  /** All registers in order of offset, arrays as one row. */
  list(): readonly Register<Name>[];
  /** The reference page as a Markdown table. */
  describe(): string;
}

/**
 * Builds a register map from rows and checks it: places are aligned, inside the device and do not overlap, fields
 * lie inside their register and do not overlap.
 *
 * @param title - what the map describes, e.g. `PL031`
 * @param rows - registers under Arm's names; of an array the name without its number
 * @throws Error when a row is wrong, which is our own mistake
 * @example
 * const REGS = regmap('PL031', { sizeBytes: 0x1000, source: 'DDI 0224' }, {
 *   RTCDR: { at: 0x000, access: 'RO', doc: 'data, seconds' },
 * });
 * REGS.admit(0, 4, 'read', report)?.register.name // 'RTCDR'
 */
export function regmap<const Name extends string>(
  title: string,
  options: RegmapOptions,
  rows: Readonly<Record<Name, RegisterSpec>>,
): Regmap<Name> {
  const registers = {} as Record<Name, Register<Name>>;
  const slots: (Slot<Name> | undefined)[] = new Array(options.sizeBytes >> 2).fill(undefined);
  for (const name of Object.keys(rows) as Name[]) {
    const row: RegisterSpec = rows[name];
    const register: Register<Name> = {
      ...row,
      name,
      sizeBytes: row.sizeBytes ?? 4,
      widths: row.widths ?? options.widths ?? [4],
      reset: row.reset ?? 0,
      resetGiven: row.reset !== undefined,
    };
    checkFields(title, register);
    registers[name] = register;
    place(title, register, slots);
  }
  return new RegisterMap(title, options, registers, slots);
}

function checkFields(title: string, register: Register): void {
  let used = 0n;
  for (const [field, [msb, lsb]] of Object.entries(register.fields ?? {})) {
    const where = `${title} ${register.name}.${field} [${msb}:${lsb}]`;
    if (lsb < 0 || msb < lsb || msb >= register.sizeBytes * 8) throw new Error(`${where}: not inside the register`);
    const mask = ((1n << BigInt(msb - lsb + 1)) - 1n) << BigInt(lsb);
    if ((used & mask) !== 0n) throw new Error(`${where}: overlaps another field`);
    used |= mask;
  }
}

function place<Name extends string>(title: string, register: Register<Name>, slots: (Slot<Name> | undefined)[]): void {
  const stride = register.strideBytes ?? register.sizeBytes;
  for (let element = 0; element < (register.count ?? 1); element++) {
    const offset = register.at + element * stride;
    const index = element + (register.first ?? 0);
    const name = register.count === undefined ? register.name : `${register.name}${index}`;
    if (offset % 4 !== 0 || stride % 4 !== 0) throw new Error(`${title} ${name}: offset is not a multiple of 4`);
    const slot = { register, index, offset, name };
    for (let word = offset >> 2; word < (offset + register.sizeBytes) >> 2; word++) {
      if (word < 0 || word >= slots.length) throw new Error(`${title} ${name}: lies outside the device`);
      const taken = slots[word];
      if (taken !== undefined) throw new Error(`${title} ${name}: overlaps ${taken.name}`);
      slots[word] = slot;
    }
  }
}

const hex = (value: number) => `0x${value.toString(16)}`;

class RegisterMap<Name extends string> implements Regmap<Name> {
  readonly title: string;
  readonly sizeBytes: number;
  readonly source: string;
  readonly registers: Readonly<Record<Name, Register<Name>>>;
  readonly #slots: readonly (Slot<Name> | undefined)[];

  constructor(
    title: string,
    options: RegmapOptions,
    registers: Record<Name, Register<Name>>,
    slots: (Slot<Name> | undefined)[],
  ) {
    this.title = title;
    this.sizeBytes = options.sizeBytes;
    this.source = options.source;
    this.registers = registers;
    this.#slots = slots;
  }

  at(offset: number): Slot<Name> | undefined {
    return this.#slots[offset >> 2];
  }

  admit(offset: number, sizeBytes: AccessBytes, direction: 'read' | 'write', report: Report): Slot<Name> | undefined {
    const slot = this.#slots[offset >> 2];
    if (slot === undefined) {
      report(`${this.title}: ${sizeBytes * 8}-bit ${direction} at reserved offset ${hex(offset)} (${this.source})`);
      return undefined;
    }
    const { register } = slot;
    const widthOk = register.widths.includes(sizeBytes) && offset % sizeBytes === 0;
    const wayOk = register.access === 'RW' || register.access === (direction === 'read' ? 'RO' : 'WO');
    if (widthOk && wayOk && register.notModelled === undefined) return slot;
    report(this.#refusal(slot, offset, sizeBytes, direction, widthOk, wayOk));
    return undefined;
  }

  #refusal(
    slot: Slot<Name>,
    offset: number,
    sizeBytes: AccessBytes,
    direction: string,
    widthOk: boolean,
    wayOk: boolean,
  ): string {
    const { register } = slot;
    const widths = register.widths.map((bytes) => `${bytes * 8}-bit`).join(' and ');
    const only = register.access === 'RO' ? 'read-only' : 'write-only';
    let why = `not modelled: ${register.notModelled}`;
    if (!widthOk) why = `this register takes aligned ${widths} accesses`;
    else if (!wayOk) why = `this register is ${only}`;
    return `${slot.name}: ${sizeBytes * 8}-bit ${direction} at offset ${hex(offset)}; ${why} (${this.source})`;
  }

  list(): readonly Register<Name>[] {
    return Object.values<Register<Name>>(this.registers).sort((a, b) => a.at - b.at);
  }

  describe(): string {
    const rows = this.list().map((register) => {
      const { name, access, doc, notModelled } = register;
      const first = register.first ?? 0;
      const last = register.at + ((register.count ?? 1) - 1) * (register.strideBytes ?? register.sizeBytes);
      const place = register.count === undefined ? hex(register.at) : `${hex(register.at)}..${hex(last)}`;
      const shown = register.count === undefined ? name : `${name}${first}..${first + register.count - 1}`;
      const widths = register.widths.map((bytes) => bytes * 8).join(', ');
      const text = notModelled === undefined ? doc : `${doc} (not modelled: ${notModelled})`;
      return `| ${place} | ${shown} | ${access} | ${widths} | ${hex(register.reset)} | ${text} |`;
    });
    const head = ['| offset | register | access | widths | reset | |', '|---|---|---|---|---|---|'];
    return [`${this.title} (${this.source})`, '', ...head, ...rows, ''].join('\n');
  }
}

/**
 * The bits [msb:lsb] of a 32-bit value, as an unsigned number.
 *
 * @param value - 0..2^32-1
 */
export function bitsOf(value: number, [msb, lsb]: readonly [number, number]): number {
  return ((value >>> lsb) & (0xffff_ffff >>> (31 - (msb - lsb)))) >>> 0;
}
