/** The pages of `docs/reference` and the command `npm run reference` that writes them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { devicesPage } from './devices.ts';
import { hypAbiPage } from './hyp-abi.ts';
import { instructionsPage } from './instructions.ts';
import { limitsPage } from './limits.ts';
import { systemRegistersPage } from './system-registers.ts';
import { tablesPage } from './tables.ts';

/** Where the pages are, from the root of the repository. */
export const FOLDER = 'docs/reference';

/** The pages by file name, from the folder. */
export const PAGES: Readonly<Record<string, () => string>> = {
  'devices.md': devicesPage,
  'system-registers.md': systemRegistersPage,
  'instructions.md': instructionsPage,
  'limits.md': limitsPage,
  'acpi-tables.md': tablesPage,
  // It is a document of its own, beside the guides.
  '../hyp-abi.md': hypAbiPage,
};

/** The page as it is checked in; undefined when it is not there. */
export function checkedIn(root: string, name: string): string | undefined {
  try {
    return readFileSync(join(root, FOLDER, name), 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Writes the pages that are not as the sources say, and says which.
 *
 * @returns exit status 0
 */
export function referenceCommand(root: string): number {
  mkdirSync(join(root, FOLDER), { recursive: true });
  for (const [name, make] of Object.entries(PAGES)) {
    const text = make();
    const old = checkedIn(root, name);
    if (old !== text) writeFileSync(join(root, FOLDER, name), text);
    console.log(`${join(FOLDER, name)}: ${text.split('\n').length} lines, ${old === text ? 'as it was' : 'written'}`);
  }
  return 0;
}
