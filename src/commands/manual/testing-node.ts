/** tmq-testing(7) on Node.js: examples for its test runners, and the reference of tmq/testing. The tests run the examples. */

import type {ManualSection} from '../../cli/command.ts';

export const nodeFile = `import assert from 'node:assert/strict';
import {test} from 'node:test';
import mqtt from 'mqtt';
import {useBroker} from 'tmq/testing/node';

const broker = useBroker();

test('the lamp is on', async (t) => {
  const lamp = mqtt.connect(broker.url);
  t.after(() => lamp.end());
  lamp.publish('home/lamp', 'on');
  const message = await broker.waitFor('home/lamp');
  assert.equal(message.payload.toString(), 'on');
});`;

export const vitestFile = `import mqtt from 'mqtt';
import {test} from 'tmq/testing/vitest';
import {expect} from 'vitest';

test('the lamp is on', async ({broker, onTestFinished}) => {
  const lamp = mqtt.connect(broker.url);
  onTestFinished(() => void lamp.end());
  lamp.publish('home/lamp', 'on');
  const message = await broker.waitFor('home/lamp');
  expect(message.payload.toString()).toBe('on');
});`;

export const jestFile = `const mqtt = require('mqtt');
const {createBroker} = require('tmq/testing');

const broker = createBroker();
beforeAll(() => broker.restart());
beforeEach(() => broker.reset());
afterAll(() => broker.close());

test('the lamp is on', async () => {
  const lamp = mqtt.connect(broker.url);
  try {
    lamp.publish('home/lamp', 'on');
    const message = await broker.waitFor('home/lamp');
    expect(message.payload.toString()).toBe('on');
  } finally {
    lamp.end();
  }
});`;

export const scriptedFile = `import {startBroker} from 'tmq/testing';

const broker = await startBroker();
const lamp = await broker.client({clientId: 'lamp'});
await lamp.send('subscribe', {subscriptions: [{filter: 'home/#'}]});
await lamp.expect('suback', {reasonCodes: [0]});
broker.publish('home/lamp', 'on');
await lamp.expect('publish', {topic: 'home/lamp', payload: 'on'});
await lamp.close();
await broker.close();`;

export const nodeSection: ManualSection = {
  title: 'Node.js',
  text: [
    'The module tmq/testing starts a broker inside the process of the test. Brokers share nothing, so tests may run at the same time. It is for CommonJS and ES modules, and has types for TypeScript. The clients in these examples stand for the program that is tested.',
  ],
  parts: [
    {
      title: 'node:test',
      text: [
        'useBroker starts a broker for all tests of the file, or of the suite that calls it, and makes it as new before each. Tests that run at the same time each call startBroker instead.',
      ],
      literal: nodeFile.split('\n'),
    },
    {
      title: 'Vitest',
      text: [
        'Each test that names broker has one of its own. test.extend({brokerOptions: {tls: "auto"}}) makes a test whose broker has other options.',
      ],
      literal: vitestFile.split('\n'),
    },
    {
      title: 'Jest',
      text: ['Hooks start the broker, make it as new before each test, and close it.'],
      literal: jestFile.split('\n'),
    },
  ],
};

export const referenceSection: ManualSection = {
  title: 'The module tmq/testing',
  text: [
    'startBroker(options) resolves with a broker that runs; createBroker(options) returns one that restart() starts, for hooks. By close(), or with await using (in TypeScript, or from Node.js 24 on), the broker ends. Every wait takes {timeout, signal}: it rejects after four seconds, which is less than test runners allow, or when the signal aborts. The types of the package describe every field.',
  ],
  parts: [
    {
      title: 'Options',
      text: [],
      remarks: {
        port: 'The port on 127.0.0.1; by default a free one.',
        'tls, webSockets':
          'tls: "auto" also listens with TLS, with certificates made for this broker; webSockets: true for MQTT over WebSockets, and with tls for wss.',
        config: 'The text of a mosquitto.conf; its listeners take the place of the one on 127.0.0.1.',
        passwordFile: 'Accept only the users of this file, which tmq passwd writes.',
        'faults, seed': 'As --fault and --seed of tmq broker: faults: ["drop puback p=0.1"].',
        log: 'A function that gets the log, a line at a time.',
        'keepMessages, keepBytes':
          'The most messages, and bytes of payloads, that published holds: by default 10,000 and 64 MiB. The oldest go first.',
        authorize:
          'A function that decides what clients may do, beside password file and ACL file. It gets {action, clientId, user, password, topic}, where the action is "connect", "publish" or "subscribe", and returns true, false, or the reason code to refuse with, or a promise of that.',
        onPublish:
          'A function that gets each message before it is delivered and acknowledged. While its promise is pending, the message waits; an error refuses it.',
      },
    },
    {
      title: 'The broker',
      text: [],
      remarks: {
        'url, host, port':
          'Where clients connect: mqtt://127.0.0.1:40213. They stay the same after restart().',
        urls: 'The URLs of all listeners by their schemes: mqtt, mqtts, ws, wss, unix.',
        certificates: 'With tls, the paths of PEM files, such as caFile, which clients have to trust.',
        published:
          'The messages so far, in the order received: of clients, wills, and those of publish(). Each has source, clientId, topic, payload, qos, retain, duplicate and properties.',
        clients:
          'The clients that are connected: clientId, user, address, protocolVersion, keepAliveSeconds, subscriptions, will and more.',
        'waitFor(filter, {count, where})':
          'Resolves with the first message to a matching topic, or the last of count, for which where() is true: at once if it was published before. The error after the timeout names the topics that came instead.',
        'expectNothing(filter, milliseconds)':
          'Resolves when no message to a matching topic came during this time, and rejects when one does.',
        'connected(clientId)': 'Resolves with the client when it is connected.',
        'publish(topic, payload, {qos, retain, properties})': 'Publishes a message of the broker.',
        'retain([{topic, payload}])':
          'Sets retained messages, as if they had been published before the test.',
        'clear(), reset()':
          'clear() empties published. reset() makes the broker as new between two tests: it also removes retained messages and the sessions of clients that are not connected, and sets the faults to those of the start.',
        'setFaults(faults)': 'Replaces the faults, also for clients that are connected; [] ends them.',
        'disconnect(clientId, reasonCode)':
          'Disconnects a client with DISCONNECT, as an administrator would.',
        'dropConnections(clientId)':
          'Closes the connections of this client, or of all, as when the network fails.',
        'stop(), restart()':
          'stop() ends the broker as one that shuts down; restart() starts it again on the same ports, with its sessions and retained messages.',
        'client(options)': 'Resolves with a scripted client that is connected.',
        'close()': 'Ends the broker, and rejects the waits that are pending.',
      },
    },
    {
      title: 'Scripted clients',
      text: [
        'A client that sends exactly what the test says, and answers nothing by itself, for edge cases of brokers and clients. scriptedClient(url, options) connects one to any broker. send(name, fields) sends a packet, sendBytes(bytes) what is none. expect(name, fields) wants the next packet to have this name and these fields; find() passes over others; next() takes any. expectNothing(milliseconds) and expectClosed() wait for no packet, and for the end of the connection. drop() closes it without DISCONNECT, close() with it.',
      ],
      literal: scriptedFile.split('\n'),
    },
  ],
};
