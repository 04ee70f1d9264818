/** `docs/hyp-abi.md`: the calls to EL2, from the tables that the hosted code runs on. */
import {
  ARM_EXCEPTION_HYP_GONE,
  HVC_STUB_ERR,
  HYP_ABIS,
  type HypAbi,
  type HypArch,
  type HypCall,
  type HypLayer,
  type HypLayerAbi,
  type HypOperand,
  type HypResult,
} from '../../src/os/hyp/abi.ts';
import { code, hex, page, table } from './markdown.ts';

const ARCH: Readonly<Record<HypArch, { readonly title: string; readonly register: string; readonly level: string }>> = {
  arm: { title: '32-bit Arm', register: 'R', level: 'HYP' },
  arm64: { title: 'arm64', register: 'X', level: 'EL2' },
};
const LAYER: Readonly<Record<HypLayer, string>> = {
  stub: 'The stub',
  init: "KVM's vectors while it initialises a CPU",
  hyp: "KVM's vectors",
  pkvm: "KVM's vectors, protected mode being final",
  copy: 'Vectors that were copied out of the way of a kexec',
  zImage: 'The stub of the decompressor',
};
const OPERAND: Readonly<Record<HypOperand, string>> = {
  vectors: 'address of the vectors',
  target: 'physical address to go to',
  arg0: 'argument 0',
  arg1: 'argument 1',
  arg2: 'argument 2',
  function: 'address of a function',
  bootPgd: 'tables to switch the MMU on with',
  pgd: 'translation tables',
  pgdLow: 'translation tables, low word',
  pgdHigh: 'translation tables, high word',
  stack: 'stack',
  perCpuOffset: 'offset of per-CPU data',
  params: 'physical address of a structure with all of it',
};
const RESULT: Readonly<Record<HypResult, string>> = {
  zero: '0',
  unchanged: 'as it was',
  vectors: 'address of the vectors',
  stubErr: 'HVC_STUB_ERR',
  hypGone: `${ARM_EXCEPTION_HYP_GONE}`,
  minusOne: '-1',
  returned: 'what the function returned',
  clobbered: 'lost',
  noReturn: 'does not come back',
};

const first = (register: string): string => `${register}0`;

function numberText({ number }: HypCall): string {
  if (number === 'else') return 'any other';
  return number > 0xfff_ffffn ? hex(number) : `${number}`;
}
function inText({ operands }: HypCall, register: string): string {
  const rows = Object.entries(operands).sort(([, a], [, b]) => a - b);
  return rows.map(([name, n]) => `${register}${n} ${OPERAND[name as HypOperand]}`).join('; ') || 'nothing';
}
function outText({ result, outputs = {}, operands, operation, losesArg0 }: HypCall, register: string): string {
  const own = result === 'noReturn' ? RESULT.noReturn : `${first(register)} ${RESULT[result]}`;
  const more = Object.entries(outputs).map(([n, what]) => `${register}${n} ${what}`);
  const moved =
    operation === 'softRestart' && operands.arg0 !== undefined
      ? [
          `the payload has arguments 0 to 2 in ${register}0 to ${register}2${losesArg0 ? ', argument 0 being lost' : ''}`,
        ]
      : [];
  return [own, ...more, ...moved].join('; ');
}
const clobberText = ({ clobbers = [] }: HypCall, register: string): string =>
  clobbers.map((n) => `${register}${n}`).join(', ') || 'none';
function effectText({ note, teardown }: HypCall): string {
  const tears = teardown ? ["switches the MMU off and puts the stub's vectors back"] : [];
  return [...tears, ...(note ? [note] : [])].join('; ');
}

function layerPart(layer: HypLayerAbi, { register, level }: (typeof ARCH)[HypArch]): string {
  const slots = layer.slots.length > 3 ? 'all' : layer.slots.map(hex).join(', ');
  const lead = [
    `${LAYER[layer.layer]} (${code(layer.symbol)}). MMU of ${level} ${layer.mmu}; entries that are no loop: ${slots};`,
    `the syndrome is ${layer.checksClass ? '' : 'not '}looked at. How it tells its own calls: ${layer.tells}.`,
  ].join(' ');
  const heads = [`${first(register)}`, 'call', 'in', 'out', 'also lost', 'who, when', 'notes'];
  const rows = layer.calls.map((call) => [
    numberText(call),
    call.name,
    inText(call, register),
    outText(call, register),
    clobberText(call, register),
    call.caller,
    effectText(call),
  ]);
  return `${lead}\n\n${table(heads, rows)}`;
}

