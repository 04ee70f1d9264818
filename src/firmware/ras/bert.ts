/**
 * Errors from before the start: what the boot error region holds.
 *
 * Source: ACPI Specification 6.5, "Boot Error Source": blocks one after the other, the end is a block status of 0.
 */
import type { Waiting } from './ghes.ts';
import type { RasHost } from './host.ts';
import { BERT_REGION_BYTES } from './layout.ts';

/** Block status of the end. */
const END_BYTES = 4;

/** Writes the region; returns what did not fit. */
export function writeBootErrors(host: RasHost, regionPa: bigint, errors: readonly Waiting[]): readonly Waiting[] {
  const region = new Uint8Array(BERT_REGION_BYTES);
  const left: Waiting[] = [];
  let at = 0;
  for (const error of errors) {
    if (at + error.block.length + END_BYTES > region.length) {
      left.push(error);
      continue;
    }
    region.set(error.block, at);
    at += error.block.length;
  }
  host.writeMemory(regionPa, region);
  return left;
}
