import { describe, expect, it } from 'vitest';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { main } from './main.ts';
import { SLICE_STEPS } from './session.ts';

const RUN = ['run', '--kernel', 'Image'];

/** The last line on standard error without the times of the wall clock. */
function lastLine(host: FakeHost): string {
  return host.err.trimEnd().split('\n').at(-1) as string;
}

describe('how a run ends', () => {
  it('power-off: exit 0, the console on standard output, the summary last on standard error', async () => {
    const host = new FakeHost((machine, step) => {
      if (step === 2) machine.print('hello\n');
      return step === 1233 ? 'poweroff' : undefined;
    });
    expect(await main(RUN, host, '1.2.3')).toBe(0);
    expect(host.out).toBe('hello\n');
    expect(host.err).toBe(
      'unmaskable: the guest powered off; 1,234 steps, 0.000001234 s virtual, 0.00 s wall, 0.00 M steps/s\n',
    );
  });

  it('--until: exit 0 at the boundary after the byte that completed the match', async () => {
    const host = new FakeHost((machine, step) => {
      machine.print('login: '.charAt(step));
      return undefined;
    });
    expect(await main([...RUN, '--until', '^login:'], host, '1')).toBe(0);
    expect(host.out).toBe('login:');
    expect(host.machine.steps).toBe(6);
    expect(lastLine(host)).toMatch(/^unmaskable: --until seen: 'login:'; 6 steps/);
  });

  it('--fail-on: exit 1, and it wins when one byte completes both patterns', async () => {
    const panic = (): FakeHost =>
      new FakeHost((machine, step) => {
        if (step === 7) machine.print('Kernel panic');
        return undefined;
      });
    expect(await main([...RUN, '--until', 'boot ok', '--fail-on', 'panic'], panic(), '1')).toBe(1);
    expect(await main([...RUN, '--until', 'panic', '--fail-on', 'panic'], panic(), '1')).toBe(1);
    expect(await main([...RUN, '--until', 'Kernel', '--fail-on', 'panic'], panic(), '1')).toBe(0);
  });

  it('--max-steps: exit 3 after exactly that many steps', async () => {
    const host = new FakeHost(() => undefined);
    expect(await main([...RUN, '--max-steps', '5_000_001'], host, '1')).toBe(3);
    expect(host.machine.steps).toBe(5_000_001);
    expect(await main([...RUN, '--max-steps', '0'], new FakeHost(() => undefined), '1')).toBe(3);
  });

  it('--max-steps: a power-off in the last step is a power-off', async () => {
    const host = new FakeHost((_, step) => (step === 9 ? 'poweroff' : undefined));
    expect(await main([...RUN, '--max-steps', '10'], host, '1')).toBe(0);
  });

  it('nothing can happen any more: exit 4', async () => {
    const host = new FakeHost((_, step) => (step === 5 ? 'idle' : undefined));
    expect(await main(RUN, host, '1')).toBe(4);
    expect(lastLine(host)).toMatch(/^unmaskable: nothing can happen any more/);
  });

  it('a fault of ours: exit 70 with the step, a request to report, and the console so far', async () => {
    const host = new FakeHost((machine, step) => {
      if (step === 3) machine.print('so far');
      if (step === 41) throw new RangeError('index 7 out of range');
      return undefined;
    });
    expect(await main(RUN, host, '1')).toBe(70);
    expect(host.out).toBe('so far');
    expect(host.err).toMatch(/internal error at step 41; this is a fault of unmaskable.*\nPlease report/);
    expect(host.err).toContain('index 7 out of range');
    expect(lastLine(host)).toMatch(/^unmaskable: internal error at step 41; 41 steps/);
  });

  it('--on stop: exit 0 and the rule in the summary', async () => {
    const host = new FakeHost(() => undefined);
    expect(await main([...RUN, '--on', 'step:100 => stop'], host, '1')).toBe(0);
    expect(lastLine(host)).toMatch(/stopped by --on 'step:100 => stop'; 100 steps/);
  });

  it('SIGINT: exit 130 with the summary', async () => {
    const host = new FakeHost(() => undefined);
    host.atPause = () => host.signal('SIGINT');
    expect(await main(RUN, host, '1')).toBe(130);
    expect(lastLine(host)).toMatch(/^unmaskable: interrupted; 2,000,000 steps/);
  });

  it('a reader of standard output that goes away ends the run', async () => {
    const host = new FakeHost(() => undefined);
    host.atPause = () => host.closeOutput();
    expect(await main(RUN, host, '1')).toBe(141);
  });

  it('a reset starts again and the steps go on', async () => {
    const host = new FakeHost((machine, step) => {
      if (step % 10 === 0) machine.print(`boot ${machine.resets}\n`);
      return step === 19 ? 'poweroff' : step === 9 ? 'reset' : undefined;
    });
    expect(await main(RUN, host, '1')).toBe(0);
    expect(host.out).toBe('boot 0\nboot 1\n');
    expect(host.machine.steps).toBe(20);
  });
});

