/** Bytes of one connection → whole packets. A packet that comes in pieces is put together once, however many they are. */

import {incomplete, malformedInteger, packetBytes} from '../../protocol/fixed-header.ts';
import {malformed} from '../../protocol/packet-violation.ts';

export class PacketSplitter {
  /** The beginning of a packet that is not whole. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  /** How many bytes it will have, as far as that is known. */
  #wantedBytes = 0;

  /** Calls `each` for every packet that is whole now; the chunk may change afterwards. @throws PacketViolation */
  push(chunk: Buffer, each: (bytes: Buffer, at: number, end: number) => void): void {
    let bytes = chunk;
    if (this.#pieceBytes > 0) {
      this.#pieceBytes += chunk.length;
      if (this.#pieceBytes < this.#wantedBytes) {
        this.#pieces.push(Buffer.from(chunk));
        return;
      }
      bytes = Buffer.concat([...this.#pieces, chunk]);
    }
    let at = 0;
    while (at < bytes.length) {
      const length = packetBytes(bytes, at);
      if (length === malformedInteger) throw malformed('2.1.4', 'A packet has a malformed length.');
      this.#wantedBytes = length;
      if (length === incomplete || at + length > bytes.length) break;
      each(bytes, at, at + length);
      at += length;
    }
    this.#pieceBytes = bytes.length - at;
    this.#pieces = this.#pieceBytes === 0 ? [] : [Buffer.from(bytes.subarray(at))];
  }
}
