import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Codec } from '../machine/snapshot-file/sections.ts';

/** Compression and hash of Node. Level 3: a snapshot of a booted kernel takes a second or two. */
export const NODE_CODEC: Codec = {
  deflate: (bytes) => deflateRawSync(bytes, { level: 3 }),
  inflate: (bytes, sizeBytes) => inflateRawSync(bytes, { maxOutputLength: Math.max(sizeBytes, 1) }),
  sha256: () => {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), finish: () => hash.digest('hex') };
  },
};
