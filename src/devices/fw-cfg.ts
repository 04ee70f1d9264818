/**
 * fw_cfg, the firmware configuration device of QEMU's boards: named pieces of data that whoever starts the machine
 * gives to firmware and kernels. QEMU docs/specs/fw_cfg, "Register Locations", "Data Register", "DMA Interface".
 *
 * Items are read-only. A selector names an item; the data register then gives its bytes one after the other, and zeros
 * after its end. With DMA the guest hands over the address of a command, which is carried out at once.
 *
 * Not modelled: writing items, which newer interfaces need for a few named files; none of them is here.
 *
 * What a hostile guest can do, and what stops it: a command or buffer outside RAM (the command's error bit where it can
 * be written, reported); lengths of 4 GiB (bounded by RAM, since the buffer has to be inside it); reading past an item
 * (zeros); accesses of other widths (external abort, as on QEMU).
 */
import type { Access, Device, PlainData, ReadResult, Report } from './device.ts';
import { regmap } from './regmap.ts';
import type { DeviceRam } from './virtio/ram.ts';

/** Registers of fw_cfg as a memory-mapped device. Selector and DMA address are big-endian. */
export const FW_CFG_REGS = regmap(
  'fw_cfg',
  { sizeBytes: 0x18, source: 'QEMU docs/specs/fw_cfg' },
  {
    Data: { at: 0x00, sizeBytes: 8, access: 'RO', widths: [1, 2, 4], doc: 'next bytes of the selected item' },
    Selector: { at: 0x08, access: 'WO', widths: [2], doc: 'which item; 16 bits, big-endian' },
    DmaHigh: { at: 0x10, access: 'RW', doc: 'address of a command, high half, big-endian; reads "QEMU"' },
    DmaLow: { at: 0x14, access: 'RW', doc: 'low half; writing it starts the command; reads " CFG"' },
  },
);

/** Selectors of the items that are not files. */
export const FW_CFG_KEY = {
  SIGNATURE: 0x0000,
  ID: 0x0001,
  RAM_SIZE: 0x0003,
  NB_CPUS: 0x0005,
  KERNEL_SIZE: 0x0008,
  INITRD_SIZE: 0x000b,
  MAX_CPUS: 0x000f,
  KERNEL_DATA: 0x0011,
  INITRD_DATA: 0x0012,
  CMDLINE_SIZE: 0x0014,
  CMDLINE_DATA: 0x0015,
  FILE_DIR: 0x0019,
  FILE_FIRST: 0x0020,
} as const;

/** Bits of `control` in a DMA command. The upper half is a selector when SELECT is set. */
export const FW_CFG_DMA = { ERROR: 1, READ: 2, SKIP: 4, SELECT: 8, WRITE: 16 } as const;

/** Most files: the selectors from FILE_FIRST to 0x3fff, and far fewer than that make sense. */
export const FW_CFG_FILES_MAX = 256;
/** Longest name of a file, without its final zero. */
export const FW_CFG_NAME_MAX = 55;

const COMMAND_BYTES = 16;
const DMA_SIGNATURE = [0x5145_4d55, 0x2043_4647] as const;
/** Zeros are written in pieces of this size. */
const PIECE_BYTES = 65_536;

/** What fw_cfg says. */
export interface FwCfgContents {
  readonly cpus: number;
  readonly ramBytes: number;
  /** Files by name, e.g. `opt/org.example/answer`; in the directory in the order of their names. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  /** What a boot loader is to start; the command line with its final zero. */
  readonly forBootLoader?: {
    readonly kernel?: Uint8Array | undefined;
    readonly initrd?: Uint8Array | undefined;
    readonly cmdline?: Uint8Array | undefined;
  };
}

/** What fw_cfg is connected to. */
export interface FwCfgHost {
  readonly ram: DeviceRam;
  readonly report: Report;
}

function bigEndian(value: number, sizeBytes: number): number[] {
  return Array.from({ length: sizeBytes }, (_, n) => Math.floor(value / 2 ** (8 * (sizeBytes - 1 - n))) & 0xff);
}
function littleEndian(value: number, sizeBytes: number): Uint8Array {
  return Uint8Array.from(bigEndian(value, sizeBytes).reverse());
}
const swap32 = (value: number): number => new DataView(Uint8Array.from(bigEndian(value, 4)).buffer).getUint32(0, true);

/** Size and content of what a boot loader is to start; what is not there has no items, and reads zero. */
function bootItems({ kernel, initrd, cmdline }: NonNullable<FwCfgContents['forBootLoader']>): [number, Uint8Array][] {
  const pair = (sizeKey: number, dataKey: number, bytes: Uint8Array | undefined): [number, Uint8Array][] => {
    if (!bytes) return [];
    return [
      [sizeKey, littleEndian(bytes.length, 4)],
      [dataKey, bytes],
    ];
  };
  return [
    ...pair(FW_CFG_KEY.KERNEL_SIZE, FW_CFG_KEY.KERNEL_DATA, kernel),
    ...pair(FW_CFG_KEY.INITRD_SIZE, FW_CFG_KEY.INITRD_DATA, initrd),
    ...pair(FW_CFG_KEY.CMDLINE_SIZE, FW_CFG_KEY.CMDLINE_DATA, cmdline),
  ];
}

