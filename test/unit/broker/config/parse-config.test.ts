// needs: mosquitto
/** mosquitto.conf as settings: defaults, scopes, every directive, errors with file and line. */

import assert from 'node:assert/strict';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
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
import {directivesSection} from '../../../../src/commands/broker/directives-section.ts';
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

  it('N1: what stands above the first listener opens the default listener as in mosquitto', () => {
    const ports = (...lines: readonly string[]) =>
      parse([...lines, 'listener 1884'].join('\n')).listeners.map(({port}) => port);
    const each = 'per_listener_settings true';
    for (const lines of [
      ['protocol mqtt'],
      ['max_qos 2'],
      ['max_connections -1'],
      ['max_topic_alias 1'],
      ['use_username_as_clientid false'],
      ['require_certificate false'],
      [each, 'allow_anonymous true'],
      [each, 'acl_file a'],
      [each, 'auto_id_prefix a'],
      [each, 'allow_zero_length_clientid true'],
    ]) {
      assert.deepEqual(ports(...lines), [1884], lines.join());
    }
    for (const lines of [
      ['protocol websockets'],
      ['max_qos 1'],
      ['max_connections 0'],
      ['use_username_as_clientid true'],
      ['socket_domain ipv4'],
      ['bind_interface lo'],
      ['port 1883'],
      ['bind_address 127.0.0.1'],
      [each, 'password_file a'],
      [each, 'psk_file a'],
      [each, 'allow_zero_length_clientid false'],
    ]) {
      assert.deepEqual(ports(...lines), [1883, 1884], lines.join());
    }
  });

  it('N2: names the line of a listener whose port an earlier one has', () => {
    for (const [first, second] of [
      ['1883', '1883'],
      ['1883 127.0.0.1', '1883'],
      ['1883 127.0.0.1', '1883 0.0.0.0'],
      ['1883', '1883 ::1'],
      ['1883 localhost', '1883 localhost'],
    ]) {
      assert.match(
        complaint(`listener ${first}\nlistener ${second}`),
        /^test\.conf:2: port 1883 is not free: the listener on \S+(?: 1883)? has it\.$/,
      );
    }
    for (const [first, second] of [
      ['0', '0'],
      ['1883 127.0.0.1', '1883 127.0.0.2'],
      ['1883 127.0.0.1', '1883 ::1'],
      ['1883 127.0.0.1', '1883 localhost'],
      ['1883\nsocket_domain ipv4', '1883 ::1'],
      ['1883\nbind_interface lo', '1883\nbind_interface eth0'],
      ['0 /run/a', '0 /run/b'],
    ]) {
      assert.equal(parse(`listener ${first}\nlistener ${second}`).listeners.length, 2);
    }
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
    assert.match(complaint('psk_file p\nlistener 1\npsk_hint h\ncertfile c\nkeyfile k'), /both/);
    assert.match(complaint('listener 1\ntls_version tlsv1.1'), /test.conf:2: tls_version tlsv1.1 is too old/);
  });

  it('D2: a switch that is off and settings without effect are no TLS', () => {
    for (const line of [
      'require_certificate false',
      'use_identity_as_username false',
      'use_subject_as_username false',
    ]) {
      const {listeners, warnings} = parse(`listener 1\n${line}\nallow_anonymous true`);
      assert.deepEqual([listeners.length, listeners[0]?.tls, warnings], [1, undefined, []], line);
      assert.equal(parse(`${line}\nlistener 1\nallow_anonymous true`).listeners.length, 1);
    }
    for (const line of ['tls_version tlsv1.2', 'ciphers A:B', 'ciphers_tls1.3 C']) {
      const {listeners, warnings} = parse(`listener 1\n${line}\nallow_anonymous true`);
      assert.equal(listeners[0]?.tls, undefined);
      const [name] = line.split(' ');
      assert.deepEqual(warnings, [
        `test.conf:2: ${name} has no effect: the listener on port 1 has no certfile`,
      ]);
    }
    // Never plain: without keys no client can connect.
    const {listeners, warnings} = parse('listener 1\npsk_hint h\nallow_anonymous true');
    assert.notEqual(listeners[0]?.tls, undefined);
    assert.match(warnings.join(), /^test\.conf:2: no client can connect to port 1: there is no psk_file/);
  });

  it('D2: warns of pre-shared keys that no listener uses', () => {
    const unused = 'test.conf:1: psk_file has no effect: no listener that it is for has a psk_hint';
    assert.deepEqual(parse('psk_file p\nlistener 1\nallow_anonymous true').warnings, [unused]);
    assert.deepEqual(
      parse('psk_file p\nlistener 1\nlistener 2\npsk_hint h\nallow_anonymous true').warnings,
      [],
    );
    const own = 'per_listener_settings true\nlistener 1\npsk_hint h\npsk_file p\nallow_anonymous true\n';
    assert.deepEqual(parse(`${own}listener 2\nallow_anonymous true\npsk_file q`).warnings, [
      unused.replace(':1:', ':8:'),
    ]);
  });

  it('D5: errors about TLS settings have file and line', () => {
    assert.match(complaint('listener 1\ncafile x'), /^test\.conf:2: the listener on port 1 has TLS settings/);
    assert.match(
      complaint('tls_version tlsv1.2\nlistener 1\ncertfile c\nkeyfile k'),
      /^test\.conf:1: tls_version belongs to a listener, and no listener stands before it\.$/,
    );
  });

  it('takes pre-shared keys', () => {
    const [listener] = parse('psk_file p\nlistener 1\npsk_hint h\nuse_identity_as_username true').listeners;
    assert.equal(listener?.pskHint, 'h');
    assert.equal(listener?.pskFile, 'p');
    assert.equal(listener?.tls?.useIdentityAsUsername, true);
  });
});

