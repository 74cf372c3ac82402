/** The sentences for TLS failures: each names the peer and a remedy, in one harmless line. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {
  type CertificateFacts,
  certificateError,
  contextError,
  handshakeError,
  harmless,
  isTlsError,
  type TlsPeer,
} from '../../../../src/client/transport/tls-error.ts';
import {ExitCode, TmqError} from '../../../../src/errors.ts';

const place: TlsPeer = {name: 'h:8883', host: 'h', options: {certificateFile: '/c.crt', alpn: 'mqtt'}};

const opensslError = (code: string, text = 'some reason') =>
  Object.assign(
    new Error(`80FC4DCA7B7F0000:error:0A0000BF:SSL routines:a_function:${text}:../file.c:102:\n`),
    {code},
  );

test('every alert that has a sentence of its own', () => {
  const cases = {
    ERR_SSL_WRONG_VERSION_NUMBER: /^h:8883 does not speak TLS: it answered in plain text/,
    ERR_SSL_PACKET_LENGTH_TOO_LONG: /^h:8883 does not speak TLS/,
    ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: /^h:8883 wants a client certificate\. .*--cert and --key/,
    ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: /does not trust the issuer of the client certificate \(\/c\.crt\)/,
    ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: /says that the client certificate has expired \(\/c\.crt\)/,
    ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: /says that the client certificate is revoked/,
    ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: /refused the client certificate \(\/c\.crt\)/,
    ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: /refused the client certificate/,
    ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: /no TLS version in common: TLSv1\.2 or later/,
    ERR_SSL_UNSUPPORTED_PROTOCOL: /no TLS version in common/,
    ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: /does not speak the protocol "mqtt"/,
    ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: /may want a client certificate/,
    // The same alert in later releases of OpenSSL.
    'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE': /may want a client certificate/,
    ERR_SSL_TLSV1_UNRECOGNIZED_NAME: /does not know the host name h \(SNI\)/,
    ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR: /^The TLS connection with h:8883 failed \(some reason\)\.$/,
  };
  for (const [code, sentence] of Object.entries(cases)) {
    const error = handshakeError(opensslError(code), place);
    assert.ok(error instanceof TmqError);
    assert.match(error.message, sentence);
    assert.equal(error.exitCode, ExitCode.tls);
    assert.ok(!error.message.includes('\n'));
  }
});

test('with pre-shared keys the same alerts speak of them', () => {
  const psk = {...place, options: {psk: {identity: 'lamp', key: Buffer.from('top secret')}}};
  for (const code of ['ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR', 'ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC']) {
    assert.match(
      (handshakeError(opensslError(code), psk) as Error).message,
      /refused the pre-shared key of "lamp"/,
    );
  }
  for (const code of ['ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY', 'ECONNRESET', 'ERR_SSL_X']) {
    const {message} = handshakeError(opensslError(code), psk) as Error;
    assert.ok(!message.includes('secret'), message);
  }
});

test('what is no TLS error passes through', () => {
  const other = Object.assign(new Error('x'), {code: 'ENOSPC'});
  assert.equal(handshakeError(other, place), other);
  for (const error of [other, undefined, null, 'text', new Error('x')]) assert.ok(!isTlsError(error));
  assert.ok(isTlsError(opensslError('ERR_SSL_X')));
});

test('options that OpenSSL does not take', () => {
  const ciphers = {ciphers: 'NOPE'};
  assert.match(contextError(opensslError('ERR_SSL_NO_CIPHER_MATCH'), ciphers).message, /in the list "NOPE"/);
  assert.match(
    contextError(opensslError('ERR_SSL_EE_KEY_TOO_SMALL'), place.options).message,
    /\/c\.crt is too weak/,
  );
  assert.equal(
    contextError(opensslError('ERR_OTHER', 'odd thing'), {}).message,
    'OpenSSL does not accept these TLS options (odd thing).',
  );
});

const facts = (more: Partial<CertificateFacts> = {}): CertificateFacts => ({
  subject: 'leaf',
  issuer: 'Middle',
  names: 'other',
  isSelfSigned: true,
  validFrom: new Date('2020-01-01'),
  validTo: new Date('2099-01-01'),
  ...more,
});

test('the certificate at fault is the one that is named', () => {
  const old = facts({subject: 'Middle', issuer: 'Root', validTo: new Date('2021-05-06')});
  const cases = [
    ['CERT_HAS_EXPIRED', [facts(), old], 'The CA certificate "Middle" expired on 2021-05-06.'],
    ['CERT_HAS_EXPIRED', [facts()], 'A CA certificate behind that of h:8883 has expired.'],
    [
      'UNABLE_TO_GET_ISSUER_CERT',
      [facts(), facts({issuer: 'Root'})],
      'was issued by "Root", which is not trusted',
    ],
    [
      'ERR_TLS_CERT_ALTNAME_INVALID',
      [facts({names: ''})],
      'it has no subject alternative names, only "leaf"',
    ],
    ['CERT_SIGNATURE_FAILURE', [facts()], 'the trusted CA named "Middle" did not make it'],
    ['SOME_OTHER_CODE', [facts()], 'is not accepted (SOME_OTHER_CODE)'],
    ['CERT_HAS_EXPIRED', [], 'is not accepted (CERT_HAS_EXPIRED)'],
  ] as const;
  for (const [code, chain, part] of cases) {
    const {message, exitCode} = certificateError(code, chain, place);
    assert.ok(message.includes(part), message);
    assert.equal(exitCode, ExitCode.tls);
  }
});

test('text of a stranger commands no terminal', () => {
  assert.equal(harmless('a\u001b[31mb\r\n\u202ec'), 'a?[31mb???c');
  fc.assert(
    fc.property(fc.string({unit: 'binary', maxLength: 400}), (text) => {
      const shown = harmless(text);
      assert.ok(!/[\p{Control}\p{Format}]/u.test(shown));
      assert.ok(shown.length <= 201);
    }),
  );
});
