/** Running from the last event to the place where runs end, or until the state is the undisturbed run's again. */
import type { Ending, Explorer } from './explorer.ts';
import { consolePattern, onArrival } from './places.ts';
import { lockRing } from './stuck.ts';
import { type Checkpoint, countBefore, endPlace } from './window.ts';

/** Steps between two looks at a guest that may be stuck. */
const STUCK_STEPS = 5_000;

/** See the head of the file. */
export class Ends {
  private readonly explorer: Explorer;
  private readonly converge: boolean;

  /** @param converge - look at checkpoints on the way */
  constructor(explorer: Explorer, converge: boolean) {
    this.explorer = explorer;
    this.converge = converge;
  }

  /**
   * Runs on from the boundary at which the machine is.
   *
   * @param undisturbed - apart from events it is the undisturbed run
   */
  run(stepsMax: number, undisturbed: boolean): Ending {
    const limit = this.explorer.machine.steps + stepsMax;
    if (this.converge && undisturbed) {
      for (const checkpoint of this.checkpoints()) {
        const reason = this.toTime(checkpoint.snapshot.time.timeNs, limit);
        if (reason !== 'end') return { reason };
        if (this.explorer.isAt(checkpoint)) return { reason: 'converged' };
      }
    }
    return { reason: this.toEnd(limit, undisturbed) };
  }

  /** The next checkpoint, the one after it, the second after that, the fourth, ... */
  private *checkpoints(): Generator<Checkpoint> {
    const { machine, baseline } = this.explorer;
    const { checkpoints } = baseline;
    const nowNs = Number(machine.timeNs);
    let at = countBefore(checkpoints, ({ snapshot }) => snapshot.time.timeNs, nowNs + 1);
    for (let stride = 1; at < checkpoints.length; at += stride, stride *= 2) yield checkpoints[at]!;
  }

  /** Runs to the first boundary at a virtual time. */
  private toTime(timeNs: number, limit: number): Ending['reason'] {
    const { machine } = this.explorer;
    let there = false;
    machine.atTimeNs(BigInt(timeNs), () => {
      there = true;
      machine.stop();
    });
    const reason = this.go(limit);
    return there && reason !== 'trouble' ? 'end' : reason;
  }

  /** Runs on; a guest in hosted code is looked at now and then, since it spins on locks for ever. */
  private go(limit: number): Exclude<Ending['reason'], 'end' | 'converged'> {
    const { machine, watch, options } = this.explorer;
    const slice = machine.hosted || options.stuck ? STUCK_STEPS : Number.POSITIVE_INFINITY;
    let ring: string | undefined;
    for (;;) {
      const left = Math.max(limit - machine.steps, 0);
      const { reason } = machine.run({ steps: Math.min(left, slice) });
      if (watch.trouble) return 'trouble';
      if (reason !== 'limit' || left <= slice) return reason;
      const before = ring;
      ring = options.stuck?.(machine) ?? lockRing(machine);
      if (ring !== undefined && ring === before) return 'stuck';
    }
  }

  private toEnd(limit: number, undisturbed: boolean): Ending['reason'] {
    const { machine, baseline, options, frozen, symbols } = this.explorer;
    const { end } = baseline;
    const place = endPlace(options);
    if (place && 'pc' in place) {
      const passed = baseline.arrivals.filter((step) => step <= this.enteredAt()).length;
      let wanted = (place.hit ?? 1) - passed;
      let there = false;
      const remove = onArrival(machine, symbols, { ...place, where: 'end' }, () => {
        if (--wanted !== 0) return;
        there = true;
        machine.stop();
      });
      const reason = this.go(limit);
      remove();
      return there && reason !== 'trouble' ? 'end' : reason;
    }
    if (place && 'console' in place) return this.toConsole(place.console, limit);
    if (end.reason !== 'limit') {
      return this.go(limit);
    }
    if (!undisturbed) return this.settled(limit);
    if (frozen || machine.timeNs < BigInt(end.snapshot.time.timeNs))
      return this.toTime(end.snapshot.time.timeNs, limit);
    return 'end';
  }

  /** With another schedule the end is as many steps away as it is undisturbed. */
  private settled(limit: number): Ending['reason'] {
    const { machine, baseline } = this.explorer;
    const reason = this.go(Math.min(limit, Math.max(baseline.startSteps + baseline.end.step, machine.steps)));
    return reason === 'limit' ? 'end' : reason;
  }
  private toConsole(source: string, limit: number): Ending['reason'] {
    const { machine, watch, baseline } = this.explorer;
    const before = baseline.console.filter(({ step }) => step < this.enteredAt());
    let there = false;
    watch.expect(consolePattern(source, 'end'), before.map(({ text }) => text).join(''), () => {
      there = true;
      machine.stop();
    });
    const reason = this.go(limit);
    return there && reason !== 'trouble' ? 'end' : reason;
  }
  /** Steps after which this run is no longer the undisturbed one. */
  private enteredAt(): number {
    return this.explorer.enteredAt;
  }
}
