import { it } from 'vitest';
it('x', async () => { await import('/tmp/t1.mts'); });
