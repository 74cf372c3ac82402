/**
 * Whom to trust: the CA certificates of a file, of a directory, of the system. Node takes any text for a
 * CA file and trusts nothing then, so each certificate is read here first. Knows no socket.
 */

import {X509Certificate} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {rootCertificates} from 'node:tls';
import {fileError} from '../../errors.ts';
import type {TlsOptions} from '../connection-options.ts';
import {notPem, tlsError} from './tls-error.ts';

type Notice = (line: string) => void;

/** The trusted certificates, and a check of their files. */
export interface TrustedCertificates {
  /** In PEM form; undefined: those that come with Node. */
  readonly certificates: readonly string[] | undefined;
  /** Takes a millisecond, which a handshake leaves to spare. @throws TmqError 8 for a file that is damaged */
  check(): void;
}

/** What is left to be checked. */
type Checks = (() => void)[];

/** The bundles of Debian, Fedora, openSUSE, Alpine and macOS, FreeBSD. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
  '/usr/local/share/certs/ca-root-nss.crt',
] as const;

const certificatePattern = /-----BEGIN (X509 )?CERTIFICATE-----[\s\S]+?-----END \1CERTIFICATE-----/g;

/** Names of files in a CA directory: OpenSSL's hashes (9d66eef0.0) and the usual endings. */
const certificateFileName = /\.(\d+|pem|crt|cer)$/i;

function certificatesIn(text: string): readonly string[] {
  return text.match(certificatePattern) ?? [];
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}

/** At once: for one small file, the threads of asynchronous reading cost more than all the rest. */
function readText(path: string, role: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    throw fileError(role, path, error);
  }
}

function fromFile(path: string, role: string, checks: Checks): readonly string[] {
  const text = readText(path, role);
  const certificates = certificatesIn(text);
  if (certificates.length === 0) {
    throw notPem(role, path, text, 'certificate');
  }
  checks.push(() => {
    const broken = certificates.findIndex((pem) => !isCertificate(pem));
    if (broken === -1) return;
    throw tlsError(`The ${role} ${path} is damaged: certificate ${broken + 1} cannot be read.`);
  });
  return certificates;
}

/** All certificates of a directory once each; files that are none are passed over, as OpenSSL does. */
async function fromDirectory(path: string, role: string): Promise<readonly string[]> {
  const names = await readdir(path).catch((error: unknown) => {
    throw fileError(role, path, error);
  });
  const texts = await Promise.all(
    names
      .filter((name) => certificateFileName.test(name))
      .map((name) => readFile(join(path, name), 'latin1').catch(() => '')),
  );
  const certificates = [...new Set(texts.flatMap(certificatesIn))].filter(isCertificate);
  if (certificates.length === 0) {
    throw tlsError(`The ${role} ${path} holds no certificates in files that end in .pem, .crt or .0.`);
  }
  return certificates;
}

/** What Node reads from the system's store; it can from 22.15 on, so the function is looked for at run time. */
async function fromNode(): Promise<readonly string[]> {
  const tls: object = await import('node:tls');
  const {getCACertificates} = tls as {getCACertificates?: (type: 'system') => string[]};
  return getCACertificates?.('system') ?? [];
}

async function fromSystem(
  options: TlsOptions,
  checks: Checks,
  notice?: Notice,
): Promise<readonly string[] | undefined> {
  const {systemCertificateFile: file, systemCertificateDirectory: directory} = options;
  if (file !== undefined || directory !== undefined) {
    return [
      ...(file === undefined ? [] : fromFile(file, 'CA file (SSL_CERT_FILE)', checks)),
      ...(directory === undefined ? [] : await fromDirectory(directory, 'CA directory (SSL_CERT_DIR)')),
    ];
  }
  const certificates = await fromNode();
  if (certificates.length > 0) return certificates;
  for (const path of systemBundles) {
    const bundle = certificatesIn(await readFile(path, 'latin1').catch(() => ''));
    if (bundle.length > 0) return bundle;
  }
  notice?.('No CA certificates found on this system: trusting those that come with Node.js.');
  return undefined;
}

/**
 * The certificates to trust. Where nothing else is said, the system's are meant.
 * @throws TmqError: 1 for a file that cannot be read, 8 for one that holds no certificate
 */
export async function trustedCertificates(
  options: TlsOptions,
  notice?: Notice,
): Promise<TrustedCertificates> {
  const checks: Checks = [];
  const certificates = await chosenCertificates(options, checks, notice);
  return {
    certificates,
    check() {
      for (const each of checks) each();
    },
  };
}

async function chosenCertificates(
  options: TlsOptions,
  checks: Checks,
  notice?: Notice,
): Promise<readonly string[] | undefined> {
  const {caFile, caPath, systemCertificates, psk, insecure} = options;
  const own = [
    ...(caFile === undefined ? [] : fromFile(caFile, 'CA file', checks)),
    ...(caPath === undefined ? [] : await fromDirectory(caPath, 'CA directory')),
  ];
  const chosen = own.length > 0 || psk !== undefined || insecure === true;
  if (systemCertificates !== true && chosen) return own;
  const system = await fromSystem(options, checks, notice);
  return system === undefined && own.length > 0 ? [...rootCertificates, ...own] : system?.concat(own);
}
