// needs: mosquitto
/** mosquitto.conf as settings: defaults, scopes, every directive, errors with file and line. */

import assert from 'node:assert/strict';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import {
  describeListener,
  knownDirectives,
  parseBrokerConfig,
} from '../../../../src/broker/config/parse-config.ts';
import type {BrokerConfig} from '../../../../src/broker/config/settings.ts';
import {suggest} from '../../../../src/cli/suggest.ts';
import {TmqError} from '../../../../src/errors.ts';
import {run} from '../../../support/spawn.ts';

const noFile = (): never => assert.fail('no file is to be read');

function parse(text: string, files: Readonly<Record<string, string>> = {}): BrokerConfig {
  return parseBrokerConfig(text, {
    path: 'test.conf',
    suggest,
    read: (path) => files[path] ?? noFile(),
    list: (directory) =>
      Object.keys(files)
        .filter((path) => path.startsWith(`${directory}/`))
        .map((path) => path.slice(directory.length + 1)),
  });
}

function complaint(text: string, files: Readonly<Record<string, string>> = {}): string {
  try {
    parse(text, files);
  } catch (error) {
    assert.ok(error instanceof TmqError, String(error));
    assert.equal(error.exitCode, 1);
    assert.doesNotMatch(error.message, /\n/);
    return error.message;
  }
  assert.fail(`accepted: ${text}`);
}

describe('listeners', () => {
  it('without a listener, serves any client on this machine and no other', () => {
    const [listener, ...others] = parse('').listeners;
    assert.equal(others.length, 0);
    assert.deepEqual(listener, {
      port: 1883,
      host: '127.0.0.1',
      protocol: 'mqtt',
      allowAnonymous: true,
      allowZeroLengthClientId: true,
      autoIdPrefix: 'auto-',
      maxConnections: -1,
      maxQos: 2,
      maxTopicAlias: 10,
    });
  });

  it('with a listener and no access settings, refuses every client, and warns', () => {
    const config = parse('listener 1884');
    assert.equal(config.listeners.length, 1);
    assert.equal(config.listeners[0]?.allowAnonymous, false);
    assert.equal(config.listeners[0]?.host, undefined);
    assert.match(config.warnings.join(), /no client can connect to port 1884/);
    assert.deepEqual(parse('listener 1884\nallow_anonymous true').warnings, []);
  });

  it('takes address, free port and Unix path', () => {
    const {listeners} = parse(
      'listener 1 127.0.0.1\nlistener 0 ::1\nlistener 0\nlistener 0 /run/a b.sock\nallow_anonymous 1',
    );
    assert.deepEqual(
      listeners.map(({port, host, socketPath}) => ({port, host, socketPath})),
      [
        {port: 1, host: '127.0.0.1', socketPath: undefined},
        {port: 0, host: '::1', socketPath: undefined},
        {port: 0, host: undefined, socketPath: undefined},
        {port: 0, host: undefined, socketPath: '/run/a b.sock'},
      ],
    );
    assert.deepEqual(listeners.map(describeListener), ['127.0.0.1:1', '[::1]:0', 'port 0', '/run/a b.sock']);
  });

  it('port and bind_address make the default listener, which accepts no anonymous clients', () => {
    const {listeners} = parse('port 1900\nbind_address 127.0.0.2\nmax_connections 3');
    assert.equal(listeners.length, 1);
    assert.deepEqual(
      [listeners[0]?.port, listeners[0]?.host, listeners[0]?.allowAnonymous, listeners[0]?.maxConnections],
      [1900, '127.0.0.2', false, 3],
    );
    assert.equal(parse('port 1900\nlistener 1901').listeners.length, 2);
    assert.equal(parse('allow_anonymous true\nlistener 1901').listeners.length, 1);
  });

  it('listener settings belong to the listener above them', () => {
    const {listeners} = parse(`listener 1
protocol websockets
max_qos 1
socket_domain ipv4
listener 2
max_topic_alias 0
mount_point a/b/
use_username_as_clientid true`);
    assert.equal(listeners[0]?.protocol, 'websockets');
    assert.equal(listeners[0]?.maxQos, 1);
    assert.equal(listeners[0]?.socketDomain, 'ipv4');
    assert.equal(listeners[1]?.protocol, 'mqtt');
    assert.equal(listeners[1]?.maxQos, 2);
    assert.equal(listeners[1]?.maxTopicAlias, 0);
    assert.equal(listeners[1]?.mountPoint, 'a/b/');
    assert.equal(listeners[1]?.useUsernameAsClientId, true);
  });

  it('shares access settings, or with per_listener_settings gives each its own', () => {
    const shared = parse('listener 1\npassword_file p\nlistener 2\nacl_file a\nallow_anonymous true');
    for (const listener of shared.listeners) {
      assert.deepEqual([listener.passwordFile, listener.aclFile, listener.allowAnonymous], ['p', 'a', true]);
    }
    const own = parse(
      'per_listener_settings true\nlistener 1\npassword_file p\nlistener 2\nallow_anonymous true\nauto_id_prefix x-',
    );
    assert.deepEqual(
      own.listeners.map((listener) => [
        listener.passwordFile,
        listener.allowAnonymous,
        listener.autoIdPrefix,
      ]),
      [
        ['p', false, 'auto-'],
        [undefined, true, 'x-'],
      ],
    );
  });
});

