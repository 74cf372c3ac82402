/**
 * Options of other tools (MQTTX, HiveMQ's mqtt, MQTT.js's mqtt, curl) and ours that do the same, for "Did you
 * mean …?". Knows no command: the first of ours that a command has is the one that was meant.
 */

/** Ours, separated by '|'; what stands behind an option is its value. */
const meanings: readonly (readonly [ours: string, theirs: string])[] = [
  ['-h', '--hostname --server --broker --address'],
  ['-i', '--client-id --clientid --identifier'],
  ['-I', '--identifierprefix --client-id-prefix'],
  ['-u', '--user --user-name --login'],
  ['-P', '--password --pass --passwd --pwd -pw'],
  ['--pw-env', '--password:env -pw:env'],
  ['--pw-file', '--password:file --password-file -pw:file'],
  ['-V', '--mqtt-version --mqttversion --mqttversion --protocol-id'],
  ['-c', '--no-clean --no-cleanstart --no-clean-start --persistent --clean'],
  ['-x', '--sessionexpiryinterval --session-expiry -se'],
  ['-k', '--keep-alive --keepalive-interval'],
  ['-L', '--protocol --uri --broker-url'],
  ['--ws', '--websocket --websockets'],
  ['--ws-path', '--path --ws:path'],
  ['--tls-use-os-certs', '--tls --ssl --secure --mqtts'],
  ['--cafile', '--ca --cacert --ca-file --ca-cert --tls-ca --root-ca'],
  ['--capath', '--ca-path'],
  ['--cert', '--client-cert --certificate --cert-file --certfile'],
  ['--key', '--client-key --private-key --key-file --keyfile'],
  ['--keypass', '--keypw --key-passphrase --passphrase'],
  ['--tls-alpn', '--alpn'],
  ['--tls-version', '--tlsv1.2 --tlsv1.3 --tls-min-version'],
  ['--insecure', '--rejectunauthorized --no-verify --skip-verify --insecure-skip-verify'],
  ['--will-topic', '--willtopic -wt'],
  ['--will-payload', '--will-message --willmessage --willpayload -wm'],
  ['--will-qos', '--willqualityofservice -wq'],
  ['--will-retain', '--willretain -wr'],
  ['-F %j', '--jsonoutput --json-output'],
  ['-F', '--output-format --output-mode --template'],
  ['-C', '--limit --number --num --max-messages --msg-count'],
  ['-W', '--wait --max-time --time-limit'],
  ['--quiet', '--silent --no-output'],
  ['-d', '--trace --debugging'],
  ['-v', '--showtopics --show-topics --show-topic --with-topic'],
  ['-R', '--skip-retained'],
  ['-m', '--data --payload --msg --body'],
  ['-f', '--message-file --file-read --upload-file --payload-file'],
  ['-n', '--message-empty --empty'],
  ['-l', '--multiline --message-line --lines'],
  ['-s', '--stdin --message-stdin'],
  ['-e', '--response --reply-to --responsetopic'],
  ['-D connect user-property', '--user-property --user-properties --userproperty -up'],
  ['-D publish content-type', '--content-type --contenttype -ct'],
  ['-D publish correlation-data', '--correlation-data --correlationdata'],
  ['-D publish response-topic', '--response-topic'],
  ['-D publish message-expiry-interval', '--message-expiry-interval --messageexpiryinterval'],
  ['-D publish topic-alias', '--topic-alias'],
  ['-D connect receive-maximum', '--receive-maximum --rcv-max --rcvmax'],
  ['-D connect maximum-packet-size', '--maximum-packet-size --maxpacketsize'],
  ['--retry-connect', '--retry'],
  ['-A', '--interface --bind'],
  ['--connect-timeout', '--conn-timeout --connecttimeout'],
  ['--proxy', '--socks5 --http-proxy'],
  // Those of a broker, which has none of the above.
  ['--bind', '-h --host --hostname --address --bind-address --interface'],
  ['--tls auto', '--cafile --cert --certfile --key --keyfile --ssl --secure'],
  ['--quiet', '-q'],
  ['--verbose', '--debug --log --log-type'],
  ['--test-config', '-t --test --check'],
  ['--config mosquitto.conf', '-u --username --user -P --pw --password --password-file --acl --acl-file'],
];

/** Two letters after one dash that HiveMQ's tool takes for one option, and that would be two of ours, or one and a value. */
export const foreignShortOptions: ReadonlySet<string> = new Set(['-up', '-pw', '-pw:env', '-pw:file']);

/** Our option, with a value where the other's implies one, and undefined where the command has none (`has`). */
export function foreignOption(word: string, has: (option: string) => boolean): string | undefined {
  const name = word.toLowerCase();
  return meanings.find(
    ([ours, theirs]) => theirs.split(' ').includes(name) && has(ours.split(' ', 1)[0]!),
  )?.[0];
}
