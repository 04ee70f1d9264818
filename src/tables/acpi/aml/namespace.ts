/** The devices that a definition block declares: what an operating system looks for first. */

import { eisaIdText } from './build.ts';
import { type AmlArg, type AmlNode, type AmlOp, integerOf, isNode, isOp, isTerms } from './node.ts';
import type { OpName } from './opcodes.ts';
import { type AmlResource, decodeResources } from './resources.ts';
import { AmlScope } from './scope.ts';

/** A device, or a processor of the old kind. */
export interface AmlDevice {
  /** Absolute: `\_SB_.GED0`. */
  readonly path: string;
  /** `_HID` as text, an EISA id decoded; undefined where there is none or a method gives it. */
  readonly hid: string | undefined;
  /** `_UID` as it stands there. */
  readonly uid: bigint | string | undefined;
  /** `_CRS` where it is a buffer. */
  readonly crs: readonly AmlResource[] | undefined;
  /** Names of the methods, in order. */
  readonly methods: readonly string[];
  /** Objects declared by Name, by the name's last segment. */
  readonly names: ReadonlyMap<string, AmlNode>;
}

const HOLDS_TERMS: ReadonlySet<OpName> = new Set([
  'Scope',
  'Device',
  'Processor',
  'PowerResource',
  'ThermalZone',
  'If',
]);

/** Devices in the order of the block; what stands inside methods is not looked at, both branches of an If are. */
export function amlDevices(terms: readonly AmlNode[]): AmlDevice[] {
  const devices: AmlDevice[] = [];
  const walk = (list: readonly AmlNode[], scope: AmlScope): void => {
    for (const term of list) {
      if (!isNode(term) || term.kind !== 'op') continue;
      const inner = term.args.find(isTerms);
      if (inner === undefined) continue;
      if (term.op === 'Else') walk(inner, scope);
      if (!HOLDS_TERMS.has(term.op)) continue;
      const at = term.op === 'If' ? scope : scope.at(term.args[0] as string);
      if (term.op === 'Device' || term.op === 'Processor') devices.push(describeDevice(at.path, inner));
      walk(inner, at);
    }
  };
  walk(terms, new AmlScope());
  return devices;
}

/** One device by its absolute path. */
export function findAmlDevice(terms: readonly AmlNode[], path: string): AmlDevice | undefined {
  return amlDevices(terms).find((device) => device.path === path);
}

function describeDevice(path: string, terms: readonly AmlNode[]): AmlDevice {
  const declared = (op: OpName): AmlOp[] => terms.filter((term): term is AmlOp => isOp(term, op));
  const lastSegment = (name: AmlArg | undefined): string => String(name).slice(-4);
  const names = new Map(declared('Name').map(({ args }) => [lastSegment(args[0]), args[1] as AmlNode]));
  const crs = bufferOf(names.get('_CRS'));
  return {
    path,
    hid: idText(names.get('_HID')),
    uid: textOf(names.get('_UID')) ?? integerOf(names.get('_UID')),
    crs: crs === undefined ? undefined : decodeResources(crs).value,
    methods: declared('Method').map(({ args }) => lastSegment(args[0])),
    names,
  };
}

/** Text of a String constant, or undefined for any other term. */
function textOf(term: AmlNode | undefined): string | undefined {
  return isOp(term, 'String') ? (term.args[0] as string) : undefined;
}

/** Bytes of a Buffer whose initializer fills it, or undefined for any other term. */
export function bufferOf(term: AmlNode | undefined): Uint8Array | undefined {
  return isOp(term, 'Buffer') && term.args[1] instanceof Uint8Array ? term.args[1] : undefined;
}

/** A hardware id: text, or the text of an EISA id. */
function idText(term: AmlNode | undefined): string | undefined {
  const integer = integerOf(term);
  return textOf(term) ?? (integer === undefined ? undefined : eisaIdText(integer));
}
