import type { Line, Report } from '../devices/device.ts';
import { Pl011 } from '../devices/pl011.ts';
import type { Gate } from './outside.ts';

/** UARTIMSC bits of the receive and receive timeout interrupts. */
const RXIM_RTIM = 0x50;
const UARTIMSC = 0x38;
/**
 * Reads of UARTFR one after the other by which a guest shows that it polls for input. A driver that waits for room to
 * send reads it too, but here there is always room after one.
 */
const POLLS_MIN = 64;

/** The guest's console: PL011 on one side, byte streams on the other. */
export class Console {
  readonly uart: Pl011;
  private readonly listeners: ((bytes: Uint8Array) => void)[] = [];
  private queue: number[] = [];
  private readonly gate: Gate;

  constructor(host: { irq: Line; gate: Gate; report: Report }) {
    this.gate = host.gate;
    this.uart = new Pl011(
      {
        irq: host.irq,
        transmit: (byte) => {
          const bytes = Uint8Array.of(byte);
          for (const l of this.listeners) l(bytes);
        },
        roomToReceive: () => this.feed(),
        report: host.report,
      },
      'pl011@9000000',
    );
  }

  /** Called with every byte the guest transmits, during the step that does it. */
  onOutput(listener: (bytes: Uint8Array) => void): void {
    this.listeners.push(listener);
  }
  /**
   * Bytes for the guest, delivered at the current boundary (in a hook at the boundary that follows) as far as the UART
   * has room; the rest follows.
   */
  input(bytes: Uint8Array): void {
    const copy = bytes.slice();
    this.gate.later('console.input', copy, () => {
      for (const b of copy) this.queue.push(b);
      this.feed();
    });
  }
  /**
   * True once the guest listens, by interrupt or by polling: text sent before would be thrown away by a driver that
   * empties the FIFO when it starts.
   */
  get acceptsInput(): boolean {
    const imsc = this.uart.read(UARTIMSC, { sizeBytes: 4, nonSecure: true, pe: -1 });
    return (typeof imsc === 'number' && (imsc & RXIM_RTIM) !== 0) || this.uart.receiverPolls >= POLLS_MIN;
  }
  /** Bytes that the UART has not taken yet. */
  get queuedBytes(): number {
    return this.queue.length;
  }
  private feed(): void {
    if (this.queue.length === 0) return;
    const taken = this.uart.receive(Uint8Array.from(this.queue));
    this.queue = this.queue.slice(taken);
  }

  /** Bytes waiting outside the UART, for snapshots. */
  pending(): Uint8Array {
    return Uint8Array.from(this.queue);
  }
  setPending(bytes: Uint8Array): void {
    this.queue = Array.from(bytes);
  }
}
