import { describe, expect, it } from 'vitest';
import { PROFILES } from '../arch/profiles.ts';
import { MachineError } from './errors.ts';
import { CPUS_MAX, checkOptions, type MachineOptions, MEMORY_BYTES_MAX, MEMORY_BYTES_MIN } from './options.ts';

describe('checkOptions', () => {
  it('fills in what is not given', () => {
    const o = checkOptions({});
    expect(o).toMatchObject({
      cpus: 1,
      memoryBytes: 512 * 2 ** 20,
      firmware: 'typescript',
      els: { el3: true, el2: false },
    });
    expect(o.profile).toBe(PROFILES.full);
  });

  it('takes the least and the most', () => {
    for (const options of [
      { cpus: 1 },
      { cpus: CPUS_MAX },
      { memoryBytes: MEMORY_BYTES_MIN },
      { memoryBytes: MEMORY_BYTES_MAX },
    ])
      expect(checkOptions(options)).toMatchObject(options);
  });

  it.each([
    [{ cpus: 0 }, 'E_CPUS', '0 CPUs'],
    [{ cpus: 9 }, 'E_CPUS', '1 to 8'],
    [{ cpus: 1.5 }, 'E_CPUS', '1.5'],
    [{ memoryBytes: MEMORY_BYTES_MIN - 2 ** 21 }, 'E_MEMORY', '16 MiB'],
    [{ memoryBytes: MEMORY_BYTES_MAX + 2 ** 21 }, 'E_MEMORY', '3 GiB'],
    [{ memoryBytes: MEMORY_BYTES_MIN + 4096 }, 'E_MEMORY', 'multiples of 2 MiB'],
    [{ cpu: 'cortex-x1' as 'full' }, 'E_CPU', 'Known: full, cortex-a57'],
    [{ rtcBaseSeconds: 1.5 }, 'E_OPTION', 'whole seconds'],
    [{ rtcBaseSeconds: -1 }, 'E_OPTION', '-1'],
    [{ rtcBaseSeconds: 2 ** 32 }, 'E_OPTION', '4294967295'],
  ] satisfies readonly (readonly [MachineOptions, string, string])[])(
    '%o is refused with %s',
    (options, code, says) => {
      let error: unknown;
      try {
        checkOptions(options);
      } catch (e) {
        error = e;
      }
      expect(error).toBeInstanceOf(MachineError);
      expect(error).toMatchObject({ code, message: expect.stringContaining(says) });
    },
  );
});
