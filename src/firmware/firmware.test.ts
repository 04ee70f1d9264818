import { describe, expect, it } from 'vitest';
import { callName, handleCall } from './firmware.ts';
import { PSCI_FUNCTIONS } from './psci/functions.ts';
import type { Caller, FirmwareHost, PowerState } from './smccc.ts';

const RAM = { startPa: 0x4000_0000n, endPa: 0x1_4000_0000n };
const ENTRY = 0x4020_0000n;
const CALLER: Caller = { pe: 0, callerEl: 1, nonSecure: true, conduit: 'smc', immediate: 0 };
const minus = (value: bigint): bigint => (1n << 64n) - value;

/** A machine of three PEs that writes down what it is asked. */
function machine(states: PowerState[] = ['ON', 'OFF', 'ON_PENDING']) {
  const log: unknown[][] = [];
  const affinities = [0n, 1n, 0x1_0000_0100n];
  const host: FirmwareHost = {
    peCount: affinities.length,
    affinityOf: (pe) => affinities[pe],
    powerState: (pe) => states[pe],
    powerOn: (pe, start) => log.push(['powerOn', pe, start.entryPa, start.contextId]),
    powerOff: (pe) => log.push(['powerOff', pe]),
    suspend: (pe, restart) => log.push(['suspend', pe, restart && [restart.entryPa, restart.contextId]]),
    systemOff: () => log.push(['systemOff']),
    systemReset: (kind) => log.push(['systemReset', kind]),
    ramContains: (addrPa) => addrPa >= RAM.startPa && addrPa < RAM.endPa,
  };
  /** x0 after the call, or undefined when it did not return. */
  const call = (id: number | bigint, args: bigint[] = [], caller: Partial<Caller> = {}) => {
    const x = Array.from({ length: 18 }, (_, index) => args[index - 1] ?? 0x1000n + BigInt(index));
    x[0] = BigInt(id);
    const result = handleCall(host, { ...CALLER, ...caller }, x);
    if (result !== undefined) {
      expect(result).toHaveLength(18);
      expect(result.slice(1)).toEqual(x.slice(1));
    }
    return result?.[0];
  };
  return { log, call };
}

describe('SMC Calling Convention (DEN0028)', () => {
  it.each([
    ['an identifier nobody owns', 0x8400_00ffn, {}],
    ['a yielding call', 0x0400_0000n, {}],
    ['reserved identifier bits', 0x8401_0000n, {}],
    ['the 64-bit form of a call that has none', 0xc400_0000n, {}],
    ['a vendor hypervisor query', 0x8600_ff01n, {}],
    ['TRNG_VERSION', 0x8400_0050n, {}],
    ['SMCCC_ARCH_SOC_ID', 0x8000_0002n, {}],
    ['SMCCC_ARCH_WORKAROUND_2, which is not required', 0x8000_7fffn, {}],
    ['an immediate that is not 0', 0x8400_0000n, { immediate: 1 }],
    ['PSCI from the Secure state', 0x8400_0000n, { nonSecure: false }],
  ])('%s gives NOT_SUPPORTED in all of x0, and nothing else changes', (_, id, caller) => {
    const { log, call } = machine();
    expect(call(id, [], caller)).toBe(minus(1n));
    expect(log).toEqual([]);
  });

  it('the identifier is in w0: the upper half of x0 is ignored', () => {
    expect(machine().call(0xdead_beef_8400_0000n)).toBe(0x1_0001n);
  });

  it('version is 1.2, for Secure callers too, over either conduit', () => {
    const { call } = machine();
    expect(call(0x8000_0000)).toBe(0x1_0002n);
    expect(call(0x8000_0000, [], { nonSecure: false })).toBe(0x1_0002n);
    expect(call(0x8000_0000, [], { conduit: 'hvc' })).toBe(0x1_0002n);
  });

  it.each([
    ['SMCCC_VERSION', 0x8000_0000n, 0n],
    ['SMCCC_ARCH_FEATURES', 0x8000_0001n, 0n],
    ['SMCCC_ARCH_SOC_ID', 0x8000_0002n, minus(1n)],
    ['SMCCC_ARCH_WORKAROUND_1', 0x8000_8000n, 1n],
    ['SMCCC_ARCH_WORKAROUND_2', 0x8000_7fffn, minus(2n)],
    ['SMCCC_ARCH_WORKAROUND_3', 0x8000_3fffn, 1n],
    ['a call of another owner', 0x8400_0000n, minus(1n)],
    ['SMCCC_VERSION below garbage in the upper half', 0xffff_ffff_8000_0000n, 0n],
  ])('SMCCC_ARCH_FEATURES(%s)', (_, asked, answer) => {
    expect(machine().call(0x8000_0001, [asked])).toBe(answer);
  });

  it('a workaround that is not needed may be called and leaves x0 alone', () => {
    const { call } = machine();
    expect(call(0x8000_8000)).toBe(0x8000_8000n);
    expect(call(0x8000_3fff)).toBe(0x8000_3fffn);
  });
});

