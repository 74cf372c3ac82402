/** SCRAM as the broker, packet by packet; the client's messages are those that a unit test holds to RFC 7677. */

import assert from 'node:assert/strict';
import {before, describe, it} from 'node:test';
import {fileAccess} from '../../src/broker/access/access.ts';
import {schemes} from '../../src/password/hash.ts';
import {ScramClient} from '../../src/password/scram.ts';
import type {ScramMethod} from '../../src/password/scram-methods.ts';
import {type PacketClient, packetBroker, plainListener, type Said} from '../support/packet-client.ts';

const method = 'SCRAM-SHA-256';

const account = async (name: ScramMethod, password: string) => {
  const scheme = schemes.find((each) => each.name === name.toLowerCase())!;
  return await scheme.hash(Buffer.from(password), 4096);
};

let users: string;
before(async () => {
  users = [
    `ann:${await account('SCRAM-SHA-256', 'pencil')}`,
    `bob:${await account('SCRAM-SHA-512', 'crayon')}`,
    `cid:${await schemes[0]!.hash(Buffer.from('plain'))}`,
    '',
  ].join('\n');
});

const listener = {...plainListener, allowAnonymous: false, passwordFile: 'users', aclFile: 'acl'};
const acl = 'user ann\ntopic readwrite a/#\n';

/** A broker with the users above, or those given. */
function brokerWithUsers(content = users) {
  const files = {users: content, acl};
  const access = fileAccess([listener], (path) => Buffer.from(files[path as keyof typeof files]));
  const broker = packetBroker({access, listener});
  const reload = (next: string) => {
    files.users = next;
    access.prepareReload([listener])();
    broker.broker.permissionsChanged();
  };
  return {broker, reload};
}

interface Properties {
  readonly authenticationMethod?: string;
  readonly authenticationData?: Buffer;
}

const propertiesOf = ({properties}: Said) => (properties ?? {}) as Properties;
const dataOf = (packet: Said) => String(propertiesOf(packet).authenticationData);

const connectPacket = (
  data: string | undefined,
  more: Record<string, unknown> = {},
  by: string = method,
) => ({
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 5,
  clean: true,
  keepalive: 0,
  clientId: 'c',
  properties: {
    authenticationMethod: by,
    ...(data === undefined ? {} : {authenticationData: Buffer.from(data)}),
  },
  ...more,
});

const auth = (reasonCode: number, data: string, by: string = method) => ({
  cmd: 'auth',
  reasonCode,
  properties: {authenticationMethod: by, authenticationData: Buffer.from(data)},
});

/** CONNECT, AUTH both ways; then the client expects CONNACK. */
async function authenticate(
  client: PacketClient,
  {username = 'ann', password = 'pencil', by = method as ScramMethod, connect = {}} = {},
): Promise<{readonly scram: ScramClient; readonly challenge: Said}> {
  const scram = new ScramClient(by, {username, password});
  client.send(connectPacket(scram.first, connect, by));
  const challenge = await client.expect('auth');
  client.send(auth(0x18, await scram.answer(dataOf(challenge)), by));
  return {scram, challenge};
}

