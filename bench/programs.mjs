// The guest programs: what each is, how much of it is run, and what its speed beside QEMU's has to be.

import { LOADS } from './process.mjs';

/** The seven integer programs: their geometric mean and the worst of them have limits of their own. */
const SEVEN = [
  { name: 'integer', scale: 400, what: '64-bit integer loop' },
  { name: 'sieve', scale: 160, what: 'sieve of Eratosthenes, bytes' },
  { name: 'sha256', scale: 400, what: 'SHA-256 without its instructions' },
  { name: 'strings', scale: 300, what: 'word copy and byte strlen, plain loops' },
  { name: 'chase', scale: 50, what: 'random pointer chase through 1 MiB' },
  { name: 'mix', scale: 150, what: 'state machine, matrix, list' },
  { name: 'recursion', scale: 250, what: 'recursion' },
];
const OTHERS = [
  { name: 'chase-far', scale: 2, what: 'random pointer chase through 16 MiB' },
  { name: 'fma', scale: 80, what: 'double precision with fused multiply-add', must: 0.3, aim: 1 },
  { name: 'neon-strings', scale: 40, what: "the C library's NEON string functions", must: 0.7, aim: 2 },
  { name: 'faults', scale: 8, what: 'page faults and system calls', must: 0.5, aim: 1.5 },
  { name: 'forks', scale: 32, what: 'fork, exec, wait', must: 0.5, aim: 1.5 },
  { name: 'pipes', scale: 5, what: 'ping-pong through pipes' },
  { name: 'spin-2', scale: 100, what: 'spinning on 2 CPUs', cpus: 2 },
  { name: 'spin-4', scale: 50, what: 'spinning on 4 CPUs', cpus: 4 },
];

/** Programs of the everyday kind, without a limit: whether what has one stands for the rest. */
const EVERYDAY = [
  { name: 'sorting', scale: 200, what: "sorting by a function of one's own" },
  { name: 'words', scale: 300, what: 'a map of words on the heap' },
  { name: 'bytecode', scale: 200, what: 'an interpreter that jumps by a table' },
  { name: 'pages', scale: 300, what: 'functions in different pages' },
  { name: 'bignum', scale: 200, what: 'long multiplication' },
  { name: 'division', scale: 300, what: 'divisions of 64 and 32 bits' },
  { name: 'text', scale: 100, what: 'numbers to text and back' },
  { name: 'packing', scale: 200, what: 'compressing, expanding, CRC' },
];

/** What processes do, one thing at a time. The checksum of these is that they end. */
const PROCESSES = Object.entries(LOADS).map(([name, { count, what }]) =>
  name === 'recursion'
    ? { name: 'fibonacci', guestName: name, command: 'process', scale: count, least: count - 10, what }
    : { name, command: 'process', scale: count, what: `${what}, ${count} times` },
);

/** Of a quick run, the share of the work; enough to see that everything runs. */
const QUICK_SHARE = 1 / 20;

export const SEVEN_NAMES = SEVEN.map(({ name }) => name);
/** Every guest program. */
export const PROGRAMS = [...SEVEN, ...OTHERS, ...EVERYDAY, ...PROCESSES].map((program) => ({
  cpus: 1,
  guestName: program.name,
  command: 'bench',
  ...program,
}));
export const EVERYDAY_NAMES = EVERYDAY.map(({ name }) => name);
export const PROCESS_NAMES = PROCESSES.map(({ name }) => name);

/** How much of a program is run; a quick run makes it short. */
export const scaleOf = ({ scale, least = 1 }, quick) =>
  quick ? Math.max(least, Math.round(scale * QUICK_SHARE)) : scale;
