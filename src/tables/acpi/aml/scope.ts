/** Names that terms declare, and what a name means where it is used. ACPI Specification, "Namespace Search Rules". */
import { splitName } from './encode.ts';
import type { AmlOp } from './node.ts';
import type { OpName } from './opcodes.ts';

/** ObjectType of External: a method. ACPI Specification, "ObjectTypeKeyword". */
const EXTERNAL_METHOD = 8;
/** Deepest scope in which names are told apart; deeper ones all count as this one. Real tables stay below 10. */
const SCOPE_DEPTH_MAX = 128;

/** Which operand of an operator without a package is the name that it declares. */
const DECLARES: Readonly<Partial<Record<OpName, number>>> = {
  Name: 0,
  Mutex: 0,
  Event: 0,
  OperationRegion: 0,
  DataTableRegion: 0,
  CreateDWordField: 2,
  CreateWordField: 2,
  CreateByteField: 2,
  CreateBitField: 2,
  CreateQWordField: 2,
  CreateField: 3,
};

/** A place in the namespace, and the object there if one was declared. */
export class AmlScope {
  readonly #parent: AmlScope | undefined;
  readonly #segment: string;
  readonly #depth: number;
  #children: Map<string, AmlScope> | undefined;
  /** Arguments of the method declared here, 0 for any other object; undefined as long as nothing is declared. */
  #argumentCount: number | undefined;

  /** Without arguments the root. */
  constructor(parent?: AmlScope, segment = '') {
    this.#parent = parent;
    this.#segment = segment;
    this.#depth = parent === undefined ? 0 : parent.#depth + 1;
  }

  /** `\`, or `\_SB_.GED0`. */
  get path(): string {
    const segments: string[] = [];
    for (let scope: AmlScope = this; scope.#parent !== undefined; scope = scope.#parent) segments.push(scope.#segment);
    return `\\${segments.reverse().join('.')}`;
  }

  /** The scope of a name that is opened here: below this scope, or where its prefix says. */
  at(name: string): AmlScope {
    const { scope, segments } = this.#start(name);
    return segments.reduce((inner, segment) => inner.#child(segment), scope);
  }

  /** Where a name with its prefix begins, and the segments that lead on from there. */
  #start(name: string): { readonly scope: AmlScope; readonly segments: readonly string[]; readonly search: boolean } {
    const { prefix, segments } = splitName(name);
    let scope: AmlScope = this;
    const up = prefix === '\\' ? this.#depth : prefix.length;
    for (let n = 0; n < up && scope.#parent !== undefined; n++) scope = scope.#parent;
    return { scope, segments, search: prefix === '' && segments.length === 1 };
  }

  private childNamed(segment: string): AmlScope | undefined {
    return this.#children?.get(segment);
  }

  private get count(): number | undefined {
    return this.#argumentCount;
  }

  #child(segment: string): AmlScope {
    if (this.#depth >= SCOPE_DEPTH_MAX) return this;
    this.#children ??= new Map();
    let child = this.#children.get(segment);
    if (child === undefined) {
      child = new AmlScope(this, segment);
      this.#children.set(segment, child);
    }
    return child;
  }

  declare(name: string, argumentCount: number): void {
    this.at(name).#argumentCount = argumentCount;
  }

  /** True when something is declared under exactly that name. */
  has(name: string): boolean {
    return this.at(name).#argumentCount !== undefined;
  }

  /** How many arguments follow a name here; 0 for what is not known. A single segment is looked for outwards too. */
  argumentCount(name: string): number {
    const { scope, segments, search } = this.#start(name);
    for (let from: AmlScope | undefined = scope; from !== undefined; from = search ? from.#parent : undefined) {
      let found: AmlScope | undefined = from;
      for (const segment of segments) found = found?.childNamed(segment);
      if (found?.count !== undefined) return found.count;
    }
    return 0;
  }
}

/** Notes what an operator without a package declares. */
export function noteDeclaration(scope: AmlScope, { op, args }: AmlOp): void {
  if (op === 'Alias') {
    scope.declare(args[1] as string, scope.argumentCount(args[0] as string));
    return;
  }
  if (op === 'External') {
    const [name, type, argumentCount] = args as [string, number, number];
    if (!scope.has(name)) scope.declare(name, type === EXTERNAL_METHOD ? argumentCount & 7 : 0);
    return;
  }
  const at = DECLARES[op];
  if (at !== undefined) scope.declare(args[at] as string, 0);
}
