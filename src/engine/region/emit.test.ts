import { describe, expect, it } from 'vitest';
import { ProgramMachine } from '../../../test/support/programs.ts';
import { Rng } from '../../../test/support/rng.ts';
import { HOT_COUNT } from '../records.ts';

const PROGRAMS = 40;
const INSTRUCTIONS = 40;
/** Steps after which whatever a random program does all the time is compiled. */
const WARM_STEPS = 40 * HOT_COUNT;
const USED_BYTES = 0x9000;

const CONDITIONS = ['eq', 'ne', 'cs', 'cc', 'mi', 'pl', 'vs', 'vc', 'hi', 'ls', 'ge', 'lt', 'gt', 'le', 'al'];

/** One random instruction; X20 holds the address of data, X19 a place in it. */
function instruction(rng: Rng, label: () => string): string {
  const x = (): string => `x${rng.below(8)}`;
  const w = (): string => `w${rng.below(8)}`;
  const imm = (): number => rng.below(64);
  const cond = (): string => rng.pick(CONDITIONS);
  const kinds: (() => string)[] = [
    () => `add ${x()}, ${x()}, ${x()}, lsl #${imm()}`,
    () => `adds ${x()}, ${x()}, #${imm()}`,
    () => `adds ${w()}, ${w()}, ${w()}`,
    () => `subs ${x()}, ${x()}, ${x()}`,
    () => `subs ${w()}, ${w()}, #${imm()}`,
    () => `cmp ${x()}, ${x()}`,
    () => `cmn ${w()}, ${w()}`,
    () => `ands ${x()}, ${x()}, ${x()}`,
    () => `tst ${w()}, #0xff`,
    () => `adcs ${x()}, ${x()}, ${x()}`,
    () => `sbc ${w()}, ${w()}, ${w()}`,
    () => `ccmp ${x()}, #${rng.below(32)}, #${rng.below(16)}, ${cond()}`,
    () => `csinc ${x()}, ${x()}, ${x()}, ${cond()}`,
    () => `csel ${w()}, ${w()}, wzr, ${cond()}`,
    () => `mrs ${x()}, NZCV`,
    () => `msr NZCV, ${x()}`,
    () => `eor ${x()}, ${x()}, ${x()}, ror #${imm()}`,
    () => `mul ${w()}, ${w()}, ${w()}`,
    () => `and x19, ${x()}, #0x3f8`,
    () => `ldr ${x()}, [x20, x19]`,
    () => `str ${x()}, [x20, x19]`,
    () => `ldrsb ${w()}, [x20, #${imm()}]`,
    () => `stp ${x()}, ${x()}, [x20, #${8 * rng.below(16)}]`,
    () => `ldr ${x()}, [x20], #0`,
    () => `add sp, x20, #${imm()}`,
    () => `add ${x()}, sp, #${imm()}`,
    () => `svc #0`,
    () => `.word 0`,
    () => `ldr ${x()}, [x21]`,
    () => `fmov d${rng.below(4)}, ${x()}`,
    () => `fadd d${rng.below(4)}, d${rng.below(4)}, d${rng.below(4)}`,
    () => `add v${rng.below(4)}.4s, v${rng.below(4)}.4s, v${rng.below(4)}.4s`,
    () => `bl ${label()}`,
    () => `adr x30, ${label()}`,
    () => `ret`,
  ];
  const branches: (() => string)[] = [
    () => `b.${cond()} ${label()}`,
    () => `cbz ${w()}, ${label()}`,
    () => `cbnz ${x()}, ${label()}`,
    () => `tbnz ${w()}, #${rng.below(32)}, ${label()}`,
    () => `b ${label()}`,
  ];
  return rng.pick(rng.percent(25) ? branches : kinds)();
}

/** A program that never ends: whatever happens, control comes back to the top, where a counter changes. */
function randomProgram(seed: number): string {
  const rng = new Rng(`region program ${seed}`);
  const label = (): string => `l${rng.below(INSTRUCTIONS)}`;
  const lines = Array.from({ length: INSTRUCTIONS }, (_, i) => `l${i}: ${instruction(rng, label)}`);
  return `
        mov     x20, #0x8000
        mov     x21, #1 << 40
        adr     x30, top
top:    add     x7, x7, #0x25
        ror     x6, x6, #7
        ${lines.join('\n        ')}
        b       top
  `;
}

describe('compiled regions do what handlers do', () => {
  const compiled = new ProgramMachine('nop', USED_BYTES);
  const plain = new ProgramMachine('nop', USED_BYTES, 1 << 20, false);
  let regions = 0;

  it.each(Array.from({ length: PROGRAMS }, (_, i) => i))('random program %i, after any number of steps', (seed) => {
    const source = randomProgram(seed);
    for (const m of [compiled, plain]) m.load(source);
    const rng = new Rng(`slices ${seed}`);
    while (plain.steps < WARM_STEPS) {
      const slice = rng.percent(20) ? rng.below(20) + 1 : rng.below(4000) + 1;
      for (const m of [compiled, plain]) m.run(slice);
      if (compiled.state() !== plain.state())
        expect.fail(`states differ between ${plain.steps - slice} and ${plain.steps}`);
    }
    expect(compiled.events).toEqual(plain.events);
    for (let n = 1; n <= 60; n++) {
      for (const m of [compiled, plain]) {
        m.reset();
        m.run(n);
      }
      if (compiled.state() !== plain.state()) expect.fail(`states differ after ${n} steps from the start`);
    }
    regions = compiled.engine.compiledRegions;
  });

  it('and regions were in fact compiled, on one of the machines', () => {
    expect(regions).toBeGreaterThan(PROGRAMS / 2);
    expect(plain.engine.compiledRegions).toBe(0);
  });
});
