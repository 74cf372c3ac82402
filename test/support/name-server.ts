/** A name server on loopback that knows SRV records and nothing else [RFC 1035, RFC 2782]. */

import {createSocket} from 'node:dgram';
import {once} from 'node:events';

export interface Record {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

export interface NameServer extends AsyncDisposable {
  /** "127.0.0.1:54321" */
  readonly address: string;
  /** The names asked for. */
  readonly questions: readonly string[];
}

function encodeName(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  return Buffer.concat([
    ...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.of(0),
  ]);
}

function decodeName(packet: Buffer, start: number): {readonly name: string; readonly end: number} {
  const labels: string[] = [];
  let at = start;
  while (packet[at] !== 0) {
    labels.push(packet.toString('latin1', at + 1, at + 1 + packet[at]!));
    at += 1 + packet[at]!;
  }
  return {name: labels.join('.'), end: at + 1};
}

function encodeAnswer({priority, weight, port, target}: Record): Buffer {
  const data = Buffer.concat([Buffer.alloc(6), encodeName(target)]);
  data.writeUInt16BE(priority, 0);
  data.writeUInt16BE(weight, 2);
  data.writeUInt16BE(port, 4);
  const head = Buffer.from([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, data.length]);
  return Buffer.concat([head, data]);
}

function respond(query: Buffer, question: Buffer, records: readonly Record[] | undefined): Buffer {
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  // A response, recursion available; 3: there is no such name.
  header.writeUInt16BE(0x8580 | (records === undefined ? 3 : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records?.length ?? 0, 6);
  return Buffer.concat([header, question, ...(records ?? []).map(encodeAnswer)]);
}

/** Answers from the table; names that are not in it do not exist, and those with null get no answer. */
export async function startNameServer(table: {
  readonly [name: string]: readonly Record[] | null;
}): Promise<NameServer> {
  const socket = createSocket('udp4');
  const questions: string[] = [];
  socket.on('message', (query, {port, address}) => {
    const {name, end} = decodeName(query, 12);
    questions.push(name);
    const records = table[name];
    if (records !== null) socket.send(respond(query, query.subarray(12, end + 4), records), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, 'close');
    },
  };
}
