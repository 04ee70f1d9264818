import { describe, expect, it } from 'vitest';
import { BUSY, GUEST_PA, guest, listen, MMU_ON } from '../../test/exact/guests.ts';
import { PeRig } from '../../test/support/pe-rig.ts';
import { SYSREGS } from '../arch/sysregs/index.ts';
import type { Machine } from './machine.ts';

const STEPS = 40_000;

/** A guest that counts in X19 and calls `leaf` once a round; hot enough for regions. */
const LOOP = `
        mov     x19, #0
        mov     x20, #0
again:  bl      leaf
        add     x19, x19, #1
        b       again
leaf:   add     x20, x20, #3
        eor     x21, x20, x19
        and     x22, x21, #255
        ret
`;

/** Four PEs in the same loop, each started by PSCI, each with its own counter. */
const FOUR = `
start:  mov     x20, #1
next:   ldr     x0, =0xc4000003
        mov     x1, x20
        adr     x2, again
        mov     x3, #0
        smc     #0
        add     x20, x20, #1
        cmp     x20, #4
        b.lo    next
again:  add     x19, x19, #1
spot:   add     x21, x21, #1
        and     x22, x19, #15
        cbnz    x22, again
        yield
        b       again
        .ltorg
`;

interface Hit {
  readonly pe: number;
  readonly step: number;
}

/** Runs in slices with listeners at labels; where they were called, and the state at the end. */
function heard(
  made: ReturnType<typeof guest>,
  labels: readonly string[],
  slice: (machine: Machine) => number = () => STEPS,
): { hits: Record<string, Hit[]>; digest: string; text: string } {
  const { machine, symbols } = made;
  const console = listen(machine);
  const hits: Record<string, Hit[]> = {};
  for (const label of labels) {
    const at = symbols.get(label)!;
    hits[label] = [];
    machine.breakAt(at, ({ pe, pc }) => {
      expect(pc).toBe(at);
      expect(machine.readRegister(pe, 'PC')).toBe(at);
      hits[label]!.push({ pe, step: machine.steps });
    });
  }
  let reason = 'limit';
  while (machine.steps < STEPS && reason === 'limit')
    reason = machine.run({ steps: Math.min(slice(machine), STEPS - machine.steps) }).reason;
  return { hits, digest: machine.digest(), text: console.text };
}

/** What a listener of every step sees. */
function truth(made: ReturnType<typeof guest>, labels: readonly string[]): Record<string, Hit[]> {
  const { machine, symbols } = made;
  const hits: Record<string, Hit[]> = Object.fromEntries(labels.map((label) => [label, []]));
  machine.on('step', (pe, pc) => {
    for (const label of labels) if (symbols.get(label) === pc) hits[label]!.push({ pe, step: machine.steps });
  });
  machine.run({ steps: STEPS });
  return hits;
}

