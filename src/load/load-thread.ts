/**
 * The clients of one thread, from the first connection to the last DISCONNECT, in the steps that its starter asks
 * for: connect, publish, stop. Knows nothing of the other threads.
 */

import type {ExitCode} from '../errors.ts';
import {reasonText} from '../protocol/reason-codes.ts';
import {now} from './measuring/clock.ts';
import {receiverKey, senderKey} from './measuring/loss.ts';
import type {Measurement} from './measuring/measurement.ts';
import {HeadReader} from './measuring/payload-head.ts';
import {Recorder} from './measuring/recorder.ts';
import {type Paced, Pacer} from './pacer.ts';
import {type ClientPlace, clientsOf, type LoadPlan, numbered, type Share} from './plan.ts';
import {Publisher} from './publisher.ts';
import {Receiver} from './receiver.ts';
import {Connector, Refusal, shortcoming, subscriptionRefusal} from './session/connector.ts';
import type {LightSession, SessionRole} from './session/light-session.ts';
import {type Connack, subscribePacket} from './session/packets.ts';

/** How often others see the counts, and sessions that have to wait are looked at. */
const lookMilliseconds = 50;
const keepaliveLookMilliseconds = 1000;

/** The first attempt to connect that failed. */
export interface Failure {
  readonly message: string;
  readonly exitCode: ExitCode;
}

export interface ThreadSetup {
  readonly plan: LoadPlan;
  readonly share: Share;
  readonly memory: SharedArrayBuffer;
  /** Asks for the passphrase of a key. */
  readonly passphrase: () => Promise<string>;
}

export class LoadThread {
  readonly #setup: ThreadSetup;
  readonly #recorder: Recorder;
  readonly #head: HeadReader;
  readonly #sessions: LightSession[] = [];
  readonly #publishers: Paced[] = [];
  readonly #stopping = new AbortController();
  readonly #timers: NodeJS.Timeout[];
  #pacer: Pacer | undefined;
  #unsent = 0;

  constructor(setup: ThreadSetup) {
    const {plan, share, memory} = setup;
    this.#setup = setup;
    this.#recorder = new Recorder(memory);
    this.#recorder.clients = clientsOf(plan, share).length;
    this.#head = new HeadReader(plan.clock);
    this.#timers = [
      setInterval(() => this.#recorder.share(), lookMilliseconds),
      setInterval(() => {
        const time = now();
        for (const session of this.#sessions) session.keepAlive(time);
      }, keepaliveLookMilliseconds),
    ];
  }

  /** Connects all clients, and subscribes those that do; resolves with the first failure, if there was one. */
  async connect(): Promise<Failure | undefined> {
    const {plan, share, passphrase} = this.#setup;
    const connector = new Connector(plan, passphrase, this.#stopping.signal);
    let first: Failure | undefined;
    await connector.each(clientsOf(plan, share), async (place, due) => {
      try {
        await this.#open(connector, place, due);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        // What was abandoned was not refused.
        if (this.#stopping.signal.aborted) return;
        this.#recorder.refuse(error.message);
        first ??= {message: error.message, exitCode: error.exitCode};
      }
    });
    this.#recorder.share();
    return first;
  }

  /** Connects one client. @throws Refusal */
  async #open(connector: Connector, place: ClientPlace, due: number): Promise<void> {
    const recorder = this.#recorder;
    recorder.connecting.extend(due);
    const {role, ready} = this.#roleOf(place);
    let time = due;
    const session = await connector.open(place, role, async (opened, connack) => {
      time = now();
      recorder.connecting.extend(time);
      await ready(opened, connack);
    });
    recorder.connectLatency.record(time - due);
    recorder.connected++;
    this.#sessions.push(session);
  }

  /** What a client does, and what it has to do once it is connected. */
  #roleOf(place: ClientPlace): {
    role: SessionRole;
    ready: (session: LightSession, connack: Connack) => Promise<void>;
  } {
    if (place.role === 'publisher') return this.#publisherOf(place);
    const receiver = new Receiver(this.#recorder, this.#head, this.#setup.plan.warmupMilliseconds);
    const ready = async (session: LightSession) => {
      if (place.role === 'subscriber') await this.#subscribe(session, receiver, place);
    };
    return {role: receiver, ready};
  }

  #publisherOf({ofRole}: ClientPlace) {
    const {run, clock, first, connecting, publishing} = this.#setup.plan;
    const {topic, qos, size, window} = publishing!;
    const {protocolVersion} = connecting;
    const number = first + ofRole;
    const publisher = new Publisher({
      topic: numbered(topic, number),
      qos,
      size,
      protocolVersion,
      origin: {run, clock, sender: number},
      recorder: this.#recorder,
      onReady: (ready) => this.#pacer?.ready(ready),
    });
    const ready = async (session: LightSession, connack: Connack) => {
      const reason = shortcoming(connack, qos, publisher.frameBytes);
      if (reason !== undefined) throw reason;
      publisher.begin(session, Math.min(window, connack.receiveMaximum));
      this.#publishers.push({publisher, ofRole});
    };
    return {role: publisher, ready};
  }

  /** @throws Refusal; Error when the connection ends first */
  async #subscribe(session: LightSession, receiver: Receiver, {ofRole}: ClientPlace): Promise<void> {
    const {run, first, connecting, subscribing} = this.#setup.plan;
    const {filter, qos} = subscribing!;
    const number = first + ofRole;
    const text = numbered(filter, number);
    // Retained messages follow SUBACK, perhaps in the same read.
    receiver.received = new Map();
    const code = await session.subscribe(subscribePacket(connecting.protocolVersion, text, qos));
    const refusal = subscriptionRefusal(code, reasonText(code));
    if (refusal !== undefined) throw refusal;
    this.#recorder.receivers.push([receiverKey(run, number, text), receiver.received]);
  }

