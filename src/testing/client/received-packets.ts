/** What a scripted client has received and the test has not asked for yet, and the waits for more. */

import type {Duplex} from 'node:stream';
import {FrameSplitter} from '../../broker/wire/frame-splitter.ts';
import {largestPacket} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import type {WaitOptions} from '../waits/wait-options.ts';
import {type Wait, Waits} from '../waits/waits.ts';
import {decodePacket} from './decode-packet.ts';
import type {ReceivedPacket} from './types.ts';

/** Packets that wait for the test, from which on no more is read. */
const mostWaiting = 10_000;

/** The packets of one stream, in order. */
export class ReceivedPackets {
  readonly packets: ReceivedPacket[] = [];
  /** Why nothing comes any more. */
  end: string | undefined;
  /** Whether that is the broker's doing, once there is an `end`. */
  isClosedByBroker = true;
  readonly #stream: Duplex;
  readonly #protocolVersion: ProtocolVersion;
  readonly #waits: Waits;
  readonly #splitter = new FrameSplitter(largestPacket);
  /** Waits that look at the packets again. */
  readonly #looking = new Set<() => void>();

  /** `timeout` in milliseconds, of waits without one. */
  constructor(stream: Duplex, protocolVersion: ProtocolVersion, timeout: number) {
    this.#stream = stream;
    this.#protocolVersion = protocolVersion;
    this.#waits = new Waits(timeout);
    stream.on('data', (chunk: Buffer) => this.#push(chunk));
    stream.on('end', () => this.#ended('the broker closed the connection'));
    stream.on('error', (error) => this.#ended(`the connection failed: ${error.message}`));
    stream.on('close', () => this.#ended('the broker closed the connection'));
  }

  #push(chunk: Buffer): void {
    if (this.end !== undefined) return;
    this.#splitter.push(chunk);
    try {
      for (let frame = this.#splitter.next(); frame !== undefined; frame = this.#splitter.next()) {
        this.packets.push(decodePacket(frame, this.#protocolVersion));
      }
    } catch (error) {
      this.isClosedByBroker = false;
      this.#ended(`the broker sent what is no valid packet: ${(error as Error).message}`);
      this.#stream.destroy();
      return;
    }
    if (this.packets.length > mostWaiting) this.#stream.pause();
    this.look();
  }

  #ended(reason: string): void {
    if (this.end !== undefined) return;
    this.end = this.#splitter.length === 0 ? reason : `${reason}, inside a packet`;
    if (!this.#stream.writableEnded) this.#stream.end();
    this.look();
  }

  /** Lets all waits look at the packets. */
  look(): void {
    for (const look of [...this.#looking]) look();
  }

  /** Takes a packet out of those that wait. */
  take(index = 0): ReceivedPacket {
    const [packet] = this.packets.splice(index, 1);
    if (this.packets.length === mostWaiting) this.#stream.resume();
    return packet!;
  }

  /** Calls `attempt` now and at each change until it gives a result; it may throw. */
  attempt<Result>(
    wait: Pick<Wait<Result>, 'caller' | 'missing'>,
    options: WaitOptions,
    attempt: (errorAt: (message: string) => Error) => {readonly result: Result} | undefined,
  ): Promise<Result> {
    const begin: Wait<Result>['begin'] = ({resolve, reject}, errorAt) => {
      let isOver = false;
      const look = () => {
        if (isOver) return;
        try {
          const found = attempt(errorAt);
          isOver = found !== undefined;
          if (found !== undefined) resolve(found.result);
        } catch (error) {
          isOver = true;
          reject(error);
        }
      };
      look();
      this.#looking.add(look);
      return () => {
        isOver = true;
        this.#looking.delete(look);
      };
    };
    return this.#waits.wait<Result>({...wait, begin}, options);
  }

  /** The client is closed: all waits end, also later ones. */
  close(end: Parameters<Waits['close']>[0] = {reason: 'before the client was closed'}): void {
    this.#waits.close(end);
    if (this.end === undefined) this.isClosedByBroker = false;
    this.end ??= 'the client is closed';
  }
}
