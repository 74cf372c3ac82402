/** The -d lines: a packet in mosquitto's words. Of CONNECT they contain only the name, never its password. */

import {retainHandlingShift, SubscriptionOption} from '../../protocol/flags.ts';
import type {Packet} from './protocol-client.ts';

export type Direction = 'in' | 'out';

/** An outgoing or incoming PUBLISH as the trace shows it; `topic` is absent where an alias stands for it. */
export interface TracedPublish {
  readonly duplicate: boolean;
  readonly qos: number;
  readonly retain: boolean;
  /** At QoS 0: outgoing a counter, incoming 0. */
  readonly messageId: number;
  readonly topic?: string;
  readonly payloadBytes: number;
}

/** mosquitto's placeholder for an unknown identifier; CONNACK lines have another one. */
function client(clientId: string): string {
  return `Client ${clientId === '' ? 'null' : clientId}`;
}

/** The line of one PUBLISH. */
export function publishLine(direction: Direction, clientId: string, publish: TracedPublish): string {
  const verb = direction === 'in' ? 'received' : 'sending';
  const {duplicate, qos, retain, messageId, payloadBytes} = publish;
  const topic = publish.topic === undefined ? '(null)' : publish.topic;
  return `${client(clientId)} ${verb} PUBLISH (d${Number(duplicate)}, q${qos}, r${Number(retain)}, m${messageId}, '${topic}', ... (${payloadBytes} bytes))`;
}

function publishOf(packet: Packet): TracedPublish {
  return {
    duplicate: packet.dup ?? false,
    qos: packet.qos ?? 0,
    retain: packet.retain ?? false,
    messageId: packet.messageId ?? 0,
    topic: packet.topic ?? '',
    payloadBytes: packet.payload?.length ?? 0,
  };
}

/** The subscription options above the QoS [MQTT 5, 3.8.3.1], as two hexadecimal digits. */
function optionBits(subscription: {nl?: boolean; rap?: boolean; rh?: number}): string {
  const bits =
    (subscription.nl ? SubscriptionOption.noLocal : 0) |
    (subscription.rap ? SubscriptionOption.retainAsPublished : 0) |
    ((subscription.rh ?? 0) << retainHandlingShift);
  return bits.toString(16).padStart(2, '0');
}

type Shape = (packet: Packet, clientId: string) => readonly string[];

const outgoing: Readonly<Record<string, Shape>> = {
  connect: () => ['CONNECT'],
  puback: ({messageId, reasonCode}) => [`PUBACK (m${messageId}, rc${reasonCode ?? 0})`],
  pubrec: ({messageId, reasonCode}) => [`PUBREC (m${messageId}, rc${reasonCode ?? 0})`],
  pubrel: ({messageId}) => [`PUBREL (m${messageId})`],
  pubcomp: ({messageId}) => [`PUBCOMP (m${messageId})`],
  subscribe: ({messageId, subscriptions}) =>
    (subscriptions ?? []).map(
      (each) =>
        `SUBSCRIBE (Mid: ${messageId}, Topic: ${each.topic}, QoS: ${each.qos}, Options: 0x${optionBits(each)})`,
    ),
  unsubscribe: ({messageId, unsubscriptions}) =>
    (unsubscriptions ?? []).map((filter) => `UNSUBSCRIBE (Mid: ${messageId}, Topic: ${filter})`),
  pingreq: () => ['PINGREQ'],
  disconnect: () => ['DISCONNECT'],
  auth: () => ['AUTH'],
};

const incoming: Readonly<Record<string, Shape>> = {
  puback: ({messageId, reasonCode}) => [`PUBACK (Mid: ${messageId}, RC:${reasonCode ?? 0})`],
  pubrec: ({messageId}) => [`PUBREC (Mid: ${messageId})`],
  pubrel: ({messageId}) => [`PUBREL (Mid: ${messageId})`],
  pubcomp: ({messageId, reasonCode}) => [`PUBCOMP (Mid: ${messageId}, RC:${reasonCode ?? 0})`],
  suback: () => ['SUBACK'],
  unsuback: () => ['UNSUBACK'],
  pingresp: () => ['PINGRESP'],
  auth: () => ['AUTH'],
};

function connackLine(packet: Packet, clientId: string): string {
  const code = packet.reasonCode ?? packet.returnCode ?? 0;
  return `Client ${clientId === '' ? '(null)' : clientId} received CONNACK (${code})`;
}

/** The lines of a packet; none for a packet that a client neither sends nor receives. */
export function traceLines(direction: Direction, packet: Packet, clientId: string): readonly string[] {
  if (packet.cmd === 'publish') return [publishLine(direction, clientId, publishOf(packet))];
  if (direction === 'in' && packet.cmd === 'connack') return [connackLine(packet, clientId)];
  if (direction === 'in' && packet.cmd === 'disconnect')
    return [`Received DISCONNECT (${packet.reasonCode ?? 0})`];
  const shapes = direction === 'in' ? incoming : outgoing;
  const verb = direction === 'in' ? 'received' : 'sending';
  return (shapes[packet.cmd]?.(packet, clientId) ?? []).map(
    (shape) => `${client(clientId)} ${verb} ${shape}`,
  );
}

/** mosquitto_sub's line after a SUBACK. */
export function grantedLine(messageId: number, reasonCodes: readonly number[]): string {
  return `Subscribed (mid: ${messageId}): ${reasonCodes.join(', ')}`;
}

/**
 * What passes the lines of each packet to `trace`.
 * @param withGrants whether the line after a SUBACK is among them
 */
export function tracer(
  trace: (line: string) => void,
  clientId: () => string,
  withGrants = false,
): (direction: Direction, packet: Packet) => void {
  return (direction, packet) => {
    for (const line of traceLines(direction, packet, clientId())) trace(line);
    if (packet.cmd !== 'suback' || !withGrants) return;
    trace(grantedLine(packet.messageId ?? 0, packet.granted ?? []));
  };
}
