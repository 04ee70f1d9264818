import { gzipSync } from 'node:zlib';
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

describe('the request for a machine', () => {
  it('has the defaults of the help', async () => {
    const host = new FakeHost(() => 'poweroff');
    await main(RUN, host, '1');
    expect(host.requests).toEqual([
      { kernel: new Uint8Array([0x4d, 0x5a, 0, 0]), cpus: 1, memoryBytes: 512 * 2 ** 20, cpu: 'full' },
    ]);
  });

  it('carries every option', async () => {
    const host = new FakeHost(() => 'poweroff');
    host.files.set('rd', Uint8Array.of(1)).set('tree', Uint8Array.of(2));
    const options = '--initrd rd --dtb tree --cpus 4 --memory 2G --cpu cortex-a57 --append';
    await main([...RUN, ...options.split(' '), '-v quiet'], host, '1');
    expect(host.requests[0]).toMatchObject({
      initrd: Uint8Array.of(1),
      dtb: Uint8Array.of(2),
      cpus: 4,
      memoryBytes: 2 ** 31,
      cpu: 'cortex-a57',
      append: '-v quiet',
    });
  });

  it('a compressed kernel is unpacked, alone and as EFI zboot; an initrd is not', async () => {
    const host = new FakeHost(() => 'poweroff');
    const packed = gzipSync(Buffer.from('the kernel'));
    const zboot = Buffer.alloc(64 + packed.length);
    zboot.write('MZ\0\0zimg', 0, 'latin1');
    zboot.writeUInt32LE(64, 8);
    zboot.writeUInt32LE(packed.length, 12);
    zboot.write('gzip\0', 24, 'latin1');
    packed.copy(zboot, 64);
    host.files.set('Image.gz', packed).set('zboot', zboot);
    await main(['run', '--kernel', 'Image.gz', '--initrd', 'Image.gz'], host, '1');
    await main(['run', '--kernel', 'zboot'], host, '1');
    expect(host.requests.map((request) => Buffer.from(request.kernel as Uint8Array).toString())).toEqual([
      'the kernel',
      'the kernel',
    ]);
    expect(host.requests[0].initrd).toEqual(packed);
  });
});

describe('mistakes: exit 2 and one message that says what to do', () => {
  const zstd = Buffer.alloc(64);
  zstd.write('MZ\0\0zimg', 0, 'latin1');
  zstd.write('zstd22\0', 24, 'latin1');

  it.each<[string, string[], RegExp]>([
    ['unknown option', [...RUN, '--memroy', '1G'], /unknown option '--memroy' \(Did you mean --memory\?\)\. See: /],
    ['unknown command', ['boot'], /too many arguments|unknown command/],
    ['extra argument', [...RUN, 'extra'], /too many arguments/],
    ['no kernel', ['run'], /required option '--kernel <FILE>' not specified/],
    ['option without its value', [...RUN, '--until'], /argument missing/],
    ['missing file', ['run', '--kernel', 'nope'], /--kernel nope: cannot be read: there is no such file/],
    ['unreadable file', [...RUN, '--initrd', 'secret'], /--initrd secret: .*not permitted/],
    ['directory', [...RUN, '--dtb', 'dir'], /--dtb dir: .*is a directory/],
    ['empty file', ['run', '--kernel', 'empty'], /--kernel empty: the file is empty/],
    ['damaged gzip', ['run', '--kernel', 'bad.gz'], /--kernel bad\.gz: looks gzip-compressed but does not unpack/],
    ['other compression', ['run', '--kernel', 'zstd'], /compressed with 'zstd22'; only gzip/],
    ['bad size', [...RUN, '--memory', 'lots'], /--memory 'lots': not a size/],
    ['bad number of CPUs', [...RUN, '--cpus', 'two'], /--cpus 'two': not a count/],
    ['no CPU', [...RUN, '--cpus', '0'], /at least one CPU/],
    ['unknown processor', [...RUN, '--cpu', 'z80'], /--cpu 'z80': no such processor\. Known: full, cortex-a57/],
    ['bad regex', [...RUN, '--until', '('], /--until \/\(\/: not a regular expression/],
    ['bad rule', [...RUN, '--on', 'never'], /--on 'never': column 1: no trigger/],
    ['unwritable JSON', [...RUN, '--json', '/nowhere/x'], /--json \/nowhere\/x: cannot be written/],
  ])('%s', async (_, args, message) => {
    const host = new FakeHost(() => 'poweroff');
    host.files.set('secret', { code: 'EACCES' }).set('dir', { code: 'EISDIR' }).set('empty', new Uint8Array());
    host.files.set('bad.gz', Uint8Array.of(0x1f, 0x8b, 8, 0, 0)).set('zstd', zstd);
    expect(await main(args, host, '1')).toBe(2);
    expect(host.err).toMatch(message);
    expect(host.err.trimEnd().split('\n')).toHaveLength(1);
    expect(host.err).not.toMatch(/^ +at /m);
    expect(host.machine.steps).toBe(0);
  });

  it('what the library refuses is such a mistake too', async () => {
    const host = new FakeHost(() => 'poweroff');
    host.createMachine = () => {
      throw Object.assign(new Error('memory of 1 byte: too small'), { name: 'MachineError', code: 'E_MEMORY' });
    };
    expect(await main(RUN, host, '1')).toBe(2);
    expect(host.err).toBe('unmaskable: memory of 1 byte: too small\n');
  });

  it('a fault while the machine is made is ours: exit 70', async () => {
    const host = new FakeHost(() => 'poweroff');
    host.createMachine = () => {
      throw new TypeError('x is undefined');
    };
    expect(await main(RUN, host, '1')).toBe(70);
    expect(host.err).toMatch(/internal error before step 0; please report/);
  });
});

describe('without running anything', () => {
  it('--version prints the version', async () => {
    const host = new FakeHost(() => 'poweroff');
    expect(await main(['--version'], host, '1.2.3')).toBe(0);
    expect(host.out).toBe('1.2.3\n');
  });

  it('run --help explains options, rules, keys and exit codes', async () => {
    const host = new FakeHost(() => 'poweroff');
    expect(await main(['run', '--help'], host, '1')).toBe(0);
    for (const text of ['--kernel <FILE>', 'console:/regex/flags', 'Ctrl-A X', '70 a fault']) {
      expect(host.out).toContain(text);
    }
  });

  it('no arguments: the demonstration, with its digest', async () => {
    const host = new FakeHost((machine, step) => {
      if (step === 0) machine.print('demo\n');
      return step === 4 ? 'poweroff' : undefined;
    });
    expect(await main([], host, '1')).toBe(0);
    expect(host.out).toBe('demo\n');
    expect(host.err).toContain('digest d1ge57-5\n');
  });
});
