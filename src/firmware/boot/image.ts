/**
 * The arm64 Image: its header, and what a file that is none may be instead.
 *
 * Sources: Linux Documentation/arch/arm64/booting.rst, "Call the kernel image" (header); Microsoft PE Format,
 * "COFF File Header" and "Section Table" (how long the file of a kernel with an EFI stub has to be).
 */
import { BootError } from './error.ts';

/** Length of the header. */
export const IMAGE_HEADER_SIZE_BYTES = 64;

const OFFSET = { text_offset: 0x08, image_size: 0x10, flags: 0x18, magic: 0x38, peHeader: 0x3c } as const;
/** "ARM\x64", little-endian. */
const MAGIC = 0x644d_5241;
/** Page size in flags [2:1]; 0 is unspecified. */
const PAGE_SIZES_BYTES = [undefined, 4096, 16384, 65536] as const;
/** text_offset of kernels from before image_size existed. */
const TEXT_OFFSET_OLD = 0x8_0000n;

/** What the header says. */
export interface ImageHeader {
  /** Distance of the image from a 2 MiB boundary. */
  readonly textOffsetBytes: bigint;
  /** Memory the kernel occupies from its first byte, BSS included; never less than the file. */
  readonly memorySizeBytes: bigint;
  /** Page size the kernel was built for, or undefined when the header does not say. */
  readonly pageSizeBytes: number | undefined;
  /** The kernel may be anywhere in memory, not only near its start. */
  readonly anywhere: boolean;
}

interface Foreign {
  readonly at: number;
  readonly bytes: readonly number[];
  readonly what: string;
  readonly advice: string;
}

const ascii = (text: string): number[] => [...text].map((character) => character.charCodeAt(0));
const UNPACK = 'Unpack it and give the Image inside.';
const BUILD = 'Give arch/arm64/boot/Image of an arm64 kernel.';

/** Files that are often taken for a kernel, by their first bytes. The EFI zboot row comes before what only has "MZ". */
const FOREIGN: readonly Foreign[] = [
  { at: 0, bytes: [0x1f, 0x8b], what: 'compressed with gzip', advice: 'Unpack it (gunzip) and give the Image inside.' },
  { at: 0, bytes: [0xfd, ...ascii('7zXZ')], what: 'compressed with xz', advice: UNPACK },
  { at: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd], what: 'compressed with zstd', advice: UNPACK },
  { at: 0, bytes: [0x04, 0x22, 0x4d, 0x18], what: 'compressed with lz4', advice: UNPACK },
  { at: 0, bytes: [0x02, 0x21, 0x4c, 0x18], what: 'compressed with lz4 (legacy)', advice: UNPACK },
  { at: 0, bytes: ascii('BZh'), what: 'compressed with bzip2', advice: UNPACK },
  { at: 0, bytes: [0x89, ...ascii('LZO')], what: 'compressed with lzop', advice: UNPACK },
  {
    at: 4,
    bytes: ascii('zimg'),
    what: 'an EFI zboot image (a compressed kernel that needs EFI firmware)',
    advice: 'Give the Image it was made from (arch/arm64/boot/Image).',
  },
  {
    at: 0,
    bytes: [0x7f, ...ascii('ELF')],
    what: 'an ELF file',
    advice: 'If it is vmlinux, give arch/arm64/boot/Image, or make it with objcopy -O binary.',
  },
  { at: 0x24, bytes: [0x18, 0x28, 0x6f, 0x01], what: 'a 32-bit Arm zImage', advice: BUILD },
  { at: 0x202, bytes: ascii('HdrS'), what: 'an x86 bzImage', advice: BUILD },
  { at: 0x38, bytes: [...ascii('RSC'), 5], what: 'a RISC-V Image', advice: BUILD },
  {
    at: 0,
    bytes: [0x27, 0x05, 0x19, 0x56],
    what: 'a U-Boot uImage',
    advice: 'Give the Image inside, without the wrapper.',
  },
  { at: 0, bytes: [0xd0, 0x0d, 0xfe, 0xed], what: 'a device tree blob or FIT image', advice: BUILD },
  { at: 0, bytes: ascii('ANDROID!'), what: 'an Android boot image', advice: 'Give the Image inside.' },
];