describe('words and order, as mosquitto takes them', () => {
  it('D1: what stands behind a number or a switch is a comment', () => {
    const {listeners, limits, log} = parse(`listener 1883 # plain
allow_anonymous true # yes
max_queued_bytes 1048576  # 1MB
max_qos 1 # no more
persistent_client_expiration 1d # a day
log_type all # everything
listener 1884 127.0.0.1 # local
listener 0 /run/a b # a socket`);
    assert.deepEqual(
      listeners.map(({port, host, socketPath, allowAnonymous}) => [port, host, socketPath, allowAnonymous]),
      [
        [1883, undefined, undefined, true],
        [1884, '127.0.0.1', undefined, true],
        [0, undefined, '/run/a b', true],
      ],
    );
    assert.equal(limits.maxQueuedBytes, 1_048_576);
    assert.equal(limits.persistentClientExpiration, 86_400);
    assert.equal(listeners[0]?.maxQos, 1);
    assert.ok(log.types.has('debug'));
  });

  it('D3: other names, lower limits, and per_listener_settings false behind other settings', () => {
    const {persistence, listeners, limits} = parse(`retained_persistence true
allow_anonymous true
per_listener_settings false
listener 1
maximum_qos 1
max_connections -7
max_queued_messages -1
listener_allow_anonymous false
listener_auto_id_prefix x-
listener 2
port 3
max_topic_alias 4`);
    assert.notEqual(persistence, undefined);
    assert.deepEqual(
      listeners.map(({port, allowAnonymous, maxTopicAlias}) => [port, allowAnonymous, maxTopicAlias]),
      [
        [3, true, 4],
        [1, false, 10],
        [2, true, 10],
      ],
    );
    assert.deepEqual(
      [listeners[1]?.maxQos, listeners[1]?.maxConnections, limits.maxQueuedMessages],
      [1, -1, 0],
    );
    assert.equal(listeners[1]?.autoIdPrefix, 'x-');
    assert.equal(
      parse('per_listener_settings true\nlistener 1\nper_listener_settings false').listeners.length,
      1,
    );
  });
});

describe('C7: directives that narrow access', () => {
  it('are served', () => {
    const [listener] = parse(`listener 1
bind_interface lo
accept_protocol_versions 4, 5
websockets_origin https://a.example
websockets_origin https://b.example
allow_anonymous true`).listeners;
    assert.equal(listener?.bindInterface, 'lo');
    assert.deepEqual(listener?.acceptedVersions, [4, 5]);
    assert.deepEqual(listener?.webSocketOrigins, ['https://a.example', 'https://b.example']);
    assert.equal(parse('global_max_connections 3').limits.globalMaxConnections, 3);
  });

  it('or are refused, with file and line', () => {
    for (const line of [
      'enable_proxy_protocol 2',
      'proxy_protocol_v2_require_tls true',
      'protocol http_api',
    ]) {
      assert.match(complaint(`listener 1\n${line}`), /^test\.conf:2: /, line);
    }
  });

  it('a plugin that may refuse clients is refused, where they would get in without it', () => {
    const plugin = 'plugin /usr/lib/mosquitto_dynamic_security.so';
    for (const open of ['allow_anonymous true', 'password_file p']) {
      assert.match(complaint(`listener 1\n${plugin}\n${open}`), /^test\.conf:2: plugin cannot be served/);
    }
    assert.match(parse(`listener 1\n${plugin}`).warnings.join(), /no client can connect to port 1/);
    assert.equal(parse(plugin).listeners[0]?.allowAnonymous, false);
    const own = `per_listener_settings true\nlistener 1\n${plugin}\nlistener 2\nallow_anonymous true`;
    assert.deepEqual(
      parse(own).listeners.map(({allowAnonymous}) => allowAnonymous),
      [false, true],
    );
    const store = 'listener 1\nallow_anonymous true\nplugin /usr/lib/mosquitto_persist_sqlite.so';
    assert.equal(parse(store).listeners[0]?.allowAnonymous, true);
  });
});

