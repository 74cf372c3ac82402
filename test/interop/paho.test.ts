/** Debian's paho-mqtt for Python on our broker: over tcp, tls, ws and wss, in each version of the protocol. */
// needs: openssl, paho-mqtt

import assert from 'node:assert/strict';
import {join} from 'node:path';
import {after, before, describe, it} from 'node:test';
import {expectedExercise} from '../support/exercise.ts';
import {type FourListeners, schemes, startFourListeners} from '../support/four-listeners.ts';
import {run} from '../support/spawn.ts';

/** Debian's own interpreter: its modules are not those of another python3 in the PATH. */
const python = '/usr/bin/python3';
const script = join(import.meta.dirname, '..', 'support', 'paho-exercise.py');

describe('paho-mqtt on our broker', {concurrency: 4}, () => {
  let broker: FourListeners;
  before(async () => {
    broker = await startFourListeners();
  });
  after(() => broker[Symbol.asyncDispose]());

  for (const scheme of schemes) {
    for (const protocolVersion of scheme === 'mqtt' ? [3, 4, 5] : [4, 5]) {
      it(`${scheme}, protocol version ${protocolVersion}: every QoS, retained messages, a will`, async () => {
        const name = `${scheme}-${protocolVersion}`;
        const args = [script, broker.url(scheme), name, `${protocolVersion}`, broker.certificate];
        const {stdout, stderr, exitCode} = await run(python, args);
        assert.deepEqual([exitCode, stderr], [0, '']);
        assert.deepEqual(JSON.parse(stdout.toString()), expectedExercise(name, protocolVersion));
      });
    }
  }
});
