/** How a scenario is written in YAML or JSON: checked when it is read, and published as a schema for editors. */
import { z } from 'zod';
import { LIMITS } from '../explore/limits.ts';

const address = z
  .union([z.number().int().nonnegative(), z.string().regex(/^0x[0-9a-fA-F]+$|^\d+$/)])
  .describe('an address: 0x40200000');
const count = z.number().int().nonnegative();
const text = z.string().min(1);

function isRegex(source: string): boolean {
  try {
    return new RegExp(source, 'm') instanceof RegExp;
  } catch {
    return false;
  }
}
const regex = text.refine(isRegex, 'is no regular expression');

/** What is said of a value of which several forms are known. */
const known = (forms: string): { readonly error: string } => ({ error: `is none of the known forms: ${forms}` });
const PLACE_FORMS = "{ steps: N }, { pc: 'SYMBOL or ADDRESS', hit: N, pe: N }, { console: 'REGEX' }";

const place = z
  .union(
    [
      z.strictObject({ steps: count.describe('steps after the start') }),
      z.strictObject({
        // A number that a double does not hold exactly is no integer here: such an address must be in quotes.
        pc: z
          .union([text, count.transform((address) => `0x${address.toString(16)}`)])
          .describe('address, symbol or symbol+offset; addresses from 0x20000000000000 on in quotes'),
        hit: z.number().int().positive().optional().describe('which arrival; default 1'),
        pe: count.optional(),
      }),
      z.strictObject({ console: regex.describe('a regular expression over the console') }),
    ],
    known(`${PLACE_FORMS}; addresses in quotes`),
  )
  .describe('a place in a run');

const machine = z
  .strictObject({
    kernel: text.optional().describe('arm64 Image, raw or gzip; a path, relative to the scenario'),
    restore: text.optional().describe('the file of a snapshot instead of a kernel'),
    initrd: text.optional(),
    append: z.string().optional().describe('kernel command line'),
    dtb: text.optional(),
    cpus: z.number().int().min(1).max(8).optional(),
    memory: text.optional().describe('RAM, e.g. 512M'),
    cpu: z.enum(['full', 'cortex-a57']).optional(),
    el2: z.boolean().optional(),
    gic: z.union([z.literal(2), z.literal(3)]).optional(),
    tables: z.enum(['dt', 'acpi', 'both']).optional(),
    sdei: z
      .union([
        z.literal(false),
        z.strictObject({ version: z.enum(['1.0', '1.1']).optional(), profile: z.enum(['spec', 'tf-a']).optional() }),
      ])
      .optional(),
  })
  .describe('the machine; as the options of unmaskable run');

const prepare = z
  .union(
    [
      z.strictObject({ until: place }),
      z.strictObject({ type: text.describe('text typed on the console; the escapes are those of YAML or JSON') }),
      z.strictObject({
        handler: count.describe('an SDEI event: a handler that completes at once is registered for it'),
      }),
      z.strictObject({ on: text.describe("an action of --on, e.g. 'irq:40'") }),
    ],
    known(`{ until: ${PLACE_FORMS.replaceAll('}, {', '} or {')} }, { type: TEXT }, { handler: EVENT }, { on: ACTION }`),
  )
  .describe('what is done before the start');

const check = z
  .union(
    [
      z.strictObject({
        memory: address,
        bytes: z.union([z.literal(1), z.literal(2), z.literal(4), z.literal(8)]).optional(),
        equals: address,
      }),
      z.strictObject({ register: text, pe: count.optional(), equals: address }),
      z.strictObject({ console: regex.describe('must show this, a regular expression') }),
    ],
    known(
      '{ memory: ADDRESS, bytes: 1 | 2 | 4 | 8, equals: N }, { register: NAME, pe: N, equals: N }, { console: REGEX }',
    ),
  )
  .describe('what must hold at the end of every run');

const patterns = z.array(text);
const regexes = z.array(regex);
const limits = Object.fromEntries(
  Object.entries(LIMITS).map(([name, { value, advice }]) => [
    name,
    count.optional().describe(`default ${value}. ${advice}`.trim()),
  ]),
) as Record<keyof typeof LIMITS, z.ZodOptional<z.ZodNumber>>;

/** A scenario as it is written. */
export const SCENARIO_SCHEMA = z.strictObject({
  title: text.optional(),
  machine,
  symbols: text.optional().describe('ELF file with symbols, besides those of a Linux kernel itself'),
  prepare: z.array(prepare).optional(),
  window: z.strictObject({
    from: place.optional(),
    to: place.optional(),
    function: z
      .strictObject({ name: text, hits: z.number().int().positive().optional(), pe: count.optional() })
      .optional()
      .describe('calls of a function, until each has returned'),
    only: z.array(text).min(1).optional().describe('functions, or ranges of addresses: a..b'),
    pes: z.array(count).min(1).optional(),
  }),
  events: z.array(text).optional().describe('as the actions of --on: sdei:0, irq:40, serror@1, type:"x"'),
  end: z
    .union([z.strictObject({ settleSteps: count }), place], known(`{ settleSteps: N }, ${PLACE_FORMS}`))
    .optional()
    .describe('where runs end'),
  time: z.enum(['frozen', 'counted']).optional(),
  compare: z.boolean().optional(),
  converge: z.boolean().optional(),
  ignore: z
    .strictObject({
      memory: z.array(z.strictObject({ address, bytes: z.number().int().positive() })).optional(),
      registers: z.array(text).optional(),
      fields: z.array(text).optional(),
    })
    .optional()
    .describe('what may differ at the end'),
  pairs: z.strictObject({ inside: z.boolean().optional(), afterSteps: count.optional() }).optional(),
  schedules: z.strictObject({ preemptionsMax: count, withEvents: z.boolean().optional() }).optional(),
  sample: z.strictObject({ count: z.number().int().positive(), seed: z.number().int() }).optional(),
  trouble: z.strictObject({ panic: regexes.optional(), warning: regexes.optional() }).optional(),
  troubleSymbols: z.strictObject({ panic: patterns.optional(), warning: patterns.optional() }).optional(),
  expect: z.array(check).optional(),
  limits: z.strictObject(limits).optional(),
});

/** A scenario that was read. */
export type ScenarioText = z.infer<typeof SCENARIO_SCHEMA>;

/** The same for editors: JSON Schema. */
export function scenarioJsonSchema(): string {
  const schema = z.toJSONSchema(SCENARIO_SCHEMA, { io: 'input' });
  return `${JSON.stringify({ ...schema, title: 'Scenario of unmaskable explore' }, null, 2)}\n`;
}
