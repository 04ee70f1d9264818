import { describe, expect, it } from 'vitest';
import { EC, FSC } from '../../arch/esr.ts';
import { type ErrorRigOptions, errorRig, memoryBlock } from '../../experiments/errors.ts';
import { eret, type Hosted, load, msr, nop, store } from '../../hosted.ts';
import { assemble } from '../../isa/text/index.ts';
import { takeAbort } from '../../machine/ras-aborts.ts';
import { AREA, areaOf } from '../kit/layout.ts';
import { ARENA } from './layout.ts';
import { claimSea } from './notify.ts';

const SPI = 100;
/** GICD_ICFGR6: edge-triggered. IHI 0069, "GICD_ICFGR<n>". */
const [SPI_ICFGR, SPI_EDGE] = [0x0800_0c18n, 2n << BigInt((SPI % 16) * 2)];
/** EL0 sees RAM a second time, with access of its own. */
const USER_VA = 0x1_0000_0000n;
const USER_BLOCK = 0x4000_0000n | (1n << 10n) | (3n << 8n) | (1n << 6n) | (1n << 2n) | 1n;
const RAM_PA = 0x4000_0000n;
const CODE_PA = 0x4090_0000n;
const DATA_PA = 0x40a0_0000n;
const SPSR_EL0 = 0n;

/** EL0 loads from the bad page, then calls the kernel. */
function user(options: Partial<ErrorRigOptions>) {
  const seen: string[] = [];
  const made = errorRig({
    sources: [{ notify: 'SEA' }],
    *memoryFailure(_cpu, pfn, flags) {
      seen.push(`page 0x${pfn.toString(16)} flags ${flags}`);
      yield* nop();
    },
    *afterUserSea(_cpu, frame) {
      seen.push('back to EL0');
      // Behind the load, which would meet the same again.
      yield* store(frame.pa + 0x100n, frame.pc + 4n);
      return true;
    },
    *main(_cpu, { stagePa }) {
      yield* store(ARENA.tablesPa + 8n * 4n, USER_BLOCK);
      yield* store(stagePa, 1n);
      yield* msr('ELR_EL1', USER_VA + (CODE_PA - RAM_PA));
      yield* msr('SPSR_EL1', SPSR_EL0);
      yield* eret();
    },
    ...options,
  });
  const source = `movz x0, #1, lsl #32\n movk x0, #${(DATA_PA - RAM_PA) >> 16n}, lsl #16\n ldr x1, [x0]\n b .`;
  made.rig.machine.writeMemory(CODE_PA, assemble(source).bytes);
  made.rig.machine.poison(DATA_PA);
  made.rig.until(made.stagePa, 1n);
  return { ...made, seen };
}

describe('a synchronous abort of EL0 that firmware told of', () => {
  const block = memoryBlock({ severity: 'recoverable', addr: DATA_PA, fruText: 'page' });

  it('has the page taken away before EL0 goes on', () => {
    const { rig, firmware, seen } = user({});
    firmware.put(0, block);
    rig.machine.run({ steps: 20_000 });
    expect(seen).toEqual(['page 0x40a00 flags 2', 'back to EL0']);
    expect(rig.text).toContain('fru_text: page');
    expect(firmware.acknowledged(0)).toBe(true);
    expect(rig.machine.pes[0]!.s.el).toBe(0);
  });

  it.each([
    ['with both', [], 'page 0x40a00 flags 2'],
    ['without the kick', ['noKick'], 'back to EL0'],
  ] as const)('where a thread takes pages away, %s (%j) the first thing is: %s', (_, variants, first) => {
    const { rig, firmware, seen } = user({ variants, pages: 'kernel' });
    firmware.put(0, block);
    rig.machine.runUntil(() => seen.length > 0, { steps: 20_000 });
    expect(seen).toEqual([first]);
  });

  it('all sources of the kind are asked, each in its turn', () => {
    const { rig, firmware } = user({ sources: [{ notify: 'SEA' }, { notify: 'SEA' }] });
    firmware.put(0, block);
    firmware.put(1, memoryBlock({ fruText: 'other', addr: 0x4051_0000n }));
    rig.machine.run({ steps: 20_000 });
    expect([...rig.text.matchAll(/fru_text: (\S+)/g)].map(([, fru]) => fru)).toEqual(['page', 'other']);
  });

  it('nobody told of: the kernel deals with it as with any other', () => {
    const { rig } = user({});
    expect(rig.finish().text).toMatch(/Kernel panic on CPU 0: unexpected exception at .*, ESR_EL1 0x92000010/);
  });
});