/** What a file is by its first bytes, or undefined when it may be an Image. */
export function foreignFormat(bytes: Uint8Array): { what: string; advice: string } | undefined {
  const isImage = bytes.length >= IMAGE_HEADER_SIZE_BYTES && view(bytes).getUint32(OFFSET.magic, true) === MAGIC;
  if (isImage) return undefined;
  return FOREIGN.find((format) => format.bytes.every((byte, index) => bytes[format.at + index] === byte));
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/**
 * Length the file must have for its PE sections to be whole, or undefined when it has no PE header to tell.
 *
 * A kernel with an EFI stub is a PE file too; `image_size` alone cannot tell a cut file, for it includes the BSS.
 */
function fileSizeByPe(bytes: Uint8Array): number | undefined {
  const data = view(bytes);
  const pe = data.getUint32(OFFSET.peHeader, true);
  if (data.getUint16(0, true) !== 0x5a4d || pe < IMAGE_HEADER_SIZE_BYTES) return undefined;
  if (pe + 24 > bytes.length) return pe + 24;
  if (data.getUint32(pe) !== 0x5045_0000) return undefined;
  const sections = data.getUint16(pe + 6, true);
  const table = pe + 24 + data.getUint16(pe + 20, true);
  if (table + sections * 40 > bytes.length) return table + sections * 40;
  let end = 0;
  for (let at = table; at < table + sections * 40; at += 40) {
    end = Math.max(end, data.getUint32(at + 16, true) + data.getUint32(at + 20, true));
  }
  return end;
}

/**
 * Reads the header of an arm64 Image.
 *
 * @throws BootError when the file is something else, is cut, or is for a big-endian processor
 */
export function parseImage(bytes: Uint8Array): ImageHeader {
  const foreign = foreignFormat(bytes);
  if (foreign)
    throw new BootError('E_KERNEL_NOT_IMAGE', `kernel: not an arm64 Image but ${foreign.what}. ${foreign.advice}`);
  if (bytes.length < IMAGE_HEADER_SIZE_BYTES) {
    const found = `the file has ${bytes.length} bytes, fewer than the ${IMAGE_HEADER_SIZE_BYTES} of an Image header`;
    throw new BootError('E_KERNEL_TRUNCATED', `kernel: ${found}. Copy or build the Image again.`);
  }
  const data = view(bytes);
  if (data.getUint32(OFFSET.magic, true) !== MAGIC) {
    const found = 'not an arm64 Image (no "ARM\\x64" at offset 0x38)';
    throw new BootError('E_KERNEL_NOT_IMAGE', `kernel: ${found}. ${BUILD}`);
  }
  const neededBytes = fileSizeByPe(bytes);
  if (neededBytes !== undefined && neededBytes > bytes.length) {
    const found = `truncated: its header asks for ${neededBytes} bytes, the file has ${bytes.length}`;
    throw new BootError('E_KERNEL_TRUNCATED', `kernel: ${found}. Copy or build the Image again.`);
  }
  const flags = data.getBigUint64(OFFSET.flags, true);
  if (flags & 1n) {
    const advice = 'This machine is little-endian; build the kernel with CONFIG_CPU_LITTLE_ENDIAN.';
    throw new BootError(
      'E_KERNEL_BIG_ENDIAN',
      `kernel: its header says big-endian (flags 0x${flags.toString(16)}). ${advice}`,
    );
  }
  const imageSizeBytes = data.getBigUint64(OFFSET.image_size, true);
  const fileSizeBytes = BigInt(bytes.length);
  return {
    textOffsetBytes: imageSizeBytes === 0n ? TEXT_OFFSET_OLD : data.getBigUint64(OFFSET.text_offset, true),
    memorySizeBytes: imageSizeBytes > fileSizeBytes ? imageSizeBytes : fileSizeBytes,
    pageSizeBytes: PAGE_SIZES_BYTES[Number((flags >> 1n) & 3n)],
    anywhere: (flags & 8n) !== 0n,
  };
}

/**
 * Checks that the processor has the page size the kernel was built for; a kernel without it stops before its first
 * message.
 *
 * @throws BootError `E_KERNEL_PAGE_SIZE`
 */
export function checkPageSize(header: ImageHeader, pageSizesBytes: readonly number[]): void {
  const { pageSizeBytes } = header;
  if (pageSizeBytes === undefined || pageSizesBytes.includes(pageSizeBytes)) return;
  const has = pageSizesBytes.map((size) => `${size / 1024}K`).join(' and ');
  const found = `built for ${pageSizeBytes / 1024}K pages, but the processor has ${has}`;
  throw new BootError('E_KERNEL_PAGE_SIZE', `kernel: ${found}. Choose another cpu or kernel.`);
}
