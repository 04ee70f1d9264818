import { assemble } from '../../src/isa/text/assemble.ts';

/** Bytes of the header; the code of {@link bareKernel} begins behind it. */
const HEADER_BYTES = 64;

/** Bits of the header's flags: Linux Documentation/arch/arm64/booting.rst. */
export const IMAGE_FLAG = { BIG_ENDIAN: 1, PAGES_4K: 2, ANYWHERE: 8 } as const;

/**
 * A file that is a kernel by its header and a few instructions by its content.
 *
 * @param source - position-independent; X0 is the address of the device tree, `UART` that of the PL011
 */
export function bareKernel(source: string, flags: number = IMAGE_FLAG.ANYWHERE): Uint8Array {
  const { bytes } = assemble(source, { symbols: { UART: 0x0900_0000n } });
  const image = new Uint8Array(HEADER_BYTES + bytes.length);
  const view = new DataView(image.buffer);
  view.setUint32(0, 0x1400_0000 | (HEADER_BYTES / 4), true); // B to the code
  view.setBigUint64(0x10, BigInt(image.length + 0x1_0000), true); // image_size, with room for a stack
  view.setBigUint64(0x18, BigInt(flags), true);
  image.set(new TextEncoder().encode('ARM\x64'), 0x38);
  image.set(bytes, HEADER_BYTES);
  return image;
}

/** Instructions that power the machine off by PSCI. */
export const POWER_OFF = 'movz x0, #0x8400, lsl #16\n movk x0, #8\n smc #0\n b .\n';

/** Writes the text behind `text:` to the UART; then falls through. */
export const PRINT = `
        movz    x1, #0x0900, lsl #16
        adr     x2, text
1:      ldrb    w3, [x2], #1
        cbz     w3, 2f
        str     w3, [x1]
        b       1b
2:
`;

/** Sends back what it receives, without interrupts; powers off at a `q`. */
export const ECHO = `${PRINT}
3:      ldr     w3, [x1, #0x18]
        tbnz    w3, #4, 3b
        ldr     w3, [x1]
        and     w3, w3, #0xff
        str     w3, [x1]
        cmp     w3, #'q'
        b.ne    3b
        ${POWER_OFF}
text:   .asciz  "echo\\n"
`;
