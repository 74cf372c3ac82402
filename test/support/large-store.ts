/** Writes a store of any size, most of which is gone: retained messages that were replaced. Fast, without a broker. */

import {serialize} from 'node:v8';
import {frameRecord, headBytes, StoreFile} from '../../src/broker/persistence/store-file.ts';

export interface LargeStore {
  /** At least. */
  readonly bytes: number;
  /** Topics with a retained message of a kilobyte each. */
  readonly topics: number;
  /** Messages of a kilobyte that wait for the session 'keeper'. */
  readonly queued: number;
}

export function writeLargeStore(path: string, {bytes, topics, queued}: LargeStore): void {
  const file = StoreFile.create(path);
  let records: Buffer[] = [];
  let length = 0;
  const write = (...changes: readonly unknown[]) => {
    const record = Buffer.concat([Buffer.alloc(headBytes(file.framing)), serialize(changes)]);
    frameRecord(record, file.framing);
    records.push(record);
    length += record.length;
    if (length < 1 << 22) return;
    file.append(Buffer.concat(records));
    records = [];
    length = 0;
  };
  const content = {payload: Buffer.alloc(1000, 'x'), qos: 1, properties: Buffer.alloc(0)} as const;
  write(['session', {clientId: 'keeper', expirySeconds: 1_000_000}]);
  let number = 0;
  for (let sequence = 1; sequence <= queued; sequence++) {
    const message = ['message', ++number, {...content, topic: 'queue', retain: false}];
    const rest = {sequence, qos: 1, retain: false, subscriptionIdentifiers: []};
    write(message, ['queued', 'keeper', rest, number]);
  }
  while (file.size + length < bytes) {
    const topic = `kept/${number % topics}`;
    write(['message', ++number, {...content, topic, retain: true}], ['retained', topic, number]);
  }
  file.append(Buffer.concat(records));
  file.close();
}