describe('logging in', () => {
  it('MQTT-4.12.0-2, MQTT-4.12.0-5: AUTH goes on with 0x18, and every packet has the method', async () => {
    const {broker} = brokerWithUsers();
    await using _broker = broker;
    const client = broker.open(5);
    const {scram, challenge} = await authenticate(client);
    assert.equal(challenge.reasonCode, 0x18);
    assert.equal(propertiesOf(challenge).authenticationMethod, method);
    const connack = await client.expect('connack');
    assert.equal(connack.reasonCode, 0);
    assert.equal(propertiesOf(connack).authenticationMethod, method);
    assert.ok(scram.verify(dataOf(connack)), 'the broker proves that it has the account');
    assert.ok(broker.log.some((line) => /New client connected .* as c \(p5, c1, k0, u'ann'\)/.test(line)));
  });

  it('takes SHA-512 for a user with such an account', async () => {
    const {broker} = brokerWithUsers();
    await using _broker = broker;
    const client = broker.open(5);
    const {scram} = await authenticate(client, {username: 'bob', password: 'crayon', by: 'SCRAM-SHA-512'});
    assert.ok(scram.verify(dataOf(await client.expect('connack'))));
  });

  it("access rights are the user's", async () => {
    const {broker} = brokerWithUsers();
    await using _broker = broker;
    const client = broker.open(5);
    await authenticate(client);
    await client.expect('connack');
    for (const [topic, reasonCode] of [
      ['a/b', 0x10],
      ['b', 0x87],
    ] as const) {
      client.send({cmd: 'publish', topic, payload: 'x', qos: 1, messageId: 1, retain: false, dup: false});
      assert.equal((await client.expect('puback')).reasonCode, reasonCode);
    }
  });

  it('MQTT-4.12.0-4: a wrong password is refused with 0x87, and ends the connection', async () => {
    const {broker} = brokerWithUsers();
    await using _broker = broker;
    const client = broker.open(5);
    await authenticate(client, {password: 'pencils'});
    assert.equal((await client.expect('connack')).reasonCode, 0x87);
    await client.expectEnd();
  });

  it('a name without account is answered like one with it', async () => {
    const {broker} = brokerWithUsers();
    await using _broker = broker;
    const challenges: string[] = [];
    for (const username of ['ann', 'nemo', 'nemo', 'bob', 'cid']) {
      const client = broker.open(5);
      const {challenge} = await authenticate(client, {username, password: 'wrong'});
      challenges.push(dataOf(challenge).replace(/r=[^,]*/, ''));
      assert.equal((await client.expect('connack')).reasonCode, 0x87);
      await client.expectEnd();
    }
    for (const challenge of challenges) assert.match(challenge, /^,s=[A-Za-z\d+/]{22}==,i=4096$/);
    assert.equal(challenges[1], challenges[2], 'the salt of a name is always the same');
    assert.equal(new Set(challenges).size, 4, 'and never that of another');
    const {broker: restarted} = brokerWithUsers();
    await using _restarted = restarted;
    const client = restarted.open(5);
    const {challenge} = await authenticate(client, {username: 'nemo', password: 'wrong'});
    assert.equal(dataOf(challenge).replace(/r=[^,]*/, ''), challenges[1], 'also after a restart');
  });

  it('a user name in CONNECT has to be the same user', async () => {
    const {broker} = brokerWithUsers();
    await using _broker = broker;
    for (const [username, reasonCode] of [
      ['ann', 0],
      ['bob', 0x87],
    ] as const) {
      const client = broker.open(5);
      await authenticate(client, {connect: {username}});
      assert.equal((await client.expect('connack')).reasonCode, reasonCode, username);
    }
  });

  it('a method that no user has is refused with 0x8C', async () => {
    const {broker} = brokerWithUsers(users.replace(/^bob.*\n/m, ''));
    await using _broker = broker;
    for (const by of ['SCRAM-SHA-512', 'SCRAM-SHA-1', 'x']) {
      const client = broker.open(5);
      client.send(connectPacket('n,,n=ann,r=abc', {}, by));
      assert.equal((await client.expect('connack')).reasonCode, 0x8c, by);
      await client.expectEnd();
    }
  });

  it('a client-first-message that is none is refused with 0x87', async () => {
    const {broker} = brokerWithUsers();
    await using _broker = broker;
    for (const data of [undefined, '', 'p=tls-exporter,,n=ann,r=abc', 'n,a=bob,n=ann,r=abc']) {
      const client = broker.open(5);
      client.send(connectPacket(data));
      assert.equal((await client.expect('connack')).reasonCode, 0x87, data);
      await client.expectEnd();
    }
  });

  it('MQTT-3.1.2-30: nothing but AUTH and DISCONNECT may come before CONNACK', async () => {
    const {broker} = brokerWithUsers();
    await using _broker = broker;
    const open = async () => {
      const client = broker.open(5);
      client.send(connectPacket('n,,n=ann,r=abc'));
      await client.expect('auth');
      return client;
    };
    for (const packet of [
      {cmd: 'pingreq'},
      {cmd: 'publish', topic: 'a', payload: 'x', qos: 0, retain: false, dup: false},
      connectPacket('n,,n=ann,r=abc'),
    ]) {
      const client = await open();
      client.send(packet);
      assert.equal((await client.expect('connack')).reasonCode, 0x82, packet.cmd);
      await client.expectEnd();
    }
    const client = await open();
    client.send({cmd: 'disconnect', reasonCode: 0});
    await client.expectEnd();
  });

  it('MQTT-4.12.0-3: the answer to AUTH is AUTH with 0x18 and the same method', async () => {
    const {broker} = brokerWithUsers();
    await using _broker = broker;
    for (const packet of [auth(0x19, 'x'), auth(0x18, 'x', 'SCRAM-SHA-512')]) {
      const client = broker.open(5);
      client.send(connectPacket('n,,n=ann,r=abc'));
      await client.expect('auth');
      client.send(packet);
      assert.equal((await client.expect('connack')).reasonCode, 0x82);
      await client.expectEnd();
    }
  });

  it('a client that does not answer is disconnected after the time for CONNECT', async () => {
    const {broker} = brokerWithUsers();
    await using _broker = broker;
    const client = broker.open(5);
    client.send(connectPacket('n,,n=ann,r=abc'));
    await client.expect('auth');
    broker.advance(31);
    await client.expectEnd();
  });

  it('MQTT-3.1.2-24: no AUTH that is larger than the client allows', async () => {
    const {broker} = brokerWithUsers();
    await using _broker = broker;
    const client = broker.open(5);
    const packet = connectPacket('n,,n=ann,r=abc');
    client.send({...packet, properties: {...packet.properties, maximumPacketSize: 40}});
    assert.equal((await client.expect('connack')).reasonCode, 0x95);
    await client.expectEnd();
  });

  it('a password that is sent counts, too', async () => {
    const {broker} = brokerWithUsers();
    await using _broker = broker;
    for (const [password, reasonCode] of [
      ['pencil', 0],
      ['pencils', 0x87],
    ] as const) {
      const {connack} = await broker.connect('p', {
        version: 5,
        username: 'ann',
        password: Buffer.from(password),
      });
      assert.equal(connack.reasonCode, reasonCode);
    }
  });

  it('a client whose password is set anew is disconnected at the next reload', async () => {
    const {broker, reload} = brokerWithUsers();
    await using _broker = broker;
    const client = broker.open(5);
    await authenticate(client);
    await client.expect('connack');
    reload(users);
    client.send({cmd: 'pingreq'});
    await client.expect('pingresp');
    reload(users.replace(/^ann:.*/m, `ann:${await account('SCRAM-SHA-256', 'pencil')}`));
    assert.equal((await client.expect('disconnect')).reasonCode, 0x87);
    await client.expectEnd();
  });
});

