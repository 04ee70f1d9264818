/** A panic while KVM takes a CPU into use: at every instruction, and sampled to the crash kernel's shell. */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJson } from '../../src/cli/explore-json.ts';
import type { FullReport } from '../../src/cli/explore-output.ts';
import { main } from '../../src/cli/main.ts';
import { createNodeHost } from '../../src/cli/node-host.ts';
import { Symbols } from '../../src/debug/symbols/symbols.ts';
import { sea } from '../../src/explore/events.ts';
import type { Snapshot } from '../../src/machine/machine.ts';
import { ROOT } from '../house/sources.ts';
import { buildVmm } from '../support/kvm-vmm.ts';
import { archive, guestPath } from './guest.ts';
import { KdumpGuest } from './kdump-guest.ts';
import { WAYS } from './kexec-guest.ts';
import { numbers } from './suite.ts';

/**
 * The scenarios, scenarios/kernel-kvm-init-*.yaml by their ends: how KVM runs, the CPU that panics, what it panics of,
 * and the length of the window in steps, from which full boots are drawn. KVM is turned on on CPU 1.
 */
export const WINDOWS = {
  vhe: { way: 'VHE', panics: 1, windowSteps: 240, event: 'ras' },
  nvhe: { way: 'nVHE', panics: 1, windowSteps: 760, event: 'serror' },
  'nvhe-other': { way: 'nVHE', panics: 0, windowSteps: 760, event: 'serror' },
  // It is synchronous: at EL2 it comes to the stub's or KVM's own vectors, and not every one of those leads out again.
  'nvhe-abort': { way: 'nVHE', panics: 1, windowSteps: 760, event: 'sea' },
} as const;
/** One of {@link WINDOWS}. */
export type WindowName = keyof typeof WINDOWS;

const FUNCTION = 'kvm_arch_hardware_enable';
const PE = 1;
const FREE_PA = 0x5540_0000n;
const FIND_STEPS_MAX = 2_000_000_000;

const vmm = (): { path: string; mode: number; bytes: Uint8Array } => ({
  path: 'bin/vmm',
  mode: 0o100755,
  bytes: buildVmm(),
});

/** Makes the initramfs of the scenarios beside the other guests: that of kexec and the monitor. */
export function makeInitramfs(): void {
  const path = guestPath('initramfs-kvm-init.cpio');
  const bytes = Buffer.concat([readFileSync(guestPath('initramfs-kexec.cpio')), archive([vmm()])]);
  if (existsSync(path) && readFileSync(path).equals(bytes)) return;
  const partial = `${path}.${process.pid}.part`;
  writeFileSync(partial, bytes);
  renameSync(partial, path);
}

/** What a campaign is asked. */
export interface WindowPlan {
  readonly name: WindowName;
  /** Only so many boundaries, drawn; undefined: all. */
  readonly sample?: { readonly count: number; readonly seed: number };
  readonly workers?: number;
  /** Events in place of the scenario's. */
  readonly events?: readonly string[];
}

/** What came of it. */
export interface WindowResult {
  readonly boundaries: number;
  readonly tried: number;
  /** Boundaries by outcome; `completed`: the crash kernel's first instruction was reached at the right EL. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** What the command prints, with the instructions where it failed. */
  readonly said: string;
}

/** Explores one of the scenarios. */
export async function exploreWindow({ name, sample, workers = 1, events }: WindowPlan): Promise<WindowResult> {
  makeInitramfs();
  const folder = mkdtempSync(join(tmpdir(), 'kvm-init-'));
  try {
    const written = readFileSync(join(ROOT, 'scenarios', `kernel-kvm-init-${name}.yaml`), 'utf8');
    const source = events ? written.replace(/^events: .*$/m, `events: ${JSON.stringify(events)}`) : written;
    const path = join(folder, 'scenario.yaml');
    const drawn = sample ? `sample: { count: ${sample.count}, seed: ${sample.seed} }\n` : '';
    writeFileSync(path, `${source}${drawn}`);
    const output = join(folder, 'report.json');
    let said = '';
    const host = Object.assign(createNodeHost(), {
      writeOut: async (bytes: Uint8Array) => void (said += Buffer.from(bytes).toString()),
      writeErr: (text: string) => void (said += text),
    });
    const options = ['--workers', `${workers}`, '--report', output, '--quiet'];
    const code = await main(['explore', path, ...options], host, '0');
    if (code > 1) throw new Error(`explore: exit ${code}: ${said}`);
    const { report } = decodeJson(readFileSync(output, 'utf8')) as FullReport;
    const outcomes: Record<string, number> = {};
    for (const { outcome, count } of report.kinds) outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
    return { boundaries: report.coverage.boundaries, tried: report.coverage.tried, outcomes, said };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A machine before the first instruction of the window, with a crash kernel that can come to its shell. */
export class KvmInitBoots {
  private readonly name: WindowName;
  private readonly guest: KdumpGuest;
  private readonly start: Snapshot;
  private readonly random: (below: number) => number;

  constructor(name: WindowName, seed = 1) {
    this.name = name;
    const { way } = WINDOWS[name];
    this.random = numbers(seed);
    const tables = way === 'VHE' ? 'acpi' : 'dt';
    this.guest = new KdumpGuest({ way, cpus: 2, files: [vmm()], machine: { tables } });
    this.guest.boot();
    const { machine } = this.guest;
    const place = new Symbols(machine).lookup(FUNCTION)[0]!;
    const remove = machine.breakAt(place.address, () => machine.stop(), { ...place, pe: PE });
    machine.console.input(new TextEncoder().encode('vmm > /dev/null\n'));
    const { reason } = machine.run({ steps: FIND_STEPS_MAX });
    remove();
    if (reason !== 'stopped') throw new Error(`${FUNCTION} is not reached: ${reason}`);
    this.start = machine.snapshot();
  }

  /** A boundary of the window, drawn: boots the crash kernel from there; what is wrong. */
  next(): { readonly steps: number; readonly complaints: readonly string[] } {
    const { guest } = this;
    const { way, panics, event } = WINDOWS[this.name];
    const steps = this.place();
    const entry = guest.crash(() => {
      if (event === 'serror') guest.machine.serror(panics);
      else if (event === 'sea') sea({ pe: panics }).inject(guest.machine, panics);
      else {
        const error = { kind: 'memory', severity: 'fatal', addr: FREE_PA, pe: panics } as const;
        guest.machine.ras.inject({ ...error, notify: 'sdei-critical' });
      }
    });
    const complaints = guest.complaints(guest.crashBoot());
    if (entry.el !== WAYS[way].level) complaints.push(`the crash kernel is entered at EL${entry.el}`);
    if (entry.pe !== panics) complaints.push(`the crash kernel is entered by PE ${entry.pe}`);
    return { steps, complaints: [...complaints, ...guest.core().wrong] };
  }

  /** Goes to a boundary that is drawn, for an abort to one of the kernel's own at EL1; steps since the first one. */
  private place(): number {
    const { machine } = this.guest;
    const { windowSteps, panics, event } = WINDOWS[this.name];
    for (;;) {
      const steps = this.random(windowSteps);
      machine.restore(this.start);
      this.guest.text = '';
      machine.run({ steps });
      if (event !== 'sea' || machine.pes[panics]!.s.el === 1) return steps;
    }
  }
}
