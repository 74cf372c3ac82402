/**
 * A broker that acknowledges a QoS 1 publication and may drop it afterwards, as mosquitto does: 20 messages
 * in flight to a subscriber, 1000 behind them, and no more. Serves MQTT 3.1.1 over TCP, QoS 0 and 1.
 */

import {createServer, type Socket} from 'node:net';
import {generate, type IPublishPacket, type Packet, type Parser, parser} from 'mqtt-packet';
import {listening} from '../dialing.ts';

const inFlightAtMost = 20;
const queuedAtMost = 1000;

interface Subscriber {
  readonly socket: Socket;
  readonly queue: IPublishPacket[];
  readonly inFlight: Set<number>;
}

export interface BoundedQueueBroker extends AsyncDisposable {
  readonly port: number;
  /** Clients that have subscribed. */
  readonly subscribers: number;
  /** Messages that were acknowledged and not delivered. */
  readonly dropped: number;
}

/**
 * Turns of the conversation instead of time: what publishers send is acknowledged when the subscribers have
 * acknowledged what was in flight to them. A window of 20 keeps pace with that; a larger one fills the queue.
 */
class Exchange {
  readonly subscribers = new Set<Subscriber>();
  #due: (() => void)[] = [];
  dropped = 0;

  publish(packet: IPublishPacket, acknowledge: () => void): void {
    for (const subscriber of this.subscribers) {
      if (subscriber.queue.length < queuedAtMost) subscriber.queue.push(packet);
      else this.dropped++;
    }
    this.#due.push(acknowledge);
    setImmediate(() => this.turn());
  }

  /** Ends the turn when nothing is in flight, and begins the next. */
  turn(): void {
    if ([...this.subscribers].some(({inFlight}) => inFlight.size > 0)) return;
    const due = this.#due;
    this.#due = [];
    for (const subscriber of this.subscribers) fill(subscriber);
    for (const acknowledge of due) acknowledge();
  }
}

/** Sends as much as may be in flight to a subscriber that has acknowledged everything before. */
function fill({socket, queue, inFlight}: Subscriber): void {
  for (const [index, {topic, payload}] of queue.splice(0, inFlightAtMost).entries()) {
    const messageId = index + 1;
    inFlight.add(messageId);
    socket.write(generate({cmd: 'publish', topic, payload, qos: 1, messageId, retain: false, dup: false}));
  }
}

function serve(socket: Socket, exchange: Exchange): void {
  const subscriber: Subscriber = {socket, queue: [], inFlight: new Set()};
  const reader = parser() as Parser;
  const send = (packet: object) => void socket.write(generate(packet as Packet));
  reader.on('packet', (packet: Packet) => {
    const messageId = packet.messageId!;
    if (packet.cmd === 'connect') send({cmd: 'connack', returnCode: 0, sessionPresent: false});
    if (packet.cmd === 'pingreq') send({cmd: 'pingresp'});
    if (packet.cmd === 'subscribe') {
      exchange.subscribers.add(subscriber);
      send({cmd: 'suback', messageId, granted: packet.subscriptions.map(() => 1)});
    }
    if (packet.cmd === 'publish') {
      exchange.publish(packet, () => packet.qos > 0 && send({cmd: 'puback', messageId}));
    }
    if (packet.cmd === 'puback') {
      subscriber.inFlight.delete(messageId);
      exchange.turn();
    }
  });
  reader.on('error', () => socket.destroy());
  socket.on('data', (chunk) => reader.parse(chunk));
  socket.on('error', () => undefined);
  socket.on('close', () => {
    exchange.subscribers.delete(subscriber);
    exchange.turn();
  });
}

/** Starts it on a free loopback port. */
export async function startBoundedQueueBroker(): Promise<BoundedQueueBroker> {
  const exchange = new Exchange();
  const server = await listening(createServer({noDelay: true}, (socket) => serve(socket, exchange)));
  return {
    port: server.port,
    get subscribers() {
      return exchange.subscribers.size;
    },
    get dropped() {
      return exchange.dropped;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
