/** The shared options: which connection they mean, and which of them do not go together. */

import assert from 'node:assert/strict';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {PassThrough} from 'node:stream';
import {test} from 'node:test';
import {parse} from '../../../../src/cli/parse.ts';
import type {ConnectionPlan} from '../../../../src/commands/client/client-options.ts';
import {resolveConnection} from '../../../../src/commands/client/resolve-connection.ts';
import {pub} from '../../../../src/commands/pub/pub.ts';
import {rr} from '../../../../src/commands/rr/rr.ts';
import {sub} from '../../../../src/commands/sub/sub.ts';
import {TmqError, UsageError} from '../../../../src/errors.ts';
import type {Io} from '../../../../src/io/process.ts';

function pubPlan(...words: readonly string[]) {
  return pub.plan(parse(pub, ['-t', 't', '-m', 'm', ...words]).values, []);
}

function subPlan(...words: readonly string[]) {
  return sub.plan(parse(sub, words).values, []);
}

const connection = (...words: readonly string[]): ConnectionPlan => pubPlan(...words).client.connection;
const endpoint = (...words: readonly string[]) => connection(...words).endpoint;

function refuses(words: readonly string[], message: string | RegExp): void {
  assert.throws(() => connection(...words), {name: 'UsageError', message}, words.join(' '));
}

test('has every default', () => {
  assert.deepEqual(connection(), {
    endpoint: {transport: 'tcp', host: 'localhost', port: 1883},
    protocolVersion: 4,
    clientId: {kind: 'random'},
    clean: true,
    keepaliveSeconds: 60,
    maxInflight: 20,
    connectTimeoutSeconds: 30,
  });
  const plan = pubPlan().client;
  assert.deepEqual([plan.debug, plan.quiet, plan.color], [false, false, 'auto']);
});

test('--auth-method sets MQTT 5, and stands where -V does', () => {
  const words = ['-u', 'u', '-P', 'p', '--auth-method', 'SCRAM-SHA-512'];
  for (const plan of [connection(...words), connection('-V', '311', ...words)]) {
    assert.deepEqual([plan.protocolVersion, plan.authMethod], [5, 'SCRAM-SHA-512']);
  }
  refuses([...words, '-V', '311'], /before MQTT 5/);
});

test('knows the default ports', () => {
  const ports: readonly (readonly [number, ...string[]])[] = [
    [1883],
    [8883, '--cafile', 'f'],
    [8883, '--capath', 'd'],
    [8883, '--psk', 'aa', '--psk-identity', 'i'],
    [1883, '--tls-use-os-certs'],
    [1883, '--ws'],
    [1883, '--insecure'],
    [1883, '--cafile', 'f', '--no-tls'],
    [99, '-p', '99', '--cafile', 'f'],
    [1883, '-p', '99', '-L', 'mqtt://h/t'],
    [99, '-L', 'mqtt://h/t', '-p', '99'],
    [8883, '-L', 'mqtts://h/t'],
    [1883, '-L', 'ws://h/t'],
  ];
  for (const [port, ...words] of ports) {
    const {transport, port: found} = {port: 0, ...endpoint(...words)};
    assert.equal(found, port, words.join(' '));
    assert.notEqual(transport, 'unix');
  }
});

test('port 8883 and the URLs that end in s mean TLS', () => {
  const system = {systemCertificates: true};
  assert.deepEqual(endpoint('-p', '8883').tls, system);
  assert.deepEqual(endpoint('-L', 'mqtt://h:8883/t').tls, system);
  assert.deepEqual(endpoint('-L', 'mqtts://h/t').tls, system);
  assert.deepEqual(endpoint('-L', 'wss://h:1/t').tls, system);
  assert.deepEqual(endpoint('--tls-use-os-certs').tls, system);
  assert.deepEqual(endpoint('-L', 'mqtts://h/t', '--cafile', 'f').tls, {caFile: 'f', ...system});
  assert.deepEqual(endpoint('-p', '8883', '--cafile', 'f').tls, {caFile: 'f'});
  for (const words of [
    ['-p', '8884'],
    ['-p', '8883', '--no-tls'],
    ['-L', 'mqtts://h/t', '--no-tls'],
    ['--insecure'],
  ]) {
    assert.equal(endpoint(...words).tls, undefined, words.join(' '));
  }
});

