/**
 * Runs in a process of its own, on changed sources: says which test or storm notices, and stops there.
 *
 * Arguments: the file that was changed, and how many storms are run at the end.
 */
import { declared } from './mini-vitest.ts';
import { runStorm, stormOf } from './storm.ts';

/** Tests by the folder that was changed: those that are likely to notice come first. */
const SUITES: Readonly<Record<string, readonly string[]>> = {
  sdei: ['sdei/sdei', 'kit/kit', 'ghes/probe', 'ghes/notifications', 'ghes/records'],
  kit: ['kit/kit', 'sdei/sdei', 'irqflags/irqflags', 'kit/hooks', 'ghes/notifications', 'ghes/aborts'],
  irqflags: ['irqflags/irqflags', 'kit/kit', 'irqflags/boot', 'sdei/sdei', 'kit/hooks'],
  ghes: ['ghes/notifications', 'ghes/aborts', 'ghes/records', 'ghes/probe', 'ghes/storm'],
};
/** Storms with which everything begins: what is wrong with a lock of many CPUs shows there. */
const FIRST_STORMS: Readonly<Record<string, number>> = { sdei: 4, kit: 4 };

async function firstNotice(file: string, storms: number): Promise<string | undefined> {
  const storm = (n: number): string | undefined => {
    const wrong = runStorm(stormOf(n));
    return wrong && `storm ${n}: ${wrong.split('\n')[0]}`;
  };
  const folder = /src\/os\/(\w+)\//.exec(file)![1]!;
  const first = FIRST_STORMS[folder] ?? 0;
  for (let n = 0; n < first; n++) {
    const noticed = storm(n);
    if (noticed) return noticed;
  }
  for (const suite of [...SUITES[folder]!, 'lines']) {
    declared.length = 0;
    const path = suite.includes('/') ? `../../src/os/${suite}.test.js` : `./${suite}.test.js`;
    await import(path);
    for (const { name, body } of [...declared]) {
      try {
        await body();
      } catch (error) {
        return `${suite}.test.ts: ${name}: ${String(error).split('\n')[0]}`;
      }
    }
  }
  for (let n = first; n < storms; n++) {
    const noticed = storm(n);
    if (noticed) return noticed;
  }
  return undefined;
}

let noticed: string | undefined;
try {
  noticed = await firstNotice(process.argv[2]!, Number(process.argv[3]));
} catch (error) {
  noticed = String(error).split('\n')[0];
}
console.log(noticed === undefined ? 'NOT NOTICED' : noticed);
// A suite may have left timers or handles behind.
process.exit(0);