  /** Publishes from this time on, in milliseconds of the clock, until all is sent and acknowledged or given up. */
  async publish(start: number): Promise<ReadonlyMap<string, number>> {
    const {publishing, settleMilliseconds, warmupMilliseconds} = this.#setup.plan;
    // A timer may be early: without a warm-up every message counts.
    this.#recorder.measuresFrom = warmupMilliseconds === 0 ? 0 : start + warmupMilliseconds;
    if (publishing === undefined || this.#publishers.length === 0) return new Map();
    const {rate, count, seconds, clients} = publishing;
    const milliseconds = seconds === undefined ? undefined : seconds * 1000;
    this.#publishers.sort((one, other) => one.ofRole - other.ofRole);
    const pacer = new Pacer(this.#publishers, {start, rate, count, milliseconds, clients});
    this.#pacer = pacer;
    pacer.begin();
    await this.#untilSent(pacer, settleMilliseconds);
    this.#unsent += pacer.giveUp();
    const {run} = this.#setup.plan;
    return new Map([...this.#acknowledged()].map(([number, {size}]) => [senderKey(run, number), size]));
  }

  /** Waits until all publishers are done, or have made no progress for so long after the end. */
  async #untilSent(pacer: Pacer, settleMilliseconds: number): Promise<void> {
    const recorder = this.#recorder;
    let progress = -1;
    let since = now();
    while (this.#publishers.some(({publisher}) => !publisher.isGone)) {
      await new Promise((resolve) => setTimeout(resolve, lookMilliseconds));
      const time = now();
      const isStopped = this.#stopping.signal.aborted;
      if (isStopped || time >= pacer.end) pacer.finish();
      if (isStopped || time >= pacer.end + settleMilliseconds) this.#unsent += pacer.giveUp();
      // Each one that has sent all asks the broker whether it has read it.
      const done = this.#publishers.filter(({publisher}) => pacer.isWhole && publisher.isDone());
      if (done.length === this.#publishers.length) return;
      const sum = recorder.sent + recorder.acknowledged + done.length;
      if (sum !== progress || !pacer.isWhole) since = time;
      progress = sum;
      if (time - since >= settleMilliseconds) return;
    }
  }

  #acknowledged() {
    return new Map(
      this.#publishers.map(({publisher, ofRole}) => [
        this.#setup.plan.first + ofRole,
        publisher.acknowledged,
      ]),
    );
  }

  /** Abandons attempts to connect, and sends nothing more; what was sent may still be acknowledged. */
  finish(): void {
    this.#stopping.abort();
  }

  /** Ends all connections, and gives what was measured. */
  async stop(): Promise<Measurement> {
    this.finish();
    const {plan} = this.#setup;
    const measurement = this.#recorder.measurement(plan, this.#acknowledged(), this.#unsent);
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#sessions.map((session) => session.end()));
    this.#recorder.share();
    return measurement;
  }
}