test('hands on every TLS option', () => {
  const words = [
    '--cafile',
    'a',
    '--capath',
    'b',
    '--cert',
    'c',
    '--key',
    'k',
    '--keyform',
    'PEM',
    '--ciphers',
    'x',
  ];
  const more = ['--tls-version', 'TLSv1.3', '--tls-alpn', 'mqtt', '--insecure', '--tls-keylog', 'l'];
  assert.deepEqual(endpoint(...words, ...more).tls, {
    caFile: 'a',
    caPath: 'b',
    certificateFile: 'c',
    keyFile: 'k',
    insecure: true,
    minimumVersion: 'TLSv1.3',
    ciphers: 'x',
    alpn: 'mqtt',
    keyLogFile: 'l',
  });
  assert.deepEqual(endpoint('--psk', 'aAfF', '--psk-identity', 'me').tls, {
    psk: {identity: 'me', key: Buffer.from([0xaa, 0xff])},
  });
});

test('refuses TLS options that need or exclude each other', () => {
  refuses(
    ['--cert', 'c'],
    'Both certfile and keyfile must be provided if one of them is set. --cert goes with --key.',
  );
  refuses(
    ['--key', 'c'],
    'Both certfile and keyfile must be provided if one of them is set. --cert goes with --key.',
  );
  refuses(['--keyform', 'pem'], 'If keyform is set, keyfile must be also specified. Add --key.');
  refuses(['--psk', 'aa'], '--psk-identity required if --psk used. It names the key.');
  refuses(
    ['--psk', 'aa', '--capath', 'd'],
    'Only one of --psk or --cafile/--capath may be used at once. Leave the other out.',
  );
  refuses(['--psk', 'aa', '--psk-identity', 'i', '--tls-version', 'tlsv1.3'], /TLS 1\.2 only/);
  refuses(['--psk', 'xyz'], /^Problem setting TLS-PSK options/);
  refuses(['--psk', 'abc'], /^Problem setting TLS-PSK options/);
  refuses(['--tls-version', 'tlsv1.1'], /^Problem setting TLS options, check the options are valid/);
  refuses(['--keyform', 'der'], "Problem setting key form, it must be one of 'pem' or 'engine'.");
  refuses(['--tls-alpn', ''], /^Problem setting TLS ALPN protocol/);
  refuses(['--tls-engine-kpass-sha1', 'aa'], /both tls-engine and keyform must also be provided\./);
  assert.throws(() => connection('--tls-engine', 'pkcs11'), {
    name: 'TmqError',
    message: /^Problem setting TLS engine, is pkcs11 a valid engine\? /,
  });
  assert.equal(endpoint('--no-tls', '--cert', 'c').tls, undefined);
});

test('reaches the broker over whatever is asked for', () => {
  assert.deepEqual(endpoint('-h', '::1', '-p', '99', '-A', '127.0.0.1', '--nodelay', '-S'), {
    transport: 'tcp',
    host: '::1',
    port: 99,
    bindAddress: '127.0.0.1',
    noDelay: true,
    srv: true,
  });
  assert.deepEqual(endpoint('-h', '[::1]', '--ws-path', 'x'), {
    transport: 'ws',
    host: '::1',
    port: 1883,
    path: '/x',
  });
  assert.deepEqual(endpoint('--unix', '/s'), {transport: 'unix', path: '/s'});
  assert.deepEqual(endpoint('-p', '0', '-h', '/s'), {transport: 'unix', path: '/s'});
  assert.deepEqual(endpoint('--unix', '/s', '-h', '/other'), {transport: 'unix', path: '/other'});
  assert.deepEqual(endpoint('--unix', '/s', '-L', 'mqtt://h/t'), {transport: 'tcp', host: 'h', port: 1883});
  refuses(['--unix', '/s', '-p', '99'], /^-h takes a host, not a path/);
  assert.deepEqual(endpoint('--unix', '/s', '--cafile', 'f'), {
    transport: 'unix',
    path: '/s',
    tls: {caFile: 'f'},
  });
  for (const words of [['--ws'], ['--proxy', 'http://p:1'], ['-S']]) {
    refuses(['--unix', '/s', ...words], /unix socket cannot be used together\.$/);
  }
  refuses(['-h', ''], 'The argument of -h is empty.');
});