function callersText({ callers }: HypAbi, level: string): string {
  const teardown = {
    none: 'KVM never gives a CPU back',
    function: 'KVM gives a CPU back by a function of its own',
    RESET_VECTORS: 'KVM gives a CPU back by RESET_VECTORS',
  }[callers.teardown];
  const crash = {
    none: 'there is no kdump',
    boot: 'a crash kernel is entered where the first one was',
    EL1: `a crash kernel is entered at EL1, whoever has ${level}`,
  }[callers.crash];
  const relocation = `kexec copies pages ${callers.relocation} the call`;
  const more = [
    ...(callers.copiesVectors ? ['it copies vectors out of the way and does not look whether they were accepted'] : []),
    ...(callers.refusesLowBits
      ? [`addresses of vectors with bits of ${hex(callers.refusesLowBits)} set are not passed on`]
      : []),
    ...(callers.restartReturns ? [`a restart that comes back relies on ${callers.restartReturns}`] : []),
  ];
  return `Callers: ${[teardown, relocation, crash, ...more].join('; ')}.`;
}

function versionPart(abi: HypAbi): string {
  const arch = ARCH[abi.arch];
  const letter = abi.letter ? ` (${abi.letter})` : '';
  return [
    `### ${abi.name}${letter}`,
    `Kernels: ${abi.kernels}. Source: ${abi.source}.`,
    callersText(abi, arch.level),
    ...abi.layers.map((layer) => layerPart(layer, arch)),
  ].join('\n\n');
}

const LEAD = `A kernel that is entered at EL2 (HYP) keeps a stub there and goes to EL1 (SVC). KVM takes EL2 from the
stub and gives it back; kexec and kdump want it back at any instruction. They talk by \`HVC #0\` with a number in the
first register, each CPU for itself. The numbers are private to one kernel image, but three pieces of code answer them:
the stub, KVM's first vectors, KVM's vectors. This page says for each version what each of them does.

It is printed from the tables in \`src/os/hyp\` with which the hosted owners of EL2 decode their calls. What goes wrong
in which version is in [the guide to hand-over](guide/handover.md).`;

const RULES = `## Rules since 4.12

- Addresses are physical. The stub runs with the MMU of EL2 off; KVM goes to identity-mapped code to switch it off.
- SET_VECTORS is for who finds the stub: KVM refuses it, with HVC_STUB_ERR = ${hex(HVC_STUB_ERR)}.
- RESET_VECTORS and SOFT_RESTART are answered by every owner, at any time, also twice: a crash comes at any instruction.
- A CPU that comes up, or wakes from a state in which it lost its own, finds the stub; KVM resets before it sets.
- A kernel that was entered at EL1 makes none of these calls. Who answers there is another hypervisor, or nobody.
- On arm64 a call may lose X0 to X18; on 32-bit Arm R0 to R3 and IP.
- With VHE the kernel is at EL2 itself: it makes no call but the one that takes it there.`;

/** `docs/hyp-abi.md`. */
export function hypAbiPage(): string {
  const overview = table(
    ['version', 'kernels', 'owners', 'set', 'restart', 'reset'],
    HYP_ABIS.map((abi) => {
      const stub = abi.layers[0]!;
      const find = (test: (call: HypCall) => boolean): string => {
        const found = stub.calls.find(test);
        return found ? numberText(found) : 'none';
      };
      return [
        abi.name,
        abi.kernels,
        abi.layers.map(({ layer }) => layer).join(', '),
        find(({ operation }) => operation === 'setVectors'),
        find(({ operation }) => operation === 'softRestart'),
        find(({ name }) => name === 'HVC_RESET_VECTORS'),
      ];
    }),
  );
  const parts = (['arm', 'arm64'] as const).flatMap((arch) => [
    `## ${ARCH[arch].title}`,
    ...HYP_ABIS.filter((abi) => abi.arch === arch).map(versionPart),
  ]);
  return page('Calls between the kernel and EL2', LEAD, [RULES, `## Versions\n\n${overview}`, ...parts]);
}
