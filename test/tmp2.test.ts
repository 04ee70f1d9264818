import { it } from 'vitest';
import { readFileSync } from 'node:fs';
import { Machine } from '../src/machine/machine.ts';
it('boots', () => {
  const dir = process.env.HOME + '/.cache/unmaskable/guests/';
  const m = Machine.create({ kernel: readFileSync(dir + 'Image'), initrd: readFileSync(dir + 'initramfs.cpio'), append: 'console=ttyAMA0 earlycon=pl011,0x9000000', cpu: (process.env.CPU as any) ?? 'full' });
  let out = '';
  m.console.onOutput((b) => { out += String.fromCharCode(...b); });
  m.log.onReport((s) => { console.log('REPORT', m.steps, s); });
  const t = performance.now();
  const r = m.run({ steps: Number(process.env.STEPS ?? 20_000_000) });
  const d = performance.now() - t;
  console.log(r, m.steps, 'ms', d, 'MIPS', m.steps / d / 1000, 'PC', m.readRegister(0, 'PC').toString(16), 'EL', m.readRegister(0, 'PSTATE').toString(16), 'ESR', m.readRegister(0, 'ESR_EL1').toString(16), 'FAR', m.readRegister(0, 'FAR_EL1').toString(16), 'ELR', m.readRegister(0, 'ELR_EL1').toString(16), 'handlers', m.handlers);
  console.log(out);
}, 300000);
