/** Versions of the calls to EL2 on arm64. See `abi.ts` for the words. */
import type { HypAbi, HypCall, HypCallers, HypLayerAbi } from './abi.ts';

const LOWER64_SYNC = 0x400;
const CURRENT_SPX_SYNC = 0x200;
/** KVM's vectors answer every kind of exception. */
const ALL_SLOTS: readonly number[] = Array.from({ length: 16 }, (_, n) => n * 0x80);

const INSTALL = 'KVM, on the CPU it initialises, interrupts out; the stub must own EL2';
const RESTART =
  'kexec and kdump at their very end, on the CPU that goes on: masked, MMU of EL1 off; anybody may own EL2';
const RESET = 'KVM, on the CPU that it leaves: CPU down, idle with loss of state, reboot notifier, unload';
const ANYONE = 'the kernel, any time after boot; KVM may own EL2';
const NOBODY = 'nobody; what a mistake gets';
const OWN = 'KVM, while it owns EL2 on that CPU';
const BOOT = 'early boot and resume, once for each CPU, at EL1, before KVM';

/** X4 is where the stub keeps the target. */
const restart = (number: bigint): HypCall => ({
  number,
  name: 'HVC_SOFT_RESTART',
  operation: 'softRestart',
  operands: { target: 1, arg0: 2, arg1: 3, arg2: 4 },
  result: 'noReturn',
  clobbers: [4],
  caller: RESTART,
});
/** KVM keeps X0 to X4 and returns by ERET to EL2h, everything masked. */
const restartKvm = (losesArg0: boolean): HypCall => ({
  ...restart(1n),
  clobbers: [5, 6],
  teardown: true,
  losesArg0,
  ...(losesArg0 ? { note: 'X0 of the payload is 0: the result of RESET_VECTORS is written on the common path' } : {}),
});
const get: HypCall = {
  number: 0n,
  name: 'HVC_GET_VECTORS',
  operation: 'getVectors',
  operands: {},
  result: 'vectors',
  caller: ANYONE,
};
const set = (number: bigint, result: HypCall['result']): HypCall => ({
  number,
  name: 'HVC_SET_VECTORS',
  operation: 'setVectors',
  operands: { vectors: 1 },
  result,
  caller: INSTALL,
});
const reset = (teardown: boolean): HypCall => ({
  number: 2n,
  name: 'HVC_RESET_VECTORS',
  operation: teardown ? 'resetVectors' : 'nothing',
  operands: {},
  result: 'zero',
  ...(teardown ? { clobbers: [5, 6], teardown: true } : { note: 'the stub has nothing to reset' }),
  caller: RESET,
});
const refused = (number: HypCall['number'], name: string): HypCall => ({
  number,
  name,
  operation: 'nothing',
  operands: {},
  result: 'stubErr',
  caller: NOBODY,
});
const gone: HypCall = { ...refused('else', 'anything else'), result: 'hypGone' };
/** The stub of 4.7 to 4.11 reads the syndrome into X30; its callers keep that on their stack. */
const losingLink = (calls: readonly HypCall[]): HypCall[] =>
  calls.map((one) => ({ ...one, clobbers: [...(one.clobbers ?? []), 30] }));
const callFunction: HypCall = {
  number: 'else',
  name: 'function pointer',
  operation: 'callFunction',
  operands: { function: 0, arg0: 1, arg1: 2, arg2: 3 },
  result: 'returned',
  clobbers: [1, 2, 3, 30],
  caller: OWN,
  note: 'the arguments move down by one register',
};
const initBootPgd: HypCall = {
  number: 'else',
  name: 'initialise',
  operation: 'initHyp',
  operands: { bootPgd: 0, pgd: 1, stack: 2, vectors: 3 },
  result: 'unchanged',
  clobbers: [2, 3, 4, 5],
  caller: OWN,
};
const init: HypCall = { ...initBootPgd, operands: { pgd: 0, stack: 1, vectors: 2 }, clobbers: [1, 4, 5, 6] };
const initPerCpu: HypCall = { ...init, operands: { pgd: 0, stack: 1, vectors: 2, perCpuOffset: 3 } };
/** Function identifier of KVM's initialisation: vendor-specific hypervisor service, SMC64, function 0. */
const KVM_INIT_ID = 0xc600_0000n;
const initSmccc: HypCall = {
  number: KVM_INIT_ID,
  name: '__kvm_hyp_init',
  operation: 'initHyp',
  operands: { params: 1 },
  result: 'zero',
  clobbers: [1, 2, 3, 4],
  caller: OWN,
};
/** As 5.10 has it. */
const initRegisters: HypCall = {
  ...initSmccc,
  operands: { pgd: 1, perCpuOffset: 2, stack: 3, vectors: 4 },
};
const notSupported: HypCall = {
  number: 'else',
  name: 'anything else',
  operation: 'nothing',
  operands: {},
  result: 'minusOne',
  caller: NOBODY,
};
const hypercall: HypCall = {
  number: 'else',
  name: 'function identifier of KVM',
  operation: 'hypercall',
  operands: { arg0: 1, arg1: 2, arg2: 3 },
  result: 'returned',
  clobbers: [1, 2, 3],
  caller: OWN,
  note: 'an identifier there is none of gives -1',
};
const vhe = (name: string): HypCall => ({
  number: 3n,
  name,
  operation: 'finaliseEl2',
  operands: {},
  result: 'zero',
  clobbers: [1, 2],
  caller: BOOT,
  note: 'comes back at EL2h, or at EL1 with HVC_STUB_ERR: MMU of EL2 on, no VHE, or VHE not wanted',
});
const ichVtr: HypCall = {
  number: 4n,
  name: 'HVC_GET_ICH_VTR_EL2',
  operation: 'getIchVtr',
  operands: {},
  result: 'zero',
  outputs: { 1: 'ICH_VTR_EL2' },
  caller: 'feature detection, at EL1, before KVM',
};

