/**
 * Loads a broker: publishers send pre-encoded frames, subscribers count what arrives. Prints one line
 * when all clients are connected and subscribed, starts at a line on stdin, and prints a second
 * one with the deliveries counted and the milliseconds from the first publish to the last delivery.
 */

import {once} from 'node:events';
import {parseArgs} from 'node:util';
import {numberedLine} from '../bench.ts';
import {type Login, publishFrame, type Version} from './frames.ts';
import {connectClient, type LoadClient} from './load-client.ts';
import {print} from './protocol.ts';

const {values} = parseArgs({
  options: {
    port: {type: 'string', default: '1883'},
    version: {type: 'string', default: '4'},
    username: {type: 'string'},
    password: {type: 'string', default: ''},
    subscribers: {type: 'string', default: '1'},
    topics: {type: 'string', default: '1'},
    qos: {type: 'string', default: '0'},
    messages: {type: 'string', default: '0'},
    /** Messages a second; as many as possible by default. */
    pace: {type: 'string', default: '0'},
    /** Connections that only stay. */
    idle: {type: 'string', default: '0'},
    /** The subscribers' sessions are kept. */
    kept: {type: 'boolean', default: false},
    /** Sessions with the same subscription, whose clients are away. */
    offline: {type: 'string', default: '0'},
    /** What subscriber number i subscribes to; {i} stands for the number, and one of them gets each message. */
    filter: {type: 'string', default: 'bench/#'},
    /** The messages are retained; the subscriber comes when they are. */
    retained: {type: 'boolean', default: false},
  },
});

const port = Number(values.port);
const version: Version = values.version === '5' ? 5 : 4;
const login: Login | undefined =
  values.username === undefined ? undefined : {username: values.username, password: values.password};
const qos = Number(values.qos);
const messages = Number(values.messages);
const topics = Number(values.topics);
const pace = Number(values.pace);

/** The most that a publisher leaves unacknowledged; at QoS 2, mosquitto closes the connection beyond 20. */
const windowMessages = qos === 2 ? 20 : 100;
const largestId = 60_000;

/** All have one length. */
const numbered = (index: number) => String(index).padStart(Math.max(4, String(topics - 1).length), '0');

function encode(index: number): Buffer {
  const topic = `bench/${numbered(index % topics)}`;
  const packetId = 1 + (index % largestId);
  const payload = Buffer.from(numberedLine(index));
  return publishFrame({topic, payload, qos, packetId, retain: values.retained}, version);
}

const frameBytes = encode(0).length;
const frames = Buffer.allocUnsafe(frameBytes * messages);
for (let index = 0; index < messages; index++) encode(index).copy(frames, index * frameBytes);
const slice = (from: number, to: number) => frames.subarray(from * frameBytes, to * frameBytes);

async function flood(publisher: LoadClient): Promise<void> {
  const block = Math.max(1, Math.floor(128_000 / frameBytes));
  for (let sent = 0; sent < messages; sent += block) {
    if (!publisher.socket.write(slice(sent, Math.min(sent + block, messages)))) {
      await once(publisher.socket, 'drain');
    }
  }
}

/** Keeps the window full; every acknowledgement makes room for one more. */
function window(publisher: LoadClient): void {
  let sent = 0;
  const fill = () => {
    const until = Math.min(messages, publisher.completed + windowMessages);
    if (until > sent) publisher.socket.write(slice(sent, until));
    sent = Math.max(sent, until);
  };
  publisher.onCompleted = fill;
  fill();
}

/** Sends each message when it is due, alone unless the timer was late. */
async function paced(publisher: LoadClient): Promise<void> {
  const started = performance.now();
  for (let sent = 0; sent < messages; ) {
    const due = Math.min(messages, Math.floor(((performance.now() - started) * pace) / 1000));
    for (; sent < due; sent++) publisher.socket.write(slice(sent, sent + 1));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const idle = Number(values.idle);
for (let index = 0; index < idle; index++)
  await connectClient({port, version, login, clientId: `idle${index}`});

const subscribers = Number(values.subscribers);
let started = 0;
let missing = messages * (values.filter.includes('{i}') ? 1 : subscribers);
const total = missing;
const finish = () => print({deliveries: total, milliseconds: performance.now() - started});
const countDeliveries = (count: number) => {
  missing -= count;
  if (missing === 0) finish();
};

async function subscribe(clientId: string, index: number): Promise<LoadClient> {
  const client = await connectClient({port, version, login, clientId, keepsSession: values.kept});
  if (values.retained) client.countEach(countDeliveries);
  await client.subscribe(values.filter.replace('{i}', numbered(index)), qos);
  if (!values.retained) client.countDeliveries(frameBytes, qos, countDeliveries);
  return client;
}

for (let index = 0; index < Number(values.offline); index++) {
  await (await subscribe(`offline${index}`, index)).end();
}
if (!values.retained) {
  for (let index = 0; index < subscribers; index++) await subscribe(`sub${index}`, index);
}
const publisher = await connectClient({port, version, login, clientId: 'publisher'});

async function publish(): Promise<void> {
  if (pace > 0) await paced(publisher);
  else if (qos === 0) await flood(publisher);
  else window(publisher);
}

if (values.retained) {
  await publish();
  // The broker has taken everything when it closes the connection.
  await publisher.end();
}
process.stdin.once('data', () => {
  started = performance.now();
  void (values.retained ? subscribe('sub0', 0) : publish());
});
process.stdin.once('end', () => process.exit(0));
print({ready: true});
