/**
 * The clients at three nodes that share a store, of which one is active and is killed, so that the next one takes over:
 * nothing is lost, and the clients wait as --reconnect says. TMQ_NODE_KILLS=30 kills one node each second, 30 times.
 */

import assert from 'node:assert/strict';
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, it, type TestContext} from 'node:test';
import {setTimeout as sleep} from 'node:timers/promises';
import {type FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {moment} from '../support/moment.ts';
import {feedNumberedLines} from '../support/numbered-lines.ts';
import type {Running} from '../support/spawn.ts';
import {runTmq, startTmq} from '../support/tmq.ts';

/** How many nodes are killed by the clock, one each second. With 0, five are, each as soon as both clients use it. */
const killsByTheClock = Number(process.env.TMQ_NODE_KILLS ?? 0);
const policy = ['--reconnect', '200ms..2s'];

/** Addresses that only this test uses, and a port that the system assigns to no program: a dead node's stays free. */
const addresses = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];
const unusedPort = 20_000 + (process.pid % 10_000);

/** A name that moves: its addresses are those of the node that runs, and of the one before, which comes first. */
const movingName = 'moving.test';

/** Three nodes with one store: the one that runs holds its lock. */
async function createNodes(hosts: readonly string[], port: number) {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-nodes-'));
  const store = `persistence true\npersistence_location ${directory}/\nautosave_interval 1\n`;
  const limits = 'allow_anonymous true\nmax_queued_messages 0\n';
  for (const address of addresses)
    await writeFile(join(directory, address), `listener ${port} ${address}\n${limits}${store}`);
  // What asks the system's resolver.
  const resolver = join(directory, 'resolver');
  await mkdir(resolver);
  await writeFile(join(resolver, 'getent'), '#!/bin/sh\ncat "$(dirname "$0")/addresses"\n', {mode: 0o755});
  const addressOf = (number: number) => addresses[(number + addresses.length) % addresses.length]!;
  let running: Running | undefined;
  return {
    env: {PATH: `${resolver}:${process.env.PATH}`},
    words: ['-h', hosts.join(','), '-p', String(port), '-t', 'load', '-q', '1', '-c', ...policy],
    /** Kills the one that runs, starts the next one, and resolves when that listens. */
    async takeOver(number: number): Promise<void> {
      await running?.stop('SIGKILL');
      const config = join(directory, addressOf(number));
      const options = {timeoutMilliseconds: 60_000};
      running = startTmq(['broker', '-c', config, '--quiet', '--ready', 'json'], options);
      await running.waitFor('stdout', /^\{"event":"ready".*\}$/m);
      const lines = [number - 1, number].map((each) => `${addressOf(each)} STREAM ${movingName}\n`);
      await writeFile(join(resolver, 'addresses'), lines.join(''));
    },
    async [Symbol.asyncDispose]() {
      await running?.stop('SIGKILL');
      await rm(directory, {recursive: true, force: true});
    },
  };
}

/** The addresses or names of the nodes that the client says it has connected to again, in order. */
function reconnects({stderr}: {readonly stderr: string}): string[] {
  return [...stderr.matchAll(/Connected again to ([\w.]+):\d+\.$/gm)].map(([, host]) => host!);
}

