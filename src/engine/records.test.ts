import { describe, expect, it } from 'vitest';
import { PE_STRIDE_BYTES } from '../arch/pestate.ts';
import {
  HANDLERS_MAX,
  PES_MAX,
  RAM_BASE,
  RAM_BYTES_MAX,
  RECORD_BYTES,
  RECORD_COUNT,
  RECORD_IMM,
  RECORD_PAGE_BYTES,
  RECORD_PAGE_USED,
  RECORD_PAGES_MAX,
  RECORD_REGS,
  RECORDS_BASE,
  REGION_FIRST,
  REGIONS_MAX,
  SCRATCH_BASE,
} from './records.ts';

describe('the division of the memory', () => {
  it('PE blocks, scratch, records and RAM follow one another without overlap and end below 4 GiB', () => {
    expect(SCRATCH_BASE).toBeGreaterThanOrEqual(PES_MAX * PE_STRIDE_BYTES);
    expect(RECORDS_BASE).toBeGreaterThan(SCRATCH_BASE);
    expect(RAM_BASE).toBeGreaterThanOrEqual(RECORDS_BASE + RECORD_PAGES_MAX * RECORD_PAGE_BYTES);
    expect(RAM_BASE + RAM_BYTES_MAX).toBeLessThanOrEqual(2 ** 32);
  });

  it('RAM begins at a multiple of a page, and a page of records at a multiple of its size', () => {
    expect(RAM_BASE % 4096).toBe(0);
    expect(Math.log2(RECORD_PAGE_BYTES) % 1).toBe(0);
    expect(RECORDS_BASE % RECORD_PAGE_BYTES).toBe(0);
  });
});

describe('a record', () => {
  it('stands for each of the 1,024 instructions of a page, and one more for the end', () => {
    expect(RECORD_PAGE_USED).toBe(1024 * RECORD_BYTES);
    expect(RECORD_PAGE_BYTES).toBeGreaterThanOrEqual(RECORD_PAGE_USED + RECORD_BYTES);
  });

  it('holds a handler and a count of two bytes each, four registers and eight bytes of immediates', () => {
    expect([RECORD_COUNT, RECORD_REGS, RECORD_IMM, RECORD_BYTES]).toEqual([2, 4, 8, 16]);
  });

  it('has room for the number of every handler and every region', () => {
    expect(REGION_FIRST).toBe(HANDLERS_MAX);
    expect(REGION_FIRST + REGIONS_MAX).toBeLessThanOrEqual(2 ** 16);
  });
});
