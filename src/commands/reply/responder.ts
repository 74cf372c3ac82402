/**
 * Answers the requests of a session. A request is acknowledged when its answer was sent, or when there is none. Knows
 * neither options nor how an answer is made.
 */

import type {Delivery, DeliveryReceiver, Payload, ReceiveDecision, Session} from '../../client/types.ts';
import {type ExitCode, TmqError} from '../../errors.ts';
import type {Message, Publication} from '../../protocol/message.ts';
import {isMqttString, isPublishTopic} from '../../protocol/topic.ts';
import {JobQueue} from '../client/exec/job-queue.ts';
import type {ReplyPlan} from './plan.ts';
import type {Answers} from './types.ts';

export interface ResponderSetup {
  readonly plan: Pick<ReplyPlan, 'jobs' | 'window' | 'count' | 'qos' | 'properties'>;
  readonly answers: Pick<Answers, 'answerTo'>;
  readonly session: Pick<Session, 'publish' | 'roundTrip'>;
  /** Receives a sentence about a request that is not answered. */
  readonly tell: (sentence: string) => void;
}

/** Where the answer goes; undefined where the request names no topic that can be published to. */
function responseTopicOf({properties}: Message): string | undefined {
  const topic = properties?.responseTopic;
  return topic !== undefined && isMqttString(topic) && isPublishTopic(topic) ? topic : undefined;
}

export class Responder implements DeliveryReceiver {
  /** Requests so far, without those that name no response topic. */
  taken = 0;
  /** Resolves with the exit status when the last request is answered, or after `drain`. @throws what ended the work */
  readonly finished: Promise<ExitCode>;
  /** Finishes the answers that are being made, and begins no further one. */
  readonly drain: () => Promise<void>;
  /** Answers are cut short: a request without one then stays unacknowledged. */
  isCut = false;
  readonly #setup: ResponderSetup;
  readonly #queue: JobQueue;
  /** It was said that a request names no response topic. */
  #isTold = false;
  /** The status of the first answer that could not be made or sent. */
  #failed: ExitCode | undefined;
  constructor(setup: ResponderSetup) {
    this.#setup = setup;
    this.#queue = new JobQueue({jobs: setup.plan.jobs, work: (request) => this.#isDone(request)});
    this.finished = this.#queue.finished.then(() => this.status);
    this.finished.catch(() => undefined);
    this.drain = () => this.#queue.drain();
  }

  get window(): number {
    return this.#setup.plan.window;
  }

  /** The exit status so far: that of the first request that was not answered, or 0. */
  get status(): ExitCode {
    return this.#failed ?? 0;
  }

  delivered(delivery: Delivery): ReceiveDecision {
    if (this.#queue.isEnding) return 'stop';
    if (responseTopicOf(delivery.message) === undefined) {
      this.#passOver(delivery);
      return 'more';
    }
    this.taken++;
    this.#queue.add(delivery);
    if (this.taken !== this.#setup.plan.count) return 'more';
    this.#queue.end();
    return 'last';
  }

  #passOver(delivery: Delivery): void {
    delivery.acknowledge();
    if (this.#isTold) return;
    this.#isTold = true;
    this.#setup.tell(
      `A message of ${delivery.message.topic} names no response topic: it is not answered. This is said only once.`,
    );
  }

  /** Whether the request may be acknowledged. @throws what ends the work */
  async #isDone(request: Message): Promise<boolean> {
    const answer = await this.#setup.answers.answerTo(request);
    if (!('what' in answer)) await this.#publish(answer, request);
    else if (this.isCut) return false;
    else this.#notAnswered(`${answer.what}: it is not answered.`, answer.status);
    return true;
  }

  async #publish(payload: Payload, request: Message): Promise<void> {
    const {plan, session} = this.#setup;
    const topic = responseTopicOf(request)!;
    const {correlationData} = request.properties ?? {};
    const publication: Publication = {
      topic,
      qos: plan.qos ?? request.qos,
      retain: false,
      properties: {...plan.properties, ...(correlationData === undefined ? {} : {correlationData})},
    };
    try {
      await session.publish(payload, publication);
    } catch (error) {
      // It fails with what ended the session. Otherwise only this answer was refused.
      await session.roundTrip();
      if (!(error instanceof TmqError)) throw error;
      this.#notAnswered(`The answer to ${topic} was not sent: ${error.message}`, error.exitCode);
    }
  }

  #notAnswered(what: string, status: ExitCode): void {
    this.#failed ??= status;
    this.#setup.tell(what);
  }
}
