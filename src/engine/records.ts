import { PE_STRIDE_BYTES } from '../arch/pestate.ts';

/**
 * How the machine's one WebAssembly memory is divided, and the layout of decoded code.
 *
 * Every 4 KiB page of guest code that runs has a page of records: 1024 records of 16 bytes and one more that stands for
 * the end of the page. A record: handler (u16), unused (u16), four register numbers (u8), immediates (8 bytes).
 */

/** Bytes of one record. */
export const RECORD_BYTES = 16;
/** Where the register numbers lie in a record. */
export const RECORD_REGS = 4;
/** Where the immediates lie in a record. */
export const RECORD_IMM = 8;
/** Distance between pages of records; a power of two, so that a record's address names its page. */
export const RECORD_PAGE_BYTES = 0x8000;
/** Bytes of a page of records that stand for instructions. */
export const RECORD_PAGE_USED = 0x4000;
/** Most pages of decoded code kept; when they are used up all are dropped (128 MiB of address space). */
export const RECORD_PAGES_MAX = 4096;
/** Most processing elements. */
export const PES_MAX = 8;
/** Scratch for hashing and transfers. */
export const SCRATCH_BASE = PE_STRIDE_BYTES * PES_MAX;
/** First page of records. */
export const RECORDS_BASE = 0x0100_0000;
/** Where guest RAM starts in the memory. */
export const RAM_BASE = 0x1000_0000;
/** Most guest RAM: 3 GiB. */
export const RAM_BYTES_MAX = 0xc000_0000;
/** Handler number of a record that is not decoded yet. */
export const HANDLER_UNDECODED = 0;
/** Handler number of the record behind the last instruction of a page. */
export const HANDLER_PAGE_END = 1;
/** Most shapes (handlers) of all instructions together. */
export const HANDLERS_MAX = 16384;
/** Handler numbers from here on are compiled regions. */
export const REGION_FIRST: number = HANDLERS_MAX;
/** Most compiled regions at a time; when they are used up all are dropped. */
export const REGIONS_MAX = 16384;
/** Where a record counts how often control came to it by a branch; of a region's head: the handler it replaced. */
export const RECORD_COUNT = 2;
/** Arrivals after which an instruction may become the head of a compiled region; a power of two. */
export const HOT_COUNT = 4096;
