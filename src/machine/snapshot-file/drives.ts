/** Disks in the file of a snapshot: referred to by name and hash, or with their content. */
import { type BlockBackend, SECTOR_BYTES } from '../../devices/virtio/block-store.ts';
import { MachineError } from '../errors.ts';
import type { Codec } from './sections.ts';
import { Sha256 } from './sha256.ts';

/** What a file says of a disk. */
export interface DriveRecord {
  /** The back end's, e.g. the path of its file; empty when it has none. */
  readonly name: string;
  readonly serial: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /** SHA-256 of the content below what the guest changed; empty when the content is in the file. */
  readonly sha256: string;
}

/** Unit in which content is kept. */
export const DRIVE_CHUNK_BYTES = 4096;
/** Most content of one disk that is put into a file. */
export const DRIVE_STORED_BYTES_MAX: number = 2 ** 30;
/** How much is read at once. */
const READ_BYTES = 2 ** 20;

/** Content of a disk: chunks that are not all zero, by number. */
export type DriveContent = ReadonlyMap<number, Uint8Array>;

/** True when a file names the disk and does not hold it: its content does not change under the machine. */
export function isReferred(backend: BlockBackend): backend is BlockBackend & { readonly name: string } {
  return backend.name !== undefined && !backend.write;
}

function* pieces(backend: BlockBackend): Generator<{ at: number; bytes: Uint8Array }> {
  for (let at = 0; at < backend.sizeBytes; at += READ_BYTES)
    yield { at, bytes: backend.read(at, Math.min(READ_BYTES, backend.sizeBytes - at)) };
}

const hashes = new WeakMap<BlockBackend, string>();

/** SHA-256 of what a back end that does not change holds. @throws what the host says when it cannot be read */
export function contentHash(backend: BlockBackend, codec: Codec): string {
  const known = hashes.get(backend);
  if (known !== undefined) return known;
  const hash = codec.sha256?.() ?? new Sha256();
  for (const { bytes } of pieces(backend)) hash.update(bytes);
  const found = hash.finish();
  hashes.set(backend, found);
  return found;
}

/**
 * What a back end holds now.
 *
 * @throws MachineError `E_SNAPSHOT_FILE` when that is too much for a file
 */
export function contentOf(backend: BlockBackend, drive: number): DriveContent {
  const found = new Map<number, Uint8Array>();
  for (const { at, bytes } of pieces(backend)) {
    for (let from = 0; from < bytes.length; from += DRIVE_CHUNK_BYTES) {
      const chunk = bytes.subarray(from, from + DRIVE_CHUNK_BYTES);
      if (chunk.every((byte) => byte === 0)) continue;
      found.set((at + from) / DRIVE_CHUNK_BYTES, chunk.slice());
    }
    if (found.size * DRIVE_CHUNK_BYTES > DRIVE_STORED_BYTES_MAX) {
      const named = `drive ${drive}${backend.name === undefined ? '' : ` '${backend.name}'`}`;
      throw new MachineError(
        'E_SNAPSHOT_FILE',
        `snapshot: ${named} has more than 1 GiB of content, and the guest's writes go to it, so that a snapshot must ` +
          'hold all of it. Use the disk as an overlay: then the snapshot refers to the file.',
      );
    }
  }
  return found;
}

/** A disk whose content came out of a file; what the guest writes lives in the machine. */
export function storedBackend(content: DriveContent, { sizeBytes, readOnly }: DriveRecord): BlockBackend {
  return {
    sizeBytes,
    readOnly,
    read: (offset, size) => {
      const out = new Uint8Array(size);
      for (let n = Math.floor(offset / DRIVE_CHUNK_BYTES); n * DRIVE_CHUNK_BYTES < offset + size; n++) {
        const chunk = content.get(n);
        if (!chunk) continue;
        const start = n * DRIVE_CHUNK_BYTES;
        const [from, to] = [Math.max(start, offset), Math.min(start + chunk.length, offset + size)];
        out.set(chunk.subarray(from - start, to - start), from - offset);
      }
      return out;
    },
  };
}

/**
 * Tests that a disk is the one the file refers to.
 *
 * @throws MachineError `E_SNAPSHOT_FILE` with the disk's name
 */
export function checkReferred(
  backend: BlockBackend | undefined,
  record: DriveRecord,
  drive: number,
  codec: Codec,
): void {
  const refuse = (what: string): never => {
    throw new MachineError('E_SNAPSHOT_FILE', `snapshot: drive ${drive} '${record.name}' ${what}`);
  };
  if (!backend) return refuse('is not in the file and was not given. Give the disk with the content it had.');
  const { sizeBytes } = backend;
  if (sizeBytes !== record.sizeBytes || sizeBytes % SECTOR_BYTES)
    refuse(`has ${sizeBytes} bytes; it had ${record.sizeBytes} when the snapshot was saved. Put it back as it was.`);
  if (contentHash(backend, codec) !== record.sha256)
    refuse('changed since the snapshot was saved. Put its content back as it was.');
}
