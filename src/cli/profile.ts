/** The option `--profile`: where the guest's steps and the host's time go. */
import { cpuprofileFile, speedscopeFile } from '../debug/profile/files.ts';
import { Profiler } from '../debug/profile/profile.ts';
import { UsageError } from './errors.ts';
import type { Host } from './host.ts';
import { systemReason } from './inputs.ts';
import type { Inside } from './on/inside.ts';
import { grouped } from './report.ts';

/** A file whose name ends in this is written for DevTools, any other for speedscope. */
const DEVTOOLS_SUFFIX = '.cpuprofile';

/** The profile of one run, from its beginning to its end. */
export class ProfileOption {
  private readonly path: string;
  private readonly host: Host;
  private readonly profiler: Profiler;

  /** Begins. @throws UsageError `E_PROFILE` for a path that cannot be written */
  constructor(path: string, host: Host, { machine, symbols }: Inside) {
    this.path = path;
    this.host = host;
    try {
      // Before the run: an hour of it must not end in a path that cannot be written.
      host.writeFile(path, '');
    } catch (error) {
      const reason = systemReason(error);
      throw new UsageError('E_PROFILE', `--profile ${path}: cannot be written: ${reason}. Give a writable path.`);
    }
    const nameOf = (address: bigint): string | undefined => symbols.symbolize(address);
    this.profiler = new Profiler(machine, () => host.nowMs(), nameOf);
  }

  /** Ends the profile, writes the file and says so. A file that cannot be written any more does not undo the run. */
  end(): void {
    const { host, path } = this;
    const profile = this.profiler.end();
    const text = path.endsWith(DEVTOOLS_SUFFIX) ? cpuprofileFile(profile) : speedscopeFile(profile, 'unmaskable run');
    try {
      host.writeFile(path, text);
      host.writeErr(`profile ${path}: ${grouped(profile.samples.length)} samples\n`);
    } catch (error) {
      host.writeErr(`unmaskable: --profile ${path}: cannot be written any more: ${systemReason(error)}\n`);
    }
  }
}
