// The two machines side by side, each a child process with the host at its console.
import { APPEND, COMMAND, KERNEL, MEMORY_MIB, QEMU, start } from './tools.mjs';

/** What the shell writes when it waits: its prompt, and the question where the cursor is. */
const PROMPT = '# \x1b[6n';
/** Nothing that is waited for takes longer. */
const WAIT_MS_MAX = 600_000;

/** Our command with the options that correspond to QEMU's of `qemuArgs`. */
export function ourArgs({ initrd, cpus, append = APPEND }) {
  const board = ['--cpus', String(cpus), '--cpu', 'cortex-a57', '--memory', `${MEMORY_MIB}M`];
  return [COMMAND, 'run', '--kernel', KERNEL, '--initrd', initrd, '--append', append, ...board];
}

/** QEMU's own `virt` board on one thread, with nothing plugged in. */
export function qemuArgs({ initrd, cpus, append = APPEND }) {
  const board = ['-M', 'virt,gic-version=3', '-cpu', 'cortex-a57', '-accel', 'tcg,thread=single'];
  const guest = ['-kernel', KERNEL, '-initrd', initrd, '-append', append];
  return [
    ...board,
    '-smp',
    String(cpus),
    '-m',
    String(MEMORY_MIB),
    ...guest,
    '-nographic',
    '-nic',
    'none',
    '-no-reboot',
  ];
}

/** A machine in a child process; what it writes is kept until somebody waited for it. */
export class ConsoleGuest {
  constructor(program, args, name = program) {
    this.name = name;
    this.child = start(program, args);
    this.text = '';
    this.errors = '';
    this.waiting = undefined;
    this.ended = false;
    this.child.stdout.on('data', (data) => this.heard(data));
    this.child.stderr.on('data', (data) => {
      this.errors = (this.errors + data).slice(-2000);
    });
    this.child.on('error', (error) => this.end(error.message));
    this.child.on('close', (code, signal) => this.end(`it ended with ${code ?? signal}`));
  }

  static ours(options) {
    return new ConsoleGuest(process.execPath, ourArgs(options), 'unmaskable');
  }
  static qemu(options, extra = []) {
    return new ConsoleGuest(QEMU, [...qemuArgs(options), ...extra]);
  }

  heard(data) {
    this.text += data.toString('latin1');
    this.look();
  }
  look() {
    const found = this.waiting?.pattern.exec(this.text);
    if (!found) return;
    const { done } = this.waiting;
    this.waiting = undefined;
    const ms = performance.now();
    this.text = this.text.slice(found.index + found[0].length);
    done({ ms, found });
  }
  end(why) {
    this.ended = true;
    this.waiting?.failed(new Error(`${this.name}: ${why}\n${this.text.slice(-500)}\n${this.errors}`));
    this.waiting = undefined;
  }

  /** Waits until the console shows the pattern: when that was, in ms, and what was found. */
  until(pattern) {
    return new Promise((resolve, reject) => {
      if (this.ended) return reject(new Error(`${this.name} has ended\n${this.errors}`));
      const failed = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      const timer = setTimeout(() => {
        this.waiting = undefined;
        reject(new Error(`${this.name}: ${pattern} not seen in ${WAIT_MS_MAX} ms:\n${this.text.slice(-500)}`));
      }, WAIT_MS_MAX);
      const done = (value) => {
        clearTimeout(timer);
        resolve(value);
      };
      this.waiting = { pattern, done, failed };
      this.look();
    });
  }
  untilPrompt() {
    return this.until(new RegExp(PROMPT.replace('[', '\\[')));
  }
  type(text) {
    this.child.stdin.write(text);
  }

  /** Boots to the shell and makes the kernel keep its messages to itself. */
  async boot() {
    await this.untilPrompt();
    this.type('dmesg -n 1\n');
    await this.untilPrompt();
    return this;
  }
  /** Runs one of the guest programs: host seconds between its marks, and its checksum where it has one. */
  async measure({ command, guestName }, scale) {
    this.type(`${command} ${guestName} ${scale}\n`);
    const began = await this.until(new RegExp(`begin ${guestName}\\r?\\n`, 'i'));
    const ended = await this.until(new RegExp(`end ${guestName}(?: ([0-9a-f]{16}))?\\r?\\n`, 'i'));
    await this.untilPrompt();
    return { seconds: (ended.ms - began.ms) / 1000, checksum: ended.found[1] };
  }
  /** Takes the host's time away from it, and gives it back: ours would race through idle virtual time. */
  pause() {
    this.child.kill('SIGSTOP');
  }
  resume() {
    this.child.kill('SIGCONT');
  }
  kill() {
    this.child.kill('SIGKILL');
  }
}

/**
 * Two fresh machines that take turns: each program on one, then on the other, in an order that `round` turns around.
 *
 * @returns by name of the program, host seconds of each
 * @throws Error when a checksum differs
 */
export async function besideEachOther({ initrd, cpus, programs, round }) {
  const ours = await ConsoleGuest.ours({ initrd, cpus }).boot();
  ours.pause();
  const qemu = await ConsoleGuest.qemu({ initrd, cpus }).boot();
  try {
    const found = {};
    for (const { program, scale } of programs) {
      const { name } = program;
      const onOurs = async () => {
        ours.resume();
        const result = await ours.measure(program, scale);
        ours.pause();
        return result;
      };
      const onQemu = () => qemu.measure(program, scale);
      const first = round % 2 ? await onQemu() : await onOurs();
      const second = round % 2 ? await onOurs() : await onQemu();
      if (first.checksum !== second.checksum)
        throw new Error(`${name} ${scale}: checksums ${first.checksum} and ${second.checksum}; they must be equal`);
      const [a, b] = round % 2 ? [second, first] : [first, second];
      found[name] = { ours: a.seconds, theirs: b.seconds, checksum: a.checksum };
    }
    return found;
  } finally {
    ours.kill();
    qemu.kill();
  }
}
