/**
 * Answers the requests of a session: a number of them at a time, begun in their order. A request is acknowledged when
 * its answer was sent, or when there is none. Knows neither options nor how an answer is made.
 *
 * States: taking; ending (it has the last request, or takes no further one); finished (no answer is being made).
 */

import type {Delivery, DeliveryReceiver, Payload, ReceiveDecision, Session} from '../../client/types.ts';
import {type ExitCode, TmqError} from '../../errors.ts';
import type {Message, Publication} from '../../protocol/message.ts';
import {isMqttString, isPublishTopic} from '../../protocol/topic.ts';
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
  /** Answers are cut short: a request without one then stays unacknowledged. */
  isCut = false;
  readonly #setup: ResponderSetup;
  #waiting: Delivery[] = [];
  #running = 0;
  #isEnding = false;
  /** It was said that a request names no response topic. */
  #isTold = false;
  /** The status of the first answer that could not be made or sent. */
  #failed: ExitCode | undefined;
  #failure: {readonly error: unknown} | undefined;
  #resolve: (status: ExitCode) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(setup: ResponderSetup) {
    this.#setup = setup;
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.finished.catch(() => undefined);
  }

  get window(): number {
    return this.#setup.plan.window;
  }

  /** The exit status so far: that of the first request that was not answered, or 0. */
  get status(): ExitCode {
    return this.#failed ?? 0;
  }

  delivered(delivery: Delivery): ReceiveDecision {
    if (this.#isEnding) return 'stop';
    if (responseTopicOf(delivery.message) === undefined) {
      this.#passOver(delivery);
      return 'more';
    }
    this.taken++;
    this.#isEnding = this.taken === this.#setup.plan.count;
    this.#waiting.push(delivery);
    this.#start();
    return this.#isEnding ? 'last' : 'more';
  }

  /** Finishes the answers that are being made, and begins no further one. */
  async drain(): Promise<void> {
    this.#isEnding = true;
    for (const delivery of this.#waiting.splice(0)) delivery.abandon();
    this.#start();
    await this.finished.catch(() => undefined);
  }

  #passOver(delivery: Delivery): void {
    delivery.acknowledge();
    if (this.#isTold) return;
    this.#isTold = true;
    this.#setup.tell(
      `A message of ${delivery.message.topic} names no response topic: it is not answered. This is said only once.`,
    );
  }

  #start(): void {
    while (this.#running < this.#setup.plan.jobs && this.#waiting.length > 0)
      void this.#work(this.#waiting.shift()!);
    if (this.#running > 0 || !this.#isEnding) return;
    if (this.#failure === undefined) this.#resolve(this.status);
    else this.#reject(this.#failure.error);
  }

  async #work(delivery: Delivery): Promise<void> {
    this.#running++;
    try {
      if (await this.#isDone(delivery.message)) delivery.acknowledge();
      else delivery.abandon();
    } catch (error) {
      this.#failure ??= {error};
      delivery.abandon();
      void this.drain();
    }
    this.#running--;
    this.#start();
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
