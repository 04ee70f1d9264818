/** The two files that a profile can be: one for speedscope.app, one for the browser's DevTools. */
import { HOST_PHASES } from '../../engine/phases.ts';
import type { Profile } from './profile.ts';

/** Frames for what the host does beside running the guest, behind those of the guest. */
const hostFrames = HOST_PHASES.map((phase) => `host: ${phase}`);

/** A stack as indices of frames, what it weighs, and whose it is: none for what the host does. */
interface Weighed {
  readonly pe: number | undefined;
  readonly stack: readonly number[];
  readonly weight: number;
}

/** The host's milliseconds: each stack with the time its code ran, and the host's phases beside them. */
function byTime({ frames, samples }: Profile): readonly Weighed[] {
  return samples.flatMap(({ pe, stack, runMs, phasesMs }) => [
    { pe, stack, weight: runMs },
    ...HOST_PHASES.map((phase, n) => ({
      pe: undefined,
      stack: [frames.length + n],
      weight: phasesMs[phase] ?? 0,
    })).filter(({ weight }) => weight > 0),
  ]);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/**
 * A file for speedscope: the guest's steps, a profile for each PE, and the host's milliseconds.
 *
 * @see speedscope's file format, "sampled profile"
 */
export function speedscopeFile(profile: Profile, name: string): string {
  const pes = [...new Set(profile.samples.map(({ pe }) => pe))].sort((a, b) => a - b);
  const sampled = (title: string, unit: string, rows: readonly Weighed[]): object => ({
    type: 'sampled',
    name: title,
    unit,
    startValue: 0,
    endValue: sum(rows.map(({ weight }) => weight)),
    samples: rows.map(({ stack }) => stack),
    weights: rows.map(({ weight }) => weight),
  });
  const bySteps = profile.samples.map(({ pe, stack, steps }) => ({ pe, stack, weight: steps }));
  const guest = pes.map((pe) =>
    sampled(
      `PE ${pe}: steps of the guest`,
      'none',
      bySteps.filter((row) => row.pe === pe),
    ),
  );
  return JSON.stringify({
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    exporter: 'unmaskable',
    name,
    activeProfileIndex: 0,
    shared: { frames: [...profile.frames, ...hostFrames].map((frame) => ({ name: frame })) },
    profiles: [...guest, sampled('time of the host', 'milliseconds', byTime(profile))],
  });
}

/** A node of a tree of calls, as DevTools has it. */
interface TreeNode {
  readonly id: number;
  readonly callFrame: object;
  readonly children: number[];
  hitCount: number;
}

/** Makes a tree of stacks. */
class Tree {
  readonly nodes: TreeNode[] = [];
  private readonly children = new Map<string, TreeNode>();

  constructor() {
    this.add('(root)');
  }
  private add(functionName: string): TreeNode {
    const callFrame = { functionName, scriptId: '0', url: '', lineNumber: -1, columnNumber: -1 };
    const node = { id: this.nodes.length + 1, callFrame, children: [], hitCount: 0 };
    this.nodes.push(node);
    return node;
  }
  /** The node of a stack, outermost frame first; one more sample of it. */
  hit(stack: readonly string[]): number {
    let node = this.nodes[0]!;
    for (const name of stack) {
      const key = `${node.id} ${name}`;
      let child = this.children.get(key);
      if (!child) {
        child = this.add(name);
        this.children.set(key, child);
        node.children.push(child.id);
      }
      node = child;
    }
    node.hitCount++;
    return node.id;
  }
}

/**
 * A `.cpuprofile` for DevTools: the host's time, in the guest's functions and in the host's phases.
 *
 * @see Chrome DevTools Protocol, "Profiler.Profile"
 */
export function cpuprofileFile(profile: Profile): string {
  const tree = new Tree();
  const [samples, timeDeltas]: [number[], number[]] = [[], []];
  const frame = (n: number): string => profile.frames[n] ?? hostFrames[n - profile.frames.length]!;
  for (const { pe, stack, weight } of byTime(profile)) {
    samples.push(tree.hit([pe === undefined ? 'host' : `PE ${pe}`, ...stack.map(frame)]));
    timeDeltas.push(Math.round(weight * 1000));
  }
  return JSON.stringify({ nodes: tree.nodes, startTime: 0, endTime: sum(timeDeltas), samples, timeDeltas });
}