describe('E11: the form of VerneMQ', () => {
  it('is recognised, and what is not served is a warning with file and line', () => {
    const {listeners, warnings} = parse(`# VerneMQ
allow_anonymous = off
vmq_passwd.password_file = /p
vmq_acl.acl_file = /a
listener.tcp.default = 0.0.0.0:2052
listener.ws.default = 127.0.0.1:2082
listener.wss.default = 0.0.0.0:2083
listener.wss.cafile = /ca
listener.wss.certfile = /cert
listener.wss.keyfile = /key
listener.max_connections = 100
nodename = VerneMQ@127.0.0.1
listener.http.default = 127.0.0.1:8888`);
    assert.deepEqual(
      listeners.map(({port, host, protocol, tls, maxConnections}) => [
        port,
        host,
        protocol,
        tls?.certFile,
        maxConnections,
      ]),
      [
        [2052, '0.0.0.0', 'mqtt', undefined, 100],
        [2082, '127.0.0.1', 'websockets', undefined, 100],
        [2083, '0.0.0.0', 'websockets', '/cert', 100],
      ],
    );
    for (const {allowAnonymous, passwordFile, aclFile} of listeners) {
      assert.deepEqual([allowAnonymous, passwordFile, aclFile], [false, '/p', '/a']);
    }
    assert.deepEqual(
      warnings.map((warning) => warning.split(' ', 2).join(' ')),
      ['test.conf:12: nodename', 'test.conf:13: listener.http.default'],
    );
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
    assert.deepEqual(persistence, {path: '/var/x/y.db', autosaveSeconds: 5, sync: false});
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
    [
      'frobnicate',
      "test.conf:1: unknown directive 'frobnicate': a line is a directive of mosquitto.conf(5), a blank and its value.",
    ],
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

  it('D3, C7: knows every directive of mosquitto 2.1, and the manual says once what becomes of each', async () => {
    // The names in its conf.c; parts of a bridge and options of plugins are in special-directives.ts only.
    const names = `accept_protocol_versions acl_file allow_anonymous allow_duplicate_messages
      allow_zero_length_clientid auth_plugin auth_plugin_deny_special_chars auto_id_prefix autosave_interval
      autosave_on_changes bind_address bind_interface cafile capath certfile check_retain_source ciphers
      ciphers_tls1.3 clientid_prefixes connection connection_messages crlfile dhparamfile
      disable_client_cert_date_checks enable_control_api enable_proxy_protocol global_max_clients
      global_max_connections global_plugin http_dir include_dir keyfile listener listener_allow_anonymous
      listener_auto_id_prefix log_dest log_facility log_timestamp log_timestamp_format log_type max_connections
      max_inflight_bytes max_inflight_messages max_keepalive max_packet_size max_qos max_queued_bytes
      max_queued_messages max_topic_alias max_topic_alias_broker maximum_qos memory_limit message_size_limit
      mount_point packet_buffer_size password_file per_listener_settings persistence persistence_file
      persistence_location persistent_client_expiration pid_file plugin plugin_load plugin_use port protocol
      proxy_protocol_v2_require_tls psk_file psk_hint queue_qos0_messages require_certificate retain_available
      retain_expiry_interval retained_persistence retry_interval set_tcp_nodelay socket_domain sys_interval
      tls_engine tls_engine_kpass_sha1 tls_keyform tls_version upgrade_outgoing_qos use_identity_as_username
      use_subject_as_username use_username_as_clientid user websockets_headers_size websockets_log_level
      websockets_origin`.split(/\s+/);
    assert.deepEqual(
      names.filter((name) => !knownDirectives.has(name)),
      [],
    );
    const remarks = Object.entries(directivesSection().remarks ?? {});
    const told = remarks.flatMap(([term, text]) => {
      const lists = /^(?:Served|Bridges)/.test(term) ? text.replace(/^.*: /, '').replace(/\.$/, '') : term;
      return lists.split(', ').map((each) => each.split(' ')[0]!);
    });
    assert.deepEqual(told.toSorted(), [...knownDirectives.keys()].toSorted());
    const page = await readFile(join(import.meta.dirname, '../../../../man/tmq-broker.1'), 'utf8');
    const plain = page.replaceAll('\\(aq', "'").replaceAll('\\', '').replaceAll('\n', ' ');
    for (const [, text] of remarks) assert.ok(plain.includes(text), text);
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
