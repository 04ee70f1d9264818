import { describe, expect, it } from 'vitest';
import { FakeMachine } from '../../../test/support/fake-machine.ts';
import { ConsoleMatcher } from '../console-match.ts';
import { armRules, describeGrammar, parseRule } from './rule.ts';

/** Runs rules against a guest that prints `output` at step 3 and powers off after step 9. */
function play(rules: readonly string[], output = ''): { machine: FakeMachine; stops: string[] } {
  const machine = new FakeMachine((self, step) => {
    if (step === 3) self.print(output);
    return step === 9 ? 'poweroff' : undefined;
  });
  const console = new ConsoleMatcher();
  const stops: string[] = [];
  machine.console.onOutput((bytes) => console.feed(bytes));
  armRules(rules.map(parseRule), {
    machine,
    console,
    stop: (why) => stops.push(`${why} @${machine.steps}`),
    report: () => {},
    save: (path) => stops.push(`saved ${path} @${machine.steps}`),
    inside: undefined,
  });
  machine.run({});
  return { machine, stops };
}

describe('--on', () => {
  it('step:N acts at the boundary after N steps', () => {
    expect(play(['step:5 => stop']).stops).toEqual(["stopped by --on 'step:5 => stop' @5"]);
    expect(play(['step:0=>stop']).stops).toHaveLength(1);
  });

  it('time:T acts at the first boundary at or after T', () => {
    expect(play(['time:7ns => stop']).stops).toEqual(["stopped by --on 'time:7ns => stop' @7"]);
  });

  it('console:/regex/ acts once, with flag g each time', () => {
    expect(play(['console:/ok/ => type:"a"'], 'ok ok ok').machine.received).toBe('a');
    expect(play(['console:/OK/gi => type:"a"'], 'ok ok ok').machine.received).toBe('aaa');
  });

  it('a regex may contain slashes, arrows and quotes', () => {
    expect(play(['console:/a\\/b [/] => "x"/ => type:"y"'], 'a/b / => "x"').machine.received).toBe('y');
  });

  it('type sends its text with escapes as UTF-8', () => {
    const { machine } = play(['step:1 => type:"ls -l\\r\\n\\t\\"\\\\\\x03\\u{1F600}é"']);
    expect(machine.received).toBe('ls -l\r\n\t"\\\x03😀é');
  });

  it('rules act in the order in which they were given', () => {
    const { machine } = play(['step:2 => type:"1"', 'step:2 => type:"2"', 'console:/x/ => type:"3"'], 'x');
    expect(machine.received).toBe('123');
  });

  it.each([
    ['', /column 1: expected the name of a trigger\. Known: step:N, time:12ms, console:/],
    ['stpe:5 => stop', /column 1: no trigger is called 'stpe'\. Known: step:N/],
    ['toString:5 => stop', /column 1: no trigger is called 'to'/],
    ['step 5 => stop', /column 5: expected ':', found ' 5 => stop'\. It is written step:N/],
    ['step: => stop', /column 6: expected a number of steps/],
    ['step:five => stop', /step 'five': not a count/],
    ['time:5 => stop', /time '5': not a time/],
    ['step:5 stop', /column 8: expected '=>', found 'stop'/],
    ['step:5', /column 7: expected '=>', found the end of the rule/],
    ['step:5 => halt', /column 11: no action is called 'halt'\. Known: type:"text", .*stop/],
    ['step:5 => stop now', /column 16: unexpected 'now' after the action/],
    ['step:5 => type:hello', /column 16: expected '"', found 'hello'/],
    ['step:5 => type:"hello', /column 16: this text has no closing double quote/],
    ['step:5 => type:"\\q"', /column 17: unknown escape '\\q'/],
    ['step:5 => type:"\\u{110000}"', /beyond the last Unicode character/],
    ['console:hello => stop', /column 9: expected \/regex\//],
    ['console:/hello => stop', /column 9: expected \/regex\//],
    ['console:/(/ => stop', /not a regular expression/],
    ['console:/a/q => stop', /unknown flags/],
  ])('%j is refused with the place and what is known', (rule, message) => {
    expect(() => parseRule(rule)).toThrow(message);
  });

  it('lists every word of its grammar', () => {
    for (const word of ['step:N', 'time:', 'console:/regex/', 'type:"text"', 'stop']) {
      expect(describeGrammar()).toContain(word);
    }
  });
});