describe('PSCI (DEN0022)', () => {
  it('PSCI_VERSION is 1.1 and MIGRATE_INFO_TYPE 2', () => {
    const { call } = machine();
    expect(call(0x8400_0000)).toBe(0x1_0001n);
    expect(call(0x8400_0006)).toBe(2n);
  });

  it('PSCI_FEATURES says 0 of exactly the calls that are answered, and of SMCCC_VERSION', () => {
    const supported = [
      'PSCI_VERSION',
      'CPU_SUSPEND',
      'CPU_SUSPEND64',
      'CPU_OFF',
      'CPU_ON',
      'CPU_ON64',
      'AFFINITY_INFO',
      'AFFINITY_INFO64',
      'MIGRATE_INFO_TYPE',
      'SYSTEM_OFF',
      'SYSTEM_RESET',
      'PSCI_FEATURES',
      'SYSTEM_RESET2',
      'SYSTEM_RESET264',
      'SMCCC_VERSION',
    ];
    const { call } = machine();
    const ids = Array.from({ length: 0x20 }, (_, index) => [0x8400_0000 + index, 0xc400_0000 + index]).flat();
    const yes = [...ids, 0x8000_0000, 0x8000_0001].filter((id) => call(0x8400_000a, [BigInt(id)]) === 0n);
    expect(yes.map(callName).sort()).toEqual(supported.sort());
    for (const id of ids.filter((other) => !yes.includes(other))) {
      expect(call(0x8400_000a, [BigInt(id)]), callName(id)).toBe(minus(1n));
      expect(call(id), callName(id)).toBe(minus(1n));
    }
  });

  describe('CPU_ON: states and answers', () => {
    it.each([
      ['OFF', 0n, [['powerOn', 1, ENTRY, 7n]]],
      ['ON', minus(4n), []],
      ['ON_PENDING', minus(5n), []],
    ] as const)('a PE that is %s', (state, answer, asked) => {
      const { log, call } = machine(['ON', state, 'OFF']);
      expect(call(0xc400_0003, [1n, ENTRY, 7n])).toBe(answer);
      expect(log).toEqual(asked);
    });

    it('checks come in order: PE, entry point, state', () => {
      const { log, call } = machine();
      expect(call(0xc400_0003, [9n, 1n, 0n])).toBe(minus(2n));
      expect(call(0xc400_0003, [0n, ENTRY + 1n, 0n])).toBe(minus(9n));
      expect(call(0xc400_0003, [1n, ENTRY + 2n, 0n])).toBe(minus(9n));
      expect(call(0xc400_0003, [1n, RAM.endPa, 0n])).toBe(minus(9n));
      expect(call(0xc400_0003, [0n, ENTRY, 0n])).toBe(minus(4n));
      expect(log).toEqual([]);
    });

    it('reserved bits of the affinity must be 0', () => {
      const { call } = machine();
      for (const bit of [24n, 30n, 31n, 40n, 63n]) {
        expect(call(0xc400_0003, [1n | (1n << bit), ENTRY, 0n])).toBe(minus(2n));
      }
    });

    it('the 32-bit form cuts its arguments to 32 bits, the 64-bit form does not', () => {
      const { log, call } = machine();
      const high = 0xffff_ffff_0000_0000n;
      expect(call(0x8400_0003, [high | 1n, high | ENTRY, high | 7n])).toBe(0n);
      expect(call(0xc400_0003, [1n, 0x1_0000_0000n, high | 7n])).toBe(0n);
      expect(call(0xc400_0003, [high | 1n, ENTRY, 7n])).toBe(minus(2n));
      expect(log).toEqual([
        ['powerOn', 1, ENTRY, 7n],
        ['powerOn', 1, 0x1_0000_0000n, high | 7n],
      ]);
    });
  });

  it('AFFINITY_INFO: ON 0, OFF 1, ON_PENDING 2, INVALID_PARAMETERS for no such PE and for higher levels', () => {
    const { call } = machine();
    expect([0n, 1n, 0x1_0000_0100n].map((affinity) => call(0xc400_0004, [affinity, 0n]))).toEqual([0n, 1n, 2n]);
    expect(call(0xc400_0004, [2n, 0n])).toBe(minus(2n));
    expect(call(0xc400_0004, [0n, 1n])).toBe(minus(2n));
  });

  it('CPU_OFF turns off the caller and does not return', () => {
    const { log, call } = machine();
    expect(call(0x8400_0002, [], { pe: 2 })).toBeUndefined();
    expect(log).toEqual([['powerOff', 2]]);
  });

  it('CPU_SUSPEND to standby returns 0 and ignores the entry point', () => {
    const { log, call } = machine();
    expect(call(0xc400_0001, [0x0000_1234n, 1n, 2n])).toBe(0n);
    expect(log).toEqual([['suspend', 0, undefined]]);
  });

  it('CPU_SUSPEND to power-down starts anew at the entry point', () => {
    const { log, call } = machine();
    expect(call(0xc400_0001, [0x0101_0000n, ENTRY, 5n], { pe: 1 })).toBeUndefined();
    expect(log).toEqual([['suspend', 1, [ENTRY, 5n]]]);
  });

  it.each([
    ['reserved bits 23:17', 0x0002_0000n, minus(2n)],
    ['reserved bits 31:26', 0x0400_0000n, minus(2n)],
    ['standby above the PE', 0x0100_0000n, minus(2n)],
    ['power-down above the cluster', 0x0201_0000n, minus(2n)],
    ['power-down to an odd address', 0x0001_0000n, minus(9n)],
  ])('CPU_SUSPEND with %s is refused', (_, powerState, answer) => {
    const { log, call } = machine();
    expect(call(0xc400_0001, [powerState, ENTRY | 1n, 0n])).toBe(answer);
    expect(log).toEqual([]);
  });

  it('SYSTEM_OFF, SYSTEM_RESET and a warm SYSTEM_RESET2 do not return', () => {
    const { log, call } = machine();
    expect([call(0x8400_0008), call(0x8400_0009), call(0xc400_0012, [0n, 5n])]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(log).toEqual([['systemOff'], ['systemReset', 'cold'], ['systemReset', 'warm']]);
  });

  it('SYSTEM_RESET2 of any other type is refused', () => {
    const { log, call } = machine();
    for (const type of [1n, 0x8000_0000n, 0xffff_ffffn]) expect(call(0xc400_0012, [type, 0n])).toBe(minus(2n));
    expect(log).toEqual([]);
  });
});

describe('names of calls', () => {
  it('are the specification’s, and a number where there is none', () => {
    expect(callName(0xc400_0003)).toBe('CPU_ON64');
    expect(callName(0x8000_0000)).toBe('SMCCC_VERSION');
    expect(callName(0x8400_00ff)).toBe('0x840000ff');
    expect(callName(PSCI_FUNCTIONS.MEM_PROTECT.id)).toBe('MEM_PROTECT');
  });
});
