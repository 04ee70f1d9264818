import { ContextNumbers } from '../cpu/contexts.ts';
import { HostedCode } from '../cpu/hosted.ts';
import { Pe } from '../cpu/pe.ts';
import type { MachinePort } from '../cpu/ports.ts';
import type { Gic } from '../devices/gic.ts';
import type { Pl031 } from '../devices/pl031.ts';
import { isHosted } from '../engine/hosted/program.ts';
import type { Interpreter } from '../engine/interpreter.ts';
import { GuestMemory } from '../engine/memory.ts';
import type { BootPlan } from '../firmware/boot/boot.ts';
import { VIRT_INTIDS, VIRT_MEMORY_MAP, virtAffinity } from './board/virt.ts';
import { bootPlan, buildEngine, buildGic, checkPrograms, devicesHost, gated } from './build.ts';
import { Bus } from './bus.ts';
import type { Console } from './console.ts';
import { BoardDevices } from './devices.ts';
import { Firmware, NS_PER_COUNT } from './el3.ts';
import { EventQueue } from './events.ts';
import { connectHook } from './hooks.ts';
import { type CheckedOptions, checkOptions, type MachineOptions } from './options.ts';
import type { MachineRas } from './ras.ts';
import { buildRas } from './ras-host.ts';
import { RunningMachine } from './running.ts';
import { Scheduler } from './scheduler.ts';
import { MachineSdei } from './sdei.ts';
import { startGuest } from './start.ts';
import { Stops } from './stops.ts';
import { TimerEvents } from './timer-events.ts';
import type { MachineHooks } from './types.ts';
import { WholeState } from './whole.ts';

export type { MachineHooks, RunLimits, RunReason, Snapshot } from './types.ts';

const RAM_PA = Number(VIRT_MEMORY_MAP.ram.basePa);

/**
 * An arm64 machine as QEMU's `virt` board lays it out: exact, deterministic, stoppable at every instruction.
 *
 * State after N steps is a function of the options and of what was put in from outside; never of the host.
 *
 * @example
 * const machine = Machine.create({ kernel, initrd, append: 'console=ttyAMA0' });
 * machine.console.onOutput((bytes) => out.write(bytes));
 * machine.run({ steps: 1_000_000 });
 */
export class Machine extends RunningMachine {
  readonly options: CheckedOptions;
  readonly pes: readonly Pe[];
  readonly gic: Gic;
  /** The board's devices but the interrupt controller. */
  readonly devices: BoardDevices;
  readonly bus: Bus = new Bus();
  /** The firmware's SDEI dispatcher; without one, whatever needs it is an `E_SDEI`. */
  readonly sdei: MachineSdei;
  /** The firmware that sees hardware errors first; without one, whatever needs it is an `E_RAS`. */
  readonly ras: MachineRas;
  /** Code in TypeScript at virtual addresses, where the options have some. */
  readonly hosted: HostedCode | undefined;
  readonly log: { onReport(listener: (message: string) => void): void };
  protected readonly memory: GuestMemory;
  protected readonly romBytes: number;
  protected readonly stops: Stops;
  protected readonly engine: Interpreter;
  protected readonly firmware: Firmware | undefined;
  protected readonly events: EventQueue = new EventQueue();
  protected readonly timers: TimerEvents;
  protected readonly scheduler: Scheduler;
  readonly whole: WholeState;
  /** What a reset loads, and where it starts. */
  readonly boot: BootPlan | undefined;
  private readonly reporters: ((message: string) => void)[] = [];

  private constructor(options: CheckedOptions) {
    super();
    this.options = options;
    this.log = { onReport: (listener) => void this.reporters.push(listener) };
    this.romBytes = options.romBytes ?? 0;
    this.memory = new GuestMemory(options.memoryBytes + this.romBytes, options.cpus);
    this.boot = bootPlan(options);
    checkPrograms(options, this.boot);
    const report = (message: string): void => this.report(message);
    const host = devicesHost({
      memory: this.memory,
      events: this.events,
      romBytes: this.romBytes,
      pes: () => this.pes,
      gic: () => this.gic,
      nowNs: () => this.nowNs,
      instantNs: () => this.instantNs(),
      requestBoundary: () => this.requestBoundary(),
      systemReset: () => this.systemStop('reset'),
      gate: this.outside,
      report,
    });
    this.ras = buildRas(options, host, () => this);
    this.devices = new BoardDevices(host, options, this.ras.firmware, this.boot);
    this.hosted = options.hosted && new HostedCode(options.hosted);
    const contexts = new ContextNumbers(this.memory);
    this.pes = Array.from({ length: options.cpus }, (_, index) => this.makePe(index, contexts));
    const { pes, events } = this;
    this.timers = new TimerEvents({ pes, events, gic: () => this.gic, requestBoundary: () => this.requestBoundary() });
    this.gic = gated(buildGic(options, this.pes, this.bus, host), this.outside);
    this.devices.mapOn(this.bus);
    this.engine = buildEngine(options, this.pes, this.memory);
    this.stops = new Stops(pes, this.engine, { ramBytes: options.memoryBytes, changed: () => this.requestBoundary() });
    this.scheduler = new Scheduler(this.pes, this.memory, RAM_PA, options.schedule);
    this.sdei = new MachineSdei(options.sdei, this.surroundings(), this.gic, this.outside);
    this.firmware =
      options.firmware === 'typescript' ? new Firmware(this.surroundings(), this.sdei, this.ras) : undefined;
    this.whole = new WholeState(this.memory, {
      pes,
      events,
      gic: this.gic,
      devices: this.devices,
      firmware: this.firmware,
      scheduler: this.scheduler,
      timers: this.timers,
      hosted: this.hosted,
    });
    this.reset();
  }

