import { describe, expect, it } from 'vitest';
import { decodeTriggerTable } from '../../tables/acpi/einj.ts';
import { encodeRecord } from '../../tables/cper/record.ts';
import { ERST_STORE_BYTES_MAX, splitRecords } from './erst.ts';
import { ERST_RANGE_BYTES } from './layout.ts';
import { RasRig, refusing } from './ras-rig.ts';
import { ERST_EXECUTE_MAGIC } from './registers.ts';

const ALL_ONES = 0xffff_ffff_ffff_ffffn;

const record = (recordId: bigint, sizeBytes = 300): Uint8Array =>
  encodeRecord({
    recordId,
    errorSeverity: 1,
    sections: [
      {
        sectionType: 'c197e04e-d545-4a70-9c17-a5549419eb12',
        section: { kind: 'bytes', bytes: new Uint8Array(sizeBytes - 200).fill(Number(recordId & 0xffn)) },
      },
    ],
  });

/** ERST as an operating system uses it. ACPI 6.5, "Operations". */
class Client {
  readonly rig: RasRig;
  readonly rangeAt: number;
  constructor(rig = new RasRig()) {
    this.rig = rig;
    this.rangeAt = Number(rig.read64('ERST_RANGE'));
    expect(rig.read64('ERST_RANGE_LENGTH')).toBe(BigInt(ERST_RANGE_BYTES));
  }
  private execute(command: number, id?: bigint, offset = 0): number {
    const { rig } = this;
    rig.write('ERST_COMMAND', command);
    rig.write('ERST_OFFSET', offset);
    if (id !== undefined) {
      rig.write('ERST_ID', Number(id & 0xffff_ffffn));
      rig.write('ERST_ID', Number(id >> 32n), 0, 1);
    }
    rig.write('ERST_EXECUTE', ERST_EXECUTE_MAGIC);
    expect(rig.read('ERST_BUSY')).toBe(0);
    const status = rig.read('ERST_STATUS');
    rig.write('ERST_COMMAND', 3);
    return status;
  }
  store(bytes: Uint8Array, offset = 0): number {
    this.rig.memory.set(bytes, this.rangeAt + offset);
    return this.execute(0, undefined, offset);
  }
  load(id: bigint): number {
    return this.execute(1, id);
  }
  clear(id: bigint): number {
    return this.execute(2, id);
  }
  ids(): bigint[] {
    const found: bigint[] = [];
    for (let id = this.rig.read64('ERST_NEXT_ID'); id !== ALL_ONES; id = this.rig.read64('ERST_NEXT_ID'))
      found.push(id);
    return found;
  }
  range(sizeBytes: number): Uint8Array {
    return this.rig.memory.subarray(this.rangeAt, this.rangeAt + sizeBytes);
  }
}

describe('records that survive (ACPI, "Error Serialization")', () => {
  it('a record that is written is read as it was, is enumerated, and is gone when it is cleared', () => {
    const client = new Client();
    expect(client.load(5n)).toBe(4);
    for (const id of [7n, 0x2_0000_0001n]) expect(client.store(record(id))).toBe(0);
    expect(client.rig.read('ERST_COUNT')).toBe(2);
    expect(client.ids()).toEqual([7n, 0x2_0000_0001n]);
    expect(client.ids()).toEqual([7n, 0x2_0000_0001n]);
    client.range(ERST_RANGE_BYTES).fill(0);
    expect(client.load(0x2_0000_0001n)).toBe(0);
    expect(client.range(300)).toEqual(record(0x2_0000_0001n));
    expect(client.range(301)[300]).toBe(0xff);
    expect(client.load(0n)).toBe(0);
    expect(client.range(300)).toEqual(record(7n));
    expect(client.load(8n)).toBe(5);
    expect(client.clear(7n)).toBe(0);
    expect(client.clear(7n)).toBe(5);
    expect(client.ids()).toEqual([0x2_0000_0001n]);
    expect(client.clear(0x2_0000_0001n)).toBe(0);
    expect(client.clear(1n)).toBe(4);
    expect(client.rig.storeChanges).toBe(4);
  });

  it('one of the same identifier takes the place of the one before', () => {
    const client = new Client();
    expect(client.store(record(7n, 300))).toBe(0);
    expect(client.store(record(7n, 400))).toBe(0);
    expect(client.rig.firmware.erst.bytes).toEqual(record(7n, 400));
  });

  it('what is no record, has no identifier, or does not fit is refused', () => {
    const client = new Client();
    expect(client.store(new Uint8Array(200))).toBe(3);
    expect(client.store(record(0n))).toBe(3);
    expect(client.store(record(ALL_ONES))).toBe(3);
    const tooLong = record(1n);
    new DataView(tooLong.buffer).setUint32(20, ERST_RANGE_BYTES + 1, true);
    expect(client.store(tooLong)).toBe(3);
    const tooShort = record(1n);
    new DataView(tooShort.buffer).setUint32(20, 127, true);
    expect(client.store(tooShort)).toBe(3);
    expect(client.store(record(1n), ERST_RANGE_BYTES - 128 + 1)).toBe(3);
    expect(client.rig.firmware.erst.count).toBe(0);
    client.rig.write('ERST_COMMAND', 0);
    client.rig.write('ERST_EXECUTE', 1);
    expect(client.rig.firmware.erst.count).toBe(0);
  });

  it('a full store says so, and a dummy write tells it beforehand', () => {
    const client = new Client();
    const size = ERST_RANGE_BYTES;
    const count = ERST_STORE_BYTES_MAX / size;
    for (let n = 1; n <= count; n++) expect(client.store(record(BigInt(n), size))).toBe(0);
    expect(client.store(record(99n, size))).toBe(1);
    expect(client.store(record(1n, size))).toBe(0);
    expect(client.clear(1n)).toBe(0);
    expect(client.store(record(99n, size))).toBe(0);
  });

  it('clearing while enumerating skips none', () => {
    const client = new Client();
    for (const id of [1n, 2n, 3n]) client.store(record(id));
    expect(client.rig.read64('ERST_NEXT_ID')).toBe(1n);
    client.clear(1n);
    expect(client.rig.read64('ERST_NEXT_ID')).toBe(2n);
    expect(client.rig.read64('ERST_NEXT_ID')).toBe(3n);
    expect(client.rig.read64('ERST_NEXT_ID')).toBe(ALL_ONES);
  });

  it('a debugger that looks takes nothing away', () => {
    const client = new Client();
    client.store(record(1n));
    const look = { sizeBytes: 4, nonSecure: true, pe: -1 } as const;
    for (let n = 0; n < 3; n++) expect(client.rig.firmware.read(0x218, look)).toBe(1);
    expect(client.ids()).toEqual([1n]);
  });

  it('a reset keeps the records', () => {
    const client = new Client();
    client.store(record(1n));
    client.rig.firmware.reset();
    expect(client.ids()).toEqual([1n]);
  });

  it('a file of records is taken apart, or refused where it is none', () => {
    const both = Buffer.concat([record(1n), record(2n, 500)]);
    expect(splitRecords(both, refusing)).toEqual([record(1n), record(2n, 500)]);
    expect(() => splitRecords(both.subarray(0, 700), refusing)).toThrow(/at offset 300 there is no CPER record/);
    expect(() => splitRecords(new Uint8Array(10), refusing)).toThrow(/at offset 0/);
  });
});

