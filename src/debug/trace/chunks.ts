/** Text is handed on in pieces of about this many characters, each of whole events or lines. */
export const CHUNK_CHARS = 64 * 1024;

/** Gathers text and hands it on in pieces, so that a trace of any length takes no memory. */
export class Chunks {
  private readonly write: (text: string) => void;
  private parts: string[] = [];
  private chars = 0;

  /** @param write - takes each piece */
  constructor(write: (text: string) => void) {
    this.write = write;
  }

  /** Adds what must not be torn apart. */
  add(text: string): void {
    this.parts.push(text);
    this.chars += text.length;
    if (this.chars >= CHUNK_CHARS) this.flush();
  }

  /** Hands on what is there. */
  flush(): void {
    if (this.parts.length === 0) return;
    const text = this.parts.join('');
    this.parts = [];
    this.chars = 0;
    this.write(text);
  }
}
