/** The end of a connection whose socket closes while packets that came on it wait. */

import assert from 'node:assert/strict';
import {duplexPair} from 'node:stream';
import {test} from 'node:test';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {ClientConnection} from '../../../../src/client/connection/client-connection.ts';
import {createMinimalClient} from '../../../../src/client/connection/minimal-client.ts';
import {PacketIdentifiers} from '../../../../src/client/connection/packet-ids.ts';
import {ReceivedQos2} from '../../../../src/client/connection/received-qos2.ts';
import {Violation} from '../../../../src/protocol/packet-violation.ts';
import {ReasonCode} from '../../../../src/protocol/reason-codes.ts';
import {sessionOptions} from '../../../support/sessions.ts';

const connack = Buffer.of(0x20, 2, 0, 0);
const pingresp = Buffer.of(0xd0, 0);

for (const fastPath of [true, false]) {
  const name = fastPath ? 'on the fast path' : 'without the fast path';

  test(`a broken rule closes a connection whose socket is gone, ${name}`, {timeout: 10_000}, async () => {
    const [stream, server] = duplexPair();
    const connection = new ClientConnection({
      stream,
      options: sessionOptions(1, {protocolVersion: 4}),
      clientId: 'tester',
      identifiers: new PacketIdentifiers(),
      receivedQos2: new ReceivedQos2(),
      events: {
        messages: {offered: () => 'later', begun: () => undefined, flush: () => undefined},
        acknowledged: () => undefined,
        assigned: () => undefined,
      },
      signal: new AbortController().signal,
      createClient: createMinimalClient,
      fastPath,
      pipelined: false,
    });
    server.resume();
    // On the fast path, what follows CONNACK waits for `start`, and the end of the socket behind it.
    server.write(Buffer.concat([connack, pingresp]));
    await connection.accepted;
    stream.destroy();
    await nextTurn();
    connection.fail(new Violation('it broke a rule', ReasonCode.protocolError));
    await connection.closed;
    assert.equal(connection.isOpen, false);
  });
}
