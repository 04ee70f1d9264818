import { describe, expect, it } from 'vitest';
import { decodeStatusBlock } from '../../tables/cper/block.ts';
import type { RasError } from './errors.ts';
import { RAS_QUEUE_MAX } from './ghes.ts';
import { RasRig, refusing } from './ras-rig.ts';
import type { RasNotification } from './sources.ts';

const memory = (addr: bigint, more: Partial<RasError> = {}): RasError =>
  ({ kind: 'memory', addr, severity: 'corrected', notify: 'sdei', ...more }) as RasError;

/** Address in the block of a source. */
function addressIn(rig: RasRig, place: number): bigint | undefined {
  const { value } = decodeStatusBlock(rig.block(place).slice());
  const section = value?.entries[0]?.section;
  return section?.kind === 'memory' ? section.fields.physicalAddress : undefined;
}

describe('the hand-over of an error (ACPI, GHESv2)', () => {
  it('the block status is written last, and the notification comes after it', () => {
    const rig = new RasRig();
    rig.firmware.inject(memory(0x1000n), refusing);
    const { blockPa } = rig.firmware.config.layout.sources[0]!;
    expect(rig.writes.map(([addrPa]) => addrPa)).toEqual([blockPa + 4n, blockPa]);
    expect(rig.status(0)).not.toBe(0);
    expect(rig.log).toEqual(['sdei 3000 PE 0 accepted']);
    expect(rig.read('RAS_ACK', 0)).toBe(0);
    expect(rig.read('RAS_ACK', 1)).toBe(1);
  });

  it('while it is not acknowledged nobody writes to the block; then the next one follows, in order', () => {
    const rig = new RasRig();
    for (const addr of [0x1000n, 0x2000n, 0x3000n]) rig.firmware.inject(memory(addr), refusing);
    const before = rig.block(0).slice();
    rig.work(5);
    expect(rig.block(0)).toEqual(before);
    expect(rig.ways).toEqual(['1 recorded 1', '1 notified 1', '2 queued 1', '3 queued 1']);
    for (const addr of [0x2000n, 0x3000n]) {
      rig.acknowledge(0);
      expect(rig.dueNs).toBe(rig.nowNs);
      rig.work();
      expect(addressIn(rig, 0)).toBe(addr);
    }
    rig.acknowledge(0);
    expect(rig.firmware.ghes.counters(0)).toEqual({ recorded: 3, acknowledged: 3, lost: 0, waiting: 0 });
    expect(rig.dueNs).toBeUndefined();
  });

  it('an acknowledgement is bit 0: other bits, and one that nobody waits for, do nothing', () => {
    const rig = new RasRig();
    rig.write('RAS_ACK', 1, 0);
    expect(rig.ways).toEqual([]);
    rig.firmware.inject(memory(0x1000n), refusing);
    rig.write('RAS_ACK', 0xffff_fffe, 0);
    expect(rig.read('RAS_ACK', 0)).toBe(0);
    rig.write('RAS_ACK', 1, 0);
    expect(rig.read('RAS_ACK', 0)).toBe(1);
  });

  it('what does not fit into the queue is counted and reported, and the last that fits says so', () => {
    const rig = new RasRig();
    for (let n = 0; n < RAS_QUEUE_MAX + 3; n++) rig.firmware.inject(memory(BigInt(n + 1) * 0x1000n), refusing);
    expect(rig.firmware.ghes.counters(0)).toEqual({ recorded: 1, acknowledged: 0, lost: 2, waiting: RAS_QUEUE_MAX });
    expect(rig.log.filter((line) => /source 1 \(sdei\) is lost/.test(line)).length).toBe(2);
    for (let n = 0; n < RAS_QUEUE_MAX; n++) {
      rig.acknowledge(0);
      rig.work();
    }
    const { value, findings } = decodeStatusBlock(rig.block(0, 172).slice());
    expect(findings).toEqual([]);
    expect(value!.blockStatus & 0xf).toBe(0b1010);
    expect(value!.entries[0]!.flags & 0x80).toBe(0x80);
  });

  it('a fatal error does not wait behind a corrected one of its source', () => {
    const rig = new RasRig();
    rig.firmware.inject(memory(0x1000n), refusing);
    const { outcome, source } = rig.firmware.inject(memory(0x2000n, { severity: 'fatal' }), refusing);
    expect([outcome, source!.notify]).toEqual(['recorded', 'sdei-critical']);
    expect(addressIn(rig, 1)).toBe(0x2000n);
  });

  it('a fatal error for which no way is free resets the machine, and is in BERT then', () => {
    const rig = new RasRig([{ id: 1, notify: 'sdei' }]);
    rig.firmware.inject(memory(0x1000n), refusing);
    expect(rig.firmware.inject(memory(0x2000n, { severity: 'fatal' }), refusing).outcome).toBe('kept');
    expect(rig.log).toContain('reset');
    rig.firmware.reset();
    const region = Number(rig.firmware.config.layout.bertPa);
    const first = decodeStatusBlock(rig.memory.slice(region, region + 172)).value!;
    const second = decodeStatusBlock(rig.memory.slice(region + 172, region + 344)).value!;
    expect([first.errorSeverity, second.errorSeverity]).toEqual([2, 1]);
    expect(rig.ways.slice(-2)).toEqual(['1 kept -', '2 kept -']);
    rig.firmware.reset();
    expect(rig.memory[region]).toBe(0);
  });

  it('version 1 has no register: the next one follows when the block status is 0', () => {
    const rig = new RasRig([{ id: 7, notify: 'polled', ghes: 1 }]);
    for (const addr of [0x1000n, 0x2000n]) rig.firmware.inject(memory(addr, { notify: 'polled' }), refusing);
    rig.write('RAS_ACK', 1, 0);
    rig.work(3);
    expect(addressIn(rig, 0)).toBe(0x1000n);
    rig.block(0, 4).fill(0);
    rig.work();
    expect(addressIn(rig, 0)).toBe(0x2000n);
    expect(rig.ways).toContain('1 acknowledged 7');
  });
});

