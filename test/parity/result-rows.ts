/** Scenarios of servers that refuse, do not answer or send malformed packets: how each client ends, and its messages. */

import type {Packet} from '../support/fake-broker.ts';
import type {Scenario} from '../support/scenario.ts';
import type {Row} from './expectation.ts';

type Server = NonNullable<Scenario['server']>;

const pub = ['-t', '{topic}', '-m', 'x'];
const five = ['-V', '5'];

/** Takes the publication, and answers it like this. */
function answering(answer: (messageId: number) => Packet): Server {
  return async (connection) => {
    await connection.accept();
    const {messageId} = await connection.next('publish');
    connection.send(answer(Number(messageId)));
    await connection.idle();
  };
}

function refusing(code: number): Server {
  return async (connection) => {
    await connection.next('connect');
    connection.send({cmd: 'connack', returnCode: code, reasonCode: code, sessionPresent: false});
    await connection.closed;
  };
}

const twice = {because: 'mosquitto_pub says it twice', voice: 'lines'} as const;

const returnTexts: Readonly<Record<number, RegExp>> = {
  1: /Connection error: Connection Refused: unacceptable protocol version/,
  2: /Connection error: Connection Refused: identifier rejected/,
  3: /Connection error: Connection Refused: broker unavailable/,
  4: /Connection error: Connection Refused: bad user name or password/,
  5: /Connection error: Connection Refused: not authorised/,
};

const reasonTexts: Readonly<Record<number, string>> = {
  128: 'Unspecified error',
  133: 'Client Identifier not valid',
  134: 'Bad User Name or Password',
  136: 'Server unavailable',
  137: 'Server busy',
  138: 'Banned',
  151: 'Quota exceeded',
  156: 'Use another server',
};

