// needs: openssl
/** The certificates of --tls auto: checked by OpenSSL, and in real TLS handshakes. */

import assert from 'node:assert/strict';
import {X509Certificate} from 'node:crypto';
import {once} from 'node:events';
import {mkdtemp, rm, stat} from 'node:fs/promises';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, it} from 'node:test';
import {connect, createServer, type TLSSocket} from 'node:tls';
import {
  type CertificateFiles,
  makeCertificates,
  writeCertificates,
} from '../../../../src/broker/server/certificates.ts';
import {TmqError} from '../../../../src/errors.ts';
import {run} from '../../../support/spawn.ts';

const hosts = ['localhost', '127.0.0.1', '::1', 'dev.example', '2001:db8::a:0:1'];

async function withFiles(test: (files: CertificateFiles) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-certificates-'));
  try {
    await test(await writeCertificates(join(directory, 'new'), makeCertificates(hosts, Date.now())));
  } finally {
    await rm(directory, {recursive: true, force: true});
  }
}

describe('certificates', () => {
  it('pass the strict checks of OpenSSL, for their purposes and names', async () => {
    await withFiles(async (files) => {
      const verify = async (purpose: string, file: string, ...more: string[]) =>
        await run('openssl', [
          'verify',
          '-x509_strict',
          '-purpose',
          purpose,
          '-CAfile',
          files.caFile,
          ...more,
          file,
        ]);
      for (const [purpose, file, ...more] of [
        ['sslserver', files.certFile, '-verify_hostname', 'localhost'],
        ['sslserver', files.certFile, '-verify_hostname', 'dev.example'],
        ['sslserver', files.certFile, '-verify_ip', '127.0.0.1'],
        ['sslserver', files.certFile, '-verify_ip', '::1'],
        ['sslserver', files.certFile, '-verify_ip', '2001:db8::a:0:1'],
        ['sslclient', files.clientCertFile],
        ['any', files.caFile],
      ] as const) {
        const result = await verify(purpose, file, ...more);
        assert.equal(result.exitCode, 0, `${purpose} ${file} ${more}: ${result.stdout}${result.stderr}`);
      }
      assert.notEqual((await verify('sslclient', files.certFile)).exitCode, 0);
      assert.notEqual((await verify('sslserver', files.certFile, '-verify_hostname', 'other')).exitCode, 0);
    });
  });

  it('are readable by their owner only', async () => {
    await withFiles(async (files) => {
      for (const path of Object.values(files)) {
        const {mode} = await stat(path);
        assert.equal(mode & 0o077, 0, path);
      }
    });
  });

  it('differ each time, and match their keys', () => {
    const [one, other] = [makeCertificates(hosts, Date.now()), makeCertificates(hosts, Date.now())];
    const serial = ({server}: typeof one) => new X509Certificate(server.certificate).serialNumber;
    assert.notEqual(serial(one), serial(other));
    const authority = new X509Certificate(one.authority);
    assert.ok(new X509Certificate(one.client.certificate).verify(authority.publicKey));
    assert.ok(!new X509Certificate(other.client.certificate).verify(authority.publicKey));
    assert.match(new X509Certificate(one.client.certificate).subject, /CN=tmq client/);
  });

  it('write dates from 2050 on as GeneralizedTime', () => {
    const {server} = makeCertificates(hosts, Date.UTC(2050, 5, 1));
    assert.equal(new X509Certificate(server.certificate).validFrom, 'May 31 00:00:00 2050 GMT');
  });

  it('are accepted by both sides of a TLS 1.3 handshake', async () => {
    const {authority, server, client} = makeCertificates(hosts, Date.now());
    const listening = createServer({
      cert: server.certificate,
      key: server.key,
      ca: authority,
      requestCert: true,
      rejectUnauthorized: true,
    });
    listening.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const accepted = once(listening, 'secureConnection') as Promise<[TLSSocket]>;
    const socket = connect({
      host: '127.0.0.1',
      port: (listening.address() as AddressInfo).port,
      ca: authority,
      cert: client.certificate,
      key: client.key,
    });
    try {
      const [[peer]] = await Promise.all([accepted, once(socket, 'secureConnect')]);
      assert.equal(peer.getPeerCertificate().subject.CN, 'tmq client');
      assert.equal(socket.getProtocol(), 'TLSv1.3');
      peer.destroy();
    } finally {
      socket.destroy();
      listening.close();
    }
  });

  it('name the directory that cannot be written to', async () => {
    await assert.rejects(
      writeCertificates('/dev/null/none', makeCertificates(hosts, Date.now())),
      (error) => {
        assert.ok(error instanceof TmqError);
        assert.match(error.message, /^Cannot write to the certificate directory \/dev\/null\/none: /);
        return true;
      },
    );
  });
});
