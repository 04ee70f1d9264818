#!/usr/bin/env node
let start;
try {
  ({ start } = await import('../dist/cli/start.js'));
} catch (error) {
  if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  process.stderr.write(
    `unmaskable: this checkout is not built (${error.message}).\nRun npm start once in it; it installs and builds what is missing.\n`,
  );
  process.exit(2);
}
await start();