test('takes proxies, and shows nothing of their passwords', () => {
  const proxy = (url: string) => {
    const found = endpoint('--proxy', url);
    return found.transport === 'unix' ? undefined : found.proxy;
  };
  assert.equal(proxy('socks5h://u:p%40x@[::1]:99')?.hostname, '[::1]');
  assert.equal(decodeURIComponent(proxy('socks5h://u:p%40x@h')?.password ?? ''), 'p@x');
  assert.equal(proxy('http://h:3128')?.port, '3128');
  refuses(['--proxy', 'socks5://u:hunter2@h'], /^Unsupported proxy protocol: socks5:\/\//);
  refuses(['--proxy', 'h:1'], /^Unsupported proxy protocol: none/);
  refuses(['--proxy', 'SOCKS5H://h'], /^Unsupported proxy protocol/);
  refuses(['--proxy', 'socks5h://'], /^Invalid proxy: the host is missing/);
  refuses(['--proxy', 'socks5h://h:99999'], /^Invalid proxy/);
});

test('-L sets its values at its place on the command line', () => {
  const plan = pubPlan('-u', 'a', '-P', 'b', '-L', 'mqtts://user:secret@h/x/y');
  assert.ok(plan.kind === 'message');
  assert.equal(plan.publication.topic, 'x/y');
  assert.deepEqual(plan.client.connection.credentials, {
    username: 'user',
    password: {kind: 'text', text: 'secret'},
  });
  const later = pubPlan('-L', 'ws://user@h/x', '-t', 'z', '-h', 'i', '-u', 'c', '-P', '-');
  assert.ok(later.kind === 'message');
  assert.equal(later.publication.topic, 'z');
  assert.deepEqual(later.client.connection.endpoint, {transport: 'ws', host: 'i', port: 1883});
  assert.deepEqual(later.client.connection.credentials, {username: 'c', password: {kind: 'prompt'}});
  refuses(['-L', 'mqtt://h/a/#'], /^Invalid publish topic 'a\/#', does it contain '\+' or '#'\?/);
  refuses(['-L', 'gopher://h/a'], /^Unsupported URL scheme/);
});

test('-L and -t add up for sub', () => {
  assert.deepEqual(subPlan('-t', 'a', '-L', 'mqtt://h/b/#', '-t', '+').subscribe, ['a', 'b/#', '+']);
  assert.throws(() => subPlan('-L', 'mqtt://h/a#'), {
    message: /^Invalid subscription topic 'a#', are all '\+' and '#' wildcards correct\?/,
  });
});

test('the last place of a password counts', () => {
  const password = (...words: readonly string[]) => connection('-u', 'u', ...words).credentials?.password;
  assert.deepEqual(password('-P', 'a', '--pw-file', 'f'), {kind: 'file', path: 'f'});
  assert.deepEqual(password('--pw-file', 'f', '--pw-env', 'E'), {kind: 'environment', name: 'E'});
  assert.deepEqual(password('--pw-env', 'E', '-P', 'a'), {kind: 'text', text: 'a'});
  assert.equal(password(), undefined);
  refuses(['-P', 'a'], /^Problem setting username and\/or password: .*\(-u\)\.$/);
  assert.deepEqual(connection('-P', 'a', '-V', '5').credentials, {password: {kind: 'text', text: 'a'}});
  assert.deepEqual(connection('-u', '').credentials, {username: ''});
});

test('the last option decides the version of MQTT', () => {
  const version = (...words: readonly string[]) => connection(...words).protocolVersion;
  const versions = {'5': 5, mqttv5: 5, '311': 4, mqttv311: 4, '31': 3, mqttv31: 3};
  for (const [word, number] of Object.entries(versions)) assert.equal(version('-V', word), number);
  assert.equal(version('-x', '1'), 5);
  assert.equal(version('-V', '31', '-D', 'publish', 'topic-alias', '1'), 5);
  assert.equal(version('-x', '1', '-V', '311'), 4);
  assert.equal(parse(rr, []).values.protocolVersion, undefined);
  for (const word of ['', '4', 'MQTTV5', 'toString', '__proto__']) {
    refuses(['-V', word], /^Invalid protocol version argument given/);
  }
});

test('-x sets when a session expires', () => {
  const forever = 4_294_967_295;
  const expiry = (...words: readonly string[]) =>
    connection('-i', 'id', ...words).properties?.sessionExpiryInterval;
  for (const [word, seconds] of Object.entries({
    '1': 1,
    '010': 8,
    '0x10': 16,
    '+7': 7,
    '4294967294': 4294967294,
    '4294967295': forever,
    '-1': forever,
    '∞': forever,
  })) {
    assert.equal(expiry('-x', word), seconds, word);
  }
  for (const word of ['0', '00', '-0x0']) {
    if (word.startsWith('-')) refuses(['-x', word], /^session-expiry-interval not a number/);
    else assert.equal(expiry('-x', word), undefined);
  }
  assert.equal(expiry('-V', '5', '-c'), forever);
  assert.equal(expiry('-c', '-x', '10'), 10);
  assert.equal(expiry('-c', '-D', 'connect', 'session-expiry-interval', '9'), 9);
  assert.equal(expiry('-x', '10', '-V', '311'), undefined);
  refuses(['-x', 'abc'], /^session-expiry-interval not a number/);
  for (const word of ['4294967296', '-2', '0x100000000']) {
    refuses(['-x', word], /^session-expiry-interval out of range/);
  }
  refuses(
    ['-x', '1', '-D', 'connect', 'session-expiry-interval', '1'],
    /^Duplicate property in property list/,
  );
});

test('a session that lasts needs an id', () => {
  const missing = 'You must provide a client id if you are using the -c option. Add -i and a name.';
  const infinite =
    'You must provide a client id if you are using an infinite session expiry interval. Add -i and a name.';
  refuses(['-c'], missing);
  refuses(['-c', '-I', 'p'], missing);
  refuses(['-c', '-V', '5'], infinite);
  refuses(['-x', '-1'], infinite);
  refuses(['-c', '-x', '10'], missing);
  refuses(['-i', 'a', '-I', 'b'], '-i and -I argument cannot be used together. Leave one out.');
  refuses(['-i', ''], /^Invalid id/);
  refuses(['-i', 'a\u0000'], 'Invalid -i argument: it has the control character NUL.');
  assert.equal(connection('-c', '-i', 'a').clean, false);
});

test('MQTT 5 sends Receive Maximum', () => {
  const receive = (...words: readonly string[]) => connection('-V', '5', ...words).properties;
  assert.deepEqual(receive(), {receiveMaximum: 20});
  assert.deepEqual(receive('-D', 'connect', 'receive-maximum', '7'), {receiveMaximum: 7});
  assert.deepEqual(Object.keys(receive('-D', 'connect', 'topic-alias-maximum', '7', '-x', '1') ?? {}), [
    'topicAliasMaximum',
    'sessionExpiryInterval',
    'receiveMaximum',
  ]);
  assert.equal(connection('-V', '311').properties, undefined);
});

test('properties need MQTT 5, but for DISCONNECT', () => {
  const property = (command: string) => ['-D', command, 'user-property', 'a', 'b'];
  refuses([...property('connect'), '-V', '311'], /^-D connect is not supported before MQTT 5\./);
  refuses([...property('will'), '--will-topic', 'w', '-V', '311'], /^-D will is not supported/);
  assert.equal(connection(...property('disconnect'), '-V', '311').disconnectProperties, undefined);
  assert.deepEqual(connection(...property('disconnect')).disconnectProperties, {
    userProperties: [['a', 'b']],
  });
  assert.deepEqual(connection(...property('subscribe')).properties, {receiveMaximum: 20});
});

test('a will is a message', () => {
  assert.deepEqual(connection('--will-topic', 'w').will, {
    topic: 'w',
    payload: Buffer.alloc(0),
    qos: 0,
    retain: false,
  });
  const words = ['--will-topic', 'w', '--will-payload', 'ü', '--will-qos', '2', '--will-retain'];
  assert.deepEqual(connection(...words, '-D', 'will', 'will-delay-interval', '5').will, {
    topic: 'w',
    payload: Buffer.from('ü'),
    qos: 2,
    retain: true,
    properties: {willDelayInterval: 5},
  });
  refuses(['--will-payload', 'a'], 'Will payload given, but no will topic given. Add --will-topic.');
  refuses(['--will-retain'], 'Will retain given, but no will topic given. Add --will-topic.');
  refuses(['--will-topic', 'a/+'], /^Invalid will topic 'a\/\+', does it contain '\+' or '#'\?/);
  refuses(['--will-topic', 'a\u0001'], 'Invalid --will-topic argument: it has the control character U+0001.');
  assert.equal(connection('--will-qos', '1').will, undefined);
});

test('A3: pub -l has twenty lines in flight, more only by -M', () => {
  const most = (...words: readonly string[]) =>
    pub.plan(parse(pub, ['-t', 't', '-l', ...words]).values, []).client.connection.maxInflight;
  assert.equal(most('-q', '1'), 20);
  assert.equal(most('-q', '2', '-V', '5'), 20);
  assert.equal(most('-q', '1', '-M', '100'), 100);
});

test('A2: nothing is sent before CONNACK unless --pipeline asks for it', () => {
  const pipeline = (...words: readonly string[]) =>
    pub.plan(parse(pub, ['-t', 't', '-m', 'm', ...words]).values, []).client.pipeline;
  assert.equal(pipeline(), false);
  assert.equal(pipeline('--pipeline'), true);
});

test('numbers have their range', () => {
  const {maxInflight, keepaliveSeconds, connectTimeoutSeconds} = connection(
    ...['-M', '70000', '-k', '65535', '--connect-timeout', '5'],
  );
  assert.deepEqual([maxInflight, keepaliveSeconds, connectTimeoutSeconds], [65535, 65535, 5]);
  refuses(['-k', '4'], /^Invalid keepalive given, it must be between 5 and 65535 inclusive/);
  refuses(['-k', '65536'], /^Invalid keepalive given/);
  refuses(['-M', '0'], /^Maximum inflight messages must be greater than 0/);
  refuses(['-p', '65536'], 'Invalid port given: 65536. It is a number from 0 to 65535.');
  refuses(
    ['-p', 'abc'],
    'Invalid port given: -p takes a number from 0 to 65535. A password is given with -P.',
  );
  refuses(['-q', '1x'], 'Invalid QoS given: 1x. It is 0, 1 or 2.');
  refuses(['--connect-timeout', '0'], /^Invalid connect timeout given: 0/);
});

/** A process that has these variables and no terminal. */
function processWith(env: Io['env']): Io {
  return {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    env,
    pid: 4711,
    platform: 'linux',
    programName: 'tmq',
    signal: new AbortController().signal,
    now: () => 0n,
  };
}

test('what only the process knows is added last', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tmq-secrets-'));
  try {
    const path = join(directory, 'password');
    writeFileSync(path, 'first line \r\nsecond\n');
    const io = processWith({SECRET: 'from the environment', EMPTY: ''});
    const resolve = async (...words: readonly string[]) => await resolveConnection(connection(...words), io);
    assert.deepEqual((await resolve('-u', 'u', '--pw-file', path)).credentials, {
      username: 'u',
      password: 'first line ',
    });
    const {credentials, clientId} = await resolve('-u', 'u', '--pw-env', 'SECRET', '-I', 'me-');
    assert.deepEqual([credentials?.password, clientId], ['from the environment', 'me-4711']);
    assert.equal((await resolve('-u', 'u', '--pw-env', 'EMPTY')).credentials?.password, '');
    assert.match((await resolve()).clientId, /^tmq-[A-Za-z0-9]{18}$/);
    assert.equal((await resolve('-i', 'x')).clientId, 'x');
    assert.match((await resolve('-V', '31')).clientId, /^tmq-[A-Za-z0-9]{18}$/);
    await assert.rejects(
      resolve('-u', 'u', '--pw-env', 'UNSET'),
      (error) => error instanceof TmqError && !(error instanceof UsageError) && /UNSET/.test(error.message),
    );
    await assert.rejects(
      resolve('-u', 'u', '--pw-file', join(directory, 'missing')),
      /missing: no such file or directory\.$/,
    );
    const {endpoint: encrypted} = await resolve(
      '--cafile',
      'f',
      '--keypass',
      'open',
      '--cert',
      'c',
      '--key',
      'k',
    );
    assert.equal(await encrypted.tls?.passphrase?.(io.signal), 'open');
  } finally {
    rmSync(directory, {recursive: true});
  }
});

