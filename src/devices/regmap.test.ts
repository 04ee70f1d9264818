import { describe, expect, it } from 'vitest';
import { bitsOf, regmap } from './regmap.ts';

const MAP = regmap(
  'DEMO',
  { sizeBytes: 0x100, source: 'DDI 0000' },
  {
    CTRL: { at: 0x0, access: 'RW', fields: { EN: [0, 0], MODE: [3, 1] }, doc: 'control' },
    STAT: { at: 0x4, access: 'RO', reset: 0x5, doc: 'status' },
    CLEAR: { at: 0x8, access: 'WO', doc: 'clear' },
    LEVEL: { at: 0x10, count: 4, widths: [1, 4], access: 'RW', doc: 'levels' },
    ROUTE: { at: 0x40, count: 2, first: 32, sizeBytes: 8, access: 'RW', doc: 'routes' },
    TEST: { at: 0x80, access: 'RW', notModelled: 'integration test', doc: 'test' },
  },
);

function admit(offset: number, sizeBytes: 1 | 2 | 4, direction: 'read' | 'write') {
  const reports: string[] = [];
  const slot = MAP.admit(offset, sizeBytes, direction, (message) => reports.push(message));
  return { name: slot?.name, reports };
}

describe('regmap', () => {
  it('finds a register, an element of an array by the number of the document, and any byte of a wide register', () => {
    expect(MAP.at(0x4)).toMatchObject({ name: 'STAT', index: 0, offset: 4 });
    expect(MAP.at(0x1b)).toMatchObject({ name: 'LEVEL2', index: 2, offset: 0x18 });
    expect(MAP.at(0x4c)).toMatchObject({ name: 'ROUTE33', index: 33, offset: 0x48 });
    expect(MAP.at(0xc)).toBeUndefined();
  });

  it('admits what the row allows without a report', () => {
    expect(admit(0x0, 4, 'write')).toEqual({ name: 'CTRL', reports: [] });
    expect(admit(0x4, 4, 'read')).toEqual({ name: 'STAT', reports: [] });
    expect(admit(0x13, 1, 'read')).toEqual({ name: 'LEVEL0', reports: [] });
  });

  it('refuses and reports by name: wrong width, wrong direction, reserved, not modelled', () => {
    expect(admit(0x0, 1, 'write').reports).toEqual([
      'CTRL: 8-bit write at offset 0x0; this register takes aligned 32-bit accesses (DDI 0000)',
    ]);
    expect(admit(0x4, 4, 'write').reports[0]).toContain('STAT: 32-bit write at offset 0x4; this register is read-only');
    expect(admit(0x8, 4, 'read').reports[0]).toContain('CLEAR: 32-bit read at offset 0x8; this register is write-only');
    expect(admit(0xc, 4, 'read').reports[0]).toBe('DEMO: 32-bit read at reserved offset 0xc (DDI 0000)');
    expect(admit(0x80, 4, 'read')).toMatchObject({ name: undefined });
    expect(admit(0x80, 4, 'read').reports[0]).toContain('not modelled: integration test');
    expect(admit(0x1000, 4, 'read').reports[0]).toContain('reserved offset 0x1000');
  });

  it('refuses a map with overlapping places, a place outside the device, a crooked place, overlapping fields', () => {
    const build = (rows: Parameters<typeof regmap>[2]) => () => regmap('X', { sizeBytes: 8, source: '-' }, rows);
    expect(build({ A: { at: 0, sizeBytes: 8, access: 'RW', doc: '' }, B: { at: 4, access: 'RW', doc: '' } })).toThrow(
      'X B: overlaps A',
    );
    expect(build({ A: { at: 8, access: 'RW', doc: '' } })).toThrow('X A: lies outside the device');
    expect(build({ A: { at: 2, access: 'RW', doc: '' } })).toThrow('not a multiple of 4');
    expect(build({ A: { at: 0, access: 'RW', fields: { P: [3, 0], Q: [3, 3] }, doc: '' } })).toThrow('overlaps');
    expect(build({ A: { at: 0, access: 'RW', fields: { P: [32, 0] }, doc: '' } })).toThrow('not inside');
  });

  it('lists registers in order of offset and describes each in one row', () => {
    expect(MAP.list().map((register) => register.name)).toEqual(['CTRL', 'STAT', 'CLEAR', 'LEVEL', 'ROUTE', 'TEST']);
    expect(MAP.describe()).toContain('| 0x40..0x48 | ROUTE32..33 | RW | 32 | 0x0 | routes |');
    expect(MAP.describe()).toContain('| 0x4 | STAT | RO | 32 | 0x5 | status |');
  });

  it('cuts fields out of a value, the whole 32 bits included', () => {
    expect(bitsOf(0xf000_0001, [31, 28])).toBe(0xf);
    expect(bitsOf(0xffff_ffff, [31, 0])).toBe(0xffff_ffff);
    expect(bitsOf(0x0000_000e, MAP.registers.CTRL.fields?.MODE ?? [0, 0])).toBe(7);
  });
});
