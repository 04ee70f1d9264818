// `npm start [-- ARGUMENTS]`: installs and builds what is missing, then runs the command with the arguments.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, ROOT } from './checkout.mjs';

ensureInstalled();
ensureBuilt();

// npm moves to the package's folder; file names in the arguments are relative to where the user is.
const cwd = process.env.INIT_CWD ?? process.cwd();
const child = spawn(process.execPath, [join(ROOT, 'bin', 'unmaskable.mjs'), ...process.argv.slice(2)], {
  cwd,
  stdio: 'inherit',
});
// The child gets the terminal's signals too; this process waits so that the child's summary comes first.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => name !== 'SIGINT' && child.kill(name));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));