test('takes several hosts, each with its port or that of -p', () => {
  const hosts = (...words: readonly string[]) => {
    const {endpoint: first, alternatives = []} = connection(...words);
    return [first, ...alternatives].map((each) =>
      each.transport === 'unix' ? each.path : `${each.host} ${each.port}`,
    );
  };
  assert.deepEqual(hosts('-h', 'a,b:1884,[::1]:1885,[::2]', '-p', '99'), [
    'a 99',
    'b 1884',
    '::1 1885',
    '::2 99',
  ]);
  assert.deepEqual(hosts('-h', '::1'), ['::1 1883']);
  assert.deepEqual(hosts('-h', 'a, b'), ['a 1883', 'b 1883']);
  assert.deepEqual(hosts('-L', 'mqtts://a,b:99'), ['a 8883', 'b 99']);
  assert.deepEqual(hosts('-L', 'mqtt://a', '-L', 'mqtt://b:99,c'), ['a 1883', 'b 99', 'c 1883']);
  assert.deepEqual(hosts('-L', 'mqtt://a,b:99', '-p', '5'), ['a 5', 'b 5']);
  assert.deepEqual(hosts('-L', 'mqtt://a', '-h', 'b'), ['b 1883']);
  assert.deepEqual(hosts('-h', 'b', '-p', '5', '-L', 'mqtt://a'), ['a 1883']);
  assert.deepEqual(hosts('-L', 'mqtt+unix:/s'), ['/s']);
  assert.deepEqual(hosts('-L', 'mqtt://a', '--unix', '/s'), ['/s']);
});

