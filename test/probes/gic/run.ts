/** Runs a GIC program here and under QEMU; both give the numbers it printed. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Machine } from '../../../src/machine/machine.ts';
import { LOAD_PA } from './program.ts';

const END = 'END\n';
const STEPS_MAX = 50_000_000;

const numbers = (text: string): string[] => text.replaceAll('\r', '').split('\n').slice(0, -2);

/** @throws Error when the program does not reach its end */
export function runHere(image: Uint8Array, el3: boolean, gic: 2 | 3 = 3): string[] {
  const machine = Machine.create({
    programs: [{ bytes: image, addrPa: LOAD_PA }],
    firmware: 'guest',
    el3,
    el2: el3,
    gic,
    cpu: 'cortex-a57',
    memoryBytes: 64 * 2 ** 20,
  });
  let text = '';
  machine.console.onOutput((bytes) => {
    text += Buffer.from(bytes).toString('latin1');
    if (text.endsWith(END)) machine.stop();
  });
  const { reason } = machine.run({ steps: STEPS_MAX });
  if (!text.endsWith(END)) throw new Error(`the probe ended with '${reason}' after:\n${text.slice(-60)}`);
  return numbers(text);
}

/** @throws Error when the program does not reach its end in `timeoutMs` */
export function runQemu(image: Uint8Array, el3: boolean, gic: 2 | 3 = 3, timeoutMs = 40_000): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gic-probe-'));
  const file = join(folder, 'probe.bin');
  writeFileSync(file, image);
  const board = `virt,${el3 ? 'secure=on,virtualization=on,' : ''}gic-version=${gic}`;
  const qemu = spawn('qemu-system-aarch64', [
    ...['-M', board, '-cpu', 'cortex-a57', '-m', '64', '-nic', 'none'],
    ...['-display', 'none', '-serial', 'stdio', '-monitor', 'none'],
    ...['-device', `loader,file=${file},addr=0x${LOAD_PA.toString(16)},cpu-num=0,force-raw=on`],
  ]);
  let text = '';
  return new Promise<string[]>((resolve, reject) => {
    const timer = setTimeout(() => qemu.kill('SIGKILL'), timeoutMs);
    qemu.stdout.on('data', (bytes: Uint8Array) => {
      text += Buffer.from(bytes).toString('latin1');
      if (text.replaceAll('\r', '').endsWith(END)) qemu.kill('SIGKILL');
    });
    qemu.stderr.on('data', (bytes: Uint8Array) => {
      text += Buffer.from(bytes).toString('latin1');
    });
    qemu.on('error', reject);
    qemu.on('close', () => {
      clearTimeout(timer);
      rmSync(folder, { recursive: true });
      if (text.replaceAll('\r', '').endsWith(END)) resolve(numbers(text));
      else reject(new Error(`QEMU did not reach the end; it printed last:\n${text.slice(-200)}`));
    });
  });
}
