/**
 * The $SYS topics: figures about the broker under mosquitto's names, published as retained messages
 * when they change. The load averages are mosquitto's: per minute, over 1, 5 and 15 minutes.
 */

import type {Counters} from '../wire/counters.ts';
import {noBytes} from '../wire/publish-packet.ts';
import type {Backpressure} from './backpressure.ts';
import type {RetainedMessages} from './retained.ts';
import type {Router} from './router.ts';
import type {Schedule, ScheduledTask} from './schedule.ts';
import type {Session} from './session.ts';
import type {SessionRegistry} from './session-registry.ts';
import type {Subscriptions} from './subscriptions.ts';

export interface SysTopicsOptions {
  readonly counters: Counters;
  readonly backpressure: Backpressure;
  readonly registry: SessionRegistry;
  readonly retained: RetainedMessages;
  readonly subscriptions: Subscriptions<Session>;
  readonly router: Router;
  readonly schedule: Schedule;
  /** What $SYS/broker/version says. */
  readonly version: string;
}

/** The counters that have load averages, and their topics under $SYS/broker/load. */
const loads = {
  'messages/received': 'messagesReceived',
  'messages/sent': 'messagesSent',
  'publish/dropped': 'publishDropped',
  'publish/received': 'publishReceived',
  'publish/sent': 'publishSent',
  'bytes/received': 'bytesReceived',
  'bytes/sent': 'bytesSent',
  sockets: 'sockets',
  connections: 'connections',
} as const satisfies Record<string, keyof Counters>;

/** Minutes over which a load is averaged. */
const windows = [1, 5, 15] as const;

interface Load {
  last: number;
  readonly averages: number[];
}

/** Keeps the $SYS topics of one broker up to date. */
export class SysTopics {
  readonly #options: SysTopicsOptions;
  readonly #interval: number;
  readonly #published = new Map<string, string>();
  readonly #loads = new Map<string, Load>();
  readonly #started: number;
  #hasBegun = false;
  #task: ScheduledTask | undefined;

  /** Publishes every `intervalSeconds` once it has begun; never with 0. */
  constructor(options: SysTopicsOptions, intervalSeconds: number) {
    this.#options = options;
    this.#interval = intervalSeconds;
    this.#started = options.schedule.now();
  }

  /** The first client connects: publishing before would only delay it. */
  begin(): void {
    if (this.#hasBegun || this.#interval === 0) return;
    this.#hasBegun = true;
    this.#update();
  }

  close(): void {
    this.#task?.cancel();
  }

  #update(): void {
    for (const [topic, value] of [...this.#values(), ...this.#averages()]) {
      if (this.#published.get(topic) === value) continue;
      this.#published.set(topic, value);
      const message = {
        topic: `$SYS/broker/${topic}`,
        payload: Buffer.from(value),
        qos: 2,
        retain: true,
        properties: noBytes,
      } as const;
      this.#options.router.announce(message, undefined);
    }
    this.#task = this.#options.schedule.after(this.#interval, () => this.#update());
  }

  #values(): [topic: string, value: string][] {
    const {counters, backpressure, retained, subscriptions, schedule, version} = this.#options;
    const clients = this.#clients();
    counters.clientsMaximum = Math.max(counters.clientsMaximum, clients.connected);
    const uptime = Math.floor((schedule.now() - this.#started) / 1000);
    const memory = process.memoryUsage();
    const numbers: Record<string, number> = {
      'clients/total': clients.total,
      'clients/inactive': clients.total - clients.connected,
      'clients/disconnected': clients.total - clients.connected,
      'clients/active': clients.connected,
      'clients/connected': clients.connected,
      'clients/expired': counters.clientsExpired,
      'clients/maximum': counters.clientsMaximum,
      'messages/stored': clients.stored + retained.size,
      'store/messages/count': clients.stored + retained.size,
      'store/messages/bytes': clients.storedBytes + retained.bytes,
      'subscriptions/count': subscriptions.count,
      'shared_subscriptions/count': subscriptions.sharedCount,
      'retained messages/count': retained.size,
      // Payloads are not in what V8 calls its heap.
      'heap/current': memory.heapUsed + memory.external,
      'heap/maximum': memory.heapTotal + memory.external,
      'packet/out/bytes': backpressure.bytes,
      'messages/received': counters.messagesReceived,
      'messages/sent': counters.messagesSent,
      'publish/messages/dropped': counters.publishDropped,
      'publish/messages/received': counters.publishReceived,
      'publish/messages/sent': counters.publishSent,
      'publish/bytes/received': counters.publishBytesReceived,
      'publish/bytes/sent': counters.publishBytesSent,
      'bytes/received': counters.bytesReceived,
      'bytes/sent': counters.bytesSent,
    };
    return [
      ['version', version],
      ['uptime', `${uptime} seconds`],
      ...Object.entries(numbers).map(([topic, value]): [string, string] => [topic, String(value)]),
    ];
  }

  #clients() {
    const found = {total: 0, connected: 0, stored: 0, storedBytes: 0};
    for (const {client, deliveries} of this.#options.registry.all()) {
      found.total++;
      if (client !== undefined) found.connected++;
      found.stored += deliveries.queued + deliveries.inflight;
      found.storedBytes += deliveries.queuedBytes;
    }
    return found;
  }

  /** Exponential averages of what was counted since the last update, scaled to a minute. */
  #averages(): [topic: string, value: string][] {
    return Object.entries(loads).flatMap(([name, counter]) => {
      const load: Load = this.#loads.get(name) ?? {last: 0, averages: windows.map(() => 0)};
      const now = this.#options.counters[counter];
      const perMinute = ((now - load.last) * 60) / this.#interval;
      load.last = now;
      this.#loads.set(name, load);
      return windows.map((minutes, index): [string, string] => {
        const weight = Math.exp(-this.#interval / (60 * minutes));
        const average = perMinute + weight * (load.averages[index]! - perMinute);
        load.averages[index] = average;
        return [`load/${name}/${minutes}min`, average.toFixed(2)];
      });
    });
  }
}
