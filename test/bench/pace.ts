/**
 * How fast the machine is, right before a bench: how long Node takes to start, and how long it takes to
 * wake another process. Where a broker or the network is waited for, the wait is the same on all machines
 * and what is computed is not; so shares of such a wait can only be read beside these.
 */

import {once} from 'node:events';
import {connect} from 'node:net';
import {emptyScript} from './bench.ts';
import {startGenerator} from './generator.ts';
import {measure} from './measure.ts';
import {type Pace, summarise} from './statistics.ts';

const rounds = 9;
const roundTrips = 300;

async function emptyRun(directory: string): Promise<number> {
  const script = await emptyScript(directory);
  const values: number[] = [];
  for (let round = -2; round < rounds; round++) {
    const {wallMilliseconds} = await measure({command: process.execPath, args: [script]});
    if (round >= 0) values.push(wallMilliseconds);
  }
  return summarise(values).median;
}

async function roundTrip(): Promise<number> {
  await using echo = await startGenerator('echo');
  const socket = connect(echo.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.setNoDelay(true);
  const values: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const started = performance.now();
    for (let trip = 0; trip < roundTrips; trip++) {
      socket.write('x');
      await once(socket, 'data');
    }
    if (round >= 0) values.push(((performance.now() - started) / roundTrips) * 1000);
  }
  socket.destroy();
  return summarise(values).median;
}

/** Measures the machine; two seconds or so. */
export async function pace(directory: string): Promise<Pace> {
  return {emptyScriptMilliseconds: await emptyRun(directory), roundTripMicroseconds: await roundTrip()};
}
