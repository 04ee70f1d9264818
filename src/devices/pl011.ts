/**
 * PL011 UART, r1p5. Arm DDI 0183, "Programmers model".
 *
 * Characters take no time: what may be sent is sent at once, so the transmit FIFO holds something only while
 * transmission is disabled, and each character sent counts as the FIFO falling through its trigger level. For the same
 * reason the receive timeout is immediate: a FIFO that is not empty has UARTRTINTR pending. The far end is a terminal
 * that is ready: CTS, DSR and DCD are asserted.
 *
 * Not modelled: DMA, IrDA, the integration test registers, RTS by receive level (RTSEn), parity and framing errors,
 * since the far end makes none.
 *
 * What a hostile guest can do, and what stops it: write without end (each byte goes to the host at once; the FIFO
 * that keeps bytes is bounded and reports what it loses); never read (`receive` accepts only what fits, the rest stays
 * with the host); touch anything else in the page (the register map refuses and reports).
 */
import type { Access, Device, Line, PlainData, Report } from './device.ts';
import { PL011_REGS, type Pl011Name } from './pl011.regs.ts';
import { bitsOf } from './regmap.ts';

/** What the UART is connected to. */
export interface Pl011Host {
  /** UARTINTR, the combined interrupt. */
  readonly irq: Line;
  /** A character leaves the UART; 0..255. */
  transmit(byte: number): void;
  /** `receive` would accept something again after it accepted less than it was given. */
  roomToReceive(): void;
  readonly report: Report;
}

/** Depth of each FIFO of r1p5; 1 when UARTLCR_H.FEN is 0. */
export const PL011_FIFO_DEPTH = 32;

/** A mask of the bits of a field, from the register map. */
function mask(register: Pl011Name, field: string): number {
  const range = PL011_REGS.registers[register].fields?.[field];
  if (range === undefined) throw new Error(`assertion: ${register} has no field ${field}`);
  return (((1 << (range[0] - range[1] + 1)) - 1) << range[1]) >>> 0;
}

function writableMask(register: Pl011Name): number {
  return Object.keys(PL011_REGS.registers[register].fields ?? {}).reduce(
    (all, field) => all | mask(register, field),
    0,
  );
}

const CR = { EN: mask('UARTCR', 'UARTEN'), SIREN: mask('UARTCR', 'SIREN'), LBE: mask('UARTCR', 'LBE') };
const CR_TXE = mask('UARTCR', 'TXE');
const CR_RXE = mask('UARTCR', 'RXE');
const CR_CTSEN = mask('UARTCR', 'CTSEN');
const LCR_BRK = mask('UARTLCR_H', 'BRK');
const LCR_FEN = mask('UARTLCR_H', 'FEN');
const WLEN_8 = mask('UARTLCR_H', 'WLEN');
const FR_BUSY = mask('UARTFR', 'BUSY');
const FR_TXFE = mask('UARTFR', 'TXFE');
const FR_TXFF = mask('UARTFR', 'TXFF');
const FR_RXFE = mask('UARTFR', 'RXFE');
const FR_RXFF = mask('UARTFR', 'RXFF');
const FR_CTS = mask('UARTFR', 'CTS');
const DR_BE = mask('UARTDR', 'BE');
const DR_OE = mask('UARTDR', 'OE');
const RSR_OE = mask('UARTRSR', 'OE');

/** The bit of an interrupt in UARTRIS. */
const irqBit = (name: string): number => mask('UARTRIS', name);
const RX = irqBit('RX');
const TX = irqBit('TX');
const RT = irqBit('RT');

/** Modem inputs: the flag in UARTFR, its interrupt, and the output that loopback connects to it ("UARTCR", LBE). */
const MODEM = ['CTS', 'DSR', 'DCD', 'RI'].map((name, index) => ({
  flag: mask('UARTFR', name),
  irq: irqBit(name),
  output: mask('UARTCR', ['RTS', 'DTR', 'OUT1', 'OUT2'][index]),
}));
const MODEM_READY = mask('UARTFR', 'CTS') | mask('UARTFR', 'DSR') | mask('UARTFR', 'DCD');