const stub = (calls: readonly HypCall[], more: Partial<HypLayerAbi> = {}): HypLayerAbi => ({
  layer: 'stub',
  symbol: '__hyp_stub_vectors',
  mmu: 'off',
  slots: [LOWER64_SYNC],
  checksClass: true,
  tells: 'it has no calls of its own',
  calls,
  ...more,
});
/** Since VHE_RESTART: also for a kernel that is at EL2 already; the syndrome is no longer looked at. */
const stubElx = (...calls: HypCall[]): HypLayerAbi =>
  stub([set(0n, 'zero'), ...calls, restart(1n), reset(false), refused('else', 'anything else')], {
    slots: [CURRENT_SPX_SYNC, LOWER64_SYNC],
    checksClass: false,
  });
const kvmInit = (tells: string, ...calls: HypCall[]): HypLayerAbi => ({
  layer: 'init',
  symbol: '__kvm_hyp_init',
  mmu: 'off',
  slots: [LOWER64_SYNC],
  checksClass: false,
  tells,
  calls,
});
const kvmHyp = (symbol: string, tells: string, ...calls: HypCall[]): HypLayerAbi => ({
  layer: 'hyp',
  symbol,
  mmu: 'on',
  slots: ALL_SLOTS,
  checksClass: true,
  tells,
  calls,
});
/** Stub calls of KVM's vectors since 4.12; `numbers` is HVC_STUB_HCALL_NR. */
const kvmStubCalls = (losesArg0: boolean, numbers: 3 | 4 | 5): HypCall[] => [
  restartKvm(losesArg0),
  reset(true),
  refused(0n, 'HVC_SET_VECTORS'),
  ...(numbers > 3 ? [refused(3n, numbers > 4 ? 'HVC_FINALISE_EL2' : 'HVC_VHE_RESTART or HVC_FINALISE_EL2')] : []),
  ...(numbers > 4 ? [refused(4n, 'HVC_GET_ICH_VTR_EL2')] : []),
];
const BELOW = (n: number): string => `X0 below ${n}, unsigned, is a stub call`;
const BY_VALUE = 'X0 equal to HVC_GET_VECTORS is the only stub call it knows; VTTBR_EL2 0 means the host';
const NONE = 'it does not: every HVC initialises';

/** Since 4.12 the syndrome is not looked at: nothing else can come from EL1 to a stub that traps nothing. */
const stubMerged: HypLayerAbi = stub([set(0n, 'zero'), restart(1n), reset(false), refused('else', 'anything else')], {
  checksClass: false,
});
const merged = (losesArg0: boolean): HypLayerAbi[] => [
  stubMerged,
  kvmInit(BELOW(3), ...kvmStubCalls(losesArg0, 3), initPerCpu),
  kvmHyp('__kvm_hyp_vector', BELOW(3), ...kvmStubCalls(losesArg0, 3), callFunction),
];
const smccc = (numbers: 3 | 4 | 5, initialise: HypCall): HypLayerAbi[] => [
  kvmInit(BELOW(numbers), ...kvmStubCalls(false, numbers), initialise, notSupported),
  kvmHyp('__kvm_hyp_host_vector', BELOW(numbers), ...kvmStubCalls(false, numbers), hypercall),
];
const smcccAndProtected = (numbers: 4 | 5): HypLayerAbi[] => [
  ...smccc(numbers, initSmccc),
  {
    ...kvmHyp('__kvm_hyp_host_vector, protected', 'there are no stub calls: every HVC is a hypercall', hypercall),
    layer: 'pkvm',
  },
];
const copy: HypLayerAbi = {
  layer: 'copy',
  symbol: 'trans_pgd_stub_vectors',
  mmu: 'off',
  slots: [LOWER64_SYNC],
  checksClass: true,
  tells: 'it has no calls of its own',
  calls: [set(0n, 'zero'), restart(1n), refused('else', 'anything else')],
};
const MODERN: HypCallers = { teardown: 'RESET_VECTORS', relocation: 'after', crash: 'boot' };
const COPIES: HypCallers = { ...MODERN, relocation: 'before', copiesVectors: true };
const FUNCTION: HypCallers = { teardown: 'function', relocation: 'after', crash: 'none' };

