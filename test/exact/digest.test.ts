import { describe, expect, it } from 'vitest';
import { PE_STATE } from '../../src/arch/pestate.ts';
import { SYSREGS } from '../../src/arch/sysregs/index.ts';
import type { Device, PlainData } from '../../src/devices/device.ts';
import type { Machine } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';
import { Random } from '../differential/random.ts';
import { BUSY, guest, SMALL_BYTES } from './guests.ts';

/** A machine that has run a while. */
function machine(options: MachineOptions = {}): Machine {
  const { machine: m } = guest(BUSY, options);
  m.run({ steps: 3000 });
  return m;
}
const M64 = (1n << 64n) - 1n;

describe('the digest changes with', () => {
  it('each bit of each general-purpose and vector register, of SP and of PC', () => {
    const m = machine();
    const names = ['SP', 'PC', ...Array.from({ length: 31 }, (_, n) => `X${n}`)];
    const vectors = Array.from({ length: 32 }, (_, n) => `V${n}`);
    const seen = new Set([m.digest()]);
    let flips = 0;
    for (const name of [...names, ...vectors]) {
      const old = m.readRegister(0, name);
      for (const bit of name.startsWith('V') ? [0n, 63n, 64n, 127n] : [0n, 31n, 32n, 63n]) {
        m.writeRegister(0, name, old ^ (1n << bit));
        seen.add(m.digest());
        flips++;
      }
      m.writeRegister(0, name, old);
    }
    expect(seen.size).toBe(flips + 1);
  });

  it('each part of PSTATE and each other place in the state of the PE', () => {
    const m = machine();
    const { s } = m.pes[0]!;
    // Details of a reservation or of an SError count while there is one.
    s.set32(PE_STATE.exclusiveValid, 1);
    s.set32(PE_STATE.serrorPending, 1);
    const start = m.snapshot();
    const seen = new Set([m.digest()]);
    let flips = 0;
    // SP_EL1 is selected: its own place is only a copy of SP.
    for (const field of Object.values(PE_STATE).filter((f) => f !== PE_STATE.SP_EL1)) {
      const bits = field.type === 'i32' ? (field === PE_STATE.NZCV ? [28, 31] : [0]) : [0, 40];
      for (const bit of bits) {
        const at = s.base + field.offset + (bit >> 3);
        s.view.setUint8(at, s.view.getUint8(at) ^ (1 << (bit & 7)));
        seen.add(m.digest());
        flips++;
        m.restore(start);
      }
    }
    expect(seen.size).toBe(flips + 1);
  });

  it('every System register that can be written', () => {
    const m = machine({ el2: true });
    const start = m.snapshot();
    const before = m.digest();
    const unchanged: string[] = [];
    let changed = 0;
    for (const row of SYSREGS) {
      let old: bigint;
      try {
        old = m.readRegister(0, row.name);
      } catch {
        continue;
      }
      if (row.access !== 'RW') continue;
      m.writeRegister(0, row.name, old ^ M64);
      if (m.readRegister(0, row.name) === old) {
        // A computed register may keep nothing: its bits clear others, or stand for what does not exist.
        if (row.model === 'stored' && m.pes[0]!.s.sysregs.get(row.key)!.writable !== 0n) unchanged.push(row.name);
      } else {
        expect(m.digest(), row.name).not.toBe(before);
        changed++;
      }
      m.restore(start);
      expect(m.digest(), `${row.name} after restore`).toBe(before);
    }
    expect(changed).toBeGreaterThan(120);
    expect(unchanged).toEqual([]);
  });

  /** All states that differ from a state in one leaf. */
  function* flips(state: PlainData, path = ''): Generator<{ path: string; state: PlainData }> {
    if (typeof state === 'number') yield { path, state: state ^ 1 };
    else if (typeof state === 'bigint') yield { path, state: state ^ 1n };
    else if (typeof state === 'boolean') yield { path, state: !state };
    else if (state instanceof Uint8Array) {
      for (let i = 0; i < state.length; i += 13) {
        const copy = state.slice();
        copy[i]! ^= 0x80;
        yield { path: `${path}[${i}]`, state: copy };
      }
    } else if (Array.isArray(state)) {
      for (const [i, part] of state.entries())
        for (const f of flips(part as PlainData, `${path}[${i}]`))
          yield { path: f.path, state: state.with(i, f.state) };
    } else if (state !== null && typeof state === 'object') {
      for (const [name, part] of Object.entries(state))
        for (const f of flips(part as PlainData, `${path}.${name}`))
          yield { path: f.path, state: { ...state, [name]: f.state } };
    }
  }

  it.each([
    ['GIC', (m: Machine) => m.gic],
    ['PL011', (m: Machine) => m.console.uart],
    ['PL031', (m: Machine) => m.rtc],
  ] as const)('each field of the %s', (_name, device) => {
    const m = machine();
    const d = device(m) as Pick<Device, 'state' | 'load'>;
    const state = d.state();
    d.load(state);
    const before = m.digest();
    let count = 0;
    for (const flip of flips(state)) {
      d.load(flip.state);
      expect(m.digest(), flip.path).not.toBe(before);
      d.load(state);
      count++;
    }
    expect(m.digest()).toBe(before);
    expect(count).toBeGreaterThan(4);
  });

  it('any byte of RAM', () => {
    const m = machine();
    const r = new Random('bytes');
    const seen = new Set([m.digest()]);
    for (let n = 0; n < 200; n++) {
      const at = 0x4000_0000n + BigInt(r.below(SMALL_BYTES));
      const [old] = m.readMemory(at, 1);
      m.writeMemory(at, Uint8Array.of(old! ^ (1 << r.below(8))));
      seen.add(m.digest());
      m.writeMemory(at, Uint8Array.of(old!));
    }
    expect(seen.size).toBe(201);
  });

  it('two pages exchanged', () => {
    const m = machine();
    const [a, b] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6)];
    m.writeMemory(0x4050_0000n, a);
    m.writeMemory(0x4060_0000n, b);
    const before = m.digest();
    m.writeMemory(0x4050_0000n, b);
    m.writeMemory(0x4060_0000n, a);
    expect(m.digest()).not.toBe(before);
  });

  it('time, steps, whether the machine ended, and what waits at the console', () => {
    const m = machine();
    const seen = new Set([m.digest()]);
    m.console.input(new Uint8Array(20).fill(65));
    seen.add(m.digest());
    m.console.input(Uint8Array.of(66));
    seen.add(m.digest());
    m.run({ steps: 1 });
    seen.add(m.digest());
    expect(m.run({ steps: 100_000 }).reason).toBe('poweroff');
    seen.add(m.digest());
    expect(seen.size).toBe(5);
  });
});

