/** Versions of the calls to HYP on 32-bit Arm. See `abi.ts` for the words. */
import type { HypAbi, HypCall, HypCallers, HypLayerAbi } from './abi.ts';

/** HVC, and everything else from lower modes. */
const HYP_TRAP = 0x14;
const ALL_SLOTS: readonly number[] = [0x04, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x1c];
const MINUS_ONE = 0xffff_ffffn;

const INSTALL = 'KVM, on the CPU it initialises; the stub must own HYP';
const RESTART = 'the end of kexec and kdump (`cpu_v7_reset`), masked, MMU off; anybody may own HYP';
const RESET = 'KVM, on the CPU that it leaves: CPU down, idle with loss of state, reboot notifier';
const ANYONE = 'the kernel, any time after boot; KVM may own HYP';
const NOBODY = 'nobody; what a mistake gets';
const OWN = 'KVM, while it owns HYP on that CPU';

const get = (number: bigint, name: string): HypCall => ({
  number,
  name,
  operation: 'getVectors',
  operands: {},
  result: 'vectors',
  caller: ANYONE,
});
const set = (number: HypCall['number'], register: number, result: HypCall['result']): HypCall => ({
  number,
  name: number === 'else' ? 'address of vectors' : 'HVC_SET_VECTORS',
  operation: 'setVectors',
  operands: { vectors: register },
  result,
  caller: INSTALL,
});
/** BX: bit 0 of the target says Thumb. */
const restart = (number: bigint, register: number): HypCall => ({
  number,
  name: 'HVC_SOFT_RESTART',
  operation: 'softRestart',
  operands: { target: register },
  result: 'noReturn',
  caller: RESTART,
  note: 'bit 0 of the target is the instruction set',
});
const nothing = (number: HypCall['number'], name: string, result: HypCall['result'], caller = NOBODY): HypCall => ({
  number,
  name,
  operation: 'nothing',
  operands: {},
  result,
  caller,
});
const init: HypCall = {
  number: 'else',
  name: 'initialise',
  operation: 'initHyp',
  operands: { stack: 0, vectors: 1, pgdLow: 2, pgdHigh: 3 },
  result: 'clobbered',
  clobbers: [1, 2],
  caller: OWN,
};
const callFunction: HypCall = {
  number: 'else',
  name: 'function pointer',
  operation: 'callFunction',
  operands: { function: 0, arg0: 1, arg1: 2, arg2: 3 },
  result: 'returned',
  clobbers: [1, 2, 3, 12],
  caller: OWN,
  note: 'the arguments move down by one register; bit 0 of the pointer is set on Thumb-2 kernels',
};
/** KVM's answer to a restart: SPSR is CPSR with the mode HYP, T as the kernel was built. */
const restartKvm: HypCall = {
  ...restart(1n, 1),
  clobbers: [0, 1, 12],
  teardown: true,
  note: 'the instruction set is that of the kernel; bit 0 of the target lands in ELR_hyp',
};
const resetKvm: HypCall = {
  number: 2n,
  name: 'HVC_RESET_VECTORS',
  operation: 'resetVectors',
  operands: {},
  result: 'zero',
  clobbers: [1, 12],
  teardown: true,
  caller: RESET,
};
const MERGED_KVM: readonly HypCall[] = [nothing(0n, 'HVC_SET_VECTORS', 'stubErr'), restartKvm, resetKvm];

const stub = (calls: readonly HypCall[], more: Partial<HypLayerAbi> = {}): HypLayerAbi => ({
  layer: 'stub',
  symbol: '__hyp_stub_vectors',
  mmu: 'off',
  slots: [HYP_TRAP],
  checksClass: false,
  tells: 'it has no calls of its own',
  calls,
  ...more,
});
const kvmInit = (tells: string, calls: readonly HypCall[]): HypLayerAbi => ({
  layer: 'init',
  symbol: '__kvm_hyp_init',
  mmu: 'off',
  slots: [HYP_TRAP],
  checksClass: false,
  tells,
  calls,
});
const kvmHyp = (tells: string, calls: readonly HypCall[]): HypLayerAbi => ({
  layer: 'hyp',
  symbol: '__kvm_hyp_vector',
  mmu: 'on',
  slots: ALL_SLOTS,
  checksClass: true,
  tells,
  calls,
});
const NONE = 'it does not: every HVC initialises';
const byValue = (what: string): string => `R0 equal to ${what} is the only stub call it knows; VMID 0 means the host`;
const BELOW = 'R0 below 3, unsigned, is a stub call';

