/** Shows the packets of one connection to the broker's observer, as parsed from their bytes. */

import type {ProtocolVersion} from '../../protocol/message.ts';
import type {ConnectionContext} from './connection-handler.ts';
import {type PacketIdentity, WriteBuffer} from './connection-output.ts';
import type {IConnectPacket, ObservedPacket} from './packets.ts';
import type {Frame} from './publish-packet.ts';

/** Without an observer it does nothing. */
export class PacketObserver {
  /** Empty until CONNECT is read. */
  clientId = '';
  readonly #context: ConnectionContext;

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  /** Whether there is an observer. */
  get observes(): boolean {
    return this.#context.observe !== undefined;
  }

  frame(direction: 'in' | 'out', frame: Buffer, protocolVersion: ProtocolVersion): void {
    const {observe, codec} = this.#context;
    if (observe === undefined) return;
    const packet = codec.parse(frame, protocolVersion) as unknown as ObservedPacket;
    observe(this.clientId, direction, packet, frame);
  }

  /** A frame that is sent with this packet identifier. */
  sent(frame: Frame, identity: PacketIdentity | undefined, protocolVersion: ProtocolVersion): void {
    if (!this.observes) return;
    const seen = new WriteBuffer(this.#context.buffers);
    seen.frame(frame, identity);
    this.frame('out', Buffer.concat(seen.take()), protocolVersion);
  }

  /** CONNECT, once the client's identifier is known: without the password. */
  connect({password: _, ...packet}: IConnectPacket): void {
    this.#context.observe?.(this.clientId, 'in', packet as unknown as ObservedPacket);
  }
}
