import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../house/sources.ts';
import { isStructure, STRUCTURES, tablesPage } from '../reference/tables.ts';

const FOLDER = join(ROOT, 'src', 'tables', 'acpi');

describe('the reference page of ACPI tables', () => {
  it('has every structure that the sources export', async () => {
    const shown = new Set<unknown>(Object.values(STRUCTURES).flat());
    const files = readdirSync(FOLDER).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
    const missing: string[] = [];
    for (const file of files) {
      const exported: Record<string, unknown> = await import(join(FOLDER, file));
      for (const [name, value] of Object.entries(exported))
        if (isStructure(value) && !shown.has(value)) missing.push(`${file}: ${name}`);
    }
    expect(missing).toEqual([]);
    expect(shown.size).toBeGreaterThan(35);
  });

  it('shows offsets, defaults, names of values and bits', () => {
    const text = tablesPage();
    expect(text).toContain('| 112 | 4 | `flags` | 0 | fixed features: WBINVD [0]');
    expect(text).toContain('| 68 | 8 | `mpidr` | to be given | affinity fields of MPIDR_EL1 |');
    expect(text).toMatch(/\| 0 \| 1 \| `action` \| to be given \| .*11 BEGIN_DUMMY_WRITE_OPERATION/);
    expect(text).toContain('76 to 82 bytes. ACPI 6.5, "GIC CPU Interface (GICC) Structure".');
  });
});
