/** Notes on the figures: what each bench does, why a goal is missed, and which figures README.md shows. */

import type {Figure, Verdict} from './statistics.ts';

/** What a reader must know to judge a bench's figures fairly. */
export const benchNotes: Readonly<Record<string, string>> = {
  startup:
    'One command on this machine, from its start to its end. The code cache is warm, as from the second run on; one row runs without it. `tmq` cannot be faster than an empty Node script.',
  nodes: 'The same with later Nodes, each compared with an empty script on the same Node.',
  publine:
    '`pub -l` from a file. At QoS 1 and 2 the races have 60,000 lines, because mosquitto_pub 2.0.11 loses lines past 65,535 and ends with 0; the last rows have more, without a comparison. Both leave up to 20 lines unacknowledged.',
  bounded: 'Memory of `pub -l` where the receiver is slower than the input, and whether every byte arrived.',
  subflood:
    '`sub` from a server that sends a million messages of 24 bytes as fast as `sub` reads them; over TLS, and where the server waits for answers, compared by processor time.',
  conditions:
    '`sub --where` with one message in ten taken, from a server that sends half a million objects of JSON of 200 bytes as fast as `sub` reads them; to the null device. jq reads %J, which costs it less than %j.',
  envelope:
    'Half a million lines of 24 bytes from a file, at QoS 0, into mosquitto: alone, as JSON lines as `tmq sub --json` prints them (six times the bytes), and behind one of a thousand topics. Then a million messages from a server out of `sub --json`, and through `pub --json` and `tmq broker` to another `sub`.',
  transports:
    '`pub -l` and `sub` over TLS and WebSockets, into and out of one mosquitto that has a listener for each. `sub` gets what an ordinary publisher sends, message by message, so it is compared by processor time. Over wss there is no other sender: from QoS 1 on, mosquitto and the `mqtt` of npm come to a halt. mosquitto answers each packet in a segment, and over TLS in a record, of its own.',
  state:
    'Messages delivered a second, divided by mosquitto’s, where a broker has much to keep. With `persistence true`, `tmq broker` writes before it acknowledges; mosquitto 2.0 writes when it ends, and every half an hour.',
  large: 'One message of 256 MB, from a file and to the null device.',
  broker:
    'Messages delivered a second, divided by mosquitto’s: above 1, `tmq broker` is faster. They come from floods, in which many messages are handled together; in the paced row each message is handled alone. Ready time and memory are divided by those of aedes-cli, a broker of npm.',
  pipeline:
    'Lines through a publisher, a broker and a subscriber: three times tmq, over three times mosquitto, and over WebSockets, which the clients of mosquitto lack, over the `mqtt` of npm and aedes.',
  exec: '`sub --exec --jobs 2` of messages that wait in a session, from its start to its end, and `xargs -P 2 -n 1` of as many lines. The command is /bin/true.',
  load: '`tmq bench` as a load. The loop with MQTT.js is a publishing loop as people write it, with at most 100 messages unacknowledged; each of the two runs on one and the same core, the server that takes its messages on another one. MQTTX CLI, whose bench is the nearest relative, is not on npm, and is not compared. 10,000 connections within 5 s are 2,000 CONNECTs a second.',
  rtt: 'One command to a broker that is 50 ms away, there and back: by default, which waits for CONNACK, and with `--pipeline`, which does not.',
  passwd:
    'Files of 10,000 users, and one user. mosquitto_passwd 2.0.11 always takes 101 iterations; the yardstick at 1000 is the same hashing on this Node, one password after another.',
};

