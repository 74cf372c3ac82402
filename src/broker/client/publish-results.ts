/**
 * Acknowledges the messages of one client: at once, or where changes are stored, as soon as they are. Decides
 * nothing about a message.
 */

import type {AcknowledgementName} from '../../protocol/acknowledgement.ts';
import {PacketType, packetNames} from '../../protocol/fixed-header.ts';
import type {QoS} from '../../protocol/message.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import {type ReplyContext, sendWithReason} from './reply.ts';

/** The reason code and reason string of an acknowledgement. */
export interface PublishResult {
  readonly reasonCode: number;
  readonly reason?: string;
}

/** Why a message is not published. */
export type Rejection = Required<PublishResult>;

/** The store cannot be written to. */
export const notStored: Rejection = {
  reasonCode: ReasonCode.quotaExceeded,
  reason: 'The message cannot be stored.',
};

interface AcceptedMessage {
  readonly qos: QoS;
  readonly packetId: number;
  readonly result: PublishResult;
}

/** The handler that the acknowledgements belong to. */
interface ResultsOwner {
  /** Frees the packet identifier of a message at QoS 2. */
  forget(packetId: number): void;
}

/** The acknowledgements to one client. */
export class PublishResults {
  readonly #context: ReplyContext;
  readonly #owner: ResultsOwner;
  /** Of this turn. */
  #uncommitted: AcceptedMessage[] | undefined;

  constructor(context: ReplyContext, owner: ResultsOwner) {
    this.#context = context;
    this.#owner = owner;
  }

  /** Acknowledges a message at QoS 1 or 2 that was published [MQTT-4.3.2-4], [MQTT-4.3.3-8]. */
  accepted(qos: QoS, packetId: number, result: PublishResult): void {
    const {connection, state} = this.#context;
    if (state.context.changeLog === undefined) {
      this.acknowledge(answerTo(qos), packetId, result);
      return;
    }
    this.#uncommitted ??= [];
    this.#uncommitted.push({qos, packetId, result});
    connection.output.flushLater();
  }

  /** The same when `rest` is done; until then the client's next packets of such kinds wait. */
  acceptedAfter(
    rest: Promise<void>,
    {qos, packetId}: {readonly qos: QoS; readonly packetId: number},
    result: PublishResult,
  ): void {
    const {connection} = this.#context;
    connection.hold('publish');
    const accept = () => {
      if (qos > 0 && connection.open) this.accepted(qos, packetId, result);
    };
    rest
      .then(accept)
      .catch((error: unknown) => connection.fail(error))
      .finally(() => connection.unhold('publish'));
  }

  /** A message that could not be stored may have been delivered all the same: its publisher has to send it again. */
  committed(isStored: boolean): void {
    const due = this.#uncommitted;
    if (due === undefined) return;
    this.#uncommitted = undefined;
    if (!isStored && this.#context.connection.protocolVersion < 5) {
      this.closeNotStored();
      return;
    }
    for (const {qos, packetId, result} of due) {
      if (qos === 2 && !isStored) this.#owner.forget(packetId);
      this.acknowledge(answerTo(qos), packetId, isStored ? result : notStored);
    }
  }

  /** Closes the connection: before MQTT 5, no acknowledgement says that a message was not taken. */
  closeNotStored(): void {
    const {connection, state, session} = this.#context;
    state.notice(`Client ${session.clientId} disconnected: its messages cannot be stored.`);
    connection.close();
  }

  /** Sends PUBACK, PUBREC, PUBREL or PUBCOMP. @throws PacketViolation where the client does not take so large a packet */
  acknowledge(type: number, messageId: number, {reasonCode, reason}: PublishResult): void {
    const {connection} = this.#context;
    if (connection.protocolVersion < 5 || reasonCode === 0) {
      connection.acknowledge(type, messageId);
      return;
    }
    const cmd = packetNames[type]!.toLowerCase() as AcknowledgementName;
    sendWithReason(this.#context, {cmd, messageId, reasonCode}, reason);
  }
}

function answerTo(qos: QoS): number {
  return qos === 1 ? PacketType.puback : PacketType.pubrec;
}