describe('notifications', () => {
  const cases: readonly (readonly [RasNotification, readonly string[]])[] = [
    ['sdei', ['sdei 3000 PE 0 accepted']],
    ['sdei-critical', ['sdei 3001 PE 0 accepted']],
    ['gsiv', ['ged']],
    ['gpio', ['ged']],
    ['polled', []],
  ];
  it.each(cases)('%s: %j', (notify, log) => {
    const rig = new RasRig();
    rig.firmware.inject(memory(0x1000n, { notify }), refusing);
    expect(rig.log).toEqual(log);
  });

  it('an SDEI event goes to the PE that met the error, else to one that has registered it', () => {
    const rig = new RasRig();
    rig.sdei = (_, pe) => (pe === 1 ? 'accepted' : 'unregistered');
    rig.firmware.inject(memory(0x1000n), refusing);
    expect(rig.log).toEqual(['sdei 3000 PE 0 unregistered', 'sdei 3000 PE 1 accepted']);
    rig.acknowledge(0);
    rig.firmware.inject(memory(0x2000n, { pe: 1 }), refusing);
    expect(rig.log.at(-1)).toBe('sdei 3000 PE 1 accepted');
  });

  it('where nobody has registered the error stays in its block to be found', () => {
    const rig = new RasRig();
    rig.sdei = () => 'unregistered';
    rig.firmware.inject(memory(0x1000n), refusing);
    expect(rig.ways).toEqual(['1 recorded 1']);
    expect(rig.dueNs).toBeUndefined();
    expect(rig.status(0)).not.toBe(0);
  });

  it('an event that is refused is raised again', () => {
    const rig = new RasRig();
    let refusals = 3;
    rig.sdei = (_, pe) => (pe === 0 && refusals-- > 0 ? 'refused' : pe === 0 ? 'accepted' : 'unregistered');
    rig.firmware.inject(memory(0x1000n, { pe: 0 }), refusing);
    rig.work(10);
    expect(rig.ways).toEqual(['1 recorded 1', '1 notified 1']);
    expect(rig.nowNs).toBe(3_000_000);
  });

  it('an event whose record is left in the block while others wait is raised again, not for ever', () => {
    const rig = new RasRig();
    for (const addr of [0x1000n, 0x2000n]) rig.firmware.inject(memory(addr), refusing);
    rig.work(3);
    expect(rig.log.length).toBe(4);
    expect(rig.nowNs).toBe(300_000_000);
    rig.work(1000);
    expect(rig.log.length).toBe(101);
    expect(rig.dueNs).toBeUndefined();
  });

  it('an abort waits until a PE runs at EL0, and is taken at a boundary', () => {
    const rig = new RasRig();
    rig.firmware.inject(memory(0x1000n, { notify: 'sea' }), refusing);
    expect(rig.log).toEqual([]);
    expect([rig.firmware.wantsEl0, rig.dueNs]).toEqual([true, undefined]);
    rig.el0.add(1);
    rig.firmware.arrivedAtEl0();
    rig.work();
    expect(rig.log).toEqual(['sea PE 1']);
    expect(rig.firmware.wantsEl0).toBe(false);
  });

  it('poison that is met: the record is there before the abort; while it is, the next takes another way', () => {
    const rig = new RasRig();
    expect(rig.firmware.consumed(1, 0x5000n, 'sea')).toBe(true);
    expect(addressIn(rig, 2)).toBe(0x5000n);
    expect(rig.log).toEqual([]);
    expect(rig.firmware.consumed(0, 0x6000n, 'sea')).toBe(true);
    expect(addressIn(rig, 0)).toBe(0x6000n);
    expect(rig.ways).toEqual(['1 recorded 3', '1 notified 3', '2 recorded 1', '2 notified 1']);
  });
});

describe('its state', () => {
  it('is plain data: another firmware with it goes on in the same way', () => {
    const [rig, other] = [new RasRig(), new RasRig()];
    for (let n = 1n; n < 4n; n++) rig.firmware.inject(memory(n * 0x1000n), refusing);
    rig.firmware.inject(memory(0x9000n, { notify: 'sea' }), refusing);
    other.memory.set(rig.memory);
    other.firmware.load(structuredClone(rig.firmware.state()));
    expect(other.firmware.state()).toEqual(rig.firmware.state());
    for (const one of [rig, other]) {
      one.ways.length = 0;
      one.acknowledge(0);
      one.work(2);
      one.el0.add(0);
      one.firmware.arrivedAtEl0();
      one.work();
    }
    expect(other.ways).toEqual(rig.ways);
    expect(other.memory).toEqual(rig.memory);
    expect(other.firmware.state()).toEqual(rig.firmware.state());
  });
});
