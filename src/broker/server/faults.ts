/**
 * Fault rules: 'drop puback p=0.1', 'delay publish 200ms±50ms topic=a/#', 'close subscribe after=2',
 * 'connack 0x89 first=2'. Parses them and decides what happens to each packet, by a random seed, so that a run can
 * be repeated. Pure: touches no stream.
 */

import {defined} from '../../defined.ts';
import {UsageError} from '../../errors.ts';
import {isTopicFilter, matches} from '../../protocol/topic.ts';
import type {Direction} from './trace.ts';

const packets = `connect connack publish puback pubrec pubrel pubcomp subscribe suback unsubscribe unsuback
  pingreq pingresp disconnect auth`.split(/\s+/);

const actions = ['drop', 'delay', 'duplicate', 'close', 'connack', 'disconnect'] as const;

/** One rule. */
export interface Fault {
  readonly action: (typeof actions)[number];
  /** Lower case; absent: any. */
  readonly packet?: string;
  readonly direction?: Direction;
  /** A filter for the topic of a PUBLISH; no other packet matches then. */
  readonly topic?: string;
  /** The client identifier, or with * at its end, how it begins. */
  readonly clientId?: string;
  readonly probability: number;
  /** The number of matching packets that pass before the rule takes effect. */
  readonly after: number;
  /** How often the rule takes effect at most. */
  readonly first: number;
  readonly delayMilliseconds: number;
  /** The delay varies by up to this much, up and down. */
  readonly jitterMilliseconds: number;
  /** The return or reason code of a CONNACK or DISCONNECT. */
  readonly code: number;
  /** The Server Reference beside it [MQTT 5, 4.13]. */
  readonly to?: string;
}

/** What rules look at in a packet. */
export interface PassingPacket {
  readonly packet: string;
  readonly direction: Direction;
  readonly clientId: string;
  readonly topic?: string;
}

/** What happens to one packet. */
export interface FaultDecision {
  readonly result: 'pass' | 'drop' | 'close' | 'connack' | 'disconnect';
  readonly copies: number;
  readonly delayMilliseconds: number;
  readonly code: number;
  /** The Server Reference of a CONNACK or DISCONNECT. */
  readonly to?: string;
}

type MutableFault = {-readonly [Key in keyof Fault]: Fault[Key]};

/**
 * Reads a rule: an action, then in any order a packet, a time, a code, in or out, and name=value
 * selectors: p, topic, client, first, after; `to` is the Server Reference of a redirection.
 * @throws UsageError naming the word that does not fit
 */
export function parseFault(text: string): Fault {
  const [verb = '', ...words] = text.trim().split(/\s+/);
  const action = actions.find((each) => each === verb);
  if (action === undefined) {
    throw new UsageError(`A fault begins with ${actions.join(', ')}, not with '${verb}'.`);
  }
  const fault: MutableFault = {
    action,
    probability: 1,
    after: 0,
    first: Number.POSITIVE_INFINITY,
    delayMilliseconds: 0,
    jitterMilliseconds: 0,
    code: -1,
  };
  for (const word of words) {
    if (!readWord(word, fault)) {
      throw new UsageError(
        `'${word}' means nothing in the fault '${text}'. See --fault in tmq broker --help.`,
      );
    }
  }
  if (action === 'delay' && fault.delayMilliseconds === 0) {
    throw new UsageError(`The fault '${text}' needs a time, such as 200ms.`);
  }
  if (action === 'connack' && fault.code <= 0) {
    throw new UsageError(`The fault '${text}' needs the code to refuse with, such as 5 or 0x89.`);
  }
  if (action === 'disconnect' && fault.code < 0x80) {
    throw new UsageError(`The fault '${text}' needs a code from 0x80, such as 0x8b.`);
  }
  if (fault.to !== undefined && fault.code !== 0x9c && fault.code !== 0x9d) {
    throw new UsageError(`The fault '${text}' has to=, which goes with the codes 0x9c and 0x9d.`);
  }
  // The refusal replaces the broker's answer to CONNECT.
  return action === 'connack' ? {...fault, packet: 'connect', direction: 'in'} : fault;
}

const milliseconds: Readonly<Record<string, number>> = {ms: 1, s: 1000, m: 60_000};

