/** Where formatted bytes go. `Output` is one; tests have others. */

export interface Sink {
  /** Appends text, as UTF-8. */
  text(value: string): void;
  /** Appends bytes as they are; they may change after the call. */
  bytes(value: Uint8Array): void;
}
