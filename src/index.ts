/**
 * `unmaskable`: a deterministic arm64 machine.
 *
 * A machine is made by {@link Machine.create}, run by `run`, looked into by name and address, and put back by
 * `restore`. 64-bit values are `bigint`; sizes, steps and offsets are `number`. Nothing here uses a clock, a random
 * source, Node or the DOM: what a machine does follows from its options and from what it is given.
 *
 * Three kinds of mistakes are kept apart: a guest's becomes what the architecture says, the user's is a typed error
 * with a `code` and a message that says what to do, and one of our own is any other exception.
 */

// The machine.
export type { ProfileName } from './arch/profiles.ts';
// Traces: what happens in a machine, as records, lines, or JSON for Perfetto.
export { type CodePlace, type SymbolFile, Symbols } from './debug/symbols/symbols.ts';
export { PerfettoTrace } from './debug/trace/perfetto.ts';
export {
  type CallRecord,
  type CallValue,
  type CutRecord,
  type ExceptionRecord,
  type InterruptRecord,
  type PowerRecord,
  type ReturnRecord,
  type SdeiRecord,
  type Symbolize,
  TRACE_KINDS,
  type TraceKind,
  type TracePlace,
  type TraceRecord,
  type TraceSink,
} from './debug/trace/records.ts';
export { TextTrace } from './debug/trace/text.ts';
export { type Traceable, Tracer } from './debug/trace/tracer.ts';
export type { GicHappening } from './devices/gic.ts';
export { GicError, type GicErrorCode } from './devices/gic.ts';
export type { MsiOutcome } from './devices/gicv3/its/its.ts';
export type { VirtioBlkOptions } from './devices/virtio/blk.ts';
export { type BlockBackend, memoryBackend } from './devices/virtio/block-store.ts';
export type { NetBackend } from './devices/virtio/net.ts';
export { ExploreError, type ExploreErrorCode } from './explore/errors.ts';
// Trying every boundary.
export { event, type InjectedEvent, irq, sdei, sea, serror, typed } from './explore/events.ts';
export { type ExploreWatch, explore } from './explore/explore.ts';
export { Explorer } from './explore/explorer.ts';
export { HANDLER_PROGRAM, registerHandler } from './explore/handler.ts';
export type { ExploreReport, ResultKind } from './explore/report.ts';
export type { ScenarioHow, ScenarioModule } from './explore/scenario.ts';
export type { CaseResult, CheckedRun, ExploreOptions, OutcomeKind, Place, WindowSpec } from './explore/types.ts';
export { BootError, type BootErrorCode } from './firmware/boot/error.ts';
export type { GuestImages } from './firmware/boot/guest.ts';
export type {
  RasError,
  RasMemoryError,
  RasPcieError,
  RasProcessorError,
  RasRawError,
  RasSeverity,
} from './firmware/ras/errors.ts';
export type { RasHappening, RasListener, SourceCounters } from './firmware/ras/ghes.ts';
export type { RasInjected, RasOutcome } from './firmware/ras/ras.ts';
export type { RasNotification, RasSource } from './firmware/ras/sources.ts';
export type { SdeiProfile } from './firmware/sdei/choices.ts';
export type { SdeiEvent } from './firmware/sdei/events.ts';
export type { SdeiVersion } from './firmware/sdei/functions.ts';
export type { SdeiState } from './firmware/sdei/records.ts';
// A64 as text, in both directions.
export {
  type Assembled,
  type AssembleOptions,
  AssemblerError,
  type AssemblerErrorCode,
  assemble,
  type DisassembleOptions,
  disassemble,
  type SourcePlace,
} from './isa/text/index.ts';
export type { MmioHook } from './machine/bus.ts';
export { DEMO_SOURCE, demoProgram } from './machine/demo.ts';
export { MachineError, type MachineErrorCode } from './machine/errors.ts';
export { Machine, type MachineHooks, type RunLimits, type RunReason, type Snapshot } from './machine/machine.ts';
export {
  type CheckedOptions,
  CPUS_MAX,
  type FirmwareChoice,
  type MachineOptions,
  MEMORY_BYTES_MAX,
  MEMORY_BYTES_MIN,
  MEMORY_BYTES_STEP,
  type ProgramImage,
} from './machine/options.ts';
export type { MachineRas, RasOptions } from './machine/ras.ts';
// Recordings and snapshots as files.
export { Recorder, type RecorderOptions } from './machine/record/recorder.ts';
export { type Recording, readRecording } from './machine/record/recording.ts';
export { type Divergence, Replay } from './machine/record/replay.ts';
export { type FirstDifference, firstDifference } from './machine/record/search.ts';
export type { StepDifference, StepRange } from './machine/record/steps.ts';
export type { MachineSdei, SdeiListener, SdeiOptions } from './machine/sdei.ts';
export { type Difference, differences } from './machine/snapshot-file/diff.ts';
export { type LoadOptions, loadSnapshot, saveSnapshot } from './machine/snapshot-file/files.ts';
export type { Codec } from './machine/snapshot-file/sections.ts';
export type { StopListener, StopOptions } from './machine/stops.ts';
export type { WatchdogOptions } from './machine/watchdog.ts';
// Device trees as bytes, in both directions.
export { decodeFdt, type FdtDecoded, type FdtFinding } from './tables/fdt/decode.ts';
export { encodeFdt } from './tables/fdt/encode.ts';
export {
  cells,
  cells64,
  type FdtNode,
  type FdtReservation,
  type FdtTree,
  type FdtValue,
  fdtNode,
  fdtTree,
  findNode,
  readCells,
  readStrings,
  readU32,
  readU64,
  sizedCells,
} from './tables/fdt/tree.ts';
