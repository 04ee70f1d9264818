import { readFileSync } from 'node:fs';
import { main } from './main.ts';
import { createNodeHost } from './node-host.ts';

/** Runs the command with this process's arguments and ends the process with its exit code once all is written. */
export async function start(): Promise<void> {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const host = createNodeHost();
  const exitCode = await main(process.argv.slice(2), host, manifest.version);
  await host.writeOut(new Uint8Array(0));
  process.stderr.write('', () => process.exit(exitCode));
}
