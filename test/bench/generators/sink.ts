/**
 * A broker for one publisher at a time that keeps nothing: it acknowledges and counts what arrives,
 * and reports whether numbered lines came in order. Receives as slowly as its arguments ask.
 * Prints {"port"} first, then one line of JSON for each connection that ended.
 */

import {createServer, type Socket} from 'node:net';
import {parseArgs} from 'node:util';
import {Acknowledgements, connackFrame, frameScanner, type, type Version} from './frames.ts';
import {listening, print} from './protocol.ts';

const {values} = parseArgs({
  options: {
    /** Bytes a second to take; all there are by default. */
    rate: {type: 'string', default: '0'},
    /** Milliseconds to read nothing after CONNACK. */
    stall: {type: 'string', default: '0'},
  },
});
const bytesPerSecond = Number(values.rate);
const stallMilliseconds = Number(values.stall);

interface Count {
  messages: number;
  /** Those that had the number that was next. */
  inOrder: number;
  payloadBytes: number;
}

/** The number that ends a payload: its last eight digits. */
function numberAt(buffer: Buffer, end: number): number {
  let number = 0;
  for (let at = end - 8; at < end; at++) number = number * 10 + (buffer[at]! - 48);
  return number;
}

/** The acknowledgements owed, by the first byte of what they answer, without DUP and RETAIN. */
const owedAnswers = (): Readonly<Record<number, Acknowledgements>> => ({
  [type.publish | 2]: new Acknowledgements(type.puback),
  [type.publish | 4]: new Acknowledgements(type.pubrec),
  [type.pubrel | 2]: new Acknowledgements(type.pubcomp),
});

function serve(socket: Socket): void {
  const count: Count = {messages: 0, inOrder: 0, payloadBytes: 0};
  const answers = owedAnswers();
  let version: Version = 4;
  const take = (first: number, buffer: Buffer, start: number, end: number) => {
    const id = start + 2 + buffer.readUInt16BE(start);
    const properties = id + ((first & 6) === 0 ? 0 : 2);
    const payload = properties + (version === 5 ? 1 + buffer[properties]! : 0);
    answers[first & 0xf6]?.add(buffer, id);
    if (end - payload >= 8 && numberAt(buffer, end) === count.messages) count.inOrder++;
    count.payloadBytes += end - payload;
  };
  const scan = frameScanner((first, buffer, start, end) => {
    if ((first & 0xf0) === type.publish) {
      if (buffer.length > 0) take(first, buffer, start, end);
      else count.payloadBytes += end;
      count.messages++;
    } else if (first === (type.pubrel | 2)) {
      answers[first]!.add(buffer, start);
    } else if (first === type.connect) {
      // Protocol name of four letters, then the level.
      version = buffer[start + 6] === 5 ? 5 : 4;
      socket.write(connackFrame(version));
      if (stallMilliseconds > 0) pauseFor(socket, stallMilliseconds);
    } else if (first === type.pingreq) socket.write(Buffer.of(0xd0, 0));
  });
  socket.setNoDelay(true);
  socket.on('data', (chunk: Buffer) => {
    scan(chunk);
    answer(socket, answers);
    if (bytesPerSecond > 0) pauseFor(socket, (chunk.length / bytesPerSecond) * 1000);
  });
  socket.on('error', () => undefined);
  socket.on('close', () => print({...count}));
}

function answer(socket: Socket, answers: ReturnType<typeof owedAnswers>): void {
  for (const owed of Object.values(answers)) {
    const bytes = owed.take();
    if (bytes !== undefined) socket.write(bytes);
  }
}

/** Reads nothing for so long. Debts below a timer's resolution are paid together. */
const debts = new WeakMap<Socket, number>();
function pauseFor(socket: Socket, milliseconds: number): void {
  const debt = (debts.get(socket) ?? 0) + milliseconds;
  if (debt < 5) {
    debts.set(socket, debt);
    return;
  }
  const paused = performance.now();
  socket.pause();
  setTimeout(() => {
    debts.set(socket, debt - (performance.now() - paused));
    socket.resume();
  }, debt);
}

await listening(createServer(serve));
