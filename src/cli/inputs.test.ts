import { deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { readInput, systemReason, unpackKernel } from './inputs.ts';

const KERNEL = Buffer.from('the kernel');

/** An EFI zboot image: "MZ", "zimg", where the payload is, and how it is compressed. */
function zboot(payload: Uint8Array, compression = 'gzip', sizeBytes = payload.length): Buffer {
  const file = Buffer.alloc(64 + payload.length);
  file.write('MZ\0\0zimg', 0, 'latin1');
  file.writeUInt32LE(64, 8);
  file.writeUInt32LE(sizeBytes, 12);
  file.write(`${compression}\0`, 24, 'latin1');
  file.set(payload, 64);
  return file;
}

describe('a kernel', () => {
  it('is unpacked from gzip, alone or inside an EFI zboot image', () => {
    expect(Buffer.from(unpackKernel('k', gzipSync(KERNEL)))).toEqual(KERNEL);
    expect(Buffer.from(unpackKernel('k', zboot(gzipSync(KERNEL))))).toEqual(KERNEL);
  });

  it('is left alone when it is anything else', () => {
    for (const bytes of [KERNEL, new Uint8Array(), Buffer.from('MZ'), deflateRawSync(KERNEL)]) {
      expect(unpackKernel('k', bytes)).toBe(bytes);
    }
  });

  it.each([
    ['damaged gzip', gzipSync(KERNEL).subarray(0, 15), 'E_GZIP', /does not unpack/],
    ['another compression', zboot(KERNEL, 'zstd22'), 'E_ZBOOT', /compressed with 'zstd22'; only gzip/],
    [
      'a payload outside the file',
      zboot(gzipSync(KERNEL), 'gzip', 99_999),
      'E_ZBOOT',
      /ends at byte 100063, but the file/,
    ],
  ])('%s is refused', (_, bytes, code, message) => {
    expect(() => unpackKernel('--kernel k', bytes)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});

describe('a file', () => {
  it('is refused with the reason in words, and when it is empty', () => {
    const host = new FakeHost(() => 'poweroff');
    host.files.set('secret', { code: 'EACCES' }).set('empty', new Uint8Array());
    expect(readInput(host, '--kernel', 'Image')).toHaveLength(4);
    expect(() => readInput(host, '--dtb', 'secret')).toThrow(
      '--dtb secret: cannot be read: reading it is not permitted',
    );
    expect(() => readInput(host, '--dtb', 'nope')).toThrow('there is no such file');
    expect(() => readInput(host, '--dtb', 'empty')).toThrow('--dtb empty: the file is empty');
  });

  it('is refused with the words of the system where there are none of ours', () => {
    expect(systemReason(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }))).toBe('EIO: i/o error');
  });
});
