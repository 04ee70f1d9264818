import { ATOMIC } from '../../src/isa/base/atomic.ts';
import { BRANCH } from '../../src/isa/base/branch.ts';
import { CRC32 } from '../../src/isa/base/crc32.ts';
import { DP_IMMEDIATE } from '../../src/isa/base/dp-immediate.ts';
import { DP_REGISTER } from '../../src/isa/base/dp-register.ts';
import { EXCLUSIVE } from '../../src/isa/base/exclusive.ts';
import { LOAD_STORE } from '../../src/isa/base/load-store.ts';
import { LOAD_STORE_PAIR } from '../../src/isa/base/load-store-pair.ts';
import { SYSTEM_INSTRUCTIONS } from '../../src/isa/base/system.ts';
import { SYSTEM_MOVES } from '../../src/isa/base/system-moves.ts';
import type { Clause } from '../../src/isa/clause.ts';
import { CRYPTO } from '../../src/isa/crypto/index.ts';
import type { Encoding } from '../../src/isa/encoding.ts';
import { FLOATING_POINT } from '../../src/isa/fpsimd/index.ts';
import { NOT_MODELLED } from '../../src/isa/not-modelled.ts';
import { SIMD } from '../../src/isa/simd/index.ts';
import { A64 } from '../../src/isa/table.ts';
import { code, page, table } from './markdown.ts';

/** The rooms of the table and what they hold, in its order. */
const ROOMS: readonly (readonly [title: string, clauses: readonly Clause[]])[] = [
  ['Data processing, immediate', DP_IMMEDIATE],
  ['Data processing, register', DP_REGISTER],
  ['CRC32', CRC32],
  ['Branches', BRANCH],
  ['Loads and stores', LOAD_STORE],
  ['Loads and stores of pairs', LOAD_STORE_PAIR],
  ['Exclusive and ordered loads and stores', EXCLUSIVE],
  ['Atomic memory operations', ATOMIC],
  ['Exceptions, barriers, hints', SYSTEM_INSTRUCTIONS],
  ['System registers and SYS', SYSTEM_MOVES],
  ['Floating point', FLOATING_POINT],
  ['Advanced SIMD', SIMD],
  ['Cryptography', CRYPTO],
];

/** The bits an encoding fixes, from bit 31 down; `x` for any. */
function pattern({ mask, value }: Encoding): string {
  const bit = (n: number): string => (((mask >>> n) & 1) === 0 ? 'x' : String((value >>> n) & 1));
  return Array.from({ length: 32 }, (_, n) => bit(31 - n))
    .join('')
    .replace(/.{8}(?=.)/g, '$& ');
}

const row = (clause: Clause): string[] => [
  clause.name,
  code(clause.asm),
  code(pattern(clause.encoding)),
  clause.feature ?? (clause.fp ? 'FEAT_FP' : ''),
];

/**
 * `docs/reference/instructions.md`.
 *
 * @throws Error when the rooms here are not those of the table
 */
export function instructionsPage(): string {
  const shown = ROOMS.flatMap(([, clauses]) => clauses);
  if (shown.length !== A64.length || shown.some((clause, n) => clause !== A64[n]))
    throw new Error('instructions page: ROOMS does not list the rooms of src/isa/table.ts in their order');
  const lead = [
    `The ${A64.length} instructions of A64 that this machine runs, by the name and variant Arm gives them; aliases are not`,
    'listed. Text is that of the GNU assembler without aliases, operands in braces as `src/isa/text` reads them. A 32-bit',
    'word that no row has is UNDEFINED, as is one whose feature the processor lacks; the log then says what it was.',
  ].join('\n');
  const heads = ['instruction', 'text', 'bits 31 to 0', 'feature'];
  const rooms = ROOMS.map(([title, clauses]) => `## ${title}\n\n${table(heads, clauses.map(row))}`);
  const later = NOT_MODELLED.map(({ name, feature, encoding }) => [name, feature, code(pattern(encoding))]);
  const missing = 'Known by name for the log. The most specific row comes first; rows may overlap.';
  return page('Instructions', lead, [
    ...rooms,
    `## Not modelled\n\n${missing}\n\n${table(['instructions', 'feature', 'bits 31 to 0'], later)}`,
  ]);
}
