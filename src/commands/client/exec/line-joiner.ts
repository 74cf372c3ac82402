/** Joins chunks of text into whole lines, so that lines of several sources do not run into each other. */

/** A line that grows longer is passed on in pieces. */
const mostBytes = 65_536;

const newline = 0x0a;

export class LineJoiner {
  readonly #write: (lines: Uint8Array) => void;
  #rest: Buffer = Buffer.alloc(0);

  /** @param write gets whole lines, each with its newline */
  constructor(write: (lines: Uint8Array) => void) {
    this.#write = write;
  }

  add(chunk: Uint8Array): void {
    const bytes = Buffer.concat([this.#rest, chunk]);
    const end = bytes.length > mostBytes ? bytes.length : bytes.lastIndexOf(newline) + 1;
    if (end > 0) this.#write(bytes.subarray(0, end));
    this.#rest = bytes.subarray(end);
  }

  /** Nothing more comes: a last line without a newline gets one. */
  end(): void {
    if (this.#rest.length > 0) this.#write(Buffer.concat([this.#rest, Buffer.of(newline)]));
    this.#rest = Buffer.alloc(0);
  }
}
