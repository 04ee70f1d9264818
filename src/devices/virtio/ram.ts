/** Guest RAM as devices see it: physical addresses, no translation. */
export interface DeviceRam {
  /** True when [addrPa, addrPa + sizeBytes) is RAM. */
  contains(addrPa: number, sizeBytes: number): boolean;
  /** A copy of RAM. Only for ranges that `contains`. */
  read(addrPa: number, sizeBytes: number): Uint8Array;
  /** Changes RAM as a device does: decoded instructions, translations and reservations there are dropped. */
  write(addrPa: number, bytes: Uint8Array): void;
}

/** A 64-bit address of two halves as a number; what no RAM can have, from 2^53 on, is 2^53 - 1. */
export function addressOf(low: number, high: number): number {
  return high >= 0x20_0000 ? Number.MAX_SAFE_INTEGER : high * 2 ** 32 + (low >>> 0);
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Reads a little-endian number of 2 or 4 bytes, the byte order of virtio 1.x and of arm64 with legacy virtio. */
export function le16(bytes: Uint8Array, at = 0): number {
  return viewOf(bytes).getUint16(at, true);
}
/** See `le16`. */
export function le32(bytes: Uint8Array, at = 0): number {
  return viewOf(bytes).getUint32(at, true);
}
/** A 64-bit little-endian number; 2^53 - 1 for all that are larger, because nothing here is that large. */
export function le64(bytes: Uint8Array, at = 0): number {
  return addressOf(le32(bytes, at), le32(bytes, at + 4));
}

/** Bytes of numbers in little-endian order, each given as [value, size in bytes 1 to 8]. */
export function leBytes(...numbers: readonly (readonly [value: number, sizeBytes: number])[]): Uint8Array {
  const out = new Uint8Array(numbers.reduce((sum, [, sizeBytes]) => sum + sizeBytes, 0));
  let at = 0;
  for (const [value, sizeBytes] of numbers) {
    for (let n = 0; n < sizeBytes; n++) out[at++] = Math.floor(value / 2 ** (8 * n)) & 0xff;
  }
  return out;
}
