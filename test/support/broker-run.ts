/**
 * A list of client actions, performed one after the other at any broker: what each client receives after
 * each of them, as lines that can be compared between brokers. Asserts nothing.
 */

import {once} from 'node:events';
import {connect, type Socket} from 'node:net';
import {PacketClient, type Said, within} from './packet-client.ts';

export interface Will {
  readonly topic: string;
  readonly qos: number;
  readonly retain: boolean;
}

export type Action =
  | {readonly do: 'connect'; readonly who: number; readonly clean: boolean; readonly will?: Will | undefined}
  | {readonly do: 'leave' | 'cut'; readonly who: number}
  | {
      readonly do: 'subscribe';
      readonly who: number;
      readonly filter: string;
      readonly qos: number;
      /** MQTT 5 only. */
      readonly options: {readonly nl: boolean; readonly rap: boolean; readonly rh: number};
    }
  | {readonly do: 'unsubscribe'; readonly who: number; readonly filter: string}
  | {
      readonly do: 'publish';
      readonly who: number;
      readonly topic: string;
      readonly qos: number;
      readonly retain: boolean;
      readonly empty: boolean;
    };

/** The protocol versions of the clients, by number. */
export const versions = [4, 5, 4, 5] as const;

/** Plays the actions with topics and client identifiers of this run's own; one list of lines for each action. */
export async function play(port: number, run: string, actions: readonly Action[]): Promise<string[][]> {
  const player = new Player(port, run);
  const transcript: string[][] = [];
  try {
    for (const [index, action] of actions.entries()) transcript.push(await player.act(action, index));
  } finally {
    await player.end();
  }
  return transcript;
}

class Player {
  readonly #port: number;
  readonly #run: string;
  readonly #clients = new Map<number, PacketClient>();
  #lines: string[] = [];

  constructor(port: number, run: string) {
    this.#port = port;
    this.#run = run;
  }

  async act(action: Action, index: number): Promise<string[]> {
    this.#lines = [];
    const client = this.#clients.get(action.who);
    if (action.do === 'connect') {
      if (client === undefined) await this.#connect(action);
    } else if (client !== undefined) await this.#with(client, action, index);
    // A message at QoS 2 may reach others only when its PUBREL is there: after they were listened to.
    for (let before = -1; before < this.#lines.length; ) {
      before = this.#lines.length;
      for (const [who, each] of this.#clients) await this.#drain(who, each);
    }
    // By client, kind and topic: only within one topic, or one kind of answer, is an order promised.
    const key = (line: string) => /^\d+ (?:publish \S* |\w+ )/.exec(line)![0];
    this.#lines.sort((one, other) => (key(one) < key(other) ? -1 : key(one) > key(other) ? 1 : 0));
    return this.#lines;
  }

  async #with(client: PacketClient, action: Exclude<Action, {do: 'connect'}>, index: number): Promise<void> {
    switch (action.do) {
      case 'leave':
        await client.leave();
        this.#clients.delete(action.who);
        return;
      case 'cut': {
        const closed = once(client.stream, 'close');
        client.stream.end();
        await within(closed, 'the end of a connection');
        this.#clients.delete(action.who);
        return;
      }
      case 'subscribe': {
        const options = client.version === 5 ? action.options : {};
        client.send({
          ...{cmd: 'subscribe', messageId: 100},
          subscriptions: [{topic: `${this.#run}/${action.filter}`, qos: action.qos, ...options}],
        });
        return;
      }
      case 'unsubscribe':
        client.send({
          ...{cmd: 'unsubscribe', messageId: 101},
          unsubscriptions: [`${this.#run}/${action.filter}`],
        });
        return;
      case 'publish': {
        const {topic, qos, retain, empty} = action;
        const identifier = qos === 0 ? {} : {messageId: index + 1};
        client.publish(`${this.#run}/${topic}`, empty ? '' : `${index}`, {qos, retain, ...identifier});
      }
    }
  }

  async #connect({who, clean, will}: Extract<Action, {do: 'connect'}>): Promise<void> {
    const version = versions[who % versions.length]!;
    const socket: Socket = connect({port: this.#port, host: '127.0.0.1', noDelay: true});
    const client = new PacketClient(socket, version);
    const connack = await client.ask({
      ...{cmd: 'connect', protocolId: 'MQTT', protocolVersion: version, keepalive: 0, clean},
      clientId: `${this.#run}-${who}`,
      ...(version === 5 ? {properties: {sessionExpiryInterval: clean ? 0 : 1000}} : {}),
      ...(will === undefined ? {} : {will: {...will, topic: `${this.#run}/${will.topic}`, payload: 'gone'}}),
    });
    this.#lines.push(`${who} connack ${connack.reasonCode ?? connack.returnCode} ${connack.sessionPresent}`);
    this.#clients.set(who, client);
  }

  /** Hears all that there is for a client, and acknowledges it. */
  async #drain(who: number, client: PacketClient): Promise<void> {
    client.send({cmd: 'pingreq'});
    for (let quiet = 0; quiet < 2; ) {
      const packet = await client.next();
      if (packet.cmd === 'pingresp') {
        quiet++;
        if (quiet < 2) client.send({cmd: 'pingreq'});
        continue;
      }
      quiet = 0;
      this.#lines.push(`${who} ${this.#line(packet)}`);
      const {messageId} = packet;
      if (packet.cmd === 'publish' && packet.qos === 1)
        client.send({cmd: 'puback', messageId, reasonCode: 0});
      if (packet.cmd === 'publish' && packet.qos === 2)
        client.send({cmd: 'pubrec', messageId, reasonCode: 0});
      if (packet.cmd === 'pubrel') client.send({cmd: 'pubcomp', messageId, reasonCode: 0});
      if (packet.cmd === 'pubrec' && Number(packet.reasonCode ?? 0) < 0x80) {
        client.send({cmd: 'pubrel', messageId, reasonCode: 0});
      }
    }
  }

  #line({cmd, topic, payload, qos, retain, dup, granted, reasonCode}: Said): string {
    if (cmd === 'publish') {
      const name = String(topic).slice(this.#run.length + 1);
      return `${cmd} ${name} '${payload}' q${qos} r${Number(retain)} d${Number(dup)}`;
    }
    // mosquitto does not know yet, when it sends PUBREC, that there is no subscriber.
    const code = cmd === 'pubrec' && reasonCode === 0x10 ? 0 : reasonCode;
    return `${cmd} ${(granted as number[] | undefined)?.join(' ') ?? code ?? 0}`;
  }

  async end(): Promise<void> {
    for (const client of this.#clients.values()) client.drop();
  }
}
