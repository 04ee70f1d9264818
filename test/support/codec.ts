import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Codec } from '../../src/machine/snapshot-file/sections.ts';

/** Compression for tests: fast, and by Node. */
export const CODEC: Codec = {
  deflate: (bytes) => deflateRawSync(bytes, { level: 1 }),
  inflate: (bytes, sizeBytes) => inflateRawSync(bytes, { maxOutputLength: Math.max(sizeBytes, 1) }),
};
