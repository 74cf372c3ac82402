/**
 * `node --import tsx test/interop/subscriber-ends.ts [RUNS [BROKER]]`: ends `tmq sub -q 2 -c` in each way at random
 * moments, 200 times by default, under load, at mosquitto and at `tmq broker`: no message may be lost. Some 20 minutes.
 */

import {spawn} from 'node:child_process';
import {randomInt} from 'node:crypto';
import {once} from 'node:events';
import {closeSync, constants, openSync, readFileSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {connect} from '../../src/client/connect.ts';
import {startBroker} from '../../src/testing/testing.ts';
import {Random} from '../fuzz/random.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {publication, sessionContext, sessionOptions} from '../support/sessions.ts';
import {cleanEnvironment, run as runProgram} from '../support/spawn.ts';
import {program} from '../support/tmq.ts';

const runs = Number(process.argv[2] ?? 200);
/** 'mosquitto' or 'tmq'; both without it. */
const only = process.argv[3];
const seed = Number(process.env.TMQ_SEED ?? randomInt(2 ** 31));

/** How a run ends. */
const ways = ['-C', '-W', 'SIGINT', 'SIGTERM', 'SIGHUP', 'closed pipe'] as const;

/** Messages that wait for the subscriber at most. */
const mostWaiting = 300;

/** A named pipe: what is in it when its reader goes can still be read after the writer has ended. */
class NamedPipe {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Opens the end that is read, without waiting for a writer. */
  reader(): number {
    return openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  /** What is left, once no writer is there but `keeper`, which is closed. */
  rest(keeper: number): Buffer {
    const reader = this.reader();
    closeSync(keeper);
    const left = readFileSync(reader);
    closeSync(reader);
    return left;
  }
}

/** Runs the subscriber until it has ended in that way. Gives the whole lines that its output has taken. */
async function runOnce(
  pipe: NamedPipe,
  words: readonly string[],
  way: (typeof ways)[number],
  random: Random,
): Promise<string[]> {
  const reader = pipe.reader();
  const keeper = openSync(pipe.path, constants.O_WRONLY);
  const most = 1 + random.below(60);
  const more = way === '-C' ? ['-C', String(most)] : way === '-W' ? ['-W', '1'] : [];
  const child = spawn(process.execPath, [program, 'sub', ...words, ...more], {
    env: cleanEnvironment({HOME: '/nonexistent'}),
    stdio: ['ignore', keeper, 'ignore'],
  });
  const exit = once(child, 'exit');
  const socket = new Socket({fd: reader});
  const chunks: Buffer[] = [];
  let lines = 0;
  let act: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => {
    act = resolve;
  });
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    for (const byte of chunk) if (byte === 10) lines++;
    if (lines >= most) act();
  });
  await Promise.race([reached, exit]);
  if (way === 'closed pipe') socket.destroy();
  else if (way !== '-C' && way !== '-W') {
    if (random.permille(500)) await sleep(random.below(20));
    child.kill(way);
  }
  const late = setTimeout(() => child.kill('SIGKILL'), 30_000);
  const [, signal] = await exit;
  clearTimeout(late);
  if (signal === 'SIGKILL') throw new Error(`${way}: it did not end.`);
  socket.destroy();
  if (!socket.closed) await once(socket, 'close');
  chunks.push(pipe.rest(keeper));
  return Buffer.concat(chunks).toString().split('\n').slice(0, -1);
}

async function atBroker(name: string, port: number, directory: string): Promise<void> {
  const path = join(directory, `${name}.pipe`);
  await runProgram('mkfifo', [path]);
  const pipe = new NamedPipe(path);
  const words = ['-h', '127.0.0.1', '-p', String(port), '-q', '2', '-c', '-i', 'kept', '-t', 'm'];
  await runProgram(process.execPath, [program, 'sub', ...words, '-E']);
  await using session = await connect(sessionOptions(port), sessionContext());
  const random = new Random(seed);
  const printed = new Map<string, number>();
  let published = 0;
  let isOver = false;
  const publishing = (async () => {
    while (!isOver) {
      if (published - printed.size < mostWaiting)
        await session.publish(Buffer.from(String(published++)), publication('m', {qos: 2}));
      else await sleep(1);
    }
  })();
  const count = (lines: readonly string[]) => {
    for (const line of lines) printed.set(line, (printed.get(line) ?? 0) + 1);
  };
  for (let round = 1; round <= runs; round++) {
    for (const way of ways) count(await runOnce(pipe, words, way, random));
    if (round % 20 === 0 || round === runs) {
      const twice = [...printed.values()].filter((times) => times > 1).length;
      console.log(
        `${name}: ended ${round} times in each way, ${printed.size} printed, ${twice} of them twice`,
      );
    }
  }
  isOver = true;
  await publishing;
  while (printed.size < published) {
    const before = printed.size;
    count(await runOnce(pipe, words, '-W', random));
    if (printed.size === before) break;
  }
  const lost = Array.from({length: published}, (_, number) => String(number)).filter(
    (one) => !printed.has(one),
  );
  console.log(`${name}: ${published} published, ${lost.length} lost ${lost.slice(0, 20).join(' ')}`);
  if (lost.length > 0) process.exitCode = 1;
}

console.log(`TMQ_SEED=${seed}`);
const directory = await mkdtemp(join(tmpdir(), 'tmq-ends-'));
try {
  const open = 'listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n';
  if (only !== 'tmq') {
    await using broker = await startMosquitto(open, undefined, 3 * 3_600_000);
    await atBroker('mosquitto', broker.port, directory);
  }
  if (only !== 'mosquitto') {
    await using broker = await startBroker();
    await atBroker('tmq', broker.port, directory);
  }
} finally {
  await rm(directory, {recursive: true, force: true});
}