describe('what a run shows', () => {
  it('on a terminal the summary begins on a line of its own', async () => {
    const shown = async (text: string): Promise<string> => {
      const host = new FakeHost((machine) => {
        machine.print(text);
        return 'poweroff';
      });
      host.outputIsTerminal = true;
      await main(RUN, host, '1');
      return host.out;
    };
    expect(await shown('# ')).toBe('# \r\n');
    expect(await shown('bye\r\n')).toBe('bye\r\n');
  });

  it('--quiet hides the console, and patterns still see it', async () => {
    const host = new FakeHost((machine) => machine.print('x') as undefined);
    expect(await main([...RUN, '--quiet', '--until', 'xxx'], host, '1')).toBe(0);
    expect(host.out).toBe('');
  });

  it('--digest prints the digest on the line before the last', async () => {
    const host = new FakeHost(() => 'poweroff');
    await main([...RUN, '--digest'], host, '1');
    expect(host.err.trimEnd().split('\n').at(-2)).toBe('digest d1ge57-1');
  });

  it('--json writes the same as data', async () => {
    const host = new FakeHost((machine) => {
      machine.report('S3_0_C15_C0_0: not modelled');
      machine.report('S3_0_C15_C0_0: not modelled');
      machine.print('done');
      return undefined;
    });
    await main([...RUN, '--json', 'out.json', '--digest', '--until', 'd.ne'], host, '1');
    expect(JSON.parse(host.written.get('out.json') as string)).toEqual({
      format: 'unmaskable-run-1',
      reason: 'until',
      why: "--until seen: 'done'",
      exitCode: 0,
      steps: 1,
      virtualTimeNs: '1',
      wallTimeMs: 0,
      millionStepsPerSecond: 0,
      resets: 0,
      digest: 'd1ge57-1',
      matched: 'done',
      notModelled: [{ message: 'S3_0_C15_C0_0: not modelled', count: 2 }],
    });
  });

  it('what is not modelled is said once', async () => {
    const host = new FakeHost((machine, step) => {
      machine.report('GICD_FOO: not modelled');
      return step === 5 ? 'poweroff' : undefined;
    });
    await main(RUN, host, '1');
    expect(host.err.match(/unmaskable: GICD_FOO: not modelled\n/g)).toHaveLength(1);
  });
});

describe('input', () => {
  /** Echoes what it is given; powers off when told to. */
  const shell = (host: { current?: FakeHost }, startStep = 0) =>
    new FakeHost((machine, step) => {
      machine.console.acceptsInput = step >= startStep;
      const text = machine.received;
      machine.received = '';
      if (text !== '') machine.print(text);
      if (text.includes('off')) return 'poweroff';
      return host.current !== undefined && step > startStep + 10 ? 'idle' : undefined;
    });

  it('from a pipe reaches the guest once it listens', async () => {
    const host = shell({}, 3 * SLICE_STEPS);
    host.input.open = (onData) => onData(new TextEncoder().encode('power off\n'));
    expect(await main(RUN, host, '1')).toBe(0);
    expect(host.out).toBe('power off\n');
    expect(host.machine.inputs).toEqual([
      { step: 4 * SLICE_STEPS, timeNs: BigInt(4 * SLICE_STEPS), text: 'power off\n' },
    ]);
  });

  it('is waited for while the pipe is open, and its end makes an idle machine end', async () => {
    const self: { current?: FakeHost } = {};
    const host = shell(self);
    self.current = host;
    const open = host.input.open;
    host.input.open = (onData) => {
      open(onData, () => undefined);
      host.closeInput = () => {
        host.machine.inputPossible = false;
      };
    };
    const script = [() => host.type('ls\n'), () => host.closeInput()];
    host.atWait = () => script.shift()?.();
    expect(await main(RUN, host, '1')).toBe(4);
    expect(host.waits).toEqual([undefined, undefined]);
    expect(host.machine.inputs.map((input) => input.text)).toEqual(['ls\n']);
  });

  it('from a terminal is raw until the end; Ctrl-A X leaves with exit 0', async () => {
    const host = new FakeHost(() => undefined, true);
    const raw: boolean[] = [];
    host.atPause = (pause) => {
      raw.push(host.rawMode);
      host.type(['a\x03', '\x01h', '\x01', 'x'][pause]);
    };
    expect(await main(RUN, host, '1')).toBe(0);
    expect(host.machine.inputs.map((input) => input.text)).toEqual(['a\x03']);
    expect(host.err).toContain('Ctrl-A X       leave');
    expect(lastLine(host)).toMatch(/left with Ctrl-A X/);
    expect(raw).toEqual([true, true, true, true]);
    expect(host.rawMode).toBe(false);
  });
});

describe('virtual time while the guest waits', () => {
  const sleeper = (interactive: boolean): FakeHost =>
    new FakeHost((_, step) => (step === 3 ? 'poweroff' : { waitNs: 10_000_000n }), interactive);

  it('jumps when input does not come from a terminal', async () => {
    const host = sleeper(false);
    await main(RUN, host, '1');
    expect(host.waits).toEqual([]);
    expect(host.machine.timeNs).toBe(30_000_004n);
  });

  it('passes as the clock does with a terminal', async () => {
    const host = sleeper(true);
    await main(RUN, host, '1');
    expect(host.waits).toEqual([10, 10, 10]);
    expect(host.machine.timeNs).toBe(30_000_004n);
  });

  it('has passed as far as the clock when a key comes', async () => {
    const host = sleeper(true);
    let keys = 0;
    host.atWait = (ms) => {
      host.clockMs += keys === 0 ? 4 : (ms as number);
      if (keys++ === 0) host.type('k');
    };
    await main(RUN, host, '1');
    expect(host.machine.inputs).toEqual([{ step: 1, timeNs: 4_000_001n, text: 'k' }]);
  });
});
