import { describe, expect, it } from 'vitest';
import { Rig } from '../../experiments/rig.ts';
import { branch, type Hosted, hvc, load, mrs, msr, readX, store, writeX } from '../../hosted.ts';
import type { MachineOptions } from '../../machine/options.ts';
import type { Cpu } from '../kit/cpu.ts';
import { ARM_EXCEPTION_HYP_GONE, HVC_STUB_ERR } from './abi.ts';
import { ARM64_VERSIONS } from './abi-arm64.ts';
import { HypKernel, type HypKernelOptions } from './kernel.ts';
import { Kvm } from './kvm.ts';
import { hypVa, IMAGE_PA, kernelVa, TEXT } from './layout.ts';
import { writeVeneer } from './text.ts';
import { SCTLR_OFF } from './translation.ts';

const NAMES = ARM64_VERSIONS.map(({ name }) => name);
const since = (name: string): string[] => NAMES.slice(NAMES.indexOf(name));
const STUB = IMAGE_PA + TEXT.stub;
const RESULTS = 0x40b0_1000n;
const TARGET = 0x4060_0000n;

interface Run {
  readonly text: string;
  readonly kind: string;
  readonly rig: Rig;
  result(n: number): bigint;
  el2(name: string): bigint;
}
type Body = (cpu: Cpu, hyp: HypKernel, kvm: Kvm) => Hosted;

/** A kernel whose `main` is the body; what it reports goes to RESULTS. */
function run(options: HypKernelOptions, body: Body, machine: MachineOptions = {}): Run {
  const hyp = new HypKernel(options);
  const kvm = new Kvm(hyp);
  hyp.kernel.addFunction('payload', function* ({ x }) {
    for (const [n, value] of x.slice(0, 3).entries()) yield* report(n, value);
    yield* report(3, (yield* mrs('CurrentEL')) >> 2n);
    yield* report(4, yield* mrs('SPSR_EL2'));
    yield* report(5, (yield* mrs('SCTLR_EL2')) & 1n);
    yield* report(6, yield* mrs('DAIF'));
    yield* store(RESULTS + 0x100n, 1n);
  });
  // A function of KVM's: memory is at EL2's addresses there.
  hyp.kernel.addFunction('logged', function* ({ x }) {
    for (const [n, value] of x.slice(0, 3).entries()) yield* store(hypVa(RESULTS) + BigInt(8 * n), value);
    return 99n;
  });
  const hosted = hyp.program({ main: (cpu) => body(cpu, hyp, kvm) });
  const rig = new Rig({ hosted, entry: hyp.entry, el2: true, ...machine });
  const { kind, text } = rig.finish(4_000);
  return {
    text,
    kind,
    rig,
    result: (n) => rig.word(RESULTS + BigInt(8 * n)),
    el2: (name) => rig.machine.pes[0]!.readRegister(name)!,
  };
}
const report = (n: number, value: bigint): Hosted => store(RESULTS + BigInt(8 * n), value);
function* call(n: number, ...x: bigint[]): Hosted {
  const [result] = yield* hvc(...x);
  yield* report(n, result!);
}

describe('the stub before 4.7', () => {
  it('gives VBAR_EL2 for 0, and takes everything else for vectors', () => {
    const { el2, result } = run({ abi: 'arm64 3.11' }, function* () {
      yield* call(0, 0n);
      yield* call(1, 0x4060_0800n);
    });
    expect(result(0)).toBe(STUB);
    expect(result(1)).toBe(0x4060_0800n);
    expect(el2('VBAR_EL2')).toBe(0x4060_0800n);
  });
  it('loses itself for a small integer: bits 10 to 0 of VBAR_EL2 are zero', () => {
    const { kind, el2 } = run({ abi: 'arm64 3.11' }, function* () {
      yield* hvc(1n);
      yield* hvc(0n);
    });
    expect(kind).toBe('stuck');
    expect(el2('VBAR_EL2')).toBe(0n);
  });
});

describe.each(['arm64 4.7', 'arm64 4.8'])('the stub of %s', (abi) => {
  it('gets, sets and gives HYP_GONE for what it does not know; X30 is lost', () => {
    const { result, el2 } = run({ abi }, function* () {
      yield* call(0, 0n);
      yield* writeX(30, 7n);
      yield* call(1, 3n);
      yield* report(2, yield* readX(30));
      yield* call(3, 1n, 0x4060_0800n);
    });
    expect(result(0)).toBe(STUB);
    expect(result(1)).toBe(ARM_EXCEPTION_HYP_GONE);
    expect(result(2)).not.toBe(7n);
    expect([result(3), el2('VBAR_EL2')]).toEqual([1n, 0x4060_0800n]);
  });
});

