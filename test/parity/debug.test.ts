// needs: mosquitto, mosquitto_pub
/**
 * The lines of -d compared with those of mosquitto's clients, packet by packet. Theirs go to stdout among the
 * messages, ours on stderr; where 2.0 has "(null)" for an unknown id, 2.1 and we have "null".
 */

import assert from 'node:assert/strict';
import {after, before, describe, test} from 'node:test';
import {type Mosquitto, startMosquitto} from '../support/mosquitto.ts';
import {runMain} from '../support/run.ts';
import {type Outcome, play, type Scenario} from '../support/scenario.ts';

interface Conversation extends Omit<Scenario, 'shows'> {
  /** The lines that both show, without "Client ID ". */
  readonly lines: readonly string[];
  /** A line that mosquitto 2.0 may leave out. */
  readonly unsteady?: string;
  /** Lines that only mosquitto's client prints, for a reason that stands beside them. */
  readonly onlyMosquitto?: readonly string[];
}

const id = ['-i', '{topic}-id'];

const conversations: readonly Conversation[] = [
  {
    name: 'QoS 0',
    tool: 'pub',
    words: ['-t', '{topic}', '-m', 'hi', ...id],
    lines: [
      'sending CONNECT',
      'received CONNACK (0)',
      "sending PUBLISH (d0, q0, r0, m1, 'TOPIC', ... (2 bytes))",
      'sending DISCONNECT',
    ],
  },
  {
    name: 'QoS 1, retained',
    tool: 'pub',
    words: ['-t', '{topic}', '-m', 'hi', '-q', '1', '-r', ...id],
    lines: [
      'sending CONNECT',
      'received CONNACK (0)',
      "sending PUBLISH (d0, q1, r1, m1, 'TOPIC', ... (2 bytes))",
      'received PUBACK (Mid: 1, RC:0)',
      'sending DISCONNECT',
    ],
  },
  {
    name: 'QoS 1 without a subscriber, version 5',
    tool: 'pub',
    words: ['-t', '{topic}', '-m', 'hi', '-q', '1', '-V', '5', ...id],
    lines: [
      'sending CONNECT',
      'received CONNACK (0)',
      "sending PUBLISH (d0, q1, r0, m1, 'TOPIC', ... (2 bytes))",
      'received PUBACK (Mid: 1, RC:16)',
      'sending DISCONNECT',
    ],
  },
  {
    name: 'QoS 2',
    tool: 'pub',
    words: ['-t', '{topic}', '-m', 'hi', '-q', '2', ...id],
    lines: [
      'sending CONNECT',
      'received CONNACK (0)',
      "sending PUBLISH (d0, q2, r0, m1, 'TOPIC', ... (2 bytes))",
      'received PUBREC (Mid: 1)',
      'sending PUBREL (m1)',
      'received PUBCOMP (Mid: 1, RC:0)',
      'sending DISCONNECT',
    ],
  },
  {
    name: 'QoS 0 three times',
    tool: 'pub',
    words: ['-t', '{topic}', '-m', 'hi', '--repeat', '3', ...id],
    lines: [
      'sending CONNECT',
      'received CONNACK (0)',
      "sending PUBLISH (d0, q0, r0, m1, 'TOPIC', ... (2 bytes))",
      "sending PUBLISH (d0, q0, r0, m2, 'TOPIC', ... (2 bytes))",
      "sending PUBLISH (d0, q0, r0, m3, 'TOPIC', ... (2 bytes))",
      'sending DISCONNECT',
    ],
  },
  {
    name: 'two filters, one unsubscription, a message of QoS 1',
    tool: 'sub',
    words: ['-t', '{topic}/#', '-t', 'y/+', '-U', 'zz', '-q', '1', '-v', '-C', '1', ...id],
    meanwhile: [['-t', '{topic}/1', '-q', '1', '-m', 'hello']],
    lines: [
      'sending CONNECT',
      'received CONNACK (0)',
      'sending SUBSCRIBE (Mid: 1, Topic: TOPIC/#, QoS: 1, Options: 0x00)',
      'sending SUBSCRIBE (Mid: 1, Topic: y/+, QoS: 1, Options: 0x00)',
      'sending UNSUBSCRIBE (Mid: 2, Topic: zz)',
      'received SUBACK',
      'Subscribed (mid: 1): 1, 1',
      'received UNSUBACK',
      "received PUBLISH (d0, q1, r0, m1, 'TOPIC/1', ... (5 bytes))",
      'sending PUBACK (m1, rc0)',
      'sending DISCONNECT',
    ],
    unsteady: 'received UNSUBACK',
  },
  {
    name: 'a message of QoS 2, version 5, with an option bit',
    tool: 'sub',
    words: ['-t', '{topic}', '-q', '2', '-C', '1', '-V', '5', '--retain-as-published', ...id],
    meanwhile: [['-t', '{topic}', '-q', '2', '-m', 'hi']],
    lines: [
      'sending CONNECT',
      'received CONNACK (0)',
      'sending SUBSCRIBE (Mid: 1, Topic: TOPIC, QoS: 2, Options: 0x08)',
      'received SUBACK',
      'Subscribed (mid: 1): 2',
      "received PUBLISH (d0, q2, r0, m1, 'TOPIC', ... (2 bytes))",
      'sending PUBREC (m1, rc0)',
      'sending DISCONNECT',
    ],
    // It prints at PUBREL; tmq prints before PUBREC, and leaves once that is sent (G1).
    onlyMosquitto: ['received PUBREL (Mid: 1)', 'sending PUBCOMP (m1)'],
  },
  {
    name: '--quiet leaves out what was granted, and nothing else',
    tool: 'sub',
    words: ['-t', '{topic}', '-E', '--quiet', ...id],
    lines: [
      'sending CONNECT',
      'received CONNACK (0)',
      'sending SUBSCRIBE (Mid: 1, Topic: TOPIC, QoS: 0, Options: 0x00)',
      'received SUBACK',
      'sending DISCONNECT',
    ],
  },
];

