/** Runs the probe program here and under QEMU; both give the lines it printed. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProfileName } from '../../src/arch/profiles.ts';
import { Machine } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';

const END = 'END\n';
/** Where programs are loaded, and start. */
export const LOAD_PA = 0x4020_0000;
const STEPS_MAX = 120_000_000;

function lines(text: string): string[] {
  return text.replaceAll('\r', '').split('\n');
}

/** @throws Error with the last lines when the program does not reach its end */
export function runHere(image: Uint8Array, cpu: ProfileName, options: MachineOptions = {}): string[] {
  const machine = Machine.create({
    programs: [{ bytes: image, addrPa: BigInt(LOAD_PA) }],
    firmware: 'guest',
    el3: true,
    el2: true,
    cpu,
    memoryBytes: 64 * 2 ** 20,
    ...options,
  });
  const out: number[] = [];
  let text = '';
  machine.console.onOutput((bytes) => {
    for (const b of bytes) out.push(b);
    if (bytes.includes(10)) {
      text += String.fromCharCode(...out.splice(0));
      if (text.endsWith(END)) machine.stop();
    }
  });
  const { reason } = machine.run({ steps: STEPS_MAX });
  if (!text.endsWith(END))
    throw new Error(`the probe ended with '${reason}' after:\n${lines(text).slice(-5).join('\n')}`);
  return lines(text);
}

const TIMEOUT_MS = 40_000;
/** The board of `runHere` as QEMU names it. */
const BOARD = 'virt,secure=on,virtualization=on,gic-version=3';

/** @throws Error with the last lines when the program does not reach its end in 40 seconds */
export function runQemu(image: Uint8Array, cpu: string, board = BOARD): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'probe-'));
  const file = join(folder, 'probe.bin');
  writeFileSync(file, image);
  const qemu = spawn('qemu-system-aarch64', [
    ...['-M', board, '-cpu', cpu, '-m', '64', '-nic', 'none'],
    ...['-display', 'none', '-serial', 'stdio', '-monitor', 'none'],
    ...['-device', `loader,file=${file},addr=0x${LOAD_PA.toString(16)},cpu-num=0,force-raw=on`],
  ]);
  let text = '';
  return new Promise<string[]>((resolve, reject) => {
    const timer = setTimeout(() => qemu.kill('SIGKILL'), TIMEOUT_MS);
    qemu.stdout.on('data', (bytes: Uint8Array) => {
      text += Buffer.from(bytes).toString('latin1');
      if (text.endsWith(END) || text.endsWith('END\r\n')) qemu.kill('SIGKILL');
    });
    qemu.stderr.on('data', (bytes: Uint8Array) => {
      text += Buffer.from(bytes).toString('latin1');
    });
    qemu.on('error', reject);
    qemu.on('close', () => {
      clearTimeout(timer);
      rmSync(folder, { recursive: true });
      const all = lines(text);
      if (all.includes('END')) resolve(all);
      else reject(new Error(`QEMU did not reach the end; its last lines:\n${all.slice(-5).join('\n')}`));
    });
  });
}
