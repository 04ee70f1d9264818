const CTRL_A = 0x01;

/** What the keys of one read amount to. */
export interface Keys {
  /** Bytes for the guest. */
  readonly bytes: Uint8Array;
  /** Ctrl-A X was pressed; keys after it are not for the guest. */
  readonly leave: boolean;
  /** Ctrl-A H was pressed. */
  readonly help: boolean;
}

/** What Ctrl-A H shows. */
export const KEY_HELP = [
  'Ctrl-A X       leave the machine',
  'Ctrl-A Ctrl-A  send Ctrl-A to the guest',
  'Ctrl-A H       this help',
];

/**
 * Separates what is typed for the guest from what is typed for the command, with the prefix Ctrl-A as in QEMU.
 *
 * An unknown key after the prefix is swallowed with it.
 */
export class KeyFilter {
  #prefixed = false;

  /** Takes the bytes of one read from the terminal; a prefix may be its last byte. */
  next(typed: Uint8Array): Keys {
    const bytes: number[] = [];
    let help = false;
    for (const byte of typed) {
      if (!this.#prefixed) {
        if (byte === CTRL_A) this.#prefixed = true;
        else bytes.push(byte);
        continue;
      }
      this.#prefixed = false;
      if (byte === CTRL_A) bytes.push(byte);
      const key = String.fromCharCode(byte).toLowerCase();
      if (key === 'h' || key === '?') help = true;
      if (key === 'x') return { bytes: Uint8Array.from(bytes), leave: true, help };
    }
    return { bytes: Uint8Array.from(bytes), leave: false, help };
  }
}
