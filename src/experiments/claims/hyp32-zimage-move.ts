import { PSR, psrText } from '../../os/hyp/arm32/psr.ts';
import { hypAnswers, ZIMAGE, zImageMachine } from '../../os/hyp/arm32/zimage.ts';
import type { Experiment } from '../experiment.ts';

/** A decompressor that moves, and its kernel over the place it came from. */
export const hyp32ZimageMove: Experiment = {
  name: 'hyp32-zimage-move',
  claim:
    'A zImage that tells HYP where its vectors are going to be before it moves gets back to HYP for the kernel; until ' +
    'the move is done HYP has no code.',
  source: 'Linux, `arch/arm/boot/compressed/head.S`: why SET_VECTORS is kept in that stub alone',
  control: 'it moves without telling, and its stub is overwritten by the kernel',
  run({ control }) {
    const machine = zImageMachine({ mode: 'HYP', tells: !control });
    const cpu = machine.cpus[0]!;
    const silent: number[] = [];
    let at = 0;
    // Every boundary at which something could be taken to HYP: those outside HYP.
    while (machine.step(0)) {
      at++;
      if (cpu.mode.name !== 'HYP' && !hypAnswers(machine)) silent.push(at);
    }
    const entered = machine.arrivals.find(({ name }) => name === 'next.start');
    const moved = machine.arrivals.find(({ name }) => name === 'zImage.decompress');
    const inHyp = entered !== undefined && (entered.cpsr & PSR.M) === 0x1a;
    const whenMoved = moved?.steps ?? 0;
    const between = silent.length > 0 ? `, ${silent[0]} to ${silent.at(-1)}` : '';
    return {
      holds: inHyp && silent.length > 0 && silent.every((one) => one < whenMoved),
      evidence: [
        `kernel at 0x${ZIMAGE.kernelPa.toString(16)}: ${entered ? psrText(entered.cpsr) : 'not entered'}`,
        `HYP without code at ${silent.length} of ${at} boundaries${between}; moved at ${whenMoved}`,
      ],
    };
  },
};
