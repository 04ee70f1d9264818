// `npm run kexec -- rounds|kdump|kvm-init [options]`: Debian's kernel starts itself, kernel after kernel, or as its own
// crash kernel. docs/guide/kexec.md; `--help` has the options. Minutes to an hour.
import { ensureInstalled } from './checkout.mjs';

ensureInstalled();
const { importTypeScript } = await import('./transpile.mjs');
const { kexecCommand } = await importTypeScript('test/linux/kexec-command.ts');
process.exitCode = await kexecCommand(process.argv.slice(2));
