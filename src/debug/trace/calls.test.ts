import { describe, expect, it } from 'vitest';
import { describeCall, handlerStateText } from './calls.ts';

const minus = (value: bigint): bigint => BigInt.asUintN(64, -value);

describe('results of firmware calls by name', () => {
  it.each([
    ['SDEI_VERSION', (1n << 48n) | (1n << 32n), '1.1'],
    ['SDEI_EVENT_ENABLE', minus(3n), 'DENIED'],
    ['SDEI_EVENT_UNREGISTER', minus(5n), 'PENDING'],
    ['SDEI_INTERRUPT_BIND', minus(10n), 'OUT_OF_RESOURCE'],
    ['SDEI_INTERRUPT_BIND', 1000n, undefined],
    ['SDEI_EVENT_STATUS', 7n, 'registered+enabled+running'],
    ['SDEI_EVENT_STATUS', 0n, 'unregistered'],
    ['SDEI_EVENT_STATUS', minus(2n), 'INVALID_PARAMETERS'],
    ['SDEI_PE_MASK', 1n, 'was unmasked'],
    ['SDEI_EVENT_CONTEXT', minus(3n), undefined],
    ['PSCI_VERSION', 0x1_0001n, '1.1'],
    ['CPU_ON64', minus(4n), 'ALREADY_ON'],
    ['AFFINITY_INFO64', 2n, 'ON_PENDING'],
    ['SMCCC_VERSION', 0x1_0002n, '1.2'],
    ['0x84000042', minus(1n), 'NOT_SUPPORTED'],
  ])('%s gives %d: %s', (name, result, text) => {
    expect(describeCall(name, [], result).resultText).toBe(text);
  });

  it('of a call that did not return there is none', () => {
    expect(describeCall('CPU_OFF', [], undefined)).toEqual({ args: [] });
  });
});

describe('arguments of firmware calls by name', () => {
  it.each([
    ['SDEI_EVENT_REGISTER', [9n, 0x1000n, 2n, 1n, 3n], 'event=9 entry=4096 arg=2 flags=RM_PE affinity=3'],
    ['SDEI_EVENT_GET_INFO', [9n, 2n], 'event=9 info=PRIORITY'],
    ['SDEI_EVENT_GET_INFO', [9n, 77n], 'event=9 info=77'],
    ['SDEI_FEATURES', [0n], 'feature=BIND_SLOTS'],
    ['PSCI_FEATURES', [0xc400_0003n], 'psci_func_id=CPU_ON64'],
    ['SYSTEM_RESET264', [0n, 5n], 'reset_type=0 cookie=5'],
    ['0x84000042', [1n, 2n, 3n], 'x1=1 x2=2 x3=3'],
  ])('%s: %#', (name, x, text) => {
    const { args } = describeCall(name, x, 0n);
    expect(args.map((arg) => `${arg.name}=${arg.text ?? arg.value}`).join(' ')).toBe(text);
  });
});

it('names handler states by their bits', () => {
  expect([0, 1, 3, 4, 5, 7].map(handlerStateText)).toEqual([
    'unregistered',
    'registered',
    'registered+enabled',
    'running',
    'registered+running',
    'registered+enabled+running',
  ]);
});