describe('breakAt', () => {
  const cases = [
    ['a loop', () => guest(LOOP), ['again', 'leaf']],
    ['a loop without regions', () => guest(LOOP, { engine: 'interpreter' }), ['again', 'leaf']],
    ['a loop with the MMU on', () => guest(`${MMU_ON}${LOOP}`), ['again', 'leaf', 'on']],
    ['timer interrupts', () => guest(BUSY), ['irq', 'back']],
    ['four PEs', () => guest(FOUR, { cpus: 4 }), ['spot', 'again', 'next']],
  ] as const;

  it.each(cases)('%s: is called at every arrival, and at no other moment', (_name, make, labels) => {
    const { hits } = heard(make(), labels);
    // Whoever arrives at the last boundary has not executed it.
    for (const label of labels) hits[label] = hits[label]!.filter(({ step }) => step < STEPS);
    expect(hits).toEqual(truth(make(), labels));
  });

  it.each(cases)('%s: the run is the same with and without', (_name, make, labels) => {
    const without = heard(make(), []);
    const { digest, text } = heard(make(), labels);
    expect({ digest, text }).toEqual({ digest: without.digest, text: without.text });
  });

  it.each(cases)('%s: it does not matter where runs end', (_name, make, labels) => {
    let n = 0;
    const whole = heard(make(), labels);
    expect(heard(make(), labels, () => 1 + ((n += 7) % 61))).toEqual(whole);
  });

  it('a hot loop is still compiled beside a stop', () => {
    const made = guest(LOOP);
    made.machine.breakAt(made.symbols.get('again')!, () => {});
    made.machine.run({ steps: STEPS });
    expect(made.machine.compiledRegions).toBeGreaterThan(0);
  });

  it('stop() leaves the instruction to be executed once when the run goes on, without another call', () => {
    const { machine, symbols } = guest(LOOP);
    let calls = 0;
    machine.breakAt(symbols.get('again')!, () => {
      calls++;
      machine.stop();
    });
    for (let n = 0; n < 5; n++) {
      expect(machine.run({ steps: 1000 }).reason).toBe('stopped');
      expect(machine.readRegister(0, 'PC')).toBe(symbols.get('again'));
      expect(machine.readRegister(0, 'X19')).toBe(BigInt(n));
      expect(calls).toBe(n + 1);
    }
  });

  it('hears of one PE only, when told so', () => {
    const { machine, symbols } = guest(FOUR, { cpus: 4 });
    const pes = new Set<number>();
    machine.breakAt(symbols.get('spot')!, ({ pe }) => void pes.add(pe), { pe: 2 });
    machine.run({ steps: STEPS * 4 });
    expect([...pes]).toEqual([2]);
  });

  it('a physical address is heard at whatever virtual address it is executed', () => {
    const { machine, symbols } = guest(`${MMU_ON}${LOOP}`);
    const calls: bigint[] = [];
    machine.breakAt(GUEST_PA, ({ pc }) => void calls.push(pc), { space: 'physical' });
    const off = machine.breakAt(symbols.get('leaf')!, ({ pc }) => void calls.push(pc), { space: 'physical' });
    machine.run({ steps: 200 });
    expect(calls.slice(0, 2)).toEqual([GUEST_PA, symbols.get('leaf')]);
    off();
    const before = calls.length;
    machine.run({ steps: 200 });
    expect(calls.length).toBe(before);
  });

  it('may be added and removed in the middle of a hot loop', () => {
    const { machine, symbols } = guest(LOOP);
    const plain = guest(LOOP).machine;
    machine.run({ steps: STEPS });
    const seen: number[] = [];
    const off = machine.breakAt(symbols.get('leaf')!, () => {
      seen.push(machine.steps);
      if (seen.length === 3) off();
    });
    machine.run({ steps: STEPS });
    plain.run({ steps: 2 * STEPS });
    expect(seen).toHaveLength(3);
    expect(machine.digest()).toBe(plain.digest());
  });

  it('code that writes the instruction at the stop is heard and does what it was written to', () => {
    const source = `
        adr     x0, spot
        ldr     w1, other
        mov     x5, #0
again:  mov     x6, #0
spot:   add     x6, x6, #1
        add     x7, x7, x6
        str     w1, [x0]
        ic      ivau, x0
        isb
        add     x5, x5, #1
        cmp     x5, #100
        b.lo    again
        b       .
other:  add     x6, x6, #2
    `;
    const made = guest(source);
    let calls = 0;
    made.machine.breakAt(made.symbols.get('spot')!, () => void calls++);
    made.machine.run({ steps: 3000 });
    expect(calls).toBe(100);
    expect(made.machine.readRegister(0, 'X7')).toBe(199n);
  });

  it('listeners stay when a snapshot is put back; one taken in the listener goes on behind the call', () => {
    const { machine, symbols } = guest(LOOP);
    const steps: number[] = [];
    let snapshot: ReturnType<Machine['snapshot']> | undefined;
    machine.breakAt(symbols.get('again')!, () => {
      steps.push(machine.steps);
      snapshot ??= machine.snapshot();
    });
    machine.run({ steps: 20 });
    expect(steps).toEqual([2, 9, 16]);
    const { digest } = { digest: machine.digest() };
    machine.restore(snapshot!);
    steps.length = 0;
    machine.run({ steps: 18 });
    expect(steps).toEqual([9, 16]);
    expect(machine.digest()).toBe(digest);
  });

  it('an arrival counts when the instruction can be fetched', () => {
    const { machine } = guest('        mov x0, #0x1000\n        br x0\n');
    let calls = 0;
    machine.breakAt(0x1000n, () => void calls++);
    machine.run({ steps: 50 });
    expect(calls).toBe(0);
  });

  it('an exception that comes back to the instruction makes it arrive again', () => {
    const { machine, symbols } = guest(LOOP, { sdei: {} });
    const handler = machine.readRegister(0, 'PC');
    expect(handler).toBe(GUEST_PA);
    let calls = 0;
    machine.breakAt(symbols.get('leaf')!, () => void calls++);
    machine.run({ steps: 3 });
    expect(calls).toBe(1);
    // As if a handler had run and returned.
    machine.writeRegister(0, 'PC', GUEST_PA);
    machine.run({ steps: 3 });
    expect(calls).toBe(2);
  });

  it.each([
    [2n, {}, 'E_ADDRESS'],
    [1n << 64n, {}, 'E_ADDRESS'],
    [0x1000n, { space: 'physical' }, 'E_ADDRESS'],
    [GUEST_PA, { pe: 1 }, 'E_CPUS'],
  ] as const)('0x%o with %j is refused', (addr, options, code) => {
    expect(() => guest(LOOP).machine.breakAt(addr, () => {}, options)).toThrow(expect.objectContaining({ code }));
  });
});