describe.each(since('arm64 4.12'))('the stub of %s', (abi) => {
  it('SET and RESET give 0, unknown numbers up to 255 give HVC_STUB_ERR and leave VBAR_EL2 alone', () => {
    const { result, el2, text } = run({ abi }, function* (cpu) {
      yield* call(0, 2n);
      let wrong = 0;
      for (let n = 5n; n < 256n; n += 25n) if ((yield* hvc(n))[0] !== HVC_STUB_ERR) wrong++;
      yield* cpu.print(`${wrong} wrong`);
      yield* call(1, 0n, STUB);
    });
    expect(text).toBe('0 wrong');
    expect([result(0), result(1)]).toEqual([0n, 0n]);
    expect(el2('VBAR_EL2')).toBe(STUB);
  });

  it('SOFT_RESTART: X2, X3 and X4 become X0, X1 and X2 of the payload, at EL2, masked, MMU off', () => {
    const { result } = run({ abi }, function* (_cpu, { kernel }) {
      yield* writeVeneer(TARGET, kernel.address('payload'));
      yield* hvc(1n, TARGET, 11n, 12n, 13n);
    });
    expect([result(0), result(1), result(2)]).toEqual([11n, 12n, 13n]);
    expect([result(3), result(5), result(6)]).toEqual([2n, 0n, 0x3c0n]);
  });

  it('RESET twice in a row succeeds both times, against stub, first vectors and KVM', () => {
    const { text } = run({ abi }, function* (cpu, hyp, kvm) {
      const twice = function* () {
        return `${yield* hyp.resetVectors()}${yield* hyp.resetVectors()} `;
      };
      yield* cpu.print(yield* twice());
      yield* hyp.callStub('setVectors', { vectors: IMAGE_PA + TEXT.init });
      yield* cpu.print(yield* twice());
      yield* kvm.load(cpu);
      yield* cpu.print(yield* twice());
    });
    expect(text).toBe('00 00 00 ');
  });
});

describe.each(since('arm64 4.12'))("KVM's vectors of %s", (abi) => {
  it('SET gives HVC_STUB_ERR and changes nothing', () => {
    const { result, el2 } = run({ abi }, function* (cpu, _hyp, kvm) {
      yield* kvm.load(cpu);
      yield* call(0, 0n, STUB);
    });
    expect(result(0)).toBe(HVC_STUB_ERR);
    expect(el2('VBAR_EL2')).toBe(hypVa(IMAGE_PA + TEXT.hyp));
  });
  it('RESET turns the MMU of EL2 off and restores the stub by its physical address', () => {
    const { el2 } = run({ abi }, function* (cpu, hyp, kvm) {
      yield* kvm.load(cpu);
      yield* hyp.resetVectors();
    });
    expect([el2('VBAR_EL2'), el2('SCTLR_EL2')]).toEqual([STUB, SCTLR_OFF.EL2]);
  });
  it('SOFT_RESTART enters the payload by ERET: SPSR_EL2 is 0x3c9, SCTLR_EL2.M is 0', () => {
    const { result } = run({ abi }, function* (cpu, { kernel }, kvm) {
      yield* writeVeneer(TARGET, kernel.address('payload'));
      yield* kvm.load(cpu);
      yield* hvc(1n, TARGET, 11n, 12n, 13n);
    });
    const losesArg0 = NAMES.indexOf(abi) < NAMES.indexOf('arm64 5.8');
    expect([result(0), result(1), result(2)]).toEqual([losesArg0 ? 0n : 11n, 12n, 13n]);
    expect([result(3), result(4), result(5)]).toEqual([2n, 0x3c9n, 0n]);
  });
  it('its first vectors take 0, 1 and 2 for stub calls: SET is refused, RESET gives 0', () => {
    const { result, el2 } = run({ abi }, function* (_cpu, hyp) {
      yield* hyp.callStub('setVectors', { vectors: IMAGE_PA + TEXT.init });
      yield* call(0, 0n, 0x4060_0800n);
      yield* report(2, 0n);
      yield* call(1, 2n);
    });
    expect([result(0), result(1)]).toEqual([HVC_STUB_ERR, 0n]);
    expect(el2('VBAR_EL2')).toBe(STUB);
  });
});

describe("KVM's vectors before 4.12", () => {
  it.each(['arm64 3.11', 'arm64 4.8'])('%s: get works, and a restart is a branch to its number', (abi) => {
    const got = run({ abi }, function* (cpu, _hyp, kvm) {
      yield* kvm.load(cpu);
      yield* call(0, 0n);
    });
    expect(got.result(0)).toBe(hypVa(IMAGE_PA + TEXT.hyp));
    const { text } = run({ abi }, function* (cpu, _hyp, kvm) {
      yield* kvm.load(cpu);
      yield* hvc(2n, TARGET);
    });
    expect(text).toContain('HYP panic: ESR 0x8a000000 at 0x2');
  });
  it('a function call shifts three arguments down by one; registers are 64 bits, so none is split', () => {
    const { result } = run({ abi: 'arm64 4.8' }, function* (cpu, { kernel }, kvm) {
      const pa = IMAGE_PA + TEXT.functions + 0x40n;
      yield* writeVeneer(pa, kernel.address('logged'));
      yield* kvm.load(cpu);
      yield* report(3, yield* kvm.callFunction(pa, 0x1122_3344_5566_7788n, 2n, 3n));
    });
    expect([result(0), result(1), result(2), result(3)]).toEqual([0x1122_3344_5566_7788n, 2n, 3n, 99n]);
  });
  it('the first vectors take any call for the initialisation', () => {
    const { kind, el2 } = run({ abi: 'arm64 4.8' }, function* (_cpu, hyp) {
      yield* hyp.callStub('setVectors', { vectors: IMAGE_PA + TEXT.init });
      yield* hvc(0n, 0x123n);
    });
    expect(kind).toBe('stuck');
    expect([el2('TTBR0_EL2'), el2('SCTLR_EL2') & 1n]).toEqual([0n, 1n]);
  });
});

