/** A trace as lines to read: step, virtual time, PE and Exception level, what, and its fields by Arm's names. */
import { Chunks } from './chunks.ts';
import {
  ADDRESS_ARGUMENTS,
  addressText,
  type CallRecord,
  type CallValue,
  type ExceptionRecord,
  type InterruptRecord,
  type ReturnRecord,
  type SdeiRecord,
  type Symbolize,
  type TraceRecord,
  type TraceSink,
} from './records.ts';

/** Columns of a step count: runs of some minutes stay aligned, longer ones shift. */
const STEP_COLUMNS = 12;
/** Up to here values are written as decimal: event numbers, INTIDs, small codes. */
const DECIMAL_MAX = 0xffffn;

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** A value of a call: small ones decimal, others hexadecimal, with the meaning behind. */
function valueText({ value, text }: CallValue): string {
  if (text !== undefined) return text;
  return value <= DECIMAL_MAX ? value.toString() : hex(value);
}

/** Seconds with all nine digits behind the point. */
function secondsText(timeNs: bigint): string {
  const digits = timeNs.toString().padStart(10, '0');
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** Writes a trace as text. */
export class TextTrace implements TraceSink {
  private readonly chunks: Chunks;
  private readonly symbolize: Symbolize | undefined;

  /**
   * @param write - takes whole lines
   * @param symbolize - names addresses
   */
  constructor(write: (text: string) => void, symbolize?: Symbolize) {
    this.chunks = new Chunks(write);
    this.symbolize = symbolize;
  }

  record(record: TraceRecord): void {
    const { step, timeNs, pe, el } = record;
    const where = pe < 0 ? '       ' : `PE${pe} EL${el}`;
    this.chunks.add(`${step.toString().padStart(STEP_COLUMNS)} ${secondsText(timeNs)} ${where} ${this.text(record)}\n`);
  }
  flush(): void {
    this.chunks.flush();
  }
  end(): void {
    this.chunks.flush();
  }

  private text(record: TraceRecord): string {
    switch (record.kind) {
      case 'exception':
        return this.exception(record);
      case 'return':
        return this.returned(record);
      case 'call':
        return this.call(record);
      case 'sdei':
        return this.sdei(record);
      case 'interrupt':
        return interruptText(record);
      case 'power':
        return `power     ${record.before === record.state ? '' : `${record.before} -> `}${record.state}`;
      case 'reset':
      case 'restore':
        return record.kind;
    }
  }
  private address(addrVa: bigint): string {
    return addressText(addrVa, this.symbolize);
  }

  private exception(r: ExceptionRecord): string {
    const fields = [
      `exception ${r.exception === 'Synchronous' ? r.EC : r.exception} from EL${r.fromEl}`,
      ...(r.immediate === undefined ? [] : [`imm ${hex(r.immediate)}`]),
      ...(r.FSC === undefined ? [] : [r.FSC]),
      ...(r.WnR === undefined ? [] : [r.WnR ? 'write' : 'read']),
      ...(r.FAR === undefined ? [] : [`FAR ${this.address(r.FAR)}`]),
      `ELR ${this.address(r.ELR)}`,
      `SPSR ${hex(r.SPSR)}`,
      ...(r.ESR === undefined ? [] : [`ESR ${hex(r.ESR)}`]),
      `vector ${this.address(r.PC)}`,
    ];
    return fields.join(', ');
  }
  private returned(r: ReturnRecord): string {
    return `return    from EL${r.fromEl} to ${this.address(r.PC)}${r.IL ? ', PSTATE.IL' : ''}`;
  }
  private call(r: CallRecord): string {
    const args = r.args.map((arg) => `${arg.name} ${this.argument(arg)}`).join(', ');
    if (r.result === undefined) return `call      ${r.name}(${args}), goes on at ${this.address(r.PC)}`;
    const result = valueText({ name: '', value: r.result, ...(r.resultText ? { text: r.resultText } : {}) });
    return `call      ${r.name}(${args}) = ${result}`;
  }
  private argument(arg: CallValue): string {
    return ADDRESS_ARGUMENTS.has(arg.name) ? this.address(arg.value) : valueText(arg);
  }
  private sdei(r: SdeiRecord): string {
    const bound = r.INTID === undefined ? '' : ` INTID ${r.INTID}`;
    const event = `event ${r.event} (${r.type} ${r.priority}${bound})`;
    const what = `sdei      ${event} ${r.operation}: ${r.before} -> ${r.after}`;
    if (r.PC === undefined || r.entry === undefined) return what;
    return `${what}, interrupted ${this.address(r.PC)}, entry ${this.address(r.entry)}`;
  }
}

function interruptText(r: InterruptRecord): string {
  const to = r.target === undefined ? '' : ` for PE${r.target}`;
  return `interrupt ${r.INTID} ${r.name} ${r.what}${to}`;
}