/** FIFO trigger levels of UARTIFLS in eighths; reserved encodings act as the highest. */
const TRIGGER_EIGHTHS = [1, 2, 4, 6, 7, 7, 7, 7];

/** Registers that keep what is written to their fields. */
const KEPT = ['UARTILPR', 'UARTIBRD', 'UARTFBRD', 'UARTLCR_H', 'UARTCR', 'UARTIFLS', 'UARTIMSC', 'UARTDMACR'] as const;
type Kept = (typeof KEPT)[number];

interface State {
  regs: Record<Kept, number>;
  /** UARTRSR: errors of the last character read, and OE until it is cleared. */
  rsr: number;
  ris: number;
  /** Characters received, oldest first, with the error bits of UARTDR. */
  rxFifo: number[];
  /** Characters that wait because transmission is disabled. */
  txFifo: number[];
  /** A character was lost because the FIFO was full; marks the next one that fits. */
  overrun: boolean;
  /** The host kept characters back and has to be told when there is room. */
  hostWaits: boolean;
}

function resetState(): State {
  const regs = {} as Record<Kept, number>;
  for (const name of KEPT) regs[name] = PL011_REGS.registers[name].reset;
  return { regs, rsr: 0, ris: 0, rxFifo: [], txFifo: [], overrun: false, hostWaits: false };
}

function copyState(state: State): State {
  return { ...state, regs: { ...state.regs }, rxFifo: [...state.rxFifo], txFifo: [...state.txFifo] };
}

/** See the head of the file. */
export class Pl011 implements Device {
  readonly name: string;
  readonly sizeBytes = PL011_REGS.sizeBytes;
  readonly #host: Pl011Host;
  #state = resetState();
  /** Reads of UARTFR since the guest did anything else; what it does is not state but how it spends its time. */
  #flagReads = 0;

  constructor(host: Pl011Host, name = 'pl011') {
    this.#host = host;
    this.name = name;
  }

  /**
   * Characters arrive from outside.
   *
   * @returns how many of them the UART took; the others stay with the caller, who hears `roomToReceive`
   */
  receive(bytes: Uint8Array): number {
    let taken = 0;
    while (taken < bytes.length && this.#canReceive() && this.#state.rxFifo.length < this.#depth()) {
      this.#push(bytes[taken++] & this.#characterMask());
    }
    this.#state.hostWaits = taken < bytes.length;
    this.#updateLine();
    return taken;
  }

  /**
   * The guest does nothing here but ask again and again whether a character came: so many reads of UARTFR, with
   * nothing received, since it last touched another register.
   */
  get receiverPolls(): number {
    return this.#receiverOn() && this.#state.rxFifo.length === 0 ? this.#flagReads : 0;
  }

