import { describe, expect, it } from 'vitest';
import { BootError } from '../firmware/boot/error.ts';
import { MachineError } from '../machine/errors.ts';
import { isUserError, messageOf, UsageError } from './errors.ts';

describe('errors', () => {
  it("tells the user's mistakes from ours", () => {
    expect(isUserError(new UsageError('E_SIZE', 'not a size'))).toBe(true);
    expect(isUserError(new MachineError('E_CPUS', '9 CPUs'))).toBe(true);
    expect(isUserError(new BootError('E_KERNEL_NOT_IMAGE', 'not an Image'))).toBe(true);
    expect(isUserError(new TypeError('x is undefined'))).toBe(false);
    expect(isUserError({ name: 'UsageError' })).toBe(false);
    expect(isUserError(undefined)).toBe(false);
  });

  it('has the text of anything that is thrown', () => {
    expect(messageOf(new Error('why'))).toBe('why');
    expect(messageOf('only words')).toBe('only words');
    expect(messageOf(null)).toBe('null');
  });
});
