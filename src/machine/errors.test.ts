import { expect, it } from 'vitest';
import { MachineError } from './errors.ts';

it('a MachineError has a code for programs and a message for people', () => {
  const error = new MachineError('E_STEPS', 'run: no number');
  expect(error).toBeInstanceOf(Error);
  expect({ name: error.name, code: error.code, message: error.message }).toEqual({
    name: 'MachineError',
    code: 'E_STEPS',
    message: 'run: no number',
  });
});
