// Debian's kexec-tools for scripts/guests.mjs: the program and the libraries it is linked with, as files of an archive.
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** kexec-tools, and the packages with what `kexec` is linked with; the libraries of Xen are, on every machine. */
export const KEXEC_PACKAGES = [
  ...['kexec-tools', 'libc6', 'zlib1g', 'libxencall1', 'libxendevicemodel1', 'libxenevtchn1'],
  ...['libxenforeignmemory1', 'libxengnttab1', 'libxenmisc4.17', 'libxentoolcore1', 'libxentoollog1'],
];

/** Where the program interpreter of an arm64 program is looked for (ELF for the Arm 64-bit Architecture). */
const LOADER = 'ld-linux-aarch64.so.1';
const LIBRARY_DIRS = ['lib/aarch64-linux-gnu', 'usr/lib/aarch64-linux-gnu', 'lib', 'usr/lib'];

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;

/** Names of the libraries that an ELF64 file asks for: System V ABI, "Dynamic Section". */
export function neededBy(elf) {
  const at = Number(elf.readBigUInt64LE(32));
  const [size, count] = [elf.readUInt16LE(54), elf.readUInt16LE(56)];
  const headers = Array.from({ length: count }, (_, n) => {
    const header = elf.subarray(at + n * size);
    const word = (offset) => Number(header.readBigUInt64LE(offset));
    return { type: header.readUInt32LE(0), offset: word(8), address: word(16), fileBytes: word(32) };
  });
  const dynamic = headers.find(({ type }) => type === PT_DYNAMIC);
  if (!dynamic) return [];
  const entries = [];
  for (let n = 0; n < dynamic.fileBytes; n += 16)
    entries.push([elf.readBigUInt64LE(dynamic.offset + n), Number(elf.readBigUInt64LE(dynamic.offset + n + 8))]);
  const strings = entries.find(([tag]) => tag === DT_STRTAB)[1];
  const load = headers.find(
    ({ type, address, fileBytes }) => type === PT_LOAD && strings >= address && strings < address + fileBytes,
  );
  const text = load.offset + strings - load.address;
  return entries
    .filter(([tag]) => tag === DT_NEEDED)
    .map(([, name]) => elf.toString('latin1', text + name, elf.indexOf(0, text + name)));
}

/**
 * `bin/kexec` and the libraries it needs, as `[path, bytes]`.
 *
 * @param rootDirs folders of the unpacked KEXEC_PACKAGES
 * @param missing called with the name of a library that none of them has
 */
export function kexecFiles(rootDirs, missing) {
  const find = (name) =>
    rootDirs
      .flatMap((root) => LIBRARY_DIRS.map((dir) => join(root, dir)))
      .filter((dir) => existsSync(dir) && lstatSync(dir).isDirectory() && readdirSync(dir).includes(name))
      .map((dir) => join(dir, name))[0];
  const program = rootDirs
    .flatMap((root) => ['sbin', 'usr/sbin'].map((dir) => join(root, dir, 'kexec')))
    .find((path) => existsSync(path));
  if (!program) return missing('kexec');
  const files = [['bin/kexec', readFileSync(program)]];
  const waiting = [...neededBy(files[0][1]), LOADER];
  const taken = new Set();
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (taken.has(name)) continue;
    taken.add(name);
    const path = find(name);
    if (!path) return missing(name);
    const bytes = readFileSync(path);
    files.push([`lib/${name}`, bytes]);
    waiting.push(...neededBy(bytes));
  }
  return files.sort(([a], [b]) => (a < b ? -1 : 1));
}
