/**
 * A broker that sends: each subscriber gets `count` numbered lines (or, of the kind 'object', objects of JSON) as
 * fast as it takes them, or one payload of `large` bytes. All frames are encoded before the port is printed.
 */

import {readFileSync} from 'node:fs';
import {createServer, type Socket} from 'node:net';
import {join} from 'node:path';
import {createServer as createTlsServer} from 'node:tls';
import {parseArgs} from 'node:util';
import {numberedLine, numberedObject} from '../bench.ts';
import {
  Acknowledgements,
  connackFrame,
  frameScanner,
  publishFrame,
  publishHeader,
  subackFrame,
  type,
  type Version,
} from './frames.ts';
import {listening} from './protocol.ts';

const {values} = parseArgs({
  options: {
    topic: {type: 'string', default: 'bench/flood'},
    count: {type: 'string', default: '0'},
    qos: {type: 'string', default: '0'},
    kind: {type: 'string', default: 'line'},
    large: {type: 'string', default: '0'},
    /** A directory with server.crt and server.key: sends over TLS. */
    tls: {type: 'string'},
  },
});
const topic = values.topic;
const qos = Number(values.qos);
const count = Number(values.count);
const largeBytes = Number(values.large);

const text = values.kind === 'object' ? numberedObject : numberedLine;

/** At most so many unacknowledged, so that no packet identifier is used twice; at QoS 2, as many as of mosquitto. */
const windowFrames = qos === 2 ? 20 : 60_000;
const blockFrames = 4_000;

const encode = (index: number) =>
  publishFrame({topic, payload: Buffer.from(text(index)), qos, packetId: 1 + (index % windowFrames)}, 4);

const frameBytes = encode(0).length;
const flood = Buffer.allocUnsafe(frameBytes * count);
for (let index = 0; index < count; index++) encode(index).copy(flood, index * frameBytes);

/** Resolves when more may be written, or never again will be. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.once('drain', done);
    socket.once('close', done);
  });
}

async function sendLarge(socket: Socket): Promise<void> {
  socket.write(publishHeader(topic, largeBytes, 4));
  const block = Buffer.alloc(1_000_000, 'large payload ');
  for (let sent = 0; sent < largeBytes && !socket.destroyed; sent += block.length) {
    if (!socket.write(block.subarray(0, Math.min(block.length, largeBytes - sent)))) await drained(socket);
  }
}

function serve(socket: Socket): void {
  let acknowledged = 0;
  let wake: (() => void) | undefined;
  const sendFlood = async () => {
    for (let sent = 0; sent < count && !socket.destroyed; ) {
      const room = qos === 0 ? blockFrames : windowFrames - (sent - acknowledged);
      const frames = Math.min(blockFrames, count - sent, room);
      if (frames === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const more = socket.write(flood.subarray(sent * frameBytes, (sent + frames) * frameBytes));
      sent += frames;
      if (!more) await drained(socket);
    }
  };
  let version: Version = 4;
  const releases = new Acknowledgements(type.pubrel | 2);
  const scan = frameScanner((first, buffer, start) => {
    if (first === type.connect) {
      version = buffer[start + 6] === 5 ? 5 : 4;
      socket.write(connackFrame(version));
    } else if ((first & 0xf0) === type.subscribe) {
      socket.write(subackFrame(buffer.readUInt16BE(start), qos, version));
      void (largeBytes > 0 ? sendLarge(socket) : sendFlood());
    } else if (first === type.puback || first === type.pubcomp) acknowledged++;
    else if (first === type.pubrec) releases.add(buffer, start);
    else if (first === type.pingreq) socket.write(Buffer.of(0xd0, 0));
  });
  socket.setNoDelay(true);
  socket.on('data', (chunk: Buffer) => {
    scan(chunk);
    const released = releases.take();
    if (released !== undefined) socket.write(released);
    wake?.();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => wake?.());
}

const {tls} = values;
const file = (name: string) => readFileSync(join(tls!, name));
await listening(
  tls === undefined
    ? createServer(serve)
    : createTlsServer({cert: file('server.crt'), key: file('server.key'), noDelay: true}, serve),
);
