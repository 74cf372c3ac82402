/**
 * The limit that a receiver sets: sends pre-encoded messages to a broker as fast as it takes them, with
 * no start to pay for and no line to read. Prints the milliseconds from CONNECT until the broker has
 * taken everything and closed, once for each line on stdin.
 */

import {once} from 'node:events';
import {parseArgs} from 'node:util';
import {numberedLine} from '../bench.ts';
import {publishFrame} from './frames.ts';
import {connectClient} from './load-client.ts';
import {print} from './protocol.ts';

const {values} = parseArgs({
  options: {
    port: {type: 'string', default: '1883'},
    qos: {type: 'string', default: '0'},
    messages: {type: 'string', default: '0'},
  },
});
const qos = Number(values.qos);
const messages = Number(values.messages);
/** As many as `pub -l` leaves unacknowledged; at QoS 2, mosquitto 2.0 closes the connection over more than 20. */
const windowMessages = qos === 0 ? messages : qos === 1 ? 100 : 20;

const encode = (index: number) =>
  publishFrame(
    {topic: 'bench/lines', payload: Buffer.from(numberedLine(index)), qos, packetId: 1 + (index % 60_000)},
    4,
  );
const frameBytes = encode(0).length;
const frames = Buffer.allocUnsafe(frameBytes * messages);
for (let index = 0; index < messages; index++) encode(index).copy(frames, index * frameBytes);

async function send(): Promise<number> {
  const started = performance.now();
  const client = await connectClient({
    port: Number(values.port),
    version: 4,
    login: undefined,
    clientId: 'raw',
  });
  let sent = 0;
  await new Promise<void>((resolve) => {
    client.onCompleted = () => {
      const until = Math.min(messages, client.completed + windowMessages);
      if (until > sent) client.socket.write(frames.subarray(sent * frameBytes, until * frameBytes));
      sent = until;
      if (qos === 0 || client.completed === messages) resolve();
    };
    client.onCompleted();
  });
  await client.end();
  return performance.now() - started;
}

process.stdin.once('end', () => process.exit(0));
print({ready: true});
for (;;) {
  await once(process.stdin, 'data');
  print({milliseconds: await send()});
}
