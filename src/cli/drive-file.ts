import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import type { BlockBackend } from '../devices/virtio/block-store.ts';

/**
 * A file as the content of a disk. With `writable` the guest's writes go to the file at once, and its flushes to the
 * medium.
 *
 * @throws the error of the system, with its `code`
 */
export function openDriveFile(path: string, writable: boolean): BlockBackend {
  const fd = openSync(path, writable ? 'r+' : 'r');
  const stat = fstatSync(fd);
  if (stat.isDirectory()) {
    closeSync(fd);
    throw Object.assign(new Error('it is a directory'), { code: 'EISDIR' });
  }
  const read = (offset: number, sizeBytes: number): Uint8Array => {
    const out = new Uint8Array(sizeBytes);
    for (let done = 0; done < sizeBytes; ) {
      const got = readSync(fd, out, done, sizeBytes - done, offset + done);
      if (got === 0) throw new Error(`${path} ends at byte ${offset + done}; it was longer when it was opened`);
      done += got;
    }
    return out;
  };
  const write = (offset: number, bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  };
  const content = { name: path, sizeBytes: stat.size, readOnly: !writable, read };
  return writable ? { ...content, write, flush: () => fdatasyncSync(fd) } : content;
}
