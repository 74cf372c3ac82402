// needs: mosquitto
/** Options without effect get a line, and no more than that. */

import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import {parse} from '../../../../src/cli/parse.ts';
import {pub} from '../../../../src/commands/pub/pub.ts';
import {startMosquitto} from '../../../support/mosquitto.ts';
import {runMain} from '../../../support/run.ts';

const warnings = (...words: readonly string[]) =>
  pub.plan(parse(pub, ['-t', 'a', '-m', 'x', ...words]).values, []).client.warnings;

const remedy =
  'no effect: this connection does not use TLS. Ask for it with --cafile, --capath, --tls-use-os-certs or port 8883.';

describe('what has no effect', () => {
  const cases: readonly (readonly [words: readonly string[], warnings: readonly string[]])[] = [
    [[], []],
    [['--insecure'], [`--insecure has ${remedy}`]],
    [['--cert', 'c', '--key', 'k'], [`--cert and --key have ${remedy}`]],
    [
      ['--insecure', '--ciphers', 'x', '--tls-version', 'tlsv1.3'],
      [`--insecure, --ciphers and --tls-version have ${remedy}`],
    ],
    [['--keypass', 'secret'], [`--keypass has ${remedy}`]],
    [['--unix', '/s', '--tls-alpn', 'mqtt'], [`--tls-alpn has ${remedy}`]],
    [['--will-qos', '1'], ['--will-qos has no effect without --will-topic.']],
    [['--will-qos', '1', '--will-topic', 'w'], []],
    [['--insecure', '-p', '8883'], []],
    [['--insecure', '--tls-use-os-certs'], []],
    [['--insecure', '-L', 'mqtts://h/t'], []],
    [['--insecure', '--no-tls'], []],
    [['--cafile', 'c', '--tls-keylog', 'k'], []],
  ];
  for (const [words, expected] of cases) {
    test(words.join(' ') || 'nothing', () => assert.deepEqual(warnings(...words), expected));
  }
});

test('is one warning each, none with --quiet, and the message is sent', async () => {
  await using broker = await startMosquitto();
  const words = ['pub', '-p', String(broker.port), '-t', 'a', '-m', 'x', '--insecure', '--will-qos', '1'];
  const told = await runMain(words);
  assert.equal(
    told.stderr,
    `Warning: --insecure has ${remedy}\nWarning: --will-qos has no effect without --will-topic.\n`,
  );
  assert.equal(told.exitCode, 0);
  const quiet = await runMain([...words, '--quiet']);
  assert.deepEqual([quiet.stderr, quiet.exitCode], ['', 0]);
});
