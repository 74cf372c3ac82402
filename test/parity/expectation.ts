/** What a row of the tables expects, of tmq and of mosquitto's client, and how that is checked. */

import assert from 'node:assert/strict';
import type {Outcome, Scenario, Voice} from '../support/scenario.ts';

export interface Expectation {
  /** Bytes as Latin-1; empty by default. */
  readonly stdout?: string;
  /** 'any': it depends on the broker. */
  readonly voice?: Voice | 'any';
  readonly says?: RegExp;
  readonly status?: number;
  /** Of the packets of these kinds, all of them in order: at least these fields. */
  readonly sent?: readonly Readonly<Record<string, unknown>>[];
}

export interface Difference extends Expectation {
  /** Why the two differ. */
  readonly because: string;
  /** The packets differ too; 'any': they may. */
  readonly wire?: 'differs' | 'any';
}

export interface Row extends Scenario {
  /** Of tmq, and of mosquitto's client unless `mosquitto` overrides it. */
  readonly expect: Expectation;
  /** What mosquitto's client does instead; or 'newer': the one installed (2.0) cannot do it. */
  readonly mosquitto?: Difference | 'newer';
}

const described = (who: string, {stdout, stderr, status, sent}: Outcome) =>
  `${who}: ${JSON.stringify({stdout, stderr, status, sent: sent.map(({packet}) => packet)})}`;

/** Compares what came out with what was expected. */
export function check(who: string, outcome: Outcome, expected: Expectation): void {
  const {stdout = '', voice = 'silent', status = 0, says, sent} = expected;
  const found = {
    stdout: outcome.stdout,
    voice: voice === 'any' ? voice : outcome.voice,
    status: outcome.status,
  };
  assert.deepEqual(found, {stdout, voice, status}, described(who, outcome));
  if (says !== undefined) assert.match(outcome.stderr, says, who);
  if (sent !== undefined) checkSent(who, outcome, sent);
}

function checkSent(who: string, outcome: Outcome, sent: NonNullable<Expectation['sent']>): void {
  const kinds = new Set(sent.map(({packet}) => packet));
  const packets = outcome.sent.filter(({packet}) => kinds.has(packet));
  const found = packets.map((packet, index) =>
    Object.fromEntries(Object.keys(sent[index] ?? {packet}).map((field) => [field, packet[field]])),
  );
  assert.deepEqual(found, sent, described(who, outcome));
}

/** mosquitto's clients may be gone before their DISCONNECT is written (Q3): then it counts for neither. */
function withoutGoodbye<Packet extends {readonly packet?: unknown}>(
  packets: readonly Packet[],
): readonly Packet[] {
  return packets.filter(({packet}) => packet !== 'DISCONNECT');
}

/** Without the identifier that tmq makes where mosquitto 2.0 leaves it to the broker (E9): it counts for neither. */
function withoutOwnId(packets: Outcome['sent'], theirs: Outcome): Outcome['sent'] {
  const isEmpty = theirs.sent.some(({packet, clientId}) => packet === 'CONNECT' && clientId === '');
  if (!isEmpty) return packets;
  return packets.map((each) => (each.clientId === 'RANDOM' ? {...each, clientId: ''} : each));
}

/** Checks both outcomes, and that the packets are the same unless the row says that they differ. */
export function checkRow(row: Row, ours: Outcome, theirs: Outcome | undefined): void {
  check('tmq', ours, row.expect);
  if (theirs === undefined) return;
  const difference = row.mosquitto === 'newer' ? undefined : row.mosquitto;
  const expected: Expectation = {...row.expect, ...difference};
  const goodbye = theirs.sent.some(({packet}) => packet === 'DISCONNECT');
  const {sent} = expected;
  check('mosquitto', theirs, {
    ...expected,
    ...(sent === undefined || goodbye ? {} : {sent: withoutGoodbye(sent)}),
  });
  if (difference?.wire === 'any') return;
  const sentByUs = withoutOwnId(ours.sent, theirs);
  const own = goodbye ? sentByUs : withoutGoodbye(sentByUs);
  if (difference?.wire === 'differs') assert.notDeepEqual(own, theirs.sent, 'the packets do not differ');
  else assert.deepEqual(own, theirs.sent, 'what tmq sent, and what mosquitto sent');
}
