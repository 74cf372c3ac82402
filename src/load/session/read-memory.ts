/**
 * Memory that all sockets of a thread read into: a read is handled before the next one begins. With ten thousand
 * connections, memory of each socket's own would be most of the process. Knows no packets.
 */

import type {OnReadOpts} from 'node:net';
import type {SocketMemory} from '../../client/transport/read-buffer.ts';

const memory = Buffer.allocUnsafeSlow(256 * 1024);

export class SharedMemory implements SocketMemory {
  readonly onread: OnReadOpts;
  isAttached = false;
  /** Takes the bytes of each read, which change with the next one. */
  receive: (chunk: Buffer) => void = () => undefined;

  constructor() {
    this.onread = {
      buffer: memory,
      callback: (count, bytes) => {
        this.receive(bytes.subarray(0, count) as Buffer);
        return true;
      },
    };
  }
}
