import { closeSync, openSync, writeSync } from 'node:fs';
import type { TextFile } from './host.ts';

/**
 * Makes a file, or empties it, to be written piece by piece.
 *
 * @throws the error of the system, with its `code`
 */
export function openTextFile(path: string): TextFile {
  const fd = openSync(path, 'w');
  return {
    write: (content) => {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done);
    },
    close: () => closeSync(fd),
  };
}
