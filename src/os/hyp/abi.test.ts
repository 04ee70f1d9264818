import { describe, expect, it } from 'vitest';
import { callFor, HVC_STUB_ERR, HYP_ABIS, hypAbi, layerOf, numberOf } from './abi.ts';

describe('the tables of calls to EL2', () => {
  it('have each version once, and each owner of a version once', () => {
    const names = HYP_ABIS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { layers } of HYP_ABIS) expect(new Set(layers.map(({ layer }) => layer)).size).toBe(layers.length);
  });

  it.each(HYP_ABIS.flatMap((abi) => abi.layers.map((layer) => [`${abi.name}, ${layer.layer}`, layer] as const)))(
    '%s: every number has one row, and every value of the first register is answered',
    (_, layer) => {
      const numbers = layer.calls.map(({ number }) => number);
      expect(new Set(numbers).size).toBe(numbers.length);
      expect(numbers.filter((number) => number === 'else')).toHaveLength(1);
      expect(callFor(layer, 0xffff_ffff_8000_0000n).number).toBe('else');
    },
  );

  it.each(HYP_ABIS.flatMap((abi) => abi.layers.map((layer) => [`${abi.name}, ${layer.layer}`, layer] as const)))(
    '%s: no register carries two things, and a call that does not come back has a target',
    (_, layer) => {
      for (const { operands, operation, result, name } of layer.calls) {
        const registers = Object.values(operands);
        expect(new Set(registers).size, name).toBe(registers.length);
        expect(result === 'noReturn', name).toBe(operation === 'softRestart');
        if (operation === 'softRestart') expect(operands.target, name).toBeDefined();
      }
    },
  );

  it('since 4.12 the numbers of set, restart and reset are the same on both architectures', () => {
    for (const name of ['arm 4.12', 'arm64 4.12', 'arm64 6.19']) {
      const stub = layerOf(hypAbi(name), 'stub')!;
      expect([numberOf(stub, 'setVectors'), numberOf(stub, 'softRestart')], name).toEqual([0n, 1n]);
      expect(callFor(stub, 2n).result, name).toBe('zero');
      expect(callFor(stub, 0x1234n).result, name).toBe('stubErr');
    }
    expect(HVC_STUB_ERR).toBe(0xbadca11n);
  });

  it('says which versions there are when asked for one there is not', () => {
    expect(() => hypAbi('arm64 4.11')).toThrow(/no version of that name.*arm64 4\.12/);
  });
});