describe('the hook sysreg', () => {
  const MOVES = `
        mov     x9, #0
again:  mrs     x0, TPIDR_EL1
        msr     TPIDR_EL1, x0
        mrs     x0, DAIF
        msr     DAIFSet, #2
        msr     DAIFClr, #2
        msr     DAIF, x0
        mrs     x0, NZCV
        msr     NZCV, x0
        mrs     x0, CurrentEL
        mrs     x0, CNTVCT_EL0
        msr     SPSel, #1
        msr     PAN, #0
        add     x9, x9, #1
        b       again
    `;
  const ROUND = [
    'r TPIDR_EL1',
    'w TPIDR_EL1',
    'r DAIF',
    'w DAIFSet',
    'w DAIFClr',
    'w DAIF',
    'r NZCV',
    'w NZCV',
    'r CurrentEL',
    'r CNTVCT_EL0',
    'w SPSel',
    'w PAN',
  ];

  it('hears every MRS and MSR while somebody listens, also of hot code, and changes nothing', () => {
    const [machine, plain] = [guest(MOVES).machine, guest(MOVES).machine];
    // A whole number of rounds of 14 steps behind the first instruction.
    machine.run({ steps: 1 + 14 * 4000 });
    const names: string[] = [];
    const off = machine.on('sysreg', (_pe, name, write) => void names.push(`${write ? 'w' : 'r'} ${name}`));
    machine.run({ steps: 28 });
    off();
    machine.run({ steps: 14 * 4000 });
    plain.run({ steps: machine.steps });
    expect(names).toEqual([...ROUND, ...ROUND]);
    expect(machine.digest()).toBe(plain.digest());
  });

  it('hears the move of every register that has a name, whether it is quick, slow, or refused', () => {
    const rig = new PeRig();
    const heardNames: string[] = [];
    rig.machine.on('sysreg', (_pe, name, write) => void heardNames.push(`${write ? 'w' : 'r'} ${name}`));
    for (const { name } of SYSREGS) {
      heardNames.length = 0;
      rig.run(`mrs x0, ${name}`, 1);
      rig.run(`msr ${name}, x0`, 0);
      expect(heardNames).toEqual([`r ${name}`, `w ${name}`]);
    }
  });
});
