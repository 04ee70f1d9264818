import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesBelow, ROOT, type Source } from './sources.ts';

const root = (name: string): Source => ({ path: name, text: readFileSync(join(ROOT, name), 'utf8') });

const documents = (): Source[] => [root('README.md'), root('CHANGELOG.md'), ...filesBelow('docs', '.md')];

/** The text without its code blocks, in which `#` begins a comment and not a title. */
const prose = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '');

describe('the documents', () => {
  it('have one title each', () => {
    const wrong = documents().filter((document) => (prose(document.text).match(/^# .+/gm) ?? []).length !== 1);
    expect(wrong.map((document) => document.path)).toEqual([]);
  });

  it('link only to files that exist', () => {
    const broken = documents().flatMap((document) =>
      [...prose(document.text).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
        .map((match) => match[1])
        .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(ROOT, dirname(document.path), target)))
        .map((target) => `${document.path}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('name only folders and files of the sources that exist', () => {
    const missing = documents().flatMap((document) =>
      [...document.text.matchAll(/`((?:src|test|scripts|docs|bin)\/[\w./-]+)`/g)]
        .map((match) => match[1])
        .filter((path) => !existsSync(join(ROOT, path)))
        .map((path) => `${document.path}: ${path}`),
    );
    expect(missing).toEqual([]);
  });

  it('README begins with the two commands', () => {
    const blocks = root('README.md').text.match(/^```[\s\S]*?^```/gm) ?? [];
    expect(blocks[0]).toContain('npm start');
    expect(blocks[0]).toContain('npm test');
  });
});
