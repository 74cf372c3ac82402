/**
 * What the handlers of packets need to reply to one client, the replies that carry a reason string, and those that
 * the host has to decide about first.
 */

import {PacketViolation} from '../../protocol/packet-violation.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import type {ListenerConfig} from '../config/settings.ts';
import type {BrokerState} from '../state/broker-state.ts';
import type {Session} from '../state/session.ts';
import type {Connection} from '../wire/connection.ts';
import type {Packet} from '../wire/packets.ts';

export interface ReplyContext {
  readonly connection: Connection;
  readonly state: BrokerState;
  readonly listener: ListenerConfig;
  readonly session: Session;
  /** The session was there before this connection. */
  readonly resumed: boolean;
  /** Put before each topic of this client; empty where there is none. */
  readonly mountPoint: string;
  /** [MQTT-3.1.2-29] */
  readonly problemInformation: boolean;
  /** Bytes [MQTT-3.1.2-24]. */
  readonly maximumPacketSize: number;
}

/**
 * Sends an acknowledgement with a reason string, or without where the client does not want one
 * [MQTT-3.1.2-29] or it would make the packet too large [MQTT-3.4.2-2], [MQTT-3.5.2-2], [MQTT-3.9.2-1].
 * @throws PacketViolation where even without it the client does not take so large an answer
 */
export function sendWithReason(
  context: ReplyContext,
  packet: Packet,
  reasonString: string | undefined,
): void {
  const {connection, problemInformation, maximumPacketSize} = context;
  if (connection.protocolVersion === 5 && problemInformation && reasonString !== undefined) {
    const bytes = connection.bytes({...packet, properties: {reasonString}} as Packet);
    if (bytes.length <= maximumPacketSize) {
      connection.answer(bytes);
      return;
    }
  }
  const bytes = connection.bytes(packet);
  if (bytes.length > maximumPacketSize) {
    const message = `The answer, of ${bytes.length} bytes, is over the client's maximum of ${maximumPacketSize}.`;
    throw new PacketViolation(ReasonCode.packetTooLarge, 'MQTT-3.1.2-24', message);
  }
  connection.answer(bytes);
}

/** Does the rest with an answer of the host: at once, or when it is there; until then the client has to wait. */
export function withAnswer<Answer>(
  connection: Connection,
  answer: Answer | Promise<Answer>,
  rest: (answer: Answer) => void,
): void {
  if (!(answer instanceof Promise)) {
    rest(answer);
    return;
  }
  connection.hold();
  answer
    .then((given) => {
      if (connection.open) rest(given);
    })
    .catch((error: unknown) => connection.fail(error))
    .finally(() => connection.unhold());
}
