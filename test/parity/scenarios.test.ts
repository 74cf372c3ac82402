// needs: mosquitto, mosquitto_pub
/**
 * The tables of scenarios, each run through a client of mosquitto and through ours: what is printed, how
 * it ends, and every field of every packet that is sent are compared, with either broker behind them.
 */

import assert from 'node:assert/strict';
import {after, before, describe, test} from 'node:test';
import {brokerKinds, startBroker, type TestBroker} from '../support/brokers.ts';
import {neutralPlaces, play} from '../support/scenario.ts';
import {run} from '../support/spawn.ts';
import {checkRow, type Row} from './expectation.ts';
import {allRows} from './tables.ts';

const config = `listener {port} 127.0.0.1
allow_anonymous true
password_file {directory}/passwords
acl_file {directory}/acl
max_queued_messages 0
`;

async function prepare(directory: string): Promise<void> {
  const {writeFile} = await import('node:fs/promises');
  await run('mosquitto_passwd', ['-c', '-b', `${directory}/passwords`, 'ann', 'secret']);
  // Not by 'topic deny', after which mosquitto 2.0 closes the connection.
  await writeFile(`${directory}/acl`, 'topic readwrite #\n\nuser ann\ntopic readwrite allowed/#\n');
}

/** Whether a broker takes part at all: if not, one run is as good as two. */
function needsBroker({closedPort, server, expect}: Row): boolean {
  return closedPort !== true && server === undefined && expect.voice !== 'usage';
}

async function both(row: Row, port: number): Promise<void> {
  const theirs = row.mosquitto === 'newer' ? undefined : play(row, 'mosquitto', port);
  const outcomes = await Promise.all([play(row, 'tmq', port), theirs]);
  checkRow(row, ...outcomes);
}

test('a number that holds the digits of the port is not taken for it', () => {
  const neutral = neutralPlaces({topic: 't00001x', directory: '/d', port: 42949});
  assert.equal(neutral('value (4294967296), 142949, 42949.'), 'value (4294967296), 142949, PORT.');
});

describe('command lines, files and scripted servers', {concurrency: 6}, () => {
  for (const row of allRows.filter((each) => !needsBroker(each))) {
    test(`${row.tool}: ${row.name}`, {timeout: 60_000}, async () => {
      await both(row, 0);
    });
  }
});

for (const kind of brokerKinds) {
  describe(`with the ${kind} broker`, {concurrency: 6}, () => {
    let broker: TestBroker;
    before(async () => {
      broker = await startBroker(kind, config, prepare);
    });
    after(() => broker[Symbol.asyncDispose]());
    for (const row of allRows.filter(needsBroker)) {
      test(`${row.tool}: ${row.name}`, {timeout: 60_000}, async () => {
        await both(row, broker.port);
      });
    }
  });
}
