import { describe, expect, it } from 'vitest';
import { KeyFilter } from './keyboard.ts';

/** Types each piece and returns what reached the guest, and how it ended. */
function press(...pieces: string[]): { guest: string; leave: boolean; help: boolean } {
  const filter = new KeyFilter();
  const result = { guest: '', leave: false, help: false };
  for (const piece of pieces) {
    const keys = filter.next(new TextEncoder().encode(piece));
    result.guest += new TextDecoder().decode(keys.bytes);
    result.leave ||= keys.leave;
    result.help ||= keys.help;
  }
  return result;
}

describe('keys', () => {
  it('go to the guest, Ctrl-C and Ctrl-D included', () => {
    expect(press('ls\r\x03\x04')).toEqual({ guest: 'ls\r\x03\x04', leave: false, help: false });
  });

  it('Ctrl-A X leaves, also when the two keys come in two reads, and drops what follows', () => {
    expect(press('a\x01xb')).toEqual({ guest: 'a', leave: true, help: false });
    expect(press('a\x01', 'X')).toEqual({ guest: 'a', leave: true, help: false });
  });

  it('Ctrl-A Ctrl-A sends one Ctrl-A', () => {
    expect(press('\x01\x01x')).toEqual({ guest: '\x01x', leave: false, help: false });
  });

  it('Ctrl-A H asks for help and sends nothing', () => {
    expect(press('\x01hA')).toEqual({ guest: 'A', leave: false, help: true });
  });

  it('an unknown key after Ctrl-A is swallowed with it', () => {
    expect(press('\x01zq')).toEqual({ guest: 'q', leave: false, help: false });
  });
});