/** Why a goal is missed, by bench and label, where the bench's own remark does not say it. */
const reasons: Readonly<Record<string, string>> = {
  'envelope: pub --topic-from with 1000 topics / pub -l, CPU':
    'each line needs its topic found and its own header, for which pub -l has one that is in the cache of the processor; one look for each, and larger reads, took half of the rest away',
  'startup: pub one-shot / empty node script':
    'bytes on a socket, with nothing read and nothing checked, take 1.29; the rest is to load the program and to read the command line',
  'startup: sub -C 1 of a retained message / mosquitto_sub': 'Node’s start takes longer',
  'startup: pub one-shot with TLS / mosquitto_pub':
    'Node 20 reads all of its own root certificates where any are given, a third of the run; mosquitto_pub spends its time waiting',
  'nodes: pub one-shot with TLS, Node 22 / mosquitto_pub':
    'mosquitto_pub mostly waits, for as long on each machine; Node computes, which this one does slowly',
  'nodes: pub one-shot with TLS, Node 24 / mosquitto_pub':
    'mosquitto_pub mostly waits, for as long on each machine; Node computes, which this one does slowly',
  'rtt: pub --pipeline -q 1 / mosquitto_pub': 'saves one round trip, which Node’s start takes again',
  'rtt: pub --pipeline -q 2 / mosquitto_pub': 'saves one round trip, which Node’s start takes again',
  'rtt: sub --pipeline -C 1 of a retained message / mosquitto_sub':
    'saves one round trip, which Node’s start takes again',
  'publine: QoS 0, 500,000 lines, wall / mosquitto_pub':
    'the broker is the limit: tmq stays until it has read the last line, mosquitto_pub does not',
  'publine: QoS 0, 500,000 lines, cpu / mosquitto_pub':
    'a quarter of it is the start, which one line takes, too',
  'publine: QoS 1, 60,000 lines, wall / mosquitto_pub':
    'the broker is the limit: beside what the next row takes, it is the start of Node',
  'publine: QoS 2, 60,000 lines, wall / mosquitto_pub':
    'the broker is the limit: beside what the next row takes, it is the start of Node',
  'pipeline: QoS 1, 60,000 lines, wall / all of mosquitto': 'three programs share two processors',
  'subflood: -q 2, 20 at a time, 200,000 messages, to a file, CPU / mosquitto_sub':
    'each read has at most 20 messages, two steps for each; half of the rest are reads, writes and waits of the system, a quarter is the start, and a tenth V8 compiling',
  'subflood: TLS, -q 0, to a file, CPU / mosquitto_sub':
    'a quarter is the start with TLS, a sixth V8 compiling, and Node reports each record by itself; OpenSSL takes little',
  'transports: pub -l over tls, QoS 1, 40,000 lines, wall / mosquitto':
    'mosquitto answers each line in a record of its own, which Node takes longer to decrypt than OpenSSL alone; to wait for several answers before the next lines took ten times as long, as mosquitto holds an answer back until the one before is acknowledged',
  'transports: pub -l over tls, QoS 2, 40,000 lines, wall / mosquitto':
    'two answers for each line, each in a record of its own, as at QoS 1',
  'transports: pub -l over ws, QoS 1, 40,000 lines, wall / over tcp':
    'mosquitto answers each line in a frame of its own, each of which ws takes apart; between 1.16 and 1.38 in different runs, the last since the way over TCP takes less. One write for the answers of a turn gained nothing',
  'transports: pub -l over ws, QoS 0, 200,000 lines, wall / over tcp':
    'the upgrade, and every byte is masked',
  'state: 10,000 idle clients, memory':
    'a client takes 4 kB of heap, socket included, and 1.3 kB outside; 34 MB are the space for new objects, which V8 lets grow as far as it may, and 10 to 15 MB garbage that it has not collected yet',
  'startup: pub one-shot with TLS / empty node script':
    'Node 20 reads all of its own root certificates where any are given: an empty script takes no longer than that',
  'startup: pub -l of one line / pub -m': 'it also opens standard input',
  'broker: ready time / aedes-cli': 'most of it is the start of Node',
  'broker: 1000 idle clients, memory / aedes-cli':
    'an idle client takes 5 kB, and as long as V8 may still need it, its room for new objects 5 more; most of the rest is Node without any client',
  'broker: paced 1 to 50, cpu / mosquitto':
    'each message is fifty writes, one for each subscriber, and most of the time is theirs; Node’s way to a write is longer than that of C',
  'broker: 1 to 1, QoS 1 / mosquitto': 'after every 20 messages, either broker waits for the subscriber',
  'broker: 1 to 1, QoS 2 / mosquitto': 'after every 20 messages, either broker waits for the subscriber',
  'broker: 1 to 1, QoS 1, password, ACL, MQTT 5 / mosquitto':
    'after every 20 messages, either broker waits for the subscriber',
  'broker: 1 to 1, QoS 2, password, ACL, MQTT 5 / mosquitto':
    'after every 20 messages, either broker waits for the subscriber',
  'passwd: -U, $6$, peak memory: 100,000 lines / 10,000':
    'chunks of the file that are garbage until V8 collects them, which it does later where it runs faster: 1.45 on a slower machine, with the same program',
  'passwd: -U, 10,000 lines, 1000 iterations / one after another': 'only a second idle processor would help',
};

/** The text next to a figure: its own remark and, when its goal is missed, why; often empty. */
export function remarksOn(
  bench: string,
  {label, remark}: Pick<Figure, 'label' | 'remark'>,
  verdict: Verdict,
): readonly string[] {
  const reason = verdict === 'NOT MET' ? reasons[`${bench}: ${label.trim()}`] : undefined;
  return [remark, reason].filter((text) => text !== undefined);
}

/** A row of README: one figure, as 'bench: label', of what `tmq` takes over what another program takes. */
export interface ReadmeRow {
  readonly task: string;
  readonly comparedWith: string;
  readonly figure: string;
}

export const readmeRows: readonly ReadmeRow[] = [
  {
    task: 'one `tmq pub`; most of its time is the start of Node.js',
    comparedWith: '`mosquitto_pub`',
    figure: 'startup: pub one-shot / mosquitto_pub',
  },
  {task: 'one `tmq pub`', comparedWith: '`mqtt pub` of npm', figure: 'startup: pub one-shot / npm mqtt pub'},
  {
    task: '`tmq pub -l` of 500,000 lines at QoS 0, until the broker has read them all',
    comparedWith: '`mosquitto_pub -l`',
    figure: 'publine: QoS 0, 500,000 lines, until the broker has read them all / mosquitto_pub',
  },
  {
    task: '`tmq sub` of a million small messages into a pipe',
    comparedWith: '`mosquitto_sub`',
    figure: 'subflood: to a pipe / mosquitto_sub',
  },
  {
    task: 'messages at QoS 1 through `tmq broker`',
    comparedWith: '`mosquitto`',
    figure: 'broker: 1 to 1, QoS 1 / mosquitto',
  },
];
