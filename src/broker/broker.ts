/**
 * Sessions, subscriptions, retained messages, queues and wills. No sockets and no clock of its own:
 * connections bring streams, the context brings the time.
 */

import type {Duplex} from 'node:stream';
import type {Access, Identity} from './access.ts';
import type {BrokerConfig, ListenerConfig} from './config.ts';

/** A packet as the trace and the tests see it: mqtt-packet's shape. */
export type ObservedPacket = Readonly<Record<string, unknown>> & {readonly cmd: string};

export interface BrokerContext {
  readonly access: Access;
  /** Nanoseconds since the epoch. */
  readonly now: () => bigint;
  readonly log: (
    type: 'error' | 'warning' | 'notice' | 'information' | 'debug' | 'subscribe' | 'unsubscribe',
    line: string,
  ) => void;
  readonly observe?: (clientId: string, direction: 'in' | 'out', packet: ObservedPacket) => void;
}

export class Broker {
  constructor(_config: Pick<BrokerConfig, 'limits' | 'sysInterval'>, _context: BrokerContext) {
    throw new Error('not built yet');
  }

  /** Serves one client on one connected stream: a socket, a WebSocket's stream, or half of a duplexPair. */
  accept(
    _stream: Duplex,
    _listener: ListenerConfig,
    _peer: Pick<Identity, 'certifiedUsername' | 'address'>,
  ): void {
    throw new Error('not built yet');
  }

  /** Disconnects everybody (MQTT 5: reason 0x8B) and forgets everything. */
  async close(): Promise<void> {
    throw new Error('not built yet');
  }
}