describe('the digest is the same for the same state, whatever came before', () => {
  it('a page that was written and zeroed again', () => {
    const m = machine();
    const before = m.digest();
    m.writeMemory(0x4070_0123n, Uint8Array.of(1));
    m.writeMemory(0x4070_0123n, Uint8Array.of(0));
    expect(m.digest()).toBe(before);
    m.snapshot();
    expect(m.digest()).toBe(before);
  });

  it('looking at the machine', () => {
    const m = machine();
    const before = m.digest();
    m.digest();
    m.snapshot();
    m.readRegister(0, 'ICC_PMR_EL1');
    m.readRegister(0, 'CNTV_CTL_EL0');
    m.readMemory(0x4000_0000n, 65536);
    m.translate(0, 0x4000_0000n);
    expect(m.digest()).toBe(before);
  });

  it('a stack pointer that held something else before it was what it is', () => {
    const ends = ['mov x0, #0x1000\n mov sp, x0', 'mov x0, #0x2000\n mov sp, x0'].map((first) => {
      // The other stack pointer is selected and the first again, which leaves its value in two places.
      const { machine: m } = guest(`${first}\n msr SPSel, #0\n msr SPSel, #1\n mov x0, #0x3000\n mov sp, x0\n b .`);
      m.run({ steps: 10 });
      // The programs differ in one word of RAM.
      m.writeMemory(0x4008_0000n, new Uint8Array(4));
      return m.digest();
    });
    expect(ends[1]).toBe(ends[0]);
  });

  it('a reservation that is gone', () => {
    const ends = [8, 16].map((offset) => {
      const { machine: m } = guest(
        `mov x1, #0x40000000\n add x1, x1, #${offset}\n ldxr x2, [x1]\n clrex\n mov x1, #0\n b .`,
      );
      m.run({ steps: 10 });
      m.writeMemory(0x4008_0004n, new Uint8Array(4));
      return m.digest();
    });
    expect(ends[1]).toBe(ends[0]);
  });

  it('cold and warm translations and compiled code', () => {
    const ends = [false, true].map((regions) => {
      const { machine: m } = guest('mov x0, #0\nloop: add x0, x0, #1\n add x1, x1, x0\n b loop');
      (m as unknown as { engine: { options: { regions: boolean } } }).engine.options.regions = regions;
      for (let n = 0; n < 20; n++) m.run({ steps: 2001 });
      return m.digest();
    });
    expect(ends[1]).toBe(ends[0]);
  });
});