const isDebugLine = (line: string) => /^(Client |Subscribed |Received )/.test(line);

function linesOf(text: string): readonly string[] {
  return text
    .split('\n')
    .filter(isDebugLine)
    .map((line) => line.replace(/^Client (TOPIC-id|null|\(null\)) /, ''));
}

describe('-d', {concurrency: 4}, () => {
  let broker: Mosquitto;
  before(async () => {
    broker = await startMosquitto();
  });
  after(() => broker[Symbol.asyncDispose]());

  for (const conversation of conversations) {
    test(`${conversation.tool}: ${conversation.name}`, {timeout: 60_000}, async () => {
      const scenario = {...conversation, shows: [], words: [...conversation.words, '-d']};
      const [ours, theirs]: Outcome[] = await Promise.all([
        play(scenario, 'tmq', broker.port),
        play(scenario, 'mosquitto', broker.port),
      ]);
      const {lines, unsteady, onlyMosquitto = []} = conversation;
      const steady = (all: readonly string[]) =>
        all.filter((line) => line !== unsteady && !onlyMosquitto.includes(line));
      assert.deepEqual(linesOf(ours!.stderr), lines, 'tmq');
      assert.deepEqual(steady(linesOf(theirs!.stdout)), steady(lines), 'mosquitto');
      assert.deepEqual(ours!.stdout.split('\n').filter(isDebugLine), [], 'stdout is for messages');
    });
  }

  test('E9: a random one, at most 23 bytes long, stands in every line', async () => {
    for (const version of ['31', '311', '5']) {
      const words = ['-h', '127.0.0.1', '-p', String(broker.port), '-t', 'a', '-m', 'x', '-d', '-V', version];
      for (const [programName, prefix, given] of [
        ['tmq', 'tmq-', ['pub', ...words]],
        ['mosquitto_pub', 'mosq-', words],
      ] as const) {
        const {stderr} = await runMain(given, {programName});
        const [connect, ...rest] = stderr.split('\n').filter((line) => line.startsWith('Client '));
        const name = /^Client (\S+) sending CONNECT$/.exec(connect ?? '')?.[1] ?? '';
        assert.match(name, new RegExp(`^${prefix}[A-Za-z0-9]{18}$`));
        for (const line of rest) assert.ok(line.startsWith(`Client ${name} `), line);
      }
    }
  });

  test('PINGREQ and PINGRESP', {timeout: 60_000}, async () => {
    const words = ['-t', '{topic}', '-k', '5', '-W', '6', '-d', ...id];
    const {stderr} = await play({name: '', shows: [], tool: 'sub', words}, 'tmq', broker.port);
    assert.deepEqual(linesOf(stderr).slice(-3), [
      'sending PINGREQ',
      'received PINGRESP',
      'sending DISCONNECT',
    ]);
  });

  test("the server's DISCONNECT", {timeout: 60_000}, async () => {
    const {stderr} = await play(
      {
        name: '',
        shows: [],
        tool: 'pub',
        words: ['-t', 'a', '-m', 'x', '-q', '1', '-V', '5', '-d'],
        server: async (connection) => {
          await connection.accept();
          await connection.next('publish');
          connection.send({cmd: 'disconnect', reasonCode: 139});
          await connection.closed;
        },
      },
      'tmq',
      broker.port,
    );
    assert.match(stderr, /^Received DISCONNECT \(139\)$/m);
  });
});
