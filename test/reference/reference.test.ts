import { describe, expect, it } from 'vitest';
import { SYSREGS } from '../../src/arch/sysregs/index.ts';
import { CHAIN_BYTES_MAX, VISIT_BYTES_MAX } from '../../src/devices/virtio/limits.ts';
import { SDEI_EVENTS_MAX } from '../../src/firmware/sdei/events.ts';
import { A64 } from '../../src/isa/table.ts';
import { MEMORY_BYTES_MAX } from '../../src/machine/options.ts';
import { filesBelow, ROOT } from '../house/sources.ts';
import { DEVICES } from './devices.ts';
import { limits } from './limits.ts';
import { checkedIn, PAGES } from './pages.ts';

/** First line in which two texts differ, so that a failure does not print a whole page. */
function firstDifference(made: string, stored: string): string | undefined {
  const [ours, theirs] = [made, stored].map((text) => text.split('\n'));
  const n = ours!.findIndex((line, at) => line !== theirs![at]);
  if (n < 0 && ours!.length === theirs!.length) return undefined;
  const at = n < 0 ? ours!.length : n;
  return `line ${at + 1} should be '${ours![at] ?? '(no more)'}', is '${theirs![at] ?? '(no more)'}'; npm run reference`;
}

describe('the reference pages', () => {
  it.each(Object.keys(PAGES))('docs/reference/%s is what the sources say', (name) => {
    const stored = checkedIn(ROOT, name);
    expect(stored, 'not there: npm run reference').toBeDefined();
    expect(firstDifference(PAGES[name]!(), stored!)).toBeUndefined();
  });

  it('devices: every register map of the sources is there', () => {
    const maps = ['src/devices', 'src/firmware']
      .flatMap((folder) => filesBelow(folder, '.ts'))
      .filter((source) => !source.path.endsWith('.test.ts'))
      .flatMap((source) => [...source.text.matchAll(/^export const (\w+) = regmap\(/gm)].map(([, name]) => name!));
    expect(maps.length).toBeGreaterThan(8);
    expect(DEVICES.flatMap((device) => device.maps)).toHaveLength(maps.length);
    expect(new Set(DEVICES.flatMap((device) => device.maps)).size).toBe(maps.length);
  });

  it('devices: fields, widths and what is not modelled are shown', () => {
    const text = PAGES['devices.md']!();
    expect(text).toContain('| 0x8 | GICR_TYPER | RO |');
    expect(text).toMatch(/\| 0x6100\.\.\S+ step 8 \| GICD_IROUTER32\.\.1019 \| RW \| .* Interrupt_Routing_Mode \[31\]/);
    expect(text).toMatch(/Not modelled: message-based SPIs, LPIs\s+without the ITS/);
    expect(text).toContain('| 0x10040 | GITS_TRANSLATER | WO | 16, 32 |');
    expect(text).toMatch(/\| GICD_SETSPI_NSR \| WO \| set SPI pending \| message-based SPIs/);
  });

  it('system registers: every name is there once, modelled or not', () => {
    const text = PAGES['system-registers.md']!();
    for (const { name } of SYSREGS) expect(text.match(new RegExp(`[| ]${name}[ ,]`, 'g')) ?? [], name).not.toEqual([]);
    expect(text).toMatch(/\| SCTLR_EL1 \| S3_0_C1_C0_0 \| RW \| EL1 \|/);
    expect(text).toMatch(/\| FEAT_PAuth \| 10 \| APIAKeyLo_EL1, APIAKeyHi_EL1/);
  });

  it('instructions: every clause is there', () => {
    const text = PAGES['instructions.md']!();
    const missing = A64.filter(({ name }) => !text.includes(`\n| ${name.replaceAll('|', '\\|')} |`));
    expect(missing.map(({ name }) => name)).toEqual([]);
    expect(text).toContain('| RMIF | FEAT_FlagM | `10111010 000xxxxx x00001xx xxx0xxxx` |');
  });

  it('limits: values are those of the constants, and each has a reason', () => {
    const found = new Map(limits().map((limit) => [limit.name, limit]));
    const values = { MEMORY_BYTES_MAX, CHAIN_BYTES_MAX, VISIT_BYTES_MAX, SDEI_EVENTS_MAX };
    for (const [name, value] of Object.entries(values)) expect(found.get(name)?.value, name).toBe(BigInt(value));
    const silent = limits().filter(({ reason }) => reason.length < 10);
    expect(silent.map(({ path, name }) => `${path}: ${name} has no docstring`)).toEqual([]);
  });
});
