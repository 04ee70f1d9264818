import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * Tests that `replaceFile` could write there, as far as that can be known before.
 *
 * @throws the error of the system, with its `code`
 */
export function checkReplaceable(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw Object.assign(new Error(`${path} is a directory`), { code: 'EISDIR' });
  accessSync(found && !found.isFile() ? path : dirname(found ? realpathSync(path) : path), constants.W_OK);
}

/**
 * Writes a whole file under a temporary name and renames it, so that there is never half of it under its own. What is
 * no file, a pipe or a device, is written to.
 *
 * @throws the error of the system, with its `code`; then the file is as it was
 */
export function replaceFile(path: string, bytes: Uint8Array): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found && !found.isFile()) return writeFileSync(path, bytes);
  const target = found ? realpathSync(path) : path;
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
  const fd = openSync(temporary, 'w');
  try {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, target);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
}
