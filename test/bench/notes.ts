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
  subflood: '`sub` from a server that sends a million messages of 24 bytes as fast as `sub` reads them.',
  large: 'One message of 256 MB, from a file and to the null device.',
  broker:
    'Messages delivered a second, divided by mosquitto’s: above 1, `tmq broker` is faster. They come from floods, in which many messages are handled together; in the paced row each message is handled alone. Ready time and memory are divided by those of aedes-cli, a broker of npm.',
  pipeline:
    'Lines through a publisher, a broker and a subscriber: three times tmq, over three times mosquitto.',
  rtt: 'One command to a broker that is 50 ms away, there and back: by default, which waits for CONNACK, and with `--pipeline`, which does not.',
  passwd:
    'Files of 10,000 users, and one user. mosquitto_passwd 2.0.11 always takes 101 iterations; the yardstick at 1000 is the same hashing on this Node, one password after another.',
};

/** Why a goal is missed, by bench and label, where the bench's own remark does not say it. */
const reasons: Readonly<Record<string, string>> = {
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
  'publine: QoS 1, 60,000 lines, wall / mosquitto_pub':
    'the broker is the limit: beside what the next row takes, it is the start of Node',
  'publine: QoS 2, 60,000 lines, wall / mosquitto_pub':
    'the broker is the limit: beside what the next row takes, it is the start of Node',
  'pipeline: QoS 1, 60,000 lines, wall / all of mosquitto': 'three programs share two processors',
  'broker: ready time / aedes-cli': 'most of it is the start of Node',
  'broker: 1000 idle clients, memory / aedes-cli':
    'an idle client takes 6 kB; two thirds of the rest are Node without any client',
  'broker: 1 to 1, QoS 1 / mosquitto': 'after every 20 messages, either broker waits for the subscriber',
  'broker: 1 to 1, QoS 2 / mosquitto': 'after every 20 messages, either broker waits for the subscriber',
  'broker: 1 to 1, QoS 1, password, ACL, MQTT 5 / mosquitto':
    'after every 20 messages, either broker waits for the subscriber',
  'broker: 1 to 1, QoS 2, password, ACL, MQTT 5 / mosquitto':
    'after every 20 messages, either broker waits for the subscriber',
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

/** README's note on missed goals, shorter than FIGURES.md's: one note for several figures. */
export const readmeMisses: readonly {readonly figures: RegExp; readonly text: string}[] = [
  {figures: /^publine: QoS \d, [\d,]+ lines, wall /, text: '`pub -l` into mosquitto, which reads no faster'},
  {figures: /^nodes: /, text: 'TLS on later Nodes: mosquitto_pub waits, Node computes'},
  {
    figures: /^broker: 1000 idle clients, memory /,
    text: 'memory of 1000 idle clients: two thirds are Node without any',
  },
];

/** README's rows: figures as 'bench: label'. */
export const readmeRows: readonly {
  readonly what: string;
  readonly figures: readonly string[];
  readonly remark?: string;
}[] = [
  {
    what: 'one `pub`: an empty Node script; npm’s `mqtt pub`; `mosquitto_pub`',
    figures: [
      'startup: pub one-shot / empty node script',
      'startup: pub one-shot / npm mqtt pub',
      'startup: pub one-shot / mosquitto_pub',
    ],
    remark: 'mostly Node’s start',
  },
  {
    what: 'one retained message, `sub -C 1`: `mosquitto_sub`; `pub` with TLS: `mosquitto_pub`',
    figures: [
      'startup: sub -C 1 of a retained message / mosquitto_sub',
      'startup: pub one-shot with TLS / mosquitto_pub',
    ],
  },
  {
    what: 'a million small messages to `sub`: `mosquitto_sub` to a file, to a pipe, with `-F %j`',
    figures: [
      'subflood: to a file / mosquitto_sub',
      'subflood: to a pipe / mosquitto_sub',
      'subflood: -F %j, to a file / mosquitto_sub',
    ],
  },
  {
    what: '`pub -l` into mosquitto, QoS 1 with 50 ms there and back; QoS 0, 1, 2 on one machine: `mosquitto_pub` (at QoS 1 and 2 it loses lines past 65,535)',
    figures: [
      'publine: QoS 1, 1,000 lines, 50 ms there and back, wall / mosquitto_pub',
      'publine: QoS 0, 500,000 lines, wall / mosquitto_pub',
      'publine: QoS 1, 60,000 lines, wall / mosquitto_pub',
      'publine: QoS 2, 60,000 lines, wall / mosquitto_pub',
    ],
    remark: 'on one machine, the broker is the limit',
  },
  {
    what: 'messages a second through `tmq broker`, QoS 0, 1, 2: mosquitto (here above 1 is faster); its CPU time with single messages',
    figures: [
      'broker: 1 to 1, QoS 0 / mosquitto',
      'broker: 1 to 1, QoS 1 / mosquitto',
      'broker: 1 to 1, QoS 2 / mosquitto',
      'broker: paced 1 to 50, cpu / mosquitto',
    ],
  },
];