test('TLS of several hosts goes by the port of each, or by what asks for it', () => {
  const {endpoint: first, alternatives = []} = connection('-h', 'a,b:8883');
  assert.deepEqual(
    [first, ...alternatives].map(({tls}) => tls?.systemCertificates),
    [undefined, true],
  );
});

test('a URL needs no topic where -t gives it', () => {
  const plan = pub.plan(parse(pub, ['-L', 'mqtt://h', '-t', 'a', '-n']).values, []);
  assert.ok(plan.kind === 'message');
  assert.equal(plan.publication.topic, 'a');
  assert.deepEqual(subPlan('-t', 'a', '-L', 'mqtt://h/').subscribe, ['a']);
  assert.throws(() => subPlan('-L', 'mqtt://h'), {name: 'UsageError', message: /topic missing\./});
});

test('reads the policy of connecting again', () => {
  const policy = (...words: readonly string[]) => pubPlan(...words).client.reconnect;
  const pauses = (delayMilliseconds: number, maximumDelayMilliseconds: number) => ({
    delayMilliseconds,
    maximumDelayMilliseconds,
  });
  assert.deepEqual(policy(), {atStart: false, pauses: {}});
  assert.deepEqual(policy('--retry-connect'), {atStart: true, pauses: {}});
  assert.deepEqual(policy('--reconnect', 'off'), {afterLoss: false, atStart: false, pauses: {}});
  const read = (text: string) => policy('--reconnect', text).pauses;
  assert.deepEqual(read('1s..30s'), pauses(1000, 30_000));
  assert.deepEqual(read('0.5..2m'), pauses(500, 120_000));
  assert.deepEqual(read('250ms'), pauses(250, 250));
  assert.deepEqual(read('5x'), {attempts: 5});
  assert.deepEqual(read('2s,5x'), {...pauses(2000, 2000), attempts: 5});
  for (const text of ['', ',5x', '1s..', '..2s', '5y', '-1s', '1ms', 'x', '1s..30s,', '2d'])
    refuses(['--reconnect', text], /^Invalid --reconnect given: /);
});

test('--hosts random makes the order anew for each run', async () => {
  const names = Array.from({length: 30}, (_, index) => `h${index}`);
  const plan = connection('-h', names.join(','), '--hosts', 'random');
  const io = {env: {}, pid: 1, programName: 'tmq'} as Io;
  const {endpoint: first, alternatives = []} = await resolveConnection(plan, io);
  const order = [first, ...alternatives].map((each) => (each.transport === 'unix' ? '' : each.host));
  assert.deepEqual(order.toSorted(), names.toSorted());
  assert.notDeepEqual(order, names);
});
