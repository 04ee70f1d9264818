/**
 * NOR flash with the Intel command set, as QEMU's `virt` has it: two 16-bit chips side by side on a 32-bit bus, so that
 * commands, answers and erase blocks come in pairs. JEDEC JESD68.01, "Common Flash Memory Interface"; JEP137, command
 * set 0x0001; Intel StrataFlash (J3), "Device Commands", "Status Register".
 *
 * It reads as memory until a command makes it answer something else; programming can only clear bits, erasing sets all
 * of a block. Commands take no time: the status register says ready at once. Content survives a reset, and belongs to
 * the state.
 *
 * Not modelled: block locks (a lock command is accepted and locks nothing), suspended erases, the one-time registers;
 * an instruction fetch or a translation table walk finds the array also while data accesses find an answer.
 *
 * What a hostile guest can do, and what stops it: erase or program everything (at most the size of the flash is kept,
 * block by block); fill the write buffer with other blocks' addresses (sequence error); give commands that there are
 * none of (reported, the array is read again).
 */
import type { Access, Device, PlainData, Report } from './device.ts';

/** One erase block of both chips. */
export const FLASH_BLOCK_BYTES = 0x4_0000;
/** Bytes that one command can program from the write buffer, of both chips. */
export const FLASH_BUFFER_BYTES = 4096;
const BUS_BYTES = 4;
const CHIPS = 2;

/** Bits of the status register of one chip. */
const STATUS = { READY: 0x80, ERASE_ERROR: 0x20, PROGRAM_ERROR: 0x10 } as const;
/** Manufacturer and device code, by word. */
const IDENTIFIERS = [0x89, 0x18] as const;

/** Bytes that are kept elsewhere, because code runs from them: the beginning of the flash. */
export interface FlashStore {
  /** A multiple of {@link FLASH_BLOCK_BYTES}, or 0. */
  readonly sizeBytes: number;
  read(offset: number, sizeBytes: number): Uint8Array;
  write(offset: number, bytes: Uint8Array): void;
}

/** What the flash is connected to. */
export interface FlashHost {
  readonly store: FlashStore;
  readonly report: Report;
}

/** What data accesses find. */
type Answer = 'array' | 'status' | 'identifiers' | 'query';
/** What the next write is, when it is no command. */
type Expects = 'command' | 'word' | 'erase' | 'lock' | 'count' | 'data' | 'confirm';

interface State {
  answer: Answer;
  expects: Expects;
  status: number;
  /** Block that a write buffer is for, words of the bus that are still to come, and what came. */
  block: number;
  wordsLeft: number;
  buffer: { readonly offset: number; readonly bytes: Uint8Array }[];
}

const reset = (): State => ({
  answer: 'array',
  expects: 'command',
  status: STATUS.READY,
  block: 0,
  wordsLeft: 0,
  buffer: [],
});

/** JESD68.01, "Query structure", of one chip: words from 0x10 on. */
function queryTable(sizeBytes: number): Uint8Array {
  const table = new Uint8Array(0x40);
  const put = (at: number, ...bytes: number[]): void => table.set(bytes, at);
  const chipBytes = sizeBytes / CHIPS;
  const blocks = sizeBytes / FLASH_BLOCK_BYTES;
  const blockUnits = FLASH_BLOCK_BYTES / CHIPS / 256;
  put(0x10, ...new TextEncoder().encode('QRY'), 0x01, 0x00, 0x31, 0x00);
  // Supply voltages, and log2 of typical and longest times: bytes, buffer (us), block erase (ms).
  put(0x1b, 0x45, 0x55, 0x00, 0x00, 0x07, 0x07, 0x0a, 0x00, 0x04, 0x04, 0x04, 0x00);
  // Size, interface x8/x16, write buffer, one region of equal blocks.
  put(0x27, Math.log2(chipBytes), 0x02, 0x00, Math.log2(FLASH_BUFFER_BYTES / CHIPS), 0x00, 0x01);
  put(0x2d, (blocks - 1) & 0xff, (blocks - 1) >> 8, blockUnits & 0xff, blockUnits >> 8);
  put(0x31, ...new TextEncoder().encode('PRI10'));
  put(0x3f, 0x01);
  return table;
}

/** See the head of the file. */
export class CfiFlash implements Device {
  readonly name: string;
  readonly sizeBytes: number;
  readonly #host: FlashHost;
  readonly #query: Uint8Array;
  /** Blocks behind the store that are not erased. */
  #blocks = new Map<number, Uint8Array>();
  #state: State = reset();

  /** @param sizeBytes - of both chips: a power of two, up to 64 MiB */
  constructor(host: FlashHost, sizeBytes: number, name: string) {
    this.#host = host;
    this.sizeBytes = sizeBytes;
    this.name = name;
    this.#query = queryTable(sizeBytes);
  }

  read(offset: number, { sizeBytes }: Access): number {
    const { answer } = this.#state;
    if (answer === 'array') {
      const bytes = this.#array(offset, sizeBytes);
      return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
    }
    // Both chips answer, each in its half of the bus.
    const pair = this.#answer(answer, Math.floor(offset / BUS_BYTES)) * 0x1_0001;
    return (pair >>> (8 * (offset % BUS_BYTES))) & (2 ** (8 * sizeBytes) - 1);
  }

  write(offset: number, value: number, { sizeBytes }: Access): undefined {
    this.#take(offset, value, sizeBytes);
  }