describe('TLS', () => {
  it('collects the certificate settings', () => {
    const [listener] = parse(`listener 8883
certfile c
keyfile k
cafile ca
require_certificate true
use_identity_as_username true
tls_version tlsv1.3
ciphers A:B
ciphers_tls1.3 C`).listeners;
    assert.deepEqual(listener?.tls, {
      certFile: 'c',
      keyFile: 'k',
      caFile: 'ca',
      requireCertificate: true,
      useIdentityAsUsername: true,
      useSubjectAsUsername: false,
      minimumVersion: 'TLSv1.3',
      ciphers: 'A:B',
      tls13Ciphers: 'C',
    });
  });

  it('refuses incomplete settings', () => {
    assert.match(complaint('listener 1\ncafile x'), /port 1 has TLS settings, but no certfile/);
    assert.match(complaint('listener 1\ncertfile x'), /no keyfile/);
    assert.match(complaint('listener 1\ncertfile x\nkeyfile y\nrequire_certificate true'), /no cafile/);
    assert.match(complaint('listener 1\npsk_hint h'), /no psk_file/);
    assert.match(complaint('psk_file p\nlistener 1\npsk_hint h\ncertfile c\nkeyfile k'), /both/);
    assert.match(complaint('listener 1\ntls_version tlsv1.1'), /test.conf:2: tls_version tlsv1.1 is too old/);
  });

  it('takes pre-shared keys', () => {
    const [listener] = parse('psk_file p\nlistener 1\npsk_hint h\nuse_identity_as_username true').listeners;
    assert.equal(listener?.pskHint, 'h');
    assert.equal(listener?.pskFile, 'p');
    assert.equal(listener?.tls?.useIdentityAsUsername, true);
  });
});

