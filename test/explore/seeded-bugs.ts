import type { Machine } from '../../src/machine/machine.ts';
import { interruptedKernel } from './interrupted-kernel.ts';
import { sharingKernel } from './sharing-kernel.ts';

/** A kernel that mistakes are put into, and how it is explored: the same for each of them, and for none. */
export interface SeededKernel {
  readonly name: 'interrupted' | 'sharing';
  readonly make: (bug: string | undefined) => Machine;
  /** Mistakes that must be found. */
  readonly bugs: readonly string[];
  /** Mistakes that cannot be, with the reason. */
  readonly missed: Readonly<Record<string, string>>;
  /** Cases within which each is found. */
  readonly casesMax: number;
}

/** An interrupt and an SDEI event at every boundary. */
export const INTERRUPTED: SeededKernel = {
  name: 'interrupted',
  make: interruptedKernel,
  bugs: [
    'missing mask',
    'early unmask',
    'unmask instead of restore',
    'wrong order of two writes',
    'request cleared too late',
    'sleep without a mask',
    'lost end of interrupt',
    'register not saved',
    'stack pointer not restored',
    'lock taken in NMI',
    'counter not updated in one step',
    'sequence raised too late',
    'node linked before it is filled',
    'log slot taken in two steps',
    'exception registers not saved in NMI',
    'register not saved in NMI',
    'SP_EL0 not restored in NMI',
  ],
  missed: {},
  casesMax: 400,
};

/** Every schedule of two PEs with up to two switches that nothing asked for. */
export const SHARING: SeededKernel = {
  name: 'sharing',
  make: sharingKernel,
  bugs: [
    'early unlock',
    'missing exclusive retry',
    'two locks in two orders',
    'lock tested, then set',
    'message sent before it is written',
    'lost acknowledge',
    'reference dropped in two steps',
  ],
  missed: { 'missing barrier': 'memory is sequentially consistent here' },
  casesMax: 1_200,
};
