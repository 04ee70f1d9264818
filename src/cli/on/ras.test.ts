import { describe, expect, it } from 'vitest';
import { bareKernel, POWER_OFF } from '../../../test/support/bare-kernel.ts';
import { FakeHost } from '../../../test/support/fake-machine.ts';
import { encodeStatusBlock } from '../../tables/cper/block.ts';
import { encodeRecord } from '../../tables/cper/record.ts';
import { createMachine } from '../machine.ts';
import { main } from '../main.ts';
import { errorOf, parseError } from './ras.ts';
import { parseRule } from './rule.ts';
import { Scanner } from './scan.ts';

const BLOCK = encodeStatusBlock({ entries: [{ section: { kind: 'memory', fields: { physicalAddress: 0x1000n } } }] });

/** Runs a kernel that takes a few steps under rules; exit code and what was said. */
async function play(rules: readonly string[], more: readonly string[] = ['--tables', 'acpi'], spin = 20) {
  const host = new FakeHost(() => undefined);
  host.createMachine = createMachine;
  const loop = `mov x9, #${spin}\n1: subs x9, x9, #1\n b.ne 1b\n`;
  host.files.set('Image', bareKernel(loop + POWER_OFF));
  host.files.set('block', BLOCK).set('cut', BLOCK.slice(0, 90));
  const on = rules.flatMap((rule) => ['--on', rule]);
  const code = await main(['run', '--kernel', 'Image', '--memory', '32M', ...on, ...more], host, '1');
  return { code, err: host.err, host };
}

const parsed = (text: string) => errorOf(parseError(new Scanner(text)), {});

describe('ras: of --on', () => {
  it('reads each kind with its keys', () => {
    expect(
      parsed('memory,addr=0x48001000,severity=fatal,notify=sdei-critical,fru=DIMM_A0,threshold,status=0x400'),
    ).toEqual({
      kind: 'memory',
      addr: 0x4800_1000n,
      severity: 'fatal',
      notify: 'sdei-critical',
      fruText: 'DIMM_A0',
      threshold: true,
      errorStatus: 0x400n,
    });
    expect(parsed('processor,type=tlb,va=0xffff000000000000,encoding=index,pe=3,count=2')).toEqual({
      kind: 'processor',
      type: 'tlb',
      va: 0xffff_0000_0000_0000n,
      typeEncoding: 'index',
      pe: 3,
      count: 2,
    });
    expect(parsed('pcie,bus=1,status=0x40')).toEqual({ kind: 'pcie', bus: 1, status: 0x40 });
    expect(parseError(new Scanner('cper=a/b.bin,unchecked'))).toMatchObject({
      error: { kind: 'cper', unchecked: true },
      file: 'a/b.bin',
    });
  });

  it('stands among other actions', () => {
    expect(parseRule('step:5 => ras:memory,addr=4096,severity=corrected, stop').actions.length).toBe(2);
  });

  it.each([
    ['step:1 => ras:disk', /column 15: no error is called 'disk'. Known: memory, processor, pcie, cper=FILE/],
    ['step:1 => ras:memory,adr=1', /column 22: 'adr' says nothing of such an error. Known: severity, notify/],
    ['step:1 => ras:memory,addr=x', /column 22: 'addr=x': not a value of addr/],
    ['step:1 => ras:memory,addr=1,severity=bad', /column 29: 'severity=bad'/],
    ['step:1 => ras:cper', /column 15: 'cper': write memory, processor, pcie, or cper=FILE/],
    ['step:1 => ras:memory=1', /column 15: 'memory=1'/],
    ['step:1 => ras:memory,__proto__=1', /'__proto__' says nothing/],
    ['step:1 => poison:x', /column 18: 'x' is no physical address/],
    ['step:1 => poison:0x1000,later', /after the address comes serror or nothing/],
  ])('%s is refused with the column', (rule, why) => {
    expect(() => parseRule(rule)).toThrow(why);
  });

  it('what the machine cannot do is refused before the run', async () => {
    const wrong = async (rule: string, more?: string[]) => (await play([rule], more)).err;
    expect(await wrong('step:1 => ras:memory', [])).toMatch(
      /column 15: ras: this machine has no firmware that handles/,
    );
    expect(await wrong('step:1 => ras:memory,pe=1')).toMatch(/PE 1: this machine has PEs 0 to 0/);
    expect(await wrong('step:1 => ras:memory,notify=sei')).toMatch(
      /'sei': no source notifies so. This machine has 1 \(/,
    );
    expect(await wrong('step:1 => ras:cper=nowhere')).toMatch(/--on nowhere: cannot be read: there is no such file/);
    expect(await wrong('step:1 => ras:cper=cut')).toMatch(/malformed at offset 0: .* See: unmaskable decode/);
    expect(await wrong('step:1 => poison:0x9000000')).toMatch(/column 18: .*RAM is 0x40000000 to/);
  });

  it('an error that has to wait is told', async () => {
    const rule = 'step:5 => ras:cper=block,notify=polled, ras:memory,notify=polled';
    const { code, err } = await play([rule]);
    expect(code).toBe(0);
    expect(err).toContain(`--on '${rule}': at step 5, error 2 waits: the operating system has not acknowledged`);
  });

  it('poison acts: the code in the page does not come to its power-off', async () => {
    const image = 0x4020_0000;
    const { err } = await play([`step:5 => poison:0x${image.toString(16)}`, 'step:200 => stop']);
    expect(err).toContain('stopped by --on');
  });
});

describe('--erst', () => {
  const record = encodeRecord({ recordId: 5n, sections: [{ section: { kind: 'memory', fields: {} } }] });

  it('a file that is not there is an empty store; one that is there is what the store holds', async () => {
    const none = await play([], ['--tables', 'acpi', '--erst', 'store']);
    expect(none.code).toBe(0);
    const host = new FakeHost(() => undefined);
    let held: Uint8Array | undefined;
    host.createMachine = (request) => {
      held = request.ras?.erstRecords;
      return createMachine(request);
    };
    host.files.set('Image', bareKernel(POWER_OFF)).set('store', record);
    const args = ['run', '--kernel', 'Image', '--memory', '32M', '--tables', 'acpi', '--erst', 'store'];
    expect(await main(args, host, '1')).toBe(0);
    expect(held).toEqual(new Uint8Array(record));
  });

  it('is refused without ACPI tables, and with a file that holds no records', async () => {
    const without = await play([], ['--erst', 'store']);
    expect([without.code, without.err]).toEqual([
      2,
      'unmaskable: --erst store: a kernel finds the records by ACPI. Add --tables acpi.\n',
    ]);
    const wrong = await play([], ['--tables', 'acpi', '--erst', 'block']);
    expect(wrong.err).toMatch(/ras.erstRecords: error records: at offset 0 there is no CPER record/);
  });
});