describe('limits, log and files', () => {
  it('has the defaults of mosquitto', () => {
    const {limits, sysInterval, log, persistence} = parse('');
    assert.deepEqual(limits, {
      maxPacketSize: 0,
      messageSizeLimit: 0,
      maxInflightMessages: 20,
      maxInflightBytes: 0,
      maxQueuedMessages: 1000,
      maxQueuedBytes: 0,
      queueQos0Messages: false,
      maxKeepalive: 65535,
      retainAvailable: true,
      upgradeOutgoingQos: false,
      globalMaxClients: -1,
    });
    assert.equal(log.timestamp, true);
    assert.equal(log.connectionMessages, true);
    assert.equal(sysInterval, 10);
    assert.equal(persistence, undefined);
    assert.deepEqual(log.destinations, ['stderr']);
    assert.deepEqual([...log.types].sort(), ['error', 'information', 'notice', 'warning']);
  });

  it('takes the values of all limits', () => {
    const config = parse(`max_packet_size 100
message_size_limit 5
max_inflight_messages 0
max_inflight_bytes 7
max_queued_messages 8
max_queued_bytes 9
queue_qos0_messages true
max_keepalive 10
retain_available false
persistent_client_expiration 2w
allow_zero_length_clientid false
auto_id_prefix hello there
upgrade_outgoing_qos true
global_max_clients 11
sys_interval 0`);
    assert.deepEqual(config.limits, {
      maxPacketSize: 100,
      messageSizeLimit: 5,
      maxInflightMessages: 0,
      maxInflightBytes: 7,
      maxQueuedMessages: 8,
      maxQueuedBytes: 9,
      queueQos0Messages: true,
      maxKeepalive: 10,
      retainAvailable: false,
      persistentClientExpiration: 14 * 86400,
      upgradeOutgoingQos: true,
      globalMaxClients: 11,
    });
    assert.equal(config.sysInterval, 0);
    assert.equal(config.listeners[0]?.allowZeroLengthClientId, false);
    assert.equal(config.listeners[0]?.autoIdPrefix, 'hello there');
  });

  it('joins location and name of the persistence file', () => {
    const {persistence} = parse(
      'persistence true\npersistence_location /var/x\npersistence_file y.db\nautosave_interval 5',
    );
    assert.deepEqual(persistence, {path: '/var/x/y.db', autosaveSeconds: 5});
  });

  it('reads log directives', () => {
    const {log} = parse(
      'log_dest stdout\nlog_dest file /tmp/a b\nlog_type all\nlog_timestamp false\nconnection_messages false',
    );
    assert.deepEqual(log.destinations, ['stdout', 'file /tmp/a b']);
    assert.ok(log.types.has('debug') && log.types.has('subscribe'));
    assert.equal(log.timestamp, false);
    assert.equal(log.connectionMessages, false);
  });
});

describe('include_dir', () => {
  it('reads the .conf files of a directory in the order of their bytes, then the rest of the main file', () => {
    const config = parse('include_dir d\nsys_interval 3', {
      'd/b.conf': 'max_keepalive 2',
      'd/B.conf': 'max_keepalive 1\nlistener 5',
      'd/ignored.txt': 'nonsense',
    });
    assert.equal(config.limits.maxKeepalive, 2);
    assert.equal(config.sysInterval, 3);
    assert.equal(config.listeners[0]?.port, 5);
  });

  it('names the included file, and does not nest', () => {
    assert.match(
      complaint('include_dir d', {'d/x.conf': '\nprot 1'}),
      /^d\/x\.conf:2: unknown directive 'prot'/,
    );
    assert.match(
      complaint('include_dir d', {'d/x.conf': 'include_dir e'}),
      /d\/x\.conf:1: include_dir stands/,
    );
  });
});

