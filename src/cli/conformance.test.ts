import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { EL3_IMAGE } from '../../test/conformance/el3-image.ts';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { CASES } from '../conformance/suite.ts';
import { main } from './main.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BUILT = existsSync(`${ROOT}/dist/cli/start.js`);
const TWICE = 'SDEI_PE_MASK twice gives 1, then 0';
const STATUS = 'SDEI_EVENT_STATUS of event 0 is 0 after reset';

/** Runs `unmaskable conformance` in a process of paper. */
async function conformance(...args: string[]): Promise<{ host: FakeHost; code: number; lines: string[] }> {
  const host = new FakeHost(() => undefined);
  host.files.set('image', EL3_IMAGE);
  host.files.set('known.json', new TextEncoder().encode(JSON.stringify({ [STATUS]: 'not written yet' })));
  host.files.set('passes.json', new TextEncoder().encode(JSON.stringify({ [TWICE]: 'not written yet' })));
  host.files.set('unknown.json', new TextEncoder().encode('{ "no such sentence": "x" }'));
  host.files.set('text', new TextEncoder().encode('PASS: all'));
  const code = await main(['conformance', ...args], host, '0');
  return { host, code, lines: host.out.split('\n').filter(Boolean) };
}

describe('unmaskable conformance', () => {
  it('prints a line for each sentence and totals for each profile', async () => {
    const { code, lines } = await conformance('--profile', 'all', '--filter', '^mask: ');
    expect(code).toBe(0);
    const four = [
      'PASS: SDEI_PE_UNMASK gives 0, and SDEI_PE_MASK behind it gives 1',
      `PASS: ${TWICE}`,
      'PASS: SDEI_PE_UNMASK twice gives 0 both times',
      'PASS: SDEI_PE_MASK on one PE leaves another taking events',
      '# PASS 4, FAIL 0, SKIP 0, XFAIL 0',
    ];
    expect(lines).toEqual([
      '# own dispatcher, profile spec, version 1.0, client EL1, SMC',
      ...four,
      '# own dispatcher, profile tf-a, version 1.0, client EL1, SMC',
      ...four,
    ]);
  });

  it('every option that says what is tested reaches the test', async () => {
    const at = async (...args: string[]) => (await conformance('--filter', 'gives the version', ...args)).lines;
    expect(await at('--sdei-version', '1.1', '--el2')).toEqual([
      '# own dispatcher, profile spec, version 1.1, client EL2, SMC',
      'PASS: SDEI_VERSION gives the version, with bit 63 clear',
      '# PASS 1, FAIL 0, SKIP 0, XFAIL 0',
    ]);
    expect((await at('--el3', 'off'))[0]).toContain('client EL1, HVC');
    expect(await at('--dispatcher', 'hypervisor', '--profile', 'tf-a')).toEqual([
      "# hypervisor's dispatcher, profile tf-a, version 1.0, client EL1, HVC",
      'PASS: SDEI_VERSION gives the version, with bit 63 clear',
      '# PASS 1, FAIL 0, SKIP 0, XFAIL 0',
    ]);
  });

  it('--list prints every sentence with its group and runs none', async () => {
    const { code, lines } = await conformance('--list');
    expect([code, lines.length]).toEqual([0, CASES.length]);
    expect(lines).toContain(`mask: ${TWICE}`);
  });

  it('an image that fails: exit 1, and --junit has the reasons', async () => {
    const { host, code, lines } = await conformance(
      ...['--firmware', 'image', '--filter', `${TWICE}|${STATUS}`, '--junit', 'out.xml'],
    );
    expect(code).toBe(1);
    expect(lines).toEqual([
      '# image, profile spec, version 1.0, client EL1, SMC',
      `FAIL: ${STATUS} (SDEI_EVENT_STATUS(0): expected 0, found -1 (NOT_SUPPORTED))`,
      `PASS: ${TWICE}`,
      '# PASS 1, FAIL 1, SKIP 0, XFAIL 0',
    ]);
    const xml = host.written.get('out.xml')!;
    expect(xml).toContain('<testsuites name="unmaskable conformance" tests="2" failures="1">');
    expect(xml).toContain('<failure message="SDEI_EVENT_STATUS(0): expected 0, found -1 (NOT_SUPPORTED)"/>');
  });

  it('a failure that is expected is XFAIL and exit 0; one that does not come is a FAIL', async () => {
    const image = ['--firmware', 'image', '--filter', `${TWICE}|${STATUS}`];
    const known = await conformance(...image, '--expected-failures', 'known.json');
    expect([known.code, known.lines[1]]).toEqual([
      0,
      `XFAIL: ${STATUS} (not written yet (SDEI_EVENT_STATUS(0): expected 0, found -1 (NOT_SUPPORTED)))`,
    ]);
    const passes = await conformance('--filter', TWICE, '--expected-failures', 'passes.json');
    expect([passes.code, passes.lines[1]]).toEqual([
      1,
      `FAIL: ${TWICE} (it holds, but is listed as known not to: not written yet)`,
    ]);
  });

  it('--without skips what an image does not have', async () => {
    const { lines } = await conformance('--firmware', 'image', '--without', 'binding', '--filter', 'slot can be bound');
    expect(lines[1]).toMatch(/^SKIP: .* \(the image is said not to have that\)$/);
  });

  it.each<[string[], RegExp]>([
    [['--profile', 'tfa'], /--profile 'tfa': no such value\. Known: spec, tf-a, all\./],
    [['--sdei-version', '2.0'], /--sdei-version '2\.0': no such value\. Known: 1\.0, 1\.1\./],
    [['--el3', 'no'], /--el3 'no'/],
    [['--filter', 'zzz'], /--filter 'zzz': no sentence matches/],
    [['--filter', '['], /--filter \/\[\/: not a regular expression/],
    [['--junit', '/nowhere/out.xml', '--filter', TWICE], /--junit \/nowhere\/out\.xml: cannot be written/],
    [['--expected-failures', 'nowhere'], /--expected-failures nowhere: cannot be read/],
    [['--expected-failures', 'text'], /--expected-failures text: it is not JSON/],
    [['--expected-failures', 'unknown.json'], /the suite has no sentence 'no such sentence'/],
    [['--firmware', 'nowhere'], /--firmware nowhere: cannot be read/],
    [['--firmware', 'image', '--el3', 'off'], /--firmware with --el3 off/],
    [['--firmware', 'image', '--profile', 'all'], /--profile 'all' with --firmware/],
    [['--firmware', 'image', '--load', '0x40ffff00'], /--firmware image: \d+ bytes do not fit/],
    [['--firmware', 'image', '--load', '0x1000'], /--load '0x1000': give a multiple of 4 from 0x40100000/],
    [['--load', '0x40800000'], /--load, --entry, --without: they are about an image/],
    [['--firmware', 'image', '--without', 'luck'], /--without 'luck': no such value/],
    [['--dispatcher', 'kvm'], /--dispatcher 'kvm': no such value\. Known: firmware, hypervisor\./],
    [['--dispatcher', 'hypervisor', '--el2'], /--dispatcher hypervisor with --el2: its client is a guest, at EL1/],
    [['--dispatcher', 'hypervisor', '--firmware', 'image'], /--dispatcher hypervisor with --firmware/],
  ])('refuses %j with exit 2 and one line', async (args, message) => {
    const { host, code, lines } = await conformance(...args);
    expect([code, lines]).toEqual([2, []]);
    expect(host.err).toMatch(message);
    expect(host.err).toMatch(/^unmaskable: .*\n$/);
  });
});

describe.skipIf(!BUILT)('unmaskable conformance as a process (needs dist/, which npm run build makes)', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [`${ROOT}/bin/unmaskable.mjs`, 'conformance', ...args], {
      encoding: 'utf8',
      input: '',
    });
  it('exits 0 when all holds, and 2 for a report that cannot be written', () => {
    const { status, stdout } = run('--filter', '^mask: ');
    expect([status, stdout.trimEnd().split('\n').at(-1)]).toEqual([0, '# PASS 4, FAIL 0, SKIP 0, XFAIL 0']);
    const refused = run('--filter', '^mask: ', '--junit', '/dev/null/out.xml');
    expect([refused.status, refused.stdout]).toEqual([2, '']);
    expect(refused.stderr).toMatch(/--junit \/dev\/null\/out\.xml: cannot be written/);
  });
});