describe('a synchronous abort of the kernel', () => {
  it('is not offered, and its record stays where it is', () => {
    const { rig, firmware, stagePa } = errorRig({
      sources: [{ notify: 'SEA' }],
      *main(_cpu, { stagePa: stage }) {
        yield* store(stage, 1n);
        yield* load(DATA_PA);
      },
    });
    rig.machine.poison(DATA_PA);
    rig.until(stagePa, 1n);
    firmware.put(0, memoryBlock());
    expect(rig.finish().text).toContain('unexpected exception');
    expect(firmware.acknowledged(0)).toBe(false);
  });

  it('with interrupts out the work cannot be done: it is not claimed', () => {
    const results: bigint[] = [];
    const { rig, firmware, stagePa } = errorRig({
      sources: [{ notify: 'SEA' }],
      *main(cpu, { stagePa: stage, ghes }) {
        results.push(yield* claimSea(ghes, cpu));
        yield* store(stage, 1n);
        while ((yield* load(stage)) === 1n) yield* nop();
        const flags = yield* cpu.irq.saveAndDisable();
        results.push(yield* claimSea(ghes, cpu));
        const daif = yield* cpu.irq.daifSave();
        results.push(daif & 0x3c0n);
        yield* cpu.irq.restore(flags);
        yield* store(stage, 3n);
        while ((yield* load(stage)) === 3n) yield* nop();
        results.push(yield* claimSea(ghes, cpu));
      },
    });
    rig.until(stagePa, 1n);
    firmware.put(0, memoryBlock());
    rig.setWord(stagePa, 2n);
    rig.until(stagePa, 3n);
    firmware.put(0, memoryBlock({ fruText: 'later' }));
    rig.setWord(stagePa, 4n);
    const { kind, text } = rig.finish();
    // ENOENT when there is nothing; EINPROGRESS, and the mask as it was; 0 with interrupts in, everything done.
    expect(results).toEqual([-2n, -115n, 0xc0n, 0n]);
    expect(text).toContain('APEI work queued but not completed');
    expect([kind, /later/.test(text)]).toEqual(['off', true]);
  });

  it('with interrupts out, as 5.1 did it, it is claimed although nothing has been done yet', () => {
    let result: bigint | undefined;
    let queued = 0n;
    const { rig, firmware, stagePa } = errorRig({
      sources: [{ notify: 'SEA' }],
      variants: ['noClaimWork'],
      *main(cpu, { stagePa: stage, ghes }) {
        const flags = yield* cpu.irq.saveAndDisable();
        yield* store(stage, 1n);
        while ((yield* load(stage)) === 1n) yield* nop();
        result = yield* claimSea(ghes, cpu);
        queued = yield* load(ghes.words.queue);
        yield* cpu.irq.restore(flags);
      },
    });
    rig.until(stagePa, 1n);
    firmware.put(0, memoryBlock());
    rig.setWord(stagePa, 2n);
    expect(rig.finish().kind).toBe('off');
    expect([result, queued !== 0n]).toEqual([0n, true]);
  });

  it('in the handler of an interrupt that holds its lock: the whole handler in the abort waits for ever', () => {
    const ends = (variants: ErrorRigOptions['variants'] & object): string => {
      const { rig, firmware, ghes, stagePa } = errorRig({
        sources: [{ notify: 'SEA' }, { notify: 'externalInterrupt', vector: SPI }],
        variants,
        *fixup(): Hosted<boolean> {
          yield* nop();
          return true;
        },
        *main(_cpu, { stagePa: stage, ghes: own }) {
          yield* store(stage, 1n);
          while ((yield* load(own.words.printed)) < 2n) yield* nop();
        },
      });
      rig.until(stagePa, 1n);
      firmware.put(1, memoryBlock({ fruText: 'line' }));
      rig.machine.gic.set(SPI, true);
      rig.machine.runUntil(() => rig.word(ghes.words.lockIrq) === 1n, { steps: 5_000 });
      rig.machine.gic.set(SPI, false);
      firmware.put(0, memoryBlock({ fruText: 'abort', addr: 0x4051_0000n }));
      takeAbort(rig.machine.pes[0]!, EC.DataAbortSameEL, FSC.SyncExternal);
      return rig.finish().kind;
    };
    expect(ends(['noClaimWork'])).toBe('off');
    expect(ends(['directSea'])).toBe('deadlock');
  });

  it('keeps interrupts out until it is no NMI any more, wherever they come', () => {
    const inside: bigint[] = [];
    let taken = 0;
    const { rig, firmware, kernel, stagePa } = errorRig({
      sources: [{ notify: 'SEA' }],
      *main(cpu, { stagePa: stage, ghes }) {
        yield* store(SPI_ICFGR, SPI_EDGE, 4);
        yield* kernel.gic.route(SPI, 0);
        yield* kernel.gic.enable(SPI, 0);
        yield* store(stage, 1n);
        yield* claimSea(ghes, cpu);
        yield* store(stage, 2n);
        for (let n = 0; n < 100; n++) yield* nop();
      },
    });
    kernel.onInterrupt(SPI, function* (cpu) {
      taken++;
      inside.push(yield* load(cpu.at(AREA.nmiDepth)));
    });
    rig.until(stagePa, 1n);
    firmware.put(0, memoryBlock());
    const begin = rig.mark();
    for (let after = 0; after < 400; after += 5) {
      rig.back(begin);
      rig.machine.run({ steps: after });
      rig.machine.gic.set(SPI, true);
      rig.machine.gic.set(SPI, false);
      expect(rig.finish().kind).toBe('off');
    }
    expect([taken, new Set(inside)]).toEqual([80, new Set([0n])]);
  });

  it('leaves the count of NMIs as it was', () => {
    const { rig, firmware } = user({});
    firmware.put(0, memoryBlock({ severity: 'recoverable', addr: DATA_PA }));
    rig.machine.run({ steps: 20_000 });
    expect([rig.word(areaOf(0) + AREA.nmiDepth), rig.word(areaOf(0) + AREA.irqDepth)]).toEqual([0n, 0n]);
  });
});
