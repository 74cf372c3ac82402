/** Certificates for TLS tests, made with the openssl command in a directory of the test's own. */

import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {run} from './spawn.ts';

/** Paths of PEM files. All keys are EC P-256. */
export interface Certificates {
  readonly directory: string;
  /** "Test CA", which issued all certificates but those named otherwise. */
  readonly ca: string;
  /** For localhost, 127.0.0.1 and ::1. */
  readonly server: Pair;
  /** For other.example only. */
  readonly otherName: Pair;
  /** Like `server`, valid until 2020-02-01. */
  readonly expired: Pair;
  /** Like `server`, valid from 2090-01-01. */
  readonly future: Pair;
  /** Its own issuer, for localhost. */
  readonly selfSigned: Pair;
  /** A CA of its own, "Other CA", that issued nothing here. */
  readonly otherCa: string;
  readonly client: Pair;
  /** The client's key, encrypted with `passphrase`. */
  readonly encryptedKey: string;
  readonly passphrase: string;
  /** A client certificate from "Other CA". */
  readonly strangeClient: Pair;
}

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

async function openssl(directory: string, args: readonly string[], input?: string): Promise<void> {
  const result = await run('openssl', args, {cwd: directory, ...(input === undefined ? {} : {input})});
  if (result.exitCode !== 0) throw new Error(`openssl ${args.join(' ')}: ${result.stderr}`);
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const localNames = 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1';

async function authority(directory: string, name: string, commonName: string): Promise<string> {
  await openssl(directory, [
    ...['req', '-x509', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-days', '30'],
    ...['-subj', `/CN=${commonName}`, '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  ]);
  return join(directory, `${name}.crt`);
}

interface Leaf {
  readonly name: string;
  readonly commonName: string;
  readonly issuer?: string;
  readonly extension?: string;
}

async function leaf(directory: string, {name, commonName, issuer, extension}: Leaf): Promise<Pair> {
  await openssl(directory, [
    ...['req', '-x509', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-days', '30'],
    ...['-subj', `/CN=${commonName}`, '-addext', 'basicConstraints=critical,CA:FALSE'],
    ...(issuer === undefined ? [] : ['-CA', `${issuer}.crt`, '-CAkey', `${issuer}.key`]),
    ...(extension === undefined ? [] : ['-addext', extension]),
  ]);
  return {cert: join(directory, `${name}.crt`), key: join(directory, `${name}.key`)};
}

/** `openssl req` cannot set dates; `openssl ca` can, with a little database. */
async function dated(directory: string, name: string, start: string, end: string): Promise<Pair> {
  const config = `[ca]\ndefault_ca=test\n[test]\ndatabase=${name}.txt\nnew_certs_dir=.\nserial=${name}.srl\n`;
  const policy = `default_md=sha256\npolicy=any\nx509_extensions=names\n[any]\ncommonName=supplied\n[names]\n${localNames}\n`;
  await writeFile(join(directory, `${name}.cnf`), config + policy);
  await writeFile(join(directory, `${name}.txt`), '');
  await writeFile(join(directory, `${name}.srl`), '01\n');
  await openssl(directory, [
    ...['req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', '/CN=localhost'],
  ]);
  await openssl(directory, [
    ...['ca', '-batch', '-notext', '-config', `${name}.cnf`, '-cert', 'ca.crt', '-keyfile', 'ca.key'],
    ...['-in', `${name}.csr`, '-out', `${name}.crt`, '-startdate', start, '-enddate', end],
  ]);
  return {cert: join(directory, `${name}.crt`), key: join(directory, `${name}.key`)};
}

/** Makes all of them; takes a few tenths of a second. The directory must exist. */
export async function certificates(directory: string): Promise<Certificates> {
  const passphrase = 'open sesame';
  const [ca, otherCa, selfSigned] = await Promise.all([
    authority(directory, 'ca', 'Test CA'),
    authority(directory, 'other-ca', 'Other CA'),
    leaf(directory, {name: 'self-signed', commonName: 'localhost', extension: localNames}),
  ]);
  const server = {name: 'server', commonName: 'localhost', issuer: 'ca', extension: localNames};
  const strange = {name: 'strange-client', commonName: 'stranger', issuer: 'other-ca'};
  const otherName = {...server, name: 'other-name', extension: 'subjectAltName=DNS:other.example'};
  const made = await Promise.all([
    leaf(directory, server),
    leaf(directory, otherName),
    leaf(directory, {name: 'client', commonName: 'client', issuer: 'ca'}),
    leaf(directory, strange),
    dated(directory, 'expired', '20200101000000Z', '20200201000000Z'),
    dated(directory, 'future', '20900101000000Z', '20910101000000Z'),
  ]);
  const encryptedKey = join(directory, 'client-encrypted.key');
  await openssl(directory, [
    ...['pkcs8', '-topk8', '-in', 'client.key', '-out', encryptedKey, '-passout', `pass:${passphrase}`],
  ]);
  return {
    ...{directory, ca, otherCa, selfSigned, encryptedKey, passphrase},
    ...{server: made[0], otherName: made[1], client: made[2], strangeClient: made[3]},
    ...{expired: made[4], future: made[5]},
  };
}