describe('logging in again', () => {
  const loggedIn = async (broker: ReturnType<typeof brokerWithUsers>['broker']) => {
    const client = broker.open(5);
    await authenticate(client);
    await client.expect('connack');
    return client;
  };

  it('MQTT-4.12.1-1: AUTH 0x19 begins an exchange that ends with AUTH 0x00', async () => {
    const {broker} = brokerWithUsers();
    await using _broker = broker;
    const client = await loggedIn(broker);
    const scram = new ScramClient(method, {username: 'ann', password: 'pencil'});
    client.send(auth(0x19, scram.first));
    const challenge = await client.expect('auth');
    assert.equal(challenge.reasonCode, 0x18);
    // Other packets are handled meanwhile.
    client.send({cmd: 'pingreq'});
    await client.expect('pingresp');
    client.send(auth(0x18, await scram.answer(dataOf(challenge))));
    const success = await client.expect('auth');
    assert.equal(success.reasonCode, 0);
    assert.ok(scram.verify(dataOf(success)));
    client.send(auth(0x19, scram.first, 'SCRAM-SHA-512'));
    assert.equal((await client.expect('disconnect')).reasonCode, 0x82, 'with another method');
    await client.expectEnd();
  });

  for (const [what, credentials] of [
    ['a wrong password', {username: 'ann', password: 'pencils'}],
    ['another user', {username: 'eve', password: 'pencil'}],
  ] as const) {
    it(`MQTT-4.12.1-2: ${what} ends the connection with 0x87`, async () => {
      const {broker} = brokerWithUsers(`${users}eve:${await account('SCRAM-SHA-256', 'pencil')}\n`);
      await using _broker = broker;
      const client = await loggedIn(broker);
      const scram = new ScramClient(method, credentials);
      client.send(auth(0x19, scram.first));
      client.send(auth(0x18, await scram.answer(dataOf(await client.expect('auth')))));
      assert.equal((await client.expect('disconnect')).reasonCode, 0x87);
      await client.expectEnd();
    });
  }

  it('an AUTH that continues nothing is a protocol error', async () => {
    const {broker} = brokerWithUsers();
    await using _broker = broker;
    const client = await loggedIn(broker);
    client.send(auth(0x18, 'x'));
    assert.equal((await client.expect('disconnect')).reasonCode, 0x82);
    await client.expectEnd();
  });
});
