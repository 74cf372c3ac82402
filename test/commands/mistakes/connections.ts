/** Hosts, ports, protocols, proxies, passwords, rights and certificates: each at a server that answers so. */

import type {Mistake} from './mistake.ts';

export const connections: readonly Mistake[] = [
  [
    'pub -p {closed} -t a -m x',
    'Connection refused by localhost:{closed}. Is a broker running? Try: tmq broker',
  ],
  ['sub -p {closed} -t a', 'Connection refused by localhost:{closed}. Is a broker running? Try: tmq broker'],
  [
    'rr -p {closed} -t a -e b -m x',
    'Connection refused by localhost:{closed}. Is a broker running? Try: tmq broker',
  ],
  [
    'pub -p {closed} -l -t a',
    'Connection refused by localhost:{closed}. Is a broker running? Try: tmq broker',
    {input: 'x\n'},
  ],
  [
    'sub --ws -p {closed} -t a',
    'Connection refused by ws://localhost:{closed}/mqtt. Is a broker running? Try: tmq broker',
  ],
  [
    'sub --cafile {ca} -p {closed} -t a',
    'Connection refused by localhost:{closed}. Is a broker running? Try: tmq broker',
  ],
  [
    'pub -L mqtt://127.0.0.1:{closed}/a -m x',
    'Connection refused by 127.0.0.1:{closed}. Is a broker running? Try: tmq broker',
  ],
  ['pub -t a -m x -p 65536', 'Invalid port given: 65536. It is a number from 0 to 65535.', {usage: true}],
  ['pub -t a -m x -p -1', 'Invalid port given: -1. It is a number from 0 to 65535.', {usage: true}],
  [
    "pub -t a -m x -p ''",
    'Invalid port given: -p takes a number from 0 to 65535. A password is given with -P.',
    {usage: true},
  ],
  [
    'pub -t a -m x -p 1883.5',
    'Invalid port given: -p takes a number from 0 to 65535. A password is given with -P.',
    {usage: true},
  ],
  [
    'pub -t a -m x -p :1883',
    'Invalid port given: -p takes a number from 0 to 65535. A password is given with -P.',
    {usage: true},
  ],
  [
    'pub -t a -m x -p mqtt',
    'Invalid port given: -p takes a number from 0 to 65535. A password is given with -P.',
    {usage: true},
  ],
  [
    "pub -h 'my broker' -t a -m x",
    "Cannot find the host name 'my broker': a host name has no blanks. In an options file, each option has its own line.",
  ],
  [
    'pub -h fe80::1 -t a -m x',
    'The address fe80::1 is link-local: name the interface behind it, as in fe80::1%eth0',
  ],
  [
    'pub -A 203.0.113.1 -p {mqtt} -t a -m x',
    'Cannot connect from 203.0.113.1: it is not an address of this machine.',
  ],
  [
    'pub -A ::1 -h 127.0.0.1 -p {mqtt} -t a -m x',
    'Cannot connect to 127.0.0.1:{mqtt} from ::1: no route leads from one to the other.',
  ],
  [
    'sub --unix /nosuch/mosquitto.sock -t a',
    'There is no unix socket /nosuch/mosquitto.sock. Is its broker running?',
  ],
  ['sub --unix {dir}/folder -t a', '{dir}/folder is not a socket.'],
  [
    'sub --unix {dir}/plain/x -t a',
    'There is no unix socket {dir}/plain/x: a part of its path is not a directory.',
  ],
  [
    'sub --unix {dir}/dead.sock -t a',
    'Nothing listens on {dir}/dead.sock (connection refused). Is its broker still running?',
  ],
  [
    'pub -p {http} -t a -m x',
    'localhost:{http} speaks HTTP, not MQTT. To reach it by WebSockets, add --ws.',
    {status: 2},
  ],
  [
    'pub -p {http} -V 5 -t a -m x',
    'localhost:{http} speaks HTTP, not MQTT. To reach it by WebSockets, add --ws.',
    {status: 2},
  ],
  [
    'pub -p {ssh} -t a -m x',
    'localhost:{ssh} does not answer as an MQTT broker does (a packet that begins with 0x53 is out of place). Is that its port for MQTT?',
    {status: 2},
  ],
  [
    'pub -p {tls} -t a -m x',
    'localhost:{tls} closed the connection without accepting it. Is that port for TLS (--cafile) or WebSockets (--ws)?',
    {status: 7},
  ],
  [
    'pub -p {ws} -t a -m x',
    'localhost:{ws} closed the connection without accepting it. Is that port for TLS (--cafile) or WebSockets (--ws)?',
    {status: 7},
  ],
  [
    'pub --ws -p {mqtt} -t a -m x',
    'ws://localhost:{mqtt}/mqtt closed the connection during the WebSocket handshake. Is this its port for WebSockets, without TLS?',
    {status: 7},
  ],
  [
    'pub --ws -p {http} -t a -m x',
    'ws://localhost:{http}/mqtt refused the WebSocket upgrade: HTTP 404 Not Found. Is the path right?',
    {status: 13},
  ],
  [
    'pub --ws -p {tls} -t a -m x',
    'ws://localhost:{tls}/mqtt closed the connection during the WebSocket handshake. Is this its port for WebSockets, without TLS?',
    {status: 7},
  ],
  [
    'pub --ws --cafile {ca} -p {tls} -t a -m x',
    'wss://localhost:{tls}/mqtt closed the connection during the WebSocket handshake. Is this its port for WebSockets, with TLS?',
    {status: 7},
  ],
  [
    'pub -p {closing} -t a -m x',
    'localhost:{closing} closed the connection without accepting it. Is that port for TLS (--cafile) or WebSockets (--ws)?',
    {status: 7},
  ],
  [
    'pub -p {closing} -V 5 -t a -m x',
    'localhost:{closing} closed the connection without accepting it. Does it know MQTT 5? If not, -V 311 helps.',
    {status: 7},
  ],
  [
    'pub --cafile {ca} -p {mqtt} -t a -m x',
    'localhost:{mqtt} closed the connection during the TLS handshake. Is this its TLS port, and does it want a client certificate?',
    {status: 8},
  ],
  [
    'pub --cafile {ca} -p {http} -t a -m x',
    'localhost:{http} does not speak TLS: it answered in plain text. Is this its TLS port?',
    {status: 8},
  ],
  [
    'pub -p {silent} --connect-timeout 1 -t a -m x',
    'No answer from localhost:{silent} within 1 seconds.',
    {status: 19},
  ],
  ['sub -p {silent} -W 1 -t a', 'No connection to localhost:{silent} within 1 s.', {status: 27}],
  [
    'sub --cafile {ca} -p {silent} --connect-timeout 1 -t a',
    'No answer from localhost:{silent} within 1 seconds.',
    {status: 19},
  ],
  [
    'sub --ws -p {silent} --connect-timeout 1 -t a',
    'No answer from ws://localhost:{silent}/mqtt within 1 seconds.',
    {status: 19},
  ],
  [
    'sub -t a --connect-timeout 5s',
    'Invalid connect timeout given: 5s. It is a number of seconds from 1 to 86400.',
    {usage: true},
  ],
  [
    'pub --proxy localhost:1080 -t a -m x',
    'Unsupported proxy protocol: none. Use socks5h:// or http://.',
    {usage: true},
  ],
  [
    'pub --proxy socks5://localhost -t a -m x',
    'Unsupported proxy protocol: socks5://. Use socks5h:// or http://.',
    {usage: true},
  ],
  [
    'pub --proxy https://localhost -t a -m x',
    'Unsupported proxy protocol: https://. Use socks5h:// or http://.',
    {usage: true},
  ],
  [
    'pub --proxy http://127.0.0.1:{closed} -t a -m x',
    'Connection refused by the proxy 127.0.0.1:{closed}. Is it running, and is this its port?',
  ],
  [
    'pub --proxy socks5h://127.0.0.1:{closed} -t a -m x',
    'Connection refused by the proxy 127.0.0.1:{closed}. Is it running, and is this its port?',
  ],
  [
    'pub --proxy http://127.0.0.1:{mqtt} -t a -m x',
    'The proxy 127.0.0.1:{mqtt} closed the connection. Is it a proxy, and this its port?',
    {status: 16},
  ],
  [
    'pub --proxy socks5h://127.0.0.1:{http} -t a -m x',
    'The proxy 127.0.0.1:{http} does not speak SOCKS5. If it is an HTTP proxy: --proxy http://…',
    {status: 16},
  ],
  [
    'pub --proxy http://127.0.0.1:{silent} --connect-timeout 1 -t a -m x',
    'The proxy 127.0.0.1:{silent} does not answer. If it is a SOCKS5 proxy: --proxy socks5h://…',
    {status: 19},
  ],
  [
    'pub --proxy socks5h://127.0.0.1:{silent} --connect-timeout 1 -t a -m x',
    'The proxy 127.0.0.1:{silent} does not answer in SOCKS5. If it is an HTTP proxy: --proxy http://…',
    {status: 19},
  ],
  [
    'pub --proxy http://127.0.0.1:{proxy} -t a -m x',
    'The proxy 127.0.0.1:{proxy} wants user and password: http://user:password@host',
    {status: 11},
  ],
  [
    'pub --proxy http://ann:geheim@127.0.0.1:{proxy} -t a -m x',
    'The proxy 127.0.0.1:{proxy} refused the user name or password. Check them in the URL of --proxy.',
    {status: 11},
  ],
  [
    'pub --proxy socks5h://127.0.0.1:{socks} -t a -m x',
    'The proxy 127.0.0.1:{socks} wants another authentication. Give user and password: socks5h://user:password@host',
    {status: 11},
  ],
  [
    'pub --proxy socks5h://ann:geheim@127.0.0.1:{socks} -t a -m x',
    'The proxy 127.0.0.1:{socks} refused the user name or password. Check them in the URL of --proxy.',
    {status: 16},
  ],
  [
    'pub --proxy socks5h://joe:secret@127.0.0.1:{socks} -p {closed} -t a -m x',
    'The proxy 127.0.0.1:{socks} closed the connection during the SOCKS5 handshake. Does it permit connections to localhost:{closed}?',
    {status: 16},
  ],
  [
    'pub -p {password} -t a -m x',
    'Connection error: Connection Refused: not authorised. Check user name (-u) and password (-P).',
    {status: 5},
  ],
  [
    'pub -p {password} -V 5 -t a -m x',
    'Connection error: Not authorized. Check user name (-u) and password (-P).',
    {status: 135},
  ],
  [
    'pub -p {password} -u ann -P wrong -t a -m x',
    'Connection error: Connection Refused: not authorised. Check user name (-u) and password (-P).',
    {status: 5},
  ],
  [
    'pub -p {password} -u ann -t a -m x',
    'Connection error: Connection Refused: not authorised. Check user name (-u) and password (-P).',
    {status: 5},
  ],
  [
    'pub -p {password} -u bob -P geheim -t a -m x',
    'Connection error: Connection Refused: not authorised. Check user name (-u) and password (-P).',
    {status: 5},
  ],
  [
    'sub -p {password} -V 5 -u ann -P wrong -t a',
    'Connection error: Not authorized. Check user name (-u) and password (-P).',
    {status: 135},
  ],
  [
    'pub -L mqtt://ann:wrong@localhost:{password}/a -m x',
    'Connection error: Connection Refused: not authorised. Check user name (-u) and password (-P).',
    {status: 5},
  ],
  ['pub -p {mqtt} -V 5 -q 1 -t forbidden -m x', 'Publish refused: Not authorized.', {status: 135}],
  ['sub -p {mqtt} -t open/x -W 5', 'No message within 5 s.', {status: 27}],
  ['rr -p {mqtt} -t open/q -e open/r -m x -W 5', 'No response on open/r within 5 s.', {status: 27}],
  [
    'pub -p {broker} -V 5 -t a -f {dir}/long',
    'Packet larger than supported by the server: 70008 bytes, it takes 40000.',
    {status: 25},
  ],
  [
    'pub -p {broker} -V 5 -q 2 -t a -m x',
    'Message QoS not supported on broker, try a lower QoS.',
    {status: 24},
  ],
  [
    'pub -p {broker} -V 5 -D publish topic-alias 500 -t a -m x',
    'Topic alias 500 is more than the broker allows (10).',
    {status: 148},
  ],
  [
    'pub -p {tls} --tls-use-os-certs -t a -m x',
    'The certificate of localhost:{tls} was issued by "Test CA", which is not trusted. Name the file of the CA certificate with --cafile.',
    {status: 8},
  ],
  [
    'pub -p {tls} --cafile {other-ca} -t a -m x',
    'The certificate of localhost:{tls} was issued by "Test CA", which is not trusted. The CA certificate is not in {other-ca}: is that the right --cafile?',
    {status: 8},
  ],
  [
    'pub -p {othername} --cafile {ca} -t a -m x',
    'The certificate of localhost:{othername} does not name localhost. Connect by a name it has: other.example.',
    {status: 8},
  ],
  [
    'pub -p {expired} --cafile {ca} -t a -m x',
    "The certificate of localhost:{expired} expired on 2020-02-01. It must be renewed, or this machine's clock is wrong.",
    {status: 8},
  ],
  [
    'pub -p {future} --cafile {ca} -t a -m x',
    "The certificate of localhost:{future} is not valid before 2090-01-01. Is this machine's clock right?",
    {status: 8},
  ],
  [
    'pub -p {selfsigned} --tls-use-os-certs -t a -m x',
    'The certificate of localhost:{selfsigned} ("localhost") is self-signed and not trusted. To trust it, give it as --cafile.',
    {status: 8},
  ],
  [
    'pub -p {selfsigned} --cafile {ca} -t a -m x',
    'The certificate of localhost:{selfsigned} ("localhost") is self-signed and not trusted. To trust it, give it as --cafile.',
    {status: 8},
  ],
  [
    'pub -p {tls} --capath {dir}/folder -t a -m x',
    'The CA directory {dir}/folder holds no certificates in files that end in .pem, .crt or .0.',
    {status: 8},
  ],
  ['pub -p {tls} --capath {ca} -t a -m x', 'Cannot read the CA directory {ca}: not a directory.'],
  [
    'pub -p {tls} --capath {dir}/missing -t a -m x',
    'Cannot read the CA directory {dir}/missing: no such file or directory.',
  ],
  [
    'pub -p {tls} --cafile {dir}/folder -t a -m x',
    'Cannot read the CA file {dir}/folder: it is a directory.',
  ],
  [
    'pub -p {tls} --cafile {server-key} -t a -m x',
    'The CA file {server-key} holds no certificate in PEM form. It holds a private key.',
    {status: 8},
  ],
  [
    'pub -p {tls} --cafile {dir}/broken.crt -t a -m x',
    'The CA file {dir}/broken.crt is damaged: certificate 1 cannot be read.',
    {status: 8},
  ],
  [
    'pub -p {mutual} --cafile {ca} --cert {client-key} --key {client-cert} -t a -m x',
    'The certificate file {client-key} holds no certificate in PEM form. It holds a private key.',
    {status: 8},
  ],
  [
    'pub -p {mutual} --cafile {ca} --cert {client-cert} --key {server-key} -t a -m x',
    'The key {server-key} does not belong to the certificate {client-cert}. Each certificate has its own key.',
    {status: 8},
  ],
  [
    'pub -p {mutual} --cafile {ca} --cert {client-cert} --key {dir}/missing -t a -m x',
    'Cannot read the key file {dir}/missing: no such file or directory.',
  ],
  [
    'pub -p {mutual} --cafile {ca} --cert {dir}/missing --key {client-key} -t a -m x',
    'Cannot read the certificate file {dir}/missing: no such file or directory.',
  ],
  [
    'pub -p {mutual} --cafile {ca} --cert {client-cert} -t a -m x',
    'Both certfile and keyfile must be provided if one of them is set. --cert goes with --key.',
    {usage: true},
  ],
  [
    'pub -p {mutual} --cafile {ca} --key {client-key} -t a -m x',
    'Both certfile and keyfile must be provided if one of them is set. --cert goes with --key.',
    {usage: true},
  ],
  [
    'pub -p {mutual} --cafile {ca} --cert {client-cert} --key {encrypted-key} --keypass wrong -t a -m x',
    'The passphrase of the key {encrypted-key} is wrong. Give the right one with --keypass.',
    {status: 8},
  ],
  [
    'pub -p {mutual} --cafile {ca} --cert {client-cert} --key {encrypted-key} -t a -m x',
    'The key {encrypted-key} is encrypted, and there is no terminal to ask for its passphrase. Give it with --keypass-file, --keypass-env or --keypass.',
  ],
  [
    'pub -p {mutual} --cafile {ca} --cert {client-cert} --key {client-cert} -t a -m x',
    'The key file {client-cert} holds no private key in PEM form. It holds a certificate.',
    {status: 8},
  ],
  [
    'pub -p {tls} --cafile {dir}/ca.der -t a -m x',
    'The CA file {dir}/ca.der is DER, not PEM. Convert it: openssl x509 -inform DER -in {dir}/ca.der',
    {status: 8},
  ],
  [
    'pub -p {mutual} --cafile {ca} --cert {dir}/ca.der --key {client-key} -t a -m x',
    'The certificate file {dir}/ca.der is DER, not PEM. Convert it: openssl x509 -inform DER -in {dir}/ca.der',
    {status: 8},
  ],
  [
    'pub -p {tls} --cafile {ca} --ciphers nonsense -t a -m x',
    'No usable cipher in the list "nonsense" (--ciphers).',
    {status: 8},
  ],
  [
    'pub -p {psk} --psk 00ff --psk-identity ann -t a -m x',
    'localhost:{psk} refused the pre-shared key of "ann": is it the right one?',
    {status: 8},
  ],
  [
    'pub -p {psk} --psk 12345678 --psk-identity bob -t a -m x',
    'localhost:{psk} does not know the pre-shared key identity "bob".',
    {status: 8},
  ],
  [
    'pub -p {psk} --cafile {ca} -t a -m x',
    'localhost:{psk} broke the TLS handshake off: it may want a client certificate (--cert, --key) or other ciphers (--ciphers).',
    {status: 8},
  ],
  [
    'pub -p {mqtt} --psk 1234 --psk-identity ann -t a -m x',
    'localhost:{mqtt} closed the connection during the TLS handshake. Is this its port for pre-shared keys, and does it know the identity "ann"?',
    {status: 8},
  ],
  [
    'pub -p {psk} -t a -m x',
    'localhost:{psk} closed the connection without accepting it. Is that port for TLS (--cafile) or WebSockets (--ws)?',
    {status: 7},
  ],
  [
    'pub -p {tls} --psk 1234 --psk-identity ann -t a -m x',
    'localhost:{tls} broke the TLS handshake off: it may not offer pre-shared keys on this port.',
    {status: 8},
  ],
  [
    'pub -p {tls} --psk 123 --psk-identity ann -t a -m x',
    'Problem setting TLS-PSK options: the key of --psk is not hexadecimal, two digits for each byte.',
    {usage: true},
  ],
  [
    'pub -p {tls} --cafile {ca} --tls-keylog {dir}/folder -t a -m x',
    'Cannot write the key log file {dir}/folder: it is a directory.',
  ],
];