/** By age. */
export const ARM64_VERSIONS: readonly HypAbi[] = [
  {
    arch: 'arm64',
    name: 'arm64 3.11',
    kernels: '3.7 to 4.6 (KVM from 3.11)',
    source: 'Linux 4.4, `hyp-stub.S` before "Make hyp-stub extensible"; `kvm/hyp-init.S`, `kvm/hyp.S`',
    callers: { ...FUNCTION, teardown: 'none' },
    layers: [
      stub([
        { ...get, name: '0', clobbers: [1] },
        {
          number: 'else',
          name: 'address of vectors',
          operation: 'setVectors',
          operands: { vectors: 0 },
          result: 'unchanged',
          clobbers: [1],
          caller: INSTALL,
        },
      ]),
      kvmInit(NONE, initBootPgd),
      kvmHyp('__kvm_hyp_vector', BY_VALUE, { ...get, name: '0' }, callFunction),
    ],
  },
  {
    arch: 'arm64',
    name: 'arm64 4.7',
    kernels: '4.7',
    source: '"arm64: hyp/kvm: Make hyp-stub extensible", "Make hyp-stub reject kvm_call_hyp()"',
    callers: FUNCTION,
    layers: [
      stub(losingLink([get, set(1n, 'unchanged'), gone])),
      kvmInit(NONE, initBootPgd),
      kvmHyp('__kvm_hyp_vector', BY_VALUE, get, callFunction),
    ],
  },
  {
    arch: 'arm64',
    name: 'arm64 4.8',
    kernels: '4.8 to 4.11',
    source: 'Linux 4.9, `hyp-stub.S`, `kvm/hyp/hyp-entry.S`: HVC_SOFT_RESTART, for kexec',
    callers: { ...FUNCTION, restartReturns: 'nothing: the code behind the HVC is not reached' },
    layers: [
      stub(losingLink([get, set(1n, 'unchanged'), restart(2n), gone])),
      kvmInit(NONE, init),
      kvmHyp('__kvm_hyp_vector', BY_VALUE, get, callFunction),
    ],
  },
  {
    arch: 'arm64',
    name: 'arm64 4.12',
    kernels: '4.12 to 4.18',
    source: 'series "ARM/arm64: hyp-stub: improve ABI"; af42f20480bf "Zero x0 on successful stub handling"',
    callers: { ...MODERN, crash: 'EL1' },
    layers: merged(true),
  },
  {
    arch: 'arm64',
    name: 'arm64 4.19',
    kernels: '4.19 to 5.7',
    source: '76f4e2da "arm64: kexec: always reset to EL2 if present"',
    callers: MODERN,
    layers: merged(true),
  },
  {
    arch: 'arm64',
    name: 'arm64 5.8',
    kernels: '5.8 and 5.9, and stable kernels since July 2020',
    source: 'b9e10d4a6c9f "KVM: arm64: Stop clobbering x0 for HVC_SOFT_RESTART"',
    callers: MODERN,
    layers: merged(false),
  },
  {
    arch: 'arm64',
    name: 'arm64 5.10',
    kernels: '5.10 and 5.11 (which passes a structure)',
    source: 'series "Independent per-CPU data section for nVHE"',
    callers: MODERN,
    layers: [stubMerged, ...smccc(3, initRegisters)],
  },
  {
    arch: 'arm64',
    name: 'arm64 5.12',
    kernels: '5.12 to 5.15',
    source: 'f359182291c7 "arm64: Provide an \'upgrade to VHE\' stub hypercall"',
    callers: MODERN,
    layers: [stubElx(vhe('HVC_VHE_RESTART')), ...smcccAndProtected(4)],
  },
  {
    arch: 'arm64',
    name: 'arm64 5.16',
    kernels: '5.16 to 5.19',
    source: '08eae0ef618f "arm64: kexec: configure EL2 vectors for kexec"',
    callers: COPIES,
    layers: [stubElx(vhe('HVC_VHE_RESTART')), ...smcccAndProtected(4), copy],
  },
  {
    arch: 'arm64',
    name: 'arm64 6.0',
    kernels: '6.0 to 6.18',
    source: '7ddb0c3df788 "arm64: Rename the VHE switch to finalise_el2"',
    callers: COPIES,
    layers: [stubElx(vhe('HVC_FINALISE_EL2')), ...smcccAndProtected(4), copy],
  },
  {
    arch: 'arm64',
    name: 'arm64 6.19',
    kernels: '6.19 and later',
    source: 'patch of November 2025: HVC_GET_ICH_VTR_EL2',
    callers: COPIES,
    layers: [stubElx(vhe('HVC_FINALISE_EL2'), ichVtr), ...smcccAndProtected(5), copy],
  },
];
