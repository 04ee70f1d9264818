import { implementedSysregs, PROFILE_NAMES, PROFILES } from '../../src/arch/profiles.ts';
import { genericName, SYSREGS, type SysReg } from '../../src/arch/sysregs/index.ts';
import { SYS_OPS, type SysOp, sysOpPresent } from '../../src/arch/sysregs/sysops.ts';
import { hex, page, table } from './markdown.ts';

/** The fullest machine: each profile with every Exception level. */
const ALL_ELS = { el2: true, el3: true };
const LAYOUTS = PROFILE_NAMES.map((name) => implementedSysregs(PROFILES[name], ALL_ELS));

const presentAnywhere = (n: number): boolean => LAYOUTS.some((rows) => rows[n]!.presence !== 'undefined');

/** Lowest Exception level; where writing needs more, that too. */
function levels(row: SysReg): string {
  const { el, writeEl } = row;
  if (writeEl === undefined || row.access === 'RO') return `EL${el}`;
  return `EL${el}, write ${writeEl === 'highest' ? 'at the highest' : `EL${writeEl}`}`;
}

function needs({ needs: el, feature }: Pick<SysReg, 'needs' | 'feature'>): string {
  const level = el === 'highest' ? 'highest EL' : el;
  return [level, feature].filter((what) => what !== undefined).join(', ');
}

const title = (row: SysReg): string => [row.name, ...(row.aliases ?? [])].join(', ');

/** What a register reads after reset, as far as its row says so. */
function reset(row: SysReg, profile: number, n: number): string {
  const layout = LAYOUTS[profile]![n]!;
  if (layout.presence === 'undefined') return 'UNDEFINED';
  if (row.access === 'WO') return '-';
  return row.model === 'computed' && layout.reset === 0n ? 'computed' : hex(layout.reset);
}

function modelled(): string {
  const rows = SYSREGS.flatMap((row, n) =>
    presentAnywhere(n)
      ? [
          [
            title(row),
            genericName(row.key),
            row.access,
            levels(row),
            needs(row),
            ...PROFILE_NAMES.map((_, profile) => reset(row, profile, n)),
            row.doc,
          ],
        ]
      : [],
  );
  const heads = ['register', 'encoding', 'access', 'from', 'needs', ...PROFILE_NAMES.map((name) => `\`${name}\``), ''];
  return table(heads, rows);
}

/** Registers that are UNDEFINED in every profile, by the feature they belong to. */
function missing(): string {
  const byReason = new Map<string, string[]>();
  SYSREGS.forEach((row, n) => {
    if (presentAnywhere(n)) return;
    const reason = row.feature ?? row.doc;
    byReason.set(reason, [...(byReason.get(reason) ?? []), row.name]);
  });
  const rows = [...byReason].map(([reason, names]) => [reason, names.length, names.join(', ')]);
  return table(['feature', 'registers', 'names'], rows);
}

const presentOp = (op: SysOp, profile: number): boolean =>
  sysOpPresent(op, { features: PROFILES[PROFILE_NAMES[profile]!].features, ...ALL_ELS });

function operations(): string {
  const rows = SYS_OPS.map((op) => [
    op.name,
    `op1 ${op.op1}, C${op.CRn}, C${op.CRm}, op2 ${op.op2}`,
    `EL${op.el}`,
    needs(op),
    ...PROFILE_NAMES.map((_, profile) => (presentOp(op, profile) ? 'yes' : 'UNDEFINED')),
    op.doc,
  ]);
  const profiles = PROFILE_NAMES.map((name) => `\`${name}\``);
  return table(['instruction', 'encoding', 'from', 'needs', ...profiles, ''], rows);
}

/** `docs/reference/system-registers.md`. */
export function systemRegistersPage(): string {
  const lead = [
    'Every System register and SYS instruction this machine names, for each processor profile with EL2 and EL3. The',
    'columns of the profiles show the value after reset where software may rely on it or where it is our choice;',
    '"computed" is a value that depends on the state of the PE. "From" is the lowest Exception level with access before',
    'any trap. What ID registers say of EL2 and EL3 depends on the options of the machine.',
  ].join('\n');
  return page('System registers', lead, [
    '## Modelled',
    modelled(),
    '## Named and not modelled',
    'No profile has the feature, so an access is UNDEFINED; the log gives the name.',
    missing(),
    '## SYS instructions',
    operations(),
  ]);
}
