/**
 * What the machine is like on which the others run: how long Node takes to start, and how long it takes
 * to wake another process. Where a broker or the network is waited for, the wait is the same on all
 * machines and what is computed is not; so shares of such a wait can only be read beside these.
 */

import {once} from 'node:events';
import {writeFile} from 'node:fs/promises';
import {connect} from 'node:net';
import {join} from 'node:path';
import type {Bench, BenchContext} from './bench.ts';
import {startGenerator} from './generator.ts';
import {measure} from './measure.ts';
import type {Figure} from './statistics.ts';

const roundTrips = 500;

async function emptyScript(context: BenchContext): Promise<Figure> {
  const script = join(context.directory, 'empty.cjs');
  await writeFile(script, '');
  const values: number[] = [];
  for (let round = -2; round < context.rounds(15); round++) {
    const {wallMilliseconds} = await measure({command: process.execPath, args: [script]});
    if (round >= 0) values.push(wallMilliseconds);
  }
  return {label: 'empty node script', unit: 'ms', values};
}

/** Over TCP, as clients and brokers speak to each other. */
async function thereAndBack(context: BenchContext): Promise<Figure> {
  await using echo = await startGenerator('echo');
  const socket = connect(echo.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.setNoDelay(true);
  const values: number[] = [];
  for (let round = -1; round < context.rounds(15); round++) {
    const started = performance.now();
    for (let trip = 0; trip < roundTrips; trip++) {
      socket.write('x');
      await once(socket, 'data');
    }
    if (round >= 0) values.push(((performance.now() - started) / roundTrips) * 1000);
  }
  socket.destroy();
  return {label: 'a byte to another process and back', unit: 'µs', values};
}

export const machine: Bench = {
  name: 'machine',
  summary: 'how fast this machine is',
  async run(context) {
    return [await emptyScript(context), await thereAndBack(context)];
  },
};
