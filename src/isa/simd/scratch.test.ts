import { expect, it } from 'vitest';
import { Comparison, describeDifference } from '../../../test/differential/compare.ts';
import { Qemu } from '../../../test/differential/qemu.ts';
import { CRYPTO } from '../crypto/index.ts';
import { SIMD } from './index.ts';

it('all', () => {
  const qemu = new Qemu(new URL('../../..', import.meta.url).pathname);
  const c = new Comparison(qemu, process.env.SEED ?? 'g');
  const N = Number(process.env.CASES ?? 100);
  for (const clause of [...SIMD, ...CRYPTO]) c.add(clause, 0, N);
  c.finish();
  console.log(
    c.tallies.size,
    [...c.tallies.values()].reduce((a, t) => a + t.cases, 0),
    'differences',
    c.differences.length,
  );
  console.log(
    [...c.tallies]
      .filter(([, t]) => t.cases < N)
      .map(([n, t]) => `${n} ${t.cases}`)
      .join('\n'),
  );
  console.log(c.differences.slice(0, 30).map(describeDifference).join('\n'));
}, 300000);
