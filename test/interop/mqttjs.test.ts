// needs: openssl
/** MQTT.js, the npm package, on our broker: over tcp, tls, ws and wss, in each version of the protocol. */

import assert from 'node:assert/strict';
import {readFile} from 'node:fs/promises';
import {after, before, describe, it} from 'node:test';
import {connectAsync} from 'mqtt';
import {exercise, expectedExercise} from '../support/exercise.ts';
import {type FourListeners, schemes, startFourListeners} from '../support/four-listeners.ts';

describe('MQTT.js on our broker', {concurrency: true}, () => {
  let broker: FourListeners;
  before(async () => {
    broker = await startFourListeners();
  });
  after(() => broker[Symbol.asyncDispose]());

  for (const scheme of schemes) {
    for (const protocolVersion of [3, 4, 5] as const) {
      it(`${scheme}, protocol version ${protocolVersion}: every QoS, retained messages, a will`, async () => {
        const name = `${scheme}-${protocolVersion}`;
        const found = await exercise(connectAsync, {
          url: broker.url(scheme),
          name,
          client: {
            protocolVersion,
            ...(protocolVersion === 3 ? {protocolId: 'MQIsdp'} : {}),
            ca: [await readFile(broker.certificate, 'utf8')],
          },
        });
        assert.deepEqual(found, expectedExercise(name, protocolVersion));
      });
    }
  }
});
