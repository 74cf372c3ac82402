/**
 * Writes PUBLISH and PUBREL packets on one connection: as its server allows them, encoded as far as they do not
 * differ from message to message, with topic aliases and the -d line. Knows no window and no reconnecting.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import {acknowledgements} from '../../protocol/acknowledgement.ts';
import {largestPacket, largestVariableInteger, PacketType} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion, Publication} from '../../protocol/message.ts';
import {type PublishEncoder, publishEncoder} from '../../protocol/publish-writer.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import type {ClientConnection} from '../connection/client-connection.ts';
import {publishLine} from '../connection/debug-lines.ts';
import type {ServerLimits} from '../connection/server-limits.ts';
import type {Written} from '../connection/write-queue.ts';
import type {Payload} from '../types.ts';
import {largePayloadBytes} from './publish-batch.ts';

/** A publication as this connection's server accepts it. */
export interface PreparedPublication {
  readonly publication: Publication;
  readonly encoder: PublishEncoder;
  /** With the alias instead of the topic, for a server that knows the alias. */
  readonly aliased?: PublishEncoder;
  readonly alias?: number;
}

export interface OneMessage {
  readonly prepared: PreparedPublication;
  readonly payload: Payload;
  /** At QoS 0 a number for the trace. */
  readonly messageId: number;
  readonly duplicate: boolean;
}

export interface WriterSetup {
  readonly protocolVersion: ProtocolVersion;
  /** Receives the -d lines. */
  readonly trace?: ((line: string) => void) | undefined;
  /** The server does not retain messages: one that should be is sent without the flag. */
  readonly retainDropped: () => void;
  /** For the trace. */
  readonly clientId: () => string;
}

/** @throws TmqError when the server does not accept the publication at all */
function prepare(
  wanted: Publication,
  {maximumQos, retainAvailable, topicAliasMaximum}: ServerLimits,
  protocolVersion: ProtocolVersion,
): PreparedPublication {
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
  const aliased = publishEncoder({...publication, topic: ''}, protocolVersion);
  return {publication, encoder, alias, aliased};
}

/** @throws TmqError 25 for a payload whose packet is too large, for MQTT or for the server */
function checkSize(packetBytes: number, {maximumPacketSize}: ServerLimits): void {
  if (packetBytes > largestPacket) {
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

export class MessageWriter {
  readonly connection: ClientConnection;
  readonly #setup: WriterSetup;
  readonly #prepared = new WeakMap<Publication, PreparedPublication>();
  /** Alias to topic, as the server knows them. */
  readonly #aliases = new Map<number, string>();

  constructor(connection: ClientConnection, setup: WriterSetup) {
    this.connection = connection;
    this.#setup = setup;
  }

  /**
   * The encoder of messages that may leave in one write with others. Undefined where a trace or an alias wants each of
   * them, or the server does not accept them: alone, the message has its error.
   */
  readonly batchEncoder = (publication: Publication): PublishEncoder | undefined => {
    if (this.#setup.trace !== undefined) return undefined;
    try {
      const {alias, encoder} = this.prepare(publication);
      return alias === undefined ? encoder : undefined;
    } catch (error) {
      if (error instanceof TmqError) return undefined;
      throw error;
    }
  };

  /** The publication, prepared once for the connection. @throws TmqError when the server does not accept it */
  prepare(publication: Publication): PreparedPublication {
    const known = this.#prepared.get(publication);
    if (known !== undefined) return known;
    const {limits} = this.connection;
    const prepared = prepare(publication, limits, this.#setup.protocolVersion);
    if (publication.retain && !limits.retainAvailable) this.#setup.retainDropped();
    this.#prepared.set(publication, prepared);
    return prepared;
  }

  /** The same for a payload. @throws TmqError also when its packet is too large */
  prepareFor(publication: Publication, payloadBytes: number): PreparedPublication {
    const prepared = this.prepare(publication);
    checkSize(prepared.encoder.packetBytes(payloadBytes), this.connection.limits);
    return prepared;
  }

  /** Writes one message. */
  write(message: OneMessage, written?: Written): void {
    const {prepared, payload, messageId, duplicate} = message;
    const {publication, alias} = prepared;
    const isKnown = alias !== undefined && this.#aliases.get(alias) === publication.topic;
    if (alias !== undefined) this.#aliases.set(alias, publication.topic);
    this.#setup.trace?.(
      publishLine('out', this.#setup.clientId(), {
        duplicate,
        qos: publication.qos,
        retain: publication.retain,
        messageId,
        payloadBytes: payload.length,
        ...(isKnown ? {} : {topic: publication.topic}),
      }),
    );
    const encoder = isKnown ? (prepared.aliased ?? prepared.encoder) : prepared.encoder;
    const header = encoder.header(payload.length, messageId, duplicate);
    const {writeQueue} = this.connection;
    if (!(payload instanceof Uint8Array)) writeQueue.writeStreamed({header, payload}, written);
    else if (payload.length < largePayloadBytes) writeQueue.write(Buffer.concat([header, payload]), written);
    else writeQueue.writeParts(header, payload, written);
  }

  /** PUBREL; without a trace, as the four bytes that it is on success [MQTT 5, 3.6]. */
  release(messageId: number, reasonCode: number): void {
    if (reasonCode !== 0 || this.#setup.trace !== undefined) {
      this.connection.send({cmd: 'pubrel', messageId, reasonCode});
    } else this.connection.writeQueue.write(acknowledgements(PacketType.pubrel, [messageId]));
  }
}
