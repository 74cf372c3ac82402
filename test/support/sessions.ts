/** Options and contexts for sessions in tests, with values that suit loopback. */

import assert from 'node:assert/strict';
import type {ConnectionOptions} from '../../src/client/connection-options.ts';
import type {ReceiveDecision, SessionContext} from '../../src/client/types.ts';
import {TmqError} from '../../src/errors.ts';
import {copyOf, type Message, type Publication} from '../../src/protocol/message.ts';

/** Options for a broker on loopback. */
export function sessionOptions(port: number, overrides: Partial<ConnectionOptions> = {}): ConnectionOptions {
  return {
    endpoint: {transport: 'tcp', host: '127.0.0.1', port, noDelay: true},
    protocolVersion: 5,
    clientId: 'tester',
    clean: true,
    keepaliveSeconds: 60,
    maxInflight: 20,
    connectTimeoutSeconds: 10,
    ...overrides,
  };
}

/** A context that by default does not reconnect. */
export function sessionContext(overrides: Partial<SessionContext> = {}): SessionContext {
  return {
    signal: new AbortController().signal,
    reconnect: {afterLoss: false, atStart: false, delayMilliseconds: 1},
    // With TMQ_NO_FASTPATH=1 all tests take the general way.
    fastPath: (process.env.TMQ_NO_FASTPATH ?? '') === '',
    ...overrides,
  };
}

/** The policy of commands that must survive an outage, without its pauses. */
export const persistent = {afterLoss: true, atStart: false, delayMilliseconds: 1} as const;

export function publication(topic: string, overrides: Partial<Publication> = {}): Publication {
  return {topic, qos: 0, retain: false, ...overrides};
}

/** Payloads '0', '1', … in batches. */
export async function* numbered(count: number, batchSize = 100): AsyncGenerator<readonly Uint8Array[]> {
  for (let start = 0; start < count; start += batchSize) {
    const length = Math.min(batchSize, count - start);
    yield Array.from({length}, (_, index) => Buffer.from(String(start + index)));
  }
}

export interface Collector {
  readonly messages: Message[];
  readonly batches: number[];
  message(message: Message): ReceiveDecision;
  flush(): Promise<void>;
  texts(): readonly string[];
}

/** A receiver that keeps everything, and ends with the message that `isLast` recognises. */
export function collector(isLast: (message: Message, count: number) => boolean): Collector {
  const messages: Message[] = [];
  const batches: number[] = [];
  let flushed = 0;
  return {
    messages,
    batches,
    message(message) {
      messages.push(copyOf(message));
      return isLast(message, messages.length) ? 'last' : 'more';
    },
    async flush() {
      batches.push(messages.length - flushed);
      flushed = messages.length;
    },
    texts: () => messages.map(({payload}) => Buffer.from(payload).toString()),
  };
}

/** For assert.rejects: a TmqError with that exit status, and a message that matches. */
export function failsWith(exitCode: number, message: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof TmqError, String(error));
    assert.match(error.message, message);
    assert.equal(error.exitCode, exitCode);
    return true;
  };
}
