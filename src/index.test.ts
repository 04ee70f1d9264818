import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import * as api from './index.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const at = (path: string): string => `${ROOT}${path}`;

/** Files behind the public API, from its own text. */
const files = [...readFileSync(at('src/index.ts'), 'utf8').matchAll(/from '\.\/(.*)'/g)].map((m) => `src/${m[1]}`);

/** What an example may take for granted. */
const GIVEN = `
declare const kernel: Uint8Array;
declare const initrd: Uint8Array;
declare const out: { write(bytes: Uint8Array): void };
`;

/** The code after each `@example` of a file. */
function docExamples(path: string): string[] {
  const comments = readFileSync(at(path), 'utf8').match(/\/\*\*[\s\S]*?\*\//g) ?? [];
  const bodies = comments.flatMap((comment) => comment.split('@example').slice(1));
  return bodies.map((body) =>
    body
      .replace(/\*\/$/, '')
      .replace(/\n\s*@[\s\S]*$/, '')
      .replace(/^ *\* ?/gm, ''),
  );
}

/** The TypeScript blocks of a document. */
const documentExamples = (path: string): string[] =>
  [...readFileSync(at(path), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((m) => m[1]);

/** What the compiler says about pieces of code that use the public API. */
function compile(pieces: readonly string[]): string[] {
  const names = Object.keys(api).join(', ');
  const sources = new Map(
    pieces.map((code, index) => {
      const own = /^import .* from 'unmaskable';/m.test(code);
      const head = own ? '' : `import { ${names} } from './index.ts';\n`;
      const body = code.replace("from 'unmaskable'", "from './index.ts'");
      return [at(`src/example-${index}.ts`), `${head}${GIVEN}\n${body}\nexport {};\n`];
    }),
  );
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(at('tsconfig.json'), ts.sys.readFile).config,
    ts.sys,
    ROOT,
  );
  const settings: ts.CompilerOptions = { ...options, noUnusedLocals: false, noEmit: true };
  const host = ts.createCompilerHost(settings);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (path) => sources.has(path) || fileExists(path);
  host.readFile = (path) => sources.get(path) ?? readFile(path);
  host.getSourceFile = (path, version, ...rest) =>
    sources.has(path)
      ? ts.createSourceFile(path, sources.get(path) as string, version)
      : getSourceFile.call(host, path, version, ...rest);
  const program = ts.createProgram([...sources.keys()], settings, host);
  return [...sources.keys()].flatMap((path) =>
    [
      ...program.getSyntacticDiagnostics(program.getSourceFile(path)),
      ...program.getSemanticDiagnostics(program.getSourceFile(path)),
    ].map((d) => `${path.slice(ROOT.length)}: ${ts.flattenDiagnosticMessageText(d.messageText, ' ')}`),
  );
}

describe('the public API', () => {
  it('exports the machine, its errors, assembler and disassembler, and device trees', () => {
    for (const name of ['Machine', 'MachineError', 'BootError', 'assemble', 'disassemble', 'decodeFdt', 'encodeFdt']) {
      expect(api).toHaveProperty(name);
    }
  });

  it('every example in the docstrings and in README compiles', { timeout: 120_000 }, () => {
    const examples = [...files.flatMap(docExamples), ...documentExamples('README.md')];
    expect(examples.length).toBeGreaterThanOrEqual(3);
    // The last one is wrong, so that silence of the compiler means something.
    const wrong = compile([...examples, 'Machine.create({ cpus: "two" });']);
    expect(wrong).toEqual([expect.stringContaining(`example-${examples.length}.ts: Type 'string'`)]);
  });
});

describe('a program of three instructions, through the public API alone', () => {
  const program = (source: string): api.ProgramImage => {
    const addrPa = 0x4008_0000n;
    return { addrPa, bytes: api.assemble(source, { origin: addrPa }).bytes };
  };
  const machineOf = (source: string): api.Machine =>
    api.Machine.create({ programs: [program(source)], memoryBytes: api.MEMORY_BYTES_MIN });

  it('runs step by step, and registers and memory can be read and written by name and address', () => {
    const machine = machineOf('mov x0, #40\n add x0, x0, x1\n b .');
    machine.writeRegister(0, 'X1', 2n);
    machine.step();
    expect(machine.readRegister(0, 'X0')).toBe(40n);
    machine.step();
    expect(machine.readRegister(0, 'X0')).toBe(42n);
    expect(machine.readRegister(0, 'PC')).toBe(0x4008_0008n);
    expect(machine.readRegister(0, 'CurrentEL')).toBe(1n << 2n);
    const word = new DataView(machine.readMemory(0x4008_0004n, 4).buffer).getUint32(0, true);
    expect(api.disassemble(word)).toBe('add x0, x0, x1');
  });

  it('goes back to a snapshot, and comes to the same digest again', () => {
    const machine = machineOf('1: add x0, x0, #1\n b 1b');
    machine.run({ steps: 100 });
    const snapshot = machine.snapshot();
    machine.run({ steps: 1000 });
    const digest = machine.digest();
    machine.restore(snapshot);
    expect(machine.digest()).not.toBe(digest);
    expect(machine.run({ steps: 1000 })).toEqual({ reason: 'limit' });
    expect(machine.digest()).toBe(digest);
    expect(machine.readRegister(0, 'X0')).toBe(550n);
  });

  it('tells hooks what happens', () => {
    const machine = machineOf(
      'ldr x0, =0x84000000\n smc #0\n mov w1, #33\n ldr x2, =0x09000000\n str w1, [x2]\n svc #1\n b .',
    );
    const heard: string[] = [];
    machine.console.onOutput((bytes) => heard.push(`console ${String.fromCharCode(...bytes)}`));
    machine.on('call', (pe, name, _, result) => heard.push(`call ${pe} ${name} ${result}`));
    machine.on('mmio', (access) => heard.push(`mmio ${access.device} ${access.write} ${access.value}`));
    machine.on('exception', (pe, el, vector) => heard.push(`exception ${pe} EL${el} 0x${vector.toString(16)}`));
    machine.run({ steps: 6 });
    expect(heard).toEqual([
      'exception 0 EL3 0x400',
      'call 0 PSCI_VERSION 65537',
      'mmio pl011@9000000 true 33',
      'console !',
      'exception 0 EL1 0x200',
    ]);
  });

  it('says what a wrong option is, by a code and in words', () => {
    expect(() => api.Machine.create({ cpus: 9 })).toThrow(api.MachineError);
    expect(() => api.Machine.create({ cpus: 9 })).toThrow(/9 CPUs: .* 1 to 8/);
    expect(() => api.Machine.create({ kernel: new Uint8Array(100) })).toThrow(api.BootError);
    expect(() => api.assemble('frob x0')).toThrow(api.AssemblerError);
  });

  it('runs the demonstration', () => {
    const machine = api.Machine.create({ programs: [api.demoProgram()] });
    expect(machine.run()).toEqual({ reason: 'poweroff' });
  });
});

describe('device trees', () => {
  it('are the same tree after bytes and back', () => {
    const tree = api.fdtTree(
      api.fdtNode('', { model: 'example', 'reg-size': 7 }, [api.fdtNode('chosen', { seed: 1n })]),
    );
    const decoded = api.decodeFdt(api.encodeFdt(tree));
    expect(decoded.tree && api.findNode(decoded.tree, '/chosen')?.name).toBe('chosen');
  });
});