const initD = kvmInit(NONE, [init]);
const hypE = kvmHyp(byValue('-1'), [get(MINUS_ONE, '-1'), callFunction]);
const hypF = kvmHyp(byValue('HVC_GET_VECTORS'), [get(0n, 'HVC_GET_VECTORS'), callFunction]);
const stubC = stub([
  get(0n, 'HVC_GET_VECTORS'),
  set(1n, 1, 'unchanged'),
  restart(2n, 3),
  nothing('else', 'anything else', 'minusOne'),
]);
const OLD: HypCallers = { teardown: 'function', relocation: 'after', crash: 'boot' };
const R3 = 'R3: it is copied to R0 and LR returned to, which is a virtual address while the MMU is off';

/** By age. */
export const ARM_VERSIONS: readonly HypAbi[] = [
  {
    arch: 'arm',
    name: 'arm original',
    kernels: '3.6 to 4.11 (KVM from 3.9)',
    letter: 'A, D, E',
    source: '"ARM: virt: allow the kernel to be entered in HYP mode", 3.6; 342cd0ab0e6c (KVM)',
    callers: OLD,
    layers: [stub([get(MINUS_ONE, '-1'), set('else', 0, 'unchanged')]), initD, hypE],
  },
  {
    arch: 'arm',
    name: 'arm patch v1',
    kernels: 'none: posted 9 December 2016',
    letter: 'B, D, E',
    source: '"ARM: soft-reboot into same mode that we entered the kernel", first version',
    callers: { ...OLD, refusesLowBits: 31n, restartReturns: R3 },
    layers: [
      stub([get(MINUS_ONE, '-1'), { ...restart(1n, 3), outputs: { 0: 'target' } }, set('else', 0, 'unchanged')]),
      initD,
      hypE,
    ],
  },
  {
    arch: 'arm',
    name: 'arm patch v2',
    kernels: 'none: posted 14 December 2016',
    letter: 'C, D, E',
    source: '"ARM: soft-reboot into same mode that we entered the kernel", second version',
    callers: { ...OLD, restartReturns: R3 },
    layers: [stubC, initD, hypE],
  },
  {
    arch: 'arm',
    name: 'arm patch v2 with get',
    kernels: 'none: posted 15 December 2016',
    letter: 'C, D, F',
    source: 'reply to the second version: the number of get shared with KVM',
    callers: { ...OLD, restartReturns: R3 },
    layers: [stubC, initD, hypF],
  },
  {
    arch: 'arm',
    name: 'arm 4.12',
    kernels: '4.12 to 5.6',
    letter: 'G',
    source: 'series "ARM/arm64: hyp-stub: improve ABI"',
    callers: { teardown: 'RESET_VECTORS', relocation: 'after', crash: 'boot' },
    layers: [
      stub([
        set(0n, 1, 'zero'),
        restart(1n, 1),
        nothing(2n, 'HVC_RESET_VECTORS', 'zero', RESET),
        nothing('else', 'anything else', 'stubErr'),
      ]),
      kvmInit(BELOW, [...MERGED_KVM, init]),
      kvmHyp(BELOW, [...MERGED_KVM, callFunction]),
    ],
  },
  {
    arch: 'arm',
    name: 'arm 5.7',
    kernels: '5.7 and later: no KVM',
    letter: 'G, without KVM',
    source: '541ad0150ca4 "arm: Remove 32bit KVM host support"',
    callers: { teardown: 'RESET_VECTORS', relocation: 'after', crash: 'boot' },
    layers: [
      stub([restart(1n, 1), nothing('else', 'anything else', 'stubErr')]),
      stub([set(0n, 1, 'zero'), restart(1n, 1), nothing('else', 'anything else', 'stubErr')], {
        layer: 'zImage',
        symbol: '__hyp_stub_vectors of the decompressor',
      }),
    ],
  },
];
