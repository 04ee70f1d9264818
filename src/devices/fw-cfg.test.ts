import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FW_CFG_DMA, FW_CFG_KEY, FwCfg } from './fw-cfg.ts';

const RAM_PA = 0x4000_0000;
const bytes = (text: string) => new TextEncoder().encode(text);
const swap16 = (value: number) => ((value & 0xff) << 8) | (value >> 8);
const swap32 = (value: number) => Buffer.from(new Uint32Array([value]).buffer).readUInt32BE(0);

function fwCfg(files: Record<string, Uint8Array> = { 'opt/b': bytes('bee'), 'opt/a': bytes('ay') }) {
  const memory = Buffer.alloc(0x1_0000);
  const reports: string[] = [];
  const device = new FwCfg(
    {
      ram: {
        contains: (pa, size) => pa >= RAM_PA && pa + size <= RAM_PA + memory.length,
        read: (pa, size) => new Uint8Array(memory.subarray(pa - RAM_PA, pa - RAM_PA + size)),
        write: (pa, content) => memory.set(content, pa - RAM_PA),
      },
      report: (message) => reports.push(message),
    },
    { cpus: 2, ramBytes: 0x2000_0000, files },
  );
  const access = (sizeBytes: 1 | 2 | 4, pe = 0) => ({ sizeBytes, nonSecure: true, pe });
  const select = (key: number) => device.write(8, swap16(key), access(2));
  const data = (count: number) => Uint8Array.from({ length: count }, () => Number(device.read(0, access(1))));
  /** Puts a command at RAM + `at`, starts it, returns what control became. */
  const dma = (control: number, length: number, addrPa: number, at = 0x100) => {
    memory.writeUInt32BE(control >>> 0, at);
    memory.writeUInt32BE(length, at + 4);
    memory.writeBigUInt64BE(BigInt(addrPa), at + 8);
    device.write(0x10, 0, access(4));
    device.write(0x14, swap32(RAM_PA + at), access(4));
    return memory.readUInt32BE(at);
  };
  return { device, memory, reports, access, select, data, dma };
}

describe('fw_cfg (QEMU docs/specs/fw_cfg)', () => {
  it('selector and data register give an item byte for byte, then zeros', () => {
    const { select, data } = fwCfg();
    select(FW_CFG_KEY.SIGNATURE);
    expect(data(6)).toEqual(Uint8Array.from([...bytes('QEMU'), 0, 0]));
    select(FW_CFG_KEY.NB_CPUS);
    expect(data(2)).toEqual(Uint8Array.of(2, 0));
  });

  it('wider reads keep the order of the bytes', () => {
    const { device, select, access } = fwCfg();
    select(FW_CFG_KEY.SIGNATURE);
    expect(device.read(0, access(4))).toBe(0x554d_4551);
    select(FW_CFG_KEY.SIGNATURE);
    expect([device.read(0, access(2)), device.read(4, access(2))]).toEqual([0x4551, 0x554d]);
  });

  it('the directory names the files in order, with size and selector in big-endian', () => {
    const { select, data } = fwCfg();
    select(FW_CFG_KEY.FILE_DIR);
    const directory = Buffer.from(data(4 + 2 * 64));
    expect(directory.readUInt32BE(0)).toBe(2);
    const entry = (at: number) => [
      directory.readUInt32BE(at),
      directory.readUInt16BE(at + 4),
      directory.toString('latin1', at + 8, at + 13),
    ];
    expect([entry(4), entry(68)]).toEqual([
      [2, 0x20, 'opt/a'],
      [3, 0x21, 'opt/b'],
    ]);
    select(0x21);
    expect(data(3)).toEqual(bytes('bee'));
  });

  it('the DMA register reads "QEMU CFG" and item ID says that there is DMA', () => {
    const { device, select, data, access } = fwCfg();
    const words = [device.read(0x10, access(4)), device.read(0x14, access(4))].map(Number);
    expect(Buffer.from(new Uint32Array(words).buffer).toString()).toBe('QEMU CFG');
    select(FW_CFG_KEY.ID);
    expect(data(4)).toEqual(Uint8Array.of(3, 0, 0, 0));
  });

  it('a DMA command selects, skips and reads; control becomes 0', () => {
    const { memory, dma } = fwCfg({ 'opt/x': bytes('0123456789') });
    memory.fill(0xee, 0x200, 0x220);
    const select = (0x20 << 16) | FW_CFG_DMA.SELECT;
    expect(dma(select | FW_CFG_DMA.SKIP, 3, 0)).toBe(0);
    expect(dma(FW_CFG_DMA.READ, 9, RAM_PA + 0x200)).toBe(0);
    expect(memory.toString('latin1', 0x200, 0x207)).toBe('3456789');
    expect([...memory.subarray(0x207, 0x20a)]).toEqual([0, 0, 0xee]);
  });

  it.each([
    ['a buffer outside RAM', FW_CFG_DMA.READ, 16, 0x1000],
    ['a length beyond RAM', FW_CFG_DMA.READ, 0xffff_ffff, RAM_PA],
    ['a write', FW_CFG_DMA.WRITE, 4, RAM_PA],
  ])('%s sets the error bit and is reported', (_, control, length, addrPa) => {
    const { reports, dma, memory } = fwCfg();
    const before = Buffer.from(memory.subarray(0, 0x100));
    expect(dma(control, length, addrPa)).toBe(FW_CFG_DMA.ERROR);
    expect(reports).toHaveLength(1);
    expect(memory.subarray(0, 0x100).equals(before)).toBe(true);
  });

  it('a command outside RAM is reported and nothing else happens', () => {
    const { device, reports, access } = fwCfg();
    device.write(0x10, swap32(0xffff_ffff), access(4));
    device.write(0x14, swap32(RAM_PA), access(4));
    expect(reports).toEqual([expect.stringContaining('not in RAM')]);
  });

  it('other widths and the selector as a source are external aborts', () => {
    const { device, access } = fwCfg();
    expect(device.write(8, 0, access(4))).toBe('abort');
    expect(device.write(8, 0, access(1))).toBe('abort');
    expect(device.read(8, access(2))).toBe('abort');
    expect(device.write(0, 0, access(1))).toBe('abort');
    expect(device.read(0xc, access(4))).toBe('abort');
  });

  it('a debugger reads without moving on', () => {
    const { device, select, access, data } = fwCfg();
    select(FW_CFG_KEY.SIGNATURE);
    expect(device.read(0, access(1, -1))).toBe(0x51);
    expect(data(1)).toEqual(bytes('Q'));
  });

  it('no access throws, and state and load are exact inverses', () => {
    const step = fc.record({
      offset: fc.nat(0x17),
      value: fc.oneof(fc.nat(), fc.constantFrom(swap32(RAM_PA), swap16(0x19), 0xffff_ffff)),
      sizeBytes: fc.constantFrom(1 as const, 2 as const, 4 as const),
      word: fc.oneof(fc.nat(), fc.constantFrom(0x0200_0000, 0x0a00_0000)),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const one = fwCfg();
        for (const { offset, value, sizeBytes, word } of steps) {
          const at = offset & -sizeBytes;
          one.memory.writeUInt32LE(word, offset & -4);
          one.device.write(at, sizeBytes === 4 ? value : value & 0xff, one.access(sizeBytes));
          one.device.read(at, one.access(sizeBytes));
        }
        const other = fwCfg();
        other.device.load(one.device.state());
        expect(other.device.state()).toEqual(one.device.state());
        expect(other.data(8)).toEqual(one.data(8));
      }),
      { numRuns: 200 },
    );
  });
});
