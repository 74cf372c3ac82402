/**
 * `pub` through outages: what --on-outage, --max-outage, --events and --summary promise. TMQ_OUTAGES=20 makes so many
 * outages, and kills the run five times.
 */

import assert from 'node:assert/strict';
import {existsSync, mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, test} from 'node:test';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {startBroker, type TestBroker} from '../../src/testing/testing.ts';
import {freePort} from '../support/mosquitto.ts';
import {type RunningMain, startMain} from '../support/run.ts';
import {start} from '../support/spawn.ts';
import {program, runShell} from '../support/tmq.ts';

const outages = Number(process.env.TMQ_OUTAGES ?? 4);
const kills = outages < 20 ? 2 : 5;
const directory = mkdtempSync(join(tmpdir(), 'tmq-outages-'));
after(() => rmSync(directory, {recursive: true, force: true}));

const quickly = ['--reconnect', '100ms..200ms'];

/** What came to brokers on one port, of which one runs at a time. */
class Broker implements AsyncDisposable {
  readonly port: number;
  readonly #came: string[] = [];
  #running: TestBroker | undefined;

  constructor(port: number) {
    this.port = port;
  }

  get payloads(): readonly string[] {
    const now = this.#running?.published ?? [];
    return [...this.#came, ...now.map(({payload}) => payload.toString())];
  }

  async start(): Promise<void> {
    this.#running = await startBroker({port: this.port});
  }

  async stop(): Promise<void> {
    this.#came.push(...(this.#running?.published ?? []).map(({payload}) => payload.toString()));
    const running = this.#running;
    this.#running = undefined;
    await running?.close();
  }

  /** Resolves when the payload has come. */
  async has(payload: string): Promise<void> {
    while (!this.payloads.includes(payload)) await nextTurn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** The process that the shell waits for. */
function childOf(pid: number): number | undefined {
  const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return first === '' ? undefined : Number(first);
}

test(`spool: ${outages} outages and ${kills} kills lose no line`, {
  timeout: 60_000 + outages * 5000,
}, async () => {
  await using broker = new Broker(await freePort());
  await broker.start();
  const spool = join(directory, 'spool');
  const words = [
    '-p',
    String(broker.port),
    '-t',
    's',
    '-q',
    '1',
    '-l',
    '--on-outage',
    `spool:${spool}`,
    ...quickly,
  ];
  // The pipe outlives a run that is killed: the next one goes on reading.
  const line = `until "$0" "$@" 2>>"${join(directory, 'log')}"; do :; done`;
  await using shell = start('bash', ['-c', line, process.execPath, program, 'pub', ...words], {
    timeoutMilliseconds: 30_000 + outages * 5000,
  });
  let fed = 0;
  const feed = (count: number) => {
    for (let left = count; left > 0; left--) shell.child.stdin!.write(`line ${++fed}\n`);
  };
  const isSpooled = (payload: string) =>
    existsSync(spool) && readFileSync(spool, 'utf8').includes(`"payload":"${payload}"`);
  const killAfter = new Set(Array.from({length: kills}, (_, index) => Math.floor((index * outages) / kills)));
  for (let outage = 0; outage < outages; outage++) {
    feed(50);
    await broker.has(`line ${fed}`);
    await broker.stop();
    feed(100);
    if (killAfter.has(outage)) {
      // What was read and is not in the file yet goes with the process.
      while (!isSpooled(`line ${fed}`)) await nextTurn();
      const pid = childOf(shell.child.pid!);
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    }
    feed(100);
    await broker.start();
    await broker.has(`line ${fed}`);
  }
  shell.child.stdin!.end();
  assert.equal((await shell.finished).exitCode, 0);
  const came = new Set(broker.payloads);
  const missing = Array.from({length: fed}, (_, index) => `line ${index + 1}`).filter(
    (each) => !came.has(each),
  );
  assert.deepEqual(missing, []);
  assert.equal(existsSync(spool), false);
});

/** `pub -l` in this process, connected, with one line acknowledged. */
async function startLines(broker: Broker, ...words: string[]): Promise<RunningMain> {
  await broker.start();
  const pub = startMain(['pub', '-p', String(broker.port), '-t', 't', '-q', '1', '-l', ...quickly, ...words]);
  pub.stdin.write('before\n');
  await broker.has('before');
  return pub;
}

/** Resolves when the command has read what was written. */
async function isRead({stdin}: RunningMain): Promise<void> {
  while (stdin.readableLength > 0 || stdin.writableLength > 0) await nextTurn();
}

test('drop: what comes during an outage is thrown away and counted, and the status is 7', async () => {
  await using broker = new Broker(await freePort());
  await using pub = await startLines(broker, '--on-outage', 'drop', '--summary', 'json');
  await broker.stop();
  await pub.waitFor('stderr', /Connecting again/);
  // The first batch may be on its way to the session already: it is sent later.
  pub.stdin.write('first\n');
  await isRead(pub);
  for (let number = 0; number < 3; number++) {
    pub.stdin.write(`lost ${number}\n`);
    await isRead(pub);
  }
  await broker.start();
  await pub.waitFor('stderr', /Connected again/);
  pub.stdin.end('after\n');
  const {exitCode, stderr} = await pub.finished;
  const sent = broker.payloads.filter((payload) => payload !== 'first');
  assert.deepEqual([sent, exitCode], [['before', 'after'], 7]);
  const dropped = broker.payloads.includes('first') ? 3 : 4;
  assert.match(stderr, new RegExp(`^Error: ${dropped} messages were dropped during outages\\.$`, 'm'));
  const {seconds, ...counts} = JSON.parse(stderr.split('\n').find((line) => line.startsWith('{'))!);
  assert.ok(seconds > 0);
  assert.deepEqual(counts, {
    read: 6,
    acknowledged: 6 - dropped,
    refused: 0,
    repeated: 0,
    invalid: 0,
    dropped,
    spooled: 0,
  });
});

test('exit: a lost connection ends the run with 7', async () => {
  await using broker = new Broker(await freePort());
  await using pub = await startLines(broker, '--on-outage', 'exit');
  await broker.stop();
  const {exitCode, stderr} = await pub.finished;
  assert.equal(exitCode, 7);
  assert.match(stderr, /^Error: .* (lost|closed)/m);
});

test('block: --max-outage ends a run without a connection, with the unacknowledged lines counted', async () => {
  await using broker = new Broker(await freePort());
  await using pub = await startLines(broker, '--max-outage', '0.3', '--summary', 'text');
  await broker.stop();
  await pub.waitFor('stderr', /Connecting again/);
  pub.stdin.write('unsent\n');
  const {exitCode, stderr} = await pub.finished;
  assert.equal(exitCode, 7);
  assert.match(stderr, /^Error: No connection for 0\.3 s \(--max-outage\)\.$/m);
  assert.match(stderr, /^1 of the 2 lines read were not acknowledged\.$/m);
  assert.match(stderr, /^2 read, 1 acknowledged, [\d.]+ s$/m);
});

test('spool: what is left at the end of a run is sent first by the next one', async () => {
  await using broker = new Broker(await freePort());
  const spool = join(directory, 'left');
  const words = [
    'pub',
    '-p',
    String(broker.port),
    '-t',
    't',
    '-q',
    '1',
    '-l',
    '--on-outage',
    `spool:${spool}`,
  ];
  await using first = startMain([...words, '--max-outage', '0.2'], {input: 'a\nb\n'});
  const {exitCode, stderr} = await first.finished;
  assert.equal(exitCode, 7);
  assert.match(
    stderr,
    /^2 of the 2 messages were not acknowledged\. They stay in .*left for the next run\.$/m,
  );
  await broker.start();
  await using second = startMain([...words, '--summary', 'json'], {input: 'c\n'});
  const result = await second.finished;
  assert.equal(result.exitCode, 0);
  assert.match(
    result.stderr,
    /^Sending 2 messages of .*left first\.\n\{"read":1,"acknowledged":3,.*"spooled":0,/,
  );
  assert.deepEqual([broker.payloads, existsSync(spool)], [['a', 'b', 'c'], false]);
});

test('spool: a full disk ends the run with its count, and what was written before is sent', async () => {
  await using broker = new Broker(await freePort());
  await broker.start();
  const spool = join(directory, 'full');
  // A limit of the size of files stands in for the disk.
  const line = `ulimit -f 512; trap '' XFSZ; seq 1 100000 | tmq pub -p ${broker.port} -t t -q 1 -l --on-outage spool:${spool}`;
  const {exitCode, stderr} = await runShell(line);
  assert.equal(exitCode, 14);
  assert.match(stderr, /^Error: Cannot write the spool .*full: /m);
  const came = broker.payloads.map(Number);
  assert.deepEqual(
    came,
    Array.from({length: came.length}, (_, index) => index + 1),
  );
  assert.ok(came.length > 0);
});

test('--events: each thing that happens to the connection is a line of JSON', {timeout: 60_000}, async () => {
  await using broker = new Broker(await freePort());
  await broker.start();
  const log = join(directory, 'events');
  const logged = async (text: string) => {
    while (!readFileSync(log, 'utf8').includes(text)) await nextTurn();
  };
  await using sub = startMain([
    'sub',
    '-p',
    String(broker.port),
    '-t',
    'a',
    '-q',
    '1',
    ...quickly,
    '--events',
    log,
    '-d',
  ]);
  await sub.waitFor('stderr', /received SUBACK/);
  await broker.stop();
  await logged('"refused"');
  await broker.start();
  await sub.waitFor('stderr', /Connected again/);
  await logged('"resubscribed"');
  await sub.interrupt();
  const events = readFileSync(log, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  for (const {time} of events) assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  const host = `localhost:${broker.port}`;
  const [connected, lost, refused] = events;
  assert.deepEqual(
    [connected.event, connected.host, connected.again, connected.session],
    ['connected', host, false, 'new'],
  );
  assert.deepEqual([lost.event, lost.host], ['lost', host]);
  assert.ok(lost.reason.length > 0 && lost.status > 0);
  assert.deepEqual([refused.event, refused.host, refused.status], ['refused', host, 1]);
  assert.deepEqual(
    events.slice(-3).map(({time: _, ...rest}) => rest),
    [
      {event: 'connected', host, again: true, session: 'new'},
      {event: 'gap', seconds: events.at(-2).seconds},
      {event: 'resubscribed', filters: [{filter: 'a', code: 1}]},
    ],
  );
  assert.ok(events.at(-2).seconds > 0);
});

test('what cannot be is refused before connecting', async () => {
  const rows: readonly (readonly [words: readonly string[], sentence: RegExp])[] = [
    [['-m', 'x', '--on-outage', 'drop'], /^--on-outage goes with messages from standard input/],
    [['-m', 'x', '--summary', 'text'], /^--summary goes with messages from standard input/],
    [['-m', 'x', '--max-outage', '3'], /^--max-outage goes with messages from standard input/],
    [['-l', '--on-outage', 'spool:x'], /^--on-outage spool needs -q 1 or -q 2/],
    [
      ['-l', '--on-outage', 'spool'],
      /^Invalid --on-outage given: spool\. It is block, drop, exit or spool:FILE\./,
    ],
    [
      ['-l', '--on-outage', 'exit', '--max-outage', '3'],
      /^--on-outage exit and --max-outage cannot be used together/,
    ],
    [['-l', '--max-outage', '0'], /^Invalid --max-outage given: 0\./],
    [['-l', '--summary', 'xml'], /^Invalid --summary given: xml\. It is text or json\./],
    [['-m', 'x', '--events', ''], /^The argument of --events is empty\./],
    [['-m', 'x', '--events', '1'], /^--events 1: standard input and output are not for events\./],
    [
      ['-m', 'x', '--events', '99'],
      /^--events: descriptor 99 is not open for writing\. Open it in the shell, as in --events 99 99>events/,
    ],
    [
      ['-m', 'x', '--events', '/no/such/file'],
      /^Cannot write the events file \/no\/such\/file: no such file or directory\./,
    ],
  ];
  for (const [words, sentence] of rows) {
    await using pub = startMain(['pub', '-p', '1', '-t', 'a', ...words], {input: ''});
    const {stderr, exitCode} = await pub.finished;
    assert.equal(exitCode, 1);
    assert.match(stderr.replace(/^Error: /, ''), sentence, words.join(' '));
  }
});