/** Adds one word to the rule. Returns whether the word is valid. */
function readWord(word: string, fault: MutableFault): boolean {
  const time = /^(\d+(?:\.\d+)?)(ms|s|m)(?:(?:±|\+-)(\d+(?:\.\d+)?)(ms|s|m)?)?$/.exec(word);
  const [name = '', value] = word.split(/=(.*)/s);
  if (fault.action === 'delay' && time !== null) {
    const unit = time[2]!;
    fault.delayMilliseconds = Number(time[1]) * milliseconds[unit]!;
    fault.jitterMilliseconds = Number(time[3] ?? 0) * milliseconds[time[4] ?? unit]!;
  } else if (
    (fault.action === 'connack' || fault.action === 'disconnect') &&
    /^(0x[\da-f]{1,2}|\d{1,3})$/i.test(word)
  ) {
    fault.code = Number(word);
    return fault.code <= 255;
  } else if (word === 'in' || word === 'out') fault.direction = word;
  else if (packets.includes(word) && fault.action !== 'connack') fault.packet = word;
  else if (word === 'any') return true;
  else return value !== undefined && readSelector(name, value, fault);
  return true;
}

function readSelector(name: string, value: string, fault: MutableFault): boolean {
  const count = /^\d+$/.test(value) ? Number(value) : undefined;
  if (name === 'p') {
    fault.probability = /^[\d.]+$/.test(value) ? Number(value) : Number.NaN;
    return fault.probability >= 0 && fault.probability <= 1;
  }
  if (name === 'first' && count !== undefined) fault.first = count;
  else if (name === 'after' && count !== undefined) fault.after = count;
  else if (name === 'to' && /^(connack|disconnect)$/.test(fault.action) && /^[!-~]{1,100}$/.test(value)) {
    fault.to = value;
  } else if (name === 'client' && value !== '') fault.clientId = value;
  else if (name === 'topic' && isTopicFilter(value)) fault.topic = value;
  else return false;
  return true;
}

/** The rules of one broker, with their counts and the random numbers. */
export class FaultPlan {
  #rules: readonly {readonly fault: Fault; seen: number; done: number}[] = [];
  readonly #random: () => number;

  /** The same seed and the same packets in the same order give the same faults. */
  constructor(faults: readonly Fault[], seed: number) {
    this.set(faults);
    this.#random = randomNumbers(seed);
  }

  /** Whether every packet passes. */
  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  /** Replaces all rules; their counts begin again, and the random numbers go on. */
  set(faults: readonly Fault[]): void {
    this.#rules = faults.map((fault) => ({fault, seen: 0, done: 0}));
  }

  /** What happens to this packet. Delays and copies add up, until a rule drops the packet or ends the connection. */
  decide(packet: PassingPacket): FaultDecision {
    let delayMilliseconds = 0;
    let copies = 1;
    for (const rule of this.#rules) {
      const {fault} = rule;
      if (!matchesRule(fault, packet)) continue;
      rule.seen++;
      if (rule.seen <= fault.after || rule.done >= fault.first) continue;
      if (fault.probability < 1 && this.#random() >= fault.probability) continue;
      rule.done++;
      if (fault.action === 'delay') {
        const jitter = fault.jitterMilliseconds * (2 * this.#random() - 1);
        delayMilliseconds += Math.max(0, fault.delayMilliseconds + jitter);
      } else if (fault.action === 'duplicate') copies++;
      else
        return {
          result: fault.action,
          copies: 0,
          delayMilliseconds,
          code: fault.code,
          ...defined({to: fault.to}),
        };
    }
    return {result: 'pass', copies, delayMilliseconds, code: 0};
  }
}

function matchesRule(fault: Fault, {packet, direction, clientId, topic}: PassingPacket): boolean {
  // Nothing may come before CONNACK.
  if (fault.action === 'disconnect' && /^conn(ect|ack)$/.test(packet)) return false;
  if (fault.packet !== undefined && fault.packet !== packet) return false;
  if (fault.direction !== undefined && fault.direction !== direction) return false;
  if (fault.topic !== undefined && (topic === undefined || !matches(fault.topic, topic))) return false;
  if (fault.clientId === undefined) return true;
  return fault.clientId.endsWith('*')
    ? clientId.startsWith(fault.clientId.slice(0, -1))
    : clientId === fault.clientId;
}

/** Pseudo-random numbers from 0 to 1: mulberry32. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