  #take(offset: number, value: number, sizeBytes: number): void {
    const state = this.#state;
    const command = value & 0xff;
    switch (state.expects) {
      case 'command':
        return this.#command(command, offset);
      case 'word':
        this.#program(offset, bytesOf(value, sizeBytes));
        return this.#done();
      case 'erase':
        if (command === 0xd0) this.#erase(offset);
        else state.status |= STATUS.ERASE_ERROR | STATUS.PROGRAM_ERROR;
        return this.#done();
      case 'lock':
        return this.#done();
      case 'count':
        return this.#count(value & 0xffff, offset);
      case 'data':
        state.buffer.push({ offset, bytes: bytesOf(value, sizeBytes) });
        if (--state.wordsLeft === 0) state.expects = 'confirm';
        return;
      case 'confirm':
        return this.#confirm(command);
    }
  }

  /** Puts bytes there, past commands: what whoever sells the board did. */
  manufacture(offset: number, bytes: Uint8Array): void {
    this.#put(offset, bytes);
  }

  // The store belongs to whoever keeps it.
  state(): PlainData {
    const blocks = [...this.#blocks].sort(([a], [b]) => a - b).map(([block, bytes]) => [block, bytes.slice()]);
    return { ...this.#state, buffer: this.#state.buffer.map((entry) => ({ ...entry })), blocks };
  }

  load(state: PlainData): void {
    const { blocks, ...rest } = state as unknown as State & { blocks: readonly (readonly [number, Uint8Array])[] };
    this.#state = { ...rest, buffer: rest.buffer.map((entry) => ({ ...entry })) };
    this.#blocks = new Map(blocks.map(([block, bytes]) => [block, bytes.slice()]));
  }

  reset(): void {
    this.#state = reset();
  }

  // --- commands ---

  #answer(answer: Exclude<Answer, 'array'>, word: number): number {
    if (answer === 'status') return this.#state.status;
    if (answer === 'query') return this.#query[word & 0xff] ?? 0;
    return IDENTIFIERS[word & 0xff] ?? 0;
  }

  #command(command: number, offset: number): void {
    const state = this.#state;
    const expects = (what: Expects): void => {
      state.expects = what;
      state.answer = 'status';
    };
    switch (command) {
      case 0x00: // what some drivers probe with
      case 0xf0: // reset of the other command set, which drivers send to be sure
      case 0xff:
        state.answer = 'array';
        return;
      case 0x10:
      case 0x40:
        return expects('word');
      case 0x20:
        return expects('erase');
      case 0x50:
        state.status = STATUS.READY;
        return;
      case 0x60:
        return expects('lock');
      case 0x70:
        state.answer = 'status';
        return;
      case 0x90:
        state.answer = 'identifiers';
        return;
      case 0x98:
        state.answer = 'query';
        return;
      case 0xe8:
        state.block = Math.floor(offset / FLASH_BLOCK_BYTES);
        return expects('count');
      default:
        this.#host.report(`${this.name}: command 0x${command.toString(16)}: no such command; the array is read`);
        state.answer = 'array';
    }
  }

  #done(): void {
    this.#state.expects = 'command';
    this.#state.buffer = [];
  }

  /** The number of words less one; both chips get the same. */
  #count(lessOne: number, offset: number): void {
    const state = this.#state;
    if ((lessOne + 1) * BUS_BYTES > FLASH_BUFFER_BYTES || Math.floor(offset / FLASH_BLOCK_BYTES) !== state.block) {
      state.status |= STATUS.ERASE_ERROR | STATUS.PROGRAM_ERROR;
      return this.#done();
    }
    state.wordsLeft = lessOne + 1;
    state.expects = 'data';
  }

  #confirm(command: number): void {
    const { buffer, block } = this.#state;
    const inBlock = buffer.every(({ offset }) => Math.floor(offset / FLASH_BLOCK_BYTES) === block);
    if (command === 0xd0 && inBlock) for (const { offset, bytes } of buffer) this.#program(offset, bytes);
    else this.#state.status |= STATUS.ERASE_ERROR | STATUS.PROGRAM_ERROR;
    this.#done();
  }

  // --- the array ---

  #array(offset: number, sizeBytes: number): Uint8Array {
    const { store } = this.#host;
    if (offset < store.sizeBytes) return store.read(offset, sizeBytes);
    const block = this.#blocks.get(Math.floor(offset / FLASH_BLOCK_BYTES));
    const at = offset % FLASH_BLOCK_BYTES;
    return block ? block.subarray(at, at + sizeBytes) : new Uint8Array(sizeBytes).fill(0xff);
  }

  /** Bytes of one block. */
  #put(offset: number, bytes: Uint8Array): void {
    const { store } = this.#host;
    for (let done = 0; done < bytes.length; ) {
      const at = offset + done;
      const room = FLASH_BLOCK_BYTES - (at % FLASH_BLOCK_BYTES);
      const piece = bytes.subarray(done, done + room);
      done += piece.length;
      if (at < store.sizeBytes) {
        store.write(at, piece);
        continue;
      }
      const number = Math.floor(at / FLASH_BLOCK_BYTES);
      const block = this.#blocks.get(number) ?? new Uint8Array(FLASH_BLOCK_BYTES).fill(0xff);
      block.set(piece, at % FLASH_BLOCK_BYTES);
      this.#blocks.set(number, block);
    }
  }

  #program(offset: number, bytes: Uint8Array): void {
    const now = this.#array(offset, bytes.length);
    this.#put(
      offset,
      bytes.map((byte, n) => byte & now[n]!),
    );
  }

  #erase(offset: number): void {
    const block = Math.floor(offset / FLASH_BLOCK_BYTES);
    const { store } = this.#host;
    if (block * FLASH_BLOCK_BYTES >= store.sizeBytes) this.#blocks.delete(block);
    else store.write(block * FLASH_BLOCK_BYTES, new Uint8Array(FLASH_BLOCK_BYTES).fill(0xff));
  }
}

function bytesOf(value: number, sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, n) => Math.floor(value / 2 ** (8 * n)) & 0xff);
}
