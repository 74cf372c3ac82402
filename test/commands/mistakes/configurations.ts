/** Words and configuration files of the broker. */

import type {Mistake} from './mistake.ts';

export const configurations: readonly Mistake[] = [
  [
    'broker -P 1883',
    "Unknown option '-P'. It is an option of tmq pub, tmq sub, tmq rr, tmq reply and tmq bench.",
    {usage: true},
  ],
  [
    'broker -v -d',
    'A broker does not put itself into the background: add & in the shell, or use --exec.',
    {usage: true},
  ],
  [
    'broker -p 0 --exit-with-stdin --exec -- true',
    '--exec gives standard input to the command: leave out --exit-with-stdin.',
    {usage: true},
  ],
  [
    'broker -c {dir}/plain --allow-anonymous',
    'With a configuration file, set allow_anonymous there.',
    {usage: true},
  ],
  ['broker --seed 1', '--seed needs --fault.', {usage: true}],
  [
    'broker -p 0 -c {file}',
    "{file}:1: listener takes a whole number from 0 to 65535, not 'abc'.",
    {file: 'listener abc\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: listener takes a whole number from 0 to 65535, not '70000'.",
    {file: 'listener 70000\n'},
  ],
  ['broker -p 0 -c {file}', "{file}:1: unknown directive 'port:', perhaps port.", {file: 'port: 1883\n'}],
  [
    'broker -p 0 -c {file}',
    "{file}:1: port takes a whole number from 0 to 65535, not '='.",
    {file: 'port = 1883\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: listener takes a whole number from 0 to 65535, not '='.",
    {file: 'listener = 1883\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: listener takes a whole number from 0 to 65535, not '1883:1883'.",
    {file: 'listener 1883:1883\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:1: unknown directive \'{"port":\': a line is a directive of mosquitto.conf(5), a blank and its value.',
    {file: '{"port": 1883}\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: unknown directive '[listener]', perhaps listener.",
    {file: '[listener]\nport 1883\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: unknown directive 'mqtt:': a line is a directive of mosquitto.conf(5), a blank and its value.",
    {file: 'mqtt:\n  port: 1883\n'},
  ],
  ['broker -p 0 -c {file}', '{file}:1: listener is given without a value.', {file: 'listener\n'}],
  [
    'broker -p 0 -c {file}',
    "{file}:1: port takes a whole number from 0 to 65535, not 'mqtt'.",
    {file: 'port mqtt\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: allow_anonymous is either true or false, not 'yes'.",
    {file: 'allow_anonymous yes\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:1: allow_anonymous is given without a value.',
    {file: 'allow_anonymous\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: unknown directive 'alow_anonymous', perhaps allow_anonymous.",
    {file: 'alow_anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: unknown directive 'Allow_Anonymous', perhaps allow_anonymous.",
    {file: 'Allow_Anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: persistence is either true or false, not 'yes'.",
    {file: 'persistence yes\n'},
  ],
  ['broker -p 0 -c {file}', "{file}:1: max_qos is one of 0, 1, 2, not '3'.", {file: 'max_qos 3\n'}],
  [
    'broker -p 0 -c {file}',
    '{file}:1: max_packet_size must be 0 or at least 20 bytes, not 5.',
    {file: 'max_packet_size 5\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: max_keepalive takes a whole number from 0 to 65535, not '70000'.",
    {file: 'max_keepalive 70000\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: max_inflight_messages takes a whole number from -2147483647 to 65535, not 'ten'.",
    {file: 'max_inflight_messages ten\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: persistent_client_expiration takes a number followed by h, d, w, m or y, such as 14d, not '14'.",
    {file: 'persistent_client_expiration 14\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:1: tls_version tlsv1.1 is too old; use tlsv1.2 or tlsv1.3.',
    {file: 'tls_version tlsv1.1\nlistener 0\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:2: protocol is one of mqtt, websockets, not 'ws'.",
    {file: 'listener 0\nprotocol ws\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:2: protocol is one of mqtt, websockets, not 'mqtts'.",
    {file: 'listener 0\nprotocol mqtts\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: log_type is one of debug, error, warning, notice, information, subscribe, unsubscribe, websockets, internal, all, none, not 'verbose'.",
    {file: 'log_type verbose\n'},
  ],
  ['broker -p 0 -c {file}', '{file}:1: log_dest is given without a value.', {file: 'log_dest\n'}],
  ['broker -p 0 -c {file}', "{file}:1: log_dest file needs the file's path.", {file: 'log_dest file\n'}],
  [
    'broker -p 0 -c {file}',
    "{file}:1: log_dest is one of none, stdout, stderr, topic, not 'console'.",
    {file: 'log_dest console\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:2: allow_anonymous is either true or false, not 'maybe'.",
    {file: 'log_dest file /nosuch/mosquitto.log\nallow_anonymous maybe\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:1: Cannot read {dir}/missing: no such file or directory.',
    {file: 'password_file {dir}/missing\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:1: Cannot read {dir}/folder: it is a directory.',
    {file: 'password_file {dir}/folder\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{dir}/damaged:1: 'alice' cannot log in: its hash is damaged or of an unknown scheme; set the password again with: tmq passwd {dir}/damaged alice.",
    {file: 'password_file {dir}/damaged\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{dir}/twice:2: 'alice' stands in this file twice: take out one of the lines.",
    {file: 'password_file {dir}/twice\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:1: Cannot read {dir}/missing: no such file or directory.',
    {file: 'acl_file {dir}/missing\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}.acl:1: 'reed' is none of read, write, readwrite, deny.",
    {file: 'acl_file {file}.acl\n', acl: 'topic reed a/#\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}.acl:1: user is given without a name.',
    {file: 'acl_file {file}.acl\n', acl: 'user\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}.acl:1: 'a#' is not a valid topic filter.",
    {file: 'acl_file {file}.acl\n', acl: 'topic read a#\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}.acl:1: 'users' is none of topic, pattern and user.",
    {file: 'acl_file {file}.acl\n', acl: 'users ann\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:2: Cannot read {dir}/missing: no such file or directory.',
    {file: 'listener 0\ncertfile {dir}/missing\nkeyfile {server-key}\nallow_anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:2: the listener on port 0 has a certfile, but no keyfile.',
    {file: 'listener 0\ncertfile {server-cert}\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:2: the listener on port 0 has TLS settings, but no certfile.',
    {file: 'listener 0\nkeyfile {server-key}\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:3: The key in {client-key} does not belong to the certificate in {server-cert}.',
    {file: 'listener 0\ncertfile {server-cert}\nkeyfile {client-key}\nallow_anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:2: {server-key} holds no PEM certificate.',
    {file: 'listener 0\ncertfile {server-key}\nkeyfile {server-cert}\nallow_anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:2: {dir}/ca.der is not PEM but DER: openssl x509 -inform DER -in {dir}/ca.der makes it PEM.',
    {file: 'listener 0\ncertfile {dir}/ca.der\nkeyfile {server-key}\nallow_anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:3: The key in {encrypted-key} is encrypted; a broker needs one without a passphrase.',
    {file: 'listener 0\ncertfile {client-cert}\nkeyfile {encrypted-key}\nallow_anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:4: the listener on port 0 requires certificates, but has no cafile or capath to check them against.',
    {file: 'listener 0\ncertfile {server-cert}\nkeyfile {server-key}\nrequire_certificate true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:4: {dir}/plain holds no PEM certificate.',
    {
      file: 'listener 0\ncertfile {server-cert}\nkeyfile {server-key}\ncafile {dir}/plain\nallow_anonymous true\n',
    },
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:2: the listener on port 0 has TLS settings, but no certfile.',
    {file: 'listener 0\ncafile {ca}\nallow_anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:1: the listener on port 1883 has a certfile, but no keyfile.',
    {file: 'certfile {server-cert}\nlistener 0\nallow_anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:4: {dir}/plain holds no PEM revocation list.',
    {
      file: 'listener 0\ncertfile {server-cert}\nkeyfile {server-key}\ncrlfile {dir}/plain\nallow_anonymous true\n',
    },
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:2: TLS cannot be set up with {server-cert}: Failed to parse CRL.',
    {
      file: 'listener 0\ncertfile {server-cert}\nkeyfile {server-key}\ncrlfile {dir}/broken.crl\nallow_anonymous true\n',
    },
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:4: {dir}/broken.crt cannot be used: error:0680007B:asn1 encoding routines::header too long.',
    {
      file: 'listener 0\ncertfile {server-cert}\nkeyfile {server-key}\ncafile {dir}/broken.crt\nallow_anonymous true\n',
    },
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:4: ciphers names no cipher that OpenSSL has: nonsense.',
    {
      file: 'listener 0\ncertfile {server-cert}\nkeyfile {server-key}\nciphers nonsense\nallow_anonymous true\n',
    },
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:5: ciphers_tls1.3 names no cipher that OpenSSL has: nonsense.',
    {
      file: 'listener 0\ncertfile {server-cert}\nkeyfile {server-key}\nciphers AES128-SHA\nciphers_tls1.3 nonsense\nallow_anonymous true\n',
    },
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:3: ciphers names no cipher that OpenSSL has: nonsense.',
    {file: 'psk_file {dir}/empty\nlistener 0\nciphers nonsense\npsk_hint x\nallow_anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:3: Cannot read {dir}/missing: no such file or directory.',
    {file: 'listener 0\npsk_hint x\npsk_file {dir}/missing\nallow_anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:2: the listener on port 0 cannot use both a certificate and pre-shared keys.',
    {file: 'listener 0\npsk_hint x\ncertfile {server-cert}\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:2: per_listener_settings must stand before the settings it is about.',
    {file: 'allow_anonymous true\nper_listener_settings true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:2: port {closed} is not free: the listener on port {closed} has it.',
    {file: 'listener {closed}\nlistener {closed}\n'},
  ],
  [
    'broker -c {file}',
    'Cannot listen on 127.0.0.1:{mqtt}: it is in use; perhaps another broker is running, or give -p 0 for a free port.',
    {file: 'listener {mqtt} 127.0.0.1\nallow_anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    'Cannot listen on 203.0.113.1:0: this machine does not have that address.',
    {file: 'listener 0 203.0.113.1\nallow_anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    'Cannot listen on /nosuch/mosquitto.sock: there is no directory /nosuch.',
    {file: 'listener 0 /nosuch/mosquitto.sock\nallow_anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    'Cannot listen on {dir}/folder: it is there, and is not a socket.',
    {file: 'listener 0 {dir}/folder\nallow_anonymous true\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:1: address belongs to a bridge, and no connection stands before it.',
    {file: 'address test.mosquitto.org\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:1: topic belongs to a bridge, and no connection stands before it.',
    {file: 'topic # both\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:1: auth_opt_host belongs to a plugin, and no plugin stands before it.',
    {file: 'auth_opt_host h\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:1: Cannot read {dir}/missing: no such file or directory.',
    {file: 'include_dir {dir}/missing\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:2: Cannot open the store {dir}/folder: it is a directory.',
    {file: 'persistence true\npersistence_file {dir}/folder\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{dir}/mosquitto.db is a database of mosquitto: give another persistence_file.',
    {file: 'persistence true\npersistence_file {dir}/mosquitto.db\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:1: enable_proxy_protocol cannot be served: the PROXY protocol is not supported, and the listener would take clients without it.',
    {file: 'enable_proxy_protocol 2\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: sys_interval takes a whole number from 0 to 65535, not 'x'.",
    {file: 'sys_interval x\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:1: the listener on port 1883 has TLS settings, but no certfile.',
    {file: 'use_identity_as_username true\nlistener 0\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:1: max_topic_alias takes a whole number from 0 to 65535, not '70000'.",
    {file: 'max_topic_alias 70000\n'},
  ],
  [
    'broker -p 0 -c {file}',
    "{file}:2: socket_domain is one of ipv4, ipv6, not 'ipv5'.",
    {file: 'listener 0\nsocket_domain ipv5\n'},
  ],
  [
    'broker -p 0 -c {file}',
    '{file}:2: mount_point cannot contain the wildcards + and #.',
    {file: 'listener 0\nmount_point a/#\n'},
  ],
  ['broker -c', '-c argument given but no file specified.', {usage: true}],
  ['broker -c {dir}/missing', 'Cannot read {dir}/missing: no such file or directory.'],
  ['broker -c {dir}/folder', 'Cannot read {dir}/folder: it is a directory.'],
  [
    'broker -c {dir}/good',
    "{dir}/good:1: unknown directive 'alice:…': a line is a directive of mosquitto.conf(5), a blank and its value.",
  ],
  [
    'broker -c {dir}/plain',
    "{dir}/plain:1: unknown directive 'alice:…': a line is a directive of mosquitto.conf(5), a blank and its value.",
  ],
  ['broker 1883', "Unexpected word '1883'. A port needs -p before it.", {usage: true}],
  ['broker start', "Unexpected word 'start'. tmq broker alone starts one.", {usage: true}],
  [
    'broker -d',
    'A broker does not put itself into the background: add & in the shell, or use --exec.',
    {usage: true},
  ],
  ['broker --port', '-p argument given but no port specified.', {usage: true}],
  ['broker -p mqtt', 'Invalid port given: mqtt. It is a number from 0 to 65535.', {usage: true}],
  [
    'broker -p {mqtt}',
    'Cannot listen on 127.0.0.1:{mqtt}: it is in use; perhaps another broker is running, or give -p 0 for a free port.',
  ],
  ['broker -h localhost', "Unknown option '-h'. Did you mean '--bind'?", {usage: true}],
  ['broker --host localhost', "Unknown option '--host'. Did you mean '--bind'?", {usage: true}],
  [
    'broker --bind 203.0.113.1 --allow-anonymous -p 0',
    'Cannot listen on 203.0.113.1:0: this machine does not have that address.',
  ],
  [
    'broker --exec -- no-such-program',
    'Cannot run no-such-program: there is no such command.',
    {status: 127},
  ],
  ['broker --exec -- {dir}/plain', 'Cannot run {dir}/plain: permission denied.', {status: 126}],
  ['broker npm test', "Unexpected word 'npm'. A command to run needs --exec -- before it.", {usage: true}],
  ['broker -- npm test', "Unexpected word 'npm'. A command to run needs --exec -- before it.", {usage: true}],
  ['broker --exec --', '--exec needs a command after --, such as --exec -- npm test.', {usage: true}],
  ['broker --tls', '--tls takes auto, as in --tls auto.', {usage: true}],
  ['broker --tls yes', "--tls takes auto, not 'yes'.", {usage: true}],
  [
    'broker --tls-dir {dir}/plain --tls auto -p 0',
    'Cannot write to the certificate directory {dir}/plain: not a directory.',
  ],
  ['broker --tls-dir x', '--tls-dir needs --tls auto.', {usage: true}],
  ['broker --ready yaml', "--ready takes json or env, not 'yaml'.", {usage: true}],
  ['broker --trace=xml', 'Invalid form of --trace given: xml. It is text or json.', {usage: true}],
  [
    'broker --trace-file /nosuch/x --trace -p 0',
    'Cannot write the trace file /nosuch/x: no such file or directory.',
  ],
  ['broker --seed x', 'Invalid seed given: x. It is a number from 0 to 4294967295.', {usage: true}],
  ['broker --fault', '--fault argument given but no rule specified.', {usage: true}],
  [
    'broker --fault drop=0.1',
    "A fault begins with drop, delay, duplicate, close, connack, disconnect, not with 'drop=0.1'.",
    {usage: true},
  ],
  [
    "broker --fault 'lose publish'",
    "A fault begins with drop, delay, duplicate, close, connack, disconnect, not with 'lose'.",
    {usage: true},
  ],
  [
    "broker --fault 'drop publish p=2'",
    "'p=2' means nothing in the fault 'drop publish p=2'. See --fault in tmq broker --help.",
    {usage: true},
  ],
  [
    "broker --fault 'delay publish 200'",
    "'200' means nothing in the fault 'delay publish 200'. See --fault in tmq broker --help.",
    {usage: true},
  ],
  [
    "broker --fault 'connack refuse'",
    "'refuse' means nothing in the fault 'connack refuse'. See --fault in tmq broker --help.",
    {usage: true},
  ],
  ['broker -u ann', "Unknown option '-u'. Did you mean '--config mosquitto.conf'?", {usage: true}],
  [
    'broker --username ann',
    "Unknown option '--username'. Did you mean '--config mosquitto.conf'?",
    {usage: true},
  ],
  ['broker -q', "Unknown option '-q'. Did you mean '--quiet'?", {usage: true}],
  ['broker --quiet=yes', "Option '--quiet' takes no value.", {usage: true}],
  ['broker -t', "Unknown option '-t'. Did you mean '--test-config'?", {usage: true}],
  ['broker --verbsoe', "Unknown option '--verbsoe'. Did you mean '--verbose'?", {usage: true}],
  ['broker --cafile x', "Unknown option '--cafile'. Did you mean '--tls auto'?", {usage: true}],
  ['broker --cert x', "Unknown option '--cert'. Did you mean '--tls auto'?", {usage: true}],
  [
    'broker --allow_anonymous',
    "Unknown option '--allow_anonymous'. Did you mean '--allow-anonymous'?",
    {usage: true},
  ],
  ['broker --websockets', "Unknown option '--websockets'. Did you mean '--ws'?", {usage: true}],
  ['broker --log x', "Unknown option '--log'. Did you mean '--verbose'?", {usage: true}],
  [
    'broker --daemon',
    'A broker does not put itself into the background: add & in the shell, or use --exec.',
    {usage: true},
  ],
  [
    'broker mosquitto.conf',
    "Unexpected word 'mosquitto.conf'. A configuration file needs -c before it.",
    {usage: true},
  ],
];