  /**
   * Makes a machine and loads what it is to run.
   *
   * @throws MachineError when an option is impossible, BootError when the kernel, initrd or device tree cannot be used
   */
  static create(options: MachineOptions = {}): Machine {
    return new Machine(checkOptions(options));
  }

  private makePe(index: number, contexts: ContextNumbers): Pe {
    const { profile, els } = this.options;
    return new Pe({
      memory: this.memory,
      index,
      affinity: Number(virtAffinity(index)),
      profile,
      els,
      bus: this.bus,
      machine: this.machinePort(),
      ramBasePa: RAM_PA,
      romBytes: this.romBytes,
      contexts,
      hosted: this.hosted,
      gic: () => this.gic,
      engine: () => this.engine,
    });
  }

  private machinePort(): MachinePort {
    return {
      count: () => BigInt(Math.floor(this.instantNs() / NS_PER_COUNT)),
      timersChanged: (pe) => this.timers.timersChanged(pe),
      pmuLine: (pe, level) => this.gic.setLine(VIRT_INTIDS.PMU, level, pe),
      waitsForEvent: (pe) => this.timers.scheduleStreamEvent(pe),
      sendEventAll: () => {
        for (const pe of this.pes) pe.waiting.signal();
        this.requestBoundary();
      },
      requestBoundary: () => this.requestBoundary(),
      endTurn: () => this.endTurn(),
      el3Entered: (pe, vector) => this.firmware?.entered(pe, vector) ?? false,
      hvcConduit: (pe, imm) => {
        if (!this.firmware || this.options.els.el3) return false;
        this.firmware.hypervisorCall(pe, imm);
        return true;
      },
      report: (pe, message) => this.report(`PE ${pe}: ${message}`),
      exceptionTaken: (pe, el, vector) => this.hooks.tell('exception', pe, el, vector),
      stopReached: (pe) => this.stops.reached(pe),
      exceptionReturned: (pe, el) => {
        if (this.scheduler.frozen.active) this.requestBoundary();
        if (this.ras.firmware?.wantsEl0) this.ras.firmware.arrivedAtEl0();
        this.hooks.tell('exceptionReturn', pe, el);
      },
    };
  }

  private surroundings(): ConstructorParameters<typeof Firmware>[0] {
    return {
      pes: this.pes,
      ramContains: (pa) => pa >= BigInt(RAM_PA) && pa < BigInt(RAM_PA + this.options.memoryBytes),
      isCode: (va) => this.hosted !== undefined && isHosted(va),
      initInterrupts: (pe) => this.gic.initNonSecure(pe),
      systemStop: (reason) => this.systemStop(reason),
      endTurn: () => this.endTurn(),
      requestBoundary: () => this.requestBoundary(),
      report: (pe, message) => this.report(`PE ${pe}: ${message}`),
      callMade: (pe, name, args, result) => this.hooks.tell('call', pe, name, args, result),
    };
  }

  // --- boot and reset ---

  /** Cold reset: every PE and device as after power-on, the same images loaded again. RAM is kept, time goes on. */
  reset(): void {
    this.entering('reset', null, () => this.coldReset());
  }
  private coldReset(): void {
    this.ended = undefined;
    this.stops.setArrivals([]);
    this.hosted?.reset();
    startGuest(this, this.scheduler, this.boot, this.firmware);
    for (const pe of this.pes) this.timers.timersChanged(pe.s.index);
    this.hooks.tell('reset');
  }

  /** The guest's console: the PL011. */
  get console(): Console {
    return this.devices.console;
  }
  get rtc(): Pl031 {
    return this.devices.rtc;
  }
  /** Holds the board's power key down, or lets it go. Linux takes a press as the wish to power off. */
  powerKey(pressed: boolean): void {
    this.outside.later('powerKey', pressed, () => this.devices.powerKey(pressed));
  }

  protected listening(name: keyof MachineHooks): void {
    connectHook(name, this.hooks, this);
    this.requestBoundary();
  }

  private report(message: string): void {
    for (const r of this.reporters) r(message);
  }

  /** Regions of hot code compiled so far. */
  get compiledRegions(): number {
    return this.engine.compiledRegions;
  }
  /** Handlers generated so far: how much of the instruction set the guest has used. */
  get handlers(): number {
    return this.engine.handlers;
  }
}
