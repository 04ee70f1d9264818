/** What a processor needs from the machine around it. */
import type { Verdict32 } from './execute.ts';
import type { Memory32 } from './memory.ts';
import type { Cpu32 } from './state.ts';

/** See the file. */
export interface Host32 {
  readonly memory: Memory32;
  /** Address of a symbol of the image that the processor executes, as that lies now. */
  addressOf(cpu: Cpu32, symbol: string): number;
  /** SEV: the event register of all processors. */
  sendEvent(): void;
  /** Interrupt of a software-generated interrupt to the processors in a list of bits. */
  sendInterrupt(targets: number): void;
  /** SMC answered in TypeScript; undefined: the exception is taken to Monitor mode. */
  readonly firmware: ((cpu: Cpu32) => Verdict32) | undefined;
}
