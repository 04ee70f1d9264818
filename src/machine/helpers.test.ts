import { describe, expect, it } from 'vitest';
import { PE_STATE, PE_STRIDE_BYTES } from '../arch/pestate.ts';
import { GuestMemory } from '../engine/memory.ts';
import { bindHelpers, bindPureHelpers } from './helpers.ts';

const ONE = 0x3f80_0000;
const THREE = 0x4040_0000;
const IXC = 1 << 4;

describe('helpers of generated code', () => {
  it('a pure one reads FPCR and adds to FPSR of the PE that calls', () => {
    const memory = new GuestMemory(1 << 20, 2);
    const { FPDiv32 } = bindPureHelpers(memory);
    const at = (pe: number, offset: number): number => (pe * PE_STRIDE_BYTES + offset) >> 2;
    // PE 1 rounds towards plus infinity.
    memory.i32[at(1, PE_STATE.FPCR.offset)] = 1 << 22;
    memory.i32[at(1, PE_STATE.FPSR.offset)] = 1 << 27;
    expect(Number(FPDiv32!(0, ONE, THREE)) >>> 0).toBe(0x3eaa_aaab);
    expect(Number(FPDiv32!(PE_STRIDE_BYTES, ONE, THREE)) >>> 0).toBe(0x3eaa_aaab);
    expect(Number(FPDiv32!(0, ONE, 0x40a0_0000)) >>> 0).toBe(0x3e4c_cccd);
    memory.i32[at(1, PE_STATE.FPCR.offset)] = 2 << 22;
    expect(Number(FPDiv32!(PE_STRIDE_BYTES, ONE, THREE)) >>> 0).toBe(0x3eaa_aaaa);
    expect(memory.i32[at(0, PE_STATE.FPSR.offset)]).toBe(IXC);
    expect(memory.i32[at(1, PE_STATE.FPSR.offset)]).toBe((1 << 27) | IXC);
  });

  it('any other goes to the PE whose block it names', () => {
    const called: string[] = [];
    const pes = [0, 1].map((n) => ({
      helpers: () => ({ breakpoint: (imm: number) => void called.push(`${n}: ${imm}`) }),
    }));
    const bound = bindHelpers(pes as never, new GuestMemory(1 << 20, 2));
    bound.breakpoint!(PE_STRIDE_BYTES, 5);
    bound.breakpoint!(0, 6);
    expect(called).toEqual(['1: 5', '0: 6']);
  });
});
