/**
 * How one connection takes a publication: as its server allows it, and encoded as far as it does not
 * differ from message to message. Knows no stream and no window.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import {largestVariableInteger} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion, Publication} from '../../protocol/message.ts';
import {type PublishEncoder, publishEncoder} from '../../protocol/publish-writer.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import type {ServerLimits} from '../connection/server-limits.ts';

/** A publication as this connection takes it. */
export interface Route {
  readonly publication: Publication;
  readonly encoder: PublishEncoder;
  /** With the alias instead of the topic, once the server knows it. */
  readonly aliased?: PublishEncoder;
  readonly alias?: number;
}

/** @throws TmqError when the server does not take the publication at all */
export function routeFor(
  wanted: Publication,
  {maximumQos, retainAvailable, topicAliasMaximum}: ServerLimits,
  protocolVersion: ProtocolVersion,
): Route {
  if (wanted.qos > maximumQos) {
    throw new TmqError('Message QoS not supported on broker, try a lower QoS.', ExitCode.qosNotSupported);
  }
  const publication = {...wanted, retain: wanted.retain && retainAvailable};
  const encoder = publishEncoder(publication, protocolVersion);
  const alias = protocolVersion === 5 ? wanted.properties?.topicAlias : undefined;
  if (alias === undefined) return {publication, encoder};
  if (alias > topicAliasMaximum) {
    throw new TmqError(
      `Topic alias ${alias} is more than the broker allows (${topicAliasMaximum}).`,
      ReasonCode.topicAliasInvalid,
    );
  }
  return {
    publication,
    encoder,
    alias,
    aliased: publishEncoder({...publication, topic: ''}, protocolVersion),
  };
}

/** @throws TmqError 25 for a payload that makes too large a packet, for MQTT or for the server */
export function checkSize(
  {encoder}: Route,
  payloadBytes: number,
  {maximumPacketSize}: Pick<ServerLimits, 'maximumPacketSize'>,
): void {
  const packetBytes = encoder.packetBytes(payloadBytes);
  // 5: the fixed header with the longest length field.
  if (packetBytes > largestVariableInteger + 5) {
    throw new TmqError(
      `The message is larger than MQTT allows (${largestVariableInteger} bytes).`,
      ExitCode.packetTooLarge,
    );
  }
  if (packetBytes > maximumPacketSize) {
    throw new TmqError(
      `Packet larger than supported by the server: ${packetBytes} bytes, it takes ${maximumPacketSize}.`,
      ExitCode.packetTooLarge,
    );
  }
}