export const resultRows: readonly Row[] = [
  ...Object.entries(returnTexts).map(
    ([code, says]): Row => ({
      name: `CONNACK ${code} of version 3.1.1`,
      shows: ['1.11: CONNACK refused', '8: 1 to 5'],
      tool: 'pub',
      words: pub,
      server: refusing(Number(code)),
      expect: {voice: 'line', status: Number(code), says},
      mosquitto: {...twice, wire: 'any'},
    }),
  ),
  ...Object.entries(reasonTexts).map(
    ([code, text]): Row => ({
      name: `CONNACK ${code} of version 5`,
      shows: ['1.11: CONNACK refused', '8: 128 and above', '8: reason texts'],
      tool: 'pub',
      words: [...pub, ...five],
      server: refusing(Number(code)),
      expect: {voice: 'line', status: Number(code), says: new RegExp(`Connection error: ${text}`)},
      mosquitto: {...twice, wire: 'any'},
    }),
  ),
  {
    name: 'CONNACK 132 advises another version',
    shows: ['1.11: CONNACK refused'],
    tool: 'sub',
    words: ['-t', '{topic}', ...five],
    server: refusing(132),
    expect: {voice: 'line', status: 132, says: /Unsupported Protocol Version.*(mqttv311|v3\.x)/},
    mosquitto: {
      because: 'only the sentence differs',
      says: /Unsupported Protocol Version/,
      voice: 'any',
      wire: 'any',
    },
  },
  ...(['sub', 'rr'] as const).map(
    (tool): Row => ({
      name: 'a refused CONNACK',
      shows: ['4.4: CONNACK refused', '5: CONNACK refused', '9: Q15'],
      tool,
      words: tool === 'sub' ? ['-t', '{topic}'] : [...pub, '-e', '{topic}/e', '-V', '311'],
      server: refusing(5),
      expect: {voice: 'line', status: 5, says: /Connection Refused: not authorised/},
      mosquitto: {
        because: 'mosquitto_rr takes the words of version 5 (Q15)',
        says: tool === 'rr' ? /Unknown reason/ : /not authorised/,
        wire: 'any',
      },
    }),
  ),
  {
    name: 'PUBACK 16 is success',
    shows: ['3.5: success'],
    tool: 'pub',
    words: [...pub, ...five, '-q', '1'],
    server: answering((messageId) => ({cmd: 'puback', messageId, reasonCode: 16})),
    expect: {sent: [{packet: 'DISCONNECT'}]},
  },
  ...[128, 131, 135, 144, 151, 153].flatMap((code) =>
    (['puback', 'pubrec'] as const).map(
      (cmd): Row => ({
        name: `${cmd} ${code}`,
        shows: ['3.5: refused', '8: 128 and above', '9: Q6'],
        tool: 'pub',
        words: [...pub, ...five, '-q', cmd === 'puback' ? '1' : '2'],
        server: answering((messageId) => ({
          cmd,
          messageId,
          reasonCode: code,
          properties: {reasonString: 'because'},
        })),
        expect: {voice: 'line', status: code, says: /^Error: Publish refused: .* \(because\)\.\n$/},
        mosquitto: {
          because: 'mosquitto_pub warns and ends with 0; after PUBREC without the reason string (Q6)',
          status: 0,
          voice: 'any',
          says: /^Warning: Publish 1 failed/,
        },
      }),
    ),
  ),
  {
    name: 'a PUBACK with an impossible code',
    shows: ['3.5: illegal code', '8: 2'],
    tool: 'pub',
    words: [...pub, ...five, '-q', '1'],
    server: async (connection) => {
      await connection.accept();
      await connection.next('publish');
      connection.sendBytes(Buffer.from([0x40, 3, 0, 1, 0x42]));
      await connection.closed;
    },
    expect: {voice: 'line', status: 2, says: /not allowed in MQTT/},
    mosquitto: {because: 'mosquitto 2.0 takes any code', status: 0, voice: 'silent', says: /^$/, wire: 'any'},
  },
  {
    name: 'the answer of version 3 to a CONNECT of version 5',
    shows: ['3.5: CONNACK of two bytes', '8: 21'],
    tool: 'pub',
    words: [...pub, ...five],
    server: async (connection) => {
      await connection.next('connect');
      connection.sendBytes(Buffer.from([0x20, 2, 0, 1]));
      await connection.closed;
    },
    expect: {voice: 'line', status: 1, says: /unacceptable protocol version/},
    mosquitto: {
      because: 'tmq keeps the code as it came; mosquitto 2.0 makes it 132, and 2.1 calls it malformed (21)',
      status: 132,
      voice: 'lines',
      says: /Unsupported Protocol Version/,
      wire: 'any',
    },
  },
  {
    name: 'the server disconnects before it has acknowledged',
    shows: ['3.5: server DISCONNECT', '8: 4'],
    tool: 'pub',
    words: [...pub, ...five, '-q', '1'],
    server: async (connection) => {
      await connection.accept();
      await connection.next('publish');
      connection.send({cmd: 'disconnect', reasonCode: 139});
      await connection.closed;
    },
    expect: {voice: 'line', status: 4, says: /Server shutting down/},
    mosquitto: {because: 'only the sentence differs', says: /not currently connected/, wire: 'any'},
  },
  {
    name: 'Q7: the server disconnects with reason 0 before it has acknowledged',
    shows: ['3.5: server DISCONNECT', '9: Q7'],
    tool: 'pub',
    words: [...pub, ...five, '-q', '1'],
    server: async (connection) => {
      await connection.accept();
      await connection.next('publish');
      connection.send({cmd: 'disconnect', reasonCode: 0});
      await connection.closed;
    },
    expect: {voice: 'line', status: 4, says: /ended the connection/},
    mosquitto: {
      because: 'to mosquitto_pub that is success (Q7)',
      voice: 'silent',
      status: 0,
      says: /^$/,
      wire: 'any',
    },
  },
  {
    name: 'the connection is closed before the acknowledgement',
    shows: ['3.5: closed', '8: 7'],
    tool: 'pub',
    words: [...pub, '-q', '1'],
    server: async (connection) => {
      await connection.accept();
      await connection.next('publish');
    },
    expect: {voice: 'line', status: 7, says: /was lost/},
    mosquitto: {because: 'only the sentence differs', says: /connection was lost/, wire: 'any'},
  },
  {
    name: 'the connection is closed before CONNACK',
    shows: ['3.5: closed'],
    tool: 'pub',
    words: pub,
    server: async (connection) => {
      await connection.next('connect');
    },
    expect: {voice: 'line', status: 7, says: /was lost|closed the connection/},
  },
  {
    name: 'the connection is closed before the response',
    shows: ['5: reconnect'],
    tool: 'rr',
    words: [...pub, '-e', '{topic}/e'],
    server: async (connection) => {
      await connection.accept();
      const {messageId} = await connection.next('subscribe');
      connection.send({cmd: 'suback', messageId, granted: [0]});
      await connection.next('publish');
    },
    expect: {voice: 'line', status: 7, says: /was lost/},
    mosquitto: {because: 'only the sentence differs', says: /connection was lost/, wire: 'any'},
  },
  {
    name: 'the server disconnects before the response',
    shows: ['5: server DISCONNECT', '9: Q6'],
    tool: 'rr',
    words: [...pub, '-e', '{topic}/e'],
    server: async (connection) => {
      await connection.accept();
      const {messageId} = await connection.next('subscribe');
      connection.send({cmd: 'suback', messageId, granted: [0]});
      await connection.next('publish');
      connection.send({cmd: 'disconnect', reasonCode: 139});
      await connection.closed;
    },
    expect: {voice: 'line', status: 4, says: /Server shutting down/},
    mosquitto: {
      because: 'mosquitto_rr says nothing and ends with 0 (Q6)',
      voice: 'silent',
      status: 0,
      says: /^$/,
      wire: 'any',
    },
  },
  {
    name: 'a refused subscription',
    shows: ['5: SUBACK refused', '9: Q6'],
    tool: 'rr',
    words: [...pub, '-e', '{topic}/e'],
    server: async (connection) => {
      await connection.accept();
      const {messageId} = await connection.next('subscribe');
      connection.send({cmd: 'suback', messageId, granted: [135]});
      await connection.idle();
    },
    expect: {voice: 'line', status: 135, says: /denied.*Not authorized/},
    mosquitto: {
      because: 'mosquitto_rr ends with 0 (Q6)',
      status: 0,
      voice: 'any',
      says: /Not authorized/,
      wire: 'any',
    },
  },
  {
    name: 'all subscriptions denied',
    shows: ['4.2: all denied', '4.4: all denied', '9: Q6'],
    tool: 'sub',
    words: ['-t', '{topic}/a', '-t', '{topic}/b'],
    server: async (connection) => {
      await connection.accept();
      const {messageId} = await connection.next('subscribe');
      connection.send({cmd: 'suback', messageId, granted: [128, 128]});
      await connection.idle();
    },
    expect: {voice: 'line', status: 128, says: /All subscription requests were denied/},
    mosquitto: {because: 'mosquitto_sub ends with 0 (Q6)', status: 0},
  },
  {
    name: 'some subscriptions denied',
    shows: ['4.2: partly denied'],
    tool: 'sub',
    words: ['-t', '{topic}/a', '-t', '{topic}/b', ...five, '-E'],
    server: async (connection) => {
      await connection.accept();
      const {messageId} = await connection.next('subscribe');
      connection.send({cmd: 'suback', messageId, granted: [0, 135]});
      await connection.idle();
    },
    expect: {
      voice: 'line',
      says: /^Warning: the broker denied the subscription to 'TOPIC\/b' \(Not authorized\)/,
    },
    mosquitto: {because: 'mosquitto_sub does not tell', voice: 'silent', says: /^$/},
  },
  {
    name: 'a session that should not be there',
    shows: ['1.6: session present on clean start', '8: 2'],
    tool: 'sub',
    words: ['-t', '{topic}'],
    server: async (connection) => {
      await connection.accept({sessionPresent: true});
      await connection.closed;
    },
    expect: {voice: 'line', status: 2, says: /kept a session/},
    mosquitto: 'newer',
  },
  {
    name: 'the server knows no retained messages',
    shows: ['3.2: -r'],
    tool: 'pub',
    words: [...pub, ...five, '-r', '-q', '1'],
    server: async (connection) => {
      await connection.accept({properties: {retainAvailable: false}});
      const {messageId} = await connection.next('publish');
      connection.send({cmd: 'puback', messageId, reasonCode: 0});
      await connection.idle();
    },
    expect: {
      voice: 'line',
      says: /^Warning: The broker retains no/,
      sent: [{packet: 'PUBLISH', retain: false}],
    },
    mosquitto: {because: 'mosquitto_pub drops the flag without a word (G9)', voice: 'silent', says: /^$/},
  },
  {
    name: 'the server knows no QoS 2',
    shows: ['3.2: -q', '8: 24'],
    tool: 'pub',
    words: [...pub, ...five, '-q', '2'],
    server: async (connection) => {
      await connection.accept({properties: {maximumQoS: 1}});
      await connection.idle();
    },
    expect: {
      voice: 'line',
      status: 24,
      says: /Message QoS not supported on broker, try a lower QoS\./,
      sent: [],
    },
    mosquitto: {
      because: 'mosquitto_pub 2.0 ends with 0, 2.1 with 7, with -l with 24',
      status: 0,
      voice: 'any',
      wire: 'any',
    },
  },
  {
    name: '-l, and the server knows no QoS 2',
    shows: ['3.3: publish error', '8: 24'],
    tool: 'pub',
    words: ['-t', '{topic}', '-l', ...five, '-q', '2'],
    input: 'one\n',
    server: async (connection) => {
      await connection.accept({properties: {maximumQoS: 1}});
      await connection.idle();
    },
    expect: {voice: 'lines', status: 24, says: /1 of the 1 lines read were not acknowledged\.\nError: .*QoS/},
    mosquitto: {
      because: 'tmq also says how many lines were not sent',
      voice: 'any',
      says: /QoS/,
      wire: 'any',
    },
  },
  {
    name: 'a message larger than the server takes',
    shows: ['3.5: local failure', '8: 25'],
    tool: 'pub',
    words: ['-t', '{topic}', '-m', 'x'.repeat(200), ...five],
    server: async (connection) => {
      await connection.accept({properties: {maximumPacketSize: 100}});
      await connection.idle();
    },
    expect: {voice: 'line', status: 25, says: /larger than supported by the server/},
    mosquitto: {
      because: 'mosquitto_pub 2.0 ends with 0, 2.1 with 7, with -l with 25',
      status: 0,
      voice: 'silent',
      says: /^$/,
      wire: 'any',
    },
  },
  {
    name: 'the server wants no more than so many at a time',
    shows: ['1.2: -M'],
    tool: 'pub',
    words: ['-t', '{topic}', '-l', ...five, '-q', '1', '-M', '2'],
    input: 'one\ntwo\nthree\n',
    server: async (connection) => {
      await connection.accept();
      const first = await connection.next('publish');
      const second = await connection.next('publish');
      for (const {messageId} of [first, second]) connection.send({cmd: 'puback', messageId, reasonCode: 0});
      const {messageId} = await connection.next('publish');
      connection.send({cmd: 'puback', messageId, reasonCode: 0});
      await connection.idle();
    },
    expect: {sent: ['one', 'two', 'three'].map((payload) => ({packet: 'PUBLISH', payload}))},
  },
  {
    name: 'no broker',
    shows: ['1.11: refused', '8: 1', '9: Q5'],
    tool: 'pub',
    words: pub,
    closedPort: true,
    expect: {voice: 'line', status: 1, says: /^Error: Connection refused/},
  },
  ...(['sub', 'rr'] as const).map(
    (tool): Row => ({
      name: 'no broker',
      shows: ['1.11: refused', '4.1: the first connection'],
      tool,
      words: tool === 'sub' ? ['-t', '{topic}'] : [...pub, '-e', 'e'],
      closedPort: true,
      expect: {voice: 'line', status: 1, says: /^Error: Connection refused/},
    }),
  ),
  {
    name: 'no broker, with --quiet',
    shows: ['1.2: --quiet'],
    tool: 'pub',
    words: [...pub, '--quiet'],
    closedPort: true,
    expect: {status: 1},
  },
  {
    name: 'there is no such host',
    shows: ['1.11: DNS', '8: 1'],
    tool: 'pub',
    words: [...pub, '-h', 'no-such-host.invalid'],
    closedPort: true,
    expect: {voice: 'line', status: 1, says: /Cannot find the host name no-such-host\.invalid/},
    mosquitto: {because: 'only the sentence differs', says: /Lookup error/},
  },
  {
    name: 'there is no such unix socket',
    shows: ['1.11: refused', '1.2: --unix'],
    tool: 'pub',
    words: [...pub, '--unix', '{directory}/socket'],
    closedPort: true,
    expect: {voice: 'line', status: 1, says: /There is no unix socket DIRECTORY\/socket/},
    mosquitto: {because: 'only the sentence differs', says: /No such file/},
  },
  {
    name: 'a local address that is not here',
    shows: ['1.2: -A', '1.11: refused'],
    tool: 'pub',
    words: [...pub, '-A', '192.0.2.1'],
    closedPort: true,
    expect: {voice: 'line', status: 1, says: /192\.0\.2\.1/},
    mosquitto: {because: 'only the sentence differs', says: /./},
  },
  {
    name: 'a CA file that is not there',
    shows: ['1.9: --cafile'],
    tool: 'pub',
    words: [...pub, '--cafile', '{directory}/ca'],
    closedPort: true,
    expect: {voice: 'line', status: 1, says: /DIRECTORY\/ca/},
    mosquitto: {because: 'only the sentence differs', says: /Problem setting TLS options/},
  },
];