/** Parameters at the place that SET_ERROR_TYPE_WITH_ADDRESS names. */
function parameters(rig: RasRig, values: { type: number; flags?: number; pe?: number; addr?: bigint }): void {
  const at = Number(rig.firmware.config.layout.einjParameterPa);
  const view = new DataView(rig.memory.buffer, at, 36);
  view.setUint32(0, values.type, true);
  view.setUint32(8, values.flags ?? 0, true);
  view.setUint32(12, values.pe ?? 0, true);
  view.setBigUint64(16, values.addr ?? 0n, true);
}

describe('error injection (ACPI, "Error Injection")', () => {
  const execute = (rig: RasRig): number => {
    rig.write('EINJ_COMMAND', 1);
    rig.write('EINJ_COMMAND', 5);
    expect(rig.read('EINJ_BUSY')).toBe(0);
    return rig.read('EINJ_STATUS');
  };

  it('an error happens when it is triggered, once, with its address', () => {
    const rig = new RasRig();
    parameters(rig, { type: 0x10, flags: 2, addr: 0x5000n });
    expect(execute(rig)).toBe(0);
    expect(rig.log).toEqual(['poison 0x5000']);
    expect(rig.ways).toEqual([]);
    const at = Number(rig.read64('EINJ_TRIGGER_TABLE'));
    const { value, findings } = decodeTriggerTable(rig.memory.slice(at, at + 48));
    expect(findings).toEqual([]);
    expect(value!.entries.length).toBe(1);
    rig.write('EINJ_TRIGGER', 1);
    rig.write('EINJ_TRIGGER', 1);
    rig.write('EINJ_COMMAND', 4);
    expect(rig.ways).toEqual(['1 recorded 1', '1 notified 1']);
  });

  it('without a beginning, and with the type in the register, it works as well', () => {
    const rig = new RasRig();
    rig.write('EINJ_TYPE', 1);
    rig.write('EINJ_COMMAND', 5);
    expect(rig.read('EINJ_STATUS')).toBe(0);
    rig.write('EINJ_TRIGGER', 1);
    expect(rig.ways).toEqual(['1 recorded 1', '1 notified 1']);
  });

  it.each([
    ['two types at once', { type: 3 }],
    ['a type that is not offered', { type: 0x40 }],
    ['no type', { type: 0 }],
    ['a PE that is not there', { type: 1, flags: 1, pe: 2 }],
    ['an address outside RAM', { type: 8, flags: 2, addr: 0x10_0000n }],
  ])('%s: invalid access, and nothing can be triggered', (_, values) => {
    const rig = new RasRig();
    parameters(rig, values);
    expect(execute(rig)).toBe(2);
    rig.write('EINJ_TRIGGER', 1);
    expect(rig.ways).toEqual([]);
  });

  it('flags say what counts: an address from before does not', () => {
    const rig = new RasRig();
    parameters(rig, { type: 1, flags: 1, pe: 1, addr: 0x10_0000n });
    expect(execute(rig)).toBe(0);
  });

  it('where no source could take the error it is reported, and nothing breaks', () => {
    const rig = new RasRig([{ id: 1, notify: 'sea' }]);
    parameters(rig, { type: 1 });
    expect(execute(rig)).toBe(0);
    rig.write('EINJ_TRIGGER', 1);
    expect(rig.log.at(-1)).toMatch(/could not be handed over and is lost: .*no source notifies so/);
  });
});