  /** The line is held at break from outside; false when the UART could not take it now. */
  receiveBreak(): boolean {
    if (!this.#canReceive() || this.#state.rxFifo.length >= this.#depth()) return false;
    this.#pushBreak();
    this.#updateLine();
    return true;
  }

  /**
   * Leaves the UART as boot firmware does: on, 115200 baud at 24 MHz, eight bits, FIFOs on. Software that prints
   * before it has a driver (earlycon, small guests) expects that.
   */
  initAsFirmware(): void {
    const { regs } = this.#state;
    regs.UARTIBRD = 13;
    regs.UARTFBRD = 1;
    regs.UARTLCR_H = WLEN_8 | LCR_FEN;
    regs.UARTCR |= CR.EN | CR_TXE | CR_RXE;
    this.#tellRoom();
  }

  read(offset: number, access: Access): number {
    const slot = PL011_REGS.admit(offset, access.sizeBytes, 'read', this.#host.report);
    if (slot === undefined) return 0;
    if (access.pe >= 0) this.#flagReads = slot.register.name === 'UARTFR' ? this.#flagReads + 1 : 0;
    const value = this.#readRegister(slot.register.name, access.pe >= 0) >>> (8 * (offset - slot.offset));
    return access.sizeBytes === 4 ? value : value & ((1 << (8 * access.sizeBytes)) - 1);
  }

  write(offset: number, value: number, access: Access): undefined {
    this.#flagReads = 0;
    const slot = PL011_REGS.admit(offset, access.sizeBytes, 'write', this.#host.report);
    if (slot === undefined) return;
    if (offset !== slot.offset) {
      const which = `byte ${offset - slot.offset} of the register`;
      this.#host.report(`${slot.name}: write to ${which} ignored; the APB has no byte strobes (DDI 0183)`);
      return;
    }
    this.#writeRegister(slot.register.name, value);
    this.#updateLine();
  }

  state(): PlainData {
    return { ...copyState(this.#state) };
  }

  load(state: PlainData): void {
    this.#state = copyState(state as unknown as State);
    this.#flagReads = 0;
    this.#updateLine();
  }

  /** Characters that the host kept back stay with it: it hears `roomToReceive` when the receiver is on again. */
  reset(): void {
    this.#state = { ...resetState(), hostWaits: this.#state.hostWaits };
    this.#flagReads = 0;
    this.#updateLine();
  }

  /** `consume` is false for a debugger, which must not change what the guest will read. */
  #readRegister(name: Pl011Name, consume: boolean): number {
    switch (name) {
      case 'UARTDR':
        return consume ? this.#pop() : (this.#state.rxFifo[0] ?? 0);
      case 'UARTRSR':
        return this.#state.rsr;
      case 'UARTFR':
        return this.#flags();
      case 'UARTRIS':
        return this.#state.ris;
      case 'UARTMIS':
        return this.#state.ris & this.#state.regs.UARTIMSC;
      default:
        return isKept(name) ? this.#state.regs[name] : PL011_REGS.registers[name].reset;
    }
  }

  #writeRegister(name: Pl011Name, value: number): void {
    switch (name) {
      case 'UARTDR':
        this.#send(value & 0xff);
        return;
      case 'UARTRSR':
        this.#state.rsr = 0;
        return;
      case 'UARTICR':
        this.#state.ris &= ~value;
        return;
      case 'UARTLCR_H':
        this.#writeLineControl(value & writableMask(name));
        return;
      case 'UARTCR':
        this.#writeControl(value & writableMask(name));
        return;
      default:
        if (!isKept(name)) throw new Error(`assertion: the register map let a write to ${name} through`);
        this.#state.regs[name] = value & writableMask(name);
        if (name === 'UARTDMACR' && value !== 0) this.#host.report('UARTDMACR: DMA is not modelled (DDI 0183)');
    }
  }

  /** Turning the FIFOs on or off empties them ("UARTLCR_H", "UARTCR": the way to flush is to clear FEN). */
  #writeLineControl(value: number): void {
    const state = this.#state;
    const changed = value ^ state.regs.UARTLCR_H;
    state.regs.UARTLCR_H = value;
    if (changed & LCR_FEN) {
      state.rxFifo = [];
      state.txFifo = [];
      state.ris &= ~(RX | RT);
      this.#tellRoom();
    }
    if (changed & value & LCR_BRK && state.regs.UARTCR & CR.LBE && this.#receiverOn()) this.#pushBreak();
  }

  #writeControl(value: number): void {
    const state = this.#state;
    const before = this.#modem();
    state.regs.UARTCR = value;
    const changed = before ^ this.#modem();
    for (const { flag, irq } of MODEM) if (changed & flag) state.ris |= irq;
    if (value & CR.SIREN) this.#host.report('UARTCR.SIREN: IrDA is not modelled (DDI 0183)');
    this.#drain();
    this.#tellRoom();
  }

  #depth(): number {
    return this.#state.regs.UARTLCR_H & LCR_FEN ? PL011_FIFO_DEPTH : 1;
  }

  /** Bits of a character that the word length lets through. */
  #characterMask(): number {
    return 0xff >> (3 - bitsOf(this.#state.regs.UARTLCR_H, [6, 5]));
  }

  /** Characters in the FIFO at which an interrupt is due; without FIFOs one character received, none to send. */
  #trigger(which: 'TXIFLSEL' | 'RXIFLSEL'): number {
    const { UARTIFLS, UARTLCR_H } = this.#state.regs;
    if (!(UARTLCR_H & LCR_FEN)) return which === 'TXIFLSEL' ? 0 : 1;
    const select = which === 'TXIFLSEL' ? UARTIFLS & 7 : UARTIFLS >> 3;
    return (PL011_FIFO_DEPTH / 8) * TRIGGER_EIGHTHS[select];
  }

  #modem(): number {
    const { UARTCR } = this.#state.regs;
    if (!(UARTCR & CR.LBE)) return MODEM_READY;
    return MODEM.reduce((flags, { flag, output }) => flags | (UARTCR & output ? flag : 0), 0);
  }

