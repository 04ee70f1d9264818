// v86 (https://github.com/copy/v86) as a child process: serial line on standard input and output.
//   node v86-machine.mjs MEMORY_MIB APPEND
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { I386 } from './guest.mjs';

const [memoryMib, append] = process.argv.slice(2);
const main = createRequire(import.meta.url).resolve('v86');
const { V86 } = await import('v86');

const bytes = (path) => {
  const { buffer, byteOffset, byteLength } = readFileSync(path);
  return { buffer: buffer.slice(byteOffset, byteOffset + byteLength) };
};
const machine = new V86({
  wasm_path: join(dirname(main), 'v86.wasm'),
  bios: bytes(I386.bios),
  vga_bios: bytes(I386.vgaBios),
  bzimage: bytes(I386.kernel),
  initrd: bytes(I386.initrd),
  cmdline: append,
  memory_size: Number(memoryMib) * 2 ** 20,
  acpi: false,
  disable_speaker: true,
  autostart: true,
});

let heard = [];
function flush() {
  process.stdout.write(Buffer.from(heard));
  heard = [];
}
machine.add_listener('serial0-output-byte', (byte) => {
  if (heard.length === 0) setImmediate(flush);
  heard.push(byte);
});
process.stdin.on('data', (data) => machine.serial0_send(data.toString('latin1')));
process.stdin.on('end', () => process.exit(0));
