/**
 * Reads the `asm` templates of clauses.
 *
 * A template is text with operands `{fields:kind}` and optional groups `{? ... }`. `fields` are names of the encoding,
 * joined by dots from the highest bits down. `kind` is a name of `kinds.ts` with `+1` (next register), `*N` (scale),
 * `(...)` (arguments) and `[...]` (index fields) as far as the kind takes them. A group is printed when one of its
 * fields is not zero.
 */

/** One operand of a template. */
export interface OperandSpec {
  /** The operand as it is written in the template, for messages. */
  readonly source: string;
  readonly fields: readonly string[];
  readonly kind: string;
  /** Added to a register number: 1 for the second register of a pair that the encoding does not hold. */
  readonly plus: number;
  readonly scale: number;
  /** What stands in the parentheses, or undefined. */
  readonly args: string | undefined;
  /** Fields of the index, highest bits first; undefined without brackets. */
  readonly index: readonly string[] | undefined;
}

/** A part of a template. */
export type Piece =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'operand'; readonly spec: OperandSpec }
  | { readonly type: 'optional'; readonly pieces: readonly Piece[]; readonly fields: readonly string[] };

const OPERAND = /^([\w.]*):([\w]+)(?:\+(\d+))?(?:\*(\d+))?(?:\(([^)]*)\))?(?:\[([\w.]*)\])?$/;

function parseOperand(template: string, source: string): OperandSpec {
  const match = OPERAND.exec(source);
  if (!match) throw new Error(`template '${template}': '{${source}}' is not {fields:kind}`);
  const [, fields, kind, plus, scale, args, index] = match;
  return {
    source,
    fields: fields!.split('.').filter((f) => f !== ''),
    kind: kind!,
    plus: Number(plus ?? 0),
    scale: Number(scale ?? 1),
    args,
    index: index?.split('.'),
  };
}

function fieldsOf(pieces: readonly Piece[]): string[] {
  return pieces.flatMap((p) => {
    if (p.type === 'text') return [];
    return p.type === 'operand' ? [...p.spec.fields, ...(p.spec.index ?? [])] : p.fields;
  });
}

/**
 * The parts of a template in order.
 *
 * @throws Error when braces do not match or an operand is malformed: templates are our own
 */
export function parseTemplate(template: string): readonly Piece[] {
  let at = 0;
  const sequence = (depth: number): Piece[] => {
    const pieces: Piece[] = [];
    while (at < template.length && template[at] !== '}') {
      if (template.startsWith('{?', at)) {
        at += 2;
        const inner = sequence(depth + 1);
        if (template[at++] !== '}') throw new Error(`template '${template}': group is not closed`);
        pieces.push({ type: 'optional', pieces: inner, fields: fieldsOf(inner) });
      } else if (template[at] === '{') {
        const end = template.indexOf('}', at);
        if (end < 0) throw new Error(`template '${template}': operand is not closed`);
        pieces.push({ type: 'operand', spec: parseOperand(template, template.slice(at + 1, end)) });
        at = end + 1;
      } else {
        const end = template.slice(at).search(/[{}]/);
        const text = end < 0 ? template.slice(at) : template.slice(at, at + end);
        pieces.push({ type: 'text', text });
        at += text.length;
      }
    }
    if (depth === 0 && at < template.length) throw new Error(`template '${template}': '}' without '{'`);
    return pieces;
  };
  return sequence(0);
}