/** Seconds of processor time that the process has used, in user and in system mode. */
async function processorSeconds({child}: Running): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/stat`, 'utf8');
  // Fields 14 and 15 of proc(5), in hundredths of a second; the name of the program, in brackets, may have spaces.
  const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

interface Losses {
  readonly hosts: readonly string[];
  readonly port: number;
  readonly kills: number;
  /** Between kills; with 0, a node is killed as soon as both clients use it. */
  readonly seconds: number;
}

/** Milliseconds that the pauses of `policy` have at least, in order. */
const leastPauses = [200, 400, 800, 1600, 2000 * (2 / 3)];
/** Milliseconds by which a timer may be early, with the rounding of the clocks. */
const timerSlack = 3;

describe('nodes that are killed', {concurrency: true}, () => {
  const loseNothing = async (context: TestContext, {hosts, port, kills, seconds}: Losses) => {
    await using nodes = await createNodes(hosts, port);
    const {env} = nodes;
    await nodes.takeOver(0);
    const subscriber = ['sub', '-i', 's', ...nodes.words];
    assert.equal((await runTmq([...subscriber, '-E'], {env})).exitCode, 0);
    const options = {env, timeoutMilliseconds: 60_000 + kills * seconds * 3000};
    await using sub = startTmq(subscriber, options);
    await using pub = startTmq(['pub', '-i', 'p', '-l', ...nodes.words], options);
    const lines = feedNumberedLines(pub, sub, 500);
    await lines.printedCount(1);
    for (let kill = 1; kill <= kills; kill++) {
      // A line that is fed from now on goes through the node that runs now, so both clients have connected to it.
      await (seconds > 0 ? sleep(seconds * 1000) : lines.printedNumber(lines.fed));
      await nodes.takeOver(kill);
    }
    await lines.printedNumber(lines.fed);
    await lines.end();
    const published = await pub.finished;
    assert.equal(published.exitCode, 0, published.stderr);
    await lines.printedNumber(lines.fed - 1);
    const subscribed = await sub.stop();
    const counts = [reconnects(published), reconnects(subscribed)] as const;
    const repeated = lines.printed.length - lines.fed;
    context.diagnostic(
      `${kills} kills, ${lines.fed} lines, ${repeated} printed again; pub reconnected ${counts[0].length} times, sub ${counts[1].length}`,
    );
    const first = [...new Set(lines.printed)];
    const wrong = first.findIndex((number, index) => number !== index);
    assert.equal(wrong, -1, `${first[wrong - 1]} is followed by ${first[wrong]}`);
    assert.equal(first.length, lines.fed);
    if (seconds > 0) return;
    const taken = Array.from({length: kills}, (_, index) => hosts[(index + 1) % hosts.length]);
    assert.deepEqual(counts, [taken, taken], 'each client follows each node');
  };

  it('lose nothing of pub -l -c, and sub -c prints each line, in order, at QoS 1', (context) =>
    loseNothing(context, {
      hosts: addresses,
      port: unusedPort,
      kills: killsByTheClock || 5,
      seconds: killsByTheClock > 0 ? 1 : 0,
    }));

  it('lose nothing where one name moves, which is looked up for each attempt', (context) =>
    loseNothing(context, {hosts: [movingName], port: unusedPort - 10_000, kills: 2, seconds: 0}));

  /** Reads what the client begins with, and answers; resolves when the client is at work. */
  const serve = async (connection: FakeConnection) => {
    await connection.accept();
    const {cmd, messageId} = await connection.any();
    if (cmd === 'subscribe') connection.send({cmd: 'suback', messageId, granted: [1]});
    else connection.send({cmd: 'puback', messageId});
  };

  for (const words of [
    ['sub', '-c', '-i', 's'],
    ['pub', '-l', '-c', '-i', 'p'],
  ]) {
    it(`${words[0]} tries each of them once after each pause, and uses no processor meanwhile`, async (context) => {
      const attempts: {readonly host: number; readonly at: number}[] = [];
      const working = moment();
      const cut = moment();
      const script = (host: number) => async (connection: FakeConnection) => {
        attempts.push({host, at: performance.now()});
        if (attempts.length > 1) return;
        await serve(connection);
        working.happen();
        await cut.happened;
      };
      await using first = await startFakeBroker(script(0));
      await using second = await startFakeBroker(script(1));
      await using third = await startFakeBroker(script(2));
      const hosts = [first, second, third].map((broker) => `127.0.0.1:${broker.port}`).join(',');
      await using client = startTmq([...words, '-q', '1', '-t', 'load', '-h', hosts, ...policy], {
        timeoutMilliseconds: 60_000,
      });
      client.child.stdin!.write('a line\n'.repeat(100_000));
      await Promise.race([working.happened, client.finished]);
      const usedBefore = await processorSeconds(client);
      const begin = performance.now();
      cut.happen();
      // The round after the last pause ends at the third host.
      await Promise.race([third.finished(leastPauses.length - 1), client.finished]);
      const used = (await processorSeconds(client)) - usedBefore;

      const waited = (performance.now() - begin) / 1000;
      const rounds = leastPauses.map((_, round) => attempts.slice(1 + 3 * round, 4 + 3 * round));
      for (const round of rounds)
        assert.deepEqual(
          round.map(({host}) => host),
          [0, 1, 2],
        );
      const ends = [begin, ...rounds.map((round) => round[2]!.at)];
      const pauses = rounds.map((round, index) => round[0]!.at - ends[index]!);
      context.diagnostic(`pauses ${pauses.map(Math.round).join(' ')} ms; ${used} s in ${waited} s`);
      for (const [index, pause] of pauses.entries())
        assert.ok(pause >= leastPauses[index]! - timerSlack, `${pauses.join(' ')} ms`);
      assert.ok(used < 0.5, `${used} s of processor time in ${waited} s`);
    });
  }
});