function items({ cpus, ramBytes, files = {}, forBootLoader = {} }: FwCfgContents): Map<number, Uint8Array> {
  const names = Object.keys(files).sort();
  if (names.length > FW_CFG_FILES_MAX) throw new Error(`assertion: ${names.length} files; the machine checks this`);
  const directory = names.flatMap((name, n) => {
    const padded = Array.from({ length: FW_CFG_NAME_MAX + 1 }, (_, at) => name.charCodeAt(at) & 0x7f);
    const key = FW_CFG_KEY.FILE_FIRST + n;
    return [...bigEndian(files[name]!.length, 4), ...bigEndian(key, 2), 0, 0, ...padded];
  });
  return new Map<number, Uint8Array>([
    [FW_CFG_KEY.SIGNATURE, new TextEncoder().encode('QEMU')],
    // Bit 0: the traditional interface, bit 1: DMA.
    [FW_CFG_KEY.ID, littleEndian(3, 4)],
    [FW_CFG_KEY.RAM_SIZE, littleEndian(ramBytes, 8)],
    [FW_CFG_KEY.NB_CPUS, littleEndian(cpus, 2)],
    [FW_CFG_KEY.MAX_CPUS, littleEndian(cpus, 2)],
    ...bootItems(forBootLoader),
    [FW_CFG_KEY.FILE_DIR, Uint8Array.from([...bigEndian(names.length, 4), ...directory])],
    ...names.map((name, n) => [FW_CFG_KEY.FILE_FIRST + n, files[name]!] as const),
  ]);
}

interface State {
  selected: number;
  offset: number;
  /** What was written to DmaHigh. */
  dmaHigh: number;
}

/** See the head of the file. */
export class FwCfg implements Device {
  readonly name: string;
  readonly sizeBytes = FW_CFG_REGS.sizeBytes;
  readonly #host: FwCfgHost;
  readonly #items: ReadonlyMap<number, Uint8Array>;
  #state: State = { selected: 0, offset: 0, dmaHigh: 0 };

  constructor(host: FwCfgHost, contents: FwCfgContents, name = 'fw-cfg') {
    this.#host = host;
    this.#items = items(contents);
    this.name = name;
  }

  read(offset: number, access: Access): ReadResult {
    const slot = FW_CFG_REGS.admit(offset, access.sizeBytes, 'read', this.#host.report);
    if (slot === undefined) return 'abort';
    switch (slot.register.name) {
      case 'DmaHigh':
        return swap32(DMA_SIGNATURE[0]);
      case 'DmaLow':
        return swap32(DMA_SIGNATURE[1]);
      default:
        return this.#readData(access);
    }
  }

  write(offset: number, value: number, access: Access): undefined | 'abort' {
    const slot = FW_CFG_REGS.admit(offset, access.sizeBytes, 'write', this.#host.report);
    if (slot === undefined) return 'abort';
    switch (slot.register.name) {
      case 'Selector':
        this.#select(((value & 0xff) << 8) | (value >>> 8));
        return;
      case 'DmaHigh':
        this.#state.dmaHigh = swap32(value);
        return;
      default:
        this.#command(this.#state.dmaHigh * 2 ** 32 + swap32(value));
        this.#state.dmaHigh = 0;
    }
  }

  /** The bytes keep their order in the guest's registers and memory, whatever the width. */
  #readData(access: Access): number {
    const state = this.#state;
    const bytes = this.#bytes(access.sizeBytes);
    // A debugger must not change what the guest will read.
    if (access.pe >= 0) state.offset += access.sizeBytes;
    return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
  }

  #select(key: number): void {
    this.#state.selected = key;
    this.#state.offset = 0;
    if (!this.#items.has(key)) this.#host.report(`fw_cfg: selector 0x${key.toString(16)}: no such item; it reads zero`);
  }

  /** The next bytes of the item, zeros after its end. */
  #bytes(sizeBytes: number): Uint8Array {
    const { selected, offset } = this.#state;
    const out = new Uint8Array(sizeBytes);
    out.set((this.#items.get(selected) ?? new Uint8Array(0)).subarray(offset, offset + sizeBytes));
    return out;
  }

  /** "DMA Interface": control, length, address, all big-endian; control becomes 0 or ERROR when it is done. */
  #command(addrPa: number): void {
    const { ram, report } = this.#host;
    if (!ram.contains(addrPa, COMMAND_BYTES)) {
      report(`fw_cfg: DMA command at 0x${addrPa.toString(16)} is not in RAM`);
      return;
    }
    const command = ram.read(addrPa, COMMAND_BYTES);
    const view = new DataView(command.buffer, command.byteOffset, COMMAND_BYTES);
    const control = view.getUint32(0);
    const length = view.getUint32(4);
    const buffer = view.getUint32(8) * 2 ** 32 + view.getUint32(12);
    if (control & FW_CFG_DMA.SELECT) this.#select(control >>> 16);
    const error = this.#transfer(control, length, buffer);
    if (error !== undefined) report(`fw_cfg: DMA command 0x${control.toString(16)}: ${error}`);
    ram.write(addrPa, Uint8Array.of(0, 0, 0, error === undefined ? 0 : FW_CFG_DMA.ERROR));
  }

  /** Returns why it failed. */
  #transfer(control: number, length: number, buffer: number): string | undefined {
    const { ram } = this.#host;
    if (control & FW_CFG_DMA.READ) {
      if (!ram.contains(buffer, length)) return `${length} bytes at 0x${buffer.toString(16)} are not in RAM`;
      for (let done = 0; done < length; done += PIECE_BYTES) {
        const size = Math.min(PIECE_BYTES, length - done);
        ram.write(buffer + done, this.#bytes(size));
        this.#state.offset += size;
      }
      return undefined;
    }
    if (control & FW_CFG_DMA.WRITE) return 'items are read-only';
    if (control & FW_CFG_DMA.SKIP) this.#state.offset += length;
    return undefined;
  }

  state(): PlainData {
    return { ...this.#state };
  }
  load(state: PlainData): void {
    this.#state = { ...(state as unknown as State) };
  }
  reset(): void {
    this.#state = { selected: 0, offset: 0, dmaHigh: 0 };
  }
}