describe('errors', () => {
  const cases: readonly (readonly [text: string, message: string])[] = [
    ['\n\nlisten 1', "test.conf:3: unknown directive 'listen', perhaps listener."],
    ['allow_anonymus true', "test.conf:1: unknown directive 'allow_anonymus', perhaps allow_anonymous."],
    ['frobnicate', "test.conf:1: unknown directive 'frobnicate'."],
    ['port', 'test.conf:1: port is given without a value.'],
    ['port x', "test.conf:1: port takes a whole number from 0 to 65535, not 'x'."],
    ['port 65536', "test.conf:1: port takes a whole number from 0 to 65535, not '65536'."],
    ['allow_anonymous yes', "test.conf:1: allow_anonymous is either true or false, not 'yes'."],
    ['max_qos 3', "test.conf:1: max_qos is one of 0, 1, 2, not '3'."],
    ['max_packet_size 19', 'test.conf:1: max_packet_size must be 0 or at least 20 bytes, not 19.'],
    [
      'persistent_client_expiration 3',
      "test.conf:1: persistent_client_expiration takes a number followed by h, d, w, m or y, such as 14d, not '3'.",
    ],
    ['password_file a\npassword_file b', 'test.conf:2: password_file was already given.'],
    [
      'allow_anonymous true\nper_listener_settings true',
      'test.conf:2: per_listener_settings must stand before the settings it is about.',
    ],
    ['mount_point a', 'test.conf:1: mount_point belongs to a listener, and no listener stands before it.'],
    ['address 1.2.3.4', 'test.conf:1: address belongs to a bridge, and no connection stands before it.'],
    ['plugin_opt_x 1', 'test.conf:1: plugin_opt_x belongs to a plugin, and no plugin stands before it.'],
    ['log_dest file', "test.conf:1: log_dest file needs the file's path."],
  ];
  for (const [text, message] of cases) {
    it(JSON.stringify(text), () => assert.equal(complaint(text), message));
  }

  it('warns once, with file and line, of a directive without effect', () => {
    const config = parse('user nobody\nplugin x.so\nplugin_opt_a 1\nconnection up\naddress a\ntopic # both');
    assert.equal(config.warnings.length, 3);
    assert.match(config.warnings[0] ?? '', /^test\.conf:1: user has no effect here: /);
    assert.match(config.warnings[2] ?? '', /^test\.conf:4: connection up has no effect here/);
  });
});

describe('format', () => {
  it('skips comments, blank lines, a byte order mark and carriage returns', () => {
    assert.equal(parse('\uFEFF# c\r\n\r\n  sys_interval   4 \r\n').sysInterval, 4);
  });

  it('throws nothing but a TmqError', () => {
    const line = fc.tuple(
      fc.constantFrom(...knownDirectives.keys(), 'nonsense', '#'),
      fc.oneof(fc.string(), fc.constantFrom('true', '0', '1883 127.0.0.1', '')),
    );
    fc.assert(
      fc.property(fc.array(line, {maxLength: 6}), (lines) => {
        try {
          parse(lines.map(([name, value]) => `${name} ${value}`).join('\n'));
        } catch (error) {
          if (!(error instanceof TmqError)) throw error;
        }
      }),
      {numRuns: 1000},
    );
  });

  it('knows every directive of the manual page that is installed here', async (context) => {
    const page = await run('sh', ['-c', 'zcat /usr/share/man/man5/mosquitto.conf.5.gz']);
    if (page.exitCode !== 0) return context.skip('the manual page is not installed');
    const names = [...page.stdout.toString().matchAll(/^\\fB([a-z][a-z0-9_.\\&]+)\\fR(?= |$)/gm)]
      .map((match) => match[1]!.replaceAll('\\&', ''))
      .filter((name) => !/^(true|false|mosquitto|mosquitto\.conf|password_fileis)$/.test(name));
    assert.ok(names.length > 80, `${names.length}`);
    const unknown = names.filter((name) => !knownDirectives.has(name));
    const values =
      'topic stdout stderr syslog file dlt none debug error warning notice information subscribe unsubscribe websockets all automatic lazy once read write readwrite user pattern foo example out in bridge secure value ipv4 ipv6'.split(
        ' ',
      );
    assert.deepEqual(
      [...new Set(unknown)].filter((name) => !values.includes(name)),
      [],
    );
  });

  it('refuses an unknown directive as mosquitto does', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tmq-config-'));
    try {
      const path = join(directory, 'x.conf');
      await writeFile(path, 'per_listener_settings false\nlistenr 1\n');
      const theirs = await run('mosquitto', ['-c', path]);
      assert.notEqual(theirs.exitCode, 0);
      assert.match(theirs.stderr, /Unknown configuration variable "listenr"/);
      assert.match(complaint('per_listener_settings false\nlistenr 1\n'), /perhaps listener/);
    } finally {
      await rm(directory, {recursive: true});
    }
  });
});