  #flags(): number {
    const { rxFifo, txFifo } = this.#state;
    const depth = this.#depth();
    let flags = this.#modem();
    if (txFifo.length > 0) flags |= FR_BUSY;
    if (txFifo.length === 0) flags |= FR_TXFE;
    if (txFifo.length >= depth) flags |= FR_TXFF;
    if (rxFifo.length === 0) flags |= FR_RXFE;
    if (rxFifo.length >= depth) flags |= FR_RXFF;
    return flags;
  }

  #receiverOn(): boolean {
    const on = CR.EN | CR_RXE;
    return (this.#state.regs.UARTCR & on) === on;
  }

  /** In loopback the receiver hears only the transmitter. */
  #canReceive(): boolean {
    return this.#receiverOn() && !(this.#state.regs.UARTCR & CR.LBE);
  }

  #canTransmit(): boolean {
    const { UARTCR } = this.#state.regs;
    const on = CR.EN | CR_TXE;
    return (UARTCR & on) === on && (!(UARTCR & CR_CTSEN) || (this.#modem() & FR_CTS) !== 0);
  }

  #send(byte: number): void {
    const { txFifo } = this.#state;
    if (txFifo.length >= this.#depth()) {
      this.#host.report('UARTDR: written while the transmit FIFO is full and not being sent; the character is lost');
      return;
    }
    txFifo.push(byte);
    if (txFifo.length > this.#trigger('TXIFLSEL')) this.#state.ris &= ~TX;
    this.#drain();
  }

  #drain(): void {
    const state = this.#state;
    if (state.txFifo.length === 0 || !this.#canTransmit()) return;
    const waiting = state.txFifo;
    state.txFifo = [];
    state.ris |= TX;
    for (const byte of waiting) {
      const character = byte & this.#characterMask();
      if (!(state.regs.UARTCR & CR.LBE)) this.#host.transmit(character);
      else if (this.#receiverOn()) this.#push(character);
    }
  }

  /** A character reaches the receive FIFO; without room it is lost and OE says so ("UARTDR", OE). */
  #push(character: number): void {
    const state = this.#state;
    if (state.rxFifo.length >= this.#depth()) {
      state.overrun = true;
      state.rsr |= RSR_OE;
      state.ris |= irqBit('OE');
      return;
    }
    state.rxFifo.push(character | (state.overrun ? DR_OE : 0));
    state.overrun = false;
    if (state.rxFifo.length >= this.#trigger('RXIFLSEL')) state.ris |= RX;
    if (state.regs.UARTLCR_H & LCR_FEN) state.ris |= RT;
  }

  #pushBreak(): void {
    this.#push(DR_BE);
    this.#state.ris |= irqBit('BE');
  }

  /** UARTDR read: RX falls below its level, RT when nothing is left ("UARTRXINTR", "UARTRTINTR"). */
  #pop(): number {
    const state = this.#state;
    const entry = state.rxFifo.shift();
    if (entry === undefined) return 0;
    state.rsr = (state.rsr & RSR_OE) | ((entry >> 8) & 7);
    if (state.rxFifo.length < this.#trigger('RXIFLSEL')) state.ris &= ~RX;
    if (state.rxFifo.length === 0) state.ris &= ~RT;
    this.#updateLine();
    this.#tellRoom();
    return entry;
  }

  #tellRoom(): void {
    if (!this.#state.hostWaits || !this.#canReceive() || this.#state.rxFifo.length >= this.#depth()) return;
    this.#state.hostWaits = false;
    this.#host.roomToReceive();
  }

  #updateLine(): void {
    this.#host.irq.set((this.#state.ris & this.#state.regs.UARTIMSC) !== 0);
  }
}

function isKept(name: Pl011Name): name is Kept {
  return (KEPT as readonly string[]).includes(name);
}