describe.each(since('arm64 5.12'))('call 3 of %s', (abi) => {
  it('is refused where VHE is not wanted, and HCR_EL2 is as it was', () => {
    const { result, el2 } = run({ abi }, function* () {
      yield* call(0, 3n);
    });
    expect(result(0)).toBe(HVC_STUB_ERR);
    expect(el2('HCR_EL2')).toBe(1n << 31n);
  });
  it('is refused on a processor without VHE', () => {
    const { text, el2 } = run(
      { abi, vhe: true },
      function* (cpu) {
        yield* cpu.print('at EL2');
      },
      { cpu: 'cortex-a57' },
    );
    // A kernel that was built for EL2 alone does not run at EL1; the stub has said no.
    expect(text).not.toContain('at EL2');
    expect(el2('HCR_EL2') >> 34n).toBe(0n);
  });
  it('comes back at EL2 behind the HVC, with the registers of EL1 in EL2 and the MMU of EL1 off', () => {
    const { text, el2 } = run({ abi, vhe: true }, function* (cpu) {
      const el = (yield* mrs('CurrentEL')) >> 2n;
      const [ttbr0, ttbr1] = [yield* mrs('TTBR0_EL1'), yield* mrs('TTBR1_EL1')];
      const same = ttbr0 === (yield* mrs('TTBR0_EL12')) && ttbr1 === (yield* mrs('TTBR1_EL12'));
      yield* cpu.print(`EL${el} ${same} ${(yield* mrs('SCTLR_EL1')) & 1n} ${(yield* mrs('SCTLR_EL12')) & 1n}`);
    });
    expect(text).toBe('EL2 true 1 0');
    expect(el2('HCR_EL2')).toBe((1n << 34n) | (1n << 31n) | (1n << 27n));
  });
  it('is refused with the MMU of EL2 on', () => {
    const { result } = run({ abi, vhe: false }, function* (cpu, _hyp, kvm) {
      yield* kvm.load(cpu);
      yield* call(0, 3n);
    });
    expect(result(0)).toBe(HVC_STUB_ERR);
  });
});

describe('other owners', () => {
  it('HVC_GET_ICH_VTR_EL2 gives the register in X1', () => {
    const { result, el2 } = run({ abi: 'arm64 6.19' }, function* () {
      const [x0, x1] = yield* hvc(4n);
      yield* report(0, x0!);
      yield* report(1, x1!);
    });
    expect(result(0)).toBe(0n);
    expect(result(1)).toBe(el2('ICH_VTR_EL2'));
  });
  it('in final protected mode RESET_VECTORS is an unknown hypercall', () => {
    const { result, el2 } = run({ abi: 'arm64 6.0' }, function* (cpu, _hyp, kvm) {
      yield* kvm.load(cpu);
      yield* report(0, yield* kvm.finalizeProtection());
      yield* call(1, 2n);
    });
    expect([result(0), result(1)]).toEqual([0n, 0xffff_ffff_ffff_ffffn]);
    expect(el2('VBAR_EL2')).toBe(hypVa(IMAGE_PA + TEXT.hyp));
  });
  it('a CPU that comes back from an idle state finds the stub, and its first HVC is answered', () => {
    const { text } = run({ abi: 'arm64 6.0' }, function* (cpu, hyp, kvm) {
      yield* kvm.load(cpu);
      // KVM's own hook would have called before.
      hyp.kernel.pmHooks.length = 0;
      yield* cpu.irq.disable();
      yield* cpu.kernel.gic.send(0, 1);
      yield* cpu.suspend(true);
      yield* cpu.print(`${yield* hyp.resetVectors()}`);
    });
    expect(text).toBe('0');
  });
  it('a kernel at a VA that is not mapped any more does not run: what the wrapper returns to is gone', () => {
    const { kind } = run({ abi: 'arm64 6.0' }, function* () {
      yield* msr('VBAR_EL1', kernelVa(IMAGE_PA + TEXT.el1));
      yield* msr('SCTLR_EL1', SCTLR_OFF.EL1);
      yield* load(IMAGE_PA);
      yield* branch(kernelVa(IMAGE_PA));
    });
    expect(kind).toBe('stuck');
  });
});
